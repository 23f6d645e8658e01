"""When must a page run again? Its key names all that its outputs depend on."""

from __future__ import annotations

import functools
import json
import os
import platform
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from pipeline.gallery import adapter, published, sources
from pipeline.gallery import pages as gallery_pages
from pipeline.gallery.pages import Pages
from pipeline.outputs import recordings
from pipeline.outputs.recordings import Recorded

VERSIONS_THAT_MATTER = ("torch", "torchvision", "numpy", "matplotlib", "sphinx-gallery")
HOME = Path(__file__).parents[1]
CHILD = HOME / "running" / "child.py"  # what runs a page: its outputs depend on it and on what it imports, too
MACHINERY = [CHILD, *(file for file in sources.imported_modules(CHILD, HOME) if file.suffix == ".py")]
# What gives it its task, compares its two runs, and makes the download that is the second.
MACHINERY += [HOME / name for name in ("running/runner.py", "running/forks.py", "gallery/published.py")]
SETTINGS = (
    "pages_ignored_warnings",
    "pages_preload",
    "html_baseurl",
)  # of docs/conf.py, by which a page may run otherwise


class Keys:
    """Of each page a key that is equal exactly as long as nothing that the page depends on has changed.

    Parameters
    ----------
    pages : Pages
    recorded : Recorded
        What other devices gave: a page that shows their measurements depends on these.
    """

    def __init__(self, pages: Pages, recorded: Recorded) -> None:
        self.pages = pages
        self.recorded = recorded
        self._known_helpers: dict[frozenset[Path], set[Path]] = {}

    @functools.cached_property
    def surroundings(self) -> dict[str, str]:
        """What every page depends on besides its sources."""
        return surroundings(self.pages.lock)

    @functools.cached_property
    def machinery(self) -> str:
        """What runs the pages, as this process has loaded it."""
        return sources.digest(MACHINERY)

    @functools.cached_property
    def settings(self) -> dict[str, Any]:
        """The settings in docs/conf.py that a run is given."""
        conf = self.pages.settings["sphinx_gallery_conf"] | adapter.SETTINGS
        conf = {name: value for name, value in conf.items() if not name.endswith("_order")}  # the same as ours, or none
        given = {name: self.pages.settings.get(name, "") for name in SETTINGS} | {"sphinx_gallery_conf": conf}
        return json.loads(json.dumps(given, default=lambda value: getattr(value, "__name__", type(value).__name__)))

    def packages(self, page: str) -> set[str]:
        """Return the packages that a page imports, itself or through its helpers, without these."""
        source = self.pages.source(page)
        try:
            files = [source, *(file for file in self._helpers(source) if file.suffix == ".py")]
            return sources.imported_packages(files) - {self.pages.package.name}
        except SyntaxError:  # running the page says so, with its line
            return set()

    def key(self, page: str) -> str:
        """Return what the record of a fresh page has as its key."""
        source, package = self.pages.source(page), self.pages.package
        around: dict[str, Any] = {**self.surroundings, "settings": self.settings}
        try:
            helpers = self._helpers(source)
            asks = sources.imports(source, "ptguide.measurements", package)
            if asks or package / "measurements.py" in helpers:
                around["measurements"] = self.recorded.measurements
            around["packages"] = {name: installed_version(name) for name in sorted(self.packages(page))}
        except SyntaxError:  # running the page says so, with its line
            helpers = set()
        return sources.digest([source, *helpers], around, self.machinery)

    def _helpers(self, source: Path) -> set[Path]:
        """Return what a page imports. Where a helper comes to import another during a build, the next one sees it."""
        direct = frozenset(sources.direct_imports(source, self.pages.package))
        if direct not in self._known_helpers:
            self._known_helpers[direct] = sources.imported_modules(source, self.pages.package)
        return self._known_helpers[direct]

    def is_fresh(self, page: str, runs: int) -> bool:
        """Return whether the page ran so often, from its present sources and files, in the present surroundings."""
        record = self.pages.record(page)
        if record.get("key") != self.key(page) or record["runs"] < runs:
            return False
        files = {self.pages.root / name: digest for name, digest in record["opened"].items()}
        files |= {self.pages.target / name: digest for name, digest in record["made"].items()}  # nobody edits these
        return all(sources.digest_of_opened(file) == digest for file, digest in files.items())


def surroundings(lock: Path) -> dict[str, str]:
    """Return what every page depends on besides its sources: versions, the lock and the device."""
    found = {"python": platform.python_version(), "lock": sources.digest_of_file(lock) if lock.is_file() else ""}
    for name in VERSIONS_THAT_MATTER:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    cards = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    found["device"] = json.dumps([os.environ.get("PTGUIDE_DEVICE", ""), *(card.read_text() for card in cards)])
    return found


@functools.cache
def installed_version(module: str) -> str:
    """Return the version of the package that a module is imported from; empty where it is not installed."""
    name = published.KNOWN.get(module, module).partition(">")[0]
    try:
        return version(name)
    except PackageNotFoundError:  # asking which package has it takes longer than a build should
        return ", ".join(f"{found} {version(found)}" for found in sorted(set(packages_distributions().get(module, ()))))


def of(app: Sphinx) -> Keys:
    """Return the keys of this build."""
    if not hasattr(app, "_ptguide_keys"):
        app._ptguide_keys = Keys(gallery_pages.of(app), recordings.of(app))
    return app._ptguide_keys

"""Does the build notice when a page is wrong? Change pages in random places, and run each as the build does.

`nox -s mutants -- --pages`. A change of the code is noticed if the page fails, or if what it gives is not what is kept
of it; one of a text, if the lookup names it, for which no page runs: `--where text --all` takes a minute for all pages,
after `nox -s docs`. What survives is printed with its change, and counted by chapter and kind. A change after which the
page still shows the same to the last letter changes nothing, and is counted apart.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from page_changes import Change, changes  # noqa: E402
from pipeline import recorder  # noqa: E402
from pipeline.gallery import adapter  # noqa: E402
from pipeline.gallery.pages import Pages  # noqa: E402
from pipeline.outputs import check  # noqa: E402
from pipeline.outputs.recordings import Recorded  # noqa: E402
from pipeline.running import forks  # noqa: E402
from pipeline.running.runner import Runner  # noqa: E402
from pipeline.stale.keys import Keys  # noqa: E402
from text_changes import Texts  # noqa: E402

GOALS = {"code": 0.95, "text": 0.98}  # of the changes that change anything; of a text its numbers and shapes
COUNTED = {"shape", "number", "number to 12", "dtype"}  # of a text


class Trial:
    """Runs pages with a change in them.

    Parameters
    ----------
    pages : Pages
    folder : Path
        Where the changed pages are written, and run.
    """

    def __init__(self, pages: Pages, folder: Path) -> None:
        self.pages, self.folder = pages, folder
        self._unchanged: dict[str, str] = {}
        self._texts: dict[str, Texts] = {}

    def run(self, page: str, source: str) -> tuple[str, str]:
        """Run a page from a source; return why the build would stop, if it would, and a digest of what is shown."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            folder = Path(name)
            pages = Pages(self.pages.root / "docs", self.pages.settings)
            pages.gallery = folder / "gallery"
            pages.source(page).parent.mkdir(parents=True)
            pages.source(page).write_text(source, encoding="utf-8")
            shown: list[str] = []
            conf = adapter.filled_settings(pages.settings["sphinx_gallery_conf"], folder)
            recorded = Recorded(pages)
            runner = Runner(Keys(pages, recorded), conf, folder / "staging", lambda *made: shown.append(_digest(*made)))
            ((_, answer),) = runner.run({page: 1})
            if "failure" in answer:
                return answer["failure"], ""
            return "\n".join(what for _, what in check.problems(recorded, answer["record"])), shown[0]

    def outcome(self, page: str, change: Change) -> str:
        """Return ``noticed``, ``survived``, or ``changes nothing``."""
        if change.where == "text":
            texts = self._texts.setdefault(page, Texts(self.pages, page))
            return texts.outcome(change)
        source = self.pages.source(page).read_text(encoding="utf-8")
        why, shown = self.run(page, change.apply(source))
        if why:
            return "noticed"
        return "changes nothing" if shown == self.unchanged(page) else "survived"

    def unchanged(self, page: str) -> str:
        """Return the digest of what a page shows as it is."""
        if page not in self._unchanged:
            why, self._unchanged[page] = self.run(page, self.pages.source(page).read_text(encoding="utf-8"))
            if why:
                raise SystemExit(f"{page} is not as it should be before anything is changed: {why}")
        return self._unchanged[page]


def _digest(page: str, record: dict[str, Any], folder: Path) -> str:
    """Return what changes when a page's text outputs or pictures do, in any byte."""
    pictures = sorted(path for path in (folder / page).parent.glob("images/*") if path.is_file())
    parts = [*(cell["text"].encode() for cell in record["cells"]), *(path.read_bytes() for path in pictures)]
    values = [part.encode() for part in _html((folder / f"{page}.rst").read_text(encoding="utf-8"))]
    return hashlib.sha256(b"\0".join([*parts, *values])).hexdigest()


def _html(rst: str) -> Iterator[str]:
    """Yield the values of a page that are shown as HTML."""
    for part in rst.split(".. raw:: html")[1:]:
        lines = part.split("\n")[1:]
        yield "\n".join(line for line in lines[: next((n for n, one in enumerate(lines) if one[:1].strip()), None)])


def sample(pages: Pages, names: list[str], size: int, seed: int) -> list[tuple[str, Change]]:
    """Return a random choice of changes, in which pages weigh the same, whatever their length; 0 takes all."""
    found = {name: changes(pages.source(name).read_text(encoding="utf-8")) for name in names}
    if not size:
        return [(name, change) for name in names for change in found[name]]
    dice = random.Random(seed)
    for listed in found.values():
        dice.shuffle(listed)
    chosen: list[tuple[str, Change]] = []
    while len(chosen) < size and (left := [name for name in names if found[name]]):
        chosen += [(name, found[name].pop()) for name in dice.sample(left, min(len(left), size - len(chosen)))]
    return chosen


def report(pages: Pages, tried: list[tuple[str, Change, str]]) -> bool:
    """Print what survived, and what was noticed by chapter and kind; return whether the goals are met."""
    for page, change, outcome in tried:
        if outcome == "survived":
            print(f"{pages.source(page)}:{change.describe(pages.source(page).read_text(encoding='utf-8'))}")
    real = [(page, change, outcome == "noticed") for page, change, outcome in tried if outcome != "changes nothing"]
    rows: dict[str, list[bool]] = {}
    for page, change, noticed in real:
        for row in (f"{change.where}, {change.kind}", page.partition("/")[0], f"all of the {change.where}"):
            rows.setdefault(row, []).append(noticed)
    print(f"\n{'changes of':<24}{'tried':>7}{'noticed':>9}")
    for row, outcomes in sorted(rows.items()):
        print(f"{row:<24}{len(outcomes):>7}{sum(outcomes) / len(outcomes):>9.1%}")
    print(f"{len(tried) - len(real)} more changed nothing")
    good = True
    for where, goal in GOALS.items():
        of = [noticed for _, change, noticed in real if change.where == where and _counts(change)]
        if of and sum(of) / len(of) < goal:
            print(f"{where}: {sum(of) / len(of):.1%} noticed, goal {goal:.0%}")
            good = False
    return good


def _counts(change: Change) -> bool:
    return change.where == "code" or change.kind in COUNTED


def main(arguments: list[str]) -> int:
    """Try a sample, print what survives, and return 1 if too much does."""
    parser = argparse.ArgumentParser(prog="nox -s mutants -- --pages")
    parser.add_argument("pages", nargs="*", help="pages (shapes/stack) or chapters (shapes); by default all")
    parser.add_argument("--sample", type=int, default=200, help="how many changes to try")
    parser.add_argument("--seed", type=int, default=0, help="which ones")
    parser.add_argument("--all", action="store_true", help="try every change; it takes hours")
    parser.add_argument("--where", choices=GOALS, help="only changes of the code, or of the text")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="the folder of conf.py")
    options = parser.parse_args(arguments)
    pages = recorder.pages_of(options.docs)
    chosen = sample(pages, pages.chosen(options.pages), 0 if options.all else options.sample, options.seed)
    chosen = [(page, change) for page, change in chosen if options.where in (None, change.where)]
    pages.settings["pages_workers"] = 1  # each trial runs one page
    forks.start_server(pages.settings["pages_preload"])
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        trial = Trial(pages, Path(folder))
        outcomes = list(pool.map(lambda one: trial.outcome(*one), chosen))
    return int(not report(pages, [(*one, outcome) for one, outcome in zip(chosen, outcomes, strict=True)]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

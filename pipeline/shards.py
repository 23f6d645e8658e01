"""The pages run on several machines: ``nox -s docs -- --shard 2/5`` on each, ``--join FOLDER`` where all come together.

A shard runs its part of the pages and keeps what was made of them, with a manifest, in ``docs/_build/shards/2-of-5``.
Whatever starts the shards (a matrix of a CI service) carries these folders to one place. There `join` puts them where
a build finds them, so that it runs no page. A folder that does not belong there is refused before anything is touched.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline import recorder
from pipeline.gallery import adapter, sources
from pipeline.outputs.recordings import Recorded
from pipeline.running import child, forks, runner
from pipeline.stale.keys import Keys

MANIFEST = "shard.json"


@dataclass(frozen=True)
class Manifest:
    """What a shard says of itself.

    Attributes
    ----------
    shard : str
        Its number and how many there are, for example ``2/5``.
    commit : str
        That the sources were at, as `commit_of` returns it.
    surroundings : dict of str to str
        Versions, the lock and the device, as `Keys.surroundings` returns them.
    files : dict of str to str
        The digest of each file that was made, by its place in the folder of the guide.
    """

    shard: str
    commit: str
    surroundings: dict[str, str]
    files: dict[str, str]


def share(names: Sequence[str], shard: str) -> list[str]:
    """Return the pages of a shard: every n-th, so that the long ones of a chapter come to lie in different shards.

    All shards must agree, so nothing counts that one machine alone knows, such as how long a page took there.

    Raises
    ------
    ValueError
        If the shard is not written as ``2/5``, with a number from 1 to the count.

    Examples
    --------
    >>> share(["a", "b", "c", "d", "e"], "2/3")
    ['b', 'e']
    """
    found = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", shard)
    if not found or int(found[1]) > int(found[2]):
        raise ValueError(f"the shard is {shard!r}; write its number and how many there are, from 1/5 to 5/5")
    return list(names[int(found[1]) - 1 :: int(found[2])])


def main(docs: Path, arguments: list[str]) -> int:
    """Run one shard, or join all; return the exit status."""
    parser = argparse.ArgumentParser(prog="nox -s docs --")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--shard", metavar="2/5", help="run a part of the pages and keep what they make")
    what.add_argument("--join", metavar="FOLDER", type=Path, help="put what all shards kept where a build finds it")
    parser.add_argument("--twice", action="store_true", help="run each page twice; of shards to join: that they did")
    options = parser.parse_args(arguments)
    pages = recorder.pages_of(docs)
    known, runs = Keys(pages, Recorded(pages)), 2 if options.twice else 1
    if options.join:
        return join(known, options.join, runs)
    try:
        names = share(pages.names(), options.shard)
    except ValueError as error:
        parser.error(str(error))
    folder = docs / "_build" / "shards" / options.shard.replace("/", "-of-")
    return run(known, names, options.shard, folder, runs)


def run(known: Keys, names: list[str], shard: str, folder: Path, runs: int) -> int:
    """Run pages, keep what is made of them in a folder and write its manifest unless one fails; return the status."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pages, failures = known.pages, 0

    def keep(name: str, record: dict[str, Any], made: Path) -> None:
        Path(made, f"{name}.record.json").write_text(child.as_json(record), encoding="utf-8")
        shutil.copytree(made, folder, dirs_exist_ok=True)

    with tempfile.TemporaryDirectory() as work:
        recorder.make_importable(pages.package, Path(work, "metadata"))
        forks.start_server(pages.settings["pages_preload"])
        conf = adapter.filled_settings(pages.settings["sphinx_gallery_conf"], Path(work))
        running = runner.Runner(known, conf, Path(work, "staging"), keep)
        for name, answer in running.run(dict.fromkeys(names, runs)):
            failures += "failure" in answer
            said = runner.report(pages.source(name), answer) if "failure" in answer else f"pages: {name} ran"
            print(said, flush=True)
    if failures:
        print(f"Shard {shard}: {failures} of {len(names)} pages failed", file=sys.stderr)
        return 1
    manifest = Manifest(shard, runner.commit_of(pages.gallery), known.surroundings, _digests(folder))
    Path(folder, MANIFEST).write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")
    print(f"Shard {shard}: {len(names)} pages passed, see {folder}")
    return 0


def _digests(folder: Path) -> dict[str, str]:
    """Return the files below a folder, but for the manifest, with the digest of what each holds."""
    return {name: digest for name, digest in sources.digests_below(folder) if name != MANIFEST}


def join(known: Keys, folder: Path, runs: int) -> int:
    """Put what all shards below a folder kept in the place of what was made of the pages; return the exit status."""
    found = {file.parent: Manifest(**json.loads(file.read_text(encoding="utf-8"))) for file in _manifests(folder)}
    if problems := list(dict.fromkeys(_problems(known, folder, found, runs))):
        print("\n".join(["These shards are not joined, and nothing was touched:", *problems]), file=sys.stderr)
        return 1
    target = known.pages.target
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        for place, manifest in found.items():
            for name in manifest.files:
                Path(work, target.name, name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(place / name, Path(work, target.name, name))
        shutil.rmtree(target, ignore_errors=True)
        Path(work, target.name).replace(target)
    print(f"{len(found)} shards joined: {len(known.pages.names())} pages are in place")
    return 0


def _manifests(folder: Path) -> list[Path]:
    return sorted(folder.rglob(MANIFEST))


def _problems(known: Keys, folder: Path, found: dict[Path, Manifest], runs: int) -> Iterator[str]:
    """Yield what is wrong with the shards, each as a sentence that names it and says what to do."""
    places: dict[str, list[Path]] = {}
    for place, manifest in found.items():
        places.setdefault(manifest.shard, []).append(place)
    counts = sorted({int(shard.partition("/")[2]) for shard in places})
    if len(counts) != 1:
        yield f"{folder} holds {', '.join(places) or 'no shard'}; expected all shards of one division, 1/n to n/n."
        return
    for shard in (f"{number}/{counts[0]}" for number in range(1, counts[0] + 1)):
        given = places.get(shard, [])
        if len(given) == 1:
            yield from _problems_of_one(known, given[0], found[given[0]], runs)
        elif given:
            yield f"Shard {shard} is given {len(given)} times: {', '.join(map(str, given))}. Delete all but one."
        else:
            yield f"Shard {shard} is missing in {folder}: put there what nox -s docs -- --shard {shard} made."


def _problems_of_one(known: Keys, place: Path, manifest: Manifest, runs: int) -> Iterator[str]:
    again = f"Run it anew from here: nox -s docs -- --shard {manifest.shard}{' --twice' if runs == 2 else ''}"
    commit = runner.commit_of(known.pages.gallery)
    if manifest.commit != commit:
        yield f"Shard {manifest.shard} was made of commit {manifest.commit}, and this is {commit}. {again}"
    for name, here in known.surroundings.items():
        if (there := manifest.surroundings.get(name)) != here:
            yield f"Shard {manifest.shard} was made with {name} {there!r}, and here it is {here!r}. {again}"
    if changed := manifest.files.items() ^ _digests(place).items():
        yield f"Shard {manifest.shard} in {place} is not as it was made: {sorted(dict(changed))[0]} differs. {again}"
    there = Keys(copy.copy(known.pages), known.recorded)
    there.pages.target = place
    stale = [name for name in share(known.pages.names(), manifest.shard) if not there.is_fresh(name, runs)]
    if stale:
        often = " twice" if runs == 2 else ""
        yield f"Shard {manifest.shard} did not run {', '.join(stale[:3])}{often} from these sources. {again}"

"""Print the path of the newest Python at hand that the guide is tested on; nothing where none is newer than this one.

Run by .ci/run, with the Python that runs nox.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def tested(pyproject: str) -> list[str]:
    """Return the versions that the classifiers name, the newest first.

    Parameters
    ----------
    pyproject : str
        The text of pyproject.toml.
    """
    versions = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', pyproject)
    return sorted(versions, key=_as_numbers, reverse=True)


def newest(versions: Iterable[str], path: str) -> Path | None:
    """Return the first of these Pythons that is found and runs.

    Parameters
    ----------
    versions : iterable of str
        For example ``["3.13", "3.12"]``.
    path : str
        Folders to look in, as in the variable PATH.
    """
    candidates = (program for version in versions for program in _programs(version, path))
    return next(filter(_runs, candidates), None)


def _programs(version: str, path: str) -> Iterator[Path]:
    name = f"python{version}"
    for folder in map(Path, filter(None, path.split(os.pathsep))):
        yield folder / name
        if folder.name == "shims":  # of pyenv: they refuse all versions but the chosen one, and these lie beside them
            yield from sorted(folder.parent.glob(f"versions/*/bin/{name}"))


def _runs(program: Path) -> bool:
    try:
        return subprocess.run([program, "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:  # not there, or not to be executed
        return False


def _as_numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


if __name__ == "__main__":
    newer = [one for one in tested(PYPROJECT.read_text(encoding="utf-8")) if _as_numbers(one) > sys.version_info[:2]]
    print(newest(newer, os.environ.get("PATH", os.defpath)) or "")

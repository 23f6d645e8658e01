"""What a page is made of: its script, the helpers that it imports, and the data beside them."""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

CODE = {".py", ".pyc", ".pyi", ".typed"}
# A line of a script that another script holds as a text, to run it in a process of its own.
IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+([\w, \t]+)|import[ \t]+([\w., \t]+))", re.MULTILINE
)


def imported_modules(source: Path, package: Path) -> set[Path]:
    """Return the files of a package that a script imports, directly or through another, and the data beside them.

    Parameters
    ----------
    source : Path
        A Python file.
    package : Path
        The folder of the package, for example ``src/ptguide``.
    """
    seen: set[Path] = set()
    waiting = [source]
    while waiting:
        path = waiting.pop()
        for found in direct_imports(path, package):
            if found not in seen:
                seen.add(found)
                waiting.append(found)
    # What a package reads from beside its modules: scripts, style sheets, data.
    folders = {file.parent for file in seen if file.name == "__init__.py"}
    return seen | {file for folder in folders for file in folder.glob("*.*") if file.suffix not in CODE}


def imports(source: Path, module: str, package: Path) -> bool:
    """Return whether a file imports a module, or a name of it.

    Parameters
    ----------
    source : Path
        A Python file.
    module : str
        With its package, for example ``ptguide.measurements``.
    package : Path
        The folder of the package that the file may belong to.
    """
    names = _names_of(_read(source).decode("utf-8"), source, package)
    return any(name == module or name.startswith(f"{module}.") for name in names)


def direct_imports(path: Path, package: Path) -> set[Path]:
    """Return the files of a package that a file imports itself."""
    return _imports_of(_read(path).decode("utf-8"), path, package)


@functools.cache  # a helper is asked for once for every page that imports it
def _imports_of(text: str, path: Path, package: Path) -> set[Path]:
    return {file for name in _names_of(text, path, package) for file in _files_of(name, package)}


@functools.cache
def _names_of(text: str, path: Path, package: Path) -> set[str]:
    """Return every name that may be a module: of ``from a import b`` both ``a`` and ``a.b``."""
    names: set[str] = set()
    for node in import_statements(text):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        else:
            base = node.module or ""
            if node.level:  # from . import x, inside the package
                parents = path.relative_to(package.parent).parts[: -node.level]
                base = ".".join([*parents, *([base] if base else [])])
            # An imported name may be a module itself: from ptguide import pictures.
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return names if path.is_relative_to(package) else names | _names_in_texts(text, package.name)


def _names_in_texts(script: str, package: str) -> set[str]:
    """Return what may be a module of a package in the scripts that a script holds as texts, also after ``-m``."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(script)) if package in script else ():
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or package not in node.value:
            continue
        if re.fullmatch(rf"{package}(\.\w+)*", node.value):
            names |= {node.value, f"{node.value}.__main__"}
        for base, parts, modules in IMPORT.findall(node.value):
            names |= {base, *(f"{base}.{part.split()[0]}" for part in parts.split(",") if part.strip())}
            names |= {module.split()[0] for module in modules.split(",") if module.strip()}
    return names - {""}


def imported_packages(files: Iterable[Path]) -> set[str]:
    """Return the packages that files import at any depth, without those of Python itself."""
    return {name for file in files for name in packages_of(_read(file).decode("utf-8"))} - sys.stdlib_module_names


@functools.cache
def packages_of(text: str) -> frozenset[str]:
    """Return the packages that a script imports at any depth, with those of Python itself."""
    names: set[str] = set()
    for node in import_statements(text):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return frozenset(names)


@functools.cache  # a page is asked for its helpers and for what its download needs
def import_statements(text: str) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """Return the imports of a script, at any depth."""
    return tuple(node for node in _statements(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom))


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every statement at any depth; unlike `ast.walk`, without the expressions, where no import can be."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for statement in getattr(tree, field, ()):
            yield statement
            yield from _statements(statement)


def _files_of(name: str, package: Path) -> set[Path]:
    """Return the files that ``import name`` executes inside the package."""
    parts = name.split(".")
    if parts[0] != package.name:
        return set()
    files = {package / "__init__.py"}
    here = package
    for part in parts[1:]:
        here = here / part
        files |= {file for file in (here.with_suffix(".py"), here / "__init__.py") if file.is_file()}
    return files


def digest(files: Iterable[Path], *more: Any) -> str:
    """Return what is equal exactly as long as files, and what else is given, are the same.

    Parameters
    ----------
    files : iterable of Path
        Their names and what they hold count, not where they lie.
    more : object
        What can be written as JSON.
    """
    parts = [(file.name, digest_of_file(file)) for file in sorted(files)]
    return hashlib.sha256(json.dumps([parts, *more], sort_keys=True).encode()).hexdigest()


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of what a file holds."""
    return _digest_once(path, *_stamp(path))


def digest_of_opened(path: Path) -> str:
    """Return the SHA-256 of what a file holds that a page opened; empty where there is none, or it is a folder."""
    try:
        return digest_of_file(path)
    except OSError:
        return ""


def digests_below(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each file below a folder, by its path there, with the digest of what it holds."""
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield file.relative_to(folder).as_posix(), digest_of_file(file)


def _read(path: Path) -> bytes:
    """Return what a file holds; a helper is asked for by almost every page, and is read once."""
    return _read_once(path, *_stamp(path))


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@functools.cache
def _read_once(path: Path, changed: int, size: int) -> bytes:
    return path.read_bytes()


@functools.cache
def _digest_once(path: Path, changed: int, size: int) -> str:
    return hashlib.sha256(_read_once(path, changed, size)).hexdigest()

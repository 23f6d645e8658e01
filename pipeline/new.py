"""Begin a page; `nox -s new -- computing/diff "How does torch.diff work?"`.

The page is made of a skeleton that runs and passes every check of the build as it is, so that an author begins with
what works and changes it.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import re
import runpy
import string
import sys
from pathlib import Path

SKELETON = Path(__file__).with_name("skeleton.txt")
TO_WRITE = "WRITE HERE"  # no finished page holds it; tests/machinery/test_chapters.py
LONGEST = 120  # characters of a line


def main(docs: Path, arguments: list[str]) -> int:
    """Make a page and give it its place; return the exit status.

    Parameters
    ----------
    docs : Path
        The folder of conf.py; the pages lie beside it.
    arguments : list of str
        Of the command line.
    """
    parser = argparse.ArgumentParser(prog="nox -s new --", description="Begin a page with a skeleton that runs.")
    parser.add_argument("page", help="chapter and name, for example computing/diff")
    parser.add_argument("title", help='the question as a reader types it, in quotes: "How does torch.diff work?"')
    parser.add_argument("--after", metavar="NAME", help="the page that it follows (default: the last of its chapter)")
    options = parser.parse_args(arguments)
    conf = docs / "conf.py"
    order = runpy.run_path(str(conf))["gallery_order"]
    chapter, _, name = options.page.removeprefix("gallery/").removesuffix(".py").partition("/")
    if wrong := problem(order, chapter, name, options.title, options.after):
        parser.error(wrong)
    after = options.after or last_but_exercises(order[chapter])
    conf.write_text(placed(conf.read_text(encoding="utf-8"), chapter, name, after), encoding="utf-8")
    order = runpy.run_path(str(conf))["gallery_order"]
    pages = [f"{folder}/{page}" for folder, names in order.items() for page in names]
    place = pages.index(f"{chapter}/{name}")
    page = docs.parent / "gallery" / chapter / f"{name}.py"
    page.parent.mkdir(exist_ok=True)
    page.write_text(skeleton(name, options.title.strip(), [*pages[place + 1 : place + 2]]), encoding="utf-8")
    print(what_next(docs.parent, f"{chapter}/{name}", pages[place - 1] if place else ""))
    return 0


def problem(order: dict[str, list[str]], chapter: str, name: str, title: str, after: str | None) -> str:
    """Return why no such page can be made, in a sentence that says what to write instead; empty if it can be."""
    taken = [f"{other}/{page}" for other, pages in order.items() for page in pages if page == name]
    if chapter not in order:
        known = ", ".join(order)
        return f"there is no chapter {chapter!r}; expected one of {known}. A new one is added to gallery_order."
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        return f"{name!r} is no name for a page: expected lower-case letters, digits and _, for example {chapter}/diff."
    if taken:
        return f"the name {name!r} is taken by {taken[0]}; its label would be the same. Choose another."
    if name in sys.stdlib_module_names or importlib.util.find_spec(name):
        return f"a page called {name!r} would hide the module of this name when it is run. Choose another."
    if not title.strip() or re.search(r'[\\\n]|"""', title):
        return f"the title is {title!r}; expected a question in one line, for example 'How does torch.diff work?'"
    if after and after not in order[chapter]:
        return f"--after names {after!r}; expected a page of {chapter}: {', '.join(order[chapter])}."
    return ""


def last_but_exercises(pages: list[str]) -> str | None:
    """Return the page after which a new one comes: the exercises stay at the end of their chapter."""
    return next((page for page in reversed(pages) if not page.startswith("exercises_in_")), None)


def placed(text: str, chapter: str, name: str, after: str | None) -> str:
    r"""Return the text of conf.py with a page added to ``gallery_order``, and nothing else changed.

    Examples
    --------
    >>> placed('gallery_order = {"a": ["x", "z"]}\n', "a", "y", after="x")
    'gallery_order = {"a": ["x", "y", "z"]}\n'
    """
    lines = text.splitlines(keepends=True)
    pages = _list_of(text, chapter)
    beside = next((node for node in pages.elts if after in (node.value, None)), None)
    line = (beside or pages).lineno - 1
    column = pages.col_offset + 1 if beside is None else beside.end_col_offset if after else beside.col_offset
    between = ""
    if beside:
        own_line = not lines[line][: beside.col_offset].strip()
        between = f",\n{' ' * beside.col_offset}" if own_line else ", "
    new = f'{between}"{name}"' if after else f'"{name}"{between}'
    lines[line] = lines[line][:column] + new + lines[line][column:]
    if any(len(part) > LONGEST for part in lines[line].splitlines()):
        start = lines[line][: pages.col_offset + 1]
        listed = "".join(f'        "{page}",\n' for page in _names_of("".join(lines), chapter))
        lines[line] = f"{start}\n{listed}    ],\n"
    return "".join(lines)


def _list_of(text: str, chapter: str) -> ast.List:
    """Return the list of a chapter in ``gallery_order``."""
    order = next(
        statement.value
        for statement in ast.parse(text).body
        if isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", "") == "gallery_order"
    )
    return next(pages for key, pages in zip(order.keys, order.values, strict=True) if key.value == chapter)


def _names_of(text: str, chapter: str) -> list[str]:
    return [node.value for node in _list_of(text, chapter).elts]


def skeleton(name: str, title: str, following: list[str]) -> str:
    """Return the text of a new page.

    Parameters
    ----------
    name : str
        Without its chapter.
    title : str
        In one line.
    following : list of str
        The page that comes after it, empty for the last of all.
    """
    label = f":ref:`{label_of(following[0])}`, {TO_WRITE} why." if following else f"{TO_WRITE} what to read."
    template = string.Template(SKELETON.read_text(encoding="utf-8"))
    return template.substitute(label=label_of(name), title=title, underline="=" * len(title), next=label)


def label_of(page: str) -> str:
    """Return the label of a page: its name with hyphens.

    Examples
    --------
    >>> label_of("shapes/cat_or_stack")
    'cat-or-stack'
    """
    return page.rpartition("/")[2].replace("_", "-")


def what_next(root: Path, page: str, before: str) -> str:
    """Return what the author does now."""
    steps = [
        f"Write gallery/{page}.py: replace the code, and every {TO_WRITE}. `nox -s serve` shows it while you do.",
        f"Keep what it prints: nox -s docs -- --update-outputs {page}",
        "Add a line to CHANGELOG.md.",
    ]
    if before:
        text = (root / "gallery" / f"{before}.py").read_text(encoding="utf-8")
        line = text.rpartition("# %%\n")[0].count("\n") + 2
        label = f":ref:`{label_of(page)}`"
        steps.insert(1, f"Lead to it from the page before: gallery/{before}.py:{line} begins with the link {label}.")
    listed = "".join(f"  {number}. {step}\n" for number, step in enumerate(steps, 1))
    return f"Made gallery/{page}.py, and gave it its place in docs/conf.py. Next:\n{listed}The rules: CONTRIBUTING.md"

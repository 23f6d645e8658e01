"""A copy of the site with as many small pages as you like, which take no time to run: what is left is the pipeline."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
NEEDED = ("docs", "pipeline", "src", "requirements.lock", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md")
IN_A_CHAPTER = 25

PAGE = '''"""
.. _made-{number}:

What is made page {number} about?
=================================

It puts {number} into a tensor, and :func:`torch.stack` beside another; :func:`ptguide.pictures.draw` shows it.
The page before is :ref:`made-{before}`, the one after :ref:`made-{after}`, and one far away :ref:`made-{far}`.
"""

# %%
# First two tensors of 2 rows and 3 columns. The smallest element of the first is {number}.

import torch

from ptguide.pictures import draw
from ptguide.questions import ask

first = torch.arange(6).reshape(2, 3) + {number}
second = first + 100
assert first.min() == {number}
print(first)

# %%
# Then the picture. Its new axis has the size :math:`k = 2`.

draw(torch.stack, [first, second], dim=0)

# %%
# Check yourself
# --------------
#
# The answer is computed.

ask("What is its number?", answer=first[0, 0].item(), choices={{{number}: "It stands in the picture.", -1: "No."}})
'''


def make(root: Path, pages: int) -> None:
    """Write the site; its pages lie in chapters of 25, as the guide's do."""
    copy_project(root)
    chapters: dict[str, list[str]] = {}
    for number in range(pages):
        chapters.setdefault(f"chapter_{number // IN_A_CHAPTER:03}", []).append(f"page_{number:04}")
    (root / "gallery").mkdir()
    (root / "gallery" / "GALLERY_HEADER.rst").write_text("Guide\n=====\n")
    for chapter, names in chapters.items():
        folder = root / "gallery" / chapter
        folder.mkdir()
        (folder / "GALLERY_HEADER.rst").write_text(f"{chapter}\n{'=' * len(chapter)}\n")
        for name in names:
            (folder / f"{name}.py").write_text(page(int(name.removeprefix("page_")), pages))
    for path in (root / "docs").glob("*.md"):  # they name pages that are not there; the reference is as it is
        path.write_text(f"# {path.stem}\n")
    entries = "guide/index learning_paths reference/index install glossary checks changelog".replace(" ", "\n")
    (root / "docs" / "index.md").write_text(f"# Made\n\n```{{toctree}}\n{entries}\n```\n")
    (root / "docs" / "checks.md").write_text("# Checks\n\n{counted}`claims` held.\n\n```{checked-pages}\n```\n")
    (root / "docs" / "other_names.toml").write_text("")
    _take_out_examples(root)
    set_order(root, chapters)


def _take_out_examples(root: Path) -> None:
    """Leave what takes the same at any number of pages: to run the examples of the helpers and of their reference."""
    for path in (root / "src").rglob("*.py"):
        path.write_text(re.sub(r'^( *)Examples\n\1-{8}\n.*?(?=^ *""")', "", path.read_text(), flags=re.M | re.S))
    for path in (root / "docs" / "reference").glob("*.md"):
        path.write_text(re.sub(r"^```(python|console|pycon)$.*?^```$", "", path.read_text(), flags=re.M | re.S))


def page(number: int, pages: int) -> str:
    """Return the script of a page, which leads to three others."""
    others = {"before": (number - 1) % pages, "after": (number + 1) % pages, "far": (number * 7 + pages // 2) % pages}
    return PAGE.format(number=number, **others)


def copy_project(root: Path) -> None:
    """Copy what a build needs, without the pages and what was made of them."""
    for name in NEEDED:
        source = ROOT / name
        ignore = shutil.ignore_patterns("__pycache__", *(("_build", "guide", "outputs") if name == "docs" else ()))
        shutil.copytree(source, root / name, ignore=ignore) if source.is_dir() else shutil.copy(source, root / name)
    conf = root / "docs" / "conf.py"
    conf.write_text("outputs_check = False  # nothing is kept of the pages\n" + conf.read_text())


def set_order(root: Path, order: dict[str, list[str]]) -> None:
    """Write the order of the pages into the settings."""
    conf = root / "docs" / "conf.py"
    text = f"gallery_order = {order!r}\n\n"
    conf.write_text(re.sub(r"^gallery_order = \{.*?\}\n+", lambda _: text, conf.read_text(), flags=re.M | re.S))


def order_of(root: Path) -> dict[str, list[str]]:
    """Return the order of the pages as they lie in their folders."""
    found: dict[str, list[str]] = {}
    for path in sorted((root / "gallery").glob("*/*.py")):
        found.setdefault(path.parent.name, []).append(path.stem)
    return found


def edit(root: Path) -> None:
    """Change the words of one page in the middle."""
    path = _in_the_middle(root)
    path.write_text(path.read_text().replace("The answer is computed.", "The answer is computed anew."))


def add(root: Path, pages: int) -> None:
    """Write one more page, at the end of the first chapter."""
    (root / "gallery" / "chapter_000" / "page_x.py").write_text(
        page(0, pages).replace("_made-0:", "_made-x:").replace("page 0 ", "page x ")
    )
    set_order(root, order_of(root))


def rename(root: Path) -> None:
    """Give one page in the middle another name."""
    path = _in_the_middle(root)
    path.rename(path.with_stem(f"{path.stem}_renamed"))
    set_order(root, order_of(root))


def _in_the_middle(root: Path) -> Path:
    paths = sorted((root / "gallery").glob("*/*.py"))
    return paths[len(paths) // 2]

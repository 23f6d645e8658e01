"""Every page leads on to the next, asks questions, and every chapter of basics has exercises."""

import ast
import bisect
import itertools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = ast.parse((ROOT / "docs/conf.py").read_text(encoding="utf-8"))
ORDER = next(
    ast.literal_eval(statement.value)
    for statement in SETTINGS.body
    if isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", "") == "gallery_order"
)
PAGES = [f"{chapter}/{page}" for chapter, pages in ORDER.items() for page in pages]
BASICS = ["tensors", "shapes", "selecting", "computing"]


def source(page):
    return (ROOT / f"gallery/{page}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(("page", "following"), [*itertools.pairwise(PAGES)])
def test_page_leads_on_to_the_next(page, following):
    last = source(page).rpartition("# %%\n")[2]
    labels = re.findall(r":ref:`(?:[^<`]*<)?([\w-]+)>?`", last)
    assert labels[:1] == [following.partition("/")[2].replace("_", "-")]


@pytest.mark.parametrize("page", [page for page in PAGES if "/exercises_in_" not in page])
def test_page_ends_with_questions(page):
    end = source(page).partition("# Check yourself\n")[2]
    assert len(re.findall(r"^ *(?:question = )?ask\($", end, re.MULTILINE)) >= 2  # below a guard they are indented


SHOWN = re.compile(r"ask|check|draw(_\w+)?")  # their result is drawn on the page if it is the last value of a cell


def lost(code: str) -> list[int]:
    """Return the lines of a page on which something is made to be shown and never is."""
    tree = ast.parse(code)
    ends = [line for line, text in enumerate(code.splitlines(), start=1) if text.startswith("# %%")]
    last = {}
    for statement in tree.body:
        last[bisect.bisect(ends, statement.lineno)] = statement
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and node not in last.values()
        if SHOWN.fullmatch(ast.unparse(node.value.func))
    ]


def test_what_is_lost_is_found():
    assert lost("ask(1)\n\n# %%\nx = 2\nquestion = ask(2)\nquestion\n\n# %%\ndraw(x)") == []
    assert lost("ask(1)\nx = 2\n\n# %%\nif x:\n    draw_graph(x)\n") == [1, 6]


@pytest.mark.parametrize("page", PAGES)
def test_what_is_made_to_be_shown_is_shown(page):
    assert lost(source(page)) == []


@pytest.mark.parametrize("chapter", BASICS)
def test_chapter_has_exercises_with_solutions(chapter):
    text = source(f"{chapter}/exercises_in_{chapter}")
    assert text.count("raise NotImplementedError") >= 3
    assert text.count("\n# Solution\n") >= 3
    assert text.count("assert report.passed") >= 3

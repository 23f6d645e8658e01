"""Every page leads on to the next, asks questions, and every chapter of basics has exercises."""

import ast
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
    assert len(re.findall(r"^ *ask\($", end, re.MULTILINE)) >= 2  # below a guard they are indented


@pytest.mark.parametrize("chapter", BASICS)
def test_chapter_has_exercises_with_solutions(chapter):
    text = source(f"{chapter}/exercises_in_{chapter}")
    assert text.count("raise NotImplementedError") >= 3
    assert text.count("\n# Solution\n") >= 3
    assert text.count("assert report.passed") >= 3

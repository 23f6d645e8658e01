"""A page that breaks the form is named with the line to edit."""

import re
from pathlib import Path

import pytest

from pipeline import new
from pipeline.form.check import Script, lost, sentences
from pipeline.gallery import adapter

ROOT = Path(__file__).parents[2]
GOOD = new.skeleton("gamma", "How does gamma work?", ["a/delta"]).replace("WRITE HERE the author", "Somebody et al.")
SOURCE = re.search(r"^# - Somebody.*", GOOD, re.MULTILINE)[0]


def problems(text, tmp_path):
    file = tmp_path / "gamma.py"
    file.write_text(text, encoding="utf-8")
    return [*lost(file), *Script(adapter.blocks(file)).problems()]


def test_skeleton_is_in_the_form(tmp_path):
    assert problems(GOOD, tmp_path) == []


CELL = "# %%\n# More.\n\nassert x.dim() == 2\n\n"
BOX = re.search(r"# \.\. use-this::\n#\n#.*\n", GOOD)[0]
BROKEN = {
    "lost words": (GOOD.replace("# %%\n\ndraw", "# %% Words.\n\ndraw"), None, "are shown nowhere"),
    "sentences": (GOOD.replace("Then answer", "One more. Then answer"), 1, "3 sentences stand before the first result"),
    "text before": (GOOD.replace("# %%\n\ndraw", "# %%\n# One.\n\ndraw"), 1, "3 sentences stand before the first"),
    "cells": (GOOD.replace(BOX, BOX + 6 * ("#\n" + CELL)), None, "a reader sees 9 cells above 'Check yourself'"),
    "no box": (GOOD.replace(".. use-this::", ".. note::"), 1, "the page has 0 boxes '.. use-this::'; expected one"),
    "two boxes": (GOOD.replace(BOX, BOX + "#\n" + BOX), 1, "the page has 2 boxes"),
    "no exercise": (GOOD.replace("raise NotImplementedError", "return x"), None, "there is no a function that raises"),
    "no solution": (GOOD.replace("# Solution", "# Here"), None, "there is no a cell that begins with '# Solution'"),
    "not solved": (GOOD.replace("assert report.passed", "report"), None, "there is no 'assert report.passed'"),
    "no reading": (GOOD.replace("# Read next\n# ---------\n", "# Read.\n"), None, "is not the section 'Read next'"),
    "no source": (GOOD.replace(SOURCE, "# Nothing."), None, "lists 0 sources; expected one to three"),
    "four sources": (GOOD.replace(SOURCE, "\n".join(4 * [SOURCE])), None, "lists 4 sources"),
    "no year": (GOOD.replace("(2020)", "(new)"), None, "has no author, year or link"),
    "year to come": (GOOD.replace("(2020)", "(2999)"), None, "has no author, year or link"),
    "no author": (GOOD.replace("Somebody et al. (", "("), None, "has no author, year or link"),
    "no link": (GOOD.replace("https://", ""), None, "has no author, year or link"),
    "almost": (GOOD.replace("# Set-up\n", "# Setup for this page\n"), None, "a text begins like 'Set-up'"),
    "no reason": (GOOD.replace(BOX, "# .. longer: 9 cells\n#\n" + BOX), None, "gives no reason, or no number"),
    "no number": (GOOD.replace(BOX, "# .. longer: many — why\n#\n" + BOX), None, "gives no reason, or no number"),
    "not longer": (
        GOOD.replace(BOX, "# .. longer: 9 cells — why\n#\n" + BOX),
        None,
        "says that it has 9 cells, and has",
    ),
    "needless": (GOOD.replace(BOX, "# .. no exercise: — why\n#\n" + BOX), None, "an open exercise and an exception"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_not_in_the_form_is_named(what, tmp_path):
    text, line, said = BROKEN[what]
    assert text != GOOD
    found = problems(text, tmp_path)
    assert any(said in why for _, why in found), found
    assert line is None or found[0][0] == line


def test_an_exception_with_its_reason_is_enough(tmp_path):
    longer = GOOD.replace(BOX, "# .. longer: 9 cells; 6 screens — a table\n#\n" + BOX + 6 * ("#\n" + CELL))
    assert problems(longer, tmp_path) == []
    without = GOOD.replace("assert report.passed", "report").replace(BOX, "# .. no exercise: — a table\n#\n" + BOX)
    assert problems(without, tmp_path) == []


def test_folded_cells_solutions_and_questions_are_not_seen(tmp_path):
    file = tmp_path / "gamma.py"
    file.write_text(GOOD, encoding="utf-8")
    cells = Script(adapter.blocks(file)).cells
    assert [cell.content.split("\n\n")[0].strip()[:12] for cell in cells] == [
        "draw(torch.f",
        "flipped = to",
        "flipped[0, 0",
        "with expect_",
    ]


def test_values_and_code_end_no_sentence():
    assert sentences("One of :val:`x.shape`. Two, as ``a. B``? See :ref:`this one. Or that <a>`! Three e.g. that") == 3
    assert sentences('He said "yes." Then no.') == 2
    assert sentences(".. not looked up: 3. — A reason.\n\nOne.") == 1


def test_each_page_is_held_to_the_form(minisite):
    minisite.edit("docs/conf.py", 'project = "minisite"', 'project = "minisite"\npages_keep_form = True')
    printed = minisite.build(ok=False)
    assert re.search(r"gallery/one/beta\.py:1: WARNING: the page has 0 boxes .* \(rule: form\)", printed)

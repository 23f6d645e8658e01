"""A new page is made of a skeleton that passes the build as it is, and has its place in the order."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import new

ROOT = Path(__file__).parents[2]
CONF = (ROOT / "docs/conf.py").read_text(encoding="utf-8")
ORDER = {"shapes": ["cat", "stack"], "errors": [], "tools": ["cat_or_dog"]}


def is_formatted(text):
    command = [sys.executable, "-m", "ruff", "format", "--diff", "-"]
    return subprocess.run(command, input=text, text=True, cwd=ROOT, check=False).returncode == 0


def order_of(text):
    return next(
        ast.literal_eval(statement.value)
        for statement in ast.parse(text).body
        if isinstance(statement, ast.Assign) and statement.targets[0].id == "gallery_order"
    )


@pytest.mark.parametrize(
    ("chapter", "after", "before"),
    [
        ("shapes", "stack", "cat_or_stack"),
        ("tools", order_of(CONF)["tools"][-1], None),
        ("gpu", None, order_of(CONF)["gpu"][0]),
    ],
)
def test_page_is_placed_and_nothing_else_changes(chapter, after, before):
    text = new.placed(CONF, chapter, "diff", after)
    pages = order_of(text)[chapter]
    place = pages.index("diff")
    assert pages[place - 1 : place] == ([after] if after else [])
    assert pages[place + 1 : place + 2] == ([before] if before else [])
    assert {**order_of(text), chapter: [page for page in pages if page != "diff"]} == order_of(CONF)
    outside = re.compile(r"gallery_order = \{.*?\n\}", re.DOTALL)
    assert outside.sub("", text) == outside.sub("", CONF)
    assert is_formatted(text)


def test_chapter_in_one_line_that_becomes_too_long_is_broken():
    long = "a_page_with_a_name_that_is_as_long_as_names_may_be"
    one_line = '"tools": ["check_the_installation", "using_tensorboard", "tensorboard_mistakes"],'
    conf = re.sub(r'"tools": \[.*?\],', one_line, CONF, flags=re.DOTALL)
    assert conf != CONF
    text = new.placed(conf, "tools", long, "using_tensorboard")
    assert order_of(text)["tools"] == ["check_the_installation", "using_tensorboard", long, "tensorboard_mistakes"]
    assert max(map(len, text.splitlines())) <= 120
    assert is_formatted(text)


def test_exercises_stay_last():
    assert new.last_but_exercises(["a", "b", "exercises_in_a"]) == "b"
    assert new.last_but_exercises([]) is None


@pytest.mark.parametrize(
    ("page", "title", "after", "said"),
    [
        ("shape/diff", "T?", None, "there is no chapter 'shape'; expected one of shapes, errors, tools."),
        ("shapes/stack", "T?", None, "the name 'stack' is taken by shapes/stack; its label would be the same."),
        ("shapes/cat_or_dog", "T?", None, "the name 'cat_or_dog' is taken by tools/cat_or_dog"),
        ("shapes/", "T?", None, "'' is no name for a page: expected lower-case letters, digits and _"),
        ("shapes/two-words", "T?", None, "'two-words' is no name for a page"),
        ("shapes/Diff", "T?", None, "'Diff' is no name for a page"),
        ("shapes/copy", "T?", None, "a page called 'copy' would hide the module of this name when it is run."),
        ("shapes/torch", "T?", None, "a page called 'torch' would hide the module"),
        ("shapes/diff", " ", None, "the title is ' '; expected a question in one line"),
        ("shapes/diff", 'Two """ or \\ ?', None, "expected a question in one line"),
        ("shapes/diff", "T?", "dog", "--after names 'dog'; expected a page of shapes: cat, stack."),
    ],
)
def test_what_cannot_be_made_says_what_to_write_instead(page, title, after, said):
    chapter, _, name = page.partition("/")
    assert said in new.problem(ORDER, chapter, name, title, after)


def test_a_page_that_can_be_made_has_no_problem():
    assert new.problem(ORDER, "errors", "diff", "How does it work?", None) == ""


def test_wrong_command_changes_nothing(minisite):
    before = (minisite.root / "docs/conf.py").read_text()
    done = minisite.command_line("new", "two/gamma", "How?")
    assert done.returncode == 2
    assert "there is no chapter 'two'; expected one of one." in done.stderr
    assert (minisite.root / "docs/conf.py").read_text() == before


def test_new_page_passes_the_build_and_the_linter_as_it_is(minisite):
    done = minisite.command_line("new", "one/gamma", "How does gamma work?")
    assert done.returncode == 0, done.stderr
    assert "1. Write gallery/one/gamma.py" in done.stdout
    assert "2. Lead to it from the page before: gallery/one/beta.py:16 begins with the link :ref:`gamma`" in done.stdout
    assert "3. Keep what it prints: nox -s docs -- --update-outputs one/gamma" in done.stdout
    page = (minisite.root / "gallery/one/gamma.py").read_text()
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", "gallery/one/gamma.py", "-"]
        subprocess.run(ruff, input=page, text=True, cwd=ROOT, check=True)
    minisite.edit(
        "docs/conf.py", 'project = "minisite"', 'project = "minisite"\nnitpick_ignore = [("py:func", "torch.flip")]'
    )
    printed = minisite.build("-Dpages_update_outputs=1", "-Dpages_to_update=one/gamma")
    assert minisite.ran(printed) == {"one/gamma"}
    html = minisite.html("guide/one/gamma.html")
    assert "How does gamma work?" in html
    assert html.count('<div class="ptg-ask">') == 2

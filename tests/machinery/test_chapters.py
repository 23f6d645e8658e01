"""Every page leads on to the next and asks questions; chapters of basics have exercises. What is missing is said."""

import ast
import bisect
import itertools
import re
from pathlib import Path

import pytest

from pipeline import new

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


def label(page):
    return page.partition("/")[2].replace("_", "-")


def line_of(text, part):
    """Return the line on which the part after the last occurrence of a text begins, at least 1."""
    return text.rpartition(part)[0].count("\n") + 1


def wrong_label(page, text):
    """Return what to edit if a page has not its own label, else nothing."""
    if re.match(rf'(?:#.*\n|\s*\n)*r?"""\n\.\. _{re.escape(label(page))}:\n\n\S', text):
        return ""
    return (
        f"gallery/{page}.py:1: begin the docstring with the label '.. _{label(page)}:' and an empty line (rule: title)"
    )


def wrong_lead(page, text, following):
    """Return what to edit if a page does not lead to the one that follows, else nothing."""
    labels = re.findall(r":ref:`(?:[^<`]*<)?([\w-]+)>?`", text.rpartition("# %%\n")[2])
    if labels[:1] == [label(following)]:
        return ""
    return (
        f"gallery/{page}.py:{line_of(text, '# %%') + 1}: lead to the page that follows, by the first link below: "
        f"'Next: :ref:`{label(following)}`, ...'; it has {labels[0] if labels else 'none'} (rule: lead)"
    )


def wrong_questions(page, text):
    """Return what to edit if a page does not end with two questions, else nothing."""
    _, heading, end = text.partition("# Check yourself\n")
    asked = len(re.findall(r"^ *(?:question = )?ask\($", end, re.MULTILINE))  # below a guard they are indented
    if asked >= 2:
        return ""
    line = line_of(text, heading) if heading else text.count("\n") + 1
    what = f"it asks {asked}" if heading else "it has no such section"
    return f"gallery/{page}.py:{line}: ask two questions or more below 'Check yourself'; {what} (rule: questions)"


def unwritten(page, text):
    """Return each line of a page that is still the skeleton's."""
    lines = enumerate(text.splitlines(), start=1)
    return [f"gallery/{page}.py:{line}: write this (rule: written)" for line, words in lines if new.TO_WRITE in words]


@pytest.mark.parametrize("page", PAGES)
def test_page_has_its_label_and_nothing_of_the_skeleton(page):
    assert not wrong_label(page, source(page)), wrong_label(page, source(page))
    assert not unwritten(page, source(page)), "\n".join(unwritten(page, source(page)))


@pytest.mark.parametrize(("page", "following"), [*itertools.pairwise(PAGES)])
def test_page_leads_on_to_the_next(page, following):
    wrong = wrong_lead(page, source(page), following)
    assert not wrong, wrong


@pytest.mark.parametrize("page", [page for page in PAGES if "/exercises_in_" not in page])
def test_page_ends_with_questions(page):
    wrong = wrong_questions(page, source(page))
    assert not wrong, wrong


def test_what_is_wrong_says_what_to_edit():
    text = new.skeleton("one_two", "One?", ["a/three_four"])
    assert wrong_label("a/one_two", text) == wrong_lead("a/one_two", text, "a/three_four") == ""
    assert wrong_questions("a/one_two", text) == ""
    assert unwritten("a/one_two", text)[0] == "gallery/a/one_two.py:7: write this (rule: written)"
    assert wrong_label("a/two", text).startswith("gallery/a/two.py:1: begin the docstring with the label '.. _two:'")
    last = text.rpartition("# %%\n")[0].count("\n") + 2
    assert wrong_lead("a/one_two", text, "a/five").startswith(
        f"gallery/a/one_two.py:{last}: lead to the page that follows, by the first link below: 'Next: :ref:`five`"
    )
    line = text.splitlines().index("# Check yourself") + 1
    said = f"gallery/a/one_two.py:{line}: ask two questions or more below 'Check yourself'; it asks 1 (rule: questions)"
    assert wrong_questions("a/one_two", text.replace("ask(", "tell(", 1)) == said
    assert "it has no such section" in wrong_questions("a/one_two", text.replace("Check yourself", "Questions"))


# Each rule of CONTRIBUTING.md, and what is said when it is broken: by the pipeline, or by these tests.
RULES = {
    "place": "has no place: add",
    "name": "has the name of a module of Python's standard library",
    "title": "the page has no title",
    "claim": "the page makes no claim",
    "value": "cannot be computed: ",
    "looked up": "that is typed is looked up",
    "reached": "a claim never held",
    "failable": "the claim cannot fail",
    "folder": "leaves files outside its own folder",
    "all cases": "says something of all cases",
    "figures": "has no title; give it one that states its point",
    "shown": "(rule: shown)",
    "static": "block is static",
    "same": "this cell gave two outputs",
    "alone": "so it must run alone",
    "time": "the limit for a page (pages_time_limit",
    "notebook": "no notebook can be made of this page",
    "hosts": "from another host",
    "questions": "(rule: questions)",
    "lead": "(rule: lead)",
    "exercises": "(rule: exercises)",
    "errors": "(rule: errors)",
    "form": "(rule: form)",
    "language": "(docs/words.toml)",
    "glossary": "(rule: glossary)",
    "written": "(rule: written)",
}


def test_every_rule_is_told_to_those_who_write_pages():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## The rules of a page\n")[2]
    assert re.findall(r"^- \*\*([\w ]+)\*\*: ", text.partition("\n## ")[0], re.MULTILINE) == list(RULES)
    files = [*ROOT.glob("pipeline/*/*.py"), *ROOT.glob("tests/machinery/test_*.py")]
    code = "".join(file.read_text(encoding="utf-8") for file in files if file != Path(__file__))
    code += Path(__file__).read_text(encoding="utf-8").partition("RULES = {")[0]
    code += Path(__file__).read_text(encoding="utf-8").rpartition("SHOWN = ")[2]
    assert [rule for rule, said in RULES.items() if said not in code] == []


SHOWN = re.compile(r"ask|check|draw(_\w+)?")  # their result is drawn on the page if it is the last value of a cell


def lost(code: str) -> list[int]:
    """Return the lines of a page on which something is made to be shown and never is."""
    tree = ast.parse(code)
    ends = [line for line, text in enumerate(code.splitlines(), start=1) if text.startswith("# %%")]
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}  # of Matplotlib: they show
    last = {}
    for statement in tree.body:
        last[bisect.bisect(ends, statement.lineno)] = statement
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and node not in last.values()
        if (name := ast.unparse(node.value.func)) not in own and SHOWN.fullmatch(name)
    ]


def test_what_is_lost_is_found():
    assert lost("ask(1)\n\n# %%\nx = 2\nquestion = ask(2)\nquestion\n\n# %%\ndraw(x)") == []
    assert lost("ask(1)\nx = 2\n\n# %%\nif x:\n    draw_graph(x)\n") == [1, 6]
    assert lost("def draw_lines():\n    plt.show()\n\n\ndraw_lines()\nx = 2") == []


@pytest.mark.parametrize("page", PAGES)
def test_what_is_made_to_be_shown_is_shown(page):
    lines = lost(source(page))
    where = f"gallery/{page}.py:{lines[0] if lines else 0}"
    assert not lines, f"{where}: make this the last line of its cell, or nobody sees it (rule: shown)"


@pytest.mark.parametrize("chapter", BASICS)
def test_chapter_has_exercises_with_solutions(chapter):
    text = source(f"{chapter}/exercises_in_{chapter}")
    for part in ("raise NotImplementedError", "\n# Solution\n", "assert report.passed"):
        found = text.count(part)
        page = f"gallery/{chapter}/exercises_in_{chapter}.py"
        assert found >= 3, f"{page}: expected three times {part.strip()!r} or more, found {found} (rule: exercises)"

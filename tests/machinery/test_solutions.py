"""The code of a solution or a question is folded away; what it gives is not, and it runs like all code."""

import re

from pipeline.downloads.notebook import notebook
from pipeline.page.solutions import words_of_fold


def test_solution_is_folded_on_the_page(minisite):
    code = """
    from minihelp.used import double

    print("before")
    assert double(2) == 4

    # %%
    # More.

    # Solution: one line
    print("solved", double(4))
    """
    minisite.page("gamma", code)
    minisite.build("-Dpages_update_outputs=1")
    html = minisite.html("guide/one/gamma.html")
    folds = re.findall(r'<details class="ptg-solution">(.*?)</details>', html, re.DOTALL)
    assert len(folds) == 1
    words = re.sub("<[^>]+>", "", folds[0])
    assert words.startswith("Show a solution")
    assert "# Solution: one line" in words
    assert "<a " in folds[0], "the code has no link, and is no test of code with links"
    assert "before" not in words
    shown = re.sub("<[^>]+>", "", html.replace(folds[0], ""))
    assert "solved 8" in shown
    assert "# Solution" not in shown


def test_solution_that_fails_stops_the_build(minisite):
    minisite.page("gamma", "assert 1 + 1 == 2\n\n# %%\n# More.\n\n# Solution\nassert 1 + 1 == 3\n")
    assert "gamma.py" in minisite.build("-Dpages_update_outputs=1", ok=False)


def test_question_is_folded_on_the_page(minisite):
    code = """
    from minihelp.used import double


    def ask(text, answer):
        return f"{text} Choose."


    assert double(2) == 4
    task = ask("no question", 3)

    # %%
    # More.

    ask(
        "How much is it?",
        answer=double(4),
    )

    # %%
    # In one line.

    ask("And this?", answer=double(8))
    """
    minisite.page("gamma", code)
    minisite.build("-Dpages_update_outputs=1")
    html = minisite.html("guide/one/gamma.html")
    folds = re.findall(r'<details class="ptg-solution">(.*?)</details>', html, re.DOTALL)
    assert len(folds) == 2
    for fold in folds:
        assert "Show how the answer is computed" in fold
        assert "answer" in re.sub("<[^>]+>", "", fold)
    assert "How much is it? Choose." in html.replace(folds[0], "")


def test_question_is_folded_below_a_guard_and_under_a_name():
    assert words_of_fold("if guard:\n    question = ask(\n    )\nquestion") == "Show how the answer is computed"
    assert words_of_fold("task = ask(1)") == words_of_fold("print(ask)") == ""


def test_solution_is_folded_in_the_notebook():
    cells = notebook(
        [("code", "x = 1"), ("code", "# Solution\nx = 2"), ("code", "ask(\n)"), ("markdown", "# Solution")]
    )["cells"]
    folded = {"jupyter": {"source_hidden": True}, "cellView": "form"}
    assert [cell["metadata"] for cell in cells] == [{}, folded, folded, {}]

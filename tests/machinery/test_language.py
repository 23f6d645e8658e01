"""What the texts of the project do not say is found, with its line, and refused where the texts are new."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pipeline import language
from pipeline.language import Text, findings

ROOT = Path(__file__).parents[2]
OWN = tomllib.loads((ROOT / "docs/words.toml").read_text(encoding="utf-8"))
CHOSEN = language.settings()
LONG = "This sentence has one word after another, " + "and one more, " * 8 + "and then it ends."


def found(words, is_page=True):
    return [(one.place, one.why, one.refused) for one in findings(Text(Path("a"), 5, words, is_page), OWN, CHOSEN)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("First.\nIt is simply this.", "a:6: 'simply': leave it out (docs/words.toml)"),
        ("Then mended it is.", "a:5: 'mended': correct, or say what to do (docs/words.toml)"),
        ("`optimizer.zero_grad()` does.", "a:5: 'does': the whole verb"),
        ("The axis is made anew.", "a:5: 'anew': again"),
        ("softmax makes shares of numbers.", "a:5: 'makes shares': probabilities"),
        ("It has the the axis.", "a:5: There's a lexical illusion in 'the the'"),
        (f"One.\n\n{LONG}", "a:7: 35 words, expected at most 30: This sentence has one word"),
    ],
)
def test_what_is_not_said_is_found(words, said):
    ((place, why, refused),) = found(words)
    assert f"{place}: {why}".startswith(said)
    assert refused


def test_code_and_links_are_no_words():
    assert (
        found("``simply`` and :ref:`a page <just-a-page>`.\n\n.. not looked up: just — simply so\n\n2 am, very") == []
    )


def test_some_words_are_for_pages_alone():
    assert found("It is made anew. It does.", is_page=False) == []
    assert found("It simply is.", is_page=False)[0][2]
    assert not found(LONG, is_page=False)[0][2]


def test_docstrings_and_messages_are_looked_at(tmp_path):
    (tmp_path / "src").mkdir()
    code = '"""Simply."""\n\n\ndef f(x):\n    """Do it."""\n    raise ValueError(f"x is {x}; " "just give one.")\n'
    (tmp_path / "src/a.py").write_text(code)
    texts = [(text.line, text.words) for text in language.of_code(tmp_path)]
    assert sorted(texts) == [(1, "Simply."), (5, "Do it."), (6, "x is X; just give one.")]


def test_the_command_names_what_is_refused(tmp_path, capsys):
    for folder in ("docs", "gallery/one"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "docs/words.toml").write_text((ROOT / "docs/words.toml").read_text())
    (tmp_path / "gallery/one/page.py").write_text(
        '"""\nTitle\n=====\n\nIt just is.\n"""\n\nx = 1\n# %%\n\nask("Is it?", 1, choices={1: "Of course."})\n'
    )
    (tmp_path / "README.md").write_text(f"# A\n\nOf course. {LONG}\n")
    assert language.main(tmp_path / "docs", []) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines[:-1]] == [
        "gallery/one/page.py:5",
        "gallery/one/page.py:11",
        "README.md:3",
    ]
    assert lines[-1] == "language: 4 texts, 3 findings refused, 1 more (--all lists them)"
    (tmp_path / "README.md").write_text(f"# A\n\n{LONG}\n")
    (tmp_path / "gallery/one/page.py").unlink()
    assert language.main(tmp_path / "docs", ["--all"]) == 0
    assert capsys.readouterr().out.startswith("README.md:3: ")


def test_spelling_is_looked_at_with_the_settings_of_the_project(tmp_path):
    (tmp_path / "a.md").write_text("T" + "eh axis of a coo tensor.\n")
    command = [sys.executable, "-m", "codespell_lib", "--toml", str(ROOT / "pyproject.toml"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 65
    assert "==> The" in done.stdout
    assert "coo" not in done.stdout

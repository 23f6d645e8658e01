"""What torch refuses is kept in rows, shown in tables with an anchor for each row, and found by the search."""

import json
import re
from pathlib import Path

import pytest
import torch
from docutils import nodes

from pipeline import databases, refused
from pipeline.form import refused_table
from pipeline.search import data, index
from ptguide._explaining._answer import explain_error

ROOT = Path(__file__).parents[2]
KEPT = json.loads((ROOT / "docs" / refused_table.FILE).read_text(encoding="utf-8"))
ROWS = KEPT["rows"]


def test_each_row_has_a_message_a_call_and_an_anchor_of_its_own():
    assert len(ROWS) > 250
    assert len({row["anchor"] for row in ROWS}) == len(ROWS)
    assert all(row["anchor"] == nodes.make_id(row["anchor"]) for row in ROWS)
    for row in ROWS:
        assert re.match(r"[A-Z]\w*Error: \S", row["message"])
        assert row["names"]
        assert row["call"]
        assert not re.search(r" at 0x|<lambda>", json.dumps(row))
    assert sum(bool(row["rule"] and row["changes"]) for row in ROWS) / len(ROWS) > 0.75


def test_the_page_shows_each_group_once():
    page = (ROOT / "docs/reference/messages_of_torch.md").read_text(encoding="utf-8")
    shown = re.findall(r"\{refused-table\} (.*)", page)
    assert sorted(shown) == sorted({row["group"] for row in ROWS})
    assert re.findall(r"^## (.*)", page, re.MULTILINE) == shown


@pytest.mark.slow
@pytest.mark.skipif(torch.__version__.partition("+")[0] != KEPT["torch"], reason="the rows are those of another torch")
def test_rows_are_those_of_this_torch(tmp_path):
    text = json.dumps(KEPT, indent=1, ensure_ascii=False)
    (tmp_path / refused_table.FILE).write_text(f"{text}\n", encoding="utf-8")
    assert refused.main(tmp_path, ["--check"]) == 0


def test_command_says_how_it_is_used(tmp_path, capsys, monkeypatch):
    assert refused.main(tmp_path, ["--what"]) == 2
    assert "python -m pipeline refused [--check]" in capsys.readouterr().err
    monkeypatch.setattr(refused, "rows", lambda: iter([ROWS[0]]))
    assert refused.main(tmp_path, []) == 0
    assert json.loads((tmp_path / refused_table.FILE).read_text())["rows"] == [ROWS[0]]
    monkeypatch.setattr(refused, "rows", lambda: iter([ROWS[1]]))
    assert refused.main(tmp_path, ["--check"]) == 1


# --- The calls ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "name", "args", "words", "code"),
    [
        (torch.topk, "topk", [torch.zeros(3), 4], {}, "torch.topk(x, 4)"),
        (
            torch.conv1d,
            "nn.functional.conv1d",
            [torch.zeros(3)],
            {"padding": (1,)},
            "torch.nn.functional.conv1d(x, padding=(1,))",
        ),
        (lambda x: x, "cauchy", [torch.zeros(3), 0, -1], {}, "x.cauchy_(0, -1)"),
        (lambda x: x, "view", [torch.zeros(3), (2, 2)], {}, "x.view((2, 2))"),
        (
            lambda x: x,
            "nn.functional.embedding",
            [torch.zeros(3), torch.zeros(2)],
            {},
            "torch.nn.functional.embedding(y, x)",
        ),
        (torch.linalg.cross, "linalg.cross", [torch.zeros(3)], {"dim": 1}, "torch.linalg.cross(x, dim=1)"),
        (torch.nn.Dropout, "nn.Dropout", [1.5], {}, "torch.nn.Dropout(1.5)"),
        (torch.nn.Dropout(0.5), "nn.Dropout", [torch.zeros(3)], {}, "layer(x)"),
        (torch.optim.SGD, "SGD", [[torch.zeros(3)]], {"lr": -1}, "torch.optim.SGD(x, lr=-1)"),
    ],
)
def test_calls_are_written_as_in_a_script(operation, name, args, words, code):
    assert databases.written("operations", name, operation, args, words).code == code


def test_a_call_is_raised_as_if_a_script_had_made_it():
    call = databases.written("operations", "topk", torch.topk, [torch.zeros(3), 4], {})
    error = databases.raised(call)
    assert "train.py, line 1: torch.topk(x, 4)" in str(explain_error(error))
    assert databases.raised(databases.written("operations", "topk", torch.topk, [torch.zeros(3), 2], {})) is None


# --- The page -------------------------------------------------------------------------------------------------------


def test_a_row_is_a_section_for_the_search_and_its_message_one_of_the_page():
    document = nodes.document("", "")
    section = nodes.section("", nodes.title("", "Messages"), ids=["messages"])
    table = refused_table.Table()
    table += [refused_table.row_of(row) for row in ROWS[:2]]
    section += table
    document += section
    found = data.sections_of(document)
    assert [one["anchor"] for one in found] == ["", ROWS[0]["anchor"], ROWS[1]["anchor"]]
    assert found[1]["title"] == ", ".join(ROWS[0]["names"])
    assert ROWS[0]["changes"][0] in found[1]["text"]
    words = " ".join(re.findall("[a-z_]+", ROWS[1]["message"].partition(": ")[2].lower()))
    assert words in index.messages(" ".join(one["output"] for one in found))


def test_row_is_written_with_its_anchor_and_nothing_of_it_is_markup():
    row = {"anchor": "a", "message": "ValueError: <b>", "call": "f(x)", "given": ["x is 1"], "names": ["f", "g"]}
    row |= {"rule": "one\ntwo", "changes": ["f(x < 1), which gives (2,)", "shape (3,) for x"]}
    html = refused_table.written(row)
    assert html.startswith('<tr id="a">')
    assert "ValueError: &lt;b&gt;" in html
    assert "<code>f(x &lt; 1)</code>, which gives (2,)" in html
    assert "one<br>two" in html
    assert "Also: g" in html
    assert "No change" not in html
    assert "No change of one argument" in refused_table.written(row | {"changes": [], "rule": ""})


def test_a_page_shows_the_rows_of_a_group_and_an_unknown_group_is_named(minisite):
    kept = {"torch": "2.0", "rows": [row for row in ROWS if row["group"] == "Axes"][:2]}
    minisite.write("docs/refused.json", json.dumps(kept))
    minisite.write("docs/table.md", "# Table\n\n```{refused-filter}\n```\n\n```{refused-table} Axes\n```\n")
    minisite.edit("docs/index.md", "```{toctree}\n", "```{toctree}\ntable\n")
    minisite.build("-Dpages_update_outputs=1")
    html = minisite.html("table.html")
    assert [f'<tr id="{row["anchor"]}">' in html for row in kept["rows"]] == [True, True]
    assert "ptg-refused-filter" in html
    assert "The messages are those of torch 2.0." in html
    minisite.edit("docs/table.md", "Axes", "Nothing")
    told = minisite.build(ok=False)
    assert "has no group 'Nothing'; it has: Axes." in told

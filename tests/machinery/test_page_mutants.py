"""The changes of pages are real ones, and what notices none of them is told from what does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from page_changes import changes  # noqa: E402

CODE = {
    "x = [True, 0.5, 'a', None]": ["x = [False, 0.5, 'a', None]", "x = [True, 1.0, 'a', None]"],
    "y = a.zeros(b) < c": ["y = a.ones(b) < c", "y = a.zeros(b) <= c"],
    "f(a, b, c=d)": ["pass", "f(b, a, c=d)", "f(a, b)"],
    "a[b] -= -c": ["pass"],
    "assert a == 3": [],
    "with expect_error(Wrong, match='1'):\n    f(2)": [
        "with expect_error(Wrong, match='1'):\n    pass",
        "with expect_error(Wrong, match='1'):\n    f(3)",
    ],
    "ä = 'ö' + 1": ["ä = 'ö' - 1", "ä = 'ö' + 2"],
}
TEXT = {
    "Shape (3, 4) has 1,234.5 rows.": [
        "Shape (4, 4) has 1,234.5 rows.",
        "Shape (3, 5) has 1,234.5 rows.",
        "Shape (3, 4) has 1,234.6 rows.",
        "Shape (3, 4) has 1,234.5 columns.",
    ],
    "``x[:, 2]`` and (4) :val:`5 <6>`": [
        "``x[:, 3]`` and (4) :val:`5 <6>`",
        "``x[:, 2]`` and (5) :val:`5 <6>`",
        "``x[:, 2]`` and (4) :val:`6 <6>`",
        "``x[:, 2]`` and (4) :val:`5 <7>`",
    ],
    "A float32 of `max`, 9.": ["A float64 of `max`, 9.", "A float32 of `min`, 9.", "A float32 of `max`, 7."],
    ":ref:`first <of-2>` https://x.org/3 Conv2d": [],
}


@pytest.mark.parametrize("code", CODE)
def test_changes_of_code(code):
    assert [one.apply(code) for one in changes(code)] == CODE[code]


@pytest.mark.parametrize("text", TEXT)
def test_changes_of_texts(text):
    for source in ('"""\n{}\n"""\n\na = b\n', "a = b\n\n# %%\n# {}\n\nb = a  # 1 float32\n"):
        assert [one.apply(source.format(text)) for one in changes(source.format(text))] == [
            source.format(changed) for changed in TEXT[text]
        ]
        assert all(one.where == "text" for one in changes(source.format(text)))


def test_what_nothing_notices_is_listed(minisite):
    minisite.page(
        "other",
        """
        a = 2
        assert a + 1 < 3.5
        print(a)
        unused = 5

        # %%
        # A time, of 7, and 1.

        # Measured
        print(7)
        """,
    )
    minisite.build("-Dpages_update_outputs=1")
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "page_mutants.py", "--docs", minisite.root / "docs", "--all", "one/other"],
        env={**os.environ, "PTGUIDE_ROOT": str(ROOT), "PYTHONPATH": str(minisite.root / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    survivors = [line.strip() for line in done.stdout.splitlines() if line.startswith("  + ")]
    assert survivors == ["+ # A time, of 7, and 2.", "+ pass", "+ print(8)"]  # of the cell that measures
    assert "1 more changed nothing" in done.stdout  # what is unused
    assert "code, constant                2    50.0%" in done.stdout
    assert "code: 50.0% noticed, goal 95%" in done.stdout
    assert "text, number to 12            2    50.0%" in done.stdout  # 2 stands in the cell before

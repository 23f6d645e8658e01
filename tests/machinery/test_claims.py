"""A claim that does not count stops the build: one that never held, that failed unseen, or that cannot fail."""

import re
from unittest.mock import Mock

import pytest

from pipeline.running import runner, snippets, tolerance
from pipeline.running.claims import Claim, Claims
from pipeline.running.watching import marks

HOLDS = "\nassert len('abc') == 3"
NEVER = "a claim never held"
CANNOT = "the claim cannot fail"
UNSEEN = "a claim failed, and the page went on"
# The code of a page (it begins on line 11), the line that is named, and what is said.
BAD = {
    "under_a_condition": ("x = 1\nif x == 2:\n    assert x == 1", 13, f"{NEVER}.*line 13: assert x == 1"),
    "in_a_function": ("def check():\n    assert len('ab') == 2\n\n\nassert check", 12, NEVER),
    "loop_over_nothing": ("for x in []:\n    assert x == 1", 12, NEVER),
    "all_of_nothing": ("assert all(x == 1 for x in [])", 11, "the claim is about nothing"),
    "behind_the_error": (
        "from ptguide.errors import expect_error\n\nwith expect_error(ValueError, match='invalid literal'):\n"
        "    int('a')\n    assert int('2') == 2",
        15,
        NEVER,
    ),
    "on_no_gpu": (
        "import torch\n\nif torch.cuda.is_available():\n    assert torch.cuda.device_count() == 1",
        14,
        NEVER,
    ),
    "marked_in_vain": ("assert len('ab') == 2  # only on a GPU", 11, "'# only on a GPU', and it held on a CPU"),
    "mark_on_nothing": ("x = 1  # only on a GPU", 11, "stands beside no claim"),
    "caught": ("try:\n    assert 1 + 1 == 3\nexcept AssertionError:\n    pass", 12, f"{UNSEEN}.*assert 1 \\+ 1 == 3"),
    "caught_call": (
        "from torch.testing import assert_close\n\ntry:\n    assert_close([1.0], [2.0])\nexcept Exception:\n    pass",
        14,
        UNSEEN,
    ),
    "suppressed": ("import contextlib\n\nwith contextlib.suppress(AssertionError):\n    assert 1 + 1 == 3", 14, UNSEEN),
    "caught_once": (
        "for x in (1, 2):\n    try:\n        assert x == 1\n    except AssertionError:\n        pass",
        13,
        f"{UNSEEN}.*x is 2",
    ),
    "expected_as_another": (
        "from ptguide.errors import expect_error\n\nwith expect_error(Exception, match='no sum'):\n"
        "    assert 1 + 1 == 3, 'no sum'",
        14,
        UNSEEN,
    ),
    "in_a_thread": (
        "import threading\n\n\ndef check():\n    assert 1 + 1 == 3\n\n\nthreading.excepthook = print\n"
        "thread = threading.Thread(target=check)\nthread.start()\nthread.join()",
        15,
        UNSEEN,
    ),
    "in_an_executor": (
        "from concurrent.futures import ThreadPoolExecutor\n\n\ndef check():\n    assert 1 + 1 == 3\n\n\n"
        "with ThreadPoolExecutor() as pool:\n    pool.submit(check)",
        15,
        UNSEEN,
    ),
    "in_a_process": (
        "import multiprocessing\n\n\ndef check():\n    assert 1 + 1 == 3\n\n\n"
        "child = multiprocessing.get_context('fork').Process(target=check)\nchild.start()\nchild.join()",
        15,
        UNSEEN,
    ),
    "in_a_spawned_process": (
        "import multiprocessing\n\n\ndef check():\n    assert 1 + 1 == 3\n\n\nif __name__ == '__main__':\n"
        "    child = multiprocessing.get_context('spawn').Process(target=check)\n    child.start()\n    child.join()",
        15,
        NEVER,
    ),
    "itself": ("x = 1\nassert x == x", 12, CANNOT),
    "itself_close": ("import torch\n\nx = torch.ones(2)\ntorch.testing.assert_close(x, x)", 14, CANNOT),
    "constant": ("assert True", 11, f"{CANNOT}: True is always true"),
    "pair": ("a, b = 1, 2\nassert (a == 1, 'a is not 1')", 12, CANNOT),
    "generator": ("assert (x == 1 for x in (2, 3))", 11, CANNOT),
    "or_true": ("x = 1\nassert x == 2 or 'two'", 12, CANNOT),
    "wide": (
        "import torch\n\ntorch.testing.assert_close(torch.full((2,), 0.3), torch.full((2,), 0.1), atol=0.25, rtol=0)",
        13,
        f"{CANNOT}: atol is 0.25, and no expected value is larger than 0.1",
    ),
    "wide_part": (
        "import torch\n\nx = torch.ones(2)\nassert torch.allclose(x, x + 0.5, rtol=1)",
        14,
        f"{CANNOT}: rtol is 1",
    ),
    "any_error": (
        "from ptguide.errors import expect_error\n\nwith expect_error(ValueError):\n    int('a')",
        13,
        "accepts every message",
    ),
    "overlooks": ("import warnings\n\nwarnings.simplefilter('ignore')", 13, "expect_warning"),
    "overlooks_some": (
        "import warnings\n\nwarnings.filterwarnings('default', module='torch')",
        13,
        "expect_warning",
    ),
    "beside_itself": (
        "from pathlib import Path\n\nPath(__file__).with_name('left.txt').write_text('x')",
        None,
        "leaves files outside its own folder: .*one/left.txt",
    ),
    "above_its_folder": (
        "import torch\n\ntorch.save(torch.ones(2), '../left.pt')",
        None,
        "leaves files outside its own folder: .*left.pt",
    ),
    "at_home": (
        "from pathlib import Path\n\nPath.home().joinpath('left_by_a_page.txt').write_text('x')",
        None,
        "leaves files outside its own folder: .*left_by_a_page.txt",
    ),
    "ends": (
        "x = 1\n# %%\n# More.\n\nimport os\n\nos._exit(0)",
        15,
        "It ended in the cell that begins on this line",
    ),
    "killed": (
        "x = 1\n# %%\n# More.\n\nimport os\n\nos.kill(os.getpid(), 9)",
        15,
        "It ended in the cell that begins on this line",
    ),
}


@pytest.fixture(scope="module")
def report(copy_of_accepted, tmp_path_factory):
    """Return what one build of all bad pages prints."""
    site = copy_of_accepted(tmp_path_factory.mktemp("weak"))
    for name, (code, _, _) in BAD.items():
        site.page(name, code + HOLDS)  # which alone would make it a good page
    home = site.root / "home"  # below the project, as the system's folder for passing files is allowed
    home.mkdir()
    return site.build(ok=False, HOME=str(home))


@pytest.mark.parametrize("name", BAD)
def test_claim_that_does_not_count_stops_the_build(report, warning_of, name):
    _, line, message = BAD[name]
    said = warning_of(report, name, line)
    assert re.search(message, said, re.DOTALL), said


def test_what_is_right_passes_and_is_counted(minisite):
    code = """
        import multiprocessing

        import torch
        from ptguide.errors import expect_error


        def check(x):
            assert x == 1, "x is not one"


        check(1)
        check(True)
        with expect_error(AssertionError, match="not one"):
            check(2)
        nan = float("nan")
        assert nan != nan
        if torch.cuda.is_available():
            assert torch.cuda.device_count() > 0  # only on a GPU

        # %%
        # More.

        for x in range(40):
            assert x < 40
        torch.testing.assert_close(torch.full((2,), 1e-7), torch.zeros(2), atol=1e-6, rtol=0)
        assert not torch.allclose(torch.zeros(2), torch.ones(2), atol=0.5)


        def in_a_process():
            assert len("ab") == 2


        child = multiprocessing.get_context("fork").Process(target=in_a_process)
        child.start()
        child.join()
        """
    minisite.page("right", code)
    printed = minisite.build("-Dpages_update_outputs=1")
    assert re.search(r"pages: one/right ran in .* s, 7 claims held", printed)
    kept = (minisite.root / "docs/outputs/cpu/one/right.txt").read_text()
    assert "[claims]\n    cell 1: 2 1 1 unchecked\n    cell 2: 40 1 1 1\n" in kept


def test_loop_that_comes_to_be_half_as_long_is_a_difference(minisite):
    minisite.page("loops", "count = len('abcdef')\nfor x in range(count):\n    assert x < 6")
    minisite.build("-Dpages_update_outputs=1")
    minisite.edit("gallery/one/loops.py", "'abcdef'", "'abc'")
    printed = minisite.build(ok=False)
    assert re.search(r"loops\.py:11: WARNING: a claim held another number of times", printed)
    assert "--- kept\ncell 1: 6\n--- now\ncell 1: 3\n" in printed


def test_order_that_only_chance_gives_is_noticed(minisite):
    minisite.page("unordered", "print({str(number) for number in range(50)})" + HOLDS)
    printed = minisite.build("-Dpages_run_twice=1", ok=False)
    assert re.search(r"unordered\.py:11: WARNING: run twice.* sort what comes of a set", printed)


def test_order_of_a_fixed_seed_is_noticed_too(minisite):
    minisite.page("unordered", "print({str(number) for number in range(50)})" + HOLDS)
    printed = minisite.build("-Dpages_run_twice=1", ok=False, PYTHONHASHSEED="0")
    assert "sort what comes of a set" in printed


def test_marks_are_comments_and_no_text():
    text = "assert a  # only on a GPU\nprint('# only on a GPU')\nassert (\n    b  # only on a CPU, as it says\n)\n"
    assert marks(text) == {1: "a GPU", 4: "a CPU"}


def test_claim_of_a_gpu_must_hold_on_one(tmp_path):
    claims = Claims(tmp_path / "claims")
    first = claims.add(Claim(1, 3, "assert first"))
    claims.add(Claim(1, 4, "assert second", "a GPU"))
    claims.hold(first)
    assert claims.settle(on_cpu=True) == {1: [1, "unchecked"]}
    with pytest.raises(AssertionError, match=r"never held(.|\n)*line 4: assert second"):
        claims.settle(on_cpu=False)


@pytest.mark.parametrize(
    ("expected", "tolerances", "wide"),
    [
        (0.5, {"atol": 0.5}, True),
        (0.5, {"atol": 0.4}, False),
        ([0.1, -2.0], {"atol": 1}, False),
        ({"a": (0.1,)}, {"atol": 1}, True),
        (0.0, {"atol": 1e-6}, False),
        (1.0, {"rtol": 1.0}, True),
        (1.0, {"rtol": None, "atol": None}, False),
        ("text", {"atol": 1}, False),
    ],
)
def test_tolerance_is_held_against_the_largest_value(expected, tolerances, wide):
    def assert_close(*_, **__):
        pass

    assert bool(tolerance.too_wide(assert_close, (0, expected), tolerances)) == wide


def test_page_whose_limit_was_lost_is_ended_and_its_last_cell_named(monkeypatch, tmp_path):
    late = runner.forks.ask(snippets.run, ("docstrings", "no.module"), limit=0)  # before any process can have answered
    assert late == {"failure": "still running after 0 s, and nothing in it ended it before"}
    job = Mock(time_limit=1, place_file=tmp_path / "place", line=lambda number: number)
    job.place_file.write_text("15       ")
    monkeypatch.setattr(runner.forks, "ask", lambda *_, **__: late)
    assert runner.in_child(job) == {**late, "line": 15}

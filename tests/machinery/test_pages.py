"""Each page that cannot be trusted stops the build, with its name and its line."""

import json
import re
import subprocess
import sys
import time

import pytest

BAD = {
    "raises": ("x = 1\nraise ValueError('no good')", 12, "ValueError: no good"),
    "claims": ("total = 1 + 2\nassert total == 4", 12, "assert total == 4\n      total is 3"),
    "compares": (
        "a, b = [1], [2]\nassert a == b, 'not the same'",
        12,
        "AssertionError: not the same\nthe claim is false:\n    assert a == b\n      a is [1]\n      b is [2]",
    ),
    "nested": ("def f(n):\n    assert n < 2\n    return n\n\n\nassert f(1) == 1\nf(5)", 12, "n is 5"),
    "warns": ("import warnings\n\nwarnings.warn('old way')\nassert True is not None", 13, "UserWarning: old way"),
    "crashes": ("import os\n\nos.abort()", 13, "its process died"),
    "leaves": ("import sys\n\nsys.exit(0)", 13, "SystemExit"),
    "silent": ("print('nothing claimed')", None, "the page makes no claim"),
    "broken": ("x = 1\ny = = 2", 12, "SyntaxError"),
    "untitled": (
        "import matplotlib.pyplot as plt\n\nplt.plot([1, 2])\nassert plt.get_fignums() == [1]",
        11,
        "figure 1 has no title",
    ),
    "misses_thumbnail": (
        "# sphinx_gallery_thumbnail_path = 'no.png'\nassert 1 + 1 == 2",
        None,
        "sphinx-gallery warns: sphinx_gallery_thumbnail_path",
    ),
    "changing": ("import os\n\nprint(os.getpid())\nassert os.getpid()", 11, "run twice, this cell gave two outputs"),
}


@pytest.fixture(scope="module")
def report(copy_of_accepted, tmp_path_factory):
    """Return what one build of all bad pages prints; it reports each, not only the first."""
    site = copy_of_accepted(tmp_path_factory.mktemp("bad"))
    for name, (code, _, _) in BAD.items():
        site.page(name, code)
    return site.build("-Dpages_run_twice=1", ok=False)


@pytest.mark.parametrize("name", BAD)
def test_bad_page_is_named_with_its_line(report, warning_of, name):
    _, line, message = BAD[name]
    assert message in warning_of(report, name, line)


def test_hanging_page_says_where(minisite):
    minisite.page("hangs", "x = 1\nwhile x:\n    x += 1")
    printed = minisite.build("-Dpages_time_limit=3", ok=False)
    line = re.search(r"gallery/one/hangs\.py:(\d+): WARNING: still running after 3 s, the limit for a page", printed)
    assert line, printed
    assert line[1] in {"12", "13"}


def test_good_pages_beside_bad_ones_are_not_blamed(report):
    assert "alpha.py:" not in report


def test_no_page_sees_another(minisite):
    # The setting is left in a module that the server has imported already, so that only a process apart is clean.
    minisite.page(
        "leaves_traces", "import json\nimport os\n\njson.trace = os.environ['TRACE'] = '1'\nassert json.trace"
    )
    minisite.page(
        "finds_none", "import json\nimport os\n\nassert not hasattr(json, 'trace')\nassert 'TRACE' not in os.environ"
    )
    printed = minisite.build("-Dpages_workers=1", "-Dpages_update_outputs=1")
    assert {"one/leaves_traces", "one/finds_none"} <= minisite.ran(printed)


def test_seed_is_not_shared(minisite):
    minisite.page("unseeded", "import random\n\nprint(random.random())\nassert random.random() < 1")
    printed = minisite.build("-Dpages_run_twice=1", ok=False)
    assert re.search(r"unseeded\.py:11: WARNING: run twice, this cell gave two outputs", printed)


def test_page_starts_processes_as_a_script_does(minisite):
    script = "import multiprocessing; print(multiprocessing.get_start_method())"
    usual = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    minisite.page("starts", f"import multiprocessing\n\nassert multiprocessing.get_start_method() == {usual!r}")
    minisite.build("-Dpages_update_outputs=1")


def test_measured_cell_may_differ(minisite):
    minisite.page(
        "measures", "# Measured here; yours will differ.\nimport os\n\nprint(os.getpid())\nassert os.getpid()"
    )
    minisite.build("-Dpages_update_outputs=1")
    assert "measured" in (minisite.root / "docs/outputs/cpu/one/measures.txt").read_text()
    minisite.edit("gallery/one/measures.py", "Intro.", "Another intro.")  # it runs again, and prints another number
    assert minisite.ran(minisite.build()) == {"one/measures"}


def test_claim_that_is_shown_failing_prints_what_a_download_of_the_page_prints(minisite):
    code = """
        from ptguide.errors import expect_error


        def with_words(x):
            assert x == 2, "not two"


        def without(x):
            assert x == 2


        for check, words in ((with_words, "^not two$"), (without, "^$")):
            check(2)
            with expect_error(AssertionError, match=words):
                check(3)
        """
    minisite.page("shows_failing", code)
    minisite.build("-Dpages_update_outputs=1")
    printed = (minisite.root / "docs/outputs/cpu/one/shows_failing.txt").read_text()
    assert "\n    AssertionError: not two\n    AssertionError:\n" in printed


def test_card_of_a_page_shows_its_picture_or_else_what_it_prints(minisite):
    drawing = "plt.plot([3, 4])\nplt.title('It rises')\nplt.show()\nassert 1 + 1 == 2"
    minisite.page("shown", f"import matplotlib.pyplot as plt\n\n{drawing}")
    minisite.build("-Dpages_update_outputs=1")
    images = minisite.root / "docs/guide/one/images"
    made = {path.name for path in images.rglob("*shown_*")}
    assert made == {"sphx_glr_shown_001.png", "sphx_glr_shown_thumb.png"}
    minisite.edit(
        "gallery/one/shown.py", f"import matplotlib.pyplot as plt\n\n{drawing}", "print('3 < 4')\nassert 3 < 4"
    )
    minisite.build("-Dpages_update_outputs=1")
    assert {path.name for path in images.rglob("*shown_*")} == {"sphx_glr_shown_thumb.svg"}
    card = (images / "thumb/sphx_glr_shown_thumb.svg").read_text()
    assert 'aria-label="The page prints: 3 &lt; 4"' in card
    assert ">3 &lt; 4</text>" in card


def test_what_a_page_starts_ends_with_it(minisite):
    code = (
        "import subprocess\n\nchild = subprocess.Popen(['sleep', '600'])\nopen('/dev/null').close()\nassert child.pid\n"
    )
    code += f"with open({str(minisite.root.parent / 'pid')!r}, 'w') as file:\n    file.write(str(child.pid))\n"
    minisite.page("starts", code)
    minisite.build("-Dpages_update_outputs=1", ok=True)
    pid = int((minisite.root.parent / "pid").read_text())
    deadline = time.time() + 300
    while time.time() < deadline and _alive(pid):
        time.sleep(0.1)
    assert not _alive(pid)


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_page_that_wants_the_machine_alone_runs_after_the_others(minisite):
    minisite.page(
        "alone",
        "# sphinx_gallery_parallel = False\nimport os\n\nassert os.environ['OMP_NUM_THREADS'] == str(os.cpu_count())",
    )
    minisite.edit("gallery/one/alpha.py", "Twice two.", "Two times two.")
    printed = minisite.build("-Dpages_update_outputs=1")
    assert re.findall(r"^pages: (\S+) ran", printed, re.MULTILINE)[-1] == "one/alone"


def test_provenance_is_under_the_page(minisite):
    record = json.loads((minisite.root / "docs/guide/one/alpha.record.json").read_text())
    html = " ".join(minisite.html("guide/one/alpha.html").split())
    assert record["claims"] == 1
    for fact in ("1 claim held</strong>", record["date"], f"in {record['seconds']:.1f} s", record["device"]):
        assert fact in html
    for name, number in record["versions"].items():
        assert f"{name} {number}" in html
    assert "torch" in record["versions"]


def test_provenance_names_the_commit(minisite):
    def git(*command):
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        return subprocess.check_output(["git", *identity, *command], cwd=minisite.root, text=True).strip()

    minisite.write(".gitignore", "docs/_build\ndocs/guide\n__pycache__\n")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "x")
    minisite.edit("gallery/one/beta.py", "Three.", "Still three.")
    minisite.build()
    assert f"<code>{git('rev-parse', '--short=12', 'HEAD')}+</code>" in minisite.html(
        "guide/one/beta.html"
    )  # the plus: edited since


def test_counts_are_those_of_the_records(minisite):
    assert re.search(r"<p>(<[^<>]*>)?2(</span>)? claims\.</p>", minisite.html("checks.html"))
    assert re.findall(r"<td>.*?>([^<>]+)<(?!td)", minisite.html("checks.html")) == ["Alpha?", "1", "Beta?", "1"]
    minisite.edit("gallery/one/beta.py", 'print("three")', 'print("three")\nassert three != 4')
    minisite.build("-Dpages_update_outputs=1")
    assert re.search(r"<p>(<[^<>]*>)?3(</span>)? claims\.</p>", minisite.html("checks.html"))


def test_page_begins_anew_only_where_its_words_show_that_gloo_crashed(minisite, tmp_path):
    crash = "torch.distributed.elastic: terminate called without an active exception"
    for name, needs, words in (("crashes_twice", 3, crash), ("crashes_always", 9, crash), ("fails_once", 2, "no gloo")):
        code = f"""
            import os
            from pathlib import Path

            tries = Path(os.environ["TRIES"], "{name}")
            tries.mkdir(exist_ok=True)
            Path(tries, str(len(os.listdir(tries)))).touch()
            assert len(os.listdir(tries)) == {needs}, "{words}"
        """
        minisite.page(name, code)
    (tmp_path / "tries").mkdir()
    printed = minisite.build("-Doutputs_check=0", ok=False, TRIES=str(tmp_path / "tries"))
    tries = {path.name: len(list(path.iterdir())) for path in (tmp_path / "tries").iterdir()}
    assert tries == {"crashes_twice": 3, "crashes_always": 3, "fails_once": 1}
    assert set(re.findall(r"one/(\w+)\.py:\d+: WARNING", printed)) == {"crashes_always", "fails_once"}

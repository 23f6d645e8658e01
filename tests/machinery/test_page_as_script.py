"""A page sees in the build what it sees as a script; run a second time, it is the script that readers download."""

import json
import re
import shutil

import pytest

from pipeline.gallery.adapter import Block
from pipeline.running import script
from pipeline.running.claims import NAME, Claims

SEES = """
    import inspect
    import os
    import sys
    from pathlib import Path

    import matplotlib
    import matplotlib.pyplot as plt


    class Thing:
        size = 3


    def found(where):
        return sys.modules["__main__"].__file__ == where


    assert os.listdir() in ([], ["sees.py"])
    assert Path(__file__).name == "sees.py" == Path(sys.argv[0]).name
    assert inspect.getsource(Thing) == "class Thing:\\n    size = 3\\n"
    assert "return sys.modules" in inspect.getsource(found)
    assert found(__file__)
    assert matplotlib.rcParams["lines.linewidth"] == matplotlib.rcParamsDefault["lines.linewidth"] == 1.5
    assert __doc__.strip().startswith("sees?")
    Path("left.txt").write_text("a file of its own")
    print("printed")
    Thing.size;

    # %%
    # What the processes that it starts print is printed, too.

    import subprocess

    status = subprocess.run([sys.executable, "-c", "print('from a process')"]).returncode
    assert status == 0

    # %%
    # Figures.

    plt.plot([3, 4])
    plt.title("It rises")
    plt.show()

    # %%
    # One that is not shown, and one after a comment.

    plt.figure().suptitle("It stands")
    Thing.size  # a value;
"""


def kept(site, page):
    return (site.root / f"docs/outputs/cpu/one/{page}.txt").read_text()


def record(site, page):
    return json.loads((site.root / f"docs/guide/one/{page}.record.json").read_text())


def test_page_sees_what_its_script_sees(minisite):
    (minisite.root / "matplotlibrc").write_text("lines.linewidth: 7\n")  # of whoever builds the site
    minisite.page("sees", SEES)
    minisite.build("-Dpages_update_outputs=1")
    cells = re.split(r"\[cell \d\]\n", kept(minisite, "sees"))[1:]
    lines = [[line for line in cell.strip("\n").split("\n") if "(drawn)" not in line] for cell in cells]
    assert lines == [
        ["    printed"],
        ["    from a process"],
        ["    (picture) It rises"],
        ["    3", "    (picture) It stands"],
    ]
    assert not list(minisite.root.rglob("left.txt"))
    assert {name: record(minisite, "sees")[name] for name in ("runs", "script")} == {"runs": 2, "script": True}
    minisite.edit("gallery/one/sees.py", "Figures.", "Two figures.")
    assert minisite.ran(minisite.build()) == {"one/sees"}
    assert {name: record(minisite, "sees")[name] for name in ("runs", "script")} == {"runs": 1, "script": False}


class Ends:
    """Stands in for what notes the cells."""

    def __init__(self):
        self.shown = []

    def show(self, value):
        self.shown.append(value)

    def end(self):
        self.shown.append("end")


def test_claim_that_ends_a_cell_counts_and_is_shown_as_a_value(tmp_path):
    cells = ["def assert_close(*_):\n    return 7\n", "assert_close(1, 2)\n", "assert_close(1, 2); \n", "# none\n"]
    starts = [1 + "".join(cells[:number]).count("\n") for number in range(len(cells))]
    blocks = [Block("code", cell, start) for cell, start in zip(cells, starts, strict=True)]
    claims, ends = Claims(tmp_path / "claims"), Ends()
    exec(script.compiled("".join(cells), "page.py", blocks, claims), {script.NAME: ends, NAME: claims})
    assert claims.settle(on_cpu=True) == {2: [1], 3: [1]}
    assert ends.shown == ["end", 7, "end", "end", "end"]


IN_THE_WHEEL = "--- first\nFalse\n--- second\nTrue"
# Each passes in the build, and not as the script that readers download; the line is the page's own.
ONLY_IN_THE_BUILD = {
    "helper": (
        "import minihelp\n\nprint('wheel' in minihelp.__file__)\nassert minihelp",
        11,
        IN_THE_WHEEL,
    ),
    "helper_of_a_process": (
        "import subprocess\nimport sys\n\ncode = 'import minihelp; print(\"wheel\" in minihelp.__file__)'\n"
        "print(subprocess.check_output([sys.executable, '-c', code], text=True))\nassert code",
        11,
        IN_THE_WHEEL,
    ),
    "checkout": ("import pipeline\n\nassert pipeline", 11, "No module named 'pipeline'"),
    "sources": ("from pathlib import Path\n\nassert Path(__file__).parent.name == 'one'", 13, "AssertionError"),
    "shown_together": (
        "import matplotlib.pyplot as plt\n\nplt.plot([1, 2])\nplt.title('One')\nassert plt.get_fignums()\n\n"
        "# %%\n# Again.\n\nplt.plot([2, 1])\nplt.title('Two')",
        20,
        "--- first\nText(0.5, 1.0, 'Two')\n(picture) Two\n",
    ),
}


@pytest.fixture(scope="module")
def report(copy_of_accepted, tmp_path_factory):
    """Return what one build of these pages prints."""
    site = copy_of_accepted(tmp_path_factory.mktemp("scripts"))
    for name, (code, _, _) in ONLY_IN_THE_BUILD.items():
        site.page(name, code)
    site.write("src/minihelp/__main__.py", "")  # so that the wheel is another
    return site.build("-Dpages_run_twice=1", ok=False, PYTHONPATH=str(site.root / "src"))


@pytest.mark.parametrize("name", ONLY_IN_THE_BUILD)
def test_page_that_works_in_the_build_alone_is_named_with_its_line(report, warning_of, name):
    _, line, message = ONLY_IN_THE_BUILD[name]
    said = re.sub(r"^    ", "", warning_of(report, name, line), flags=re.MULTILINE)
    assert message in said
    assert "passed once and failed when run again, as its download" in said or "gave two outputs" in said


def test_scripts_run_once_after_their_pages(minisite):
    assert "2 scripts: 2 passed before, 0 now" in minisite.run("scripts")  # in the second run of --update-outputs
    minisite.edit("gallery/one/alpha.py", "Twice two.", "Two times two.")
    minisite.build()
    printed = minisite.run("scripts")
    assert "passed one/alpha\n2 scripts: 1 passed before, 1 now on Python" in printed
    assert "2 passed before, 0 now" in minisite.run("scripts")
    minisite.edit("gallery/one/alpha.py", "Two times two.", "Twice two.")
    minisite.build()
    minisite.edit("docs/outputs/cpu/one/alpha.txt", "four = 4", "four = 5")  # what is kept counts
    for again in ("one/alpha", "one"):  # what failed runs again
        assert "--- kept\nfour = 5, 1.3333\n--- now\nfour = 4, 1.3333" in minisite.run("scripts", again, status=1)
        assert ", 0 failed" in minisite.run("scripts", again, "--any-output")
        assert "--- kept" in minisite.run("scripts", again, status=1)  # for nothing was compared
    shutil.rmtree(minisite.root / "docs/guide/one")
    assert "The site has no run of one/alpha, one/beta" in minisite.run("scripts", status=1)
    assert "there is no page or chapter two" in minisite.run("scripts", "two", status=2)


@pytest.mark.parametrize("name", ["helper", "checkout", "sources"])
def test_script_that_works_in_the_build_alone_fails(minisite, name):
    code, line, message = ONLY_IN_THE_BUILD[name]
    minisite.page(name, code)
    minisite.build("-Doutputs_check=0", PYTHONPATH=str(minisite.root / "src"))
    file = minisite.root / f"docs/outputs/cpu/one/{name}.txt"
    given = "[cell 1]\n    False\n" if name == "helper" else ""
    file.write_text(f"Outputs of one/{name} on cpu, cell by cell. Made by: hand\n{given}")
    printed = minisite.run("scripts", f"one/{name}", status=1, PYTHONPATH=str(minisite.root / "src"))
    assert f"gallery/one/{name}.py:{line}: " in printed
    assert message.replace("first", "kept").replace("second", "now") in printed
    assert "1 scripts: 0 passed before, 0 now" in printed


def test_helper_that_the_server_has_loaded_is_refused(minisite):
    minisite.edit("docs/conf.py", "pages_time_limit", 'pages_preload = ["minihelp"]\npages_time_limit')
    minisite.edit("gallery/one/alpha.py", "Twice two.", "Two times two.")
    printed = minisite.build("-Dpages_run_twice=1", ok=False, PYTHONPATH=str(minisite.root / "src"))
    assert "minihelp was imported before the page; take what imports it out of pages_preload" in printed


def test_file_of_the_project_that_a_page_opens_counts(minisite):
    file = minisite.write("number.txt", "one")
    minisite.page("reads", f"with open({str(file)!r}) as file:\n    assert file.read() == 'one'")
    assert "one/reads" in minisite.ran(minisite.build("-Doutputs_check=0"))
    assert minisite.ran(minisite.build("-Doutputs_check=0")) == set()
    assert list(record(minisite, "reads")["opened"]) == ["number.txt"]
    file.write_text("two")
    assert "file.read() is 'two'" in minisite.build("-Doutputs_check=0", ok=False)


def test_file_that_is_not_there_yet_counts(minisite):
    file = minisite.root / "later.txt"
    code = (
        f"try:\n    print(open({str(file)!r}).close())\nexcept FileNotFoundError:\n    print('none')\nassert 1 + 1 == 2"
    )
    minisite.page("waits", code)
    minisite.build("-Doutputs_check=0")
    assert minisite.ran(minisite.build("-Doutputs_check=0")) == set()
    file.touch()
    assert minisite.ran(minisite.build("-Doutputs_check=0")) == {"one/waits"}

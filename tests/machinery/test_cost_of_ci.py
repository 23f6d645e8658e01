"""What continuous integration costs is counted whole, call by call of nox, as `.ci/run` makes them."""

import collections
import os
import runpy
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CI = runpy.run_path(str(ROOT / "tests/benchmarks/ci.py"))
WORK = "import time\nwhile time.process_time() < 0.5:\n    pass\n"
# The parent kills its child when that has worked, and does not wait for it.
KILLS = f"""
import os, signal, subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-c", {WORK + "print(1, flush=True)" + chr(10) + "time.sleep(900)"!r}],
    stdout=subprocess.PIPE, start_new_session=True,
)
child.stdout.readline()
os.killpg(child.pid, signal.SIGKILL)
os._exit(3)
"""
OUTLIVES = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", {WORK!r}], start_new_session=True)
"""


def in_a_process(code):
    """Run code beside `measure` in a process of its own, whose orphans are not those of the tests."""
    start = f"import runpy, sys; measure = runpy.run_path({str(ROOT / 'tests/benchmarks/ci.py')!r})['measure']\n"
    return subprocess.check_output([sys.executable, "-c", start + textwrap.dedent(code)], text=True)


@pytest.mark.parametrize(("code", "status"), [(WORK, 0), (KILLS, 3), (OUTLIVES, 0)], ids=["child", "killed", "orphan"])
def test_all_that_a_command_starts_is_counted(code, status):
    printed = in_a_process(f"print(*measure([sys.executable, '-c', {code!r}]))")
    got, seconds, processor = map(float, printed.split())
    assert got == status
    assert processor >= 0.5
    assert seconds > 0


def test_each_call_of_nox_is_measured(tmp_path, monkeypatch):
    """The real `.ci/run`, with a nox that does nothing."""
    for name in ("nox", "python", "chromium"):
        (tmp_path / name).write_text("#!/bin/sh\n[ $# = 0 ] || echo 3.99 > /dev/null\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), os.environ["PATH"]]))
    status, costs = CI["run"]([])
    calls = [call for call, _, _ in costs]
    assert status == 0
    assert calls == ["-s tests", "-s lint", "-s docs", "-s site"]
    assert [CI["grows"](call) for call in calls] == [False, False, True, True]
    assert CI["grows"]("-s scripts --force-python 3.13")
    assert not CI["grows"]("-s unit --force-python 3.13")
    assert [call for call, _, _ in CI["run"](["site"])[1]] == ["-s site"]


def test_what_costs_too_much_is_seen(capsys):
    cheap = [("-s tests", 300.0, 500.0), ("-s docs", 200.0, 200.0), ("-s site", 200.0, 150.0)]
    assert CI["report"](cheap, 100)
    printed = " ".join(capsys.readouterr().out.split())
    assert "all 700 850 8.50" in printed
    assert "CPU s for one page more 3.5 4.0" in printed
    assert " minutes for today's 100 pages 11.7 19.6" in printed
    assert " minutes for 250 pages, reckoned 21.7 40.0" in printed
    assert "CPU minutes / 2 for today's 100 pages 7.1 19.6" in printed
    assert "CPU minutes / 2 for 250 pages, reckoned 11.5 40.0" in printed
    assert not CI["report"]([*cheap, ("-s scripts", 10.0, 60.0)], 100)
    assert not CI["report"]([*cheap, ("-s lint", 1000.0, 1.0)], 100)
    assert not CI["report"]([*cheap, ("-s lint", 1.0, 1600.0)], 100)


def test_on_a_busy_machine_processor_time_alone_counts(capsys):
    costs = [("-s tests", 9000.0, 500.0), ("-s site", 9000.0, 350.0)]
    assert not CI["report"](costs, 100, 0.04)
    assert CI["report"](costs, 100, 0.06)
    assert "Others took 6% of the machine's time" in capsys.readouterr().out
    assert not CI["report"]([*costs, ("-s lint", 1.0, 1600.0)], 100, 0.06)


def test_the_share_of_others_is_what_neither_we_nor_nobody_took():
    times = collections.namedtuple("times", "user system idle iowait guest")
    before, after = times(10.0, 5.0, 100.0, 2.0, 1.0), times(70.0, 15.0, 120.0, 12.0, 3.0)  # 100 s, of which 30 idle
    assert CI["share_of_others"](before, after, 60.0) == pytest.approx(0.1)
    assert CI["share_of_others"](before, after, 80.0) == 0.0


def test_the_goal_is_a_line_through_both_figures():
    assert [CI["allowed"](pages) for pages in (103, 250, 397)] == pytest.approx([20, 40, 60])


@pytest.mark.parametrize(
    ("calls", "seconds", "status"),
    [
        (["-s tests", "-s docs --force-python 3.13"], 100.0, 0),
        (["-s tests", "-s docs --force-python 3.13"], 9000.0, 1),
        (["-s tests", "-s docs"], 100.0, 1),  # without the pages on the newest Python
    ],
)
def test_exit_status_says_whether_the_goal_is_met(monkeypatch, capsys, tmp_path, calls, seconds, status):
    costs = [(call, 1.0, seconds) for call in calls]
    scope = CI["main"].__globals__
    monkeypatch.setitem(scope, "run", lambda wanted: (0, costs))
    monkeypatch.setitem(scope, "ROOT", tmp_path)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: None)  # nox -s clean
    for number in range(103):
        (tmp_path / "gallery" / "one").mkdir(parents=True, exist_ok=True)
        (tmp_path / "gallery" / "one" / f"p{number}.py").touch()
    monkeypatch.setattr(sys, "argv", ["ci"])
    assert CI["main"]() == status
    monkeypatch.setattr(sys, "argv", ["ci", "site"])
    assert CI["main"]() == 0
    assert "A part of .ci/run is not judged." in capsys.readouterr().out

"""What measures the build: growth is told from noise, the made site is a whole one, and every process is counted."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import build_speed
import made_site
import usage


def test_what_grows_with_the_square_is_told_from_what_grows_with_the_pages():
    linear = {pages: 20 + 0.05 * pages for pages in (100, 300, 1000)}
    square = {pages: 20 + 0.0001 * pages**2 for pages in (100, 300, 1000)}
    assert build_speed.growth(linear)[1] == pytest.approx(1)
    assert build_speed.growth(square)[1] == pytest.approx(3.25)
    assert build_speed.growth({100: 20.0, 300: 20.1, 1000: 22.0})[1] == pytest.approx(1)  # noise


def test_made_site_has_a_place_for_each_page_also_for_one_added_or_renamed(tmp_path):
    made_site.make(tmp_path, 30)
    made_site.edit(tmp_path)
    made_site.add(tmp_path, 30)
    made_site.rename(tmp_path)
    statements = ast.parse((tmp_path / "docs/conf.py").read_text()).body
    values = {ast.unparse(one.targets[0]): one.value for one in statements if isinstance(one, ast.Assign)}
    order = ast.literal_eval(values["gallery_order"])
    assert order == made_site.order_of(tmp_path)
    assert [len(pages) for pages in order.values()] == [26, 5]
    assert {"page_x", "page_0015_renamed"} <= set(order["chapter_000"])
    labels = [path.read_text().partition(":\n")[0] for path in (tmp_path / "gallery").glob("*/*.py")]
    assert len(set(labels)) == len(labels) == 31


@pytest.mark.skipif(sys.platform != "linux", reason="only there is a process waited for that another has left behind")
def test_processes_that_a_command_leaves_behind_are_counted(tmp_path):
    busy = "import time; end = time.process_time() + 0.5\nwhile time.process_time() < end: pass"
    left = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {busy!r}], stdout=subprocess.DEVNULL)"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:  # is not waited for
        assert usage.measure([sys.executable, "-c", left], tmp_path).cpu >= 0.5
        assert other.poll() is None


def test_command_that_fails_is_said(tmp_path):
    with pytest.raises(SystemExit, match="failed:\nwhy\n"):
        usage.measure([sys.executable, "-c", "print('why'); raise SystemExit(3)"], tmp_path)

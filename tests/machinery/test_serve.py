"""The live server builds again in its own warm process, and goes on after a page that fails."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def served(minisite):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "pipeline", "serve", "--port", str(port)],
        cwd=minisite.root,
        env={**os.environ, "PTGUIDE_ROOT": str(ROOT), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    printed = []
    for line in process.stdout:
        printed.append(line)
        if line.startswith("Open"):
            break
    else:
        pytest.fail("".join(printed))

    def wait_for(path, text):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                page = urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5).read().decode()
                if text in page:
                    return page
            except (OSError, http.client.HTTPException):  # not there yet, or just being written
                pass
            time.sleep(0.1)
        pytest.fail(f"{text!r} did not appear on {path}")

    yield minisite, wait_for
    os.killpg(process.pid, signal.SIGKILL)
    process.stdout.close()
    process.wait()


def test_saved_files_reach_the_browser(served):
    site, wait_for = served
    page = wait_for("guide/one/beta.html", "Three.")
    assert "websocket-reload" in page  # the browser will be told to reload
    time.sleep(1)  # the watcher starts
    site.edit("gallery/one/beta.py", "Three.", "Three is the number.")
    wait_for("guide/one/beta.html", "Three is the number.")
    site.edit("gallery/one/beta.py", "three == 1 + 2", "three == 1 + 3")  # fails; the old page stays
    time.sleep(4)
    page = wait_for("guide/one/beta.html", "Three is the number.")
    assert "1 + 2" in re.sub(r"<[^>]+>", "", page)
    site.edit("gallery/one/beta.py", "three == 1 + 3", "three == 4 - 1")
    wait_for("guide/one/beta.html", '<span class="mi">4</span>')
    site.edit("gallery/one/beta.py", 'print("three")', 'print("a new output")')  # shown before it is accepted
    wait_for("guide/one/beta.html", "a new output\n")
    site.edit("docs/checks.md", "# Checks", "# All checks")
    wait_for("checks.html", "All checks")
    site.edit("src/minihelp/used.py", "Return twice x.", "Return x and x.")  # a helper's docstring, read anew
    wait_for("checks.html", "Return x and x.")

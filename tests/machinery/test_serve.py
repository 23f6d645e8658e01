"""The live server begins with what was built, builds again in its own warm process, and shows what fails."""

import asyncio
import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from pipeline import live

ROOT = Path(__file__).parents[2]
LONG = 300  # seconds, for a machine that is busy with other things


class Served:
    """A site that is served: what its pages show, and what the server says."""

    def __init__(self, site):
        self.site = site
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "pipeline", "serve", "--port", str(self.port)],
            cwd=site.root,
            env={**os.environ, "PTGUIDE_ROOT": str(ROOT), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.printed = []
        self.reader = threading.Thread(target=lambda: self.printed.extend(self.process.stdout), daemon=True)
        self.reader.start()
        self.wait(lambda: any(line.startswith("Open") for line in self.printed), "Open")

    def wait(self, happened, what):
        deadline = time.monotonic() + LONG
        while time.monotonic() < deadline and self.process.poll() is None:
            if happened():
                return
            time.sleep(0.1)
        pytest.fail(f"{what!r} did not come; printed:\n{''.join(self.printed)}")

    def page(self, path):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=LONG).read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()
        except (OSError, http.client.HTTPException):  # not there yet, or just being written
            return ""

    def wait_for(self, path, text, edited=None):
        """Wait until a page shows a text; a file that was edited is touched, for the watcher may have come late."""
        file, before = self.site.root / edited if edited else None, len(self.builds)

        def shows():
            if file and time.time() - file.stat().st_mtime > 3:
                file.touch()
            return text in self.page(path)

        self.wait(shows, f"{text} on {path}")
        if edited:  # the page is there before the build has ended
            self.wait(lambda: len(self.builds) > before, "the end of the build")

    @property
    def builds(self):
        """How many documents each build has read and written."""
        counts = re.findall(r" in [\d.]+ s: (\d+) read, (\d+) written", "".join(self.printed))
        return [(int(read), int(written)) for read, written in counts]

    def stop(self):
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.reader.join()
        self.process.stdout.close()


@pytest.fixture
def serve():
    started = []

    def start(site):
        started.append(Served(site))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def test_saved_files_reach_the_browser(minisite, serve):
    minisite.build()
    served = serve(minisite)
    assert served.builds == [(0, 0)]  # what was built is taken as it is
    served.wait_for("guide/one/beta.html", "websocket-reload")  # the browser will be told to reload
    minisite.edit("gallery/one/beta.py", "Three.", "Three is the number.")
    served.wait_for("guide/one/beta.html", "Three is the number.", "gallery/one/beta.py")
    assert served.builds[1] == (1, 2)  # Sphinx writes the front page each time
    minisite.edit("gallery/one/beta.py", 'print("three")', 'print("a new output")')  # shown before it is accepted
    served.wait_for("guide/one/beta.html", "a new output\n", "gallery/one/beta.py")
    minisite.edit("docs/checks.md", "# Checks", "# All checks")
    served.wait_for("checks.html", "All checks", "docs/checks.md")
    minisite.edit("src/minihelp/used.py", "Return twice x.", "Return x and x.")  # a helper's docstring, read anew
    served.wait_for("checks.html", "Return x and x.", "src/minihelp/used.py")


def test_failure_is_shown_in_the_browser(minisite, serve):
    minisite.build()
    served = serve(minisite)
    minisite.edit("gallery/one/beta.py", "three == 1 + 2", "three == 1 + 3")
    served.wait_for("guide/one/beta.html", "failed at line 12, and is not shown until it runs", "gallery/one/beta.py")
    assert "three is 3" in served.page("guide/one/beta.html")
    assert "gallery/one/beta.py:12: WARNING" in "".join(served.printed)
    minisite.edit("gallery/one/beta.py", "three == 1 + 3", "three == 4 - 1")
    served.wait_for("guide/one/beta.html", '<span class="mi">4</span>', "gallery/one/beta.py")
    minisite.edit("docs/conf.py", '"alpha", "beta"', '"alpha"')
    said = "gallery/one/beta.py has no place: add &#x27;beta&#x27;"
    served.wait_for("", said, "docs/conf.py")
    assert said in served.page("guide/one/alpha.html")  # in the place of every page
    minisite.edit("docs/conf.py", '"alpha"', '"alpha", "beta"')
    served.wait_for("guide/one/alpha.html", "Alpha?", "docs/conf.py")
    served.stop()
    assert "1 passed" not in minisite.build()  # nothing of the failure is left


def test_new_page_and_new_title_are_written_alone(minisite, serve):
    for number in range(4):
        minisite.page(f"more{number}", "assert 1 + 1 == 2")
    minisite.build("-Dpages_update_outputs=1")
    served = serve(minisite)
    minisite.edit("gallery/one/beta.py", "Beta?\n=====", "Gamma?\n======")
    served.wait_for("guide/one/beta.html", "Gamma?", "gallery/one/beta.py")
    assert "Gamma?" in served.page("guide/one/index.html")
    assert served.builds[-1] == (3, 4)  # the page, its chapter, the guide; and the front page
    minisite.page("delta", "assert 1 + 1 == 2")
    served.wait_for("guide/one/delta.html", "delta?", "gallery/one/delta.py")
    assert max(written for _, written in served.builds) <= 5  # also what counts the pages; none of the seven others
    served.stop()
    minisite.build("-Dpages_update_outputs=1")
    assert "Gamma?" in minisite.html("guide/one/alpha.html")  # the finished site names it everywhere


def test_page_that_grows_while_it_is_sent_is_sent_as_long_as_was_said(tmp_path):
    site = live.Site(tmp_path)
    site.out.mkdir(parents=True)
    (site.out / "a.html").write_text("short")
    sent = []

    async def send(message):
        sent.append(message)

    async def ask():
        scope = {"type": "http", "method": "GET", "headers": [], "path": "/a.html"}
        response = await live.Files(site).get_response("a.html", scope)
        (site.out / "a.html").write_text("no longer short")
        await response(scope, None, send)

    asyncio.run(ask())
    length = dict(sent[0]["headers"])[b"content-length"]
    assert b"".join(message.get("body", b"") for message in sent).decode() == "short"
    assert int(length) == len("short")

"""How long does a writer wait? On the site as it is built here: `nox -s docs`, then `nox -s bench -- serve`."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST = 300  # seconds


def start(port: int) -> tuple[subprocess.Popen[str], float]:
    """Start the server; return it, and the seconds until it says where to look."""
    started = time.perf_counter()
    command = [sys.executable, "-u", "-m", "pipeline", "serve", "--port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    for line in server.stdout:
        print(f"  {line}", end="")
        if line.startswith("Open"):
            return server, time.perf_counter() - started
    raise SystemExit("the server has ended")


def shown(address: str, text: str) -> float:
    """Return the seconds until a page shows a text."""
    started = time.perf_counter()
    while time.perf_counter() - started < LONGEST:
        try:
            page = urllib.request.urlopen(address, timeout=LONGEST).read().decode()
        except urllib.error.HTTPError as error:
            page = error.read().decode()
        except (OSError, http.client.HTTPException):  # being written
            page = ""
        if text in page:
            return time.perf_counter() - started
        time.sleep(0.02)
    raise SystemExit(f"{text!r} was not shown within {LONGEST} s")


def main() -> int:
    """Print the table; return 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(prog="nox -s bench -- serve")
    parser.add_argument("--page", default="shapes/stack", help="the page that is edited, and restored at the end")
    parser.add_argument("--port", type=int, default=8765)
    options = parser.parse_args()
    page, record = ROOT / "gallery" / f"{options.page}.py", ROOT / "docs" / "guide" / f"{options.page}.record.json"
    if not record.is_file():
        raise SystemExit("the site is not built: run nox -s docs first")
    address = f"http://127.0.0.1:{options.port}/guide/{options.page}.html"
    text = page.read_text(encoding="utf-8")
    title = text.partition("\n=")[0].rpartition("\n")[2]
    edits = {
        "a text": (text.replace("# Check yourself", "# Edited.\n#\n# Check yourself", 1), "Edited."),
        "a title": (text.replace(title, f"{title[:-1]}!", 1), f"{title[:-1]}!"),
        "a page that fails": (text.replace("assert ", "assert not ", 1), "is not shown until it runs"),
        "the page mended": (text, title),
    }
    running = json.loads(record.read_text(encoding="utf-8"))["seconds"]  # a page that fails has no record of it
    server, seconds = start(options.port)
    rows = [("start on a built site", seconds, 10.0)]
    try:
        for what, (new, sign) in edits.items():
            time.sleep(2)  # the watcher settles
            page.write_text(new, encoding="utf-8")
            seconds = shown(address, sign)
            running = json.loads(record.read_text(encoding="utf-8")).get("seconds", running)
            rows.append((what, seconds, running + 2))
    finally:
        page.write_text(text, encoding="utf-8")
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    print(f"{'from save to browser':<32}{'seconds':>8}{'limit':>8}")
    for what, seconds, limit in rows:
        print(f"{what:<32}{seconds:>8.1f}{limit:>8.1f}")
    return int(any(seconds > limit for _, seconds, limit in rows))


if __name__ == "__main__":
    sys.exit(main())

"""The pictures of TensorBoard show the log that its page writes; the server stops; a missing package is named."""

import hashlib
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
TAKER = runpy.run_path(str(DOCS / "tensorboard_picture.py"))
SOURCE = TAKER["PAGE"].read_text(encoding="utf-8")
NOTE = json.loads(TAKER["NOTE"].read_text(encoding="utf-8"))
ADVICE = "the page writes another log than the pictures show; take them anew: nox -s tensorboard_picture"


def outdated(note: dict, source: str) -> bool:
    return note["code"] != TAKER["fingerprint"](source)


def test_pictures_show_the_log_of_the_page():
    assert not outdated(NOTE, SOURCE), ADVICE


CHANGES = [("lr=0.1", "lr=0.2"), ('"sample/digit"', '"sample/two"'), ("seed(0)", "seed(1)")]


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_changed_log_is_seen(old, new):
    assert old in SOURCE
    assert outdated(NOTE, SOURCE.replace(old, new))


def test_changed_text_is_none():
    assert not outdated(NOTE, SOURCE.replace("# A *run* is one training", "# A *run* is a training"))
    assert not outdated(NOTE, SOURCE.replace("How do I watch training", "How can I watch training"))


def test_page_without_the_mark_is_an_error():
    with pytest.raises(ValueError, match="no line that begins with '# Look at it'"):
        TAKER["fingerprint"](SOURCE.replace("# Look at it", "# Look"))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_picture_is_the_one_that_was_noted_and_small(theme):
    from PIL import Image

    file = TAKER["PICTURES"][theme]
    assert hashlib.sha256(file.read_bytes()).hexdigest() == NOTE["pictures"][theme]
    assert file.stat().st_size < 80_000
    with Image.open(file) as picture:
        assert picture.size == (TAKER["SIZE"]["width"], TAKER["SIZE"]["height"])


def test_note_says_when_and_with_what():
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", NOTE["date"])
    assert set(NOTE["versions"]) == {"tensorboard", "torch", "python"}


def test_server_stops_after_an_error(tmp_path):
    """Only the function itself runs, not the page's training."""
    _, _, rest = SOURCE.partition("@contextlib.contextmanager\n")
    function = "@contextlib.contextmanager\n" + rest.partition("\n\n\n")[0]
    space = {name: __import__(name) for name in ("contextlib", "os", "re", "subprocess", "sys")}
    exec(compile(function, "page", "exec"), space)
    seen = []

    def interrupted():
        with space["tensorboard"](tmp_path) as (server, address):
            seen.extend([server, address, server.poll()])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    server, address, status = seen
    assert address.startswith("http://127.0.0.1:")
    assert status is None, "the server ran inside the block"
    assert server.poll() is not None, "and has ended behind it"
    space["sys"] = type("sys", (), {"executable": "false"})
    with pytest.raises(RuntimeError, match="TensorBoard did not start"), space["tensorboard"](tmp_path):
        pass


def test_page_without_tensorboard_says_how_to_get_it(tmp_path):
    (tmp_path / "tensorboard.py").write_text("raise ModuleNotFoundError(\"No module named 'tensorboard'\")\n")
    (tmp_path / "page.py").write_text(SOURCE, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(DOCS.parent / "src"), "MPLBACKEND": "agg"}
    command = [sys.executable, "page.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last == "ModuleNotFoundError: This page needs TensorBoard; get it with: python -m pip install tensorboard"

"""A notebook that runs in a fork shows what it shows in a kernel, and nothing hides what a reader would miss."""

import os
from pathlib import Path

import notebook_runs
import pytest

from pipeline.running import forks

SHOWN = {
    "printed": ("print(1)\nprint(2)", ["1\n2\n"]),
    "value": ("a = 3\na", ["3"]),
    "value that is not shown": ("a = 3\na;", []),
    "value and print": ("print(1)\n2", ["1\n", "2"]),
    "displayed": ("display('a')\ndisplay('b')", ["'a'", "'b'"]),
    "picture": ("class P:\n    def _repr_svg_(self):\n        return '<svg></svg>'\n\n\nP()", ["<svg></svg>"]),
    "warning": ("import warnings\n\nwarnings.warn('old', UserWarning)", ["UserWarning: old"]),
    "printed by another program": ("import subprocess\n\nsubprocess.run(['echo', 'a'], check=True);", ["a\n"]),
    "printed by a process": (
        "import multiprocessing\n\n"
        "child = multiprocessing.get_context('fork').Process(target=print, args=(7,))\nchild.start()\nchild.join()",
        ["7\n"],
    ),
    "awaited": ("import asyncio\n\nawait asyncio.sleep(0, 5)", ["5"]),
    "empty folder": ("import os\n\nos.listdir()", ["[]"]),
    "figure": ("import matplotlib.pyplot as plt\n\nplt.plot([1, 2]);", ["<Figure size 640x480 with 1 Axes>"]),
}
FAILS = {
    "missing": ("import numpy", "ModuleNotFoundError: No module named 'numpy'"),
    "part of what is missing": ("from numpy.linalg import norm", "ModuleNotFoundError: No module named 'numpy'"),
    "of the checkout": ("import pipeline.gallery.order", "ModuleNotFoundError: No module named 'pipeline"),
    "of the tests": ("import download_checks", "ModuleNotFoundError: No module named 'download_checks'"),
    "broken": ("x = = 1", "SyntaxError"),
    "false": ("assert 1 + 1 == 3", "AssertionError"),
    "ends": ("import os\n\nos._exit(0)", "its process died"),
}


def run(tmp_path: Path, *cells: str, missing: tuple[str, ...] = ()) -> dict:
    """Run cells in an empty folder."""
    notebook_runs.start_server(["numpy"])
    folder, settings = tmp_path / "folder", tmp_path / "settings"
    folder.mkdir()
    backend = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    job = notebook_runs.Job(
        cells=cells,
        folder=str(folder),
        environment={**os.environ, **backend, "IPYTHONDIR": str(settings), "MPLCONFIGDIR": str(settings)},
        helper=str(tmp_path / "helper"),
        checkout=str(Path(__file__).parents[2]),
        missing=frozenset(missing),
    )
    return forks.ask(notebook_runs.run, job, 900) or {"failure": "its process died"}


@pytest.mark.parametrize("name", SHOWN)
def test_cell_shows(tmp_path, name):
    code, wanted = SHOWN[name]
    ((made,),) = run(tmp_path, code).values()
    got = [one.get("text") or one["data"].get("image/svg+xml") or one["data"]["text/plain"] for one in made["outputs"]]
    assert len(got) == len(wanted)
    assert all(part in text for part, text in zip(wanted, got, strict=True)), got


@pytest.mark.parametrize("name", FAILS)
def test_cell_fails(tmp_path, name):
    code, message = FAILS[name]
    answer = run(tmp_path, "a = 1", code, missing=("numpy",))
    assert message in answer["failure"]


def test_what_is_missing_is_not_found_and_the_rest_is(tmp_path):
    code = "import importlib.util, sys\n\nprint(*map(importlib.util.find_spec, ['numpy']), 'numpy' in sys.modules)"
    ((one, _),) = run(tmp_path, code, "import jinja2", missing=("numpy", "scipy")).values()
    assert one["outputs"][0]["text"] == "None False\n"


def test_cells_share_their_names(tmp_path):
    ((_, made),) = run(tmp_path, "a = [1]", "a.append(2)\na").values()
    assert made["outputs"][0]["data"] == {"text/plain": "[1, 2]"}

"""The pipeline is a house one can walk through: each room says what it takes and gives, and knows no other above."""

import importlib
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import pipeline

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(path.parent.name for path in (ROOT / "pipeline").glob("*/__init__.py"))
CONTRACTS = {
    one["id"]: one
    for one in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
}


def test_every_room_has_its_place_on_a_page_s_way():
    assert sorted(pipeline.ROOMS) == FOLDERS


@pytest.mark.parametrize("room", FOLDERS)
def test_a_room_says_what_comes_in_and_what_goes_out(room):
    said = importlib.import_module(f"pipeline.{room}").__doc__
    assert said.index("\n\nIn: ") < said.index("Out: ")


def test_every_module_has_a_layer():
    layers = [name.strip() for layer in CONTRACTS["rooms"]["layers"] for name in layer.split("|")]
    modules = {path.stem for path in (ROOT / "pipeline").glob("[!_]*.py")}
    assert sorted(layers) == sorted(f"pipeline.{name}" for name in {*FOLDERS, *modules})


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the imports of a copy of the pipeline."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--contract", "rooms"]
    return subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False
    )


def test_an_arrow_that_runs_back_is_found(tmp_path):
    shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert lint_imports(tmp_path).returncode == 0
    with (tmp_path / "pipeline/gallery/pages.py").open("a") as file:
        file.write("from pipeline.running import forks\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1
    assert "pipeline.gallery is not allowed to import pipeline.running" in done.stdout

"""Importing the package is quick: what a reader may not have, or does not need, is not loaded."""

import json
import os
import pkgutil
import subprocess
import sys

import pytest

import ptguide

SUBMODULES = sorted(f"ptguide.{module.name}" for module in pkgutil.iter_modules(ptguide.__path__))
HEAVY = {"torchvision", "matplotlib", "sklearn", "tensorboard", "torchmetrics", "safetensors", "IPython"}

# One process imports torch; each module is then imported in a child of its own, which has nothing but torch.
PROBE = """
import importlib, json, os, sys
import torch
loaded = {}
for name in sys.argv[1:]:
    reading, writing = os.pipe()
    if os.fork() == 0:
        importlib.import_module(name)
        with os.fdopen(writing, "w") as out:
            json.dump(sorted({module.partition(".")[0] for module in sys.modules}), out)
        os._exit(0)
    os.close(writing)
    loaded[name] = json.load(os.fdopen(reading))
    os.wait()
print(json.dumps(loaded))
"""


@pytest.fixture(scope="module")
def loaded():
    names = ["ptguide", *(name for name in SUBMODULES if name != "ptguide.__main__")]
    return json.loads(subprocess.check_output([sys.executable, "-c", PROBE, *names], text=True))


@pytest.mark.parametrize("name", ["ptguide", *(name for name in SUBMODULES if name != "ptguide.__main__")])
def test_module_loads_nothing_that_an_import_of_torch_does_not_need(loaded, name):
    assert "ptguide" in loaded[name]
    assert HEAVY & set(loaded[name]) == set()


def test_package_loads_neither_torch_nor_numpy():
    code = "import sys, ptguide; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_probe_sees_what_a_module_loads(tmp_path):
    (tmp_path / "greedy.py").write_text("import tqdm\nimport matplotlib\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    found = subprocess.check_output([sys.executable, "-c", PROBE, "greedy"], text=True, env=environment)
    assert {"tqdm", "matplotlib"} <= set(json.loads(found)["greedy"])

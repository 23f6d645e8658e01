"""
.. _cant-get-attribute-on-main:

AttributeError: Can't get attribute 'Net' on <module '__main__' from 'predict.py'>
==================================================================================

The file names the class ``__main__.Net`` but does not contain its code, and the script that runs now has no class
``Net``. Save the ``state_dict``, and import the class where you load it.
"""

# %%
# Set-up

import contextlib
import io
import os
import re
import runpy
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import torch
from torch import nn

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name).resolve()

TRAIN = """# train.py
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 10)

if __name__ == "__main__":
    torch.save(Net(), "whole.pt")
    torch.save(Net().state_dict(), "weights.pt")
"""
PREDICT = """# predict.py
import torch

model = torch.load("whole.pt", weights_only=False)
"""
BETTER = """# better.py
import torch
from train import Net

model = Net()
model.load_state_dict(torch.load("weights.pt"))
print("loaded", type(model).__name__)
"""
IMPORTED = """# imported.py
import torch
from train import Net

model = torch.load("whole.pt", weights_only=False)
print("loaded", type(model).__name__)
"""
SERVE = """# serve.py
from imported import model
"""
NOTEBOOK = """# a cell of a notebook
import torch
from torch.utils.data import DataLoader, Dataset

class Squares(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, k):
        return k * k

loader = DataLoader(Squares(), num_workers=1, multiprocessing_context="spawn")
next(iter(loader))
"""
# The same code in a new Python, and then once more with the class in a file.
TWICE = """
import contextlib

with contextlib.suppress(RuntimeError):  # the worker has ended
    exec(NOTEBOOK)
from squares import Squares

loader = DataLoader(Squares(), num_workers=1, multiprocessing_context="spawn")
print([k.item() for k in loader])
"""


def run(name):
    """Run a script of the folder as the module __main__; return what it prints, or its error."""
    known, printed = set(sys.modules), io.StringIO()
    sys.path.insert(0, str(folder))
    try:
        with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
            runpy.run_path(name, run_name="__main__")
        return printed.getvalue().strip()
    except AttributeError as error:
        return f"{type(error).__name__}: {error}"
    finally:
        sys.path.remove(str(folder))
        for module in {"train", "imported"} - known:
            sys.modules.pop(module, None)  # the next script imports it for itself


for script in (TRAIN, PREDICT, BETTER, IMPORTED, SERVE):
    name = script.splitlines()[0].removeprefix("# ")
    (folder / name).write_text(script)
assert run("train.py") == ""
results = {name: run(name) for name in ("predict.py", "better.py", "imported.py", "serve.py")}

(folder / "squares.py").write_text(NOTEBOOK.partition("loader =")[0])
notebook = subprocess.run(
    [sys.executable, "-c", f"NOTEBOOK = {NOTEBOOK!r}{TWICE}"],
    cwd=folder,
    env=os.environ | {"OMP_NUM_THREADS": "1"},
    capture_output=True,
    text=True,
    check=True,
)
errors = [line for line in notebook.stderr.splitlines() if re.match(r"\w+Error: ", line)]

# %%

print(PREDICT)
print(results["predict.py"])

# %%
# The first name, ``Net``, is the class that the file asks for. The name after ``on`` is the module that was searched.
# ``__main__`` is Python's name for the script that runs. Here that is ``predict.py``, and the class is in the script
# that saved the file.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ======================================================================  ==============================================
# The message                                                             Fix
# ======================================================================  ==============================================
# :ref:`on module '__main__' from 'predict.py' <main-whole>`              save ``model.state_dict()``, import the class
# :ref:`the same, for a file that you cannot write again <main-rescue>`   put the class into the module that is searched
# :ref:`ModuleNotFoundError: No module named 'models' <main-module>`      ``sys.path``, or the old name of the module
# :ref:`on module 'models' from a file <main-module>`                     the old name for the class
# :ref:`on module '__main__' (built-in), with workers <main-workers>`     the data set in a file of its own
# :ref:`Weights only load failed <weights-only-load-failed>`              the same files, loaded by default
# ======================================================================  ==============================================
#
# .. _main-whole:
#
# The whole model was saved
# -------------------------
#
# If the class is in the script that saves, the file of a whole model names it ``__main__.Net``. The state dict does not
# name ``Net``. Put the class into a file that both scripts import. Keep the training under
# ``if __name__ == "__main__":``. Otherwise the import trains again.

print(TRAIN)
print(BETTER)
print(results["better.py"])
assert results["better.py"] == "loaded Net"

# %%
# .. _main-rescue:
#
# A file that you cannot write again
# ----------------------------------
#
# Pickle, which reads the file, looks the class up in the module ``__main__``. Put it there for the one load, and save
# the state dict. Do not do this with a file that you do not trust: ``weights_only=False`` may run its code.

sys.path.insert(0, str(folder))
from train import Net as TrainedNet

sys.modules["__main__"].Net = TrainedNet
old = torch.load(folder / "whole.pt", weights_only=False)
del sys.modules["__main__"].Net
torch.save(old.state_dict(), folder / "rescued.pt")
print(list(torch.load(folder / "rescued.pt")))
assert torch.equal(torch.load(folder / "rescued.pt")["head.weight"], old.head.weight)

# %%
# .. _main-module:
#
# No module named 'models'
# ------------------------
#
# The class was in a module, and the file names that module. Add the folder that contains ``models`` to ``sys.path``. If
# the module has moved, give Python the old name for it. If the class was renamed, Python finds the module but not the
# class. Give the class its old name as well.

models = types.ModuleType("models")  # stands for models.py, which has moved to networks.py
models.Net = type("Net", (nn.Linear,), {"__module__": "models"})
sys.modules["models"] = models
torch.save(models.Net(64, 10), folder / "moved.pt")
networks = sys.modules.pop("models")

with expect_error(ModuleNotFoundError, match="No module named 'models'"):
    torch.load(folder / "moved.pt", weights_only=False)
sys.modules["models"] = networks  # the old name
assert torch.load(folder / "moved.pt", weights_only=False).weight.shape == (10, 64)

networks.Reader = networks.Net  # the class was renamed
del networks.Net
with expect_error(AttributeError, match="Can't get attribute 'Net' on <module 'models'"):
    torch.load(folder / "moved.pt", weights_only=False)
networks.Net = networks.Reader  # the old name
assert torch.load(folder / "moved.pt", weights_only=False).weight.shape == (10, 64)

# %%
# .. _main-workers:
#
# Workers of a DataLoader in a notebook
# -------------------------------------
#
# A worker that is *spawned* is a new Python. It gets the data set as a pickle, and the cell that defines the class did
# not run in it. Windows and macOS spawn by default. Here Python runs the code without a file, like a notebook. Put
# the class into a file, such as ``squares.py``, and import it. Or use ``num_workers=0``.
#
# .. not looked up: num_workers=0 — the folded cell runs it

print(NOTEBOOK)
print(errors[0])
print("imported from squares.py:", notebook.stdout.strip())
assert errors[0].startswith("AttributeError: Can't get attribute 'Squares' on <module")
assert notebook.stdout.strip() == "[0, 1, 4, 9]"

# %%
# .. use-this::
#
#    Keep the class in a file of its own, ``model.py``, and import it for training and for prediction. Save
#    ``model.state_dict()`` with the settings that make the model. A whole model is enough where the script that saved
#    it loads it again. A state dict costs one more line, which makes the model. Put the data set of a notebook into a
#    file, too.
#
# A common mistake
# ----------------
#
# ``from train import Net`` in the script that loads the whole model silences the message, because the script is
# ``__main__``. A web server or pytest imports the script. Then ``__main__`` is that program, and the error is back.

print(IMPORTED)
print("python imported.py:", results["imported.py"])
print("python serve.py:   ", results["serve.py"])
assert results["imported.py"] == "loaded Net"

# %%
# How this was checked

for name in ("predict.py", "serve.py"):
    assert results[name].startswith(
        "AttributeError: Can't get attribute 'Net' on <module '__main__'"
    )
    assert results[name].endswith(f"from '{name}'>")
# By default torch.load does not look for the class, and has another message.
with expect_error(Exception, match="Unsupported global: GLOBAL __main__.Net"):
    torch.load(folder / "whole.pt")
# The file has the name of the class, and not its code; a state dict has neither.
whole, weights = ((folder / name).read_bytes() for name in ("whole.pt", "weights.pt"))
assert b"__main__" in whole
assert b"nn.Linear(64, 10)" not in whole
assert b"Net" not in weights
# Without workers nothing is pickled.
alone = NOTEBOOK.replace('num_workers=1, multiprocessing_context="spawn"', "num_workers=0")
exec(alone, namespace := {})
assert len(list(namespace["loader"])) == 4
# A class of a function cannot be saved at all.


def make():
    class Local(nn.Linear):
        pass

    return Local(4, 3)


with expect_error(AttributeError, match="local object"):
    torch.save(make(), folder / "local.pt")
torch.save(make().state_dict(), folder / "local.pt")
del sys.modules["models"], sys.modules["train"]
sys.path.remove(str(folder))

# %%
# Check yourself
# --------------

ask(
    "serve.py imports a module that does 'from train import Net' and loads a whole model, saved by 'python train.py'. "
    "In which script is Net looked up?",
    answer=re.search(r"from '(\w+\.py)'", results["serve.py"])[1],
    choices={
        "train.py": "The file holds the name __main__.Net, not the path of the script.",
        "imported.py": "The class is there, under the name of the module imported; the file asks for __main__.",
        "serve.py": "It is the script that runs, so it is __main__.",
    },
)

# %%
# The next question asks what is in a file.

found = {"'Net'": b"Net" in weights, "'head.weight'": b"head.weight" in weights}
(inside,) = (name for name, there in found.items() if there)
ask(
    "weights.pt holds the state dict of a Net with a layer head. Which of these names is in the file?",
    answer=inside,
    choices={
        "'Net'": "A state dict does not know the class, so you can rename it.",
        "'head.weight'": "Each tensor has its name: renaming the layer needs new names in the file.",
    },
)

# %%
# **Exercise.** Rescue old models. ``path`` is a file with a whole model that you trust. Its class was in the module
# ``module``, which is gone. ``classes`` maps the old names to the classes of today. Return the state dict, and leave
# ``sys.modules`` as it was.


def rescue(path, module, classes):
    raise NotImplementedError


def save_whole(module, name, layer):
    """Save a layer as if its class had been in the module."""
    place = sys.modules[module] = types.ModuleType(module)
    kind = type(name, (type(layer),), {"__module__": module})
    setattr(place, name, kind)
    layer.__class__ = kind
    torch.save(layer, folder / f"{module}.pt")
    del sys.modules[module]


layers = {"one": nn.Linear(2, 1), "two": nn.Conv2d(1, 2, 3)}
for name, layer in layers.items():
    save_whole(name, "Old", layer)
cases = [("one", {"Old": nn.Linear}), ("two", {"Old": nn.Conv2d, "Other": nn.ReLU})]


def weights_of(rescuing):
    def run(module, classes):
        state = rescuing(folder / f"{module}.pt", module, classes)
        assert module not in sys.modules
        return torch.cat([tensor.flatten() for tensor in state.values()])

    return run


def known(path, module, classes):
    return layers[module].state_dict()


check(weights_of(rescue), weights_of(known), cases)

# %%
# A module is an object with attributes, and ``sys.modules`` maps names to modules. The ``finally`` takes it out again
# even if the load fails.

# Solution


def rescue(path, module, classes):
    sys.modules[module] = types.ModuleType(module)
    sys.modules[module].__dict__.update(classes)
    try:
        return torch.load(path, weights_only=False).state_dict()
    finally:
        del sys.modules[module]


report = check(weights_of(rescue), weights_of(known), cases)
temporary.cleanup()
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`pytorchstreamreader-failed`, for files that are damaged or no checkpoints.
#
# - Python Software Foundation (2026). `What can be pickled and unpickled?
#   <https://docs.python.org/3/library/pickle.html#what-can-be-pickled-and-unpickled>`__. Classes are written by name.
# - PyTorch contributors (2026). `Saving and loading models
#   <https://docs.pytorch.org/tutorials/beginner/saving_loading_models.html>`__. A state dict beside a whole model.

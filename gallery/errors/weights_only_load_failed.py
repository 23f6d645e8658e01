"""
.. _weights-only-load-failed:

_pickle.UnpicklingError: Weights only load failed. Unsupported global
=====================================================================

The file asks for a class or a function that :func:`torch.load` does not use by default, and the message names it after
``GLOBAL``. Save tensors and plain Python values instead, or allow what you trust.
"""

# %%
# Set-up

import argparse
import dataclasses
import io
import os
import pickle
import re
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.serialization import get_unsafe_globals_in_checkpoint

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.head(self.body(x).relu())


def refused(value, **allowed):
    """Save a value; return what torch.load refuses to build of it, or None if it loads."""
    torch.save(value, folder / "value.pt")
    try:
        torch.load(folder / "value.pt", **allowed)
    except pickle.UnpicklingError as error:
        return re.search(r"GLOBAL (\S+)", str(error))[1]
    return None


model = Net()
path = folder / "model.pt"

# %%

torch.save(model, path)
with expect_error(pickle.UnpicklingError, match="GLOBAL __main__.Net was not an allowed global"):
    torch.load(path)

# %%
# The name after ``GLOBAL`` is what the file asks for. Here it is ``__main__.Net``, a class of your own. Other files ask
# for a class of a package, or for a function of NumPy. The file is not damaged: before release 2.6 the same line
# loaded it.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ======================================================================  ==============================================
# The name after GLOBAL                                                   Fix
# ======================================================================  ==============================================
# :ref:`the class of a model <weights-only-model>`                        save ``model.state_dict()``
# :ref:`numpy._core.multiarray.scalar <weights-only-numpy>`               ``float(np.mean(losses))`` when you save
# :ref:`numpy._core.multiarray._reconstruct <weights-only-numpy>`         ``torch.from_numpy(scores)`` when you save
# :ref:`argparse.Namespace, a settings class <weights-only-settings>`     ``vars(args)``, ``dataclasses.asdict(config)``
# :ref:`a file that you cannot write again <weights-only-allow>`          ``torch.serialization.safe_globals``
# :ref:`FutureWarning: You are using torch.load <weights-only-warning>`   ``weights_only=True``, or a state dict
# :ref:`no GLOBAL: Unsupported operand <pytorchstreamreader-failed>`      get the file again: it is no checkpoint
# ======================================================================  ==============================================
#
# .. _weights-only-model:
#
# The whole model was saved
# -------------------------
#
# A file of a whole model names its classes, and building an object of a class may run code. The state dict of this
# model holds names and tensors, which load by default. If you wrote the old file yourself, read it once with
# ``weights_only=False``, and save its state dict. This needs the class (:ref:`cant-get-attribute-on-main`).

old = torch.load(path, weights_only=False)
torch.save(old.state_dict(), folder / "weights.pt")

loaded = Net()
loaded.load_state_dict(torch.load(folder / "weights.pt"))
print(list(torch.load(folder / "weights.pt")))
assert torch.equal(loaded.head.weight, model.head.weight)

# %%
# .. _weights-only-numpy:
#
# A number or an array of NumPy
# -----------------------------
#
# ``np.mean`` returns a number of NumPy, and it goes into the checkpoint beside the weights. ``float`` turns it into a
# number of Python. An array becomes a tensor by ``torch.from_numpy``.

losses, scores = [0.9, 0.6, 0.3], np.ones(3)
for loss in (np.mean(losses), float(np.mean(losses))):
    checkpoint = {"model": model.state_dict(), "loss": loss}
    print(f"{type(loss).__name__:8}{loss:.1f}  refused: {refused(checkpoint)}")
print("array       refused:", refused({"scores": scores}))
assert refused({"scores": torch.from_numpy(scores)}) is None
assert refused({"loss": np.mean(losses)}).endswith("multiarray.scalar")
assert refused({"loss": float(np.mean(losses))}) is None

# %%
# .. _weights-only-settings:
#
# Settings of a class
# -------------------
#
# Parsed arguments, a dataclass and a path are objects of classes. Save a dictionary of plain values for the first two,
# and a string for the path. A path inside of the arguments needs ``str``, too.


@dataclasses.dataclass
class Config:
    lr: float = 0.1


args, config = argparse.Namespace(lr=0.1), Config()
for value in (args, config, Path("runs")):
    print("refused:", refused({"settings": value}).replace("Windows", "Posix"))
for value in (vars(args), dataclasses.asdict(config), str(Path("runs"))):
    assert refused({"settings": value}) is None

# %%
# .. _weights-only-allow:
#
# A file that you cannot write again
# ----------------------------------
#
# List what the file asks for. ``get_unsafe_globals_in_checkpoint`` does so without running the file. If you know the
# names and trust them, allow them for the one call. The list below has both names, and a message has one at a time. For
# a number of NumPy, the next message names a class of data types.

torch.save({"model": model.state_dict(), "args": args, "config": config}, path)
print(sorted(get_unsafe_globals_in_checkpoint(path)))
with torch.serialization.safe_globals([argparse.Namespace, Config]):
    checkpoint = torch.load(path)
print(checkpoint["args"], checkpoint["config"])
assert refused(args) == "argparse.Namespace"  # outside of the with, nothing has changed

# %%
# .. _weights-only-warning:
#
# FutureWarning: You are using torch.load with weights_only=False
# ---------------------------------------------------------------
#
# An earlier release announced the new default with this warning, quoted from `a thread of 2024
# <https://github.com/mit-han-lab/efficientvit/issues/132>`__. It is about each call that does not name the argument,
# whatever the file holds. Write ``weights_only=True``, and the call does the same before and after the change. A file
# that needs ``False`` is one of the causes above.
#
# .. not tried: each call — the quoted warning says so; whatever the file holds — as before

print(
    "FutureWarning: You are using `torch.load` with `weights_only=False` (the current default "
    "value), which uses the default pickle module implicitly."
)
weights = torch.load(folder / "weights.pt", weights_only=True)
assert weights.keys() == torch.load(folder / "weights.pt").keys() == model.state_dict().keys()
assert refused(model, weights_only=True) == refused(model) == "__main__.Net"

# %%
# .. use-this::
#
#    Save state dicts, tensors, and numbers, strings, lists and dictionaries of Python. The default loads such a file.
#    For a foreign file list its names, and allow those that you know with ``safe_globals``. Use ``weights_only=False``
#    for files that you wrote yourself. The cost is that settings come back as a dictionary, from which you make the
#    object.
#
# A common mistake
# ----------------
#
# The message offers ``weights_only=False``, which silences the error. A file that you downloaded may then call
# functions that its author chose. This one creates a folder. See :ref:`saving-and-loading`.


class Harmless:
    def __reduce__(self):  # how pickle builds the object: by calling this function
        return os.mkdir, (str(folder / "made by the file"),)


torch.save({"weight": torch.ones(3), "extra": Harmless()}, path)
print("asks for:", get_unsafe_globals_in_checkpoint(path)[0].replace("nt.", "posix."))
torch.load(path, weights_only=False)
print("folders:", [entry.name for entry in folder.iterdir() if entry.is_dir()])
assert (folder / "made by the file").is_dir()

# %%
# How this was checked

# The default refused the file, and made no folder.
(folder / "made by the file").rmdir()
assert refused({"extra": Harmless()}).endswith(".mkdir")
assert not (folder / "made by the file").exists()
# A path inside of the arguments is refused, and its string is not.
with_path = argparse.Namespace(lr=0.1, folder=Path("runs"))
assert refused(vars(with_path)) is not None
assert refused(vars(with_path) | {"folder": str(with_path.folder)}) is None
# What loads by default, and what does not.
layer = nn.Linear(6, 5)
adam = torch.optim.Adam(layer.parameters())
schedule = torch.optim.lr_scheduler.OneCycleLR(adam, max_lr=0.1, total_steps=10)
for plain in (
    layer.state_dict(),
    adam.state_dict(),
    schedule.state_dict(),
    torch.get_rng_state(),
    [1, 2.5, "three", None, True, (4, {"five": {6}})],
    torch.float16,
    torch.device("cpu"),
):
    assert refused(plain) is None
for other in (layer, adam, np.float32(0.5), np.int64(7), np.ones(3), Path("runs"), print):
    assert refused(other) is not None
assert refused({"scores": scores.tolist()}) is None
# A module may put other things than tensors into its state dict, and then the default refuses that as well.


class WithExtra(nn.Linear):
    def get_extra_state(self):
        return Path("runs")


assert refused(WithExtra(4, 3).state_dict()) is not None
# A float64 of NumPy is a float for isinstance; what is written still names NumPy.
assert isinstance(np.mean(losses), float)
# Allowing NumPy's numbers takes three names, one of which the list does not have.
torch.save(np.float64(0.5), path)
dtype_class = type(np.dtype("float64"))
names = get_unsafe_globals_in_checkpoint(path)
assert len(names) == 2
scalar = np.float64(0.5).__reduce__()[0]
two = torch.serialization.safe_globals([scalar, np.dtype])
with two, expect_error(pickle.UnpicklingError, match="types allowlisted.*Float64DType"):
    torch.load(path)
with torch.serialization.safe_globals([scalar, np.dtype, dtype_class]):
    assert torch.load(path) == 0.5
# add_safe_globals allows for the rest of the process.
torch.serialization.add_safe_globals([Config])
assert refused(config) is None
torch.serialization.clear_safe_globals()
assert refused(config) == "__main__.Config"
# A file that is no checkpoint has another line.
path.write_text("<!DOCTYPE html>")
with expect_error(pickle.UnpicklingError, match="Unsupported operand 60"):
    torch.load(path)
# pickle_module has the old default.
torch.save(config, path)
assert torch.load(path, pickle_module=pickle) == config

# %%
# Check yourself
# --------------

values = {"0.5": 0.5, "np.float64(0.5)": np.float64(0.5), "torch.tensor(0.5)": torch.tensor(0.5)}
(wrong,) = (name for name, value in values.items() if refused({"loss": value}))
ask(
    "A checkpoint holds one of these as its loss. With which does torch.load(path) fail?",
    answer=wrong,
    choices={
        "0.5": "Numbers of Python are plain values.",
        "np.float64(0.5)": "It is built by a function of NumPy, which the default does not call.",
        "torch.tensor(0.5)": "Tensors are what the default is made for.",
    },
)

# %%
# The next question asks what is still allowed later.

with torch.serialization.safe_globals([Config]):
    inside = refused(config)
ask(
    "with torch.serialization.safe_globals([Config]) loads a file. After the with, the same file is loaded again by "
    "torch.load(path). What happens?",
    answer="it is refused" if inside is None and refused(config) else "it loads",
    choices={
        "it is refused": "The with ends the permission. add_safe_globals keeps it for the rest of the process.",
        "it loads": "That would be so with torch.serialization.add_safe_globals([Config]).",
    },
)

# %%
# **Exercise.** A training loop collects its results in a dictionary, and some are numbers of NumPy. Return a dictionary
# that the default loads, with the same names and the same numbers. (``np.float64`` is a subclass of ``float``, so
# ``isinstance(value, float)`` does not tell the two apart.)


def plain_numbers(results):
    raise NotImplementedError


def read_back(convert):
    def run(results):
        buffer = io.BytesIO()
        torch.save(convert(results), buffer)
        buffer.seek(0)
        loaded = torch.load(buffer)
        assert loaded == results, f"{results} became {loaded}"
        return torch.tensor(list(loaded.values()), dtype=torch.float64)

    return run


def one_by_one(results):
    return torch.tensor([float(value) for value in results.values()], dtype=torch.float64)


cases = [
    ({"epoch": 3, "loss": 0.25},),
    ({"loss": np.float64(0.25)},),
    ({"epoch": np.int64(3), "loss": np.float32(0.5), "lr": 0.1},),
    ({"correct": np.bool_(True), "best": np.mean(losses)},),
    ({"samples seen": 2**53 + 1},),  # no float64 has this value
]
check(read_back(plain_numbers), one_by_one, cases)

# %%
# The classes of NumPy's numbers derive from ``np.generic``. Its method ``item()`` turns those of the cases into numbers
# of Python.

# Solution


def plain_numbers(results):
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in results.items()
    }


report = check(read_back(plain_numbers), one_by_one, cases)
temporary.cleanup()
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`cant-get-attribute-on-main`, an error of loading a whole model.
#
# - PyTorch contributors (2026). `Serialization semantics
#   <https://docs.pytorch.org/docs/stable/notes/serialization.html>`__. What ``weights_only`` allows, and how to allow
#   more.
# - PyTorch contributors (2026). `torch.load <https://docs.pytorch.org/docs/stable/generated/torch.load.html>`__. The
#   reference.

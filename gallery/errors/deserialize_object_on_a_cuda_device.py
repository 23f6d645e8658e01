"""
.. _deserialize-object-on-a-cuda-device:

RuntimeError: Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False
======================================================================================================

Tensors of this file were on a GPU when they were saved, and torch finds no GPU to put them back on. Load the file with
``map_location="cpu"``.
"""

# %%
# Set-up

import io
import pickle
from unittest import mock

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
# On a machine that has a GPU, the page pretends to have none while it loads.
without_gpu = mock.patch("torch.cuda.is_available", return_value=False)
one_gpu = mock.patch.multiple("torch.cuda", is_available=lambda: True, device_count=lambda: 1)


def saved(content, tag, dump=torch.save):
    """Return a file as a machine with a GPU writes it: ``tag`` replaces the name of the device."""
    file = io.BytesIO()
    with mock.patch("torch.serialization.location_tag", return_value=tag):
        dump(content, file)
    file.seek(0)
    return file


def saved_by_turns(content, tags):
    """Return a file whose pieces of memory have different tags."""
    file = io.BytesIO()
    with mock.patch("torch.serialization.location_tag", side_effect=tags):
        torch.save(content, file)
    return file


def refusal(file):
    """Return how torch.load refuses a file whose objects it does not trust."""
    try:
        torch.load(file, map_location="cpu")
    except pickle.UnpicklingError as error:
        return f"UnpicklingError: {str(error).partition('.')[0]}"
    finally:
        file.seek(0)
    raise AssertionError("the file was loaded")


def train_step(model, optimizer):
    F.cross_entropy(model(torch.ones(5, 3)), torch.tensor([0, 1, 2, 3, 0])).backward()
    optimizer.step()


model = nn.Linear(3, 4)
optimizer = torch.optim.Adam(model.parameters())
train_step(model, optimizer)
checkpoint = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 12}

# %%

file = saved(checkpoint, tag="cuda:0")
with without_gpu, expect_error(RuntimeError, match="torch.cuda.is_available\\(\\) is False"):
    torch.load(file)

# %%
# A file of ``torch.save`` holds a *tag* for each piece of memory, the name of its device. To have such a file without a
# GPU, this page writes the tag itself. The numbers are real.
#
# .. longer: 5 screens — each cause has a cell of its own
#
# ===========================================================================  =======================================
# The message says                                                             Fix
# ===========================================================================  =======================================
# :ref:`is_available() is False <deserialize-map>`                             ``map_location="cpu"``
# :ref:`the same, and this machine has a GPU <deserialize-map>`                a build and driver that find it
# :ref:`CUDA device 1 but device_count() is 1 <deserialize-index>`             ``map_location=device``
# :ref:`Weights only load failed <deserialize-whole>`                          save a state dict, not the model
# :ref:`it comes from pickle.load <deserialize-pickle>`                        an unpickler that maps
# ===========================================================================  =======================================
#
# .. _deserialize-map:
#
# The rule
# --------
#
# A device as ``map_location`` replaces the tags. This reaches into dicts, so it moves the state of the optimizer, too.
# Load onto the CPU and copy from there: ``load_state_dict`` writes into the tensors that the model has. If the
# machine has a GPU, ask first :ref:`why torch does not see it <torch-not-compiled-with-cuda-enabled>`.

file.seek(0)
with without_gpu:
    loaded = torch.load(file, map_location="cpu")
print(loaded["model"]["weight"].device, loaded["optimizer"]["state"][0]["exp_avg"].device)

restored = nn.Linear(3, 4)
print(restored.load_state_dict(loaded["model"]))
assert restored.weight is not loaded["model"]["weight"]
assert restored.weight.equal(model.weight)

# %%
# Which device is in the file?
# ----------------------------
#
# ``map_location`` may be a function. It gets each piece of memory, on the CPU, and its tag, and returns the memory to
# use. So it can note which devices an unknown file expects.

file.seek(0)
tags = []


def note(memory, tag):
    tags.append(tag)
    return memory


torch.load(file, map_location=note)
print(len(tags), "pieces of memory from", set(tags))
assert set(tags) == {"cuda:0"}

# %%
# .. _deserialize-index:
#
# A GPU with that number does not exist
# -------------------------------------
#
# The file comes from a machine with more GPUs, or from the second process of a training on several. (The page pretends
# to have one GPU here.) A dict replaces the tags that it names. A device replaces each tag.

second = saved(checkpoint, tag="cuda:1")
with one_gpu, expect_error(RuntimeError, match="device 1 but torch.cuda.device_count"):
    torch.load(second)
for where in ({"cuda:1": "cpu"}, torch.device("cpu"), "cpu"):
    second.seek(0)
    assert torch.load(second, map_location=where)["model"]["weight"].equal(model.weight)

# %%
# .. _deserialize-whole:
#
# A whole model
# -------------
#
# ``torch.save(model)`` stores an object of a class, and ``torch.load`` refuses it first for another reason. By default
# it loads tensors, plain containers and a few types of torch. The device is checked afterwards, so this file needs
# both arguments. Use ``weights_only=False`` for files from people whom you trust with your machine: such a file can
# run code. Save the state dict instead, as on :ref:`saving-and-loading`.

whole = saved(model, tag="cuda:0")
print(refusal(whole))
with without_gpu, expect_error(RuntimeError, match="Attempting to deserialize object on a CUDA"):
    torch.load(whole, weights_only=False)
whole.seek(0)
print(torch.load(whole, map_location="cpu", weights_only=False))

# %%
# .. _deserialize-pickle:
#
# The file is from pickle
# -----------------------
#
# ``pickle.load`` has no ``map_location``. For the memory of a tensor it calls a function of torch, which you can
# replace by one that maps. Here, too, trust the file first, because a pickle can run code.


class ToCpu(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) == ("torch.storage", "_load_from_bytes"):
            return lambda data: torch.load(io.BytesIO(data), map_location="cpu", weights_only=False)
        return super().find_class(module, name)


pickled = saved([model.weight.detach()], tag="cuda:0", dump=pickle.dump)
with without_gpu, expect_error(RuntimeError, match="Attempting to deserialize object on a CUDA"):
    pickle.load(pickled)
pickled.seek(0)
assert ToCpu(pickled).load()[0].equal(model.weight)

# %%
# .. use-this::
#
#    Write ``torch.load(file, map_location="cpu")``, then ``load_state_dict``, and ``model.to(device)`` as you do
#    anyway. The file then loads with or without a GPU. Name a device instead if you need the loaded tensors themselves
#    there. For a while, the numbers are in memory twice, in the loaded tensors and in the model.
#
# A common mistake
# ----------------
#
# ``weights_only=False`` does not choose a device, and it lets the file run code. This file calls ``print`` while it is
# loaded, and could call anything. The default refuses it.


class Greeting:
    def __reduce__(self):
        return print, ("this line was run by the file",)


greeting = saved({"model": Greeting()}, tag="cpu")
print(refusal(greeting))
assert torch.load(greeting, map_location="cpu", weights_only=False) == {"model": None}

# %%
# How this was checked

# A file with an honest tag of this machine loads without map_location.
honest = io.BytesIO()
torch.save(checkpoint, honest)
honest.seek(0)
assert torch.load(honest)["model"]["weight"].equal(model.weight)
# The tag is the difference between the two files: with the right one, the helper gives the same content.
assert torch.load(saved(checkpoint, tag="cpu"))["epoch"] == 12
# Each form of map_location that leads to the CPU gives the same numbers.
for where in ("cpu", torch.device("cpu"), {"cuda:0": "cpu"}, lambda memory, tag: memory):
    file.seek(0)
    with without_gpu:
        found = torch.load(file, map_location=where)
    assert found["epoch"] == 12
    for name, tensor in model.state_dict().items():
        assert found["model"][name].equal(tensor)
# load_state_dict copies.
assert restored.weight.data_ptr() != loaded["model"]["weight"].data_ptr()
# A dict that names another tag does not help, nor does a map_location that names the GPU.
for where in ({"cuda:1": "cpu"}, "cuda", "cuda:0"):
    file.seek(0)
    with (
        without_gpu,
        expect_error(RuntimeError, match="Attempting to deserialize object on a CUDA"),
    ):
        torch.load(file, map_location=where)
# A file with both kinds of tags loads as a whole, or not at all.
both = saved_by_turns([torch.ones(2), torch.zeros(3)], ["cpu", "cuda:0"])
both.seek(0)
with without_gpu, expect_error(RuntimeError, match="Attempting to deserialize object on a CUDA"):
    torch.load(both)
both.seek(0)
assert [one.tolist() for one in torch.load(both, map_location="cpu")] == [[1, 1], [0, 0, 0]]
# A pickled model loads in the same way; two tensors with one memory still have one.
pickled = saved([model, model.weight], tag="cuda:0", dump=pickle.dump)
again, weight = ToCpu(pickled).load()
assert again.weight is weight
assert again.bias.equal(model.bias)
# A few types of torch load by default: sizes, data types, parameters.
plain = io.BytesIO()
torch.save([torch.Size([2]), torch.float16, nn.Parameter(torch.ones(2)), {"a": (1, None)}], plain)
plain.seek(0)
assert torch.load(plain)[1] == torch.float16
# Without the tensors' data: the device meta.
file.seek(0)
assert torch.load(file, map_location="meta")["model"]["weight"].is_meta
# Other accelerators have the same words, or others.
for tag, message in {
    "xpu:0": "object on a XPU device but torch.xpu.is_available",
    "hpu:0": "The HPU device module is not registered",
    "npu:0": "don't know how to restore data location",
}.items():
    no_xpu = mock.patch("torch.xpu.is_available", return_value=False)
    with no_xpu, expect_error(RuntimeError, match=message):
        torch.load(saved(checkpoint, tag))
    assert torch.load(saved(checkpoint, tag), map_location="cpu")["epoch"] == 12
# The optimizer goes on from the loaded state.
other = torch.optim.Adam(restored.parameters())
other.load_state_dict(loaded["optimizer"])
assert other.state[restored.weight]["exp_avg"].device.type == "cpu"
assert other.state[restored.weight]["step"] == 1

# %%
# Check yourself
# --------------


def loads(**arguments):
    file.seek(0)
    with without_gpu:
        try:
            torch.load(file, **arguments)
        except RuntimeError:
            return False
    return True


tried = {
    'map_location="cpu"': loads(map_location="cpu"),
    'map_location="cuda"': loads(map_location="cuda"),
    "weights_only=False": loads(weights_only=False),
}
(helps,) = (argument for argument, works in tried.items() if works)
ask(
    "A file of tensors from a GPU is loaded on a laptop without one. Which argument of torch.load helps?",
    answer=helps,
    choices={
        'map_location="cpu"': "Each tensor goes to the CPU. The tag no longer counts.",
        'map_location="cuda"': "It asks for the device that is missing.",
        "weights_only=False": "It says which objects may be loaded, not where they go.",
    },
)

# %%
# The next question asks about a dict.

file.seek(0)


def result(mapped):
    try:
        with without_gpu:
            torch.load(file, map_location=mapped)
        return "the tensors are on the CPU"
    except RuntimeError as error:
        return type(error).__name__


ask(
    'The tags of a file are "cuda:0". A machine without a GPU calls torch.load(file, map_location={"cuda:1": "cpu"}). '
    "What happens?",
    answer=result({"cuda:1": "cpu"}),
    choices={
        "the tensors are on the CPU": "The dict maps the tag cuda:1 alone, which is not in the file.",
        "RuntimeError": "The tag cuda:0 is not in the dict, so it stays, and that device is missing.",
    },
)

# %%
# **Exercise.** ``data`` are the bytes of a file of ``torch.save``. Return, as a tensor, how many pieces of memory in it
# come from a GPU of NVIDIA. Your code has to run without a GPU.


def from_gpu(data):
    raise NotImplementedError


known = {}
for tag in ("cuda:0", "cpu", "cuda:3", "xpu:0"):
    for size in (1, 2, 4):
        data = saved([torch.rand(3) for _ in range(size)], tag).getvalue()
        known[data] = torch.tensor(size if tag.startswith("cuda") else 0)
data = saved_by_turns(
    [torch.rand(3) for _ in range(5)], ["cpu", "cuda:0", "cpu", "cuda:1", "cuda:0"]
)
known[data.getvalue()] = torch.tensor(3)


def as_saved(data):
    return known[data]


class Saved(bytes):
    """The content of a file, which is named by its length alone."""

    def __repr__(self):
        return f"a file of {len(self)} bytes"


cases = [(Saved(data),) for data in known]
check(from_gpu, as_saved, cases)

# %%
# Note the tags, as above, and count those that begin with ``cuda``.

# Solution


def from_gpu(data):
    tags = []

    def note(memory, tag):
        tags.append(tag)
        return memory

    torch.load(io.BytesIO(data), map_location=note)
    return torch.tensor(sum(tag.startswith("cuda") for tag in tags))


report = check(from_gpu, as_saved, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`device-side-assert-triggered`, an error that the GPU itself raises.
#
# - PyTorch contributors (2026). `torch.load
#   <https://docs.pytorch.org/docs/stable/generated/torch.load.html>`__. The forms of ``map_location``.
# - PyTorch contributors (2026). `Serialization semantics
#   <https://docs.pytorch.org/docs/stable/notes/serialization.html>`__. What a file holds, and what ``weights_only``
#   allows.

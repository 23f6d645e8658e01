"""
.. _expected-all-tensors-to-be-on-the-same-device:

RuntimeError: Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!
============================================================================================================

An operation got tensors that lie in different memories: here one on the first GPU (``cuda:0``) and one in the memory
of the processor (``cpu``). PyTorch does not bring them together by itself. Move the model once and each batch, and make
new tensors where the others are.

==========================================  ===============================================
Usual cause                                 Fix
==========================================  ===============================================
the batch, or the labels, were not moved    ``batch = batch.to(device)``
``batch.to(device)`` on a line of its own   keep the result: ``batch = batch.to(device)``
a tensor made in ``forward``                ``torch.zeros(n, device=x.device)``
a tensor kept as plain attribute            ``self.register_buffer("scale", scale)``
layers in a Python list                     :class:`torch.nn.ModuleList`
weights of the classes, a first state       move them, too; ``criterion.to(device)``
a checkpoint from another machine           ``torch.load(file, map_location=device)``
==========================================  ===============================================
"""

# %%
# This page raises the error also where there is no GPU: on torch's *fake tensors*, which have a shape, a :term:`dtype`
# and a :term:`device`, be it one that the machine lacks, but no data. For them the error is called
# FakeTensorDeviceMismatchError, a kind of RuntimeError. On a GPU the message begins with the same words, and may go on
# in others. Here the devices stand in the order of the operands.

import io

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorDeviceMismatchError, FakeTensorMode
from torch.nn import functional as F

from ptguide.devices import pick_device
from ptguide.errors import expect_error
from ptguide.questions import ask

pretended = FakeTensorMode()
with pretended:
    batch, weight = torch.ones(5, 3), torch.ones(3, 4, device="cuda")
    fig, columns = plt.subplots(ncols=2, figsize=(6, 1.7))
    for column, tensor, name in zip(columns, (batch, weight), ("batch", "weight"), strict=True):
        column.text(0.5, 0.5, f"{name} {tuple(tensor.shape)}", ha="center", va="center")
        column.set(title=f"memory of {tensor.device}", xticks=[], yticks=[])
    fig.suptitle("A product needs both tensors in one memory")
    fig.tight_layout()
    with expect_error(RuntimeError, match="at least two devices, cpu and cuda:0!"):
        batch @ weight
    with expect_error(RuntimeError, match="at least two devices, cuda:0 and cpu!"):
        weight + torch.ones(4)
    assert (batch.to("cuda") @ weight).device == torch.device("cuda:0")
assert issubclass(FakeTensorDeviceMismatchError, RuntimeError)

# %%
# Where this machine has an accelerator, real tensors on it raise the error as well; without one, this cell prints
# nothing.

device = pick_device()
if device.type != "cpu":
    with expect_error(
        RuntimeError, match="Expected all tensors to be on the same device"
    ):  # only on a GPU
        torch.ones(4, device=device) + torch.ones(4)

# %%
# Some operations say which tensor it was, in other words. And some mixtures are allowed: a single number (a tensor
# without axes) on the CPU, positions on the CPU as an index, and a write, such as ``copy_``, which copies from one
# device to the other. The other way round, a number on the GPU in a calculation on the CPU, is refused.

with pretended:
    with expect_error(
        RuntimeError, match="but got weight is on cuda:0, different from other tensors on cpu"
    ):
        nn.Conv1d(3, 4, kernel_size=2, device="cuda")(torch.ones(5, 3, 8))
    assert (weight * torch.tensor(2.0)).device.type == "cuda"
    assert weight[torch.tensor([0, 2])].device.type == "cuda"
    assert torch.empty_like(weight).copy_(torch.ones(3, 4)).device.type == "cuda"
    with expect_error(RuntimeError, match="at least two devices, cpu and cuda:0!"):
        batch * torch.tensor(2.0, device="cuda")

# %%
# Find the tensor
# ---------------
#
# The message names no variable of yours; on a GPU it may name an argument of the operation, such as ``mat1``. Print the
# devices. A model has those of its :term:`parameters <parameter>` and :term:`buffers <buffer>`. Unless you split the
# model between devices on purpose, more than one entry in this set is the fault.


def devices_of(module):
    return {str(tensor.device) for tensor in [*module.parameters(), *module.buffers()]}


with pretended:
    with torch.device("cuda"):  # what is made in this block is made there
        model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    print(f"{devices_of(model) = }, {batch.device = }")
    assert devices_of(model) == {"cuda:0"}

# %%
# Cause 1: the batch or the labels were not moved
# -----------------------------------------------
#
# A :class:`torch.utils.data.DataLoader` gives what the data set gives, mostly tensors on the CPU. Move what the step
# uses. For a module, ``.to()`` changes the module itself. For a tensor it returns the moved one and leaves the first
# where it was: on a line of its own, ``batch.to("cuda")`` has no effect.

with pretended:
    labels = torch.zeros(5, dtype=torch.int64)
    batch.to("cuda")
    assert batch.device.type == "cpu"
    with expect_error(RuntimeError, match="at least two devices"):
        model(batch)
    with expect_error(RuntimeError, match="at least two devices"):
        F.cross_entropy(model(batch.to("cuda")), labels)
    batch, labels = batch.to("cuda"), labels.to("cuda")
    assert F.cross_entropy(model(batch), labels).device.type == "cuda"

# %%
# Cause 2: a tensor made in forward
# ---------------------------------
#
# :func:`torch.zeros`, :func:`torch.arange` and their like make tensors on the CPU unless told otherwise. In a
# ``forward`` take the device, and the dtype, from the input; ``zeros_like`` and ``new_zeros`` do both.


class Noisy(nn.Module):
    def forward(self, x):
        return x + torch.randn(x.shape)


class Mended(nn.Module):
    def forward(self, x):
        return x + torch.randn(x.shape, device=x.device, dtype=x.dtype)


with pretended:
    with expect_error(RuntimeError, match="at least two devices"):
        Noisy()(batch)
    double = batch.double()
    made = Mended()(double), torch.zeros_like(double), double.new_zeros(3)
    assert {(tensor.device, tensor.dtype) for tensor in made} == {(batch.device, torch.float64)}

# %%
# Cause 3: what .to() does not reach
# ----------------------------------
#
# ``model.to(device)`` moves parameters with their gradients, buffers, and those of submodules. A tensor kept as a plain
# attribute stays behind, and so do layers in a Python list, which are no submodules. This needs a second device: the
# accelerator, or else ``meta``, which is a part of torch on each machine, and whose tensors have no data.


class Forgetful(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.ones(3)
        self.layers = [nn.Linear(3, 4)]

    def forward(self, x):
        return self.layers[0](x * self.scale)


elsewhere = device if device.type != "cpu" else torch.device("meta")
forgetful = Forgetful().to(elsewhere)
assert (devices_of(forgetful), forgetful.scale.device.type) == (set(), "cpu")
with expect_error(RuntimeError, match="device"):
    forgetful(torch.ones(5, 3, device=elsewhere))

# %%
# A :term:`buffer` is moved with the model; a :class:`torch.nn.ModuleList` registers its layers. What ``state_dict``
# lists is moved, which makes a quick test. (It leaves out buffers that were registered with ``persistent=False``. These
# are moved as well.)


class Complete(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.ones(3))
        self.register_buffer("unsaved", torch.ones(3), persistent=False)
        self.layers = nn.ModuleList([nn.Linear(3, 4)])

    def forward(self, x):
        return self.layers[0](x * self.scale)


complete = Complete().to(elsewhere)
assert complete(torch.ones(5, 3, device=elsewhere)).device.type == elsewhere.type
assert complete.scale.device.type == complete.unsaved.device.type == elsewhere.type
print(list(forgetful.state_dict()), list(complete.state_dict()))
assert list(complete.state_dict()) == ["scale", "layers.0.weight", "layers.0.bias"]

# %%
# Cause 4: weights of a loss, and a first state
# ---------------------------------------------
#
# A loss with weights for the classes is a module with a buffer: move it like the model. A recurrent network wants its
# input and its first state where its parameters are, and says so in other words.

with pretended:
    weights = torch.tensor([1.0, 9.0])
    with expect_error(RuntimeError, match="at least two devices"):
        nn.CrossEntropyLoss(weight=weights)(model(batch), labels)
    criterion = nn.CrossEntropyLoss(weight=weights.to("cuda"))
    assert criterion(model(batch), labels).device.type == "cuda"
assert nn.CrossEntropyLoss(weight=torch.ones(2)).to(elsewhere).weight.device.type == elsewhere.type
recurrent, steps = nn.GRU(3, 4).to(elsewhere), torch.ones(6, 5, 3)
with expect_error(RuntimeError, match="Input and parameter tensors are not at the same device"):
    recurrent(steps)
with expect_error(RuntimeError, match="Input and hidden tensors are not at the same device"):
    recurrent(steps.to(elsewhere), torch.zeros(1, 5, 4))

# %%
# Cause 5: a checkpoint from another machine
# ------------------------------------------
#
# A saved tensor remembers its device and is loaded there. ``map_location`` loads it where you compute, also if it was
# saved from another device.

file = io.BytesIO()
torch.save({"weight": torch.ones(3, 4, device=device)}, file)
file.seek(0)
assert torch.load(file, map_location="cpu")["weight"].device.type == "cpu"
file.seek(0)
assert torch.load(file)["weight"].device.type == device.type

# %%
# Back to NumPy
# -------------
#
# Arrays of NumPy live in the memory of the processor; :meth:`torch.Tensor.cpu` copies the tensor there.

with expect_error(TypeError, match="Use Tensor.cpu"):
    torch.ones(3, device=elsewhere).numpy()
assert torch.ones(3, device=device).cpu().numpy().tolist() == [1, 1, 1]

# %%
# Try a step before you rent the GPU
# ----------------------------------
#
# Fake tensors go through a model and its loss without a GPU and without arithmetic. So a laptop can tell whether the
# tensors of a step are in one place. Model and data are made with the mode on; the function is the one that will train.
# What passes may fail on the GPU all the same: indices, memory and the backward pass are not tested.


def loss_of(model, batch, labels, device):
    return F.cross_entropy(model(batch.to(device)), labels)  # the labels are forgotten


def loss_mended(model, batch, labels, device):
    return F.cross_entropy(model(batch.to(device)), labels.to(device))


with FakeTensorMode():
    with torch.device("cuda"):
        network = nn.Sequential(nn.Linear(3, 7), nn.BatchNorm1d(7), nn.Linear(7, 2))
    step = (network, torch.ones(5, 3), torch.zeros(5, dtype=torch.int64), "cuda")
    with expect_error(RuntimeError, match="at least two devices"):
        loss_of(*step)
    assert loss_mended(*step).shape == ()

# %%
# Write ``device = pick_device()`` once at the top, and no device by name in other places: then the script can run on a
# CPU and on a GPU. ``pick_device`` is a helper of this guide, which takes the accelerator or else the CPU; in plain
# PyTorch see ``torch.accelerator.current_accelerator``.
#
# Check yourself
# --------------

with pretended:
    x = torch.ones(3)
    x.to("cuda")
    place = str(x.device)
ask(
    "x = torch.ones(3); x.to('cuda'). What is x.device?",
    answer=place,
    choices={
        "cuda:0": "It would be after x = x.to('cuda'); a tensor's .to() returns another tensor.",
        "cpu": "The result of .to() was thrown away.",
    },
)

# %%
# And a model:


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.rest = [nn.Linear(4, 5), nn.Linear(5, 2)]
        self.register_buffer("mean", torch.zeros(3))
        self.deviation = torch.ones(3)


moved = Model().to("meta")
held = {
    "first": moved.first.weight,
    "rest": moved.rest[0].weight,
    "mean": moved.mean,
    "deviation": moved.deviation,
}
behind = tuple(name for name, tensor in held.items() if tensor.device.type == "cpu")
ask(
    "A module has first = nn.Linear(3, 4), rest = [nn.Linear(4, 5), nn.Linear(5, 2)], a buffer mean and "
    "deviation = torch.ones(3). What stays behind when the module is moved?",
    answer=behind,
    choices={
        ("deviation",): "The list stays, too: a module does not look into Python's lists.",
        ("rest", "deviation"): "A list is no ModuleList, and a plain tensor is no buffer.",
        ("mean", "deviation"): "Buffers are moved with the module; that is what they are for.",
    },
)

# %%
# Next: :ref:`backward-through-the-graph-a-second-time`, an error of the backward pass.

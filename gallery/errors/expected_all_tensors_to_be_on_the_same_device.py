"""
.. _expected-all-tensors-to-be-on-the-same-device:

RuntimeError: Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!
============================================================================================================

One tensor is in the memory of the first GPU (``cuda:0``) and another in that of the processor (``cpu``). Move the
model once, move each batch, and make new tensors where the others are.
"""

# %%
# Set-up

import copy
import io

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorDeviceMismatchError, FakeTensorMode
from torch.nn import functional as F

from ptguide.devices import pick_device
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
pretended_gpu = FakeTensorMode()  # Needs torch 2.13: before, it words its errors unlike a GPU

# %%

with pretended_gpu, expect_error(RuntimeError, match="two devices, cuda:0 and cpu!"):
    batch, weight = torch.ones(5, 3, device="cuda"), torch.ones(3, 4)
    batch @ weight

# %%
# Here the devices are named in the order of the operands. This page raises the error without a GPU, with torch's *fake
# tensors*: they have a shape, a :term:`dtype` and a :term:`device`, but no data. On a GPU the message begins with the
# same words, and may name an argument of the operation.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ====================================================================  =============================================
# Usual cause                                                           Fix
# ====================================================================  =============================================
# :ref:`the batch or the labels were not moved <device-batch>`          ``batch = batch.to(device)``
# :ref:`a tensor is made in forward <device-forward>`                   ``torch.randn(x.shape, device=x.device)``
# :ref:`a tensor is a plain attribute <device-attribute>`               ``self.register_buffer("scale", scale)``
# :ref:`layers are in a Python list <device-attribute>`                 ``nn.ModuleList``
# :ref:`weights of a loss <device-attribute>`                           ``criterion.to(device)``
# :ref:`a checkpoint is from another machine <device-checkpoint>`       ``torch.load(file, map_location=device)``
# ====================================================================  =============================================
#
# .. _device-batch:
#
# The rule
# --------
#
# An operation runs where its tensors are, and torch does not bring them together. To add or multiply tensors with axes
# you need :math:`\mathrm{device}(a) = \mathrm{device}(b)`. Print the devices to find the odd one. Here the model is on
# the GPU, and the batch and its labels are on the CPU. Move what the step uses, also the labels.


def devices_of(module):
    return {str(tensor.device) for tensor in module.state_dict().values()}


with pretended_gpu:
    with torch.device("cuda"):  # what is made in this block is made there
        model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    batch, labels = torch.ones(5, 3), torch.zeros(5, dtype=torch.int64)
    print("model", devices_of(model), "batch", batch.device, "labels", labels.device)
    with expect_error(RuntimeError, match="two devices, cpu and cuda:0!"):
        model(batch)
    batch, labels = batch.to("cuda"), labels.to("cuda")
    assert F.cross_entropy(model(batch), labels).device.type == "cuda"

# %%
# .. _device-forward:
#
# A tensor is made in forward
# ---------------------------
#
# :func:`torch.randn`, :func:`torch.arange` and :func:`torch.zeros` make tensors on the CPU unless you name a device.
# Take the device from the input. ``torch.zeros_like`` and ``x.new_zeros`` take both device and dtype from it.


def corrected(x):
    return x + torch.randn(x.shape, device=x.device, dtype=x.dtype)


with pretended_gpu:
    with expect_error(RuntimeError, match="at least two devices"):
        batch + torch.randn(batch.shape)
    for made in (corrected(batch), torch.zeros_like(batch), batch.new_zeros(3)):
        assert (made.device, made.dtype) == (batch.device, batch.dtype)

# %%
# .. _device-attribute:
#
# A plain attribute, or layers in a list
# --------------------------------------
#
# ``model.to(device)`` moves what the module has registered: parameters, buffers and submodules. A plain attribute
# stays behind, and so do layers in a Python list. A loss with weights for the classes is a module with a buffer, so
# move it, too. (``meta`` is a device without data, which replaces a GPU here.)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.plain = torch.ones(3)
        self.register_buffer("buffer", torch.ones(3))
        self.in_list = [nn.Linear(3, 4)]
        self.in_module_list = nn.ModuleList([nn.Linear(3, 4)])


moved = Model().to("meta")
print("plain", moved.plain.device, "buffer", moved.buffer.device)
print("in_list", moved.in_list[0].weight.device)
print("in_module_list", moved.in_module_list[0].weight.device)
with expect_error(RuntimeError, match="device"):
    moved.in_list[0](torch.ones(5, 3, device="meta"))
criterion = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 9.0])).to("meta")
assert criterion.weight.device == moved.buffer.device

# %%
# .. _device-checkpoint:
#
# A checkpoint is from another machine
# ------------------------------------
#
# A saved tensor remembers its device, and ``torch.load`` brings it back there. ``map_location`` loads it where you
# compute, also if this machine lacks the device.

device, file = pick_device(), io.BytesIO()
torch.save({"weight": torch.ones(3, 4, device=device)}, file)
for where in ("cpu", device):
    file.seek(0)
    loaded = torch.load(file, map_location=where)["weight"]
    assert loaded.device.type == torch.device(where).type
print("saved on", device.type, "and loaded on", loaded.device.type)

# %%
# .. use-this::
#
#    Write ``device = pick_device()`` once at the top and no device by name elsewhere. (Without this guide it is
#    ``torch.accelerator.current_accelerator()``, or the CPU if that is ``None``.) Move the model before you make the
#    optimizer, whose state may stay behind. Move each batch at the start of its step. In ``forward`` take the device
#    from the input. A move costs a copy of the tensor, unless it is there already.
#
# A common mistake
# ----------------
#
# ``.to()`` of a module moves the module itself. ``.to()`` of a tensor returns a moved tensor and leaves the first
# where it was. So ``x.to("cuda")`` on a line of its own has no effect: keep the result. See
# :ref:`devices-and-moving-data`.

with pretended_gpu:
    x = torch.ones(5, 3)
    x.to("cuda")
    print("x.to() alone:", x.device)
    x = x.to("cuda")
    print("x = x.to():  ", x.device)
    assert model(x).device == x.device

# %%
# Try a step before you rent the GPU
# ----------------------------------
#
# Fake tensors go through a model and its loss without a GPU and without arithmetic, so a laptop can find this error.
# Memory and values of indices are not tested.


def step(model, batch, labels, device):
    return F.cross_entropy(model(batch.to(device)), labels)  # the labels are forgotten


with FakeTensorMode():
    with torch.device("cuda"):
        network = nn.Sequential(nn.Linear(3, 7), nn.BatchNorm1d(7), nn.Linear(7, 2))
    labels = torch.zeros(5, dtype=torch.int64)
    with expect_error(RuntimeError, match="at least two devices"):
        step(network, torch.ones(5, 3), labels, "cuda")
    assert step(network, torch.ones(5, 3), labels.to("cuda"), "cuda").shape == ()

# %%
# Back to NumPy
# -------------
#
# NumPy's arrays are in the memory of the processor: call ``cpu()`` first.

elsewhere = device if device.type != "cpu" else torch.device("meta")  # meta: a device without data
with expect_error(TypeError, match="Use Tensor.cpu"):
    torch.ones(3, device=elsewhere).numpy()
assert torch.ones(3, device=device).cpu().numpy().tolist() == [1, 1, 1]

# %%
# How this was checked

assert issubclass(FakeTensorDeviceMismatchError, RuntimeError)
if device.type != "cpu":  # the same error, of real tensors
    with expect_error(
        RuntimeError, match="Expected all tensors to be on the same device"
    ):  # only on a GPU
        torch.ones(4, device=device) + torch.ones(4)
# What may be mixed: a number without axes on the CPU, positions on the CPU as an index, copy_. A number on
# the GPU does not mix with a tensor on the CPU.
with FakeTensorMode():
    weight = torch.ones(3, 4, device="cuda")
    assert (weight * torch.tensor(2.0)).device.type == "cuda"
    assert weight[torch.tensor([0, 2])].device.type == "cuda"
    assert torch.empty_like(weight).copy_(torch.ones(3, 4)).device.type == "cuda"
    with expect_error(RuntimeError, match="at least two devices, cpu and cuda:0!"):
        torch.ones(5, 3) * torch.tensor(2.0, device="cuda")
# A move copies, unless the tensor is there already. A buffer that is not saved is moved as well.
x = torch.ones(3)
assert x.to("cpu") is x
assert x.to("cpu", copy=True).data_ptr() != x.data_ptr()
unsaved = nn.Module()
unsaved.register_buffer("mask", torch.ones(3), persistent=False)
assert unsaved.to("meta").mask.device.type == "meta"
assert not unsaved.state_dict()
# An optimizer that makes its state at once keeps it where the model was.
early = nn.Linear(3, 4)
optimizer = torch.optim.Adagrad(early.parameters())
early.to("meta")
assert {state["sum"].device.type for state in optimizer.state.values()} == {"cpu"}
# A convolution names its argument.
with FakeTensorMode(), expect_error(RuntimeError, match="but got weight is on cuda:0"):
    nn.Conv1d(3, 4, kernel_size=2, device="cuda")(torch.ones(5, 3, 8))
# A recurrent layer names its input or its state.
recurrent, steps = nn.GRU(3, 4, device="meta"), torch.ones(6, 5, 3, device="meta")
with expect_error(RuntimeError, match="Input and parameter tensors are not at the same device"):
    recurrent(torch.ones(6, 5, 3))
with expect_error(RuntimeError, match="Input and hidden tensors are not at the same device"):
    recurrent(steps, torch.zeros(1, 5, 4))
assert recurrent(steps, steps.new_zeros(1, 5, 4))[0].device.type == "meta"
# The weights of a loss.
with FakeTensorMode():
    logits, where = (
        torch.ones(5, 2, device="cuda"),
        torch.zeros(5, dtype=torch.int64, device="cuda"),
    )
    with expect_error(RuntimeError, match="at least two devices"):
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 9.0]))(logits, where)
    criterion = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 9.0])).to("cuda")
    assert criterion(logits, where).device.type == "cuda"
# A module's .to() changes the module, and the loss with weights is one with a buffer.
moving = nn.Linear(3, 4)
assert moving.to("meta") is moving
assert moving.weight.device.type == "meta"
assert [name for name, _ in nn.CrossEntropyLoss(weight=torch.ones(2)).named_buffers()] == ["weight"]

# %%
# Check yourself
# --------------

with FakeTensorMode():
    x = torch.ones(3)
    x.to("cuda")
    place = str(x.device)
ask(
    "x = torch.ones(3); x.to('cuda'). What is x.device?",
    answer=place,
    choices={
        "cuda:0": "It would be after x = x.to('cuda'): .to() returns the moved tensor and leaves x.",
        "cpu": "The result of .to() was thrown away.",
    },
)

# %%
# The next question asks about a model.


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.rest = [nn.Linear(4, 5), nn.Linear(5, 2)]
        self.register_buffer("mean", torch.zeros(3))
        self.deviation = torch.ones(3)


moved = Network().to("meta")
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
# **Exercise.** Before you rent a GPU, look for tensors that your model would leave behind. Return, as a tensor, how
# many plain attributes of a module and its submodules are tensors. You need not look into lists.


def left_behind(module):
    raise NotImplementedError


def by_moving(module):
    moved = copy.deepcopy(module).to("meta")
    held = [value for part in moved.modules() for value in vars(part).values()]
    return torch.tensor(
        sum(getattr(value, "device", None) == torch.device("cpu") for value in held)
    )


nested = nn.Sequential(Model(), nn.Sequential(Network(), nn.Linear(2, 3)), nn.BatchNorm1d(3))
cases = [(nn.Linear(3, 4),), (nn.BatchNorm1d(3),), (Model(),), (Network(),), (nested,)]
check(left_behind, by_moving, cases)

# %%
# A module keeps its parameters, buffers and submodules in dictionaries of their own. Among its plain attributes, which
# ``vars`` lists, a tensor is one that was not registered.

# Solution


def left_behind(module):
    values = [value for part in module.modules() for value in vars(part).values()]
    return torch.tensor(sum(isinstance(value, torch.Tensor) for value in values))


report = check(left_behind, by_moving, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`lengths-should-be-on-the-cpu`, an error of tensors that belong on the CPU.
#
# - PyTorch contributors (2026). `CUDA semantics <https://docs.pytorch.org/docs/stable/notes/cuda.html>`__. Where
#   operations run, and what may be mixed.
# - PyTorch contributors (2026). `Fake tensor
#   <https://docs.pytorch.org/docs/stable/torch.compiler_fake_tensor.html>`__. How tensors without data are made.

"""
.. _devices-and-moving-data:

How do I move tensors and models to the GPU?
============================================

A :term:`device` is a memory together with the processor that computes on what lies in it. ``x.to(device)`` makes a copy
in another memory, and gives ``x`` itself back where there is nothing to change. This page shows what moves, what stays
behind, and how one script runs with and without a GPU. You need to know :ref:`storage <strides-and-storage>` and
:ref:`modules <anatomy-of-nn-module>`.
"""

# %%
# Three tensors: ``x``, a copy elsewhere, and what ``x.to("cpu")`` gave. Without a GPU, *elsewhere* is ``meta``: a
# second device that needs no hardware. Its tensors have a shape and a :term:`dtype` and no data, so the rules for
# moving can be seen on it, and nothing computed.

import matplotlib.pyplot as plt
import torch

from ptguide.devices import pick_device

device = pick_device()
elsewhere = device if device.type != "cpu" else torch.device("meta")
x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
y, z = x.to(elsewhere), x.to("cpu")
figure, axes = plt.subplots(ncols=2, figsize=(6.5, 1.8), layout="constrained")
held = "no data" if y.is_meta else y.tolist()
texts = f"x, which is z\n{x.tolist()}", f"y of shape {tuple(y.shape)}\n{held}"
for axis, memory, text in zip(axes, (x.device, y.device), texts, strict=True):
    axis.set(title=f"memory of {memory}", xticks=[], yticks=[])
    axis.text(0.5, 0.5, text, ha="center", va="center")
figure.suptitle(".to() copies into another memory, and else gives the tensor itself")
plt.show()

# %%
# On the CPU there was nothing to change, so ``z`` is ``x``; ``y`` has its shape and dtype, and lives elsewhere.

assert z is x
assert (y.device.type, y.shape, y.dtype) == (elsewhere.type, x.shape, x.dtype)

# %%
# What a device is
# ----------------
#
# :class:`torch.device` is a kind and a number: ``cuda`` for NVIDIA's and AMD's GPUs, ``mps`` for Apple's, ``xpu`` for
# Intel's. It is a name alone, and making one asks nothing of the machine. ``cuda`` without a number means the current
# one, and is not equal to ``cuda:0``: compare the ``type``.

from ptguide.errors import expect_error

second = torch.device("cuda:1")
assert (second.type, second.index) == ("cuda", 1)
assert second == torch.device("cuda", 1)
assert torch.device("cuda") != torch.device("cuda:0")
with expect_error(RuntimeError, match="device type at start of device string: gpu"):
    torch.device("gpu")

# %%
# ``torch.accelerator`` is the same code for these kinds. This guide's ``pick_device`` uses it, and obeys a variable
# ``PTGUIDE_DEVICE`` where one is set. In plain PyTorch the second line does.

print(f"{torch.accelerator.is_available() = }, {torch.accelerator.device_count() = }")
plain = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
assert (plain.type != "cpu") == torch.accelerator.is_available()

# %%
# "Sometimes the data is not copied to the GPU"
# ---------------------------------------------
#
# Then the GPU would use the memory of the CPU. It does not: a tensor on another device has a storage of its own.
# Another case is easily taken for it: with the same device and dtype, ``.to`` is no copy, and a write through one name
# is seen through the other. ``copy=True`` copies there as well.

z[0, 0] = -1
assert x[0, 0] == -1
if elsewhere.type != "meta":
    assert y.flatten().tolist() == [1, 2, 3, 4, 5, 6]  # only on a GPU: as x was before the write
else:
    assert y.untyped_storage().data_ptr() == 0  # only on a CPU: nothing is there to share
assert x.to("cpu", copy=True).data_ptr() != x.data_ptr()
assert x.to("cpu", torch.float64) is not x  # another dtype needs a copy, too

# %%
# A tensor's ``.to()`` returns; a module's acts
# ---------------------------------------------
#
# A line that says only ``x.to(device)`` or ``x.type(torch.float64)`` makes a copy and throws it away. The same line
# with a module works: a module is a container, ``.to`` replaces what is in it, and returns the module. Parameters and
# buffers go; a plain attribute, a list of layers and your batch do not (see
# :ref:`expected-all-tensors-to-be-on-the-same-device`).

from torch import nn

x.to(elsewhere)
x.type(torch.float64)
assert (x.device.type, x.dtype) == ("cpu", torch.float32)

model = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5))
assert model.to(elsewhere) is model
assert {value.device.type for value in model.state_dict().values()} == {elsewhere.type}

# %%
# Where results live
# ------------------
#
# Beside their operands. An operation such as ``+`` or ``torch.cat`` on two memories raises. A single number on the CPU
# (a tensor without axes) is taken, for it travels with the command. The other way round it would have to be fetched,
# and that is refused. Two more things may be on the CPU: an index, and what ``copy_`` or an assignment copies.

assert (y * 2 + y.sum()).device == y.device
assert (y * torch.tensor(2.0)).device == y.device
assert y[torch.tensor([1, 0])].device == torch.empty_like(y).copy_(x).device == y.device
with expect_error(RuntimeError, match="device"):
    torch.cat([x, y])
with expect_error(RuntimeError, match="device"):
    x + y
with expect_error(RuntimeError, match="device"):
    x * torch.tensor(2.0, device=elsewhere)

# %%
# Make it there, or make it here and move it
# ------------------------------------------
#
# ``torch.zeros(n).to(device)`` fills CPU memory, then copies. ``device=`` makes the tensor in its place, and so do
# ``zeros_like``, ``new_zeros`` and a block ``with torch.device(...)``; :func:`torch.set_default_device` does it from
# there on, in libraries too, but not in other threads. What comes from NumPy stays where it is. On ``meta`` one sees
# that the CPU takes no part: this layer would take 80 GB.

from concurrent.futures import ThreadPoolExecutor

assert torch.zeros_like(y).device == y.new_zeros(4).device == y.device
with torch.device(elsewhere):
    assert torch.ones(4).device.type == torch.tensor([1, 2]).device.type == elsewhere.type
    assert torch.from_numpy(x.numpy()).device.type == "cpu"
torch.set_default_device("meta")
with ThreadPoolExecutor() as threads:
    assert threads.submit(torch.ones, 4).result().device.type == "cpu"
assert torch.ones(4).is_meta
torch.set_default_device(None)
with torch.device("meta"):
    layer = nn.Linear(200_000, 100_000)
assert layer.weight.nbytes == 80_000_000_000
with expect_error(NotImplementedError, match="no data"):
    nn.Linear(3, 5, device="meta").to("cpu")

# %%
# The optimizer before or after?
# ------------------------------
#
# "Parameters of a model after ``.cuda()`` will be different objects", so make the optimizer afterwards: that is from
# `PyTorch 1.6 <https://docs.pytorch.org/1.6.0/optim.html>`_. Today ``.to`` puts new data into the *same* parameter
# where it changes the dtype, and, on a GPU, where it moves it. So the optimizer still holds it. (On ``meta`` the
# parameters are new ones; ``torch.__future__`` has switches for this.)

model = nn.Linear(3, 5)
weight, optimizer = model.weight, torch.optim.Adam(model.parameters())
model(x).sum().backward()
optimizer.step()
model.to(device, torch.float16)
assert model.weight is weight is optimizer.param_groups[0]["params"][0]
assert (weight.device.type, weight.dtype) == (device.type, torch.float16)
small = nn.Linear(3, 5)
before = small.weight
assert small.to("meta").weight is not before

# %%
# What does stay behind is what the optimizer has gathered, once it has made a step: its moments know nothing of the
# move. On a GPU the next step raises. So move the model first. Loading the optimizer's own state mends it afterwards,
# as each moment goes to its parameter's device and dtype.

moments = optimizer.state[weight]
assert (moments["exp_avg"].device.type, moments["exp_avg"].dtype) == ("cpu", torch.float32)
if device.type != "cpu":
    with expect_error(RuntimeError, match="device"):  # only on a GPU
        optimizer.step()
optimizer.load_state_dict(optimizer.state_dict())
moments = optimizer.state[weight]
assert (moments["exp_avg"].device, moments["exp_avg"].dtype) == (weight.device, torch.float16)

# %%
# Back to the CPU
# ---------------
#
# NumPy and Matplotlib read the CPU's memory. ``.detach().cpu().numpy()`` is right on the CPU and on a GPU, as
# ``.cpu()`` is ``.to("cpu")`` and copies nothing that is there. ``.item()``, ``.tolist()`` and ``print`` fetch the
# value themselves. So they *wait* until it is computed: see :ref:`timing-on-a-gpu`.

result = (torch.ones(2, 7, device=device) * 3).requires_grad_()
assert result.detach().cpu().numpy().sum() == 42
assert result.sum().item() == 42
with expect_error(TypeError, match="Use Tensor.cpu"):
    y.numpy()

# %%
# A file remembers the device of each tensor, and ``map_location`` overrules it. With ``"meta"`` it reads the shapes of
# a large checkpoint and none of its data.

import io

file = io.BytesIO()
torch.save(nn.Linear(3, 5).to(device).state_dict(), file)
for wanted in ("cpu", device, "meta"):
    file.seek(0)
    loaded = torch.load(file, map_location=wanted)
    assert loaded["weight"].device.type == torch.device(wanted).type
    assert loaded["weight"].shape == (5, 3)

# %%
# One script for every machine
# ----------------------------
#
# Name the device once. Move the model before the optimizer is made, and each batch as it comes; with
# ``non_blocking=True`` Python goes on meanwhile if the batch is :ref:`pinned <pinned-memory>`. Keep sums on the
# device, and ask for the number once, at the end.

from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
inputs = torch.rand(60, 7)
loader = DataLoader(TensorDataset(inputs, inputs.sum(dim=1, keepdim=True)), batch_size=12)

model = nn.Linear(7, 1).to(device)
optimizer, losses = torch.optim.SGD(model.parameters(), lr=0.1), []
for _epoch in range(20):
    total = torch.zeros((), device=device)
    for batch, targets in loader:
        batch, targets = batch.to(device, non_blocking=True), targets.to(device, non_blocking=True)
        loss = F.mse_loss(model(batch), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach()
    losses.append(total)
assert losses[-1].item() < 0.1 * losses[0].item()
print("The loss has fallen to less than a tenth.")

# %%
# Check yourself
# --------------
#
# The first question has a trap in it:

from ptguide.questions import ask

one = torch.ones(4)
other = one.to("cpu")
other[0] = 9
ask(
    "one = torch.ones(4); other = one.to('cpu'); other[0] = 9. What is one[0]?",
    answer=one[0].item(),
    choices={
        1.0: "Nothing was to be changed, so .to gave the tensor itself back.",
        9.0: "one was on the CPU already: other is one.",
    },
)

# %%
# Two lines, side by side:

model, batch = nn.Linear(3, 5), torch.ones(2, 3)
model.to(elsewhere)
batch.to(elsewhere)
moved = [
    name for name, t in {"model": model.weight, "batch": batch}.items() if t.device.type != "cpu"
]
ask(
    "model.to(device) and batch.to(device) stand each on a line of its own. What is on the device afterwards?",
    answer=tuple(moved),
    choices={
        ("model",): "The module was changed; the copy of the batch was thrown away.",
        ("model", "batch"): "A tensor's .to() changes nothing: batch = batch.to(device).",
        (): "A module's .to() changes the module itself.",
    },
)

# %%
# Next: :ref:`timing-on-a-gpu`, as a clock does not wait for a GPU by itself.

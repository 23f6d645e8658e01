"""
.. _devices-and-moving-data:

How do I move tensors and models to the GPU?
============================================

You wrote ``x.to(device)``, and the next line still says that ``x`` is on the CPU. :meth:`torch.Tensor.to` returns a
tensor and leaves ``x`` where it is, while ``model.to(device)`` moves the model itself.
"""

# %%
# Set-up

import io
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from ptguide.devices import pick_device
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
here = pick_device()
elsewhere = here if here.type != "cpu" else torch.device("meta")  # see the text
x, model = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), nn.Linear(3, 5)

# %%

x.to(elsewhere)  # what it returns is thrown away
model.to(elsewhere)
print(f"x:     {x.device}\nmodel: {model.weight.device}")

# %%
# The model has moved, and ``x`` has not. A :term:`device` is a memory together with the processor that computes on it.
# Without a GPU this page moves to ``meta``, a device whose tensors have a shape and no data. You need to know
# :ref:`modules <anatomy-of-nn-module>`.
#
# The rule
# --------
#
# Assign what a tensor's ``.to`` returns: ``x = x.to(device)``. If ``x`` already has the device and dtype that you name,
# ``.to`` returns ``x`` itself. A write through one name is then seen through the other. Otherwise, and with
# ``copy=True``, ``.to`` copies.

y, z = x.to(elsewhere), x.to("cpu")
z[0, 0] = 10  # z is x
print(f"x[0, 0] = {x[0, 0]}, y is on {y.device.type}")
assert z is x
assert x.to("cpu", copy=True) is not x

# %%
# One script for every machine
# ----------------------------
#
# Choose the device once. ``torch.accelerator`` finds GPUs of NVIDIA and AMD (``cuda``), Apple (``mps``) and Intel
# (``xpu``). Move the model before you make the optimizer, and each batch as it comes. Add up losses on the device, and
# ask for the number once an epoch: ``item`` waits until the GPU has computed it (:ref:`timing-on-a-gpu`).

device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
data = torch.randn(60, 7)
loader = DataLoader(TensorDataset(data, data.sum(dim=1, keepdim=True)), batch_size=12)
network = nn.Linear(7, 1).to(device)
optimizer = torch.optim.Adam(network.parameters(), lr=0.1)
for epoch in range(20):
    total = torch.zeros((), device=device)  # made there
    for inputs, targets in loader:
        inputs, targets = inputs.to(device), targets.to(device)
        loss = F.mse_loss(network(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.detach()  # the number without its graph
    if epoch in (0, 19):
        print(f"loss in epoch {epoch}: {total.item() / len(loader):.3f}")
assert total.item() / len(loader) < 0.5

# %%
# What works together
# -------------------
#
# A result is on the device of its operands. Adding tensors of two devices raises an error. Three mixtures work. One
# operand may be a tensor of the CPU without axes, an index may be on the CPU, and you may copy into a tensor.


def outcome(operation):
    try:
        return f"works, on {operation().device.type}"
    except RuntimeError as error:
        return f"raises {type(error).__name__}"


cases = {
    "y + x": lambda: y + x,
    "y + torch.tensor(2.0)": lambda: y + torch.tensor(2.0),
    "y[torch.tensor([1, 0])]": lambda: y[torch.tensor([1, 0])],
    "y.copy_(x)": lambda: y.copy_(x),
}
for code, operation in cases.items():
    print(f"{code:<24}{outcome(operation)}")
assert [outcome(one)[:5] for one in cases.values()] == ["raise", "works", "works", "works"]
assert outcome(lambda: torch.tensor(2.0) + y) == outcome(lambda: y + torch.tensor(2.0))

# %%
# .. use-this::
#
#    Write ``model.to(device)`` once, then make the optimizer, and move each batch in the loop. Make new tensors where
#    they are needed, with ``device=`` or ``zeros_like``: ``torch.zeros(n).to(device)`` fills memory of the CPU first. A
#    move copies, so while both tensors live, both memories are taken. In the loop, avoid ``.item()``, ``.cpu()`` and
#    ``print`` of a tensor, which wait for the GPU.
#
# Common mistakes
# ---------------
#
# **A tensor on the GPU for NumPy or Matplotlib.** NumPy and Matplotlib read the memory of the CPU alone. Fetch the
# values with ``cpu``, and detach them from the graph. The last line below runs unchanged on the CPU, where ``cpu``
# copies nothing. Parts of a model that stay behind are shown in :ref:`expected-all-tensors-to-be-on-the-same-device`.

with expect_error(TypeError, match="Use Tensor.cpu"):
    y.numpy()
output = network(data.to(device))
print(output.detach().cpu().numpy().shape)

# %%
# **The model moves after training has begun.** Here it moves to another dtype, which each machine can show. The
# optimizer keeps the parameters, because ``.to`` puts the new data into the same objects. Adam's averages stay behind,
# in the dtype that they had. Move first, or load the optimizer's state into itself, which brings it to the parameters.

weight = network.weight
network.to(torch.float16)
assert network.weight is weight is optimizer.param_groups[0]["params"][0]
average = optimizer.state[weight]["exp_avg"].dtype
optimizer.load_state_dict(optimizer.state_dict())
print(f"weight {weight.dtype}, average {average}, then {optimizer.state[weight]['exp_avg'].dtype}")
assert (average, optimizer.state[weight]["exp_avg"].dtype) == (torch.float32, torch.float16)

# %%
# How this was checked

# A device is a name. "cuda" is the current GPU of that kind, and not equal to "cuda:0": compare the type.
assert torch.device("cuda") != torch.device("cuda:0")
assert torch.device("cuda:1") == torch.device("cuda", 1)
with expect_error(RuntimeError, match="device type at start of device string: gpu"):
    torch.device("gpu")
assert (device.type != "cpu") == torch.accelerator.is_available()
assert y.device.type == elsewhere.type
assert x.to("cpu", copy=True).data_ptr() != x.data_ptr()
# Neither line without an assignment has changed x, and .to copies for another dtype.
x.type(torch.float64)
assert (x.device.type, x.dtype) == ("cpu", torch.float32)
assert x.to("cpu", torch.float64) is not x
# A module's .to returns the module, and buffers move with the parameters.
normed = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5))
assert normed.to(elsewhere) is normed
assert {value.device.type for value in normed.state_dict().values()} == {elsewhere.type}
# Two memories raise in both orders and in torch.cat; a number on the device is not fetched for the CPU.
for operation in (
    lambda: x + y,
    lambda: y * x,
    lambda: torch.cat([x, y]),
    lambda: x * torch.tensor(2.0, device=elsewhere),
):
    with expect_error(RuntimeError, match="device"):
        operation()
# Tensors are made in their place: with device=, with the functions *_like, and in a block.
assert torch.zeros_like(y).device == y.new_zeros(4).device == y.device
with torch.device(elsewhere):
    assert torch.ones(4).device.type == torch.tensor([1, 2]).device.type == elsewhere.type
    assert torch.from_numpy(x.numpy()).device.type == "cpu"
torch.set_default_device("meta")
with ThreadPoolExecutor() as threads:  # another thread has a default of its own
    assert threads.submit(torch.ones, 4).result().device.type == "cpu"
assert torch.ones(4).is_meta
torch.set_default_device(None)
with torch.device("meta"):  # 80 GB that nobody has to have
    assert nn.Linear(200_000, 100_000).weight.nbytes == 80_000_000_000
with expect_error(NotImplementedError, match="no data"):
    nn.Linear(3, 5, device="meta").to("cpu")
# A layout that is asked for makes a copy, too. So does a Parameter's move, and the copy is no Parameter.
photos = torch.rand(2, 3, 4, 5)
assert photos.to("cpu", memory_format=torch.channels_last) is not photos
assert not isinstance(nn.Parameter(x.clone()).to(torch.float64), nn.Parameter)
# To meta, the parameters are new objects; to a GPU, they stay the same ones.
small = nn.Linear(3, 5)
before = small.weight
assert (small.to(elsewhere).weight is before) == (elsewhere.type != "meta")
# cpu() copies nothing on the CPU.
assert x.cpu() is x
# A file remembers the device, and map_location overrules it.
file = io.BytesIO()
torch.save(nn.Linear(3, 5).to(here).state_dict(), file)
for wanted in ("cpu", here, "meta"):
    file.seek(0)
    assert torch.load(file, map_location=wanted)["weight"].device.type == torch.device(wanted).type

# %%
# Check yourself
# --------------
#
# The first question has three lines.

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
# The next question compares two lines.

layer, batch = nn.Linear(3, 5), torch.ones(2, 3)
layer.to(elsewhere)
batch.to(elsewhere)
moved = [name for name, t in (("layer", layer.weight), ("batch", batch)) if t.device.type != "cpu"]
ask(
    "layer.to(device) and batch.to(device) are two lines without an assignment. What is on the device afterwards?",
    answer=tuple(moved),
    choices={
        ("layer",): "The module was changed. The copy of the batch was thrown away.",
        ("layer", "batch"): "A tensor's .to() changes nothing: batch = batch.to(device).",
        (): "A module's .to() changes the module itself.",
    },
)

# %%
# **Exercise.** Your loader gives batches that are dictionaries and lists of tensors, nested in one another. Write
# ``move``, which returns the same structure with its tensors on a device. What is no tensor stays as it is. The checker
# moves to ``meta``. It asks for each tensor, in order, whether it arrived in a structure like that of the batch.


def tensors_in(batch):
    if isinstance(batch, dict | list):
        parts = batch.values() if isinstance(batch, dict) else batch
        return [tensor for part in parts for tensor in tensors_in(part)]
    return [batch] if isinstance(batch, torch.Tensor) else []


def outline(batch):
    if isinstance(batch, dict):
        return {name: outline(part) for name, part in batch.items()}
    if isinstance(batch, list):
        return [outline(part) for part in batch]
    return "a tensor" if isinstance(batch, torch.Tensor) else batch


def tried(move):
    def arrived(batch):
        moved = move(batch, "meta")
        same = outline(moved) == outline(batch)
        return torch.tensor([same and tensor.is_meta for tensor in tensors_in(moved)])

    return arrived


def all_of_them(batch):
    return torch.ones(len(tensors_in(batch)), dtype=torch.bool)


cases = [
    (torch.tensor([1, 2]),),
    ([torch.tensor([1]), torch.tensor([2])],),
    ({"inputs": [torch.tensor([1]), torch.tensor([2])], "target": torch.tensor([3]), "id": "a7"},),
]


def move(batch, device):
    raise NotImplementedError


check(tried(move), all_of_them, cases)

# %%
# The function calls itself for each part.

# Solution


def move(batch, device):
    if isinstance(batch, dict):
        return {name: move(part, device) for name, part in batch.items()}
    if isinstance(batch, list):
        return [move(part, device) for part in batch]
    return batch.to(device) if isinstance(batch, torch.Tensor) else batch


report = check(tried(move), all_of_them, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`timing-on-a-gpu` shows that a clock does not wait for a GPU by itself.
#
# - PyTorch contributors (2026). `CUDA semantics <https://docs.pytorch.org/docs/stable/notes/cuda.html>`__. Devices,
#   streams and memory in detail, for GPUs of NVIDIA.
# - PyTorch contributors (2026). `torch.accelerator <https://docs.pytorch.org/docs/stable/accelerator.html>`__. The
#   functions that work alike for GPUs of each kind.

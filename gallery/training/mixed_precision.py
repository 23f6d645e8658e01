"""
.. _mixed-precision:

What is mixed precision? (autocast and GradScaler)
==================================================

You want to train in less memory, but if you convert the weights to half precision, the network learns less. Mixed
precision computes large products in half precision, and keeps the weights in single precision.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import inspect
import warnings

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_, parameters_to_vector

from ptguide.data import batches, digits
from ptguide.devices import measure
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.training import fit

train_set, test_set = digits("train"), digits("test")
images, labels = train_set.inputs[:256], train_set.targets[:256]


def new_network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def convolutions():
    block = nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU()
    torch.manual_seed(0)
    return nn.Sequential(*block, nn.Flatten(), nn.Linear(2048, 64), nn.ReLU(), nn.Linear(64, 10))


def size_of(tensors):
    return sum(tensor.nbytes for tensor in tensors)


def kept(network, count, autocast):
    """Return the tensors that autograd keeps for one step with so many images, besides the weights."""
    own = {p.untyped_storage().data_ptr() for p in network.parameters()}
    storages = {}

    def keep(tensor):
        storages[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with (
        saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast),
    ):
        loss = F.cross_entropy(network(images[:count].clone()), labels[:count].clone())
    assert loss.requires_grad  # and so what was kept is alive until here
    return [tensor for pointer, tensor in storages.items() if pointer not in own]


def memory(autocast):
    """Return how many bytes each part of a step takes."""
    network = convolutions()
    optimizer = torch.optim.Adam(network.parameters())
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        loss = F.cross_entropy(network(images), labels)
    loss.backward()
    optimizer.step()
    averages = [
        state[name] for state in optimizer.state.values() for name in ("exp_avg", "exp_avg_sq")
    ]
    return {
        "weights": size_of(network.parameters()),
        "gradients": size_of(p.grad for p in network.parameters()),
        "Adam's averages": size_of(averages),
        "kept, 16 images": size_of(kept(network, 16, autocast)),
        "kept, 256 images": size_of(kept(network, 256, autocast)),
    }


def draw_memory(plain, mixed):
    _, axis = plt.subplots(figsize=(5.6, 2.5), layout="constrained")
    for offset, (name, sizes) in zip(
        (-0.2, 0.2), {"float32": plain, "autocast": mixed}.items(), strict=True
    ):
        places = [row + offset for row in range(len(sizes))]
        axis.barh(places, [size / 1e6 for size in sizes.values()], height=0.38, label=name)
    axis.set_yticks(range(len(plain)), list(plain))
    axis.set(xlabel="MB")
    axis.invert_yaxis()
    axis.legend()
    axis.set_title("Autocast halves a large batch's activations")
    plt.show()


def train(mode, seed, epochs):
    """Train with Adam, in float32, with autocast, or with weights of bfloat16. Return loss and accuracy."""
    dtype = torch.bfloat16 if mode == "bfloat16 weights" else torch.float32
    network = new_network(seed).to(dtype)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-4)
    order = torch.Generator().manual_seed(seed)
    for _epoch in range(epochs):
        for x, y in batches(train_set, 50, shuffle=True, generator=order):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=mode == "autocast"):
                loss = F.cross_entropy(network(x.to(dtype)), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        last = F.cross_entropy(network(train_set.inputs.to(dtype)).float(), train_set.targets)
        answers = network(test_set.inputs.to(dtype)).argmax(dim=1)
    return last.item(), 100 * (answers == test_set.targets).float().mean().item()


def gradient(network, dtype, scale=1.0):
    """Return the gradient of the loss of the whole training set, computed with autocast to a type."""
    with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
        loss = F.cross_entropy(network(train_set.inputs), train_set.targets)
    parts = torch.autograd.grad(scale * loss, list(network.parameters()))
    return parameters_to_vector(parts) / scale


def milliseconds(rows, width, autocast):
    """Return how long forward and backward of one linear layer take."""
    layer, x = nn.Linear(width, width), torch.randn(rows, width)

    def forward_and_backward():
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            loss = layer(x).square().mean()
        loss.backward()

    return 1000 * measure(forward_and_backward, min_seconds=0.1).median


# %%

plain, mixed = memory(autocast=False), memory(autocast=True)
draw_memory(plain, mixed)
assert mixed["kept, 256 images"] < plain["kept, 256 images"]
assert mixed["kept, 16 images"] > plain["kept, 16 images"]

# %%
# These are the parts of one training step of a small convolutional network. ``kept`` is what autograd saves for
# ``backward``. Half precision takes :val:`16 <torch.finfo(torch.bfloat16).bits>` bits a number in place of
# :val:`32 <torch.finfo(torch.float32).bits>`, so the activations of 256 images take half. Autograd also saves the
# copies of the weights that autocast made. With 16 images, these copies cost more than half precision saves. A short
# name is AMP, for automatic mixed precision. You need to know :ref:`the-training-loop` and :ref:`dtypes`.
#
# The rule
# --------
#
# Within ``torch.autocast``, matrix products and convolutions convert inputs of :val:`float32 <torch.float32>` to half
# precision, here :val:`bfloat16 <torch.bfloat16>`. Losses such as the two below convert theirs to
# :val:`float32 <torch.float32>`. Autocast has a table of such functions. A function that is not in the table keeps the
# type of its input, and a sum of both types is the wider one. On CUDA the table has more rows: softmax, layer norm,
# ``exp`` and ``sum``, for example, are computed in single precision there (see *Read next*). Here are the types of the
# results on a CPU.

a, b = torch.randn(4, 5), torch.randn(5, 5)
with torch.autocast("cpu", dtype=torch.bfloat16):
    h = a @ b
    results = {
        "matmul": h,
        "linear": F.linear(a, b),
        "relu of that": h.relu(),
        "softmax of that": h.softmax(dim=1),
        "that + float32": h + a,
        "cross_entropy": F.cross_entropy(h, torch.tensor([0, 1, 2, 3])),
        "mse_loss": F.mse_loss(h, a),
    }
mixed_types = {name: result.dtype for name, result in results.items()}
for dtype in (torch.bfloat16, torch.float32):
    print(f"{dtype}:", ", ".join(name for name, one in mixed_types.items() if one == dtype))

# %%
# The loop
# --------
#
# .. longer: 6 screens — the two types of half precision fail in two ways, each shown in a cell
#
# Put the forward pass and the loss inside, ``backward`` and ``step`` outside. ``backward`` goes through each operation
# in the type that it had on the way forward. The gradient of a weight is converted back and has the type of the weight.

network = new_network()
optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
with torch.autocast("cpu", dtype=torch.bfloat16):
    logits = network(images)
    loss = F.cross_entropy(logits, labels)
logits.retain_grad()
optimizer.zero_grad()
loss.backward()
optimizer.step()
weight = network[1].weight
print(f"logits {logits.dtype}, their gradient {logits.grad.dtype}")
print(f"loss {loss.dtype}, weight {weight.dtype}, its gradient {weight.grad.dtype}")
assert logits.dtype == logits.grad.dtype == torch.bfloat16
assert loss.dtype == weight.dtype == weight.grad.dtype == torch.float32

# %%
# Why the weights stay in single precision
# ----------------------------------------
#
# A number of :val:`bfloat16 <torch.bfloat16>` has few digits: above 1 the numbers are
# :val:`0.0078 <torch.finfo(torch.bfloat16).eps>` apart. A small update of a weight is rounded away. Here are the loss
# and the accuracy of three seeds, after 20 epochs with Adam at a small rate.

# Varies with the processor: a training amplifies how it rounds.
trained = {
    mode: [train(mode, seed, epochs=20) for seed in range(3)]
    for mode in ("float32", "autocast", "bfloat16 weights")
}
for mode, runs in trained.items():
    print(f"{mode:<17}loss", ", ".join(f"{loss:.2f}" for loss, _ in runs), end="; ")
    print("right", ", ".join(f"{right:.1f} %" for _, right in runs))

# %%
# The smaller range needs a scaler
# --------------------------------
#
# A number of :val:`float16 <torch.float16>` has more digits and a small range. Its smallest positive number is
# :val:`6e-8 <torch.finfo(torch.float16).smallest_normal * torch.finfo(torch.float16).eps>`, and smaller gradients
# become 0 on their way back. ``GradScaler`` multiplies the loss by a scale, at first
# :val:`65536 <torch.amp.GradScaler("cpu").get_scale()>`, and divides the gradients again before the step. With
# :val:`bfloat16 <torch.bfloat16>`, whose range is about that of :val:`float32 <torch.float32>`, you can do without it.
# Here is how much of a trained network's gradient became 0.

# Varies with the processor: a trained network.
network = new_network()
optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
fit(network, batches(train_set, 50), F.cross_entropy, optimizer, epochs=40)
ways = {"float16": (torch.float16, 1.0), "with a scale": (torch.float16, 2.0**16)}
ways["bfloat16"] = (torch.bfloat16, 1.0)
there = gradient(network, torch.float32) != 0
lost = {name: (gradient(network, *way)[there] == 0).float().mean() for name, way in ways.items()}
print("lost:", ", ".join(f"{name} {part:.2%}" for name, part in lost.items()))
assert lost["float16"] > 10 * max(lost["with a scale"], lost["bfloat16"])

# %%
# Where a scaled gradient overflows, the scaler leaves the step out and halves the scale. After
# :val:`2000 <torch.amp.GradScaler("cpu").get_growth_interval()>` steps without an overflow it doubles it. Clip between
# ``unscale_`` and ``step``. Before ``unscale_``, the gradients are many thousand times too large. This run begins with
# a scale that is too large.

network = new_network()
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0**22)  # by default 2.0**16
for x, y in list(batches(train_set, 50))[:4]:
    with torch.autocast("cpu", dtype=torch.float16):
        loss = F.cross_entropy(network(x), y)
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    norm = clip_grad_norm_(network.parameters(), max_norm=1.0)
    before = network[1].weight.clone()
    scaler.step(optimizer)
    scaler.update()
    moved = not torch.equal(before, network[1].weight)
    print(f"norm {norm:.2f}, step taken: {moved}, next scale {scaler.get_scale():.0f}")

# %%
# Is it faster?
# -------------
#
# This depends on the processor and on the size. A conversion costs time, too, and a processor without instructions for
# half precision can be slower in it. Here are forward and backward of one linear layer, measured on the machine that
# built this page. A GPU was not measured.

# Measured where this page runs.
for rows, width in ((50, 64), (256, 512)):
    plain_ms, mixed_ms = (milliseconds(rows, width, autocast) for autocast in (False, True))
    print(f"{rows} x {width}: float32 {plain_ms:.2f} ms, autocast {mixed_ms:.2f} ms")

# %%
# .. use-this::
#
#    Put ``torch.autocast`` with :val:`bfloat16 <torch.bfloat16>` around forward pass and loss, where the device
#    computes fast in it. Take :val:`float16 <torch.float16>` and a ``GradScaler`` on a device without it.
#    :func:`torch.cuda.is_bf16_supported` tells whether a GPU has it, and counts emulation unless told otherwise. Stay
#    in single precision where the network is small. Activations take half the memory, and weights, gradients and
#    optimizer as much as before. ``ptguide.training.fit`` has the argument ``precision``. For a part that needs single
#    precision, convert its input and switch autocast off around it: ``torch.autocast("cpu", enabled=False)``.
#
# A common mistake
# ----------------
#
# **The result is still in half precision outside.** NumPy has no :val:`bfloat16 <torch.bfloat16>`, and a layer outside
# autocast wants the type of its weights. Convert the result with ``float()`` as you leave.
# :ref:`must-have-the-same-dtype` has more such cases.

head = nn.Linear(10, 2)
with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
    logits = network(images)
with expect_error(TypeError, match="Got unsupported ScalarType BFloat16"):
    logits.numpy()
with expect_error(RuntimeError, match="must have the same dtype, but got BFloat16 and Float"):
    head(logits)
print(logits.float().numpy().dtype, head(logits.float()).dtype)
with torch.autocast("cpu", enabled=False):  # the same holds within
    assert head(logits.float()).dtype == torch.float32

# %%
# How this was checked

for name in ("weights", "gradients", "Adam's averages"):
    assert mixed[name] == plain[name]
# What is kept: half of the activations, and a copy of each matrix of weights, which does not grow with the images.
copies = sum(2 * p.numel() for p in convolutions().parameters() if p.ndim > 1)
for count in (16, 256):
    name = f"kept, {count} images"
    assert abs((mixed[name] - copies) / (plain[name] / 2) - 1) < 0.1
# float64 and integers are not converted.
with torch.autocast("cpu", dtype=torch.bfloat16):
    for dtype in (torch.float64, torch.int64):
        square = torch.ones(3, 3, dtype=dtype)
        assert (square @ square).dtype == dtype
assert list(mixed_types.values()) == [torch.bfloat16] * 4 + [torch.float32] * 3
# Without autocast around the layer, or with a float32 input, a function that is not in the table keeps float32.
with torch.autocast("cpu", dtype=torch.bfloat16):
    for function in (torch.relu, torch.exp, torch.sum, F.gelu, lambda x: x.softmax(dim=1)):
        assert function(a).dtype == torch.float32
        assert function(a.bfloat16()).dtype == torch.bfloat16
# CUDA has a rule of its own for functions that follow their input on a CPU, and nobody has one for relu.
has = torch._C._dispatch_has_kernel_for_dispatch_key
for name in ("softmax.int", "log_softmax.int", "layer_norm", "exp", "sum"):
    assert not has(f"aten::{name}", "AutocastCPU")
    assert has(f"aten::{name}", "AutocastCUDA")
for name in ("linear", "matmul", "conv2d", "mse_loss", "nll_loss"):
    assert has(f"aten::{name}", "AutocastCPU")
    assert has(f"aten::{name}", "AutocastCUDA")
assert not has("aten::relu", "AutocastCPU")
# Autocast learns as float32 does, and weights of bfloat16 fall behind.
losses = {mode: [loss for loss, _ in runs] for mode, runs in trained.items()}
for exact, cast, short in zip(*losses.values(), strict=True):
    assert abs(cast - exact) < 0.05
    assert short > exact + 0.3
# The defaults of the scaler: halve, and double after 2000 good steps.
defaults = inspect.signature(torch.amp.GradScaler).parameters
assert [
    defaults[name].default
    for name in ("init_scale", "growth_factor", "backoff_factor", "growth_interval")
] == [2.0**16, 2.0, 0.5, 2000]
assert inspect.signature(torch.cuda.is_bf16_supported).parameters["including_emulation"].default
# The types: digits and range.
assert torch.finfo(torch.bfloat16).eps == 2.0**-7
assert torch.finfo(torch.float16).eps == 2.0**-10
assert torch.finfo(torch.bfloat16).max > 0.99 * torch.finfo(torch.float32).max > 1e38
assert torch.finfo(torch.bfloat16).smallest_normal == torch.finfo(torch.float32).smallest_normal
assert torch.finfo(torch.float16).max == 65504
# The names of torch.cuda.amp are deprecated.
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    torch.cuda.amp.autocast()
assert "torch.cuda.amp.autocast" in " ".join(str(one.message) for one in caught)
assert FutureWarning in [one.category for one in caught]
# fit with precision is the loop by hand.
fitted, by_hand = new_network(), new_network()
optimizer = torch.optim.Adam(fitted.parameters(), lr=0.01)
fit(fitted, batches(train_set, 50), F.cross_entropy, optimizer, precision=torch.bfloat16)
optimizer = torch.optim.Adam(by_hand.parameters(), lr=0.01)
for x, y in batches(train_set, 50):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = F.cross_entropy(by_hand(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
assert torch.equal(
    parameters_to_vector(fitted.parameters()), parameters_to_vector(by_hand.parameters())
)

# %%
# Check yourself
# --------------

ask(
    "What is 1 + 0.003 in bfloat16, whose numbers are 0.0078 apart there?",
    answer=(torch.tensor(1.0, dtype=torch.bfloat16) + 0.003).item(),
    choices={
        1.0: "The nearest number is 1. An update of this size changes nothing.",
        1.003: "It is between two numbers of bfloat16.",
        1.0078125: "That is the next number. It is farther away than 1.",
    },
)

# %%
# The next question is about types.

layer = nn.Linear(3, 2)
with torch.autocast("cpu", dtype=torch.bfloat16):
    out = layer(torch.ones(1, 3))
out.sum().backward()
types = {
    "the weight": layer.weight.dtype,
    "the gradient of the weight": layer.weight.grad.dtype,
    "the output": out.dtype,
}
(short,) = (name for name, dtype in types.items() if dtype == torch.bfloat16)
ask(
    "A linear layer with ordinary weights runs within autocast, then backward. What is in half precision?",
    answer=short,
    choices={
        "the weight": "A copy was converted. The parameter is as it was.",
        "the output": "The product was computed in half precision, and its result is not converted back.",
        "the gradient of the weight": "It is converted back to the type of the weight.",
    },
)

# %%
# **Exercise.** Write the rule of the scale. ``overflowed`` tells for each step whether a gradient was infinite. Then
# the scale is halved. After ``interval`` steps in a row without an overflow it is doubled, and the count begins again.
# Return the scale after each step, a tensor of shape (step,).


def by_scaler(overflowed, start, interval):
    p = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([p], lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=start, growth_interval=interval)
    scales = []
    for bad in overflowed.tolist():
        scaler.scale(torch.ones(()))
        p.grad = torch.tensor([float("inf") if bad else 1.0])
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    return torch.tensor(scales)


cases = [
    (torch.tensor([True, False, True]), 1024.0, 5),
    (torch.tensor([False] * 7), 8.0, 3),
    (torch.tensor([False, False, True, False, False, False, False]), 64.0, 3),
]


def scales(overflowed, start, interval):
    raise NotImplementedError


check(scales, by_scaler, cases)

# %%
# An overflow sets the count to 0, too. The third case fails without this.

# Solution


def scales(overflowed, start, interval):
    scale, good, after = start, 0, []
    for bad in overflowed.tolist():
        good = 0 if bad else good + 1
        if bad:
            scale = scale / 2
        elif good == interval:
            scale, good = scale * 2, 0
        after.append(scale)
    return torch.tensor(after)


report = check(scales, by_scaler, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`reproducible-training`, on two runs that give the same numbers.
#
# - Micikevicius et al. (2017). `Mixed precision training <https://arxiv.org/abs/1710.03740>`__. Weights in single
#   precision, and the scaling of the loss.
# - PyTorch contributors (2026). `Automatic mixed precision package <https://docs.pytorch.org/docs/stable/amp.html>`__.
#   The tables of autocast, for each kind of device.

"""
.. _checkpointing:

How does checkpointing trade time for memory? (torch.utils.checkpoint)
======================================================================

The batch does not fit into memory, and most of the memory holds what the layers computed on the way to the loss.
``checkpoint`` keeps the input of a part of the network, and runs the part again when the backward pass needs the rest.
"""

# %%
# Set-up

import copy
import random
import time
from functools import partial

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.checkpoint import (
    CheckpointError,
    checkpoint,
    checkpoint_sequential,
    create_selective_checkpoint_contexts,
)

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
MB = 1e6


class Block(nn.Module):
    """A residual block, as in a transformer."""

    def __init__(self, width=64, hidden=128):
        super().__init__()
        self.norm, self.up = nn.LayerNorm(width), nn.Linear(width, hidden)
        self.gelu, self.down = nn.GELU(), nn.Linear(hidden, width)

    def forward(self, x):
        return x + self.down(self.gelu(self.up(self.norm(x))))


class Watch(TorchDispatchMode):
    """Note, after each operation, how many bytes its results and those before it still hold."""

    def __init__(self, given):
        super().__init__()
        self.given = {tensor.untyped_storage()._cdata for tensor in given}
        self.held, self.live, self.called = {}, [0], []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        for storage in (
            one.untyped_storage() for one in tree_leaves(result) if isinstance(one, torch.Tensor)
        ):
            if storage._cdata not in self.given:
                self.held[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
        self.held = {key: one for key, one in self.held.items() if not one[0].expired()}
        self.live.append(sum(size for _, size in self.held.values()))
        self.called.append(operation)
        return result


def watched(forward, network, x):
    """Take one step; return what was watched, and after how many operations the forward pass ended."""
    network.zero_grad()
    with Watch([x, *network.parameters()]) as watch:
        loss = forward(x).square().mean()
        middle = len(watch.live) - 1
        loss.backward()
    return watch, middle


def kept_bytes(forward, network, x):
    """Return the bytes that autograd keeps for the backward pass, without those of parameters."""
    parameters = {p.untyped_storage().data_ptr() for p in network.parameters()}
    storages = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in parameters:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        _result = forward(x)  # lives until the sum is taken
    return sum(storages.values())


def runs_of_blocks(forward, network, x):
    """Take one step, and return how often the blocks were run."""
    calls = []
    handles = [
        block.register_forward_pre_hook(lambda *_: calls.append(1)) for block in network.children()
    ]
    forward(x).square().mean().backward()
    for handle in handles:
        handle.remove()
    return len(calls)


def gradients(forward, network, x, seed=3):
    """Return the gradients of one step as a vector."""
    torch.manual_seed(seed)
    network.zero_grad()
    forward(x).square().mean().backward()
    return torch.cat([p.grad.flatten() for p in network.parameters()])


def timed_steps(ways, repeats=8):
    """Return the seconds of the fastest step of each way, and those of its forward pass."""
    found = {name: [] for name in ways}
    for name in repeats * list(ways):  # in turn
        begin = time.perf_counter()
        loss = ways[name](images).square().mean()
        middle = time.perf_counter()
        loss.backward()
        found[name].append((time.perf_counter() - begin, middle - begin))
    return {name: min(measured) for name, measured in found.items()}


def show_peaks(ways):
    """Print how much memory each way needs, and how many matrix products; return both."""
    found = {}
    for name, way in ways.items():
        watch, _ = watched(way, blocks, images)
        found[name] = (max(watch.live), watch.called.count(product))
        print(f"{name:<14} peak {max(watch.live) / MB:5.2f} MB, {found[name][1]} calls of addmm")
    return found


def draw_memory(ways):
    _, axes = plt.subplots(figsize=(6.4, 2.6), layout="constrained")
    tops = {}
    for name, way in ways.items():
        watch, middle = watched(way, blocks, images)
        axes.plot([size / MB for size in watch.live], label=name)
        tops[name] = max(watch.live) / MB
    axes.axvline(middle, color="gray", linestyle=":")
    axes.set(xlabel="operations so far (dotted: backward begins)", ylabel="memory in MB", ylim=0)
    axes.legend(fontsize=8)
    first, second = tops.values()
    axes.set_title(f"Checkpoints lower the peak from {first:.1f} to {second:.1f} MB", fontsize=11)
    plt.show()
    return tops


blocks = nn.Sequential(*[Block() for _ in range(16)])
images = torch.rand(500, 64)


def by_block(x):
    for block in blocks:
        x = checkpoint(block, x, use_reentrant=False)
    return x


# %%

tops = draw_memory({"without checkpoints": blocks, "a checkpoint for each block": by_block})
assert tops["a checkpoint for each block"] < tops["without checkpoints"] / 4

# %%
# The figure shows one training step of :val:`16 <len(blocks)>` blocks on :val:`500 <len(images)>` images. The lines
# show the memory of what the step has computed and still holds. Without ``checkpoint``, the forward pass fills it and
# the backward pass empties it. You need to know :ref:`from-calculation-to-graph`.
#
# .. longer: 9 cells; 7 screens — what is saved, what it costs and what the second run can change are measured apart
#
# The rule
# --------
#
# Many backward steps need values of the forward pass, such as the input of an activation. :term:`Autograd <autograd>`
# keeps these :term:`saved tensors <saved tensor>`. ``checkpoint(part, x, use_reentrant=False)`` keeps ``x`` in their
# place. When the backward pass reaches the part, it runs the part a second time, uses the values, and frees them. Where
# both runs compute the same, the gradients are the same. The files that are called checkpoints are something else.


def by_block(x):
    for block in blocks:
        x = checkpoint(block, x, use_reentrant=False)
    return x


for name, way in {"without": blocks, "by block": by_block}.items():
    kept, runs = kept_bytes(way, blocks, images), runs_of_blocks(way, blocks, images)
    print(f"{name:<9} keeps {kept / MB:5.2f} MB, runs a block {runs} times")
assert torch.equal(gradients(by_block, blocks, images), gradients(blocks, blocks, images))

# %%
# How many parts?
# ---------------
#
# Cut :math:`n` blocks into :math:`k` parts. Memory holds :math:`k` inputs and what is inside *one* part, which is
# :math:`n / k` blocks. Let a block keep :math:`c` times as much as its input. Then :math:`k + c \, n / k` is least at
# :math:`k = \sqrt{c \, n}`, which is the rule of :math:`\sqrt{n}` where :math:`c` is 1. ``checkpoint_sequential`` cuts
# an ``nn.Sequential`` into k parts. It leaves the last one without a checkpoint, because its backward pass comes first.
# So one part saves nothing, and here :val:`8 <min(peaks, key=peaks.get)>` parts need the least.

peaks, unit = {}, images.nbytes
c = kept_bytes(blocks[0], blocks[0], images) / unit
for k in (1, 2, 4, 8, 16):
    way = partial(checkpoint_sequential, blocks, k, use_reentrant=False)
    watch, _ = watched(way, blocks, images)
    peaks[k] = max(watch.live) / MB
    runs = runs_of_blocks(way, blocks, images)
    print(f"k = {k:>2}: peak {peaks[k]:5.2f} MB, {runs} runs of a block")
print(f"c = {c:.0f}, and the root of {c:.0f} * 16 is {(c * 16) ** 0.5:.1f}")
assert min(peaks, key=peaks.get) == 8

# %%
# What does it cost?
# ------------------
#
# It costs nearly one more forward pass. Let the forward pass take the time F and the backward pass B. A step then takes
# about 2 F + B with checkpoints, and F + B without. If B is twice F, that is 4/3 of the time. Measured times can differ
# from this estimate.

# Measured on a CPU.


ways = {"without": blocks, "by block": by_block}
(plain, forward), (longer, _) = timed_steps(ways).values()
print(f"forward pass: {forward / plain:.0%} of a step, so expected {1 + forward / plain:.1f} times")
print(f"measured: a step takes {longer / plain:.1f} times as long, and 4/3 is {4 / 3:.1f}")

# %%
# What it does not make smaller
# -----------------------------
#
# Weights, their gradients and the state of the optimizer do not depend on the batch, and a checkpoint does not touch
# them. If the memory is full before the first batch, look there. What is kept for the backward pass grows with the
# batch.

optimizer = torch.optim.Adam(blocks.parameters())
optimizer.step()
state = [one for values in optimizer.state.values() for one in values.values() if one.dim()]
for name, tensors in {"weights": blocks.parameters(), "state of Adam": state}.items():
    print(f"{name:<20} {sum(one.nbytes for one in tensors) / MB:5.2f} MB")
for batch in (50, 500):
    x = images[:batch].clone()
    without, with_it = (kept_bytes(way, blocks, x) / MB for way in (blocks, by_block))
    print(f"kept, batch of {batch:<5} {without:5.2f} MB, by block {with_it:.2f} MB")

# %%
# Dropout, and other random numbers
# ---------------------------------
#
# The second run has to draw the same :term:`dropout` as the first. So ``checkpoint`` stores the state of the default
# generators of the CPU and of its inputs' devices, and restores it. With ``preserve_rng_state=False`` the gradient
# belongs to another mask, and nothing is raised.

with_dropout = nn.Sequential(nn.Linear(64, 32), nn.GELU(), nn.Dropout(0.5), nn.Linear(32, 10))
true = gradients(with_dropout, with_dropout, images)
for preserve in (True, False):
    way = partial(checkpoint, with_dropout, use_reentrant=False, preserve_rng_state=preserve)
    away = (gradients(way, with_dropout, images) - true).norm() / true.norm()
    print(f"preserve_rng_state={preserve!s:<6} the gradient is off by {away:.0%}")
assert away > 0.1

# %%
# Keep what is expensive
# ----------------------
#
# A ``context_fn`` chooses what is kept inside a part. Here the results of matrix products (``addmm``) are kept, and the
# cheap functions are computed again. The memory is between that of the other two ways, and no product is computed
# twice. A second run stops when it has the last saved tensor. So "by block" computes again one of the two products of a
# block, and not the one at its end.

product = torch.ops.aten.addmm.default
context = partial(create_selective_checkpoint_contexts, [product])


def keep_products(x):
    for block in blocks:
        x = checkpoint(block, x, use_reentrant=False, context_fn=context)
    return x


found = show_peaks({**ways, "keep products": keep_products})
assert found["by block"][0] < found["keep products"][0] < found["without"][0]
assert found["keep products"][1] == found["without"][1]

# %%
# .. use-this::
#
#    Call ``checkpoint`` on each block of a deep network when its activations do not fit. Leave it out where they fit,
#    because it costs a forward pass in each step. First try ``torch.autocast`` or a smaller batch with
#    :ref:`gradient accumulation <gradient-accumulation>`. Pass ``use_reentrant=False``. Without it, torch warns and
#    takes the older kind, which can leave weights untrained (:ref:`none-of-the-inputs-have-requires-grad`). Between the
#    two passes, leave weights and mode as they are, because a changed weight is not noticed here. Autocast is restored
#    for the second run.
#
# Common mistakes
# ---------------
#
# **Batch normalization under a checkpoint.** The part runs twice, so its running mean moves twice in one step. The
# gradients are right, and evaluation differs. Leave the layer outside, or lower its momentum (see the exercise).

net = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU())
plain_norm, again = copy.deepcopy(net), copy.deepcopy(net)
plain_norm(images).sum().backward()
checkpoint(again, images, use_reentrant=False).sum().backward()
for name, one in {"without": plain_norm, "checkpoint": again}.items():
    norm = one[1]
    print(f"{name:<11} {norm.num_batches_tracked} updates, {norm.running_mean[0]:.4f}")

# %%
# **Random numbers that torch does not know.** This layer is skipped now and then, and Python's ``random`` decides. Its
# state is not restored, so the second run can take the other way. If the saved tensors then differ in number, shape or
# dtype, ``checkpoint`` raises, and with ``debug=True`` it lists the operations of both runs. Where the values alone
# differ, it is silent. Draw the number outside, and pass it in.


class Skipped(Block):
    def forward(self, x):
        return super().forward(x) if random.random() < 0.5 else x


random.seed(1)  # 0.13, then 0.85
layer = Skipped()
out = checkpoint(layer, images, use_reentrant=False)
try:
    out.sum().backward()
except CheckpointError as error:
    print(*str(error).splitlines()[:3], sep="\n")
assert layer.up.weight.grad is None

# %%
# How this was checked


# The older kind from scratch. Autograd sees x alone, so if x needs no gradient, nothing is recorded.
class Again(torch.autograd.Function):
    @staticmethod
    def forward(ctx, part, x):
        ctx.part = part
        ctx.save_for_backward(x)
        return part(x)

    @staticmethod
    def backward(ctx, grad):
        x = ctx.saved_tensors[0].detach().requires_grad_()
        with torch.enable_grad():
            out = ctx.part(x)  # the second run
        torch.autograd.backward(out, grad)  # adds to .grad of the weights
        return None, x.grad


needs = images.clone().requires_grad_()
ours = gradients(lambda x: Again.apply(blocks, x), blocks, needs)
assert torch.equal(ours, gradients(blocks, blocks, images))
assert Again.apply(blocks, needs).requires_grad
assert not Again.apply(blocks, images).requires_grad
# What is kept are the inputs; the peak follows the formula, with some room for the gradients on their way.
assert kept_bytes(by_block, blocks, images) == 16 * unit
assert kept_bytes(blocks, blocks, images) // unit == 16 * round(c)
for k, peak in peaks.items():
    assert 1 < peak * MB / (unit * (k + c * 16 / k)) < 1.2
# The matrix product at the end of each block is not computed again, because its result is not needed.
assert found["by block"][1] == found["without"][1] * 3 / 2
# The gradients, for other parts and shapes, and with torch.autograd.grad.
parts = [
    (nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.SiLU()), (2, 3, 9, 7)),
    (nn.TransformerEncoderLayer(8, 2, 12, batch_first=True), (3, 5, 8)),
    (nn.Sequential(nn.Linear(6, 5), nn.Dropout(0.3), nn.Softmax(dim=-1)), (4, 6)),
    (nn.Sequential(nn.Embedding(7, 3), nn.LayerNorm(3)), None),
]
for part, shape in parts:
    x = torch.tensor([[1, 2], [6, 0]]) if shape is None else torch.randn(shape)
    results = []
    for way in (part, partial(checkpoint, part, use_reentrant=False)):
        torch.manual_seed(5)
        results.append(torch.autograd.grad(way(x).pow(3).sum(), list(part.parameters())))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)
    with torch.no_grad():  # without gradients there is nothing to save
        assert not checkpoint(part, x, use_reentrant=False).requires_grad
# Autocast is restored, though backward is called outside of it.
results = []
for way in (blocks, by_block):
    blocks.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = way(images).square().mean()
    loss.backward()
    results.append([p.grad.clone() for p in blocks.parameters()])
for one, other in zip(*results, strict=True):
    torch.testing.assert_close(one, other)


# A second run that differs in the number of tensors, in shape or in dtype is noticed.
def first_or_second(first, second):
    runs = []

    def part(x):
        runs.append(1)
        return first(x) if len(runs) == 1 else second(x)

    x = torch.rand(4, 3, requires_grad=True)
    checkpoint(part, x, use_reentrant=False).sum().backward()
    return x


changes = {
    "number": (lambda x: x.exp().exp(), lambda x: x.exp()),
    "shape": (lambda x: x.exp()[:2].exp().sum(), lambda x: x.exp()[:3].exp().sum()),
    "dtype": (lambda x: x.exp(), lambda x: x.double().exp()),
}
for change in changes.values():
    raised = False
    try:
        first_or_second(*change)
    except CheckpointError:
        raised = True
    assert raised
factors = iter(
    [2.0, 5.0]
)  # other values alone: nothing is raised, and the gradient is of the second
x = torch.ones(3, requires_grad=True)
checkpoint(lambda x: (x * next(factors)).square(), x, use_reentrant=False).sum().backward()
assert x.grad.tolist() != [8, 8, 8]
# With debug=True the message lists the operations of both runs.
random.seed(1)
out = checkpoint(Skipped(), images, use_reentrant=False, debug=True)
try:
    out.sum().backward()
except CheckpointError as error:
    listed = str(error)
assert "addmm" in listed
assert "during the original forward" in listed
assert "during recomputation" in listed
# A generator of your own is not restored.
generator = torch.Generator().manual_seed(0)
before = generator.get_state()
weight = torch.rand(64, 32, requires_grad=True)


def masked(x):
    return (x @ weight * torch.rand(32, generator=generator)).square()


results = []
for way in (masked, partial(checkpoint, masked, use_reentrant=False)):
    generator.set_state(before)
    results.append(torch.autograd.grad(way(images).sum(), weight)[0])
assert not torch.allclose(*results)
# The mode: eval() between the passes changes the second run.
_ = with_dropout.train()
loss = checkpoint(with_dropout, images, use_reentrant=False).sum()
_ = with_dropout.eval()
raised = False
try:
    loss.backward()
except CheckpointError:
    raised = True
assert raised
# A weight that changes in place between the passes: torch refuses, under a checkpoint it does not.
pair = nn.Sequential(nn.Linear(64, 32), nn.Linear(32, 10))
loss = pair(images).sum()
with torch.no_grad():
    pair[1].weight.mul_(2)
with expect_error(RuntimeError, match="modified by an inplace operation"):
    loss.backward()
loss = checkpoint(pair, images, use_reentrant=False).sum()
with torch.no_grad():
    pair[1].weight.mul_(2)
loss.backward()
# Batch normalization: the running mean of two updates, and equal gradients.
mean = net[0](images).mean(dim=0)
torch.testing.assert_close(plain_norm[1].running_mean, 0.1 * mean)
torch.testing.assert_close(again[1].running_mean, (1 - 0.9**2) * mean)
for one, other in zip(plain_norm.parameters(), again.parameters(), strict=True):
    assert torch.equal(one.grad, other.grad)
# Without use_reentrant, torch warns.
with expect_warning(UserWarning, match="use_reentrant parameter should be passed"):
    checkpoint(blocks, needs)

# %%
# Check yourself
# --------------

twelve = nn.Sequential(*[Block(8, 12) for _ in range(12)])


def checkpointed(x):
    for block in twelve:
        x = checkpoint(block, x, use_reentrant=False)
    return x


ask(
    "A network has 12 blocks, each under a checkpoint. How often is a block run in one training step, over all blocks?",
    answer=runs_of_blocks(checkpointed, twelve, torch.rand(5, 8)),
    choices={
        12: "That is the forward pass. The backward pass runs each block again.",
        24: "Each block runs in the forward pass, and again when its backward pass comes.",
        78: "The second run of a block begins at its own input, which was kept. It does not begin at the start.",
    },
)

# %%
# The next question is about memory.

sizes = {}
for name, way in {"without": twelve, "with": checkpointed}.items():
    x = torch.rand(5, 8)
    gradient = gradients(way, twelve, x)
    sizes[name] = {"gradients": gradient.nbytes, "activations": kept_bytes(way, twelve, x)}
smaller = [what for what, size in sizes["with"].items() if size < sizes["without"][what]]
ask(
    "The memory is full of gradients and of activations. What does checkpoint make smaller?",
    answer=" and ".join(smaller),
    choices={
        "gradients": "Each weight still gets a gradient of its own size.",
        "activations": "It keeps the inputs of the parts, and computes the rest again.",
        "gradients and activations": "A gradient has the size of its weight, with or without a checkpoint.",
    },
)

# %%
# **Exercise.** Batch normalization with momentum :math:`m` moves its running mean by
# :math:`r \leftarrow (1 - m) \, r + m \cdot \text{mean}`. Under a checkpoint it does so twice with the same mean. Which
# momentum makes two moves equal to one with :math:`m`?


def by_search(momentum):
    low, high = torch.zeros_like(momentum), torch.ones_like(momentum)
    for _ in range(60):  # halve the interval
        middle = (low + high) / 2
        once, twice = 1 - momentum, (1 - middle) * (1 - middle)
        low, high = torch.where(twice > once, middle, low), torch.where(twice > once, high, middle)
    return (low + high) / 2


cases = [(torch.tensor(0.1),), (torch.tensor([0.01, 0.5, 1.0]),), (torch.rand(20),)]


def lower(momentum):
    raise NotImplementedError


check(lower, by_search, cases)

# %%
# Two moves leave :math:`(1 - m')^2` of the old mean, and one leaves :math:`1 - m`.

# Solution


def lower(momentum):
    return 1 - (1 - momentum).sqrt()


report = check(lower, by_search, cases)
assert report.passed
net[1].momentum = lower(torch.tensor(0.1)).item()
checkpoint(net, images, use_reentrant=False).sum().backward()
torch.testing.assert_close(net[1].running_mean, plain_norm[1].running_mean)
report

# %%
# Read next
# ---------
#
# :ref:`where-a-nan-is-born` helps when a gradient is no number.
#
# - Chen, Xu, Zhang and Guestrin (2016). `Training deep nets with sublinear memory cost
#   <https://arxiv.org/abs/1604.06174>`__. The rule of the root of n, and what a second forward pass buys.
# - PyTorch contributors (2026). `torch.utils.checkpoint <https://docs.pytorch.org/docs/stable/checkpoint.html>`__. The
#   reference, with the differences between the two kinds.

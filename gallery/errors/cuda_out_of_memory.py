"""
.. _cuda-out-of-memory:

OutOfMemoryError: CUDA out of memory. Tried to allocate
=======================================================

Your program asked for more memory than the GPU has free. In training, what the forward pass keeps for ``backward()``
grows with the batch, so take a smaller batch, and look for tensors that you keep without need.
"""

# %%
# Set-up

from pathlib import Path

import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from torchvision.models import resnet18

from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
MB = 1e6
QUOTED = (
    "OutOfMemoryError: CUDA out of memory. Tried to allocate 22.00 MiB. GPU 0 has a total capacity of 23.65 GiB of "
    "which 11.06 MiB is free. Including non-PyTorch memory, this process has 23.60 GiB memory in use. Of the allocated "
    "memory 22.90 GiB is allocated by PyTorch, and 194.87 MiB is reserved by PyTorch but unallocated.\n"
    "RuntimeError: CUDA out of memory. Tried to allocate 92.00 MiB (GPU 0; 1.96 GiB total capacity; "
    "1.46 GiB already allocated; 16.38 MiB free; 1.51 GiB reserved in total by PyTorch)"
)

users, sizes = {}, {}  # of each storage that autograd keeps


class Kept:
    """A tensor that autograd keeps for the backward pass, counted as long as it lives."""

    def __init__(self, tensor):
        storage = tensor.untyped_storage()
        self.tensor, self.key = tensor.detach(), storage._cdata
        users[self.key] = users.get(self.key, 0) + 1
        sizes[self.key] = storage.nbytes()

    def __del__(self):
        users[self.key] -= 1
        if not users[self.key]:
            del users[self.key], sizes[self.key]


def kept_bytes(model):
    """Return how many bytes autograd keeps now, without the weights."""
    own = {tensor.untyped_storage()._cdata for tensor in model.state_dict().values()}
    return sum(size for key, size in sizes.items() if key not in own)


def forward_keeps(model, images, forward=None):
    """Return how many bytes a forward pass keeps, and its result."""
    with saved_tensors_hooks(Kept, lambda kept: kept.tensor):
        output = (forward or model)(images)
    return kept_bytes(model), output


with torch.device("meta"):  # tensors with a shape and no memory
    model = resnet18()
weights = sum(parameter.nbytes for parameter in model.parameters())

# %%

print(
    f"weights {weights / MB:.0f} MB, gradients the same, Adam's two averages {2 * weights / MB:.0f} MB"
)
keeps = {}
for batch in (8, 32, 128):
    keeps[batch], output = forward_keeps(model, torch.empty(batch, 3, 224, 224, device="meta"))
    print(f"a forward pass with {batch} images keeps {keeps[batch] / MB:,.0f} MB")
    del output

# %%
# This is a ResNet-18 in training, counted without a GPU: tensors on ``meta`` have a shape and no memory, and autograd
# tells which of them it keeps. The kernels of CUDA and the working memory of single operations are not counted here.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ================================================================  ============================================
# Usual cause                                                       Fix
# ================================================================  ============================================
# :ref:`the batch is too large <oom-batch>`                         a smaller batch, gradients added up
# :ref:`an evaluation builds a graph <oom-evaluation>`              ``torch.no_grad()``
# :ref:`sums and lists keep each graph <oom-evaluation>`            ``loss.item()``, ``output.detach().cpu()``
# :ref:`the network is deep <oom-checkpoint>`                       ``checkpoint``, autocast
# :ref:`another program uses the GPU <oom-message>`                 look with ``nvidia-smi``, end it
# :ref:`the memory is in pieces <oom-message>`                      ``expandable_segments:True``
# ================================================================  ============================================
#
# .. _oom-batch:
#
# The batch is too large
# ----------------------
#
# What the forward pass keeps is proportional to the batch here. Weights, gradients and the optimizer are not. Two
# halves, each with half of its mean loss, add up to the gradient of the whole batch. This holds for layers that look at
# one sample at a time. It fails for batch normalization, which takes the mean of the smaller batch, and for a loss with
# ``ignore_index``, where one half may count more samples.

assert 15.5 < keeps[128] / keeps[8] < 16.5
small = nn.Sequential(nn.Flatten(), nn.Linear(48, 20), nn.ReLU(), nn.Linear(20, 5))
images, labels = torch.rand(6, 3, 4, 4), torch.arange(6) % 5
(whole,) = torch.autograd.grad(F.cross_entropy(small(images), labels), [small[1].weight])
small.zero_grad()
for half in (slice(0, 3), slice(3, 6)):
    (F.cross_entropy(small(images[half]), labels[half]) / 2).backward()
torch.testing.assert_close(small[1].weight.grad, whole)
print(
    f"32 images keep {keeps[32] / MB:,.0f} MB, 4 times 8 images {keeps[8] / MB:,.0f} MB at a time"
)

# %%
# .. _oom-evaluation:
#
# An evaluation builds a graph, and a sum keeps it
# ------------------------------------------------
#
# Without ``no_grad``, each forward pass keeps its tensors until ``backward()`` frees them or nothing refers to the
# output. An evaluation calls no ``backward()``. A running sum of losses, or a list of outputs, refers to all of them,
# so the memory grows from batch to batch. ``item()`` gives a number without a graph.

for name, number in {
    "total += loss": lambda loss: loss,
    "total += loss.item()": lambda loss: loss.item(),
}.items():
    total, seen = 0, []
    for _ in range(3):
        _, output = forward_keeps(small, images)
        total += number(F.cross_entropy(output, labels))
        del output
        seen.append(kept_bytes(small))
    print(f"{name:<22}keeps", *seen, "bytes after 1, 2 and 3 batches")
    assert (seen == [0, 0, 0]) == (name == "total += loss.item()")
    del total
with torch.no_grad():
    assert forward_keeps(small, images)[0] == 0

# %%
# .. _oom-checkpoint:
#
# The network is deep
# -------------------
#
# ``torch.utils.checkpoint.checkpoint`` keeps only the input of a part of the network, and computes the part again
# in ``backward()``. The price is a second forward pass. Here it is applied to each of the eight blocks of the network.


inputs = []  # a checkpoint keeps the input of its block by itself


def checkpointed(images):
    x = model.maxpool(model.relu(model.bn1(model.conv1(images))))
    for block in (*model.layer1, *model.layer2, *model.layer3, *model.layer4):
        inputs.append(Kept(x))
        x = checkpoint(block, x, use_reentrant=False, preserve_rng_state=False)
    return model.fc(model.avgpool(x).flatten(1))


less, output = forward_keeps(model, torch.empty(32, 3, 224, 224, device="meta"), checkpointed)
print(f"32 images: {keeps[32] / MB:,.0f} MB, with checkpoints {less / MB:,.0f} MB")
assert less < 0.7 * keeps[32]
del output
inputs.clear()

# %%
# Autocast computes matrix products and convolutions in two bytes a number, so what these keep takes half of the memory.
# The weights stay in :val:`float32 <real.fc.weight.dtype>`, and autocast keeps a short copy of them. With large images
# this copy is a small part. This cell runs on the CPU.

real, photos = resnet18(), torch.rand(32, 3, 96, 96)
full, output = forward_keeps(real, photos)
del output
with torch.autocast("cpu", dtype=torch.bfloat16):
    short, output = forward_keeps(real, photos)
print(f"32 small images: {full / MB:.0f} MB, under autocast {short / MB:.0f} MB")
assert short < 0.8 * full
del output

# %%
# .. _oom-message:
#
# What the numbers of the message say
# -----------------------------------
#
# The message was not raised here, but its parts are in PyTorch's library. The tensor that was asked for last need not
# be the large one. It is the one that no longer fitted. If much is *reserved but unallocated*, the free memory may be
# in pieces, and the message names a setting to try. If PyTorch has little and little is free, another program has it.
#
# Two lines are quoted: `the first <https://github.com/pytorch/pytorch/issues/16417>`__ has today's words. `The second
# <https://github.com/singhsourabh/Resume-NER/issues/4>`__ has those of old versions, which raised a ``RuntimeError``.
# *Already allocated* is what tensors take there, and *reserved in total* is what PyTorch holds.

library = Path(torch.__file__).parent / "lib" / "libc10_cuda.so"
parts = [
    "CUDA out of memory. Tried to allocate ",
    " is allocated by PyTorch, ",
    " is reserved by PyTorch but unallocated.",
    "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation",
]
words = (
    library.read_bytes() if library.is_file() else "".join(parts).encode()
)  # a build without CUDA has none
assert all(part.encode() in words for part in parts)
print(*(f"... {part.strip()} ..." for part in parts), sep="\n")
print(QUOTED)

# %%
# .. use-this::
#
#    Halve the batch until it fits, and add up gradients if you need the larger one. Evaluate under
#    ``torch.no_grad()``, and keep numbers (``loss.item()``) in place of losses. Then take autocast, and ``checkpoint``
#    for deep networks: it costs a second forward pass. ``torch.cuda.max_memory_allocated()`` says what the largest
#    step so far needed.
#
# A common mistake
# ----------------
#
# Some programs call ``torch.cuda.empty_cache()`` after each batch. It releases memory that PyTorch holds but does not
# use, for other programs. Its reference says that PyTorch gains no memory by it, and where it may help.

said = " ".join(torch.cuda.empty_cache.__doc__.split())
said = said.replace(":func:`~torch.cuda.empty_cache`", "empty_cache()")
said = said[said.index("empty_cache() doesn't") :]
print(*said.split(". ")[:2], sep="\n")

# %%
# How this was checked

# The counts on meta are those of real tensors.
with torch.device("meta"):
    shape_only = resnet18()
for size in (32, 64):
    on_meta, first = forward_keeps(shape_only, torch.empty(2, 3, size, size, device="meta"))
    del first
    on_cpu, second = forward_keeps(real, torch.rand(2, 3, size, size))
    del second
    assert abs(on_meta - on_cpu) < 0.02 * on_cpu
# Nothing is kept at the end, and Adam has two numbers for each weight.
assert kept_bytes(model) == kept_bytes(real) == 0
optimizer = torch.optim.Adam(small.parameters())
optimizer.step()
states = sum(
    value.nbytes for state in optimizer.state.values() for value in state.values() if value.dim()
)
assert states == 2 * sum(parameter.nbytes for parameter in small.parameters())
# Batch normalization: two halves add up to another gradient than the whole.
normed = nn.Sequential(small[0], small[1], nn.BatchNorm1d(20), small[3])
(of_whole,) = torch.autograd.grad(F.cross_entropy(normed(images), labels), [small[1].weight])
halves = [
    torch.autograd.grad(F.cross_entropy(normed(images[part]), labels[part]) / 2, [small[1].weight])[
        0
    ]
    for part in (slice(0, 3), slice(3, 6))
]
assert not torch.allclose(sum(halves), of_whole, rtol=0.1)
# So do halves of which one has more samples that count.
some = torch.tensor([0, 0, 1, 2, 3, 4])
losses = [F.cross_entropy(small(images), some, ignore_index=0)]
for part in (slice(0, 3), slice(3, 6)):
    losses.append(F.cross_entropy(small(images[part]), some[part], ignore_index=0) / 2)
of_whole, *halves = (torch.autograd.grad(loss, [small[1].weight])[0] for loss in losses)
assert not torch.allclose(sum(halves), of_whole, rtol=0.1)
# Autocast keeps a copy of the weights in two bytes a number, which outweighs one tiny image.
tiny = torch.rand(1, 3, 32, 32)
for autocast in (False, True):
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        count, output = forward_keeps(real.eval(), tiny)
    del output
    assert (count > 0.45 * weights) == autocast
# A checkpoint changes neither the output nor the gradient.
block, x = real.layer1[0].eval(), torch.rand(2, 64, 8, 8, requires_grad=True)
(plain,) = torch.autograd.grad(block(x).sum(), [x])
(again,) = torch.autograd.grad(checkpoint(block, x, use_reentrant=False).sum(), [x])
torch.testing.assert_close(again, plain)

# %%
# Check yourself
# --------------

saved = {
    "32 images": keeps[32],
    "the same step with SGD": 2 * weights,
    "empty_cache() before the step": 0,
}
ask(
    "A step with 64 images runs out of memory. Which of these saves most?",
    answer=max(saved, key=saved.__getitem__),
    choices={
        "32 images": "What the forward pass keeps is by far the largest part here, and it is halved.",
        "the same step with SGD": "That saves Adam's two averages, and those are small beside what 64 images keep.",
        "empty_cache() before the step": "It gives PyTorch no more memory than it had.",
    },
)

# %%
# An evaluation runs through some hundred batches, and then out of memory.


def kept_after(batches):
    outputs = [forward_keeps(small, images)[1] for _ in range(batches)]
    return kept_bytes(small) if outputs else 0


grows = {
    "a list of outputs": kept_after(3) > kept_after(1),
    "a batch that is too large": kept_after(1) > kept_after(3),
}
ask(
    "Which is the cause?",
    answer=next(name for name, does in grows.items() if does),
    choices={
        "a list of outputs": "Each output refers to its graph, and the graph to what its forward pass kept.",
        "a batch that is too large": "Then the first batch would have failed.",
    },
)

# %%
# **Exercise.** Write how many bytes the weights, their gradients and the averages of an optimizer take, as a tensor
# without axes. ``averages`` is how many numbers the optimizer keeps for each weight. Frozen weights have neither
# gradient nor averages.

frozen = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
frozen[0].requires_grad_(False)
cases = [(nn.Linear(5, 2), 2), (nn.Linear(5, 2), 0), (nn.Linear(3, 2).double(), 1), (frozen, 2)]


def training_bytes(model, averages):
    raise NotImplementedError


def measured(model, averages):
    total = sum(parameter.nbytes for parameter in model.parameters())
    for parameter in model.parameters():
        if parameter.requires_grad:
            gradient = torch.zeros_like(parameter)
            total += gradient.nbytes + sum(
                torch.zeros_like(parameter).nbytes for _ in range(averages)
            )
    return torch.tensor(total)


check(training_bytes, measured, cases)

# %%
# Count each parameter once, and once for its gradient and once for each average if it is trained.

# Solution


def training_bytes(model, averages):
    return torch.tensor(
        sum(p.nbytes * (2 + averages if p.requires_grad else 1) for p in model.parameters())
    )


report = check(training_bytes, measured, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`cannot-re-initialize-cuda`, an error of two processes and one GPU.
#
# - PyTorch contributors (2026). `CUDA semantics: memory management
#   <https://docs.pytorch.org/docs/stable/notes/cuda.html#memory-management>`__. The cache, and its settings.
# - Chen et al. (2016). `Training deep nets with sublinear memory cost <https://arxiv.org/abs/1604.06174>`__. The paper
#   on checkpoints.

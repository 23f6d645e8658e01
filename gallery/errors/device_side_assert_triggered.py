"""
.. _device-side-assert-triggered:

AcceleratorError: CUDA error: device-side assert triggered
==========================================================

A value that you gave to the GPU is not allowed there, often a class or an ID that is too large. Run the batch on the
CPU in a new process, where the message says what is wrong.
"""

# %%
# Set-up

import importlib.metadata
import re
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
data = digits("train")
images, labels = data.inputs.flatten(start_dim=1), data.targets  # (1085, 64), (1085,)


class Queue:
    """Imitates how a GPU works: a call waits in a queue, and its error comes when the program waits for a result."""

    def __init__(self, blocking=False):
        self.blocking, self.waiting, self.broken = blocking, [], None

    def call(self, function):
        self.waiting.append(function)
        if self.blocking:
            self.wait()

    def wait(self):
        while self.waiting and not self.broken:
            try:
                self.waiting.pop(0)()
            except IndexError as error:
                self.broken = error
        if self.broken:
            raise RuntimeError("device-side assert triggered")


def line_that_raises(blocking):
    """Run three lines on the imitated GPU, and return which of them raises."""
    embedding, tokens = nn.Embedding(10, 4), torch.tensor([3, 12])
    queue = Queue(blocking)
    lines = {
        "x = embedding(tokens)  # 12 is too large": lambda: queue.call(lambda: embedding(tokens)),
        "y = torch.ones(2, 3) * 2": lambda: queue.call(lambda: torch.ones(2, 3) * 2),
        "print(y.sum().item())": queue.wait,
    }
    for text, line in lines.items():
        try:
            line()
        except RuntimeError:
            return text
    return "none"


def header_of_cuda():
    """Return what NVIDIA's own header says of this error, or an empty text where it is not installed."""
    try:
        runtime = importlib.metadata.distribution("nvidia-cuda-runtime")
    except importlib.metadata.PackageNotFoundError:
        return ""
    headers = [file for file in runtime.files or () if file.name == "driver_types.h"]
    text = Path(headers[0].locate()).read_text() if headers else ""
    found = re.search(r"/\*\*([^/]*?)\*/\s*cudaErrorAssert ", text)
    return " ".join(re.sub(r"\n\s*\*", " ", found[1]).split()) if found else ""


def train(targets, seed, steps=60):
    """Train a linear model, and return for which part of each class it gives the right label."""
    torch.manual_seed(seed)
    model = nn.Linear(64, 10)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(steps):
        loss = F.cross_entropy(model(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        given = model(images).argmax(dim=1)
    return [(given == labels)[labels == digit].float().mean().item() for digit in range(10)]


# %%

from_one = labels + 1  # a data set whose ten classes are numbered 1 to 10
logits = nn.Linear(64, 10)(images)
print(
    "on a GPU, CUDA says:", torch.cuda.CudaError(710) if torch.version.cuda else "(not installed)"
)
with expect_error(IndexError, match="Target 10 is out of bounds"):
    F.cross_entropy(logits, from_one)
print("on a GPU, older releases also print: Assertion `t >= 0 && t < n_classes` failed.")

# %%
# This page uses no GPU. The first line is the text of the installed CUDA for this error, whose number is 710. torch
# puts "CUDA error:" in front, and older releases raise a ``RuntimeError``. The second line is what the CPU says of the
# same call: ten classes have the numbers 0 to 9, and one label is 10. The third is quoted from `a thread
# <https://github.com/hszhao/semseg/issues/29>`__: ``t`` is the label.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# .. not looked up: labels - 1; 9 — the cell of the cause runs it; the last of ten numbers from 0
#
# ============================================================================  ======================================
# On the CPU it says                                                            Fix
# ============================================================================  ======================================
# :ref:`Target 10 is out of bounds <assert-labels>`                             ``labels - 1``, or more classes
# :ref:`index out of range in self <assert-embedding>`                          a larger ``num_embeddings``
# :ref:`all elements of input should be between 0 and 1 <assert-bce>`           ``binary_cross_entropy_with_logits``
# :ref:`all elements of target should be between 0 and 1 <assert-bce>`          labels 0 and 1
# :ref:`index 10 is out of bounds for dimension 1 <assert-gather>`              an index below the size
# :ref:`probability tensor contains either inf, nan <assert-gather>`            ``softmax`` of finite logits
# ============================================================================  ======================================
#
# The rule
# --------
#
# Python puts work into the queue of the GPU and goes on. The error comes later, at a line that waits for a result, so
# *the line named in the traceback may be correct*. With ``CUDA_LAUNCH_BLOCKING=1`` Python waits after each call, and
# the traceback ends at the call that failed. Here a queue in Python imitates the GPU.

for blocking in (False, True):
    print(f"CUDA_LAUNCH_BLOCKING={int(blocking)} names:", line_that_raises(blocking))
assert line_that_raises(blocking=False) != line_that_raises(blocking=True)

# %%
# Why does everything fail afterwards?
# ------------------------------------
#
# After this error, the process cannot use the GPU again, so catching the error does not help. Start a new process, or
# restart the kernel of a notebook. The first line is what the header of the installed CUDA says.

print(header_of_cuda() or "(the header is not installed)")
broken, embedding = Queue(blocking=True), nn.Embedding(10, 4)
for token in (12, 3):  # in the imitation: the ID 3 is right, and its call fails too
    with expect_error(RuntimeError, match="device-side assert triggered"):
        broken.call(lambda token=token: embedding(torch.tensor([token])))
assert embedding(torch.tensor([3])).shape == (1, 4)

# %%
# .. _assert-labels:
#
# Classes that do not exist
# -------------------------
#
# The labels begin at 1, or a number such as -1 means "unknown", or the model has too few outputs. Subtract 1 from
# labels that begin at 1. Give the number for "unknown" as ``ignore_index``. Look at the smallest and the largest label
# before you train.

print(
    "labels from", from_one.min().item(), "to", from_one.max().item(), "| outputs", logits.shape[1]
)
assert F.cross_entropy(logits, from_one - 1).isfinite()

unknown = labels.clone()
unknown[:5] = -1
with expect_error(IndexError, match="Target -1 is out of bounds"):
    F.cross_entropy(logits, unknown)
assert F.cross_entropy(logits, unknown, ignore_index=-1).isfinite()

# %%
# .. _assert-embedding:
#
# An ID that the embedding does not have
# --------------------------------------
#
# An embedding of 10 vectors counts them from 0. IDs become too large when the tokenizer got new words, and positions
# when a text is longer than the model allows. ``-1`` is no ID either.

embedding = nn.Embedding(10, 4)
for tokens in (torch.tensor([3, 12]), torch.tensor([3, -1])):
    with expect_error(IndexError, match="index out of range in self"):
        embedding(tokens)
larger = nn.Embedding(13, 4)
assert larger(torch.tensor([3, 12])).shape == (2, 4)

# %%
# .. _assert-bce:
#
# A probability outside 0 to 1
# ----------------------------
#
# A binary cross-entropy got logits, because the sigmoid is missing. Take the loss that contains it. NaN in the model's
# output raises the same error. Targets such as 2 or -1 are refused, too, but the loss with logits takes them silently.

targets = torch.tensor([1.0, 0.0])
for wrong in (torch.tensor([2.5, -1.0]), torch.tensor([float("nan"), 0.5])):
    with expect_error(RuntimeError, match="all elements of input should be between 0 and 1"):
        F.binary_cross_entropy(wrong, targets)
for wrong in (torch.tensor([2.0, 1.0]), torch.tensor([1.0, -1.0])):
    with expect_error(RuntimeError, match="all elements of target should be between 0 and 1"):
        F.binary_cross_entropy(torch.tensor([0.9, 0.2]), wrong)
    assert F.binary_cross_entropy_with_logits(torch.tensor([2.5, -1.0]), wrong).isfinite()
print(F.binary_cross_entropy_with_logits(torch.tensor([2.5, -1.0]), targets))

# %%
# .. _assert-gather:
#
# An index, or a draw
# -------------------
#
# The CPU names the index, the axis and the size. For brackets, its dimension 0 is the first axis that a tensor indexes,
# so go by the size. See :ref:`gather` for what an index may be. A draw with :func:`torch.multinomial` needs weights
# that are finite and not negative.

scores = torch.rand(2, 5)
with expect_error(RuntimeError, match="index 10 is out of bounds for dimension 1 with size 5"):
    scores.gather(1, torch.tensor([[0], [10]]))
with expect_error(IndexError, match="index 10 is out of bounds for dimension 0 with size 5"):
    scores[:, torch.tensor([0, 10])]
for wrong in (float("nan"), float("inf"), -1.0):
    with expect_error(RuntimeError, match="probability tensor contains either `inf`, `nan`"):
        torch.multinomial(torch.tensor([0.5, wrong]), num_samples=1)
assert torch.multinomial(scores.softmax(dim=1), num_samples=1).shape == (2, 1)

# %%
# .. use-this::
#
#    Run one step on the CPU, with the model and the batch that failed, before you look anywhere else. If that is too
#    slow or raises nothing, run ``CUDA_LAUNCH_BLOCKING=1 python train.py``, and read the last line of your code in the
#    traceback. Take the variable away afterwards: waiting after each call makes training slower. Check labels and IDs
#    when you load them. Two comparisons cost little there.
#
# A common mistake
# ----------------
#
# ``clamp`` silences the message, and gives wrong labels to the model. Here ten digits are numbered from 1, and the last
# two become one class. The page trains a linear model from five seeds, and prints how often it is right about the
# digits 8 and 9.

wrong, right = from_one.clamp(max=9) - 1, from_one - 1
for name, given in {"clamp(max=9)": wrong, "labels - 1": right}.items():
    parts = torch.tensor([train(given, seed) for seed in range(5)])
    (eight, nine), (most_eight, most_nine) = parts[:, 8:].amin(0), parts[:, 8:].amax(0)
    print(f"{name:13} an 8: {eight:.2f} to {most_eight:.2f}, a 9: {nine:.2f} to {most_nine:.2f}")
    assert parts[:, 9].max() == 0 if name == "clamp(max=9)" else parts[:, 9].min() > 0.85

# %%
# How this was checked

# The class of the error, and the words of torch, as they stand in its library.
assert issubclass(torch.AcceleratorError, RuntimeError)
if torch.version.cuda:
    assert str(torch.cuda.CudaError(710)) == "device-side assert triggered (710)"
    library = Path(torch.__file__).parent.joinpath("lib", "libc10_cuda.so")
    if library.exists():
        said = library.read_bytes()
        assert b"CUDA kernel errors might be asynchronously reported at some other API call" in said
        assert b"For debugging consider passing CUDA_LAUNCH_BLOCKING=1" in said
    if header := header_of_cuda():
        assert "must be terminated and relaunched" in header
# Each label outside 0 to 9 is refused, but the one that cross_entropy ignores by default.
for label in (-100, -2, -1, 0, 9, 10, 255):
    given = torch.tensor([label])
    if label == -100:
        assert F.cross_entropy(logits[:1], given).isnan()  # nothing is left to average
    elif 0 <= label < 10:
        assert F.cross_entropy(logits[:1], given).isfinite()
    else:
        with expect_error(IndexError, match=f"Target {label} is out of bounds"):
            F.cross_entropy(logits[:1], given)
# With brackets, an axis is counted if a tensor indexes it: here one of 4 axes, and then two.
blocks = torch.rand(2, 3, 4, 5)
with expect_error(IndexError, match="index 9 is out of bounds for dimension 0 with size 4"):
    blocks[0, :, torch.tensor([9])]
with expect_error(IndexError, match="index 9 is out of bounds for dimension 1 with size 5"):
    blocks[:, torch.tensor([0]), :, torch.tensor([9])]
# multinomial needs no sum of 1, but one weight above 0.
assert torch.multinomial(torch.tensor([0.0, 5.0]), num_samples=1).item() == 1
with expect_error(RuntimeError, match="sum of probabilities <= 0"):
    torch.multinomial(torch.zeros(3), num_samples=1)
# More calls that look up a number and refuse it.
for code, message in {
    "F.one_hot(torch.tensor([3, 12]), num_classes=10)": "Class values must be smaller than num_classes",
    "F.nll_loss(logits.log_softmax(1), from_one)": "Target 10 is out of bounds",
    "scores.index_select(1, torch.tensor([10]))": "INDICES element is out of DATA bounds, id=10",
    "torch.zeros(2, 5).scatter(1, torch.tensor([[10], [0]]), 1.0)": "index 10 is out of bounds",
    "torch.bernoulli(torch.tensor([1.5]))": "Expected p_in >= 0 && p_in <= 1",
    "torch.multinomial(torch.tensor([0.5, -1.0]), 1)": "element < 0",
}.items():
    with expect_error((IndexError, RuntimeError), match=message):
        eval(code)
# The labels of the wrong training: the last class of ten has no sample, and the one before has two digits.
assert from_one.tolist() == (labels + 1).tolist()
assert wrong.bincount(minlength=10).tolist()[9] == 0
assert wrong.eq(8).sum() == labels.eq(8).sum() + labels.eq(9).sum()

# %%
# Check yourself
# --------------


def largest_that_works(classes):
    scores = torch.zeros(1, classes)
    found = []
    for label in range(classes + 2):
        try:
            F.cross_entropy(scores, torch.tensor([label]))
            found.append(label)
        except IndexError:
            pass
    return max(found)


ask(
    "A model has 7 outputs. What is the largest label that cross_entropy takes?",
    answer=largest_that_works(7),
    choices={
        6: "Seven classes are numbered from 0.",
        7: "That would be the eighth class, because the first is 0.",
        8: "That is two too many.",
    },
)

# %%
# The next question asks about the traceback.

ask(
    "A traceback ends at loss.item() with: device-side assert triggered. CUDA_LAUNCH_BLOCKING was not set. Which line "
    "is wrong?",
    answer="this or an earlier one" if "item" in line_that_raises(False) else "this one",
    choices={
        "this one": "It is the line that waited for the GPU.",
        "this or an earlier one": "The queue held earlier work, and item() waited for it.",
        "the next one": "What had not been called was not in the queue.",
    },
)

# %%
# **Exercise.** Write the check that belongs in front of a training. Return the places of the labels that
# ``cross_entropy`` would refuse, as int64. A label -100 is left out by default, and so it is allowed.


def refused(labels, classes):
    raise NotImplementedError


def by_trying(labels, classes):
    places = []
    for place, label in enumerate(labels):
        try:
            F.cross_entropy(torch.zeros(1, classes), label[None])
        except IndexError:
            places.append(place)
    return torch.tensor(places, dtype=torch.int64)


cases = [
    (torch.tensor([0, 2, 3]), 3),
    (torch.tensor([0, 1, 2]), 3),
    (torch.tensor([-1, 4, 0, -100]), 4),
    (torch.tensor([5, 5, -100, -2, 1]), 5),
]
check(refused, by_trying, cases)

# %%
# Make two comparisons and one exception. ``nonzero`` gives the places.

# Solution


def refused(labels, classes):
    outside = (labels < 0) | (labels >= classes)
    return (outside & (labels != -100)).nonzero().squeeze(1)


report = check(refused, by_trying, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`cuda-out-of-memory`, an error of too much memory.
#
# - PyTorch contributors (2026). `CUDA semantics <https://docs.pytorch.org/docs/stable/notes/cuda.html>`__. Its part on
#   asynchronous execution names ``CUDA_LAUNCH_BLOCKING``.
# - NVIDIA (2026). `CUDA runtime API: data types
#   <https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html>`__. Each error of CUDA, with its number.

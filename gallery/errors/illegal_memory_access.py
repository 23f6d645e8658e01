"""
.. _illegal-memory-access:

AcceleratorError: CUDA error: an illegal memory access was encountered
======================================================================

A kernel on the GPU read or wrote outside the memory of its tensors. The line in the traceback may not be the cause, so
run with ``CUDA_LAUNCH_BLOCKING=1`` to find the right one, often code that was compiled for this project.
"""

# %%
# Set-up

import ctypes
import math
import os
import struct
import subprocess
import sys

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
ADVICE = (
    "CUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be "
    "incorrect.\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1"
)
NUMBERS = {
    700: "an illegal memory access was encountered",
    716: "misaligned address",
    719: "unspecified launch failure",
    999: "unknown error",
}
OLD = """RuntimeError: cuda runtime error (77) : an illegal memory access was encountered at generic/THCTensorCopy.c:20
RuntimeError: cuda runtime error (59) : device-side assert triggered
RuntimeError: cuda runtime error (30) : unknown error at ..\\aten\\src\\THC\\THCGeneral.cpp:87
RuntimeError: cublas runtime error : the GPU program failed to execute at /pytorch/aten/src/THC/THCBlas.cu:450"""


def kernel_sum(tensor):
    # A kernel gets an address, and here it takes for granted that the numbers follow each other.
    memory = ctypes.string_at(tensor.data_ptr(), tensor.numel() * 4)
    return sum(struct.unpack(f"{tensor.numel()}f", memory))


# %%

for number, words in NUMBERS.items():
    said = torch.cuda.CudaError(number) if torch.version.cuda else f"{words} ({number})"
    assert str(said) == f"{words} ({number})"
    print(f"AcceleratorError: CUDA error: {words}")
print(ADVICE)

# %%
# These are CUDA's words for four error numbers, as the installed torch gives them. No GPU was used here. The first
# error comes from a wrong address. The others are vaguer: the kernel ended, and the driver does not say why.
#
# .. longer: 5 screens — each cause has a cell of its own
#
# ===============================================================================  ===================================
# Usual cause                                                                      Fix
# ===============================================================================  ===================================
# :ref:`a compiled extension gets a tensor it does not expect <illegal-kernel>`    ``x.contiguous()``, dtype, device
# :ref:`an index is too large <illegal-index>`                                     the same batch on the CPU
# :ref:`a tensor has more than 2**31 - 1 elements <illegal-large>`                 smaller parts, a newer torch
# :ref:`a fault of torch, cuDNN or the driver <illegal-where>`                     a newer version
# :ref:`unknown error, at the first use of the GPU <illegal-unknown>`              restart the machine
# ===============================================================================  ===================================
#
# .. _illegal-where:
#
# Find the call
# -------------
#
# A call for the GPU returns before the kernel has run. :ref:`device-side-assert-triggered` imitates this, and shows why
# a later line is named. With ``CUDA_LAUNCH_BLOCKING=1`` each call waits, and the traceback ends at the call that
# failed. Set it before Python starts. If the call belongs to torch itself, try a newer version first.

command = [sys.executable, "-c", "import os; print(os.environ['CUDA_LAUNCH_BLOCKING'])"]
blocking = os.environ | {"CUDA_LAUNCH_BLOCKING": "1"}  # CUDA_LAUNCH_BLOCKING=1 python train.py
done = subprocess.run(command, env=blocking, capture_output=True, text=True)
print("the program sees", done.stdout.strip())
assert done.stdout.strip() == "1"

# %%
# .. _illegal-kernel:
#
# A kernel gets a tensor that it does not expect
# ----------------------------------------------
#
# Custom kernels get an address and a number of elements. In a column of an image the numbers do not follow each other,
# so such a kernel reads others. On the CPU, this gives a wrong sum here. On a GPU, it gives this error if the kernel
# reads beyond the end of the memory. Give it ``contiguous()`` tensors, and check dtype and device, too.

image = digits("train").inputs[0, 0]  # (8, 8)
column = image[:, 3]
for name, given in {"column": column, "column.contiguous()": column.contiguous()}.items():
    print(f"{name:20}is {given.sum():.3f}, and the kernel says {kernel_sum(given):.3f}")
    assert math.isclose(kernel_sum(given), given.sum(), rel_tol=1e-5) == given.is_contiguous()

# %%
# .. _illegal-index:
#
# An index is too large
# ---------------------
#
# Most of torch's own functions check indices on the GPU too, and then say *device-side assert triggered*. Compiled
# extensions, such as those for point clouds and detection, may not check. The CPU versions of torch's own functions
# name the index.

scores, wrong = torch.rand(2, 5), torch.tensor([[0], [7]])
with expect_error(RuntimeError, match="index 7 is out of bounds for dimension 1 with size 5"):
    scores.gather(1, wrong)
with expect_error(IndexError, match="Target 7 is out of bounds"):
    F.cross_entropy(scores, wrong.squeeze(1))
print("smallest and largest index:", *wrong.aminmax())

# %%
# .. _illegal-large:
#
# More elements than 32 bits can count
# ------------------------------------
#
# A kernel that counts in int32 goes from the largest number to a negative one, and so reads in front of the tensor.
# Look at ``numel()`` of inputs *and* results. A tensor on ``meta`` has the shape, and takes no memory.

largest = torch.iinfo(torch.int32).max
assert largest == 2**31 - 1
features = nn.Conv2d(3, 64, kernel_size=3, padding=1, device="meta")(
    torch.empty(160, 3, 512, 480, device="meta")
)
print(f"{features.numel():,} elements, and int32 counts to {largest:,}")
print("the last index as int32:", torch.tensor(features.numel() - 1).to(torch.int32).item())
assert features.numel() > largest
assert features[:80].numel() <= largest

# %%
# .. _illegal-unknown:
#
# Unknown error, and old wordings
# -------------------------------
#
# If even the first small tensor fails in a new process, your code is not the cause: the driver is in a bad
# state. Restart the machine. Old versions of torch worded these errors differently. The lines below are quoted from
# threads, and not raised here. CUDA has since given these errors other numbers than 77, 59 and 30.

print(OLD)
if torch.version.cuda:
    new = {77: 700, 59: 710, 30: 999}
    assert all("unrecognized" in str(torch.cuda.CudaError(number)) for number in new)
    print("today:", ", ".join(str(torch.cuda.CudaError(number)) for number in new.values()))

# %%
# .. use-this::
#
#    Start a new process, because this one cannot use the GPU again. Run it with ``CUDA_LAUNCH_BLOCKING=1``, and read
#    the last line of your code in the traceback. If it is a compiled extension, build it for the torch that runs, and
#    give it contiguous tensors on one device. NVIDIA's ``compute-sanitizer python train.py`` names the kernel. Both
#    make the program slower, so take them away afterwards.
#
# A common mistake
# ----------------
#
# Catching the error and going on does not help, and neither does a smaller batch if the batch was not the cause. A
# smaller batch is a good *test*: if the error stays with one sample, the batch was not too large.

for batch in (160, 80, 1):
    elements = batch * features[0].numel()
    print(f"{batch:<4} images: {elements:13,} elements, too many: {elements > largest}")
    assert (elements > largest) == (batch == 160)

# %%
# How this was checked

assert issubclass(torch.AcceleratorError, RuntimeError)
# The kernel that is imitated is right for each contiguous tensor that was tried, and wrong for these others.
for shape in ((8,), (2, 3), (2, 3, 4), (1,), (5, 1)):
    x = torch.rand(shape)
    assert math.isclose(kernel_sum(x), x.sum(), rel_tol=1e-5)
base = torch.rand(6, 8)
for x in (base[:, ::2], base[:, 1:3], base[::2], base[:, 5]):
    assert not x.is_contiguous()
    assert not math.isclose(kernel_sum(x), x.sum(), rel_tol=1e-5)
    assert math.isclose(kernel_sum(x.contiguous()), x.sum(), rel_tol=1e-5)
# A transposed matrix has the same sum: its numbers lie in the same memory, in another order.
assert math.isclose(kernel_sum(base.T), base.sum(), rel_tol=1e-5)
# int32 begins again.
for index, seen in ((largest, largest), (largest + 1, -(2**31)), (2**32, 0)):
    assert torch.tensor(index).to(torch.int32).item() == seen

# %%
# Check yourself
# --------------

answers = {name: kernel_sum(t) for name, t in {"column": column, "row": image[3]}.items()}
right = {"column": column.sum(), "row": image[3].sum()}
(works,) = (name for name in answers if math.isclose(answers[name], right[name], rel_tol=1e-5))
ask(
    "A kernel expects contiguous memory. Which part of an image of shape (8, 8) may it get without a copy?",
    answer=works,
    choices={
        "row": "The numbers of a row follow each other.",
        "column": "Between two numbers of a column, the memory has the rest of a row.",
    },
)

# %%
# The next question counts.

sizes = {
    name: torch.Size(s).numel() > largest
    for name, s in {
        "(64, 1024, 1024)": (64, 1024, 1024),
        "(2048, 1024, 1024)": (2048, 1024, 1024),
    }.items()
}
ask(
    "Which of these shapes has more elements than int32 can count?",
    answer=max(sizes, key=sizes.__getitem__),
    choices={
        "(64, 1024, 1024)": f"It has {64 * 1024 * 1024:,} elements.",
        "(2048, 1024, 1024)": f"It has {largest + 1:,}, one more than the largest number of int32.",
    },
)

# %%
# **Exercise.** Return the sizes of the parts into which a batch is cut, so that no result has more elements than
# ``limit``. ``each`` is the number of elements of one sample. Make as few parts as possible, and the last as small as
# possible.


def parts(batch, each, limit):
    raise NotImplementedError


def by_counting(batch, each, limit):
    sizes = [0]
    for _ in range(batch):
        if (sizes[-1] + 1) * each > limit:
            sizes.append(0)
        sizes[-1] += 1
    return torch.tensor(sizes)


cases = [(160, 15_728_640, largest), (7, 2, 6), (4, 3, 100), (5, 10, 10), (6, 1, 3)]
check(parts, by_counting, cases)

# %%
# ``limit // each`` samples fit in one part.

# Solution


def parts(batch, each, limit):
    most = limit // each
    return torch.tensor([min(most, batch - start) for start in range(0, batch, most)])


report = check(parts, by_counting, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`cudnn-status-not-initialized`, errors of the libraries for convolutions and matrix products.
#
# - PyTorch contributors (2026). `CUDA semantics: asynchronous execution
#   <https://docs.pytorch.org/docs/stable/notes/cuda.html#asynchronous-execution>`__. Why another line is named.
# - HawkRong (2020). `A thread on this message <https://github.com/pytorch/pytorch/issues/42077>`__. The variable
#   ``CUDA_LAUNCH_BLOCKING`` led to an extension that was compiled for the project.

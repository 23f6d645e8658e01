"""
.. _not-implemented-for-long:

NotImplementedError: "log_softmax_lastdim_kernel_impl" not implemented for 'Long'
=================================================================================

The quoted name is a kernel, the code behind an operation that you called, and this kernel is not written for your
dtype. Convert the tensor before that call: whole numbers with ``float()``.
"""

# %%
# Set-up

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)

OPERATIONS = {
    "x == x": lambda x: x == x,
    "x + x": lambda x: x + x,
    "x < x": lambda x: x < x,
    "x.max()": lambda x: x.max(),
    "x.exp()": lambda x: x.exp(),
    "x.softmax(1)": lambda x: x.softmax(dim=1),
    "F.gelu(x)": lambda x: F.gelu(x),
    "F.mse_loss(x, x)": lambda x: F.mse_loss(x, x),
    "torch.cdist(x, x)": lambda x: torch.cdist(x, x),
    "x << 1": lambda x: x << 1,
}


def refused(operation, dtype):
    """Return whether an operation has no kernel for this dtype on this processor."""
    try:
        operation(torch.ones(2, 3).to(dtype))
    except (NotImplementedError, RuntimeError):
        return True
    return False


# %%

votes = torch.tensor([[4, 1, 0], [2, 7, 3]])  # written by hand in place of logits
labels = torch.tensor([0, 1])
with expect_error(NotImplementedError, match="log_softmax.* not implemented for 'Long'"):
    F.cross_entropy(votes, labels)
print(votes.dtype, F.cross_entropy(votes.float(), labels))

# %%
# A kernel can have another name than the function that you called: here the loss called ``log_softmax``. The last word
# is the :term:`dtype` as C++ calls it. ``Long`` is :val:`int64 <votes.dtype>`, the type of whole numbers written
# without a point.
#
# .. longer: 7 screens — each cause has a cell of its own
#
# .. not looked up: x.to(torch.int32); x.to(torch.int64); x.to(torch.bfloat16) — the cells of these causes run them
#
# =======================================================================  =======================================
# The message ends with                                                    Fix
# =======================================================================  =======================================
# :ref:`'Long', 'Int', 'Byte': whole numbers <kernel-long>`                ``x.float()``
# :ref:`'Int' or 'Float', from nll_loss: labels <kernel-float>`            ``labels.long()``
# :ref:`'Bool': a mask in arithmetic <kernel-bool>`                        ``mask.float()``, or ``^`` for ``-``
# :ref:`'UInt16': depth maps, scans <kernel-uint>`                         ``x.to(torch.int32)``
# :ref:`'UInt32': large identifiers <kernel-uint>`                         ``x.to(torch.int64)``
# :ref:`'Half' on the CPU <kernel-half>`                                   ``x.float()``, ``model.float()``
# :ref:`'Float8_e4m3fn': stored weights <kernel-half>`                     ``x.to(torch.bfloat16)``
# :ref:`'Float': an operation for whole numbers <kernel-float>`            ``x.long()``
# :ref:`'ComplexFloat': numbers without an order <kernel-float>`           ``spectrum.abs()``
# =======================================================================  =======================================
#
# The rule
# --------
#
# Each kernel has a list of dtypes, and the processor and the GPU have kernels of their own. An operation may convert
# integers (``exp`` is one of these) or refuse them (``softmax``). The table is made by trying on a CPU, and *no* marks
# what was refused.

dtypes = ("int64", "bool", "uint16", "float8_e4m3fn", "float16", "float32")
print(f"{'operation':17}", *dtypes)
for name, operation in OPERATIONS.items():
    row = ["no" if refused(operation, getattr(torch, dtype)) else "." for dtype in dtypes]
    print(f"{name:17}", *(f"{cell:{len(dtype)}}" for cell, dtype in zip(row, dtypes, strict=True)))

# %%
# .. _kernel-long:
#
# 'Long': whole numbers where fractions come out
# ----------------------------------------------
#
# Labels, counts and pixels are whole numbers. A softmax, a squared error or a normal distribution gives fractions. If
# you need random whole numbers, use :func:`torch.randint`.

predicted, counted = torch.tensor([3, 8, 5]), torch.tensor([4, 8, 7])
with expect_error(NotImplementedError, match="\"mse_cpu\" not implemented for 'Long'"):
    F.mse_loss(predicted, counted)
print(F.mse_loss(predicted.float(), counted.float()))
with expect_error(NotImplementedError, match="\"normal_kernel_cpu\" not implemented for 'Long'"):
    torch.randn(3, dtype=torch.int64)
assert torch.randint(10, (3,)).dtype == torch.int64

# %%
# .. _kernel-bool:
#
# 'Bool': a mask in arithmetic
# ----------------------------
#
# ``sum()`` counts truth values as they are. A product of matrices needs numbers, so convert the mask. ``-`` has a
# message of its own. Instead, ``^`` finds where two masks differ, and ``~`` gives the opposite of a mask. See
# :ref:`boolean-masks`.

mask = torch.tensor([[True, False, True], [True, True, False]])
with expect_error(NotImplementedError, match="\"addmm_impl_cpu_\" not implemented for 'Bool'"):
    mask @ mask.mT
print((mask.float() @ mask.mT.float()).tolist())  # how many they have in common
for refuses in (lambda: mask[0] - mask[1], lambda: 1 - mask[0]):
    with expect_error(
        RuntimeError, match="Subtraction, the `-` operator, with"
    ):  # the type before torch 2.14
        refuses()
assert (mask[0] ^ mask[1]).tolist() == [False, True, True]
assert (~mask[0]).tolist() == [False, True, False]
assert mask.sum() == 4

# %%
# .. _kernel-uint:
#
# 'UInt16' and 'UInt32': depth maps, identifiers
# ----------------------------------------------
#
# An image with 16 bits a pixel arrives as unsigned numbers up to :val:`65535 <torch.iinfo(torch.uint16).max>`. Torch
# stores them, and has few kernels for them. Convert them to the signed type of twice the width.

depth = torch.from_numpy(np.array([[0, 40000, 65535], [1200, 50, 7]], dtype=np.uint16))
for refuses in (lambda: depth + 1, lambda: depth > 50, lambda: depth.max()):
    with expect_error(NotImplementedError, match="not implemented for 'UInt16'"):
        refuses()
whole = depth.to(torch.int32)
print(whole.max(), (whole > 50).sum(), f"{depth.float().mean():.0f}")
ids = torch.tensor([3_000_000_001, 5], dtype=torch.uint32)
print(ids.to(torch.int64).max())

# %%
# .. _kernel-half:
#
# 'Half' on the CPU, and 'Float8'
# -------------------------------
#
# Some operations have no kernel for Half on the CPU: convert to single precision for this call. If the call is inside a
# model, convert the model and its input. Old messages say ``"addmm_impl_cpu_" not implemented for 'Half'``, and the
# torch of this page computes that product. Floats of eight bits are made for storing: convert them before arithmetic.

vectors = torch.randn(5, 8).half()
with expect_error(NotImplementedError, match="\"cdist\" not implemented for 'Half'"):
    torch.cdist(vectors, vectors)
assert torch.cdist(vectors.float(), vectors.float()).shape == (5, 5)
print("a product of Half:", (vectors @ vectors.mT).dtype)
model = nn.Linear(8, 3).half()
assert model.float()(vectors.float()).dtype == torch.float32

stored = torch.randn(4, 8).to(torch.float8_e4m3fn)
with expect_error(NotImplementedError, match="not implemented for 'Float8_e4m3fn'"):
    stored * 2
assert (stored.to(torch.bfloat16) * 2).dtype == torch.bfloat16

# %%
# .. _kernel-float:
#
# 'Float' and 'ComplexFloat', and labels
# --------------------------------------
#
# ``bincount`` counts whole numbers, so floats do not fit. ``long()`` cuts off what is behind the point. The classes
# that ``cross_entropy`` gets are whole numbers, too. For labels of another type, a GPU names
# ``nll_loss_forward_reduce_cuda_kernel_2d_index`` (not run here), and the CPU says it in other words. Complex numbers
# have no order, so there is no largest. Take the absolute values, or the real parts.

with expect_error(NotImplementedError, match="\"bincount_cpu\" not implemented for 'Float'"):
    torch.bincount(torch.tensor([0.0, 2.0, 2.0]))
print(torch.bincount(torch.tensor([0.0, 2.0, 2.0]).long()))
assert torch.tensor([2.7, -2.7]).long().tolist() == [2, -2]

for wrong in (labels.int(), labels.float()):
    with expect_error(
        RuntimeError,
        match="expected target dtype to be Long or Byte, but got|scalar type Long",
    ):
        F.cross_entropy(votes.float(), wrong)
assert F.cross_entropy(votes.float(), labels.int().long()).isfinite()

spectrum = torch.fft.rfft(torch.tensor([1.0, 0.0, -1.0, 0.0, 1.0, 0.0]))
with expect_error(NotImplementedError, match="\"max_all\" not implemented for 'ComplexFloat'"):
    spectrum.max()
print(f"{spectrum.abs().max():.1f}")

# %%
# .. use-this::
#
#    Give fractions to losses and activations: ``x.float()`` where the data is made. Write numbers for tests with a
#    point, ``torch.tensor([[4.0, 1.0]])``. Keep labels as whole numbers and masks as booleans, and convert them where
#    you calculate. ``softmax`` has an argument ``dtype`` and converts inside the call. ``float()`` makes a copy, which
#    takes half the memory of whole numbers of 64 bits, and four times that of bytes.
#
# A common mistake
# ----------------
#
# A signed type of the same width silences the message, and large numbers turn negative. Nothing is raised. Where an
# unsigned type has a kernel, large results wrap around as well, like the doubled numbers of the second line.

wrong = depth.to(torch.int16)
print(wrong.tolist())
print((depth * 2).tolist())
assert wrong.max() == 1200
assert (depth.to(torch.int32) * 2).max() == 131070

# %%
# How this was checked

# The fixes of the table, for each operation that refused a type: float32 for all but the shift of bits, which takes
# int64.
for name, operation in OPERATIONS.items():
    assert not refused(operation, torch.int64 if name == "x << 1" else torch.float32)
# What the table says, in numbers: what int64 and float16 refuse here.
long_refuses = {name for name, operation in OPERATIONS.items() if refused(operation, torch.int64)}
assert long_refuses == {"x.softmax(1)", "F.gelu(x)", "F.mse_loss(x, x)", "torch.cdist(x, x)"}
# On the CPU, log_softmax, softmax, gelu and layer norm compute with Half and with BFloat16.
for dtype in (torch.float16, torch.bfloat16):
    x = torch.randn(2, 3, dtype=dtype)
    for function in (F.gelu, lambda x: F.layer_norm(x, (3,)), lambda x: x.log_softmax(dim=1)):
        assert function(x).dtype == dtype
# The message is a NotImplementedError, which is a RuntimeError too.
assert issubclass(NotImplementedError, RuntimeError)
# The same mistake in other words: operations that test the type themselves.
for code, message in {
    "counted.mean()": "could not infer output dtype",
    "counted.std()": "only support floating point and complex dtypes",
    "torch.multinomial(counted, 1)": "multinomial only supports floating-point dtypes",
    "torch.cdist(votes, votes)": "cdist only supports floating-point dtypes",
    "F.dropout(counted)": "can't be cast to the desired output type Long",
    "F.one_hot(labels.int())": "only applicable to index tensor of type LongTensor",
    "torch.linalg.inv(votes[:, :2])": "Expected a floating point or complex tensor as input",
}.items():
    with expect_error(RuntimeError, match=message):
        eval(code)
# Each of these kernels refuses each of these types.
for dtype in (torch.int64, torch.int32, torch.uint8, torch.bool):
    for function in (F.gelu, lambda x: x.softmax(dim=1), lambda x: F.mse_loss(x, x)):
        with expect_error(NotImplementedError, match="not implemented for '(Long|Int|Byte|Bool)'"):
            function(votes.to(dtype))
for dtype in (torch.uint16, torch.uint32, torch.uint64):
    with expect_error(NotImplementedError, match='"add_stub" not implemented for \'UInt'):
        torch.ones(3, dtype=dtype) + 1
# Converting inside the call gives the same; sizes in bytes.
torch.testing.assert_close(votes.softmax(dim=1, dtype=torch.float32), votes.float().softmax(1))
sizes = [torch.empty((), dtype=t).itemsize for t in (torch.int64, torch.float32, torch.uint8)]
assert sizes == [8, 4, 1]
assert torch.tensor([[4.0, 1.0]]).dtype == torch.float32
# float16 cannot hold the largest of 16 unsigned bits; float32 holds each of these, and not each of 32.
assert depth.half().isinf().any()
assert depth.float().to(torch.int32).equal(whole)
assert ids.float().to(torch.int64)[0] != ids.to(torch.int64)[0]
# The signed type of the same width is too small for 32 bits, too.
assert ids.to(torch.int32)[0] < 0

# %%
# Check yourself
# --------------

tried = {}
for code in ("votes.exp()", "votes.softmax(dim=1)", "votes.max()"):
    try:
        eval(code)
        tried[code] = True
    except NotImplementedError:
        tried[code] = False
(failing,) = (code for code, runs in tried.items() if not runs)
ask(
    f"votes is a tensor of {votes.dtype}. Which of these raises?",
    answer=failing,
    choices={
        "votes.exp()": "exp converts integers to floats first.",
        "votes.softmax(dim=1)": "It has kernels for floats alone, and does not convert.",
        "votes.max()": "Integers have a largest, and it is an integer.",
    },
)

# %%
# The next question asks about a conversion.

scan = torch.tensor([300, 40000], dtype=torch.uint16)
kept = {
    str(dtype): scan.to(dtype).double().equal(torch.tensor([300.0, 40000.0], dtype=torch.float64))
    for dtype in (torch.uint8, torch.int16, torch.int32)
}
(safe,) = (name for name, same in kept.items() if same)
ask(
    f"A scan in {scan.dtype} has values up to 40000. Which of these types keeps them?",
    answer=safe,
    choices={
        "torch.uint8": "It ends at 255, and larger numbers wrap around.",
        "torch.int16": "It ends at 32767, and larger numbers become negative.",
        "torch.int32": "It holds each number of 16 unsigned bits.",
    },
)

# %%
# **Exercise.** Draw a depth map: return floats from 0 to 1, 0 for the nearest pixel and 1 for the farthest. ``depth``
# has an unsigned type of at most 32 bits and holds two different values or more. A kernel that is missing shows up here
# as *not written yet*, because it raises the same class of error.


def to_gray(depth):
    raise NotImplementedError


def by_loops(depth):
    numbers = depth.flatten().tolist()
    near, far = min(numbers), max(numbers)
    return torch.tensor([(n - near) / (far - near) for n in numbers]).reshape(depth.shape)


cases = [
    (torch.tensor([[0, 10]], dtype=torch.uint16),),
    (torch.tensor([[500, 40000, 65535], [700, 600, 50000]], dtype=torch.uint16),),
    (torch.tensor([[3, 255], [9, 100]], dtype=torch.uint8),),
    (torch.tensor([[3, 3_000_000_000], [65536, 100]], dtype=torch.uint32),),
    (torch.tensor([[3_000_000_000, 3_000_000_001]], dtype=torch.uint32),),
]
check(to_gray, by_loops, cases)

# %%
# Convert first: then there are kernels for the smallest and the largest number. ``double()`` keeps numbers apart that
# are one to ``float()``.

# Solution


def to_gray(depth):
    depth = depth.double()
    return ((depth - depth.min()) / (depth.max() - depth.min())).float()


report = check(to_gray, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`could-not-run-with-arguments-from-the-backend`, where a kind of tensor or a device is missing.
#
# - PyTorch contributors (2026). `Tensor attributes <https://docs.pytorch.org/docs/stable/tensor_attributes.html>`__.
#   The dtypes, and a word on those that have few kernels.
# - PyTorch contributors (2026). `torch.randint
#   <https://docs.pytorch.org/docs/stable/generated/torch.randint.html>`__. Random whole numbers.

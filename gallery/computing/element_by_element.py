"""
.. _element-by-element:

What do + * == and exp do to a tensor?
======================================

They work on each :term:`element` by itself: an element of the result is made of the elements in the same place.
Arithmetic, comparisons, :func:`torch.exp`, :func:`torch.abs` and :func:`torch.clamp` are of this kind, which is also
called element-wise or pointwise. ``@``, which multiplies matrices, is not. You need to know
:ref:`what a shape is <what-is-a-tensor>` and :ref:`what a dtype is <dtypes>`.
"""

# %%
# Two tensors of :term:`shape` (2, 3). Touch an element of the product: it was computed from one of ``a`` and one of
# ``b``.

import math
import operator
import sys

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask

a = torch.tensor([[1, 2, 3], [4, 5, 6]])
b = torch.tensor([[10, 20, 30], [2, 5, 9]])
draw(torch.mul, (a, b))

# %%
# Each operator is a function, too: ``a * b`` is ``torch.mul(a, b)`` and ``a.mul(b)``. From scratch, each of these 13
# operators is a loop over the places, with Python's own operator on two numbers. The two can differ where Python raises
# an error or leaves the dtype: 1 divided by 0 is an error in Python, and infinity in torch.

signs = {"+": "add", "-": "sub", "*": "mul", "/": "truediv"}
signs |= {"//": "floordiv", "%": "mod", "**": "pow"}
signs |= {"<": "lt", "<=": "le", "==": "eq", "!=": "ne", ">=": "ge", ">": "gt"}
for sign, name in signs.items():
    python = getattr(operator, name)
    result = python(b, a)
    print(f"b {sign:>2} a   {str(result.dtype).removeprefix('torch.'):<8} {result.tolist()}")
    by_loops = [[python(b[i, j].item(), a[i, j].item()) for j in range(3)] for i in range(2)]
    torch.testing.assert_close(result, torch.tensor(by_loops, dtype=result.dtype))
assert len(signs) == 13
assert torch.equal(torch.mul(a, b), a * b)
assert torch.equal(a.mul(b), a * b)
with expect_error(ZeroDivisionError, match="zero"):
    1 / 0
assert torch.tensor(1) / torch.tensor(0) == math.inf

# %%
# ``*`` is not matrix multiplication
# ----------------------------------
#
# ``@`` is. It lets each row of the first meet each column of the second and adds up the products (:ref:`matmul`).
# Compare the picture with the one above.

assert (a * b).tolist() == [[10, 40, 90], [8, 25, 54]]
assert (a @ b.T).tolist() == [[140, 39], [320, 87]]  # 10 + 40 + 90 is the first
draw(torch.matmul, (a, b.T), names=["a", "b.T"])

# %%
# For a square matrix both work and give the same shape, so a mix-up shows in the numbers alone. ``**`` multiplies
# element by element as well.

square = torch.tensor([[1, 2], [3, 4]])
assert (square * square).tolist() == (square**2).tolist() == [[1, 4], [9, 16]]
assert (square @ square).tolist() == [[7, 10], [15, 22]]
assert torch.equal(torch.linalg.matrix_power(square, 2), square @ square)

# %%
# The shapes need not be equal
# ----------------------------
#
# They have to fit, which is less: where a size is 1, or an :term:`axis` is missing, the tensor is read again and again
# (:ref:`broadcasting`). A number fits each shape. Here are 4 factors, one for each sheet of the result:
# :math:`r_{sij} = f_{s00} \cdot a_{ij}`. Shapes that do not fit raise an error. Its "singleton dimension" is an axis of
# size 1.

factors = torch.tensor([1, -1, 10, 100]).reshape(4, 1, 1)
sheets = factors * a
assert sheets.shape == (4, 2, 3)
assert all(torch.equal(sheets[s], factors[s].item() * a) for s in range(4))
for t in (a, sheets, torch.tensor(4), torch.ones(0, 3)):
    assert torch.equal(t * 2.5, t * torch.full(t.shape, 2.5))
with expect_error(RuntimeError, match=r"a \(3\) must match the size of tensor b \(2\)"):
    a * torch.tensor([10, 20])
draw(torch.mul, (factors, a), names=["factors", "a"])

# %%
# The dtypes need not be equal
# ----------------------------
#
# An operator brings both tensors to a common :term:`dtype` first, by :term:`promotion`. A few functions of several
# tensors do not, such as :func:`torch.lerp`, and neither does ``@``. ``/`` and ``exp`` make floats of integers. ``abs``
# keeps the dtype of real numbers, and so does ``clamp`` if its bounds are of that kind.

x = torch.tensor([[0.5, 1.5, 2.5], [-0.5, -1.0, 0.0]])
assert (a * x).dtype == (a / a).dtype == a.exp().dtype == torch.float32
for dtype in (
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.float64,
):
    assert a.to(dtype).abs().dtype == a.to(dtype).clamp(2, 5).dtype == dtype
assert torch.tensor([3 + 4j]).abs().dtype == torch.float32  # the length of a complex number
assert a.clamp(0.5, 5).dtype == torch.float32
assert (a > x).dtype == torch.bool
with expect_error(RuntimeError, match="same dtype"):
    a @ x.T
with expect_error(RuntimeError, match="expected dtype"):
    torch.lerp(x, x.double(), 0.5)

# %%
# Functions of one tensor
# -----------------------
#
# They, too, are a loop over the places, and ``math`` has many of them for one number. Where ``math`` raises an error,
# these functions of torch give an infinite number or :term:`NaN`. (The error of ``math.log(-1.0)`` says "math domain
# error", and since Python 3.14 "expected a positive input, got -1.0".)

raising = {
    "log": (0.0, -1.0),
    "sqrt": (-1.0,),
    "exp": (1000.0,),
    "asin": (2.0,),
    "sin": (math.inf,),
}
raising |= {"floor": (math.nan,), "ceil": (math.inf,), "atanh": (1.0,), "log1p": (-1.0,)}
for name, inputs in raising.items():
    for number in inputs:
        try:
            getattr(math, name)(number)
            raised = False
        except (ValueError, OverflowError):
            raised = True
        assert raised
        assert not getattr(torch, name)(torch.tensor(number)).isfinite()
try:
    math.log(-1.0)
except ValueError as error:
    said = str(error)
since_3_14 = "expected a positive input, got -1.0"
assert said == (since_3_14 if sys.version_info >= (3, 14) else "math domain error")
for name in ("exp", "sin", "tanh", "floor", "ceil"):
    python = getattr(math, name)
    by_loops = [[float(python(x[i, j])) for j in range(3)] for i in range(2)]
    torch.testing.assert_close(getattr(torch, name)(x), torch.tensor(by_loops))
draw(torch.exp, x)

# %%
# ``clamp`` puts each element between two bounds. What is below the lower bound becomes that bound, and what is above
# the upper one becomes the upper one. One of the two may be missing. From scratch it is :func:`torch.maximum`, then
# :func:`torch.minimum`. These take the larger, or the smaller, of two elements in the same place (:ref:`max and min
# <reductions>` go along an axis).

low, high = torch.tensor(-0.5), torch.tensor(1.0)
assert torch.equal(x.clamp(-0.5, 1), torch.minimum(torch.maximum(x, low), high))
assert torch.equal(x.clamp(min=0), x.relu())
assert (x.clamp(min=2, max=1) == 1).all()  # with the bounds swapped, the upper one wins
draw(torch.clamp, x, min=-0.5, max=1)

# %%
# Comparisons
# -----------
#
# A comparison gives a truth value for each place, a :term:`mask`. ``&`` is "and", ``|`` is "or", ``~`` is "not". They
# bind tighter than ``<``, so the parentheses are needed. Python's ``and``, ``if`` and ``1 < a < 5`` ask for *one* truth
# value, and here are six.

inside = (a > 1) & (a < 5)
assert inside.tolist() == [[False, True, True], [True, False, False]]
for one_truth_value in (lambda: a > 1 and a < 5, lambda: 1 < a < 5, lambda: bool(a == b)):
    with expect_error(RuntimeError, match="more than one value is ambiguous"):
        one_truth_value()
with expect_error(NotImplementedError, match="not implemented for 'Float'"):
    inside = x > 0 & x < 1  # read as x > (0 & x) < 1

# %%
# ``all``, ``any`` and :func:`torch.equal` give one answer for the whole tensor. ``torch.equal`` also compares the
# shapes, but not the dtypes. ``==`` with a list gives False, whatever is in the list, and without a warning. Floats are
# compared with a tolerance by :func:`torch.allclose` (:ref:`floating-point-surprises`).

assert (a == a).all()
assert not torch.equal(a, a[:, :1])
assert torch.equal(a, a.double())
for tensor, numbers in (
    (a[0], [1, 2, 3]),
    (a[0, :1], [1]),
    (a[0, 0], [1]),
    (a, [[1, 2, 3], [4, 5, 6]]),
    (a[:0], []),
):
    assert (tensor == numbers) is False
assert (a[0] == torch.tensor([1, 2, 3])).all()
assert torch.allclose(x + 1e-7, x, atol=1e-6)

# %%
# Memory and gradients
# --------------------
#
# The results above are new tensors. (``+a`` is no operation: it returns ``a`` itself.) With an underscore, or ``+=``,
# the result is written into the first tensor, :term:`in place`, which keeps its dtype and its shape. Floats do not go
# into a tensor of integers, and a larger shape does not go into a smaller one: both raise an error. A number that is
# too large for the dtype raises none. In uint8, 200 + 100 becomes :val:`44 <small.item()>`.

total = a * 1
alias = total
total += 10
assert torch.equal(alias, a + 10)  # a is as before
with expect_error(RuntimeError, match="can't be cast to the desired output type"):
    total += 0.5
with expect_error(RuntimeError, match="doesn't match the broadcast shape"):
    total *= factors
small = torch.tensor([200], dtype=torch.uint8)
small += 100
assert small.item() == 300 - 256
assert (+a) is a

# %%
# Where nothing is broadcast, the :term:`gradient` of an element comes from its own place: for a product it is the other
# factor, for ``exp`` the result. ``clamp`` passes it on between the bounds, and stops it at a bound and outside.
# ``abs`` has 0 at 0, and comparisons have no gradient.

p = x.clone().requires_grad_()
rules = [(p * a, a.float()), (p.exp(), x.exp()), (p.abs(), x.sign())]
rules += [(p.clamp(-0.7, 1), ((x > -0.7) & (x < 1)).float())]
rules += [(p.clamp(-0.5, 1.5), ((x > -0.5) & (x < 1.5)).float())]  # -0.5 and 1.5 are in x
for result, expected in rules:
    torch.testing.assert_close(torch.autograd.grad(result.sum(), p)[0], expected)
for compare in (torch.lt, torch.le, torch.eq, torch.ne, torch.ge, torch.gt):
    assert not compare(p, 0).requires_grad

# %%
# Check yourself
# --------------
#
# Division with integers:

ask(
    f"a holds the integers 1 to {a.max()}. What are the dtypes of a / a and of a // a?",
    answer=tuple(str(t.dtype) for t in (a / a, a // a)),
    choices={
        ("torch.int64", "torch.int64"): "/ does not stay with integers, although 4 / 4 could.",
        (
            "torch.float32",
            "torch.int64",
        ): "/ makes floats of integers; // rounds down, to integers.",
        ("torch.float32", "torch.float32"): "// promotes as + does: two integers stay integers.",
    },
)

# %%
# A row and a column:

column, row = torch.tensor([[1], [2], [3]]), torch.tensor([[10, 20, 30, 40]])
ask(
    "column has shape (3, 1) and row has shape (1, 4). What does column * row give?",
    answer=(column * row).shape,
    choices={
        (3, 4): "Both are stretched. column @ row is the same: a sum of one product.",
        (1, 1): "An axis of size 1 is stretched to the other size, not the other way round.",
        RuntimeError: "The shapes differ, but where they do, one of the sizes is 1.",
    },
)

# %%
# Next: :ref:`reductions`, which combine elements of different places.

"""
.. _element-by-element:

What do + * == and exp do to a tensor?
======================================

You multiply two tables and wonder whether ``*`` is a product of matrices. It is not: ``+``, ``*``, ``==``,
:func:`torch.exp` and their relatives treat each :term:`element` by itself, or with the element in the same place.
"""

# %%
# Set-up

import itertools
import math
import operator

import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.zoo import zoo

torch.manual_seed(0)
a = torch.tensor([[1, 2, 3], [4, 5, 6]])
b = torch.tensor([[10, 20, 30], [2, 5, 9]])

# %%

draw(torch.mul, (a, b))

# %%
# Each element of the product is computed from one of ``a`` and one of ``b``. Point at an element to see the two. You
# need to know :ref:`what a shape is <what-is-a-tensor>` and :ref:`what a dtype is <dtypes>`.
#
# The rule
# --------
#
# The result has the shape of the inputs, and the operation :math:`f` works at each place: :math:`r_{ij} = f(a_{ij},
# b_{ij})`. An operator is also a function and a method: ``a * b`` is ``torch.mul(a, b)`` and ``a.mul(b)``.

assert torch.equal(torch.mul(a, b), a * b)
assert torch.equal(a.mul(b), a * b)

# %%
# Not the product of matrices
# ---------------------------
#
# ``@`` multiplies matrices: rows meet columns, and products are added up (:ref:`matmul`). For square matrices ``*`` and
# ``@`` both work and give the same shape, so a mix-up shows in the numbers alone. ``**`` goes element by element, too.

square = torch.tensor([[1, 2], [3, 4]])
print("square * square:", (square * square).tolist())
print("square ** 2:    ", (square**2).tolist())
print("square @ square:", (square @ square).tolist())
assert torch.equal(square * square, square**2)
assert (square @ square)[0, 0] == 1 * 1 + 2 * 3

# %%
# Shapes and dtypes need not be equal
# -----------------------------------
#
# An axis of size 1 is repeated, and so is a number: the inputs :ref:`broadcast <broadcasting>`. Two dtypes are brought
# to a common one by :term:`promotion`. ``/`` and ``exp`` make floats of integers, and ``//`` leaves them integers.

results = {
    "a + row of floats": a + torch.tensor([0.5, 0.0, 0.5]),
    "a / a": a / a,
    "a // a": a // a,
    "a.exp()": a.exp(),
}
for name, result in results.items():
    print(f"{name:<18}{tuple(result.shape)} {str(result.dtype).removeprefix('torch.')}")
    assert result.shape == a.shape
assert results["a / a"].dtype == results["a.exp()"].dtype == torch.float32

# %%
# Comparisons
# -----------
#
# A comparison gives True or False for each place, and the result is a :term:`mask`. Join masks with ``&`` (and), ``|``
# (or) and ``~`` (not), each comparison in parentheses. For one answer about the whole tensor, use ``all``, ``any`` or
# :func:`torch.equal`.

inside = (a > 1) & (a < 5)
print(inside)
print("any:", inside.any().item(), " all:", inside.all().item(), " equal:", torch.equal(a, b))
assert inside.sum() == 3

# %%
# .. use-this::
#
#    Write operators and methods, and no loop over elements. The results are new tensors, so a chain of three operations
#    makes three. ``+=`` and methods such as ``add_`` write in place and keep shape and dtype; avoid them where
#    :ref:`gradients are needed <modified-by-an-inplace-operation>`. Compare floats with :func:`torch.allclose`, since
#    ``==`` asks for :ref:`the last digit <floating-point-surprises>`.
#
# Common mistakes
# ---------------
#
# **Python's "and", "if" and chains.** They ask for *one* truth value, and a tensor of several elements has several.
# Write ``(a > 1) & (a < 5)``.

for ask_for_one in (lambda: a > 1 and a < 5, lambda: 1 < a < 5):
    with expect_error(RuntimeError, match="more than one value is ambiguous"):
        ask_for_one()
print(((a > 1) & (a < 5)).tolist())

# %%
# **A result that does not fit into its dtype.** A photo in :val:`uint8 <photo.dtype>` has numbers up to
# :val:`255 <torch.iinfo(photo.dtype).max>`. From a larger sum 256 is subtracted, and to a negative difference 256 is
# added, without an error.

photo = torch.tensor([100, 150, 200], dtype=torch.uint8)
print("photo + 100:", (photo + 100).tolist())
print("photo - 150:", (photo - 150).tolist())
print("as floats:  ", (photo.float() + 100).clamp(0, 255).tolist())
assert (photo + 100).tolist() == [200, 250, 300 - 256]
assert (photo - 150).tolist() == [256 - 50, 0, 50]

# %%
# How this was checked

for sign in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "lt", "eq", "ge"):
    python = getattr(operator, sign)
    by_loops = [[python(b[i, j].item(), a[i, j].item()) for j in range(3)] for i in range(2)]
    result = python(b, a)
    torch.testing.assert_close(result, torch.tensor(by_loops, dtype=result.dtype))
x = torch.tensor([0.2, 0.5, 0.9])
assert (x * 1.5).clamp(0, 1).max() == 1
assert x[2] == 0.9  # x is as before
with expect_error(NotImplementedError, match="not implemented for 'Float'"):
    _ = x > 0 & x < 1  # read as x > (0 & x) < 1
assert ((x > 0) & (x < 1)).all()
with expect_error(RuntimeError, match="can't be cast to the desired output type"):
    photo *= 1.5
for name, t in zoo(axes=(0, 1, 2)).items():
    product = t * t
    for place in itertools.product(*map(range, t.shape)):
        torch.testing.assert_close(product[place], t[place] * t[place], equal_nan=True)
    assert (t == t).shape == product.shape == t.shape, name
    assert (t == t).dtype == torch.bool
# Where Python's / raises an error, torch has infinity or NaN.
with expect_error(ZeroDivisionError, match="zero"):
    1 / 0
assert torch.tensor(1) / torch.tensor(0) == math.inf
# abs keeps the dtype of real numbers, and is the length of a complex one.
for dtype in (torch.uint8, torch.int16, torch.int64, torch.float16, torch.float64):
    assert a.to(dtype).abs().dtype == a.to(dtype).clamp(2, 5).dtype == dtype
assert torch.tensor([3 + 4j]).abs().item() == 5
# clamp is a maximum and a minimum; with swapped bounds the upper one wins.
low, high = torch.tensor(-0.5), torch.tensor(1.0)
t = torch.randn(50)
assert torch.equal(t.clamp(-0.5, 1), torch.minimum(torch.maximum(t, low), high))
assert (t.clamp(min=2, max=1) == 1).all()
# A tensor is not equal to a list, whatever is in it.
for tensor, numbers in (
    (a[0], [1, 2, 3]),
    (a[0, :1], [1]),
    (a, [[1, 2, 3], [4, 5, 6]]),
    (a[:0], []),
):
    assert (tensor == numbers) is False
# In place: the memory, the dtype and the shape stay. Methods that move axes change the shape, in place too.
moved = torch.ones(2, 3).t_()
assert moved.shape == (3, 2)
total = a * 1
alias = total
total += 10
assert torch.equal(alias, a + 10)
with expect_error(RuntimeError, match="doesn't match the broadcast shape"):
    total *= torch.ones(4, 1, 1, dtype=torch.int64)
# Gradients come from the element's own place.
p = torch.tensor([[0.5, 1.5, 2.5], [-0.5, -1.0, 0.0]], requires_grad=True)
x2 = p.detach()
for result, expected in [
    (p * a, a.float()),
    (p.exp(), x2.exp()),
    (p.abs(), x2.sign()),
    (p.clamp(-0.7, 1), ((x2 > -0.7) & (x2 < 1)).float()),
]:
    torch.testing.assert_close(torch.autograd.grad(result.sum(), p)[0], expected)
for compare in (torch.lt, torch.le, torch.eq, torch.ne, torch.ge, torch.gt):
    assert not compare(p, 0).requires_grad

# %%
# Check yourself
# --------------

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
# A row meets a column.

column, row = torch.tensor([[1], [2], [3]]), torch.tensor([[10, 20, 30, 40]])
ask(
    "column has shape (3, 1) and row has shape (1, 4). What does column * row give?",
    answer=(column * row).shape,
    choices={
        (3, 4): "Both are repeated. column @ row is the same: a sum of one product.",
        (1, 1): "An axis of size 1 is repeated to the other size, not the other way round.",
        RuntimeError: "The shapes differ, but where they do, one of the sizes is 1.",
    },
)

# %%
# **Exercise.** Double the contrast of a gray photo in uint8: the distance of each pixel from 128 becomes twice as
# large. A value outside the range from 0 to 255 becomes the nearest end of it. Return uint8.


def by_loops(photo):
    doubled = [min(max(128 + 2 * (pixel - 128), 0), 255) for pixel in photo.flatten().tolist()]
    return torch.tensor(doubled, dtype=torch.uint8).reshape(photo.shape)


cases = [
    (torch.tensor([[120, 128, 140]], dtype=torch.uint8),),
    (torch.tensor([[0, 60, 100], [150, 200, 255]], dtype=torch.uint8),),
    (torch.randint(256, (4, 5), dtype=torch.uint8),),
]


def more_contrast(photo):
    raise NotImplementedError


check(more_contrast, by_loops, cases)

# %%
# The differences can be negative, so convert the photo first, and back at the end.

# Solution


def more_contrast(photo):
    doubled = 128 + 2 * (photo.int() - 128)
    return doubled.clamp(0, 255).to(torch.uint8)


report = check(more_contrast, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`reductions` combines elements of different places.
#
# - PyTorch contributors (2026). `Pointwise operations
#   <https://docs.pytorch.org/docs/stable/torch.html#pointwise-ops>`__. The list of them.
# - VanderPlas (2016). `Python Data Science Handbook
#   <https://jakevdp.github.io/PythonDataScienceHandbook/02.03-computation-on-arrays-ufuncs.html>`__. Why these
#   operations are fast and a loop in Python is slow, with NumPy.

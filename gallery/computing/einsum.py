"""
.. _einsum:

How do I read and write torch.einsum?
=====================================

:func:`torch.einsum` multiplies tensors and sums, and letters tell it how: one letter for each :term:`axis` of each
input, then an arrow, then the letters of the result. Axes with the same letter go together. A letter that the result
does not have is summed over. You need to know :ref:`reductions` and :ref:`matmul`.
"""

# %%
# In ``ij,jk->ik`` the columns of ``a`` and the rows of ``b`` share the letter j, and the result has no j. So the sum
# runs over j: :math:`c_{ik} = \sum_j a_{ij} b_{jk}`, the product of two matrices.

import itertools
import math

import torch
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask

a = torch.tensor([[1, 2, 3], [4, 5, 6]])
b = torch.tensor([[1, 0, 2, 5], [0, 1, 2, 5], [0, 0, 2, 5]])
assert torch.equal(torch.einsum("ij,jk->ik", a, b), a @ b)
draw(torch.einsum, ("ij,jk->ik", a, b), names=["a", "b"])

# %%
# The rule, from scratch
# ----------------------
#
# 1. A letter is an :term:`index`, and has one size in all of its places. (A size of 1 is stretched; see below.)
# 2. Let each letter take each of its values. Multiply the elements that the inputs have there.
# 3. Add the product to the element of the result whose letters match.


def einsum(equation, *tensors):
    inputs, output = equation.split("->")
    pairs = list(zip(inputs.split(","), tensors, strict=True))
    size = {k: n for letters, t in pairs for k, n in zip(letters, t.shape, strict=True)}
    result = torch.zeros([size[k] for k in output])
    for values in itertools.product(*map(range, size.values())):
        at = dict(zip(size, values, strict=True))
        factors = [t[tuple(at[k] for k in letters)] for letters, t in pairs]
        result[tuple(at[k] for k in output)] += math.prod(factors)
    return result


# %%
# Ten that you meet often
# -----------------------
#
# Each of the ten comes with torch's own function, to be compared with ``torch.einsum`` and with the loops above. The
# shape follows from the letters: here i, j, k and b have the sizes 2, 3, 4 and 5.

torch.manual_seed(0)
ij, ij2, jk, jj = torch.rand(2, 3), torch.rand(2, 3), torch.rand(3, 4), torch.rand(3, 3)
i, j, bij, bjk = torch.rand(2), torch.rand(3), torch.rand(5, 2, 3), torch.rand(5, 3, 4)
ten = {
    "ij->ji": (ij.T, ij),
    "jj->j": (jj.diagonal(), jj),
    "ij->": (ij.sum(), ij),
    "ij->j": (ij.sum(dim=0), ij),
    "ij,ij->ij": (ij * ij2, ij, ij2),
    "j,j->": (torch.dot(j, jj[0]), j, jj[0]),
    "i,j->ij": (torch.outer(i, j), i, j),
    "ij,j->i": (torch.mv(ij, j), ij, j),
    "ij,jk->ik": (torch.mm(ij, jk), ij, jk),
    "bij,bjk->bik": (torch.bmm(bij, bjk), bij, bjk),
}

# %%
# All three agree, and so do the shapes:

assert len(ten) == 10
for equation, (expected, *tensors) in ten.items():
    print(f"{equation:<13} {tuple(expected.shape)}")
    torch.testing.assert_close(torch.einsum(equation, *tensors), expected)
    torch.testing.assert_close(einsum(equation, *tensors), expected)

# %%
# A letter that stands twice in *one* input takes a diagonal, because both axes have the same index. With nothing behind
# the arrow, that diagonal is summed, which gives the trace.

grid = torch.arange(9).reshape(3, 3)
assert torch.einsum("jj->", grid) == grid.trace() == 0 + 4 + 8
draw(torch.einsum, ("jj->j", grid), names=["grid"])

# %%
# In three dimensions and more
# ----------------------------
#
# Letters save thinking about which axis is where. "For each of 2 items (b), each of 3 queries (q) with each of 5 keys
# (k), over the 4 features (d)" is ``bqd,bkd->bqk``. With ``@`` you have to transpose the keys first.

queries, keys = torch.arange(24).reshape(2, 3, 4), torch.arange(40).reshape(2, 5, 4) % 7
met = torch.einsum("bqd,bkd->bqk", queries, keys)
assert torch.equal(met, queries @ keys.mT)
draw(torch.einsum, ("bqd,bkd->bqk", queries, keys), names=["queries", "keys"])

# %%
# ``...`` stands for the axes that have no letter, before, after or between the letters. They are broadcast as in
# :ref:`matmul <matmul>`. More than two inputs work, too. The last lines are :func:`torch.nn.functional.bilinear`
# without its bias, with one matrix for each output o.

assert torch.equal(torch.einsum("...qd,...kd->...qk", queries, keys), met)
assert torch.equal(torch.einsum("...qd,...kd->...qk", queries, keys[0]), queries @ keys[0].T)
assert torch.einsum("i...->...i", torch.ones(2, 3, 4)).shape == (3, 4, 2)
assert torch.einsum("i...j->...ij", torch.ones(2, 5, 6, 3)).shape == (5, 6, 2, 3)
bi, oij, bj = torch.rand(5, 2), torch.rand(7, 2, 3), torch.rand(5, 3)
torch.testing.assert_close(torch.einsum("bi,oij,bj->bo", bi, oij, bj), F.bilinear(bi, bj, oij))
torch.testing.assert_close(einsum("bi,oij,bj->bo", bi, oij, bj), F.bilinear(bi, bj, oij))

# %%
# What goes wrong
# ---------------
#
# A letter has one size, each axis needs a letter or ``...``, and the result can neither invent a letter nor repeat one.
# The message calls a letter a "subscript", and an input an "operand".

wrong = {
    ("ij,jk->ik", a, a): "subscript j has size 2 for operand 1 which does not broadcast",
    ("i,jk->ik", a, b): "number of subscripts .* does not match the number of dimensions",
    ("ij->ik", a): "output subscript k does not appear",
    ("i->ii", a[0]): "output subscript i appears more than once",
}
for (equation, *tensors), message in wrong.items():
    with expect_error(RuntimeError, match=message):
        torch.einsum(equation, *tensors)

# %%
# "Does not broadcast" is meant literally: an axis of size 1 fits any size, without an error. A letter forgotten behind
# the arrow is no error either. It is summed over.

ones = torch.ones(2, 1, dtype=torch.int64)
for size in (0, 1, 3, 100):
    row = torch.arange(size).expand(4, size).T
    assert torch.equal(torch.einsum("ij,jk->ik", ones, row), row.sum(dim=0).expand(2, 4))
assert torch.equal(torch.einsum("ij,jk->ik", ones, b), ones.expand(2, 3) @ b)
with expect_error(RuntimeError, match="cannot be multiplied"):
    ones @ b
assert torch.einsum("ij,ij->i", a, a).shape == (2,)  # the sums of a * a

# %%
# Without an arrow the result has the letters that stand once, *in the order of the alphabet*, capitals first. So "ba"
# transposes, and renaming the letters of a product can transpose its result. Write the arrow.

assert torch.equal(torch.einsum("ab", a), a)
assert torch.equal(torch.einsum("ba", a), a.T)
assert torch.equal(torch.einsum("aB", a), a.T)
assert torch.equal(torch.einsum("ij,jk", a, b), a @ b)
assert torch.equal(torch.einsum("kj,ji", a, b), (a @ b).T)

# %%
# Memory, dtypes, gradients
# -------------------------
#
# With one input and no sum, the result is a :term:`view`: writing into a diagonal writes into the matrix. The products
# and sums of the ten above are new tensors. A product whose shared letter is summed needs one :term:`dtype`, as ``@``
# does. A product without a sum promotes, as ``*`` does.

board = torch.zeros(3, 3)
torch.einsum("jj->j", board).fill_(7)
assert torch.equal(board, 7 * torch.eye(3))
for equation, (_, *tensors) in ten.items():
    result, own = torch.einsum(equation, *tensors), tensors[0]
    is_view = result.untyped_storage().data_ptr() == own.untyped_storage().data_ptr()
    assert is_view == (equation in ("ij->ji", "jj->j"))
for equation, t, u in (("ij,ij->ij", a, a), ("i,j->ij", a[0], b[0]), ("ij,jk->ijk", a, b)):
    assert torch.einsum(equation, t, u.float()).dtype == torch.float32
for equation, t, u in (("ij,jk->ik", a, b), ("ij,ij->i", a, a), ("j,j->", a[0], a[1])):
    with expect_error(RuntimeError, match="Long|Float"):
        torch.einsum(equation, t, u.float())

# %%
# The :term:`gradient` of an input of such a product is an einsum again: let the input and the result change places.
# With ``g`` the gradient of the result, ``ij,jk->ik`` gives ``ik,jk->ij`` for the first input. That works when the
# letters of the input stand once in it, and also in the result or in another input. For ``ij->i`` it would be
# ``i->ij``, which is refused: there the gradient is ``g``, expanded along j.

x, y, g = ij.clone().requires_grad_(), jk.clone().requires_grad_(), torch.rand(2, 4)
x_grad, y_grad = torch.autograd.grad(torch.einsum("ij,jk->ik", x, y), (x, y), grad_outputs=g)
torch.testing.assert_close(x_grad, torch.einsum("ik,jk->ij", g, jk))
torch.testing.assert_close(y_grad, torch.einsum("ij,ik->jk", ij, g))
with expect_error(RuntimeError, match="output subscript j does not appear"):
    torch.einsum("i->ij", g[:, 0])
(x_grad,) = torch.autograd.grad(torch.einsum("ij->i", x), x, grad_outputs=g[:, 0])
assert torch.equal(x_grad, g[:, :1].expand(2, 3))

# %%
# Check yourself
# --------------
#
# Read one:

ask(
    "x and y have shape (6, 8). What does torch.einsum('nd,nd->n', x, y) give?",
    answer=torch.einsum("nd,nd->n", torch.ones(6, 8), torch.ones(6, 8)).shape,
    choices={
        (6, 8): "That is 'nd,nd->nd', which is x * y. Here d is summed over.",
        (6,): "One dot product for each n: row n of x with row n of y.",
        (6, 6): "For each pair of rows the second n has to be another letter: 'nd,md->nm'.",
    },
)

# %%
# Write one:

images = torch.rand(5, 3, 6, 4)
weights = torch.rand(3)
gray = (images * weights.reshape(3, 1, 1)).sum(dim=1)


def makes_gray(call):
    try:
        made = torch.einsum(call, images, weights)
    except RuntimeError:  # the sizes do not fit
        return False
    return made.shape == gray.shape and torch.allclose(made, gray)


calls = ["nchw,n->nhw", "nchw,c->nchw", "nchw,c->nhw"]
assert [makes_gray(call) for call in calls] == [False, False, True]
ask(
    "images has axes n, c, h, w and weights one number for each channel c. What makes one gray image of each?",
    answer=next(filter(makes_gray, calls)),
    choices={
        "nchw,n->nhw": "n is the image, and there is a weight for each channel: the sizes do not fit.",
        "nchw,c->nchw": "The channels are weighted but not added up.",
        "nchw,c->nhw": "Both inputs have c, so it is multiplied. The result has no c, so it is summed over.",
    },
)

# %%
# Next: :ref:`softmax`, which turns numbers into probabilities.

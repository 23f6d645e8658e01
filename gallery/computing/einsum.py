"""
.. _einsum:

How do I read and write torch.einsum?
=====================================

Products of tensors with many axes need a chain of ``transpose``, ``unsqueeze`` and ``sum``, in which a wrong axis is
easily overlooked. In :func:`torch.einsum` each :term:`axis` has a letter, and the letters say what is multiplied and
summed.
"""

# %%
# Set-up

import itertools
import math

import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask

torch.manual_seed(0)
a = torch.tensor([[1, 2, 3], [4, 5, 6]])
b = torch.tensor([[1, 0, 2, 5], [0, 1, 2, 5], [0, 0, 2, 5]])

# %%

draw(torch.einsum, ("ij,jk->ik", a, b), names=["a", "b"])

# %%
# ``a`` has the axes i and j, ``b`` has j and k, and the result has i and k. It has no j, so the sum runs over j. This
# is the product of two matrices. You need to know :ref:`reductions` and :ref:`matmul`.
#
# The rule
# --------
#
# Axes with the same letter have one size and one index. Multiply the elements of the inputs at these indices, and sum
# over each letter that is missing behind the arrow: :math:`c_{ik} = \sum_j a_{ij} b_{jk}`. From scratch it is one loop
# over the values of the letters. (A size of 1 is stretched, as in :ref:`broadcasting <broadcasting>`.)


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


assert torch.equal(einsum("ij,jk->ik", a, b), (a @ b).float())

# %%
# Nine to read
# ------------
#
# For each equation ask which letters two inputs have in common, and which are missing on the right. The call beside it
# gives the same result. A letter that occurs twice in *one* input takes the diagonal.

ij, ij2, jk, jj = torch.rand(2, 3), torch.rand(2, 3), torch.rand(3, 4), torch.rand(3, 3)
i, j, bij, bjk = torch.rand(2), torch.rand(3), torch.rand(5, 2, 3), torch.rand(5, 3, 4)
nine = {
    "ij->ji": ("ij.T", ij),
    "jj->j": ("jj.diagonal()", jj),
    "ij->j": ("ij.sum(dim=0)", ij),
    "ij,ij->ij": ("ij * ij2", ij, ij2),
    "i,j->ij": ("torch.outer(i, j)", i, j),
    "ij,ij->i": ("(ij * ij2).sum(dim=1)", ij, ij2),
    "ij,j->i": ("ij @ j", ij, j),
    "ij,jk->ik": ("ij @ jk", ij, jk),
    "bij,bjk->bik": ("bij @ bjk", bij, bjk),
}
for equation, (torchs_own, *tensors) in nine.items():
    print(f"{equation:<13} {torchs_own}")
    torch.testing.assert_close(torch.einsum(equation, *tensors), eval(torchs_own))

# %%
# Attention in two lines
# ----------------------
#
# For each sentence (b) and head (h), each query (q) meets each key (k) over the features (d). Then the weights mix the
# values over k. No ``transpose`` is needed, and the equation shows the order of the axes.

queries, keys, values = torch.randn(3, 2, 4, 6, 8)  # each (b, h, position, d)
weights = (torch.einsum("bhqd,bhkd->bhqk", queries, keys) / math.sqrt(8)).softmax(dim=-1)
mixed = torch.einsum("bhqk,bhkd->bhqd", weights, values)
print(tuple(weights.shape), tuple(mixed.shape))
torch.testing.assert_close(mixed, F.scaled_dot_product_attention(queries, keys, values))

# %%
# .. use-this::
#
#    Write ``@`` where it fits without moving axes, and ``einsum`` where the axes are in the way. ``...`` stands for
#    axes without a letter. Write the arrow. Two inputs with a common letter that is summed go to :func:`torch.bmm` and
#    need one dtype, as with ``@``. Three inputs are multiplied from left to right, which can cost many times more than
#    another order. Where the package ``opt_einsum`` is installed, torch asks it for a better order.
#
# Common mistakes
# ---------------
#
# **A letter that is forgotten behind the arrow** is no error: it is summed over. Check the shape. In messages of
# errors a letter is a "subscript", and an input is an "operand".

print("ij,ij->i: ", tuple(torch.einsum("ij,ij->i", ij, ij2).shape), "where (2, 3) was wanted")
with expect_error(RuntimeError, match="subscript j has size 2 for operand 1"):
    torch.einsum("ij,jk->ik", a, a)

# %%
# **No arrow.** Without an arrow, the result has the letters that occur once, in the order of the *alphabet*. So other
# letters can transpose a product.

print("ij,jk:", tuple(torch.einsum("ij,jk", a, b).shape))
print("kj,ji:", tuple(torch.einsum("kj,ji", a, b).shape))
assert torch.equal(torch.einsum("kj,ji", a, b), (a @ b).T)

# %%
# How this was checked

assert torch.einsum("ij,ij->ij", ij, ij2).shape == (2, 3)
for equation, (torchs_own, *tensors) in nine.items():
    torch.testing.assert_close(einsum(equation, *tensors), eval(torchs_own))
    # A view where nothing is computed, a new tensor elsewhere.
    result, own = torch.einsum(equation, *tensors), tensors[0]
    is_view = result.untyped_storage().data_ptr() == own.untyped_storage().data_ptr()
    assert is_view == (equation in ("ij->ji", "jj->j"))
bi, oij, bj = torch.rand(5, 2), torch.rand(7, 2, 3), torch.rand(5, 3)
torch.testing.assert_close(torch.einsum("bi,oij,bj->bo", bi, oij, bj), F.bilinear(bi, bj, oij))
torch.testing.assert_close(einsum("bi,oij,bj->bo", bi, oij, bj), F.bilinear(bi, bj, oij))
wrong = {
    ("i,jk->ik", a, b): "number of subscripts .* does not match the number of dimensions",
    ("ij->ik", a): "output subscript k does not appear",
    ("i->ii", a[0]): "output subscript i appears more than once",
}
for (equation, *tensors), message in wrong.items():
    with expect_error(RuntimeError, match=message):
        torch.einsum(equation, *tensors)
# Axes without a letter: one line with and without a batch.
for shape in [(6, 8), (2, 6, 8), (2, 4, 6, 8)]:
    q = torch.randn(shape)
    torch.testing.assert_close(torch.einsum("...qd,...kd->...qk", q, q), q @ q.mT)
# An axis of size 1 is stretched, without an error.
ones = torch.ones(2, 1, dtype=torch.int64)
assert torch.equal(torch.einsum("ij,jk->ik", ones, b), ones.expand(2, 3) @ b)
# A product whose shared letter is summed needs one dtype; one without a sum promotes.
for equation, t, u in (("ij,ij->ij", a, a), ("i,j->ij", a[0], b[0]), ("ij,jk->ijk", a, b)):
    assert torch.einsum(equation, t, u.float()).dtype == torch.float32
for equation, t, u in (("ij,jk->ik", a, b), ("ij,ij->i", a, a), ("j,j->", a[0], a[1])):
    with expect_error(RuntimeError, match="Long|Float"):
        torch.einsum(equation, t, u.float())
# What is called: bmm where a common letter of a size above 1 is summed, mul elsewhere.


class Calls(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        names.append(function.overloadpacket.__name__)
        return function(*args, **(kwargs or {}))


for equation, shapes, expected in [
    ("ij,jk->ik", ((2, 3), (3, 4)), "bmm"),
    ("ij,ij->i", ((2, 3), (2, 3)), "bmm"),
    ("ij,j->i", ((2, 3), (3,)), "bmm"),
    ("ij,ij->ij", ((2, 3), (2, 3)), "mul"),
    ("i,j->ij", ((2,), (3,)), "mul"),
    ("ij,jk->ik", ((2, 1), (1, 4)), "mul"),
]:
    names = []
    with Calls():
        torch.einsum(equation, *map(torch.ones, shapes))
    assert [name for name in names if name in ("bmm", "mul")] == [expected]
# The order of three: matrix by matrix first, or matrix by vector twice.
flops = {}
for equation, *tensors in [
    ("ij,jk,k->i", *map(torch.rand, [(40, 40), (40, 40), (40,)])),
    ("k,jk,ij->i", *map(torch.rand, [(40,), (40, 40), (40, 40)])),
]:
    with torch.backends.opt_einsum.flags(enabled=False), FlopCounterMode(display=False) as counter:
        torch.einsum(equation, *tensors)
    flops[equation] = counter.get_total_flops()
assert flops["ij,jk,k->i"] > 10 * flops["k,jk,ij->i"] > 0
# The gradient is an einsum again: the input and the result change places.
x, y, g = ij.clone().requires_grad_(), jk.clone().requires_grad_(), torch.rand(2, 4)
x_grad, y_grad = torch.autograd.grad(torch.einsum("ij,jk->ik", x, y), (x, y), grad_outputs=g)
torch.testing.assert_close(x_grad, torch.einsum("ik,jk->ij", g, jk))
torch.testing.assert_close(y_grad, torch.einsum("ij,ik->jk", ij, g))

# %%
# Check yourself
# --------------

ask(
    "x and y have shape (6, 8). What is the shape of torch.einsum('nd,nd->n', x, y)?",
    answer=torch.einsum("nd,nd->n", torch.ones(6, 8), torch.ones(6, 8)).shape,
    choices={
        (6, 8): "That is 'nd,nd->nd', which is x * y. Here d is summed over.",
        (6,): "One dot product for each n: row n of x with row n of y.",
        (6, 6): "For each pair of rows the second n has to be another letter: 'nd,md->nm'.",
    },
)

# %%
# Now choose the equation.

images = torch.rand(5, 3, 6, 4)
parts = torch.rand(3)
gray = (images * parts.reshape(3, 1, 1)).sum(dim=1)


def makes_gray(call):
    try:
        made = torch.einsum(call, images, parts)
    except RuntimeError:  # the sizes do not fit
        return False
    return made.shape == gray.shape and torch.allclose(made, gray)


calls = ["nchw,n->nhw", "nchw,c->nchw", "nchw,c->nhw"]
assert [makes_gray(call) for call in calls] == [False, False, True]
ask(
    "images has axes n, c, h, w and parts one number for each channel c. What makes one gray image of each?",
    answer=next(filter(makes_gray, calls)),
    choices={
        "nchw,n->nhw": "n is the image, and there is a number for each channel: the sizes do not fit.",
        "nchw,c->nchw": "The channels are weighted but not added up.",
        "nchw,c->nhw": "Both inputs have c, so it is multiplied. The result has no c, so it is summed over.",
    },
)

# %%
# **Exercise.** A linear classifier has an image of weights for each class. ``digits`` has shape (N, 1, 8, 8),
# ``weight`` (class, row, column), and ``bias`` (class,). Return the logits (N, class) with one einsum and without
# ``reshape``.


def by_flattening(digits, weight, bias):
    return F.linear(digits.flatten(1), weight.flatten(1), bias)


cases = [
    (torch.ones(2, 1, 8, 8), torch.arange(3.0)[:, None, None].expand(3, 8, 8), torch.zeros(3)),
    (torch.rand(5, 1, 8, 8), torch.rand(10, 8, 8), torch.rand(10)),
]
others = ["reshape", "view", "flatten", "matmul", "linear"]


def logits_of(digits, weight, bias):
    raise NotImplementedError


check(logits_of, by_flattening, cases, without=others)

# %%
# The axis of size 1 has a letter, too. It occurs once, and is summed over.

# Solution


def logits_of(digits, weight, bias):
    return torch.einsum("nzrc,krc->nk", digits, weight) + bias


report = check(logits_of, by_flattening, cases, without=others)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`softmax` turns numbers into probabilities.
#
# - Rocktäschel (2018). `Einsum is all you need <https://rockt.ai/2018/04/30/einsum>`__. The same notation in NumPy,
#   TensorFlow and PyTorch, with models written in it.
# - Rogozhnikov (2022). `Einops: clear and reliable tensor manipulations with Einstein-like notation
#   <https://openreview.net/forum?id=oapKSVM2bcj>`__. The same idea with words for axes, and for reshaping.

"""
.. _norms:

Which norm does torch.linalg.norm compute?
==========================================

You compare embeddings or clip gradients by their length, and ``torch.linalg.norm`` with ``ord=2`` is the length of a
vector, but another number for a matrix. :func:`torch.linalg.vector_norm` gives the length of both.
"""

# %%
# Set-up

import inspect
import math

import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask

torch.manual_seed(0)
v = torch.tensor([[3.0, -4.0], [5.0, 12.0], [8.0, 15.0]])

# %%

draw(torch.linalg.vector_norm, v, dim=1, names=["v"])

# %%
# Each row is a vector of two elements, and the result has the three lengths. The first is
# :math:`\sqrt{3^2 + (-4)^2} = 5`. As in ``sum``, the axis ``dim`` disappears. You need to know :ref:`reductions`.
#
# The rule
# --------
#
# The :term:`norm` is the root of the sum of the squares along ``dim``, and without ``dim`` of the whole tensor. With
# ``ord=p`` it is :math:`\left(\sum_i |x_i|^p\right)^{1/p}`. So ``ord=1`` adds the absolute values, and infinity takes
# the largest. An ``ord`` of 0 counts the elements that are not 0.

for order in (2, 1, math.inf, 0):
    lengths = torch.linalg.vector_norm(v, ord=order, dim=1)
    print(f"ord={order:<4} {[round(length, 3) for length in lengths.tolist()]}")
torch.testing.assert_close(torch.linalg.vector_norm(v, dim=1), v.square().sum(dim=1).sqrt())
assert torch.linalg.vector_norm(v, ord=1, dim=1)[0] == 3 + 4
assert torch.linalg.vector_norm(v, ord=math.inf, dim=1)[0] == 4

# %%
# Comparing directions
# --------------------
#
# A vector divided by its norm has the length 1 and keeps its direction. The :term:`dot product` of two such vectors is
# the cosine of the angle between them. Embeddings can be compared by it. :func:`torch.nn.functional.normalize` divides
# by the norm, and leaves a vector of zeros as it is. In :val:`float16 <torch.half>` such a vector becomes NaN.

unit = v / torch.linalg.vector_norm(v, dim=1, keepdim=True)
torch.testing.assert_close(F.normalize(v, dim=1), unit)
print("cosines:", [[round(c, 2) for c in row] for row in (unit @ unit.T).tolist()])
torch.testing.assert_close((unit @ unit.T)[0, 1], F.cosine_similarity(v[0], v[1], dim=0))

# %%
# The length of a gradient
# ------------------------
#
# The gradients of a network are many tensors, and their length is that of the one long vector they would form. The norm
# of their norms is the same number. ``clip_grad_norm_`` scales the gradients down if this number is above a limit.

layer = torch.nn.Linear(4, 3)
(10 * layer(torch.randn(8, 4))).square().sum().backward()
gradients = [p.grad for p in layer.parameters()]
long = torch.linalg.vector_norm(torch.cat([g.flatten() for g in gradients]))
of_norms = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))
before = torch.nn.utils.clip_grad_norm_(layer.parameters(), max_norm=1.0)
after = torch.nn.utils.get_total_norm(gradients)
print(f"length above 100 before: {bool(before > 100)}; length after: {after:.4f}")
torch.testing.assert_close(long, of_norms)
torch.testing.assert_close(before, long)
assert before > 100

# %%
# A matrix has another norm
# -------------------------
#
# ``torch.linalg.matrix_norm(A, 2)`` is the largest factor by which ``A`` lengthens a vector. Of 1000 random directions,
# none is lengthened by more, and the best comes close. Without ``ord``, ``matrix_norm`` is the Frobenius norm, the
# length of the matrix read as one vector. ``torch.linalg.norm`` with ``ord=2`` gives the factor for a matrix and the
# length for a vector; without ``ord`` it gives the length of both.
#
# .. not tried: none — the cell takes the largest of the 1000

directions = torch.randn(2, 1000)
longer = torch.linalg.vector_norm(v @ directions, dim=0) / torch.linalg.vector_norm(
    directions, dim=0
)
print(f"largest of 1000 factors {longer.max():.3f}")
print(f"matrix_norm(v, 2)       {torch.linalg.matrix_norm(v, 2):.3f}")
print(f"matrix_norm(v)          {torch.linalg.matrix_norm(v):.3f}")
print(f"norm(v, 2), norm(v[0], 2) {torch.linalg.norm(v, 2):.3f}, {torch.linalg.norm(v[0], 2):.3f}")
assert 0.99 < longer.max() / torch.linalg.matrix_norm(v, 2) < 1 + 1e-5
torch.testing.assert_close(torch.linalg.matrix_norm(v), torch.linalg.vector_norm(v))
torch.testing.assert_close(torch.linalg.norm(v, ord=2), torch.linalg.matrix_norm(v, ord=2))
torch.testing.assert_close(torch.linalg.norm(v), torch.linalg.vector_norm(v))

# %%
# .. use-this::
#
#    Take ``vector_norm`` along the last axis for lengths, with ``keepdim=True`` to divide by them, and ``F.normalize``
#    for unit vectors. Say ``matrix_norm`` for the norm of a matrix. ``torch.linalg.norm`` with an ``ord`` chooses
#    between the two by the number of axes. ``torch.norm`` and ``x.norm()`` are older, and the reference calls
#    ``torch.norm`` deprecated. ``matrix_norm`` with ``ord=2`` computes a singular value decomposition.
#
# A common mistake
# ----------------
#
# **A norm by hand in a loss.** At a distance of 0 the root has an infinite slope, and the gradient is :term:`NaN`. The
# gradient of ``vector_norm`` is 0 there.

origin = torch.zeros(3, requires_grad=True)
by_hand = torch.autograd.grad(origin.square().sum().sqrt(), origin)[0]
by_torch = torch.autograd.grad(torch.linalg.vector_norm(origin), origin)[0]
print("by hand:", by_hand.tolist(), " vector_norm:", by_torch.tolist())
assert by_hand.isnan().all()
assert by_torch.tolist() == [0, 0, 0]

# %%
# How this was checked

assert torch.equal(torch.linalg.vector_norm(v, dim=-1), v.norm(dim=-1))
torch.testing.assert_close(torch.linalg.norm(v, 2), torch.linalg.matrix_norm(v, 2))
with expect_error(RuntimeError, match="must be 1D or 2D"):
    torch.linalg.norm(v.unsqueeze(0), 2)
assert F.normalize(torch.zeros(1, 2)).tolist() == [[0, 0]]
assert F.normalize(torch.zeros(1, 2).half()).isnan().all()  # its eps of 1e-12 is 0 there
assert "deprecated" in inspect.getdoc(torch.norm)
assert torch.linalg.vector_norm(torch.tensor(-3.0)) == 3
for shape in [(4,), (3, 2), (2, 3, 4)]:
    x = torch.randn(shape)
    torch.testing.assert_close(torch.linalg.norm(x), torch.linalg.vector_norm(x))
for order in (1, 1.5, 2, 3, math.inf):
    slope = torch.autograd.grad(torch.linalg.vector_norm(origin, ord=order), origin)[0]
    assert slope.tolist() == [0, 0, 0]
# matrix_norm with 2 calls a singular value decomposition; without ord it does not.


class Calls(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        names.append(function.overloadpacket.__name__)
        return function(*args, **(kwargs or {}))


for order, calls_svd in {2: True, "nuc": True, "fro": False, 1: False}.items():
    names = []
    with Calls():
        torch.linalg.matrix_norm(v, order)
    assert ("_linalg_svd" in names) == calls_svd
for shape in [(5,), (3, 4), (2, 3, 4), (0, 3), (1, 1)]:
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64):
        x = torch.randn(shape).to(dtype)
        for dim in range(-x.dim(), x.dim()):
            expected = x.abs().double().square().sum(dim).sqrt()
            result = torch.linalg.vector_norm(x, dim=dim)
            torch.testing.assert_close(result.double(), expected, rtol=1e-2, atol=1e-5)
        assert torch.linalg.vector_norm(x).shape == ()
        assert torch.linalg.vector_norm(x).dtype == (torch.float32 if dtype.is_complex else dtype)
for order in (0.5, 1, 2, 3, 7):
    x = torch.randn(20, dtype=torch.float64)
    expected = x.abs().pow(order).sum() ** (1 / order)
    torch.testing.assert_close(torch.linalg.vector_norm(x, ord=order), expected)
torch.testing.assert_close(torch.linalg.norm(v[0], 2), torch.linalg.vector_norm(v[0]))
torch.testing.assert_close(torch.linalg.svdvals(v)[0], torch.linalg.matrix_norm(v, 2))
assert torch.linalg.matrix_norm(torch.randn(5, 2, 4)).shape == (5,)
for function in (torch.linalg.vector_norm, torch.linalg.matrix_norm):
    with expect_error(RuntimeError, match="(?i)expected a floating point"):
        function(v.long())
# In float16 the squares overflow by hand; vector_norm sums them in float32.
far = torch.tensor([300.0, 400.0]).half()
assert far.square().sum().sqrt() == math.inf
assert torch.linalg.vector_norm(far) == 500

# %%
# Check yourself
# --------------

points = torch.tensor([[6.0, 8.0], [8.0, 6.0], [0.0, 0.0]])
ask(
    f"points is {points.tolist()}. What is torch.linalg.vector_norm(points, dim=1)?",
    answer=torch.linalg.vector_norm(points, dim=1),
    choices={
        (10.0, 10.0, 0.0): "One length for each row: the axis of the two elements disappears.",
        (14.0, 14.0, 0.0): "That is ord=1: the sum of the absolute values.",
        (10.0, 10.0): "That is dim=0: the length of each column.",
    },
)

# %%
# The next matrix stretches vectors.

stretch = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
ask(
    "A is [[2, 0], [0, 3]]. What is torch.linalg.matrix_norm(A, 2)?",
    answer=round(torch.linalg.matrix_norm(stretch, 2).item(), 4),
    choices={
        2.0: "Some vectors become 2 times as long, others longer.",
        3.0: "No vector becomes longer than 3 times its length, and (0, 1) reaches it.",
        5.0: "The factors of two directions do not add up.",
    },
)

# %%
# **Exercise.** ``words`` holds an embedding for each word, (word, feature), and ``query`` is one vector. Return the
# position of the word with the largest cosine to the query.


def by_loop(words, query):
    cosines = [F.cosine_similarity(word, query, dim=0).item() for word in words]
    return torch.tensor(cosines.index(max(cosines)))


cases = [
    (torch.tensor([[9.0, 9.0], [0.0, 1.0]]), torch.tensor([0.1, 2.0])),
    (torch.randn(6, 4), torch.randn(4)),
    (torch.randn(50, 8) * torch.rand(50, 1), torch.randn(8)),
]


def nearest(words, query):
    raise NotImplementedError


check(nearest, by_loop, cases, without=["cosine_similarity"])

# %%
# The length of the query is the same for each word, so you need not divide by it.

# Solution


def nearest(words, query):
    return (F.normalize(words, dim=1) @ query).argmax()


report = check(nearest, by_loop, cases, without=["cosine_similarity"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`decompositions` find the directions that a matrix stretches.
#
# - Pascanu, Mikolov and Bengio (2013). `On the difficulty of training recurrent neural networks
#   <https://arxiv.org/abs/1211.5063>`__. Why gradients are clipped by their norm.
# - PyTorch contributors (2026). `torch.linalg <https://docs.pytorch.org/docs/stable/linalg.html>`__. The norms beside
#   each other.

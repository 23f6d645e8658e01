"""
.. _scatter:

How does torch.scatter work?
============================

At each position of a text, other words are forbidden, and you want to overwrite their logits without a loop.
:func:`torch.scatter` writes where ``index`` says; where two writes meet, ``scatter_add`` adds them.
"""

# %%
# Set-up

import itertools
import math

import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory

torch.manual_seed(0)
words = ["the", "cat", "saw", "dog", "."]
x = torch.zeros(3, 5, dtype=torch.int64)
index = torch.tensor([[0, 3], [4, 2], [1, 0]])
src = torch.tensor([[10, 20], [30, 40], [50, 60]])

# %%

draw(torch.scatter, (x, 1, index, src), names=["x", "index", "s"])

# %%
# Row 1 of the index says :val:`4 <index[1, 0]>` and :val:`2 <index[1, 1]>`, so the two elements in row 1 of ``src`` go
# to these places. (The picture calls it ``s``.) The rest is copied from ``x``. A small letter says where an element
# came from. You need to know :ref:`gather`.
#
# The rule
# --------
#
# An element of ``src`` keeps its own place, but on axis ``dim`` it goes where the index says. Along axis 1,
# ``out[i, index[i, j]] = src[i, j]``. Along axis 0, ``out[index[i, j], j] = src[i, j]``. The index decides how many
# elements are written, and ``src`` is not broadcast. ``gather`` with the same index reads back what was written, as
# long as no place is named twice.


def scatter(x, dim, index, src, combine=lambda old, new: new):
    out = x.clone()
    for place in itertools.product(*map(range, index.shape)):
        target = (*place[:dim], index[place], *place[dim + 1 :])
        out[target] = combine(out[target], src[place])
    return out


out = torch.scatter(x, 1, index, src)
assert torch.equal(scatter(x, 1, index, src), out)
assert torch.equal(out.gather(1, index), src)

# %%
# A number instead of ``src`` is written to each of the places. Here two words are forbidden at each position. Their
# logits become minus infinity, and softmax gives them the probability 0.

logits = torch.randn(3, 5)  # (position, word)
forbidden = torch.tensor([[0, 4], [1, 4], [2, 0]])
allowed = logits.scatter(1, forbidden, -math.inf)
print(allowed.softmax(dim=1).numpy().round(2))
assert (allowed.softmax(dim=1).gather(1, forbidden) == 0).all()

# %%
# Two writes to one place
# -----------------------
#
# How often does each word occur in each sentence? Write a 1 to the place of each token. "the cat saw the dog" names the
# place of "the" twice. ``scatter`` keeps one of the two writes, so it finds one "the". ``scatter_add`` adds each value
# to what is there already, so it counts two.

tokens = torch.tensor([[0, 1, 2, 0, 3], [3, 2, 3, 4, 4]])  # (sentence, position)
ones, none = torch.ones_like(tokens), torch.zeros(2, len(words), dtype=torch.int64)
counts = none.scatter_add(1, tokens, ones)
assert (none.scatter(1, tokens, ones)[0, 0], counts[0, 0]) == (1, 2)
draw(torch.scatter_add, (none, 1, tokens, ones), names=["x", "tokens", "s"])

# %%
# Where ``scatter`` is given different values for one place, PyTorch does not promise which of them stays.
# :func:`torch.scatter_reduce` names a rule instead. With ``include_self=False`` the old value of a named place takes no
# part: at place 0 the mean is then 5.5, and not :val:`4 <start.scatter_reduce(0, places, values, "mean")[0]>`. A place
# that is not named keeps its value.

start, places = torch.ones(4), torch.tensor([0, 0, 2])
values = torch.tensor([4.0, 7.0, 5.0])
for rule in ("sum", "mean", "amax"):
    got = start.scatter_reduce(0, places, values, rule)
    alone = start.scatter_reduce(0, places, values, rule, include_self=False)
    print(f"{rule:<5}{got.tolist()}  without self {alone.tolist()}")
    assert got[1] == alone[1] == 1

# %%
# .. use-this::
#
#    Take ``x.scatter(dim, index, src)`` to write where the index names no place twice, ``scatter_add`` to count and to
#    sum, ``scatter_reduce`` for the mean or the largest. To add whole rows, :func:`torch.index_add` takes one position
#    for each row. The four give a copy, and their twins with an underscore write into ``x``. On a CUDA GPU floats are
#    added in no fixed order by default, so the last digits may vary: see :func:`torch.use_deterministic_algorithms`.
#
# A common mistake
# ----------------
#
# **Another dtype.** ``scatter`` converts no tensor. It refuses an ``x`` from ``torch.zeros``, which holds floats, with
# a ``src`` of integers: convert one of them. A plain number is converted for you, and in a tensor of integers 2.7
# becomes :val:`2 <x.scatter(1, index, 2.7).max()>`.

with expect_error(RuntimeError, match="Expected self.dtype to be equal to src.dtype"):
    torch.zeros(3, 5).scatter(1, index, src)
print(torch.zeros(3, 5).scatter(1, index, src.float())[1], x.scatter(1, index, 2.7)[1])
assert x.scatter(1, index, 2.7).max() == 2

# %%
# How this was checked

# A smaller index writes a part of src. The backward step wants the whole, and raises.
one_row = torch.tensor([[0, 3]])
assert x.scatter(1, one_row, src).tolist() == [[10, 0, 0, 20, 0], [0] * 5, [0] * 5]
assert x.scatter(1, one_row.expand(3, 2), src)[2].tolist() == [50, 0, 0, 60, 0]
leaf = src.double().requires_grad_()
with expect_error(RuntimeError, match=r"returned an invalid gradient at index 1 - got \[1, 2\]"):
    torch.zeros(3, 5).double().scatter(1, one_row, leaf).sum().backward()
states, group = torch.tensor([[1, 2], [30, 40], [5, 6]]), torch.tensor([1, 0, 1])
sums = torch.zeros(3, 2, dtype=torch.int64).index_add(0, group, states)
assert all(torch.equal(sums[g], states[group == g].sum(dim=0)) for g in range(3))

for shape in ((4,), (4, 3), (4, 3, 5), (2, 4, 3, 5)):
    for dim in range(len(shape)):
        order = torch.rand(shape).argsort(dim)  # each place of the axis once
        zeros, numbers = torch.zeros(shape), torch.rand(shape)
        written = torch.scatter(zeros, dim, order, numbers)
        assert torch.equal(written, scatter(zeros, dim, order, numbers))
        assert torch.equal(torch.gather(written, dim, order), numbers)
        twice = torch.randint(shape[dim], shape)
        for function, combine in (
            (lambda *given: torch.scatter_add(*given), torch.add),
            (lambda *given: torch.scatter_reduce(*given, "amax"), torch.maximum),
            (lambda *given: torch.scatter_reduce(*given, "prod"), torch.mul),
        ):
            torch.testing.assert_close(
                function(zeros + 1, dim, twice, numbers),
                scatter(zeros + 1, dim, twice, numbers, combine),
            )
assert out.tolist() == [[10, 0, 0, 20, 0], [0, 0, 40, 0, 30], [60, 50, 0, 0, 0]]
# An index that is larger than src, or than x except on axis dim, is refused.
for dim, x_shape, src_shape in (
    (1, (3, 5), (2, 2)),
    (1, (3, 5), (3, 1)),
    (1, (2, 5), (3, 2)),
    (0, (3, 1), (3, 2)),
):
    with expect_error(RuntimeError, match=r"Expected index \[3, 2\] to be no larger than self"):
        torch.scatter(torch.zeros(x_shape), dim, index, torch.zeros(src_shape))
for outside in (5, -1):
    with expect_error(RuntimeError, match=f"index {outside} is out of bounds for dimension 1"):
        torch.scatter(x, 1, torch.full((3, 2), outside), src)
# A number that the dtype cannot hold is refused.
for dtype, number in ((torch.uint8, 300), (torch.int64, -math.inf), (torch.float32, 1j)):
    with expect_error(RuntimeError, match="cannot be converted to type .* without overflow"):
        x.to(dtype).scatter(1, index, number)
# Copies, and twins that write into x, for several data types.
for dtype in (torch.int64, torch.uint8, torch.float32, torch.float16, torch.bool):
    old, new = torch.ones(3, 5).to(dtype), src.to(dtype)
    for name, arguments in {
        "scatter": (1, index, new),
        "scatter_add": (1, index, new),
        "scatter_reduce": (1, index, new, "amax"),
        "index_add": (1, torch.tensor([3, 0]), new),
    }.items():
        copied, target = getattr(torch, name)(old, *arguments), old.clone()
        assert not shares_memory(old, copied)
        assert getattr(target, f"{name}_")(*arguments) is target
        assert torch.equal(target, copied)
with expect_error(RuntimeError, match="must have the same scalar type"):
    torch.index_add(torch.zeros(3, 5), 1, torch.tensor([3, 0]), src)
# With an index of the shape of src, the gradient of src is gather of that of the result.
slope = torch.arange(15.0).reshape(3, 5)
for function in (torch.scatter, torch.scatter_add):
    leaf, base = torch.ones(3, 2, requires_grad=True), torch.ones(3, 5, requires_grad=True)
    (function(base, 1, index, leaf) * slope).sum().backward()
    assert torch.equal(leaf.grad, torch.gather(slope, 1, index))
    kept = slope if function is torch.scatter_add else slope.scatter(1, index, 0)
    assert torch.equal(base.grad, kept)
# So a write that was lost has a gradient, too, with scatter; with scatter_reduce it has none.
update = torch.tensor([10.0, 20.0], requires_grad=True)
same = torch.tensor([1, 1])
torch.scatter(torch.zeros(3), 0, same, update).sum().backward()
assert update.grad.tolist() == [1, 1]
update.grad = None
torch.scatter_reduce(torch.zeros(3), 0, same, update, "amax").sum().backward()
assert update.grad.tolist() == [0, 1]

# %%
# Check yourself
# --------------

ask(
    "What is torch.zeros(4).scatter_add(0, torch.tensor([3, 1, 3]), torch.tensor([5.0, 6.0, 7.0]))?",
    answer=torch.zeros(4).scatter_add(0, torch.tensor([3, 1, 3]), torch.tensor([5.0, 6.0, 7.0])),
    choices={
        (0.0, 6.0, 0.0, 7.0): "That is one possible result of scatter.",
        (0.0, 6.0, 0.0, 12.0): "5 and 7 meet at place 3.",
        (7.0, 6.0, 7.0, 0.0): "Places 3 and 1 are named, and place 0 is not: it keeps its 0.",
    },
)

# %%
# The next question has two data types.

ask(
    "What does torch.zeros(4).scatter(0, torch.tensor([2]), torch.tensor([7])) give?",
    answer=lambda: torch.zeros(4).scatter(0, torch.tensor([2]), torch.tensor([7])),
    choices={
        (0.0, 0.0, 7.0, 0.0): "It would, with a float in the tensor or with the number 7.",
        (0.0, 0.0, 0.0, 2.0): "That exchanges index and src.",
        RuntimeError: "src holds integers and x floats; scatter converts no tensors.",
    },
)

# %%
# **Exercise.** A text that is sampled from the whole vocabulary is often nonsense, so many models draw from the ``k``
# most probable ones. Keep the ``k`` largest logits of each row, and set the others to minus infinity.
# ``logits.topk(k, dim=1)`` gives their ``values`` and their places, ``indices``.


def by_sorting(logits, k):
    rows = logits.tolist()
    return torch.tensor([[v if v in sorted(row)[-k:] else -math.inf for v in row] for row in rows])


sizes = ((2, 3, 1), (1, 4, 2), (4, 6, 5))
cases = [(torch.randperm(n * m).reshape(n, m).float(), k) for n, m, k in sizes]


def keep_largest(logits, k):
    raise NotImplementedError


check(keep_largest, by_sorting, cases)

# %%
# Begin with minus infinity in all places, and write the largest back to where they were.

# Solution


def keep_largest(logits, k):
    top = logits.topk(k, dim=1)
    return torch.full_like(logits, -math.inf).scatter(1, top.indices, top.values)


report = check(keep_largest, by_sorting, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`where-and-masked-fill` chooses by a condition, element by element.
#
# - PyTorch contributors (2026). `torch.Tensor.scatter_
#   <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.scatter_.html>`__. The rule for three axes, and what
#   is refused.
# - Fan, Lewis and Dauphin (2018). `Hierarchical neural story generation <https://arxiv.org/abs/1805.04833>`__. The
#   paper that samples from the ``k`` most probable words.

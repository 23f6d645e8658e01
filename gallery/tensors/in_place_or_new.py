"""
.. _in-place-or-new:

Does x += y change my tensor, or make a new one?
================================================

A function centers its data with ``-=``, and afterwards the data of its caller is centered too. ``x += y`` writes *in
place*, into the memory of ``x``, while ``x = x + y`` makes a new tensor and moves the name ``x`` to it.
"""

# %%
# Set-up

import itertools

import torch
from torch.overrides import TorchFunctionMode

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask

torch.manual_seed(0)
y = torch.tensor([1, 2, 3])
a = torch.tensor([[10, 20, 30], [40, 50, 60]])
b = a.clone()


class Watch(TorchFunctionMode):
    """Adds up the bytes of each result that does not begin where an argument begins."""

    new_bytes = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        given = [*args, *(kwargs or {}).values()]
        starts = [t.data_ptr() for t in given if isinstance(t, torch.Tensor)]
        if isinstance(result, torch.Tensor) and result.data_ptr() not in starts:
            self.new_bytes += result.nbytes
        return result


def assign(x, y):
    x[:] = x + y
    return x


ways = {
    "x = x + y": torch.add,  # what the name x stands for afterwards
    "x[:] = x + y": assign,
    "x += y": torch.Tensor.__iadd__,
    "x.add_(y)": torch.Tensor.add_,
    "torch.add(x, y, out=x)": lambda x, y: torch.add(x, y, out=x),
}


# %%

row_a, row_b = a[1], b[1]  # views: they look into the memory of a and b
a += y
b = b + y
draw([a, row_a, b, row_b], ["a", "row_a", "b", "row_b"])

# %%
# ``a`` and ``b`` were equal, and so are the sums. But ``row_a`` shows the new values, because ``+=`` wrote them into
# the memory that it shares with ``a``. ``row_b`` still looks into the old memory of ``b``. You need to know :ref:`what
# a storage is <strides-and-storage>`.
#
# The rule
# --------
#
# ``x = ...`` moves a name and writes nothing. ``x += ...``, ``x[...] = ...``, an argument ``out=`` and methods such as
# ``add_``, with an underscore at the end, write into the memory that is there. Here are five ways to add to a matrix
# of :val:`400,000 <torch.ones(500, 200).nbytes>` bytes. ``x[:] = x + y`` needs new memory all the same: it computes
# the sums there and then copies them.

print(f"{'':<24}same memory  new bytes")
measured = []
for name, way in ways.items():
    x, vector = torch.ones(500, 200), torch.ones(200)
    with Watch() as watch:
        after = way(x, vector)
    measured.append((after.data_ptr() == x.data_ptr(), watch.new_bytes))
    print(f"{name:<24}{measured[-1][0]!s:<11} {measured[-1][1]:>10,}")

# %%
# The underscore
# --------------
#
# ``z.clamp_(min=0)`` changes ``z`` and returns it. Most of these methods have a twin without the underscore, which
# leaves ``z`` as it is. So its result is lost if you do not assign it.

z = torch.tensor([5.0, -6.0, -7.0, 8.0])
z.clamp(min=0)
print("after clamp: ", z.tolist())
z.clamp_(min=0)
print("after clamp_:", z.tolist())

# %%
# The memory keeps its shape and dtype
# ------------------------------------
#
# So the result of an operation in place has to fit into the memory that is there. Fractions do not fit into integers,
# and neither does a larger shape. Assigning to an index is less strict: it cuts the fraction off.

counts = torch.tensor([4, 5, 6])
with expect_error(RuntimeError, match="can't be cast to the desired output type"):
    counts += 0.5
counts[0] = 2.9
print((counts + 0.5).dtype, counts)

# %%
# .. use-this::
#
#    Write ``x = x + y`` by default. It costs new memory for the result and is safe for views, callers and
#    gradients. Write in place where the memory matters and the old values are not needed elsewhere: counters,
#    buffers, an update of weights under ``torch.no_grad()``. To keep the old values, take ``x.clone()`` first.
#
# Common mistakes
# ---------------
#
# **A function that changes its argument.** ``data`` is another name for the tensor of the caller, and ``-=`` writes
# into it. The fix is ``data = data - data.mean()``, or ``return data - data.mean()``.


def centered(data):
    data -= data.mean()
    return data


ages = torch.tensor([20.0, 30.0, 70.0])
centered(ages)
print(ages)  # the ages are gone

# %%
# **A tensor whose gradient is wanted.** A weight cannot be written to :ref:`while its use is recorded
# <leaf-variable-in-place>`. Under ``torch.no_grad`` it can, as in an optimizer. If a result is overwritten, an error
# can come later, :ref:`in the backward pass <modified-by-an-inplace-operation>`.

weight = torch.ones(3, requires_grad=True)
with expect_error(RuntimeError, match="a leaf Variable that requires grad"):
    weight += 1
with torch.no_grad():
    weight += 1

# %%
# **Reading what you are writing.** Both sides of ``+=`` look into ``steps``, so a sum is computed from an element that
# was overwritten before. PyTorch refuses some such cases, and not this one. Read from a ``clone``.

steps, safe = torch.arange(6), torch.arange(6)
steps[::2] += steps[:3]
safe[::2] += safe[:3].clone()
print(steps[::2].tolist(), "with clone:", safe[::2].tolist())

# %%
# How this was checked

size = 500 * 200 * 4
kept = weight.exp()
kept += 1
with expect_error(RuntimeError, match="modified by an inplace operation"):
    kept.sum().backward()
assert steps[::2].tolist() != safe[::2].tolist() == [0, 3, 6]
assert ages.tolist() == [-20, -10, 30]
assert measured == [(False, size), (True, size), (True, 0), (True, 0), (True, 0)]
assert torch.equal(a, b)
with expect_error(RuntimeError, match="doesn't match the broadcast shape"):
    counts += torch.ones(2, 3, dtype=torch.int64)
assert (row_a.tolist(), row_b.tolist()) == ([41, 52, 63], [40, 50, 60])
assert counts.tolist() == [2, 5, 6]
# @= is the exception: there is no matrix product in place, and Python makes x = x @ y of it.
product = torch.eye(2)
before = product
product @= torch.ones(2, 2)
assert product is not before
total = 0
total += y  # and to the left of this += was no tensor
assert total is not y
with expect_error(RuntimeError, match="refer to a single memory location"):
    counts[1:] = counts[:-1]
for method, argument in {"clamp_": 0, "mul_": 3, "copy_": torch.ones(4), "fill_": 7}.items():
    assert getattr(z, method)(argument) is z
methods = [name for name in dir(torch.Tensor) if name.endswith("_") and not name.startswith("_")]
twins = [name for name in methods if hasattr(torch.Tensor, name[:-1])]
assert len(twins) > 0.8 * len(methods)
assert "fill_" not in twins


# The rule for dtypes: the promoted dtype must be castable to that of the tensor.
def works(into, other):
    try:
        return torch.ones(3, dtype=into).add_(torch.ones(3, dtype=other)).dtype == into
    except RuntimeError:
        return False


five = [torch.bool, torch.uint8, torch.int64, torch.float32, torch.complex64]
for into, other in itertools.product(five, repeat=2):
    assert works(into, other) == torch.can_cast(torch.promote_types(into, other), into)

# out= : a tensor of another shape is resized, with a warning; an empty one without.
x = torch.tensor([[10, 20, 30], [40, 50, 60]])
empty, wrong = torch.zeros(0, dtype=torch.int64), torch.zeros(5, dtype=torch.int64)
assert torch.add(x, y, out=empty).shape == (2, 3)
with expect_warning(UserWarning, match=r"resized since it had shape \[5\]"):
    torch.add(x, y, out=wrong)
assert wrong.shape == (2, 3)
with expect_error(RuntimeError, match="don't support automatic differentiation"):
    torch.add(weight, 1, out=torch.empty(3))
# t_ writes no values: it changes the shape and strides of its tensor, and leaves its views alone.
turned = torch.arange(6).reshape(2, 3)
last = turned[1]
assert turned.t_() is turned
assert (turned.shape, last.tolist()) == ((3, 2), [3, 4, 5])

# %%
# Check yourself
# --------------

p = torch.zeros(3)
q = p
q = q + 1
q += 1
ask(
    "p = torch.zeros(3); q = p; q = q + 1; q += 1. What does p hold now?",
    answer=p,
    choices={
        (0.0, 0.0, 0.0): "q = q + 1 gave q a tensor of its own, and += wrote into that one.",
        (
            1.0,
            1.0,
            1.0,
        ): "p holds ones if q += 1 comes first, while q is still p, and q = q + 1 second.",
        (2.0, 2.0, 2.0): "p holds these if both lines are q += 1.",
    },
)

# %%
# Division:

ask(
    "x = torch.tensor([4, 6]). What does x /= 2 do?",
    answer=lambda: torch.tensor([4, 6]).div_(2),
    choices={
        "x is [2, 3]": "x //= 2 gives this: // keeps whole numbers whole.",
        "x is [2.0, 3.0]": "x = x / 2 gives this: a new tensor, of another dtype.",
        RuntimeError: "/ gives floating-point numbers, which can't be cast to the integers of x.",
    },
)

# %%
# **Exercise.** Many networks are evaluated with a moving average of their weights. After each step, the average moves
# towards the weight: ``0.9 * average + 0.1 * weight``. Write it *into* ``average``, without recording a gradient. The
# check looks through a view of ``average``, and ``weight`` requires its gradient.


def through_a_view(update):
    def run(average, weight):
        view = average[:]
        update(average, weight.requires_grad_())
        return view

    return run


def expected(average, weight):
    return 0.9 * average + 0.1 * weight


cases = [
    (torch.tensor([0.0, 10.0]), torch.tensor([10.0, 10.0])),
    (torch.randn(3, 4), torch.randn(3, 4)),
]


def update(average, weight):
    raise NotImplementedError


check(through_a_view(update), expected, cases)

# %%
# ``mul_`` and ``add_`` write into ``average``. ``lerp_``, linear interpolation, does both in one call.

# Solution


def update(average, weight):
    with torch.no_grad():
        average.lerp_(weight, 0.1)


report = check(through_a_view(update), expected, cases)
assert report.passed
average = torch.zeros(2)
update(average, torch.ones(2, requires_grad=True))
assert not average.requires_grad
report

# %%
# Read next
# ---------
#
# :ref:`tensor-to-python` is about the way out of a tensor's memory.
#
# - PyTorch contributors (2026). `Autograd mechanics <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__.
#   Its section on in-place operations says when they are refused, and why they rarely save memory.

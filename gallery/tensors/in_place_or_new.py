"""
.. _in-place-or-new:

Does x += y change my tensor, or make a new one?
================================================

``x = x + y`` makes a new tensor and gives it the name ``x``. ``x += y`` and methods such as ``add_`` write *in place*:
into the memory that ``x`` has, so that views of ``x`` change too. This page measures which is which. You need to know
:ref:`what a storage is <strides-and-storage>`.
"""

# %%
# ``row`` is a :term:`view` of ``x``, made before ``x`` changes. Touch an element of ``row``: ``+=`` wrote the sums into
# the places that both tensors use, so ``row`` has the new values as well.

import itertools

import torch
from torch.overrides import TorchFunctionMode

from ptguide.errors import expect_error, expect_warning
from ptguide.pictures import draw, draw_storage
from ptguide.questions import ask

x = torch.tensor([[10, 20, 30], [40, 50, 60]])
y = torch.tensor([1, 2, 3])
row = x[1]
x += y
draw_storage([x, row], ["x", "row"])

# %%
# ``x = x + y`` leaves that memory as it is. The sum is a new tensor, and the name ``x`` moves to it; ``row`` still
# looks at the old memory, which lives as long as some tensor uses it.

x = x + y
assert (x[1].tolist(), row.tolist()) == ([42, 54, 66], [41, 52, 63])
draw([x, row], ["x", "row"])

# %%
# Same object, same memory?
# -------------------------
#
# ``a is b``, the same as ``id(a) == id(b)``, asks for the same *object of Python*; :meth:`torch.Tensor.data_ptr` gives
# the *address* of the first element. These are two questions: two objects can lie at one address, and further below an
# object moves to another.

other = x.view(3, 2)
assert (id(other) == id(x), other.data_ptr() == x.data_ptr()) == (False, True)

# %%
# To measure the memory, ``Watch`` sees the calls of torch while it is active, and adds up the bytes of each result that
# does not begin where an argument begins. In the five ways below, such a result has memory of its own.


class Watch(TorchFunctionMode):
    new_bytes = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        given = [*args, *(kwargs or {}).values()]
        starts = [t.data_ptr() for t in given if isinstance(t, torch.Tensor)]
        if isinstance(result, torch.Tensor) and result.data_ptr() not in starts:
            self.new_bytes += result.nbytes
        return result


def assign(x, y):
    x[:] = x + y  # "all of x": assigning to an index writes in place
    return x


# %%
# Five ways to add a vector to a matrix of 500 rows, 200 columns and 400,000 bytes. ``x[:] = x + y`` keeps the address,
# yet it needs as much new memory as ``x = x + y``: the sums are computed on the side, and then copied over.

ways = {
    "x = x + y": torch.add,  # what the name x stands for afterwards
    "x[:] = x + y": assign,
    "x += y": torch.Tensor.__iadd__,
    "x.add_(y)": torch.Tensor.add_,
    "torch.add(x, y, out=x)": lambda x, y: torch.add(x, y, out=x),
}
measured, size = [], 500 * 200 * 4
for name, way in ways.items():
    before, vector = torch.ones(500, 200), torch.ones(200)
    with Watch() as watch:
        after = way(before, vector)
    assert torch.equal(after, torch.full((500, 200), 2.0))
    same = after is before, after.data_ptr() == before.data_ptr()
    measured.append((*same, watch.new_bytes))
    print(f"{name:<23} same object, same memory: {same!s:<16} new bytes: {watch.new_bytes:>7,}")
assert measured == [(False, False, size), (True, True, size), *[(True, True, 0)] * 3]

# %%
# An index on the left of ``=`` or ``+=`` limits the write to a part. Here row 1 of each of the two matrices in a block
# grows; ``out`` is the block afterwards.


def add_to_row_1(block, v):
    block[:, 1] += v
    return block


block, v = torch.arange(24).reshape(2, 3, 4), torch.tensor([100, 200, 300, 400])
draw(add_to_row_1, (block, v), names=["block", "v"])

# %%
# The underscore
# --------------
#
# A method whose name ends with an underscore changes its tensor and returns it. Most have a twin without the
# underscore, which leaves the tensor as it is: on a line of its own, its result is thrown away. A few such methods
# write no values: ``t_`` changes the shape and the strides of its tensor, and its views stay as they are.

z = torch.tensor([[5.0, -6.0], [-7.0, 8.0], [9.0, -10.0]])
last = z[2]
z.clamp(min=0)
assert z.min() == -10
for method, argument in {"clamp_": 0, "mul_": 3, "copy_": torch.ones(2), "fill_": 7}.items():
    assert getattr(z, method)(argument) is z
assert z.tolist() == [[7, 7]] * 3
assert z.t_() is z
assert (z.shape, last.shape, last.tolist()) == ((2, 3), (2,), [7, 7])
methods = [name for name in dir(torch.Tensor) if name.endswith("_") and not name.startswith("_")]
twins = [name for name in methods if hasattr(torch.Tensor, name[:-1])]
print(f"{len(twins)} of {len(methods)} methods with an underscore have a twin")
assert "clamp_" in twins
assert "fill_" not in twins
assert len(twins) > 0.8 * len(methods)

# %%
# The memory keeps its shape and dtype. So what ``x`` and ``y`` give by :term:`broadcasting` must have the shape of
# ``x``, and :func:`torch.can_cast` must allow the step from the dtype that they give by :term:`promotion` to that of
# ``x``. A new tensor has no such limits.

counts = torch.tensor([4, 5, 6])
assert ((counts + torch.ones(2, 3)).shape, (counts + 0.5).dtype) == ((2, 3), torch.float32)
with expect_error(RuntimeError, match="doesn't match the broadcast shape"):
    counts += torch.ones(2, 3, dtype=torch.int64)
with expect_error(RuntimeError, match="can't be cast to the desired output type"):
    counts += 0.5

# %%
# The rule for dtypes, tried on all pairs of five:


def works(into, other):
    try:
        return torch.ones(3, dtype=into).add_(torch.ones(3, dtype=other)).dtype == into
    except RuntimeError:
        return False


five = [torch.bool, torch.uint8, torch.int64, torch.float32, torch.complex64]
for into, other in itertools.product(five, repeat=2):
    assert works(into, other) == torch.can_cast(torch.promote_types(into, other), into)

# %%
# out=
# ----
#
# Many functions write into a tensor given as ``out=``, memory that a loop can use again, and return it. An ``out`` of
# another shape is *resized*, which is deprecated and warns. If its memory is too small, the same object, and its views,
# then lie at another address. An ``out`` without elements is resized without a warning.

right, empty, wrong, wide = (torch.zeros(shape, dtype=torch.int64) for shape in ((2, 3), 0, 5, 10))
assert torch.add(x, y, out=right) is right
assert torch.add(x, y, out=empty).shape == (2, 3)
identity, address, view = id(wrong), wrong.data_ptr(), wrong[:4]
with expect_warning(UserWarning, match=r"resized since it had shape \[5\]"):
    torch.add(x, y, out=wrong)
assert (id(wrong) == identity, wrong.data_ptr() == address) == (True, False)
assert (wrong.shape, view.tolist()) == ((2, 3), (x + y).flatten()[:4].tolist())
address = wide.data_ptr()
with expect_warning(UserWarning, match=r"resized since it had shape \[10\]"):
    torch.add(x, y, out=wide)
assert (wide.shape, wide.data_ptr() == address) == ((2, 3), True)  # there was room enough

# %%
# What goes wrong
# ---------------
#
# A function that writes in place changes the tensor of its caller: write ``data = data - ...`` unless you want that.
# Assigning to an index *converts* silently, where ``+=`` raises. And if what is read overlaps what is written, torch
# often notices and asks for a copy, but not in each case: the last line below gives a wrong sum. Take ``clone()`` of
# what is read.


def centered(data):
    data -= data.mean()
    return data


ages = torch.tensor([20.0, 30.0, 70.0])
assert centered(ages).tolist() == ages.tolist() == [-20, -10, 30]  # the ages are gone
counts[0] = 2.9
assert counts.tolist() == [2, 5, 6]
with expect_error(RuntimeError, match="refer to a single memory location"):
    counts[1:] = counts[:-1]
steps = torch.arange(6)
correct = steps[::2] + steps[:3]
steps[::2] += steps[:3]  # no error
assert (correct.tolist(), steps[::2].tolist()) == ([0, 3, 6], [0, 3, 7])

# %%
# To compute a :term:`gradient`, torch keeps old values. Outside :class:`torch.no_grad`, it forbids writing into a
# :term:`leaf` whose gradient is asked for, notices when a value that it kept was overwritten, and takes no ``out=``.

w = torch.ones(3, requires_grad=True)
with expect_error(RuntimeError, match="a leaf Variable that requires grad"):
    w += 1
with expect_error(RuntimeError, match="don't support automatic differentiation"):
    torch.add(w, 1, out=torch.empty(3))
with torch.no_grad():
    w += 1  # as an optimizer does
assert w.tolist() == [2, 2, 2]
kept = w.exp()
kept += 1
with expect_error(RuntimeError, match="modified by an inplace operation"):
    kept.sum().backward()

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
        (1.0, 1.0, 1.0): "So it would be with += first, while q is still p, and q = q + 1 second.",
        (2.0, 2.0, 2.0): "So it would be with += in both lines.",
    },
)

# %%
# Division:

ask(
    "x = torch.tensor([4, 6]). What does x /= 2 do?",
    answer=lambda: torch.tensor([4, 6]).div_(2),
    choices={
        "x is [2, 3]": "x //= 2 does this: // keeps whole numbers whole.",
        "x is [2.0, 3.0]": "x = x / 2 does this: a new tensor, of another dtype.",
        RuntimeError: "/ gives floating-point numbers, which can't be cast to the integers of x.",
    },
)

# %%
# Next: :ref:`tensor-to-python`, the way out of a tensor's memory.

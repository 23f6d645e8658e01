"""
.. _tensor-to-python:

How do I get a Python number or list out of a tensor?
=====================================================

:meth:`torch.Tensor.item` turns a tensor with one element into a number of Python, :meth:`torch.Tensor.tolist` turns a
tensor with axes into nested lists. ``int()``, ``float()`` and ``bool()`` take one element, too. You need to know
:ref:`what a shape is <what-is-a-tensor>` and :ref:`what a dtype is <dtypes>`.
"""

# %%
# Three tensors that hold one number each, and one that holds six. ``item`` works on the first three, with none, one or
# two axes. ``tolist`` works on all four, and keeps one pair of brackets for each axis.

import math

import torch

from ptguide.errors import expect_error, expect_warning
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.zoo import zoo

scalar, vector, matrix = torch.tensor(2.5), torch.tensor([2.5]), torch.tensor([[2.5]])
six = torch.tensor([[7, 8, 9], [10, 11, 12]])
draw([scalar, vector, matrix, six], ["scalar", "vector", "matrix", "six"])

# %%
# What was a number stays a tensor until one of these calls: indexing with one index for each axis gives a tensor
# without axes, not a number.

assert [t.item() for t in (scalar, vector, matrix)] == [2.5, 2.5, 2.5]
assert [t.tolist() for t in (scalar, vector, matrix)] == [2.5, [2.5], [[2.5]]]
assert (type(six[1, 2]), type(six[1, 2].item())) == (torch.Tensor, int)
with expect_error(RuntimeError, match="a Tensor with 6 elements cannot be converted to Scalar"):
    six.item()

# %%
# The type of the number
# ----------------------
#
# Floating-point numbers become ``float`` and integers ``int``; then there are ``bool`` and ``complex``. The value is
# exact. Python's float has 64 bits, so it shows what :val:`float32 <torch.tensor(0.1).dtype>` or
# :val:`bfloat16 <torch.tensor(0.1).bfloat16().dtype>` really holds where 0.1 was asked for.

floats = (torch.float64, torch.float32, torch.bfloat16)
for dtype in (*floats, torch.int16, torch.bool, torch.complex64):
    number = torch.tensor(0.1 if dtype in floats else 1, dtype=dtype)
    print(f"{dtype!s:<16} {type(number.item()).__name__:<8} {number.item()!r}")
for t in zoo(axes=0).values():
    number = t.item()
    assert torch.equal(torch.tensor(number, dtype=t.dtype), t) or math.isnan(number)
    kind = float if t.is_floating_point() else complex if t.is_complex() else int
    assert type(number) is (bool if t.dtype == torch.bool else kind)

assert torch.tensor(0.1, dtype=torch.float64).item() == 0.1 != torch.tensor(0.1).item()

# %%
# tolist, from scratch
# --------------------
#
# A tensor of shape :math:`(s_0, s_1, \ldots)` becomes a list of :math:`s_0` lists, each from a tensor of shape
# :math:`(s_1, \ldots)`. :func:`torch.unbind` gives these tensors.


def tolist(tensor):
    return [tolist(part) for part in tensor.unbind()] if tensor.ndim else tensor.item()


block = torch.arange(24).reshape(2, 3, 4)
for tensor in (scalar, six, block, block > 11, torch.zeros(2, 0), block.reshape(4, 1, 6) / 7):
    assert tolist(tensor) == tensor.tolist()
for tensor in zoo(axes=range(5)).values():
    assert str(tolist(tensor)) == str(tensor.tolist())  # as text, since NaN equals nothing
assert block.tolist()[1][2][3] == block[1, 2, 3].item() == 23
print(block.tolist())

# %%
# The way back is :func:`torch.tensor`. It chooses the dtype anew: floats become
# :val:`float32 <torch.tensor(exact.tolist()).dtype>`, which rounds those of :val:`float64 <exact.dtype>`. Name the
# dtype to keep the numbers. Memory, device and gradient are not those of the old tensor, and a tensor without elements
# can lose its shape.

small, exact = torch.tensor([1, 2], dtype=torch.uint8), torch.tensor([0.1], dtype=torch.float64)
assert torch.tensor(small.tolist()).dtype == torch.int64
assert torch.equal(torch.tensor(block.tolist()), block)
assert torch.tensor(exact.tolist()).dtype == torch.float32
assert torch.tensor(exact.tolist()).double() != exact
assert torch.tensor(exact.tolist(), dtype=exact.dtype) == exact
assert torch.tensor(torch.zeros(0, 3).tolist()).shape == (0,)

# %%
# ``list()`` is another thing: it goes along axis 0 and gives a list of *tensors*, as a ``for`` loop does. Python's
# ``sum()`` and ``max()`` go along axis 0 too, and ``max()`` can't compare rows. Use the methods of the tensor instead.

assert [type(part) for part in list(six)] == [torch.Tensor, torch.Tensor]
assert torch.equal(list(six)[1], six[1])
assert sum(six).tolist() == [7 + 10, 8 + 11, 9 + 12]  # row + row
assert six.sum().item() == 7 + 8 + 9 + 10 + 11 + 12
with expect_error(RuntimeError, match="more than one value is ambiguous"):
    max(six)
assert six.max().item() == 12

# %%
# int, float, bool
# ----------------
#
# They take one element. ``int`` drops what stands after the point, on both sides of 0. For several elements ``int``
# raises ``ValueError``, and ``item`` raised ``RuntimeError`` above.

assert (int(torch.tensor(2.9)), int(torch.tensor([-2.9]))) == (2, -2)
assert repr(float(torch.tensor([[3]]))) == "3.0"
assert (bool(torch.tensor(0.0)), bool(torch.tensor([[-0.5]]))) == (False, True)
with expect_error(ValueError, match="only one element tensors can be converted to Python scalars"):
    int(six)

# %%
# ``if`` asks for ``bool()``. Is a tensor of three truth values true when one is, or when all are? Torch does not guess.
# You choose: :meth:`torch.Tensor.any` or :meth:`torch.Tensor.all`. ``and``, ``or``, ``not`` and ``a < x < b`` ask for
# ``bool()``, too.

right = six[0] == torch.tensor([7, 0, 9])
with expect_error(RuntimeError, match="Tensor with more than one value is ambiguous"):
    if right:
        print("equal")
assert (right.any().item(), right.all().item()) == (True, False)

asking = [lambda: 7 < six < 11, lambda: right and six, lambda: right or six, lambda: not right]
for ask_for_bool in asking:
    with expect_error(RuntimeError, match="more than one value is ambiguous"):
        ask_for_bool()
inside = (six > 7) & (six < 11)
assert inside.tolist() == [[False, True, True], [True, False, False]]

# %%
# A tensor with one element is asked without an error, and the answer is about the number: ``if loss:`` is false for a
# loss of 0. To ask whether there *is* a tensor, write ``is not None``; whether it has elements, ``numel()``.

assert not torch.tensor([0])
with expect_error(RuntimeError, match="Boolean value of Tensor with no values is ambiguous"):
    bool(torch.tensor([]))

# %%
# Where Python takes a tensor for a number
# ----------------------------------------
#
# An integer tensor with one element works as an index and in ``range``, a tensor without axes in an f-string with a
# format. As a key of a ``dict`` it fails silently: it is looked up as the object that it is, not by its number.

place = torch.tensor(1)
assert (["a", "b", "c"][place], list(range(place)), f"{scalar:.2f}") == ("b", [0], "2.50")
with expect_error(TypeError, match="unsupported format string"):
    print(f"{vector:.2f}")
names = {0: "cat", 1: "dog"}
assert (names.get(place), names.get(place.item())) == (None, "dog")

# %%
# What it costs
# -------------
#
# ``item`` needs the value, so it waits until the computation is finished. On a GPU, Python runs ahead: a call puts work
# into a queue and returns. ``item``, ``tolist``, ``print``, ``int()`` and ``if`` wait for the work in the queue before
# them, and copy the value to the CPU. So call ``item`` seldom in a training loop, for example once in a hundred steps.
# :ref:`timing-on-a-gpu` has more about the queue, and :func:`torch.cuda.set_sync_debug_mode` reports each wait. Without
# a GPU, the device ``meta`` shows who needs a value: tensors there have a shape and no values.

loss = torch.ones(4, 5, device="meta").sum()
assert loss.shape == ()  # no value is needed for this
for needs_the_value in (torch.Tensor.item, int, float, bool):
    with expect_error(RuntimeError, match="cannot be called on meta tensors"):
        needs_the_value(loss)

# %%
# So add up tensors on the device and call ``item`` once, at the end. But first :meth:`detach <torch.Tensor.detach>`
# what belongs to a recorded calculation. A sum of losses that are not detached keeps the record of the
# :val:`4 <steps_kept>` steps in memory, and so on for each step that follows.

weight = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
careless, careful, numbers = 0, 0, 0.0
for step in range(4):
    loss = (weight * step).sum()
    careless, careful, numbers = careless + loss, careful + loss.detach(), numbers + loss.item()

assert careless.item() == careful.item() == numbers == 6 * (0 + 1 + 2 + 3)
assert (careless.requires_grad, careful.requires_grad, type(numbers)) == (True, False, float)


def count_sums(node):  # of the record that ends with this operation
    if node is None:
        return 0
    return ("Sum" in node.name()) + sum(count_sums(before) for before, _ in node.next_functions)


steps_kept = count_sums(careless.grad_fn)
assert steps_kept == 4

# %%
# A number of Python has no gradient: what is computed from ``item()`` is a constant for autograd. ``item`` raises no
# warning about it; ``float()`` warns.

assert not torch.tensor(loss.item()).requires_grad
torch.set_warn_always(True)  # otherwise torch gives this warning once in a process
with expect_warning(UserWarning, match="Converting a tensor with requires_grad=True to a scalar"):
    float(loss)

# %%
# Check yourself
# --------------

ask(
    "What does torch.tensor([[[4]]]).tolist() give? (Lists are written as tuples here.)",
    answer=torch.tensor([[[4]]]).tolist(),
    choices={
        4: "item() gives this. tolist() keeps a pair of brackets for each axis.",
        (4,): "The shape has three axes, so three lists stand around the number.",
        (((4,),),): "Three axes, three lists.",
    },
)

# %%
# A comparison of whole tensors:

ask(
    "x has several elements. What does `if x == x:` do?",
    answer=lambda: bool(six[0] == six[0]),
    choices={
        True: "torch.equal(x, x) is True; == gives three truth values.",
        False: "No number is returned at all, since == gives three truth values.",
        RuntimeError: "== gives three truth values, and bool() of more than one is ambiguous.",
    },
)

# %%
# And rounding:

ask(
    "What is int(torch.tensor([-0.99]))?",
    answer=int(torch.tensor([-0.99])),
    choices={
        0: "What stands after the point is dropped.",
        -1: "torch.floor and torch.round give -1; int() goes toward 0.",
        ValueError: "It is raised for more than one element; here there is one.",
    },
)

# %%
# Next: :ref:`randomness-and-seeds`, where tensors get numbers that nobody wrote down.

"""
.. _tensor-to-python:

How do I get a Python number or list out of a tensor?
=====================================================

You print a loss, write it to a file or compare it in an ``if``, and what you have is still a :term:`tensor`.
:meth:`torch.Tensor.item` gives the number of a tensor with one element, :meth:`torch.Tensor.tolist` gives lists.
"""

# %%
# Set-up

import math
import time
from collections import Counter

import torch

from ptguide import data
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.zoo import zoo

torch.manual_seed(0)
photo = data.photos()[0][0]
needing = {"item": torch.Tensor.item, "int": int, "float": float, "bool": bool}
needing |= {"tolist": torch.Tensor.tolist}
pixels = photo[:, 30, 200:202]  # red, green and blue of two pixels


def losses_in_record(node):
    if node is None:
        return 0
    earlier = sum(losses_in_record(before) for before, _ in node.next_functions)
    return ("Sum" in node.name()) + earlier


long_row = torch.rand(20_000)
ways = {
    "sum(x)": lambda: sum(long_row).item(),
    "sum(x.tolist())": lambda: sum(long_row.tolist()),
    "x.sum().item()": lambda: long_row.sum().item(),
}


# %%

print(pixels[2, 1], "->", pixels[2, 1].item())
print(pixels[2], "->", pixels[2].tolist())
print("pixels ->", pixels.tolist())

# %%
# With an index for each axis, ``pixels[2, 1]`` is a tensor without axes, not a number. ``item`` takes the number out.
# ``tolist`` keeps one pair of brackets for each axis. You need to know :ref:`what a shape is <what-is-a-tensor>`.
#
# The rule
# --------
#
# ``item`` wants exactly one element; how many axes there are does not matter. Floats become ``float``, integers
# ``int``, and truth values ``bool``. The value is not rounded: a ``float`` of Python has 64 bits, so you see what the
# shorter types hold in place of 0.1.

for dtype in (torch.float64, torch.float32, torch.bfloat16):
    print(f"{dtype!s:<15}", torch.tensor([[0.1]], dtype=dtype).item())
with expect_error(RuntimeError, match="a Tensor with 2 elements cannot be converted to Scalar"):
    pixels[2].item()

# %%
# list() is something else
# ------------------------
#
# ``list(x)`` goes along axis 0 and gives a list of *tensors*, as a ``for`` loop meets them. Python's ``sum`` adds one
# tensor at a time in the same way. Use the method of the tensor, or take the list out first. These are times for
# :val:`20,000 <len(long_row)>` elements:

# Measured where this page runs.
for name, way in ways.items():
    begin = time.perf_counter()
    way()
    print(f"{name:<16} {1000 * (time.perf_counter() - begin):7.2f} ms")
assert [type(part) for part in list(pixels)] == [torch.Tensor] * 3

# %%
# if, and, or, not
# ----------------
#
# These words of Python ask for *one* truth value. Is a tensor of three truth values true when one is, or when all are?
# PyTorch does not guess. Write :meth:`torch.Tensor.any` or :meth:`torch.Tensor.all`. To combine tensors of truth
# values, write ``&`` and ``|`` for ``and`` and ``or``, with parentheses around each comparison.

right = torch.tensor([7, 8, 9]) == torch.tensor([7, 0, 9])
with expect_error(RuntimeError, match="Tensor with more than one value is ambiguous"):
    if right:
        print("equal")
print(right.any().item(), right.all().item())

# %%
# What it costs
# -------------
#
# ``item`` needs the value, so it waits until the value is there. On a GPU, calls put work into a queue and return;
# ``item``, ``tolist``, ``if`` and ``int()`` wait for that work, as :ref:`timing-on-a-gpu` shows. Tensors on the device
# ``meta`` have shapes and no values, so the calls below that need a value raise there. ``detach`` needs no value.

loss = torch.ones(4, 5, device="meta").sum()
for name, needs_the_value in needing.items():
    try:
        needs_the_value(loss)
    except (RuntimeError, NotImplementedError) as error:
        print(f"{name:<7}{type(error).__name__}")
print("detach ", loss.detach().device)

# %%
# .. use-this::
#
#    Use ``x.item()`` for one number, ``x.tolist()`` for more, ``x.numpy()`` where you :ref:`go on computing in NumPy
#    <numpy-and-back>`. On a GPU, ``item`` and ``tolist`` wait and copy, so add up ``loss.detach()`` on the device and
#    call ``item`` once in a hundred steps; ``numpy`` needs ``cpu()`` first. A number of Python has no :term:`gradient`:
#    what you compute from it is a constant for training.
#
# Common mistakes
# ---------------
#
# **A sum of losses that keeps everything.** Without ``detach`` or ``item``, the sum remembers how each loss was
# computed, and this record grows with each step. The cell prints how many losses it holds after :val:`4 <step + 1>`
# steps, without and with ``detach``.

weight = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
careless, careful = 0, 0
for step in range(4):
    loss = (weight * step).sum()
    careless, careful = careless + loss, careful + loss.detach()
print(losses_in_record(careless.grad_fn), losses_in_record(careful.grad_fn))

# %%
# **A tensor as a key.** A ``dict`` compares objects, not their numbers, so it does not find the key 1 for a tensor
# that holds 1. As the index of a list, and in an f-string, a tensor without axes stands for its number.

names, label = {0: "china", 1: "flower"}, torch.tensor(1)
print(names.get(label), names.get(label.item()), ["china", "flower"][label], f"{label:.2f}")

# %%
# How this was checked


def tolist(tensor):
    return [tolist(part) for part in tensor.unbind()] if tensor.ndim else tensor.item()


for tensor in zoo(axes=range(5)).values():
    assert str(tolist(tensor)) == str(tensor.tolist())  # as text, since NaN equals nothing
for t in zoo(axes=0).values():
    number = t.item()
    assert torch.equal(torch.tensor(number, dtype=t.dtype), t) or math.isnan(number)
    kind = float if t.is_floating_point() else complex if t.is_complex() else int
    assert type(number) is (bool if t.dtype == torch.bool else kind)
    assert t.reshape(1, 1, 1).item() == number or math.isnan(number)
for needs_the_value in needing.values():
    with expect_error((RuntimeError, NotImplementedError), match="meta"):
        needs_the_value(torch.ones((), device="meta"))
assert careless.item() == careful.item() == 6 * (0 + 1 + 2 + 3)
assert (losses_in_record(careless.grad_fn), losses_in_record(careful.grad_fn)) == (4, 0)
assert (int(torch.tensor(2.9)), int(torch.tensor([-2.9]))) == (2, -2)
with expect_error(ValueError, match="only one element tensors can be converted"):
    int(torch.tensor([1, 2]))
six = torch.tensor([[7, 8, 9], [10, 11, 12]])
for ask_for_bool in [
    lambda: 7 < six < 11,
    lambda: right and six,
    lambda: right or six,
    lambda: not right,
    lambda: max(six),
]:
    with expect_error(RuntimeError, match="more than one value is ambiguous"):
        ask_for_bool()
assert ((six > 7) & (six < 11)).sum() == 3
with expect_error(TypeError, match="unsupported format string"):
    f"{torch.tensor([1.0]):.2f}"  # one element, and an axis
with expect_error(TypeError, match="can't convert meta device type"):
    torch.ones((), device="meta").numpy()
assert not torch.tensor([0])  # with one element, the question is about the number
with expect_error(RuntimeError, match="Boolean value of Tensor with no values is ambiguous"):
    bool(torch.tensor([]))
# The way back: torch.tensor chooses the dtype again, and a tensor without elements can lose its shape.
exact = torch.tensor([0.1], dtype=torch.float64)
assert torch.tensor(exact.tolist()).dtype == torch.float32
assert torch.tensor(exact.tolist(), dtype=exact.dtype) == exact
assert torch.tensor(torch.zeros(0, 3).tolist()).shape == (0,)
# float() of a tensor with a gradient warns, item() does not.
torch.set_warn_always(True)
with expect_warning(UserWarning, match="Converting a tensor with requires_grad=True to a scalar"):
    float(loss)
torch.set_warn_always(False)

# %%
# Check yourself
# --------------

ask(
    "What does torch.tensor([[[4]]]).tolist() give? (Lists are written as tuples here.)",
    answer=torch.tensor([[[4]]]).tolist(),
    choices={
        4: "item() gives this. tolist() keeps a pair of brackets for each axis.",
        (4,): "The shape has three axes, so there are three lists around the number.",
        (((4,),),): "Three axes give three lists.",
    },
)

# %%
# Rounding:

ask(
    "What is int(torch.tensor([-0.99]))?",
    answer=int(torch.tensor([-0.99])),
    choices={
        0: "int() drops what is after the point.",
        -1: "torch.floor and torch.round give -1. int() goes toward 0.",
        ValueError: "It is raised for more than one element. Here there is one.",
    },
)

# %%
# **Exercise.** Count how often each class is predicted. Return a ``dict`` from the name of a class to an ``int``, with
# the classes that occur.

CLASSES = ["cat", "dog", "owl"]


def as_tensor(function):  # so that the dicts can be compared
    def run(labels):
        counted = function(labels)
        return torch.tensor([counted.get(name, 0) for name in CLASSES])

    return run


def by_masks(labels):
    return {name: (labels == i).sum().item() for i, name in enumerate(CLASSES)}


cases = [(torch.tensor([2, 0, 2]),), (torch.randint(3, (50,)),), (torch.tensor([1]),)]


def count(labels):
    raise NotImplementedError


check(as_tensor(count), as_tensor(by_masks), cases)

# %%
# Tensors as keys would each be counted once. ``tolist`` gives ints.

# Solution


def count(labels):
    return Counter(CLASSES[i] for i in labels.tolist())


report = check(as_tensor(count), as_tensor(by_masks), cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`randomness-and-seeds` is about tensors of random numbers.
#
# - PyTorch contributors (2026). `torch.Tensor.item
#   <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.item.html>`__. The reference.
# - PyTorch contributors (2026). `Performance tuning guide
#   <https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html>`__. Its section on synchronization lists
#   the calls that wait for a GPU.

"""
.. _dtypes:

What is a dtype, and which one do I need?
=========================================

The :term:`dtype` ("data type") is the type that all elements of a :term:`tensor` share. It decides how large a number
can be, how exact it is, and how many bytes it takes. Use :val:`float32 <torch.nn.Linear(1, 1).weight.dtype>` for
weights and for what goes into a network, :val:`int64 <torch.tensor([0]).dtype>` for labels and indices,
:val:`uint8 <convert(x)['uint8'].dtype>` to store images, and bool for :term:`masks <mask>`. You need to know how to
:ref:`make a tensor <making-tensors>`.
"""

# %%
# One row of :val:`float32 <x.dtype>` numbers, converted. Touch an element: 70000 is more than
# :val:`float16 <convert(x)['float16'].dtype>` can hold, :val:`bfloat16 <convert(x)['bfloat16'].dtype>` has it roughly,
# in an integer 2.6 loses its fraction, and an unsigned byte counts from 0 again after 255. (The last row but one is
# made of the one above it: what a float beyond the range becomes in a byte is not defined.)

import itertools
import math

import torch
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.zoo import zoo


def convert(x):
    integers = x.to(torch.int64)
    floats = {"float16": x.to(torch.float16), "bfloat16": x.to(torch.bfloat16)}
    return floats | {"int64": integers, "uint8": integers.to(torch.uint8), "bool": x.to(torch.bool)}


x = torch.tensor([0.0, 0.1, 2.6, 300, 70000])
draw(convert, x)

# %%
# The table
# ---------
#
# :class:`torch.iinfo` and :class:`torch.finfo` know the limits. The second column is a :term:`method` that converts.
# The step is the distance from 1 to the next larger number; ``torch.finfo`` calls it ``eps``. In a float dtype, 1 plus
# half a step is rounded to 1. (:ref:`Complex numbers <named-complex-and-sparse>` exist too.)

methods = {"uint8": "byte", "int8": "char", "int16": "short", "int32": "int", "int64": "long"}
methods |= {"float16": "half", "bfloat16": "bfloat16", "float32": "float", "float64": "double"}
print(f"{'dtype':<10}{'method':<10}{'bytes':>5}   {'smallest':<22}{'largest':<21}step")
for name, method in methods.items():
    dtype, one = getattr(torch, name), getattr(torch.tensor(1), method)()
    assert one.dtype == dtype
    info = torch.finfo(dtype) if one.is_floating_point() else torch.iinfo(dtype)
    step, kind = (info.eps, ".5g") if one.is_floating_point() else (1, "d")
    sizes = f"{one.itemsize:>5}   {info.min:<22{kind}}{info.max:<21{kind}}"
    print(f"{name:<10}{method:<10}{sizes}{step:{kind}}")
    assert (one + step > one, one + step / 2 == one) == (True, one.is_floating_point())

# %%
# Which dtype a new tensor has
# ----------------------------
#
# Python's floats and functions such as ``zeros``, which are given no value, have the default dtype:
# :val:`float32 <new()[0]>`. Ints make :val:`int64 <new()[2]>` and truth values bool. :func:`torch.set_default_dtype`
# changes the default, and leaves the other two as they are. So do what gives dtypes of its own: a layer has weights of
# the default dtype, ``argmax`` gives :val:`int64 <x.argmax().dtype>`, and a comparison gives bool.


def new():
    made = [torch.tensor(0.5), torch.zeros(2), torch.tensor(5), torch.tensor(True)]
    return [t.dtype for t in made]


assert new() == [torch.float32, torch.float32, torch.int64, torch.bool]
assert torch.nn.Linear(3, 4).weight.dtype == torch.float32
assert (x.argmax().dtype, (x > 1).dtype) == (torch.int64, torch.bool)
torch.set_default_dtype(torch.float64)
assert new() == [torch.float64, torch.float64, torch.int64, torch.bool]
torch.set_default_dtype(torch.float32)  # the guide goes on with the usual one

# %%
# Two dtypes in one operation: promotion
# --------------------------------------
#
# ``+``, ``*`` and other operations element by element bring two tensors to a common dtype first, which is called
# :term:`promotion`. There are four kinds, bool < integer < float < complex. Between the dtypes of this table, the
# higher kind decides, also where its dtype has fewer bits; within a kind, the result can hold both.
# ``promote_types(torch.float64, torch.complex64)`` is
# :val:`complex128 <torch.promote_types(torch.float64, torch.complex64)>`, and a few pairs of rare dtypes raise, such as
# an unsigned integer of 16 bits with a signed one. :func:`torch.promote_types` says what comes out.

mixed = [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float32]
short = {dtype: str(dtype).removeprefix("torch.") for dtype in mixed}
print(" " * 10 + "".join(f"{name:<10}" for name in short.values()))
for a in mixed:
    print(f"{short[a]:<10}" + "".join(f"{short[torch.promote_types(a, b)]:<10}" for b in mixed))
    for b in mixed:
        total = torch.ones(3, dtype=a) + torch.ones(3, dtype=b)
        assert total.dtype == torch.promote_types(a, b) == torch.promote_types(b, a)
assert torch.promote_types(torch.float16, torch.bfloat16) == torch.float32
assert torch.promote_types(torch.float64, torch.complex64) == torch.complex128
with expect_error(
    RuntimeError, match="Promotion for uint16, uint32, uint64 types is not supported"
):
    torch.ones(3, dtype=torch.uint16) + torch.ones(3, dtype=torch.int16)

# %%
# Neither of the two 16-bit floats contains the other, so both together make
# :val:`float32 <torch.promote_types(torch.float16, torch.bfloat16)>`. An integer of 64 bits and a float of 16 make
# :val:`float16 <(half + torch.tensor([7])).dtype>`, although it can't hold large integers. "/" between integers gives a
# float, "//" does not.

half = torch.ones(3, dtype=torch.float16)
assert (half + torch.tensor([70000])).dtype == torch.float16
assert (half + torch.tensor([70000])).isinf().all()
assert (torch.tensor(7) / torch.tensor(2)).item() == 3.5
assert (torch.tensor(7) // torch.tensor(2)).dtype == torch.int64

# %%
# Beside a tensor with axes, a tensor without axes decides only if its kind is higher; then the result has its dtype. A
# Python number does the same: an int stands for :val:`int64 <torch.tensor(2).dtype>` and a float for
# :val:`float32 <torch.tensor(2.5).dtype>`, the default. Between two tensors without axes the rule is that of the table.

kinds = {torch.bool: 0, torch.uint8: 1, torch.int64: 1}  # the floats have kind 2
for a, b in itertools.product(mixed, repeat=2):
    row, number = torch.ones(3, dtype=a), torch.ones((), dtype=b)
    higher = kinds.get(b, 2) > kinds.get(a, 2)
    assert (row * number).dtype == (b if higher else a)
    assert (row[0] * number).dtype == torch.promote_types(a, b)
for a in mixed:
    assert (torch.ones(3, dtype=a) * 2.5).dtype == (a if a.is_floating_point else torch.float32)
    assert (torch.ones(3, dtype=a) * 2).dtype == (torch.int64 if a == torch.bool else a)
assert (half * torch.tensor(2.5, dtype=torch.float64)).dtype == torch.float16
assert (half * torch.tensor([2.5], dtype=torch.float64)).dtype == torch.float64

# %%
# Matrix multiplication and layers such as ``Linear`` do not promote. This is how NumPy's fractions, which have 64 bits,
# meet weights of :val:`float32 <torch.nn.Linear(3, 4).weight.dtype>`. Convert your data once, where you read it, with
# ``.float()``.

with expect_error(RuntimeError, match="to have the same dtype, but got: float != double"):
    torch.ones(2, 3) @ torch.ones(3, 4, dtype=torch.float64)
with expect_error(RuntimeError, match="must have the same dtype, but got Double and Float"):
    torch.nn.Linear(3, 4)(torch.ones(2, 3, dtype=torch.float64))
assert torch.nn.Linear(3, 4)(torch.ones(2, 3, dtype=torch.float64).float()).dtype == torch.float32

# %%
# Converting
# ----------
#
# :meth:`torch.Tensor.to` gives a tensor of another dtype: a :term:`copy`, or the tensor itself if it has that dtype. On
# the way to an integer, fractions are cut off towards 0; round first if you mean that. Every number but 0 is true, NaN
# too.

y = torch.tensor([-2.7, -0.5, 0.5, 2.7])
assert y.to(torch.int64).tolist() == [-2, 0, 0, 2]
assert y.round().long().tolist() == [-3, 0, 0, 3]  # halves go to the even neighbour
for t in (y, *zoo(axes=range(5)).values()):
    assert torch.equal(t.bool(), t != 0)
    assert t.to(t.dtype) is t
assert torch.tensor(math.nan).bool()
assert y.double() is not y

# %%
# The methods of the table, ``type`` and ``to`` leave their own tensor as it is. On a line of its own, such a call does
# nothing: the result is thrown away. A layer, a :term:`module`, is another matter: it converts its weights and stays
# the same object.

for name in methods.values():
    getattr(y, name)()
y.type(torch.float64)
y.to(torch.float64)
assert y.dtype == torch.float32
y = y.type(torch.float64)  # or y.to(torch.float64), y.double()
layer = torch.nn.Linear(3, 4)
layer.double()
assert y.dtype == layer.weight.dtype == torch.float64

# %%
# The classes with the old names, such as ``torch.LongTensor``, convert no tensor: one of another dtype raises. They
# take lists, and cut off in silence.

with expect_error(TypeError, match="long int"):
    torch.LongTensor(y)
assert torch.LongTensor([2.7]).tolist() == [2]
assert y.long().tolist() == [-2, 0, 0, 2]

# %%
# A :term:`gradient` goes back through a conversion between floats, in the dtype of the tensor that it belongs to. An
# integer tensor can have no gradient: a small change of an integer is no integer.

weight = torch.ones(3, requires_grad=True)
weight.to(torch.float64).sum().backward()
assert (weight.grad.dtype, weight.long().requires_grad) == (torch.float32, False)
with expect_error(RuntimeError, match="floating point and complex dtype can require gradients"):
    torch.tensor([1, 2], requires_grad=True)

# %%
# Overflow
# --------
#
# Integers go round in a circle, without a word: after :val:`255 <torch.iinfo(torch.uint8).max>`,
# :val:`uint8 <pixels.dtype>` goes on with 0. Floats become infinite. The sum of two such images soon exceeds 255. The
# method ``sum`` counts integers of all dtypes in :val:`int64 <pixels.sum().dtype>`.

pixels = torch.tensor([200, 100, 50], dtype=torch.uint8)
assert (pixels + pixels).tolist() == [400 - 256, 200, 100]
assert (pixels + 100).tolist() == [300 - 256, 200, 150]  # the 100 counts with its kind
assert pixels.sum().item() == 350
for dtype in (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64):
    assert pixels.to(dtype).sum().dtype == torch.int64
assert (torch.tensor([60000.0]).half() * 2).item() == float("inf")
with expect_error(RuntimeError, match="without overflow"):
    torch.tensor([300], dtype=torch.uint8)

# %%
# Two floats of 16 bits, bit by bit
# ----------------------------------
#
# Here is π, 8 bits a line. A float is a sign (the first bit), an :term:`exponent` and a fraction, each in its color. An
# ordinary one stands for :math:`\pm\, 2^{\text{exponent} - \text{bias}} \times 1.\text{fraction}`, where the bias is
# :val:`127 <bias>` with 8 bits of exponent. (0, infinity, NaN and numbers very near to 0 are encoded otherwise.)
# :val:`bfloat16 <value.bfloat16().dtype>` is the upper half of :val:`float32 <value.dtype>`, rounded: with 8 bits of
# exponent it has nearly the same range. :val:`float16 <value.half().dtype>` spends 5 bits on the exponent and
# :val:`10 <16 - 1 - 5>` on the fraction.


def bits(t):
    same_size = {2: torch.int16, 4: torch.int32}[t.itemsize]
    integer = t.view(same_size).long()  # view(dtype) reads the same bits as another type
    return (integer >> torch.arange(8 * t.itemsize - 1, -1, -1)) % 2


def field(count, exponent):  # 0 for the sign, 1 for the exponent, 2 for the fraction
    place = torch.arange(count)
    return (place > 0).long() + (place > exponent).long()


value = torch.tensor(math.pi)
shown = [bits(value), bits(value.bfloat16()), bits(value.half())]
fields = [field(32, 8), field(16, 8), field(16, 5)]
assert torch.equal(shown[1], shown[0][:16])
powers, bias = 2 ** torch.arange(22, -1, -1), 2 ** (8 - 1) - 1
exponent, fraction = (shown[0][1:9] * powers[-8:]).sum(), (shown[0][9:] * powers).sum()
assert 2.0 ** (exponent - bias) * (1 + fraction / 2**23) == value  # π is positive
colors = [f.reshape(-1, 8) for f in fields]
draw([b.reshape(-1, 8) for b in shown], ["float32", "bfloat16", "float16"], colors=colors)

# %%
# So :val:`float16 <counts.half().dtype>` is finer and ends at :val:`65504 <torch.finfo(torch.float16).max>`.
# :val:`bfloat16 <counts.bfloat16().dtype>` is coarse, in steps of 2 from 256 to 512, and goes nearly as far as
# :val:`float32 <counts.dtype>`: 3.4e38 is too much for it. A gradient of 1e-9 is 0 in the finer one and changes no
# weight; the coarse one keeps it.

counts = torch.tensor([256.0, 257.0, 65536.0, 1e-9])
assert counts.half().tolist() == [256, 257, float("inf"), 0]
assert counts.bfloat16()[:3].tolist() == [256, 256, 65536]
assert counts.bfloat16()[3] > 0
far = torch.tensor([3.3e38, 3.4e38])
assert (far.isinf().tolist(), far.bfloat16().isinf().tolist()) == ([False, False], [False, True])
steps = torch.arange(256.0, 512.0).bfloat16().unique()
assert steps.tolist() == [*range(256, 512, 2), 512]

# %%
# Why labels are integers of 64 bits
# ----------------------------------
#
# A :term:`label` is an :term:`index`: it says *which* class. Cross-entropy, the usual loss of a classifier, turns the
# :term:`logits` into logarithms of probabilities, takes the one at that place, and changes its sign. It accepts labels
# of :val:`int64 <labels.dtype>`, which is what Python's ints become, and of unsigned bytes, but not of
# :val:`int32 <labels.int().dtype>`. A float would be a poor index: :val:`float32 <labels.float().dtype>` skips whole
# numbers beyond :math:`2^{24}`. (Floats of the shape of the logits are accepted too: they are the *probabilities* of
# the classes.)

logits = torch.tensor([[2.0, 0.5, 0.1], [0.2, 0.1, 3.0]])
labels = torch.tensor([0, 2])
looked_up = logits.log_softmax(dim=1)[[0, 1], labels]
torch.testing.assert_close(F.cross_entropy(logits, labels), -looked_up.mean())
torch.testing.assert_close(F.cross_entropy(logits, labels.to(torch.uint8)), -looked_up.mean())
for wrong in (labels.int(), labels.float()):
    with expect_error(RuntimeError, match="to be Long or Byte"):
        F.cross_entropy(logits, wrong)
certain = F.one_hot(labels, num_classes=3).float()
torch.testing.assert_close(F.cross_entropy(logits, certain), -looked_up.mean())
assert torch.tensor(2**24 + 1, dtype=torch.float32) == 2**24

# %%
# Check yourself
# --------------
#
# Kinds before sizes:

ask(
    "What is the dtype of torch.ones(3, dtype=torch.int64) * torch.ones(3, dtype=torch.float16)?",
    answer=str((torch.ones(3, dtype=torch.int64) * torch.ones(3, dtype=torch.float16)).dtype),
    choices={
        "torch.float64": "Only the kinds are compared; no type is sought that holds both.",
        "torch.int64": "Floats are the higher kind, whatever the number of bytes.",
        "torch.float16": "Float beats integer, and this is the only float there.",
    },
)

# %%
# Brighten a photo:

photo = torch.tensor([250, 100], dtype=torch.uint8)
ask(
    "photo holds 250 and 100, as uint8. What is photo + 10?",
    answer=photo + 10,
    choices={
        (
            4,
            110,
        ): f"{250 + 10} - {2**8} is 4: a bright pixel turns black. Convert, add, clamp, convert back.",
        (255, 110): "That is what torch.clamp would do; integers go round in a circle.",
        (260, 110): "The 10 counts with its kind only: the result is uint8, too small for 260.",
    },
)

# %%
# Next: :ref:`attributes`, for what else a tensor knows about itself.

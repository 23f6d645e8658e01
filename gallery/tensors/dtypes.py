"""
.. _dtypes:

What is a dtype, and which one do I need?
=========================================

The :term:`dtype` ("data type") is the type that all elements of a :term:`tensor` share. It decides how large a number
can be, how exact it is, and how many bytes it takes. Weights and measurements are float32, labels and indices int64,
images uint8, :term:`masks <mask>` bool. You need to know how to :ref:`make a tensor <making-tensors>`.
"""

# %%
# One row of float32 numbers, converted. Touch an element: 70000 is more than float16 can hold, bfloat16 has it roughly,
# in an integer 2.6 loses its fraction, and uint8 counts from 0 again after 255.

import math

import torch
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask


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
# The step is the distance from 1 to the next larger number, ``eps`` for floats; half of it, added to a float of 1, is
# lost. (:ref:`Complex numbers <named-complex-and-sparse>` exist too.)

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
# "The default dtype is float32" holds for Python's fractions, and for functions that are given no value. Ints make
# int64 and truth values bool. :func:`torch.set_default_dtype` changes the first two, and the last two never.


def new():
    made = [torch.tensor(0.5), torch.zeros(2), torch.tensor(5), torch.tensor(True)]
    return [t.dtype for t in made]


assert new() == [torch.float32, torch.float32, torch.int64, torch.bool]
torch.set_default_dtype(torch.float64)
assert new() == [torch.float64, torch.float64, torch.int64, torch.bool]
torch.set_default_dtype(torch.float32)  # the guide goes on with the usual one

# %%
# Two dtypes in one operation: promotion
# --------------------------------------
#
# "Tensors must have the same dtype to operate" is not so: they are brought to a common one first, which is called
# :term:`promotion`. There are four kinds, bool < integer < float < complex. The higher kind wins, whatever the sizes;
# within a kind, what can hold both. :func:`torch.promote_types` says what comes out.

mixed = [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float32]
short = {dtype: str(dtype).removeprefix("torch.") for dtype in mixed}
print(" " * 10 + "".join(f"{name:<10}" for name in short.values()))
for a in mixed:
    print(f"{short[a]:<10}" + "".join(f"{short[torch.promote_types(a, b)]:<10}" for b in mixed))
    for b in mixed:
        total = torch.ones(3, dtype=a) + torch.ones(3, dtype=b)
        assert total.dtype == torch.promote_types(a, b) == torch.promote_types(b, a)

# %%
# Neither of the two 16-bit floats contains the other, so both together make float32. int64 and float16 make float16,
# although it can't hold large integers. A Python number, and a tensor without axes, counts with its kind only.

half = torch.ones(3, dtype=torch.float16)
assert (half + torch.tensor([70000])).isinf().all()
assert (half * 2.5).dtype == torch.float16
assert (half * torch.tensor(2.5, dtype=torch.float64)).dtype == torch.float16
assert (half * torch.tensor([2.5], dtype=torch.float64)).dtype == torch.float64
assert (torch.tensor([5]) * 2.5).dtype == torch.float32
assert (torch.tensor(7) / torch.tensor(2)).item() == 3.5  # "/" leaves the integers, "//" does not

# %%
# Matrix multiplication promotes nothing, and neither do the layers built on it. This is how NumPy's fractions, which
# are float64, meet float32 weights.

with expect_error(RuntimeError, match="to have the same dtype, but got: float != double"):
    torch.ones(2, 3) @ torch.ones(3, 4, dtype=torch.float64)
with expect_error(RuntimeError, match="must have the same dtype, but got Double and Float"):
    torch.nn.Linear(3, 4)(torch.ones(2, 3, dtype=torch.float64))

# %%
# Converting
# ----------
#
# :meth:`torch.Tensor.to` gives a tensor of another dtype: a :term:`copy`, or the tensor itself if it has that dtype. On
# the way to an integer, fractions are cut off towards 0; round first if you mean that. Every number but 0 is true.

y = torch.tensor([-2.7, -0.5, 0.5, 2.7])
assert y.to(torch.int64).tolist() == [-2, 0, 0, 2]
assert y.round().long().tolist() == [-3, 0, 0, 3]  # halves go to the even neighbour
assert y.bool().tolist() == [True, True, True, True]
assert (y.to(torch.float32) is y, y.double() is y) == (True, False)

# %%
# "``x.type(torch.float64)`` changes ``x``": no such method changes the dtype of its tensor. On a line of its own, the
# result is thrown away. (A layer, a :term:`module`, is another matter: it converts its weights and stays the same
# object.)

y.type(torch.float64)
y.double()
assert y.dtype == torch.float32
y = y.type(torch.float64)  # or y.to(torch.float64), y.double()
layer = torch.nn.Linear(3, 4)
layer.double()
assert y.dtype == layer.weight.dtype == torch.float64

# %%
# The classes with the old names, ``torch.LongTensor`` or ``torch.FloatTensor``, convert no tensor either. They take
# lists, and cut off in silence.

with expect_error(TypeError, match="long int"):
    torch.LongTensor(y)
assert torch.LongTensor([2.7]).tolist() == [2]
assert y.long().tolist() == [-2, 0, 0, 2]

# %%
# A :term:`gradient` goes back through a conversion between floats, in the dtype of the tensor that it belongs to.
# Integers have none: a small change of an integer is no integer.

weight = torch.ones(3, requires_grad=True)
weight.to(torch.float64).sum().backward()
assert (weight.grad.dtype, weight.long().requires_grad) == (torch.float32, False)
with expect_error(RuntimeError, match="floating point and complex dtype can require gradients"):
    torch.tensor([1, 2], requires_grad=True)

# %%
# Overflow
# --------
#
# Integers go round in a circle, without a word: after :val:`255 <torch.iinfo(torch.uint8).max>`, uint8 goes on with 0.
# Floats become infinite. That hits images first, whose sums leave uint8 at once; ``sum`` itself is careful, and counts
# in int64.

pixels = torch.tensor([200, 100, 50], dtype=torch.uint8)
assert (pixels + pixels).tolist() == [400 - 256, 200, 100]
assert (pixels + 100).tolist() == [300 - 256, 200, 150]  # the 100 counts with its kind
assert (pixels.sum().item(), pixels.sum().dtype) == (350, torch.int64)
assert (torch.tensor([60000.0]).half() * 2).item() == float("inf")
with expect_error(RuntimeError, match="without overflow"):
    torch.tensor([300], dtype=torch.uint8)

# %%
# bfloat16 against float16, bit by bit
# ------------------------------------
#
# Here is π, 8 bits a line. A float is a sign (the first bit), an :term:`exponent` and a fraction, each in its color,
# and stands for :math:`\pm\, 2^{\text{exponent} - \text{bias}} \times 1.\text{fraction}`. bfloat16 is the upper half of
# float32, rounded: with 8 bits of exponent it has the same range. float16 spends 5 bits on the exponent and
# :val:`10 <16 - 1 - 5>` on the
# fraction.


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
colors = [f.reshape(-1, 8) for f in fields]
draw([b.reshape(-1, 8) for b in shown], ["float32", "bfloat16", "float16"], colors=colors)

# %%
# So float16 is finer and ends at :val:`65504 <torch.finfo(torch.float16).max>`; bfloat16 is coarse, in steps of 2 from
# 256 to 512, and goes as far as float32. Gradients are often tiny, and one that float16 rounds to 0 changes no weight;
# bfloat16 keeps it.

counts = torch.tensor([256.0, 257.0, 65536.0, 1e-9])
assert counts.half().tolist() == [256, 257, float("inf"), 0]
assert counts.bfloat16()[:3].tolist() == [256, 256, 65536]
assert counts.bfloat16()[3] > 0
steps = torch.arange(256.0, 512.0).bfloat16().unique()
assert steps.tolist() == [*range(256, 512, 2), 512]

# %%
# Why labels are int64
# --------------------
#
# A :term:`label` is an :term:`index`: it says *which* class. Cross-entropy, the usual loss of a classifier, turns the
# :term:`logits` into logarithms of probabilities and takes the one at that place. int64 is what Python's ints become;
# float32 skips numbers beyond :math:`2^{24}`, and int32 ends at :math:`2^{31}`.

logits = torch.tensor([[2.0, 0.5, 0.1], [0.2, 0.1, 3.0]])
labels = torch.tensor([0, 2])
looked_up = logits.log_softmax(dim=1)[[0, 1], labels]
torch.testing.assert_close(F.cross_entropy(logits, labels), -looked_up.mean())
for wrong in (labels.int(), labels.float()):
    with expect_error(RuntimeError, match="Long"):
        F.cross_entropy(logits, wrong)
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
        "torch.float16": "Float beats integer, and float16 is the only float there.",
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

"""
.. _dtypes:

What is a dtype, and which one do I need?
=========================================

You brighten a photo by adding 100, and its sky turns dark, because the result does not fit into the
:term:`dtype` of the pixels. The dtype is the common type of the elements of a :term:`tensor`.
"""

# %%
# Set-up

import itertools

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ptguide import data
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.zoo import zoo

torch.manual_seed(0)
photo = data.photos()[0][0][:, :240:3, 100:460:3]  # every third pixel
methods = {"uint8": "byte", "int64": "long", "float16": "half"}
methods |= {"bfloat16": "bfloat16", "float32": "float", "float64": "double"}
short, labels = torch.zeros(3, dtype=torch.float16), torch.tensor([4, 0, 7])
new = {
    "torch.tensor(0.5)": torch.tensor(0.5),
    "torch.zeros(2)": torch.zeros(2),
    "nn.Linear(3, 4).weight": nn.Linear(3, 4).weight,
    "torch.tensor(5)": torch.tensor(5),
    "photo > 100": photo > 100,
    "torch.from_numpy(np.ones(2))": torch.from_numpy(np.ones(2)),
}
mixed = {
    "photo + 100": photo + 100,
    "photo * 0.5": photo * 0.5,
    "labels + short": labels + short,
    "short + short.bfloat16()": short + short.bfloat16(),
    "short + short.double()": short + short.double(),
}


def print_table():
    print(f"{'dtype':<9}{'method':<9}bytes {'largest':<9}step")
    for name, method in methods.items():
        dtype, one = getattr(torch, name), getattr(torch.tensor(1), method)()
        assert one.dtype == dtype
        info = torch.finfo(dtype) if dtype.is_floating_point else torch.iinfo(dtype)
        step = info.eps if dtype.is_floating_point else 1
        assert one + step > one
        print(f"{name:<9}{method:<9}{dtype.itemsize:>5} {info.max:<8.3g} {step:.2g}")


# %%

brighter = (photo.float() + 100).clamp(max=255).to(torch.uint8)
draw([photo + 100, brighter], ["photo + 100", "brighter"], image=True)

# %%
# The pixels are :val:`photo.dtype`: whole numbers up to :val:`255 <torch.iinfo(torch.uint8).max>`, and after the
# largest the count begins again at 0. ``brighter`` is computed with floats and limited to that largest number. You need
# to know how to :ref:`make a tensor <making-tensors>`.
#
# The rule
# --------
#
# A dtype fixes how many bytes an element takes, how large it can be, and how far it is to the next number. The steps
# of floats grow with the number; the table has the step at 1. The second column is a method, as in ``photo.float()``.

print_table()

# %%
# Which dtype does a new tensor have?
# -----------------------------------
#
# ``torch.tensor`` of a float, ``zeros`` and the weights of a layer get the default dtype, :val:`torch.zeros(2).dtype`.
# Ints become :val:`torch.tensor(5).dtype`, and a comparison gives bool. An array of NumPy's default floats stays
# :val:`torch.from_numpy(np.ones(2)).dtype`, so a network refuses it until you convert it.

for call, t in new.items():
    print(f"{call:<30}{t.dtype}")

# %%
# Two dtypes in one operation
# ---------------------------
#
# ``+`` and ``*`` bring two tensors to a common dtype first, which is called :term:`promotion`. There are four kinds:
# bool < integer < float < complex. The higher kind wins. Within a kind, the dtype of the result can hold both. Beside
# a tensor with axes, a Python number or a tensor without axes contributes its kind alone: ``photo + 100`` keeps the
# dtype, and ``photo * 0.5`` is a float.

for call, t in mixed.items():
    print(f"{call:<26}{t.dtype}")

# %%
# Converting
# ----------
#
# :meth:`torch.Tensor.to` and the methods of the table convert. On the way to an integer, they cut the fraction off;
# use ``round`` first to get the nearest number. The result is a copy, or the tensor itself if nothing has to change.
# ``x`` keeps its dtype, so write ``x = x.long()``.

x = torch.tensor([-2.7, -0.5, 0.5, 2.7])
x.long()  # its result is thrown away
print(x.dtype, x.long().tolist(), x.round().long().tolist())

# %%
# The two short floats
# --------------------
#
# Both take half the memory of :val:`float32 <measured.dtype>`. :val:`float16 <measured.half().dtype>` has the smaller
# steps near 1. It ends at :val:`65504 <torch.finfo(torch.float16).max>`, and a gradient of 1e-9 becomes
# :val:`0 <int(measured.half()[3])>` in it. :val:`bfloat16 <measured.bfloat16().dtype>` reaches nearly as far as
# :val:`float32 <measured.dtype>`. Its steps are coarse: it stores 257 as :val:`256 <int(measured.bfloat16()[1])>`.

measured = torch.tensor([0.1, 257.0, 70000.0, 1e-9])
for t in (measured.half(), measured.bfloat16()):
    print(f"{t.dtype!s:<15}", *(f"{number:<10.4g}" for number in t.tolist()))

# %%
# .. use-this::
#
#    Use :val:`float32 <table.float().dtype>` for weights and for the features that a layer multiplies by them. Keep
#    photos as :val:`uint8 <photo.dtype>` until the batch is made, which takes a quarter of the memory. Use
#    :val:`int64 <labels.dtype>` for labels and indices, and bool for :term:`masks <mask>`. When training runs short of
#    memory, run the forward pass under ``torch.autocast`` with :val:`bfloat16 <measured.bfloat16().dtype>`: linear
#    layers then keep results of half the size.
#
# A common mistake
# ----------------
#
# ``+`` promotes, but a matrix product does not, so a linear layer needs its batch in the dtype of its weights. Convert
# an array from NumPy once, where you read it. More of these messages are on :ref:`must-have-the-same-dtype`.

table = torch.from_numpy(np.ones((2, 3)))
with expect_error(RuntimeError, match="must have the same dtype, but got Double and Float"):
    nn.Linear(3, 4)(table)
print(nn.Linear(3, 4)(table.float()).dtype)

# %%
# How this was checked

assert [new[call].dtype for call in list(new)[:3]] == [torch.get_default_dtype()] * 3
assert photo[:, :20].float().mean() > 155  # the sky: adding 100 to it leaves the range
assert x.long().tolist() == [-2, 0, 0, 2]
assert x.to(torch.float32) is x
assert x.to(torch.float64) is not x
assert (photo + 100).equal(((photo.long() + 100) % 256).to(torch.uint8))
assert photo.float().nbytes == 4 * photo.nbytes
kinds = {torch.bool: 0, torch.uint8: 1, torch.int32: 1, torch.int64: 1, torch.complex64: 3}
mixable = [*kinds, torch.float16, torch.bfloat16, torch.float32, torch.float64]
for a, b in itertools.product(mixable, repeat=2):
    total = torch.ones(3, dtype=a) + torch.ones(3, dtype=b)
    assert total.dtype == torch.promote_types(a, b) == torch.promote_types(b, a)
    ka, kb = kinds.get(a, 2), kinds.get(b, 2)
    if ka != kb and 3 not in (ka, kb):
        assert total.dtype == (a if ka > kb else b)
    if ka == kb:
        assert torch.can_cast(a, total.dtype)
        assert torch.can_cast(b, total.dtype)
        assert total.dtype.itemsize >= max(a.itemsize, b.itemsize)
    # Beside a tensor with axes, one without axes decides only if its kind is higher.
    row, number = torch.ones(3, dtype=a), torch.ones((), dtype=b)
    if 3 not in (ka, kb):
        assert (row * number).dtype == (b if kb > ka else a)
for a in mixable:
    is_float = a.is_floating_point or a.is_complex
    assert (torch.ones(3, dtype=a) * 2.5).dtype == (a if is_float else torch.float32)
    assert (torch.ones(3, dtype=a) * 2).dtype == (torch.int64 if a == torch.bool else a)
with expect_error(RuntimeError, match="Promotion for uint16, uint32, uint64 types"):
    torch.ones(3, dtype=torch.uint16) + torch.ones(3, dtype=torch.int16)
for t in zoo(axes=range(5)).values():
    assert t.to(t.dtype) is t
    assert torch.equal(t.bool(), t != 0)
# A Python int that the dtype cannot hold begins again too.
assert (torch.tensor([250, 100], dtype=torch.uint8) + 1000).tolist() == [1250 % 256, 1100 % 256]
with expect_error(RuntimeError, match="same dtype|expected m1 and m2"):
    torch.ones(2, 3) @ torch.ones(3, 4).double()


def bytes_kept(enabled):  # for the backward pass
    kept = {}
    network = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())

    def keep(t):
        storage = t.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return t

    recording = torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t)
    with recording, torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
        result = network(torch.ones(4096, 32))
    assert result.dtype == (torch.bfloat16 if enabled else torch.float32)
    assert network[0].weight.dtype == torch.float32
    return sum(kept.values())


assert bytes_kept(enabled=True) < 0.6 * bytes_kept(enabled=False)
assert [dtype.itemsize for dtype in (torch.bfloat16, torch.float16, torch.float32)] == [2, 2, 4]
assert measured.half().isinf().tolist() == [False, False, True, False]
assert measured.half()[3] == 0 < measured.bfloat16()[3]
assert torch.tensor([257.0, 258.0]).bfloat16().tolist() == [256, 258]
steps = torch.arange(256.0, 512.0).bfloat16().unique()
assert steps.tolist() == [*range(256, 512, 2), 512]
far = torch.tensor([3.3e38, 3.4e38])
assert far.bfloat16().isinf().tolist() == [False, True]  # float32 goes a little further
# Labels: cross-entropy takes int64 and uint8, and refuses int32 and float32.
logits, classes = torch.randn(3, 8), torch.tensor([4, 0, 7])
loss = F.cross_entropy(logits, classes)
assert torch.equal(F.cross_entropy(logits, classes.byte()), loss)
for wrong in (classes.int(), classes.float()):
    with expect_error(RuntimeError, match="to be Long or Byte|expected scalar type Long"):
        F.cross_entropy(logits, wrong)
# A gradient comes back through a conversion in the dtype of the tensor that it belongs to.
weight = torch.ones(3, requires_grad=True)
weight.to(torch.float64).sum().backward()
assert weight.grad.dtype == torch.float32
assert not weight.long().requires_grad

# %%
# Check yourself
# --------------

pixels = torch.tensor([250, 100], dtype=torch.uint8)
ask(
    "pixels holds 250 and 100, as uint8. What is pixels + 10?",
    answer=pixels + 10,
    choices={
        (
            4,
            110,
        ): f"250 + 10 is 260, and 260 - 256 is {(pixels + 10)[0]}: a bright pixel turns black.",
        (255, 110): "A clamp of the sum of floats gives these. uint8 begins again at 0.",
        (
            260,
            110,
        ): "The 10 contributes its kind only: the result has the dtype of pixels, too small for 260.",
    },
)

# %%
# Kinds before sizes:

large = torch.tensor([70000]) + torch.ones(1, dtype=torch.float16)
ask(
    "What is torch.tensor([70000]) + torch.ones(1, dtype=torch.float16)?",
    answer=(str(large.dtype), large.item()),
    choices={
        ("torch.float16", float("inf")): "Float beats integer, and 70001 is beyond its range.",
        (
            "torch.float32",
            70001.0,
        ): "PyTorch looks for no dtype that holds both: float beats integer.",
        ("torch.int64", 70001.0): "Float is the higher kind, whatever the number of bytes.",
    },
)

# %%
# **Exercise.** Mix two photos: ``weight`` of the first and the rest of the second, rounded, as uint8 again. Two white
# photos give a white one.


def by_loop(a, b, weight):
    pairs = zip(a.flatten().tolist(), b.flatten().tolist(), strict=True)
    mixed = [round(weight * one + (1 - weight) * two) for one, two in pairs]
    return torch.tensor(mixed, dtype=torch.uint8).reshape(a.shape)


cases = [
    (torch.tensor([255, 7], dtype=torch.uint8), torch.tensor([255, 10], dtype=torch.uint8), 0.25),
    (photo[:, ::40, ::40], photo[:, ::40, ::40].flip(1), 0.75),
]


def blend(a, b, weight):
    raise NotImplementedError


check(blend, by_loop, cases)

# %%
# The product with a Python float is a float already. The conversion back cuts off, so round before it.

# Solution


def blend(a, b, weight):
    return (weight * a + (1 - weight) * b).round().to(torch.uint8)


report = check(blend, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`attributes` shows what else a tensor knows about itself.
#
# - PyTorch contributors (2026). `Tensor attributes <https://docs.pytorch.org/docs/stable/tensor_attributes.html>`__.
#   The rules of promotion in full, with the dtypes that are left out here.
# - Kalamkar et al. (2019). `A study of BFLOAT16 for deep learning training <https://arxiv.org/abs/1905.12322>`__. Why
#   the range matters more than the steps.

"""
.. _attributes:

What are the shape, dtype, device and layout of a tensor?
=========================================================

A network refuses your batch, and the message is about a shape, a type or a device. Compare five attributes of the batch
with those of a weight: a dtype or a device that differs tells you what to convert.
"""

# %%
# Set-up

import torch
from torch import nn

from ptguide import data
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.zoo import zoo

torch.manual_seed(0)
batch = data.photos().inputs
weight = nn.Conv2d(3, 8, kernel_size=5).weight


def five(x):
    return {
        "shape": tuple(x.shape),
        "dtype": x.dtype,
        "device": x.device,
        "layout": x.layout,
        "requires_grad": x.requires_grad,
    }


# %%

for (name, ours), theirs in zip(five(batch).items(), five(weight).values(), strict=True):
    print(f"{name:<14}{ours!s:<17} {theirs!s}")

# %%
# On the left is a batch of two photos, and on the right the weight of a convolution. Their shapes may differ. The
# dtypes differ too, so the layer refuses the batch. The fix is in the box below. You need to know :ref:`what dtypes are
# <dtypes>`.
#
# The rule
# --------
#
# ``shape`` has the size of each axis, from the left. ``dtype`` is the type of the elements. ``device`` says where they
# are. ``layout`` says how they are stored. ``requires_grad`` says whether a :term:`gradient` is wanted. These five have
# no parentheses. The cell below sorts more names by their parentheses: ``shape`` and ``size()`` are the same, and so
# are ``ndim`` and ``dim()``.

names = "shape size ndim dim numel dtype device layout requires_grad"
names += " itemsize element_size nbytes stride is_leaf"
called = [name for name in names.split() if callable(getattr(batch, name))]
print("with parentheses:   ", ", ".join(called))
print("without parentheses:", ", ".join(name for name in names.split() if name not in called))

# %%
# A shape is a tuple
# ------------------
#
# You can unpack, index and slice it. ``size(2)`` is one size. ``numel`` is the number of elements, which NumPy calls
# ``size``. ``len`` is the size of the first axis. ``nbytes`` is the number of bytes of these elements if each has its
# own place.

photos, channels, height, width = batch.shape
print(f"{batch.shape[-2:] = }, {batch.size(2) = }")
print(f"{batch.numel() = }, {len(batch) = }, {batch.nbytes = }")


# %%
# The device, and meta
# --------------------
#
# A result has the device of its inputs. For a tensor that you make yourself, take the device from another tensor.
# ``x.new_zeros(7)`` has the dtype and the device of ``x``. ``meta`` is a device without memory. Its tensors have a
# shape and no values, so they tell which shape a layer gives, however large the batch.

far = torch.empty(64, 3, 427, 640, device="meta")
layer = nn.Conv2d(3, 8, kernel_size=5, device="meta")
print(tuple(layer(far).shape), far.new_zeros(7).device)
with expect_error(RuntimeError, match="cannot be called on meta tensors"):
    far.sum().item()

# %%
# The layout
# ----------
#
# ``torch.strided`` is the default :term:`layout`: each element has a place in memory, found by :ref:`strides
# <strides-and-storage>`. ``to_sparse`` stores the elements that are not 0, and where they are: each column of
# ``indices`` is the row and column of one of the ``values``.

dense = torch.tensor([[0, 0, 9, 0], [0, 0, 0, 0], [5, 0, 0, 7]])
sparse = dense.to_sparse()
draw([dense, sparse.indices(), sparse.values()], ["dense", "indices", "values"])

# %%
# requires_grad
# -------------
#
# ``requires_grad`` is True for the weights of a layer. For a tensor that you make, it is False unless you ask for it.
# What is computed from a weight has it too, so a gradient can flow through. A result that is integer or bool does not
# have it, nor does a result of ``detach`` or one computed under ``torch.no_grad``. You can assign to ``requires_grad``,
# but not to the other four. For another dtype, device or shape, ``to`` and ``reshape`` give another tensor.

print((weight * 2).requires_grad, (weight > 0).requires_grad, weight.detach().requires_grad)

# %%
# .. use-this::
#
#    When something does not fit, print ``x.shape, x.dtype, x.device`` of both sides. ``batch.to(weight)`` brings
#    dtype and device over at once, and copies unless both fit already. In a function, take dtype and device from an
#    input, with ``new_zeros`` or ``zeros_like``: then it needs no change for a GPU.
#
# A common mistake
# ----------------
#
# **A comparison that is false, and raises nothing.** ``x.size`` without parentheses is a method, and a device is no
# string. Write ``x.shape`` and ``x.device.type``.

print(batch.size == (2, 3, 427, 640), batch.shape == (2, 3, 427, 640))
print(batch.device == "cpu", batch.device.type == "cpu")

# %%
# How this was checked

assert set(five(batch)).isdisjoint(called)
assert batch.itemsize == batch.element_size()
for call in (lambda: batch.shape(), lambda: batch.ndim()):
    with expect_error(TypeError, match="object is not callable"):
        call()
assert torch.ones(1).expand(1000).nbytes == 4000  # and one place of 4 bytes
assert torch.zeros(2, 3).unsqueeze_(0).shape == (1, 2, 3)  # a few methods change the shape in place
with expect_error(RuntimeError, match="nbytes is not defined for sparse tensors"):
    _ = sparse.nbytes
assert (dense.layout, sparse.layout) == (torch.strided, torch.sparse_coo)
assert sparse.shape == dense.shape

for t in zoo(axes=range(5)).values():
    assert isinstance(t.shape, tuple)
    assert t.shape == t.size()
    assert t.size != t.shape
    assert t.device != str(t.device)
    assert t.nbytes == t.itemsize * t.numel()
    assert t.ndim == t.dim() == len(t.shape)
    assert t.to(t) is t
    for other in (t.new_zeros(7), torch.zeros_like(t), t.detach().to("meta").new_zeros(3)):
        assert other.dtype == t.dtype
    assert t.detach().to("meta").new_zeros(3).device.type == "meta"
assert batch.nbytes == photos * channels * height * width * batch.itemsize
fitting = batch.to(weight)
assert (fitting.dtype, fitting.device) == (weight.dtype, weight.device)
with expect_error(RuntimeError, match="should be the same"):
    nn.Conv2d(3, 8, kernel_size=5)(batch)
assert nn.Conv2d(3, 8, kernel_size=5)(fitting / 255).shape == (2, 8, 423, 636)
with expect_error(TypeError, match="not subscriptable"):
    batch.size[0]
values = {
    "dtype": torch.float32,
    "shape": (6, 427, 640),
    "device": "meta",
    "layout": torch.sparse_coo,
}
for name, value in values.items():
    with expect_error(AttributeError, match="is not writable"):
        setattr(batch, name, value)
row, column = sparse.indices()
assert torch.equal(dense[row, column], sparse.values())
assert [(weight * 2).requires_grad, (weight > 0).requires_grad] == [True, False]
with torch.no_grad():
    assert not (weight * 2).requires_grad
plain = torch.ones(3)
plain.requires_grad = True
assert (plain * 2).requires_grad
with expect_error(RuntimeError, match="you can only change requires_grad flags of leaf variables"):
    (plain * 2).requires_grad = False
with expect_error(RuntimeError, match="floating point"):
    torch.tensor([1, 2]).requires_grad_()
assert torch.device("cuda") != torch.device("cuda:0")
with expect_error(NotImplementedError, match="data-independent implementation does not exist"):
    far.nonzero()  # a shape that depends on the values

# %%
# Check yourself
# --------------
#
# Three counts:

t = torch.zeros(6, 1, 7)
ask(
    "For t = torch.zeros(6, 1, 7): what are t.dim(), len(t) and t.numel()?",
    answer=(t.dim(), len(t), t.numel()),
    choices={
        (
            3,
            6,
            42,
        ): f"There are three axes, {len(t)} entries along the first, and 6 * 1 * 7 elements.",
        (3, 3, 42): "len counts along the first axis, as for a nested list.",
        (2, 6, 42): "An axis of size 1 is an axis, too.",
    },
)

# %%
# Without a GPU:

huge = torch.empty(1000, 1000, 1000, device="meta")
ask(
    "huge = torch.empty(1000, 1000, 1000, device='meta'). What is huge.nbytes, and what is huge.sum().shape?",
    answer=(huge.nbytes, huge.sum().shape),
    choices={
        (0, ()): f"Nothing is stored, but nbytes counts {huge.itemsize} bytes for each element.",
        (
            4_000_000_000,
            (),
        ): f"It counts {huge.itemsize} bytes for each element, although nothing is stored.",
        (4_000_000_000, (1,)): "A sum over all elements has no axis.",
    },
)

# %%
# **Exercise.** If each sample ends with a 1, the weights of that 1 act as the bias. Append the 1 along the last axis,
# for a tensor of one or more axes. The result has the dtype and the device of ``x``.


def by_loop(x):
    rows = x.reshape(-1, x.shape[-1]).tolist()
    longer = torch.tensor([[*row, 1] for row in rows], dtype=x.dtype)
    return longer.reshape(*x.shape[:-1], x.shape[-1] + 1)


cases = [
    (torch.tensor([[5, 6, 7], [8, 9, 10]]),),
    (torch.rand(4, dtype=torch.float64),),
    (torch.rand(2, 5, 3),),
]


def with_one(x):
    raise NotImplementedError


check(with_one, by_loop, cases)

# %%
# The shape of the ones is that of ``x``, with 1 for the last size.

# Solution


def with_one(x):
    return torch.cat([x, x.new_ones(*x.shape[:-1], 1)], dim=-1)


report = check(with_one, by_loop, cases)
assert report.passed
assert with_one(torch.empty(2, 3, device="meta")).device.type == "meta"
report

# %%
# Read next
# ---------
#
# :ref:`strides-and-storage` explains what the layout "strided" means.
#
# - PyTorch contributors (2026). `Tensor attributes <https://docs.pytorch.org/docs/stable/tensor_attributes.html>`__.
#   The reference for dtype, device and layout.
# - PyTorch contributors (2026). `Meta device <https://docs.pytorch.org/docs/stable/meta.html>`__. What can be done
#   without values.

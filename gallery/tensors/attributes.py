"""
.. _attributes:

What are the shape, dtype, device and layout of a tensor?
=========================================================

A :term:`tensor` says five things about itself: how many elements it has along each :term:`axis` (``shape``), of which
type they are (``dtype``), where they are (``device``), how they are stored (``layout``), and whether a
:term:`gradient` will be wanted (``requires_grad``). You need to know :ref:`what dtypes are <dtypes>`.
"""

# %%
# Two slices of three rows and four columns. The shape reads (2, 3, 4), one :term:`size` for each axis, from the left.
# The other four are printed below.

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import describe
from ptguide.zoo import zoo

x = torch.arange(24.0).reshape(2, 3, 4)
print(x.shape, x.dtype, x.device, x.layout, x.requires_grad, sep="\n")
draw(x, "x", axes=["slices", "rows", "columns"])

# %%
# They are attributes: no parentheses. All five are values that can be compared.

assert x.shape == (2, 3, 4)
assert x.dtype == torch.float32
assert x.device == torch.device("cpu")
assert x.layout == torch.strided
assert not x.requires_grad

# %%
# ``describe`` shows them with what can be computed from the values, in a table.

describe(x)

# %%
# shape, size, dim, numel
# -----------------------
#
# :attr:`torch.Tensor.shape` is a :class:`torch.Size`, a Python tuple with a method ``numel``. So it can be indexed,
# sliced, unpacked and added to.

slices, rows, columns = x.shape
assert isinstance(x.shape, tuple)
assert (x.shape[-1], x.shape[1:], (*x.shape, 5)) == (4, (3, 4), (2, 3, 4, 5))
assert x.shape[1:].numel() == rows * columns == 12
assert torch.zeros(x.shape[:2]).shape == (2, 3)

# %%
# :meth:`torch.Tensor.size` is the same as a *method*, and gives the size of one axis if you give its number. NumPy's
# ``size`` is another thing: the number of elements, which PyTorch calls ``numel``.

assert x.size() == x.shape
assert x.size(1) == x.size(dim=1) == x.shape[1] == 3
assert x.size(-1) == x.shape[-1] == 4
assert x.numel() == x.nelement() == x.numpy().size == 2 * 3 * 4
assert x.dim() == x.ndim == len(x.shape) == 3
assert len(x) == x.shape[0] == 2

# %%
# With or without parentheses?
# ----------------------------
#
# There is no rule; ask Python what can be called. For the number of axes and the bytes of an element, both exist.

names = "shape size ndim dim numel dtype type device layout requires_grad itemsize element_size"
names += " nbytes stride T t is_leaf"
called = [name for name in names.split() if callable(getattr(x[0], name))]
print("with parentheses:   ", *(f"{name}()" for name in called))
print("without parentheses:", *(name for name in names.split() if name not in called))
assert {"size", "dim", "numel", "stride"} <= set(called)
assert not {"shape", "ndim", "dtype", "device", "layout", "requires_grad"} & set(called)

# %%
# ``x.shape()`` tries to call a tuple, and ``x.size[0]`` to index a method. Worse is a comparison with the method
# itself: it is false, whatever the shape, and raises nothing.

with expect_error(TypeError, match="'torch.Size' object is not callable"):
    x.shape()
with expect_error(TypeError, match="'builtin_function_or_method' object is not subscriptable"):
    x.size[0]
with expect_error(TypeError, match="'torch.dtype' object is not callable"):
    x.dtype()
for t in zoo().values():
    assert (t.size == t.shape, t.size() == t.shape) == (False, True)

# %%
# Attributes are read, not written
# --------------------------------
#
# Assigning to ``shape``, ``dtype``, ``device`` or ``layout`` raises. Operations give *another* tensor instead, such as
# :ref:`reshape <reshape-and-view>` and :meth:`torch.Tensor.to`. The only one of the five to be assigned is
# ``requires_grad``.

others = {"shape": (4, 6), "dtype": torch.int64, "device": "meta", "layout": torch.sparse_coo}
for name, value in others.items():
    with expect_error(AttributeError, match="is not writable"):
        setattr(x, name, value)
assert x.reshape(4, 6).shape == (4, 6)
assert (x.to(torch.int64).dtype, x.dtype) == (torch.int64, torch.float32)

# %%
# device
# ------
#
# A result has the :term:`device` of its inputs, and so has what you make from a template, unless you name another.
# ``meta`` is a device that needs no hardware. Tensors there have these attributes and no values, which is enough to ask
# for the shape of a result, unless that depends on the values.

far = torch.empty(5, 3, 4, device="meta")
product = far @ far.mT
assert (product.shape, product.device.type) == ((5, 3, 3), "meta")
assert torch.zeros_like(far).device == far.new_zeros(7).device == far.device
assert torch.zeros_like(far, device="cpu").device.type == "cpu"
with expect_error(RuntimeError, match="meta"):
    far.sum().item()
with expect_error(NotImplementedError, match="data-independent implementation does not exist"):
    far.nonzero()

# %%
# A device is no string. Compare ``device.type``, or with a :class:`torch.device`: the comparison with a string is false
# and raises nothing. A GPU has an index as well, so that ``cuda`` does not equal ``cuda:0``.

assert x.device != "cpu"
assert x.device.type == "cpu"
assert str(x.device) == "cpu"
assert torch.device("cuda") != torch.device("cuda:0")
assert (torch.device("cuda:0").type, torch.device("cuda:0").index) == ("cuda", 0)

# %%
# layout
# ------
#
# ``torch.strided`` is the usual :term:`layout`: an element has a place in memory, found by the
# :ref:`strides <strides-and-storage>`. ``to_sparse`` gives a tensor of the layout ``torch.sparse_coo``. It stores the
# elements that are not 0, and where they are: one column of ``indices`` for each of the ``values``. Shape and dtype
# stay.

dense = torch.tensor([[0, 0, 9, 0], [0, 0, 0, 0], [5, 0, 0, 7]])
sparse = dense.to_sparse()
assert (dense.layout, sparse.layout) == (torch.strided, torch.sparse_coo)
assert (sparse.shape, sparse.dtype) == (dense.shape, dense.dtype)
row, column = sparse.indices()
assert torch.equal(dense[row, column], sparse.values())
draw([dense, sparse.indices(), sparse.values()], ["dense", "indices", "values"])

# %%
# requires_grad
# -------------
#
# It is off for tensors that you make, unless you ask for it. It is on for floats that are computed from a tensor that
# has it on, outside :class:`torch.no_grad` and without ``detach``. So it says whether a :term:`gradient` can flow
# through the tensor. You can switch it on or off for a :term:`leaf` of floats or complex numbers. Switching it off for
# a result raises, and so does switching it on for integers.

weight = torch.ones(3)
weight.requires_grad = True  # the same: weight.requires_grad_()
loss = (weight * x[0, :, 0]).sum()
assert (loss.requires_grad, x.requires_grad, loss.detach().requires_grad) == (True, False, False)
assert ((weight > 0).requires_grad, weight.argmax().requires_grad) == (False, False)
with torch.no_grad():
    assert not (weight * 2).requires_grad
assert torch.ones(2, dtype=torch.complex64).requires_grad_().requires_grad
with expect_error(RuntimeError, match="you can only change requires_grad flags of leaf variables"):
    loss.requires_grad = False
with expect_error(RuntimeError, match="floating point"):
    torch.tensor([1, 2]).requires_grad_()

# %%
# Bytes
# -----
#
# From dtype and shape follows the memory of a strided tensor: ``itemsize`` for an element, ``nbytes`` for the whole. A
# :term:`view` counts its elements as if they were its own. The memory behind it can be smaller or larger.

for t in (x, *zoo(axes=range(5)).values()):
    assert t.nbytes == t.itemsize * t.numel()
assert (x.itemsize, x.double().nbytes) == (4, 2 * x.nbytes)
wide = weight.detach().expand(1000, 3)
assert (wide.nbytes, wide.untyped_storage().nbytes()) == (12000, 12)
assert (x[0].nbytes, x[0].untyped_storage().nbytes()) == (48, 96)

# %%
# Check yourself
# --------------
#
# Three numbers that are easy to mix up:

t = torch.zeros(6, 1, 7)
ask(
    "For t = torch.zeros(6, 1, 7): what are t.dim(), len(t) and t.numel()?",
    answer=(t.dim(), len(t), t.numel()),
    choices={
        (3, 6, 42): "Three axes, 6 entries along the first, 6 * 1 * 7 elements.",
        (3, 3, 42): "len counts along the first axis, as for a nested list.",
        (2, 6, 42): "An axis of size 1 is an axis.",
    },
)

# %%
# From a forum:

ask(
    "x is on the CPU. What is x.device == 'cpu'?",
    answer=x.device == "cpu",
    choices={
        True: "A torch.device is compared with a string here.",
        False: "A torch.device never equals a string; x.device.type == 'cpu' is true.",
    },
)

# %%
# Next: :ref:`strides-and-storage`, about what the layout "strided" means.

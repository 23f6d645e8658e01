"""
.. _named-complex-and-sparse:

How do I use complex, sparse and named tensors?
===============================================

Complex tensors hold pairs of numbers, :term:`sparse` ones hold only the elements that are not zero, and named ones had
names for their axes, which PyTorch has given up. This page shows what works today and what to write instead. You need
to know :ref:`what a storage is <strides-and-storage>` and :ref:`what a dtype is <dtypes>`.
"""

# %%
# A :term:`complex number` :math:`a + bi` is a pair: :math:`a` is its real, :math:`b` its imaginary part, and :math:`i^2
# = -1`. In memory the two lie side by side. ``z.real`` and ``z.imag`` take one place of two; :func:`torch.view_as_real`
# takes both, with one more axis of size 2.

import math

import torch

from ptguide.errors import expect_error, expect_warning
from ptguide.pictures import draw, draw_storage
from ptguide.questions import ask

z = torch.tensor([3 + 4j, -1 + 2j, 5j])
draw_storage([torch.view_as_real(z), z.real, z.imag], ["view_as_real(z)", "z.real", "z.imag"])

# %%
# Complex tensors
# ---------------
#
# :val:`complex64 <z.dtype>` is two :val:`float32 <z.real.dtype>` in 8 bytes,
# :val:`complex128 <z.to(torch.complex128).dtype>` two
# :val:`float64 <torch.zeros(1, dtype=torch.complex128).real.dtype>`. For shape :math:`(s_0, \ldots)`, ``view_as_real``
# has shape :math:`(s_0, \ldots, 2)`. All three are views: a write into one changes ``z``.

assert (z.dtype, z.itemsize) == (torch.complex64, 8)
assert (z.imag.dtype, z.imag.stride()) == (torch.float32, (2,))
z.imag[1] = -2
assert z.tolist() == [3 + 4j, -1 - 2j, 5j]
assert torch.view_as_real(torch.zeros(6, 7, 8, dtype=torch.complex64)).shape == (6, 7, 8, 2)
assert torch.equal(torch.complex(z.real, z.imag), z)

# %%
# ``abs`` is the length of the pair, ``angle`` its direction in radians; :func:`torch.polar` goes back.
# :meth:`torch.Tensor.conj` changes the sign of the imaginary part, on reading: it is a view. For a matrix ``.mH``
# transposes and conjugates, and ``.mT`` just transposes.

assert torch.equal(z.abs(), (z.real**2 + z.imag**2).sqrt())
torch.testing.assert_close(torch.polar(z.abs(), z.angle()), z)
assert (z.conj().is_conj(), z.conj().data_ptr() == z.data_ptr()) == (True, True)
matrix = torch.tensor([[1 + 2j, 3j], [4, 5 - 1j], [2 - 2j, 6]])
assert matrix.mH.tolist() == [[1 - 2j, 4, 2 + 2j], [-3j, 5 + 1j, 6]]
assert matrix.mT.tolist() == [[1 + 2j, 4, 2 - 2j], [3j, 5 - 1j, 6]]
draw(torch.abs, z, names=["z"])

# %%
# The Fourier transform gives complex numbers: it writes a signal as a sum of waves. From scratch: a matrix of turning
# pairs, times the signal.

signal = torch.tensor([0.0, 1, 0, -1, 0, 1, 0, -1])  # two waves in 8 steps
n = torch.arange(8)
turns = torch.polar(torch.ones(8, 8), -2 * math.pi / 8 * torch.outer(n, n))
torch.testing.assert_close(turns @ signal.to(torch.complex64), torch.fft.fft(signal))
assert torch.fft.fft(signal).abs().round().tolist() == [0, 0, 4, 0, 0, 0, 4, 0]

# %%
# ``backward()`` without an argument wants a result that is a real number. Here is the :term:`gradient` of
# :math:`|w|^2`, which is :math:`2w`. Complex numbers have no order, so ``max``, ``sort`` and ``<`` raise; ``==`` works.
# The root of -1 is NaN, unless the input is complex. And a conversion to a real dtype throws half of the numbers away,
# with a warning.

w = z.clone().requires_grad_()
(w.abs() ** 2).sum().backward()
torch.testing.assert_close(w.grad, 2 * z)
with expect_error(RuntimeError, match="can be implicitly created only for real scalar outputs"):
    (w**2).sum().backward()
for compare in (torch.max, torch.sort, torch.argmax, lambda z: z < 1):
    with expect_error(RuntimeError, match="ComplexFloat|does not support complex"):
        compare(z)
assert (z == z.clone()).all()
assert torch.tensor(-1.0).sqrt().isnan()
assert torch.tensor(-1.0 + 0j).sqrt() == 1j
torch.set_warn_always(True)  # otherwise torch gives most warnings once in a process
with expect_warning(UserWarning, match="discards the imaginary part"):
    assert torch.equal(z.float(), z.real)

# %%
# Sparse tensors
# --------------
#
# A sparse tensor in the layout COO (coordinates) stores for each of its :math:`k` entries the indices and the value:
# ``indices`` of shape (number of axes, :math:`k`) and ``values`` of shape (:math:`k`,). The other elements are 0 and
# take no memory. Touch an entry of the dense tensor: its value is copied, its place comes from the indices.

torch.sparse.check_sparse_tensor_invariants.enable()  # makes a wrong index an error


def dense(rows, columns, values):
    indices = torch.stack([rows, columns])
    return torch.sparse_coo_tensor(indices, values, (3, 5)).to_dense()


rows, columns = torch.tensor([[0, 1, 1, 2], [3, 0, 4, 1]])
values = torch.tensor([7.0, 8.0, 9.0, 6.0])
draw(dense, (rows, columns, values), names=["rows", "columns", "values"])

# %%
# :meth:`torch.Tensor.to_sparse` makes one from a dense tensor; from scratch it is the places and the values of what is
# not 0. With :math:`d` axes an entry takes :math:`8d` bytes for its indices. So in :val:`float32 <entries.dtype>` and
# with two axes, indices and values take less memory than the dense tensor only if less than a fifth of the elements are
# stored.

block = torch.zeros(2, 3, 4)
block[1, 2, 0], block[0, 1, 3] = 5, 6
entries = block.to_sparse()
assert torch.equal(entries.indices(), block.nonzero().T)
assert torch.equal(entries.values(), block[block != 0])
assert torch.equal(entries.to_dense(), block)

for stored in range(101):
    flat = torch.zeros(10, 10)
    flat.view(-1)[:stored] = 1
    part = flat.to_sparse()
    assert (part.indices().nbytes + part.values().nbytes < flat.nbytes) == (stored < 100 / 5)

# %%
# The same index may appear twice, and the values count as their sum. :meth:`torch.Tensor.coalesce` adds them up, and
# ``indices()`` raises before that. A wrong index raises here because the checks were switched on above; without them it
# is not noticed.

twice = torch.sparse_coo_tensor([[2, 0, 2]], [10.0, 20.0, 30.0], (4,))
assert twice.to_dense().tolist() == [20, 0, 40, 0]
with expect_error(RuntimeError, match="Cannot get indices on an uncoalesced tensor"):
    twice.indices()
assert twice.coalesce().indices().tolist() == [[0, 2]]
with expect_error(RuntimeError, match="size is 4 but found index 7"):
    torch.sparse_coo_tensor([[7]], [10.0], (4,))
with torch.sparse.check_sparse_tensor_invariants(enable=False):
    assert torch.sparse_coo_tensor([[7]], [10.0], (4,)).shape == (4,)  # wrong, and not noticed

# %%
# CSR (compressed rows) stores the columns of all entries, row after row, and where each row begins. Use it for products
# with a matrix or vector. Torch still calls it beta.

with expect_warning(UserWarning, match="Sparse CSR tensor support is in beta state"):
    csr = dense(rows, columns, values).to_sparse_csr()
begin, places, stored = csr.crow_indices(), csr.col_indices(), csr.values()
assert (begin.tolist(), places.tolist()) == ([0, 1, 3, 4], [3, 0, 4, 1])
assert stored.tolist() == [7, 8, 9, 6]

vector = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
entries_of = [range(begin[row], begin[row + 1]) for row in range(3)]
product = [sum(stored[k] * vector[places[k]] for k in entries) for entries in entries_of]
assert (csr @ vector).tolist() == product == [7 * 4, 8 * 1 + 9 * 5, 6 * 2]

# %%
# Sums, products and gradients of the values work; much else does not. A sparse tensor has no storage of its elements,
# so ``reshape`` and ``expand`` raise. Where an operation is missing, ``to_dense()`` is the way, if the memory suffices.

weights = values.clone().requires_grad_()
sparse = torch.sparse_coo_tensor(torch.stack([rows, columns]), weights, (3, 5))
(sparse @ vector.reshape(5, 1)).sum().backward()
assert torch.equal(weights.grad, vector[columns])
with expect_error(RuntimeError, match="reshape is not implemented for sparse tensors"):
    sparse.reshape(5, 3)
with expect_error(RuntimeError, match="expand is unsupported for Sparse tensors"):
    sparse.expand(2, 3, 5)
with expect_error(NotImplementedError, match="Cannot access storage"):
    sparse.untyped_storage()
with expect_error(RuntimeError, match=r"Use add\(dense, sparse\) instead"):
    sparse + torch.ones(3, 5)
assert (torch.ones(3, 5) + sparse).layout == torch.strided

# %%
# Named axes
# ----------
#
# ``torch.zeros`` had an argument ``names``, which gave each axis a name. It was experimental: torch 2.11 still has it,
# with a warning, and torch 2.14 no longer. Do not use it in new code.

release = tuple(int(part) for part in torch.__version__.split(".")[:2])
has_names = hasattr(torch.Tensor, "names")
assert has_names or release > (2, 11)
assert not has_names or release < (2, 14)

# %%
# Instead, keep the letters in a string and look up the position of an axis by its letter; or write the letters into the
# operation. In :func:`torch.einsum` each letter is an axis, one that is missing after ``->`` is summed over, and the
# number of letters is checked.

torch.manual_seed(0)
images, axes = torch.rand(2, 3, 4, 5), "NCHW"
height, width = axes.index("H"), axes.index("W")
means = images.mean(dim=(height, width))
torch.testing.assert_close(means, torch.einsum("nchw->nc", images) / (4 * 5))
assert torch.equal(torch.einsum("nchw->nhwc", images), images.permute(0, 2, 3, 1))
with expect_error(RuntimeError, match="does not match the number of dimensions"):
    torch.einsum("chw->hwc", images)

# %%
# Check yourself
# --------------

ask(
    "z is complex64 of shape (4, 6). What is the shape of torch.view_as_real(z)?",
    answer=torch.view_as_real(torch.zeros(4, 6, dtype=torch.complex64)).shape,
    choices={
        (4, 6, 2): "The pair is a new last axis.",
        (2, 4, 6): "The two parts lie side by side in memory, so their axis is the last.",
        tuple(
            torch.zeros(4, 6 * 2).shape
        ): "That would keep two axes, with real and imaginary parts taking turns.",
    },
)

# %%
# Memory:

million = torch.eye(1000).to_sparse()
ask(
    "How many bytes do indices and values of torch.eye(1000).to_sparse() take?",
    answer=million.indices().nbytes + million.values().nbytes,
    choices={
        4_000_000: "So many take the million elements of the dense matrix.",
        4_000: "These are the values alone; each also needs its row and its column.",
        20_000: f"1000 entries, each with a row, a column and a value: {8 + 8 + 4} bytes.",
    },
)

# %%
# Next: :ref:`exercises-in-tensors`, to write a few of these things yourself.

"""
.. _could-not-run-with-arguments-from-the-backend:

NotImplementedError: Could not run 'aten::cumsum' with arguments from the 'SparseCPU' backend.
==============================================================================================

The operation exists, but not for this kind of tensor or this device. Convert the tensor for this one call, or install a
release that has the operation.
"""

# %%
# Set-up

import warnings

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from ptguide.errors import expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
ratings = torch.zeros(3, 5)  # three users, five films
ratings[0, 1], ratings[0, 4], ratings[2, 2] = 4.0, 1.0, 5.0


def refused(call):
    """Print the first sentence of the error of a call, and return the operation and the backend that it names."""
    try:
        call()
    except NotImplementedError as error:
        first = str(error).partition(". ")[0]
    print(f"NotImplementedError: {first}.")
    return tuple(first.split("'")[1::2])


# %%

sparse = ratings.to_sparse()
found = refused(lambda: sparse.cumsum(dim=1))
print("dense:", sparse.to_dense().cumsum(dim=1)[0])
assert found == ("aten::cumsum", "SparseCPU")

# %%
# ``aten::`` is the library of PyTorch's operations, and the name after it is the operation. The *backend* is the kind
# of tensor and the device. ``SparseCPU`` is a sparse tensor on the CPU. ``CUDA`` is an ordinary tensor on an NVIDIA
# GPU, and ``MPS`` is one on the GPU of a Mac. Each operation has a list of backends.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ======================================================================  ============================================
# The message                                                             Fix
# ======================================================================  ============================================
# :ref:`SparseCPU, SparseCUDA, SparseCsrCPU <run-sparse>`                 ``to_dense()``, or work on ``values()``
# :ref:`not currently implemented for the MPS device <run-mps>`           ``PYTORCH_ENABLE_MPS_FALLBACK=1``
# :ref:`'aten::empty.memory_format' ... 'MPS' <run-build>`                another device: this one is missing
# :ref:`NestedTensorCPU <run-nested>`                                     ``to_padded_tensor``
# :ref:`'torchvision::nms' ... 'CUDA' <run-extension>`                    a build of torchvision with CUDA
# ======================================================================  ============================================
#
# .. _run-sparse:
#
# A sparse tensor
# ---------------
#
# A sparse tensor stores a few values and their places. ``to_dense()`` makes an ordinary tensor, with all the zeros.
# Some operations on each number, such as ``gelu``, give zero for zero. Apply them to the values alone, and the tensor
# stays sparse.

assert refused(lambda: nn.functional.gelu(sparse)) == ("aten::gelu", "SparseCPU")
sparse = sparse.coalesce()
gelu = torch.sparse_coo_tensor(
    sparse.indices(), nn.functional.gelu(sparse.values()), sparse.shape, check_invariants=True
)
torch.testing.assert_close(gelu.to_dense(), nn.functional.gelu(ratings))
print("values:", gelu._nnz(), "of", gelu.numel())

# %%
# .. _run-mps:
#
# Not currently implemented for the MPS device
# --------------------------------------------
#
# This is the same error on a Mac, in other words. The message is quoted from `a thread
# <https://github.com/pytorch/pytorch/issues/86195>`__, and names a variable, which you set before Python starts. The
# second line shows the message as it was in `2022 <https://github.com/invoke-ai/InvokeAI/pull/232>`__. Install a newer
# release first, which may have the operation. For one call of your own, move the tensor yourself, as in ``on_the_cpu``.
# This page was run without a Mac.

print(
    "NotImplementedError: The operator 'aten::_slow_conv2d_forward' is not currently implemented "
    "for the MPS device. ... As a temporary fix, you can set the environment variable "
    "`PYTORCH_ENABLE_MPS_FALLBACK=1` to use the CPU as a fallback for this op."
)
print(
    "NotImplementedError: The operator 'aten::_index_put_impl_' is not current implemented for "
    "the MPS device."
)


def on_the_cpu(function, x):
    """Run one operation on the CPU, and bring the result back."""
    return function(x.cpu()).to(x.device)


x = torch.tensor([3.0, 1.0, 2.0], requires_grad=True)
result = on_the_cpu(lambda x: x.cumsum(dim=0), x)
result.sum().backward()
print(result.tolist(), x.grad.tolist())
assert (result.device, x.grad.tolist()) == (x.device, [3, 2, 1])  # the gradient comes along

# %%
# .. _run-build:
#
# The device is not there
# -----------------------
#
# ``aten::empty.memory_format`` makes an empty tensor. If this fails, nothing works on the device: the build of torch
# has no support for it. Ask before you use it.

if not torch.backends.mps.is_built():
    refused(lambda: torch.ones(2, device="mps"))
device = "mps" if torch.backends.mps.is_available() else "cpu"
assert torch.ones(2, device=device).sum() == 2

# %%
# .. _run-nested:
#
# A nested tensor
# ---------------
#
# A nested tensor holds sequences of several lengths. It lacks many operations, so pad it for those. With the layout
# ``torch.jagged``, which torch advises, the error has the name of the operation alone.

lines = [torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0, 5.0])]
padded = pad_sequence(lines, batch_first=True)
with warnings.catch_warnings(record=True):  # nested tensors are a prototype
    warnings.simplefilter("always")
    strided = torch.nested.as_nested_tensor(lines)
nested = torch.nested.as_nested_tensor(lines, layout=torch.jagged)
assert refused(lambda: strided.cumsum(dim=1)) == ("aten::cumsum", "NestedTensorCPU")
assert refused(lambda: nested.cumsum(dim=1)) == ()
print("padded:", torch.nested.to_padded_tensor(nested, 0.0).cumsum(dim=1)[0])
for each in (strided, nested):
    assert torch.equal(torch.nested.to_padded_tensor(each, 0.0), padded)

# %%
# .. _run-extension:
#
# An operation of another package
# -------------------------------
#
# The name before ``::`` is the package. ``torchvision::nms`` with ``CUDA`` means that torchvision was built without
# CUDA, but torch was built with it. Install both from one place. See :ref:`operator-torchvision-nms-does-not-exist`.
#
# Here we register an operation for ordinary tensors on the CPU alone, and call it with a sparse tensor.

library = torch.library.Library("mypackage", "DEF")
library.define("half(Tensor x) -> Tensor")
library.impl("half", lambda x: x / 2, "CPU")
assert torch.ops.mypackage.half(torch.ones(2)).tolist() == [0.5, 0.5]
found = refused(lambda: torch.ops.mypackage.half(sparse))
assert found == ("mypackage::half", "SparseCPU")

# %%
# .. use-this::
#
#    Read the operation and the backend in the message, and ask whether you meant both. Keep tensors dense unless they
#    do not fit into memory. On a Mac, update torch, and set the variable for operations that are still missing. A
#    conversion costs the memory of the dense tensor, or two copies between the devices for each call.
#
# A common mistake
# ----------------
#
# ``to_dense()`` silences the message, but takes the memory that a sparse tensor saves. The cell counts the bytes for a
# million ratings of 20,000 users and 30,000 films, without making the dense tensor.

place = torch.stack([torch.randint(20_000, (10**6,)), torch.randint(30_000, (10**6,))])
large = torch.sparse_coo_tensor(place, torch.ones(10**6), (20_000, 30_000), check_invariants=True)
stored = large._indices().nbytes + large._values().nbytes
dense = torch.empty(large.shape, device="meta").nbytes
print(f"sparse {stored / 1e6:.0f} MB, dense {dense / 1e6:.0f} MB")
assert (stored, dense) == (20_000_000, 2_400_000_000)

# %%
# How this was checked

# Some operations have a sparse form, and others have none; the message names them in this form.
for name in ("argmax", "cumsum"):
    arguments = (0,) if name == "cumsum" else ()
    found = refused(lambda name=name, arguments=arguments: getattr(torch, name)(sparse, *arguments))
    assert found == (f"aten::{name}", "SparseCPU")
for name in ("sqrt", "neg", "abs", "sin"):
    function = getattr(torch, name)
    torch.testing.assert_close(function(sparse).to_dense(), function(ratings))
# The message lists the backends that the operation has.
try:
    sparse.cumsum(dim=1)
except NotImplementedError as error:
    listed = str(error)
assert "'aten::cumsum' is only available for these backends: [" in listed
assert "CPU" in listed.partition("backends: [")[2].partition("]")[0]
# A compressed sparse tensor has a name of its own.
with expect_warning(UserWarning, match="Sparse CSR tensor support is in beta state"):
    compressed = ratings.to_sparse_csr()
    assert refused(lambda: compressed.cumsum(dim=0)) == ("aten::cumsum.out", "SparseCsrCPU")

# %%
# Check yourself
# --------------

_, backend = refused(lambda: sparse.argmax())
ask(
    "ratings.to_sparse().argmax() fails. Which backend does the message name?",
    answer=backend,
    choices={
        "CPU": "That is the backend of an ordinary tensor on the CPU.",
        "SparseCPU": "The name is the kind of the tensor, and then the device.",
        "SparseCUDA": "The tensor is on the CPU.",
    },
)

# %%
# The next question is about memory.

ask(
    "A sparse tensor of torch.ones holds 10 values and has shape (1000, 2000). How many bytes has to_dense()?",
    answer=torch.empty(1000, 2000, device="meta").nbytes,
    choices={
        40: "Those are the bytes of the 10 values.",
        200: "The sparse tensor has these bytes: the values, and two numbers of 8 bytes for each place.",
        8_000_000: f"It has {torch.float32.itemsize} bytes for each of 1000 * 2000 numbers, most of them zero.",
    },
)

# %%
# **Exercise.** Apply a function to the values of a sparse tensor, for functions that keep zero. Return a dense tensor,
# so that the checker can compare it, and do not call the function for a zero that is not stored.


def on_values(function, sparse):
    raise NotImplementedError


def by_dense(function, dense):
    return function(dense)


def of_dense(function_on_values):
    def run(function, dense):
        def on_stored(values):
            assert values.ne(0).all(), "the function was called for a zero that is not stored"
            return function(values)

        half = dense.to_sparse()  # each place comes twice, with a quarter and the rest of its value
        places = torch.cat([half.indices(), half.indices()], dim=1)
        values = torch.cat([half.values() / 4, half.values() * 3 / 4])
        twice = torch.sparse_coo_tensor(places, values, half.shape, check_invariants=True)
        return function_on_values(on_stored, twice)

    return run


cases = [
    (nn.functional.gelu, ratings),
    (torch.special.erf, ratings[:, 1:]),
    (torch.tanh, torch.eye(4)),
]
check(of_dense(on_values), by_dense, cases)

# %%
# ``coalesce`` gives each place one value, and a new sparse tensor gets the same places.

# Solution


def on_values(function, sparse):
    sparse = sparse.coalesce()
    changed = torch.sparse_coo_tensor(
        sparse.indices(), function(sparse.values()), sparse.shape, check_invariants=True
    )
    return changed.to_dense()


report = check(of_dense(on_values), by_dense, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`numpy-object-`, an error of data that comes from NumPy.
#
# - PyTorch contributors (2026). `torch.sparse <https://docs.pytorch.org/docs/stable/sparse.html>`__. Which operations
#   sparse tensors have.
# - PyTorch contributors (2026). `MPS backend <https://docs.pytorch.org/docs/stable/notes/mps.html>`__. How to ask for
#   the device of a Mac.

"""
.. _matrix-transpose:

What is the difference between .T, .mT, .H and t()?
===================================================

A formula says :math:`A^T`, and torch has five short forms, which agree for one real :term:`matrix`. For a batch take
``.mT``: ``.T`` reverses the axes, so that the batch comes last.
"""

# %%
# Set-up

import torch

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.tensors import shares_memory
from ptguide.zoo import zoo

torch.manual_seed(0)
torch.set_warn_always(True)  # else a warning comes only the first time in a process
matrices = torch.arange(24).reshape(2, 3, 4)  # a batch of 2 matrices with 3 rows and 4 columns


def each_transposed(matrices):
    return matrices.mT


# %%

draw(each_transposed, matrices, names=["matrices"])

# %%
# ``.mT`` swaps the last two axes: each matrix of the batch is mirrored at its :term:`diagonal`. You need to know
# :ref:`transpose-and-permute`.
#
# The rule
# --------
#
# ======== =================== ==========================================
# written  for                 what it does
# ======== =================== ==========================================
# ``.mT``  two axes or more    swaps the last two
# ``.T``   two axes            swaps the two; with more, reverses them
# ``t()``  up to two axes      swaps two, leaves one or none alone
# ``.mH``  two axes or more    swaps the last two, and conjugates
# ``.H``   two axes            swaps the two, and conjugates
# ======== =================== ==========================================
#
# To conjugate is to change the sign of the imaginary part, which real numbers do not have. ``.T`` and ``.H`` of a
# complex matrix differ in this sign:

matrix = torch.arange(12).reshape(4, 3)
for x in [matrix, *zoo(axes=2, dtypes=[torch.int64]).values()]:
    for same in (x.T, x.mT, x.t(), x.H, x.mH, x.permute(1, 0)):
        assert torch.equal(same, x.transpose(0, 1))
z = torch.tensor([[1 + 2j, 3 - 4j]])
assert torch.equal(torch.stack([z, 2 * z]).mH, torch.stack([z.H, 2 * z.H]))
print("z.T:", z.T.tolist())
print("z.H:", z.H.tolist())

# %%
# A vector stays a vector
# -----------------------
#
# A vector has one axis, so there is nothing to swap. ``v.t()`` returns it as it is, and ``.T`` does so with a warning.
# A column needs one more axis: ``v[:, None]``. A product needs no column, because ``@`` reads a vector on the right as
# a column (:ref:`matmul`).

v = torch.arange(3)
with expect_warning(UserWarning, match="deprecated"):
    turned = v.T
assert turned.shape == v.t().shape == (3,)
print(tuple(v.t().shape), tuple(v[:, None].shape), (matrix @ v).tolist())

# %%
# .. use-this::
#
#    Write ``.mT`` for matrices, alone or in a batch, and ``.mH`` for complex ones. Where axes have other meanings than
#    row and column, name them with :ref:`transpose or permute <transpose-and-permute>`. The result is a :term:`view`:
#    no element is copied, and writing into the result changes the original.
#
# Common mistakes
# ---------------
#
# **.T on a batch.** It reverses the axes: :val:`(2, 3, 4) <matrices.shape>` becomes
# :val:`(4, 3, 2) <reversed_axes.shape>`, and the batch is last. torch warns that this is going to be an error.

with expect_warning(UserWarning, match="deprecated"):
    reversed_axes = matrices.T
assert torch.equal(reversed_axes, matrices.permute(2, 1, 0))
print(f".T {tuple(reversed_axes.shape)}, .mT {tuple(matrices.mT.shape)}")
with expect_error(RuntimeError, match="expects a tensor with <= 2 dimensions"):
    matrices.t()

# %%
# **Taking a transpose for a turn.** A transpose mirrors the matrix at its diagonal. :ref:`rot90 <flip-roll-and-rot90>`
# turns it.

corner = torch.tensor([[1, 2], [3, 4]])
print(corner.mT.tolist(), corner.rot90().tolist())
assert corner.mT.tolist() == [[1, 3], [2, 4]]
assert corner.rot90().tolist() == [[2, 4], [1, 3]]

# %%
# How this was checked

for x in zoo(axes=(2, 3)).values():
    assert shares_memory(x.mT, x) or x.numel() == 0
    assert x.mT.shape == (*x.shape[:-2], x.shape[-1], x.shape[-2])
    assert torch.equal(x.mT.mT.isnan(), x.isnan())
for x in zoo(axes=2).values():
    for turned in (x.T, x.t(), x.H, x.mH):
        assert shares_memory(turned, x) or x.numel() == 0
for message, wrong in {
    r"tensor.mT is only supported on matrices": lambda: v.mT,
    r"tensor.H is only supported on matrices": lambda: matrices.H,
}.items():
    with expect_error(RuntimeError, match=message):
        wrong()
assert torch.tensor(5).t().shape == ()
torch.set_warn_always(False)

# %%
# Check yourself
# --------------

shape = torch.zeros(8, 5, 6, 7).mT.shape
ask(
    "scores has shape (8, 5, 6, 7). What is the shape of scores.mT?",
    answer=shape,
    choices={
        (7, 6, 5, 8): "That reverses all axes, like .T.",
        (8, 5, 7, 6): "The last two axes are the matrix, and .mT swaps them.",
        (5, 8, 6, 7): "Those are the first two axes, which count matrices.",
    },
)

# %%
# A row and a column:

w = torch.arange(1.0, 4.0)
ask(
    f"w is a vector of {len(w)} numbers. What is the shape of w.t() @ w?",
    answer=(w.t() @ w).shape,
    choices={
        (): "t() leaves a vector alone, so this is the dot product.",
        (3, 3): "That is torch.outer(w, w), or w[:, None] @ w[None].",
        (1, 1): "That is w[None] @ w[:, None], with both axes kept.",
    },
)

# %%
# **Exercise.** Compute the covariance of features, of shape (batch, F, F), from samples of shape (batch, N, F). It is
# :math:`X^T X / N` for each batch entry, after the mean over the N samples is subtracted.


def by_einsum(x):
    x = x - x.mean(dim=1, keepdim=True)
    return torch.einsum("bnf,bng->bfg", x, x) / x.shape[1]


cases = [
    (torch.tensor([[[0.0, 0.0], [2.0, 4.0]]]),),
    (torch.rand(2, 5, 3),),
    (torch.rand(3, 4, 4),),
]


def covariance(x):
    raise NotImplementedError


check(covariance, by_einsum, cases, without=["einsum", "cov"])

# %%
# The transposed matrix comes first, so that the samples are summed over.

# Solution


def covariance(x):
    x = x - x.mean(dim=1, keepdim=True)
    return x.mT @ x / x.shape[1]


report = check(covariance, by_einsum, cases, without=["einsum", "cov"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`flatten-and-unflatten` makes one axis of several.
#
# - PyTorch contributors (2026). `Tensor.T <https://docs.pytorch.org/docs/stable/tensors.html#torch.Tensor.T>`__. The
#   reference, with the deprecation.
# - Strang (2016). `Introduction to Linear Algebra <https://math.mit.edu/~gs/linearalgebra/>`__. Its chapter 2: what a
#   transpose means.

"""
.. _only-floating-point-can-require-gradients:

RuntimeError: Only Tensors of floating point and complex dtype can require gradients
====================================================================================

The tensor holds integers or truth values, and these cannot change by a small amount, which a gradient is about. Write
``3.0`` instead of ``3`` for a number that is learned, and ask for no gradient of ids and labels.
"""

# %%
# Set-up

import numpy as np
import torch
from torch import nn

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
embedding = nn.Embedding(100, 6)  # 100 words, six features each
head = nn.Linear(6, 1)


def descend(start, steps=50):
    """Return where gradient descent on (x - 1)^2 + (y - 5)^2 ends."""
    for _ in range(steps):
        (start - torch.tensor([1.0, 5.0])).square().sum().backward()
        with torch.no_grad():
            start -= 0.1 * start.grad
        start.grad = None
    return start.detach()


# %%

with expect_error(RuntimeError, match="Only Tensors of floating point and complex dtype"):
    start = torch.tensor([3, -2], requires_grad=True)

# %%
# Python's ``3`` is an integer, so the tensor has the data type :val:`int64 <torch.tensor(3).dtype>`. The message of
# ``requires_grad_()`` names only floating-point tensors, and means the same.
#
# .. not tried: only — it quotes a message, which the section on made tensors raises
#
# .. longer: 5 screens — each cause has a cell of its own
#
# ====================================================================  =============================================
# Usual cause                                                           Fix
# ====================================================================  =============================================
# :ref:`numbers without a point <floating-point-start>`                 write ``3.0``
# :ref:`torch.arange, or an array of integers <floating-made>`          ``x.float()``, and then ask
# :ref:`argmax, or a count of hits <floating-made>`                     :ref:`a loss of the logits <grad-argmax>`
# :ref:`ids of words, labels <floating-ids>`                            the gradient of the embedded vectors
# :ref:`an nn.Parameter of integers, quantized <floating-parameter>`    ``register_buffer``
# ====================================================================  =============================================
#
# .. _floating-point-start:
#
# The rule
# --------
#
# A tensor may require a gradient if its data type is floating-point or complex. A gradient says how the result
# changes when an element moves a little, and an integer cannot move by less than 1. Write one number with a point:
# :func:`torch.tensor` then makes floating-point numbers of the whole list.

start = torch.tensor([3.0, -2], requires_grad=True)
end = descend(start)
print(start.dtype, "ends at", [round(number, 2) for number in end.tolist()])
assert end.allclose(torch.tensor([1.0, 5.0]), atol=1e-3)

# %%
# .. _floating-made:
#
# A function, or an array, that gives integers
# --------------------------------------------
#
# ``torch.arange`` takes the data type from its numbers, and can be asked for ``dtype=torch.float32``.
# ``torch.from_numpy`` keeps the type of the array, so convert first, and then ask for the gradient. After ``argmax`` or
# ``>`` a conversion does not help, because the way back to the weights is cut (:ref:`grad-argmax`).

with expect_error(RuntimeError, match="Only Tensors of floating point and complex dtype"):
    torch.arange(4, requires_grad=True)
with expect_error(RuntimeError, match="only Tensors of floating point dtype"):
    head(torch.rand(5, 6)).gt(0).requires_grad_()
scale = torch.arange(4, dtype=torch.float32, requires_grad=True)
x = torch.from_numpy(np.arange(4)).float().requires_grad_()
print(scale.dtype, x.dtype, x.is_leaf)

# %%
# .. _floating-ids:
#
# Ids of words, and labels
# ------------------------
#
# An id is a row of a table, and a label is the number of a class. Neither is learned, so neither needs a gradient. If
# you want to see which word matters, take the gradient of a score with respect to the vectors of the words.

ids = torch.tensor([17, 4, 88])
vectors = embedding(ids)  # (position, feature)
score = head(vectors.square()).sum()
(gradient,) = torch.autograd.grad(score, vectors)
for word, size in zip(ids.tolist(), gradient.norm(dim=1).tolist(), strict=True):
    print(f"word {word:2}: {size:.2f}")
assert gradient.shape == (3, 6)

# %%
# .. _floating-parameter:
#
# A parameter of integers
# -----------------------
#
# A :class:`~torch.nn.Parameter` asks for a gradient unless it is told not to. Integers that belong to a module, such as
# the rounded weights of a quantized network, go into a :term:`buffer`. It is saved with the module, and
# ``requires_grad_()`` of the module leaves it alone. A frozen parameter of integers would make this call fail.

rounded = torch.tensor([[-3, 7], [0, 5]], dtype=torch.int8)
with expect_error(RuntimeError, match="Only Tensors of floating point and complex dtype"):
    nn.Parameter(rounded)
buffered = nn.Linear(2, 3)
buffered.register_buffer("rounded", rounded)
buffered.requires_grad_(True)
print(sorted(buffered.state_dict()))

# %%
# .. use-this::
#
#    Ask first whether the tensor is learned. If it is, write its numbers with a point, or convert it before you ask for
#    the gradient. If it holds ids, labels, a mask or a counter, leave ``requires_grad`` out. Where a module owns it,
#    make it a buffer. ``float()`` takes four bytes for each element, and a truth value takes one.
#
# A common mistake
# ----------------
#
# ``ids.float()`` silences the message. The embedding then refuses the floating-point ids. ``ids.long()`` silences that,
# too, but autograd does not record this conversion, and no gradient arrives at the ids.

ids = torch.tensor([17, 4, 88]).float().requires_grad_()
with expect_error(RuntimeError, match="one of the following scalar types: Long, Int"):
    embedding(ids)
head(embedding(ids.long())).sum().backward()
print("gradient of the ids:", ids.grad)
assert ids.grad is None
assert embedding.weight.grad.any()

# %%
# How this was checked

# The rule, for 15 data types.
words = "Only Tensors of floating point and complex dtype can require gradients"
for name in """float16 bfloat16 float32 float64 float8_e4m3fn float8_e5m2 complex64 complex128
    bool uint8 int8 int16 int32 int64 uint16""".split():
    dtype = getattr(torch, name)
    if dtype.is_floating_point or dtype.is_complex:
        assert torch.zeros(2, dtype=dtype, requires_grad=True).requires_grad
    else:
        with expect_error(RuntimeError, match=f"^{words}$"):
            torch.zeros(2, dtype=dtype, requires_grad=True)
# Three wordings. Functions that ask for a gradient themselves have one of them.
whole = torch.tensor([3, -2])
with expect_error(RuntimeError, match="^only Tensors of floating point and complex dtype can"):
    whole.requires_grad = True
with expect_error(
    RuntimeError, match="^only Tensors of floating point dtype can require gradients"
):
    whole.requires_grad_()
for ask_inside in (
    lambda: torch.func.grad(torch.sum)(whole),
    lambda: torch.autograd.functional.jacobian(torch.sum, whole),
    lambda: (whole > 0).sum().requires_grad_(),
    lambda: whole.float().argmax().requires_grad_(),
    lambda: torch.from_numpy(np.arange(4)).requires_grad_(),
):
    with expect_error(RuntimeError, match="^only Tensors of floating point dtype can"):
        ask_inside()
# Functions that give integers, or take the type of another tensor.
for make in (
    lambda: torch.full((2,), 3, requires_grad=True),
    lambda: torch.randint(5, (2,), requires_grad=True),
    lambda: torch.ones_like(whole, requires_grad=True),
    lambda: torch.zeros(2, dtype=torch.bool, requires_grad=True),
):
    with expect_error(RuntimeError, match="Only Tensors of floating point and complex dtype"):
        make()
for make in (torch.zeros, torch.ones, torch.rand, torch.eye):
    assert make(2, requires_grad=True).dtype == torch.float32
assert torch.linspace(0, 1, 3, requires_grad=True).dtype == torch.float32
for make in (
    lambda **how: torch.arange(4, **how),
    lambda **how: torch.full((2,), 3, **how),
    lambda **how: torch.randint(5, (2,), **how),
    lambda **how: torch.ones_like(whole, **how),
):
    assert make(dtype=torch.float32, requires_grad=True).requires_grad
# Converting the result of argmax gives a leaf without a way back to the weights.
other = nn.Linear(6, 3)
hits = other(torch.rand(5, 6)).argmax(dim=1).float().requires_grad_()
hits.sum().backward()
assert hits.is_leaf
assert all(parameter.grad is None for parameter in other.parameters())
# Asking for no gradient is fine.
assert not whole.requires_grad_(False).requires_grad
assert not nn.Parameter(whole, requires_grad=False).requires_grad
# A frozen parameter of integers stops requires_grad_() of its module.
frozen = nn.Linear(2, 3)
frozen.rounded = nn.Parameter(rounded, requires_grad=False)
with expect_error(RuntimeError, match="only Tensors of floating point dtype"):
    frozen.requires_grad_(True)
# A buffer is saved and moved, and is no parameter; a network is not converted to integers.
assert "rounded" not in dict(buffered.named_parameters())
assert buffered.to("meta").rounded.device.type == "meta"
with expect_error(TypeError, match="nn.Module.to only accepts floating point or complex dtypes"):
    nn.Linear(2, 3).to(torch.int8)
assert [
    torch.ones(1, dtype=kind).element_size() for kind in (torch.float32, torch.bool, torch.int8)
] == [4, 1, 1]
# Converting after asking makes a result, not a leaf.
assert not torch.ones(2, requires_grad=True).double().is_leaf

# %%
# Check yourself
# --------------


def accepted(*makers):
    fine = []
    for name, make in makers:
        try:
            make()
            fine.append(name)
        except RuntimeError:
            continue
    return tuple(fine)


ask(
    "Which of these work: torch.arange(3, requires_grad=True), torch.linspace(0, 1, 3, requires_grad=True)?",
    answer=accepted(
        ("arange", lambda: torch.arange(3, requires_grad=True)),
        ("linspace", lambda: torch.linspace(0, 1, 3, requires_grad=True)),
    ),
    choices={
        (
            "arange",
            "linspace",
        ): "arange takes its data type from the number 3, which is an integer.",
        ("linspace",): "linspace gives floating-point numbers, also between integers.",
        ("arange",): "The first holds integers, and linspace gives floating-point numbers.",
    },
)

# %%
# In the next question, the integers are converted first.


def slope():
    x = torch.tensor([1, 3]).float().requires_grad_()
    x.square().sum().backward()
    return x.grad


ask(
    "x = torch.tensor([1, 3]).float().requires_grad_(), then x.square().sum().backward(). What is x.grad?",
    answer=slope,
    choices={
        (2.0, 6.0): "float() comes first, and the slope of x * x is 2 * x.",
        (1.0, 9.0): "Those are the squares.",
        RuntimeError: "The integers were converted before the gradient was asked for.",
    },
)

# %%
# **Exercise.** Which word of a text matters most? Write ``influence``: for each of the ids, the norm of the gradient of
# ``score(vectors)`` with respect to the vector of that word. ``table`` has one row for each word, and ``score`` gives
# one number.


def influence(score, table, ids):
    raise NotImplementedError


def by_small_changes(score, table, ids):
    vectors, step = table[ids], 1e-6
    slopes = torch.zeros_like(vectors)
    for place in range(vectors.numel()):
        change = torch.zeros_like(vectors)
        change.view(-1)[place] = step
        slopes.view(-1)[place] = (score(vectors + change) - score(vectors - change)) / (2 * step)
    return slopes.norm(dim=1)


def last_counts_most(vectors):
    weights = torch.arange(1.0, 1 + len(vectors), dtype=torch.float64)
    return (weights.unsqueeze(1) * vectors.sin()).sum()


table = torch.randn(9, 4, dtype=torch.float64)
cases = [
    (lambda vectors: vectors.sum(), table, torch.tensor([2, 5])),
    (lambda vectors: vectors[0].square().sum(), table, torch.tensor([7, 1, 3])),
    (last_counts_most, table, torch.tensor([4, 4, 0, 8])),
]
check(influence, by_small_changes, cases)

# %%
# The ids stay integers. Look up the vectors first, and then ask for their gradient. So a word that comes twice has a
# gradient at each of its places.

# Solution


def influence(score, table, ids):
    vectors = table[ids].detach().requires_grad_()
    (gradient,) = torch.autograd.grad(score(vectors), vectors)
    return gradient.norm(dim=1)


report = check(influence, by_small_changes, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`grad-is-none`, when the gradient was asked for and does not come. More on data types is on :ref:`dtypes`.
#
# - PyTorch contributors (2026). `Automatic differentiation package
#   <https://docs.pytorch.org/docs/stable/autograd.html>`__. It says which data types have gradients.
# - Simonyan, Vedaldi and Zisserman (2014). `Deep inside convolutional networks
#   <https://arxiv.org/abs/1312.6034>`__. Gradients of a score with respect to an input, as in the exercise.

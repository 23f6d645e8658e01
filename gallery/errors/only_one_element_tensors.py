"""
.. _only-one-element-tensors:

ValueError: only one element tensors can be converted to Python scalars
=======================================================================

Python wanted one number, and your tensor has several: in ``float()``, in ``item()``, or as an entry of a list. Reduce a
loss to one number with ``mean()``, and join a list of tensors with ``torch.stack``.
"""

# %%
# Set-up

import math

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
data = digits("train")
images, labels = data.inputs[:32], data.targets[:32]  # (32, 1, 8, 8), (32,)
network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

CONVERSIONS = {"float(x)": float, "x.item()": torch.Tensor.item, "range(x)": range}


def outcome(convert, x):
    """Return the class of the error, or an empty text."""
    try:
        convert(x)
    except (RuntimeError, TypeError, ValueError) as error:
        return type(error).__name__
    return "."


# %%

loss = F.cross_entropy(network(images), labels, reduction="none")
with expect_error(ValueError, match="only one element tensors can be converted"):
    float(loss.detach())
with expect_error(RuntimeError, match="a Tensor with 32 elements cannot be converted to Scalar"):
    loss.item()
print(tuple(loss.shape), f"{loss.mean().item():.2f}")

# %%
# The two messages have one meaning. ``float()`` and ``int()`` give the first. ``item()`` gives the second, which also
# says how many elements there are. Here ``reduction="none"`` keeps one loss for each of 32 images. See
# :ref:`tensor-to-python` for the ways from tensors to numbers.
#
# .. longer: 5 screens — each cause has a cell of its own
#
# ========================================================================  ==========================================
# It fails at                                                               Fix
# ========================================================================  ==========================================
# :ref:`loss.item() <one-element-loss>`                                     ``loss.mean()``
# :ref:`torch.tensor([a, b]) <one-element-list>`                            ``torch.stack([a, b])``
# :ref:`range(n), names[n] <one-element-index>`                             ``n.tolist()``, one at a time
# :ref:`math.exp(x) <one-element-index>`                                    ``x.exp()``
# :ref:`a row of a NumPy array, a plot <one-element-plot>`                  ``loss.mean().item()``
# ========================================================================  ==========================================
#
# The rule
# --------
#
# A conversion to a number needs :math:`\mathrm{numel}(x) = 1`. How many axes there are does not matter. An empty
# tensor has no number to give. ``range`` needs a tensor of whole numbers, too, and has another message. In the table, a
# dot marks what works.

tensors = {
    "shape ()": torch.tensor(3),
    "shape (1, 1)": torch.tensor([[3]]),
    "shape (2,)": torch.tensor([3, 4]),
    "shape (0,)": torch.tensor([]),
    "2.5": torch.tensor(2.5),
}
print(f"{'x':13}", *(f"{name:14}" for name in CONVERSIONS))
for name, x in tensors.items():
    row = [outcome(convert, x) for convert in CONVERSIONS.values()]
    print(f"{name:13}", *(f"{cell:14}" for cell in row))
    assert (row[0] == ".") == (row[1] == ".") == (x.numel() == 1)

# %%
# .. _one-element-loss:
#
# A loss for each sample
# ----------------------
#
# ``reduction="none"`` lets you weight the samples yourself: weight the losses first, and then reduce them. Without it,
# the loss is their mean. ``backward()`` wants one number, too, and :ref:`says so in other words
# <backward-needs-a-scalar>`.

weight = torch.where(labels == 8, 2.0, 1.0)  # an eight counts twice
weighted = (weight * loss).sum() / weight.sum()
weighted.backward()
print(f"mean {loss.mean().item():.3f}, weighted {weighted.item():.3f}")
assert F.cross_entropy(network(images), labels).shape == ()
torch.testing.assert_close(F.cross_entropy(network(images), labels), loss.mean())

# %%
# .. _one-element-list:
#
# A list of tensors
# -----------------
#
# ``torch.tensor`` makes a tensor of numbers, and takes a tensor in the list for a number. ``stack`` joins tensors of
# one shape along a new axis, and ``cat`` joins them along an axis that they have. Both keep the way back for the
# :term:`gradient`.

outputs = [network(part).mean(dim=0) for part in images.split(8)]  # four tensors of shape (10,)
for make in (torch.tensor, torch.FloatTensor):
    with expect_error(ValueError, match="only one element tensors can be converted"):
        make([output.detach() for output in outputs])
together = torch.stack(outputs)
print(tuple(together.shape), "with a gradient:", together.requires_grad)
assert torch.cat(outputs).shape == (40,)

# %%
# .. _one-element-index:
#
# A count, an index, a function of Python
# ---------------------------------------
#
# ``range`` and the index of a list want one whole number, so go through the numbers one by one. The functions of
# ``math`` want one number as well. Use the method of the tensor, which computes element by element.

classes, places = ["cat", "dog", "emu"], torch.tensor([2, 0])
with expect_error(TypeError, match="only integer tensors of a single element can be converted"):
    classes[places]
print([classes[place] for place in places.tolist()])

x = torch.tensor([0.5, 1.5])
with expect_error(ValueError, match="only one element tensors can be converted"):
    math.exp(x)
print(x.exp())

# %%
# .. _one-element-plot:
#
# NumPy's arrays, and plots
# -------------------------
#
# One place of an array takes one number. Matplotlib takes a list of tensors for a table, and draws a line for each
# column. It refuses tensors that require a gradient. If you keep one Python number from each step, the plot is one
# line.

history = np.zeros(3)
with expect_error(ValueError, match="only one element tensors can be converted"):
    history[0] = loss.detach()
losses = [loss for _ in range(2)]
with expect_error(RuntimeError, match="Can't call numpy\\(\\) on Tensor that requires grad"):
    plt.plot(losses)
lines = plt.plot([loss.detach() for loss in losses])
plt.close()
print("two steps drawn as", len(lines), "lines")

losses = []
for _step in range(2):
    losses.append(loss.mean().item())
assert np.array(losses).shape == (2,)

# %%
# .. use-this::
#
#    Leave ``reduction`` at its default, and write ``loss.item()`` where you record the loss. Use ``tolist()`` for
#    several numbers, and ``torch.stack`` for a list of tensors. Take ``reduction="none"`` to weight or to look at
#    single samples. Making a Python number waits for the GPU, and no gradient flows through the number
#    (:ref:`tensor-to-python`).
#
# A common mistake
# ----------------
#
# ``tolist()`` on each entry silences the message, and cuts the way back of the gradient. The numbers are the same, but
# a loss of them cannot be differentiated. For tensors of one element, ``item()`` and ``torch.tensor`` cut it, too. See
# :ref:`element-0-does-not-require-grad`.

cut = torch.tensor([output.tolist() for output in outputs])
print("the same numbers:", torch.equal(cut, together), " with a gradient:", cut.requires_grad)
with expect_error(RuntimeError, match="element 0 of tensors does not require grad"):
    cut.square().mean().backward()
together.square().mean().backward()
assert torch.equal(cut, together)
assert torch.tensor([part.sum().item() for part in outputs]).requires_grad is False

# %%
# How this was checked

# Who gives which message, for 0, 2 and 5 elements, with and without a gradient.
for count in (0, 2, 5):
    for needs_grad in (False, True):
        x = torch.ones(count, requires_grad=needs_grad)
        for convert in (float, int, complex):
            with expect_error(ValueError, match="only one element tensors can be converted"):
                convert(x.detach())
        with expect_error(RuntimeError, match=f"a Tensor with {count} elements cannot be conv"):
            x.item()
        with expect_error(TypeError, match="only integer tensors of a single element"):
            range(x)
# One element is enough, with each number of axes.
for axes in range(5):
    assert float(torch.full((1,) * axes, 7.0)) == 7
    assert list(range(torch.full((1,) * axes, 3))) == [0, 1, 2]
# One element is not enough for a complex number, and a tensor of True is a count.
with expect_error(RuntimeError, match="value cannot be converted to type double"):
    float(torch.tensor(1 + 1j))
assert list(range(torch.tensor(True))) == [0]
with expect_error(TypeError, match="only integer tensors of a single element"):
    range(torch.tensor(3.0))
# NumPy makes a table of a list of tensors of one shape; as a list of Long, the message is that of a count.
assert np.array([output.detach() for output in outputs]).shape == (4, 10)
with expect_error(TypeError, match="only integer tensors of a single element"):
    torch.LongTensor([torch.tensor([1, 2])])
# A list of tensors of one element works, and the gradient is lost with a warning.
parts = [part.mean() for part in outputs]
assert torch.tensor([torch.ones(1), torch.ones(1, 1)[0]]).tolist() == [1, 1]
with expect_warning(UserWarning, match="Converting a tensor with requires_grad=True to a scalar"):
    numbers = torch.tensor(parts)
assert not numbers.requires_grad
for mixed in ([torch.ones(2), 1.0], [1.0, torch.ones(2)], [[torch.ones(2)]]):
    with expect_error(ValueError, match="only one element tensors can be converted"):
        torch.tensor(mixed)
with expect_error(ValueError, match="only one element tensors can be converted"):
    torch.FloatTensor([torch.ones(2)])
# The same mistake in other words.
for code, message in {
    "bool(torch.ones(2))": "Boolean value of Tensor with more than one value is ambiguous",
    "f'{torch.ones(2):.2f}'": "unsupported format string passed to Tensor.__format__",
    "torch.full((2,), torch.ones(2))": "must be Number, not Tensor",
    "torch.arange(torch.tensor([2, 3]))": "must be Number, not Tensor",
    "loss.backward()": "grad can be implicitly created only for scalar outputs",
}.items():
    with expect_error((RuntimeError, TypeError), match=message):
        eval(code)
# A tensor as index of a tensor may have several elements; a NumPy array takes it as well.
assert torch.tensor([7, 8, 9])[places].tolist() == [9, 7]
assert np.array([7, 8, 9])[places].tolist() == [9, 7]
# The gradient of the weighted loss is what weight= of the loss computes.
by_class = torch.ones(10)
by_class[8] = 2
torch.testing.assert_close(F.cross_entropy(network(images), labels, weight=by_class), weighted)
assert labels.eq(8).any()

# %%
# Check yourself
# --------------

tried = {
    shape: outcome(float, torch.ones(shape)) == "." for shape in ((), (1, 1, 1), (1, 2), (2, 1))
}
ask(
    "For which of these shapes does float(torch.ones(shape)) give a number?",
    answer=tuple(shape for shape, works in tried.items() if works),
    choices={
        ((),): "A tensor with axes works as well, if it has one element.",
        ((), (1, 1, 1)): "Both have one element. The number of axes does not matter.",
        ((), (1, 1, 1), (1, 2), (2, 1)): "The last two have two elements.",
    },
)

# %%
# The next question asks about a list.

tried = {}
rows = [torch.zeros(3), torch.ones(3)]
for name, make in {"torch.tensor": torch.tensor, "torch.stack": torch.stack}.items():
    tried[name] = outcome(make, rows) == "."
(works,) = (name for name, runs in tried.items() if runs)
ask(
    f"rows is a list of two tensors of shape {tuple(rows[0].shape)}. Which call makes a tensor of shape (2, 3)?",
    answer=works,
    choices={
        "torch.tensor": "It takes each tensor of the list for one number.",
        "torch.stack": "It puts the tensors along a new axis 0.",
    },
)

# %%
# **Exercise.** A list holds the losses of an epoch, one tensor for each batch, with one loss for each sample. The last
# batch may be smaller. Return the mean over the samples, as a tensor without axes.


def mean_loss(batches):
    raise NotImplementedError


def by_loops(batches):
    numbers = [number for batch in batches for number in batch.tolist()]
    return torch.tensor(sum(numbers) / len(numbers))


cases = [
    ([torch.tensor([1.0, 3.0]), torch.tensor([8.0])],),
    (list(torch.rand(10).split(4)),),
    ([torch.rand(5)],),
    ([torch.rand(1) for _ in range(3)],),
]
check(mean_loss, by_loops, cases)

# %%
# Join the batches first. In the mean of the means, a sample of a small batch counts more.

# Solution


def mean_loss(batches):
    return torch.cat(batches).mean()


report = check(mean_loss, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`expected-all-tensors-to-be-on-the-same-device`, where the shapes and the types are right, and the devices are
# not.
#
# - PyTorch contributors (2026). `torch.Tensor.item
#   <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.item.html>`__. The reference.
# - PyTorch contributors (2026). `torch.stack
#   <https://docs.pytorch.org/docs/stable/generated/torch.stack.html>`__. The reference.

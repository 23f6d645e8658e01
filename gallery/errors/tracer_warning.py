"""
.. _tracer-warning:

TracerWarning: Converting a tensor to a Python boolean might cause the trace to be incorrect.
=============================================================================================

A trace records the operations that run for one example, and your model branched on a value of that example. For other
inputs the traced model may compute something else, without an error.
"""

# %%
# Set-up

import contextlib
import io
import re
import warnings

import torch
from torch import nn

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)


def trace(model, *example):
    """Trace a model; print each warning about the trace once, up to its first sentence."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        traced = torch.jit.trace(model, example)
    about = [w for w in caught if w.category.__name__ == "TracerWarning"]
    for text in dict.fromkeys(str(w.message) for w in about):
        print("TracerWarning:", re.sub(r"(?<!nr 1)\. .*", ".", text.splitlines()[0]))
    return traced


# %%


class Rescale(nn.Module):
    """Divide by the largest value, if that is above 1."""

    def forward(self, x):
        if x.abs().max() > 1:
            return x / x.abs().max()
        return x


small, large = torch.tensor([0.5, -0.2, 0.1]), torch.tensor([5.0, -2.0, 4.0])
traced = trace(Rescale(), small)
print("model:", Rescale()(large), " traced:", traced(large))
assert not torch.equal(traced(large), Rescale()(large))

# %%
# The example has no value above 1, so the trace holds neither the ``if`` nor the division. It gives each input back as
# it came. The warning names what was taken out of a tensor: a *boolean* for an ``if``, an *integer* by ``int(x)``, a
# *float* by ``float(x)``, a *number* by ``item()``.
#
# .. longer: 7 screens — each cause has a cell of its own
#
# ====================================================================  ==============================================
# The warning                                                           Fix
# ====================================================================  ==============================================
# :ref:`to a Python boolean <tracer-boolean>`                           ``torch.where``
# :ref:`to a Python integer, float, number, index <tracer-integer>`     keep the tensor, and use no ``int`` of it
# :ref:`Using len to get tensor shape <tracer-shape>`                   ``x.shape[0]``
# :ref:`Iterating over a tensor <tracer-shape>`                         an operation along the axis
# :ref:`a boolean, from a check of the input <tracer-check>`            the warning may be ignored
# :ref:`torch.tensor results are registered as constants <tracer-new>`  ``x.new_zeros``, ``torch.arange``
# :ref:`Output nr 1. of the traced function does not <tracer-drop>`     ``model.eval()`` before
# ====================================================================  ==============================================
#
# .. _tracer-boolean:
#
# An if about a value
# -------------------
#
# :func:`torch.where` computes both results and chooses between them by a tensor, so that the choice is in the trace.
# ``clamp(min=1)`` keeps the divisor away from 0. A division by 0 would make the gradient ``nan``, even in the result
# that is not chosen.


class RescaleByTensor(nn.Module):
    def forward(self, x):
        largest = x.abs().max()
        return torch.where(largest > 1, x / largest.clamp(min=1), x)


traced = trace(RescaleByTensor(), small)
for x in (small, large, torch.zeros(3)):
    assert torch.equal(traced(x), Rescale()(x))
print(traced(large))

# %%
# .. _tracer-integer:
#
# An integer of a value
# ---------------------
#
# ``int(x)`` or ``x.item()`` turns a value of the example into a number, and the trace keeps that number. If the number
# is a length, later inputs are cut at the length of the example. ``ByMask`` compares the positions with the length as a
# tensor, and needs no such number. A loop over ``range(steps)`` keeps the number, too, and torch does *not* warn of it.
# Older releases also warned of `a tensor as an index <https://github.com/huggingface/transformers/issues/4347>`__.


class UpToLength(nn.Module):
    def forward(self, tokens, length):
        kept = torch.zeros_like(tokens)
        kept[: int(length)] = tokens[: int(length)]
        return kept


class Loop(nn.Module):
    def forward(self, x, steps):
        for _ in range(steps):
            x = 2 * x
        return x


class ByMask(nn.Module):
    def forward(self, tokens, length):
        return tokens * (torch.arange(tokens.shape[0]) < length)


tokens = torch.tensor([7, 4, 9, 3, 8])
by_number = trace(UpToLength(), tokens, torch.tensor(2))
by_mask = trace(ByMask(), tokens, torch.tensor(2))
four = torch.tensor(4)
print("right:", UpToLength()(tokens, four), " traced:", by_number(tokens, four))
assert torch.equal(by_mask(tokens, four), UpToLength()(tokens, four))
loop = trace(Loop(), torch.tensor(1), torch.tensor(2))  # no warning
print(
    "right:", Loop()(torch.tensor(1), four).item(), " traced:", loop(torch.tensor(1), four).item()
)

# %%
# .. _tracer-shape:
#
# The length of the input
# -----------------------
#
# ``len(x)`` is an ordinary Python number, and the trace keeps it. ``x.shape[0]`` is recorded as an operation, which
# runs for each input. The mean below divides by it. A loop over the rows of a tensor keeps their number, too.


class Mean(nn.Module):
    def forward(self, x):
        return x.sum() / len(x)


class MeanByShape(nn.Module):
    def forward(self, x):
        return x.sum() / x.shape[0]


five, two = torch.ones(5), torch.ones(2)
print("len:  ", trace(Mean(), five)(two).item())
print("shape:", trace(MeanByShape(), five)(two).item())


class Total(nn.Module):
    def forward(self, x):
        return sum(row for row in x)


with expect_error(RuntimeError, match="Expected 5 elements in a list but found 2"):
    trace(Total(), five)(two)
assert torch.equal(trace(lambda x: x.sum(dim=0), five)(two), Total()(two))

# %%
# .. _tracer-check:
#
# A check of the input
# --------------------
#
# An ``assert``, or an ``if`` in front of ``raise``, also makes a boolean. The trace loses the check, and its result
# is right for inputs that pass it. Here you may ignore the warning, if you check the input before.


class Checked(nn.Module):
    def forward(self, x):
        assert (x >= 0).all(), "negative"
        return x.sqrt()


traced = trace(Checked(), torch.tensor([4.0, 9.0]))
print(traced(torch.tensor([1.0, 16.0])), "without the check:", traced(torch.tensor([-1.0, 16.0])))

# %%
# .. _tracer-new:
#
# A tensor that is made in forward
# --------------------------------
#
# ``torch.tensor`` of Python numbers is a constant of the trace. That is right for numbers that do not depend on the
# input. If they depend on it, make the tensor from the input.


class Ends(nn.Module):
    def forward(self, x):
        return x[torch.tensor([0, x.shape[0] - 1])]


class EndsOfShape(nn.Module):
    def forward(self, x):
        return x[torch.stack([x.new_zeros((), dtype=torch.int64), torch.arange(x.shape[0])[-1]])]


longer = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
print("constant:  ", trace(Ends(), longer[:3])(longer))
print("from shape:", trace(EndsOfShape(), longer[:3])(longer))

# %%
# .. _tracer-drop:
#
# Output nr 1. of the traced function does not match
# --------------------------------------------------
#
# ``trace`` runs the model again and compares. With dropout in training mode, the two runs differ. Call ``eval()``
# first: the trace keeps the mode, and ``train()`` does not change it later.

model = nn.Sequential(nn.Linear(64, 20), nn.Dropout(0.5))
images = torch.rand(3, 64)
trace(model, images)
traced = trace(model.eval(), images)
assert torch.equal(traced.train()(images), model(images))

# %%
# .. use-this::
#
#    Export with ``torch.export.export`` where you can: it raises an error in these places, or keeps the operation. If
#    the program holds a fixed length, it raises an error for an input of another length. A trace is right for models
#    whose path does not depend on values. Compare the results of the model with those of the export, for inputs of
#    several lengths and sizes. ``torch.jit`` is deprecated today.
#
# A common mistake
# ----------------
#
# ``trace`` compares its result with the model's for the traced example alone. Such a comparison says nothing of other
# inputs. Compare with an input that takes the other branch.

traced = trace(Rescale(), small)
print("same for the example:  ", torch.equal(traced(small), Rescale()(small)))
print("same for another input:", torch.equal(traced(large), Rescale()(large)))

# %%
# How this was checked

# torch says itself that it is deprecated; before torch 2.14 in a DeprecationWarning, which Python often hides.
with expect_warning(Warning, match="Please switch to `torch.compile` or `torch.export`"):
    torch.jit.trace(MeanByShape(), (five,), check_trace=False)
# The other branch, traced, is wrong for the first example.
other = trace(Rescale(), large)
assert torch.equal(other(large), Rescale()(large))
assert not torch.equal(other(small), Rescale()(small))
# The whole warnings have the words of the title and of the table.
for model, example, words in [
    (Rescale(), (small,), "Converting a tensor to a Python boolean might cause the trace to be"),
    (UpToLength(), (tokens, four), "Converting a tensor to a Python in"),
    (Mean(), (five,), "Using len to get tensor shape might cause the trace to be incorrect"),
    (Ends(), (longer,), "torch.tensor results are registered as constants in the trace"),
    (Total(), (longer,), "Iterating over a tensor might cause the trace to be incorrect"),
    (lambda x: x * x.sum().item(), (longer,), "Converting a tensor to a Python number might"),
    (lambda x: x * float(x.sum()), (longer,), "Converting a tensor to a Python float might"),
]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.jit.trace(model, example)
    assert any(
        w.category.__name__ == "TracerWarning" and str(w.message).startswith(words) for w in caught
    )
# The loop is wrong without a warning; a slice by a tensor, without int(), is in the trace.
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    loop = torch.jit.trace(Loop(), (torch.tensor(1), torch.tensor(2)))
    slicing = torch.jit.trace(lambda x, n: x[:n], (tokens, torch.tensor(2)))
assert not any(w.category.__name__ == "TracerWarning" for w in caught)
assert (loop(torch.tensor(1), four), Loop()(torch.tensor(1), four)) == (4, 16)
assert torch.equal(slicing(tokens, four), tokens[:4])
# torch.export raises an error for the first model, and keeps the mask of the second.
quiet = io.StringIO()
try:
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        torch.export.export(Rescale(), (small,))
    refused = False
except Exception as error:
    refused = "data-dependent" in str(error)
assert refused
program = torch.export.export(ByMask(), (tokens, four)).module()
assert torch.equal(program(tokens, torch.tensor(1)), UpToLength()(tokens, torch.tensor(1)))
program = torch.export.export(Mean(), (five,)).module()
assert program(five) == Mean()(five)
with expect_error(AssertionError, match="Guard failed"):
    program(two)

# %%
# Check yourself
# --------------


class Relu(nn.Module):
    def forward(self, x):
        return x if x > 0 else torch.zeros_like(x)


ask(
    "A model returns x if x > 0, and else 0. It is traced with x = 3. What does the trace give for x = -2?",
    answer=trace(Relu(), torch.tensor(3.0))(torch.tensor(-2.0)).item(),
    choices={
        0.0: "That branch was not taken with the example, so it is not in the trace.",
        -2.0: "The trace gives x back, as for the example.",
        3.0: "The trace keeps the operations, not the result.",
    },
)

# %%
# The next question is about a length.

ask(
    "Mean from above is traced with 5 ones. What does the trace give for 10 ones?",
    answer=trace(Mean(), five)(torch.ones(10)).item(),
    choices={
        1.0: "It would with x.shape[0].",
        2.0: f"The sum of 10 ones is divided by {len(five)}, the length of the example.",
    },
)

# %%
# **Exercise.** Write the absolute value of a tensor without axes, so that its trace is right for both signs. The
# checker traces your function with the number 1.


def absolute(x):
    raise NotImplementedError


def traced_once(function):
    def run(x):
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            return torch.jit.trace(function, (torch.tensor(1.0),))(x)

    return run


cases = [(torch.tensor(2.5),), (torch.tensor(-2.5),), (torch.tensor(0.0),)]
check(traced_once(absolute), torch.abs, cases, without=["abs"])

# %%
# Choose the sign by a tensor, with ``torch.where``.

# Solution


def absolute(x):
    return torch.where(x < 0, -x, x)


report = check(traced_once(absolute), torch.abs, cases, without=["abs"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`exporting-the-operator`, an error of the export to ONNX.
#
# - PyTorch contributors (2026). `torch.jit.trace
#   <https://docs.pytorch.org/docs/stable/generated/torch.jit.trace.html>`__. What a trace holds, and what it does not.
# - PyTorch contributors (2026). `torch.export <https://docs.pytorch.org/docs/stable/export.html>`__. Its successor.

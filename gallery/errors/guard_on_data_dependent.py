"""
.. _guard-on-data-dependent:

GuardOnDataDependentSymNode: Could not guard on data-dependent expression u0 > 2
================================================================================

The compiler came to an ``if`` whose answer depends on the *values* of a tensor, and while it traces there are no
values. Compute with tensors in place of the ``if``, or promise the answer with ``torch._check``.
"""

# %%
# Set-up

import contextlib
import io
import logging
import warnings

import torch
from torch import nn
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
scores = torch.tensor([0.9, 0.2, 0.7, 0.8, 0.1])
logging.getLogger("torch.fx.experimental.symbolic_shapes").setLevel(logging.CRITICAL)


def fails(module, *arguments, compiler=torch.export.export):
    """Export a module, or compile it; print the line of the error that names the condition, and return the error."""
    quiet = io.StringIO()  # the compiler prints its graph so far
    try:
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            compiler(module, arguments)
    except Exception as error:
        print(f"{type(error).__name__}:", str(error).splitlines()[0])
        return str(error)
    raise AssertionError("it worked")


def whole_graph(module, arguments):
    torch._dynamo.reset()
    settings = {"capture_scalar_outputs": True, "capture_dynamic_output_shape_ops": True}
    with torch._dynamo.config.patch(**settings):
        torch.compile(module, backend="eager", fullgraph=True)(*arguments)


def exported(module, *arguments):
    return torch.export.export(module, arguments).module()


# %%


class Keep(nn.Module):
    """Keep the scores above a half, and double them if there are more than two."""

    def forward(self, scores):
        kept = scores[scores > 0.5]
        if kept.shape[0] > 2:
            kept = 2 * kept
        return kept


said = fails(Keep(), scores)
assert "Could not guard on data-dependent expression u0 > 2" in said
print("outside of the compiler:", Keep()(scores))

# %%
# ``u0`` is the number of scores above a half, which is not known before the values are there. The expression ``u0 > 2``
# is the condition of the ``if``. ``torch.export`` and ``torch.compile`` with ``fullgraph=True`` make one graph for
# inputs with other values, so they cannot choose a branch.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ====================================================================  ==============================================
# Cause                                                                 Fix
# ====================================================================  ==============================================
# :ref:`if about a number of a tensor <guard-number>`                   ``torch.where``
# :ref:`if about the size after a mask <guard-mask>`                    multiply by the mask, keep the size
# :ref:`you know the answer <guard-check>`                              ``torch._check``
# :ref:`both branches are needed <guard-cond>`                          ``torch.cond``
# :ref:`the model runs in Python anyway <guard-break>`                  ``torch.compile`` without ``fullgraph``
# ====================================================================  ==============================================
#
# .. _guard-number:
#
# An if about a number of a tensor
# --------------------------------
#
# ``item()`` takes a number out of a tensor, and an ``if`` tests it. ``zuf0`` in the message stands for such a number
# with a fraction, and ``u0`` for an integer. :func:`torch.where` computes both results and chooses by a tensor. The
# result that is not chosen must be finite, too: otherwise its ``nan`` may reach the gradient. So the divisor is at
# least 1.


class Clip(nn.Module):
    def forward(self, x):
        largest = x.abs().max().item()
        return x / largest if largest > 1 else x


class ClipByTensor(nn.Module):
    def forward(self, x):
        largest = x.abs().max()
        return torch.where(largest > 1, x / largest.clamp(min=1), x)


x = torch.tensor([0.5, -4.0, 2.0])
fails(Clip(), x)
clip = exported(ClipByTensor(), x)
for values in (x, x / 8, torch.zeros(3)):
    assert torch.equal(clip(values), Clip()(values))
print(clip(x), clip(x / 8))

# %%
# .. _guard-mask:
#
# The size after a mask
# ---------------------
#
# ``scores[mask]`` has as many elements as the mask has truths. Where zeros do not change a later step, keep all
# elements and set the others to zero. The shape is then known, and the sum is the same.


class KeepSize(nn.Module):
    def forward(self, scores):
        mask = scores > 0.5
        kept = scores * mask
        return torch.where(mask.sum() > 2, 2 * kept, kept)


keep = exported(KeepSize(), scores)
for values in (scores, scores / 1.5, torch.zeros(5)):
    torch.testing.assert_close(keep(values).sum(), Keep()(values).sum())
print(keep(scores))

# %%
# .. _guard-check:
#
# You know the answer
# -------------------
#
# If the condition has the same answer for each input that you will give, promise it. ``torch._check`` tells the
# compiler, and the graph checks the promise when it runs. An input that breaks the promise raises an error there.


class Promise(nn.Module):
    def forward(self, scores):
        kept = scores[scores > 0.5]
        torch._check(kept.shape[0] > 2)
        if kept.shape[0] > 2:
            kept = 2 * kept
        return kept


promise = exported(Promise(), scores)
assert torch.equal(promise(scores), Keep()(scores))
with expect_error(RuntimeError, match="Runtime assertion failed"):
    promise(scores / 1.5)

# %%
# .. _guard-cond:
#
# Both branches are needed
# ------------------------
#
# :func:`torch.cond` puts both functions into the graph and runs one of them. Both must give tensors of one dtype, and
# neither may return an argument unchanged. Give them results of one shape, so that the size stays known.


class Route(nn.Module):
    def __init__(self):
        super().__init__()
        self.small, self.large = nn.Linear(5, 3), nn.Linear(5, 3)

    def forward(self, scores):
        return torch.cond(scores.sum() > 2, self.large, self.small, (scores,))


model = Route()
route = exported(model, scores)
torch.testing.assert_close(route(scores), model.large(scores))
torch.testing.assert_close(route(scores / 2), model.small(scores / 2))
print("sum", scores.sum().item(), "goes to large,", scores.sum().item() / 2, "to small")

# %%
# .. _guard-break:
#
# torch.compile without fullgraph
# -------------------------------
#
# For ``torch.compile`` one graph is not needed. Without ``fullgraph=True`` it lets Python run what cannot be traced,
# and makes graphs of the rest. With ``fullgraph=True`` its error has the same words after another name. If the ``if``
# asks a tensor itself, it says "Data-dependent branching". See :ref:`graph-break-under-fullgraph`.

said = fails(Keep(), scores, compiler=whole_graph)
assert "Could not guard on data-dependent expression u0 > 2" in said
compiled = torch.compile(Keep(), backend="eager")
for values in (scores, scores / 1.5):
    assert torch.equal(compiled(values), Keep()(values))
print(compiled(scores), compiled(scores / 1.5))


class AskTensor(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


assert "Data-dependent branching" in fails(AskTensor(), scores, compiler=whole_graph)

# %%
# .. use-this::
#
#    Replace an ``if`` about values by ``torch.where``. Promise with ``torch._check`` what you know of a size, and use
#    ``torch.cond`` where a branch is expensive. ``where`` has a cost: both results are computed. For training, take
#    ``torch.compile`` without ``fullgraph``. Before you change a large model, ``torch.export.draft_export`` lists such
#    places.
#
# A common mistake
# ----------------
#
# ``torch.jit.trace`` gives a warning here, but no error: it follows the branch that the example takes. For an input of
# the other branch its result is wrong. See :ref:`tracer-warning`. The same happens if you take the ``if`` out because
# the example does not need it.


class Always(nn.Module):
    def forward(self, scores):
        return 2 * scores[scores > 0.5]


always = exported(Always(), scores)
print("right:", Keep()(scores / 1.5), " without the if:", always(scores / 1.5))
assert torch.equal(always(scores), Keep()(scores))
assert not torch.equal(always(scores / 1.5), Keep()(scores / 1.5))

# %%
# How this was checked

# torch.compile with fullgraph has the same words for the other module.
assert "Could not guard on data-dependent expression" in fails(Clip(), x, compiler=whole_graph)
# A size that is only used, and not asked about, is no obstacle.


class Use(nn.Module):
    def forward(self, scores):
        return scores[scores > 0.5].sum()


assert exported(Use(), scores)(scores / 1.5) == Use()(scores / 1.5)
# A number that becomes an int.


class First(nn.Module):
    def forward(self, x):
        return torch.zeros(int(x.max().item()))


assert "Could not extract specialized integer" in fails(First(), x)
# An if about a bool tensor without item(), and about the shape of the input, which is known.
assert "Eq(u0, 1)" in fails(AskTensor(), x)
assert "Data-dependent branching" in fails(AskTensor(), x, compiler=whole_graph)


class AskShape(nn.Module):
    def forward(self, x):
        return x if x.shape[0] > 2 else -x


assert torch.equal(exported(AskShape(), x)(x), x)
# The branches of torch.cond must agree in dtype, and neither may return its argument. They may use other tensors.


class Cond(nn.Module):
    def __init__(self, other):
        super().__init__()
        self.other = other

    def forward(self, x):
        doubled = 2 * x
        return torch.cond(x.sum() > 0, lambda x: doubled + 1, self.other, (x,))


for other, words in [(lambda x: x.double() + 1, "same dtype"), (lambda x: x, "aliasing")]:
    assert words in fails(Cond(other), x)
assert torch.equal(exported(Cond(lambda x: x + 1), x)(x), x + 1)  # the sum of x is negative
# Results of two shapes pass in this release, and the size is then as unknown as after a mask.
shorter = torch.export.export(Cond(lambda x: x[:2] + 1), (x,))
assert shorter.module()(x).tolist() == [1.5, -3.0]
(result,) = (node for node in shorter.graph.nodes if "getitem" in node.name)
assert str(result.meta["val"].shape[0]).startswith("u")
# torch.where with a result that is nan: the value is right, and the gradient is not.
zeros = torch.zeros(3, requires_grad=True)
torch.where(zeros.max() > 1, zeros / zeros.max(), zeros).sum().backward()
assert zeros.grad.isnan().all()
zeros = torch.zeros(3, requires_grad=True)
clip(zeros).sum().backward()
assert zeros.grad.tolist() == [1, 1, 1]
# The lists of draft_export, and the trace that follows one branch.
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    report = str(torch.export.draft_export(Keep(), (scores,))._report)
assert "unable to evaluate the value of `u0 > 2`" in report
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    traced = torch.jit.trace(Keep(), (scores,))
assert any(w.category.__name__ == "TracerWarning" for w in caught)
assert torch.equal(traced(scores), Keep()(scores))
assert not torch.equal(traced(scores / 1.5), Keep()(scores / 1.5))

# %%
# Check yourself
# --------------


def exports(module, argument):
    quiet = io.StringIO()
    try:
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            torch.export.export(module, (argument,))
        return "it works"
    except GuardOnDataDependentSymNode:
        return "an error"


found = {
    "if x.shape[0] > 2": exports(AskShape(), x),
    "if x.sum() > 0": exports(AskTensor(), x),
}
(works,) = (code for code, result in found.items() if result == "it works")
ask(
    "torch.export traces a model with one of these lines. Which one works?",
    answer=works,
    choices={
        "if x.shape[0] > 2": "The shape of the example is known while the compiler traces.",
        "if x.sum() > 0": "A sum is a value, and there are no values while it traces.",
    },
)

# %%
# The next question is about ``torch.where``.

ask(
    "clip is the exported ClipByTensor from above. What does clip(torch.tensor([0., 8., 2.])) give?",
    answer=tuple(clip(torch.tensor([0.0, 8.0, 2.0])).tolist()),
    choices={
        (0.0, 8.0, 2.0): "The largest value is above 1, so the other result is chosen.",
        (0.0, 1.0, 0.25): "Divided by 8: the choice is made when the graph runs.",
    },
)

# %%
# **Exercise.** Write this without ``if`` and without a number taken out of the tensor. If the mean of ``x`` is
# negative, change the sign of ``x``. The checker exports your function and runs it on other values.


def upright(x):
    raise NotImplementedError


def with_if(x):
    return -x if x.mean() < 0 else x.clone()


def in_graph(function):
    class Module(nn.Module):
        def forward(self, x):
            return function(x)

    def run(x):
        return torch.export.export(Module(), (torch.ones(4),)).module()(x)

    return run


cases = [
    (torch.tensor([1.0, 2.0, -1.0, 0.0]),),
    (torch.tensor([-1.0, -2.0, 1.0, 0.0]),),
    (torch.zeros(4),),
    (torch.tensor([1.0, 2.0, -3.0, 0.0]),),  # the mean is 0
]
check(in_graph(upright), with_if, cases)

# %%
# ``where`` takes a condition without axes, and applies it to each element.

# Solution


def upright(x):
    return torch.where(x.mean() < 0, -x, x)


report = check(in_graph(upright), with_if, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`backend-compiler-failed`, an error of the code that the graph is turned into.
#
# - PyTorch contributors (2026). `torch.export <https://docs.pytorch.org/docs/stable/export.html>`__. What a graph
#   holds, and what it may ask.
# - PyTorch contributors (2026). `Control flow: cond <https://docs.pytorch.org/docs/stable/cond.html>`__. The rules for
#   the two functions.

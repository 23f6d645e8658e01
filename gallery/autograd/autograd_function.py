"""
.. _autograd-function:

How do I write my own autograd.Function? (custom backward)
==========================================================

You round the weights of a network, and it stops learning: the slope of ``round`` is 0. Write a class that inherits
from ``torch.autograd.Function``, with a ``forward`` and with the ``backward`` that you want.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import contextlib
import gc
import weakref

import matplotlib.pyplot as plt
import torch
from torch.autograd import Function, gradcheck, gradgradcheck
from torch.autograd.function import once_differentiable
from torch.autograd.gradcheck import GradcheckError
from torch.nn import functional as F

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask


class Round(Function):
    """Rounds to multiples of a step; the gradient passes as if nothing was rounded."""

    @staticmethod
    def forward(x, step):
        return (x / step).round() * step

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


def plain_round(x, step):
    return (x / step).round() * step


def losses_of(rounding, seed):
    """Train one neuron whose weights are rounded to quarters, and return the losses."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(200, 5, generator=generator)
    goal = torch.randint(-8, 9, (5,), generator=generator) / 4
    w = torch.zeros(5, requires_grad=True)
    found = []
    for _ in range(30):
        loss = F.mse_loss(inputs @ rounding(w, 0.25), inputs @ goal)
        (gradient,) = torch.autograd.grad(loss, w)
        with torch.no_grad():
            w -= 0.1 * gradient
        found.append(loss.item())
    return torch.tensor(found)


def draw_losses(ways):
    curves = {name: [losses_of(way, seed) for seed in range(5)] for name, way in ways.items()}
    _, axis = plt.subplots(figsize=(5.8, 2.5), layout="constrained")
    for (name, found), color in zip(curves.items(), ("C1", "C0"), strict=True):
        for seed, losses in enumerate(found):
            axis.plot(losses, color=color, label=None if seed else name)
    axis.set(xlabel="step", ylabel="mean squared error", ylim=(0, None))
    axis.legend(loc="upper right", bbox_to_anchor=(1, 0.92))
    axis.set_title("With a backward of its own, a rounded neuron learns", fontsize=11)
    plt.show()
    return curves


def overwritten(function):
    """Return the gradient when the result is overwritten before the backward pass."""
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = function.apply(x)
    with torch.no_grad():
        y.zero_()
    return torch.autograd.grad(y.sum(), x)[0]


# %%

curves = draw_losses({"round": plain_round, "Round.apply": Round.apply})
for flat, falling in zip(*curves.values(), strict=True):
    assert flat[-1] == flat[0]
    assert falling[-1] < 0.02 * falling[0]

# %%
# The figure shows one neuron with five weights, rounded to quarters, over five seeds. ``Round`` hands the gradient on
# as if it had not rounded: this is a *straight-through estimator*. You need to know :ref:`from-calculation-to-graph`
# and :ref:`backward-needs-a-scalar`.
#
# The rule
# --------
#
# ``forward`` computes, and its steps are not recorded. ``setup_context`` notes in ``ctx`` what is needed later.
# ``backward`` gets the gradient :math:`v` of the output, and returns :math:`v \cdot \partial y / \partial x` for each
# argument of ``forward``, in their order. A number such as ``low`` gets ``None``; :ref:`too few values
# <returned-an-incorrect-number-of-gradients>` are an error. You call ``Clamp.apply``.


class Clamp(Function):
    @staticmethod
    def forward(x, low, high):
        return x.clamp(low, high)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, ctx.low, ctx.high = inputs  # numbers become attributes
        ctx.save_for_backward(x)  # tensors go here

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return torch.where((ctx.low < x) & (x < ctx.high), gradient, 0.0), None, None


x = torch.tensor([-3.0, -0.5, 0.75, 2.0], requires_grad=True)
for function in (Clamp.apply, torch.clamp):
    print(torch.autograd.grad(function(x, -1.0, 1.0).square().sum(), x)[0].tolist())

# %%
# When the values are right and the gradient is not
# -------------------------------------------------
#
# .. longer: 6 screens — a function is a class with three methods, and each use needs one
#
# A second use is numerical. The logarithm of 1 + e^x, called softplus, overflows at 200. Rearranged, its values are
# right, but ``clamp`` and ``abs`` have a corner at 0, and the gradient there is 0 in place of 0.5 (before torch 2.14 it
# was 1). The formula for the gradient is a :term:`sigmoid`, so write it as ``backward``.


class Softplus(Function):
    @staticmethod
    def forward(x):
        return x.clamp(min=0) + (-x.abs()).exp().log1p()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * x.sigmoid()


ways = {
    "as written": lambda x: (1 + x.exp()).log(),
    "rearranged": lambda x: x.clamp(min=0) + (-x.abs()).exp().log1p(),
    "Softplus": Softplus.apply,
    "torch's": F.softplus,
}
x = torch.tensor([-2.0, 0.0, 200.0], requires_grad=True)
for name, way in ways.items():
    gradient = torch.autograd.grad(way(x).sum(), x)[0]
    print(f"{name:<12}value at 200: {way(x)[2]:<6.4g} gradients {gradient.numpy().round(3)}")

# %%
# Test it with gradcheck
# ----------------------
#
# ``gradcheck`` compares ``backward`` with differences of ``forward``, over tiny steps. Give it double precision: in
# single precision the differences are too coarse, and a right function fails. Errors smaller than its tolerance pass. A
# straight-through estimator fails too, since it is not the derivative.


class Forgotten(Softplus):
    @staticmethod
    def backward(ctx, gradient):
        return ctx.saved_tensors[0].sigmoid()  # the gradient that arrives is left out


def passes(function, dtype):
    torch.manual_seed(0)
    x = torch.randn(4, dtype=dtype, requires_grad=True)
    return gradcheck(lambda x: 3 * function(x), x, raise_exception=False)


print("Softplus, float64: ", passes(Softplus.apply, torch.float64))
print("Forgotten, float64:", passes(Forgotten.apply, torch.float64))
with expect_warning(UserWarning, match="not a double precision"):
    print("Softplus, float32: ", passes(Softplus.apply, torch.float32))

# %%
# Do you need one?
# ----------------
#
# If you combine operations of torch, autograd knows the gradient. Both examples can be written without a class:
# ``detach`` hides the rounding from autograd, and ``logaddexp`` is a softplus with a careful gradient.

numbers = torch.tensor([-2.0, 0.3, 0.0, 200.0], requires_grad=True)
pairs = {
    "round": (lambda x: Round.apply(x, 1), lambda x: x + (x.round() - x).detach()),
    "softplus": (Softplus.apply, lambda x: torch.logaddexp(x, torch.zeros(()))),
}
for name, (own, composed) in pairs.items():
    torch.testing.assert_close(composed(numbers), own(numbers))
    gradients = [torch.autograd.grad(way(numbers).sum(), numbers)[0] for way in (own, composed)]
    torch.testing.assert_close(*gradients)
    print(f"{name:<9}{gradients[1].numpy().round(3)}")

# %%
# .. use-this::
#
#    First combine operations of torch. Write a function of your own where the gradient should differ from the
#    derivative, where autograd's is inexact or keeps too much, or where NumPy computes. Save tensors with
#    ``save_for_backward``, test with ``gradcheck`` in double precision, and mark a ``backward`` that cannot be
#    differentiated with ``once_differentiable``. It costs a call of Python in each pass. Skip a costly gradient that
#    ``ctx.needs_input_grad`` does not ask for. For ``vmap``, add the line ``generate_vmap_rule = True``. For autocast,
#    decorate with ``torch.amp.custom_fwd`` and ``custom_bwd``, and write the older form, in which ``forward`` takes
#    ``ctx`` and there is no ``setup_context``. ``torch.compile`` takes such functions.
#
# A common mistake
# ----------------
#
# **Tensors as attributes of ctx.** An attribute is no :term:`saved tensor`. If the result is overwritten before
# ``backward()``, no error appears, and the gradient of ``exp`` is 0 here. A result and the ``ctx`` that holds it also
# keep each other alive, until Python's garbage collector runs. With ``save_for_backward`` the first case raises an
# error, and the second does not occur.


class Exp(Function):
    @staticmethod
    def forward(x):
        return x.exp()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.result = output

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.result


class BetterExp(Exp):
    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, gradient):
        return gradient * ctx.saved_tensors[0]


print("Exp:", overwritten(Exp))
with expect_error(RuntimeError, match="modified by an inplace operation"):
    overwritten(BetterExp)

# %%
# How this was checked

# needs_input_grad: data need no gradient, and None will do.
wanted = []


class Product(Function):
    @staticmethod
    def forward(x, weight):
        return x @ weight.mT

    setup_context = Softplus.setup_context  # saves all inputs

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        wanted.append(ctx.needs_input_grad)
        of_x = gradient @ weight if ctx.needs_input_grad[0] else None
        of_weight = gradient.mT @ x if ctx.needs_input_grad[1] else None
        return of_x, of_weight


inputs, weight = torch.rand(5, 3), torch.rand(4, 3, requires_grad=True)
Product.apply(inputs, weight).sum().backward()
torch.testing.assert_close(weight.grad, inputs.sum(dim=0).expand(4, 3))
assert wanted == [(False, True)]


# vmap needs the line generate_vmap_rule = True.
class SoftplusForVmap(Softplus):
    generate_vmap_rule = True


batch = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
with expect_error(RuntimeError, match="does not have vmap support"):
    torch.func.vmap(Softplus.apply)(batch)
per_sample = torch.func.vmap(torch.func.grad(lambda row: SoftplusForVmap.apply(row).sum()))


# What stays alive without the garbage collector: each ctx whose attribute is its own result.
def alive(function):
    gc.collect()
    gc.disable()
    kept = []
    for _ in range(7):
        y = function.apply(torch.ones(3, requires_grad=True))
        kept.append(weakref.ref(y.grad_fn))
        del y
    count = sum(one() is not None for one in kept)
    gc.enable()
    gc.collect()
    return count, sum(one() is not None for one in kept)


assert alive(Exp) == (7, 0)
assert alive(BetterExp) == (0, 0)
# The functions equal torch's, values and gradients, on random inputs and where slopes meet.
torch.manual_seed(0)
for shape in ((), (1,), (5, 3), (2, 0), (4, 1, 6)):
    for scale in (0.0, 0.1, 1.0, 3.0, 300.0):
        leaf = scale * torch.randn(shape)
        if (
            scale == 1 and torch.__version__ >= "2.14"
        ):  # before, torch's own gradient at a limit was 1
            leaf = leaf.sign()  # -1 and 1 are the limits of Clamp
        leaf.requires_grad_()
        v = torch.randn(shape)
        for own, theirs in (
            (Softplus.apply, F.softplus),
            (lambda x: Clamp.apply(x, -1.0, 1.0), lambda x: x.clamp(-1.0, 1.0)),
            (Exp.apply, torch.exp),
        ):
            mine, wanted = own(leaf), theirs(leaf)
            torch.testing.assert_close(mine, wanted)
            pair = [torch.autograd.grad(y, leaf, v)[0] for y in (mine, wanted)]
            torch.testing.assert_close(*pair)
# Softplus as written gives inf and nan at 200; rearranged, the gradient at 0 is 0.
values = {name: way(x) for name, way in ways.items()}
slopes = {name: torch.autograd.grad(y.sum(), x)[0] for name, y in values.items()}
assert values["as written"][2].isinf()
assert slopes["as written"][2].isnan()
assert slopes["rearranged"].tolist()[1:] == [torch.__version__ < "2.14", 1]
torch.testing.assert_close(values["rearranged"], values["torch's"])
torch.testing.assert_close(slopes["Softplus"], x.detach().sigmoid())
# gradcheck: right in float64, first and second derivative; an error of 0.05 % passes, one of 1 % does not.
double = torch.randn(4, dtype=torch.float64, requires_grad=True)
assert gradgradcheck(Softplus.apply, (double,))
for error, noticed in ((0.0005, False), (0.01, True)):

    class Inexact(Softplus):
        @staticmethod
        def backward(ctx, gradient, error=error):
            return (1 + error) * Softplus.backward(ctx, gradient)

    assert passes(Inexact.apply, torch.float64) != noticed
assert passes(Softplus.apply, torch.float64)
assert not passes(Forgotten.apply, torch.float64)
with expect_warning(UserWarning, match="not a double precision"):
    assert not passes(Softplus.apply, torch.float32)
with expect_warning(UserWarning, match="not a double precision"):  # larger steps help float32
    single = double.detach().float().requires_grad_()
    assert gradcheck(Softplus.apply, single, eps=0.01, atol=0.01)
assert not passes(lambda x: Round.apply(x, 1.0), torch.float64)
# forward is not recorded, whatever it computes.
recording = []


class Watched(Function):
    @staticmethod
    def forward(x):
        recording.append((torch.is_grad_enabled(), (2 * x).requires_grad))
        return 2 * x

    setup_context = Softplus.setup_context
    backward = Softplus.backward


Watched.apply(double)
assert recording == [(False, False)]


# once_differentiable: a second derivative raises, without it NumPy's part counts as a constant.
class ByNumPy(Softplus):
    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * torch.from_numpy(1 / (1 + (-x.detach()).exp().numpy()))


class Once(ByNumPy):
    backward = staticmethod(once_differentiable(ByNumPy.backward))


one = torch.tensor([1.0], requires_grad=True)
for function, message in ((Once, "differentiate twice"), (ByNumPy, "")):
    (first,) = torch.autograd.grad(function.apply(one).square().sum(), one, create_graph=True)
    (exact,) = torch.autograd.grad(F.softplus(one).square().sum(), one, create_graph=True)
    torch.testing.assert_close(first, exact)
    with expect_error(RuntimeError, match=message) if message else contextlib.nullcontext():
        first.sum().backward()
        assert abs(one.grad - torch.autograd.grad(exact.sum(), one)[0]) > 0.1
# torch.compile takes such functions, too; torch.func needs setup_context.
for function in (Softplus, Round, Clamp):
    arguments = {Softplus: (), Round: (0.5,), Clamp: (-1.0, 1.0)}[function]

    def scaled(x, function=function, arguments=arguments):
        return 3 * function.apply(x, *arguments).sum()

    leaf = torch.tensor([-2.0, 0.3, 0.9], requires_grad=True)
    by_compiled = torch.compile(scaled, backend="aot_eager", fullgraph=True)(leaf)
    pair = [torch.autograd.grad(y, leaf)[0] for y in (by_compiled, scaled(leaf))]
    torch.testing.assert_close(*pair)


class OldForm(Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


assert torch.autograd.grad(OldForm.apply(one), one)[0] == 2
with expect_error(RuntimeError, match="must override the setup_context"):
    torch.func.grad(lambda x: OldForm.apply(x).sum())(torch.rand(3))
torch.testing.assert_close(per_sample(batch), batch.sigmoid())


# Autocast: without custom_fwd and custom_bwd, backward gets bfloat16 and has saved float32.
class Plain(Function):
    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return x @ weight.mT

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        return gradient @ weight, gradient.mT @ x


class ForAutocast(Plain):
    forward = staticmethod(torch.amp.custom_fwd(Plain.forward, device_type="cpu"))
    backward = staticmethod(torch.amp.custom_bwd(Plain.backward, device_type="cpu"))


class NewForm(Softplus):  # without ctx in forward, the decorators fail
    forward = staticmethod(torch.amp.custom_fwd(Softplus.forward, device_type="cpu"))
    backward = staticmethod(torch.amp.custom_bwd(Softplus.backward, device_type="cpu"))


with expect_error(AttributeError, match="_fwd_used_autocast"):
    NewForm.apply(weight).sum().backward()
for function in (Plain, ForAutocast):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = function.apply(inputs, weight)
    with (
        expect_error(RuntimeError, match="same dtype")
        if function is Plain
        else contextlib.nullcontext()
    ):
        assert torch.autograd.grad(y.float().sum(), weight)[0].dtype == torch.float32

# %%
# Check yourself
# --------------

w = torch.tensor(0.4, requires_grad=True)
(Round.apply(3 * w, 1) ** 2).backward()
ask(
    "w is 0.4. What is w.grad after (Round.apply(3 * w, 1) ** 2).backward()?",
    answer=round(w.grad.item(), 4),
    choices={
        0.0: "That is the gradient through torch.round.",
        6.0: "3 * w is rounded to 1. The square has the slope 2 there, and the product 3.",
        7.2: "The square sees the rounded number, 1, and not 1.2.",
    },
)

# %%
# The next question is about the test.

point = torch.tensor([0.3, 1.2], dtype=torch.float64, requires_grad=True)
ask(
    "What does gradcheck(lambda x: Round.apply(x, 1.0), point) do, for two numbers of float64?",
    answer=lambda: gradcheck(lambda x: Round.apply(x, 1.0), point),
    choices={
        True: "It compares with differences of forward, which are 0.",
        GradcheckError: "backward says 1, the differences say 0. A straight-through estimator is no derivative.",
    },
)

# %%
# **Exercise.** The loss log-cosh is near a square for small errors and near the absolute value for large ones. Its
# gradient is ``tanh``. Write it so that values and gradients are right from -300 to 300, where ``cosh`` overflows.


def log_cosh(x):
    raise NotImplementedError


def by_float64(x):
    x = x.double()
    return torch.stack([x.cosh().log(), x.tanh()]).float()


def value_and_gradient(function):
    def run(x):
        leaf = x.clone().requires_grad_()
        y = function(leaf)
        return torch.stack([y.detach(), torch.autograd.grad(y.sum(), leaf)[0]])

    return run


cases = [
    (torch.tensor([-1.0, 0.5]),),
    (torch.tensor([0.0, 2.0]),),
    (torch.tensor([-300.0, 300.0]),),
]
check(value_and_gradient(log_cosh), by_float64, cases)

# %%
# ``log(cosh(x))`` is ``|x| + log(1 + exp(-2 |x|)) - log(2)``. The backward pass does not differentiate this.

# Solution


class LogCosh(Function):
    @staticmethod
    def forward(x):
        return x.abs() + (-2 * x.abs()).exp().log1p() - torch.tensor(2.0).log()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * x.tanh()


def log_cosh(x):
    return LogCosh.apply(x)


report = check(value_and_gradient(log_cosh), by_float64, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`autograd-from-scratch` builds the engine that calls ``backward``.
#
# - PyTorch contributors (2026). `Extending PyTorch
#   <https://docs.pytorch.org/docs/stable/notes/extending.html>`__. When to write a function, and each of its rules.
# - Bengio, Léonard and Courville (2013). `Estimating or propagating gradients through stochastic neurons
#   <https://arxiv.org/abs/1308.3432>`__. Names and compares the straight-through estimator.

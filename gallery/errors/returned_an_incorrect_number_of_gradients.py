"""
.. _returned-an-incorrect-number-of-gradients:

RuntimeError: function SignBackward returned an incorrect number of gradients (expected 2, got 1)
=================================================================================================

``backward`` of your own autograd function has to return one value for each argument of ``forward`` but ``ctx``.
Return ``None`` for those that need no gradient.
"""

# %%
# Set-up

import torch
from torch.autograd import Function, gradcheck
from torch.autograd.function import once_differentiable
from torch.autograd.gradcheck import GradcheckError

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
x = torch.tensor([-2.0, 0.5, 3.0], requires_grad=True)

# %%


class Sign(Function):
    """The sign, whose gradient passes through where the input is near zero."""

    @staticmethod
    def forward(ctx, x, limit):
        ctx.save_for_backward(x)
        ctx.limit = limit
        return x.sign()

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * (x.abs() < ctx.limit)


with expect_error(RuntimeError, match=r"incorrect number of gradients \(expected 2, got 1\)"):
    Sign.apply(x, 1.0).sum().backward()

# %%
# The name is that of your class with ``Backward`` behind it. *Expected* is the number of arguments of ``forward``, here
# ``x`` and ``limit``. *Got* is the number of values that ``backward`` returned. A Python number has no gradient, but
# ``backward`` returns a value for it, too.
#
# .. longer: 6 screens — each message has a cell of its own
#
# ======================================================================  ============================================
# The message                                                             Fix
# ======================================================================  ============================================
# :ref:`expected 2, got 1 <grads-none>`                                   ``None`` for the other argument
# :ref:`a gradient different than None at position 2 <grads-none>`        ``None`` for what is no tensor
# :ref:`backward() takes 2 positional arguments but 3 <grads-outputs>`    one argument for each output
# :ref:`an invalid gradient at index 1 - got [3, 4] but <grads-shape>`    the shape of the input
# :ref:`expected Variable or None (got float) <grads-shape>`              a tensor
# :ref:`save_for_backward can only save variables <grads-save>`           ``ctx.limit = limit``
# ======================================================================  ============================================
#
# .. _grads-none:
#
# None for what needs no gradient
# -------------------------------
#
# Return the values in the order of the arguments. A gradient for a Python number is refused, too.


class BetterSign(Sign):
    @staticmethod
    def backward(ctx, gradient):
        return Sign.backward(ctx, gradient), None


class TwoGradients(Sign):
    @staticmethod
    def backward(ctx, gradient):
        return Sign.backward(ctx, gradient), gradient


BetterSign.apply(x, 1.0).sum().backward()
print(x.grad)
with expect_error(RuntimeError, match="a gradient different than None at position 2"):
    TwoGradients.apply(x, 1.0).sum().backward()

# %%
# .. _grads-outputs:
#
# Several outputs
# ---------------
#
# ``backward`` gets one gradient for each output of ``forward``. It returns one for each input.


class MinMax(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.min(), x.max()

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * (x == x.min())


class BetterMinMax(MinMax):
    @staticmethod
    def backward(ctx, of_min, of_max):
        (x,) = ctx.saved_tensors
        return of_min * (x == x.min()) + of_max * (x == x.max())


with expect_error(TypeError, match="takes 2 positional arguments but 3 were given"):
    MinMax.apply(x)[0].backward()
x.grad = None
smallest, largest = BetterMinMax.apply(x)
(largest - smallest).backward()
print(x.grad)
assert x.grad.tolist() == [-1, 0, 1]

# %%
# .. _grads-shape:
#
# A gradient of another shape
# ---------------------------
#
# The gradient of an input has the shape of the input. Here the weight has shape (out, in), but its gradient was written
# as (in, out). A gradient has to be a tensor, not a Python number.


class Linear(Function):
    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return x @ weight.mT

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        return gradient @ weight, x.mT @ gradient


class BetterLinear(Linear):
    @staticmethod
    def backward(ctx, gradient):
        of_x, of_weight = Linear.backward(ctx, gradient)
        return of_x, of_weight.mT


class FloatGradient(Sign):
    @staticmethod
    def backward(ctx, gradient):
        return 1.0, None


batch, weight = torch.randn(5, 3), torch.randn(4, 3, requires_grad=True)
with expect_error(
    RuntimeError, match=r"invalid gradient at index 1 - got \[3, 4\] but expected shape"
):
    Linear.apply(batch, weight).sum().backward()
BetterLinear.apply(batch, weight).sum().backward()
torch.testing.assert_close(weight.grad, batch.sum(dim=0).expand(4, 3))
with expect_error(RuntimeError, match=r"expected Variable or None \(got float\)"):
    FloatGradient.apply(x, 1.0).sum().backward()

# %%
# .. _grads-save:
#
# save_for_backward takes tensors
# -------------------------------
#
# Tensors that are arguments or results go into ``save_for_backward``. It notices when they are changed in place, and
# keeps results from leaking memory. Numbers, shapes and strings become attributes of ``ctx``.


class SavesNumber(Sign):
    @staticmethod
    def forward(ctx, x, limit):
        ctx.save_for_backward(x, limit)
        return x.sign()


with expect_error(TypeError, match="save_for_backward can only save variables, but argument 1 is"):
    SavesNumber.apply(x, 1.0)

# %%
# .. use-this::
#
#    Return as many values from ``backward`` as ``forward`` has arguments after ``ctx``, with ``None`` for those that
#    are no tensors. Test with ``gradcheck`` in float64, which compares your gradients with differences. It calls
#    ``forward`` twice for each number of the input and a few times more, so take a small input. Often you need no
#    function of your own, because most operations of torch have their gradients.
#
# A common mistake
# ----------------
#
# A ``None`` too many at the end raises nothing. A ``None`` in the place of a tensor that should be trained stops its
# gradient without an error. ``gradcheck`` notices the second.


class Scale(Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.save_for_backward(x, factor)
        return x * factor

    @staticmethod
    def backward(ctx, gradient):
        _, factor = ctx.saved_tensors
        return gradient * factor, None  # factor is a tensor that should be trained


x64 = torch.randn(4, dtype=torch.float64, requires_grad=True)
factor = torch.randn(4, dtype=torch.float64, requires_grad=True)
Scale.apply(x64, factor).sum().backward()
print("gradient of factor:", factor.grad)
with expect_error(GradcheckError, match="Jacobian mismatch for output 0 with respect to input 1"):
    gradcheck(Scale.apply, (x64, factor))

# %%
# How this was checked

# The count, for functions with one to four arguments and as many or fewer or more values.
for arguments in range(1, 5):
    for values in range(1, 6):

        class Counted(Function):
            @staticmethod
            def forward(ctx, *inputs):
                return inputs[0] * 2

            @staticmethod
            def backward(ctx, gradient, values=values):
                return (2 * gradient, *[None] * (values - 1))

        inputs = [x, *[1.0] * (arguments - 1)]
        if values >= arguments:  # further Nones are accepted
            Counted.apply(*inputs).sum().backward()
        else:
            wanted = rf"CountedBackward returned .* \(expected {arguments}, got {values}\)"
            with expect_error(RuntimeError, match=wanted):
                Counted.apply(*inputs).sum().backward()
# A function for which gradcheck passes.


class Square(Function):
    calls = 0

    @staticmethod
    def forward(ctx, x):
        Square.calls += 1
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return 2 * x * gradient


for size in (4, 50):
    Square.calls = 0
    assert gradcheck(Square.apply, (torch.randn(size, dtype=torch.float64, requires_grad=True),))
    assert 2 * size < Square.calls <= 2 * size + 4
# A further None is not noticed.


class OneMore(Square):
    @staticmethod
    def backward(ctx, gradient):
        return 2 * ctx.saved_tensors[0] * gradient, None


assert gradcheck(OneMore.apply, (x64,))
# A saved result that is changed in place is noticed.


class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, gradient):
        return ctx.saved_tensors[0] * gradient


y = Exp.apply(x)
with torch.no_grad():
    y.zero_()
with expect_error(RuntimeError, match="modified by an inplace operation"):
    y.sum().backward()
# A gradient that broadcasting made too large is summed by torch itself.


class AddBias(Function):
    @staticmethod
    def forward(ctx, x, bias):
        return x + bias

    @staticmethod
    def backward(ctx, gradient):
        return gradient, gradient


bias = torch.zeros(3, requires_grad=True)
AddBias.apply(batch, bias).sum().backward()
assert bias.grad.tolist() == [5, 5, 5]

# %%
# Check yourself
# --------------


def runs(count):
    class Three(Function):
        @staticmethod
        def forward(ctx, x, low, high):
            return x.clamp(low, high)

        @staticmethod
        def backward(ctx, gradient):
            return (gradient, *[None] * (count - 1))

    try:
        Three.apply(x, -1.0, 1.0).sum().backward()
        return True
    except RuntimeError:
        return False


ask(
    "forward(ctx, x, low, high) has these arguments. How many values must backward return at least?",
    answer=next(count for count in range(1, 6) if runs(count)),
    choices={
        1: "low and high have places, too.",
        3: "There are x, low and high: a gradient and two Nones.",
        4: "ctx has no place.",
    },
)

# %%
# The next question is about outputs.

ask(
    "forward returns two tensors and has one argument beside ctx. How many gradients does backward get?",
    answer=BetterMinMax.backward.__code__.co_argcount - 1,
    choices={
        1: "That is how many it returns.",
        2: "It gets one for each output.",
        3: "ctx is an argument, but no gradient.",
    },
)

# %%
# **Exercise.** Write ``backward`` of a function that clips its input to ``low`` and ``high``. The gradient passes where
# nothing was clipped. The tests have no input that equals a limit.


class Clip(Function):
    @staticmethod
    def forward(ctx, x, low, high):
        ctx.save_for_backward(x)
        ctx.limits = low, high
        return x.clamp(low, high)


def clip_backward(ctx, gradient):
    raise NotImplementedError


def gradient_of(backward):
    def run(values, low, high):
        mine = type("Mine", (Clip,), {"backward": staticmethod(backward)})
        leaf = values.clone().requires_grad_()
        mine.apply(leaf, low, high).square().sum().backward()
        return leaf.grad

    return run


def by_torch(values, low, high):
    leaf = values.clone().requires_grad_()
    leaf.clamp(low, high).square().sum().backward()
    return leaf.grad


cases = [
    (torch.tensor([-2.0, 0.5, 3.0]), -1.0, 1.0),
    (torch.tensor([[0.2, 4.0]]), 0.0, 5.0),
    (torch.tensor([7.0, 8.0]), -1.0, 1.0),
]
check(gradient_of(clip_backward), by_torch, cases)

# %%
# Return three values: one gradient and two ``None``.

# Solution


def clip_backward(ctx, gradient):
    (x,) = ctx.saved_tensors
    low, high = ctx.limits
    return gradient * ((x > low) & (x < high)), None, None


report = check(gradient_of(clip_backward), by_torch, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`cannot-assign-module-before-init`, the first of the errors of modules.
#
# - PyTorch contributors (2026). `Extending PyTorch
#   <https://docs.pytorch.org/docs/stable/notes/extending.html>`__. When a function of your own is right, and its rules.
# - PyTorch contributors (2026). `gradcheck
#   <https://docs.pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html>`__. The reference.

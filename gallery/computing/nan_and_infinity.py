"""
.. _nan-and-infinity:

Why is my result NaN or inf?
============================

The loss is NaN, no error was raised, and the weights are NaN after the next step. A float that grows too large becomes
``inf``, a calculation without an answer gives :term:`NaN`, and from there both spread.
"""

# %%
# Set-up

import math
import operator
import warnings

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask

torch.manual_seed(0)
above = torch.tensor([[1.0], [0.0], [math.inf], [math.nan]])
below = torch.tensor([2.0, 0.0, math.inf])

# %%

draw(torch.div, (above, below), names=["above", "below"], at=(1, 1))

# %%
# Each of four numbers is divided by each of three. 1 / 0 is infinity. 0 / 0 and infinity by infinity have no answer.
# You need to know :ref:`element-by-element`.
#
# The rule
# --------
#
# A float too large for its dtype is ``inf`` (floats of one byte aside). NaN stands for a result that does not exist:
# :math:`\infty - \infty`, :math:`0 \cdot \infty`, :math:`0 / 0`, :math:`\sqrt{-1}`, :math:`\log(-1)`. Adding to a NaN
# or multiplying it gives NaN, so one element spoils the sum, the mean and the maximum.

inf, nan = torch.tensor(math.inf), torch.tensor(math.nan)
origins = {
    "exp(89)": torch.tensor(89.0).exp(),
    "70000 in float16": torch.tensor(70000.0).half(),
    "inf - inf": inf - inf,
    "0 * inf": 0 * inf,
}
for name, value in origins.items():
    print(f"{name:<17}{value.item()}")

# %%
# Finding the first one
# ---------------------
#
# NaN is not equal to itself, so ``x == nan`` finds nothing. :func:`torch.isfinite` is True where a number is neither
# NaN nor infinite. In a network, test the output of each module in turn. A *hook* is a function that PyTorch calls
# after a module, and here it notes the modules whose output is not finite.

network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.Linear(4, 2))
nn.init.constant_(network[2].weight, 3e38)  # as after a step that was far too long
spoiled = []
for name, module in network.named_children():

    def watch(module, inputs, output, name=name):
        if not output.isfinite().all():
            spoiled.append(name)

    module.register_forward_hook(watch)
network(10 * torch.randn(5, 3))
print(f"first: layer {spoiled[0]}, then {spoiled[1:]}; nan == nan is {(nan == nan).item()}")
assert spoiled == ["2", "3"]

# %%
# The backward pass can make NaN of finite values. Here the slope of the root is infinite at 0, and is multiplied by 0.
# With ``torch.autograd.set_detect_anomaly(True)``, an error names the backward function that returned NaN, and a
# warning shows the line that called it. Its reference says that it slows a program, so use it for a few steps.

p = torch.tensor([0.0, 4.0], requires_grad=True)
print("value:", (p.sqrt() * torch.tensor([0.0, 1.0])).tolist())
with warnings.catch_warnings(record=True) as caught, torch.autograd.set_detect_anomaly(True):
    warnings.simplefilter("always")
    loss = (p.sqrt() * torch.tensor([0.0, 1.0])).sum()
    with expect_error(RuntimeError, match="'SqrtBackward0' returned nan values"):
        loss.backward()
report = str(caught[-1].message).splitlines()
print(*(line.strip() for line in report if "p.sqrt()" in line))
assert "SqrtBackward0" in report[0]
assert "slow down your program" in torch.autograd.detect_anomaly.__doc__

# %%
# Leaving them out
# ----------------
#
# Multiplying with a :term:`mask` removes no NaN, since 0 times NaN is NaN. Choosing removes it: :func:`torch.where`,
# :func:`torch.nan_to_num` or a reduction that skips NaN. With gradients, make the *input* harmless, because ``where``
# hides a value and not its gradient (:ref:`where-and-masked-fill`).

readings = torch.tensor([5.0, math.nan, 1.0])
valid = readings.isfinite()
print("times mask:", (readings * valid).sum().item())
print("where:     ", torch.where(valid, readings, 0).sum().item(), readings.nansum().item())
print("mean:      ", readings[valid].mean().item(), readings.nanmean().item())
safe = torch.where(p > 0, torch.where(p > 0, p, 1).sqrt(), 0)
assert torch.autograd.grad(safe.sum(), p)[0].tolist() == [0, 0.25]

# %%
# .. use-this::
#
#    Stop training when ``loss.isfinite()`` is False; in a loop on a GPU check every hundred steps, because the check
#    waits for the result. Then look for the first module whose output is not finite, and for the step before. Take
#    functions on logits, such as ``cross_entropy``. Add a small number under a root and to a denominator. Lower the
#    learning rate or clip the gradients where values grow from step to step.
#
# A common mistake
# ----------------
#
# **A condition that NaN passes.** Comparisons with NaN are False, except ``!=``. "Stop if the loss is above 100" goes
# on with NaN. Write the condition under which training may go on, and stop where it is not True.

loss = torch.tensor(math.nan)
print("loss > 100:         ", bool(loss > 100))
print("not (loss <= 100):  ", not loss <= 100)
print("loss.isfinite():    ", bool(loss.isfinite()))

# %%
# How this was checked

assert torch.tensor(-1.0).log().isnan()
for written, stable in [
    (
        -torch.tensor([0.0, 200.0]).softmax(dim=0).log()[0],
        F.cross_entropy(torch.tensor([0.0, 200.0]), torch.tensor(0)),
    ),
    (torch.tensor(200.0).exp().add(1).log(), F.softplus(torch.tensor(200.0))),
]:
    assert written == math.inf
    assert stable == 200
for compare in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq):
    for number in (100, -math.inf, math.inf, math.nan):
        assert not compare(loss, number)
        assert loss != number
block = torch.arange(24.0).reshape(2, 3, 4)
block[1, 0, 2] = math.nan
for name in ("sum", "mean", "max", "min", "amax", "amin", "std", "var", "median", "prod"):
    assert getattr(block, name)().isnan()
for result in (nan + 1, nan - nan, nan * 0, nan / nan, nan.exp(), nan.relu(), nan.clamp(0, 1)):
    assert result.isnan()
one = torch.tensor(1.0)
assert nan**0 == one**nan == 1  # the two powers that are 1 whatever the other number is
# Some functions hide a NaN, and so does a float of 8 bits that has no infinity.
assert (nan.sign(), torch.hypot(nan, inf)) == (0, math.inf)
if torch.__version__ >= "2.13":  # before, it became NaN
    assert (
        torch.tensor(1000.0).to(torch.float8_e4m3fn).float() == torch.finfo(torch.float8_e4m3fn).max
    )
for operation in (operator.add, operator.sub, operator.mul, operator.truediv):
    for number in (0, 1, -math.inf, math.inf, math.nan):
        assert operation(nan, number).isnan()
        assert operation(number, nan).isnan()
assert torch.fmax(nan, one) == 1
assert torch.maximum(nan, one).isnan()
for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
    about = torch.finfo(dtype)
    assert (torch.tensor(about.max, dtype=dtype) * 2) == math.inf
    assert -math.inf < about.min < about.max < math.inf
for x in (block, above, below, above / below):
    assert torch.equal(x != x, x.isnan())
    assert torch.equal(x - x == 0, x.isfinite())
    assert torch.allclose(x, x.clone(), equal_nan=True)
assert not torch.allclose(block, block)
# Integers have neither: on the CPU, // and % by 0 raise, and / makes floats first.
for operation in (operator.floordiv, operator.mod):
    with expect_error(RuntimeError, match="ZeroDivisionError"):
        operation(torch.tensor(1), torch.tensor(0))
assert torch.tensor(1) / torch.tensor(0) == -torch.tensor(0.0).log() == math.inf
assert torch.tensor([]).mean().isnan()
# One step with a NaN loss: the weights that the loss depends on are NaN.
layer = nn.Linear(3, 2)
(layer(torch.randn(5, 3)).sum() * nan).backward()
torch.optim.SGD(layer.parameters(), lr=0.1).step()
for weight in layer.parameters():
    assert weight.isnan().all()

# %%
# Check yourself
# --------------

ask(
    "What is torch.tensor([1.0, float('nan')]).max() > 0?",
    answer=(torch.tensor([1.0, math.nan]).max() > 0).item(),
    choices={
        True: "That would need 1 to be the maximum; one NaN spoils it.",
        False: "The maximum is NaN, and NaN > 0 is false.",
    },
)

# %%
# The next table misses a reading.

table = torch.tensor([[1.0, 2.0], [math.nan, 4.0]])
ask(
    "x is [[1, 2], [NaN, 4]]. What is x.sum(dim=0).isnan()?",
    answer=table.sum(dim=0).isnan(),
    choices={
        (True, True): "A NaN spoils what is computed from it: the sum of its column.",
        (True, False): "The column of the NaN is spoiled, the other is not.",
        (False, True): "That is dim=1: the row of the NaN is the second.",
    },
)

# %%
# **Exercise.** A table of readings, (sample, feature), has NaN where a sensor failed. Replace each NaN by the mean of
# the readings in its column. A column without a reading becomes 0.


def by_loops(x):
    result = x.clone()
    for j in range(x.shape[1]):
        there = [value for value in x[:, j].tolist() if not math.isnan(value)]
        for i in range(x.shape[0]):
            if x[i, j].isnan():
                result[i, j] = sum(there) / len(there) if there else 0.0
    return result


cases = [
    (torch.tensor([[1.0, 2.0], [math.nan, 4.0], [3.0, math.nan]]),),
    (torch.tensor([[math.nan, 2.0], [math.nan, math.inf], [math.nan, math.nan]]),),
    (torch.where(torch.rand(8, 5) < 0.3, math.nan, torch.rand(8, 5)),),
]


def fill_in(x):
    raise NotImplementedError


check(fill_in, by_loops, cases)

# %%
# ``nanmean`` gives a row of means, which broadcasts. The mean of a column without a reading is NaN, too.
# (``nan_to_num`` would also replace a mean that is infinite.)

# Solution


def fill_in(x):
    means = x.nanmean(dim=0)
    return torch.where(x.isnan(), means.where(~means.isnan(), 0), x)


report = check(fill_in, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`functional-modular-elementwise` explains the many names of one function.
#
# - PyTorch contributors (2026). `Autograd mechanics <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__.
#   What the gradient is at places where a function has no slope.
# - Goldberg (1991). `What every computer scientist should know about floating-point arithmetic
#   <https://doi.org/10.1145/103162.103163>`__. Why infinity and NaN are part of the standard.

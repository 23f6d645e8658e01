"""
.. _gradient-descent-four-times:

Gradient descent four times: NumPy, torch, autograd, nn and optim
=================================================================

A training loop in PyTorch hides its arithmetic behind ``backward`` and ``step``, so you cannot tell which of them does
what. This page fits one line four times, leaves more of the work to PyTorch each time, and gets the same numbers.
"""

# %%
# Set-up

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

x = np.array([1.0, 2.0, 3.0, 4.0])
y = 2 * x + 1
xt, yt = torch.from_numpy(x), torch.from_numpy(y)
lr, steps = 0.01, 20


def draw_lines(path):
    _, axis = plt.subplots(figsize=(5.4, 2.6), layout="constrained")
    axis.plot(x, y, "ko", label="data")
    for step in (1, 3, 8, 20):
        w, b = path[step - 1]
        axis.plot(x, w * x + b, label=f"after step {step}")
    axis.set(xlabel="x", ylabel="y", title="Each step brings the line closer to the points")
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    plt.show()


def numpy_by_hand():
    w, b, path = 0.0, 0.0, []
    for _ in range(steps):
        error = w * x + b - y  # (4,)
        gradient_w, gradient_b = (2 * error * x).mean(), (2 * error).mean()
        w, b = w - lr * gradient_w, b - lr * gradient_b
        path.append((w, b))
    return np.array(path)  # (20, 2)


path = numpy_by_hand()

# %%

draw_lines(path)

# %%
# The four points are on the line :math:`y = 2x + 1`. The fit :math:`y = wx + b` starts with w = 0 and b = 0, and each
# step moves both a little. You need to know :ref:`element-by-element` and :ref:`reductions`.
#
# The rule
# --------
#
# The loss is the mean of the squared errors, :math:`L = \frac1n \sum_i (w x_i + b - y_i)^2`. :term:`Gradient descent
# <gradient descent>` moves each parameter against the slope of the loss:
# :math:`w \leftarrow w - \text{lr} \, \partial L / \partial w`, and b in the same way. With pencil and paper you find
# :math:`\partial L / \partial w = \frac1n \sum_i 2 (w x_i + b - y_i) x_i`, and for b the same without the last factor.
# The same code runs on arrays and on tensors.

for name, xs, ys in (("NumPy", x, y), ("torch", xt, yt)):
    w, b = 0.0, 0.0
    for _ in range(steps):
        error = w * xs + b - ys
        gradient_w = (2 * error * xs).mean()
        gradient_b = (2 * error).mean()
        w, b = w - lr * gradient_w, b - lr * gradient_b
    print(f"{name}:    w = {w:.10f}, b = {b:.10f}")

# %%
# autograd finds the slopes
# -------------------------
#
# Now you write the loss alone. ``backward`` computes its :term:`gradient`, the two slopes, and adds them to ``w.grad``
# and ``b.grad``, so the code sets these to ``None`` before. The update is not part of the loss, and ``no_grad`` keeps
# it from being recorded.

w = torch.zeros((), dtype=torch.float64, requires_grad=True)
b = torch.zeros((), dtype=torch.float64, requires_grad=True)
for _ in range(steps):
    loss = ((w * xt + b - yt) ** 2).mean()
    w.grad = b.grad = None
    loss.backward()
    with torch.no_grad():
        w -= lr * w.grad
        b -= lr * b.grad
print(f"autograd: w = {w:.10f}, b = {b:.10f}")

# %%
# nn and optim give the parts names
# ---------------------------------
#
# :class:`torch.nn.Linear` holds w and b, :class:`torch.nn.MSELoss` is the loss, and :class:`torch.optim.SGD` is the
# update. A layer takes a :term:`batch`, so the four numbers become :val:`4 <xt.unsqueeze(1).shape[0]>` samples of
# :val:`1 <xt.unsqueeze(1).shape[1]>` feature. The target needs the same shape, or :ref:`broadcasting <broadcasting>`
# would compare each output with each target.

model = nn.Linear(1, 1, dtype=torch.float64)
nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)  # to begin as above
criterion, optimizer = nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=lr)
for _ in range(steps):
    loss = criterion(model(xt.unsqueeze(1)), yt.unsqueeze(1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"nn:       w = {model.weight.item():.10f}, b = {model.bias.item():.10f}")

# %%
# Who computes the gradient?
# --------------------------
#
# ``backward`` computes it. The :term:`optimizer` above does not see the loss. It reads ``.grad``, even one that you
# wrote by hand, and subtracts ``lr`` times that. Without a ``.grad`` it changes nothing.

p = nn.Parameter(torch.tensor([5.0, 6.0, 7.0]))
optimizer = torch.optim.SGD([p], lr=0.5)
optimizer.step()
print("no .grad:         ", p.tolist())
p.grad = torch.tensor([2.0, 0.0, -4.0])  # written by hand
optimizer.step()
print(".grad by hand:    ", p.tolist())

# %%
# .. use-this::
#
#    Write the fourth form: modules, a loss from ``torch.nn``, an optimizer. The loop then stays the same when you
#    change the network or the optimizer. (An exception is LBFGS, which needs the loss as a function.) Write the third
#    form for an update that PyTorch does not have. The gradient costs memory, because ``backward`` needs intermediate
#    results of the :term:`forward pass`.
#
# A common mistake
# ----------------
#
# **The update outside** ``no_grad``. A :term:`leaf` is a tensor that no recorded calculation made, such as ``w`` at
# first. While it records, PyTorch refuses to change such a ``w`` in place. The line ``w = w - lr * w.grad`` raises
# nothing, but its new ``w`` is a result and not a leaf. The next ``backward`` leaves its ``.grad`` at ``None``. The
# page on :ref:`this error <leaf-variable-in-place>` has more causes.

w = torch.tensor(3.0, requires_grad=True)
(w**2).backward()
with expect_error(RuntimeError, match="a leaf Variable that requires grad"):
    w -= lr * w.grad
w = w - lr * w.grad
print("after w = w - lr * w.grad, is w a leaf?", w.is_leaf)

# %%
# How this was checked

w = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
(by_autograd,) = torch.autograd.grad(((w * xt - yt) ** 2).mean(), w)
torch.testing.assert_close(by_autograd.item(), (2 * (0.3 * x - y) * x).mean())
first = torch.tensor(3.0, requires_grad=True)
result = first - 0.5
(result**2).backward()
with expect_warning(UserWarning, match="The .grad attribute of a Tensor that is not a leaf"):
    assert result.grad is None
assert first.grad == 5
w = torch.tensor(3.0, requires_grad=True)
with torch.no_grad():
    w -= 0.5
assert w.is_leaf
with expect_error(TypeError, match="missing 1 required positional argument: 'closure'"):
    torch.optim.LBFGS([w]).step()


def torch_by_hand():
    (w, b), path = torch.zeros(2, dtype=torch.float64), []
    for _ in range(steps):
        error = w * xt + b - yt
        w, b = w - lr * (2 * error * xt).mean(), b - lr * (2 * error).mean()
        path.append(torch.stack([w, b]))
    return torch.stack(path)


def with_autograd():
    wb, path = torch.zeros(2, dtype=torch.float64, requires_grad=True), []
    for _ in range(steps):
        loss = ((wb[0] * xt + wb[1] - yt) ** 2).mean()
        wb.grad = None
        loss.backward()
        with torch.no_grad():
            wb -= lr * wb.grad
        path.append(wb.detach().clone())
    return torch.stack(path)


for other in (torch_by_hand(), with_autograd()):  # the same after each of the 20 steps
    torch.testing.assert_close(other, torch.from_numpy(path), rtol=1e-12, atol=0)
torch.testing.assert_close(model.weight.item(), path[-1, 0], rtol=1e-12, atol=0)
torch.testing.assert_close(model.bias.item(), path[-1, 1], rtol=1e-12, atol=0)


def mean_squared_error(w, b):
    return ((w * x + b - y) ** 2).mean()


h = 1e-6  # the formulas for the slopes, against a difference quotient
for place, slope in (((h, 0), path[0, 0] / -lr), ((0, h), path[0, 1] / -lr)):
    quotient = (mean_squared_error(*place) - mean_squared_error(-place[0], -place[1])) / (2 * h)
    torch.testing.assert_close(slope, quotient, rtol=1e-6, atol=0)
for place in (0.0, 0.3, -1.7, 1e5):  # the gradient of autograd is exact up to rounding
    w = torch.tensor(place, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(((w * xt - yt) ** 2).mean(), w)
    formula = (2 * (place * x - y) * x).mean()
    assert abs(gradient.item() - formula) <= 10**-14 * abs(formula)
assert p.tolist() == [5 - 0.5 * 2, 6, 7 + 0.5 * 4]
assert xt.unsqueeze(1).shape == yt.unsqueeze(1).shape == (4, 1)

# %%
# Check yourself
# --------------

mean_rate, sum_rate = nn.Parameter(torch.zeros(8)), nn.Parameter(torch.zeros(8))
nn.MSELoss()(mean_rate, torch.ones(8)).backward()
nn.MSELoss(reduction="sum")(sum_rate, torch.ones(8)).backward()
(factor,) = set((sum_rate.grad / mean_rate.grad).tolist())
ask(
    f"The loss of a batch of {len(mean_rate)} numbers is changed from a mean to a sum. "
    "Which lr takes steps of the same size as 0.4 did?",
    answer=0.4 / factor,
    choices={
        0.4: f"The gradient of the sum is {factor:.0f} times as large, and so are the steps.",
        3.2: f"That makes the steps larger still: {factor * factor:.0f} times as large as before.",
        0.05: f"The gradient is {factor:.0f} times as large, so the rate is divided by {factor:.0f}.",
    },
)

# %%
# The three calls:

q = nn.Parameter(torch.tensor(2.0))
before = q.item()
(q**2).backward()
changed_by_backward = q.item() != before
torch.optim.SGD([q], lr=0.1).step()
changed_by_step = q.item() != before
ask(
    "Which call changes the weights?",
    answer={(False, True): "optimizer.step()", (True, True): "loss.backward()"}[
        (changed_by_backward, changed_by_step)
    ],
    choices={
        "loss.backward()": "It writes the gradients into .grad; the weights stay.",
        "optimizer.step()": "It reads .grad and changes the weights.",
        "optimizer.zero_grad()": "It empties .grad.",
    },
)

# %%
# **Exercise.** Fit a parabola :math:`y = a x^2` by hand: start with a = 0, take ``steps`` steps on the mean of the
# squared errors, and return a. Find the slope with pencil and paper; ``backward`` and ``grad`` are not allowed.


def by_autograd_alone(x, y, lr, steps):
    a = torch.zeros((), dtype=x.dtype)
    for _ in range(steps):
        slope = torch.func.grad(lambda a: ((a * x**2 - y) ** 2).mean())(a)
        a = a - lr * slope
    return a


cases = [
    (torch.tensor([1.0]), torch.tensor([2.0]), 0.1, 1),
    (torch.tensor([1.0, 2.0]), torch.tensor([3.0, 12.0]), 0.01, 2),
    (torch.linspace(-1, 1, 9), 3 * torch.linspace(-1, 1, 9) ** 2, 0.5, 20),
]


def fit_parabola(x, y, lr, steps):
    raise NotImplementedError


check(fit_parabola, by_autograd_alone, cases, without=["backward", "grad"])

# %%
# The slope is the mean of :math:`2 (a x^2 - y) x^2`.

# Solution


def fit_parabola(x, y, lr, steps):
    a = torch.zeros((), dtype=x.dtype)
    for _ in range(steps):
        a = a - lr * (2 * (a * x**2 - y) * x**2).mean()
    return a


report = check(fit_parabola, by_autograd_alone, cases, without=["backward", "grad"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`fitting-a-line`, and the learning rate that is too large.
#
# - Johnson (2017). `Learning PyTorch with examples
#   <https://docs.pytorch.org/tutorials/beginner/pytorch_with_examples.html>`__. The same way, from NumPy to optim, for
#   a polynomial.
# - Zhang, Lipton, Li and Smola (2023). `Dive into deep learning <https://d2l.ai/chapter_linear-regression/index.html>`__.
#   Its chapter on linear regression, from scratch and with modules.

"""
.. _gradient-descent-four-times:

Gradient descent four times: NumPy, torch, autograd, nn and optim
=================================================================

:term:`Gradient descent <gradient descent>` takes small steps against the :term:`gradient` of a :term:`loss`. This page
fits a line four times, each time leaving more of the work to PyTorch. The numbers are the same up to rounding. You need
to know :ref:`element-by-element` and :ref:`reductions`.
"""

# %%
# Four points lie on the line y = 2x + 1. The fit starts with w = 0 and b = 0, and each step moves both a little. The
# four fits compute in :val:`float64 <x.dtype>`, so that rounding can't hide a difference.

import numpy as np

x = np.array([1.0, 2.0, 3.0, 4.0])
y = 2 * x + 1
lr, steps = 0.01, 20


def numpy_by_hand(lr=lr):
    w, b, path = 0.0, 0.0, []
    for _ in range(steps):
        error = w * x + b - y  # (4,)
        gradient_w = (2 * error * x).mean()
        gradient_b = (2 * error).mean()
        w, b = w - lr * gradient_w, b - lr * gradient_b
        path.append((w, b))
    return np.array(path)  # (20, 2)


path = numpy_by_hand()
for step in (1, 3, 8, 20):
    print(f"step {step:>2}: w = {path[step - 1, 0]:.3f}, b = {path[step - 1, 1]:.3f}")

# %%
# Here they are as lines. After 20 steps the slope is within 0.3 of 2. The other parameter, b, lags behind: it is below
# 0.9.

import matplotlib.pyplot as plt
import torch
from torch import nn

from ptguide.errors import expect_error
from ptguide.questions import ask

path = torch.from_numpy(path)
assert abs(path[-1, 0] - 2) < 0.3
assert path[-1, 1] < 0.9
figure, axis = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
axis.plot(x, y, "ko", label="data")
for step in (1, 3, 8, 20):
    w, b = path[step - 1].tolist()
    axis.plot(x, w * x + b, label=f"after step {step}")
axis.set(xlabel="x", ylabel="y", title="Each step brings the line closer to the points")
axis.legend()
plt.show()

# %%
# 1. NumPy by hand
# ----------------
#
# The loss is the mean of the squared errors, :math:`L = \frac1n \sum_i (w x_i + b - y_i)^2`. Its gradient was found
# with pencil and paper: :math:`\partial L / \partial w` is the mean of :math:`2 \, \text{error}_i \, x_i`, and
# :math:`\partial L / \partial b` the mean of :math:`2 \, \text{error}_i`. The :term:`learning rate` ``lr`` says how far
# a step goes. PyTorch does not check these two lines. Here, a difference quotient does.


def mean_squared_error(w, b):
    return ((w * x + b - y) ** 2).mean()


h = 1e-6  # move w, then b, by this much to both sides
slope_w = (mean_squared_error(h, 0) - mean_squared_error(-h, 0)) / (2 * h)
slope_b = (mean_squared_error(0, h) - mean_squared_error(0, -h)) / (2 * h)
first_step = path[0] / -lr  # from w = 0 and b = 0
torch.testing.assert_close(first_step[0].item(), slope_w, rtol=1e-6, atol=0)
torch.testing.assert_close(first_step[1].item(), slope_b, rtol=1e-6, atol=0)

# %%
# 2. torch by hand
# ----------------
#
# The same lines with tensors. Nothing is gained yet, except that the data may lie on a GPU.

xt, yt = torch.from_numpy(x), torch.from_numpy(y)


def torch_by_hand():
    (w, b), path = torch.zeros(2, dtype=torch.float64), []
    for _ in range(steps):
        error = w * xt + b - yt
        gradient_w = (2 * error * xt).mean()
        gradient_b = (2 * error).mean()
        w, b = w - lr * gradient_w, b - lr * gradient_b
        path.append(torch.stack([w, b]))
    return torch.stack(path)


torch.testing.assert_close(torch_by_hand(), path, rtol=1e-12, atol=0)

# %%
# 3. autograd computes the gradient
# ---------------------------------
#
# Now the loss alone is written down. ``backward`` computes the gradients and adds them to ``w.grad`` and ``b.grad``, so
# they are emptied before. The update is no part of the calculation of the loss: inside :class:`torch.no_grad` it is not
# recorded.


def with_autograd():
    w = torch.zeros((), dtype=torch.float64, requires_grad=True)
    b = torch.zeros((), dtype=torch.float64, requires_grad=True)
    path = []
    for _ in range(steps):
        loss = ((w * xt + b - yt) ** 2).mean()
        w.grad = b.grad = None
        loss.backward()
        with torch.no_grad():
            w -= lr * w.grad
            b -= lr * b.grad
        path.append(torch.stack([w, b]).detach())
    return torch.stack(path)


torch.testing.assert_close(with_autograd(), path, rtol=1e-12, atol=0)

# %%
# 4. nn and optim: the model, the loss and the update have names
# --------------------------------------------------------------
#
# :class:`torch.nn.Linear` holds w and b, :class:`torch.nn.MSELoss` is the mean of the squared errors, and
# :class:`torch.optim.SGD` is the update. A layer takes a :term:`batch`, so the four numbers become 4 items of 1
# feature; ``y`` gets the same shape :val:`(4, 1) <yt.unsqueeze(1).shape>`, or :ref:`broadcasting <broadcasting>` would
# compare each with each.


def with_nn_and_optim():
    model = nn.Linear(1, 1, dtype=torch.float64)
    nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
    criterion, optimizer = nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=lr)
    path = []
    for _ in range(steps):
        loss = criterion(model(xt.unsqueeze(1)), yt.unsqueeze(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        path.append(torch.cat([model.weight[0], model.bias]).detach())
    return torch.stack(path)


torch.testing.assert_close(with_nn_and_optim(), path, rtol=1e-12, atol=0)
print(f"after {steps} steps, four times: w = {path[-1, 0]:.4f}, b = {path[-1, 1]:.4f}")

# %%
# "autograd is less exact"
# ------------------------
#
# One learner wrote this after such a comparison: the version in NumPy was nearly done after 20 steps, the one with
# autograd was not. The gradient there was ``np.dot(2 * x, error).mean()``. But ``np.dot`` of two vectors is a *sum*,
# one number, and the mean of one number is that number. So the gradient was 4 times as large, for the 4 points.

error = 0 * x + 0 - y
learners = np.dot(2 * x, error).mean()
assert np.ndim(np.dot(2 * x, error)) == 0
assert learners == 4 * (2 * error * x).mean()


def learners_version(lr=lr):
    w, b, path = 0.0, 0.0, []
    for _ in range(steps):
        error = w * x + b - y
        gradient_w = np.dot(2 * x, error).mean()
        gradient_b = np.dot(2 * np.ones(4), error).mean()
        w, b = w - lr * gradient_w, b - lr * gradient_b
        path.append((w, b))
    return torch.tensor(path, dtype=torch.float64)


sums = learners_version()
by_sums, by_means = (mean_squared_error(*route[-1].tolist()) for route in (sums, path))
print(f"loss after {steps} steps: {by_sums:.3f} with sums, {by_means:.3f} with means")
assert by_sums < 0.8 * by_means

# %%
# So this version is not more exact. Its steps are those of the means with a learning rate of 0.04. With 0.03 the sums
# are at :val:`0.12 <4 * 0.03>`, and run away, while the means still converge: :ref:`fitting-a-line` shows where the
# border is.

torch.testing.assert_close(sums.numpy(), numpy_by_hand(lr=4 * lr), rtol=1e-12, atol=0)
assert mean_squared_error(*learners_version(lr=0.03)[-1].tolist()) > mean_squared_error(0, 0)
assert mean_squared_error(*numpy_by_hand(lr=0.03)[-1].tolist()) < 0.1

# %%
# And the gradient of autograd is exact up to rounding: for this loss, in float64, it agrees with the formula in 14
# digits at each of four places.

for place in (0.0, 0.3, -1.7, 1e5):
    w = torch.tensor(place, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(((w * xt - yt) ** 2).mean(), w)
    formula = (2 * (place * x - y) * x).mean()
    assert abs(gradient.item() - formula) <= 10**-14 * abs(formula)

# %%
# "The optimizer calculates the gradients"
# ----------------------------------------
#
# It does not: ``backward`` does. The :term:`optimizer` in this loop does not see the loss. It reads ``.grad`` and
# changes the parameters. Where there is no ``.grad``, it changes nothing. If somebody has written one by hand, it takes
# that. (:class:`torch.optim.LBFGS` is given a function for the loss; that function calls ``backward``.)

p = nn.Parameter(torch.tensor([5.0, 6.0, 7.0]))
optimizer = torch.optim.SGD([p], lr=0.5)
loss = (p**2).sum()
optimizer.step()  # no backward yet, so p.grad is None
assert p.grad is None
assert p.tolist() == [5, 6, 7]

p.grad = torch.tensor([2.0, 0.0, -4.0])  # not the gradient of that loss
optimizer.step()
assert p.tolist() == [5 - 0.5 * 2, 6, 7 + 0.5 * 4]

# %%
# What goes wrong
# ---------------
#
# The update outside ``no_grad``: torch refuses to change a leaf that is being recorded. Written as ``w = w - ...`` it
# raises nothing, but makes a new tensor that is no :term:`leaf`. ``backward`` fills the ``.grad`` of leaves.

w = torch.tensor(3.0, requires_grad=True)
(w**2).backward()
with expect_error(RuntimeError, match="a leaf Variable that requires grad"):
    w -= 0.1 * w.grad
v = w - 0.1 * w.grad
assert (w.is_leaf, v.is_leaf) == (True, False)

# %%
# The gradient that is not emptied: the second ``backward`` adds to the first, and the step is made of both.

assert w.grad == 6
(w**2).backward()
assert w.grad == 6 + 6

# %%
# Check yourself
# --------------

mean_rate, sum_rate = nn.Parameter(torch.zeros(8)), nn.Parameter(torch.zeros(8))
nn.MSELoss()(mean_rate, torch.ones(8)).backward()
nn.MSELoss(reduction="sum")(sum_rate, torch.ones(8)).backward()
(factor,) = set((sum_rate.grad / mean_rate.grad).tolist())
ask(
    "The loss of a batch of 8 numbers is changed from a mean to a sum. What lr takes the same steps as 0.4 did?",
    answer=0.4 / factor,
    choices={
        0.4: "The gradient of the sum is 8 times as large, so are the steps.",
        3.2: f"That makes the steps larger still: {factor * factor:.0f} times as large.",
        0.05: "The gradient grows 8 times, so the rate must be 8 times smaller.",
    },
)

# %%
# And who does what:

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
# Next: :ref:`fitting-a-line`, and the learning rate that is just too large.

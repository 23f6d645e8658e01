"""
.. _regression-losses:

MSE, L1 or Huber: which loss do I use for regression?
=====================================================

Your network predicts a number, and a few targets are far off, because of a typing error or a rare event. With the
squared error those few decide what the network learns; L1 and Huber limit their pull.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import TensorData, batches, noisy_line, wine
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

line = noisy_line("train", size=50, noise=0.3)
x, y = line.inputs.flatten(), line.targets.flatten()
spoiled = y.clone()
last = x.argsort()[-3:]
spoiled[last] -= 30  # three wrong targets, at the right end
losses = {"MSE": F.mse_loss, "L1": F.l1_loss, "Huber": F.huber_loss}


def fit_line(criterion, targets):
    """Return slope and intercept of the line with the least loss, found by gradient descent."""
    wb = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([wb], lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 600)
    for _ in range(600):
        loss = criterion(wb[0] * x + wb[1], targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return wb.detach()


def draw_fits(fits):
    _, axis = plt.subplots(figsize=(5.4, 2.4), layout="constrained")
    axis.plot(x, spoiled, "o", color="gray", markersize=3)
    ends = torch.stack([x.min(), x.max()])
    for (name, (w, b)), style in zip(fits.items(), ("-", "--", ":"), strict=True):
        axis.plot(ends, w * ends + b, style, linewidth=2, label=f"{name}: slope {w:.2f}")
    axis.set(xlabel="x", ylabel="y")
    axis.legend(fontsize=8)
    axis.set_title("Three wrong targets turn the line of MSE")
    plt.show()


def draw_losses():
    e = torch.linspace(-4, 4, 401).requires_grad_()
    _, axes = plt.subplots(ncols=2, figsize=(5.8, 2.2), layout="constrained")
    for (name, loss), style in zip(losses.items(), ("-", "--", ":"), strict=True):
        value = loss(e, torch.zeros_like(e), reduction="none")
        (slope,) = torch.autograd.grad(value.sum(), e)
        axes[0].plot(e.detach(), value.detach(), style, label=name)
        axes[1].plot(e.detach(), slope, style)
    axes[0].set(xlabel="error", ylabel="loss", ylim=(0, 8))
    axes[1].set(xlabel="error", ylabel="gradient", ylim=(-8, 8))
    axes[0].legend(fontsize=8)
    axes[0].figure.suptitle("The gradient of MSE grows with the error")
    plt.show()


wines, unseen = wine("train", standardize=True), wine("test", standardize=True)
raw, raw_unseen = wine("train", standardize=False), wine("test", standardize=False)
PROLINE = 12  # the column proline, from 278 to 1680 mg / l
grams, grams_unseen = raw.inputs[:, PROLINE], raw_unseen.inputs[:, PROLINE]
center, scale = grams.mean(), grams.std()


def without(inputs):
    return torch.cat([inputs[:, :PROLINE], inputs[:, PROLINE + 1 :]], dim=1)


def predict_proline(criterion, standardized, seed, lr):
    """Train on the other 12 columns; return the predictions for unseen wines in mg / l."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(network.parameters(), lr=lr)
    targets = (grams - center) / scale if standardized else grams
    data = TensorData(without(wines.inputs), targets)
    order = torch.Generator().manual_seed(seed)
    for _ in range(40):
        for inputs, wanted in batches(data, 22, shuffle=True, generator=order):
            loss = criterion(network(inputs).squeeze(1), wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        outputs = network(without(unseen.inputs)).squeeze(1)
    return outputs * scale + center if standardized else outputs


# %%

# Varies with the processor: a training amplifies how it rounds.
fits = {name: fit_line(loss, spoiled) for name, loss in losses.items()}
draw_fits(fits)
print("slope of the line that made the data: 2.25")

# %%
# The three wrong targets are at the lower right. MSE is the *mean squared error*, L1 the mean absolute error, and Huber
# a mixture. You need to know :ref:`the-training-loop`.
#
# .. longer: 5 screens — what each loss predicts and what units change are measured
#
# The rule
# --------
#
# With the error :math:`e`, prediction minus target, MSE takes :math:`e^2` and L1 takes :math:`|e|`. Huber takes
# :math:`e^2 / 2` up to :math:`|e| = \delta`, and the straight line :math:`\delta (|e| - \delta / 2)` beyond. The
# gradient says how hard a target pulls on the line. With MSE the pull grows with the error, and with L1 it does not.

e = torch.tensor([0.1, 1.0, 10.0, 100.0], requires_grad=True)
for name, loss in losses.items():
    (slope,) = torch.autograd.grad(loss(e, torch.zeros(4), reduction="sum"), e)
    print(f"{name:<6}pulls {[round(s, 1) for s in slope.tolist()]}")
draw_losses()

# %%
# What do they predict?
# ---------------------
#
# Where a network cannot tell samples apart, it gives one number for them. For MSE the best number is the mean of their
# targets, and for L1 it is the median. Neither is wrong: they answer different questions.

targets = torch.tensor([1.0, 2.5, 3.0, 4.0, 100.0])
candidates = torch.linspace(0, 100, 10001)
for name, loss in losses.items():
    costs = loss(*torch.broadcast_tensors(candidates[:, None], targets), reduction="none")
    best = candidates[costs.mean(dim=1).argmin()].item()
    print(f"{name:<6}predicts {best:.2f}")
print(f"mean {targets.mean():.2f}, median {targets.median():.2f}")

# %%
# Units: scale the targets
# ------------------------
#
# A squared error has a squared unit. Report its root (RMSE) or L1, which have the unit of the target. Here a network
# predicts the proline of unseen wines, in mg per liter, from their other measurements. The targets are raw, or shifted
# and scaled by mean and standard deviation of the training set. A step of Adam moves a weight by about ``lr`` at first,
# so outputs in the hundreds need many steps or a large ``lr``. Scaled targets train well at a usual ``lr``.

# Varies with the processor: a training amplifies how it rounds.
guess = F.l1_loss(grams.median().expand(len(grams_unseen)), grams_unseen)
print(f"the median of the training set: error {guess:.0f} mg/l")
found = {}
for name, lr in (("raw", 0.01), ("raw", 0.1), ("scaled", 0.01)):
    outputs = [predict_proline(F.mse_loss, name == "scaled", seed, lr) for seed in range(3)]
    errors = [F.l1_loss(one, grams_unseen).item() for one in outputs]
    found[name, lr] = errors
    print(f"{name:<7}lr {lr:<5} error {min(errors):.0f} to {max(errors):.0f} mg/l")

# %%
# Huber's delta is in the unit of the target
# ------------------------------------------
#
# By default ``delta`` is :val:`1 <nn.HuberLoss().delta>`. If the errors are in the hundreds, nearly all are beyond it,
# and Huber pulls like L1. ``smooth_l1_loss`` is Huber divided by ``beta``, its name for ``delta``.

small, large = torch.tensor([0.5, -0.2, 3.0]), torch.tensor([150.0, -60.0, 900.0])
assert F.huber_loss(large, torch.zeros(3)) == F.huber_loss(large, torch.zeros(3), delta=1.0)
for name, error in (("errors near 1", small), ("in the hundreds", large)):
    zero = torch.zeros(3)
    huber, l1 = F.huber_loss(error, zero, delta=1.0), F.l1_loss(error, zero)
    print(f"{name:<16}Huber {huber:.2f}, L1 {l1:.2f}")
two = F.huber_loss(large, zero, delta=200.0)
torch.testing.assert_close(two / 200, F.smooth_l1_loss(large, zero, beta=200.0))

# %%
# .. use-this::
#
#    Scale the targets to mean 0 and standard deviation 1, train with ``F.mse_loss`` on outputs and targets of one
#    shape, and report L1 in the unit of the target. Deviate with ``F.huber_loss`` where some targets may be wrong, and
#    with ``F.l1_loss`` where you want the median. L1 pulls as hard at a small error as at a large one, so let the
#    learning rate fall. At a constant rate the weights keep swinging. Each of the three computes one number for each
#    prediction and takes the mean.
#
# Common mistakes
# ---------------
#
# **Training on the root.** The square root of MSE has its minimum at the same place. Where the whole loss is exactly 0,
# its gradient is NaN, and one step puts it into the weights. Train on MSE, and take the root for the report.
# (Predictions (N, 1) against targets (N,) are another mistake: :ref:`loss-of-n-against-n-by-1`.)

w = torch.tensor([2.0], requires_grad=True)
perfect = w * torch.tensor([3.0]), torch.tensor([6.0])
(slope,) = torch.autograd.grad(F.mse_loss(*perfect).sqrt(), w)
print("gradient of the root:", slope.item())
perfect = w * torch.tensor([3.0]), torch.tensor([6.0])
(slope,) = torch.autograd.grad(F.mse_loss(*perfect), w)
print("gradient of MSE:     ", slope.item())

# %%
# How this was checked

assert fits["MSE"][0] < 1.5
assert all(abs(fits[name][0] - 2.25) < 0.35 for name in ("L1", "Huber"))
clean = {name: fit_line(loss, y) for name, loss in losses.items()}  # without the wrong targets
assert all(abs(w - 2.25) < 0.2 for w, _ in clean.values())
assert max(found["raw", 0.1] + found["scaled", 0.01]) < guess < min(found["raw", 0.01])
for lr in (0.01, 0.1):  # the first steps of Adam
    p = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([p], lr=lr)
    for _ in range(10):
        before = p.item()
        optimizer.zero_grad()
        F.mse_loss(p, torch.tensor([700.0])).backward()
        optimizer.step()
        assert abs(p.item() - before - lr) < 0.1 * lr


def shaking(criterion, seed, falling):
    """Return how far the slope still moves in the last 50 of 600 steps."""
    points = noisy_line("train", size=50, noise=0.3, seed=seed)
    wb = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([wb], lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 600)
    slopes = []
    for _ in range(600):
        optimizer.zero_grad()
        criterion(wb[0] * points.inputs + wb[1], points.targets).backward()
        optimizer.step()
        if falling:
            schedule.step()
        slopes.append(wb[0].item())
    return max(slopes[-50:]) - min(slopes[-50:])


for seed in range(3):
    assert shaking(F.l1_loss, seed, falling=False) > 0.01
    assert shaking(F.l1_loss, seed, falling=True) < 0.002
    assert shaking(F.mse_loss, seed, falling=False) < 0.002
partly = torch.zeros(3, requires_grad=True)  # one error that is not 0 keeps the root finite
root = F.mse_loss(partly, torch.tensor([0.0, 0.0, 1.0])).sqrt()
assert torch.autograd.grad(root, partly)[0].isfinite().all()
design = torch.stack([x, torch.ones_like(x)], dim=1)
exact = torch.linalg.lstsq(design, spoiled[:, None]).solution.flatten()
torch.testing.assert_close(fits["MSE"], exact, atol=0.02, rtol=0.02)
g = torch.Generator().manual_seed(0)
for shape in [(), (1,), (5,), (3, 2)]:
    a, b = (3 * torch.randn(shape, generator=g, dtype=torch.float64) for _ in "ab")
    e = a - b
    torch.testing.assert_close(F.mse_loss(a, b), (e * e).mean())
    torch.testing.assert_close(F.l1_loss(a, b), e.abs().mean())
    for delta in (0.1, 1.0, 2.5):
        by_hand = torch.where(e.abs() < delta, e**2 / 2, delta * (e.abs() - delta / 2)).mean()
        torch.testing.assert_close(F.huber_loss(a, b, delta=delta), by_hand)
        torch.testing.assert_close(F.smooth_l1_loss(a, b, beta=delta), by_hand / delta)
zero = torch.zeros(1, requires_grad=True)  # at an error of 0 the gradient of L1 is 0
assert torch.autograd.grad(F.l1_loss(zero, torch.zeros(1)), zero)[0] == 0
far = torch.tensor([300.0], dtype=torch.float16)  # the square is beyond float16
assert F.mse_loss(far, torch.zeros_like(far)).isinf()
assert F.l1_loss(far, torch.zeros_like(far)) == 300
with torch.autocast("cpu", dtype=torch.bfloat16):
    assert F.mse_loss(nn.Linear(3, 1)(torch.ones(2, 3)), torch.zeros(2, 1)).dtype == torch.float32
with expect_error(NotImplementedError, match="not implemented for 'Long'"):
    F.mse_loss(torch.tensor([1]), torch.tensor([2]))
for loss in losses.values():
    assert loss(targets, targets, reduction="none").shape == targets.shape

# %%
# Check yourself
# --------------

salaries = torch.tensor([2.0, 2.0, 3.0, 3.0, 90.0])
grid = torch.linspace(0, 100, 1001)
at = F.l1_loss(*torch.broadcast_tensors(grid[:, None], salaries), reduction="none").mean(dim=1)
ask(
    "Five targets are 2, 2, 3, 3 and 90. A network cannot tell the samples apart. What does it learn to say with L1?",
    answer=round(grid[at.argmin()].item(), 1),
    choices={
        20.0: "That is the mean, which MSE would learn.",
        3.0: "The median: two targets are below 3, and one is above.",
        90.0: "One target alone pulls no harder than another with L1.",
        2.0: "Then three targets would pull it up, and none down.",
    },
)

# %%
# The next question is about an error that doubles.

one, double = (F.mse_loss(torch.tensor(error), torch.tensor(0.0)) for error in (3.0, 6.0))
ask(
    "A prediction that was wrong by 3 is now wrong by 6. By which factor does its squared error grow?",
    answer=(double / one).item(),
    choices={
        2.0: "The absolute error doubles, and so does the gradient of the squared error.",
        4.0: "The error is squared: 36 in place of 9.",
        9.0: "That is the squared error before.",
    },
)

# %%
# **Exercise.** Some targets are missing, as NaN. Return the mean squared error of the predictions whose target is
# there.


def by_loop(outputs, targets):
    pairs = zip(outputs.tolist(), targets.tolist(), strict=True)
    squares = [(p - t) ** 2 for p, t in pairs if t == t]  # NaN is not equal to itself
    return torch.tensor(sum(squares) / len(squares))


nan = float("nan")
cases = [
    (torch.tensor([1.0, 2.0]), torch.tensor([3.0, nan])),
    (torch.tensor([0.0, 0.5, 1.0]), torch.tensor([nan, 0.0, 3.0])),
    (torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, 4.0])),
]


def mse_of_known(outputs, targets):
    raise NotImplementedError


check(mse_of_known, by_loop, cases)

# %%
# Select the pairs first. A product with a mask of zeros does not help, because 0 times NaN is NaN.

# Solution


def mse_of_known(outputs, targets):
    known = ~targets.isnan()
    return F.mse_loss(outputs[known], targets[known])


report = check(mse_of_known, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`kl-divergence`, the distance of two distributions.
#
# - Huber (1964). `Robust estimation of a location parameter <https://doi.org/10.1214/aoms/1177703732>`__. Where the
#   loss comes from: between the sample mean and the sample median.
# - PyTorch contributors (2026). `SmoothL1Loss
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.SmoothL1Loss.html>`__. How it differs from Huber as beta
#   becomes small or large.

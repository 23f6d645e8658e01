"""
.. _loss-of-n-against-n-by-1:

UserWarning: Using a target size (torch.Size([5])) that is different to the input size (torch.Size([5, 1])).
============================================================================================================

Your model gives predictions of shape (5, 1) and the targets have shape (5,), so the loss compares each prediction with
each target. Write ``prediction.squeeze(1)``: without it, a squared error teaches the model the mean of the targets.
"""

# %%
# Set-up

import warnings

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask

target = torch.tensor([1.0, 2.0, 4.0, 8.0, 10.0])
prediction = target.unsqueeze(1)  # right, and of shape (5, 1), as nn.Linear(..., 1) gives

x = torch.linspace(-2, 2, 30).unsqueeze(1)  # (30, 1)


def fit(drop_axis, seed):
    """Draw data and first weights, train a line; return the model, the losses and the targets."""
    torch.manual_seed(seed)
    y = 3 * x.squeeze(1) + 1 + torch.randn(30)  # (30,)
    model, losses = nn.Linear(1, 1), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(100):
        predicted = model(x).squeeze(1) if drop_axis else model(x)
        loss = ((predicted - y) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, losses, y


def draw_fits(right, wrong):
    figure, (left, axis) = plt.subplots(ncols=2, figsize=(5.8, 2.6), layout="constrained")
    for (model, losses, _), color, label in [(right, "C0", "(30,)"), (wrong, "C1", "(30, 1)")]:
        left.plot(losses, color=color, label=label)
        with torch.no_grad():
            axis.plot(x, model(x), color=color)
    axis.plot(x, right[2], ".", color="gray")
    left.set(xlabel="step", ylabel="loss", ylim=(0, None))
    axis.set(xlabel="x", ylabel="y")
    left.legend(title="predictions")
    figure.suptitle("Both losses fall, and one model learns the mean")
    plt.show()


# %%

with expect_warning(UserWarning, match="that is different to the input size"):
    wrong = F.mse_loss(prediction, target)
print("a perfect prediction costs", wrong.item())

# %%
# Each prediction here is right, so the loss should be 0. A squared error that is written by hand gives the same wrong
# number and no warning. See :ref:`broadcasting`.
#
# .. longer: 6 screens — it is silent, so the training, the losses that warn and the test each have a cell
#
# ====================================================================  =============================================
# What you see                                                          Fix
# ====================================================================  =============================================
# this warning                                                          ``prediction.squeeze(1)``
# :ref:`the loss stops at the variance of the targets <n1-training>`    ``prediction.squeeze(1)``
# :ref:`the same prediction for each input <n1-training>`               ``prediction.squeeze(1)``
# :ref:`an accuracy of chance <n1-accuracy>`                            the same, where you compare with labels
# :ref:`no warning: which losses say something? <n1-who>`               :ref:`a test of three lines <n1-test>`
# ====================================================================  =============================================
#
# The rule
# --------
#
# Shape :math:`(N, 1)` minus shape :math:`(N)` gives :math:`(N, N)`. The differences that were meant are on the
# diagonal. The other :val:`20 <(prediction - target).count_nonzero().item()>` compare one sample's prediction with
# another sample's target.

assert F.mse_loss(prediction.squeeze(1), target) == 0
assert (prediction - target).count_nonzero() == 20
assert (prediction - target).diagonal().eq(0).all()
draw(torch.sub, (prediction, target), names=["prediction", "target"])

# %%
# .. _n1-training:
#
# What the model learns
# ---------------------
#
# A model fits a line to :val:`30 <len(x)>` noisy points around a line of slope 3. It does so once with the axis dropped
# and once without, for five draws each. Nothing warns. The wrong loss (orange) falls as well, and stops at the variance
# of the targets. Its line has slope 0: the model gives the mean of the targets and ignores the input.
#
# Each prediction :math:`p_i` is compared with the whole list of targets. The loss is then the mean squared distance to
# their mean :math:`\bar{y}`, plus the variance of the targets, which does not depend on the model: :math:`L =
# \frac{1}{N} \sum_i (p_i - \bar{y})^2 + \mathrm{var}(y)`.

rights, wrongs = ([fit(drop_axis, seed) for seed in range(5)] for drop_axis in (True, False))
for name, runs in {"(30,)": rights, "(30, 1)": wrongs}.items():
    parts = [losses[-1] / y.var(correction=0).item() for _, losses, y in runs]
    slopes = [model.weight.item() for model, _, _ in runs]
    print(f"predictions {name}: slope {min(slopes):z.2f} to {max(slopes):z.2f},", end=" ")
    print(f"last loss / variance of y {min(parts):.2f} to {max(parts):.2f}")
draw_fits(rights[0], wrongs[0])

# %%
# How this was checked

for _ in range(3):
    guess = torch.randn(5, 1)
    loss = ((guess - target) ** 2).mean()
    by_formula = ((guess - target.mean()) ** 2).mean() + target.var(correction=0)
    print(f"{loss.item():.4f} {by_formula.item():.4f}")
    torch.testing.assert_close(loss, by_formula)

# %%
# .. _n1-who:
#
# Which losses say something?
# ---------------------------
#
# The cell calls five losses with the prediction and the target from above. One of them says nothing.

verdicts = {}
for loss in [
    F.mse_loss,
    F.l1_loss,
    F.huber_loss,
    F.poisson_nll_loss,
    F.binary_cross_entropy_with_logits,
]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            loss(prediction, target)
            verdicts[loss.__name__] = "warns" if caught else "says nothing"
        except ValueError:
            verdicts[loss.__name__] = "raises"
    print(f"{loss.__name__:33}{verdicts[loss.__name__]}")
assert set(verdicts.values()) == {"warns", "says nothing", "raises"}

# %%
# .. _n1-accuracy:
#
# An accuracy of chance
# ---------------------
#
# The line that compares predictions with labels calls no loss that could warn. With two classes of equal size it gives
# 0.5 for each of the 16 possible lists of four answers: the predictions do not matter.

labels = torch.tensor([0, 1, 1, 0])
lists = torch.cartesian_prod(*[torch.tensor([0, 1])] * 4)
found = set()
for answers in lists:
    found.add((answers.unsqueeze(1) == labels).float().mean().item())
print(found)
assert (len(lists), found) == (16, {0.5})

# %%
# .. _n1-test:
#
# A test of three lines
# ---------------------
#
# A perfect prediction costs nothing, for a squared or an absolute error. Use two samples or more. Take the shape of
# the prediction from the model and that of the target from the data set, here one axis.


def test_a_perfect_prediction_costs_nothing(loss, model, x):
    predicted = model(x).detach()
    cost = loss(predicted, predicted.flatten())
    assert cost == 0, f"a perfect prediction costs {cost:.2f}"


def by_hand(predicted, y):
    return ((predicted - y) ** 2).mean()


def corrected(predicted, y):
    return ((predicted.squeeze(1) - y) ** 2).mean()


with expect_error(AssertionError, match="a perfect prediction costs"):
    test_a_perfect_prediction_costs_nothing(by_hand, nn.Linear(1, 1), x)
test_a_perfect_prediction_costs_nothing(corrected, nn.Linear(1, 1), x)
print("the corrected loss passes")

# %%
# .. use-this::
#
#    Drop the axis where the prediction is made: ``prediction.squeeze(1)``. Or give the targets the axis in the data
#    set, ``target[:, None]``. Neither copies. In a loss that you write, refuse what does not fit:
#    ``assert prediction.shape == target.shape``. Run your tests with ``python -W error``, which turns warnings into
#    errors. With the assert, a loss can no longer broadcast where you mean it, as in a table of distances.
#
# A common mistake
# ----------------
#
# ``squeeze()`` without a number drops each axis of size 1. In the last batch, which may hold one sample, it drops the
# batch too, and the next line fails or broadcasts. Name the axis. See :ref:`unsqueeze-and-squeeze`.

one = nn.Linear(3, 1)(torch.ones(1, 3))  # a batch of one sample
print("squeeze():", tuple(one.squeeze().shape), " squeeze(1):", tuple(one.squeeze(1).shape))
assert one.squeeze().shape == ()
assert one.squeeze(1).shape == (1,)

# %%
# How this was checked

# By hand, the same wrong number, and no warning.
with warnings.catch_warnings():
    warnings.simplefilter("error")
    assert ((prediction - target) ** 2).mean() == wrong
    with expect_error(UserWarning, match="Using a target size"):
        F.mse_loss(prediction, target)
assert F.mse_loss(prediction.squeeze(1), target) == F.mse_loss(prediction, target[:, None]) == 0
# The fits of all seeds: the right slope is near 3, the wrong one is 0; the wrong loss falls to the variance.
for model, losses, y in rights:
    assert abs(model.weight.item() - 3) < 0.5
    assert losses[-1] < 0.2 * y.var(correction=0)
for model, losses, y in wrongs:
    assert abs(model.weight.item()) < 0.01
    assert abs(model.bias.item() - y.mean().item()) < 0.01
    assert abs(losses[-1] / y.var(correction=0).item() - 1) < 1e-3
    assert losses[-1] < losses[0]
# The test says nothing of one sample, or of a loss whose minimum is not 0.
test_a_perfect_prediction_costs_nothing(by_hand, nn.Linear(1, 1), x[:1])
test_a_perfect_prediction_costs_nothing(
    lambda predicted, y: F.l1_loss(predicted.squeeze(1), y), nn.Linear(1, 1), x
)
assert F.poisson_nll_loss(target, target) > 1
# Neither squeeze nor unsqueeze copies.
assert prediction.squeeze(1).data_ptr() == prediction.data_ptr() == target.data_ptr()
# A loss that refuses two shapes.


def strict(predicted, y):
    assert predicted.shape == y.shape
    return ((predicted - y) ** 2).mean()


with expect_error(AssertionError, match="^$"):
    strict(prediction, target)
assert strict(prediction.squeeze(1), target) == 0
# More losses, and labels of shape (N, 1) for classes, which are refused.
with warnings.catch_warnings():
    warnings.simplefilter("error")
    assert F.hinge_embedding_loss(prediction, target).isfinite()
with expect_error(
    RuntimeError, match="0D or 1D target tensor expected, multi-target not supported"
):
    F.cross_entropy(torch.randn(4, 3), torch.tensor([[0], [1], [2], [1]]))

# %%
# Check yourself
# --------------
#
# The first question is about the number of differences.

ask(
    "prediction has shape (6, 1), target has shape (6,). Over how many differences does the mean go?",
    answer=(torch.zeros(6, 1) - torch.zeros(6)).numel(),
    choices={
        6: "That was meant, but the two shapes make a table.",
        12: "The sizes of the two axes are multiplied, not added.",
        36: "Each prediction meets each target.",
    },
)

# %%
# The next question asks where it leads.

scores = {
    c: ((c * torch.ones(4, 1) - torch.tensor([1.0, 2.0, 2.0, 7.0])) ** 2).mean().item()
    for c in (2.0, 3.0, 7.0)
}
ask(
    "The targets are 1, 2, 2 and 7. Which of these numbers, predicted everywhere, has the smallest wrong loss?",
    answer=min(scores, key=scores.get),
    choices={
        2.0: "That is the commonest target, and the best for the mean of absolute differences.",
        3.0: "The mean of the targets: the wrong loss leads there.",
        7.0: "It suits one target and is far from the others.",
    },
)

# %%
# **Exercise.** Write the mean squared error so that it takes both (N,) and (N, 1), for either of the two, and compares
# sample with sample. The loops say what is asked for.


def mse_by_loops(prediction, target):
    pairs = zip(prediction.flatten().tolist(), target.flatten().tolist(), strict=True)
    return torch.tensor([(p - t) ** 2 for p, t in pairs]).mean()


def column(*values):
    return torch.tensor(values).unsqueeze(1)


cases = [
    (torch.tensor([1.0, 4.0]), torch.tensor([1.0, 2.0])),
    (column(1.0, 4.0, 6.0), torch.tensor([1.0, 2.0, 6.0])),
    (torch.tensor([1.0, 4.0, 6.0]), column(1.0, 2.0, 6.0)),
    (column(3.0, 5.0), column(3.0, 1.0)),
    (column(3.0), torch.tensor([1.0])),
]


def mse(prediction, target):
    raise NotImplementedError


check(mse, mse_by_loops, cases)

# %%
# Both become vectors; ``flatten`` works for either shape.

# Solution


def mse(prediction, target):
    return ((prediction.flatten() - target.flatten()) ** 2).mean()


report = check(mse, mse_by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`zero-grad-is-missing`, a loss that falls and rises again. The rule behind this page is :ref:`broadcasting`.
#
# - Karpathy (2019). `A recipe for training neural networks <https://karpathy.github.io/2019/04/25/recipe/>`__. Tests
#   that find a training which fails in silence.
# - PyTorch contributors (2026). `mse_loss
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.mse_loss.html>`__. The reference.

"""
.. _loss-of-n-against-n-by-1:

UserWarning: Using a target size (torch.Size([5])) that is different to the input size (torch.Size([5, 1])).
============================================================================================================

Predictions of shape (5, 1) meet targets of shape (5,), and :ref:`broadcasting <broadcasting>` makes a table of 5 by 5:
each prediction against each target. Some losses warn, some raise an error; others, and one written by hand, say
nothing. The loss falls, and the model learns the mean of the targets in place of the targets.

========================================  =======================================================
What you see                              Fix
========================================  =======================================================
this warning                              ``prediction.squeeze(1)``, or ``target.unsqueeze(1)``
no warning, and equal predictions         the same; let your loss refuse two shapes
the loss stops at the targets' variance   the same
an accuracy of chance                     the same, in the line that compares
========================================  =======================================================
"""

# %%
# Each prediction is right: the differences that were meant stand on the diagonal, and are 0. The other 20 are of one
# item's prediction and another item's target.

import torch
from torch.nn import functional as F

from ptguide.errors import expect_warning
from ptguide.pictures import draw

target = torch.tensor([1.0, 2.0, 4.0, 8.0, 10.0])
prediction = target.unsqueeze(1)  # (5, 1), as nn.Linear(..., 1) gives
with expect_warning(
    UserWarning, match=r"Using a target size \(torch.Size\(\[5\]\)\) that is different to the input"
):
    wrong = F.mse_loss(prediction, target)
assert wrong > 20
assert F.mse_loss(prediction.squeeze(1), target) == 0
draw(torch.sub, (prediction, target), names=["prediction", "target"])

# %%
# Written by hand, the same loss says nothing.

silent = ((prediction - target) ** 2).mean()
assert silent == wrong
assert (prediction - target).shape == (5, 5)

# %%
# What the model learns
# ---------------------
#
# Each prediction is compared with the whole list of targets, and so it is pulled towards their mean. The loss is the
# mean squared distance from there, plus the variance of the targets, which does not depend on the model. This is
# checked for three random predictions:

torch.manual_seed(0)
for _ in range(3):
    guess = torch.randn(5, 1)
    table = ((guess - target) ** 2).mean()
    to_the_mean = ((guess - target.mean()) ** 2).mean() + target.var(correction=0)
    torch.testing.assert_close(table, to_the_mean)

# %%
# A line through 30 points is trained twice: the loops differ in ``squeeze(1)`` alone.

from torch import nn

x = torch.linspace(-2, 2, 30).unsqueeze(1)  # (30, 1)
y = 3 * x.squeeze(1) + 1 + 0.5 * torch.randn(30)  # (30,)


def train(drop_axis):
    torch.manual_seed(1)
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(100):
        predicted = model(x).squeeze(1) if drop_axis else model(x)
        loss = ((predicted - y) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model, losses


right_model, right_losses = train(drop_axis=True)
wrong_model, wrong_losses = train(drop_axis=False)
for name, model, losses in [
    ("(30,)", right_model, right_losses),
    ("(30, 1)", wrong_model, wrong_losses),
]:
    print(f"{name:8} loss {losses[0]:5.2f} to {losses[-1]:5.2f}, slope {model.weight.item():z5.2f}")
assert abs(right_model.weight.item() - 3) < 0.3
assert abs(wrong_model.weight.item()) < 0.01
torch.testing.assert_close(wrong_losses[-1], y.var(correction=0).item(), rtol=1e-3, atol=0)
assert wrong_losses[-1] < 0.9 * wrong_losses[0]  # it falls, and looks like training

# %%
# Both losses fall. The wrong one stops at the variance of the targets. A model that ignores its input and gives the
# mean of the targets has this loss.

import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(6, 3.2))
ax.plot(x, y, ".", color="gray", label="data")
with torch.no_grad():
    ax.plot(x, right_model(x), label="trained with (30,) and (30,)")
    ax.plot(x, wrong_model(x), "--", label="trained with (30, 1) and (30,)")
ax.set(title="The N by N loss teaches the mean and nothing else", xlabel="x", ylabel="y")
ax.legend()
fig.tight_layout()

# %%
# Who warns?
# ----------
#
# The table is made by calling some losses with the wrong shapes. :func:`torch.nn.functional.cross_entropy` refuses
# labels of shape (N, 1): see :ref:`must-have-the-same-dtype`.

import warnings

verdicts = {}
for loss in [
    F.mse_loss,
    F.l1_loss,
    F.huber_loss,
    F.kl_div,
    F.poisson_nll_loss,
    F.hinge_embedding_loss,
    F.binary_cross_entropy_with_logits,
]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            loss(prediction, target)
            verdicts[loss.__name__] = "warns" if caught else "says nothing"
        except ValueError:
            verdicts[loss.__name__] = "raises"
    print(f"{loss.__name__:35}{verdicts[loss.__name__]}")
assert set(verdicts.values()) == {"warns", "says nothing", "raises"}

# %%
# The line that computes an accuracy calls no loss that could warn. With two classes of equal size it gives 0.5, and the
# predictions do not matter. The loop tries each list of four answers:

labels = torch.tensor([0, 1, 1, 0])
for answers in torch.cartesian_prod(*[torch.tensor([0, 1])] * 4):
    assert (answers.unsqueeze(1) == labels).float().mean() == 0.5  # 8 of 16 pairs
assert (labels.unsqueeze(1).squeeze(1) == labels).float().mean() == 1

# %%
# Mend it
# -------
#
# Drop the axis where the prediction is made, and name it: ``squeeze()`` without a number also drops a batch of one
# item. Or give the targets the axis.

assert nn.Linear(3, 1)(torch.ones(1, 3)).squeeze().shape == ()
assert nn.Linear(3, 1)(torch.ones(1, 3)).squeeze(1).shape == (1,)
assert F.mse_loss(prediction, target.unsqueeze(1)) == 0

# %%
# A test that catches it
# ----------------------
#
# Test a loss that measures a distance: a perfect prediction costs nothing, in the shapes that the model really gives.
# And a loss of your own can refuse other shapes, as some of torch's do.

from ptguide.errors import expect_error


def perfect_costs_nothing(loss):
    model = nn.Linear(2, 1)
    data = torch.rand(6, 2)
    with torch.no_grad():
        predicted = model(data)
    return loss(predicted, predicted.flatten().clone()).item() == 0


def by_hand(prediction, target):
    return ((prediction - target) ** 2).mean()


def strict(prediction, target):
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction has shape {tuple(prediction.shape)}, target {tuple(target.shape)}"
        )
    return ((prediction - target) ** 2).mean()


assert not perfect_costs_nothing(by_hand)
assert perfect_costs_nothing(lambda prediction, target: by_hand(prediction.squeeze(1), target))
with expect_error(ValueError, match=r"prediction has shape \(6, 1\), target \(6,\)"):
    perfect_costs_nothing(strict)

# %%
# Where torch warns, a test run can turn warnings into errors: ``python -W error``, or ``filterwarnings = error`` in the
# settings of pytest.

with warnings.catch_warnings():
    warnings.simplefilter("error")
    with expect_error(UserWarning, match="Using a target size"):
        F.mse_loss(prediction, target)

# %%
# Exercise
# --------
#
# Write the mean squared error so that it takes both (N,) and (N, 1), for either of the two, and compares item with
# item. The loops say what is asked for.

from ptguide.exercises import check


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
# Both become vectors; ``flatten`` does it for either shape.

# Solution


def mse(prediction, target):
    return ((prediction.flatten() - target.flatten()) ** 2).mean()


report = check(mse, mse_by_loops, cases)
assert report.passed
report

# %%
# Check yourself
# --------------
#
# How many differences?

from ptguide.questions import ask

ask(
    "prediction has shape (6, 1), target has shape (6,). Over how many differences does the mean go?",
    answer=(torch.zeros(6, 1) - torch.zeros(6)).numel(),
    choices={
        6: "It was meant so. The shapes make a table.",
        12: "Each of 6 predictions meets each of 6 targets.",
        36: "Each prediction meets each target.",
    },
)

# %%
# And where does it lead?

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
# This is the last page of the chapter. :ref:`broadcasting` explains the rule behind it.

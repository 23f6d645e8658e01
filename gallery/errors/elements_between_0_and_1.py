"""
.. _elements-between-0-and-1:

RuntimeError: all elements of input should be between 0 and 1
=============================================================

``BCELoss`` takes probabilities, and your network gives a number below 0, above 1, or NaN. If it ends in a linear layer,
take ``nn.BCEWithLogitsLoss()``, which has the sigmoid inside.
"""

# %%
# Set-up

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
images, labels = digits("train")[:32]
all_images, all_labels = digits("train")[:]
is_odd = (labels % 2).float()
test_images, test_labels = digits("test")[:]


def train(loss_function, seed):
    """Train a linear network to see whether a digit is odd; return its last loss and its logits for the test set."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 1), nn.Flatten(0))
    inputs, targets = all_images, (all_labels % 2).float()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    for _ in range(200):
        loss = loss_function(network(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item(), network(test_images)


# %%

network = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
outputs = network(images).squeeze(1)
with expect_error(RuntimeError, match="all elements of input should be between 0 and 1"):
    nn.BCELoss()(outputs, is_odd)
print(
    f"input {outputs.min():.2f} to {outputs.max():.2f}, target {is_odd.min():.0f} to {is_odd.max():.0f}"
)

# %%
# *Input* is the first argument of the loss: the outputs of your network. A message with *target* is about the second
# argument. Print the smallest and the largest number of both. On a GPU the same mistake ends in a device-side assert
# (:ref:`target-gpu`).
#
# .. longer: 6 screens — each cause has a cell of its own
#
# .. not looked up: mask / 255 — the cell of the cause runs it
#
# =================================================================  ==============================================
# Usual cause                                                        Fix
# =================================================================  ==============================================
# :ref:`no sigmoid behind the last layer <bce-sigmoid>`              ``nn.BCEWithLogitsLoss()``
# :ref:`ReLU or tanh behind the last layer <bce-sigmoid>`            delete it, then the same
# :ref:`NaN in the outputs <bce-nan>`                                find the first NaN
# :ref:`the same words about the target <bce-target>`                ``labels - 1``, or ``mask / 255``
# :ref:`unsafe to autocast <bce-autocast>`                           ``nn.BCEWithLogitsLoss()``
# =================================================================  ==============================================
#
# The rule
# --------
#
# For a probability :math:`p` and a target :math:`y` the loss is :math:`-y \log p - (1 - y) \log(1 - p)`. Both must be
# from 0 to 1, the ends included. A linear layer gives a logit :math:`x`, and the sigmoid makes
# :math:`p = 1 / (1 + e^{-x})` of it. The cell prints the losses of four pairs.

p, y = torch.tensor([0.0, 0.25, 0.75, 0.75]), torch.tensor([0.0, 0.0, 0.0, 1.0])
print(F.binary_cross_entropy(p, y, reduction="none"))
for wrong in (-0.01, 1.01, float("nan")):
    with expect_error(RuntimeError, match="all elements of input should be between 0 and 1"):
        F.binary_cross_entropy(torch.tensor([wrong]), torch.ones(1))

# %%
# .. _bce-sigmoid:
#
# No sigmoid behind the last layer
# --------------------------------
#
# ``BCEWithLogitsLoss`` gives the same number here as a sigmoid with ``BCELoss``. For large logits it is more exact. For
# a very wrong answer, such as the logit -200 for a yes, the sigmoid leaves no gradient. A digit now counts as odd where
# the logit is above 0, not above 0.5.

loss = nn.BCEWithLogitsLoss()(outputs, is_odd)
torch.testing.assert_close(nn.BCELoss()(outputs.sigmoid(), is_odd), loss)
assert torch.equal(outputs > 0, outputs.sigmoid() > 0.5)

for name in ("binary_cross_entropy", "binary_cross_entropy_with_logits"):
    x = torch.tensor([-200.0], requires_grad=True)
    p = x if name.endswith("logits") else x.sigmoid()
    wrong = getattr(F, name)(p, torch.ones(1))
    wrong.backward()
    print(f"{name:33} loss {wrong.item():.0f}, gradient {x.grad.item():z.0f}")

# %%
# .. _bce-nan:
#
# NaN in the outputs
# ------------------
#
# NaN is not between 0 and 1, so ``BCELoss`` reports it in these words. It often comes from the data, or from weights
# that a large step has spoiled. The other loss raises nothing here and is NaN itself. See :ref:`nan-and-infinity`.

broken = images.clone()
broken[5, 0, 2, 3] = float("nan")
p = network(broken).squeeze(1).sigmoid()
with expect_error(RuntimeError, match="all elements of input should be between 0 and 1"):
    nn.BCELoss()(p, is_odd)
print("images with NaN:", broken.flatten(1).isnan().any(dim=1).nonzero().flatten().tolist())
assert nn.BCEWithLogitsLoss()(network(broken).squeeze(1), is_odd).isnan()

# %%
# .. _bce-target:
#
# All elements of target should be between 0 and 1
# ------------------------------------------------
#
# Labels of 1 and 2, signs, and masks of 0 and 255 need another scale. An autoencoder that rebuilds *normalized* images
# has targets below 0: leave out ``Normalize``. ``BCEWithLogitsLoss`` does not check the targets, so its loss can be
# negative.

p = outputs.sigmoid()
one_or_two, sign, mask = is_odd + 1, 2 * is_odd - 1, is_odd * 255
for targets, repaired in [(one_or_two, one_or_two - 1), (sign, (sign + 1) / 2), (mask, mask / 255)]:
    with expect_error(RuntimeError, match="all elements of target should be between 0 and 1"):
        F.binary_cross_entropy(p, targets)
    assert torch.equal(repaired, is_odd)
unchecked = F.binary_cross_entropy_with_logits(torch.tensor([9.0]), torch.tensor([2.0]))
print(f"a loss below 0, for the logit 9 and the label 2: {unchecked:.1f}")

# %%
# .. _bce-autocast:
#
# Unsafe to autocast
# ------------------
#
# In mixed precision on a GPU, ``binary_cross_entropy`` is refused. A probability in :val:`float16 <torch.float16>` gets
# its gradient in that type too, where a large gradient becomes infinite. The last lines use *fake* tensors, which have
# a device and a shape, and need no GPU.

p = torch.tensor([1e-5], dtype=torch.float16, requires_grad=True)
F.binary_cross_entropy(p.float(), torch.ones(1)).backward()
print("gradient:", p.grad.item())
with FakeTensorMode():
    torch.set_autocast_enabled("cuda", True)
    p, target = torch.rand(3, device="cuda"), torch.ones(3, device="cuda")
    try:
        with expect_error(RuntimeError, match="unsafe to autocast"):
            F.binary_cross_entropy(p, target)
        assert F.binary_cross_entropy_with_logits(p, target).dtype == torch.float32
    finally:
        torch.set_autocast_enabled("cuda", False)

# %%
# .. use-this::
#
#    Let the network end with its linear layer, and train with ``nn.BCEWithLogitsLoss()``. Call ``sigmoid`` where you
#    show a probability. Keep ``BCELoss`` for a model that gives probabilities in another way than by a sigmoid, such as
#    a mean of several models. The cost: the outputs are logits, with the threshold 0 in place of 0.5.
#
# A common mistake
# ----------------
#
# ``clamp(0, 1)`` silences the message, but an output outside that range gets no gradient. A sigmoid in the model *and*
# ``BCEWithLogitsLoss`` apply it twice. Even for a sure and right output, the loss stays at 0.31 for a yes and at 0.69
# for a no. Five networks are trained with each loss to say whether a digit is odd.

variants = {
    "with logits": F.binary_cross_entropy_with_logits,
    "clamp": lambda x, y: F.binary_cross_entropy(x.clamp(0, 1), y),
    "sigmoid twice": lambda x, y: F.binary_cross_entropy_with_logits(x.sigmoid(), y),
}
for name, loss_function in variants.items():
    losses, logits = zip(*[train(loss_function, seed) for seed in range(5)], strict=True)
    threshold = 0.5 if name == "clamp" else 0
    right = [((x > threshold) == (test_labels % 2 == 1)).float().mean().item() for x in logits]
    print(
        f"{name:14} loss {min(losses):.2f} to {max(losses):.2f}, accuracy {min(right):.0%} to {max(right):.0%}"
    )
sure = torch.tensor([50.0, -50.0]).sigmoid()  # a yes and a no
loss = F.binary_cross_entropy_with_logits(sure, torch.tensor([1.0, 0.0]), reduction="none")
print("sigmoid twice, a sure right yes and no:", [round(one, 2) for one in loss.tolist()])
assert max(right) < 0.88  # of the last

# %%
# How this was checked

# The ends belong to the range, and the loss there is cut at 100.
for p in (0.0, 0.5, 1.0):
    for y in (0.0, 0.5, 1.0):
        found = F.binary_cross_entropy(torch.tensor([p]), torch.tensor([y]))
        assert 0 <= found <= 100
assert F.binary_cross_entropy(torch.zeros(1), torch.ones(1)) == 100
# The formula, and both losses on random logits.
for _ in range(20):
    x, y = 4 * torch.randn(50).double(), torch.rand(50).double()
    p = x.sigmoid()
    by_hand = -(y * p.log() + (1 - y) * (1 - p).log()).mean()
    torch.testing.assert_close(F.binary_cross_entropy(p, y), by_hand)
    torch.testing.assert_close(F.binary_cross_entropy_with_logits(x, y), by_hand)
# ReLU and tanh leave the range.
with expect_error(RuntimeError, match="all elements of input should be between 0 and 1"):
    F.binary_cross_entropy(torch.tensor([1.5]).relu(), torch.ones(1))
with expect_error(RuntimeError, match="all elements of input should be between 0 and 1"):
    F.binary_cross_entropy(torch.tensor([-0.3]).tanh(), torch.ones(1))
# NaN among the targets, and targets that are integers.
with expect_error(RuntimeError, match="all elements of target should be between 0 and 1"):
    F.binary_cross_entropy(torch.rand(1), torch.tensor([float("nan")]))
with expect_error(RuntimeError, match="Found dtype Long but expected Float"):
    F.binary_cross_entropy(torch.rand(3), torch.ones(3, dtype=torch.int64))
# A normalized image leaves the range.
with expect_error(RuntimeError, match="all elements of target should be between 0 and 1"):
    F.binary_cross_entropy(images, (images - 0.5) / 0.5)
# A wrong yes of 17 has no gradient behind a sigmoid either, and one of 16 has.
for logit, moves in [(16.0, True), (17.0, False), (-30.0, True)]:
    x = torch.tensor([logit], requires_grad=True)
    F.binary_cross_entropy(x.sigmoid(), torch.tensor([float(logit < 0)])).backward()
    assert (x.grad.item() != 0) == moves
# clamp gives no gradient outside.
x = torch.tensor([-0.5, 0.4, 1.5], requires_grad=True)
F.binary_cross_entropy(x.clamp(0, 1), torch.tensor([1.0, 1.0, 0.0])).backward()
assert x.grad.ne(0).tolist() == [False, True, False]
# Mixed precision on the CPU does not refuse it.
with torch.autocast("cpu", dtype=torch.bfloat16):
    assert F.binary_cross_entropy(torch.rand(3), torch.ones(3)).isfinite()
# A mean of the probabilities of two models is a case for BCELoss.
mean = (outputs.sigmoid() + network(images.flip(3)).squeeze(1).sigmoid()) / 2
assert F.binary_cross_entropy(mean, is_odd).isfinite()

# %%
# Check yourself
# --------------
#
# The first question is about the threshold.

ask(
    "The network gives logits, and you say yes where the probability is above 0.5. From which logit on is that?",
    answer=next(x for x in (-1.0, 0.0, 0.5, 1.0) if torch.tensor(x).sigmoid() == 0.5),
    choices={
        0.0: f"The sigmoid of 0 is {torch.tensor(0.0).sigmoid():.1f}.",
        0.5: "That is the threshold for the probability.",
        1.0: "Its sigmoid is about 0.73.",
    },
)

# %%
# The next question is about a loss that does not complain.


def loss_of(target):
    logit = torch.tensor([3.0])
    try:
        return "below 0" if F.binary_cross_entropy_with_logits(logit, target) < 0 else "0 or more"
    except RuntimeError:
        return RuntimeError


ask(
    "Labels are 1 and 2 by mistake. What is binary_cross_entropy_with_logits of the logit 3 for the label 2?",
    answer=loss_of(torch.tensor([2.0])),
    choices={
        RuntimeError: "BCELoss checks its targets. This loss does not.",
        "below 0": "A larger logit makes it smaller without end, and nothing is raised.",
        "0 or more": "That holds for targets from 0 to 1.",
    },
)

# %%
# **Exercise.** Write the mean loss with logits so that it is right for a logit of 200, too. With the sigmoid of
# :math:`x` put in for :math:`p`, the loss is :math:`\max(x, 0) - x y + \log(1 + e^{-|x|})`.


def loss_with_logits(x, y):
    raise NotImplementedError


cases = [
    (torch.tensor([0.0]), torch.tensor([1.0])),
    (torch.tensor([2.0, -3.0]), torch.tensor([0.0, 1.0])),
    (torch.tensor([200.0, -200.0]), torch.tensor([0.0, 1.0])),
    (torch.randn(4, 5), torch.rand(4, 5)),
]
names = ["binary_cross_entropy", "binary_cross_entropy_with_logits"]
check(loss_with_logits, F.binary_cross_entropy_with_logits, cases, without=names)

# %%
# ``exp`` gets numbers of 0 or less, so it cannot overflow. ``log1p`` is :math:`\log(1 + z)`, exact for a small
# :math:`z`.

# Solution


def loss_with_logits(x, y):
    return (x.clamp(min=0) - x * y + torch.log1p(torch.exp(-x.abs()))).mean()


report = check(loss_with_logits, F.binary_cross_entropy_with_logits, cases, without=names)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`target-size-must-be-the-same`, the error that often comes next with this loss.
#
# - PyTorch contributors (2026). `BCEWithLogitsLoss
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html>`__. The reference, with
#   ``pos_weight`` for rare classes.
# - PyTorch contributors (2026). `Automatic mixed precision <https://docs.pytorch.org/docs/stable/amp.html>`__. The
#   section on ``binary_cross_entropy`` says why it is refused.

"""
.. _kl-divergence:

How does kl_div work, and why is my KL loss negative?
=====================================================

One network learns the probabilities that another gives, and the loss that compares the two is negative or far too
small. Give ``F.kl_div`` the *logarithms* of the output first, then the target, and ``reduction="batchmean"``.
"""

# %%
# Set-up

import matplotlib.pyplot as plt
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

target = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])  # p: 2 samples, 3 classes
output = torch.tensor([[0.5, 0.3, 0.2], [0.2, 0.6, 0.2]])  # q: what a network gives, after softmax

x = torch.linspace(-6, 6, 241)
STEP = x[1] - x[0]
peaks = (0.5 * (Normal(-3.0, 0.5).log_prob(x).exp() + Normal(3.0, 0.5).log_prob(x).exp())) * STEP
peaks = peaks / peaks.sum()  # a distribution on 241 points


def one_peak(parameters):
    """Return the logarithms of a normal distribution on the points."""
    mean, log_sigma = parameters
    return (-0.5 * ((x - mean) / log_sigma.exp()) ** 2).log_softmax(dim=0)


def fit_peak(divergence, start=1.0):
    """Move mean and width of one peak until its divergence is least."""
    parameters = torch.tensor([start, -0.7], requires_grad=True)
    optimizer = torch.optim.Adam([parameters], lr=0.05)
    for _ in range(1000):
        loss = divergence(one_peak(parameters))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return parameters.detach()


def draw_peaks(found):
    _, axis = plt.subplots(figsize=(5.4, 2.4), layout="constrained")
    axis.fill_between(x, peaks / STEP, color="gray", alpha=0.4, label="p, two peaks")
    for (name, parameters), style in zip(found.items(), ("-", "--"), strict=True):
        axis.plot(x, one_peak(parameters).exp() / STEP, style, label=f"least {name}")
    axis.set(xlabel="x", ylabel="density")
    axis.legend(fontsize=8)
    axis.set_title("One direction covers both peaks, the other chooses one")
    plt.show()


# %%

wrong = F.kl_div(output, target, reduction="batchmean")  # no logarithm
right = F.kl_div(output.log(), target, reduction="batchmean")
by_hand = (target * (target.log() - output.log())).sum(dim=1).mean()
print(f"probabilities: {wrong:.4f}")
print(f"logarithms:    {right:.4f}")
print(f"by hand:       {by_hand:.4f}")
torch.testing.assert_close(right, by_hand)

# %%
# The first call passes probabilities, and its result is not a divergence. A divergence of two distributions is 0 if
# they are equal, and positive if not. You need to know :ref:`log-softmax`.
#
# .. longer: 5 screens — reductions, directions and the relation to cross-entropy have a cell each
#
# The rule
# --------
#
# The divergence of an output q from a target p is :math:`\mathrm{KL}(p \,\|\, q) = \sum_i p_i (\log p_i - \log q_i)`.
# In the call, the output comes first and as a logarithm, and the target second and as probabilities. From logits, take
# ``log_softmax``. If the target is given as logarithms, too, write ``log_target=True``.

logits = output.log() + 3.0  # logits are determined up to a constant
a = F.kl_div(logits.log_softmax(dim=1), target, reduction="batchmean")
b = F.kl_div(output.log(), target.log(), reduction="batchmean", log_target=True)
same = F.kl_div(target.log(), target, reduction="batchmean")
print(f"from logits {a:.4f}, with log_target {b:.4f}, of equal distributions {same:.4f}")
torch.testing.assert_close(a, right)
torch.testing.assert_close(b, right)

# %%
# reduction: batchmean is not mean
# --------------------------------
#
# The default ``"mean"`` also divides by the number of classes, and warns. ``"batchmean"`` divides by the size of axis 0
# alone. For texts of shape (batch, token, word) that is the number of texts, and not of tokens. Flatten the first two
# axes if you want the mean over tokens. A single distribution of shape (C,) has its classes on axis 0, so take
# ``"sum"`` for it.

with expect_warning(UserWarning, match="divides the total loss by both the batch size and"):
    smaller = F.kl_div(output.log(), target)
tokens = torch.stack([target, target]), torch.stack([output, output]).log()  # (2, 2, 3)
texts = F.kl_div(tokens[1], tokens[0], reduction="batchmean")
flat = F.kl_div(tokens[1].flatten(0, 1), tokens[0].flatten(0, 1), reduction="batchmean")
print(f"mean {smaller:.4f}, batchmean {right:.4f}")
print(f"2 texts of 2 tokens: batchmean {texts:.4f}, flattened {flat:.4f}")
single = [F.kl_div(output[0].log(), target[0], reduction=way) for way in ("batchmean", "sum")]
print(f"one distribution, shape (3,): batchmean {single[0]:.4f}, sum {single[1]:.4f}")
assert target[0].shape == (3,)

# %%
# The direction matters
# ---------------------
#
# The two directions differ, and each has its minimum at another distribution. Here one peak is fitted to a target with
# two peaks. KL(p || q) becomes large where p is large and q small, so the fitted peak covers both. KL(q || p) becomes
# large where q is large and p small, so the fitted peak takes the one on whose side it starts. The second call passes
# the trained peak as the target. Take ``log_target=True`` there, since a target that is rounded to 0 gives a gradient
# of NaN.

found = {
    "KL(p || q)": fit_peak(lambda log_q: F.kl_div(log_q, peaks, reduction="sum")),
    "KL(q || p)": fit_peak(
        lambda log_q: F.kl_div(peaks.log(), log_q, reduction="sum", log_target=True)
    ),
}
draw_peaks(found)

# %%
# KL and cross-entropy
# --------------------
#
# Cross-entropy is KL plus the entropy of the target. If the target does not depend on the network, both have the same
# gradient. For class numbers the entropy is 0, and the two are equal. KL has the advantage that its smallest value is 0
# for targets that are probabilities, too.

logits = output.log().requires_grad_()
kl = F.kl_div(logits.log_softmax(dim=1), target, reduction="batchmean")
ce = F.cross_entropy(logits, target)
entropy = -(target * target.log()).sum(dim=1).mean()
print(f"cross-entropy {ce:.4f} = KL {kl:.4f} + entropy {entropy:.4f}")
slopes = [torch.autograd.grad(loss, logits)[0] for loss in (kl, ce)]
torch.testing.assert_close(slopes[0], slopes[1])

# %%
# Distributions with a formula
# ----------------------------
#
# For the normal distributions of a :ref:`VAE <vae>` there is a formula, and ``torch.distributions`` has it. Without a
# formula, take a mean over samples of q, which is close here. Single terms of that mean can be negative.

torch.manual_seed(0)
q, p = Normal(1.0, 0.5), Normal(0.0, 1.0)
samples = q.sample((10_000,))
terms = q.log_prob(samples) - p.log_prob(samples)
print(f"formula {kl_divergence(q, p):.3f}, mean of samples {terms.mean():.3f}")
print(f"negative terms: {(terms < 0).float().mean():.0%}")

# %%
# .. use-this::
#
#    Give ``F.kl_div`` the ``log_softmax`` of the logits, then the target, and ``reduction="batchmean"``. The target may
#    be the softmax of a teacher's logits, under ``no_grad`` and often with a :ref:`temperature <temperature>`. Deviate
#    with ``log_target=True`` where the target exists as logarithms and has no zeros. For class numbers, take
#    :ref:`cross-entropy`, which has the same gradient and needs no distribution. The cost is that of a few tensors of
#    the shape of the logits.
#
# A common mistake
# ----------------
#
# **The arguments in the order of the formula.** KL(p || q) names the target first, and ``kl_div`` takes it second. Both
# calls below get a logarithm first, so no error is raised. The second computes the other direction. To test your call,
# give it two distributions whose divergence you know.

known = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, 0.5]])  # p, q: the divergence is log(2)
p, q = known
print(f"kl_div(q.log(), p): {F.kl_div(q.log(), p, reduction='batchmean'):.4f}")
print(f"kl_div(p.log(), q): {F.kl_div(p.log(), q, reduction='batchmean'):.4f}")
assert torch.equal(F.kl_div(q.log(), p, reduction="sum"), -q.log()[0, 0])

# %%
# How this was checked

g = torch.Generator().manual_seed(0)
for shape in [(1, 2), (5, 3), (4, 10)]:
    for sharpness in (0.1, 1.0, 5.0):
        p, q = (
            (sharpness * torch.randn(shape, generator=g, dtype=torch.float64)).softmax(dim=1)
            for _ in "pq"
        )
        loops = [
            sum(a * (a / b).log() for a, b in zip(u, v, strict=True))
            for u, v in zip(p, q, strict=True)
        ]
        one = F.kl_div(q.log(), p, reduction="batchmean")
        torch.testing.assert_close(one, torch.stack(loops).mean())
        assert one > 0
        assert F.kl_div(p.log(), p, reduction="batchmean").abs() < 1e-12
        assert F.kl_div(q, p, reduction="batchmean") < 0  # without the logarithm
        mean = F.kl_div(q.log(), p, reduction="none").mean()
        torch.testing.assert_close(mean * shape[1], one)
        torch.testing.assert_close(F.kl_div(q.log(), p, reduction="sum"), one * shape[0])
with expect_error(ValueError, match="is not a valid value for reduction"):
    F.kl_div(output.log(), target, reduction="average")
torch.testing.assert_close(texts, 2 * flat)
torch.testing.assert_close(smaller * 3, right)
torch.testing.assert_close(3 * single[0], single[1])
whole = F.kl_div(tokens[1], tokens[0], reduction="none")
torch.testing.assert_close(texts * len(whole), whole.sum())
# The wide peak is the mean and the width of the target; the narrow one is one of its peaks.
wide, narrow = found.values()
spread = ((x**2 * peaks).sum()).sqrt()
assert abs(wide[0]) < 0.01
covering = one_peak(wide).exp()
assert abs((x**2 * covering).sum().sqrt() - spread) < 0.02
assert abs(narrow[0] - 3) < 0.05
assert abs(narrow[1].exp() - 0.5) < 0.02
for start in (-2.0, -1.0, 2.0):
    other = fit_peak(
        lambda log_q: F.kl_div(peaks.log(), log_q, reduction="sum", log_target=True), start
    )
    assert abs(other[0] - (3 if start > 0 else -3)) < 0.05
# A zero in the target counts 0, and NaN with log_target.
zero = torch.tensor([[1.0, 0.0]])
assert F.kl_div(torch.tensor([[0.5, 0.5]]).log(), zero, reduction="sum").isfinite()
assert F.kl_div(
    torch.tensor([[0.5, 0.5]]).log(), zero.log(), reduction="sum", log_target=True
).isnan()
# A target of 0 that gets a gradient makes NaN; with log_target the gradient is finite.
low = torch.tensor([[0.0, -200.0]], requires_grad=True)
for value, finite in (
    (F.kl_div(output[:1, :2].log(), low.exp(), reduction="sum"), False),
    (F.kl_div(output[:1, :2].log(), low, reduction="sum", log_target=True), True),
):
    assert torch.autograd.grad(value, low)[0].isfinite().all() == finite
# An output that excludes what happens costs infinity.
assert F.kl_div(zero.log(), torch.tensor([[0.5, 0.5]]), reduction="sum").isinf()
labels = torch.tensor([0, 2])
one_hot = F.one_hot(labels, 3).float()
torch.testing.assert_close(
    F.kl_div(output.log(), one_hot, reduction="batchmean"), F.cross_entropy(output.log(), labels)
)
mean, sigma = 1.0, torch.tensor(0.5)
closed = -0.5 * (1 + 2 * sigma.log() - mean**2 - sigma**2)  # as it stands in a VAE
torch.testing.assert_close(kl_divergence(Normal(mean, sigma), Normal(0.0, 1.0)), closed)
assert abs(terms.mean() - closed) < 0.02
with torch.autocast("cpu", dtype=torch.bfloat16):
    assert F.kl_div(output.log().bfloat16(), target, reduction="sum").dtype == torch.float32

# %%
# Check yourself
# --------------

half, sure = torch.tensor([[0.5, 0.5]]), torch.tensor([[1.0, 0.0]])
ask(
    "The target p is [1, 0] and the output q is [0.5, 0.5]. What is KL(p || q), to two digits?",
    answer=round(F.kl_div(half.log(), sure, reduction="batchmean").item(), 2),
    choices={
        0.0: "That would be so if both were equal.",
        0.69: "1 times (log 1 - log 0.5), and the class with p = 0 counts nothing.",
        0.35: "That is mean: it divides by the two classes as well.",
        float("inf"): "That is the other direction: q is positive where p is 0.",
    },
)

# %%
# The next question is about the sign.

values = [F.kl_div(q, p, reduction="batchmean") for p, q in [(target, output), (output, target)]]
ask(
    "Your KL loss is negative from the first batch on. What do you look at first?",
    answer="whether the first argument is a logarithm" if max(values) < 0 else "the learning rate",
    choices={
        "the learning rate": "A divergence of distributions is not negative at any learning rate.",
        "whether the first argument is a logarithm": "Probabilities in its place give a negative number.",
        "the batch size": "It divides the sum, and does not change the sign.",
    },
)

# %%
# **Exercise.** The *Jensen-Shannon divergence* has no direction: the mean of KL(p || m) and KL(q || m), with m the mean
# of p and q. Return it as a mean over the batch, for p and q of shape (N, C). They may have zeros, also in one class.


def by_loops(p, q):
    total = 0.0
    for u, v in zip(p.tolist(), q.tolist(), strict=True):
        for a, b in zip(u, v, strict=True):
            m = torch.tensor((a + b) / 2).log().item()
            for value in (a, b):
                total += value * (torch.tensor(value).log().item() - m) / 2 if value else 0.0
    return torch.tensor(total / len(p))


cases = [
    (torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])),
    (torch.tensor([[0.5, 0.5, 0.0]]), torch.tensor([[0.2, 0.8, 0.0]])),
    (target, output),
    (torch.randn(4, 5, generator=g).softmax(dim=1), torch.randn(4, 5, generator=g).softmax(dim=1)),
]


def jensen_shannon(p, q):
    raise NotImplementedError


check(jensen_shannon, by_loops, cases)

# %%
# The output of both calls is m, so m gets the logarithm. Where p and q are both 0, m is 0, and 0 times minus infinity
# is NaN. A smallest m avoids that.

# Solution


def jensen_shannon(p, q):
    log_m = ((p + q) / 2).clamp(min=1e-30).log()
    both = [F.kl_div(log_m, one, reduction="batchmean") for one in (p, q)]
    return (both[0] + both[1]) / 2


report = check(jensen_shannon, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`contrastive-losses`, for embeddings.
#
# - Hinton, Vinyals and Dean (2015). `Distilling the knowledge in a neural network
#   <https://arxiv.org/abs/1503.02531>`__. A network that learns from the soft targets of another.
# - PyTorch contributors (2026). `KLDivLoss
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html>`__. The reference, with the reductions
#   written out.

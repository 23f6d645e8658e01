"""
.. _gradient-clipping:

Gradient clipping: what does clip_grad_norm_() do, and where do I call it?
==========================================================================

Some batches have gradients many times as long as usual, and the steps with them spoil a training. Between
``backward()`` and ``step()``, ``torch.nn.utils.clip_grad_norm_`` shortens gradients that are too long.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.func import stack_module_state
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.optim import SGD, Adam

from ptguide.data import batches, digits
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.training import fit

train_set, validation_set = digits("train"), digits("validation")


class Reader(nn.Module):
    """Read an image row by row with a recurrent layer, whose state begins as a copy from row to row."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(8, 32, nonlinearity="relu", batch_first=True)
        nn.init.eye_(self.rnn.weight_hh_l0)
        nn.init.zeros_(self.rnn.bias_hh_l0), nn.init.zeros_(self.rnn.bias_ih_l0)
        self.head = nn.Linear(32, 10)

    def forward(self, images):
        states, _ = self.rnn(images.squeeze(1))  # (B, 8, 32)
        return self.head(states[:, -1])


def new_network(seed):
    torch.manual_seed(seed)
    return Reader()


def side_by_side(weights, images):
    """Return what readers whose weights are stacked along a new first axis give for images (network, B, 1, 8, 8)."""
    rows = images.squeeze(2).flatten(1, 2) @ weights["rnn.weight_ih_l0"].mT  # (network, B * 8, 32)
    bias = weights["rnn.bias_ih_l0"] + weights["rnn.bias_hh_l0"]
    state = torch.zeros(())
    for row in (rows + bias[:, None]).unflatten(1, (-1, 8)).unbind(2):
        carried = state @ weights["rnn.weight_hh_l0"].mT if state.ndim else state
        state = (row + carried).relu()  # (network, B, 32)
    return state @ weights["head.weight"].mT + weights["head.bias"][:, None]


def train(limits, kind=SGD, lr=0.1, epochs=10, seeds=5):
    """Train a network for each max_norm and seed, side by side; clip the gradients of each on its own.

    Returns, for each max_norm, losses and norms before clipping, shape (seed, step), and accuracies in %.
    """
    stacked, _ = stack_module_state([new_network(seed) for _ in limits for seed in range(seeds)])
    weights = {name: value.detach().requires_grad_() for name, value in stacked.items()}
    optimizer = kind(weights.values(), lr=lr)
    orders = [torch.Generator().manual_seed(seed) for seed in range(seeds)]
    loaders = [batches(train_set, 50, shuffle=True, generator=order) for order in orders]
    max_norm = torch.tensor(limits).repeat_interleave(seeds)
    losses, norms = [], []
    for parts in (parts for _ in range(epochs) for parts in zip(*loaders, strict=True)):
        images, labels = (torch.stack(one) for one in zip(*parts, strict=True))
        logits = side_by_side(weights, images.repeat(len(limits), 1, 1, 1, 1))
        labels = labels.repeat(len(limits), 1)
        loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
        losses.append(loss.unflatten(0, labels.shape).mean(dim=1))
        optimizer.zero_grad()
        losses[-1].sum().backward()
        squares = [w.grad.flatten(1).square().sum(dim=1) for w in weights.values()]
        norms.append(torch.stack(squares).sum(dim=0).sqrt())  # of each network
        factor = (max_norm / (norms[-1] + 1e-6)).clamp(max=1.0)
        for w in weights.values():
            w.grad.mul_(factor.view(-1, *[1] * (w.ndim - 1)))
        optimizer.step()
        losses[-1] = losses[-1].detach()
    with torch.no_grad():
        answers = side_by_side(weights, validation_set.inputs[None]).argmax(dim=-1)
    right = 100 * (answers == validation_set.targets).float().mean(dim=1)
    rows = (torch.stack(losses, dim=1), torch.stack(norms, dim=1), right)
    found = zip(*(one.unflatten(0, (-1, seeds)) for one in rows), strict=True)
    return {
        limit: (one_losses, one_norms, percent.tolist())
        for limit, (one_losses, one_norms, percent) in zip(limits, found, strict=True)
    }, weights


def one_gradient(network=None):
    """Fill ``.grad`` from the first batch, and return the network."""
    network = network or new_network(0)
    network.zero_grad()
    F.cross_entropy(network(train_set.inputs[:50]), train_set.targets[:50]).backward()
    return network


def vector(network):
    return torch.cat([p.grad.flatten() for p in network.parameters()])


def draw_runs(runs):
    _, (left, right) = plt.subplots(1, 2, figsize=(6.4, 2.5), layout="constrained")
    for name, (losses, norms, _) in runs.items():
        smooth = losses.unfold(1, 10, 1).mean(dim=-1)
        steps = range(10, losses.shape[1] + 1)
        line = left.plot(steps, smooth.median(dim=0).values, label=name)[0]
        low, high = smooth.amin(dim=0), smooth.amax(dim=0)
        left.fill_between(steps, low, high, color=line.get_color(), alpha=0.2)
        right.plot(norms[0], linewidth=0.6, color=line.get_color())
    right.axhline(3, color="gray", linestyle=":")
    left.set(xlabel="step", ylabel="loss, mean of 10 steps", ylim=(0, 2.6))
    left.legend(fontsize=8, loc="lower left")
    right.set(xlabel="step", ylabel="norm of the gradient", yscale="log")
    plt.suptitle("At this learning rate the network learns if its gradients are clipped")
    plt.show()


def span(numbers):
    return f"{min(numbers):.0f} to {max(numbers):.0f} %"


tried, _ = train([0.3, 1.0, 3.0, 10.0, math.inf])

# %%

# Varies with the processor: a training amplifies how it rounds.
draw_runs({"not clipped": tried[math.inf], "max_norm 3": tried[3.0]})

# %%
# A recurrent network reads the digits row by row, with SGD at 0.1. A line on the left is the median of five seeds, with
# a band from the least to the largest. On the right is the norm of each gradient of one seed, before it is clipped. You
# need to know :ref:`the-training-loop`.
#
# .. longer: 6 screens — four questions on clipping have a measured cell each
#
# The rule
# --------
#
# Take the gradients of the parameters together as one long vector :math:`g`. If its length is above ``max_norm``, here
# :math:`c`, each gradient is multiplied by the same factor: :math:`g \leftarrow g \cdot \min(1, c / (\lVert g \rVert
# + 10^{-6}))`. Then a step of plain SGD without weight decay is no longer than lr times :math:`c`. The call works in
# place and returns the length *before*.

network = new_network(0)
optimizer = SGD(network.parameters(), lr=0.1)
for images, labels in batches(train_set, 50, shuffle=False):
    loss = F.cross_entropy(network(images), labels)
    optimizer.zero_grad()
    loss.backward()
    norm = clip_grad_norm_(network.parameters(), max_norm=1.0)  # after backward, before step
    optimizer.step()
print(f"the last norm was {norm:.2f} before, and is {vector(network).norm():.2f} after")

# %%
# From scratch
# ------------
#
# The length of the whole vector is the norm of the norms of its parts. So no long vector has to be made.


def clip(parameters, max_norm):
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([g.norm() for g in gradients]).norm()  # the norm of the norms
    for g in gradients:
        g.mul_((max_norm / (norm + 1e-6)).clamp(max=1.0))
    return norm


ours, theirs = one_gradient(), one_gradient()
norm = clip(ours.parameters(), max_norm=0.5)
clip_grad_norm_(theirs.parameters(), max_norm=0.5)
print("largest difference:", (vector(ours) - vector(theirs)).abs().max().item())
assert torch.allclose(vector(ours), vector(theirs))

# %%
# Norm or value?
# --------------
#
# ``clip_grad_value_`` cuts each element to a range on its own. Where it cuts some elements and not others, the
# direction of the gradient changes. The norm keeps it. A cosine of 1 means the same direction. Take the norm, unless a
# paper that you reproduce says otherwise.

before = vector(one_gradient())
for name, limit in {"norm": 0.5, "value": 0.05, "value ": 0.005}.items():
    network = one_gradient()
    call = clip_grad_norm_ if name == "norm" else clip_grad_value_
    call(network.parameters(), limit)
    cosine = F.cosine_similarity(before, vector(network), dim=0)
    print(f"{name.strip():<6}{limit:<6} length {vector(network).norm():.2f}, cosine {cosine:.3f}")

# %%
# Which max_norm?
# ---------------
#
# Record the norms of a training first, with ``max_norm=math.inf``, which leaves finite gradients as they are. Begin
# with a limit near their larger ones, here between the 50 % and the 90 % line. Then search. The cell tries five limits
# with SGD at 0.1. The last line has no limit and a smaller rate.

# Varies with the processor: a training amplifies how it rounds.
levels = tried[math.inf][1].quantile(torch.tensor([0.1, 0.5, 0.9, 1.0]))
print(
    "norms: 10 % are below {:.1f}, 50 % below {:.1f}, 90 % below {:.1f}, largest {:.1f}".format(
        *levels
    )
)
for max_norm, (_, norms, right) in tried.items():
    print(
        f"max_norm {max_norm:<5}clips {(norms > max_norm).float().mean():4.0%} of the steps, {span(right)} right"
    )
slower = train([math.inf], lr=0.03)[0][math.inf][2]
print(f"no limit, lr 0.03: {span(slower)} right")

# %%
# A limit that cuts nearly each step makes nearly all steps of SGD equally long: lr times ``max_norm``. So the two act
# as one number. Here the largest finite limit clips too few steps. The next two are the best, and clip most of them.
#
# Is it of use with Adam?
# -----------------------
#
# Adam divides by the usual size of the gradient, so a factor that stays the same cancels out. What is left is the
# effect on single long gradients. In this training it made no difference beyond the spread of the seeds:

# Varies with the processor: a training amplifies how it rounds.
adam, _ = train([1.0, math.inf], Adam, lr=0.01)
for max_norm, (*_, right) in adam.items():
    print(f"Adam, max_norm {max_norm:<5}{span(right)} right")

# %%
# What does it do with NaN and infinity?
# --------------------------------------
#
# Clipping does not remove them. If one gradient is infinite, the norm is infinite. The factor is then 0, which makes 0
# of the finite gradients and NaN of the infinite ones. One NaN makes the norm NaN, and with it each gradient.
# ``error_if_nonfinite=True`` raises instead. On a GPU it has to wait for the result (not measured here).

for bad in (math.inf, math.nan):
    network = one_gradient()
    network.head.bias.grad[0] = bad
    norm = clip_grad_norm_(network.parameters(), max_norm=3.0)
    print(f"{bad}: norm {norm}, then", network.head.bias.grad[:3].tolist())
with expect_error(RuntimeError, match="The total norm of order 2.0 for gradients from"):
    clip_grad_norm_(network.parameters(), max_norm=3.0, error_if_nonfinite=True)

# %%
# .. use-this::
#
#    Call ``clip_grad_norm_`` between ``backward()`` and ``step()``, for recurrent networks and transformers above all.
#    Begin with a ``max_norm`` of 1.0, which is a convention, and search from there. Log the norm that it returns. With
#    SGD, search ``max_norm`` and lr together. It costs two passes over the gradients, one for the norm and one for the
#    factor, and little memory. With a ``GradScaler`` (:ref:`mixed-precision`) call ``scaler.unscale_(optimizer)``
#    first. When you add up several batches, clip once, after the last. ``ptguide.training.fit`` has ``clip_norm``.
#
# Common mistakes
# ---------------
#
# **Clipped at the wrong place.** After ``step()`` it is too late, and no error is raised. With a GradScaler, a norm
# from before ``unscale_`` is that of the scaled loss (:ref:`unscale-has-already-been-called`).
#
# **A generator that is used up.** The optimizer read ``parameters`` below to its end, so nothing is left to clip. torch
# warns, and the gradients stay as they are.

network = new_network(0)
parameters = network.parameters()
optimizer = SGD(parameters, lr=0.1)
one_gradient(network)
with expect_warning(UserWarning, match="is an empty generator, no gradient clipping will occur"):
    clip_grad_norm_(parameters, max_norm=1.0)
print(f"used up: {vector(network).norm():.2f}", end=", ")
clip_grad_norm_(network.parameters(), max_norm=1.0)
print(f"called again: {vector(network).norm():.2f}")

# %%
# How this was checked

unclipped, clipped = tried[math.inf], tried[3.0]
assert min(clipped[2]) > max(unclipped[2]) + 5
assert sum(clipped[2]) > sum(slower) + 25  # five seeds
assert (clipped[0][:, -20:].mean(dim=1) < unclipped[0][:, -20:].mean(dim=1)).all()
assert unclipped[0].shape == unclipped[1].shape == (5, 220)
assert unclipped[1].max() > 5 * unclipped[1].median()  # a few are many times as long
assert abs(sum(adam[1.0][2]) - sum(adam[math.inf][2])) / 5 < 8
# The step of SGD is no longer than lr times max_norm.
for max_norm in (0.1, 1.0, 100.0):
    network = one_gradient()
    old = nn.utils.parameters_to_vector(network.parameters()).detach().clone()
    clip_grad_norm_(network.parameters(), max_norm)
    SGD(network.parameters(), lr=0.1).step()
    way = (nn.utils.parameters_to_vector(network.parameters()).detach() - old).norm()
    assert way <= 0.1 * max_norm * 1.0001
# Clipping nearly each step: 0.3 with max_norm 0.1 is like 0.03 with max_norm 1.
ends = [
    train([max_norm], lr=lr, seeds=1, epochs=2)[0][max_norm][0][0, -1]
    for max_norm, lr in ((0.1, 0.3), (1.0, 0.03))
]
assert abs(ends[0] - ends[1]) < 0.2
# The direction is kept, with other norms, too.
for norm_type in (1.0, 2.0, math.inf):
    network = one_gradient()
    norm = clip_grad_norm_(network.parameters(), 0.01, norm_type=norm_type)
    torch.testing.assert_close(norm, before.norm(norm_type))
    torch.testing.assert_close(vector(network), before * 0.01 / (norm + 1e-6))
# What is not finite: one NaN reaches each gradient, and an infinite one reaches them all if there is no limit.
for bad, max_norm in ((math.nan, 3.0), (math.nan, math.inf), (math.inf, math.inf)):
    network = one_gradient()
    network.head.bias.grad[0] = bad
    clip_grad_norm_(network.parameters(), max_norm)
    assert vector(network).isnan().all()
network = one_gradient()
clip_grad_norm_(network.parameters(), math.inf)
assert torch.equal(vector(network), before)
network = one_gradient()  # cut by value where no element is beyond the limit
clip_grad_value_(network.parameters(), before.abs().max().item())
assert torch.equal(vector(network), before)
assert levels[1] < 3.0 < levels[2]
sums = {max_norm: sum(right) for max_norm, (*_, right) in tried.items()}  # of five seeds
assert min(sums[1.0], sums[3.0]) > max(sums[0.3], sums[10.0], sums[math.inf], sum(slower)) + 20
# After step it is too late: the weights are those without clipping.
weights = []
for place in ("never", "after", "before"):
    network = one_gradient()
    optimizer = SGD(network.parameters(), lr=0.1)
    if place == "before":
        clip_grad_norm_(network.parameters(), 0.5)
    optimizer.step()
    if place == "after":
        clip_grad_norm_(network.parameters(), 0.5)
    weights.append(nn.utils.parameters_to_vector(network.parameters()))
assert torch.equal(weights[0], weights[1])
assert not torch.equal(weights[0], weights[2])
# With a scaler: before unscale_ the norm is that of the scaled loss.
network, scaler = new_network(0), torch.amp.GradScaler("cpu", init_scale=1024.0)
optimizer = SGD(network.parameters(), lr=0.1)
loss = F.cross_entropy(network(train_set.inputs[:50]), train_set.targets[:50])
scaler.scale(loss).backward()
scaled = vector(network).norm()
scaler.unscale_(optimizer)
torch.testing.assert_close(scaled, 1024 * vector(network).norm())
torch.testing.assert_close(vector(network).norm(), before.norm())
# fit clips in the same way, and so does training side by side: the weights of two epochs, by a plain loop and by both.
by_loop, by_fit = new_network(1), new_network(1)
optimizer = SGD(by_loop.parameters(), lr=0.1)
order = torch.Generator().manual_seed(1)
for _ in range(2):
    for images, labels in batches(train_set, 50, shuffle=True, generator=order):
        loss = F.cross_entropy(by_loop(images), labels)
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(by_loop.parameters(), 3.0)
        optimizer.step()
loader = batches(train_set, 50, shuffle=True, generator=torch.Generator().manual_seed(1))
fit(by_fit, loader, F.cross_entropy, SGD(by_fit.parameters(), lr=0.1), epochs=2, clip_norm=3.0)
_, beside = train([1.0, 3.0], epochs=2, seeds=2)
for (name, a), b in zip(by_loop.named_parameters(), by_fit.parameters(), strict=True):
    torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(a.detach(), beside[name][3].detach(), rtol=1e-3, atol=1e-4)

# %%
# Check yourself
# --------------

p, q = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
p.grad, q.grad = torch.tensor([3.0]), torch.tensor([4.0])
clip_grad_norm_([p, q], max_norm=2.5)
ask(
    "Two parameters have the gradients 3 and 4. What is the first one after clip_grad_norm_ of both with max_norm=2.5?",
    answer=round(p.grad.item(), 4),
    choices={
        2.5: "Each would be cut on its own. The norm is that of both together.",
        1.5: "The norm is 5, so both are halved.",
        3.0: "The norm of both together is 5, which is above 2.5.",
    },
)

# %%
# The next question is about what is returned.

network = one_gradient()
returned = clip_grad_norm_(network.parameters(), max_norm=0.5).item()
ask(
    "A training logs what clip_grad_norm_ returns with max_norm=0.5, and finds larger numbers. What does that mean?",
    answer="it clips" if returned > 0.5 >= vector(network).norm().item() else "it does not clip",
    choices={
        "it does not clip": "What is returned is the norm before. Afterwards it is at most 0.5.",
        "it clips": "It returns the norm before, and a larger number shows that the gradient was cut.",
        "the limit is applied in the next step": "It is applied at once and in place.",
    },
)

# %%
# **Exercise.** Some trainings clip each parameter on its own. Take ``gradients`` of shape (parameter, element), and
# multiply each row by a factor so that its norm is at most ``max_norm``. Leave the other rows as they are.


def by_torch(gradients, max_norm):
    rows = []
    for row in gradients:
        p = nn.Parameter(torch.zeros_like(row))
        p.grad = row.clone()
        clip_grad_norm_([p], max_norm)
        rows.append(p.grad)
    return torch.stack(rows)


cases = [
    (torch.tensor([[3.0, 4.0]]), 1.0),
    (torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]]), 1.0),
    (torch.arange(12.0).reshape(4, 3).cos(), 0.9),
]


def clip_rows(gradients, max_norm):
    raise NotImplementedError


check(clip_rows, by_torch, cases)

# %%
# ``keepdim=True`` makes one factor for each row, and ``clamp`` keeps the short rows as they are.

# Solution


def clip_rows(gradients, max_norm):
    norms = gradients.norm(dim=1, keepdim=True)
    return gradients * (max_norm / (norms + 1e-6)).clamp(max=1.0)


report = check(clip_rows, by_torch, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`gradient-accumulation`, one step from several batches.
#
# - Pascanu, Mikolov and Bengio (2013). `On the difficulty of training recurrent neural networks
#   <https://arxiv.org/abs/1211.5063>`__. Why gradients explode, and clipping by the norm.
# - Zhang, He, Sra and Jadbabaie (2020). `Why gradient clipping accelerates training
#   <https://arxiv.org/abs/1905.11881>`__. When clipped steps are faster than steps of one rate.

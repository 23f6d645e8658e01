"""
.. _gradients-add-up:

Why do gradients add up? (zero_grad)
====================================

Without ``zero_grad()`` a loss can fall and rise again, for ``backward()`` adds to ``.grad``.
"""

# %%
# Set-up

import inspect

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw_graph
from ptguide.questions import ask

torch.manual_seed(0)
train_set = digits("train")
pixels = train_set.inputs.flatten(start_dim=1)  # (1085, 64), from 0 to 1
images, labels = pixels[:100], train_set.targets[:100]

w = torch.tensor(2.0, requires_grad=True)


def error(measured):
    return F.mse_loss(w, torch.tensor(measured))


def vector(module):
    return torch.cat([p.grad.flatten() for p in module.parameters()])


bce, yes, no = F.binary_cross_entropy_with_logits, torch.ones(50, 1), torch.zeros(50, 1)


def players(seed):
    """Return a generator, a discriminator, and an optimizer for each."""
    torch.manual_seed(seed)
    G = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 64), nn.Sigmoid())
    D = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
    return G, D, *(torch.optim.Adam(module.parameters(), lr=1e-3) for module in (G, D))


def rounds(steps=100):
    for _ in range(steps):
        yield pixels[torch.randint(len(pixels), (50,))], torch.randn(50, 8)


def recognised(G, D):
    """Return which part of 500 made images the discriminator takes for made, in %."""
    with torch.no_grad():
        return 100 * (D(G(torch.randn(500, 8))) < 0).float().mean().item()


OPTIMIZERS = {
    "SGD": lambda ps: torch.optim.SGD(ps, lr=0.1),
    "SGD with momentum 0.9": lambda ps: torch.optim.SGD(ps, lr=0.1, momentum=0.9),
    "SGD with weight decay 0.5": lambda ps: torch.optim.SGD(ps, lr=0.1, weight_decay=0.5),
    "Adam": lambda ps: torch.optim.Adam(ps, lr=0.1),
}


def path(make, set_to_none, steps=10):
    """Return a weight over the steps: the first has a gradient of 3, and the loss of the others does not use it."""
    p = nn.Parameter(torch.tensor(1.0))
    optimizer, found = make([p]), [p.item()]
    (3 * p).backward()
    for _ in range(steps):
        optimizer.step()
        optimizer.zero_grad(set_to_none=set_to_none)
        found.append(p.item())
    return found


def draw_paths():
    figure, axes = plt.subplots(ncols=2, sharey=True, figsize=(5.8, 2.3), layout="constrained")
    for axis, set_to_none in zip(axes, (True, False), strict=True):
        for name, make in OPTIMIZERS.items():
            axis.plot(path(make, set_to_none), label=name, marker=".")
        axis.set(xlabel="step", title="None" if set_to_none else "zeros")
    axes[0].set_ylabel("weight")
    axes[0].legend(fontsize=7)
    figure.suptitle("Without a new gradient, None stops a weight and zeros need not")
    plt.show()


first, second = error(1.0), error(7.0)

# %%

draw_graph(first + second, {"w": w, "first": first, "second": second})

# %%
# A weight ``w`` should be near two measurements, and the loss is the sum of the squared errors. Read the gradient of
# ``w``, after "∂": it is a sum, with one part from each use. You need to know :ref:`requires-grad-and-leaves`.
#
# .. longer: 6 screens — two losses, what zero_grad leaves, and two optimizers are measured apart
#
# The rule
# --------
#
# If a weight reaches the loss in several places, its gradient is the sum over the places: :math:`\frac{\partial
# L}{\partial w} = \sum_i \frac{\partial L}{\partial w_i}`, with :math:`w_i` for use :math:`i`. At the leaf, torch adds
# what arrives to ``.grad``. It does so within one backward pass and from one pass to the next. So two passes give what
# one pass over the sum of the losses gives.

first.backward()
print("after the first: ", w.grad)
second.backward()
print("after the second:", w.grad)
one_pass = torch.autograd.grad(error(1.0) + error(7.0), w)[0]
assert w.grad == one_pass == 2 - 10

# %%
# Two losses: one backward or two?
# --------------------------------
#
# The gradients are equal up to rounding. What differs is the work: here both losses use the same features. Two passes
# walk through the shared layer twice, and the first has to keep the graph with ``retain_graph=True``. Without it, the
# second :ref:`is refused <backward-through-the-graph-a-second-time>`. So add the losses.

body, head, decoder = nn.Linear(64, 20), nn.Linear(20, 10), nn.Linear(20, 64)
walks = []
for passes in (1, 2):
    features = body(images).tanh()
    features.grad_fn.register_hook(lambda *_: walks.append("walked"))
    losses = F.cross_entropy(head(features), labels), F.mse_loss(decoder(features), images)
    body.zero_grad()
    for loss in losses if passes == 2 else [losses[0] + losses[1]]:
        loss.backward(retain_graph=True)
    print(f"{passes} backward: shared layer walked {len(walks)} x, norm {vector(body).norm():.4f}")
    walks.clear()

# %%
# If the losses come from different batches, no graph is shared. Then call ``backward()`` after each forward pass, which
# frees a graph before the next is built: that is :ref:`gradient accumulation <gradient-accumulation>`. If you did not
# want the sum, :ref:`the loss falls and rises again <zero-grad-is-missing>`, so call ``zero_grad()`` in each step.
#
# What zero_grad leaves: None or zeros
# ------------------------------------
#
# ``zero_grad()`` sets ``.grad`` to ``None``, and ``set_to_none=False`` fills it with zeros. The four optimizers below
# skip a weight whose gradient is ``None``. With zeros they make a step, in which old momentum or weight decay can move
# the weight. Here the weight has a gradient in the first of ten steps.

draw_paths()

# %%
# That matters where a part of the network is not used in each step, such as the head of another task. ``None`` also
# frees memory: a gradient takes as much as its weight.

F.cross_entropy(head(body(images).tanh()), labels).backward()
for set_to_none in (False, True):
    body.zero_grad(set_to_none=set_to_none)
    kept = sum(0 if p.grad is None else p.grad.nbytes for p in body.parameters())
    print(f"set_to_none={set_to_none!s:<6} {kept:,} bytes of gradients")

# %%
# A gradient that is not added
# ----------------------------
#
# :func:`torch.autograd.grad` returns the gradients and leaves ``.grad`` alone. Take it to measure something in the
# middle of a training, such as how much each loss pulls at the shared layer.

features = body(images).tanh()
losses = {
    "classes": F.cross_entropy(head(features), labels),
    "pixels": F.mse_loss(decoder(features), images),
}
for name, loss in losses.items():
    (gradient,) = torch.autograd.grad(loss, body.weight, retain_graph=True)
    print(f"{name:<8} norm {gradient.norm():.3f}")
assert body.weight.grad is None

# %%
# .. use-this::
#
#    In each step write ``optimizer.zero_grad()``, ``loss.backward()``, ``optimizer.step()``, in this order
#    (:ref:`the-training-loop`). Keep the default ``None``; code that reads gradients must expect it. Take
#    ``set_to_none=False`` to repeat an experiment from before torch 2.0, which filled with zeros. Add losses of one
#    forward pass before one ``backward()``. Take ``torch.autograd.grad`` for gradients that no step should use. With
#    several optimizers, empty each directly before the ``backward()`` that it belongs to.
#
# A common mistake
# ----------------
#
# **Two optimizers, emptied together.** In a GAN a generator makes images, and a discriminator tells them from real
# ones. The generator's loss runs through the discriminator, and leaves a gradient there that is opposed to the
# discriminator's own. Emptying both at the top of the step is too early: here the discriminator then recognises less
# than half of the made images. Empty the discriminator's gradient again before its own ``backward()``.


# Varies with the processor: a training amplifies how it rounds.
def train(seed, again):
    G, D, for_G, for_D = players(seed)
    for real, noise in rounds():
        for_G.zero_grad(), for_D.zero_grad()
        made = G(noise)
        bce(D(made), yes).backward()
        for_G.step()
        if again:
            for_D.zero_grad()  # of what the generator's loss left there
        (bce(D(real), yes) + bce(D(made.detach()), no)).backward()
        for_D.step()
    return recognised(G, D)


for again in (False, True):
    found = [train(seed, again) for seed in range(5)]
    print(
        f"emptied again: {again!s:<6} {min(found):.0f} to {max(found):.0f} % recognised, five seeds"
    )
    assert max(found) < 50 if not again else min(found) > 70

# %%
# How this was checked

assert kept == 0
assert nn.utils.parameters_to_vector(body.parameters()).nbytes == (64 * 20 + 20) * 4 == 5200
# backward(inputs=...) fills the named leaves alone, which is another cure.
G, D = nn.Linear(2, 3), nn.Linear(3, 1)
D(G(torch.ones(1, 2))).sum().backward(inputs=list(G.parameters()))
assert D.weight.grad is None
assert G.weight.grad is not None
# The default is None, for modules and for optimizers.
for owner in (nn.Module, torch.optim.Optimizer):
    assert inspect.signature(owner.zero_grad).parameters["set_to_none"].default is True
# Several uses: the sum of what each use alone would get; the uses are told apart by copies of the weight.
for uses in (1, 2, 3, 7):
    weight = torch.randn(4, 3)
    inputs = torch.randn(uses, 5, 4)
    shared = weight.clone().requires_grad_()
    torch.stack([(x @ shared).sin().sum() for x in inputs]).sum().backward()
    copies = [weight.clone().requires_grad_() for _ in range(uses)]
    pairs = zip(inputs, copies, strict=True)
    torch.stack([(x @ copied).sin().sum() for x, copied in pairs]).sum().backward()
    torch.testing.assert_close(shared.grad, torch.stack([c.grad for c in copies]).sum(dim=0))
    # And one pass for each use gives the same.
    again = weight.clone().requires_grad_()
    for x in inputs:
        (x @ again).sin().sum().backward()
    torch.testing.assert_close(again.grad, shared.grad)
# Two losses: weights of the losses are weights of the gradients.
features = body(images).tanh()
pair = F.cross_entropy(head(features), labels), F.mse_loss(decoder(features), images)
parts = [torch.autograd.grad(loss, body.weight, retain_graph=True)[0] for loss in pair]
(weighted,) = torch.autograd.grad(0.3 * pair[0] + 7 * pair[1], body.weight, retain_graph=True)
torch.testing.assert_close(weighted, 0.3 * parts[0] + 7 * parts[1])
body.zero_grad()
pair[0].backward()
with expect_error(RuntimeError, match="Trying to backward through the graph a second time"):
    pair[1].backward()
# If the losses share no part of the graph, retain_graph is not needed.
body.zero_grad()
F.cross_entropy(head(body(images).tanh()), labels).backward()
F.mse_loss(decoder(body(images).tanh()), images).backward()
torch.testing.assert_close(body.weight.grad, parts[0] + parts[1])
# None stops the weight under each optimizer; zeros stop plain SGD alone of the four.
for name, make in OPTIMIZERS.items():
    stays = path(make, True)
    assert set(stays[1:]) == {stays[1]}
    assert (len(set(path(make, False)[1:])) == 1) == (name == "SGD")
# More of torch's optimizers skip a gradient of None.
for kind in (torch.optim.AdamW, torch.optim.NAdam, torch.optim.RMSprop, torch.optim.Adagrad):
    stays = path(lambda ps, kind=kind: kind(ps, lr=0.1), True)
    assert set(stays[1:]) == {stays[1]}
# If each weight has a gradient in each step, the two give the same weights.
results = []
for set_to_none in (True, False):
    torch.manual_seed(1)
    network = nn.Linear(64, 10)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01, weight_decay=0.1)
    for _ in range(5):
        optimizer.zero_grad(set_to_none=set_to_none)
        F.cross_entropy(network(images), labels).backward()
        optimizer.step()
    results.append(network.weight.detach())
assert torch.equal(*results)
# An optimizer empties what it holds; a module empties all of its parameters.
two = nn.Sequential(nn.Linear(64, 20), nn.Linear(20, 10))
F.cross_entropy(two(images), labels).backward()
torch.optim.SGD(two[0].parameters(), lr=0.1).zero_grad()
assert two[0].weight.grad is None
assert two[1].weight.grad is not None
two.zero_grad()
assert two[1].weight.grad is None
# The sum is made in place: what was kept without clone() changes, unless zero_grad() came between.
p = torch.tensor(1.0, requires_grad=True)
(3 * p).backward()
kept = p.grad
(4 * p).backward()
assert kept == 7
p.grad = None
(5 * p).backward()
assert kept == 7

# %%
# Check yourself
# --------------

p = torch.tensor(1.0, requires_grad=True)
(3 * p).backward()
kept = p.grad
(4 * p).backward()
ask(
    "(3 * p).backward() runs, then kept = p.grad, then (4 * p).backward(). What is kept?",
    answer=kept.item(),
    choices={
        3.0: "kept is the same tensor as p.grad, and the sum is made in place. Take p.grad.clone().",
        4.0: "backward adds to what is there; it does not replace it.",
        7.0: "The second pass adds in place, and kept is that tensor. Take a clone to keep a gradient.",
    },
)

# %%
# The next question has a head that is not used.

moved = {}
for set_to_none in (True, False):
    found = path(OPTIMIZERS["Adam"], set_to_none)
    moved["None" if set_to_none else "zeros"] = found[-1] != found[1]
ask(
    "Adam trains two heads in turn, one batch for each. With which choice does a head also move in steps without a "
    "gradient?",
    answer=[name for name, moves in moved.items() if moves],
    choices={
        ("zeros",): "Adam steps by its running mean, which is not 0 yet. None is skipped.",
        ("None",): "A parameter without a gradient is skipped.",
        ("None", "zeros"): "A parameter whose gradient is None is skipped.",
        (): "With zeros, Adam still steps by its running mean of old gradients.",
    },
)

# %%
# **Exercise.** How much do several losses pull at one weight? ``losses`` are functions of the weight. Return
# the norm of the gradient of each loss, of shape (loss,). The checker fails you if ``weight.grad`` has changed.


def half_square(weight):
    return weight.square().sum() / 2


def distance_to_one(weight):
    return (weight - 1).abs().sum()


def by_formula(weight, *losses):
    formulas = {half_square: lambda v: v, distance_to_one: lambda v: (v - 1).sign()}
    with torch.no_grad():
        return torch.stack([formulas[loss](weight).norm() for loss in losses])


def pulls(weight, *losses):
    raise NotImplementedError


def untouched(function):
    def result(weight, *losses):
        weight = weight.clone().requires_grad_()
        weight.grad = torch.full_like(weight, 5.0)
        found = function(weight, *losses)
        assert torch.equal(weight.grad, torch.full_like(weight, 5.0)), "weight.grad has changed"
        return found

    return result


cases = [
    (torch.tensor([3.0, 4.0]), half_square),
    (torch.tensor([3.0, 4.0, 0.5]), half_square, distance_to_one),
    (torch.arange(6.0).reshape(2, 3), distance_to_one, half_square, distance_to_one),
]
check(untouched(pulls), by_formula, cases)

# %%
# Ask for one gradient at a time. ``torch.autograd.grad`` returns a tuple, with a gradient for each input.

# Solution


def pulls(weight, *losses):
    return torch.stack([torch.autograd.grad(loss(weight), weight)[0].norm() for loss in losses])


report = check(untouched(pulls), by_formula, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`detach-or-no-grad` compares calls that keep a gradient from arriving.
#
# - PyTorch contributors (2026). `torch.optim.Optimizer.zero_grad
#   <https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html>`__. What ``set_to_none``
#   changes.
# - Goodfellow et al. (2014). `Generative adversarial networks <https://arxiv.org/abs/1406.2661>`__. The game of
#   generator and discriminator.

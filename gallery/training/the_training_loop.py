"""
.. _the-training-loop:

The PyTorch training loop, line by line
=======================================

You have a network, a loss and data, and PyTorch leaves it to you to write the loop that trains. Three of its lines need
the right order: in two wrong orders the weights do not change, and no error says so.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from ptguide.data import digits
from ptguide.devices import pick_device
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.training import fit

device = pick_device()
train_set, test_set = digits("train"), digits("test")  # images of 8 by 8 pixels, and their labels


def new_network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)).to(device)


def new_loader(seed=0):
    order = torch.Generator().manual_seed(seed)
    return DataLoader(train_set, batch_size=50, shuffle=True, generator=order)


def accuracy(network):
    """Return the fraction of the test images that a network reads right."""
    images, labels = test_set[:]
    with torch.no_grad():
        answers = network(images.to(device)).argmax(dim=1)
    return (answers == labels.to(device)).float().mean().item()


def same_weights(one, other):
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def train_in_order(calls, seed):
    """Train a network with the three calls of the loop in another order."""
    network, loader = new_network(seed), new_loader(seed)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    for _ in range(5):
        for images, labels in loader:
            loss = F.cross_entropy(network(images.to(device)), labels.to(device))
            ways = {
                "zero_grad": optimizer.zero_grad,
                "backward": loss.backward,
                "step": optimizer.step,
            }
            for call in calls.split(", "):
                ways[call]()
    return network


def draw_orders(trained):
    """Draw the accuracy of each order: the mean, and a line from the worst seed to the best."""
    found = torch.tensor(
        [[100 * accuracy(one) for one in networks] for networks in trained.values()]
    )
    means = found.mean(dim=1)
    ends = torch.stack([means - found.amin(dim=1), found.amax(dim=1) - means])
    _, axis = plt.subplots(figsize=(6.5, 2.4), layout="constrained")
    axis.barh(list(trained), means.numpy(), xerr=ends.numpy())
    axis.axvline(10, color="gray", linestyle=":", label="guessing")
    axis.invert_yaxis()
    axis.set(xlabel="right answers in %", xlim=(0, 100))
    axis.legend()
    axis.set_title("Two orders train, two change nothing, one fails")
    plt.show()
    return found


network, loader = new_network(), new_loader()
before = accuracy(network)
watched = new_network()
weight, start = watched[1].weight, watched[1].weight.detach().clone()
first_images, first_labels = (part.to(device) for part in next(iter(new_loader())))


def gradient_of(network):
    """Return the gradient of the watched weight for the first batch, without touching ``.grad``."""
    loss = F.cross_entropy(network(first_images), first_labels)
    return torch.autograd.grad(loss, network[1].weight)[0]


def look(line):
    """Print what the first batch and one weight matrix are like after a line."""
    with torch.no_grad():
        loss = F.cross_entropy(watched(first_images), first_labels).item()
    filled = "None" if weight.grad is None else f"norm {weight.grad.norm().item():.3f}"
    moved = (weight.detach() - start).norm().item()
    print(f"{line:<12} loss {loss:.3f}   .grad {filled:<12} weights moved {moved:.3f}")


# %%

optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
for _epoch in range(5):
    for images, labels in loader:
        logits = network(images.to(device))
        loss = F.cross_entropy(logits, labels.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print(f"{len(test_set)} unseen digits: {before:.1%} right before, {accuracy(network):.1%} after")
assert accuracy(network) > 0.8

# %%
# This is the whole loop. It teaches a small :term:`network` to read digits. One turn of the inner loop is an
# :term:`iteration`, and one pass through the data set is an :term:`epoch`. You need to know
# :ref:`gradient-descent-four-times`.
#
# The rule
# --------
#
# Each turn takes a :term:`batch`, measures the loss, and finds the :term:`gradient`, the direction in which the loss
# grows. Then it moves the weights a small step against it. With the :term:`learning rate` lr, a step of plain SGD is
# :math:`w \leftarrow w - \text{lr} \, \partial L / \partial w`. Watch one weight matrix after each call of the first
# turn. (The norm is its length as a vector.)

optimizer = torch.optim.SGD(watched.parameters(), lr=0.5)
look("at the start")
optimizer.zero_grad()
look("zero_grad()")
F.cross_entropy(watched(first_images), first_labels).backward()
look("backward()")
gradient = weight.grad.clone()
optimizer.step()
look("step()")
torch.testing.assert_close(weight.detach(), start - 0.5 * gradient)  # lr times the gradient

# %%
# ``backward`` fills ``.grad`` and leaves the weights alone. ``step`` changes the weights and leaves ``.grad`` alone. An
# untrained classifier guesses, so you can predict its first loss. Among ten digits it is about minus the logarithm of a
# tenth, :val:`2.30 <-torch.tensor(0.1).log()>`. If yours is far above, look at the scale of the inputs first. With
# bytes as pixels, undivided, it is many times as large here.
#
# Why are the gradients emptied by hand?
# --------------------------------------
#
# The reason is that ``backward`` *adds* to ``.grad``. That is useful when you want to sum the gradients of several
# batches before one step. In the loop above it would mix old batches into each step. Here is one batch, twice:

optimizer.zero_grad()
for turn in (1, 2):
    F.cross_entropy(watched(first_images), first_labels).backward()
    print(f"after backward number {turn}: {weight.grad.norm().item():.3f}")
torch.testing.assert_close(weight.grad, 2 * gradient_of(watched))

# %%
# The wrong order, measured
# -------------------------
#
# Here are the three calls in five orders. A bar is the mean of three seeds, and its line goes from the worst to the
# best.

# Varies with the processor: a training amplifies how it rounds.
orders = ["zero_grad, backward, step", "backward, step, zero_grad", "backward, zero_grad, step"]
orders += ["zero_grad, step, backward", "backward, step"]
trained = {order: [train_in_order(order, seed) for seed in range(3)] for order in orders}
found = draw_orders(trained)
for seed in range(3):
    right, late, emptied, early, _ = (trained[order][seed] for order in orders)
    assert same_weights(right, late)
    assert same_weights(emptied, new_network(seed))
    assert same_weights(early, new_network(seed))
assert found[0].min() > 80 > found[4].max()

# %%
# The first two orders give the same weights, bit for bit. In the third and the fourth, each step is taken with empty
# gradients, and the weights are still those of the start. Without ``zero_grad``, each step follows the sum of the
# gradients so far. That fails at this learning rate.
#
# .. use-this::
#
#    Write ``zero_grad()``, ``backward()``, ``step()``, in this order and next to each other. Call ``network.train()``
#    before the loop when the network has dropout or batch norm, and ``network.eval()`` before you measure. After
#    ``backward()``, the gradients take as much memory as the weights. ``ptguide.training.fit`` is the same loop with
#    validation and checkpoints around it.
#
# A common mistake
# ----------------
#
# **The optimizer of another network.** An optimizer keeps the parameters that it was given. If you make the network
# afterwards, or replace a layer, ``step`` does not reach the new parameters. No error is raised. Make the optimizer
# last.

old = new_network()
optimizer = torch.optim.SGD(old.parameters(), lr=0.5)
newer = new_network(seed=1)  # made after its optimizer
F.cross_entropy(newer(first_images), first_labels).backward()
optimizer.step()
print("did the weights change?", not same_weights(newer, new_network(seed=1)))
assert same_weights(newer, new_network(seed=1))
optimizer = torch.optim.SGD(newer.parameters(), lr=0.5)
optimizer.step()
print("with its own optimizer? ", not same_weights(newer, new_network(seed=1)))

# %%
# How this was checked

assert not same_weights(newer, new_network(seed=1))
assert (first_images.shape, first_labels.shape) == ((50, 1, 8, 8), (50,))
for seed in range(5):  # an untrained network loses about log(10)
    with torch.no_grad():
        loss = F.cross_entropy(new_network(seed)(first_images), first_labels).item()
    assert abs(loss - 2.3026) < 0.2
    with torch.no_grad():  # pixels from 0 to 255 instead of 0 to 1
        assert F.cross_entropy(new_network(seed)(255 * first_images), first_labels) > 20
assert [p.grad.shape for p in network.parameters()] == [p.shape for p in network.parameters()]
fitted = new_network()
optimizer = torch.optim.SGD(fitted.parameters(), lr=0.5)
fit(fitted, new_loader(), F.cross_entropy, optimizer, epochs=5)
assert same_weights(fitted, trained[orders[0]][0])
# The loop at the top gave the weights of the first order, and fit goes through the data in the same order.
assert same_weights(network, trained[orders[0]][0])
assert found.shape == (5, 3)
# Without zero_grad, the step follows the sum: two steps by hand.
w = nn.Parameter(torch.tensor([5.0]))
optimizer, total = torch.optim.SGD([w], lr=0.1), 0.0
for factor in (3.0, 4.0):
    before_step = w.item()
    (factor * w).sum().backward()
    optimizer.step()
    total += factor
    torch.testing.assert_close(w.item(), before_step - 0.1 * total, atol=1e-6, rtol=1e-6)

# %%
# Check yourself
# --------------

p = nn.Parameter(torch.tensor([1.0]))
for factor in (3.0, 4.0):
    (factor * p).sum().backward()
ask(
    "backward runs for the loss 3p, then for the loss 4p, without zero_grad. What is p.grad?",
    answer=p.grad.item(),
    choices={
        4.0: "The second does not overwrite the first.",
        7.0: "Gradients add up until somebody empties them.",
        3.5: "Nothing takes a mean here.",
    },
)

# %%
# A loss that does not move:

stuck = same_weights(trained["backward, zero_grad, step"][0], new_network(0))
ask(
    "The loss of every epoch is the same to the last digit. Where do you look first?",
    answer="at the order of zero_grad, backward and step" if stuck else "at the size of the batch",
    choices={
        "at the size of the batch": "The size changes how the loss moves, and here nothing moves.",
        "at the order of zero_grad, backward and step": "With zero_grad before step, no weight changes by one bit.",
        "at the number of epochs": "The first step already changes the weights, if it changes them at all.",
    },
)

# %%
# **Exercise.** Fit a line through the origin: start at 0, and take ``steps`` steps of plain SGD on the mean squared
# error of ``w * x`` against ``y``. Use ``torch.optim.SGD`` and the three calls. Return ``w``.


def by_hand(x, y, lr, steps):
    w = torch.zeros(1)
    for _ in range(steps):
        w = w - lr * (2 * (w * x - y) * x).mean()
    return w


cases = [
    (torch.tensor([1.0]), torch.tensor([2.0]), 0.1, 1),
    (torch.tensor([1.0, 2.0]), torch.tensor([3.0, 6.0]), 0.1, 2),
    (torch.linspace(-1, 1, 9), torch.linspace(-2, 2, 9), 0.5, 20),
]


def fit_line(x, y, lr, steps):
    raise NotImplementedError


check(fit_line, by_hand, cases)

# %%
# The optimizer gets the tensor that is to change, and that tensor requires gradients.

# Solution


def fit_line(x, y, lr, steps):
    w = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=lr)
    for _ in range(steps):
        loss = F.mse_loss(w * x, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return w.detach()


report = check(fit_line, by_hand, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`evaluation`, how good a trained network is.
#
# - Goodfellow, Bengio and Courville (2016). `Deep Learning
#   <https://www.deeplearningbook.org/contents/optimization.html>`__. Its section 8.1.3: why a batch and not the whole
#   set.
# - Karpathy (2019). `A recipe for training neural networks <https://karpathy.github.io/2019/04/25/recipe/>`__. What to
#   look at before and after this loop.

"""
.. _the-training-loop:

The PyTorch training loop, line by line
=======================================

You have a network, a loss and data, and no function in torch that trains one with the others, so you write the loop
yourself. Three of its lines have an order, and in two wrong orders not one weight changes, and no error says so.
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
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.training import fit

device = pick_device()
train_set, test_set = (
    digits("train"),
    digits("test"),
)  # images of 8 by 8 pixels, and which digit each shows


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


network, loader = new_network(), new_loader()
before = accuracy(network)

# %%

optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
for _epoch in range(5):
    for images, labels in loader:
        logits = network(images.to(device))
        loss = F.cross_entropy(logits, labels.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print(
    f"right on {len(test_set)} digits that it has not seen: {before:.1%} before, {accuracy(network):.1%} after"
)
assert accuracy(network) > 0.8

# %%
# This is the whole loop. It teaches a small :term:`network` to read digits. You need to know
# :ref:`gradient-descent-four-times`.
#
# What each line does
# -------------------
#
# Training looks for weights with a small loss. It needs three things again and again. The first is the loss for some
# examples, a :term:`batch`. The second is, for each weight, the direction in which the loss grows, the
# :term:`gradient`. The third is a small step against it. One turn of the inner loop is an :term:`iteration`. One pass
# through the data set is an :term:`epoch`.
#
# Watch one weight matrix during the first turn. The loss alone changes nothing. ``backward`` fills ``.grad`` and leaves
# the weights alone. ``step`` changes the weights and leaves ``.grad`` alone. ``zero_grad`` empties ``.grad``.

watched, batch = new_network(), next(iter(new_loader()))
images, labels = (part.to(device) for part in batch)
optimizer = torch.optim.SGD(watched.parameters(), lr=0.5)
weight, start = watched[1].weight, watched[1].weight.detach().clone()


def look(line):
    filled = "None" if weight.grad is None else f"norm {weight.grad.norm().item():.3f}"
    moved, loss = (
        (weight.detach() - start).norm().item(),
        F.cross_entropy(watched(images), labels).item(),
    )
    print(f"{line:<26} loss {loss:.3f}   .grad {filled:<12} weights moved {moved:.3f}")


look("at the start")
loss = F.cross_entropy(watched(images), labels)
look("loss = cross_entropy(...)")
loss.backward()
look("loss.backward()")
gradient = weight.grad.clone()
optimizer.step()
look("optimizer.step()")
torch.testing.assert_close(weight.detach(), start - 0.5 * gradient)  # lr times the gradient
optimizer.zero_grad()
look("optimizer.zero_grad()")

# %%
# The first loss is known before you run anything. A network that knows nothing gives each of 10 classes about the same
# probability, and :math:`-\log \tfrac{1}{10}` is :val:`2.30 <-torch.tensor(0.1).log()>`. If yours begins far from that,
# look at the labels and the last layer first.
#
# Why empty the gradients by hand?
# --------------------------------
#
# Because ``backward`` *adds* to ``.grad``. That is what you want when a weight is used twice, or when two losses share
# it. In a loop it means that the gradient of the last batch is still there.

loss_of = lambda: F.cross_entropy(watched(images), labels)  # noqa: E731
loss_of().backward()
once = weight.grad.clone()
loss_of().backward()
torch.testing.assert_close(weight.grad, 2 * once)
print(f"after one backward: {once.norm().item():.3f}, after two: {weight.grad.norm().item():.3f}")

# %%
# The wrong order, measured
# -------------------------
#
# The three calls in five orders, each with three seeds. The bar is the mean, the line goes from the worst to the best.


# Varies with the processor: a training amplifies how it rounds.
def train_in_order(calls, seed):
    network, loader = new_network(seed), new_loader(seed)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    for _ in range(5):
        for images, labels in loader:
            loss = F.cross_entropy(network(images.to(device)), labels.to(device))
            for call in calls.split(", "):
                {
                    "zero_grad": optimizer.zero_grad,
                    "backward": loss.backward,
                    "step": optimizer.step,
                }[call]()
    return network


orders = [
    "zero_grad, backward, step",
    "backward, step, zero_grad",
    "backward, zero_grad, step",
    "zero_grad, step, backward",
    "backward, step",
]
trained = {order: [train_in_order(order, seed) for seed in range(3)] for order in orders}
found = torch.tensor([[100 * accuracy(network) for network in trained[order]] for order in orders])
means, lowest, highest = found.mean(dim=1), found.amin(dim=1), found.amax(dim=1)
figure, axis = plt.subplots(figsize=(6.5, 2.6), layout="constrained")
axis.barh(orders, means.numpy(), xerr=torch.stack([means - lowest, highest - means]).numpy())
axis.axvline(10, color="gray", linestyle=":", label="guessing")
axis.invert_yaxis()
axis.set(xlabel="right answers in %", xlim=(0, 100))
axis.legend()
axis.set_title("Two orders train, two change nothing, one fails")
plt.show()
assert lowest[0] > 80
assert highest[2:4].max() < 30
assert highest[4] < lowest[0]

# %%
# The first two orders give the same weights, bit for bit: where ``zero_grad`` is called between ``step`` and the next
# ``backward`` does not matter. In the third and the fourth, each step is taken with empty gradients, and the weights
# are still those of the start. Without ``zero_grad``, each step follows the sum of all gradients so far.


def same_weights(one, other):
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


for seed in range(3):
    right, late, emptied, early, _ = (trained[order][seed] for order in orders)
    assert same_weights(right, late)
    assert same_weights(emptied, new_network(seed))
    assert same_weights(early, new_network(seed))

# %%
# .. use-this::
#
#    Write ``zero_grad()``, ``backward()``, ``step()``, in this order and next to each other. Give ``zero_grad`` no
#    argument. Call ``network.train()`` before the loop when the network has dropout or batch norm, and
#    ``network.eval()`` before you measure. For more than a lesson (validation, checkpoints, several processes)
#    ``ptguide.training.fit`` is the same loop with these around it.

fitted = new_network()
optimizer = torch.optim.SGD(fitted.parameters(), lr=0.5)
history = fit(fitted, new_loader(), F.cross_entropy, optimizer, epochs=5)
assert same_weights(fitted, trained[orders[0]][0])
print("loss, as a mean over each epoch:", [round(loss, 2) for loss in history["loss"]])

# %%
# Common mistakes
# ---------------
#
# **A learning rate that is too small.** In :val:`p.dtype`, a step of 1e-9 away from 0.3 is lost in rounding. The loss
# then repeats to the last digit, as with the wrong order.

p = nn.Parameter(torch.tensor([0.3]))
p.sum().backward()
torch.optim.SGD([p], lr=1e-9).step()
assert p.item() == torch.tensor(0.3).item()
print(p.item() == torch.tensor(0.3).item())

# %%
# **An optimizer that wants another loop.** :class:`torch.optim.LBFGS` computes the loss several times for one step, so
# it takes a function that computes the loss.

with expect_error(TypeError, match="missing 1 required positional argument: 'closure'"):
    torch.optim.LBFGS([p]).step()

# %%
# How this was checked

images, labels = next(iter(new_loader()))
assert (images.shape, labels.shape) == ((50, 1, 8, 8), (50,))
for seed in range(5):  # an untrained network loses about log(10)
    with torch.no_grad():
        assert (
            abs(
                F.cross_entropy(new_network(seed)(images.to(device)), labels.to(device)).item()
                - 2.3026
            )
            < 0.2
        )
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
        "at the size of the batch": "With another size the loss would still move.",
        "at the order of zero_grad, backward and step": "With zero_grad before step, no weight changes by one bit.",
        "at the number of epochs": "The first step already changes the weights, if it changes them at all.",
    },
)

# %%
# **Exercise.** Fit a line through the origin: start at 0, and take ``steps`` steps of plain SGD on the mean
# squared error of ``w * x`` against ``y``. Use ``torch.optim.SGD`` and the three calls. Return ``w``.


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

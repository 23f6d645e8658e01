"""
.. _the-training-loop:

The PyTorch training loop, line by line
=======================================

Batch, forward, loss, ``zero_grad``, ``backward``, ``step``: most training loops in PyTorch have these lines at their
core. This page trains a small :term:`network` on pictures of digits, looks at what each line changes, and measures what
happens when one stands in the wrong place. You need to know :ref:`gradient-descent-four-times`.
"""

# %%
# The loop, and how far the :term:`loss` falls.

import torch
from torch import nn
from torch.utils.data import DataLoader

from ptguide.data import digits
from ptguide.devices import pick_device

device = pick_device()
torch.manual_seed(0)
network = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)).to(device)
optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
order = torch.Generator().manual_seed(1)
loader = DataLoader(digits("train"), batch_size=50, shuffle=True, generator=order)
losses = []
for _epoch in range(5):
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        logits = network(images)
        loss = nn.functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
print(f"{len(losses)} steps; loss of the first {losses[0]:.1f}, of the last {losses[-1]:.1f}")

# %%
# It has learned something. Here are the first eight digits of a test set that it has not seen, each with the answer of
# the network. :val:`(answers == labels.to(device)).sum()` of the eight are right.

import matplotlib.pyplot as plt

test_set = digits("test")
images, labels = test_set[:8]
with torch.no_grad():
    answers = network(images.to(device)).argmax(dim=1)
figure, axes = plt.subplots(1, 8, figsize=(6.5, 1.5), layout="constrained")
for axis, image, label, answer in zip(axes, images, labels, answers, strict=True):
    axis.imshow(image[0].numpy(), cmap="gray_r")
    axis.set_title(answer.item(), color="black" if answer == label else "tab:red")
    axis.axis("off")
figure.suptitle("Eight digits, and the answers of the network (red: wrong)")
plt.show()
assert losses[-1] < 0.5 * losses[0]

# %%
# Line by line
# ------------
#
# ``for images, labels in loader``: a :term:`batch` of 50 examples, moved to the :term:`device` where the network is.
# One pass of the inner loop is an :term:`iteration`, one pass of the outer loop, over the whole data set, an
# :term:`epoch`. ``network(images)`` is the forward pass: 10 :term:`logits` for each image. The loss is one number. This
# network knows nothing yet and gives the 10 classes about the same probability, and :math:`-\log \frac1{10} = 2.3`.

import math

from torch.nn import functional as F


def new_network():
    torch.manual_seed(0)
    layers = nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)
    return nn.Sequential(*layers).to(device)


def new_loader():
    order = torch.Generator().manual_seed(1)
    return DataLoader(digits("train"), batch_size=50, shuffle=True, generator=order)


fresh = new_network()
images, labels = next(iter(new_loader()))
images, labels = images.to(device), labels.to(device)
logits = fresh(images)
loss = F.cross_entropy(logits, labels)
assert (images.shape, labels.shape, logits.shape) == ((50, 1, 8, 8), (50,), (50, 10))
assert loss.shape == ()
assert abs(loss.item() - math.log(10)) < 0.2

# %%
# ``loss.backward()`` computes how the loss changes with each weight. Before the first ``backward`` a weight has no
# gradient. Afterwards ``.grad`` holds a tensor of the weight's shape. The weights are what they were.

weight = fresh[1].weight
before = weight.detach().clone()
assert weight.grad is None
loss.backward()
assert weight.grad.shape == weight.shape == (32, 64)
assert weight.grad.any()
assert torch.equal(weight, before)

# %%
# ``optimizer.step()`` changes the weights: plain :class:`torch.optim.SGD` subtracts ``lr`` times the gradient. It does
# not empty ``.grad``.

optimizer = torch.optim.SGD(fresh.parameters(), lr=0.5)
gradient = weight.grad.clone()
optimizer.step()
torch.testing.assert_close(weight, before - 0.5 * gradient)
assert torch.equal(weight.grad, gradient)
assert F.cross_entropy(fresh(images), labels) < loss  # after one step, this batch costs less

# %%
# ``optimizer.zero_grad()`` empties ``.grad``: then a weight has no gradient, as at the start. Without it, the next
# ``backward`` would *add* to what is there. It stands somewhere between one ``step`` and the next ``backward``. In this
# loop its place between them changes no bit of the weights, as the next section shows.

optimizer.zero_grad()
assert weight.grad is None
F.cross_entropy(fresh(images), labels).backward()
once = weight.grad.clone()
F.cross_entropy(fresh(images), labels).backward()
torch.testing.assert_close(weight.grad, 2 * once)

# %%
# The wrong order, measured
# -------------------------
#
# Here the order of the three calls is an argument. Each runs for 5 epochs from the same start; then the right answers
# on the test data are counted, as :ref:`evaluation` explains it.


# Varies with the processor: a training amplifies how it rounds.
def train_in_order(*calls, criterion=F.cross_entropy):
    network, loader = new_network(), new_loader()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    for _epoch in range(5):
        for images, labels in loader:
            loss = criterion(network(images.to(device)), labels.to(device))
            for call in calls:
                {"zero": optimizer.zero_grad, "back": loss.backward, "step": optimizer.step}[call]()
    return network


def same_weights(one, other):
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def count_correct(network):
    network.eval()
    correct = 0
    with torch.no_grad():
        for images, labels in DataLoader(test_set, batch_size=100):
            answers = network(images.to(device)).argmax(dim=1)
            correct += (answers == labels.to(device)).sum().item()
    return correct


trained = {
    "zero, back, step": train_in_order("zero", "back", "step"),
    "back, step, zero": train_in_order("back", "step", "zero"),
    "back, zero, step": train_in_order("back", "zero", "step"),
    "zero, step, back": train_in_order("zero", "step", "back"),
    "back, step": train_in_order("back", "step"),
}
accuracy = {order: count_correct(one) / len(test_set) for order, one in trained.items()}

figure, axis = plt.subplots(figsize=(6.5, 2.6), layout="constrained")
axis.barh(list(accuracy), [100 * share for share in accuracy.values()])
axis.invert_yaxis()
axis.set(xlabel="right answers in % (10 % is guessing)", ylabel="order", xlim=(0, 100))
axis.set_title("In two of five orders nothing changes, in one it fails")
plt.show()

# %%
# The first two give the same weights. In the next two, the steps are taken with empty gradients: after 5 epochs the
# weights are those of the start, to the last bit. There is no error and no warning. Without ``zero_grad`` each step
# uses the sum of the gradients so far. With this rate, fewer than half of the answers are right then.

assert same_weights(trained["zero, back, step"], network)
assert same_weights(trained["back, step, zero"], network)
for order in ("back, zero, step", "zero, step, back"):
    assert same_weights(trained[order], new_network())
assert accuracy["zero, back, step"] > 0.8
assert accuracy["back, step"] < 0.5

# %%
# What goes wrong: softmax before cross-entropy
# ---------------------------------------------
#
# :func:`torch.nn.functional.cross_entropy` takes logits and contains softmax. With another one before it, the loss
# can't fall below :math:`\log(e + 9) - 1 = 1.46` for 10 classes, however right the answers are. Here the network
# learns, but it has fewer right answers after the same 5 epochs; :ref:`softmax` explains the number.


def softmax_twice(logits, labels):
    return F.cross_entropy(logits.softmax(dim=1), labels)


floor = math.log(math.e + 9) - 1
sure = torch.zeros(1, 10).index_fill(1, torch.tensor([3]), 1000.0)
torch.testing.assert_close(softmax_twice(sure, torch.tensor([3])).item(), floor)

twice = train_in_order("zero", "back", "step", criterion=softmax_twice)
right, wrong = (count_correct(one) / len(test_set) for one in (network, twice))
assert 0.2 < wrong < right - 0.1  # guessing gives 0.1
with torch.no_grad():
    inputs, targets = digits("train").inputs.to(device), digits("train").targets.to(device)
    assert softmax_twice(twice(inputs), targets) > floor
    assert F.cross_entropy(network(inputs), targets) < 0.5

# %%
# The same with ptguide.training.fit
# ----------------------------------
#
# ``fit`` is this loop with more around it, such as a record of each epoch, :term:`validation` and checkpoints. The
# weights are the same, bit for bit. Its source is worth reading once the loop is clear.

from ptguide.training import accuracy, evaluate, fit

fitted = new_network()
optimizer = torch.optim.SGD(fitted.parameters(), lr=0.5)
unseen = DataLoader(digits("validation"), batch_size=100)
history = fit(fitted, new_loader(), F.cross_entropy, optimizer, epochs=5, validation=unseen)
assert same_weights(fitted, network)
found = evaluate(fitted, DataLoader(test_set, batch_size=100), metrics={"accuracy": accuracy})
torch.testing.assert_close(found.metrics["accuracy"], right)
for figure_of in ("loss", "validation_loss"):
    assert history[figure_of][-1] < 0.8 * history[figure_of][0]
history.plot("It falls on unseen data, too")
plt.show()

# %%
# What these lines leave out
# --------------------------
#
# A network with dropout or batch normalization needs ``network.train()`` before the loop (:ref:`evaluation`). A rate
# that is as good as 0 raises no error, but no weight moves. And there are optimizers that need another loop:
# :class:`torch.optim.LBFGS` takes a function that computes the loss.

from ptguide.errors import expect_error

p = nn.Parameter(torch.tensor([0.3]))
p.sum().backward()
torch.optim.SGD([p], lr=1e-9).step()
assert torch.equal(p, torch.tensor([0.3]))  # 0.3 - 1e-9 is 0.3 in float32
with expect_error(TypeError, match="missing 1 required positional argument: 'closure'"):
    torch.optim.LBFGS([p]).step()

# %%
# Check yourself
# --------------

from ptguide.questions import ask

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
# And a loss that does not move at all:

stuck = same_weights(trained["back, zero, step"], new_network())
ask(
    "The loss of every epoch is the same to the last digit. What is the first thing to look at?",
    answer="the order of zero_grad, backward and step" if stuck else "the learning rate",
    choices={
        "the learning rate": "Unless it is too small to change a float32, the last digits of the loss change.",
        "the order of zero_grad, backward and step": "With zero_grad before step, no weight changes by one bit.",
        "softmax before the loss": "On this page such a network learned, so its loss moved.",
    },
)

# %%
# Next: :ref:`evaluation`, how good a trained network is.

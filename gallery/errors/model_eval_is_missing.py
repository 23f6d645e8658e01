"""
.. _model-eval-is-missing:

Why does my model answer differently each time? model.eval() is missing
=======================================================================

Dropout and batch norm compute something else in train mode than in eval mode, and a new model is in train mode. Call
``model.eval()`` before you measure or predict, and ``model.train()`` before training goes on.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import copy

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import TensorData, batches, digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

train_set, test_set = digits("train"), digits("test")
test_set = TensorData(*test_set[:350])


def new_network(kind, hidden=32):
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(64, hidden)),
        *([nn.BatchNorm1d(hidden)] if kind in ("batch norm", "both") else []),
        nn.ReLU(),
        *([nn.Dropout(0.5)] if kind in ("dropout", "both") else []),
        nn.Linear(hidden, 10),
    )


def convolutions(momentum):
    def block(before, after):
        norm = nn.BatchNorm2d(after, momentum=momentum)
        return nn.Conv2d(before, after, 3, padding=1), norm, nn.ReLU()

    layers = *block(1, 8), nn.MaxPool2d(2), *block(8, 16), nn.Flatten()
    return nn.Sequential(*layers, nn.Linear(16 * 4 * 4, 10))


def steps(network, data, optimizer, seed):
    """Yield the loss of each batch of one epoch after the step."""
    for images, labels in batches(data, 50, shuffle=True, generator=seed):
        loss = F.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


def train(network, seed, epochs=6, data=train_set, forget=False):
    """Train and validate in turn. With ``forget``, train() is called before the first epoch alone."""
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    order, losses = torch.Generator().manual_seed(seed), []
    for epoch in range(epochs):
        if epoch == 0 or not forget:
            network.train()
        of_epoch = list(steps(network, data, optimizer, order))
        losses.append(sum(of_epoch) / len(of_epoch))
        network.eval()
        accuracy(network)
    return network, losses


def accuracy(network, batch_size=50, data=test_set):
    """Return the percentage of right answers, in the mode that the network is in."""
    with torch.no_grad():
        parts = [network(x).argmax(dim=1) == y for x, y in batches(data, batch_size)]
    return 100 * torch.cat(parts).float().mean().item()


def in_train_mode(network):
    return copy.deepcopy(network).train()


def seeded(kind, seed, **options):
    torch.manual_seed(seed)
    return new_network(kind, **options)


def by_mode(networks):
    return {
        "eval()": [accuracy(network) for network in networks],
        "train mode": [accuracy(in_train_mode(network)) for network in networks],
        "train mode, batches of 2": [accuracy(in_train_mode(one), 2) for one in networks],
    }


def draw_modes(found):
    kinds, ways = list(found), list(next(iter(found.values())))
    _, axis = plt.subplots(figsize=(5.8, 2.2), layout="constrained")
    for number, way in enumerate(ways):
        for row, kind in enumerate(kinds):
            seeds, height = found[kind][way], row + 0.2 * (number - 1)
            label = way if row == 0 else None
            axis.plot(
                seeds,
                [height] * len(seeds),
                "osD"[number],
                color=f"C{number}",
                label=label,
                alpha=0.6,
            )
    axis.set_yticks(range(len(kinds)), kinds)
    axis.set(xlabel="right answers in %", xlim=(40, 100))
    axis.legend(fontsize=8, loc="lower left")
    axis.set_title("The same weights answer worse in train mode")
    plt.show()


# %%

# Varies with the processor: a training amplifies how it rounds.
trained, found = {}, {}
for kind in ("dropout", "batch norm", "both"):
    trained[kind] = [train(seeded(kind, seed), seed)[0] for seed in range(5)]
    found[kind] = by_mode(trained[kind])
draw_modes(found)

# %%
# A point is one of five trained networks. With batch norm alone, and mixed batches of
# :val:`50 <accuracy.__defaults__[0]>`, the difference is small. In batches of 2 the same network is far worse. So a
# test with large batches can hide what happens in use.
#
# .. longer: 7 screens — it is silent, and each of its causes and the test have a cell
#
# ====================================================================  =============================================
# What you see                                                          Fix
# ====================================================================  =============================================
# :ref:`another answer each time, for the same input <eval-rule>`       ``model.eval()``
# :ref:`the accuracy depends on the size of the batch <eval-rule>`      ``model.eval()``
# :ref:`Expected more than 1 value per channel <eval-rule>`             ``model.eval()``
# :ref:`it gets worse by being measured <eval-moved>`                   ``model.eval()``
# :ref:`still random after eval() <eval-functional>`                    ``F.dropout(x, training=self.training)``
# :ref:`the loss drops after the first validation <eval-forgot>`        ``model.train()`` in each epoch
# :ref:`worse with eval() than without <eval-worse>`                    more steps, or a larger momentum
# ====================================================================  =============================================
#
# .. _eval-rule:
#
# The rule
# --------
#
# In train mode, dropout sets random features to 0 and divides the others by the probability of being kept. Batch norm
# uses the mean and the variance of the *batch*:
# :math:`(x - \text{mean}_\text{batch}) / \sqrt{\text{var}_\text{batch}}`. So the answer for one image depends on the
# others, and in a batch of one, a feature's single number has no variance. ``eval()`` switches dropout off, and batch
# norm then uses its running averages from training, if it keeps them. See :ref:`evaluation`.

images = test_set.inputs[:40]
for kind in ("dropout", "batch norm"):
    network = trained[kind][0]
    for mode in ("train", "eval"):
        used = copy.deepcopy(network).train(mode == "train")
        with torch.no_grad():
            again = torch.equal(used(images), used(images))
            smaller = torch.allclose(used(images)[:2], used(images[:2]), atol=1e-5)
        print(f"{kind:<11}{mode:<6}same twice: {again!s:<6}same in batch of two: {smaller}")
        assert smaller == (mode == "eval")
        assert again == (mode == "eval" or kind == "batch norm")
with expect_error(ValueError, match="Expected more than 1 value per channel when training"):
    trained["batch norm"][0].train()(images[:1])
assert trained["batch norm"][0].eval()(images[:1]).shape == (1, 10)

# %%
# .. _eval-moved:
#
# It gets worse by being measured
# -------------------------------
#
# In train mode each forward pass moves the running averages of batch norm, also under ``no_grad``. So the test images
# leak into the model, and a later measurement with ``eval()`` can be worse. Here the images come sorted by digit, in
# batches of five, three times in a row. Large mixed batches change little.

# Varies with the processor: a training amplifies how it rounds.
by_digit = TensorData(*test_set[test_set.targets.argsort(stable=True)])
for network in trained["batch norm"][:3]:
    moved = in_train_mode(network)
    for _ in range(3):
        accuracy(moved, 5, by_digit)
    before, after = accuracy(network), accuracy(moved.eval())
    print(f"with eval(): {before:.1f} % before measuring in train mode, {after:.1f} % after")
    assert after < before - 1

# %%
# .. _eval-functional:
#
# Still random after eval()
# -------------------------
#
# ``F.dropout`` is a function and knows no mode: its ``training`` is ``True`` unless you pass another value. Pass
# ``self.training``, or use the module ``nn.Dropout``. The argument ``dropout_p`` of ``scaled_dot_product_attention``
# knows no mode either. And ``eval()`` does not reach a layer in a Python list: keep it in ``nn.ModuleList``.


class Block(nn.Module):
    def __init__(self, passes_mode):
        super().__init__()
        self.passes_mode = passes_mode

    def forward(self, x):
        if self.passes_mode:
            return F.dropout(x, training=self.training)
        return F.dropout(x)


for passes_mode in (False, True):
    answer = Block(passes_mode).eval()(torch.ones(1000))
    zeros = (answer == 0).sum()
    print(f"training=self.training {passes_mode!s:<6}zeros after eval(): {zeros} of 1000")
    assert answer.eq(1).all() == passes_mode

# %%
# .. _eval-forgot:
#
# The loss drops after the first validation
# -----------------------------------------
#
# The reverse mistake is ``eval()`` in the validation and no ``train()`` afterwards. From the second epoch on the
# network trains without dropout. Where dropout is needed, that costs accuracy. Here a large network learns from 500
# images, and 30 % of them got random labels.

# Varies with the processor: a training amplifies how it rounds.
torch.manual_seed(0)
guessed = torch.rand(500) < 0.3
labels = torch.where(guessed, torch.randint(10, (500,)), train_set.targets[:500])
noisy = TensorData(train_set.inputs[:500], labels)
for forget in (False, True):
    right, last = [], []
    for seed in range(3):
        network = seeded("dropout", seed, hidden=256)
        network, losses = train(network, seed, epochs=30, data=noisy, forget=forget)
        right.append(accuracy(network))
        last.append(losses[-1])
    name = "once" if forget else "in each epoch"
    print(f"train() {name:<14}last loss {min(last):.2f} to {max(last):.2f},", end=" ")
    print(f"{min(right):.0f} to {max(right):.0f} % of the test images right")
    assert (max(right) < 84) if forget else (min(right) > 85)

# %%
# .. _eval-worse:
#
# Worse with eval() than without
# ------------------------------
#
# If the accuracy is worse with ``eval()``, the running averages of batch norm may lag behind. Each step moves them by
# the fraction ``momentum`` of the way to the batch. After few steps, or with a small ``momentum``, they still hold much
# of the mean 0 and the variance 1 that they began with. Do not leave out ``eval()``. Train longer, or raise
# ``momentum``. Here a convolutional network is trained for three epochs.

# Varies with the processor: a training amplifies how it rounds.
for momentum in (0.001, 0.1):
    pairs = []
    for seed in range(3):
        torch.manual_seed(seed)
        network, _ = train(convolutions(momentum), seed, epochs=3)
        running = accuracy(in_train_mode(network))
        pairs.append(f"{running:.0f} and {accuracy(network.eval()):.0f} %")
        assert (running - accuracy(network) > 5) == (momentum == 0.001)
    print(f"momentum {momentum:<5}train mode and eval(): {', '.join(pairs)}")

# %%
# .. _eval-test:
#
# A test of three lines
# ---------------------
#
# In evaluation, an answer should not depend on the other samples of the batch. Give the test the function with which
# you predict and three samples or more, and it finds dropout, batch norm and ``F.dropout``.


def test_an_answer_does_not_depend_on_the_batch(predict, x):
    with torch.no_grad():
        together, alone = predict(x)[:2], predict(x[:2])
    same = torch.allclose(together, alone, atol=1e-4)
    assert same, "the answer changes with the batch: eval()?"


for kind in ("dropout", "batch norm"):
    with expect_error(AssertionError, match="the answer changes with the batch"):
        test_an_answer_does_not_depend_on_the_batch(in_train_mode(trained[kind][0]), images)
    test_an_answer_does_not_depend_on_the_batch(trained[kind][0].eval(), images)
print("with eval() they pass")

# %%
# .. use-this::
#
#    Call ``model.train()`` as the first line of each epoch, and ``model.eval()`` as the first line of each measurement
#    or prediction. Use both where a model has no dropout and no batch norm, too: other layers may have a mode, such as
#    ``nn.RReLU``. Deviate for Monte Carlo dropout, where random answers are wanted, and for frozen layers
#    (:ref:`frozen-batch-norm`). The price of ``eval()`` is that you have to switch back.
#
# A common mistake
# ----------------
#
# **torch.no_grad() is not eval().** It switches off the record for ``backward``, and leaves dropout and batch norm in
# their mode. ``model.eval`` without parentheses calls nothing and raises nothing.

network = in_train_mode(trained["dropout"][0])
with torch.no_grad():
    print("in no_grad, same twice:     ", torch.equal(network(images), network(images)))
network.eval
print("after model.eval, same twice:", torch.equal(network(images), network(images)))
assert network.training
network.eval()
print("after model.eval(), same twice:", torch.equal(network(images), network(images)))

# %%
# How this was checked

for kind, ways in found.items():
    for ending, running, pairs in zip(*ways.values(), strict=True):
        assert ending > 93
        assert pairs < ending - 5
        assert (abs(running - ending) < 2) if kind == "batch norm" else (running < ending - 4)
# Large mixed batches in train mode move the accuracy with eval() little.
for network in trained["batch norm"]:
    moved = in_train_mode(network)
    for _ in range(3):
        accuracy(moved)
    assert abs(accuracy(moved.eval()) - accuracy(network)) < 2
# eval() reaches each module of a network, and train() switches each back.
network = seeded("both", 0)
for mode in (False, True):
    network.train(mode)
    assert {part.training for part in network.modules()} == {mode}
# It does not reach a layer in a list. The functions of dropout and of attention know no mode, and RReLU has one.
lonely = nn.Module()
lonely.layers = [nn.Dropout()]
assert lonely.eval().layers[0].training
lonely.layers = nn.ModuleList([nn.Dropout()])
assert not lonely.eval().layers[0].training
q = torch.randn(1, 2, 5, 8)
attended = [F.scaled_dot_product_attention(q, q, q, dropout_p=0.5) for _ in range(2)]
assert not torch.equal(*attended)
leaky, negative = nn.RReLU(), -torch.ones(20)
assert not torch.equal(leaky(negative), leaky(negative))
assert torch.equal(leaky.eval()(negative), leaky(negative))
# Without running averages batch norm uses the batch in eval mode, too. A batch of one image has a variance if the
# image has several pixels.
batch_only = nn.BatchNorm1d(3, track_running_stats=False).eval()
x = torch.randn(8, 3)
assert not torch.allclose(batch_only(x)[:2], batch_only(x[:2]))
assert nn.BatchNorm2d(3)(torch.randn(1, 3, 4, 4)).shape == (1, 3, 4, 4)
# A new network, and one with a loaded state_dict, is in train mode: the mode is not in the state_dict.
assert new_network("both").training
restored = new_network("both")
restored.load_state_dict(network.eval().state_dict())
assert restored.training
# no_grad does not keep batch norm from moving, and eval() does.
for mode in (True, False):
    network = seeded("batch norm", 0).train(mode)
    with torch.no_grad():
        network(images)
    assert network[2].running_mean.ne(0).any() == mode
    assert network[2].num_batches_tracked == mode
# One step of the running mean: momentum of the way.
norm = nn.BatchNorm1d(3, momentum=0.25)
x = torch.randn(8, 3)
norm(x)
torch.testing.assert_close(norm.running_mean, 0.25 * x.mean(dim=0))
torch.testing.assert_close(norm.running_var, 0.75 * torch.ones(3) + 0.25 * x.var(dim=0))
# The formula of the rule, but for weight, bias and eps.
by_hand = (x - x.mean(dim=0)) / (x.var(dim=0, correction=0) + norm.eps).sqrt()
torch.testing.assert_close(norm(x), by_hand)
# Layer norm has no mode; instance norm without running averages has none either.
for layer in (nn.LayerNorm(8), nn.GroupNorm(2, 8)):
    torch.testing.assert_close(layer.train()(torch.ones(5, 8)), layer.eval()(torch.ones(5, 8)))
# The test finds F.dropout, and passes a network without either layer. Two samples are too few to find batch norm.
test_an_answer_does_not_depend_on_the_batch(in_train_mode(trained["batch norm"][0]), images[:2])
with expect_error(AssertionError, match="the answer changes with the batch"):
    test_an_answer_does_not_depend_on_the_batch(Block(False).eval(), images)
test_an_answer_does_not_depend_on_the_batch(Block(True).eval(), images)
test_an_answer_does_not_depend_on_the_batch(new_network("none"), images)

# %%
# Check yourself
# --------------

scaled = {F.dropout(torch.ones(1000), p=0.75).max().item() for _ in range(5)}
(kept,) = scaled
ask(
    "In train mode, nn.Dropout(p=0.75) gets ones. What is an element that is kept?",
    answer=kept,
    choices={
        1.0: "Then the mean would be smaller. It is divided by the probability of being kept.",
        4.0: "It is 1 / (1 - 0.75), so that the mean stays about the same.",
        0.25: "That is the probability of being kept.",
    },
)

# %%
# The next question is about batch norm.

used = in_train_mode(trained["batch norm"][0])
with torch.no_grad():
    same = torch.equal(used(images[:20]), used(images)[:20])
ask(
    "A network with batch norm and no dropout is in train mode. "
    "Does its answer for an image depend on the batch?",
    answer="no" if same else "yes",
    choices={
        "yes": "The mean and the variance are those of the batch.",
        "no": "It would be so with eval(), where they come from training.",
    },
)

# %%
# **Exercise.** Return what ``model`` predicts for ``x`` in eval mode, without a record for ``backward``. Leave each of
# its modules in the mode in which it was. The checker adds to your answer whether it requires gradients, and the modes
# of the modules.


def by_copying(model, x):
    with torch.no_grad():
        return copy.deepcopy(model).eval()(x)


def with_modes(function):
    def answer_and_modes(model, x):
        answer = function(model, x)
        state = [answer.requires_grad, *(part.training for part in model.modules())]
        return torch.cat([answer.detach().flatten(), torch.tensor(state).float()])

    return answer_and_modes


mixed = seeded("both", 1)
mixed[2].eval()  # a frozen batch norm
cases = [
    (seeded("dropout", 0), images[:3]),
    (seeded("both", 0).eval(), images[:3]),
    (mixed, images[:2]),
]


def predict(model, x):
    raise NotImplementedError


check(with_modes(predict), with_modes(by_copying), cases)

# %%
# ``model.train()`` afterwards would put the frozen layer into train mode. Keep each mode, and set it again.

# Solution


def predict(model, x):
    modes = {part: part.training for part in model.modules()}
    model.eval()
    with torch.no_grad():
        answer = model(x)
    for part, mode in modes.items():
        part.training = mode
    return answer


report = check(with_modes(predict), with_modes(by_copying), cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`parameters-that-are-not-trained`, a loss that falls while a part of the network stays as it was.
#
# - Ioffe and Szegedy (2015). `Batch normalization <https://arxiv.org/abs/1502.03167>`__. Its algorithm 2 says what
#   is used after training.
# - PyTorch contributors (2026). `Autograd mechanics <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__. Its
#   section on evaluation mode keeps it apart from no_grad and inference mode.

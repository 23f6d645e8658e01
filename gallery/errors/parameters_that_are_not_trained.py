"""
.. _parameters-that-are-not-trained:

Why do some of my layers not learn? The optimizer lacks them
============================================================

The loss falls, and some parameters stay as they were, because the optimizer does not hold them. Put layers into
``nn.ModuleList``, make the optimizer last, and compare each parameter before and after one step.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import copy

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

train_set, test_set = digits("train"), digits("test")


class Net(nn.Module):
    def __init__(self, box):
        super().__init__()
        self.layers = box([nn.Linear(64, 32), nn.Linear(32, 32)])
        self.head = nn.Linear(32, 10)

    def forward(self, images):
        x = images.flatten(start_dim=1)
        for layer in self.layers:
            x = layer(x).relu()
        return self.head(x)


def new_net(seed=0, box=nn.ModuleList):
    torch.manual_seed(seed)
    return Net(box)


def adam(parameters):
    return torch.optim.Adam(parameters, lr=0.01)


def one_step(net, optimizer, images, labels):
    loss = F.cross_entropy(net(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def train(net, optimizer, seed=0, epochs=10):
    """Return the mean loss of each epoch."""
    losses = []
    for images, labels in epochs * [train_set[:]]:
        order = torch.randperm(
            len(images), generator=torch.Generator().manual_seed(len(losses) + 100 * seed)
        )
        parts = [one_step(net, optimizer, images[at], labels[at]) for at in order.split(50)]
        losses.append(sum(parts) / len(parts))
    return losses


def percent(nets):
    with torch.no_grad():
        right = [
            (net(test_set.inputs).argmax(dim=1) == test_set.targets).float().mean() for net in nets
        ]
    return f"{100 * min(right):.0f} to {100 * max(right):.0f} % right"


def three(net):
    return [*net.layers, net.head]


def learn(box, seed):
    """Return the trained network, its losses, and how far each layer has moved."""
    net, first = new_net(seed, box), new_net(seed, box)
    losses = train(net, adam(net.parameters()), seed)
    pairs = zip(three(net), three(first), strict=True)
    return net, losses, [(new.weight - old.weight).norm().item() for new, old in pairs]


def draw_learning(runs):
    figure, (left, right) = plt.subplots(ncols=2, figsize=(5.8, 2.2), layout="constrained")
    for number, (name, found) in enumerate(runs.items()):
        losses = torch.tensor([losses for _, losses, _ in found])
        moved = torch.tensor([moved for *_, moved in found])
        epochs = range(1, losses.shape[1] + 1)
        left.plot(epochs, losses.mean(dim=0), color=f"C{number}", label=name)
        left.fill_between(
            epochs, losses.amin(dim=0), losses.amax(dim=0), color=f"C{number}", alpha=0.25
        )
        places = [layer + 0.4 * number - 0.2 for layer in range(3)]
        right.bar(places, moved.mean(dim=0).tolist(), 0.4, color=f"C{number}")
    left.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    left.legend(fontsize=8)
    right.set(ylabel="distance moved", xticks=range(3))
    right.set_xticklabels(["layer 0", "layer 1", "head"])
    figure.suptitle("Both losses fall, and one network trains its head alone")
    plt.show()


# %%

# Varies with the processor: a training amplifies how it rounds.
runs = {}
for name, box in (("nn.ModuleList", nn.ModuleList), ("list", list)):
    runs[name] = [learn(box, seed) for seed in range(5)]
    print(f"{name:<14}{percent(net for net, *_ in runs[name])}")
draw_learning(runs)

# %%
# A line is the mean of five seeds, with a band from the least to the largest. With the list, the head alone is trained.
# It learns something from random features, so the loss falls. The network is far worse, and no message says why.
#
# .. longer: 7 screens — it is silent, and each of its causes and two tests have a cell
#
# ====================================================================  =============================================
# What you wrote                                                        Fix
# ====================================================================  =============================================
# :ref:`self.layers = [...], or a dict <still-list>`                    ``nn.ModuleList``, ``nn.ModuleDict``
# :ref:`model.head = ... after the optimizer <still-replaced>`          make the optimizer last
# :ref:`model = copy.deepcopy(model) after it <still-replaced>`         make the optimizer last
# :ref:`requires_grad_(False), and never back <still-frozen>`           ``requires_grad_(True)``
# :ref:`unfrozen after the optimizer was made <still-frozen>`           ``optimizer.add_param_group``
# :ref:`optimizer got an empty parameter list <still-list>`             ``nn.ModuleList``
# ====================================================================  =============================================
#
# A tensor that is no ``nn.Parameter`` is not in ``parameters()`` either: see :ref:`parameters-and-buffers`. A part
# whose gradient was cut off is on :ref:`a-loss-without-its-graph`.
#
# .. _still-list:
#
# The rule
# --------
#
# A step skips a tensor that the optimizer does not *hold*, and one whose ``.grad`` is ``None``. The optimizer holds
# what ``parameters()`` gave when it was made. ``parameters()`` finds the parameters and modules that are attributes of
# a module, and does not look into a Python list or dict. An error is raised if it finds nothing, but not if it finds
# one of three layers.

for box in (nn.ModuleList, list):
    net = new_net(box=box)
    print(f"{box.__name__:<11}{[name for name, _ in net.named_parameters()]}")
assert [name for name, _ in net.named_parameters()] == ["head.weight", "head.bias"]
del net.head
with expect_error(ValueError, match="optimizer got an empty parameter list"):
    adam(net.parameters())

# %%
# .. _still-replaced:
#
# The optimizer was made too early
# --------------------------------
#
# An optimizer holds tensors, not names. A layer that is replaced afterwards, or a copy of the network, has other
# tensors. The new tensors get the gradients, and the optimizer has the old ones. ``weight_norm`` and
# ``load_state_dict`` with ``assign=True`` make other tensors, too. ``model.to(...)`` is harmless where it changes the
# tensors in place, as a conversion to another data type and back does before the first step.


def replace_head(net):
    net.head = nn.Linear(32, 10)
    return net


changes = {
    "replaced head": replace_head,
    "deepcopy": copy.deepcopy,
    "double, float": lambda net: net.double().float(),
}
for name, change in changes.items():
    early, late = [], []
    for seed in range(3):
        net = new_net(seed)
        optimizer = adam(net.parameters())
        early.append(change(net))
        train(early[-1], optimizer, seed, epochs=5)
        late.append(change(new_net(seed)))
        train(late[-1], adam(late[-1].parameters()), seed, epochs=5)
    print(f"{name:<14}optimizer before: {percent(early)}, after: {percent(late)}")

# %%
# The replaced head stays random. The layers before it learn to suit it, so the accuracy hardly shows the mistake.
#
# .. _still-frozen:
#
# Frozen, and never unfrozen
# --------------------------
#
# Fine-tuning often trains the head alone first, and the whole network later. Then the parameters have to require
# gradients again. If the optimizer was made of the trainable ones, it has to be given the others, *too*. If one of the
# two lines is forgotten, the layers stay as they were.


def fine_tune(unfreezes, adds, seed):
    net = new_net(seed)
    net.layers.requires_grad_(False)
    optimizer = adam([p for p in net.parameters() if p.requires_grad])
    train(net, optimizer, seed, epochs=2)  # the head alone
    net.layers.requires_grad_(unfreezes)
    if adds:
        optimizer.add_param_group({"params": net.layers.parameters()})
    train(net, optimizer, seed, epochs=8)
    return net


for unfreezes, adds in ((False, True), (True, False), (True, True)):
    nets = [fine_tune(unfreezes, adds, seed) for seed in range(3)]
    print(f"unfrozen {unfreezes!s:<6}given to the optimizer {adds!s:<6}{percent(nets)}")
    for seed, net in enumerate(nets):
        still = torch.equal(net.layers[0].weight, new_net(seed).layers[0].weight)
        assert still == (not (unfreezes and adds))

# %%
# .. _still-test:
#
# A test of three lines
# ---------------------
#
# Compare each parameter before and after one step. The test finds frozen layers, a late layer and a copy. It also names
# parameters whose first gradient is 0, as those before a layer of zeros: take a few steps then. It cannot find the
# layers of a list, because ``named_parameters()`` does not know them either.


def test_each_parameter_moves(net, step):
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    step()
    still = [name for name, p in net.named_parameters() if torch.equal(p, before[name])]
    assert not still, f"not changed by a step: {still}"


images, labels = train_set[:50]
net = new_net()
optimizer = adam(net.parameters())
test_each_parameter_moves(net, lambda: one_step(net, optimizer, images, labels))
replace_head(net)
with expect_error(AssertionError, match="not changed by a step.*head.weight"):
    test_each_parameter_moves(net, lambda: one_step(net, optimizer, images, labels))

# %%
# The test that finds a list, too
# -------------------------------
#
# The graph of the loss leads to each trainable tensor that the loss was computed from, wherever your object keeps it.
# The optimizer has to hold each of these tensors (:term:`leaves <leaf>`).


def leaves(loss):
    """Return the tensors that would get a gradient from ``loss.backward()``."""
    found, seen, nodes = [], set(), [loss.grad_fn]
    while nodes:
        node = nodes.pop()
        if node is not None and node not in seen:
            seen.add(node)
            found += [node.variable] if hasattr(node, "variable") else []
            nodes += [before for before, _ in node.next_functions]
    return found


def test_the_optimizer_holds_what_the_loss_depends_on(loss, optimizer):
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    forgotten = [tuple(leaf.shape) for leaf in leaves(loss) if id(leaf) not in held]
    assert not forgotten, f"the optimizer does not hold tensors of shapes {sorted(forgotten)}"


def try_box(box):
    net = new_net(box=box)
    loss = F.cross_entropy(net(images), labels)
    test_the_optimizer_holds_what_the_loss_depends_on(loss, adam(net.parameters()))


with expect_error(AssertionError, match="the optimizer does not hold"):
    try_box(list)
try_box(nn.ModuleList)
print("nn.ModuleList passes")

# %%
# .. use-this::
#
#    Build the whole network, move it to its device, freeze what is to stay, and make the optimizer last, of
#    ``model.parameters()``. A step skips parameters whose ``.grad`` is ``None``, so frozen ones may be among them. Keep
#    layers in ``nn.ModuleList`` or ``nn.ModuleDict``. Deviate with ``add_param_group`` where parameters come later. The
#    price: an optimizer that you make again begins without the averages that Adam has kept.
#
# A common mistake
# ----------------
#
# **A falling loss** does not prove that the whole network learns. Here the list of layers is longer. With each layer
# that is not trained the features get worse, but the loss still falls.

# Varies with the processor: a training amplifies how it rounds.
for middle in (1, 2, 3):
    found = []
    for seed in range(3):
        torch.manual_seed(seed)
        net = Net(list)
        net.layers += [nn.Linear(32, 32) for _ in range(middle - 1)]
        losses = train(net, adam(net.parameters()), seed)
        assert losses[-1] < losses[0]
        found.append((net, losses))
    first, last = (sum(losses[end] for _, losses in found) / len(found) for end in (0, -1))
    right = percent(net for net, _ in found)
    print(f"{1 + middle} layers in the list: mean loss {first:.2f}, then {last:.2f}, {right}")

# %%
# How this was checked

for name, found in runs.items():
    for _, losses, moved in found:
        assert losses[-1] < losses[0] - 0.2
        assert [distance == 0 for distance in moved] == 2 * [name == "list"] + [False]
worst = min(
    (net(test_set.inputs).argmax(dim=1) == test_set.targets).float().mean()
    for net, *_ in runs["nn.ModuleList"]
)
best = max(
    (net(test_set.inputs).argmax(dim=1) == test_set.targets).float().mean()
    for net, *_ in runs["list"]
)
assert worst > best + 0.15
# A dict hides its layers, too, and nn.ModuleDict, nn.Sequential and a plain attribute do not.
holder = nn.Module()
for value, seen in (
    ({"a": nn.Linear(2, 3)}, 0),
    ((nn.Linear(2, 3),), 0),
    ([nn.ModuleList([nn.Linear(2, 3)])], 0),
    ([nn.Parameter(torch.ones(3))], 0),
    (nn.ModuleDict({"a": nn.Linear(2, 3)}), 2),
    (nn.ParameterList([nn.Parameter(torch.ones(3))]), 1),
    (nn.Sequential(nn.Linear(2, 3)), 2),
    (nn.Linear(2, 3), 2),
):
    holder.part = value
    assert len(list(holder.parameters())) == seen
    assert len(holder.state_dict()) == seen  # nor is it saved
    del holder.part
# A conversion keeps the tensors here, and to("meta") makes other ones.
net = new_net()
own = net.head.weight
assert net.double().head.weight is own
assert net.to("meta").head.weight is not own
# After the first step of Adam a conversion is no longer harmless: its averages keep the old data type.
net = new_net()
optimizer = adam(net.parameters())
one_step(net, optimizer, images, labels)
with expect_error(RuntimeError, match="float for `end` but got dtype double"):
    one_step(net.double(), optimizer, images.double(), labels)
# weight_norm and load_state_dict(assign=True) make other tensors; load_state_dict and spectral_norm keep them.
for change, kept in (
    (nn.utils.parametrizations.weight_norm, False),
    (lambda line: line.load_state_dict(nn.Linear(3, 2).state_dict(), assign=True), False),
    (lambda line: line.load_state_dict(nn.Linear(3, 2).state_dict()), True),
    (nn.utils.parametrizations.spectral_norm, True),
):
    line = nn.Linear(3, 2)
    own = line.weight
    change(line)
    assert any(p is own for p in line.parameters()) == kept
# A tensor that is no parameter is trained if the optimizer is given it. One that is frozen with its old .grad moves.
loose = torch.zeros(2, requires_grad=True)
sgd = torch.optim.SGD([loose], lr=0.1)
loose.sum().backward()
sgd.step()
loose.requires_grad_(False)
sgd.step()
torch.testing.assert_close(loose, torch.full((2,), -0.2))
# The test names parameters before a layer of zeros, and after three steps no more.
for steps in (1, 3):
    pair = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    nn.init.zeros_(pair[1].weight)
    held, x = adam(pair.parameters()), torch.rand(5, 3)

    def several(steps=steps, pair=pair, held=held, x=x):
        for _ in range(steps):
            one_step(pair, held, x, torch.tensor([0, 1, 0, 1, 1]))

    if steps == 1:
        with expect_error(AssertionError, match="0.weight"):
            test_each_parameter_moves(pair, several)
    else:
        test_each_parameter_moves(pair, several)
# An optimizer of all parameters needs one line for unfreezing, not two.
late = new_net()
late.layers.requires_grad_(False)
held = adam(late.parameters())
one_step(late, held, images, labels)
late.layers.requires_grad_(True)
test_each_parameter_moves(late, lambda: one_step(late, held, images, labels))
# A generator that was used up gives an error, and not silence.
parameters = new_net().parameters()
list(parameters)
with expect_error(ValueError, match="optimizer got an empty parameter list"):
    adam(parameters)
# The test needs a step without weight decay, which moves a parameter whose gradient is 0.
for decay in (0.0, 0.1):
    line = nn.Linear(3, 2, bias=False)
    sgd = torch.optim.SGD(line.parameters(), lr=0.1, weight_decay=decay)
    old = line.weight.detach().clone()
    line(torch.zeros(4, 3)).sum().backward()
    sgd.step()
    assert torch.equal(line.weight, old) == (decay == 0)
# It finds frozen layers and a copy. A frozen layer is in no graph, so the second test does not ask for it.
frozen = new_net()
frozen.layers.requires_grad_(False)
held = adam(frozen.parameters())
with expect_error(AssertionError, match="layers.0.weight"):
    test_each_parameter_moves(frozen, lambda: one_step(frozen, held, images, labels))
test_the_optimizer_holds_what_the_loss_depends_on(F.cross_entropy(frozen(images), labels), held)
copied, held = copy.deepcopy(new_net()), adam(new_net().parameters())
with expect_error(AssertionError, match="layers.0.weight.*head.bias"):
    test_each_parameter_moves(copied, lambda: one_step(copied, held, images, labels))
with expect_error(AssertionError, match="the optimizer does not hold"):
    test_the_optimizer_holds_what_the_loss_depends_on(F.cross_entropy(copied(images), labels), held)
hidden = new_net(box=list)
held = adam(hidden.parameters())
test_each_parameter_moves(hidden, lambda: one_step(hidden, held, images, labels))

# %%
# Check yourself
# --------------


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 3)
        self.others = {"second": nn.Linear(3, 2)}


ask(
    "A module has self.first = nn.Linear(4, 3) and self.others = {'second': nn.Linear(3, 2)}. "
    "How many numbers are in its parameters()?",
    answer=sum(p.numel() for p in Pair().parameters()),
    choices={
        15: "4 * 3 weights and 3 biases: the dict is not looked into.",
        23: "That counts the layer in the dict, too. It would need nn.ModuleDict.",
        12: "nn.Linear has biases, too.",
    },
)

# %%
# The next question is about a copy.

net = new_net()
optimizer = adam(net.parameters())
copied = copy.deepcopy(net)
one_step(copied, optimizer, images, labels)
changed = [
    name
    for name, one in (("the network", net), ("the copy", copied))
    if not torch.equal(one.head.bias, new_net().head.bias)
]
ask(
    "optimizer holds the parameters of net. The loss is computed with copied = copy.deepcopy(net). "
    "backward() and optimizer.step() follow. What changes?",
    answer=changed[0] if changed else "neither",
    choices={
        "the copy": "The optimizer does not hold the tensors of the copy.",
        "the network": "Its parameters got no gradient from this loss, so the step skips them.",
        "neither": "The gradients are in the copy, and the optimizer holds the others.",
    },
)

# %%
# **Exercise.** Make ``torch.optim.SGD`` of the first ``count`` parameters of ``net``. Take
# one step for the loss ``net(x).sum()``, and return how many numbers of ``net`` are the same as before.


def by_loops(net, count, x):
    grads = torch.autograd.grad(net(x).sum(), list(net.parameters()))
    same = 0
    for place, (parameter, grad) in enumerate(zip(net.parameters(), grads, strict=True)):
        new = parameter - 0.1 * grad if place < count else parameter
        same += sum(
            a == b
            for a, b in zip(parameter.flatten().tolist(), new.flatten().tolist(), strict=True)
        )
    return torch.tensor(same)


torch.manual_seed(0)
x = torch.rand(5, 3)
cases = [
    (nn.Sequential(nn.Linear(3, 2)), 1, x),
    (nn.Sequential(nn.Linear(3, 2), nn.Sigmoid(), nn.Linear(2, 4)), 4, x),
    (nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 2)), 3, x),
]


def unmoved(net, count, x):
    raise NotImplementedError


check(unmoved, by_loops, cases)

# %%
# Keep copies before the step: without ``clone`` they would change with the parameters.

# Solution


def unmoved(net, count, x):
    parameters = list(net.parameters())
    before = [p.detach().clone() for p in parameters]
    optimizer = torch.optim.SGD(parameters[:count], lr=0.1)
    net(x).sum().backward()
    optimizer.step()
    return sum((p == old).sum() for p, old in zip(parameters, before, strict=True))


report = check(unmoved, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`a-loss-without-its-graph`, where one term of the loss changes no weight.
#
# - PyTorch contributors (2026). `ModuleList <https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html>`__.
#   The reference of the list that ``parameters()`` looks into.
# - PyTorch contributors (2026). `torch.optim <https://docs.pytorch.org/docs/stable/optim.html>`__. How an optimizer
#   is constructed, and what it is given.

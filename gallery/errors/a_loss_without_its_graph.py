"""
.. _a-loss-without-its-graph:

Why does one term of my loss have no effect? item() cut it off
==============================================================

Your loss is a sum, and ``item()``, ``detach()`` or ``torch.tensor`` cut one of its terms off from the weights. The term
still counts in the printed loss, but its gradient is 0: add the tensor itself.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import batches, digits
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

train_set, test_set = digits("train"), digits("test")


def new_network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def size_of(network):
    """Return the sum of the absolute values of all parameters."""
    return sum(p.abs().sum() for p in network.parameters())


def train(term, seed=0, epochs=10):
    """Train with the cross-entropy plus a term; return the network, the losses and the sizes."""
    network = new_network(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    order, losses, sizes = torch.Generator().manual_seed(seed), [], []
    for _ in range(epochs):
        of_epoch = []
        for images, labels in batches(train_set, 50, shuffle=True, generator=order):
            logits = network(images)
            loss = F.cross_entropy(logits, labels) + term(network, logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            of_epoch.append(loss.item())
        losses.append(sum(of_epoch) / len(of_epoch))
        sizes.append(size_of(network).item())
    return network, losses, sizes


def same_weights(one, other):
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def draw_penalties(runs):
    figure, (left, right) = plt.subplots(ncols=2, figsize=(5.8, 2.2), layout="constrained")
    styles = {"tensor": ("C0", "-"), "item()": ("C1", "-"), "no penalty": ("black", ":")}
    for name, found in runs.items():
        for axis, number in ((left, 1), (right, 2)):
            curves = torch.tensor([run[number] for run in found])
            epochs = range(1, curves.shape[1] + 1)
            color, line = styles[name]
            axis.plot(epochs, curves.mean(dim=0), line, color=color, label=name)
            axis.fill_between(
                epochs, curves.amin(dim=0), curves.amax(dim=0), color=color, alpha=0.2
            )
    left.set(xlabel="epoch", ylabel="printed loss", ylim=(0, None))
    right.set(xlabel="epoch", ylabel="sum of |weights|", ylim=(0, None))
    left.legend(fontsize=8)
    figure.suptitle("With item() the penalty is printed and has no effect")
    plt.show()


# %%

# Varies with the processor: a training amplifies how it rounds.
terms = {
    "tensor": lambda network, *_: 0.001 * size_of(network),
    "item()": lambda network, *_: 0.001 * size_of(network).item(),
    "no penalty": lambda *_: 0,
}
runs = {name: [train(term, seed) for seed in range(5)] for name, term in terms.items()}
draw_penalties(runs)

# %%
# The term is a penalty, which is to keep the weights small. A line is the mean of five seeds. With ``item()``, each
# network has the weights of a training without a penalty, bit for bit: in the right half their two curves are one.
#
# .. longer: 6 screens — it is silent, and each way to cut and the test have a cell
#
# ====================================================================  =============================================
# What you wrote                                                        Fix
# ====================================================================  =============================================
# :ref:`loss = a + b.item(), or b.detach() <cut-rule>`                  ``a + b``
# :ref:`torch.tensor(b), or a list of numbers <cut-rule>`               ``torch.stack(list_of_tensors)``
# :ref:`a term of argmax, round or == <cut-flat>`                       a term of probabilities
# :ref:`no_grad around a part of the network <cut-part>`                record that part, too
# :ref:`you want to be sure <cut-test>`                                 the gradient of each term
# ====================================================================  =============================================
#
# If *no* term has its graph, there is an error: see :ref:`element-0-does-not-require-grad`.
#
# .. _cut-rule:
#
# The rule
# --------
#
# The gradient of a sum is the sum of the gradients: :math:`\nabla (a + b) = \nabla a + \nabla b`. The graph records how
# a tensor was computed. A number has none, and a detached tensor has none, so to ``backward()`` they are constants, and
# the gradient of a constant is 0. The cell prints what is left of the gradient of ``b``. ``torch.tensor(b)`` and
# ``float(b)`` cut it off as well, with a warning.

w = torch.tensor([3.0, -4.0], requires_grad=True)
ways = {
    "b": lambda b: b,
    "b.clone()": lambda b: b.clone(),
    "torch.stack([b]).sum()": lambda b: torch.stack([b]).sum(),
    "b.item()": lambda b: b.item(),
    "b.detach()": lambda b: b.detach(),
    "torch.tensor([b.item()]).sum()": lambda b: torch.tensor([b.item()]).sum(),
}
for name, way in ways.items():
    a, b = w.sum(), w.abs().sum()
    loss = a + way(b)
    (gradient,) = torch.autograd.grad(loss, w)  # that of a is 1
    print(f"{name:<31}loss {loss.item():.0f}, gradient of b {(gradient - 1).tolist()}")

# %%
# .. _cut-flat:
#
# Terms without a slope
# ---------------------
#
# You may want to minimize the number of errors, too. But it is flat: nearly all small changes of the weights leave it
# as it is. ``argmax`` and ``==`` end the graph. ``round`` and ``sign`` keep it, and their gradient is 0, so
# ``requires_grad`` is ``True`` but no weight moves. Use one minus the probability of the right class instead.


def right_class(logits, labels):
    return logits.softmax(dim=1).gather(1, labels[:, None]).squeeze(1)


errors = {
    "argmax": lambda _, logits, labels: (logits.argmax(dim=1) != labels).float().mean(),
    "round": lambda _, logits, labels: (1 - right_class(logits, labels)).round().mean(),
    "probability": lambda _, logits, labels: (1 - right_class(logits, labels)).mean(),
}
images, labels = train_set[:50]
for name, term in errors.items():
    logits = new_network()(images)
    value = term(None, logits, labels)
    networks = [train(term, seed)[0] for seed in range(3)]
    without = [network for network, *_ in runs["no penalty"][:3]]
    same = [same_weights(*pair) for pair in zip(networks, without, strict=True)]
    print(f"{name:<12}requires_grad {value.requires_grad!s:<6}weights as without: {same}")
    assert set(same) == {name != "probability"}

# %%
# .. _cut-part:
#
# no_grad around a part of the network
# ------------------------------------
#
# The frozen body of a network is often called under ``torch.no_grad()``, or its features are detached. To train it
# later, it is not enough that its parameters require gradients again. Without its graph the body gets no gradient, and
# the head learns alone.


class Reader(nn.Module):
    def __init__(self, records):
        super().__init__()
        self.body, self.head = nn.Linear(64, 32), nn.Linear(32, 10)
        self.records = records

    def forward(self, images):
        with torch.set_grad_enabled(self.records):
            features = self.body(images.flatten(start_dim=1)).relu()
        return self.head(features)


for records in (False, True):
    reader = Reader(records)
    F.cross_entropy(reader(images), labels).backward()
    parts = {"body": reader.body, "head": reader.head}
    filled = {name: part.weight.grad is not None for name, part in parts.items()}
    print(f"graph of the body {records!s:<6}has a gradient: {filled}")
    assert filled == {"body": records, "head": True}

# %%
# .. _cut-test:
#
# A test of three lines
# ---------------------
#
# Ask for the gradient of each term alone. The test finds numbers, detached terms and terms without a slope. It also
# names a term that costs nothing at present, such as a limit that is kept. To find a cut inside the network, give it
# the part before the cut.


def test_each_term_has_a_gradient(terms, part):
    weights = [p for p in part.parameters() if p.requires_grad]
    for name, term in terms.items():
        assert getattr(term, "requires_grad", False), f"{name} has no graph"
        found = torch.autograd.grad(term, weights, retain_graph=True, allow_unused=True)
        assert any(g is not None and g.any() for g in found), f"{name} moves no weight"


def terms_of(network, penalty):
    logits = network(images)
    return {
        "cross-entropy": F.cross_entropy(logits, labels),
        "penalty": penalty(network, logits, labels),
    }


network = new_network()
for wrong in (terms["item()"], errors["argmax"], errors["round"]):
    with expect_error(AssertionError, match="has no graph|moves no weight"):
        test_each_term_has_a_gradient(terms_of(network, wrong), network)
for right in (terms["tensor"], errors["probability"]):
    test_each_term_has_a_gradient(terms_of(network, right), network)
print("the two right terms pass")
reader = Reader(records=False)
loss = F.cross_entropy(reader(images), labels)
with expect_error(AssertionError, match="loss moves no weight"):
    test_each_term_has_a_gradient({"loss": loss}, reader.body)

# %%
# .. use-this::
#
#    Write each term as a function that returns a tensor, add the tensors, and call ``backward()`` on the sum. Call
#    ``item()`` for what you print. Deviate where a term is not to move a network, such as a teacher that gives the
#    targets. There ``detach()`` is meant, so say so in a comment. The cost of a graph is the memory of its saved
#    tensors until ``backward()``.
#
# A common mistake
# ----------------
#
# ``torch.tensor(..., requires_grad=True)`` **makes a new leaf**, a tensor without a past. Its ``requires_grad`` is
# ``True``, and the gradient ends in it. The weights are again those of a training without the term.


def new_leaf(network, *_):
    return torch.tensor(0.001 * size_of(network).item(), requires_grad=True)


for seed in range(3):
    network, losses, sizes = train(new_leaf, seed)
    print(f"last loss {losses[-1]:.2f}, weights as without it:", end=" ")
    print(same_weights(network, runs["no penalty"][seed][0]))
    assert same_weights(network, runs["no penalty"][seed][0])
network = new_network()
with expect_error(AssertionError, match="penalty moves no weight"):
    test_each_term_has_a_gradient(terms_of(network, new_leaf), network)

# %%
# How this was checked

for name, found in runs.items():
    for network, losses, sizes in found:
        assert losses[-1] < losses[0] - 1  # the printed loss falls in each of them
        assert (sizes[-1] < 350) == (name == "tensor")
        small = sum((p.abs() < 0.01).sum().item() for p in network.parameters())
        assert (small > 800) == (name == "tensor")
# The weights of item() are those without penalty, bit for bit. Its printed loss is larger.
for with_item, without in zip(runs["item()"], runs["no penalty"], strict=True):
    assert same_weights(with_item[0], without[0])
    for one, other in zip(with_item[1], without[1], strict=True):
        assert one > other + 0.1
# Ways that keep the graph, and ways that end it, for a term b of w.
b = w.abs().sum()
for kept in (b * 1.0, b.double(), b.view(1).sum(), torch.cat([b[None]]).sum(), sum([b, b]) / 2):
    torch.testing.assert_close(torch.autograd.grad(kept, w, retain_graph=True)[0], w.sign())
for cut in (b.item(), b.tolist(), b.detach(), b.data, b.detach().numpy(), b > 2, b.int()):
    assert not getattr(cut, "requires_grad", False)
# torch.tensor and float have a warning. item() and tolist() have none: it would fail this page.
for cut, words in (
    (lambda: torch.tensor(b).requires_grad, "To copy construct from a tensor"),
    (lambda: torch.tensor([b, b]).requires_grad, "to a scalar may lead to unexpected behavior"),
    (lambda: isinstance(float(b), torch.Tensor), "to a scalar may lead to unexpected behavior"),
):
    with expect_warning(UserWarning, match=words):
        assert not cut()
# The test passes the cut network as a whole, because its head has a gradient. Frozen layers do not disturb it.
test_each_term_has_a_gradient({"loss": loss}, reader)
whole = Reader(records=True)
test_each_term_has_a_gradient({"loss": F.cross_entropy(whole(images), labels)}, whole.body)
whole.head.requires_grad_(False)
test_each_term_has_a_gradient({"loss": F.cross_entropy(whole(images), labels)}, whole)
# A limit that is kept has a graph, costs nothing and has no slope.
kept = (size_of(whole.body) - 1e6).relu()
assert kept == 0
with expect_error(AssertionError, match="limit moves no weight"):
    test_each_term_has_a_gradient({"limit": kept}, whole)
# Flat ones: they have a graph, and their gradient is 0.
for flat in (torch.round, torch.sign, torch.floor, torch.ceil, torch.trunc):
    value = flat(w).sum()
    assert value.requires_grad
    assert torch.autograd.grad(value, w)[0].eq(0).all()
# Without any graph, backward() raises.
with expect_error(RuntimeError, match="element 0 of tensors does not require grad"):
    b.detach().backward()
# detach in the sum of two terms leaves the gradient of the other as it was.
torch.testing.assert_close(torch.autograd.grad(w.sum() + b.detach(), w)[0], torch.ones(2))

# %%
# Check yourself
# --------------

v = torch.tensor(2.0, requires_grad=True)
(v**2 + (v**3).detach()).backward()
ask(
    "v is 2. The loss is v**2 + (v**3).detach(). What is v.grad after backward()?",
    answer=v.grad.item(),
    choices={
        16.0: "That is with both terms: 2 * 2 and 3 * 4.",
        4.0: "The first term gives 2 * v. The second is a constant.",
        12.0: "That is the second term alone, which has no graph.",
        0.0: "The first term keeps its graph.",
    },
)

# %%
# The next question is about a product.

v = torch.tensor(2.0, requires_grad=True)
(v * (v**2).detach()).backward()
ask(
    "v is 2. The loss is v * (v**2).detach(). What is v.grad after backward()?",
    answer=v.grad.item(),
    choices={
        12.0: "That is the slope of v**3, with both factors.",
        4.0: "The detached factor is the constant 4, and v * 4 has the slope 4.",
        0.0: "A detached factor still scales the gradient of the other.",
    },
)

# %%
# **Exercise.** Which term pulls hardest? ``terms`` are functions of ``w``. Return the length (norm) of the gradient of
# each of them at ``w``, and 0 for one that returns a number or has no graph.


def by_differences(w, *terms):
    lengths = []
    for term in terms:
        if not getattr(term(w.clone().requires_grad_()), "requires_grad", False):
            lengths.append(0.0)
            continue
        slopes = []
        for place in range(len(w)):
            step = torch.zeros_like(w)
            step[place] = 1e-4
            slopes.append((term(w + step) - term(w - step)).item() / 2e-4)
        lengths.append(torch.tensor(slopes).norm().item())
    return torch.tensor(lengths)


def square(w):
    return (w**2).sum()


def total(w):
    return w.sum()


def as_number(w):
    return w.abs().sum().item()


def detached(w):
    return square(w.detach())


point = torch.tensor([3.0, -4.0], dtype=torch.float64)
cases = [
    (point, square),
    (point, total, as_number),
    (2 * point, square, detached, total),
]


def pulls(w, *terms):
    raise NotImplementedError


check(pulls, by_differences, cases)

# %%
# ``torch.autograd.grad`` gives a gradient and leaves ``.grad`` alone.

# Solution


def pulls(w, *terms):
    w = w.clone().requires_grad_()
    lengths = []
    for term in terms:
        value = term(w)
        if getattr(value, "requires_grad", False):
            lengths.append(torch.autograd.grad(value, w)[0].norm().item())
        else:
            lengths.append(0.0)
    return torch.tensor(lengths)


report = check(pulls, by_differences, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`the-schedule-is-stepped-too-often`, a learning rate that is near 0 after one epoch.
#
# - PyTorch contributors (2026). `Tensor.detach
#   <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html>`__. What the result shares with the
#   tensor, and what it does not.
# - PyTorch contributors (2026). `Autograd mechanics <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__. Its
#   section on functions that are not differentiable says which gradient they get.

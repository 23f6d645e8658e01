"""
.. _gradient-accumulation:

How do I train with a batch that does not fit? (gradient accumulation)
======================================================================

You want steps over 240 images, and the memory holds 60. Go forward and backward with four pieces, each weighted by its
size where the loss is a mean, let their gradients add up, and take one step.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import copy
import statistics
from itertools import islice

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional as F
from torch.nn.utils import parameters_to_vector

from ptguide.data import batches, digits
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.training import fit

train_set, test_set = digits("train"), digits("test")
images, labels = train_set.inputs[:240], train_set.targets[:240]


def new_network(norm=None, seed=0):
    """Return two convolutions of 16 maps, each with a layer after it if one is given, and 10 logits."""
    torch.manual_seed(seed)
    layers = []
    for before in (1, 16):
        layers += [nn.Conv2d(before, 16, 3, padding=1), *([norm()] if norm else []), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * 64, 10))


def accumulate(network, sizes, divisor=None):
    """Return the gradient of pieces of 240 images, each weighted by its size or divided by one number."""
    network.zero_grad()
    for x, y in zip(images.split(sizes), labels.split(sizes), strict=True):
        (
            F.cross_entropy(network(x), y) * (len(y) / 240 if divisor is None else 1 / divisor)
        ).backward()
    return gradient(network)


def gradient(network):
    return parameters_to_vector([p.grad for p in network.parameters()])


def weights(network):
    return parameters_to_vector(network.parameters()).detach()


def off(one, other):
    return ((one - other).norm() / other.norm()).item()


def kept(network, size):
    """Return how many bytes a forward pass and the loss keep for backward, besides the weights."""
    own = {p.untyped_storage().data_ptr() for p in network.parameters()}
    sizes = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = F.cross_entropy(network(images[:size].clone()), labels[:size].clone())
    assert loss.requires_grad  # and so what was kept is alive until here
    return sum(nbytes for pointer, nbytes in sizes.items() if pointer not in own)


def loader_of(size, seed=0):
    order = torch.Generator().manual_seed(seed)
    return batches(train_set, size, shuffle=True, generator=order)


def accuracy(network):
    with torch.no_grad():
        return (network(test_set.inputs).argmax(dim=1) == test_set.targets).float().mean().item()


NORMS = {
    "no norm": None,
    "group norm": lambda: nn.GroupNorm(4, 16),
    "batch norm": lambda: nn.BatchNorm2d(16),
}


def moved(kind, divisor):
    """Return how far one step of an optimizer moves the weights, after four pieces."""
    network = new_network()
    optimizer, start = kind(network.parameters(), lr=0.01), weights(network)
    accumulate(network, [60] * 4, divisor)
    optimizer.step()
    return (weights(network) - start).norm().item()


def trained(k, lr):
    """Return the accuracies of five seeds after five epochs, with k batches of 50 in a step."""
    right = []
    for seed in range(5):
        network = new_network(seed=seed)
        optimizer = torch.optim.SGD(network.parameters(), lr=lr)
        fit(network, loader_of(50, seed), F.cross_entropy, optimizer, epochs=5, accumulate=k)
        right.append(100 * accuracy(network))
    return right


torch.manual_seed(0)
lengths = torch.tensor([9, 8, 2, 1])  # of four texts, padded to 9 tokens
tokens = torch.randint(5, (4, 9)).masked_fill(torch.arange(9) >= lengths[:, None], -100)
logits = torch.randn(4, 5, 9)


def draw_pieces():
    network = new_network()
    whole, found = accumulate(network, [240]), {}
    for size in (240, 120, 60, 30):
        pieces = 240 // size
        found[pieces] = (
            kept(network, size) / 1e6,
            off(accumulate(network, [size] * pieces), whole),
        )
    figure, axis = plt.subplots(figsize=(5.6, 2.2), layout="constrained")
    bars = axis.barh([f"{n} x {240 // n} images" for n in found], [mb for mb, _ in found.values()])
    axis.bar_label(
        bars,
        [f"gradient {error:.0e} off" if error else "" for _, error in found.values()],
        padding=3,
    )
    axis.set(xlabel="MB kept for backward at a time", xlim=(0, 1.2 * found[1][0]))
    axis.invert_yaxis()
    figure.suptitle("Four pieces: a quarter of the memory, the same gradient")
    plt.show()
    return found


# %%

# Varies with the processor in the last digits of a gradient.
found = draw_pieces()
for pieces, (mb, error) in found.items():
    assert abs(mb * pieces / found[1][0] - 1) < 0.01
    assert error < 1e-5

# %%
# A small convolutional network reads 240 digits. A bar is the memory that autograd keeps during one forward pass. The
# gradient differs from that of the whole batch by rounding. Weights, gradients and what the optimizer keeps take as
# much memory as before. You need to know :ref:`the-training-loop`.
#
# The rule
# --------
#
# ``backward`` adds to ``.grad``, so the gradients of several pieces add up. The loss of a piece is a mean, so give it
# the weight of its piece: :math:`\bar{L} = \sum_i \frac{n_i}{N} L_i`, with :math:`n_i` samples in piece :math:`i` and
# :math:`N` in the step. For k equal pieces this is ``loss / k``. The cell prints the relative error of the gradient for
# four equal pieces and for three unequal ones, weighted in both ways.

# Varies with the processor in the last digits of a gradient.
network = new_network()
whole = accumulate(network, [240])
for sizes in ([60] * 4, [100, 100, 40]):
    by_size = off(accumulate(network, sizes), whole)
    by_count = off(accumulate(network, sizes, divisor=len(sizes)), whole)
    print(f"{sizes}: by size {by_size:.0e} off, divided by {len(sizes)} {by_count:.0e} off")
assert by_size < 1e-5
assert by_count > 0.01

# %%
# A loop that is right at the end, too
# ------------------------------------
#
# .. longer: 6 screens — the loop, and each way to get it wrong, have a cell
#
# Take a few batches at a time, count their samples, then go forward and backward with each. The last step of the epoch
# has fewer batches, and the last of them is short. Both get the right weight.


def groups(loader, size):
    """Yield lists of ``size`` batches; the last list may be shorter."""
    stream = iter(loader)
    while group := list(islice(stream, size)):
        yield group


network = new_network()
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
for group in groups(loader_of(50), 4):
    in_step = sum(len(y) for _, y in group)
    optimizer.zero_grad()
    for x, y in group:
        loss = F.cross_entropy(network(x), y) * len(y) / in_step
        loss.backward()
    optimizer.step()
    print(f"{len(group)} batches, {in_step} images", end="; " if len(group) == 4 else "\n")

# %%
# Training on batches of 200 gives the same weights up to rounding, which is checked below. An epoch has as many forward
# passes as with the small batches, so do not expect it to be faster.
#
# What is not the same
# --------------------
#
# A layer or a loss that compares samples with each other sees one piece. Batch norm takes the mean of 60 images in
# place of 240, and moves its running averages four times for one step. A contrastive loss compares an image with the
# others of its piece. Dropout draws for each sample, so pieces change nothing about it but the random numbers.

# Varies with the processor in the last digits of a gradient.
for name, norm in NORMS.items():
    network = new_network(norm)
    whole, parts = accumulate(copy.deepcopy(network), [240]), accumulate(network, [60] * 4)
    print(f"{name:<11} gradient {off(parts, whole):.0e} off")
    assert (off(parts, whole) > 0.01) == (name == "batch norm")
assert network[1].num_batches_tracked == 4

# %%
# Without the division
# --------------------
#
# The gradients of four batches are then four times as large. For plain SGD this is a learning rate four times as
# large. Adam divides by the size of its gradients, so it hides the mistake. Clipping to a norm cuts more, and weight
# decay that is added to the gradient counts less.

# Varies with the processor in the last digits.
for kind in (torch.optim.SGD, torch.optim.Adam):
    right, wrong = moved(kind, divisor=4), moved(kind, divisor=1)
    print(f"{kind.__name__:<4} weights move {right:.4f}, without the division {wrong:.4f}")
    assert abs(wrong / right - (4 if kind == torch.optim.SGD else 1)) < 0.01

# %%
# Is the large batch better?
# --------------------------
#
# Its gradient has less noise, and an epoch has fewer steps. Here are three ways to spend five epochs, with the mean
# accuracy on unseen digits and the range over five seeds. With the same rate the large batch falls behind, and a rate
# four times as large makes up for most of it. Here the small batch trains well, and accumulation brings no gain.

# Varies with the processor: a training amplifies how it rounds.
ways = {"50, lr 0.05": (1, 0.05), "4 x 50, lr 0.05": (4, 0.05), "4 x 50, lr 0.2": (4, 0.2)}
right = {name: trained(k, lr) for name, (k, lr) in ways.items()}
for name, found in right.items():
    print(f"{name:<15} {statistics.mean(found):.1f} % ({min(found):.1f} to {max(found):.1f})")

# %%
# .. use-this::
#
#    Take a batch that fits and trains well. Accumulate where it is too noisy, or where you repeat a recipe with a
#    larger one. Weight each piece by the count that its mean divides by, and call the schedule once for each
#    ``optimizer.step()`` (:ref:`the-schedule-is-stepped-too-often`). From the second piece on, the gradients are in
#    memory during the forward pass, too. ``ptguide.training.fit`` has the argument ``accumulate`` and does the
#    weighting. A scaler's place in the loop is on :ref:`unscale-has-already-been-called`.
#
# Common mistakes
# ---------------
#
# **The batches that are left over.** With ``if number % 4 == 0``, the last two of 22 batches take part in no step.
# Their gradients stay in ``.grad`` and mix into the first step of the next epoch, unless ``zero_grad`` throws them
# away. See :ref:`zero-grad-is-missing`.

network = new_network()
optimizer, steps = torch.optim.SGD(network.parameters(), lr=0.1), 0
for number, (x, y) in enumerate(loader_of(50), 1):
    (F.cross_entropy(network(x), y) / 4).backward()
    if number % 4 == 0:
        optimizer.step()
        optimizer.zero_grad()
        steps += 1
print(f"{number} batches, {steps} steps, gradients left over: {gradient(network).norm() > 0}")
assert (number, steps) == (22, 5)
assert gradient(network).norm() > 0.01

# %%
# **Tokens that are not counted.** With ``ignore_index``, the loss is a mean over the labels that count. Texts differ in
# length, so equal batches have unequal numbers of them. Count those, not the texts. A piece without one has a mean of
# NaN, so use ``reduction="sum"``, and divide by the count of the step.

whole = F.cross_entropy(logits, tokens)
pieces = list(zip(logits.split(2), tokens.split(2), strict=True))
halves = sum(F.cross_entropy(x, y) / 2 for x, y in pieces)
sums = sum(F.cross_entropy(x, y, reduction="sum") for x, y in pieces) / (tokens != -100).sum()
print(f"all tokens {whole:.4f}, mean of two halves {halves:.4f}, sums by count {sums:.4f}")
torch.testing.assert_close(sums, whole)
assert abs(halves - whole) > 0.05

# %%
# How this was checked

# The loop over groups, and fit, give the weights of batches of 200.
for k, size in ((4, 50), (1, 200)):
    network = new_network().double()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for group in groups(loader_of(size), k):
        in_step = sum(len(y) for _, y in group)
        optimizer.zero_grad()
        for x, y in group:
            (F.cross_entropy(network(x.double()), y) * len(y) / in_step).backward()
        optimizer.step()
    if k == 4:
        accumulated = weights(network)
torch.testing.assert_close(accumulated, weights(network))
fitted = new_network().double()
data = [(x.double(), y) for x, y in loader_of(50)]
optimizer = torch.optim.SGD(fitted.parameters(), lr=0.1)
fit(fitted, data, F.cross_entropy, optimizer, accumulate=4)
torch.testing.assert_close(weights(fitted), accumulated)
# Pieces of each size that divides 240, and random ones, give the gradient of the whole; in double precision.
exact = new_network().double()
images = images.double()
whole = accumulate(exact, [240])
cuts = [sorted(torch.randperm(239)[:3].add(1).tolist()) for _ in range(5)]
for sizes in [[n] * (240 // n) for n in (1, 2, 3, 7 + 1, 40, 120)] + [
    [a, b - a, c - b, 240 - c] for a, b, c in cuts
]:
    torch.testing.assert_close(accumulate(exact, sizes), whole)
images = images.float()
# Layer norm and instance norm look at one sample, and so give the gradient of the whole.
for norm in (lambda: nn.GroupNorm(1, 16), lambda: nn.InstanceNorm2d(16), nn.Identity):
    network = new_network(norm)
    assert off(accumulate(network, [60] * 4), accumulate(copy.deepcopy(network), [240])) < 1e-5
# In eval mode batch norm does, too.
network = new_network(lambda: nn.BatchNorm2d(16)).eval()
assert off(accumulate(network, [60] * 4), accumulate(network, [240])) < 1e-5
# A contrastive loss of pieces has another gradient; one in which each sample stands alone has the same.


def contrastive(x):
    return F.cross_entropy(x @ x.flip(1).T, torch.arange(len(x)))


for loss_of, same in ((contrastive, False), (lambda x: x.square().sum(dim=1).mean(), True)):
    x = torch.randn(12, 5, requires_grad=True)
    (whole,) = torch.autograd.grad(loss_of(x), x)
    (parts,) = torch.autograd.grad(sum(loss_of(part) / 4 for part in x.split(3)), x)
    assert torch.allclose(whole, parts, atol=1e-6) == same
# More steps in the same epochs, or larger ones, get further here.
small_steps, large_batch, large_rate = right.values()
assert min(small_steps) > max(large_batch)
assert statistics.mean(small_steps) > statistics.mean(large_rate) > statistics.mean(large_batch) + 5
# Of a gradient that is four times as large, clipping cuts more, and L2 that is added to it counts less.
cut, decayed = [], []
for factor in (1, 4):
    p = nn.Parameter(torch.tensor([3.0, 4.0]))
    p.grad = factor * torch.tensor([0.6, 0.8])
    cut.append(nn.utils.clip_grad_norm_([p], max_norm=2.0).item())
    p.grad = factor * torch.tensor([0.0, 1.0])
    torch.optim.SGD([p], lr=0.1, weight_decay=0.5).step()
    decayed.append((p[0] - 3).item() / (p[1] - 4).item())
assert cut[0] < 2 < cut[1]
assert decayed[1] < 0.6 * decayed[0]
# A mean over no label is NaN.
assert F.cross_entropy(torch.zeros(1, 3), torch.tensor([-100])).isnan()

# %%
# Check yourself
# --------------

sizes = torch.tensor([50, 50, 20])
share = (sizes[-1] / sizes.sum()).item()
ask(
    "One step has batches of 50, 50 and 20 samples, and the loss is a mean. What is the weight of the last batch?",
    answer=round(share, 2),
    choices={
        0.33: "Then each of its 20 samples would count more than the others.",
        0.17: "20 of 120 samples.",
        0.4: "That is its size beside a full batch. The sum of the weights would be 2.4.",
    },
)

# %%
# The next question is about a layer.

model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, 10))
for x, y in zip(images.split(60), labels.split(60), strict=True):
    (F.cross_entropy(model(x), y) / 4).backward()
ask(
    "Four pieces of 60 images make one step. How often does a batch norm in train mode move its running mean?",
    answer=model[1].num_batches_tracked.item(),
    choices={
        1: "Batch norm does not see the step. It moves in each forward pass.",
        4: "Once in each forward pass, so its momentum acts four times in a step.",
        240: "It moves for a batch, not for an image.",
    },
)

# %%
# **Exercise.** Return the gradient of ``weight`` for the mean loss over the labels that are not -100. Go backward with
# pieces of ``size`` rows each. A piece may have no label that counts. ``x`` has shape (sample, feature), ``y``
# (sample,), ``weight`` (class, feature).


def by_whole(weight, x, y, size):
    weight = weight.clone().requires_grad_()
    F.cross_entropy(x @ weight.T, y).backward()
    return weight.grad


cases = [
    (torch.randn(3, 2), torch.randn(4, 2), torch.tensor([0, 1, 2, 0]), 2),
    (torch.randn(3, 2), torch.randn(5, 2), torch.tensor([0, -100, 2, 0, 1]), 2),
    (torch.randn(3, 2), torch.randn(5, 2), torch.tensor([0, 1, -100, -100, 2]), 2),
]


def in_pieces(weight, x, y, size):
    raise NotImplementedError


check(in_pieces, by_whole, cases)

# %%
# A sum has no division by 0, so the piece without labels adds a gradient of 0.

# Solution


def in_pieces(weight, x, y, size):
    weight = weight.clone().requires_grad_()
    counted = (y != -100).sum()
    for rows, targets in zip(x.split(size), y.split(size), strict=True):
        (F.cross_entropy(rows @ weight.T, targets, reduction="sum") / counted).backward()
    return weight.grad


report = check(in_pieces, by_whole, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`mixed-precision`, another way to fit more into the memory.
#
# - Shallue et al. (2019). `Measuring the effects of data parallelism on neural network training
#   <https://www.jmlr.org/papers/v20/18-789.html>`__. How many steps a larger batch saves, and where this ends.
# - Hugging Face (2024). `Fixing gradient accumulation <https://huggingface.co/blog/gradient_accumulation>`__. The
#   mistake with the tokens, as a large library made it.

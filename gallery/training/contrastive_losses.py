"""
.. _contrastive-losses:

Triplet, cosine and contrastive loss: how do I train embeddings?
================================================================

You want to search by similarity: which photos show the same face, which text answers a question? These losses train an
:term:`embedding`, a few numbers for each sample, so that similar samples are near each other and the others far apart.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.exercises import check
from ptguide.questions import ask

images, labels = digits("train")[:]
new_images, new_labels = digits("test")[:]  # not seen in the training
rows = labels.argsort(stable=True)  # row numbers, class after class
count = labels.bincount()
first = count.cumsum(dim=0) - count  # where each class begins in rows
place = torch.empty_like(rows)
place[rows] = torch.arange(len(rows)) - first[labels[rows]]  # the place of each row in its class


def new_network(seed, features=2):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, features))


def draw_pairs(generator, size=64):
    """Return anchors, positives of the same class, and negatives of another, as row numbers."""
    anchor = torch.randint(len(labels), (size,), generator=generator)
    start, own = first[labels[anchor]], count[labels[anchor]]
    shift = 1 + (torch.rand(size, generator=generator) * (own - 1)).long()
    positive = rows[start + (place[anchor] + shift) % own]
    beyond = (torch.rand(size, generator=generator) * (len(labels) - own)).long()
    negative = rows[(start + own + beyond) % len(labels)]
    return anchor, positive, negative


def train(criterion, seed, features=8, steps=150):
    """Train a network; criterion takes three batches of embeddings and the labels of the anchors."""
    network, generator = new_network(seed, features), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.003)
    losses = []
    for _ in range(steps):
        chosen = draw_pairs(generator)
        parts = (network(images[one]) for one in chosen)
        loss = criterion(*parts, labels[chosen[0]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return network, losses


def nearest(embeddings):
    """Return how often the nearest other unseen image is of the same class, in percent."""
    far = torch.cdist(embeddings, embeddings).fill_diagonal_(float("inf"))
    return 100 * (new_labels[far.argmin(dim=1)] == new_labels).float().mean().item()


def measured(network, name):
    """Return how often the nearest image is right: by angle for losses of angles, else by distance."""
    with torch.no_grad():
        found = network(new_images)
    return nearest(F.normalize(found, dim=1) if name in ("cosine", "InfoNCE") else found)


def triplet(a, p, n, _):
    return F.triplet_margin_loss(a, p, n, margin=1.0)


def draw_embeddings(networks):
    _, axes = plt.subplots(ncols=2, figsize=(5.8, 2.7), layout="constrained")
    for (name, network), axis in zip(networks.items(), axes, strict=True):
        with torch.no_grad():
            points = network(new_images)
        for digit in range(10):
            here = points[new_labels == digit].T
            axis.plot(*here, marker=f"${digit}$", linestyle="", markersize=5)
        axis.set(xlabel=name, xticks=[], yticks=[])
    axes[0].figure.suptitle("After the training, unseen images form groups")
    plt.show()


# %%

# Varies with the processor: a training amplifies how it rounds.
trained, _ = train(triplet, seed=0, features=2, steps=400)
draw_embeddings({"before the training": new_network(0), "after the training": trained})

# %%
# Each point is an unseen image of a digit. Its coordinates are the two numbers of its embedding. The training used the
# labels to choose which images are similar, and not as targets. You need to know :ref:`the-training-loop`.
#
# .. longer: 6 screens — three losses, and a cell that compares them
#
# The rule
# --------
#
# A *triplet* has an anchor a, a positive p of the same class and a negative n of another. With the distance d, it costs
# :math:`\max(0,\; d(a, p) - d(a, n) + m)`. The cost is 0 once the negative is farther away than the positive by the
# margin m. Three equal embeddings cost m, so a loss that stays at m may mean that the embeddings have collapsed to one
# point.


def from_scratch(a, p, n, margin=1.0):
    return (F.pairwise_distance(a, p) - F.pairwise_distance(a, n) + margin).relu().mean()


a, p, n = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(0))
print(f"from scratch {from_scratch(a, p, n):.4f}, torch {F.triplet_margin_loss(a, p, n):.4f}")
print("distances to p:", [round(d, 1) for d in F.pairwise_distance(a, p).tolist()])
print("distances to n:", [round(d, 1) for d in F.pairwise_distance(a, n).tolist()])
print(
    "costs:         ",
    [round(c, 1) for c in F.triplet_margin_loss(a, p, n, reduction="none").tolist()],
)

# %%
# Most triplets become easy
# -------------------------
#
# A triplet that costs nothing has no gradient. After the training, most random triplets are of this kind here. A harder
# triplet takes as its negative the sample of another class in the batch that is nearest to the anchor.

# Varies with the processor: a training amplifies how it rounds.


def hardest(a, p, _, classes):
    far = torch.cdist(a, a.detach())
    far = far.masked_fill(classes[:, None] == classes, float("inf"))
    return F.triplet_margin_loss(a, p, a[far.argmin(dim=1)])


generator = torch.Generator().manual_seed(1)
trained, triplet_losses = train(triplet, seed=0)
for name, network in {"untrained": new_network(0, 8), "trained": trained}.items():
    chosen = draw_pairs(generator, 500)
    with torch.no_grad():
        a, p, n = (network(images[one]) for one in chosen)
        costs = F.triplet_margin_loss(a, p, n, reduction="none")
        hard = hardest(a, p, n, labels[chosen[0]])
    easy = (costs == 0).float().mean()
    print(
        f"{name:<10}cost nothing: {easy:.0%}; mean loss {costs.mean():.2f}, of the hardest {hard:.2f}"
    )

# %%
# All others as negatives: InfoNCE
# --------------------------------
#
# With N pairs, each anchor has one positive and N - 1 negatives: the positives of the others. The similarities form a
# table of shape (N, N), and the right column of row i is i. That is :ref:`cross-entropy`, with the similarities divided
# by a :term:`temperature` as logits. Where two pairs are of one class, a sample of the same class counts as a negative.
# The loss cannot know that, because it gets no labels.


def info_nce(a, p, temperature=0.1):
    similarity = F.normalize(a, dim=1) @ F.normalize(p, dim=1).T  # (N, N), cosines
    return F.cross_entropy(similarity / temperature, torch.arange(len(a)))


a = torch.eye(4)
print(f"each positive equals its anchor:  {info_nce(a, a):.4f}")
print(f"the positives are exchanged:      {info_nce(a, a.roll(1, dims=0)):.4f}")
print(f"all embeddings are equal, log(4): {info_nce(torch.ones(4, 3), torch.ones(4, 3)):.4f}")

# %%
# Which one is better?
# --------------------
#
# The nearest other unseen image should show the same digit. Here is how often it does, for three seeds each, with
# embeddings of :val:`8 <runs["untrained"][0][-1].out_features>` numbers. Cosine and InfoNCE compare angles, so they are
# measured by angle. The last two lines are untrained networks and the 64 pixels, which none of the four losses clearly
# beats here.

# Varies with the processor: a training amplifies how it rounds.


def cosine(a, p, n, _):
    both, sign = torch.cat([p, n]), torch.ones(2 * len(a))
    sign[len(a) :] = -1  # pairs of two classes
    return F.cosine_embedding_loss(torch.cat([a, a]), both, sign, margin=0.2)


ways = {
    "triplet": triplet,
    "triplet, hardest": hardest,
    "cosine": cosine,
    "InfoNCE": lambda a, p, *_: info_nce(a, p),
}
runs = {name: [train(way, seed)[0] for seed in range(3)] for name, way in ways.items()}
runs["untrained"] = [new_network(seed, 8) for seed in range(3)]
right = {name: [measured(one, name) for one in networks] for name, networks in runs.items()}
for name, found in right.items():
    print(f"{name:<18}{min(found):.1f} to {max(found):.1f} %")
print(f"64 pixels         {nearest(new_images.flatten(start_dim=1)):.1f} %")

# %%
# Random triplets come last here, and the other three are close.
#
# .. use-this::
#
#    If you have pairs that belong together, take InfoNCE on normalized embeddings. It needs no negatives of its own,
#    and costs a table of N by N similarities. If you have classes, ``F.triplet_margin_loss`` with the hardest negative
#    of the batch does as well here. Deviate with ``F.cosine_embedding_loss`` where you have pairs and a sign for each,
#    1 or -1. If the classes are fixed, train a classifier.
#
# A common mistake
# ----------------
#
# **No negatives.** If only similar pairs are pulled together, the cheapest solution is *one* embedding for all images.
# The loss falls to 0, and the network has learned nothing. Look at the spread of the embeddings, not at the loss alone.

# Varies with the processor: a training amplifies how it rounds.


def only_like(a, p, *_):
    return F.pairwise_distance(a, p).mean()


both = {"no negatives": train(only_like, seed=0), "triplet": (trained, triplet_losses)}
for name, (network, losses) in both.items():
    with torch.no_grad():
        spread = network(new_images).std(dim=0).mean().item()
    print(f"{name:<14}last loss {losses[-1]:.3f}, spread of the embeddings {spread:.3f}")

# %%
# How this was checked

g = torch.Generator().manual_seed(2)
for size, features in [(1, 1), (5, 2), (7, 16)]:
    a, p, n = torch.randn(3, size, features, generator=g, dtype=torch.float64)
    for margin in (0.1, 1.0, 3.0):
        found = F.triplet_margin_loss(a, p, n, margin=margin)
        torch.testing.assert_close(found, from_scratch(a, p, n, margin))
        plain = ((a - p).norm(dim=1) - (a - n).norm(dim=1) + margin).clamp(min=0).mean()
        assert abs(found - plain) < 1e-5  # torch adds 1e-6 to each difference
    loops = [
        -torch.stack([F.cosine_similarity(u, v, dim=0) for v in p]).div(0.1).log_softmax(dim=0)[i]
        for i, u in enumerate(a)
    ]
    torch.testing.assert_close(info_nce(a, p), torch.stack(loops).mean())
    sign = torch.tensor([1.0, -1.0]).repeat(size)[:size]
    cosines = F.cosine_similarity(a, p)
    by_hand = torch.where(sign > 0, 1 - cosines, (cosines - 0.2).relu()).mean()
    torch.testing.assert_close(F.cosine_embedding_loss(a, p, sign, margin=0.2), by_hand)
for _ in range(50):  # what is drawn
    a, p, n = draw_pairs(g)
    assert (labels[a] == labels[p]).all()
    assert (labels[a] != labels[n]).all()
    assert (a != p).all()
for name in ways:
    assert min(right[name]) > max(right["untrained"]) + 10
    assert max(right[name]) < nearest(new_images.flatten(start_dim=1)) + 3
    assert name == "triplet" or min(right[name]) > max(right["triplet"])
three = [right[name] for name in list(ways)[1:]]
assert max(min(found) for found in three) <= min(max(found) for found in three) + 2
for seed in range(3):  # the picture: two numbers an image
    before, after = new_network(seed), train(triplet, seed, features=2, steps=400)[0]
    assert measured(after, "triplet") > measured(before, "triplet") + 10
assert easy > 0.5  # of the random triplets of the trained network
assert new_images[0].numel() == 64
for way in (only_like, triplet):
    network, losses = train(way, seed=1)
    with torch.no_grad():
        assert (network(new_images).std(dim=0).mean() < 0.05) == (way is only_like)
# Three equal embeddings cost the margin. The small number in the distance keeps the gradient finite.
equal = torch.ones(4, 3, requires_grad=True)
loss = F.triplet_margin_loss(equal, equal.detach(), equal.detach())
torch.testing.assert_close(loss.item(), 1.0)
assert torch.autograd.grad(loss, equal)[0].isfinite().all()
by_hand = (equal - equal.detach()).square().sum(dim=1).sqrt().sum()
assert torch.autograd.grad(by_hand, equal)[0].isnan().all()

# %%
# Check yourself
# --------------

anchor = torch.zeros(1, 2)
easy = F.triplet_margin_loss(anchor, torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 5.0]]))
ask(
    "The positive is 3 away from the anchor, the negative 5, and the margin is 1. What does the triplet cost?",
    answer=round(easy.item(), 4),
    choices={
        0.0: "The negative is farther by 2, which is more than the margin.",
        1.0: "That is what three equal embeddings cost.",
        2.0: "The difference is what counts against the margin.",
        -1.0: "The cost is cut off at 0.",
    },
)

# %%
# The next question is about a batch of pairs.

tables = F.normalize(torch.ones(32, 2), dim=1) @ F.normalize(torch.ones(32, 2), dim=1).T
ask(
    "A batch has 32 pairs. How many negatives does InfoNCE compare each anchor with?",
    answer=tables.shape[1] - 1,
    choices={
        1: "That is a triplet.",
        31: "The positives of the other pairs.",
        32: "One column of its row is its own positive.",
        1023: "The table has 1024 entries, and an anchor has one row of it.",
    },
)

# %%
# **Exercise.** CLIP compares in both directions: each image with the texts, and each text with the images. Return the
# mean of the two cross-entropies, for embeddings of shape (N, D) that are not normalized yet.


def by_loops(images, texts, temperature):
    total = 0.0
    for one, other in ((images, texts), (texts, images)):
        for i in range(len(one)):
            row = torch.stack([F.cosine_similarity(one[i], v, dim=0) for v in other])
            total -= (row / temperature).log_softmax(dim=0)[i] / (2 * len(one))
    return total


cases = [
    (torch.eye(3), torch.eye(3), 0.5),
    (torch.randn(4, 2, generator=g), torch.randn(4, 2, generator=g), 0.1),
    (torch.randn(2, 6, generator=g), torch.randn(2, 6, generator=g), 1.0),
]


def clip_loss(images, texts, temperature):
    raise NotImplementedError


check(clip_loss, by_loops, cases)

# %%
# The second direction is the same table, transposed.

# Solution


def clip_loss(images, texts, temperature):
    table = F.normalize(images, dim=1) @ F.normalize(texts, dim=1).T / temperature
    right = torch.arange(len(table))
    return (F.cross_entropy(table, right) + F.cross_entropy(table.T, right)) / 2


report = check(clip_loss, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`a-loss-of-your-own`, if none of these fits.
#
# - Schroff, Kalenichenko and Philbin (2015). `FaceNet: a unified embedding for face recognition and clustering
#   <https://arxiv.org/abs/1503.03832>`__. Triplets, and which of them to choose.
# - Chen, Kornblith, Norouzi and Hinton (2020). `A simple framework for contrastive learning of visual representations
#   <https://arxiv.org/abs/2002.05709>`__. Two views of one image are the pair, and the rest of
#   the batch is negative.

"""
.. _labels-that-do-not-fit-the-inputs:

Why is my accuracy only chance? Labels that do not fit the inputs
=================================================================

Inputs and labels were shuffled, sorted or numbered apart, so most images have the label of another image. Look at a few
pairs, and compare your training with one on labels that you shuffle on purpose.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import re
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from torchvision.datasets import ImageFolder
from torchvision.transforms.functional import to_pil_image, to_tensor

from ptguide.data import TensorData, batches, digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

train_set, test_set = digits("train"), digits("test")


def new_network(hidden=32, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))


def accuracy(network, images, labels):
    with torch.no_grad():
        return 100 * (network(images).argmax(dim=1) == labels).float().mean().item()


def train(images, labels, seed=0, epochs=10, hidden=32):
    """Return the network, the mean loss and the accuracy on the test set of each epoch."""
    network = new_network(hidden, seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    order, losses, right = torch.Generator().manual_seed(seed), [], []
    for _ in range(epochs):
        of_epoch = []
        for x, y in batches(TensorData(images, labels), 50, shuffle=True, generator=order):
            loss = F.cross_entropy(network(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            of_epoch.append(loss.item())
        losses.append(sum(of_epoch) / len(of_epoch))
        right.append(accuracy(network, *test_set[:]))
    return network, losses, right


def span(numbers, digits=0):
    return f"{min(numbers):.{digits}f} to {max(numbers):.{digits}f}"


def shuffled(labels, seed):
    return labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))]


def draw_runs(runs):
    figure, axes = plt.subplots(ncols=2, figsize=(5.8, 2.1), layout="constrained")
    for number, (axis, name) in enumerate(
        zip(axes, ("loss of training", "test accuracy in %"), strict=True), 1
    ):
        for place, (label, found) in enumerate(runs.items()):
            curves = torch.tensor([run[number] for run in found])
            epochs = range(1, curves.shape[1] + 1)
            axis.plot(epochs, curves.mean(dim=0), color=f"C{place}", label=label)
            axis.fill_between(
                epochs, curves.amin(dim=0), curves.amax(dim=0), color=f"C{place}", alpha=0.25
            )
        axis.set(xlabel="epoch", ylabel=name, ylim=(0, None))
    axes[1].axhline(10, color="gray", linestyle=":")
    axes[0].legend(fontsize=8)
    figure.suptitle("With labels of other images a network only guesses")
    plt.show()


def draw_pairs(rows):
    figure, axes = plt.subplots(len(rows), 8, figsize=(5.8, 2.0), layout="constrained")
    for (name, (images, labels)), row in zip(rows.items(), axes, strict=True):
        for axis, image, label in zip(row, images, labels.tolist(), strict=False):
            axis.imshow(image[0].numpy(), cmap="gray_r")
            axis.set_title(label, fontsize=10)
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(name, fontsize=8)
    figure.suptitle("Eight pairs show what no loss does")
    plt.show()


# %%

# Varies with the processor: a training amplifies how it rounds.
images, labels = train_set[:]
runs = {
    "pairs": [train(images, labels, seed) for seed in range(5)],
    "shuffled apart": [train(images, shuffled(labels, seed), seed) for seed in range(5)],
}
for name, found in runs.items():
    right = [accuracies[-1] for *_, accuracies in found]
    print(f"{name:<15}{span(right)} % of the test images right")
draw_runs(runs)

# %%
# A line is the mean of five seeds, with a band from the least to the largest. No error is raised, because there are as
# many labels as images. The loss begins at the loss of guessing, :val:`2.3 <torch.tensor(10.0).log().item()>`, and
# hardly leaves it.
#
# .. longer: 7 screens — it is silent, and each cause, two tests and what they cannot find have a cell
#
# ====================================================================  =============================================
# What you wrote                                                        Fix
# ====================================================================  =============================================
# :ref:`two loaders or arrays, each shuffled <labels-apart>`            one ``TensorDataset(images, labels)``
# :ref:`predictions of one run, labels of another <labels-apart>`       take both in one loop
# :ref:`sorted(files), with labels from a table <labels-sorted>`        look the label up by the name
# :ref:`ImageFolder, with other folders in the test <labels-folders>`   compare ``class_to_idx``
# :ref:`"it overfits ten samples, so the data is right" <labels-ten>`   compare with shuffled labels
# ====================================================================  =============================================
#
# .. _labels-apart:
#
# The rule
# --------
#
# Image number :math:`i` and label number :math:`i` have to go through the same order: :math:`(x_{\pi(i)}, y_{\pi(i)})`,
# with one :math:`\pi`. Two loaders that shuffle draw two orders, and so does one loader that runs twice. This happens
# where predictions of one run are compared with labels of another. A loader of pairs shuffles the pairs. The cell
# counts the images that meet their own label.

numbers = torch.arange(len(images))  # in place of images and labels, to see who meets whom
one, other = (DataLoader(numbers, batch_size=50, shuffle=True) for _ in range(2))
pairs = DataLoader(TensorDataset(numbers, numbers), batch_size=50, shuffle=True)
ways = {
    "two loaders": zip(one, other, strict=True),
    "one loader, run twice": zip((x for x, _ in pairs), (y for _, y in pairs), strict=True),
    "pairs": pairs,
}
for name, loader in ways.items():
    met = sum((x == y).sum().item() for x, y in loader)
    print(f"{name:<22}{met:>4} of {len(images)} images meet their own label")
    assert met == len(images) if name == "pairs" else met < 10

# %%
# .. _labels-sorted:
#
# Sorted by name, labelled by number
# ----------------------------------
#
# ``sorted`` compares names letter by letter, so ``img10`` comes before ``img2``. ``os.listdir`` promises no order at
# all. If the labels are in a table in the order of the numbers, look each one up by the *name* of its file.

files = [f"img{number}.png" for number in range(1, len(images) + 1)]
label_of = dict(zip(files, labels.tolist(), strict=True))
print(sorted(files)[:4])
own = [label_of[file] for file in sorted(files)]
right = sum(a == b for a, b in zip(own, labels.tolist(), strict=True))
print(f"label by position: {right} of {len(files)} are right")
assert right < 0.2 * len(files)

# %%
# .. _labels-folders:
#
# Another set of folders in the test
# ----------------------------------
#
# ``ImageFolder`` sorts the names of the folders that it *finds*, and numbers them. If the test has no folder for a
# class, each later class has another number. So a training looks fine, and its test does not. Here the folders are
# called "zero" to "nine", and the test has no "five".

words = "zero one two three four five six seven eight nine".split()
for part, data in (("train", train_set), ("test", test_set)):
    for place, (image, label) in enumerate(zip(*data[:300], strict=True)):
        folder = Path(part, words[label])
        if part == "train" or words[label] != "five":
            folder.mkdir(parents=True, exist_ok=True)
            to_pil_image(image).save(folder / f"{place}.png")
seen, unseen = ImageFolder("train"), ImageFolder("test")
print("train:", seen.classes)
print("test: ", unseen.classes)
with expect_error(AssertionError, match="other numbers"):
    assert seen.class_to_idx == unseen.class_to_idx, "the classes have other numbers"
moved = set(unseen.class_to_idx.items()) - set(seen.class_to_idx.items())
print(len(moved), "of", len(unseen.classes), "classes have another number")

# %%
# To correct it, look up the name of each number of the test, and take the number that the training has for this name.
# Both accuracies are of the same network.


# Varies with the processor: a training amplifies how it rounds.
def tensors_of(folder):
    gray = torch.stack([to_tensor(image.convert("L")) for image, _ in folder])  # (N, 1, 8, 8)
    return gray, torch.tensor(folder.targets)


network, *_ = train(*tensors_of(seen), epochs=20)
photos, given = tensors_of(unseen)
names = [unseen.classes[number] for number in given.tolist()]
by_name = torch.tensor([seen.class_to_idx[name] for name in names])
before, after = (accuracy(network, photos, numbers) for numbers in (given, by_name))
print(f"as they come {before:.0f} %, by name {after:.0f} %")
assert before < 20 < 80 < after

# %%
# .. _labels-ten:
#
# What does not find it
# ---------------------
#
# *Overfit ten samples* is good advice, and it finds a wrong loop. It cannot find wrong labels, because a network learns
# ten wrong ones by heart as easily. A picture of eight pairs shows them.

# Varies with the processor: a training amplifies how it rounds.
wrong = shuffled(labels, 0)
for name, given in (("pairs", labels), ("shuffled apart", wrong)):
    _, losses, _ = train(images[:10], given[:10], epochs=100)
    print(f"ten samples, {name:<15}loss {losses[-1]:.3f}")
    assert losses[-1] < 0.01
draw_pairs({"pairs": (images[:8], labels[:8]), "apart": (images[:8], wrong[:8])})

# %%
# .. _labels-test:
#
# A test of three lines
# ---------------------
#
# Train briefly with your labels, and again with labels that you shuffle on purpose. Compare the accuracy on images that
# were not trained on. If both are about as good, your labels say nothing about the inputs, or the loop does not learn:
# overfitting ten samples tells which. The margin of 20 suits ten classes of about one size.


def test_labels_fit(score, labels):
    given, random = score(labels), score(labels[torch.randperm(len(labels))])
    words = f"{given:.0f} % with your labels, {random:.0f} % with shuffled ones"
    assert given > random + 20, words


def score_of(given):
    """Train on the first 700 pairs for two epochs; return the accuracy on the others."""
    network, *_ = train(images[:700], given[:700], epochs=2)
    return accuracy(network, images[700:], given[700:])


# Varies with the processor: a training amplifies how it rounds.
test_labels_fit(score_of, labels)
with expect_error(AssertionError, match="with your labels"):
    test_labels_fit(score_of, wrong)
print("the labels as they came pass")

# %%
# .. use-this::
#
#    Keep an input and its label in one object from the first line on. Use a data set that returns both, or a table with
#    a column of file names. If you shuffle by hand, index both with one list of positions. Before the first run, draw
#    eight pairs as they come from the loader, after the transforms. This costs a minute. Give training and test one
#    ``class_to_idx``. Deviate where labels are wrong on purpose, as in the test above.
#
# A common mistake
# ----------------
#
# **A larger network** seems to help, because it learns wrong labels by heart. The accuracy in training rises, and the
# accuracy in the test stays at chance.

# Varies with the processor: a training amplifies how it rounds.
for hidden, epochs in ((32, 10), (256, 40)):
    found = []
    for seed in range(3):
        given = shuffled(labels, seed)
        network, _, right = train(images, given, seed, epochs, hidden)
        found.append((accuracy(network, images, given), right[-1]))
    of_training, of_test = map(span, zip(*found, strict=True))
    print(f"{hidden} hidden, {epochs} epochs: training {of_training} %, test {of_test} %")

# %%
# How this was checked

for name, found in runs.items():
    for _, losses, right in found:
        assert (right[-1] > 90) == (name == "pairs")
        assert (right[-1] < 25) == (name == "shuffled apart")
        assert (losses[-1] > 2) == (name == "shuffled apart")
        assert losses[0] < 2.5
# Among equal classes a shuffled label is right about as often as a guess.
for seed in range(5):
    assert abs((shuffled(labels, seed) == labels).float().mean() - 0.1) < 0.03
# Two loaders draw one order if their generators have one seed.
twins = [
    DataLoader(numbers, batch_size=50, shuffle=True, generator=torch.Generator().manual_seed(3))
    for _ in range(2)
]
for one, other in zip(*twins, strict=True):
    assert torch.equal(one, other)
# The same with a trained network: its predictions of a shuffled loader, beside labels in another order.
whole, network = TensorDataset(*test_set[:]), runs["pairs"][0][0]
loader = DataLoader(whole, batch_size=50, shuffle=True)
answers = torch.cat([network(x).argmax(dim=1) for x, _ in loader])
together = torch.cat([network(x).argmax(dim=1) == y for x, y in loader])
assert (answers == test_set.targets).float().mean() < 0.2 < 0.9 < together.float().mean()
# Without training both scores are at chance, and the test says so of right labels, too.
with expect_error(AssertionError, match="with your labels"):
    test_labels_fit(
        lambda given: accuracy(train(images, given, epochs=0)[0], images, given), labels
    )
# The order of the sorted names, as positions.
positions = {file: place for place, file in enumerate(files)}
in_order = torch.tensor([positions[file] for file in sorted(files)])
assert torch.equal(labels[in_order], torch.tensor(own))
# The test with other seeds.
for seed in range(1, 4):
    test_labels_fit(score_of, labels)
    with expect_error(AssertionError, match="with your labels"):
        test_labels_fit(score_of, shuffled(labels, seed))
# It cannot find what is wrong in the test folder alone, and class_to_idx can. An empty folder is refused.
Path("test/five").mkdir()
with expect_error(FileNotFoundError, match="Found no valid file for the classes five"):
    ImageFolder("test")
assert ImageFolder("test", allow_empty=True).class_to_idx == seen.class_to_idx
# Names with numbers of one length are in order.
padded = [f"img{number:04}.png" for number in range(1, 1086)]
assert sorted(padded) == padded
assert sorted(files) != files
# One order for both, by hand, and the two tensors of a data set indexed once.
order = torch.randperm(len(images))
assert torch.equal(TensorData(images[order], labels[order])[:5][1], labels[order[:5]])
whole = TensorDataset(images, labels)
assert torch.equal(whole[7][0], images[7])
assert whole[7][1] == labels[7]
# Tensors of two lengths are refused, so one label too few is no silent error there; zip without strict is one.
with expect_error(AssertionError, match="Size mismatch between tensors"):
    TensorDataset(images, labels[:-1])
assert len(list(zip(images, labels[:-1], strict=False))) == len(labels) - 1

# %%
# Check yourself
# --------------

order = sorted(["img1", "img2", "img9", "img10", "img11"])
ask(
    "sorted() gets the list img1, img2, img9, img10, img11. Which name comes second?",
    answer=order[1],
    choices={
        "img2": "That would be by number. Letters are compared in turn, and 1 comes before 2.",
        "img10": "After img1 come the names that begin with it.",
        "img11": "It comes after img10, because 1 comes after 0.",
    },
)

# %%
# The next question is about classes of different sizes.

sizes = torch.tensor([70.0, 20.0, 10.0])  # cat, dog, fox
ask(
    "70 of 100 images are cats, 20 dogs and 10 foxes, in training and in the test. "
    "The labels of training are shuffled. "
    "What accuracy in % does a network reach that answers with the commonest label?",
    answer=(100 * sizes.max() / sizes.sum()).item(),
    choices={
        33.3: "It would be so if it chose at random, or if the classes were of one size.",
        70.0: "So compare with the largest class, and not with 1 / number of classes.",
        100.0: "It does not look at the image, so it is wrong about each dog and fox.",
    },
)

# %%
# **Exercise.** Return the positions that put ``names`` in the order of their numbers. Each name has letters, one number
# and an ending, and the numbers differ.


def by_loops(names):
    left = list(range(len(names)))
    found = []
    while left:
        least = min(left, key=lambda place: int("".join(c for c in names[place] if c.isdigit())))
        found.append(least)
        left.remove(least)
    return torch.tensor(found)


cases = [
    (["img10.png", "img2.png"],),
    (["a7.jpg", "a100.jpg", "a12.jpg", "a1.jpg"],),
    ([f"scan{number}.tif" for number in (31, 4, 15, 9, 265, 35)],),
]


def in_order_of_numbers(names):
    raise NotImplementedError


check(in_order_of_numbers, by_loops, cases)

# %%
# A regular expression finds the number, and ``argsort`` gives the positions.

# Solution


def in_order_of_numbers(names):
    numbers = [int(re.search(r"\d+", name).group()) for name in names]
    return torch.tensor(numbers).argsort()


report = check(in_order_of_numbers, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`inputs-that-are-not-scaled`, a network that does not learn although its labels are right. A data set of your own
# files is on :ref:`custom-dataset`.
#
# - Zhang et al. (2017). `Understanding deep learning requires rethinking generalization
#   <https://arxiv.org/abs/1611.03530>`__. Networks that learn random labels by heart.
# - Karpathy (2019). `A recipe for training neural networks <https://karpathy.github.io/2019/04/25/recipe/>`__. Its
#   first step is to look at the data.

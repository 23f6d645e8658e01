"""
.. _augmentation:

Data augmentation: which random transforms help, and which hurt?
================================================================

You have few images, and the network learns them by heart. Other versions of them, made at random in each epoch, help if
their answer stays right and if they look like the images that come later.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from ptguide.data import digits
from ptguide.exercises import check
from ptguide.questions import ask

train_set, test_set = digits("train"), digits("test")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


few = torch.randperm(len(train_set), generator=seeded(100))[:100]
images, labels = train_set[few]  # as if you had 100 digits


def moved(images, degrees, pixels, generator):
    """Turn and shift each image of a batch by its own random amount, up to the given ones."""
    n, size = len(images), images.shape[-1]
    angle = math.radians(degrees) * (2 * torch.rand(n, generator=generator) - 1)
    shift = pixels * 2 / size * (2 * torch.rand(n, 2, generator=generator) - 1)
    rows = [
        torch.stack([angle.cos(), -angle.sin(), shift[:, 0]], dim=1),
        torch.stack([angle.sin(), angle.cos(), shift[:, 1]], dim=1),
    ]
    grid = F.affine_grid(torch.stack(rows, dim=1), images.shape, align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def mirrored(images, generator):
    chosen = torch.rand(len(images), generator=generator) < 0.5
    return torch.where(chosen[:, None, None, None], images.flip(3), images)


ways = {
    "none": lambda images, generator: images,
    "turn by up to 15°": lambda images, generator: moved(images, 15, 0, generator),
    "shift by up to 1 pixel": lambda images, generator: moved(images, 0, 1, generator),
    "both": lambda images, generator: moved(images, 15, 1, generator),
    "mirror half of them": mirrored,
    "turn by up to 180°": lambda images, generator: moved(images, 180, 0, generator),
}


def train(augment, seed):
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    generator = seeded(seed)
    for _epoch in range(60):
        for indices in torch.randperm(100, generator=generator).split(20):
            loss = F.cross_entropy(network(augment(images[indices], generator)), labels[indices])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network


def accuracy(network, inputs, targets):
    with torch.no_grad():
        return (network(inputs).argmax(dim=1) == targets).float().mean().item()


def draw_ways():
    _, axis = plt.subplots(figsize=(6.2, 2.6), layout="constrained")
    for tested, color, offset in (("straight", "C0", -0.15), ("crooked", "C1", 0.15)):
        for row, name in enumerate(ways):
            values = 100 * found[name][tested]
            axis.plot(values, [row + offset] * len(values), "o", color=color, alpha=0.7)
        axis.plot([], [], "o", color=color, label=f"tested on {tested} digits")
    axis.set_yticks(range(len(ways)), list(ways))
    axis.set(xlabel="right answers in %", xlim=(25, 100), ylim=(6.6, -0.6))
    axis.legend(fontsize=8, loc="lower center", ncols=2)
    axis.set_title("What helps depends on what the test images look like")
    plt.show()


def draw_versions(versions):
    _, axes = plt.subplots(1, len(versions), figsize=(6.2, 1.4), layout="constrained")
    for axis, image in zip(axes, versions, strict=True):
        axis.imshow(image[0].numpy(), cmap="gray_r", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
    plt.suptitle("One image, asked for eight times")
    plt.show()


most = 30  # degrees
tests = {"straight": test_set.inputs, "crooked": moved(test_set.inputs, most, 1, seeded(1))}
found = {}
for name, augment in ways.items():
    networks = [train(augment, seed) for seed in range(3)]
    found[name] = {
        tested: torch.tensor([accuracy(one, inputs, test_set.targets) for one in networks])
        for tested, inputs in tests.items()
    }

# %%

# Varies with the processor: a training amplifies how it rounds.
draw_ways()

# %%
# Each dot is a network that learned :val:`100 <len(images)>` digits, for 60 epochs. The test digits in blue are upright
# and in the middle, as they were scanned. Those in orange are turned by up to :val:`30 <most>` degrees and shifted by
# up to a pixel. You need to know :ref:`transforms`.
#
# The rule
# --------
#
# With a network :math:`f`, a loss :math:`L` and a random change :math:`t`, training lowers the mean of
# :math:`L(f(t(x)), y)` over the changes. So the network is trained to give one answer for the versions of an image. Ask
# two things: does the answer stay right, and do the images that come later vary like this? A digit that is mirrored, or
# upside down, can be another digit or none. Here shifts help where the test digits are shifted, and cost accuracy where
# they are in the middle.

# Varies with the processor: a training amplifies how it rounds.
for name in ways:
    straight, crooked = (100 * found[name][tested] for tested in tests)
    spread = [
        f"{one.mean():.0f} ({one.min():.0f} to {one.max():.0f})" for one in (straight, crooked)
    ]
    print(f"{name:<23} straight {spread[0]:<15} crooked {spread[1]}")
assert found["mirror half of them"]["straight"].max() < found["none"]["straight"].min()
assert found["both"]["crooked"].min() > found["none"]["crooked"].max() + 0.1

# %%
# Does the data set get larger?
# -----------------------------
#
# The data set does not grow. The transform runs each time that an example is asked for, so ``len`` and the number of
# batches stay. In each epoch the network sees one new version of each image, and perhaps not the original.


class Augmented(Dataset):
    def __init__(self, images, labels, transform):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transform(self.images[index]), self.labels[index]


torch.manual_seed(0)
data = Augmented(images, labels, v2.RandomAffine(degrees=15, translate=(1 / 8, 1 / 8)))
versions = [data[3][0] for _ in range(8)]
draw_versions(versions)
assert len(data) == 100
assert len({tuple(version.flatten().tolist()) for version in versions}) == 8

# %%
# Mix two images
# --------------
#
# ``MixUp`` and ``CutMix`` work on a batch, because each image is mixed with another of the batch. The target becomes a
# probability for each class, which :func:`torch.nn.functional.cross_entropy` takes. Call ``MixUp`` behind the loader,
# or as the last step of ``collate_fn``. Here about a third of the probability goes to the class of the other image.

torch.manual_seed(3)
mixed, targets = v2.MixUp(num_classes=10)(images[:4], labels[:4])
print("labels ", labels[:4].tolist())
print("targets", [round(one, 2) for one in targets[0].tolist()])
share = targets[0, labels[0]]
torch.testing.assert_close(mixed[0], share * images[0] + (1 - share) * images[3])
torch.testing.assert_close(targets.sum(dim=1), torch.ones(4))

# %%
# .. use-this::
#
#    Begin with changes that keep the answer and that later images show, too: small turns and shifts, a crop, a
#    horizontal flip for photos of things. Look at twenty augmented images before you train. Train with and without
#    augmentation, over several seeds. Compare on validation images that are not augmented. The task is harder, so it
#    may take more epochs. ``v2.RandAugment()`` and ``v2.TrivialAugmentWide()`` are ready-made mixtures for color
#    photos. The transforms cost time of the CPU for each image, so watch :ref:`whether the loop waits
#    <making-the-input-fast>`.
#
# A common mistake
# ----------------
#
# **One draw for the whole batch.** Given a batch, for example on the GPU, a flip, turn, crop or change of color draws
# once. It changes the images of the batch in the same way. (``GaussianNoise`` is an exception: each image gets its own
# noise.) Call it in the data set, for each image, or write a function that draws for each image, such as ``moved`` in
# the set-up.

torch.manual_seed(0)
same = images[:1].repeat(6, 1, 1, 1)  # six times the same image
by_batch = v2.RandomRotation(30)(same)
by_image = torch.stack([v2.RandomRotation(30)(image) for image in same])
for name, batch in {"batch": by_batch, "image by image": by_image}.items():
    print(f"{name:<15} {len(batch.flatten(1).unique(dim=0))} different versions of six")
assert torch.equal(by_batch, by_batch[:1].expand(6, -1, -1, -1))

# %%
# How this was checked

# The batch of moved images agrees with torchvision, where the angle is known.
for degrees in (0.0, 10.0, -25.0):
    angle = torch.tensor(math.radians(degrees))
    theta = torch.stack([angle.cos(), -angle.sin(), angle * 0, angle.sin(), angle.cos(), angle * 0])
    grid = F.affine_grid(theta.reshape(1, 2, 3), (1, 1, 8, 8), align_corners=False)
    turned = F.grid_sample(images[:1], grid, align_corners=False)
    settings = {"translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0]}
    smooth = v2.InterpolationMode.BILINEAR
    both = [
        v2.functional.affine(images[:1], angle=way * degrees, interpolation=smooth, **settings)
        for way in (1, -1)  # which way is positive
    ]
    assert any(torch.allclose(turned, one, atol=1e-4) for one in both)
assert torch.allclose(moved(images, 0, 0, seeded()), images, atol=1e-6)
assert len(moved(same, 15, 1, seeded()).flatten(1).unique(dim=0)) == 6
for seed in range(5):
    flipped = mirrored(images, seeded(seed))
    changed = (flipped != images).flatten(1).any(dim=1)
    assert 30 < changed.sum() < 70
alike = [v2.RandomHorizontalFlip(0.5), v2.RandomVerticalFlip(0.5), v2.RandomRotation(30)]
alike += [v2.RandomAffine(15), v2.RandomCrop(6), v2.RandomResizedCrop(6), v2.RandomErasing(1.0)]
alike += [v2.RandomPerspective(p=1.0), v2.ColorJitter(0.5, 0.5, 0.5, 0.2), v2.RandomGrayscale(0.5)]
in_color = same.expand(-1, 3, -1, -1)
for transform in alike:
    for _ in range(5):
        batch = transform(in_color)
        assert torch.equal(batch, batch[:1].expand(6, -1, -1, -1))
assert len(v2.GaussianNoise()(same).flatten(1).unique(dim=0)) == 6
assert len(DataLoader(data, batch_size=20)) == 5
for name in ("mirror half of them", "turn by up to 180°"):
    assert found[name]["straight"].max() < found["none"]["straight"].min() - 0.03
assert found["shift by up to 1 pixel"]["straight"].max() < found["none"]["straight"].min()
assert found["turn by up to 15°"]["straight"].mean() > found["none"]["straight"].mean()
# The network learns the 100 digits by heart without augmentation.
for seed in range(2):
    assert accuracy(train(ways["none"], seed), images, labels) == 1
torch.manual_seed(0)
soft = F.cross_entropy(torch.randn(4, 10), targets)
assert soft.dim() == 0
for one in (v2.RandAugment(), v2.TrivialAugmentWide()):
    assert one(torch.zeros(3, 16, 16, dtype=torch.uint8)).shape == (3, 16, 16)

# %%
# Check yourself
# --------------

batches = len(DataLoader(data, batch_size=20))
ask(
    "A data set of 100 images gets RandomHorizontalFlip(p=0.5) as its transform. batch_size is 20. How many batches "
    "does an epoch have?",
    answer=batches,
    choices={
        5: "The data set is as long as before. Half of the images come mirrored.",
        10: "The mirrored images do not come in addition to the others.",
        8: "Nothing is added, and nothing is drawn twice.",
    },
)

# %%
# The next question is about a network that has to read digits.

hurt = found["none"]["straight"].mean() - found["mirror half of them"]["straight"].mean()
ask(
    "The test digits are upright. What does mirroring half of the training images do to the accuracy here?",
    answer="it falls" if hurt > 0.03 else "it rises or stays",
    choices={
        "it rises or stays": "The network then has to learn digits that the test does not have.",
        "it falls": "Mirrored digits are not in the test, and some look like another digit.",
    },
)

# %%
# **Exercise.** Turn each image of a batch by its own number of quarter turns. ``images`` has shape (N, channel, row,
# column) with as many rows as columns. ``turns`` has shape (N,). Its values, from 0 to 3, are the ``k`` of
# ``torch.rot90``.


def by_loop(images, turns):
    pairs = zip(images, turns.tolist(), strict=True)
    return torch.stack([torch.rot90(image, k, dims=(1, 2)) for image, k in pairs])


cases = [
    (torch.arange(4).reshape(1, 1, 2, 2), torch.tensor([1])),
    (torch.arange(18).reshape(2, 1, 3, 3), torch.tensor([0, 3])),
    (torch.rand(7, 3, 4, 4, generator=seeded()), torch.tensor([3, 1, 0, 2, 2, 1, 3])),
]


def turned_each(images, turns):
    raise NotImplementedError


check(turned_each, by_loop, cases)

# %%
# Turn the whole batch in the four ways, and choose one for each image.

# Solution


def turned_each(images, turns):
    ways = torch.stack([torch.rot90(images, k, dims=(2, 3)) for k in range(4)])
    return ways[turns, torch.arange(len(images))]


report = check(turned_each, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`making-the-input-fast`, because these transforms take time.
#
# - Shorten and Khoshgoftaar (2019). `A survey on image data augmentation for deep learning
#   <https://doi.org/10.1186/s40537-019-0197-0>`__. What was tried, and where the answer stays right.
# - Zhang et al. (2018). `mixup: Beyond empirical risk minimization <https://arxiv.org/abs/1710.09412>`__. Why mixed
#   images and targets help.

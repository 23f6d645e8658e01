"""
.. _the-loss-does-not-fall:

My training loss does not fall: what do I check first?
======================================================

Your network is not learning anything, no error was raised, and the reason may be in the data, the network, the loss or
the loop. Four short checks, each a few hundred steps at most, tell these apart.
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

train_set = digits("train")
RATES = {"learning rate 0.00001": 1e-5, "learning rate 50": 50.0}


class Program:
    """A training of the small network on digits, with one mistake."""

    def __init__(self, mistake="no mistake", seed=0, lr=0.5):
        torch.manual_seed(seed)
        self.mistake, self.labels = mistake, train_set.targets
        self.network = nn.Sequential(
            *(nn.Flatten(), nn.Linear(64, 32)), *(nn.ReLU(), nn.Linear(32, 10))
        )
        self.images = train_set.inputs * (255 if mistake == "pixels of 0 to 255" else 1)
        if mistake == "labels shuffled":
            self.shuffle_labels()
        if mistake == "first layer frozen":
            self.network[1].requires_grad_(False)
        if mistake == "weights of 0":
            for value in self.network.parameters():
                nn.init.zeros_(value)
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=RATES.get(mistake, lr))

    def shuffle_labels(self):
        self.labels = self.labels[torch.randperm(len(self.labels))]

    def loss(self, rows=slice(None)):
        outputs = self.network(self.images[rows])
        if self.mistake == "softmax before the loss":
            outputs = outputs.softmax(dim=1)
        return F.cross_entropy(outputs, self.labels[rows])

    def step(self, rows):
        loss = self.loss(rows)
        self.optimizer.zero_grad()
        loss.backward()
        if self.mistake == "zero_grad before step":
            self.optimizer.zero_grad()
        self.optimizer.step()
        return loss.item()

    def epochs(self, number):
        """Train, and return the mean loss of the last epoch."""
        for _ in range(number):
            losses = [self.step(rows) for rows in torch.randperm(len(self.labels)).split(50)]
        return sum(losses) / len(losses)


MISTAKES = ["no mistake", "pixels of 0 to 255", "zero_grad before step", "weights of 0"]
MISTAKES += ["first layer frozen", "softmax before the loss", *RATES, "labels shuffled"]


def first_loss(program):
    with torch.no_grad():
        return program.loss().item()


def still(program):
    """Return the names of the parameters that one step leaves as they are."""
    before = {name: p.clone() for name, p in program.network.named_parameters()}
    program.step(slice(0, 50))
    return [name for name, p in program.network.named_parameters() if torch.equal(p, before[name])]


def one_batch(program):
    """Return the losses of 200 steps on the same 20 images."""
    return [program.step(slice(0, 20)) for _ in range(200)]


def against_shuffled(mistake, seed):
    """Return the loss of the third epoch, and that with labels that were shuffled on purpose."""
    given, shuffled = Program(mistake, seed), Program(mistake, seed)
    shuffled.shuffle_labels()
    return given.epochs(3), shuffled.epochs(3)


SEEDS = range(3)
firsts = {m: [first_loss(Program(m, seed)) for seed in SEEDS] for m in MISTAKES}
stills = {m: [still(Program(m, seed)) for seed in SEEDS] for m in MISTAKES}
curves = {m: [one_batch(Program(m, seed)) for seed in SEEDS] for m in MISTAKES}
pairs = {m: [against_shuffled(m, seed) for seed in SEEDS] for m in MISTAKES}
found = torch.tensor(
    [
        [
            [not 1.8 < first < 2.8 for first in firsts[m]],
            [bool(names) for names in stills[m]],
            [not curve[-1] < 0.1 for curve in curves[m]],
            [not given < 0.8 * shuffled for given, shuffled in pairs[m]],
        ]
        for m in MISTAKES
    ]
)  # (mistake, check, seed)


def draw_found():
    _, axis = plt.subplots(figsize=(6.2, 3.0), layout="constrained")
    counted = found.sum(dim=2)
    axis.imshow(counted.numpy(), cmap="Oranges", vmin=0, vmax=5, aspect="auto")
    for row, column in torch.cartesian_prod(torch.arange(len(MISTAKES)), torch.arange(4)).tolist():
        said = counted[row, column].item()
        axis.text(column, row, f"{said} of 3" if said else "–", ha="center", va="center")
    names = ["first\nloss", "each weight\nmoves", "one batch\nby heart", "better than\nshuffled"]
    axis.set_xticks(range(4), names)
    axis.set_yticks(range(len(MISTAKES)), MISTAKES)
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.set_title("Each check finds a mistake that those before it missed")
    plt.show()


def draw_batch(shown):
    _, axis = plt.subplots(figsize=(6.2, 2.6), layout="constrained")
    for place, mistake in enumerate(shown):
        for curve in curves[mistake]:
            label = mistake if curve is curves[mistake][0] else None
            axis.semilogy(curve, color=f"C{place}", label=label)
    axis.axhline(0.1, color="gray", linestyle=":")
    axis.set(xlabel="steps on the same 20 images", ylabel="loss")
    axis.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    axis.set_title("A sound program learns one batch by heart")
    plt.show()


# %%

# Varies with the processor: three small trainings of each program.
draw_found()

# %%
# .. longer: 6 screens — each check has a cell of its own
#
# Nine programs train the same small network on digits, and eight of them have one mistake. A number says in how many of
# three seeds a check noticed the mistake. Go from left to right: each column finds something that those before it
# missed. You need to know :ref:`the-training-loop`.
#
# The rule
# --------
#
# Test the smallest thing first. Before the first step, a classifier of :math:`K` classes should have a loss of about
# :math:`\log K`, as if it guessed. One step should change each parameter. A few hundred steps should learn one batch by
# heart. A few epochs should learn more from your labels than from shuffled ones.
#
# 1. The first loss
# -----------------
#
# Ten digits give about the :term:`logarithm` of 10. A first loss that is many times as large means that the outputs
# are huge. A frequent reason is :ref:`inputs that are not scaled <inputs-that-are-not-scaled>`, here bytes that nobody
# divided by 255.

# Varies with the processor: an untrained network.
print(f"log(10):            {torch.tensor(10.0).log():.2f}")
for mistake in ("no mistake", "pixels of 0 to 255"):
    print(f"{mistake:<19}", *(f"{first:.2f}" for first in firsts[mistake]))

# %%
# 2. Does a step change each parameter?
# -------------------------------------
#
# Copy the parameters, take one step, and compare. Layer ``1`` is the first linear layer, and layer ``3`` the last. A
# parameter that stays is most often frozen, not in the optimizer, or without a gradient other than 0.
# :ref:`parameters-that-are-not-trained` tells these apart. Leave weight decay off, because it moves parameters whose
# gradient is 0. In half precision, a small step can be rounded away.

for mistake in ("zero_grad before step", "first layer frozen", "weights of 0", "no mistake"):
    program = Program(mistake)
    before = {name: p.clone() for name, p in program.network.named_parameters()}
    program.step(slice(0, 50))
    same = [name for name, p in program.network.named_parameters() if torch.equal(p, before[name])]
    print(f"{mistake:<22} unchanged: {', '.join(same) or 'none'}")
    assert same == stills[mistake][0]

# %%
# With weights of 0, each hidden unit is 0, so only the last bias gets a gradient. PyTorch draws the first weights at
# random to avoid that.
#
# 3. Can it learn one batch by heart?
# -----------------------------------
#
# Take a batch once, and train on it alone. This sanity check is known as overfitting a single batch. This network has
# :val:`2410 <sum(p.numel() for p in program.network.parameters())>` weights, and the batch has few images. The network
# can store the answers, and the loss should come close to 0. If it does not, find the mistake before you take more
# data.

# Varies with the processor: three trainings of each program.
draw_batch(["no mistake", "learning rate 0.00001", "softmax before the loss", "learning rate 50"])

# %%
# With :ref:`softmax before cross_entropy <softmax-before-cross-entropy>` and ten classes, the loss cannot fall below
# :val:`1.46 <F.cross_entropy(torch.eye(10)[:1], torch.tensor([0]))>`, even when each answer is right.
#
# Which learning rate?
# --------------------
#
# One batch is also the place to look for the :term:`learning rate`, because a run takes a moment. Multiply it by ten
# from run to run. Too small a rate leaves the loss where it was. Too large a rate makes it jump up, and here it then
# stays at the loss of a guess.

# Varies with the processor: one training of each rate.
rates = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
losses = [one_batch(Program(lr=lr)) for lr in rates]
for lr, curve in zip(rates, losses, strict=True):
    print(f"lr {lr:<7g} highest loss {max(curve):6.2f}, after 200 steps {curve[-1]:.3f}")

# %%
# 4. Do the labels fit?
# ---------------------
#
# A network learns wrong labels by heart as well, so the batch says nothing about them. Shuffle the labels on purpose,
# train for three epochs, and compare. If the loss with your labels is no lower, try a third of the rate and more
# epochs. If that changes nothing, suspect that the labels do not belong to their images, or that the images do not show
# what is asked. :ref:`labels-that-do-not-fit-the-inputs` has the usual reasons.

# Varies with the processor: six trainings of each program.
for mistake in ("no mistake", "labels shuffled"):
    given, on_purpose = torch.tensor(pairs[mistake]).mean(dim=0).tolist()
    print(f"{mistake:<16} loss {given:.2f}, with labels shuffled on purpose {on_purpose:.2f}")

# %%
# .. use-this::
#
#    Run the four checks in this order for each new program, before the first long training. Together they cost a few
#    hundred steps. On a large data set, count steps instead of epochs. Turn off dropout, augmentation, weight decay and
#    schedules for the second and third, and turn them on again one at a time. Change the optimizer or the network only
#    when all four pass. For unbalanced classes, expect a first loss near :math:`\log K` all the same, and compare later
#    losses with the entropy of the labels (the exercise below). For a squared error, compare them with the variance of
#    the targets, which a constant answer reaches.
#
# Common mistakes
# ---------------
#
# **A new batch at each step.** ``next(iter(loader))`` with shuffling gives another batch each time, so the third check
# becomes an ordinary training. **Dropout stays on.** Then the loss in train mode stays above that in eval mode, because
# other units are missing at each step. Take the batch once, before the loop, and measure in eval mode.

# Varies with the processor: three trainings each.
fresh, with_dropout = [], []
for seed in SEEDS:
    program = Program(seed=seed)
    fresh.append([program.step(torch.randperm(len(program.labels))[:20]) for _ in range(200)][-1])
    program = Program(seed=seed)
    program.network.insert(3, nn.Dropout(0.5))
    late = one_batch(program)[-20:]
    program.network.eval()
    with_dropout.append((sum(late) / 20, program.loss(slice(0, 20)).item()))
print("the same batch:            ", *(f"{c[-1]:.3f}" for c in curves["no mistake"]))
print("a new batch at each step:  ", *(f"{loss:.3f}" for loss in fresh))
for place, mode in enumerate(("train", "eval")):
    print(f"dropout of 0.5, {mode:<11}", *(f"{pair[place]:.3f}" for pair in with_dropout))

# %%
# How this was checked

sound = found[MISTAKES.index("no mistake")]
assert not sound.any()
for row, mistake in enumerate(MISTAKES[1:], 1):
    assert found[row].all(dim=1).any(), mistake  # one check at least finds it with each seed
assert max(firsts["no mistake"]) < 2.5
assert min(firsts["pixels of 0 to 255"]) > 20
for mistake in MISTAKES:
    last = [curve[-1] for curve in curves[mistake]]
    assert (max(last) < 0.1) if mistake in ("no mistake", "labels shuffled") else (min(last) > 0.5)
for mistake in ("no mistake", "labels shuffled"):
    for own, other in pairs[mistake]:
        assert (own < 0.8 * other) == (mistake == "no mistake")
# Each column finds a mistake that those before it missed with each seed.
for column in range(1, 4):
    missed = ~found[:, :column].any(dim=(1, 2))
    assert (found[:, column].all(dim=1) & missed).any()
# The program without a mistake learns at the rates in the middle, and not at the ends.
ends = [curve[-1] for curve in losses]
assert ends.index(min(ends)) in (3, 4)
assert ends[0] > 2
assert ends[-1] > 1
assert max(losses[-1]) > 5 > max(losses[-2])
for seed in SEEDS:
    assert fresh[seed] > 5 * curves["no mistake"][seed][-1]
    assert with_dropout[seed][0] > 2 * with_dropout[seed][1]
# The number of weights that the text gives.
weights = sum(p.numel() for p in Program().network.parameters())
assert weights == 64 * 32 + 32 + 32 * 10 + 10
# Weights of 0: only the last bias has a gradient.
program = Program("weights of 0")
program.loss().backward()
for name, p in program.network.named_parameters():
    assert bool(p.grad.any()) == (name == "3.bias")
# softmax of any outputs: cross_entropy stays above log(e + 9) - 1.
lowest = torch.tensor(torch.e + 9).log() - 1
for size in (0.1, 1, 10, 1000):
    outputs, labels = size * torch.randn(200, 10), torch.randint(10, (200,))
    assert (F.cross_entropy(outputs.softmax(dim=1), labels, reduction="none") > lowest - 1e-6).all()
# Weight decay moves parameters whose gradients are 0, and a small step in bfloat16 is rounded away.
for dtype, lr, decay, changes in (
    (torch.float32, 0.5, 0.01, True),
    (torch.float32, 0.5, 0.0, False),
    (torch.bfloat16, 1e-5, 0.0, False),
    (torch.float32, 1e-5, 0.0, True),
):
    net = Program().network.to(dtype)
    before = [p.clone() for p in net.parameters()]
    F.cross_entropy(net(train_set.inputs[:50].to(dtype)), train_set.targets[:50]).backward()
    if lr == 0.5:
        for p in net.parameters():
            p.grad.zero_()
    torch.optim.SGD(net.parameters(), lr=lr, weight_decay=decay).step()
    for p, old in zip(net.parameters(), before, strict=True):
        assert torch.equal(p, old) != changes
# The best constant answer to a squared error is the mean, and its loss is the variance.
targets = torch.randn(100)
for constant in (targets.mean(), targets.mean() + 0.1, targets.mean() - 0.1, targets.median()):
    loss = F.mse_loss(constant.expand(100), targets)
    assert loss >= targets.var(correction=0) - 1e-6
torch.testing.assert_close(
    F.mse_loss(targets.mean().expand(100), targets), targets.var(correction=0)
)
# An untrained network of other sizes guesses, too.
for classes in (2, 10, 1000):
    for hidden in (16, 256):
        net = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, classes))
        loss = F.cross_entropy(net(torch.rand(500, 64)), torch.randint(classes, (500,)))
        assert abs(loss - torch.tensor(float(classes)).log()) < 0.3

# %%
# Check yourself
# --------------

ask(
    "A new classifier of 1000 classes has not been trained. About what does cross_entropy give?",
    answer=round(F.cross_entropy(torch.zeros(1, 1000), torch.tensor([0])).item(), 2),
    choices={
        2.3: "That is the logarithm of 10.",
        6.91: "The logarithm of 1000: each class has a probability of about one thousandth.",
        999.0: "The loss counts no wrong classes. It is minus the logarithm of one probability.",
    },
)

# %%
# The next question is about the picture at the top.

unseen = ~found[:, :3].any(dim=(1, 2))
only_last = [m for m, one in zip(MISTAKES, unseen, strict=True) if one and m != "no mistake"]
ask(
    "The first loss is right, each parameter moves, and one batch is learned by heart. The whole training stays at the "
    "loss of a guess. Which of these do you look at first?",
    answer={"labels shuffled": "the labels"}[only_last[0]],
    choices={
        "the learning rate": "The same rate learned one batch by heart.",
        "the labels": "Wrong labels can be learned by heart, but they say nothing about other images.",
        "the loss function": "With softmax before the loss, for instance, one batch is not learned by heart.",
    },
)

# %%
# **Exercise.** A network that ignores its input can still learn how frequent each class is. Return the cross-entropy
# that it reaches, :math:`-\sum_k f_k \log f_k` with the frequencies :math:`f_k`. A loss that stays there has learned
# nothing from the input. Classes without an example add 0.


def by_loop(labels, classes):
    total = torch.zeros(())
    for k in range(classes):
        part = (labels == k).float().mean()
        if part > 0:
            total = total - part * part.log()
    return total


cases = [
    (torch.tensor([0, 1, 0, 1]), 2),
    (torch.tensor([0, 0, 0, 1]), 3),
    (train_set.targets, 10),
]


def loss_to_beat(labels, classes):
    raise NotImplementedError


check(loss_to_beat, by_loop, cases)

# %%
# ``bincount`` counts the classes. ``xlogy`` is :math:`x \log y`, and 0 where :math:`x` is 0.

# Solution


def loss_to_beat(labels, classes):
    parts = labels.bincount(minlength=classes) / len(labels)
    return -torch.special.xlogy(parts, parts).sum()


report = check(loss_to_beat, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`the-loss-is-nan`, a loss that is not a number any more.
#
# - Karpathy (2019). `A recipe for training neural networks <https://karpathy.github.io/2019/04/25/recipe/>`__. The
#   first loss, one batch by heart, and much more, in the order in which he does them.
# - Goodfellow, Bengio and Courville (2016). `Deep Learning
#   <https://www.deeplearningbook.org/contents/guidelines.html>`__. Its section on debugging strategies.

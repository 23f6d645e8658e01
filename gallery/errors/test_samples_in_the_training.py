"""
.. _test-samples-in-the-training:

Accuracy too good to be true? Data leakage from the test set
============================================================

Something of the test samples has reached the training: features were chosen before the split, or copies of one sample
are in both parts. Split first, by person or by time, and see that the program fails on random labels.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

images = digits("all").inputs.flatten(1)


def score(x, y, train, test, hidden=0, epochs=50):
    """Train on some rows of ``x``, and return the accuracy on others."""
    torch.manual_seed(0)
    layers = [nn.Linear(x.shape[1], hidden), nn.ReLU()] if hidden else []
    model = nn.Sequential(*layers, nn.Linear(hidden or x.shape[1], 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02, fused=True)
    for _ in range(epochs):
        loss = F.cross_entropy(model(x[train]), y[train])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return (model(x[test]).argmax(dim=1) == y[test]).float().mean().item()


def choose(x, y, first):
    """Keep the 20 of 2000 features that differ most between the classes."""
    train, test = torch.arange(60), torch.arange(60, 100)
    rows = train if first == "split" else torch.arange(100)
    gap = x[rows][y[rows] == 1].mean(dim=0) - x[rows][y[rows] == 0].mean(dim=0)
    return score(x[:, gap.abs().topk(20).indices], y, train, test)


def recognize(x, y, person, by_person, seed=0):
    """Learn from four fifths of the samples, or of the persons."""
    generator = torch.Generator().manual_seed(seed)
    if by_person:
        held_out = torch.isin(person, torch.randperm(60, generator=generator)[:12])
    else:
        held_out = torch.randperm(300, generator=generator) < 60
    return score(x, y, ~held_out, held_out, hidden=64)


def forecast(series, by_time, ahead=30, width=16):
    """Tell from 16 steps whether a series will be higher after 30 more."""
    x = series.unfold(0, width, 1)[:-ahead]
    y = (series[width - 1 + ahead :] > series[width - 1 : -ahead]).long()
    n = len(x)
    if by_time:
        train, test = torch.arange(3 * n // 4 - width - ahead), torch.arange(3 * n // 4, n)
    else:
        order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
        train, test = order[n // 4 :], order[: n // 4]
    return score((x - x[train].mean()) / x[train].std(), y, train, test, hidden=64, epochs=100)


def scale(x, y, first):
    train, test = torch.arange(60), torch.arange(60, 100)
    rows = train if first == "split" else torch.arange(100)
    return score((x - x[rows].mean(dim=0)) / x[rows].std(dim=0), y, train, test)


leaks = {
    name: ([], [])
    for name in ("features chosen first", "persons in both", "windows overlap", "scaled first")
}
for seed in range(6):
    torch.manual_seed(seed)
    noise, labels = torch.randn(100, 2000), torch.randint(2, (100,))
    faces = images[torch.randperm(len(images))[:60]].repeat_interleave(5, dim=0)
    faces, person = faces + 0.1 * torch.randn(300, 64), torch.arange(60).repeat_interleave(5)
    walk, of_person = torch.randn(600).cumsum(dim=0), torch.randint(2, (60,))
    for right, order in ((0, "all"), (1, "split")):
        by = bool(right)
        leaks["features chosen first"][right].append(choose(noise, labels, order))
        leaks["persons in both"][right].append(
            recognize(faces, of_person[person], person, by, seed)
        )
        leaks["windows overlap"][right].append(forecast(walk, by))
        leaks["scaled first"][right].append(scale(noise[:, :20].exp(), labels, order))


def draw_leaks():
    figure, axis = plt.subplots(figsize=(5.8, 2.5), layout="constrained")
    for row, (wrong, right) in enumerate(leaks.values()):
        for values, color, shift in ((wrong, "C1", -0.12), (right, "C0", 0.12)):
            axis.plot([100 * v for v in values], [row + shift] * 6, "o", color=color, alpha=0.6)
    axis.plot([], [], "C1o", label="with the leak")
    axis.plot([], [], "C0o", label="split first")
    axis.axvline(50, color="gray", linestyle=":")
    axis.set_yticks(range(len(leaks)), leaks)
    axis.set(xlabel="test accuracy in %, six draws", xlim=(0, 100))
    axis.invert_yaxis()
    axis.legend(fontsize="small", loc="lower left")
    figure.suptitle("There is nothing to learn, and three leaks score far above 50 %")
    plt.show()


# %%

# Varies with the processor: six draws each.
draw_leaks()

# %%
# The labels are drawn at random, or are the future of a random walk, so an honest test gives about 50 % on average.
# Three of the four mistakes give much more, and raise nothing. The blue dots scatter, because the test sets are small,
# and neighboring windows have nearly the same label.
#
# .. longer: 5 screens — each cause has a cell of its own
#
# ====================================================================  =============================================
# What reached the training                                             Fix
# ====================================================================  =============================================
# :ref:`features chosen, or scaled, with all samples <leak-choose>`     choose and scale on the training part
# :ref:`several samples of one person, or copies <leak-groups>`         split by person, then augment
# :ref:`overlapping windows of a series <leak-time>`                    split by time, with a gap
# :ref:`a column that knows the answer <leak-test>`                     leave it out
# :ref:`the same file twice <leak-duplicates>`                          find it with ``torch.cdist``
# :ref:`the best of many models on the test set <leak-many>`            a validation set
# ====================================================================  =============================================
#
# .. _leak-choose:
#
# The rule
# --------
#
# Divide the data first, and treat the test part as if it did not exist yet. Of 2000 columns of noise, the 20 that
# differ most between the classes were chosen with the help of the test labels. So they fit these, too. Scaling uses no
# labels. In this example its leak changes no visible result.

# Varies with the processor: six draws each.
for name in ("features chosen first", "scaled first"):
    for label, values in zip(("all samples", "split first"), leaks[name], strict=True):
        print(f"{name:<22}{label:<12} {100 * sum(values) / 6:.0f} % on average")
assert noise.shape == (100, 2000)
assert noise[:, :20].shape == (100, 20)

# %%
# .. _leak-groups:
#
# One person in both parts
# ------------------------
#
# Five noisy pictures of one digit stand for five visits of one patient. The network remembers who had which label. A
# random split of the *rows* puts most patients into both parts. Augmented copies that are made before the split are
# such visits, too. Draw persons, and check that no person is in both parts.

torch.manual_seed(0)
by_row = torch.randperm(300) < 60
by_person = torch.isin(person, torch.randperm(60)[:12])
for name, held_out in {"by row": by_row, "by person": by_person}.items():
    both = set(person[held_out].tolist()) & set(person[~held_out].tolist())
    print(f"{name:<10} {held_out.sum()} rows in the test, {len(both)} persons in both parts")
    assert (len(both) == 0) == (name == "by person")

# %%
# .. _leak-time:
#
# Windows of one series
# ---------------------
#
# Windows that begin one step apart share all values but one. After a random split most test windows have neighbors in
# the training. Cut the series once, and leave a gap as long as a window and its forecast. The series above is a random
# walk, whose steps cannot be foreseen.

train_first = torch.arange(3 * 555 // 4 - 16 - 30)  # 555 windows of 16 values, 30 steps ahead
assert len(walk.unfold(0, 16, 1)[:-30]) == 555
last_used, first_tested = train_first[-1] + 16 - 1 + 30, 3 * 555 // 4
print(f"last value of the training {last_used}, first of the test {first_tested}")
assert last_used < first_tested

# %%
# .. _leak-duplicates:
#
# Duplicates
# ----------
#
# Look for the nearest training sample of each test sample. A distance of 0 is an exact copy. A file that was saved
# again differs a little, so look at the smallest distances, too. The default way of calculating can give a small number
# for a copy, so the cell sets ``compute_mode``.

tested, others = images[:200], torch.cat([images[200:], images[50:53]])  # three came in twice
nearest = torch.cdist(tested, others, compute_mode="donot_use_mm_for_euclid_dist").min(dim=1)
print("duplicates of the test samples", (nearest.values == 0).nonzero().flatten().tolist())
assert (nearest.values == 0).sum() == 3

# %%
# .. _leak-test:
#
# A test of three lines
# ---------------------
#
# Give your program random labels: one for each person, or for each sample where these are independent. Include the
# split and what comes before. Chance is 0.5 for two classes. The mean of ten honest trainings stayed below 0.65.
#
# The test does not find a column that was made of the *true* labels, such as a treatment. Train on each column alone,
# and ask whether the columns that score too well are known before the answer.


def test_random_labels_are_not_learned(program, person, times):
    labels = torch.randint(2, (times, int(person.max()) + 1))
    scores = [program(row[person]) for row in labels]
    assert sum(scores) / times < 0.65, f"accuracy {sum(scores) / times:.2f} on random labels"


torch.manual_seed(0)
test_random_labels_are_not_learned(lambda y: choose(noise, y, "split"), torch.arange(100), times=10)
test_random_labels_are_not_learned(lambda y: recognize(faces, y, person, True), person, times=10)
for leaky, who in [
    (lambda y: choose(noise, y, "all"), torch.arange(100)),
    (lambda y: recognize(faces, y, person, False), person),
]:
    with expect_error(AssertionError, match="on random labels"):
        test_random_labels_are_not_learned(leaky, who, times=10)

# %%
# .. use-this::
#
#    Split before everything else: by person, place or time, by what makes new data new. Choose features, compute means
#    and augment on the training part. Run the program on random labels before you believe a good score. This costs
#    a few trainings, and a series loses the data of the gap. Independent samples may be split at random.
#
# .. _leak-many:
#
# A common mistake
# ----------------
#
# **The best of many on the test set.** Choosing a seed, an epoch or a setting by the test score is a leak, too. Here
# the best of :val:`50 <len(guesses)>` guesses at :val:`40 <len(truth)>` random labels looks like a model. Choose on a
# validation set, and test once.

torch.manual_seed(0)
truth, guesses = torch.randint(2, (40,)), torch.randint(2, (50, 40))
accuracies = (guesses == truth).float().mean(dim=1)
print(f"mean {accuracies.mean():.2f}, best of 50 {accuracies.max():.2f}")
assert accuracies.max() > 0.6 > 0.55 > accuracies.mean()

# %%
# How this was checked

means = {name: [sum(values) / 6 for values in pair] for name, pair in leaks.items()}
for name, (wrong, right) in means.items():
    assert 0.3 < right < 0.62
    assert (wrong > 0.65) == (name != "scaled first")
assert abs(means["scaled first"][0] - means["scaled first"][1]) < 0.05
assert min(leaks["features chosen first"][0]) > 0.7
assert min(leaks["persons in both"][0]) > 0.7
# The default way of calculating distances gives other numbers than 0 for copies.
copies = torch.rand(500, 64)
assert (torch.cdist(copies, copies).diagonal() > 0).any()
exact = torch.cdist(copies, copies, compute_mode="donot_use_mm_for_euclid_dist")
assert (exact.diagonal() == 0).all()
# A column of the true labels: perfect with them, and not found by the test.
torch.manual_seed(0)
true, rows = torch.randint(2, (100,)), (torch.arange(60), torch.arange(60, 100))
with_answer = torch.cat([noise[:, :5], true[:, None].float()], dim=1)
assert score(with_answer, true, *rows) > 0.9
test_random_labels_are_not_learned(
    lambda y: score(with_answer, y, *rows), torch.arange(100), times=10
)
alone = [score(with_answer[:, [column]], true, *rows) for column in range(6)]
assert max(alone[:5]) < 0.8 < 0.99 < alone[5]
# The test passes for the honest program with other labels, and fails for the leak.
for seed in range(3):
    torch.manual_seed(seed)
    test_random_labels_are_not_learned(
        lambda y: choose(noise, y, "split"), torch.arange(100), times=10
    )
    with expect_error(AssertionError, match="on random labels"):
        test_random_labels_are_not_learned(
            lambda y: choose(noise, y, "all"), torch.arange(100), times=10
        )
# Most persons of the test rows are in the training, too.
assert len(set(person[by_row].tolist()) & set(person[~by_row].tolist())) > 30
# The three that came in twice are the ones that are found, and the digits have no other duplicates across these parts.
assert (nearest.values == 0).nonzero().flatten().tolist() == [50, 51, 52]
assert (torch.cdist(tested, images[200:], compute_mode="donot_use_mm_for_euclid_dist") > 0).all()

# %%
# Check yourself
# --------------
#
# The first question is about patients.

torch.manual_seed(0)
who = torch.arange(10).repeat_interleave(20)
held = torch.randperm(200) < 40
ask(
    "10 patients came 20 times each. 40 of the 200 visits are drawn at random for the test. How many patients are in "
    "both parts?",
    answer=len(set(who[held].tolist()) & set(who[~held].tolist())),
    choices={
        0: "They would be if 2 patients had been drawn instead of 40 visits.",
        2: "40 visits are as many as two patients have, but the visits were drawn, not the patients.",
        10: "Each patient has visits in the test and many more in the training.",
    },
)

# %%
# The next question is about a series.


def shares(gap):
    """Return whether a training window has a value from 81 on."""
    windows = torch.arange(81 - gap).unsqueeze(1) + torch.arange(10)
    return bool((windows >= 81).any())


ask(
    "Windows of 10 values begin at each step of a series. The test windows begin at value 81 and later. How many "
    "windows before 81 must the training leave out, at least, so that it shares no value with them?",
    answer=next(gap for gap in (0, 1, 9) if not shares(gap)),
    choices={
        0: "The window that begins at 80 ends at 89.",
        1: "The window that begins at 79 ends at 88.",
        9: "The window that begins at 71 ends at 80.",
    },
)

# %%
# **Exercise.** Return a mask of the rows for the test: those of the persons whose number is among ``chosen``.


def by_loops(person, chosen):
    return torch.tensor([one in chosen.tolist() for one in person.tolist()])


cases = [
    (torch.tensor([0, 0, 1, 1, 2]), torch.tensor([1])),
    (torch.tensor([4, 7, 4, 9, 7, 7]), torch.tensor([7, 9])),
    (torch.tensor([3, 3, 5]), torch.tensor([], dtype=torch.int64)),
]


def rows_of(person, chosen):
    raise NotImplementedError


check(rows_of, by_loops, cases, without=["isin"])

# %%
# Compare each row with each chosen number.

# Solution


def rows_of(person, chosen):
    return (person[:, None] == chosen).any(dim=1)


report = check(rows_of, by_loops, cases, without=["isin"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`the-best-weights-were-not-kept`, another score that does not belong to the model.
#
# - Kapoor and Narayanan (2022). `Leakage and the reproducibility crisis in ML-based science
#   <https://arxiv.org/abs/2207.07048>`__. Leaks in published work, sorted by kind.
# - scikit-learn developers (2026). `Common pitfalls <https://scikit-learn.org/stable/common_pitfalls.html>`__. The
#   choice of features on random data.

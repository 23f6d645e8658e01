"""
.. _inputs-that-are-not-scaled:

Why does my model not learn? The inputs are not normalized
==========================================================

Features of unequal units, or raw pixels, make the steps of training too large for some weights. Subtract the mean of
the training set, divide by its standard deviation, and use the same numbers in the evaluation.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.transforms import ToTensor, v2

from ptguide.data import TensorData, batches, digits, wine
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

train, test = (
    wine(split, standardize=False) for split in ("train", "test")
)  # 13 features, 3 growers
mean, std = train.inputs.mean(dim=0), train.inputs.std(dim=0)


def scaled(x):
    return (x - mean) / std


def as_it_is(x):
    return x


def by_itself(x):
    return (x - x.mean(dim=0)) / x.std(dim=0)


def fit(x, y, seed, optimizer=torch.optim.SGD, lr=0.1, epochs=30):
    """Train a network on all rows of ``x``, in batches of 40."""
    torch.manual_seed(seed)
    x = x.flatten(1)
    model = nn.Sequential(nn.Linear(x.shape[1], 16), nn.ReLU(), nn.Linear(16, 10))
    optimizer = optimizer(model.parameters(), lr=lr)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(40):
            loss = F.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


@torch.no_grad()
def accuracy(model, parts):
    """Return the accuracy in %, with the answers of several batches."""
    right = [(model(x.flatten(1)).argmax(dim=1) == y).float() for x, y in parts]
    return 100 * torch.cat(right).mean().item()


def spread(values):
    return f"{min(values):.0f} to {max(values):.0f} %"


models = [fit(scaled(train.inputs), train.targets, seed) for seed in range(5)]
raw_models = [fit(train.inputs, train.targets, seed) for seed in range(5)]
whole = [(test.inputs, test.targets)]
by_grower = test.targets.argsort(stable=True).split(6)  # most batches are of one grower
at_random = torch.randperm(len(test), generator=torch.Generator().manual_seed(0)).split(6)
small, mixed = (
    [(test.inputs[rows], test.targets[rows]) for rows in order] for order in (by_grower, at_random)
)


def measured(models, change, parts):
    return [accuracy(model, [(change(x), y) for x, y in parts]) for model in models]


found = {
    "scaled alike": measured(models, scaled, whole),
    "not scaled": measured(raw_models, as_it_is, whole),
    "scaled in training, not in test": measured(models, as_it_is, whole),
    "sorted test batches, each by itself": measured(models, by_itself, small),
}
commonest = 100 * test.targets.bincount().max().item() / len(test)


def draw_accuracies():
    figure, axis = plt.subplots(figsize=(5.8, 2.2), layout="constrained")
    for row, values in enumerate(found.values()):
        axis.plot(values, [row] * len(values), "o", color="C0" if row == 0 else "C1", alpha=0.6)
    axis.axvline(commonest, color="gray", linestyle=":", label="the commonest class")
    axis.set_yticks(range(len(found)), found)
    axis.margins(y=0.15)
    axis.set(xlabel="test accuracy in %, five trainings each", xlim=(0, 100))
    axis.invert_yaxis()
    axis.legend(fontsize="small", loc="center right")
    figure.suptitle("Not scaled alike: hardly better than the commonest class")
    plt.show()


# %%

# Varies with the processor: five trainings.
draw_accuracies()

# %%
# A network learns from 13 measurements which of three growers made a wine. With scaled features it is right about most
# of the test wines. Without scaling, it gives the commonest grower for each of them. Nothing was raised.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ====================================================================  =============================================
# What you see                                                          Fix
# ====================================================================  =============================================
# :ref:`one answer for each input <scaled-features>`                    ``scaled``: mean and std of the training set
# :ref:`pixels of 0 to 255 <scaled-pixels>`                             ``v2.ToDtype`` with ``scale=True``
# :ref:`good in training, bad in evaluation <scaled-elsewhere>`         the same ``mean`` and ``std`` in both
# :ref:`other answers in another batch <scaled-elsewhere>`              the same
# ====================================================================  =============================================
#
# .. _scaled-features:
#
# The rule
# --------
#
# Scale each feature by itself: :math:`z = (x - \mu_{\mathrm{train}}) / \sigma_{\mathrm{train}}`. For one sample, the
# gradient of a weight in the first layer is proportional to the feature that it multiplies. The feature ``proline`` is
# about a thousand times as large as ``hue``, and so are the steps of its weights. After training on raw features, the
# hidden units are 0 for each wine of the training set. The output is then the last bias, so these wines get the same
# answer.

# Varies with the processor: the trainings from above.
hue, proline = (train.features.index(name) for name in ("hue", "proline"))
for place in (hue, proline):
    print(f"{train.features[place]:<8} mean {mean[place]:6.1f}  std {std[place]:6.1f}")
assert 500 < mean[proline] / mean[hue] < 2000
for name, runs, x in [("scaled", models, scaled(train.inputs)), ("raw", raw_models, train.inputs)]:
    alive = [model[:2](x).gt(0).any(dim=0).sum().item() for model in runs]
    print(f"{name}: hidden units above 0 for a training wine, of 16: {alive}")
    assert (min(alive) > 8) if name == "scaled" else (max(alive) == 0)
torch.testing.assert_close(scaled(train.inputs).mean(dim=0), torch.zeros(13), atol=1e-4, rtol=0)
torch.testing.assert_close(scaled(train.inputs).std(dim=0), torch.ones(13))

# %%
# .. _scaled-pixels:
#
# Pixels of 0 to 255
# ------------------
#
# The same happens to images, for instance after ``float()``. Both transforms below divide by 255 in one case and not
# in the other. ``ToTensor`` scales an array of :val:`uint8 <pixels.dtype>` and leaves floats as they are.
# ``v2.ToDtype`` scales if you ask for it.

pixels = (digits("train").inputs * 255).to(torch.uint8)
image = next(x for x in pixels if x.max() == 255).permute(1, 2, 0).numpy()  # channels last
print(
    "uint8:", ToTensor()(image).max().item(), " float:", ToTensor()(image.astype("f")).max().item()
)
to_float = {flag: v2.ToDtype(torch.float32, scale=flag)(pixels) for flag in (False, True)}
print(
    {flag: x.max().item() for flag, x in to_float.items()}, "float():", pixels.float().max().item()
)

# %%
# A network with one hidden layer learns the digits from the scaled pixels. From pixels up to 255, the same optimizer
# and learning rate give the accuracy of a guess.

# Varies with the processor: three trainings each.
y, held_out = digits("train").targets, digits("test")
for flag, x in to_float.items():
    factor = 1 if flag else 255
    parts = [(held_out.inputs * factor, held_out.targets)]
    scores = [accuracy(fit(x, y, seed, epochs=8), parts) for seed in range(3)]
    print(f"pixels up to {x.max():<6} {spread(scores)}")
    assert (min(scores) > 80) if flag else (max(scores) < 20)

# %%
# .. _scaled-elsewhere:
#
# Scaled in another way in the evaluation
# ---------------------------------------
#
# Save the mean and the standard deviation with the model. If they come from the batch at hand, an answer depends on the
# other samples in it. The accuracy is lowest where the batches hold one class each. A batch of one has no standard
# deviation. The numbers of the whole test set are close to the right ones here. But they use test data, and a single
# new sample has no standard deviation.

# Varies with the processor: the same five trainings.
print("by the training set ", spread(found["scaled alike"]))
print("by the test set     ", spread(measured(models, by_itself, whole)))
print("by batches of six   ", spread(measured(models, by_itself, mixed)))
print("by sorted batches   ", spread(found["sorted test batches, each by itself"]))
with expect_warning(UserWarning, match="degrees of freedom"):
    assert by_itself(test.inputs[:1]).isnan().all()

# %%
# A test of four lines
# --------------------
#
# Compare one batch of 32 samples of each loader. A batch's mean varies a little, so the limits are wide. The test finds
# a division or a mean that was forgotten for the large features. It does not find a mistake in one small feature.


def test_loaders_are_scaled_alike(train_loader, test_loader):
    one, two = (next(iter(loader))[0] for loader in (train_loader, test_loader))
    assert max(one.std(), two.std()) < 5, f"not scaled: std {one.std():.1f} and {two.std():.1f}"
    assert (one.mean() - two.mean()).abs() < one.std() / 2, "the means differ"
    assert 0.5 < one.std() / two.std() < 2, "the standard deviations differ"


torch.manual_seed(0)
right = batches(TensorData(scaled(train.inputs), train.targets), 32, shuffle=True)
same = batches(TensorData(scaled(test.inputs), test.targets), 32)
test_loaders_are_scaled_alike(right, same)
for wrong in (right, batches(train, 32, shuffle=True)):
    with expect_error(AssertionError, match="not scaled"):
        test_loaders_are_scaled_alike(wrong, batches(test, 32))

# %%
# .. use-this::
#
#    Compute mean and standard deviation once, on the training set, for each feature or for each channel of images. Use
#    them in the training, the evaluation and the program that serves the model, and save them with the weights. For a
#    pretrained model take the numbers of its authors. Pixels between 0 and 1 were enough above. The price is one pass
#    over the training set.
#
# A common mistake
# ----------------
#
# **Another learning rate or optimizer instead.** ``Adam`` divides each gradient by an average of its size, and does
# learn from the raw features, but less well. With ``SGD``, a thousandth of the learning rate helps the raw features a
# little. It is then too small for the scaled ones.

# Varies with the processor: five trainings each.
for optimizer, lr in [(torch.optim.SGD, 1e-4), (torch.optim.Adam, 0.01)]:
    kinds = {}
    for change in (as_it_is, scaled):
        fits = [fit(change(train.inputs), train.targets, s, optimizer, lr) for s in range(5)]
        kinds[change.__name__] = measured(fits, change, whole)
    print(
        f"{optimizer.__name__:<5}{lr:<5g}", {name: spread(values) for name, values in kinds.items()}
    )

# %%
# How this was checked

assert min(found["scaled alike"]) > 85
for name in list(found)[1:]:
    assert max(found[name]) < commonest + 8
assert 40 < commonest < 42
for model in raw_models:
    assert model(test.inputs).argmax(dim=1).unique().tolist() == [test.targets.bincount().argmax()]
adam = kinds  # the last of the loop
assert sum(adam["scaled"]) / 5 > sum(adam["as_it_is"]) / 5 + 5
assert min(adam["as_it_is"]) > commonest + 10
# The four maxima of the two transforms.
assert ToTensor()(image).max() == 1
assert ToTensor()(image.astype("f")).max() == 255
assert to_float[False].max() == 255
assert to_float[True].max() == 1
# A network gives nan for nan.
with torch.no_grad():
    assert models[0](torch.full((1, 13), torch.nan)).isnan().all()
# The test finds a factor of 255 in the images, too, and lets other seeds of the right loader pass.
gray = TensorData(held_out.inputs, held_out.targets)
large = TensorData(held_out.inputs * 255, held_out.targets)
with expect_error(AssertionError, match="not scaled"):
    test_loaders_are_scaled_alike(batches(gray, 32), batches(large, 32))
unshifted = TensorData(test.inputs / std, test.targets)
with expect_error(AssertionError, match="the means differ"):
    test_loaders_are_scaled_alike(right, batches(unshifted, 32))
for seed in range(20):
    torch.manual_seed(seed)
    test_loaders_are_scaled_alike(right, same)
# It does not see that one feature, hue, was forgotten.
forgotten = scaled(test.inputs)
forgotten[:, hue] = test.inputs[:, hue]
test_loaders_are_scaled_alike(right, batches(TensorData(forgotten, test.targets), 32))
# Both halves of the rule are needed: without the mean, or without the division, the network learns little.
for change in (lambda x: x / std, lambda x: x - mean):
    half = [fit(change(train.inputs), train.targets, seed) for seed in range(3)]
    assert max(measured(half, change, whole)) < 60
# Batches of six in mixed order are better than sorted ones, and worse than the numbers of the training set.
averages = [sum(measured(models, by_itself, parts)) for parts in (small, mixed)]
assert averages[0] + 100 < averages[1] < sum(found["scaled alike"])

# %%
# Check yourself
# --------------
#
# The first question is about floats.

value = ToTensor()(torch.full((2, 3, 1), 51.0).numpy()).max().item()
ask(
    "An image is a NumPy array of floats with the value 51.0 everywhere. What is the maximum after ToTensor()?",
    answer=round(value, 1),
    choices={
        0.2: "51 / 255 would be 0.2, but ToTensor scales arrays of bytes, and this one holds floats.",
        1.0: "ToTensor does not divide by the maximum.",
        51.0: "Floats stay as they are, so the network sees pixels of 0 to 255.",
    },
)

# %%
# The next question is about new data.

fresh = scaled(train.inputs + 2 * std)
ask(
    "In a new country each measurement is larger by two standard deviations. The inputs are scaled with the numbers of "
    "the training set. What is the mean of the scaled inputs there?",
    answer=round(fresh.mean().item(), 1),
    choices={
        0.0: "It would be with the numbers of the new data, and then the model could not see that they changed.",
        1.0: "One is the standard deviation.",
        2.0: "The shift stays visible, in units of the training set.",
    },
)

# %%
# **Exercise.** Scale the rows of ``new`` by the mean and the standard deviation of the rows of ``old``. A feature that
# is constant in ``old`` is divided by 1.

torch.manual_seed(0)
cases = [
    (torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([[3.0], [7.0]])),
    (torch.randn(6, 3) * 10 + 5, torch.randn(4, 3)),
    (torch.tensor([[1.0, 0.1], [5.0, 0.1]] * 5), torch.tensor([[3.0, 4.0]])),
]


def by_loops(old, new):
    columns = []
    for before, now in zip(old.T, new.T, strict=True):
        width = before.std() if before.max() > before.min() else torch.tensor(1.0)
        columns.append(torch.stack([(value - before.mean()) / width for value in now]))
    return torch.stack(columns, dim=1)


def scale(old, new):
    raise NotImplementedError


check(scale, by_loops, cases)

# %%
# ``torch.where`` replaces the standard deviation of a constant feature, because rounding can make it a tiny number.

# Solution


def scale(old, new):
    constant = old.amax(dim=0) == old.amin(dim=0)
    width = torch.where(constant, 1.0, old.std(dim=0))
    return (new - old.mean(dim=0)) / width


report = check(scale, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`reshape-instead-of-permute`, another way to spoil the inputs.
#
# - LeCun, Bottou, Orr and Müller (1998). `Efficient BackProp <http://yann.lecun.com/exdb/publis/pdf/lecun-98b.pdf>`__.
#   Why inputs should have mean 0 and similar variances.
# - PyTorch contributors (2026). `ToDtype
#   <https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.v2.ToDtype.html>`__. The reference.

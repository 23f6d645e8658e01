"""
.. _mixed-table:

How do I train a network on a table with categories and numbers?
================================================================

A price is a number, a city is a name, and a network reads numbers. Give each city a vector that the network learns,
bring the numbers to one scale, and put both side by side.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional as F

from ptguide.devices import pick_device
from ptguide.errors import expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

device = pick_device()
CITIES = "Bern Rome Oslo Graz Lyon Cork Gent Turku Porto Gdynia Malaga Bruges Varna Pecs".split()
LEVELS = dict(zip(CITIES, np.linspace(3, 12, len(CITIES)).round(1).tolist(), strict=True))
HEATING = {"gas": -0.5, "oil": -1.0, "heat pump": 1.0, "district": 0.5}
NUMBERS, CATEGORIES = ["price", "area", "year"], ["city", "heating"]


def make_flats(n, cities, seed):
    """Invent flats. One sells soon if it is cheap for its city and its area; the price is in thousands."""
    rng = np.random.default_rng(seed)
    city, heating = rng.choice(cities, n), rng.choice(list(HEATING), n)
    area = rng.uniform(25, 150, n)
    cheap = rng.normal(0, 0.35, n)  # how much the logarithm of the price is below that of the city
    price = np.array([LEVELS[one] for one in city]) * area * np.exp(-cheap)
    chance = 1 / (1 + np.exp(-6 * cheap - 0.6 * np.array([HEATING[one] for one in heating])))
    soon = rng.uniform(size=n) < chance
    columns = {"price": price, "area": area, "year": rng.integers(1900, 2025, n)}
    return pd.DataFrame(columns | {"city": city, "heating": heating, "soon": soon.astype(int)})


known, new_cities = CITIES[:5] + CITIES[6:10] + CITIES[11:], [CITIES[5], CITIES[10]]
train_flats, test_flats = make_flats(3000, known, 0), make_flats(1000, known, 1)
elsewhere = make_flats(1000, new_cities, 2)  # flats in cities that the training does not have

mean, std = train_flats[NUMBERS].mean(), train_flats[NUMBERS].std()
lists = {name: sorted(train_flats[name].unique()) for name in CATEGORIES}


def numbers_of(flats):
    """Return the numbers, standardized as in training, shape (N, 3)."""
    return torch.tensor(((flats[NUMBERS] - mean) / std).to_numpy(dtype="float32"))


def categories_of(flats):
    """Return the place of each category in its list, from 1; 0 is unknown; shape (N, 2)."""
    columns = [pd.Index(lists[name]).get_indexer(flats[name]) + 1 for name in CATEGORIES]
    return torch.tensor(np.stack(columns, axis=1))


class MixedNetwork(nn.Module):
    """Vectors for two categories, beside three numbers, and one hidden layer."""

    def __init__(self, sizes=(1, 2), numbers=3, hidden=32):
        super().__init__()
        self.tables = nn.ModuleList(
            nn.Embedding(len(lists[name]) + 1, size)
            for name, size in zip(CATEGORIES, sizes, strict=True)
        )
        self.hidden = nn.Linear(numbers + sum(sizes), hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, numbers, categories):
        vectors = [table(categories[:, column]) for column, table in enumerate(self.tables)]
        x = torch.cat([numbers, *vectors], dim=1)  # (B, 3 + 1 + 2)
        return self.out(self.hidden(x).relu()).squeeze(1)  # (B,): the logit of a quick sale


def train(seed, hide=0.0, numbers=None, epochs=12):
    """Train; ``hide`` is the part of the categories that each step replaces by 0, unknown."""
    torch.manual_seed(seed)
    model = MixedNetwork().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    numbers = numbers_of(train_flats) if numbers is None else numbers
    categories = categories_of(train_flats)
    targets = torch.tensor(train_flats["soon"].to_numpy(dtype="float32"))
    steps = epochs * len(targets) // 100
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=steps)
    for _ in range(epochs):
        for rows in torch.randperm(len(targets)).split(100):
            some = categories[rows]
            some = some.where(torch.rand(some.shape) >= hide, 0)
            logits = model(numbers[rows].to(device), some.to(device))
            loss = F.binary_cross_entropy_with_logits(logits, targets[rows].to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()


@torch.no_grad()
def accuracy(model, flats, numbers=None):
    numbers = numbers_of(flats) if numbers is None else numbers
    logits = model(numbers.to(device), categories_of(flats).to(device)).cpu()
    return ((logits > 0) == torch.tensor(flats["soon"].to_numpy() == 1)).float().mean().item()


networks = [train(seed) for seed in range(3)]


@torch.no_grad()
def loss_of(model, flats, numbers=None):
    numbers = numbers_of(flats) if numbers is None else numbers
    logits = model(numbers.to(device), categories_of(flats).to(device)).cpu()
    targets = torch.tensor(flats["soon"].to_numpy(dtype="float32"))
    return F.binary_cross_entropy_with_logits(logits, targets).item()


levels = torch.tensor([LEVELS[city] for city in lists["city"]])


def draw_cities(model):
    learned = model.tables[0].weight[1:, 0].detach().cpu()
    _, axis = plt.subplots(figsize=(7, 2.6), layout="constrained")
    axis.scatter(levels, learned, color="#1f5fa8")
    for city, level, value in zip(lists["city"], levels.tolist(), learned.tolist(), strict=True):
        axis.annotate(city, (level, value), xytext=(5, 3), textcoords="offset points", fontsize=8)
    axis.set(xlabel="price level in the invented rule (thousands per m²)", ylabel="learned number")
    axis.margins(y=0.2)
    axis.set_xlim(levels.min().item() - 0.3, levels.max().item() + 1)
    axis.set_title("The number that each city got follows its price level", fontsize=10)
    plt.show()


# %%

# Varies with the processor: a training amplifies how it rounds.
draw_cities(networks[0])
learned = networks[0].tables[0].weight[1:, 0].detach().cpu()
assert torch.corrcoef(torch.stack([learned, levels.log()]))[0, 1] < -0.9

# %%
# A table of invented flats says whether each was sold soon, which is likelier where it is cheap for its city. No column
# holds the price level of a city. The network learned one number for each city. Here it falls as the level rises. From
# another seed it can rise, or follow less closely. You need to know :ref:`embedding` and :ref:`bce-with-logits`.
#
# .. longer: 6 screens — numbers, categories, the comparison and unknown cities have a cell each
#
# The rule
# --------
#
# For a batch of B rows, the input of the first layer is the F standardized numbers (B, F). Beside them is one vector
# for each column of categories, :math:`(B, d_1)` and :math:`(B, d_2)`. Each of these columns has its own table of
# vectors. Looking up rows of such a table gives the same as multiplying one-hot columns by it, without the products
# with 0.

model = networks[0]
numbers, categories = numbers_of(test_flats).to(device), categories_of(test_flats).to(device)
parts = [numbers, *(table(categories[:, c]) for c, table in enumerate(model.tables))]
x = torch.cat(parts, dim=1)
torch.testing.assert_close(model.out(model.hidden(x).relu()).squeeze(1), model(numbers, categories))
for c, table in enumerate(model.tables):
    hot = F.one_hot(categories[:, c], table.num_embeddings).float()
    torch.testing.assert_close(hot @ table.weight, table(categories[:, c]))
print(test_flats.head(2).round(1).to_string(), "\n")
for name, part in zip(["numbers", *CATEGORIES, "together"], [*parts, x], strict=True):
    print(f"{name:<9} {tuple(part.shape)}")

# %%
# Numbers: one scale, from the training
# -------------------------------------
#
# Subtract the mean of each column and divide by its standard deviation, both of the *training* rows. Raw years and
# prices are mostly in the hundreds and thousands. So the first logits are large, and the loss before training is far
# above :math:`\ln 2`, about :val:`0.7 <torch.tensor(2.0).log()>`, the loss of guessing. The training has to repair this
# first.

# Varies with the processor: a training amplifies how it rounds.
raw, raw_test = (
    torch.tensor(flats[NUMBERS].to_numpy(dtype="float32")) for flats in (train_flats, test_flats)
)
scaled = [accuracy(one, test_flats) for one in networks]
for seed in range(3):
    torch.manual_seed(seed)
    fresh = MixedNetwork().to(device)
    losses = [loss_of(fresh, test_flats, numbers) for numbers in (raw_test, None)]
    after = accuracy(train(seed, numbers=raw), test_flats, raw_test)
    print(f"raw: loss {losses[0]:6.1f} before training, accuracy {after:.1%} after it")
    print(f"standardized: {losses[1]:.1f} before, {scaled[seed]:.1%} after")
    assert losses[0] > 5 * losses[1]
    assert losses[1] < 0.9

# %%
# Does the network pay?
# ---------------------
#
# Compare with one-hot columns and logistic regression, which adds up a part for each column: it cannot say "cheap for
# this city". Boosted trees can, and on many tables they are hard to beat. And a person who knows prices takes
# logarithms: then the rule is a sum, and the linear model needs no network.


def one_hot(flats, log=False):
    numbers = numbers_of(flats)
    if log:
        numbers = torch.tensor(np.log(flats[NUMBERS].to_numpy(dtype="float64")))
    columns = categories_of(flats).unbind(1)
    hot = [F.one_hot(c, len(lists[n]) + 1) for c, n in zip(columns, CATEGORIES, strict=True)]
    return torch.cat([numbers, *hot], dim=1).double().numpy()


# Varies with the processor: a training amplifies how it rounds.
results = {"embeddings, three seeds": scaled}
linear = LogisticRegression(C=100, max_iter=5000)
for name, classifier, log in (
    ("logistic regression", linear, False),
    ("the same, of logarithms", linear, True),
    ("boosted trees", HistGradientBoostingClassifier(random_state=0), False),
):
    classifier.fit(one_hot(train_flats, log), train_flats["soon"])
    results[name] = [classifier.score(one_hot(test_flats, log), test_flats["soon"])]
for name, some in results.items():
    print(f"{name:<25}", *(f"{one:.1%}" for one in some))
assert min(scaled) > results["logistic regression"][0] + 0.02

# %%
# A category that was not in training
# -----------------------------------
#
# Row 0 is kept for unknown cities. But in training no flat has the number 0. So row 0 stays as it was drawn, and new
# cities get a random number. Replace a tenth of the categories by 0 in each step: then row 0 learns what to say without
# the city. Compare the loss in cities that the training does not have.

# Varies with the processor: a training amplifies how it rounds.
hidden = [train(seed, hide=0.1) for seed in range(3)]
for name, some in {"row 0 as drawn": networks, "row 0 trained": hidden}.items():
    new = " ".join(f"{loss_of(one, elsewhere):.2f}" for one in some)
    known_ones = " ".join(f"{loss_of(one, test_flats):.2f}" for one in some)
    print(f"{name:<15} loss in new cities {new}   in known ones {known_ones}")
for seed, (one, other) in enumerate(zip(networks, hidden, strict=True)):
    torch.manual_seed(seed)
    start = MixedNetwork().tables[0].weight[0]
    assert torch.equal(one.tables[0].weight[0].cpu(), start)
    assert not torch.equal(other.tables[0].weight[0].cpu(), start)
    assert loss_of(other, elsewhere) < 0.69

# %%
# .. use-this::
#
#    Begin with boosted trees and a logistic regression as the measure. A network can pay where there are many rows or
#    many categories, or where texts or images come with the table. Give each column of categories its own
#    ``nn.Embedding``, with a row for each category and row 0 for unknown ones. Begin with vectors of at most half as
#    many numbers as there are categories. Standardize numbers by the training rows, and take logarithms of prices. Fill
#    :ref:`missing numbers <pandas-and-back>`. Save lists, means and deviations, too.
#
# A common mistake
# ----------------
#
# **New rows are standardized by themselves.** One flat has no spread, so its numbers become NaN. A batch of cheap
# flats gets the mean of a batch of usual ones, so that nobody sees that they are cheap. Keep the mean and the deviation
# of the training.

cheap = test_flats[test_flats["price"] < test_flats["price"].median()]
own = torch.tensor(cheap[NUMBERS].to_numpy(dtype="float32"))
one_flat = own[:1]
with expect_warning(UserWarning, match="degrees of freedom is <= 0"):
    alone = (one_flat - one_flat.mean(dim=0)) / one_flat.std(dim=0)
print("one flat by itself:", alone.tolist())
assert alone.isnan().all()
own = (own - own.mean(dim=0)) / own.std(dim=0)
print(
    f"mean price, by itself: {own[:, 0].mean().abs():.2f}, as in training: {numbers_of(cheap)[:, 0].mean():.2f}"
)
assert own[:, 0].mean().abs() < 1e-4
assert numbers_of(cheap)[:, 0].mean() < -0.3

# %%
# How this was checked

# The standardized training rows have mean 0 and deviation 1, and those of the test nearly.
torch.testing.assert_close(numbers_of(train_flats).mean(dim=0), torch.zeros(3), rtol=0, atol=1e-4)
torch.testing.assert_close(numbers_of(train_flats).std(dim=0), torch.ones(3), rtol=1e-4, atol=1e-4)
assert (numbers_of(test_flats).mean(dim=0).abs() < 0.1).all()
# With the deviations of the cheap flats alone, the network makes more mistakes on them.
for one in networks:
    assert accuracy(one, cheap, own) < accuracy(one, cheap) - 0.03
# The numbers of the cities follow the logarithms of the levels in each of the three. From seed 4 they rise.
for one, up in zip([*networks, train(4)], (False, False, False, True), strict=True):
    learned = one.tables[0].weight[1:, 0].detach().cpu()
    follows = torch.corrcoef(torch.stack([learned, levels.log()]))[0, 1]
    assert follows.abs() > 0.9
    assert (follows > 0) == up
# Categories, by dictionaries.
for flats in (train_flats, test_flats, elsewhere):
    found = categories_of(flats)
    for column, name in enumerate(CATEGORIES):
        place = {one: number for number, one in enumerate(lists[name], start=1)}
        assert found[:, column].tolist() == [place.get(one, 0) for one in flats[name]]
assert (categories_of(elsewhere)[:, 0] == 0).all()
assert (categories_of(train_flats) > 0).all()
# The classes are about equally frequent, so guessing is right in about half of the rows.
for flats in (train_flats, test_flats, elsewhere):
    assert 0.45 < flats["soon"].mean() < 0.55
# No flat stands in both tables.
assert not set(train_flats["price"]) & set(test_flats["price"])
# Row 0 as drawn: with twenty draws for each network the loss elsewhere is larger, in the mean, than with a trained one.
# Known cities are answered about as well.
generator = torch.Generator().manual_seed(0)
for one, other in zip(networks, hidden, strict=True):
    row = one.tables[0].weight.detach()[0]
    before, drawn = row.clone(), []
    for _ in range(20):
        row.copy_(torch.randn(1, generator=generator))
        drawn.append(loss_of(one, elsewhere))
    row.copy_(before)
    assert sum(drawn) / 20 > loss_of(other, elsewhere) + 0.05
    assert abs(accuracy(one, test_flats) - accuracy(other, test_flats)) < 0.04

# %%
# Check yourself
# --------------

tables = [nn.Embedding(13, 3), nn.Embedding(5, 2)]
assert [one.num_embeddings - 1 for one in tables] == [12, 4]  # and row 0
joined = torch.cat([torch.zeros(7, 4), *(one(torch.zeros(7).long()) for one in tables)], dim=1)
ask(
    f"A table has 4 columns of numbers, a category with {tables[0].num_embeddings - 1} values and one with "
    f"{tables[1].num_embeddings - 1}. The embeddings are "
    "nn.Embedding(13, 3) and nn.Embedding(5, 2). How many inputs has the first layer?",
    answer=joined.shape[1],
    choices={
        6: "There are six columns, but a category brings as many inputs as its vectors are long.",
        9: f"4 numbers, and vectors of length {tables[0].embedding_dim} and {tables[1].embedding_dim}.",
        22: "That is 4 + 13 + 5, the width with one-hot columns.",
    },
)

# %%
# The next question is about row 0.

table = nn.Embedding(4, 2)
before = table.weight.detach().clone()
optimizer = torch.optim.SGD(table.parameters(), lr=0.1)
table(torch.tensor([1, 2, 3, 3])).sum().backward()
optimizer.step()
ask(
    "nn.Embedding(4, 2) is trained on the ids 1, 2 and 3. Is row 0 what it was before?",
    answer=torch.equal(table.weight[0], before[0]),
    choices={
        True: "No id was 0, so its gradient is zero, and the vector stays random.",
        False: "Only rows whose ids come get a gradient. (Weight decay would shrink the row.)",
    },
)

# %%
# **Exercise.** Standardize new rows by the training. ``train`` has shape (N, F), ``new`` shape (M, F). A column that is
# constant in training has no spread; divide it by 1. Return shape (M, F).


def by_loops(train, new):
    result = torch.empty_like(new)
    for column in range(train.shape[1]):
        values = train[:, column].tolist()
        mean = sum(values) / len(values)
        spread = (sum((v - mean) ** 2 for v in values) / (len(values) - 1)) ** 0.5
        result[:, column] = (new[:, column] - mean) / (spread if max(values) > min(values) else 1)
    return result


generator = torch.Generator().manual_seed(0)
cases = [
    (torch.tensor([[1.0], [3.0]]), torch.tensor([[2.0]])),
    (torch.tensor([[1.0, 0.1], [3.0, 0.1]] * 5), torch.tensor([[4.0, 6.0]])),
    (torch.randn(20, 3, generator=generator) * 9, torch.randn(4, 3, generator=generator)),
]


def standardize(train, new):
    raise NotImplementedError


check(standardize, by_loops, cases)

# %%
# Rounding can give a constant column a tiny deviation, so compare its largest value with its smallest.

# Solution


def standardize(train, new):
    spread = train.std(dim=0).where(train.amax(dim=0) > train.amin(dim=0), 1.0)
    return (new - train.mean(dim=0)) / spread


report = check(standardize, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`check-the-installation` is the first page on tools around PyTorch.
#
# - Guo and Berkhahn (2016). `Entity embeddings of categorical variables <https://arxiv.org/abs/1604.06737>`__. Vectors
#   for the categories of a table.
# - Grinsztajn, Oyallon and Varoquaux (2022). `Why do tree-based models still outperform deep learning on tabular data?
#   <https://arxiv.org/abs/2207.08815>`__. A comparison on many tables.
# - Gorishniy, Rubachev, Khrulkov and Babenko (2021). `Revisiting deep learning models for tabular data
#   <https://arxiv.org/abs/2106.11959>`__. What a plain network reaches on tables.

"""
.. _pandas-and-back:

How do I turn a pandas DataFrame into a tensor, and back?
=========================================================

You have read a table with pandas, and PyTorch refuses some of its columns. A tensor holds numbers of one data type, so
texts, dates and missing values have to become numbers first.
"""

# %%
# Set-up

import numpy as np
import pandas as pd
import torch

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

torch.set_warn_always(True)  # otherwise torch gives some warnings once in a process
flats = pd.DataFrame(
    {
        "rooms": [2, 3, 4, 1, 5, 3],
        "area": [50.5, 70.0, None, 34.0, 120.0, 66.5],
        "balcony": [True, False, True, False, True, True],
        "city": ["Bern", "Rome", "Bern", None, "Oslo", "Rome"],
        "sold": pd.to_datetime(
            ["2025-03-03", "2025-03-08", "2025-04-01", None, "2025-05-05", "2025-07-20"]
        ),
    }
)


def outcome(column):
    """Return the dtype of the tensor, or the error."""
    try:
        return str(torch.tensor(column.to_numpy()).dtype)
    except TypeError as error:
        return f"TypeError: {str(error).split('.The')[0].split('. The')[0]}"


# %%

print(flats.head(4))
print()
for name in flats:
    print(f"{name:<8} {flats[name].dtype!s:<15} {outcome(flats[name])}")

# %%
# These are four of six invented flats. The lines below them show what ``torch.tensor(column.to_numpy())`` makes of each
# column. These columns of numbers and of truth values become tensors. Text and dates raise an error. You need to know
# :ref:`numpy-and-back`.
#
# .. longer: 6 screens — numbers, missing values, categories and dates each need a cell
#
# The rule
# --------
#
# ``to_numpy`` makes one array of a table with N rows and F columns, of shape (N, F). It has one dtype, into which these
# columns fit. Where numbers are beside truth values or text, or ``float64`` beside the ``Int64`` of pandas, this is
# ``object``. It is a dtype for arbitrary Python objects, and PyTorch has no such dtype.
#
# .. not looked up: float64 — a claim in "How this was checked"

for names in (["rooms"], ["rooms", "area"], ["rooms", "balcony"], ["rooms", "city"]):
    print(f"{names!s:<22} {flats[names].to_numpy().dtype}")
with expect_error(TypeError, match="can't convert np.ndarray of type numpy.object_"):
    torch.tensor(flats[["rooms", "balcony"]].to_numpy())
with expect_error(ValueError, match="could not determine the shape of object type 'DataFrame'"):
    torch.tensor(flats)

# %%
# Columns of numbers
# ------------------
#
# Name the columns, and ask for the dtype of your network: ``dtype="float32"``. Truth values become 0 and 1, and missing
# numbers NaN. Keep the list of names. The tensor knows no names, so a table with another order of columns is read
# wrongly, without an error.

numbers = ["rooms", "area", "balcony"]
x = torch.tensor(flats[numbers].to_numpy(dtype="float32"))  # (N, F)
print(x[:3])
later = flats[["area", "balcony", "rooms"]]  # the same columns in another order
by_position = torch.tensor(later.to_numpy(dtype="float32"))
by_name = torch.tensor(later[numbers].to_numpy(dtype="float32"))
print("first flat by position:", by_position[0].tolist())
print("first flat by name:    ", by_name[0].tolist())
torch.testing.assert_close(by_name, x, equal_nan=True)
assert not torch.equal(by_position[0], x[0])

# %%
# Missing values
# --------------
#
# One NaN in a batch makes its loss NaN, and the next step makes weights NaN. A simple way is to put the mean of the
# column there, and to mark in a new column where the value was missing. Compute the mean from the training rows alone.

missing = x.isnan()  # (N, F)
mean = x[:4].nanmean(dim=0)  # the first four rows are for training
filled = torch.where(missing, mean, x)
x_all = torch.cat([filled, missing[:, 1:2].float()], dim=1)  # (N, F + 1), 1 where area is missing
print(x_all[:3])
assert x.mean().isnan()
assert x_all.isfinite().all()
torch.testing.assert_close(x_all[2, 1].item(), (50.5 + 70.0 + 34.0) / 3)

# %%
# Categories
# ----------
#
# Give each category a number, and use the number as a row of :ref:`nn.Embedding <embedding>` or as the class of
# :ref:`one-hot`. ``get_indexer`` returns -1 for a missing or an unknown category. Add 1, and row 0 is for these. Keep
# the list: the numbers of another list mean other cities.

cities = pd.Index(sorted(flats["city"].dropna().unique()))
numbered = torch.tensor(cities.get_indexer(flats["city"]) + 1)  # (N,), int64
print(list(cities), "become", numbered.tolist())
new = torch.tensor(cities.get_indexer(pd.Series(["Rome", "Paris"])) + 1)
print("Rome and Paris, later:", new.tolist())
assert numbered.dtype == torch.int64
assert cities.get_indexer(["Paris"]).tolist() == [-1]
assert new.tolist() == [3, 0]

# %%
# Dates
# -----
#
# A network can use how long ago something was, and where in the week or the year. Subtract a fixed day, and take the
# days as a number. ``day_of_week`` gives 0 for Monday and 6 for Sunday, the day before: treat it as a category. A
# missing date becomes NaN here. As integers, dates count a unit of the dtype, here ``us``, microseconds. Float32 is too
# coarse for such numbers, and a missing date becomes the smallest integer of this type.

days = (flats["sold"] - pd.Timestamp("2025-01-01")).dt.days
dates = pd.DataFrame({"days": days, "weekday": flats["sold"].dt.day_of_week})
names = ["days", "weekday"]
features = torch.tensor(dates[names].to_numpy(dtype="float32"))  # (N, F)
print(features.T)
as_integers = torch.tensor(flats["sold"].to_numpy().view("int64"))
print(f"as integers ({flats['sold'].dtype}):", as_integers[:4].tolist())
assert as_integers[3] == torch.iinfo(torch.int64).min
assert features[3].isnan().all()
second_later = as_integers + 10**6  # microseconds
assert torch.equal(as_integers.float(), second_later.float())

# %%
# .. use-this::
#
#    Take ``torch.tensor(df[names].to_numpy(dtype="float32"))`` for numbers, and ``categories.get_indexer(df[name])``
#    plus one for a category. Save ``names`` and ``categories`` beside the model. The tensor is a copy, with four bytes
#    for each number. Take ``torch.from_numpy`` where memory is short, and do not write into the tensor then. In
#    :val:`float32 <features.dtype>`, whole numbers are exact up to :val:`int(2 / torch.finfo(torch.float32).eps)`, so
#    treat a larger number, such as that of an order, as a category.
#
# What is shared with the table?
# ------------------------------
#
# The array of one column of NumPy's numbers, in its own dtype, is a view of the table. Pandas :val:`pd.__version__`
# marks it as read-only. ``from_numpy`` warns and shares it, so a write into the tensor changes the table.
# ``torch.tensor`` copies.

prices = pd.DataFrame({"price": [3.0, 4.0]})
with expect_warning(UserWarning, match="The given NumPy array is not writable"):
    shared = torch.from_numpy(prices["price"].to_numpy())
copied = torch.tensor(prices["price"].to_numpy())
shared[0] = 99
copied[1] = -1
print(prices["price"].tolist())
assert prices["price"].tolist() == [99, 4]

# %%
# A common mistake
# ----------------
#
# The way back is ``pd.DataFrame(x.numpy(), columns=names)``, after ``detach().cpu()`` where it is needed. Suppose that
# you have dropped rows, and write predictions into those that are left. pandas places a ``Series`` by its *index*, so
# predictions land in wrong rows or are lost. Give the index of the table, or an array, which goes by position.

kept = flats[flats["rooms"] > 2].copy()  # its index is 1, 2, 4, 5
prediction = torch.tensor([10.0, 20.0, 30.0, 40.0])
kept["wrong"] = pd.Series(prediction.numpy())
kept["right"] = pd.Series(prediction.numpy(), index=kept.index)
print(kept[["rooms", "wrong", "right"]])
assert kept["wrong"].isna().sum() == 2
assert kept["right"].tolist() == prediction.tolist()

# %%
# How this was checked

# One dtype for all columns: what a table of two columns becomes.
examples = {
    "int": [1, 2],
    "float": [0.5, 1.5],
    "bool": [True, False],
    "text": ["a", "b"],
    "date": pd.to_datetime(["2025-01-01", "2025-01-02"]),
}
for first in examples:
    for second in examples:
        table = pd.DataFrame({"first": examples[first], "second": examples[second]})
        pair = {first, second}
        expected_object = "text" in pair or (len(pair) == 2 and bool(pair & {"bool", "date"}))
        assert (table.to_numpy().dtype == object) == expected_object, pair
        if not pair & {"text", "date"}:
            made = torch.tensor(table.to_numpy(dtype="float32"))
            assert made.shape == (2, 2)
            assert made.dtype == torch.float32
            assert made[:, 0].tolist() == [float(value) for value in examples[first]]
assert x.nbytes == 4 * x.numel()
# float32 holds whole numbers up to 2 ** 24, and not the next one.
large = pd.Series([16_777_215, 16_777_216, 16_777_217])
assert (large.to_numpy(dtype="float32").astype("int64") == large).tolist() == [True, True, False]
# One NaN in a batch, and the gradients, so the weights after a step, are NaN.
layer = torch.nn.Linear(3, 1)
layer(x).square().mean().backward()
torch.optim.SGD(layer.parameters(), lr=0.1).step()
assert layer.bias.isnan().all()
assert layer.weight.isnan().all()
# The columns by a loop.
for row in range(len(flats)):
    for column, name in enumerate(numbers):
        value = float(flats[name].iloc[row])
        torch.testing.assert_close(x[row, column].item(), value, equal_nan=True)
# The numbers of the categories, by a dictionary; missing and unknown ones are 0.
number_of = {city: number for number, city in enumerate(cities, start=1)}
for some in (flats["city"], pd.Series(["Oslo", None, "Paris", "Bern"])):
    by_hand = [number_of.get(city, 0) if isinstance(city, str) else 0 for city in some]
    assert (cities.get_indexer(some) + 1).tolist() == by_hand
# The codes of pandas agree where the list is that of the same table.
codes = flats["city"].astype("category").cat.codes
assert (codes.to_numpy() + 1).tolist() == numbered.tolist()
# But another table has another list, and gives Rome another number.
other = pd.Series(["Rome", "Paris"]).astype("category")
assert (other.cat.codes + 1).tolist() == [2, 1]
# Dates, by Python's own calendar.
for row, date in enumerate(flats["sold"]):
    if not pd.isna(date):
        assert features[row].tolist() == [(date - pd.Timestamp(2025, 1, 1)).days, date.weekday()]
# The column of pandas' own integers with a missing value, alone and beside another.
whole = pd.Series([1, None, 3], dtype="Int64")
made = torch.tensor(whole.to_numpy(dtype="float32", na_value=np.nan))
assert made.isnan().tolist() == [False, True, False]
beside = pd.DataFrame({"whole": whole, "half": [0.5, 1.5, 2.5]})
assert beside.to_numpy().dtype == object
assert beside.to_numpy(dtype="float32")[0].tolist() == [1.0, 0.5]
with expect_error(ValueError, match="cannot convert to 'int64'-dtype NumPy array with missing"):
    whole.to_numpy(dtype="int64")
# A column, or a table of one dtype, is shared and read-only; a table of several is a copy.
for table in (prices, pd.DataFrame(np.ones((3, 2))), pd.DataFrame({"a": [1.0], "b": [2.0]})):
    for column in table:
        assert not table[column].to_numpy().flags.writeable
        assert np.shares_memory(table[column].to_numpy(), table.to_numpy())
        assert not np.shares_memory(table[column].to_numpy(), table.to_numpy(copy=True))
assert pd.Series([3, 4], dtype="Int64").to_numpy().flags.writeable  # not so in the types of pandas
mixed = flats[["rooms", "area"]].to_numpy()
assert mixed.flags.writeable
assert not np.shares_memory(mixed, flats["area"].to_numpy())
# Back: the values, the names and the index; the table is a copy of the tensor.
some = torch.arange(6.0).reshape(2, 3)
table = pd.DataFrame(some.numpy(), columns=list("abc"), index=[7, 9])
some[0, 0] = 50
assert table.loc[7].tolist() == [0, 1, 2]
assert table.dtypes.tolist() == [np.float32] * 3
with expect_error(RuntimeError, match="Can't call numpy"):
    pd.DataFrame(some.requires_grad_().numpy())
# A Series with an index that does not begin at 0 is refused by torch.tensor; its array is not.
with expect_error(ValueError, match="could not determine the shape of object type 'Series'"):
    torch.tensor(flats["rooms"].iloc[2:])
assert torch.tensor(flats["rooms"].iloc[2:].to_numpy()).tolist() == [4, 1, 5, 3]
# An array goes by position.
kept["array"] = prediction.numpy()
assert kept["array"].tolist() == prediction.tolist()

# %%
# Check yourself
# --------------

pair = pd.DataFrame({"age": [30, 40], "member": [True, False]})
ask(
    "df has a column of integers and one of truth values. What does torch.tensor(df.to_numpy()) do?",
    answer=lambda: torch.tensor(pair.to_numpy()),
    choices={
        TypeError: "The common dtype of the two columns is object. Ask for dtype='float32'.",
        ValueError: "torch.tensor(df), without to_numpy, raises this.",
        (
            (30, 1),
            (40, 0),
        ): "NumPy would convert the truth values, but pandas makes an array of objects.",
    },
)

# %%
# The next question is about categories.

later = pd.Series(["Rome", "Bern"]).astype("category").cat.codes + 1
ask(
    "Bern, Oslo and Rome had the numbers 1, 2 and 3 in training. A new table holds Rome and Bern, and you number it by "
    "astype('category').cat.codes + 1. What is the number of Rome?",
    answer=int(later.iloc[0]),
    choices={
        1: "The categories are sorted, and Bern comes first.",
        2: "The new list is Bern, Rome, so Rome is taken for Oslo. Use the list of the training.",
        3: "That is the number in the list of the training, which the new table does not know.",
    },
)

# %%
# **Exercise.** Turn a table into inputs. ``df`` has the columns ``names``, with numbers and missing values. Return a
# tensor of shape (N, 2 F), floats: first the columns, with 0 at missing values, and then for each column 1 where a
# value was missing and 0 elsewhere.


def by_loops(df, names):
    rows = []
    for place in range(len(df)):
        values = [float(df[name].iloc[place]) for name in names]
        rows.append([0.0 if v != v else v for v in values] + [float(v != v) for v in values])
    return torch.tensor(rows)


cases = [
    (pd.DataFrame({"a": [1.0, None]}), ["a"]),
    (pd.DataFrame({"a": [1, 2, 3], "b": [0.5, None, 2.5]}), ["b", "a"]),
    (flats, ["rooms", "area", "balcony"]),
]


def with_flags(df, names):
    raise NotImplementedError


check(with_flags, by_loops, cases)

# %%
# ``nan_to_num`` would also replace infinite values, so ``where`` says better what is meant.

# Solution


def with_flags(df, names):
    x = torch.tensor(df[names].to_numpy(dtype="float32"))
    return torch.cat([x.where(~x.isnan(), 0.0), x.isnan().float()], dim=1)


report = check(with_flags, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`in-place-or-new` compares operations that write with those that do not.
#
# - pandas developers (2026). `Copy-on-Write <https://pandas.pydata.org/docs/user_guide/copy_on_write.html>`__. Why
#   arrays of a table are read-only.
# - McKinney (2010). `Data structures for statistical computing in Python
#   <https://doi.org/10.25080/Majora-92bf1922-00a>`__. Where the table with an index came from.
# - PyTorch contributors (2026). `torch.tensor
#   <https://docs.pytorch.org/docs/stable/generated/torch.tensor.html>`__. The reference of the function that copies.

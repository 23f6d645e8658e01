"""
.. _numpy-object-:

TypeError: can't convert np.ndarray of type numpy.object\\_
==============================================================

Your NumPy array holds Python objects instead of numbers: a text, ``None``, or lists of different lengths. Find them,
and convert each column to a type of numbers with ``astype``.
"""

# %%
# Set-up

import datetime
import decimal

import numpy as np
import torch
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)

# As read from a file: age, height in meters, city.
people = np.array(
    [
        [63, "1.75", "Oslo"],
        [41, None, "Lima"],
        [58, "1.68", "Oslo"],
        [35, "1.81", "Bari"],
        [29, "1.59", "Lima"],
    ],
    dtype=object,
)

# %%

print(people[:2])
with expect_error(TypeError, match="can't convert np.ndarray of type numpy.object_"):
    torch.from_numpy(people)

# %%
# A tensor holds numbers of one type. NumPy uses the type ``object`` where it has no better one, as for ``None``. A
# table of pandas becomes such an array if a column holds names, or if it has both numbers and booleans, as from
# ``get_dummies``. (This was run by hand, with pandas 3.1.1.) Texts, dates and lists have messages of their own.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ========================================================================  ==========================================
# The message says                                                          Fix
# ========================================================================  ==========================================
# :ref:`numpy.object_: None, a table of pandas <object-columns>`            ``column.astype(np.float32)``
# :ref:`numpy.object_: lists of different lengths <object-ragged>`          ``pad_sequence``
# :ref:`numpy.str_: texts <object-texts>`                                   ``np.unique(..., return_inverse=True)``
# :ref:`numpy.datetime64 <object-dates>`                                    days since a day that you choose
# :ref:`expected sequence of length 3 at dim 1 (got 2) <object-ragged>`     ``pad_sequence``
# :ref:`setting an array element with a sequence <object-ragged>`           ``pad_sequence``
# :ref:`too many dimensions 'str' <object-words>`                           a number for each word
# :ref:`Could not infer dtype of NoneType <object-words>`                   ``float("nan")``, or leave it out
# ========================================================================  ==========================================
#
# The rule
# --------
#
# Torch refuses an array whose dtype is not in the list of the message. To find the odd column, print which types of
# Python are in each. A column of numbers should have one type. Here the heights are texts, and one is missing.

for name, column in zip(("age", "height", "city"), people.T, strict=True):
    print(f"{name:7}{sorted({type(entry).__name__ for entry in column})}")

# %%
# .. _object-columns:
#
# numpy.object\_: convert column by column
# ----------------------------------------
#
# ``astype`` converts numbers, truth values and texts that spell numbers. It stops at a text that spells something
# else, and names it. ``to_numpy(dtype=np.float32)`` converts a whole table of pandas without texts (run by hand).
#
# .. not looked up: to_numpy(dtype=np.float32) — pandas is not installed where this page is made

ages = torch.from_numpy(people[:, 0].astype(np.float32))
heights = torch.from_numpy(people[:, 1].astype(np.float32))
print(ages, heights, sep="\n")
with expect_error(ValueError, match="could not convert string to float: 'Oslo'"):
    people[:, 2].astype(np.float32)

# %%
# .. _object-texts:
#
# numpy.str\_: give each text a number
# ------------------------------------
#
# A city is a class, not a quantity, so number the cities. ``return_inverse`` gives for each row the place of its city
# in the sorted list. The size of such a number means nothing, so give it to an embedding or to
# :func:`torch.nn.functional.one_hot`.

cities = people[:, 2].astype(str)
with expect_error(TypeError, match="np.ndarray of type numpy.str_"):
    torch.from_numpy(cities)
names, places = np.unique(cities, return_inverse=True)
codes = torch.from_numpy(places)
print(names, codes)
assert F.one_hot(codes).shape == (5, 3)

# %%
# .. _object-dates:
#
# numpy.datetime64: count from a day
# ----------------------------------
#
# A difference of dates divided by one day is a number. Subtract a day near your data. Seconds since 1970 are too large
# for :val:`float32 <now.dtype>`, whose steps there are :val:`128 <step.item()>` seconds.

dates = np.array(["2026-03-02", "2026-03-09", "2027-01-04"], dtype="datetime64[D]")
with expect_error(TypeError, match="np.ndarray of type numpy.datetime64"):
    torch.from_numpy(dates)
days = torch.from_numpy((dates - dates[0]) / np.timedelta64(1, "D"))
print(days)
seconds = (dates[0] - np.datetime64("1970-01-01")) / np.timedelta64(1, "s")
now = torch.tensor(seconds, dtype=torch.float32)
step = torch.nextafter(now, torch.tensor(float("inf"))) - now

# %%
# .. _object-ragged:
#
# Rows of different lengths
# -------------------------
#
# Sentences have different numbers of words, and a tensor has rows of one length. For lists, torch names the axis: at
# ``dim 1`` it expected the length of the first row. As an array of objects, the lists give the message of this page.
# Fill the shorter rows up with a number that means no word, and keep the lengths for a mask.

sentences = [[5, 2, 9], [7, 4], [8, 3, 1, 6]]
with expect_error(ValueError, match=r"expected sequence of length 3 at dim 1 \(got 2\)"):
    torch.tensor(sentences)
with expect_error(ValueError, match="setting an array element with a sequence"):
    np.array(sentences)
with expect_error(TypeError, match="numpy.object_"):
    torch.from_numpy(np.array(sentences, dtype=object))
padded = pad_sequence([torch.tensor(s) for s in sentences], batch_first=True, padding_value=0)
lengths = torch.tensor([len(s) for s in sentences])
print(padded)
assert (padded != 0).sum(dim=1).equal(lengths)

# %%
# .. _object-words:
#
# Lists of Python: words, None, other objects
# -------------------------------------------
#
# ``torch.tensor`` of a list has other messages. It takes a text for a sequence of letters, so it counts one axis too
# many. For ``None`` and other objects it names the class. Write NaN, *not a number*, for a number that is missing.

with expect_error(ValueError, match="too many dimensions 'str'"):
    torch.tensor(["Oslo", "Lima"])
with expect_error(TypeError, match=r"new\(\): invalid data type 'str'"):
    torch.tensor([1.75, "1.68"])
for entry in (None, datetime.date(2026, 3, 2), decimal.Decimal("1.75")):
    with expect_error(RuntimeError, match="Could not infer dtype of"):
        torch.tensor([1.75, entry])
assert torch.tensor([1.75, float("nan")]).isnan().sum() == 1
number = {"Lima": 0, "Oslo": 1}
assert torch.tensor([number[word] for word in ["Oslo", "Lima"]]).tolist() == [1, 0]

# %%
# .. use-this::
#
#    Make a tensor column by column, with ``astype`` for quantities and ``np.unique`` for names. Keep the list of names,
#    because new data need the same numbers. Pad rows of different lengths in the ``collate_fn`` of the loader, batch by
#    batch. Padding costs memory and time: above, it fills :val:`3 <int((padded == 0).sum())>` of
#    :val:`12 <padded.numel()>` places. ``astype`` makes a copy.
#
# A common mistake
# ----------------
#
# ``astype(np.float32)`` silences the message, and ``None`` becomes NaN. One of these five heights is missing, so their
# mean is NaN. A squared error would be NaN, too. Look for NaN after each conversion. Then leave the row out, or fill in
# the mean of the others. See :ref:`nan-and-infinity`.

print(heights.mean(), heights.isnan().sum())
known = heights[heights.isfinite()]
print(f"{known.mean():.4f} of {len(known)}")
filled = torch.where(heights.isnan(), known.mean(), heights)
assert filled.isfinite().all()
torch.testing.assert_close(filled.mean(), known.mean())

# %%
# How this was checked

# Each type that the message lists is taken, and no other of these. The list is about types alone: another order of
# bytes, or an array that is read backwards, is refused in other words.
for array, message in {
    "np.ones(3, '>f4')": "byte order different from the native byte order",
    "np.ones(3)[::-1]": "At least one stride in the given numpy array is negative",
}.items():
    with expect_error(ValueError, match=message):
        torch.from_numpy(eval(array))
message = ""
try:
    torch.from_numpy(people)
except TypeError as error:
    message = str(error)
listed = message.partition("types are: ")[2].replace("and ", "").rstrip(".").split(", ")
for name in listed:
    assert torch.from_numpy(np.ones(3, dtype=name)).tolist() == [1, 1, 1]
assert len(listed) == 14
for other in ("object", "str", "bytes", "datetime64[D]", "timedelta64[s]", "longdouble", "i4,f4"):
    array = np.zeros(3, dtype=other)
    if array.dtype.name not in listed:
        for make in (torch.from_numpy, torch.tensor, torch.as_tensor):
            with expect_error(TypeError, match="can't convert np.ndarray of type numpy"):
                make(array)
# An array of objects is refused also if each entry is a number.
for entries in ([1, 2, 3], [True, False], [1.5]):
    array = np.array(entries, dtype=object)
    with expect_error(TypeError, match="numpy.object_"):
        torch.tensor(array)
    assert torch.from_numpy(array.astype(np.float32)).tolist() == entries
# What NumPy makes of mixed entries: text beside numbers is text, truth values become numbers; None and numbers that are
# too large for it are objects.
assert np.array([1, "2", 3.5]).dtype.kind == "U"
assert np.array([True, 1.5]).dtype == np.float64
for entries in ([1, None], ["Oslo", None], [2**70]):
    assert np.array(entries).dtype == object
# None becomes NaN as a float, and is refused as a whole number.
with expect_error(TypeError, match="int\\(\\) argument must be .* not 'NoneType'"):
    np.array([1, None]).astype(np.int64)
assert np.array([True, 1.5, "2"], dtype=object).astype(np.float32).tolist() == [1, 1.5, 2]
# A text that uses a comma, and one with spaces.
with expect_error(ValueError, match="could not convert string to float: '1,75'"):
    np.array(["1,75"], dtype=object).astype(np.float32)
assert np.array([" 1.75 "], dtype=object).astype(np.float32)[0] == np.float32(1.75)
# More shapes of lists that are no table.
for ragged, message in [
    ([[1, 2], [4, 5, 6]], r"length 2 at dim 1 \(got 3\)"),
    ([[[1], [2]], [[3], [4, 5]]], r"length 1 at dim 2 \(got 2\)"),
    ([[1, 2], 3], "not a sequence"),
    ([1, [2, 3]], "'list' object cannot be interpreted as an integer"),
]:
    with expect_error((ValueError, TypeError), match=message):
        torch.tensor(ragged)
# astype does not help with lists.
with expect_error(ValueError, match="setting an array element with a sequence"):
    np.array(sentences, dtype=object).astype(np.float32)
# A label that is missing among the names, and the order of the names.
assert names.tolist() == ["Bari", "Lima", "Oslo"]
assert names[codes].tolist() == cities.tolist()
# A sequence of tensors in an array.
with expect_error(ValueError, match="setting an array element with a sequence"):
    np.zeros(3)[0] = np.ones(2)
# A squared error with one NaN is NaN.
assert F.mse_loss(heights, torch.ones(5)).isnan()
assert int((padded == 0).sum()) + int(lengths.sum()) == padded.numel() == 12

# %%
# Check yourself
# --------------


def outcome(make, data):
    try:
        return tuple(make(data).shape)
    except (TypeError, ValueError) as error:
        return str(error).partition(" (")[0]


ask(
    "What does torch.tensor([[1, 2], [3, 4], [5]]) give?",
    answer=outcome(torch.tensor, [[1, 2], [3, 4], [5]]),
    choices={
        (3, 2): "The last row has one number, and torch.tensor fills nothing up.",
        "expected sequence of length 2 at dim 1": "The rows differ in length. Pad them first.",
        "too many dimensions 'str'": "That is for texts, and these are numbers.",
    },
)

# %%
# The next question asks about a conversion.

converted = torch.from_numpy(np.array(["3", None, "5"], dtype=object).astype(np.float32))
ask(
    'A column of objects holds "3", None and "5". What is the second number after astype(np.float32)?',
    answer=str(converted[1].item()),
    choices={
        "0.0": "A missing entry is not counted as zero.",
        "nan": "None becomes NaN without a message, so look for it.",
        "5.0": "Nothing is left out, so the places stay.",
    },
)

# %%
# **Exercise.** Write the padding yourself. ``rows`` is a list of lists of whole numbers. Return a tensor of int64 with
# one row for each, and zeros behind the shorter ones.


def pad(rows):
    raise NotImplementedError


def by_loops(rows):
    longest = max(len(row) for row in rows)
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows], dtype=torch.int64)


cases = [
    ([[4, 2], [7]],),
    (sentences,),
    ([[1], [2, 3], [], [4, 5, 6, 7, 8]],),
    ([[9]],),
]
check(pad, by_loops, cases, without=["pad_sequence"])

# %%
# Make a table of zeros as wide as the longest list. Then write each list into the first places of a row of the
# table.

# Solution


def pad(rows):
    table = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    for i, row in enumerate(rows):
        table[i, : len(row)] = torch.tensor(row, dtype=torch.int64)
    return table


report = check(pad, by_loops, cases, without=["pad_sequence"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`only-one-element-tensors`, the error of the way back, from a tensor to one number.
#
# - NumPy developers (2026). `Data types <https://numpy.org/doc/stable/user/basics.types.html>`__. What an array can
#   hold.
# - PyTorch contributors (2026). `pad_sequence
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.rnn.pad_sequence.html>`__. The reference.

"""
.. _printing-tensors:

How do I print a whole tensor, and which digits does it leave out?
==================================================================

Two tensors print alike and compare as different, or the middle of a large tensor is three dots. ``print`` rounds to
four digits and shortens large tensors; :func:`torch.set_printoptions` changes both.
"""

# %%
# Set-up

import math
import re

import torch

from ptguide import data
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.tensors import describe
from ptguide.zoo import zoo

torch.manual_seed(0)
photo = data.photos()[0][0]

# %%

x = torch.tensor([0.99999, 1.0])
print(x, x == 1)
print(x[0].item())

# %%
# The first element is printed as 1.0000, but it is not 1. ``item`` shows its digits. You need to know :ref:`what a
# shape is <what-is-a-tensor>`.
#
# The rule
# --------
#
# The floats of a tensor get *one* format, with four digits after the point. If none of them has a fraction, the digits
# are left out. If the largest is more than a thousand times the smallest that is not 0, the format is scientific:
# ``1.0000e-03`` means 0.001. Very large or small numbers make it scientific too.

for numbers in ([1.0, 2.0], [1.0, 2.5], [0.001, 1.0], [0.001, 1.001]):
    print(f"{numbers!s:<15}", torch.tensor(numbers))

# %%
# The three dots
# --------------
#
# Of a tensor of more than a thousand elements, three are shown at each end of a long axis. ``threshold`` changes the
# thousand, and ``edgeitems`` changes the three. ``profile="full"`` shows the whole tensor, and ``profile="default"``
# goes back. The options hold until they are changed.

row = photo[0, 30]  # 640 pixels
print(torch.cat([row, row]))
torch.set_printoptions(threshold=30, edgeitems=2)
print(photo[:2, :, :5])
torch.set_printoptions(profile="default")

# %%
# Fewer digits, no exponents
# --------------------------
#
# ``precision`` is the number of digits, ``linewidth`` the number of characters in a line. ``sci_mode=False`` turns the
# exponents off. Small numbers are then printed as zeros, although they are not.

mixed = torch.tensor([0.000012, 3.14159, 1234.5])
print(mixed)
torch.set_printoptions(sci_mode=False, precision=2)
print(mixed)
torch.set_printoptions(profile="default")

# %%
# What a print leaves out
# -----------------------
#
# The shape of a tensor with elements is not printed, and four dtypes are not named: by default these are
# :val:`float32 <torch.tensor(0.5).dtype>`, :val:`int64 <torch.tensor(5).dtype>`, bool and
# :val:`complex64 <torch.tensor(1j).dtype>`. For a photo, ask for a few numbers rather than for its corners.

pixels = photo.float()
print(tuple(photo.shape), photo.dtype, photo.device)
print(f"from {photo.min()} to {photo.max()}, mean {pixels.mean():.1f}")
print("NaN:", pixels.isnan().any().item())

# %%
# .. use-this::
#
#    To look for an error, print ``x.shape, x.dtype, x.device`` and the smallest and largest value, not the
#    elements. To see the elements of a small tensor without rounding, print ``x.tolist()``. To compare two tensors,
#    use ``torch.testing.assert_close``, whose message names the largest difference. Set the options once, at the start
#    of a notebook. A print of a tensor on a GPU waits for its elements and copies them.
#
# A common mistake
# ----------------
#
# **An option that was lost.** A call of ``set_printoptions`` that does not name ``sci_mode`` sets it back to
# automatic, so name it in the same call. The other options keep what an earlier call gave them.

torch.set_printoptions(sci_mode=False)
torch.set_printoptions(precision=1)
print(mixed)
torch.set_printoptions(sci_mode=False, precision=1)
print(mixed)
torch.set_printoptions(profile="default")

# %%
# How this was checked


def is_scientific(tensor):
    sizes = [abs(number) for number in tensor.tolist() if number and math.isfinite(number)]
    return bool(sizes) and (max(sizes) / min(sizes) > 1000 or max(sizes) > 1e8 or min(sizes) < 1e-4)


def prints_scientific(tensor):
    return "e+" in str(tensor) or "e-" in str(tensor)


random = torch.randn(60, 3, dtype=torch.float64) * 10 ** (6 * torch.randn(60, 1)).double()
several = [[1, 1000], [1, 1001], [0, -0.5], [0, 0], [0.25, 300], [3e-5, 4e-5], [1e8, 9e7]]
several += [[1e8, 2e8], [math.inf, 1], [math.nan, 1, 2000], *random.tolist()]
for numbers in several:
    tensor = torch.tensor(numbers, dtype=torch.float64)
    assert is_scientific(tensor) == prints_scientific(tensor)
hidden = torch.ones(2001)
hidden[1000] = 1e-6  # in the middle, which is left out, and does not count
assert not prints_scientific(hidden)

usual = {torch.float32, torch.complex64, torch.int64, torch.bool}
for t in zoo(axes=range(5)).values():
    left_out = usual if t.numel() else {torch.float32}
    assert ("dtype" not in str(t)) == (t.dtype in left_out)
    assert ("size=" in str(t)) == (t.numel() == 0 and t.ndim > 1)
assert "..." not in str(torch.arange(1000))
many = torch.arange(1001)
assert str(many) == "tensor([   0,    1,    2,  ...,  998,  999, 1000])"
torch.set_printoptions(profile="full")
assert all(f" {number}," in str(many) for number in range(1, 1000))
torch.set_printoptions(profile="default")
assert str(torch.tensor(1 / 3)) == "tensor(0.3333)"
assert describe(photo) is not None
for value in (0.1, 1 / 3, 0.99999):
    exact = torch.tensor(value, dtype=torch.float64)
    assert exact.item() == value

# %%
# Check yourself
# --------------

ask(
    "How does torch.tensor([0.00005, 2.0]) print?",
    answer=str(torch.tensor([0.00005, 2.0])),
    choices={
        "tensor([0.0000, 2.0000])": "It prints so with sci_mode=False.",
        "tensor([5.0000e-05, 2.0000e+00])": "2 is more than 1000 times 0.00005, so both get an exponent.",
        "tensor([5e-05, 2.])": "The elements get one number of digits: four after the point.",
    },
)

# %%
# A long one:

ask(
    "How many of the 5000 numbers does print(torch.arange(5000)) show?",
    answer=len(re.findall(r"\d+", str(torch.arange(5000)))),
    choices={
        1000: "That is the limit up to which all are shown.",
        5000: 'So many are shown after torch.set_printoptions(profile="full").',
        6: "Three are shown at each end, with dots between.",
    },
)

# %%
# **Exercise.** Write the rule yourself: does a tensor of positive, finite floats print in the scientific format? It
# does if the largest is more than a thousand times the smallest, if the smallest is below 0.0001, or if the largest is
# above 100 million. Return a tensor of one truth value.


def by_print(x):
    return torch.tensor(prints_scientific(x))


values = [[1.0, 1000.0], [1.0, 1001.0], [0.00005, 0.00006], [2e8, 1e8], [0.5, 20.0]]
cases = [(torch.tensor(numbers, dtype=torch.float64),) for numbers in values]
cases += [(numbers.abs(),) for numbers in random]
cases += [(torch.tensor([0.7, 700.0]),), (torch.tensor([0.0001, 0.0002]),)]


def scientific(x):
    raise NotImplementedError


check(scientific, by_print, cases)

# %%
# ``|`` joins the three conditions. ``double()`` keeps the quotient from being rounded to 1000.

# Solution


def scientific(x):
    x = x.double()
    return (x.max() / x.min() > 1000) | (x.min() < 1e-4) | (x.max() > 1e8)


report = check(scientific, by_print, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`complex-numbers` is about numbers that print with a ``j``.
#
# - PyTorch contributors (2026). `torch.set_printoptions
#   <https://docs.pytorch.org/docs/stable/generated/torch.set_printoptions.html>`__. The options and their defaults.
# - Goldberg (1991). `What every computer scientist should know about floating-point arithmetic
#   <https://doi.org/10.1145/103162.103163>`__. Why decimal fractions have more digits than they show.

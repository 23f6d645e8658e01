"""
.. _saving-and-printing-tensors:

How do I save and print a tensor?
=================================

:func:`torch.save` writes a tensor to a file, with its whole storage, and :func:`torch.load` reads it back. ``print``
shows four digits and leaves out the middle of a large tensor; :func:`torch.set_printoptions` changes that. You need to
know :ref:`what a storage is <strides-and-storage>`.
"""

# %%
# ``part`` is a :term:`slice`: 6 of the 40 elements of ``x``. It uses the storage of ``x``, drawn as one row. A file of
# ``part`` holds the gray elements as well, since what is saved is the storage.

import io
import math
import pickle
import tempfile
from fractions import Fraction
from pathlib import Path

import torch

from ptguide.errors import expect_error
from ptguide.pictures import draw_storage
from ptguide.questions import ask
from ptguide.zoo import zoo

x = torch.arange(40).reshape(5, 8)
part = x[1:4, 2:4]
draw_storage([part], ["part"])

# %%
# Save and load
# -------------
#
# A file is named by its path; the ending ``.pt`` is a custom. Shape, dtype, strides and values come back, in memory of
# their own, and with them the storage of 40 elements of 8 bytes.

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "part.pt"
    torch.save(part, path)
    loaded = torch.load(path)
assert torch.equal(loaded, part)
assert (loaded.dtype, loaded.stride(), loaded.storage_offset()) == (torch.int64, (8, 1), 10)
assert loaded.untyped_storage().nbytes() == 40 * 8
assert loaded.untyped_storage().data_ptr() != part.untyped_storage().data_ptr()

# %%
# What a slice saves with it
# --------------------------
#
# ``io.BytesIO`` is a file in memory, in which the page can count. Five of a million numbers in
# :val:`float32 <torch.ones(1).dtype>` make a file of 4 MB. :meth:`torch.Tensor.clone` first copies the five into a
# storage of their own; a file without numbers would have nearly as many bytes. ``contiguous()`` does not help: the five
# lie side by side already, so it copies nothing.


def saved(value):
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)  # back to the start, where reading begins
    return file


def size(value):
    return len(saved(value).getvalue())


million = torch.zeros(1_000_000)
few = million[:5]
for name, tensor in [("million", million), ("few", few), ("few.clone()", few.clone())]:
    print(f"{name:<12} {size(tensor):>9,} bytes")
assert size(few.contiguous()) == size(few) == size(million) > 4_000_000
assert size(few.clone()) < 2_000
assert size(few.clone()) - size(torch.zeros(0)) < 200

# %%
# That the storage is saved has two good sides. An expanded tensor is small in the file, as in memory. And tensors that
# share memory and are saved in *one* call, here in a dict, share it after loading; saved one by one, they do not.

assert size(million.expand(7, 1_000_000)) == size(million)
both = torch.load(saved({"all": million, "few": few}))
both["few"][0] = -1
assert both["all"][0] == -1
one_by_one = [torch.load(saved(tensor)) for tensor in (million, few)]
one_by_one[1][0] = -1
assert one_by_one[0][0] == 0
assert size([million, million.clone()]) > size([million, few]) + 4_000_000

# %%
# What else comes back
# --------------------
#
# ``requires_grad`` comes back, the recorded calculation does not: what was a result is a start (a :term:`leaf`) after
# loading. A tensor also comes back to the :term:`device` that it was on; where that device is missing, loading fails
# unless ``map_location="cpu"`` is given.

weight = torch.ones(3, requires_grad=True)
product = torch.load(saved(weight * 2))
assert (weight * 2).grad_fn is not None
assert (product.requires_grad, product.grad_fn, product.is_leaf) == (True, None, True)
assert torch.load(saved(weight), map_location="cpu").device == torch.device("cpu")

# %%
# ``torch.load`` reads tensors, numbers, strings, and lists and dicts of them. A file can name a Python function to be
# called on loading, so by default (``weights_only=True``) classes and functions that are not on a list of safe ones
# are refused. A NumPy array and a whole module are refused, too. Allow a class by its name, or save tensors alone, such
# as those of a module's ``state_dict``. With ``weights_only=False`` the file may run what it likes.


def refusal(value):
    try:
        torch.load(saved(value))
    except pickle.UnpicklingError as error:  # of 8 lines; this one says what was refused
        [line] = [line for line in str(error).splitlines() if "Unsupported global" in line]
        return line.strip()
    return ""


print(refusal(Fraction(1, 3)))
layer = torch.nn.Linear(3, 4)
for value in (Fraction(1, 3), torch.ones(3).numpy(), layer, len):
    assert "was not an allowed global by default" in refusal(value)
for value in (torch.ones(3), 0.5, "text", [1, {"a": 2}], layer.state_dict()):
    assert refusal(value) == ""
with torch.serialization.safe_globals([Fraction]):
    assert torch.load(saved(Fraction(1, 3))) == Fraction(1, 3)

# %%
# This class says that loading it means a call of ``print``. It could be a call that deletes your files. By default the
# file is refused, and the call is not made.


class Trap:
    def __reduce__(self):
        return print, ("this code ran while a file was loaded",)


assert "GLOBAL print was not an allowed global by default" in refusal(Trap())
assert torch.load(saved(Trap()), weights_only=False) is None  # what print returned

# %%
# What print shows
# ----------------
#
# If a tensor has elements, ``print`` shows one pair of brackets for each axis, and an empty line between matrices. It
# leaves out the shape, and the dtype where it is one of the four ``usual`` ones. Without elements, it names the
# dtype unless it is :val:`float32 <torch.get_default_dtype()>`, and a shape of several axes. Whole numbers end with a
# point in a floating-point tensor of whole numbers alone.

block = torch.arange(24.0, dtype=torch.float64).reshape(2, 3, 4)
usual = {torch.float32, torch.complex64, torch.int64, torch.bool}
for t in zoo(axes=range(5)).values():
    left_out = usual if t.numel() else {torch.float32}
    assert ("dtype" not in str(t)) == (t.dtype in left_out)
    assert ("size=" in str(t)) == (t.numel() == 0 and t.ndim > 1)
assert str(torch.tensor([1.0, 2.0])) == "tensor([1., 2.])"
assert str(torch.tensor([1.0, 2.5])) == "tensor([1.0000, 2.5000])"
print(block)

# %%
# What is printed is rounded to four digits after the point. The elements are rounded for the eye alone.

almost = torch.tensor([0.99999, 1.0])
assert str(almost) == "tensor([1.0000, 1.0000])"
assert (almost == 1).tolist() == [False, True]
print(almost, almost[0].item())

# %%
# The elements of a tensor get one format. For floats, it is scientific (``1.0e-05`` means :val:`0.00001 <1.0e-05>`)
# when the largest is more than 1000 times the smallest, or above 100 million, or the smallest below 0.0001. Signs,
# zeros, infinities and NaN do not count, nor do elements that are not shown. This is from scratch:


def is_scientific(tensor):
    sizes = [abs(number) for number in tensor.tolist() if number and math.isfinite(number)]
    return bool(sizes) and (max(sizes) / min(sizes) > 1000 or max(sizes) > 1e8 or min(sizes) < 1e-4)


torch.manual_seed(0)
random = torch.randn(200, 3, dtype=torch.float64) * 10 ** (6 * torch.randn(200, 1)).double()
cases = [[1, 1000], [1, 1001], [0, -0.5], [0, 0], [0.25, 300], [3e-5, 4e-5], [1e8, 9e7], [1e8, 2e8]]
cases += [[math.inf, 1], [math.nan, 1, 2000], *random.tolist()]
for numbers in cases:
    tensor = torch.tensor(numbers, dtype=torch.float64)
    assert is_scientific(tensor) == ("e+" in str(tensor) or "e-" in str(tensor))
print(
    f"{len(cases)} tensors, {sum(is_scientific(torch.tensor(c)) for c in cases)} of them scientific"
)
hidden = torch.ones(2001)
hidden[1000] = 1e-6  # in the middle, which is left out
assert "e-" not in str(hidden)

# %%
# The options hold until they are changed: ``precision`` digits after the point, ``linewidth`` characters, and of a
# tensor of more than ``threshold`` elements (1000 by default) just ``edgeitems`` are shown at each end of a long axis.
# ``profile="default"`` puts the options back, ``profile="full"`` shows all elements.

many = torch.arange(1001)
assert str(many) == "tensor([   0,    1,    2,  ...,  998,  999, 1000])"
torch.set_printoptions(precision=2, threshold=30, edgeitems=2, linewidth=60)
print(torch.arange(35.0).reshape(5, 7) / 3)
torch.set_printoptions(profile="full")
assert all(f" {number}," in str(many) for number in range(1, 1000))
torch.set_printoptions(profile="default")
assert str(torch.tensor(1 / 3)) == "tensor(0.3333)"

# %%
# What goes wrong
# ---------------
#
# ``sci_mode=False`` turns the scientific format off, and the *next* call of ``set_printoptions`` turns it on again, if
# it does not name it. And after writing, a file in memory stands at its end: go back to its start before you load.

torch.set_printoptions(sci_mode=False)
assert str(torch.tensor([1e-7, 1234567.0])) == "tensor([      0.0000, 1234567.0000])"
torch.set_printoptions(precision=1)
assert str(torch.tensor([1e-7, 1234567.0])) == "tensor([1.0e-07, 1.2e+06])"
torch.set_printoptions(profile="default")

file = io.BytesIO()
torch.save(few, file)
with expect_error(EOFError, match="^$"):
    torch.load(file)

# %%
# Check yourself
# --------------

images = torch.zeros(100, 3, 28, 28)
sizes = {
    "torch.save(images[0], path)": size(images[0]),
    "torch.save(images[:1].contiguous(), path)": size(images[:1].contiguous()),
    "torch.save(images[0].clone(), path)": size(images[0].clone()),
}
view, contiguous, clone = sizes.values()
assert view == contiguous > 50 * clone
ask(
    "images has shape (100, 3, 28, 28). Which call writes the smallest file?",
    answer=min(sizes, key=sizes.get),
    choices={
        "torch.save(images[0], path)": "It is a view: the storage of all 100 images is saved.",
        "torch.save(images[:1].contiguous(), path)": "It is contiguous already: nothing is copied.",
        "torch.save(images[0].clone(), path)": "clone() gives one image a storage of its own.",
    },
)

# %%
# And one more:

ask(
    "How does torch.tensor([0.00005, 2.0]) print?",
    answer=str(torch.tensor([0.00005, 2.0])),
    choices={
        "tensor([0.0000, 2.0000])": "So it prints with sci_mode=False.",
        "tensor([5.0000e-05, 2.0000e+00])": "0.00005 is below 0.0001, so both are scientific.",
        "tensor([5e-05, 2.])": "All elements get the same number of digits: four after the point.",
    },
)

# %%
# Next: :ref:`named-complex-and-sparse`, tensors of less usual kinds.

"""
.. _saving-tensors:

How do I save a tensor to a file, and why is the file so large?
===============================================================

You save ten rows of a table, and the file is as large as the whole table. :func:`torch.save` writes the whole
:term:`storage` of a tensor; take a ``clone`` first.
"""

# %%
# Set-up

import io
import pickle
import tempfile
from fractions import Fraction
from pathlib import Path

import torch
from torch import nn

from ptguide import data
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw_storage
from ptguide.questions import ask
from ptguide.zoo import zoo

torch.manual_seed(0)
photo = data.photos()[0][0]
x = torch.arange(27).reshape(3, 9)
folder = Path(tempfile.mkdtemp())


def size(value):  # of the file, in bytes
    file = io.BytesIO()
    torch.save(value, file)
    return len(file.getvalue())


def there_and_back(value, **options):
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)  # back to the start, where reading begins
    return torch.load(file, **options)


# %%

part = x[:2, 2:4]
draw_storage(part, "part")

# %%
# ``part`` is a :term:`slice` of a larger tensor and looks into its storage, the line of boxes. Its four elements are
# colored, and a file of ``part`` holds the gray ones too. You need to know :ref:`what a storage is
# <strides-and-storage>`.
#
# The rule
# --------
#
# The file gets the whole storage, and a description of the tensor: shape, strides, offset, dtype. ``clone`` makes a
# tensor with a storage for its own elements. ``contiguous`` is no substitute: the ten rows of a photo below are
# contiguous already, so it copies nothing.

rows = photo[0, :10]
whole, view, clone = photo[0].clone(), photo[0].clone()[:10], rows.clone()
saved = {"whole": whole, "view": view, "view.contiguous()": view.contiguous(), "clone": clone}
for name, one in saved.items():
    print(f"{name:<18} {size(one):>8,} bytes")

# %%
# Save and load
# -------------
#
# The ending ``.pt`` is a convention. Shape, dtype, values and ``requires_grad`` come back, in new memory. What does not
# come back is the record of how the tensor was computed, ``grad_fn``. The tensor returns to the :term:`device` that it
# had; if that is missing, give ``map_location="cpu"``.

weight = torch.ones(3, requires_grad=True)
torch.save({"epoch": 4, "loss": weight * 2}, folder / "run.pt")
loaded = torch.load(folder / "run.pt", map_location="cpu")
print(loaded)
assert (weight * 2).grad_fn is not None
assert loaded["loss"].grad_fn is None

# %%
# Together or one by one
# ----------------------
#
# Why is the whole storage written? Tensors that share memory and are saved in *one* call share it after loading, and
# their storage is written once. So two layers of a network that share a weight still share it. Saved one by one, they
# come back as two tensors.

together = there_and_back({"photo": whole, "view": view, "same": whole})
print(together["photo"].data_ptr() == together["same"].data_ptr())
first, second = there_and_back(whole), there_and_back(whole)
print(first.data_ptr() == second.data_ptr())
print(f"{size([whole, whole[:10]]):,} and {size([whole, whole.clone()]):,} bytes")

# %%
# .. use-this::
#
#    Use ``torch.save(x.clone(), path)`` for a part of a larger tensor, and ``torch.save(x, path)`` for the whole. Save
#    several tensors as one dict, in one call. Save ints, floats, strings and tensors rather than objects of your own
#    classes, which ``torch.load`` refuses by default. For networks, save the ``state_dict``, as on
#    :ref:`saving-and-loading`. ``torch.load(path, mmap=True)`` reads the elements of a large file when they are used.
#
# Common mistakes
# ---------------
#
# .. not tried: only — a word of the message
#
# **Weights only load failed.** A file of this kind can name functions of Python to be called while it is loaded, so a
# file from a stranger could run code. Since version 2.6, ``torch.load`` refuses what is not on a list of safe functions
# and classes. A class that you trust can be added to the list; ``weights_only=False`` drops the protection.

torch.save({"share": Fraction(1, 3), "x": x}, folder / "mixed.pt")
try:
    torch.load(folder / "mixed.pt")
except pickle.UnpicklingError as error:
    lines = [line.strip() for line in str(error).splitlines()]
    print(lines[0].split(".")[0])
    print(*[line for line in lines if "Unsupported global" in line])
with torch.serialization.safe_globals([Fraction]):
    print(torch.load(folder / "mixed.pt")["share"])

# %%
# **An empty read.** After writing to a file in memory, the next read begins at its end, where nothing is left. Go back
# to its start before you load.

file = io.BytesIO()
torch.save(x, file)
with expect_error(EOFError, match="^$"):
    torch.load(file)
file.seek(0)
assert torch.equal(torch.load(file), x)

# %%
# How this was checked

assert size(view.contiguous()) == size(view) > 270_000
assert abs(size(view) - size(whole)) < 200
assert size(clone) < 9_000
assert torch.equal(view, clone)
assert size([whole, whole[:10]]) < size(whole) + 1_000
assert size([whole, whole.clone()]) > 2 * whole.nbytes
assert size(whole.expand(7, *whole.shape)) < size(whole) + 200  # stride 0 is small in the file too
for t in zoo(axes=range(5)).values():
    back = there_and_back(t)
    torch.testing.assert_close(back.detach(), t.detach(), rtol=0, atol=0, equal_nan=True)
    assert (back.dtype, back.stride(), back.storage_offset()) == (
        t.dtype,
        t.stride(),
        t.storage_offset(),
    )
    assert back.requires_grad == t.requires_grad
    assert back.is_leaf
    assert back.untyped_storage().nbytes() == t.untyped_storage().nbytes()


def refused(value):
    try:
        there_and_back(value)
    except pickle.UnpicklingError as error:
        return "was not an allowed global by default" in str(error)
    return False


class Trap:
    def __reduce__(self):
        return print, ("this code ran while a file was loaded",)


for value in (Fraction(1, 3), torch.ones(3).numpy(), nn.Linear(3, 4), len, Trap()):
    assert refused(value)
for value in (torch.ones(3), 0.5, "text", [1, {"a": 2}], nn.Linear(3, 4).state_dict()):
    assert not refused(value)
assert there_and_back(Trap(), weights_only=False) is None  # what print returned
mapped = torch.load(folder / "run.pt", mmap=True)
assert torch.equal(mapped["loss"], loaded["loss"])

# %%
# Check yourself
# --------------

images = torch.zeros(100, 3, 28, 28)
sizes = {
    "torch.save(images[0], path)": size(images[0]),
    "torch.save(images[:1].contiguous(), path)": size(images[:1].contiguous()),
    "torch.save(images[0].clone(), path)": size(images[0].clone()),
}
ask(
    "images has shape (100, 3, 28, 28). Which call writes the smallest file?",
    answer=min(sizes, key=sizes.get),
    choices={
        "torch.save(images[0], path)": f"It is a view: the storage of all {len(images)} images is saved.",
        "torch.save(images[:1].contiguous(), path)": "It is contiguous already: nothing is copied.",
        "torch.save(images[0].clone(), path)": "clone() gives one image a storage of its own.",
    },
)

# %%
# Training that goes on from a file:

result = there_and_back((weight * 2).sum())
ask(
    "loss = (weight * 2).sum() is saved and loaded. Can the loaded loss still give weight a gradient?",
    answer="no" if result.grad_fn is None else "yes",
    choices={
        "yes": "requires_grad comes back, and the record of the calculation is lost.",
        "no": "The file holds the number. The loaded loss is a leaf, without a record.",
    },
)

# %%
# **Exercise.** Write ``compact``, to be used before saving: it returns the tensor itself if its storage has no more
# bytes than its elements have together, and a clone otherwise. The check looks at the storage and at whether a copy was
# made.


def outcome(compact):
    def run(x):
        result = compact(x)
        return torch.tensor([result.untyped_storage().nbytes(), result is x])

    return run


def by_counting(x):
    return x.clone() if len(x.untyped_storage()) > x.numel() * x.element_size() else x


cases = [(torch.arange(6),), (torch.arange(6)[2:4],), (torch.arange(6).reshape(2, 3).T,)]
cases += [(torch.arange(3).expand(4, 3),)]


def compact(x):
    raise NotImplementedError


check(outcome(compact), outcome(by_counting), cases)

# %%
# A transposed tensor uses its whole storage, so it needs no copy. An expanded one has more elements than places.

# Solution


def compact(x):
    return x if x.untyped_storage().nbytes() <= x.nbytes else x.clone()


report = check(outcome(compact), outcome(by_counting), cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`printing-tensors` helps to look at what was loaded.
#
# - PyTorch contributors (2026). `Serialization semantics
#   <https://docs.pytorch.org/docs/stable/notes/serialization.html>`__. What is in a file, and the list of what may be
#   loaded.
# - Hugging Face (2026). `Safetensors <https://huggingface.co/docs/safetensors/index>`__. Another format, which holds
#   tensors and no code.

"""
.. _what-is-a-tensor:

What is a tensor?
=================

A network takes a photo, a sentence or a table as a block of numbers, and many errors are about the :term:`shape` of
that block. In PyTorch it is a :term:`tensor`: numbers of one type, arranged along :term:`axes <axis>`.
"""

# %%
# Set-up

import math

import torch

from ptguide import data
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.zoo import zoo

image = data.photos()[0][0]  # (color, height, width)
block = image[:, 30:32, 200:204]  # 2 rows of 4 pixels, in 3 colors
red = block[0]

# %%

number, row = block[0, 1, 2], block[0, 1]
draw([number, row, block], ["number", "row", "block"])

# %%
# These are parts of a photo, which has three numbers for each pixel: its red, green and blue, from 0 to
# :val:`torch.iinfo(block.dtype).max`. One number has no axis. A row of them is a :term:`vector`, a table a
# :term:`matrix`, and the three tables, one for each color, make a block with three axes. The shape above each is the
# number of entries along each axis. You need to know Python: its lists, functions and loops.
#
# How to read a shape
# -------------------
#
# Read it from the left and ask "3 of what?". The rest of the shape is the answer: (3, 2, 4) is three tables of two rows
# of four numbers. Axes are numbered from the left, beginning at 0. An argument called ``dim`` chooses one of them.
#
# :attr:`torch.Tensor.ndim` counts the axes. :meth:`torch.Tensor.numel` multiplies the sizes and so counts the
# :term:`elements <element>`. ``len`` is the size of axis 0 alone, if there is one. The :term:`dtype` is the type that
# all elements share: :val:`block.dtype` here, whole numbers of 8 :term:`bits <bit>`.

for name, t in {"row": row, "red": red, "block": block}.items():
    print(f"{name:<6}shape {tuple(t.shape)!s:<10} ndim {t.ndim}", end="  ")
    print(f"numel {t.numel():>2}  len {len(t)}  {t.dtype}")
    assert t.numel() == math.prod(t.shape)
    assert (t.ndim, len(t)) == (len(t.shape), t.shape[0])

# %%
# An index takes away an axis
# ---------------------------
#
# A whole number in the brackets takes one axis away, from the left. A colon keeps its axis. So ``block[:, 1, 2]`` is
# red, green and blue of one pixel. With an index for each axis, a single number is left, still as a tensor;
# :meth:`torch.Tensor.item` makes it a Python number.

print(tuple(block[0].shape), tuple(block[0, 1].shape), tuple(block[0, 1, 2].shape))
print(block[:, 1, 2], block[0, 1, 2].item())

# %%
# A photo, and a batch of photos
# ------------------------------
#
# The whole photo has shape :val:`tuple(image.shape)`. A network takes many photos at once: a *batch*, of shape (N, C,
# H, W) for number, :term:`channels <channel>`, height, width. You need not picture four axes: read them from the left,
# as before. ``batch[1]`` is a photo, and ``batch[1, 0]`` its red channel.

batch = torch.stack([image, data.photos()[1][0]])
print(f"batch {tuple(batch.shape)}, batch[1, 0] {tuple(batch[1, 0].shape)}")
print(f"{batch.nbytes:,} bytes")
draw(batch[:, :, ::4, ::4], "batch[:, :, ::4, ::4]", image=True)

# %%
# .. use-this::
#
#    When something does not fit, print ``x.shape`` and ``x.dtype`` first, and write down what each axis means, as in
#    ``# (N, C, H, W)`` for a batch of images. A table of N samples with F features each has shape (N, F). The elements
#    of a new tensor take ``x.numel() * x.itemsize`` bytes.
#
# Common mistakes
# ---------------
#
# **Axes in another order.** Libraries that read image files put the color last, and PyTorch's convolutions expect it on
# axis 1 of a batch. With the color last, axis 1 is the height. So a layer for :val:`3 <layer.in_channels>` channels
# finds 427. :func:`torch.permute` reorders the axes.

layer = torch.nn.Conv2d(3, 6, kernel_size=1)
files_order = batch.permute(0, 2, 3, 1)  # (N, H, W, C)
with expect_error(RuntimeError, match="to have 3 channels, but got 427 channels instead"):
    layer(files_order.float())
print(tuple(layer(files_order.permute(0, 3, 1, 2).float()).shape))

# %%
# **A vector of one element for a number.** ``torch.empty(1)`` has one axis, of size :val:`1 <len(torch.empty(1))>`. A
# number has the shape ``()``, so there is no axis for an index such as ``[0]``.

print(torch.empty(1).shape, torch.tensor(20).shape)
with expect_error(IndexError, match="invalid index of a 0-dim tensor"):
    torch.tensor(20)[0]

# %%
# How this was checked


def shape_of(nested):
    """Return the shape of nested lists: the length of the outer one, then that of its first entry, and so on."""
    return (len(nested), *shape_of(nested[0])) if isinstance(nested, list) else ()


for t in (number, row, red, block, *zoo(axes=range(5)).values()):
    assert t.ndim == len(t.shape)
    assert t.numel() == math.prod(t.shape)
    if t.numel():
        text = str(t.detach().clone()).removeprefix("tensor(")
        assert len(text) - len(text.lstrip("[")) == t.ndim
        assert shape_of(t.tolist()) == t.shape
    for axis in range(t.ndim):
        pieces = t.unbind(axis)
        assert len(pieces) == t.shape[axis]
        for piece in pieces:
            assert piece.shape == t.shape[:axis] + t.shape[axis + 1 :]
with expect_error(TypeError, match="len.. of a 0-d tensor"):
    len(number)
assert (batch.nbytes, batch.itemsize) == (batch.numel() * batch.itemsize, 1)
# A tensor without elements prints its shape instead, if it has more than one axis.
assert str(torch.zeros(0, 3)) == "tensor([], size=(0, 3))"
with expect_error(ValueError, match="expected sequence of length 2"):
    torch.tensor([[1, 2], [3]])  # lists of different lengths fill no block
assert [block[0].shape, block[0, 1].shape, block[0, 1, 2].shape] == [(2, 4), (4,), ()]
assert type(block[0, 1, 2].item()) is int
assert torch.equal(batch[1], data.photos()[1][0])
# The matrix rank, which depends on the values, is something else than the number of axes.
assert (torch.ones(4, 5).ndim, torch.linalg.matrix_rank(torch.ones(4, 5))) == (2, 1)
# The layer computes 6 weighted sums of the 3 colors of a pixel.
weights = layer.weight[:, :, 0, 0]
expected = weights @ batch[1, :, 30, 200].float() + layer.bias
torch.testing.assert_close(layer(batch.float())[1, :, 30, 200], expected)

# %%
# Check yourself
# --------------

ask(
    "What is the shape of torch.tensor([[[5, 6]]])?",
    answer=torch.tensor([[[5, 6]]]).shape,
    choices={
        (3, 2): "Three brackets are three axes, not a size of 3.",
        (1, 1, 2): "Each bracket is an axis: a list of one list holds a list of two numbers.",
        (1, 1, 2, 1): "The brackets are the axes. A number has no axis of its own.",
    },
)

# %%
# A batch of photos:

ask(
    "How many elements has a batch of 8 RGB images of 10 rows and 12 columns?",
    answer=torch.empty(8, 3, 10, 12).numel(),
    choices={
        8: "That is len(batch), the size of axis 0.",
        8 * 10 * 12: "That is one number for each pixel. An RGB image has three.",
        8 * 3 * 10 * 12: "All four sizes are multiplied.",
    },
)

# %%
# A part of the batch of two photos above:

ask(
    f"batch has shape {tuple(batch.shape)}. What is the shape of batch[0, :, 30, 200]?",
    answer=batch[0, :, 30, 200].shape,
    choices={
        (): "For one number the axis of the colors would need an index, too. The colon keeps it.",
        (3,): "Three indices take three axes away. Red, green and blue of a pixel are left.",
        (1, 3, 1, 1): "An index takes its axis away. It does not leave a size of 1.",
    },
)

# %%
# **Exercise.** Return the blue value of the top right pixel of each photo of a batch, as a vector of shape (N,). Index
# -1 is the last.


def by_loop(batch):
    return torch.tensor([photo[2, 0, photo.shape[2] - 1].item() for photo in batch])


cases = [(torch.arange(24).reshape(1, 3, 2, 4),), (torch.arange(90).reshape(2, 3, 3, 5),)]


def blue_corner(batch):
    raise NotImplementedError


check(blue_corner, by_loop, cases)

# %%
# The colon keeps the axis of the photos.

# Solution


def blue_corner(batch):
    return batch[:, 2, 0, -1]


report = check(blue_corner, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`how-to-read-the-pictures` explains the colors, frames and letters in them.
#
# - Paszke et al. (2019). `PyTorch: an imperative style, high-performance deep learning library
#   <https://arxiv.org/abs/1912.01703>`__. What its authors wanted it to be, and how it is built.
# - Harris et al. (2020). `Array programming with NumPy <https://doi.org/10.1038/s41586-020-2649-2>`__. Arrays,
#   the same idea in NumPy.

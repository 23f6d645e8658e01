"""
.. _exercises-in-tensors:

Exercises in tensors
====================

You have read how a tensor is stored in memory, which types its numbers have, and what writes into it. Four exercises
use this, and each is solved in one to four lines.
"""

# %%
# Set-up

import matplotlib.pyplot as plt
import torch

from ptguide import data
from ptguide.exercises import check

flower = data.photos().inputs[1][:, ::4, ::4] / 255  # (3, 107, 160)
gray = flower.mean(dim=0)


def show(photos):
    _, axes = plt.subplots(1, len(photos), figsize=(5.4, 1.8), layout="constrained")
    for axis, (name, photo) in zip(axes, photos.items(), strict=True):
        axis.imshow(photo.numpy(), cmap="gray", vmin=0)
        axis.set_title(name, fontsize="small")
        axis.set(xticks=[], yticks=[])
    axes[0].figure.suptitle(
        "A photo whose bright numbers wrapped around, and how it should look", fontsize=10
    )
    plt.show()


# %%

brighter = (gray * 1.6 * 255).round()  # up to 339
show(
    {
        "as floats": gray,
        "wrapped": brighter.int().to(torch.uint8),
        "limited": brighter.clamp(0, 255),
    }
)

# %%
# In the middle photo, numbers above 255 begin again at 0, so bright places turn dark.
#
# Copy a cell into your own session, replace ``raise NotImplementedError``, and run it. ``check`` shows the first input
# for which your function is wrong. Some functions of torch are forbidden, and ``check`` tells you so. The solutions are
# folded.
#
# .. use-this::
#
#    Convert last: round and limit numbers while they are floats. A conversion to integers cuts off decimals, and an
#    integer too large for its type wraps around. A slice is a view, so writing into it writes into the whole. A
#    place in memory is the offset plus, for each axis, the index times the stride. A view shares memory; a conversion
#    to another dtype makes a copy.
#
# Check yourself
# --------------
#
# **1. Where is an element in memory?** ``memory`` holds the numbers of a tensor in a row. With the tensor's strides
# and offset, return its element at the indices ``index``. The slow version walks there step by step. Do it in one
# line (:ref:`strides-and-storage`).


def element_by_walking(memory, stride, offset, index):
    place = offset
    for axis in range(len(index)):
        for _ in range(index[axis]):
            place += stride[axis]
    return memory[place]


memory = torch.arange(50, 62)
x = memory.reshape(3, 4)
views = [(memory[5:], (2,)), (x, (1, 3)), (x.T, (3, 1)), (x[1:, ::2], (1, 1))]
views.append((memory.reshape(2, 3, 2), (1, 0, 1)))
places = [(memory, view.stride(), view.storage_offset(), index) for view, index in views]


def element(memory, stride, offset, index):
    raise NotImplementedError


check(element, element_by_walking, places, without=["as_strided", "set_"])

# %%
# The place is the offset plus, for each axis, the index times the stride.

# Solution


def element(memory, stride, offset, index):
    return memory[offset + sum(i * step for i, step in zip(index, stride, strict=True))]


report = check(element, element_by_walking, places, without=["as_strided", "set_"])
assert report.passed
assert [element(*place) for place in places] == [view[index] for view, index in views]
report

# %%
# **2. The identity matrix.** It has ``n`` rows and columns, with 1 where row and column are equal, else 0. Make it from
# :func:`torch.arange`, a comparison and a conversion to floats (:ref:`making-tensors`, :ref:`dtypes`).


def identity_by_loops(n):
    return torch.tensor([[float(row == column) for column in range(n)] for row in range(n)])


sizes = [(1,), (2,), (3,), (5,)]
ready_made = ["eye", "diag", "diagflat", "diag_embed", "diagonal", "fill_diagonal_"]


def identity(n):
    raise NotImplementedError


check(identity, identity_by_loops, sizes, without=ready_made)

# %%
# Number the places row by row, from 0. A step down adds ``n`` and a step to the right adds 1, so the places on the
# diagonal are the multiples of ``n + 1``.

# Solution


def identity(n):
    return (torch.arange(n * n) % (n + 1) == 0).reshape(n, n).float()


report = check(identity, identity_by_loops, sizes, without=ready_made)
assert report.passed
report

# %%
# **3. Brightness as whole numbers.** A photo of floats holds brightness from 0 (black) to 1 (white). Return it in
# ``torch.uint8``, from 0 to 255, each rounded to the nearest. What is below 0 becomes black, and what is above 1 white.
# No number may wrap around as in the middle photo above (:ref:`dtypes`).


def quantize_by_loops(image):
    rounded = [round(number) for number in (image * 255).flatten().tolist()]
    limited = [min(max(number, 0), 255) for number in rounded]
    return torch.tensor(limited, dtype=torch.uint8).reshape(image.shape)


torch.manual_seed(0)
few = [[0.0, 0.3, 1.0], [[0.999, 1.2], [-0.1, 0.5]]]
images = [*((torch.tensor(numbers),) for numbers in few), (torch.randn(2, 3, 4),)]


def quantize(image):
    raise NotImplementedError


check(quantize, quantize_by_loops, images)

# %%
# The numbers are rounded and limited while they are still floats. The conversion comes last.

# Solution


def quantize(image):
    return (image * 255).round().clamp(0, 255).to(torch.uint8)


report = check(quantize, quantize_by_loops, images)
assert report.passed
report

# %%
# **4. A checkerboard.** A board of integers, 0 and 1 in turn, begins with 0 in the corner. Write in place into two
# slices of a tensor of zeros: no arithmetic, and no loop (:ref:`in-place-or-new`).


def checkerboard_by_loops(rows, columns):
    return torch.tensor([[(row + column) % 2 for column in range(columns)] for row in range(rows)])


boards = [(1, 2), (2, 3), (4, 4), (5, 7)]
arithmetic = ["arange", "add", "remainder", "tile", "repeat", "tensor"]


def checkerboard(rows, columns):
    raise NotImplementedError


check(checkerboard, checkerboard_by_loops, boards, without=arithmetic)

# %%
# Slices with a step are views, and what is written into them is written into the board.

# Solution


def checkerboard(rows, columns):
    board = torch.zeros(rows, columns, dtype=torch.int64)
    board[::2, 1::2] = 1
    board[1::2, ::2] = 1
    return board


report = check(checkerboard, checkerboard_by_loops, boards, without=arithmetic)
assert report.passed
report

# %%
# How this was checked

assert brighter.max() == 339
assert torch.tensor(300).to(torch.uint8) == 300 - 256
assert torch.equal(quantize(gray * 1.6), brighter.clamp(0, 255).to(torch.uint8))
assert torch.tensor([2.9, -2.9]).int().tolist() == [2, -2]
assert flower.to(flower.dtype) is flower
assert torch.equal(identity(7), torch.eye(7))
assert x[1:].data_ptr() != x.data_ptr()
assert x[1:].untyped_storage().data_ptr() == x.untyped_storage().data_ptr()

# %%
# Read next
# ---------
#
# :ref:`reshape-and-view` is the first idea of the chapter on shapes.
#
# - Yang (2019). `PyTorch internals <https://blog.ezyang.com/2019/05/pytorch-internals/>`__. How strides and storages
#   are built, by one who builds them.
# - Rougier (2016). `100 NumPy exercises <https://github.com/rougier/numpy-100>`__. Short exercises in
#   NumPy, with solutions.

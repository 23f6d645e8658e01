"""
.. _exercises-in-tensors:

Exercises in tensors
====================

Four functions to write with what this chapter taught, about memory, data types and writing in place. Copy a cell into a
session of your own, replace ``raise NotImplementedError``, and run it: ``check`` shows the first input for which
your function is wrong. The solutions are folded; each is run on this page.
"""

# %%
# 1. Where does an element lie?
# -----------------------------
#
# Given the line of memory, and a tensor's strides and offset, return its element with the indices ``index``. The slow
# version walks there one step at a time. Do it in one line (:ref:`strides-and-storage`).

import torch

from ptguide.exercises import check


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
# The place is the offset plus, for every axis, the index times the stride; the result is what indexing the view gives.

# Solution


def element(memory, stride, offset, index):
    return memory[offset + sum(i * step for i, step in zip(index, stride, strict=True))]


report = check(element, element_by_walking, places, without=["as_strided", "set_"])
assert report.passed
assert [element(*place) for place in places] == [view[index] for view, index in views]
report

# %%
# 2. The identity matrix
# ----------------------
#
# ``n`` rows and columns of float32, 1 where row and column are equal, else 0. Make it from :func:`torch.arange`, a
# comparison and a conversion, without :func:`torch.eye` (:ref:`making-tensors`, :ref:`dtypes`).


def identity_by_loops(n):
    return torch.tensor([[float(row == column) for column in range(n)] for row in range(n)])


sizes = [(1,), (2,), (3,), (5,)]
ready_made = ["eye", "diag", "diagflat", "diag_embed", "diagonal", "fill_diagonal_"]


def identity(n):
    raise NotImplementedError


check(identity, identity_by_loops, sizes, without=ready_made)

# %%
# One step down the diagonal is ``n`` places down and one to the right, so its places are the multiples of ``n + 1``.

# Solution


def identity(n):
    return (torch.arange(n * n) % (n + 1) == 0).reshape(n, n).float()


report = check(identity, identity_by_loops, sizes, without=ready_made)
assert report.passed
report

# %%
# 3. Brightness as uint8
# ----------------------
#
# An image of floats holds brightness from 0 (black) to 1 (white). Return it as uint8 from 0 to 255, each rounded to the
# nearest. What is below 0 becomes black and what is above 1 white. No number may wrap around, as 300 does, to 44
# (:ref:`dtypes`).


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
# Everything is put right while the numbers are still floats; the conversion comes last, since it cuts off and wraps.

# Solution


def quantize(image):
    return (image * 255).round().clamp(0, 255).to(torch.uint8)


report = check(quantize, quantize_by_loops, images)
assert report.passed
assert torch.tensor(300).to(torch.uint8) == 44
report

# %%
# 4. A checkerboard
# -----------------
#
# A board of integers, 0 and 1 in turn, beginning with 0 in the corner. Write in place into two slices of a tensor of
# zeros: no arithmetic, and no loop (:ref:`in-place-or-new`).


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
# Next: :ref:`reshape-and-view`, the first idea of the chapter on shapes.

"""
.. _exercises-in-shapes:

Exercises in shapes
===================

Write five functions with what this chapter taught, each in one to three lines and without a loop. Copy a cell into your
own session, replace ``raise NotImplementedError``, and run it: ``check`` shows the first input for which your function
is wrong. The solutions are folded; each is run on this page.
"""

# %%
# 1. An outer sum
# ---------------
#
# Two vectors become a table: ``a[i] + b[j]`` stands in row ``i`` and column ``j``. The loops say exactly what is asked
# for, and the picture shows it on the first input.

import torch

from ptguide.exercises import check


def outer_sum_by_loops(a, b):
    return torch.tensor([[x + y for y in b.tolist()] for x in a.tolist()])


sizes = ((2, 3), (1, 4), (5, 2), (3, 1))
pairs = [(torch.arange(n), 10 * torch.arange(1, m + 1)) for n, m in sizes]


def outer_sum(a, b):
    raise NotImplementedError


check(outer_sum, outer_sum_by_loops, pairs, without=["outer"])

# %%
# An axis of size 1 on the right makes ``a`` a column; broadcasting does the rest.

# Solution


def outer_sum(a, b):
    return a.unsqueeze(1) + b


report = check(outer_sum, outer_sum_by_loops, pairs, without=["outer"])
assert report.passed
report

# %%
# 2. Two vectors, interleaved
# ---------------------------
#
# Element by element in turn, ``a`` first. Both have the same length. Use no index.


def interleave_by_loops(a, b):
    result = []
    for x, y in zip(a.tolist(), b.tolist(), strict=True):
        result += [x, y]
    return torch.tensor(result)


equal_pairs = [(torch.arange(n), 10 * torch.arange(1, n + 1)) for n in (2, 3, 5, 1)]
forbidden = ["__getitem__", "__setitem__", "cat"]


def interleave(a, b):
    raise NotImplementedError


check(interleave, interleave_by_loops, equal_pairs, without=forbidden)

# %%
# Stacked on a *last* axis, partners are neighbours; reading row by row then takes them in turn.

# Solution


def interleave(a, b):
    return torch.stack([a, b], dim=1).reshape(-1)


report = check(interleave, interleave_by_loops, equal_pairs, without=forbidden)
assert report.passed
report

# %%
# 3. repeat without repeat
# ------------------------
#
# The whole matrix ``times`` times, one below the other, and nothing copied before the last step.


def repeat_rows_by_loops(x, times):
    return torch.tensor([row for _ in range(times) for row in x.tolist()])


sizes = ((2, 3, 2), (1, 4, 3), (3, 2, 1), (2, 5, 4))
matrices = [(torch.arange(n * m).reshape(n, m), times) for n, m, times in sizes]
forbidden = ["repeat", "tile", "repeat_interleave", "cat", "stack", "vstack", "__getitem__"]


def repeat_rows(x, times):
    raise NotImplementedError


check(repeat_rows, repeat_rows_by_loops, matrices, without=forbidden)

# %%
# A new first axis, stretched without memory, counts the repetitions. ``reshape`` merges it with the rows, and copies if
# no strides can describe the result.

# Solution


def repeat_rows(x, times):
    return x.expand(times, -1, -1).reshape(-1, x.shape[1])


report = check(repeat_rows, repeat_rows_by_loops, matrices, without=forbidden)
assert report.passed
report

# %%
# 4. A quarter of a turn
# ----------------------
#
# Turn a matrix *with* the clock: the first row becomes the last column.


def turn_by_loops(x):
    bottom_up = x.tolist()[::-1]
    return torch.tensor([[row[j] for row in bottom_up] for j in range(x.shape[1])])


turns = [(torch.arange(n * m).reshape(n, m),) for n, m in ((2, 3), (1, 4), (4, 1), (3, 5))]


def turn(x):
    raise NotImplementedError


check(turn, turn_by_loops, turns, without=["rot90"])

# %%
# The transpose makes a column of the first row, at the left; a flip of the columns brings it to the right.

# Solution


def turn(x):
    return x.T.flip(1)


report = check(turn, turn_by_loops, turns, without=["rot90"])
assert report.passed
report

# %%
# 5. A sheet of images
# --------------------
#
# A batch of images of shape (n, h, w) becomes one image: a grid with ``columns`` images in each row, in the order of
# the batch. The number of images is a multiple of ``columns``.


def sheet_by_loops(images, columns):
    n, h, w = images.shape
    sheet = torch.zeros(n // columns * h, columns * w, dtype=images.dtype)
    for k in range(n):
        for i in range(h):
            for j in range(w):
                sheet[k // columns * h + i, k % columns * w + j] = images[k, i, j]
    return sheet


sizes = ((4, 2, 3, 2), (3, 1, 2, 3), (6, 3, 2, 2), (6, 2, 3, 3))
batches = [(torch.arange(n * h * w).reshape(n, h, w), columns) for n, h, w, columns in sizes]
forbidden = ["cat", "stack", "__setitem__"]


def sheet(images, columns):
    raise NotImplementedError


check(sheet, sheet_by_loops, batches, without=forbidden)

# %%
# Split ``n`` into rows and columns of the grid; bring the height beside the rows of the grid and the width beside its
# columns; merge each pair. ``reshape`` alone gives the right shape, but with two columns or more it cuts the images
# into pieces.

# Solution


def sheet(images, columns):
    grid = images.unflatten(0, (-1, columns))  # (row, column, h, w)
    return grid.transpose(1, 2).flatten(2, 3).flatten(0, 1)  # (row, h, column, w), then merged


report = check(sheet, sheet_by_loops, batches, without=forbidden)
assert report.passed
report

# %%
# The wrong one, shown by ``check``:


def only_reshape(images, columns):
    n, h, w = images.shape
    return images.reshape(n // columns * h, columns * w)


report = check(only_reshape, sheet_by_loops, batches)
assert not report.passed
report

# %%
# Next: :ref:`indexing-and-slicing`, the first page of the chapter on selecting.

"""
.. _how-to-read-the-pictures:

How do I read the pictures?
===========================

The pictures of tensors in this guide are drawn from the tensors of the page. Which element was made of which is found
by running the operation. This page shows what colors, frames and letters mean. You need to know
:ref:`what a shape is <what-is-a-tensor>`.
"""

# %%
# On the left what goes in, on the right what comes out. One :term:`element` is framed thickly, and those that it was
# made of are framed too; the line below says it in words. Hover over an element, tap it, or press Tab and the arrow
# keys, and look at its sources. Touch an element of an *input*, and what was made from it lights up.

import re

import lovely_tensors
import torch
import treescope
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.pictures import Choice, draw, draw_broadcast, draw_graph, draw_network, draw_storage
from ptguide.questions import ask
from ptguide.tensors import describe
from ptguide.trace import MOST_ELEMENTS, Kind, trace

left = torch.tensor([[1, 2, 3], [4, 5, 6]])
right = torch.arange(10, 22).reshape(3, 4)
draw(torch.matmul, (left, right), names=["left", "right"])

# %%
# The small numbers at the edges are the :term:`indices <index>`; the shape stands behind the name. A tensor of three
# :term:`axes <axis>` is drawn as :term:`slices <slice>`, of four as a grid of slices, with the indices of the first
# axes above each. A long axis is shortened.

block = torch.arange(24).reshape(2, 3, 4)
assert block[1, 2, 0] == 20
draw(block, "block")

# %%
# What was copied
# ---------------
#
# With several inputs, each has one color. An element that was made of one input alone has the color of that input; the
# letter in its corner is the first of the input's name, for readers who see no colors. Gray elements are made of
# several inputs or of no input. Here :func:`torch.cat` copies all :val:`14 <wide.numel()>` elements, each from one
# input.

top, bottom = torch.arange(8).reshape(2, 4), torch.arange(30, 36).reshape(2, 3)
wide = torch.cat([top, bottom], dim=1)
assert wide.shape == (2, 4 + 3)
copies = trace(torch.cat, [top, bottom], dim=1)
for place in torch.ones_like(wide).nonzero().tolist():
    assert [link.kind for link in copies.sources(place)] == [Kind.COPIED]
draw(torch.cat, [top, bottom], dim=1, names=["top", "bottom"])

# %%
# With one input, a color stands for an index along its axis 0: in a matrix, for a row. Transposing turns rows into
# columns, and the colors go with them.

draw(torch.t, left)

# %%
# Buttons above a picture choose the value of an argument, here ``dim``. The operation was run with each of them. Click
# a button, or press Tab and the arrow keys: ``dim=0`` gives 3 sums, and ``dim=1`` gives 2.

assert left.sum(dim=0).shape == (3,)
assert left.sum(dim=1).shape == (2,)
draw(torch.sum, left, dim=Choice(0, 1), names=["left"])

# %%
# What was computed, compared, or pointed to
# ------------------------------------------
#
# A solid frame also marks what an element was *computed* from, as in the product above. A dotted frame marks elements
# that were *compared* and not copied: sorting copies the 9, after a look at its neighbours.

grades = torch.tensor([[3.0, 1, 2], [9, 7, 8]])
links = trace(torch.sort, grades, dim=1).sources((1, 2))  # of the 9, which comes last
assert {link.index: link.kind for link in links} == {
    (1, 0): Kind.COPIED,
    (1, 1): Kind.COMPARED,
    (1, 2): Kind.COMPARED,
}
draw(torch.sort, grades, dim=1)

# %%
# A dashed frame marks an *index*: it says which element is taken, and gives no value itself. :func:`torch.gather` takes
# elements by such indices.

places = torch.tensor([[0, 2], [1, 1]])
assert torch.gather(grades, 1, places).tolist() == [[3, 2], [7, 7]]
draw(torch.gather, (grades, 1, places), names=["grades", "places"])

# %%
# Sometimes an operation chooses, and what it did not choose has no say at these values. :func:`torch.any` of
# two true values stays true if one of them becomes false. A frame of fine dots marks such elements: the result *may
# depend* on them, when others have other values.

truths = torch.tensor([[True, True, False], [False, True, False]])
several = trace(torch.any, truths, dim=1)
assert {link.index: link.kind for link in several.sources((0,))} == {
    (0, 0): Kind.MAYBE,
    (0, 1): Kind.MAYBE,
    (0, 2): Kind.MAYBE,
}
assert [link.index for link in several.sources((1,)) if link.kind == Kind.COMPUTED] == [(1, 1)]
draw(torch.any, truths, dim=1, at=(0,))

# %%
# How the links are found
# -----------------------
#
# An element of the result depends on an element of an input if changing this one alone changes the result there.
# ``ptguide.trace`` runs the operation again and again to find out. To find copies it gives each input element a code
# and looks which code arrives. For the rest it changes one element at a time and looks what else changes. So it works
# for functions of your own and for modules too, if their tensors are small: together at most
# :val:`4096 <MOST_ELEMENTS>` elements.


def neighbours(x):
    return x[1:] - x[:-1]


found = trace(neighbours, torch.tensor([4.0, 9, 16, 25, 36]))
assert [link.index for link in found.sources((2,))] == [(2,), (3,)]
assert {link.kind for link in found.sources((2,))} == {Kind.COMPUTED}
assert len(trace(torch.nn.Linear(3, 2), torch.ones(3)).sources((1,))) == 3
with expect_error(ValueError, match="trace follows at most 4096"):
    trace(neighbours, torch.zeros(MOST_ELEMENTS + 1))
draw(neighbours, torch.tensor([4.0, 9, 16, 25, 36]))

# %%
# A :term:`mask` is respected: it chooses, and what it did not choose has no link. Attention shows it. Position 0 of
# three may look at itself alone, position 2 at all three.

torch.manual_seed(0)
q, k, v = torch.randn(3, 3, 2).round(decimals=1)
found = trace(F.scaled_dot_product_attention, (q, k, v), is_causal=True)
keys_seen = found.depends(input=1).any(dim=3).any(dim=1)  # of (position, feature, key, feature)
assert keys_seen.int().tolist() == [[0, 0, 0], [1, 1, 0], [1, 1, 1]]
draw(F.scaled_dot_product_attention, (q, k, v), is_causal=True, names=["q", "k", "v"])

# %%
# The first row of ``keys_seen`` is empty, and rightly so: position 0 has one value to choose from, so its weight is 1,
# and its key changes nothing. A trace refuses an operation whose output has another shape for other values, such as
# :func:`torch.nonzero`. It misses what happens at rare values alone, here between a million and a million and one.

with expect_error(ValueError, match="the shape of its output depends on the values"):
    trace(torch.nonzero, left)
assert trace(lambda x: x > 1_000_000, grades).sources((0, 0))
assert not trace(lambda x: (x > 1_000_000) & (x < 1_000_001), grades).sources((0, 0))

# %%
# Memory and broadcasting
# -----------------------
#
# Two pictures show what is no operation. The :term:`storage` is the row in memory that holds a tensor's elements.
# Transposing copies nothing, so each of its places belongs to both tensors.

assert left.T.data_ptr() == left.data_ptr()
draw_storage([left, left.T], ["left", "left.T"])

# %%
# In a picture of :term:`broadcasting`, dashed elements do not exist: they repeat one that does.

column, row = torch.tensor([[100], [200]]), torch.tensor([1, 2, 3])
draw_broadcast([column, row], ["column", "row"])

# %%
# Graphs and networks
# -------------------
#
# What autograd records of a calculation is drawn as a graph: leaves above, the result below, and behind each "∂" the
# :term:`gradient` that flows back. :ref:`from-calculation-to-graph` explains it.

x = torch.tensor(2.0, requires_grad=True)
y = torch.tensor(4.0, requires_grad=True)
draw_graph(torch.log(x * y), {"x": x, "y": y})

# %%
# A network is a table: what each :term:`layer` got and gave in one forward pass, its :term:`parameters <parameter>`,
# and the :term:`bytes <byte>` of both.

network = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
table = draw_network(network, torch.zeros(5, 4))
assert table.parameters == (4 * 6 + 6) + (6 * 3 + 3)
table

# %%
# Other tools that show tensors
# -----------------------------
#
# A large tensor has too many elements for a picture. ``describe`` says in one line what stands out, and so does
# ``lovely_tensors``. ``treescope`` prints the values below a line of facts, and draws a heat map in a notebook. It is
# given NumPy arrays here, since the release that runs here reads an :term:`attribute` ``names``, which tensors of torch
# 2.14 no longer have.

try:
    works = bool(treescope.render_to_text(left))
except AttributeError:
    works = False
assert works == hasattr(left, "names")

# %%
# The same five tensors, by each of them:

five = {
    "whole numbers": torch.arange(12).reshape(3, 4),
    "with a NaN": torch.tensor([float("nan"), *range(1, 12)]),
    "a view": torch.arange(12.0).reshape(3, 4).T[1:],
    "of a product": torch.ones(2, 5, requires_grad=True) * 3,
    "truth values": torch.arange(12).reshape(3, 4) > 7,
}
tools = {
    "describe": lambda t: str(describe(t)),
    "lovely_tensors": lambda t: str(lovely_tensors.lovely(t, color=False)),
    "treescope": lambda t: " ".join(treescope.render_to_text(t.detach().numpy()).split()),
}
said = {(tool, name): show(tensor) for name, tensor in five.items() for tool, show in tools.items()}
for (tool, name), text in said.items():
    print(f"{name:<14} {tool:<15} {text}")

# %%
# What each of them told is found in its own words. ``treescope`` was given an array, so it cannot know the operation
# that made it. None of the three says which element was made of which; for that there are the pictures of this guide.

facts = {
    "shape": ("whole numbers", "3, 4"),
    "data type": ("whole numbers", "int64|i64"),
    "smallest and largest": ("whole numbers", "0.*11"),
    "NaN is pointed out": ("with a NaN", "NaN!|1 NaN|nan:1"),
    "strides of a view": ("a view", "strides"),
    "operation that made it": ("of a product", "MulBackward0"),
    "how many are true": ("truth values", "4 of 12|true:4"),
    "every value of 12": ("truth values", "(True.*){4}"),
}
told = {
    fact: [bool(re.search(sign, said[tool, name])) for tool in tools]
    for fact, (name, sign) in facts.items()
}
print(f"{'':<24}" + "".join(f"{tool:<16}" for tool in tools))
for fact, found in told.items():
    print(f"{fact:<24}" + "".join(f"{'yes' if yes else '-':<16}" for yes in found))
assert told["shape"] == told["data type"] == [True, True, True]
assert [fact for fact, found in told.items() if not found[0]] == ["every value of 12"]

# %%
# Check yourself
# --------------
#
# A trace gives each answer. How many frames?

column_sum = trace(torch.sum, left, dim=0).sources((1,))
assert [link.index for link in column_sum] == [(0, 1), (1, 1)]
ask(
    "x has shape (2, 3). In a picture of its sum with dim=0, how many elements are framed with element 1 of the sum?",
    answer=len(column_sum),
    choices={
        2: "Those of column 1, one from each row.",
        3: "That is a row, which the sum along axis 1 adds up.",
        6: "Only what can change out[1] is framed; the other columns cannot.",
    },
)

# %%
# A running sum:

running = trace(torch.cumsum, torch.arange(5.0), dim=0).sources((3,))
ask(
    "x has 5 elements. Which elements of x does element 3 of its cumsum with dim=0 depend on?",
    answer=[link.index[0] for link in running],
    choices={
        (0, 1, 2): "The element in its own place is added, too.",
        (2, 3): "It is the sum before it plus x[3]; but lines lead to inputs, not to results.",
        (0, 1, 2, 3): "All that were added up to there.",
    },
)

# %%
# And gray elements:

filled = trace(torch.full_like, left, fill_value=7)
ask(
    "x has shape (2, 3). How many elements of full_like, with fill_value=7, are made of an element of x?",
    answer=sum(
        bool(filled.sources(place)) for place in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2))
    ),
    choices={
        0: "Only the shape comes from x, so all six are gray.",
        6: "It takes the shape of x, but no value; x.clone() takes the values, and has their colors.",
    },
)

# %%
# Next: :ref:`making-tensors`, with a picture of each way.

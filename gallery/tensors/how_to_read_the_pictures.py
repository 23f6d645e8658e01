"""
.. _how-to-read-the-pictures:

How do I read the pictures?
===========================

The reference says what an operation returns, but not which inputs each number of the result was computed from. The
pictures of this guide show that: the operation was run to find out.
"""

# %%
# Set-up

import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import Choice, draw, draw_broadcast
from ptguide.questions import ask
from ptguide.trace import MOST_ELEMENTS, Kind, trace

left = torch.tensor([[1, 2, 3], [4, 5, 6]])
right = torch.arange(10, 22).reshape(3, 4)

# %%

draw(torch.matmul, (left, right), names=["left", "right"])

# %%
# The inputs come first, and the result comes last. One :term:`element` of the result has a thick frame, and so have the
# elements that it was made of. The line below says which these are. Point at another element, tap it, or press
# Tab and the arrow keys. You need to know :ref:`what a shape is <what-is-a-tensor>`.
#
# The rule
# --------
#
# The shape stands behind the name, and the small numbers at the edges are the :term:`indices <index>`. A tensor of
# three :term:`axes <axis>` is drawn as :term:`slices <slice>`, with the index on the first axis above each. The element
# of row 1 and column 2 is made of row 1 of ``left`` and column 2 of ``right``.
#
# Colors say where a number was copied from
# -----------------------------------------
#
# If there are several inputs, each has a color, except an input that holds indices. An element that is made of one
# input alone has the color of that input. The letter in the corner is the first letter of the input's name, for readers
# who see no colors. Gray elements of the result are made of several inputs, or of no input.

top, bottom = torch.arange(8).reshape(2, 4), torch.arange(30, 36).reshape(2, 3)
wide = torch.cat([top, bottom], dim=1)
draw(torch.cat, [top, bottom], dim=1, names=["top", "bottom"])

# %%
# With one matrix as input, a color stands for a row. Buttons above a picture choose the value of an argument, here
# ``dim``: the operation was run with each.

draw(torch.sum, left, dim=Choice(0, 1), names=["left"])

# %%
# Frames say what a number was made of
# ------------------------------------
#
# A solid frame marks what was copied or computed with. A dashed frame marks an *index*: it says which element is taken,
# and gives no value itself. :func:`torch.gather` takes elements of ``grades`` by the indices in ``places``.

grades = torch.tensor([[3.0, 1, 2], [9, 7, 8]])
places = torch.tensor([[0, 2], [1, 1]])
draw(torch.gather, (grades, 1, places), names=["grades", "places"])

# %%
# A dotted frame marks what was *compared*. Sorting copies the :val:`9 <int(grades.max())>` to the end, because it is
# larger than the other numbers of its row.

draw(torch.sort, grades, dim=1, at=(1, 2))

# %%
# .. use-this::
#
#    When an operation puzzles you, draw it: give ``draw`` the operation and small tensors whose axes differ in size,
#    so that you cannot confuse two axes. Your own functions can be drawn, too. The operation is run many times for one
#    picture. So the inputs together may have at most :val:`4096 <MOST_ELEMENTS>` elements, and the outputs as many;
#    a tensor may have four axes at most.
#
# A common mistake
# ----------------
#
# **Taking dashed boxes for memory.** In a picture of :term:`broadcasting`, elements in dashed boxes do not exist. They
# repeat an element that exists.

column, row = torch.tensor([[100], [200]]), torch.tensor([1, 2, 3])
assert column.expand(2, 3).stride() == (1, 0)
draw_broadcast([column, row], ["column", "row"])

# %%
# How this was checked

made = trace(torch.matmul, (left, right))
assert {link.index for link in made.sources((1, 2))} == {(1, 0), (1, 1), (1, 2), (0, 2), (2, 2)}
copies = trace(torch.cat, [top, bottom], dim=1)
for place in torch.ones_like(wide).nonzero().tolist():
    assert [link.kind for link in copies.sources(place)] == [Kind.COPIED]
links = trace(torch.sort, grades, dim=1).sources((1, 2))  # of the 9, which comes last
assert {link.index: link.kind for link in links} == {
    (1, 0): Kind.COPIED,
    (1, 1): Kind.COMPARED,
    (1, 2): Kind.COMPARED,
}
assert trace(torch.neg, torch.zeros(MOST_ELEMENTS)).outputs[0].numel() == MOST_ELEMENTS
half = torch.zeros(MOST_ELEMENTS // 2 + 1)  # two of these are too many
with expect_error(ValueError, match="elements in the inputs"):
    trace(torch.add, (half, half))
with expect_error(ValueError, match="expected 0 to 4 axes"):
    five_axes = draw(torch.neg, torch.zeros(1, 1, 1, 1, 2))
found = trace(lambda x: x[1:] - x[:-1], torch.tensor([4.0, 9, 16, 25, 36]))
assert [link.index for link in found.sources((2,))] == [(2,), (3,)]
assert {link.kind for link in found.sources((2,))} == {Kind.COMPUTED}
assert torch.gather(grades, 1, places).tolist() == [[3, 2], [7, 7]]
assert wide.shape == (2, 4 + 3)
assert not trace(torch.full_like, left, fill_value=7).sources((0, 0))

# %%
# Check yourself
# --------------
#
# A trace gives each answer.

column_sum = trace(torch.sum, left, dim=0).sources((1,))
ask(
    f"x has shape {tuple(left.shape)}. In a picture of its sum with dim=0, "
    "how many elements are framed with element 1 of the sum?",
    answer=len(column_sum),
    choices={
        2: "Those of column 1, one from each row.",
        3: "That is a row, which the sum along axis 1 adds up.",
        6: "The elements of the other columns cannot change out[1], so they are not framed.",
    },
)

# %%
# The next question asks about a running sum.

running = trace(torch.cumsum, torch.arange(5.0), dim=0).sources((3,))
ask(
    "x has five elements. Which elements of x does element 3 of its cumsum with dim=0 depend on?",
    answer=[link.index[0] for link in running],
    choices={
        (0, 1, 2): "The element in its own place is added, too.",
        (2, 3): "It is the sum before it plus x[3], but that sum is a result, not an input.",
        (0, 1, 2, 3): "These four elements are added to give element 3.",
    },
)

# %%
# **Exercise.** Draw a picture yourself, as text. ``who(out, inputs)`` gets the result of an operation that copies, and
# inputs in which each number occurs once. It returns, for each element of ``out``, which input holds it, as a number.


def who(out, inputs):
    raise NotImplementedError


def who_by_loops(out, inputs):
    owner = {number: k for k, one in enumerate(inputs) for number in one.flatten().tolist()}
    return torch.tensor([owner[number] for number in out.flatten().tolist()]).reshape(out.shape)


cases = [(wide, [top, bottom]), (torch.stack([left, left + 10], 1), [left, left + 10])]
cases.append((right.T, [right]))
check(who, who_by_loops, cases)

# %%
# :func:`torch.isin` says of each element of ``out`` whether an input holds it. Multiply the answer by the number of the
# input, and add up.

# Solution


def who(out, inputs):
    return sum(k * torch.isin(out, one) for k, one in enumerate(inputs))


report = check(who, who_by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`making-tensors` has a picture of each way.
#
# - Victor (2011). `Up and Down the Ladder of Abstraction <https://worrydream.com/LadderOfAbstraction/>`__. How
#   pictures that answer to the pointer help to understand a system.

"""
.. _shapes-table:

Which operations return a view, and which a copy?
=================================================

This page runs the operations of the chapter on one tensor. It prints the shape of the result, whether it shares memory
with the tensor, and how often each element is used. You need to know :ref:`what strides are <strides-and-storage>`.
"""

# %%
# A :term:`view` is a second tensor on the same :term:`storage`, as these two are; a :term:`copy` has a storage of its
# own. The tensor ``x``, which all calls below are given, has three axes, and one of size 1 for those that need it.

import itertools

import torch
from torch.nn import functional as F

from ptguide.pictures import draw_storage
from ptguide.questions import ask
from ptguide.rules import explain_view
from ptguide.tensors import shares_memory, storage_map

x = torch.arange(24).reshape(4, 1, 6)
draw_storage([x.squeeze(1), x.view(8, 3)], ["x.squeeze(1)", "x.view(8, 3)"])

# %%
# A second tensor, ``y``, has the same elements in another order of memory, and so other :term:`strides <stride>`. Such
# a tensor comes out of :ref:`permute <transpose-and-permute>`: printed like ``x``, but not :term:`contiguous`.

y = x.permute(2, 1, 0).contiguous().permute(2, 1, 0)
assert torch.equal(x, y)
assert (x.is_contiguous(), y.is_contiguous()) == (True, False)
assert (x.stride()[0], x.stride()[2]) == (6, 1)
assert (y.stride()[0], y.stride()[2]) == (1, 4)

# %%
# The calls are kept as text and run from this text, so that the table can't name another call than the one that ran.

one_axis = ["x.unsqueeze(1)", "x.squeeze(1)", "x.unflatten(2, (2, 3))"]
elements_kept = ["x.view(8, 3)", "x.reshape(8, 3)", "x.flatten()"]
order = ["x.transpose(0, 2)", "x.permute(2, 0, 1)", "x.movedim(0, 2)", "x.mT"]
cut = ["x.unbind(0)", "x.split(3)", "x.chunk(2)", "x.tensor_split(2)"]
join = ["torch.cat([x, x])", "torch.stack([x, x])"]
stretch = ["x.expand(4, 5, 6)", "torch.broadcast_to(x, (3, 4, 1, 6))"]
longer = ["x.repeat(1, 5, 1)", "x.tile(2)", "x.repeat_interleave(5, dim=1)", "F.pad(x, (2, 1))"]
move = ["x.flip(0)", "x.roll(1, 2)", "x.rot90(1, (0, 2))"]
memory = ["x.contiguous()", "x.clone()"]
calls = [*one_axis, *elements_kept, *order, *cut, *join, *stretch, *longer, *move, *memory]

# %%
# A call that gives several pieces gives a view if all of them are. ``view`` raises an error where the strides allow no
# view.


def run(call, tensor):
    result = eval(call, {"x": tensor, "torch": torch, "F": F})
    return result if isinstance(result, tuple) else (result,)


def verdict(call, tensor):
    try:
        results = run(call, tensor)
    except RuntimeError:
        return "error"
    shared = {shares_memory(tensor, result) for result in results}
    assert len(shared) == 1  # all pieces, or none
    return "itself" if results[0] is tensor else "view" if True in shared else "copy"


# %%
# How often is each element used? The :term:`gradient` of a sum over the result counts it.


def uses(call):
    leaf = x.float().requires_grad_()
    sum(result.sum() for result in run(call, leaf)).backward()
    assert leaf.grad.unique().numel() == 1  # the same for all elements
    return int(leaf.grad[0, 0, 0])


# %%
# The table
# ---------
#
# First what changes the axes of one tensor and leaves its elements as they are. Of several pieces the first shape is
# printed.

table = {call: (verdict(call, x), verdict(call, y), uses(call)) for call in calls}


def show(calls):
    print(f"{'call, x of shape (4, 1, 6)':<37}{'result':<16}{'x':<8}{'y, not contiguous':<19}used")
    for call in calls:
        of_x, of_y, used = table[call]
        results = run(call, x)
        shape = f"{tuple(results[0].shape)}" + (", ..." if len(results) > 1 else "")
        print(f"{call:<37}{shape:<16}{of_x:<8}{of_y:<19}{used}")


show([*one_axis, *elements_kept, *order, *cut])

# %%
# Then what joins, stretches, lengthens and moves, and what changes the memory alone. *itself* is the very tensor that
# went in.

show([*join, *stretch, *longer, *move, *memory])

# %%
# What the table says
# -------------------
#
# For ``x`` and for ``y``, the calls that add or remove an axis, split one, put the axes into another order, cut pieces
# or stretch an axis give a view. The calls that join, repeat, pad or move elements give a copy, and so does ``clone``.

always_views = [call for call in calls if table[call][:2] == ("view", "view")]
always_copies = [call for call in calls if table[call][:2] == ("copy", "copy")]
assert always_views == [*one_axis, *order, *cut, *stretch]
assert always_copies == [*join, *longer, *move, "x.clone()"]

# %%
# The other four depend on the strides. ``reshape`` and ``flatten`` copy where ``view`` raises an error
# (:ref:`reshape-and-view` has the rule), and ``contiguous`` returns the tensor itself or copies it.

depends = {call: table[call][:2] for call in calls if call not in always_views + always_copies}
assert depends == {
    "x.view(8, 3)": ("view", "error"),
    "x.reshape(8, 3)": ("view", "copy"),
    "x.flatten()": ("view", "copy"),
    "x.contiguous()": ("itself", "copy"),
}

# %%
# Each element is used more than once where a call joins ``x`` with itself, stretches it or repeats it. Its gradient is
# then the sum of the gradients of its uses. ``F.pad`` makes the result longer with new elements, and uses the old ones
# once.

*repeat, pad = longer
assert {call for call in calls if table[call][2] > 1} == {*join, *stretch, *repeat}
assert table[pad][2] == 1

# %%
# Does it copy because it must?
# -----------------------------
#
# A view is an offset and a stride of at least 0 for each axis. So run the call on the *places* of the elements in
# memory and take the first step along each axis as its stride: do these strides lead to all the places that arrived?


def could_be_view(call, tensor):
    places = run(call, storage_map(tensor))[0]
    steps = [places.diff(dim=axis).flatten().tolist() for axis in range(places.dim())]
    strides = [step[0] if step else 0 for step in steps]  # an axis of size 1 makes no step
    if min(strides) < 0:
        return False
    line = torch.arange(1000)  # each element is the number of its place
    return torch.equal(line.as_strided(places.shape, strides, places.flatten()[0].item()), places)


assert all(could_be_view(call, tensor) for call in always_views for tensor in (x, y))

# %%
# ``reshape`` and ``flatten`` copy ``y`` because they must. So do most of the calls that always copy: ``flip``, for
# example, would need a negative stride. Four of these copies could be views of ``x``: ``clone``, a repeated axis of
# size 1, which could have stride 0 as with ``expand``, and the new axis of a stack of one tensor with itself. But a
# stride of 0 gives two elements one place, and then neither can be written alone.

assert not any(could_be_view(call, y) for call in elements_kept)
could = [call for call in always_copies if could_be_view(call, x)]
print("copies that could be views:", *could, sep="\n  ")
repeated = ["x.repeat(1, 5, 1)", "x.repeat_interleave(5, dim=1)"]
assert could == ["torch.stack([x, x])", *repeated, "x.clone()"]

# %%
# Is it always so?
# ----------------
#
# Two tensors are no proof of "always". Here are the twelve layouts of this shape with the axes in any order in memory,
# and with or without gaps between the elements. What gave a view gives a view of all twelve, and what gave a copy a
# copy.

layouts = []
for axes, gap in itertools.product(itertools.permutations(range(3)), (0, 1)):
    sizes = [(4, 1, 6)[axis] + gap for axis in axes]
    block = torch.zeros(sizes).permute([axes.index(axis) for axis in range(3)])
    layouts.append(block[:4, :1, :6])
assert len(layouts) == 12
for layout in layouts:
    assert {verdict(call, layout) for call in always_views} == {"view"}
    assert {verdict(call, layout) for call in always_copies} == {"copy"}
    for call in elements_kept:
        fits = explain_view(layout, run(call, x)[0].shape).works
        assert (verdict(call, layout) == "view") == fits

# %%
# And does "shares memory" mean what it should? Write into the first element of each result: the tensor changes exactly
# where the table says that it is a view, or the tensor itself.

for call in calls:
    tensor = x.clone()
    result = run(call, tensor)[0]
    result[(0,) * result.dim()] = -1
    assert bool((tensor == -1).any()) == (table[call][0] in ("view", "itself"))

# %%
# Check yourself
# --------------

z = torch.zeros(2, 3)
z.T[0, 0] = 5
z.flip(1)[0, 2] = 6
z.reshape(6)[1] = 7
ask(
    "z is torch.zeros(2, 3). After the three lines above, what is its first row?",
    answer=z[0].int(),
    choices={
        (6, 7, 0): "flip(1)[0, 2] is the first element of z, but of a copy.",
        (5, 7, 0): "z.T is a view, flip copies, and reshape gives a view of a contiguous z.",
        (5, 0, 0): "reshape copies only when it must, and for a contiguous tensor it need not.",
    },
)

# %%
# And the memory:

t = torch.zeros(5, 7).T
three = ("x.flatten()", "x.roll(1, 0)", "x.unsqueeze(0)")
ask(
    "x is torch.zeros(5, 7).T. Which of these makes no copy?",
    answer=next(call for call in three if verdict(call, t) == "view"),
    choices={
        "x.flatten()": "For a transposed matrix the merged axis would need two strides.",
        "x.roll(1, 0)": "The last row comes first: no stride leads from it to the next.",
        "x.unsqueeze(0)": "An axis of size 1 is never stepped along, so it fits any strides.",
    },
)

# %%
# Next: :ref:`exercises-in-shapes`, where you build some of these operations from the others.

"""
.. _selecting-table:

Which ways to select copy, and which give a view?
=================================================

This page runs operations of the chapter on one tensor. It prints the shape of the result, whether it shares memory
with the tensor, whether its shape depends on the values, and whether a gradient flows back. You need to know
:ref:`what strides are <strides-and-storage>`.
"""

# %%
# A slice is an offset and :term:`strides <stride>`: a :term:`view`, as in the picture. A list of positions gives a
# :term:`copy` with a :term:`storage` of its own, even where a slice would have given the same.

import torch
from torch.nn import functional as F

from ptguide.pictures import draw_storage
from ptguide.questions import ask
from ptguide.tensors import shares_memory

x = 100.0 + (torch.arange(20) * 7 % 20).reshape(4, 5)
assert torch.equal(x[0:3:2], x[[0, 2]])
assert (shares_memory(x, x[0:3:2]), shares_memory(x, x[[0, 2]])) == (True, False)
draw_storage([x, x[0:3:2]], ["x", "x[0:3:2]"])

# %%
# ``x`` has 20 different values, from 100 on, so that a value tells where an element came from. The calls are kept as
# text and run from this text. First come indices between brackets, and the functions that take positions.

places, index = torch.tensor([3, 0, 0]), torch.tensor([[4, 0], [1, 1], [2, 3]])
limits = torch.tensor([105.0, 110.0, 115.0])
names = {"torch": torch, "F": F, "places": places, "index": index, "limits": limits}
slices = ["x[1]", "x[0:3:2]", "x[..., 1:]", "x[:, None]", "x.select(1, 2)", "x.narrow(0, 1, 2)"]
slices += ["x.diagonal()"]
lists = ["x[[0, 2]]", "x[[2, 0]]", "x[[0, 2], [1, 4]]", "x.index_select(1, places)"]
lists += ["torch.take(x, places)", "x.gather(1, index)", "x.take_along_dim(index[:1], 1)"]
masks = ["x[x > 110]", "x.masked_select(x > 110)"]

# %%
# The next calls write: into a copy, or, with an underscore, into ``x`` itself.

into_copy = ["x.scatter(1, index, -1)", "x.scatter_add(1, index, index * 0.3)"]
into_copy += ["x.index_add(0, places, x[1:])", "x.masked_fill(x > 110, -1)"]
into_copy += ["torch.where(x > 110, x, -1)", "x.triu(1)", "x.tril(9)"]
into_itself = ["x.scatter_(1, index, -1)", "x.masked_fill_(x > 110, -1)"]
into_itself += ["x.index_fill_(0, places, -1)", "x.triu_()"]

# %%
# The last calls look at the values: they order the elements, drop equal ones, or give positions.

ordered = ["x.sort(1)", "x.topk(2, 1)", "x.kthvalue(2, 1)", "x.max(1)", "x.amax(0)", "x.max()"]
different = ["x.unique()", "x.unique(dim=0)", "x.unique_consecutive()"]
positions = ["x.argsort(1)", "x.argmax(1)", "x.argmax()", "torch.searchsorted(limits, x)"]
positions += ["torch.bucketize(x, limits)", "F.one_hot(x.long() % 7, 7)", "(x > 110).nonzero()"]
positions += ["(x > 110).count_nonzero()"]
calls = [*slices, *lists, *masks, *into_copy, *into_itself, *ordered, *different, *positions]


def run(call, tensor):
    result = eval(call, {"x": tensor, **names})
    return result if isinstance(result, torch.Tensor) else result[0]  # of a pair, the values


# %%
# When *must* an operation copy? A view is an offset and one stride of at least 0 for each axis. So look up at which
# place in memory each element of the result was in ``x``, and whether these places have equal steps along each axis. A
# result with numbers that are not in ``x`` is no view of it.


def could_be_view(result):
    if not torch.isin(result, x).all():
        return False
    at = x.flatten().argsort()[result.long() - 100]  # the place of each value in x
    steps = [at.narrow(axis, 0, min(2, size)).diff(dim=axis) for axis, size in enumerate(at.shape)]
    strides = [step.flatten()[0].item() if step.numel() else 0 for step in steps]
    if min(strides, default=0) < 0:
        return False
    return torch.equal(torch.arange(1000).as_strided(at.shape, strides, at.flatten()[0].item()), at)


for view in (x.T, x[1:, ::2], x[:, None], x[0, 0], x[:1].expand(3, 5)):
    assert could_be_view(view)
for copied in (x[[2, 0]], x.flip(0), x + 1, x[[0, 1, 3]]):
    assert not could_be_view(copied)

# %%
# The verdict on one call, on a clone of ``x``, so that each call meets the same values.


def memory(call):
    tensor = x.clone()
    result = run(call, tensor)
    if result is tensor:
        return "itself"
    if shares_memory(tensor, result):
        return "view"
    return "copy" if could_be_view(result) else "must copy"


# %%
# Does the shape depend on the values? Run it on a tensor of the same shape with other values. Does a :term:`gradient`
# flow back? Ask for one.


def depends_on_values(call):
    return run(call, x.clone()).shape != run(call, torch.full_like(x, 100)).shape


def gradient(call):
    leaf = x.clone().requires_grad_()
    result = run(call, leaf.clone())
    if not result.requires_grad:
        return "none"
    try:
        result.sum().backward()
    except NotImplementedError:
        return "error"
    return "yes" if leaf.grad.any() else "zero"


# %%
# The table
# ---------
#
# *view*: the result is on the memory of ``x``. *copy*: it is not, though strides could give it. *must copy*: strides
# cannot give it. "By values": whether the shape depends on them.
#
# .. not tried: must copy: strides cannot give it — this is the name of a column's entry, computed by could_be_view

table = {call: (memory(call), depends_on_values(call), gradient(call)) for call in calls}


def show(calls):
    line = "{:<38}{:<12}{:<12}{:<12}{}".format
    print(line("call, with x of shape (4, 5)", "result", "memory", "by values", "gradient"))
    for call in calls:
        shared, by_values, flows = table[call]
        shape = str(tuple(run(call, x.clone()).shape))
        print(line(call, shape, shared, "yes" if by_values else "-", flows))


show([*slices, *lists, *masks])

# %%
# Here are the calls that write, and triangles. *itself*: the call gives back the tensor that it was given, changed.

show([*into_copy, *into_itself])

# %%
# Here are the calls that look at the values.

show([*ordered, *different, *positions])

# %%
# What the table says
# -------------------
#
# Of these calls, those of the first list are views: single places, slices, new axes and the diagonal. A call with
# an underscore gives back the tensor itself. The others copy. Five of them copy what could be a view.


def with_memory(kind):
    return [call for call in calls if table[call][0] == kind]


assert with_memory("view") == slices
assert with_memory("itself") == into_itself
could = ["x[[0, 2]]", "x[[0, 2], [1, 4]]", "x.tril(9)", "x.max()", "x.unique_consecutive()"]
assert with_memory("copy") == could

# %%
# Of these calls, the shape depends on the values where a condition selects, where equal elements are dropped, and where
# positions of a condition are listed. On a GPU, Python waits for the values then: see :func:`torch.nonzero`.

by_values = [call for call in calls if table[call][1]]
assert by_values == [*masks, *different, "(x > 110).nonzero()"]

# %%
# A gradient flows back through the calls that give elements of ``x``. Positions and counts have no gradient, and
# ``unique`` has no backward step.

assert [call for call in calls if table[call][2] == "none"] == positions
assert [call for call in calls if table[call][2] == "error"] == different
for call in calls:
    assert (table[call][2] == "yes") == (call not in positions and call not in different)

# %%
# Does "shares memory" mean what it should? Write into each result: the tensor changes exactly where the table says.

for call in calls:
    tensor = x.clone()
    run(call, tensor).fill_(-7)
    assert bool((tensor == -7).any()) == (table[call][0] in ("view", "itself"))

# %%
# One layout of the memory proves little. Here is ``x`` with the axes in the other order in memory, and with gaps
# between the elements. The calls that give elements share memory with it where they did before, and nowhere else.

for call in [call for call in calls if call not in positions]:
    other = torch.zeros(5, 8).T[::2].copy_(x)
    assert (torch.equal(other, x), x.stride(), other.stride()) == (True, (5, 1), (2, 8))
    assert shares_memory(other, run(call, other)) == (table[call][0] in ("view", "itself"))

# %%
# Check yourself
# --------------

z = torch.zeros(4)
z[1:3][0] = 5
z[[2, 3]][0] = 6
z[z == 0][0] = 7
ask(
    "z = torch.zeros(4); z[1:3][0] = 5; z[[2, 3]][0] = 6; z[z == 0][0] = 7. What is z?",
    answer=z.int(),
    choices={
        (7, 5, 6, 0): "A list and a mask give copies; the writes into these are lost.",
        (0, 5, 0, 0): "Of the three, one is a view: the slice.",
        (0, 0, 0, 0): "A slice is a view: writing into it changes z.",
    },
)

# %%
# And the shape:

ask(
    "For which call is the shape of the result not known before it runs?",
    answer=next(call for call in by_values if call not in different and call != masks[0]),
    choices={
        "x.topk(2, 1)": "Which elements it takes depends on the values; how many is 2 for each row.",
        "x.gather(1, index)": "It has the shape of the index.",
        "x.masked_select(x > 110)": "It is as long as the number of True.",
    },
)

# %%
# Next: :ref:`exercises-in-selecting`.

"""
.. _selecting-table:

Which ways to select copy, and which give a view?
=================================================

You write into what you selected, and the tensor changes or not: a view shares its memory, and a copy does not. The
tables say which one you get from :val:`44 <len(calls)>` calls.
"""

# %%
# Set-up

import torch
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw_storage
from ptguide.questions import ask
from ptguide.tensors import shares_memory

small = torch.arange(9).reshape(3, 3)
x = 100 + (torch.arange(20.0) * 7 % 20).reshape(
    4, 5
)  # 20 different values tell where an element came from
places, index = torch.tensor([3, 0, 0]), torch.tensor([[4, 0], [1, 1], [2, 3]])
limits = torch.tensor([105.0, 110.0, 115.0])
names = {"torch": torch, "F": F, "places": places, "index": index, "limits": limits}
slices = ["x[1]", "x[0:3:2]", "x[..., 1:]", "x[:, None]", "x.select(1, 2)", "x.narrow(0, 1, 2)"]
slices += ["x.diagonal()"]
lists = ["x[[0, 2]]", "x[[2, 0]]", "x[[0, 2], [1, 4]]", "x.index_select(1, places)"]
lists += ["torch.take(x, places)", "x.gather(1, index)", "x.take_along_dim(index[:1], 1)"]
masks = ["x[x > 110]", "x.masked_select(x > 110)"]
into_copy = ["x.scatter(1, index, -1)", "x.scatter_add(1, index, index * 0.3)"]
into_copy += ["x.index_add(0, places, x[1:])", "x.masked_fill(x > 110, -1)"]
into_copy += ["torch.where(x > 110, x, -1)", "x.triu(1)", "x.tril(9)"]
into_itself = ["x.scatter_(1, index, -1)", "x.masked_fill_(x > 110, -1)"]
into_itself += ["x.index_fill_(0, places, -1)", "x.triu_()"]
ordered = ["x.sort(1)", "x.topk(2, 1)", "x.kthvalue(2, 1)", "x.max(1)", "x.amax(0)", "x.max()"]
different = ["x.unique()", "x.unique(dim=0)", "x.unique_consecutive()"]
positions = ["x.argsort(1)", "x.argmax(1)", "x.argmax()", "torch.searchsorted(limits, x)"]
positions += ["torch.bucketize(x, limits)", "F.one_hot(x.long() % 7, 7)", "(x > 110).nonzero()"]
positions += ["(x > 110).count_nonzero()"]
calls = [*slices, *lists, *masks, *into_copy, *into_itself, *ordered, *different, *positions]


def run(call, tensor):
    result = eval(call, {"x": tensor, **names})
    return result if isinstance(result, torch.Tensor) else result[0]  # of a pair, the values


def memory(call):
    tensor = x.clone()
    result = run(call, tensor)
    if result is tensor:
        return "itself"
    return "view" if shares_memory(tensor, result) else "copy"


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


table = {call: (memory(call), depends_on_values(call), gradient(call)) for call in calls}


def show(calls):
    line = "{:<37}{:<7}{:<10}{}".format
    print(line("call", "memory", "gradient", "shape"))
    for call in calls:
        kind, by_values, flows = table[call]
        shape = tuple(run(call, x.clone()).shape)
        print(line(call, kind, flows, f"{shape}{' *' if by_values else ''}"))


# %%

draw_storage([small[0:3:2], small[[0, 2]]], ["small[0:3:2]", "small[[0, 2]]"])

# %%
# The slice and the list take the same rows, 0 and 2. The slice is a :term:`view`, another way through the memory of
# ``small``, which is ``storage_0``. The list gives a :term:`copy` with memory of its own. You need to know :ref:`what
# strides are <strides-and-storage>`.
#
# The rule
# --------
#
# A view is possible where the elements have equal steps in memory along each axis. PyTorch decides by the *kind* of
# index and not by the values: integers, slices and ``None`` give views. Lists, masks and functions that take an index
# tensor copy, even where a view would have been possible.

assert shares_memory(small, small[0:3:2])
assert not shares_memory(small, small[[0, 2]])
for call in calls:
    assert (table[call][0] == "view") == (call in slices)

# %%
# Taking elements
# ---------------
#
# The column *memory* says view or copy, and *gradient* says whether a gradient flows back to ``x``. A star marks a
# shape that depends on the values: on a GPU, Python waits for it.

show([*slices, *lists, *masks])

# %%
# Writing
# -------
#
# Functions with an underscore write into ``x`` and return ``x`` itself. Those without write into a copy.

show([*into_copy, *into_itself])

# %%
# Looking at the values
# ---------------------
#
# Positions and counts are integers and have no gradient. ``unique`` has no backward step: asking for its gradient
# raises an error.

show([*ordered, *different, *positions])

# %%
# .. use-this::
#
#    Take a slice where you can: it copies nothing, whatever its size. To write into a part, put the whole index into
#    one pair of brackets, on the left of ``=``. Call ``clone()`` on a view that you want to change without ``x``, or
#    keep longer than a large ``x``. In code for a GPU or :func:`torch.compile`, prefer calls without a star.
#
# A common mistake
# ----------------
#
# **Two pairs of brackets on the left.** After a slice the second pair writes into ``z``. After a list or a mask it
# writes into a copy, which is lost, and no error is raised.

z = torch.zeros(4)
z[1:3][0] = 5
z[[2, 3]][0] = 6
z[z == 0][0] = 7
print(z)
assert z.tolist() == [0, 5, 0, 0]

# %%
# How this was checked


def could_be_view(result):
    """Say whether an offset and one stride of at least 0 for each axis give this result from the memory of x."""
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
copies = [call for call in calls if table[call][0] == "copy"]
could = ["x[[0, 2]]", "x[[0, 2], [1, 4]]", "x.tril(9)", "x.max()", "x.unique_consecutive()"]
assert [call for call in copies if could_be_view(run(call, x.clone()))] == could
assert [call for call in calls if table[call][0] == "itself"] == into_itself
by_values = [call for call in calls if table[call][1]]
assert by_values == [*masks, *different, "(x > 110).nonzero()"]
for call in calls:
    expected = "none" if call in positions else "error" if call in different else "yes"
    assert table[call][2] == expected
# Write into each result: the tensor changes exactly where the table says.
for call in calls:
    tensor = x.clone()
    run(call, tensor).fill_(-7)
    assert bool((tensor == -7).any()) == (table[call][0] in ("view", "itself"))
# The same with the axes in the other order in memory, and with gaps between the elements.
for call in [call for call in calls if call not in positions]:
    other = torch.zeros(5, 8).T[::2].copy_(x)
    assert (torch.equal(other, x), x.stride(), other.stride()) == (True, (5, 1), (2, 8))
    assert shares_memory(other, run(call, other)) == (table[call][0] in ("view", "itself"))
with expect_error(NotImplementedError, match="derivative for '_unique2' is not implemented"):
    x.clone().requires_grad_().unique().sum().backward()

# %%
# Check yourself
# --------------

first, second = torch.zeros(2, 3), torch.zeros(2, 3)
for row in first:
    row += 1
for row in second[[0, 1]]:
    row += 1
changed = [name for name, given in {"first": first, "second": second}.items() if given.any()]
ask(
    "for row in first: row += 1, and for row in second[[0, 1]]: row += 1. Which of the two tensors changes?",
    answer=" and ".join(changed),
    choices={
        "first": "Iterating gives views. The list gave a copy, whose rows were changed.",
        "first and second": "second[[0, 1]] is a copy, also where it takes the rows in order.",
        "second": "The rows of first are views, as first[0] is.",
    },
)

# %%
# The next question asks about the shape.

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
# **Exercise.** Return a tensor like ``x`` in which the rows ``i`` and ``j`` have changed places. Python's
# ``a, b = b, a`` with ``x[i]`` and ``x[j]`` gives a wrong result here. Try it, and find out why.


def by_list(x, i, j):
    rows = x.tolist()
    rows[i], rows[j] = rows[j], rows[i]
    return torch.tensor(rows)


cases = [(torch.arange(6).reshape(3, 2), 0, 2), (torch.arange(8).reshape(4, 2), 1, 0)]


def swapped(x, i, j):
    raise NotImplementedError


check(swapped, by_list, cases)

# %%
# ``x[i]`` and ``x[j]`` are views. The first write changes row ``i``, and the second write reads row ``i`` after this
# change. A list on the right copies both rows before they are written.

# Solution


def swapped(x, i, j):
    x = x.clone()
    x[[i, j]] = x[[j, i]]
    return x


def by_views(x, i, j):
    x = x.clone()
    x[i], x[j] = x[j], x[i]
    return x


assert not check(by_views, by_list, cases).passed
report = check(swapped, by_list, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`exercises-in-selecting`.
#
# - PyTorch contributors (2026). `Tensor views <https://docs.pytorch.org/docs/stable/tensor_view.html>`__. The list of
#   operations that give views.
# - NumPy developers (2026). `Copies and views <https://numpy.org/doc/stable/user/basics.copies.html>`__. The same
#   rule in NumPy.

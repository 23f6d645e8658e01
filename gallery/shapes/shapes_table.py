"""
.. _shapes-table:

Which operations return a view, and which a copy?
=================================================

You write into a result and want the original to change, or to stay as it is. A :term:`view` shares memory with the
original, so both change, and a :term:`copy` has memory of its own.
"""

# %%
# Set-up

import itertools
import re
import textwrap

import torch
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.rules import explain_view
from ptguide.tensors import shares_memory, storage_map

x = torch.arange(24).reshape(4, 1, 6)
y = x.permute(2, 1, 0).contiguous().permute(2, 1, 0)  # the same elements, not contiguous
assert torch.equal(x, y)
assert (x.is_contiguous(), y.is_contiguous()) == (True, False)

# The calls are kept as text and run from it, so that the table names the calls that ran.
one_axis = ["x.unsqueeze(1)", "x.squeeze(1)", "x.unflatten(2, (2, 3))"]
order = ["x.transpose(0, 2)", "x.permute(2, 0, 1)", "x.movedim(0, 2)", "x.mT"]
cut = ["x[1:3]", "x.unbind(0)", "x.split(3)", "x.chunk(2)", "x.tensor_split(2)"]
stretch = ["x.expand(4, 5, 6)", "torch.broadcast_to(x, (3, 4, 1, 6))"]
elements_kept = ["x.view(8, 3)", "x.reshape(8, 3)", "x.flatten()"]
join = ["torch.cat([x, x])", "torch.stack([x, x])"]
longer = ["x.repeat(1, 5, 1)", "x.tile(2)", "x.repeat_interleave(5, dim=1)", "F.pad(x, (2, 1))"]
move = ["x.flip(0)", "x.roll(1, 2)", "x.rot90(1, (0, 2))"]
memory = ["x.clone()", "x.contiguous()"]
calls = [*one_axis, *order, *cut, *stretch, *elements_kept, *join, *longer, *move, *memory]


def run(call, tensor):
    result = eval(call, {"x": tensor, "torch": torch, "F": F})
    return result if isinstance(result, tuple) else (result,)


def verdict(call, tensor):
    """Return what the call gives: a view, a copy, the tensor itself or an error."""
    try:
        results = run(call, tensor)
    except RuntimeError:
        return "error"
    shared = {shares_memory(tensor, result) for result in results}
    assert len(shared) == 1  # all pieces, or none
    return "itself" if results[0] is tensor else "view" if True in shared else "copy"


def uses(call):
    """Return how often each element is used: the gradient of a sum counts it."""
    leaf = x.float().requires_grad_()
    sum(result.sum() for result in run(call, leaf)).backward()
    assert leaf.grad[1:3].unique().numel() == 1
    return int(leaf.grad[1, 0, 0])


table = {call: (verdict(call, x), verdict(call, y), uses(call)) for call in calls}
groups = {"view": [], "copy": [], "it depends": []}
for call, (of_x, of_y, _) in table.items():
    groups[of_x if of_x == of_y else "it depends"].append(call)


def name(call):
    return "x[1:3]" if "[1:3]" in call else re.findall(r"\.(\w+)", call)[0]


def show(calls):
    print(f"{'call':<37}{'result':<15}{'x':<8}{'y':<7}used")
    for call in calls:
        of_x, of_y, used = table[call]
        results = run(call, x)
        shape = f"{tuple(results[0].shape)}" + (", ..." if len(results) > 1 else "")
        print(f"{call:<37}{shape:<15}{of_x:<8}{of_y:<7}{used}")


# %%

for kind, members in groups.items():
    names = ", ".join(name(call) for call in members)
    print(textwrap.fill(f"{kind}: {names}", 42, subsequent_indent="   "))

# %%
# This is what the operations of this chapter gave for two tensors, one of them :term:`contiguous`. Where the two
# differ, it depends. You need to know :ref:`what strides are <strides-and-storage>`.
#
# The rule
# --------
#
# A view reads the old memory with an offset, and one :term:`stride` of 0 or more for each axis. That is enough to add,
# drop, cut, reorder or stretch axes. Joining tensors, or moving elements, fills new memory. For four operations the
# strides of the input decide.
#
# In the tables ``x`` is contiguous, and ``y`` has the same elements with the axes reversed in memory. The last column
# says how often the result uses an element of ``x``. If the result is summed, this is the element's :term:`gradient`.

show(groups["view"])

# %%
# The shapes above are those of the first piece where there are several. ``x.expand`` uses an element
# :val:`5 <table["x.expand(4, 5, 6)"][2]>` times, and stores it once. The operations below copy, also where a view would
# have been possible, as with ``clone``.

show(groups["copy"])

# %%
# ``reshape`` and ``flatten`` return a view where one exists, and copy otherwise. ``view`` raises instead of copying. If
# a tensor is contiguous, ``contiguous`` returns the tensor itself.

show(groups["it depends"])

# %%
# Ask the two tensors
# -------------------
#
# If a tensor has elements, compare the address of its *storage* with that of the original, by ``data_ptr``. It is the
# same for a view. ``data_ptr`` of the tensor itself is the address of its first element, and a slice begins elsewhere.

right = x[:, :, 3:]
for other in (right, right.clone()):
    storage = other.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    first = other.data_ptr() == x.data_ptr()
    print(f"same storage: {storage}, same first element: {first}")

# %%
# .. use-this::
#
#    Before you write into a result, look the operation up here. Write ``clone()`` where the original must keep its
#    values. Write ``view`` instead of ``reshape`` where the original must change: it raises where ``reshape`` copies. A
#    view stores no elements and keeps the whole storage alive. A copy stores each of its elements again.
#
# A common mistake
# ----------------
#
# **Trusting one test.** You try ``reshape`` on a contiguous tensor, see that it shares memory, and write into it. Then
# a :ref:`transposed <transpose-and-permute>` tensor comes in, and the same line no longer changes it.

for tensor in (torch.zeros(2, 3), torch.zeros(3, 2).T):
    tensor.reshape(6)[0] = 1
    print("contiguous:", tensor.is_contiguous(), " ones that arrived:", int(tensor.sum()))
with expect_error(RuntimeError, match="view size is not compatible"):
    torch.zeros(3, 2).T.view(6)[0] = 1

# %%
# How this was checked

assert groups["view"] == [*one_axis, *order, *cut, *stretch]
assert groups["copy"] == [*join, *longer, *move, "x.clone()"]
assert {call: table[call][:2] for call in groups["it depends"]} == {
    "x.view(8, 3)": ("view", "error"),
    "x.reshape(8, 3)": ("view", "copy"),
    "x.flatten()": ("view", "copy"),
    "x.contiguous()": ("itself", "copy"),
}
*repeat, pad = longer
assert {call for call in calls if table[call][2] > 1} == {*join, *stretch, *repeat}


def could_be_view(call, tensor):
    """Return whether one offset and one stride for each axis lead to all places that arrived."""
    places = run(call, storage_map(tensor))[0]
    steps = [places.diff(dim=axis).flatten().tolist() for axis in range(places.dim())]
    strides = [step[0] if step else 0 for step in steps]  # an axis of size 1 makes no step
    if min(strides) < 0:
        return False
    line = torch.arange(1000)  # each element is the number of its place
    return torch.equal(line.as_strided(places.shape, strides, places.flatten()[0].item()), places)


for tensor in (x, y):
    assert all(could_be_view(call, tensor) for call in groups["view"])
assert not any(could_be_view(call, y) for call in elements_kept)
# Four copies could be views of x. With a stride of 0, two elements would be one place.
could = [call for call in groups["copy"] if could_be_view(call, x)]
repeated = ["x.repeat(1, 5, 1)", "x.repeat_interleave(5, dim=1)"]
assert could == ["torch.stack([x, x])", *repeated, "x.clone()"]

# The twelve layouts of this shape: the axes in any order in memory, with and without gaps.
layouts = []
for axes, gap in itertools.product(itertools.permutations(range(3)), (0, 1)):
    sizes = [(4, 1, 6)[axis] + gap for axis in axes]
    block = torch.zeros(sizes).permute([axes.index(axis) for axis in range(3)])
    layouts.append(block[:4, :1, :6])
assert len(layouts) == 12
for layout in layouts:
    assert {verdict(call, layout) for call in groups["view"]} == {"view"}
    assert {verdict(call, layout) for call in groups["copy"]} == {"copy"}
    for call in elements_kept:
        fits = explain_view(layout, run(call, x)[0].shape).works
        assert (verdict(call, layout) == "view") == fits

# Write into the first element of each result: the tensor changes where the table says so.
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
    "z is torch.zeros(2, 3). Then z.T[0, 0] = 5, z.flip(1)[0, 2] = 6, z.reshape(6)[1] = 7. What is its first row?",
    answer=z[0].int(),
    choices={
        (6, 7, 0): "flip(1)[0, 2] is the first element of z, but of a copy.",
        (5, 7, 0): "z.T is a view, flip copies, and reshape gives a view of a contiguous z.",
        (5, 0, 0): "reshape copies where no view exists. For a contiguous tensor there is one.",
    },
)

# %%
# The memory:

t = torch.zeros(5, 7).T
three = ("x.flatten()", "x.roll(1, 0)", "x.unsqueeze(0)")
ask(
    "x is torch.zeros(5, 7).T. Which of these makes no copy?",
    answer=next(call for call in three if verdict(call, t) == "view"),
    choices={
        "x.flatten()": "For a transposed matrix the merged axis would need two strides.",
        "x.roll(1, 0)": "The last row comes first: no stride leads from it to the next.",
        "x.unsqueeze(0)": "An axis of size 1 makes no step, so it fits these strides.",
    },
)

# %%
# **Exercise.** How many bytes do two tensors keep alive together? Return the number as a tensor. A storage that they
# share counts once, with its whole size.


def by_addresses(a, b):
    alive = set()
    for storage in (a.untyped_storage(), b.untyped_storage()):
        alive |= set(range(storage.data_ptr(), storage.data_ptr() + storage.nbytes()))
    return torch.tensor(len(alive))


base = torch.zeros(3, 4)
cases = [(base, base.T), (base, base.clone()), (base[0], base[2, 1:]), (base[0], torch.ones(2))]


def bytes_alive(a, b):
    raise NotImplementedError


check(bytes_alive, by_addresses, cases)

# %%
# The address of a storage identifies it, so a dictionary holds each storage once.

# Solution


def bytes_alive(a, b):
    storages = [a.untyped_storage(), b.untyped_storage()]
    sizes = {storage.data_ptr(): storage.nbytes() for storage in storages}
    return torch.tensor(sum(sizes.values()))


report = check(bytes_alive, by_addresses, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`exercises-in-shapes` lets you build some of these operations from the others.
#
# - PyTorch contributors (2026). `Tensor views <https://docs.pytorch.org/docs/stable/tensor_view.html>`__. The
#   reference's own list.
# - Yang (2019). `PyTorch internals <http://blog.ezyang.com/2019/05/pytorch-internals/>`__. How views share memory.

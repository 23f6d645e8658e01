"""
.. _summarize-a-tensor:

How do I see what is in a large tensor?
=======================================

A loss turns NaN, you print a large tensor, and ``print`` shows its corners, with the NaN hidden in the middle. One line
of facts shows the NaN and the range of the numbers.
"""

# %%
# Set-up

import re

import lovely_tensors
import torch
import treescope

from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.tensors import describe

torch.manual_seed(0)
logits = torch.randn(200, 300)
logits[100, 50] = float("nan")
logits.requires_grad_()

# %%

print(logits)
print()
print(describe(logits))
assert "nan" not in repr(logits)
assert "nan" in str(describe(logits)).lower()

# %%
# ``describe`` of this guide says shape, data type, range, mean and standard deviation, and counts the NaN. Two packages
# also give facts, and not the same ones. You need to know :ref:`printing-tensors`.
#
# Three tools, five tensors
# -------------------------
#
# ``lovely_tensors`` prints one line, and ``treescope`` prints values after its facts. Here ``treescope`` gets NumPy
# arrays, because it reads ``names`` of a tensor, and tensors of newer releases of torch lack this attribute.

five = {
    "integers": torch.arange(12).reshape(3, 4),
    "a NaN": torch.tensor([float("nan"), *range(1, 12)]),
    "a view": torch.arange(12.0).reshape(3, 4).T[1:],
    "a product": torch.ones(2, 5, requires_grad=True) * 3,
    "booleans": torch.arange(12).reshape(3, 4) > 7,
}
tools = {
    "describe": lambda t: str(describe(t)),
    "lovely": lambda t: str(lovely_tensors.lovely(t, color=False)),
    "treescope": lambda t: " ".join(treescope.render_to_text(t.detach().numpy()).split()),
}
said = {(tool, name): show(tensor) for name, tensor in five.items() for tool, show in tools.items()}
for name in ("a NaN", "a product"):
    for tool in tools:
        print(f"{name}, {tool}:\n  {said[tool, name][:100]}")

# %%
# What each of them tells
# -----------------------
#
# The table says *yes* where what a tool prints matches a pattern for the fact. ``treescope`` was given an array, so
# it cannot know the operation that made the tensor.

facts = {
    "shape": ("integers", "3, 4"),
    "data type": ("integers", "int64|i64"),
    "smallest and largest": ("integers", "0.*11"),
    "NaN is pointed out": ("a NaN", "NaN!|1 NaN|nan:1"),
    "strides of a view": ("a view", "strides"),
    "operation that made it": ("a product", "MulBackward0"),
    "how many are true": ("booleans", "4 of 12|true:4"),
    "each value of 12": ("booleans", "(True.*){4}"),
}
told = {
    fact: [bool(re.search(sign, said[tool, name])) for tool in tools]
    for fact, (name, sign) in facts.items()
}
print(f"{'':<24}" + "".join(f"{tool:<11}" for tool in tools))
for fact, found in told.items():
    print(f"{fact:<24}" + "".join(f"{'yes' if yes else '-':<11}" for yes in found))
assert told["shape"] == told["data type"] == [True, True, True]
assert [fact for fact, found in told.items() if not found[0]] == ["each value of 12"]

# %%
# .. use-this::
#
#    While you debug, print ``describe(x)`` instead of ``x``, after each layer if need be. Take ``lovely_tensors`` where
#    you do not have this guide's package: ``lovely_tensors.monkey_patch()`` makes ``print(x)`` use it. Both read the
#    whole tensor, so on a GPU they wait for the GPU. Leave them out of a training loop that you time.
#
# A common mistake
# ----------------
#
# **The mean of the whole tensor looks healthy.** Two features of a batch have means of -100 and 100, and the mean of
# both is near 0. Take the mean over the batch (``dim=0``), which gives one number for each feature.

batch = torch.randn(64, 2) + torch.tensor([-100.0, 100.0])
print(describe(batch))
print("over the batch:", [round(mean) for mean in batch.mean(dim=0).tolist()])
assert batch.mean().abs() < 1
assert batch.mean(dim=0).abs().min() > 90

# %%
# How this was checked

try:
    works = bool(treescope.render_to_text(five["integers"]))
except AttributeError:
    works = False
assert works == hasattr(five["integers"], "names")
for tensor in five.values():
    assert str(tuple(tensor.shape)) in str(describe(tensor))
for place in [(3, 3), (100, 150), (199, 299)]:
    clean = torch.randn(200, 300)
    assert "nan" not in str(describe(clean)).lower()
    clean[place] = float("nan")
    assert "nan" in str(describe(clean)).lower()

# %%
# Check yourself
# --------------

ask(
    "x has 200 rows and 300 columns, and x[100, 50] is NaN. Does print(x) show nan?",
    answer="nan" in repr(logits),
    choices={
        False: "With more than 1000 elements, x is shortened to its first and last three rows and columns.",
        True: "It would if the NaN were in a corner, or if the tensor were small.",
    },
)

# %%
# The next question asks for the mean.

ask(
    "What is x.mean() of this tensor?",
    answer=str(logits.mean().item()),
    choices={
        "nan": "One NaN makes the sum NaN, and the mean with it. nanmean leaves it out.",
        "0.0": "nanmean gives a number near 0; mean does not skip the NaN.",
    },
)

# %%
# **Exercise.** Write a check for your own training loop. ``sick(x)`` returns which columns of a matrix, of one row
# or more, hold a NaN or an infinity, or have the same number in each row.


def sick(x):
    raise NotImplementedError


def sick_by_loops(x):
    columns = [[x[i, j].item() for i in range(len(x))] for j in range(x.shape[1])]
    bad = [
        any(one != one or abs(one) == float("inf") for one in c) or len(set(c)) == 1
        for c in columns
    ]
    return torch.tensor(bad)


nan, inf = float("nan"), float("inf")
cases = [
    (torch.tensor([[1.0, nan, 3, 5], [2, 1, 3, inf]]),),
    (torch.tensor([[0.0, 1], [0, 2], [0, 1]]),),
    (torch.tensor([[-inf, nan], [1, nan], [2, 3]]),),
]
check(sick, sick_by_loops, cases)

# %%
# ``isfinite`` finds the first kind, and a comparison with the first row finds the second.

# Solution


def sick(x):
    return ~x.isfinite().all(dim=0) | (x == x[0]).all(dim=0)


report = check(sick, sick_by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`debugging-shapes`, where a summary of each layer finds the faulty one.
#
# - Lovely Tensors contributors (2024). `Lovely Tensors <https://github.com/xl0/lovely-tensors>`__. Its README shows
#   examples of its lines.
# - Treescope contributors (2024). `Treescope <https://treescope.readthedocs.io/>`__. Nested models and arrays, to
#   unfold in a notebook.

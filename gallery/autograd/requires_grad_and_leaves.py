"""
.. _requires-grad-and-leaves:

Where do gradients arrive? (is_leaf)
====================================

You read ``.grad``, and it is ``None``. A :term:`leaf` keeps its :term:`gradient`, and a result passes it on.
"""

# %%
# Set-up

import copy
import math

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.pictures import draw_graph
from ptguide.questions import ask
from ptguide.zoo import zoo

torch.manual_seed(0)
train_set = digits("train")
images, labels = train_set.inputs[:500].flatten(start_dim=1), train_set.targets[:500]

x, target = torch.tensor(3.0), torch.tensor(5.0)  # data
w = torch.tensor(2.0, requires_grad=True)  # what is to be learned
product = w * x
loss = F.mse_loss(product, target)

# %%

draw_graph(loss, {"w": w, "product": product, "loss": loss, "x": x})

# %%
# A weight times data is a ``product``, and the loss is its squared error. The box with round corners, ``w``, is a leaf,
# and the other boxes are results of operations. The number after "∂" is the gradient. ``backward()`` computes these
# three and keeps one: that of ``w``. You need to know :ref:`from-calculation-to-graph`.
#
# .. longer: 7 screens — what makes a leaf, and three ways to lose one, have a cell each
#
# The rule
# --------
#
# The result of an operation requires its gradient if an input requires one, the operation has a slope, and recording is
# on. It then has a ``grad_fn``. A tensor without ``grad_fn`` is a leaf: ``is_leaf`` is the same as ``grad_fn is None``.
# (A view that was made under ``no_grad`` is an exception, checked below.) ``backward()`` fills ``.grad`` of a tensor
# that the loss depends on if ``requires_grad and is_leaf``. If you read ``product.grad``, torch warns you.

loss.backward()
named = {"x": x, "w": w, "product": product}
for name, tensor in named.items():
    print(f"{name:<8} requires_grad {tensor.requires_grad!s:<6} is_leaf {tensor.is_leaf}")
    assert tensor.is_leaf == (tensor.grad_fn is None)
print(f"{x.grad = }, {w.grad = }")
with expect_warning(UserWarning, match="not a leaf Tensor is being accessed"):
    print(f"{product.grad = }")

# %%
# Why only leaves?
# ----------------
#
# The result of a layer has elements for each sample, and a weight does not. The backward pass needs the gradient of a
# result for a moment, and frees it. Call ``retain_grad()`` on a result, before ``backward()``, to keep it. Here two
# results of a network on :val:`len(images)` digits are kept, and their gradients take more memory than those of all its
# parameters.

network = nn.Sequential(nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10))
hidden = network[:2](images)
logits = network[2](hidden)
for result in (hidden, logits):
    result.retain_grad()
F.cross_entropy(logits, labels).backward()
print(f"gradients of the parameters: {sum(p.grad.nbytes for p in network.parameters()):>6,} bytes")
print(f"gradients of two results:    {hidden.grad.nbytes + logits.grad.nbytes:>6,} bytes")

# %%
# Which calls make a leaf?
# ------------------------
#
# Multiplying, converting and moving are operations, so what comes out is no leaf. Where ``to`` has nothing to change,
# the same tensor comes back: ``to(device)`` gives a leaf on the CPU, and a result on a GPU. Under ``no_grad`` the
# product is not recorded. So it is a leaf, and requires no gradient.

start = torch.rand(3, requires_grad=True)
with torch.no_grad():
    unrecorded = start * 0.1
made = {
    "rand(3, requires_grad=True)": start,
    "rand(3, requires_grad=True) * 0.1": start * 0.1,
    "rand(3, requires_grad=True).double()": start.double(),
    'rand(3, requires_grad=True).to("cpu")': start.to("cpu"),  # where it is already
    'rand(3, requires_grad=True).to("meta")': start.to("meta"),  # another device
    "(rand(3) * 0.1).requires_grad_()": (torch.rand(3) * 0.1).requires_grad_(),
    "start.clone()": start.clone(),
    "start.detach()": start.detach(),
    "nn.Parameter(start * 0.1)": nn.Parameter(start * 0.1),
    "start * 0.1, under no_grad": unrecorded,
}
for call, tensor in made.items():
    print(f"{call:<39} is_leaf {tensor.is_leaf!s:<6} requires_grad {tensor.requires_grad}")

# %%
# A common mistake
# ----------------
#
# **Asked too early.** You ask for gradients and then scale the weights. The name ``weight`` now belongs to a result,
# and the optimizer refuses it. Ask last, on the tensor that you keep. If you update weights by hand, nothing refuses
# it, and you get :ref:`None in place of a gradient <grad-is-none>`.

weight = torch.randn(64, 10, requires_grad=True) * 0.1
with expect_error(ValueError, match="can't optimize a non-leaf Tensor"):
    torch.optim.SGD([weight], lr=0.1)
weight = (torch.randn(64, 10) * 0.1).requires_grad_()
optimizer = torch.optim.SGD([weight], lr=0.1)
F.cross_entropy(images @ weight, labels).backward()
print("shape of the gradient:", tuple(weight.grad.shape))

# %%
# Does the loss see what the optimizer changes?
# ---------------------------------------------
#
# **Moved or converted once.** The gradient arrives at ``start``, the optimizer changes ``start``, and nothing is
# raised. But ``weight`` is a copy from before the loop, so the loss stays as it is. Convert in each turn, or better,
# make the leaf with its final data type. (With a product before the loop, the second turn :ref:`is refused
# <backward-through-the-graph-a-second-time>`.)


def train(in_each_turn):
    start = torch.zeros(64, 10, requires_grad=True)
    optimizer = torch.optim.SGD([start], lr=0.5)
    weight = start.double()
    for _ in range(30):
        if in_each_turn:
            weight = start.double()
        optimizer.zero_grad()
        loss = F.cross_entropy(images.double() @ weight, labels)
        loss.backward()
        optimizer.step()
    return loss.item()


for in_each_turn in (False, True):
    print(f"in each turn: {in_each_turn!s:<6} loss of turn 30: {train(in_each_turn):.2f}")

# %%
# **A Parameter of a result.** ``nn.Parameter`` takes the values and begins a new leaf. The tensors that they were
# computed from get no gradient through it. ``torch.tensor(result)`` cuts the link, too, and warns. Make Parameters of
# what is learned, and compute with them in ``forward``.

base, scale = torch.rand(3, requires_grad=True), torch.tensor(2.0, requires_grad=True)
for name, weight in {"Parameter": nn.Parameter(base * scale), "product": base * scale}.items():
    weight.sum().backward()
    print(f"{name:<10} base.grad {base.grad}, scale.grad {scale.grad}")
with expect_warning(UserWarning, match="To copy construct from a tensor"):
    copied = torch.tensor(base * scale)
assert not copied.requires_grad

# %%
# What can you change?
# --------------------
#
# ``requires_grad_(False)`` is for leaves: it freezes a parameter. A result follows its inputs, and ``detach()`` gives
# you its values without the link (:ref:`detach-or-no-grad`). An integer has no slope, so
# :ref:`integers are refused <only-floating-point-can-require-gradients>`.

network[0].requires_grad_(False)  # the two leaves of the first layer
print([p.requires_grad for p in network.parameters()])
with expect_error(RuntimeError, match="you can only change requires_grad flags of leaf variables"):
    hidden.requires_grad_(False)
with expect_error(RuntimeError, match="Only Tensors of floating point and complex dtype"):
    torch.tensor([1, 2], requires_grad=True)

# %%
# .. use-this::
#
#    Let modules hold what is learned, as ``nn.Parameter``. Move and convert the *module*, which keeps its leaves. For a
#    tensor without a module, make it with its device, data type and values, and call ``requires_grad_()`` last. Call
#    ``retain_grad()`` to look at a result; it costs the memory of its gradient. To get a gradient with respect to data,
#    call ``requires_grad_()`` on the data. If a ``.grad`` is missing, print ``requires_grad`` and ``is_leaf``.

# %%
# How this was checked

assert x.grad is None
assert w.grad == 2 * (6 - 5) * 3
weights_bytes = sum(p.numel() for p in network.parameters()) * 4
assert weights_bytes == (64 * 20 + 20 + 20 * 10 + 10) * 4
assert hidden.grad.nbytes + logits.grad.nbytes == 500 * (20 + 10) * 4 > weights_bytes
# The table: leaf or not, for each call.
leaves = [call for call, tensor in made.items() if tensor.is_leaf]
assert len(leaves) == 6
asking = [call for call, tensor in made.items() if tensor.is_leaf and tensor.requires_grad]
assert asking == [
    "rand(3, requires_grad=True)",
    'rand(3, requires_grad=True).to("cpu")',
    "(rand(3) * 0.1).requires_grad_()",
    "nn.Parameter(start * 0.1)",
]
# Where there is nothing to convert or to move, the same tensor comes back, and is still the leaf.
assert start.to("cpu") is start.float() is start.contiguous() is start
# is_leaf is grad_fn is None, and what is computed follows its inputs, for all tensors of the zoo.
for tensor in zoo().values():
    assert tensor.is_leaf == (tensor.grad_fn is None)
    if tensor.is_floating_point() or tensor.is_complex():
        leaf = tensor.detach().clone().requires_grad_()
        for result in (leaf * 1, leaf.clone(), leaf.view_as(leaf), leaf[None], torch.stack([leaf])):
            assert (result.requires_grad, result.is_leaf) == (True, False)
        with torch.no_grad():
            for result in (leaf * 1, leaf.clone(), torch.stack([leaf])):
                assert (result.requires_grad, result.is_leaf) == (False, True)
            assert tensor.detach().clone().requires_grad_().requires_grad  # asked for under no_grad
            assert nn.Parameter(tensor.detach().clone()).requires_grad
for dtype in (torch.int64, torch.uint8, torch.bool):
    with expect_error(RuntimeError, match="only Tensors of floating point dtype"):
        torch.ones(2, dtype=dtype).requires_grad_()
# A view made under no_grad is an odd case: it tells the requires_grad of its base, and no gradient arrives.
with torch.no_grad():
    view = start[:2]
assert (view.is_leaf, view.requires_grad) == (True, True)
(view * 2).sum().backward()
assert (view.grad, start.grad) == (None, None)
# A result whose operation has no slope requires nothing, although its input does.
for flat in (start > 0, start.argmax(), start.int(), torch.ones_like(start)):
    assert flat.is_leaf
    assert not flat.requires_grad
# A plain tensor that a recorded value is written into is no leaf any more.
written = torch.zeros(3)
written[0] = start[1]
assert not written.is_leaf
# retain_grad: of a leaf it changes nothing, and without requires_grad it is refused.
start.retain_grad()
assert not start.retains_grad
with expect_error(RuntimeError, match="can't retain_grad on Tensor that has requires_grad=False"):
    x.retain_grad()
# It must come before backward: afterwards there is nothing to keep.
late = start * 2
late.sum().backward()
late.retain_grad()
assert late.grad is None
# Moved once: the loss is that of weights which are 0, the same in each turn. With a product, the second turn raises.
assert abs(train(False) - math.log(10)) < 1e-6
assert train(True) < 0.7 * train(False)
for make in (lambda leaf: leaf * 0.1, torch.exp):
    scaled = make(torch.ones(3, requires_grad=True))
    scaled.sum().backward()
    with expect_error(RuntimeError, match="Trying to backward through the graph a second time"):
        scaled.sum().backward()
for make in (torch.Tensor.double, torch.Tensor.bfloat16, torch.t):
    moved = make(torch.ones(3, requires_grad=True))
    for _ in range(2):
        moved.sum().backward()
# A Parameter of a result: the gradient stops there.
first, second = torch.ones(3, requires_grad=True), nn.Parameter(torch.tensor(2.0))
cut = nn.Parameter(first * second)
cut.sum().backward()
assert (first.grad, second.grad, cut.grad.tolist()) == (None, None, [1, 1, 1])
(first * second).sum().backward()
assert (first.grad.tolist(), second.grad.item()) == ([2, 2, 2], 3)
# An optimizer refuses each of the results; it takes leaves, also those that require nothing.
for tensor in made.values():
    if tensor.is_leaf:
        torch.optim.SGD([tensor], lr=0.1)
    else:
        with expect_error(ValueError, match="can't optimize a non-leaf Tensor"):
            torch.optim.SGD([tensor], lr=0.1)
# A result that retains its gradient is taken.
kept = start * 0.1
kept.retain_grad()
torch.optim.SGD([kept], lr=0.1)
# nn.Parameter shares the memory of the result; a module refuses a result as its parameter.
result = base * scale
assert nn.Parameter(result).data_ptr() == result.data_ptr()
layer = nn.Linear(2, 3)
with expect_error(TypeError, match="cannot assign 'torch.FloatTensor' as parameter 'weight'"):
    layer.weight = layer.weight * 0.1
# A module that is moved or converted keeps its leaves.
for move in (lambda m: m.double(), lambda m: m.to("meta"), lambda m: m.bfloat16()):
    assert all(p.is_leaf and p.requires_grad for p in move(nn.Linear(2, 3)).parameters())
# Where it is converted, they are the same objects, which an optimizer may hold.
layer = nn.Linear(2, 3)
for one, same in zip(list(layer.parameters()), layer.double().parameters(), strict=True):
    assert one is same
# Only leaves can be copied by copy.deepcopy.
with expect_error(RuntimeError, match="Only Tensors created explicitly by the user"):
    copy.deepcopy(kept)

# %%
# Check yourself
# --------------


def leaf_and_asking(**tensors):
    return tuple(name for name, t in tensors.items() if t.is_leaf and t.requires_grad)


ask(
    "a = torch.rand(5, requires_grad=True), b = a.clone(), c = a.detach().clone().requires_grad_(). "
    "Which of them can have a .grad after backward(), without retain_grad()?",
    answer=leaf_and_asking(
        a=start,
        b=start.clone(),
        c=start.detach().clone().requires_grad_(),
    ),
    choices={
        ("a",): "c is a leaf, too: it was cut off, and then asked for its own gradient.",
        ("a", "b"): "clone() is recorded, so b is a result.",
        ("a", "c"): "Both are leaves that require a gradient. That of b goes on to a.",
        ("a", "b", "c"): "clone() is recorded, so b is a result.",
    },
)

# %%
# The next tensor is computed from data.

features = torch.rand(5, 3)
ask(
    "features = torch.rand(5, 3). What is (features * 2).is_leaf?",
    answer=(features * 2).is_leaf,
    choices={
        True: "The product requires no gradient, so nothing was recorded, and it has no grad_fn.",
        False: "It is computed, but no operation was recorded: nothing required a gradient.",
    },
)

# %%
# **Exercise.** A layer computes ``x @ (base * scale)``. Return the gradients of the sum of its outputs in one tensor of
# one axis: that of ``base``, flattened, then that of ``scale``. You are given plain tensors, ``base`` may hold
# integers, and the caller's tensors stay as they are.


def by_formula(x, base, scale):
    column = x.sum(dim=0)[:, None].expand(base.shape)  # of the sum of outputs, for each weight
    return torch.cat([(column * scale).flatten(), (column * base).sum().reshape(1)])


def both_gradients(x, base, scale):
    raise NotImplementedError


def unchanged(function):
    def result(x, base, scale):
        found = function(x, base, scale)
        asked = [base.requires_grad, scale.requires_grad]
        assert asked == [False, False], "the caller's tensor was changed"
        return found

    return result


cases = [
    (torch.ones(1, 2), torch.ones(2, 1), torch.tensor(3.0)),
    (torch.rand(5, 2), torch.rand(2, 3), torch.tensor(0.5)),
    (torch.rand(4, 3), torch.arange(6).reshape(3, 2), torch.tensor(-2.0)),
]
check(unchanged(both_gradients), by_formula, cases)

# %%
# Convert first, then ``detach`` to have a tensor object of your own, and ask for the gradient last.

# Solution


def both_gradients(x, base, scale):
    base, scale = (t.float().detach().requires_grad_() for t in (base, scale))
    (x @ (base * scale)).sum().backward()
    return torch.cat([base.grad.flatten(), scale.grad.reshape(1)])


report = check(unchanged(both_gradients), by_formula, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`backward-needs-a-scalar` says what to do when the result has many elements.
#
# - PyTorch contributors (2026). `torch.Tensor.is_leaf
#   <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.is_leaf.html>`__. The reference, with a tensor that was
#   moved to a GPU.
# - PyTorch contributors (2026). `Autograd mechanics <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__. What
#   ``requires_grad`` does to parameters of a module that you freeze.

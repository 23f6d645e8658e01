"""
.. _in-place-and-versions:

When may I use in-place operations (x += y) with autograd?
==========================================================

``out += shortcut`` trains well after batch norm, and the same line after ``tanh`` raises an error in ``backward()``. A
write :term:`in place` breaks the backward pass where it overwrites a tensor that an operation has kept.
"""

# %%
# Set-up

import weakref

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
c = torch.tensor([2.0, 3.0, 4.0])
OPERATIONS = {
    "x + c": lambda x: x + c,
    "-x": torch.neg,
    "x * c": lambda x: x * c,
    "sum": torch.sum,
    "cumsum": lambda x: x.cumsum(dim=0),
    "exp": torch.exp,
    "sqrt": torch.sqrt,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softmax": lambda x: x.softmax(dim=0),
    "x * x": lambda x: x * x,
    "sin": torch.sin,
    "log": torch.log,
    "gelu": F.gelu,
    "layer_norm": lambda x: F.layer_norm(x, (3,)),
    "prod": torch.prod,
    "amax": torch.amax,
}


def survives(operation, place):
    """Return whether backward() runs when the input or the result is overwritten before it."""
    x = torch.tensor([0.3, 0.6, 0.8], requires_grad=True) * 1
    tensors = {"input": x, "result": operation(x)}
    total = tensors["result"].sum()
    tensors[place].mul_(1.5)
    try:
        total.backward()
    except RuntimeError:
        return False
    return True


def draw_operations(outcomes):
    """Draw a square for each operation and place: a mark says whether backward() ran."""
    _, axis = plt.subplots(figsize=(6, 2.1), layout="constrained")
    for i, pair in enumerate(outcomes.values()):
        for row, fine in enumerate(pair):
            face = "C0" if fine else "C1"
            axis.add_patch(
                plt.Rectangle((i - 0.46, row - 0.44), 0.92, 0.88, facecolor=face, alpha=0.75)
            )
            axis.text(i, row, "ok" if fine else "error", ha="center", va="center", fontsize=7)
    axis.set(xlim=(-0.5, len(outcomes) - 0.5), ylim=(1.5, -0.5))
    axis.set_xticks(range(len(outcomes)), outcomes, rotation=60, ha="right", fontsize=8)
    axis.set_xlabel("operation", fontsize=9)
    axis.set_yticks([0, 1], ["overwrite\ninput x", "overwrite\nresult"], fontsize=8)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_title("Some operations need their input, some their result, some neither", fontsize=11)
    plt.show()


class Memory(TorchDispatchMode):
    """Counts the bytes of results that are alive."""

    now = peak = 0

    def __init__(self):
        super().__init__()
        self.known = set()

    def gone(self, key, size):
        self.now -= size
        self.known.discard(key)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        given = {
            t.untyped_storage()._cdata for t in tree_leaves((args, kwargs)) if torch.is_tensor(t)
        }
        result = function(*args, **(kwargs or {}))
        for storage in [t.untyped_storage() for t in tree_leaves(result) if torch.is_tensor(t)]:
            if storage._cdata not in given | self.known:
                self.known.add(storage._cdata)
                self.now += storage.nbytes()
                self.peak = max(self.peak, self.now)
                weakref.finalize(storage, self.gone, storage._cdata, storage.nbytes())
        return result


def kept_bytes(activation):
    """Return how many bytes of results wait for backward() in a block that ends with an activation."""
    block = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), activation)
    with Memory() as memory:
        out = block(images)
        assert out.requires_grad
        return memory.now


images = torch.rand(8, 16, 32, 32)
pixels = torch.rand(4, 6, 5, 5, requires_grad=True)


def may_follow(second, first):
    try:
        second(first(pixels * 1)).sum().backward()
    except RuntimeError:
        return False
    return True


layers = [nn.Conv2d(6, 3, 2), nn.BatchNorm2d(6), nn.Linear(5, 3), nn.LayerNorm(5), nn.MaxPool2d(2)]
layers += [nn.Dropout(), nn.GELU(), nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.Softmax(dim=1)]
writes = {
    "h *= 2": lambda h: h.mul_(2),
    "h[0] = 5": lambda h: h[0].fill_(5),
    "h[1:].zero_()": lambda h: h[1:].zero_(),
    "h.detach().zero_()": lambda h: h.detach().zero_(),
    "under no_grad": torch.no_grad()(lambda h: h.zero_()),
    "h.data.zero_()": lambda h: h.data.zero_(),
    "h.detach().numpy()": lambda h: h.detach().numpy().fill(0),
}

# %%

outcomes = {
    name: [survives(operation, place) for place in ("input", "result")]
    for name, operation in OPERATIONS.items()
}
draw_operations(outcomes)

# %%
# Each square is a trial: apply the operation, overwrite its input or its result, and call ``backward()``. Here ``c`` is
# data. You need to know :ref:`from-calculation-to-graph` and :ref:`which lines write in place <in-place-or-new>`.
#
# The rule
# --------
#
# An operation keeps what its slope is made of, as a :term:`saved tensor`. The slope of ``exp`` is its result, so it
# keeps that. A product keeps its two factors. A sum has the slope 1 and keeps neither. The node in ``grad_fn`` shows
# what it keeps, in attributes that begin with ``_saved_``:


def saved(result):
    names = [name for name in dir(result.grad_fn) if name.startswith("_saved_")]
    found = {name[7:]: getattr(result.grad_fn, name) for name in names}
    return {name: value for name, value in found.items() if torch.is_tensor(value)}


x, z = torch.rand(3, requires_grad=True), torch.rand(3, requires_grad=True)
results = {"x + z": x + z, "x * z": x * z, "x * c": x * c, "x.exp()": x.exp(), "x.sin()": x.sin()}
for text, result in results.items():
    print(f"{text:<9}keeps {', '.join(saved(result)) or 'no tensor'}")

# %%
# ``other`` is the second factor. ``x * c`` does not keep ``x``: the gradient of ``c`` would need it, and data gets no
# gradient.
#
# How autograd notices
# --------------------
#
# .. longer: 6 screens — the rule, how it is watched, and the places where people meet it have a cell each
#
# A tensor counts the writes into its memory in ``_version``, and a node notes the count when it saves the tensor.
# ``backward()`` compares: it runs if :math:`v_\mathrm{backward} = v_\mathrm{saved}`. A view shares the count of its
# base, and a write under ``no_grad`` counts, too. The last two ways write without being counted.

for name, write in writes.items():
    h = x.exp()
    write(h)
    print(f"{name:<20}version {h._version}")

# %%
# Which layers may be followed by ReLU(inplace=True)?
# ---------------------------------------------------
#
# ``ReLU(inplace=True)`` may follow layers that do not keep their result, unless another layer has kept it. The same
# holds for ``+=`` of a shortcut. A ``Dropout(inplace=True)`` after a ReLU breaks for this reason. If a shortcut adds
# ``h`` later, it adds the overwritten values, and nothing is raised.

for fine in (True, False):
    named = [type(one).__name__ for one in layers if may_follow(nn.ReLU(inplace=True), one) == fine]
    print("fine after: " if fine else "error after:", ", ".join(named))
assert not may_follow(nn.Dropout(inplace=True), nn.ReLU())
h = pixels - 0.5
expected = F.relu(h) + h
print("the sum is right:", torch.equal(F.relu(h, inplace=True) + h, expected))

# %%
# A write is recorded, too
# ------------------------
#
# Where a write is allowed, the gradient is right: the write becomes a step of the graph. The element that is
# overwritten here no longer depends on ``x``, so its gradient is 0. ``*=`` with a second factor that is learned needs
# the old values, and keeps a copy of them.

h = 10 * x
h[0] = 7.0
print(h.grad_fn.name(), torch.autograd.grad(h.sum(), x)[0].tolist())

h = 10 * x
h *= z
print("kept apart from h:", saved(h)["self"].data_ptr() != h.data_ptr())
torch.testing.assert_close(torch.autograd.grad(h.sum(), z)[0], 10 * x)

# %%
# How much memory does inplace=True save?
# ---------------------------------------
#
# Often it saves nothing that lasts. ReLU keeps its result alone, and the output of batch norm is freed as soon as ReLU
# has read it. Leaky ReLU keeps its input, and with ``inplace=True`` its result: there a write saves one tensor of
# three. The bytes are those that wait for ``backward()``. Without gradients, the peak is lower by one tensor.

kept = {}
for activation in (nn.ReLU, nn.LeakyReLU):
    for inplace in (False, True):
        kept[activation, inplace] = kept_bytes(activation(inplace=inplace))
        print(
            f"{activation.__name__:<10}inplace={inplace!s:<6}{kept[activation, inplace]:>10,} bytes"
        )

# %%
# Weights
# -------
#
# A :term:`leaf` that requires its gradient :ref:`may not be written to <leaf-variable-in-place>` while autograd
# records. An optimizer writes under ``no_grad``. The version counts this write too.

w = torch.tensor([1.0, 2.0], requires_grad=True)
with expect_error(RuntimeError, match="a leaf Variable that requires grad"):
    w -= 0.1
with torch.no_grad():
    w -= 0.1
print("version of w:", w._version)

# %%
# .. use-this::
#
#    Write ``y = y + shortcut`` by default. Use ``+=`` and ``inplace=True`` after layers that do not keep their result,
#    such as convolutions, linear layers and norms, and for writes under ``torch.no_grad()``. A new tensor costs its
#    memory, often only until the next layer has read it. After an error, write into a ``clone()``, or :ref:`find the
#    line that writes <modified-by-an-inplace-operation>`. Do not silence the error with ``.data``.
#
# A common mistake
# ----------------
#
# **Writing through .data.** Here you want to switch off a hidden unit. The write is not counted, so ``tanh`` reads the
# overwritten values: its slope, :math:`1 - h^2`, becomes 1 for the unit that is off. A gradient flows back through it,
# and no error appears. ``h * mask`` gives 0 there. The same write through ``detach()`` raises.

mask = torch.tensor([1.0, 0.0, 1.0])
ways = {
    "h * mask": lambda h: h * mask,
    "h.data.mul_(mask)": lambda h: [h.data.mul_(mask), h][1],
    "h.detach().mul_(mask)": lambda h: [h.detach().mul_(mask), h][1],
}
start = torch.tensor([0.5, 1.0, 2.0], requires_grad=True)
for name, way in ways.items():
    try:
        gradient = torch.autograd.grad(way(start.tanh()).sum(), start)[0]
        print(f"{name:<23}{[round(number, 2) for number in gradient.tolist()]}")
    except RuntimeError as error:
        print(f"{name:<23}{str(error)[:70]} ...")

# %%
# How this was checked

# The trials agree with what the nodes hold: an overwrite breaks if and only if a saved tensor is in that memory.
for name, operation in OPERATIONS.items():
    given = torch.tensor([0.3, 0.6, 0.8], requires_grad=True) * 1
    result = operation(given)
    held = {tensor.data_ptr() for tensor in saved(result).values()}
    for tensor, fine in zip((given, result), outcomes[name], strict=True):
        assert fine == (tensor.data_ptr() not in held)
# Where the overwrite is harmless, the gradient is that without it.
for operation in OPERATIONS.values():
    for place in ("input", "result"):
        if survives(operation, place):
            leaf = torch.tensor([0.3, 0.6, 0.8], requires_grad=True)
            (wanted,) = torch.autograd.grad(operation(leaf * 1).sum(), leaf)
            given = leaf * 1
            result = operation(given)
            total = result.sum()
            (given if place == "input" else result).mul_(1.5)
            torch.testing.assert_close(torch.autograd.grad(total, leaf)[0], wanted)
# A product keeps the factor that the other one's gradient needs.
assert list(saved(x + z)) == []
assert sorted(saved(x * z)) == ["other", "self"]
assert saved(x * c)["other"].data_ptr() == c.data_ptr()
assert list(saved(x * c)) == ["other"]
assert list(saved(x.exp())) == ["result"]
# Each counted write raises the version by one, those through .data and NumPy do not; a read does not either.
versions = {}
for name, write in writes.items():
    h = x.exp()
    view = h[1:]
    write(h)
    versions[name] = h._version
    assert view._version == h._version
assert list(versions.values()) == [1, 1, 1, 1, 1, 0, 0]
h = x.exp()
h + 1
assert h._version == 0
# Two parts of one tensor: a write into the one breaks what was computed from the other.
h = 2 * x
part = h[0].sin()
h[2] = 1.0
with expect_error(RuntimeError, match="modified by an inplace operation"):
    part.backward()
# Layers in both modes, ReLU and += of a shortcut.
for layer in [*layers, nn.GroupNorm(2, 6), nn.InstanceNorm2d(6), nn.RMSNorm(5), nn.AvgPool2d(2)]:
    broken = type(layer) in (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Softmax)
    for training in (True, False):
        layer.train(training)
        assert may_follow(nn.ReLU(inplace=True), layer) != broken
        assert may_follow(lambda out: out.add_(1.0), layer) != broken
# Another layer has kept the result as its input.
h = nn.BatchNorm2d(6)(pixels)
total = nn.Conv2d(6, 3, 2)(h).sum()
nn.ReLU(inplace=True)(h)
with expect_error(RuntimeError, match="modified by an inplace operation"):
    total.backward()
# Where a layer kept nothing that was overwritten, the gradient is that of the layers that copy.
for first in (nn.Conv2d(6, 3, 2), nn.BatchNorm2d(6), nn.LayerNorm(5), nn.GELU()):
    gradients = []
    for inplace in (False, True):
        loss = nn.Sequential(first, nn.ReLU(inplace=inplace))(pixels).square().sum()
        gradients.append(torch.autograd.grad(loss, pixels)[0])
    torch.testing.assert_close(*gradients)
# Memory: ReLU keeps the same, leaky ReLU one tensor less.
size = images.nbytes
assert abs(kept[nn.ReLU, False] - kept[nn.ReLU, True]) < size / 10
assert abs(kept[nn.LeakyReLU, False] - kept[nn.LeakyReLU, True] - size) < size / 10
assert round(kept[nn.LeakyReLU, False] / size) == 3
# Without gradients, a convolution and a ReLU in place need one tensor where the copy needs two.
for inplace, tensors in ((False, 2), (True, 1)):
    pair = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(inplace=inplace))
    with torch.no_grad(), Memory() as memory:
        pair(images)
    assert memory.peak == tensors * size
# The gradients of the mistake, and the version that a write under no_grad leaves.
right = (1 - start.detach().tanh().square()) * mask
torch.testing.assert_close(torch.autograd.grad((start.tanh() * mask).sum(), start)[0], right)
h = start.tanh()
h.data.mul_(mask)
wrong = torch.autograd.grad(h.sum(), start)[0]
assert right[1] == 0
assert wrong[1] == 1
assert w._version == 1
# A graph that kept the old weight can no longer be used.
early = (w * w).sum()
with torch.no_grad():
    w -= 0.1
with expect_error(RuntimeError, match="is at version 2; expected version 1"):
    early.backward()

# %%
# Check yourself
# --------------

places = ("input", "result")
ask(
    "The slope of tan is 1 + tan². Which may be overwritten between y = x.tan() and backward()?",
    answer=tuple(place for place in places if survives(torch.tan, place)),
    choices={
        ("input",): "The slope is made of the result, so y is kept and x is not.",
        ("result",): "The slope needs y. Overwriting y raises.",
        ("input", "result"): "Its slope is not constant, so something has to be kept.",
    },
)

# %%
# The next question asks for a count.

h = torch.zeros(3)
h[0] = 1.0
h[1:].mul_(2)
h.data.add_(3)
ask(
    "h = torch.zeros(3), then h[0] = 1.0, h[1:].mul_(2) and h.data.add_(3). What is h._version?",
    answer=h._version,
    choices={
        1: "A write through a view counts for its base, too.",
        2: "The index and the view are counted, .data is not.",
        3: "The write through .data is not counted. That is why it is dangerous.",
    },
)

# %%
# **Exercise.** Find out without ``backward()`` whether the input and the result of an operation may be overwritten.
# Return two truth values in a tensor. The function ``saved`` from above helps.


def may_overwrite(operation):
    raise NotImplementedError


def by_trying(operation):
    return torch.tensor([survives(operation, place) for place in ("input", "result")])


cases = [(one,) for one in (torch.exp, torch.sin, torch.neg, torch.prod, torch.rsqrt, torch.erf)]
check(may_overwrite, by_trying, cases, without=["backward"])

# %%
# A saved tensor that begins at the same address looks into the same memory.

# Solution


def may_overwrite(operation):
    x = torch.tensor([0.3, 0.6, 0.8], requires_grad=True) * 1
    result = operation(x)
    held = {tensor.data_ptr() for tensor in saved(result).values()}
    return torch.tensor([tensor.data_ptr() not in held for tensor in (x, result)])


report = check(may_overwrite, by_trying, cases, without=["backward"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`hooks-on-tensors` let you see and change what flows back.
#
# - PyTorch contributors (2026). `Autograd mechanics <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__. Its
#   section on in-place operations, with the reasons to avoid them.
# - Rota Bulò, Porzi and Kontschieder (2018). `In-place activated batch norm
#   <https://arxiv.org/abs/1712.02616>`__. They keep the result in place of the input, and compute the input back.

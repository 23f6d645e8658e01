"""
.. _detach-or-no-grad:

detach, no_grad, inference_mode or requires_grad_(False): which one stops what?
===============================================================================

You want to freeze a part, measure, or hold a value constant, and four calls seem to do that. With the wrong one, layers
that should learn get no :term:`gradient`, and nothing is raised.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import weakref

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional as F

from ptguide.data import batches, digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

train_set, validation_set = digits("train"), digits("validation")
images, labels = train_set.inputs[:500].flatten(start_dim=1), train_set.targets[:500]


def parts(seed=0):
    """Return three parts of a network, which are called one after the other: A, B and C."""
    torch.manual_seed(seed)
    B = nn.Sequential(nn.Linear(20, 200), nn.Tanh(), nn.Linear(200, 5))
    return nn.Linear(64, 20), B, nn.Linear(5, 10)


def frozen(B, h):
    B.requires_grad_(False)
    return B(h)


def under_no_grad(B, h):
    with torch.no_grad():
        return B(h)


def under_inference_mode(B, h):
    with torch.inference_mode():
        return B(h)


WAYS = {
    "B(h)": lambda B, h: B(h),
    "B.eval()(h)": lambda B, h: B.eval()(h),
    "B.requires_grad_(False)(h)": frozen,
    "B(h).detach()": lambda B, h: B(h).detach(),
    "no_grad: B(h)": under_no_grad,
    "inference_mode: B(h)": under_inference_mode,
}


class Held:
    """What stands in the graph in place of a saved tensor; it goes when the graph goes."""

    def __init__(self, tensor):
        self.tensor = tensor


def kept(network, calculate):
    """Return how many bytes a calculation keeps for backward, besides weights and data, and its result."""
    own = {p.data_ptr() for part in network for p in part.parameters()} | {images.data_ptr()}
    held = weakref.WeakSet()

    def keep(tensor):
        held.add(one := Held(tensor.detach()))  # an output, kept with its graph, would keep itself
        return one

    with saved_tensors_hooks(keep, lambda one: one.tensor):
        result = calculate()
    assert result.requires_grad  # and so what was kept is alive until here
    storages = [one.tensor.untyped_storage() for one in held]
    sizes = {storage.data_ptr(): storage.nbytes() for storage in storages}
    return sum(nbytes for pointer, nbytes in sizes.items() if pointer not in own), result


def tried(way):
    """Return which parts get a gradient, and the bytes that are kept; nothing of both if torch raises."""
    network = A, B, C = parts()
    try:
        nbytes, logits = kept(network, lambda: C(WAYS[way](B, A(images))))
        F.cross_entropy(logits, labels).backward()
    except RuntimeError:
        return None, 0
    return [any(p.grad is not None for p in part.parameters()) for part in network], nbytes


def draw_ways(found):
    figure, (left, right) = plt.subplots(
        ncols=2, figsize=(6, 2.4), layout="constrained", width_ratios=[3, 2], sharey=True
    )
    for row, (gets, nbytes) in enumerate(found.values()):
        for column in range(3):
            got = gets[column] if gets else None
            color = "0.85" if got is None else "C2" if got else "white"
            left.barh(row, 0.96, left=column, height=0.9, color=color, edgecolor="0.7")
            text = "raises" if got is None else "gradient" if got else "none"
            left.text(column + 0.48, row, text, ha="center", va="center", fontsize=8)
        right.barh(row, nbytes / 1000, color="C0")
    left.set_yticks(range(len(found)), found, fontsize=8)
    left.set_xticks([0.5, 1.5, 2.5], ["A, before", "B", "C, after"], fontsize=8)
    left.set_xlabel("part of the network")
    left.invert_yaxis()
    left.tick_params(length=0)
    right.set_xlabel("kept for backward (kB)")
    figure.suptitle(
        "A frozen B lets the gradient through to A, detach and no_grad cut it off", fontsize=10
    )
    plt.show()


# %%

found = {way: tried(way) for way in WAYS}
draw_ways(found)

# %%
# A network calls its parts in turn: ``h = A(images)``, then ``B``, then ``C``. Each line treats ``B`` in another way,
# and the boxes say which parts get a gradient. The bars are what autograd keeps for ``backward()``, besides weights and
# data. The last line raises an error, because ``C`` may not use its input. You need to know
# :ref:`requires-grad-and-leaves`.
#
# .. longer: 6 screens — four calls are compared in a figure, in a training, in memory and in what they forbid
#
# The rule
# --------
#
# An operation that has a slope and makes a new tensor is recorded if recording is on *and* one of its inputs requires a
# gradient. Each call takes away one of the two. ``no_grad`` and ``inference_mode`` switch recording off for what runs
# inside. ``requires_grad_(False)`` changes a leaf, such as a weight, and ``detach()`` one result. ``eval()`` changes
# neither. Where recording is off, you may also change a weight in place.

weight, data = torch.ones(3, requires_grad=True), torch.ones(3)
for name, mode in {"no_grad": torch.no_grad, "inference_mode": torch.inference_mode}.items():
    with mode():
        print(f"{name + ':':<22} {(weight * data).requires_grad}")
        weight += 1  # outside, this raises
print(f"{'detach:':<22} {(weight.detach() * data).requires_grad}")
print(f"{'nothing:':<22} {(weight * data).requires_grad}")
weight.requires_grad_(False)
print(f"{'requires_grad_(False):':<22} {(weight * data).requires_grad}")

# %%
# A common mistake
# ----------------
#
# **no_grad around a frozen part in the middle.** You put new layers before a pretrained network and freeze it. The new
# layers learn through it, so its operations must be recorded. Here ``A`` and ``C`` are trained around a frozen ``B``.
# Under ``no_grad`` ``A`` gets no gradient, the optimizer skips it, and nothing is raised.


# Varies with the processor: a training amplifies how it rounds.
def train(way, seed):
    A, B, C = parts(seed)
    optimizer = torch.optim.Adam([*A.parameters(), *C.parameters()], lr=0.01)
    order = torch.Generator().manual_seed(seed)
    for _ in range(8):
        for x, y in batches(train_set, 50, shuffle=True, generator=order):
            optimizer.zero_grad()
            F.cross_entropy(C(WAYS[way](B, A(x.flatten(start_dim=1)))), y).backward()
            optimizer.step()
    answers = C(B(A(validation_set.inputs.flatten(start_dim=1)))).argmax(dim=1)
    return 100 * (answers == validation_set.targets).float().mean().item()


for way in ("B.requires_grad_(False)(h)", "no_grad: B(h)"):
    right = [train(way, seed) for seed in range(5)]
    print(f"{way:<27} {min(right):.0f} to {max(right):.0f} % right, five seeds")
    assert min(right) > 70 if way.startswith("B") else max(right) < 65

# %%
# If the frozen part comes first
# ------------------------------
#
# Before a pretrained network that reads the data, nothing has to learn. Then freezing and ``no_grad`` keep equally
# little, and the head ``C`` gets the same gradient. If the pretrained network has dropout or batch norm, call
# ``eval()`` on it, too (:ref:`frozen-batch-norm`).

pixels = images[:, :20]
for way in ("B(h)", "B.requires_grad_(False)(h)", "no_grad: B(h)"):
    _, B, C = network = parts()
    nbytes, logits = kept(network, lambda B=B, C=C, way=way: C(WAYS[way](B, pixels)))
    F.cross_entropy(logits, labels).backward()
    print(f"{way:<27} {nbytes:>7,} bytes, gradient of C: norm {C.weight.grad.norm():.4f}")

# %%
# detach shares memory; .data hides it
# ------------------------------------
#
# ``detach()`` copies nothing, so writing into its result changes the original. ``backward()`` then raises if it needs
# the old values. ``.data`` shares memory, too, but torch does not notice the write. The gradient below is wrong, and
# nothing is raised. Write ``detach().clone()`` to change a copy.

x = torch.tensor([0.0, 2.0, -3.0], requires_grad=True)
expected = torch.autograd.grad(x.sigmoid().sum(), x)[0]
print("right:     ", [round(slope, 3) for slope in expected.tolist()])
result = x.sigmoid()
result.data.mul_(2)
print(
    "with .data:", [round(slope, 3) for slope in torch.autograd.grad(result.sum(), x)[0].tolist()]
)
result = x.sigmoid()
result.detach().mul_(2)
with expect_error(RuntimeError, match="has been modified by an inplace operation"):
    result.sum().backward()

# %%
# What inference_mode adds
# ------------------------
#
# ``inference_mode`` skips more bookkeeping than ``no_grad``, such as the count of writes, and marks what is made
# inside. Such a tensor is refused later where autograd would have to save it. So take it where no training uses the
# results, and otherwise ``no_grad``. A ``clone()`` outside is a usual tensor again.

A, B, C = parts()
with torch.inference_mode():
    features = B(A(images))
with expect_error(RuntimeError, match="Inference tensors cannot be saved for backward"):
    C(features)
with expect_error(RuntimeError, match="Inference tensors do not track version counter"):
    features._version
print("after clone():", C(features.clone()).requires_grad)

# %%
# For a whole function, or for a condition
# ----------------------------------------
#
# ``no_grad`` and ``inference_mode`` are decorators, too. :class:`torch.set_grad_enabled` takes a truth value, so one
# loop serves training and validation. Use it in a ``with`` block: called on a line of its own, it stays as it was set.
# ``enable_grad`` switches recording on again inside ``no_grad``, and not inside ``inference_mode``.


@torch.no_grad()
def predict(network, x):
    return network(x)


print("decorated:", predict(A, images).requires_grad)
for training in (True, False):
    with torch.set_grad_enabled(training):
        print(f"training {training!s:<6} recorded: {A(images).requires_grad}")
for mode in (torch.no_grad, torch.inference_mode):
    with mode(), torch.enable_grad():
        print(f"enable_grad inside {mode.__name__}: {A(images).requires_grad}")

# %%
# .. use-this::
#
#    To validate and predict, call ``eval()`` and use ``no_grad()``, or ``inference_mode()`` if no training uses the
#    results. For a part that should not learn, call ``part.requires_grad_(False)``, which stays until you call it with
#    ``True``. In the middle of a network autograd still keeps what the gradient needs to pass through. In the figure
#    that is nearly as much as for a part that learns. For one value that should count as a constant, such as a target
#    or a number to log, take ``detach()``. TensorFlow and JAX call it stop-gradient. To change weights by hand, use
#    ``no_grad()``. Leave ``.data`` to old code.

# %%
# How this was checked

gets = {way: grads for way, (grads, _) in found.items()}
assert gets["B(h)"] == gets["B.eval()(h)"] == [True, True, True]
assert gets["B.requires_grad_(False)(h)"] == [True, False, True]
assert gets["B(h).detach()"] == gets["no_grad: B(h)"] == [False, False, True]
assert gets["inference_mode: B(h)"] is None
nbytes = {way: size for way, (_, size) in found.items()}
assert nbytes["B(h)"] == nbytes["B.eval()(h)"]
assert 0.7 * nbytes["B(h)"] < nbytes["B.requires_grad_(False)(h)"] < nbytes["B(h)"]
assert nbytes["no_grad: B(h)"] < 0.1 * nbytes["B(h)"]
# detach: what stands before it is recorded and thrown away, so its memory is free once the result is all that is left.
assert nbytes["B(h).detach()"] == nbytes["no_grad: B(h)"]
A, B, C = parts()
saved = []
with saved_tensors_hooks(saved.append, lambda tensor: tensor):
    B(A(images)).detach()
    assert saved
    saved.clear()
    with torch.no_grad():
        B(A(images))
    assert not saved
# The values are the same in each way.
results = []
for way in WAYS:
    A, B, _ = parts()
    results.append(WAYS[way](B, A(images)))
assert all(torch.equal(result, results[0]) for result in results)
# A frozen part in the middle passes the gradient of its input on: A gets what it gets if B is not frozen.
slopes = []
for way in ("B(h)", "B.requires_grad_(False)(h)"):
    A, B, C = parts()
    F.cross_entropy(C(WAYS[way](B, A(images))), labels).backward()
    slopes.append(A.weight.grad)
torch.testing.assert_close(*slopes)
# The rule, over modes and inputs. A view is an exception under no_grad: it tells what its base tells.
for enabled in (True, False):
    for asks in [(False, False), (True, False), (False, True), (True, True)]:
        a, b = (torch.ones(2, requires_grad=one) for one in asks)
        with torch.set_grad_enabled(enabled):
            for result in (a * b, a + b, torch.stack([a, b]), torch.cat([a, b]), torch.dot(a, b)):
                assert result.requires_grad == (enabled and any(asks))
# In place on a leaf: refused while recording, allowed in the other ways.
leaf = torch.ones(3, requires_grad=True)
with expect_error(RuntimeError, match="a leaf Variable that requires grad is being used"):
    leaf += 1
leaf.detach().add_(1)
leaf.data.add_(1)
for mode in (torch.no_grad, torch.inference_mode):
    with mode():
        leaf += 1
assert leaf.tolist() == [5, 5, 5]
assert leaf.requires_grad
assert leaf.detach().data_ptr() == leaf.data.data_ptr() == leaf.data_ptr()
# Requiring a gradient can be asked for inside no_grad: weights that are made there are trained.
with torch.no_grad():
    assert nn.Linear(2, 3).weight.requires_grad
# Inference tensors: no in-place change outside, no requires_grad, and usable where nothing of them is saved.
with torch.inference_mode():
    marked = torch.ones(3)
assert marked.is_inference()
assert not marked.clone().is_inference()
with expect_error(RuntimeError, match="Inplace update to inference tensor outside InferenceMode"):
    marked += 1
with expect_error(RuntimeError, match="Setting requires_grad=True on inference tensor"):
    marked.requires_grad_()
assert (leaf + marked).requires_grad
with torch.no_grad():
    made = torch.ones(3)
made.requires_grad_()  # a tensor of no_grad is a usual tensor
# Called on a line of its own, set_grad_enabled stays.
torch.set_grad_enabled(False)
assert not torch.is_grad_enabled()
torch.set_grad_enabled(True)
assert torch.is_grad_enabled()
# eval() changes dropout and batch norm, and not the recording; no_grad leaves dropout on.
dropout = nn.Dropout(0.5)
assert dropout.eval()(leaf).requires_grad
with torch.no_grad():
    assert (dropout.train()(torch.ones(1000)) == 0).any()

# %%
# Check yourself
# --------------


def who_learns(way):
    gets, _ = tried(way)
    return tuple(name for name, got in zip("ABC", gets, strict=True) if got)


ask(
    "A network computes C(B(A(x))). B is frozen by B.requires_grad_(False). Which parts get gradients?",
    answer=who_learns("B.requires_grad_(False)(h)"),
    choices={
        ("C",): "The gradient passes through B to A. It is not kept in the weights of B.",
        ("A", "C"): "B is recorded, because its input requires a gradient. Its weights get none.",
        ("A", "B", "C"): "The weights of B require no gradient, so none is computed for them.",
    },
)

# %%
# Now ``detach()`` is in the middle.

ask(
    "And which parts get gradients in C(B(A(x)).detach())?",
    answer=who_learns("B(h).detach()"),
    choices={
        ("C",): "C is behind the cut. B and A are before it.",
        (
            "A",
            "C",
        ): "That is what freezing B gives. detach() cuts the way to all that comes before.",
        ("A", "B"): "The way back begins at the loss, so what is behind the cut learns: C.",
    },
)

# %%
# **Exercise.** In reinforcement learning a value function is trained towards a target that it computes itself. The
# value of a state is ``state @ weight``, and the loss is the mean squared difference of value and target. The target is
# the reward plus 0.9 times the value of the following state. Return the gradient of the loss with respect to the
# weight. The target counts as a constant.


def by_formula(weight, state, reward, following):
    error = state @ weight - (reward + 0.9 * (following @ weight))
    return 2 * (error[:, None] * state).mean(dim=0)


def gradient(weight, state, reward, following):
    raise NotImplementedError


torch.manual_seed(0)
cases = [(torch.ones(2), torch.rand(n, 2), torch.rand(n), torch.rand(n, 2)) for n in (1, 3)] + [
    (torch.tensor([1.0, -2.0, 0.5]), torch.rand(5, 3), torch.rand(5), torch.rand(5, 3))
]
check(gradient, by_formula, cases)

# %%
# Without ``detach()`` the gradient would also flow through the target, and be another one.

# Solution


def gradient(weight, state, reward, following):
    weight = weight.clone().requires_grad_()
    target = reward + 0.9 * (following @ weight)
    loss = (state @ weight - target.detach()).square().mean()
    return torch.autograd.grad(loss, weight)[0]


report = check(gradient, by_formula, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`in-place-and-versions` says which writes the backward pass survives.
#
# - PyTorch contributors (2026). `Autograd mechanics <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__. The
#   section on disabling gradients compares the modes.
# - PyTorch contributors (2026). `torch.autograd.grad_mode.inference_mode
#   <https://docs.pytorch.org/docs/stable/generated/torch.autograd.grad_mode.inference_mode.html>`__. The reference.

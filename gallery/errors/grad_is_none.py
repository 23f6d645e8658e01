r"""
.. _grad-is-none:

AttributeError: 'NoneType' object has no attribute 'zero\_'
===========================================================

You read ``.grad`` of a tensor that holds no gradient, so it is ``None``. Print ``is_leaf`` and ``requires_grad`` of the
tensor: with the order of your lines, they narrow down the causes below.
"""

# %%
# Set-up

import copy
import warnings

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
train = digits("train")
images, labels = train.inputs[:50].flatten(start_dim=1), train.targets[:50]  # (50, 64), (50,)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(64, 20)
        self.spare = nn.Linear(20, 20)  # forward does not use it
        self.head = nn.Linear(20, 10)

    def forward(self, x):
        return self.head(self.body(x).relu())


def distance(w):
    """Return how far w is from the numbers 1, 2, 3, squared."""
    return (w - torch.tensor([1.0, 2.0, 3.0])).square().sum()


# %%

w = torch.zeros(3, requires_grad=True)
with expect_error(AttributeError, match="'NoneType' object has no attribute 'zero_'"):
    for _ in range(30):
        w.grad.zero_()  # of the step before
        distance(w).backward()

# %%
# ``'zero_'`` is the method that you called on the gradient. With ``'norm'``, ``'data'`` or ``'clone'`` the causes are
# the same. A number times the gradient gives a ``TypeError`` that names ``'NoneType'``.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ====================================================================  =============================================
# Usual cause                                                           Fix
# ====================================================================  =============================================
# :ref:`no backward() yet, or zero_grad() since <none-order>`           ``w.grad = None`` in place of ``zero_()``
# :ref:`w = w - 0.1 * w.grad made a new tensor <none-update>`           ``w -= 0.1 * w.grad`` under ``no_grad``
# :ref:`x.to(device), or a product, made a new tensor <none-leaf>`      ``requires_grad_()`` at the end
# :ref:`the loss does not use the parameter <none-unused>`              use the layer, or remove it
# :ref:`detach(), or a number, on the way to the loss <none-unused>`    keep tensors up to the loss
# :ref:`the parameter is frozen <none-unused>`                          skip it, or ``requires_grad_(True)``
# ====================================================================  =============================================
#
# The rule
# --------
#
# ``backward()`` fills ``.grad`` of a tensor if three things hold. It is a :term:`leaf`, it requires a gradient, and
# autograd recorded a way from it to the loss. ``zero_grad()`` of a module or an optimizer sets ``.grad`` back to
# ``None`` by default.

frozen = torch.ones(3)
product = w * 2
distance(w + product + frozen).backward()
for name, tensor in {"w": w, "product": product, "frozen": frozen}.items():
    print(f"{name:8} is_leaf={tensor.is_leaf!s:6} requires_grad={tensor.requires_grad}")
assert w.grad is not None
assert frozen.grad is None

# %%
# .. _none-order:
#
# Before backward(), or after zero_grad()
# ---------------------------------------
#
# Read gradients between ``backward()`` and ``zero_grad()``. In a loop without an optimizer, write ``w.grad = None``,
# which also works where no gradient is there.

model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
F.cross_entropy(model(images), labels).backward()
optimizer.zero_grad()
with expect_error(AttributeError, match="'NoneType' object has no attribute 'norm'"):
    model.head.weight.grad.norm()

F.cross_entropy(model(images), labels).backward()
print(f"between the two: {model.head.weight.grad.norm():.2f}")
optimizer.step()
optimizer.zero_grad()

# %%
# .. _none-update:
#
# An update that made a new tensor
# --------------------------------
#
# ``w = w - ...`` gives the name ``w`` to the result of a subtraction, which is no leaf. The first step works, and the
# second finds ``None``. Write into the leaf with ``-=`` (:ref:`leaf-variable-in-place`).

w = torch.zeros(3, requires_grad=True)
distance(w).backward()
w = w - 0.1 * w.grad
distance(w).backward()
with (
    expect_warning(UserWarning, match="not a leaf Tensor is being accessed"),
    expect_error(TypeError, match="'float' and 'NoneType'"),
):
    w = w - 0.1 * w.grad

w = torch.zeros(3, requires_grad=True)
for _ in range(30):
    distance(w).backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
    w.grad = None
print("30 steps:", [round(number, 2) for number in w.tolist()])

# %%
# .. _none-leaf:
#
# A tensor that was moved, converted or scaled
# --------------------------------------------
#
# Moving to another device, converting to another floating-point type and multiplying make a new tensor. If autograd
# records this, the new tensor is no leaf. Ask for the gradient last, of the tensor that you keep. If you want the
# gradient of a result, call ``retain_grad()`` on it before ``backward()``.

early = torch.rand(3, requires_grad=True).double() * 0.1
late = (torch.rand(3).double() * 0.1).requires_grad_()
print("asked early: is_leaf", early.is_leaf, " asked late: is_leaf", late.is_leaf)
with expect_error(ValueError, match="can't optimize a non-leaf Tensor"):
    torch.optim.SGD([early], lr=0.1)
early.retain_grad()
for tensor in (early, late):
    distance(tensor).backward()
    assert tensor.grad.shape == (3,)
assert not torch.rand(3, requires_grad=True).to("meta").is_leaf  # another device

# %%
# .. _none-unused:
#
# A parameter that the loss does not use, or that is frozen
# ---------------------------------------------------------
#
# List the names of the parameters without a gradient. If ``requires_grad`` is ``True``, as for ``spare``, look into
# ``forward``: the layer is not called, or ``detach()`` or ``item()`` cuts its result off. If it is ``False``, the layer
# is frozen, so skip it. ``torch.autograd.grad`` raises an error for a tensor that was not used.

model.body.requires_grad_(False)
loss = F.cross_entropy(model(images), labels)
loss.backward(retain_graph=True)
for name, parameter in model.named_parameters():
    if parameter.grad is None:
        print(f"{name:12} requires_grad={parameter.requires_grad}")
norms = [p.grad.norm() for p in model.parameters() if p.grad is not None]
assert len(norms) == 2
cut = Net()
cut.head(cut.body(images).relu().detach()).sum().backward()
assert cut.body.weight.grad is None
with expect_error(RuntimeError, match="appears to not have been used in the graph"):
    torch.autograd.grad(loss, model.spare.weight, retain_graph=True)
(unused,) = torch.autograd.grad(loss, model.spare.weight, allow_unused=True)
assert unused is None

# %%
# .. use-this::
#
#    Let an optimizer update, and let ``zero_grad()`` remove the gradients. If you update by hand, write into the leaf
#    under ``torch.no_grad()``, and then set ``w.grad = None``. Make tensors on the device and with the data type that
#    they will have, and ask for the gradient last. Once, after the first ``backward()``, list the parameters whose
#    ``.grad`` is ``None``. ``retain_grad()`` costs the memory of one more gradient.
#
# A common mistake
# ----------------
#
# ``if w.grad is not None:`` around the update silences the message, and hides that the learning has stopped. Here one
# of 30 steps is made, so ``w`` does not reach the goal of 1, 2 and 3.

w = torch.zeros(3, requires_grad=True)
with warnings.catch_warnings(record=True):  # the warning from above, once a turn
    warnings.simplefilter("always")
    for _ in range(30):
        distance(w).backward()
        if w.grad is not None:
            w = w - 0.1 * w.grad
one_step = 0.2 * torch.tensor([1.0, 2.0, 3.0])
print("30 turns:", [round(number, 2) for number in w.tolist()])
assert w.allclose(one_step)

# %%
# How this was checked

# The message names what was asked of None.
for name in ("zero_", "norm", "data", "clone", "abs", "detach"):
    with expect_error(AttributeError, match=f"'NoneType' object has no attribute '{name}'"):
        getattr(torch.ones(2, requires_grad=True).grad, name)
with expect_error(TypeError, match="'float' and 'NoneType'"):
    0.1 * torch.ones(2, requires_grad=True).grad
# The three conditions, each taken away.
for make, is_leaf, requires_grad in [
    (lambda: torch.ones(3, requires_grad=True), True, True),
    (lambda: torch.ones(3), True, False),
    (lambda: torch.ones(3, requires_grad=True) * 1, False, True),
]:
    tensor, other = make(), torch.ones(3, requires_grad=True)
    assert (tensor.is_leaf, tensor.requires_grad) == (is_leaf, requires_grad)
    (tensor * other).sum().backward()
    if is_leaf:
        assert (tensor.grad is not None) == requires_grad
    else:
        with expect_warning(UserWarning, match="not a leaf Tensor"):
            assert tensor.grad is None
lonely = torch.ones(3, requires_grad=True)
(lonely.detach() * other).sum().backward()
assert lonely.grad is None
# Ways from a tensor to the loss that autograd does not record; rounding is recorded, and gives zeros.
for cut_off in (
    torch.Tensor.detach,
    lambda t: t.data,
    lambda t: t > 0,
    lambda t: t.argmax(),
    lambda t: t.sum().item(),
    lambda t: torch.tensor(t.tolist()),
):
    (cut_off(lonely) * other).sum().backward()
    assert lonely.grad is None
(lonely.round() * other).sum().backward()
assert lonely.grad.eq(0).all()
# With inputs=..., backward() fills those alone.
lonely.grad = None
(lonely * other).sum().backward(inputs=[other])
assert lonely.grad is None
# An update under no_grad that makes a new tensor gives a leaf that requires no gradient.
with torch.no_grad():
    renamed = other - 0.1 * other.grad
assert (renamed.is_leaf, renamed.requires_grad) == (True, False)
# zero_grad sets None, or zeros if asked.
for owner in (model, optimizer):
    F.cross_entropy(model(images), labels).backward()
    owner.zero_grad(set_to_none=False)
    assert model.head.weight.grad.eq(0).all()
    owner.zero_grad()
    assert model.head.weight.grad is None
# Integers require no gradient, so they are leaves. Where to() has nothing to do, it gives the tensor itself.
leaf = torch.ones(3, requires_grad=True)
assert leaf.to("cpu") is leaf
assert leaf.long().is_leaf
# A module is moved in place: its parameters stay leaves.
assert all(parameter.is_leaf for parameter in Net().to("meta").parameters())
# clip_grad_norm_ skips what has no gradient, and an optimizer does, too.
nn.utils.clip_grad_norm_(model.spare.parameters(), 1.0)
before = model.spare.weight.clone()
torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.5).step()
assert torch.equal(before, model.spare.weight)
# grad() with materialize_grads=True gives zeros for what was not used.
(zeros,) = torch.autograd.grad(distance(leaf), lonely, materialize_grads=True)
assert zeros.eq(0).all()

# %%
# Check yourself
# --------------


def leaves(**tensors):
    return tuple(name for name, tensor in tensors.items() if tensor.is_leaf)


ask(
    "a = torch.rand(3, requires_grad=True).double() and b = torch.rand(3).double().requires_grad_(). "
    "Which of them keep a gradient after backward()?",
    answer=leaves(
        a=torch.rand(3, requires_grad=True).double(), b=torch.rand(3).double().requires_grad_()
    ),
    choices={
        ("a", "b"): "One of them is the result of a conversion that was recorded.",
        (
            "a",
        ): "a is the result of a conversion that was recorded. Its gradient goes to the tensor before it.",
        ("b",): "The gradient was asked for last, so b is a leaf.",
    },
)

# %%
# The next question is about ``zero_grad()``.

layer = nn.Linear(2, 3)
layer(torch.ones(1, 2)).sum().backward()
layer.zero_grad()
ask(
    "What is layer.weight.grad after layer.zero_grad()?",
    answer=str(layer.weight.grad),
    choices={
        "None": "It costs no memory, and backward() makes a new gradient.",
        "a tensor of zeros": "That takes zero_grad(set_to_none=False).",
        "what it was before": "It is removed.",
    },
)

# %%
# **Exercise.** Count the elements of those parameters that require a gradient and are not used by
# ``model(x).sum()``. Do not touch ``.grad``: the checker looks at it afterwards.


def count_unused(model, x):
    raise NotImplementedError


def used(count):
    def result(model, x):
        number = count(model, x)
        touched = sum(parameter.grad is not None for parameter in model.parameters())
        return torch.tensor([number, touched])

    return result


def by_backward(model, x):
    other = copy.deepcopy(model)
    other(x).sum().backward()
    return sum(p.numel() for p in other.parameters() if p.requires_grad and p.grad is None)


frozen_body = Net()
frozen_body.body.requires_grad_(False)
silent = nn.Sequential(nn.Linear(4, 3), nn.ReLU())  # used, and its gradient is zero
nn.init.constant_(silent[0].bias, -100.0)
cases = [
    (nn.Linear(4, 3), torch.rand(2, 4)),
    (Net(), images),
    (frozen_body, images),
    (silent, torch.rand(2, 4)),
]
check(used(count_unused), used(by_backward), cases)

# %%
# ``torch.autograd.grad`` returns gradients and leaves ``.grad`` alone. It refuses frozen tensors, so these are left
# out.

# Solution


def count_unused(model, x):
    asked = [p for p in model.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(model(x).sum(), asked, allow_unused=True)
    return sum(p.numel() for p, g in zip(asked, gradients, strict=True) if g is None)


report = check(used(count_unused), used(by_backward), cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`none-of-the-inputs-have-requires-grad`, when a checkpoint cuts the graph. How the graph leads to the leaves is
# on :ref:`from-calculation-to-graph`.
#
# - PyTorch contributors (2026). `torch.Tensor.grad
#   <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.grad.html>`__. When it is ``None``.
# - PyTorch contributors (2026). `torch.Tensor.is_leaf
#   <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.is_leaf.html>`__. Leaves and results, with examples of
#   tensors that were moved.

"""
.. _none-of-the-inputs-have-requires-grad:

UserWarning: None of the inputs have requires_grad=True. Gradients will be None
===============================================================================

A part of your network runs under ``checkpoint``, and its input needs no gradient, so the older kind of checkpoint cuts
the graph there. Pass ``use_reentrant=False``: otherwise the weights inside are not trained.
"""

# %%
# Set-up

import warnings

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from ptguide.data import digits
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
data = digits("train")
images, labels = data.inputs[:200].flatten(start_dim=1), data.targets[:200]  # (200, 64), (200,)


class Net(nn.Module):
    """A network whose first part keeps nothing for the backward pass."""

    def __init__(self, **settings):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 30), nn.ReLU())
        self.head = nn.Linear(30, 10)
        self.settings = settings

    def forward(self, x):
        return self.head(checkpoint(self.body, x, **self.settings))


def loss_after(model, steps):
    """Train for some steps; return the last loss."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def without_gradient(model):
    """Return the names of the parameters that get no gradient."""
    model.zero_grad()
    F.cross_entropy(model(images), labels).backward()
    return [name for name, parameter in model.named_parameters() if parameter.grad is None]


# %%

model = Net(use_reentrant=True)
with expect_warning(UserWarning, match="None of the inputs have requires_grad=True"):
    missing = without_gradient(model)
print("no gradient:", missing)
print("use_reentrant=False:", without_gradient(Net(use_reentrant=False)))
assert missing == ["body.0.weight", "body.0.bias"]

# %%
# Images need no gradient. The older kind of ``checkpoint`` looks at its inputs alone, not at the weights inside, so its
# output has no graph. The head is trained, and the body keeps its first weights. The older
# kind counts tensors that are arguments, and not those in a list.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ====================================================================  ==============================================
# Cause                                                                 Fix
# ====================================================================  ==============================================
# :ref:`the first part of the network <ckpt-first>`                     ``use_reentrant=False``
# :ref:`frozen embeddings in front, as with LoRA <ckpt-frozen>`         the same, or a hook on the embedding
# :ref:`evaluation, or a part that is frozen <ckpt-harmless>`           the warning may be ignored
# :ref:`the use_reentrant parameter should be passed <ckpt-passed>`     ``use_reentrant=False``
# :ref:`element 0 of tensors does not require grad <ckpt-whole>`        the same: the whole network is under it
# ====================================================================  ==============================================
#
# .. _ckpt-first:
#
# The first part of the network
# -----------------------------
#
# With ``use_reentrant=False`` the output has a graph, as without a checkpoint. The backward pass computes the part
# again to get the values that it needs. Its gradients equal those without a checkpoint.

torch.manual_seed(1)
new = Net(use_reentrant=False)
plain = Net(use_reentrant=False)
plain.load_state_dict(new.state_dict())
plain.forward = lambda x: plain.head(plain.body(x))
for each in (new, plain):
    F.cross_entropy(each(images), labels).backward()
for (name, one), (_, other) in zip(new.named_parameters(), plain.named_parameters(), strict=True):
    torch.testing.assert_close(one.grad, other.grad)
    print(f"{name:14}{one.grad.abs().max().item():.4f}")

# %%
# .. _ckpt-frozen:
#
# Frozen embeddings in front
# --------------------------
#
# When you fine-tune a language model with LoRA, the embedding is frozen and small new weights sit inside the
# checkpointed blocks. The input of the first block then needs no gradient. Libraries that use the older kind let the
# *output* of the embedding ask for one, by a hook. In Hugging Face the call is ``model.enable_input_require_grads()``.


class Language(nn.Module):
    def __init__(self, **settings):
        super().__init__()
        self.embedding = nn.Embedding(50, 8).requires_grad_(False)
        self.block = nn.Linear(8, 8).requires_grad_(False)
        self.lora = nn.Sequential(nn.Linear(8, 2, bias=False), nn.Linear(2, 8, bias=False))
        self.settings = settings

    def forward(self, tokens):
        x = self.embedding(tokens)
        return checkpoint(lambda x: self.block(x) + self.lora(x), x, **self.settings)


tokens = torch.tensor([[3, 17, 42]])
with expect_warning(UserWarning, match="None of the inputs have requires_grad=True"):
    print("with a graph:", Language(use_reentrant=True)(tokens).requires_grad)
model = Language(use_reentrant=True)
model.embedding.register_forward_hook(lambda module, inputs, output: output.requires_grad_())
assert model(tokens).requires_grad
assert Language(use_reentrant=False)(tokens).requires_grad
model(tokens).sum().backward()
print("gradients of LoRA:", [p.grad is not None for p in model.lora.parameters()])
print("gradient of the embedding:", model.embedding.weight.grad)

# %%
# .. _ckpt-harmless:
#
# Where it may be ignored
# -----------------------
#
# A part that is frozen needs no gradient, and evaluation needs no gradient either. There the message is true and
# harmless. A checkpoint saves memory for a backward pass, so leave it out where there is no such pass.

model = Net(use_reentrant=True)
model.body.requires_grad_(False)
with expect_warning(UserWarning, match="None of the inputs have requires_grad=True"):
    model(images)
trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
plain = model.head(model.body(images))
with torch.no_grad(), expect_warning(UserWarning, match="None of the inputs"):
    same = torch.equal(model(images), plain)
print("trained:", trained, " same output without checkpoint:", same)
assert same

# %%
# .. _ckpt-passed:
#
# The use_reentrant parameter should be passed explicitly
# -------------------------------------------------------
#
# A call without the argument takes the older kind and warns that a later release will raise an error. Name it in each
# call.

with expect_warning(
    UserWarning, match="use_reentrant parameter should be passed|None of the inputs"
):
    Net()(images)

# %%
# .. _ckpt-whole:
#
# The whole network is under it
# -----------------------------
#
# If nothing is outside the checkpoint, the loss has no graph at all, and ``backward()`` raises an error. See
# :ref:`element-0-does-not-require-grad`.

body = nn.Sequential(nn.Linear(64, 10))
with expect_warning(UserWarning, match="None of the inputs have requires_grad=True"):
    loss = F.cross_entropy(checkpoint(body, images, use_reentrant=True), labels)
with expect_error(RuntimeError, match="element 0 of tensors does not require grad"):
    loss.backward()
F.cross_entropy(checkpoint(body, images, use_reentrant=False), labels).backward()
assert body[0].weight.grad is not None

# %%
# .. use-this::
#
#    Write ``checkpoint(part, x, use_reentrant=False)`` in each call, and ``gradient_checkpointing_kwargs`` with the
#    same value in libraries that take it. Look once for gradients that are ``None``. Each kind of checkpoint costs a
#    second forward pass of the part.
#
# A common mistake
# ----------------
#
# ``x.requires_grad_()`` on the images silences the message. It works, but each step then also computes the gradient of
# the images, which nobody needs. A filter for the warning is worse. The loss still falls, since the head learns alone,
# but it ends higher.

losses = {}
for reentrant in (True, False):
    ends = []
    for seed in range(3):
        torch.manual_seed(seed)
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            ends.append(loss_after(Net(use_reentrant=reentrant), steps=60))
    losses[reentrant] = ends
    print(f"use_reentrant={reentrant}: loss {min(ends):.2f} to {max(ends):.2f}")
assert min(losses[True]) > 2 * max(losses[False])

# %%
# How this was checked

# The gradient of the images is computed if they ask for one, and the body is trained then.
asking = images.clone().requires_grad_()
model = Net(use_reentrant=True)
F.cross_entropy(model(asking), labels).backward()
assert asking.grad.shape == images.shape
same = Net(use_reentrant=False)
same.load_state_dict(model.state_dict())
F.cross_entropy(same(images), labels).backward()
for one, other in zip(model.parameters(), same.parameters(), strict=True):
    torch.testing.assert_close(one.grad, other.grad)  # both kinds, where both work
# A tensor in a list does not count for the older kind.
with expect_warning(UserWarning, match="None of the inputs have requires_grad=True"):
    assert not checkpoint(lambda x: model.body(x[0]), [asking], use_reentrant=True).requires_grad
assert checkpoint(lambda x: model.body(x[0]), [asking], use_reentrant=False).requires_grad
# The loss falls while the head learns alone.
with expect_warning(UserWarning, match="None of the inputs have requires_grad=True"):
    assert loss_after(Net(use_reentrant=True), steps=1) > 1.2 * max(losses[True])
# checkpoint_sequential has the same message, and the same argument.
with expect_warning(UserWarning, match="None of the inputs have requires_grad=True"):
    checkpoint_sequential(nn.Sequential(body, nn.ReLU()), 1 + 1, images, use_reentrant=True)
assert checkpoint_sequential(
    nn.Sequential(body, nn.ReLU()), 2, images, use_reentrant=False
).requires_grad
# Integers cannot ask for a gradient, so tokens as the input of a checkpoint have the message, too.
with expect_warning(UserWarning, match="None of the inputs have requires_grad=True"):
    checkpoint(nn.Embedding(50, 8), tokens, use_reentrant=True)
assert checkpoint(nn.Embedding(50, 8), tokens, use_reentrant=False).requires_grad
# The body has kept its first weights.
torch.manual_seed(0)
model = Net(use_reentrant=True)
before = model.body[0].weight.clone()
with expect_warning(UserWarning, match="None of the inputs have requires_grad=True"):
    loss_after(model, steps=1)
assert torch.equal(before, model.body[0].weight)

# %%
# Check yourself
# --------------


def has_graph(reentrant, asks):
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        x = torch.ones(2, 64, requires_grad=asks)
        return checkpoint(nn.Linear(64, 3), x, use_reentrant=reentrant).requires_grad


ask(
    "x needs no gradient. Does checkpoint(nn.Linear(64, 3), x, use_reentrant=False) have a graph?",
    answer=has_graph(reentrant=False, asks=False),
    choices={
        True: "The weights of the layer need one, and this kind keeps the graph.",
        False: "That is so for use_reentrant=True, which looks at the inputs alone.",
    },
)

# %%
# The next question is about the loss.

ask(
    "Body and head are trained as above, with use_reentrant=True. What happens to the loss?",
    answer="falls, and stays higher" if min(losses[True]) > 2 * max(losses[False]) else "stays",
    choices={
        "stays": "The head is outside the checkpoint, and learns.",
        "falls, and stays higher": "The head learns on the random features of the first weights.",
        "an error": "That comes if nothing is outside the checkpoint.",
    },
)

# %%
# **Exercise.** Write the test for your own model: return how many numbers of it need a gradient and are left without
# one by ``model(x).sum()``, as a tensor.


def count_untrained(model, x):
    raise NotImplementedError


def by_autograd(model, x):
    parameters = [p for p in model.parameters() if p.requires_grad]
    output = model(x).sum()
    if not output.requires_grad:
        return torch.tensor(sum(p.numel() for p in parameters))
    found = torch.autograd.grad(output, parameters, allow_unused=True)
    return torch.tensor(
        sum(p.numel() for p, grad in zip(parameters, found, strict=True) if grad is None)
    )


class WithUnused(nn.Module):
    def __init__(self, output):
        super().__init__()
        self.used, self.unused, self.output = nn.Linear(4, 3), nn.Linear(4, 2), output

    def forward(self, x):
        return self.used(x) if self.output else self.used(x).detach()


x = torch.ones(2, 4)
cases = [(nn.Linear(4, 3), x), (WithUnused(True), x), (WithUnused(False), x)]
check(count_untrained, by_autograd, cases)

# %%
# An output without a graph has no ``backward``, and then no parameter gets a gradient.

# Solution


def count_untrained(model, x):
    model.zero_grad()
    output = model(x).sum()
    if output.requires_grad:
        output.backward()
    return torch.tensor(
        sum(p.numel() for p in model.parameters() if p.requires_grad and p.grad is None)
    )


report = check(count_untrained, by_autograd, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`leaf-variable-in-place`, an error of changing a parameter.
#
# - Hugging Face contributors (2023). `Enable requires_grad on input embedding
#   <https://github.com/huggingface/transformers/pull/21598>`__. The hook, and why LoRA needs it.
# - PyTorch contributors (2026). `torch.utils.checkpoint <https://docs.pytorch.org/docs/stable/checkpoint.html>`__. The
#   two kinds, and how they differ.

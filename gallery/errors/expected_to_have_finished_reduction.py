"""
.. _expected-to-have-finished-reduction:

RuntimeError: Expected to have finished reduction in the prior iteration before starting a new one.
===================================================================================================

Some parameters of the model had no part in the loss of the last step, and DDP waits for their gradients. Take them out
of the model, use them, or pass ``find_unused_parameters=True``.
"""

# %%
# Set-up

import contextlib
import os
import re
from unittest import mock

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
data = digits("train")
images, labels = data.inputs[:32].flatten(start_dim=1), data.targets[:32]  # (32, 64), (32,)
if not dist.is_initialized():  # a group of one process, which needs no port and no GPU
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)


class Net(nn.Module):
    """A network with a second head that forward does not use."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(64, 20)
        self.head = nn.Linear(20, 10)
        self.second_head = nn.Linear(20, 2)

    def forward(self, x):
        return self.head(self.body(x).relu())


def train(model, steps=2, loss=lambda output: F.cross_entropy(output, labels)):
    """Train for some steps; return the last loss."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(steps):
        value = loss(model(images))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    return value.item()


def fails(*arguments, **settings):
    """Train and print the beginning and the last numbers of the long message; return it."""
    try:
        train(*arguments, **settings)
    except RuntimeError as error:
        said = " ".join(str(error).split())
    numbers = re.search(r"did not receive grad for rank 0: (\d[\d ]*)", said)[0].strip()
    print("RuntimeError:", said.partition(" This error indicates")[0], "...", numbers)
    return said


# %%

said = fails(DistributedDataParallel(Net()))
assert said.startswith("Expected to have finished reduction in the prior iteration before starting")
assert "did not receive grad for rank 0: 4 5" in said

# %%
# The numbers at the end count the parameters from 0, in the order of ``model.parameters()``, without those that are
# frozen. Here 4 and 5 are the weight and the bias of ``second_head``. The error comes in the *second* step, because DDP
# checks there whether the first was finished.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ====================================================================  ==============================================
# Cause                                                                 Fix
# ====================================================================  ==============================================
# :ref:`a layer that forward does not use <reduction-unused>`           delete it, or ``requires_grad_(False)``
# :ref:`an output that the loss does not use <reduction-output>`        return what the loss needs
# :ref:`another branch in each step <reduction-branch>`                 ``find_unused_parameters=True``
# :ref:`a layer in front of detach, or in no_grad <reduction-unused>`   freeze it
# :ref:`no error: a method is called instead <reduction-method>`        put it into ``forward``
# ====================================================================  ==============================================
#
# Which parameters are they?
# --------------------------
#
# Set ``TORCH_DISTRIBUTED_DEBUG=INFO`` before you start, and the message has the names. Or run one step without DDP,
# and look for gradients that are ``None``: this works in a notebook, too.

with mock.patch.dict(os.environ, TORCH_DISTRIBUTED_DEBUG="INFO"):
    dist.set_debug_level_from_env()
    said = fails(DistributedDataParallel(Net()))
dist.set_debug_level(dist.DebugLevel.OFF)
named = re.search(r"Parameters which did not receive grad for rank 0: (\S+, \S+)", said)
print(named[0])


def without_gradient(model, loss):
    model.zero_grad()
    loss(model(images)).backward()
    return [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]


unused = without_gradient(Net(), lambda output: F.cross_entropy(output, labels))
print(unused)
assert set(unused) == set(named[1].split(", "))

# %%
# .. _reduction-unused:
#
# A layer that forward does not use
# ---------------------------------
#
# It may be the classifier of a pretrained network, or a layer that you no longer call. Delete it. If the file of
# weights needs it, freeze it. A layer whose output goes through ``detach()`` gets no gradient either. When DDP is made,
# it leaves out parameters that need no gradient. So freeze *before* you wrap. The last model below is frozen too late.

frozen = Net()
frozen.second_head.requires_grad_(False)
print(f"frozen:  loss {train(DistributedDataParallel(frozen)):.2f}")

deleted = Net()
del deleted.second_head
print(f"deleted: loss {train(DistributedDataParallel(deleted)):.2f}")

late = DistributedDataParallel(Net())
late.module.second_head.requires_grad_(False)
said = fails(late)

# %%
# .. _reduction-output:
#
# An output that the loss does not use
# ------------------------------------
#
# ``forward`` may return several tensors, and each must come into the loss. Add the second loss, or return what the loss
# needs. The sum of a finite output, with factor 0, gives the parameters gradients of zero, which is enough. Weight
# decay then still changes them.
#
# .. not tried: each must come into the loss — the cell tries both outputs


class TwoOutputs(Net):
    def forward(self, x):
        hidden = self.body(x).relu()
        return self.head(hidden), self.second_head(hidden)


fails(DistributedDataParallel(TwoOutputs()), loss=lambda out: F.cross_entropy(out[0], labels))
odd = labels % 2
train(
    DistributedDataParallel(TwoOutputs()),
    loss=lambda out: F.cross_entropy(out[0], labels) + F.cross_entropy(out[1], odd),
)
last = train(
    DistributedDataParallel(TwoOutputs()),
    loss=lambda out: F.cross_entropy(out[0], labels) + 0 * out[1].sum(),
)
print(f"with a factor of 0: loss {last:.2f}")

# %%
# .. _reduction-branch:
#
# Another branch in each step
# ---------------------------
#
# A network that skips layers at random uses different parameters in each step. ``find_unused_parameters=True`` looks
# through the graph after each forward pass, and counts the unused ones as ready. This search takes time in each step.


class Skipping(Net):
    def __init__(self):
        super().__init__()
        self.extra = nn.Linear(20, 20)
        self.step = 0

    def forward(self, x):
        self.step += 1
        hidden = self.body(x).relu()
        if self.step % 2 == 0:
            return self.head(hidden + self.extra(hidden))
        return self.head(hidden) + self.second_head(hidden).sum(dim=1, keepdim=True)


fails(DistributedDataParallel(Skipping()), steps=4)
last = train(DistributedDataParallel(Skipping(), find_unused_parameters=True), steps=4)
print(f"find_unused_parameters: loss {last:.2f}")

# %%
# .. _reduction-method:
#
# A method was called in place of the model
# -----------------------------------------
#
# DDP prepares a step when you call ``model(x)``. A call of ``model.module.second(x)`` skips this. In a training that
# calls this method alone, nothing is raised, and the gradients are not averaged over the processes. Let ``forward``
# choose, as here. The page counts how often DDP exchanges gradients.


class Choosing(Net):
    def second(self, x):
        return self.second_head(self.body(x).relu())

    def forward(self, x, task="digit"):
        return self.second(x) if task == "odd" else super().forward(x)


exchanged = []


def note(_, bucket):
    exchanged.append(bucket.buffer().numel())
    future = torch.futures.Future()
    future.set_result(bucket.buffer())
    return future


model = DistributedDataParallel(Choosing(), find_unused_parameters=True)
model.register_comm_hook(None, note)
F.cross_entropy(model.module.second(images), odd).backward()
print("model.module.second(x):", len(exchanged), "exchanges")
F.cross_entropy(model(images, task="odd"), odd).backward()
print('model(x, task="odd"):  ', len(exchanged), "exchange")
assert len(exchanged) == 1

# %%
# .. use-this::
#
#    Find the unused layers first, and delete or freeze them before you wrap the model. Where the branch changes from
#    step to step, pass ``find_unused_parameters=True``. If the same layers are unused in each step,
#    ``static_graph=True`` finds them once. Each costs a search through the graph, in each step or in the first.
#
# A common mistake
# ----------------
#
# ``find_unused_parameters=True`` silences the message where the layer *should* have been used. The layer then keeps its
# first weights. Compare the names with what you meant to train. See :ref:`parameters-that-are-not-trained`.

model = DistributedDataParallel(Net(), find_unused_parameters=True)
before = model.module.second_head.weight.clone()
train(model, steps=5)
print("second_head has changed:", not torch.equal(before, model.module.second_head.weight))
assert torch.equal(before, model.module.second_head.weight)

# %%
# How this was checked

# Each parameter is used: no error without a flag, and the result is that of the plain model.
plain, wrapped = Net(), Net()
del plain.second_head, wrapped.second_head
wrapped.load_state_dict(plain.state_dict())
torch.testing.assert_close(train(plain, steps=5), train(DistributedDataParallel(wrapped), steps=5))
# The error comes when forward is called again, not in the first step.
model = DistributedDataParallel(Net())
F.cross_entropy(model(images), labels).backward()
with expect_error(RuntimeError, match="Expected to have finished reduction"):
    model(images)
# static_graph takes the same unused layer in each step.
train(DistributedDataParallel(Net(), static_graph=True), steps=4)
# An output behind detach, or computed without a graph, leaves its layer unused as well.
for cut in (torch.no_grad, contextlib.nullcontext):

    class Cut(Net):
        def forward(self, x, cut=cut):
            with cut():
                hidden = self.body(x).relu().detach()
            return self.head(hidden) + self.second_head(hidden).sum(dim=1, keepdim=True)

    with expect_error(RuntimeError, match="did not receive grad for rank 0: 0 1"):
        train(DistributedDataParallel(Cut()))
    model = Cut()
    model.body.requires_grad_(False)
    train(DistributedDataParallel(model))
# Two forward passes before one backward pass are fine without unused parameters.
model = DistributedDataParallel(deleted)
first, second = model(images), model(images)
(first + second).sum().backward()
model(images)
# The indices count the parameters that need a gradient: with a frozen body, those of the second head are 2 and 3.
assert [name for name, _ in Net().named_parameters()][4:] == unused
half = Net()
half.body.requires_grad_(False)
with expect_error(RuntimeError, match="did not receive grad for rank 0: 2 3"):
    train(DistributedDataParallel(half))
# A factor of 0 gives nan for an output that is infinite, and weight decay changes what has a gradient of zero.
model = TwoOutputs()
output = model(images)
(F.cross_entropy(output[0], labels) + 0 * (output[1] * float("inf")).sum()).backward()
assert model.second_head.weight.grad.isnan().any()
model = TwoOutputs()
before = model.second_head.weight.clone()
(0 * model(images)[1].sum()).backward()
torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1).step()
assert not torch.equal(before, model.second_head.weight)
dist.destroy_process_group()

# %%
# Check yourself
# --------------

names = [name for name, _ in TwoOutputs().named_parameters()]
ask(
    "The message lists the indices 2 3. The parameters are those of body, head and second_head, a weight and a bias "
    "each. Which layer got no gradient?",
    answer=names[2].partition(".")[0],
    choices={
        "body": f"Its weight and bias have the numbers {names.index('body.weight')} and {names.index('body.bias')}.",
        "head": "The numbers begin at 0: body has 0 and 1.",
        "second_head": f"It has {names.index('second_head.weight')} and {names.index('second_head.bias')}.",
    },
)

# %%
# The next question is about the order of two lines.

dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
works = {}
for order in ("freeze, then wrap", "wrap, then freeze"):
    net = Net()
    if order.startswith("freeze"):
        net.second_head.requires_grad_(False)
    model = DistributedDataParallel(net)
    net.second_head.requires_grad_(False)
    try:
        train(model)
        works[order] = True
    except RuntimeError:
        works[order] = False
dist.destroy_process_group()
(fine,) = (order for order, worked in works.items() if worked)
ask(
    "second_head is not used. Which order trains two steps?",
    answer=fine,
    choices={
        "freeze, then wrap": "DDP looks at requires_grad when it is made.",
        "wrap, then freeze": "DDP has counted the layer already, and waits for it.",
    },
)

# %%
# **Exercise.** Write the test that belongs in front of a training with several processes. Return how many numbers of
# the model need a gradient and are left without one by this loss, as a tensor. Leave the gradients ``None``.


def count_unused(model, x, loss):
    raise NotImplementedError


def and_cleared(count):
    def run(model, x, loss):
        found = count(model, x, loss)
        left = sum(p.grad is not None for p in model.parameters())
        return torch.stack([found, torch.tensor(left)])  # the second is 0

    return run


def by_autograd(model, x, loss):
    parameters = [p for p in model.parameters() if p.requires_grad]
    found = torch.autograd.grad(loss(model(x)), parameters, allow_unused=True)
    return torch.tensor(
        sum(p.numel() for p, grad in zip(parameters, found, strict=True) if grad is None)
    )


def total(output):
    return output.sum()


half_frozen = Net()
half_frozen.second_head.weight.requires_grad_(False)
cases = [
    (Net(), images, total),
    (half_frozen, images, total),
    (nn.Linear(64, 3), images, total),
    (TwoOutputs(), images, lambda output: output[0].sum()),
]
check(and_cleared(count_unused), and_cleared(by_autograd), cases)

# %%
# Run ``backward``, count, and clear the gradients.

# Solution


def count_unused(model, x, loss):
    model.zero_grad()
    loss(model(x)).backward()
    count = sum(p.numel() for p in model.parameters() if p.requires_grad and p.grad is None)
    model.zero_grad()
    return torch.tensor(count)


report = check(and_cleared(count_unused), and_cleared(by_autograd), cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`child-failed-error`, the last lines of a program whose process failed. How DDP averages gradients is on
# :ref:`one-model-on-several-processes`.
#
# - PyTorch contributors (2026). `Distributed data parallel: internal design
#   <https://docs.pytorch.org/docs/stable/notes/ddp.html>`__. Why DDP waits for each parameter.
# - PyTorch contributors (2026). `DistributedDataParallel
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html>`__. The two flags.

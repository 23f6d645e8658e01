"""
.. _output-of-a-layer:

How do I get the output of a layer in the middle of a network?
==============================================================

You want the features that a :term:`network` computes one layer before its end, and its ``forward`` returns the logits
alone. Put a forward :term:`hook` on the layer: PyTorch calls it with the output, and the network stays as it is.
"""

# %%
# Set-up

from contextlib import contextmanager
from functools import partial

import torch
from torch import nn
from torch.fx.proxy import TraceError
from torchvision.models import resnet18
from torchvision.models.feature_extraction import create_feature_extractor

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
network = resnet18(weights=None).eval()  # random weights; the code is the same for trained ones
images = torch.rand(2, 3, 32, 48)

# %%

kept = []
handle = network.avgpool.register_forward_hook(lambda module, args, output: kept.append(output))
with torch.no_grad():
    logits = network(images)
handle.remove()
print(f"features {tuple(kept[0].shape)}, logits {tuple(logits.shape)}")

# %%
# ResNet-18 ends with ``avgpool``, which makes 512 features of each image, and ``fc``, which makes 1000 :term:`logits`
# of them. PyTorch calls the hook with the module, its arguments and its output. You need to know
# :ref:`hooks-on-modules`.
#
# The rule
# --------
#
# A layer's name is its path through the :term:`attributes <attribute>`: ``get_submodule(name)`` finds the layer, and
# ``named_modules()`` lists the names. ``outputs_of`` is the function to copy, for modules whose output is one tensor.
# It removes its hooks, also after an error. A layer that is called twice in one pass has two outputs in its list.


@contextmanager
def outputs_of(network, names):
    kept, handles = {name: [] for name in names}, []

    def keep(name, module, args, output):
        kept[name].append(output.detach().clone())

    for name in names:
        handles.append(network.get_submodule(name).register_forward_hook(partial(keep, name)))
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()


with outputs_of(network, ["conv1", "layer1", "layer4.1.conv2"]) as kept, torch.no_grad():
    network(images)
for name, (output,) in kept.items():
    print(f"{name:<15}{tuple(output.shape)}")

# %%
# Without hooks
# -------------
#
# torchvision's ``create_feature_extractor`` builds a network that stops where you want, with the same weights and
# without the later layers. So it computes less. The function has to read ``forward`` as a fixed list of operations, and
# refuses an ``if`` on the values of a tensor.

extractor = create_feature_extractor(network, {"layer1": "early"})
with torch.no_grad():
    torch.testing.assert_close(extractor(images)["early"], kept["layer1"][0])
for name, part in {"network": network, "up to layer1": extractor}.items():
    print(f"{name:<13}{sum(one.numel() for one in part.parameters()):>11,} parameters")

# %%
# Cutting the network into ``nn.Sequential(*parts)`` loses what ``forward`` does between the parts. In ResNet-18
# nothing is lost up to ``avgpool``. Before ``fc``, ``forward`` flattens the features, and the cut network fails there.

cut = nn.Sequential(*list(network.children())[:-1])
with torch.no_grad():
    torch.testing.assert_close(network.fc(cut(images).flatten(start_dim=1)), logits)
with expect_error(RuntimeError, match="shapes cannot be multiplied"):
    nn.Sequential(*network.children())(images)

# %%
# .. use-this::
#
#    For a look, copy ``outputs_of`` from above. For a network that you train or save, take
#    ``create_feature_extractor``; it shares its weights with the network. Call ``network.eval()`` first, because in
#    ``train()`` batch normalization makes an image's features depend on the rest of its batch. Compute under
#    ``torch.no_grad()`` if you need no gradients. Keep ``output.detach().clone()``: the copy costs memory, but without
#    it a later layer may write into what you kept.
#
# A common mistake
# ----------------
#
# **Kept, then overwritten.** ``bn1`` is followed by a ReLU that writes :term:`in place`, into the tensor that was
# kept. The "output of bn1" then has no negative number. ``detach`` shares the memory, ``clone`` copies it.

shared = []
with (
    network.bn1.register_forward_hook(lambda module, args, output: shared.append(output.detach())),
    outputs_of(network, ["bn1"]) as kept,
    torch.no_grad(),
):
    network(images)
print(f"smallest value: {shared[0].min():.2f} without clone, {kept['bn1'][0].min():.2f} with it")
assert shared[0].min() == 0
assert kept["bn1"][0].min() < -0.1

# %%
# How this was checked

# The extractor has no weights of its own: it shares those of the network, up to its end.
shared_with = {id(one) for one in network.parameters()}
assert all(id(one) in shared_with for one in extractor.parameters())
# The features are what the last layer gets.
with torch.no_grad(), outputs_of(network, ["avgpool"]) as kept:
    network(images)
    torch.testing.assert_close(network.fc(kept["avgpool"][0].flatten(start_dim=1)), logits)
assert not any(part._forward_hooks for part in network.modules())
# The function removes its hooks after an error, too.
with (
    expect_error(RuntimeError, match="expected input"),
    outputs_of(network, ["layer1"]),
):
    network(torch.rand(2, 4, 32, 48))
assert not any(part._forward_hooks for part in network.modules())
# In train(), an image has other features when it comes alone.
for training in (False, True):
    network.train(training)
    with torch.no_grad(), outputs_of(network, ["layer1"]) as kept:
        network(images)
        network(images[:1])
    together, alone = kept["layer1"]
    change = (together[0] - alone[0]).abs().max()
    assert (change > 0.1) if training else (change < 1e-3)
_ = network.eval()


# An extractor cannot be built of a forward that branches on values.
class Branching(nn.Module):
    def forward(self, x):
        return x.relu() if x.sum() > 0 else x


with expect_error(TraceError, match="used as inputs to control flow"):
    create_feature_extractor(Branching(), ["relu"])
assert isinstance(nn.LSTM(3, 4)(torch.rand(2, 1, 3)), tuple)
with torch.no_grad(), outputs_of(network, ["bn1", "relu"]) as kept:
    network(images)
torch.testing.assert_close(kept["bn1"][0].relu(), kept["relu"][0])
# One module that is called twice is kept twice.
with outputs_of(network, ["layer1.0.relu", "layer1.0"]) as kept, torch.no_grad():
    network(images)
first, second = kept["layer1.0.relu"]
assert not torch.equal(first, second)
assert torch.equal(second, kept["layer1.0"][0])
# A hook waits for a call: attention takes the weights of its out_proj and does not call it.
attention, tokens = nn.MultiheadAttention(8, num_heads=2), torch.rand(3, 1, 8)
with outputs_of(attention, ["out_proj"]) as kept:
    attention(tokens, tokens, tokens)
assert kept == {"out_proj": []}
# Without detach, the graph is kept, too.
held = []
with network.layer1.register_forward_hook(lambda module, args, output: held.append(output)):
    network(images)
assert held[0].grad_fn is not None
# The hook works where tracing fails.
branch = nn.Sequential(Branching())
with outputs_of(branch, ["0"]) as kept:
    branch(torch.tensor([-1.0, 3.0]))
assert kept["0"][0].tolist() == [0, 3]

# %%
# Check yourself
# --------------

count = []
relu = nn.ReLU()
twice = nn.Sequential(nn.Linear(4, 6), relu, nn.Linear(6, 6), relu)
relu.register_forward_hook(lambda *_: count.append(1))
twice(torch.rand(3, 4))
ask(
    "nn.Sequential(a, relu, b, relu) holds one relu twice. How often is a forward hook on it called in one pass?",
    answer=len(count),
    choices={
        1: "The hook belongs to the module, and the module is called in two places.",
        2: "Once for each call. To tell them apart, make two modules.",
    },
)

# %%
# The next question is about the copy.

probe = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(inplace=True))
nn.init.constant_(probe[0].weight, -3.0)
stored = []
probe[0].register_forward_hook(lambda module, args, output: stored.append(output.detach()))
probe(torch.tensor([[2.0]]))
ask(
    "A layer makes -6, then comes nn.ReLU(inplace=True). A hook on the layer stores output.detach(). What is in it?",
    answer=stored[0].item(),
    choices={
        -6.0: "The value was -6 when the hook was called. But detach shares the memory, and ReLU wrote into it.",
        0.0: "ReLU has overwritten the stored tensor. clone() would have kept -6.",
        6.0: "That is the size of -6. ReLU makes 0 of a negative number.",
    },
)

# %%
# **Exercise.** Return the features of images, of shape (N, 512), as ``network.avgpool`` makes them, without gradients
# and without leaving a hook behind.


def by_cutting(images):
    with torch.no_grad():
        return nn.Sequential(*list(network.children())[:-1])(images).flatten(start_dim=1)


# Varies with the processor: a deep network amplifies how it rounds.
cases = [(images,), (torch.rand(3, 3, 40, 40),)]


def features(images):
    raise NotImplementedError


check(features, by_cutting, cases, without=["Sequential"])

# %%
# The hook returns nothing, so it may use ``append``, which returns ``None``.

# Solution


def features(images):
    kept = []
    with (
        network.avgpool.register_forward_hook(lambda module, args, output: kept.append(output)),
        torch.no_grad(),
    ):
        network(images)
    return kept[0].flatten(start_dim=1)


report = check(features, by_cutting, cases, without=["Sequential"])
assert report.passed
assert not network.avgpool._forward_hooks
report

# %%
# Read next
# ---------
#
# :ref:`autograd-function` explains how to write an operation with your own backward pass.
#
# - PyTorch contributors (2026). `Feature extraction for model inspection
#   <https://docs.pytorch.org/vision/stable/feature_extraction.html>`__. How
#   ``create_feature_extractor`` names the places in a network.
# - Yosinski, Clune, Bengio and Lipson (2014). `How transferable are features in deep neural networks?
#   <https://arxiv.org/abs/1411.1792>`__. From which layer to take them.

"""
.. _output-of-a-layer:

How do I get the output of a layer in the middle of a network?
==============================================================

One layer before its end, a network that tells 1000 kinds of things apart has features of a photo that others can use,
and its ``forward`` returns the end alone. Put a forward :term:`hook` on the layer that you want: PyTorch calls it with
the output, and the code of the :term:`network` stays as it is.
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

kept = {}


def keep(module, args, output):
    kept["features"] = output.detach()


handle = network.avgpool.register_forward_hook(keep)
with torch.no_grad():
    logits = network(images)
handle.remove()
print(f"features {tuple(kept['features'].shape)}, logits {tuple(logits.shape)}")
with torch.no_grad():
    torch.testing.assert_close(network.fc(kept["features"].flatten(start_dim=1)), logits)

# %%
# ResNet-18 ends with ``avgpool``, which makes 512 features of each image, and ``fc``, which makes 1000 :term:`logits`
# of them. The hook keeps the features of two images. You need to know :ref:`hooks-on-modules`.
#
# Several layers at once
# ----------------------
#
# A layer's name is its path through the :term:`attributes <attribute>`, as ``network.named_modules()`` lists it, and
# ``get_submodule`` finds it by that. Here is the function to copy. It removes its hooks, also after an error. It is for
# layers whose output is one tensor; ``nn.LSTM``, for one, returns a tuple.


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


names = ["conv1", "layer1", "layer4.1.conv2", "avgpool"]
with outputs_of(network, names) as kept, torch.no_grad():
    network(images)
for name, (output,) in kept.items():
    print(f"{name:<14} {tuple(output.shape)}")

# %%
# Without hooks
# -------------
#
# torchvision's ``create_feature_extractor`` builds a new network that stops where you want, and leaves out the rest. It
# has to understand ``forward`` as a fixed list of operations, and refuses an ``if`` on values.

extractor = create_feature_extractor(network, {"layer1": "early"})
with torch.no_grad():
    torch.testing.assert_close(extractor(images)["early"], kept["layer1"][0])
print(
    f"layers: {len(list(network.modules()))} in the network, {len(list(extractor.modules()))} up to layer1"
)


class Branching(nn.Module):
    def forward(self, x):
        return x.relu() if x.sum() > 0 else x


with expect_error(TraceError, match="used as inputs to control flow"):
    create_feature_extractor(Branching(), ["relu"])

# %%
# Cutting the network into ``nn.Sequential(*parts)`` is right only if ``forward`` does nothing between the parts. Up to
# ``avgpool`` that holds here. With ``fc`` it fails, because ``forward`` flattens before it.
#
# .. not tried: right only if — the definition of Sequential

cut = nn.Sequential(*list(network.children())[:-1])
with torch.no_grad():
    torch.testing.assert_close(cut(images), kept["avgpool"][0])
with expect_error(RuntimeError, match="shapes cannot be multiplied"):
    nn.Sequential(*network.children())(images)

# %%
# .. use-this::
#
#    For a look, ``outputs_of`` as above. For a network of your own that is to be trained or saved,
#    ``create_feature_extractor``. Call ``network.eval()`` first, and compute under ``torch.no_grad()`` if you need no
#    gradients. ``detach().clone()`` what you keep: it costs a copy, and without it later layers may write into it.
#
# Common mistakes
# ---------------
#
# **Kept, then overwritten.** ``bn1`` is followed by a ReLU that writes :term:`in place`, into the very tensor that was
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
# **The wrong mode.** In ``train()``, batch normalization takes mean and variance from the :term:`batch`. An image then
# gets other features when it comes alone.

for training in (False, True):
    network.train(training)
    with torch.no_grad(), outputs_of(network, ["layer1"]) as kept:
        network(images)
        network(images[:1])
    together, alone = kept["layer1"]
    change = (together[0] - alone[0]).abs().max().item()
    print(f"{'train()' if training else 'eval()':<8} largest difference {change:.3f}")
    assert (change > 0.1) if training else (change < 1e-3)
network.eval()

# %%
# How this was checked

assert not any(part._forward_hooks for part in network.modules())
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
# The copy:

probe = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(inplace=True))
nn.init.constant_(probe[0].weight, -3.0)
stored = []
probe[0].register_forward_hook(lambda module, args, output: stored.append(output.detach()))
probe(torch.tensor([[2.0]]))
ask(
    "A layer makes -6, then comes nn.ReLU(inplace=True). A hook on the layer stores output.detach(). What is in it?",
    answer=stored[0].item(),
    choices={
        -6.0: "So it was when the hook was called. But detach shares the memory, and ReLU wrote into it.",
        0.0: "ReLU has overwritten the stored tensor. clone() would have kept -6.",
        6.0: "ReLU makes 0 of a negative number.",
    },
)

# %%
# **Exercise.** Return the features of images, of shape (N, 512), as the network's ``avgpool`` makes them, without
# gradients and without leaving a hook behind.


def by_cutting(network, images):
    with torch.no_grad():
        return nn.Sequential(*list(network.children())[:-1])(images).flatten(start_dim=1)


cases = [(network, images), (network, torch.rand(3, 3, 40, 40))]


def features(network, images):
    raise NotImplementedError


check(features, by_cutting, cases, without=["Sequential"])

# %%
# The hook returns nothing, so it may use ``append``, which returns ``None``.

# Solution


def features(network, images):
    kept = []
    with (
        network.avgpool.register_forward_hook(lambda module, args, output: kept.append(output)),
        torch.no_grad(),
    ):
        network(images)
    return kept[0].flatten(start_dim=1)


report = check(features, by_cutting, cases, without=["Sequential"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`nn-linear`, the layer that all of these pages use.
#
# - PyTorch contributors (2026). `Feature extraction for model inspection
#   <https://docs.pytorch.org/vision/stable/feature_extraction.html>`__.
# - Yosinski, Clune, Bengio and Lipson (2014). `How transferable are features in deep neural networks?
#   <https://arxiv.org/abs/1411.1792>`__. From which layer to take them.

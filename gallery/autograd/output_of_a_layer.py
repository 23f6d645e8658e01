"""
.. _output-of-a-layer:

How do I get the output of a layer in the middle of a network?
==============================================================

Put a forward :term:`hook` on that layer. PyTorch calls it with the output each time the layer has been called, and the
code of the :term:`network` stays as it is. This page keeps the features of a ResNet-18, compares two ways without
hooks, measures how :term:`gradients <gradient>` flow, and shows four ways to keep the wrong thing. You need to know
:ref:`hooks-on-modules`.
"""

# %%
# ResNet-18 ends with ``avgpool``, which makes 512 features of each image, and ``fc``, which makes 1000 :term:`logits`
# of them. Two images go in, and the hook keeps the features. (The weights are random here. The code is the same for
# trained ones.)

import torch
from torch import nn
from torchvision.models import resnet18

torch.manual_seed(0)
network = resnet18(weights=None).eval()
images = torch.rand(2, 3, 32, 48)
kept = {}


def keep(module, args, output):
    kept["features"] = output.detach()


handle = network.avgpool.register_forward_hook(keep)
with torch.no_grad():
    logits = network(images)
handle.remove()
print(tuple(images.shape), "->", tuple(kept["features"].shape), "->", tuple(logits.shape))

# %%
# The rest of the network makes the logits of what was kept, so it is the right thing.

with torch.no_grad():
    torch.testing.assert_close(network.fc(kept["features"].flatten(start_dim=1)), logits)

# %%
# For several layers
# ------------------
#
# The name of a layer is its path through the :term:`attributes <attribute>`, as ``named_modules`` lists it.
# ``get_submodule`` finds the layer by this name. The ``with`` block removes the hooks, also after an error. The
# function is for layers whose output is one tensor. ``nn.LSTM`` returns a tuple.


from contextlib import contextmanager
from functools import partial


@contextmanager
def outputs_of(network, names):
    kept = {name: [] for name in names}

    def keep(name, module, args, output):
        kept[name].append(output.detach().clone())

    handles = []
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
    print(f"{name:<14}", tuple(output.shape))
assert not any(part._forward_hooks for part in network.modules())
assert isinstance(nn.LSTM(3, 4)(torch.rand(2, 1, 3)), tuple)

# %%
# A hook waits for a call of the module. Where ``forward`` takes the weights of a layer and does not call the layer, its
# hook keeps nothing: ``nn.MultiheadAttention`` does so with its ``out_proj``.

attention = nn.MultiheadAttention(8, num_heads=2)
tokens = torch.rand(3, 1, 8)
with outputs_of(attention, ["out_proj"]) as kept:
    attention(tokens, tokens, tokens)
assert kept == {"out_proj": []}
with outputs_of(network, names) as kept, torch.no_grad():
    network(images)
assert all(len(outputs) == 1 for outputs in kept.values())

# %%
# Two ways without hooks
# ----------------------
#
# torchvision's ``create_feature_extractor`` makes a new network of the operations that lead to the wanted outputs, and
# leaves out the rest, such as ``fc`` here. It has to understand ``forward`` as a fixed list of operations, which an
# ``if`` on values prevents. A hook works there, too.

from torch.fx.proxy import TraceError
from torchvision.models.feature_extraction import create_feature_extractor

from ptguide.errors import expect_error

extractor = create_feature_extractor(network, {"layer1": "early", "avgpool": "late"})
with torch.no_grad():
    found = extractor(images)
torch.testing.assert_close(found["early"], kept["layer1"][0])
torch.testing.assert_close(found["late"], kept["avgpool"][0])
assert not hasattr(extractor, "fc")


class Branching(nn.Module):
    def forward(self, x):
        return x.relu() if x.sum() > 0 else x


with expect_error(TraceError, match="used as inputs to control flow"):
    create_feature_extractor(Branching(), ["relu"])
branch = nn.Sequential(Branching())
with outputs_of(branch, ["0"]) as of_branch:
    branch(torch.tensor([-1.0, 3.0]))
assert of_branch["0"][0].tolist() == [0, 3]

# %%
# The other way is to cut: put the first parts into ``nn.Sequential``. It is right if ``forward`` calls the parts one
# after the other, in the order in which they were made, and does nothing between. For ResNet that holds up to
# ``avgpool``. With ``fc`` it fails, because ``forward`` flattens before it, and flattening is not one of the parts.

cut = nn.Sequential(*list(network.children())[:-1])
with torch.no_grad():
    torch.testing.assert_close(cut(images), kept["avgpool"][0])
whole = nn.Sequential(*network.children())
with expect_error(RuntimeError, match="shapes cannot be multiplied"):
    whole(images)

# %%
# Use: gradient flow
# ------------------
#
# Which layers get a gradient, and which get next to nothing? A hook before the backward part of each layer measures
# what arrives there. Below are twelve layers, each with a sigmoid behind it. The first gets less than a millionth of
# what the last gets. :ref:`vanishing-gradients` says why.

import matplotlib.pyplot as plt

deep = nn.Sequential(*[part for _ in range(12) for part in (nn.Linear(8, 8), nn.Sigmoid())])
flow = {}
for number, part in enumerate(deep[::2], start=1):

    def measure(module, grad_output, number=number):
        flow[number] = grad_output[0].norm().item()

    part.register_full_backward_pre_hook(measure)
deep(torch.rand(5, 8)).sum().backward()
assert list(flow) == list(range(12, 0, -1))  # the last layer is the first to be reached
assert flow[1] < 1e-6 * flow[12]

_, axes = plt.subplots(figsize=(6.5, 3), layout="constrained")
axes.bar(list(flow), list(flow.values()))
axes.set(yscale="log", xlabel="layer", ylabel="norm of the gradient", xticks=range(1, 13))
axes.set_title("Through sigmoids, hardly any gradient reaches the first layers")
plt.show()

# %%
# What goes wrong
# ---------------
#
# *Kept, then overwritten.* ``bn1`` is followed by a ReLU that writes :term:`in place`, into the very tensor that was
# kept. So the "output of bn1" has no negative number, which is not what ``bn1`` gave. ``detach`` does not copy the
# numbers, and ``clone`` does.

shared = []
handle = network.bn1.register_forward_hook(lambda *given: shared.append(given[2].detach()))
with handle, outputs_of(network, ["bn1"]) as kept, torch.no_grad():
    network(images)
(copied,) = kept["bn1"]
assert network.relu.inplace
assert shared[0].min() == 0
assert copied.min() < -0.1
assert torch.equal(copied.relu(), shared[0])

# %%
# *One module, several calls.* The blocks of ResNet call one and the same ``relu`` twice. A dictionary with one place
# for a name holds the last call; the lists of ``outputs_of`` hold both.

with outputs_of(network, ["layer1.0.relu", "layer1.0"]) as kept, torch.no_grad():
    network(images)
first, second = kept["layer1.0.relu"]
assert not torch.equal(first, second)
assert torch.equal(second, kept["layer1.0"][0])

# %%
# *The graph is kept, too.* An output without ``detach`` leads to its ``grad_fn``, and so to what the layers before it
# have saved. A list of such outputs grows by that with each batch.
#
# *The wrong mode.* In ``train()``, batch normalization takes mean and variance from the :term:`batch`, so an image has
# other features when it comes alone.

held = []
with network.layer1.register_forward_hook(lambda *given: held.append(given[2])):
    network(images)
assert held[0].grad_fn is not None

change = []
for training in (False, True):
    network.train(training)
    with torch.no_grad(), outputs_of(network, ["layer1"]) as kept:
        network(images)
        network(images[:1])
    both, single = kept["layer1"]
    change.append((both[0] - single[0]).abs().max().item())
assert change[0] < 1e-3
assert change[1] > 0.1

# %%
# Check yourself
# --------------

from ptguide.questions import ask

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
# And the copy:

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
# Next: :ref:`nn-linear`, the layer that all of these pages use.

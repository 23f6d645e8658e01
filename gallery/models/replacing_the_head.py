"""
.. _replacing-the-head:

How do I replace the last layer? (model.fc, nn.Identity, freezing)
==================================================================

You have a trained :term:`network`, and your images belong to other classes. The last layer of a ResNet, its **head**,
is the attribute ``fc``: assign ``nn.Identity()`` for the features, or a new layer for your classes.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import copy

import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import densenet121, mobilenet_v3_small, resnet18, squeezenet1_0, vgg11
from torchvision.models.feature_extraction import create_feature_extractor

from ptguide.data import digits
from ptguide.devices import pick_device
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.models import ResNet, ResNetSettings
from ptguide.questions import ask

device = pick_device()


def digits_of(first, end, split):
    """Return the images of some digits, and labels that begin at 0."""
    images, labels = digits(split)[:]
    chosen = (labels >= first) & (labels < end)
    return images[chosen].to(device), labels[chosen].to(device) - first


def new_network(classes):
    """Return a small ResNet with 64 features."""
    settings = ResNetSettings(
        blocks=(1, 1, 1, 1), classes=classes, channels=1, stem="small", width=8
    )
    return ResNet(settings).to(device)


def train(module, inputs, targets, optimizer, epochs, seed=0):
    """Train with whole batches of 60."""
    order = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for chosen in torch.randperm(len(inputs), generator=order).split(60)[:-1]:
            chosen = chosen.to(device)
            loss = F.cross_entropy(module(inputs[chosen]), targets[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def accuracy(module, inputs, targets):
    with torch.no_grad():
        return (module(inputs).argmax(dim=1) == targets).float().mean().item()


def costs(network, images, labels):
    """Return how many gradients one step computes, and how many bytes wait for them."""
    kept = []

    def keep(tensor):
        kept.append(tensor.nbytes)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = F.cross_entropy(network(images), labels)
    loss.backward()
    return sum(p.grad is not None for p in network.parameters()), sum(kept)


torch.manual_seed(0)
source = new_network(classes=6)  # of the digits 0 to 5
images, labels = digits_of(0, 6, "train")
train(source, images, labels, torch.optim.Adam(source.parameters(), lr=0.005), epochs=8)
source.zero_grad()
source.eval()
images, labels = digits_of(6, 10, "train")  # four classes that it has not seen
unseen_images, unseen_labels = digits_of(6, 10, "validation")


def pretrained():
    return copy.deepcopy(source)


# %%

with torch.device("meta"):  # shapes without memory
    model, photos = resnet18(), torch.rand(3, 3, 224, 224)
    for head in (model.fc, nn.Identity(), nn.Linear(512, 5)):
        model.fc = head
        print(f"{head!s:<58}{tuple(model(photos).shape)}")
        assert model(photos).shape == (3, getattr(head, "out_features", 512))

# %%
# Each line shows the ``fc`` of a ResNet-18, and the shape that three photos come out with. They are logits of its own
# classes, 512 features, and logits of five new classes. You need to know :ref:`transfer-learning` and
# :ref:`resnet-taken-apart`.
#
# .. longer: 6 screens — features, names, the optimizer, and two mistakes have a cell each
#
# The rule
# --------
#
# **Freeze** all parameters, then **replace** the head by a layer with as many inputs, and **train** what requires
# gradients. The new layer is not frozen, because a new parameter requires a gradient. Here a small ResNet was trained
# on six of the digits. With a frozen body and a head for four classes, it learns the other four, with three seeds.

# Varies with the processor: a training amplifies how it rounds.
for seed in range(3):
    network = pretrained().requires_grad_(False)
    torch.manual_seed(seed)
    network.fc = nn.Linear(network.fc.in_features, 4).to(device)
    optimizer = torch.optim.Adam(network.fc.parameters(), lr=0.02)
    train(network, images, labels, optimizer, epochs=8, seed=seed)
    right = accuracy(network, unseen_images, unseen_labels)
    print(f"seed {seed}: right on {right:.0%} of the unseen images")
    assert right > 0.7
learning = [name for name, p in network.named_parameters() if p.requires_grad]
print("learning:", ", ".join(learning))
assert learning == ["fc.weight", "fc.bias"]

# %%
# ``nn.Identity`` for the features
# --------------------------------
#
# ``nn.Identity`` returns its input, so the network returns what the head was given. A ``nn.Sequential`` of all
# children but the last is not the same. What ``forward()`` does between the layers is lost, here the flattening.

network = pretrained()
cut = nn.Sequential(*list(network.children())[:-1])
network.fc = nn.Identity()
with torch.no_grad():
    features = network(images[:5])
    print("nn.Identity  ", tuple(features.shape))
    print("nn.Sequential", tuple(cut(images[:5]).shape))
    torch.testing.assert_close(cut(images[:5]).flatten(1), features)
    torch.testing.assert_close(source.fc(features), source(images[:5]))
    with expect_error(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
        source.fc(cut(images[:5]))

# %%
# What is the head called?
# ------------------------
#
# Print the network, or look for the last layer with weights. In these five networks that is the head. The order is the
# one in which ``__init__`` made the layers, so check the shape of the output. ``set_submodule`` replaces a layer by its
# name with dots, also inside a ``nn.Sequential``. SqueezeNet ends with a convolution, and averages its maps.

new_heads = {
    nn.Linear: lambda last: nn.Linear(last.in_features, 7),
    nn.Conv2d: lambda last: nn.Conv2d(last.in_channels, 7, last.kernel_size),
}
for build in (resnet18, vgg11, mobilenet_v3_small, densenet121, squeezenet1_0):
    with torch.device("meta"):  # shapes without memory
        model = build().eval()
        weighted = [(n, m) for n, m in model.named_modules() if type(m) in new_heads]
        name, last = weighted[-1]
        model.set_submodule(name, new_heads[type(last)](last))
        print(f"{build.__name__:<19}{name:<14}{tuple(last.weight.shape)}")
        assert model(torch.rand(2, 3, 224, 224)).shape == (2, 7)

# %%
# Which parameters does the optimizer get?
# ----------------------------------------
#
# Freezing decides what is computed: without it, the forward pass keeps what the gradients of the body need, and
# ``backward()`` fills them. What the optimizer gets decides what moves. It skips a parameter whose ``.grad`` is
# ``None``. So a frozen body in its list does no harm, unless gradients from before are left: ``zero_grad()`` removes
# them. Each row is one training step:

print("frozen  optimizer gets   gradients  kept for backward()  body moved")
for frozen in (False, True):
    for given in ("all", "the head"):
        network = pretrained().requires_grad_(not frozen)
        network.fc = nn.Linear(64, 4).to(device)
        owner = network if given == "all" else network.fc
        optimizer = torch.optim.AdamW(owner.parameters(), lr=0.01, weight_decay=0.1)
        gradients, kept = costs(network, images[:60], labels[:60])
        optimizer.step()
        moved = not torch.equal(network.conv1.weight, source.conv1.weight)
        print(f"{frozen!s:<8}{given:<17}{gradients:<11}{kept / 1e6:<21.2f}{moved}")
        assert moved == (not frozen and given == "all")
        assert (gradients == 2) == frozen
print("MB of tensors for a batch of 60 images, on", device.type)

# %%
# Compute the features once
# -------------------------
#
# A frozen body in evaluation mode gives the same features in each epoch, as long as the images stay the same. So let
# it see each image once, and train a linear layer on what it gives. The weights become those of the slow way, up to
# rounding. With random :ref:`augmentation <augmentation>` this is not possible.

torch.manual_seed(0)
head = nn.Linear(64, 4).to(device)
network = pretrained().requires_grad_(False)
network.fc = nn.Identity()
with torch.no_grad():
    features = network(images)
network.fc = copy.deepcopy(head)
slow = torch.optim.SGD(network.fc.parameters(), lr=0.1)
fast = torch.optim.SGD(head.parameters(), lr=0.1)
train(network, images, labels, slow, epochs=3)
train(head, features, labels, fast, epochs=3)
torch.testing.assert_close(head.weight, network.fc.weight, rtol=1e-3, atol=1e-3)
print("images through the body, slow and fast:", 3 * (len(images) // 60 * 60), len(images))

# %%
# .. use-this::
#
#    Call ``network.requires_grad_(False)``, then assign ``network.fc = nn.Linear(network.fc.in_features, classes)``.
#    Then make the optimizer from the parameters that require a gradient. Keep the body in ``eval()`` while only the
#    head learns: a loop that calls ``network.train()`` in each epoch undoes that. Where nothing is augmented, compute
#    the features once with ``nn.Identity()``: they need memory for each image. Unfreeze the last stage, or the whole
#    network, where :ref:`the frozen body is the limit <transfer-learning>`.
#
# Common mistakes
# ---------------
#
# **Frozen, and in train mode.** ``requires_grad_(False)`` is about parameters. The running mean of :ref:`batch norm
# <batch-norm>` is a buffer, and each forward pass in train mode moves it, under ``torch.no_grad()``, too. ``eval()``
# stops this, and the head learns in this mode as well. :ref:`frozen-batch-norm` shows what it costs.

network = pretrained().requires_grad_(False)
network.fc = nn.Linear(64, 4).to(device)
for mode in (True, False):
    network.train(mode)
    before = network.bn1.running_mean.clone()
    with torch.no_grad():
        network(images[:60])
    moved = ((network.bn1.running_mean - before).norm() / before.norm()).item()
    print(f"train({mode}): running_mean moved by {moved:.1%} of its length")
    assert (moved > 0) == mode
loss = F.cross_entropy(network(images[:60]), labels[:60])
loss.backward()
assert network.fc.weight.grad.abs().sum() > 0

# %%
# **Weights of another number of classes.** A state dict with six classes does not fit a head for four, and
# ``strict=False`` forgives names, not shapes. Leave out the head when you load, and look at what was missing. For
# weights that you have fine-tuned yourself, replace the head first and load strictly.

saved, network = source.state_dict(), new_network(classes=4)
with expect_error(RuntimeError, match="size mismatch for fc.weight"):
    network.load_state_dict(saved, strict=False)
body = {name: tensor for name, tensor in saved.items() if not name.startswith("fc.")}
found = network.load_state_dict(body, strict=False)
print("missing:", found.missing_keys, " unexpected:", found.unexpected_keys)
assert found.missing_keys == ["fc.weight", "fc.bias"]

# %%
# How this was checked

# Three ways to the features: nn.Identity, a hook on the head, and torchvision's extractor.
network = pretrained()
seen = []
handle = network.fc.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
with torch.no_grad():
    logits = network(unseen_images)
handle.remove()
extractor = create_feature_extractor(pretrained(), {"flatten": "features"}).eval()
network.fc = nn.Identity()
with torch.no_grad():
    by_identity = network(unseen_images)
    torch.testing.assert_close(by_identity, seen[0])
    torch.testing.assert_close(by_identity, extractor(unseen_images)["features"])
    torch.testing.assert_close(by_identity, source.features(unseen_images))
    torch.testing.assert_close(source.fc(by_identity), logits)
assert by_identity.shape[1] == source.fc.in_features == 64
assert not list(nn.Identity().parameters())
for tensor in (torch.rand(2, 3), torch.arange(4), torch.zeros(0, 5), torch.tensor(True)):
    assert nn.Identity()(tensor) is tensor
# A new layer requires gradients; a frozen one that is kept does not.
network = pretrained().requires_grad_(False)
assert not network.fc.weight.requires_grad
network.fc = nn.Linear(64, 4)
assert network.fc.weight.requires_grad
# Replaced first and then frozen, nothing learns.
network.requires_grad_(False)
assert not any(p.requires_grad for p in network.parameters())
# What the optimizer does not hold, its zero_grad() does not clear: gradients of an unfrozen body add up.
network = pretrained()
network.fc = nn.Linear(64, 4).to(device)
optimizer = torch.optim.SGD(network.fc.parameters(), lr=0.0)
sums = []
for _ in range(2):
    optimizer.zero_grad()
    F.cross_entropy(network(images[:60]), labels[:60]).backward()
    sums.append(network.conv1.weight.grad.clone())
torch.testing.assert_close(sums[1], 2 * sums[0], rtol=1e-3, atol=1e-6)
# A gradient from before the freezing is still there: a step moves the frozen body, unless zero_grad() removed it.
for cleared in (False, True):
    network = pretrained()
    F.cross_entropy(network(images[:60]), labels[:60]).backward()
    network.requires_grad_(False)
    network.fc = nn.Linear(64, 4).to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    if cleared:
        optimizer.zero_grad()
    F.cross_entropy(network(images[:60]), labels[:60]).backward()
    optimizer.step()
    assert torch.equal(network.conv1.weight, source.conv1.weight) == cleared
# The last layer that was made is not the last that runs.
turned = nn.Module()
turned.head, turned.body = nn.Linear(3, 2), nn.Linear(5, 3)
turned.forward = lambda x: turned.head(turned.body(x))
assert [name for name, _ in turned.named_children()][-1] == "body"
assert turned(torch.rand(4, 5)).shape == (4, 2)
# A skipped parameter has no state in the optimizer either, for each of four of them, and weight decay leaves it alone.
for rule in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop):
    network = pretrained().requires_grad_(False)
    network.fc = nn.Linear(64, 4).to(device)
    optimizer = rule(network.parameters(), lr=0.1, weight_decay=0.5)
    F.cross_entropy(network(images[:60]), labels[:60]).backward()
    optimizer.step()
    assert len(optimizer.state) in (0, 2)
    for name, parameter in network.named_parameters():
        if not name.startswith("fc."):
            assert torch.equal(parameter, source.get_parameter(name))
# Weights of a fine-tuned network: the head first, then strictly.
again = pretrained()
again.fc = nn.Linear(64, 4).to(device)
print(again.load_state_dict(network.state_dict()))
assert torch.equal(again.fc.weight, network.fc.weight)
# Freezing keeps far less for backward().
large = costs(pretrained(), images[:60], labels[:60])[1]
frozen_network = pretrained().requires_grad_(False)
frozen_network.fc = nn.Linear(64, 4).to(device)
small = costs(frozen_network, images[:60], labels[:60])[1]
assert large > 10 * small

# %%
# Check yourself
# --------------

network = pretrained()
network.fc = nn.Linear(64, 4)
network.requires_grad_(False)
ask(
    "The head is replaced first, and network.requires_grad_(False) comes after. How many parameters learn?",
    answer=sum(p.numel() for p in network.parameters() if p.requires_grad),
    choices={
        0: "The new head is frozen, too. Freeze first, then replace, or unfreeze the head.",
        260: f"64 · 4 weights and {len(network.fc.bias)} biases are in the new head. But it came before the freezing.",
        390: "The old head had so many, and it is gone.",
    },
)

# %%
# The next question is about ``nn.Identity``.

with torch.device("meta"):
    model = resnet18()
    model.avgpool, model.fc = nn.Identity(), nn.Identity()
    shape = tuple(model(torch.rand(3, 3, 224, 224)).shape)
ask(
    "In resnet18, avgpool and fc are nn.Identity(). What shape do three photos of 224 by 224 pixels come out with?",
    answer=shape,
    choices={
        (3, 512): "That is with avgpool, which takes the mean of each of the 512 maps.",
        (3, 512, 7, 7): "That is what layer4 gives. But forward() still flattens behind avgpool.",
        (
            3,
            25088,
        ): "512 maps of 7 by 7 places, flattened by forward(). A hook on layer4 gives the maps.",
    },
)

# %%
# **Exercise.** Return what the last layer of a network is given. ``name`` is the name of this layer, with dots.


def by_hook(network, name, x):
    seen = []
    layer = network.get_submodule(name)
    layer.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network(x)
    return seen[0]


torch.manual_seed(0)
cases = [
    (nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4)), "1", torch.rand(2, 2)),
    (
        nn.Sequential(nn.Flatten(), nn.Sequential(nn.ReLU(), nn.Linear(6, 5))),
        "1.1",
        torch.randn(2, 3, 2),
    ),
    (pretrained(), "fc", images[:3]),
]


def features_of(network, name, x):
    raise NotImplementedError


check(features_of, by_hook, cases)

# %%
# With ``nn.Identity()`` in the place of the last layer, the network returns what this layer is given.

# Solution


def features_of(network, name, x):
    network.set_submodule(name, nn.Identity())
    with torch.no_grad():
        return network(x)


report = check(features_of, by_hook, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`frozen-batch-norm` shows what happens to a body that is frozen and stays in train mode.
#
# - Razavian, Azizpour, Sullivan and Carlsson (2014).
#   `CNN features off-the-shelf: an astounding baseline for recognition <https://arxiv.org/abs/1403.6382>`__. Features
#   of a trained network, with a linear classifier on them.
# - Kumar, Raghunathan, Jones, Ma and Liang (2022). `Fine-tuning can distort pretrained features and underperform
#   out-of-distribution <https://arxiv.org/abs/2202.10054>`__. First the head alone, then the whole network.
# - PyTorch contributors (2026).
#   `Feature extraction for model inspection <https://docs.pytorch.org/vision/stable/feature_extraction.html>`__.
#   Features of layers in the middle, by their names.

"""
.. _counting-parameters:

How many parameters does my model have? (and how much memory does it need)
===========================================================================

Before you train a network, you want to know how large it is and whether it fits into memory. Add up ``numel()`` over
``parameters()``, and for a training add the gradients, the optimizer and the activations.
"""

# %%
# Set-up

import itertools
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import ResNet18_Weights, resnet18

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw_network
from ptguide.questions import ask

torch.manual_seed(0)
MB = 10**6  # bytes


def count(module):
    return sum(one.numel() for one in module.parameters())


def flops_by_part(network, x):
    """Return the FLOPs of one forward pass for each child of a network."""
    with FlopCounterMode(display=False) as counter:
        network(x)
    kind, counts = type(network).__name__, counter.get_flop_counts()
    return {
        name: sum(counts.get(f"{kind}.{name}", {}).values()) for name, _ in network.named_children()
    }


def draw_parts(network, x):
    """Draw how parameters and FLOPs are spread over the parts of a network that have parameters."""
    work = flops_by_part(network, x)
    size = {name: count(part) for name, part in network.named_children() if count(part)}
    names, places = list(size), torch.arange(len(size))
    percent = [
        {name: 100 * values[name] / sum(values.values()) for name in names}
        for values in (size, work)
    ]
    _, axis = plt.subplots(figsize=(5.8, 2.6), layout="constrained")
    axis.bar(places - 0.2, percent[0].values(), 0.4, label="parameters")
    axis.bar(places + 0.2, percent[1].values(), 0.4, label="FLOPs", hatch="//")
    axis.set(xticks=places, xticklabels=names, xlabel="part of ResNet-18", ylabel="% of the whole")
    axis.set_title(
        f"layer4: {percent[0]['layer4']:.0f} % of the parameters, {percent[1]['layer4']:.0f} % of the work",
        fontsize=11,
    )
    axis.legend()
    plt.show()
    return percent


def run_keeping(network, x):
    """Return the output, and the bytes of what autograd keeps for backward, without the parameters and buffers."""
    own = {one.untyped_storage().data_ptr() for one in [*network.parameters(), *network.buffers()]}
    kept = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = network(x)
    return output, sum(storage.nbytes() for storage in kept.values())


# %%

resnet = resnet18(weights=None)
resnet.conv1.requires_grad_(False)
total = sum(one.numel() for one in resnet.parameters())
trained = sum(one.numel() for one in resnet.parameters() if one.requires_grad)
size = sum(one.nbytes for one in resnet.parameters())
print(f"parameters: {total:,}\ntrained:    {trained:,}\nmemory:     {size / MB:.1f} MB")
assert total == ResNet18_Weights.IMAGENET1K_V1.meta["num_params"]

# %%
# People say *parameters* and mean the numbers in them: ``numel()`` counts the elements of a tensor. The first layer is
# frozen here, with ``requires_grad=False``, so its numbers are not trained. Buffers, such as the running statistics of
# :ref:`batch norm <batch-norm>`, are not counted. You need to know :ref:`anatomy-of-nn-module`.
#
# The rule
# --------
#
# .. longer: 6 screens — parameters, work and memory are three counts, and each needs a picture or a table
#
# For ``in`` inputs and ``out`` outputs, a linear layer has out · in weights and out biases. A convolution without
# groups has a kernel for each pair of channels, and a bias for each output channel. An embedding has a row for each
# word, and batch norm a weight and a bias for each channel. An LSTM has :val:`4 <len(layer.weight_ih_l0) // n_out>`
# gates, each with a matrix for the input, one for the state, and two biases. In these layers the batch, the size of the
# image and the length of a text play no part.

n_in, n_out = 30, 20
expected = {
    nn.Linear(n_in, n_out): n_out * n_in + n_out,
    nn.Conv2d(n_in, n_out, (3, 5)): n_out * n_in * 3 * 5 + n_out,
    nn.Embedding(n_in, n_out): n_in * n_out,
    nn.BatchNorm2d(n_out): 2 * n_out,
    nn.LSTM(n_in, n_out): 4 * (n_out * n_in + n_out * n_out + 2 * n_out),
}
for layer, number in expected.items():
    print(
        f"{type(layer).__name__:<12}{number:>6,} ", [tuple(one.shape) for one in layer.parameters()]
    )
    assert count(layer) == number

# %%
# Where are they?
# ---------------
#
# A module has no ``summary`` as in Keras, and ``print(model)`` shows the layers without counts. ``draw_network`` of
# this guide runs the network once and shows counts, shapes and memory. With ``depth=1`` it shows the parts.

draw_network(resnet, torch.rand(1, 3, 224, 224), depth=1)

# %%
# Work is another count
# ---------------------
#
# FLOPs are floating-point operations. ``FlopCounterMode`` counts the multiplications and additions of matrix products
# and convolutions. A convolution uses each weight at each place of the image, so early layers with few parameters do
# much work. On the meta device no number is stored or computed, and shapes are still checked.

with torch.device("meta"):
    model, photo = resnet18(weights=None), torch.rand(1, 3, 224, 224)
with FlopCounterMode(display=False) as counter:
    logits = model(photo)
print(f"{counter.get_total_flops() / 1e9:.2f} billion FLOPs, output {tuple(logits.shape)}")
percent = draw_parts(model, photo)

# %%
# Tables of models often count a multiplication and its addition as one. In torchvision's ``weights.meta`` the same
# network has :val:`1.814 <ResNet18_Weights.IMAGENET1K_V1.meta["_ops"]>` billion.
#
# The memory of a training
# ------------------------
#
# Training keeps a gradient for each trained parameter, and Adam keeps two more numbers for each. For the backward
# pass, autograd keeps outputs of layers, the *activations*. Their memory grows with the batch. Here is one step with
# two photos, measured.

network = resnet18(weights=None)
optimizer = torch.optim.Adam(network.parameters())
output, activations = run_keeping(network, torch.rand(2, 3, 224, 224))
output.sum().backward()
optimizer.step()
states = [one for state in optimizer.state.values() for one in state.values()]
memory = {
    "parameters": sum(one.nbytes for one in network.parameters()),
    "gradients": sum(one.grad.nbytes for one in network.parameters()),
    "Adam": sum(one.nbytes for one in states),
    "buffers": sum(one.nbytes for one in network.buffers()),
    "activations": activations,
}
for name, number in memory.items():
    print(f"{name:<12}{number / MB:6.1f} MB")

# %%
# Parameters, gradients and Adam's state make 16 bytes for each parameter in :val:`float32 <output.dtype>`.
# For a network of 7 billion parameters that is :val:`112 <16 * 7>` GB before the first activation.

fixed = memory["parameters"] + memory["gradients"] + memory["Adam"]
each = fixed / sum(one.numel() for one in network.parameters() if one.requires_grad)
print(f"{each:.2f} bytes for each parameter")
assert abs(each - 16) < 0.01

# %%
# .. use-this::
#
#    Add up ``numel()`` over ``model.parameters()``, where ``requires_grad`` is true for those that are trained. In
#    :val:`float32 <output.dtype>` each takes :val:`4 <torch.float32.itemsize>` bytes, and 16 in a
#    training with Adam. SGD without momentum needs half of that. Then add the activations of a batch: measure them
#    once, on a GPU with what :ref:`cuda-out-of-memory` shows. To count a model that is too large, make it on the meta
#    device, which stores no numbers.
#
# Common mistakes
# ---------------
#
# **A shared weight, counted twice.** A language model often uses one matrix for the embedding and for the output.
# ``parameters()`` gives it once. The entries of ``state_dict()`` and a sum over layers count it twice, though it is in
# memory once.

language = nn.Sequential(nn.Embedding(1000, 32), nn.Linear(32, 1000, bias=False))
language[1].weight = language[0].weight
print("parameters():", count(language))
print("state_dict():", sum(tensor.numel() for tensor in language.state_dict().values()))
print("by layers:   ", sum(count(layer) for layer in language))

# %%
# **A lazy layer, counted too early.** ``nn.LazyLinear`` finds out its input size in the first run, and has no shape
# before. Run one batch, then count.

lazy = nn.Sequential(nn.Flatten(), nn.LazyLinear(10))
with expect_error(ValueError, match="Attempted to use an uninitialized parameter"):
    count(lazy)
lazy(torch.rand(5, 8, 8))
print(count(lazy))

# %%
# How this was checked

# The formulas, for all of these sizes; with groups, without bias, with several layers and directions.
for inputs in (1, 3, 8):
    for outputs in (2, 6):
        assert count(nn.Linear(inputs, outputs, bias=False)) == inputs * outputs
        for kernel in (1, 3, (2, 5)):
            area = kernel * kernel if isinstance(kernel, int) else math.prod(kernel)
            assert count(nn.Conv2d(inputs, outputs, kernel)) == outputs * (inputs * area + 1)
            # A transposed convolution has as many weights, and a bias for each output channel.
            assert count(nn.ConvTranspose2d(inputs, outputs, kernel)) == outputs * (
                inputs * area + 1
            )
        assert count(nn.LSTM(inputs, outputs)) == 4 * outputs * (inputs + outputs + 2)
        assert count(nn.GRU(inputs, outputs)) == 3 * outputs * (inputs + outputs + 2)
        assert count(nn.RNN(inputs, outputs)) == outputs * (inputs + outputs + 2)
assert count(nn.Conv2d(6, 4, 3, groups=2)) == 4 * (6 // 2) * 3 * 3 + 4
assert count(nn.MultiheadAttention(12, 3)) == 4 * (12 * 12 + 12)
assert count(nn.LayerNorm(7)) == 14
assert count(nn.Sequential(nn.ReLU(), nn.Dropout(), nn.MaxPool2d(2), nn.Flatten())) == 0
# A batch that does not fit is refused on the meta device, too.
with expect_error(RuntimeError, match="channel"):
    model(torch.rand(1, 1, 224, 224, device="meta"))
# Neither print(model) nor its parts show a count; buffers are not in it.
assert not hasattr(resnet, "summary")
assert "512" in str(resnet)
assert f"{count(resnet)}" not in str(resnet)
assert sum(one.numel() for one in nn.BatchNorm2d(20).buffers()) == 2 * 20 + 1
assert total - trained == count(resnet.conv1)
# A scalar has one element, an empty tensor none; numel multiplies the sizes.
for shape, number in (((), 1), ((0, 4), 0), ((2, 3, 5), 30)):
    assert torch.ones(shape).numel() == math.prod(shape) == number
# The same counts on the meta device; its tensors hold nothing.
assert count(model) == total
assert all(one.is_meta for one in model.parameters())
# FLOPs by hand: two for each weight, place and photo.
for batch, side in ((1, 6), (3, 9)):
    for layer, x, places in (
        (nn.Conv2d(4, 5, 3, bias=False), torch.rand(batch, 4, side, side), (side - 2) ** 2),
        (nn.Linear(7, 5, bias=False), torch.rand(batch, 7), 1),
        (nn.Linear(7, 5, bias=False), torch.rand(batch, side, 7), side),
    ):
        with FlopCounterMode(display=False) as counted:
            layer(x)
        assert counted.get_total_flops() == 2 * batch * places * count(layer)
# Element by element and normalization are not counted. An LSTM is counted where it is made of matrix products.
with FlopCounterMode(display=False) as counted:
    nn.Sequential(nn.BatchNorm1d(6), nn.ReLU(), nn.Softmax(dim=1))(torch.rand(4, 6))
assert counted.get_total_flops() == 0
with FlopCounterMode(display=False) as counted, torch.device("meta"):
    nn.LSTM(5, 6)(torch.rand(4, 3, 5))
assert counted.get_total_flops() == 2 * 4 * 3 * 4 * (6 * 5 + 6 * 6)
# A multiplication and its addition as one: half the count, and no more than that.
ops = ResNet18_Weights.IMAGENET1K_V1.meta["_ops"]
assert abs(counter.get_total_flops() / 1e9 / ops - 2) < 0.01
# Forward and backward together do about three times the work.
with FlopCounterMode(display=False) as counted:
    model(photo).sum().backward()
assert 2.8 < counted.get_total_flops() / counter.get_total_flops() < 3
# Early parts have few parameters and much work. (The last is fc.)
assert percent[0]["layer1"] < 2
assert percent[1]["layer1"] > 20
assert percent[0]["layer4"] > 70
assert percent[1]["fc"] < 0.1
# The memory of other optimizers, in bytes for each parameter: 4 for the parameter, 4 for the gradient, and the state.
for make, size in (
    (lambda some: torch.optim.SGD(some), 8),
    (lambda some: torch.optim.SGD(some, momentum=0.9), 12),
    (lambda some: torch.optim.RMSprop(some), 12),
    (lambda some: torch.optim.AdamW(some), 16),
):
    layer = nn.Linear(300, 200)
    used = make(layer.parameters())
    layer(torch.rand(2, 300)).sum().backward()
    used.step()
    held = [one for state in used.state.values() for one in state.values()]
    held = [one for one in held if isinstance(one, torch.Tensor)]
    parts = [*layer.parameters(), *(one.grad for one in layer.parameters()), *held]
    assert abs(sum(one.nbytes for one in parts) / count(layer) - size) < 0.01
# Adam makes its state in the first step; a frozen parameter has neither gradient nor state.
layer = nn.Linear(30, 20)
layer.bias.requires_grad_(False)
used = torch.optim.Adam(layer.parameters())
assert not used.state
layer(torch.rand(2, 30)).sum().backward()
used.step()
assert layer.bias.grad is None
assert list(used.state) == [layer.weight]
# Activations grow with the batch. In bfloat16 a parameter has 2 bytes. Without gradients nothing is kept.
sizes = [run_keeping(network, torch.rand(batch, 3, 64, 64))[1] for batch in (2, 4, 8)]
for one, two in itertools.pairwise(sizes):
    assert 1.9 < two / one < 2.1
with torch.no_grad():
    assert run_keeping(network, torch.rand(2, 3, 64, 64))[1] == 0
assert sum(one.nbytes for one in nn.Linear(30, 20).bfloat16().parameters()) == 2 * 620
# A shared weight is in memory once, and remove_duplicate=False lists it twice.
assert language[0].weight is language[1].weight
assert len(list(language.named_parameters(remove_duplicate=False))) == 2
assert count(language) == 1000 * 32
assert not any(isinstance(one, nn.UninitializedParameter) for one in lazy.parameters())

# %%
# Check yourself
# --------------

ask(
    "How many parameters does nn.Conv2d(3, 8, 5) have?",
    answer=count(nn.Conv2d(3, 8, 5)),
    choices={
        208: "8 · 5 · 5 weights and 8 biases would do for an image of one channel.",
        600: "8 · 3 · 5 · 5 are the weights. There are 8 biases too.",
        608: "8 · 3 · 5 · 5 weights and 8 biases. The size of the image plays no part.",
    },
)

# %%
# The next question is about larger photos.

with torch.device("meta"):
    sides = {
        side: sum(flops_by_part(model, torch.rand(1, 3, side, side)).values())
        for side in (224, 448)
    }
ask(
    "ResNet-18 gets photos of 448 by 448 pixels instead of 224 by 224. How many times as many FLOPs is that, about?",
    answer=round(sides[448] / sides[224]),
    choices={
        1: "That is true of the parameters.",
        2: "Height and width are both twice as large.",
        4: "Each convolution uses its weights at four times as many places. The parameters stay the same.",
    },
)

# %%
# **Exercise.** Count the parameters of ``nn.LSTM(inputs, hidden, layers, bidirectional=both)`` by the formula. Each
# layer after the first gets the outputs of the one before, of both directions if there are two. Return a tensor, and
# build no module.


def by_torch(inputs, hidden, layers, both):
    return torch.tensor(count(nn.LSTM(inputs, hidden, layers, bidirectional=both)))


cases = [(3, 5, 1, False), (3, 5, 2, False), (3, 5, 1, True), (4, 6, 3, True)]


def count_lstm(inputs, hidden, layers, both):
    raise NotImplementedError


check(count_lstm, by_torch, cases)

# %%
# Each direction of a layer has four gates. From the second layer on, the input is one hidden state or two.

# Solution


def count_lstm(inputs, hidden, layers, both):
    directions = 2 if both else 1
    total = 0
    for layer in range(layers):
        width = inputs if layer == 0 else directions * hidden
        total += directions * 4 * hidden * (width + hidden + 2)
    return torch.tensor(total)


report = check(count_lstm, by_torch, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`activations` is about the functions between the layers. How to train in less memory is in
# :ref:`mixed-precision`.
#
# - Rajbhandari et al. (2020). `ZeRO: memory optimizations toward training trillion parameter models
#   <https://arxiv.org/abs/1910.02054>`__. Its third section says where the memory of a training goes.
# - PyTorch contributors (2026). `Understanding GPU memory usage
#   <https://docs.pytorch.org/docs/stable/torch_cuda_memory.html>`__. How to record and see what is in a GPU's memory.

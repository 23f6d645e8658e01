"""
.. _activations:

Which activation function do I need? (ReLU, GELU, sigmoid, ...)
===============================================================

Two linear layers in a row compute no more than one layer could, so a function that is not linear goes between them.
Start with ReLU or GELU, and put no :term:`activation` after the last layer.
"""

# %%
# Set-up

import itertools
import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.func import grad, vmap
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

x = torch.linspace(-5, 5, 1000)  # none of them is 0, where ReLU has a kink
functions = {
    "sigmoid": F.sigmoid,
    "tanh": F.tanh,
    "ReLU": F.relu,
    "leaky ReLU": F.leaky_relu,
    "GELU": F.gelu,
    "SiLU": F.silu,
}
curves = {name: (function(x), vmap(grad(function))(x)) for name, function in functions.items()}


def draw_curves():
    figure, axes = plt.subplots(1, 2, figsize=(5.6, 2.6), layout="constrained")
    styles = ["-", "-", "-", "--", "-.", ":"]
    for (name, both), style in zip(curves.items(), styles, strict=True):
        for axis, values in zip(axes, both, strict=True):
            axis.plot(x, values, style, label=name)
    axes[0].set(xlabel="x", ylabel="output", ylim=(-1.2, 3))
    axes[1].set(xlabel="x", ylabel="slope")
    axes[0].legend(fontsize=7, handlelength=2.6)
    figure.suptitle("Of these six, only sigmoid and tanh are flat on both sides", fontsize=11)
    plt.show()


def fit(network, inputs, targets, loss_function, steps):
    """Train on all samples at once, and return the last loss."""
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(steps):
        loss = loss_function(network(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


class Network(nn.Module):
    """Three hidden layers of 32 units, with an activation after each."""

    def __init__(self, activation):
        super().__init__()
        sizes = itertools.pairwise([64, 32, 32, 32])
        self.hidden = nn.ModuleList(nn.Linear(n, m) for n, m in sizes)
        self.last, self.activation = nn.Linear(32, 10), activation

    def forward(self, x):
        for layer in self.hidden:
            x = self.activation(layer(x))
        return self.last(x)


# %%

draw_curves()
assert all(curves[name][1][[0, -1]].max() < 0.01 for name in ("sigmoid", "tanh"))
assert all(curves[name][1][-1] > 0.9 for name in functions if name not in ("sigmoid", "tanh"))

# %%
# Each of these functions acts on one element at a time. On the left is its output, on the right its slope. The
# backward pass multiplies the gradient by the slope. You need to know :ref:`nn-linear`.
#
# The rule
# --------
#
# Between two layers, take a function that is not linear, and whose slope does not go to 0 on both sides. With
# :math:`\sigma` for the sigmoid, and :math:`\Phi(x)` for the probability that a standard normal number is below x:
#
# - sigmoid: :math:`1 / (1 + e^{-x})`; tanh: :math:`2 \sigma(2x) - 1`
# - ReLU: :math:`\max(x, 0)`; leaky ReLU: :math:`\max(x, 0.01 x)`
# - GELU: :math:`x \, \Phi(x)`; SiLU, also called Swish: :math:`x \, \sigma(x)`

for name, function in functions.items():
    low, high = (grad(function)(torch.tensor(point)).item() for point in (-5.0, 5.0))
    print(f"{name:<11} slope at -5: {low:7.4f}, at 5: {high:.4f}")

# %%
# Without an activation
# ---------------------
#
# The target is :math:`|x|`. Two linear layers alone learn a straight line. The best line here is flat, at the mean of
# the target. Its loss is the variance of the target, :val:`0.088 <points.abs().var(correction=0)>`. With ReLU between
# the layers, the line can bend. Each loss has another seed.

points = torch.linspace(-1, 1, 41).unsqueeze(1)
for activation in (nn.Identity(), nn.ReLU()):
    losses = []
    for seed in range(3):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(1, 16), activation, nn.Linear(16, 1))
        losses.append(fit(network, points, points.abs(), F.mse_loss, steps=150))
    print(f"{type(activation).__name__:<9} losses {[f'{loss:.4f}' for loss in losses]}")
    line = points.abs().var(correction=0).item()
    straight = isinstance(activation, nn.Identity)
    assert all(loss > 0.95 * line if straight else loss < 0.1 * line for loss in losses)

# %%
# Which one?
# ----------
#
# The same network of three hidden layers learns to read digits for 30 steps, with each activation and three seeds. The
# network with sigmoid is behind. Sigmoid's slope is at most :val:`0.25 <curves['sigmoid'][1].max()>`, and its outputs
# are not centered around 0. The last line removes both causes: four times the sigmoid, minus 2, keeps up with the
# others. What happens in twenty layers is in :ref:`vanishing-gradients`.

train_set, test_set = digits("train"), digits("test")
images, unseen = (one.inputs.flatten(start_dim=1) for one in (train_set, test_set))
ranges = {}
# Varies with the processor in the last digit.
for name, function in {**functions, "4 sigmoid - 2": lambda x: 4 * F.sigmoid(x) - 2}.items():
    found = []
    for seed in range(3):
        torch.manual_seed(seed)
        network = Network(function)
        fit(network, images, train_set.targets, F.cross_entropy, steps=30)
        found.append((network(unseen).argmax(dim=1) == test_set.targets).float().mean().item())
    ranges[name] = min(found), max(found)
    print(f"{name:<14} accuracy {min(found):.1%} to {max(found):.1%}")
assert all(
    low > ranges["sigmoid"][1] + 0.1 for name, (low, _) in ranges.items() if name != "sigmoid"
)

# %%
# .. use-this::
#
#    Write ``nn.ReLU()`` between two layers, or the activation of the published network that yours follows: ResNet has
#    ReLU, GPT-2 has GELU, LLaMA has SiLU. GELU and SiLU cost memory: each keeps its input for the backward pass,
#    while ReLU keeps its output, which the next linear layer keeps anyway. After the last layer put none, because
#    ``cross_entropy`` takes logits. Use a sigmoid where a number between 0 and 1 is needed. GPT-2's weights need
#    ``F.gelu(x, approximate="tanh")``. On these x it differs from the default by up to
#    :val:`0.0005 <(F.gelu(x, approximate="tanh") - F.gelu(x)).abs().max()>`.
#
# A common mistake
# ----------------
#
# **An activation after the last layer.** ReLU gives no number below 0. Here the target is -1, and the nearest output
# is 0, where ReLU lets no gradient through. No error is raised, and the loss stays at 1. Leave the last activation
# out.

for last in (nn.ReLU(), nn.Identity()):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(1, 16), nn.ReLU(), nn.Linear(16, 1), last)
    loss = fit(network, points, torch.full((41, 1), -1.0), F.mse_loss, steps=100)
    print(f"{type(last).__name__:<9} after the last layer: loss {loss:.4f}")
    assert loss > 0.99 if isinstance(last, nn.ReLU) else loss < 0.01

# %%
# How this was checked

formulas = {
    "sigmoid": lambda x: 1 / (1 + torch.exp(-x)),
    "tanh": lambda x: 2 * torch.sigmoid(2 * x) - 1,
    "ReLU": lambda x: torch.clamp(x, min=0),
    "leaky ReLU": lambda x: torch.maximum(x, 0.01 * x),
    "GELU": lambda x: x * (1 + torch.erf(x / math.sqrt(2))) / 2,
    "SiLU": lambda x: x * torch.sigmoid(x),
}
for name, formula in formulas.items():
    torch.testing.assert_close(formula(x), curves[name][0])
approximate = F.gelu(x, approximate="tanh")
assert 1e-4 < (approximate - F.gelu(x)).abs().max() < 1e-3
# Each keeps one tensor for the backward pass: its output, or its input.
for name, function in functions.items():
    kept, z = [], x.clone().requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(lambda one, kept=kept: kept.append(one), print):
        output = function(z)
    which = output if name in ("sigmoid", "tanh", "ReLU") else z
    assert [one.data_ptr() for one in kept] == [which.data_ptr()]
# Sigmoid stays behind if it is centered and keeps its slope, or gets the slope and is not centered.
for function in (lambda x: F.sigmoid(x) - 0.5, lambda x: 4 * F.sigmoid(x)):
    torch.manual_seed(0)
    network = Network(function)
    fit(network, images, train_set.targets, F.cross_entropy, steps=30)
    accuracy = (network(unseen).argmax(dim=1) == test_set.targets).float().mean()
    assert accuracy < ranges["4 sigmoid - 2"][0] - 0.02
for name, formula in formulas.items():
    slopes = vmap(grad(formula))(x)
    torch.testing.assert_close(slopes, curves[name][1])
    # Element by element: a change at one place changes the output there alone.
    for place in range(3):
        z = torch.tensor([1.0, 2.0, 3.0])
        changed = z.clone()
        changed[place] += 1
        moved = functions[name](z) != functions[name](changed)
        assert moved.nonzero().flatten().tolist() == [place]
values, slopes = curves["sigmoid"]
torch.testing.assert_close(slopes, values * (1 - values))
torch.testing.assert_close(slopes.max(), torch.tensor(0.25), rtol=1e-4, atol=0)
torch.testing.assert_close(curves["tanh"][1], 1 - curves["tanh"][0] ** 2)
assert grad(F.relu)(torch.tensor(0.0)) == 0  # in the kink
assert torch.sigmoid(torch.tensor(20.0)) == 1  # rounded
inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
torch.testing.assert_close(0.5 * x * (1 + torch.tanh(inner)), approximate)  # as in GPT-2
# A comparison leaves no graph.
p = x.clone().requires_grad_()
with expect_error(RuntimeError, match="does not require grad"):
    (p > 0).float().sum().backward()

# %%
# Check yourself
# --------------

ask(
    "A gradient of 1 walks back through 3 sigmoids, each at its steepest point. What is left?",
    answer=grad(F.sigmoid)(torch.tensor(0.0)).item() ** 3,
    choices={
        0.75: "That is 3 times 1/4. Slopes are multiplied, not added.",
        0.25: "That is what one sigmoid leaves.",
        0.015625: "1/4 each time. Away from the steepest point it is less.",
    },
)

# %%
# In the next question, one function needs more than one element.

z = torch.tensor([1.0, 2.0, 3.0])
changed = z + torch.tensor([0.0, 0.0, 1.0])
candidates = functions | {"softmax": lambda row: torch.softmax(row, dim=0)}
(answer,) = [name for name, f in candidates.items() if f(z)[0] != f(changed)[0]]
ask(
    "One element of the input changes. For which activation do the other outputs change, too?",
    answer=answer,
    choices={
        "GELU": "Its formula has a distribution in it, but each element is treated by itself.",
        "softmax": "The probabilities sum to 1, so if one grows the others shrink.",
        "tanh": "It works element by element.",
    },
)

# %%
# **Exercise.** Softplus, :math:`\log(1 + e^x)`, is a smooth ReLU, and its slope is the sigmoid. Written like that it
# overflows for large x. Write it so that it stays finite, without the functions that are forbidden below.

cases = [(torch.tensor([0.0, 1.0]),), (torch.tensor([-3.0, 2.0, 5.0]),)]
cases += [(torch.tensor([-200.0, 100.0]),)]
forbidden = ["softplus", "logaddexp", "logsumexp", "logsigmoid", "log_sigmoid", "where"]


def softplus(x):
    raise NotImplementedError


check(softplus, F.softplus, cases, without=forbidden)

# %%
# For a large x, softplus is nearly x. Take that x out: :math:`\log(1 + e^x) = x + \log(1 + e^{-x})`. For a negative x,
# leave the formula as it is. :func:`torch.log1p` is the logarithm of 1 plus its input.

# Solution


def softplus(x):
    return x.clamp(min=0) + torch.log1p(torch.exp(-x.abs()))


assert torch.log(1 + torch.exp(torch.tensor(100.0))) == math.inf
report = check(softplus, F.softplus, cases, without=forbidden)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`vanishing-gradients` shows what activations do to a deep network.
#
# - Hendrycks and Gimpel (2016). `Gaussian error linear units <https://arxiv.org/abs/1606.08415>`__. GELU, with its
#   approximations.
# - Shazeer (2020). `GLU variants improve transformer <https://arxiv.org/abs/2002.05202>`__. SwiGLU and its relatives,
#   compared.
# - Touvron et al. (2023). `LLaMA: open and efficient foundation language models <https://arxiv.org/abs/2302.13971>`__.
#   Its second section names the activation, SwiGLU, which has SiLU in it.

"""
.. _where-a-nan-is-born:

Where does my NaN come from? (detect_anomaly)
=============================================

The loss is finite, and after ``backward()`` the gradient is NaN. Often a function in between has an infinite slope, and
anomaly mode names a line to look at.
"""

# %%
# Set-up

import math
import subprocess
import sys
import time
import warnings
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)


def value_and_gradient(f, values):
    """Return f's value, or the sum of its values, and the gradient of this."""
    x = torch.tensor(values, requires_grad=True)
    total = f(x).sum()
    return total.item(), torch.autograd.grad(total, x)[0]


def show(functions, values):
    found = {}
    print(f"{'value':<6}{'gradient':<15}function of x = {values}")
    for name, f in functions.items():
        value, found[name] = value_and_gradient(f, values)
        gradient = ", ".join(f"{one:.2f}" for one in found[name].tolist())
        print(f"{value:<6.2f}{f'[{gradient}]':<15}{name}")
        assert math.isfinite(value)
    return found


def fastest_step(modes, repeats):
    """Return the milliseconds of a step of a small network in each mode."""
    seconds = {name: [] for name in modes}
    for name in repeats * list(modes):  # in turn
        begin = time.perf_counter()
        with torch.autograd.set_detect_anomaly(**modes[name]):
            model(inputs).logsumexp(dim=1).mean().backward()
        seconds[name].append(time.perf_counter() - begin)
    return {name: min(measured) * 1000 for name, measured in seconds.items()}


# %%

found = show(
    {
        "where(x > 0, x.sqrt(), 0)": lambda x: torch.where(x > 0, x.sqrt(), 0.0),
        "where(x > 0, x * x.log(), 0)": lambda x: torch.where(x > 0, x * x.log(), 0.0),
        "where(x != 0, x.sin() / x, 1)": lambda x: torch.where(x != 0, x.sin() / x, 1.0),
        "x.sqrt() * (x > 0)": lambda x: x.sqrt() * (x > 0),
        "(x * 0).square().sum().sqrt()": lambda x: (x * 0).square().sum().sqrt(),
    },
    values=[0.0, 0.25],
)
assert all(gradient[0].isnan() for gradient in found.values())

# %%
# Each of the five functions of ``[0.0, 0.25]`` has a finite value, and its gradient at 0 is NaN. Nothing is raised. The
# next step of the optimizer makes NaN of each weight with such a gradient. You need to know :ref:`nan-and-infinity` and
# :ref:`hooks-on-tensors`.
#
# .. longer: 9 cells; 7 screens — a NaN of the forward pass and one of the backward pass have a tool each
#
# The rule
# --------
#
# A backward step multiplies the gradient that arrives by the slope: :math:`\text{grad}_x = f'(x) \cdot \text{grad}_y`.
# The root has an infinite slope at 0. Where ``where`` or a mask leaves the root out, a 0 arrives, and
# :math:`\infty \cdot 0` is NaN. (In the fifth function infinity arrives at a slope of 0.) What comes *after* the root
# cannot change its slope, so make the *input* harmless.

fixes = show(
    {
        "x.sqrt().nan_to_num(0)": lambda x: x.sqrt().nan_to_num(0),
        "x.clamp(min=1e-6).sqrt()": lambda x: x.clamp(min=1e-6).sqrt(),
        "where, and where before": lambda x: torch.where(
            x > 0, torch.where(x > 0, x, 1.0).sqrt(), 0.0
        ),
        "x[x > 0].sqrt()": lambda x: x[x > 0].sqrt(),
    },
    values=[-0.5, 0.25],
)
zeros = torch.zeros(3, requires_grad=True)
for function in (torch.linalg.vector_norm, torch.std):
    assert not torch.autograd.grad(function(zeros), zeros)[0].any()

# %%
# Here the input is ``[-0.5, 0.25]``, whose root is NaN. ``nan_to_num`` hides that in the value, and not in the
# gradient. Clamping works, and shifts the value a little. Two ``where`` give the exact value, and so does choosing the
# elements first. :func:`torch.linalg.vector_norm` and ``torch.std`` have a root inside, and their gradient for zeros
# is 0.
#
# Ask anomaly mode
# ----------------
#
# The entropy below leaves out probabilities of 0, and its value is right. ``set_detect_anomaly(True)`` raises an error
# at the first backward step that returns NaN. A warning before the error has a traceback of the forward pass, down to
# the line that called the function. So the context has to enclose the forward pass, too. Here are the error and this
# line.


def entropy(logits):
    p = logits.softmax(dim=1)
    terms = torch.where(p > 0, p * p.log(), 0.0)
    return -terms.sum(dim=1).mean()


logits = torch.tensor([[2.0, 1.0, 0.5], [150.0, 3.0, 2.0]], requires_grad=True)
with warnings.catch_warnings(record=True) as caught, torch.autograd.set_detect_anomaly(True):
    warnings.simplefilter("always")
    loss = entropy(logits)
    with expect_error(RuntimeError, match="'MulBackward0' returned nan values"):
        loss.backward()
print(*[line.strip() for line in str(caught[-1].message).splitlines() if "p.log()" in line])

# %%
# ``MulBackward0`` is the backward step of ``*`` in that line. Its slope for ``p`` is ``p.log()``, which is
# :val:`-inf <torch.tensor(0.0).log().item()>` where ``p`` is 0. With ``log_softmax`` instead of ``p.log()``, the
# gradient is finite.
#
# Infinity passes by
# ------------------
#
# Anomaly mode asks for NaN alone. A root at 0 returns infinity, which is passed on, and the step *before* it in the
# calculation makes NaN of it. So if the named line looks harmless, look at the next one towards the loss. Hooks show
# both, read from the top.

x = torch.zeros(2, requires_grad=True)
square = x.square()
total = square.sum()
root = total.sqrt()
for name, tensor in {"root": root, "total": total, "square": square, "x": x}.items():
    tensor.register_hook(partial(lambda name, grad: print(f"{name:<7} {grad.tolist()}"), name))
root.backward()
assert x.grad.isnan().all()

# %%
# When the loss itself is NaN
# ---------------------------
#
# If the loss is NaN, look in the forward pass. ``guard`` stops at the first module whose output is not finite. It asks
# for ``isfinite``, because a NaN often begins as infinity. It also watches the gradient of each output. It is written
# for modules that return one tensor, and what is computed between two modules shows at a later one.


def guard(network):
    def look(what, value):
        if not value.isfinite().all():
            raise FloatingPointError(f"{what} is not finite")

    def watch(module, args, output, name):
        look(f"output of {name}", output)
        if output.requires_grad:
            output.register_hook(partial(look, f"gradient of the output of {name}"))

    parts = [(name, part) for name, part in network.named_modules() if name]
    return [part.register_forward_hook(partial(watch, name=name)) for name, part in parts]


# %%
# Attention multiplies queries and keys of about 40. In :val:`float16 <tokens.half().dtype>`, sums above
# :val:`65504 <torch.finfo(torch.float16).max>` are infinite, and the softmax of infinity is NaN. The guard names the
# scores, where it begins.


class Scores(nn.Module):
    def forward(self, x):
        return x @ x.mT


network = nn.Sequential()
network.add_module("scores", Scores())
network.add_module("weights", nn.Softmax(dim=-1))
handles = guard(network)
tokens = torch.full((1, 3, 64), 40.0)
print("float32 and bfloat16:", network(tokens)[0, 0, 0].item(), network(tokens.bfloat16()).dtype)
with expect_error(FloatingPointError, match="output of scores is not finite"):
    network(tokens.half())

# %%
# .. use-this::
#
#    Ask ``loss.isfinite()`` in each step, on a GPU in one of a hundred, because the question waits for the device. If
#    the loss is not finite, put ``guard`` on the network and repeat the step. If it is finite and a gradient is not,
#    repeat the step in ``with torch.autograd.set_detect_anomaly(True):``. Repeat it with the weights from before the
#    first NaN. Then make the input of the named function harmless. Remove guard and mode afterwards, because they cost
#    time in each step. With a ``GradScaler`` infinite gradients now and then are normal, and it skips the step.
#    :ref:`the-loss-is-nan` has the causes in a training.
#
# What it costs
# -------------
#
# Anomaly mode stores a traceback for each recorded operation, and looks for NaN in each gradient. ``check_nan=False``
# leaves the search out, for errors that do not come from a NaN, as with a tensor that was changed in place. Here is the
# fastest of 60 steps:

# Measured on a CPU.
layers = [nn.Linear(64, 64), nn.ReLU()] * 2
model, inputs = nn.Sequential(*layers, nn.Linear(64, 10)), torch.rand(500, 64)
modes = {"off": {"mode": False}, "on": {"mode": True}}
modes["on, no search"] = {"mode": True, "check_nan": False}
times = fastest_step(modes, repeats=60)
for name, milliseconds in times.items():
    print(f"{name:<21}{milliseconds:6.1f} ms")
recorded = {}
for name, mode in modes.items():
    with torch.autograd.set_detect_anomaly(**mode):
        recorded[name] = "traceback_" in model(inputs).grad_fn.metadata
assert recorded == {"off": False, "on": True, "on, no search": True}

# %%
# Common mistakes
# ---------------
#
# **Anomaly mode for a NaN of the forward pass.** The NaN below is in the *input*, and the error names a part of the
# loss. The backward pass begins there, so this is the first step to return NaN. The guard names the first layer.

broken = torch.rand(5, 64)
broken[2, 7] = math.nan
labels = torch.tensor([3, 1, 4, 1, 5])
with warnings.catch_warnings(record=True), torch.autograd.set_detect_anomaly(True):
    warnings.simplefilter("always")
    with expect_error(RuntimeError, match="LogSoftmaxBackward0"):
        F.cross_entropy(model(broken), labels).backward()
handles = guard(model)
with expect_error(FloatingPointError, match="output of 0 is not finite"):
    model(broken)

# %%
# **The line is missing.** Below, the mode is on around ``backward()`` alone, and there is no line to name. Another
# reason is that Python by default shows the same warning once. The second time, the error comes without it.
# ``warnings.simplefilter("always")`` brings it back.

for handle in handles:
    handle.remove()
loss = entropy(logits)
with warnings.catch_warnings(record=True) as caught, torch.autograd.set_detect_anomaly(True):
    warnings.simplefilter("always")
    with expect_error(RuntimeError, match="returned nan values"):
        loss.backward()
print(str(caught[-1].message).split("(")[0])

# %%
# How this was checked

# Nine functions at the edge of their domain: where after them gives NaN, and where before and after gives a number.
edges = {
    torch.sqrt: 0.0,
    torch.rsqrt: 0.0,
    torch.reciprocal: 0.0,
    torch.log: 0.0,
    torch.log2: 0.0,
    torch.acos: 1.0,
    torch.asin: 1.0,
    torch.atanh: 1.0,
    torch.acosh: 1.0,
}
for function, edge in edges.items():
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        x = torch.tensor([edge], dtype=dtype, requires_grad=True)
        safe = {torch.acosh: 3.0}.get(function, 0.5)
        after = torch.where(x == edge, 0.0, function(x)).sum()
        both = torch.where(x == edge, 0.0, function(torch.where(x == edge, safe, x))).sum()
        assert torch.autograd.grad(after, x)[0].isnan().all()
        assert torch.autograd.grad(both, x)[0].tolist() == [0]
# Hiding a value does not repair its gradient; choosing elements and clamping do.
for name, gradient in fixes.items():
    assert gradient.isnan().any() == ("nan_to_num" in name)
x = torch.tensor([-0.5, 0.25])
assert torch.where(x > 0, torch.where(x > 0, x, 1.0).sqrt(), 0.0).tolist() == [0, 0.5]
assert x.clamp(min=1e-6).sqrt()[0] == torch.tensor(1e-6).sqrt()
# Anomaly mode: the root by hand is reported as the square, and infinity alone is no error.
with warnings.catch_warnings(record=True), torch.autograd.set_detect_anomaly(True):
    warnings.simplefilter("always")
    x = torch.zeros(2, requires_grad=True)
    with expect_error(RuntimeError, match="PowBackward0"):
        x.square().sum().sqrt().backward()
    torch.zeros(2, requires_grad=True).sqrt().sum().backward()
    with torch.autograd.set_detect_anomaly(
        True, check_nan=False
    ):  # no error, and the gradient is NaN
        x.square().sum().sqrt().backward()
assert x.grad.isnan().all()
# The loss is named for each of these losses, when the NaN is in the input of the network.
losses = {
    "LogSoftmaxBackward0": lambda out: F.cross_entropy(out, labels),
    "MseLossBackward0": lambda out: F.mse_loss(out, torch.zeros(5, 10)),
    "PowBackward0": lambda out: out.square().mean(),
}
with warnings.catch_warnings(record=True), torch.autograd.set_detect_anomaly(True):
    warnings.simplefilter("always")
    for name, loss_function in losses.items():
        with expect_error(RuntimeError, match=name):
            loss_function(model(broken)).backward()
# By default Python shows the warning once, though the error comes twice.
program = """
import torch
for _ in range(2):
    with torch.autograd.set_detect_anomaly(True):
        x = torch.zeros(2, requires_grad=True)
        try:
            (x.sqrt() * 0).sum().backward()
        except RuntimeError:
            print("raised")
"""
done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
assert done.stdout.count("raised") == 2
assert done.stderr.count("Error detected in SqrtBackward0") == 1


# log_softmax: the same value, and a finite gradient.
def stable_entropy(logits):
    log_p = logits.log_softmax(dim=1)
    return -(log_p.exp() * log_p).sum(dim=1).mean()


torch.testing.assert_close(stable_entropy(logits), entropy(logits))
assert torch.autograd.grad(stable_entropy(logits), logits)[0].isfinite().all()
moderate = torch.randn(4, 3, requires_grad=True)
torch.testing.assert_close(
    *(torch.autograd.grad(f(moderate), moderate)[0] for f in (entropy, stable_entropy))
)


# The guard in the backward pass: it names the output at which the gradient is no number.
class Root(nn.Module):
    def forward(self, x):
        return torch.where(x > 0, x.sqrt(), 0.0)


network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), Root(), nn.Linear(4, 2))
handles = guard(network)
with expect_error(FloatingPointError, match="gradient of the output of 1 is not finite"):
    network(torch.randn(5, 3)).sum().backward()
for handle in handles:
    handle.remove()
assert not any(part._forward_hooks for part in network.modules())
# One step with a NaN gradient, for three optimizers.
for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop):
    weight = nn.Parameter(torch.ones(2))
    optimizer = kind([weight], lr=0.1)
    weight.grad = torch.tensor([math.nan, 1.0])
    optimizer.step()
    assert weight.isnan().tolist() == [True, False]
# With a GradScaler the step of an infinite gradient is skipped, and the scale is halved.
for bad in (math.inf, math.nan):
    weight = nn.Parameter(torch.ones(2))
    scaler, optimizer = torch.amp.GradScaler("cpu", init_scale=1024.0), torch.optim.SGD([weight])
    scaler.scale((weight * bad).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert weight.tolist() == [1, 1]
    assert scaler.get_scale() == 512


# What is computed between two modules shows at the later one.
class Between(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.last(self.first(x) / 0)


network = Between()
handles = guard(network)
with expect_error(FloatingPointError, match="output of last is not finite"):
    network(torch.randn(5, 3))
# In float16 the scores are infinite, and the softmax of infinity is NaN.
half = tokens.half() @ tokens.half().mT
assert half.isinf().all()
assert half.softmax(dim=-1).isnan().all()

# %%
# Check yourself
# --------------

x = torch.tensor(0.0, requires_grad=True)
slope = torch.autograd.grad(torch.where(x > 0, x.log(), 1.0), x)[0]
ask(
    "x is 0. What is the gradient of torch.where(x > 0, x.log(), 1.0) with respect to x?",
    answer=str(slope.item()),
    choices={
        "0.0": "The constant was chosen, but the logarithm was computed, and its slope is infinite.",
        "inf": "That is the slope of the logarithm. A 0 arrives there, and the two are multiplied.",
        "nan": "where sends 0 to the logarithm, whose slope is infinite.",
    },
)

# %%
# Here is what anomaly mode does with three functions of 0:

named = []
with warnings.catch_warnings(record=True), torch.autograd.set_detect_anomaly(True):
    warnings.simplefilter("always")
    functions = {
        "x.sqrt()": torch.sqrt,
        "x.sqrt() * 0": lambda x: x.sqrt() * 0,
        "x.sqrt() + 0": lambda x: x.sqrt() + 0,
    }
    for name, function in functions.items():
        x = torch.zeros(1, requires_grad=True)
        try:
            function(x).sum().backward()
        except RuntimeError:
            named.append(name)
ask(
    "x is 0. For which of the functions does anomaly mode raise an error?",
    answer=" and ".join(named),
    choices={
        "x.sqrt()": "Its gradient is infinite. Anomaly mode asks for NaN.",
        "x.sqrt() * 0": "The root gets a gradient of 0, and 0 times its infinite slope is NaN.",
        "x.sqrt() + 0": "A 1 arrives at the root, so its gradient is infinite and not NaN.",
    },
)

# %%
# The next batch is padded.

padded = torch.tensor([[1.0, 2.0], [3.0, 4.0], [math.nan, math.nan]])
layer = nn.Linear(2, 5)
layer(padded)[:2].sum().backward()
ask(
    "x has three rows, and the last one is padding made of NaN. layer = nn.Linear(2, 5), and the loss is "
    "layer(x)[:2].sum(). How many of the 10 elements of layer.weight.grad are NaN?",
    answer=layer.weight.grad.isnan().sum().item(),
    choices={
        0: "The padding was cut off after the layer. Its rows get a 0, and 0 times NaN is NaN.",
        5: "That would be one column. Both numbers of the padding are NaN.",
        10: "The gradient of the weight sums over all rows, with a 0 times NaN in each sum. Pad with 0.",
    },
)

# %%
# **Exercise.** Write :math:`\sin(x) / x`, which is 1 at 0, without ``torch.sinc``. The checker looks at the value and
# at the gradient, which is 0 there.


def with_gradient(function):
    def of(x):
        x = x.clone().requires_grad_()
        y = function(x)
        return torch.stack([y.detach(), torch.autograd.grad(y.sum(), x)[0]])

    return of


def by_formula(x):
    rows = []
    for one in x.tolist():
        value = math.sin(one) / one if one else 1.0
        rows.append((value, (math.cos(one) - value) / one if one else 0.0))
    return torch.tensor(rows).T


cases = [(torch.tensor([0.0]),), (torch.tensor([0.5, 0.0, -2.0]),), (torch.linspace(-4, 4, 9),)]


def sinc(x):
    raise NotImplementedError


check(with_gradient(sinc), by_formula, cases, without=["sinc"])

# %%
# The inner ``where`` makes the input harmless, the outer one chooses the value.

# Solution


def sinc(x):
    safe = torch.where(x != 0, x, 1.0)
    return torch.where(x != 0, safe.sin() / safe, 1.0)


report = check(with_gradient(sinc), by_formula, cases, without=["sinc"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`nn-linear` is the layer that these pages use.
#
# - PyTorch contributors (2026). `Anomaly detection
#   <https://docs.pytorch.org/docs/stable/autograd.html#anomaly-detection>`__. The reference of the two contexts.
# - PyTorch contributors (2026). `Autograd mechanics <https://docs.pytorch.org/docs/stable/notes/autograd.html>`__.
#   Which gradient torch chooses where a function has no slope.

"""
.. _tensor-cores-and-tf32:

What is TF32, and should I turn it on? (tensor cores)
=====================================================

A convolution on your GPU differs from the CPU's in the fourth digit. Many GPUs round the inputs of products to TF32,
which has the range of float32 and the digits of float16. torch allows it for convolutions, but not for ``matmul``.

.. not looked up: float32; float16 — names of formats, which the picture of the page draws
"""

# %%
# Set-up

import math

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.testing import assert_close

from ptguide.data import batches, digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
formats = {
    "float32": torch.float32,
    "TF32": None,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


def bits_of(dtype):
    """Return how many bits hold the exponent and the digits, as torch says it; TF32 is no dtype of torch."""
    if dtype is None:
        return 8, 10
    about = torch.finfo(dtype)
    digits = round(-math.log2(about.eps))
    return about.bits - 1 - digits, digits


def draw_formats():
    _, axis = plt.subplots(figsize=(7, 2.2), layout="constrained")
    for row, dtype in enumerate(formats.values()):
        left = 0
        for (name, color), width in zip(
            {"sign": "#777777", "exponent": "#0072B2", "digits": "#E69F00"}.items(),
            (1, *bits_of(dtype)),
            strict=True,
        ):
            axis.barh(
                row,
                width,
                left=left,
                color=color,
                edgecolor="white",
                label=name if row == 0 else None,
            )
            if width > 1:
                axis.text(
                    left + width / 2,
                    row,
                    width,
                    ha="center",
                    va="center",
                    color="white" if name == "exponent" else "black",
                    fontweight="bold",
                )
            left += width
    axis.set_yticks(range(len(formats)), list(formats))
    axis.invert_yaxis()
    axis.set_xlabel("bits")
    axis.legend(loc="lower right")
    axis.set_title("TF32 has the exponent of float32 and the digits of float16")
    plt.show()


def rounded(x, digits=10):
    """Return float32 numbers with so many binary digits after the leading one; TF32 has 10."""
    dropped = 23 - digits
    bits = x.contiguous().view(torch.int32) + (1 << (dropped - 1))  # a half goes away from zero
    return (bits & -(1 << dropped)).view(torch.float32)


class Product(torch.autograd.Function):
    """A product whose inputs are rounded to TF32, forward and backward, as a GPU may do it."""

    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return rounded(x) @ rounded(weight).T

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        return rounded(gradient) @ rounded(weight), rounded(gradient).T @ rounded(x)


def train(seed, tf32):
    """Train two linear layers on the digits; return the last loss and the accuracy on the test images, in percent."""
    train_set, test_set = digits("train"), digits("test")
    torch.manual_seed(seed)
    layers = [nn.Linear(64, 32), nn.Linear(32, 10)]
    product = Product.apply if tf32 else F.linear

    def network(images):
        hidden = product(images.flatten(1), layers[0].weight) + layers[0].bias
        return product(hidden.relu(), layers[1].weight) + layers[1].bias

    optimizer = torch.optim.SGD(
        [p for layer in layers for p in layer.parameters()], lr=0.1, momentum=0.9
    )
    order = torch.Generator().manual_seed(seed)
    for _epoch in range(8):
        for images, labels in batches(train_set, 50, shuffle=True, generator=order):
            optimizer.zero_grad()
            F.cross_entropy(network(images), labels).backward()
            optimizer.step()
    with torch.no_grad():
        loss = F.cross_entropy(network(train_set.inputs), train_set.targets).item()
        right = network(test_set.inputs).argmax(1) == test_set.targets
    return loss, 100 * right.float().mean().item()


# %%

draw_formats()

# %%
# *Tensor cores* are the parts of a GPU that multiply small blocks of matrices, in formats such as these. They take
# float32 as TF32, with fewer of its binary digits. In memory, the numbers stay float32. You need to know :ref:`dtypes`
# and :ref:`matmul`.
#
# .. not looked up: float32 — names of formats, which the picture of the page draws
#
# .. longer: 5 screens — what is rounded, what it changes, and which switch is for what are three questions
#
# What is lost
# ------------
#
# This page ran without such a GPU, so ``rounded`` in the set-up imitates TF32. It drops the last bits of a float32, and
# rounds to the nearest. In the table, ``70000`` shows which formats have the range. ``1024.5`` shows how the last
# digits are rounded.

print(f"{'number':<10} {'TF32':>14} {'float16':>14} {'bfloat16':>14}")
for number in (1024.5, 3.14159265, 70000.0, 1e-8):
    x = torch.tensor([number])
    shown = [rounded(x).item(), *(x.to(dtype).item() for dtype in (torch.float16, torch.bfloat16))]
    print(f"{number:<10.8g} " + " ".join(f"{value:>14.8g}" for value in shown))
assert rounded(torch.tensor([1024.5])).item() == 1025

# %%
# Somebody multiplied ``1024.5`` by 1 on a GPU with tensor cores, and got ``1025``: `torch.matmul() gives rounded
# results <https://github.com/pytorch/pytorch/issues/53635>`__. That was torch 1.8, where ``matmul`` used TF32, too.
#
# What it does to a product
# -------------------------
#
# Only the inputs are rounded. The product of two such numbers has at most twice as many digits, which float32 holds.
# The sums stay in float32. So with random numbers, the relative error of a long product stays near the rounding error
# of one number. Sums that cancel lose more. The cell prints errors relative to the result in float64.
#
# .. not looked up: float32; float64 — the cell compares with .double(), and names its rows by format

for size in (16, 256, 4096):
    x, y = torch.randn(64, size), torch.randn(size, 64)
    exact = x.double() @ y.double()
    errors = {
        name: ((rounded(x, bits) @ rounded(y, bits)).double() - exact).norm() / exact.norm()
        for name, bits in {"TF32": 10, "bfloat16": 7}.items()
    }
    errors = {"float32": ((x @ y).double() - exact).norm() / exact.norm()} | errors
    print(
        f"{size:<5} products in a sum:",
        ", ".join(f"{name} {error:.0e}" for name, error in errors.items()),
    )
    assert errors["float32"] < 1e-6
    assert 1e-4 < errors["TF32"] < 1e-3 < errors["bfloat16"] < 1e-2

# %%
# Does a training suffer?
# -----------------------
#
# Here the inputs of each product of a small network are rounded in this way, forward and backward. The losses differ
# from those in float32. For four seeds, the right answers differ by less than one in a hundred test images.

# Varies with the processor: a training amplifies how it rounds.
for seed in range(4):
    (plain, right), (tf32, also_right) = train(seed, tf32=False), train(seed, tf32=True)
    print(
        f"seed {seed}: loss {plain:.4f} in float32, {tf32:.4f} in TF32; "
        f"{right:.1f} % and {also_right:.1f} % of the test images"
    )
    assert abs(right - also_right) < 1
    assert plain != tf32
    assert abs(plain - tf32) < 0.01

# %%
# Which switch is for what
# ------------------------
#
# ``matmul`` and linear layers stay in float32 unless a call or ``TORCH_ALLOW_TF32_CUBLAS_OVERRIDE`` of the environment
# says otherwise. Convolutions and recurrent layers of cuDNN may use TF32. Without a GPU you can still read both
# switches, and set the one of ``matmul``. ``set_float32_matmul_precision`` also changes the setting for products on a
# CPU.

settings = torch.backends
print(torch.get_float32_matmul_precision(), "| TF32 in matmul:", settings.cuda.matmul.allow_tf32)
print("cuDNN   | TF32 in convolutions:", settings.cudnn.allow_tf32)
torch.set_float32_matmul_precision("high")
print(torch.get_float32_matmul_precision(), "   | TF32 in matmul:", settings.cuda.matmul.allow_tf32)
assert torch.backends.cuda.matmul.allow_tf32
assert torch.backends.mkldnn.matmul.fp32_precision == "tf32"  # products on a CPU
torch.set_float32_matmul_precision("highest")
assert not torch.backends.cuda.matmul.allow_tf32

# %%
# .. use-this::
#
#    Write ``torch.set_float32_matmul_precision("high")`` at the top of a script that trains on a GPU with tensor
#    cores. To compare with a CPU, or to solve equations, keep ``"highest"`` and set
#    ``torch.backends.cudnn.allow_tf32 = False``. The cost: products have about three decimal digits. How much faster
#    it is depends on the GPU and on the sizes: measure your own step (:ref:`timing-on-a-gpu`).
#
# A common mistake
# ----------------
#
# **A test has the tolerance of float32.** ``assert_close`` allows a relative error of ``1.3e-6`` and an absolute one of
# ``1e-5``, so these results fail. Small results pass. Turn TF32 off in the test, or allow what the format costs.
#
# .. not looked up: float32 — names of formats, which the picture of the page draws

x, y = torch.rand(8, 64), torch.rand(64, 8)  # positive numbers, so that no sum is near 0
with expect_error(AssertionError, match="not close"):
    assert_close(rounded(x) @ rounded(y), x @ y)
assert_close(rounded(x) @ rounded(y), x @ y, rtol=1e-3, atol=0)
assert_close(rounded(x / 100) @ rounded(y / 100), x @ y / 1e4, rtol=1.3e-6, atol=1e-5)

# %%
# **Two ways to say it are mixed.** There is also ``fp32_precision``, a setting of each backend. If it differs from
# the older setting, reading the older one raises an error, here in ``get_float32_matmul_precision``. Take one way in a
# program.

torch.backends.cuda.matmul.fp32_precision = "tf32"
with expect_error(RuntimeError, match="mix of the legacy and new APIs"):
    torch.get_float32_matmul_precision()
torch.backends.cuda.matmul.fp32_precision = "ieee"  # float32 as it is
assert torch.get_float32_matmul_precision() == "highest"

# %%
# How this was checked

# `rounded` against torch's own conversions; a half, which goes to the even neighbour there, is left out.
x = torch.randn(100_000)
for digits_kept, dtype in ((7, torch.bfloat16), (10, torch.float16)):
    dropped = 23 - digits_kept
    is_half = (x.view(torch.int32) & ((1 << dropped) - 1)) == 1 << (dropped - 1)
    normal = x.abs() > torch.finfo(dtype).tiny
    chosen = ~is_half & normal
    assert chosen.sum() > 90_000
    assert torch.equal(rounded(x, digits_kept)[chosen], x.to(dtype).float()[chosen])
assert torch.equal(rounded(rounded(x)), rounded(x))
assert torch.equal(rounded(-x), -rounded(x))
# The product of two rounded numbers is exact in float32.
a, b = rounded(x), rounded(x.flip(0))
assert torch.equal((a * b).double(), a.double() * b.double())
for name, dtype in formats.items():
    assert sum(bits_of(dtype)) + 1 == (19 if name == "TF32" else torch.finfo(dtype).bits)
# Sums that cancel lose more: each row of x is near 1, and each column of y sums to about 0.
x, y = 1 + torch.randn(64, 4096) / 1000, torch.randn(4096, 64)
y -= y.mean(dim=0)
exact = x.double() @ y.double()
assert ((rounded(x) @ rounded(y)).double() - exact).norm() > 0.1 * exact.norm()
# The imitated product is differentiated by its own rule, which rounds the gradients as well.
x, weight = torch.randn(3, 4, requires_grad=True), torch.randn(2, 4, requires_grad=True)
Product.apply(x, weight).sum().backward()
ones = torch.ones(3, 2)
assert torch.equal(x.grad, ones @ rounded(weight.detach()))
assert torch.equal(weight.grad, ones.T @ rounded(x.detach()))
assert isinstance(torch.backends.cudnn.allow_tf32, bool)

# %%
# Check yourself
# --------------
#
# .. not looked up: float32; bfloat16 — names of formats, which the picture of the page draws

numbers = torch.arange(2**23, dtype=torch.int32) + torch.tensor(1.0).view(torch.int32)
between = rounded(numbers.view(torch.float32)).unique()
ask(
    "How many numbers from 1 to below 2 has TF32?",
    answer=int((between < 2).sum()),
    choices={
        1024: "Ten binary digits after the leading one: two to the power of ten.",
        8388608: "float32 has so many, with 23 digits.",
        128: "bfloat16 has so many, with 7 digits.",
    },
)

# %%
# The next question is about a layer.

ask(
    "Nothing was set. On a GPU with tensor cores, may nn.Conv2d round its inputs to TF32, and may nn.Linear?",
    answer=(torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32),
    choices={
        (True, False): "cuDNN may, and matmul, which a linear layer uses, may not.",
        (True, True): "That was so before torch 1.12. Since then matmul needs a setting.",
        (False, False): "allow_tf32 of cuDNN is True from the start.",
    },
)

# %%
# **Exercise.** ``x`` holds numbers of at least ``2**-126``. For each, return the gap between the largest TF32 number
# up to it and the next TF32 number. The checker adds 1 to the last bit that TF32 keeps.


def step(x):
    raise NotImplementedError


def by_bits(x):
    low = rounded(x.clone())
    low = torch.where(low > x, (low.view(torch.int32) - (1 << 13)).view(torch.float32), low)
    return (low.view(torch.int32) + (1 << 13)).view(torch.float32) - low


below = torch.tensor([0.25, 16.0, 1024.0]).nextafter(torch.tensor(0.0))  # whose log2() rounds up
cases = [(torch.tensor([1.0, 1.7, 2.0, 2**-126]),), (torch.tensor([1024.5, 3e-5, 7e4]),), (below,)]
check(step, by_bits, cases)

# %%
# Between one power of two and the next, the gaps are equal. ``frexp`` takes the exponent from the bits.

# Solution


def step(x):
    return torch.ldexp(torch.ones_like(x), x.frexp().exponent - 11)


report = check(step, by_bits, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`one-model-on-several-processes` is for when one GPU is not enough. TF32 saves no memory. Half precision saves
# some: see :ref:`mixed-precision`.
#
# - PyTorch (2026). `TensorFloat-32 on Ampere and later devices
#   <https://docs.pytorch.org/docs/stable/notes/cuda.html#tf32-on-ampere>`__. Which operations use it, and what it
#   gained on an A100.
# - NVIDIA (2021). `Accelerating AI training with NVIDIA TF32 tensor cores
#   <https://developer.nvidia.com/blog/accelerating-ai-training-with-tf32-tensor-cores/>`__. Trainings with
#   and without it, side by side.

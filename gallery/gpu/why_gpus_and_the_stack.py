"""
.. _why-gpus-and-the-stack:

Do I need to install CUDA for PyTorch, and which version counts?
================================================================

``nvidia-smi`` shows one version of CUDA, ``torch.version.cuda`` another, and ``nvcc`` is missing. You install the
driver, the rest comes with torch, and a GPU pays for work with many multiplications for each byte.
"""

# %%
# Set-up

import csv
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from ptguide.devices import measure, pick_device
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
device = pick_device()


def work_of(function, *shapes):
    """Return the floating-point operations of products, and the bytes read and written, of a call."""
    inputs = [torch.empty(shape, device="meta") for shape in shapes]  # shapes without numbers
    with FlopCounterMode(display=False) as counter:
        result = function(*inputs)
    return counter.get_total_flops(), sum(tensor.nbytes for tensor in (*inputs, result))


calls = {
    "matrix times vector, 4096": (torch.matmul, (4096, 4096), (4096, 1)),
    "linear layer, 8 rows": (F.linear, (8, 4096), (4096, 4096)),
    "3 x 3 convolution, 64 maps": (F.conv2d, (32, 64, 56, 56), (64, 64, 3, 3)),
    "linear layer, 512 rows": (F.linear, (512, 4096), (4096, 4096)),
    "matrix times matrix, 4096": (torch.matmul, (4096, 4096), (4096, 4096)),
}
work = {name: work_of(*call) for name, call in calls.items()}
work = {"x + 1": (1000, 8000)} | work  # one addition for each number, which is read and written
intensity = {name: flops / nbytes for name, (flops, nbytes) in work.items()}


def draw_intensity():
    _, axis = plt.subplots(figsize=(6.2, 2.6), layout="constrained")
    axis.barh(list(intensity), list(intensity.values()))
    axis.set_xscale("log")
    axis.invert_yaxis()
    axis.set_xlabel("floating-point operations for each byte, with 4 bytes a number", fontsize=9)
    for row, value in enumerate(intensity.values()):
        axis.text(value, row, f" {value:.3g}", va="center", fontsize=8)
    axis.margins(x=0.12)
    plt.suptitle("Products of two large matrices give a GPU enough to compute", fontsize=11)
    plt.show()


# %%

draw_intensity()

# %%
# Each bar is the *arithmetic intensity*: the additions and multiplications of a call, divided by the bytes that it
# reads and writes, each number once. Adding 1 to a large tensor needs more time for the bytes than for the sums. You
# need to know :ref:`matmul` and :ref:`check-the-installation`.
#
# .. longer: 6 screens — what pays, who brings which part, and which versions fit are three questions
#
# The rule
# --------
#
# A processor computes :math:`F` operations in a second, and moves :math:`B` bytes. A call of :math:`f` operations on
# :math:`b` bytes takes at least :math:`\max(f / F, \; b / B)`. Where :math:`f / b` is less than :math:`F / B`, the
# bytes decide the time. GPUs are built for a large :math:`F` and a large :math:`B`. Here both are measured on the
# device of this page.

# Measured where this page ran.
matrix, vector = torch.rand(1024, 1024, device=device), torch.rand(2**24, device=device)
product = min(measure(lambda: matrix @ matrix, min_seconds=0.05).seconds)
target = torch.empty_like(vector)
copy = min(measure(lambda: target.copy_(vector), min_seconds=0.05).seconds)
F_device, B_device = 2 * 1024**3 / product, 2 * vector.nbytes / copy
print(
    f"{device.type}: {F_device / 1e9:.0f} billion operations and {B_device / 1e9:.0f} GB in a second"
)
print(f"so the bytes decide below {F_device / B_device:.0f} operations for each byte")

# %%
# Why a batch helps
# -----------------
#
# One row through a linear layer reads the whole weight for one product. More rows use the same weight, so there is more
# to compute for nearly the same bytes. With more and more rows the gain levels off, because the rows and the results
# are bytes, too.

for rows in (1, 8, 64, 512, 4096):
    flops, nbytes = work_of(F.linear, (rows, 4096), (4096, 4096))
    print(
        f"{rows:<5}rows: {flops / 1e9:7.2f} billion operations, {nbytes / 1e6:6.1f} MB: {flops / nbytes:6.1f} a byte"
    )

# %%
# The stack
# ---------
#
# ==========================  ==================================  ===========================================
# Part                        What it does                        Where it comes from
# ==========================  ==================================  ===========================================
# driver, with ``libcuda``    speaks to the GPU                   your system; ``nvidia-smi`` comes with it
# CUDA runtime, cuBLAS, NCCL  start kernels, multiply, exchange   packages that ``pip install torch`` brings
# cuDNN                       convolutions                        a package that ``pip install torch`` brings
# toolkit, with ``nvcc``      compiles kernels of your own        you, if you compile
# ==========================  ==================================  ===========================================
#
# The table describes the builds of pip on Linux. The cell looks into the files of the packages that are installed here.

# Measured where this page ran.
beside = Path(torch.__file__).parents[1]  # the folder of the installed packages
files = {}
for part in ("torch", "nvidia", "triton"):
    for record in sorted(beside.glob(f"{part}*.dist-info/RECORD")):
        package = record.parent.name.partition("-")[0].replace("_", "-")
        for path, *_ in csv.reader(record.read_text(encoding="utf-8").splitlines()):
            files[path.rpartition("/")[2]] = package


def brought_by(name):
    found = [one for one in files if one == name or one.startswith(f"{name}.")]
    return f"{found[0]}, in the package {files[found[0]]}" if found else "in no package"


for name in ("libcudart.so", "libcudnn.so", "libnccl.so", "libcuda.so", "nvcc", "nvidia-smi"):
    print(f"{name:13} {brought_by(name)}")

# %%
# Two numbers that may differ
# ---------------------------
#
# ``torch.version.cuda`` is the CUDA that torch was built for. The number in the corner of ``nvidia-smi`` is the latest
# CUDA that the driver supports, as NVIDIA says of `cudaDriverGetVersion
# <https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART____VERSION.html>`__. It does not say that this CUDA is
# installed. Since CUDA 11 it may be smaller than torch's within the same first number, by NVIDIA's `minor version
# compatibility <https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html>`__, with a limited
# set of features.


def fits(built_for, driver_supports):
    return int(driver_supports.split(".")[0]) >= int(built_for.split(".")[0])


for built_for, driver_supports in (
    ("13.0", "13.0"),
    ("12.6", "13.0"),
    ("13.0", "12.8"),
    ("12.8", "12.4"),
):
    print(
        f"torch for CUDA {built_for}, nvidia-smi says {driver_supports}: {fits(built_for, driver_supports)}"
    )

# %%
# Has this build a program for your GPU?
# --------------------------------------
#
# Each model of GPU has a *compute capability*, such as 8.6. ``get_arch_list`` names those that the build has code for.
# ``sm_`` code runs on GPUs with the same first number and the same or a larger second one (Jetson boards differ).
# Otherwise the message is *no kernel image is available*: :ref:`cuda-capability-is-not-compatible`.
#
# .. not looked up: 8.6 — an example of how a capability is written

# Measured where this page ran.
print("built for CUDA", torch.version.cuda, "with code for", *torch.cuda.get_arch_list())
print(
    "this GPU:",
    torch.cuda.get_device_capability() if torch.cuda.is_available() else "there is none",
)

# %%
# .. use-this::
#
#    Install the driver of your GPU, and then torch by the command of `pytorch.org
#    <https://pytorch.org/get-started/locally/>`__. Install no toolkit and no cuDNN: torch does not look for them. You
#    need the toolkit if you compile CUDA code yourself, with the first number of ``torch.version.cuda``. If the first
#    number of ``nvidia-smi`` is less than that, update the driver, or take a build for an older CUDA. A build for CUDA
#    takes gigabytes of disk.
#
# A common mistake
# ----------------
#
# **A toolkit is installed to change torch's CUDA.** It changes nothing, because pip's build has a fixed path
# (``RPATH``) to its own libraries. This path goes before ``LD_LIBRARY_PATH``. The cell puts a second CUDA runtime
# there, and asks a process which one it has loaded. A toolkit of another first number matters if you compile:
# :ref:`the-detected-cuda-version-mismatches`.

# Measured where this page ran.
code = "import torch; print(*{line.split()[-1] for line in open('/proc/self/maps') if 'libcudart' in line})"
runtime = next(beside.glob("nvidia/cu*/lib/libcudart.so.*"), None)
if runtime and sys.platform == "linux":
    with tempfile.TemporaryDirectory() as toolkit:
        shutil.copy(runtime, toolkit)
        settings = os.environ | {"LD_LIBRARY_PATH": toolkit}
        loaded = subprocess.check_output([sys.executable, "-c", code], env=settings, text=True)
    print("the runtime beside torch is the one that is loaded:", loaded.strip() == str(runtime))
    assert loaded.strip() == str(runtime)

# %%
# How this was checked

# The counts by hand: a product of (m, k) and (k, n) has 2 m k n operations.
for m, k, n in ((4096, 4096, 1), (4096, 4096, 4096), (3, 5, 7)):
    flops, nbytes = work_of(torch.matmul, (m, k), (k, n))
    assert flops == 2 * m * k * n
    assert nbytes == 4 * (m * k + k * n + m * n)
assert work["3 x 3 convolution, 64 maps"][0] == 2 * 32 * 64 * 54 * 54 * 64 * 9
assert list(intensity.values()) == sorted(intensity.values())
assert intensity["x + 1"] == 1 / 8
assert intensity["matrix times matrix, 4096"] > 1000 * intensity["matrix times vector, 4096"]
# The bytes of a linear layer grow slowly at first, the operations with the rows.
one, many = work_of(F.linear, (1, 4096), (4096, 4096)), work_of(F.linear, (64, 4096), (4096, 4096))
assert many[0] == 64 * one[0]
assert many[1] < 1.1 * one[1]
most = work_of(F.linear, (10**6, 4096), (4096, 4096))
assert most[0] / most[1] < 2 * 4096 * 4096 / (4 * (4096 + 4096))  # 1024, the limit for many rows
# The driver and nvcc are in no package of torch; the libraries are, where torch was built for CUDA (on Linux).
for name in ("nvcc", "nvidia-smi", "libcuda.so"):
    assert brought_by(name) == "in no package"
if torch.version.cuda and sys.platform == "linux" and "nvidia-cudnn-cu13" in files.values():
    for library in ("libcudart.so", "libcudnn.so", "libnccl.so", "libcublas.so"):
        assert brought_by(library) != "in no package"
# torch's own rule for code and GPUs agrees with the text, but for the chips of Jetson boards.
jetson = {53, 62, 72, 87, 101, 110}
for code_for in (50, 60, 70, 75, 80, 86, 89, 90, 100, 103, 120):
    for gpu in {50, 52, 60, 61, 70, 75, 80, 86, 89, 90, 100, 103, 120, 121} - jetson:
        said = torch.cuda._code_compatible_with_device(gpu, code_for)
        assert said == (gpu // 10 == code_for // 10 and gpu % 10 >= code_for % 10)
if torch.cuda.is_available() and torch.version.cuda:
    assert fits(torch.version.cuda, str(torch._C._cuda_getDriverVersion() // 1000))  # only on a GPU

# %%
# Check yourself
# --------------

ask(
    "torch.version.cuda is 12.6, nvidia-smi says 13.0, and nvcc is not found. Does torch find the GPU?",
    answer="yes" if fits("12.6", "13.0") else "no",
    choices={
        "yes": "The driver supports newer versions too, and you need nvcc if you compile.",
        "no": "13.0 is the latest that the driver supports. It supports older ones, too.",
    },
)

# %%
# The next question is about the bytes.

flops, nbytes = work_of(torch.matmul, (100, 100), (100, 100))
ask(
    "Two matrices of 100 x 100 numbers of 4 bytes are multiplied. How many operations are there for each byte, to one "
    "decimal?",
    answer=round(flops / nbytes, 1),
    choices={
        16.7: "Two n³ operations, and three n² numbers of four bytes: a sixth of n.",
        66.7: "That is for each number. A number has 4 bytes.",
        0.1: "That is the addition of 1, to one decimal.",
    },
)

# %%
# **Exercise.** Return the operations for each byte of the product of (m, k) and (k, n), as a tensor without axes.
# ``size`` is the number of bytes of an element. The checker counts them on ``meta``.


def operations_per_byte(m, k, n, size):
    raise NotImplementedError


def by_counting(m, k, n, size):
    flops, nbytes = work_of(torch.matmul, (m, k), (k, n))
    return torch.tensor(flops / (nbytes // 4 * size))


cases = [(2, 3, 4, 4), (4096, 4096, 1, 2), (100, 100, 100, 2), (1, 7, 1, 8)]
check(operations_per_byte, by_counting, cases)

# %%
# Half the bytes give twice the intensity, which is one reason for half precision.

# Solution


def operations_per_byte(m, k, n, size):
    return torch.tensor(2 * m * k * n / (size * (m * k + k * n + m * n)))


report = check(operations_per_byte, by_counting, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`devices-and-moving-data` shows how tensors and models get to the GPU. Whether it pays for small work is measured
# in :ref:`why-not-everything-on-the-gpu`.
#
# - He (2022). `Making deep learning go brrrr from first principles <https://horace.io/brrr_intro.html>`__. Compute,
#   bandwidth and overhead, and how to tell which one you wait for.
# - NVIDIA (2026). `CUDA compatibility <https://docs.nvidia.com/deploy/cuda-compatibility/>`__. Which driver goes with
#   which CUDA.

"""
.. _check-the-installation:

Is PyTorch installed correctly, and does it use my GPU?
=======================================================

A report says what PyTorch found: its version, the :term:`CUDA` that it was built for, the GPU and the driver. This
page explains each line of it, says why ``torch.cuda.is_available()`` may be False, and checks a first calculation. You
need to know nothing.
"""

# %%
# ``python -m ptguide`` prints what a bug report needs, where this guide's package is installed. A torch alone has
# ``python -m torch.utils.collect_env``, which says more at greater length. The page calls the first with the very
# Python that runs it. The lines are those of the machine on which the page ran, and yours will differ.

# Measured where this page ran
import importlib.metadata
import os
import re
import subprocess
import sys

import torch

from ptguide.devices import environment, pick_device
from ptguide.errors import expect_error
from ptguide.questions import ask

report = subprocess.check_output([sys.executable, "-m", "ptguide"], text=True)
print(report)

# %%
# Line by line:
#
# - *ptguide*, *python*, *system*: this guide's helpers, the Python that ran, and the operating system.
# - *torch*: the version, and behind the ``+`` what it was built for. *torchvision* has to fit it (see below).
# - *CUDA* or *ROCm*: the library for NVIDIA's or AMD's GPUs that this torch was built with. It comes with torch, so it
#   says nothing about the machine.
# - *driver*: the machine's driver for NVIDIA's GPUs; without one, torch can't use them. An AMD GPU has another driver,
#   of which this line says nothing.
# - *CPU*, and a line for each GPU, such as *cuda:0*, with its name.
# - *picked*: the :term:`device` on which the pages of this guide compute.
# - *threads*: how many CPU threads an operation may use, and how many operations may run side by side.
# - Variables of the environment that change what torch does, such as ``CUDA_VISIBLE_DEVICES``, where they are set.

import importlib.util

found = environment()
lines = "ptguide python system torch torchvision numpy CUDA ROCm driver CPU picked threads"
assert set(lines.split()) <= set(found)
assert all(name in report for name in found)
assert found["torch"] == torch.__version__
assert importlib.util.find_spec("torch.utils.collect_env")

# %%
# The version and what stands behind the +
# ----------------------------------------
#
# ``+cu130`` is a build for CUDA 13.0, ``+cpu`` one without GPU support, ``+rocm7.0`` one for AMD's GPUs, ``+xpu`` one
# for Intel's. Builds for macOS have no suffix, and use Apple's GPU under the name ``mps``. ``pip list`` may leave the
# suffix out: ask torch.


def built_for(version):
    build = version.partition("+")[2]
    if cuda := re.fullmatch(r"cu(\d+)(\d)", build):
        return f"CUDA {cuda[1]}.{cuda[2]}"
    if rocm := re.match(r"rocm([\d.]+)", build):
        return f"ROCm {rocm[1]}"
    return {"cpu": "the CPU alone", "xpu": "Intel's GPUs"}.get(build, "not said")


for version in (
    "2.14.1+cu130",
    "2.14.1+cu128",
    "2.14.1+rocm7.0",
    "2.14.1+xpu",
    "2.14.1+cpu",
    "2.14.1",
):
    print(f"{version:<15} {built_for(version)}")

said = built_for(torch.__version__)
if said.startswith("CUDA") or torch.version.cuda:
    assert said in (f"CUDA {torch.version.cuda}", "not said")
release = torch.__version__.partition("+")[0]
assert importlib.metadata.version("torch").partition("+")[0] == release

# %%
# Does it use my GPU?
# -------------------
#
# :func:`torch.cuda.is_available` asks whether a GPU of NVIDIA or AMD can be used *now*, in this process.
# ``torch.version.cuda`` and :func:`torch.backends.cuda.is_built` say what torch was built with, and nothing of the
# machine. So does :func:`torch.backends.cudnn.is_available`: it can be True on a machine without a GPU.

# Measured where this page ran
print("torch.cuda.is_available()           ", torch.cuda.is_available())
print("torch.accelerator.is_available()    ", torch.accelerator.is_available())
print("torch.backends.cuda.is_built()      ", torch.backends.cuda.is_built())
print("torch.backends.cudnn.is_available() ", torch.backends.cudnn.is_available())
print("torch.backends.mps.is_available()   ", torch.backends.mps.is_available())
print("torch.backends.mkldnn.is_available()", torch.backends.mkldnn.is_available())

with_gpu_support = torch.version.cuda is not None or torch.version.hip is not None
assert torch.backends.cuda.is_built() == with_gpu_support
assert with_gpu_support or not torch.cuda.is_available()
assert torch.accelerator.is_available() or not torch.cuda.is_available()

# %%
# Why is ``torch.cuda.is_available()`` False? Ask in this order, for a GPU of NVIDIA. The oldest driver for each CUDA is
# from `NVIDIA's table <https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html>`_, for
# Linux; none of this was tried on a GPU here.

OLDEST_DRIVER = {11: 450, 12: 525, 13: 580}


def why_not(cuda, driver, visible=None, rocm=None):
    """Return the first thing in the way, from what the lines CUDA, driver and ROCm say."""
    if cuda is None and rocm:
        return "this torch was built for AMD's GPUs: on one of NVIDIA, install one for CUDA"
    if cuda is None:
        return "this torch was built without CUDA: install one for CUDA"
    if driver is None:
        return "no driver: install it; start a container with --gpus all"
    if visible is not None and (not visible or visible.startswith("-")):
        return "CUDA_VISIBLE_DEVICES hides every GPU: unset it"
    oldest = OLDEST_DRIVER.get(int(cuda.partition(".")[0]), 0)
    if int(driver.partition(".")[0]) < oldest:
        return f"the driver is too old: CUDA {cuda} needs {oldest} or newer"
    return "nothing that these lines show"


for facts in [
    (None, "580.65"),
    (None, None, None, "7.0"),
    ("13.0", None),
    ("13.0", "580.65", ""),
    ("13.0", "535.183"),
]:
    print(*facts, "->", why_not(*facts))
assert "AMD" in why_not(None, None, rocm="7.0")
for driver in ("535.183", "560.35", "580.65"):
    assert why_not("12.8", driver) == "nothing that these lines show"

# %%
# A container brings its own torch and CUDA, and borrows the driver from the machine. Docker lends an NVIDIA GPU when it
# is told to, for example `by --gpus all <https://docs.docker.com/engine/containers/gpu/>`_. If ``nvidia-smi`` then
# lists the GPU inside the container, the driver is there. If it is missing, that proves nothing: an image can `ask for
# the driver without it
# <https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html>`_. This was read in
# these pages, and not run here. What was run: a new process from which the GPUs are hidden finds none. (Where there is
# none anyway, that shows little.)

code = "import torch; print(torch.cuda.is_available(), torch.cuda.device_count(), torch.get_num_threads())"
settings = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
command = [sys.executable, "-W", "ignore", "-c", code]
said = subprocess.check_output(command, env=os.environ | settings, text=True).split()
print(said)
assert said[0] == "False" or torch.version.hip  # AMD has a variable of its own
assert said[2] == "1"

# %%
# The third number is that of the CPU threads: ``OMP_NUM_THREADS`` sets it from outside, :func:`torch.set_num_threads`
# from inside. Several processes on one machine should share the cores out. With one thread, this product is the same up
# to rounding.

torch.manual_seed(0)
left, right = torch.rand(70, 500), torch.rand(500, 60)
threads, expected = torch.get_num_threads(), left @ right
torch.set_num_threads(1)
assert torch.get_num_threads() == 1
torch.testing.assert_close(left @ right, expected)
torch.set_num_threads(threads)

# %%
# A first calculation
# -------------------
#
# A report is not yet a result. Let the device compute, there and back, and compare with numbers found by hand. Here
# :math:`y = \sum_i x_i^2`, so the gradient is :math:`2x`. On a GPU this needs driver, libraries and torch to fit.

device = pick_device()
x = torch.tensor([1.0, 2.0, 4.0], device=device, requires_grad=True)
y = (x * x).sum()
y.backward()
assert x.device.type == device.type
assert y.item() == 1 + 4 + 16
assert x.grad.tolist() == [2, 4, 8]
table = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], device=device) @ torch.ones(
    2, 4, device=device
)
assert table[:, 3].tolist() == [3, 7, 11]
print("The device computes, and these numbers are right.")

# %%
# torchvision must match torch
# ----------------------------
#
# torchvision adds operators of its own to torch, in a compiled library. If that library can't be loaded, torch does not
# know the operators, and the import of torchvision ends with this message. Here torchvision was not yet imported, so
# torch does not know them either:

if "torchvision" not in sys.modules:
    with expect_error(RuntimeError, match=r"operator torchvision::nms does not exist"):
        torch.library.register_fake("torchvision::nms")(lambda *boxes: None)

# %%
# torchvision comes with a table of the pairs that were made together. In the table of this one, each torch 2.m has
# torchvision 0.(m + 15), and so it is here: :val:`release` with :val:`torchvision.__version__`. Its *requirement* can
# be wider than the pair. Install both in one command, from one source. ``nms`` keeps the best of boxes that overlap; it
# is an operator of that library, so the library was loaded.

import torchvision

about = importlib.metadata.metadata("torchvision")
table = about.get_payload() or about["Description"]
pairs = re.findall(r"`2\.(\d+)`\s*\| `0\.(\d+)`", table)
for minor, other in [*pairs, (release.split(".")[1], torchvision.__version__.split(".")[1])]:
    assert int(other) == int(minor) + 15
assert len(pairs) >= 10
print([needed for needed in importlib.metadata.requires("torchvision") if "torch" in needed])
boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])
kept = torchvision.ops.nms(boxes, scores=torch.tensor([0.9, 0.8, 0.7]), iou_threshold=0.5)
assert kept.tolist() == [0, 2]

# %%
# If ``import torch`` itself fails, with "No module named 'torch'" or "'torch' has no attribute", see
# :ref:`no-module-named-torch`.
#
# Check yourself
# --------------
#
# Read the lines of the report.

ask(
    "CUDA says 13.0, driver says 560.35, and is_available() is False. What helps?",
    answer=why_not("13.0", "560.35"),
    choices={
        why_not(None, "560.35"): "CUDA says 13.0, so this torch was built for a GPU.",
        why_not(
            "13.0", "560.35"
        ): "CUDA 13 needs a newer driver. To this one, a torch for CUDA 12 would fit as well.",
        why_not("13.0", None): "The line driver has a number, so the machine has one and lends it.",
    },
)

# %%
# And the versions:

ask(
    "Which torchvision goes with torch 2.12?",
    answer=f"0.{dict(pairs)['12']}",
    choices={
        "0.12": "The numbers are not equal: torch 2.0 came with torchvision 0.15.",
        "0.27": f"0.({12} + {15}). The two were made together.",
        "2.12": "torchvision has not reached version 1 yet.",
    },
)

# %%
# A version says more than a number:

ask(
    "torch.__version__ is 2.14.1+cpu, and the machine has a GPU with a new driver. Will torch use it?",
    answer="no" if why_not(None, "580.65").startswith("this torch") else "yes",
    choices={
        "yes": "The driver is there, but this torch was built without CUDA.",
        "no": "It was built without CUDA. Install a build whose version ends with +cu and a number.",
    },
)

# %%
# Next: :ref:`using-tensorboard`, which shows a training while it runs.

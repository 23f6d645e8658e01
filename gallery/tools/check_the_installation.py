"""
.. _check-the-installation:

Is PyTorch installed correctly, and does it use my GPU?
=======================================================

You have a GPU, and ``torch.cuda.is_available()`` is False, or training is as slow as without one. Three lines show
whether torch was built for your GPU, and four questions find what is missing.
"""

# %%
# Set-up

import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys

import torch

from ptguide.devices import environment, pick_device
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

OLDEST_DRIVER = {
    11: 450,
    12: 525,
    13: 580,
}  # by CUDA's first number, from NVIDIA's table, see below
SHOWN = ("python", "torch", "CUDA ", "driver", "picked", "threads")  # of the report, on this page
found = environment()  # before imports add variables

# %%

# Measured where this page ran
print("version     ", torch.__version__)
print("built for    CUDA", torch.version.cuda, "| ROCm", torch.version.hip)
print("GPU usable   cuda", torch.cuda.is_available(), "| any", torch.accelerator.is_available())

# %%
# These are the lines of the machine that built this page, and yours will differ. In PyTorch's own builds the version
# ends with what torch was built for. ``+cu130`` is CUDA 13.0, ``+rocm7.0`` is for AMD's GPUs, ``+xpu`` for Intel's, and
# ``+cpu`` is a build without GPU. Those for macOS have no suffix, and call Apple's GPU ``mps``. You need to know how a
# command is typed into a terminal.
#
# The rule
# --------
#
# torch brings its own CUDA or ROCm, and takes the driver from the machine. So a GPU is usable if the build, the driver
# and the environment allow it. The GPU computes with what you move to it: :ref:`devices-and-moving-data`. Try it with a
# known result: for :math:`y = \sum_i x_i^2`, the gradient is :math:`2x`.

device = pick_device()
x = torch.tensor([1.0, 2.0, 4.0], device=device, requires_grad=True)
y = (x * x).sum()
y.backward()
print(f"y = {y.item():.0f}, gradient {x.grad.tolist()}")
assert (y.item(), x.grad.tolist()) == (21, [2, 4, 8])

# %%
# Why is it not available?
# ------------------------
#
# Ask in this order, for a GPU of NVIDIA: the build, the driver, the variable that hides GPUs, the driver's age. The
# oldest driver that fits is from `NVIDIA's table
# <https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html>`__. ``nvidia-smi`` prints yours.


def why_not(cuda, driver, visible=None, rocm=None):
    if cuda is None and rocm:
        return "built for AMD: install one for CUDA"
    if cuda is None:
        return "built without CUDA: install one for it"
    if driver is None:
        return "no driver: install it; start a container with --gpus all"
    if visible is not None and (not visible or visible.startswith("-")):
        return "CUDA_VISIBLE_DEVICES hides every GPU: unset it"
    if int(driver.split(".")[0]) < (oldest := OLDEST_DRIVER.get(int(cuda.split(".")[0]), 0)):
        return f"the driver is too old: it has to be {oldest} or newer"
    return "nothing that these lines show"


for facts in [(None, "580.65"), ("13.0", None), ("13.0", "580.65", ""), ("13.0", "535.183")]:
    print(f"CUDA {facts[0]}, driver {facts[1]}: {why_not(*facts)}")

# %%
# What to paste into a bug report
# -------------------------------
#
# ``python -m torch.utils.collect_env`` needs torch alone and prints much. ``python -m ptguide`` is shorter, where this
# guide's package is installed. Its line *driver* is NVIDIA's, *picked* is the device on which these pages compute, and
# *threads* counts the CPU threads within an operation and across operations. Variables such as ``OMP_NUM_THREADS``
# follow where they are set.

# Measured where this page ran
report = subprocess.check_output([sys.executable, "-m", "ptguide"], text=True)
print(*[line for line in report.splitlines() if line.startswith(SHOWN)], sep="\n")

# %%
# .. use-this::
#
#    Choose the command for your system and your driver on `pytorch.org <https://pytorch.org/get-started/locally/>`__,
#    and install torch and torchvision with it, both at once. The plain ``pip install torch`` brings CUDA on Linux, and
#    a build without a GPU on Windows. A build with CUDA takes gigabytes, so take the build for the CPU where there is
#    no GPU. You need to install CUDA yourself if you compile kernels.
#
# Common mistakes
# ---------------
#
# **A torchvision that does not fit.** torchvision adds operators to torch in a compiled library. If this library cannot
# be loaded, the import of torchvision ends with this message. Two versions that were made together differ by
# :val:`15 <int(torchvision.__version__.split(".")[1]) - int(torch.__version__.split(".")[1])>` in their second number.

if "torchvision" not in sys.modules:
    with expect_error(RuntimeError, match=r"operator torchvision::nms does not exist"):
        torch.library.register_fake("torchvision::nms")(lambda *boxes: None)

import torchvision  # this one fits

release, fits = (one.__version__.partition("+")[0] for one in (torch, torchvision))
print(f"torch {release}, torchvision {fits}")

# %%
# **A GPU that this build has no programs for.** torch finds the GPU, and the first calculation raises "no kernel image
# is available" (not run here). It happens with GPUs that are older or newer than the build. The list says what the
# build has. Install one whose list fits the capability of your GPU, by the rule of the exercise below.
#
# .. not looked up: no kernel image is available — the message needs such a GPU

# Measured where this page ran
print("programs for:", *torch.cuda.get_arch_list())
if torch.cuda.is_available():
    print("this GPU has the capability", torch.cuda.get_device_capability())

# %%
# How this was checked


def built_for(version):
    build = version.partition("+")[2]
    if cuda := re.fullmatch(r"cu(\d+)(\d)", build):
        return f"CUDA {cuda[1]}.{cuda[2]}"
    if rocm := re.match(r"rocm([\d.]+)", build):
        return f"ROCm {rocm[1]}"
    return {"cpu": "the CPU alone", "xpu": "Intel's GPUs"}.get(build, "not said")


said = {name: built_for(f"2.14.1+{name}") for name in ("cu130", "cu128", "rocm7.0", "xpu", "cpu")}
assert list(said.values()) == [
    "CUDA 13.0",
    "CUDA 12.8",
    "ROCm 7.0",
    "Intel's GPUs",
    "the CPU alone",
]
assert built_for("2.14.1") == "not said"
if torch.version.cuda:
    assert built_for(torch.__version__) in (f"CUDA {torch.version.cuda}", "not said")
# What torch was built with says nothing of the machine, and a usable GPU needs such a build.
with_gpu_support = torch.version.cuda is not None or torch.version.hip is not None
assert torch.backends.cuda.is_built() == with_gpu_support
assert with_gpu_support or not torch.cuda.is_available()
assert torch.accelerator.is_available() or not torch.cuda.is_available()
for driver in ("535.183", "560.35", "580.65"):  # each is new enough for CUDA 12
    assert why_not("12.8", driver) == "nothing that these lines show"
assert "AMD" in why_not(None, None, rocm="7.0")
# The report names all of it, and torch's own is there.
lines = "ptguide python system torch torchvision numpy CUDA ROCm driver CPU picked threads"
assert set(lines.split()) <= set(found)
assert all(name in report for name in found)
assert importlib.util.find_spec("torch.utils.collect_env")
# A process from which the GPUs are hidden finds none, and OMP_NUM_THREADS sets its threads.
code = "import torch; print(torch.cuda.is_available(), torch.get_num_threads())"
settings = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
command = [sys.executable, "-W", "ignore", "-c", code]
answer = subprocess.check_output(command, env=os.environ | settings, text=True).split()
assert answer[0] == "False" or torch.version.hip  # AMD has a variable of its own
assert answer[1] == "1"
# A build with CUDA takes gigabytes, with the packages that it needs.
distributions = importlib.metadata.distributions()
parts = [one for one in distributions if one.name.startswith(("torch", "nvidia", "triton"))]
sizes = [
    file.locate().stat().st_size
    for one in parts
    for file in one.files or ()
    if file.locate().exists()
]
if torch.version.cuda and any(one.name.startswith("nvidia") for one in parts):
    assert sum(sizes) > 2e9
# torchvision's own table of the pairs that were made together.
about = importlib.metadata.metadata("torchvision")
pairs = re.findall(r"`2\.(\d+)`\s*\| `0\.(\d+)`", about.get_payload() or about["Description"])
assert len(pairs) >= 10
versions = [module.__version__.split(".")[1] for module in (torch, torchvision)]
for minor, other in [*pairs, versions]:
    assert int(other) == int(minor) + 15
boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])
kept = torchvision.ops.nms(boxes, scores=torch.tensor([0.9, 0.8, 0.7]), iou_threshold=0.5)
assert kept.tolist() == [0, 2]  # so its library was loaded
if torch.version.cuda and torch.cuda.is_available():
    major, minor = torch.cuda.get_device_capability()
    has = re.findall(r"sm_(\d+)(\d)", " ".join(torch.cuda.get_arch_list()))
    assert any(int(a) == major and int(b) <= minor for a, b in has)  # only on a GPU

# %%
# Check yourself
# --------------
#
# Read the lines of a report.

ask(
    "CUDA says 13.0, driver says 560.35, and is_available() is False. What helps?",
    answer=why_not("13.0", "560.35"),
    choices={
        why_not(None, "560.35"): "CUDA says 13.0, so this torch was built for a GPU.",
        why_not(
            "13.0", "560.35"
        ): "CUDA 13 needs a newer driver. To this one, a torch for CUDA 12 would fit as well.",
        why_not("13.0", None): "The line driver has a number, so the machine has a driver.",
    },
)

# %%
# The next question asks about the versions.

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
# **Exercise.** Will this build run on that GPU? ``gpu`` is the capability, such as (8, 9). ``build`` has a row for each
# ``sm_`` of the list, such as (8, 6). By `NVIDIA's rule
# <https://docs.nvidia.com/cuda/cuda-programming-guide/01-introduction/cuda-platform.html>`__, a program runs on a GPU
# of the same first number whose second number is as large or larger. Return a tensor that is True if a row fits.


def by_loop(gpu, build):
    fits = False
    for major, minor in build.tolist():
        fits = fits or (major == gpu[0].item() and minor <= gpu[1].item())
    return torch.tensor(fits)


build = torch.tensor([[7, 5], [8, 0], [8, 6], [9, 0], [10, 0], [12, 0]])
cases = [(torch.tensor(gpu), build) for gpu in ([8, 9], [6, 1], [7, 0], [9, 0], [12, 1], [11, 0])]


def will_run(gpu, build):
    raise NotImplementedError


check(will_run, by_loop, cases)

# %%
# Combine two masks over the rows, and take ``any``.

# Solution


def will_run(gpu, build):
    return ((build[:, 0] == gpu[0]) & (build[:, 1] <= gpu[1])).any()


report = check(will_run, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`using-tensorboard`, which shows a training while it runs. If ``import torch`` itself fails, see
# :ref:`no-module-named-torch`.
#
# - PyTorch contributors (2026). `Get started <https://pytorch.org/get-started/locally/>`__. The command for your
#   system.
# - NVIDIA (2026). `CUDA compatibility <https://docs.nvidia.com/deploy/cuda-compatibility/>`__. Which driver goes with
#   which CUDA.

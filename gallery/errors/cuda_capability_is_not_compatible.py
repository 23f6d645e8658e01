"""
.. _cuda-capability-is-not-compatible:

UserWarning: NVIDIA ... with CUDA capability sm_86 is not compatible with the current PyTorch installation
==========================================================================================================

The installed torch has no code for your model of GPU, because the GPU is newer than the build, or too old for it.
Install a build that serves the capability of your GPU.
"""

# %%
# Set-up

import importlib
import logging
import warnings
from unittest import mock

import torch

from ptguide.errors import expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it warns where no GPU is
cpp_extension = importlib.import_module("torch.utils.cpp_extension")
BUILDS = {  # as torch.cuda.get_arch_list() gives them
    "an old build": ["sm_50", "sm_60", "sm_70"],
    "a new build": ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"],
}
OLD = (
    "UserWarning: Found GPU0 GeForce 820M which is of cuda capability 2.1. PyTorch no longer supports this GPU because "
    "it is too old.\nRuntimeError: CUDA error: no kernel image is available for execution on the device"
)


def imitated(name, capability, build):
    """Return a GPU and a build that are not here, for torch's own check."""
    return mock.patch.multiple(
        torch.cuda,
        device_count=lambda: 1,
        get_device_name=lambda device=None: name,
        get_device_capability=lambda device=None: capability,
        get_arch_list=lambda: BUILDS[build],
    ), mock.patch.object(torch.version, "cuda", torch.version.cuda or "13.0")


def warned(capability, build):
    """Return what torch's two checks say of a GPU and a build."""
    gpu, version = imitated("a GPU", capability, build)
    with gpu, version, warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        torch.cuda._check_capability()
        torch.cuda._check_cubins()
    return [str(warning.message) for warning in given]


def fits(capability, build):
    """Ask torch whether a build has code for a GPU."""
    return not warned(capability, build)


# %%

gpu, version = imitated("NVIDIA RTX A6000", (8, 6), "an old build")
with gpu, version, expect_warning(UserWarning, match="sm_86 is not compatible"):
    torch.cuda._check_cubins()

# %%
# This is one of torch's own checks, run on a GPU and a build that the page imitates. ``sm_86`` is the *compute
# capability* 8.6 of the GPU, and the second line lists what the build was made for. The warning comes when CUDA starts.
# The first kernel then fails with an error: no kernel image is available.
#
# .. longer: 5 screens — each cause has a cell of its own
#
# .. not looked up: 8.6 — a capability, written sm_86 in the cell
#
# ======================================================================  ============================================
# Usual cause                                                             Fix
# ======================================================================  ============================================
# :ref:`the GPU is newer than the build <capability-list>`                a newer torch, for a newer CUDA
# :ref:`a project pins an old torch <capability-list>`                    the same version for a newer CUDA
# :ref:`the GPU is too old for the build <capability-old>`                an older torch, or an older CUDA
# :ref:`an extension is for another GPU <capability-extension>`           compile it with ``TORCH_CUDA_ARCH_LIST``
# ======================================================================  ============================================
#
# .. _capability-list:
#
# The rule
# --------
#
# Code for a capability runs on GPUs with the same major number, and this minor number or a later one. So code for
# ``sm_80`` serves ``sm_86`` and ``sm_89``, and code for ``sm_75`` does not serve a V100, which is ``sm_70``. Chips on
# Jetson boards are exceptions.

for name, capability, old, new in (
    ("V100", (7, 0), True, False),
    ("A100", (8, 0), False, True),
    ("RTX 4090", (8, 9), False, True),
    ("RTX 5090", (12, 0), False, True),
):
    print(f"{name:9}", *(f"{build}: {fits(capability, build)!s:6}" for build in BUILDS))
    assert fits(capability, "an old build") == old
    assert fits(capability, "a new build") == new

# %%
# Ask your own
# ------------
#
# The first line says what your torch was made for. The second says what your GPU is, and is missing on a machine
# without one. The number behind ``cu`` in the name of a wheel is that of CUDA, so ``cu130`` is CUDA 13.0.

print("torch", torch.__version__.split("+")[0], "| made for", *torch.cuda.get_arch_list())
if torch.cuda.is_available():
    print("the GPU is", torch.cuda.get_device_capability())
    assert torch.cuda.get_device_capability() >= (5, 0)  # only on a GPU

# %%
# .. _capability-old:
#
# The GPU is too old
# ------------------
#
# New releases leave old GPUs out. One release has builds for several versions of CUDA, and these differ, too. Today's
# torch names those that serve your GPU, in a second warning. Here it does so for an older GPU. The first lines are the
# words of older versions, quoted from threads.

print(OLD)
for line in warned((6, 1), "a new build")[0].splitlines():
    if "--index-url" in line:
        print(line.strip())
assert not fits((2, 1), "a new build")
assert not fits((6, 1), "a new build")
assert fits((6, 1), "an old build")
if torch.version.cuda:
    assert "no kernel image is available" in str(torch.cuda.CudaError(209))

# %%
# .. _capability-extension:
#
# An extension, and not torch
# ---------------------------
#
# If torch itself computes on the GPU, and one package raises *no kernel image*, that package was compiled for another
# GPU. Compile it again from source. ``TORCH_CUDA_ARCH_LIST`` names the capabilities to compile for, and sets the flags
# of the compiler.

with mock.patch.dict("os.environ", TORCH_CUDA_ARCH_LIST="8.6 9.0"):
    flags = cpp_extension._get_cuda_arch_flags()
print(*flags, sep="\n")
assert [flag.split(",code=")[1] for flag in flags] == ["sm_86", "sm_90"]

# %%
# .. use-this::
#
#    Print ``torch.cuda.get_arch_list()`` and ``torch.cuda.get_device_capability()``. Then install a build whose list
#    serves your GPU, with the command of pytorch.org in a new environment. If a project pins an old
#    version, look for that version with a newer CUDA first. A newer torch can cost changes in old code
#    (:ref:`old-code`). :ref:`check-the-installation` runs one calculation on the GPU, which is the proof.
#
# A common mistake
# ----------------
#
# A filter for warnings hides the reason, and ``torch.cuda.is_available()`` is still True, because it asks for a driver
# and a GPU. Installing a newer CUDA *toolkit* does not help either, because torch does not use it. The list belongs to
# the installed torch.

gpu, version = imitated("NVIDIA RTX A6000", (8, 6), "an old build")
with gpu, version, warnings.catch_warnings(record=True) as given:
    warnings.simplefilter("always")
    torch.cuda._check_cubins()
print(len(given), "warning:", str(given[0].message).strip().splitlines()[1])
assert BUILDS["an old build"] != torch.cuda.get_arch_list()

# %%
# How this was checked

# The rule, for each major number and some minor ones that are no exceptions.
for build, made in BUILDS.items():
    codes = [divmod(int(entry.removeprefix("sm_")), 10) for entry in made]
    for major in range(1, 13):
        for minor in (0, 4, 5, 6, 9):
            served = any(code[0] == major and code[1] <= minor for code in codes)
            assert fits((major, minor), build) == served, (build, major, minor)
# A Jetson has 8.7, and code for 8.0 did not serve it before CUDA 13.2.
with mock.patch.object(torch.version, "cuda", "13.0"):
    assert not fits((8, 7), "a new build")
# A build without CUDA has nothing to compare, and warns about nothing.
gpu, _ = imitated("a GPU", (8, 6), "an old build")
with gpu, mock.patch.object(torch.version, "cuda", None), warnings.catch_warnings():
    warnings.simplefilter("error")
    torch.cuda._check_cubins()
    torch.cuda._check_capability()

# %%
# Check yourself
# --------------

ask(
    "get_arch_list() is ['sm_50', 'sm_60', 'sm_70']. Does this build serve a GPU of capability 6.1?",
    answer="yes" if fits((6, 1), "an old build") else "no",
    choices={
        "yes": "Code for sm_60 has the same major number, and a smaller minor one.",
        "no": "The capability itself need not be in the list. The minor number of sm_60 is smaller.",
    },
)

# %%
# The next question has an older GPU.

ask(
    "The smallest entry of a build is sm_75. Does it serve a V100, of capability 7.0?",
    answer="yes" if fits((7, 0), "a new build") else "no",
    choices={
        "yes": "The major number is the same, but the minor number of the code is greater.",
        "no": "Code for 7.5 may use what 7.0 does not have.",
    },
)

# %%
# **Exercise.** Write the rule. ``made`` is the list of a build, such as ``["sm_80", "sm_120"]``, and ``capability`` the
# pair of a GPU that is no Jetson. Return a tensor with True or False.


def runs(capability, made):
    raise NotImplementedError


def by_torch(capability, made):
    with mock.patch.dict(BUILDS, mine=made):
        return torch.tensor(fits(capability, "mine"))


cases = [((8, 6), made) for made in BUILDS.values()]
cases += [((12, 0), ["sm_100", "sm_120"]), ((10, 3), ["sm_90", "sm_120"]), ((9, 0), ["sm_90"])]
cases += [((8, 0), ["sm_75", "sm_86"]), ((7, 0), ["sm_75", "sm_80"])]
check(runs, by_torch, cases)

# %%
# The last digit is the minor number, so ``divmod`` by ten gives both. The minor number of the code may not be greater.

# Solution


def runs(capability, made):
    codes = [divmod(int(entry.removeprefix("sm_")), 10) for entry in made]
    return torch.tensor(
        any(major == capability[0] and minor <= capability[1] for major, minor in codes)
    )


report = check(runs, by_torch, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`cuda-initialization`, when CUDA does not start at all.
#
# - NVIDIA (2026). `CUDA GPUs <https://developer.nvidia.com/cuda-gpus>`__. The compute capability of each GPU.
# - PyTorch contributors (2026). `Previous versions
#   <https://pytorch.org/get-started/previous-versions/>`__. Commands for each release and each CUDA.

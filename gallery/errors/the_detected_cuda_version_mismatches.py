"""
.. _the-detected-cuda-version-mismatches:

RuntimeError: The detected CUDA version (12.1) mismatches the version that was used to compile PyTorch (11.7)
=============================================================================================================

A package with code for the GPU is being compiled, but the compiler ``nvcc`` that was found has another CUDA than torch.
Set ``CUDA_HOME`` to a toolkit of torch's CUDA, or install a torch for the CUDA of your toolkit.
"""

# %%
# Set-up

import contextlib
import importlib
import io
import logging
import os
import tempfile
from pathlib import Path
from unittest import mock

import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it warns where no GPU is
cpp_extension = importlib.import_module("torch.utils.cpp_extension")
FOR = torch.version.cuda or "13.0"  # the CUDA of torch
OLD = """RuntimeError:
The detected CUDA version (12.1) mismatches the version that was used to compile
PyTorch (11.7). Please make sure to use the same CUDA versions."""
GCC, NEW_GCC = map(cpp_extension.TorchVersion, ("11.4.0", "14.2.0"))


@contextlib.contextmanager
def toolkit(version, built=FOR):
    """Make a folder with an nvcc that does nothing but tell its version, and let CUDA_HOME lead to it."""
    with tempfile.TemporaryDirectory() as folder:
        nvcc = Path(folder, "bin", "nvcc")
        nvcc.parent.mkdir()
        nvcc.write_text(
            f"#!/bin/sh\necho Cuda compilation tools, release {version}, V{version}.105\n"
        )
        nvcc.chmod(0o755)
        home = mock.patch.object(cpp_extension, "CUDA_HOME", folder)
        with home, mock.patch.object(torch.version, "cuda", built):
            yield folder


# %%

with toolkit("11.7"), expect_error(RuntimeError, match="detected CUDA version"):
    cpp_extension._check_cuda_version("g++", GCC)
print(OLD)

# %%
# This is the check that torch runs before it compiles. Today's torch prints the message with ``%s`` and the two
# versions behind it, the compiler's first. The lines below are the words of older versions, quoted from a thread.
# The page made the ``nvcc``, which only tells a version.
#
# .. longer: 5 screens — each cause has a cell of its own
#
# ======================================================================  ============================================
# Usual cause                                                             Fix
# ======================================================================  ============================================
# :ref:`the system has another toolkit <detected-which>`                  ``CUDA_HOME``, or torch for this CUDA
# :ref:`no toolkit: CUDA_HOME is not set <detected-home>`                 install one, or a ready wheel
# :ref:`pip compiled against another torch <detected-isolation>`          ``--no-build-isolation``
# :ref:`the minor versions differ <detected-minor>`                       nothing: torch warns and goes on
# :ref:`the version of g++ is greater <detected-minor>`                   another ``g++`` by ``CXX``
# ======================================================================  ============================================
#
# .. _detected-which:
#
# Three versions of CUDA
# ----------------------
#
# ``torch.version.cuda`` is what torch was built with. ``nvcc --version`` is the toolkit that compiles extensions. A
# third version, that of ``nvidia-smi``, is the newest CUDA that the driver knows. The check does not look at it.
# torch takes the toolkit from ``CUDA_HOME`` or ``CUDA_PATH``, then from the ``nvcc`` in ``PATH``, then from
# ``/usr/local/cuda``.

print("torch was built with CUDA", FOR)
with toolkit("12.1") as folder:
    for name in ("CUDA_HOME", "CUDA_PATH"):
        with mock.patch.dict(os.environ, {"PATH": "", name: folder}):
            for other in {"CUDA_HOME", "CUDA_PATH"} - {name}:
                os.environ.pop(other, None)
            assert cpp_extension._find_cuda_home() == folder
    with mock.patch.dict(os.environ, PATH=f"{folder}/bin"):
        os.environ.pop("CUDA_HOME", None)
        os.environ.pop("CUDA_PATH", None)
        assert cpp_extension._find_cuda_home() == folder
        print(
            "found by PATH alone:", Path(cpp_extension._find_cuda_home(), "bin", "nvcc").is_file()
        )

# %%
# .. _detected-home:
#
# CUDA_HOME environment variable is not set
# -----------------------------------------
#
# No toolkit was found. The wheels of torch bring CUDA's libraries, but no compiler. If the package has a wheel for your
# torch, Python and CUDA, install it, and you need no toolkit. Otherwise install the toolkit of torch's CUDA, and set
# ``CUDA_HOME`` to the folder above ``bin/nvcc``.

with mock.patch.object(cpp_extension, "CUDA_HOME", None):
    with expect_error(OSError, match="CUDA_HOME environment variable is not set"):
        cpp_extension.CUDAExtension("points", ["points.cu"])
    with expect_error(RuntimeError, match="CUDA was not found on the system"):
        cpp_extension._check_cuda_version("g++", GCC)
with toolkit(FOR) as folder:
    extension = cpp_extension.CUDAExtension("points", ["points.cu"])
    assert f"{folder}/include" in extension.include_dirs

# %%
# .. _detected-isolation:
#
# pip takes another torch
# -----------------------
#
# ``pip install`` builds in an environment of its own, with the newest torch if the package asks for torch there. So the
# version in the message need not be that of *your* torch: compare it with ``torch.version.cuda``. The option
# ``--no-build-isolation`` makes pip build with the torch that you have.

message = "('The detected CUDA version (%s) mismatches ...', '12.1', '11.7')"
detected, compiled = message.split("'")[3::2]
print(f"nvcc {detected}, torch in the message {compiled}, your torch {FOR}")
print("another torch:", compiled != FOR)
assert (detected, compiled) == ("12.1", "11.7")

# %%
# .. _detected-minor:
#
# When do the versions fit?
# -------------------------
#
# The check refuses another major version. For another minor version, torch warns that most likely this is no problem. A
# second check compares the version of the C++ compiler with what the toolkit allows.


def verdict(version, built):
    logger, said = logging.getLogger("torch.utils.cpp_extension"), io.StringIO()
    with (
        toolkit(version, built),
        mock.patch.object(logger, "warning", lambda *given: said.write(given[0])),
    ):
        try:
            cpp_extension._check_cuda_version("g++", GCC)
        except RuntimeError:
            return "refused"
    return "warns" if "minor version mismatch" in said.getvalue() else "fits"


for version, built in (("12.1", "11.7"), ("12.1", "12.6"), ("12.6", "12.6")):
    print(f"nvcc {version}, torch {built}: {verdict(version, built)}")
assert verdict("12.1", "11.7") == "refused"
assert verdict("12.1", "12.6") == "warns"
assert verdict("12.6", "12.6") == "fits"
with toolkit("12.1", "12.1"), expect_error(RuntimeError, match="greater than the maximum"):
    cpp_extension._check_cuda_version("g++", NEW_GCC)

# %%
# .. use-this::
#
#    Look for a ready wheel of the package first. To compile, print ``torch.version.cuda``, install the toolkit of this
#    major version beside the old one, and run
#    ``CUDA_HOME=/path/to/toolkit pip install --no-build-isolation PACKAGE``. If you may not install a toolkit, take
#    a torch for the CUDA that ``nvcc --version`` shows. A toolkit costs some gigabytes, and needs no new driver.
#
# A common mistake
# ----------------
#
# Some threads advise to delete the check. The code is then compiled against other headers than those of torch's
# libraries, and may fail later, at the import or with wrong results. Writing another version into
# ``torch.version.cuda`` silences the check, too, because it compares two texts.

with toolkit("11.7"):
    torch.version.cuda = "11.7"  # the toolkit above puts it back
    cpp_extension._check_cuda_version("g++", GCC)
    print(
        "silent, and torch still has the CUDA of",
        torch.__config__.show().partition("CUDA_VERSION=")[2][:4],
    )
assert torch.version.cuda != "11.7"

# %%
# How this was checked

for version, built, wanted in (
    ("11.8", "12.1", "refused"),
    ("13.0", "12.6", "refused"),
    ("11.8", "11.3", "warns"),
    ("13.2", "13.0", "warns"),
    ("13.0", "13.0", "fits"),
):
    assert verdict(version, built) == wanted, (version, built)
# A folder without nvcc is named.
nowhere = mock.patch.object(cpp_extension, "CUDA_HOME", "nowhere")
with nowhere, expect_error(FileNotFoundError, match="nvcc not found at 'nowhere"):
    cpp_extension._check_cuda_version("g++", GCC)
# A torch without CUDA compares nothing.
with toolkit("11.7", built=None):
    cpp_extension._check_cuda_version("g++", GCC)

# %%
# Check yourself
# --------------

ask(
    "torch.version.cuda is 12.6, nvcc --version says 12.1. What does torch do?",
    answer=verdict("12.1", "12.6"),
    choices={
        "refused": "That needs another major version.",
        "warns": "Within a major version it warns, and compiles.",
        "fits": "It warns that the minor versions differ.",
    },
)

# %%
# The next question has two numbers.

with toolkit("10.1", "12.1"):
    try:
        cpp_extension._check_cuda_version("g++", GCC)
    except RuntimeError as error:
        names = dict(zip(error.args[1:], ("nvcc", "torch"), strict=True))
ask(
    "The message names 10.1 and 12.1. Whose version is 10.1?",
    answer=names["10.1"],
    choices={
        "nvcc": "The detected version is that of the compiler.",
        "torch": "The version of torch is the second one.",
    },
)

# %%
# **Exercise.** Write the check. Return a tensor: 0 where the versions fit, 1 where torch warns, 2 where it refuses.


def compare(version, built):
    raise NotImplementedError


def by_torch(version, built):
    return torch.tensor(["fits", "warns", "refused"].index(verdict(version, built)))


cases = [("12.1", "11.7"), ("12.1", "12.6"), ("12.10", "12.1"), ("13.0", "13.0"), ("9.2", "11.7")]
check(compare, by_torch, cases)

# %%
# Compare the whole texts, and then the parts before the point.

# Solution


def compare(version, built):
    if version == built:
        return torch.tensor(0)
    same_major = version.partition(".")[0] == built.partition(".")[0]
    return torch.tensor(1 if same_major else 2)


report = check(compare, by_torch, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`undefined-symbol`, when what was compiled does not fit the torch that loads it.
#
# - PyTorch contributors (2026). `torch.utils.cpp_extension
#   <https://docs.pytorch.org/docs/stable/cpp_extension.html>`__. How extensions are compiled.
# - NVIDIA (2026). `CUDA toolkit archive <https://developer.nvidia.com/cuda-toolkit-archive>`__. Each version of the
#   toolkit.

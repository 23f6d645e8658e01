"""
.. _cuda-initialization:

UserWarning: CUDA initialization: Unexpected error from cudaGetDeviceCount(), The NVIDIA driver is too old
==========================================================================================================

CUDA could not start, so ``torch.cuda.is_available()`` is False. The message says why: most often the driver is older
than the CUDA of your torch, or a service of the machine is missing.
"""

# %%
# Set-up

import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

SCRIPT = "import torch; print(torch.cuda.is_available()); torch.cuda.init()"
OLD = (
    "The NVIDIA driver on your system is too old (found version {}). Please update your GPU driver by downloading and "
    "installing a new version from the URL: http://www.nvidia.com/Download/index.aspx Alternatively, go to: "
    "https://pytorch.org to install a PyTorch version that has been compiled with your version of the CUDA driver."
)
UNEXPECTED = (
    "Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling NumCudaDevices() that "
    "might have already set an error? Error 36: API call is not supported in the installed CUDA driver"
)
OWN = 1000 * int((torch.version.cuda or "13.0").partition(".")[0])  # as a driver tells it
can_try = sys.platform == "linux" and platform.machine() == "x86_64" and torch.version.cuda
can_try = can_try and not torch.cuda.is_available()
WORDS = {
    3: "initialization error",
    35: "CUDA driver version is insufficient for CUDA runtime version",
    100: "no CUDA-capable device is detected",
    802: "system not yet initialized",
    803: "system has unsupported display driver / cuda driver combination",
    804: "forward compatibility was attempted on non supported HW",
    999: "unknown error",
}


def cuda_says(number):
    """Return CUDA's words for a number."""
    if not torch.version.cuda:
        return WORDS[number]
    return str(torch.cuda.CudaError(number)).removesuffix(f" ({number})")


def driver(version):
    """Write a library of two functions by hand, so that no compiler is needed: one returns 0, one tells a version."""
    tells = b"\xc7\x07" + struct.pack("<i", version)  # *argument = version
    functions = {"cuInit": b"\x31\xc0\xc3", "cuDriverGetVersion": tells + b"\x31\xc0\xc3"}
    names, symbols, code = b"\0libcuda.so.1\0", bytes(24), b""
    for name, body in functions.items():
        symbols += struct.pack("<IBBHQQ", len(names), 0x12, 0, 1, 0x200 + len(code), len(body))
        names, code = names + name.encode() + b"\0", code + body
    chains = struct.pack("<6I", 1, 3, 1, 0, 2, 0)  # one bucket with both symbols
    file, places, place = bytearray(0x2000), {}, 0x300
    file[0x200 : 0x200 + len(code)] = code
    for tag, table in {5: names, 6: symbols, 4: chains}.items():
        file[place : place + len(table)] = table
        places[tag], place = place, place + 0x80
    entries = [(14, 1), *places.items(), (10, len(names)), (11, 24), (0, 0)]
    dynamic = b"".join(struct.pack("<QQ", *entry) for entry in entries)
    file[0x1000 : 0x1000 + len(dynamic)] = dynamic
    kind = b"\x7fELF\2\1\1"
    file[:64] = struct.pack("<16sHHIQQQIHHHHHH", kind, 3, 62, 1, 0, 64, 0, 0, 64, 56, 4, 0, 0, 0)
    size = len(dynamic)
    segments = [
        (1, 5, 0, 0x1000),
        (1, 6, 0x1000, size),
        (2, 6, 0x1000, size),
        (0x6474E551, 6, 0, 0),
    ]
    for number, (what, rights, start, length) in enumerate(segments):
        align = 0x1000 if what == 1 else 8
        header = struct.pack("<IIQQQQQQ", what, rights, start, start, start, length, length, align)
        file[64 + 56 * number : 120 + 56 * number] = header
    return bytes(file)


def start_with(version):
    """Start CUDA with a driver that does nothing but tell its version; return the error and what is printed before."""
    if not can_try:  # quoted
        words = OLD.format(version) if version < OWN else UNEXPECTED
        return words, f"False\nUserWarning: CUDA initialization: {words}"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "libcuda.so.1").write_bytes(driver(version))
        path = os.environ.get("LD_LIBRARY_PATH")
        env = os.environ | {"LD_LIBRARY_PATH": f"{folder}:{path}" if path else folder}
        command = [sys.executable, "-c", SCRIPT]
        done = subprocess.run(command, env=env, capture_output=True, text=True)
    warned = re.search(r"UserWarning: CUDA initialization: (.*?)(?: \(Triggered|$)", done.stderr)[0]
    error = re.search(r"^RuntimeError: (.*)", done.stderr, re.MULTILINE)[1]
    return error, f"{done.stdout.strip()}\n{warned.partition(' (Triggered')[0]}"


# %%

too_old, with_old_driver = start_with(10010)
print(with_old_driver)
unexpected, printed = start_with(99000)
print(printed)
assert "driver on your system is too old (found version 10010)" in too_old

# %%
# The page made a driver that does nothing but tell its version, and torch says this of it. The number 10010 is
# CUDA 10.1. ``is_available()`` warns and returns False. A tensor on the GPU raises the same as an error. After
# *Unexpected error*, look at the number at the end.
#
# .. longer: 5 screens — each cause has a cell of its own
#
# ====================================================================  ================================================
# The message says                                                      Fix
# ====================================================================  ================================================
# :ref:`driver is too old, insufficient, 35 <initialization-old>`       a newer driver, or torch for an older CUDA
# :ref:`Error 802, system not yet initialized <initialization-number>`  start NVIDIA's fabric manager
# :ref:`Error 803 or 804 <initialization-number>`                       restart after an update of the driver
# :ref:`CUDA unknown error, 999 <initialization-unknown>`               restart, set variables before Python
# :ref:`Error 3, initialization error <initialization-number>`          see :ref:`cannot-re-initialize-cuda`
# :ref:`Found no NVIDIA driver <initialization-number>`                 see :ref:`torch-not-compiled-with-cuda-enabled`
# ====================================================================  ================================================
#
# .. _initialization-old:
#
# The driver is too old
# ---------------------
#
# ``nvidia-smi`` shows the newest CUDA that the driver knows, at the top on the right. It needs the major version of
# torch's CUDA, or a later one. Within one major version an older driver works too, but for some features. If you may
# not install a driver, take a torch that was built for an older CUDA. A toolkit (``nvcc``) plays no part.


def as_version(number):
    return f"{number // 1000}.{number % 1000 // 10}"


print("the driver knows CUDA", as_version(10010), "| torch was built for CUDA", torch.version.cuda)
print("RuntimeError: CUDA error:", cuda_says(35))
assert as_version(10010) == "10.1"
assert as_version(12040) == "12.4"

# %%
# .. _initialization-number:
#
# What the numbers mean
# ---------------------
#
# CUDA's own words are short. In threads, 802 came from a machine with NVSwitch (A100, H100 and later) whose
# ``nvidia-fabricmanager`` did not run, or ran in another version than the driver. The cause of 803 and 804 was a driver
# that was updated without a restart, or a ``libcuda`` in a container that did not fit the driver.

for number in WORDS:
    print(f"Error {number}: {cuda_says(number)}")
    assert cuda_says(number) == WORDS[number]
print("RuntimeError: cuda runtime error (802) : system not yet initialized")  # old wording, quoted

# %%
# .. _initialization-unknown:
#
# CUDA unknown error
# ------------------
#
# torch itself adds a hint to this error, the first line below. CUDA reads ``CUDA_VISIBLE_DEVICES`` when it
# starts, so set the variable before Python starts. If a new process says the same, the driver needs a restart. In
# threads this was met `after a machine had slept <https://github.com/pytorch/pytorch/issues/88639>`__. There ``sudo
# rmmod nvidia_uvm && sudo modprobe nvidia_uvm`` was enough. The second line is for a driver that fails to start.

parts = [
    "CUDA unknown error - this may be due to an incorrectly set up environment, e.g. changing env variable "
    "CUDA_VISIBLE_DEVICES after program start. Setting the available devices to be zero.",
    "CUDA driver initialization failed, you might not have a CUDA gpu.",
]
library = Path(torch.__file__).parent / "lib" / "libc10_cuda.so"
for part in parts:
    print("UserWarning: CUDA initialization:", part)
    assert not library.is_file() or part.encode() in library.read_bytes()

# %%
# Which part is it?
# -----------------
#
# Three questions tell the causes apart. Does the build have CUDA? Does ``nvidia-smi`` show the GPU, in the same
# container? Does a new process start CUDA? ``python -m torch.utils.collect_env`` prints the versions for a report.

# Measured on one machine: yours gives other answers.
print("build:      CUDA", torch.version.cuda)
print("nvidia-smi:", shutil.which("nvidia-smi") is not None)
print("CUDA starts:", torch.cuda.is_available())
assert torch.version.cuda or not torch.cuda.is_available()

# %%
# .. use-this::
#
#    Run ``nvidia-smi``. If it fails, repair the driver or the container, and leave torch alone. If it works, compare
#    its CUDA with ``torch.version.cuda``: update the driver, or install a torch for an older CUDA. Restart the
#    machine after an update of the driver. A torch for an older CUDA may lack code for a new GPU
#    (:ref:`cuda-capability-is-not-compatible`).
#
# A common mistake
# ----------------
#
# Code that falls back to the CPU goes on after this warning, and may train there for days. Stop instead where a GPU is
# needed. The cell runs both forms with the driver that is too old.

is_there = with_old_driver.startswith("True")
device = "cuda" if is_there else "cpu"
print("falls back to:", device)
with expect_error(AssertionError, match="no GPU"):
    assert is_there, "no GPU: see the warning above"
assert device == "cpu"

# %%
# How this was checked

# A driver of an earlier major version is too old, and one of torch's own is not.
for version in (OWN - 910, OWN):
    error, said = start_with(version)
    assert (f"too old (found version {version})" in error) == (version < OWN)
    assert said.startswith("False\nUserWarning: CUDA initialization: ")
assert too_old == OLD.format(10010)
assert unexpected == UNEXPECTED
for number, version in ((11080, "11.8"), (12010, "12.1"), (13000, "13.0")):
    assert as_version(number) == version

# %%
# Check yourself
# --------------

ask(
    "The message says: found version 11040. Which CUDA does the driver know?",
    answer=as_version(11040),
    choices={
        "11.4": "The number is 1000 times the major version, plus 10 times the minor.",
        "11.04": "The number holds the minor version times 10.",
        "1.10": "The first two digits are the major version.",
    },
)

# %%
# The next question is about a number.

ask(
    "The warning ends in: Error 802. What did CUDA say?",
    answer=cuda_says(802),
    choices={
        WORDS[802]: "A service of the machine does not run yet.",
        WORDS[35]: "That is number 35.",
        WORDS[100]: "That is number 100.",
    },
)

# %%
# **Exercise.** A driver reports its CUDA as in the message, and ``built`` is the CUDA of torch as a text, such as
# 12.6. Is the driver too old by its *major* version? Return a tensor with True or False.


def too_old_for(reported, built):
    raise NotImplementedError


def by_versions(reported, built):
    return torch.tensor(int(as_version(reported).split(".")[0]) < int(built.split(".")[0]))


cases = [(10010, "13.0"), (12040, "12.6"), (12080, "12.1"), (13000, "12.6"), (11080, "12.1")]
check(too_old_for, by_versions, cases)

# %%
# Divide by a thousand.

# Solution


def too_old_for(reported, built):
    return torch.tensor(reported // 1000 < int(built.partition(".")[0]))


report = check(too_old_for, by_versions, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`the-detected-cuda-version-mismatches`, another version of CUDA: that of the compiler.
#
# - NVIDIA (2026). `CUDA compatibility <https://docs.nvidia.com/deploy/cuda-compatibility/>`__. Which driver serves
#   which CUDA.
# - PyTorch contributors (2020). `A thread on error 802 <https://github.com/pytorch/pytorch/issues/35710>`__. The fabric
#   manager.

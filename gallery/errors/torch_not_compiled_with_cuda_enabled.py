"""
.. _torch-not-compiled-with-cuda-enabled:

AssertionError: Torch not compiled with CUDA enabled
====================================================

Your code asks for the device ``cuda``, but this torch was built without CUDA. Let the code take the device that exists,
or replace torch by a build for your GPU.
"""

# %%
# Set-up

import inspect
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import torch
from packaging.requirements import Requirement
from torch import nn

from ptguide.devices import pick_device
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

# What a build without CUDA lacks, and torch looks for: the page takes it away, in a Python of its own.
WITHOUT_CUDA = "import torch; vars(torch._C).pop('_cuda_getDeviceCount', None); "


def run(code, **variables):
    """Run code in a new Python, and return the last line of what it says."""
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | variables)
    return (done.stdout + done.stderr).strip().splitlines()[-1]


# %%

message = run(WITHOUT_CUDA + "torch.ones(2, 3, device='cuda')")
print(message)
assert message == "AssertionError: Torch not compiled with CUDA enabled"

# %%
# (A build without CUDA is imitated here: the page takes away the function by which torch knows it. A real one, torch
# 2.13.0+cpu, says the same; that was run once by hand.) The messages of the table are easily confused. Each names
# another thing that does not fit: the build, the driver, the GPU, or its number.
#
# .. longer: 5 screens — each message has a cell of its own
#
# ==============================================================================  ====================================
# The message says                                                                Fix
# ==============================================================================  ====================================
# :ref:`Torch not compiled with CUDA enabled <cuda-build>`                        ``pick_device()``, or another build
# :ref:`Found no NVIDIA driver on your system <cuda-driver>`                      ``pick_device()``, or the driver
# :ref:`The NVIDIA driver on your system is too old <cuda-driver>`                a newer driver, or an older CUDA
# :ref:`No CUDA GPUs are available <cuda-visible>`                                ``CUDA_VISIBLE_DEVICES``
# :ref:`invalid device ordinal <cuda-visible>`                                    a number that exists
# :ref:`no kernel image is available for execution on the device <cuda-visible>`  a build for this GPU
# :ref:`Torch not compiled with XPU enabled <cuda-others>`                        the device of your machine
# ==============================================================================  ====================================
#
# .. _cuda-build:
#
# The rule
# --------
#
# Four things are needed to compute on a GPU of NVIDIA. The build has CUDA. The machine has a driver that is new enough.
# The program sees the GPU. The build has code for this model of GPU. The first that is missing gives the message.

# Varies with the machine
print("built with CUDA", torch.version.cuda)
print("GPUs visible   ", torch.cuda.device_count())
print("usable         ", torch.cuda.is_available())
print("made for       ", torch.cuda.get_arch_list() or "(no GPU)")
assert torch.cuda.is_available() == (torch.cuda.device_count() > 0)
assert torch.backends.cuda.is_built() or not torch.cuda.is_available()

# %%
# .. use-this::
#
#    Ask torch for the device once, as below, and write no ``"cuda"`` and no ``.cuda()`` elsewhere. The code then also
#    runs where there is no GPU, but slowly, and without a warning. If training without a GPU makes no sense, stop at
#    the beginning with ``assert torch.cuda.is_available()``. :ref:`check-the-installation` says which build
#    you need. On Windows and macOS the plain ``pip install torch`` brings a build without CUDA.
#
# Take the device that there is
# -----------------------------
#
# The first line finds the device. On a Mac with an Apple chip it is ``mps``. ``pick_device`` of this guide gives the
# same, unless the variable ``PTGUIDE_DEVICE`` names another.

device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
model = nn.Linear(3, 4).to(device)
batch = torch.ones(5, 3).to(device)
assert model(batch).device.type == device.type
print("computed:", tuple(model(batch).shape))

# %%
# .. _cuda-driver:
#
# The driver is missing or too old
# --------------------------------
#
# The build has CUDA, but finds no driver, so installing torch again does not help. The machine has no GPU of NVIDIA,
# or the driver is not installed, or a container was started without ``--gpus all``. The message about an old
# driver names its version. On a machine with a GPU, nothing is raised in this cell.

wanted = "NVIDIA driver|No CUDA GPUs|not compiled"
if not torch.cuda.is_available():
    with expect_error((RuntimeError, AssertionError), match=wanted):  # only on a CPU
        torch.ones(2, 3, device="cuda")

# %%
# .. _cuda-visible:
#
# No GPU is visible, or not that one
# ----------------------------------
#
# ``CUDA_VISIBLE_DEVICES=2,3`` shows a program two GPUs of a machine, and numbers them from 0. So ``cuda:1`` is GPU 3 in
# CUDA's order. ``nvidia-smi`` has the same order if ``CUDA_DEVICE_ORDER=PCI_BUS_ID`` is set. An empty variable hides
# the GPUs, and "No CUDA GPUs are available" follows. The last two lines are CUDA's words for a number that is too
# large, and for a GPU that the build has no code for.

for value in ("2,3", "0", "", "-1"):
    with mock.patch.dict(os.environ, CUDA_VISIBLE_DEVICES=value):
        print(f"{value!r:6} shows the GPUs", torch.cuda._parse_visible_devices())
if torch.version.cuda:
    for number, words in {
        101: "invalid device ordinal",
        209: "no kernel image is available",
    }.items():
        print(torch.cuda.CudaError(number))
        assert words in str(torch.cuda.CudaError(number))
hidden = run("import torch; print(torch.cuda.device_count())", CUDA_VISIBLE_DEVICES="")
assert hidden == "0" or torch.version.hip

# %%
# .. _cuda-others:
#
# Other GPUs
# ----------
#
# GPUs of Intel are called ``xpu`` and those of Apple ``mps``. A build can lack these, too, and then it says so in
# similar words. GPUs of AMD are called ``cuda`` in a build for ROCm; ``torch.version.hip`` then names the version.

if not torch.xpu._is_compiled():
    with expect_error(AssertionError, match="Torch not compiled with XPU enabled"):
        torch.ones(2, 3, device="xpu")
if not torch.backends.mps.is_built():
    with expect_error(RuntimeError, match="not linked with support for mps devices"):
        torch.ones(2, 3).to("mps")

# %%
# A common mistake
# ----------------
#
# ``pip install torch`` again changes nothing: pip finds a torch that fits, and stops. A build for the CPU also fits if
# you name the version, because the part behind the plus sign is not compared. Another package index alone does not help
# either (run by hand). Run ``pip uninstall torch`` first, and then the command that pytorch.org shows for your system.

for asked in ("torch", "torch==2.14.1", "torch==2.14.1+cu130"):
    fits = Requirement(asked).specifier.contains("2.14.1+cpu")
    print(f"{asked:20} is installed already: {fits}")
    assert fits == ("+" not in asked)

# %%
# How this was checked

# The messages stand in the source of the installed torch: two in its Python, the others in its library.
source = inspect.getsource(torch.cuda._lazy_init)
assert 'raise AssertionError("Torch not compiled with CUDA enabled")' in source
assert source.index("not compiled with CUDA") < source.index("torch._C._cuda_init()")
if torch.version.cuda and os.name != "nt":
    library = Path(torch.__file__).parent.joinpath("lib", "libc10_cuda.so").read_bytes()
    for words in (
        b"Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU",
        b"The NVIDIA driver on your system is too old (found version ",
        b"No CUDA GPUs are available",
    ):
        assert words in library
    assert b"not compiled with CUDA enabled" not in library
# Other calls that need CUDA raise the same in a build without it, and is_available() says False.
calls = [
    "torch.ones(2).cuda()",
    "torch.ones(2).to('cuda')",
    "torch.nn.Linear(2, 3).cuda()",
    "torch.cuda.current_device()",
    "torch.cuda.get_device_name()",
]
trying = f"""
messages = set()
for call in {calls}:
    try:
        eval(call)
    except AssertionError as error:
        messages.add(str(error))
    else:
        messages.add("no error")
print(messages, torch.cuda.is_available())
"""
assert run(WITHOUT_CUDA + trying) == "{'Torch not compiled with CUDA enabled'} False"
# These do not touch a GPU, and work anywhere.
assert torch.device("cuda:7").index == 7
assert pick_device().type == device.type or "PTGUIDE_DEVICE" in os.environ
# A name that does not exist at all.
with expect_error(RuntimeError, match="Expected one of cpu, cuda,"):
    torch.device("gpu")
# The second of the visible GPUs.
with mock.patch.dict(os.environ, CUDA_VISIBLE_DEVICES="2,3"):
    assert torch.cuda._parse_visible_devices()[1] == 3

# %%
# Check yourself
# --------------

answers = {
    "build": message,
    "driver": "RuntimeError: Found no NVIDIA driver on your system.",
    "GPU": "RuntimeError: No CUDA GPUs are available",
}
(missing,) = (name for name, text in answers.items() if "not compiled" in text)
ask(
    "The message is: Torch not compiled with CUDA enabled. nvidia-smi shows your GPU and its driver. What is missing?",
    answer=missing,
    choices={
        "build": "This torch was built without CUDA: install another one.",
        "driver": "nvidia-smi is part of the driver, and torch did not even ask for it.",
        "GPU": "torch asks for GPUs after it has asked for the build.",
    },
)

# %%
# The next question asks about the numbers.

with mock.patch.dict(os.environ, CUDA_VISIBLE_DEVICES="5,2"):
    shown = torch.cuda._parse_visible_devices()
ask(
    "CUDA_VISIBLE_DEVICES is 5,2. Which GPU of the machine is cuda:1?",
    answer=shown[1],
    choices={
        1: "It is not among the visible ones. torch numbers those that it sees.",
        2: "It is the second in the list.",
        5: "That is cuda:0.",
    },
)

# %%
# **Exercise.** Say which GPU of the machine is meant. ``visible`` is the text of ``CUDA_VISIBLE_DEVICES``: different
# numbers with commas, or nothing. ``index`` is the number in ``cuda:index``. Return a tensor: the number of the GPU, or
# -1 where torch would raise an error.


def gpu_of(visible, index):
    raise NotImplementedError


def by_torch(visible, index):
    with mock.patch.dict(os.environ, CUDA_VISIBLE_DEVICES=visible):
        shown = torch.cuda._parse_visible_devices()
    return torch.tensor(shown[index] if index < len(shown) else -1)


cases = [("2,3", 0), ("2,3", 1), ("2,3", 2), ("", 0), ("7", 0), ("7", 7), ("12,5,0", 2)]
check(gpu_of, by_torch, cases)

# %%
# ``"".split(",")`` gives a list with an empty text, so leave that out.

# Solution


def gpu_of(visible, index):
    shown = [int(number) for number in visible.split(",") if number]
    return torch.tensor(shown[index] if index < len(shown) else -1)


report = check(gpu_of, by_torch, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`deserialize-object-on-a-cuda-device`, the same trouble with a file from a machine that has a GPU.
#
# - PyTorch contributors (2026). `Start locally <https://pytorch.org/get-started/locally/>`__. The command for your
#   system and your GPU.
# - Chintala (2019). `An answer to this message <https://github.com/pytorch/pytorch/issues/28111>`__. If you did not
#   write the code, ask its authors: it demands CUDA.

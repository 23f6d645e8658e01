"""
.. _undefined-symbol:

ImportError: undefined symbol, OSError: [WinError 126] The specified module could not be found, when torch is imported
=======================================================================================================================

A library that torch needs was found in another version, or not at all. Find out which file was loaded; a new
environment with nothing but torch is the quickest fix.
"""

# %%
# Set-up

import ctypes
import inspect
import mmap
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from ptguide.errors import expect_error
from ptguide.questions import ask

LIB = Path(torch.__file__).parent / "lib"
NCCL = LIB.parents[1] / "nvidia" / "nccl" / "lib" / "libnccl.so.2"
QUOTED = (
    "ImportError: /envs/yolov10/lib/python3.9/site-packages/torch/lib/libtorch_cuda.so: undefined symbol: "
    "ncclCommRegister\n"
    "ImportError: /opt/conda/envs/geo/lib/python3.10/site-packages/torch/lib/libtorch_cpu.so: undefined symbol: "
    "iJIT_NotifyEvent\n"
    "ImportError: /usr/local/lib/python3.10/dist-packages/torch/lib/../../nvidia/cusparse/lib/libcusparse.so.12: "
    "undefined symbol: __nvJitLinkComplete_12_4, version libnvJitLink.so.12"
)
WINDOWS = (
    'OSError: [WinError 126] The specified module could not be found. Error loading "venv\\Lib\\site-packages\\torch\\'
    'lib\\fbgemm.dll" or one of its dependencies.'
)
MANGLED = "_ZN5torch4cuda4nccl6detail16throw_nccl_errorE12ncclResult_t"
# A function of torch that its small library libshm.so calls.
CALLED = (
    "_ZN3c106detail14torchCheckFailEPKcS2_jRKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
)


def renamed(source, target, old, new):
    """Copy a library, and give one of the functions in it another name."""
    shutil.copyfile(source, target)
    old, new = old.encode() + b"\0", new.encode() + b"\0"
    with open(target, "r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        while (place := content.find(old)) >= 0:
            content[place : place + len(old)] = new.ljust(len(old), b"\0")
    return str(target)


def import_torch(**variables):
    """Import torch in a new Python, and return the last line that it says."""
    command = [sys.executable, "-c", "import torch; print('torch was imported')"]
    env = os.environ | variables
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    return (done.stdout + done.stderr).strip().splitlines()[-1].replace(str(LIB.parents[1]), "...")


on_linux = sys.platform == "linux"
first = "ImportError: .../torch/lib/libtorch_cuda.so: undefined symbol: ncclCommRegister"
path_alone = complete = "torch was imported"
if on_linux and NCCL.is_file():  # in a build without CUDA, the message is quoted
    with tempfile.TemporaryDirectory() as folder:
        library = renamed(NCCL, Path(folder, NCCL.name), "ncclCommRegister", "ncclCommRegistry")
        first = import_torch(LD_PRELOAD=library)
        path = os.environ.get("LD_LIBRARY_PATH")
        path_alone = import_torch(LD_LIBRARY_PATH=f"{folder}:{path}" if path else folder)
        complete = import_torch(LD_PRELOAD=str(NCCL))

# %%

print(first)
assert "libtorch_cuda.so: undefined symbol: ncclCommRegister" in first

# %%
# ``libtorch_cuda.so`` needs NCCL. The page copied this library, gave one of its functions another name, and let the
# system load the copy first. Read the message from its end: the name of the symbol says whose library is wrong.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# .. no exercise: — the error comes before the first line that a reader could write
#
# ====================================================================  ==============================================
# The message ends in                                                   Fix
# ====================================================================  ==============================================
# :ref:`_ZN5torch..., _ZN2at..., _ZN3c10... <symbol-extension>`         install the extension again, for this torch
# :ref:`nccl..., cudnn..., __nvJitLink... <symbol-file>`                remove the other NCCL, cuDNN or CUDA
# :ref:`iJIT_NotifyEvent <symbol-file>`                                 ``mkl`` before 2024.1
# :ref:`cannot open shared object file <symbol-missing>`                install torch with its dependencies
# :ref:`[WinError 126], fbgemm.dll <symbol-windows>`                    Microsoft's Visual C++, or a newer torch
# ====================================================================  ==============================================
#
# .. not looked up: 2024.1 — the version that a thread names, linked below
#
# .. _symbol-file:
#
# Which file was loaded?
# ----------------------
#
# ``ldd`` lists the file that the system takes for each library. A path outside of your environment is the suspect. Then
# look into ``pip list`` and ``conda list`` for a second package of the same kind, such as ``nvidia-nccl-cu12`` beside
# ``nvidia-nccl-cu13``, and clear ``LD_LIBRARY_PATH`` and ``LD_PRELOAD``.

line = "libnccl.so.2 => .../torch/lib/../../nvidia/nccl/lib/libnccl.so.2"  # what ldd says of today's wheels
if NCCL.is_file() and shutil.which("ldd"):
    done = subprocess.run(["ldd", LIB / "libtorch_cuda.so"], capture_output=True, text=True)
    line = next(line for line in done.stdout.splitlines() if "nccl" in line).split(" (")[0].strip()
print(line.replace(str(LIB.parents[1]), "..."))
assert Path(line.split(" => ")[1].replace("...", str(LIB.parents[1]))).is_file() == NCCL.is_file()
print(QUOTED)

# %%
# The last three lines are quoted from threads. For the first two the cause was a second package: `an NCCL of another
# version <https://github.com/pytorch/pytorch/issues/119932>`__, and `mkl 2024.1
# <https://github.com/pytorch/pytorch/issues/123097>`__, which lacks the function. The third came from `a folder of
# another CUDA <https://github.com/pytorch/pytorch/pull/141063>`__ in ``LD_LIBRARY_PATH``. Today's wheels name their own
# folders first, and a folder with the other NCCL did no harm here.

print("LD_LIBRARY_PATH alone:", path_alone)
print("LD_PRELOAD:           ", first.rpartition(": ")[2])
assert path_alone == "torch was imported"

# %%
# .. _symbol-extension:
#
# A symbol of torch itself
# ------------------------
#
# ``_ZN`` begins a name of C++, and each part of it has its length in front. If it begins with ``torch``, ``at`` or
# ``c10``, an extension was compiled for another torch. The file in the message is the extension. Install it again after
# torch. Here the page copies a small library, and lets it call a function that this torch does not have.


def readable(name):
    """Return the parts of a mangled name."""
    rest, parts = name.removeprefix("_ZN"), []
    while length := re.match(r"\d+", rest):
        start, end = length.end(), length.end() + int(length[0])
        parts.append(rest[start:end])
        rest = rest[end:]
    return "::".join(parts)


print(MANGLED, "is", readable(MANGLED))
said = f".../ext.so: undefined symbol: {MANGLED}"
if on_linux:
    with tempfile.TemporaryDirectory() as folder:
        extension = renamed(LIB / "libshm.so", Path(folder, "ext.so"), CALLED, MANGLED)
        try:
            ctypes.CDLL(extension)
        except OSError as error:
            said = str(error).replace(folder, "...")
print("ImportError:", said)
assert said == f".../ext.so: undefined symbol: {MANGLED}"
assert readable(MANGLED) == "torch::cuda::nccl::detail::throw_nccl_error"

# %%
# .. _symbol-missing:
#
# cannot open shared object file
# ------------------------------
#
# The library is not there. Its number begins with the major version of CUDA. A package that asks for another number
# than the one that torch has loaded was built for another CUDA. If torch itself lacks a library, it was installed
# without its dependencies.

with expect_error(OSError, match="cannot open shared object file"):
    ctypes.CDLL("libcudart.so.11.0")
maps = Path("/proc/self/maps")
if maps.is_file() and torch.version.cuda:
    print(
        "loaded by torch:",
        *sorted(set(re.findall(r"(libcudart\.so[.\d]*)$", maps.read_text(), re.M))),
    )
    print("torch is for CUDA", torch.version.cuda)

# %%
# .. _symbol-windows:
#
# WinError 126 on Windows
# -----------------------
#
# The named file may exist, but one of *its* libraries is missing. With ``fbgemm.dll`` it was ``libomp140.x86_64.dll``,
# in torch 2.4.0 (`issue 131662 <https://github.com/pytorch/pytorch/issues/131662>`__). Install Microsoft's Visual C++
# Redistributable for x64, or a newer torch. The first line is quoted from a thread, the others from torch's source.

print(WINDOWS)
source = inspect.getsource(torch)
for words in ("Error loading", "Microsoft Visual C\\+\\+ Redistributable is not"):
    line = re.search(f".*{words}.*", source)[0].strip()
    print(line)

# %%
# .. use-this::
#
#    Make a new environment, install torch in it with the command of pytorch.org and nothing else, and import it. If
#    that works, add your packages one by one. The one after which the import fails brings the other library. Install
#    CUDA's libraries by pip or by conda, not by both. A new environment costs a download of some gigabytes.
#
# A common mistake
# ----------------
#
# Some threads advise to link another library under the missing name, or to download a DLL. The name is then found, but
# the functions in the file are others. The first message on this page came from such a file, whose name was right.

print("the page's file was called", "libnccl.so.2")
print("what it lacked:           ", first.rpartition(": ")[2])
assert first.endswith("ncclCommRegister")

# %%
# How this was checked

for name, wanted in {
    "_ZN2at6detail10noopDeleteEPv": "at::detail::noopDelete",
    "_ZN3c105ErrorC2E": "c10::Error",
    "ncclCommRegister": "",
}.items():
    assert readable(name) == wanted
# NCCL itself does no harm when it is loaded first, and the small library is found complete: the names were the cause.
assert complete == "torch was imported"
if on_linux:
    assert b"\0" + CALLED.encode() + b"\0" in (LIB / "libshm.so").read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        assert ctypes.CDLL(shutil.copy(LIB / "libshm.so", folder))

# %%
# Check yourself
# --------------

ask(
    "The message ends in: undefined symbol: _ZN3c105ErrorC2E. Whose function is missing?",
    answer=readable("_ZN3c105ErrorC2E").split("::")[0],
    choices={
        "c10": "That is a part of torch. An extension was compiled for another torch.",
        "nccl": "Those names begin with nccl.",
        "mkl": "The letters after _ZN and the length say c10.",
    },
)

# %%
# The next question has the name of a file.

fits = {}
for cuda in ("11.8", "12.6"):
    fits[cuda] = f"an extension for CUDA {cuda.partition('.')[0]}"
ask(
    "An extension says: libcudart.so.11.0: cannot open shared object file. torch.version.cuda is 12.6. "
    "Which fits torch?",
    answer=fits["12.6"],
    choices={
        "an extension for CUDA 12": "The library then is libcudart.so.12, which torch has loaded.",
        "an extension for CUDA 11": "That is what fails.",
    },
)

# %%
# Read next
# ---------
#
# :ref:`backward-through-the-graph-a-second-time`, the first of the errors of graphs.
#
# - Linux man-pages project (2026). `ld.so <https://man7.org/linux/man-pages/man8/ld.so.8.html>`__. In which order
#   libraries are looked for.
# - ptrblck (2026). `An answer on two NCCL packages <https://github.com/pytorch/pytorch/issues/186591>`__. Uninstall the
#   one of the other CUDA.

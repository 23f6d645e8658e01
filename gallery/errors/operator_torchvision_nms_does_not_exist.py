"""
.. _operator-torchvision-nms-does-not-exist:

RuntimeError: operator torchvision::nms does not exist
======================================================

The compiled part of torchvision could not be loaded, most likely because it was built for another torch than yours.
Install the two together, in one command.
"""

# %%
# Set-up

import ctypes
import importlib.metadata
import inspect
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import torchvision
from packaging.requirements import Requirement

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

# What happens when the library does not fit: it cannot be loaded, and torchvision says nothing of it.
CANNOT_LOAD = """
import torch
def load_library(path):
    raise OSError("undefined symbol")
torch.ops.load_library = load_library
"""


def run(code, **variables):
    """Run code in a new Python, and return the lines that it says."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | variables)
    return (done.stdout + done.stderr).strip().splitlines()


# %%

message = run(CANNOT_LOAD + "import torchvision")[-1]
print(message)
assert message == "RuntimeError: operator torchvision::nms does not exist"

# %%
# (The page makes the loading fail, in a Python of its own. torchvision 0.29.1 beside torch 2.13.0 says the same; that
# was run once by hand.) ``nms`` is the first operator that torchvision registers without asking whether its library was
# loaded. So the name says nothing about your code.
#
# .. longer: 6 screens — each message has a cell of its own
#
# ==============================================================================  ==================================
# The message says                                                                Fix
# ==============================================================================  ==================================
# :ref:`operator torchvision::nms does not exist <nms-fits>`                      install both, from one place
# :ref:`compiled with different CUDA major versions <nms-builds>`                 the same
# :ref:`compiled using NumPy 1.x cannot be run in NumPy 2 <nms-numpy>`            a newer module, or NumPy 1
# :ref:`Numpy is not available <nms-numpy>`                                       a newer torch, or install NumPy
# :ref:`libcudart.so: cannot open shared object file <nms-library>`               one source for both
# :ref:`DLL load failed, Error loading "....dll" <nms-library>`                   Visual C++ Redistributable
# ==============================================================================  ==================================
#
# .. _nms-fits:
#
# The rule
# --------
#
# A package says in its metadata which versions of torch it accepts. The cell lists packages that need torch, and says
# whether the installed torch fits. ``python -m pip check`` compares them, too.


def packages_on_torch(torch_version):
    """List what is installed and needs torch, with what it asks for and whether that fits."""
    found = {}
    for package in importlib.metadata.distributions():
        for text in package.requires or ():
            need = Requirement(text)
            if need.name == "torch" and "extra" not in str(need.marker):
                fits = need.specifier.contains(torch_version, prereleases=True)
                found[f"{package.name} {package.version}"] = (str(need), fits)
    return found


for package, (need, fits) in sorted(packages_on_torch(torch.__version__).items()):
    if package.startswith("torch"):
        print(f"{package:20} needs {need:15} fits: {fits}")
    assert fits

# %%
# Which versions belong together?
# -------------------------------
#
# torchvision carries a table of the pairs that were made together, in the description of the installed package. Here
# are four of its rows. If your torch is newer than the table, take the newest torchvision.

about = importlib.metadata.metadata("torchvision")
pairs = re.findall(r"`(2\.\d+)`\s*\| `(0\.\d+)`", about.get_payload() or about["Description"])
for release, fitting in pairs[:4]:
    print(f"torch {release}   torchvision {fitting}")
assert len(pairs) >= 10

# %%
# .. _nms-builds:
#
# The versions fit, and the builds do not
# ---------------------------------------
#
# A torchvision built for CUDA needs libraries that a torch for the CPU lacks. The versions agree, and the message is
# the same. (That was run by hand, with torchvision 0.28.0 and torch 2.13.0+cpu.) Set the variable
# ``TORCHVISION_WARN_WHEN_EXTENSION_LOADING_FAILS``, and torchvision says what could not be loaded. Two versions of
# CUDA have a message of their own, quoted here from the installed torchvision.

told = run(CANNOT_LOAD + "import torchvision", TORCHVISION_WARN_WHEN_EXTENSION_LOADING_FAILS="1")
print(next(line for line in told if "Failed to load" in line).partition("Warning: ")[2])
source = inspect.getsource(torchvision.extension)
print(re.search(r'"(Detected that PyTorch and torchvision [^"]*?) ?"', source)[1])

# %%
# .. _nms-numpy:
#
# NumPy 1 and NumPy 2
# -------------------
#
# A module that was compiled for NumPy 1 looks for a name that NumPy 2 has moved. Get a newer version of that module:
# the traceback with the message names it. If it has no newer version, install NumPy 1. Torch itself may be that module,
# because its first release for NumPy 2 is torch 2.3. An older torch can be imported, and then ``numpy()`` raises (not
# run here). The same is raised where NumPy is missing, as the second line shows.

said = run("from numpy.core._multiarray_umath import _ARRAY_API")
print(next(line for line in said if "compiled using NumPy 1.x" in line), "...")
said = run("import sys; sys.modules['numpy'] = None; import torch; torch.ones(2).numpy()")
print(said[-1])
assert said[-1] == "RuntimeError: Numpy is not available"

# %%
# .. _nms-library:
#
# A library of the system is missing
# ----------------------------------
#
# The loader of Linux says "cannot open shared object file". Where the file is ``libcudart``, a package was built for a
# CUDA that is not here. Do not install CUDA for it. Install the package in the version that fits your torch, which
# brings a CUDA of its own. On Windows the missing part can be Microsoft's Visual C++ Redistributable. That message is
# quoted from the installed torch.

if sys.platform == "linux":
    with expect_error(OSError, match="cannot open shared object file"):
        ctypes.CDLL("libcudart.so.10.9")
windows = [
    line.strip() for line in inspect.getsource(torch).splitlines() if "Redistributable" in line
]
print(windows[0])

# %%
# .. use-this::
#
#    Install torch and torchvision in one command, with the index that `pytorch.org
#    <https://pytorch.org/get-started/locally/>`__ shows, and upgrade them in one command, too. If they are mixed up
#    already, uninstall both first. Then run ``python -m pip check``. It does not compare builds, so import torchvision
#    as well. If you do not need torchvision, uninstall it. The price of a new environment is a download of gigabytes
#    for CUDA.
#
# A common mistake
# ----------------
#
# ``pip install --upgrade torch`` leaves torchvision as it is. The metadata of torchvision may even allow the newer
# torch, because a lower limit says nothing about what comes later. The cell shows what two releases require, and which
# torch each allows.

for need in ("torch==2.13.0", "torch>=2.14.0"):  # of torchvision 0.28.0 and 0.29.2
    allowed = [
        v for v in ("2.12.0", "2.13.0", "2.14.1", "2.15.0") if v in Requirement(need).specifier
    ]
    print(f"{need:14} allows {', '.join(allowed)}")
assert len(allowed) == 2

# %%
# Which environment is it?
# ------------------------
#
# Two torches on one machine are easily mixed up. In the script that fails, print from which folder each package is
# loaded. With torch and torchvision from pip, it should be one folder. See :ref:`no-module-named-torch`.

folders = {module.__name__: Path(module.__file__).parents[1] for module in (torch, torchvision)}
print("one folder for both:", len(set(folders.values())) == 1)
assert folders["torch"].is_dir()

# %%
# How this was checked

# The installed pair fits, and its library is loaded: the operator works.
boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])
kept = torchvision.ops.nms(boxes, scores=torch.tensor([0.9, 0.8, 0.7]), iou_threshold=0.5)
assert kept.tolist() == [0, 2]
release, fitting = (module.__version__.split("+")[0] for module in (torch, torchvision))
assert f"torchvision {fitting}" in packages_on_torch(torch.__version__)
assert int(fitting.split(".")[1]) == int(release.split(".")[1]) + 15
# A pair that does not fit is found: an environment is imitated, with the metadata of another torchvision.
with tempfile.TemporaryDirectory() as folder:
    info = Path(folder, "torchvision-0.28.0.dist-info")
    info.mkdir()
    info.joinpath("METADATA").write_text(
        "Metadata-Version: 2.1\nName: torchvision\nVersion: 0.28.0\nRequires-Dist: torch==2.13.0\n"
    )
    sys.path.insert(0, folder)
    try:
        assert packages_on_torch("2.14.1")["torchvision 0.28.0"] == ("torch==2.13.0", False)
        assert packages_on_torch("2.13.0")["torchvision 0.28.0"] == ("torch==2.13.0", True)
        # The part behind the plus sign is not compared, so that the builds may differ.
        assert packages_on_torch("2.13.0+cpu")["torchvision 0.28.0"][1]
        assert packages_on_torch("2.13.0+cu130")["torchvision 0.28.0"][1]
    finally:
        sys.path.remove(folder)
# An import that fails for this reason fails again, and torchvision is not there.
twice = (
    "\ntry:\n    import torchvision\nexcept RuntimeError:\n    print('first')\nimport torchvision"
)
said = run(CANNOT_LOAD + twice)
assert said[0] == "first"
assert "does not exist" in said[-1]
# The same error for an operator of any library that was not loaded.
with expect_error(RuntimeError, match="operator nobody::made does not exist"):
    torch.library.register_fake("nobody::made")(lambda *inputs: None)

# %%
# Check yourself
# --------------

wanted = "torch==2.13.0"
tried = {v: v in Requirement(wanted).specifier for v in ("2.13.0+cpu", "2.13.1", "2.14.0")}
(fitting,) = (v for v, fits in tried.items() if fits)
ask(
    f"A package asks for {wanted}. Which of these satisfies it for pip?",
    answer=fitting,
    choices={
        "2.13.0+cpu": "The part behind the plus sign is not compared. Whether the builds fit is another question.",
        "2.13.1": "Two equal signs ask for this number and no other.",
        "2.14.0": "It is newer than what is asked for.",
    },
)

# %%
# The next question asks about the word in the message.

says = run(CANNOT_LOAD + "import torchvision.transforms")[-1]
ask(
    "Your script uses torchvision.transforms, and it does not use nms. The library of torchvision cannot be loaded. "
    "What happens at import torchvision.transforms?",
    answer="the message about nms" if "torchvision::nms does not exist" in says else "nothing",
    choices={
        "the message about nms": "The parent package, torchvision, is imported first, and it registers nms.",
        "nothing": "The parent package is imported too, and its operators are registered there.",
    },
)

# %%
# **Exercise.** Which torchvision was made with which torch? From torch 2.0, which came with torchvision 0.15, both have
# counted up together. Given the second number of torch, as a tensor, return the second number of torchvision.


def partner(minor):
    raise NotImplementedError


table = {int(t.split(".")[1]): int(v.split(".")[1]) for t, v in pairs}


def by_table(minor):
    return torch.tensor(table[minor.item()])


cases = [(torch.tensor(minor),) for minor in sorted(table)]
check(partner, by_table, cases)

# %%
# Compare two rows of the table: the difference does not change.

# Solution


def partner(minor):
    return minor + 15


report = check(partner, by_table, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`old-code`, when both are installed, and a name in them is missing.
#
# - PyTorch contributors (2026). `torchvision: installation
#   <https://github.com/pytorch/vision#installation>`__. The table of versions that belong together.
# - Gommers (2024). `A comment on NumPy 2 and torch <https://github.com/pytorch/pytorch/issues/132179>`__. The first
#   release of torch that supports NumPy 2.
# - NumPy developers (2024). `NumPy 2.0 migration guide
#   <https://numpy.org/doc/stable/numpy_2_0_migration_guide.html>`__. What changed for modules that use NumPy.

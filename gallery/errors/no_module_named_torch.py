"""
.. _no-module-named-torch:

ModuleNotFoundError: No module named 'torch'
============================================

PyTorch is not installed, or it is installed for another Python than the one that runs your script. Install it with the
Python that runs: ``python -m pip install torch``.
"""

# %%
# Set-up

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import torch

from ptguide.errors import expect_error
from ptguide.questions import ask


def run(python, *arguments, folder=None):
    """Run a Python and return the last line of what it says."""
    done = subprocess.run([python, *arguments], cwd=folder, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().splitlines()[-1]


def run_in_new_environment(code):
    """Make an environment without packages, run code in it, and return the last line of what it says."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, symlinks=os.name != "nt")
        other = venv.EnvBuilder().ensure_directories(folder).env_exe
        assert Path(run(other, "-I", "-c", "import sys; print(sys.prefix)")).samefile(folder)
        return run(other, "-I", "-c", code)


# %%

message = run_in_new_environment("import torch")
print(message)
assert message == "ModuleNotFoundError: No module named 'torch'"

# %%
# This machine has torch, but a second Python on it does not. Each *environment*, a Python with its own folder of
# packages, needs its own torch. One machine can have several environments: for the system, for each project and for the
# notebook.
#
# .. no exercise: — the error comes before the first line that a reader could write
#
# ====================================================================  =============================================
# Usual cause                                                           Fix
# ====================================================================  =============================================
# :ref:`pip belongs to another Python <torch-pip>`                      ``python -m pip install torch``
# :ref:`an environment was not activated <torch-pip>`                   activate it, or call its ``python`` by its path
# :ref:`the notebook runs another Python <torch-notebook>`              ``%pip install torch`` in a cell
# :ref:`a script starts another Python <torch-notebook>`                ``sys.executable`` instead of ``"python"``
# :ref:`No module named 'torch.something' <torch-name>`                 another release; ask ``torch.__version__``
# :ref:`module 'torch' has no attribute ... <torch-file>`               rename your file ``torch.py``
# ====================================================================  =============================================
#
# .. _torch-pip:
#
# The rule
# --------
#
# Packages belong to one Python: install with the Python that runs. ``pip`` alone is a program of its own, and ``pip
# --version`` says to which Python it belongs. ``sys.executable`` says which one runs: print it in the script that
# fails.

ask_for_folder = "import sysconfig; print(sysconfig.get_path('purelib'))"
here, there = run(sys.executable, "-c", ask_for_folder), run_in_new_environment(ask_for_folder)
print("the same folder of packages:", here == there)
assert here != there
assert run(sys.executable, "-c", "import sys; print(sys.executable)") == sys.executable

# %%
# .. _torch-notebook:
#
# A notebook, an editor, a script that starts another
# ---------------------------------------------------
#
# A notebook runs a *kernel*, and an editor runs the interpreter that its settings name. In a notebook,
# ``%pip install torch`` installs for the kernel. ``!pip install torch`` takes the first ``pip`` of the search path.
# Restart the kernel afterwards. A script that starts another one should name its own Python, ``sys.executable``.

child = run(sys.executable, "-c", "import torch; print(torch.__version__)")
print("the child has the same torch:", child == torch.__version__)
assert child == torch.__version__

# %%
# .. _torch-name:
#
# No module named 'torch.something'
# ---------------------------------
#
# The package is called ``torch`` for pip and in Python; torchvision is a package of its own. If the message names more
# than ``torch``, Python found a torch, but not this part of it. The code may be for another release (:ref:`old-code`).
# If the message says that torch is no package, :ref:`a file torch.py <torch-file>` was found instead.

with expect_error(ModuleNotFoundError, match="No module named 'torch.legacy'"):
    import torch.legacy

# %%
# .. use-this::
#
#    Make one environment for each project, and install with ``python -m pip install torch`` in it. When an import
#    fails, print ``sys.executable`` there, and install with this Python. The price is disk space: each environment
#    holds its own copy of torch, a hundred megabytes or more. Do not name a file like a package.
#
# A common mistake
# ----------------
#
# .. _torch-file:
#
# By default Python looks into the folder of the script before it looks among the packages. So ``import torch`` finds
# your file ``torch.py``, and a ``random.py`` hides a module that torch itself imports. Rename the file.

advice = "consider renaming" if sys.version_info >= (3, 13) else "partially initialized module"
scripts = {"torch": "import torch; torch.zeros(2)", "random": "import random; random.randint(1, 6)"}
for name, text in scripts.items():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, f"{name}.py").write_text(text)
        said = run(sys.executable, "-S", f"{name}.py", folder=folder)  # -S: nothing loaded before
    print(re.search(r"module '\w+' has no attribute '\w+'", said)[0])
    assert advice in said

# %%
# ``torch.__file__`` says whose torch was imported. The real one is a folder ``torch`` with a file ``__init__.py``.

print(*Path(torch.__file__).parts[-3:])
assert Path(torch.__file__).parts[-2:] == ("torch", "__init__.py")

# %%
# How this was checked

assert Path(sys.executable).is_file()
assert importlib.util.find_spec("torch").origin == torch.__file__
assert importlib.util.find_spec("torch_that_nobody_made") is None
assert "No module named" not in run_in_new_environment("import json; print(json.dumps(1))")
# A file torch.py has no parts.
with tempfile.TemporaryDirectory() as folder:
    Path(folder, "torch.py").touch()
    Path(folder, "script.py").write_text("import torch.nn")
    message = run(sys.executable, "script.py", folder=folder)
assert message == "ModuleNotFoundError: No module named 'torch.nn'; 'torch' is not a package"
# The size of this torch on the disk, in bytes.
files = [file for file in Path(torch.__file__).parent.rglob("*") if file.is_file()]
assert sum(file.stat().st_size for file in files) > 100e6
# A folder named torch counts as an empty package where torch is not installed. Where it is, it is found all the same.
with tempfile.TemporaryDirectory() as folder:
    Path(folder, "torch").mkdir()
    code = "import sys; sys.path.insert(0, '.'); import torch; print(torch.__file__)"
    assert run(sys.executable, "-I", "-S", "-c", code, folder=folder) == "None"
    code = "import sys; sys.path.insert(0, '.'); from importlib.util import find_spec"
    found = run(sys.executable, "-c", f"{code}; print(find_spec('torch').origin)", folder=folder)
    assert found == torch.__file__

# %%
# Check yourself
# --------------

commands = {"pip install torch": "pip", "python -m pip install torch": "python"}
(sure,) = (command for command, program in commands.items() if program == "python")
ask(
    "python script.py says: No module named 'torch'. Which command surely installs for that Python?",
    answer=sure,
    choices={
        "pip install torch": "It installs for the Python that this pip belongs to, which may be another.",
        "python -m pip install torch": "The command begins with the same python, so the package goes to that Python.",
    },
)

# %%
# The next question asks about the file.

ask(
    "Your script is called random.py and does: import torch. What may fail?",
    answer="an import inside torch" if "'random' has no attribute" in said else "nothing",
    choices={
        "nothing": "Packages import the standard library, and find your file in its place.",
        "an import inside torch": "Code that imports random gets your script, also in a package.",
        "import random in the script alone": "Packages look in the folder of the script first, too.",
    },
)

# %%
# Read next
# ---------
#
# :ref:`operator-torchvision-nms-does-not-exist`, when torch is found, and a package beside it does not fit.
#
# - PyTorch contributors (2026). `Start locally <https://pytorch.org/get-started/locally/>`__. The command for your
#   system and your GPU.
# - Python Packaging Authority (2026). `Install packages in a virtual environment
#   <https://packaging.python.org/en/latest/guides/installing-using-pip-and-virtual-environments/>`__. How environments
#   are made and activated.

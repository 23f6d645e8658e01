"""
.. _no-module-named-torch:

ModuleNotFoundError: No module named 'torch'
============================================

PyTorch is not installed, or it was installed into another Python than the one that runs your script. A machine often
has several: one of the system, one of each environment, one of the notebook or editor. Install with the very Python
that runs: ``python -m pip install torch``. A related error comes from a file of yours that is named ``torch.py``.

============================================  ====================================================
Usual cause                                   Fix
============================================  ====================================================
``pip`` belongs to another Python             ``python -m pip install torch``
an environment was not activated              activate it, or call its ``python`` by its path
the notebook runs another Python              ``%pip install torch`` in a cell
the package is not called so                  ``pip install torch``; not ``pytorch``
``'torch' has no attribute ...``              rename your file ``torch.py``, or your folder ``torch``
``No module named 'torch.something'``         a name of another release; ask ``torch.__version__``
============================================  ====================================================
"""

# %%
# Here is a second Python, made with :mod:`venv`: it has its own folder of packages, and no torch in it.

import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path


def run(python, *arguments, folder=None):
    """Run a Python and return the last line of what it says."""
    done = subprocess.run([python, *arguments], cwd=folder, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().splitlines()[-1]


with tempfile.TemporaryDirectory() as folder:
    venv.create(folder, symlinks=os.name != "nt")
    other = venv.EnvBuilder().ensure_directories(folder).env_exe
    message = run(other, "-I", "-c", "import torch")
    prefix = run(other, "-I", "-c", "import sys; print(sys.prefix)")
    assert Path(prefix).samefile(folder)
print(message)
assert message == "ModuleNotFoundError: No module named 'torch'"

# %%
# Cause 1: which Python runs, and whose is pip?
# ---------------------------------------------
#
# ``sys.executable`` is the Python that runs. Print it in the script or notebook that fails; then install with that one,
# by its ``-m pip``. ``pip`` alone is a program of its own and may belong to another: ``pip --version`` says to which.
# ``find_spec`` tells where a module would come from, without importing it; for a missing one it gives nothing.

import importlib.util

import torch

assert Path(sys.executable).is_file()
assert run(sys.executable, "-c", "import sys; print(sys.executable)") == sys.executable
assert importlib.util.find_spec("torch").origin == torch.__file__
assert importlib.util.find_spec("torch_that_nobody_made") is None

# %%
# Cause 2: a notebook, an editor, a scheduler
# -------------------------------------------
#
# Each of these may start a Python that you did not choose: the *kernel* of a notebook, the interpreter that is set in
# an editor, ``/usr/bin/python3`` in a scheduled job. In a notebook, ``%pip install torch`` installs for the kernel,
# while ``!pip install torch`` takes the first ``pip`` of the search path. Restart the kernel afterwards. A script that
# starts another one names its own Python as ``sys.executable``; ``"python"`` may be another.

child = run(sys.executable, "-c", "import torch; print(torch.__version__)")
print(child == torch.__version__)
assert child == torch.__version__

# %%
# Cause 3: another name
# ---------------------
#
# The package and the module are both called ``torch``. torchvision is a package of its own. torchtext is one that is no
# longer developed. If a submodule is missing that another release has, the message names it in full:

from ptguide.errors import expect_error

with expect_error(ModuleNotFoundError, match="No module named 'torch.legacy'"):
    import torch.legacy

# %%
# Cause 4: a file named torch.py
# ------------------------------
#
# Unless it is told otherwise, Python looks in the folder of the script before it looks among the packages. So a file of
# yours named ``torch.py`` is what ``import torch`` finds, here the script itself. And ``random.py`` hides the module of
# the standard library, from your code and from packages that you import. Since Python 3.13 the message names the file
# and says "consider renaming". Before, it began with "partially initialized module" and suspected a circular import.
# Printed here is what both say.

advice = "consider renaming" if sys.version_info >= (3, 13) else "partially initialized module"
scripts = {"torch": "import torch; torch.zeros(2)", "random": "import random; random.randint(1, 6)"}
for name, text in scripts.items():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, f"{name}.py").write_text(text)
        message = run(
            sys.executable, "-S", f"{name}.py", folder=folder
        )  # -S: nothing loaded before
    print(re.search(r"module '\w+' has no attribute '\w+'", message).group())
    assert f"'{name}' has no attribute" in message
    assert advice in message

# %%
# A *folder* named ``torch`` beside the script counts as an empty package if torch is not installed. So the import
# succeeds, and the first use fails, with a message like that above. If torch is installed, it is found in spite of the
# folder.

with tempfile.TemporaryDirectory() as folder:
    Path(folder, "torch").mkdir()
    code = "import sys; sys.path.insert(0, '.'); import torch; print(torch.__file__)"
    assert run(sys.executable, "-I", "-S", "-c", code, folder=folder) == "None"
    code = "import sys; sys.path.insert(0, '.'); from importlib.util import find_spec"
    found = run(sys.executable, "-c", f"{code}; print(find_spec('torch').origin)", folder=folder)
    assert found == torch.__file__

# %%
# Rename the file, and delete the folder ``__pycache__`` beside it. ``torch.__file__`` tells whose torch was imported:
# the real one is a folder named ``torch`` with an ``__init__.py``.

where = Path(torch.__file__)
print(where.parent.name, where.name)
assert (where.parent.name, where.name) == ("torch", "__init__.py")

# %%
# Check yourself
# --------------

from ptguide.questions import ask

commands = {"pip install torch": "pip", "python -m pip install torch": "python"}
(sure,) = (command for command, program in commands.items() if program == "python")
ask(
    "python script.py says: No module named 'torch'. Which command surely installs for that Python?",
    answer=sure,
    choices={
        "pip install torch": "It installs for the Python that this pip belongs to.",
        "python -m pip install torch": "The same word python, so the same Python.",
    },
)

# %%
# And the file:

ask(
    "Your script is called random.py and does: import torch. What may fail?",
    answer="an import inside torch" if "'random' has no attribute" in message else "nothing",
    choices={
        "nothing": "Packages import the standard library, and find your file in its place.",
        "an import inside torch": "Code that imports random gets your script, also in a package.",
        "import random in the script alone": "Packages look in the folder of the script first, too.",
    },
)

# %%
# Next: :ref:`old-code`, when torch is found, and a name in it is not.

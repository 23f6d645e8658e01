"""
.. _bootstrapping-phase:

RuntimeError: An attempt has been made to start a new process before the current process has finished its bootstrapping
=======================================================================================================================

A worker of your ``DataLoader`` imports your script, and the script starts workers again. Put what starts the training
under ``if __name__ == "__main__":``.
"""

# %%
# Set-up

import contextlib
import inspect
import itertools
import multiprocessing
import os
import pickle
import re
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from textwrap import indent

import torch
from torch.utils.data import DataLoader

from ptguide.errors import expect_error
from ptguide.questions import ask


def run(code, *options):
    """Run code as a script of its own, or with -c; return what it printed, and its errors."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "script.py")
        script.write_text(code, encoding="utf-8")
        given = [*options, code] if options else [script]
        done = subprocess.run([sys.executable, *given], capture_output=True, text=True, check=False)
    return done.stdout.strip(), done.stderr


def run_script(script, printed, errors):
    os.dup2(printed.fileno(), 1)
    os.dup2(errors.fileno(), 2)
    sys.stdout, sys.stderr = printed, errors
    runpy.run_path(str(script), run_name="__main__")


def run_with_torch(code):
    """Do the same as run, but in a copy of this process, which has imported torch already."""
    if sys.platform != "linux":
        return run(code)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "script.py")
        script.write_text(code, encoding="utf-8")
        said = Path(folder, "printed"), Path(folder, "errors")
        with said[0].open("w") as printed, said[1].open("w") as errors:
            fork, given = multiprocessing.get_context("fork"), (script, printed, errors)
            copy = fork.Process(target=run_script, args=given)
            copy.start()
            copy.join()
        return said[0].read_text().strip(), said[1].read_text()


def run_guarded(top, work):
    return run(top + 'if __name__ == "__main__":\n' + indent(work, "    "))


@contextlib.contextmanager
def few_files_more(count):
    """Let this process open that many files more."""
    import resource  # not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = {int(number) for number in os.listdir("/proc/self/fd")}
    free = (number for number in itertools.count() if number not in taken)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next(itertools.islice(free, count, None)), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def end_with_bus_error(_):
    signal.signal(signal.SIGBUS, signal.SIG_DFL)  # without the words that torch prints here
    signal.raise_signal(signal.SIGBUS)


def sentence(errors):
    """Return the first sentence of the message, on one line."""
    found = re.search(r"RuntimeError: \s*(An attempt .*?phase\.)", errors, flags=re.DOTALL)
    return "RuntimeError: " + " ".join(found[1].split())


# %%

top = """
from torch.utils.data import DataLoader
"""
work = """
for batch in DataLoader(range(6), batch_size=3, num_workers=1, multiprocessing_context="spawn"):
    print(batch)
"""
printed, errors = run_with_torch(top + work)
print(sentence(errors))
print("and at last:", re.sub(r"\d+", "...", errors.strip().splitlines()[-1]))
assert printed == ""

# %%
# This script has two parts, ``top`` and ``work``. The first error is printed by the worker, and the second by your own
# process, which misses the worker. In your terminal the first one is further up.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# .. not looked up: num_workers=0 — a cell of the causes runs it
#
# .. not looked up: 3.14 — the folded cell looks at the version
#
# ================================================================  ================================================
# Cause, or what else you see                                       Fix
# ================================================================  ================================================
# :ref:`the script has no guard <boot-guard>`                       ``if __name__ == "__main__":``
# :ref:`lines are printed several times <boot-rule>`                the same, around those lines
# :ref:`workers are not needed <boot-zero>`                         ``num_workers=0``
# :ref:`Can't get attribute, in a notebook <boot-notebook>`         the function in a file, and ``import``
# :ref:`Can't pickle, Can't get local object <boot-pickle>`         a function at the top of a module
# :ref:`Too many open files <boot-memory>`                          ``batch.clone()`` of what you keep
# :ref:`Bus error, shared memory <boot-memory>`                     more shared memory, or fewer workers
# ================================================================  ================================================
#
# .. _boot-rule:
#
# The rule
# --------
#
# A worker that is *spawned* begins with nothing, so it imports your script to get its functions. During this import
# ``__name__`` is ``__mp_main__``, so the code under the guard does not run. Windows and macOS spawn their workers. Up
# to Python 3.13 Linux copies the process by default. From 3.14 on its workers import the script as well.

who = """
print("the script runs as", __name__)
import multiprocessing
"""
start = """
process = multiprocessing.get_context("spawn").Process(target=print, args=["the work is done"])
process.start()
process.join()
"""
printed, errors = run_guarded(who, start)
print(printed)
assert errors == ""

# %%
# .. _boot-guard:
#
# The guard
# ---------
#
# Imports, classes and functions stay at the top, where the worker finds them. What loads data, makes the model and
# trains it goes under the guard, best as a function ``main()``. Then the worker does not run it again.

guarded = top + 'if __name__ == "__main__":\n' + indent(work, "    ")
printed, errors = run_with_torch(guarded)
print(printed)
assert errors == ""

# %%
# .. _boot-zero:
#
# Without workers
# ---------------
#
# With ``num_workers=0``, which is the default, your process loads the batches itself. It starts no process, so it needs
# no guard. This cell runs without one. :ref:`dataloader-workers` shows when workers are worth it.

for batch in DataLoader(range(6), batch_size=3, num_workers=0):
    print(batch)

# %%
# .. _boot-notebook:
#
# In a notebook
# -------------
#
# A notebook has no file that a spawned worker could import, so it does not find a data set or a function from a cell.
# Write it into a file, for example with ``%%writefile mydata.py``, and import it. Code that is given to ``python -c``
# has no file either.

in_a_cell = """
import multiprocessing

def load():
    print("loaded")

if __name__ == "__main__":
    multiprocessing.get_context("spawn").Process(target=load).start()
"""
_, errors = run(in_a_cell, "-c")
print(errors.strip().splitlines()[-1])
assert "Can't get attribute 'load' on <module '__main__'" in errors
assert run(in_a_cell) == ("loaded", "")  # from a file

# %%
# .. _boot-pickle:
#
# What cannot be sent to a worker
# -------------------------------
#
# A spawned worker gets the data set and the ``collate_fn`` as a :term:`pickle`. A pickle holds the *name* of a
# function, and a ``lambda`` has none that could be looked up. Open files, locks of ``threading`` and generators cannot
# be sent either. See :ref:`worker-lambda`.

try:
    pickle.dumps(lambda batch: batch)
except (pickle.PicklingError, AttributeError) as error:
    refused = str(error)
assert "<lambda>" in refused
with open("log.txt", "w") as file:
    for thing in [file, threading.Lock(), (number for number in range(3))]:
        with expect_error(TypeError, match="cannot pickle"):
            pickle.dumps(thing)
assert pickle.loads(pickle.dumps(torch.stack)) is torch.stack

# %%
# .. _boot-memory:
#
# Too many open files, bus error
# ------------------------------
#
# Batches come from a worker through shared memory. On Linux each batch that you keep holds an open file by default:
# keep a ``clone()`` instead. A *bus error* often means that the shared memory is full. In Docker give more with
# ``--shm-size``. Here the cell limits the open files, and a worker sends itself the signal.

if sys.platform == "linux":
    forked = {"num_workers": 1, "multiprocessing_context": "fork"}
    with few_files_more(40):
        loader = DataLoader(torch.arange(200.0), batch_size=2, **forked)
        print("with clone():", len([batch.clone() for batch in loader]), "batches")
        with expect_error(RuntimeError, match="Too many open files"):
            list(loader)
    try:
        list(DataLoader([1], batch_size=None, collate_fn=end_with_bus_error, **forked))
    except RuntimeError as error:
        killed = re.sub(r"pid \d+", "pid ...", str(error.__cause__))
    print(killed)
    assert "killed by signal: Bus error" in killed

# %%
# .. not looked up: num_workers=0 — a cell above runs it
#
# .. use-this::
#
#    Write a training script as imports, classes and functions, then ``def main():``, and call it at the end under
#    ``if __name__ == "__main__":``. It can then spawn workers, and be imported in a test. Begin with ``num_workers=0``,
#    in a notebook above all. The price of spawned workers is that each imports your script, with torch, and gets its
#    own copy of the data set.
#
# A common mistake
# ----------------
#
# The message also names ``freeze_support()``. Without the guard, it does not help: it is for programs that were packed
# into one executable file.

_, errors = run(who + "multiprocessing.freeze_support()\n" + start)
print(sentence(errors))

# %%
# How this was checked

# The default ways to start a process: the first of the list.
first = multiprocessing.get_all_start_methods()[0]
linux = "fork" if sys.version_info < (3, 14) else "forkserver"
assert first == {"linux": linux}.get(sys.platform, "spawn")
# By default a loader has no workers.
assert inspect.signature(DataLoader).parameters["num_workers"].default == 0
# A worker of the kind that Linux starts by default from Python 3.14 on imports the script, and gives the same message.
if sys.platform != "win32":
    assert sentence(run(who + start.replace("spawn", "forkserver"))[1]) == sentence(errors)
# A guard that stands below the start does not help, and a function without a guard does not either.
late = who + start + 'if __name__ == "__main__":\n    print("too late")\n'
assert sentence(run(late)[1]) == sentence(errors)
function = "def main():\n" + indent(start, "    ") + "\nmain()\n"
assert sentence(run(who + function)[1]) == sentence(errors)
# A lambda with a name of its own, and a function in a function, have no name in a module either.
double = lambda x: 2 * x  # noqa: E731


def make():
    def inner():
        return None

    return inner


for unnamed in (double, make()):
    with expect_error((pickle.PicklingError, AttributeError), match="^no name$"):
        try:
            pickle.dumps(unnamed)
        except (pickle.PicklingError, AttributeError):
            raise pickle.PicklingError("no name") from None  # the message has an address

# %%
# Check yourself
# --------------
#
# The first question is about two workers.

two = who + 'print("loading the data")\n'
spawn_two = """
workers = [multiprocessing.get_context("spawn").Process(target=print) for _ in range(2)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
"""
printed, _ = run_guarded(two, spawn_two)
ask(
    "A script prints a line at its top. Under the guard it spawns 2 processes. How often is the line printed?",
    answer=printed.count("loading the data"),
    choices={
        1: "Each spawned process imports the script, and the top of it runs again.",
        2: "The two workers print it, and your own process has printed it before.",
        3: "Once by your own process, and once by each worker.",
    },
)

# %%
# The next question is about what a worker can get.


def can_be_sent(thing):
    try:
        pickle.dumps(thing)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True


things = {
    "torch.stack": torch.stack,
    "lambda batch: batch": lambda batch: batch,
    "(x for x in data)": (x for x in [1, 2]),
}
(sent,) = (name for name, thing in things.items() if can_be_sent(thing))
ask(
    "Which of these can be sent to a spawned worker?",
    answer=sent,
    choices={
        "torch.stack": "It is found again by its name in torch.",
        "lambda batch: batch": "It has no name that a worker could look up.",
        "(x for x in data)": "A generator cannot be pickled. A list can, if its items can.",
    },
)

# %%
# Read next
# ---------
#
# .. no exercise: — the fix is one line at the end of a script, and no function
#
# :ref:`no-module-named-torch`, an error before the first line of your script has done its work.
#
# - Python contributors (2026). `multiprocessing: Safe importing of main module
#   <https://docs.python.org/3/library/multiprocessing.html#the-spawn-and-forkserver-start-methods>`__. The rules for
#   programs that spawn.
# - PyTorch contributors (2026). `torch.multiprocessing <https://docs.pytorch.org/docs/stable/multiprocessing.html>`__.
#   How tensors are shared, and what the sharing strategies cost.

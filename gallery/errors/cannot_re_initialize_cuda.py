"""
.. _cannot-re-initialize-cuda:

RuntimeError: Cannot re-initialize CUDA in forked subprocess
============================================================

A process that had used CUDA was copied by ``fork``, and the copy uses CUDA, which cannot work. Keep the data of workers
on the CPU, and start processes that compute on the GPU by ``spawn``.
"""

# %%
# Set-up

import contextlib
import io
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch
from torch.utils.data import DataLoader, TensorDataset

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

data = digits("train").inputs, digits("train").targets
with contextlib.suppress(RuntimeError, AssertionError):  # what a training does first
    torch.zeros(1, device="cuda")
FORK = {"num_workers": 1, "multiprocessing_context": "fork"}
SCRIPT = """
import contextlib
import torch
import torch.multiprocessing as mp

def evaluate(rank):
    try:
        print("spawn:", torch.ones(2, 3, device="cuda").sum().item())
    except (RuntimeError, AssertionError) as error:  # without a GPU: the message about the driver
        print("spawn:", str(error).partition(".")[0])

if __name__ == "__main__":
    with contextlib.suppress(RuntimeError, AssertionError):
        torch.zeros(1, device="cuda")
    mp.spawn(evaluate, nprocs=1)
"""


def in_fork(function):
    """Run a function in a copy of this process, and return what it says."""
    read, write = os.pipe()
    with warnings.catch_warnings(
        record=True
    ):  # Python 3.12 and later warn where the process has a second thread
        warnings.simplefilter("always")
        child = os.fork()
    if not child:
        try:
            said = str(function())
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        os.write(write, said.encode()[:500])
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def new_process(code):
    """Run a script in a Python of its own, and return what it prints."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "evaluate.py")
        script.write_text(code)
        done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout.strip()


# %%


class Photos(TensorDataset):
    def __getitem__(self, index):
        image, label = super().__getitem__(index)
        return image.to("cuda"), label


message = "Cannot re-initialize CUDA in forked subprocess"
with contextlib.redirect_stdout(io.StringIO()) as whole, expect_error(RuntimeError, match=message):
    next(iter(DataLoader(Photos(*data), batch_size=32, **FORK)))
shown = [line.strip() for line in whole.getvalue().splitlines() if re.search(r"to\(|Error: ", line)]
print(*shown, sep="\n...\n")
assert len(shown) == 3

# %%
# The last line is the cause, and the line above it, from the traceback of the worker, is your ``to("cuda")``. This was
# raised without a GPU, because it is enough that the main process *tried* to use CUDA. Before Python 3.14, a worker on
# Linux starts by ``fork``.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ==========================================================================  ======================================
# Usual cause                                                                 Fix
# ==========================================================================  ======================================
# :ref:`a data set or a collate function uses the GPU <fork-sample>`          move the batch in the training loop
# :ref:`a data set keeps tensors on the GPU <fork-sample>`                    keep them on the CPU
# :ref:`your own processes, a Pool, DDP by hand <fork-spawn>`                 ``mp.spawn``
# :ref:`context has already been set <fork-context>`                          ``get_context("spawn")``
# :ref:`something asked for the GPU too early <fork-early>`                   start the processes first
# ==========================================================================  ======================================
#
# Old versions of torch said *initialization error* instead: ``CUDA error (3): initialization error``, as in `issue
# 2517 <https://github.com/pytorch/pytorch/issues/2517>`__. CUDA still has these words for the number.

print(
    "RuntimeError: cuda runtime error (3) : initialization error at aten/src/THC/THCGeneral.cpp:50"
)  # quoted
if torch.version.cuda:
    print(torch.cuda.CudaError(3))
    assert "initialization error" in str(torch.cuda.CudaError(3))

# %%
# .. _fork-sample:
#
# The data set uses the GPU
# -------------------------
#
# Keep samples on the CPU, and also tensors that ``__init__`` or ``collate_fn`` makes. The training loop moves a whole
# batch, which takes one transfer instead of 32. See :ref:`pinned-memory` for the fast way.


on_cpu = TensorDataset(*data)  # or your own, without cuda in it
device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
images, labels = next(iter(DataLoader(on_cpu, batch_size=32, **FORK)))
assert images.device.type == "cpu"
images, labels = images.to(device), labels.to(device)
print(tuple(images.shape), tuple(labels.shape))

# %%
# .. _fork-spawn:
#
# Your own processes
# ------------------
#
# A process that is started by ``spawn`` is a new Python, which has not used CUDA yet. In this script the main process
# uses CUDA first, as above. Without a GPU, the new process then complains about the driver, and not about a fork.

print(SCRIPT)
said = new_process(SCRIPT)
print(said)
assert said.startswith("spawn:")
assert "forked" not in said

# %%
# .. _fork-context:
#
# context has already been set
# ----------------------------
#
# ``set_start_method("spawn")`` works once, and a library may have called it before you. ``get_context`` gives a start
# method to your own processes and leaves the others alone.

before = multiprocessing.get_start_method()
with expect_error(RuntimeError, match="context has already been set"):
    torch.multiprocessing.set_start_method("spawn")
context = torch.multiprocessing.get_context("spawn")
print(type(context.Process(target=print)).__name__)
assert multiprocessing.get_start_method() == before
assert DataLoader(on_cpu, num_workers=1, multiprocessing_context="spawn").num_workers == 1

# %%
# .. _fork-early:
#
# Who asked for the GPU?
# ----------------------
#
# To find out, ask in a copy of the process whether CUDA may still be used there. Put these lines behind a suspicious
# import or call. Here a ``torch.device`` and a seed did not count as a use of CUDA. A tensor did, though it failed.

asked = new_process("""
import contextlib, os, torch

for call in ("torch.device('cuda')", "torch.manual_seed(0)", "torch.ones(2, device='cuda')"):
    with contextlib.suppress(RuntimeError, AssertionError):
        eval(call)
    if not os.fork():
        print(f"{call:30}bad fork: {torch.cuda._is_in_bad_fork()}", flush=True)
        os._exit(0)
    os.wait()
""")
print(asked)
if torch.version.cuda:
    assert [line.split()[-1] for line in asked.splitlines()] == ["False", "False", "True"]

# %%
# .. use-this::
#
#    Let a data set return tensors on the CPU, and call ``.to(device)`` in the training loop. Start processes that
#    need the GPU with ``torchrun`` or ``mp.spawn``, before the main process uses CUDA. Each process is then a new
#    Python, which imports torch and your script again, so the script needs ``if __name__ == "__main__":``.
#
# A common mistake
# ----------------
#
# ``num_workers=0`` silences the message, and the GPU then waits for each image. With ``spawn`` for the *loader* the
# message goes away too, but each worker then needs a CUDA context of its own. Without a worker, one sample shows
# whether the data set uses the GPU.

for dataset in (Photos(*data), on_cpu):
    try:
        found = dataset[0][0].device.type
    except (RuntimeError, AssertionError) as error:  # no GPU here
        found = f"cuda ({type(error).__name__})"
    print(f"{type(dataset).__name__:14}returns a tensor on {found}")
    assert found.startswith("cuda") == (type(dataset) is Photos)
assert next(iter(DataLoader(on_cpu, batch_size=32, num_workers=0)))[0].device.type == "cpu"

# %%
# How this was checked

for name, use in {
    "tensor": lambda: torch.ones(2, device="cuda"),
    "move": lambda: torch.ones(2).to("cuda"),
    "module": lambda: torch.nn.Linear(2, 3).cuda(),
    "device": lambda: torch.cuda.set_device(0),
    "name": lambda: torch.cuda.get_device_name(),
}.items():
    said_here = in_fork(use)
    assert (message in said_here) == bool(torch.version.cuda), (name, said_here)
# What needs no GPU works in a copy.
assert in_fork(lambda: torch.ones(2, 3).sum().item()) == "6.0"
assert in_fork(lambda: torch.device("cuda:1").index) == "1"
assert in_fork(lambda: torch.manual_seed(3).initial_seed()) == "3"


# A collate function runs in the worker too.
def on_gpu(samples):
    return torch.stack([image for image, _ in samples]).to("cuda")


if torch.version.cuda:
    with expect_error(RuntimeError, match=message):
        next(iter(DataLoader(on_cpu, batch_size=32, collate_fn=on_gpu, **FORK)))
# A copy of a copy says the same, and this process itself does not.
if torch.version.cuda:
    assert message in in_fork(lambda: in_fork(lambda: torch.ones(2, device="cuda")))
assert not torch.cuda._is_in_bad_fork()
# The batch of the loader is that of the data.
assert torch.equal(images.cpu(), data[0][:32])

# %%
# Check yourself
# --------------

answers = {
    "fork": message in in_fork(lambda: torch.ones(2, device="cuda")),
    "spawn": "forked" in said,
}
ask(
    "The main process has a model on the GPU and starts a second process that makes a tensor there. With which start "
    "method does this message come?",
    answer=max(answers, key=answers.__getitem__),
    choices={
        "fork": "The copy inherits a CUDA that it cannot use.",
        "spawn": "A new Python has not used CUDA yet.",
    },
)

# %%
# The next question is about a worker that stays on the CPU.

ask(
    "The main process has used CUDA. May a forked worker add two tensors of the CPU?",
    answer="yes"
    if in_fork(lambda: (torch.ones(2) + torch.ones(2)).sum().item()) == "4.0"
    else "no",
    choices={
        "yes": "What the worker may not use is CUDA.",
        "no": "The message comes from calls that need CUDA.",
    },
)

# %%
# **Exercise.** Write ``to_device(batch, device)`` for the training loop. A batch is a tensor, or a list, tuple or dict
# of batches. Return the same form, with each tensor on the device. Your function is run with the device ``meta``, so
# no GPU is needed.


def to_device(batch, device):
    raise NotImplementedError


def by_torch(batch, device):
    if isinstance(batch, torch.Tensor):
        return batch.to(device)
    if isinstance(batch, dict):
        return {key: by_torch(value, device) for key, value in batch.items()}
    return type(batch)(by_torch(value, device) for value in batch)


def moved(function):
    def run(batch, device):
        def leaves(part):
            if isinstance(part, torch.Tensor):
                return [part]
            parts = part.values() if isinstance(part, dict) else part
            return [leaf for one in parts for leaf in leaves(one)]

        result = function(batch, device)
        assert type(result) is type(batch), (
            f"a {type(batch).__name__} became {type(result).__name__}"
        )
        return torch.tensor([[leaf.is_meta, leaf.numel()] for leaf in leaves(result)])

    return run


cases = [
    (torch.ones(2, 3), "meta"),
    ([torch.ones(2, 3), torch.ones(4)], "meta"),
    ({"image": torch.ones(2, 5), "label": (torch.ones(3), torch.ones(7))}, "meta"),
    ((torch.ones(2), [torch.ones(6)]), "cpu"),
]
check(moved(to_device), moved(by_torch), cases)

# %%
# Look at the type, and call the function again for the parts.

# Solution


def to_device(batch, device):
    if isinstance(batch, torch.Tensor):
        return batch.to(device)
    if isinstance(batch, dict):
        return {name: to_device(part, device) for name, part in batch.items()}
    return type(batch)(to_device(part, device) for part in batch)


report = check(moved(to_device), moved(by_torch), cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`illegal-memory-access`, when a line is named that did nothing wrong.
#
# - PyTorch contributors (2026). `Multiprocessing best practices
#   <https://docs.pytorch.org/docs/stable/notes/multiprocessing.html>`__. CUDA in several processes.
# - Shoshan (2022). `A report on this message <https://github.com/pytorch/pytorch/issues/77159>`__. Data sets that move
#   samples to the GPU.

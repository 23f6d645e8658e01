"""
.. _default-process-group-has-not-been-initialized:

ValueError: Default process group has not been initialized, please make sure to call init_process_group.
========================================================================================================

Something in your script, such as ``DistributedSampler`` or DDP, needs the other processes, but they are not connected
yet. Call ``init_process_group`` at the start of the script, and start it by ``torchrun``.
"""

# %%
# Set-up

import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DistributedSampler

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

TRAIN = """# train.py
import torch.distributed as dist
from torch.utils.data import DistributedSampler

dist.init_process_group("gloo")  # "nccl" for GPUs
sampler = DistributedSampler(range(13))
line = f"process {dist.get_rank()} of {dist.get_world_size()} has {len(sampler)} samples"
print(f"{line}\\n", end="", flush=True)  # one write, so lines do not mix
dist.barrier()
if dist.get_rank() == 1:
    raise ValueError("this process has no labels")
dist.destroy_process_group()
"""
ALONE = """import os
os.environ.update(RANK="0", WORLD_SIZE="1")
"""
torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def start(folder, name, text):
    """Run a script in two processes by torchrun."""
    Path(folder, name).write_text(text)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*torchrun, name], cwd=folder, env=environment, **streams)


with tempfile.TemporaryDirectory() as folder:
    both = [start(folder, "train.py", TRAIN), start(folder, "alone.py", ALONE + TRAIN)]
    (together, errors), (apart, _) = (process.communicate() for process in both)


def said(text):
    """Return the lines of the processes, sorted, as they may come in either order."""
    return sorted(re.findall(r"process \d of \d has \d+ samples", text))


# %%

with expect_error(ValueError, match="Default process group has not been initialized"):
    DistributedSampler(range(13))
with expect_error(ValueError, match="Default process group has not been initialized"):
    DistributedDataParallel(nn.Linear(5, 3))

# %%
# A sampler for several processes has to know how many there are, and which one it is in. It asks the *process group*,
# which ``init_process_group`` makes. The traceback shows who asked. It may be a library that you call.
#
# .. longer: 5 screens — each cause has a cell of its own
#
# ======================================================================  ==============================================
# The message                                                             Fix
# ======================================================================  ==============================================
# :ref:`Default process group has not been initialized <group-init>`      ``init_process_group`` first
# :ref:`environment variable RANK expected <group-rank>`                  start by ``torchrun``
# :ref:`the same, in a notebook or a test <group-one>`                    a group of one process
# :ref:`EADDRINUSE, address already in use <group-port>`                  another port, or ``--standalone``
# :ref:`ProcessGroupNCCL is only supported with GPUs <group-one>`         ``"gloo"`` on CPUs
# :ref:`ChildFailedError <group-child>`                                   read further up
# ======================================================================  ==============================================
#
# .. _group-init:
#
# Connect the processes first
# ---------------------------
#
# ``torchrun --nproc-per-node=2 train.py`` starts the script twice, and tells each process its number by environment
# variables. ``init_process_group`` reads them and connects the two. The sampler repeats one of the 13 samples, so each
# process gets 7. See :ref:`data-for-several-processes`.

print(TRAIN)
print(*said(together), sep="\n")
assert said(together) == [f"process {rank} of 2 has 7 samples" for rank in (0, 1)]

# %%
# .. _group-rank:
#
# Started by python
# -----------------
#
# ``python train.py`` sets none of the variables, and ``init_process_group`` names the first that it misses.

given = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
for count in range(4):
    some = mock.patch.dict(os.environ, dict(list(given.items())[:count]))
    with some, expect_error(ValueError, match="environment variable .* expected, but not set"):
        dist.init_process_group("gloo")

# %%
# .. _group-one:
#
# One process: a notebook, a test, one GPU
# ----------------------------------------
#
# Make a group of one process with a store in memory, which needs no port. On a machine without a GPU the backend is
# ``"gloo"``. A sampler needs no group if you give it both numbers as arguments.

with expect_error(ValueError, match="only supported with GPUs, no GPUs found"):  # only on a CPU
    dist.init_process_group("nccl", store=dist.HashStore(), rank=0, world_size=1)
dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
print(f"process {dist.get_rank()} of {dist.get_world_size()}")
assert len(DistributedSampler(range(13))) == 13
dist.destroy_process_group()
assert len(DistributedSampler(range(13), num_replicas=2, rank=0)) == 7

# %%
# .. _group-port:
#
# The port is in use
# ------------------
#
# The processes meet at a port of the machine. If another training uses the same port, or your earlier one still runs,
# process 0 cannot open it. Port 0 stands for a free one, which the system chooses. ``torchrun --standalone`` asks for
# a free one. End your old processes by their numbers.

with socket.socket() as other:  # stands for another training
    other.bind(("127.0.0.1", 0))
    other.listen()
    port = other.getsockname()[1]
    try:
        dist.TCPStore("127.0.0.1", port, world_size=1, is_master=True)
    except dist.DistNetworkError as error:
        message = str(error)
print(message.replace(str(port), "29500"))
assert "EADDRINUSE" in message
free = dist.TCPStore("127.0.0.1", 0, world_size=1, is_master=True)
assert free.port != port

# %%
# .. _group-child:
#
# ChildFailedError
# ----------------
#
# ``torchrun`` prints this last, and it is not the cause. The traceback of the process that failed is further up. After
# ``init_process_group`` its lines begin with the number of the process. See :ref:`mistakes-with-several-processes`.

printed = errors.splitlines()
cause = next(k for k, line in enumerate(printed) if re.match(r"\[rank\d\]: \w+Error", line))
banner = next(k for k, line in enumerate(printed) if "errors.ChildFailedError" in line)
print(printed[cause], "...", printed[banner], sep="\n")
assert printed[cause] == "[rank1]: ValueError: this process has no labels"
assert cause < banner

# %%
# .. use-this::
#
#    Call ``init_process_group`` in the first lines of the script, before the data and the model, and
#    ``destroy_process_group`` at the end. Start by ``torchrun --standalone --nproc-per-node=gpu train.py``. For one GPU
#    this works as well, so the script has one form. In a library ask ``dist.is_initialized()`` first. Each process then
#    loads torch and your data once.
#
# A common mistake
# ----------------
#
# Setting the variables in the script silences the message. Under ``torchrun`` each process then overwrites its number,
# and trains alone on the 13 samples. The result is two models and no error.

print(ALONE)
print(*said(apart), sep="\n")
assert said(apart) == ["process 0 of 1 has 13 samples"] * 2

# %%
# How this was checked

assert not dist.is_initialized()
for needs_group in (
    dist.get_rank,
    dist.get_world_size,
    dist.barrier,
    lambda: dist.all_reduce(torch.ones(1)),
    lambda: DistributedSampler(range(13)),
    lambda: DistributedSampler(range(13), num_replicas=2),
    lambda: DistributedDataParallel(nn.Linear(5, 3)),
):
    with expect_error(ValueError, match="^Default process group has not been initialized"):
        needs_group()
# In a group of one, DDP and the exchanges work; a second group is refused, and after the end the message is back.
dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
DistributedDataParallel(nn.Linear(5, 3))(torch.ones(4, 5)).sum().backward()
dist.all_reduce(torch.ones(1))
with expect_error(ValueError, match="trying to initialize the default process group twice"):
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
dist.destroy_process_group()
with expect_error(ValueError, match="Default process group has not been initialized"):
    dist.get_rank()
assert [process.returncode != 0 for process in both] == [True, False]

# %%
# Check yourself
# --------------

samples = {
    world: len(DistributedSampler(range(13), num_replicas=world, rank=0)) for world in (1, 2)
}
ask(
    "torchrun starts two processes, and the script sets WORLD_SIZE to 1 in each. "
    f"There are {samples[1]} samples. How many does "
    "each process train on?",
    answer=samples[1],
    choices={
        13: "The group of each has one process, so its sampler takes all samples.",
        7: f"That is so if each knows of the other: {samples[1]} are filled up to {2 * samples[2]}, and halved.",
        6: "A sampler of two processes would fill up and give 7, but each process is alone here.",
    },
)

# %%
# The next question is about the order of the lines.

order = {}
for first in ("the sampler", "init_process_group"):
    try:
        if first == "init_process_group":
            dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
        DistributedSampler(range(13))
        order[first] = "fine"
        dist.destroy_process_group()
    except ValueError:
        order[first] = "error"
(fine,) = (first for first, result in order.items() if result == "fine")
ask(
    "Which of the two comes first in a script?",
    answer=fine,
    choices={
        "the sampler": "It asks the group for the number of processes when it is made.",
        "init_process_group": "What comes later can ask the group.",
    },
)

# %%
# **Exercise.** Write a function for a script with several processes and for a notebook. Return the mean of ``value``
# over the processes, and without a group the value itself. Leave ``value`` as it is. For two processes the checker
# replaces ``all_reduce`` and ``get_world_size``, and the other process has three times your value.


def mean_over_processes(value):
    raise NotImplementedError


def add_another(tensor, op=dist.ReduceOp.SUM):
    """Stand for all_reduce of two processes: add what the other one has, three times as much."""
    assert op == dist.ReduceOp.SUM, "the stand-in makes sums"
    tensor += 3 * tensor


def in_processes(function):
    def run(value, processes):
        before = value.clone()
        if processes == 0:
            result = function(value)
        else:
            dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
            replaced = mock.patch.multiple(
                dist, all_reduce=add_another, get_world_size=lambda: processes
            )
            try:
                with replaced if processes > 1 else contextlib.nullcontext():
                    result = function(value)
            finally:
                dist.destroy_process_group()
        assert torch.equal(before, value), "value has changed"
        return result

    return run


def by_formula(value, processes):
    return (value + 3 * value) / 2 if processes == 2 else value.clone()


cases = [
    (torch.tensor([2.0, 3.0]), 0),
    (torch.tensor([2.0, 3.0]), 1),
    (torch.tensor([2.0, 3.0]), 2),
    (torch.ones(2, 3), 2),
]
check(in_processes(mean_over_processes), by_formula, cases)

# %%
# ``all_reduce`` writes the sum over the processes into its argument, so it gets a copy.

# Solution


def mean_over_processes(value):
    if not dist.is_initialized():
        return value
    total = value.clone()
    dist.all_reduce(total)
    return total / dist.get_world_size()


report = check(in_processes(mean_over_processes), by_formula, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`expected-to-have-finished-reduction`, an error of DDP in the second step.
#
# - PyTorch contributors (2026). `torchrun <https://docs.pytorch.org/docs/stable/elastic/run.html>`__. Its arguments and
#   the variables that it sets.
# - PyTorch contributors (2026). `torch.distributed <https://docs.pytorch.org/docs/stable/distributed.html>`__. Ways to
#   connect the processes.

"""
.. _mistakes-with-several-processes:

Why does DDP training hang, or print everything twice?
======================================================

A script that does not start, a hang, an error that speaks of reductions, a log in which each line stands twice, and
``ChildFailedError``: here each is made for real, with two processes on the CPU, and mended. You need to know
:ref:`one-model-on-several-processes`.
"""

# %%
# A script for several processes was started by ``python train.py``. It looks for its number in a variable that
# ``torchrun`` sets: the mend is ``torchrun --nproc-per-node=gpu train.py``.

import torch.distributed as dist

from ptguide.errors import expect_error

with expect_error(ValueError, match="environment variable RANK expected"):
    dist.init_process_group("gloo")

# %%
# What needs the other processes comes after ``init_process_group``: ``all_reduce``, the sampler, DDP.

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DistributedSampler

for needs_others in (
    lambda: dist.all_reduce(torch.ones(1)),
    lambda: DistributedSampler(range(13)),
    lambda: DistributedDataParallel(nn.Linear(5, 3)),
):
    with expect_error(ValueError, match="Default process group has not been initialized"):
        needs_others()

# %%
# Four mistakes in one script
# ---------------------------
#
# Each of two processes runs all of it. The first mistake: everybody prints.

start = """
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo")  # for tensors on the CPU; "nccl" for GPUs
rank, found = dist.get_rank(), {}
print("said by all", flush=True)
if rank == 0:
    print("said by one", flush=True)
"""

# %%
# The second: process 1 does not call ``all_reduce``. Process 0 does, and would wait for long; here 2 seconds.

stays_away = """
group = dist.new_group(timeout=timedelta(seconds=2))
if rank == 0:
    try:
        dist.all_reduce(torch.ones(1), group=group)
    except RuntimeError as error:
        found["error"] = str(error)
dist.barrier()  # in another group; process 1 must not end before
"""

# %%
# The third: a layer of the model takes no part in the loss.

branches = """
class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.unused = nn.Linear(5, 3), nn.Linear(5, 3)

    def forward(self, x):
        return self.used(x)
"""

# %%
# Two steps with it: as it is, with that layer frozen, and with a setting of DDP. Each says which parameters got a
# gradient.

unused = """
def two_steps(train_all=True, **settings):
    model = Branches()
    model.unused.requires_grad_(train_all)
    network = DistributedDataParallel(model, **settings)
    for _ in range(2):
        network(torch.ones(4, 5)).sum().backward()
    return [name for name, weight in model.named_parameters() if weight.grad is not None]

try:
    two_steps()
except RuntimeError as error:
    found["unused"] = str(error)
found["frozen"] = two_steps(train_all=False)
found["found"] = two_steps(find_unused_parameters=True)
"""

# %%
# The fourth: one process fails.

fails = """
torch.save(found, Path(__file__).parent / f"{rank}.pt")
dist.barrier()
if rank == 1:
    raise ValueError("this process has no labels")
dist.destroy_process_group()
"""

# %%
# The page starts it as ``torchrun`` does, and hides the GPUs, for NCCL wants one for each process.

import os
import subprocess
import sys
import tempfile
from pathlib import Path

command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
settings = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder, "train.py")
    file.write_text(start + stays_away + branches + unused + fails)
    done = subprocess.run([*command, file], env=settings, capture_output=True, text=True)
    first, second = (torch.load(Path(folder, f"{rank}.pt")) for rank in (0, 1))

# %%
# Each line stands twice in the log
# ---------------------------------
#
# Each process prints, writes the log and saves the model, into the lines and files of the others. Let process 0 do it.
# A line that each of them has to reach, such as ``all_reduce``, does not belong under that ``if``.

import re

said = sorted(re.findall("said by all|said by one", done.stdout))  # two may share a line
print(*said, sep="\n")
assert said == ["said by all", "said by all", "said by one"]

# %%
# It hangs
# --------
#
# A process stayed away: it has a batch less, or the call stands under ``if rank == 0``. Nothing raises. The others
# wait, 30 minutes unless told otherwise, and 10 with NCCL. To find it, pass a short ``timeout=`` to
# ``init_process_group``, and let each process print what it is about to call.

from datetime import timedelta

from torch.distributed import constants

print(re.search(r"Timed out waiting \d+ms", first["error"])[0])
assert "error" not in second
assert constants.default_pg_timeout == timedelta(minutes=30)
assert constants.default_pg_nccl_timeout in (timedelta(minutes=10), None)  # a torch without NCCL

# %%
# "Expected to have finished reduction in the prior iteration"
# ------------------------------------------------------------
#
# DDP waits for the gradient of every parameter, and those of one layer never came. The end of the message counts which,
# from 0, in the order of ``parameters()``: here the weight and the bias of the second layer. Leave such a layer out, or
# freeze it *before* DDP. Where it is used only at times, ``find_unused_parameters=True`` looks for it in each step.

print(first["unused"].partition(" You can")[0])
print(re.search("Parameter indices .*", first["unused"])[0])
for process in (first, second):
    assert "Expected to have finished reduction" in process["unused"]
    assert process["frozen"] == process["found"] == ["used.weight", "used.bias"]
names = ["used.weight", "used.bias", "unused.weight", "unused.bias"]  # as parameters() has them
indices = re.search(r"receive grad for rank 0: ([\d ]+)", first["unused"])[1].split()
missing = [names[int(index)] for index in indices]
assert missing == [name for name in names if name not in first["found"]]

# %%
# "ChildFailedError"
# ------------------
#
# ``torchrun`` says this last, and names the process that failed first. It ends the others. The error itself is further
# up, where its lines begin with the number of the process. So read upwards.

lines = done.stderr.splitlines()
cause = lines.index("[rank1]: ValueError: this process has no labels")
last = next(number for number, line in enumerate(lines) if "errors.ChildFailedError" in line)
print(lines[cause], lines[last], sep="\n")
assert done.returncode != 0
assert cause < last
assert re.search(r"rank +: 1 \(local_rank: 1\)", done.stderr), done.stderr

# %%
# It is no faster
# ---------------
#
# Two processes that each read the whole data do the work of one, and nothing says so: see
# :ref:`data-for-several-processes`.

# %%
# Check yourself
# --------------

from ptguide.questions import ask

ask(
    f"A message ends in 'did not receive grad for rank 0: {' '.join(indices)}'. The model has the layers used "
    "and unused, each with weight and bias. Which parameters are these?",
    answer=" and ".join(missing),
    choices={
        "unused.weight and unused.bias": "Counted from 0, in the order of parameters().",
        "used.bias and unused.weight": "That would be counted from 1.",
    },
)

# %%
# And a batch that is missing:

ask(
    "One process has a batch less than the other. What does the other do in its last all-reduce?",
    answer="it waits" if "Timed out waiting" in first["error"] else "it goes on alone",
    choices={
        "it waits": "Until time runs out: an all-reduce returns once everybody has called it.",
        "it goes on alone": "Then its weights would differ from those of the first.",
        "it raises at once": "It can't know that the first will never come.",
    },
)

# %%
# Next: :ref:`mat1-and-mat2-shapes`, the error that matrix products raise most.

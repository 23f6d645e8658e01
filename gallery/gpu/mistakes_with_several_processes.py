"""
.. _mistakes-with-several-processes:

Why does DDP training hang, or print everything twice?
======================================================

A script that runs on one GPU hangs on two, and nothing is raised. The processes wait for each other in each exchange,
so one that stays away stops the others.
"""

# %%
# Set-up

import os
import re
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed import constants
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DistributedSampler

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

START = """
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
group = dist.new_group(timeout=timedelta(seconds=2))
"""
STAYS_AWAY = """
if rank == 0:
    dist.all_reduce(torch.ones(1), group=group)
"""
UNUSED = """
class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.unused = nn.Linear(5, 3), nn.Linear(5, 3)

    def forward(self, x):
        return self.used(x)
"""
REST = """
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
torch.save(found, Path(__file__).parent / f"{rank}.pt")
dist.barrier()
if rank == 1:
    raise ValueError("this process has no labels")
dist.destroy_process_group()
"""
indented = STAYS_AWAY.replace("\n", "\n    ")
caught = f"try:{indented}\nexcept RuntimeError as error:\n    found['error'] = str(error)\n"
command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
settings = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder, "train.py")
    file.write_text(START + caught + "dist.barrier()\n" + UNUSED + REST)
    done = subprocess.run([*command, file], env=settings, capture_output=True, text=True)
    first, second = (torch.load(Path(folder, f"{rank}.pt")) for rank in (0, 1))

# %%

print(STAYS_AWAY)
print("process 0:", re.search(r"Timed out waiting \d+ms", first["error"])[0])
print("process 1:", second.get("error", "goes on"))

# %%
# Two processes ran this code. Process 1 does not call ``all_reduce``, and process 0 waits for it, until the time limit
# of ``group`` is over: two seconds. By default that is :val:`30 <constants.default_pg_timeout / timedelta(minutes=1)>`
# minutes, and 10 with NCCL, for GPUs. You need to know :ref:`one-model-on-several-processes`.
#
# .. not looked up: 10 — the folded cell compares it where torch has NCCL
#
# The rule
# --------
#
# Each process has to reach the same exchanges in the same order: ``all_reduce``, ``barrier``, and ``backward`` of DDP.
# So they do not belong under ``if rank == 0``, and the processes need equally many batches. To find the one that stays
# away, give ``init_process_group`` a short ``timeout``, and let each process print what it is about to call.

batches = torch.tensor([8, 7])  # of two processes, without DistributedSampler
print(f"both make {batches.min()} steps; then process {batches.argmax()} waits for the other")
print("with the sampler:", [len(DistributedSampler(range(15), 2, rank)) for rank in (0, 1)])
assert len({len(DistributedSampler(range(15), 2, rank)) for rank in (0, 1)}) == 1

# %%
# It does not start
# -----------------
#
# ``python train.py`` starts one process, which looks for its number in a variable that ``torchrun`` sets. Start it with
# ``torchrun --nproc-per-node=gpu train.py``.

with expect_error(ValueError, match="environment variable RANK expected"):
    dist.init_process_group("gloo")

# %%
# Each line stands twice in the log
# ---------------------------------
#
# Each process runs the whole script: it prints, writes the log and saves the model, into the same files as the others.
# Let process 0 alone do that, by ``if rank == 0``.

said = sorted(re.findall("said by all|said by one", done.stdout))  # two may share a line
print(*said, sep="\n")
assert said == ["said by all", "said by all", "said by one"]

# %%
# "Expected to have finished reduction in the prior iteration"
# ------------------------------------------------------------
#
# DDP waits for the gradient of each parameter, and those of one layer do not come. The end of the message says which
# parameters these are: it counts from 0, in the order of ``parameters()``, without the frozen ones. Leave such a layer
# out, or freeze it *before* DDP. If it is used at times, give DDP ``find_unused_parameters=True``, which searches the
# graph in each step.

print(first["unused"].partition(" You can")[0])
print(re.search("Parameter indices .*", first["unused"])[0])
print("with find_unused_parameters=True, gradients of", first["found"])
names = ["used.weight", "used.bias", "unused.weight", "unused.bias"]  # as parameters() has them
indices = re.search(r"receive grad for rank 0: ([\d ]+)", first["unused"])[1].split()
missing = [names[int(index)] for index in indices]
assert missing == ["unused.weight", "unused.bias"]

# %%
# "ChildFailedError"
# ------------------
#
# ``torchrun`` says this last, after it has ended the other processes. The error itself is further up, in lines that
# begin with the number of the process. So read upwards.

lines = done.stderr.splitlines()
cause = lines.index("[rank1]: ValueError: this process has no labels")
last = next(number for number, line in enumerate(lines) if "errors.ChildFailedError" in line)
print(lines[cause], "...", lines[last], sep="\n")
assert cause < last

# %%
# .. use-this::
#
#    Start by ``torchrun``, and give the loader a ``DistributedSampler``. Print and save under ``if rank == 0``, and
#    exchange outside of it. While you look for a mistake, set a short ``timeout``. For a long evaluation in one
#    process, set a longer one. ``find_unused_parameters=True`` costs a search in each step, so use it where a layer is
#    really left out. Two processes that are no faster than one may both read the whole data:
#    :ref:`data-for-several-processes`.

# %%
# How this was checked

assert "error" not in second
assert constants.default_pg_timeout == timedelta(minutes=30)
assert constants.default_pg_nccl_timeout in (timedelta(minutes=10), None)  # a torch without NCCL
for process in (first, second):
    assert "Expected to have finished reduction" in process["unused"]
    assert process["frozen"] == process["found"] == ["used.weight", "used.bias"]
assert done.returncode != 0
assert re.search(r"rank +: 1 \(local_rank: 1\)", done.stderr), done.stderr
# What needs the others comes after init_process_group.
for needs_others in (
    lambda: dist.all_reduce(torch.ones(1)),
    lambda: DistributedSampler(range(13)),
    lambda: DistributedDataParallel(nn.Linear(5, 3)),
):
    with expect_error(ValueError, match="Default process group has not been initialized"):
        needs_others()


# The message counts parameters that require a gradient, and freezing after DDP does not help.
class Frozen(nn.Module):
    def __init__(self):
        super().__init__()
        self.frozen, self.used, self.unused = nn.Linear(5, 5), nn.Linear(5, 3), nn.Linear(5, 3)
        self.frozen.requires_grad_(False)

    def forward(self, x):
        return self.used(self.frozen(x))


with tempfile.TemporaryDirectory() as folder:
    meeting = Path(folder, "meeting").as_uri()
    dist.init_process_group("gloo", init_method=meeting, rank=0, world_size=1)
    for late in (False, True):
        alone = Frozen()
        network = DistributedDataParallel(alone)
        alone.unused.requires_grad_(not late)
        network(torch.ones(4, 5)).sum().backward()
        with expect_error(RuntimeError, match="receive grad for rank 0: 2 3"):
            network(torch.ones(4, 5))
    dist.destroy_process_group()

# %%
# Check yourself
# --------------

ask(
    f"A message ends in 'did not receive grad for rank 0: {' '.join(indices)}'. The model has the layers used "
    "and unused, each with weight and bias. Which parameters are these?",
    answer=" and ".join(missing),
    choices={
        "unused.weight and unused.bias": "The numbers count from 0, in the order of parameters().",
        "used.bias and unused.weight": "Counting from 1 would give these.",
    },
)

# %%
# In the next question a batch is missing.

ask(
    "One process has a batch less than the other. What does the other do in its last all-reduce?",
    answer="it waits" if "Timed out waiting" in first["error"] else "it goes on alone",
    choices={
        "it waits": "It waits until time runs out: an all-reduce returns once each process has called it.",
        "it goes on alone": "Then its weights would differ from those of the first.",
        "it raises at once": "It can't know that the first will never come.",
    },
)

# %%
# **Exercise.** Where does it hang? ``batches`` says how many batches each process has in an epoch, in shape (process,).
# Each batch is one exchange. Return how many exchanges succeed before one hangs, or -1 if the epoch ends well.


def by_play(batches):
    left, succeeded = batches.tolist(), 0
    while any(left):
        if not all(left):  # some call the exchange, and the others have left the loop
            return torch.tensor(succeeded)
        left, succeeded = [one - 1 for one in left], succeeded + 1
    return torch.tensor(-1)


cases = [
    (torch.tensor([3, 3]),),
    (torch.tensor([8, 7]),),
    (torch.tensor([2, 5, 2]),),
    (torch.tensor([0, 1]),),
]


def hangs_after(batches):
    raise NotImplementedError


check(hangs_after, by_play, cases)

# %%
# The process with the fewest batches decides.

# Solution


def hangs_after(batches):
    return batches.min() if batches.min() < batches.max() else torch.tensor(-1)


report = check(hangs_after, by_play, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`mat1-and-mat2-shapes`, the first page on errors.
#
# - PyTorch contributors (2026). `torch.distributed <https://docs.pytorch.org/docs/stable/distributed.html>`__. The
#   exchanges, their time limits, and a chapter on looking for mistakes.
# - PyTorch contributors (2026). `torchrun <https://docs.pytorch.org/docs/stable/elastic/run.html>`__. Its arguments and
#   the variables that it sets.

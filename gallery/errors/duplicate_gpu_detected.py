"""
.. _duplicate-gpu-detected:

DistBackendError: NCCL error: Duplicate GPU detected, unhandled system error, Watchdog caught collective timeout
================================================================================================================

NCCL exchanges tensors between GPUs, and one of the processes could not take part. Give each process its own GPU by
``LOCAL_RANK``; after a timeout, find the process that did not come.
"""

# %%
# Set-up

import mmap
import os
import re
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from ptguide.exercises import check
from ptguide.questions import ask

QUOTED = (
    "DistBackendError: NCCL error in: NCCLUtils.hpp:275, invalid usage (run with NCCL_DEBUG=WARN for details)\n"
    "ncclInvalidUsage: This usually reflects invalid usage of NCCL library. Last error: Duplicate GPU detected : "
    "rank 0 and rank 1 both on CUDA device 2000\n"
    "RuntimeError: NCCL Error 2: unhandled system error (run with NCCL_DEBUG=INFO for details)\n"
    "DistBackendError: [Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=610, OpType=ALLREDUCE, "
    "NumelIn=56320, NumelOut=56320, Timeout(ms)=600000) ran for 600007 milliseconds before timing out.\n"
    "DistBackendError: ProcessGroupNCCL's watchdog got stuck for 480 seconds without making progress in monitoring "
    "enqueued collectives."
)
PARTS = [
    "ncclInvalidUsage: This usually reflects invalid usage of NCCL library.",
    "Watchdog caught collective operation timeout: ",
    " milliseconds before timing out.",
    "watchdog got stuck for ",
    "ncclSystemError: System call (e.g. socket, malloc) or external library call failed or device error.",
]
TRAIN = """
import os
import time
from datetime import timedelta

import torch
import torch.distributed as dist

rank = int(os.environ["LOCAL_RANK"])
# torch.cuda.set_device(rank)  # with GPUs: before init_process_group
dist.init_process_group("gloo")  # with GPUs: "nccl"
try:
    if rank == 0:
        dist.all_reduce(torch.ones(5))
    else:
        dist.broadcast(torch.ones(3), src=0)
except RuntimeError as error:
    print(f"{rank} different calls: {error}", flush=True)
try:
    if rank == 0:
        dist.monitored_barrier(timeout=timedelta(seconds=2))
except RuntimeError as error:
    print(f"{rank} nobody came: {error}", flush=True)
if rank == 0:
    open("seen", "w").close()
while not os.path.exists("seen"):  # process 1 is there, and does something else
    time.sleep(0.1)
print(f"{rank} cuda:{rank}", flush=True)
os._exit(0)
"""
REACH = """
from datetime import timedelta
import torch.distributed as dist

try:
    dist.TCPStore("127.0.0.1", 1, world_size=2, is_master=False, timeout=timedelta(seconds=1))
except dist.DistNetworkError as error:
    print(f"{type(error).__name__}: {error}")
"""
env = os.environ | {
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "TORCH_DISTRIBUTED_DEBUG": "DETAIL",
    "PYTHONUNBUFFERED": "",
}
command = [
    sys.executable,
    "-m",
    "torch.distributed.run",
    "--standalone",
    "--nproc-per-node=2",
    "--no-python",  # torchrun runs python -u, and the lines of two processes mix
    sys.executable,
    "train.py",
]
with tempfile.TemporaryDirectory() as folder:
    Path(folder, "train.py").write_text(TRAIN)
    trying = [sys.executable, "-c", REACH]
    reached = subprocess.run(trying, env=env, capture_output=True, text=True).stdout.strip()
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def said(words):
    """Return the line of process 0 with some words."""
    return next(
        line[2:] for line in done.stdout.splitlines() if line.startswith("0 ") and words in line
    )


def in_library(parts):
    """Return whether torch's library for CUDA holds these words, or nothing where there is none."""
    library = Path(torch.__file__).parent / "lib" / "libtorch_cuda.so"
    if not library.is_file():
        return None
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as words:
        return [words.find(part.encode()) > 0 for part in parts]


# %%

print(QUOTED)
assert in_library(PARTS) in ([True] * len(PARTS), None)

# %%
# These are quoted from threads of users, because NCCL needs GPUs. The page found their fixed parts in the installed
# torch, apart from the lines of NCCL itself. The words *invalid usage* point to your code, and *system error* points to
# the machine. A *watchdog* waited for the others, and gave up.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ====================================================================  ==============================================
# The message says                                                      Fix
# ====================================================================  ==============================================
# :ref:`Duplicate GPU detected <nccl-duplicate>`                        ``torch.cuda.set_device(local_rank)``
# :ref:`Watchdog caught collective operation timeout <nccl-watchdog>`   the same calls in each process
# :ref:`unhandled system error <nccl-system>`                           read ``NCCL_DEBUG=INFO``; shared memory
# :ref:`unhandled cuda error <nccl-system>`                             the same; memory of the GPU, driver
# :ref:`connect() timed out <nccl-connect>`                             address and port of process 0
# ====================================================================  ==============================================
#
# .. _nccl-duplicate:
#
# Duplicate GPU detected
# ----------------------
#
# Two processes use one GPU. ``"cuda"`` without a number is GPU 0 in each process until ``set_device`` says otherwise.
# It also comes with more processes than GPUs. On the second machine, ``RANK`` in place of ``LOCAL_RANK`` names GPUs
# that do not exist. The number in the message is the address of the GPU, which ``nvidia-smi`` writes with colons.


def pci(number):
    """Return the address of a GPU as nvidia-smi shows it."""
    digits = number.zfill(7)
    return f"{digits[:-5].zfill(4)}:{digits[-4:-2] if len(digits) < 7 else digits[-5:-3]}:{digits[-3:-1]}.{digits[-1]}"


assert torch.device("cuda").index is None
for number in ("2000", "4f000"):
    print(f"CUDA device {number} is {pci(number)}")
gpus, processes = 4, 8  # of one machine, and of two
for name, ranks in {
    "RANK": range(processes),
    "LOCAL_RANK": [rank % gpus for rank in range(processes)],
}.items():
    print(f"{name:11}GPUs", *ranks, "| exist:", max(ranks) < gpus)
assert pci("2000") == "0000:02:00.0"
assert pci("4f000") == "0000:4f:00.0"

# %%
# .. _nccl-watchdog:
#
# The watchdog, after 10 minutes
# ------------------------------
#
# The process that reports has waited; another one is the cause. It ran fewer batches, called another exchange, saved or
# evaluated for too long, or has failed. Set ``TORCH_DISTRIBUTED_DEBUG=DETAIL``: then each exchange is compared first.
# The page ran this script with two processes on the CPU.
#
# .. not looked up: 10 — the folded cell compares it where torch has NCCL

print(TRAIN)
mismatch = said("different calls").partition(": ")[2]
print("RuntimeError:", mismatch.partition(". Rank")[0], "...")
running = re.findall(r"Rank (\d) is running.*?OpType=(\w+), TensorShape=\[(\d)\]", mismatch)
for rank, call, shape in sorted(running):
    print(f"process {rank}: {call} of {shape} numbers")
assert "Detected mismatch between collectives on ranks" in mismatch

# %%
# Who did not come?
# -----------------
#
# ``monitored_barrier`` names the process that stays away. It needs a group with ``"gloo"``, which you can make beside
# that of NCCL by ``dist.new_group(backend="gloo")``. Call it before the exchange that hangs. For longer work in one
# process, give ``init_process_group`` a longer ``timeout``. See :ref:`mistakes-with-several-processes`.

barrier = said("nobody came").partition(": ")[2]
print("RuntimeError:", barrier)
assert "Rank 1 failed to pass monitoredBarrier in 2000 ms" in barrier

# %%
# .. _nccl-system:
#
# unhandled system error
# ----------------------
#
# NCCL writes the reason into its log: run with ``NCCL_DEBUG=INFO``, and read the lines with ``WARN``. In threads of
# users it was most often the shared memory of a container, which has 64 MB by default (``--shm-size=1g`` or
# ``--ipc=host``). Next came the wrong network card, which ``NCCL_SOCKET_IFNAME`` chooses. ``df -h /dev/shm`` shows the
# shared memory that a container has.
#
# .. not looked up: 64 MB — Docker's default, in the troubleshooting of NCCL that is linked below

print("ncclSystemError:", PARTS[4].partition(": ")[2])

# %%
# .. _nccl-connect:
#
# connect() timed out
# -------------------
#
# The processes did not even meet. ``MASTER_ADDR`` and the port have to lead to the machine of process 0, through its
# firewall, and process 0 has to be running. Old versions said ``connect() timed out.`` (quoted); today's says where
# it tried to connect. Try the port by hand: ``nc -vz ADDRESS PORT``.

print("RuntimeError: connect() timed out.")
print(REACH, reached, sep="\n")
assert reached.startswith("DistNetworkError: The client socket has timed out after 1000ms")

# %%
# .. use-this::
#
#    Start by ``torchrun``, and begin with ``torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))``. Call each
#    exchange in each process. While you look for a mistake, set ``NCCL_DEBUG=INFO``,
#    ``TORCH_DISTRIBUTED_DEBUG=DETAIL`` and a ``timeout`` of a minute. DETAIL makes each exchange slower. Run the
#    script with ``"gloo"`` on the CPU, too: what hangs there has nothing to do with NCCL.
#
# A common mistake
# ----------------
#
# A longer ``timeout`` silences a watchdog and moves the end of the run by hours, if the calls differ. It is right where
# the work is slow and the calls agree. Count the exchanges of each process first: here process 1 has one batch less.

batches = {"process 0": 8, "process 1": 7}
waits = max(batches, key=batches.__getitem__)
print(f"{waits} waits in exchange {max(batches.values())}, whatever the timeout")
assert len(set(batches.values())) > 1

# %%
# How this was checked

assert done.returncode == 0, done.stderr
assert sorted(re.findall(r"^\d (cuda:\d)$", done.stdout, re.M)) == ["cuda:0", "cuda:1"]
assert dist.constants.default_pg_nccl_timeout in (timedelta(minutes=10), None)
# The addresses: the text of an address without its points is the number.
for address in ("0000:01:00.0", "0000:4f:00.0", "0000:a0:00.0", "0000:0f:00.0", "0000:e4:00.0"):
    number = f"{int(address.replace(':', '').replace('.', ''), 16):x}"
    assert pci(number) == address, number

# %%
# Check yourself
# --------------

local_ranks = [rank % gpus for rank in range(processes)]
ask(
    "Two machines have 4 GPUs each, and 8 processes run. What does set_device get in the process with RANK 6?",
    answer=local_ranks[6],
    choices={
        6: "There is no GPU 6 on the machine.",
        2: "LOCAL_RANK counts on each machine from 0.",
        4: f"A machine numbers its GPUs from {min(local_ranks)} to {max(local_ranks)}.",
    },
)

# %%
# The next question is about two calls.

calls = dict(re.findall(r"Rank (\d) is running.*?OpType=(\w+)", mismatch))
ask(
    "Process 0 calls all_reduce and process 1 calls broadcast. Without DETAIL, NCCL waits. What do both need?",
    answer="the same call" if calls["0"] != calls["1"] else "a longer timeout",
    choices={
        "the same call": "Exchanges are matched by their order.",
        "a longer timeout": "Neither of the two would ever be complete.",
    },
)

# %%
# **Exercise.** ``calls`` has a row for each process: the exchanges that it makes, as numbers, filled up with -1.
# Return the place of the first exchange that is not the same in all processes, or -1.


def first_mismatch(calls):
    raise NotImplementedError


def by_loop(calls):
    for place in range(calls.shape[1]):
        if len(set(calls[:, place].tolist())) > 1:
            return torch.tensor(place)
    return torch.tensor(-1)


cases = [
    (torch.tensor([[1, 1, 2], [1, 1, 2]]),),
    (torch.tensor([[1, 1, 2, 2], [1, 1, 2, -1]]),),
    (torch.tensor([[1, 2], [2, 1], [1, 2]]),),
]
check(first_mismatch, by_loop, cases)

# %%
# Compare each row with the first one.

# Solution


def first_mismatch(calls):
    differs = (calls != calls[0]).any(dim=0).nonzero()
    return differs[0, 0] if len(differs) else torch.tensor(-1)


report = check(first_mismatch, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`graph-break-under-fullgraph`, an error of ``torch.compile``.
#
# - NVIDIA (2026). `NCCL: troubleshooting
#   <https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html>`__. Its errors and shared memory.
# - Castricato (2025). `A container with too little shared memory <https://github.com/pytorch/torchtitan/issues/853>`__.
#   The whole message, and the option.

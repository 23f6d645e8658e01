"""
.. _dataloader-worker-is-killed:

RuntimeError: DataLoader worker (pid 22048) is killed by signal: Killed.
========================================================================

The system ended a process that loads your data, most often because memory was short. Take fewer workers, and let each
hold less.
"""

# %%
# Set-up

import multiprocessing
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, SequentialSampler

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

fork = multiprocessing.get_context("fork")


class Samples(Dataset):
    """Forty samples. The worker that makes number 5 gets a signal, as the system would send it."""

    def __init__(self, number=None):
        self.number = number

    def __len__(self):
        return 40

    def __getitem__(self, index):
        if index == 5 and self.number:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # some signals make torch print a line
            os.kill(os.getpid(), self.number)
        return torch.full((3,), float(index))


def said(loader):
    """Run through a loader that fails; return its error and the one that led to it, with one number for processes."""
    for _ in range(
        9
    ):  # on a busy machine it may see that the process is gone before it hears of the signal
        try:
            list(loader)
        except RuntimeError as error:
            both = [str(one) for one in (error.__cause__, error) if one is not None]
            if len(both) == 2:
                return [re.sub(r"\d+", "22048", line).strip() for line in both]
    raise AssertionError("no worker was killed by a signal")


def run(code, *flags):
    """Run code as a script of its own, and return its errors."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "train.py").write_text(code)
        command = [sys.executable, *flags, "train.py"]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=300
        )
    return done.stderr


def private_megabytes():
    """Return how much memory this process has that no other shares."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty")) / 1000


def read_all(data, sender):
    before = private_megabytes()
    for index in range(len(data)):
        data[index]
    sender.send(private_megabytes() - before)


def grows(data):
    """Return how many megabytes a process gets of its own by reading data that it shares."""
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=read_all, args=(data, sender))
    process.start()
    grown = receiver.recv()
    process.join()
    return grown


def put(queue, done):
    """Send tensors to another process, as a worker sends batches."""
    for _ in range(200):
        queue.put(torch.ones(3))
    done.wait(60)


def get_all(open_files):
    """Get tensors of another process and keep them, in a process that may have few files open."""
    context = torch.multiprocessing.get_context("fork")
    queue, done = context.Queue(), context.Event()
    worker = context.Process(target=put, args=(queue, done))
    worker.start()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, hard))
        return [queue.get(timeout=60) for _ in range(200)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        done.set()
        worker.terminate()
        worker.join()


# %%

for line in said(DataLoader(Samples(signal.SIGKILL), batch_size=4, num_workers=1)):
    print("RuntimeError:", line)

# %%
# The word after "signal" says who ended the worker. *Killed* is a signal that a process cannot catch. Its usual sender
# is Linux when memory runs out, or a cluster or container whose limit is reached. Here the data set sends it to its own
# worker.
#
# .. longer: 9 cells; 7 screens — each message has a cell of its own
#
# .. not looked up: len(os.sched_getaffinity(0)) — the cell of the cause runs it
#
# ======================================================================  ==============================================
# The message                                                             Fix
# ======================================================================  ==============================================
# :ref:`killed by signal: Killed <killed-memory>`                         fewer workers, a smaller ``prefetch_factor``
# :ref:`the same, hours after the start <killed-list>`                    arrays or tensors in place of lists
# :ref:`Bus error, insufficient shared memory <killed-bus>`               a container with a larger ``/dev/shm``
# :ref:`Segmentation fault <killed-fault>`                                ``python -X faulthandler``
# :ref:`received 0 items of ancdata <killed-files>`                       ``set_sharing_strategy("file_system")``
# :ref:`Too many open files <killed-files>`                               the same
# :ref:`BrokenPipeError: [Errno 32] Broken pipe <killed-pipe>`            ``if __name__ == "__main__":``
# :ref:`will create 8 worker processes in total <killed-many>`            ``len(os.sched_getaffinity(0))`` at most
# ======================================================================  ==============================================
#
# .. _killed-memory:
#
# Killed: how much the workers hold
# ---------------------------------
#
# First look for the sender: ``dmesg`` names processes that Linux has killed, and a cluster has its own report. Then
# count. Each worker prepares ``prefetch_factor`` batches in advance, 2 by default. Here a sampler counts how many
# indices have been given out when the first batch arrives.


class Counting(SequentialSampler):
    given = 0

    def __iter__(self):
        for index in super().__iter__():
            self.given += 1
            yield index


for workers, prefetch in [(1, 2), (2, 2), (2, 1)]:
    sampler = Counting(Samples())
    settings = {"num_workers": workers, "prefetch_factor": prefetch}
    batches = iter(DataLoader(Samples(), batch_size=4, sampler=sampler, **settings))
    next(batches)
    print(f"workers {workers}, prefetch_factor {prefetch}: {sampler.given // 4 - 1} batches ahead")
    assert sampler.given // 4 - 1 == workers * prefetch
    del batches

# %%
# .. _killed-list:
#
# Killed after hours: a list in the data set
# ------------------------------------------
#
# A worker that is forked shares the memory of your process until it writes there. Reading a Python object writes too,
# because Python counts its references. So a long list is copied into each worker, page by page. An array of NumPy is
# one object: its numbers or fixed-length strings are not counted. See `the thread on it
# <https://github.com/pytorch/pytorch/issues/13246>`__.

# Measured in megabytes that a forked process gets of its own by reading.
names = [f"photos/{number}.png" for number in range(400_000)]
rows = np.array(names, dtype="S")  # rows[k].decode() is the name again
of_list, of_array = grows(names), grows(rows)
print(f"a list of strings: {of_list:.0f} MB, an array: {of_array:.0f} MB")
assert of_list > 10 * max(of_array, 1)

# %%
# .. _killed-bus:
#
# Bus error: shared memory
# ------------------------
#
# On Linux a worker puts the tensors of its batch into shared memory, in the folder ``/dev/shm``. Docker gives a
# container 64 MB of it by default. Start the container with ``--shm-size=8g`` or ``--ipc=host``. ``shutil.disk_usage``
# says how much there is.
#
# .. not looked up: 64 MB — Docker's reference has the default

print("RuntimeError:", said(DataLoader(Samples(signal.SIGBUS), batch_size=4, num_workers=1))[0])
shared = shutil.disk_usage("/dev/shm")
assert 0 <= shared.free <= shared.total

# %%
# .. _killed-fault:
#
# Segmentation fault: a library
# -----------------------------
#
# Code written in C, often a library for images or videos, has used memory that is not its own. Run the loader without
# workers, and let Python print the line at which the process ends.

CODE = """
import os, signal
from torch.utils.data import DataLoader, Dataset

class Videos(Dataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        os.kill(os.getpid(), signal.SIGSEGV)  # stands for the library

list(DataLoader(Videos(), num_workers=0))
"""
print("RuntimeError:", said(DataLoader(Samples(signal.SIGSEGV), batch_size=4, num_workers=1))[0])
print(re.search(r'File "\S*(train.py", line \d+ in \w+)', run(CODE, "-X", "faulthandler"))[1])

# %%
# .. _killed-files:
#
# received 0 items of ancdata
# ---------------------------
#
# On Linux, a tensor that comes from a worker needs an open file in your process, as long as you keep the tensor. A list
# of 200 of them reaches the limit, which ``ulimit -n`` prints; here it is 70. Today's loader says "Too many open files"
# in place of the first message, where it can. Copy what you keep with ``clone()``, or share by names of files.

with expect_error(RuntimeError, match="received 0 items of ancdata"):
    get_all(open_files=70)
torch.multiprocessing.set_sharing_strategy("file_system")
assert len(get_all(open_files=70)) == 200
torch.multiprocessing.set_sharing_strategy("file_descriptor")

# %%
# .. _killed-pipe:
#
# BrokenPipeError
# ---------------
#
# Your process sends the data set to a worker that has already ended. On Windows, and wherever workers import the
# script, the usual reason is the missing guard. The error of the worker is further up. See :ref:`bootstrapping-phase`.

CODE = """
from torch.utils.data import DataLoader

data = [20 * str(k) for k in range(50_000)]
loader = DataLoader(data, num_workers=1, multiprocessing_context="forkserver")
next(iter(loader))
"""
errors = run(CODE)
found = re.findall(r"^BrokenPipeError: .*", errors, re.MULTILINE)
print(*found, sep="\n")
assert found == ["BrokenPipeError: [Errno 32] Broken pipe"]
above = errors.partition("BrokenPipeError")[0]
assert "An attempt has been made to start a new process" in above

guarded = CODE.replace("next(iter(loader))", 'if __name__ == "__main__":\n    next(iter(loader))')
assert "Error" not in run(guarded)

# %%
# .. _killed-many:
#
# This DataLoader will create 8 worker processes in total
# -------------------------------------------------------
#
# The loader warns if there are more workers than the processors that this process may use. A cluster may give a job few
# of the machine's processors. A limit of time, as Docker's ``--cpus`` sets it, is not in this count. The printed
# message has other numbers in place of this machine's.

cores = len(os.sched_getaffinity(0))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    DataLoader(Samples(), num_workers=cores + 4)
warned = str(caught[0].message).partition(". Please")[0]
assert warned.startswith(f"This DataLoader will create {cores + 4} worker processes in total.")
assert f"in current system is {cores}, which" in warned
print(
    "UserWarning:",
    warned.replace(f"create {cores + 4}", "create 8").replace(f"is {cores},", "is 4,"),
)

# %%
# .. use-this::
#
#    Begin with two workers, and add one as long as an epoch gets faster, up to the number of processors. Keep names of
#    files in the data set and open them in ``__getitem__``. Keep long lists as one array. Look at the memory of the
#    whole machine while the second epoch runs. With fewer workers, the model may wait for its data.
#
# A common mistake
# ----------------
#
# ``persistent_workers=True`` and a larger ``prefetch_factor`` may make loading faster, and both take memory. The first
# keeps the workers and their copies between epochs. The second lets each hold more: here the 9 batches that are left
# are prepared while the first is used.

sampler = Counting(Samples())
settings = {"num_workers": 2, "prefetch_factor": 5, "persistent_workers": True}
batches = iter(DataLoader(Samples(), batch_size=4, sampler=sampler, **settings))
next(batches)
print("batches ahead:", sampler.given // 4 - 1)
assert sampler.given // 4 - 1 == 9 == len(range(40)[4:]) // 4
del batches

# %%
# How this was checked

# Each signal has its message, and the loader names it in front of the general error.
for number, name in [
    (signal.SIGKILL, "Killed"),
    (signal.SIGTERM, "Terminated"),
    (signal.SIGSEGV, "Segmentation fault"),
    (signal.SIGABRT, "Aborted"),
]:
    first, last = said(DataLoader(Samples(number), batch_size=4, num_workers=1))
    assert first == f"DataLoader worker (pid 22048) is killed by signal: {name}."
    assert last == "DataLoader worker (pid(s) 22048) exited unexpectedly"
# Without workers and without a signal, the same data set runs through.
assert len(list(DataLoader(Samples(), batch_size=4))) == 10
assert len(list(DataLoader(Samples(), batch_size=4, num_workers=2))) == 10
# The loader itself says the other message, where fewer than ten files can be opened.
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (60, hard))
try:
    for keep in (True, False):
        loader = DataLoader([torch.ones(3)] * 400, batch_size=4, num_workers=1)
        if keep:
            with expect_error(RuntimeError, match="Too many open files|items of ancdata"):
                list(loader)
        else:
            assert sum(len(batch.clone()) for batch in loader) == 400
    copies = [batch.clone() for batch in DataLoader([torch.ones(3)] * 400, 4, num_workers=1)]
    assert len(copies) == 100
finally:
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
# The names can be read back from the array; one of objects is a list in other clothes.
assert [row.decode() for row in rows[::1000]] == names[::1000]
assert grows(np.array(names, dtype=object)) > 10 * max(of_array, 1)
# The default of prefetch_factor.
assert DataLoader(Samples(), num_workers=1).prefetch_factor == 2
# Workers that persist are the same processes in the next epoch.


class Pids(Samples):
    def __getitem__(self, index):
        return os.getpid()


for persistent in (True, False):
    loader = DataLoader(Pids(), num_workers=1, persistent_workers=persistent)
    first_epoch, second_epoch = ({int(pid) for pid in loader} for _ in range(2))
    assert (first_epoch == second_epoch) == persistent
    del loader

# %%
# Check yourself
# --------------


def ahead(workers, prefetch):
    sampler = Counting(Samples())
    settings = {"num_workers": workers, "prefetch_factor": prefetch}
    batches = iter(DataLoader(Samples(), batch_size=2, sampler=sampler, **settings))
    next(batches)
    return sampler.given // 2 - 1


ask(
    "A loader has 2 workers and the default prefetch_factor. How many batches are prepared while the first is used?",
    answer=ahead(2, 2),
    choices={
        1: "Workers do not wait for the loop: each prepares prefetch_factor batches.",
        2: "That is the number for one worker, or for prefetch_factor=1.",
        4: "2 workers with 2 batches each.",
    },
)

# %%
# The next question is about a message.

first, last = said(DataLoader(Samples(signal.SIGTERM), batch_size=4, num_workers=1))
ask(
    "A worker gets the signal SIGTERM, as 'kill' sends it. What does the first error say after 'killed by signal'?",
    answer=first.rpartition(": ")[2].strip("."),
    choices={
        "Killed": "That is SIGKILL, which Linux sends when memory runs out.",
        "Terminated": "Somebody, or a cluster at its limit of time, asked the process to end.",
        "Bus error": "That is SIGBUS, the signal of shared memory that is missing.",
    },
)

# %%
# **Exercise.** Choose the number of workers. ``cores`` may be used, each batch takes ``batch`` bytes, each worker holds
# ``prefetch`` of them, and together they may hold ``room`` bytes. Return the largest number as a tensor of one integer.


def workers(cores, batch, prefetch, room):
    raise NotImplementedError


def by_trying(cores, batch, prefetch, room):
    most = 0
    for count in range(1, cores + 1):
        if count * prefetch * batch <= room:
            most = count
    return torch.tensor(most)


cases = [(8, 100, 2, 1000), (4, 100, 2, 1000), (8, 300, 2, 500), (8, 100, 3, 900), (2, 7, 1, 14)]
check(workers, by_trying, cases)

# %%
# One worker holds ``prefetch * batch`` bytes.

# Solution


def workers(cores, batch, prefetch, room):
    return torch.tensor(min(cores, room // (prefetch * batch)))


report = check(workers, by_trying, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`batch-must-contain-tensors`, an error of samples that are no tensors. How many workers pay is on
# :ref:`dataloader-workers`.
#
# - PyTorch contributors (2026). `Multiprocessing best practices
#   <https://docs.pytorch.org/docs/stable/notes/multiprocessing.html>`__. How tensors are sent between processes.
# - PyTorch contributors (2026). `Multiprocessing package: sharing strategies
#   <https://docs.pytorch.org/docs/stable/multiprocessing.html#sharing-strategies>`__. What each strategy leaves open.
# - Wu (2022). `Demystify RAM usage in multi-process data loaders
#   <https://ppwwyyxx.com/blog/2022/Demystify-RAM-Usage-in-Multiprocess-DataLoader/>`__. The list in the data set,
#   measured.

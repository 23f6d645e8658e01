"""
.. _dataloader-workers:

num_workers: what do the workers of a DataLoader do?
====================================================

The GPU waits, because your loop reads and transforms the examples of each batch before it trains on them. With
``num_workers``, other processes make the next batches meanwhile, each with a copy of your data set and its own random
numbers.
"""

# %%
# Set-up

import importlib
import multiprocessing
import os
import pickle
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader

from ptguide.exercises import check
from ptguide.questions import ask

# The classes are written into a file and imported, because a worker may have to import them, too.
module = """
import os
import time
import torch
from torch.utils.data import Dataset, IterableDataset, get_worker_info

def worker():
    info = get_worker_info()  # None in the process of the loop
    return -1 if info is None else info.id

class Slow(Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, index):
        start = time.time()
        time.sleep(0.02)  # as if a file were read
        return worker(), start, time.time()

class Squares(Dataset):
    calls = 0

    def __len__(self):
        return 7

    def __getitem__(self, index):
        self.calls += 1
        return index**2, worker()

class Noise(Squares):
    def __getitem__(self, index):
        return torch.randint(100, ())

class Processes(Squares):
    def __getitem__(self, index):
        return os.getpid()

class Stream(IterableDataset):
    def __iter__(self):
        yield from range(100, 105)

class DividedStream(Stream):
    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        yield from range(100 + first, 105, step)
"""
script = """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

def square(index):
    return index**2

def main():
    with ProcessPoolExecutor(1, mp_context=get_context("METHOD")) as worker:
        print(list(worker.map(square, range(4))))
"""
if __name__ == "__main__":
    temporary = tempfile.TemporaryDirectory()
    folder = Path(temporary.name)
    (folder / "readers.py").write_text(module, encoding="utf-8")
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()  # Python remembers what the folder held before
    from readers import DividedStream, Noise, Processes, Slow, Squares, Stream


def timeline(workers):
    """Return the spans (who, start, end) of an epoch in seconds; workers have been started before."""
    loader = DataLoader(Slow(), 2, num_workers=workers, persistent_workers=workers > 0)
    list(loader)
    begun, spans = time.time(), []
    for makers, starts, ends in loader:
        spans.append((makers[0].item(), starts[0].item() - begun, ends[-1].item() - begun))
        start = time.time()
        time.sleep(0.02)  # as if the network were trained
        spans.append(("loop", start - begun, time.time() - begun))
    return spans


def draw_timelines():
    _, axes = plt.subplots(
        2, 1, figsize=(5.4, 2.6), sharex=True, height_ratios=[1, 3], layout="constrained"
    )
    for axis, workers in zip(axes, (0, 2), strict=True):
        rows = ["the loop", *[f"worker {k}" for k in range(workers)]]
        for who, start, end in timeline(workers):
            row = 0 if who in ("loop", -1) else 1 + who
            color = "tab:blue" if who == "loop" else "tab:orange"
            axis.barh(row, 1000 * (end - start), left=1000 * start, color=color, edgecolor="white")
        axis.set(yticks=range(len(rows)), yticklabels=rows, ylabel=f"{workers} workers")
        axis.invert_yaxis()
    axes[1].set_xlabel("milliseconds; orange: make a batch, blue: train on it")
    plt.suptitle("Workers make batches while the loop trains")
    plt.show()


def run_script(ending, method="spawn"):
    (folder / "train.py").write_text(script.replace("METHOD", method) + ending, encoding="utf-8")
    command = [sys.executable, str(folder / "train.py")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def fastest_epoch(data, workers):
    """Return the milliseconds of an epoch, the best of three, workers being there already."""
    loader = DataLoader(data, 2, num_workers=workers, persistent_workers=workers > 0)
    list(loader)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        list(loader)
        times.append(1000 * (time.perf_counter() - start))
    return min(times)


# %%

# Measured on the machine that built this page.
if __name__ == "__main__":
    draw_timelines()

# %%
# Time runs to the right. Without workers the loop makes a batch and trains on it, in turns. Two workers make batches
# ahead, and the epoch ends sooner. You need to know :ref:`custom-dataset`.
#
# The rule
# --------
#
# A :term:`worker` is a :term:`process` with a copy of the data set. Counted from 0, worker k of n makes the whole
# batches k, k + n, k + 2n and so on. The loader hands them out in their order, and asks each worker for
# ``prefetch_factor`` batches ahead. In a script, put what starts workers below ``if __name__ == "__main__":``.

if __name__ == "__main__":
    loader = DataLoader(Squares(), batch_size=2, num_workers=2)
    for values, makers in loader:
        print(f"{values.tolist()} by worker {makers[0]}")
    assert loader.prefetch_factor == 2

# %%
# Are the batches the same?
# -------------------------
#
# They are the same where an example depends on its index alone. Each worker has its own random numbers, seeded with a
# number that your process draws plus the number of the worker. So a random transform gives other examples with workers
# than without, as here. With the same :term:`seed` and the same number of workers it gives the same again.

if __name__ == "__main__":
    drawn = {}
    for workers in (0, 0, 2, 2):
        torch.manual_seed(0)
        loader = DataLoader(Noise(), batch_size=7, num_workers=workers)
        drawn.setdefault(workers, []).append(next(iter(loader)).tolist())
        print(workers, "workers:", drawn[workers][-1])

# %%
# What ``__getitem__`` changes in the data set, it changes in the worker's copy. A counter or a cache in your own
# process stays as it was.

if __name__ == "__main__":
    calls = {}
    for workers in (2, 0):
        data = Squares()
        list(DataLoader(data, batch_size=2, num_workers=workers))
        calls[workers] = data.calls
        print(f"{workers} workers: counted {data.calls} calls in this process")

# %%
# Why the guard?
# --------------
#
# On Windows and macOS, and on Linux since Python 3.14, a new process is by default a fresh Python that imports your
# script. Without the guard, importing the script would start workers again. Python refuses this with an error. Here is
# a script with the guard, and one without:

if __name__ == "__main__":
    guarded = run_script('\nif __name__ == "__main__":\n    main()\n')
    bare = run_script("\nmain()\n")
    print("with:   ", guarded.stdout.strip())
    (refusal,) = (line for line in bare.stderr.splitlines() if "start a new process before" in line)
    print("without:", refusal.strip())

# %%
# .. use-this::
#
#    Start without workers, the default, which was the fastest here for numbers in memory. If the loop waits for data,
#    measure an epoch with one worker, two and so on, up to the number of cores. Take the first number after which the
#    epoch gets no shorter. Set ``persistent_workers=True``, or each epoch starts new processes. Each worker may need
#    memory for a copy of the data set. On Linux, finished batches wait in shared memory. If a worker dies with a bus
#    error in a container, enlarge the shared memory (Docker: ``--shm-size``).
#
# A common mistake
# ----------------
#
# **Each example twice.** An ``IterableDataset`` is a stream without indices, so the loader cannot divide it. Both
# workers read the whole stream, and no error is raised. With ``info = get_worker_info()`` the second class goes through
# ``range(start + info.id, end, info.num_workers)``, and each worker skips the examples of the other. (Errors in workers
# have :ref:`a page <dataloader-worker-process>`.)

if __name__ == "__main__":
    seen = {}
    for kind in (Stream, DividedStream):
        loader = DataLoader(kind(), batch_size=3, num_workers=2)
        seen[kind] = sorted(torch.cat(list(loader)).tolist())
        print(f"{kind.__name__}: {seen[kind]}")

# %%
# How this was checked

# Measured on the machine that built this page.
if __name__ == "__main__":
    for name, data in {"slow to read": Slow(), "in memory": range(1000)}.items():
        times = [fastest_epoch(data, workers) for workers in (0, 1, 2)]
        print(f"{name:<13}", ", ".join(f"{each:6.1f}" for each in times), "ms with 0, 1, 2 workers")
    assert times[0] < min(times[1:])  # of the data in memory
    assert drawn[0][0] == drawn[0][1] != drawn[2][0] == drawn[2][1]
    for workers in (1, 2):
        both = zip(
            DataLoader(Squares(), 2), DataLoader(Squares(), 2, num_workers=workers), strict=True
        )
        for number, ((values, _), (same, makers)) in enumerate(both):
            assert torch.equal(values, same)
            assert (makers == number % workers).all()
    assert calls == {2: 0, 0: 7}
    assert seen[Stream] == sorted([*range(100, 105)] * 2)
    assert seen[DividedStream] == list(range(100, 105))
    assert list(DividedStream()) == list(range(100, 105))
    assert (guarded.stdout, guarded.returncode) == ("[0, 1, 4, 9]\n", 0)
    assert (bare.stdout, bare.returncode) == ("", 1)
    # Linux since Python 3.14 has forkserver as its default: the server is the fresh Python.
    for method in {"spawn", "forkserver"} & set(multiprocessing.get_all_start_methods()):
        assert run_script('\nif __name__ == "__main__":\n    main()\n', method).returncode == 0
        failed = run_script("\nmain()\n", method)
        assert (failed.returncode, "start a new process before" in failed.stderr) == (1, True)
    (waiting,) = DataLoader(range(7), batch_size=7, num_workers=1)
    assert waiting.is_shared()  # in shared memory
    assert not next(iter(DataLoader(range(7), batch_size=7))).is_shared()
    for keep in (False, True):
        processes = DataLoader(Processes(), num_workers=2, persistent_workers=keep)
        first, second = ({int(process) for process in processes} for epoch in range(2))
        assert (first == second) == keep
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        DataLoader(range(7), num_workers=os.cpu_count() + 1)
    assert "suggested max number of worker" in str(caught[0].message)
    # To a fresh process a class travels as its name, and a lambda has none.
    assert b"__getitem__" not in pickle.dumps(Squares())
    try:
        pickle.dumps(lambda numbers: torch.tensor(numbers))
        refused = False
    except (pickle.PicklingError, AttributeError):
        refused = True
    assert refused
    loader = DataLoader(range(7), num_workers=1, collate_fn=lambda numbers: torch.tensor(numbers))
    try:
        works = len(list(loader)) == 7
    except (pickle.PicklingError, AttributeError):  # Python before 3.14 raises the second for some
        works = False
    assert works == (multiprocessing.get_start_method() == "fork")

# %%
# Check yourself
# --------------

question = None
if __name__ == "__main__":
    question = ask(
        "An iterable data set of 5 examples does not ask for its worker. How many examples come with num_workers=2?",
        answer=len(seen[Stream]),
        choices={
            5: "That is the number without workers. With two, each of them reads the stream from its beginning.",
            7: "Nothing is added to fill a batch.",
            10: "Each of the two workers gives all 5.",
        },
    )
question

# %%
# The next question asks about the cache.

question = None
if __name__ == "__main__":
    question = ask(
        "__getitem__ counts its calls in self.calls; there are 7 examples and two workers. "
        "What is calls in your process after an epoch?",
        answer=calls[2],
        choices={
            7: "That would be the count without workers.",
            4: "Worker 0 counts 4, but in its own copy.",
            0: "The workers count in their copies, which end with the epoch.",
        },
    )
    temporary.cleanup()
question

# %%
# **Exercise.** A data set of ``n`` examples is read without shuffling, in batches of ``size``, by ``workers`` workers.
# Return the indices that worker number ``k`` reads.


def by_loops(n, size, workers, k):
    batches = [list(range(start, min(start + size, n))) for start in range(0, n, size)]
    return torch.tensor([i for batch in batches[k::workers] for i in batch], dtype=torch.int64)


cases = [(4, 1, 2, 0), (7, 2, 2, 1), (10, 3, 3, 0), (5, 2, 4, 3)]


def read_by(n, size, workers, k):
    raise NotImplementedError


check(read_by, by_loops, cases)

# %%
# ``i // size`` is the batch of example ``i``, and batch ``b`` is made by the worker ``b % workers``.

# Solution


def read_by(n, size, workers, k):
    i = torch.arange(n)
    return i[(i // size) % workers == k]


report = check(read_by, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`splitting-data`, so that a model is measured on examples that it has not learned.
#
# - PyTorch contributors (2026). `torch.utils.data
#   <https://docs.pytorch.org/docs/stable/data.html#single-and-multi-process-data-loading>`__. The reference on workers,
#   with the notes for each system.
# - Migacz (2020). `Performance tuning guide
#   <https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html>`__. Workers among the other settings.

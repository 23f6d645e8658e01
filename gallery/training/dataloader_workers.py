"""
.. _dataloader-workers:

num_workers: what do the workers of a DataLoader do?
====================================================

A :term:`worker` is a :term:`process` that reads, transforms and joins examples while yours trains. The batches may come
sooner. They are the same if an example depends on its index alone, and not on random numbers, for instance. Each worker
has a copy of the data set. This page shows who makes what, and the two rules that a script has to keep on systems where
a worker is a fresh Python. You need to know :ref:`custom-dataset`.
"""

# %%
# Here are seven numbers, in batches of 2, without and with two workers. The code that starts workers stands below
# ``if __name__ == "__main__":``. A script that is to run on Windows or macOS, too, needs that; the reason comes below.

import sys
import tempfile
from pathlib import Path

import torch
from torch.utils.data import DataLoader, Sampler

from ptguide.questions import ask

if __name__ == "__main__":
    alone = list(DataLoader(range(7), batch_size=2))
    helped = list(DataLoader(range(7), batch_size=2, num_workers=2))
    print(*helped, sep="\n")
    assert len(alone) == len(helped) == 4
    assert all(torch.equal(one, other) for one, other in zip(alone, helped, strict=True))

# %%
# Who makes which batch?
# ----------------------
#
# A data set of your own can ask: ``get_worker_info().id`` is the number of the worker, and in your own process
# ``get_worker_info()`` gives ``None``. Here the classes are written into a file and imported, because a worker may have
# to import them, too.

module = """
import os
import time
import torch
from torch.utils.data import Dataset, get_worker_info

class Squares(Dataset):
    calls = 0

    def __init__(self, pause=0.0):
        self.pause = pause  # seconds, as if a file were read

    def __len__(self):
        return 7

    def __getitem__(self, index):
        time.sleep(self.pause)
        self.calls += 1
        info = get_worker_info()
        return index**2, -1 if info is None else info.id

class Noise(Squares):
    def __getitem__(self, index):
        return torch.randint(100, ())

class Processes(Squares):
    def __getitem__(self, index):
        return os.getpid()
"""
if __name__ == "__main__":
    temporary = tempfile.TemporaryDirectory()
    folder = Path(temporary.name)
    (folder / "squares.py").write_text(module, encoding="utf-8")
    sys.path.insert(0, str(folder))
    from squares import Noise, Processes, Squares

    loader = DataLoader(Squares(), batch_size=2, num_workers=2)
    makers = []
    for values, made_by in loader:
        print(f"{values.tolist()} by worker {made_by[0]}")
        makers.append(made_by.unique().tolist())
    assert makers == [[0], [1], [0], [1]]

# %%
# The workers take turns: of two, each makes every second batch, whole. The DataLoader hands the batches out in their
# order, and waits if the next one is late. It gives each worker the indices of ``prefetch_factor`` batches ahead. With
# two workers and batches of 1 it has asked for four indices before you take the first batch.

if __name__ == "__main__":
    assert all((made_by == -1).all() for _, made_by in DataLoader(Squares(), batch_size=2))
    assert loader.prefetch_factor == 2

    asked = []

    class Asked(Sampler):
        def __iter__(self):
            for index in range(7):
                asked.append(index)
                yield index

    ahead = iter(DataLoader(range(7), sampler=Asked(), num_workers=2))
    assert asked == [0, 1, 2, 3]
    del ahead

# %%
# The same batches?
# -----------------
#
# They are, if an example depends on its index alone. A random number is drawn from the worker's own
# :term:`generator`, so the same :term:`seed` gives other examples with workers than without. With the same number of
# workers it gives the same again.

if __name__ == "__main__":

    def noise(workers):
        torch.manual_seed(0)
        return torch.cat(list(DataLoader(Noise(), batch_size=2, num_workers=workers))).tolist()

    assert noise(0) == noise(0) != noise(2) == noise(2)

# %%
# When do they help?
# ------------------
#
# They help where making a batch takes longer than the step that uses it. Below, each example takes 0.1 seconds, as a
# file from a slow disk may. Starting a worker costs time as well, and new ones start with each :term:`epoch`, unless
# ``persistent_workers=True`` keeps them. A first epoch starts them here, and the fastest of the next three counts.

import os
import time
import warnings


def fastest_epoch(data, **settings):
    loader = DataLoader(data, batch_size=2, **settings)
    list(loader)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        list(loader)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


if __name__ == "__main__":
    workers = {"num_workers": 2, "persistent_workers": True}
    alone = fastest_epoch(Squares(pause=0.1))
    assert alone > 7 * 0.1
    assert fastest_epoch(Squares(pause=0.1), **workers) < 0.8 * alone

    for keep in (False, True):
        processes = DataLoader(Processes(), num_workers=2, persistent_workers=keep)
        first, second = ({int(process) for process in processes} for epoch in range(2))
        assert (first == second) == keep

# %%
# Examples that lie in memory and need no work come sooner without workers: sending a batch from one process to another
# takes longer than making it. Measure with 0, 1, 2, ... workers, and take the smallest number that is good enough.
# Above the number of cores PyTorch warns.

if __name__ == "__main__":
    assert fastest_epoch(range(1000)) < fastest_epoch(range(1000), **workers)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        DataLoader(range(7), num_workers=os.cpu_count() + 1)
    assert "suggested max number of worker" in str(caught[0].message)

# %%
# A worker has a copy
# -------------------
#
# What a worker changes in the data set, it changes in its own copy. Counters, caches and lists that ``__getitem__``
# fills stay as they were in your process. A copy may need memory of its own, and random numbers need care:
# :ref:`randomness-and-seeds`.

if __name__ == "__main__":
    data = Squares()
    list(DataLoader(data, batch_size=2, num_workers=2))
    with_workers = data.calls
    assert with_workers == 0
    list(DataLoader(data, batch_size=2))
    assert data.calls == 7

# %%
# Rule 1: the guard
# -----------------
#
# There are three ways to begin a process. ``fork`` copies yours; Windows does not have it. ``spawn`` (the default on
# Windows and macOS) and ``forkserver`` (on Linux the default since Python 3.14) begin a fresh Python, which first
# imports your script. Without the guard that import would start workers of its own, and Python stops it. The rule is
# Python's, so this script needs no torch. It asks for ``"spawn"``, which Linux has, too. Here it runs with the guard.

import subprocess

script = """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

def square(index):
    return index**2

def main():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as worker:
        print(list(worker.map(square, range(4))))
"""


def run_script(ending):
    (folder / "train.py").write_text(script + ending, encoding="utf-8")
    command = [sys.executable, str(folder / "train.py")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    guarded = run_script('\nif __name__ == "__main__":\n    main()\n')
    print(guarded.stdout)
    assert (guarded.stdout, guarded.returncode) == ("[0, 1, 4, 9]\n", 0)

# %%
# And without it:

if __name__ == "__main__":
    bare = run_script("\nmain()\n")
    (refusal,) = (line for line in bare.stderr.splitlines() if "start a new process before" in line)
    print(refusal.strip())
    assert (bare.stdout, bare.returncode) == ("", 1)
    assert "if __name__ == '__main__':" in bare.stderr  # the advice of the message

# %%
# Rule 2: what a fresh worker runs can be imported
# ------------------------------------------------
#
# To a fresh process a data set travels as bytes (Python's *pickle*), and its class as a name: module and class. A class
# at the top level of a script is found, because the script is imported. One that was defined in a cell of a notebook is
# not, as a notebook is no file of Python's: write it into a file, as above. A ``lambda`` has no name that could be
# looked up, so pickle refuses it. Use a function, and ``functools.partial`` for its settings. Where ``fork`` begins the
# workers, nothing travels and a ``lambda`` works, until somebody runs the script on another system.

import multiprocessing
import pickle

if __name__ == "__main__":
    data = pickle.dumps(Squares())
    assert b"squares" in data
    assert b"__getitem__" not in data  # the name of the class, not its code
    pickle.dumps(DataLoader(range(7), batch_size=2, collate_fn=torch.tensor))
    try:
        pickle.dumps(lambda numbers: torch.tensor(numbers))
    except pickle.PicklingError as error:
        refusal = str(error)
    print(refusal.partition(" at ")[0])
    assert refusal.startswith("Can't pickle <function <lambda>")

    loader = DataLoader(range(7), num_workers=1, collate_fn=lambda numbers: torch.tensor(numbers))
    try:
        works = len(list(loader)) == 7
    except (pickle.PicklingError, AttributeError):  # Python before 3.14 raises the second for some
        works = False
    assert works == (multiprocessing.get_start_method() == "fork")

# %%
# What goes wrong: every example twice
# ------------------------------------
#
# An iterable data set has no indices that could be shared out. Each worker gets a copy, and runs through *all* of it
# unless the data set asks which worker it is in. Nothing is raised. With two workers, each of these examples comes
# twice.

import importlib

module = """
from torch.utils.data import IterableDataset, get_worker_info

class Stream(IterableDataset):
    def __iter__(self):
        yield from range(100, 105)

class SharedStream(Stream):
    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        yield from range(100 + first, 105, step)
"""
if __name__ == "__main__":
    (folder / "streams.py").write_text(module, encoding="utf-8")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    importlib.invalidate_caches()  # Python remembers what the folder held before
    from streams import SharedStream, Stream

    counts = {}
    for kind in (Stream, SharedStream):
        loader = DataLoader(kind(), batch_size=3, num_workers=2)
        seen = sorted(torch.cat(list(loader)).tolist())
        print(f"{kind.__name__}: {seen}")
        counts[kind] = len(seen)
        assert seen == sorted([*range(100, 105)] * (2 if kind is Stream else 1))

# %%
# The second class gives each example once: of two workers, one begins at 0 and one at 1, and both take every second
# example. An error inside a worker arrives as "Caught RuntimeError in DataLoader worker process 0":
# :ref:`dataloader-worker-process` has its causes.
#
# .. not looked up: Caught RuntimeError in DataLoader worker process 0 — the page that is linked raises it
#
# Check yourself
# --------------

question = None
if __name__ == "__main__":
    question = ask(
        "An iterable data set of 5 examples does not ask for its worker. How many examples come with num_workers=2?",
        answer=counts[Stream],
        choices={
            5: "So it is without workers. Each worker has a copy, and reads all of it.",
            7: "Nothing is added to fill a batch.",
            10: "Each of the two workers gives all 5.",
        },
    )
question

# %%
# And the cache:

question = None
if __name__ == "__main__":
    question = ask(
        "__getitem__ counts its calls in self.calls; there are 7 examples and two workers. "
        "What is calls in your process after an epoch?",
        answer=with_workers,
        choices={
            7: "So it would be without workers.",
            4: "Workers count in their copies: one has these, the other the rest.",
            0: "The workers count in their copies, which end with the epoch.",
        },
    )
    temporary.cleanup()
question

# %%
# Next: :ref:`saving-and-loading`, so that a trained model can be used.

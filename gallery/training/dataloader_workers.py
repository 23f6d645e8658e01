"""
.. _dataloader-workers:

num_workers: what do the workers of a DataLoader do?
====================================================

A :term:`worker` is a :term:`process` that reads, transforms and joins examples while yours trains. The batches stay the
same; they may come sooner. In return each worker has a copy of the data set, and must be able to import its code. This
page shows who makes what, and the two rules that a script has to keep. You need to know :ref:`custom-dataset`.
"""

# %%
# Seven numbers, in batches of 2, without and with two workers. What starts workers stands below ``if __name__ ==
# "__main__":``, on this page and in every script that is to run anywhere; the reason comes below.

import sys
import tempfile
from pathlib import Path

import torch
from torch.utils.data import DataLoader

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
# A data set of your own can ask: ``get_worker_info()`` gives the number of the worker, and None in your own process.
# Here the class is written into a file and imported, because a worker may have to import it, too.

module = """
import time
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
"""
if __name__ == "__main__":
    temporary = tempfile.TemporaryDirectory()
    folder = Path(temporary.name)
    (folder / "squares.py").write_text(module, encoding="utf-8")
    sys.path.insert(0, str(folder))
    from squares import Squares

    loader = DataLoader(Squares(), batch_size=2, num_workers=2)
    makers = []
    for values, made_by in loader:
        print(f"{values.tolist()} by worker {made_by[0]}")
        makers.append(made_by.unique().tolist())
    assert makers == [[0], [1], [0], [1]]

# %%
# The workers take turns: each makes every second batch, whole. The DataLoader hands the batches out in their order, and
# waits if the next one is late. Each worker works ahead by ``prefetch_factor`` batches, so that some lie ready.

if __name__ == "__main__":
    assert all((made_by == -1).all() for _, made_by in DataLoader(Squares(), batch_size=2))
    assert loader.prefetch_factor == 2

# %%
# When do they help?
# ------------------
#
# When making a batch takes longer than the step that uses it. Below, each example takes 0.1 seconds, as a file from a
# slow disk may. Starting a worker costs time as well, from some milliseconds to some seconds, at the beginning of
# *every* :term:`epoch`; ``persistent_workers=True`` keeps them. The second epoch is measured, against one without
# workers.

import time

if __name__ == "__main__":
    slow = {"dataset": Squares(pause=0.1), "batch_size": 2}
    loaders = [DataLoader(**slow), DataLoader(**slow, num_workers=2, persistent_workers=True)]
    seconds = []
    for loader in loaders:
        list(loader)  # the first epoch starts the workers
        start = time.perf_counter()
        list(loader)
        seconds.append(time.perf_counter() - start)
    assert seconds[0] > 7 * 0.1
    assert seconds[1] < 0.8 * seconds[0]

# %%
# For examples that lie in memory it is the other way round: sending a batch from one process to another takes longer
# than making it. Measure with 0, 1, 2, ... workers, and take the smallest number that is good enough; above
# the number of cores PyTorch warns.
#
# A worker has a copy
# -------------------
#
# What a worker changes in the data set, it changes in its own copy. Counters, caches and lists that ``__getitem__``
# fills stay empty in your process. For the same reason memory grows with the number of workers, and random numbers need
# care: :ref:`randomness-and-seeds`.

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
# There are three ways to begin a process. ``fork`` copies yours; Windows has no such thing. *Spawn* (Windows and macOS)
# and ``forkserver`` (Linux, since Python 3.14) begin a fresh Python, which first imports your script. Without the guard
# that import would start workers of its own, and Python stops it. The rule is Python's, so this script needs no torch;
# ``"spawn"`` exists on every system. Here it runs with the guard.

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
# Rule 2: what a worker runs can be imported
# ------------------------------------------
#
# To a fresh process a data set travels as bytes (Python's *pickle*), and its class as a name: module and class. A class
# that stands in a script is found, because the script is imported. One that was defined in a cell of a notebook is not,
# as a notebook is no file of Python's: write it into a file, as above. A ``lambda`` has no name that could be looked
# up, so it never travels; use a function, and ``functools.partial`` for its settings.

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

# %%
# What goes wrong: every example twice
# ------------------------------------
#
# An iterable data set has no indices that could be shared out. Each worker gets a copy and runs through *all* of it.
# Nothing is raised; with two workers every example comes twice.

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
# The second class mends it: of two workers, one begins at 0 and one at 1, and both take every second example. An error
# inside a worker arrives as "Caught RuntimeError in DataLoader worker process 0":
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
            7: "Nobody fills up to whole rounds.",
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
            0: "The copies are counted in, and they end with the epoch.",
        },
    )
    temporary.cleanup()
question

# %%
# Next: :ref:`saving-and-loading`, so that a trained model can be used.

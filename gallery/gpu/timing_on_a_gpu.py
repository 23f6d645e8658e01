"""
.. _timing-on-a-gpu:

How do I time code on a GPU?
============================

A large product of matrices seems to take microseconds on your GPU, and a harmless ``loss.item()`` seems slow. A call
puts its work into a queue and returns, so a clock that does not wait measures the hand-over.
"""

# %%
# Set-up

# Measured where this page runs.
# sphinx_gallery_parallel = False
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import matplotlib.pyplot as plt
import torch

from ptguide.devices import measure, pick_device
from ptguide.exercises import check
from ptguide.measurements import record, recorded, sources
from ptguide.questions import ask

torch.manual_seed(0)
device = pick_device()


def work():
    time.sleep(0.03)
    done.append(time.perf_counter())


# A thread plays the GPU; the gate keeps its first work from ending before the clock is read, on a busy machine, too.
gate, start, done = threading.Event(), time.perf_counter(), []
with ThreadPoolExecutor(max_workers=1) as queue:
    queue.submit(gate.wait)
    jobs = [queue.submit(work) for _ in range(3)]
    launched, running = time.perf_counter(), not any(job.done() for job in jobs)
    gate.set()
    jobs[-1].result()  # waits, as torch.accelerator.synchronize() does
    finished = time.perf_counter()


def draw_queue():
    _, axis = plt.subplots(figsize=(5.4, 2.4), layout="constrained")
    ends = [1000 * (moment - start) for moment in (launched, *done)]
    for piece, (begin, end) in enumerate(pairwise(ends)):
        axis.barh("GPU", end - begin, left=begin, color=f"C{piece}")
    axis.barh("Python", ends[0])
    axis.axvline(ends[0], color="gray", linestyle=":", label="read at once")
    axis.axvline(1000 * (finished - start), color="gray", linestyle="--", label="read after a wait")
    axis.set_title("Read at once, the clock shows the hand-over")
    axis.set_xlabel("milliseconds")
    axis.legend(loc="upper center")
    plt.show()


def wait():
    if device.type != "cpu":
        torch.accelerator.synchronize()


def clock_of_lines(waiting):
    clock = {}
    with ThreadPoolExecutor(max_workers=1) as gpu:
        for line, seconds in {"forward": 0.05, "backward": 0.2, "item": 0}.items():
            started, job = time.perf_counter(), gpu.submit(time.sleep, seconds)
            if waiting or line == "item":
                job.result()
            clock[line] = 1000 * (time.perf_counter() - started)
    return clock


# %%

# Measured where this page runs.
draw_queue()

# %%
# The figure shows three pieces of work for a GPU, which a thread plays here, so that each machine can show it. At the
# dotted line they are handed over, and not yet computed. You need to know :ref:`devices-and-moving-data`.
#
# The rule
# --------
#
# Wait until the GPU has finished, then read the clock, at the start and at the end. Without the first wait, the work of
# earlier lines counts, too. On a CPU the call itself computes, so both readings below are nearly equal.


# Measured where this page runs.
def read_twice(function):
    wait()  # for the GPU, by torch.accelerator.synchronize()
    started = time.perf_counter()
    function()
    at_once = time.perf_counter() - started
    wait()
    return at_once, time.perf_counter() - started


big = torch.rand(1000, 1000, device=device)
read_twice(lambda: big @ big)  # the first call takes longer, see below
at_once, waited = read_twice(lambda: big @ big)
found = [record("clock of a product", {"at once, ms": 1000 * at_once, "waited, ms": 1000 * waited})]
found += recorded("clock of a product")
for one in found:
    print(
        one.label, *[f"{what.removesuffix(', ms')} {ms:.3f} ms" for what, ms in one.values.items()]
    )

# %%
# The first call
# --------------
#
# The first call can also prepare: reserve memory, load programs of the GPU, choose an algorithm.
# :func:`torch.compile` reads the function in its first call, even where it translates nothing (``backend="eager"``). So
# make some calls before you measure.

# Measured where this page runs.
compiled, x = torch.compile(lambda x: x + 1, backend="eager"), torch.ones(60, 50, device=device)
took = [read_twice(lambda: compiled(x))[1] for _ in range(8)]
print(f"first call: {1000 * took[0]:.1f} ms, fastest of the next: {1000 * min(took[1:]):.3f} ms")
assert took[0] > 100 * min(took[1:])

# %%
# One measurement alone
# ---------------------
#
# Here the same addition is timed :val:`200 <len(singles)>` times. The machine does other things, too, which makes some
# calls longer, and the mean with them. Give the median, which is the middle one of the sorted times, or the least.

# Measured where this page runs.
singles = [1e6 * read_twice(lambda: x + 1)[1] for _ in range(200)]
print(f"least {min(singles):.1f}, median {statistics.median(singles):.1f}", end=", ")
print(f"mean {statistics.mean(singles):.1f}, longest {max(singles):.1f} µs")
assert min(singles) < statistics.median(singles) < max(singles)

# %%
# The tool that does all of it
# ----------------------------
#
# ``torch.utils.benchmark.Timer`` waits for the GPU, warms up, and makes a quick call many times for one reading of the
# clock. Unless told otherwise it uses *one* CPU thread, while your program may use more. ``ptguide.devices.measure`` is
# built on ``Timer`` and prints the spread.

# Measured where this page runs.
print(measure(lambda: x + 1))

from torch.utils.benchmark import Timer

timer = Timer("x + 1", globals={"x": x}, num_threads=torch.get_num_threads())
print(f"Timer: {1e6 * timer.blocked_autorange().median:.2f} µs")
assert Timer("x + 1", globals={"x": x}).timeit(1).task_spec.num_threads == 1

# %%
# .. use-this::
#
#    Time with ``torch.utils.benchmark.Timer`` and give the median. To time a part of a program by hand, call
#    ``torch.accelerator.synchronize()``, where there is a GPU, before each reading of the clock. Take it out
#    afterwards: after each wait the GPU has no work until Python hands over the next call. On CUDA, events within the
#    queue note the time without such a pause: see *CUDA semantics* below.
#
# A common mistake
# ----------------
#
# **To blame the line that waits.** ``item`` needs the value, so it waits for all that is queued. A clock around each
# line says that ``item`` took the time. With a wait after each line, the time is where the work is. The thread plays
# the GPU once more.


# Measured where this page runs.
naive, right = clock_of_lines(waiting=False), clock_of_lines(waiting=True)
for line in naive:
    print(f"{line:<9}{naive[line]:5.0f} ms without waits, {right[line]:5.0f} ms with them")
assert naive["item"] > naive["backward"]
assert right["backward"] > right["item"]

# %%
# How this was checked

# Measured where this page runs.
assert running
assert launched < done[0] < done[1] < done[2] <= finished
print(sources("clock of a product", found))
# One outlier moves the mean and not the median.
microseconds = [2.1, 2.0, 2.2, 2.0, 2.1, 90.0, 2.3]
assert statistics.mean(microseconds) > 5 * statistics.median(microseconds)
assert statistics.median(microseconds) < 1.1 * min(microseconds)
assert at_once <= waited
timing = measure(lambda: x + 1)
assert timing.calls > 10 * len(timing.seconds) >= 70  # many calls for one reading of the clock
if device.type != "cpu":
    huge = torch.rand(4096, 4096, device=device)
    read_twice(lambda: huge @ huge)
    launch, whole = read_twice(lambda: huge @ huge)
    assert launch < whole  # only on a GPU
if device.type == "cuda":
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    _, whole = read_twice(lambda: (begin.record(), huge @ huge, end.record()))
    assert launch < begin.elapsed_time(end) / 1000 < 1.1 * whole  # only on a GPU

# %%
# Check yourself
# --------------

ask(
    "t = perf_counter(); c = a @ b; print(perf_counter() - t), with a and b on a GPU. What is printed?",
    answer="the time of the launch" if running else "the time of the product",
    choices={
        "the time of the launch": "The product may still run when the clock is read.",
        "the time of the product": "Only after torch.accelerator.synchronize(), or with Timer.",
    },
)

# %%
# The next question has one late call.

late = [5.0, 5.0, 5.0, 5.0, 80.0]
ask(
    "Four calls took 5 µs, and one 80 µs. What is the median?",
    answer=statistics.median(late),
    choices={
        5.0: "The middle one of the sorted times: one outlier does not move it.",
        20.0: "That is the mean: one call in five made it four times as long.",
        80.0: "That is the longest.",
    },
)

# %%
# **Exercise.** Be the queue. Python needs ``launch[i]`` seconds to hand over call ``i``, one call after the other. The
# GPU needs ``work[i]`` seconds for it, and begins when it has been handed over and the call before is done. Return
# after how many seconds the last call is done. ``launch`` and ``work`` have shape (call,).


def by_formula(launch, work):
    handed_over = launch.cumsum(dim=0)
    still_to_do = work.flip(0).cumsum(dim=0).flip(0)
    return (handed_over + still_to_do).max()  # the GPU was last idle before one of the calls


cases = [
    (torch.tensor([1.0, 1.0]), torch.tensor([5.0, 5.0])),
    (torch.tensor([2.0, 2.0, 2.0]), torch.tensor([1.0, 1.0, 1.0])),
    (torch.rand(9), torch.rand(9)),
]


def all_done(launch, work):
    raise NotImplementedError


check(all_done, by_formula, cases)

# %%
# Where the work of each call is long, the hand-over costs no more than the first launch. Where the work is short, the
# GPU waits for Python.

# Solution


def all_done(launch, work):
    python = gpu = torch.tensor(0.0)
    for handing, computing in zip(launch, work, strict=True):
        python = python + handing
        gpu = torch.maximum(python, gpu) + computing
    return gpu


report = check(all_done, by_formula, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`pinned-memory` is about copies that do not keep Python waiting.
#
# - PyTorch contributors (2026). `PyTorch benchmark
#   <https://docs.pytorch.org/tutorials/recipes/recipes/benchmark.html>`__. ``Timer`` beside ``timeit``, and tables that
#   compare.
# - PyTorch contributors (2026). `CUDA semantics <https://docs.pytorch.org/docs/stable/notes/cuda.html>`__. The queue,
#   under the name of asynchronous execution, and timing with two ``torch.cuda.Event``.

"""
.. _timing-on-a-gpu:

How do I time code on a GPU?
============================

A call on a GPU puts its work into a queue and returns, so a clock that does not wait measures the hand-over. Two more
mistakes are made on a CPU as well: to time the first call, and to trust one measurement. This page makes all three, and
shows the tools that do not. What a GPU alone can show is marked, and runs where there is one. You need to know
:ref:`devices-and-moving-data`.
"""

# %%
# Three pieces of work for a GPU. So that a machine without one can show it, a thread plays the GPU. Python hands each
# piece over and goes on; the ``gate`` keeps the first from ending before the clock is read, however busy the machine
# is.

# Measured where this page runs.
# sphinx_gallery_parallel = False
import threading
import time
from concurrent.futures import ThreadPoolExecutor


def work():
    time.sleep(0.03)
    done.append(time.perf_counter())


gate, start, done = threading.Event(), time.perf_counter(), []
with ThreadPoolExecutor(max_workers=1) as queue:
    queue.submit(gate.wait)
    jobs = [queue.submit(work) for _ in range(3)]
    launched, running = time.perf_counter(), not any(job.done() for job in jobs)
    gate.set()
    jobs[-1].result()  # waits, as torch.accelerator.synchronize() does
    finished = time.perf_counter()
print(f"A clock that is read at once shows {1000 * (launched - start):6.1f} ms,")
print(f"one that is read after a wait      {1000 * (finished - start):6.1f} ms.")

# %%
# When the clock was read for the first time, nothing was computed. The same times as a picture:

# Measured where this page runs.
import matplotlib.pyplot as plt

assert running
assert launched < done[0] < done[1] < done[2] <= finished

figure, axis = plt.subplots(figsize=(6.5, 2.2), layout="constrained")
ends = [launched, *done]
for piece, (begin, end) in enumerate(zip(ends, done, strict=False)):
    axis.barh("GPU", 1000 * (end - begin), left=1000 * (begin - start), color=f"C{piece}")
axis.barh("Python", 1000 * (launched - start))
axis.axvline(1000 * (launched - start), color="gray", linestyle=":", label="read at once")
axis.axvline(1000 * (finished - start), color="gray", linestyle="--", label="read after a wait")
axis.set_title("Read at once, the clock shows the hand-over, not the work")
axis.set_xlabel("milliseconds")
axis.legend(loc="upper left", bbox_to_anchor=(0.05, 1))
plt.show()

# %%
# Wait, then read the clock
# -------------------------
#
# ``torch.accelerator.synchronize()`` returns when the GPU has done all that it was given; ``torch.cuda.synchronize()``
# is the same for CUDA alone. Wait before the clock starts, too, or the work of earlier lines counts as yours. On a CPU
# the call itself computes, and there is nothing to wait for.

import torch

from ptguide.devices import measure, pick_device

device = pick_device()


def wait():
    if device.type != "cpu":
        torch.accelerator.synchronize()


def seconds_of(function):
    wait()
    started = time.perf_counter()
    function()
    wait()
    return time.perf_counter() - started


assert seconds_of(lambda: time.sleep(0.02)) >= 0.015

# %%
# The mistake on a real GPU, with a product of two matrices. This needs an accelerator; without one, nothing is run.

# Measured where there is an accelerator.
from ptguide.measurements import record, recorded, sources

found = recorded("launch and work")
if device.type != "cpu":
    big = torch.rand(4096, 4096, device=device)
    whole = measure(lambda: big @ big).median
    torch.accelerator.synchronize()
    started = time.perf_counter()
    big @ big
    launch = time.perf_counter() - started
    torch.accelerator.synchronize()
    assert launch < whole  # only on a GPU
    values = {"launch_seconds": launch, "work_seconds": whole}
    found = [record("launch and work", values), *found]
for one in found:
    share = one.values["launch_seconds"] / one.values["work_seconds"]
    print(f"{one.label}: a clock that does not wait shows {100 * share:.1f} % of the time.")
print(sources("launch and work", found))

# %%
# What waits by itself
# --------------------
#
# ``.item()``, ``.cpu()``, ``print`` and ``if tensor:`` need the value, so they wait for it. A clock after one of them
# is right, but in a loop, 100 times ``.item()`` is 100 times waiting: add up on the device, and ask once.


def loop(ask_each_time):
    total, x = torch.zeros((), device=device), torch.ones(1000, device=device)
    for _ in range(100):
        total += x.sum()
        if ask_each_time:
            total.item()
    return total.item()


assert loop(True) == loop(False) == 100_000

# %%
# On a CPU nothing is queued, so a GPU is asked how much longer the first takes.

# Measured where there is an accelerator.
found = recorded("item in a loop")
if device.type != "cpu":
    each, once = measure(lambda: loop(True)).median, measure(lambda: loop(False)).median
    assert once < each  # only on a GPU
    found = [record("item in a loop", {"each_seconds": each, "once_seconds": once}), *found]
for one in found:
    times = one.values["each_seconds"] / one.values["once_seconds"]
    print(f"{one.label}: the loop that asks each time takes {times:.1f} times as long.")
print(sources("item in a loop", found))

# %%
# The first call
# --------------
#
# The first call of its kind also prepares: memory is reserved, the GPU's programs are loaded, a way to compute is
# chosen. :func:`torch.compile` prepares much, as it reads the function and makes a new program. Here it does the
# reading alone (``backend="eager"``), which needs no compiler. Make some calls before you measure: warm up.

# Measured where this page runs.
compiled = torch.compile(lambda x: x + 1, backend="eager")
x = torch.ones(60, 50, device=device)
took = [seconds_of(lambda: compiled(x)) for _ in range(8)]
print(f"first call: {1000 * took[0]:.1f} ms")
print(f"the fastest of the next: {1000 * min(took[1:]):.3f} ms")
assert took[0] > 100 * min(took[1:])

# %%
# One measurement alone
# ---------------------
#
# The same addition, timed 200 times: the system does other things as well, caches fill, the clock rate changes.

# Measured where this page runs.
singles = [seconds_of(lambda: x + 1) for _ in range(210)][10:]  # warm
assert len(singles) == 200
assert min(singles) < max(singles)

figure, axis = plt.subplots(figsize=(6.5, 2.5), layout="constrained")
axis.plot([1e6 * seconds for seconds in singles], ".")
axis.set(xlabel="which call", ylabel="microseconds")
axis.set_title("The same call, 200 times: the times differ")
plt.show()

# %%
# One late call pulls the mean along, and leaves the median where it is: half of the times lie below that. So give the
# median with a spread, and how often was measured. A disturbance adds time, so the least time is a good answer, too.

import statistics

microseconds = [2.1, 2.0, 2.2, 2.0, 2.1, 90.0, 2.3]  # made up: one call was interrupted
mean, median = statistics.mean(microseconds), statistics.median(microseconds)
print(f"mean {mean:.1f}, median {median}, least {min(microseconds)}")
assert mean > 5 * median
assert median < 1.1 * min(microseconds)

# %%
# ``measure`` does all of it
# --------------------------
#
# :func:`ptguide.devices.measure` warms up, waits, and repeats. A quick call is made many times for one reading of the
# clock, as reading it takes time as well.

# Measured where this page runs.
timing = measure(lambda: x + 1)
print(timing)
assert timing.calls > 10 * len(timing.seconds) >= 70

# %%
# PyTorch's own tools
# -------------------
#
# ``torch.utils.benchmark.Timer``, on which ``measure`` is built, waits and warms up as well. Unless told otherwise it
# uses *one* CPU thread, where your program uses more. Python's ``timeit``, and with it ``%timeit``, knows no GPU: let
# the statement end with a wait.

# Measured where this page runs.
from torch.utils.benchmark import Timer

own = Timer("x + 1", globals={"x": x}, num_threads=torch.get_num_threads()).blocked_autorange()
assert 0.05 < own.median / timing.median < 20  # the same, measured twice
assert Timer("x + 1", globals={"x": x}).timeit(1).task_spec.num_threads == 1

# %%
# ``torch.cuda.Event`` lets the GPU itself note the time, in milliseconds, when it comes to that place in its queue. So
# a part of a program can be timed without a wait before and after it. ``elapsed_time`` does not wait: before it is
# asked, the second event has to have happened (``end.synchronize()``). This needs CUDA.

# Measured where there is such a GPU.
if device.type == "cuda":
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    whole = seconds_of(lambda: (begin.record(), big @ big, end.record()))
    on_gpu = begin.elapsed_time(end) / 1000
    assert launch < on_gpu < 1.1 * whole  # only on a GPU
    print(f"{1000 * on_gpu:.2f} ms between the events, {1000 * whole:.2f} ms with all waits")
else:
    print("Not measured here: there is no CUDA.")

# %%
# Check yourself
# --------------

from ptguide.questions import ask

ask(
    "t = perf_counter(); c = a @ b; print(perf_counter() - t), with a and b on a GPU. What is printed?",
    answer="the time of the launch" if running else "the time of the product",
    choices={
        "the time of the launch": "The product may still run when the clock is read.",
        "the time of the product": "Only after torch.accelerator.synchronize(), or with measure.",
    },
)

# %%
# And one late call:

late = [5.0, 5.0, 5.0, 5.0, 80.0]
ask(
    "Four calls took 5 µs, and one 80 µs. What is the median?",
    answer=statistics.median(late),
    choices={
        5.0: "Half of the calls took longer or as long: one outlier does not move it.",
        20.0: "That is the mean: one call in five made it four times as long.",
        80.0: "That is the longest.",
    },
)

# %%
# Next: :ref:`pinned-memory`, for copies that do not keep Python waiting.

"""
.. _the-profiler:

How do I find the slow line with the PyTorch profiler?
======================================================

A training step takes longer than you expect, and you suspect the wrong line. ``torch.profiler`` writes down each
operation with its time and memory, so you correct the right one and measure again.
"""

# %%
# Set-up

import json
import logging
import os
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.profiler import (
    ProfilerActivity,
    profile,
    record_function,
    schedule,
    supported_activities,
)

from ptguide.exercises import check
from ptguide.questions import ask

# What the profiler and the tools beside it log for their own developers is not shown.
os.environ.setdefault("KINETO_LOG_LEVEL", "99")
logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
torch.manual_seed(0)
# This page computes on the CPU.
BATCH, FEATURES, CLASSES = 200, 64, 300
images, labels = torch.randn(BATCH, 50), torch.randint(CLASSES, (BATCH,))
network = nn.Sequential(nn.Linear(50, 128), nn.ReLU(), nn.Linear(128, FEATURES))
prototypes = nn.Parameter(torch.randn(CLASSES, FEATURES))  # one for each class


def distances(features):
    return (features[:, None] - prototypes).square().sum(dim=2)


def distances_by_product(features):
    squares = features.square().sum(dim=1, keepdim=True) + prototypes.square().sum(dim=1)
    return squares - 2 * features @ prototypes.mT


def step(squared_distances):
    """Forward and backward, in named parts."""
    with record_function("layers"):
        features = network(images)
    with record_function("distances"):
        logits = -squared_distances(features)
    with record_function("loss"):
        loss = F.cross_entropy(logits, labels)
    with record_function("backward"):
        loss.backward()
    network.zero_grad()
    prototypes.grad = None


PARTS = ("layers", "distances", "loss", "backward")


def parts_of(function, times=5):
    """Return the milliseconds of each part of a step, the least of some."""
    step(function)
    found = []
    for _ in range(times):
        with profile(activities=[ProfilerActivity.CPU]) as prof:
            step(function)
        total = {one.key: one.cpu_time_total / 1000 for one in prof.key_averages()}
        found.append([total[part] for part in PARTS])
    return [min(one) for one in zip(*found, strict=True)]


measured = {"as written": parts_of(distances), "corrected": parts_of(distances_by_product)}


def draw_parts():
    _, axis = plt.subplots(figsize=(7, 2.4), layout="constrained")
    for row, milliseconds in enumerate(measured.values()):
        left = 0.0
        for color, (part, width) in enumerate(zip(PARTS, milliseconds, strict=True)):
            label = None if row else part
            axis.barh(row, width, left=left, color=f"C{color}", label=label)
            left += width
    axis.set_yticks(range(2), list(measured))
    axis.invert_yaxis()
    axis.set_xlabel("milliseconds of a step, on a CPU")
    axis.legend(fontsize=8, ncols=2, loc="lower right")
    axis.set_title("One line makes the forward and the backward pass slow")
    plt.show()


# %%

# Measured on the CPU of the machine that built this page.
draw_parts()

# %%
# A small network makes features, which are compared with a vector for each of :val:`300 <CLASSES>` classes, its
# prototype. The line that computes the distances is slow, and so is its part of ``backward``. You need to know
# :ref:`the-training-loop` and :ref:`broadcasting`.
#
# .. longer: 6 screens — time, memory, loops and the trace are four questions of their own
#
# The rule
# --------
#
# Run one step under ``profile``, after a first step that warms up. The *total* time of an operation includes the
# operations that it calls, and the *self* time leaves them out. So self = total − sum of the totals of its children.
# Sort by self time to see where the work is done. The table of torch calls the two "Self CPU" and "CPU total".

# Measured on the CPU of the machine that built this page.
step(distances)
with profile(activities=[ProfilerActivity.CPU]) as prof:
    step(distances)
rows = sorted(prof.key_averages(), key=lambda row: -row.self_cpu_time_total)
print(f"{'operation':35}{'self, ms':>9}{'total, ms':>10}{'calls':>6}")
for row in rows[:6]:
    self_ms, total_ms = row.self_cpu_time_total / 1000, row.cpu_time_total / 1000
    print(f"{row.key:35}{self_ms:9.2f}{total_ms:10.2f}{row.count:6}")
# prof.key_averages().table(sort_by="self_cpu_time_total", row_limit=6) prints more columns.

# %%
# From the operation to the line
# ------------------------------
#
# ``aten::`` is PyTorch's library of operations, and such a name does not tell your line. Put ``record_function`` around
# the parts of your step. Beside each name are the operations that were called directly in it.


def children(event):
    return [child.name.removeprefix("aten::") for child in event.cpu_children]


with profile(activities=[ProfilerActivity.CPU]) as prof:
    with record_function("layers"):
        features = network(images)
    with record_function("distances"):
        squared = (features[:, None] - prototypes).square().sum(dim=2)  # the slow line
for event in prof.events():
    if event.name in ("layers", "distances"):
        print(f"{event.name:10}", children(event))
assert torch.equal(squared, distances(features))

# %%
# How much memory?
# ----------------
#
# With ``profile_memory=True`` each operation has the bytes that it took, less those that it gave back. The subtraction
# is the cause: it broadcasts to the axes image, class and feature. That is 200 × 300 × 64 numbers of 4 bytes, to get
# 200 × 300 distances.

with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as prof:
    distances(network(images))
used = {row.key: row.self_cpu_memory_usage for row in prof.key_averages()}
for name in ("aten::sub", "aten::pow", "aten::sum"):
    print(f"{name:10} {used[name] / 1e6:6.2f} MB")
assert used["aten::sub"] == 200 * 300 * 64 * 4

# %%
# Correct the line, and measure again
# -----------------------------------
#
# :math:`\|f - p\|^2 = \|f\|^2 + \|p\|^2 - 2 f \cdot p`, and the last term is one product of matrices. First see that
# the numbers agree, up to rounding: between equal vectors the new line need not give 0. Then measure without the
# profiler. ``Timer`` warms up, calls often, and gives the median, on *one* thread unless you set ``num_threads``.

# Measured on the CPU of the machine that built this page.
from torch.utils.benchmark import Timer

features = network(images)
torch.testing.assert_close(
    distances_by_product(features), distances(features), rtol=1e-4, atol=1e-3
)
least = []  # other work on the machine only adds to a time
for function in (distances, distances_by_product):
    timer = Timer("step(function)", globals={"step": step, "function": function})
    measured_steps = timer.blocked_autorange(min_run_time=0.2)
    print(f"{function.__name__:21} {1000 * measured_steps.median:6.2f} ms a step")
    least.append(min(measured_steps.times))
assert least[0] > 2 * least[1]
assert measured_steps.task_spec.num_threads == 1

# %%
# A loop of many steps
# --------------------
#
# A profile of a whole training would fill the memory. The schedule below leaves out two steps, warms up in one, and
# records two. ``prof.step()`` at the end of each step counts. ``on_trace_ready`` is called when the recorded steps are
# over. With ``repeat=1`` this happens once, and by default again and again.

recorded = []


def keep(prof):
    recorded.append([event.name for event in prof.events() if event.name.startswith("batch")])


plan = schedule(wait=2, warmup=1, active=2, repeat=1)
with profile(activities=[ProfilerActivity.CPU], schedule=plan, on_trace_ready=keep) as prof:
    for number in range(8):
        with record_function(f"batch {number}"):
            step(distances_by_product)
        prof.step()
print([plan(number).name for number in range(8)])
print(recorded)

# %%
# See it on a time line
# ---------------------
#
# ``export_chrome_trace`` writes a file that `Perfetto <https://ui.perfetto.dev>`__ or ``chrome://tracing`` shows in a
# browser. Each call is a bar, with the calls that it made below it. Gaps are time in which no operation ran.

with profile(activities=[ProfilerActivity.CPU]) as prof:
    step(distances_by_product)
prof.export_chrome_trace("trace.json")
events = json.loads(Path("trace.json").read_text())["traceEvents"]
named = [event for event in events if event.get("cat") == "user_annotation"]
Path("trace.json").unlink()
print([event["name"] for event in sorted(named, key=lambda event: event["ts"])])

# %%
# .. use-this::
#
#    Profile two or three steps in the middle of a run, with ``record_function`` around your parts. Read self time and
#    the number of calls, then memory. Correct one line, and measure with ``torch.utils.benchmark.Timer``. On a GPU
#    add ``ProfilerActivity.CUDA`` or leave ``activities`` out, and sort by ``self_device_time_total``: CPU times are
#    then those of handing over (:ref:`timing-on-a-gpu`). The cost is time and memory for each recorded call.
#
# A common mistake
# ----------------
#
# **To read the profile as a clock.** The profiler adds time to each operation, so code of many small calls looks slower
# than it is. Here are 2000 small additions, without the profiler and with one that also keeps shapes and stacks. Use
# the profile to find the line, and ``Timer`` to say how fast it is.

# Measured on the CPU of the machine that built this page.
small = torch.ones(3)
timer = Timer("for _ in range(2000): small + 1", globals={"small": small})
timer.timeit(1)
without = min(timer.timeit(1).mean for _ in range(5))  # other work on the machine only adds
with profile(activities=[ProfilerActivity.CPU], record_shapes=True, with_stack=True) as prof:
    within = min(timer.timeit(1).mean for _ in range(3))
print(f"{1000 * without:.1f} ms without the profiler, {1000 * within:.1f} ms with it")
assert within > 1.1 * without

# %%
# How this was checked


def self_time(event):
    return event.cpu_time_total - sum(child.cpu_time_total for child in event.cpu_children)


# Self time by hand is that of torch, for each operation of a step, and the parts hold their children.
with profile(activities=[ProfilerActivity.CPU]) as prof:
    step(distances)
assert len(prof.events()) > 20
for event in prof.events():
    assert abs(self_time(event) - event.self_cpu_time_total) < 1e-6
by_name = {event.name: event for event in prof.events()}
assert {"aten::sub", "aten::square", "aten::sum"} <= {
    child.name for child in by_name["distances"].cpu_children
}
# The bytes of the other two: the square is as large as the difference, the sum is the distances.
assert used["aten::pow"] == used["aten::sub"]
assert used["aten::sum"] == 200 * 300 * 4
with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as prof:
    distances_by_product(features)
assert max(row.self_cpu_memory_usage for row in prof.key_averages()) == 200 * 300 * 4
# The gradients agree, too.
for parameter in (prototypes, network[0].weight):
    grads = []
    for function in (distances, distances_by_product):
        loss = F.cross_entropy(-function(network(images)), labels)
        grads.append(torch.autograd.grad(loss, parameter)[0])
    torch.testing.assert_close(*grads, rtol=1e-3, atol=1e-3)
# The schedule: two steps were recorded, and the callback was called once.
assert recorded == [["batch 3", "batch 4"]]
names = [plan(number).name for number in range(8)]
assert names == ["NONE"] * 2 + ["WARMUP", "RECORD", "RECORD_AND_SAVE"] + ["NONE"] * 3
assert sorted(event["name"] for event in named) == sorted(PARTS)
# A second cycle comes unless repeat forbids it.
again = [schedule(wait=2, warmup=1, active=2)(number).name for number in range(10)]
assert again == (["NONE"] * 2 + ["WARMUP", "RECORD", "RECORD_AND_SAVE"]) * 2
# Both the forward and the backward pass of the slow line take longer.
for part in ("distances", "backward"):
    slow, fast = (one[PARTS.index(part)] for one in measured.values())
    assert slow > 1.5 * fast, part
# From each prototype to itself: 0 by the difference, and not by the product.
own = prototypes.detach()
assert not distances(own).diagonal().any()
assert 0 < distances_by_product(own).diagonal().abs().max() < 1e-3
# The names in the box exist, and the columns for a GPU are there without one.
assert hasattr(ProfilerActivity, "CUDA")
assert profile().activities == supported_activities()
assert all(hasattr(row, "self_device_time_total") for row in rows)
table = prof.key_averages().table(sort_by="self_cpu_time_total", row_limit=3)
for column in ("Self CPU", "CPU total"):
    assert f" {column} " in table

# %%
# Check yourself
# --------------

with profile(activities=[ProfilerActivity.CPU]) as prof:
    for row in torch.ones(70, 5):
        row * 2
calls = {row.key: row.count for row in prof.key_averages()}
ask(
    "for row in torch.ones(70, 5): row * 2. How many calls of aten::mul does the profile have?",
    answer=calls["aten::mul"],
    choices={
        1: "That is torch.ones(70, 5) * 2, without a loop.",
        70: "One for each row. A large number of calls is a loop that one operation could replace.",
        350: "An operation works on a whole row at once.",
    },
)

# %%
# The next question is about self and total.

total, inner = 9.0, (5.0, 3.0)
ask(
    "A part of your step has a total of 9 ms. It calls two operations, with totals of 5 ms and 3 ms. What is its self "
    "time in ms?",
    answer=total - sum(inner),
    choices={
        1.0: "9 - 5 - 3. It is what Python does between the operations.",
        8.0: "That is the time within the operations.",
        9.0: "The total holds the operations that it calls.",
    },
)

# %%
# **Exercise.** Be the profiler. Event ``i`` runs from ``start[i]`` to ``end[i]``, and ``parent[i]`` is the number of
# the event that called it, or −1. Return the self time of each event.


def self_times(start, end, parent):
    raise NotImplementedError


def by_loop(start, end, parent):
    found = []
    for i in range(len(start)):
        inside = sum(end[j] - start[j] for j in range(len(start)) if parent[j] == i)
        found.append(end[i] - start[i] - inside)
    return torch.stack(found)


cases = [
    (torch.tensor([0.0]), torch.tensor([3.0]), torch.tensor([-1])),
    (torch.tensor([0.0, 1.0, 5.0]), torch.tensor([9.0, 4.0, 8.0]), torch.tensor([-1, 0, 0])),
    (
        torch.tensor([0.0, 1.0, 2.0, 7.0]),
        torch.tensor([6.0, 5.0, 4.0, 8.0]),
        torch.tensor([-1, 0, 1, -1]),
    ),
]
check(self_times, by_loop, cases)

# %%
# ``index_add`` subtracts each total from that of its parent. Events without a parent are left out.

# Solution


def self_times(start, end, parent):
    total = end - start
    called = parent >= 0
    return total.index_add(0, parent[called], total[called], alpha=-1)


report = check(self_times, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`exporting-a-model` prepares a model to run without your Python code. If the loop waits for its data, see
# :ref:`making-the-input-fast`.
#
# - PyTorch contributors (2026). `PyTorch profiler
#   <https://docs.pytorch.org/tutorials/recipes/recipes/profiler_recipe.html>`__. The tables, with a GPU, and stack
#   traces.
# - PyTorch contributors (2026). `torch.profiler <https://docs.pytorch.org/docs/stable/profiler.html>`__. The
#   reference.

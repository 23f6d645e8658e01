"""
.. _why-not-everything-on-the-gpu:

Is moving data to the GPU worth it?
===================================

You moved a small network to the GPU, and a step takes as long as before, or longer. The GPU pays where it saves more
time in computing than its calls and the journey of the data cost.
"""

# %%
# Set-up

# Measured where this page runs.
# sphinx_gallery_parallel = False
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from ptguide.devices import measure, pick_device
from ptguide.exercises import check
from ptguide.measurements import record, recorded, sources
from ptguide.questions import ask

torch.manual_seed(0)
device = pick_device()


def least_seconds(function, where=device):
    """Return the least of several times; whatever else the machine does only adds to it."""
    return min(measure(function, device=where, min_seconds=0.03, warmup=1, repeats=5).seconds)


def plot(found, x, y, *, labels, title, line=None):
    """Draw what each device measured, as dots, and for each the line of a model."""
    _, axis = plt.subplots(figsize=(6.5, 2.9), layout="constrained")
    for one in found:
        (dots,) = axis.loglog(one.values[x], one.values[y], "o", label=one.label)
        if line:
            axis.loglog(one.values[x], line(one.values[x], one.values[y]), color=dots.get_color())
    axis.set(xlabel=labels[0], ylabel=labels[1], title=title)
    axis.legend()
    plt.show()


def fixed_and_rate(work, seconds):
    """Return the seconds of the smallest call, and the work in a second of the largest."""
    return seconds[0], work[-1] / (seconds[-1] - seconds[0])


def straight(work, seconds):
    fixed, rate = fixed_and_rate(work, seconds)
    return [fixed + amount / rate for amount in work]


class Step:
    """One training step of a small network on a batch of images of 28 by 28 pixels."""

    def __init__(self, samples, where="cpu"):
        self.network = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)).to(where)
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.1)
        self.images, self.labels = torch.rand(samples, 784), torch.randint(10, (samples,))
        self.where = where

    def __call__(self):
        images, labels = self.images.to(self.where), self.labels.to(self.where)
        self.optimizer.zero_grad()
        F.cross_entropy(self.network(images), labels).backward()
        self.optimizer.step()


class Calls(TorchDispatchMode):
    """Counts the operators that PyTorch calls."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


def costs(step):
    """Return how many calls, operations and bytes of data one step takes."""
    step()
    with FlopCounterMode(display=False) as operations:
        step()
    with Calls() as calls:
        step()
    return calls.count, operations.get_total_flops(), step.images.nbytes + step.labels.nbytes


counts = [16**power for power in range(7)]
tensors = [torch.ones(count, device=device) for count in counts]
seconds = [least_seconds(lambda x=x: torch.add(x, 1, out=x)) for x in tensors]
calls = [record("one call", {"numbers": counts, "seconds": seconds}), *recorded("one call")]
labels = ("numbers in one call of x + 1", "seconds")

# %%

# Measured where this page runs.
assert seconds[0] > 100 * seconds[-1] / counts[-1]  # one number alone, one among 16 million
plot(
    calls,
    *calls[0].values,
    labels=labels,
    line=straight,
    title="A small call costs its fixed price",
)

# %%
# Each dot is one call of adding 1 to ``x``, measured where this page was built. A number that comes alone costs more
# than 100 times what it costs among 16 million, because each call has a fixed price. You need to know
# :ref:`devices-and-moving-data` and :ref:`timing-on-a-gpu`.
#
# The rule
# --------
#
# .. math::
#
#    \text{seconds} = \text{calls} \cdot \text{price of a call} + \frac{\text{operations}}{\text{rate}}
#    + \text{copies} \cdot \text{price of a copy} + \frac{\text{bytes}}{\text{rate of the way}}
#
# The CPU has the first two terms only, with a price and a rate of its own. The GPU wins where its sum is smaller.
# Calls, operations and bytes come from your code, and a run on the CPU tells about how many they are. Here is one
# training step of a small network. The number of calls stays, and the rest grows with the batch.

counted = {samples: costs(Step(samples)) for samples in (1, 16, 256, 4096)}
for samples, (called, operations, nbytes) in counted.items():
    print(
        f"{samples:<4} samples: {called} calls, {operations:>13,} operations, {nbytes:>10,} bytes"
    )
assert len({called for called, _, _ in counted.values()}) == 1
assert all(counted[n][1:] == (n * counted[1][1], n * counted[1][2]) for n in counted)

# %%
# When does the GPU win?
# ----------------------
#
# Put in two machines. These are *made up*, with round numbers: a GPU that computes
# :val:`200 <GPU["rate"] / CPU["rate"]>` times as fast as the CPU, and whose calls cost
# :val:`5 <GPU["call"] / CPU["call"]>` times as much. For one sample the price of the calls decides, and the CPU wins.
# For 4096 samples the GPU wins, and most of its time is the journey.

CPU = {"call": 2e-6, "rate": 1e11}  # seconds of a call, operations a second
GPU = {"call": 1e-5, "rate": 2e13}
WAY = {"copy": 1e-5, "rate": 1e10}  # seconds of a copy, bytes a second


def cpu_seconds(called, operations):
    return called * CPU["call"] + operations / CPU["rate"]


def gpu_seconds(called, operations, copies=0, nbytes=0):
    there = called * GPU["call"] + operations / GPU["rate"]
    return there + copies * WAY["copy"] + nbytes / WAY["rate"]


for samples, (called, operations, nbytes) in counted.items():
    here, there = cpu_seconds(called, operations), gpu_seconds(called, operations, 2, nbytes)
    way = there - gpu_seconds(called, operations)
    print(f"{samples:<4} samples: CPU {1e6 * here:>6.0f} µs, GPU {1e6 * there:>5.0f} µs", end="")
    print(f", of these {1e6 * way:>5.0f} µs for the journey")
    assert (here < there) if samples == 1 else (samples < 256 or there < here)
assert way > there / 2  # for 4096 samples

# %%
# Work for each byte
# ------------------
#
# Whether a journey can pay depends on how much is computed for each byte that travels. The sum of two vectors moves 12
# bytes for one addition, two numbers there and one back. In the step, each image brings its bytes once and meets all
# weights. In the product of two n by n matrices the work for each byte grows with n.

work = {
    "sum of two vectors": 1 / 12,
    "one training step": counted[256][1] / counted[256][2],
    "product of matrices, n = 600": 2 * 600**3 / (12 * 600**2),
    "product of matrices, n = 6000": 2 * 6000**3 / (12 * 6000**2),
}
for what, operations in work.items():
    print(f"{what:<30} {operations:8.2f} operations a byte")
by_cpu, by_way = 1 / 2e9, 12 / WAY["rate"]  # a CPU that adds 2e9 times a second
print(
    f"one addition: {1e9 * by_cpu:.1f} ns on the made-up CPU, {1e9 * by_way:.1f} ns to send its numbers"
)
assert by_way > by_cpu

# %%
# So on these machines a single sum does not pay for its journey, however long the vectors are. Numbers that stay on the
# GPU travel once. With 1000 sums of the same vectors, each bears a thousandth of the journey.

lengths = [10**power for power in range(1, 10)]
GPU_ADDS = 2e11


def sum_pays(length, uses):
    here = uses * (CPU["call"] + length * by_cpu)
    there = uses * (GPU["call"] + length / GPU_ADDS) + 3 * WAY["copy"] + length * by_way
    return there < here


for uses in (1, 1000):
    paying = [length for length in lengths if sum_pays(length, uses)]
    print(
        f"used {uses:>4} times: {f'pays from {paying[0]:,} numbers on' if paying else 'never pays'}"
    )
assert not any(sum_pays(length, 1) for length in lengths)
assert sum_pays(lengths[-1], 1000)

# %%
# The way, measured
# -----------------
#
# A copy has a fixed price, too, so one large tensor travels faster than many small ones. Without a GPU this is a copy
# within the CPU's memory, and no journey.

# Measured where this page runs.
sizes = [4 * count for count in counts[1:]]
there, here = (
    [torch.zeros(size // 4, device=where) for size in sizes] for where in (device, "cpu")
)
seconds = [least_seconds(lambda a=a, b=b: a.copy_(b)) for a, b in zip(there, here, strict=True)]
rates = [size / taken / 1e9 for size, taken in zip(sizes, seconds, strict=True)]
values = {"bytes": sizes, "GB per second": rates, "seconds": seconds}
copies = [record("copy to the device", values), *recorded("copy to the device")]
assert rates[0] < 0.1 * max(rates)
plot(copies, *list(values)[:2], labels=list(values)[:2], title="Small pieces travel slowly")
print(sources("copy to the device", copies))

# %%
# Measure your own
# ----------------
#
# The made-up machines decide nothing about yours. Time a step as you would run it, with its journey, on both devices
# and for the batch size that you use. Put your network in place of this one. A sample that comes
# alone costs more than twice what it costs in a batch of 4096, on the CPU too.

# Measured where this page runs.
values = {"samples": list(counted)}
for where in dict.fromkeys([torch.device("cpu"), device]):
    values[f"seconds on {where.type}"] = [least_seconds(Step(n, where), where) for n in counted]
steps = [record("training step", values), *recorded("training step")]
for one in steps:
    for where in list(one.values)[1:]:
        print(f"{one.label}, {where}, for each sample of a batch:")
        for n, second in zip(one.values["samples"], one.values[where], strict=True):
            print(f"    of {n:>4}: {1e6 * second / n:>6.1f} µs")
seconds = values["seconds on cpu"]
assert seconds[0] > 2 * seconds[-1] / 4096
print(sources("training step", steps))

# %%
# .. use-this::
#
#    Move the model and its optimizer once, before training, and each batch once a step. Do all work of the step there.
#    Bring back few numbers, seldom. If the GPU is no faster, make the calls fewer and larger: take a larger batch, or
#    merge small operations. Leave on the CPU what is used once with little work for each byte, such as cropping images.
#    To decide, measure a step on both (:ref:`timing-on-a-gpu`).
#
# A common mistake
# ----------------
#
# **Sending samples one by one.** A loop that moves each sample pays the price of a copy for each. Stack them first, as
# a :ref:`DataLoader <dataset-and-dataloader>` does, and move the batch. Stacking included, that is faster.

# Measured where this page runs.
loose = [torch.rand(64) for _ in range(256)]
there = torch.zeros(256, 64, device=device)


def one_by_one():
    for place, sample in enumerate(loose):
        there[place].copy_(sample)


alone = least_seconds(one_by_one)
together = least_seconds(lambda: there.copy_(torch.stack(loose)))
print(f"one by one: {alone / together:.0f} times as long as stacked and moved together")
assert alone > 2 * together
assert torch.equal(there.cpu(), torch.stack(loose))

# %%
# How this was checked

# Operations: two for each weight and sample going forward, two for each gradient of a weight, and two for each gradient
# of what enters a layer, which the first layer does not need.
first, second = 784 * 128, 128 * 10
assert counted[1][1] == 2 * (first + second) + 2 * (first + second) + 2 * second
# Bytes: 784 numbers of 4 bytes and a label of 8 for each sample.
assert counted[1][2] == 784 * 4 + 8
# The model: more of anything takes longer, and a journey is never free.
for more in ((2, 5, 1, 1), (1, 6, 1, 1), (1, 5, 2, 1), (1, 5, 1, 2)):
    assert gpu_seconds(*more) > gpu_seconds(1, 5, 1, 1) > gpu_seconds(1, 5)
# A sum does not pay for its journey at any length: what one more number adds is larger on the way there.
assert by_way + 1 / GPU_ADDS > by_cpu
assert GPU["call"] + 3 * WAY["copy"] > CPU["call"]
# What is on the device already does not travel: .to gives the same tensor.
x = torch.ones(3, device=device)
assert x.to(device) is x

# %%
# Check yourself
# --------------


def product_work(n):
    return 2 * n**3 / (12 * n**2)


ask(
    "Two n by n matrices are multiplied on a GPU. n doubles. How many times the work for each byte moved is that?",
    answer=round(product_work(120) / product_work(60)),
    choices={
        1: "That is so for a sum of vectors, whose work and bytes grow in step.",
        2: "8 times the operations, on 4 times the bytes.",
        8: "Those are the operations. The bytes grow, too.",
    },
)

# %%
# A batch twice as large:

ratio = round(counted[4096][1] / counted[4096][2] / (counted[1][1] / counted[1][2]))
ask(
    "In the training step, the batch grows from 1 to 4096 samples. How many times the work for each byte is that?",
    answer=ratio,
    choices={
        1: "Each sample brings its bytes and its work. What shrinks is the part of the calls.",
        4096: "Those are the operations. The bytes grow as much.",
        64: "Operations and bytes both grow with the number of samples, not with its root.",
    },
)

# %%
# **Exercise.** You measured a step for several batch sizes on both devices. Return the smallest size from which on the
# GPU is sooner at each size that was measured, or -1. ``sizes``, ``cpu`` and ``gpu`` have shape (size,).


def by_loop(sizes, cpu, gpu):
    for place in range(len(sizes)):
        if (gpu[place:] < cpu[place:]).all():
            return sizes[place]
    return torch.tensor(-1)


cases = [
    (torch.tensor([1, 8]), torch.tensor([1.0, 5.0]), torch.tensor([2.0, 3.0])),
    (torch.tensor([1, 8, 64]), torch.tensor([3.0, 1.0, 5.0]), torch.tensor([2.0, 2.0, 2.0])),
    (torch.tensor([1, 8, 64]), torch.tensor([3.0, 4.0, 1.0]), torch.tensor([2.0, 2.0, 2.0])),
]


def worth_it_from(sizes, cpu, gpu):
    raise NotImplementedError


check(worth_it_from, by_loop, cases)

# %%
# Find the last size at which the GPU does not win. The next one is the answer.

# Solution


def worth_it_from(sizes, cpu, gpu):
    lost = torch.nonzero(gpu >= cpu)
    place = lost[-1].item() + 1 if len(lost) else 0
    return sizes[place] if place < len(sizes) else torch.tensor(-1)


report = check(worth_it_from, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`one-model-on-several-processes`, for when one GPU is not enough. :ref:`pinned-memory` lets Python go on while a
# batch travels.
#
# - He (2022). `Making deep learning go brrrr from first principles <https://horace.io/brrr_intro.html>`__. Computing,
#   memory or overhead: which of them your time goes to, and what helps.
# - Williams, Waterman and Patterson (2009). `Roofline: an insightful visual performance model for multicore
#   architectures <https://doi.org/10.1145/1498765.1498785>`__. Work for each byte, as a picture.

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
import math

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


def draw_calls(found):
    """Draw what each device measured, as dots, and the line of a fixed price and a rate."""
    _, axis = plt.subplots(figsize=(5.4, 2.6), layout="constrained")
    for one in found:
        numbers, seconds = one.values["numbers"], one.values["seconds"]
        (dots,) = axis.loglog(numbers, seconds, "o", label=one.label)
        price = min(seconds)  # a busy machine lengthens the small calls, too
        slope = (seconds[-1] - price) / numbers[-1]
        line = [price + number * slope for number in numbers]
        axis.loglog(numbers, line, color=dots.get_color())
    axis.set(xlabel="numbers in one call of x + 1", ylabel="seconds")
    axis.set_title("A small call costs its fixed price")
    axis.legend()
    plt.show()


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


def seconds_on(machine, called, operations, nbytes):
    computing = called * machine["call"] + operations / machine["rate"]
    return computing + machine["copies"] + nbytes / machine["way"]


calls = [record("one call", {"numbers": counts, "seconds": seconds}), *recorded("one call")]
counted = {samples: costs(Step(samples)) for samples in (1, 16, 256, 4096)}

# %%

# Measured where this page runs.
assert seconds[0] > 100 * seconds[-1] / counts[-1]  # one number alone, one among 16 million
draw_calls(calls)

# %%
# Each dot is one call that adds 1 to a tensor, and the line is a fixed price plus a price for each number. A number
# that comes alone costs more than 100 times what it costs among 16 million. You need to know :ref:`timing-on-a-gpu`.
#
# The rule
# --------
#
# Add up calls, computing, copies and bytes for the CPU and for the GPU, and take the smaller sum.
#
# .. math::
#
#    t = n_\text{calls}\, c + \frac{\text{operations}}{r} + n_\text{copies}\, k + \frac{\text{bytes}}{w}
#
# A call costs :math:`c` seconds, and a copy :math:`k`. In a second, :math:`r` operations are computed and :math:`w`
# bytes travel. The CPU has the first two terms. The sum is rough: it leaves out reading memory, and a GPU computes
# while Python prepares the next call. In a training step of a small network, operations and bytes grow with the batch.

for samples, (called, operations, nbytes) in counted.items():
    print(f"{samples:>4}: {called} calls, {operations:>13,} operations, {nbytes:>10,} bytes")

# %%
# When does the GPU win?
# ----------------------
#
# These two machines are *made up*. The GPU computes :val:`200 <GPU["rate"] / CPU["rate"]>` times as fast as the CPU,
# and a call costs :val:`5 <GPU["call"] / CPU["call"]>` times as much. For 1 sample the CPU wins, and for 4096 the GPU.

# seconds of a call, operations a second, seconds of 2 copies, bytes a second
CPU = {"call": 2e-6, "rate": 1e11, "copies": 0, "way": math.inf}
GPU = {"call": 1e-5, "rate": 2e13, "copies": 2e-5, "way": 1e10}
for samples, step in counted.items():
    here, there = 1e6 * seconds_on(CPU, *step), 1e6 * seconds_on(GPU, *step)
    print(f"{samples:>4} samples: CPU {here:>6.0f} µs, GPU {there:>5.0f} µs")
    assert (here < there) == (samples < 256)

# %%
# Work for each byte
# ------------------
#
# A large input does not help where little is computed with it. While one byte travels, the made-up CPU computes
# :val:`10 <CPU["rate"] / GPU["way"]>` operations. The sum of two vectors needs fewer for each byte, so the CPU is done
# before the data has arrived. Numbers that stay on the GPU travel once, however often they are used.

work = {
    "sum of two vectors": 1 / 12,  # numbers of 4 bytes: two there, one back
    "training step": counted[256][1] / counted[256][2],
    "matrix product, n = 6000": 2 * 6000**3 / (12 * 6000**2),
}
for what, operations in work.items():
    print(f"{what:<25} {operations:7.2f} operations a byte")

# %%
# Measure your own
# ----------------
#
# Time a step as you would run it, with its copies to the device, for your batch size. On this CPU, a sample that comes
# alone costs more than twice what it costs in a batch of 4096.

# Measured where this page runs.
values = {"samples": list(counted)}
for where in dict.fromkeys([torch.device("cpu"), device]):
    values[f"on {where.type}"] = [least_seconds(Step(n, where), where) for n in counted]
steps = [record("training step", values), *recorded("training step")]
print(sources("training step", steps))
for one in steps:
    for where, times in list(one.values.items())[1:]:
        each = [f"{1e6 * t / n:.1f}" for n, t in zip(one.values["samples"], times, strict=True)]
        print(f"{one.label}, {where}: {', '.join(each)} µs a sample")
assert values["on cpu"][0] > 2 * values["on cpu"][-1] / 4096

# %%
# .. use-this::
#
#    Move the model once, before training, and each batch once a step. Do all work of the step there, and bring back few
#    numbers, seldom. If the GPU is no faster, make the calls fewer and larger: take a larger batch, or try
#    :func:`torch.compile`. Leave on the CPU what is used once with little work for each byte. To decide, measure both.
#
# A common mistake
# ----------------
#
# **Sending samples one by one.** Each sample pays the price of a copy. Stack them first, as in a batch of a
# :ref:`DataLoader <dataset-and-dataloader>`. Stacking included, that is faster.

# Measured where this page runs.
loose = [torch.rand(64) for _ in range(256)]
there = torch.zeros(256, 64, device=device)
alone = least_seconds(lambda: [row.copy_(sample) for row, sample in zip(there, loose, strict=True)])
together = least_seconds(lambda: there.copy_(torch.stack(loose)))
print(f"one by one: {alone / together:.0f} times as long as stacked and moved together")
assert alone > together

# %%
# How this was checked

# Operations: two for each weight and sample going forward, two for each gradient of a weight, and two for each
# gradient of what enters a layer, which the first layer does not need.
first, second = 784 * 128, 128 * 10
assert counted[1][1] == 2 * (first + second) + 2 * (first + second) + 2 * second
# Bytes: 784 numbers of 4 bytes and a label of 8 for each sample.
assert counted[1][2] == 784 * 4 + 8
for n, step in counted.items():
    assert step == (counted[1][0], n * counted[1][1], n * counted[1][2])
assert work["sum of two vectors"] < CPU["rate"] / GPU["way"] < work["training step"]
assert torch.equal(there.cpu(), torch.stack(loose))
# The formula: more calls, operations or bytes take longer on the GPU.
for more in ((2, 5, 1), (1, 6, 1), (1, 5, 2)):
    assert seconds_on(GPU, *more) > seconds_on(GPU, 1, 5, 1)
# A sum that is computed once does not pay for its journey, and in 1000 sums of the same vectors it does.
for length in (10**power for power in range(1, 10)):
    assert seconds_on(CPU, 1, length, 0) < seconds_on(GPU, 1, length, 12 * length)
assert seconds_on(CPU, 1000, 1000 * 10**7, 0) > seconds_on(GPU, 1000, 1000 * 10**7, 12 * 10**7)
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
# The next question is about a larger batch.

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
# **Exercise.** You measured a step for several batch sizes, in rising order, on both devices. Return the smallest size
# from which on the GPU is faster at each size that was measured, else -1. ``sizes``, ``cpu`` and ``gpu`` have shape
# (size,).


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
# :ref:`tensor-cores-and-tf32` shows what large products may gain, and lose. :ref:`pinned-memory` lets Python go on
# while a batch travels.
#
# - He (2022). `Making deep learning go brrrr from first principles <https://horace.io/brrr_intro.html>`__. Computing,
#   memory or overhead: which of them your time goes to, and what helps.
# - Williams, Waterman and Patterson (2009). `Roofline: an insightful visual performance model for multicore
#   architectures <https://doi.org/10.1145/1498765.1498785>`__. Work for each byte, as a picture.

"""
.. _why-not-everything-on-the-gpu:

Is moving data to the GPU worth it?
===================================

A GPU does one instruction on thousands of numbers at once. But a call has a fixed price, and the data has to get there
first. So small work can be done sooner on the CPU, and large work on the GPU. This page measures the price of a call
and of a copy on the machine that runs it. A model of six numbers then says from which size a GPU wins: for two machines
that are made up, and in the last figure for a GPU where one was measured. You need to know
:ref:`devices-and-moving-data` and :ref:`timing-on-a-gpu`.
"""

# %%
# How long does ``x + 1`` take for each number, if ``x`` has one number, and if it has 16 million?

# Measured where this page runs.
# sphinx_gallery_parallel = False
import torch

from ptguide.devices import measure, pick_device
from ptguide.measurements import record, recorded, sources

device, counts, seconds = pick_device(), [16**power for power in range(7)], []
few = {"warmup": 1, "repeats": 5, "min_seconds": 0.03}  # the least of a few times is enough here
for count in counts:
    x = torch.ones(count, device=device)
    times = measure(lambda x=x: torch.add(x, 1, out=x), device=device, **few)
    seconds.append(min(times.seconds))  # whatever else the machine does only adds to it
    print(f"{count:>9,} numbers in one call: {1e9 * seconds[-1] / count:9.2f} ns for each")

# %%
# The same as a picture of whole calls. At first the number of numbers does not matter: Python, torch and the device
# take as long to begin. Later little else matters. The line is ``fixed + numbers / rate``: the first point gives the
# fixed price, the last one the rate. Between them a CPU may be below its line, as its cache is faster than its memory.

# Measured where this page runs.
import matplotlib.pyplot as plt


def fit(work, seconds):
    """Return the fixed seconds, of the smallest call, and the work in a second, of the largest."""
    return seconds[0], work[-1] / (seconds[-1] - seconds[0])


found = [record("one call", {"numbers": counts, "seconds": seconds}), *recorded("one call")]
figure, axis = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
for one in found:
    fixed, rate = fit(one.values["numbers"], one.values["seconds"])
    (dots,) = axis.loglog(one.values["numbers"], one.values["seconds"], "o", label=one.label)
    line = [fixed + n / rate for n in one.values["numbers"]]
    axis.loglog(one.values["numbers"], line, color=dots.get_color())
axis.set(xlabel="numbers in one call of x + 1", ylabel="seconds")
axis.set_title("A call costs the same, until the work outweighs its fixed price")
axis.legend()
plt.show()
print(sources("one call", found))

# %%
# So a number that comes alone costs more than 100 times what it costs in a crowd: call once with a large tensor, not in
# a loop with small ones.

seconds = found[0].values["seconds"]
assert seconds[1] < 8 * seconds[0]  # 16 numbers cost about as much as one
assert seconds[0] > 100 * seconds[-1] / counts[-1]  # of one number: alone, and among 16 million

# %%
# What the way costs
# ------------------
#
# A copy to the device, from :val:`64 <bytes_moved[0]>` bytes to :val:`64 <bytes_moved[-1] / 2**20>` MiB. ``.to`` does
# the same after it has taken memory there. On a CPU it is a copy within its memory: nothing has to travel, and the page
# can't measure a journey. On a GPU it is the journey. Small pieces pay for their call: move one large tensor, not many
# small ones. The line is the model again, with the rate of the largest piece. A CPU can be faster than its line where
# the piece fits into its cache.

# Measured where this page runs.


def least_seconds(function, where=device):
    """Return the least of several times; whatever else the machine does only adds to it."""
    return min(measure(function, device=where, **few).seconds)


def bytes_and_seconds(count):
    x, there = torch.ones(count), torch.zeros(count, device=device)
    return 4 * count, least_seconds(lambda: there.copy_(x))


bytes_moved, seconds = zip(*map(bytes_and_seconds, counts[1:]), strict=True)
way = record("copy to the device", {"bytes": list(bytes_moved), "seconds": list(seconds)})
found = [way, *recorded("copy to the device")]
moved, seconds = way.values["bytes"], way.values["seconds"]
assert moved[0] / seconds[0] < 0.1 * max(n / s for n, s in zip(moved, seconds, strict=True))
print(sources("copy to the device", found))

# %%
# The dots are what was measured, the lines the model:

# Measured where this page runs.
figure, axis = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
for one in found:
    moved, seconds = one.values["bytes"], one.values["seconds"]
    fixed, rate = fit(moved, seconds)
    rates = [n / s / 1e9 for n, s in zip(moved, seconds, strict=True)]
    (dots,) = axis.loglog(moved, rates, "o", label=one.label)
    axis.loglog(moved, [n / (fixed + n / rate) / 1e9 for n in moved], color=dots.get_color())
axis.set(xlabel="bytes in one copy", ylabel="GB per second")
axis.set_title("Small pieces travel slowly, as each pays for its call")
axis.legend()
plt.show()

# %%
# Work for each byte
# ------------------
#
# A sum of two vectors of n numbers does n additions, and moves 12n bytes: two in, one out,
# :val:`4 <torch.ones(1).itemsize>` bytes each. A product of two n by n matrices does 2n³ operations and moves 12n²
# bytes. So the work for each byte moved grows with n in a product, and stays the same in a sum. In the model below,
# this decides whether a journey can pay.


def add_work(n):
    return n, 12 * n


def product_work(n):
    return 2 * n**3, 12 * n**2


for n in (60, 600, 6000):
    print(f"n = {n}: {n / 6:.0f} operations a byte for a product, 1/12 for a sum")
    assert product_work(n)[0] / product_work(n)[1] == n / 6
    assert add_work(n)[0] / add_work(n)[1] == 1 / 12

# %%
# The model, and the crossing
# ---------------------------
#
# time = fixed + operations / rate, with two numbers for the CPU and two for the GPU. If the data has to travel, there
# are three copies more, two there and one back: 3 · (fixed of a copy) + bytes / (rate of the way). ``crossing`` tries
# the powers of two up to 2³⁰ and returns the first at which the GPU is done sooner, or None.


def crossing(work, here, there, way=None, sizes=tuple(2**power for power in range(31))):
    """Return the first of the sizes at which the GPU is done sooner; without a way, the data is there."""
    for n in sizes:
        operations, nbytes = work(n)
        on_cpu = here[0] + operations / here[1]
        on_gpu = there[0] + operations / there[1]
        if way:
            on_gpu += 3 * way[0] + nbytes / way[1]  # two journeys there, one back
        if on_gpu < on_cpu:
            return n
    return None


# %%
# The two machines here are made up, with round numbers, to see what the model says. With the data on the GPU already, a
# product pays from n = 128. If it has to travel, it has to be larger. The sum does not pay for its journey at these
# sizes, nor at larger ones: to send the 12 bytes of one addition takes longer than to add on the CPU.

products = {"here": (2e-6, 1e11), "there": (1e-5, 2e13)}  # seconds of a call, operations a second
additions = {"here": (2e-6, 2e9), "there": (1e-5, 2e11)}
link = (1e-5, 1e10)  # seconds of a copy, bytes a second
for name, work, machines in (("product", product_work, products), ("sum", add_work, additions)):
    stays, travels = crossing(work, **machines), crossing(work, **machines, way=link)
    after_travel = f"from n = {travels}" if travels else "never"
    print(f"{name}: the GPU wins from n = {stays}; if the data has to travel, {after_travel}")
    assert travels is None if name == "sum" else 128 == stays < travels
assert 12 / link[1] > 1 / additions["here"][1]  # seconds for one more number

# %%
# The measured crossing
# ---------------------
#
# Products on the CPU; and where there is a GPU, also on it: with the matrices there, and with the way there and back.

# Measured where this page runs.


def product_seconds(n, where, travels=False):
    a, b = torch.rand(n, n), torch.rand(n, n)
    if travels:
        return least_seconds(lambda: (a.to(where) @ b.to(where)).cpu())
    a, b = a.to(where), b.to(where)
    return least_seconds(lambda: a @ b, where)


sizes = [4, 16, 64, 128, 256, 512, 1024]
ON_CPU, THERE, WITH_WAY = "seconds on the CPU", "seconds there", "seconds with the way"
values = {"n": sizes, ON_CPU: [product_seconds(n, torch.device("cpu")) for n in sizes]}
if device.type != "cpu":
    values[THERE] = [product_seconds(n, device) for n in sizes]
    values[WITH_WAY] = [product_seconds(n, device, travels=True) for n in sizes]
found = [record("product of matrices", values), *recorded("product of matrices")]
print(sources("product of matrices", found))

# %%
# The same as a picture:

# Measured where this page runs.
ways = {one.device: one for one in [way, *recorded("copy to the device")]}
figure, axis = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for one in found:
    n, *curves = one.values
    fits = {}
    for curve in curves:
        axis.loglog(one.values[n], one.values[curve], "o-", label=f"{one.label}: {curve}")
        fits[curve] = fit([2 * size**3 for size in one.values[n]], one.values[curve])
    # Where the model says that it overtakes the CPU beside it.
    if len(fits) > 1 and one.device in ways:
        journey = fit(ways[one.device].values["bytes"], ways[one.device].values["seconds"])
        for on_way in (None, journey):
            predicted = crossing(product_work, fits[ON_CPU], fits[THERE], on_way)
            if predicted:
                style = {"linestyle": "--", "label": "the model's crossing, with the way"}
                if not on_way:
                    style = {"linestyle": ":", "label": "the model's crossing, without the way"}
                axis.axvline(predicted, color="gray", **style)
axis.set(xlabel="n, for a product of n by n matrices", ylabel="seconds")
axis.set_title("Products: small ones cost their call, large ones their work")
axis.legend()
plt.show()

# %%
# This CPU, too, does more than 20 times as many operations a second on the largest matrices as on the smallest.

seconds = found[0].values[ON_CPU]
assert 2 * 1024**3 / seconds[-1] > 20 * (2 * 4**3 / seconds[0])

# %%
# What to move, and how often
# ---------------------------
#
# The model gives a rule. What is used once, with little work for each byte, stays on the CPU. What is used again and
# again (a model, its optimizer) moves once, and the uses share the price: in 1000 uses on the made-up GPU even the sum
# pays. A :term:`batch` moves once a step, and the work of that step is done on it there. Results come back as few
# numbers, seldom. For your own work, measure both sides with ``measure``.

shared = (link[0] / 1000, link[1] * 1000)  # the vectors are sent once, for 1000 sums
assert crossing(add_work, **additions, way=link) is None
assert crossing(add_work, **additions, way=shared) is not None

# %%
# Check yourself
# --------------

from ptguide.questions import ask

ask(
    "Two n by n matrices are multiplied on a GPU. n doubles. How many times the work for each byte moved is that?",
    answer=round(
        product_work(120)[0] / product_work(120)[1] / (product_work(60)[0] / product_work(60)[1])
    ),
    choices={
        1: "So it is for a sum of vectors, whose work and bytes grow in step.",
        2: "8 times the operations, on bytes that double twice.",
        8: "Those are the operations; the bytes grow, too.",
    },
)

# %%
# Two vectors on the CPU, to be added once:

ask(
    "Two long vectors lie on the CPU and are added once. Is it worth sending them to the made-up GPU of this page?",
    answer="never"
    if crossing(add_work, **additions, way=link) is None
    else "if they are long enough",
    choices={
        "never": "To send one number more takes longer than to add it here, so length does not help.",
        "if they are long enough": "Both times grow with the length, and that of the journey grows faster.",
    },
)

# %%
# Next: :ref:`one-model-on-several-processes`, for when one GPU is not enough.

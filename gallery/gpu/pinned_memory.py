"""
.. _pinned-memory:

What do pin_memory and non_blocking do?
=======================================

Python waits while a batch travels to the GPU, and hands over no work in that time. ``pin_memory`` puts a batch where
the GPU can fetch it by itself, and with ``non_blocking=True`` Python goes on meanwhile.
"""

# %%
# Set-up

# Measured where there is such a GPU.
# sphinx_gallery_parallel = False
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, TensorDataset

from ptguide.devices import measure, pick_device
from ptguide.errors import expect_warning
from ptguide.exercises import check
from ptguide.measurements import record, recorded, sources
from ptguide.questions import ask

torch.manual_seed(0)
device = pick_device()
accelerator = torch.accelerator.current_accelerator(check_available=True)
can_pin = accelerator is not None and accelerator.type in ("cuda", "xpu")
data = TensorDataset(torch.arange(14.0).reshape(7, 2))


def draw_ways():
    _, axes = plt.subplots(nrows=2, figsize=(5.4, 2.2), layout="constrained")
    ways = {
        "x.to(device)": ["x", "the driver's\npinned memory", "the GPU's\nmemory"],
        "pinned.to(device, non_blocking=True)": ["pinned", "the GPU's\nmemory"],
    }
    for axis, (way, stations) in zip(axes, ways.items(), strict=True):
        for place, station in enumerate(stations):
            axis.text(2 * place, 0, station, ha="center", va="center")
        for place in range(len(stations) - 1):
            ends = (2 * place + 1.3, 0), (2 * place + 0.7, 0)
            axis.annotate("", *ends, arrowprops={"arrowstyle": "->", "color": "C0"})
        axis.set(title=way, xlim=(-1, 5), ylim=(-1, 1), xticks=[], yticks=[])
    plt.suptitle("Ordinary memory is copied twice, pinned memory once")
    plt.show()


# %%

draw_ways()

# %%
# The system may move ordinary memory. So the driver of the GPU first copies ``x`` to a place that stays, called
# :term:`pinned memory`. A batch that is pinned already needs no such copy. You need to know :ref:`timing-on-a-gpu`.
#
# The rule
# --------
#
# A copy to the GPU runs beside Python if its source is pinned *and* it is called with ``non_blocking=True``. You need
# no wait before you use the batch on the GPU: that work waits behind the copy in the same queue, a :term:`stream`.
# These rules are from the tutorial of Moens (2024), measured on a GPU. Here the loader pins where it can. On a CPU the
# same loop runs, and nothing moves.

loader = DataLoader(data, batch_size=3, pin_memory=torch.accelerator.is_available())
for (batch,) in loader:
    there = batch.to(device, non_blocking=True)
    print(f"batch of {len(batch)}: sum {there.sum().item():.0f}, pinned: {batch.is_pinned()}")
    assert torch.equal(there.cpu(), batch)
    assert batch.is_pinned() == can_pin

# %%
# Who pins?
# ---------
#
# A tensor is not pinned unless somebody asks. With ``pin_memory=True`` the loader pins the tensors of each batch. If it
# has workers, a thread of its own does so while your loop goes on. Without a GPU the loader warns and gives ordinary
# batches, which is why the loop above asks ``is_available``.

wanted = DataLoader(data, batch_size=3, pin_memory=True)
if can_pin:
    assert all(batch.is_pinned() for (batch,) in wanted)  # only on a GPU
else:
    with expect_warning(UserWarning, match="'pin_memory' argument is set as true but"):
        assert not any(batch.is_pinned() for (batch,) in wanted)  # only on a CPU

# %%
# .. use-this::
#
#    Where there is a GPU, ask the loader for ``pin_memory=True``, and move each batch with ``non_blocking=True``. Do
#    not pin in the loop yourself: pinning is a copy that Python waits for. Pin batches, not the whole data: the system
#    cannot swap pinned memory out, so the rest of the machine has less. To bring a result back to the CPU, use ``cpu``,
#    which waits.
#
# Common mistakes
# ---------------
#
# **To read too early.** On the way back nobody waits: ``y = x.to("cpu", non_blocking=True)`` returns, and the next line
# may read memory that is not filled yet. No error is raised. Here a thread plays the GPU, and copies when ``gate``
# opens.


def copy_when(gate, target, source):
    gate.wait()
    target.copy_(source)


gate, result, y = threading.Event(), torch.full((4,), 7.0), torch.zeros(4)
with ThreadPoolExecutor(max_workers=1) as gpu:
    job = gpu.submit(copy_when, gate, y, result)
    too_early = y.tolist()
    gate.set()
    job.result()  # waits; on a GPU: torch.accelerator.synchronize()
print(f"read too early: {too_early}\nafter the wait: {y.tolist()}")
assert (too_early, y.tolist()) == ([0] * 4, [7] * 4)

# %%
# **To change what is still to be sent.** A loop that fills one pinned buffer again for each batch may overwrite the
# batch before. The loader makes a tensor for each batch, so it does not happen there. The thread plays the GPU again.

gate, buffer, first = threading.Event(), torch.ones(4), torch.zeros(4)
with ThreadPoolExecutor(max_workers=1) as gpu:
    job = gpu.submit(copy_when, gate, first, buffer)
    buffer.fill_(2)  # the second batch, before the first was sent
    gate.set()
    job.result()
print(f"the first batch, as it arrives: {first.tolist()}")
assert first.tolist() == [2] * 4

# %%
# How this was checked

# Measured where there is such a GPU.
# The loader's batches have storages of their own, and hold the data.
batches = [batch for (batch,) in loader]
assert len({batch.data_ptr() for batch in batches}) == len(batches)
assert torch.equal(torch.cat(batches), data.tensors[0])
x = torch.arange(6.0)
assert not x.is_pinned()
assert not x.requires_grad_().is_pinned()
if device.type == "cpu":
    assert x.to(device, non_blocking=True) is x  # only on a CPU: nothing to move
if can_pin:
    pinned = x.detach().pin_memory()
    assert pinned.is_pinned()  # only on a GPU
    assert pinned.data_ptr() != x.data_ptr()  # only on a GPU
    assert pinned.pin_memory() is pinned  # only on a GPU
found = recorded("pinned memory")
if device.type in ("cuda", "xpu"):
    ordinary = torch.rand(2**24)  # 64 MiB
    pinned = ordinary.pin_memory()
    ways = {
        "ordinary": lambda: ordinary.to(device),
        "pinned": lambda: pinned.to(device, non_blocking=True),
        "pinned first": lambda: ordinary.pin_memory().to(device, non_blocking=True),
    }
    taken = {f"{way}, seconds": measure(function).median for way, function in ways.items()}
    torch.accelerator.synchronize()
    started = time.perf_counter()
    back = pinned.to(device, non_blocking=True)
    taken["until non_blocking returns, seconds"] = time.perf_counter() - started
    back = back.to("cpu", non_blocking=True)
    torch.accelerator.synchronize()
    assert torch.equal(back, ordinary)  # only on a GPU
    assert taken["until non_blocking returns, seconds"] < taken["pinned, seconds"]  # only on a GPU
    assert taken["pinned, seconds"] < 1.5 * taken["ordinary, seconds"]  # only on a GPU
    assert taken["pinned, seconds"] < taken["pinned first, seconds"]  # only on a GPU
    found = [record("pinned memory", taken), *found]
for one in found:
    for way, seconds in one.values.items():
        print(f"{one.label}, 64 MiB, {way.partition(',')[0]}: {1000 * seconds:.2f} ms")
print(sources("pinned memory", found))

# %%
# Check yourself
# --------------

ask(
    "y = x.to('cpu', non_blocking=True), with x on a GPU; the next line prints y. What is printed?",
    answer="perhaps what the memory held before" if too_early != y.tolist() else "the values of x",
    choices={
        "perhaps what the memory held before": "Python reads, and nobody waited for the copy.",
        "the values of x": "Only after torch.accelerator.synchronize(), or with x.cpu().",
        "an error": "No error is raised: y is a tensor like any other.",
    },
)

# %%
# The next question asks about the way to the GPU.

ask(
    "A pinned buffer of ones is sent with non_blocking=True; the next line fills it with twos, before the GPU has "
    "begun to copy. What arrives?",
    answer=f"{first[0].item():.0f}s",
    choices={
        "1s": "That is so if the copy is done before the buffer is filled.",
        "2s": "The copy reads the buffer when its turn comes.",
    },
)

# %%
# **Exercise.** Send each batch through one buffer. ``line.buffer`` is the buffer. ``line.send()`` asks the GPU to copy
# it, and returns at once. ``line.wait()`` returns when the copies are done that were asked for. This line is mean: it
# copies as late as it may. The checker looks at what arrived.


class Line:
    def __init__(self, buffer):
        self.buffer, self.asked, self.arrived = buffer, 0, []

    def send(self):
        self.asked += 1

    def wait(self):
        while len(self.arrived) < self.asked:
            self.arrived.append(self.buffer.clone())


def tried(send_all):
    def arrived(batches):
        line = Line(torch.zeros_like(batches[0]))
        send_all(batches, line)
        line.wait()
        return torch.stack(line.arrived)

    return arrived


cases = [(torch.tensor([[1, 2], [3, 4]]),), (torch.arange(12).reshape(4, 3),)]


def send_all(batches, line):
    raise NotImplementedError


check(tried(send_all), lambda batches: batches, cases)

# %%
# Wait before the buffer is filled again. With two buffers, one could be filled while the other is sent.

# Solution


def send_all(batches, line):
    for batch in batches:
        line.wait()
        line.buffer.copy_(batch)
        line.send()


report = check(tried(send_all), lambda batches: batches, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`why-not-everything-on-the-gpu` counts what the moving costs.
#
# - Moens (2024). `A guide on good usage of non_blocking and pin_memory() in PyTorch
#   <https://docs.pytorch.org/tutorials/intermediate/pinmem_nonblock.html>`__. Both measured on a GPU, together and
#   alone.
# - Harris (2012). `How to optimize data transfers in CUDA C/C++
#   <https://developer.nvidia.com/blog/how-optimize-data-transfers-cuda-cc/>`__. Why the driver needs memory that stays.

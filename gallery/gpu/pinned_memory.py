"""
.. _pinned-memory:

What do pin_memory and non_blocking do?
=======================================

``pin_memory`` puts a tensor where a GPU can fetch it by itself, and with ``non_blocking=True`` Python goes on while it
does. Then two rules hold: do not read what comes, and do not change what goes, before the copy is done. This page shows
both being broken, with a thread that plays the GPU. What takes how long is measured where there is a GPU. You need to
know :ref:`timing-on-a-gpu`.
"""

# %%
# The system may move ordinary memory about, so a GPU usually can't fetch from it by itself. The driver first copies it
# to a place that stays, :term:`pinned memory`. A tensor that is there already is spared this copy.

import matplotlib.pyplot as plt

figure, axes = plt.subplots(nrows=2, figsize=(6.5, 2.4), layout="constrained")
ways = {
    "x.to(device)": ["x", "the driver's\npinned memory", "the GPU's\nmemory"],
    "pinned.to(device, non_blocking=True)": ["pinned", "the GPU's\nmemory"],
}
for axis, (way, stations) in zip(axes, ways.items(), strict=True):
    for place, station in enumerate(stations):
        axis.text(2 * place, 0, station, ha="center", va="center")
    for place in range(len(stations) - 1):
        ends = (2 * place + 1.4, 0), (2 * place + 0.6, 0)
        axis.annotate("", *ends, arrowprops={"arrowstyle": "->", "color": "C0"})
    axis.set(title=way, xlim=(-1, 5), ylim=(-1, 1), xticks=[], yticks=[])
figure.suptitle("Ordinary memory is copied twice, pinned memory once")
plt.show()

# %%
# A tensor is not pinned unless somebody says so. :meth:`torch.Tensor.pin_memory` makes a copy that is, and gives the
# tensor itself where it is pinned already. That takes a GPU of NVIDIA, AMD or Intel: it is their driver that pins.

import torch

accelerator = torch.accelerator.current_accelerator(check_available=True)
can_pin = accelerator is not None and accelerator.type in ("cuda", "xpu")

x = torch.arange(6.0)
assert not x.is_pinned()
if can_pin:
    pinned = x.pin_memory()
    assert pinned.is_pinned()  # only on a GPU
    assert pinned is not x  # only on a GPU
    assert pinned.pin_memory() is pinned  # only on a GPU

# %%
# What does it save?
# ------------------
#
# Three ways for :val:`64 <2**24 * 4 / 2**20>` MiB. To pin is a copy itself: for a tensor that travels once, it moves
# the work and does not save it. Where there is no such GPU, these cells measure nothing.

# Measured where there is such a GPU.
# sphinx_gallery_parallel = False
from ptguide.devices import measure, pick_device

device, taken = pick_device(), {}
if device.type in ("cuda", "xpu"):
    ordinary = torch.rand(2**24)  # 64 MiB
    pinned = ordinary.pin_memory()
    ways = {
        "ordinary": lambda: ordinary.to(device),
        "pinned": lambda: pinned.to(device, non_blocking=True),
        "to pin and send": lambda: ordinary.pin_memory().to(device, non_blocking=True),
    }
    taken = {way: measure(function).median for way, function in ways.items()}
    assert taken["pinned"] < 1.5 * taken["ordinary"]  # only on a GPU
    assert taken["pinned"] < taken["to pin and send"]  # only on a GPU

# %%
# And how soon ``non_blocking`` lets Python go on, beside the time of the copy:

# Measured where there is such a GPU.
import time

from ptguide.measurements import record, recorded, sources

found = recorded("pinned memory")
if taken:
    torch.accelerator.synchronize()
    started = time.perf_counter()
    pinned.to(device, non_blocking=True)
    taken["until it returns"] = time.perf_counter() - started
    torch.accelerator.synchronize()
    assert taken["until it returns"] < taken["pinned"]  # only on a GPU
    values = {f"{way}, seconds": seconds for way, seconds in taken.items()}
    found = [record("pinned memory", values), *found]
print(sources("pinned memory", found))

# %%
# The same times as bars, where there are any:

# Measured where there is such a GPU.
for one in found:
    figure, axis = plt.subplots(figsize=(6.5, 2), layout="constrained")
    bars = [way.partition(",")[0] for way in one.values]
    axis.barh(bars, [1000 * seconds for seconds in one.values.values()])
    axis.set(xlabel="milliseconds for 64 MiB", title=f"Ordinary and pinned memory: {one.label}")
plt.show()

# %%
# Who should pin, then? The loader
# --------------------------------
#
# ``DataLoader(pin_memory=True)`` pins each :term:`batch`; if it has workers (``num_workers``), in a thread of its own,
# while the model works on the batch before. Where nothing can be pinned it warns, and gives ordinary batches.

from torch.utils.data import DataLoader, TensorDataset

from ptguide.errors import expect_warning

data = TensorDataset(torch.arange(14.0).reshape(7, 2))
loader = DataLoader(data, batch_size=3, pin_memory=True)
if can_pin:
    batches = [batch for (batch,) in loader]
else:
    with expect_warning(UserWarning, match="'pin_memory' argument is set as true but"):
        batches = [batch for (batch,) in loader]
assert [batch.is_pinned() for batch in batches] == [can_pin] * 3
assert torch.equal(torch.cat(batches), data.tensors[0])

# %%
# So ask for it where it can be had. On the way to the device, ``non_blocking=True`` may be written also for ordinary
# memory and for a CPU: it changes no value.

loader = DataLoader(data, batch_size=3, pin_memory=can_pin)
for (batch,) in loader:
    there = batch.to(device, non_blocking=True)
    assert torch.equal(there.cpu(), batch)  # .cpu() waits
if device.type == "cpu":
    assert there is batch  # only on a CPU: nothing to move

# %%
# What goes wrong: read too early
# -------------------------------
#
# The way to the GPU needs no wait, as the work that uses the tensor is behind the copy in the same queue (a *stream*;
# torch uses one unless told otherwise). The way back does, for it is Python that reads. Here a thread plays the GPU; it
# copies when ``gate`` opens. Nothing raises, and the values are those that the memory held before.

import threading
from concurrent.futures import ThreadPoolExecutor


def copy_when(gate, target, source):
    gate.wait()
    target.copy_(source)


gate, result, fetched = threading.Event(), torch.full((4,), 7.0), torch.zeros(4)
with ThreadPoolExecutor(max_workers=1) as queue:
    job = queue.submit(copy_when, gate, fetched, result)
    too_early = fetched.tolist()
    gate.set()
    job.result()  # the wait
print(f"read too early: {too_early}, after the wait: {fetched.tolist()}")
assert too_early == [0, 0, 0, 0]
assert fetched.tolist() == [7, 7, 7, 7]

# %%
# On a GPU the wait is ``torch.accelerator.synchronize()``. ``.cpu()``, ``.item()`` and ``.tolist()`` wait by
# themselves.

if device.type in ("cuda", "xpu"):
    back = pinned.to(device, non_blocking=True).to("cpu", non_blocking=True)
    torch.accelerator.synchronize()
    assert torch.equal(back, ordinary)  # only on a GPU

# %%
# What goes wrong: change it too early
# ------------------------------------
#
# A loop that fills one pinned buffer again for each batch writes into what may still have to be sent. Then the second
# batch arrives in place of the first. Wait before the buffer is filled again, or leave it to the loader, which pins
# each batch in a tensor of its own.

gate, buffer, first = threading.Event(), torch.ones(4), torch.zeros(4)
with ThreadPoolExecutor(max_workers=1) as queue:
    job = queue.submit(copy_when, gate, first, buffer)
    buffer.fill_(2)  # the second batch, before the first was sent
    gate.set()
    job.result()
print(f"sent: {first.tolist()}")
assert first.tolist() == [2, 2, 2, 2]

# %%
# Check yourself
# --------------

from ptguide.questions import ask

ask(
    "y = x.to('cpu', non_blocking=True), with x on a GPU; the next line prints y. What stands there?",
    answer="perhaps what the memory held before"
    if too_early != fetched.tolist()
    else "the values of x",
    choices={
        "perhaps what the memory held before": "Python reads, and nobody waited for the copy.",
        "the values of x": "Only after torch.accelerator.synchronize(), or with x.cpu().",
        "an error": "Nothing is raised: y is a tensor like any other.",
    },
)

# %%
# The other way:

ask(
    "A pinned buffer holds ones and is sent with non_blocking=True; the next line fills it with twos. "
    "What may arrive?",
    answer=f"{first[0].item():.0f}s",
    choices={
        "1s": "Only if the copy was done before the buffer was filled.",
        "2s": "The copy reads the buffer when its turn comes.",
    },
)

# %%
# Next: :ref:`why-not-everything-on-the-gpu`, which counts what the moving costs.

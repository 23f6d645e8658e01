"""
.. _making-the-input-fast:

Slow DataLoader: how do I make the input fast?
==============================================

The GPU is idle for most of the time, because your loop waits for the next batch. Measure how long it waits, find the
slow step, and do once what is the same in each epoch.
"""

# %%
# Set-up

import functools
import tempfile
import time
from pathlib import Path
from unittest import mock

import matplotlib.pyplot as plt
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2
from torchvision.transforms.functional import to_pil_image

from ptguide.data import photos
from ptguide.exercises import check
from ptguide.questions import ask

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
# 48 files, cut out of two photos: 320 by 320 pixels, saved as JPEG.
paths, labels = [], []
for label, photo in enumerate(photos().inputs):
    for number in range(24):
        top, left = 4 * number, 13 * number
        paths.append(folder / f"{label}_{number:02}.jpg")
        to_pil_image(photo[:, top : top + 320, left : left + 320]).save(paths[-1], quality=90)
        labels.append(label)

torch.manual_seed(0)
network = nn.Sequential(nn.Conv2d(3, 16, 5, stride=2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
network(torch.zeros(1, 3, 64, 64))
optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
to_float = v2.ToDtype(torch.float32, scale=True)
opened = []  # which files were decoded, one number for each time


class Files(Dataset):
    """Reads, decodes and shrinks a photo each time that it is asked for."""

    def __len__(self):
        return len(paths)

    def __getitem__(self, index):
        opened.append(index)
        with Image.open(paths[index]) as image:
            small = image.convert("RGB").resize((64, 64))
        return to_float(v2.functional.pil_to_tensor(small)), labels[index]


class Memory(Dataset):
    """Has the small photos as bytes in one tensor."""

    def __init__(self, bytes_, labels):
        self.bytes_, self.labels = bytes_, torch.tensor(labels)

    def __len__(self):
        return len(self.bytes_)

    def __getitem__(self, index):
        return to_float(self.bytes_[index]), self.labels[index]


class MemoryByBatch(Memory):
    """Takes a whole batch with one index."""

    def __getitems__(self, indices):
        return to_float(self.bytes_[indices]), self.labels[indices]


def profile(loader, epochs=4):
    """Return the seconds per batch that the loop waits and that it trains, of the fastest epoch."""
    found = []
    for _epoch in range(epochs):
        waiting = training = 0.0
        last = time.perf_counter()
        for images, targets in loader:
            got = time.perf_counter()
            waiting += got - last
            loss = F.cross_entropy(network(images), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            last = time.perf_counter()
            training += last - got
        found.append((waiting / len(loader), training / len(loader)))
    return tuple(map(min, zip(*found, strict=True)))


def fastest(function, times=7):
    """Return the milliseconds of a call, the best of some."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        found.append(1000 * (time.perf_counter() - start))
    return min(found)


def private_memory():
    """Return the bytes that belong to this process alone (Linux), else 0."""
    rollup = Path("/proc/self/smaps_rollup")
    if not rollup.exists():
        return 0
    lines = rollup.read_text().splitlines()
    return sum(1024 * int(one.split()[1]) for one in lines if one.startswith("Private_Dirty"))


def read_all(names):
    before = private_memory()
    for i in range(len(names)):
        names[i]  # reading is what counts
    return (private_memory() - before) / 2**20


def draw_profiles():
    _, axis = plt.subplots(figsize=(6.2, 2.0), layout="constrained")
    for row, (waiting, training) in enumerate(profiles.values()):
        axis.barh(row, 1000 * waiting, color="C1", label=None if row else "waits for the batch")
        axis.barh(
            *(row, 1000 * training),
            left=1000 * waiting,
            color="C0",
            label=None if row else "trains on it",
        )
    axis.set_yticks(range(len(profiles)), list(profiles))
    axis.invert_yaxis()
    axis.set_xlabel("milliseconds for a batch of 16")
    axis.legend(fontsize=8)
    axis.set_title("Decoding each photo again takes most of the time")
    plt.show()


small = torch.stack([(255 * Files()[i][0]).round().to(torch.uint8) for i in range(len(paths))])
loaders = {
    "files, decoded each time": DataLoader(Files(), 16),
    "bytes in memory": DataLoader(Memory(small, labels), 16),
    "bytes, one index a batch": DataLoader(MemoryByBatch(small, labels), 16, collate_fn=tuple),
}
profiles = {name: profile(loader) for name, loader in loaders.items()}

# %%

# Measured on the machine that built this page.
draw_profiles()

# %%
# A bar is the time of one batch in a training loop. In the orange part the loop waits, and in the blue part it trains.
# If most of a bar is orange, data loading is the bottleneck. You need to know :ref:`dataset-and-dataloader`, and
# :ref:`dataloader-workers` for what comes in parallel.
#
# .. longer: 5 screens — the memory of workers and their caches are two causes of their own
#
# The rule
# --------
#
# Take the time before and after the next batch comes. Let a batch take w seconds to make and s seconds to train on.
# Without workers a turn takes :math:`w + s`. With n workers on cores of their own it takes at best
# :math:`\max(w / n, s)`. So where w is much smaller than s, workers win little. (On a GPU the clock needs :ref:`a
# synchronization <timing-on-a-gpu>`.)

# Measured on the machine that built this page.
waiting = training = 0.0
last = time.perf_counter()
for images, targets in loaders["files, decoded each time"]:
    got = time.perf_counter()
    waiting += got - last
    F.cross_entropy(network(images), targets).backward()
    last = time.perf_counter()
    training += last - got
print(f"the loop waits {waiting / (waiting + training):.0%} of the time")

# %%
# Which step takes the time?
# --------------------------
#
# Time the steps of ``__getitem__`` one by one, outside the loader. Here decoding and resizing take nearly the whole
# time.

# Measured on the machine that built this page.
image = Image.open(paths[0]).convert("RGB")
tiny = image.resize((64, 64))

steps = {
    "read the bytes": paths[0].read_bytes,
    "open and decode": lambda: Image.open(paths[0]).convert("RGB"),
    "resize": lambda: image.resize((64, 64)),
    "to a tensor of floats": lambda: to_float(v2.functional.pil_to_tensor(tiny)),
}
taken = {name: fastest(step) for name, step in steps.items()}
for name, milliseconds in taken.items():
    print(f"{name:<22} {milliseconds:6.3f} ms")

# %%
# Do it once
# ----------
#
# Decoding and resizing give the same in each epoch. Do them once, and keep the *bytes*: floats take four times as much.
# What does not fit into memory goes into one file, which :func:`torch.from_file` maps. The system then reads the parts
# that are used. Random transforms stay in ``__getitem__``.

file = folder / "small.bin"
file.write_bytes(small.numpy().tobytes())
mapped = torch.from_file(str(file), shared=False, size=small.numel(), dtype=torch.uint8)
mapped = mapped.reshape(small.shape)
assert torch.equal(mapped, small)
sizes = {"JPEG files": sum(p.stat().st_size for p in paths), "small, bytes": small.nbytes}
sizes |= {"small, floats": 4 * small.nbytes, "decoded, bytes": len(paths) * 3 * 320 * 320}
for name, size in sizes.items():
    print(f"{name:<15} {size / 2**20:6.2f} MiB")

# %%
# What each worker keeps
# ----------------------
#
# On Linux a worker that is forked uses the memory of your process as long as nobody writes. But Python writes a count
# of uses into each object that it touches, and the system then copies that part of the memory. A list of names is
# copied little by little into each worker. In a tensor the names are one object. (A worker that is not forked gets a
# copy of the list at the start.) Here a worker reads each of 200,000 names.

# Measured on the machine that built this page.
names = [f"folder/{i:06}.jpg" for i in range(200_000)]
as_tensor = torch.tensor([list(name.encode()) for name in names], dtype=torch.uint8)
for kind, held in {"list of strings": names, "one tensor": as_tensor}.items():
    settings = {"batch_size": None, "num_workers": 1, "multiprocessing_context": "fork"}
    data = [functools.partial(read_all, held)]
    (grown,) = DataLoader(data, collate_fn=lambda read: read(), **settings)
    print(f"{kind:<16} {grown:5.1f} MiB more in the worker")

# %%
# .. use-this::
#
#    First train on one batch that you repeat. If that is not faster, the input is not the problem. Then decode and
#    shrink once, keep bytes, and take whole batches with one index. Next come :ref:`workers <dataloader-workers>` with
#    ``persistent_workers=True``, and on a GPU :ref:`pinned memory <pinned-memory>`. Send bytes to the GPU and convert
#    there: it is a quarter of the traffic. Keep names and tables in tensors or arrays, not in lists.
#
# A common mistake
# ----------------
#
# **A cache in the data set, with workers.** Each worker fills a cache of its own, which ends with the epoch. With
# ``persistent_workers=True`` the caches stay, but each worker gets other images after the next shuffle. Fill the cache
# before the loader is made, as above.


class Cached(Dataset):
    def __init__(self):
        self.cache = {}

    def __len__(self):
        return 48

    def __getitem__(self, index):
        new = index not in self.cache
        self.cache[index] = "a decoded photo"
        return int(new)


for workers, persistent in ((0, False), (2, False), (2, True)):
    torch.manual_seed(0)
    settings = {"num_workers": workers, "persistent_workers": persistent, "shuffle": True}
    context = "fork" if workers else None
    loader = DataLoader(Cached(), 8, multiprocessing_context=context, **settings)
    decoded = [sum(int(batch.sum()) for batch in loader) for _ in range(3)]
    print(f"{workers} workers, persistent {persistent!s:<5}: decoded in three epochs {decoded}")

# %%
# How this was checked

# What an epoch does, counted: the files are decoded again, what is in memory is not.
for name, expected in zip(loaders, (48, 0, 0), strict=True):
    for _epoch in range(2):
        opened.clear()
        assert len(list(loaders[name])) == 3
        assert len(opened) == expected
# With one index a batch, an epoch has 3 calls in place of 48.
for kind, method, expected in ((Memory, "__getitem__", 48), (MemoryByBatch, "__getitems__", 3)):
    really = getattr(kind, method)
    with mock.patch.object(kind, method, autospec=True, side_effect=really) as called:
        list(DataLoader(kind(small, labels), 16, collate_fn=len))
    assert called.call_count == expected
for one, other in zip(*(list(loader) for loader in list(loaders.values())[1:]), strict=True):
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])
for one, other in zip(*(list(loader) for loader in list(loaders.values())[:2]), strict=True):
    torch.testing.assert_close(one[0], other[0], atol=1 / 500, rtol=0)
    assert torch.equal(one[1], other[1])
for workers, expected in ((0, [48, 0, 0]), (2, [48, 48, 48])):
    context = "fork" if workers else None
    loader = DataLoader(
        Cached(), 8, shuffle=True, num_workers=workers, multiprocessing_context=context
    )
    assert [sum(int(batch.sum()) for batch in loader) for _ in range(3)] == expected
torch.manual_seed(0)
loader = DataLoader(
    Cached(),
    8,
    shuffle=True,
    num_workers=2,
    persistent_workers=True,
    multiprocessing_context="fork",
)
first, second, third = (sum(int(batch.sum()) for batch in loader) for _ in range(3))
assert first == 48 > second > third > 0
assert small.float().nbytes == 4 * small.nbytes
if private_memory():
    settings = {"batch_size": None, "num_workers": 1, "multiprocessing_context": "fork"}
    grown = {
        kind: next(
            iter(
                DataLoader(
                    [functools.partial(read_all, held)], collate_fn=lambda read: read(), **settings
                )
            )
        )
        for kind, held in {"list": names, "tensor": as_tensor}.items()
    }
    assert grown["list"] > 5
    assert grown["tensor"] < grown["list"] / 4
assert bytes(as_tensor[7].tolist()).decode() == names[7]
assert torch.equal(mapped, small)
temporary.cleanup()

# %%
# Check yourself
# --------------


def turn(w, s, n):
    return w + s if n == 0 else max(w / n, s)


ask(
    "A batch takes 60 ms to make and 20 ms to train on. Each worker has a core of its own. How many milliseconds does "
    "a turn take at best with 4 workers?",
    answer=turn(60, 20, 4),
    choices={
        15.0: "The batches come that fast, but the training takes 20.",
        20: "60 / 4 is less than 20, so the loop waits for nothing.",
        80: "That is without workers: 60 + 20.",
    },
)

# %%
# The next question is about the same loop.

ask(
    "And if the batch took 1 ms to make, how many milliseconds could workers save of each turn, at best?",
    answer=turn(1, 20, 0) - turn(1, 20, 4),
    choices={
        1: "21 becomes 20. Sending the batch between processes may cost more than that.",
        5: "The training does not get faster by workers.",
        20: "That is the training itself.",
    },
)

# %%
# **Exercise.** How many workers does a loop need so that it does not wait? ``making`` and ``training`` have shape (N,),
# the whole milliseconds of N programs. Return the smallest number of workers for each for which
# ``making / workers <= training``.


def by_counting(making, training):
    needed = []
    for w, s in zip(making.tolist(), training.tolist(), strict=True):
        workers = 1
        while w > workers * s:
            workers += 1
        needed.append(workers)
    return torch.tensor(needed)


cases = [
    (torch.tensor([60]), torch.tensor([20])),
    (torch.tensor([61, 5, 20, 0]), torch.tensor([20, 20, 20, 20])),
    (torch.tensor([100, 99, 7]), torch.tensor([7, 100, 1])),
]


def workers_needed(making, training):
    raise NotImplementedError


check(workers_needed, by_counting, cases)

# %%
# A division that is rounded up: the negative of a division of the negative, rounded down. The least is one worker.

# Solution


def workers_needed(making, training):
    return (-(-making // training)).clamp(min=1)


report = check(workers_needed, by_counting, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`saving-and-loading`, so that a trained model can be used.
#
# - Khanna and Singh (2026). `Data loading optimization in PyTorch
#   <https://docs.pytorch.org/tutorials/intermediate/intermediate_data_loading_tutorial.html>`__. The settings of the
#   loader, added to a training loop one by one, with the speed of each.
# - Wu (2022). `Demystify RAM usage in multi-process data loaders
#   <https://ppwwyyxx.com/blog/2022/Demystify-RAM-Usage-in-Multiprocess-DataLoader/>`__. How the memory of workers
#   grows, and what helps.

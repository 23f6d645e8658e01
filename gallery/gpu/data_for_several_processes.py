"""
.. _data-for-several-processes:

How do I split the data between GPUs?
=====================================

Nothing divides the data by itself: without a sampler each process reads the whole. ``DistributedSampler`` gives each a
part of its own, another one in each epoch if it is told which epoch it is. This page shows who gets what, what a share
that is smaller than the others does to the gradient, and ``fit``, which sees to all of it. You need to know
:ref:`one-model-on-several-processes`.
"""

# %%
# Two processes go through 13 examples. A sampler asks ``torchrun`` for rank and world size; here they are given to it,
# so that one process can show what both would read.

import matplotlib.pyplot as plt
import torch
from torch.utils.data import DataLoader, DistributedSampler


def seen(sampler=None):
    loader = DataLoader(torch.arange(13), batch_size=2, sampler=sampler)
    return torch.cat(list(loader)).tolist()


samplers = [DistributedSampler(range(13), num_replicas=2, rank=rank) for rank in (0, 1)]
parts = [seen(sampler) for sampler in samplers]
for rank, part in enumerate(parts):
    print(f"process {rank} sees {part}")

# %%
# A colour for each process, and a ring where an example is read for the second time. Without the sampler each process
# goes through the whole data, and two do the work of one.

figure, axes = plt.subplots(ncols=2, figsize=(6.5, 2.4), sharey=True, layout="constrained")
for axis, read in zip(axes, ([seen(), seen()], parts), strict=True):
    for rank, part in enumerate(read):
        axis.plot(part, [rank] * len(part), "o", color=f"C{rank}")
    again = set(read[0]) & set(read[1])
    axis.plot(list(again), [1] * len(again), "o", markersize=10, fillstyle="none", color="C3")
    axis.set(xlabel="example", xticks=range(0, 13, 3), ylim=(-0.5, 1.5))
    axis.set_yticks([0, 1], ["process 0", "process 1"])
axes[0].set_title("without a sampler")
axes[1].set_title("with DistributedSampler")
figure.suptitle("The sampler gives each process a part of its own")
plt.show()

# %%
# All parts are equally long, so that no process waits for one that has a batch less. That was tried for fewer than 30
# examples and fewer than 6 processes. Of 13 examples, one comes twice; with ``drop_last=True``, one is left out
# instead.

import itertools

assert [len(part) for part in parts] == [7, 7]
assert set(parts[0] + parts[1]) == set(seen()) == set(range(13))
assert len(set(parts[0]) & set(parts[1])) == 1

dropping = [DistributedSampler(range(13), 2, rank, drop_last=True) for rank in (0, 1)]
assert len({example for sampler in dropping for example in seen(sampler)}) == 12
for count, processes in itertools.product(range(1, 30), range(1, 6)):
    for drop in (False, True):
        of = [
            DistributedSampler(range(count), processes, n, drop_last=drop) for n in range(processes)
        ]
        assert len({len(list(sampler)) for sampler in of}) == 1

# %%
# What goes wrong: ``set_epoch`` was forgotten
# --------------------------------------------
#
# The order is that of the first epoch again and again, unless ``set_epoch`` says which it is. Call it at the beginning
# of every epoch, in every process, with the same number.

assert [seen(sampler) for sampler in samplers] == parts
for sampler in samplers:
    sampler.set_epoch(1)
second_epoch = [seen(sampler) for sampler in samplers]
assert second_epoch[0] != parts[0]
assert set(second_epoch[0] + second_epoch[1]) == set(range(13))

# %%
# *The metric is not that of the data*, either, as the example that comes twice counts twice. If the model knows the
# answer to this one alone, it is right 2 times in 14, and not once in 13. Evaluate in one process, or cut the data
# without filling up.

twice = set(parts[0]) & set(parts[1])
answers = [example in twice for example in parts[0] + parts[1]]
assert (sum(answers), len(answers)) == (2, 14)

# %%
# What goes wrong: unequal shares
# --------------------------------
#
# Where the shares are equally large, the mean of their means is the mean of the whole. With 7 and 5 examples, each of
# the 5 counts more, and it is another one.

from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
model = nn.Linear(5, 3)
inputs, targets = torch.randn(12, 5), torch.randint(3, (12,))


def gradient(share):
    loss = F.cross_entropy(model(inputs[share]), targets[share])
    return torch.cat([part.flatten() for part in torch.autograd.grad(loss, model.parameters())])


means, whole = torch.stack([gradient(slice(0, 7)), gradient(slice(7, 12))]), gradient(slice(12))
assert (means.mean(dim=0) - whole).abs().max() > 1e-3

# %%
# Exercise: mend it. From the gradients of the shares, one in each row, and the numbers of examples, make the gradient
# of the whole.


from ptguide.exercises import check


def by_examples(means, counts):
    every_example = [row for row, count in zip(means, counts, strict=True) for _ in range(count)]
    return torch.stack(every_example).mean(dim=0)


cases = [(torch.tensor([[1.0], [4.0]]), torch.tensor([2, 1])), (means, torch.tensor([7, 5]))]


def mean_of_shares(means, counts):
    raise NotImplementedError


check(mean_of_shares, by_examples, cases)

# %%
# Each mean counts as often as it has examples. (Between processes: each multiplies by its count, ``all_reduce`` adds,
# and the sum is divided by the number of examples.)

# Solution


def mean_of_shares(means, counts):
    weight = (counts / counts.sum()).reshape(-1, *[1] * (means.ndim - 1))
    return (means * weight).sum(dim=0)


torch.testing.assert_close(mean_of_shares(means, torch.tensor([7, 5])), whole, rtol=0, atol=1e-6)
report = check(mean_of_shares, by_examples, cases)
assert report.passed
report

# %%
# ``fit`` weighs the shares
# -------------------------
#
# A script for one process, started with two: :func:`ptguide.training.fit` sees that ``torchrun`` started it, wraps the
# model in DDP, and cuts each batch into shares that it weighs by their sizes. The weights come out as those of one
# process. On GPUs, add ``device=pick_device()``: each process gets one of its own.

train = """
import os
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from ptguide.data import digits
from ptguide.training import fit

torch.manual_seed(0)
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
loader = DataLoader(digits("train"), batch_size=50, shuffle=True)
history = fit(model, loader, F.cross_entropy, optimizer, epochs=2)
found = {"weights": model.state_dict(), "losses": history["loss"]}
torch.save(found, Path(__file__).parent / f"{os.environ.get('RANK', 'alone')}.pt")
"""

# %%
# Two processes by ``torchrun``, and the same file once more in the page's own process. (A GPU is hidden, for NCCL wants
# one for each process.)

import math
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
settings = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder, "train.py")
    file.write_text(train)
    done = subprocess.run([*command, file], env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    runpy.run_path(str(file))
    alone, *both = (torch.load(Path(folder, f"{name}.pt")) for name in ("alone", 0, 1))

# %%
# The loss has fallen, and the weights and losses of both are those of one process alone.

assert alone["losses"][1] < 0.8 * alone["losses"][0] < 0.8 * math.log(10)
for process in both:
    torch.testing.assert_close(process["weights"], alone["weights"], rtol=0, atol=1e-5)
    torch.testing.assert_close(process["losses"], alone["losses"], rtol=0, atol=1e-5)

# %%
# Check yourself
# --------------

from ptguide.questions import ask

ask(
    "A DataLoader without DistributedSampler has 13 examples. How many different ones do two processes "
    "train on in an epoch?",
    answer=len(set(seen() + seen())),
    choices={
        6: "Nothing divides the data: no sampler was told of the other process.",
        13: "All 13, each in both processes: twice the work for the same gradient.",
        26: "26 are gone through, but each comes twice.",
    },
)

# %%
# And the sampler:

ask(
    "With DistributedSampler, how many examples do two processes go through together in an epoch of 13?",
    answer=len(parts[0] + parts[1]),
    choices={
        12: "That is with drop_last=True.",
        13: "13 cannot be halved, and both parts must be equally long.",
        14: f"One comes twice, so that both have {len(parts[0])}.",
    },
)

# %%
# Next: :ref:`mistakes-with-several-processes`, the hangs and the messages that come up on the way.

"""
.. _data-for-several-processes:

How do I split the data between GPUs?
=====================================

Four processes train, and each reads the whole data, so an epoch has as many steps as before, and no error says so. Give
the loader a ``DistributedSampler``, and each process reads its own part.
"""

# %%
# Set-up

import itertools
import math
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, DistributedSampler, Subset

from ptguide.exercises import check
from ptguide.questions import ask


def seen(sampler=None):
    """Return which of 13 examples one process reads in an epoch, in order."""
    loader = DataLoader(torch.arange(13), batch_size=2, sampler=sampler)
    return torch.cat(list(loader)).tolist()


# torchrun tells a sampler rank and world size; given here, one process can show what both would read.
samplers = [DistributedSampler(range(13), num_replicas=2, rank=rank) for rank in (0, 1)]
parts = [seen(sampler) for sampler in samplers]


def draw_parts():
    _, axes = plt.subplots(ncols=2, figsize=(5.4, 2.2), sharey=True, layout="constrained")
    for axis, read in zip(axes, ([seen(), seen()], parts), strict=True):
        for rank, part in enumerate(read):
            axis.plot(part, [rank] * len(part), "o", color=f"C{rank}")
        again = set(read[0]) & set(read[1])
        axis.plot(list(again), [1] * len(again), "o", markersize=10, fillstyle="none", color="C3")
        axis.set(xlabel="example", xticks=range(0, 13, 3), ylim=(-0.5, 1.5))
        axis.set_yticks([0, 1], ["process 0", "process 1"])
    axes[0].set_title("without a sampler")
    axes[1].set_title("DistributedSampler")
    plt.suptitle("The sampler gives each process a part of its own")
    plt.show()


torch.manual_seed(0)
model = nn.Linear(5, 3)
inputs, targets = torch.randn(12, 5), torch.randint(3, (12,))


def gradient(part):
    loss = F.cross_entropy(model(inputs[part]), targets[part])
    return torch.cat([one.flatten() for one in torch.autograd.grad(loss, model.parameters())])


def start_twice_and_once(script):
    """Start a script by torchrun with two processes, then alone; return what the three saved."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    settings = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "train.py")
        file.write_text(script)
        done = subprocess.run([*command, file], env=settings, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        runpy.run_path(str(file))
        return [torch.load(Path(folder, f"{name}.pt")) for name in (0, 1, "alone")]


# %%

draw_parts()

# %%
# The figure shows which of :val:`13 <len(samplers[0].dataset)>` examples two processes read. A ring marks an example
# that is read for the second time. You need to know :ref:`one-model-on-several-processes`.
#
# The rule
# --------
#
# The sampler shuffles with a seed that the processes have in common, and process ``rank`` takes each ``world_size``-th
# example. So that no process waits at the end, the parts are equally long: one of 13 examples is read twice. With
# ``drop_last=True``, one is left out.

for drop_last in (False, True):
    read = [seen(DistributedSampler(range(13), 2, rank, drop_last=drop_last)) for rank in (0, 1)]
    lengths, different = [len(part) for part in read], set(read[0]) | set(read[1])
    print(f"drop_last={drop_last}: {lengths} examples, {len(different)} different")

# %%
# Call ``set_epoch`` in each epoch
# --------------------------------
#
# Without this call, each epoch has the order of the first, although the sampler shuffles. Each process makes the call
# with the same number, before it reads from the loader.

print("epoch 0:", seen(samplers[0]))
print("again:  ", seen(samplers[0]))
assert seen(samplers[0]) == parts[0]
for sampler in samplers:
    sampler.set_epoch(1)
print("epoch 1:", seen(samplers[0]))
assert seen(samplers[0]) != parts[0]

# %%
# Parts of unequal size
# ---------------------
#
# The mean of the gradients is that of the whole batch if the parts are equally large. With :val:`7 <sizes[0]>` and
# :val:`5 <sizes[1]>` examples it is not, because each of the latter counts more. Weight each part by its number of
# examples.

sizes = torch.tensor([7, 5])
means, whole = torch.stack([gradient(slice(0, 7)), gradient(slice(7, 12))]), gradient(slice(12))
weighed = (sizes[:, None] * means).sum(dim=0) / sizes.sum()
print(f"plain mean:   off by {(means.mean(dim=0) - whole).abs().max():.3f}")
print(f"weighed mean: off by {(weighed - whole).abs().max():.3f}")

# %%
# .. use-this::
#
#    Give the loader a ``DistributedSampler`` as ``sampler``, in place of ``shuffle=True``, and call ``set_epoch``
#    before each epoch. The batch size of the loader is that of one process. Each process reads its examples itself, so
#    it needs the whole data set within reach. An example that comes twice changes the result of an evaluation. So
#    evaluate in one process, or divide the data without repeats.
#
# The loop of this guide needs no sampler. :func:`ptguide.training.fit` sees that ``torchrun`` started it, wraps the
# model in DDP, cuts each batch into parts and weights them. With two processes, and then alone, the losses are the
# same.

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
first, second, alone = start_twice_and_once(train)
print("losses of two processes:", [f"{loss:.4f}" for loss in first["losses"]])
print("losses of one:          ", [f"{loss:.4f}" for loss in alone["losses"]])

# %%
# A common mistake
# ----------------
#
# **An accuracy that counts an example twice.** Say the model is right for one example alone, which is read twice. Over
# both processes it is right :val:`2 <sum(part.count(twice) for part in parts)>` times in 14, and not once in
# :val:`13 <len(samplers[0].dataset)>`. To evaluate in several processes, give each a ``Subset`` without repeats. Then
# add up counts, not means.

(twice,) = set(parts[0]) & set(parts[1])
for name, read in {
    "sampler": parts,
    "Subset": [list(Subset(range(13), range(rank, 13, 2))) for rank in (0, 1)],
}.items():
    right = sum(part.count(twice) for part in read)
    print(f"{name:<17}{right} right of {sum(map(len, read))}")

# %%
# How this was checked

# The parts are equally long, for many lengths and numbers of processes.
for count, processes, drop_last in itertools.product(range(1, 30), range(1, 6), (False, True)):
    of = [
        DistributedSampler(range(count), processes, rank, drop_last=drop_last)
        for rank in range(processes)
    ]
    assert len({len(list(sampler)) for sampler in of}) == 1
assert (means.mean(dim=0) - whole).abs().max() > 0.01
torch.testing.assert_close(weighed, whole, rtol=0, atol=1e-6)
assert sum(part.count(twice) for part in parts) == 2
for epoch_parts in (parts, [seen(sampler) for sampler in samplers]):
    assert set(epoch_parts[0] + epoch_parts[1]) == set(range(13))
    assert [len(part) for part in epoch_parts] == [7, 7]
    assert len(set(epoch_parts[0]) & set(epoch_parts[1])) == 1
dropping = [DistributedSampler(range(13), 2, rank, drop_last=True) for rank in (0, 1)]
assert len({example for sampler in dropping for example in seen(sampler)}) == 12
# Process rank gets each world_size-th example of one common order.
generator = torch.Generator().manual_seed(0)  # seed + epoch
order = torch.randperm(13, generator=generator).tolist()
order.append(order[0])
assert parts == [order[0::2], order[1::2]]
# fit on two processes trains what one trains, and it trains.
assert alone["losses"][1] < 0.8 * alone["losses"][0] < 0.8 * math.log(10)
for process in (first, second):
    torch.testing.assert_close(process["weights"], alone["weights"], rtol=0, atol=1e-5)
    torch.testing.assert_close(process["losses"], alone["losses"], rtol=0, atol=1e-5)

# %%
# Check yourself
# --------------

ask(
    f"A DataLoader without DistributedSampler has {len(samplers[0].dataset)} examples. "
    "How many different ones do two processes train on in an epoch?",
    answer=len(set(seen() + seen())),
    choices={
        6: "Nothing divides the data: no sampler was told of the other process.",
        13: "All 13, each in both processes: an epoch has as many steps as with one process.",
        26: "26 examples are read, but each comes twice.",
    },
)

# %%
# The next question asks about the sampler.

ask(
    "With DistributedSampler, how many examples do two processes read together in an epoch "
    f"of {len(samplers[0].dataset)}?",
    answer=len(parts[0] + parts[1]),
    choices={
        12: "That is with drop_last=True.",
        13: "13 cannot be halved, and both parts must be equally long.",
        14: f"One comes twice, so that both have {len(parts[0])}.",
    },
)

# %%
# **Exercise.** Do what the sampler does, without shuffling. Return the indices that process ``rank`` of ``world_size``
# reads, of ``count`` examples. Process 0 begins with example 0, process 1 with example 1. If the parts would not be
# equally long, go on with example 0 at the end.


def by_sampler(count, rank, world_size):
    return torch.tensor(list(DistributedSampler(range(count), world_size, rank, shuffle=False)))


cases = [(6, 1, 2), (7, 0, 2), (7, 1, 2), (13, 2, 3), (2, 2, 5)]


def indices(count, rank, world_size):
    raise NotImplementedError


check(indices, by_sampler, cases)

# %%
# Count up to a multiple of ``world_size``, and take the rest of the division by ``count``.

# Solution


def indices(count, rank, world_size):
    total = math.ceil(count / world_size) * world_size
    return torch.arange(total)[rank::world_size] % count


report = check(indices, by_sampler, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`data-parallel-or-ddp`: what else there is, and what each copies, divides and sends.
#
# - PyTorch contributors (2026). `torch.utils.data <https://docs.pytorch.org/docs/stable/data.html>`__. The sampler and
#   its arguments.
# - Goyal et al. (2017). `Accurate, large minibatch SGD: training ImageNet in 1 hour
#   <https://arxiv.org/abs/1706.02677>`__. What the larger batch of many processes asks of the learning rate.

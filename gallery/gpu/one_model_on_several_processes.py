"""
.. _one-model-on-several-processes:

How do I train one model on several GPUs?
=========================================

``torchrun`` starts your script once for each GPU. Each process has the whole model, computes the gradient of its share
of the :term:`batch`, and an :term:`all-reduce` gives all of them the mean. This page writes such scripts and starts
them for real, with two processes on the CPU: they do what GPUs do, without the speed. You need to know
:ref:`the-training-loop`.
"""

# %%
# All of it in one process first: a layer with 18 weights, a batch of 12 examples, and its two halves.

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
model = nn.Linear(5, 3)
inputs, targets = torch.randn(12, 5), torch.randint(3, (12,))


def gradient(share):
    loss = F.cross_entropy(model(inputs[share]), targets[share])
    return torch.cat([part.flatten() for part in torch.autograd.grad(loss, model.parameters())])


halves, whole = torch.stack([gradient(slice(0, 6)), gradient(slice(6, 12))]), gradient(slice(12))
print(f"largest difference of the halves:       {(halves[0] - halves[1]).abs().max():.2f}")
print(f"of their mean and the whole's gradient: {(halves.mean(dim=0) - whole).abs().max():.2f}")

# %%
# The halves have different gradients. Their mean is the gradient of the whole, as the loss is a mean over examples.

import matplotlib.pyplot as plt

torch.testing.assert_close(halves.mean(dim=0), whole, rtol=0, atol=1e-6)
assert (halves[0] - halves[1]).abs().max() > 0.01

figure, (left, right) = plt.subplots(1, 2, figsize=(6.5, 2.8), sharey=True, layout="constrained")
for process, half in enumerate(halves):
    left.plot(half, "o", color=f"C{process}", label=f"process {process}")
right.plot(whole, "o", color="C2")
left.set(title="gradient of each share", xlabel="weight")
right.set(title="their mean, for both", xlabel="weight")
left.legend(loc="upper right")
figure.suptitle("Two shares, two gradients, one mean: that of the whole batch")
plt.show()

# %%
# One script, two processes
# -------------------------
#
# This is what each process runs. ``rank`` is its number and ``world_size`` says how many there are; ``torchrun`` passes
# both on. Each takes its share, and ``all_reduce`` adds the tensors of all: it returns once everybody has called it,
# and then all of them have the sum.

import tempfile
from pathlib import Path

holder = tempfile.TemporaryDirectory()
folder = Path(holder.name)
task = {"inputs": inputs, "targets": targets, "weights": model.state_dict()}
torch.save(task, folder / "task.pt")

start = """
import os, sys
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F

dist.init_process_group("gloo")  # for tensors on the CPU; "nccl" for GPUs
rank, world_size = dist.get_rank(), dist.get_world_size()
folder = Path(__file__).parent
task = torch.load(folder / "task.pt")
inputs, targets = task["inputs"], task["targets"]
share = slice(rank * len(inputs) // world_size, (rank + 1) * len(inputs) // world_size)

def gradient(model):
    F.cross_entropy(model(inputs[share]), targets[share]).backward()
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
"""

# %%
# Then each computes the gradient of its share, and with all others the mean:

by_hand = """
print("said by all")
if rank == 0:
    print("said by one")
model = nn.Linear(5, 3)
model.load_state_dict(task["weights"])
mine = gradient(model)
total = mine.clone()
dist.all_reduce(total)
found = {"share": list(range(len(inputs)))[share], "mine": mine, "mean": total / world_size}
"""

# %%
# The same by DDP
# ---------------
#
# ``DistributedDataParallel``, DDP for short, does that within ``backward``. Here each process begins with weights of
# its own, by a seed of its own; DDP gives all of them those of process 0. The hook sees what DDP sends, and sends it.

by_ddp = """
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.nn.parallel import DistributedDataParallel

torch.manual_seed(rank)
network = nn.Linear(5, 3)
found["own weights"] = network.weight.detach().clone()
network = DistributedDataParallel(network)
found["weights in DDP"] = network.module.weight.detach().clone()

found["bytes"] = []

def counted(group, bucket):
    found["bytes"].append(bucket.buffer().nbytes)
    return allreduce_hook(group, bucket)

network.register_comm_hook(None, counted)
network.module.load_state_dict(task["weights"])
found["mean of DDP"] = gradient(network).clone()
network(inputs[share].repeat(2, 1)).sum().backward()  # twice the examples
"""

# %%
# A process stays away
# --------------------
#
# Process 1 does not call ``all_reduce``, perhaps because it has a batch less, or because the call stands under
# ``if rank == 0``. Nothing raises: process 0 waits, 30 minutes unless told otherwise, here 2 seconds.

stays_away = """
group = dist.new_group(timeout=timedelta(seconds=2))
if rank == 0:
    try:
        dist.all_reduce(torch.ones(1), group=group)
    except RuntimeError as error:
        found["error"] = str(error)
dist.barrier()  # in another group; process 1 must not end before
"""

from torch.distributed.constants import default_pg_timeout

assert default_pg_timeout.total_seconds() == 30 * 60

end = """
torch.save(found, folder / f"{rank}.pt")
dist.destroy_process_group()
"""

# %%
# Start it
# --------
#
# In a terminal: ``torchrun --nproc-per-node=2 train.py``. The page uses the same program by its module's name, and
# hides any GPU, for NCCL wants one for each process. It is written for Linux and macOS; on Windows it was never run.

import os
import subprocess
import sys


def torchrun(name, *parts):
    """Write a script, start it twice at once; return what the two printed, and what each saved."""
    (folder / f"{name}.py").write_text("".join(parts))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    settings = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [*command, folder / f"{name}.py"], env=os.environ | settings, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]


# %%
# It returns when both have ended. Then the page reads what each has saved.

import re

said, both = torchrun("share", start, by_hand, by_ddp, stays_away, end)
first, second = both
for rank, process in enumerate(both):
    print(f"process {rank} had the examples {process['share']}")
print(re.search(r"Timed out waiting \d+ms", first["error"])[0])

# %%
# What each computed is what the page had computed alone, and so is the mean, by hand and by DDP. So both optimizers
# take the same step, and the models stay equal without ever being compared.

assert first["share"] + second["share"] == list(range(12))
for process, half in zip(both, halves, strict=True):
    torch.testing.assert_close(process["mine"], half, rtol=0, atol=1e-6)
    torch.testing.assert_close(process["mean"], whole, rtol=0, atol=1e-6)
    torch.testing.assert_close(process["mean of DDP"], whole, rtol=0, atol=1e-6)

# %%
# "Set the same seed everywhere, or the models differ." The weights need none: DDP broadcasts those of process 0 when it
# is made. What comes later, such as dropout, should even differ.

assert not torch.equal(first["own weights"], second["own weights"])
for process in both:
    assert torch.equal(process["weights in DDP"], first["own weights"])

# %%
# What goes into each exchange: one number of 4 bytes for each parameter, whatever the size of the batch. So a larger
# share for each process makes the exchange cheaper beside the work.

parameters = sum(parameter.numel() for parameter in model.parameters())
assert parameters == 5 * 3 + 3
sent = first["bytes"]
assert sent == second["bytes"] == [4 * parameters] * 2  # the second batch was larger

# %%
# What goes wrong
# ---------------
#
# *Everybody prints*, writes the log and saves the model, into one another's lines and files. Let process 0 do it. A
# line that all of them reach, such as the all-reduce, must not stand under that ``if``.

assert (said.count("said by all"), said.count("said by one")) == (2, 1)

# %%
# *The sampler was forgotten.* Then every process goes through all the data, and two do the work of one. With
# ``torch.utils.data.DistributedSampler`` each goes through its part. It asks ``torchrun`` for rank and world size; here
# they are given to it. All parts are equally long: of 13 examples, one comes twice. The order is that of the first
# epoch again and again, unless ``set_epoch`` says which it is.


from torch.utils.data import DataLoader, DistributedSampler


def seen(sampler=None):
    loader = DataLoader(torch.arange(13), batch_size=2, sampler=sampler)
    return torch.cat(list(loader)).tolist()


samplers = [DistributedSampler(range(13), num_replicas=2, rank=rank) for rank in (0, 1)]
parts = [seen(sampler) for sampler in samplers]
for rank, part in enumerate(parts):
    print(f"process {rank} sees {part}")
assert [len(part) for part in parts] == [7, 7]
assert set(parts[0] + parts[1]) == set(seen()) == set(range(13))
assert [seen(sampler) for sampler in samplers] == parts
samplers[0].set_epoch(1)
assert seen(samplers[0]) != parts[0]

# %%
# *Unequal shares.* The mean of the means is the mean of all only if all shares are equally large. With 7 and 5
# examples, each of the 5 would count more.

means = torch.stack([gradient(slice(0, 7)), gradient(slice(7, 12))])
assert (means.mean(dim=0) - whole).abs().max() > 1e-3

# %%
# Exercise: mend it. From the gradients of the shares, one in each row, and the numbers of examples, make the gradient
# of all.


from ptguide.exercises import check


def by_examples(means, counts):
    every_example = [row for row, count in zip(means, counts, strict=True) for _ in range(count)]
    return torch.stack(every_example).mean(dim=0)


cases = [(torch.tensor([[1.0], [4.0]]), torch.tensor([2, 1])), (means, torch.tensor([7, 5]))]


def mean_of_shares(means, counts):
    raise NotImplementedError


check(mean_of_shares, by_examples, cases)

# %%
# Each mean counts as often as it has examples. (Each process multiplies by its count before the all-reduce.)

# Solution


def mean_of_shares(means, counts):
    weight = (counts / counts.sum()).reshape(-1, *[1] * (means.ndim - 1))
    return (means * weight).sum(dim=0)


torch.testing.assert_close(mean_of_shares(means, torch.tensor([7, 5])), whole, rtol=0, atol=1e-6)
report = check(mean_of_shares, by_examples, cases)
assert report.passed
report

# %%
# The same with ptguide.training.fit
# ----------------------------------
#
# A script for one process, started with two: ``fit`` sees that ``torchrun`` started it, wraps the model in DDP, and
# cuts every batch into shares that it weighs by their sizes. The weights come out as those of one process. On
# GPUs, add ``device=pick_device()``: each process gets one of its own.

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
# Two processes by ``torchrun``, and the same file once more in the page's own process:

import math
import runpy

_, both = torchrun("train", train)
runpy.run_path(str(folder / "train.py"))
alone = torch.load(folder / "alone.pt")
assert alone["losses"][1] < 0.8 * alone["losses"][0] < 0.8 * math.log(10)
for process in both:
    torch.testing.assert_close(process["weights"], alone["weights"], rtol=0, atol=1e-5)
    torch.testing.assert_close(process["losses"], alone["losses"], rtol=0, atol=1e-5)
holder.cleanup()

# %%
# Check yourself
# --------------

from ptguide.questions import ask

ask(
    "A DataLoader without DistributedSampler has 13 examples. How many different ones do 2 processes "
    "train on in an epoch?",
    answer=len(set(seen() + seen())),
    choices={
        6: "Nothing divides the data: no sampler was told of the other process.",
        13: "All 13, each in both processes: twice the work for the same gradient.",
        26: "26 are gone through, but each comes twice.",
    },
)

# %%
# And the exchange:

ask(
    "The batch is made twice as large. How many times the bytes does DDP send in a step?",
    answer=round(sent[1] / sent[0]),
    choices={
        1: "One number for each parameter, whatever the batch.",
        2: "Examples are not sent: each process loads its own share.",
        4: "The gradients have the shapes of the parameters, not of the batch.",
    },
)

# %%
# Next: :ref:`mat1-and-mat2-shapes`, the error that matrix products raise most.

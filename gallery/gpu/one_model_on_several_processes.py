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
# All of it in one process first: a layer with :val:`18 <sum(part.numel() for part in model.parameters())>` weights, a
# batch of 12 examples, and its two halves.

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
# The halves have different gradients. Their mean is the gradient of the whole, as the loss is a mean over examples and
# the shares are equally large. So it is with 3, 4, 6 or 12 shares.

import matplotlib.pyplot as plt

for count in (2, 3, 4, 6, 12):
    size = 12 // count
    shares = torch.stack([gradient(slice(n, n + size)) for n in range(0, 12, size)])
    torch.testing.assert_close(shares.mean(dim=0), whole, rtol=0, atol=1e-6)
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
# Both processes begin with the same weights and the same batch, which the page puts into a file.

import tempfile
from pathlib import Path

holder = tempfile.TemporaryDirectory()
folder = Path(holder.name)
task = {"inputs": inputs, "targets": targets, "weights": model.state_dict()}
torch.save(task, folder / "task.pt")

# %%
# This is what each process runs. ``rank`` is its number and ``world_size`` says how many there are; ``torchrun`` passes
# both on. Each takes its share, and ``all_reduce`` adds the tensors of the processes. It returns once each of them has
# called it, and then each has the sum.

start = """
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
# Then each computes the gradient of its share, and with the others the mean:

by_hand = """
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
# its own, by a seed of its own; DDP gives all of them those of the first.

by_ddp = """
from torch.nn.parallel import DistributedDataParallel

torch.manual_seed(rank)
network = nn.Linear(5, 3)
found["own weights"] = network.weight.detach().clone()
network = DistributedDataParallel(network)
found["weights in DDP"] = network.module.weight.detach().clone()
"""

# %%
# A hook gets what DDP would send, and sends it in its place: the sum over the processes, divided by their number.

sending = """
found["bytes"] = []

def counted(group, bucket):
    found["bytes"].append(bucket.buffer().nbytes)
    dist.all_reduce(bucket.buffer())
    sent = torch.futures.Future()
    sent.set_result(bucket.buffer() / world_size)
    return sent

network.register_comm_hook(None, counted)
network.module.load_state_dict(task["weights"])
found["mean of DDP"] = gradient(network).clone()
network(inputs[share].repeat(2, 1)).sum().backward()  # twice the examples

torch.save(found, folder / f"{rank}.pt")
dist.destroy_process_group()
"""

# %%
# Start it
# --------
#
# In a terminal: ``torchrun --nproc-per-node=2 train.py``. The page uses the same program by its module's name, and
# hides the GPUs, for NCCL wants one for each process. It is written for Linux and macOS; on Windows it was not run.

import os
import subprocess
import sys


def torchrun(name, *parts):
    """Write a script, start it twice at once, and return what each of the two saved."""
    (folder / f"{name}.py").write_text("".join(parts))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    settings = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [*command, folder / f"{name}.py"], env=os.environ | settings, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]


# %%
# It returns when both have ended. Then the page reads what each has saved.

both = torchrun("share", start, by_hand, by_ddp, sending)
first, second = both
for rank, process in enumerate(both):
    print(f"process {rank} had the examples {process['share']}")

# %%
# What each computed is what the page had computed alone, and so is the mean, by hand and by DDP. The mean of DDP is the
# same in both, to the last bit. So two equal optimizers take the same step, and the weights stay equal.

assert first["share"] + second["share"] == list(range(12))
for process, half in zip(both, halves, strict=True):
    torch.testing.assert_close(process["mine"], half, rtol=0, atol=1e-6)
    torch.testing.assert_close(process["mean"], whole, rtol=0, atol=1e-6)
    torch.testing.assert_close(process["mean of DDP"], whole, rtol=0, atol=1e-6)
assert torch.equal(first["mean of DDP"], second["mean of DDP"])

# %%
# "Set the same seed everywhere, or the models differ." The weights need none: DDP broadcasts those of process 0 when it
# is made. What comes later, such as dropout, should even differ.

assert not torch.equal(first["own weights"], second["own weights"])
for process in both:
    assert torch.equal(process["weights in DDP"], first["own weights"])

# %%
# What goes into each exchange: one number of 4 bytes for each parameter, also where the batch is larger.
# So a larger share for each process makes the exchange cheaper beside the work.

parameters = sum(parameter.numel() for parameter in model.parameters())
assert parameters == 5 * 3 + 3
sent = first["bytes"]
assert sent == second["bytes"] == [4 * parameters] * 2  # the second batch was larger
holder.cleanup()

# %%
# Check yourself
# --------------

from ptguide.questions import ask

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
# And the weights:

ask(
    "Each process sets another seed, makes its model, and puts it into DDP. Whose weights do all have?",
    answer="those of process 0"
    if torch.equal(second["weights in DDP"], first["own weights"])
    else "each its own",
    choices={
        "those of process 0": "DDP sends them to all when it is made.",
        "each its own": "Then the same step would lead to different models.",
        "their mean": "The gradients are averaged, in each step; the weights are copied, once.",
    },
)

# %%
# Next: :ref:`data-for-several-processes`: which examples each process gets, and ``fit``, which does all of this.

"""
.. _one-model-on-several-processes:

How do I train one model on several GPUs?
=========================================

One GPU is too slow, and your machine has four. Each GPU gets a process with the whole model and a part of the batch,
and an :term:`all-reduce` gives each process the mean of the gradients.
"""

# %%
# Set-up

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
model = nn.Linear(5, 3)
inputs, targets = torch.randn(12, 5), torch.randint(3, (12,))
holder = tempfile.TemporaryDirectory()
folder = Path(holder.name)
torch.save({"inputs": inputs, "targets": targets}, folder / "data.pt")
torch.save(model.state_dict(), folder / "weights.pt")


# The end of the script: what the page asks of the processes.
END = """
found = {"mean": mean, "examples": len(inputs), "own weights": own_weights}
found["network"] = network.state_dict()
# DDP sends one number for each parameter: two batches show it, the second twice as large.
sent = []

def counted(group, bucket):
    sent.append(bucket.buffer().nbytes)
    dist.all_reduce(bucket.buffer())
    result = torch.futures.Future()
    result.set_result(bucket.buffer() / world_size)
    return result

network = DistributedDataParallel(nn.Linear(5, 3))
network.module.load_state_dict(torch.load("weights.pt"))
network.register_comm_hook(None, counted)
F.cross_entropy(network(inputs), targets).backward()
ddp_mean = torch.cat([p.grad.flatten() for p in network.parameters()])
network(inputs.repeat(2, 1)).sum().backward()
torch.save(found | {"bytes": sent, "mean of DDP": ddp_mean}, f"{rank}.pt")
dist.destroy_process_group()
"""


def gradient(part):
    loss = F.cross_entropy(model(inputs[part]), targets[part])
    return torch.cat([one.flatten() for one in torch.autograd.grad(loss, model.parameters())])


halves, whole = torch.stack([gradient(slice(0, 6)), gradient(slice(6, 12))]), gradient(slice(12))


def draw_gradients():
    _, (left, right) = plt.subplots(1, 2, figsize=(5.4, 2.5), sharey=True, layout="constrained")
    for process, half in enumerate(halves):
        left.plot(half, "o", color=f"C{process}", label=f"process {process}")
    right.plot(halves.mean(dim=0), "o", color="C2", label="mean")
    right.plot(whole, "k+", label="whole batch")
    left.set(title="gradient of each half", xlabel="weight", ylim=(-1.4, 0.7))
    right.set(title="mean of both", xlabel="weight")
    for axis in (left, right):
        axis.legend(fontsize="small", loc="lower right")
    plt.suptitle("The mean of the halves is the gradient of the batch")
    plt.show()


def torchrun(*parts):
    """Write a script, start it twice at once, and return what each of the two saved."""
    (folder / "train.py").write_text("".join(parts))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    settings = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}  # NCCL wants a GPU for each
    done = subprocess.run(
        [*command, "train.py"],
        cwd=folder,
        env=os.environ | settings,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [torch.load(folder / f"{rank}.pt") for rank in (0, 1)]


# %%

draw_gradients()

# %%
# The figure shows the gradients of a layer with :val:`18 <len(whole)>` weights, for a batch of
# :val:`12 <len(inputs)>` examples. Each half has its own gradient. The mean of the two gradients is the gradient of the
# whole batch. You need to know :ref:`the-training-loop`.
#
# The rule
# --------
#
# Cut the batch into :math:`P` parts. The gradient of the batch is the mean of their gradients: :math:`g = \frac{1}{P}
# \sum_{p} g_p`. This needs a loss that is a mean over examples, parts of equal size, and layers that do not mix
# examples. BatchNorm mixes them.

for processes in (2, 3, 4, 6, 12):
    size = 12 // processes
    parts = torch.stack([gradient(slice(n, n + size)) for n in range(0, 12, size)])
    torch.testing.assert_close(parts.mean(dim=0), whole, rtol=0, atol=1e-6)
print(f"difference of the halves: {(halves[0] - halves[1]).abs().max():.2f}")
print(f"of mean and whole:        {(halves.mean(dim=0) - whole).abs().max():.2f}")

# %%
# The exchange by hand
# --------------------
#
# ``torchrun`` starts one script several times. ``rank`` is the number of a process, and ``world_size`` says how many
# there are. ``all_reduce`` waits until each process has called it, and gives each of them the sum of their tensors. The
# mean is this sum divided by ``world_size``. The script ``train.py`` begins with these lines.

by_hand = """
import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
dist.init_process_group("gloo")  # for the CPU; "nccl" for GPUs
rank, world_size = dist.get_rank(), dist.get_world_size()
data = torch.load("data.pt")
inputs, targets = (tensor.chunk(world_size)[rank] for tensor in data.values())
model = nn.Linear(5, 3)
model.load_state_dict(torch.load("weights.pt"))
F.cross_entropy(model(inputs), targets).backward()
mean = torch.cat([p.grad.flatten() for p in model.parameters()])
dist.all_reduce(mean)
mean /= world_size
"""

# %%
# The same by DDP
# ---------------
#
# ``DistributedDataParallel``, DDP for short, makes the exchange within ``backward``. When you wrap a model, DDP copies
# the weights of process 0 to the other processes, so these need no common seed. You write these lines.

by_ddp = """
torch.manual_seed(rank)  # other weights in each process
network = nn.Linear(5, 3)
own_weights = network.weight.detach().clone()
network = DistributedDataParallel(network)
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
for step in range(20):
    loss = F.cross_entropy(network(inputs), targets)
    optimizer.zero_grad()
    loss.backward()  # the gradients are exchanged here
    optimizer.step()
"""

# %%
# Start it
# --------
#
# On a machine with GPUs you type ``torchrun --nproc-per-node=gpu train.py``. Here two processes on the CPU do the same,
# without the speed. Before DDP their weights differed, and after 20 steps they are equal to the last bit.

first, second = torchrun(by_hand, by_ddp, END)
for rank, process in enumerate((first, second)):
    own, after = process["own weights"][0, 0], process["network"]["module.weight"][0, 0]
    print(f"process {rank}: {process['examples']} examples, a weight {own:.3f}, then {after:.6f}")

# %%
# .. use-this::
#
#    Wrap the model in ``DistributedDataParallel`` and start one process for each GPU by
#    ``torchrun --nproc-per-node=gpu``. Each process moves its model to the GPU whose number is in the variable
#    ``LOCAL_RANK``, and reads its own part of the data: :ref:`data-for-several-processes`. The parts together are the
#    batch of a step. Each GPU holds the whole model, its gradients and the optimizer's state. If these do not fit, use
#    :ref:`FSDP <data-parallel-or-ddp>`, which divides them. Let process 0 alone print and save.
#
# A common mistake
# ----------------
#
# **The saved weights do not load.** DDP is a module around the model, so the names in its state dict begin with
# ``module.``. Save ``network.module.state_dict()``, or take the prefix off as below. :ref:`loading-state-dict` has
# other causes.

with expect_error(RuntimeError, match="Missing key"):
    model.load_state_dict(first["network"])
weights = {name.removeprefix("module."): weight for name, weight in first["network"].items()}
model.load_state_dict(weights)
print(list(first["network"]), "->", list(weights))

# %%
# How this was checked

for process, half in zip((first, second), halves, strict=True):
    torch.testing.assert_close(process["mean of DDP"], whole, rtol=0, atol=1e-6)
    torch.testing.assert_close(process["mean"], whole, rtol=0, atol=1e-6)
    assert process["examples"] == 6
    assert process["bytes"] == [4 * len(whole)] * 2  # the second batch was twice as large
    assert (half - whole).abs().max() > 0.01
assert torch.equal(first["mean of DDP"], second["mean of DDP"])
assert not torch.equal(first["own weights"], second["own weights"])
assert torch.equal(first["network"]["module.weight"], second["network"]["module.weight"])
# BatchNorm mixes examples: it takes the mean of its part, so the mean of the gradients is another one.
mixing, plain = nn.Sequential(model, nn.BatchNorm1d(3)), model
by_model = {}
for name, one in (("mixing", mixing), ("plain", plain)):
    grads = []
    for part in (slice(0, 6), slice(6, 12), slice(12)):
        loss = F.cross_entropy(one(inputs[part]), targets[part])
        grads.append(torch.autograd.grad(loss, model.weight)[0])
    by_model[name] = ((grads[0] + grads[1]) / 2 - grads[2]).abs().max().item()
assert by_model["mixing"] > 0.01 > 1e-6 > by_model["plain"]
# 20 steps in one process, on the whole batch, from the weights of process 0, give the same.
alone = nn.Linear(5, 3)
torch.manual_seed(0)
again = nn.Linear(5, 3)
assert torch.equal(again.weight, first["own weights"])
alone.load_state_dict(again.state_dict())
optimizer = torch.optim.SGD(alone.parameters(), lr=0.1)
for _ in range(20):
    loss = F.cross_entropy(alone(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
torch.testing.assert_close(alone.state_dict(), weights, rtol=0, atol=1e-5)
holder.cleanup()

# %%
# Check yourself
# --------------

ask(
    "The batch is made twice as large. How many times the bytes does DDP send in a step?",
    answer=round(first["bytes"][1] / first["bytes"][0]),
    choices={
        1: "One number for each parameter, whatever the batch.",
        2: "Examples are not sent: each process loads its own part.",
        4: "The gradients have the shapes of the parameters, not of the batch.",
    },
)

# %%
# The next question asks about the weights.

same_as_first = torch.equal(second["network"]["module.weight"], first["network"]["module.weight"])
ask(
    "Each process sets another seed, makes its model, and puts it into DDP. What are the weights after some steps?",
    answer="the same in each process" if same_as_first else "different in each process",
    choices={
        "the same in each process": "DDP copies those of process 0, and each step has one gradient.",
        "different in each process": "DDP replaces the weights with which a process began.",
    },
)

# %%
# **Exercise.** Do what DDP does in one step of gradient descent. ``weights`` and ``gradients`` have shape (process,
# weight). Begin with the weights of process 0, and return what each process has after the step, in the same shape.


def by_processes(weights, gradients, lr):
    mean = sum(gradients) / len(gradients)
    return torch.stack([weights[0] - lr * mean for _ in weights])


cases = [
    (torch.tensor([[1.0], [3.0]]), torch.tensor([[2.0], [4.0]]), 0.5),
    (torch.rand(3, 4), torch.rand(3, 4), 0.1),
]


def step(weights, gradients, lr):
    raise NotImplementedError


check(step, by_processes, cases)

# %%
# The mean over the processes keeps its axis, so that it fits each row.

# Solution


def step(weights, gradients, lr):
    return weights[:1].expand_as(weights) - lr * gradients.mean(dim=0, keepdim=True)


report = check(step, by_processes, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`data-for-several-processes`: which examples each process gets.
#
# - Li et al. (2020). `PyTorch Distributed: experiences on accelerating data parallel training
#   <https://arxiv.org/abs/2006.15704>`__. How DDP sends gradients while ``backward`` still computes others.
# - PyTorch contributors (2026). `Getting started with Distributed Data Parallel
#   <https://docs.pytorch.org/tutorials/intermediate/ddp_tutorial.html>`__. With checkpoints, and for several machines.

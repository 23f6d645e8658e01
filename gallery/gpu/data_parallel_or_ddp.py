"""
.. _data-parallel-or-ddp:

DataParallel, DDP or FSDP: which one do I use?
==============================================

Your model is to train on several GPUs, and PyTorch offers three ways that sound alike. Take DDP, which copies the
training state to each GPU, or FSDP, which divides it, where a copy does not fit.
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
from torch.distributed.fsdp import fully_shard
from torch.nn import functional as F

from ptguide.exercises import check
from ptguide.models import GPT, GPT2_SIZES
from ptguide.questions import ask


def megabytes(parameters, gpus):
    """Return the memory of each GPU for weights, gradients and both averages of Adam, at 4 bytes a number."""
    part = 4 * parameters / gpus / 1e6
    return part, part, 2 * part


def draw_memory(parameters):
    _, axis = plt.subplots(figsize=(7, 2.4), layout="constrained")
    rows = {"DDP, on any number": 1} | {f"FSDP, on {gpus} GPUs": gpus for gpus in (2, 4, 8)}
    left = [0.0] * len(rows)
    for index, name in enumerate(("weights", "gradients", "averages of Adam")):
        widths = [megabytes(parameters, gpus)[index] / 1000 for gpus in rows.values()]
        axis.barh(list(rows), widths, left=left, label=name)
        left = [one + more for one, more in zip(left, widths, strict=True)]
    axis.invert_yaxis()
    axis.set_xlabel("GB on each GPU, without activations and buffers")
    axis.legend(fontsize=8)
    axis.set_title("FSDP divides what DDP copies (the smallest GPT-2, with Adam)")
    plt.show()


with torch.device("meta"):  # shapes without memory
    gpt2 = GPT(GPT2_SIZES["small"])
parameters = sum(parameter.numel() for parameter in gpt2.parameters())

START = """
import os
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo")  # for the CPU; "nccl" for GPUs
told = {name: int(os.environ[name]) for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE")}
rank, world_size = told["RANK"], told["WORLD_SIZE"]
torch.manual_seed(0)
batch, targets = torch.randn(12, 40), torch.randint(10, (12,))
inputs, labels = batch.chunk(world_size)[rank], targets.chunk(world_size)[rank]

def new_model():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(40, 64), nn.ReLU(), nn.Linear(64, 10))

def train(network, optimizer):
    losses = []
    for step in range(5):
        loss = F.cross_entropy(network(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses

def local(tensor):
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor

def numbers(model, optimizer):
    weights = list(model.parameters())
    state = [value for one in optimizer.state.values() for value in one.values() if value.dim()]
    held = {"weights": weights, "gradients": [weight.grad for weight in weights], "Adam": state}
    return {name: sum(local(one).numel() for one in tensors) for name, tensors in held.items()}

def full(model):
    return {
        name: (one.full_tensor() if isinstance(one, DTensor) else one).detach().clone()
        for name, one in model.named_parameters()
    }
"""
END = """
# An optimizer that was made before fully_shard.
model = new_model()
early = torch.optim.Adam(model.parameters(), lr=0.01)
fully_shard(model, mesh=init_device_mesh("cpu", (world_size,)))
before = full(model)
train(model, early)
found["early"] = max((full(model)[name] - before[name]).abs().max().item() for name in before)
late = torch.optim.Adam(model.parameters(), lr=0.01)
train(model, late)
found["late"] = max((full(model)[name] - before[name]).abs().max().item() for name in before)
# Where the gradients of DDP are: the bytes of their storages, by default and as views of what is sent.
found["storages"] = []
for view in (False, True):
    network = DistributedDataParallel(new_model(), gradient_as_bucket_view=view)
    F.cross_entropy(network(inputs), labels).backward()
    grads = [weight.grad for weight in network.parameters()]
    found["storages"].append([grad.untyped_storage().nbytes() for grad in grads])
torch.save(found | {"told": told}, f"{rank}.pt")
dist.barrier()
dist.destroy_process_group()
"""


def torchrun(*parts):
    """Write a script, start it in two processes, and return what each of them saved."""
    settings = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "train.py").write_text("".join(parts))
        done = subprocess.run(
            [*command, "train.py"],
            cwd=folder,
            env=os.environ | settings,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return [torch.load(Path(folder, f"{rank}.pt")) for rank in (0, 1)]


# %%

draw_memory(parameters)

# %%
# The bars are computed from the :val:`124 <parameters // 10**6>` million parameters of the smallest GPT-2. One GPU
# with DDP holds as much as a GPU alone. You need to know :ref:`one-model-on-several-processes` and :ref:`optimizers`.
#
# .. longer: 5 screens — the three ways, and what their processes are told
#
# The rule
# --------
#
# Training with Adam keeps four numbers for each parameter: the weight, its gradient and two averages. In
# :val:`float32 <torch.empty(1).dtype>` each takes four bytes. Let there be :math:`N` parameters and :math:`P` GPUs.
# With DDP each GPU holds :math:`16 N` bytes, and with FSDP :math:`16 N / P`. What is being sent needs memory, too. DDP
# keeps buffers for it, as large as the gradients, unless you give ``gradient_as_bucket_view=True``. FSDP fetches whole
# layers, one or two at a time.
#
# ================  ================  =============================  ===========================================
# Way               Processes         What is copied or divided      What is sent in a step
# ================  ================  =============================  ===========================================
# ``DataParallel``  one, with         the model is copied again in   the model, the batch, the outputs and the
#                   threads           each forward pass              gradients, by way of the first GPU
# DDP               one for each GPU  the model is copied once       the gradients, by all-reduce
# FSDP              one for each GPU  the state is divided           the weights twice, and the gradients once
# ================  ================  =============================  ===========================================

for gpus in (1, 2, 4, 8):
    weights, gradients, averages = megabytes(parameters, gpus)
    print(f"{gpus} parts: {weights:4.0f} + {gradients:4.0f} + {averages:4.0f} MB on each GPU")
assert sum(megabytes(parameters, 1)) * 1e6 == 16 * parameters

# %%
# DDP: each process has a copy
# ----------------------------
#
# ``torchrun --nproc-per-node=gpu`` starts one process for each GPU, and tells it its number in environment variables.
# DDP divides neither the model nor the batch: your code gives each process its part
# (:ref:`data-for-several-processes`). This piece of a script runs below on two processes of the CPU. Its functions are
# in the Set-up, and ``train`` takes five steps.

by_ddp = """
model = new_model()
network = DistributedDataParallel(model)
optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
found = {"DDP losses": train(network, optimizer)}
found["DDP"] = numbers(model, optimizer)
found["DDP weights"] = full(model)
"""

# %%
# FSDP: each process has a part
# -----------------------------
#
# ``fully_shard`` divides the weights of a module along their first axis. Call it on the large layers first, and then on
# the model, because the weights of one call are fetched together. A single call on the model would fetch the whole
# model at once. The optimizer comes afterwards. There is no wrapper such as ``FullyShardedDataParallel`` in older code.

by_fsdp = """
model = new_model()
mesh = init_device_mesh("cpu", (world_size,))  # the processes; "cuda" on GPUs
for layer in (model[0], model[2]):
    fully_shard(layer, mesh=mesh)
fully_shard(model, mesh=mesh)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
found["FSDP losses"] = train(model, optimizer)
found["FSDP"] = numbers(model, optimizer)
found["FSDP weights"] = full(model)
found["shapes"] = [tuple(model[0].weight.shape), tuple(local(model[0].weight).shape)]
"""

# %%
# The same training, half the numbers in each process
# ---------------------------------------------------
#
# ``RANK`` counts the processes over the machines, and ``LOCAL_RANK`` those of one machine. The cell prints how many
# numbers process 0 holds after five steps. The weights of both trainings agree, up to rounding.

first, second = torchrun(START, by_ddp, by_fsdp, END)
print("told:", first["told"], second["told"])
for way in ("DDP", "FSDP"):
    print(f"{way:5} process 0 holds", first[way])
whole, part = first["shapes"]
print(f"the first weight: {whole} in DDP, {part} in each process of FSDP")
torch.testing.assert_close(first["FSDP weights"], first["DDP weights"], rtol=1e-4, atol=1e-5)

# %%
# DataParallel: kept for old code
# -------------------------------
#
# ``nn.DataParallel(model)`` needs no ``torchrun``. It is not deprecated, but its own documentation recommends DDP,
# on a single machine too. Without a GPU it calls the model and does nothing else, as here.

wrapped = nn.DataParallel(nn.Linear(40, 10)) if not torch.cuda.is_available() else None
said = " ".join(nn.DataParallel.__doc__.split())
begin = said.index("It is recommended")
print(said[begin : said.index("single node", begin) + len("single node.")])
if wrapped is not None:
    x = torch.randn(12, 40)
    assert torch.equal(wrapped(x), wrapped.module(x))  # only on a CPU

# %%
# .. use-this::
#
#    Use DDP while the training fits on one GPU: :val:`16 <round(sum(megabytes(parameters, 1)) * 1e6 / parameters)>`
#    bytes for each parameter, up to :val:`4 <torch.empty(1).element_size()>` for the buffers, and the activations.
#    Where it does not fit, call ``fully_shard`` on each block and then on the model. Start both with
#    ``torchrun --nproc-per-node=gpu``, and let each process use ``torch.device("cuda", LOCAL_RANK)``. Do not begin new
#    code with ``DataParallel``. FSDP costs more sending: the weights are fetched in the forward pass, and again in
#    ``backward``.
#
# A common mistake
# ----------------
#
# **The optimizer is made before fully_shard.** ``fully_shard`` puts new parameters into the model, and the optimizer
# has the old ones. No error is raised, and the weights do not change. Make the optimizer afterwards. The printed number
# is the largest change of a weight in five steps.

for way in ("early", "late"):
    print(f"optimizer {way:5}: {first[way]:.3f}")
assert first["early"] == 0 < 0.01 < first["late"]

# %%
# How this was checked

# Each number that DDP holds is divided by two under FSDP (the sizes of the layers are even).
state = {"weights": 1, "gradients": 1, "Adam": 2}
numel = 40 * 64 + 64 + 64 * 10 + 10
for found in (first, second):
    assert found["DDP"] == {name: times * numel for name, times in state.items()}
    assert found["FSDP"] == {name: times * numel // 2 for name, times in state.items()}
    assert found["told"]["WORLD_SIZE"] == 2
    assert found["early"] == 0
assert [found["told"]["RANK"] for found in (first, second)] == [0, 1]
assert [found["told"]["LOCAL_RANK"] for found in (first, second)] == [0, 1]
assert first["shapes"] == [(64, 40), (32, 40)]
for way in ("DDP weights", "FSDP weights"):
    torch.testing.assert_close(first[way], second[way], rtol=0, atol=0)
# One process that trains on the whole batch gets the same weights.
torch.manual_seed(0)
batch, targets = torch.randn(12, 40), torch.randint(10, (12,))
torch.manual_seed(1)
alone = nn.Sequential(nn.Linear(40, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(alone.parameters(), lr=0.01)
for step in range(5):
    loss = F.cross_entropy(alone(batch), targets)
    if step == 0:
        both = (first["DDP losses"][0] + second["DDP losses"][0]) / 2
        assert abs(loss.item() - both) < 1e-5
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
torch.testing.assert_close(
    dict(alone.named_parameters()), first["DDP weights"], rtol=1e-3, atol=1e-4
)
assert all(part.is_meta for part in gpt2.parameters())
assert "replicated" in nn.DataParallel.__doc__
assert "deprecated" not in nn.DataParallel.__doc__
# DDP has the gradients twice, in .grad and in what it sends, unless the first are views of the second.
for found in (first, second):
    own, views = found["storages"]
    assert own == [4 * 40 * 64, 4 * 64, 4 * 64 * 10, 4 * 10]
    assert min(views) > 4 * 10
    assert sum(own) == 4 * numel
said = " ".join(nn.parallel.DistributedDataParallel.__doc__.split())
assert "the saved memory size will be equal to the total gradients size" in said
assert "re-all-gathers them in backward" in " ".join(fully_shard.__doc__.split())

# %%
# Check yourself
# --------------

seven_billion = 7 * 10**9
ask(
    "A model has 7 billion parameters and trains with Adam, at 4 bytes a number. How many GB does each of 8 GPUs hold "
    "with FSDP, without activations?",
    answer=round(sum(megabytes(seven_billion, gpus=8)) / 1000),
    choices={
        112: "That is DDP: each GPU holds the whole.",
        14: "The whole is 112, and each GPU holds one part of 8.",
        28: "That is the weights alone, undivided.",
    },
)

# %%
# The next question is about two machines.


def variables(machine, gpu, gpus):
    return {"RANK": machine * gpus + gpu, "LOCAL_RANK": gpu}


ask(
    "Two machines have four GPUs each. Which RANK and LOCAL_RANK has the process of the second GPU on the second "
    "machine?",
    answer=tuple(variables(machine=1, gpu=1, gpus=4).values()),
    choices={
        (5, 1): "RANK counts on over the machines, and LOCAL_RANK starts again on each of them.",
        (5, 5): "There is no GPU 5 on a machine that has four.",
        (1, 1): "That is the second process of the first machine.",
    },
)

# %%
# **Exercise.** Imitate ``fully_shard``. Return what process ``rank`` of ``world_size`` holds of a weight. The rows
# are cut into equal chunks of rounded up size, so the last process can have fewer rows. The checker asks
# :func:`torch.chunk`.


def shard(weight, rank, world_size):
    raise NotImplementedError


def by_chunk(weight, rank, world_size):
    return weight.chunk(world_size)[rank]


weight = torch.arange(14.0).reshape(7, 2)
cases = [(weight, 0, 2), (weight, 1, 2), (weight, 2, 3), (torch.arange(24.0).reshape(8, 3), 3, 4)]
check(shard, by_chunk, cases)

# %%
# Round the size of a chunk up, and slice.

# Solution


def shard(weight, rank, world_size):
    rows = -(-len(weight) // world_size)
    return weight[rank * rows : (rank + 1) * rows]


report = check(shard, by_chunk, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`mistakes-with-several-processes`: why such a training hangs, or prints twice.
#
# - Zhao et al. (2023). `PyTorch FSDP: experiences on scaling fully sharded data parallel
#   <https://arxiv.org/abs/2304.11277>`__. What is fetched when, and what it costs.
# - Rajbhandari et al. (2020). `ZeRO: memory optimizations toward training trillion parameter models
#   <https://arxiv.org/abs/1910.02054>`__. The bytes for each parameter, and their division in three stages.
# - PyTorch contributors (2026). `Getting started with fully sharded data parallel
#   <https://docs.pytorch.org/tutorials/intermediate/FSDP_tutorial.html>`__. ``fully_shard`` with checkpoints.

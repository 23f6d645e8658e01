"""
.. _module-must-have-its-parameters-on-device:

RuntimeError: module must have its parameters and buffers on device cuda:0, Caught RuntimeError in replica 0 on device 0
========================================================================================================================

``DataParallel`` copies the model from its first device to the others, and a part of the model is somewhere else. Move
the whole model to ``device_ids[0]`` before the first batch.
"""

# %%
# Set-up

import contextlib
import importlib
import re
from unittest import mock

import torch
from torch import nn
from torch._utils import ExceptionWrapper
from torch.nn.parallel import DataParallel

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
images = torch.randn(6, 64)


@contextlib.contextmanager
def two_gpus():
    """Let DataParallel believe that there are two GPUs; its own checks run as they are."""
    source = importlib.import_module("torch.nn.parallel.data_parallel")
    with (
        mock.patch.object(source, "_get_available_device_type", return_value="cuda"),
        mock.patch.object(source, "_get_all_device_indices", return_value=[0, 1]),
        mock.patch.object(source, "_check_balance"),
    ):
        yield


def caught_in_replica(module, batch, replica):
    """Run a module as the thread of a replica does, and raise its error as DataParallel does."""
    try:
        return module(batch)
    except Exception:
        ExceptionWrapper(where=f"in replica {replica} on device {replica}").reraise()


def lines_of(call):
    """Return the first and the last line of the error of a call."""
    try:
        call()
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        return f"{type(error).__name__}: {lines[0]}", lines[-1]
    raise AssertionError("nothing was raised")


# %%

network = nn.Sequential(nn.Linear(64, 20), nn.BatchNorm1d(20), nn.Linear(20, 10))
with two_gpus():
    parallel = DataParallel(network)
    with expect_error(RuntimeError, match="module must have its parameters and buffers on device"):
        parallel(images)

# %%
# The first device in the message is where the model should be, and the last is where a parameter or a buffer is. This
# page has no GPU: ``two_gpus`` (in the set-up) tells ``DataParallel`` that there are two, and the check that fails is
# torch's own.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# .. not looked up: model.to("cuda:0") — a device that this page lacks
#
# ======================================================================  ============================================
# The message                                                             Fix
# ======================================================================  ============================================
# :ref:`found one of them on device: cpu <replica-move>`                  ``model.to("cuda:0")``
# :ref:`found one of them on device: cuda:1 <replica-move>`               one device for the whole model
# :ref:`the same, for a tensor made in __init__ <replica-buffer>`         ``register_buffer``
# :ref:`Caught RuntimeError in replica 0 on device 0 <replica-caught>`    read the last line
# :ref:`the same, with "found at least two devices" <replica-forward>`    make tensors on ``x.device``
# ======================================================================  ============================================
#
# .. _replica-move:
#
# Which part is where?
# --------------------
#
# List the devices of parameters and buffers. A layer that was added after ``.to(...)`` stays on the CPU. Here ``meta``
# stands for the GPU.

moved = nn.Sequential(nn.Linear(64, 20), nn.BatchNorm1d(20)).to("meta")
moved.append(nn.Linear(20, 10))  # added later


def elsewhere(module, device):
    parts = [*module.named_parameters(), *module.named_buffers()]
    return [name for name, tensor in parts if tensor.device.type != device]


print(elsewhere(moved, "meta"))
assert elsewhere(moved.to("meta"), "meta") == []

# %%
# .. _replica-buffer:
#
# A tensor that is no buffer
# --------------------------
#
# ``to`` moves parameters and buffers. A tensor that is an ordinary attribute stays where it is. ``DataParallel`` does
# not look at it either, and the error comes in ``forward``. Call ``register_buffer`` for it.


class Positions(nn.Module):
    def __init__(self, registered):
        super().__init__()
        table = torch.arange(64.0)
        if registered:
            self.register_buffer("table", table)
        else:
            self.table = table


for registered in (False, True):
    print("buffer" if registered else "attribute", Positions(registered).to("meta").table.device)
assert Positions(True).to("meta").table.device.type == "meta"

# %%
# .. _replica-caught:
#
# Caught RuntimeError in replica 0 on device 0
# --------------------------------------------
#
# Each GPU runs its copy of the model in a thread. The message says in which copy an error came, and shows the traceback
# of that thread. What failed is the *last* line. The same error comes without ``DataParallel``: look it up here.

first, last = lines_of(lambda: caught_in_replica(nn.Linear(60, 10), images[:3], replica=0))
print(first, last, sep="\n...\n")
assert first == "RuntimeError: Caught RuntimeError in replica 0 on device 0."
with expect_error(RuntimeError, match=re.escape(last.removeprefix("RuntimeError: "))):
    nn.Linear(60, 10)(images[:3])  # the same without DataParallel

# %%
# .. _replica-forward:
#
# A device that is written into forward
# -------------------------------------
#
# A device with a number, as ``"cuda:0"``, is right in ``forward`` for replica 0 and wrong for the others. ``.cuda()``
# means the GPU of the replica there, and fails on a machine without one. Take the device from the input. Here the
# devices are ``cpu`` and ``meta``.
#
# .. not looked up: "cuda:0" — this page has no GPU; "How this was checked" reads torch's thread


class Noise(nn.Module):
    def forward(self, x):
        return x + torch.zeros(x.shape, device="cpu")


class BetterNoise(nn.Module):
    def forward(self, x):
        return x + torch.zeros_like(x)


first, last = lines_of(lambda: caught_in_replica(Noise(), images[3:].to("meta"), replica=1))
print(first, last, sep="\n...\n")
for device in ("cpu", "meta"):
    assert BetterNoise()(images.to(device)).device.type == device

# %%
# .. use-this::
#
#    Take ``DistributedDataParallel`` in place of ``DataParallel``, also on one machine: each process has its model on
#    one device, so neither message can come. With ``DataParallel``, move the model first, and then wrap it. To use
#    other GPUs, set ``CUDA_VISIBLE_DEVICES=2,3`` before Python starts, and they get the numbers 0 and 1. DDP needs a
#    script that ``torchrun`` starts (:ref:`one-model-on-several-processes`).
#
# A common mistake
# ----------------
#
# GPU 0 is busy, so you move the model to ``cuda:1``. If you do not name ``device_ids``, ``DataParallel`` takes the GPUs
# in order, and asks for the model on ``cuda:0``. Name the GPU of the model first. Here 1 comes first, and the message
# asks for the model there.

with two_gpus():
    print("device_ids by default:", DataParallel(network).device_ids)
    named = DataParallel(network, device_ids=[1, 0])
    with expect_error(RuntimeError, match=r"on device cuda:1 \(device_ids\[0\]\)"):
        named(images)

# %%
# How this was checked

# Without a GPU, DataParallel calls the module and checks nothing.
network.eval()
if not torch.cuda.is_available():
    assert DataParallel(network).device_ids == []  # only on a CPU
    assert torch.equal(DataParallel(network)(images), network(images))  # only on a CPU
# The check names the first part that is elsewhere, and buffers count.
with two_gpus(), expect_error(RuntimeError, match="found one of them on device: meta"):
    DataParallel(nn.BatchNorm1d(20, affine=False).to("meta"))(images)
# An error keeps its kind in a replica.
for module, batch, kind in [
    (nn.Embedding(5, 2), torch.tensor([7]), IndexError),
    (nn.Linear(60, 10), images, RuntimeError),
    (nn.Linear(64, 10), "text", TypeError),
]:
    with expect_error(kind, match=f"Caught {kind.__name__} in replica 1 on device 1"):
        caught_in_replica(module, batch, replica=1)
# torch itself says the words in the thread of a replica, and makes the replica's GPU the current one, which .cuda()
# takes.
source = importlib.import_module("torch.nn.parallel.parallel_apply")
with open(source.__file__, encoding="utf-8") as file:
    code = file.read()
assert 'where=f"in replica {i} on device {device}"' in code
assert re.search(r"with \(\s+torch\.(accelerator\.device_index|cuda\.device)\(device\)", code)

# %%
# Check yourself
# --------------

late = nn.Sequential(nn.Linear(4, 3)).to("meta")
late.append(nn.Linear(3, 2))
ask(
    "A model is moved to the GPU, and then a layer is appended. Where are the parameters of the new layer?",
    answer={"cpu": "on the CPU", "meta": "on the GPU"}[late[1].weight.device.type],
    choices={
        "on the CPU": "to() moves what is there when it is called.",
        "on the GPU": "A module has no device of its own: its tensors have.",
    },
)

# %%
# The next question is about a message.

first, last = lines_of(lambda: caught_in_replica(nn.Embedding(5, 2), torch.tensor([7]), 1))
ask(
    "The message begins 'Caught IndexError in replica 1 on device 1' and ends as the one of nn.Embedding(5, 2) for the "
    "ID 7. What is wrong?",
    answer="the ID" if "index out of range" in last else "the device",
    choices={
        "the ID": "The last line says it: index out of range. On one device it fails, too.",
        "the device": "The number says where it was noticed first.",
    },
)

# %%
# **Exercise.** Return how many numbers of a module's parameters and buffers are not on ``device``, as a tensor. A
# buffer may be ``None``.


def count_elsewhere(module, device):
    raise NotImplementedError


def by_state(module, device):
    state = module.state_dict().values()
    return torch.tensor(sum(t.numel() for t in state if t.device.type != device))


half = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
half[1].to("meta")
cases = [
    (nn.Linear(4, 3), "cpu"),
    (nn.Linear(4, 3), "meta"),
    (half, "cpu"),
    (half, "meta"),
    (nn.BatchNorm1d(3, track_running_stats=False), "meta"),
]
check(count_elsewhere, by_state, cases, without=["state_dict"])

# %%
# ``buffers()`` leaves ``None`` out.

# Solution


def count_elsewhere(module, device):
    tensors = [*module.parameters(), *module.buffers()]
    return torch.tensor(sum(t.numel() for t in tensors if t.device.type != device))


report = check(count_elsewhere, by_state, cases, without=["state_dict"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`default-process-group-has-not-been-initialized`, an error of several processes.
#
# - PyTorch contributors (2026). `DataParallel
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.DataParallel.html>`__. Its reference advises the other
#   class.
# - PyTorch contributors (2026). `Getting started with distributed data parallel
#   <https://docs.pytorch.org/tutorials/intermediate/ddp_tutorial.html>`__. A comparison of the two, and the way to DDP.

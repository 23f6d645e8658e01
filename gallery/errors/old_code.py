"""
.. _old-code:

AttributeError: '_SingleProcessDataLoaderIter' object has no attribute 'next'
=============================================================================

The code was written for an older PyTorch. Write ``next(iter(loader))`` today, and look for the other old names of your
tutorial in the table below.
"""

# %%
# Set-up

import subprocess
import sys
from collections.abc import Mapping
from unittest import mock

import torch
from torch import nn
from torch.autograd import Variable
from torch.nn import functional as F
from torch.optim.lr_scheduler import ReduceLROnPlateau, StepLR
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.models import ResNet50_Weights, WeightsEnum, get_model_weights, resnet50

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
torch.set_warn_always(True)  # otherwise some warnings come only once, also if a cell is run again
loader = DataLoader(range(7), batch_size=3)

# %%

with expect_error(AttributeError, match="has no attribute 'next'"):
    iter(loader).next()
print(next(iter(loader)))

# %%
# In Python 2 an iterator had a method ``next``, and PyTorch kept it for a while. Python 3 has the function
# :func:`next`.
#
# .. longer: 10 cells; 8 screens — each old name has a cell of its own
#
# ==================================================================  ============================================
# Old                                                                 Today
# ==================================================================  ============================================
# ``iter(loader).next()``                                             ``next(iter(loader))``
# :ref:`Variable(x, requires_grad=True) <old-variable>`               ``x.requires_grad_()``
# :ref:`loss.data[0] <old-variable>`                                  ``loss.item()``
# :ref:`StepLR(..., verbose=True) <old-verbose>`                      ``print(schedule.get_last_lr())``
# :ref:`transforms.Scale <old-vision>`                                ``transforms.Resize``
# :ref:`resnet50(pretrained=True) <old-vision>`                       ``resnet50(weights="DEFAULT")``
# :ref:`torch._six, torch.cuda.amp, Function() <old-moved>`           ``collections.abc``, ``torch.amp``, ``apply``
# :ref:`cannot import name ... from <old-import>`                     another release, or the new place
# :ref:`F.sigmoid, F.tanh <old-more>`                                 ``torch.sigmoid``, ``torch.tanh``
# :ref:`1 - mask, masks of uint8 <old-mask>`                          ``~mask``
# :ref:`size_average, xavier_uniform, storage <old-more>`             ``reduction``, ``xavier_uniform_``, ...
# ==================================================================  ============================================
#
# The rule
# --------
#
# A name can go in two steps: first it is deprecated and warns, and some releases later it is removed and raises. Python
# hides some warnings by default. ``python -W error script.py`` turns them into errors and stops at the line. Here it
# does so for ``FutureWarning`` alone.

line = "import torch; torch.nn.init.xavier_uniform(torch.empty(2, 3))"
command = [sys.executable, "-W", "error::FutureWarning", "-c", line]
stopped = subprocess.run(command, capture_output=True, text=True, check=False)
print(stopped.stderr.splitlines()[-1])
assert stopped.returncode == 1

# %%
# .. _old-variable:
#
# Variable and loss.data[0]
# -------------------------
#
# Until release 0.4, in 2018, a tensor was wrapped into a ``Variable`` to get a :term:`gradient`. Today ``Variable(x)``
# gives a tensor and no warning. This loss is one number without axes, so it has no element ``0``.

wrapped = Variable(torch.tensor([2.0, 5.0]), requires_grad=True)
today = torch.tensor([2.0, 5.0]).requires_grad_()
print(type(wrapped).__name__, wrapped.requires_grad, today.requires_grad)

loss = today.square().sum()
with expect_error(IndexError, match="invalid index of a 0-dim tensor"):
    loss.data[0]
print(loss.item())
with expect_warning(UserWarning, match="volatile was removed and now has no effect"):
    Variable(torch.ones(2), volatile=True)

# %%
# .. _old-verbose:
#
# verbose=True in a schedule
# --------------------------
#
# The argument ``verbose`` is gone. Ask the schedule for the :term:`learning rate`, and print it yourself.

optimizer = torch.optim.SGD([today], lr=0.5)
with expect_error(TypeError, match="got an unexpected keyword argument 'verbose'"):
    StepLR(optimizer, step_size=1, verbose=True)
schedule = StepLR(optimizer, step_size=1, gamma=0.1)
optimizer.step()
schedule.step()
print(schedule.get_last_lr())

# %%
# .. _old-vision:
#
# transforms.Scale and pretrained=True
# ------------------------------------
#
# torchvision renamed ``Scale`` to ``Resize``. Weights have names now, because one network can have several sets of
# them. ``pretrained=True`` still works, warns, and takes the *older* set of this network. (The download is replaced
# here.)

with expect_error(AttributeError, match="has no attribute 'Scale'"):
    transforms.Scale
taken = []
with mock.patch.object(WeightsEnum, "get_state_dict", autospec=True) as load:
    load.side_effect = lambda weights, *_, **__: taken.append(weights.name) or nothing
    nothing = resnet50().state_dict()
    with expect_warning(UserWarning, match="deprecated since 0.13"):
        resnet50(pretrained=True)
    resnet50(weights="DEFAULT")
print("pretrained=True:", taken[0], ' weights="DEFAULT":', taken[1])

# %%
# .. _old-mask:
#
# Masks of uint8
# --------------
#
# A comparison gave 0 and 1 as :val:`uint8 <old_mask.dtype>` until release 1.2, and today it gives truth values. torch
# does not subtract these: invert the mask with ``~``.

x = torch.tensor([1.0, 2.0, 3.0])
mask, old_mask = x > 1.5, (x > 1.5).to(torch.uint8)
with expect_error(RuntimeError, match="If you are trying to invert a mask"):
    1 - mask  # a NotImplementedError since torch 2.14
print(~mask)
with expect_warning(UserWarning, match="indexing with dtype torch.uint8 is now deprecated"):
    picked = x[old_mask]
assert torch.equal(picked, x[mask])

# %%
# .. _old-moved:
#
# torch._six, torch.cuda.amp and functions that are made
# ------------------------------------------------------
#
# ``torch._six`` was private and is gone. What it took from ``collections.abc`` is still there. Mixed precision takes
# the device as an argument now. The methods of your own autograd function are static today, and you call ``apply`` of
# the class without making an object.

with expect_error(ModuleNotFoundError, match="No module named 'torch._six'"):
    import torch._six
assert isinstance({}, Mapping)
with expect_warning(FutureWarning, match="is deprecated. Please use `torch.amp.GradScaler"):
    torch.cuda.amp.GradScaler(enabled=False)
scaler = torch.amp.GradScaler("cuda", enabled=False)


class OldDouble(torch.autograd.Function):
    def forward(self, x):
        return 2 * x


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


with expect_warning(DeprecationWarning, match="should not be instantiated"):
    double = OldDouble()
with expect_error(RuntimeError, match="Legacy autograd function with non-static forward method"):
    double(today)
assert torch.equal(Double.apply(today), 2 * today)

# %%
# .. _old-import:
#
# cannot import name 'container_abcs' from 'torch._six'
# -----------------------------------------------------
#
# The module exists, and the name is not in it. Either the code is older than the installed release, or it is newer. The
# first two lines are quoted: ``container_abcs`` was gone from `release 1.9
# <https://github.com/Megvii-BaseDetection/YOLOX/issues/167>`__ and is ``collections.abc``, and ``InterpolationMode``
# came with `torchvision 0.9 <https://github.com/hkchengrex/STCN/issues/11>`__, so an older torchvision lacks it. Often
# the line is in a package: then install a newer release of that package. The last two are raised today.

print("ImportError: cannot import name 'container_abcs' from 'torch._six'")
print("ImportError: cannot import name 'InterpolationMode' from 'torchvision.transforms'")
for line in (
    "from torchvision.models.resnet import model_urls",
    "from torch.nn.modules.linear import _LinearWithBias",
):
    try:
        exec(line)
    except ImportError as error:
        print("ImportError:", str(error).partition(" (")[0])
assert transforms.InterpolationMode.BILINEAR.value == "bilinear"
print(ResNet50_Weights.IMAGENET1K_V1.url)  # what model_urls held

# %%
# .. _old-more:
#
# More that warns or is gone
# --------------------------
#
# ``size_average`` is ``reduction`` today. Functions in ``nn.init`` that fill a tensor end with an underscore, because
# they write in place. ``nn.Softmax()`` wants ``dim``. ``x.storage()`` is ``x.untyped_storage()``, which counts bytes
# (:ref:`strides-and-storage`). The warning about ``sigmoid`` is quoted from `an issue
# <https://github.com/pytorch/pytorch/issues/65910>`__. Today ``F.sigmoid`` does not warn, and gives the same numbers.

with expect_warning(UserWarning, match="please use reduction='sum' instead"):
    nn.MSELoss(size_average=False)
with expect_warning(FutureWarning, match="in favor of `nn.init.xavier_uniform_`"):
    nn.init.xavier_uniform(torch.empty(2, 3))
with expect_warning(UserWarning, match="Implicit dimension choice for softmax"):
    nn.Softmax()(torch.ones(2, 3))
with expect_warning(UserWarning, match="TypedStorage is deprecated"):
    x.storage()
print("UserWarning: nn.functional.sigmoid is deprecated. Use torch.sigmoid instead.")
assert torch.equal(F.sigmoid(x), torch.sigmoid(x))
assert torch.equal(F.tanh(x), torch.tanh(x))

# %%
# .. use-this::
#
#    Run old code once with ``python -W error``, and replace what it stops at, one name at a time. Read the warning to
#    its end, where it may name the successor. To reproduce an old result exactly, install the release of that time in
#    an environment of its own. It lacks later fixes and support for newer GPUs. Otherwise replace a name while it still
#    warns.
#
# A common mistake
# ----------------
#
# ``~`` is right for truth values, and wrong for a mask of ``uint8`` from an old file. There it inverts each bit and
# gives 255 and :val:`254 <(~old_mask).min().item()>`, which both count as true. Convert with ``bool()`` first. See
# :ref:`boolean-masks`.

print((~old_mask).tolist())
with expect_warning(UserWarning, match="indexing with dtype torch.uint8 is now deprecated"):
    everything = x[~old_mask]
print("all picked:", everything.tolist(), " right:", x[~old_mask.bool()].tolist())
assert torch.equal(everything, x)
assert x[~old_mask.bool()].tolist() == [1]

# %%
# How this was checked

assert next(iter(loader)).tolist() == [0, 1, 2]
assert "nn.init.xavier_uniform" in stopped.stderr.splitlines()[-1]
# Variable gives a tensor, which has the gradient of any other.
assert type(wrapped) is torch.Tensor
for tensor in (wrapped, today):
    tensor.grad = None
    tensor.square().sum().backward()
    assert tensor.grad.tolist() == (2 * tensor).tolist()
for dtype in (torch.float16, torch.float64, torch.complex64):
    assert torch.ones(2, dtype=dtype).requires_grad_().requires_grad
with expect_error(RuntimeError, match="only Tensors of floating point dtype can require"):
    torch.ones(2, dtype=torch.int64).requires_grad_()
# Schedules.
with expect_error(TypeError, match="got an unexpected keyword argument 'verbose'"):
    ReduceLROnPlateau(optimizer, verbose=True)
assert schedule.get_last_lr() == [optimizer.param_groups[0]["lr"]] == [0.05]
# torchvision: the default of this network is the newer set, with more right answers on ImageNet.
for old, new in [("Scale", "Resize"), ("RandomSizedCrop", "RandomResizedCrop")]:
    assert not hasattr(transforms, old)
    assert hasattr(transforms, new)
older, newer = get_model_weights("resnet50")
assert taken == [older.name, newer.name] == ["IMAGENET1K_V1", "IMAGENET1K_V2"]
assert ResNet50_Weights.DEFAULT is newer
accuracy = {sets.name: sets.meta["_metrics"]["ImageNet-1K"]["acc@1"] for sets in (older, newer)}
assert accuracy["IMAGENET1K_V1"] < accuracy["IMAGENET1K_V2"] - 4
# Linear algebra moved to torch.linalg.
with expect_error(RuntimeError, match="was deprecated since version 1.9 and is now removed"):
    torch.symeig(torch.eye(2))
assert torch.linalg.eigvalsh(torch.eye(2)).tolist() == [1, 1]
# Storage, softmax, and .T of more than two axes, which reverses them.
assert x.untyped_storage().nbytes() == 3 * x.itemsize
assert x.untyped_storage().data_ptr() == x.data_ptr()
with expect_warning(UserWarning, match="Implicit dimension choice for softmax"):
    probabilities = nn.Softmax()(torch.ones(2, 3))
torch.testing.assert_close(probabilities, torch.softmax(torch.ones(2, 3), dim=1))
with expect_warning(UserWarning, match="on tensors of dimension other than 2"):
    assert torch.ones(2, 3, 4).T.shape == (4, 3, 2)
assert torch.ones(2, 3, 4).mT.shape == (2, 4, 3)

# %%
# Check yourself
# --------------

ask(
    "An old tutorial says: w = Variable(torch.tensor([2.0]), requires_grad=True). What is type(w) today?",
    answer=type(Variable(torch.tensor([2.0]), requires_grad=True)).__name__,
    choices={
        "Variable": "The two were merged in 2018.",
        "Tensor": "A tensor like any other; torch.tensor([2.0], requires_grad=True) is the same.",
        AttributeError: "The name still exists, so that old code runs.",
    },
)

# %%
# The next question asks about a mask.

no_minus = NotImplementedError if torch.__version__ >= "2.14" else RuntimeError
ask(
    "mask = torch.tensor([1., 2., 3.]) > 1.5. What does 1 - mask give?",
    answer=lambda: 1 - (torch.tensor([1.0, 2.0, 3.0]) > 1.5),
    choices={
        (1, 0, 0): "That was the result when comparisons gave numbers.",
        "the same as ~mask": "Today the two are kept apart: minus is for numbers.",
        no_minus: "Minus is not defined for truth values; the message names ~.",
    },
)

# %%
# **Exercise.** This loop is from 2017. Write it for the PyTorch of today, and return the losses as a tensor.


def losses_2017(w, steps):
    w = Variable(w, requires_grad=True)
    losses = []
    for _ in range(steps):
        loss = nn.MSELoss(size_average=False)(w, Variable(torch.ones(2), volatile=True))
        loss.backward()
        w.data = w.data - 0.1 * w.grad.data
        w.grad.data.zero_()
        losses.append(loss.data[0])
    return torch.tensor(losses)


def losses_today(w, steps):
    raise NotImplementedError


def by_formula(w, steps):
    distance = (w - 1).square().sum()
    return torch.stack([distance * 0.8 ** (2 * step) for step in range(steps)])


with (
    expect_warning(UserWarning, match="size_average|volatile"),
    expect_error(IndexError, match="0-dim tensor"),
):
    losses_2017(torch.tensor([3.0, 0.0]), 3)
cases = [
    (torch.tensor([3.0, 0.0]), 1),
    (torch.tensor([3.0, 0.0]), 3),
    (torch.tensor([1.0, 5.0]), 10),
]
check(losses_today, by_formula, cases)

# %%
# The update goes under ``torch.no_grad()``, and ``item()`` takes the number out of the loss.

# Solution


def losses_today(w, steps):
    w, losses = w.clone().requires_grad_(), []
    for _ in range(steps):
        loss = nn.MSELoss(reduction="sum")(w, torch.ones(2))
        loss.backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
        w.grad = None
        losses.append(loss.item())
    return torch.tensor(losses)


report = check(losses_today, by_formula, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`weights-only-load-failed`, an error of files that an older PyTorch loaded.
#
# - PyTorch contributors (2018). `PyTorch 0.4.0 migration guide
#   <https://pytorch.org/blog/pytorch-0_4_0-migration-guide/>`__. How code with ``Variable`` and ``volatile`` is
#   rewritten.
# - PyTorch contributors (2026). `Releases <https://github.com/pytorch/pytorch/releases>`__. Each begins with what no
#   longer works as before.

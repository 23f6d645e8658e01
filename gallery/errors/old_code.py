"""
.. _old-code:

AttributeError: '_SingleProcessDataLoaderIter' object has no attribute 'next'
=============================================================================

The code was written for an older PyTorch: ``batch = iter(loader).next()`` is ``batch = next(iter(loader))`` today.
Names that were removed fail with an error. Many that are deprecated still work, with a warning, and some without one.
This page runs some that old tutorials and notes use, and what to write in their place.

==========================================  ====================================================
Old                                         Today
==========================================  ====================================================
``iter(loader).next()``                     ``next(iter(loader))``
``Variable(x, requires_grad=True)``         ``x.requires_grad_()``
``loss.data[0]``                            ``loss.item()``
``StepLR(..., verbose=True)``               ``print(scheduler.get_last_lr())``
``transforms.Scale``                        ``transforms.Resize``
``resnet50(pretrained=True)``               ``resnet50(weights="DEFAULT")``
``x.storage()``                             ``x.untyped_storage()``
``1 - mask``                                ``~mask``
==========================================  ====================================================
"""

# %%
# In Python 2, the method of an iterator that gives the next item was called ``next``. Python 3 calls it ``__next__``,
# and the function :func:`next` calls it. PyTorch kept the old method for a while.

import torch
from torch.utils.data import DataLoader

from ptguide.errors import expect_error, expect_warning

torch.set_warn_always(True)  # otherwise some warnings come only once, also if a cell is run again
loader = DataLoader(range(7), batch_size=3)
with expect_error(AttributeError, match="has no attribute 'next'"):
    iter(loader).next()
assert next(iter(loader)).tolist() == [0, 1, 2]

# %%
# Variable, volatile, loss.data[0]
# --------------------------------
#
# Until release 0.4, in 2018, a tensor was wrapped into a ``Variable`` to get a :term:`gradient`. Since then a tensor of
# floating-point or complex numbers can have one itself. ``Variable(x)`` gives a tensor, without a warning, and
# ``volatile=True`` does nothing: write ``with torch.no_grad():``. A loss without axes has no element ``0``, so
# ``loss.data[0]`` fails; ``loss.item()`` is its number.

from torch.autograd import Variable

wrapped = Variable(torch.tensor([2.0, 5.0]), requires_grad=True)
assert type(wrapped) is torch.Tensor
with expect_warning(UserWarning, match="volatile was removed and now has no effect"):
    volatile = Variable(torch.ones(2), volatile=True)
today = torch.tensor([2.0, 5.0]).requires_grad_()
for tensor in (wrapped, today):
    tensor.square().sum().backward()
    assert tensor.grad.tolist() == [4, 10]

for dtype in (torch.float16, torch.float64, torch.complex64):
    assert torch.ones(2, dtype=dtype).requires_grad_().requires_grad
with expect_error(RuntimeError, match="only Tensors of floating point dtype can require"):
    torch.ones(2, dtype=torch.int64).requires_grad_()

loss = today.square().sum()
with expect_error(IndexError, match="invalid index of a 0-dim tensor"):
    loss.data[0]
assert loss.item() == 29

# %%
# verbose=True in a schedule
# --------------------------
#
# Schedules printed each change of the :term:`learning rate` when they were asked to. The argument is gone, also from
# ``ReduceLROnPlateau``. Ask the schedule, or the optimizer, and print it yourself.

from torch.optim.lr_scheduler import ReduceLROnPlateau, StepLR

optimizer = torch.optim.SGD([today], lr=0.5)
for kind, settings in [(StepLR, {"step_size": 1}), (ReduceLROnPlateau, {})]:
    with expect_error(TypeError, match="got an unexpected keyword argument 'verbose'"):
        kind(optimizer, **settings, verbose=True)
schedule = StepLR(optimizer, step_size=1, gamma=0.1)
optimizer.step()
schedule.step()
print(schedule.get_last_lr())
assert schedule.get_last_lr() == [optimizer.param_groups[0]["lr"]] == [0.05]

# %%
# transforms.Scale and pretrained=True
# ------------------------------------
#
# torchvision renamed ``Scale`` to ``Resize`` and ``RandomSizedCrop`` to ``RandomResizedCrop``. And weights have names
# now, because there can be several sets of them for one network. ``pretrained=True`` still works, with two warnings.
# The second one says which set it means: of ``resnet50`` the older one, which has more errors on ImageNet.
# ``weights="DEFAULT"`` is the newer one. (The download is replaced here, as this page needs no network.)

from unittest import mock

from torchvision import transforms
from torchvision.models import ResNet50_Weights, WeightsEnum, get_model_weights, resnet50

for name, today_called in [("Scale", "Resize"), ("RandomSizedCrop", "RandomResizedCrop")]:
    with expect_error(AttributeError, match=f"has no attribute '{name}'"):
        getattr(transforms, name)
    assert hasattr(transforms, today_called)

older, newer = get_model_weights("resnet50")
nothing = ConnectionError("no network")
with mock.patch.object(WeightsEnum, "get_state_dict", autospec=True, side_effect=nothing) as load:
    with (
        expect_warning(UserWarning, match="deprecated since 0.13"),
        expect_error(ConnectionError, match="no network"),
    ):
        resnet50(pretrained=True)
    assert load.call_args.args == (older,)
    with expect_error(ConnectionError, match="no network"):
        resnet50(weights="DEFAULT")
    assert load.call_args.args == (newer,)
assert (older.name, newer.name) == ("IMAGENET1K_V1", "IMAGENET1K_V2")
assert ResNet50_Weights.DEFAULT is newer
right = {sets.name: sets.meta["_metrics"]["ImageNet-1K"]["acc@1"] for sets in (older, newer)}
print(f"right answers on ImageNet, in percent: {right}")
assert right["IMAGENET1K_V1"] < right["IMAGENET1K_V2"] - 4

# %%
# x.storage()
# -----------
#
# It gives a *typed* storage, which counts elements, and warns. The :term:`storage` of today counts bytes:
# :ref:`strides-and-storage` looks into it. For the address of a tensor's memory, ``x.data_ptr()`` needs neither.

x = torch.tensor([1.0, 2.0, 3.0])
with expect_warning(UserWarning, match="TypedStorage is deprecated"):
    typed = x.storage()
assert x.untyped_storage().nbytes() == 3 * x.itemsize
assert x.untyped_storage().data_ptr() == x.data_ptr()

# %%
# Masks of uint8
# --------------
#
# A comparison gave 0 and 1 as uint8 until release 1.2; today it gives truth values. ``1 - mask`` is refused, and a mask
# of uint8 is deprecated as an index.

mask = x > 1.5
assert mask.dtype == torch.bool
with expect_error(NotImplementedError, match="If you are trying to invert a mask"):
    1 - mask
assert (~mask).tolist() == [True, False, False]
with expect_warning(UserWarning, match="indexing with dtype torch.uint8 is now deprecated"):
    picked = x[torch.tensor([0, 1, 1], dtype=torch.uint8)]
assert torch.equal(picked, x[mask])

# %%
# More that warns or is gone
# --------------------------
#
# - ``nn.MSELoss(size_average=False)`` is ``reduction="sum"``.
# - ``nn.init.xavier_uniform(w)`` works :term:`in place`, so its name ends with an underscore today.
# - ``nn.Softmax()`` guesses an axis; say ``dim=``.
# - ``torch.symeig`` and ``torch.solve`` are in ``torch.linalg`` now, some with other :term:`arguments <argument>`.
# - ``x.T`` of more than two axes reverses their order. ``x.mT`` exchanges the last two.

from torch import nn

with expect_warning(UserWarning, match="please use reduction='sum' instead"):
    nn.MSELoss(size_average=False)
with expect_warning(FutureWarning, match="in favor of `nn.init.xavier_uniform_`"):
    nn.init.xavier_uniform(torch.empty(2, 3))
with expect_warning(UserWarning, match="Implicit dimension choice for softmax"):
    probabilities = nn.Softmax()(torch.ones(2, 3))
torch.testing.assert_close(probabilities, torch.softmax(torch.ones(2, 3), dim=1))
with expect_error(RuntimeError, match="was deprecated since version 1.9 and is now removed"):
    torch.symeig(torch.eye(2))
with expect_warning(UserWarning, match="on tensors of dimension other than 2"):
    reversed_axes = torch.ones(2, 3, 4).T
assert reversed_axes.shape == (4, 3, 2)
assert torch.ones(2, 3, 4).mT.shape == (2, 4, 3)

# %%
# How to bring old code up to date
# --------------------------------
#
# A deprecated name may be removed in a later release, so replace it while it still warns. Python hides some warnings by
# default. ``python -W error script.py`` makes errors of warnings, with the line where they arose; here it does so for
# one kind of warning.

import subprocess
import sys

line = "import torch; torch.nn.init.xavier_uniform(torch.empty(2, 3))"
command = [sys.executable, "-W", "error::FutureWarning", "-c", line]
stopped = subprocess.run(command, capture_output=True, text=True, check=False)
print(stopped.stderr.splitlines()[-1])
assert stopped.returncode == 1
assert "nn.init.xavier_uniform" in stopped.stderr.splitlines()[-1]

# %%
# Check yourself
# --------------

from ptguide.questions import ask

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
# And a mask:

ask(
    "mask = torch.tensor([1., 2., 3.]) > 1.5. What does 1 - mask give?",
    answer=lambda: 1 - (torch.tensor([1.0, 2.0, 3.0]) > 1.5),
    choices={
        (1, 0, 0): "So it was when comparisons gave numbers.",
        "the same as ~mask": "Today the two are kept apart: minus is for numbers.",
        NotImplementedError: "Minus is not defined for truth values; the message names ~.",
    },
)

# %%
# Next: :ref:`loss-of-n-against-n-by-1`, a mistake that raises nothing.

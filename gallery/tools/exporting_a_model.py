"""
.. _exporting-a-model:

How do I export a model, with torch.export or to ONNX?
======================================================

Your model is to run where your Python code is not: in a server, a browser, a phone. ``torch.export.export`` reads
it into one graph, and ``torch.onnx.export`` writes such a graph into a file for other programs.
"""

# %%
# Set-up

import contextlib
import importlib
import inspect
import io
import logging
import subprocess
import sys
import warnings
from pathlib import Path

import onnx
import onnxruntime
import torch
from torch import nn
from torch.export import Dim
from torch.nn import functional as F

from ptguide import data
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
logging.getLogger("torch.fx.experimental.symbolic_shapes").setLevel(logging.CRITICAL)
digits = data.digits(split="all").inputs[:24]  # (24, 1, 8, 8)
images, others = digits[:5], digits[5:]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.drop = nn.Conv2d(1, 6, 3), nn.Dropout(0.5)
        self.head = nn.Linear(6 * 3 * 3, 10)

    def forward(self, images):
        maps = F.max_pool2d(self.conv(images).relu(), 2)
        return self.head(self.drop(maps.flatten(start_dim=1)))


model = Net().eval()


def refused(model, *arguments, **settings):
    """Export a model, and print the first line of the error; return its text."""
    quiet = io.StringIO()  # the exporter prints its graph so far
    try:
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            torch.export.export(model, arguments, **settings)
    except Exception as error:
        print(f"{type(error).__name__}: {str(error).splitlines()[0]}")
        return str(error)
    raise AssertionError("it was exported")


# %%

dynamic = ({0: Dim("batch")},)  # axis 0 of the first input has no fixed size
settings = {"dynamic_shapes": dynamic, "input_names": ["images"], "verbose": False}
torch.onnx.export(model, (images,), "digits.onnx", dynamo=True, **settings)

session = onnxruntime.InferenceSession("digits.onnx", providers=["CPUExecutionProvider"])
(logits,) = session.run(None, {"images": others.numpy()})
with torch.no_grad():
    difference = (torch.from_numpy(logits) - model(others)).abs().max()
print(
    f"{len(others)} images in ONNX Runtime, largest difference below 1e-5: {bool(difference < 1e-5)}"
)
print("files:", sorted(path.name for path in Path().glob("digits.onnx*")))

# %%
# The file was made from :val:`5 <len(images)>` images and runs on :val:`19 <len(others)>`, without PyTorch and
# without the class ``Net``. The weights are in the second file, so move the two together (``external_data=False``
# makes one file). You need to know :ref:`anatomy-of-nn-module` and :ref:`saving-and-loading`.
#
# .. longer: 5 screens — two formats, the sizes, the limits and the old way are five questions of their own
#
# The rule
# --------
#
# The model runs once with tensors that have shapes and no numbers, and each operation is written down. What Python
# decides on the way is fixed: a branch, a loop, a number of Python. What remains is the *graph*: operations, weights
# and sizes. The size ``batch`` stays open. A later call with another fixed size is refused. Another dtype is not, and
# takes the branch of the example.

program = torch.export.export(model, (images,), dynamic_shapes=dynamic)
for node in program.graph.nodes:
    if node.op == "call_function":
        sizes = [size if isinstance(size, int) else "batch" for size in node.meta["val"].shape]
        print(f"{node.target!s:24} -> {sizes}")
print("weights:", list(program.state_dict))

# %%
# Save it, load it
# ----------------
#
# The file of ``torch.export.save`` has the graph and the weights, and is loaded without your class. It stays within
# PyTorch: ``torch.export.load`` reads it in Python. For C++, Inductor compiles it first
# (``aoti_compile_and_package``, not run here). torch says that newer versions may not read it, so keep the
# ``state_dict`` and the code, too.

torch.export.save(program, "digits.pt2")
loaded = torch.export.load("digits.pt2").module()
print(type(loaded).__name__, "gives the same:", torch.equal(loaded(others), model(others)))
assert torch.equal(loaded(others), model(others))
assert "may not be usable in newer versions" in " ".join(torch.export.save.__doc__.split())

# %%
# Which sizes may change?
# -----------------------
#
# Without ``dynamic_shapes`` each size is fixed to that of the example, and another batch is refused. ``Dim("batch")``
# with an example of two or more leaves the axis open. With one image, the exporter takes the 1 for a fixed size, and
# says so. The older ``dynamic_axes`` is still converted, with a warning.

fixed = torch.export.export(model, (images,)).module()
with expect_error(AssertionError, match="Guard failed"):
    fixed(others)
said = refused(model, images[:1], dynamic_shapes=dynamic)
print(
    "  ...",
    next(line.strip(" -") for line in said.splitlines() if "specialized" in line).split(".")[0],
)

# %%
# What cannot be exported
# -----------------------
#
# A branch that depends on the numbers in a tensor cannot be exported: a graph without numbers cannot choose
# (:ref:`guard-on-data-dependent`). Write it with ``torch.where``, or with ``torch.cond``, which keeps both branches. A
# branch on a shape is decided once.


class Scale(nn.Module):
    def forward(self, x):
        return x / x.max() if x.max() > 1 else x


class ScaleByCond(nn.Module):
    def forward(self, x):
        return torch.cond(x.max() > 1, lambda x: x / x.max(), lambda x: x.clone(), (x,))


refused(Scale(), images)
both = torch.export.export(ScaleByCond(), (images,)).module()
for factor in (0.5, 3.0):
    torch.testing.assert_close(both(factor * images), Scale()(factor * images))

# %%
# What became of TorchScript
# --------------------------
#
# ``torch.jit.trace`` and ``torch.jit.script`` still run, and their warnings say what to use instead. A trace has a
# fault that export does not have: it keeps the branch that the example took (:ref:`tracer-warning`), where export
# raises an error.

with expect_warning(FutureWarning, match="is deprecated. Please switch to"):
    traced = torch.jit.trace(model, images)
assert torch.equal(traced(others), model(others))

# %%
# .. use-this::
#
#    Call ``model.eval()`` first. For another program, use ``torch.onnx.export``, which needs ``onnx`` and
#    ``onnxscript`` (an older torch needs ``dynamo=True``, now the default). To stay within PyTorch, use
#    ``torch.export``. If Python is there anyway, keep the class and a ``state_dict``, and let
#    :ref:`torch.compile <torch-compile>` make it fast. Give two or more examples and ``dynamic_shapes``, and compare
#    on other sizes. The cost: branches and Python types become fixed.
#
# A common mistake
# ----------------
#
# **Exported in training mode.** Then the dropout of the graph is active, and the same images get other logits each
# time. It is too late then: ``eval()`` of the exported module raises an error. Call ``model.eval()`` before the export.

model.train()
training = torch.export.export(model, (images,)).module()
print("training mode, twice the same:", torch.equal(training(images), training(images)))
with expect_error(NotImplementedError, match="eval"):
    training.eval()
model.eval()
evaluating = torch.export.export(model, (images,)).module()
print("eval mode, twice the same:    ", torch.equal(evaluating(images), evaluating(images)))

# %%
# How this was checked

torch.testing.assert_close(torch.from_numpy(logits), model(others).detach(), rtol=1e-4, atol=1e-5)
for count in (1, 2, 3, 24):
    (found,) = session.run(None, {"images": digits[:count].numpy()})
    torch.testing.assert_close(
        torch.from_numpy(found), model(digits[:count]).detach(), rtol=1e-4, atol=1e-5
    )
    assert torch.equal(program.module()(digits[:count]), model(digits[:count]))
graph = onnx.load("digits.onnx").graph
assert {"Conv", "Relu", "MaxPool"} <= {node.op_type for node in graph.node}
assert "Dropout" not in {node.op_type for node in graph.node}
(shape,) = [
    [size.dim_param or size.dim_value for size in one.type.tensor_type.shape.dim]
    for one in graph.input
]
assert shape[1:] == [1, 8, 8]
assert isinstance(shape[0], str)
# A program without torch runs the one file, and one without the class loads the other.
code = (
    "import sys, numpy, onnxruntime; session = onnxruntime.InferenceSession('digits.onnx');"
    "images = numpy.zeros((7, 1, 8, 8), 'float32');"
    "print(session.run(None, {'images': images})[0].shape, 'torch' in sys.modules)"
)
answer = subprocess.check_output([sys.executable, "-W", "ignore", "-c", code], text=True)
assert answer.strip() == "(7, 10) False"
del Net
assert torch.equal(torch.export.load("digits.pt2").module()(others), model(others))
# The onnx exporter takes the graph of torch.export if nothing is said.
assert inspect.signature(torch.onnx.export).parameters["dynamo"].default is True
# A script warns, too; a trace keeps the branch of the example, with a warning; the older argument is not recommended.
with (
    contextlib.redirect_stdout(io.StringIO()),
    expect_warning(FutureWarning, match="is deprecated. Please switch to"),
):
    assert torch.equal(torch.jit.script(model)(others), model(others))
with warnings.catch_warnings(record=True) as given:
    warnings.simplefilter("always")
    kept = torch.jit.trace(Scale(), images)
assert any(one.category.__name__ == "TracerWarning" for one in given)
assert not torch.equal(kept(3 * images), Scale()(3 * images))
converter = importlib.import_module("torch.onnx._internal.exporter._compat")
assert "'dynamic_axes' is not recommended" in inspect.getsource(converter)
# The branches on a shape and on a dtype are decided by the example, and the dtype is not looked at later.


class ByShape(nn.Module):
    def forward(self, x):
        return x * 2 if x.shape[-1] > 4 else x


assert torch.equal(
    torch.export.export(ByShape(), (torch.ones(3, 7),)).module()(torch.ones(3, 7)),
    2 * torch.ones(3, 7),
)


class ByDtype(nn.Module):
    def forward(self, x):
        return x + 1 if x.dtype == torch.float32 else x - 1


by_dtype = torch.export.export(ByDtype(), (torch.ones(3),)).module()
for dtype in (torch.float32, torch.float64, torch.int64):
    assert torch.equal(by_dtype(torch.ones(3, dtype=dtype)), torch.full((3,), 2, dtype=dtype))
for left in Path().glob("digits.*"):
    left.unlink()

# %%
# Check yourself
# --------------

operations = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
ask(
    "The model was exported in eval mode. Is its dropout an operation that changes the result?",
    answer="no" if torch.equal(evaluating(images), evaluating(images)) else "yes",
    choices={
        "no": "In eval mode dropout returns its input.",
        "yes": "That is the graph of a model in training mode.",
    },
)

# %%
# The next question is about sizes.


def accepts(module, count):
    try:
        module(digits[:count])
    except AssertionError:
        return "refuses it"
    return "computes it"


ask(
    f"Exported with an example of {len(images)} images and no dynamic_shapes: what does the module do with 1 image?",
    answer=accepts(fixed, 1),
    choices={
        "computes it": "Each size was fixed to that of the example, also that of the batch.",
        "refuses it": "Give dynamic_shapes to leave the axis open.",
    },
)

# %%
# **Exercise.** ``x`` is returned as it is if its mean is positive, and else with the opposite sign. With its branch
# on the numbers, this function cannot be exported. Write it so that it can. The checker exports it with an example,
# and compares on other numbers.


def positive_mean(x):
    raise NotImplementedError


def with_branch(x):
    return x if x.mean() > 0 else -x


def exported(function):
    class AsModule(nn.Module):
        def forward(self, x):
            return function(x)

    def run(x):
        function(x)  # as it is, before it is exported
        return torch.export.export(AsModule(), (torch.ones_like(x),)).module()(x)

    return run


cases = [(torch.ones(2),), (-torch.ones(3, 2),), (torch.tensor([3.0, -1.0]),), (torch.randn(4, 3),)]
check(exported(positive_mean), with_branch, cases)

# %%
# ``torch.where`` chooses between both results.

# Solution


def positive_mean(x):
    return torch.where(x.mean() > 0, x, -x)


report = check(exported(positive_mean), with_branch, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`packages-around-torch` lists what else there is, and which packages are no longer made. If the ONNX exporter has
# no translation for an operation, see :ref:`exporting-the-operator`.
#
# - PyTorch contributors (2026). `torch.export tutorial
#   <https://docs.pytorch.org/tutorials/intermediate/torch_export_tutorial.html>`__. Sizes that change, and what the
#   graph can hold.
# - ONNX Runtime developers (2026). `Python API of ONNX Runtime
#   <https://onnxruntime.ai/docs/get-started/with-python.html>`__. How a file runs, also on a GPU.

"""
.. _exporting-the-operator:

UnsupportedOperatorError: Exporting the operator 'aten::tile' to ONNX opset version 17 is not supported
=======================================================================================================

The older exporter of ONNX has no translation for one operation of your model. Export with ``dynamo=True``, which is
the default since release 2.9, or replace the operation by others.
"""

# %%
# Set-up

import contextlib
import io
import logging
import math
import os
import re
import sys
import warnings
from collections import Counter

import onnxruntime
import torch
from torch import nn
from torch.onnx import errors

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

# The exporter says what it skips where torchvision is not installed.
logging.getLogger("torch.onnx").setLevel(logging.ERROR)
torch.manual_seed(0)
sounds = torch.randn(3, 64)  # (sound, sample)


@contextlib.contextmanager
def quiet():
    """Send to nowhere what PyTorch prints, also from C++: the graph up to the operation."""
    sys.stdout.flush()
    saved, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(nowhere)


def export_old(model, *arguments, **settings):
    """Export by the older exporter into memory; return None, or the error about an operation."""
    with warnings.catch_warnings(record=True), quiet():
        warnings.simplefilter("always")
        try:
            torch.onnx.export(model, arguments, io.BytesIO(), dynamo=False, **settings)
        except errors.UnsupportedOperatorError:
            raise
        except errors.OnnxExporterError as error:
            # The translation is done, and the file is put together by a package of its own.
            if "Module onnx is not installed" not in str(error):
                raise


@contextlib.contextmanager
def hidden(package):
    """Within this block, a package cannot be imported, as if it were not installed."""

    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == package:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    finder = Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def operations(model, *arguments):
    """Return the names of the operations in the graph that torch.export makes."""
    program = torch.export.export(model, arguments)
    return Counter(node.target.name() for node in program.graph.nodes if node.op == "call_function")


# %%


class Spectrum(nn.Module):
    def forward(self, sounds):
        return torch.fft.rfft(sounds).abs()


with expect_error(errors.UnsupportedOperatorError, match="Exporting the operator 'aten::fft_rfft'"):
    export_old(Spectrum().eval(), sounds)

# %%
# ``aten::`` is the library of PyTorch's operations, so the name after it is the operation: here the Fourier transform
# of this model. *opset version* is the version of the list of operations that ONNX has. The exporter translates one
# into the other, and this operation is not in its list.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ====================================================================  ==============================================
# The message                                                           Fix
# ====================================================================  ==============================================
# :ref:`... is not supported <onnx-dynamo>`                             ``dynamo=True``, with ``onnxscript``
# :ref:`Support ... was added in version 13 <onnx-opset>`               a larger ``opset_version``
# :ref:`the same, for one line of your own <onnx-replace>`              write it with other operations
# :ref:`for a first or last step of the model <onnx-cut>`               leave it out of the exported part
# :ref:`No module named 'onnxscript' <onnx-dynamo>`                     ``pip install onnx onnxscript``
# ====================================================================  ==============================================
#
# .. _onnx-dynamo:
#
# The other exporter
# ------------------
#
# With ``dynamo=True``, the default, the model goes through ``torch.export.export``, and two packages write the file:
# install ``onnx`` and ``onnxscript``. Without them the export ends in a ``ModuleNotFoundError``. The maintainers plan
# no new operations for the older exporter, as `they say <https://github.com/pytorch/pytorch/issues/108975>`__.
# Compare what the exported model gives with what the model gave, here in ONNX Runtime.

with hidden("onnxscript"), expect_error(ModuleNotFoundError, match="No module named 'onnxscript'"):
    torch.onnx.export(Spectrum().eval(), (sounds,))
exported = torch.onnx.export(Spectrum().eval(), (sounds,), dynamo=True, verbose=False).model_proto
session = onnxruntime.InferenceSession(exported.SerializeToString())
(spectrum,) = session.run(None, {session.get_inputs()[0].name: sounds.numpy()})
torch.testing.assert_close(torch.from_numpy(spectrum), Spectrum()(sounds), rtol=1e-4, atol=1e-4)
print("operations of ONNX:", *(node.op_type for node in exported.graph.node))

# %%
# .. _onnx-opset:
#
# Support was added in a later version
# ------------------------------------
#
# The end of the message names the version of ONNX that has the operation. Give it as ``opset_version``, and check that
# the program that runs the model supports it.


class Heads(nn.Module):
    def forward(self, x):
        return x.unflatten(1, (4, 16))


with expect_error(errors.UnsupportedOperatorError, match="was added in version 13"):
    export_old(Heads(), sounds, opset_version=9)
export_old(Heads(), sounds, opset_version=13)

# %%
# .. _onnx-replace:
#
# Write it with other operations
# ------------------------------
#
# The operation is often one line, and there is another way to write it. A Fourier transform is a product with two
# matrices, and products are in the list. For long sounds, the product needs more steps and memory than the transform.
# Compare both results before you export.


class SpectrumByProducts(nn.Module):
    def __init__(self, samples):
        super().__init__()
        turns = torch.outer(torch.arange(samples), torch.arange(samples // 2 + 1)) % samples
        angle = 2 * math.pi * turns / samples
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())

    def forward(self, sounds):
        return ((sounds @ self.cos).square() + (sounds @ self.sin).square()).sqrt()


by_products = SpectrumByProducts(samples=64)
torch.testing.assert_close(by_products(sounds), Spectrum()(sounds), rtol=1e-4, atol=1e-4)
export_old(by_products, sounds)
print(dict(operations(by_products, sounds)))

# %%
# .. _onnx-cut:
#
# Leave it out of the exported part
# ---------------------------------
#
# What comes before the first layer and after the last can stay in your program. Export the layers, and prepare the
# input and read the output outside.


class Whole(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(33, 20), nn.ReLU(), nn.Linear(20, 5))

    def forward(self, sounds):
        return self.layers(torch.fft.rfft(sounds).abs())


whole = Whole().eval()
with expect_error(errors.UnsupportedOperatorError, match="aten::fft_rfft"):
    export_old(whole, sounds)
features = torch.fft.rfft(sounds).abs()  # in your program
export_old(whole.layers, features)
assert torch.equal(whole.layers(features), whole(sounds))
print("features", tuple(features.shape), "outputs", tuple(whole.layers(features).shape))

# %%
# .. use-this::
#
#    Install ``onnx`` and ``onnxscript``, call ``model.eval()``, and export with the default of today, ``dynamo=True``.
#    If an operation is missing there, too, replace it by others, or keep it outside. Compare the outputs of both for
#    several inputs. With ``dynamo=True`` the model must pass ``torch.export``, which refuses an ``if`` about values
#    (:ref:`guard-on-data-dependent`).
#
# A common mistake
# ----------------
#
# Where the message does not say in which version the operation was added, a larger ``opset_version`` changes the number
# in the message and nothing else. This exporter lacks the operation for each version that is tried here.

for version in (9, 13, 17, 18, 20):
    try:
        export_old(Spectrum(), sounds, opset_version=version)
        refused = False
    except errors.UnsupportedOperatorError as error:
        refused = f"opset version {version} is not supported" in str(error)
    print(f"opset_version={version}:", "refused" if refused else "exported")
    assert refused

# %%
# How this was checked

# The name in the message is that of the operation that the graph has.
for function, name in [
    (torch.linalg.inv, "linalg_inv"),
    (torch.fft.rfft, "fft_rfft"),
    (torch.linalg.det, "linalg_det"),
]:

    class Model(nn.Module):
        operation = staticmethod(function)

        def forward(self, x):
            return self.operation(x)

    try:
        export_old(Model(), torch.eye(4))
        named = None
    except errors.UnsupportedOperatorError as error:
        named = re.search(r"'aten::(\w+)'", str(error))[1]
    assert named in (name, None)
    assert any(name in operation for operation in operations(Model(), torch.eye(4)))
# The product is right for other lengths, too.
for samples in (8, 9, 33, 2000):
    x = torch.randn(2, samples)
    torch.testing.assert_close(SpectrumByProducts(samples)(x), Spectrum()(x), rtol=1e-4, atol=1e-4)
# Operations of common networks are translated.
for layer, x in [
    (nn.Conv2d(3, 4, 3), torch.rand(1, 3, 8, 9)),
    (nn.BatchNorm2d(3), torch.rand(2, 3, 8, 9)),
]:
    export_old(layer.eval(), x)
# tile, which the title names, is translated today, also for the version in the title. cumprod is not.


class Tile(nn.Module):
    def forward(self, x):
        return torch.tile(x, (2, 1))


class Product(nn.Module):
    def forward(self, x):
        return x.cumprod(dim=-1)


export_old(Tile(), sounds, opset_version=17)
with expect_error(errors.UnsupportedOperatorError, match="aten::cumprod"):
    export_old(Product(), sounds)

# %%
# Check yourself
# --------------


def refuses(model, **settings):
    try:
        export_old(model, sounds, **settings)
    except errors.UnsupportedOperatorError:
        return "refused"
    return "exported"


ask(
    "Heads calls unflatten, which ONNX has from version 13 on. What does the older exporter do with "
    "opset_version=17?",
    answer=refuses(Heads(), opset_version=17),
    choices={
        "refused": "A later version has what an earlier one had added.",
        "exported": "17 is not below 13.",
    },
)

# %%
# The next question is about the operation.

try:
    export_old(whole, sounds)
except errors.UnsupportedOperatorError as error:
    named = re.search(r"'aten::(\w+)'", str(error))[1]
ask(
    "The message names aten::fft_rfft. Which line of Whole is it about?",
    answer="torch.fft.rfft(sounds)" if named == "fft_rfft" else "nn.Linear(33, 20)",
    choices={
        "torch.fft.rfft(sounds)": "After aten:: comes the name of the operation, with _ in place of the dot.",
        "nn.Linear(33, 20)": "A linear layer is translated.",
    },
)

# %%
# **Exercise.** ``torch.cumprod`` is refused by the older exporter. Write the running product along the last
# axis of positive numbers with :func:`torch.cumsum`, ``log`` and ``exp``, which it has.


def running_product(x):
    raise NotImplementedError


cases = [
    (torch.tensor([1.0, 2.0, 3.0]),),
    (torch.rand(2, 5) + 0.5,),
    (torch.ones(2, 3, 4),),
]
check(running_product, lambda x: x.cumprod(dim=-1), cases, without=["cumprod", "prod"])

# %%
# The logarithm of a product is the sum of the logarithms.

# Solution


def running_product(x):
    return x.log().cumsum(dim=-1).exp()


report = check(running_product, lambda x: x.cumprod(dim=-1), cases, without=["cumprod", "prod"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`loss-of-n-against-n-by-1`, a mistake that raises nothing.
#
# - PyTorch contributors (2026). `torch.onnx <https://docs.pytorch.org/docs/stable/onnx.html>`__. The exporter, and its
#   settings.
# - ONNX contributors (2026). `ONNX operators <https://onnx.ai/onnx/operators/>`__. Each operation, with the version
#   that has it.

"""
.. _cudnn-status-not-initialized:

RuntimeError: cuDNN error: CUDNN_STATUS_NOT_INITIALIZED, CUDNN_STATUS_EXECUTION_FAILED, CUBLAS_STATUS_NOT_INITIALIZED
=====================================================================================================================

A library of NVIDIA could not start or finish its work on the GPU, most often because memory was short. Run a batch of
one in a new process, and if this works, see :ref:`cuda-out-of-memory`.
"""

# %%
# Set-up

import contextlib
import ctypes
import os
from unittest import mock

import torch
from torch import nn
from torch.backends import cudnn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
images = digits("train").inputs[:32]
QUOTED = """RuntimeError: Unable to find a valid cuDNN algorithm to run convolution
RuntimeError: no valid convolution algorithms available in CuDNN
RuntimeError: CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`
RuntimeError: CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling cublasSgemm
RuntimeError: GET was unable to find an engine to execute this computation
RuntimeError: CUDNN_STATUS_INTERNAL_ERROR"""
STATUS = {1001: "NOT_INITIALIZED", 4000: "INTERNAL_ERROR", 5000: "EXECUTION_FAILED"}
MB = 1e6


def loaded(name):
    """Return a library that torch has loaded, or nothing where this build has none."""
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None


def start(library, function):
    """Let a library make its handle, as torch does at the first convolution or product; return the number it gives."""
    handle = ctypes.c_void_p()
    return getattr(library, function)(ctypes.byref(handle))


def named(number):
    """Return what cuDNN calls a status."""
    library = loaded("libcudnn.so.9")
    if library is None:
        return f"CUDNN_STATUS_{STATUS[number]}"
    library.cudnnGetErrorString.restype = ctypes.c_char_p
    return library.cudnnGetErrorString(number).decode()


@contextlib.contextmanager
def found(runtime, compiled=(9, 20, 0)):
    """Let torch find another cuDNN than it brings."""
    versions = {"getRuntimeVersion": runtime, "getCompileVersion": compiled, "getVersionInt": 0}
    library = mock.Mock(
        is_cuda=True, **{f"{name}.return_value": value for name, value in versions.items()}
    )
    replaced = mock.patch.dict(cudnn._init.__globals__, _cudnn=library, __cudnn_version=None)
    with replaced, mock.patch.dict(os.environ):
        os.environ.pop("LD_LIBRARY_PATH", None)
        yield


# %%

if (library := loaded("libcudnn.so.9")) and not torch.cuda.is_available():
    assert start(library, "cudnnCreate") == 1001  # only on a CPU
for number, status in STATUS.items():
    print(f"RuntimeError: cuDNN error: {named(number)}")
    assert named(number) == f"CUDNN_STATUS_{status}"

# %%
# The first status is real: the page asked the installed cuDNN to start without a GPU. The names of the others
# come from cuDNN, too. cuDNN computes convolutions and recurrent layers, and cuBLAS matrix products. Each needs memory
# of its own besides your tensors, and each takes it at its first call.
#
# .. longer: 5 screens — each cause has a cell of its own
#
# ====================================================================  ==============================================
# Usual cause                                                           Fix
# ====================================================================  ==============================================
# :ref:`memory is short <cudnn-memory>`                                 a smaller batch, look with ``nvidia-smi``
# :ref:`an index was too large in an earlier call <cudnn-index>`        the same batch on the CPU
# :ref:`another cuDNN is found <cudnn-version>`                         clear ``LD_LIBRARY_PATH``
# :ref:`this build does not know the GPU <cudnn-off>`                   see :ref:`cuda-capability-is-not-compatible`
# :ref:`cuDNN has no kernel for this call <cudnn-off>`                  contiguous input, another dtype, a newer torch
# ====================================================================  ==============================================
#
# These messages have the same causes. They are quoted from threads, such as `issue 13
# <https://github.com/gistvision/e2sri/issues/13>`__ for the second, which older versions gave.

print(QUOTED)
if (blas := loaded("libcublas.so.13")) and not torch.cuda.is_available():
    assert start(blas, "cublasCreate_v2") == 1  # only on a CPU
    blas.cublasGetStatusName.restype = ctypes.c_char_p
    assert blas.cublasGetStatusName(1) == b"CUBLAS_STATUS_NOT_INITIALIZED"

# %%
# .. _cudnn-memory:
#
# Memory is short
# ---------------
#
# PyTorch keeps freed memory for itself, so cuDNN can fail although your tensors would fit. Other programs on the
# GPU count too. Print the two numbers of ``torch.cuda.mem_get_info()`` before the call. Then try one image: what a
# network keeps grows with the batch.

network = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1))
network = network.to("meta")  # shapes without memory
for batch in (1, 8, 64):
    x, total = torch.empty(batch, 3, 224, 224, device="meta"), 0
    for layer in network:
        x = layer(x)
        total += x.nbytes
    print(f"{batch:2} images: {total / MB:7,.0f} MB of results")
if torch.cuda.is_available():
    free, whole = torch.cuda.mem_get_info()
    assert free < whole  # only on a GPU

# %%
# .. _cudnn-index:
#
# An earlier call failed
# ----------------------
#
# The GPU reports errors late. A label or an ID that does not exist makes one call fail, and the next product says
# ``CUBLAS_STATUS_...``. On the CPU, the same batch gives a message that names the mistake. The usual case is a
# tokenizer with more words than the embedding, so compare the two numbers.

embedding, tokens = nn.Embedding(10, 4), torch.tensor([3, 12])
with expect_error(IndexError, match="index out of range in self"):
    F.linear(embedding(tokens), torch.ones(5, 4))
print("largest ID", tokens.max().item(), "of an embedding with", embedding.num_embeddings, "rows")
assert tokens.max() >= embedding.num_embeddings

# %%
# .. _cudnn-version:
#
# Another cuDNN is found
# ----------------------
#
# torch brings its own cuDNN. A folder in ``LD_LIBRARY_PATH`` can put another one before it, and so can a package that
# was imported first. torch compares the two versions at the first use. If the variable holds ``cuda``, the message says
# so. Here the page replaces the version that is found, and sets the variable.

older = found((9, 10, 0), compiled=(9, 20, 0))  # in the set-up
path = mock.patch.dict(os.environ, LD_LIBRARY_PATH="/usr/local/cuda/lib64")
with expect_error(RuntimeError, match="cuDNN version incompatibility"), older, path:
    cudnn.version()

# %%
# .. _cudnn-off:
#
# Is it cuDNN?
# ------------
#
# Turn cuDNN off for one call. Torch then uses kernels of its own, which are slower and take other memory. If the call
# works, cuDNN was the cause, and a newer torch may help. If it fails too, the message gets clearer. The page ran
# this on the CPU, where cuDNN plays no part, so both results are equal.

conv = nn.Conv2d(1, 6, kernel_size=3)
with cudnn.flags(enabled=False):
    assert not torch.backends.cudnn.enabled
    without = conv(images)
print(tuple(without.shape), "| enabled again:", torch.backends.cudnn.enabled)
torch.testing.assert_close(conv(images), without)
assert torch.backends.cudnn.enabled

# %%
# .. use-this::
#
#    Start a new process, end other programs on the GPU, and run one batch of one image. If that works, go up until it
#    fails, because then memory is the cause. If not, run the same batch on the CPU. Then compare versions with
#    ``python -m torch.utils.collect_env``, and install torch again without another cuDNN in the path. Turning cuDNN off
#    is for tests, because it costs speed.
#
# A common mistake
# ----------------
#
# ``cudnn.enabled = False`` at the top of a script silences the message and hides the cause. ``benchmark = True`` tries
# algorithms, but does not find "a valid algorithm" where memory is short. Look at both settings before you search
# elsewhere.

for setting in ("enabled", "benchmark", "deterministic"):
    print(f"{setting:14}{getattr(torch.backends.cudnn, setting)}")
assert torch.backends.cudnn.enabled
assert not torch.backends.cudnn.benchmark

# %%
# How this was checked

# flags puts each setting back, also after an error.
for setting in ("enabled", "benchmark", "deterministic"):
    before = getattr(torch.backends.cudnn, setting)
    with cudnn.flags(**{"enabled": True, setting: not before}):
        assert getattr(torch.backends.cudnn, setting) != before
    assert getattr(torch.backends.cudnn, setting) == before
with expect_error(ZeroDivisionError, match="by zero"), cudnn.flags(enabled=False):
    1 / 0
assert torch.backends.cudnn.enabled
# A newer cuDNN of the same major version is accepted, another major version is not.
for runtime, fine in (
    ((9, 20, 0), True),
    ((9, 21, 0), True),
    ((8, 30, 7), False),
    ((10, 0, 0), False),
):
    with (
        found(runtime),
        contextlib.nullcontext() if fine else expect_error(RuntimeError, "incompatib"),
    ):
        cudnn._init()
# Without the variable the message ends earlier.
with expect_error(RuntimeError, match="can find the bundled cuDNN. $"), found((9, 10, 0)):
    cudnn._init()
# The results are proportional to the batch.
sizes = [network(torch.empty(n, 3, 64, 64, device="meta")).nbytes for n in (1, 8, 64)]
assert [size // sizes[0] for size in sizes] == [1, 8, 64]

# %%
# Check yourself
# --------------

tests = {"one image": 1, "eight images": 8}
results = {
    name: network(torch.empty(n, 3, 224, 224, device="meta")).nbytes for name, n in tests.items()
}
ask(
    "The message is: Unable to find a valid cuDNN algorithm. Which run tells whether memory is the cause?",
    answer=min(results, key=results.__getitem__),
    choices={
        "one image": "It needs the least memory. If it fails too, memory was not the cause.",
        "eight images": "If it fails, you know as much as before.",
    },
)

# %%
# The next question is about two versions.


def accepted(version):
    try:
        with found(version, compiled=(9, 20, 0)):
            return cudnn._init()
    except RuntimeError:
        return False


ask(
    "torch was compiled for cuDNN 9.20 and finds 9.10. Does it accept that?",
    answer="yes" if accepted((9, 10, 0)) else "no",
    choices={
        "yes": "A newer minor version is accepted. This one is older.",
        "no": "It raises: cuDNN version incompatibility.",
    },
)

# %%
# **Exercise.** Write torch's check whether a cuDNN of ``version`` may be used, if torch was compiled for ``made``. Both
# are pairs of a major and a minor number. The major versions are 7 and more. Return a tensor with True or False.


def accepts(made, version):
    raise NotImplementedError


def by_torch(made, version):
    with found((*version, 0), compiled=(*made, 0)):
        try:
            cudnn._init()
            return torch.tensor(True)
        except RuntimeError:
            return torch.tensor(False)


cases = [
    ((9, 20), (9, 10)),
    ((9, 10), (9, 20)),
    ((9, 1), (9, 1)),
    ((9, 1), (8, 9)),
    ((8, 5), (9, 7)),
]
check(accepts, by_torch, cases)

# %%
# Compare the two parts one after the other.

# Solution


def accepts(made, version):
    return torch.tensor(made[0] == version[0] and version[1] >= made[1])


report = check(accepts, by_torch, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`cuda-capability-is-not-compatible`, a build that has no kernels for your GPU.
#
# - PyTorch contributors (2026). `torch.backends.cudnn
#   <https://docs.pytorch.org/docs/stable/backends.html#torch-backends-cudnn>`__. Its settings.
# - Schoelkopf (2024). `An answer to CUBLAS_STATUS_NOT_INITIALIZED
#   <https://github.com/EleutherAI/lm-evaluation-harness/issues/1689>`__. Memory, or IDs that the embedding lacks.

"""
.. _backend-compiler-failed:

BackendCompilerFailed: backend='inductor' raised: RuntimeError
==============================================================

``torch.compile`` has made a graph of your model, and the backend could not turn it into fast code. The line *after*
"raised:" says why, often a compiler that is missing; ``backend="eager"`` shows whether the model itself is fine.
"""

# %%
# Set-up

import contextlib
import io
import logging
import sysconfig
from pathlib import Path

import torch
from torch import nn
from torch._dynamo.exc import BackendCompilerFailed
from torch._inductor.exc import InductorError, InvalidCxxCompiler, TritonMissing

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
for name in ("torch._dynamo.convert_frame", "torch._subclasses.fake_tensor"):
    logging.getLogger(name).setLevel(logging.CRITICAL)
network = nn.Sequential(nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10)).eval()
images = torch.rand(3, 64)


def fails(call):
    """Print the first two lines of the error of a call, and return the error."""
    torch._dynamo.reset()
    try:
        call()
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        first = f"{type(error).__module__}.{type(error).__name__}: {lines[0]}"  # as in a traceback
        print(first, *lines[1:2] if first.endswith("raised:") else [], sep="\n")
        return error
    raise AssertionError("nothing was raised")


# %%


def half_made(graph, inputs):
    """A backend: it gets a graph and returns a function that computes the same."""
    raise NotImplementedError("no code for this operation")


error = fails(lambda: torch.compile(network, backend=half_made)(images))
assert isinstance(error, BackendCompilerFailed)
assert isinstance(error.inner_exception, NotImplementedError)

# %%
# The name after ``backend=`` is the backend: here a function of this page, and ``'inductor'`` by default. The second
# line is its own error. Today's releases raise ``InductorError`` for the default backend, with the backend's own error
# after the colon.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ======================================================================  ============================================
# The line after "raised:"                                                Fix
# ======================================================================  ============================================
# :ref:`InvalidCxxCompiler: No working C++ compiler <backend-cxx>`        ``apt install g++``, or the variable ``CXX``
# :ref:`CppCompileError, Python.h: No such file <backend-header>`         ``python3-dev`` of your Python
# :ref:`Cannot find a working triton installation <backend-triton>`       ``pip install triton``, ``triton-windows``
# :ref:`something else, about an operation <backend-ladder>`              find the step that fails
# :ref:`compiler_fn did not return callable <backend-own>`                return a function from your backend
# :ref:`Invalid backend: 'tensorrt' <backend-own>`                        a name of ``list_backends()``
# ======================================================================  ============================================
#
# .. _backend-cxx:
#
# There is no C++ compiler
# ------------------------
#
# On a CPU the default backend writes C++ and calls a compiler: ``g++`` on Linux, ``cl`` of Visual Studio on Windows.
# The variable ``CXX`` names another one. Small Docker images often lack a compiler. Here the setting names a compiler
# that does not exist.

settings = {"cpp.cxx": ("g++-that-is-missing",), "fx_graph_cache": False}
with torch._inductor.config.patch(settings):
    error = fails(lambda: torch.compile(network)(images))
assert isinstance(error, InductorError)
assert isinstance(error.inner_exception, InvalidCxxCompiler)
assert torch.compile(network, backend="eager")(images).shape == (3, 10)

# %%
# .. _backend-header:
#
# Python.h: No such file or directory
# -----------------------------------
#
# The compiler is there, but the header files of Python are missing. On Debian and Ubuntu they are a package of their
# own, ``python3-dev``, for the version of Python that runs. This is the file:

header = Path(sysconfig.get_paths()["include"], "Python.h")
print("header file:", header.parent.parent.name, "...", header.name)  # print(header) says it whole

# %%
# .. _backend-triton:
#
# Triton is missing
# -----------------
#
# On a GPU the default backend writes Triton. The package comes with many wheels of torch for Linux. For
# Windows there is ``triton-windows``. A conda package, or a build for the CPU, may lack it. The first line is quoted
# from `a thread <https://github.com/triton-lang/triton/issues/3708>`__, and the second is made by torch's own class,
# without a GPU.

print("BackendCompilerFailed: backend='inductor' raised:")
print("RuntimeError:", str(TritonMissing(None)).partition(". ")[0])
assert "Cannot find a working triton installation" in str(TritonMissing(None))

# %%
# .. _backend-ladder:
#
# Which step fails?
# -----------------
#
# Each of the three backends does one step more than the one before. ``eager`` runs the graph as it is, ``aot_eager``
# also makes the graph of the backward pass, and ``inductor`` generates code. If ``eager`` fails, run the model without
# ``torch.compile``: if it fails there, too, the model is the cause, and otherwise the tracing. If ``inductor`` alone
# fails, the cause is the compiler or the backend: update torch, or report it.

plain = network(images)
for backend in ("eager", "aot_eager"):
    torch._dynamo.reset()
    compiled = torch.compile(network, backend=backend)
    torch.testing.assert_close(compiled(images), plain)
    print(f"{backend}: same output")

broken = nn.Sequential(nn.Linear(60, 10))  # takes 60 features, and 64 come
error = fails(lambda: torch.compile(broken, backend="eager")(images))
with expect_error(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
    broken(images)

# %%
# .. _backend-own:
#
# A backend of your own, or another name
# --------------------------------------
#
# A backend returns a function. Another package's backend has a name once the package is installed.


def returns_nothing(graph, inputs):
    graph.graph.lint()


fails(lambda: torch.compile(network, backend=returns_nothing)(images))
error = fails(lambda: torch.compile(network, backend="tensorrt-llm")(images))
print("inductor" in torch._dynamo.list_backends())

# %%
# .. use-this::
#
#    Read the line after "raised:", and run once with ``backend="eager"``. Install the compiler that is missing, and
#    keep the default backend. On a server without a compiler, do not compile, or take ``backend="aot_eager"`` to test
#    the same graphs. Neither generates code, so do not expect the model to be faster than before.
#
# A common mistake
# ----------------
#
# ``torch._dynamo.config.suppress_errors = True`` is what older messages advise. It silences the error and runs the
# model without compiling it, so the speed that you wanted does not come. The backend here counts its calls, and each of
# them fails.

calls = []


def counting(graph, inputs):
    calls.append(len(graph.graph.nodes))
    raise NotImplementedError("no code for this operation")


torch._dynamo.reset()
with torch._dynamo.config.patch(suppress_errors=True):
    output = torch.compile(network, backend=counting)(images)
print("graphs tried:", len(calls), " compiled: 0  same output:", torch.equal(output, plain))
assert calls
assert torch.equal(output, plain)

# %%
# How this was checked

# The class of the error, by backend.
for backend, kind in [(half_made, BackendCompilerFailed), (returns_nothing, BackendCompilerFailed)]:
    torch._dynamo.reset()
    with expect_error(kind, match=f"backend='{backend.__name__}' raised:"):
        torch.compile(network, backend=backend)(images)
# A model that fails does so while the graph is made, with another error than that of a backend.
assert not isinstance(error, BackendCompilerFailed)
torch._dynamo.reset()
try:
    torch.compile(broken, backend="eager")(images)
except Exception as error:
    of_model = error
assert not isinstance(of_model, BackendCompilerFailed)
assert "[3, 64] X [60, 10]" in str(of_model)
# A function that runs as it is, and cannot be traced whole, fails with eager, too.


def prints(x):
    print(end="")
    torch._dynamo.graph_break()
    return x + 1


assert prints(images).shape == images.shape
torch._dynamo.reset()
with contextlib.redirect_stdout(io.StringIO()):
    try:
        torch.compile(prints, backend="eager", fullgraph=True)(images)
        traced = True
    except Exception as error:
        traced = isinstance(error, BackendCompilerFailed)
assert not traced
# A backend that returns the graph's own function works, and gets the gradient right.
torch._dynamo.reset()
mine = torch.compile(network, backend=lambda graph, inputs: graph.forward)
torch.testing.assert_close(mine(images), plain)
(of_mine,) = torch.autograd.grad(mine(images).sum(), [network[0].weight])
(of_plain,) = torch.autograd.grad(network(images).sum(), [network[0].weight])
torch.testing.assert_close(of_mine, of_plain)

# %%
# Check yourself
# --------------

kinds = {}
for name, model in {"the backend": network, "the model": broken}.items():
    torch._dynamo.reset()
    try:
        torch.compile(model, backend="eager")(images)
        kinds[name] = "works"
    except Exception:
        kinds[name] = "fails"
(cause,) = (name for name, result in kinds.items() if result == "fails")
ask(
    'A compiled model fails with the default backend, with backend="eager" and without torch.compile. Where is the '
    "cause?",
    answer=cause,
    choices={
        "the backend": "eager generates no code, and without torch.compile there is no backend.",
        "the model": "It raises an error of its own, which the last line names.",
    },
)

# %%
# The next question is about a setting.

ask(
    "suppress_errors=True, and each graph fails in the backend. What does the compiled model give?",
    answer="the right output" if torch.equal(output, plain) else "an error",
    choices={
        "the right output": "It runs as if it had not been compiled, and as slow.",
        "an error": "The setting turns it into a line of the log.",
    },
)

# %%
# **Exercise.** Write a function that makes a backend safe. Where the given backend raises an error or returns no
# function, the graph runs as it is.


def or_eager(backend):
    raise NotImplementedError


def doubling(graph, inputs):
    return lambda *arguments: 2 * graph.forward(*arguments)


class ReluPlusOne(nn.Module):
    def forward(self, x):
        return x.relu() + 1


def made_by(maker):
    def run(backend, x):
        graph = torch.fx.symbolic_trace(ReluPlusOne())
        return maker(backend)(graph, [x])(x)

    return run


def by_cases(backend, x):
    return 2 * (x.relu() + 1) if backend is doubling else x.relu() + 1


x = torch.tensor([-1.0, 2.0])
cases = [(doubling, x), (half_made, x), (returns_nothing, x)]
check(made_by(or_eager), by_cases, cases)

# %%
# A backend is a function of a graph and of example inputs, and so is what you return.

# Solution


def or_eager(backend):
    def safe(graph, inputs):
        try:
            made = backend(graph, inputs)
        except Exception:
            made = None
        return made if callable(made) else graph.forward

    return safe


report = check(made_by(or_eager), by_cases, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`tracer-warning`, where a branch is lost and nothing is raised.
#
# - PyTorch contributors (2026). `torch.compile troubleshooting
#   <https://docs.pytorch.org/docs/stable/torch.compiler_troubleshooting.html>`__. How to find the step that fails.
# - PyTorch contributors (2026). `Custom backends
#   <https://docs.pytorch.org/docs/stable/torch.compiler_custom_backends.html>`__. What a backend gets and returns.

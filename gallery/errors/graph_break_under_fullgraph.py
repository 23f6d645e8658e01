"""
.. _graph-break-under-fullgraph:

torch._dynamo.exc.Unsupported: Data-dependent branching (a graph break under fullgraph=True)
============================================================================================

A line of your code cannot become a part of the compiled graph, and ``fullgraph=True`` asks for one graph. Read the last
lines of the message for the line of your code, and move it out of the function or write it with tensors.
"""

# %%
# Set-up

import contextlib
import io
import logging
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn
from torch._dynamo.exc import Unsupported

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
x = torch.randn(5, 6)
logging.getLogger("torch._dynamo").setLevel(logging.ERROR)  # item() logs a hint
# No gradients: where a graph goes on after a break, torch 2.14 would warn of .grad.
torch.set_grad_enabled(False)


class TwoLayers(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(6, 4), nn.Linear(4, 3)


def print_error(compiled, x):
    """Call a compiled function; print the first lines of its error, and the lines of the user's code."""
    try:
        compiled(x)
    except Unsupported as error:
        lines = [line.strip() for line in str(error).splitlines()]
    start = lines.index("from user code:")
    place = lines[start + 1].rpartition(", ")[2]
    print(f"Unsupported: {lines[0]}", lines[1], "...", sep="\n")
    print(f"{lines[start]} ... {place}", lines[start + 2], sep="\n")
    assert "Data-dependent branching" in lines[0]


def counted(function, **settings):
    """Compile a function with a backend that counts graphs and runs them as they are."""
    torch._dynamo.reset()
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    return torch.compile(function, backend=backend, **settings), graphs


def graphs_of(function, *arguments, **settings):
    """Return how many graphs one call makes, or the first line of why it has not one."""
    compiled, graphs = counted(function, **settings)
    try:
        with contextlib.redirect_stdout(None):
            compiled(*arguments)
    except Unsupported as error:
        return str(error).splitlines()[0]
    return len(graphs)


# %%


class Net(TwoLayers):
    def forward(self, x):
        h = self.body(x).relu()
        if torch.isnan(h).any():
            raise ValueError("nan in the hidden layer")
        return self.head(h)


print_error(torch.compile(Net(), backend="eager", fullgraph=True), x)

# %%
# Read the message from the end: *from user code* shows your line. The first line says what kind of code it is, here an
# ``if`` that depends on the numbers in a tensor. A graph is made without these numbers, so Python cannot choose a
# branch. Below, the page counts graphs with a backend of its own, which needs no C++ compiler.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ======================================================================  ==============================================
# The first line                                                          Fix
# ======================================================================  ==============================================
# :ref:`Data-dependent branching <break-branch>`                          ``torch.where``, ``torch.cond``, or outside
# :ref:`Failed to trace builtin operator, with print <break-print>`       move it out of the function
# :ref:`Skip calling torch.compiler.disable()d function <break-print>`    call it outside of the function
# :ref:`Tensor.tolist() with non-integer tensor <break-many>`             stay with tensors
# :ref:`no message: two graphs, without fullgraph <break-silent>`         ``torch._dynamo.explain`` counts them
# ======================================================================  ==============================================
#
# .. _break-silent:
#
# Without fullgraph nothing is raised
# -----------------------------------
#
# By default the graph is cut at this line. The code before it and the code after it are compiled apart, and Python runs
# the line in between. That is a *graph break*. The result is right. The compiler sees the two graphs one at a time, so
# it cannot merge operations of both.

compiled, graphs = counted(Net())
result = compiled(x)
for number, graph in enumerate(graphs):
    called = [node.target for node in graph.graph.nodes if node.op.startswith("call")]
    print(f"graph {number}:", [getattr(target, "__name__", target) for target in called])
assert len(graphs) == 2

found = torch._dynamo.explain(Net())(x)
print("graph breaks:", found.graph_break_count)
assert found.graph_break_count == 1

# %%
# .. _break-branch:
#
# A branch that depends on numbers
# --------------------------------
#
# If both results are cheap, calculate both, and let ``torch.where`` choose. If one is expensive, ``torch.cond`` puts
# both branches into the graph and runs one. Check for nan outside of the model, for example in the loss. The cell
# prints the number of graphs, or the error.


def with_if(x):
    if x.sum() > 0:
        return x * 2
    return x - 1


def with_where(x):
    return torch.where(x.sum() > 0, x * 2, x - 1)


def with_cond(x):
    return torch.cond(x.sum() > 0, lambda x: x * 2, lambda x: x - 1, (x,))


for function in (with_if, with_where, with_cond):
    print(f"{function.__name__:11}", graphs_of(function, x, fullgraph=True))
    assert torch.equal(function(x), with_if(x))
    assert torch.equal(function(-x), with_if(-x))

# %%
# .. _break-print:
#
# print, and functions that are not compiled
# ------------------------------------------
#
# ``print`` acts outside of the graph, and printing a tensor needs its numbers. Return what you want to see, and print
# it outside. A setting lets ``print`` wait until the graph has run. A function under ``torch.compiler.disable`` breaks
# the graph on purpose.


def with_print(x):
    hidden = x.relu()
    print("mean", hidden.mean())
    return hidden + 1


def returned(x):
    hidden = x.relu()
    return hidden + 1, hidden.mean()


@torch.compiler.disable
def show(hidden):
    print("mean", hidden.mean())


def with_disabled(x):
    show(x.relu())
    return x + 1


for function in (with_print, with_disabled, returned):
    print(f"{function.__name__:14}", graphs_of(function, x, fullgraph=True))
with torch._dynamo.config.patch(reorderable_logging_functions={print}):
    print("print waits   ", graphs_of(with_print, x, fullgraph=True))

# %%
# .. _break-many:
#
# Which lines break a graph?
# --------------------------
#
# Measure it, because it may change with the release. The cell prints each line of code with its number of graphs by
# default, and then what ``fullgraph=True`` gives. A loop over rows and a conversion to NumPy are no breaks in this
# release. ``item()`` and a mask are breaks by default, and under ``fullgraph=True`` they become a part of the graph.

lines = {
    "x / x.max()": lambda x: x / x.max(),
    "x / x.max().item()": lambda x: x / x.max().item(),
    "x[x > 0].sum()": lambda x: x[x > 0].sum() * 2,
    "sum(row for row in x)": lambda x: sum(row for row in x),
    "torch.from_numpy(x.numpy())": lambda x: torch.from_numpy(x.numpy()) * 2,
    "x.tolist()[0][0] * x": lambda x: x.tolist()[0][0] * x,
}
found = {}
for text, function in lines.items():
    found[text] = graphs_of(function, x), graphs_of(function, x, fullgraph=True)
    print(f"{text:28}{found[text][0]}   {found[text][1]}")
assert found["x / x.max().item()"] == found["x[x > 0].sum()"] == (2, 1)
assert found["sum(row for row in x)"] == found["torch.from_numpy(x.numpy())"] == (1, 1)

# %%
# .. use-this::
#
#    While you develop, compile with ``fullgraph=True``: the first break is an error that names its line. Correct the
#    breaks in the model, and leave printing, checks and logging outside. To see the breaks of a model that already
#    runs, set ``TORCH_LOGS="graph_breaks"``. Accept a break in code that seldom runs. A break has a cost: the graphs on
#    its two sides are compiled apart.
#
# A common mistake
# ----------------
#
# Taking ``fullgraph=True`` away silences the message. In this release a graph cannot be cut inside of a loop. With one
# ``print`` in its loop over the layers, this ``forward`` runs uncompiled as a whole. A comparison of times then
# compares the model with itself. Count the graphs first.


class Chain(nn.Module):
    def __init__(self, verbose):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(7))
        self.verbose = verbose

    def forward(self, x):
        for layer in self.layers:
            x = layer(x).relu()
            if self.verbose:
                print("mean", x.mean())
        return x


for verbose in (True, False):
    print(f"verbose={verbose}, graphs:", graphs_of(Chain(verbose), x))
assert graphs_of(Chain(verbose=True), x) == 0
assert graphs_of(Chain(verbose=False), x) == 1

# %%
# How this was checked

# The result is the same with and without breaks.
for function in (with_if, with_print, with_disabled, *lines.values()):
    with contextlib.redirect_stdout(None):
        compiled, graphs = counted(function)
        torch.testing.assert_close(compiled(x), function(x))
        torch.testing.assert_close(compiled(x), function(x))
# What breaks under fullgraph has more than one graph without it, but where there is nothing to compile before or after.
for function in (with_if, with_print, with_disabled, Net()):
    assert isinstance(graphs_of(function, x, fullgraph=True), str)
    assert graphs_of(function, x) > 1
# The message does not depend on the backend: these two come with torch and need no compiler.
for backend in ("eager", "aot_eager"):
    torch._dynamo.reset()
    with (
        contextlib.redirect_stdout(io.StringIO()),
        expect_error(Unsupported, match="Data-dependent branching"),
    ):
        torch.compile(Net(), backend=backend, fullgraph=True)(x)
# If the layers of the loop are modules of your own, their forward is still compiled, for itself.


class Block(TwoLayers):
    def forward(self, x):
        return self.head(self.body(x))


class Blocks(Chain):
    def __init__(self):
        super().__init__(verbose=True)
        self.layers = nn.ModuleList([Block()])


assert graphs_of(Blocks(), x) == 1


# Logging breaks a graph as print does, and so does a print of text.
def with_logging(x):
    logging.getLogger("model").debug("called")
    return x + 1


def with_text(x):
    print("called")
    return x + 1


for function in (with_logging, with_text):
    assert isinstance(graphs_of(function, x, fullgraph=True), str)
# A branch on a shape or on a number of Python does not break the graph.
assert graphs_of(lambda x: x * 2 if x.shape[0] > 3 else x, x, fullgraph=True) == 1
assert graphs_of(lambda x, k: x * 2 if k > 3 else x, x, 5, fullgraph=True) == 1
# A break on purpose.


def on_purpose(x):
    torch._dynamo.graph_break()
    return x


with (
    contextlib.redirect_stdout(io.StringIO()),
    expect_error(Unsupported, match="User-inserted graph break"),
):
    counted(on_purpose, fullgraph=True)[0](x)

# %%
# Check yourself
# --------------

ask(
    "A compiled function calculates, prints the mean of a tensor, and calculates on. How many graphs does it have, "
    "without fullgraph?",
    answer=graphs_of(with_print, x),
    choices={
        0: "What is before and after the print is compiled.",
        1: "The print acts outside of the graph, so the graph is cut there.",
        2: "There is one before the print and one after it.",
    },
)

# %%
# The next question is about branches.

branches = {
    "if x.shape[0] > 3:": graphs_of(lambda x: x * 2 if x.shape[0] > 3 else x, x, fullgraph=True),
    "if x.sum() > 3:": graphs_of(lambda x: x * 2 if x.sum() > 3 else x, x, fullgraph=True),
}
(breaking,) = (text for text, result in branches.items() if result != 1)
ask(
    "Which of these lines is a graph break?",
    answer=breaking,
    choices={
        "if x.shape[0] > 3:": "The shape is known while the graph is made. Another shape may need another graph.",
        "if x.sum() > 3:": "The sum is not known before the graph has run.",
    },
)

# %%
# **Exercise.** Write this without an ``if``, so that it becomes one graph. If the norm of ``x`` is above ``limit``,
# ``x`` is scaled down to the norm ``limit``.


def limited(x, limit):
    raise NotImplementedError


def with_branch(x, limit):
    if x.norm() > limit:
        return x * (limit / x.norm())
    return x


def in_one_graph(function):
    def run(x, limit):
        function(x, limit)  # as it is, before it is compiled
        torch._dynamo.reset()
        compiled = torch.compile(function, backend="eager", fullgraph=True)
        # In another thread: check watches which functions are called in this one.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(compiled, x, limit).result()

    return run


cases = [
    (torch.ones(2, 2), 5.0),
    (torch.ones(2, 2), 1.0),
    (torch.zeros(2, 3), 1.0),
    (torch.randn(3, 4), 2.0),
]
check(in_one_graph(limited), with_branch, cases)

# %%
# The factor is at most one, and ``clamp`` sees to it. For a norm of zero the factor is infinite before ``clamp``.

# Solution


def limited(x, limit):
    return x * (limit / x.norm()).clamp(max=1.0)


report = check(in_one_graph(limited), with_branch, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`recompile-limit`, a warning of ``torch.compile`` about values that change.
#
# - PyTorch contributors (2026). `torch.compile programming model
#   <https://docs.pytorch.org/docs/main/user_guide/torch_compiler/compile/programming_model.html>`__. Graph breaks, and
#   what to do about them.
# - Ansel et al. (2024). `PyTorch 2 <https://dl.acm.org/doi/10.1145/3620665.3640366>`__. How the graph is read from
#   Python.

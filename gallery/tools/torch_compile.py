"""
.. _torch-compile:

What does torch.compile do, and when is it faster?
==================================================

Your model calls many small operations, and each of them reads its input from memory and writes its result back.
:func:`torch.compile` fuses such operations into one kernel, and the first call pays for the translation.
"""

# %%
# Set-up

import contextlib
import importlib
import io
import logging
import os
import re
import tempfile
import time

import matplotlib.pyplot as plt
import torch
import torch.distributed as dist
from torch import nn
from torch._dynamo.exc import Unsupported
from torch._inductor.exc import InvalidCxxCompiler
from torch._inductor.utils import run_and_get_code
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
# This page computes on the CPU, without gradients, and keeps what it compiles in a folder of its own.
torch.set_grad_enabled(False)
cache = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache.name
torch._inductor.config.compile_threads = 1
torch._inductor.config.cpp_cache_precompile_headers = False  # pays from many kernels on
# Inductor tries whether the compiler knows the processor's instructions. This page takes it for granted.
torch._inductor.config.cpp.vec_isa_ok = True
for name in ("torch._dynamo", "torch.utils.cpp_extension"):  # a graph break logs a hint
    logging.getLogger(name).setLevel(logging.ERROR)
try:
    importlib.import_module("torch._inductor.cpp_builder").get_cpp_compiler()
    backend = "inductor"
except InvalidCxxCompiler:
    backend = "aot_eager"  # without a C++ compiler: the graph is read, and runs as it is


def gelu(x):
    return 0.5 * x * (1 + torch.tanh(0.79788456 * (x + 0.044715 * x * x * x)))


def product(x):
    return x @ x.mT


def graphs_of(function, **settings):
    """Compile with a backend that keeps each graph and runs it as it is."""
    torch._dynamo.reset()
    graphs = []

    def keep(graph, inputs):
        graphs.append(graph)
        return graph.forward

    return torch.compile(function, backend=keep, **settings), graphs


def operations(graph):
    return [node.target for node in graph.graph.nodes if node.op.startswith("call")]


def seconds(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


x = torch.randn(1000, 1500)
compiled, first, kernels, times = {}, {}, {}, {}
for function in (gelu, product):
    name = function.__name__
    compiled[name] = torch.compile(function, backend=backend)
    start = time.perf_counter()
    _, codes = run_and_get_code(compiled[name], x)
    first[name] = time.perf_counter() - start
    kernels[name] = sorted(set(re.findall(r"cpp_fused\w+|extern_kernels\.\w+", "".join(codes))))
    turns = [(seconds(function, x), seconds(compiled[name], x)) for _ in range(8)]
    times[name] = [min(one) for one in zip(*turns, strict=True)]
reader, graphs = graphs_of(gelu)
reader(x)
calls = operations(graphs[0])


def draw_times():
    _, (left, right) = plt.subplots(
        1, 2, figsize=(7, 2.6), layout="constrained", width_ratios=[3, 2]
    )
    for row, (eager, fast) in enumerate(times.values()):
        left.barh(row - 0.2, 1000 * eager, 0.4, color="C1", label=None if row else "eager")
        left.barh(row + 0.2, 1000 * fast, 0.4, color="C0", label=None if row else "compiled")
    right.barh(range(2), first.values(), color="C0")
    for axis, unit in ((left, "ms for a call, when warm"), (right, "s for the first call")):
        axis.set_yticks(range(2), list(times))
        axis.invert_yaxis()
        axis.set_xlabel(unit)
    left.legend(fontsize=8)
    plt.suptitle(f"{len(calls)} operations of gelu become one kernel, after a slow first call")
    plt.show()


# %%

# Measured on the CPU of the machine that built this page.
draw_times()

# %%
# ``gelu`` is an activation, written out as sums, products and a tanh of a tensor of :val:`1000 <len(x)>` rows.
# ``product`` is one product of matrices. The bars compare the functions as they are (*eager*) with their compiled
# forms. You need to know :ref:`element-by-element` and :ref:`anatomy-of-nn-module`.
#
# .. longer: 6 screens — the first call, the shapes, the breaks and the keys are four questions of their own
#
# The rule
# --------
#
# Let a chain of :math:`n` operations work on :math:`N` numbers. Eager PyTorch reads and writes about :math:`2nN`
# numbers, because each result goes to memory. A fused kernel reads :math:`N` and writes :math:`N`. A *kernel* is a
# compiled loop over the numbers. A single product of matrices has nothing to fuse: Inductor, the default backend, calls
# the same library, unless a mode below tries several kernels.


def gelu_by_hand(x):
    return 0.5 * x * (1 + torch.tanh(0.79788456 * (x + 0.044715 * x * x * x)))


fast_gelu = torch.compile(gelu_by_hand, backend=backend)  # this page: "inductor", the default
torch.testing.assert_close(fast_gelu(x), gelu_by_hand(x))
print("operations in the graph:", [getattr(one, "__name__", one) for one in calls])
for name, found in kernels.items():
    print(f"kernels of {name}:", *found)

# %%
# The first call
# --------------
#
# ``torch.compile`` itself returns at once. The first call reads the Python code into a graph, writes C++ (on a GPU:
# Triton), and waits for the compiler. The kernels are kept on disk, so the next start of your program waits less. The
# number after *pays* is the time of the first call, divided by what a later call saves.

# Measured on the CPU of the machine that built this page.
for name, (eager, fast) in times.items():
    saved = eager - fast
    pays = (
        f"pays after {first[name] / saved:.0f} calls"
        if saved > 0.1 * eager
        else "hardly saves time"
    )
    print(
        f"{name:8} first {first[name]:.1f} s, then {1000 * fast:.2f} ms for {1000 * eager:.2f} ms: {pays}"
    )
assert first["gelu"] > 10 * times["gelu"][1]

# %%
# The same numbers, up to rounding
# --------------------------------
#
# A fused kernel may round in another order, so compare with a tolerance and not with ``==``. The default tolerances
# of :func:`torch.testing.assert_close` hold here, in :val:`float32 <x.dtype>`.

for name, function in (("gelu", gelu), ("product", product)):
    difference = (compiled[name](x) - function(x)).abs().max()
    torch.testing.assert_close(compiled[name](x), function(x))
    print(f"{name:8} largest difference below 1e-5: {bool(difference < 1e-5)}")

# %%
# Another shape, another graph?
# -----------------------------
#
# The first graph is made for the sizes of the first call. At the second size the axis becomes a variable, so a third
# size needs no new graph. With ``dynamic=True`` the size is a variable from the start. With ``dynamic=False`` each size
# has a graph, up to a limit of :val:`8 <torch._dynamo.config.recompile_limit>`: further sizes run eager. A batch of one
# has a graph of its own in the three lines. A new graph is also made under ``torch.no_grad()`` and in ``eval()`` of a
# dropout. Each new value of a whole number that a module stores and reads needs one, too.

model = nn.Sequential(nn.Linear(6, 4), nn.GELU(), nn.Linear(4, 3))
batches = (32, 20, 7, 32, 1)
for dynamic in (None, True, False):
    counting, graphs = graphs_of(model, dynamic=dynamic)
    made = []
    for batch in batches:
        counting(torch.ones(batch, 6))
        made.append(len(graphs))
    print(f"dynamic={dynamic!s:5} graphs after batches of {batches}: {made}")

# %%
# What it cannot read
# -------------------
#
# Where a branch of Python needs the numbers in a tensor, the graph is cut. Python runs this line, and a second graph
# follows. The result stays right, but nothing is fused across the cut. ``explain`` counts such *graph breaks*. With
# ``fullgraph=True`` the first break is an error that names its line: :ref:`graph-break-under-fullgraph`.


def scaled(x):
    x = x.relu() + 1
    if x.max() > 3:  # a number decides
        x = x / x.max()
    return x * 2


torch._dynamo.reset()
found = torch._dynamo.explain(scaled)(x)
print(f"graphs: {found.graph_count}, breaks: {found.graph_break_count}")
assert found.graph_break_count == found.graph_count - 1 == 1

# %%
# .. use-this::
#
#    Leave ``torch.compile`` out while you write the model. When a run takes longer than minutes, call
#    ``model.compile()`` once, before the loop and before DDP, and measure a step with and without it. Use
#    ``fullgraph=True`` while you clean up. Drop the last small batch (``drop_last=True``), which has another size. The
#    cost is the slow first call, and a C++ compiler or Triton on the machine.
#
# The modes
# ---------
#
# A mode is a set of options of Inductor. ``reduce-overhead`` records the calls of a GPU and replays them, by CUDA
# graphs. The ``max-autotune`` modes try several kernels in the first call. The speed of the modes was not measured
# here.

for mode, options in torch._inductor.list_mode_options().items():
    if mode != "lite":
        print(f"{mode:27}", *options or ["(no option)"])

# %%
# A common mistake
# ----------------
#
# **The saved weights do not load.** ``torch.compile(model)`` is a module around the model, which puts ``_orig_mod.``
# before the names. ``model.compile()`` changes no name. Both use the weights of ``model`` itself, so you can also save
# ``model.state_dict()``. Loading weights into it after compiling needs no new graph. See :ref:`loading-state-dict`.

wrapped = torch.compile(model, backend="eager")
print(list(wrapped.state_dict())[:1], list(model.state_dict())[:1])
with expect_error(RuntimeError, match="Missing key"):
    model.load_state_dict(wrapped.state_dict())
model.load_state_dict(wrapped._orig_mod.state_dict())
assert wrapped._orig_mod is model

# %%
# How this was checked

# One kernel for the chain, none of the page's own for the product (where there is a compiler).
if backend == "inductor":
    assert len(kernels["gelu"]) == 1
    assert kernels["gelu"][0].startswith("cpp_fused")
    assert all(one.startswith("extern_kernels") for one in kernels["product"])
    assert kernels["product"]
assert len(calls) == 9
reader, graphs = graphs_of(gelu_by_hand)
assert torch.equal(reader(x), gelu(x))
assert operations(graphs[0]) == calls
torch.testing.assert_close(gelu(x), F.gelu(x, approximate="tanh"))
for size in ((3, 5), (0, 4)):
    small = torch.randn(size)
    torch.testing.assert_close(torch.compile(gelu, backend="aot_eager")(small), gelu(small))
# torch.compile returns before anything is compiled.
later, graphs = graphs_of(gelu)
assert not graphs
later(x)
assert len(graphs) == 1
# The numbers of graphs, for several orders of sizes; the modes have no graph of their own for a size seen before.
expected = {
    (None, (32, 32, 32)): [1, 1, 1],
    (None, (32, 20, 7, 32)): [1, 2, 2, 2],
    (True, (32, 20, 7, 32)): [1, 1, 1, 1],
    (False, (32, 20, 7, 32)): [1, 2, 3, 3],
    (None, (32, 20, 7, 1, 1)): [1, 2, 2, 3, 3],
    (True, (32, 20, 7, 1, 1)): [1, 1, 1, 2, 2],
}
for (dynamic, sizes), counts in expected.items():
    counting, graphs = graphs_of(model, dynamic=dynamic)
    made = []
    for batch in sizes:
        counting(torch.ones(batch, 6))
        made.append(len(graphs))
    assert made == counts, (dynamic, sizes, made)
# eval() needs another graph, and new weights do not.
model.train()
counting, graphs = graphs_of(model)
before = counting(torch.ones(5, 6)).clone()
model.load_state_dict({name: weight + 1 for name, weight in model.state_dict().items()})
after = counting(torch.ones(5, 6))
assert len(graphs) == 1
assert not torch.allclose(before, after)
torch.testing.assert_close(after, model(torch.ones(5, 6)))
with_dropout = nn.Sequential(nn.Linear(6, 4), nn.Dropout())
counting, graphs = graphs_of(with_dropout)
counting(torch.ones(5, 6))
with_dropout.eval()
counting(torch.ones(5, 6))
assert len(graphs) == 2
with torch.enable_grad():  # this page is without gradients
    counting(torch.ones(5, 6))
assert len(graphs) == 3


class Counter(nn.Module):
    steps = 0

    def forward(self, x):
        self.steps += 1
        return x + self.steps


counter = Counter()
counting, graphs = graphs_of(counter)
for step in range(1, 5):
    assert counting(torch.zeros(2))[0] == step
    assert len(graphs) == step
# With dynamic=False the sizes beyond the limit run eager, and no graph is made.
counting, graphs = graphs_of(model, dynamic=False)
for size in range(2, 13):
    counting(torch.ones(size, 6))
assert len(graphs) == torch._dynamo.config.recompile_limit == 8
# A new start finds its kernels on disk.
if backend == "inductor":
    counters = importlib.import_module("torch._dynamo.utils").counters
    torch._dynamo.reset()
    hits = counters["aot_autograd"]["autograd_cache_hit"]
    torch.testing.assert_close(torch.compile(gelu)(x), gelu(x))
    assert counters["aot_autograd"]["autograd_cache_hit"] == hits + 1
# The cut function gives the same, and is an error under fullgraph.
torch.testing.assert_close(graphs_of(scaled)[0](x), scaled(x))
torch._dynamo.reset()
with (
    contextlib.redirect_stdout(io.StringIO()),
    expect_error(Unsupported, match="Data-dependent branching"),
):
    torch.compile(scaled, backend="eager", fullgraph=True)(x)
# model.compile() returns nothing and keeps the names, alone and in DDP; torch.compile before DDP puts two prefixes.
inner = nn.Linear(6, 3)
assert inner.compile(backend="eager") is None
assert list(inner.state_dict()) == ["weight", "bias"]
dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
names = {
    "compile(), then DDP": DistributedDataParallel(inner),
    "torch.compile, then DDP": DistributedDataParallel(
        torch.compile(nn.Linear(6, 3), backend="eager")
    ),
    "DDP, then torch.compile": torch.compile(
        DistributedDataParallel(nn.Linear(6, 3)), backend="eager"
    ),
}
first_names = {way: next(iter(module.state_dict())) for way, module in names.items()}
dist.destroy_process_group()
assert list(first_names.values()) == [
    "module.weight",
    "module._orig_mod.weight",
    "_orig_mod.module.weight",
]
modes = torch._inductor.list_mode_options()
assert modes["reduce-overhead"] == {"triton.cudagraphs": True}
assert all("max_autotune" in options for mode, options in modes.items() if mode.startswith("max"))
cache.cleanup()

# %%
# Check yourself
# --------------

counting, graphs = graphs_of(nn.Linear(6, 3))
for batch in (64, 64, 64, 17, 64, 64, 64, 17):
    counting(torch.ones(batch, 6))
ask(
    "Two epochs have batches of 64, 64, 64 and 17. How many graphs does the compiled layer have at the end, with the "
    "settings left as they are?",
    answer=len(graphs),
    choices={
        1: "The first graph is made for 64 and does not fit 17.",
        2: "One for 64, and one in which the size is a variable.",
        8: "A graph is kept, and serves each later call that fits it.",
    },
)

# %%
# The next question is about time.

first_call, eager_step, compiled_step = 40, 50 / 1000, 30 / 1000  # seconds
ask(
    "The first call takes 40 s. A step takes 50 ms eager and 30 ms compiled. After how many steps has compiling paid?",
    answer=round(first_call / (eager_step - compiled_step)),
    choices={
        800: "That is 40 s of eager steps. What counts is what a step saves.",
        1333: "That is 40 s of compiled steps. What counts is what a step saves.",
        2000: "The first call, divided by what a step saves.",
    },
)

# %%
# The last question is about the names.

ask(
    "torch.compile(model), and then DDP around it. What comes before the name of each weight?",
    answer=first_names["torch.compile, then DDP"].removesuffix("weight"),
    choices={
        "_orig_mod.module.": "That is DDP first, and then torch.compile.",
        "module._orig_mod.": "The outer module comes first: DDP is around what torch.compile returned.",
        "module.": "That is model.compile() and then DDP, which gives names that are easy to load.",
    },
)

# %%
# **Exercise.** Predict the recompilations. ``sizes`` holds the batch sizes of the calls in order, each two or more.
# Return how many graphs there are after each call, with the default of ``dynamic``. The checker has asked
# ``torch.compile``.


def graphs_after(sizes):
    raise NotImplementedError


asked = {}
for sizes in ((32,), (32, 32, 17), (8, 9, 10, 8, 11), (5, 5, 5, 5), (2, 3, 2, 3)):
    counting, graphs = graphs_of(model)
    asked[sizes] = [(counting(torch.ones(size, 6)), len(graphs))[1] for size in sizes]


def by_torch(sizes):
    return torch.tensor(asked[tuple(sizes.tolist())])


cases = [(torch.tensor(sizes),) for sizes in asked]
check(graphs_after, by_torch, cases)

# %%
# The second graph is made at the first size that is not that of the first call.

# Solution


def graphs_after(sizes):
    another = sizes != sizes[0]
    return 1 + another.long().cummax(dim=0).values


report = check(graphs_after, by_torch, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`the-profiler` finds the line that takes the time. If the compiler fails, see :ref:`backend-compiler-failed`, and
# if it compiles again and again, :ref:`recompile-limit`.
#
# - PyTorch contributors (2026). `Where to apply torch.compile
#   <https://docs.pytorch.org/docs/stable/compile/programming_model.where_to_apply_compile.html>`__. It advises to
#   compile the model inside of DDP.
# - Ansel et al. (2024). `PyTorch 2 <https://dl.acm.org/doi/10.1145/3620665.3640366>`__. How Python is read into a
#   graph, and the graph becomes kernels.

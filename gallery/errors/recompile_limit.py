"""
.. _recompile-limit:

torch._dynamo hit config.recompile_limit (8)
============================================

``torch.compile`` has compiled one function eight times, and now runs it uncompiled where a ninth version would be
needed. *Last reason* names the value that changes: make it a tensor, or keep it out of the function.
"""

# %%
# Set-up

import contextlib
import logging
import re

import torch
from torch import nn
from torch._dynamo.utils import counters
from torch.nn import functional as F

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
x = torch.randn(5, 6)


class Lines(logging.Handler):
    """Print what torch.compile logs, without the places in files."""

    def emit(self, record):
        for line in record.getMessage().splitlines():
            line = re.sub(r"\s*# .*?:\d+ in \S+", "", line.strip())
            if line.startswith(("torch._dynamo hit", "function:", "last reason:")):
                print(re.sub(r" \([^()]*:\d+\)$", "", line))


limit_hit = vars(torch._dynamo.exc)["FailOnRecompileLimitHit"]
logger, lines = logging.getLogger("torch._dynamo.convert_frame"), Lines()


@contextlib.contextmanager
def shown_log():
    """Print the log of torch.compile here, in place of the standard error."""
    torch._dynamo.reset()  # what an earlier cell has compiled counts no more
    handlers, propagate = logger.handlers[:], logger.propagate
    logger.handlers, logger.propagate = [lines], False
    try:
        yield
    finally:
        logger.handlers, logger.propagate = handlers, propagate


def counted(function, **settings):
    """Compile a function with a backend that counts graphs and runs them as they are."""
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    return torch.compile(function, backend=backend, **settings), graphs


# %%


class WarmUp(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.step = nn.Linear(6, 3), 0

    def forward(self, x):
        self.step += 1
        return self.layer(x) * min(1.0, self.step / 100)


with shown_log():
    compiled, graphs = counted(WarmUp())
    for _ in range(12):
        compiled(x)
print("compiled", len(graphs), "times in 12 calls")

# %%
# Two lines matter. *function* is what was compiled, and *last reason* is why the latest version does not fit: it was
# made for ``self.step == 7``. The message is a warning in the log, and the result is right. What you lose is the time
# of eight compilations, and then the speed that you compiled for.
#
# This page counts graphs with a backend of its own, which needs no C++ compiler. The backends ``eager`` and
# ``aot_eager`` of torch have the same counts, as checked below.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ======================================================================  ==============================================
# The last reason                                                         Fix
# ======================================================================  ==============================================
# :ref:`self.step == 7, an integer of a module <recompile-number>`        a buffer, or an argument of ``forward``
# :ref:`tensor 'x' size mismatch <recompile-shape>`                       no ``dynamic=False``, or ``mark_dynamic``
# :ref:`len(cache) == 7, a list that grows <recompile-list>`              one tensor, written at a position
# :ref:`name == 'layer7', a string <recompile-list>`                      leave it out of the compiled function
# :ref:`Unsupported: cache_size_limit reached <recompile-after>`          an older name of the next message
# :ref:`FailOnRecompileLimitHit <recompile-after>`                        ``fullgraph=True`` makes an error of it
# ======================================================================  ==============================================
#
# .. _recompile-number:
#
# An integer that is an attribute of a module
# -------------------------------------------
#
# An integer in a module counts as a constant, so each new value needs a new version. The value of a tensor is not
# looked at: keep the counter in a buffer. An integer that is an *argument* is compiled once as a constant, and a second
# time as a variable. A float becomes a variable in both places.


class WithBuffer(WarmUp):
    def __init__(self):
        nn.Module.__init__(self)
        self.layer = nn.Linear(6, 3)
        self.register_buffer("step", torch.zeros(()))

    def forward(self, x):
        self.step += 1
        return self.layer(x) * (self.step / 100).clamp(max=1.0)


def scaled(x, step):
    return x * min(1.0, step / 100)


with shown_log():
    compiled, of_buffer = counted(WithBuffer())
    as_argument, of_argument = counted(scaled)
    for step in range(12):
        compiled(x)
        as_argument(x, step + 1)
print("as a buffer:", len(of_buffer), " as an argument:", len(of_argument))
assert len(of_buffer) == 1

# %%
# .. _recompile-shape:
#
# A shape that changes
# --------------------
#
# Texts have different lengths. By default the second length makes a version for varying lengths, which then serves
# lengths above 1. With ``dynamic=False`` each length needs a version. ``mark_dynamic`` says before the first call which
# axis varies, and saves the first version.


def mean_token(tokens):
    return tokens.relu().mean(dim=0)


counts = {}
with shown_log():
    for name, settings in {
        "default": {},
        "dynamic=False": {"dynamic": False},
        "marked": {},
    }.items():
        torch._dynamo.reset()
        compiled, graphs = counted(mean_token, **settings)
        for length in range(3, 15):
            tokens = torch.randn(length, 6)
            if name == "marked":
                torch._dynamo.mark_dynamic(tokens, 0)
            compiled(tokens)
        counts[name] = len(graphs)
print(counts)
assert counts == {"default": 2, "dynamic=False": 8, "marked": 1}

# %%
# .. _recompile-list:
#
# A list that grows, or a string
# ------------------------------
#
# The length of a list is a constant of a version, and so is a string. Here a list grows by a tensor in each step, and
# each step needs a new version. Write into one tensor of full length instead.


def with_list(x, cache):
    cache.append(x)
    return torch.stack(cache).sum(dim=0)


def with_tensor(x, cache, position):
    cache[position] = x
    return cache.sum(dim=0)


with shown_log():
    grows, of_list = counted(with_list)
    fixed, of_tensor = counted(with_tensor)
    cache, room = [], torch.zeros(12, 5, 6)
    for position in range(12):
        first = grows(x, cache)
        second = fixed(x, room, position)
        torch.testing.assert_close(first, second)
print("list:", len(of_list), " tensor:", len(of_tensor))
assert len(of_list) == 8

# %%
# .. _recompile-after:
#
# What happens afterwards
# -----------------------
#
# The eight versions stay, and are used where one fits. Where no version fits, the function runs as it is. With
# ``fullgraph=True`` there is an error instead. Older releases called the limit ``cache_size_limit``, and this error
# "torch._dynamo.exc.Unsupported: cache_size_limit reached", as in `an issue of 2024
# <https://github.com/pytorch/pytorch/issues/127483>`__. The setting has both names today.

with shown_log():
    compiled, graphs = counted(WarmUp())
    for _ in range(20):
        compiled(x)
    print("compiled", len(graphs), "times in 20 calls, step", compiled.step)

    torch._dynamo.reset()
    compiled, graphs = counted(mean_token, dynamic=False, fullgraph=True)
    with expect_error(limit_hit, match="fullgraph=True"):
        for length in range(3, 15):
            compiled(torch.randn(length, 6))
print("torch._dynamo.exc.Unsupported: cache_size_limit reached")  # quoted
assert torch._dynamo.config.cache_size_limit == torch._dynamo.config.recompile_limit == 8

# %%
# .. use-this::
#
#    Compile the part that works on tensors, and keep counters, names and lists outside of it. Leave ``dynamic`` at its
#    default. While you develop, set ``TORCH_LOGS="recompiles"``: each recompilation is logged with its reason. A few
#    versions, such as one for training and one for evaluation, are no mistake. Each costs the time to compile it.
#
# A common mistake
# ----------------
#
# A larger limit silences the message. The function below is then compiled in each of 20 steps.

with shown_log(), torch._dynamo.config.patch(recompile_limit=64):
    compiled, graphs = counted(WarmUp())
    for _ in range(20):
        compiled(x)
print("compiled", len(graphs), "times in 20 calls")
assert len(graphs) == 20

# %%
# How this was checked

assert torch._dynamo.config.recompile_limit == 8
assert torch._dynamo.config.cache_size_limit == 8  # its name in older messages
with shown_log():
    # The results are those of the function that is not compiled, before and after the limit.
    torch.manual_seed(1)
    plain = WarmUp()
    compiled, graphs = counted(WarmUp())
    compiled.load_state_dict(plain.state_dict(), strict=False)
    compiled.layer.load_state_dict(plain.layer.state_dict())
    for _ in range(10):
        torch.testing.assert_close(compiled(x), plain(x))
    assert len(graphs) == 8
    # Backends of torch that need no compiler of C++ count the same.
    for backend in ("eager", "aot_eager"):
        torch._dynamo.reset()
        counters.clear()
        compiled = torch.compile(WarmUp(), backend=backend)
        for _ in range(12):
            compiled(x)
        assert counters["stats"]["unique_graphs"] == 8
    # After the limit a version runs where one fits, and no graph where none does.
    runs = []

    def noting(graph, inputs):
        def run(*arguments):
            runs.append(graph)
            return graph.forward(*arguments)

        return run

    torch._dynamo.reset()
    compiled = torch.compile(mean_token, backend=noting, dynamic=False)
    for length in range(3, 15):
        compiled(torch.randn(length, 6))
    for length, expected in [(3, 1), (14, 0), (9, 1), (12, 0)]:
        before = len(runs)
        compiled(torch.randn(length, 6))
        assert len(runs) - before == expected
    # Other things that count as constants: strings, data types, the number of axes. A lower limit holds, too.
    for values in (
        [(x, name) for name in map(str, range(12))],
        [(x.to(dtype), "") for dtype in (torch.float32, torch.float64, torch.bfloat16)],
        [(torch.ones([2] * axes), "") for axes in range(1, 5)],
    ):
        torch._dynamo.reset()
        compiled, graphs = counted(lambda x, name: x * len(name))
        with torch._dynamo.config.patch(recompile_limit=4):
            for value in values:
                compiled(*value)
        assert len(graphs) == min(
            4, len({str(v[0].shape) + str(v[0].dtype) + v[1] for v in values})
        )
    # And what does not: other weights of one class, a float attribute after the second value, the values of a tensor.
    torch._dynamo.reset()
    compiled, graphs = counted(lambda x, layer: layer(x))
    for _ in range(12):
        compiled(x, nn.Linear(6, 3))
    assert len(graphs) == 1
    torch._dynamo.reset()
    module = nn.Dropout(0.1)
    module.rate = 0.0
    compiled, graphs = counted(lambda x, module: x * module.rate)
    for step in range(12):
        module.rate = 0.5 + step
        compiled(x, module)
    assert len(graphs) == 2
    torch._dynamo.reset()
    compiled, graphs = counted(lambda x, rate: x * rate)
    for step in range(12):
        compiled(x, 0.5 + step)
    assert len(graphs) == 2
    # dynamic=True makes the variable version at once.
    torch._dynamo.reset()
    compiled, graphs = counted(mean_token, dynamic=True)
    for length in range(3, 15):
        compiled(torch.randn(length, 6))
    assert len(graphs) == 1
    # A size of 1 has a version of its own, and so has 0.
    compiled(torch.randn(1, 6))
    assert len(graphs) == 2
    compiled(torch.randn(0, 6))
    assert len(graphs) == 3
    # train and eval are two versions of a module that asks.
    torch._dynamo.reset()
    module = nn.Sequential(nn.Linear(6, 3), nn.Dropout(0.5))
    compiled, graphs = counted(module)
    for _ in range(3):
        compiled.train()(x)
        compiled.eval()(x)
    assert len(graphs) == 2

# %%
# Check yourself
# --------------

with shown_log():
    compiled, graphs = counted(mean_token)
    for length in (7, 9, 11, 13):
        compiled(torch.randn(length, 6))
ask(
    "A function is compiled with the defaults and called with tensors of 7, 9, 11 and 13 rows. How many versions are "
    "compiled?",
    answer=len(graphs),
    choices={
        1: "That is so with mark_dynamic or dynamic=True.",
        2: "One for 7 rows, and at the second size one for a number of rows that varies.",
        4: "That is so with dynamic=False.",
    },
)

# %%
# The next question is about counters.

with shown_log():
    results = {}
    for name, module in {"an int": WarmUp(), "a buffer": WithBuffer()}.items():
        compiled, graphs = counted(module)
        torch._dynamo.reset()
        for _ in range(5):
            compiled(x)
        results[name] = len(graphs)
ask(
    "A module counts its calls in forward, once in an int and once in a buffer. How many versions do 5 calls make?",
    answer=f"{results['an int']} and {results['a buffer']}",
    choices={
        "1 and 1": "The int is a constant of each version.",
        "5 and 1": "A version for each value of the int; the value of a tensor is not looked at.",
        "2 and 1": "That is so for an int which is an argument.",
    },
)

# %%
# **Exercise.** With ``dynamic=False`` a few lengths are enough if you pad with zeros: each length becomes 4, 8 or 16.
# Add rows of zeros at the end, up to the smallest of ``sizes`` that is not below the length. The sizes are sorted, and
# the last of them is not below the length.


def fill_up(tokens, sizes):
    raise NotImplementedError


def by_loop(tokens, sizes):
    for size in sizes:
        if size >= len(tokens):
            filled = torch.zeros(size, *tokens.shape[1:])
            filled[: len(tokens)] = tokens
            return filled
    raise ValueError("no size is large enough")


cases = [
    (torch.ones(3, 2), [4, 8, 16]),
    (torch.ones(8, 2), [4, 8, 16]),
    (torch.randn(11, 3), [4, 8, 16]),
    (torch.randn(5, 2, 3), [4, 6]),
]
check(fill_up, by_loop, cases)

# %%
# ``F.pad`` takes the numbers from the last axis on, so the axis of rows comes last.

# Solution


def fill_up(tokens, sizes):
    size = next(size for size in sizes if size >= len(tokens))
    return F.pad(tokens, [0, 0] * (tokens.dim() - 1) + [0, size - len(tokens)])


report = check(fill_up, by_loop, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`guard-on-data-dependent`, where a graph cannot be made at all.
#
# - PyTorch contributors (2026). `Dealing with recompilations
#   <https://docs.pytorch.org/docs/main/user_guide/torch_compiler/compile/programming_model.recompilation.html>`__. The
#   page that the message names.
# - PyTorch contributors (2026). `Dynamic shapes
#   <https://docs.pytorch.org/docs/stable/torch.compiler_dynamic_shapes.html>`__. How a size becomes a variable.

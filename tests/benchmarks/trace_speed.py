"""What does a trace of 4,096 elements take, beside the Jacobian of the same operation, and how much memory?"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from ptguide.trace import trace

SECONDS, MEGABYTES, RATIO = 0.5, 100, 3  # limits: of a trace, and of its time beside that of the Jacobian
REPEATS = 3

Case = tuple[Callable[..., Any], tuple[Any, ...]]


def cases() -> dict[str, Case]:
    """Return operations of the chapters with 4,096 elements or a little less, inputs and outputs each."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    def index(high: int, *shape: int) -> torch.Tensor:
        return torch.randint(high, shape, generator=generator)

    return {
        "add": (torch.add, (normal(45, 45), normal(45, 45))),
        "relu": (torch.relu, (normal(64, 64),)),
        "matmul": (torch.matmul, (normal(45, 45), normal(45, 45))),
        "einsum": (lambda a, b: torch.einsum("ij,kj->ik", a, b), (normal(45, 45), normal(45, 45))),
        "softmax of rows": (lambda x: x.softmax(1), (normal(64, 64),)),
        "softmax of all": (lambda x: x.softmax(0), (normal(4096),)),
        "layer_norm": (lambda x: F.layer_norm(x, (64,)), (normal(64, 64),)),
        "cumsum of rows": (lambda x: x.cumsum(1), (normal(64, 64),)),
        "cumsum of all": (lambda x: x.cumsum(0), (normal(4096),)),
        "conv2d": (lambda x, w: F.conv2d(x, w, padding=1), (normal(1, 3, 22, 22), normal(8, 3, 3, 3))),
        "max_pool2d": (lambda x: F.max_pool2d(x, 2), (normal(1, 1, 64, 64),)),
        "transpose": (torch.t, (normal(64, 64),)),
        "sort of rows": (lambda x: x.sort(1).values, (normal(64, 64),)),
        "sort of all": (lambda x: x.sort(0).values, (normal(4096),)),
        "gather": (lambda x, i: x.gather(1, i), (normal(32, 64), index(64, 32, 64))),
        "embedding": (lambda x, i: F.embedding(i, x), (normal(64, 60), index(64, 64))),
        "attention": (
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
            (normal(1, 36, 36), normal(1, 36, 36), normal(1, 36, 36)),
        ),
    }


def seconds(run: Callable[[], Any]) -> float:
    """Return the time of the quickest of a few runs, of this process alone."""
    found = []
    for _ in range(REPEATS):
        started = time.process_time()
        run()
        found.append(time.process_time() - started)
    return min(found)


def jacobian_seconds(op: Callable[..., Any], inputs: tuple[Any, ...]) -> float:
    """Return what the Jacobian takes with respect to all inputs that have one."""
    places = tuple(place for place, tensor in enumerate(inputs) if tensor.is_floating_point())
    return seconds(lambda: torch.func.jacrev(op, argnums=places)(*inputs))


def megabytes(name: str) -> float:
    """Return what a trace takes of memory at most, in a process of its own."""
    return float(subprocess.check_output([sys.executable, __file__, "--memory", name], text=True))


def print_memory(name: str) -> None:
    """Print by how much the memory of this process grows during a trace."""
    op, inputs = cases()[name]
    trace(torch.neg, torch.zeros(2))
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is from now on
    before = _peak()
    trace(op, inputs)
    print((_peak() - before) / 1024)


def _peak() -> int:
    """Return the most memory that this process had, in kB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


def main() -> int:
    """Print the table; return 1 if a limit is exceeded."""
    if sys.argv[1:2] == ["--memory"]:
        print_memory(sys.argv[2])
        return 0
    torch.set_num_threads(1)
    exceeded = 0
    print(f"{'operation':<18}{'s':>8}{'limit':>7}{'MB':>7}{'limit':>7}{'Jacobians':>11}{'limit':>7}")
    for name, (op, inputs) in cases().items():
        taken, memory = seconds(lambda op=op, inputs=inputs: trace(op, inputs)), megabytes(name)
        ratio = taken / jacobian_seconds(op, inputs)
        exceeded += taken > SECONDS or memory > MEGABYTES or ratio > RATIO
        print(f"{name:<18}{taken:>8.2f}{SECONDS:>7}{memory:>7.0f}{MEGABYTES:>7}{ratio:>11.1f}{RATIO:>7}", flush=True)
    print(f"{exceeded} of {len(cases())} exceed a limit")
    return int(exceeded > 0)


if __name__ == "__main__":
    sys.exit(main())

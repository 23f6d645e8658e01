"""What does `ptguide.explain` cost: a step of training with and without it, and the time from the error to the note.

Steps with and without take turns, in one thread, and the processor's time counts: what else the machine does falls on
neither. The times to the note are those of
processes of their own, in which nothing was explained before, and of errors after the first.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

from ptguide._explaining import _hooks
from ptguide.explain import explain

RATIO = 1.05  # of a step: what two halves of the same measurement differ by on a machine that is busy
BLOCK = 20.0  # microseconds
FIRST, LATER = 1500.0, 60.0  # milliseconds; the first error loads what explains
FAILING = {
    "matmul": lambda: torch.rand(20, 30) @ torch.rand(40, 30),
    "broadcasting": lambda: torch.rand(4, 3) - torch.rand(4),
    "linear layer": lambda: nn.Sequential(nn.Flatten(), nn.Linear(99, 10))(torch.rand(8, 3, 4, 5)),
    "convolution": lambda: nn.Conv2d(3, 8, 3)(torch.rand(4, 32, 32, 3)),
    "cross-entropy": lambda: F.cross_entropy(torch.rand(64, 10), torch.full((64,), 10)),
    "view": lambda: torch.rand(40, 60).t().view(-1),
}
PROBE = """
import time, torch
from ptguide._explaining import _hooks
try:
    torch.rand(20, 30) @ torch.rand(40, 30)
except RuntimeError as error:
    started = time.process_time()
    _hooks.annotate(error)
    print(1e3 * (time.process_time() - started), len(error.__notes__))
"""


def step_seconds(steps: int) -> tuple[float, float]:
    """Return the seconds of one step without and with the explanation, the middle of many."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = nn.Sequential(nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    inputs, targets = torch.rand(64, 64), torch.randint(10, (64,))

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), targets).backward()
        optimizer.step()

    taken: dict[bool, list[float]] = {False: [], True: []}
    for number in range(2 * steps + 40):
        explained = bool(number % 2)
        started = time.process_time()
        if explained:
            with explain():
                step()
        else:
            step()
        if number >= 40:
            taken[explained].append(time.process_time() - started)
    return statistics.median(taken[False]), statistics.median(taken[True])


def block_microseconds(blocks: int = 20_000) -> float:
    """Return the time of a block in which nothing happens."""
    started = time.process_time()
    for _ in range(blocks):
        with explain():
            pass
    return 1e6 * (time.process_time() - started) / blocks


def note_milliseconds(fail, repeats: int) -> float:
    """Return the time from an error to its note, the middle of several."""
    taken, told = [], 0
    for _ in range(repeats):
        try:
            fail()
        except (RuntimeError, IndexError) as error:
            started = time.process_time()
            _hooks.annotate(error)
            taken.append(1e3 * (time.process_time() - started))
            told = len(error.__notes__)
    if told != 1:
        raise SystemExit(f"{told} notes; expected 1.")
    return statistics.median(taken)


def main() -> int:
    """Print the table; return 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    plain, explained = step_seconds(options.steps)
    ratio = explained / plain
    print(f"step of training: {1e6 * plain:.0f} us, with explain {1e6 * explained:.0f} us, ratio {ratio:.3f}")
    block = block_microseconds()
    print(f"an empty block: {block:.1f} us, limit {BLOCK:.0f}")
    print(f"{'from the error to its note, ms':<32}{'measured':>10}{'limit':>8}")
    outputs = [subprocess.check_output([sys.executable, "-c", PROBE], text=True).split() for _ in range(3)]
    first = statistics.median(float(printed) for printed, _ in outputs)
    print(f"{'the first of a process':<32}{first:>10.1f}{FIRST:>8.0f}")
    too_slow = ratio > RATIO or block > BLOCK or first > FIRST
    for name, fail in FAILING.items():
        measured = note_milliseconds(fail, options.repeats)
        print(f"{name:<32}{measured:>10.1f}{LATER:>8.0f}")
        too_slow = too_slow or measured > LATER
    return int(too_slow)


if __name__ == "__main__":
    sys.exit(main())

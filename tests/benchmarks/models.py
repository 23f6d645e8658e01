"""Are the models as quick as their originals? Forward and backward, side by side in one run.

They take turns, so that a slow moment of the machine meets both. One thread computes, and the time of the process
counts: what other programs take does not. `CASES` has a line for each model.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
import torchvision
from torch import Tensor, nn

from ptguide.models import ResNet, ResNetSettings

LIMIT = 1.05  # our time, as a multiple of the original's


class Case(NamedTuple):
    """A model, its original, and what they are called with; None where that is the same for both."""

    ours: nn.Module
    original: nn.Module
    inputs: tuple[Tensor, ...]
    inputs_of_original: tuple[Tensor, ...] | None = None


def images(items: int, size: int) -> tuple[Tensor]:
    """Return a batch of noise as large as so many images."""
    return (torch.randn(items, 3, size, size),)


# Each is made when its turn comes, and gone after it.
CASES: dict[str, Callable[[], Case]] = {
    "ResNet-18": lambda: Case(ResNet(ResNetSettings.resnet18()), torchvision.models.resnet18(), images(4, 112)),
    "ResNet-50": lambda: Case(ResNet(ResNetSettings.resnet50()), torchvision.models.resnet50(), images(4, 112)),
}


def seconds(model: nn.Module, inputs: tuple[Tensor, ...]) -> float:
    """Return what one forward and backward pass takes of the processor; of several outputs, the first counts."""
    model.zero_grad()
    started = time.process_time()
    output = model(*inputs)
    (output if isinstance(output, Tensor) else output[0]).sum().backward()
    return time.process_time() - started


def compare(case: Case, rounds: int) -> tuple[float, float]:
    """Return the medians of ours and of the original; who begins changes with every round."""
    pair = [(case.ours, case.inputs), (case.original, case.inputs_of_original or case.inputs)]
    sizes = {sum(parameter.numel() for parameter in model.parameters()) for model, _ in pair}
    assert len(sizes) == 1, f"the two have {sizes} parameters: they are not the same network"
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(-2, rounds):  # two rounds to warm up
        for index in (0, 1) if turn % 2 else (1, 0):
            taken = seconds(*pair[index])
            if turn >= 0:
                times[index].append(taken)
    return statistics.median(times[0]), statistics.median(times[1])


def main() -> int:
    """Print the table; return 1 if a model is slower than the limit."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--only", choices=CASES, nargs="+", default=list(CASES))
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    print(f"{'model':<14}{'ours, ms':>10}{'original, ms':>14}{'ratio':>8}{'limit':>7}")
    slow = 0
    for name in options.only:
        ours, original = compare(CASES[name](), options.rounds)
        print(f"{name:<14}{1e3 * ours:>10.1f}{1e3 * original:>14.1f}{ours / original:>8.3f}{LIMIT:>7}")
        slow += ours > LIMIT * original
    return int(slow > 0)


if __name__ == "__main__":
    sys.exit(main())

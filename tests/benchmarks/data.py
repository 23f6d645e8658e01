"""Are batches by indexing quick? Examples per second on digits, beside DataLoader with its default collate."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterable

import torch
from torch.utils.data import DataLoader

from ptguide.data import batches, digits

EPOCHS = 30
LEAST = 8  # times the examples per second of DataLoader


def seconds(loader: Iterable[object]) -> float:
    """Return what one epoch takes."""
    started = time.perf_counter()
    for _ in loader:
        pass
    return time.perf_counter() - started


def compare(shuffle: bool) -> tuple[float, float]:
    """Return examples per second of DataLoader and of batches, the middle of all epochs.

    The two take turns, so that what else the machine does meets both.
    """
    data = digits()
    loaders = (DataLoader(data, 32, shuffle=shuffle), batches(data, 32, shuffle=shuffle))
    measured: tuple[list[float], list[float]] = ([], [])
    for _ in range(EPOCHS):
        for loader, times in zip(loaders, measured, strict=True):
            times.append(seconds(loader))
    slow, fast = (len(data) / statistics.median(times) for times in measured)
    return slow, fast


def main() -> int:
    """Print the table; return 1 if a limit is missed."""
    torch.set_num_threads(1)
    print(f"{'digits, batches of 32':<24}{'DataLoader/s':>14}{'batches/s':>12}{'times':>8}{'least':>7}")
    ratios = []
    for shuffle in (True, False):
        slow, fast = compare(shuffle)
        ratios.append(fast / slow)
        name = "shuffled" if shuffle else "in order"
        print(f"{name:<24}{slow:>14,.0f}{fast:>12,.0f}{fast / slow:>8.1f}{LEAST:>7}")
    return int(min(ratios) < LEAST)


if __name__ == "__main__":
    sys.exit(main())

"""Are the pictures quick? What they add to importing torch, and what drawing a small operation takes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import torch

from ptguide.pictures import draw

IMPORTS = (
    "import time, torch; started = time.perf_counter(); import ptguide.pictures; print(time.perf_counter() - started)"
)


def import_seconds() -> float:
    """Return what `import ptguide.pictures` takes after `import torch`, the middle of seven processes."""
    runs = [subprocess.check_output([sys.executable, "-c", IMPORTS], text=True) for _ in range(7)]
    return statistics.median(float(run) for run in runs)


def drawing_seconds() -> tuple[float, int]:
    """Return what drawing a product of 4 x 5 elements takes, the middle of 50, and the bytes of the picture."""
    left, right = torch.rand(4, 3), torch.rand(3, 5)
    seconds = []
    for _ in range(50):
        started = time.perf_counter()
        page = draw(torch.matmul, (left, right))._repr_html_()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), len(page.encode())


def main() -> int:
    """Print the table; return 1 if a limit is exceeded."""
    torch.set_num_threads(1)
    drawing, size = drawing_seconds()
    rows = [
        ("import after torch, ms", 1e3 * import_seconds(), 30),
        ("draw a 4 x 5 product, ms", 1e3 * drawing, 20),
        ("its size, kB", size / 1e3, 30),
    ]
    print(f"{'what':<26}{'measured':>10}{'limit':>8}{'ratio':>7}")
    for what, measured, limit in rows:
        print(f"{what:<26}{measured:>10.1f}{limit:>8}{measured / limit:>7.2f}")
    return int(any(measured > limit for _, measured, limit in rows))


if __name__ == "__main__":
    sys.exit(main())

"""Is the package quick to import? What each module adds to importing torch."""

from __future__ import annotations

import pkgutil
import statistics
import subprocess
import sys

import ptguide

LIMITS = {"ptguide": 20}  # milliseconds
LIMIT = 40  # of any other module
# A child of one process that has torch loaded: torch itself takes two seconds, and is not what is measured.
PROBE = """
import importlib, os, sys, time
import torch
for _ in range(int(sys.argv[2])):
    if os.fork() == 0:
        started = time.perf_counter()
        importlib.import_module(sys.argv[1])
        print(1e3 * (time.perf_counter() - started), flush=True)
        os._exit(0)
    os.wait()
"""


def import_milliseconds(module: str, repeats: int = 7) -> float:
    """Return what an import of ``module`` takes after `import torch`, the middle of ``repeats`` fresh processes."""
    printed = subprocess.check_output([sys.executable, "-c", PROBE, module, str(repeats)], text=True)
    return statistics.median(map(float, printed.split()))


def main() -> int:
    """Print the table; return 1 if a limit is exceeded."""
    submodules = sorted(f"ptguide.{module.name}" for module in pkgutil.iter_modules(ptguide.__path__))
    names = ["ptguide", *(name for name in submodules if not name.rpartition(".")[2].startswith("_"))]
    rows = [(name, import_milliseconds(name)) for name in names]
    print(f"{'import after torch, ms':<26}{'measured':>10}{'limit':>8}{'ratio':>7}")
    for name, measured in rows:
        limit = LIMITS.get(name, LIMIT)
        print(f"{name:<26}{measured:>10.1f}{limit:>8}{measured / limit:>7.2f}")
    return int(any(measured > LIMITS.get(name, LIMIT) for name, measured in rows))


if __name__ == "__main__":
    sys.exit(main())

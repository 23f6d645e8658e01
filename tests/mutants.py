"""Do the tests notice when the code is wrong? Change it in random places, and run the tests that come by there.

mutmut makes the changes; each runs in a process of its own. Of some five thousand, a random sample is tried, for all
would take hours. What survives is printed with its change; `tests/survivors.md` has a word on those of the last run.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
FEW = "ptguide.training._nonfinite.*Guard*"  # mutmut has to try some
LIMIT = 0.85  # of the sample is noticed, a change that no test comes by among the rest
NOTICED = {"killed", "timeout", "segfault", "caught by type check"}


def mutmut(*arguments: str, capture: bool = False) -> str:
    """Run mutmut in the repository; return what it printed if asked to."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["OMP_NUM_THREADS"] = "1"  # a process that is forked beside threads of OpenMP can wait for ever
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=capture, check=True)
    return done.stdout or ""


def statuses() -> dict[str, str]:
    """Return what became of every change, by its name."""
    lines = mutmut("results", "--all", "true", capture=True).splitlines()
    return dict(line.strip().rsplit(": ", 1) for line in lines if ": " in line)


def main() -> int:
    """Try a sample, print what survives, and return 1 if too much does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sample", type=int, default=300, help="how many changes to try")
    parser.add_argument("--seed", type=int, default=0, help="which ones")
    parser.add_argument("--all", action="store_true", help="try every change; it takes hours")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    children = f"--max-children={options.processes}"
    mutmut("run", children, FEW)  # makes all changes, and finds out which test comes by where
    names = sorted(statuses())
    if not options.all:
        names = sorted(random.Random(options.seed).sample(names, min(options.sample, len(names))))
    mutmut("run", children, *names)
    found = statuses()
    tried = Counter(found[name] for name in names)
    survivors = [name for name in names if found[name] not in NOTICED]
    for name in survivors:
        print(mutmut("show", name, capture=True))
    noticed = 1 - len(survivors) / len(names)
    print(f"{len(names)} changes, {noticed:.1%} noticed (limit {LIMIT:.0%}): {dict(tried)}")
    return int(noticed < LIMIT)


if __name__ == "__main__":
    sys.exit(main())

"""How fast is the build, and does it stay linear? `nox -s bench -- build_speed`; on copies of the site.

Two measurements. Copies of the guide's own pages, edited, and served warm, in seconds, against what Sphinx alone takes
for them (--copies 105; 0 leaves it out). And small pages that take no time to run, so that what is left is the pipeline
and Sphinx: cold, with nothing changed, and with one page edited, added, renamed (--pages 100 300 1000; none leaves it
out). Of these, seconds of CPU count: other work on the machine changes them little.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import copied_site
import made_site
from usage import Usage, measure

UNCHANGED_MOST = 15.0  # seconds, at the largest number of pages
GROWTH_MOST = 1.5  # a page more may cost so much more at the largest sizes than at the smallest; 3 if quadratic
NOISE = 0.003  # seconds of CPU a page: less than this is no growth that could be measured

BUILD = ["-m", "sphinx", "-q", "-T", "-d", "docs/_build/doctrees", "docs", "docs/_build/html"]
PARTS: dict[str, Callable[[Path, int], None]] = {
    "cold": lambda root, pages: None,
    "nothing changed": lambda root, pages: None,
    "one edited": lambda root, pages: made_site.edit(root),
    "one added": lambda root, pages: made_site.add(root, pages),
    "one renamed": lambda root, pages: made_site.rename(root),
}


def measure_sizes(sizes: list[int], parts: list[str]) -> dict[str, dict[int, Usage]]:
    """Build sites of made pages; return by part what each size took."""
    found: dict[str, dict[int, Usage]] = {part: {} for part in parts}
    print(f"{'pages':>6}  {'part':<16}{'seconds':>9}{'of CPU':>9}{'ms CPU a page':>15}{'MB, main':>10}{'MB, all':>9}")
    for pages in sizes:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            made_site.make(root, pages)
            os.environ["PYTHONPATH"] = str(root / "src")
            for part in parts:
                PARTS[part](root, pages)
                used = found[part][pages] = measure([sys.executable, *BUILD], root)
                print(
                    f"{pages:>6}  {part:<16}{used.seconds:>9.1f}{used.cpu:>9.1f}{1000 * used.cpu / pages:>15.1f}"
                    f"{used.peak:>10.0f}{used.peak_of_all:>9.0f}",
                    flush=True,
                )
    return found


def growth(used: dict[int, float]) -> tuple[list[float], float]:
    """Return what a page more costs from each size to the next, and how much more at last than at first.

    What a build takes at any number of pages is in neither. The second is 1 if the whole is linear.

    Examples
    --------
    >>> growth({1: 10.0, 3: 12.0, 10: 19.0})
    ([1.0, 1.0], 1.0)
    """
    costs = [(used[after] - used[before]) / (after - before) for before, after in itertools.pairwise(sorted(used))]
    return costs, max(costs[-1], NOISE) / max(costs[0], NOISE)


def report_growth(found: dict[str, dict[int, Usage]]) -> bool:
    """Print how each part grows; return whether one grows faster than the pages."""
    print(f"\n{'one page more takes':<20}{'ms CPU':>16}{'kB':>16}{'last : first':>14}  limit {GROWTH_MOST:g}")
    failed = False
    for part, used in found.items():
        costs, ratio = growth({pages: one.cpu for pages, one in used.items()})
        memory, _ = growth({pages: one.peak for pages, one in used.items()})
        listed = [" ".join(f"{1000 * cost:.0f}" for cost in numbers) for numbers in (costs, memory)]
        print(f"{part:<20}{listed[0]:>16}{listed[1]:>16}{ratio:>14.2f}")
        failed |= ratio > GROWTH_MOST
    return failed


def main() -> int:
    """Print the tables; return 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(prog="nox -s bench -- build_speed")
    parser.add_argument("--copies", type=int, default=105, help="how many copies of the guide's pages; 0 for none")
    parser.add_argument("--pages", type=int, nargs="*", default=[100, 300, 1000], help="how many made pages")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="of the made pages")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    failed = bool(options.copies) and copied_site.report(options.copies)
    if options.pages:
        found = measure_sizes(sorted(options.pages), ["cold", *(part for part in options.parts if part != "cold")])
        if len(options.pages) > 1:
            failed |= report_growth(found)
        most = max(options.pages)
        if "nothing changed" in found and (seconds := found["nothing changed"][most].seconds) > UNCHANGED_MOST:
            print(f"nothing changed at {most} pages: {seconds:.1f} s, limit {UNCHANGED_MOST:g} s")
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

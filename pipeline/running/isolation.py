"""Set a page apart from the build: its random numbers, threads, settings, warnings, folder and modules."""

from __future__ import annotations

import gc
import importlib.util
import multiprocessing
import os
import random
import sys
import warnings
from pathlib import Path

from pipeline.running.job import Job


def isolate(job: Job) -> None:
    """Give the page random numbers of its own, few threads, a folder of its own and no tolerance for warnings."""
    gc.freeze()  # what the server imported stays; collecting it anew cost each page 0.2 s and copied its memory
    # A page starts processes as its script does. The server's own way would import torch and the page in each of them.
    multiprocessing.set_start_method(multiprocessing.get_all_start_methods()[0], force=True)
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    if "torch" in sys.modules:
        sys.modules["torch"].seed()
        sys.modules["torch"].set_num_threads(job.threads)
    os.environ.update(
        {name: str(job.threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    )
    _use_the_defaults_of_matplotlib()
    os.environ["PTGUIDE_RECORDED"] = job.measurements
    os.environ["PTGUIDE_RECORD"] = str(job.measured_file)
    warnings.resetwarnings()
    warnings.simplefilter("error")
    for rule in job.ignored_warnings:
        warnings._setoption(rule)  # what python -W calls
    job.work.mkdir()
    os.chdir(job.work)


def _use_the_defaults_of_matplotlib() -> None:
    """Leave the settings of whoever builds the site: those of a file, and those that the server has read from it."""
    os.environ["MPLBACKEND"] = "agg"
    if found := importlib.util.find_spec("matplotlib"):
        os.environ["MATPLOTLIBRC"] = str(Path(str(found.origin)).parent / "mpl-data" / "matplotlibrc")
    if "matplotlib" in sys.modules:
        sys.modules["matplotlib"].rcdefaults()


def leave_the_project(job: Job) -> None:
    """Let the page, and what it starts, import nothing of the checkout: only what is installed, and the wheel.

    Raises
    ------
    RuntimeError
        If the helper package is imported already, so that the page would not get it from the wheel.
    """
    if job.package in sys.modules:
        raise RuntimeError(f"{job.package} was imported before the page; take what imports it out of pages_preload")
    home = Path(__file__).parents[2]
    kept = (path for path in sys.path if path and Path(path) != home)
    installed = (
        path for path in kept if not Path(path).is_relative_to(job.root) or Path(path).is_relative_to(sys.prefix)
    )
    sys.path[:] = [job.wheel, *installed]
    os.environ["PYTHONPATH"] = job.wheel
    for name in [name for name in sys.modules if name.partition(".")[0] == "pipeline"]:
        del sys.modules[name]  # which a reader does not have

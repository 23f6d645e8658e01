"""Find the device to compute on, time work on it honestly, and say what this machine computes with."""

from __future__ import annotations

import logging
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch.utils.benchmark import Timer

__all__ = ["Timing", "device_name", "environment", "measure", "pick_device"]

# Environment variables that change what torch computes, on what, or how fast; a bug report names those that are set. By
# name, one by one: others that begin like these can hold a secret.
TELLING = (
    *("CUBLAS_WORKSPACE_CONFIG", "CUDA_DEVICE_ORDER", "CUDA_HOME", "CUDA_LAUNCH_BLOCKING", "CUDA_MODULE_LOADING"),
    *("CUDA_VISIBLE_DEVICES", "KMP_AFFINITY", "KMP_BLOCKTIME", "MKL_CBWR", "MKL_NUM_THREADS", "NCCL_DEBUG"),
    *("OMP_NUM_THREADS", "OMP_PROC_BIND", "PTGUIDE_DEVICE", "PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"),
    *(
        "PYTORCH_ENABLE_MPS_FALLBACK",
        "PYTORCH_JIT",
        "PYTORCH_MPS_HIGH_WATERMARK_RATIO",
        "PYTORCH_NVML_BASED_CUDA_CHECK",
    ),
    *(
        "TORCHDYNAMO_DISABLE",
        "TORCHINDUCTOR_CACHE_DIR",
        "TORCHINDUCTOR_MAX_AUTOTUNE",
        "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    ),
    *("TORCH_COMPILE_DISABLE", "TORCH_CUDNN_V8_API_DISABLED", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "TORCH_LOGS"),
    *("TORCH_SHOW_CPP_STACKTRACES", "ATEN_CPU_CAPABILITY"),
)
# Below 5 there is no middle half to speak of.
FEWEST_REPEATS = 5


def pick_device() -> torch.device:
    """Return the accelerator of this machine (CUDA, MPS or XPU), or the CPU where it has no accelerator.

    The environment variable ``PTGUIDE_DEVICE`` (for example ``cpu`` or ``cuda:1``) decides where it is set. Under
    ``torchrun``, which starts several processes on one machine, each gets an accelerator of its own.

    Raises
    ------
    ValueError
        If ``PTGUIDE_DEVICE`` names a device that this machine or this torch does not have, or if ``torchrun`` started
        more processes than there are accelerators.

    Examples
    --------
    >>> pick_device().type in {"cpu", "cuda", "mps", "xpu"}
    True
    """
    wanted = os.environ.get("PTGUIDE_DEVICE", "")
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    numbered = _accelerators()
    if not wanted:
        return _own_share(numbered) if accelerator else torch.device("cpu")
    present = ["cpu"]
    if accelerator is not None:
        present += [accelerator.type, *map(str, numbered)]
    if wanted not in present:
        raise ValueError(f"PTGUIDE_DEVICE is {wanted!r}; this machine has {', '.join(present)}.")
    return torch.device(wanted)


def device_name(device: torch.device | None = None) -> str:
    """Return the name of a device as its maker writes it, by default of the one that `pick_device` picks.

    Examples
    --------
    >>> device_name(torch.device("cpu"))[:3]
    'CPU'
    """
    device = device or pick_device()
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "xpu":
        return torch.xpu.get_device_name(device)
    if device.type == "cpu":
        return f"CPU ({platform.machine()})"
    return device.type.upper()


@dataclass(frozen=True)
class Timing:
    """How long one call takes.

    Parameters
    ----------
    seconds : tuple of float
        Seconds a call, one number for each measurement, in the order in which they were made.
    calls : int
        How many calls were made in all measurements together; a quick function is called many times in each.
    where : str
        The device, by its name, and the number of CPU threads.
    """

    seconds: tuple[float, ...]
    calls: int
    where: str

    @property
    def median(self) -> float:
        """The measurement in the middle when they are sorted, or the mean of the two there; seconds."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """Seconds between the first and the third quartile: the middle half of the measurements lies within it."""
        first, _, third = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return third - first

    def __str__(self) -> str:
        """Return median, spread, number of measurements, and where."""
        times = f"median {_with_unit(self.median)}, spread {_with_unit(self.spread)}"
        return f"{times} ({len(self.seconds)} measurements, {self.calls} calls; {self.where})"


def measure(
    function: Callable[[], object],
    *,
    device: torch.device | str | None = None,
    warmup: int = 3,
    repeats: int = 7,
    min_seconds: float = 0.2,
) -> Timing:
    """Time a function without arguments, as it runs once it is warm.

    A GPU computes while Python goes on, so a clock that is read too early stops before the work does. Each
    measurement here ends with a wait for the accelerator. The first calls, which allocate memory, choose kernels or
    compile, are not counted; and a quick function is called so often within one measurement that reading the clock
    takes under a thousandth of it.

    Parameters
    ----------
    function : callable
        What to time: ``lambda: left @ right``. What it returns is thrown away.
    device : torch.device or str, optional
        Where the function computes; by default the device that `pick_device` picks.
    warmup : int
        How many calls to make before the first measurement, 0 or more.
    repeats : int
        The least number of measurements, 5 or more.
    min_seconds : float
        The least time to spend on all measurements together, in seconds.

    Raises
    ------
    TypeError
        If ``function`` cannot be called.
    ValueError
        If one of the numbers is too small.

    Notes
    -----
    `torch.utils.benchmark.Timer` measures. Left to itself it uses one CPU thread and waits for the current accelerator;
    here it uses as many threads as torch does, and waits for ``device``.

    Examples
    --------
    >>> x = torch.rand(100, 100)
    >>> timing = measure(lambda: x @ x, min_seconds=0.01)
    >>> 0 < timing.median < 1
    True
    """
    if not callable(function):
        raise TypeError(f"function is a {type(function).__name__}; pass a callable, such as lambda: left @ right.")
    for name, value, least in (("warmup", warmup, 0), ("repeats", repeats, FEWEST_REPEATS)):
        if value < least:
            raise ValueError(f"{name} is {value}; expected {least} or more.")
    if min_seconds <= 0:
        raise ValueError(f"min_seconds is {min_seconds}; expected a number of seconds above 0.")
    device = pick_device() if device is None else torch.device(device)
    threads = torch.get_num_threads()

    def clock() -> float:
        if torch.accelerator.is_available():
            torch.accelerator.synchronize(None if device.type == "cpu" else device)
        return time.perf_counter()

    timer = _timer_of_torch()("function()", timer=clock, globals={"function": function}, num_threads=threads)
    for _ in range(warmup):
        function()
    seconds: list[float] = []
    calls, spent = 0, 0.0
    while len(seconds) < repeats or spent < min_seconds:
        measured = timer.blocked_autorange(min_run_time=min_seconds)
        seconds += measured.times
        calls += measured.number_per_run * len(measured.times)
        spent += sum(measured.raw_times)
    return Timing(tuple(seconds), calls, f"{device_name(device)}, {threads} CPU thread{'s' * (threads != 1)}")


def environment() -> dict[str, str]:
    """Return what a result depends on, each under its name: versions, devices, threads, environment variables.

    Examples
    --------
    >>> list(environment())[:5]
    ['ptguide', 'python', 'system', 'torch', 'torchvision']
    """
    from torch.utils.collect_env import get_nvidia_driver_version, run

    try:
        picked = str(pick_device())
    except ValueError as error:  # a report on a wrong PTGUIDE_DEVICE must still be printed
        picked = str(error)
    found = {
        "ptguide": _version("ptguide"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "torch": torch.__version__,
        **{package: _version(package) for package in ("torchvision", "numpy")},
        "CUDA": torch.version.cuda or "not in this torch",
        "ROCm": torch.version.hip or "not in this torch",
        # torch has no types for this module
        "driver": get_nvidia_driver_version(run) or "no NVIDIA driver found",  # type: ignore[no-untyped-call]
        "CPU": f"{device_name(torch.device('cpu'))}, {os.cpu_count()} cores",
        **{str(device): device_name(device) for device in _accelerators()},
        "picked": picked,
        "threads": f"{torch.get_num_threads()} within an operation, {torch.get_num_interop_threads()} across",
    }
    return {**found, **{name: os.environ[name] for name in sorted(os.environ) if name in TELLING}}


def _timer_of_torch() -> type[Timer]:
    """Return torch's `Timer`, which takes a tenth of a second to import."""
    # What it imports remarks on a CUDA compiler where there is no GPU: nobody asked, and pages show what is logged.
    logger = logging.getLogger("torch.utils.cpp_extension")
    before, logger.disabled = logger.disabled, True
    try:
        from torch.utils.benchmark import Timer
    finally:
        logger.disabled = before
    return Timer


def _accelerators() -> list[torch.device]:
    """Return every accelerator of the kind that torch found, by number."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    count = torch.accelerator.device_count() if accelerator else 0
    return [torch.device(accelerator.type, index) for index in range(count)] if accelerator else []


def _own_share(numbered: list[torch.device]) -> torch.device:
    """Return the accelerator of this process: ``torchrun`` numbers those of one machine in LOCAL_RANK."""
    rank = int(os.environ.get("LOCAL_RANK", -1))
    if rank < 0 or len(numbered) == 1:  # one alone may also be the one that this process was allowed to see
        return torch.device(numbered[0].type)
    if rank >= len(numbered):
        raise ValueError(
            f"LOCAL_RANK is {rank}; this machine has {', '.join(map(str, numbered))}. Start as many processes: "
            f"torchrun --nproc-per-node={len(numbered)}."
        )
    return numbered[rank]


def _version(package: str) -> str:
    """Return the version of an installed package, without importing it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _with_unit(seconds: float) -> str:
    """Write a time with three digits and the unit in which it is 1 or more."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"

"""Find the device to compute on, and say what this machine computes with."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import torch

__all__ = ["device_name", "environment", "pick_device"]


def pick_device() -> torch.device:
    """Return the accelerator of this machine, or the CPU where there is none.

    The environment variable ``PTGUIDE_DEVICE`` (for example ``cpu`` or ``cuda:1``) decides where it is set.

    Raises
    ------
    ValueError
        If ``PTGUIDE_DEVICE`` names a device that this machine or this torch does not have.

    Examples
    --------
    >>> pick_device().type in {"cpu", "cuda", "mps", "xpu"}
    True
    """
    wanted = os.environ.get("PTGUIDE_DEVICE", "")
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if not wanted:
        return accelerator or torch.device("cpu")
    present = ["cpu"]
    if accelerator is not None:
        numbered = [f"{accelerator.type}:{index}" for index in range(torch.accelerator.device_count())]
        present += [accelerator.type, *numbered]
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
    if device.type == "cpu":
        return f"CPU ({platform.machine()})"
    return device.type.upper()


def environment() -> dict[str, str]:
    """Return the versions and the device that a result depends on, each under its name.

    Examples
    --------
    >>> list(environment())
    ['python', 'torch', 'torchvision', 'numpy', 'device', 'platform']
    """
    found = {"python": platform.python_version()}
    for package in ("torch", "torchvision", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return {**found, "device": device_name(), "platform": platform.platform()}

"""Mixed precision: which operations compute in 16 bits, and how small gradients survive it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

PRECISIONS = (torch.float32, torch.bfloat16, torch.float16)


def mixed(precision: torch.dtype, device: torch.device, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, computed in mixed precision; as it is for float32, where nothing would change."""
    if precision == torch.float32:
        return function
    wrapped: Callable[..., Any] = torch.autocast(device.type, dtype=precision)(function)
    return wrapped


def grad_scaler(precision: torch.dtype, device: torch.device) -> torch.amp.GradScaler | None:
    """Return what keeps float16 gradients from vanishing: the loss is multiplied, the gradients divided again."""
    return torch.amp.GradScaler(device.type) if precision == torch.float16 else None

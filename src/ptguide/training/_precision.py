"""Mixed precision: which operations compute in 16 bits, and how small gradients survive it."""

from __future__ import annotations

import contextlib
from typing import Any

import torch

PRECISIONS = (torch.float32, torch.bfloat16, torch.float16)


def autocast(precision: torch.dtype, device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Return the context in which the model and the loss are computed; it may be entered again and again."""
    if precision == torch.float32:
        return contextlib.nullcontext()  # a disabled autocast costs 2 us to enter
    return torch.autocast(device.type, dtype=precision)


def grad_scaler(precision: torch.dtype, device: torch.device) -> torch.amp.GradScaler | None:
    """Return what keeps float16 gradients from vanishing: the loss is multiplied, the gradients divided again."""
    return torch.amp.GradScaler(device.type) if precision == torch.float16 else None

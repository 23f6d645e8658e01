"""Bring a model and its optimizer to the device on which they are to be trained."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import nn


def place(
    model: nn.Module,
    device: torch.device | str | None,
    optimizer: torch.optim.Optimizer | None = None,
    loss: Any = None,
) -> torch.device:
    """Return the one device that the model is on, after moving it where ``device`` says so.

    `torch.nn.Module.to` keeps the parameters the same objects, so an optimizer made before the move still holds them;
    what it has gathered about them moves along, and so does a loss that holds tensors (the weights of classes).
    """
    if device is not None:
        model.to(device)
        if optimizer is not None and optimizer.state:
            optimizer.load_state_dict(optimizer.state_dict())
    found = {tensor.device for tensor in itertools.chain(model.parameters(), model.buffers())}
    if len(found) > 1:
        raise ValueError(
            f"model has tensors on {' and '.join(sorted(map(str, found)))}; expected one device. "
            "Move the whole model: pass device=."
        )
    chosen = found.pop() if found else torch.device(device or "cpu")
    if isinstance(loss, nn.Module):
        loss.to(chosen)
    return chosen

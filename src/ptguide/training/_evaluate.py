"""How good is a model on data that it does not learn from?"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ptguide.training._batch import Forward, Loss, batch_size, mover
from ptguide.training._figures import Figures
from ptguide.training._modes import evaluation_mode


def measure(
    model: nn.Module,
    network: Any,
    data: Any,
    loss: Loss,
    figures: Figures,
    forward: Forward,
    device: torch.device,
    context: Any,
) -> dict[str, float]:
    """Return the figures over all batches, in evaluation mode and without gradients."""
    move = mover(device)
    figures.reset()
    with torch.no_grad(), evaluation_mode(model):
        for batch in data:
            with context:
                outputs, targets = forward(network, move(batch))
                value = loss(outputs, targets)
            figures.add(value, outputs, targets, batch_size(batch))
    return figures.compute()

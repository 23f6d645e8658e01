"""Training mode and evaluation mode, put back afterwards as they were."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import nn


@contextlib.contextmanager
def modes_restored(model: nn.Module) -> Iterator[None]:
    """Put the mode of every layer back at the end, also after an error."""
    before = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


@contextlib.contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Run in evaluation mode, and put every layer's own mode back: a frozen batch norm stays frozen."""
    with modes_restored(model):
        model.eval()
        yield


@contextlib.contextmanager
def training_mode(model: nn.Module) -> Iterator[None]:
    """Run in training mode; layers that were put into evaluation mode one by one keep it."""
    with modes_restored(model):
        if not model.training:
            model.train()
        yield

"""A call as one writes it, and the panel that shows it between inputs and outputs."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

import torch
from torch import Tensor, nn

from ptguide._tracing import arguments_of
from ptguide.pictures._panels import MARGIN
from ptguide.pictures._picture import Panel

PLACES = {"torch": torch, "F": nn.functional, "torch.linalg": torch.linalg, "torch.fft": torch.fft}


def call_text(op: Callable[..., Any], inputs: Any, kwargs: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return a call as one writes it: ``torch.stack([a, b], dim=1)``."""
    left = iter(names)
    positional = [written(argument, left) for argument in arguments_of(inputs)]
    keywords = [f"{key}={written(value, left)}" for key, value in kwargs.items()]
    name = getattr(op, "__name__", "")
    if op is operator.getitem and len(positional) == 2:
        return f"{positional[0]}[{positional[1].removeprefix('(').removesuffix(')')}]"
    if isinstance(op, nn.Module):
        shown = repr(op)
        name = shown if "\n" not in shown and len(shown) <= 40 else type(op).__name__
    elif inspect.ismethoddescriptor(op) and positional:
        return f"{positional[0]}.{name}({', '.join([*positional[1:], *keywords])})"
    elif place := next((p for p, m in PLACES.items() if getattr(m, name.removeprefix(f"{p[6:]}_"), None) is op), ""):
        name = f"{place}.{name.removeprefix(f'{place[6:]}_')}"
    elif not name.isidentifier():  # a lambda, a partial
        name = "op"
    return f"{name}({', '.join([*positional, *keywords])})"


def written(value: Any, names: Iterator[str]) -> str:
    """Return an argument as one writes it; tensors go by their names, in turn."""
    if isinstance(value, Tensor):
        return next(names)
    if isinstance(value, (list, tuple)):
        parts = ", ".join(written(part, names) for part in value)
        return f"[{parts}]" if isinstance(value, list) else f"({parts}{',' * (len(value) == 1)})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {written(part, names)}" for key, part in value.items()) + "}"
    if isinstance(value, slice):
        bounds = [str(part) if part is not None else "" for part in (value.start, value.stop)]
        return ":".join(bounds + ([str(value.step)] if value.step is not None else []))
    return "..." if value is Ellipsis else repr(value)


def call_panel(label: str) -> Panel:
    """Draw a call with an arrow below it."""
    width = len(label) * 7.4 + 2 * MARGIN
    body = (
        f'<text class="ptg-index" x="{width / 2:g}" y="20">{escape(label)}</text>'
        f'<path class="ptg-edge" d="M{width / 2 - 24:g} 34h46m-8 -6l8 6l-8 6"/>'
    )
    return Panel(body, max(width, 64), 48, f"{label} gives")

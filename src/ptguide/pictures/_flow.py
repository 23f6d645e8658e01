"""The gradients that flow back through a graph."""

from __future__ import annotations

import gc
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from ptguide.pictures._nodes import Edge, Node, is_leaf
from ptguide.pictures._panels import text_of

SMALL = 6  # elements of a tensor whose values are written out
SUMMANDS = 4  # gradients of one element that are written as a sum, one by one
LINE_LENGTH = 24  # characters; longer values go on in the next line, so that two boxes fit a telephone


@dataclass(frozen=True)
class Flow:
    """The gradient of the result with respect to what a node made, and the parts that it is the sum of."""

    total: Tensor | None  # None: no gradient came
    parts: tuple[Tensor, ...]

    @property
    def changed(self) -> bool:
        """Whether the total is not the sum of the parts, which takes a hook on the tensor."""
        if self.total is None or not self.total.dtype.is_floating_point:
            return False
        added = sum(self.parts, torch.zeros_like(self.total))
        scale = sum((part.abs() for part in self.parts), torch.zeros_like(self.total))
        # The engine may add in another order than we do.
        return bool(((added - self.total).abs() > 64 * torch.finfo(self.total.dtype).eps * scale).any())

    def text(self) -> tuple[str, str]:
        """Return the gradient as it is drawn, and a remark."""
        if self.total is None:
            return "none came", ""
        values, count = values_text(self.total), len(self.parts)
        remark = "changed by a hook" if self.changed else f"sum of {count}" if count > 1 else ""
        if not values:
            return f"{tuple(self.total.shape)},\nnorm {norm_text([self.total])}", remark
        if self.total.numel() == 1 and 1 < count <= SUMMANDS and not self.changed:
            summands = [_number(part.item()) for part in self.parts]
            whole = " + ".join(f"({text})" if n and text.startswith("-") else text for n, text in enumerate(summands))
            return f"= {whole}\n= {_number(self.total.item())}", ""
        return f"= {values}", remark


def backward(tensor: Tensor, start: Tensor, nodes: Sequence[Node], edges: Sequence[Edge]) -> dict[Edge, Flow]:
    """Return what flows into each edge, of which the first is the result's; leave everything as it was."""
    parts: dict[Edge, list[Tensor]] = {edge: [] for edge in edges}
    parts[edges[0]].append(_dense(start))
    arrived: dict[Edge, Tensor] = {}  # after the hooks of the tensor; torch.autograd.grad gives what was before them

    def arrival(node: Node) -> Callable[[Sequence[Tensor | None]], None]:
        def record(grads: Sequence[Tensor | None]) -> None:
            arrived.update({(node, place): _dense(grad) for place, grad in enumerate(grads) if grad is not None})

        return record

    def recorder(node: Node) -> Callable[[Sequence[Tensor | None], Any], None]:
        def record(to_inputs: Sequence[Tensor | None], _: Any) -> None:
            for edge, part in zip(node.next_functions, to_inputs, strict=False):
                if edge[0] is not None and part is not None:
                    parts[edge].append(_dense(part))

        return record

    handles = [node.register_hook(recorder(node)) for node in nodes if not is_leaf(node)]
    handles += [node.register_prehook(arrival(node)) for node in nodes if not is_leaf(node)]
    wanted = [GradientEdge(*edge) for edge in parts]
    try:
        with _grads_kept():
            totals = torch.autograd.grad(tensor, wanted, start, retain_graph=True, allow_unused=True)
    except RuntimeError as error:
        if "second time" not in str(error):
            raise
        raise ValueError(
            "tensor has a graph that an earlier backward() freed. Draw it before, or call backward(retain_graph=True)."
        ) from error
    finally:
        for handle in handles:
            handle.remove()
    found = {edge: None if total is None else _dense(total) for edge, total in zip(parts, totals, strict=True)}
    return {edge: Flow(total, tuple(parts[edge])) for edge, total in (found | arrived).items() if edge in parts}


@contextmanager
def _grads_kept() -> Iterator[None]:
    """Put back the gradients of tensors with ``retain_grad()``: torch.autograd.grad adds to them, as backward does."""
    with torch._C.DisableTorchFunctionSubclass():  # a subclass of Tensor may refuse to be asked
        kept = [
            (tensor, tensor.grad)  # only the collector knows them all: a node does not know its tensor
            for tensor in gc.get_objects()
            if issubclass(type(tensor), Tensor) and tensor.retains_grad
        ]
    try:
        yield
    finally:
        for tensor, grad in kept:
            tensor.grad = grad


def _dense(tensor: Tensor) -> Tensor:
    tensor = tensor.detach()
    return (tensor if tensor.layout == torch.strided else tensor.to_dense()).cpu()


def values_text(tensor: Tensor | None) -> str:
    """Return the values of a small tensor."""
    return "" if tensor is None or tensor.numel() > SMALL else _nested(_dense(tensor).tolist())


def norm_text(tensors: Sequence[Tensor]) -> str:
    """Return the root of the sum of the squares of all elements."""
    norms = [torch.linalg.vector_norm(x.to(torch.complex128 if x.is_complex() else torch.float64)) for x in tensors]
    return _number(torch.stack(norms).norm().item())


def _nested(values: object) -> str:
    return f"[{', '.join(map(_nested, values))}]" if isinstance(values, list) else _number(values)


def _number(value: object) -> str:
    return f"({value:.4g})" if isinstance(value, complex) else text_of(value)


def wrapped(text: str) -> list[str]:
    """Break values into lines, each row of a matrix in its own."""
    rows = text.replace("], [", "],\n[").split("\n")
    return [line for row in rows for line in textwrap.wrap(row, LINE_LENGTH)]

"""What autograd recorded: the nodes of a graph, the gradients that flow back through it, and both in words."""

from __future__ import annotations

import gc
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

from ptguide.pictures._layers import Line
from ptguide.pictures._panels import listed, text_of

MOST = 60  # nodes of a graph that a person can follow
SMALL = 6  # elements of a tensor whose values are written out
SUMMANDS = 4  # gradients of one element that are written as a sum, one by one
LINE_LENGTH = 24  # characters; longer values go on in the next line, so that two boxes fit a telephone
Node: TypeAlias = Any  # torch's own types of nodes differ from operation to operation
Edge: TypeAlias = tuple[Node, int]  # a node and the number of its output


def start_of(tensor: Tensor, gradient: Tensor | None) -> Tensor:
    """Return the gradient to start from."""
    for argument, given in (("tensor", tensor), ("gradient", tensor if gradient is None else gradient)):
        if not isinstance(given, Tensor):
            raise TypeError(f"{argument} has type {type(given).__name__}; expected a tensor.")
    if tensor.grad_fn is None:
        kind = (
            "is a leaf: no operation made it"
            if tensor.requires_grad
            else "has requires_grad=False: nothing was recorded"
        )
        raise ValueError(
            f"tensor {kind}, so it has no graph. Expected the result of operations on tensors that require grad."
        )
    shape = tuple(tensor.shape)
    if gradient is None:
        if tensor.numel() != 1 or tensor.is_complex():
            raise ValueError(
                f"tensor has shape {shape} and dtype {_dtype(tensor.dtype)}, and backward() would say that grad can be "
                f"implicitly created only for real scalar outputs. Give gradient, of shape {shape}."
            )
        return torch.ones_like(tensor)
    if gradient.shape != tensor.shape:
        raise ValueError(f"gradient has shape {tuple(gradient.shape)}; expected {shape} as tensor.")
    return gradient


def nodes_of(tensor: Tensor) -> list[Node]:
    """Return all nodes, in an order in which inputs follow what was made from them."""
    found: list[Node] = [tensor.grad_fn]
    seen = set(found)
    for node in found:  # grows
        fresh = {child: None for child, _ in inputs(node) if child not in seen}
        found.extend(fresh)
        seen.update(fresh)
    if len(found) > MOST:
        raise ValueError(
            f"tensor has a graph of {len(found)} nodes; expected at most {MOST}, which a person can follow. "
            "Draw a part of it, for example one layer or fewer steps."
        )
    waiting = Counter(child for node in found for child, _ in inputs(node))
    ready = found[:1]
    for node in ready:  # grows
        for child, _ in inputs(node):
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    return ready


def inputs(node: Node) -> list[Edge]:
    return [edge for edge in node.next_functions if edge[0] is not None]


def is_leaf(node: Node) -> bool:
    return hasattr(node, "variable") and not node.next_functions


def named(names: Mapping[str, Tensor], nodes: Sequence[Node]) -> tuple[dict[Edge, str], dict[Edge, Tensor]]:
    """Return the names of what the nodes made, and the tensors that bear them."""
    known: dict[Edge, str] = {}
    tensors: dict[Edge, Tensor] = {}
    for name, tensor in names.items():
        if not isinstance(tensor, Tensor):
            raise TypeError(f"names[{name!r}] has type {type(tensor).__name__}; expected a tensor.")
        if not tensor.requires_grad:
            raise ValueError(f"names[{name!r}] has requires_grad=False, so the graph has no node for it. Leave it out.")
        edge = get_gradient_edge(tensor)
        if edge.node not in nodes:
            raise ValueError(
                f"names[{name!r}] is no part of the graph of tensor. Leave it out, or draw what was made from it."
            )
        place = (edge.node, edge.output_nr)
        known[place] = f"{known[place]} = {name}" if place in known else name
        tensors[place] = tensor
    return known, tensors


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
        values, count = _values(self.total), len(self.parts)
        remark = "changed by a hook" if self.changed else f"sum of {count}" if count > 1 else ""
        if not values:
            norm = torch.linalg.vector_norm(
                self.total.to(torch.complex128 if self.total.is_complex() else torch.float64)
            )
            return f"{tuple(self.total.shape)},\nnorm {_number(norm.item())}", remark
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


def _values(tensor: Tensor | None) -> str:
    """Return the values of a small tensor."""
    return "" if tensor is None or tensor.numel() > SMALL else _nested(_dense(tensor).tolist())


def _nested(values: object) -> str:
    return f"[{', '.join(map(_nested, values))}]" if isinstance(values, list) else _number(values)


def _number(value: object) -> str:
    return f"({value:.4g})" if isinstance(value, complex) else text_of(value)


def _wrapped(text: str) -> list[str]:
    """Break values into lines, each row of a matrix in its own."""
    rows = text.replace("], [", "],\n[").split("\n")
    return [line for row in rows for line in textwrap.wrap(row, LINE_LENGTH)]


def _operation(node: Node) -> str:
    return type(node).__name__


def _dtype(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


@dataclass(frozen=True)
class Record:
    """What is known of a graph, in words."""

    nodes: Sequence[Node]  # inputs follow what was made from them
    flow: Mapping[Edge, Flow]
    names: Mapping[Edge, str]
    tensors: Mapping[Edge, Tensor]

    def outputs(self, node: Node) -> list[Edge]:
        """Return what the node made, as far as it was used."""
        return sorted((edge for edge in self.flow if edge[0] is node), key=lambda edge: edge[1])

    def form(self, edge: Edge) -> str:
        """Return the shape of what a node made, and its data type if it is not the usual one."""
        node, number = edge
        metadata = getattr(node, "_input_metadata", ())  # not documented: without it, the gradient has the same form
        about = metadata[number] if number < len(metadata) else self.flow[edge].total
        if about is None:
            return "unknown"
        return f"{tuple(about.shape)}" + ("" if about.dtype == torch.float32 else f" {_dtype(about.dtype)}")

    def constants(self, node: Node) -> str:
        """Return how many inputs are not part of the graph, in words."""
        count = len(node.next_functions) - len(inputs(node))
        return f"{count} constant{'s' * (count > 1)}" if count else ""

    def lines(self, node: Node) -> list[Line]:
        """Return what stands in a node's box."""
        lines = []
        if not is_leaf(node):
            lines.append(Line(_operation(node), "name"))
            lines += [Line(f"with {constants}", "index")] if (constants := self.constants(node)) else []
        for edge in self.outputs(node):
            made = f"{self.names.get(edge, 'leaf' if is_leaf(node) else '')} {self.form(edge)}".strip()
            if is_leaf(node):
                lines += [Line(made, "name"), Line(_operation(node), "index")]
            else:
                lines.append(Line(f"makes {made}" if self.single(node) else f"output {edge[1]}: {made}", "index"))
            values = _values(self.tensors.get(edge))
            lines += [Line(text, "value") for text in _wrapped(f"= {values}")] if values else []
            gradient, remark = self.flow[edge].text()
            lines += [Line(text, "value", back=True) for text in _wrapped(f"∂ {gradient}")]
            lines += [Line(remark, "index", back=True)] if remark else []
        return lines

    def single(self, node: Node) -> bool:
        """Whether the node made one tensor."""
        return len(getattr(node, "_input_metadata", ())) <= 1 and len(self.outputs(node)) == 1

    def description(self, order: Sequence[Node], result: str) -> str:
        """Say what the nodes are, in the order in which they are drawn."""
        titles = {node: self.names.get((node, 0), "leaf") if is_leaf(node) else _operation(node) for node in order}
        repeated = {title for title, count in Counter(titles.values()).items() if count > 1}
        numbers: Counter[str] = Counter()
        for node, title in titles.items():
            if title in repeated:
                numbers[title] += 1
                titles[node] = f"{title} number {numbers[title]}"
        return "; ".join([f"Autograd graph of {result}", *(self._said(node, titles) for node in order)])

    def _said(self, node: Node, titles: Mapping[Node, str]) -> str:
        made = []
        for edge in self.outputs(node):
            name = "" if is_leaf(node) else self._output(edge)
            values = _values(self.tensors.get(edge))
            gradient = ", ".join(filter(None, self.flow[edge].text())).removeprefix("= ").replace("\n", " ")
            value = f", value {values}" if values else ""
            made.append(f"{name} of shape {self.form(edge)}{value}, gradient {gradient}".strip())
        if is_leaf(node):
            return f"{titles[node]} is a leaf {made[0]}"
        taken = [self.names.get(edge) or titles[edge[0]] for edge in inputs(node)]
        taken += [constants] if (constants := self.constants(node)) else []
        return f"{titles[node]} takes {listed(taken)} and makes {' and '.join(made)}"

    def _output(self, edge: Edge) -> str:
        if self.single(edge[0]):
            return self.names.get(edge, "a tensor")
        return f"output {edge[1]}" + (f", {self.names[edge]}," if edge in self.names else "")

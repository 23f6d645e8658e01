"""The nodes of the graph that autograd recorded, and the names given to what they made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd.graph import get_gradient_edge

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
    if tensor.is_meta:
        raise ValueError("tensor is on the device meta, where gradients have no values. Compute it elsewhere.")
    shape = tuple(tensor.shape)
    if gradient is None:
        if tensor.numel() != 1 or tensor.is_complex():
            raise ValueError(
                f"tensor has shape {shape} and dtype {dtype_text(tensor.dtype)}, and backward() would say that grad "
                f"can be implicitly created only for real scalar outputs. Give gradient, of shape {shape}."
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


FROZEN, UNUSED = "no gradient, as requires_grad=False", "not in this graph"  # what the legend says of tensors


def named(
    names: Mapping[str, Tensor], nodes: Sequence[Node]
) -> tuple[dict[Edge, str], dict[Edge, Tensor], dict[str, list[str]]]:
    """Return the names of what the nodes made, the tensors that bear them, and the names of others by what they are."""
    known: dict[Edge, str] = {}
    tensors: dict[Edge, Tensor] = {}
    others: dict[str, list[str]] = {FROZEN: [], UNUSED: []}
    there = set(nodes)
    for name, tensor in names.items():
        if not isinstance(tensor, Tensor):
            raise TypeError(f"names[{name!r}] has type {type(tensor).__name__}; expected a tensor.")
        if not tensor.requires_grad:
            others[FROZEN].append(name)
            continue
        edge = get_gradient_edge(tensor)
        place = (edge.node, edge.output_nr)
        if edge.node in there:
            known[place] = f"{known[place]} = {name}" if place in known else name
            tensors[place] = tensor
        elif tensor.is_leaf:
            others[UNUSED].append(name)
        else:
            raise ValueError(
                f"names[{name!r}] is no part of the graph of tensor. Leave it out, or draw what was made from it."
            )
    return known, tensors, others


def dtype_text(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")

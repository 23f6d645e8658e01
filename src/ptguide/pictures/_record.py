"""What autograd recorded, in words: a box for each node, or for each module in which nodes are folded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ptguide.pictures._flow import Flow, norm_text, values_text, wrapped
from ptguide.pictures._folding import Fold
from ptguide.pictures._layers import Line
from ptguide.pictures._nodes import Edge, Node, dtype_text, inputs, is_leaf
from ptguide.pictures._panels import listed


def _operation(node: Node) -> str:
    return type(node).__name__


@dataclass(frozen=True)
class Record:
    """What is known of a graph, in words."""

    boxes: Sequence[Node | Fold]  # inputs follow what was made from them
    flow: Mapping[Edge, Flow]  # of every edge; that of the result stands first
    names: Mapping[Edge, str]
    tensors: Mapping[Edge, Tensor]

    @cached_property
    def homes(self) -> dict[Node, Node | Fold]:
        """The box of each node."""
        return {node: box for box in self.boxes for node in (box.nodes if isinstance(box, Fold) else [box])}

    def box(self, edge: Edge) -> Node | Fold:
        """Return the box from which an edge leads."""
        return self.homes[edge[0]]

    def inputs(self, box: Node | Fold) -> list[Edge]:
        """Return what leads into a box."""
        return box.inputs if isinstance(box, Fold) else inputs(box)

    def outputs(self, box: Node | Fold) -> list[Edge]:
        """Return what was made in a box, as far as others use it or it is the result."""
        if isinstance(box, Fold):
            result = next(iter(self.flow))
            return [*box.outputs, *[edge for edge in (result,) if self.box(edge) is box and edge not in box.outputs]]
        return sorted((edge for edge in self.flow if edge[0] is box), key=lambda edge: edge[1])

    def form(self, edge: Edge) -> str:
        """Return the shape of what a node made, and its data type if it is not the usual one."""
        node, number = edge
        metadata = getattr(node, "_input_metadata", ())  # not documented: without it, the gradient has the same form
        about = metadata[number] if number < len(metadata) else self.flow[edge].total
        if about is None:
            return "unknown"
        return f"{tuple(about.shape)}" + ("" if about.dtype == torch.float32 else f" {dtype_text(about.dtype)}")

    def constants(self, node: Node) -> str:
        """Return how many inputs are not part of the graph, in words."""
        return _counted(len(node.next_functions) - len(inputs(node)), "constant")

    def lines(self, box: Node | Fold) -> list[Line]:
        """Return what stands in a box."""
        if isinstance(box, Fold):
            lines = [Line(box.name, "name"), Line(self._folded(box), "index")]
        elif is_leaf(box):
            (edge,) = self.outputs(box)
            lines = [Line(f"{self.names.get(edge, 'leaf')} {self.form(edge)}", "name"), Line(_operation(box), "index")]
        else:
            lines = [Line(_operation(box), "name")]
            lines += [Line(f"with {constants}", "index")] if (constants := self.constants(box)) else []
        for edge in self.outputs(box):
            made = f"{self.names.get(edge, '')} {self.form(edge)}".strip()
            if not is_leaf(box):
                lines.append(Line(f"makes {made}" if self.single(box) else f"output {edge[1]}: {made}", "index"))
            values = values_text(self.tensors.get(edge))
            lines += [Line(text, "value") for text in wrapped(f"= {values}")] if values else []
            gradient, remark = self.flow[edge].text()
            lines += [Line(text, "value", back=True) for text in wrapped(f"∂ {gradient}")]
            lines += [Line(remark, "index", back=True)] if remark else []
        if isinstance(box, Fold) and (norm := self._norm(box)):
            lines += [Line("∂ of its leaves,", "value", back=True), Line(f"norm {norm}", "value", back=True)]
        return lines

    def _folded(self, fold: Fold) -> str:
        leaves = sum(map(is_leaf, fold.nodes))
        return " and ".join(
            filter(None, [_counted(len(fold.nodes) - leaves, "operation"), _counted(leaves, "leaf", "leaves")])
        )

    def _norm(self, fold: Fold) -> str:
        """Return the root of the sum of the squares of the gradients of a fold's leaves."""
        totals = [self.flow[node, 0].total for node in fold.nodes if is_leaf(node)]
        there = [total for total in totals if total is not None]
        return norm_text(there) if there else ""

    def single(self, box: Node | Fold) -> bool:
        """Whether a box made one tensor."""
        if isinstance(box, Fold):
            return True
        return len(getattr(box, "_input_metadata", ())) <= 1 and len(self.outputs(box)) == 1

    def description(self, order: Sequence[Node | Fold], result: str) -> str:
        """Say what the boxes are, in the order in which they are drawn."""
        titles = {box: self._title(box) for box in order}
        repeated = {title for title, count in Counter(titles.values()).items() if count > 1}
        numbers: Counter[str] = Counter()
        for box, title in titles.items():
            if title in repeated:
                numbers[title] += 1
                titles[box] = f"{title} number {numbers[title]}"
        return "; ".join([f"Autograd graph of {result}", *(self._said(box, titles) for box in order)])

    def _title(self, box: Node | Fold) -> str:
        if isinstance(box, Fold):
            return box.name
        return self.names.get((box, 0), "leaf") if is_leaf(box) else _operation(box)

    def _said(self, box: Node | Fold, titles: Mapping[Node | Fold, str]) -> str:
        made = []
        for edge in self.outputs(box):
            name = "" if is_leaf(box) else self._output(edge)
            values = values_text(self.tensors.get(edge))
            gradient = ", ".join(filter(None, self.flow[edge].text())).removeprefix("= ").replace("\n", " ")
            value = f", value {values}" if values else ""
            made.append(f"{name} of shape {self.form(edge)}{value}, gradient {gradient}".strip())
        if is_leaf(box):
            return f"{titles[box]} is a leaf {made[0]}"
        taken = [self.names.get(edge) or titles[self.box(edge)] for edge in self.inputs(box)]
        if not isinstance(box, Fold):
            taken += [constants] if (constants := self.constants(box)) else []
            return f"{titles[box]} takes {listed(taken)} and makes {' and '.join(made)}"
        inside = self._folded(box) + (f" with gradients of norm {norm}" if (norm := self._norm(box)) else "")
        takes = f"takes {listed(taken)} and " if taken else ""
        return f"{titles[box]}, which holds {inside}, {takes}makes {' and '.join(made)}"

    def _output(self, edge: Edge) -> str:
        if self.single(self.box(edge)):
            return self.names.get(edge, "a tensor")
        return f"output {edge[1]}" + (f", {self.names[edge]}," if edge in self.names else "")


def _counted(count: int, word: str, plural: str = "") -> str:
    return f"{count} {word if count == 1 else plural or word + 's'}" if count else ""

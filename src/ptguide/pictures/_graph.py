"""Draw the graph that autograd recorded: a box for each node, arrows in forward direction, gradients in the boxes."""

from __future__ import annotations

import gc
import itertools
import math
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, get_gradient_edge

from ptguide.pictures._panels import CHARACTER, MARGIN, text_of
from ptguide.pictures._picture import Panel, Picture

MOST = 60  # nodes of a graph that a person can follow
SMALL = 6  # elements of a tensor whose values are written out
SUMMANDS = 4  # gradients of one element that are written as a sum, one by one
LINE_LENGTH = 24  # characters; longer values go on in the next line, so that two boxes fit a telephone
CHARACTERS = {"name": 9.6, "value": CHARACTER, "index": 7.4}  # pixels, by class
BEND, SEPARATION, TRUNK = 38, 14, 10  # pixels: height in which arrows turn, space between boxes, width of a trunk
ORDERINGS, PLACINGS = 24, 400  # times to go through the layers, down and up in turn
Node: TypeAlias = Any  # torch's own types of nodes differ from operation to operation
Edge: TypeAlias = tuple[Node, int]  # a node and the number of its output


def draw_graph(tensor: Tensor, names: Mapping[str, Tensor] | None = None, *, gradient: Tensor | None = None) -> Picture:
    """Draw what autograd recorded of how a tensor was made, with the gradients that flow back through it.

    Leaves, the tensors that gradients are computed for, have round corners and stand above the first operation that
    uses them; arrows lead down to the result. A box tells the node's name as torch prints it, the shape of what it
    made in the forward pass (and the data type if it is not float32), and, after "∂", the gradient of the result with
    respect to that: its values for up to 6 elements, else its shape and its norm (the root of the sum of its squares).
    Where a result is used more than once, the gradients of all uses are added up. Where all of them have one element,
    the sum is written out.

    A tensor that does not require grad is no part of the graph: it has no box. The boxes that use one, or a number
    such as the 2 in ``x * 2``, count it as a constant.

    Parameters
    ----------
    tensor : Tensor
        The result of a computation on tensors that require grad.
    names : mapping of str to Tensor, optional
        Names for leaves, intermediate results and the result. The values of named tensors and leaves are written out
        for up to 6 elements.
    gradient : Tensor, of the shape of `tensor`, optional
        What to start from, as in `torch.Tensor.backward`. Left out, it is 1; `tensor` then has one real element.

    Returns
    -------
    Picture

    Raises
    ------
    ValueError
        If `tensor` has no graph, if its graph was freed or has more than 60 nodes, if it has more than one element or
        a complex one and there is no `gradient`, if `gradient` has another shape, or if a named tensor is no part of
        the graph.
    TypeError
        If `tensor`, a named tensor or `gradient` is not a tensor.

    Notes
    -----
    The gradients come from `torch.autograd.grad` with ``retain_graph=True``. Afterwards all is as it was: ``.grad`` of
    leaves and of tensors with ``retain_grad()``, hooks, and the graph, which can still be differentiated. Hooks of
    your own on the tensors in the graph run, as in any backward pass.

    Examples
    --------
    >>> import torch
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> y = x * x
    >>> for part in draw_graph(y, {"x": x, "y": y}).description.split("; "):
    ...     print(part)
    Autograd graph of y
    x is a leaf of shape (), value 3, gradient 3 + 3 = 6
    MulBackward0 takes x and x and makes y of shape (), value 9, gradient 1
    >>> x.grad is None
    True
    """
    start = _start(tensor, gradient)
    nodes = _nodes(tensor)
    known, tensors = _named(names or {}, nodes)
    result: Edge = (tensor.grad_fn, tensor.output_nr)
    flow = _backward(tensor, start, nodes, [result, *(edge for node in nodes for edge in _inputs(node))])
    tensors |= {result: tensor} | {(node, 0): node.variable for node in nodes if _is_leaf(node)}
    return Picture((_panel(_Record(nodes, flow, known, tensors), known.get(result, "the result")),))


def _start(tensor: Tensor, gradient: Tensor | None) -> Tensor:
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


def _nodes(tensor: Tensor) -> list[Node]:
    """Return all nodes, in an order in which inputs follow what was made from them."""
    found: list[Node] = [tensor.grad_fn]
    seen = set(found)
    for node in found:  # grows
        fresh = {child: None for child, _ in _inputs(node) if child not in seen}
        found.extend(fresh)
        seen.update(fresh)
    if len(found) > MOST:
        raise ValueError(
            f"tensor has a graph of {len(found)} nodes; expected at most {MOST}, which a person can follow. "
            "Draw a part of it, for example one layer or fewer steps."
        )
    waiting = Counter(child for node in found for child, _ in _inputs(node))
    ready = found[:1]
    for node in ready:  # grows
        for child, _ in _inputs(node):
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    return ready


def _inputs(node: Node) -> list[Edge]:
    return [edge for edge in node.next_functions if edge[0] is not None]


def _is_leaf(node: Node) -> bool:
    return hasattr(node, "variable") and not node.next_functions


def _named(names: Mapping[str, Tensor], nodes: Sequence[Node]) -> tuple[dict[Edge, str], dict[Edge, Tensor]]:
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
class _Flow:
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


def _backward(tensor: Tensor, start: Tensor, nodes: Sequence[Node], edges: Sequence[Edge]) -> dict[Edge, _Flow]:
    """Return what flows into each edge, of which the first is the result's; leave everything as it was."""
    parts: dict[Edge, list[Tensor]] = {edge: [] for edge in edges}
    parts[edges[0]].append(_dense(start))

    def recorder(node: Node) -> Callable[[Sequence[Tensor | None], Any], None]:
        def record(to_inputs: Sequence[Tensor | None], _: Any) -> None:
            for edge, part in zip(node.next_functions, to_inputs, strict=False):
                if edge[0] is not None and part is not None:
                    parts[edge].append(_dense(part))

        return record

    handles = [node.register_hook(recorder(node)) for node in nodes if not _is_leaf(node)]
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
    found = [None if total is None else _dense(total) for total in totals]
    return {edge: _Flow(total, tuple(parts[edge])) for edge, total in zip(parts, found, strict=True)}


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
class _Line:
    """A line of text in a box; what flows back stands on a ground of its own."""

    text: str
    style: Literal["name", "value", "index"]
    back: bool = False

    @property
    def width(self) -> float:
        return len(self.text) * CHARACTERS[self.style]

    @property
    def height(self) -> float:
        return 16 if self.style == "index" else 19


@dataclass(frozen=True)
class _Record:
    """What is known of a graph, in words."""

    nodes: Sequence[Node]  # inputs follow what was made from them
    flow: Mapping[Edge, _Flow]
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
        count = len(node.next_functions) - len(_inputs(node))
        return f"{count} constant{'s' * (count > 1)}" if count else ""

    def lines(self, node: Node) -> list[_Line]:
        """Return what stands in a node's box."""
        lines = []
        if not _is_leaf(node):
            lines.append(_Line(_operation(node), "name"))
            lines += [_Line(f"with {constants}", "index")] if (constants := self.constants(node)) else []
        for edge in self.outputs(node):
            made = f"{self.names.get(edge, 'leaf' if _is_leaf(node) else '')} {self.form(edge)}".strip()
            if _is_leaf(node):
                lines += [_Line(made, "name"), _Line(_operation(node), "index")]
            else:
                lines.append(_Line(f"makes {made}" if self.single(node) else f"output {edge[1]}: {made}", "index"))
            values = _values(self.tensors.get(edge))
            lines += [_Line(text, "value") for text in _wrapped(f"= {values}")] if values else []
            gradient, remark = self.flow[edge].text()
            lines += [_Line(text, "value", back=True) for text in _wrapped(f"∂ {gradient}")]
            lines += [_Line(remark, "index", back=True)] if remark else []
        return lines

    def single(self, node: Node) -> bool:
        """Whether the node made one tensor."""
        return len(getattr(node, "_input_metadata", ())) <= 1 and len(self.outputs(node)) == 1

    def description(self, order: Sequence[Node], result: str) -> str:
        """Say what the nodes are, in the order in which they are drawn."""
        titles = {node: self.names.get((node, 0), "leaf") if _is_leaf(node) else _operation(node) for node in order}
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
            name = "" if _is_leaf(node) else self._output(edge)
            values = _values(self.tensors.get(edge))
            gradient = ", ".join(filter(None, self.flow[edge].text())).removeprefix("= ").replace("\n", " ")
            value = f", value {values}" if values else ""
            made.append(f"{name} of shape {self.form(edge)}{value}, gradient {gradient}".strip())
        if _is_leaf(node):
            return f"{titles[node]} is a leaf {made[0]}"
        inputs = [self.names.get(edge) or titles[edge[0]] for edge in _inputs(node)]
        inputs += [constants] if (constants := self.constants(node)) else []
        return f"{titles[node]} takes {_listed(inputs)} and makes {' and '.join(made)}"

    def _output(self, edge: Edge) -> str:
        if self.single(edge[0]):
            return self.names.get(edge, "a tensor")
        return f"output {edge[1]}" + (f", {self.names[edge]}," if edge in self.names else "")


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


@dataclass(eq=False)
class _Item:
    """A box, or (without lines) the place where the trunk of an arrow runs through a layer."""

    layer: int  # 0 is the result's
    lines: Sequence[_Line] = ()
    center: float = 0.0
    above: list[_Item] = field(default_factory=list)
    below: list[_Item] = field(default_factory=list)

    @property
    def width(self) -> float:
        return 2 * math.ceil(max(line.width for line in self.lines) / 2) + 24 if self.lines else TRUNK

    @property
    def height(self) -> float:
        return sum(line.height for line in self.lines) + 8 + 8 * len(_grounds(self.lines)) if self.lines else 0.0

    def crossings(self, places: Mapping[_Item, int], other: _Item) -> int:
        """Return how many lines to the layer above cross, if `other` stands further right."""
        return sum(places[mine] > places[its] for mine in self.above for its in other.above)


def _grounds(lines: Sequence[_Line]) -> list[range]:
    """Return the runs of lines that tell what flows back."""
    back = [False, *(line.back for line in lines), False]
    starts = [n for n in range(len(lines)) if back[n + 1] and not back[n]]
    ends = [n for n in range(len(lines)) if back[n + 1] and not back[n + 2]]
    return [range(start, end + 1) for start, end in zip(starts, ends, strict=True)]


class _Layout:
    """Places for boxes and arrows: layers by the longest path to the result, arrows that turn between layers only."""

    def __init__(self, record: _Record) -> None:
        self.record = record
        depth = {record.nodes[0]: 0}
        for node in record.nodes:
            for child, _ in _inputs(node):
                depth[child] = max(depth.get(child, 0), depth[node] + 1)
        self.boxes = {node: _Item(depth[node], record.lines(node)) for node in record.nodes}
        self.trunks: dict[tuple[Edge, int], _Item] = {}  # by source and layer: arrows of one source share it
        for node in record.nodes:
            for source in _inputs(node):
                self._connect(source, self.boxes[node])
        self.rows = self._rows()
        _order(self.rows)
        _place(self.rows)

    def _connect(self, source: Edge, lower: _Item) -> None:
        upper = self.boxes[source[0]]
        for layer in range(upper.layer - 1, lower.layer, -1):
            if (source, layer) not in self.trunks:
                self.trunks[source, layer] = trunk = _Item(layer)
                _join(upper, trunk)
            upper = self.trunks[source, layer]
        _join(upper, lower)

    def _rows(self) -> list[list[_Item]]:
        """Return the layers from top to bottom; the inputs of an operation stand in the order of its arguments."""
        root = self.boxes[self.record.nodes[0]]
        rows: list[list[_Item]] = [[] for _ in range(1 + max(item.layer for item in self.boxes.values()))]
        stack, seen = [root], set()
        while stack:
            item = stack.pop()
            if item not in seen:
                seen.add(item)
                rows[-1 - item.layer].append(item)
                stack.extend(reversed(item.above))
        return rows

    def body(self, top: float) -> tuple[str, float]:
        """Return the SVG of boxes and arrows below a height, and where it ends."""
        self.tops, self.bottoms = {}, {}
        for row in self.rows:
            self.tops[row[0].layer] = top
            self.bottoms[row[0].layer] = top + max(item.height for item in row)
            top = self.bottoms[row[0].layer] + BEND
        parts = [f'<path class="ptg-edge" d="{self._trunk_curves()}{self._arrow_curves()}"/>']
        for node, item in self.boxes.items():
            color = 0 if _is_leaf(node) else 2 if node is self.record.nodes[0] else 4
            parts.append(_box(item, self.tops[item.layer], color, 14 if _is_leaf(node) else 1))
        return "".join(parts), top - BEND

    def _trunk_curves(self) -> str:
        curves = []
        for (source, layer), trunk in self.trunks.items():
            start, x = self._start(source, layer)
            curves.append(f"{start}{self._bend(x, trunk.center, layer)}V{self.bottoms[layer]:g}")
        return "".join(curves)

    def _arrow_curves(self) -> str:
        curves = []
        for node, box in self.boxes.items():
            starts = [self._start(source, box.layer) for source in _inputs(node)]
            ends = _side_by_side(box, len(starts))
            for (start, x), end in zip(sorted(starts, key=lambda found: found[1]), ends, strict=True):
                top = self.tops[box.layer]
                head = f"M{end - 4:g},{top - 7:g}L{end:g},{top - 1:g}L{end + 4:g},{top - 7:g}"
                curves.append(f"{start}{self._bend(x, end, box.layer)}{head}")
        return "".join(curves)

    def _start(self, source: Edge, layer: int) -> tuple[str, float]:
        """Return where an arrow leaves the layer above, as a path to that layer's lower end, and its place."""
        if trunk := self.trunks.get((source, layer + 1)):
            return f"M{trunk.center:g},{self.bottoms[layer + 1]:g}", trunk.center
        box, outputs = self.boxes[source[0]], self.record.outputs(source[0])
        x = _side_by_side(box, len(outputs))[outputs.index(source)]
        return f"M{x:g},{self.tops[box.layer] + box.height:g}V{self.bottoms[box.layer]:g}", x

    def _bend(self, x: float, end: float, layer: int) -> str:
        top, bottom = self.bottoms[layer + 1], self.tops[layer] - 1
        if abs(x - end) < 0.5:
            return f"V{bottom:g}"
        middle = (top + bottom) / 2
        return f"C{x:g},{middle:g} {end:g},{middle:g} {end:g},{bottom - 4:g}V{bottom:g}"


def _join(upper: _Item, lower: _Item) -> None:
    upper.below.append(lower)
    lower.above.append(upper)


def _side_by_side(box: _Item, count: int) -> list[float]:
    """Return where arrows meet a box."""
    step = min(24.0, box.width / (count + 1))
    return [box.center + (n - (count - 1) / 2) * step for n in range(count)]


def _order(rows: list[list[_Item]]) -> None:
    """Order each layer by the mean place of its neighbors, as long as fewer lines cross."""
    best, fewest = [list(row) for row in rows], _crossings(rows)
    for turn in range(ORDERINGS):
        down = turn % 2 == 0
        for row in rows if down else reversed(rows):
            places = {item: place for row in rows for place, item in enumerate(row)}
            means = {}
            for item in row:
                near = item.above if down else item.below
                means[item] = sum(places[other] for other in near) / len(near) if near else float(places[item])
            row.sort(key=means.__getitem__)
        if (count := _crossings(rows)) < fewest:
            best, fewest = [list(row) for row in rows], count
    rows[:] = best


def _crossings(rows: list[list[_Item]]) -> int:
    places = {item: place for row in rows for place, item in enumerate(row)}
    return sum(item.crossings(places, other) for row in rows for n, item in enumerate(row) for other in row[n + 1 :])


def _place(rows: list[list[_Item]]) -> None:
    """Give each item a center: near those of its neighbors, without overlap, trunks straight; the left end is 0."""
    for row in rows:
        _spread(row, [(0.0, 1.0)] * len(row))
    for turn in range(PLACINGS):
        for row in rows if turn % 2 == 0 else reversed(rows):
            _spread(row, [_pull(item) for item in row])
    left = min(item.center - item.width / 2 for row in rows for item in row)
    for row in rows:
        for item in row:
            item.center = round(item.center - left, 1)


def _pull(item: _Item) -> tuple[float, float]:
    """Return where an item's neighbors draw it, and how strongly: most, where a trunk would bend."""
    pulls = [(other.center, 1 if item.lines or other.lines else 8) for other in item.above + item.below]
    strength = sum(pull for _, pull in pulls)
    return sum(center * pull for center, pull in pulls) / strength, strength


def _spread(row: list[_Item], wanted: list[tuple[float, float]]) -> None:
    """Set the centers nearest to those wanted, in squares, that keep order and space (pooling adjacent violators)."""
    offsets = [0.0]
    for left, right in itertools.pairwise(row):
        offsets.append(offsets[-1] + (left.width + right.width) / 2 + SEPARATION)
    pools: list[tuple[float, float, int]] = []  # mean, weight and count of neighbors that touch
    for (place, weight), offset in zip(wanted, offsets, strict=True):
        mean, count = place - offset, 1
        while pools and pools[-1][0] > mean:
            other, more, number = pools.pop()
            mean = (mean * weight + other * more) / (weight + more)
            weight, count = weight + more, count + number
        pools.append((mean, weight, count))
    means = [mean for mean, _, count in pools for _ in range(count)]
    for item, mean, offset in zip(row, means, offsets, strict=True):
        item.center = mean + offset


def _box(item: _Item, top: float, color: int, radius: int) -> str:
    """Return the SVG of a box: its lines one below the other, what flows back on its own ground."""
    left, width = item.center - item.width / 2, item.width
    parts = [
        f'<rect class="ptg-cell ptg-{color}" x="{left:g}" y="{top:g}" width="{width:g}" height="{item.height:g}" '
        f'rx="{radius}"/>'
    ]
    grounds = {run.start: run for run in _grounds(item.lines)}
    ends = {run[-1] for run in grounds.values()}
    y = top + 4
    for n, line in enumerate(item.lines):
        if n in grounds:
            height = sum(item.lines[m].height for m in grounds[n]) + 4
            place = f'x="{left + 5:g}" y="{y + 2:g}" width="{width - 10:g}" height="{height:g}"'
            parts.append(f'<rect class="ptg-cell ptg-1" {place} rx="{max(1, radius - 4)}"/>')
            y += 4
        y += line.height
        text = f'x="{item.center:g}" y="{y - 5:g}">{escape(line.text)}</text>'
        parts.append(f'<text class="ptg-{line.style}" style="text-anchor:middle" {text}')
        y += 4 if n in ends else 0
    return "".join(parts)


def _panel(record: _Record, result: str) -> Panel:
    """Draw a graph below a legend."""
    layout = _Layout(record)
    legend = ("↓ forward: each box is made from those above", f"∂ backward: gradient of {result}, flowing up")
    parts = [
        f'<text class="ptg-index" style="text-anchor:start" x="{MARGIN}" y="{18 + 16 * n}">{escape(line)}</text>'
        for n, line in enumerate(legend)
    ]
    right = max(item.center + item.width / 2 for row in layout.rows for item in row)
    width = max(right, CHARACTERS["index"] * max(map(len, legend)))
    body, bottom = layout.body(48.0)
    parts.append(f'<g transform="translate({MARGIN + (width - right) / 2:g} 0)">{body}</g>')
    owner = {item: node for node, item in layout.boxes.items()}
    order = [owner[item] for row in layout.rows for item in row if item in owner]
    return Panel("".join(parts), width + 2 * MARGIN, bottom + MARGIN, record.description(order, result))

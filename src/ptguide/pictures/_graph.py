"""Draw the graph that autograd recorded: a box for each node, arrows in forward direction, gradients in the boxes."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from html import escape

from torch import Tensor

from ptguide.pictures._flow import backward
from ptguide.pictures._folding import Fold, folded
from ptguide.pictures._layers import CHARACTERS, Item, drawn_box, join, order, place, side_by_side
from ptguide.pictures._nodes import Edge, inputs, is_leaf, named, nodes_of, start_of
from ptguide.pictures._panels import MARGIN
from ptguide.pictures._picture import Panel, Picture
from ptguide.pictures._record import Record

BEND = 38  # pixels: the height in which arrows turn
LEGEND = 48  # characters of a line of the legend that goes on below
NAMES = 4  # names that the legend lists before the others are counted


def draw_graph(
    tensor: Tensor,
    names: Mapping[str, Tensor] | None = None,
    *,
    gradient: Tensor | None = None,
    depth: int | None = None,
) -> Picture:
    """Draw what autograd recorded of how a tensor was made, with the gradients that flow back through it.

    Leaves, the tensors that gradients are computed for, have round corners and stand above the first operation that
    uses them; arrows lead down to the result. A box tells the node's name as torch prints it, the shape of what it
    made in the forward pass (and the data type if it is not float32), and, after "∂", the gradient of the result with
    respect to that: its values for up to 6 elements, else its shape and its norm (the root of the sum of its squares).
    Where a result is used more than once, the gradients of its uses are added up. Where they have one element, the
    sum is written out.

    A tensor that does not require grad is no part of the graph: it has no box. The boxes that use one, or a plain
    number, count it as a constant. If it is among the names, as the parameters of a frozen layer are, the legend says
    so; it also lists named leaves that the result was not made from.

    A graph of more than 60 nodes is folded, if the names of its leaves tell their modules as those of
    ``dict(model.named_parameters())`` do. The box of ``layers.0`` then holds the leaves ``layers.0.…``, what uses them,
    and what stands between two such users. Where a way leads out of a module and back into it, as in a recurrent
    network, the module has a box for each part.

    Parameters
    ----------
    tensor : Tensor
        The result of a computation on tensors that require grad.
    names : mapping of str to Tensor, optional
        Names for leaves, intermediate results and the result. The values of named tensors and leaves are written out
        for up to 6 elements. A name with dots begins with that of a module.
    gradient : Tensor, of the shape of `tensor`, optional
        What to start from, as in `torch.Tensor.backward`. Left out, it is 1; `tensor` then has one real element.
    depth : int, optional
        How many levels of modules inside modules to tell apart when the graph is folded. Left out, a graph of up to 60
        nodes is not folded, and a larger one so little that at most 60 boxes remain.

    Returns
    -------
    Picture

    Raises
    ------
    ValueError
        If `tensor` has no graph, if its graph was freed or has more than 60 nodes and cannot be folded to 60 boxes, if
        it has more than one element or a complex one and there is no `gradient`, if `gradient` has another shape, if a
        named tensor that an operation made is no part of the graph, or if `depth` is no positive integer.
    TypeError
        If `tensor`, a named tensor or `gradient` is not a tensor.

    Notes
    -----
    The gradients come from `torch.autograd.grad` with ``retain_graph=True``. Afterwards these are as they were:
    ``.grad`` of leaves and of tensors with ``retain_grad()``, hooks, and the graph, which can still be differentiated.
    Your own hooks on the tensors in the graph run, as in another backward pass.

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
    # not looked up: 60 — `_folding.MOST`
    start = start_of(tensor, gradient)
    if depth is not None and (not isinstance(depth, int) or depth < 1):
        raise ValueError(f"depth is {depth!r}; expected the number of levels to tell apart, an integer from 1 on.")
    nodes = nodes_of(tensor)
    known, tensors, others = named(names or {}, nodes)
    boxes = folded(nodes, known, depth)
    result: Edge = (tensor.grad_fn, tensor.output_nr)
    flow = backward(tensor, start, nodes, [result, *(edge for node in nodes for edge in inputs(node))])
    tensors |= {result: tensor} | {(node, 0): node.variable for node in nodes if is_leaf(node)}
    name = known.get(result, "the result")
    source = f"gradient of {name}" if gradient is None else f"from the gradient given for {name}"
    return Picture((_panel(Record(boxes, flow, known, tensors), name, source, others),))


class _Layout:
    """Places for boxes and arrows: layers by the longest path to the result, arrows that turn between layers only."""

    def __init__(self, record: Record) -> None:
        self.record = record
        depth = {record.boxes[0]: 0}
        for box in record.boxes:
            for source in record.inputs(box):
                maker = record.box(source)
                depth[maker] = max(depth.get(maker, 0), depth[box] + 1)
        self.boxes = {box: Item(depth[box], record.lines(box)) for box in record.boxes}
        self.trunks: dict[tuple[Edge, int], Item] = {}  # by source and layer: arrows of one source share it
        for box, item in self.boxes.items():
            for source in record.inputs(box):
                self._connect(source, item)
        self.rows = self._rows()
        order(self.rows)
        place(self.rows)

    def _connect(self, source: Edge, lower: Item) -> None:
        upper = self.boxes[self.record.box(source)]
        for layer in range(upper.layer - 1, lower.layer, -1):
            if (source, layer) not in self.trunks:
                self.trunks[source, layer] = trunk = Item(layer)
                join(upper, trunk)
            upper = self.trunks[source, layer]
        join(upper, lower)

    def _rows(self) -> list[list[Item]]:
        """Return the layers from top to bottom; the inputs of an operation stand in the order of its arguments."""
        root = self.boxes[self.record.boxes[0]]
        rows: list[list[Item]] = [[] for _ in range(1 + max(item.layer for item in self.boxes.values()))]
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
        for box, item in self.boxes.items():
            color = 0 if is_leaf(box) else 2 if box is self.record.boxes[0] else 3 if isinstance(box, Fold) else 4
            parts.append(drawn_box(item, self.tops[item.layer], color, 14 if is_leaf(box) else 1))
        return "".join(parts), top - BEND

    def _trunk_curves(self) -> str:
        curves = []
        for (source, layer), trunk in self.trunks.items():
            start, x = self._start(source, layer)
            curves.append(f"{start}{self._bend(x, trunk.center, layer)}V{self.bottoms[layer]:g}")
        return "".join(curves)

    def _arrow_curves(self) -> str:
        curves = []
        for box, item in self.boxes.items():
            starts = [self._start(source, item.layer) for source in self.record.inputs(box)]
            ends = side_by_side(item, len(starts))
            for (start, x), end in zip(sorted(starts, key=lambda found: found[1]), ends, strict=True):
                top = self.tops[item.layer]
                head = f"M{end - 4:g},{top - 7:g}L{end:g},{top - 1:g}L{end + 4:g},{top - 7:g}"
                curves.append(f"{start}{self._bend(x, end, item.layer)}{head}")
        return "".join(curves)

    def _start(self, source: Edge, layer: int) -> tuple[str, float]:
        """Return where an arrow leaves the layer above, as a path to that layer's lower end, and its place."""
        if trunk := self.trunks.get((source, layer + 1)):
            return f"M{trunk.center:g},{self.bottoms[layer + 1]:g}", trunk.center
        maker = self.record.box(source)
        box, outputs = self.boxes[maker], self.record.outputs(maker)
        x = side_by_side(box, len(outputs))[outputs.index(source)]
        return f"M{x:g},{self.tops[box.layer] + box.height:g}V{self.bottoms[box.layer]:g}", x

    def _bend(self, x: float, end: float, layer: int) -> str:
        top, bottom = self.bottoms[layer + 1], self.tops[layer] - 1
        if abs(x - end) < 0.5:
            return f"V{bottom:g}"
        middle = (top + bottom) / 2
        return f"C{x:g},{middle:g} {end:g},{middle:g} {end:g},{bottom - 4:g}V{bottom:g}"


def _panel(record: Record, result: str, source: str, others: Mapping[str, Sequence[str]]) -> Panel:
    """Draw a graph below a legend."""
    layout = _Layout(record)
    legend = ["↓ forward: each box is made from those above", f"∂ backward: {source}, flowing up"]
    remarks = [f"{what}: {_first(names)}" for what, names in others.items() if names]
    legend += [line for remark in remarks for line in textwrap.wrap(remark, LEGEND)]
    parts = [
        f'<text class="ptg-index" style="text-anchor:start" x="{MARGIN}" y="{18 + 16 * n}">{escape(line)}</text>'
        for n, line in enumerate(legend)
    ]
    right = max(item.center + item.width / 2 for row in layout.rows for item in row)
    width = max(right, CHARACTERS["index"] * max(map(len, legend)))
    body, bottom = layout.body(16.0 * len(legend) + 16)
    parts.append(f'<g transform="translate({MARGIN + (width - right) / 2:g} 0)">{body}</g>')
    owner = {item: node for node, item in layout.boxes.items()}
    order = [owner[item] for row in layout.rows for item in row if item in owner]
    said = "; ".join([record.description(order, result), *remarks])
    return Panel("".join(parts), width + 2 * MARGIN, bottom + MARGIN, said)


def _first(names: Sequence[str]) -> str:
    more = len(names) - NAMES
    return ", ".join(names[:NAMES]) + (f" and {more} more" if more > 0 else "")

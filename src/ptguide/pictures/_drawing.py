"""What is drawn of one run of an operation: its tensors, their colors, and which element was made of which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import torch
from torch import Tensor

from ptguide.pictures._call import call_panel
from ptguide.pictures._links import links
from ptguide.pictures._panels import (
    NEUTRAL,
    hue,
    index_of,
    listed,
    shown_along,
    shown_elements,
    spell,
    tensor_panel,
    text_of,
)
from ptguide.pictures._picture import Panel, Picture
from ptguide.trace import Kind, Trace

# How a picture calls each kind of dependency. The script (_lights.js) has the same table, in the same order.
SAID = {
    "as": "copied from",
    "of": "computed from",
    "by": "chosen by",
    "than": "compared with",
    "may": "may depend on",
}
CALLED: dict[int, str] = {
    Kind.COPIED: "as",
    Kind.COMPUTED: "of",
    Kind.INDEX: "by",
    Kind.COMPARED: "than",
    Kind.MAYBE: "may",
}
FRAMES = {"as": "ptg-of", "of": "ptg-of", "by": "ptg-by", "than": "ptg-than", "may": "ptg-may"}

Sources = dict[int, dict[str, list[int]]]  # of an element: for each input and kind, the elements
Place = tuple[int, int]  # the number of an output, and of its element in row-major order


class Drawing:
    """The parts of one picture; tensors are numbered, inputs first, and so are their elements in row-major order.

    Where there are several variants, the outputs of each have numbers of their own.
    """

    def __init__(self, traced: Trace, names: list[str], label: str, before: Sequence[Drawing]) -> None:
        self.label = label
        self.inputs, self.outputs = traced.inputs, traced.outputs
        # An operation that returns nothing has inputs as its outputs: they keep the name that was chosen.
        renamed = dict(zip(traced.input_names, names, strict=True))
        self.names = names
        self.output_names = [renamed.get(name, name) for name in traced.output_names]
        self.count = len(traced.inputs)
        self.first = self.count + sum(len(other.outputs) for other in before)  # the number of the first output
        self.sources: dict[Place, Sources] = {}
        self.kinds: list[set[str]] = [set() for _ in self.inputs]  # of each input: how outputs depend on it
        for o, row in enumerate(traced.kinds):
            for i, kinds in enumerate(row):
                flat = kinds.reshape(self.outputs[o].numel(), self.inputs[i].numel())
                pairs = flat.nonzero()
                for (out, into), kind in zip(pairs.tolist(), flat[flat != 0].tolist(), strict=True):
                    of = self.sources.setdefault((o, out), {}).setdefault(i, {})
                    of.setdefault(CALLED[kind], []).append(into)
                    self.kinds[i].add(CALLED[kind])
        self.home: Place = (0, -1)

    def choose_home(self, at: Sequence[int] | None, before: Sequence[Drawing]) -> None:
        """Choose the output and the element that are lit up at first."""
        if at is not None:
            shape = tuple(self.outputs[0].shape)
            if len(at) != len(shape) or not all(0 <= i < size for i, size in zip(at, shape, strict=True)):
                raise ValueError(f"at is {at}; expected an index for each axis of shape {shape}.")
            self.home = 0, _flat(list(at), self.outputs[0])
            return
        if before:  # a reader follows what was framed before, if it is in this variant
            wanted = before[0].sources.get(before[0].home)
            same = next((place for place, of in self.sources.items() if of == wanted), None)
            if same and same[1] in shown_elements(self.outputs[same[0]]):
                self.home = same
                return
        for o, output in enumerate(self.outputs):
            if output.numel():
                self.home = o, self._example(o, output)
                return

    def _example(self, o: int, output: Tensor) -> int:
        """Return an element near the start, at another index on each axis, or the first that has a better source.

        A source is better than none, and one that is drawn is better than one that is left out.
        """
        drawn = [set(shown_elements(tensor)) for tensor in self.inputs]
        candidates = shown_elements(output)
        along = [[index for index in shown if index is not None] for shown in shown_along(output)[4 - output.dim() :]]
        wanted = _flat([max(i for i in shown if i <= axis + 1) for axis, shown in enumerate(along)], output)

        def worth(element: int) -> int:
            found = self.sources.get((o, element), {})
            seen = any(drawn[i] & set(of) for i, kinds in found.items() for of in kinds.values())
            return bool(found) + seen

        return max([wanted, *candidates], key=worth)

    def picture(self, colors: Colors) -> Picture:
        """Put the panels together, with one element lit up."""
        o, element = self.home
        of_home = self.sources.get(self.home, {})
        panels = []
        for i, tensor in enumerate(self.inputs):
            lit = {e: FRAMES[kind] for kind, elements in of_home.get(i, {}).items() for e in elements}
            panels.append(_panel(i, tensor, self.names[i], colors.of_inputs[i], lit))
        panels.append(call_panel(self.label))
        for n, output in enumerate(self.outputs):
            lit = {element: "ptg-on"} if n == o and element >= 0 else {}
            panels.append(
                _panel(
                    self.first + n,
                    output,
                    self.output_names[n],
                    self._colors(n, colors.groups, colors.steering),
                    lit,
                    marks=self._marks(n, colors.steering),
                    more=f' data-out=""{self._links(n)}',
                )
            )
        said = self._said() if element >= 0 else ""
        return Picture(tuple(panels), said, f"{self.first + o}.{element}")

    def _links(self, o: int) -> str:
        """Return the attributes that hold what each element of an output was made of."""
        attributes = []
        for kind in SAID:
            parts = []
            for i in range(self.count):
                of = {
                    e: found[i][kind] for (n, e), found in self.sources.items() if n == o and kind in found.get(i, {})
                }
                parts += [links(i, of)] if of else []
            attributes += [f' data-{kind}="{" ".join(parts)}"'] if parts else []
        return "".join(attributes)

    def _made_of(self, o: int, element: int) -> dict[int, list[int]]:
        """Return for each input the elements whose values an element of an output was made of."""
        found = self.sources.get((o, element), {}).items()
        return {i: values for i, kinds in found if (values := kinds.get("as", []) + kinds.get("of", []))}

    def _colored_by(self, o: int, element: int, steering: Sequence[bool]) -> dict[int, list[int]]:
        """Return what gives an element its color: what may, if nothing else does; an index that may point here not."""
        found = self.sources.get((o, element), {}).items()
        may = {i: kinds["may"] for i, kinds in found if "may" in kinds and not steering[i]}
        return self._made_of(o, element) or may

    def _colors(self, o: int, groups: list[list[int]], steering: Sequence[bool]) -> Tensor:
        hues = []
        for element in range(self.outputs[o].numel()):
            origins = {groups[i][e] for i, elements in self._colored_by(o, element, steering).items() for e in elements}
            hues.append(hue(origins.pop()) if len(origins) == 1 else NEUTRAL)
        return torch.tensor(hues, dtype=torch.int64).reshape(self.outputs[o].shape)

    def _marks(self, o: int, steering: Sequence[bool]) -> list[str]:
        """Return the letter of the input that each element is made of, if there are several inputs."""
        if self.count - sum(steering) < 2:
            return []
        letters = [name[:1] for name in self.names]
        clear = len(set(letters)) == len(letters)
        short = letters if clear else [str(place) for place in range(1, self.count + 1)]
        marks = []
        for element in range(self.outputs[o].numel()):
            origins = list(self._made_of(o, element))
            marks.append(short[origins[0]] if len(origins) == 1 else "")
        return marks

    def _said(self) -> str:
        o, element = self.home
        found = sorted(self.sources.get(self.home, {}).items())
        parts = []
        for kind, phrase in SAID.items():
            places = [_spell(self.names[i], kinds[kind], self.inputs[i]) for i, kinds in found if kind in kinds]
            parts += [f"{phrase} {listed(places)}"] if places else []
        value = text_of(self.outputs[o].flatten()[element].item())
        here = _spell(self.output_names[o], [element], self.outputs[o])
        return f"{here} = {value}, {', '.join(parts) or 'made of no input'}."


class Colors:
    """The colors of the inputs, which all variants share.

    Attributes
    ----------
    steering : list of bool
        For each input whether it chooses only, as an index does: it has no color.
    groups : list of list of int
        For each input and element: what shares a color with it, the input or, if there is one alone, its row.
    of_inputs : list of Tensor
        The color of each element.
    """

    def __init__(self, drawings: Sequence[Drawing]) -> None:
        inputs = drawings[0].inputs
        kinds = [set().union(*(drawing.kinds[i] for drawing in drawings)) for i in range(len(inputs))]
        self.steering = ["by" in found and found <= {"by", "may"} for found in kinds]
        alone = len(inputs) - sum(self.steering) == 1
        self.groups, self.of_inputs = [], []
        for i, tensor in enumerate(inputs):
            group = torch.full(tensor.shape, i)
            if alone and tensor.dim():
                group = torch.arange(len(tensor)).reshape(-1, *[1] * (tensor.dim() - 1)).expand(tensor.shape)
            self.groups.append(group.flatten().tolist())
            hues = [NEUTRAL if self.steering[i] else hue(place) for place in self.groups[i]]
            self.of_inputs.append(torch.tensor(hues, dtype=torch.int64).reshape(tensor.shape))


def _panel(
    number: int,
    tensor: Tensor,
    name: str,
    colors: Tensor,
    lit: Mapping[int, str],
    marks: Sequence[str] = (),
    more: str = "",
) -> Panel:
    """Draw a tensor, with its name, its shape and more for the script; some elements are lit up, and drawn anyway."""

    def attributes(element: int) -> str:
        return f'data-k="{number}.{element}"' + (f' class="{lit[element]}"' if element in lit else "")

    panel = tensor_panel(tensor.cpu(), name, colors, marks=marks, attributes=attributes, keep=list(lit))
    shape = " ".join(map(str, tensor.shape))
    body = f'<g data-i="{number}" data-n="{escape(name)}" data-s="{shape}"{more}>{panel.body}</g>'
    return Panel(body, panel.width, panel.height, panel.description)


def _spell(name: str, elements: Sequence[int], tensor: Tensor) -> str:
    return spell(name, [index_of(element, tensor) for element in elements], tensor)


def _flat(index: Sequence[int], tensor: Tensor) -> int:
    flat = 0
    for place, size in zip(index, tensor.shape, strict=True):
        flat = flat * size + place
    return flat

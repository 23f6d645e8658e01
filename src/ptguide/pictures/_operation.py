"""Draw an operation: inputs, call, outputs, each element linked with what it was made of."""

from __future__ import annotations

import inspect
import itertools
import operator
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

import torch
from torch import Tensor, nn

from ptguide._tracing import arguments_of
from ptguide.pictures._panels import MARGIN, index_of, listed, spell, tensor_panel, text_of
from ptguide.pictures._picture import Panel, Picture
from ptguide.trace import Kind, Trace, trace

PLACES = {"torch": torch, "F": nn.functional, "torch.linalg": torch.linalg, "torch.fft": torch.fft}
NEUTRAL = 4  # the color of what has no single origin


def operation(op: Callable[..., Any], inputs: Any, options: dict[str, Any]) -> Picture:
    """Draw an operation; `options` are its keyword arguments, ``names`` and ``at``."""
    kwargs = {key: value for key, value in options.items() if key not in ("names", "at")}
    traced = trace(op, inputs, **kwargs)
    names = list(options.get("names", traced.input_names))
    if len(names) != len(traced.inputs):
        raise ValueError(f"names has {len(names)} entries; expected {len(traced.inputs)}, one for each input tensor.")
    for name, tensor in zip([*names, *traced.output_names], [*traced.inputs, *traced.outputs], strict=True):
        if tensor.dim() > 4:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}; expected 0 to 4 axes, which can be drawn.")
    label = call_text(op, inputs, kwargs, names)
    return _Drawing(traced, names, label, options.get("at")).picture()


class _Drawing:
    """The parts of one picture; tensors are numbered, inputs first, and so are their elements in row-major order."""

    def __init__(self, traced: Trace, names: list[str], label: str, at: tuple[int, ...] | None) -> None:
        self.label = label
        self.tensors = [*traced.inputs, *traced.outputs]
        # An operation that returns nothing has inputs as its outputs: they keep the name that was chosen.
        renamed = dict(zip(traced.input_names, names, strict=True))
        self.names = [*names, *(renamed.get(name, name) for name in traced.output_names)]
        self.at = at
        self.count = len(traced.inputs)
        # For each pair of an output and an input that depend: rows of (output element, input element, kind).
        self.links: dict[tuple[int, int], list[list[int]]] = {}
        for o, row in enumerate(traced.kinds):
            for i, kinds in enumerate(row):
                flat = kinds.reshape(traced.outputs[o].numel(), traced.inputs[i].numel())
                pairs = flat.nonzero()
                self.links[o, i] = torch.cat([pairs, flat[flat != 0][:, None]], dim=1).tolist()
        self.copied = {(o, out) for (o, _), links in self.links.items() for out, _, k in links if k == Kind.COPIED}
        kinds_of_input = [
            {kind for o in range(len(traced.outputs)) for *_, kind in self.links[o, i]} for i in range(self.count)
        ]
        self.steering = [Kind.INDEX in kinds and kinds <= {Kind.INDEX, Kind.MAYBE} for kinds in kinds_of_input]

    def picture(self) -> Picture:
        """Put the panels together, with one element lit up."""
        sources: dict[tuple[int, int], dict[int, dict[str, list[int]]]] = {}  # [output, element][input][class]
        targets: dict[tuple[int, int], dict[int, list[int]]] = {}  # [input, element][output]
        for (o, i), links in self.links.items():
            for out, into, kind in links:
                sources.setdefault((o, out), {}).setdefault(i, {}).setdefault(_CLASS[kind], []).append(into)
                targets.setdefault((i, into), {}).setdefault(o, []).append(out)
        colors = self._colors(sources)
        marks = self._marks(sources)
        home = self._home(sources)
        lit = {self._key(self.count + home[0], home[1]): "ptg-on"}
        for i, classes in sources.get(home, {}).items():
            for name, elements in classes.items():
                lit |= {self._key(i, element): f"ptg-{name}" for element in elements}

        def attributes(number: int) -> Callable[[int], str]:
            def of(element: int) -> str:
                key = self._key(number, element)
                found = f'data-k="{key}"' + (f' class="{lit[key]}"' if key in lit else "")
                if number < self.count:
                    return f'{found} data-t="{escape(self._said_of_input(number, element, targets))}"'
                o = number - self.count
                for kind in ("of", "by", "than", "may"):
                    by_input = {i: classes.get(kind, []) for i, classes in sources.get((o, element), {}).items()}
                    runs = " ".join(_runs(i, elements) for i, elements in by_input.items() if elements)
                    found += f' data-{kind}="{runs}"' if runs else ""
                return f'{found} data-t="{escape(self._said_of_output(o, element, sources))}"'

            return of

        panels = [
            tensor_panel(tensor.cpu(), self.names[n], colors[n], marks=marks.get(n, ()), attributes=attributes(n))
            for n, tensor in enumerate(self.tensors)
        ]
        panels.insert(self.count, _call_panel(self.label))
        said = self._said_of_output(*home, sources) if home[1] >= 0 else ""
        return Picture(tuple(panels), said, self._key(self.count + home[0], home[1]))

    def _key(self, number: int, element: int) -> str:
        return f"{number}.{element}"

    def _home(self, sources: dict[tuple[int, int], Any]) -> tuple[int, int]:
        """Return the output and the element that is lit up at first: near the start, at another index on each axis."""
        if self.at is not None:
            output = self.tensors[self.count]
            fits = len(self.at) == output.dim() and all(
                0 <= i < size for i, size in zip(self.at, output.shape, strict=True)
            )
            if not fits:
                raise ValueError(f"at is {self.at}; expected an index for each axis of shape {tuple(output.shape)}.")
            return 0, _flat(list(self.at), output)
        for o, output in enumerate(self.tensors[self.count :]):
            if output.numel():
                index = [min(axis + 1, size - 1, 5) for axis, size in enumerate(output.shape)]
                element = _flat(index, output)
                first = next((e for e in [element, *range(output.numel())] if (o, e) in sources), element)
                return o, first
        return 0, -1

    def _colors(self, sources: dict[tuple[int, int], Any]) -> list[Tensor]:
        values = [i for i in range(self.count) if not self.steering[i]]
        colors = []
        for i in range(self.count):
            shape = self.tensors[i].shape
            if self.steering[i] or not len(shape):
                colors.append(torch.full(shape, NEUTRAL if self.steering[i] else i % 4))
            elif len(values) == 1:  # one color a row
                rows = torch.arange(shape[0]) % 4
                colors.append(rows.reshape(-1, *[1] * (len(shape) - 1)).expand(shape))
            else:
                colors.append(torch.full(shape, i % 4))
        of_input = [color.flatten().tolist() for color in colors]
        for o, output in enumerate(self.tensors[self.count :]):
            hues = []
            for element in range(output.numel()):
                found = sources.get((o, element), {}).items()
                origins = {of_input[i][e] for i, classes in found for e in classes.get("of", [])}
                if not origins:  # an index that may point here gives no color
                    may = ((i, classes.get("may", [])) for i, classes in found if not self.steering[i])
                    origins = {of_input[i][e] for i, elements in may for e in elements}
                hues.append(origins.pop() if len(origins) == 1 else NEUTRAL)
            colors.append(torch.tensor(hues, dtype=torch.int64).reshape(output.shape))
        return colors

    def _marks(self, sources: dict[tuple[int, int], Any]) -> dict[int, list[str]]:
        """Return for each output the letters of the inputs that its elements are copies of, if there are several."""
        if self.count - sum(self.steering) < 2:
            return {}
        letters = [name[:1] for name in self.names[: self.count]]
        clear = len(set(letters)) == len(letters)
        short = [escape(letter) if clear else str(place) for place, letter in enumerate(letters, start=1)]
        marks = {}
        for o, output in enumerate(self.tensors[self.count :]):
            marked = []
            for element in range(output.numel()):
                origins = [i for i, classes in sources.get((o, element), {}).items() if classes.get("of")]
                marked.append(short[origins[0]] if len(origins) == 1 else "")
            marks[self.count + o] = marked
        return marks

    def _said_of_output(self, o: int, element: int, sources: dict[tuple[int, int], Any]) -> str:
        verb = "copied from" if (o, element) in self.copied else "computed from"
        words = {"of": verb, "by": "chosen by", "than": "compared with", "may": "may depend on"}
        found = sources.get((o, element), {})
        parts = []
        for kind, phrase in words.items():
            places = [self._spell(i, classes[kind]) for i, classes in sorted(found.items()) if kind in classes]
            parts += [f"{phrase} {listed(places)}"] if places else []
        return f"{self._value(self.count + o, element)}, {', '.join(parts) or 'made of no input'}."

    def _said_of_input(self, i: int, element: int, targets: dict[tuple[int, int], dict[int, list[int]]]) -> str:
        found = targets.get((i, element), {})
        places = [self._spell(self.count + o, elements) for o, elements in sorted(found.items())]
        return (
            f"{self._value(i, element)}, used for {listed(places)}."
            if places
            else f"{self._value(i, element)}, not used."
        )

    def _value(self, number: int, element: int) -> str:
        return f"{self._spell(number, [element])} = {text_of(self.tensors[number].flatten()[element].item())}"

    def _spell(self, number: int, elements: list[int]) -> str:
        tensor = self.tensors[number]
        return spell(self.names[number], [index_of(element, tensor) for element in elements], tensor)


_CLASS: dict[int, str] = {
    Kind.COPIED: "of",
    Kind.COMPUTED: "of",
    Kind.INDEX: "by",
    Kind.COMPARED: "than",
    Kind.MAYBE: "may",
}


def _runs(number: int, elements: list[int]) -> str:
    """Return keys of elements, neighbours as one: ``0.4-7 0.9``."""
    runs = []
    for _, group in itertools.groupby(enumerate(sorted(elements)), lambda pair: pair[1] - pair[0]):
        run = [element for _, element in group]
        runs.append(f"{number}.{run[0]}-{run[-1]}" if len(run) > 1 else f"{number}.{run[0]}")
    return " ".join(runs)


def _flat(index: list[int], tensor: Tensor) -> int:
    flat = 0
    for place, size in zip(index, tensor.shape, strict=True):
        flat = flat * size + place
    return flat


# --- The call --------------------------------------------------------------------------------------------------------


def call_text(op: Callable[..., Any], inputs: Any, kwargs: dict[str, Any], names: list[str]) -> str:
    """Return a call as one writes it: ``torch.stack([a, b], dim=1)``."""
    left = iter(names)
    positional = [_argument(argument, left) for argument in arguments_of(inputs)]
    keywords = [f"{key}={_argument(value, left)}" for key, value in kwargs.items()]
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


def _argument(value: Any, names: Iterator[str]) -> str:
    if isinstance(value, Tensor):
        return next(names)
    if isinstance(value, (list, tuple)):
        parts = ", ".join(_argument(part, names) for part in value)
        return f"[{parts}]" if isinstance(value, list) else f"({parts}{',' * (len(value) == 1)})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_argument(part, names)}" for key, part in value.items()) + "}"
    if isinstance(value, slice):
        bounds = [str(part) if part is not None else "" for part in (value.start, value.stop)]
        return ":".join(bounds + ([str(value.step)] if value.step is not None else []))
    return "..." if value is Ellipsis else repr(value)


def _call_panel(label: str) -> Panel:
    width = len(label) * 7.4 + 2 * MARGIN
    body = (
        f'<text class="ptg-index" x="{width / 2:g}" y="20">{escape(label)}</text>'
        f'<path class="ptg-edge" d="M{width / 2 - 24:g} 34h46m-8 -6l8 6l-8 6"/>'
    )
    return Panel(body, max(width, 64), 48, f"{label} gives")

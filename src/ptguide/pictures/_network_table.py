"""The table of a network: a row for each module, as text and as HTML."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from html import escape
from typing import Any

from ptguide.pictures._module_calls import Call
from ptguide.pictures._structures import said

HEADINGS = ("Module", "Class", "Input", "Output", "Parameters", "Their memory", "Output's memory")
ENDS_OF_NUMBERS = 4  # the columns from this one on are aligned at the right
SHAPES = 4  # runs of equal shapes that a row lists; of more, the last are counted
WHOLE = "(whole network)"


@dataclass(frozen=True)
class Row:
    """A module and its calls.

    Parameters
    ----------
    name : str
        The dotted name; empty for the whole network.
    also : tuple of str
        Other names of the same module.
    kind : str
        The name of the class.
    level : int
        How deep the module is nested: 0 for the whole network.
    calls : tuple of Call
        In their order; empty if the module was not called.
    parameters, trainable : int
        The number of the module's own parameters, at the deepest level with those of the modules inside, and of those
        that require grad. A shared parameter counts in the first module that has it.
    shared : tuple of (str, int)
        Names of modules, and the number of parameters of this one that are counted there.
    unknown : int
        How many parameters have no shape: they wait for the first input, and the module was not called.
    parameter_bytes : int
        Memory of the parameters counted here, in bytes.
    frozen : bool
        Whether the module has parameters, those of the modules inside included, and none of them requires grad.
    holds : bool
        Whether the module only holds others and can't be called, as `torch.nn.ModuleList`.
    """

    name: str
    also: tuple[str, ...]
    kind: str
    level: int
    calls: tuple[Call, ...]
    parameters: int
    trainable: int
    shared: tuple[tuple[str, int], ...]
    unknown: int
    parameter_bytes: int
    frozen: bool
    holds: bool

    @property
    def inputs(self) -> Any:
        """What went into the first call; None if there was no call."""
        return self.calls[0].inputs if self.calls else None

    @property
    def outputs(self) -> Any:
        """What came out of the first call; None if there was no call."""
        return self.calls[0].outputs if self.calls else None

    @property
    def output_bytes(self) -> int:
        """Memory of the tensors that came out of the calls, in bytes."""
        return sum(call.output_bytes for call in self.calls)

    def cells(self) -> tuple[str, ...]:
        """Return the texts of the row."""
        name = self.name or WHOLE
        name += f" = {' = '.join(self.also)}" if self.also else ""
        name += f" ({len(self.calls)} calls)" if len(self.calls) > 1 else ""
        shapes = ("holds modules" if self.holds else "not called", "")
        if self.calls:
            outputs = ["raised an error" if call.failed else said(call.outputs) for call in self.calls]
            shapes = (_in_turn([said(call.inputs) for call in self.calls]), _in_turn(outputs))
        memory = memory_text(self.output_bytes) if self.calls else ""
        return (name, self.kind, *shapes, self._counted(), memory_text(self.parameter_bytes), memory)

    def _counted(self) -> str:
        frozen = self.parameters - self.trainable
        parts = [f"{self.parameters:,}"] if self.parameters or not (self.shared or self.unknown) else []
        if not self.frozen:
            parts += [f"{frozen:,} frozen"] if frozen else []
        elif self.parameters:
            parts[0] += " frozen"
        else:
            parts.append("frozen" if self.shared else "frozen inside")
        parts += [f"{count:,} shared with {name or WHOLE}" for name, count in self.shared]
        parts += ["unknown before the first call"] if self.unknown else []
        return ", ".join(parts)


@dataclass(frozen=True, repr=False)
class NetworkTable:
    """The calls in one forward pass; printed, or shown as the value of a cell, it is a table.

    Parameters
    ----------
    rows : tuple of Row
        In the order of execution.
    parameters, trainable : int
        The number of parameters of the network, each counted once, and of those that require grad.
    parameter_bytes : int
        Their memory in bytes.
    output_bytes : int
        The memory in bytes of what was returned by the calls inside which no other module was called.
    """

    rows: tuple[Row, ...]
    parameters: int
    trainable: int
    parameter_bytes: int
    output_bytes: int

    @property
    def totals(self) -> str:
        """The sums, in words."""
        return (
            f"{self.parameters:,} parameters, {self.trainable:,} of them trainable, "
            f"{memory_text(self.parameter_bytes)}; outputs of the innermost modules {memory_text(self.output_bytes)}"
        )

    def __str__(self) -> str:
        lines: list[tuple[str, ...]] = [HEADINGS]
        for row in self.rows:
            name, *others = row.cells()
            lines.append(("  " * row.level + name, *others))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        lines.insert(1, tuple("-" * width for width in widths))
        texts = [
            "  ".join(
                cell.rjust(width) if place >= ENDS_OF_NUMBERS else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([*texts, "", self.totals])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col"{_aligned(place)}>{text}</th>' for place, text in enumerate(HEADINGS))
        return (
            # A wide table scrolls in its own box, also by keyboard.
            f'<table class="ptg-table" tabindex="0"><caption>{escape(self.totals)}</caption>'
            f"<thead><tr>{head}</tr></thead>"
            f"<tbody>{''.join(map(_html, self.rows))}</tbody></table>"
        )


def memory_text(count: int) -> str:
    """Return a number of bytes as it is read; a kB is 1000 bytes."""
    size, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 999.5:
            break
        size, unit = size / 1000, larger
    return f"{count} B" if unit == "B" else f"{size:.3g} {unit}"


def _in_turn(texts: list[str]) -> str:
    """Return what each call has: once, if all have the same, else one after the other, equal neighbors counted."""
    runs = [(text, len(list(group))) for text, group in itertools.groupby(texts)]
    if len(runs) == 1:
        return texts[0]
    listed = SHAPES if len(runs) == SHAPES else SHAPES - 1
    parts = [text if count == 1 else f"{text} ×{count}" for text, count in runs[:listed]]
    more = sum(count for _, count in runs[listed:])
    return "; ".join([*parts, f"{more} more calls"] if more else parts)


def _html(row: Row) -> str:
    name, *others = row.cells()
    cells = "".join(f"<td{_aligned(place)}>{escape(text)}</td>" for place, text in enumerate(others, start=1))
    indent = f"text-align:left;padding-left:{0.5 + 1.2 * row.level:g}em"
    style = ' style="font-style:italic;opacity:0.75"' if row.frozen else ""
    return f'<tr{style}><th scope="row" style="{indent}">{escape(name)}</th>{cells}</tr>'


def _aligned(place: int) -> str:
    return f' style="text-align:{"right" if place >= ENDS_OF_NUMBERS else "left"}"'

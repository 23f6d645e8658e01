"""Draw an operation: inputs, call, outputs, each element linked with what it was made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ptguide._tracing import arguments_of
from ptguide.pictures._call import call_text
from ptguide.pictures._choice import Choice, variants
from ptguide.pictures._drawing import Colors, Drawing
from ptguide.pictures._panels import listed
from ptguide.pictures._picture import Picture
from ptguide.trace import trace


def operation(op: Callable[..., Any], inputs: Any, options: Mapping[str, Any]) -> Picture:
    """Draw an operation; `options` are its keyword arguments, ``names`` and ``at``."""
    kwargs = {key: value for key, value in options.items() if key not in ("names", "at")}
    name = _chosen(inputs, kwargs, options)
    calls = [kwargs] if name is None else [kwargs | {name: value} for value in kwargs[name].values]
    drawings: list[Drawing] = []
    for place, keywords in enumerate(calls):
        try:
            drawings.append(_run(op, inputs, keywords, options, drawings))
        except Exception as error:
            if name is not None:
                error.add_note(f"This was raised with {name}={kwargs[name].labels[place]}.")
            for key in (key for key, value in keywords.items() if isinstance(value, list)):
                error.add_note(
                    f"{key} is a list and was passed as one; {key}=Choice(...) tries several values in turn."
                )
            raise
    colors = Colors(drawings)
    pictures = tuple(drawing.picture(colors) for drawing in drawings)
    if name is None:
        return pictures[0]
    return variants(name, kwargs[name], pictures, shared=drawings[0].count)


def _chosen(inputs: Any, kwargs: Mapping[str, Any], options: Mapping[str, Any]) -> str | None:
    """Return the keyword argument that has a `Choice`, if one does."""
    if any(isinstance(value, Choice) for value in _parts(arguments_of(inputs))):
        raise TypeError(
            "there is a Choice among the inputs; expected it as a keyword argument, as in dim=Choice(0, 1)."
        )
    for key in ("names", "at"):
        if isinstance(options.get(key), Choice):
            raise TypeError(f"{key} is {options[key]!r}; expected a Choice for an argument of the operation alone.")
    found = [key for key, value in kwargs.items() if isinstance(value, Choice)]
    if len(found) > 1:
        raise ValueError(f"{listed(found)} have a Choice each; expected one Choice in a call.")
    return found[0] if found else None


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _parts(part)
    else:
        yield value


def _run(
    op: Callable[..., Any],
    inputs: Any,
    kwargs: dict[str, Any],
    options: Mapping[str, Any],
    before: Sequence[Drawing],
) -> Drawing:
    traced = trace(op, inputs, **kwargs)
    names = list(options.get("names", traced.input_names))
    if len(names) != len(traced.inputs):
        raise ValueError(f"names has {len(names)} entries; expected {len(traced.inputs)}, one for each input tensor.")
    for name, tensor in zip([*names, *traced.output_names], [*traced.inputs, *traced.outputs], strict=True):
        if tensor.dim() > 4:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}; expected 0 to 4 axes, which can be drawn.")
    drawing = Drawing(traced, names, call_text(op, inputs, kwargs, names), before)
    drawing.choose_home(options.get("at"), before)
    return drawing

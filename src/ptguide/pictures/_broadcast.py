"""Draw how broadcasting stretches tensors: the elements that exist, and their repetitions as ghosts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import torch
from torch import Tensor

from ptguide.pictures._panels import GHOST, index_of, spell, tensor_panel, text_of
from ptguide.pictures._picture import Picture
from ptguide.rules import explain_broadcast


def draw_broadcast(tensors: Sequence[Tensor], names: Sequence[str] = ()) -> Picture:
    """Draw each tensor stretched to the common shape; dashed elements repeat one that exists, and cost no memory.

    Hover over a dashed element, or move to it with the arrow keys, and the element that it repeats is framed.

    Parameters
    ----------
    tensors : sequence of Tensor
        Tensors whose shapes can be broadcast, to at most 4 axes.
    names : sequence of str
        What to call them; ``a``, ``b``, ``c`` if left out.

    Returns
    -------
    Picture

    Raises
    ------
    ValueError
        If the shapes cannot be broadcast, with the reason; if the common shape has more than 4 axes; if there are
        names, but not one for each tensor.

    Examples
    --------
    >>> import torch
    >>> print(draw_broadcast([torch.tensor([[10], [20]]), torch.tensor([1, 2, 3])]).said)
    a[1, 2] repeats a[1, 0] = 20.
    """
    tensors = list(tensors)
    names = list(names) or list("abcdefgh"[: len(tensors)])
    if len(names) != len(tensors):
        raise ValueError(f"names has {len(names)} entries; expected {len(tensors)}, one for each tensor.")
    explained = explain_broadcast(*(tuple(tensor.shape) for tensor in tensors))
    if explained.shape is None:
        raise ValueError(f"the tensors cannot be broadcast.\n{explained.text}")
    if len(explained.shape) > 4:
        raise ValueError(f"the common shape is {explained.shape}; expected at most 4 axes.")
    stretched = [tensor.detach().cpu().expand(explained.shape) for tensor in tensors]
    origins = [_origins(tensor, explained.shape).flatten().tolist() for tensor in tensors]
    home = _home(origins)
    lit = {home: "ptg-on", (home[0], origins[home[0]][home[1]]): "ptg-of"} if home else {}

    def attributes(number: int) -> Callable[[int], str]:
        def of(element: int) -> str:
            said = _said(stretched[number], names[number], element, origins[number][element])
            link = f' data-of="{number}.{origins[number][element]}"' if element != origins[number][element] else ""
            frame = f' class="{lit[number, element]}"' if (number, element) in lit else ""
            return f'data-k="{number}.{element}" data-t="{escape(said)}"{link}{frame}'

        return of

    panels = []
    for number, (tensor, whole) in enumerate(zip(tensors, stretched, strict=True)):
        exists = torch.tensor([origin == place for place, origin in enumerate(origins[number])])
        colors = torch.where(exists, number % 4, GHOST).reshape(whole.shape)
        note = f"of shape {tuple(tensor.shape)}, strides {tuple(tensor.expand(explained.shape).stride())}"
        panels.append(tensor_panel(whole, names[number], colors, note=note, attributes=attributes(number)))
    if home is None:
        return Picture(tuple(panels))
    said = _said(stretched[home[0]], names[home[0]], home[1], origins[home[0]][home[1]])
    return Picture(tuple(panels), said, f"{home[0]}.{home[1]}")


def _origins(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return for each element of the common shape which one it repeats: the one at index 0 of every stretched axis."""
    places = torch.arange(max(torch.Size(shape).numel(), 1))[: torch.Size(shape).numel()].reshape(shape)
    missing = len(shape) - tensor.dim()
    for axis in range(len(shape)):
        if shape[axis] > 1 and (axis < missing or tensor.shape[axis - missing] == 1):
            places = places.narrow(axis, 0, 1)
    return places.expand(shape)


def _home(origins: list[list[int]]) -> tuple[int, int] | None:
    """Return the tensor and the element that is lit up at first: the last that repeats another."""
    for number, places in enumerate(origins):
        ghosts = [place for place, origin in enumerate(places) if origin != place]
        if ghosts:
            return number, ghosts[-1]
    return next(((number, 0) for number, places in enumerate(origins) if places), None)


def _said(tensor: Tensor, name: str, element: int, origin: int) -> str:
    here, there = (spell(name, [index_of(place, tensor)], tensor) for place in (element, origin))
    value = text_of(tensor[index_of(origin, tensor)].item())
    return f"{here} = {value}, exists." if element == origin else f"{here} repeats {there} = {value}."

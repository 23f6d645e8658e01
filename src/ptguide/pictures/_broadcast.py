"""Draw how broadcasting stretches tensors: what exists, its repetitions as ghosts, and what has no partner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import torch
from torch import Tensor

from ptguide.pictures._grid import GHOST
from ptguide.pictures._panels import hue, index_of, shown_elements, spell, tensor_panel, text_of
from ptguide.pictures._picture import Picture

Shape = tuple[int, ...]


def draw_broadcast(tensors: Sequence[Tensor], names: Sequence[str] = ()) -> Picture:
    """Draw each tensor stretched to the common shape; dashed elements repeat one that exists, and cost no memory.

    Hover over a dashed element, or move to it with the arrow keys, and the element that it repeats is framed. Where
    the shapes do not fit, torch raises an error; each tensor is drawn as it is read, and what has no partner in another
    tensor is struck out.

    Parameters
    ----------
    tensors : sequence of Tensor
        Tensors of at most 4 axes.
    names : sequence of str
        What to call them; ``a``, ``b``, ``c`` if left out.

    Returns
    -------
    Picture

    Raises
    ------
    ValueError
        If the common shape has more than 4 axes; if there are names, but not one for each tensor.

    Examples
    --------
    >>> import torch
    >>> print(draw_broadcast([torch.tensor([[10], [20]]), torch.tensor([1, 2, 3])]).said)
    a[1, 2] repeats a[1, 0] = 20.
    >>> print(draw_broadcast([torch.tensor([10, 20]), torch.tensor([1, 2, 3])]).said)
    b[2] = 3 has no partner: along axis 0, a has only 2.
    """
    tensors = list(tensors)
    names = list(names) or list("abcdefgh"[: len(tensors)])
    if len(names) != len(tensors):
        raise ValueError(f"names has {len(names)} entries; expected {len(tensors)}, one for each tensor.")
    axes = max((tensor.dim() for tensor in tensors), default=0)
    if axes > 4:
        raise ValueError(f"the common shape has {axes} axes; expected at most 4.")
    read = _read(tensors, names)
    home = _home(read)
    lit = {(home[0], read[home[0]].origins[home[1]]): "ptg-of", home: "ptg-on"} if home else {}
    panels = []
    for number, (tensor, one) in enumerate(zip(tensors, read, strict=True)):
        exists = torch.tensor([origin == place for place, origin in enumerate(one.origins)], dtype=torch.bool)
        colors = torch.where(exists, hue(number), GHOST).reshape(one.whole.shape)
        note = f"of shape {tuple(tensor.shape)}, strides {one.whole.stride()}"
        panels.append(tensor_panel(one.whole, one.name, colors, note=note, attributes=_attributes(number, one, lit)))
    if home is None:
        return Picture(tuple(panels))
    return Picture(tuple(panels), read[home[0]].said(home[1]), f"{home[0]}.{home[1]}")


@dataclass(frozen=True)
class _Read:
    """A tensor as broadcasting reads it: stretched where its size is 1 or missing, else as it is.

    ``origins`` and ``alone`` have an entry for each element of ``whole`` in row-major order: the place of the element
    that it repeats, and why it has no partner, if it has none.
    """

    name: str
    whole: Tensor
    origins: list[int]
    alone: list[str]

    def said(self, element: int) -> str:
        """Return in words what an element is."""
        origin = self.origins[element]
        here, there = (spell(self.name, [index_of(place, self.whole)], self.whole) for place in (element, origin))
        value = text_of(self.whole[index_of(origin, self.whole)].item())
        if self.alone[element]:
            return f"{here} = {value} has no partner: {self.alone[element]}."
        return f"{here} = {value}, exists." if element == origin else f"{here} repeats {there} = {value}."


def _read(tensors: Sequence[Tensor], names: Sequence[str]) -> list[_Read]:
    """Return how each tensor is read beside the others."""
    axes = max((tensor.dim() for tensor in tensors), default=0)
    padded = [(1,) * (axes - tensor.dim()) + tuple(tensor.shape) for tensor in tensors]
    sizes = [[shape[axis] for shape in padded if shape[axis] != 1] or [1] for axis in range(axes)]
    read = []
    for tensor, name, own in zip(tensors, names, padded, strict=True):
        shape = tuple(max(found) if size == 1 else size for size, found in zip(own, sizes, strict=True))
        whole = tensor.detach().cpu().expand(shape)
        alone = [""] * whole.numel()
        for axis, found in enumerate(sizes):
            least = min(found)
            other = next((other for other, beside in zip(names, padded, strict=True) if beside[axis] == least), name)
            for element in range(whole.numel()):
                if index_of(element, whole)[axis] >= least:
                    alone[element] = f"along axis {axis}, {other} has only {least}"
        read.append(_Read(name, whole, _origins(tensor, shape).flatten().tolist(), alone))
    return read


def _attributes(number: int, read: _Read, lit: dict[tuple[int, int], str]) -> Callable[[int], str]:
    def of(element: int) -> str:
        origin = read.origins[element]
        link = f' data-of="{number}.{origin}"' if element != origin else ""
        classes = [lit.get((number, element), ""), "ptg-alone" * bool(read.alone[element])]
        kind = f' class="{" ".join(filter(None, classes))}"' if any(classes) else ""
        return f'data-k="{number}.{element}" data-t="{escape(read.said(element))}"{link}{kind}'

    return of


def _origins(tensor: Tensor, shape: Shape) -> Tensor:
    """Return for each element of the stretched shape which one it repeats: at index 0 of every stretched axis."""
    places = torch.arange(max(torch.Size(shape).numel(), 1))[: torch.Size(shape).numel()].reshape(shape)
    missing = len(shape) - tensor.dim()
    for axis in range(len(shape)):
        if shape[axis] > 1 and (axis < missing or tensor.shape[axis - missing] == 1):
            places = places.narrow(axis, 0, 1)
    return places.expand(shape)


def _home(read: Sequence[_Read]) -> tuple[int, int] | None:
    """Return the tensor and the element that is lit up at first: the first without partner, or the last ghost."""
    for number, one in enumerate(read):
        if any(one.alone):
            drawn = shown_elements(one.whole)
            return number, next(place for place in drawn if one.alone[place])
    for number, one in enumerate(read):
        ghosts = [place for place, origin in enumerate(one.origins) if origin != place]
        if ghosts:
            return number, ghosts[-1]
    return next(((number, 0) for number, one in enumerate(read) if one.origins), None)

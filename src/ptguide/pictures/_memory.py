"""Draw where the elements of tensors lie in the memory that they share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from html import escape

import torch
from torch import Tensor

from ptguide.pictures._grid import CELL_HEIGHT
from ptguide.pictures._panels import (
    CHARACTER,
    MARGIN,
    NEUTRAL,
    PADDING,
    colored,
    hue,
    index_of,
    listed,
    spell,
    tensor_panel,
    text_of,
)
from ptguide.pictures._picture import Panel, Picture
from ptguide.tensors import storage_map

MOST = 64  # elements of a storage that are drawn
LINE = 370  # pixels; the row of the storage goes on below where it would be longer: a telephone shows it
LISTED = 3  # places that a sentence lists


def draw_storage(tensors: Tensor | Sequence[Tensor], names: str | Sequence[str] = ()) -> Picture:
    """Draw each storage as one row of elements, and beside it the tensors that look into it.

    Hover over an element, or move to it with the arrow keys, and its place in the storage is framed, and with it the
    other elements that lie there. Gray elements of a storage belong to no tensor that was given. Where the tensors
    lie in several storages, these stand beside each other and have numbers: ``storage_0``, ``storage_1``.

    Parameters
    ----------
    tensors : Tensor or sequence of Tensor, each of 0 to 4 axes
        Those that share a storage have one dtype.
    names : str or sequence of str
        What to call them; ``x``, or ``a``, ``b``, ``c`` if left out.

    Returns
    -------
    Picture

    Raises
    ------
    ValueError
        If there is no tensor; if tensors that share a storage differ in dtype; if a tensor has more than 4 axes, or a
        storage more than 64 elements; if there are names, but not one for each tensor.

    Examples
    --------
    >>> import torch
    >>> x = torch.arange(6).reshape(2, 3)
    >>> print(draw_storage([x, x.T], ["x", "x.T"]).said)
    x[1, 1] = 4, lies at storage[4]: offset 0 + 1 * 3 + 1 * 1.
    >>> print(draw_storage([x, x.T.contiguous()], ["x", "copy"]).panels[-1].description)
    storage_1 of 6 elements: 0, 3, 1, 4, 2, 5
    """
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    names = [names] if isinstance(names, str) else list(names)
    names = names or (["x"] if len(tensors) == 1 else list("abcdefgh"[: len(tensors)]))
    _require_drawable(tensors, names)
    return _Memory(tensors, names).picture()


class _Memory:
    """The parts of one picture; the storages are numbered after the tensors."""

    def __init__(self, tensors: list[Tensor], names: list[str]) -> None:
        self.tensors, self.names = tensors, names
        addresses = [_address(tensor) for tensor in tensors]
        known = list(dict.fromkeys(addresses))
        self.storages = [_flat(tensors[addresses.index(address)]) for address in known]
        self.called = ["storage"] if len(known) == 1 else [f"storage_{place}" for place in range(len(known))]
        self.of = [known.index(address) for address in addresses]  # for each tensor: the number of its storage
        self.places = [storage_map(tensor).flatten().tolist() for tensor in tensors]
        # For a storage and an offset: the tensors and their elements that lie there.
        self.readers: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for number, offsets in enumerate(self.places):
            for element, offset in enumerate(offsets):
                self.readers.setdefault((self.of[number], offset), []).append((number, element))
        self.home = next(((n, _example(tensor)) for n, tensor in enumerate(tensors) if tensor.numel()), None)

    def picture(self) -> Picture:
        """Put the panels together, with one element lit up."""
        panels = [
            tensor_panel(
                tensor.detach().cpu(),
                name,
                colored(tensor, hue(n)),
                note=f"strides {tensor.stride()}, offset {tensor.storage_offset()}",
                attributes=functools.partial(self._of_tensor, n),
            )
            for n, (tensor, name) in enumerate(zip(self.tensors, self.names, strict=True))
        ]
        for place, storage in enumerate(self.storages):
            readers = [self.readers.get((place, offset)) for offset in range(len(storage))]
            hues = [hue(found[0][0]) if found else NEUTRAL for found in readers]
            panels.append(_row(storage, self.called[place], hues, functools.partial(self._of_storage, place)))
        if self.home is None:
            return Picture(tuple(panels))
        return Picture(tuple(panels), self._said(*self.home), f"{self.home[0]}.{self.home[1]}")

    def _of_tensor(self, number: int, element: int) -> str:
        place = self.of[number], self.places[number][element]
        others = [f"{n}.{e}" for n, e in self.readers[place] if (n, e) != (number, element)]
        links = " ".join([self._key(*place), *others])
        said = escape(self._said(number, element))
        on = ' class="ptg-on"' if (number, element) == self.home else self._lit(*place)
        return f'data-k="{number}.{element}" data-of="{links}" data-t="{said}"{on}'

    def _of_storage(self, place: int, offset: int) -> str:
        readers = self.readers.get((place, offset), [])
        found = [spell(self.names[n], [index_of(e, self.tensors[n])], self.tensors[n]) for n, e in readers]
        more = [f"{len(found) - LISTED} more"] if len(found) > LISTED else []
        reading = f"is {listed([*found[:LISTED], *more])}" if found else "is read by none"
        said = f"{self.called[place]}[{offset}] = {text_of(self.storages[place][offset].item())}, {reading}."
        return f'data-k="{self._key(place, offset)}" data-t="{escape(said)}"{self._lit(place, offset)}'

    def _key(self, place: int, offset: int) -> str:
        return f"{len(self.tensors) + place}.{offset}"

    def _lit(self, place: int, offset: int) -> str:
        """Return the class of what lies where the example does."""
        found = self.home and (self.of[self.home[0]], self.places[self.home[0]][self.home[1]])
        return ' class="ptg-of"' if found == (place, offset) else ""

    def _said(self, number: int, element: int) -> str:
        tensor = self.tensors[number]
        index = index_of(element, tensor)
        steps = [f"{place} * {stride}" for place, stride in zip(index, tensor.stride(), strict=True)]
        value = text_of(tensor.flatten()[element].item())
        sum_of = " + ".join([f"offset {tensor.storage_offset()}", *steps])
        here = f"{self.called[self.of[number]]}[{self.places[number][element]}]"
        return f"{spell(self.names[number], [index], tensor)} = {value}, lies at {here}: {sum_of}."


def _require_drawable(tensors: list[Tensor], names: list[str]) -> None:
    if not tensors:
        raise ValueError("tensors is empty; expected at least one tensor.")
    if len(names) != len(tensors):
        raise ValueError(f"names has {len(names)} entries; expected {len(tensors)}, one for each tensor.")
    first: dict[int, int] = {}  # for each storage: the first tensor that lies in it
    for place, tensor in enumerate(tensors):
        if tensor.dim() > 4:
            raise ValueError(f"tensors[{place}] has shape {tuple(tensor.shape)}; expected 0 to 4 axes.")
        known = first.setdefault(_address(tensor), place)
        if tensor.dtype != tensors[known].dtype:
            raise ValueError(
                f"tensors[{place}] is {tensor.dtype}, but tensors[{known}], which shares its storage, is "
                f"{tensors[known].dtype}; expected one dtype for each storage."
            )
        size = tensor.untyped_storage().nbytes() // tensor.element_size()
        if size > MOST:
            raise ValueError(
                f"the storage of tensors[{place}] has {size} elements; at most {MOST} are drawn. Draw a smaller one."
            )


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _flat(tensor: Tensor) -> Tensor:
    """Return all elements of a tensor's storage, in order."""
    size = tensor.untyped_storage().nbytes() // tensor.element_size()
    flat = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
    return flat.set_(tensor.untyped_storage(), 0, (size,), (1,)).cpu()


def _example(tensor: Tensor) -> int:
    """Return an element, in row-major order, whose indices are not all alike, if there is one."""
    flat = 0
    for size in tensor.shape:
        flat = flat * size + min(1, size - 1)
    return flat


def _row(storage: Tensor, name: str, hues: list[int], attributes: Callable[[int], str]) -> Panel:
    texts = [text_of(value) for value in storage.tolist()]
    width = max(CELL_HEIGHT, max(map(len, texts), default=0) * CHARACTER + PADDING)
    per_line = max(1, int(LINE // width))
    title = f"{name}, {len(texts)} elements of {storage.element_size()} bytes"
    parts = [f'<text class="ptg-name" x="{MARGIN}" y="20">{title}</text>']
    for place, text in enumerate(texts):
        x, y = MARGIN + place % per_line * width, 32 + place // per_line * (CELL_HEIGHT + 24)
        middle = x + width / 2
        parts.append(
            f'<text class="ptg-index" x="{middle:g}" y="{y + 10:g}">{place}</text><g {attributes(place)}>'
            f'<rect class="ptg-cell ptg-{hues[place]}" x="{x:g}" y="{y + 16:g}" width="{width:g}" '
            f'height="{CELL_HEIGHT}"/>'
            f'<text class="ptg-value" x="{middle:g}" y="{y + 36:g}">{escape(text)}</text></g>'
        )
    lines = -(-len(texts) // per_line)
    right = max(min(per_line, len(texts)) * width, len(title) * CHARACTER)
    words = f"{name} of {len(texts)} elements: {', '.join(texts)}"
    return Panel("".join(parts), right + 2 * MARGIN, 32 + lines * (CELL_HEIGHT + 24) + MARGIN, words)

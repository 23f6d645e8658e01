"""Draw where the elements of tensors lie in the memory that they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import torch
from torch import Tensor

from ptguide.pictures._panels import (
    CELL_HEIGHT,
    CHARACTER,
    MARGIN,
    PADDING,
    colored,
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
    """Draw the storage as one row of elements, and beside it the tensors that look into it.

    Hover over an element, or move to it with the arrow keys, and its place in the storage is framed, and with it all
    other elements that lie there. Gray elements of the storage belong to none of the tensors.

    Parameters
    ----------
    tensors : Tensor or sequence of Tensor, each of 0 to 4 axes
        Views of one storage, with one dtype.
    names : str or sequence of str
        What to call them; ``x``, or ``a``, ``b``, ``c`` if left out.

    Returns
    -------
    Picture

    Raises
    ------
    ValueError
        If the tensors do not share one storage and dtype, have more than 4 axes, or if the storage has more than 64
        elements; if there are names, but not one for each tensor.

    Examples
    --------
    >>> import torch
    >>> x = torch.arange(6).reshape(2, 3)
    >>> print(draw_storage([x, x.T], ["x", "x.T"]).said)
    x[1, 1] = 4, lies at storage[4]: offset 0 + 1 * 3 + 1 * 1.
    """
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    names = [names] if isinstance(names, str) else list(names)
    names = names or (["x"] if len(tensors) == 1 else list("abcdefgh"[: len(tensors)]))
    _require_one_storage(tensors, names)
    storage = _flat(tensors[0])
    places = [storage_map(tensor).flatten().tolist() for tensor in tensors]
    readers: dict[int, list[tuple[int, int]]] = {}
    for number, offsets in enumerate(places):
        for element, offset in enumerate(offsets):
            readers.setdefault(offset, []).append((number, element))
    home = next(((n, _example(tensor)) for n, tensor in enumerate(tensors) if tensor.numel()), None)
    last = len(tensors)

    def lit(number: int, element: int) -> str:
        if home is None:
            return ""
        if (number, element) == home:
            return ' class="ptg-on"'
        offset = element if number == last else places[number][element]
        return ' class="ptg-of"' if offset == places[home[0]][home[1]] else ""

    def attributes(number: int) -> Callable[[int], str]:
        def of(element: int) -> str:
            offset = places[number][element]
            others = [f"{n}.{e}" for n, e in readers[offset] if (n, e) != (number, element)]
            links = " ".join([f"{last}.{offset}", *others])
            said = _said(tensors[number], names[number], element, offset)
            return f'data-k="{number}.{element}" data-of="{links}" data-t="{escape(said)}"{lit(number, element)}'

        return of

    def of_storage(offset: int) -> str:
        found = [spell(names[n], [index_of(e, tensors[n])], tensors[n]) for n, e in readers.get(offset, [])]
        more = [f"{len(found) - LISTED} more"] if len(found) > LISTED else []
        shown = listed([*found[:LISTED], *more])
        said = (
            f"storage[{offset}] = {text_of(storage[offset].item())}, {f'is {shown}' if found else 'is read by none'}."
        )
        return f'data-k="{last}.{offset}" data-t="{escape(said)}"{lit(last, offset)}'

    panels = [
        tensor_panel(
            tensor.detach().cpu(),
            name,
            colored(tensor, n % 4),
            note=f"strides {tensor.stride()}, offset {tensor.storage_offset()}",
            attributes=attributes(n),
        )
        for n, (tensor, name) in enumerate(zip(tensors, names, strict=True))
    ]
    hues = [readers[offset][0][0] % 4 if offset in readers else 4 for offset in range(len(storage))]
    panels.append(_row(storage, hues, of_storage))
    if home is None:
        return Picture(tuple(panels))
    said = _said(tensors[home[0]], names[home[0]], home[1], places[home[0]][home[1]])
    return Picture(tuple(panels), said, f"{home[0]}.{home[1]}")


def _require_one_storage(tensors: list[Tensor], names: list[str]) -> None:
    if len(names) != len(tensors):
        raise ValueError(f"names has {len(names)} entries; expected {len(tensors)}, one for each tensor.")
    first = tensors[0]
    for place, tensor in enumerate(tensors):
        if tensor.dim() > 4:
            raise ValueError(f"tensors[{place}] has shape {tuple(tensor.shape)}; expected 0 to 4 axes.")
        same = tensor.untyped_storage().data_ptr() == first.untyped_storage().data_ptr()
        if not same or tensor.dtype != first.dtype:
            what = f"is {tensor.dtype}, not {first.dtype}" if same else "lies in another storage"
            raise ValueError(f"tensors[{place}] {what}; expected views of the storage of tensors[0].")
    size = first.untyped_storage().nbytes() // first.element_size()
    if size > MOST:
        raise ValueError(f"the storage has {size} elements; at most {MOST} are drawn. Take a smaller example.")


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


def _said(tensor: Tensor, name: str, element: int, offset: int) -> str:
    index = index_of(element, tensor)
    steps = [f"{place} * {stride}" for place, stride in zip(index, tensor.stride(), strict=True)]
    value = text_of(tensor.flatten()[element].item())
    sum_of = " + ".join([f"offset {tensor.storage_offset()}", *steps])
    return f"{spell(name, [index], tensor)} = {value}, lies at storage[{offset}]: {sum_of}."


def _row(storage: Tensor, hues: list[int], attributes: Callable[[int], str]) -> Panel:
    texts = [text_of(value) for value in storage.tolist()]
    width = max(CELL_HEIGHT, max(map(len, texts), default=0) * CHARACTER + PADDING)
    per_line = max(1, int(LINE // width))
    title = f"storage, {len(texts)} elements of {storage.element_size()} bytes"
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
    words = f"storage of {len(texts)} elements: {', '.join(texts)}"
    return Panel("".join(parts), right + 2 * MARGIN, 32 + lines * (CELL_HEIGHT + 24) + MARGIN, words)

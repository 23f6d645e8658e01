"""The pixels of an image in words; of a PNG as ``ptguide.pictures`` writes it: 8 bits, RGB, rows without a filter."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator
from itertools import pairwise

from pipeline.running.words.numbers import digest, written

HEAD = "data:image/png;base64,"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
TILES = 4  # along each side


def words(address: str) -> str:
    """Return size and mean color of each tile of an image; of one in another format a digest."""
    if not address.startswith(HEAD):
        return f"another format, {digest([address])}"
    blocks = dict(_blocks(base64.b64decode(address.removeprefix(HEAD))))
    width, height, *kind = struct.unpack(">IIBBBBB", blocks[b"IHDR"])
    rows = zlib.decompress(blocks[b"IDAT"])
    length = 3 * width + 1
    if kind != [8, 2, 0, 0, 0] or any(rows[::length]):
        return f"another format, {digest([address])}"
    lines = [rows[place * length + 1 : (place + 1) * length] for place in range(height)]
    tiles = [
        [_mean([line[3 * left + color : 3 * right : 3] for line in lines[top:bottom]]) for color in range(3)]
        for top, bottom in _parts(height)
        for left, right in _parts(width)
    ]
    gray = all(len({*tile}) == 1 for tile in tiles)
    means = [tile[0] for tile in tiles] if gray else [mean for tile in tiles for mean in tile]
    return f"{height} x {width}, {'gray' if gray else 'red, green and blue'} of each tile {written([255, *means])}"


def _blocks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(SIGNATURE)
    while place < len(data):
        (size,) = struct.unpack(">I", data[place : place + 4])
        yield data[place + 4 : place + 8], data[place + 8 : place + 8 + size]
        place += size + 12


def _parts(size: int) -> list[tuple[int, int]]:
    """Return the ends of equal parts of a side; of a short one, each pixel is a part."""
    parts = min(TILES, size)
    ends = [round(part * size / parts) for part in range(parts + 1)]
    return list(pairwise(ends))


def _mean(lines: list[bytes]) -> float:
    return sum(map(sum, lines)) / sum(map(len, lines))

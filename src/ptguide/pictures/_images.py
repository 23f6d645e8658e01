"""Panels that show a tensor as the image that it holds.

Axes: N image, C channel, H height, W width.
"""

from __future__ import annotations

import base64
import struct
import zlib
from html import escape

import torch
from torch import Tensor

from ptguide.pictures._panels import CHARACTER, MARGIN, text_of
from ptguide.pictures._picture import Panel

HEIGHT = 180  # pixels of the tallest image
MOST = 12  # images of a batch that are drawn


def image_panel(tensor: Tensor, name: str) -> Panel:
    """Draw a tensor of shape (H, W), (1 or 3, H, W) or (N, 1 or 3, H, W) as images.

    uint8 is shown as it is. Other values are shown from the least, black, to the greatest, white.
    """
    shape = tuple(tensor.shape)
    if not (tensor.dim() == 2 or (tensor.dim() in (3, 4) and shape[-3] in (1, 3))) or tensor.numel() == 0:
        raise ValueError(f"the image has shape {shape}; expected (H, W), (1 or 3, H, W) or (N, 1 or 3, H, W).")
    images = tensor.reshape(-1, 1 if tensor.dim() == 2 else shape[-3], *shape[-2:])[:MOST].detach().cpu()
    least, most = tensor.min().item(), tensor.max().item()
    title = f"{name} {shape}".strip()
    parts = [f'<text class="ptg-name" x="{MARGIN}" y="20">{escape(title)}</text>']
    height, width = images.shape[2:]
    scale = HEIGHT / max(height, width) / (1 if len(images) == 1 else 2)
    left = float(MARGIN)
    for image in _as_bytes(images, float(least), float(most)):
        parts.append(
            f'<image x="{left:g}" y="32" width="{width * scale:g}" height="{height * scale:g}" '
            f'style="image-rendering:{"pixelated" if scale > 1 else "auto"}" href="{_data(image)}"/>'
        )
        left += width * scale + MARGIN
    note = f"{text_of(least)} to {text_of(most)}" + (
        f", first {MOST}" if tensor.dim() == 4 and tensor.shape[0] > MOST else ""
    )
    bottom = 32 + height * scale + 18
    parts.append(f'<text class="ptg-index ptg-note" x="{MARGIN}" y="{bottom - 4:g}">{note}</text>')
    words = f"{name} of shape {shape}, drawn as {'an image' if len(images) == 1 else 'images'}, values from {note}"
    return Panel("".join(parts), max(left, 2 * MARGIN + len(title) * CHARACTER), bottom + MARGIN, words.strip())


def _as_bytes(images: Tensor, least: float, most: float) -> Tensor:
    """Return images of shape (N, H, W, 3) as uint8."""
    if images.dtype != torch.uint8:
        images = ((images.double() - least) / max(most - least, 1e-12) * 255).round().to(torch.uint8)
    return images.expand(-1, 3, -1, -1).movedim(1, -1).contiguous()


def _data(image: Tensor) -> str:
    """Return an image of shape (H, W, 3) as a PNG in a data address.

    The format is that of the PNG specification (W3C, 2003): signature, header, one data block, end.
    """
    height, width, _ = image.shape
    rows = torch.cat([torch.zeros(height, 1, dtype=torch.uint8), image.reshape(height, -1)], dim=1)

    def block(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(rows.flatten().tolist()), 9)
    png = b"\x89PNG\r\n\x1a\n" + block(b"IHDR", header) + block(b"IDAT", pixels) + block(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(png).decode()

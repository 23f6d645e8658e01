"""The README's picture is what the helper draws today; PTGUIDE_DRAW=1 draws it anew."""

import os
from pathlib import Path

import torch

from ptguide.pictures import draw

FILE = Path(__file__).parents[2] / "docs/_static/stack.svg"


def test_picture_of_the_readme_is_up_to_date():
    a = torch.arange(12).reshape(3, 4)
    b, first, second = a + 20, torch.zeros_like(a), torch.ones_like(a)
    tensors = [a, b, torch.stack([a, b], dim=1)]
    colors = [first, second, torch.stack([first, second], dim=1)]
    picture = draw(tensors, ["a", "b", "torch.stack([a, b], dim=1)"], colors=colors)
    if os.environ.get("PTGUIDE_DRAW"):
        picture.save(FILE)
    assert FILE.read_text(encoding="utf-8") == picture.svg
    assert "docs/_static/stack.svg" in (FILE.parents[2] / "README.md").read_text(encoding="utf-8")

"""The README's picture is what the helper draws today; PTGUIDE_DRAW=1 draws it anew."""

import os
from pathlib import Path

import torch

from ptguide.pictures import draw

FILE = Path(__file__).parents[2] / "docs/_static/stack.svg"


def test_picture_of_the_readme_is_up_to_date():
    a = torch.arange(12).reshape(3, 4)
    picture = draw(torch.stack, [a, a + 20], dim=1)
    if os.environ.get("PTGUIDE_DRAW"):
        picture.save(FILE)
    assert FILE.read_text(encoding="utf-8") == picture.svg
    assert "docs/_static/stack.svg" in (FILE.parents[2] / "README.md").read_text(encoding="utf-8")

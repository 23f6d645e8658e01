"""The icon fonts hold the icons that the site shows, and no others."""

from io import BytesIO
from pathlib import Path

import pydata_sphinx_theme
import pytest
from fontTools.ttLib import TTFont

from pipeline.tidying import icons

THEME = Path(pydata_sphinx_theme.__file__).parent / "theme/pydata_sphinx_theme/static"
STYLES = (THEME / "styles/pydata-sphinx-theme.css").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "code"), [("fa-magnifying-glass", 0xF002), ("fa-search", 0xF002), ("fa-bars", 0xF0C9)]
)
def test_icon_of_a_page_is_found_by_any_of_its_names(name, code):
    assert code in icons.characters(STYLES, f'<i class="fa-solid {name}"></i>')
    assert code not in icons.characters(STYLES, '<i class="fa-solid fa-cat"></i>')


def test_icons_that_the_theme_writes_by_itself_are_kept():
    assert len(icons.characters(STYLES, "")) > 10


def test_cut_font_is_small_and_holds_what_was_wanted():
    font = (THEME / "vendor/fontawesome/webfonts/fa-solid-900.woff2").read_bytes()
    small = icons.cut(font, {0xF002, 0xF0C9})
    assert set(TTFont(BytesIO(small)).getBestCmap()) == {0xF002, 0xF0C9}
    assert len(small) < 2_000 < len(font)

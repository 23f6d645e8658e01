"""The icon fonts of the theme, cut down to the icons that the site shows: 2 kB each instead of 110."""

from __future__ import annotations

import hashlib
import re
from io import BytesIO
from pathlib import Path
from typing import Any

from fontTools import subset
from fontTools.ttLib import TTFont
from sphinx.application import Sphinx

from pipeline.gallery.pages import is_live

FONTS = "_static/vendor/fontawesome/webfonts"
STYLES = "_static/styles/pydata-sphinx-theme.css"
USED = re.compile(r"fa-[a-z0-9-]+")  # with \b before it, it would be looked for at every word of every page
NAMED = re.compile(r'([^{}]*)\{--fa:"\\([0-9a-f]+)"')  # .fa-bars,.fa-navicon{--fa:"\f0c9"
DIRECT = re.compile(r'--pst-icon-[a-z-]+:\s*"([^"\\])"')  # characters that the theme's own rules write


def characters(styles: str, pages: str) -> set[int]:
    r"""Return the code points of the icons that some pages, and the rules of the theme itself, use.

    Examples
    --------
    >>> characters('.fa-bars,.fa-navicon{--fa:"\\f0c9"}.fa-cat{--fa:"\\f6be"}', '<i class="fa-bars">') == {0xF0C9}
    True
    """
    used = set(USED.findall(pages))
    found = {int(code, 16) for names, code in NAMED.findall(styles) if used & set(USED.findall(names))}
    return found | {ord(character) for character in DIRECT.findall(styles)}


def cut(font: bytes, wanted: set[int]) -> bytes:
    """Return a font in WOFF2 with the wanted characters alone."""
    options = subset.Options(flavor="woff2", drop_tables=["GSUB", "GPOS"], notdef_outline=True)
    loaded = TTFont(BytesIO(font))
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=wanted)
    subsetter.subset(loaded)
    loaded.flavor = "woff2"
    out = BytesIO()
    loaded.save(out)
    return out.getvalue()


def _finish(app: Sphinx, exception: Exception | None) -> None:
    out = Path(app.outdir)
    if exception is not None or app.builder.name != "html" or not (out / STYLES).is_file() or is_live(app):
        return
    pages = " ".join({name for path in out.rglob("*.html") for name in USED.findall(path.read_text(encoding="utf-8"))})
    scripts = "".join(path.read_text(encoding="utf-8") for path in sorted((out / "_static/scripts").glob("pydata*.js")))
    wanted = characters((out / STYLES).read_text(encoding="utf-8"), pages + scripts)
    kept = Path(app.doctreedir, "icons")
    kept.mkdir(exist_ok=True)
    fonts = [
        file
        for folder in app.builder.theme.get_theme_dirs()
        for file in Path(folder, FONTS.lstrip("_")).glob("*.woff2")
    ]
    for file in fonts:
        font = file.read_bytes()
        key = hashlib.sha256(font + repr(sorted(wanted)).encode()).hexdigest()
        small = kept / f"{file.stem}-{key[:16]}"  # to cut takes a second
        if not small.is_file():
            small.write_bytes(cut(font, wanted))
        Path(out, FONTS, file.name).write_bytes(small.read_bytes())


def setup(app: Sphinx) -> dict[str, Any]:
    """Cut when all pages are written."""
    app.connect("build-finished", _finish, priority=450)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

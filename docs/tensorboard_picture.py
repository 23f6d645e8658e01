"""Take the pictures of TensorBoard that its page shows: the page's own log, in a real server and a real browser.

The pictures are kept in the repository, since the site is built without a browser. A file beside them says which code
made the log; a test compares it with the page.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
PAGE = DOCS.parent / "gallery" / "tools" / "using_tensorboard.py"
PICTURES = {theme: DOCS / "_static" / f"tensorboard-{theme}.webp" for theme in ("light", "dark")}
NOTE = DOCS / "_static" / "tensorboard.json"
END_OF_LOG = "# Look at it"  # the page's heading behind the code that writes the log
END_OF_CODE = "with tensorboard(log)"  # its first line after the server is defined
SIZE = {"width": 1000, "height": 720}
FOOT = """said => {
    const foot = document.createElement("div");
    foot.textContent = said;
    foot.style = "position: fixed; bottom: 0; left: 0; right: 0; z-index: 9999; padding: 6px 16px;"
        + "font: 15px sans-serif; background: #1f2937; color: #f3f4f6";
    document.body.append(foot);
}"""


def until(source: str, mark: str) -> str:
    """Return the page up to the line that begins with a mark.

    Raises
    ------
    ValueError
        If there is no such line.
    """
    before, found, _ = source.partition(f"\n{mark}")
    if not found:
        raise ValueError(f"the page has no line that begins with {mark!r}; adapt the marks in {__file__}.")
    return before + "\n"


def fingerprint(source: str) -> str:
    r'''Return what changes with the code that writes the log, and with no text of the page.

    Examples
    --------
    >>> page = '"""A title."""\n\n# A text.\nx = 1\n# Look at it'
    >>> fingerprint(page) == fingerprint(page.replace("text", "word").replace("title", "name"))
    True
    >>> fingerprint(page) == fingerprint(page.replace("x = 1", "x = 2"))
    False
    '''
    _, _, code = until(source, END_OF_LOG).partition('"""\n\n')  # behind the introduction
    lines = [line for line in code.splitlines() if line.strip() and not line.startswith("#")]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def take(address: str, said: str) -> dict[str, bytes]:
    """Return a screenshot of the tab Time Series in each theme, as WebP, with a line at its foot."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    from chromium import start_chromium

    pictures = {}
    with sync_playwright() as playwright:
        browser = start_chromium(playwright)
        for theme in PICTURES:
            page = browser.new_page(viewport=SIZE, color_scheme=theme, reduced_motion="reduce")
            page.set_default_timeout(300_000)
            page.goto(f"{address}?darkMode={str(theme == 'dark').lower()}#timeseries")
            page.get_by_role("button", name="Settings").last.click()  # closes the settings, which take a third
            page.locator("line-chart").first.wait_for()
            page.wait_for_function("[...document.images].every(image => image.complete)")
            page.wait_for_timeout(2000)  # curves are drawn in frames, and nothing says when the last is done
            page.evaluate(FOOT, said)
            made = io.BytesIO()
            Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(made, "WEBP", quality=80, method=6)
            pictures[theme] = made.getvalue()
        browser.close()
    return pictures


def main() -> None:
    """Run the page up to its server, take the pictures and note what they show."""
    source = PAGE.read_text(encoding="utf-8")
    space: dict[str, Any] = {"__name__": "page"}
    exec(compile(until(source, END_OF_CODE), str(PAGE), "exec"), space)
    versions = {name: version(name) for name in ("tensorboard", "torch")} | {"python": platform.python_version()}
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    said = f"TensorBoard {versions['tensorboard']}, torch {versions['torch']}, Python {versions['python']}; {date}"
    with space["tensorboard"](space["log"]) as (_, address):
        pictures = take(address, said)
    space["holder"].cleanup()
    for theme, content in pictures.items():
        PICTURES[theme].write_bytes(content)
    hashes = {theme: hashlib.sha256(content).hexdigest() for theme, content in pictures.items()}
    note = {"code": fingerprint(source), "date": date, "versions": versions, "pictures": hashes}
    NOTE.write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
    for theme, path in PICTURES.items():
        print(f"{path.name}: {len(pictures[theme]) / 1000:.0f} kB")


if __name__ == "__main__":
    sys.exit(main())

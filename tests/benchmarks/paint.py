"""How soon does a reader see a page, and what a search finds? The largest contentful paint, and the first result.

Each load is one of a new visitor: nothing is stored, so that every file of the page is fetched. Needs a built site.
"""

from __future__ import annotations

import functools
import http.server
import statistics
import sys
import threading
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))

from chromium import start_chromium

SITE = Path(__file__).parents[2] / "docs" / "_build" / "html"
LIMIT = 500  # milliseconds
LOADS = 7
WIDTHS = {1280: 900, 390: 844}  # and the heights that go with them
# The last entry is the largest thing that was painted; loading goes on until the page and its scripts are done.
LARGEST = """() => new Promise(resolve => {
    let largest = null;
    new PerformanceObserver(list => { largest = list.getEntries().at(-1); })
        .observe({type: "largest-contentful-paint", buffered: true});
    setTimeout(() => resolve(largest && [largest.startTime, largest.element?.tagName ?? ""]), 300);
})"""

# From the start of the loading to the first result, and from a key to the results of another question.
FIRST_RESULT = """() => new Promise(resolve => {
    const seen = () => document.querySelector(".search-result") && resolve(performance.now());
    new MutationObserver(seen).observe(document, {childList: true, subtree: true});
    seen();
})"""
NEXT_RESULTS = """() => new Promise(resolve => {
    const start = performance.now();
    new MutationObserver(() => resolve(performance.now() - start - 120))  // it waits 120 ms for another key
        .observe(document.querySelector("#search-results"), {childList: true, subtree: true});
    const field = document.querySelector(".bd-search-container input[type=search]");
    field.value = "how to stack tensors of unequal length in a batch";
    field.dispatchEvent(new Event("input", {bubbles: true}));
})"""
SEARCH_LIMITS = {"from loading to the first result": 300, "from a key to results": 100}  # milliseconds


class _Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def largest_paint(browser: Browser, address: str, width: int) -> tuple[float, str]:
    """Return after how many milliseconds a new visitor sees the largest thing of the first screen, and its tag."""
    context = browser.new_context(viewport={"width": width, "height": WIDTHS[width]})
    page = context.new_page()
    page.goto(address, wait_until="load")
    found = page.evaluate(LARGEST)
    context.close()
    if found is None:
        raise RuntimeError(f"{address} painted nothing that counts; look at the page.")
    return found[0], found[1]


def searched(browser: Browser, origin: str) -> tuple[float, float]:
    """Return after how many milliseconds a new visitor sees a first result, and the results of another question."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{origin}search.html?q=gather", wait_until="commit")
    first = page.evaluate(FIRST_RESULT)
    page.wait_for_load_state("networkidle")
    found = first, page.evaluate(NEXT_RESULTS)
    context.close()
    return found


def pages() -> list[str]:
    """Return the pages to load: the front page, the heaviest of each kind, and the search."""
    guide = sorted((SITE / "guide").glob("*/*.html"), key=lambda path: path.stat().st_size)
    reference = sorted((SITE / "reference").glob("*.html"), key=lambda path: path.stat().st_size)
    chosen = [SITE / "index.html", guide[-1], guide[len(guide) // 2], reference[-1], SITE / "glossary.html"]
    return [path.relative_to(SITE).as_posix() for path in [*chosen, SITE / "search.html"]]


def main() -> int:
    """Print the table; return 1 if a limit is exceeded."""
    if not (SITE / "index.html").is_file():
        raise SystemExit(f"There is no built site in {SITE}. Build it with `nox -s docs`.")
    handler = functools.partial(_Quiet, directory=SITE)
    rows = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = start_chromium(playwright)
        origin = f"http://127.0.0.1:{server.server_port}/"
        largest_paint(browser, origin, 1280)  # the browser itself has to warm up
        for name in pages():
            for width in WIDTHS:
                loads = [largest_paint(browser, origin + name, width) for _ in range(LOADS)]
                rows.append((name, width, statistics.median(time for time, _ in loads), loads[-1][1].lower()))
        searches = zip(*(searched(browser, origin) for _ in range(LOADS)), strict=True)
        times = dict(zip(SEARCH_LIMITS, map(statistics.median, searches), strict=True))
        browser.close()
        server.shutdown()
    print(f"{'largest contentful paint, ms':<50}{'width':>6}{'measured':>10}{'limit':>7}{'ratio':>7}  of")
    for name, width, measured, tag in rows:
        print(f"{name:<50}{width:>6}{measured:>10.0f}{LIMIT:>7}{measured / LIMIT:>7.2f}  {tag}")
    for what, limit in SEARCH_LIMITS.items():
        print(f"{'search, ' + what + ', ms':<56}{times[what]:>10.0f}{limit:>7}{times[what] / limit:>7.2f}")
    too_slow = any(times[what] > limit for what, limit in SEARCH_LIMITS.items())
    return int(too_slow or any(measured > LIMIT for _, _, measured, _ in rows))


if __name__ == "__main__":
    sys.exit(main())

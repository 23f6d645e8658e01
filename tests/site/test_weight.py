"""A page weighs at most 200 kB on its first load, without its images, compressed as every host sends it."""

import gzip
import re
from collections import Counter

import pytest

LIMIT = 200_000  # bytes
EMBEDDED = re.compile(rb"data:image/[a-z+]+;base64,[A-Za-z0-9+/=]+")
COMPRESSED = {"document", "stylesheet", "script", "fetch", "xhr"}  # fonts are compressed already


def weigh(page, address: str) -> Counter:
    """Return the bytes of everything but images that a page makes the browser fetch, by address."""
    found = Counter()

    def note(response) -> None:
        if response.request.resource_type != "image" and response.ok:
            body = EMBEDDED.sub(b"", response.body())
            found[response.url] = len(gzip.compress(body) if response.request.resource_type in COMPRESSED else body)

    page.on("response", note)
    page.goto(address)
    page.wait_for_load_state("networkidle")
    return found


@pytest.mark.parametrize("name", ["index.html", "glossary.html", "the heaviest page of the guide"])
def test_page_is_light(new_page, origin, site, guide_pages, name):
    if name.startswith("the heaviest"):
        sizes = {page: len(gzip.compress(EMBEDDED.sub(b"", (site / page).read_bytes()))) for page in guide_pages}
        name = max(sizes, key=sizes.__getitem__)
    found = weigh(new_page(), f"{origin}{name}")
    assert len(found) > 5, "a page without styles and scripts was not loaded"
    assert found.total() <= LIMIT, "\n".join(f"{size:>8,} {address}" for address, size in found.most_common())


def test_the_search_stays_light_at_250_pages(site, guide_pages):
    size = len(gzip.compress((site / "search-index.js").read_bytes()))
    assert size <= 250_000 * max(1, len(guide_pages) / 250)
    assert size / len(guide_pages) <= 1000, "a page more costs 1 kB of what each search loads first"
    parts = [file.stat().st_size for file in (site / "search" / "guide").rglob("*.js")]
    assert len(parts) == len(guide_pages)


def test_the_weight_counts_what_a_page_loads(new_page, serve, tmp_path):
    (tmp_path / "index.html").write_text('<link rel="stylesheet" href="a.css"><p>text</p>')
    (tmp_path / "a.css").write_text("".join(f".c{number * number} {{color: red}}\n" for number in range(1000)))
    found = weigh(new_page(), f"{serve(tmp_path)}index.html")
    assert [address.rpartition("/")[2] for address in found] == ["index.html", "a.css"]
    assert 2_000 < found.total() < 20_000

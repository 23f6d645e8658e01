"""Each page's Markdown holds the cells of the page with what they gave, and a list leads to all of them."""

import json
import re
from functools import cache

import download_checks
import markdown_checks
import pytest

ENTRY = re.compile(r"- \[(?P<title>.+)\]\((?P<address>\S+)\): \S.*[.?!:]")
targets = cache(markdown_checks.targets)


@pytest.fixture(scope="module")
def base(site) -> str:
    """Return the address of the site."""
    script = next((site / "download").glob("*/*.py")).read_text(encoding="utf-8")
    return download_checks.base_of(download_checks.helper_requirement(script))


def test_markdown_of_a_page(site, page, base):
    markdown = (site / "guide" / f"{page}.md").read_text(encoding="utf-8")
    record = json.loads((site.parents[1] / "guide" / f"{page}.record.json").read_text(encoding="utf-8"))
    complaints = markdown_checks.origin(markdown, record)
    complaints += markdown_checks.cells(markdown, record)
    complaints += markdown_checks.leftovers(markdown)
    complaints += markdown_checks.links(markdown, site, base, targets)
    assert not complaints, "\n".join(complaints)


def test_the_list_leads_to_every_page_once(site, base, guide_pages):
    text = (site / "llms.txt").read_text(encoding="utf-8")
    title, words, *_ = text.split("\n\n")
    assert title == "# ptguide"
    assert words.startswith("> ")
    entries = [ENTRY.fullmatch(line) for line in text.splitlines() if line.startswith("- ")]
    assert all(entries)
    assert markdown_checks.links(text, site, base, targets) == []
    pages = [entry["address"] for entry in entries if entry["address"].endswith(".md")]
    made = [path.relative_to(site).as_posix() for path in site.rglob("*.md")]
    assert sorted(pages) == sorted(base + path for path in made)
    shown = {(site / page).with_suffix(".md") for page in guide_pages}
    assert {site / path for path in made} == shown

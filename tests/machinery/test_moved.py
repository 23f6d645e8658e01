"""The address of a page that moved leads to where it is now."""

import pytest
from bs4 import BeautifulSoup

from pipeline.tidying.moved import problems


def test_old_address_leads_on(minisite):
    minisite.edit("docs/conf.py", 'project = "minisite"', 'project = "minisite"\nhtml_baseurl = "https://example.org/"')
    minisite.edit("docs/conf.py", "gallery_order", 'pages_moved = {"guide/two/old": "guide/one/alpha"}\ngallery_order')
    markdown = minisite.root / "docs/_build/html/guide/two/old.md"
    markdown.parent.mkdir(parents=True)
    markdown.write_text("Of the page that was there.")
    minisite.build()
    assert not markdown.exists()
    page = BeautifulSoup(minisite.html("guide/two/old.html"), "html.parser")
    assert page.select_one("meta[http-equiv=refresh]")["content"] == "0; url=../one/alpha.html"
    assert page.select_one("link[rel=canonical]")["href"] == "https://example.org/guide/one/alpha.html"
    assert page.select_one("a")["href"] == "../one/alpha.html"
    assert (minisite.root / "docs/_build/html/guide/two" / page.select_one("a")["href"]).is_file()
    assert '"id":"guide/two/old"' not in minisite.html("search-index.js")
    minisite.edit("docs/conf.py", '"guide/one/alpha"}', '"guide/one/gone"}')
    assert "pages_moved leads from 'guide/two/old' to 'guide/one/gone', which is no document." in minisite.build(
        ok=False
    )
    minisite.edit("docs/conf.py", '{"guide/two/old": "guide/one/gone"}', "{}")
    minisite.build()
    assert not (minisite.root / "docs/_build/html/guide/two/old.html").exists()


@pytest.mark.parametrize(
    ("moved", "said"),
    [
        ({"a": "b"}, []),
        ({"a": "c"}, ["pages_moved leads from 'a' to 'c', which is no document. Lead to one, for example"]),
        ({"a": "x", "x": "b"}, ["pages_moved leads from 'a' to 'x', which has moved itself: lead to 'b'."]),
        ({"b": "b"}, ["and 'b' is a document: its page would be lost. Delete the line.", "has moved itself"]),
    ],
)
def test_what_is_wrong_with_the_table_is_said(moved, said):
    found = list(problems(moved, {"b"}))
    assert len(found) == len(said)
    assert all(part in one for part, one in zip(said, found, strict=True))

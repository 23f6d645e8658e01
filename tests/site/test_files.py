"""Every file of the built site, read without a browser: links, words for pictures, formulas, provenance, code links."""

from pathlib import Path

import html_checks
import pytest
import sphinx_gallery
from sphinx_gallery.utils import scale_image

REPOSITORY = Path(__file__).parents[2]
STAND_IN = Path(sphinx_gallery.__file__).parent / "_static" / "no_image.png"


@pytest.fixture(scope="module")
def no_image(tmp_path_factory) -> bytes:
    """Return sphinx-gallery's picture for a page without one, in the size of a thumbnail."""
    made = tmp_path_factory.mktemp("thumbnail") / "no_image.png"
    scale_image(str(STAND_IN), str(made), 400, 280)
    return made.read_bytes()


def test_links_and_pictures(site, any_page, no_image):
    document = html_checks.read(site / any_page)
    complaints = html_checks.links(site, any_page)
    complaints += html_checks.words_for_pictures(document)
    complaints += html_checks.thumbnails(site, any_page, no_image)
    complaints += html_checks.outline(document)
    complaints += html_checks.leftovers(document)[1]
    assert not complaints, "\n".join(complaints)


def test_guide_page(site, guide_page):
    document = html_checks.read(site / guide_page)
    complaints = html_checks.provenance(document, commit=(REPOSITORY / ".git").exists())
    complaints += html_checks.code_links(document)
    complaints += html_checks.downloads(document)
    assert not complaints, "\n".join(complaints)


def test_every_page_has_a_card_with_a_picture_in_its_chapter(site, guide_pages):
    pages = {site / page for page in guide_pages}
    cards = [
        (chapter.parent / link["href"])
        for chapter in (site / "guide").glob("*/index.html")
        for link in html_checks.read(chapter).select(".sphx-glr-thumbcontainer a")
    ]
    assert sorted(cards) == sorted(pages)


def test_the_site_has_formulas(site):
    counts = [html_checks.leftovers(html_checks.read(page))[0] for page in (site / "guide").glob("*/*.html")]
    assert sum(counts) > 0


def test_names_in_code_lead_to_the_very_function(site):
    page = html_checks.read(site / "guide/shapes/stack.html")
    linked = {link.get_text(): link["href"] for link in page.select(".highlight-Python a[href]")}
    assert linked["torch.stack"] == "https://docs.pytorch.org/docs/stable/generated/torch.stack.html#torch.stack"
    assert linked["draw"].endswith("#ptguide.pictures.draw")

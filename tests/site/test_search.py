"""The search finds every page by its title, from a server and from a folder, and the folder can be read as it is."""

from urllib.parse import quote

import browser_checks
import html_checks
import pytest


def first_results(page, root: str, query: str, count: int = 3) -> list[str]:
    """Search, and return the addresses of the first results, without what a search adds to them."""
    page.goto(f"{root}search.html?q={quote(query)}")
    page.wait_for_function("/finished|did not match/.test(document.querySelector('.search-summary')?.textContent)")
    found = page.eval_on_selector_all(
        "#search-results ul.search > li > a:first-child", "all => all.map(one => one.href)"
    )
    return [address.partition("?")[0].partition("#")[0].removeprefix(root) for address in found[:count]]


@pytest.fixture(params=["http", "file"])
def root(request, site) -> str:
    """Return the address of the site, on a server and as a folder."""
    return f"{site.as_uri()}/" if request.param == "file" else request.getfixturevalue("origin")


def test_search_finds_the_page_by_its_title(new_page, site, root, guide_page):
    title = html_checks.read(site / guide_page).find("h1").find(string=True)
    page = new_page()
    watch = browser_checks.Watch(page, root)
    assert guide_page in first_results(page, root, title)
    page.wait_for_load_state("networkidle")
    assert not watch.complaints()


def test_search_says_when_it_finds_nothing(new_page, site, root):
    assert first_results(new_page(), root, "zyzzyva") == []


def test_the_site_can_be_walked_through(new_page, site, root):
    page = new_page()
    watch = browser_checks.Watch(page, root)
    page.goto(f"{root}index.html")
    for name in ("The guide", "Shapes"):
        page.get_by_role("link", name=name, exact=True).first.click()
        page.wait_for_load_state()
    page.locator(
        ".sphx-glr-thumbcontainer a[href='stack.html'], .sphx-glr-thumbcontainer a[href$='/stack.html']"
    ).click()
    page.wait_for_url("**/guide/shapes/stack.html")
    assert "torch.stack" in page.locator("h1").inner_text()
    page.locator(".prev-next-area a.right-next").click()
    page.wait_for_load_state()
    assert page.url != f"{root}guide/shapes/stack.html"
    complaints = watch.complaints()
    assert not complaints, "\n".join(complaints)

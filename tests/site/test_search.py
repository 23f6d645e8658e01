"""The search answers questions, finds every page by its title, and works from a server and from a folder."""

import tomllib
from pathlib import Path

import browser_checks
import html_checks
import pytest

QUESTIONS = {
    question: [f"guide/{page}" for page in pages]
    for chapter in tomllib.loads(Path(__file__).with_name("questions.toml").read_text(encoding="utf-8")).values()
    for question, pages in chapter.items()
}
FOUND = 0.95  # of the questions: the right page is among the first three


@pytest.fixture(params=["http", "file"])
def root(request, site) -> str:
    """Return the address of the site, on a server and as a folder."""
    return f"{site.as_uri()}/" if request.param == "file" else request.getfixturevalue("origin")


@pytest.fixture
def search_page(new_page, root):
    """Open the search; it must load without a complaint."""
    page = new_page()
    watch = browser_checks.Watch(page, root)
    page.goto(f"{root}search.html")
    yield page
    page.wait_for_load_state("networkidle")
    assert not watch.complaints()


def first_three(page, query: str) -> list[str]:
    return page.evaluate("query => ptguideSearch.find(query).slice(0, 3)", query)


def test_questions_are_answered_by_one_of_the_first_three_pages(search_page):
    found = {question: first_three(search_page, question) for question in QUESTIONS}
    missed = {question: found[question] for question, pages in QUESTIONS.items() if not {*pages} & {*found[question]}}
    assert len(missed) <= (1 - FOUND) * len(QUESTIONS), "\n".join(f"{one}: {three}" for one, three in missed.items())


def test_the_list_of_questions_is_long_and_names_pages_that_exist(site):
    assert len(QUESTIONS) >= 60
    named = {page for pages in QUESTIONS.values() for page in pages}
    assert not [page for page in named if not (site / f"{page}.html").is_file()]


def test_search_finds_every_page_by_its_title(search_page, site, guide_pages):
    titles = {page: html_checks.read(site / page).find("h1").find(string=True) for page in guide_pages}
    lost = [page for page, title in titles.items() if page.removesuffix(".html") not in first_three(search_page, title)]
    assert not lost


def test_the_page_named_after_a_function_comes_first(search_page):
    for name in ("stack", "torch.cat", "torch.gather", "F.pad", "softmax", "einsum"):
        assert first_three(search_page, name)[0].endswith(f"/{name.rpartition('.')[2]}")


def test_results_appear_while_one_types_and_lead_to_the_section(search_page, root):
    search_page.locator(".bd-search-container input").fill("squeeze a batch of one example")
    first = search_page.locator("#search-results li").first
    link = first.locator("a").first  # the others lead to what to use
    link.wait_for()
    assert "squeeze" in first.locator("mark").first.inner_text().lower()
    assert "example" in search_page.url
    address = link.get_attribute("href")
    link.click()
    search_page.wait_for_load_state()
    assert address.partition("#")[0].removeprefix("./") in search_page.url
    if "#" in address:
        assert search_page.locator(f"#{address.partition('#')[2]}").count() == 1


def test_search_says_when_it_finds_nothing(new_page, root):
    page = new_page()
    page.goto(f"{root}search.html?q=zyzzyva")
    assert 'Nothing matches "zyzzyva"' in page.locator("#search-results [role=status]").inner_text()
    assert page.locator("#search-results li").count() == 0


def test_what_is_typed_is_text_and_not_markup(new_page, root):
    page = new_page()
    page.goto(f"{root}search.html?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
    page.locator("#search-results [role=status]").wait_for()
    assert page.locator("#search-results img").count() == 0


def test_the_site_can_be_walked_through(new_page, site, root):
    page = new_page()
    watch = browser_checks.Watch(page, root)
    page.goto(f"{root}index.html", wait_until="networkidle")

    def follow(link):
        with page.expect_navigation(wait_until="networkidle"):  # leaving a page that still loads breaks requests off
            link.click()

    for name in ("The guide", "Shapes"):
        follow(page.get_by_role("link", name=name, exact=True).first)
    follow(page.locator(".sphx-glr-thumbcontainer").locator("a[href='stack.html'], a[href$='/stack.html']"))
    assert page.url == f"{root}guide/shapes/stack.html"
    assert "torch.stack" in page.locator("h1").inner_text()
    follow(page.locator(".prev-next-area a.right-next"))
    assert page.url != f"{root}guide/shapes/stack.html"
    complaints = watch.complaints()
    assert not complaints, "\n".join(complaints)

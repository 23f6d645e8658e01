"""Pages keep to their form in a browser; what is folded and what is explained can be reached in every way."""

from pathlib import Path

import browser_checks
import pytest

REPOSITORY = Path(__file__).parents[2]
PAGE = "guide/shapes/stack.html"


def test_a_link_into_a_fold_opens_it(new_page, origin, site):
    page = new_page()
    page.goto(f"{origin}{PAGE}")
    fold = page.locator("#how-this-was-checked")
    assert not fold.evaluate("one => one.open")
    page.goto(f"{origin}{PAGE}#how-this-was-checked")
    page.wait_for_function("document.getElementById('how-this-was-checked').open")
    page.wait_for_function(
        "Math.abs(document.getElementById('how-this-was-checked').getBoundingClientRect().top) < 300"
    )
    assert fold.locator(".highlight").is_visible()


@pytest.mark.parametrize("event", ["hashchange", "beforeprint"])
def test_a_browser_that_opens_no_fold_itself_is_told_to(new_page, origin, site, event):
    page = new_page()
    page.goto(f"{origin}{PAGE}#set-up")
    fold = page.locator("#set-up")
    fold.evaluate("one => { one.open = false; }")
    page.evaluate("event => dispatchEvent(new Event(event))", event)
    assert fold.evaluate("one => one.open")


def test_a_fold_is_printed(new_page, origin, site):
    page = new_page()
    page.goto(f"{origin}{PAGE}")
    code = page.locator("#how-this-was-checked .highlight")
    assert not code.is_visible()
    page.emulate_media(media="print")
    assert code.is_visible()
    assert code.bounding_box()["height"] > 50


def test_a_fold_and_an_explanation_need_no_script(browser, origin, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{origin}{PAGE}")
    page.locator("#set-up > summary").click()
    assert page.locator("#set-up .highlight").is_visible()
    word = page.locator("p a.ptg-word").first
    assert word.get_attribute("title").endswith(".")
    word.click()
    assert "#" in page.url
    context.close()


def described(page):
    """Return the text of the explanation that is shown."""
    tip = page.locator(".ptg-tip")
    return tip.text_content() if tip.is_visible() else ""


@pytest.fixture
def word(new_page, origin, site):
    """Return a page, and the first word on it that is explained."""
    page = new_page()
    page.goto(f"{origin}{PAGE}")
    found = page.locator("p a.ptg-word").first
    found.scroll_into_view_if_needed()
    return page, found


def test_a_word_is_explained_at_a_hover_and_to_a_screen_reader(word):
    page, link = word
    said = link.get_attribute("aria-description")
    assert said.endswith(".")
    assert described(page) == ""
    link.hover()
    assert described(page) == said
    page.mouse.move(2, 2)
    page.locator(".ptg-tip").wait_for(state="hidden")
    link.hover()
    page.locator(".ptg-tip").hover()
    page.wait_for_timeout(300)
    assert described(page) == said, "the mouse may go to the words"
    page.mouse.move(2, 2)
    page.locator(".ptg-tip").wait_for(state="hidden")


def test_a_word_is_explained_at_keyboard_focus_and_closed_by_escape(word):
    page, link = word
    page.keyboard.press("Tab")
    link.focus()
    assert described(page) == link.get_attribute("aria-description")
    page.keyboard.press("Escape")
    assert described(page) == ""


def test_a_word_is_explained_at_a_first_touch_and_followed_at_a_second(browser, origin, site):
    context = browser.new_context(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{origin}{PAGE}")
    link = page.locator("p a.ptg-word").first
    link.tap()
    assert page.url == f"{origin}{PAGE}"
    assert described(page) == link.get_attribute("aria-description")
    box = page.locator(".ptg-tip").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    page.locator("h1").tap()
    assert described(page) == ""
    link.tap()
    link.tap()
    page.wait_for_url("**/glossary.html#*")
    context.close()


def test_a_name_in_code_is_explained_and_leads_to_the_reference(new_page, origin, site):
    page = new_page()
    page.goto(f"{origin}{PAGE}")
    name = page.locator(".highlight a.ptg-word").first
    name.hover()
    assert described(page)
    assert "/reference/" in name.evaluate("one => one.href")


def test_the_search_shows_what_to_use_first(new_page, origin, site):
    page = new_page()
    page.goto(f"{origin}search.html?q=torch.stack")
    first = page.locator("#search-results li").first
    use = first.locator("p").first
    assert use.inner_text().startswith("Use this")
    assert use.locator("a").get_attribute("href").endswith("guide/shapes/stack.html#use-this")
    use.locator("a").click()
    page.wait_for_url("**/guide/shapes/stack.html#use-this")
    assert page.locator(".ptg-use").is_visible()


ARCS = """() => [...document.querySelectorAll(".ptg-map > li")].flatMap((one, place, all) =>
  [...one.querySelectorAll("svg")].map(svg => {
    const rows = Number(getComputedStyle(svg).getPropertyValue("--rows"));
    const dot = item => item.getBoundingClientRect().top + 20;
    const box = svg.getBoundingClientRect();
    return Math.max(Math.abs(box.top - dot(all[place - rows])), Math.abs(box.bottom - dot(one)));
  }))"""


@pytest.mark.parametrize("width", [1280, 390])
def test_an_arc_of_a_map_begins_and_ends_at_a_page(new_page, origin, site, width):
    page = new_page()
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{origin}guide/selecting/index.html")
    away = page.evaluate(ARCS)
    assert len(away) > 8
    assert max(away) < 4, "pixels from the middle of a page's number"
    assert browser_checks.overflow(page, width) == []


def test_the_table_of_errors_is_filtered_in_both_parts(new_page, origin, site):
    page = new_page()
    page.goto(f"{origin}guide/errors/index.html")
    box = page.locator(".ptg-errors")
    rows = box.locator("tbody tr")
    assert rows.count() > 90
    assert not box.locator("details").evaluate("one => one.open")
    box.locator("input").fill("Shapes cannot MULTIPLIED")
    shown = [row for row in rows.all() if row.is_visible()]
    assert 1 <= len(shown) < 5
    assert all("mat1 and mat2 shapes" in row.inner_text() for row in shown)
    assert box.locator("[role=status]").inner_text() == f"{len(shown)} of {rows.count()} messages"
    box.locator("input").fill("einsum")
    assert box.locator("details tbody tr:visible").count() >= 1, "the part that was closed is searched and opened"
    box.locator("input").fill("")
    assert box.locator("[role=status]").inner_text() == ""
    assert not box.locator("details").evaluate("one => one.open")


def test_the_table_of_errors_needs_no_script(browser, origin, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{origin}guide/errors/index.html")
    assert page.locator(".ptg-errors input").is_hidden()
    assert page.locator(".ptg-errors tbody tr:visible").count() > 30
    context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_messages_of_torch_are_filtered_and_each_has_an_address(new_page, origin, width):
    page = new_page()
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{origin}reference/messages_of_torch.html#invalid-momentum-value")
    rows = page.locator(".ptg-refused tbody tr")
    assert rows.count() > 250
    assert "Invalid momentum value" in page.locator("tr:target").inner_text()
    assert browser_checks.overflow(page, width) == []
    page.locator(".ptg-refused-filter input").fill("group_norm DIVISIBLE")
    shown = [row for row in rows.all() if row.is_visible()]
    assert 1 <= len(shown) < 5
    assert all("divisible" in row.inner_text() for row in shown)
    assert page.locator(".ptg-refused-filter [role=status]").inner_text() == f"{len(shown)} of {rows.count()} messages"


def test_every_page_of_the_errors_that_prints_a_message_is_in_the_table(site, guide_pages):
    table = (site / "guide/errors/index.html").read_text(encoding="utf-8").partition('class="ptg-errors"')[2]
    checked = 0
    for name in guide_pages:
        title = (REPOSITORY / f"gallery/{name.removeprefix('guide/').removesuffix('.html')}.py").read_text().split("\n")
        if name.startswith("guide/errors/") and "Error: " in title[3]:
            assert f'href="{name.rpartition("/")[2]}' in table, name
            checked += 1
    assert checked > 40

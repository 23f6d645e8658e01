"""Pages in the new form keep to it in a browser; what is folded and what is explained can be reached in every way."""

from pathlib import Path

import browser_checks
import pytest

from pipeline.form import check
from pipeline.gallery import adapter

REPOSITORY = Path(__file__).parents[2]
OLD = check.read_list(REPOSITORY / "docs/old_form.txt")
PAGE = "guide/shapes/stack.html"


def visible_problems(page, origin, name):
    """Return what a browser sees that is not in the form, and what the script of the page is excepted from."""
    script = check.Script(adapter.blocks(REPOSITORY / f"gallery/{name}.py"))
    page.goto(f"{origin}guide/{name}.html")
    found = browser_checks.first_result(page, 1280, 800) + browser_checks.first_result(page, 390, 844)
    found += browser_checks.length(page, script.longer.get("screens", check.SCREENS))
    if "screens" in script.longer and not browser_checks.length(page, check.SCREENS):
        found.append(f"it says that it has {script.longer['screens']} screens, and has {check.SCREENS}: delete that")
    return script, found


def test_a_page_that_is_in_no_list_keeps_the_form(new_page, origin, guide_pages):
    page = new_page()
    names = {name.removeprefix("guide/").removesuffix(".html") for name in guide_pages}
    new = sorted(names - set(OLD))
    assert new
    found = {name: visible_problems(page, origin, name)[1] for name in new}
    assert not any(found.values()), found


def test_a_page_of_the_list_that_keeps_the_form_is_taken_out(new_page, origin, site):
    page = new_page()
    fits = []
    for name in OLD:
        script = check.Script(adapter.blocks(REPOSITORY / f"gallery/{name}.py"))
        if not [*script.problems()] and not visible_problems(page, origin, name)[1]:
            fits.append(name)
    assert not fits, f"docs/old_form.txt: delete {', '.join(fits)}"


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

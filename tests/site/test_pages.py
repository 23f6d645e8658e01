"""Every page of the built site, in a browser: quiet, its own content readable wide, narrow and in both themes.

What follows from the layout costs ten times as much to look at: all of axe's rules, and the way of the keyboard. It is
looked at on each page that is built of something which no page before it had.
"""

import runpy
from pathlib import Path

import browser_checks
import pytest

from pipeline.form import check
from pipeline.gallery import adapter

REPOSITORY = Path(__file__).parents[2]
MOVED = runpy.run_path(str(REPOSITORY / "docs" / "conf.py"))["pages_moved"]


def go(page, origin: str, name: str) -> None:
    """Open a page; one that has moved leads on by itself, and what it leads to is looked at."""
    page.goto(origin + name)
    if moved := MOVED.get(name.removesuffix(".html")):
        page.wait_for_url(f"{origin}{moved}.html")
        page.wait_for_load_state()


def open_page(new_page, origin: str, name: str, theme: str, width: int = 1280):
    page = new_page(theme, width)
    watch = browser_checks.Watch(page, origin)
    go(page, origin, name)
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    return page, watch


@pytest.fixture(scope="module")
def visit(browser, origin, site):
    """Return a function that opens a page in a window which all pages share; the window stays narrow and light."""
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(browser_checks.PATIENCE)
    watch = browser_checks.Watch(page, origin)

    def start(name: str):
        page.goto("about:blank")  # nothing is drawn anew while the window changes
        page.set_viewport_size({"width": 390, "height": 900})
        page.emulate_media(color_scheme="light")
        watch.complaints()
        go(page, origin, name)
        return page, watch

    yield start
    context.close()


@pytest.fixture(scope="module")
def known_constructs() -> set[str]:
    """Return what the pages so far were built of."""
    return set()


def in_the_form(page, name: str) -> list[str]:
    """Return the complaints about what stands where on a page that was made of a script."""
    script = check.Script(adapter.blocks(REPOSITORY / f"gallery/{name}.py"))
    complaints = browser_checks.first_result(page, 390, 844) + browser_checks.first_result(page, 1280, 800)
    complaints += browser_checks.length(page, script.longer.get("screens", check.SCREENS))
    if "screens" in script.longer and not browser_checks.length(page, check.SCREENS):
        complaints.append(f"it says {script.longer['screens']} screens, and has {check.SCREENS}: delete that")
    return complaints


def test_page(visit, new_page, origin, known_constructs, any_page, guide_pages):
    page, watch = visit(any_page)
    complaints = browser_checks.unreachable(page)
    complaints += browser_checks.overflow(page, 390)
    if any_page in guide_pages:
        complaints += in_the_form(page, any_page.removeprefix("guide/").removesuffix(".html"))
    complaints += browser_checks.overflow(page, 1280)
    complaints += browser_checks.crowded(page)
    complaints += browser_checks.contrast(page)[-1]
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    complaints += browser_checks.contrast(page)[-1]
    new = browser_checks.constructs(page) - known_constructs
    page.wait_for_load_state("networkidle")
    complaints += watch.complaints()
    if new:
        complaints += check_layout(new_page, origin, any_page)
        known_constructs |= new
    assert not complaints, "\n".join(complaints)


def check_layout(new_page, origin, name: str) -> list[str]:
    """Return the complaints about a page that need a long look."""
    page, watch = open_page(new_page, origin, name, "light")
    complaints = browser_checks.accessibility(page)
    complaints += watch.complaints()
    page, _ = open_page(new_page, origin, name, "light", 390)  # where more of it scrolls
    complaints += browser_checks.accessibility(page, "scrollable-region-focusable")
    page, watch = open_page(new_page, origin, name, "dark")
    complaints += browser_checks.accessibility(page, "color-contrast")  # the other rules know no colours
    complaints += watch.complaints()
    page, _ = open_page(new_page, origin, name, "light")
    places, found = browser_checks.keyboard(page)
    if places[:1] != ["skip link"] and name != "search.html":
        found.append(f"the first stop of the keyboard is {places[:1]}; expected the skip link")
    if places.count("header") < 3:
        found.append(f"the keyboard stops {places.count('header')} times in the header; expected three at least")
    return complaints + found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_there_are_texts_whose_contrast_is_looked_at(new_page, origin, site, theme):
    page, _ = open_page(new_page, origin, "guide/shapes/stack.html", theme)
    pictured, code, complaints = browser_checks.contrast(page)
    assert pictured > 50
    assert code > 200
    assert not complaints, "\n".join(complaints)


def test_the_skip_link_leads_into_the_page(new_page, origin, site):
    page, _ = open_page(new_page, origin, "guide/shapes/stack.html", "light")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("!!document.activeElement.closest('main')")


def test_the_search_box_opens_and_searches_by_keyboard(new_page, origin, site):
    page, _ = open_page(new_page, origin, "guide/shapes/stack.html", "light")
    page.keyboard.press("Control+k")
    page.keyboard.type("stack")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=stack")
    page.wait_for_selector("#search-results li a")


@pytest.mark.parametrize("opener", [".primary-toggle", ".secondary-toggle", ".navbar-persistent--mobile button"])
def test_what_opens_on_a_telephone_is_accessible(new_page, origin, site, opener):
    page = new_page(width=390)
    page.goto(origin + "guide/shapes/stack.html")
    page.locator(opener).click()
    page.locator("dialog[open]").wait_for()
    complaints = browser_checks.accessibility(page)
    assert not complaints, "\n".join(complaints)
    page.keyboard.press("Escape")
    page.locator("dialog[open]").wait_for(state="hidden")


def test_a_long_line_of_code_can_be_scrolled_by_keyboard(new_page, origin, site):
    page = new_page(width=390)
    page.goto(origin + "guide/tensors/dtypes.html")
    long = page.locator(".highlight pre[tabindex='0']:visible").first
    long.evaluate("one => one.append('x'.repeat(200))")  # as if its code had a line as long
    long.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.scrollLeft > 0")

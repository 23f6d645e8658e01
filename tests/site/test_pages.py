"""Every page of the built site, in a browser: quiet, readable in both themes, wide and narrow, and by keyboard."""

import browser_checks
import pytest


def open_page(new_page, origin: str, name: str, theme: str):
    page = new_page(theme)
    watch = browser_checks.Watch(page, origin)
    page.goto(origin + name)
    return page, watch


def test_light(new_page, origin, any_page):
    page, watch = open_page(new_page, origin, any_page, "light")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    complaints = browser_checks.accessibility(page)
    complaints += browser_checks.contrast(page)[-1]
    complaints += browser_checks.crowded(page)
    complaints += browser_checks.overflow(page, 1280)
    complaints += browser_checks.overflow(page, 390)
    page.reload()  # as on a telephone, where more of it scrolls
    complaints += browser_checks.accessibility(page, "scrollable-region-focusable")
    complaints += watch.complaints()
    assert not complaints, "\n".join(complaints)


def test_dark(new_page, origin, any_page):
    page, watch = open_page(new_page, origin, any_page, "dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    complaints = browser_checks.accessibility(page, "color-contrast")  # the other rules know no colours
    complaints += browser_checks.contrast(page)[-1]
    complaints += watch.complaints()
    assert not complaints, "\n".join(complaints)


def test_keyboard(new_page, origin, any_page):
    page, _ = open_page(new_page, origin, any_page, "light")
    places, complaints = browser_checks.keyboard(page)
    assert not complaints, "\n".join(complaints)
    assert places[0] == "skip link" or any_page == "search.html"
    assert places.count("header") >= 3


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
    page.goto(origin + "guide/shapes/stack.html")
    page.locator(".highlight pre[tabindex='0']").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.scrollLeft > 0")

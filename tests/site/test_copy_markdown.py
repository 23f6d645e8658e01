"""The Markdown of a page: a link to it for everyone, and a button that copies it where scripts may."""

import browser_checks
import pytest

PAGE = "guide/shapes/stack"
BUTTON = "Copy as Markdown"


@pytest.fixture
def open_page(browser, origin):
    """Return a function that opens a page which may use the clipboard."""
    contexts = []

    def start(theme="light", width=1280, address=f"{origin}{PAGE}.html", scripts=True):
        size = {"width": width, "height": 900}
        context = browser.new_context(color_scheme=theme, viewport=size, java_script_enabled=scripts)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        contexts.append(context)
        page = context.new_page()
        page.goto(address)
        return page

    yield start
    for context in contexts:
        context.close()


def said(page):
    return page.locator(".run-this-page [role=status]")


def test_the_button_copies_the_markdown_and_says_so(open_page, site):
    page = open_page()
    page.get_by_role("button", name=BUTTON).click()
    said(page).filter(has_text="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == (site / f"{PAGE}.md").read_text(encoding="utf-8")


def test_the_button_works_by_keyboard_and_keeps_the_focus(open_page):
    page = open_page()
    page.get_by_role("link", name="Markdown", exact=True).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    said(page).filter(has_text="Copied").wait_for()
    assert page.evaluate("document.activeElement.textContent") == BUTTON


def test_what_cannot_be_fetched_is_not_called_copied(open_page):
    page = open_page()
    page.route("**/*.md", lambda route: route.fulfill(status=404))
    page.get_by_role("button", name=BUTTON).click()
    said(page).filter(has_text="Not copied").wait_for()


@pytest.mark.parametrize("scripts", [True, False])
def test_in_a_folder_and_without_scripts_there_is_the_link_alone(open_page, site, origin, scripts):
    page = open_page(address=(site / f"{PAGE}.html").as_uri() if scripts else f"{origin}{PAGE}.html", scripts=scripts)
    assert page.get_by_role("button", name=BUTTON).count() == 0
    address = page.get_by_role("link", name="Markdown", exact=True).evaluate("one => one.href")
    assert address.endswith(f"{PAGE}.md")
    assert scripts is False or page.goto(address).text().startswith("# How does torch.stack work?")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_button_can_be_read(open_page, theme, width):
    page = open_page(theme, width)
    page.get_by_role("button", name=BUTTON).click()
    said(page).filter(has_text="Copied").wait_for()
    complaints = browser_checks.accessibility(page, "color-contrast")
    complaints += browser_checks.accessibility(page, "button-name", "target-size")
    complaints += browser_checks.overflow(page, width)
    assert not complaints, "\n".join(complaints)

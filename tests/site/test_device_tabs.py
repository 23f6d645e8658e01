"""The tabs of what each device gave: without scripts, by keyboard, in both themes, on a telephone."""

import sys
from pathlib import Path

import browser_checks
import pytest
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

sys.path.insert(0, str(Path(__file__).parents[2]))

from pipeline.page import device_tabs

PAGE = "guide/shapes/stack.html"
LONG = "tensor([" + "1.0000, " * 40 + "2.0000])"
OTHER = "NVIDIA H100 80GB HBM3"


@pytest.fixture(scope="module")
def markup(tmp_path_factory):
    """Return what the tabs become of a cell that printed a long line on one device and a short one on another."""
    folder = tmp_path_factory.mktemp("tabs")
    (folder / "index.rst").write_text("Tabs\n====\n\nBefore.\n")

    def put_tabs(app, doctree):
        texts = {"CPU (x86_64)": "2.0000", OTHER: LONG}
        printed = {name: nodes.literal_block(text, text, language="none") for name, text in texts.items()}
        doctree[0].extend(device_tabs.tab_set([(name, [node]) for name, node in printed.items()]))

    conf = {"extensions": ["sphinx_design"], "html_theme": "basic"}
    with patch_docutils(), docutils_namespace():
        app = Sphinx(folder, None, folder / "html", folder / "doctrees", "html", conf, status=None)
        app.connect("doctree-read", put_tabs)
        app.build()
    made = (folder / "html/index.html").read_text().partition("<p>Before.</p>")[2].partition("</section>")[0]
    return made.replace("highlight-none", "sphx-glr-script-out highlight-none")


@pytest.fixture
def open_with_tabs(new_page, site, origin, markup):
    """Return a function that opens a page into which tabs were put."""

    def start(theme="light", width=1280, scripts=True):
        before, end, after = (site / PAGE).read_text(encoding="utf-8").rpartition("</article>")
        body = before + markup + end + after
        if not scripts:
            body = body.replace("<script", "<template").replace("</script", "</template")
        page = new_page(theme, width)
        page.route(f"**/{PAGE}", lambda route: route.fulfill(body=body, content_type="text/html"))
        page.goto(origin + PAGE)
        return page

    return start


def shown(page):
    return [one.is_visible() for one in page.locator(".ptg-devices .sd-tab-content pre").all()]


@pytest.mark.parametrize("width", [1280, 390])
def test_a_click_changes_the_tab_without_scripts(open_with_tabs, width):
    page = open_with_tabs(width=width, scripts=False)
    assert shown(page) == [True, False]
    labels = [label.bounding_box() for label in page.locator(".ptg-devices label").all()]
    panel = page.locator(".ptg-devices .sd-tab-content").first.bounding_box()
    assert panel["y"] >= max(box["y"] + box["height"] for box in labels) - 2  # the theme lets them touch
    assert panel["width"] == page.locator(".ptg-devices").bounding_box()["width"]
    page.get_by_text(OTHER, exact=True).click()
    assert shown(page) == [False, True]
    assert "1.0000, 2.0000" in page.locator(".ptg-devices .sd-tab-content").nth(1).inner_text()


def test_the_keyboard_changes_the_tab(open_with_tabs):
    page = open_with_tabs()
    label = page.get_by_text(OTHER, exact=True)
    label.click()
    open_by_mouse = label.evaluate("one => getComputedStyle(one).borderTopColor")
    page.keyboard.press("ArrowLeft")
    assert shown(page) == [True, False]
    page.keyboard.press("ArrowRight")
    assert shown(page) == [False, True]
    assert label.evaluate("one => getComputedStyle(one).borderTopColor") != open_by_mouse  # one sees where one is
    assert browser_checks.keyboard(page)[1] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_tabs_can_be_read(open_with_tabs, theme, width):
    page = open_with_tabs(theme, width)
    page.get_by_text(OTHER, exact=True).click()
    complaints = browser_checks.accessibility(page) + browser_checks.contrast(page)[-1]
    complaints += browser_checks.overflow(page, width)
    assert not complaints, "\n".join(complaints)

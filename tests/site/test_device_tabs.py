"""The tabs of what each device gave: without scripts, by keyboard, in both themes, on a telephone."""

import sys
from pathlib import Path

import browser_checks
import pytest
from docutils import nodes

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))

from pipeline.page import device_tabs

PAGE = "guide/shapes/stack.html"
LONG = "tensor([" + "1.0000, " * 40 + "2.0000])"


def markup(line):
    """Return what pipeline/page/device_tabs.py makes of a cell that printed a line on two devices."""
    here = nodes.literal_block("", line)
    there = nodes.literal_block("", line.replace("2.0000", "3.0000"))
    parts = device_tabs._tab_set("ptg-device-1", [("CPU (x86_64)", [here]), ("NVIDIA H100 80GB HBM3", [there])])
    output = '<div class="sphx-glr-script-out highlight-none"><div class="highlight"><pre>{}</pre></div></div>'
    return "".join(
        part.astext()
        if isinstance(part, nodes.raw)
        else f'<div class="{" ".join(part["classes"])} docutils container">{output.format(part.astext())}</div>'
        for part in parts
    )


@pytest.fixture
def open_with_tabs(browser, site, origin):
    """Return a function that opens a page into which tabs were put."""
    contexts = []

    def start(theme="light", width=1280, scripts=True, line=LONG):
        context = browser.new_context(
            color_scheme=theme,
            viewport={"width": width, "height": 900},
            java_script_enabled=scripts,
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        before, end, after = (site / PAGE).read_text(encoding="utf-8").rpartition("</article>")
        body = before + markup(line) + end + after
        page.route(f"**/{PAGE}", lambda route: route.fulfill(body=body, content_type="text/html"))
        page.goto(origin + PAGE)
        return page

    yield start
    for context in contexts:
        context.close()


def shown(page):
    return [one.is_visible() for one in page.locator(".ptg-device").all()]


@pytest.mark.parametrize("width", [1280, 390])
def test_a_click_changes_the_tab_without_scripts(open_with_tabs, width):
    page = open_with_tabs(width=width, scripts=False)
    assert shown(page) == [True, False]
    page.get_by_text("NVIDIA H100 80GB HBM3", exact=True).click()
    assert shown(page) == [False, True]
    assert "3.0000" in page.locator(".ptg-device").nth(1).inner_text()


@pytest.mark.parametrize("width", [1280, 390])
def test_short_output_stands_below_the_labels(open_with_tabs, width):
    page = open_with_tabs(width=width, line="2.0000")
    labels = [label.bounding_box() for label in page.locator(".ptg-devices label").all()]
    panel = page.locator(".ptg-device").first.bounding_box()
    assert panel["y"] >= max(box["y"] + box["height"] for box in labels) - 1
    assert panel["width"] == page.locator(".ptg-devices").bounding_box()["width"]


def test_the_keyboard_changes_the_tab(open_with_tabs):
    page = open_with_tabs()
    page.locator(".ptg-devices input").first.focus()
    page.keyboard.press("ArrowRight")
    assert shown(page) == [False, True]
    label = page.locator(".ptg-devices label").nth(1)
    assert label.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
    page.keyboard.press("ArrowLeft")
    assert shown(page) == [True, False]
    assert browser_checks.keyboard(page)[1] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_tabs_can_be_read(open_with_tabs, theme, width):
    page = open_with_tabs(theme, width)
    page.get_by_text("NVIDIA H100 80GB HBM3", exact=True).click()
    complaints = browser_checks.accessibility(page) + browser_checks.contrast(page)[-1]
    complaints += browser_checks.overflow(page, width)
    assert not complaints, "\n".join(complaints)

"""A picture of an operation lights up what belongs together: by mouse, touch and keyboard, wherever it is shown."""

import pytest
import torch

from ptguide.pictures import draw

PICTURE = draw(torch.matmul, (torch.arange(12).reshape(4, 3), torch.arange(15).reshape(3, 5)))
HOME = {"2.7": "on", **dict.fromkeys(["0.3", "0.4", "0.5", "1.2", "1.7", "1.12"], "of")}
NEXT = {"2.8": "on", **dict.fromkeys(["0.3", "0.4", "0.5", "1.3", "1.8", "1.13"], "of")}


def framed(page):
    """Return which elements are framed, and how."""
    return page.evaluate(
        """Object.fromEntries([...document.querySelectorAll('[data-k][class]')].filter(c => c.className.baseVal)
        .map(c => [c.dataset.k, c.className.baseVal.replace('ptg-', '')]))"""
    )


def said(page):
    return page.locator(".ptg-said").text_content()


def in_page(page, tmp_path):
    (tmp_path / "page.html").write_text(f"<!doctype html><title>x</title>{PICTURE._repr_html_()}", encoding="utf-8")
    page.goto((tmp_path / "page.html").as_uri())


def in_file(page, tmp_path):
    PICTURE.save(tmp_path / "picture.svg")
    page.goto((tmp_path / "picture.svg").as_uri())


def in_notebook(page, tmp_path):
    """Put the picture into a page that is open already; a notebook does so, and then runs the scripts in it."""
    in_page(page, tmp_path)
    page.evaluate(
        """html => {
          document.body.innerHTML = html;
          const old = document.querySelector('script'), script = document.createElement('script');
          script.textContent = old.textContent;
          old.replaceWith(script);
        }""",
        PICTURE._repr_html_(),
    )


@pytest.fixture(params=[in_page, in_file, in_notebook], ids=["page", "file", "notebook"])
def page(request, new_page, tmp_path):
    page = new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    request.param(page, tmp_path)
    return page


def test_hovering_over_an_output_frames_its_inputs_and_leaving_restores(page):
    assert framed(page) == HOME
    page.locator('[data-k="2.8"]').hover()
    assert framed(page) == NEXT
    assert said(page) == "out[1, 3] = 106, computed from a[1, :] and b[:, 3]."
    if not page.url.endswith(".svg"):  # a file opened alone is all picture
        page.mouse.move(1200, 800)
        assert framed(page) == HOME


def test_hovering_over_an_input_frames_its_outputs(page):
    page.locator('[data-k="0.4"]').hover()
    assert framed(page) == {"0.4": "on", **{f"2.{place}": "of" for place in range(5, 10)}}
    assert said(page) == "a[1, 1] = 4, used for out[1, :]."


def test_a_click_or_tap_stays(page):
    page.locator('[data-k="2.8"]').click()
    page.mouse.move(1200, 800)
    assert framed(page) == NEXT


def test_arrow_keys_walk_through_a_tensor_and_into_the_next(page):
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert framed(page) == NEXT
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    assert next(key for key, kind in framed(page).items() if kind == "on").startswith("1.")
    page.keyboard.press("Escape")
    assert framed(page) == HOME


def test_without_scripts_one_example_is_framed(browser, tmp_path):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    in_page(page, tmp_path)
    assert page.locator('[data-k="2.7"].ptg-on').is_visible()
    assert page.locator(".ptg-of").count() == 6
    assert said(page) == "out[1, 2] = 94, computed from a[1, :] and b[:, 2]."
    context.close()


def test_two_pictures_on_a_page_do_not_disturb_each_other(new_page, tmp_path):
    page = new_page()
    other = draw(torch.cumsum, torch.arange(4), dim=0)
    (tmp_path / "two.html").write_text(f"<!doctype html>{PICTURE._repr_html_()}{other._repr_html_()}", encoding="utf-8")
    page.goto((tmp_path / "two.html").as_uri())
    second = page.locator(".ptg-op").nth(1)
    second.locator('[data-k="1.3"]').hover()
    assert second.locator(".ptg-said").text_content() == "out[3] = 6, computed from x[:]."
    first = page.locator(".ptg-op").first
    assert first.locator('[data-k="2.7"].ptg-on').count() == 1


def test_the_front_page_begins_with_the_picture_that_a_page_drew_and_it_can_be_played_with(new_page, site):
    page = new_page()
    pictures = []
    for name in ("index.html", "guide/shapes/stack.html"):
        page.goto((site / name).as_uri())
        pictures.append(page.locator("figure.ptg-picture").first.evaluate("one => one.querySelector('svg').innerHTML"))
    assert pictures[0] == pictures[1]
    page.goto((site / "index.html").as_uri())
    before = said(page)
    page.locator('[data-k="2.0"]').hover()
    assert said(page) != before

"""A picture of an operation lights up what belongs together: by mouse, touch and keyboard, wherever it is shown."""

import pytest
import torch

from ptguide.pictures import Choice, draw
from ptguide.trace import trace

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


def show(page, tmp_path, *pictures):
    shown = "".join(picture._repr_html_() for picture in pictures)
    (tmp_path / "page.html").write_text(f"<!doctype html><title>x</title>{shown}", encoding="utf-8")
    page.goto((tmp_path / "page.html").as_uri())


def in_page(page, tmp_path):
    show(page, tmp_path, PICTURE)


def in_file(page, tmp_path):
    PICTURE.save(tmp_path / "picture.svg")
    page.goto((tmp_path / "picture.svg").as_uri())


def in_notebook(page, tmp_path):
    in_page(page, tmp_path)
    run_in_notebook(page, PICTURE)


def run_in_notebook(page, picture):
    """Put a picture into a page that is open already; a notebook does so, and then runs the scripts in it."""
    page.evaluate(
        """html => {
          document.body.innerHTML = html;
          const old = document.querySelector('script'), script = document.createElement('script');
          script.textContent = old.textContent;
          old.replaceWith(script);
        }""",
        picture._repr_mimebundle_()["text/html"],
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


def test_a_pointer_that_rests_does_not_undo_the_arrow_keys(page):
    """Elements move to the front under it, and a browser tells of that as of a pointer that moves."""
    page.evaluate("addEventListener('pointermove', (event) => { window.at = event; }, true)")
    page.locator('[data-k="0.3"]').click()
    page.keyboard.press("ArrowRight")
    before = said(page)
    page.locator('[data-k="0.3"]').evaluate(
        """cell => ['pointerover', 'pointermove'].forEach(name => cell.dispatchEvent(new PointerEvent(name,
        { bubbles: true, screenX: window.at.screenX, screenY: window.at.screenY })))"""
    )
    assert said(page) == before == "a[1, 1] = 4, used for out[1, :]."


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
    show(page, tmp_path, PICTURE, draw(torch.cumsum, torch.arange(4), dim=0))
    second = page.locator(".ptg-op").nth(1)
    second.locator('[data-k="1.3"]').hover()
    assert second.locator(".ptg-said").text_content() == "out[3] = 6, computed from x[:]."
    first = page.locator(".ptg-op").first
    assert first.locator('[data-k="2.7"].ptg-on').count() == 1


OPERATIONS = {
    "stack": (torch.stack, [torch.arange(6).reshape(2, 3), torch.arange(10, 16).reshape(2, 3)], {"dim": 1}),
    "sort": (torch.sort, torch.tensor([[3, 1, 2.5], [9, -7, 8]]), {"dim": 1}),
    "softmax": (torch.softmax, torch.arange(6.0).reshape(2, 3), {"dim": 0}),
    "gather": (torch.gather, (torch.arange(6).reshape(2, 3), 1), {"index": torch.tensor([[2], [0]])}),
    "trace": (torch.trace, torch.arange(9).reshape(3, 3), {}),
    "rot90": (torch.rot90, torch.arange(6).reshape(2, 3), {}),
    "zeros_like": (torch.zeros_like, torch.arange(3), {}),
    "a number": (torch.mul, (torch.tensor(2), torch.arange(3)), {}),
    "five": (lambda x: x.take(torch.tensor([0, 3, 5, 6, 11])).sum(), torch.arange(12).reshape(3, 4), {}),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_sentences_of_the_script_are_those_of_python(name, new_page, tmp_path):
    op, inputs, options = OPERATIONS[name]
    traced, page = trace(op, inputs, **options), new_page()
    show(page, tmp_path, draw(op, inputs, **options))
    for index in torch.cartesian_prod(*map(torch.arange, (1, 1, *traced.outputs[0].shape)))[:, 2:].tolist():
        element = (torch.tensor(index) * torch.tensor(traced.outputs[0].contiguous().stride())).sum().long()
        page.locator(f'[data-k="{len(traced.inputs)}.{element}"]').hover()
        assert said(page) == draw(op, inputs, at=tuple(index), **options).said
    for element, value in enumerate(traced.inputs[0].flatten().tolist()):
        page.locator(f'[data-k="0.{element}"]').hover()
        count = sum(
            int((kinds[0].reshape(-1, traced.inputs[0].numel())[:, element] != 0).sum()) for kinds in traced.kinds
        )
        assert f" = {value:g}, {'used for' if count else 'not used.'}" in said(page)


CHOICE = draw(torch.stack, [torch.arange(6).reshape(2, 3), torch.arange(10, 16).reshape(2, 3)], dim=Choice(0, 1, 2))


def calls(page):
    """Return the calls that can be seen."""
    return [text for text in page.locator("svg text").all_text_contents() if "torch." in text and seen(page, text)]


def seen(page, text):
    return page.get_by_text(text, exact=True).is_visible()


@pytest.fixture(params=["page", "notebook"])
def choice(request, new_page, tmp_path):
    page = new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    show(page, tmp_path, CHOICE)
    if request.param == "notebook":
        run_in_notebook(page, CHOICE)
    return page


def test_variants_are_stepped_through_by_keyboard(choice):
    assert calls(choice) == ["torch.stack([a, b], dim=0)"]
    choice.keyboard.press("Tab")
    choice.keyboard.press("Tab")
    for dim in (1, 2, 0):
        choice.keyboard.press("ArrowRight")
        assert calls(choice) == [f"torch.stack([a, b], dim={dim})"]
        assert choice.get_by_role("radio", name=str(dim), exact=True).is_checked()
    assert choice.get_by_role("group", name="dim").count() == 1


@pytest.mark.parametrize("how", ["click", "tap"])
def test_variants_are_chosen_by_mouse_and_touch(how, browser, tmp_path):
    context = browser.new_context(has_touch=True)
    page = context.new_page()
    show(page, tmp_path, CHOICE)
    getattr(page.locator(".ptg-tabs label").nth(2), how)()
    assert calls(page) == ["torch.stack([a, b], dim=2)"]
    assert page.locator(".ptg-said:visible").all_text_contents() == [CHOICE.pictures[2].said]
    context.close()


def test_what_is_framed_belongs_to_the_variant_that_is_seen(choice):
    for place, variant in enumerate(CHOICE.pictures):
        choice.locator(".ptg-tabs label").nth(place).click()
        first = variant.home.split(".")[0]
        assert framed(choice) == {variant.home: "on", "1.5": "of"}
        choice.locator('[data-k="1.0"]').click()
        (other,) = set(framed(choice)) - {"1.0"}
        assert other.split(".")[0] == first
        choice.keyboard.press("Escape")
    # What was chosen in the inputs stays chosen, and the arrow keys stay within what is seen.
    choice.locator('[data-k="1.0"]').click()
    choice.locator(".ptg-tabs label").nth(0).click()
    assert framed(choice) == {"1.0": "on", "2.6": "of"}
    choice.locator('[data-k="1.0"]').click()
    for _ in range(12):
        choice.keyboard.press("ArrowRight")
    on = next(key for key, kind in framed(choice).items() if kind == "on")
    assert on.startswith("2.")


def test_without_scripts_all_variants_are_seen(browser, tmp_path):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    show(page, tmp_path, CHOICE)
    assert calls(page) == [f"torch.stack([a, b], dim={dim})" for dim in range(3)]
    assert page.locator(".ptg-said:visible").all_text_contents() == [one.said for one in CHOICE.pictures]
    tops = [page.get_by_text(f"dim={dim})").bounding_box()["y"] for dim in range(3)]
    assert tops == sorted(set(tops))
    assert not page.locator(".ptg-tabs").is_visible()
    context.close()


def test_file_lights_up_in_each_variant(new_page, tmp_path):
    page = new_page()
    CHOICE.save(tmp_path / "choice.svg")
    page.goto((tmp_path / "choice.svg").as_uri())
    second = page.locator("svg.ptg-op").nth(1)
    second.locator('[data-k="0.0"]').hover()
    assert second.locator(".ptg-said").text_content() == "a[0, 0] = 0, used for out[0, 0, 0]."
    assert page.locator("svg.ptg-op").first.locator(".ptg-said").text_content() == CHOICE.said


def test_framed_element_of_many_channels_can_be_left_by_arrow_keys(new_page, tmp_path):
    page = new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    picture = draw(torch.conv2d, (torch.rand(1, 1, 3, 3), torch.rand(8, 1, 2, 2)))
    show(page, tmp_path, picture)
    assert framed(page)[picture.home] == "on"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    assert said(page) != picture.said


PLAYED_WITH = {"Multiply": "computing/matmul", "Look up": "selecting/advanced_indexing", "Stack": "shapes/stack"}


def test_the_front_page_shows_pictures_that_pages_drew_and_each_can_be_played_with(new_page, origin, site):
    page = new_page()
    drawn = "figure.ptg-picture >> nth=0"
    pictures = {}
    for tab, name in PLAYED_WITH.items():
        page.goto(f"{origin}guide/{name}.html")
        pictures[tab] = page.locator(drawn).inner_html()
    page.goto(f"{origin}index.html")
    shown = page.locator(".sd-tab-set")
    assert [tab.strip() for tab in shown.locator("label").all_text_contents()] == list(pictures)
    for place, (tab, picture) in enumerate(pictures.items()):
        shown.get_by_text(tab, exact=True).click()
        here = shown.locator("figure.ptg-picture").nth(place)
        assert here.inner_html() == picture
        here.locator("[data-k^='2.'], [data-k^='3.']").first.hover()
        assert here.inner_html() != picture, f"the words of {tab} are as before"
        page.mouse.move(2, 2)

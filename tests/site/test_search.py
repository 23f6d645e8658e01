"""The search answers questions, finds every page by its title, and works from a server and from a folder."""

import json
import linecache
import re
import tomllib
import traceback
from pathlib import Path

import browser_checks
import html_checks
import numpy as np
import pytest
import torch
from failing_code import FAILING
from posted import is_found

from ptguide._explaining._index import find_pages, load

QUESTIONS = {
    question: [f"guide/{page}" for page in pages]
    for chapter in tomllib.loads(Path(__file__).with_name("questions.toml").read_text(encoding="utf-8")).values()
    for question, pages in chapter.items()
}
FOUND = 0.95  # of the questions: the right page is among the first three
REACHED = 48  # of the 48 messages that were met in ten threads or more; it only grows


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


# --- Tracebacks that are pasted ------------------------------------------------------------------------------------

FILE = "/project/train.py"


def traceback_of(code: str) -> str:
    """Run code as a script would, and return the traceback that it ends with."""
    code = f"{code.strip()}\n"
    linecache.cache[FILE] = (len(code), None, code.splitlines(keepends=True), FILE)
    with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever it is, it is pasted
        exec(compile(code, FILE, "exec"), {"np": np, "torch": torch, "nn": torch.nn, "F": torch.nn.functional})
    error = raised.value
    error.__traceback__ = error.__traceback__.tb_next  # without this function
    while error.__traceback__.tb_frame.f_code.co_filename != FILE:
        error.__traceback__ = error.__traceback__.tb_next
    return "".join(traceback.format_exception(error))


CHILD = "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: "
TRACEBACKS = {
    "as it is": str,
    "in one line": lambda text: text.replace("\n", " "),
    "in color": lambda text: re.sub(r"(\w+Error)", "\x1b[0;31m\\1\x1b[0m", text),
    "under torchrun": lambda text: (
        f"{text}\n{CHILD}\n{'=' * 60}\ntrain.py FAILED\n{'-' * 60}\nFailures: <NO_OTHER_FAILURES>"
    ),
}


@pytest.mark.parametrize("form", TRACEBACKS)
def test_a_pasted_traceback_leads_to_the_page_on_its_last_error(new_page, origin, form):
    assert len(FAILING) > 60
    page = new_page()
    page.goto(f"{origin}search.html")
    found = {code: first_three(page, TRACEBACKS[form](traceback_of(code))) for code, _ in FAILING}
    missed = [code for code, pages in FAILING if not {f"guide/{one}" for one in pages} & {*found[code]}]
    assert len(missed) <= (1 - FOUND) * len(FAILING), "\n".join(f"{code}: {found[code]}" for code in missed)


def test_without_a_network_the_same_pages_are_found(new_page, origin, site):
    """``python -m ptguide explain`` reads the index of the site, and ranks as the browser does."""
    page = new_page()
    page.goto(f"{origin}search.html")
    for code, _ in FAILING:
        text = traceback_of(code)
        assert [one.name for one in find_pages(text, site)[:3]] == first_three(page, text), code


def test_messages_that_people_post_are_explained(site):
    """The benchmark (`nox -s bench -- messages`) says it of the whole list; what was reached is held here."""
    posted = tomllib.loads(Path(__file__).with_name("messages.toml").read_text(encoding="utf-8"))["messages"]
    assert len(posted) >= 150
    assert all(isinstance(count, int) and count > 0 for count in posted.values())
    index = load(site)
    commonest = [text for text, count in posted.items() if count >= 10]
    missed = [text for text in commonest if not is_found(text, index)]
    assert len(commonest) - len(missed) >= REACHED, "\n".join(missed)
    assert not is_found("RuntimeError: the flux capacitor must be charged before it travels", index)


def test_a_message_that_only_the_table_has_leads_to_its_row(new_page, origin):
    page = new_page()
    page.goto(f"{origin}search.html")
    page.locator(".bd-search-container input").fill("ValueError: num_layers must be greater than zero")
    first = page.locator("#search-results li a.search-result").first
    page.wait_for_function("document.querySelector('#search-results li a')?.href.includes('#')")
    assert first.get_attribute("href").endswith("reference/messages_of_torch.html#num-layers-must-be-greater-than-zero")


def test_of_several_errors_the_last_one_counts(new_page, origin):
    page = new_page()
    page.goto(f"{origin}search.html")
    first, last = traceback_of("{}['layer.weight']"), traceback_of("torch.rand(2, 3) @ torch.rand(4, 5)")
    chained = f"{first}\nDuring handling of the above exception, another exception occurred:\n\n{last}"
    assert first_three(page, chained)[0] == "guide/errors/mat1_and_mat2_shapes"


def test_where_the_message_says_little_the_line_of_the_reader_counts(new_page, origin):
    page = new_page()
    page.goto(f"{origin}search.html")
    frames = [(FILE, "for batch in DataLoader(data, num_workers=4):"), ("/x/site-packages/torch/a.py", "os.open(name)")]
    lines = "".join(f'  File "{file}", line 12, in f\n    {code}\n' for file, code in frames)
    message = "OSError: [Errno 5] Input/output error"
    wanted = {"guide/training/dataloader_workers", "guide/training/dataset_and_dataloader"}
    assert wanted & {*first_three(page, f"Traceback (most recent call last):\n{lines}{message}")}
    assert not wanted & {*first_three(page, message)}


def test_a_message_without_a_page_is_said_to_have_none(new_page, origin):
    page = new_page()
    page.goto(f"{origin}search.html")
    field, status = page.locator(".bd-search-container input"), page.locator("#search-results [role=status]")
    field.fill("RuntimeError: the flux capacitor of this network must be charged before it travels")
    page.wait_for_function("document.querySelector('#search-results [role=status]').textContent")
    assert "No page explains this message." in status.inner_text()
    assert status.locator("a").all_inner_texts() == ["table of errors", "list of all pages"]
    field.fill("RuntimeError: mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)")
    page.wait_for_function("document.querySelector('#search-results li')")
    page.wait_for_timeout(500)
    assert "No page" not in status.inner_text()


# --- Names, spellings, filler words --------------------------------------------------------------------------------

NAMES = {
    "torch.where": "selecting/where_and_masked_fill",
    "what does .to() do": "gpu/devices_and_moving_data",
    "F.pad": "shapes/pad",
    "Tensor.scatter_": "selecting/scatter",
    "LogSoftmax": "computing/log_softmax",
    "torch.triu": "selecting/triu_and_tril",
    "reshpae": "shapes/reshape_and_view",
    "gahter": "selecting/gather",
    "brodcasting": "shapes/broadcasting",
    "permtue": "shapes/transpose_and_permute",
    "how to use multiple gpus": "gpu/one_model_on_several_processes",
}


def test_names_that_are_stop_words_and_wrong_spellings_are_found(new_page, origin):
    page = new_page()
    page.goto(f"{origin}search.html")
    found = {name: first_three(page, name) for name in NAMES}
    missed = {name: found[name] for name, wanted in NAMES.items() if f"guide/{wanted}" not in found[name]}
    assert not missed


def test_a_spelling_that_was_corrected_is_shown(new_page, origin):
    page = new_page()
    page.goto(f"{origin}search.html?q=gahter")
    assert 'Nothing matches "gahter". Shown is "gather"' in page.locator("[role=status]").inner_text()


def test_excerpts_hold_titles_and_no_labels(site):
    parts = [file.read_text(encoding="utf-8") for file in (site / "search").rglob("*.js")]
    pages = [json.loads(part.partition(", ")[2].removesuffix(");\n")) for part in parts]
    texts = [section["text"] for page in pages for section in page]
    labels = {file.stem.replace("_", "-") for file in (site / "guide").glob("*/*.html") if "_" in file.stem}
    needs = [text.partition("You need to know ")[2][:60] for text in texts if "You need to know " in text]
    assert len(needs) > 40
    assert not [text for text in needs if text.split(".")[0].split(" ")[0] in labels]


# --- The keyboard --------------------------------------------------------------------------------------------------


def focused(page):
    return page.evaluate("document.activeElement.className + ' ' + document.activeElement.type")


def test_arrow_keys_and_enter_walk_from_the_field_to_a_page(search_page, root):
    field = search_page.locator(".bd-search-container input")
    field.fill("gather")
    field.press("Enter")
    assert "search-result" in focused(search_page)
    search_page.keyboard.press("ArrowDown")
    second = search_page.locator(".search-result").nth(1)
    assert second.evaluate("one => one === document.activeElement")
    search_page.keyboard.press("ArrowUp")
    search_page.keyboard.press("ArrowUp")
    assert "search" in focused(search_page)
    assert "search-result" not in focused(search_page)
    search_page.keyboard.press("ArrowDown")
    search_page.wait_for_load_state("networkidle")  # parts of the results that still load would be cut off
    search_page.keyboard.press("Enter")
    search_page.wait_for_url("**/gather.html*")


def test_the_shortcut_of_the_search_keeps_to_the_field_of_this_page(search_page):
    field = search_page.locator(".bd-search-container input")
    field.fill("gather")
    search_page.locator("h1").click()
    search_page.keyboard.press("Control+k")
    assert field.evaluate("one => one === document.activeElement")
    assert search_page.locator("dialog[open]").count() == 0


def test_what_the_count_says_can_be_reached(search_page):
    search_page.locator(".bd-search-container input").fill("tensor")
    more = search_page.get_by_role("button", name="Show the other")
    more.click()
    count = int(search_page.locator("#search-results [role=status]").inner_text().split()[0])
    assert search_page.locator("#search-results li").count() == count > 20
    assert search_page.locator(".search-result").nth(20).evaluate("one => one === document.activeElement")


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
    search_page.wait_for_load_state("networkidle")  # what a page says of its results is loaded
    link.click()
    search_page.wait_for_load_state()
    assert address.partition("#")[0].removeprefix("./") in search_page.url
    if "#" in address:
        assert search_page.locator(f"#{address.partition('#')[2]}").count() == 1


def test_search_says_when_it_finds_nothing(new_page, root):
    page = new_page()
    page.goto(f"{root}search.html?q=zyzzyva")
    status = page.locator("#search-results [role=status]")
    assert 'Nothing matches "zyzzyva"' in status.inner_text()
    assert status.locator("a").count() == 2  # the table of errors, the list of pages
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

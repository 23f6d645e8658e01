"""The learning paths can be walked in their order, and the messages that they and the errors quote are on the pages."""

import ast
import re
from pathlib import Path

import pytest

from pipeline.form import chapter_map
from pipeline.gallery import adapter

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/learning_paths.md").read_text(encoding="utf-8")
CONF = (ROOT / "docs/conf.py").read_text(encoding="utf-8")
ITEMS = re.findall(
    r"^\d+\. (.*?)(?=^\d+\. |^\Z|\Z)", TEXT.partition("## An error sent you")[2], re.MULTILINE | re.DOTALL
)


def test_items_are_found():
    assert len(ITEMS) >= 8


def shown(labels):
    """Return what pages print and draw, as it is kept."""
    names = [label.replace("-", "_") for label in labels]
    return "".join(
        file.read_text(encoding="utf-8") for name in names for file in ROOT.glob(f"docs/outputs/cpu/*/{name}.txt")
    )


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.split("`")[1])
def test_quoted_messages_stand_on_a_linked_page(item):
    printed = shown(re.findall(r"\{ref\}`([\w-]+)`", item))
    messages = re.findall(r'"([^"]+)"', " ".join(item.split()))
    assert messages
    assert [message for message in messages if message not in printed] == []


# --- What a page takes for granted stands before it --------------------------------------------------------------

LOOKED_UP = {"an-error-sent-you", "your-training-goes-wrong-and-nothing-is-raised"}  # lists in no order
STEP = re.compile(r"\{ref\}`(?:[^`<]*<)?([\w-]+)>?`|\]\(#([\w-]+)\)")


def opening(path):
    """Return the label and the texts of a page, in one line."""
    text = " ".join(" ".join(block.content for block in adapter.blocks(path) if block.type == "text").split())
    return re.match(r"\.\. _([\w-]+):", text)[1], text


def needs(pages):
    """Return for each label what the page says the reader needs to know, or None where it says nothing."""
    return {label: chapter_map.needs(text) for label, text in map(opening, pages)}


def paths(text):
    """Return the pages of each path in their order; a link to another path stands for the pages of that one."""
    found = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, steps = section.partition("\n")
        walked = []
        for page, other in STEP.findall(steps):
            walked += [page] if page else found[other]
        found[title.lower().replace(",", "").replace(" ", "-")] = walked
    return found


def too_early(steps, needed):
    """Return each page that comes before one that it takes for granted, with that one."""
    return [(page, one) for place, page in enumerate(steps) for one in needed[page] or [] if one not in steps[:place]]


PAGES = sorted((ROOT / "gallery").glob("*/*.py"))
NEEDS = needs(PAGES)
PATHS = paths(TEXT)
WALKED = [title for title in PATHS if title not in LOOKED_UP]


def test_a_page_that_comes_too_early_is_found():
    text = "## A, first\n\n1. {ref}`one`, {ref}`the second <two>`\n\n## B\n\nAfter [A](#a-first):\n\n1. {ref}`three`\n"
    walked = paths(text)
    assert walked == {"a-first": ["one", "two"], "b": ["one", "two", "three"]}
    needed = {"one": None, "two": ["one"], "three": ["two", "four"]}
    assert too_early(walked["a-first"], needed) == []
    assert too_early(walked["b"], needed) == [("three", "four")]
    assert too_early(["two", "one"], needed) == [("two", "one")]


@pytest.mark.parametrize("title", WALKED)
def test_each_page_of_a_path_comes_after_what_it_takes_for_granted(title):
    early = too_early(PATHS[title], NEEDS)
    assert not early, "docs/learning_paths.md: " + "; ".join(
        f"in {title!r}, {page} needs {needed}, which does not stand before it" for page, needed in early
    )


def test_eight_paths_are_walked():
    assert len(WALKED) == 8 == len(PATHS) - len(LOOKED_UP)
    assert all(len(PATHS[title]) > 6 for title in WALKED)


def test_chapters_in_their_order_are_a_path():
    order = "".join(re.findall(r"^gallery_order = (\{.*?^\})", CONF, re.MULTILINE | re.DOTALL))
    pages = [page.replace("_", "-") for chapter in ast.literal_eval(order).values() for page in chapter]
    assert len(pages) == len(PAGES)
    assert too_early(pages, NEEDS) == []


def test_pages_without_prerequisites_are_the_errors_and_the_exercises():
    silent = {label for label, needed in NEEDS.items() if needed is None}
    errors = {opening(page)[0] for page in PAGES if page.parent.name == "errors"}
    assert silent == errors | {label for label in NEEDS if label.startswith("exercises-in-")}

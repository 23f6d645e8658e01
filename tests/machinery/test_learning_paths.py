"""The messages that the learning paths, and the table of the errors, quote are those that the linked pages show."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/learning_paths.md").read_text(encoding="utf-8")
ITEMS = re.findall(
    r"^\d+\. (.*?)(?=^\d+\. |^\Z|\Z)", TEXT.partition("## An error sent you")[2], re.MULTILINE | re.DOTALL
)


ERRORS = (ROOT / "gallery/errors/GALLERY_HEADER.rst").read_text(encoding="utf-8")
ROWS = re.findall(r"^``(.+?)`` +:ref:`[^<`]+<([\w-]+)>`$", ERRORS, re.MULTILINE)


def test_items_are_found():
    assert len(ITEMS) >= 8
    assert len(ROWS) == sum(line.startswith("``") for line in ERRORS.splitlines()) > 20


def shown(labels):
    """Return what pages print and draw, as it is kept."""
    names = [label.replace("-", "_") for label in labels]
    return "".join(
        file.read_text(encoding="utf-8") for name in names for file in ROOT.glob(f"docs/outputs/cpu/*/{name}.txt")
    )


@pytest.mark.parametrize(("message", "label"), ROWS)
def test_message_of_the_table_stands_on_its_page(message, label):
    where = "gallery/errors/GALLERY_HEADER.rst"
    assert message in shown([label]), f"{where}: {label} does not print {message!r} (rule: errors)"


def test_every_page_of_the_errors_has_a_row():
    pages = {file.stem.replace("_", "-") for file in ROOT.glob("gallery/errors/*.py")}
    missing = pages - {label for _, label in ROWS}
    assert not missing, f"gallery/errors/GALLERY_HEADER.rst: add a row for {', '.join(missing)} (rule: errors)"


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.split("`")[1])
def test_quoted_messages_stand_on_a_linked_page(item):
    printed = shown(re.findall(r"\{ref\}`([\w-]+)`", item))
    messages = re.findall(r'"([^"]+)"', " ".join(item.split()))
    assert messages
    assert [message for message in messages if message not in printed] == []

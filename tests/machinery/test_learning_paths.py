"""The messages that the learning paths quote are those that the linked pages show."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/learning_paths.md").read_text(encoding="utf-8")
ITEMS = re.findall(r"^\d\. (.*?)(?=^\d\. |^\Z|\Z)", TEXT.partition("## An error sent you")[2], re.MULTILINE | re.DOTALL)


def test_items_are_found():
    assert len(ITEMS) >= 8


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.split("`")[1])
def test_quoted_messages_stand_on_a_linked_page(item):
    pages = [name.replace("-", "_") for name in re.findall(r"\{ref\}`([\w-]+)`", item)]
    shown = "".join(
        file.read_text(encoding="utf-8") for name in pages for file in ROOT.glob(f"docs/outputs/cpu/*/{name}.txt")
    )
    messages = re.findall(r'"([^"]+)"', " ".join(item.split()))
    assert messages
    assert [message for message in messages if message not in shown] == []

"""Every word of the glossary is linked from a page, and every link has its word."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GLOSSARY = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
ENTRIES = [
    entry.splitlines()
    for entry in re.findall(r"^((?:\S.*\n)+)(?=  \S)", GLOSSARY.partition("```{glossary}\n")[2], re.MULTILINE)
]
PAGES = [page.read_text(encoding="utf-8") for page in (ROOT / "gallery").rglob("*.py")]
PAGES += [page.read_text(encoding="utf-8") for page in (ROOT / "gallery").rglob("*.rst")]


def words_linked(text):
    """Return the words of the glossary that a text links to; a link may stand on two lines."""
    roles = re.findall(r":term:`([^`]+)`", text.replace("\n# ", " ").replace("\n", " "))
    return {re.sub(r".*<(.+)>$", r"\1", role).strip().lower() for role in roles}


LINKED = set().union(*map(words_linked, PAGES))


def test_entries_are_found():
    assert len(ENTRIES) > 80
    assert ["axis", "dimension"] in ENTRIES


def test_links_are_found():
    assert words_linked("# a :term:`leaf` and :term:`the\n# parameters\n# <parameter>`") == {"leaf", "parameter"}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry[0])
def test_word_is_linked_from_a_page(entry):
    linked = LINKED & {word.lower() for word in entry}
    assert linked, f"docs/glossary.md: no page links to {entry[0]!r}; write :term:`{entry[0]}` on one (rule: glossary)"


def test_glossary_is_in_alphabetical_order():
    first = [entry[0].lower() for entry in ENTRIES]
    assert first == sorted(first)

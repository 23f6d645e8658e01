"""Each word of the glossary is used on a page, is explained in one line, and every link has its word."""

import re
from pathlib import Path

import pytest

from pipeline.form.explanations import first_sentence
from pipeline.form.finder import Finder
from pipeline.gallery import adapter
from pipeline.language import plain

ROOT = Path(__file__).parents[2]
GLOSSARY = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
PARTS = re.findall(r"^((?:\S.*\n)+)((?:  \S.*\n)+)", GLOSSARY.partition("```{glossary}\n")[2], re.MULTILINE)
ENTRIES = {tuple(words.splitlines()): " ".join(said.split()) for words, said in PARTS}
WORDS = {word for entry in ENTRIES for word in entry}
FINDER = Finder(WORDS)
TEXTS = [
    block.content for page in ROOT.glob("gallery/*/*.py") for block in adapter.blocks(page) if block.type == "text"
]


def words_linked(text):
    """Return the words of the glossary that a text links to; a link may stand on two lines."""
    roles = re.findall(r":term:`([^`]+)`", " ".join(text.split()))
    return {re.sub(r".*<(.+)>$", r"\1", role).strip().lower() for role in roles}


LINKED = set().union(*map(words_linked, TEXTS))
USED = {word for text in TEXTS for word, *_ in FINDER.find(plain(text))}


def test_entries_are_found():
    assert len(ENTRIES) > 120
    assert ("axis", "dimension") in ENTRIES


def test_links_are_found():
    assert words_linked("a :term:`leaf` and :term:`the\nparameters\n<parameter>`") == {"leaf", "parameter"}
    assert {word.lower() for word in WORDS} >= LINKED


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry[0])
def test_word_is_used_on_a_page(entry):
    used = set(entry) & USED or {word.lower() for word in entry} & LINKED
    assert used, (
        f"docs/glossary.md: no page uses {entry[0]!r}; delete it, or use it in the text of one (rule: glossary)"
    )


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry[0])
def test_first_sentence_is_one_line_without_a_formula(entry):
    said = first_sentence(ENTRIES[entry])
    assert "$" not in said, f"docs/glossary.md: {entry[0]!r} begins with a formula, which one line cannot show"
    assert len(said) <= 200, f"docs/glossary.md: the first sentence of {entry[0]!r} has {len(said)} letters"


def test_a_formula_in_the_first_sentence_would_be_seen():
    assert "$" in first_sentence("The root of $x$. More.")
    assert "$" not in first_sentence("A root. That of $x$.")


def test_glossary_is_in_alphabetical_order():
    first = [entry[0].lower() for entry in ENTRIES]
    assert first == sorted(first)

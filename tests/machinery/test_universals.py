"""A sentence about all cases has a check beside it that tries more than one, or a reason."""

import pytest

from pipeline.text.universals import in_words, tries_a_set

UNIVERSAL = {
    "The result is always a copy.": "always",
    "This holds for no other kind.": "no other",
    "Whatever the shape, it works.": "Whatever",
    "Sizes must be equal, in each of them.": "must",
    "It looks at\nevery element. Then it stops.": "every",
    "Not all are views, and none is a copy.": "none",
}
LIMITED = [
    "Not every view is contiguous.",
    "All three are views, as are all 18 of the others.",
    "Only two of them, and the only one that fits.",
    "Every one of these is a copy, and all of it is new.",
    "Here every row is a view.",
    "In this example all rows are equal.",
    "If any is missing, it raises, without any warning, and not at all early.",
    "Is it always so?",
    "A read-only array after an all-reduce, or an any-of.",
    "It alternates; anything else fails, overall.",
]
TRIED = [
    "for x in zoo():\n    assert f(x) == x",
    "while n:\n    n -= 1\n    assert n",
    "assert all(f(x) for x in xs)",
    "for x in xs:\n    with expect_error(ValueError, match='no'):\n        f(x)",
    "torch.testing.assert_close([f(x) for x in xs], xs)",
]
UNTRIED = ["assert f(x) == x", "for x in xs:\n    print(x)\nassert x", "[f(x) for x in xs]", "assert torch.equal(x, y)"]


@pytest.mark.parametrize("text", UNIVERSAL)
def test_universal(text):
    (found,) = in_words(text, 7)
    assert found.word == UNIVERSAL[text]
    assert found.line == 7 + text[: text.index(found.word)].count("\n")
    assert found.sentence in " ".join(text.split())


@pytest.mark.parametrize("text", LIMITED)
def test_no_universal(text):
    assert not list(in_words(text))


@pytest.mark.parametrize("code", TRIED)
def test_code_that_tries_a_set(code):
    assert tries_a_set(code)


@pytest.mark.parametrize("code", UNTRIED)
def test_code_that_tries_one_case(code):
    assert not tries_a_set(code)


def test_all_elements_are_tried_by_a_comparison_of_whole_tensors():
    assert tries_a_set("assert torch.equal(x, y)", "It doubles all elements.")
    assert tries_a_set("assert (x > 0).all()", "Every row is positive.")
    assert not tries_a_set("assert x > 0", "It doubles all elements.")
    assert not tries_a_set("assert torch.equal(x, y)", "It always doubles.")


PAGE = '''\
"""
Gamma?
======

It never ends.
"""

# %%
# It is always so.
#{comment}
# And Python's lists are never tensors.
#
# Neither ``None``, nor ``any(x)``, nor "every one of all" says so.

three = 3
assert three
{set}

# %%
# Further away.

four = 4

# %%
# Furthest: whatever it is.

five = 5
'''
SET = "for number in (1, 2, 3):\n    assert number"


def with_page(site, comment="", checked=""):
    site.edit("docs/conf.py", '"page"', '"page", "text"')
    site.edit("docs/conf.py", '"beta"', '"beta", "gamma"')
    site.write("gallery/one/gamma.py", PAGE.format(comment=comment, set=checked))
    return site.build("-Dpages_update_outputs=1", ok=False)


def test_sentence_that_nothing_tries_is_named_with_its_line(minisite):
    printed = with_page(minisite)
    for line, word in ((5, "never"), (9, "always"), (11, "never"), (25, "whatever")):
        assert f"gallery/one/gamma.py:{line}: WARNING: '{word}' says something of all cases" in printed
    assert printed.count("WARNING") == 4, printed


def test_set_in_the_next_cell_or_a_neighbour_is_enough(minisite):
    printed = with_page(minisite, checked=SET)
    assert "gallery/one/gamma.py:26: WARNING: 'whatever' says" in printed
    assert printed.count("WARNING") == 1, printed


def test_exception_has_a_reason_and_is_needed(minisite):
    comment = "\n# .. not tried: lists are never tensors — they are another class"
    comment += "\n#\n# .. not tried: it never rains — it is dry\n#\n# .. not tried: It is always so\n#"
    printed = with_page(minisite, comment=comment)
    assert "gamma.py:13: WARNING: nothing here needs the exception 'it never rains'" in printed
    assert "gamma.py:15: WARNING: an exception names what is not tried, a dash, and the reason" in printed
    assert "'never' says something of all cases, and no cell beside it tries more than one: \"And Python" not in printed
    assert "'always' says" in printed

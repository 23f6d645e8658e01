"""Set-up and checks are folded, a box says what to use, words are explained where they are first met."""

import json
import re

import pytest
from bs4 import BeautifulSoup

from pipeline.form.explanations import first_sentence
from pipeline.form.finder import Finder

GLOSSARY = """# Glossary

```{glossary}
axis
dimension
  One direction of a tensor. More of it.

batch
  Examples side by side.

word
  What a page explains.
```
"""
PAGE = '''"""
.. _gamma:

What is a word?
===============

Axes and batches, an axis, a *dimension* and `a batch <https://example.org>`__. Call ``double`` twice: ``double(2)``.
"""

# %%
# Set-up

from minihelp.used import double

hidden = double(1)
print("printed in the set-up")

# %%

print("first", double(2))

# %%
# A word, ``double()`` and ``other``.
#
# .. use-this::
#
#    Take ``double`` for the batch. It costs nothing.

assert double(2) == 4

# %%
# How this was checked

assert all(double(x) == 2 * x for x in range(9))
print("printed by the check")
'''


@pytest.fixture(scope="module")
def built(copy_of_accepted, tmp_path_factory):
    """Return the miniature site with a page in the new form and a glossary, built."""
    site = copy_of_accepted(tmp_path_factory.mktemp("form"))
    site.edit("docs/conf.py", '"form", "search"', '"form", "formulas", "downloads", "search"')
    site.edit("docs/conf.py", 'html_theme = "basic"', 'html_theme = "basic"\nhtml_baseurl = "https://example.org/"')
    site.write("docs/glossary.md", GLOSSARY)
    site.edit("docs/index.md", "guide/index", "guide/index\nglossary")
    site.write("gallery/one/gamma.py", PAGE)
    site.edit("docs/conf.py", '"beta"', '"beta", "gamma"')
    site.build("-Dpages_update_outputs=1")
    return site


@pytest.fixture(scope="module")
def page(built):
    return BeautifulSoup(built.html("guide/one/gamma.html"), "html.parser")


def explained(page):
    return {link.get_text(): link["title"] for link in page.select("a.ptg-word")}


def test_a_marked_cell_is_folded_with_what_it_gives(page):
    folds = page.select("details.ptg-fold")
    assert [fold["id"] for fold in folds] == ["set-up", "how-this-was-checked"]
    assert [fold.summary.get_text() for fold in folds] == ["Set-up", "How this was checked"]
    assert "hidden" in folds[0].get_text()
    assert "printed in the set-up" in folds[0].get_text()
    assert "printed by the check" in folds[1].get_text()
    for fold in folds:
        fold.extract()
    assert "first" in page.get_text()
    assert "printed by the check" not in page.get_text()


def test_notebook_script_and_markdown_are_whole(built):
    root = built.root / "docs/_build/html"
    for name in ("download/one/gamma.py", "download/one/gamma.ipynb", "guide/one/gamma.md"):
        text = (root / name).read_text()
        assert "details" not in text
        assert "source_hidden" not in text
        assert "hidden = double(1)" in text
        assert "range(9)" in text
    markdown = (root / "guide/one/gamma.md").read_text()
    assert "\n\n**Set-up**\n\n```python\nfrom minihelp" in markdown
    assert "> **Use this**\n>\n> Take `double` for the batch. It costs nothing.\n" in markdown
    assert "printed by the check" in markdown


def test_box_is_found_by_its_class(page):
    (box,) = page.select("div.admonition.ptg-use")
    assert box["id"] == "use-this"
    assert box.select_one(".admonition-title").get_text() == "Use this"
    assert "It costs nothing." in box.get_text()


def test_words_are_explained_at_their_first_use_alone(page):
    found = [(link.get_text(), link["title"], link["href"]) for link in page.select("p a.ptg-word")]
    used = "../../checks.html#minihelp.used.double"
    assert found == [
        ("Axes", "One direction of a tensor.", "../../glossary.html#term-axis"),
        ("batches", "Examples side by side.", "../../glossary.html#term-batch"),
        ("dimension", "One direction of a tensor.", "../../glossary.html#term-dimension"),
        ("double", "Return twice x.", used),
    ]


def test_a_name_is_explained_in_the_first_code_that_is_not_folded(page):
    cells = [cell for cell in page.select("div.highlight") if cell.select("a.ptg-word")]
    assert [cell.get_text().strip() for cell in cells] == ['print("first", double(2))']


def test_the_search_leads_into_folds_and_the_box(built):
    data = (built.root / "docs/_build/html/search/guide/one/gamma.js").read_text()
    sections = json.loads(data.removeprefix('ptguideSearch.part("guide/one/gamma", ').removesuffix(");\n"))
    assert [(one["anchor"], one["title"]) for one in sections] == [
        ("", "What is a word?"),
        ("set-up", "Set-up"),
        ("use-this", "Use this"),
        ("how-this-was-checked", "How this was checked"),
    ]
    title, set_up, box, check = sections
    assert "printed in the set-up" in set_up["output"]
    assert box["text"] == "Take double for the batch. It costs nothing."
    assert check["text"] == ""
    index = (built.root / "docs/_build/html/search-index.js").read_text()
    assert re.search(r"\\nrang range \w", index), "code is searched, and not shown"
    assert "A word, double() and other." in title["text"]
    assert "It costs" not in title["text"]


def test_words_that_a_page_is_about_are_left_out(page):
    assert "word" not in explained(page)


def test_an_explanation_that_changes_is_written_into_pages_that_are_not_read_again(built, tmp_path):
    built.edit("docs/glossary.md", "Examples side by side.", "Examples in one tensor.")
    assert built.ran(built.build()) == set()
    page = BeautifulSoup(built.html("guide/one/gamma.html"), "html.parser")
    assert explained(page)["batches"] == "Examples in one tensor."


def test_empty_box_is_refused(minisite):
    minisite.page("gamma", "assert 1 + 1 == 2\n\n# %%\n# .. use-this::\n\nx = 2\n")
    assert "use-this is empty; expected the default to take" in minisite.build("-Dpages_update_outputs=1", ok=False)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Axes, and an axis", ["axis", "axis"]),
        ("a data\ntype, data-types", ["data type", "data type"]),
        ("one hot, One-hot", ["one-hot", "one-hot"]),
        ("in place and in-place", ["in place", "in place"]),
        ("matrices and vector-Jacobian products", ["matrix", "vector-Jacobian product"]),
        ("nan and NaN, adam and Adam", ["NaN", "Adam"]),
        ("subaxis, axis_0, x.axis", []),
        ("infinities", ["infinity"]),
        ("a leaf and a mean: it means much, and leaves little", ["leaf", "mean"]),
    ],
)
def test_inflections_are_found(text, found):
    words = ["axis", "data type", "one-hot", "in place", "matrix", "vector", "vector-Jacobian product", "NaN", "Adam"]
    assert [word for word, *_ in Finder([*words, "infinity", "leaf", "mean"]).find(text)] == found


def test_no_word_is_found_where_there_are_none():
    assert list(Finder([]).find("axis")) == []


def test_first_sentence_is_one_line():
    assert first_sentence("A mean, e.g. of 2.5\nand 3. Then more.") == "A mean, e.g. of 2.5 and 3."
    assert first_sentence("No end") == "No end"

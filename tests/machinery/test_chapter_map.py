"""The map of a chapter shows its pages, what each needs and how long it is; it is drawn again when a page changes."""

import re

import pytest

from pipeline.form import chapter_map
from pipeline.form.check import Script
from pipeline.gallery import adapter

PAGE = '''"""
.. _{name}:

{title}?
=======

{text}
"""

# %%

assert 1 < 2
print("more")
'''
ITEM = re.compile(r"<li>(?P<arcs>.*?)<span[^>]*>(?P<title>.*?)</span><small>(?P<small>.*?)</small></li>", re.DOTALL)
ROWS = re.compile(r"--rows:(\d+)")


@pytest.fixture
def mini(minisite):
    minisite.write(
        "gallery/one/gamma.py", PAGE.format(name="gamma", title="Gamma", text="You need to know :ref:`beta`.")
    )
    text = "You need to know :ref:`gamma` and :ref:`the first <beta>`."
    minisite.write("gallery/one/delta.py", PAGE.format(name="delta", title="Delta", text=text))
    minisite.edit("gallery/one/beta.py", '"""\nBeta?', '"""\n.. _beta:\n\nBeta?')
    minisite.edit("gallery/one/GALLERY_HEADER.rst", "===\n", "===\n\n.. chapter-map::\n")
    minisite.edit("docs/conf.py", '"beta"]', '"beta", "gamma", "delta"]')
    return minisite


def items(mini):
    return [one.groupdict() for one in ITEM.finditer(mini.html("guide/one/index.html"))]


def test_map_draws_each_page_and_what_it_needs(mini):
    mini.build("-Dpages_update_outputs=1")
    shown = items(mini)
    assert [re.sub("<.*?>", "", one["title"]) for one in shown] == ["Alpha?", "Beta?", "Gamma?", "Delta?"]
    assert "ptg-map" not in mini.html("guide/index.html")
    assert [ROWS.findall(one["arcs"]) for one in shown] == [[], [], ["1"], ["1"]], "beta comes to delta through gamma"
    words = [re.sub("<.*?>", "", one["small"]) for one in shown]
    assert words == ["1 min", "1 min", "1 min, after beta", "1 min, after gamma, beta"]
    assert 'href="gamma.html"' in shown[3]["small"]
    mini.edit("gallery/one/delta.py", ":ref:`gamma` and ", "")
    mini.build()
    assert [ROWS.findall(one["arcs"]) for one in items(mini)] == [[], [], ["1"], ["2"]]


def test_page_that_needs_a_later_one_is_named(mini):
    mini.edit("docs/conf.py", '"beta", "gamma"', '"gamma", "beta"')
    said = mini.build("-Dpages_update_outputs=1", ok=False)
    assert "gallery/one/gamma.py:1: WARNING: one/gamma needs one/beta, which comes later in its chapter." in said


def test_map_outside_of_a_chapter_is_refused(mini):
    mini.edit("docs/index.md", "# Mini\n", "# Mini\n\n```{chapter-map}\n```\n")
    assert "chapter-map stands in no chapter" in mini.build("-Dpages_update_outputs=1", ok=False)


def test_minutes_count_words_lines_and_results_but_no_folds(tmp_path):
    words = " ".join(["word"] * 191)  # with the title, the empty texts and the heading below: 200 at most
    script = f'"""\nTitle?\n======\n\n{words}.\n"""\n\n# %%\n# Set-up\n\n' + "x = 1\n" * 500 + "\n# %%\n\n"
    file = tmp_path / "page.py"
    file.write_text(script + "y = 2\n" * 20 + "\n# %%\n# Check yourself\n# ---------\n\n" + "z = 3\n" * 500)
    found = chapter_map.minutes(Script(adapter.blocks(file)))
    assert found == 3, "1 minute of words, 80 seconds of lines, 10 of a result"

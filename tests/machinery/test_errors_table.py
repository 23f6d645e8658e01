"""The table of errors lists each kind of message that a reader sees on a page, with the section that shows it."""

import re

import pytest

from pipeline.form import errors_table
from pipeline.form.check import Script
from pipeline.gallery import adapter

PAGE = '''"""
.. _{name}:

ValueError: {name}
==================

Text.
"""

# %%
# Set-up

import sys

print("KeyError: in the set-up")

# %%

{first}
assert sys.maxsize > 1

# %%
# Text of the second.
#
# The ``x`` of :ref:`it <{name}>`
# ------------------------------------

print("ValueError: <b> of two is 3")
print("that is no error: ValueError")

# %%
# How this was checked

print("OSError: in a fold")

# %%
# Check yourself
# --------------

print("NameError: in a question")
'''
FIRST = 'print("ValueError: of one is 1")\nprint("torch.special.BadError: words")'
ROW = re.compile(r"<tr><td><code>(.*?)</code></td><td><a [^>]*href=\"(.*?)\">(.*?)</a></td></tr>")


@pytest.fixture
def mini(minisite):
    minisite.write("gallery/one/gamma.py", PAGE.format(name="gamma", first=FIRST))
    (minisite.root / "gallery/two").mkdir()
    minisite.write("gallery/two/GALLERY_HEADER.rst", "Two\n===\n")
    minisite.write("gallery/two/delta.py", PAGE.format(name="delta", first="print('IndexError: of delta')"))
    minisite.edit("gallery/one/GALLERY_HEADER.rst", "===\n", "===\n\n.. errors-table::\n")
    minisite.edit("docs/conf.py", '"beta"]', '"beta", "gamma"]')
    minisite.edit("docs/conf.py", '"gamma"]', '"gamma"], "two": ["delta"]')
    return minisite


def test_table_lists_each_kind_of_message_once_and_follows_the_pages(mini):
    mini.build("-Dpages_update_outputs=1")
    here, _, others = mini.html("guide/one/index.html").partition("<details")
    assert ROW.findall(here) == [
        ("ValueError: of one is 1", "gamma.html", "causes and fixes"),
        ("torch.special.BadError: words", "gamma.html", "causes and fixes"),
        ("ValueError: &lt;b&gt; of two is 3", "gamma.html#the-x-of-it", "The x of it"),
    ]
    assert ROW.findall(others) == [("IndexError: of delta", "../two/delta.html", "ValueError: delta")]
    assert 'id="the-x-of-it"' in mini.html("guide/one/gamma.html")
    assert "<summary>Messages of pages of other chapters (1)</summary>" in others
    assert "ptg-errors" not in mini.html("guide/index.html")
    mini.edit("gallery/two/delta.py", "of delta", "that is new")
    mini.build("-Dpages_update_outputs=1")
    assert "IndexError: that is new" in mini.html("guide/one/index.html")


def test_messages_of_one_kind_differ_in_numbers_and_what_is_quoted():
    kind = [errors_table.VARYING.sub("", text) for text in ("shape '[2, 3]' of 12", "shape '[5]' of 7")]
    assert kind[0] == kind[1]
    assert errors_table.VARYING.sub("", "shape of a") != errors_table.VARYING.sub("", "shape of b")


def test_section_is_the_last_heading_above(tmp_path):
    page = tmp_path / "page.py"
    page.write_text(PAGE.format(name="page", first=FIRST))
    script = Script(adapter.blocks(page))
    assert [errors_table.section_of(script, line) for line in (1, 20, 30)] == ["", "", "The x of it"]

"""The contents at the side list the chapters, and the pages of the chapter alone in which one is."""

import re

import pytest

FILES = {
    "index.rst": "Start\n=====\n\n.. toctree::\n\n   guide\n   other\n",
    "guide.rst": "Guide\n=====\n\n.. toctree::\n\n   a/index\n   b/index\n",
    "other.rst": "Other\n=====\n\nAlone.\n",
    "a/index.rst": "First & so on\n=============\n\n.. toctree::\n\n   one\n   two\n",
    "a/one.rst": "What is *one*?\n==============\n\nText.\n",
    "a/two.rst": "Two\n===\n\nText.\n",
    "b/index.rst": "Second\n======\n\n.. toctree::\n\n   three\n",
    "b/three.rst": "Three\n=====\n\nText.\n",
}
CHAPTER = (
    '<li class="toctree-l1 current active has-children"><a class="reference internal" href="index.html">First &amp;'
)
PAGE = (
    '<li class="toctree-l2 current active"><a aria-current="page" class="current reference internal" href="#">What is'
)


@pytest.fixture
def side(build_tiny, tmp_path):
    """Return a function that returns what stands at the side of a page."""
    template = "{{ section_contents() }}"
    conf = {"extensions": ["pipeline.page.contents"], "html_theme": "basic", "html_sidebars": {"**": ["side.html"]}}
    conf["templates_path"] = [str(tmp_path)]
    (tmp_path / "side.html").write_text(f'<div id="side">{template}</div>')
    app, warnings = build_tiny(tmp_path, FILES, conf)
    assert warnings == ""
    html = {name: (tmp_path / "html" / f"{name}.html").read_text() for name in app.env.all_docs}
    return lambda name: re.search(r'<div id="side">(.*?)</div>', html[name], re.DOTALL)[1]


def test_chapters_are_listed_and_its_own_is_open(side):
    contents = side("a/one")
    assert re.findall(r'href="([^"]*)"', contents) == ["index.html", "#", "two.html", "../b/index.html"]
    assert CHAPTER in contents
    assert f"{PAGE} <em>one</em>?</a></li>" in contents
    assert contents.count('<summary aria-label="Pages of First &amp; so on">') == contents.count("<details") == 1


def test_first_page_of_a_section_lists_its_chapters(side):
    assert re.findall(r'href="([^"]*)"', side("guide")) == ["a/index.html", "b/index.html"]
    assert "<details" not in side("guide")


@pytest.mark.parametrize("name", ["index", "other"])
def test_page_without_pages_below_it_has_no_contents(side, name):
    assert side(name) == ""

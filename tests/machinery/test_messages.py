"""Whatever is wrong with a page, the message names its script and the line, and the other pages are written."""

import re

import pytest

# What is added to a page of 11 lines, where it goes wrong, and what is said.
TEXTS = {
    "reference": ("# %%\n# First line.\n# See :ref:`nowhere`.\n", 14, "WARNING: undefined label: 'nowhere'"),
    "name": ("# %%\n# A text\n#\n# of two paragraphs: :func:`nothing.at.all`.\n", 16, "nothing.at.all"),
    "role": ("# %%\n# A :nonsense:`x`.\n", 14, 'ERROR: Unknown interpreted text role "nonsense"'),
    "bars": ("# %%\n# One.\n# Then |x| is 3.\n", 14, 'ERROR: Undefined substitution referenced: "x"'),
    "underline": ("# %%\n# Heading\n# -----\n#\n# Text.\n", 14, "Title underline too short"),
    "spans": (
        "# %%\n# Text.\n#\n# +---+---+\n# | a     |\n# +---+---+\n# | b | c |\n# +---+---+\n",
        16,
        "no notebook can be made of this page: a 'entry' node spans several rows or columns",
    ),
    "directive": ("# %%\n# Text.\n#\n# .. nonsense::\n", 16, 'ERROR: Unknown directive type "nonsense"'),
}


@pytest.fixture(scope="module")
def texts(copy_of_accepted, tmp_path_factory):
    """Return a site of which a page has each mistake, with downloads, and what two builds of it printed."""
    site = copy_of_accepted(tmp_path_factory.mktemp("texts"))
    site.edit("docs/conf.py", '"tidying")', '"tidying", "formulas", "downloads")')
    for name, (text, _, _) in TEXTS.items():
        site.page(name, f"assert 1 + 1 == 2\n\n{text}")
    return site, [site.build("-Dpages_update_outputs=1", ok=False), site.build(ok=False)]


@pytest.mark.parametrize("name", TEXTS)
def test_text_is_named_with_its_line(texts, name):
    _, line, message = TEXTS[name]
    for printed in texts[1]:  # also when the page itself is fresh
        said = [text for text in printed.splitlines() if f"{name}." in text and re.search("WARNING|ERROR", text)]
        assert len(said) == 1, printed
        assert re.match(rf"gallery/one/{name}\.py:({line}|{line + 1}): ", said[0])
        assert message in said[0]


def test_pages_with_a_mistake_and_all_others_are_written(texts):
    site, (first, second) = texts
    assert len(re.findall("WARNING|ERROR", first)) == len(re.findall("WARNING|ERROR", second)) == len(TEXTS)
    for name in ("alpha", *TEXTS):
        assert (site.root / f"docs/_build/html/guide/one/{name}.html").is_file()
        assert (site.root / f"docs/_build/html/download/one/{name}.ipynb").is_file() == (name != "spans")


@pytest.fixture(scope="module")
def failed(copy_of_accepted, tmp_path_factory):
    """Return a site of which two pages fail, one without a title, and what its build printed."""
    site = copy_of_accepted(tmp_path_factory.mktemp("failed"))
    site.edit("gallery/one/alpha.py", '"""\nAlpha?', '"""\n.. _alpha:\n\nAlpha?')
    site.edit("gallery/one/alpha.py", "four == 4", "four == 5")
    site.write("gallery/one/bare.py", "assert 1 + 1 == 2\n")
    site.edit("docs/conf.py", '"beta"', '"beta", "bare"')
    site.edit("gallery/one/beta.py", "Three.", "Three, as in :ref:`alpha`.")
    return site, site.build(ok=False)


def test_page_that_fails_is_named_with_its_line(failed):
    _, printed = failed
    assert "gallery/one/alpha.py:17: WARNING: " in printed
    assert "assert four == 5\n      four is 4" in printed
    assert "gallery/one/bare.py:1: WARNING: the page has no title: it begins with a docstring" in printed
    assert printed.count("WARNING") == 2
    assert "pages: 1 passed, with 1 claims\npages: 2 failed" in printed
    assert not re.search(r"Traceback\n=|developers|ExtensionError|/docs/guide", printed)


def test_page_that_failed_says_so_in_its_place(failed):
    site, _ = failed
    page = site.html("guide/one/alpha.html")
    assert "<h1>Alpha?" in page
    text = " ".join(re.sub(r"<[^>]+>", "", page).split())
    assert "gallery/one/alpha.py failed at line 17, and is not shown until it runs." in text
    assert "four is 4" in text
    assert " held when" not in text
    assert "<h1>bare" in site.html("guide/one/bare.html")


def test_other_pages_are_written_and_may_link_to_one_that_failed(failed):
    site, _ = failed
    assert re.search(r'Three, as in <a [^>]*href="alpha.html#alpha"', site.html("guide/one/beta.html"))
    assert "Alpha?" in site.html("guide/one/index.html")
    assert re.search(r"<p>(<[^<>]*>)?1(</span>)? claims\.</p>", site.html("checks.html"))


def test_page_that_failed_is_never_fresh_and_is_whole_when_mended(failed):
    site, _ = failed
    printed = site.build(ok=False)
    assert "gallery/one/alpha.py:17: WARNING: " in printed
    assert "one/beta" not in site.ran(printed)
    assert (site.root / "docs/_build/html.unfinished").exists()
    site.edit("gallery/one/alpha.py", "four == 5", "four == 4")
    site.write("gallery/one/bare.py", '"""\nBare?\n=====\n\nNo more.\n"""\n\n# %%\n# Two.\n\nassert 1 + 1 == 2\n')
    site.build("-Dpages_update_outputs=1")
    assert "1 claim held" in " ".join(re.sub(r"<[^>]+>", "", site.html("guide/one/alpha.html")).split())
    assert "not shown until" not in site.html("guide/one/alpha.html")
    assert not (site.root / "docs/_build/html.unfinished").exists()
    assert "WARNING" not in site.build()


def test_failure_counts_where_warnings_are_tolerated(minisite):
    minisite.edit("gallery/one/beta.py", "three == 1 + 2", "three == 1 + 3")
    command = [word for word in minisite.command() if word not in ("-W", "--keep-going")]
    minisite.command = lambda *_: command
    assert "pages: 1 failed" in minisite.build(ok=False)


def test_changed_output_makes_its_page_and_no_other_be_read_again(minisite):
    minisite.build("-Dpages_update_outputs=1")
    minisite.edit("gallery/one/beta.py", 'print("three")', 'print("3")')
    assert "gallery/one/beta.py:11: WARNING: the output changed" in minisite.build(ok=False)
    printed = minisite.build(ok=False)
    assert "gallery/one/beta.py:11: WARNING: the output changed" in printed
    assert "0 added, 1 changed, 0 removed" in printed
    minisite.build("-Dpages_update_outputs=1")
    assert "WARNING" not in minisite.build()


def test_warning_makes_its_page_and_no_other_be_read_again(minisite):
    minisite.edit("docs/checks.md", "# Checks", "# Checks\n\n[lost](nowhere.md)")
    assert "docs/checks.md:3: WARNING" in minisite.build(ok=False)
    printed = minisite.build(ok=False)
    assert "docs/checks.md:3: WARNING" in printed
    assert "0 added, 1 changed, 0 removed" in printed

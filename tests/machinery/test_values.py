"""A value in the text is computed by the page, or checked against it; what is wrong stops the build with its line."""

import json
import re

import pytest

TEXT = """\

# %%
# A text before its cell: {text}

import random

number = 65504
part = 1 / 3
random.seed(0)
sizes = [3, 4]
error = ValueError("sizes 3 and 4 do not match")

# %%
# The next cell changes the number.

number = 2
assert random.random() == 0.8444218515250481

# %%
# The end: {end}
"""
HEAD = '"""\nGamma?\n======\n\nIntro.\n"""\n'


def with_text(site, text="nothing.", end="nothing."):
    """Give the site a page with a text before its first cell, on line 8, and one after its last."""
    site.write("gallery/one/gamma.py", HEAD + TEXT.format(text=text, end=end))
    site.edit("docs/conf.py", '"beta"', '"beta", "gamma"')


RIGHT = {
    ":val:`number`": "65504",
    ":val:`65504 <number>`": "65504",
    ":val:`65,504 <number>`": "65,504",
    ":val:`65504 <float(number)>`": "65504",
    ":val:`part`": "0.3333",
    ":val:`0.33 <part>`": "0.33",
    ":val:`33 % <part>`": "33 %",
    ":val:`33.3 % <part>`": "33.3 %",
    ":val:`(3, 4) <sizes>`": "(3, 4)",
    ":val:`tuple(sizes)`": "(3, 4)",
    ":val:`error`": "sizes 3 and 4 do not match",
    ":val:`do not match <error>`": "do not match",
    ":val:`3e-1 <part>`": "3e-1",
    ":val:`number > 3`": "True",
    ":val:`random.random() < 0.85`": "True",
}
WRONG = {
    ":val:`65503 <number>`": r"the text says '65503', and `number` is 65504",
    ":val:`0.34 <part>`": r"the text says '0.34', and `part` is 0.3333",
    ":val:`0.3334 <part>`": r"the text says '0.3334'",
    ":val:`34 % <part>`": r"the text says '34 %'",
    ":val:`(4, 3) <sizes>`": r"the text says '\(4, 3\)', and `sizes` is \[3, 4\]",
    ":val:`(3, 4, 5) <sizes>`": r"the text says '\(3, 4, 5\)'",
    ":val:`do match <error>`": "the text says 'do match', and `error` is sizes 3 and 4 do not match",
    ":val:`False <number \\> 3>`": "cannot be computed: SyntaxError",
    ":val:`missing`": "the value of `missing` cannot be computed: NameError: name 'missing' is not defined",
    ":val:`1 / 0`": "the value of `1 / 0` cannot be computed: ZeroDivisionError",
    ":val:`sizes.pop()`": "pop changes something; compute it in a cell",
    ":val:`(other := 3)`": ":= changes something",
    ":val:`{}`": "it is of type dict; a text shows numbers",
}


def test_values_stand_in_the_page_and_in_its_downloads(minisite):
    minisite.edit("docs/conf.py", '"search"', '"downloads", "formulas", "search"')
    minisite.edit("docs/conf.py", 'html_theme = "basic"', 'html_theme = "basic"\nhtml_baseurl = "https://x.org/"')
    with_text(minisite, "; ".join(RIGHT), "it is :val:`number` now.")
    said = "; ".join(RIGHT.values())
    minisite.build("-Dpages_update_outputs=1", "-Dpages_run_twice=1")
    made = {
        name: (minisite.root / "docs/_build/html" / name).read_text(encoding="utf-8")
        for name in ("guide/one/gamma.html", "guide/one/gamma.md", "download/one/gamma.py")
    }
    made["guide/one/gamma.html"] = re.sub("</?span[^>]*>", "", made["guide/one/gamma.html"])
    notebook = json.loads((minisite.root / "docs/_build/html/download/one/gamma.ipynb").read_text(encoding="utf-8"))
    made["notebook"] = "\n".join("".join(cell["source"]) for cell in notebook["cells"])
    for name, text in made.items():
        assert f"A text before its cell: {said}" in text, name
        assert "The end: it is 2 now." in text, name
        assert "val:" not in text, name
    assert "[cell 2]\n    (in the text) number = 2\n" in (minisite.root / "docs/outputs/cpu/one/gamma.txt").read_text(
        encoding="utf-8"
    )
    minisite.edit("gallery/one/gamma.py", "number = 2", "number = 3")
    printed = minisite.build(ok=False)
    assert re.search(r"gamma\.py:\d+: WARNING: the output changed\.(.|\n)*number = 3", printed), printed


def test_wrong_values_are_named_with_their_lines_and_the_other_pages_are_written(minisite):
    with_text(minisite, "\n# ".join(["lies:", *WRONG]), ":val:`7 <number>`")
    minisite.edit("gallery/one/beta.py", "# Three.", "# Three, and no more.")
    printed = minisite.build("-Dpages_update_outputs=1", ok=False)
    assert re.search(r"gallery/one/gamma\.py:10: WARNING: ", printed), printed
    for line, why in enumerate(WRONG.values(), 10):
        assert re.search(rf"line {line}: .*{why}", printed), (why, printed)
    assert "the text says '7', and `number` is 2" in printed
    assert "Three, and no more." in minisite.html("guide/one/beta.html")


def test_a_value_stands_on_one_line(minisite):
    with_text(minisite, "it is :val:`number", "`.")
    assert re.search(r"gamma\.py:9: WARNING: .*a value ends on the line", minisite.build(ok=False))


MARKDOWN = "\n```python\ncount = 1234  # {{val}}`not one`\n```\n\nThere are {{val}}`{}` things.\n"


@pytest.mark.parametrize(
    ("role", "said"), [("count", "1234"), ("1,234 <count>", "1,234"), ("ptguide.__name__", "ptguide")]
)
def test_a_value_stands_in_a_markdown_page(minisite, role, said):
    path = minisite.root / "docs/index.md"
    path.write_text(path.read_text() + MARKDOWN.format(role))
    minisite.build()
    assert f'There are <span class="ptg-value">{said}</span> things.' in minisite.html("index.html")
    assert "`not one`" in minisite.html("index.html")


@pytest.mark.parametrize(
    ("role", "why"), [("1,235 <count>", "says '1,235', and `count` is 1234"), ("counts", "NameError")]
)
def test_a_wrong_value_in_a_markdown_page_is_named_with_its_line(minisite, role, why):
    path = minisite.root / "docs/index.md"
    path.write_text(path.read_text() + MARKDOWN.format(role))
    printed = minisite.build(ok=False)
    assert re.search(rf"docs/index\.md:16: WARNING: (.|\n)*{re.escape(why)}", printed), printed


def test_a_value_that_nothing_computes_is_refused(minisite):
    path = minisite.root / "src/minihelp/used.py"
    path.write_text(path.read_text() + '\n\ndef half(x):\n    """Return :val:`1 / 2` of it."""\n')
    assert "no run computed '1 / 2'" in minisite.build(ok=False)

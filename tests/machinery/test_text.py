"""What is typed in a text is looked up in the cells around it; what stands nowhere stops the build with its line."""

import re

import pytest

from pipeline.text.typed import in_words

PAGE = '''\
"""
Gamma?
======

Intro.
"""

# %%
# Far from the others.

far = 7777

# %%
# The cell before.

before = 555

# %%
{text}

sizes = (30, 40, 50)
part, whole = 1 / 3, 1024
kind = "float16"
rows = [[6, 6], [6, 6], [6, 6]]
print(f"{{part:.5f}} and {{2 / 8}}, {{12_500:,}}: 87.4%")
print("sizes 3 and 4 do not match")
assert whole == 32 * 32
small = 1e-3
power = 2**30
class Shelf(list):
    def sum(self, dim): return 3
z = Shelf()
def f(values, dim): return 3
z[:3], z.sum(1)
assert f(z, dim=2) == 3
assert f(z) == 3 if z else True

# %%
# The next cell.

after = 333

# %%
# Nothing is said about it.

furthest = 8888
{question}
'''
TRUE = [
    "the cell before, 555, and the cell after, 333",
    "1024 or 1,024 or 1024.0",
    "0.333 of it, and 0.3333, and 33 %, and 33.3 %",
    "0.25, or 25 %, or 1/4",
    "12500 and 12,500",
    "87.4 % and 87 %",
    "0.001 and 1e-3",
    "shape (30, 40, 50), or ``[30, 40, 50]``",
    "shape (3, 2), of the nested list",
    "float16, or ``torch.float16``",
    "1073741824, which nobody writes out",
    'the error says "sizes 3 and 4 do not match", or "sizes ... do not match"',
    "in torch 2.11, Python 3.12 and release 0.4 (Vaswani et al., 2017)",
    "run as ``x[:3]`` and ``y.sum(1)``, ``f(..., dim=2)`` with ``dim=2``, and ``f(x) == 3``",
    "the cell before has one data type, :val:`float16 <kind>`",
    "a Conv2d, GPT-2, the 3rd, a `link <https://example.org/99>`_",
    'some say "97 is a lucky number of mine" :val:`7 * 13 + 6`'.replace("97 is", "it is"),
]
FALSE = {
    "the cell that is further away has 8888": "8888",
    "so has the one before the last: 7777": "7777",
    "it is 1025": "1025",
    "it is 1,025": "1,025",
    "a third is 0.334": "0.334",
    "a third is 34 %": "34 %",
    "shape (30, 50, 40)": "(30, 50, 40)",
    "a part of a shape, (30, 40)": "(30, 40)",
    "shape (30, 40, 51)": "(30, 40, 51)",
    "literally ``(2, 3)``": "(2, 3)",
    "bfloat16": "bfloat16",
    "``torch.int8``": "torch.int8",
    "``dim=1`` for ``dim=2``": "dim=1",
    "``x[:4]``": "x[:4]",
    "``x.mean(1)``": "x.mean(1)",
    "``dtype=torch.int8``": "dtype=torch.int8",
    'the error says "sizes 3 and 4 do match"': "sizes 3 and 4 do match",
    "``ValueError: sizes differ``": "ValueError: sizes differ",
    "*emphasized: 2,222*": "2,222",
}
FIRST = 19  # the line of the text


@pytest.fixture(name="minisite")
def _minisite(minisite):
    minisite.edit("docs/conf.py", '"page"', '"page", "text"')
    return minisite


def with_text(site, lines, question=""):
    """Give the site a page with a text of these paragraphs."""
    text = "\n#\n".join(f"# {line}" for line in lines)
    site.write("gallery/one/gamma.py", PAGE.format(text=text, question=question))
    site.edit("docs/conf.py", '"beta"', '"beta", "gamma"')


def test_what_stands_in_the_code_or_the_output_passes_in_every_spelling(minisite):
    with_text(minisite, TRUE)
    minisite.build("-Dpages_update_outputs=1")


def test_what_stands_nowhere_is_named_with_its_line(minisite):
    with_text(minisite, FALSE)
    printed = minisite.build("-Dpages_update_outputs=1", ok=False)
    for place, text in enumerate(FALSE.values()):
        line = FIRST + 2 * place
        assert re.search(rf"gallery/one/gamma\.py:{line}: WARNING: the text says {re.escape(text)}, and", printed), (
            text,
            printed,
        )
    assert printed.count("WARNING") == len(FALSE), printed
    assert "the text says 1025" in minisite.build(ok=False)  # also where the page is found on disk


TABLE = "===  ====\n# a    6060\n# ===  ===="
FIGURE = ".. image:: none.png\n#    :alt: It has 6161 parts."
ELSEWHERE = {TABLE: (20, "6060"), FIGURE: (19, "6161")}


@pytest.mark.parametrize("text", ELSEWHERE)
def test_a_table_and_the_words_of_a_picture_are_texts(minisite, text):
    with_text(minisite, [text])
    line, number = ELSEWHERE[text]
    printed = minisite.build("-Dpages_update_outputs=1", ok=False)
    assert re.search(rf"gamma\.py:{line}: WARNING: the text says {number}", printed), printed


ASK = """
def ask(*given, **named): "Stands in for the real one."  # 4545
ask(
    "x has 8888 elements, not 4646. What is it?",
    answer=furthest,
    choices={4747: "That is 4747, as repeat(4848) gives; 8888 - 4949.", 1: f"{furthest} is 5050."},
)
"""


def test_the_strings_of_a_question_are_texts(minisite):
    with_text(minisite, ["Nothing."], ASK)
    printed = minisite.build("-Dpages_update_outputs=1", ok=False)
    assert set(re.findall(r"gamma\.py:\d+: WARNING: the text says (\S+),", printed)) == {
        "4646",
        "repeat(4848)",
        "4949",
        "5050",
    }, printed


def test_a_comment_is_no_code(minisite):
    with_text(minisite, ["There are 4545."], "\n")
    minisite.edit("gallery/one/gamma.py", "whole = 1 / 3, 1024", "whole = 1 / 3, 1024  # not 4545")
    assert "the text says 4545" in minisite.build("-Dpages_update_outputs=1", ok=False)


def test_an_exception_has_a_reason_is_not_shown_and_is_needed(minisite):
    with_text(minisite, ["The paper says 3.87.", ".. not looked up: 3.87 — from the paper"])
    minisite.build("-Dpages_update_outputs=1")
    assert "looked up" not in minisite.html("guide/one/gamma.html")
    minisite.edit("gallery/one/gamma.py", "says 3.87", "says 1024")
    assert re.search(r"gamma\.py:21: WARNING: nothing here needs the exception 3\.87", minisite.build(ok=False))
    minisite.edit("gallery/one/gamma.py", "says 1024", "says 3.87")
    minisite.edit("gallery/one/gamma.py", " — from the paper", "")
    assert re.search(r"gamma\.py:21: WARNING: an exception names what is not looked up", minisite.build(ok=False))


def test_a_markdown_page_is_looked_up_in_its_snippets(minisite):
    path = minisite.root / "docs/index.md"
    old = path.read_text()
    path.write_text(old + "\n```python\ncount = 1234\n```\n\nThere are 1,234, of {val}`1234 <count>`.\n")
    minisite.build()
    path.write_text(old + "\nThere are 1,234.\n")
    assert re.search(r"docs/index\.md:12: WARNING: the text says 1,234, and no snippet", minisite.build(ok=False))
    path.write_text(old + "\nThere are 1,234.\n\n% not looked up: 1,234 — counted by hand\n")
    minisite.build()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("from 0 to 10.", ["0", "10"]),
        ("−3 and -2.5, not x-1", ["−3", "-2.5"]),
        ("about 1e-7; 2.", ["1e-7", "2"]),
        ("in 2017, (2018), 2019 elements", ["2019"]),
    ],
)
def test_numbers_are_found(words, found):
    assert [one.text for one in in_words(words)] == found

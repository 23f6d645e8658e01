"""Math is rendered while the site is built, and LaTeX that cannot be is found then."""

import re
import xml.etree.ElementTree as ET

import pytest
from sphinx.cmd.build import build_main

from pipeline.formulas.mathml import latex_to_mathml

CONF = {"extensions": ["pipeline.formulas.mathml"]}
MATHML = "{http://www.w3.org/1998/Math/MathML}"


@pytest.fixture
def page(tmp_path, build_tiny):
    def build(text):
        _, warnings = build_tiny(tmp_path, {"index.rst": f"Title\n=====\n\n{text}\n"}, CONF)
        return (tmp_path / "html" / "index.html").read_text(encoding="utf-8"), warnings

    return build


def tree(html):
    """Return the only formula of a page, or a formula."""
    (found,) = re.findall(r"<math.*?</math>", html, re.DOTALL)
    return ET.fromstring(found.replace("&ApplyFunction;", ""))


def drawn(formula):
    """Return what a formula shows, without the LaTeX behind it."""
    (row, _) = formula[0]
    return "".join("".join(row.itertext()).split())


def test_inline_math(page):
    html, warnings = page(r"The shape :math:`(s_0, \ldots, s_{n-1})` of it.")
    assert warnings == ""
    assert '<span class="math notranslate nohighlight"><math' in html
    assert drawn(tree(html)) == "(s0,…,sn−1)"
    assert "mathjax" not in html.lower()


def test_the_latex_is_an_annotation():
    latex = r"a < b \text{ & } c"
    annotation = tree(latex_to_mathml(latex)).find(f"{MATHML}semantics/{MATHML}annotation")
    assert annotation.get("encoding") == "application/x-tex"
    assert annotation.text == latex


def test_display_math_scrolls_in_a_box_that_the_keyboard_reaches(page):
    html, warnings = page(".. math::\n\n   x = y")
    assert warnings == ""
    assert '<div class="ptg-math" role="group" aria-label="Equation" tabindex="0"><math' in html
    assert tree(html).get("display") == "block"
    assert ".ptg-math{" in html
    assert "overflow:auto hidden" in html


def test_blank_lines_and_double_backslashes_start_rows(page):
    html, _ = page(".. math::\n\n   a &= b \\\\\n   c &= d\n\n   e &= f")
    (table,) = tree(html).iter(f"{MATHML}mtable")
    assert [["".join("".join(cell.itertext()).split()) for cell in row] for row in table] == [
        ["a", "=b"],
        ["c", "=d"],
        ["e", "=f"],
    ]


def test_a_labelled_equation_has_a_number_and_can_be_reached(page):
    html, warnings = page("See :eq:`euler`.\n\n.. math::\n   :label: euler\n\n   e^{i \\pi} = -1")
    assert warnings == ""
    assert '<div class="math notranslate nohighlight" id="equation-euler">' in html
    assert '<span class="eqno">(1)<a class="headerlink" href="#equation-euler"' in html
    assert 'href="#equation-euler">(1)</a>' in html
    assert 'aria-label="Equation 1"' in html


def test_a_page_without_math_gets_no_style(page):
    html, _ = page("No formula.")
    assert "ptg-math" not in html


@pytest.mark.parametrize(
    ("latex", "reason"),
    [
        (r"\foo", r"Unknown LaTeX command"),
        (r"\frac{a}", r"Source incomplete"),
        (r"\begin{align} a \end{align}", r'Environment "align" not supported'),
        (r"a & b", r"a stray &, \^, _ or \\\\"),
        (r"^2", r"a stray &, \^, _ or \\\\"),
        (r"{a", r"The end came where \} was expected"),
        (r"a}", r"Found \} where nothing to close was expected"),
        (r"\left( a", r"The end came where \\right was expected"),
        (r"{\left( a} \right)", r"Found \} where \\right was expected"),
        (r"\begin{matrix} a \end{pmatrix}", r"Found \\end\{pmatrix\} where \\end\{matrix\} was expected"),
    ],
)
def test_bad_latex_says_what_is_wrong(latex, reason):
    with pytest.raises(ValueError, match=reason):
        latex_to_mathml(latex)


@pytest.mark.parametrize("latex", [r"\{ a ]", r"a \rightarrow b", r"\left\{ \frac{a}{b} \right."])
def test_brackets_that_are_drawn_need_no_partner(latex):
    assert latex_to_mathml(latex).startswith("<math")


def test_bad_latex_is_a_warning_with_its_place(page):
    html, warnings = page("First.\n\nSecond :math:`\\foo`.\n\n.. math::\n\n   {a < b")
    assert "index.rst:6: WARNING: LaTeX without MathML form: \\foo: Unknown LaTeX command" in warnings
    assert "index.rst:8: WARNING: LaTeX without MathML form: {a < b: The end came where } was expected." in warnings
    assert "<code>{a &lt; b</code>" in html


@pytest.mark.parametrize(("latex", "status"), [(r"\foo", 1), (r"\theta", 0)])
def test_bad_latex_stops_a_strict_build(tmp_path, capsys, latex, status):
    (tmp_path / "conf.py").write_text("extensions = ['pipeline.formulas']", encoding="utf-8")
    (tmp_path / "index.rst").write_text(f"Title\n=====\n\n:math:`{latex}`\n", encoding="utf-8")
    assert build_main(["-W", "-q", "-b", "html", str(tmp_path), str(tmp_path / "html")]) == status
    assert (latex in capsys.readouterr().err) == bool(status)

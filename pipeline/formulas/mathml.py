"""Render math to MathML while the site is built, so that a page needs no JavaScript and no other host.

docutils translates the LaTeX; what it cannot translate, or would translate wrongly without a word, is a warning here.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata
    from sphinx.writers.html5 import HTML5Translator

__all__ = ["displayed_latex", "latex_to_mathml", "setup"]

logger = logging.getLogger(__name__)

# MathML Core has no alignment attributes, so the columns of `aligned` and `cases` need these rules (docutils' own);
# Chromium obeys -webkit-right where it ignores right. Brackets grow only in a font with a MATH table. `.notranslate`
# makes a rule stronger than the theme's, which cuts off what does not fit; the padding keeps high exponents inside.
STYLE = """<style>
math{font-family:"STIX Two Math","Cambria Math","Latin Modern Math","Noto Sans Math","DejaVu Math TeX Gyre",math}
.ptg-math{flex:1;min-width:0;overflow:auto hidden;padding-block:.25em}
span.math.notranslate{overflow:auto hidden;padding-block:.5em;margin-block:-.5em}
math .boldsymbol{font-weight:bold}
mtable.cases>mtr>mtd{text-align:left}
mtable.ams-align>mtr>mtd{padding-left:0;padding-right:0}
mtable.ams-align>mtr>mtd:nth-child(2n){text-align:left}
mtable.ams-align>mtr>mtd:nth-child(2n+1){text-align:right;text-align:-webkit-right}
mtable.ams-align>mtr>mtd:nth-child(2n+3){padding-left:2em}
</style>"""

BRACKET = re.compile(r"\\(?:begin|end)\s*\{[^}]*\}|\\(?:left|right)(?![A-Za-z])|\\.|[{}]", re.DOTALL)


def latex_to_mathml(latex: str, *, block: bool = False) -> str:
    r"""Translate LaTeX to a ``math`` element that carries the LaTeX as an annotation.

    Parameters
    ----------
    latex : str
        The formula, without dollar signs. At top level, rows end with ``\\`` and columns with ``&`` (in a block only).
    block : bool
        Whether the formula stands on lines of its own.

    Returns
    -------
    str
        HTML; nothing in it needs a script or a font.

    Raises
    ------
    ValueError
        If docutils does not know a command or an environment, or if a bracket or an environment has no partner.

    Examples
    --------
    >>> print(latex_to_mathml("x"))
    <math xmlns="http://www.w3.org/1998/Math/MathML"><semantics><mrow>
      <mi>x</mi>
    </mrow><annotation encoding="application/x-tex">x</annotation></semantics></math>
    """
    _check_brackets(latex)
    try:
        xml = tex2mathml(latex, as_block=block)
    except MathError as error:
        raise ValueError(str(error)) from error
    except (AttributeError, IndexError, TypeError) as error:  # docutils trips over a stray `&`, `^` or `\\`
        raise ValueError("Something stands where it cannot: look for a stray &, ^, _ or \\\\.") from error
    head, body = xml.removesuffix("</math>").split(">", maxsplit=1)
    annotation = f'<annotation encoding="application/x-tex">{escape(latex, quote=False)}</annotation>'
    return f"{head}><semantics><mrow>{body}</mrow>{annotation}</semantics></math>"


def _check_brackets(latex: str) -> None:
    r"""Raise ValueError if ``{``, ``\left`` or ``\begin`` lack a partner: docutils would guess instead."""
    expected = []
    for token in BRACKET.findall(latex):
        if token == "{":
            expected.append("}")
        elif token == r"\left":
            expected.append(r"\right")
        elif token.startswith(r"\begin"):
            expected.append(token.replace(r"\begin", r"\end", 1))
        elif token in {"}", r"\right"} or token.startswith(r"\end"):
            wanted = expected.pop() if expected else "nothing to close"
            if token != wanted:
                raise ValueError(f"Found {token} where {wanted} was expected.")
    if expected:
        raise ValueError(f"The end came where {expected[-1]} was expected.")


def displayed_latex(node: nodes.math_block) -> str:
    r"""Return the LaTeX of a ``math`` directive as one formula: a blank line in it starts a new row (``\\``).

    Parameters
    ----------
    node : docutils.nodes.math_block
        The directive's node.

    Returns
    -------
    str
        LaTeX without blank lines.
    """
    parts = (part.strip() for part in re.split(r"\n\s*\n", node.astext()))
    return " \\\\\n".join(part for part in parts if part)


def _render(node: nodes.Element, latex: str, *, block: bool) -> str:
    """Return MathML, or the LaTeX as code and a warning that says where it stands and what is wrong with it."""
    try:
        return latex_to_mathml(latex, block=block)
    except ValueError as error:
        logger.warning("LaTeX without MathML form: %s: %s", latex, error, location=node, type="math", subtype="mathml")
        return f"<code>{escape(latex)}</code>"


def _visit_math(self: HTML5Translator, node: nodes.math) -> None:
    html = _render(node, node.astext(), block=False)
    self.body.append(f"{self.starttag(node, 'span', '', CLASS='math notranslate nohighlight')}{html}</span>")
    raise nodes.SkipNode


def _visit_math_block(self: HTML5Translator, node: nodes.math_block) -> None:
    label = _("Equation")
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node.get("number"):
        number = get_node_equation_number(self, node)
        label = f"{label} {number}"
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, _("Link to this equation"))
        self.body.append("</span>")
    html = _render(node, displayed_latex(node), block=True)
    # The box scrolls when the formula is wider than the page; tabindex lets the arrow keys reach it.
    self.body.append(f'<div class="ptg-math" role="group" aria-label="{label}" tabindex="0">{html}</div></div>\n')
    raise nodes.SkipNode


def _add_style(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    if context.get("has_maths_elements"):
        context["metatags"] = context.get("metatags", "") + STYLE


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the renderer ``mathml``; Sphinx takes it when it is the only one besides MathJax."""
    inline, block = (_visit_math, None), (_visit_math_block, None)
    app.add_html_math_renderer("mathml", inline_renderers=inline, block_renderers=block)
    app.connect("html-page-context", _add_style)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

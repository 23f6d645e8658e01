"""A page's notebook holds its code as it is, and its text as Markdown without a trace of reST."""

import base64
import re
from pathlib import Path

import nbformat
import pytest
from docutils import nodes
from sphinx.errors import ExtensionError
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

from pipeline.downloads.blocks import blocks_of
from pipeline.downloads.markdown import Writer
from pipeline.downloads.notebook import cells_of, notebook

URL = "https://example.org/guide/index.html"
STACK = Path(__file__).parents[2] / "gallery" / "shapes" / "stack.py"
GALLERY = {
    "examples_dirs": "scripts",
    "gallery_dirs": "guide",
    "filename_pattern": r"run_.*\.py$",
    "image_scrapers": (),
    "reset_modules": (),
    "write_computation_times": False,
}
CONF = {"extensions": ["sphinx_gallery.gen_gallery"], "sphinx_gallery_conf": GALLERY, "exclude_patterns": ["scripts"]}

SCRIPT = '''"""
.. _first:

A title
=======

Introduction with :func:`made.up` and :math:`a_{ij}`.
"""

# sphinx_gallery_thumbnail_number = 2
x = 2 + 3
print(f"printed {x}")


class Shown:
    def _repr_html_(self):
        return "<b>drawn</b>"


# sphinx_gallery_start_ignore
hidden = 1
# sphinx_gallery_end_ignore
Shown()

# %%
# .. _second:
#
# A section
# ---------
#
# A sentence, with code that is read only::
#
#    y = 7

# %%
# Another text. See :ref:`first`.

assert x == 5

# %%
# A part of it
# ~~~~~~~~~~~~
#
# Last.
'''


@pytest.fixture
def markdown(tmp_path, build_tiny):
    def build(text, **files):
        sources = {"index.rst": f"Title\n=====\n\n{text}\n", **files}
        app, warnings = build_tiny(tmp_path, sources, {})
        assert warnings == ""
        doctree = app.env.get_and_resolve_doctree("index", app.builder, tags=app.tags)
        return Writer(URL).write(doctree).removeprefix("# Title\n\n")

    return build


@pytest.fixture
def gallery_page(tmp_path, build_tiny):
    """Build a gallery of one script; return its resolved page and its blocks."""

    def build(name, script, more="", **conf):
        files = {
            "index.rst": f"Top\n===\n\n.. toctree::\n\n   guide/index\n\n{more}",
            "scripts/GALLERY_HEADER.rst": "Guide\n=====\n",
            f"scripts/{name}.py": script,
        }
        app, _ = build_tiny(tmp_path, files, CONF | {"sphinx_gallery_conf": GALLERY | conf})
        doctree = app.env.get_and_resolve_doctree(f"guide/{name}", app.builder, tags=app.tags)
        return doctree, split_code_and_text_blocks(str(tmp_path / f"source/scripts/{name}.py"))[1]

    return build


def test_cells_are_those_of_the_script_in_order_without_outputs(gallery_page):
    doctree, blocks = gallery_page("run_it", SCRIPT)
    shown = doctree.astext()  # the page has them, the notebook has not
    assert "printed 5" in shown
    assert "drawn" in shown
    assert "Download Jupyter notebook" in shown
    assert cells_of(blocks_of(doctree, blocks), "https://example.org/guide/run_it.html") == [
        ("markdown", "# A title\n\nIntroduction with `made.up()` and $a_{ij}$."),
        (
            "code",
            'x = 2 + 3\nprint(f"printed {x}")\n\n\nclass Shown:\n    def _repr_html_(self):\n'
            '        return "<b>drawn</b>"\n\n\nShown()',
        ),
        ("markdown", "## A section\n\nA sentence, with code that is read only:\n\n```\ny = 7\n```"),
        ("markdown", "Another text. See [A title](https://example.org/guide/run_it.html#first)."),
        ("code", "assert x == 5"),
        ("markdown", "### A part of it\n\nLast."),
    ]


@pytest.mark.parametrize("line_numbers", [False, True])
def test_code_with_links_and_line_numbers_is_recognised(gallery_page, line_numbers):
    script = '"""\nTitle\n=====\n"""\n\nimport torch\n\nx = torch.stack([])\n\n# %%\n# Text.\n\ny = 2\n'
    functions = ".. py:function:: torch.stack(tensors)\n"
    doctree, blocks = gallery_page("no_run", script, functions, line_numbers=line_numbers)
    assert {node.tagname for node in doctree.findall(nodes.Element)} >= {"code_links_block", "comment"}
    code = [text for kind, text in cells_of(blocks_of(doctree, blocks), URL) if kind == "code"]
    assert code == ["import torch\n\nx = torch.stack([])", "y = 2"]


def test_a_real_page_is_clean(gallery_page):
    labels = ".. _what-is-a-tensor:\n.. _reshape-and-view:\n\nLabels\n------\n\n.. py:function:: torch.stack(tensors)\n"
    doctree, blocks = gallery_page("stack", STACK.read_text(encoding="utf-8"), labels)
    cells = cells_of(blocks_of(doctree, blocks), "https://example.org/guide/stack.html")
    text = "\n\n".join(text for kind, text in cells if kind == "markdown")
    assert re.findall(r":\w+:`|^\.\. |_:$", text, re.MULTILINE) == []
    assert "[`torch.stack()`](https://example.org/index.html#torch.stack)" in text
    assert [code for kind, code in cells if kind == "code"] == [
        block.content.strip() for block in blocks if block.type == "code"
    ]
    nbformat.validate(notebook(cells, first_cell="%pip install ptguide"), version=4, version_minor=5)


def test_a_formula_of_a_real_page_is_one_in_markdown(gallery_page):
    page = STACK.with_name("matrix_transpose.py")
    doctree, blocks = gallery_page("matrix_transpose", page.read_text(encoding="utf-8"), "")
    cells = cells_of(blocks_of(doctree, blocks), URL)
    assert "$A^T$" in "\n".join(text for kind, text in cells if kind == "markdown")


def test_of_two_pictures_for_two_themes_a_notebook_shows_one(gallery_page):
    days = "".join(f"#\n# .. container:: only-{theme}\n#\n#    For {theme}.\n" for theme in ("light", "dark"))
    doctree, blocks = gallery_page("no_run", f'"""\nTitle\n=====\n"""\n\nx = 2\n\n# %%\n# Text.\n{days}')
    assert "For dark." in doctree.astext()
    cells = cells_of(blocks_of(doctree, blocks), URL)
    assert [text for _, text in cells] == ["# Title", "x = 2", "Text.\n\nFor light."]


def test_a_page_older_than_its_script_is_an_error(gallery_page):
    doctree, blocks = gallery_page("no_run", SCRIPT)
    with pytest.raises(ExtensionError, match=r"no_run\.rst has 6 blocks and its script has 5: the page is older"):
        blocks_of(doctree, blocks[:-1])
    changed = [block._replace(content=block.content.replace("x == 5", "x == 6")) for block in blocks]
    with pytest.raises(ExtensionError, match=r"no_run\.rst does not show this code[^\0]*assert x == 6"):
        blocks_of(doctree, changed)


def test_a_last_block_of_settings_is_no_cell(gallery_page):
    script = '"""\nTitle\n=====\n"""\n\nx = 2\n\n# %%\n# Text.\n\n# sphinx_gallery_thumbnail_number = 1\n'
    doctree, blocks = gallery_page("no_run", script, remove_config_comments=True)
    assert [text for _, text in cells_of(blocks_of(doctree, blocks), URL)] == ["# Title", "x = 2", "Text."]


def test_a_notebook_is_valid_and_the_same_each_time():
    cells = [("markdown", "# Title"), ("code", "x = 1\nx")]
    made = notebook(cells, first_cell="%pip install x")
    nbformat.validate(made, version=4, version_minor=5)
    assert made == notebook(cells, first_cell="%pip install x")
    assert [cell["id"] for cell in made["cells"]] == ["cell-1", "cell-2", "cell-3"]
    assert [cell["source"] for cell in made["cells"]] == [["%pip install x"], ["# Title"], ["x = 1\n", "x"]]
    assert all(cell["outputs"] == [] for cell in made["cells"] if cell["cell_type"] == "code")


def test_a_cell_of_another_kind_is_an_error():
    with pytest.raises(ValueError, match="Cell 2 is of kind 'text'; expected 'code' or 'markdown'"):
        notebook([("code", ""), ("text", "")])


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (r"An :math:`a*b_c` in text.", r"An $a*b_c$ in text."),
        (".. math::\n\n   x = y", "$$\nx = y\n$$"),
        (".. math::\n\n   a \\\\ b", "$$\n\\begin{aligned}\na \\\\ b\n\\end{aligned}\n$$"),
        (".. math::\n   :label: e\n\n   x\n\n:eq:`e`", f"$$\nx \\tag{{1}}\n$$\n\n[(1)]({URL}#equation-e)"),
        ("*em* **st** ``a`b`` :sub:`2`", "*em* **st** ``a`b`` <sub>2</sub>"),
        ("2 \\* 3, $5, x[0], __init__, a_b, a < b", r"2 \* 3, \$5, x\[0\], \_\_init\_\_, a_b, a < b"),
        ("<b> and &amp; and ~5", r"\<b> and \&amp; and \~5"),
        ("\\- no list\n\n1\\. none", "\\- no list\n\n1\\. none"),
        (":func:`torch.no` and :ref:`to <genindex>`!", f"`torch.no()` and [to]({URL[:-10]}genindex.html)!"),
        ("Wow!\\ `a <b.html>`__ `c <https://c.org/(d)>`__", "Wow\\![a](@b.html) [c](https://c.org/%28d%29)"),
        ("- a\n- b\n\n  1. c\n\n     d\n  2. e", "- a\n\n- b\n\n  1. c\n\n     d\n\n  2. e"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("term : kind\n   body", "- **term**, kind\n\n  body"),
        ("Text.\n\n:name: body", "Text.\n\n- **name:**\n\n  body"),
        ("Text.\n\n   B\n\n   C\n\n   -- D", "Text.\n\n> B\n>\n> C\n>\n> D"),
        ("A::\n\n   ```\n\n   b", "A:\n\n````\n```\n\nb\n````"),
        (".. code-block:: python\n   :caption: Cap\n\n   x", "Cap\n\n```python\nx\n```"),
        (">>> 1\n1", "```pycon\n>>> 1\n1\n```"),
        (".. note::\n\n   A\n\n   - b", "> **Note**\n>\n> A\n>\n> - b"),
        (".. seealso:: A", "> **See also**\n>\n> A"),
        (".. admonition:: Own *title*\n\n   A", "> **Own *title***\n>\n> A"),
        (".. topic:: T\n\n   A", "> **T**\n>\n> A"),
        (".. rubric:: R", "**R**"),
        (".. versionadded:: 1.2\n   A", "> Added in version 1.2: A"),
        ("| a\n|   b\n| c", "a<br>\n&emsp;b<br>\nc"),
        ("A [#n]_.\n\n.. [#n] B", "A \\[1\\].\n\n\\[1\\] B"),
        (".. raw:: html\n\n   <b>a</b>\n\n.. raw:: latex\n\n   b", "<b>a</b>"),
        ("A\n\n----\n\nB", "A\n\n---\n\nB"),
        (".. _label:\n\n.. a comment\n\n.. index:: word\n\nA", "A"),
        ("A\n-\n\nB\n~\n\nC", "## A\n\n### B\n\nC"),
    ],
)
def test_markdown_of(markdown, rest, expected):
    found = markdown(rest)
    assert found == expected.replace("@", URL.removesuffix("index.html"))


def test_table(markdown):
    rest = (
        ".. list-table:: Head\n   :header-rows: 1\n\n   * - a\n     - b\n   * - x | y\n     - ``p|q``\n"
        "   * - :math:`|x| + \\|y\\|`\n     - one\n\n       two\n   * - 7\n     -"
    )
    assert markdown(rest).splitlines() == [
        "**Head**",
        "",
        "| a | b |",
        "| --- | --- |",
        r"| x \| y | `p\|q` |",
        r"| $\vert x\vert  + \Vert y\Vert $ | one<br>two |",
        "| 7 |  |",
    ]


def test_table_without_a_head(markdown):
    assert markdown("= =\na b\nc d\n= =") == "|  |  |\n| --- | --- |\n| a | b |\n| c | d |"


def test_of_tabs_all_are_shown_each_below_its_label(tmp_path, build_tiny):
    text = "Title\n=====\n\n.. tab-set::\n\n   .. tab-item:: One\n\n      a\n\n   .. tab-item:: Two\n\n      b\n"
    app, _ = build_tiny(tmp_path, {"index.rst": text}, {"extensions": ["sphinx_design"]})
    doctree = app.env.get_and_resolve_doctree("index", app.builder, tags=app.tags)
    assert Writer(URL).write(doctree) == "# Title\n\n**One**\n\na\n\n**Two**\n\nb"


def test_a_local_image_is_embedded(markdown):
    drawing = '<svg xmlns="http://www.w3.org/2000/svg"/>'
    found = markdown(".. figure:: a.svg\n   :alt: What [it] shows\n\n   The caption.", **{"a.svg": drawing})
    data = base64.b64encode(drawing.encode()).decode()
    assert found == f"![What \\[it\\] shows](data:image/svg+xml;base64,{data})\n\nThe caption."


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (".. py:function:: f", r"index\.rst:4: a 'desc' node has no Markdown form"),
        ("=== ===\na   b\n=== ===\none\n-------\n=== ===", r"a 'entry' node spans several rows or columns"),
        (
            ".. list-table::\n   :header-rows: 2\n\n   * - a\n   * - b\n   * - c",
            r"index\.rst:\d+: a 'table' node has a head of several rows",
        ),
        (".. list-table::\n\n   * - - a\n       - b", r"index\.rst:6: a 'bullet_list' node stands in a table's cell"),
    ],
)
def test_what_has_no_markdown_form_is_an_error_with_its_place(markdown, rest, message):
    with pytest.raises(ExtensionError, match=message):
        markdown(rest)


def test_a_missing_image_is_an_error(tmp_path, build_tiny):
    app, _ = build_tiny(tmp_path, {"index.rst": "Title\n=====\n\n.. image:: no.png\n"}, {})
    doctree = app.env.get_and_resolve_doctree("index", app.builder, tags=app.tags)
    with pytest.raises(ExtensionError, match=r"index\.rst:4: a 'image' node needs the file .*no\.png"):
        Writer(URL).write(doctree)

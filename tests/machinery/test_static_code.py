"""Code that nothing ran stops the build, with file and line."""

import re

import pytest

STATIC = {
    "md_shell": ("docs/index.md", "\n```bash\nls\n```\n", "index.md", "console"),
    "md_pycon": ("docs/index.md", "\n```pycon\n>>> 1 + 1\n3\n```\n", "index.md", "python"),
    "md_py": ("docs/index.md", "\n```py\nx = 1\n```\n", "index.md", "python"),
    "md_bare": ("docs/index.md", "\n```\nimport torch\n```\n", "index.md", "python"),
    "md_bare_command": ("docs/index.md", "\n```\n$ pip install torch\n```\n", "index.md", "console"),
    "md_rst": ("docs/index.md", "\n```{eval-rst}\n.. code-block:: python\n\n   x = 1\n```\n", "index.md", "python"),
    "page_text": (
        "gallery/one/beta.py",
        "\n# %%\n# Static:\n#\n# .. code-block:: python\n#\n#    three = 4\n",
        r"gallery/one/beta\.py:23",
        "python",
    ),
    "page_literal": (
        "gallery/one/beta.py",
        "\n# %%\n# Static::\n#\n#    import torch\n",
        r"gallery/one/beta\.py",
        "python",
    ),
    "md_text": ("docs/index.md", "\n```text\nloss 0.25\n```\n", "index.md", "text"),
    "md_json": ("docs/index.md", '\n```json\n{"loss": 0.25}\n```\n', "index.md", "text"),
    "page_output": (
        "gallery/one/beta.py",
        "\n# %%\n# It prints\n#\n# .. code-block:: text\n#\n#    four\n",
        r"gallery/one/beta\.py:23",
        "text",
    ),
    "page_traceback": (
        "gallery/one/beta.py",
        "\n# %%\n# It says\n#\n# .. code-block:: pytb\n#\n#    ValueError: four\n",
        r"gallery/one/beta\.py:23",
        "text",
    ),
    "page_parsed": (
        "gallery/one/beta.py",
        "\n# %%\n# It prints\n#\n# .. parsed-literal::\n#\n#    **four**\n",
        r"gallery/one/beta\.py",
        "text",
    ),
    "page_indented": (
        "gallery/one/beta.py",
        "\n# %%\n# It prints::\n#\n#    four\n",
        r"gallery/one/beta\.py",
        "text",
    ),
    "page_part_of_a_line": (
        "gallery/one/beta.py",
        "\n# %%\n# It prints::\n#\n#    thr\n",
        r"gallery/one/beta\.py",
        "text",
    ),
    "page_as_an_output": (  # as the outputs of cells are marked
        "gallery/one/beta.py",
        "\n# %%\n# .. rst-class:: sphx-glr-script-out\n#\n#  .. code-block:: none\n#\n#     four\n",
        r"gallery/one/beta\.py",
        "text",
    ),
    "page_example": (  # its code ran, and gave three
        "gallery/one/beta.py",
        "\n# %%\n# >>> three\n# 4\n",
        r"gallery/one/beta\.py",
        "python",
    ),
    "docstring": (
        "src/minihelp/used.py",
        '\n\ndef half(x):\n    """Return half.\n\n    .. code-block:: python\n\n       half(3)\n    """\n',
        r"used\.py",
        "python",
    ),
}


@pytest.mark.parametrize("name", STATIC)
def test_static_block_stops_the_build(minisite, name):
    file, text, where, kind = STATIC[name]
    path = minisite.root / file
    path.write_text(path.read_text() + text)
    for _ in range(2):  # also in a second build, which finds the page on disk
        printed = minisite.build("-Dpages_update_outputs=1", ok=False)
        assert re.search(rf"{where}(:.*)?: WARNING: this {kind} block is static", printed), printed
    if where == "index.md":
        assert re.search(r"index\.md:\d+: WARNING", printed)


TYPED = {
    "raw": (".. raw:: html\n#\n#    <b>4</b>", "the directive raw puts into the text what no cell gave"),
    "role": (".. role:: html(raw)\n#    :format: html", "the directive role puts into the text"),
    "include": (".. literalinclude:: conf.py", "the directive literalinclude puts"),
    "image": (".. image:: /typed.png\n#    :alt: four", "no cell of this page made the picture typed.png"),
    "figure": (
        ".. figure:: /typed.png\n#    :alt: four\n#\n#    Four.",
        "no cell of this page made the picture typed.png",
    ),
}


@pytest.mark.parametrize("name", TYPED)
def test_typed_picture_or_html_stops_the_build(minisite, name):
    text, message = TYPED[name]
    (minisite.root / "docs/typed.png").write_bytes(b"")
    path = minisite.root / "gallery/one/beta.py"
    path.write_text(f"{path.read_text()}\n# %%\n# Typed:\n#\n# {text}\n")
    printed = minisite.build(ok=False)
    place = "beta.py:23" if name in ("raw", "role", "include") else "beta.py"
    assert re.search(rf"gallery/one/{re.escape(place)}(:.*)?: WARNING: {message}", printed), printed


def test_picture_that_the_project_takes_is_named_in_the_settings(minisite):
    (minisite.root / "docs/typed.png").write_bytes(b"")
    path = minisite.root / "gallery/one/beta.py"
    path.write_text(f"{path.read_text()}\n# %%\n# Typed:\n#\n# .. image:: /typed.png\n#    :alt: four\n")
    minisite.edit("docs/conf.py", "pages_time_limit = 900", 'pages_time_limit = 900\npages_pictures = ["typed.png"]')
    minisite.build()


def test_text_may_quote_what_a_cell_printed(minisite):
    code = "import traceback\n\ntry:\n    int('four')\nexcept ValueError:\n    print('It failed:\\n')\n"
    quoted = "# .. code-block:: pytb\n#\n#    ValueError: invalid literal for int() with base 10: 'four'\n"
    code += f"    traceback.print_exc(limit=0)\nassert 1 + 1 == 2\n\n# %%\n# It says\n#\n{quoted}"
    minisite.page("quotes", f"{code}#\n# and\n#\n# >>> 'th' + 'ree'\n# 'three'\n\n'th' + 'ree'\n")
    minisite.build("-Dpages_update_outputs=1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n```python\nassert 1 + 1 == 3\n```\n", r"index\.md:13: AssertionError"),
        ("\n```python\n>>> 1 + 1\n3\n```\n", r"(?s)index\.md.*Expected:\s+3\s+Got:\s+2"),
        ("\n```console\n$ echo two\nthree\n```\n", r"(?s)expected\s+three\s+got\s+two"),
        ("\n```console\n$ false\n```\n", "exit status 1"),
    ],
)
def test_snippet_that_is_wrong_stops_the_build(minisite, text, message):
    path = minisite.root / "docs/index.md"
    path.write_text(path.read_text() + text)
    printed = minisite.build(ok=False)
    assert re.search(message, printed), printed


def test_docstring_that_is_wrong_stops_the_build(minisite):
    minisite.edit("src/minihelp/used.py", "    6\n", "    7\n")
    printed = minisite.build(ok=False)
    assert re.search(r"used\.py(.|\n)*Expected:\s+7\s+Got:\s+6", printed), printed


def test_snippets_that_run_pass(minisite):
    path = minisite.root / "docs/index.md"
    path.write_text(path.read_text() + "\n```python\n>>> 1 + 1\n2\n```\n\n```console\n$ echo two three\ntwo ...\n```\n")
    assert "snippets: 3 of index ran" in minisite.build()


def test_console_block_that_cannot_run_says_why_on_the_page(minisite):
    path = minisite.root / "docs/index.md"
    path.write_text(path.read_text() + "\n```{not-run} console\n:reason: it needs a GPU.\n\n$ nvidia-smi\n```\n")
    minisite.build()
    assert "Not run while this site is built: it needs a GPU." in minisite.html("index.html")


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("```{not-run} console\n\n$ nvidia-smi\n```", "needs a :reason:"),
        ("```{not-run} console\n:reason: it needs a GPU.\n\n$ ls\n```", "nothing in the commands has to do with one"),
        ("```{not-run} console\n:reason: it is long.\n\n$ ls\n```", "expected one that names a GPU or fetch or"),
        ("```{not-run} python\n:reason: it is long.\n\nx = 1\n```", "'python' must run"),
    ],
)
def test_exception_needs_a_reason_and_is_not_for_python(minisite, block, message):
    path = minisite.root / "docs/index.md"
    path.write_text(f"{path.read_text()}\n{block}\n")
    assert message in minisite.build(ok=False)

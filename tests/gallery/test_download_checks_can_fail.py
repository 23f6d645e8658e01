"""Each check of the downloads complains about what it is for."""

import download_checks
import pytest

HEADER = """# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "torch>=2.11",
#     "ptguide @ https://x.org/site/download/wheels/ptguide-0.1.0%2Bc1-py3-none-any.whl",
# ]
# ///
"""


def cell(text: str, code: str = "print(x)", *, measured=False, pictures: tuple[str, ...] = (), html=False) -> dict:
    return {"text": text, "code": code, "measured": measured, "pictures": list(pictures), "html": html, "line": 1}


def made(*outputs: dict) -> dict:
    return {"outputs": list(outputs)}


def stream(text: str) -> dict:
    return {"output_type": "stream", "name": "stdout", "text": text}


def value(**data: str) -> dict:
    return {"output_type": "execute_result", "data": {name.replace("_", "/"): text for name, text in data.items()}}


def test_metadata():
    found = download_checks.metadata(HEADER + "import torch\n")
    assert found["requires-python"] == ">=3.11"
    requirement = download_checks.helper_requirement(HEADER)
    assert requirement.endswith("ptguide-0.1.0%2Bc1-py3-none-any.whl")
    assert download_checks.base_of(requirement) == "https://x.org/site/"
    for broken in ("", f"{HEADER}\n{HEADER}", HEADER.replace("# ///\n", "")):
        with pytest.raises(AssertionError, match="expected one block"):
            download_checks.metadata(broken)


def test_undeclared():
    assert download_checks.undeclared(HEADER + "import os, torch.nn\nfrom ptguide.pictures import draw") == []
    (complaint,) = download_checks.undeclared(HEADER + "def f():\n    from sklearn.datasets import load_digits")
    assert complaint.startswith("scikit-learn is imported")
    (complaint,) = download_checks.undeclared(HEADER + "from ptguide.data import digits")
    assert complaint == "ptguide.data is imported, and ptguide asked for with no extra"
    extra = HEADER.replace("ptguide @", "ptguide[data,training] @")
    assert download_checks.undeclared(extra + "from ptguide.data import digits") == []


def test_needed():
    assert download_checks.needed(["torch>=2.11"]) >= {"torch", "sympy", "mpmath"}
    assert not download_checks.needed(["torch"]) & {"numpy", "ptguide", "tqdm", "matplotlib"}
    helper = "@ https://x.org/site/download/wheels/ptguide-0.1.0%2Bc1-py3-none-any.whl"
    assert "tqdm" in download_checks.needed([f"ptguide {helper}"])
    assert not download_checks.needed([f"ptguide {helper}"]) & {"numpy", "scikit-learn"}
    assert download_checks.needed([f"ptguide[data,training] {helper}"]) >= {"numpy", "scikit-learn", "tensorboard"}
    assert download_checks.needed(["is-nowhere"]) == {"is-nowhere"}


def test_unknown():
    assert download_checks.unknown(["torch>=2.11", "scikit-learn", "ptguide[data] @ https://x.org/p.whl"]) == []
    (complaint,) = download_checks.unknown(["torch", "is-nowhere>=1"])
    assert complaint.startswith("is-nowhere is asked for")


def test_missing():
    missing = download_checks.missing(["torch>=2.11", "scikit-learn"])
    assert missing >= {"matplotlib", "tensorboard", "pytest", "IPython"}
    assert not missing & {"torch", "sympy", "sklearn", "numpy", "scipy"}


@pytest.mark.parametrize("code", ["x.numpy()", "torch.from_numpy(a)", "f(y.T.cpu().numpy().sum())"])
def test_converts_to_numpy(code):
    assert download_checks.converts_to_numpy(f"import torch\n{code}")
    assert not download_checks.converts_to_numpy(f"import torch\nnumpy = 1  # {code}\nprint('{code}', numpy)")


def test_held_as_on_the_page():
    cells = [cell("", "import a  # why\n\n# sphinx_gallery_thumbnail_number = 2\nx = 1"), cell("", "x")]
    script = HEADER + '"""Title."""\n\n# %%\nimport a  # why\n\n# sphinx_gallery_thumbnail_number = 2\nx = 1\n# %%\nx\n'
    assert download_checks.held_otherwise(script, cells, ["import a  # why\n\nx = 1", "x"]) == []


@pytest.mark.parametrize(
    ("script", "notebook", "complaint"),
    [
        ("x = 1\nx", ["x = 1"], "the notebook has 1 cells of code; the page has 2"),
        ("x = 1\nx", ["x = 2", "x"], "cell 1: the page runs\nx = 1\nthe notebook has\nx = 2"),
        ("x = 1\nx", ["x = 1  # one", "x"], "cell 1: the page runs"),
        ("x = 1\nx", ["x", "x = 1"], "cell 1: the page runs"),
        ("x = 1\ny = 2\nx", ["x = 1", "x"], "the cells of the notebook, one after the other, are not the script"),
    ],
)
def test_held_otherwise(script, notebook, complaint):
    cells = [cell("", "x = 1"), cell("", "x")]
    found = download_checks.held_otherwise(f'"""Title."""\n{script}', cells, notebook)
    assert found[0].startswith(complaint)


@pytest.mark.parametrize(
    ("cells", "output"),
    [
        ([cell("a\n\nb"), cell("c")], "a\nb\n\nc\n"),
        ([cell("loss 0.1234")], "loss 0.1235"),
        ([cell("a\n5", "print('a')\nx")], "a\n"),
        ([cell("", "x"), cell("took 3 s", measured=True), cell("b")], "took 4 days\nand 3 hours\nb"),
        ([cell("1", measured=True)], ""),
    ],
)
def test_printed_as_on_the_page(cells, output):
    assert download_checks.printed_otherwise(cells, output) == []


@pytest.mark.parametrize(
    ("cells", "output", "complaint"),
    [
        ([cell("a"), cell("b")], "a\nc", "cell 2"),
        ([cell("a"), cell("b")], "b\na", "cell 1"),
        ([cell("a"), cell("b")], "a", "cell 2"),
        ([cell("a\nb")], "a", "cell 1"),
        ([cell("a")], "a\nmore", "prints more"),
        ([cell("a\n5", "print('a')\nx")], "other", "prints more"),
        ([cell("0.50")], "0.70", "cell 1"),
        ([cell("1", measured=True), cell("b")], "2\n3", "cell 2"),
    ],
)
def test_printed_otherwise(cells, output, complaint):
    (found,) = download_checks.printed_otherwise(cells, output)
    assert complaint in found


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        (cell("a\n(3, 4)"), made(stream("a\n"), value(text_plain="(3, 4)"))),
        (cell("", pictures=["p"]), made(value(text_plain="Picture", text_html="<svg>"))),
        (cell("", html=True), made(value(text_plain="Question", text_html="<div>"))),
        (cell("3 s", measured=True), made(stream("4 s"))),
        (cell("") | {"code": "with explain():\n    f()"}, made(value(text_plain="Picture", text_html="<svg>"))),
    ],
)
def test_shown_as_on_the_page(wanted, got):
    assert download_checks.shown_otherwise([wanted], [got]) == []


@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        (cell("a"), made(stream("b"))),
        (cell("a"), made()),
        (cell(""), made({**stream("a warning"), "name": "stderr"})),
        (cell("", pictures=["p"]), made()),
        (cell("", html=True), made()),
        (cell("", pictures=["p"]) | {"code": "with explain():\n    f()"}, made()),
        (cell(""), made(value(text_plain="Question", text_html="<div>"))),
        (cell("(3, 4)"), made(value(text_plain="(3, 5)"))),
    ],
)
def test_shown_otherwise(wanted, got):
    assert len(download_checks.shown_otherwise([wanted], [got])) == 1
    assert len(download_checks.shown_otherwise([wanted, wanted], [got])) == 1


def test_a_traceback_of_a_notebook_names_its_cell_and_no_other_file():
    page, other = 'File "stack.py", line 3, in f', 'File "_cells.py", line 3, in f'
    in_cell = 'File "<ipython-input-2-77278b2fe585>", line 3, in f'
    assert download_checks.shown_otherwise([cell(page)], [made(stream(in_cell))]) == []
    for shown in (other, in_cell.replace("3", "4"), in_cell.replace("in f", "in g")):
        assert len(download_checks.shown_otherwise([cell(page)], [made(stream(shown))])) == 1, shown


def test_leftovers():
    good = "See [`torch.cat()`](https://x.org), `:func:`, `x[::2]`, 12:30: $a$\n\n```python\nx = a[::2]\n.. note::\n```"
    assert download_checks.leftovers(good) == []
    for bad in (":func:`torch.cat`", ":py:meth:`x`", ".. note::\n\n   x", ".. _stack:", "as follows::\n\n    x"):
        assert download_checks.leftovers(bad), bad

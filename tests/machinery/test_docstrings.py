"""What a public docstring says is backed by its examples or by the code of its module, and its promises are limited."""

import textwrap

import pytest

from pipeline.text.docstrings import problems

MODULE = '''\
"""Numbers: {module}."""

LARGEST = 4096


def f(x):
    """Return half of {summary}.

    Parameters
    ----------
    x : Tensor, shape (3, 4)
        It must be positive, whatever its shape. Any of 12.

    Notes
    -----
    {notes}

    Source: Somebody (2017), Annals 99, section 7.7.

    References
    ----------
    .. [1] A book of 888 pages.

    Examples
    --------
    >>> f([5.5])
    (3, 4) 77, 12
    {example}
    """
    {code}  # 321
    return x / 2.25


def _hidden():
    """Say 1001 always."""
'''
PLAIN = {"module": "few", "summary": "it", "notes": "None.", "example": "", "code": "pass"}
RIGHT = [
    {"summary": "4096, 5.5, 77 and 2.25 (equation 6 of [1]_)"},
    {"notes": "As ``f([5.5])`` does; not all are."},
    {"notes": "Here it never fails.", "module": "77"},
    {"notes": "It always halves.", "example": ">>> for x in (1, 2):\n    ...     assert f(x) < x"},
    {"notes": 'As "all" says, or `None`.'},
    {"notes": "There are 1234.", "code": "pass  # not looked up: 1234 — counted by hand\n   "},
    {"notes": "It never fails.", "code": "pass  # not tried: It never fails — a test tries the zoo\n   "},
]
WRONG = {
    "the docstring says 1234, and neither": {"notes": "There are 1234."},
    "the docstring says 321, and neither": {"notes": "There are 321."},
    "the docstring says 1,001, and neither": {"module": "1,001"},
    "the docstring says (4, 3), and neither": {"summary": "(4, 3)"},
    "the docstring says f([5.6]), and neither": {"notes": "As ``f([5.6])`` does."},
    "the docstring says int8, and neither": {"summary": "an int8"},
    "'never' says something of all cases in a docstring: 'It never fails.'": {"notes": "It never fails."},
    "'always' says something of all cases in a docstring": {"summary": "what always holds"},
    "nothing in the docstring needs the exception '77'": {"code": "pass  # not looked up: 77 — counted\n   "},
}


def found_in(folder, changed, name="numbers.py"):
    (folder / "__init__.py").write_text('__all__ = ["f"]\n', encoding="utf-8")
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(textwrap.dedent(MODULE).format(**PLAIN | changed), encoding="utf-8")
    return list(problems(folder))


@pytest.mark.parametrize("changed", RIGHT)
def test_what_is_backed_passes(tmp_path, changed):
    assert not found_in(tmp_path, changed)


@pytest.mark.parametrize("said", WRONG)
def test_what_nothing_backs_is_named_with_its_line(tmp_path, said):
    ((file, line, why),) = found_in(tmp_path, WRONG[said])
    assert why.startswith(said)
    words = next(iter(WRONG[said].values())).splitlines()[0]
    lines = file.read_text(encoding="utf-8").splitlines()
    assert words in lines[line - 1]


def test_of_a_private_module_what_is_exported_is_public(tmp_path):
    wrong = {"module": "1001", "summary": "1002"}
    assert [why.split()[3] for _, _, why in found_in(tmp_path, wrong, "_numbers.py")] == ["1002,"]


def test_the_build_names_it(minisite):
    minisite.edit("docs/conf.py", '"page"', '"page", "text"')
    path = minisite.root / "src/minihelp/used.py"
    path.write_text(path.read_text() + '\n\ndef half(x):\n    """Return 1234 of it."""\n')
    printed = minisite.build("-Dpages_update_outputs=1", ok=False)
    assert "used.py:" in printed
    assert "WARNING: the docstring says 1234, and neither its examples nor its code say so" in printed

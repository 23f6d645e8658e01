"""What a script uses of a package is there in an interpreter that has imported only what the script imports."""

import import_checks
import pytest

INIT = """
import importlib

import parcel.loaded


class Box:
    size = 1


def __getattr__(name):
    if name == "lazy":
        return importlib.import_module("parcel.lazy")
    raise AttributeError(name)
"""
PACKAGE = {
    "__init__.py": INIT,
    "loaded.py": "x = 1\n",
    "apart.py": "x = 1\n",
    "lazy.py": "import parcel.apart, parcel.deep.inside\n",
    "deep/__init__.py": "",
    "deep/inside.py": "x = 1\n",
}


@pytest.fixture(scope="module", autouse=True)
def parcel(tmp_path_factory):
    """Make a package that loads one of its modules, and a second one when it is asked for."""
    root = tmp_path_factory.mktemp("packages")
    for name, text in PACKAGE.items():
        file = root / "parcel" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(root))
        yield


def complaints(script: str) -> list[str]:
    return import_checks.not_imported(script, import_checks.to_import(import_checks.dotted_names(script)))


@pytest.mark.parametrize(
    "script",
    [
        "import parcel\nparcel.loaded.x, parcel.Box.size.real",
        "import parcel\nparcel.lazy.parcel",
        "import parcel.apart\nparcel.apart.x",
        "from parcel import apart\napart.x",
        "import parcel\nimport parcel.deep.inside as inside\nparcel.deep.inside.x, inside.x",
        "import parcel\ntry:\n    parcel.nothing.x\nexcept AttributeError:\n    pass",
        "import nowhere\nnowhere.x.y",
        "def f(parcel):\n    return parcel.apart",
        "import os\nos.path.join('a')",
    ],
)
def test_imported(script):
    assert complaints(script) == []


@pytest.mark.parametrize(
    ("script", "module"),
    [
        ("import parcel\nparcel.apart.x", "parcel.apart"),
        ("import parcel\nparcel.lazy, parcel.apart.x", "parcel.apart"),  # what the lazy one loads does not count
        ("import parcel as p\nprint(p.apart.x)", "parcel.apart"),
        ("from parcel import deep\ndeep.inside.x", "parcel.deep.inside"),
        ("import parcel.deep\nparcel.deep.inside.x", "parcel.deep.inside"),
        ("import xml\nxml.dom.minidom.parse('a')", "xml.dom"),
    ],
)
def test_not_imported(script, module):
    found = complaints(script)
    assert found[0].endswith(f" is used, and {module} is not imported")

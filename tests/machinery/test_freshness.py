"""A page runs again when something that it depends on has changed, and only then."""

import json
import re
import sys
from importlib.metadata import version
from unittest.mock import Mock

import pytest

from pipeline import recorder
from pipeline.gallery import sources
from pipeline.gallery.pages import SETTINGS, Pages
from pipeline.stale import keys


def test_nothing_changed_nothing_runs(minisite):
    printed = minisite.build()
    assert "all 2 are fresh" in printed
    assert minisite.ran(printed) == set()


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("gallery/one/beta.py", "Three.", "Only three.", {"one/beta"}),
        ("src/minihelp/used.py", "Return twice x.", "Return x two times.", {"one/alpha"}),
        ("src/minihelp/deeper.py", "Return the product.", "Return x times y.", {"one/alpha"}),
        ("src/minihelp/__init__.py", "Helpers", "The helpers", {"one/alpha"}),
        ("src/minihelp/unused.py", "no page", "none", set()),
        ("requirements.lock", "first", "second", {"one/alpha", "one/beta"}),
        ("docs/checks.md", "# Checks", "# All checks", set()),
        ("docs/conf.py", "pages_time_limit = 900", "pages_time_limit = 901", set()),
        ("docs/conf.py", '"examples_dirs"', '"image_srcset": ["2x"], "examples_dirs"', {"one/alpha", "one/beta"}),
        ("docs/conf.py", "pages_t", "pages_ignored_warnings = ['ignore:x']\npages_t", {"one/alpha", "one/beta"}),
    ],
)
def test_exactly_the_dependent_pages_run_again(minisite, file, old, new, expected):
    minisite.build()  # settles the copy
    minisite.edit(file, old, new)
    assert minisite.ran(minisite.build()) == expected


def test_helper_in_the_text_of_a_script_that_a_page_runs_counts(minisite):
    script = "'from minihelp.unused import __doc__ as text\\nprint(text)'"
    run = f"import subprocess\nimport sys\n\ndone = subprocess.run([sys.executable, '-c', {script}], text=True)\n"
    minisite.page("starts", run + "assert done.returncode == 0")
    minisite.build("-Dpages_update_outputs=1", PYTHONPATH=str(minisite.root / "src"))
    minisite.edit("src/minihelp/unused.py", "no page", "one page")
    assert minisite.ran(minisite.build("-Dpages_update_outputs=1", PYTHONPATH=str(minisite.root / "src"))) == {
        "one/starts"
    }


@pytest.mark.parametrize("end", [".rst", ".py"])
def test_what_was_made_of_a_page_and_edited_is_made_again(minisite, end):
    minisite.build()
    made = minisite.root / f"docs/guide/one/beta{end}"
    whole = made.read_text()
    made.write_text(whole.replace("three", "four"))
    assert minisite.ran(minisite.build()) == {"one/beta"}
    assert made.read_text() == whole


def test_what_was_edited_in_the_built_site_is_made_anew(minisite):
    minisite.edit("docs/conf.py", '"tidying")', '"tidying", "formulas", "downloads")')
    minisite.build()
    site = minisite.root / "docs/_build/html"
    edited = [
        "guide/one/beta.html",
        "guide/one/beta.md",
        "checks.html",
        "download/one/beta.py",
        "download/one/alpha.ipynb",
        "download/one.zip",
    ]
    whole = [(site / name).read_bytes() for name in edited]
    for name in edited:
        (site / name).write_bytes(b"edited")
    printed = minisite.build()
    assert minisite.ran(printed) == set()
    [said] = re.findall("made anew, for it was changed after it was written: (.*)", printed)
    assert set(said.split(", ")) == set(edited)
    assert [(site / name).read_bytes() for name in edited] == whole
    assert "made anew" not in minisite.build()


def test_version_of_a_package_that_a_page_or_its_helper_imports_counts(minisite, monkeypatch):
    monkeypatch.setenv("PTGUIDE_ROOT", "/")
    monkeypatch.setattr(sys, "path", [*sys.path])  # the settings change it
    known = keys.Keys(recorder.pages_of(minisite.root / "docs"), Mock(measurements=""))
    file = minisite.root / "src/minihelp/deeper.py"
    file.write_text(f"{file.read_text()}\n\nimport sklearn.datasets\n")
    before = {page: known.key(page) for page in ("one/alpha", "one/beta")}
    monkeypatch.setattr(keys, "installed_version", lambda module: f"another {module}")
    assert known.key("one/alpha") != before["one/alpha"]
    assert known.key("one/beta") == before["one/beta"]


@pytest.mark.parametrize(
    ("module", "package"), [("sklearn", "scikit-learn"), ("torch", "torch"), ("google", None), ("no_such_module", "")]
)
def test_version_is_that_of_the_package_with_the_module(module, package):
    if package:
        assert keys.installed_version(module) == version(package)
    elif package is None:  # one folder of several packages
        assert all(part.count(" ") == 1 for part in filter(None, keys.installed_version(module).split(", ")))
    else:
        assert keys.installed_version(module) == ""


def test_another_device_runs_all(minisite):
    minisite.build()
    assert minisite.ran(minisite.build(PTGUIDE_DEVICE="cpu")) == {"one/alpha", "one/beta"}


def test_helper_s_new_result_reaches_the_page(minisite):
    minisite.edit("src/minihelp/deeper.py", "x * y", "x * y + 0.5")
    minisite.edit("src/minihelp/used.py", "    6\n", "    6.5\n")
    printed = minisite.build(ok=False)
    assert "alpha.py:15" in printed
    assert "four is 4.5" in printed


def test_lost_output_is_made_again(minisite):
    minisite.build()
    (minisite.root / "docs/guide/one/beta.rst").unlink()
    assert minisite.ran(minisite.build()) == {"one/beta"}


def test_page_that_is_gone_leaves_nothing(minisite):
    minisite.edit("docs/conf.py", '"alpha", "beta"', '"alpha"')
    for name in ("gallery/one/beta.py", "docs/outputs/cpu/one/beta.txt"):
        (minisite.root / name).unlink()
    minisite.build()
    assert not list((minisite.root / "docs/guide/one").glob("beta.*"))
    site = minisite.root / "docs/_build/html"
    assert not (site / "guide/one/beta.html").exists()
    assert (site / "guide/one/alpha.html").exists()
    assert (site / "search-index.js").exists()


@pytest.mark.parametrize("name", ["python", "torch", "torchvision"])
def test_versions_are_in_the_key(name, tmp_path):
    lock = tmp_path / "lock"
    lock.write_text("a==1")
    now = keys.surroundings(lock)
    assert now[name]
    page = tmp_path / "page.py"
    page.write_text("assert True")
    assert sources.digest([page], now) != sources.digest([page], {**now, name: "0.0"})
    assert sources.digest([page], now) == sources.digest([page], keys.surroundings(lock))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import math", set()),
        ("import help.a", {"__init__", "a"}),
        ("from help import a", {"__init__", "a"}),
        ("from help.a import thing", {"__init__", "a"}),
        ("def f():\n    from help import b", {"__init__", "b", "a"}),
        ("from help.sub.c import x", {"__init__", "sub/__init__", "sub/c", "a"}),
        ("from help import VERSION", {"__init__"}),
        ("run('from help.a import x')", {"__init__", "a"}),
        ('text = """\n    import math, help.a as one\n"""', {"__init__", "a"}),
        ("run(['python', '-m', 'help.a'])", {"__init__", "a"}),
        ("print('help yourself')", set()),
    ],
)
def test_imports_are_followed(code, expected, tmp_path):
    package = tmp_path / "help"
    files = {"__init__": "", "a": "", "b": "from .a import y", "sub/__init__": "", "sub/c": "from .. import a"}
    for name, text in files.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / f"{name}.py").write_text(text)
    page = tmp_path / "page.py"
    page.write_text(code)
    found = sources.imported_modules(page, package)
    assert found == {package / f"{name}.py" for name in expected}


def test_data_beside_a_package_counts(tmp_path):
    package = tmp_path / "help"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "style.css").write_text("a {}")
    (package / "py.typed").write_text("")
    page = tmp_path / "page.py"
    page.write_text("import help")
    assert sources.imported_modules(page, package) == {package / "__init__.py", package / "style.css"}
    page.write_text("import math")
    assert sources.imported_modules(page, package) == set()


def test_new_title_reaches_every_page_that_shows_it(minisite):
    minisite.build()
    minisite.edit("gallery/one/beta.py", "Beta?\n=====", "Gamma?\n======")
    assert minisite.ran(minisite.build()) == {"one/beta"}
    for page in ("guide/one/alpha.html", "guide/one/index.html"):
        shown = minisite.html(page)
        assert "Gamma?" in shown
        assert "Beta?" not in shown


def test_record_is_read_once_and_anew_when_it_was_written_anew(tmp_path):
    settings = {"sphinx_gallery_conf": {"examples_dirs": "../gallery", "gallery_dirs": "guide"}, "gallery_order": {}}
    pages = Pages(tmp_path, {name: default for name, (default, _) in SETTINGS.items()} | settings)
    assert pages.record("one/alpha") == {}
    for number in (1, 2):
        new = tmp_path / "new"
        new.write_text(json.dumps({"number": number}))
        pages.record_file("one/alpha").parent.mkdir(parents=True, exist_ok=True)
        new.replace(pages.record_file("one/alpha"))
        assert pages.record("one/alpha") == {"number": number}
        assert pages.record("one/alpha") is pages.record("one/alpha")


def test_what_runs_a_page_is_its_process_and_what_that_imports():
    names = {file.relative_to(keys.HOME).as_posix() for file in keys.MACHINERY}
    assert {"running/child.py", "running/script.py", "running/claims.py", "gallery/adapter.py"} <= names
    assert {"running/runner.py", "running/job.py", "running/forks.py", "gallery/published.py"} <= names
    assert not names & {"running/build.py", "running/snippets.py", "page/static_code.py", "skeleton.txt"}

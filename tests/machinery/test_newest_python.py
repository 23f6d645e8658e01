"""Continuous integration finds the newest Python at hand, also where pyenv hides it."""

import os
import runpy
from pathlib import Path

import pytest

SEARCH = runpy.run_path(str(Path(__file__).parents[2] / ".ci" / "newest_python.py"))
VERSIONS = ["3.14", "3.13", "3.12"]


@pytest.fixture
def program(tmp_path):
    """Write a program that ends with a code; return its path."""

    def write(name, code=0):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"#!/bin/sh\nexit {code}\n")
        file.chmod(0o755)
        return file

    return write


def newest(*folders):
    return SEARCH["newest"](VERSIONS, os.pathsep.join(map(str, folders)))


def test_the_newest_is_found_in_whichever_folder_it_is(program):
    older, newer = program("one/python3.12"), program("two/python3.13")
    assert newest(older.parent, newer.parent) == newer


def test_a_shim_that_refuses_does_not_hide_the_version_beside_it(program):
    shim = program("pyenv/shims/python3.13", code=127)
    behind = program("pyenv/versions/3.13.0/bin/python3.13")
    older = program("bin/python3.12")
    assert newest(shim.parent, older.parent) == behind


def test_what_does_not_start_is_passed_over(program):
    broken, works = program("one/python3.14", code=1), program("two/python3.12")
    forbidden = program("one/python3.13")
    forbidden.chmod(0o644)
    assert newest(broken.parent, works.parent) == works


def test_nothing_is_found_where_there_is_none(tmp_path):
    assert newest(tmp_path, "") is None


def test_versions_are_those_of_the_classifiers_ordered_as_numbers():
    lines = [f'"Programming Language :: Python :: {one}",' for one in ("3", "3.9", "3.10", "3.8")]
    assert SEARCH["tested"]("\n".join(lines)) == ["3.10", "3.9", "3.8"]

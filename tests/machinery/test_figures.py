"""A figure of lines and bars is marked for the dark theme; one with something painted keeps its colors."""

import pytest
from docutils.utils import new_document
from sphinx_gallery.directives import imgsgnode

from pipeline.page import figures

LINES = [
    "axes 'It rises': x 'step' ⟨0 9⟩",
    "  line (#1f77b4): x ⟨0 1⟩; y ⟨0 1⟩",
    "  3 boxes (#ff7f0e)",
    "  legend : a, b",
]


def record(*drawn):
    return {"cells": [{"drawn": [], "pictures": ["a tensor"]}, {"drawn": [*LINES, *drawn], "pictures": ["It rises"]}]}


def test_figure_of_lines_is_marked():
    doctree = new_document("page")
    for alt in ("It rises", "A photo"):
        doctree += imgsgnode(alt=alt, **{"class": ["sphx-glr-single-img"]})
    figures.mark(doctree, figures.of_lines(record()))
    assert [figure["class"] for figure in doctree] == [["sphx-glr-single-img ptg-lines"], ["sphx-glr-single-img"]]


@pytest.mark.parametrize("painted", ["image 8 x 8 gray: ⟨0 1⟩", "QuadMesh: ⟨0 1⟩", "QuadContourSet: ⟨0 1⟩"])
def test_figure_with_something_painted_is_not_marked(painted):
    assert figures.of_lines(record(f"  {painted}")) == set()


def test_page_that_has_not_run_has_no_figures():
    assert figures.of_lines({}) == set()

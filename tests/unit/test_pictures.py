"""A picture holds every element, in its place and in its color, and says in words what it shows."""

import xml.etree.ElementTree as ET

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ptguide.pictures import SHOWN, draw

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture, kind):
    tree = ET.fromstring(picture.svg)
    return [element.text for element in tree.iter(f"{SVG}text") if element.get("class") == f"ptg-{kind}"]


@settings(deadline=None, derandomize=True, max_examples=50)
@given(shape=st.lists(st.integers(1, 6), min_size=0, max_size=3))
def test_every_element_stands_in_row_major_order(shape):
    tensor = torch.arange(torch.Size(shape).numel()).reshape(shape)
    assert texts(draw(tensor), "value") == [str(value) for value in tensor.flatten().tolist()]


def test_elements_of_one_row_share_their_height_and_those_of_a_column_their_place():
    tree = ET.fromstring(draw(torch.arange(6).reshape(2, 3)).svg)
    cells = [(float(r.get("x")), float(r.get("y"))) for r in tree.iter(f"{SVG}rect") if r.get("x")]
    rows, columns = {y for _, y in cells}, {x for x, _ in cells}
    assert (len(cells), len(rows), len(columns)) == (6, 2, 3)
    assert cells == sorted(cells, key=lambda cell: (cell[1], cell[0]))


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        (torch.tensor(3), ["3"]),
        (torch.tensor([True, False]), ["True", "False"]),
        (torch.tensor([0.5, 1 / 3, -0.0, 1e-9]), ["0.5", "0.3333", "0", "1e-09"]),
        (torch.tensor([float("nan"), float("inf")]), ["nan", "inf"]),
        (torch.tensor([1 + 2j]), ["(1+2j)"]),
        (torch.tensor([1.5], dtype=torch.bfloat16), ["1.5"]),
        (torch.tensor([2.5], requires_grad=True), ["2.5"]),
    ],
)
def test_values_are_shown_as_numbers_are_read(tensor, expected):
    assert texts(draw(tensor), "value") == expected


def test_long_axis_is_shortened_in_its_middle():
    assert len(texts(draw(torch.arange(SHOWN)), "value")) == SHOWN
    picture = draw(torch.arange(SHOWN + 1))
    assert texts(picture, "value") == ["0", "1", "2", "3", "4", "5", "…", "9", "10"]
    assert texts(picture, "index") == ["0", "1", "2", "3", "4", "5", "…", "9", "10"]
    assert "[0]" in texts(draw(torch.zeros(12, 1, 1)), "index")
    assert "⋮" in texts(draw(torch.zeros(12, 1, 1)), "index")


def test_colors_follow_the_elements():
    colors = torch.tensor([[0, 1, 2], [3, 0, 1]])
    tree = ET.fromstring(draw(torch.zeros(2, 3), colors=colors).svg)
    classes = [rect.get("class")[-1] for rect in tree.iter(f"{SVG}rect") if rect.get("x")]
    assert classes == ["0", "1", "2", "3", "0", "1"]


def test_each_tensor_has_its_own_color_unless_told():
    tree = ET.fromstring(draw([torch.zeros(1)] * 5).svg)
    classes = [rect.get("class")[-1] for rect in tree.iter(f"{SVG}rect") if rect.get("x")]
    assert classes == ["0", "1", "2", "3", "0"]


def test_names_cannot_break_the_markup():
    picture = draw(torch.tensor(1), '<b> & "q"')
    assert texts(picture, "name") == ['<b> & "q" ()']
    assert "<b>" not in picture._repr_html_()


def test_description_says_name_shape_and_values():
    picture = draw([torch.tensor([[0.1]]), torch.arange(500)], ["x", ""])
    first, second = picture.description.split("; ")
    assert first == "x of shape (1, 1): [[0.1]]"
    assert second.startswith("shape (500,): [0, 1, 2")
    assert second.endswith("and so on")
    assert ET.fromstring(picture.svg).get("aria-label") == picture.description


def test_saved_file_is_the_svg(tmp_path):
    picture = draw(torch.arange(3))
    picture.save(tmp_path / "x.svg")
    assert ET.parse(tmp_path / "x.svg").getroot().tag == f"{SVG}svg"
    assert (tmp_path / "x.svg").read_text() == picture.svg


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(2, 3, 4, 5),), r"tensors\[0\] has shape \(2, 3, 4, 5\); expected 0 to 3 axes, none of size 0"),
        (([torch.zeros(1), torch.zeros(0)],), r"tensors\[1\] has shape \(0,\)"),
        (([torch.zeros(1)], ["a", "b"]), "names has 2 entries; expected 1, one for each tensor"),
        ((torch.zeros(2), "x", torch.zeros(3)), r"colors\[0\] has shape \(3,\); expected \(2,\) as tensors\[0\]"),
        ((torch.zeros(2), "x", torch.tensor([0, 4])), r"colors\[0\] goes from 0 to 4; expected integers from 0 to 3"),
    ],
)
def test_bad_argument_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        draw(*arguments)

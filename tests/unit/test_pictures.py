"""A picture holds every element, in its place and in its color, and says in words what it shows."""

import base64
import struct
import xml.etree.ElementTree as ET
import zlib

import pytest
import torch
from drawn import boxes, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from ptguide.pictures import draw
from ptguide.pictures._panels import SHOWN

SVG = "{http://www.w3.org/2000/svg}"


@settings(deadline=None, derandomize=True, max_examples=50)
@given(shape=st.lists(st.integers(1, 6), min_size=0, max_size=3))
def test_every_element_stands_in_row_major_order(shape):
    tensor = torch.arange(torch.Size(shape).numel()).reshape(shape)
    assert texts(draw(tensor), "value") == [str(value) for value in tensor.flatten().tolist()]


def test_elements_of_one_row_share_their_height_and_those_of_a_column_their_place():
    tree = ET.fromstring(draw(torch.arange(6).reshape(2, 3)).svg)
    starts = [path.get("d").partition("h")[0].removeprefix("M").split() for path in tree.iter(f"{SVG}path")]
    cells = [(float(x), float(y)) for x, y in starts]
    rows, columns = {y for _, y in cells}, {x for x, _ in cells}
    assert (len(cells), len(rows), len(columns)) == (6, 2, 3)
    assert cells == sorted(cells, key=lambda cell: (cell[1], cell[0]))


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        (torch.tensor(3), ["3"]),
        (torch.tensor([True, False]), ["True", "False"]),
        (torch.tensor([0.5, 1 / 3, -0.0, 1e-9]), ["0.5", "0.3333", "-0", "1e-09"]),
        (torch.tensor([70000.0, -12.0, 123456.5, 3e8]), ["70000", "-12", "1.235e+05", "3e+08"]),
        (torch.tensor([float("nan"), float("inf")]), ["nan", "inf"]),
        (torch.tensor([0.0, -0.0, -3.0]), ["0", "-0", "-3"]),
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
    assert [text for text in texts(draw(torch.zeros(12, 1, 1)), "index") if text != "0"] == [
        "[0]",
        "[1]",
        "…",
        "[10]",
        "[11]",
    ]


def test_colors_follow_the_elements():
    colors = torch.tensor([[0, 1, 2], [3, 0, 1]])
    classes = boxes(draw(torch.zeros(2, 3), colors=colors))
    assert classes == ["0", "1", "2", "3", "0", "1"]


def test_each_tensor_has_its_own_color_unless_told():
    classes = boxes(draw([torch.zeros(1)] * 10))
    assert len(set(classes[:8])) == 8
    assert classes[8:] == ["4", "4"]  # no color is given twice: the rest is gray


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
    ("arguments", "options", "message"),
    [
        ((torch.zeros(2, 3, 4, 5, 1),), {}, r"tensors\[0\] has shape \(2, 3, 4, 5, 1\); expected 0 to 4 axes"),
        (([torch.zeros(1)], ["a", "b"]), {}, "names has 2 entries; expected 1, one for each tensor"),
        (
            (torch.zeros(2),),
            {"colors": torch.zeros(3)},
            r"colors\[0\] has shape \(3,\); expected \(2,\) as tensors\[0\]",
        ),
        (
            (torch.zeros(2),),
            {"colors": torch.tensor([0, 10])},
            r"colors\[0\] goes from 0 to 10; expected integers from 0 to 9",
        ),
        ((torch.zeros(2, 3),), {"axes": "NCH"}, r"axes has 3 names; expected 2, as tensors\[0\] has shape \(2, 3\)"),
        (
            (torch.zeros(2, 3, 4),),
            {"image": True},
            r"the image has shape \(2, 3, 4\); expected \(H, W\), \(1 or 3, H, W\)",
        ),
    ],
)
def test_bad_argument_is_named(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        draw(*arguments, **options)


def test_unknown_option_is_refused():
    with pytest.raises(TypeError, match="unexpected keyword argument 'color'"):
        draw(torch.zeros(2), color=3)


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 5)])
def test_slices_bear_their_indices(shape):
    tensor = torch.arange(torch.Size(shape).numel()).reshape(shape)
    labels = [text for text in texts(draw(tensor), "index") if text.startswith("[")]
    expected = [
        str(list(index))
        for index in torch.cartesian_prod(*map(torch.arange, shape[:-2]))
        .reshape(6 if len(shape) == 4 else 2, -1)
        .tolist()
    ]
    assert labels == expected


def test_slices_go_on_below_and_dots_are_not_cut_off():
    panel = draw(torch.zeros(1, 8, 3, 3)).panels[0]
    assert panel.width <= 346  # a telephone shows it
    tree = ET.fromstring(f"<svg xmlns='http://www.w3.org/2000/svg'>{panel.body}</svg>")
    dots = [float(text.get("x")) for text in tree.iter(f"{SVG}text") if text.text == "…"]
    assert len(dots) == 1
    assert dots[0] + 6 <= panel.width


def test_axes_have_their_names():
    picture = draw(torch.zeros(2, 1, 3, 4), "x", axes="NCHW")
    assert texts(picture, "name") == ["x (N 2, C 1, H 3, W 4)"]


def test_tensor_without_elements_says_so():
    picture = draw(torch.zeros(2, 0), "x")
    assert "no elements" in texts(picture, "index")
    assert picture.description == "x of shape (2, 0): no elements"


@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        (torch.tensor([[0, 128, 255], [1, 2, 3]], dtype=torch.uint8), [[0, 128, 255], [1, 2, 3]]),
        (torch.tensor([[-1.0, 0.0, 1.0]]), [[0, 128, 255]]),
        (torch.tensor([[5.0, 5.0]]), [[0, 0]]),
    ],
)
def test_image_holds_the_pixels(tensor, expected):
    picture = draw(tensor, image=True)
    image = next(ET.fromstring(picture.svg).iter(f"{SVG}image"))
    pixels = decode_png(image.get("href"))
    assert pixels == [[(value,) * 3 for value in row] for row in expected]


def test_channels_of_an_image_are_its_colors():
    photo = torch.arange(12, dtype=torch.uint8).reshape(3, 2, 2)
    image = next(ET.fromstring(draw(photo, "photo", image=True).svg).iter(f"{SVG}image"))
    assert decode_png(image.get("href")) == [[(0, 4, 8), (1, 5, 9)], [(2, 6, 10), (3, 7, 11)]]
    assert draw(photo, "photo", image=True).description == (
        "photo of shape (3, 2, 2), drawn as an image, values from 0 to 11"
    )


def test_batch_is_drawn_as_images():
    picture = draw(torch.rand(15, 1, 3, 4), image=True)
    assert len(list(ET.fromstring(picture.svg).iter(f"{SVG}image"))) == 12
    assert "first 12" in picture.description
    assert "first" not in draw(torch.rand(15, 4), image=True).description


def decode_png(address):
    """Return the rows of pixels of an unfiltered 8-bit color PNG, read by hand."""
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    place, blocks = 8, {}
    while place < len(data):
        size, kind = struct.unpack(">I4s", data[place : place + 8])
        blocks[kind] = data[place + 8 : place + 8 + size]
        assert struct.unpack(">I", data[place + 8 + size : place + 12 + size])[0] == zlib.crc32(kind + blocks[kind])
        place += 12 + size
    width, height = struct.unpack(">II", blocks[b"IHDR"][:8])
    raw = zlib.decompress(blocks[b"IDAT"])
    rows = [raw[row * (3 * width + 1) :][1 : 3 * width + 1] for row in range(height)]
    return [[tuple(row[3 * x : 3 * x + 3]) for x in range(width)] for row in rows]

"""A picture with a choice of an argument: each variant is run, and all of them are in the page and in the file."""

import base64
import re
import xml.etree.ElementTree as ET

import pytest
import torch
import torch.nn.functional as F
from drawn import SVG, elements

from ptguide.pictures import Choice, draw

a = torch.arange(20).reshape(4, 5)
VARIANTS = [
    (torch.stack, [a, a + 20], "dim", (0, 1, 2)),
    (torch.sum, a, "dim", (0, 1, (0, 1))),
    (torch.softmax, a / 7, "dim", (0, 1, -1)),
    (torch.sort, a.flip(1) / 3, "dim", (0, 1, -1)),
    (F.pad, (a, (1, 1)), "value", (0, 7, -20)),
]
IDS = [op.__name__ for op, *_ in VARIANTS]


@pytest.mark.parametrize(("op", "inputs", "name", "values"), VARIANTS, ids=IDS)
def test_each_variant_is_the_picture_that_is_drawn_of_it_alone(op, inputs, name, values):
    picture = draw(op, inputs, **{name: Choice(*values)})
    assert picture.labels == tuple(map(str, values))
    for variant, value in zip(picture.pictures, values, strict=True):
        alone = draw(op, inputs, **{name: value}, at=home_of(variant))
        assert [panel.description for panel in variant.panels] == [panel.description for panel in alone.panels]
        assert variant.said == alone.said
        assert without_numbers(variant) == without_numbers(alone)


def home_of(picture):
    """Return the index of the framed element, which the sentence begins with."""
    index = re.match(r"\w+\[([\d, ]+)\]", picture.said)
    return tuple(map(int, index[1].split(", "))) if index else ()


def without_numbers(picture):
    """Return all cells, whatever the numbers of the outputs are, but for the home's sentence."""
    found = {}
    for key, cell in elements(picture).items():
        tensor, element = key.split(".")
        found[list(dict.fromkeys(k.split(".")[0] for k in elements(picture))).index(tensor), element] = cell
    return found


@pytest.mark.parametrize(("op", "inputs", "name", "values"), VARIANTS, ids=IDS)
def test_three_variants_of_a_small_operation_take_less_than_30_kb(op, inputs, name, values):
    assert len(draw(op, inputs, **{name: Choice(*values)})._repr_html_().encode()) < 30_000


def test_page_holds_the_inputs_once_and_each_variant_with_its_sentence():
    picture = draw(torch.stack, [a, a + 20], dim=Choice(0, 1, 2))
    page = picture._repr_html_()
    keys = re.findall(r'data-k="([\d.]+)"', page)
    assert len(keys) == len(set(keys)) == 2 * 20 + 3 * 40
    assert page.count(">a (4, 5)</text>") == 1
    for variant in picture.pictures:
        assert f'data-home="{variant.home}"' in page
        assert f">{variant.said}</p>" in page
    assert re.findall(r"<legend>(.*?)</legend>", page) == ["dim"]
    assert re.findall(r'<input type="radio" name="v"( checked)?><span>(.*?)</span>', page) == [
        (" checked", "0"),
        ("", "1"),
        ("", "2"),
    ]


def test_file_holds_all_variants_one_under_the_other():
    picture = draw(torch.sum, a, dim=Choice(0, 1))
    tree = ET.fromstring(picture.svg)
    inner = [one for one in tree if one.tag == f"{SVG}svg"]
    tops = [float(one.get("y")) for one in inner]
    assert tops[0] == 0
    assert tops[1] >= float(inner[0].get("height"))
    calls = [text.text for text in tree.iter(f"{SVG}text") if "torch." in text.text]
    assert calls == ["torch.sum(x, dim=0)", "torch.sum(x, dim=1)"]
    assert tree.get("aria-label") == picture.description


def test_description_says_the_inputs_once_and_each_variant():
    x = torch.tensor([[1, 2, 4], [0, 3, 5]])
    assert draw(torch.sum, x, dim=Choice(0, 1)).description == (
        "x of shape (2, 3): [[1, 2, 4], [0, 3, 5]]; torch.sum(x, dim=0) gives; out of shape (3,): [1, 5, 9]; "
        "out[1] = 5, computed from x[:, 1].; torch.sum(x, dim=1) gives; out of shape (2,): [7, 8]; "
        "out[1] = 8, computed from x[1, :]."
    )


def test_framed_element_is_followed_through_the_variants():
    said = [one.said.partition(", copied")[2] for one in draw(torch.stack, [a, a + 20], dim=Choice(0, 1, 2)).pictures]
    assert said == [" from b[2, 3]."] * 3


def test_list_is_one_value():
    assert draw(torch.sum, a, dim=[0, 1]).said == "out = 190, computed from x[:, :]."
    picture = draw(torch.sum, a, dim=Choice([0], [0, 1]))
    assert picture.labels == ("[0]", "[0, 1]")


def test_inputs_have_one_color_in_all_variants():
    picture = draw(torch.clamp, (torch.rand(3), torch.tensor(0.5)), max=Choice(0.2, 2.0))
    first, second = ([cell.color for key, cell in elements(one).items() if key[0] in "01"] for one in picture.pictures)
    assert first == second


def test_notebook_shows_an_image_of_all_variants_where_it_runs_no_scripts():
    picture = draw(torch.stack, [a, a + 20], dim=Choice(0, 1, 2))
    shown = picture._repr_mimebundle_()
    assert shown["text/plain"] == f"<Picture: {picture.description}>"
    alt, image = re.search(r'<img alt="(.*?)" src="data:image/svg\+xml;base64,(.*?)">', shown["text/html"]).groups()
    tree = ET.fromstring(base64.b64decode(image))
    assert alt == picture.description
    assert [text.text for text in tree.iter(f"{SVG}text") if "torch." in text.text] == [
        f"torch.stack([a, b], dim={dim})" for dim in range(3)
    ]
    assert not list(tree.iter(f"{SVG}script"))
    assert not [name for one in tree.iter() for name in one.attrib if name.startswith("data-")]


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        (lambda: Choice(), ValueError, "Choice has 0 values; expected two or more"),
        (lambda: Choice(3), ValueError, r"Choice has 1 value; expected two or more\.$"),
        (lambda: Choice([0, 1]), ValueError, r"expected two or more\. Choice\(\*\[0, 1\]\) tries its entries"),
        (lambda: Choice(1, 2, 1), ValueError, "Choice has 1 twice; expected values that differ"),
        (lambda: Choice(0, a), TypeError, r"value 1 of Choice is a tensor of shape \(4, 5\); expected numbers"),
        (lambda: draw(torch.sum, (a, Choice(0, 1))), TypeError, "there is a Choice among the inputs; expected it as"),
        (lambda: draw(torch.cat, [a, [Choice(0, 1)]]), TypeError, "there is a Choice among the inputs"),
        (
            lambda: draw(torch.t, a, at=Choice(0, 1)),
            TypeError,
            r"at is Choice\(0, 1\); expected a Choice for an argument",
        ),
        (
            lambda: draw(torch.sum, a, dim=Choice(0, 1), keepdim=Choice(False, True)),
            ValueError,
            "dim and keepdim have a Choice each; expected one Choice in a call",
        ),
        (
            lambda: draw(Choice(torch.triu, torch.tril), a),
            TypeError,
            r"subject is Choice\(.*\); expected tensors or an",
        ),
    ],
)
def test_bad_choice_is_named(options, kind, message):
    with pytest.raises(kind, match=message):
        options()


def test_error_of_one_variant_is_raised_with_its_name():
    with pytest.raises(IndexError, match="Dimension out of range") as caught:
        draw(torch.sum, a, dim=Choice(0, 5))
    assert caught.value.__notes__ == ["This was raised with dim=5."]
    with pytest.raises(ValueError, match=r"at is \(1, 2, 3\)") as caught:
        draw(torch.sum, a, dim=Choice(0, 1), at=(1, 2, 3))
    assert caught.value.__notes__ == ["This was raised with dim=0."]


def test_list_that_was_meant_as_a_choice_is_named():
    with pytest.raises(TypeError) as caught:
        draw(torch.stack, [a, a], dim=[0, 1, 2])
    assert (
        "dim is a list and was passed as one; dim=Choice(...) tries several values in turn." in caught.value.__notes__
    )


def test_variant_without_elements_is_drawn_too():
    picture = draw(torch.sum, torch.zeros(0, 3), dim=Choice(0, 1))
    assert [one.said for one in picture.pictures] == ["out[1] = 0, made of no input.", ""]
    assert "no elements" in picture._repr_html_()

"""A picture of an operation links each element with those that it was made of, in words and in frames."""

import operator
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from drawn import elements, texts
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from ptguide.pictures import draw
from ptguide.pictures._call import call_text
from ptguide.trace import Kind, trace

a = torch.arange(12).reshape(3, 4)
x = torch.tensor([[3, 1, 2.0], [9, 7, 8]])


@pytest.mark.parametrize(
    ("op", "inputs", "options"),
    [
        (torch.stack, [a, a + 20], {"dim": 1}),
        (torch.matmul, (torch.rand(4, 3), torch.rand(3, 5)), {}),
        (torch.gather, (a, 1), {"index": torch.tensor([[0, 2], [1, 1]])}),
        (torch.sort, x, {"dim": 1}),
        (F.pad, (a, (1, 1)), {"value": 7}),
        (F.prelu, (torch.tensor([1.0, -2, 3]), torch.tensor([0.25])), {}),
    ],
)
def test_links_are_those_of_the_trace(op, inputs, options):
    traced = trace(op, inputs, **options)
    found = elements(draw(op, inputs, **options))
    classes = {"as": Kind.COPIED, "of": Kind.COMPUTED, "by": Kind.INDEX, "than": Kind.COMPARED, "may": Kind.MAYBE}
    for o, output in enumerate(traced.outputs):
        for place in range(output.numel()):
            cell = found[f"{len(traced.inputs) + o}.{place}"]
            for name, of_class in classes.items():
                expected = {
                    f"{i}.{element}"
                    for i, matrix in enumerate(traced.kinds[o])
                    for element, kind in enumerate(matrix.reshape(output.numel(), -1)[place].tolist())
                    if kind == of_class
                }
                assert cell.of.get(name, set()) == expected


@pytest.mark.parametrize(
    ("op", "inputs", "options", "said"),
    [
        (torch.stack, [a, a + 20], {"dim": 1}, "out[1, 1, 3] = 27, copied from b[1, 3]."),
        (torch.matmul, (a, a.T), {}, "out[1, 2] = 214, computed from a[1, :] and b[:, 2]."),
        (torch.matmul, (a, a.T), {"names": ["w", "y"]}, "out[1, 2] = 214, computed from w[1, :] and y[:, 2]."),
        (torch.sort, x, {"dim": 1}, "values[1, 2] = 9, copied from x[1, 0], compared with x[1, 1:3]."),
        (torch.take, (a,), {"index": torch.tensor([7])}, "out[0] = 7, copied from x[1, 3], chosen by index[0]."),
        (F.prelu, (a.float(), torch.tensor([0.25])), {}, "out[1, 2] = 6, computed from a[1, 2], may depend on b[0]."),
        (torch.zeros_like, a, {}, "out[1, 2] = 0, made of no input."),
        (torch.trace, a, {}, "out = 15, computed from x[0, 0], x[1, 1] and x[2, 2]."),
        (torch.sum, torch.eye(3), {}, "out = 3, computed from x[:, :]."),
        (lambda t: t.take(torch.tensor([0, 3, 5, 6, 11])).sum(), a, {}, "out = 25, computed from 5 elements of x."),
    ],
)
def test_example_is_put_into_words(op, inputs, options, said):
    picture = draw(op, inputs, **options)
    assert picture.said == said
    assert picture.description.endswith(said)


def test_example_is_framed_without_scripts():
    picture = draw(torch.matmul, (torch.rand(4, 3), torch.rand(3, 5)))
    framed = {key: cell.frame for key, cell in elements(picture).items() if cell.frame}
    assert framed == {"2.7": "ptg-on", **dict.fromkeys(["0.3", "0.4", "0.5", "1.2", "1.7", "1.12"], "ptg-of")}


def colors(picture):
    """Return the color of each tensor's cells, in order; what is framed is drawn last."""
    found = {}
    for key, cell in elements(picture).items():
        tensor, element = map(int, key.split("."))
        found.setdefault(tensor, {})[element] = cell.color
    return {tensor: [of[element] for element in sorted(of)] for tensor, of in found.items()}


def test_colors_and_letters_stand_for_the_inputs():
    picture = draw(torch.cat, [a, a[:1] + 20])
    assert colors(picture) == {0: [0] * 12, 1: [1] * 4, 2: [0] * 12 + [1] * 4}
    assert texts(picture, "mark") == ["a"] * 12 + ["b"] * 4


def test_colors_stand_for_the_rows_of_a_single_input():
    assert colors(draw(torch.transpose, (a, 0, 1)))[1] == [0, 1, 2] * 4
    assert colors(draw(torch.sum, a, dim=1))[1] == [0, 1, 2]
    assert colors(draw(torch.sum, a, dim=0))[1] == [4] * 4  # of all rows: of no color


def test_rows_past_the_fourth_keep_a_color_of_their_own():
    found = colors(draw(torch.t, torch.arange(20).reshape(10, 2)))
    rows = found[0][::2]
    assert len(set(rows[:8])) == 8
    assert rows[8:] == [4, 4]
    assert found[1] == rows * 2


def test_inputs_past_the_fourth_keep_a_color_of_their_own():
    found = colors(draw(torch.cat, [torch.tensor([float(place)]) for place in range(6)]))
    assert len(set(found[6])) == 6
    assert found[6] == [color for place in range(6) for color in found[place]]


def test_what_is_made_of_two_rows_or_inputs_of_one_color_has_none():
    assert colors(draw(lambda t: t[[0, 4]].sum(0), torch.rand(5, 2)))[1] == [4, 4]
    assert colors(draw(lambda *ts: ts[0] + ts[4], tuple(torch.rand(5, 2))))[5] == [4, 4]


@settings(deadline=None, derandomize=True, max_examples=60)
@given(shape=st.lists(st.integers(1, 13), min_size=1, max_size=4), data=st.data())
def test_framed_element_and_what_it_was_made_of_are_drawn(shape, data):
    size = torch.Size(shape).numel()
    assume(size <= 4096)
    tensor = torch.arange(size).reshape(shape)
    at = data.draw(st.one_of(st.none(), st.tuples(*(st.integers(0, size - 1) for size in shape))))
    picture = draw(torch.Tensor.clone, tensor, names=["x"], at=at)
    found = elements(picture)
    assert found[picture.home].frame == "ptg-on"
    assert found[picture.home.replace("1.", "0.", 1)].frame == "ptg-of"


def test_framed_element_of_a_convolution_of_many_channels_is_drawn():
    picture = draw(F.conv2d, (torch.rand(1, 1, 3, 3), torch.rand(8, 1, 2, 2)), names=["x", "w"])
    assert elements(picture)[picture.home].frame == "ptg-on"
    assert picture.said.startswith("out[0, 1, 1, 1] = ")


def test_example_has_a_source_that_is_drawn_where_there_is_one():
    picture = draw(torch.roll, (torch.arange(40), 20))
    assert [cell.frame for cell in elements(picture).values() if cell.frame] == ["ptg-of", "ptg-on"]


def test_one_index_that_is_left_out_is_drawn_in_the_place_of_dots():
    picture = draw(torch.clone, torch.arange(14), at=(7,))
    shown = ["0", "1", "2", "3", "4", "5", "6", "7", "…", "12", "13"]
    assert texts(picture, "index")[:11] == shown
    assert sorted(texts(picture, "value")) == sorted(shown * 2)


def test_what_is_framed_is_drawn_last_so_that_no_neighbour_covers_it():
    assert [key for key in elements(draw(torch.relu, x)) if key.startswith("1.")][-1] == "1.5"
    drawn = [key for key in elements(draw(torch.t, x)) if key.startswith("0.")]
    assert drawn == ["0.0", "0.1", "0.2", "0.3", "0.5", "0.4"]


def test_index_has_no_color_of_an_origin():
    assert colors(draw(torch.gather, (a, 1), index=torch.tensor([[0]])))[1] == [4]


@pytest.mark.parametrize(
    ("op", "inputs", "kwargs", "names", "expected"),
    [
        (torch.stack, [a, a], {"dim": 1}, "ab", "torch.stack([a, b], dim=1)"),
        (torch.matmul, (a, a), {}, "ab", "torch.matmul(a, b)"),
        (torch.Tensor.add_, (a, a), {}, "ab", "a.add_(b)"),
        (F.softmax, a, {"dim": 0}, "x", "F.softmax(x, dim=0)"),
        (torch.linalg.solve, (a, a), {}, "ab", "torch.linalg.solve(a, b)"),
        (torch.fft.fft, a, {}, "x", "torch.fft.fft(x)"),
        (nn.Linear(4, 3), a, {}, "x", "Linear(x)"),
        (nn.Sequential(nn.ReLU()), a, {}, "x", "Sequential(x)"),
        (lambda t: t, a, {}, "x", "op(x)"),
        (operator.getitem, (a, (slice(1, None), slice(None, None, 2))), {}, "x", "x[1:, ::2]"),
        (operator.getitem, (a, (..., None, slice(0, 2))), {}, "x", "x[..., None, 0:2]"),
        (operator.getitem, (a, torch.tensor([0])), {}, "xi", "x[i]"),
        (torch.permute, (a, (1, 0)), {}, "x", "torch.permute(x, (1, 0))"),
    ],
)
def test_call_is_written_as_code(op, inputs, kwargs, names, expected):
    assert call_text(op, inputs, kwargs, list(names)) == expected


def test_names_that_begin_alike_are_marked_by_their_number():
    picture = draw(torch.cat, [a, a[:1]], names=["x_1", "x_2"])
    assert texts(picture, "mark") == ["1"] * 12 + ["2"] * 4
    picture = draw(torch.cat, [a, a[:1]], names=["top", "rest"])
    assert set(texts(picture, "mark")) == {"t", "r"}


def test_framed_element_can_be_chosen():
    assert draw(torch.t, x, at=(2, 0)).said == "out[2, 0] = 2, copied from x[0, 2]."
    for at in ((3, 0), (1,), (-1, 0)):
        with pytest.raises(ValueError, match=r"at is .*; expected an index for each axis of shape \(3, 2\)"):
            draw(torch.t, x, at=at)


def test_what_is_written_into_keeps_its_name():
    picture = draw(operator.setitem, (x, 0, 5.0), names=["grades"])
    assert picture.said.startswith("grades[1, 2] = 8, copied from grades[1, 2]")


def test_size_of_a_small_operation():
    picture = draw(torch.matmul, (torch.rand(4, 3), torch.rand(3, 5)))
    assert len(picture.svg.encode()) < 30_000
    assert len(picture._repr_html_().encode()) < 30_000


def test_nothing_to_light_up_is_no_error():
    picture = draw(torch.sum, torch.zeros(0, 3), dim=1)
    assert picture.said == ""
    assert "no elements" in picture.description


def test_bad_names_are_named():
    with pytest.raises(ValueError, match="names has 1 entries; expected 2, one for each input tensor"):
        draw(torch.matmul, (a, a.T), names=["a"])
    with pytest.raises(ValueError, match=r"x has shape \(1, 1, 1, 1, 1\); expected 0 to 4 axes"):
        draw(torch.relu, torch.zeros(1, 1, 1, 1, 1))


def test_import_loads_nothing_that_is_not_needed():
    code = "import sys, ptguide.pictures; print({'torchvision', 'matplotlib', 'sklearn'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"

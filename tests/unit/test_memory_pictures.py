"""Pictures of memory: every element stands where it lies, and what is stretched points to what exists."""

import pytest
import torch
from drawn import elements
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ptguide.pictures import draw_broadcast, draw_storage

x = torch.arange(12).reshape(3, 4)


def cells(picture):
    """Return for each key: the value, the color, the links and the words of an element."""
    return {key: (cell.value, cell.color, cell.of.get("of"), cell.said) for key, cell in elements(picture).items()}


def framed(picture):
    return {key: cell.frame for key, cell in elements(picture).items() if cell.frame}


@pytest.mark.parametrize("view", [x, x.T, x[1:, ::2], x[:, 1], x[2, 3], x.diagonal(), x[:1].expand(3, 4)], ids=str)
def test_elements_point_to_the_value_that_they_are(view):
    found = cells(draw_storage([x, view]))
    for place, value in enumerate(view.flatten().tolist()):
        shown, _, link, _ = found[f"1.{place}"]
        assert shown == str(value)
        assert {found[key][0] for key in link} == {str(value)}  # all values of x differ
        assert f"2.{value}" in link


def test_storage_says_who_reads_it():
    found = cells(draw_storage([x, x.T, x[1:, ::2]], ["x", "t", "v"]))
    assert found["3.6"][3] == "storage[6] = 6, is x[1, 2], t[2, 1] and v[0, 1]."
    assert found["3.7"][3] == "storage[7] = 7, is x[1, 3] and t[3, 1]."
    assert found["0.6"][3] == "x[1, 2] = 6, lies at storage[6]: offset 0 + 1 * 4 + 2 * 1."


def test_elements_that_share_a_place_are_framed_together():
    picture = draw_storage([x, x.T])
    assert framed(picture) == {"0.5": "ptg-on", "1.4": "ptg-of", "2.5": "ptg-of"}


def test_what_no_tensor_reads_is_gray():
    found = cells(draw_storage(x[:, 1]))
    assert [found[f"1.{place}"][1] for place in range(12)] == [0 if place % 4 == 1 else 4 for place in range(12)]
    assert found["1.0"][3] == "storage[0] = 0, is read by none."


def test_storages_stand_beside_each_other_and_have_numbers():
    copy = x.T.contiguous().float()
    picture = draw_storage([x, copy, x[1]], ["x", "copy", "row"])
    found = cells(picture)
    assert found["0.6"][2:] == ({"3.6", "2.2"}, "x[1, 2] = 6, lies at storage_0[6]: offset 0 + 1 * 4 + 2 * 1.")
    assert found["1.7"][2:] == ({"4.7"}, "copy[2, 1] = 6, lies at storage_1[7]: offset 0 + 2 * 3 + 1 * 1.")
    assert found["3.6"][3] == "storage_0[6] = 6, is x[1, 2] and row[2]."
    assert found["4.7"][3] == "storage_1[7] = 6, is copy[2, 1]."
    assert [panel.description.partition(":")[0] for panel in picture.panels[3:]] == [
        "storage_0 of 12 elements",
        "storage_1 of 12 elements",
    ]
    assert framed(picture) == {"0.5": "ptg-on", "3.5": "ptg-of", "2.1": "ptg-of"}


def test_storage_goes_on_in_the_next_line():
    picture = draw_storage(torch.arange(60))
    assert picture.panels[1].height > 2 * draw_storage(torch.arange(6)).panels[1].height - 60
    assert picture.panels[1].width < 700


@pytest.mark.parametrize(
    ("tensors", "names", "message"),
    [
        ([], (), "tensors is empty; expected at least one tensor"),
        (
            [x.clone(), x, x.view(torch.int32)],
            (),
            r"tensors\[2\] is torch.int32, but tensors\[1\], which shares its storage, is torch.int64",
        ),
        ([x, torch.zeros(65)], (), r"the storage of tensors\[1\] has 65 elements; at most 64 are drawn"),
        ([x], ["a", "b"], "names has 2 entries; expected 1"),
        (torch.zeros(1, 1, 1, 1, 1), (), r"tensors\[0\] has shape \(1, 1, 1, 1, 1\); expected 0 to 4 axes"),
    ],
)
def test_bad_storage_is_named(tensors, names, message):
    with pytest.raises(ValueError, match=message):
        draw_storage(tensors, names)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(shape=st.lists(st.integers(1, 4), max_size=3), data=st.data())
def test_ghosts_are_what_strides_of_zero_repeat(shape, data):
    shapes = [
        [data.draw(st.sampled_from([1, size])) for size in shape][data.draw(st.integers(0, len(shape))) :] for _ in "ab"
    ]
    tensors = [torch.arange(torch.Size(part).numel()).reshape(part) for part in shapes]
    common = torch.broadcast_shapes(*shapes)
    found = cells(draw_broadcast(tensors))
    for number, tensor in enumerate(tensors):
        first: dict[int, int] = {}  # the first element that lies at an address is the one that exists
        for place, value in enumerate(tensor.expand(common).flatten().tolist()):
            shown, color, link, _ = found[f"{number}.{place}"]
            origin = first.setdefault(value, place)
            assert shown == str(value)
            assert (color == 5) == (origin != place)
            assert link == ({f"{number}.{origin}"} if origin != place else None)


def test_ghost_says_what_it_repeats():
    found = cells(draw_broadcast([torch.tensor([[10], [20]]), torch.tensor([1, 2, 3])], ["column", "row"]))
    assert found["0.5"][3] == "column[1, 2] repeats column[1, 0] = 20."
    assert found["0.3"][3] == "column[1, 0] = 20, exists."


@settings(deadline=None, derandomize=True, max_examples=40)
@given(shapes=st.lists(st.lists(st.integers(0, 3), max_size=3), min_size=2, max_size=3))
def test_what_has_no_partner_is_struck_out(shapes):
    tensors = [torch.arange(torch.Size(shape).numel()).reshape(shape) for shape in shapes]
    picture = draw_broadcast(tensors)
    marked = sum(panel.body.count("ptg-alone") for panel in picture.panels)
    try:
        torch.broadcast_shapes(*shapes)
    except RuntimeError:
        assume(all(0 not in shape for shape in shapes))  # of nothing, nothing is left over
        assert marked
        assert "has no partner" in picture.said
    else:
        assert not marked
        assert "no partner" not in "".join(panel.body for panel in picture.panels)


def test_element_without_partner_says_where_it_is_missing():
    picture = draw_broadcast([torch.zeros(4, 3), torch.tensor([5, 6, 7, 8])], ["x", "means"])
    found = cells(picture)
    assert picture.said == "means[0, 3] = 8 has no partner: along axis 1, x has only 3."
    assert found["1.7"][3] == "means[1, 3] = 8 has no partner: along axis 1, x has only 3."
    assert found["1.6"][3] == "means[1, 2] repeats means[0, 2] = 7."
    assert [panel.body.count("ptg-alone") for panel in picture.panels] == [0, 4]
    assert 'class="ptg-on ptg-alone"' in picture.panels[1].body


@pytest.mark.parametrize("shapes", [[(20,), (30,)], [(1, 8, 1, 1), (1, 12, 1, 1)], [(30, 1), (20, 30)]])
def test_framed_element_of_a_long_axis_is_drawn(shapes):
    picture = draw_broadcast([torch.zeros(shape) for shape in shapes])
    assert picture.home in cells(picture)
    assert picture.said == cells(picture)[picture.home][3]


def test_bad_broadcast_is_named():
    with pytest.raises(ValueError, match="the common shape has 5 axes; expected at most 4"):
        draw_broadcast([torch.zeros(2, 1, 1, 1, 1), torch.zeros(1)])
    with pytest.raises(ValueError, match="names has 1 entries; expected 2"):
        draw_broadcast([torch.zeros(3), torch.zeros(1)], ["a"])

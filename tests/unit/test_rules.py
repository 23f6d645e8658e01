"""An explanation predicts what torch does: the shape, view or copy, or an error; and what it proposes works."""

import dataclasses
import importlib.util
import random
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from ptguide.rules import explain_broadcast, explain_conv, explain_index, explain_matmul, explain_pool, explain_view

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("rules_benchmark", ROOT / "tests/benchmarks/rules.py")
BENCHMARK = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(BENCHMARK)
RULES = list(BENCHMARK.RULES)


def cases(name, count, seed=0):
    """Draw cases as the benchmark does, each with its explanation."""
    draw, explain, _ = BENCHMARK.RULES[name]
    rng = random.Random(seed)
    for _ in range(count):
        args, options = draw(rng)
        try:
            yield args, options, explain(*args, **options)
        except ValueError as error:
            if not re.search("kernels disagree|at most one part an axis", str(error)):
                raise


@pytest.mark.parametrize("name", RULES)
def test_prediction_is_what_torch_does(name):
    @settings(deadline=None, derandomize=True, max_examples=300)
    @given(rng=st.randoms(use_true_random=False))
    def check(rng):
        verdict, words, _ = BENCHMARK.compare(name, rng)
        assert verdict in {"accepted", "refused", "open"}, words

    check()


@pytest.mark.parametrize("name", RULES)
def test_generator_draws_what_torch_accepts_and_what_it_refuses(name):
    rng = random.Random(0)
    verdicts = [BENCHMARK.compare(name, rng)[0] for _ in range(400)]
    counts = {verdict: verdicts.count(verdict) for verdict in ("accepted", "refused", "open")}
    assert sum(counts.values()) == 400
    assert min(counts["accepted"], counts["refused"]) > 80
    assert counts["open"] < 12


TEXTS = [
    (
        lambda: explain_broadcast((3, 4), (3,)),
        """
a        3  4
b           3
result   3  ?
axis -1 is 4 in a and 3 in b, and neither is 1.
Insert an axis of size 1: b.unsqueeze(-1) has shape (3, 1), which gives (3, 4).""",
    ),
    (
        lambda: explain_broadcast((2, 3), (3, 2)),
        """
a        2  3
b        3  2
result   ?  ?
axis -1 is 3 in a and 2 in b, and neither is 1.
axis -2 is 2 in a and 3 in b, and neither is 1.
Swap the last two axes: a.mT has shape (3, 2), which gives (3, 2).""",
    ),
    (
        lambda: explain_broadcast((), (10, 1), (2, 1, 1)),
        """
a        (no axes)
b           10  1
c        2   1  1
result   2  10  1
axis -1: only b and c have it; a is stretched over 1
axis -2: b has 10, c has 1: c is stretched (stride 0, nothing is copied); only b and c have it; a is stretched over 10
axis -3: only c has it; a and b are stretched over 2""",
    ),
    (
        lambda: explain_broadcast((2, 3), (2, 3)),
        """
a        2  3
b        2  3
result   2  3
Nothing is stretched.""",
    ),
    (
        lambda: explain_matmul((3,), (5, 3, 2)),
        """
a              3
b        5  3  2
result      5  2
vector times batch of matrices
Axis -1 of a and axis -2 of b, both 3, are multiplied and summed over.
a is read as the row (1, 3); its axis of size 1 vanishes from the result.
The batch axes (5,) of b are kept.""",
    ),
    (
        lambda: explain_matmul((3,), (4,)),
        """
a   3
b   4
dot product of two vectors
Axis -1 of a is 3 and axis -1 of b is 4; they are summed over together and must be equal.
Try a.unsqueeze(-1) @ b.unsqueeze(0), which gives (3, 4).""",
    ),
    (
        lambda: explain_matmul((5, 2, 3), (4, 3, 6)),
        """
a   5  2  3
b   4  3  6
batch of matrices times batch of matrices
The batch axes (5,) and (4,) do not broadcast.
Try a.unsqueeze(1) @ b, which gives (5, 4, 2, 6), or a @ b.unsqueeze(1), which gives (4, 5, 2, 6).""",
    ),
    (
        lambda: explain_view(torch.zeros(3, 1, 4).transpose(0, 2), (2, 2, 3)),
        """
x: shape (4, 1, 3), strides (1, 4, 4)
An axis of size 1 takes no step, so its stride does not matter.
axis 0 (4) becomes axes 0 and 1 (2, 2): split
axis 2 (3) becomes axis 2 (3): kept
view: shape (2, 2, 3), strides (2, 1, 4), the same memory""",
    ),
    (
        lambda: explain_view((3, 4), (5, 3)),
        """
x: shape (3, 4), strides (4, 1)
x has 12 elements, (5, 3) has 15.
Try x.view(-1, 3), which gives (4, 3).""",
    ),
    (
        lambda: explain_conv((2, 6, 4), (8, 6, 3), dilation=3),
        """
conv1d of (2, 6, 4) with weight (8, 6, 3)
2 items; the weight takes 6 channels and gives 8
size: (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
axis -1: the kernel reaches over dilation * (kernel - 1) + 1 = 3 * (3 - 1) + 1 = 7, more than the 4 + 2 * 0 = 4 of the \
padded input.
Try padding=2, which gives (2, 8, 2).""",
    ),
    (
        lambda: explain_conv((1, 4, 5), (4, 3, 3), 2, 1, groups=2, transposed=True, output_padding=1),
        """
conv_transpose1d of (1, 4, 5) with weight (4, 3, 3)
1 item; the weight takes 4 channels and gives 6
size: (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1
axis -1: (5 - 1) * 2 - 2 * 1 + 1 * (3 - 1) + 1 + 1 = 10
result (1, 6, 10)""",
    ),
    (
        lambda: explain_pool((3, 8), 3, stride=5, padding=1, ceil_mode=True, kind="avg"),
        """
avg_pool1d of (3, 8)
one item, 3 channels
size: (size + 2 * padding - dilation * (kernel - 1) - 1 + stride - 1) // stride + 1
axis -1: (8 + 2 * 1 - 1 * (3 - 1) - 1 + 5 - 1) // 5 + 1 = 3
  less 1, since the last window would start behind the input: 2
result (3, 2)""",
    ),
    (
        lambda: explain_index((3, 4, 5), ([0, 1], slice(None), torch.tensor([0, 1]))),
        """
x            has shape (3, 4, 5)
[0, 1]       picks along axis 0 (3), with an index of shape (2,)
:            keeps axis 1 (4)
int64 (2,)   picks along axis 2 (5), with an index of shape (2,)
The picked axes become (2,), at the front, as they are not neighbours.
result       (2, 4), a copy""",
    ),
    (
        lambda: explain_index((3, 4, 5), torch.ones(3, 5, dtype=torch.bool)),
        """
x             has shape (3, 4, 5)
bool (3, 5)   mask with 15 True: picks along axis 0 (3) and axis 1 (4)
              keeps axis 2 (5)
bool (3, 5) has shape (3, 5); the axes that it meets have (3, 4).""",
    ),
    (
        lambda: explain_index((3, 4), ([0, 1], [0, 1, 2])),
        """
x           has shape (3, 4)
[0, 1]      picks along axis 0 (3), with an index of shape (2,)
[0, 1, 2]   picks along axis 1 (4), with an index of shape (3,)
The indices have shapes (2,) and (3,), which do not broadcast: they pick in parallel, element by element.
To cross them, give the first one shape (2, 1), which gives (2, 3).""",
    ),
]


@pytest.mark.parametrize(("explanation", "expected"), TEXTS)
def test_text_reads_as_written(explanation, expected):
    assert explanation().text == expected.strip("\n")


SENTENCES = [
    (lambda: explain_broadcast((2, 3, 4), (5, 6, 7)), "No swap of the last two axes and no single inserted axis"),
    (lambda: explain_matmul((), (3,)), r"needs at least one axis on both sides. Use a \* b, which gives \(3,\)"),
    (lambda: explain_matmul((3,), (3,)), "dot product of two vectors\nAxis -1 of a and axis -1 of b, both 3"),
    (lambda: explain_matmul((2, 3), (3,)), r"b is read as the column \(3, 1\)"),
    (lambda: explain_matmul((2, 3), (4, 5)), "No swap .* and no single inserted axis of size 1 makes them fit"),
    (lambda: explain_matmul((7,), (1, 3)), r"Try a.unsqueeze\(1\) @ b, which gives \(7, 3\)"),
    (lambda: explain_view((3, 4), (-1, 5)), "12 elements, which 5, the product of the other sizes, does not divide"),
    (lambda: explain_view((3, 4), (-1, -1)), r"\(-1, -1\) has 2 sizes of -1; only one can be worked out"),
    (lambda: explain_view((3, 0), (-1, 0)), "-1 could stand for any number"),
    (lambda: explain_view((3, 0), (5, 0)), "has no elements, so its strides do not matter"),
    (lambda: explain_view((2, 3), (3, 2)), "become axes 0 and 1 .*: merged and split"),
    (lambda: explain_view((2, 3), (-1,)), r"-1 stands for 6 / 1 = 6"),
    (lambda: explain_conv((4,), (6, 2, 3)), r"has shape \(4,\); expected 3 axes .* or 2 for one item"),
    (lambda: explain_conv((1, 6, 9), (9, 2, 3)), r"groups \* weight.shape\[1\] = 1 \* 2 = 2.\nTry groups=3"),
    (
        lambda: explain_conv((1, 4, 6), (6, 2, 3), transposed=True),
        r"expected weight.shape\[0\] = 6.\nTry input.movedim",
    ),
    (lambda: explain_conv((1, 6, 9), (5, 3, 3), groups=2), "weight.shape.0. is 5; expected a multiple of groups=2"),
    (
        lambda: explain_conv((1, 6, 9), (6, 0, 3), transposed=True),
        "weight.shape.1. is 0, so no channels would come out",
    ),
    (lambda: explain_conv((1, 6, 9), (6, 1, 3), padding="same", transposed=True), "takes integers only"),
    (lambda: explain_conv((1, 6, 9), (6, 6, 3), 2, "same"), "padding='same' needs stride 1; stride is 2"),
    (lambda: explain_conv((1, 6, 9), (6, 6, 3), 1, "same"), "which keeps every size"),
    (lambda: explain_conv((0, 6, 0), (6, 6, 3), 1, "same"), "axis of size 0 is smaller than any kernel"),
    (lambda: explain_conv((1, 6, 0), (6, 6, 3), 1, 2), "Only the items and the channels may be 0"),
    (lambda: explain_conv((1, 0, 4), (6, 0, 3)), "the result has no channels either"),
    (lambda: explain_conv((1, 6, 9), (6, 6, 3), (1, 2)), "stride has 2 entries; expected one"),
    (lambda: explain_conv((1, 6, 9, 9), (6, 6, 3, 3), padding=(1, 2, 3)), "padding has 3 entries; expected one or 2"),
    (lambda: explain_conv((1, 6, 9), (6, 6, 3), transposed=True, output_padding=1), r"less than stride \(1\) or dil"),
    (
        lambda: explain_conv((1, 6, 1), (6, 6, 1), padding=2, transposed=True),
        "would be negative; expected less padding",
    ),
    (lambda: explain_pool((3,), 2), r"has shape \(3,\); expected 3 axes .* or 2 for one item"),
    (lambda: explain_pool((0, 5), 2), "Only the number of items may be 0"),
    (lambda: explain_pool((3, 9), 3, padding=2, dilation=3), r"at most kernel_size // 2 = 1, .*\nTry padding=1, which"),
    (
        lambda: explain_pool((1, 3, 2, 2, 2), 3, padding=1, kind="avg"),
        "avg_pool3d needs the kernel .*\nTry kernel_size=2",
    ),
    (lambda: explain_pool((3, 7), 4, dilation=3), r"Try kernel_size=3, which gives \(3, 1\)"),
    (lambda: explain_index((3,), 3), r"3 is not a place of axis 0 \(3\); expected -3 to 2"),
    (lambda: explain_index((0,), 0), "0 is not a place of axis 0 .0.; there is none"),
    (lambda: explain_index((3,), [1, -4]), r"-4 is not a place of axis 0 \(3\); expected -3 to 2"),
    (lambda: explain_index((0,), [0]), r"axis 0 \(0\) has no places to pick"),
    (lambda: explain_index((3,), (0, 0)), "The index has parts for 2 axes; x has 1"),
    (lambda: explain_index((3,), slice(None, None, -1)), "::-1 has step -1; expected at least 1. x.flip turns"),
    (lambda: explain_index((3,), 1.0), "1.0 is a float, also if it is whole"),
    (lambda: explain_index((3,), ([[0], [0, 1]],)), r"\[\[0\], \[0, 1\]\] makes no tensor: expected sequence"),
    (lambda: explain_index((3,), torch.tensor([0.0])), "float32 .1,. can't be an index; expected int64"),
    (lambda: explain_index((3, 4), [[0, 1], [1, 2]]), "read as if it were a tuple, with a warning; write the tuple"),
    (lambda: explain_index((3, 4), True), r"makes an axis, which becomes \(1,\)"),
    (
        lambda: explain_index((3, 4), (None, ..., torch.tensor(1))),
        "None .* makes an axis of size 1\n... .* keeps axis 0",
    ),
    (lambda: explain_index((3,), (0, ...)), "... .* stands for no axis"),
    (lambda: explain_index((3,), list(range(20))), r"\[0, 1, 2, 3, 4, 5, 6,\.\.\.   picks"),
]


@pytest.mark.parametrize(("explanation", "expected"), SENTENCES)
def test_text_names_the_reason(explanation, expected):
    assert re.search(expected, explanation().text)


def size_of(text):
    return tuple(int(number) for number in re.findall(r"\d+", text))


def proposals(name, count, pattern, least=30):
    """Return the refused cases and what their texts propose."""
    found = [
        (args, options, *match)
        for args, options, told in cases(name, count)
        if not told.works
        for match in re.findall(pattern, told.text)
    ]
    assert len(found) > least
    return found


def test_proposed_broadcast_works():
    for shapes, _, expression, shape, result in proposals(
        "broadcast", 400, r": (\S+) has shape (\(.*?\)), which gives (\(.*?\))\."
    ):
        tensors = {name: torch.empty(shape) for name, shape in zip("abc", shapes, strict=False)}
        changed = eval(expression, {}, tensors)
        assert changed.shape == size_of(shape)
        tensors[expression[0]] = changed
        assert torch.broadcast_tensors(*(tensors[name] for name in "abc"[: len(shapes)]))[0].shape == size_of(result)


def test_proposed_product_works():
    for (a, b), _, expression, result in proposals(
        "matmul", 400, r"(?:Try |, or |Use )([^,]*?), which gives (\(.*?\))"
    ):
        assert eval(expression, {"a": torch.empty(a), "b": torch.empty(b)}).shape == size_of(result)


def changes_of(name, tensor):
    yield from (f"{name}.unsqueeze({axis})" for axis in range(tensor.ndim + 1))
    if tensor.ndim > 1:
        yield f"{name}.mT"


@pytest.mark.parametrize("name", ["broadcast", "matmul"])
def test_where_nothing_is_proposed_no_such_change_works(name):
    hopeless = [args for args, _, told in cases(name, 2000) if told.text.splitlines()[-1].startswith("No ")]
    assert len(hopeless) > 30
    ask = torch.matmul if name == "matmul" else (lambda *tensors: torch.broadcast_tensors(*tensors)[0])
    for shapes in hopeless:
        tensors = {letter: torch.empty(shape) for letter, shape in zip("abc", shapes, strict=False)}
        tried = [
            [eval(change, {}, tensors) if other == letter else tensors[other] for other in tensors]
            for letter in tensors
            for change in changes_of(letter, tensors[letter])
        ]
        for changed in [*tried, list(tensors.values())[::-1]]:
            with pytest.raises(RuntimeError):
                ask(*changed)


def test_proposed_view_works_and_where_there_is_none_reshape_copies():
    for (layout, _), _, expression, result in proposals("view", 1500, r"Try (x\.view\(.*?\)), which gives (\(.*?\))\."):
        assert eval(expression, {"x": BENCHMARK.strided(layout)}).shape == size_of(result)
    for (layout, wanted), _, expression, _ in proposals("view", 400, r"(x\.reshape\(.*?\)) (copies)"):
        x = BENCHMARK.strided(layout)
        result = eval(expression, {"x": x})
        assert result.shape == x.reshape(wanted).shape
        assert result.untyped_storage().data_ptr() != x.untyped_storage().data_ptr()


def test_strides_of_a_view_are_torch_s():
    views = [(args, told.text) for args, _, told in cases("view", 400) if told.works]
    for (layout, wanted), text in views:
        result = BENCHMARK.strided(layout).view(wanted)
        assert text.endswith(f"view: shape {tuple(result.shape)}, strides {result.stride()}, the same memory")


def test_proposed_convolution_works():
    for (given_shape, weight), options, expression, result in proposals(
        "conv", 2000, r"Try (.*?), which gives (\(.*?\))\."
    ):
        shape, changes = given_shape, {}
        if expression.startswith("input."):
            shape = eval(expression, {"input": torch.empty(given_shape)}).shape
        else:
            changes = eval(f"dict({expression})")
        assert BENCHMARK.ask_conv(shape, weight, **{**options, **changes})[0].shape == size_of(result)


def test_proposed_pooling_works():
    for (shape,), options, expression, result in proposals("pool", 400, r"Try (.*?), which gives (\(.*?\))\."):
        changed = {**options, **eval(f"dict({expression})")}
        assert BENCHMARK.ask_pool(shape, **changed)[0].shape == size_of(result)


def test_proposed_crossing_of_indices_works():
    for (_, index), _, first, result in proposals(
        "index", 8000, r"give the first one shape (\(.*?\)), which gives (\(.*?\))\.", least=5
    ):
        parts = [torch.tensor(part) if isinstance(part, list | range) else part for part in index]
        one, other = (part for part in parts if isinstance(part, torch.Tensor) and part.ndim)
        indexed = torch.zeros(4, 4)[one.abs().long().reshape(size_of(first)), other.abs().long()]
        assert indexed.shape == size_of(result)


@pytest.mark.parametrize(
    ("index", "shape", "copies"),
    [
        ((), (3, 4, 5, 6), False),
        (..., (3, 4, 5, 6), False),
        (None, (1, 3, 4, 5, 6), False),
        (-1, (4, 5, 6), False),
        (torch.tensor(1), (4, 5, 6), False),
        (slice(1, None, 2), (1, 4, 5, 6), False),
        ((slice(None), [0, 1], [2, 3]), (3, 2, 6), True),
        (([0, 1], slice(None), [2, 3]), (2, 4, 6), True),
        ((0, slice(None), [2, 3]), (4, 2, 6), True),
        ((slice(None), [0, 1], 2, [0, 1]), (3, 2), True),
        ((slice(None), [0, 1], None, [0, 1]), (2, 3, 1, 6), True),
        ((..., [[0, 1], [1, 2], [2, 3]]), (3, 4, 5, 3, 2), True),
        (torch.ones(3, 4, dtype=torch.bool), (12, 5, 6), True),
        ([], (0, 4, 5, 6), True),
        (True, (1, 3, 4, 5, 6), True),
        ([True, False, True], (2, 4, 5, 6), True),
    ],
)
def test_index_lands_where_it_does_in_torch_and_writes_through_where_it_is_a_view(index, shape, copies):
    x = torch.zeros(3, 4, 5, 6)
    told = explain_index(x, index)
    result = x[index]
    result.fill_(1)
    assert (told.works, told.shape, told.copies) == (True, shape, copies)
    assert (tuple(result.shape), bool((x == 0).all())) == (shape, copies)


@pytest.mark.parametrize(
    ("shape", "index", "result"),
    [
        ((3, 0), [9], (1, 0)),  # nothing is fetched, so nothing is out of range
        ((0, 3), (slice(None), [9]), (0, 1)),
        ((3, 0), (slice(None), [0]), None),
        ((3, 4), torch.ones(3, 4, dtype=torch.bool), (12,)),
        ((3, 4), (..., torch.ones(3, 4, dtype=torch.bool)), (12,)),
        ((3, 4), (..., [[True] * 4] * 3), None),  # a list counts as one axis, so ... takes the other
        ((3, 4), [[0, 1], [1, 2]], (2,)),  # read as a tuple
        ((3, 4), [[0]] * 32, (32, 1, 4)),  # too long for that
        ((3, 4), torch.tensor(1, dtype=torch.int8), (4,)),
        ((3, 4), torch.tensor([1], dtype=torch.int8), None),
        ((3, 4), [0.7, 2.2], (2, 4)),
        ((3, 4), [0, True], (2, 4)),
    ],
)
def test_special_indices_are_what_torch_makes_of_them(shape, index, result):
    answer, _ = BENCHMARK.answer(BENCHMARK.ask_index, (shape, index), {})
    told = explain_index(shape, index)
    assert (told.works, told.shape, told.copies) == answer
    assert told.shape == result


def test_double_ellipsis_is_followed_as_far_as_torch_defines_it():
    assert explain_index((3, 4), (..., ...)).shape == torch.zeros(3, 4)[..., ...].shape
    assert explain_index((3, 4), (..., 0, ...)).shape == torch.zeros(3, 4)[..., 0, ...].shape
    for last in (0, None, slice(None), [0]):
        with pytest.raises(ValueError, match=r"more than the 2 axes of x, behind a \.\.\. .*; expected at most one"):
            explain_index((3, 4), (..., ..., last))


def test_the_type_of_the_numbers_decides_where_there_is_no_prediction():
    x, weight = torch.zeros(2, 3, 5, dtype=torch.float64), torch.zeros(3, 4, 2, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="Output size is too small"):
        F.conv_transpose1d(x, weight, padding=3)
    if torch.backends.mkldnn.is_available():
        assert F.conv_transpose1d(x.float(), weight.float(), padding=3).shape == (2, 4, 0)
    with pytest.raises(ValueError, match=r"input_shape is \(2, 3, 5\), so .* sizes \(0,\); expected at least 1 each"):
        explain_conv(x, weight, padding=3, transposed=True)


def test_prediction_for_convolutions_holds_for_other_numbers():
    for args, options, told in cases("conv", 500, seed=1):
        answer = BENCHMARK.answer(BENCHMARK.ask_conv, args, {**options, "dtype": torch.float64})[0]
        assert answer == (told.works, told.shape, None)


BAD = [
    (lambda: explain_broadcast(), ValueError, "0 shapes came; expected 1 to 26"),
    (lambda: explain_broadcast(*[()] * 27), ValueError, "27 shapes came; expected 1 to 26"),
    (lambda: explain_broadcast((2,), 3), TypeError, r"b is 3; expected a shape such as \(2, 3\), or a tensor"),
    (lambda: explain_broadcast("23"), TypeError, "a is '23'; expected a shape"),
    (lambda: explain_broadcast((2, 3.0)), TypeError, r"a\[1\] is 3.0; expected an integer"),
    (lambda: explain_broadcast((2, True)), TypeError, r"a\[1\] is True; expected an integer"),
    (lambda: explain_matmul((2, 3), (3, -1)), ValueError, r"b is \(3, -1\), which has a negative size"),
    (lambda: explain_view((2, 3), (-2,)), ValueError, r"shape is \(-2,\), which has a size below -1"),
    (lambda: explain_view((2, 3), 6), TypeError, r"shape is 6; expected sizes such as \(2, -1\)"),
    (lambda: explain_view(((2, 3), (1,)), (6,)), ValueError, "expected one stride of at least 0 an axis"),
    (lambda: explain_view(((2, 3), (3, -1)), (6,)), ValueError, "expected one stride of at least 0 an axis"),
    (lambda: explain_view({2, 3}, (6,)), TypeError, "x is {2, 3}; expected a shape"),
    (lambda: explain_conv((1, 3, 5), (4, 3)), ValueError, r"weight_shape is \(4, 3\); expected 3 to 5 axes"),
    (lambda: explain_conv((1, 3, 5), (4, 3, 0)), ValueError, "expected a kernel of at least 1 along every axis"),
    (lambda: explain_conv((1, 3, 5), (4, 3, 2), 0), ValueError, "stride is 0; expected integers of at least 1"),
    (lambda: explain_conv((1, 3, 5), (4, 3, 2), ()), ValueError, r"stride is \(\); expected integers of at least 1"),
    (lambda: explain_conv((1, 3, 5), (4, 3, 2), 1.5), TypeError, "stride is 1.5; expected an integer"),
    (lambda: explain_conv((1, 3, 5), (4, 3, 2), 1, -1), ValueError, "padding is -1; expected integers of at least 0"),
    (
        lambda: explain_conv((1, 3, 5), (4, 3, 2), 1, "full"),
        ValueError,
        "padding is 'full'; expected .* 'same' or 'valid'",
    ),
    (lambda: explain_conv((1, 3, 5), (4, 3, 2), groups=0), ValueError, "groups is 0; expected at least 1"),
    (lambda: explain_conv((1, 3, 5), (4, 3, 2), output_padding=1), ValueError, "only a transposed convolution has one"),
    (lambda: explain_pool((1, 3, 5), 0), ValueError, "kernel_size is 0; expected integers of at least 1"),
    (lambda: explain_pool((1, 3, 5), 2, kind="min"), ValueError, "kind is 'min'; expected 'max' or 'avg'"),
    (lambda: explain_pool((1, 3, 5), 2, kind="avg", dilation=2), ValueError, "dilation is 2; average pooling has none"),
    (lambda: explain_pool((1, 3, 5), (2,) * 4), ValueError, "axes is 4 .*; expected 1, 2 or 3"),
    (lambda: explain_index((3,), "a"), TypeError, "index has 'a'; expected an integer, a slice"),
    (lambda: explain_index((3,), (0, {})), TypeError, "index has {}; expected an integer, a slice"),
    (lambda: explain_index((3,), slice(0.5)), TypeError, "index has a slice with 0.5; expected integers"),
    (lambda: explain_index(3, 0), TypeError, "x is 3; expected a shape"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_argument_that_is_none_is_an_error_of_its_own(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_tensor_stands_for_its_shape():
    a, b = torch.empty(2, 1), torch.empty(3)
    assert explain_broadcast(a, b) == explain_broadcast((2, 1), torch.Size([3]))
    assert explain_matmul(a, b).text == explain_matmul([2, 1], (3,)).text
    assert explain_pool(torch.empty(3, 9), 2).shape == explain_pool((3, 9), (2,)).shape == (3, 4)


@pytest.mark.parametrize(
    ("shape", "kernel", "options", "function"),
    [
        ((3, 9), 2, {}, F.max_pool1d),
        ((3, 7, 9), 2, {}, F.max_pool1d),
        ((3, 7, 9), (2, 2), {}, F.max_pool2d),
        ((3, 7, 9), 2, {"axes": 2}, F.max_pool2d),
        ((2, 3, 7, 9), 2, {}, F.max_pool2d),
        ((2, 3, 5, 7, 9), 2, {}, F.max_pool3d),
    ],
)
def test_pooled_axes_follow_from_the_kernel_or_from_the_batch(shape, kernel, options, function):
    assert explain_pool(shape, kernel, **options).shape == function(torch.zeros(shape), kernel).shape


def test_explanation_prints_its_text_and_cannot_change():
    told = explain_index((3,), slice(None, None, -1))
    assert str(told) == repr(told) == told.text
    assert explain_conv((3,), (1, 1, 1))._repr_html_().startswith('<pre class="ptg-text">conv1d of (3,)')
    assert "&#x27;same&#x27;" in explain_conv((1, 1, 3), (1, 1, 1), padding="same")._repr_html_()
    with pytest.raises(dataclasses.FrozenInstanceError):
        told.works = True


def test_benchmark_fails_where_an_explanation_is_wrong(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["rules.py", "--cases", "30", "--seed", "1"])
    assert BENCHMARK.main() == 0
    draw, explain, ask = BENCHMARK.RULES["matmul"]
    wrong = lambda *shapes: dataclasses.replace(explain(*shapes), shape=(99,))  # noqa: E731
    monkeypatch.setattr(BENCHMARK, "RULES", {"matmul": (draw, wrong, ask)})
    assert BENCHMARK.main() == 1
    assert re.search(r"matmul +30 +0 +0 +0 +30 ", capsys.readouterr().out)

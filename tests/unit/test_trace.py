"""The trace takes any call, leaves its arguments as they were, and says what it cannot follow."""

import collections
import itertools
import random

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ptguide.trace import MOST_ELEMENTS, Kind, Link, trace

NONE, COMPARED, INDEX, COMPUTED, COPIED, MAYBE = Kind
X = torch.tensor([0.3, -1.2, 2.5, 0.4])
PAIR = collections.namedtuple("PAIR", ["left", "right"])


def rows(found, output=0, input=0):
    """The kinds as a matrix of numbers: a row for each output element, a column for each input element."""
    return found.kinds[output][input].reshape(found.outputs[output].numel(), -1).tolist()


def diagonal(kind, n):
    return [[kind if i == j else NONE for j in range(n)] for i in range(n)]


def pointwise(kinds):
    kinds = list(kinds)
    return [[kind if i == j else NONE for j in range(len(kinds))] for i, kind in enumerate(kinds)]


# --- What a trace holds ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "inputs"),
    [
        (torch.matmul, (torch.randn(2, 3), torch.randn(3, 4))),
        (torch.sort, X.reshape(2, 2)),
        (torch.gather, (torch.randn(2, 3), 1, torch.tensor([[2, 0], [1, 1]]))),
        (torch.sum, X),
        (torch.add, (torch.tensor(1.0), torch.tensor(2.0))),
    ],
)
def test_sources_and_targets_are_inverse_to_each_other(op, inputs):
    found = trace(op, inputs)
    forward, backward = set(), set()
    for o, output in enumerate(found.outputs):
        for index in itertools.product(*map(range, output.shape)):
            for link in found.sources(index, output=o):
                forward.add((found.output_names[o], index, link.name, link.index, link.kind))
    for i, tensor in enumerate(found.inputs):
        for index in itertools.product(*map(range, tensor.shape)):
            for link in found.targets(index, input=i):
                backward.add((link.name, link.index, found.input_names[i], index, link.kind))
    assert forward == backward
    assert len(forward) == sum(int((kinds != NONE).sum()) for row in found.kinds for kinds in row) > 0


def test_sources_of_a_negative_place():
    assert trace(torch.flip, X, dims=(0,)).sources((-1,)) == [Link("x", (0,), COPIED)]
    assert trace(torch.flip, X, dims=(0,)).targets((-1,)) == [Link("out", (0,), COPIED)]


@pytest.mark.parametrize("index", [(), (0, 0), (4,), (-5,)])
def test_a_place_outside_is_an_error(index):
    found = trace(torch.flip, X, dims=(0,))
    with pytest.raises(ValueError, match=r"index is \(.*\), which is no place in out of shape \(4,\)"):
        found.sources(index)
    with pytest.raises(ValueError, match=r"index is \(.*\), which is no place in x of shape \(4,\)"):
        found.targets(index)


@pytest.mark.parametrize(
    ("op", "inputs"),
    [
        (torch.matmul, (torch.randn(2, 3), torch.randn(3, 4))),
        (F.linear, (torch.randn(2, 3), torch.randn(4, 3), torch.randn(4))),
        (lambda x: x.tanh().cumsum(1), (torch.randn(2, 5),)),
    ],
)
def test_kinds_have_the_layout_and_the_zeros_of_a_jacobian(op, inputs):
    inputs = tuple(tensor.double() for tensor in inputs)
    found = trace(op, inputs)
    for i, jacobian in enumerate(torch.autograd.functional.jacobian(op, inputs)):
        assert torch.equal(found.depends(input=i), jacobian != 0)


def test_inputs_and_outputs_have_the_names_of_the_call():
    x, y = torch.randn(2, 2, 3)
    assert trace(torch.neg, x).input_names == ("x",)
    assert trace(torch.add, (x, y)).input_names == ("a", "b")
    assert trace(torch.stack, [x, y, x]).input_names == ("a", "b", "c")
    assert trace(torch.cat, [x] * 27).input_names[25:] == ("x25", "x26")
    assert trace(torch.addcmul, x, tensor1=x, tensor2=y).input_names == ("x", "tensor1", "tensor2")
    assert trace(torch.sort, x).output_names == ("values", "indices")
    assert trace(torch.unbind, x).output_names == ("out0", "out1")
    assert trace(lambda x: {"sum": x.sum(), "twice": 2 * x}, x).output_names == ("sum", "twice")
    assert trace(lambda x: PAIR(x, x), x).output_names == ("left", "right")
    assert trace(torch.Tensor.__setitem__, (x, 0, y[0])).output_names == ("a",)


def test_tensors_are_found_in_lists_dicts_and_keyword_arguments():
    def op(parts, *, extra):
        return parts[0][0] + parts[1]["deep"] * extra["factor"][0]

    nested = [[X], {"deep": X + 1, "unused": X}]
    found = trace(op, nested, extra=collections.OrderedDict(factor=(X + 2, "text")))
    assert found.input_names == ("a", "b", "c", "extra")
    assert [rows(found, input=i) for i in range(4)] == [
        diagonal(COMPUTED, 4),
        diagonal(COMPUTED, 4),
        diagonal(NONE, 4),
        diagonal(COMPUTED, 4),
    ]


def test_containers_arrive_as_the_types_they_are():
    def op(pair, shape, mapping):
        assert isinstance(pair, PAIR)
        assert isinstance(shape, torch.Size)
        assert isinstance(mapping, collections.defaultdict)
        assert mapping["missing"] == 7
        return pair.left + mapping["x"]

    mapping = collections.defaultdict(lambda: 7, x=X)
    found = trace(op, (PAIR(X, X), torch.Size([2, 3]), mapping))
    assert found.input_names == ("a", "b", "c")
    assert dict(mapping) == {"x": X}


def test_a_namedtuple_is_one_argument():
    assert rows(trace(lambda pair: pair.left * pair.right, PAIR(X, X + 1)), input=1) == diagonal(COMPUTED, 4)


def test_list_for_several_arguments_is_explained():
    with pytest.raises(TypeError) as caught:
        trace(torch.add, [X, X])
    assert caught.value.__notes__ == [
        "inputs is a list, so it was passed as one argument; give (a, b) to call op(a, b)."
    ]


def test_tuple_for_one_list_is_explained():
    with pytest.raises(TypeError) as caught:
        trace(torch.cat, (X, X))
    assert caught.value.__notes__ == [
        "inputs is a tuple, so each part was passed by itself; give [a, b] to call op([a, b])."
    ]


# --- Memory ----------------------------------------------------------------------------------------------------------


def test_the_memory_layout_of_an_input_is_kept():
    transposed = torch.arange(6.0).reshape(2, 3).T
    assert trace(lambda x: x.as_strided((6,), (1,)), transposed).outputs[0].tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        trace(torch.Tensor.view, (transposed, 6))
    found = trace(torch.reshape, (transposed, (6,)))
    assert [found.sources((n,))[0].index for n in range(6)] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]


def test_an_expanded_input_has_an_element_at_every_place():
    expanded = torch.tensor([[1.0], [2.0]]).expand(2, 3)
    assert rows(trace(torch.sum, expanded, dim=1)) == [[COMPUTED] * 3 + [NONE] * 3, [NONE] * 3 + [COMPUTED] * 3]
    assert rows(trace(torch.clone, expanded)) == diagonal(COPIED, 6)


def test_views_the_input_itself_and_one_result_twice():
    found = trace(lambda x: (x, x[1:], x[1:], x.reshape(2, 2).T), X)
    assert rows(found, 0) == diagonal(COPIED, 4)
    assert rows(found, 1) == rows(found, 2) == diagonal(COPIED, 4)[1:]
    assert [row.index(COPIED) for row in rows(found, 3)] == [0, 2, 1, 3]


def test_a_result_in_memory_of_the_operation_is_not_overwritten():
    memory = torch.empty(4)
    found = trace(lambda x: torch.mul(x, 2, out=memory), X)
    assert found.outputs[0].tolist() == (X * 2).tolist()
    assert rows(found) == diagonal(COMPUTED, 4)


def test_what_is_given_as_out_matters_nothing():
    out = torch.zeros(4)
    found = trace(torch.mul, (X, 2), out=out)
    assert found.input_names == ("x", "out")
    assert [rows(found, input=i) for i in range(2)] == [diagonal(COMPUTED, 4), diagonal(NONE, 4)]
    assert not out.any()


def test_arguments_and_all_random_numbers_are_unchanged():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout())
    net(torch.randn(5, 3)).sum().backward()
    x = torch.randn(5, 3, requires_grad=True)
    (x * 2).sum().backward()
    watched = [*net.state_dict().values(), *(p.grad for p in net.parameters()), x, x.grad]
    before = [tensor.detach().clone() for tensor in watched]
    state, python_state = torch.get_rng_state(), random.getstate()
    for op in (net, net.forward, lambda x: x.detach().zero_()):
        trace(op, x)
        trace(lambda layer, x, op=op: layer(x), (net, x))
    assert all(torch.equal(new, old) for new, old in zip(watched, before, strict=True))
    assert all(new.grad is not None for new in net.parameters())
    assert x.requires_grad
    assert torch.equal(torch.get_rng_state(), state)
    assert random.getstate() == python_state


def test_the_number_of_threads_is_unchanged():
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        trace(torch.neg, X)
        assert torch.get_num_threads() == threads + 1
    finally:
        torch.set_num_threads(threads)


def test_a_trace_holds_the_values_before_an_operation_in_place():
    found = trace(torch.Tensor.zero_, X)
    assert found.inputs[0].tolist() == X.tolist()
    assert found.outputs[0].tolist() == [0, 0, 0, 0]
    assert rows(found) == diagonal(NONE, 4)


def test_inputs_that_require_gradients_can_be_written_into():
    found = trace(torch.Tensor.add_, (X.clone().requires_grad_(), X))
    assert rows(found) == rows(found, input=1) == diagonal(COMPUTED, 4)
    assert not found.outputs[0].requires_grad


def test_in_inference_mode_a_write_is_seen():
    with torch.inference_mode():
        found = trace(lambda x: x.__setitem__(0, x[1]), X * 1)
    assert found.sources((0,)) == [Link("x", (1,), COPIED)]


# --- Dtypes and values -----------------------------------------------------------------------------------------------

DTYPES = [torch.bool, torch.uint8, torch.int8, torch.int64, torch.float16, torch.bfloat16, torch.float32]
DTYPES += [torch.float64, torch.complex64]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_is_copied_and_computed_with(dtype):
    x, y = torch.tensor([[1, 0, 3], [0, 2, 1]]).to(dtype)
    joined = trace(torch.cat, [x, y])
    assert rows(joined, input=0) == diagonal(COPIED, 3) + [[NONE] * 3] * 3
    assert rows(joined, input=1) == [[NONE] * 3] * 3 + diagonal(COPIED, 3)
    added = trace(torch.add, (x, y))
    # True or True stays True if one of them is changed, and False or True if the False is.
    stays = dtype == torch.bool
    assert rows(added, input=0) == pointwise(MAYBE if stays and other else COMPUTED for other in y.tolist())
    assert rows(added, input=1) == pointwise(MAYBE if stays and other else COMPUTED for other in x.tolist())
    assert rows(trace(torch.sum, x)) == [[COMPUTED] * 3]


def test_several_dtypes_in_one_call():
    found = trace(torch.cat, [X > 0, X, torch.tensor([3, 4])])
    assert [int((found.kinds[0][i] == COPIED).sum()) for i in range(3)] == [4, 4, 2]
    assert trace(torch.cat, [X[:1], torch.tensor([1 + 2j])]).sources((1,)) == [Link("b", (0,), COPIED)]
    assert rows(trace(torch.Tensor.half, X)) == diagonal(COPIED, 4)


def test_the_parts_of_a_complex_number():
    z = torch.tensor([1 + 2j, 3 + 0j])
    assert rows(trace(lambda z: z.imag, z)) == diagonal(COMPUTED, 2)
    assert rows(trace(torch.conj, z)) == diagonal(COMPUTED, 2)
    assert rows(trace(torch.view_as_real, z)) == [[COMPUTED, NONE]] * 2 + [[NONE, COMPUTED]] * 2
    assert rows(trace(torch.flip, z, dims=(0,))) == diagonal(COPIED, 2)[::-1]
    assert rows(trace(torch.conj, z.real + 0j)) == diagonal(COMPUTED, 2)
    turned = trace(lambda z, x, y: z * torch.complex(x, y), (z, z.real.clone(), z.imag.clone()))
    assert [rows(turned, input=i) for i in range(3)] == [diagonal(COMPUTED, 2)] * 3


@pytest.mark.parametrize("high", [torch.uint8, torch.int8])
def test_values_at_the_ends_of_a_small_dtype(high):
    limits = torch.iinfo(high)
    x = torch.tensor([limits.max, limits.min, 3], dtype=high)
    found = trace(torch.bitwise_xor, (x, x.flip(0)))
    assert rows(found) == rows(found, input=1) == diagonal(COMPUTED, 3)
    assert rows(trace(torch.flip, x, dims=(0,))) == diagonal(COPIED, 3)[::-1]
    assert rows(trace(torch.add, (x, x))) == diagonal(COMPUTED, 3)


@pytest.mark.parametrize(
    ("op", "inputs", "shape"),
    [
        (torch.neg, torch.empty(0, 3), (0, 3, 0, 3)),
        (torch.sum, torch.empty(0), (0,)),
        (torch.cat, [torch.empty(0, 2), torch.ones(3, 2)], (3, 2, 0, 2)),
        (torch.sort, torch.empty(2, 0), (2, 0, 2, 0)),
        (torch.bitwise_not, torch.empty(0, dtype=torch.int64), (0, 0)),
        (lambda x, i: x[i], (torch.ones(2), torch.empty(0, dtype=torch.int64)), (0, 2)),
    ],
)
def test_inputs_without_elements(op, inputs, shape):
    assert trace(op, inputs).kinds[0][0].shape == shape


def test_not_a_number_hides_nothing():
    x = torch.tensor([torch.nan, 1.0, 2.0])
    assert rows(trace(torch.sum, x)) == [[COMPUTED] * 3]
    assert rows(trace(torch.flip, x, dims=(0,))) == diagonal(COPIED, 3)[::-1]
    assert trace(torch.sort, x).sources((2,))[0] == Link("x", (0,), COPIED)
    assert rows(trace(torch.nan_to_num, x)) == [[COMPUTED, NONE, NONE], *diagonal(COPIED, 3)[1:]]
    assert rows(trace(torch.add, (x, x))) == diagonal(COMPUTED, 3)


def test_an_infinite_value_is_a_mask():
    q, k, v = torch.randn(3, 1, 3, 2)
    mask = torch.zeros(3, 3).masked_fill(torch.ones(3, 3).triu(1).bool(), -torch.inf)
    found = trace(F.scaled_dot_product_attention, (q, k, v), attn_mask=mask)
    keys = found.depends(input=2)[0, :, :, 0].any(dim=1).any(dim=2)  # of (position, feature, key, feature)
    assert keys.tolist() == (mask == 0).tolist()
    # A change of the mask matters, but for the key that is seen alone: its weight is 1 whatever the mask adds.
    assert found.depends(input=3)[0, :, 0].any(dim=0).flatten().tolist() == [False, *[True] * 8]


def test_zero_times_infinity_is_no_evidence():
    """At zero 1 / x is infinite, and masked with 0 not a number; only the first element counts."""
    assert rows(trace(lambda x: (torch.tensor([1.0, 0.0, 0.0]) / x).sum(), X[:3])) == [[COMPUTED, NONE, NONE]]


# --- Copied or not ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "op",
    [
        lambda x: x.clamp(-100, 100),
        lambda x: x.clamp(-1e6, 1e6),
        lambda x: x.clamp(max=1e3),
        F.hardtanh,
        F.relu,
        F.relu6,
        F.hardshrink,
        F.softshrink,
        lambda x: F.threshold(x, 0.1, 20),
        torch.abs,
        torch.sign,
        torch.round,
        torch.trunc,
        torch.Tensor.long,
        lambda x: x.remainder(50),
        lambda x: (x * x).sqrt(),
        lambda x: torch.where(x > 0, x, -x),
        lambda x: torch.where(x > 1e5, 0, x),
        lambda x: x > 50,
        lambda x: x == 0,
        lambda x: x.bool(),
        torch.neg,
    ],
)
def test_what_lets_some_values_pass_computes(op):
    for x in (X, X.abs().ceil()):
        assert rows(trace(op, x)) == diagonal(COMPUTED, 4)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool])
def test_bits_combined_are_no_copies(dtype):
    a, b, c = torch.tensor([[1, 0, 1], [0, 0, 1], [1, 1, 0]]).to(dtype)
    found = trace(lambda a, b, c: a ^ b ^ c, (a, b, c))
    assert [rows(found, input=i) for i in range(3)] == [diagonal(COMPUTED, 3)] * 3
    majority = trace(lambda a, b, c: a & b | b & c | c & a, (a, b, c))
    # Of 1, 0, 1 the 0 is outvoted whatever it is, and so on.
    assert rows(majority, input=0) == pointwise([COMPUTED, COMPUTED, COMPUTED])
    assert rows(majority, input=1) == pointwise([MAYBE, COMPUTED, COMPUTED])
    assert rows(majority, input=2) == pointwise([COMPUTED, MAYBE, MAYBE])


def test_a_comparison_beside_a_boolean_input_is_no_copy():
    found = trace(lambda m, x: (m.flip(0), x > 0.5), (X > 0, X.abs().round()))
    assert rows(found, 0, 0) == diagonal(COPIED, 4)[::-1]
    assert rows(found, 1, 1) == diagonal(COMPUTED, 4)


@pytest.mark.parametrize("op", [torch.mean, torch.sum, lambda x: torch.quantile(x, 0.5), lambda x: x.std(correction=0)])
def test_equal_values_mixed_are_no_copies(op):
    assert rows(trace(op, torch.ones(4))) == [[COMPUTED] * 4]


def test_equal_values_share_a_place_in_unique():
    found = trace(torch.unique, torch.tensor([2, 5, 2, 1]))
    copies = [[link.index[0] for link in found.sources((i,)) if link.kind == COPIED] for i in range(3)]
    assert copies == [[3], [0, 2], [1]]
    # Of the two 2, neither alone changes what the others give: a third value would make the output longer.
    assert rows(found) == [[MAYBE, COMPARED, MAYBE, COPIED], [COPIED, COMPARED] * 2, [MAYBE, COPIED, MAYBE, COMPARED]]
    values, inverse = (rows(trace(torch.unique, X, return_inverse=True), o) for o in range(2))
    assert [row.index(COPIED) for row in values] == [1, 0, 3, 2]
    assert inverse == [[COMPUTED] * 4] * 4


@pytest.mark.parametrize("op", [torch.max, torch.min])
def test_of_equal_values_the_one_that_the_indices_name_is_copied(op):
    found = trace(op, torch.tensor([3.0, 1, 1, 3]), dim=0)
    assert found.sources((), output=0)[int(found.outputs[1])].kind == COPIED
    assert {link.kind for link in found.sources((), output=1)} == {COMPUTED}


def test_an_order_that_is_computed_with_is_no_copy():
    assert rows(trace(lambda x: x.abs().amax(), X)) == [[COMPUTED] * 4]
    assert rows(trace(lambda x: x.sort().values * 2, X[:2])) == [[COMPUTED] * 2] * 2


def test_positions_in_a_long_order_depend_on_all():
    found = trace(torch.argsort, torch.randn(60, generator=torch.Generator().manual_seed(0)))
    assert found.depends().all()


@pytest.mark.parametrize("dtype", [torch.bool, torch.float32, torch.int64])
def test_any_and_all_depend_on_all(dtype):
    ones, zeros = torch.ones(20).to(dtype), torch.zeros(20).to(dtype)
    assert rows(trace(torch.any, zeros)) == rows(trace(torch.all, ones)) == [[COMPUTED] * 20]
    # One more or less makes no difference; all together would.
    assert rows(trace(torch.any, ones)) == rows(trace(torch.all, zeros)) == [[MAYBE] * 20]


def test_a_constant_depends_on_nothing():
    assert rows(trace(torch.softmax, torch.ones(1), dim=0)) == [[NONE]]
    assert rows(trace(torch.zeros_like, X)) == diagonal(NONE, 4)
    assert trace(F.one_hot, torch.tensor([0]), num_classes=1).sources((0, 0)) == []


def test_dropout_keeps_the_elements_that_it_kept():
    x = torch.ones(16)
    torch.manual_seed(0)
    found = trace(F.dropout, x)
    kept = F.dropout(x) != 0
    assert 0 < kept.sum() < 16
    assert [row[place] for place, row in enumerate(rows(found))] == [COMPUTED if k else NONE for k in kept]


def test_a_generator_draws_the_same_in_every_run_and_afterwards():
    generator = torch.Generator().manual_seed(0)
    state = generator.get_state()
    found = trace(lambda x, generator: x[torch.randperm(4, generator=generator)], X, generator=generator)
    assert found.outputs[0].tolist() == X[torch.randperm(4, generator=torch.Generator().manual_seed(0))].tolist()
    assert torch.equal(generator.get_state(), state)


def test_a_deep_network_sees_its_field_of_view():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv1d(1, 2, 3), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(2, 1, 2))
    seen = trace(net, torch.randn(1, 1, 12)).depends()[0, 0, :, 0, 0]
    assert seen.tolist() == [[2 * i <= j < 2 * i + 6 for j in range(12)] for i in range(4)]


def test_a_small_change_is_tried_where_a_large_one_is_refused():
    found = trace(torch.linalg.cholesky, torch.eye(3) + 0.1)
    assert torch.equal(found.depends().any(dim=0).any(dim=0), torch.ones(3, 3).tril().bool())


def test_an_operation_may_refuse_values_in_its_own_way():
    def positive(x):
        assert (x > 0).all(), "must be positive"
        return torch.cat([x.log(), x])

    assert rows(trace(positive, X.abs())) == diagonal(COMPUTED, 4) + diagonal(COPIED, 4)


def test_warnings_about_values_that_nobody_gave_are_not_shown(recwarn):
    def op(x):
        if (x > 2.5).any():
            torch.warnings.warn("large", stacklevel=1)
        return x * 2

    torch.warnings.simplefilter("always")
    trace(op, X)
    assert not recwarn.list


# --- Values or indices -----------------------------------------------------------------------------------------------


def test_an_index_is_one_though_the_operation_makes_it_an_integer():
    index = torch.tensor([3, 0], dtype=torch.uint8)
    found = trace(lambda x, i: x[i.long()], (X, index))
    assert rows(found, input=1) == diagonal(INDEX, 2)
    assert [row.index(COPIED) for row in rows(found)] == [3, 0]
    masked = trace(lambda x, m: x.where(m.bool(), 0), (X, X > 0))
    assert rows(masked, input=1) == diagonal(INDEX, 4)


def test_integers_that_are_compared_or_multiplied_are_values():
    i = torch.tensor([2, 0, 1, 3])
    assert rows(trace(torch.gt, (X, i)), input=1) == diagonal(COMPUTED, 4)
    assert rows(trace(torch.mul, (X, i)), input=1) == diagonal(COMPUTED, 4)
    assert rows(trace(torch.mul, (X, i > 0)), input=1) == diagonal(COMPUTED, 4)
    assert rows(trace(lambda x, i: torch.where(x > i, x, -1), (X, i * 10 + 20)), input=1) == diagonal(COMPUTED, 4)
    both = trace(lambda x, i: torch.where(x > i, x, -1), (X, i))
    assert [row[place] for place, row in enumerate(rows(both, input=1))] == [COMPUTED] * 4


def test_integers_beside_a_module_are_values():
    found = trace(lambda layer, x, i: layer(x) * i, (nn.Linear(4, 3), X, torch.tensor([1, 2, 3])))
    assert rows(found, input=1) == diagonal(COMPUTED, 3)


def test_a_rounded_copy_is_computed():
    found = trace(lambda x, i: (x.long(), i), (X.ceil(), torch.tensor([1, 2])))
    assert rows(found) == diagonal(COMPUTED, 4)
    assert rows(found, 1, 1) == diagonal(COPIED, 2)


def test_an_index_at_the_end_of_its_dtype():
    found = trace(lambda x, i: x[i.long()], (torch.arange(256.0), torch.tensor([255, 0], dtype=torch.uint8)))
    assert rows(found, input=1) == diagonal(INDEX, 2)
    assert [row.index(COPIED) for row in rows(found)] == [255, 0]


def test_integers_of_several_meanings_at_once():
    def op(x, i, factor, mask):
        return torch.where(mask, x[i] * factor, 0)

    i, factor = torch.tensor([3, 0, 1, 1]), torch.tensor([1, 2, 3, 4])
    found = trace(op, (X, i, factor, torch.tensor([True, False, True, True])))
    assert [row[n] for n, row in enumerate(rows(found, input=1))] == [INDEX, NONE, INDEX, INDEX]
    assert [row[n] for n, row in enumerate(rows(found, input=2))] == [COMPUTED, NONE, COMPUTED, COMPUTED]
    assert rows(found, input=3) == diagonal(INDEX, 4)


def test_many_integer_inputs_take_few_runs():
    index = [torch.tensor([place]) for place in range(12)]
    calls = []

    def op(x, index):
        calls.append(1)
        return torch.stack([x[i] for i in index])

    assert trace(op, (torch.randn(13), index)).sources((11, 0))[1].kind == INDEX
    assert len(calls) < 1500


def test_an_index_from_the_end_and_one_that_is_alone():
    found = trace(lambda x, i: x[i], (X, torch.tensor([-1, 3, 0])))
    assert rows(found, input=1) == diagonal(INDEX, 3)
    assert rows(trace(lambda x, i: x[i], (X[:1], torch.tensor([0]))), input=1) == [[NONE]]
    small = trace(torch.take_along_dim, (X, torch.tensor([0, 2])))
    assert rows(small, input=1) == diagonal(INDEX, 2)


def test_a_mask_that_hides_nothing_is_a_mask():
    q = torch.randn(1, 3, 2)
    found = trace(F.scaled_dot_product_attention, (q, q, q), attn_mask=torch.ones(3, 3, dtype=torch.bool))
    assert set(found.kinds[0][3].flatten().tolist()) == {NONE, INDEX}


def test_integers_alone_are_computed_with():
    table = torch.nn.Embedding(5, 2)
    assert trace(table, torch.tensor([4, 1])).sources((0, 1)) == [Link("x", (0,), COMPUTED)]
    assert trace(F.one_hot, torch.tensor([0, 0]), num_classes=20).sources((1, 17)) == [Link("x", (1,), COMPUTED)]
    assert trace(F.one_hot, torch.tensor([1, 0])).sources((1, 1)) == [Link("x", (1,), COMPUTED)]


# --- What cannot be traced -------------------------------------------------------------------------------------------


def test_something_to_call_is_needed():
    with pytest.raises(TypeError, match=r"op is 3; expected something to call, such as torch\.cat\."):
        trace(3, X)


@pytest.mark.parametrize("inputs", [3, (), [], [[], {}], "text"])
def test_a_tensor_is_needed(inputs):
    with pytest.raises(ValueError, match=r"there is no tensor in the inputs; expected at least one\."):
        trace(torch.neg, inputs)


def test_only_strided_tensors_with_values():
    expected = r"; expected ordinary \(strided\) tensors with values\."
    with pytest.raises(ValueError, match=r"a tensor in the inputs is torch\.sparse_coo" + expected):
        trace(torch.neg, X.to_sparse())
    with pytest.raises(ValueError, match="a tensor in the inputs is on the meta device" + expected):
        trace(torch.neg, X.to("meta"))
    with pytest.raises(ValueError, match=r"a tensor in the result is torch\.sparse_coo" + expected):
        trace(torch.Tensor.to_sparse, X)


@pytest.mark.filterwarnings("ignore")  # torch warns that quantized and nested tensors may change
def test_no_quantized_and_no_nested_tensors():
    with pytest.raises(ValueError, match="a tensor in the inputs is quantized; expected ordinary"):
        trace(torch.neg, torch.quantize_per_tensor(X, 0.1, 0, torch.quint8))
    with pytest.raises(ValueError, match="a tensor in the inputs is nested; expected ordinary"):
        trace(torch.neg, torch.nested.nested_tensor([X, X[:2]]))


def test_more_elements_than_the_bound():
    more = MOST_ELEMENTS + 1
    with pytest.raises(ValueError, match=rf"there are {more} elements in the inputs; trace follows at most 4096\."):
        trace(torch.sum, (torch.zeros(more),))
    with pytest.raises(ValueError, match=rf"there are {more} elements in the inputs; .*Take a smaller example\."):
        trace(torch.cat, [torch.zeros(MOST_ELEMENTS), torch.zeros(1)])
    with pytest.raises(ValueError, match="there are 8192 elements in the result; trace follows at most 4096"):
        trace(torch.sort, torch.zeros(MOST_ELEMENTS))


def test_at_the_bound_it_works():
    found = trace(torch.flip, torch.zeros(64, 64), dims=(1,))
    assert found.sources((5, 60)) == [Link("x", (5, 3), COPIED)]
    assert torch.equal(found.kinds[0][0].count_nonzero(dim=(2, 3)), torch.ones(64, 64, dtype=torch.int64))


@pytest.mark.parametrize(("op", "kind"), [(torch.Tensor.tolist, "list"), (torch.numel, "int"), (id, "int")])
def test_a_result_without_tensors(op, kind):
    with pytest.raises(TypeError, match=f"op returned {kind}, which holds no tensor, and wrote into none of its input"):
        trace(op, X)


def test_random_numbers_that_torch_does_not_draw():
    with pytest.raises(ValueError, match="op gave two results for the same values, so it keeps something from call to"):
        trace(lambda x: x * random.random(), X)


def test_memory_from_call_to_call():
    total = torch.zeros(4)
    with pytest.raises(ValueError, match="it keeps something from call to call, or draws random numbers that torch"):
        trace(lambda x: total.add_(x), X)


@pytest.mark.parametrize(
    "op",
    [
        torch.nonzero,
        lambda x: x[x > 0],
        lambda x: x[: int(x.sum().round().clamp(0, 4))],
        lambda x: torch.unique(x, return_counts=True),
    ],
)
@pytest.mark.parametrize("x", [X, X.abs()])
def test_a_shape_that_depends_on_the_values(op, x):
    with pytest.raises(ValueError, match="the shape of its output depends on the values, so that no element keeps its"):
        trace(op, x)


def test_a_shape_that_depends_on_the_only_integer():
    with pytest.raises(ValueError, match="Trace an operation whose output has the same shape for all values"):
        trace(F.one_hot, torch.tensor([0]))


def test_an_operation_that_takes_one_value_alone():
    def strict(x):
        if not torch.equal(x.float(), X):
            raise ValueError("not these")
        return x * 2

    with pytest.raises(ValueError, match="it refuses every other value of some element, so that nothing shows what"):
        trace(strict, X)


def test_what_the_operation_itself_raises():
    with pytest.raises(RuntimeError, match="must match the size of tensor b"):
        trace(torch.add, (X, X[:3]))

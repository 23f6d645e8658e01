"""What is said of a tensor equals what plain Python says of its elements, one by one."""

import math
import statistics
import xml.etree.ElementTree as ET
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from ptguide.tensors import _sharing, _statistics, describe, shares_memory, storage_map, who_shares

checked = settings(deadline=None, derandomize=True, max_examples=100)
FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e5m2]
INTEGERS = [torch.int64, torch.int32, torch.int8, torch.uint8, torch.uint16, torch.uint32, torch.uint64]
any_float = st.floats(width=64) | st.sampled_from([0.0, 1.0, 1e-310, 3e-200, 1e308, math.inf, -math.inf, math.nan])
shapes = st.lists(st.integers(1, 5), max_size=4)


def view_of(x, data):
    """Draw a view of a tensor, in up to three steps that each use other strides."""
    for _ in range(data.draw(st.integers(0, 3))):
        axis = data.draw(st.integers(0, max(x.ndim - 1, 0)))
        size = x.shape[axis] if x.ndim else 0
        kind = data.draw(st.sampled_from("transpose slice expand diagonal unfold flip select".split()))
        if kind == "expand":
            x = x.unsqueeze(axis).expand(*x.shape[:axis], 3, *x.shape[axis:])
        elif not x.ndim:
            continue
        elif kind == "transpose":
            x = x.transpose(axis, data.draw(st.integers(0, x.ndim - 1)))
        elif kind == "slice":
            start = data.draw(st.integers(0, size))
            x = x[(slice(None),) * axis + (slice(start, None, data.draw(st.integers(1, 3))),)]
        elif kind == "diagonal" and x.ndim > 1:
            x = x.diagonal(data.draw(st.integers(-1, 1)), 0, 1)
        elif kind == "unfold" and size:
            x = x.unfold(axis, data.draw(st.integers(1, size)), data.draw(st.integers(1, 2)))
        elif kind == "flip":
            x = x.flip(axis)  # a copy
        elif kind == "select" and size:
            x = x.select(axis, data.draw(st.integers(0, size - 1)))
    return x


def bytes_of(x):
    """List the address of every byte of every element, by the definition of strides."""
    addresses = set()
    for index in np.ndindex(*x.shape):
        place = sum(i * stride for i, stride in zip(index, x.stride(), strict=True))
        first = x.untyped_storage().data_ptr() + (x.storage_offset() + place) * x.itemsize
        addresses.update(range(first, first + x.itemsize))
    return addresses


# describe: the statistics


@checked
@given(values=st.lists(any_float, min_size=1, max_size=20), dtype=st.sampled_from(FLOATS))
@example(values=[1e308, 1.5e308, -1.7e308], dtype=torch.float64)
@example(values=[1e-200, 3e-200], dtype=torch.float64)
@example(values=[5e-324, 1e308, math.nan], dtype=torch.float64)
@example(values=[60000.0, 60000.0, -1.0, math.inf], dtype=torch.float16)
def test_float_statistics_are_those_of_the_finite_elements(values, dtype):
    x = torch.tensor(values, dtype=torch.float64).to(dtype)
    held = x.double().tolist()
    finite = [value for value in held if math.isfinite(value)]
    found = describe(x)
    assert found.nan_count == sum(map(math.isnan, held))
    assert found.inf_count == sum(map(math.isinf, held))
    assert found.true_count is None
    assert found.min == min(finite, default=None)
    assert found.max == max(finite, default=None)
    if not finite:
        assert found.mean is None
        assert found.std is None
        return
    # A sum of values with both signs cannot be more exact than its largest term allows.
    error = 1e-14 * max(map(abs, finite)) + 5e-324
    assert found.mean == pytest.approx(float(statistics.mean(map(Fraction, finite))), rel=1e-12, abs=error)
    if len(finite) == 1:
        assert found.std is None
    else:
        middle = statistics.mean(map(Fraction, finite))
        variance = sum((Fraction(value) - middle) ** 2 for value in finite) / (len(finite) - 1)
        assert found.std == pytest.approx(float(root(variance)), rel=1e-9, abs=error)


def root(value):
    """Square root of a fraction that may lie outside the range of a float."""
    return Fraction(math.isqrt(math.floor(value * 10**1400)), 10**700)


def test_of_no_booleans_none_is_true():
    assert describe(torch.empty(0, dtype=torch.bool)).true_count == 0
    assert describe(torch.empty(0, dtype=torch.int64)).true_count is None


@checked
@given(data=st.data(), dtype=st.sampled_from(INTEGERS))
def test_integers_are_exact(data, dtype):
    info = torch.iinfo(dtype)
    edges = st.sampled_from([info.min, info.min + 1, info.max - 1, info.max])
    values = data.draw(st.lists(st.integers(info.min, info.max) | edges, min_size=1, max_size=20))
    found = describe(torch.tensor(values, dtype=dtype))
    assert (found.min, found.max, found.nan_count, found.inf_count) == (min(values), max(values), 0, 0)
    largest = max(map(abs, values))
    assert found.mean == pytest.approx(float(Fraction(sum(values), len(values))), rel=1e-12, abs=1e-14 * largest)
    assert found.std is None
    assert found.true_count is None


def test_integers_beyond_2_to_the_53_are_told_apart():
    assert describe(torch.tensor([2**53, 2**53 + 1])).max == 2**53 + 1
    assert "max 9223372036854775807" in str(describe(torch.tensor([0, 2**63 - 1])))


def test_statistics_in_float32_where_a_device_has_no_float64(monkeypatch):
    monkeypatch.setattr(_statistics, "_working_dtype", lambda x: torch.float32)
    found = describe(torch.tensor([3e38, 1e38, math.nan]))
    assert (found.nan_count, found.inf_count) == (1, 0)
    assert found.mean == pytest.approx(2e38, rel=1e-6)
    assert found.std == pytest.approx(math.sqrt(2) * 1e38, rel=1e-6)
    assert describe(torch.tensor([2**62 + 1, -(2**62)])).max == 2**62 + 1
    assert describe(torch.tensor([3e38 + 4j], dtype=torch.complex64)).max == pytest.approx(3e38)


@checked
@given(values=st.lists(st.complex_numbers(max_magnitude=1e150), min_size=2, max_size=20), conjugate=st.booleans())
def test_complex_statistics_are_of_the_absolute_value(values, conjugate):
    x = torch.tensor(values, dtype=torch.complex128)
    found = describe(x.conj() if conjugate else x)
    sizes = list(map(abs, values))
    assert (found.min, found.max) == pytest.approx((min(sizes), max(sizes)))
    assert found.mean == pytest.approx(statistics.fmean(sizes))
    assert "absolute value: min" in str(found)


def test_complex_elements_count_as_their_absolute_value_does():
    x = torch.tensor([complex(math.nan, 1), complex(math.inf, math.nan), complex(1.7e308, 1.7e308), 3 + 4j])
    found = describe(x.to(torch.complex128))
    assert (found.nan_count, found.inf_count, found.max) == (1, 2, 5)
    x = torch.tensor([complex(1.7e308, 1.7e308)], dtype=torch.complex128)
    assert describe(x).inf_count == 1
    x = torch.tensor([complex(3e38, 3e38)], dtype=torch.complex64)
    assert describe(x).inf_count == 0


@checked
@given(data=st.data(), shape=shapes)
def test_statistics_of_a_view_are_those_of_its_elements(data, shape):
    x = view_of(torch.arange(math.prod(shape), dtype=torch.float64).reshape(shape) ** 2, data)
    found = describe(x)
    elements = x.flatten().tolist()
    assert (found.min, found.max) == (min(elements, default=None), max(elements, default=None))
    assert found.shape == tuple(x.shape)
    assert found.element_bytes == 8 * len(elements)


def test_negated_view_has_negated_statistics():
    x = torch.tensor([1 + 2j, 3 + 4j]).conj().imag
    assert x.is_neg()
    assert (describe(x).min, describe(x).max) == (-4, -2)


# describe: the line and the table


def attention_mask():
    return torch.ones(3, 4, dtype=torch.bool).tril()


@pytest.mark.parametrize(
    ("tensor", "line"),
    [
        (torch.tensor([1.0, 2, 6]), "Tensor (3,) float32 cpu | min 1 max 6 mean 3 std 2.646"),
        (torch.tensor([[4, 9]]), "Tensor (1, 2) int64 cpu | min 4 max 9 mean 6.5"),
        (torch.tensor(7), "Tensor () int64 cpu | value 7"),
        (torch.tensor([3 + 4j]), "Tensor (1,) complex64 cpu | absolute value 5"),
        (torch.tensor([3 + 4j, 1j]), "Tensor (2,) complex64 cpu | absolute value: min 1 max 5 mean 3 std 2.828"),
        (attention_mask(), "Tensor (3, 4) bool cpu | 6 of 12 True"),
        (torch.ones(2, 0), "Tensor (2, 0) float32 cpu | no elements"),
        (torch.ones(0, dtype=torch.bool), "Tensor (0,) bool cpu | no elements"),
        (torch.ones(2, 3, device="meta"), "Tensor (2, 3) float32 meta | no values on meta"),
        (torch.tensor([1.0, math.nan, math.nan]), "Tensor (3,) float32 cpu | min 1 max 1 mean 1 | 2 NaN"),
        (torch.tensor([math.nan, -math.inf]), "Tensor (2,) float32 cpu | no finite element | 1 NaN, 1 inf"),
        (torch.arange(12).view(3, 4).T[2:], "Tensor (2, 3) int64 cpu | min 2 max 11 mean 6.5"
         " | strides (1, 4), offset 2, storage of 12 elements"),
        (torch.arange(6)[2:], "Tensor (4,) int64 cpu | min 2 max 5 mean 3.5 | offset 2, storage of 6 elements"),
        (torch.nn.Parameter(torch.ones(2)), "Parameter (2,) float32 cpu | min 1 max 1 mean 1 std 0 | requires grad"),
        (torch.ones(1, requires_grad=True) * 2, "Tensor (1,) float32 cpu | value 2 | requires grad (MulBackward0)"),
    ],
)  # fmt: skip
def test_line_says_what_deviates_and_no_more(tensor, line):
    assert str(describe(tensor)) == repr(describe(tensor)) == line


def test_layout_and_sizes_are_in_their_units():
    found = describe(torch.zeros(3, 4, dtype=torch.int16)[:, 1:])
    assert (found.strides, found.storage_offset, found.is_contiguous) == ((4, 1), 1, False)
    assert (found.storage_elements, found.storage_bytes, found.element_bytes) == (12, 24, 18)


def rows_of(html):
    table = ET.fromstring(html)
    assert (table.tag, table.get("class")) == ("table", "ptg-table")
    assert {head.get("scope") for head in table.iter("th")} == {"row"}
    return {row.find("th").text: row.find("td").text for row in table.iter("tr")}


def test_table_has_every_field():
    found = describe(torch.tensor([1.0, 2.0, math.inf]))
    rows = rows_of(found._repr_html_())
    assert list(rows) == [name.replace("_", " ") for name in vars(found)]
    assert [rows[name] for name in ("shape", "storage bytes", "max", "inf count")] == ["(3,)", "12", "2.0", "1"]
    assert [rows[name] for name in ("true count", "grad fn")] == ["–", "–"]


def test_tables_escape_names():
    class Odd(torch.Tensor):
        pass

    Odd.__name__ = "<b>&"
    assert rows_of(describe(torch.ones(2).as_subclass(Odd))._repr_html_())["kind"] == "<b>&"
    assert "<i>" not in who_shares({"<i>": torch.ones(1)})._repr_html_()


# describe: what it does to the tensor and to the device


class Waits(TorchDispatchMode):
    """Note the operations that make the program wait for a device."""

    found = ()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        if any(part in str(operation) for part in ("_local_scalar_dense", "nonzero", "masked_select", "unique")):
            self.found += (str(operation),)
        return operation(*args, **(kwargs or {}))


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, torch.bool, torch.complex64])
def test_one_transfer_and_no_other_wait(monkeypatch, dtype):
    fetched = []
    original = torch.Tensor.tolist
    monkeypatch.setattr(torch.Tensor, "tolist", lambda self: fetched.append(self.shape) or original(self))
    monkeypatch.setattr(torch.Tensor, "cpu", lambda self: pytest.fail("cpu() is a second transfer"))
    with Waits() as waits:
        describe(torch.ones(2, 3).to(dtype))
    assert len(waits.found) + len(fetched) == 1


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, torch.complex64])
def test_measuring_needs_no_value_on_the_host(dtype):
    """A tensor on meta has no values, so whatever reads one, or goes to another device, raises there."""
    x = torch.empty(2, 3, dtype=dtype, device="meta")
    measure = (
        _statistics._measure_floats if dtype.is_floating_point or dtype.is_complex else _statistics._measure_integers
    )
    assert {part.device.type for parts in measure(x) for part in parts} == {"meta"}


def test_nothing_is_changed_or_recorded():
    x = torch.tensor([1.0, math.nan, 3.0], requires_grad=True)
    y = x * 2
    version, before = y._version, y.detach().clone()

    def recorded(saved):
        pytest.fail("autograd saved a tensor, so it recorded an operation")

    with torch.autograd.graph.saved_tensors_hooks(recorded, recorded):
        found = describe(y)
    assert y._version == version
    torch.testing.assert_close(y.detach(), before, equal_nan=True, rtol=0, atol=0)
    assert found.grad_fn == "MulBackward0"


# storage_map


@checked
@given(data=st.data(), shape=shapes, dtype=st.sampled_from([torch.int64, torch.float32, torch.complex64]))
def test_storage_map_finds_every_element_in_the_storage(data, shape, dtype):
    x = view_of(torch.arange(math.prod(shape)).to(dtype).reshape(shape), data)
    flat = torch.empty(0, dtype=dtype).set_(x.untyped_storage())
    places = storage_map(x)
    assert places.dtype == torch.int64
    assert places.shape == x.shape
    assert torch.equal(flat[places], x)


def test_storage_map_of_repeated_places():
    assert storage_map(torch.ones(2).unsqueeze(1).expand(2, 3)).tolist() == [[0, 0, 0], [1, 1, 1]]
    assert storage_map(torch.arange(4).unfold(0, 2, 1)).tolist() == [[0, 1], [1, 2], [2, 3]]


def test_storage_map_reads_no_values():
    assert storage_map(torch.empty(2, 3, device="meta")[1]).tolist() == [3, 4, 5]
    with torch.device("meta"):
        assert storage_map(torch.empty(2)).tolist() == [0, 1]


# shares_memory


@checked
@given(data=st.data(), shape=shapes)
def test_sharing_is_a_common_byte(data, shape):
    x = torch.zeros(shape, dtype=torch.complex64)
    a, b = view_of(x, data), view_of(data.draw(st.sampled_from([x, torch.view_as_real(x)])), data)
    assert shares_memory(a, b) == shares_memory(b, a) == bool(bytes_of(a) & bytes_of(b))


@settings(checked, max_examples=500)
@given(
    layouts=st.lists(
        st.tuples(
            st.integers(0, 9),
            st.lists(st.tuples(st.integers(1, 4), st.integers(0, 12)), max_size=3),
            st.sampled_from([torch.uint8, torch.int16, torch.int32]),
        ),
        min_size=2,
        max_size=2,
    )
)
def test_sharing_under_any_strides(layouts):
    memory = torch.zeros(1024, dtype=torch.uint8)
    a, b = (
        memory.view(dtype).as_strided([size for size, _ in axes], [stride for _, stride in axes], offset)
        for offset, axes, dtype in layouts
    )
    assert shares_memory(a, b) == bool(bytes_of(a) & bytes_of(b))


@settings(checked, max_examples=300)
@given(strides=st.lists(st.integers(4, 12), min_size=2, max_size=2), offset=st.integers(1, 40), sizes=st.integers(3, 8))
def test_sharing_of_runs_that_must_be_compared(strides, offset, sizes):
    memory = torch.zeros(256, dtype=torch.uint8)
    a = memory.as_strided((sizes, 3), (strides[0], 1))
    b = memory.as_strided((sizes, 2), (strides[1], 1), offset)
    assume(a.shape[0] * strides[0] > offset)
    assert shares_memory(a, b) == bool(bytes_of(a) & bytes_of(b))


def test_two_storages_over_the_same_memory():
    array = np.zeros(6, dtype=np.float32)
    a, b = torch.from_numpy(array), torch.from_numpy(array)
    assert a.untyped_storage()._cdata != b.untyped_storage()._cdata
    assert shares_memory(a, b)
    assert not shares_memory(a[:3], b[3:])


def test_same_bytes_under_another_dtype():
    x = torch.zeros(4, dtype=torch.int32)
    assert shares_memory(x[1], x.view(torch.uint8)[4:])
    assert not shares_memory(x[1], x.view(torch.uint8)[8:])
    z = torch.zeros(3, dtype=torch.complex64)
    assert shares_memory(z, z.imag)
    assert not shares_memory(z.real, z.imag)
    assert shares_memory(z, z.conj())


@pytest.mark.parametrize("pick", [lambda x: x.to("meta"), lambda x: x[:0], lambda x: x[:, :0], lambda x: x.clone()])
def test_sharing_nothing(pick):
    x = torch.zeros(2, 3)
    assert not shares_memory(x, pick(x))
    assert not shares_memory(pick(x), pick(x))


def test_meta_tensors_share_nothing():
    x = torch.empty(4, 5, device="meta")
    assert not shares_memory(x[1:], x[1:])


def test_equal_addresses_on_two_devices_are_two_places():
    a = _sharing._footprint("a", torch.zeros(3))
    assert _sharing._overlap(a, a)
    assert not _sharing._overlap(a, a._replace(device=torch.device("cuda:0")))


def test_comparison_is_bounded_only_where_addresses_and_strides_do_not_decide(monkeypatch):
    monkeypatch.setattr(_sharing, "_places", lambda *_: pytest.fail("compared run by run"))
    memory = torch.zeros(1, dtype=torch.uint8).expand(100_000_000)  # no memory: one byte
    assert shares_memory(memory, memory)
    x = torch.empty(40_000_000, dtype=torch.uint8)
    assert not shares_memory(x[::2], x[1::2])
    assert not shares_memory(x[:20_000_000:2], x[20_000_000::2])
    assert not shares_memory(x.as_strided((1, 9_999_999), (3, 2)), x.as_strided((9_999_999,), (2,), 1))
    assert shares_memory(x, x[1:-1:2])
    assert shares_memory(x.view(-1, 8), x[1:-1:2])
    assert shares_memory(x[1::2], x[2:])
    assert shares_memory(x[20_000_000:], x[1:-1:2])
    assert shares_memory(x[:20_000_000], x[1:-1:2])
    assert shares_memory(x[:-1], x[1:])
    assert shares_memory(x[::3], x[::5])
    assert not shares_memory(x.view(-1, 8)[:, :3], x.view(-1, 8)[:, 3:])
    with pytest.raises(ValueError, match=r"^a and b lie in 21,333,332 runs of bytes, .* at most 10,000,000\. Compare"):
        shares_memory(x[0:-2:3], x[1:-7:5])
    with pytest.raises(ValueError, match=r"^tensors\['p'\] and tensors\['q'\] lie in 21,333,332 runs"):
        who_shares({"p": x[0:-2:3], "q": x[1:-7:5]})


# who_shares


@checked
@given(data=st.data(), count=st.integers(0, 6))
def test_groups_are_the_connected_sets(data, count):
    x = torch.zeros(12)
    tensors = {}
    for index in range(count):
        start = data.draw(st.integers(0, 11))
        tensors[f"t{index}"] = x[start : data.draw(st.integers(start, 12)) : data.draw(st.integers(1, 2))]
    sharing = who_shares(tensors)
    names = list(tensors)
    near = {(a, b) for a in names for b in names if a == b or bytes_of(tensors[a]) & bytes_of(tensors[b])}
    assert sharing.pairs == tuple((a, b) for i, a in enumerate(names) for b in names[i + 1 :] if (a, b) in near)
    for middle in names:  # Warshall's closure
        near |= {(a, b) for a in names for b in names if (a, middle) in near and (middle, b) in near}
    expected = dict.fromkeys(tuple(b for b in names if (a, b) in near) for a in names)
    assert sharing.groups == tuple(expected)


def test_sharing_in_words():
    x = torch.zeros(3, 4)
    sharing = who_shares({"first": x[0], "alone": x.clone(), "last": x[2], "x": x, "p": (y := x + 1), "q": y.T})
    assert sharing.groups == (("first", "last", "x"), ("alone",), ("p", "q"))
    assert str(sharing) == repr(sharing)
    assert str(sharing).splitlines() == [
        "first, last, x share memory (2 of 3 pairs)",
        "alone stands alone",
        "p, q share memory",
    ]
    assert rows_of(sharing._repr_html_()) == {
        "first, last, x share memory (2 of 3 pairs)": "first with x; last with x",
        "alone stands alone": "–",
        "p, q share memory": "p with q",
    }


def test_tied_weights_of_a_module_are_found():
    model = torch.nn.ModuleDict({"embedding": torch.nn.Embedding(7, 3), "head": torch.nn.Linear(3, 7, bias=False)})
    model["head"].weight = model["embedding"].weight
    assert str(who_shares(model.state_dict())) == "embedding.weight, head.weight share memory"


# Errors


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (describe, "tensor"),
        (storage_map, "tensor"),
        (lambda x: shares_memory(x, torch.ones(2)), "a"),
        (lambda x: shares_memory(torch.ones(2), x), "b"),
        (lambda x: who_shares({"x": x}), r"tensors\['x'\]"),
    ],
)
def test_what_has_no_strides_is_an_error_that_names_it(call, name):
    with pytest.raises(TypeError, match=rf"^{name} is a list; expected a torch.Tensor, as torch.as_tensor makes it\.$"):
        call([1, 2])
    sparse = rf"^{name} has layout torch.sparse_coo; expected a plain tensor .* Pass {name}.to_dense\(\)\.$"
    with pytest.raises(ValueError, match=sparse):
        call(torch.eye(3).to_sparse())
    nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged)
    with pytest.raises(ValueError, match=rf"^{name} is nested; expected .* Pass each of {name}.unbind\(\)\.$"):
        call(nested)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_quantized_is_an_error_that_says_what_to_pass():
    quantized = torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.quint8)
    with pytest.raises(ValueError, match=r"^tensor is quantized \(torch.quint8\); .* tensor.int_repr\(\) or"):
        describe(quantized)


def test_names_are_needed():
    with pytest.raises(TypeError, match=r"^tensors is a list; expected a dict of names, such as \{'x': x, 'y': y\}\.$"):
        who_shares([torch.ones(2)])

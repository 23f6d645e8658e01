"""A tensor whose values lie elsewhere, or cannot be read, has a line with what is known, or an error of ours."""

import math
import re

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from ptguide.tensors import describe, shares_memory, storage_map


def seen_inside(transform, function, *inputs):
    """Describe what a function gets inside a transform."""
    found = []
    transform(lambda *x: found.append(describe(function(*x))) or (x[0] ** 2).sum())(*inputs)
    return found[0]


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")  # torch's own, for jacfwd
@pytest.mark.parametrize(
    ("transform", "shape", "line"),
    [
        (torch.func.vmap, (2, 3), "Tensor (3,) float32 cpu | min 0 max 10 mean 5 std 3.742 (of all 2 samples in vmap)"),
        (torch.func.grad, (3,), "Tensor (3,) float32 cpu | min 0 max 4 mean 2 std 2 | requires grad (MulBackward0)"),
        (torch.func.jacrev, (3,), "Tensor (3,) float32 cpu | min 0 max 4 mean 2 std 2 | requires grad (MulBackward0)"),
        (torch.func.jacfwd, (3,), "Tensor (3,) float32 cpu | min 0 max 4 mean 2 std 2"),
        (torch.func.hessian, (3,), "Tensor (3,) float32 cpu | min 0 max 4 mean 2 std 2 | requires grad (MulBackward0)"),
        (torch.func.functionalize, (3,), "Tensor (3,) float32 cpu | min 0 max 4 mean 2 std 2"),
        (lambda f: torch.vmap(torch.vmap(f)), (2, 3), "Tensor () float32 cpu | min 0 max 10 mean 5 std 3.742"
         " (of all 6 samples in vmap)"),
        (lambda f: torch.vmap(torch.func.grad(f)), (2, 3), "Tensor (3,) float32 cpu | min 0 max 10 mean 5 std 3.742"
         " (of all 2 samples in vmap) | requires grad (MulBackward0)"),
        (lambda f: torch.vmap(f, in_dims=1), (3, 2), "Tensor (3,) float32 cpu | min 0 max 10 mean 5 std 3.742"
         " (of all 2 samples in vmap) | strides (2,)"),
    ],
)  # fmt: skip
def test_values_are_there_inside_transforms(transform, shape, line):
    x = torch.arange(math.prod(shape), dtype=torch.float32).reshape(shape)
    assert str(seen_inside(transform, lambda x: x * 2, x)) == line


def test_a_view_inside_a_transform_has_its_layout():
    found = seen_inside(torch.func.grad, lambda x: x[:, 1], torch.arange(6.0).reshape(2, 3))
    assert (found.strides, found.storage_offset, found.storage_elements, found.mean) == ((3,), 1, 6, 2.5)


def test_a_change_in_place_is_seen_inside_functionalize():
    def changed(x):
        y = x.clone()
        y[1:].mul_(10)
        return y

    assert seen_inside(torch.func.functionalize, changed, torch.arange(3.0)).max == 20


def test_a_tensor_that_left_its_transform():
    kept = []
    torch.vmap(lambda x: kept.append(x) or x)(torch.arange(6.0).reshape(2, 3))
    assert describe(kept[0]).part == "of all 2 samples in vmap"
    assert describe(kept[0]).measured == 6


def test_booleans_and_no_elements_of_several_samples():
    found = seen_inside(torch.vmap, lambda x: x > 2, torch.arange(6.0).reshape(2, 3))
    assert "| 3 of 6 True (of all 2 samples in vmap)" in str(found)
    assert "| no elements (of all 2 samples in vmap)" in str(seen_inside(torch.vmap, lambda x: x[:0], torch.ones(2, 3)))


def test_fake_tensors_have_no_values_and_real_ones_do():
    with FakeTensorMode(shape_env=ShapeEnv()) as mode:
        fake = mode.from_tensor(torch.ones(2, 3).T)
        assert str(describe(fake)) == "FakeTensor (3, 2) float32 cpu | no values in a fake tensor | strides (1, 3)"
        assert storage_map(torch.empty(2, 2)).tolist() == [[0, 1], [2, 3]]
        assert not shares_memory(fake, fake)
        with unset_fake_temporarily():
            real = torch.tensor([1.0, 3.0])
        assert describe(real).mean == 2
    assert describe(fake).missing == "no values in a fake tensor"
    assert (describe(fake).storage_elements, describe(fake).element_bytes) == (6, 24)


def test_tracing_records_nothing_of_it_and_fixes_no_size():
    lines = []

    def program(x):
        lines.append(str(describe(x)))
        return x * 2

    graph = make_fx(program, tracing_mode="real")(torch.ones(3)).graph
    assert [node.op for node in graph.nodes] == ["placeholder", "call_function", "output"]
    graph = make_fx(program, tracing_mode="symbolic")(torch.ones(5, 7)).graph
    assert [node.op for node in graph.nodes] == ["placeholder", "call_function", "output"]
    assert lines[0] == "Tensor (3,) float32 cpu | min 1 max 1 mean 1 std 0"
    assert re.fullmatch(r"FakeTensor \(s\d+, s\d+\) float32 cpu \| no values in a fake tensor", lines[1])


class Described(torch.nn.Module):
    def forward(self, x):
        describe(x)
        return x * 2


def test_export_keeps_its_free_sizes():
    size = torch.export.Dim("size", min=2, max=99)
    program = torch.export.export(Described(), (torch.ones(5),), dynamic_shapes=({0: size},), strict=False)
    assert program.module()(torch.ones(9)).tolist() == [2] * 9
    assert [node.op for node in program.graph.nodes] == ["placeholder", "call_function", "output"]


def test_a_size_that_is_a_symbol_has_no_places():
    found = []

    def program(x):
        with pytest.raises(ValueError, match=r"^tensor has shape \(s\d+,\), with a symbol in it; expected sizes that"):
            storage_map(x)
        found.append(describe(x))
        return x * 2

    make_fx(program, tracing_mode="symbolic")(torch.ones(5))
    assert (found[0].element_bytes, found[0].storage_bytes, found[0].is_contiguous) == (None, None, None)


@pytest.fixture
def one_process():
    distributed = torch.distributed
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this build of torch has no distributed part")
@pytest.mark.usefixtures("one_process")
def test_distributed_tensors_are_described_by_the_part_of_this_process():
    from torch.distributed.tensor import DeviceMesh, Partial, Shard, distribute_tensor

    mesh = DeviceMesh("cpu", [0])
    x = distribute_tensor(torch.arange(6.0).reshape(2, 3), mesh, [Shard(0)])
    start = "DTensor (2, 3) float32 cpu | min 0 max 5 mean 2.5 std 1.871"
    assert str(describe(x)) == f"{start} (of the local (2, 3), Shard(dim=0))"
    x = type(x).from_local(torch.arange(6.0).reshape(2, 3), mesh, [Partial()], run_check=False)
    assert str(describe(x)) == f"{start} (of the local (2, 3), Partial(sum))"
    parameter = torch.nn.Parameter(x) * 2
    assert describe(parameter).grad_fn == "MulBackward0"
    with pytest.raises(ValueError, match=r"^tensor is a DTensor without memory of its own, .* expected a plain tensor"):
        storage_map(x)


@pytest.mark.parametrize("have", [0, 4, 11])
def test_elements_beyond_the_storage_are_not_read(have):
    x = torch.ones(3)
    x.untyped_storage().resize_(have)
    assert describe(x).missing == f"values not in memory: the storage has {have} of 12 bytes"
    start = f"Tensor (3,) float32 cpu | values not in memory: the storage has {have} of 12 bytes"
    assert str(describe(x)) == f"{start} | storage of {have // 4} elements"
    assert "no elements" in str(describe(x[:0]))
    with pytest.raises(ValueError, match=rf"^tensor needs a storage of 12 bytes and has one of {have}, which was res"):
        storage_map(x)
    if have:
        with pytest.raises(ValueError, match=rf"^b needs a storage of 12 bytes and has one of {have}, .* all elements"):
            shares_memory(torch.ones(1), x)
    else:
        assert not shares_memory(x, x)


def test_elements_before_the_end_of_the_storage_are_read():
    x = torch.arange(12.0).reshape(3, 4)
    parts = [x[0], x[:2, :3], x[:2], x[:, 0]]
    x.untyped_storage().resize_(7 * 4)
    assert [describe(part).missing for part in parts] == [
        "",
        "",
        "values not in memory: the storage has 28 of 32 bytes",
        "values not in memory: the storage has 28 of 36 bytes",
    ]
    assert describe(parts[0]).max == 3


UNREAD = [name for name in "int1 int2 int3 int4 int5 int6 int7 uint1 uint2 uint3 uint4 uint5 uint6 uint7 bits1x8 "
          "bits2x4 bits4x2 bits8 bits16 float4_e2m1fn_x2".split() if hasattr(torch, name)]  # fmt: skip


@pytest.mark.parametrize("name", UNREAD)
def test_data_types_that_torch_does_not_convert(name):
    dtype = getattr(torch, name)
    x = torch.ones(2, 2, dtype=torch.uint8).view(dtype)
    line = f"Tensor {tuple(x.shape)} {name} cpu | values not read: torch does not convert {name}"
    assert str(describe(x)) == line
    assert str(describe(x[:0])).endswith("| no elements | storage of 4 elements".replace("4", str(4 // dtype.itemsize)))


DTYPES = sorted({value for value in vars(torch).values() if isinstance(value, torch.dtype)}, key=str)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_data_type_has_a_line(dtype):
    x = torch.zeros(16, dtype=torch.uint8).view(dtype)
    assert str(describe(x)).startswith(f"Tensor {tuple(x.shape)} {str(dtype).removeprefix('torch.')} cpu | ")


def test_classes_that_wrap_tensors_tell_no_values():
    from torch.testing._internal.two_tensor import TwoTensor

    x = TwoTensor(torch.ones(3), torch.zeros(3))
    line = "TwoTensor (3,) float32 cpu | values not read: TwoTensor computes in its own way"
    assert str(describe(x)) == line
    assert (describe(x).storage_bytes, describe(x).element_bytes) == (None, 12)
    with pytest.raises(ValueError, match=r"^a is a TwoTensor without memory of its own"):
        shares_memory(x, x)


def test_a_class_that_refuses_operations_is_not_asked():
    class Refusing(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            raise AssertionError("was asked")

    with torch._C.DisableTorchFunctionSubclass():
        x = torch.ones(3).as_subclass(Refusing)
    assert str(describe(x)) == "Refusing (3,) float32 cpu | min 1 max 1 mean 1 std 0"
    assert shares_memory(x, x)
    assert storage_map(x).tolist() == [0, 1, 2]


def test_places_inside_a_transform_are_an_error():
    def refused(x):
        with pytest.raises(ValueError, match=r"^a is a Tensor without memory of its own, as there are inside the tran"):
            shares_memory(x, x)
        return x

    torch.vmap(refused)(torch.ones(2, 3))


def test_a_parameter_that_has_no_shape_yet_is_an_error():
    with pytest.raises(ValueError, match=r"^tensor is an UninitializedParameter, which has no shape yet; .* Call its"):
        describe(torch.nn.LazyLinear(3).weight)

"""The zoo holds what it promises: for each way in which rules fail, a tensor on which they do."""

import pytest
import torch

from ptguide.zoo import DTYPES, zoo

AWKWARD = {
    "no axes": lambda x: x.ndim == 0,
    "no elements": lambda x: x.numel() == 0,
    "no elements, though its first axis has some": lambda x: x.numel() == 0 and x.shape[0] > 0,
    "one element and axes": lambda x: x.numel() == 1 and x.ndim > 0,
    "an axis of size 1 among others": lambda x: 1 in x.shape and x.numel() > 1,
    "not contiguous": lambda x: not x.is_contiguous(),
    "offset": lambda x: x.storage_offset() > 0,
    "several indices for one place": lambda x: 0 in x.stride() and x.numel() > 1,
    "a storage that is larger": lambda x: x.untyped_storage().nbytes() > x.numel() * x.element_size(),
}
OF_FLOATS = {
    "NaN": lambda x: x.isnan().any(),
    "both infinities": lambda x: x.isposinf().any() and x.isneginf().any(),
    "-0.0": lambda x: (x.signbit() & (x == 0)).any(),
    "what has no square": lambda x: (x.isfinite() & (x * x).isinf()).any(),
    "what has the square 0": lambda x: ((x != 0) & (x * x == 0)).any(),
}
WITH_GRADIENTS = {
    "a leaf that requires its gradient": lambda x: x.requires_grad and x.is_leaf and type(x) is torch.Tensor,
    "a result": lambda x: x.grad_fn is not None,
    "a Parameter": lambda x: isinstance(x, torch.nn.Parameter),
}


def missing(wanted, tensors):
    return [what for what, is_so in wanted.items() if not any(bool(is_so(x)) for x in tensors)]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_each_dtype_has_every_kind(dtype):
    tensors = list(zoo(dtypes=[dtype]).values())
    assert {x.dtype for x in tensors} == {dtype}
    assert not missing(AWKWARD, tensors)
    has_gradients = dtype.is_floating_point or dtype.is_complex
    assert missing(WITH_GRADIENTS, tensors) == ([] if has_gradients else list(WITH_GRADIENTS))
    if dtype.is_floating_point:
        assert not missing(OF_FLOATS, tensors)
    elif not dtype.is_complex and dtype is not torch.bool:
        ends = torch.iinfo(dtype)
        assert any(x.numel() and x.max() == ends.max and x.min() == ends.min for x in tensors)


@pytest.mark.parametrize("axes", range(5))
def test_axes_and_names(axes):
    tensors = zoo(axes=axes, dtypes=[torch.float32])
    assert {x.ndim for x in tensors.values()} == {axes}
    assert all(name.startswith(f"float32 {tuple(x.shape)}") for name, x in tensors.items())


def test_it_is_the_same_each_time_and_nothing_is_shared():
    one, other = zoo(), zoo()
    assert list(one) == list(other)
    for name, x in one.items():
        assert torch.equal(torch.nan_to_num(x.detach()), torch.nan_to_num(other[name].detach()))
        assert x.untyped_storage().data_ptr() != other[name].untyped_storage().data_ptr() or not x.numel()


@pytest.mark.parametrize("axes", [5, -1, [0, 7]])
def test_axes_that_are_not_there(axes):
    with pytest.raises(ValueError, match=r"^axes has (5|-1|7); the zoo has tensors of 0 to 4 axes\. Leave it out\.$"):
        zoo(axes=axes)


def test_rules_fall_that_hold_for_ordinary_tensors():
    false = {
        "its elements follow each other in memory": lambda x: x.is_contiguous(),
        "each element equals itself": lambda x: bool((x == x).all()),
        "it has a largest element": lambda x: x.numel() > 0,
        "adding 1 makes each element larger": lambda x: bool((x + 1 > x).all()),
    }
    tensors = zoo(dtypes=[torch.float32, torch.int64]).values()
    ordinary = torch.ones(4, 3)
    for rule, holds in false.items():
        assert holds(ordinary), rule
        assert not all(holds(x) for x in tensors), rule

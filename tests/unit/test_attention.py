"""Attention equals a loop by hand, torch's kernels and nn.MultiheadAttention, gradients included, with every mask."""

import copy
import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from places import PLACES, close
from torch import nn
from torch.nn import functional as F
from torch.nn.attention.bias import causal_lower_right

from ptguide.models import AttentionSettings, KeyValueCache, MultiheadAttention, causal_mask, dot_product_attention
from ptguide.trace import trace

SIZES = st.fixed_dictionaries(
    {"B": st.integers(0, 3), "H": st.integers(1, 3), "T": st.integers(0, 5), "S": st.integers(1, 6)}
    | {"E": st.integers(1, 4), "seed": st.integers(0, 99)}
)


def gradients(outputs, inputs):
    """Gradients of a fixed mixture of the outputs."""
    generator = torch.Generator().manual_seed(1)
    factors = torch.randn(outputs.shape, generator=generator, dtype=torch.float64).to(outputs)
    return torch.autograd.grad((outputs * factors).sum(), inputs)


def heads(B, H, T, S, E, seed, dtype=torch.float64, device="cpu"):
    generator = torch.Generator().manual_seed(seed)
    shapes = (B, H, T, E), (B, H, S, E), (B, H, S, E)
    parts = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes)
    return [part.to(device, dtype).requires_grad_() for part in parts]


def some_mask(B, T, S, seed):
    """A mask in which every query may read at least one key."""
    mask = torch.rand(B, 1, T, S, generator=torch.Generator().manual_seed(seed)) < 0.6
    mask[..., seed % S] = True
    return mask


# --- The formula, written out ----------------------------------------------------------------------------------------


@settings(deadline=None, derandomize=True, max_examples=60)
@given(SIZES, st.sampled_from(["everything", "mask", "causal", "both"]))
def test_reference_equals_a_loop_by_hand(sizes, kind):
    if kind in {"causal", "both"}:
        sizes = sizes | {"S": sizes["S"] + sizes["T"]}
    q, k, v = (part.detach() for part in heads(**sizes))
    mask = some_mask(sizes["B"], sizes["T"], sizes["S"], sizes["seed"]) if kind in {"mask", "both"} else None
    mixed, weight = dot_product_attention(q, k, v, mask, causal=kind in {"causal", "both"})
    for b, h, t in torch.cartesian_prod(*map(torch.arange, q.shape[:3])).reshape(-1, 3).tolist():
        last = sizes["S"] - sizes["T"] + t if kind in {"causal", "both"} else sizes["S"]
        may_read = [s for s in range(sizes["S"]) if s <= last and (mask is None or mask[b, 0, t, s])]
        agreement = {s: math.exp(float(q[b, h, t] @ k[b, h, s]) / math.sqrt(sizes["E"])) for s in may_read}
        total = sum(agreement.values())
        expected = sum((agreement[s] / total * v[b, h, s] for s in may_read), torch.zeros(sizes["E"]).double())
        close(mixed[b, h, t], expected)
        shares = [agreement.get(s, 0) / (total or 1) for s in range(sizes["S"])]
        close(weight[b, h, t], torch.tensor(shares, dtype=torch.float64))


@settings(deadline=None, derandomize=True, max_examples=60)
@given(SIZES, st.sampled_from(["everything", "booleans", "numbers", "causal"]), st.sampled_from(PLACES))
def test_reference_equals_torch_forward_and_backward(sizes, kind, place):
    device, dtype = place
    if kind == "causal":
        sizes = sizes | {"T": sizes["S"]}
    q, k, v = heads(**sizes, dtype=dtype, device=device)
    mask = None
    if kind in {"booleans", "numbers"}:
        mask = some_mask(sizes["B"], sizes["T"], sizes["S"], sizes["seed"]).to(device)
    if kind == "numbers":
        mask = torch.randn(mask.shape).to(q).masked_fill(~mask, -torch.inf)
    mixed, _ = dot_product_attention(q, k, v, mask, causal=kind == "causal")
    expected = F.scaled_dot_product_attention(q, k, v, mask, is_causal=kind == "causal")
    close(mixed, expected)
    for ours, original in zip(gradients(mixed, (q, k, v)), gradients(expected, (q, k, v)), strict=True):
        close(ours, original)


@pytest.mark.parametrize(("T", "S"), [(1, 1), (1, 4), (3, 4), (4, 4)])
def test_causal_queries_are_the_last_positions(T, S):
    q, k, v = heads(2, 3, T, S, 4, seed=0)
    expected = F.scaled_dot_product_attention(q, k, v, causal_lower_right(T, S))
    close(dot_product_attention(q, k, v, causal=True)[0], expected)
    assert causal_mask(T, S).tolist() == [[s <= S - T + t for s in range(S)] for t in range(T)]


def test_gradient_of_a_mask_of_numbers():
    q, k, v = heads(2, 3, 4, 5, 6, seed=0)
    mask = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    mixed, _ = dot_product_attention(q, k, v, mask)
    (ours,) = gradients(mixed, (mask,))
    (original,) = gradients(F.scaled_dot_product_attention(q, k, v, mask), (mask,))
    close(ours, original)
    assert ours.abs().min() > 0


def test_values_may_be_wider_than_keys():
    q, k = torch.randn(2, 3, 4, 5).unbind(0)
    mixed, weight = dot_product_attention(q, k, torch.randn(3, 4, 7))
    assert mixed.shape == (3, 4, 7)
    assert weight.shape == (3, 4, 4)


@pytest.mark.parametrize("numbers", [False, True])
def test_a_query_that_may_read_nothing_gets_zero_and_zero_gradients(numbers):
    q, k, v = heads(2, 3, 4, 5, 6, seed=0)
    mask = torch.ones(4, 5, dtype=torch.bool)
    mask[1] = False
    if numbers:
        mask = torch.zeros(4, 5).masked_fill(~mask, -torch.inf)
    mixed, weight = dot_product_attention(q, k, v, mask)
    assert (mixed[:, :, 1] == 0).all()
    assert (weight[:, :, 1] == 0).all()
    close(weight[:, :, [0, 2, 3]].sum(-1), torch.ones(2, 3, 3).double())
    of_q, of_k, of_v = gradients(mixed, (q, k, v))
    assert (of_q[:, :, 1] == 0).all()
    assert all(gradient.isfinite().all() and gradient.abs().sum() > 0 for gradient in (of_q, of_k, of_v))


def test_no_keys_at_all():
    mixed, weight = dot_product_attention(torch.randn(2, 3, 4), torch.randn(2, 0, 4), torch.randn(2, 0, 4))
    assert mixed.tolist() == torch.zeros(2, 3, 4).tolist()
    assert weight.shape == (2, 3, 0)


@pytest.mark.parametrize("attend", ["reference", "module"])
def test_no_position_depends_on_a_later_one(attend):
    torch.manual_seed(0)
    module = MultiheadAttention(AttentionSettings(width=4, heads=2)).requires_grad_(False)

    def run(x):
        return module(x, causal=True) if attend == "module" else dot_product_attention(x, x, x, causal=True)[0]

    depends = trace(run, torch.randn(1, 3, 4)).depends()[0, :, :, 0]  # (T, D, S, D)
    assert depends.any(dim=3).any(dim=1).tolist() == [[True, False, False], [True, True, False], [True, True, True]]


# --- nn.MultiheadAttention, weight for weight ------------------------------------------------------------------------


def pair(width=12, heads=3, dropout=0.0, bias=True, device="cpu", dtype=torch.float64):
    torch.manual_seed(0)
    ours = MultiheadAttention(AttentionSettings(width, heads, dropout, bias)).to(device, dtype)
    original = nn.MultiheadAttention(width, heads, dropout, bias, batch_first=True).to(device, dtype)
    if bias:  # both start from 0
        nn.init.normal_(ours.in_proj_bias)
        nn.init.normal_(ours.out_proj.bias)
    original.load_state_dict(ours.state_dict())
    return ours, original


def assert_same(ours, original, ours_out, original_out, inputs):
    close(ours_out, original_out)
    names = [name for name, _ in ours.named_parameters()]
    assert names == [name for name, _ in original.named_parameters()]
    mine = gradients(ours_out, [*inputs, *ours.parameters()])
    theirs = gradients(original_out, [*inputs, *original.parameters()])
    assert len(mine) == len(names) + len(inputs)
    for ours_gradient, original_gradient in zip(mine, theirs, strict=True):
        close(ours_gradient, original_gradient)


def masks(kind, B, H, T, S, dtype, device):
    """The arguments of a call to ours and to the original."""
    seen = torch.rand(B * H, T, S, device=device) < 0.6
    seen[..., 0] = True
    there = torch.arange(S, device=device) < torch.randint(1, S + 1, (B, 1), device=device)
    numbers = torch.randn(T, S, dtype=dtype, device=device)
    hidden = torch.zeros(B, S, dtype=dtype, device=device).masked_fill(~there, -torch.inf)
    return {
        "none": ({}, {}),
        "causal": ({"causal": True}, {"attn_mask": ~causal_mask(T, S, device), "is_causal": True}),
        "padding": ({"key_mask": there}, {"key_padding_mask": ~there}),
        "causal and padding": (
            {"causal": True, "key_mask": there},
            {"attn_mask": ~causal_mask(T, S, device), "key_padding_mask": ~there},
        ),
        "booleans": ({"mask": seen[0]}, {"attn_mask": ~seen[0]}),
        "each head": ({"mask": seen.unflatten(0, (B, H))}, {"attn_mask": ~seen}),
        "booleans and causal": (
            {"mask": seen[0], "causal": True},
            {"attn_mask": ~(seen[0] & causal_mask(T, S, device))},
        ),
        "numbers": ({"mask": numbers}, {"attn_mask": numbers}),
        "numbers and padding": (
            {"mask": numbers, "key_mask": there},
            {"attn_mask": numbers, "key_padding_mask": hidden},
        ),
    }[kind]


KINDS = ["none", "causal", "padding", "causal and padding", "booleans", "each head", "booleans and causal", "numbers"]


@pytest.mark.parametrize("kind", [*KINDS, "numbers and padding"])
@pytest.mark.parametrize(("device", "dtype"), PLACES)
def test_module_equals_the_original_with_every_mask(kind, device, dtype):
    ours, original = pair(device=device, dtype=dtype)
    x = torch.randn(2, 5, 12, dtype=dtype, device=device, requires_grad=True)
    mine, theirs = masks(kind, 2, 3, 5, 5, dtype, device)
    assert_same(ours, original, ours(x, **mine), original(x, x, x, need_weights=False, **theirs)[0], [x])
    theirs.pop("is_causal", None)
    averaged = original(x, x, x, average_attn_weights=False, **theirs)[1]
    close(ours.attention_weights(x, **mine), averaged)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 6), st.integers(1, 6), st.integers(1, 3), st.booleans())
def test_module_equals_the_original_in_every_size(B, H, T, S, E, bias):
    ours, original = pair(H * E, H, bias=bias)
    q, k, v = (torch.randn(B, n, H * E, dtype=torch.float64, requires_grad=True) for n in (T, S, S))
    assert_same(ours, original, ours(q, k, v), original(q, k, v, need_weights=False)[0], [q, k, v])
    assert_same(ours, original, ours(q, k), original(q, k, k, need_weights=False)[0], [q, k])
    assert_same(ours, original, ours(q), original(q, q, q, need_weights=False)[0], [q])


def test_weights_are_those_by_which_the_module_mixes():
    ours, _ = pair()
    q, k = torch.randn(2, 4, 12).double(), torch.randn(2, 5, 12).double()
    weight = ours.attention_weights(q, k)  # (B, H, T, S)
    v = F.linear(k, ours.in_proj_weight[24:], ours.in_proj_bias[24:]).unflatten(-1, (3, 4))  # (B, S, H, E)
    close(ours.out_proj(torch.einsum("bhts,bshe->bthe", weight, v).flatten(2)), ours(q, k))


def test_module_starts_from_the_same_random_numbers():
    torch.manual_seed(0)
    ours = MultiheadAttention(AttentionSettings(12, 3)).state_dict()
    torch.manual_seed(0)
    original = nn.MultiheadAttention(12, 3).state_dict()
    assert ours.keys() == original.keys()
    assert all(torch.equal(ours[name], original[name]) for name in original)


def test_number_of_parameters_of_the_base_transformer():
    # d_model = 512: four projections of 512 x 512 (Vaswani et al., table 3) and their biases.
    ours = MultiheadAttention(AttentionSettings(width=512, heads=8))
    assert sum(parameter.numel() for parameter in ours.parameters()) == 4 * 512 * 512 + 4 * 512


@pytest.mark.parametrize("kind", ["none", "causal", "padding"])
def test_dropout_of_weights_in_training_alone(kind):
    ours, original = pair(dropout=0.4)
    x = torch.randn(2, 5, 12).double()
    mine, theirs = masks(kind, 2, 3, 5, 5, torch.float64, "cpu")
    torch.manual_seed(1)
    dropped = ours(x, **mine)
    torch.manual_seed(1)
    close(dropped, original(x, x, x, need_weights=False, **theirs)[0])
    ours.eval()
    assert not torch.allclose(dropped, ours(x, **mine))
    close(ours(x, **mine), original.eval()(x, x, x, need_weights=False, **theirs)[0])


def test_self_attention_projects_by_one_product(monkeypatch):
    linear, rows = F.linear, []
    monkeypatch.setattr(F, "linear", lambda x, weight, bias: (rows.append(len(weight)), linear(x, weight, bias))[1])
    ours, _ = pair()
    x = torch.randn(2, 5, 12).double()
    ours(x)
    ours(x, x.clone())
    assert rows == [36, 12, 12, 12, 12, 12]


@pytest.mark.parametrize("device", sorted({place[0] for place in PLACES}))
@pytest.mark.parametrize("numbers", [False, True])
def test_a_row_of_padding_gives_the_bias_and_never_nan(device, numbers):
    ours, original = pair(device=device, dtype=torch.float32)
    x = torch.randn(2, 4, 12, device=device, requires_grad=True)
    there = torch.tensor([[False] * 4, [True, True, False, False]], device=device)
    hidden = torch.zeros(2, 1, 1, 4, device=device).masked_fill(~there[:, None, None], -torch.inf)
    out = ours(x, mask=hidden) if numbers else ours(x, key_mask=there)
    close(out[0], ours.out_proj.bias.expand(4, 12))
    assert original(x, x, x, key_padding_mask=~there)[0][0].isnan().all()  # what this is for
    (gradient,) = gradients(out, (x,))
    assert (gradient[0] == 0).all()
    assert gradient[1].isfinite().all()
    assert (ours.attention_weights(x, key_mask=there)[0] == 0).all()


@pytest.mark.parametrize("numbers", [False, True])
def test_no_kernel_gets_a_query_that_may_read_nothing(numbers, monkeypatch):
    kernel, given_masks = F.scaled_dot_product_attention, []

    def spy(q, k, v, mask=None, *args, **kwargs):
        given_masks.append(mask)
        return kernel(q, k, v, mask, *args, **kwargs)

    monkeypatch.setattr(F, "scaled_dot_product_attention", spy)
    ours, _ = pair()
    mask = torch.tensor([[False, False], [True, False]])
    if numbers:
        mask = torch.zeros(2, 2).double().masked_fill(~mask, -torch.inf)
    ours(torch.randn(3, 2, 12).double(), mask=mask)
    (mask,) = given_masks
    assert (mask if mask.dtype == torch.bool else mask > -torch.inf).any(-1).all()


def test_a_single_query_needs_no_mask(monkeypatch):
    kernel, given_masks = F.scaled_dot_product_attention, []

    def spy(q, k, v, mask=None, **kwargs):
        given_masks.append((mask, kwargs.get("is_causal", False)))
        return kernel(q, k, v, mask, **kwargs)

    monkeypatch.setattr(F, "scaled_dot_product_attention", spy)
    ours, _ = pair()
    ours(torch.randn(2, 1, 12).double(), torch.randn(2, 5, 12).double(), causal=True)
    ours(torch.randn(2, 5, 12).double(), causal=True)
    assert given_masks == [(None, False), (None, True)]


# --- Other dtypes and devices ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("device", sorted({place[0] for place in PLACES}))
def test_bfloat16_is_float32_rounded(kind, device):
    exact, _ = pair(device=device, dtype=torch.float32)
    rounded = copy.deepcopy(exact).bfloat16()
    x = torch.randn(2, 5, 12, device=device)
    options, _ = masks(kind, 2, 3, 5, 5, torch.float32, device)
    out = rounded(x.bfloat16(), **options)
    assert out.dtype == torch.bfloat16
    expected = exact(x, **options)
    torch.testing.assert_close(out.float(), expected, rtol=0.05, atol=0.1)
    with torch.autocast(device, torch.bfloat16):
        out = exact(x, **options)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), expected, rtol=0.05, atol=0.1)
    weight = rounded.attention_weights(x.bfloat16(), **options)
    torch.testing.assert_close(weight.float(), exact.attention_weights(x, **options), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_made_on_the_device_of_the_input(kind):
    """On the device meta, a tensor made on the CPU by mistake raises an error."""
    options, _ = masks(kind, 2, 3, 5, 5, torch.float32, "cpu")
    options = {name: value.to("meta") if isinstance(value, torch.Tensor) else value for name, value in options.items()}
    module = MultiheadAttention(AttentionSettings(12, 3)).to("meta")
    x = torch.randn(2, 5, 12, device="meta")
    assert module(x, **options).shape == (2, 5, 12)
    assert module.attention_weights(x, **options).shape == (2, 3, 5, 5)


def test_compiles_as_one_graph():
    module = MultiheadAttention(AttentionSettings(12, 3))
    compiled = torch.compile(module, backend="eager", fullgraph=True)
    x, there = torch.randn(2, 5, 12), torch.rand(2, 5) < 0.5
    close(compiled(x, causal=True), module(x, causal=True))
    close(compiled(x, key_mask=there), module(x, key_mask=there))


# --- The cache -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cuts", [[0, 7], [0, 1, 2, 3, 4, 5, 6, 7], [0, 4, 7], [0, 2, 3, 7]])
@pytest.mark.parametrize(("device", "dtype"), PLACES)
def test_positions_in_pieces_give_the_same_with_a_cache(cuts, device, dtype):
    ours, _ = pair(device=device, dtype=dtype)
    x = torch.randn(2, 7, 12, dtype=dtype, device=device)
    there = torch.ones(2, 7, dtype=torch.bool, device=device)
    there[0, 2] = False
    cache, padded_cache, outs, padded = KeyValueCache(room=9), KeyValueCache(room=7), [], []
    with torch.no_grad():
        for start, end in pairwise(cuts):
            outs.append(ours(x[:, start:end], causal=True, cache=cache))
            padded.append(ours(x[:, start:end], causal=True, key_mask=there[:, :end], cache=padded_cache))
        close(torch.cat(outs, dim=1), ours(x, causal=True))
        close(torch.cat(padded, dim=1), ours(x, causal=True, key_mask=there))
    assert cache.length == 7


def test_cache_refuses_what_it_can_not_keep():
    cache = KeyValueCache(room=4)
    part = torch.randn(2, 3, 3, 5)
    cache.append(part, part)
    with pytest.raises(ValueError, match=r"holds 3 of 4 positions and 2 more came. Make it larger"):
        cache.append(part[:, :, :2], part[:, :, :2])
    with pytest.raises(ValueError, match=r"holds B, H = \(2, 3\) and \(1, 3\) came; expected the same. Use one cache"):
        cache.append(part[:1, :, :1], part[:1, :, :1])
    needy = part.clone().requires_grad_()
    with pytest.raises(ValueError, match=r"require gradients, which a cache can't keep; fill it under torch.no_grad"):
        cache.append(needy[:, :, :1], part[:, :, :1])
    assert cache.length == 3
    with pytest.raises(ValueError, match=r"KeyValueCache.room is 0; expected at least 1"):
        KeyValueCache(0)


# --- Messages --------------------------------------------------------------------------------------------------------

X = torch.zeros(2, 3, 4)


@pytest.mark.parametrize(
    ("inputs", "options", "error", "message"),
    [
        ((X[0],), {}, ValueError, r"q has shape \(3, 4\); expected \(batch, positions, 4\), as width is 4"),
        ((X, X[..., :2]), {}, ValueError, r"k has shape \(2, 3, 2\); expected .* nn.Linear\(..., 4\) projects to 4"),
        ((X, X[:1]), {}, ValueError, r"k has shape \(1, 3, 4\) and q \(2, 3, 4\); expected that all axes but the sec"),
        ((X, X, X[:, :2]), {}, ValueError, r"v has shape \(2, 2, 4\) and k \(2, 3, 4\); expected one value for each"),
        ((X, X[:, :2]), {"causal": True}, ValueError, "There are 3 queries and 2 keys; .* Leave causal out"),
        ((X,), {"mask": torch.ones(3, 3).long()}, TypeError, r"mask is of torch.int64; .* mask.bool\(\) makes"),
        ((X,), {"key_mask": torch.ones(2, 3)}, TypeError, "key_mask is of torch.float32; expected torch.bool, True"),
        ((X,), {"mask": torch.ones(3, 2)}, ValueError, r"mask has shape \(3, 2\); expected .* to \(2, 2, 3, 3\)"),
        ((X,), {"mask": torch.ones(2, 3, 3)}, ValueError, r"mask has shape \(2, 3, 3\); expected two axes, \(T, S\)"),
        ((X,), {"key_mask": torch.ones(3, 2) > 0}, ValueError, r"key_mask has shape \(3, 2\); expected .* \(2, 3\)"),
    ],
)
def test_messages_of_the_module(inputs, options, error, message):
    module = MultiheadAttention(AttentionSettings(width=4, heads=2))
    with pytest.raises(error, match=message):
        module(*inputs, **options)
    if len(inputs) < 3:
        with pytest.raises(error, match=message):
            module.attention_weights(*inputs, **options)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((X, X[..., :2], X), r"k has shape \(2, 3, 2\) and q \(2, 3, 4\); expected that all axes but the second"),
        ((X, X, X[:, :1]), r"v has shape \(2, 1, 4\) and k \(2, 3, 4\); expected one value for each key"),
        (
            (X, X, X, torch.ones(5, 2, 3, 3)),
            r"mask has shape \(5, 2, 3, 3\); expected one that broadcasts to \(2, 3, 3",
        ),
    ],
)
def test_messages_of_the_reference(inputs, message):
    with pytest.raises(ValueError, match=message):
        dot_product_attention(*inputs)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"width": 0}, ValueError, "AttentionSettings.width is 0; expected at least 1"),
        ({"width": 8.0}, TypeError, "AttentionSettings.width is 8.0, of type float; expected an int"),
        ({"heads": True}, TypeError, "AttentionSettings.heads is True, of type bool; expected an int"),
        ({"heads": 3}, ValueError, "AttentionSettings.heads is 3, which does not divide width, 8; .* 1, 2, 4, 8"),
        ({"dropout": 1.0}, ValueError, "dropout is 1.0; expected at least 0 and less than 1"),
        ({"dropout": math.nan}, ValueError, "dropout is nan; expected at least 0"),
        ({"dropout": "0.1"}, TypeError, "dropout is '0.1'; expected a number"),
        ({"bias": 1}, TypeError, "bias is 1; expected True or False"),
    ],
)
def test_messages_of_the_settings(options, error, message):
    with pytest.raises(error, match=message):
        AttentionSettings(**{"width": 8, "heads": 2} | options)


def test_settings_stand_where_the_module_is_printed():
    module = MultiheadAttention(AttentionSettings(width=8, heads=2))
    assert "AttentionSettings(width=8, heads=2, dropout=0.0, bias=True)" in repr(module)

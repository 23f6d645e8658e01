"""GPT equals a model of torch's own layers, has as many parameters as GPT-2, and generates the same with a cache."""

import copy
import math
from functools import partial
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from places import PLACES, close
from torch import nn
from torch.nn import functional as F

from ptguide.devices import pick_device
from ptguide.models import GPT, GPT2_SIZES, GPTBlock, GPTSettings, next_token
from ptguide.trace import trace

SMALL = GPTSettings(vocab_size=11, block_size=8, layers=2, heads=2, width=12)


def torch_block(settings):
    """One block of torch's own."""
    gelu = partial(F.gelu, approximate="tanh")
    options = {"activation": gelu, "batch_first": True, "norm_first": True, "bias": settings.bias}
    return nn.TransformerEncoderLayer(settings.width, settings.heads, 4 * settings.width, settings.dropout, **options)


class Original(nn.Module):
    """GPT made from torch's own layers."""

    def __init__(self, settings):
        super().__init__()
        self.token_embedding = nn.Embedding(settings.vocab_size, settings.width)
        self.position_embedding = nn.Embedding(settings.block_size, settings.width)
        self.blocks = nn.ModuleList(torch_block(settings) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(settings.width, bias=settings.bias)
        self.head = nn.Linear(settings.width, settings.vocab_size, bias=False)
        if settings.tied:
            self.head.weight = self.token_embedding.weight

    def forward(self, tokens):
        T = tokens.shape[1]
        x = self.token_embedding(tokens) + self.position_embedding.weight[:T]
        mask = nn.Transformer.generate_square_subsequent_mask(T, device=x.device, dtype=x.dtype)
        for block in self.blocks:
            x = block(x, src_mask=mask, is_causal=True)
        return self.head(self.norm(x))


def model_of(settings=SMALL, device="cpu", dtype=torch.float64):
    """Make a model whose every parameter matters: large numbers, and no bias of zero."""
    torch.manual_seed(0)
    model = GPT(settings).to(device, dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape).to(parameter))
    return model


# --- The original, weight for weight ---------------------------------------------------------------------------------


@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    st.integers(1, 3),
    st.integers(1, 6),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 3),
    st.booleans(),
    st.booleans(),
    st.sampled_from(PLACES),
)
def test_logits_and_gradients_equal_a_model_of_torch_layers(B, T, heads, E, layers, bias, tied, place):
    device, dtype = place
    options = GPTSettings(11, block_size=6, layers=layers, heads=heads, width=heads * E, bias=bias, tied=tied)
    model, original = model_of(options, device, dtype), Original(options).to(device, dtype)
    weights = {name.replace("head_weight", "head.weight"): weight for name, weight in model.state_dict().items()}
    original.load_state_dict(weights if not tied else weights | {"head.weight": weights["token_embedding.weight"]})
    tokens = torch.randint(11, (B, T), device=device)
    ours, theirs = model(tokens), original(tokens)
    close(ours, theirs)
    factors = torch.randn(ours.shape).to(ours)
    by_name = {name.replace("head.weight", "head_weight"): parameter for name, parameter in original.named_parameters()}
    names = [name for name, _ in model.named_parameters()]
    assert sorted(names) == sorted(by_name)
    mine = torch.autograd.grad((ours * factors).sum(), [*model.parameters()])
    other = torch.autograd.grad((theirs * factors).sum(), [by_name[name] for name in names])
    for ours_gradient, original_gradient in zip(mine, other, strict=True):
        scale = original_gradient.abs().max().clamp(min=1)
        close(ours_gradient / scale, original_gradient / scale)


def test_block_loads_the_weights_of_an_encoder_layer():
    torch.manual_seed(0)
    original, block = torch_block(SMALL).eval(), GPTBlock(SMALL)
    assert str(block.load_state_dict(original.state_dict())) == "<All keys matched successfully>"
    x = torch.randn(2, 5, 12)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    close(block(x), original(x, src_mask=mask, is_causal=True))


def test_gelu_is_that_of_gpt2_and_not_the_exact_one():
    torch.manual_seed(0)
    block = GPTBlock(SMALL).double()
    x = 3 * torch.randn(2, 5, 12).double()
    middle = x + block.self_attn(block.norm1(x), causal=True)
    hidden = block.linear1(block.norm2(middle))
    curve = 0.5 * hidden * (1 + torch.tanh(math.sqrt(2 / math.pi) * (hidden + 0.044715 * hidden**3)))
    close(block(x), middle + block.linear2(curve))
    assert not torch.allclose(curve, F.gelu(hidden), rtol=0, atol=1e-5)


# --- Numbers that are published --------------------------------------------------------------------------------------

PUBLISHED = {"small": 124_439_808, "medium": 354_823_168, "large": 774_030_080, "xl": 1_557_611_200}


@pytest.mark.parametrize("size", PUBLISHED)
def test_number_of_parameters_of_gpt2(size):
    with torch.device("meta"):
        model = GPT(GPT2_SIZES[size])
    assert sum(parameter.numel() for parameter in model.parameters()) == PUBLISHED[size]


def test_all_sizes_are_tested():
    assert set(PUBLISHED) == set(GPT2_SIZES)
    assert GPTSettings() == GPT2_SIZES["small"]


def test_untied_model_has_one_matrix_more():
    counts = [
        sum(p.numel() for p in GPT(GPTSettings(11, 8, layers=1, heads=2, width=12, tied=tied)).parameters())
        for tied in (True, False)
    ]
    assert counts[1] - counts[0] == 11 * 12


@pytest.mark.parametrize("layers", [1, 8])
def test_initial_weights_are_as_wide_as_said(layers):
    torch.manual_seed(0)
    model = GPT(GPTSettings(vocab_size=500, block_size=64, layers=layers, heads=2, width=64, tied=False))
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            assert (parameter == 0).all()
        elif "norm" in name:
            assert (parameter == 1).all()
        else:
            writes = "out_proj" in name or "linear2" in name
            expected = 0.02 / math.sqrt(2 * layers) if writes else 0.02
            assert parameter.std().item() == pytest.approx(expected, rel=0.05), name
            assert abs(parameter.mean().item()) < 0.1 * expected


def test_stream_does_not_grow_with_the_depth():
    spreads = []
    for layers in (2, 24):
        torch.manual_seed(0)
        model = GPT(GPTSettings(vocab_size=65, block_size=16, layers=layers, heads=2, width=64))
        x = torch.randn(4, 16, 64)
        for block in model.blocks:
            x = block(x)
        spreads.append(x.std().item())
    assert spreads[1] < 1.1 * spreads[0]


def test_training_starts_from_nearly_equal_chances():
    torch.manual_seed(0)
    model = GPT(GPTSettings(vocab_size=65, block_size=32, layers=3, heads=4, width=64))
    tokens = torch.randint(65, (8, 33))
    loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(65), rel=0.02)


# --- What may depend on what -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("later", range(1, 8))
def test_a_later_token_changes_no_earlier_logits(later):
    model = model_of()
    tokens = torch.randint(10, (2, 8))
    changed = tokens.clone()
    changed[:, later] += 1
    before, after = model(tokens), model(changed)
    assert torch.equal(before[:, :later], after[:, :later])
    assert (before[:, later:] != after[:, later:]).any(dim=-1).all()


def test_block_reads_itself_and_what_came_before():
    torch.manual_seed(0)
    block = GPTBlock(GPTSettings(11, 3, layers=1, heads=2, width=4)).requires_grad_(False)
    depends = trace(block, torch.randn(1, 3, 4)).depends()[0, :, :, 0]  # (T, D, S, D)
    assert depends.any(dim=3).any(dim=1).tolist() == [[True, False, False], [True, True, False], [True, True, True]]


def test_order_of_tokens_matters():
    model = model_of()
    assert not torch.allclose(model(torch.tensor([[1, 2, 3]]))[:, -1], model(torch.tensor([[2, 1, 3]]))[:, -1])


def test_dropout_in_training_alone():
    torch.manual_seed(0)
    model = GPT(GPTSettings(11, 8, layers=2, heads=2, width=12, dropout=0.5))
    assert model.blocks[0].self_attn.settings.dropout == 0.5
    tokens = torch.randint(11, (2, 8))
    assert not torch.equal(model(tokens), model(tokens))
    called = []
    for name, part in model.named_modules():
        if isinstance(part, nn.Dropout):
            assert part.p == 0.5
            part.register_forward_hook(lambda module, args, out, name=name: called.append((name, out.shape)))
    model(tokens)
    names = ["dropout"] + ["blocks.0.dropout"] * 2 + ["blocks.1.dropout"] * 2  # after each part that adds to the stream
    assert called == [(name, (2, 8, 12)) for name in names]
    model.eval()
    assert torch.equal(model(tokens), model(tokens))


# --- Other dtypes and devices ----------------------------------------------------------------------------------------


def test_bfloat16_is_float32_rounded():
    torch.manual_seed(0)
    device = pick_device()
    exact = GPT(SMALL).to(device)
    rounded = copy.deepcopy(exact).bfloat16()
    tokens = torch.randint(11, (2, 8), device=device)
    logits = rounded(tokens)
    assert logits.dtype == torch.bfloat16
    torch.testing.assert_close(logits.float(), exact(tokens), rtol=0.05, atol=0.02)
    caches = rounded.new_caches()
    with torch.no_grad():
        pieces = [rounded(tokens[:, start:end], caches) for start, end in ((0, 3), (3, 4), (4, 8))]
    torch.testing.assert_close(torch.cat(pieces, dim=1), logits, rtol=0.05, atol=0.02)
    with torch.autocast(device.type, torch.bfloat16):
        torch.testing.assert_close(exact(tokens).float(), logits.float(), rtol=0.05, atol=0.02)
        assert exact.generate(tokens[:, :3], 4).shape == (2, 7)


def test_everything_is_made_on_the_device_of_the_input():
    model = GPT(SMALL).to("meta")
    tokens = torch.zeros(2, 5, dtype=torch.long, device="meta")
    caches = model.new_caches()
    assert model(tokens).shape == (2, 5, 11)
    with torch.no_grad():
        assert model(tokens, caches).shape == (2, 5, 11)
        assert model(tokens[:, :3], caches).device.type == "meta"


def test_tying_survives_every_way_of_moving_a_model():
    with torch.device("meta"):
        model = GPT(SMALL)
    model = copy.deepcopy(model.to_empty(device="cpu").bfloat16())
    model.load_state_dict(GPT(SMALL).state_dict())
    assert [name for name in model.state_dict() if "head" in name] == []
    model(torch.zeros(1, 2, dtype=torch.long)).sum().backward()
    assert model.token_embedding.weight.grad.abs().sum() > 0


def test_compiles_as_one_graph():
    model = GPT(SMALL)
    tokens = torch.randint(11, (2, 5))
    close(torch.compile(model, backend="eager", fullgraph=True)(tokens), model(tokens))


# --- The cache, and going on from a text -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cuts", [[0, 8], [0, 1, 2, 3, 4, 5, 6, 7, 8], [0, 5, 6, 7, 8], [0, 1, 8], [0, 3, 6, 8], [0, 2]]
)
@pytest.mark.parametrize(("device", "dtype"), PLACES)
@torch.no_grad()
def test_logits_with_a_cache_are_those_without(cuts, device, dtype):
    model = model_of(device=device, dtype=dtype)
    tokens = torch.randint(11, (3, cuts[-1]), device=device)
    caches = model.new_caches()
    pieces = torch.cat([model(tokens[:, start:end], caches) for start, end in pairwise(cuts)], dim=1)
    torch.testing.assert_close(pieces, model(tokens), rtol=1e-5, atol=1e-5)
    assert [cache.length for cache in caches] == [cuts[-1]] * 2


@pytest.mark.parametrize("length", [1, 3, 7, 8, 9, 12])
@pytest.mark.parametrize("device", sorted({place[0] for place in PLACES}))
@torch.no_grad()
def test_generate_is_the_model_asked_again_for_each_token(length, device):
    model = model_of(device=device, dtype=torch.float32)
    prompt = torch.randint(11, (2, length), device=device)
    options = {"temperature": 0.8, "top_k": 7}
    tokens, generator = prompt, torch.Generator(device).manual_seed(0)
    for _ in range(10):
        drawn = next_token(model(tokens[:, -SMALL.block_size :])[:, -1], generator=generator, **options)
        tokens = torch.cat([tokens, drawn[:, None]], dim=1)
    for use_cache in (True, False):
        generator.manual_seed(0)
        assert torch.equal(model.generate(prompt, 10, generator=generator, use_cache=use_cache, **options), tokens)
    assert len(tokens.unique()) > 2


def test_generate_reads_each_token_once_while_it_has_a_cache():
    model = model_of()
    read = []
    model.blocks[0].register_forward_pre_hook(lambda block, args: read.append(args[0].shape[1]))
    prompt = torch.randint(11, (2, 5))
    model.generate(prompt, 6)
    assert read == [5, 1, 1, 1, 8, 8]  # the text fills the window of 8, which then slides
    read.clear()
    model.generate(prompt, 6, use_cache=False)
    assert read == [5, 6, 7, 8, 8, 8]


def test_generate_follows_its_settings():
    torch.manual_seed(0)
    model = GPT(GPTSettings(11, 8, layers=1, heads=2, width=12, dropout=0.5))
    prompt = torch.tensor([[3]])
    drawn = [model.generate(prompt, 30, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert drawn[0].shape == (1, 31)
    assert drawn[0][0, 0] == 3
    assert torch.equal(model.generate(prompt, 9, top_k=1), model.generate(prompt, 9, temperature=0))
    assert torch.equal(model.generate(prompt, 0), prompt)
    assert model.training
    assert not drawn[0].requires_grad


def test_model_learns_a_text_and_goes_on_from_it():
    torch.manual_seed(0)
    text = torch.tensor([[0, 1, 2, 1, 3, 4]]).repeat(4, 4)  # what follows a 1 depends on what came before it
    model = GPT(GPTSettings(vocab_size=5, block_size=24, layers=1, heads=2, width=16))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(60):
        loss = F.cross_entropy(model(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]
    assert model.generate(text[:1, :8], 14, temperature=0).tolist() == text[:1, :22].tolist()


# --- Messages --------------------------------------------------------------------------------------------------------

TOKENS = torch.zeros(2, 3, dtype=torch.long)


def filled(model, length):
    caches = model.new_caches()
    with torch.no_grad():
        model(torch.zeros(2, length, dtype=torch.long), caches)
    return caches


@pytest.mark.parametrize(
    ("run", "error", "message"),
    [
        (lambda m: m(TOKENS.float()), TypeError, r"tokens is of torch.float32; expected integers"),
        (lambda m: m(TOKENS[0]), ValueError, r"tokens has shape \(3,\); expected \(B, T\)"),
        (
            lambda m: m(TOKENS.repeat(1, 3)),
            ValueError,
            r"tokens has 9 positions after 0 in the caches, 9 in all; expected at most block_size, 8. Cut .*-8:\]",
        ),
        (lambda m: m(TOKENS, filled(m, 6)), ValueError, "tokens has 3 positions after 6 in the caches, 9 in all"),
        (lambda m: m(TOKENS, m.new_caches()[:1]), ValueError, "There are 1 caches; expected one for each of 2 blocks"),
        (lambda m: m(TOKENS, []), ValueError, "There are 0 caches; expected one for each of 2 blocks"),
        (lambda m: m(TOKENS, m.new_caches()), ValueError, "require gradients, which a cache can't keep"),
        (lambda m: m.generate(TOKENS[:, :0], 1), ValueError, "prompt has no tokens; expected at least one"),
        (lambda m: m.generate(TOKENS + 11, 1), ValueError, "prompt holds tokens from 11 to 11; expected 0 to 10"),
        (lambda m: m.generate(TOKENS, -1), ValueError, "n is -1; expected the number of new tokens"),
        (lambda m: m.generate(TOKENS, 1, temperature=-1), ValueError, "temperature is -1; expected 0, which is greedy"),
        (lambda m: m.generate(TOKENS, 1, top_k=12), ValueError, "top_k is 12; expected at most"),
    ],
)
def test_messages_of_the_model(run, error, message):
    with pytest.raises(error, match=message):
        run(GPT(SMALL))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"vocab_size": 0}, ValueError, "GPTSettings.vocab_size is 0; expected at least 1"),
        ({"block_size": 8.0}, TypeError, "GPTSettings.block_size is 8.0, of type float; expected an int"),
        ({"layers": 0}, ValueError, "GPTSettings.layers is 0; expected"),
        ({"heads": 5}, ValueError, "GPTSettings.heads is 5, which does not divide width, 12; .* 1, 2, 3, 4, 6, 12"),
        ({"width": -1}, ValueError, "GPTSettings.width is -1; expected"),
        ({"dropout": -0.1}, ValueError, "dropout is -0.1; expected at least 0 and less than 1"),
        ({"bias": 0}, TypeError, "bias is 0; expected True or False"),
        ({"tied": "yes"}, TypeError, "tied is 'yes'; expected True or False"),
    ],
)
def test_messages_of_the_settings(options, error, message):
    with pytest.raises(error, match=message):
        GPTSettings(**{"width": 12, "heads": 2} | options)

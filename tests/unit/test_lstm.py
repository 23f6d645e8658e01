"""The written-out cell equals nn.LSTM weight for weight; the model carries its state and goes on from a text."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from places import PLACES, close
from torch import nn
from torch.nn import functional as F

from ptguide.devices import pick_device
from ptguide.models import LSTMCell, LSTMLanguageModel, LSTMSettings, detach_state, next_token, unroll
from ptguide.trace import trace

SMALL = LSTMSettings(vocab_size=7, embedding=5, hidden=6, layers=2)


def assert_same_gradients(ours, original, inputs, ours_parameters, original_parameters):
    """Compare gradients of a fixed mixture of all outputs."""
    generator = torch.Generator().manual_seed(1)
    factors = [torch.randn(out.shape, generator=generator, dtype=torch.float64) for out in ours]
    found = []
    for outputs, parameters in ((ours, ours_parameters), (original, original_parameters)):
        total = sum((out * factor.to(out)).sum() for out, factor in zip(outputs, factors, strict=True))
        found.append(torch.autograd.grad(total, [*inputs, *parameters]))
    assert len(found[0]) == len(inputs) + len(ours_parameters)
    for mine, theirs in zip(*found, strict=True):
        close(mine, theirs)


# --- The cell, written out -------------------------------------------------------------------------------------------


def test_cell_equals_the_formula_number_by_number():
    torch.manual_seed(0)
    cell = LSTMCell(3, 2).double().requires_grad_(False)
    x, h, c = torch.randn(3).double(), torch.randn(2).double(), torch.randn(2).double()
    gate = [
        sum(float(cell.weight_ih[row, j] * x[j]) for j in range(3))
        + sum(float(cell.weight_hh[row, j] * h[j]) for j in range(2))
        + float(cell.bias_ih[row] + cell.bias_hh[row])
        for row in range(8)
    ]

    def sigmoid(z):
        return 1 / (1 + math.exp(-z))

    new_h, new_c = cell(x[None], (h[None], c[None]))
    for d in range(2):
        i, f, g, o = gate[d], gate[2 + d], gate[4 + d], gate[6 + d]
        memory = sigmoid(f) * float(c[d]) + sigmoid(i) * math.tanh(g)
        assert float(new_c[0, d]) == pytest.approx(memory, rel=1e-12)
        assert float(new_h[0, d]) == pytest.approx(sigmoid(o) * math.tanh(memory), rel=1e-12)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.integers(0, 4), st.integers(1, 5), st.integers(1, 5), st.sampled_from(PLACES))
def test_cell_equals_the_original(B, inputs, D, place):
    device, dtype = place
    torch.manual_seed(0)
    cell, original = (kind(inputs, D).to(device, dtype) for kind in (LSTMCell, nn.LSTMCell))
    original.load_state_dict(cell.state_dict())
    x, h, c = (torch.randn(B, n, dtype=dtype, device=device, requires_grad=True) for n in (inputs, D, D))
    ours, theirs = cell(x, (h, c)), original(x, (h, c))
    for mine, other in zip(ours, theirs, strict=True):
        close(mine, other)
    assert_same_gradients(ours, theirs, [x, h, c], list(cell.parameters()), list(original.parameters()))


@settings(deadline=None, derandomize=True, max_examples=30)
@given(
    st.integers(1, 3), st.integers(1, 6), st.integers(1, 4), st.integers(1, 4), st.booleans(), st.sampled_from(PLACES)
)
def test_loop_over_cells_equals_a_layer_of_torch(B, T, inputs, D, with_state, place):
    device, dtype = place
    torch.manual_seed(0)
    cells = [LSTMCell(inputs, D).to(device, dtype), LSTMCell(D, D).to(device, dtype)]
    original = nn.LSTM(inputs, D, num_layers=2, batch_first=True).to(device, dtype)
    original.load_state_dict(
        {f"{name}_l{layer}": weight for layer, cell in enumerate(cells) for name, weight in cell.state_dict().items()}
    )
    x = torch.randn(B, T, inputs, dtype=dtype, device=device, requires_grad=True)
    state = [torch.randn(2, B, D, dtype=dtype, device=device, requires_grad=True) for _ in "hc"] if with_state else []
    middle, first = unroll(cells[0], x, tuple(part[0] for part in state) or None)
    out, second = unroll(cells[1], middle, tuple(part[1] for part in state) or None)
    ours = [out, *(torch.stack(parts) for parts in zip(first, second, strict=True))]
    theirs_out, theirs_state = original(x, tuple(state) or None)
    theirs = [theirs_out, *theirs_state]
    for mine, other in zip(ours, theirs, strict=True):
        close(mine, other)
    parameters = [parameter for cell in cells for parameter in cell.parameters()]
    assert_same_gradients(ours, theirs, [x, *state], parameters, list(original.parameters()))


def test_cell_starts_from_the_same_random_numbers():
    torch.manual_seed(0)
    ours = LSTMCell(3, 5).state_dict()
    torch.manual_seed(0)
    original = nn.LSTMCell(3, 5).state_dict()
    assert list(ours) == list(original)
    assert all(torch.equal(ours[name], original[name]) for name in original)


def test_no_position_depends_on_a_later_one():
    torch.manual_seed(0)
    cell = LSTMCell(2, 2).requires_grad_(False)
    depends = trace(lambda x: unroll(cell, x)[0], torch.randn(1, 3, 2)).depends()[0, :, :, 0]  # (T, D, S, I)
    assert depends.any(dim=3).any(dim=1).tolist() == [[True, False, False], [True, True, False], [True, True, True]]


@pytest.mark.parametrize(
    ("run", "error", "message"),
    [
        (lambda: LSTMCell(0, 2), ValueError, "LSTMCell.input_size is 0; expected at least 1"),
        (lambda: LSTMCell(2, 2.5), TypeError, r"LSTMCell.hidden_size is 2.5, of type float; expected an int"),
        (
            lambda: LSTMCell(3, 2)(torch.zeros(4, 5), (torch.zeros(4, 2),) * 2),
            ValueError,
            r"x has shape \(4, 5\); expected \(B, 3\), one position of each row",
        ),
        (
            lambda: LSTMCell(3, 2)(torch.zeros(4, 3), (torch.zeros(4, 2), torch.zeros(1, 2))),
            ValueError,
            r"state has shapes \(4, 2\) and \(1, 2\); expected \(4, 2\) twice",
        ),
        (
            lambda: unroll(LSTMCell(3, 2), torch.zeros(4, 0, 3)),
            ValueError,
            r"x has shape \(4, 0, 3\); expected \(B, T, I\) with at least one position",
        ),
    ],
)
def test_messages_of_the_cell(run, error, message):
    with pytest.raises(error, match=message):
        run()


def test_cell_prints_its_sizes():
    assert repr(LSTMCell(3, 5)) == "LSTMCell(3, 5)"


# --- The language model ----------------------------------------------------------------------------------------------


class Original(nn.Module):
    """The language model of torch's own layers."""

    def __init__(self, settings):
        super().__init__()
        self.embedding = nn.Embedding(settings.vocab_size, settings.embedding)
        self.lstm = nn.LSTM(settings.embedding, settings.hidden, settings.layers, batch_first=True)
        self.head = nn.Linear(settings.hidden, settings.vocab_size)
        if settings.tied:
            self.head.weight = self.embedding.weight

    def forward(self, tokens, state=None):
        h, state = self.lstm(self.embedding(tokens), state)
        return self.head(h), state


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize(("device", "dtype"), PLACES)
def test_model_equals_layers_of_torch(tied, layers, device, dtype):
    torch.manual_seed(0)
    options = LSTMSettings(vocab_size=7, embedding=6 if tied else 5, hidden=6, layers=layers, tied=tied)
    model, original = LSTMLanguageModel(options).to(device, dtype), Original(options).to(device, dtype)
    weights = {name.replace("head_", "head."): weight for name, weight in model.state_dict().items()}
    original.load_state_dict(weights if not tied else weights | {"head.weight": weights["embedding.weight"]})
    tokens = torch.randint(7, (3, 4), device=device)
    state = tuple(torch.randn(layers, 3, 6, dtype=dtype, device=device) for _ in "hc")
    ours, theirs = model(tokens, state), original(tokens, state)
    close(ours[0], theirs[0])
    by_name = {name.replace("head.", "head_"): parameter for name, parameter in original.named_parameters()}
    names = [name for name, _ in model.named_parameters()]
    assert sorted(names) == sorted(by_name)
    assert_same_gradients(
        [ours[0], *ours[1]], [theirs[0], *theirs[1]], [], [*model.parameters()], [by_name[name] for name in names]
    )


def test_model_equals_a_loop_over_the_written_out_cell():
    torch.manual_seed(0)
    model = LSTMLanguageModel(SMALL).double()
    cells = [LSTMCell(5, 6).double(), LSTMCell(6, 6).double()]
    for layer, cell in enumerate(cells):
        cell.load_state_dict({name: getattr(model.lstm, f"{name}_l{layer}") for name in cell.state_dict()})
    tokens = torch.randint(7, (3, 4))
    x = model.embedding(tokens)
    for cell in cells:
        x, _ = unroll(cell, x)
    close(model(tokens)[0], F.linear(x, model.head_weight, model.head_bias))


@pytest.mark.parametrize(("hidden", "millions"), [(650, 20), (1500, 66)])
def test_number_of_parameters_as_published(hidden, millions):
    """The medium and the large model of Zaremba et al. (2014) on 10,000 words are listed with 20M and 66M."""
    with torch.device("meta"):
        model = LSTMLanguageModel(LSTMSettings(vocab_size=10_000, embedding=hidden, hidden=hidden, layers=2))
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6) == millions


def test_tying_saves_one_matrix():
    counts = [
        sum(p.numel() for p in LSTMLanguageModel(LSTMSettings(7, embedding=6, hidden=6, tied=tied)).parameters())
        for tied in (False, True)
    ]
    assert counts[0] - counts[1] == 7 * 6


@pytest.mark.parametrize("tied", [False, True])
def test_training_starts_from_nearly_equal_chances(tied):
    torch.manual_seed(0)
    model = LSTMLanguageModel(LSTMSettings(vocab_size=65, embedding=256, hidden=256, tied=tied))
    tokens = torch.randint(65, (8, 33))
    loss = F.cross_entropy(model(tokens[:, :-1])[0].flatten(0, 1), tokens[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(65), rel=0.02)


def test_state_carries_a_text_over_the_edge_of_a_window():
    torch.manual_seed(0)
    model = LSTMLanguageModel(SMALL).double()
    tokens = torch.randint(7, (3, 10))
    whole, last = model(tokens)
    first, state = model(tokens[:, :4])
    second, state = model(tokens[:, 4:], state)
    close(torch.cat([first, second], dim=1), whole)
    for mine, other in zip(state, last, strict=True):
        close(mine, other)
    assert not torch.allclose(model(tokens[:, 4:])[0], second)


def test_detached_state_ends_the_graph():
    torch.manual_seed(0)
    model = LSTMLanguageModel(SMALL)
    tokens = torch.randint(7, (3, 4))
    _, state = model(tokens)
    model(tokens, state)[0].sum().backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        model(tokens, state)[0].sum().backward()
    detached = detach_state(state)
    assert all(torch.equal(*parts) and not parts[1].requires_grad for parts in zip(state, detached, strict=True))
    for _ in range(2):
        model(tokens, detached)[0].sum().backward()


@pytest.mark.parametrize("layers", [1, 2])
def test_dropout_in_training_alone(layers):
    torch.manual_seed(0)
    model = LSTMLanguageModel(LSTMSettings(7, embedding=5, hidden=6, layers=layers, dropout=0.5))
    assert model.lstm.dropout == (0.5 if layers > 1 else 0.0)
    tokens, dropped = torch.randint(7, (3, 4)), []
    handle = model.dropout.register_forward_hook(lambda module, args, out: dropped.append(out))
    logits, _ = model(tokens)
    handle.remove()
    assert [out.shape for out in dropped] == [(3, 4, 5), (3, 4, 6)]  # before the layers, and after them
    assert torch.equal(logits, F.linear(dropped[1], model.head_weight, model.head_bias))
    assert not torch.equal(model(tokens)[0], model(tokens)[0])
    model.eval()
    assert torch.equal(model(tokens)[0], model(tokens)[0])


def test_bfloat16_is_float32_rounded():
    torch.manual_seed(0)
    device = pick_device()
    exact = LSTMLanguageModel(SMALL).to(device)
    rounded = copy.deepcopy(exact).bfloat16()
    tokens = torch.randint(7, (3, 4), device=device)
    logits, state = rounded(tokens)
    assert logits.dtype == torch.bfloat16
    torch.testing.assert_close(logits.float(), exact(tokens)[0], rtol=0.05, atol=0.02)
    assert rounded(tokens, state)[0].shape == (3, 4, 7)
    cell = LSTMCell(5, 6).to(device)
    x, state = torch.randn(3, 5, device=device), (torch.randn(3, 6, device=device),) * 2
    out = copy.deepcopy(cell).bfloat16()(x.bfloat16(), detach_state((state[0].bfloat16(), state[1].bfloat16())))
    torch.testing.assert_close(out[0].float(), cell(x, state)[0], rtol=0.05, atol=0.05)


@pytest.mark.skipif(
    pick_device().type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported(),
    reason="oneDNN, which autocast takes for an LSTM, has none in bfloat16 for a processor without AVX-512",
)
def test_autocast_to_bfloat16_is_float32_rounded():
    torch.manual_seed(0)
    device = pick_device()
    model = LSTMLanguageModel(SMALL).to(device)
    tokens = torch.randint(7, (3, 4), device=device)
    with torch.autocast(device.type, torch.bfloat16):
        rounded = model(tokens)[0]
    torch.testing.assert_close(rounded.float(), model(tokens)[0], rtol=0.05, atol=0.02)


def test_everything_is_made_on_the_device_of_the_input():
    model = LSTMLanguageModel(SMALL).to("meta")
    assert model(torch.zeros(3, 4, dtype=torch.long, device="meta"))[0].shape == (3, 4, 7)
    out, _ = unroll(LSTMCell(5, 6).to("meta"), torch.zeros(3, 4, 5, device="meta"))
    assert out.device.type == "meta"


# --- Going on from a text --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 4])
@torch.no_grad()
def test_sample_is_the_model_asked_again_for_each_token(length):
    torch.manual_seed(0)
    model = LSTMLanguageModel(SMALL).double()
    for parameter in model.parameters():
        parameter.add_(torch.randn(parameter.shape))  # clear preferences
    prompt = torch.randint(7, (3, length))
    options = {"temperature": 0.8, "top_k": 5}
    tokens, generator = prompt, torch.Generator().manual_seed(0)
    for _ in range(9):
        drawn = next_token(model(tokens)[0][:, -1], generator=generator, **options)
        tokens = torch.cat([tokens, drawn[:, None]], dim=1)
    assert torch.equal(model.sample(prompt, 9, generator=generator.manual_seed(0), **options), tokens)
    assert len(tokens.unique()) > 2


def test_sample_follows_its_settings():
    torch.manual_seed(0)
    model = LSTMLanguageModel(LSTMSettings(7, embedding=5, hidden=6, dropout=0.5))
    prompt = torch.tensor([[3]])
    drawn = [model.sample(prompt, 40, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert drawn[0].shape == (1, 41)
    assert drawn[0][0, 0] == 3
    assert torch.equal(model.sample(prompt, 9, top_k=1), model.sample(prompt, 9, temperature=0))
    assert torch.equal(model.sample(prompt, 0), prompt)
    assert model.training
    assert not drawn[0].requires_grad


def test_model_learns_a_text_and_goes_on_from_it():
    torch.manual_seed(0)
    text = torch.tensor([[0, 1, 2, 1, 3, 4]]).repeat(4, 8)  # what follows a 1 depends on what came before it
    model = LSTMLanguageModel(LSTMSettings(vocab_size=5, embedding=8, hidden=16))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    losses = []
    for _ in range(60):
        loss = F.cross_entropy(model(text[:, :-1])[0].flatten(0, 1), text[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]
    assert model.sample(text[:1, :8], 16, temperature=0).tolist() == text[:1, :24].tolist()


TOKENS = torch.zeros(2, 3, dtype=torch.long)


@pytest.mark.parametrize(
    ("run", "error", "message"),
    [
        (lambda m: m(TOKENS.float()), TypeError, r"tokens is of torch.float32; expected integers, .* tokens.long\(\)"),
        (lambda m: m(TOKENS[0]), ValueError, r"tokens has shape \(3,\); expected \(B, T\). tokens\[None\] makes"),
        (
            lambda m: m(TOKENS, (torch.zeros(2, 1, 6),) * 2),
            ValueError,
            r"state has shapes \[\(2, 1, 6\), \(2, 1, 6\)\]; expected two of \(2, 2, 6\), \(layers, batch, hidden\)",
        ),
        (lambda m: m.sample(TOKENS[:, :0], 1), ValueError, "prompt has no tokens; expected at least one"),
        (lambda m: m.sample(TOKENS + 7, 1), ValueError, "prompt holds tokens from 7 to 7; expected 0 to 6, as vocab_s"),
        (lambda m: m.sample(TOKENS - 1, 1), ValueError, "prompt holds tokens from -1 to -1; expected 0 to 6"),
        (lambda m: m.sample(TOKENS[0], 1), ValueError, r"prompt has shape \(3,\); expected \(B, T\)"),
        (lambda m: m.sample(TOKENS, -1), ValueError, "n is -1; expected the number of new tokens, at least 0"),
        (lambda m: m.sample(TOKENS, 1.0), TypeError, "n is 1.0; expected the number of new tokens, a whole number"),
        (lambda m: m.sample(TOKENS, 0, temperature=-1), ValueError, "temperature is -1; expected 0, which is greedy"),
        (lambda m: m.sample(TOKENS, 1, top_k=8), ValueError, "top_k is 8; expected at most the size of the vocab"),
    ],
)
def test_messages_of_the_model(run, error, message):
    with pytest.raises(error, match=message):
        run(LSTMLanguageModel(SMALL))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"vocab_size": 0}, ValueError, "LSTMSettings.vocab_size is 0; expected at least 1"),
        ({"embedding": 1.5}, TypeError, "LSTMSettings.embedding is 1.5, of type float; expected an int"),
        ({"hidden": -1}, ValueError, "LSTMSettings.hidden is -1; expected at least 1"),
        ({"layers": 0}, ValueError, "LSTMSettings.layers is 0; expected at least 1"),
        ({"dropout": 1}, ValueError, "dropout is 1; expected at least 0 and less than 1"),
        ({"tied": None}, TypeError, "tied is None; expected True or False"),
        ({"tied": True}, ValueError, "LSTMSettings.embedding is 64 and hidden 256; expected equal numbers"),
    ],
)
def test_messages_of_the_settings(options, error, message):
    with pytest.raises(error, match=message):
        LSTMSettings(**{"vocab_size": 7} | options)

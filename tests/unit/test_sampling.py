"""Drawing a token follows softmax with temperature and top-k, and greedy takes the likeliest."""

import math

import pytest
import torch
from torch import nn

from ptguide.devices import pick_device
from ptguide.models import evaluating, next_token

LOGITS = torch.tensor([[1.0, 3.0, 2.0, -1.0]])


def shares(draws=20_000, logits=LOGITS, **options):
    """How often each token is drawn."""
    generator = torch.Generator().manual_seed(0)
    drawn = next_token(logits.expand(draws, -1), generator=generator, **options)
    return drawn.bincount(minlength=logits.shape[-1]) / draws


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("top_k", [None, 1, 2, 3, 4])
def test_tokens_are_drawn_as_softmax_says(temperature, top_k):
    kept = LOGITS.clone()
    kept[0, LOGITS[0].argsort()[: 4 - (top_k or 4)]] = -torch.inf
    expected = (kept / temperature).softmax(-1)[0]
    found = shares(temperature=temperature, top_k=top_k)
    torch.testing.assert_close(found, expected, rtol=0, atol=0.015)  # four standard errors of 20,000 draws
    assert ((found > 0) == (expected > 0)).all()


@pytest.mark.parametrize("temperature", [0.7, 1.0, 3.0])
@pytest.mark.parametrize("top_k", [None, 3])
@pytest.mark.parametrize("top_p", [1e-9, 0.3, 0.7, 0.95, 1.0])
def test_top_p_keeps_the_fewest_likeliest_that_reach_it(temperature, top_k, top_p):
    allowed = sorted(range(4), key=lambda token: -LOGITS[0, token])[:top_k]
    whole = (LOGITS[0, allowed] / temperature).softmax(-1).tolist()
    kept, reached = {}, 0.0
    for token, probability in zip(allowed, whole, strict=True):
        if reached < top_p:
            kept[token] = probability
            reached += probability
    expected = torch.tensor([kept.get(token, 0.0) / reached for token in range(4)])
    found = shares(temperature=temperature, top_k=top_k, top_p=top_p)
    torch.testing.assert_close(found, expected, rtol=0, atol=0.015)
    assert ((found > 0) == (expected > 0)).all()


@pytest.mark.parametrize("options", [{"temperature": 0}, {}, {"top_k": 1}, {"top_p": 0.5}])
def test_nan_is_named_and_never_taken_for_the_likeliest(options):
    logits = torch.tensor([[1.0, 2.0], [math.nan, 1.0], [0.0, math.nan]])
    with pytest.raises(
        ValueError, match=r"^logits holds NaN in 2 of 3 rows, of which no token is the likeliest\. Look "
    ):
        next_token(logits, **options)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_greedy_takes_the_likeliest(dtype):
    logits = torch.rand(50, 7).argsort(-1).to(dtype)  # no two are equal, also where few digits are kept
    likeliest = logits.argmax(-1)
    assert torch.equal(next_token(logits, temperature=0), likeliest)
    assert torch.equal(next_token(logits, top_k=1), likeliest)
    assert torch.equal(next_token(logits, temperature=0, top_k=3), likeliest)
    assert next_token(logits).dtype == torch.int64


def test_greedy_draws_no_random_number():
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    next_token(LOGITS, temperature=0, generator=generator)
    assert torch.equal(generator.get_state(), before)
    next_token(LOGITS, generator=generator)
    assert not torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_temperature_next_to_zero_is_greedy_and_not_nan(dtype):
    assert shares(draws=50, logits=1e3 * LOGITS.to(dtype), temperature=1.2e-38).tolist() == [0, 1, 0, 0]


def test_equal_logits_leave_no_more_than_top_k():
    assert (shares(logits=torch.zeros(1, 6), top_k=2) > 0).sum() == 2


def test_forbidden_tokens_and_empty_batches():
    assert shares(draws=200, logits=torch.tensor([[0.0, -torch.inf, 0.0]]))[1] == 0
    assert next_token(torch.zeros(0, 4)).shape == (0,)
    assert next_token(torch.zeros(0, 4), top_k=2).shape == (0,)


def test_the_same_seed_draws_the_same_on_the_device():
    device = pick_device()
    drawn = [
        next_token(torch.zeros(99, 9, device=device), generator=torch.Generator(device).manual_seed(seed))
        for seed in (0, 0, 1)
    ]
    assert drawn[0].device.type == device.type
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"temperature": -1},
            ValueError,
            "temperature is -1; expected 0, which is greedy, or from 1e-38 up",
        ),
        ({"temperature": math.nan}, ValueError, "temperature is nan; expected 0, which is greedy"),
        ({"temperature": math.inf}, ValueError, "temperature is inf; expected 0, which is greedy"),
        ({"temperature": 1e-46}, ValueError, "temperature is 1e-46; expected 0, which is greedy"),
        ({"top_k": 0}, ValueError, "top_k is 0; expected a whole number of at least 1, or None for all"),
        ({"top_k": 5}, ValueError, "top_k is 5; expected at most the size of the vocabulary, 4"),
        ({"top_k": 2.0}, TypeError, "top_k is 2.0; expected a whole number"),
        ({"top_k": True}, TypeError, "top_k is True; expected a whole number"),
        ({"top_p": 0}, ValueError, "top_p is 0; expected a probability above 0 and at most 1, or None for all"),
        ({"top_p": 1.5}, ValueError, "top_p is 1.5; expected a probability above 0 and at most 1"),
        ({"top_p": math.nan}, ValueError, "top_p is nan; expected a probability"),
        ({"logits": LOGITS[0]}, ValueError, r"logits has shape \(4,\); expected \(B, V\). Take one position"),
    ],
)
def test_messages(options, error, message):
    with pytest.raises(error, match=message):
        next_token(**{"logits": LOGITS} | options)


def test_evaluating_puts_each_part_back_also_after_an_error():
    model = nn.Sequential(nn.Dropout(0.5), nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(2)))
    model[1][1].eval()  # frozen on purpose
    before = [part.training for part in model.modules()]

    def fail():
        with evaluating(model):
            assert not any(part.training for part in model.modules())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [part.training for part in model.modules()] == before == [True, True, True, True, False]

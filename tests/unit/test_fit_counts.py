"""Batches that make one step give the gradient of one big batch, whatever the loss is a mean over."""

import copy
import functools
import weakref

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.training import accuracy, evaluate, fit

CLASSES, FEATURES = 4, 5
WEIGHT = torch.tensor([1.0, 6.0, 0.25, 2.0], dtype=torch.float64)
torch.manual_seed(3)
INPUTS = torch.randn(23, FEATURES, dtype=torch.float64)
TARGETS = torch.arange(23) % CLASSES
SIZES = (8, 3, 8, 4)

LOSSES = {
    "mean": F.cross_entropy,
    "sum": nn.CrossEntropyLoss(reduction="sum"),
    "class weights": nn.CrossEntropyLoss(weight=WEIGHT),
    "another index": nn.CrossEntropyLoss(ignore_index=2, weight=WEIGHT),
    "partial": functools.partial(F.cross_entropy, ignore_index=1),
}


def ignoring(number):
    """Return targets of which the batches of SIZES ignore different numbers, the second all of its own."""
    targets = TARGETS.clone()
    targets[:5] = targets[8:11] = number
    return targets


def model_of(*layers):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(FEATURES, 7), nn.Tanh(), *layers, nn.Linear(7, CLASSES)).double()


def trained(data, loss, **settings):
    model = model_of()
    history = fit(model, data, loss, torch.optim.SGD(model.parameters(), lr=0.3), epochs=2, **settings)
    return list(model.parameters()), history


def split(inputs, targets):
    return list(zip(inputs.split(SIZES), targets.split(SIZES), strict=True))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("accumulate", [4, 2])
def test_accumulated_batches_equal_one_big_batch_whatever_is_counted(name, accumulate):
    loss = LOSSES[name]
    targets = ignoring({"another index": 2, "partial": 1}.get(name, -100))
    small = split(INPUTS, targets)
    groups = [small[start : start + accumulate] for start in range(0, 4, accumulate)]
    big = [(torch.cat([x for x, _ in group]), torch.cat([y for _, y in group])) for group in groups]
    weights, history = trained(small, loss, accumulate=accumulate)
    expected, wanted = trained(big, loss)
    torch.testing.assert_close(weights, expected, rtol=1e-10, atol=1e-12)
    assert history["loss"] == pytest.approx(wanted["loss"], rel=1e-10)


def test_the_history_is_the_mean_over_what_the_loss_counts():
    targets = ignoring(-100)
    for loss in (F.cross_entropy, nn.CrossEntropyLoss(weight=WEIGHT)):
        model = model_of()
        whole = loss(model(INPUTS), targets).item()
        frozen = torch.optim.SGD(model.parameters(), lr=0.0)
        data = [batch for batch in split(INPUTS, targets) if (batch[1] != -100).any()]
        found = fit(model, data, loss, frozen, validation=data)
        assert found["loss"] == [pytest.approx(whole, rel=1e-10)]
        assert found["validation_loss"] == [pytest.approx(whole, rel=1e-10)]


def test_count_weighs_the_batches_of_a_loss_of_ones_own():
    mask = torch.arange(23) % 7 > 2

    def loss(outputs, mask):
        return (outputs.square().sum(1) * mask).sum() / mask.sum()

    counted = {"count": lambda outputs, mask: mask.sum()}
    weights, history = trained(split(INPUTS, mask), loss, accumulate=4, **counted)
    expected, wanted = trained([(INPUTS, mask)], loss)
    torch.testing.assert_close(weights, expected, rtol=1e-10, atol=1e-12)
    assert history["loss"] == pytest.approx(wanted["loss"], rel=1e-10)


def test_clipping_looks_at_the_mean_of_an_accumulated_step():
    targets = ignoring(-100)
    weights, _ = trained(split(INPUTS, targets), F.cross_entropy, accumulate=4, clip_norm=0.05)
    expected, _ = trained([(INPUTS, targets)], F.cross_entropy, clip_norm=0.05)
    torch.testing.assert_close(weights, expected, rtol=1e-10, atol=1e-12)


class Counting:
    """Data that knows how many of its batches are still held."""

    def __init__(self):
        self.held = weakref.WeakSet()
        self.most = 0

    def __iter__(self):
        for _ in range(12):
            inputs = torch.randn(3, FEATURES, dtype=torch.float64)
            self.held.add(inputs)
            self.most = max(self.most, len(self.held))
            yield inputs, torch.zeros(3, dtype=torch.int64)


def test_no_more_than_three_batches_are_held_however_many_make_a_step():
    data, model = Counting(), model_of()
    fit(model, data, F.cross_entropy, torch.optim.SGD(model.parameters(), lr=0.1), accumulate=6)
    assert data.most == 3  # the one before, the one that is computed, and the next


def test_a_batch_whose_targets_are_all_ignored_is_named():
    data = [(INPUTS[:3], TARGETS[:3]), (INPUTS[:3], torch.full((3,), -100))]
    model = model_of()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    said = (
        r"^The loss is nan in step 2 \(epoch 1, batch 2\)\. The loss ignores every target of the batch, and the mean "
        r"over no target is nan\. The weights are those before the step\. Try: leave such batches out, or put several "
        r"into one step with accumulate=\.$"
    )
    with pytest.raises(FloatingPointError, match=said):
        fit(model, data, F.cross_entropy, optimizer)
    history = fit(model, data, F.cross_entropy, optimizer, accumulate=2)
    assert history["step"] == [1]


def test_metrics_with_a_count_are_averaged_exactly():
    targets = ignoring(-100)
    model = model_of()
    data = split(INPUTS, targets)
    right, counted = accuracy(model(INPUTS), targets)
    assert counted == 15
    found = evaluate(model, data, metrics={"accuracy": accuracy}).metrics["accuracy"]
    assert found == right.item() / 15
    history = fit(
        model, data, F.cross_entropy, torch.optim.SGD(model.parameters(), lr=0.0), accumulate=4, metrics={"a": accuracy}
    )
    assert history["a"] == [right.item() / 15]


class Margin(nn.Module):
    """A loss that learns something itself, and remembers something."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.0, dtype=torch.float64))
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, outputs, targets):
        self.seen += 1
        return F.cross_entropy(self.scale * outputs, targets)


class Saved:
    def __init__(self):
        self.states = []

    def due(self, step):
        return True

    def save(self, state, step, metric):
        self.states.append(copy.deepcopy(state))

    def latest(self):
        return self.states[-1] if self.states else None


def test_what_the_loss_learns_is_saved_and_goes_on():
    def run(epochs, store):
        model, loss = model_of(), Margin()
        optimizer = torch.optim.Adam([*model.parameters(), *loss.parameters()], lr=0.1)
        fit(model, split(INPUTS, TARGETS), loss, optimizer, epochs=epochs, checkpoints=store)
        return loss

    whole, store = run(4, Saved()), Saved()
    run(2, store)
    assert store.latest()["loss"].keys() == {"scale", "seen"}
    resumed = run(4, store)
    assert torch.equal(resumed.scale, whole.scale)
    assert resumed.scale != 1
    assert torch.equal(resumed.seen, whole.seen)
    assert whole.seen == 16

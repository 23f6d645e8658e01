"""`fit` gives the weights that the loop by hand gives, bit for bit, and every setting does what its loop would."""

import copy
import functools
import io
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
import torchmetrics
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from ptguide.data import batches
from ptguide.training import _arguments as checks
from ptguide.training import fit

N, FEATURES, CLASSES = 45, 5, 3  # 45 samples in batches of 8: five full ones and one of 5
torch.manual_seed(3)
INPUTS = torch.randn(N, FEATURES)
TARGETS = (INPUTS[:, :CLASSES] + 0.3 * torch.randn(N, CLASSES)).argmax(1)
DATA = TensorDataset(INPUTS, TARGETS)
HELD_BACK = [(INPUTS[:20], TARGETS[:20]), (INPUTS[20:33], TARGETS[20:33])]
STEPS = 6


OPTIMIZERS = {
    "SGD": lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    "momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9, nesterov=True),
    "Adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
    "AdamW": lambda parameters: torch.optim.AdamW(parameters, lr=0.01, weight_decay=0.1),
    "fused": lambda parameters: torch.optim.Adam(parameters, lr=0.01, fused=True),
}


def network(dropout=0.2):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(FEATURES, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Dropout(dropout), nn.Linear(7, CLASSES)
    )


def loader(**settings):
    return DataLoader(DATA, batch_size=8, shuffle=True, **settings)


def pairs(size=8):
    return list(zip(INPUTS.split(size), TARGETS.split(size), strict=True))


def accuracy(outputs, targets):
    return (outputs.argmax(1) == targets).float().mean()


def by_hand(model, data, optimizer, epochs=1, after_step=None, after_epoch=None, clip=None, validation=None):
    """The loop of the lesson: what `fit` is compared with."""
    history = []
    for _ in range(epochs):
        model.train()
        total = right = count = 0
        for inputs, targets in data:
            outputs = model(inputs)
            loss = F.cross_entropy(outputs, targets)
            optimizer.zero_grad()
            loss.backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
            total += loss.item() * len(inputs)
            right += accuracy(outputs, targets).item() * len(inputs)
            count += len(inputs)
            if after_step is not None:
                after_step()
        history.append({"loss": total / count, "accuracy": right / count})
        if validation is not None:
            model.eval()
            with torch.no_grad():
                found = [
                    (F.cross_entropy(model(x), y).item(), accuracy(model(x), y).item(), len(x)) for x, y in validation
                ]
            for place, name in enumerate(("validation_loss", "validation_accuracy")):
                history[-1][name] = sum(entry[place] * entry[2] for entry in found) / sum(entry[2] for entry in found)
        if after_epoch is not None:
            after_epoch()
    return history


def same(left, right):
    """Return whether two models have the same parameters and buffers, to the last bit."""
    ours, theirs = left.state_dict(), right.state_dict()
    return list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)


class Memory:
    """Checkpoints that are kept in memory, after the steps that are named and after each epoch."""

    def __init__(self, steps=()):
        self.steps = steps
        self.saved = []
        self.start = None

    def due(self, step):
        return step in self.steps

    def save(self, state, step, metric):
        stream = io.BytesIO()
        torch.save(state, stream)
        self.saved.append((stream.getvalue(), step, metric))

    def latest(self):
        return None if self.start is None else torch.load(io.BytesIO(self.start), weights_only=True)


# --- The same as by hand ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weights_and_losses_equal_those_of_the_loop_by_hand(name):
    model, twin = network(), network()
    torch.manual_seed(1)
    history = fit(model, loader(), F.cross_entropy, OPTIMIZERS[name](model.parameters()), epochs=3)
    after = torch.get_rng_state()
    torch.manual_seed(1)
    expected = by_hand(twin, loader(), OPTIMIZERS[name](twin.parameters()), epochs=3)
    assert same(model, twin)
    assert torch.equal(after, torch.get_rng_state())
    assert history["loss"] == [record["loss"] for record in expected]
    assert history["epoch"] == [1, 2, 3]
    assert history["step"] == [STEPS, 2 * STEPS, 3 * STEPS]


def test_batches_by_indexing_give_the_same_as_a_data_loader():
    model, twin = network(), network()
    torch.manual_seed(1)
    fit(model, batches(DATA, 8, shuffle=True), F.cross_entropy, OPTIMIZERS["Adam"](model.parameters()), epochs=2)
    torch.manual_seed(1)
    by_hand(twin, loader(), OPTIMIZERS["Adam"](twin.parameters()), epochs=2)
    assert same(model, twin)


def test_metrics_and_validation_are_means_over_samples():
    model, twin = network(), network()
    history = fit(
        model,
        pairs(),
        F.cross_entropy,
        OPTIMIZERS["SGD"](model.parameters()),
        epochs=2,
        validation=HELD_BACK,
        metrics={"accuracy": accuracy},
    )
    torch.manual_seed(0)
    network()
    expected = by_hand(twin, pairs(), OPTIMIZERS["SGD"](twin.parameters()), epochs=2, validation=HELD_BACK)
    assert same(model, twin)
    for record, wanted in zip(history, expected, strict=True):
        assert list(record) == [
            *("epoch", "step", "learning_rate", "loss", "accuracy", "validation_loss", "validation_accuracy")
        ]
        assert {name: record[name] for name in wanted} == wanted


def test_torchmetrics_count_training_and_validation_apart_and_stay_as_they_are():
    model, twin = network(), network()
    metric = torchmetrics.Accuracy(task="multiclass", num_classes=CLASSES, average="micro")
    torch.manual_seed(1)
    history = fit(
        model,
        pairs(),
        F.cross_entropy,
        OPTIMIZERS["SGD"](model.parameters()),
        epochs=2,
        validation=HELD_BACK,
        metrics={"accuracy": metric},
    )
    torch.manual_seed(1)
    expected = by_hand(twin, pairs(), OPTIMIZERS["SGD"](twin.parameters()), epochs=2, validation=HELD_BACK)
    assert history["accuracy"] == pytest.approx([record["accuracy"] for record in expected], abs=1e-6)
    wanted = [record["validation_accuracy"] for record in expected]
    assert history["validation_accuracy"] == pytest.approx(wanted, abs=1e-6)
    assert metric.update_count == 0


def test_a_metric_that_keeps_outputs_does_not_keep_their_graph():
    kept = []
    model = network()
    fit(
        model,
        pairs()[:1],
        F.cross_entropy,
        OPTIMIZERS["SGD"](model.parameters()),
        metrics={"kept": lambda outputs, targets: kept.append(outputs) or 2.5},
    )
    assert [outputs.requires_grad for outputs in kept] == [False]


def test_a_metric_may_return_a_plain_number():
    model = network()
    history = fit(
        model, pairs(), F.cross_entropy, OPTIMIZERS["SGD"](model.parameters()), metrics={"size": lambda o, t: len(t)}
    )
    assert history["size"] == [(5 * 8 * 8 + 5 * 5) / N]


def test_many_steps_are_averaged_exactly():
    data = pairs(1) * 7  # 315 batches
    model, twin = network(0.0)[::4], network(0.0)[::4]
    history = fit(model, data, F.cross_entropy, OPTIMIZERS["SGD"](model.parameters()))
    expected = by_hand(twin, data, OPTIMIZERS["SGD"](twin.parameters()))
    assert same(model, twin)
    assert history["loss"] == [expected[0]["loss"]]


# --- Schedules -------------------------------------------------------------------------------------------------------
SCHEDULES = {
    "StepLR": ("epoch", lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)),
    "OneCycleLR": (
        "step",
        lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.3, total_steps=3 * STEPS),
    ),
    "Cosine": ("step", lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 3 * STEPS)),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_steps_as_often_as_it_is_told_to(name):
    every, make = SCHEDULES[name]
    model, twin = network(), network()
    optimizer, other = OPTIMIZERS["momentum"](model.parameters()), OPTIMIZERS["momentum"](twin.parameters())
    torch.manual_seed(1)
    history = fit(model, pairs(), F.cross_entropy, optimizer, epochs=3, schedule=make(optimizer), schedule_every=every)
    schedule, rates = make(other), []

    def step():
        rates.append(other.param_groups[0]["lr"])
        schedule.step()

    def note():
        rates.append(other.param_groups[0]["lr"])
        if every == "epoch":
            schedule.step()

    torch.manual_seed(1)
    if every == "step":
        by_hand(twin, pairs(), other, epochs=3, after_step=step)
        rates = rates[STEPS - 1 :: STEPS]
    else:
        by_hand(twin, pairs(), other, epochs=3, after_epoch=note)
    assert same(model, twin)
    assert history["learning_rate"] == rates
    assert len(set(rates)) == 3


def test_reduce_on_plateau_follows_the_figure_that_is_monitored():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", factor=0.1, patience=0)
    scripted = iter([0.3, 0.5, 0.4, 0.6, 0.6])  # no better in epoch 3 and in epoch 5
    history = fit(
        model,
        pairs(64),
        F.cross_entropy,
        optimizer,
        epochs=5,
        schedule=schedule,
        schedule_every="epoch",
        metrics={"scripted": lambda outputs, targets: next(scripted)},
        monitor="scripted",
        higher_is_better=True,
    )
    assert history["learning_rate"] == pytest.approx([0.5, 0.5, 0.5, 0.05, 0.05])
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.005)


def test_reduce_on_plateau_follows_the_validation_loss_by_default():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    given = []
    step, schedule.step = schedule.step, lambda *figures: given.append(figures) or step(*figures)
    history = fit(
        model,
        pairs(),
        F.cross_entropy,
        optimizer,
        epochs=2,
        validation=HELD_BACK,
        schedule=schedule,
        schedule_every="epoch",
    )
    assert given == [(figure,) for figure in history["validation_loss"]]


def test_each_parameter_group_has_its_learning_rate_in_the_record():
    model = network()
    groups = [{"params": model[0].parameters(), "lr": 0.1}, {"params": model[4].parameters(), "lr": 0.25}]
    history = fit(model, pairs(), F.cross_entropy, torch.optim.SGD(groups))
    assert (history["learning_rate"], history["learning_rate_1"]) == ([0.1], [0.25])


# --- Clipping and accumulation ---------------------------------------------------------------------------------------
def test_gradients_are_clipped_to_the_norm():
    model, twin, free = network(), network(), network()
    for trained, clip in ((model, "fit"), (twin, 0.05), (free, None)):
        torch.manual_seed(1)
        optimizer = OPTIMIZERS["SGD"](trained.parameters())
        if clip == "fit":
            fit(trained, pairs(), F.cross_entropy, optimizer, clip_norm=0.05)
        else:
            by_hand(trained, pairs(), optimizer, clip=clip)
    assert same(model, twin)
    assert not same(model, free)


@pytest.mark.parametrize("sizes", [(8, 8, 8, 8, 8, 5), (1, 16, 3, 9, 2, 7, 7), (30, 15)])
@pytest.mark.parametrize("accumulate", [2, 4, 50])
def test_accumulated_batches_equal_one_big_batch(sizes, accumulate):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(FEATURES, 7), nn.Tanh(), nn.Linear(7, CLASSES)).double()
    twin = copy.deepcopy(model)
    small = list(zip(INPUTS.double().split(sizes), TARGETS.split(sizes), strict=True))
    groups = [small[start : start + accumulate] for start in range(0, len(small), accumulate)]
    big = [(torch.cat([x for x, _ in group]), torch.cat([y for _, y in group])) for group in groups]
    history = fit(
        model, small, F.cross_entropy, torch.optim.SGD(model.parameters(), lr=0.3), epochs=2, accumulate=accumulate
    )
    expected = by_hand(twin, big, torch.optim.SGD(twin.parameters(), lr=0.3), epochs=2)
    torch.testing.assert_close(list(model.parameters()), list(twin.parameters()), rtol=1e-12, atol=1e-14)
    assert history["loss"] == pytest.approx([record["loss"] for record in expected], rel=1e-12)
    assert history["step"] == [len(big), 2 * len(big)]


def test_clipping_comes_after_the_last_batch_of_a_step():
    torch.manual_seed(0)
    model = nn.Linear(FEATURES, CLASSES).double()
    twin = copy.deepcopy(model)
    data = [(x.double(), y) for x, y in pairs(15)]
    fit(model, data, F.cross_entropy, torch.optim.SGD(model.parameters(), lr=0.3), accumulate=3, clip_norm=0.1)
    by_hand(twin, [(INPUTS.double(), TARGETS)], torch.optim.SGD(twin.parameters(), lr=0.3), clip=0.1)
    torch.testing.assert_close(list(model.parameters()), list(twin.parameters()), rtol=1e-12, atol=1e-14)


def test_a_zero_grad_of_ones_own_is_called():
    called = []

    class Counting(torch.optim.SGD):
        def zero_grad(self, set_to_none=True):
            called.append(set_to_none)
            super().zero_grad(set_to_none)

    model, twin = network(), network()
    fit(model, pairs(), F.cross_entropy, Counting(model.parameters(), lr=0.1), accumulate=2)
    assert called == [True] * 3
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1)
    zero_grad, optimizer.zero_grad = optimizer.zero_grad, lambda: called.append("own") or zero_grad()
    fit(twin, pairs(), F.cross_entropy, optimizer, accumulate=2)
    assert called[3:] == ["own"] * 3


# --- Other batches ---------------------------------------------------------------------------------------------------
def test_forward_decides_what_a_batch_is():
    torch.manual_seed(0)
    model = nn.Linear(FEATURES, FEATURES)
    twin = copy.deepcopy(model)
    seen = []

    def size(outputs, targets):
        seen.append(targets)
        return len(targets)

    data = [{"x": part, "more": [part]} for part in INPUTS.split(20)]
    history = fit(
        model,
        data,
        F.mse_loss,
        torch.optim.SGD(model.parameters(), lr=0.1),
        forward=lambda network, batch: (network(batch["x"]), batch["more"][0]),
        metrics={"size": size},
        validation=data[:1],
    )
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1)
    for part in INPUTS.split(20):
        loss = F.mse_loss(twin(part), part)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert same(model, twin)
    assert history["size"] == [(20 * 20 + 20 * 20 + 5 * 5) / N]
    assert history["validation_size"] == [20]
    assert torch.equal(seen[0], INPUTS[:20])


def test_a_language_model_learns_by_the_forward_of_the_docstring():
    torch.manual_seed(0)
    tokens = (torch.arange(12) + torch.arange(5).reshape(5, 1)) % 5  # the next token follows from the last
    model = nn.Sequential(nn.Embedding(5, 8), nn.Linear(8, 5))
    history = fit(
        model,
        [tokens],
        lambda outputs, targets: F.cross_entropy(outputs.mT, targets),
        torch.optim.Adam(model.parameters(), lr=0.1),
        forward=lambda model, batch: (model(batch[:, :-1]), batch[:, 1:]),
        epochs=60,
    )
    assert history[-1]["loss"] < 0.1 < history[0]["loss"]
    assert torch.equal(model(tokens).argmax(dim=2)[:, :-1], tokens[:, 1:])


def test_an_iterable_data_set_needs_no_length():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(zip(INPUTS, TARGETS, strict=True))

    model, twin = network(), network()
    torch.manual_seed(1)
    history = fit(model, DataLoader(Stream(), 8), F.cross_entropy, OPTIMIZERS["Adam"](model.parameters()), epochs=2)
    torch.manual_seed(1)
    by_hand(twin, DataLoader(Stream(), 8), OPTIMIZERS["Adam"](twin.parameters()), epochs=2)
    assert same(model, twin)
    assert len(history) == 2


# --- Modes and devices -----------------------------------------------------------------------------------------------
def test_every_layer_has_its_mode_again_and_a_frozen_layer_keeps_it():
    model = network()
    model[1].eval()
    seen = []
    model[1].register_forward_hook(lambda module, args, result: seen.append((model.training, module.training)))
    before = copy.deepcopy(model[1].state_dict())
    fit(model, pairs(64), F.cross_entropy, OPTIMIZERS["SGD"](model[0].parameters()), epochs=2, validation=pairs(64))
    assert seen == [(True, False), (False, False)] * 2
    assert [module.training for module in model.modules()] == [True, True, False, True, True, True]
    assert torch.equal(model[1].running_mean, before["running_mean"])


def test_a_model_in_evaluation_mode_is_trained_in_training_mode():
    model = network().eval()
    seen = []
    model.register_forward_hook(lambda *_: seen.append([module.training for module in model.modules()]))
    fit(model, pairs(64), F.cross_entropy, OPTIMIZERS["SGD"](model.parameters()))
    assert seen == [[True] * 6]
    assert not any(module.training for module in model.modules())


def test_modes_are_put_back_after_an_error():
    model = network().eval()

    def broken(outputs, targets):
        raise KeyError("here")

    with pytest.raises(KeyError, match="here"):
        fit(model, pairs(), broken, OPTIMIZERS["SGD"](model.parameters()))
    assert not any(module.training for module in model.modules())


def test_the_optimizer_still_holds_the_parameters_after_a_move():
    model = network()
    optimizer = OPTIMIZERS["Adam"](model.parameters())
    fit(model, pairs(), F.cross_entropy, optimizer)
    for entry in optimizer.state.values():
        entry["exp_avg"] = entry["exp_avg"].double()  # a stand-in for another device: what moves is brought in line
    before = copy.deepcopy(model.state_dict())
    fit(model, pairs(), F.cross_entropy, optimizer, device="cpu")
    assert {entry["exp_avg"].dtype for entry in optimizer.state.values()} == {torch.float32}
    assert not torch.equal(model[0].weight, before["0.weight"])


def test_a_loss_with_tensors_of_its_own_moves_along():
    model = network()
    given = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]))
    moved = []
    to, given.to = given.to, lambda device: moved.append(device) or to(device)
    fit(model, pairs(), given, OPTIMIZERS["SGD"](model.parameters()))
    assert moved == [torch.device("cpu")]


@pytest.mark.parametrize("device", ["cpu", *(["cuda"] if torch.cuda.is_available() else [])])
def test_training_on_an_accelerator_is_close_to_training_on_the_cpu(device):
    model, twin = network(0.0), network(0.0)
    optimizer = OPTIMIZERS["Adam"](model.parameters())
    settings = {"epochs": 2, "validation": HELD_BACK, "metrics": {"accuracy": accuracy}}
    history = fit(model, pairs(), nn.CrossEntropyLoss(), optimizer, device=device, **settings)
    expected = fit(twin, pairs(), nn.CrossEntropyLoss(), OPTIMIZERS["Adam"](twin.parameters()), **settings)
    assert {parameter.device.type for parameter in model.parameters()} == {device}
    torch.testing.assert_close(model.cpu().state_dict(), twin.state_dict(), rtol=1e-3, atol=1e-4)
    assert history["validation_loss"] == pytest.approx(expected["validation_loss"], rel=1e-3)


# --- Mixed precision -------------------------------------------------------------------------------------------------
def test_bfloat16_equals_autocast_by_hand_and_keeps_float32_weights():
    model, twin, exact = network(0.0), network(0.0), network(0.0)
    for trained, precision in ((model, torch.bfloat16), (exact, torch.float32)):
        optimizer = OPTIMIZERS["SGD"](trained.parameters())
        history = fit(trained, pairs(), F.cross_entropy, optimizer, epochs=3, precision=precision, validation=HELD_BACK)
        if trained is model:
            low = history
    optimizer = OPTIMIZERS["SGD"](twin.parameters())
    for inputs, targets in pairs() * 3:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = F.cross_entropy(twin(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert same(model, twin)
    assert not same(model, exact)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    for name in ("loss", "validation_loss"):
        assert low[name] == pytest.approx(history[name], rel=0.02)
        assert low[name] != history[name]


@pytest.fixture
def float16_on_cpu(monkeypatch):
    """The scaler works on a CPU too, so that its loop can be tested without a GPU; users are told not to."""
    monkeypatch.setattr(checks, "check_precision", lambda precision, device: None)


@pytest.mark.parametrize("clip", [None, 0.05])
def test_float16_equals_a_scaled_loop_by_hand(float16_on_cpu, clip):
    model, twin = network(0.0), network(0.0)
    settings = {"precision": torch.float16, "accumulate": 2, "clip_norm": clip, "epochs": 2}
    history = fit(model, pairs(9), F.cross_entropy, OPTIMIZERS["SGD"](model.parameters()), **settings)
    optimizer, scaler = OPTIMIZERS["SGD"](twin.parameters()), torch.amp.GradScaler("cpu")
    data = pairs(9)  # five batches of 9
    for group in (data[:2], data[2:4], data[4:]) * 2:
        optimizer.zero_grad()
        for inputs, targets in group:
            with torch.autocast("cpu", dtype=torch.float16):
                loss = F.cross_entropy(twin(inputs), targets)
            scaler.scale(loss * (9 / (9 * len(group))) if len(group) > 1 else loss).backward()
        scaler.unscale_(optimizer)
        if clip is not None:
            nn.utils.clip_grad_norm_(twin.parameters(), clip)
        scaler.step(optimizer)
        scaler.update()
    assert same(model, twin)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert history["step"] == [3, 6]


def test_a_step_that_float16_leaves_out_does_not_move_the_schedule(float16_on_cpu):
    model = nn.Linear(FEATURES, CLASSES)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    # A gradient of 10 in float16 overflows until the scale is down from 65536 to 4096.
    history = fit(
        model,
        [(torch.full((4, FEATURES), 10.0), torch.zeros(4, CLASSES))] * 7,
        lambda o, t: o.sum() / 4,
        optimizer,
        precision=torch.float16,
        schedule=schedule,
        schedule_every="step",
    )
    assert history["step"] == [7]
    done = schedule.last_epoch
    assert 0 < done < 7
    assert history["learning_rate"] == [1 / done]


# --- Compilation -----------------------------------------------------------------------------------------------------
def test_a_compiled_model_is_called_in_training_and_validation(monkeypatch):
    compiled, calls = [], []

    def compile_(model):
        compiled.append(model)

        def network(inputs):
            calls.append(model.training)
            return model(inputs)

        return network

    monkeypatch.setattr(torch, "compile", compile_)
    model, twin = network(), network()
    torch.manual_seed(1)
    fit(model, pairs(), F.cross_entropy, OPTIMIZERS["Adam"](model.parameters()), compile=True, validation=HELD_BACK)
    torch.manual_seed(1)
    fit(twin, pairs(), F.cross_entropy, OPTIMIZERS["Adam"](twin.parameters()), validation=HELD_BACK)
    assert compiled == [model]
    assert calls == [True] * STEPS + [False] * 2
    assert same(model, twin)


def test_torch_compile_itself_takes_the_model(monkeypatch):
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))  # no C++ compiler: seconds
    model, twin = network(0.0), network(0.0)
    fit(model, pairs(15), F.cross_entropy, OPTIMIZERS["SGD"](model.parameters()), compile=True, validation=HELD_BACK)
    fit(twin, pairs(15), F.cross_entropy, OPTIMIZERS["SGD"](twin.parameters()))
    torch.testing.assert_close(model.state_dict(), twin.state_dict(), rtol=1e-5, atol=1e-6)


# --- Early stopping --------------------------------------------------------------------------------------------------
def scripted_run(values, epochs=20, **settings):
    """Train with a metric that takes these values; return the model, its weights after each epoch, and the history."""
    model, after = network(0.0), []
    script = iter(values)

    optimizer = OPTIMIZERS["SGD"](model.parameters())
    optimizer.register_step_post_hook(lambda *args: after.append(copy.deepcopy(model.state_dict())))
    history = fit(
        model,
        pairs(64),  # one batch
        F.cross_entropy,
        optimizer,
        epochs=epochs,
        metrics={"scripted": lambda outputs, targets: next(script)},
        monitor="scripted",
        **settings,
    )
    return model, after, history


@pytest.mark.parametrize(
    ("values", "settings", "epochs", "best"),
    [
        ([5, 4, 3, 3, 3.5, 2, 1], {"patience": 2}, 5, 3),
        ([5, 4, 3, 3, 2, 2, 2, 2], {"patience": 3}, 8, 5),
        ([5, 6, 1], {"patience": 1}, 2, 1),
        ([5, 4, 3], {"patience": 1, "epochs": 3}, 3, 3),
        ([1, 2, 3, 2.5, 2.5, 9], {"patience": 2, "higher_is_better": True}, 5, 3),
        ([5, 4.6, 4.4, 4, 4], {"patience": 2, "min_delta": 0.5}, 5, 3),
        ([5, 4.5, 4, 3.4], {"patience": 2, "min_delta": 0.5, "epochs": 4}, 4, 4),
    ],
)
def test_training_stops_early_and_the_best_weights_return(values, settings, epochs, best):
    model, after, history = scripted_run([*values, 0, 0], **{"higher_is_better": False, **settings})
    assert len(history) == epochs
    assert history["scripted"] == values[:epochs]
    stopped = model.state_dict()
    assert all(torch.equal(stopped[name], after[best - 1][name]) for name in stopped)
    again, kept, _ = scripted_run([*values, 0, 0], **{"higher_is_better": False, **settings, "restore_best": False})
    assert len(kept) == epochs
    assert same(again, model) == (best == epochs)


def test_early_stopping_follows_the_validation_loss_by_default():
    model = network(0.0)
    # The labels of the validation data are wrong, so its loss rises from the first step on.
    wrong = [(INPUTS, (TARGETS + 1) % CLASSES)]
    history = fit(
        model, pairs(), F.cross_entropy, OPTIMIZERS["Adam"](model.parameters()), epochs=50, validation=wrong, patience=3
    )
    best = history["validation_loss"].index(min(history["validation_loss"]))
    assert len(history) == best + 1 + 3 < 50
    assert history["loss"] == sorted(history["loss"], reverse=True)


# --- Going on --------------------------------------------------------------------------------------------------------
class Augmented(Dataset):
    """Data that is changed at random while it is read, by each of the three libraries that people draw from."""

    def __len__(self):
        return N

    def __getitem__(self, index):
        legacy = np.random.rand()  # noqa: NPY002 - what people still write, and whose state is kept
        noise = random.random() + legacy + torch.rand(()).item()
        return INPUTS[index] + 0.1 * noise, TARGETS[index]


LOADERS = {
    "shuffled": lambda: loader(),
    "generator": lambda: loader(generator=torch.Generator().manual_seed(5)),
    "batches": lambda: batches(DATA, 8, shuffle=True),
    "batches with generator": lambda: batches(DATA, 8, shuffle=True, generator=torch.Generator().manual_seed(5)),
    "sampler": lambda: DataLoader(
        DATA,
        8,
        sampler=torch.utils.data.WeightedRandomSampler(torch.ones(N), N, generator=torch.Generator().manual_seed(5)),
    ),
    "augmented": lambda: DataLoader(Augmented(), 8, shuffle=True),
    "list": lambda: pairs(),
}


def seed_everything(seed):
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002


def run(data, checkpoints=None, epochs=2, **settings):
    model = network()
    optimizer = OPTIMIZERS["Adam"](model.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.3, total_steps=100)
    seed_everything(11)
    settings = {
        "schedule": schedule,
        "schedule_every": "step",
        "validation": HELD_BACK,
        "metrics": {
            "accuracy": accuracy,
            "counted": torchmetrics.Accuracy(task="multiclass", num_classes=CLASSES),
            "auroc": torchmetrics.AUROC(task="multiclass", num_classes=CLASSES),
        },
        **settings,
    }
    return model, fit(model, data, F.cross_entropy, optimizer, epochs=epochs, checkpoints=checkpoints, **settings)


@pytest.mark.parametrize("name", LOADERS)
def test_a_run_goes_on_from_any_step_to_the_same_weights(name):
    straight, expected = run(LOADERS[name]())
    memory = Memory(range(1, 2 * STEPS + 1))
    saving, history = run(LOADERS[name](), memory)
    assert same(saving, straight)
    assert list(history) == list(expected)
    assert [step for _, step, _ in memory.saved] == sorted([*range(1, 2 * STEPS + 1), STEPS, 2 * STEPS])
    for state, step, _ in memory.saved:
        memory.start = state
        model, history = run_elsewhere(name, memory)
        assert same(model, straight), step
        assert list(history) == list(expected), step


def run_elsewhere(name, memory):
    """Go on in a process whose random numbers stand elsewhere."""
    memory.steps = ()
    kept, memory.saved = memory.saved, []
    data = LOADERS[name]()
    seed_everything(99)
    result = run(data, memory)
    memory.saved = kept
    return result


def test_accumulated_steps_and_early_stopping_go_on_too():
    settings = {"accumulate": 4, "epochs": 6, "patience": 2, "monitor": "validation_loss", "schedule": None}
    settings |= {"schedule_every": None, "validation": [(INPUTS, (TARGETS + 1) % CLASSES)]}
    straight, expected = run(loader(), **settings)
    assert len(expected) < 6
    memory = Memory(range(1, 13))
    run(loader(), memory, **settings)
    states = [state for state, _, _ in memory.saved]
    assert len(states) == 3 * len(expected)  # two steps an epoch, and its end
    for state in states:
        memory.start = state
        model, history = run(loader(), memory, **settings)
        assert same(model, straight)
        assert list(history) == list(expected)


def test_a_finished_run_is_not_trained_again_and_a_longer_one_goes_on():
    memory = Memory()
    model, history = run(loader(), memory, epochs=2)
    memory.start = memory.saved[-1][0]
    again, same_history = run(loader(), memory, epochs=2)
    assert same(again, model)
    assert list(same_history) == list(history)
    longer, _ = run(loader(), memory, epochs=3)
    straight, _ = run(loader(), epochs=3)
    assert same(longer, straight)


def test_checkpoints_get_the_figure_that_is_followed_with_lower_being_better():
    memory = Memory([2])
    _, history = run(loader(), memory, epochs=2)
    found = [(step, metric) for _, step, metric in memory.saved]
    losses = history["validation_loss"]
    assert found == [(2, None), (STEPS, losses[0]), (2 * STEPS, losses[1])]
    memory = Memory()
    _, history = run(loader(), memory, epochs=1, monitor="validation_counted")
    assert [metric for _, _, metric in memory.saved] == [-history["validation_counted"][0]]


def test_float16_goes_on_with_its_loss_scale(float16_on_cpu):
    memory = Memory([3])
    settings = {"precision": torch.float16, "metrics": {}}
    straight, _ = run(loader(), **settings)
    run(loader(), memory, **settings)
    memory.start = memory.saved[0][0]
    model, _ = run(loader(), memory, **settings)
    assert same(model, straight)


# --- What people see -------------------------------------------------------------------------------------------------
def test_the_progress_bar_counts_steps_and_names_figures(capsys):
    model = network()
    fit(
        model,
        pairs(),
        F.cross_entropy,
        OPTIMIZERS["SGD"](model.parameters()),
        epochs=2,
        validation=HELD_BACK,
        metrics={"accuracy": accuracy},
        progress=True,
    )
    shown = capsys.readouterr().err
    last = shown.split("\r")[-1]
    assert "epoch 1/2" in shown
    assert "epoch 2/2" in last
    assert "12/12" in last
    for name in ("loss=", "accuracy=", "validation_loss=", "validation_accuracy=", "learning_rate=0.1"):
        assert name in last


def test_the_progress_bar_shows_the_running_loss_between_epochs(capsys, monkeypatch):
    monkeypatch.setattr("ptguide.training._progress.SECONDS_BETWEEN", 0.0)
    model = network()
    history = fit(model, pairs(), F.cross_entropy, OPTIMIZERS["SGD"](model.parameters()), progress=True)
    shown = capsys.readouterr().err
    assert "1/6" in shown
    assert "epoch None" not in shown
    assert f"loss={history[0]['loss']:.4g}" in shown


def test_without_a_terminal_there_is_no_progress_bar(capsys, monkeypatch):
    model = network()
    fit(model, pairs(), F.cross_entropy, OPTIMIZERS["SGD"](model.parameters()))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    fit(model, pairs(), F.cross_entropy, OPTIMIZERS["SGD"](model.parameters()))
    assert "epoch 1/1" in capsys.readouterr().err
    fit(model, pairs(), F.cross_entropy, OPTIMIZERS["SGD"](model.parameters()), progress=False)
    assert capsys.readouterr().err == ""


def test_tensorboard_gets_the_loss_of_each_step_and_the_figures_of_each_epoch(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    model = network()
    losses = []

    def loss(outputs, targets):
        losses.append(F.cross_entropy(outputs, targets))
        return losses[-1]

    history = fit(
        model,
        pairs(),
        loss,
        OPTIMIZERS["SGD"](model.parameters()),
        epochs=2,
        accumulate=4,
        metrics={"accuracy": accuracy},
        validation=HELD_BACK,
        tensorboard=tmp_path,
    )
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    written = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    steps = [2, 4]
    assert set(written) == {
        *("loss/step", "loss/training", "loss/validation", "accuracy/training", "accuracy/validation"),
        *("learning_rate", "samples_per_second"),
    }
    for tag, name in (("loss/training", "loss"), ("accuracy/validation", "validation_accuracy")):
        assert written[tag] == [(step, pytest.approx(value)) for step, value in zip(steps, history[name], strict=True)]
    first = [loss.item() for loss in losses]
    assert [step for step, _ in written["loss/step"]] == [1, 2, 3, 4]
    assert written["loss/step"][0][1] == pytest.approx(sum(first[:4]) / 4)
    assert written["loss/step"][1][1] == pytest.approx((8 * first[4] + 5 * first[5]) / 13)


def test_without_validation_a_metric_in_tensorboard_has_no_partner(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    model = network()
    fit(
        model,
        pairs(),
        F.cross_entropy,
        OPTIMIZERS["SGD"](model.parameters()),
        metrics={"accuracy": accuracy},
        tensorboard=str(tmp_path),
    )
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    tags = set(events.Tags()["scalars"])
    assert tags == {"loss/step", "loss/training", "accuracy", "learning_rate", "samples_per_second"}


def test_a_run_that_goes_on_replaces_what_tensorboard_has_of_later_steps(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    memory = Memory([8])
    run(loader(), memory, tensorboard=tmp_path / "a", epochs=2)
    memory.start = memory.saved[1][0]
    assert memory.saved[1][1] == 8
    run(loader(), memory, tensorboard=tmp_path / "a", epochs=2)
    events = EventAccumulator(str(tmp_path / "a"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss/step")] == list(range(1, 13))


def test_the_speed_stands_apart_from_the_records(monkeypatch):
    clock = iter([0.0, 4.0, 10.0, 11.0])
    monkeypatch.setattr("ptguide.training._run.time.perf_counter", lambda: next(clock))
    model = network()
    history = fit(model, pairs(), F.cross_entropy, OPTIMIZERS["SGD"](model.parameters()), epochs=2)
    assert history.samples_per_second == [N / 4.0, N / 1.0]
    assert not any("second" in name for name in history[0])


def test_importing_training_loads_no_library_for_pictures_metrics_or_logs():
    code = "import sys, torch; before = set(sys.modules); import ptguide.training; print(*(set(sys.modules) - before))"
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert "ptguide.training" in loaded
    foreign = {name.partition(".")[0] for name in loaded} & {
        "matplotlib",
        "torchmetrics",
        "tensorboard",
        "tqdm",
        "numpy",
    }
    assert not foreign


def test_nothing_is_imported_that_is_not_used(monkeypatch):
    for name in ("matplotlib", "torchmetrics", "tensorboard", "tqdm"):
        monkeypatch.setitem(sys.modules, name, None)
    model = network()
    fit(model, pairs(), F.cross_entropy, OPTIMIZERS["SGD"](model.parameters()), validation=HELD_BACK)
    with pytest.raises(ModuleNotFoundError, match=r'the progress bar needs tqdm.*pip install "ptguide\[training\]"'):
        fit(model, pairs(), F.cross_entropy, OPTIMIZERS["SGD"](model.parameters()), progress=True)
    with pytest.raises(ModuleNotFoundError, match=r'tensorboard= needs tensorboard.*pip install "ptguide\[training\]"'):
        fit(model, pairs(), F.cross_entropy, OPTIMIZERS["SGD"](model.parameters()), tensorboard="nowhere")

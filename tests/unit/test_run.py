"""A run of one's own: several models and optimizers are saved and go on together, as those of `fit`."""

import contextlib

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from ptguide.data import batches
from ptguide.training import Checkpoints, History, Run, fit

torch.manual_seed(3)
REAL = TensorDataset(torch.randn(22, 2) * 0.5 + 2)
LOADERS = {
    "loader": lambda: DataLoader(REAL, 4, shuffle=True),
    "batches": lambda: batches(REAL, 4, shuffle=True),
}


class StoppedError(Exception):
    pass


def train_gan(data, folder=None, epochs=3, stop_at=None):
    """Train two networks against each other, and an average of one of them."""
    torch.manual_seed(0)
    maker, judge = nn.Linear(3, 2), nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1))
    makes, judges = torch.optim.Adam(maker.parameters(), lr=0.02), torch.optim.SGD(judge.parameters(), lr=0.1)
    average = torch.optim.swa_utils.AveragedModel(maker, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    slower = torch.optim.lr_scheduler.ExponentialLR(judges, 0.9)
    parts = {"maker": maker, "judge": judge, "makes": makes, "judges": judges, "average": average, "slower": slower}
    store = None if folder is None else Checkpoints(folder, every=1)
    run = Run(parts, data, checkpoints=store, settings={"noise": 3})
    try:
        for _ in run.epochs(epochs):
            for (real,) in run.batches():
                if run.step == stop_at:
                    raise StoppedError
                made = maker(torch.randn(len(real), 3))
                answers, zeros = judge(torch.cat([real, made.detach()])), torch.zeros(len(real), 1)
                judged = F.binary_cross_entropy_with_logits(answers, torch.cat([zeros + 1, zeros]))
                judges.zero_grad()
                judged.backward()
                judges.step()
                fooled = F.binary_cross_entropy_with_logits(judge(made), zeros + 1)
                makes.zero_grad()
                fooled.backward()
                makes.step()
                average.update_parameters(maker)
                run.record(len(real), judged=judged, fooled=fooled)
                run.note(rate=judges.param_groups[0]["lr"])
            slower.step()
    finally:
        run.close()
    return run


def same(left, right):
    for name, part in left.parts.items():
        if isinstance(part, nn.Module):
            there = right.parts[name].state_dict()
            assert all(torch.equal(value, there[key]) for key, value in part.state_dict().items()), name
    assert list(left.history) == list(right.history)
    return True


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("stop_at", [0, 1, 4, 5, 6, 11, 12, 17])
def test_a_gan_that_was_stopped_ends_in_the_same_weights(tmp_path, name, stop_at):
    whole = train_gan(LOADERS[name]())
    assert whole.history["step"] == [6, 12, 18]
    assert list(whole.history[0]) == ["epoch", "step", "rate", "judged", "fooled"]
    with pytest.raises(StoppedError):
        train_gan(LOADERS[name](), tmp_path, stop_at=stop_at)
    resumed = train_gan(LOADERS[name](), tmp_path)
    # The schedule moves at the end of an epoch, after the checkpoint of its last step and before that of the epoch.
    assert same(resumed, whole)


def test_a_run_goes_on_with_its_own_settings_and_parts_alone(tmp_path):
    data = [(torch.ones(2, 2),)]
    train_gan(data, tmp_path, epochs=1)
    model = nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"with other settings than this call has: noise was 3 and is 4\. Go on with"):
        Run({"maker": model}, data, checkpoints=Checkpoints(tmp_path), settings={"noise": 4})
    with pytest.raises(ValueError, match=r"^the checkpoint holds average, .*slower, and this run has maker\. Go on "):
        Run({"maker": model}, data, checkpoints=Checkpoints(tmp_path), settings={"noise": 3})


def test_data_is_looked_at_as_in_fit():
    with pytest.raises(TypeError, match=r"^data is an iterator"):
        Run({}, iter([torch.ones(1)]))
    with pytest.raises(ValueError, match=r"^data is empty: it gives no batch"):
        list(Run({}, iter_of([])).batches())
    with pytest.raises(TypeError, match=r"^a batch of data holds no tensor"):
        list(Run({}, [("a", "b")]).batches())
    with pytest.raises(ValueError, match=r"^metrics has the name 'loss'"):
        Run({}, [torch.ones(1)], metrics={"loss": len})


class iter_of:
    def __init__(self, entries):
        self.entries = entries

    def __iter__(self):
        return iter(self.entries)


def test_batches_come_to_the_device_of_the_first_model():
    assert Run({"model": nn.Linear(2, 2, device="meta")}, [torch.ones(3, 2)]).device.type == "meta"
    assert Run({"rate": History(), "model": nn.Linear(2, 2)}, [torch.ones(3, 2)]).device.type == "cpu"
    assert Run({"model": nn.Linear(2, 2)}, [torch.ones(3, 2)], device="meta").device.type == "meta"


# --- What fit keeps --------------------------------------------------------------------------------------------------
def test_parts_of_ones_own_are_saved_with_a_run_of_fit(tmp_path):
    def train(folder, epochs):
        torch.manual_seed(0)
        model = nn.Linear(2, 1)
        average = torch.optim.swa_utils.AveragedModel(model)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        optimizer.register_step_post_hook(lambda *_: average.update_parameters(model))
        store = Checkpoints(folder)
        data = [(torch.ones(3, 2), torch.zeros(3, 1))] * 3
        fit(model, data, F.mse_loss, optimizer, epochs=epochs, checkpoints=store, parts={"average": average})
        return average

    whole = train(tmp_path / "whole", 4)
    train(tmp_path / "parts", 2)
    resumed = train(tmp_path / "parts", 4)
    assert whole.n_averaged == resumed.n_averaged == 12
    assert torch.equal(whole.module.weight, resumed.module.weight)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, OSError])
def test_a_run_that_ends_early_leaves_its_history(kind):
    model = nn.Linear(2, 1)
    calls = []

    def loss(outputs, targets):
        calls.append(1)
        if len(calls) == 8:
            raise kind
        return F.mse_loss(outputs, targets)

    data = [(torch.ones(3, 2), torch.zeros(3, 1))] * 3
    with pytest.raises(kind) as caught:
        fit(model, data, loss, torch.optim.SGD(model.parameters(), lr=0.1), epochs=5)
    history = caught.value.history
    assert isinstance(history, History)
    assert history["step"] == [3, 6]
    told = ["The records of 2 epochs are kept: sys.last_value.history has them."]
    assert getattr(caught.value, "__notes__", []) == (told if kind is KeyboardInterrupt else [])


class DiesError(Exception):
    pass


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("accumulate", [1, 2, 3, 4, 5, 6, 7])
def test_a_run_that_is_killed_during_validation_trains_no_batch_twice(tmp_path, name, accumulate):
    pairs = TensorDataset(torch.randn(22, 2), torch.randn(22, 1))
    make = {"loader": lambda: DataLoader(pairs, 4, shuffle=True), "batches": lambda: batches(pairs, 4, shuffle=True)}

    def train(folder, dies):
        torch.manual_seed(0)
        model = nn.Linear(2, 1)
        seen = []

        def forward(model, batch):
            if not model.training and dies and len(seen) > 22:
                raise DiesError
            if model.training:
                seen.extend(batch[1].flatten().tolist())
            return model(batch[0]), batch[1]

        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        store = Checkpoints(folder, every=1)
        settings = {"accumulate": accumulate, "forward": forward, "validation": [pairs[:4]], "checkpoints": store}
        with contextlib.suppress(DiesError):
            fit(model, make[name](), F.mse_loss, optimizer, epochs=3, **settings)
        return model.weight, seen

    whole, _ = train(tmp_path / "whole", False)
    train(tmp_path / "killed", True)
    resumed, seen = train(tmp_path / "killed", False)
    assert len(seen) == 22  # the third epoch alone
    assert torch.equal(resumed, whole)

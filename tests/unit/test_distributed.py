"""Several processes train as one does on the same batches: started by torchrun, for real, two of them on the CPU."""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from ptguide.training import Checkpoints, _distributed, fit
from ptguide.training._distributed import Team, join
from ptguide.training._shares import Shares, part_of
from ptguide.training._store import TeamStore

# Every scenario is a function that returns tensors and numbers. It runs in one process alone, and in two of torchrun.
SCENARIOS = '''
import json, os, pathlib, sys, warnings
warnings.simplefilter("error")
import torch
import torchmetrics
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset
from ptguide.training import Checkpoints, evaluate, fit

SAMPLES, FEATURES, CLASSES = 51, 6, 3
rank, alone = int(os.environ.get("RANK", 0)), "RANK" not in os.environ
folder = pathlib.Path(sys.argv[1])
torch.set_num_threads(1)


def samples():
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(SAMPLES, FEATURES, generator=generator)
    return inputs, inputs[:, :CLASSES].argmax(dim=1)


def new(seed=0, *extra):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(FEATURES, 16), *extra, nn.ReLU(), nn.Linear(16, CLASSES))
    return model, torch.optim.AdamW(model.parameters(), lr=0.01)


def accuracy(outputs, targets):
    return (outputs.argmax(1) == targets).float().mean()


def full(model):
    return [getattr(value, "full_tensor", lambda: value)() for value in model.state_dict().values()]


def train(data, seed=0, **settings):
    model, optimizer = new(seed)
    torch.manual_seed(7)
    # 51 samples in batches of 10: the last has one, so that in each step one process counts for nothing
    inputs, targets = samples()
    validation = [(inputs[:7], targets[:7]), (inputs[7:8], targets[7:8])]
    history = fit(
        model,
        data,
        F.cross_entropy,
        optimizer,
        epochs=4,
        validation=validation,
        metrics={"accuracy": accuracy, "f1": torchmetrics.F1Score("multiclass", num_classes=CLASSES)},
        **settings,
    )
    return {"weights": full(model), "history": history.as_dict()}


def loader():
    return train(DataLoader(TensorDataset(*samples()), batch_size=10, shuffle=True))


def loader_with_workers():
    generator = torch.Generator().manual_seed(rank)  # the one of the first process counts
    return train(
        DataLoader(TensorDataset(*samples()), batch_size=10, shuffle=True, generator=generator, num_workers=1)
    )


def listed():
    inputs, targets = samples()
    return train(list(zip(inputs.split(10), targets.split(10))))


def accumulated_and_clipped():
    return train(
        DataLoader(TensorDataset(*samples()), batch_size=10, shuffle=True), accumulate=4, clip_norm=0.5
    )


def each_its_own_seed():
    """The weights and the order are those of the first process."""
    return train(DataLoader(TensorDataset(*samples()), batch_size=10, shuffle=True), seed=rank)


def sharded():
    return train(
        DataLoader(TensorDataset(*samples()), batch_size=10, shuffle=True),
        accumulate=2,
        clip_norm=0.5,
        seed=rank,
        **({} if alone else {"shard": True}),
    )


def sharded_by_layer():
    return train(
        DataLoader(TensorDataset(*samples()), batch_size=10, shuffle=True),
        patience=3,
        **({} if alone else {"shard": nn.Linear}),
    )


def divided_sampler():
    """48 samples, for DistributedSampler gives every process as many; 16 in a batch of all."""
    inputs, targets = samples()
    data = TensorDataset(inputs[:48], targets[:48])
    if alone:
        sampler = DistributedSampler(data, num_replicas=1, rank=0)
        return train(DataLoader(data, batch_size=16, sampler=sampler))
    return train(DataLoader(data, batch_size=8, sampler=DistributedSampler(data)))


def seen_samples():
    """Processes whose random numbers differ see each sample once in an epoch, in the order of the first."""
    seen = []

    def forward(model, batch):
        inputs, targets = batch
        torch.rand(1 + 3 * rank)  # as dropout does on pieces of different sizes
        seen.append(inputs[:, 0].clone())
        return model(inputs), targets

    model, optimizer = new()
    torch.manual_seed(7 + rank)
    inputs, targets = samples()
    data = DataLoader(TensorDataset(inputs[:50], targets[:50]), batch_size=10, shuffle=True)
    fit(model, data, F.cross_entropy, optimizer, epochs=3, forward=forward)
    return {"seen": seen}


def normalised():
    model, optimizer = new(0, nn.BatchNorm1d(16))
    inputs, targets = samples()
    data = [(inputs[:20], targets[:20]), (inputs[20:40], targets[20:40])]
    history = fit(model, data, F.cross_entropy, optimizer, epochs=2, validation=data)
    return {"means": model[1].running_mean.clone(), "validation": history["validation_loss"]}


def evaluated():
    model, _ = new()
    inputs, targets = samples()
    data = DataLoader(TensorDataset(inputs, targets), batch_size=10)
    found = evaluate(model, data, F.cross_entropy, metrics={"accuracy": accuracy})
    return {
        "samples": found.samples,
        "loss": found.loss,
        "accuracy": found.accuracy,
        "metrics": found.metrics,
        "confusion": found.confusion,
    }


def not_finite():
    """One sample of the last process is NaN: all of them stop at the same step."""
    model, optimizer = new()
    inputs, targets = samples()
    inputs[19] = float("nan")
    before = [weight.clone() for weight in full(model)]
    data = [(inputs[:10], targets[:10]), (inputs[10:20], targets[10:20])]
    try:
        fit(model, data, F.cross_entropy, optimizer)
    except FloatingPointError as error:
        return {"said": str(error)}


def not_finite_sharded():
    model, optimizer = new()
    inputs, targets = samples()
    inputs[19] = float("nan")
    data = [(inputs[:10], targets[:10]), (inputs[10:20], targets[10:20])]
    try:
        fit(model, data, F.cross_entropy, optimizer, **({} if alone else {"shard": True}))
    except FloatingPointError as error:
        return {"said": str(error)}


class Full:
    """A store on a full disk."""

    def __init__(self, fails):
        self.fails = fails

    def due(self, step):
        return False

    def latest(self):
        if self.fails == "latest":
            raise OSError("the disk is gone")

    def save(self, state, step, metric):
        raise OSError("the disk is full")


def failing_store():
    said = []
    for fails in ("save", "latest"):
        model, optimizer = new()
        try:
            fit(model, [samples()], F.cross_entropy, optimizer, checkpoints=Full(fails))
        except Exception as error:
            said.append(f"{type(error).__name__}: {error}")
    return {"said": said}


def shown():
    model, optimizer = new()
    fit(model, [samples()], F.cross_entropy, optimizer, epochs=2, progress=True, tensorboard=folder / "board")
    return {}


def checkpoints_of_both_kinds():
    """What whole processes saved, divided ones go on from; and the other way round."""
    data = DataLoader(TensorDataset(*samples()), batch_size=10, shuffle=True)
    found = {}
    if alone:
        return train(data)
    for before, after in ((False, True), (True, False), (True, True)):
        model, optimizer = new()
        torch.manual_seed(7)
        run = folder / f"run-{before}-{after}"
        settings = {"validation": [samples()], "patience": 9}
        fit(model, data, F.cross_entropy, optimizer, epochs=2, checkpoints=Checkpoints(run), shard=before, **settings)
        model, optimizer = new(5)
        torch.manual_seed(99)
        fit(model, data, F.cross_entropy, optimizer, epochs=4, checkpoints=Checkpoints(run), shard=after, **settings)
        found[f"{before} {after}"] = full(model)
    return found


def refused():
    said = []
    for settings in ({"shard": 3}, {"shard": nn.LSTM}):
        model, optimizer = new()
        try:
            fit(model, [samples()], F.cross_entropy, optimizer, **settings)
        except (TypeError, ValueError) as error:
            said.append(f"{type(error).__name__}: {error}")
    return {"said": said}


def trained_before():
    """An optimizer that has moments already keeps them when its parameters are divided."""
    model, optimizer = new()
    inputs, targets = samples()
    F.cross_entropy(model(inputs), targets).backward()
    optimizer.step()
    optimizer.zero_grad()
    fit(model, [(inputs, targets)], F.cross_entropy, optimizer, epochs=3, **({} if alone else {"shard": True}))
    fit(model, [(inputs, targets)], F.cross_entropy, optimizer, epochs=3, **({} if alone else {"shard": True}))
    return {"weights": full(model)}


for name in sys.argv[2].split():
    torch.save(globals()[name](), folder / f"{name}-{'alone' if alone else rank}.pt")
'''

NAMES = re.findall(r"^def (\w+)\(\):", SCENARIOS, re.MULTILINE)
NAMES = [name for name in NAMES if name != "samples"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def torchrun(script, *args, restarts=0):
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"),
        *(f"--max-restarts={restarts}", script, *args),
    ]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Run every scenario alone and by two processes, and return the folder with what came out, and what was printed."""
    folder = tmp_path_factory.mktemp("scenarios")
    script = folder / "scenarios.py"
    script.write_text(SCENARIOS)
    alone = subprocess.run(
        [sys.executable, script, folder, " ".join(NAMES)], env=ENVIRONMENT, capture_output=True, text=True
    )
    assert alone.returncode == 0, alone.stderr
    (folder / "board").rename(folder / "board-alone")
    both = torchrun(script, folder, " ".join(NAMES))
    assert both.returncode == 0, both.stderr[-6000:]
    return folder, both.stderr


def load(runs, name):
    """Return what a scenario gave alone, and in each of two processes."""
    return [torch.load(runs[0] / f"{name}-{who}.pt") for who in ("alone", 0, 1)]


@pytest.mark.parametrize(
    "name",
    [
        "loader",
        "loader_with_workers",
        "listed",
        "accumulated_and_clipped",
        "each_its_own_seed",
        "sharded",
        "sharded_by_layer",
        "divided_sampler",
    ],
)
def test_two_processes_give_the_weights_of_one(runs, name):
    alone, *both = load(runs, name)
    for found in both:
        torch.testing.assert_close(found["weights"], alone["weights"], rtol=0, atol=1e-6)
        assert found["history"].keys() == alone["history"].keys()
        for figure, values in alone["history"].items():
            assert found["history"][figure] == pytest.approx(values, rel=0, abs=1e-6), figure
    for left, right in zip(both[0]["weights"], both[1]["weights"], strict=True):
        assert torch.equal(left, right)
    assert both[0]["history"] == both[1]["history"]

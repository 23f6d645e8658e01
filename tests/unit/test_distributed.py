"""Several processes train as one does on the same batches: started by torchrun, for real, two of them on the CPU."""

import os
import re
import subprocess
import sys

import pytest
import torch

# Every scenario is a function that returns tensors and numbers. It runs in one process alone, and in two of torchrun.
SCENARIOS = '''
import json, os, pathlib, sys, warnings
warnings.simplefilter("error")
import torch
import torchmetrics
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset
from ptguide.data import batches
from ptguide.training import (
    Checkpoints, Run, accuracy as right_answers, confusion, evaluate, fit, load_weights, save_weights
)

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
    # Not forked: a process in which gloo's threads run can't be forked safely (Python 3.11 waits for ever, seldom).
    settings = {"num_workers": 1, "multiprocessing_context": "forkserver"}
    return train(DataLoader(TensorDataset(*samples()), batch_size=10, shuffle=True, generator=generator, **settings))


def listed():
    inputs, targets = samples()
    return train(list(zip(inputs.split(10), targets.split(10))))


def indexed():
    return train(batches(TensorDataset(*samples()), 10, shuffle=True))


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
    found = evaluate(model, data, F.cross_entropy, metrics={"mean": accuracy, "accuracy": right_answers})
    table = confusion(model, data, CLASSES)
    return {"samples": found.samples, "loss": found.loss, "metrics": found.metrics, "confusion": table}


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


class Stop(Exception):
    pass


def interrupted_sharded():
    """A divided model goes on to the same weights, running means and figures, dropout and all."""
    found, stopped = [], folder / f"stopped-{alone}"
    for stops in (False, True):
        for _ in range(1 + stops):
            model, optimizer = new(0, nn.BatchNorm1d(16), nn.Dropout(0.3))
            torch.manual_seed(7 + rank)
            steps = 0

            def forward(model, batch):
                nonlocal steps
                steps += torch.is_grad_enabled()
                if stops and steps == 8 and not stopped.exists():
                    raise Stop
                return model(batch[0]), batch[1]

            inputs, targets = samples()
            data = DataLoader(TensorDataset(inputs[:48], targets[:48]), batch_size=16, shuffle=True)
            store = Checkpoints(folder / f"interrupted-{alone}", every=1) if stops else None
            settings = {} if alone else {"shard": True}
            try:
                history = fit(
                    model,
                    data,
                    F.cross_entropy,
                    optimizer,
                    epochs=4,
                    forward=forward,
                    validation=[samples()],
                    metrics={"f1": torchmetrics.F1Score("multiclass", num_classes=CLASSES)},
                    checkpoints=store,
                    **settings,
                )
            except Stop:
                if not alone:
                    torch.distributed.barrier()  # all have stopped before the file is there
                stopped.touch()
        found.append({"weights": full(model), "history": history.as_dict(), "drawn": torch.rand(3), "steps": steps})
    return {"whole": found[0], "resumed": found[1]}


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


IGNORING = -100


class Margin(nn.Module):
    """A loss that learns something itself, and remembers something."""

    def __init__(self, start):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(start))
        self.register_buffer("shift", torch.tensor(start))

    def forward(self, outputs, targets):
        return F.cross_entropy(self.scale * outputs, targets)


def counted(loss, ignored=IGNORING, **settings):
    """Targets of which the processes ignore different numbers; of one batch, the first ignores all of its own."""
    inputs, targets = samples()
    targets[:5] = targets[12:17] = targets[25] = targets[50] = ignored
    model, optimizer = new()
    data = list(zip(inputs.split(10), targets.split(10)))[:5]
    history = fit(model, data, loss, optimizer, epochs=3, validation=data, **settings)
    return {"weights": full(model), "history": history.as_dict()}


def ignored_targets():
    return counted(F.cross_entropy)


def ignored_targets_accumulated():
    return counted(F.cross_entropy, accumulate=2, clip_norm=0.1)


def class_weights():
    return counted(nn.CrossEntropyLoss(weight=torch.tensor([1.0, 7.0, 0.3])))


def summed():
    return counted(nn.CrossEntropyLoss(reduction="sum"), accumulate=2)


def counted_by_the_reader():
    def loss(outputs, targets):
        return F.cross_entropy(outputs, targets, ignore_index=0)

    return counted(loss, ignored=0, count=lambda outputs, targets: (targets != 0).sum())


def learning_loss(**settings):
    model, _ = new()
    loss = Margin(1.0 + rank)  # all begin with that of the first
    optimizer = torch.optim.AdamW([*model.parameters(), *loss.parameters()], lr=0.01)
    inputs, targets = samples()
    run = folder / f"learning-{alone}-{len(settings)}"
    data = list(zip(inputs.split(10), targets.split(10)))
    settings = {"clip_norm": 0.1, "accumulate": 2, **settings}
    fit(model, data, loss, optimizer, epochs=3, checkpoints=Checkpoints(run), **settings)
    return {"weights": [*full(model), loss.scale.detach(), loss.shift], "saved": (rank == 0) == ("loss" in
        (Checkpoints(run).latest() if rank == 0 else {}))}


def loss_that_learns():
    return learning_loss()


def loss_that_learns_sharded():
    return learning_loss(**({} if alone else {"shard": True}))


def shared_tensors():
    """A grid that all samples share stays whole; what has one entry for each sample is cut."""
    model, optimizer = new()
    inputs, targets = samples()
    grid = torch.linspace(0, 1, FEATURES)
    pairs = zip(inputs.split(10), targets.split(10))
    data = [{"x": x, "grid": grid, "y": y, "step": torch.tensor(2.0)} for x, y in pairs]

    def forward(model, batch):
        assert len(batch["grid"]) == FEATURES
        return model(batch["x"] + batch["grid"]) * batch["step"], batch["y"]

    fit(model, data, F.cross_entropy, optimizer, epochs=2, forward=forward)
    return {"weights": full(model)}


def contrastive():
    """A loss that compares the samples of a batch with each other sees those of one process alone."""
    model, optimizer = new()
    inputs, targets = samples()

    def loss(outputs, targets):
        return F.cross_entropy(outputs @ outputs.T, torch.arange(len(outputs)))

    fit(model, [(inputs[:50], targets[:50])], loss, optimizer, epochs=3)
    return {"weights": full(model)}


def dropped():
    model, optimizer = new(0, nn.Dropout(0.5))
    fit(model, [samples()], F.cross_entropy, optimizer, epochs=2)
    return {"weights": full(model)}


def repeated_samples():
    """A DistributedSampler gives each process as many samples: of 51, one comes twice."""
    seen = []

    def forward(model, batch):
        seen.append(batch[0][:, 0].clone())
        return model(batch[0]), batch[1]

    model, optimizer = new()
    data = TensorDataset(*samples())
    sampler = DistributedSampler(data, **({"num_replicas": 1, "rank": 0} if alone else {}))
    fit(model, DataLoader(data, batch_size=10, sampler=sampler), F.cross_entropy, optimizer, forward=forward)
    return {"seen": torch.cat(seen)}


def metric_that_is_no_mean():
    """The largest output of a batch: the mean of those of two parts is another number."""
    inputs, targets = samples()
    data = [(inputs[:50], targets[:50])]
    largest = {"largest": lambda outputs, targets: outputs.max()}
    return evaluate(new()[0], data, metrics=largest).metrics


def saved_weights():
    """What a divided model saves is whole, and is read by one that is not divided, and by one that is."""
    said = {}
    for suffix in ("pt", "safetensors"):
        model, optimizer = new()
        shard = {} if alone else {"shard": True}
        fit(model, [samples()], F.cross_entropy, optimizer, **shard)
        path = folder / f"weights-{alone}.{suffix}"
        save_weights(model, path)
        plain, _ = new(5)
        load_weights(plain, path)
        again, other = new(6)
        fit(again, [samples()], F.cross_entropy, other, **shard)
        load_weights(again, path)
        said[suffix] = {"model": full(model), "plain": full(plain), "again": full(again)}
    return said


def runs_of_ones_own():
    """A `Run` gives each process its part, and all of them the same figures."""
    inputs, targets = samples()
    run = Run({}, [(inputs[:10], targets[:10]), (inputs[10:30], targets[10:30])])
    for _ in run.epochs(1):
        for x, y in run.batches():
            run.record(len(x), mean=x.mean())
    return {"history": run.history.as_dict()}


if __name__ == "__main__":  # workers read this script, too
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
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=1500)


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
        "indexed",
        "accumulated_and_clipped",
        "each_its_own_seed",
        "sharded",
        "sharded_by_layer",
        "divided_sampler",
        "ignored_targets",
        "ignored_targets_accumulated",
        "class_weights",
        "summed",
        "counted_by_the_reader",
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


@pytest.mark.parametrize("name", ["loss_that_learns", "loss_that_learns_sharded", "shared_tensors"])
def test_what_stands_beside_the_model_is_the_same_in_two_processes(runs, name):
    alone, *both = load(runs, name)
    for found in both:
        torch.testing.assert_close(found["weights"], alone["weights"], rtol=0, atol=1e-6)
        assert found.get("saved", True)
    for left, right in zip(both[0]["weights"], both[1]["weights"], strict=True):
        assert torch.equal(left, right)


@pytest.mark.parametrize("name", ["contrastive", "dropped"])
def test_what_two_processes_do_not_give(runs, name):
    alone, first, second = (found["weights"] for found in load(runs, name))
    assert all(map(torch.equal, first, second))
    assert max((left - right).abs().max() for left, right in zip(first, alone, strict=True)) > 1e-3


def test_distributed_sampler_repeats_samples(runs):
    alone, first, second = (found["seen"] for found in load(runs, "repeated_samples"))
    assert len(alone) == len(alone.unique()) == 51
    joined = torch.cat([first, second])
    assert len(first) == len(second) == 26
    assert len(joined.unique()) == 51


def test_metric_that_is_no_mean_is_averaged(runs):
    alone, first, second = (found["largest"] for found in load(runs, "metric_that_is_no_mean"))
    assert first == second < alone


def test_weights_of_a_divided_model_are_saved_whole(runs):
    for found in load(runs, "saved_weights"):
        for kinds in found.values():
            assert all(map(torch.equal, kinds["plain"], kinds["model"]))
            assert all(map(torch.equal, kinds["again"], kinds["model"]))


def test_run_of_ones_own_gives_each_process_its_part(runs):
    alone, first, second = (found["history"] for found in load(runs, "runs_of_ones_own"))
    assert first == second
    assert first["mean"] == pytest.approx(alone["mean"], abs=1e-6)


def test_processes_draw_the_order_of_the_first_and_see_each_sample_once(runs):
    alone, first, second = (torch.cat(found["seen"]) for found in load(runs, "seen_samples"))
    pieces = zip(first.split(5), second.split(5), strict=True)
    joined = torch.cat([torch.cat(pair) for pair in pieces])
    # The first process draws in the forward pass what one alone draws, so the order of every epoch is the same, too.
    assert torch.equal(joined, alone)
    for epoch in joined.split(50):
        assert len(epoch.unique()) == 50


def test_running_means_are_those_of_the_first_process_in_all(runs):
    alone, *both = load(runs, "normalised")
    assert torch.equal(both[0]["means"], both[1]["means"])
    assert not torch.allclose(both[0]["means"], alone["means"])  # each process normalises its own samples
    assert both[0]["validation"] == both[1]["validation"]


def test_evaluation_counts_every_sample_once(runs):
    alone, *both = load(runs, "evaluated")
    assert alone["samples"] == 51
    for found in both:
        assert torch.equal(found.pop("confusion"), alone["confusion"])
        assert found.pop("metrics") == pytest.approx(alone["metrics"], abs=1e-6)
        assert found.pop("loss") == pytest.approx(alone["loss"], abs=1e-6)
        assert found == {"samples": 51}


def test_nan_in_one_process_stops_all_at_the_same_step(runs):
    alone, *both = load(runs, "not_finite")
    place = "step 2 (epoch 1, batch 2). "
    theirs = "The batch itself is at fault: inputs hold 6 nan among "
    assert alone["said"].startswith(f"The loss is nan in {place}{theirs}60 values. ")
    assert both[1]["said"].startswith(f"The loss is nan in {place}{theirs}30 values. ")
    assert both[0]["said"] == (
        f"The loss is finite and its gradients are not, in {place}It comes from the batch of another process. "
        "The weights are those before the step. Try: what the error of that process says."
    )


def test_nan_in_a_divided_model_stops_all_at_the_same_step(runs):
    _, *both = load(runs, "not_finite_sharded")
    for found, what in zip(both, ("The loss is finite and its gradients are not,", "The loss is nan"), strict=True):
        assert found["said"] == (
            f"{what} in step 2 (epoch 1, batch 2). In a model that is divided among processes, the layer is not looked "
            "for. The weights are those before the step. Try: one process, or shard=False, to find it."
        )


def test_what_the_first_process_cannot_write_stops_all(runs):
    alone, *both = load(runs, "failing_store")
    said = ["OSError: the disk is full", "OSError: the disk is gone"]
    assert alone["said"] == said
    assert both[0]["said"] == said
    both[1]["said"] = [
        f"RuntimeError: The first process could not save or load the checkpoint: {line}" for line in said
    ]


def test_first_process_alone_shows_and_writes(runs):
    folder, printed = runs
    assert len(list((folder / "board").iterdir())) == len(list((folder / "board-alone").iterdir())) == 1
    assert printed.count("0/2 [00:00<?") == 1  # one bar begins


def test_checkpoints_of_whole_and_divided_models_are_the_same(runs):
    alone, *both = load(runs, "checkpoints_of_both_kinds")
    for found in both:
        assert sorted(found) == ["False True", "True False", "True True"]
        for weights in found.values():
            torch.testing.assert_close(weights, alone["weights"], rtol=0, atol=1e-6)


def test_wrong_shard_is_named(runs):
    alone, *both = load(runs, "refused")
    wrong = (
        "TypeError: shard is 3; expected True, or the class of the layers to divide one by one, such as "
        "torch.nn.TransformerEncoderLayer."
    )
    for found in both:
        assert found["said"] == [
            wrong,
            "ValueError: shard is LSTM, and the model has no layer of this class; name one of its own.",
        ]
    assert alone["said"] == [
        wrong,
        "ValueError: shard needs several processes, and this is the only one. Start them: "
        "torchrun --nproc-per-node=2 train.py.",
    ]


def test_optimizer_keeps_its_moments_when_it_is_divided(runs):
    alone, *both = load(runs, "trained_before")
    for found in both:
        torch.testing.assert_close(found["weights"], alone["weights"], rtol=0, atol=1e-6)


def test_interrupted_divided_model_ends_in_the_same_weights(runs):
    for found in load(runs, "interrupted_sharded")[1:]:
        whole, resumed = found["whole"], found["resumed"]
        assert all(map(torch.equal, resumed["weights"], whole["weights"]))
        assert resumed["history"] == whole["history"]
        assert torch.equal(resumed["drawn"], whole["drawn"])
        assert (whole["steps"], resumed["steps"]) == (12, 5)


# The process of the second rank kills itself in the middle of an epoch; torchrun starts both again.
KILLED = """
import os, pathlib, signal, sys, warnings
warnings.simplefilter("error")
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from ptguide.training import Checkpoints, fit

folder = pathlib.Path(sys.argv[1])
rank, attempt = int(os.environ["RANK"]), int(os.environ["TORCHELASTIC_RESTART_COUNT"])
torch.set_num_threads(1)


def train(checkpoints):
    torch.manual_seed(0)
    inputs = torch.randn(46, 6)
    targets = inputs[:, :3].argmax(dim=1)
    model = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    torch.manual_seed(7 + rank)
    calls = 0

    def forward(model, batch):
        nonlocal calls
        calls += torch.is_grad_enabled()
        if checkpoints and attempt == 0 and rank == 1 and calls == 8:
            os.kill(os.getpid(), signal.SIGKILL)
        return model(batch[0]), batch[1]

    history = fit(
        model,
        DataLoader(TensorDataset(inputs, targets), batch_size=10, shuffle=True),
        F.cross_entropy,
        optimizer,
        epochs=4,
        forward=forward,
        validation=[(inputs, targets)],
        metrics={"largest": lambda outputs, targets: outputs.max()},
        checkpoints=checkpoints,
    )
    weights = list(model.state_dict().values())
    return {"weights": weights, "history": history.as_dict(), "calls": calls, "drawn": torch.rand(3)}


reference = train(None)
found = {"reference": reference, "killed": train(Checkpoints(folder / "run", every=1))}
torch.save(found, folder / f"{rank}-{attempt}.pt")
"""


def test_killed_worker_is_started_again_and_ends_in_the_same_weights(tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    done = torchrun(script, tmp_path, restarts=1)
    assert done.returncode == 0, done.stderr[-6000:]
    assert done.stderr.count("(exitcode: -9)") == 1
    assert sorted(path.name for path in tmp_path.glob("*.pt")) == ["0-1.pt", "1-1.pt"]
    for rank in (0, 1):
        found = torch.load(tmp_path / f"{rank}-1.pt")
        reference, killed = found["reference"], found["killed"]
        assert all(map(torch.equal, killed["weights"], reference["weights"]))
        assert killed["history"] == reference["history"]
        assert torch.equal(killed["drawn"], reference["drawn"])
        assert reference["calls"] == 4 * 5
        assert killed["calls"] == 4 * 5 - 7  # the rest, and not all of it once more

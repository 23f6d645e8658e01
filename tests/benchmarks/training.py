"""What does `ptguide.training.fit` cost? CPU time of an epoch, as a multiple of the loop by hand: `nox -s peers`.

A two-layer network on scikit-learn's digits, batches of 32, Adam, one thread: so small that what stands around the
computation weighs most. Other libraries take part where they are installed, each set to do as little besides as it can.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import random
import statistics
import sys
import time
import warnings

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from ptguide.data import batches
from ptguide.training import _loop, fit

BATCH_SIZE, RATE = 32, 1e-3
LIMITS = {"fit": 1.02, "fit, batches": 0.85, "fit, batches, fused Adam": 0.6}
BASE = "by hand"


def dataset():
    images, labels = load_digits(return_X_y=True)
    return TensorDataset(torch.tensor(images, dtype=torch.float32) / 16, torch.tensor(labels))


DATA = dataset()
STEPS = -(-len(DATA) // BATCH_SIZE)


def network():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def loader():
    return DataLoader(DATA, BATCH_SIZE, shuffle=True)


class Clock:
    """A loss that notes the time at the first batch of each epoch, so that no set-up is measured."""

    def __init__(self):
        self.calls = 0
        self.times = []

    def __call__(self, outputs, targets):
        if self.calls % STEPS == 0:
            self.times.append(time.process_time())
        self.calls += 1
        return F.cross_entropy(outputs, targets)

    def epochs(self):
        """Return the seconds of each epoch but the last, whose end nobody noted."""
        return [after - before for before, after in zip(self.times, self.times[1:], strict=False)]


def by_hand(loss, epochs, data=None, fused=False):
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=fused)
    data = data or loader()
    for _ in range(epochs):
        total = 0.0
        for inputs, targets in data:
            outputs = model(inputs)
            value = loss(outputs, targets)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            total += value.item() * len(inputs)


def by_fit(loss, epochs, data=None, fused=False):
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=fused)
    fit(model, data or loader(), loss, optimizer, epochs=epochs, progress=False)


class Marked:
    """An optimizer as it is, in the place of one without the profiler's marks."""

    def __init__(self, optimizer):
        self.zero_grad, self.step = optimizer.zero_grad, optimizer.step


def by_fit_marked(loss, epochs, data=None, fused=False):
    """`fit` without its `Unmarked`: the difference is what that buys."""
    unmarked, _loop.Unmarked = _loop.Unmarked, Marked
    try:
        by_fit(loss, epochs, data, fused)
    finally:
        _loop.Unmarked = unmarked


def by_lightning(loss, epochs):
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = network()

        def training_step(self, batch, index):
            inputs, targets = batch
            return loss(self.model(inputs), targets)

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=RATE)

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    off = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    lightning.Trainer(accelerator="cpu", max_epochs=epochs, **off).fit(Module(), loader())


def by_accelerate(loss, epochs):
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    model, optimizer, data = accelerator.prepare(model, optimizer, loader())
    for _ in range(epochs):
        total = 0.0
        for inputs, targets in data:
            value = loss(model(inputs), targets)
            optimizer.zero_grad()
            accelerator.backward(value)
            optimizer.step()
            total += value.item() * len(inputs)


def by_skorch(loss, epochs):
    from skorch import NeuralNet

    class Loss(nn.Module):
        def forward(self, outputs, targets):
            return loss(outputs, targets)

    settings = {"optimizer": torch.optim.Adam, "lr": RATE, "batch_size": BATCH_SIZE, "iterator_train__shuffle": True}
    net = NeuralNet(network(), Loss, max_epochs=epochs, train_split=None, callbacks="disable", verbose=0, **settings)
    net.fit(*DATA.tensors)


def by_ignite(loss, epochs):
    from ignite.engine import create_supervised_trainer

    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    create_supervised_trainer(model, optimizer, loss).run(loader(), max_epochs=epochs)


def indexed():
    return batches(DATA, BATCH_SIZE, shuffle=True)


CONTESTANTS = {
    BASE: by_hand,
    "fit": by_fit,
    "fit, without Unmarked": by_fit_marked,
    "by hand, batches": lambda loss, epochs: by_hand(loss, epochs, indexed()),
    "fit, batches": lambda loss, epochs: by_fit(loss, epochs, indexed()),
    "by hand, batches, fused Adam": lambda loss, epochs: by_hand(loss, epochs, indexed(), fused=True),
    "fit, batches, fused Adam": lambda loss, epochs: by_fit(loss, epochs, indexed(), fused=True),
    "the same, without Unmarked": lambda loss, epochs: by_fit_marked(loss, epochs, indexed(), fused=True),
}
PEERS = {"lightning": by_lightning, "accelerate": by_accelerate, "skorch": by_skorch, "ignite": by_ignite}


def measure(contestants, rounds, epochs):
    """Return for each contestant the ratio to the loop by hand in every round; all take turns within a round."""
    ratios = {name: [] for name in contestants}
    for _ in range(rounds):
        seconds = {}
        for name in random.sample(list(contestants), len(contestants)):
            torch.manual_seed(0)
            clock = Clock()
            contestants[name](clock, epochs + 1)
            if clock.calls != STEPS * (epochs + 1):
                raise SystemExit(f"{name} made {clock.calls} steps where {STEPS * (epochs + 1)} were to be measured.")
            # What interrupts an epoch only ever makes it longer.
            seconds[name] = min(clock.epochs())
        for name, taken in seconds.items():
            ratios[name].append(taken / seconds[BASE])
    return ratios


def main() -> int:
    """Print the table; return 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(prog="nox -s peers --")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--epochs", type=int, default=6)
    options = parser.parse_args()
    torch.set_num_threads(1)
    there = {name: train for name, train in PEERS.items() if importlib.util.find_spec(name)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peers' advice on how to be quicker with workers
        ratios = measure({**CONTESTANTS, **there}, options.rounds, options.epochs)
    exceeded = False
    print(f"{'epoch of a two-layer network on digits':<40}{'ratio':>7}{'lowest':>8}{'highest':>9}{'limit':>7}")
    for name, found in ratios.items():
        ratio, limit = statistics.median(found), LIMITS.get(name)
        exceeded |= limit is not None and ratio > limit
        print(f"{name:<40}{ratio:>7.2f}{min(found):>8.2f}{max(found):>9.2f}{limit or '':>7}")
    for name in sorted(PEERS.keys() - there.keys()):
        print(f"{name:<40}not installed; nox -s peers compares with it")
    return int(exceeded)


if __name__ == "__main__":
    sys.exit(main())

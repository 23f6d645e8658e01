"""The parts of `fit` that only some batches, devices or loaders reach."""

import collections
import inspect
import math
import random
import re
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler, TensorDataset

from ptguide._optional import require
from ptguide.data import batches
from ptguide.training import Checkpoints, fit
from ptguide.training import _order as rng
from ptguide.training._batches import batch_size, map_tensors, mover, named_tensors, tensors_of
from ptguide.training._compute import place
from ptguide.training._figures import READ_EVERY, Figures, Mean
from ptguide.training._nonfinite import Guard, is_finite
from ptguide.training._order import END, DataOrder
from ptguide.training._processes import Team

CPU = torch.device("cpu")
Pair = collections.namedtuple("Pair", "inputs targets")


# --- Batches ---------------------------------------------------------------------------------------------------------
NESTED = {"a": [torch.ones(2), (torch.zeros(3, 1), "word")], "b": Pair(torch.full((4,), 2.0), None)}


def test_tensors_are_found_with_their_places_however_deep():
    assert [name for name, _ in named_tensors(NESTED)] == ["['a'][0]", "['a'][1][0]", "['b'][0]"]
    assert [tuple(tensor.shape) for tensor in tensors_of(NESTED)] == [(2,), (3, 1), (4,)]
    assert tensors_of("word") == tensors_of([]) == tensors_of({}) == []
    assert [name for name, _ in named_tensors(torch.ones(2), "x")] == ["x"]


def test_tensors_are_replaced_and_all_else_stays():
    class Batch(dict):
        pass

    doubled = map_tensors(lambda tensor: 2 * tensor, {**NESTED, "c": Batch(x=torch.ones(1)), "d": 5})
    assert doubled["a"][0].tolist() == [2, 2]
    assert doubled["a"][1][0].tolist() == [[0], [0], [0]]
    assert doubled["a"][1][1] == "word"
    assert type(doubled["a"]) is list
    assert type(doubled["a"][1]) is tuple
    assert type(doubled["b"]) is Pair
    assert doubled["b"].inputs.tolist() == [4, 4, 4, 4]
    assert doubled["b"].targets is None
    assert type(doubled["c"]) is Batch
    assert doubled["d"] == 5
    assert NESTED["a"][0].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("batch", "size"),
    [
        ((torch.ones(3, 7), torch.ones(5)), 3),
        ([torch.ones(4)], 4),
        (torch.ones(6, 2), 6),
        ({"y": torch.ones(5, 1), "x": torch.ones(2)}, 5),
        (({"x": torch.ones(8, 3)}, torch.ones(2)), 8),
        (("words", torch.ones(9)), 9),
    ],
)
def test_the_first_tensor_counts_the_samples(batch, size):
    assert batch_size(batch) == size


def test_batches_are_moved_to_another_device_than_the_cpu():
    assert mover(CPU)(NESTED) is NESTED
    moved = mover(torch.device("meta"))(NESTED)
    assert [tensor.device.type for tensor in tensors_of(moved)] == ["meta"] * 3


# --- Means -----------------------------------------------------------------------------------------------------------
class Elsewhere(torch.Tensor):
    """A tensor that says that it is on an accelerator."""

    is_cpu = False


@pytest.mark.parametrize("count", [0, 1, READ_EVERY - 1, READ_EVERY, READ_EVERY + 1, 2 * READ_EVERY + 3])
def test_means_on_an_accelerator_are_read_late_and_are_the_same(count, monkeypatch):
    read = []
    stack = torch.stack
    monkeypatch.setattr(torch, "stack", lambda values: read.append(len(values)) or stack(values))
    here, there = Mean(), Mean()
    generator = torch.Generator().manual_seed(0)
    for number in range(count):
        value = torch.rand((), generator=generator)
        here.add(value, number % 5 + 1)
        there.add(value.as_subclass(Elsewhere).requires_grad_(), number % 5 + 1)
        assert len(read) == (number + 1) // READ_EVERY
    assert READ_EVERY == 256
    assert there.compute() == here.compute() or (
        count == 0 and math.isnan(here.compute()) and math.isnan(there.compute())
    )
    assert there.state_dict() == here.state_dict()
    assert sum(read) == count


def test_a_mean_goes_on_from_its_state():
    whole, first, second = Mean(), Mean(), Mean()
    for mean in (whole, first):
        mean.add(1.5, 2)
        mean.add(torch.tensor(0.25), 5)
    second.add(7.0, 7)
    second.load_state_dict(first.state_dict())
    for mean in (whole, second):
        mean.add(3.0, 1)
    assert second.compute() == whole.compute() == (1.5 * 2 + 0.25 * 5 + 3.0) / 8
    second.reset()
    assert math.isnan(second.compute())
    assert second.state_dict() == {"total": 0.0, "count": 0.0}


def test_values_that_wait_to_be_read_are_forgotten_too():
    mean = Mean()
    mean.add(torch.tensor(5.0).as_subclass(Elsewhere), 3)
    mean.reset()
    mean.add(torch.tensor(2.0).as_subclass(Elsewhere), 1)
    assert mean.compute() == 2.0


def test_figures_without_a_loss_have_metrics_alone():
    figures = Figures({"count": lambda outputs, targets: 4.0}, CPU, Team())
    figures.measure(None, None, 2)
    assert figures.compute() == {"count": 4.0}
    figures.reset()
    assert math.isnan(figures.compute()["count"])


# --- The guard -------------------------------------------------------------------------------------------------------
def guarded(*gradients, gradients_too=True):
    parameters = [nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    optimizer = torch.optim.SGD([*parameters, nn.Parameter(torch.ones(2))])
    return Guard(optimizer, CPU, gradients=gradients_too)


LOSS = torch.tensor(1.0)
SPARSE = torch.tensor([1.0, 0.0, 2.0, 0.0, 0.0]).to_sparse()
GOOD = [torch.ones(3), torch.ones(2, 2, dtype=torch.float64), torch.ones(2, dtype=torch.complex64), SPARSE]
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("good", [GOOD[:1], GOOD[:2], GOOD[:3], GOOD, GOOD[3:], []])
def test_the_guard_finds_nan_and_infinity_wherever_they_are(good):
    assert not guarded(*good).finds(LOSS)
    assert not guarded(*good).finds(torch.tensor(3e38))
    for bad in (NAN, INF, -INF):
        assert guarded(*good).finds(torch.tensor(bad))
        for index, gradient in enumerate(good):
            if gradient.is_sparse:
                spoiled = torch.tensor([1.0, 0.0, bad, 0.0, 0.0]).to_sparse()
            else:
                spoiled = gradient.clone()
                spoiled.view(-1)[-1] = bad
            guard = guarded(*good[:index], spoiled, *good[index + 1 :])
            assert guard.finds(LOSS)


def test_the_guard_looks_again_after_gradients_that_it_could_not_look_at_together():
    guard = guarded(SPARSE)
    assert not guard.finds(LOSS)
    assert not guard.finds(LOSS)
    assert guard.finds(torch.tensor(NAN))


def test_the_guard_leaves_gradients_as_they_are():
    gradient = torch.randn(1000)
    before = gradient.clone()
    guarded(gradient).finds(LOSS)
    assert torch.equal(gradient, before)


def test_the_guard_can_leave_the_gradients_to_somebody_else():
    assert not guarded(torch.tensor([NAN]), gradients_too=False).finds(LOSS)
    assert guarded(torch.tensor([1.0]), gradients_too=False).finds(torch.tensor(INF))


@pytest.mark.parametrize("value", [1.0, NAN, INF, -INF])
def test_is_finite(value):
    assert is_finite(torch.tensor([0.0, value])) == math.isfinite(value)
    with torch.sparse.check_sparse_tensor_invariants():  # torch 2.11 warns whoever does not say whether to check
        assert is_finite(torch.sparse_coo_tensor([[1]], [value], (3,))) == math.isfinite(value)
    assert is_finite(torch.tensor([complex(0, value)])) == math.isfinite(value)


def test_the_guard_keeps_random_states_only_for_models_that_draw(monkeypatch):
    for draws in (True, False):
        guard = guarded()
        guard.remember()
        first = torch.get_rng_state()
        if draws:
            torch.rand(1)
        guard.look_at_first()
        torch.rand(1)
        second = torch.get_rng_state()
        guard.remember()
        torch.rand(3)
        now = torch.get_rng_state()
        guard.rewind()
        assert torch.equal(torch.get_rng_state(), second if draws else now)
        assert not torch.equal(first, second)


# --- Random states and the order of data -----------------------------------------------------------------------------
def draws():
    return random.random(), np.random.rand(), random.gauss(0, 1), torch.rand(2).tolist()  # noqa: NPY002 - its state is kept


def test_random_states_of_all_libraries_come_back():
    draws()
    state = rng.rng_state(CPU)
    first = draws()
    assert draws() != first
    rng.set_rng_state(state, CPU)
    assert draws() == first
    assert set(state) == {"torch", "python", "numpy"}


def test_a_state_without_numpy_is_read_too(monkeypatch):
    monkeypatch.delitem(sys.modules, "numpy")
    state = rng.rng_state(CPU)
    assert set(state) == {"torch", "python"}
    monkeypatch.undo()
    rng.set_rng_state(state, CPU)
    full = rng.rng_state(CPU)
    monkeypatch.delitem(sys.modules, "numpy")
    rng.set_rng_state(full, CPU)


def test_the_generators_of_a_loader_and_its_samplers_are_found_once():
    data = TensorDataset(torch.arange(5))
    own, other = torch.Generator(), torch.Generator()
    assert rng.generators([1, 2]) == []
    assert rng.generators(DataLoader(data, 2)) == []
    assert rng.generators(DataLoader(data, 2, shuffle=True, generator=own)) == [own]
    assert rng.generators(DataLoader(data, 2, sampler=RandomSampler(data, generator=other), generator=own)) == [
        own,
        other,
    ]
    batch_sampler = BatchSampler(RandomSampler(data, generator=other), 2, False)
    assert rng.generators(DataLoader(data, batch_sampler=batch_sampler)) == [other]
    one_by_one = DataLoader(data, batch_size=None, sampler=RandomSampler(data, generator=other))
    assert rng.generators(one_by_one) == [other]
    states = rng.generator_states([own, other])
    drawn = torch.rand(1, generator=own), torch.rand(1, generator=other)
    rng.set_generator_states([own, other], states)
    assert (torch.rand(1, generator=own), torch.rand(1, generator=other)) == drawn


def test_a_sampler_is_told_the_epoch_at_its_start_and_when_it_goes_on():
    told = []

    class Told(SequentialSampler):
        def set_epoch(self, epoch):
            told.append(epoch)

    data = TensorDataset(torch.arange(5))
    order = DataOrder(DataLoader(data, 2, sampler=Told(data)), CPU)
    order.begin(3)
    assert told == [3]
    order.take()
    assert order.position == 1
    again = DataOrder(DataLoader(data, 2, sampler=Told(data)), CPU)
    again.load_state_dict(order.state_dict())
    again.begin(3)
    assert [again.take()[0].tolist(), again.take()[0].tolist(), again.take()] == [[2, 3], [4], END]
    assert told == [3, 3]
    again.end_epoch()
    assert again.position == 0
    again.begin(4)
    assert len(list(iter(again.take, END))) == 3


def test_a_checkpoint_holds_what_its_documentation_lists(tmp_path):
    listed = set(re.findall(r"^ *``(\w+)`` +\S", inspect.getdoc(Checkpoints), flags=re.MULTILINE))
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    store = Checkpoints(tmp_path)
    fit(model, [(torch.rand(4, 3), torch.rand(4, 2))], F.mse_loss, optimizer, checkpoints=store)
    only_sometimes = {"schedule", "scaler", "loss", "others"}
    assert only_sometimes < listed
    assert store.latest().keys() | only_sometimes == listed
    store.close()


def test_data_that_keeps_its_place_is_asked_for_it():
    pairs = TensorDataset(torch.arange(6.0), torch.arange(6))
    assert DataOrder(batches(pairs, 2), CPU).state_dict().keys() == {"position", "ended", "data"}
    assert "data" not in DataOrder(DataLoader(pairs, 2), CPU).state_dict()


def train_by_schedule(folder, epochs):
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=4)  # lasts for these steps and no more
    data = [(torch.ones(5, 3), torch.zeros(5, dtype=torch.int64))]
    settings = {"schedule": schedule, "schedule_every": "epoch", "checkpoints": Checkpoints(folder)}
    fit(model, data, F.cross_entropy, optimizer, epochs=epochs, **settings)
    return model.weight


def test_a_schedule_by_epochs_lasts_over_a_resume(tmp_path):
    whole = train_by_schedule(tmp_path / "whole", 4)
    train_by_schedule(tmp_path / "parts", 2)
    assert torch.equal(train_by_schedule(tmp_path / "parts", 4), whole)


class Drawn(Dataset):
    """Every sample has noise, which a worker draws."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return torch.rand(3), index % 2


# Python 3.12 and later warn of the threads that the runner of the tests has, or the last worker's queue.
OF_THREADS = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")
FORKED = pytest.mark.skipif(sys.platform != "linux", reason="the worker of a test's own class is forked")


def train_with_a_worker(folder, epochs, **settings):
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    data = DataLoader(Drawn(), 4, num_workers=1, multiprocessing_context="fork", **settings)
    store = Checkpoints(folder)
    fit(model, data, F.cross_entropy, torch.optim.SGD(model.parameters(), 0.1), epochs=epochs, checkpoints=store)
    store.close()
    return model.weight


@FORKED
@OF_THREADS
def test_noise_of_workers_goes_on_exactly_and_of_persistent_workers_not_without_a_word(tmp_path):
    whole = train_with_a_worker(tmp_path / "whole", 2)
    train_with_a_worker(tmp_path / "parts", 1)
    assert torch.equal(train_with_a_worker(tmp_path / "parts", 2), whole)
    whole = train_with_a_worker(tmp_path / "kept", 2, persistent_workers=True)
    train_with_a_worker(tmp_path / "died", 1, persistent_workers=True)
    with pytest.warns(
        UserWarning,
        match="^data has persistent_workers=True: .* each epoch seeds them anew",
    ):
        continued = train_with_a_worker(tmp_path / "died", 2, persistent_workers=True)
    assert not torch.equal(continued, whole)


@FORKED
@OF_THREADS
def test_the_warning_about_persistent_workers_points_to_where_fit_is_called(tmp_path):
    train_with_a_worker(tmp_path, 1, persistent_workers=True)
    with pytest.warns(UserWarning, match="persistent_workers=True") as warned:
        train_with_a_worker(tmp_path, 2, persistent_workers=True)
    assert warned[0].filename == __file__


# --- Devices and packages --------------------------------------------------------------------------------------------
def test_place_returns_the_device_of_the_model():
    assert place(nn.Linear(2, 2), None) == CPU
    assert place(nn.Linear(2, 2, device="meta"), None) == torch.device("meta")
    assert place(nn.ReLU(), None) == CPU
    assert place(nn.ReLU(), "meta") == torch.device("meta")
    assert place(nn.BatchNorm1d(2, affine=False, device="meta"), None) == torch.device("meta")


def test_a_package_that_is_missing_is_named_and_one_that_is_there_is_returned(monkeypatch):
    assert require("math", "nothing", extra="training") is math
    monkeypatch.setitem(sys.modules, "absent", None)
    message = r'^counting needs absent, which is not installed\. Install it with: pip install "ptguide\[training\]"$'
    with pytest.raises(ModuleNotFoundError, match=message) as caught:
        require("absent.part", "counting", extra="training")
    assert caught.value.name == "absent"

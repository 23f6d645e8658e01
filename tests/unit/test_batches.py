"""Batches by indexing equal those of DataLoader, and an epoch that is continued equals one that was not left."""

import copy
import io
import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset, random_split

from ptguide.data import Batches, TensorData, _batches, batches

checked = settings(deadline=None, derandomize=True, max_examples=60)
# A GPU joins in where there is one; "meta" takes part everywhere, as a device that data has to be moved to.
DEVICES = ["meta", *(["cuda"] if torch.cuda.is_available() else [])]


def numbered(n=11):
    """Examples that say which they are: inputs of shape (n, 2, 3), targets of shape (n,)."""
    return TensorData(torch.arange(6.0 * n).reshape(n, 2, 3), torch.arange(n))


def seeded(seed=7):
    return torch.Generator().manual_seed(seed)


def contents(loader, epochs=1):
    """List the targets of each batch."""
    return [batch[-1].tolist() for _ in range(epochs) for batch in loader]


def assert_same(got, wanted):
    got, wanted = list(got), list(wanted)
    assert len(got) == len(wanted)
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(tuple(one), tuple(other), rtol=0, atol=0)


# What comes out: DataLoader is the oracle.


@checked
@given(
    n=st.integers(1, 40),
    batch_size=st.integers(1, 45),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
    own=st.booleans(),
    subset=st.booleans(),
)
def test_three_epochs_equal_those_of_dataloader(n, batch_size, shuffle, drop_last, own, subset):
    data = Subset(numbered(2 * n), range(1, 2 * n, 2)) if subset else numbered(n)
    options = {"batch_size": batch_size, "shuffle": shuffle, "drop_last": drop_last}
    got, wanted = [], []
    for results, kind in ((got, batches), (wanted, DataLoader)):
        torch.manual_seed(3)
        loader = kind(data, **options, generator=seeded() if own else None)
        for _ in range(3):
            results.extend(loader)
        assert len(loader) * 3 == len(results)
    assert_same(got, wanted)


def test_shuffled_epochs_differ_and_hold_every_example_once():
    loader = batches(numbered(), 4, shuffle=True, generator=seeded())
    one, two = (list(itertools.chain(*contents(loader))) for _ in range(2))
    assert one != two
    assert sorted(one) == sorted(two) == list(range(11))


def test_same_seed_gives_the_same_batches():
    one, two, other = (
        contents(batches(numbered(), 4, shuffle=True, generator=seeded(seed)), epochs=3) for seed in (5, 5, 6)
    )
    assert one == two != other


def test_without_shuffling_no_random_number_is_drawn():
    before, generator = torch.get_rng_state(), seeded()
    list(batches(numbered(), 4, generator=generator))
    list(batches(numbered(), 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(generator.get_state(), seeded().get_state())


@pytest.mark.parametrize("shuffle", [False, True])
def test_writing_into_a_batch_leaves_the_data_alone(shuffle):
    data = numbered()
    before = copy.deepcopy(data.inputs)
    for inputs, targets in batches(data, 4, shuffle=shuffle):
        inputs.mul_(2)
        targets.zero_()
    assert torch.equal(data.inputs, before)
    assert data.targets.tolist() == list(range(11))


def test_every_tensor_of_a_tensordataset_is_in_the_batch():
    data = TensorDataset(torch.arange(5), torch.arange(10.0).reshape(5, 2), torch.arange(5) > 2)
    assert_same(batches(data, 2), DataLoader(data, 2))
    assert_same(batches(TensorDataset(torch.arange(5)), 2), DataLoader(TensorDataset(torch.arange(5)), 2))


def test_subsets_of_subsets_count_as_python_does():
    whole = numbered(10)
    half = Subset(whole, [9, 7, 5, 3, 1])
    assert contents(batches(Subset(half, [-1, 0, 2]), 2)) == [[1, 9], [5]]
    assert contents(batches(Subset(whole, [-1, 0, -10]), 2)) == [[9, 0], [0]]
    train, rest = random_split(whole, [7, 3], generator=seeded())
    assert sorted(itertools.chain(*contents(batches(train, 2)), *contents(batches(rest, 2)))) == list(range(10))
    assert contents(batches(Subset(whole, []), 2)) == []
    assert contents(batches(Subset(whole, torch.tensor([4, 2])), 2)) == [[4, 2]]


def test_no_examples_give_no_batches():
    loader = batches(numbered(0), 4, shuffle=True)
    assert (len(loader), list(loader)) == (0, [])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bfloat16, torch.complex64, torch.bool])
def test_dtypes_and_layouts_stay(dtype):
    data = TensorDataset(torch.arange(12).reshape(4, 3).t().to(dtype), torch.arange(6).unfold(0, 4, 1))
    assert_same(batches(data, 2), DataLoader(data, 2))


def test_gradients_reach_the_data():
    inputs = torch.ones(5, 2, requires_grad=True)
    for part, weight in batches(TensorDataset(inputs, torch.arange(5.0)), 2, shuffle=True):
        (part.sum(1) * weight).sum().backward()
    assert inputs.grad.tolist() == [[w, w] for w in range(5)]


# Continuing an epoch.


@checked
@given(
    n=st.integers(1, 30),
    batch_size=st.integers(1, 12),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
    own=st.booleans(),
    data=st.data(),
)
def test_continued_epoch_gives_the_remaining_batches_and_so_do_the_next(n, batch_size, shuffle, drop_last, own, data):
    def make():
        options = {"shuffle": shuffle, "drop_last": drop_last, "generator": seeded() if own else None}
        return batches(numbered(n), batch_size, **options)

    total = 2 * len(make())
    left_at = data.draw(st.integers(0, total))
    torch.manual_seed(1)
    loader, got, saved = make(), [], (None, None)
    if left_at == 0:
        saved = loader.state_dict(), torch.get_rng_state()
    for _ in range(3):
        for batch in loader:
            got.append(batch[-1].tolist())
            if len(got) == left_at:
                saved = copy.deepcopy(loader.state_dict()), torch.get_rng_state()
    torch.manual_seed(2)
    again = make()
    list(again)  # what it did before must not matter
    again.load_state_dict(saved[0])
    torch.set_rng_state(saved[1])
    rest = contents(again)
    while len(got) - left_at > len(rest):
        rest += contents(again)
    assert rest == got[left_at:]


def test_state_survives_a_file_read_with_weights_only():
    loader = batches(numbered(), 3, shuffle=True, generator=seeded())
    iterator = iter(loader)
    next(iterator)
    file = io.BytesIO()
    torch.save(loader.state_dict(), file)
    assert file.tell() < 20_000
    file.seek(0)
    again = batches(numbered(), 3, shuffle=True, generator=seeded(99))
    again.load_state_dict(torch.load(file, weights_only=True))
    assert contents(again, epochs=2) == contents(iterator) + contents(loader)


def test_state_is_that_of_the_batch_that_the_loop_is_at():
    loader = batches(numbered(), 4)
    assert loader.state_dict()["given"] == 0
    assert [loader.state_dict()["given"] for _ in loader] == [1, 2, 3]
    assert loader.state_dict()["given"] == 0  # the epoch is over


def test_state_taken_at_the_last_batch_ends_the_epoch_first():
    loader = batches(numbered(), 4, shuffle=True, generator=seeded())
    for _ in loader:
        state = loader.state_dict()
    again = batches(numbered(), 4, shuffle=True, generator=seeded(99))
    again.load_state_dict(state)
    assert contents(again) == []
    assert contents(again) == contents(loader)


def test_loaded_state_can_be_saved_before_it_is_used():
    loader = batches(numbered(), 4, shuffle=True, generator=seeded())
    iterator = iter(loader)
    next(iterator)
    state = loader.state_dict()
    for _ in range(2):
        loader = batches(numbered(), 4, shuffle=True, generator=seeded(99))
        loader.load_state_dict(state)
        state = loader.state_dict()
    assert contents(loader) == contents(iterator)


def test_state_taken_before_the_first_batch_keeps_the_order_that_was_drawn():
    loader = batches(numbered(), 4, shuffle=True, generator=seeded())
    iterator = iter(loader)
    again = batches(numbered(), 4, shuffle=True, generator=seeded(99))
    again.load_state_dict(loader.state_dict())
    assert contents(again, epochs=2) == contents(iterator) + contents(loader)


def test_loop_that_is_left_begins_anew():
    loader = batches(numbered(), 4)
    next(iter(loader))
    assert contents(loader) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]


def test_state_speaks_of_the_loop_begun_last():
    loader = batches(numbered(), 4)
    first = iter(loader)
    next(first)
    second = iter(loader)
    next(second), next(second)
    list(first)
    assert loader.state_dict()["given"] == 2


def test_other_users_of_a_generator_do_not_disturb_a_continued_epoch():
    def run(loader, generator):
        for _, targets in loader:
            yield targets.tolist(), torch.rand((), generator=generator).item()

    one = seeded()
    loader = batches(numbered(), 4, shuffle=True, generator=one)
    steps = run(loader, one)
    next(steps)
    state = loader.state_dict()
    two = seeded(99)
    again = batches(numbered(), 4, shuffle=True, generator=two)
    again.load_state_dict(state)
    assert list(run(again, two)) == list(steps)


def test_state_that_map_location_moved_is_brought_back():
    loader = batches(numbered(), 4, shuffle=True, generator=seeded())
    iterator = iter(loader)
    next(iterator)
    state, asked = loader.state_dict(), []
    for name in ("epoch_start", "generator"):
        tensor = state[name]
        state[name] = type("Elsewhere", (), {"cpu": lambda self, tensor=tensor: asked.append(1) or tensor})()
    again = batches(numbered(), 4, shuffle=True, generator=seeded(99))
    again.load_state_dict(state)
    assert contents(again) == contents(iterator)
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 5}, "state was saved with batch_size=4, and these batches have batch_size=5"),
        ({"shuffle": False}, "state was saved with shuffle=True, and these batches have shuffle=False"),
        ({"drop_last": True}, "state was saved with drop_last=False, and these batches have drop_last=True"),
        ({"n": 12}, "state was saved with examples=11, and these batches have examples=12"),
        ({"generator": None}, "saved with a generator, and these batches were made without one"),
    ],
)
def test_state_of_other_batches_is_an_error(options, message):
    wanted = {"batch_size": 4, "shuffle": True, "generator": seeded()}
    state = batches(numbered(), **wanted).state_dict()
    options = {**wanted, **options}
    with pytest.raises(ValueError, match=message):
        batches(numbered(options.pop("n", 11)), **options).load_state_dict(state)


def test_state_saved_without_a_generator_is_an_error_for_batches_with_one():
    state = batches(numbered(), shuffle=True).state_dict()
    with pytest.raises(ValueError, match=r"saved without a generator, and these .* made with one, .* without one too"):
        batches(numbered(), shuffle=True, generator=seeded()).load_state_dict(state)


def test_something_else_than_a_state_is_an_error():
    with pytest.raises(ValueError, match="state lacks drop_last, epoch_start, examples, generator, given, shuffle; "):
        batches(numbered()).load_state_dict({"batch_size": 4})


# Devices.


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_arrive_on_the_device(device, shuffle):
    got = list(batches(numbered(), 4, shuffle=shuffle, generator=seeded(), device=device))
    wanted = list(batches(numbered(), 4, shuffle=shuffle, generator=seeded()))
    assert [[tensor.device.type for tensor in batch] for batch in got] == [[device] * 2] * 3
    assert [batch[0].shape for batch in got] == [batch[0].shape for batch in wanted]
    if device != "meta":
        assert_same([[tensor.cpu() for tensor in batch] for batch in got], wanted)


@pytest.mark.parametrize("device", DEVICES)
def test_data_on_a_device_is_indexed_there(device):
    data = TensorDataset(*(tensor.to(device) for tensor in (torch.arange(5), torch.arange(10.0).reshape(5, 2))))
    (first, second), *_ = batches(data, 2, shuffle=True)
    assert (first.device.type, second.device.type) == (device, device)
    assert second.shape == (2, 2)


def test_way_to_a_gpu_is_pinned_and_does_not_wait(monkeypatch):
    """Without a GPU: what torch is asked for. With one, the tests above run on it too."""
    empty, asked = torch.empty, []

    def pinned(*args, pin_memory=False, **kwargs):
        if pin_memory:
            asked.append("pinned")
        return empty(*args, **kwargs)

    def sent(tensor, device, non_blocking=False):
        asked.append((str(device), non_blocking))
        return tensor

    monkeypatch.setattr(torch, "empty", pinned)
    monkeypatch.setattr(torch.Tensor, "to", sent)
    data, positions = torch.arange(12.0).reshape(4, 3), torch.tensor([2, 0])
    batch = _batches._take(data, positions, torch.device("cuda:1"))
    assert asked == ["pinned", ("cuda:1", True)]
    assert batch.tolist() == [[6, 7, 8], [0, 1, 2]]
    asked.clear()
    # Pinned memory cannot record a gradient, and what leaves a GPU must have arrived before it is read.
    _batches._take(data.clone().requires_grad_(), positions, torch.device("cuda"))
    elsewhere = empty(4, 3, device="meta"), empty(2, device="meta", dtype=torch.int64)
    _batches._take(*elsewhere, torch.device("cpu"))
    _batches._take(*elsewhere, torch.device("cuda"))
    assert asked == [("cuda", False), ("cpu", False), ("cuda", False)]


# What cannot be done.


class OneByOne(Dataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return torch.ones(2), index


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(3))


class Doubled(TensorData):
    def __getitem__(self, index):
        inputs, targets = super().__getitem__(index)
        return 2 * inputs, targets


class DoubledTensorDataset(TensorDataset):
    def __getitem__(self, index):
        return tuple(2 * tensor for tensor in super().__getitem__(index))


class Augmented(TensorDataset):
    """What a DataLoader asks for a whole batch, where a data set has it."""

    def __getitems__(self, indices):
        return [tuple(-tensor[index] for tensor in self.tensors) for index in indices]


class AugmentedData(TensorData):
    def __getitems__(self, indices):
        return [self[index] for index in indices]


def test_a_tensor_that_was_replaced_is_seen_in_the_next_epoch():
    for data, name in ((TensorData(torch.zeros(5, 1), torch.zeros(5)), "inputs"), (TensorDataset(torch.zeros(5)), "")):
        loader, part = batches(data, 2), batches(Subset(data, [4, 0]), 2)
        assert sum(batch[0].sum() for batch in loader) == 0
        if name:
            data.inputs = torch.ones(7, 1)
            data.targets = torch.ones(7)
        else:
            data.tensors = (torch.ones(7),)
        assert len(loader) == 4
        assert sum(batch[0].sum() for batch in loader) == 7
        assert sum(batch[0].sum() for batch in part) == 2


@pytest.mark.parametrize(
    "data",
    [
        Augmented(torch.ones(3)),
        AugmentedData(torch.ones(3, 1), torch.ones(3)),
        Subset(Augmented(torch.ones(3)), [1]),
        OneByOne(),
        Stream(),
        Doubled(torch.ones(3, 1), torch.ones(3)),
        DoubledTensorDataset(torch.ones(3)),
        Subset(OneByOne(), [0]),
        [1, 2, 3],
    ],
    ids=lambda data: type(data).__name__,
)
def test_data_that_cannot_be_indexed_at_once_is_an_error(data):
    name = type(data.dataset if isinstance(data, Subset) else data).__name__
    with pytest.raises(TypeError, match=rf"dataset is of type {name}, .* one by one; .* use torch.utils.data.DataLoad"):
        batches(data)


@pytest.mark.parametrize("size", [0, -3])
def test_batch_size_below_one_is_an_error(size):
    with pytest.raises(ValueError, match=f"batch_size is {size}; expected at least 1"):
        batches(numbered(), size)


@pytest.mark.parametrize("size", [2.0, "2", None, True])
def test_batch_size_that_is_no_integer_is_an_error(size):
    with pytest.raises(TypeError, match=f"batch_size is {size!r}; expected an integer"):
        batches(numbered(), size)


def test_generator_of_another_device_is_an_error():
    with pytest.raises(ValueError, match="generator is for meta; expected one for the CPU"):
        _batches._on_cpu(type("Elsewhere", (), {"device": torch.device("meta")})())


def test_repr_says_what_comes():
    assert repr(batches(numbered(), 4, device="cpu")) == (
        "Batches(3 of 4 examples from TensorData, shuffle=False, drop_last=False, device=cpu)"
    )
    assert isinstance(batches(numbered()), Batches)

"""The data sets hold what their documentation says, and each part of them its fair share."""

import subprocess
import sys
from collections import Counter

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from ptguide import _optional, data
from ptguide.data import TensorData, _splits

PARTS = ["train", "validation", "test"]


def rows(inputs):
    """Return the examples as tuples, to compare and to count."""
    return [tuple(row) for row in inputs.flatten(1).tolist()]


# TensorData


def small():
    return TensorData(torch.arange(12.0).reshape(4, 3), torch.tensor([0, 1, 1, 0]), classes=["a", "b"], source="made")


@pytest.mark.parametrize(
    "index",
    [2, -1, slice(1, 3), slice(0, 0), [3, 0, 3], [], torch.tensor([1, 2]), torch.tensor(2), torch.arange(4) > 1],
    ids=str,
)
def test_index_means_what_it_means_for_tensordataset(index):
    inputs, targets = small()[index]
    wanted = TensorDataset(small().inputs, small().targets)[index]
    torch.testing.assert_close((inputs, targets), wanted, rtol=0, atol=0)


def test_numpy_integers_are_integers():
    np = pytest.importorskip("numpy")
    assert small()[np.int64(3)][0].tolist() == [9, 10, 11]


def test_positions_give_a_copy_and_an_integer_a_view():
    kept = small()
    kept[[0, 1]][0].zero_()
    assert kept.inputs[0].tolist() == [0, 1, 2]
    kept[0][0].zero_()
    assert kept.inputs[0].tolist() == [0, 0, 0]


def test_loops_and_loaders_end():
    assert [int(target) for _, target in small()] == [0, 1, 1, 0]
    (inputs, targets), *_ = DataLoader(small(), 3)
    assert (inputs.shape, targets.tolist()) == ((3, 3), [0, 1, 1])


def test_index_out_of_range_is_an_indexerror():
    with pytest.raises(IndexError, match="4"):
        small()[4]


def test_tuple_is_no_index():
    with pytest.raises(TypeError, match=r"the index is the tuple \(0, 1\); expected an integer, a slice, a list"):
        small()[0, 1]


def test_set_moves_to_a_device():
    kept = small()
    moved = kept.to("meta")
    assert (moved.inputs.device.type, moved.targets.device.type, kept.inputs.device.type) == ("meta", "meta", "cpu")
    assert (type(moved), len(moved), moved.classes, moved.source) == (TensorData, 4, ("a", "b"), "made")
    assert kept.to("cpu").inputs is kept.inputs
    table = data.iris().to("meta")
    assert table.features == data.iris().features
    assert "(90, 4) float32\n" in repr(table)  # there are no values to give a range of


def test_repr_answers_the_first_questions():
    assert repr(small()) == (
        "TensorData of 4 examples\n"
        "  inputs   (4, 3) float32, 0 to 11\n"
        "  targets  (4,) int64, 0 to 1\n"
        "  classes  2: a, b\n"
        "  source   made"
    )
    many = TensorData(torch.zeros(0, 2, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64), classes="abcdefg")
    assert repr(many) == (
        "TensorData of 0 examples\n  inputs   (0, 2) uint8\n  targets  (0,) int64\n  classes  7: a, b, c, d, e, f, …"
    )
    assert repr(TensorData(torch.ones(2, dtype=torch.complex64), torch.tensor([True, False]))) == (
        "TensorData of 2 examples\n  inputs   (2,) complex64\n  targets  (2,) bool, False to True"
    )


@pytest.mark.parametrize(
    ("inputs", "targets", "classes", "error", "message"),
    [
        ([1], torch.ones(1), None, TypeError, "inputs is of type list; expected a tensor"),
        (torch.ones(1), "x", None, TypeError, "targets is of type str; expected a tensor"),
        (torch.tensor(1), torch.ones(1), None, ValueError, r"inputs has shape \(\); expected its first axis"),
        (torch.ones(3, 2), torch.ones(2), None, ValueError, "inputs has 3 examples and targets 2; expected as many"),
        (torch.ones(2), torch.ones(2), "ab", TypeError, "targets has dtype torch.float32; expected integers"),
        (torch.ones(2), torch.tensor([True, False]), "ab", TypeError, "targets has dtype torch.bool; expected int"),
        (torch.ones(2), torch.tensor([0, 2]), "ab", ValueError, "targets holds 2; expected 0 to 1, as there are 2"),
        (torch.ones(2), torch.tensor([-1, 0]), "ab", ValueError, "targets holds -1; expected 0 to 1"),
    ],
)
def test_what_is_no_data_set_is_an_error(inputs, targets, classes, error, message):
    with pytest.raises(error, match=message):
        TensorData(inputs, targets, classes=classes)


# Parts


@pytest.mark.parametrize("labels", [[], [0], [3, 3, 3, 3, 3], [0, 1] * 10, [0] * 7 + [1] * 8 + [5] * 11, [2, 0, 1] * 9])
def test_each_example_is_in_one_part_and_each_class_has_its_share(labels):
    labels = torch.tensor(labels, dtype=torch.int64)
    parts = {part: _splits.split_positions(part, labels) for part in PARTS}
    whole = torch.cat(list(parts.values()))
    assert sorted(whole.tolist()) == _splits.split_positions("all", labels).tolist() == list(range(len(labels)))
    for label, count in Counter(labels.tolist()).items():
        for part, share in zip(PARTS, (0.6, 0.2, 0.2), strict=True):
            assert abs(int((labels[parts[part]] == label).sum()) - share * count) < 1.3
    assert all(positions.tolist() == sorted(positions.tolist()) for positions in parts.values())


# The sets that scikit-learn brings along

EMBEDDED = {
    "digits": (1085, 357, 355),
    "wine": (109, 35, 34),
    "breast_cancer": (343, 113, 113),
    "iris": (90, 30, 30),
}
TABLES = {"wine": 13, "breast_cancer": 30, "iris": 4}
RANGES = {"wine": (-4, 5, 0.13, 1680), "breast_cancer": (-4, 17, 0, 4254), "iris": (-3, 4, 0.1, 7.9)}


@pytest.mark.parametrize("name", EMBEDDED)
def test_parts_are_disjoint_complete_and_fair(name):
    whole = getattr(data, name)("all")
    parts = [getattr(data, name)(part) for part in PARTS]
    assert tuple(map(len, parts)) == EMBEDDED[name]
    held = [Counter(zip(rows(part.inputs), part.targets.tolist(), strict=True)) for part in parts]
    assert sum(held, Counter()) == Counter(zip(rows(whole.inputs), whole.targets.tolist(), strict=True))
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        assert not held[one] & held[other]  # not even an example that the file holds twice
    for part, share in zip(parts, (0.6, 0.2, 0.2), strict=True):
        assert part.classes == whole.classes
        fair = share * whole.targets.bincount()
        torch.testing.assert_close(part.targets.bincount().float(), fair, rtol=0, atol=1.3)


@pytest.mark.parametrize("name", EMBEDDED)
def test_same_call_gives_the_same_data_in_other_memory(name):
    one, two = getattr(data, name)(), getattr(data, name)("train")
    assert torch.equal(one.inputs, two.inputs)
    assert torch.equal(one.targets, two.targets)
    assert one.inputs.data_ptr() != two.inputs.data_ptr()


@pytest.mark.parametrize("name", EMBEDDED)
def test_unknown_split_is_an_error(name):
    with pytest.raises(ValueError, match="split is 'valid'; expected one of 'train', 'validation', 'test', 'all'"):
        getattr(data, name)("valid")


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    whole, table = data.digits("all"), load_digits()
    assert (whole.inputs.shape, whole.inputs.dtype, whole.targets.dtype) == (
        (1797, 1, 8, 8),
        torch.float32,
        torch.int64,
    )
    assert (whole.inputs.min(), whole.inputs.max()) == (0, 1)
    assert (whole.inputs * 16).flatten(1).tolist() == table.data.tolist()
    assert whole.targets.tolist() == table.target.tolist()
    assert whole.classes == tuple("0123456789")


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_those_of_scikit_learn(name):
    from sklearn import datasets

    whole, table = getattr(data, name)("all", standardize=False), getattr(datasets, f"load_{name}")()
    assert (whole.inputs.shape, whole.inputs.dtype) == ((len(table.target), TABLES[name]), torch.float32)
    assert torch.equal(whole.inputs, torch.tensor(table.data, dtype=torch.float32))
    assert (whole.targets.tolist(), whole.targets.dtype) == (table.target.tolist(), torch.int64)
    assert (whole.classes, whole.features) == (tuple(table.target_names), tuple(table.feature_names))
    assert torch.equal(whole.raw(whole.inputs), whole.inputs)
    assert whole.to("meta").raw(whole.inputs.to("meta")).is_meta


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("split", [*PARTS, "all"])
def test_tables_are_standardized_by_the_training_split_alone(name, split):
    from sklearn.preprocessing import StandardScaler

    get = getattr(data, name)
    scaler = StandardScaler().fit(get("train", standardize=False).inputs.double().numpy())
    raw, found = get(split, standardize=False), get(split)
    wanted = torch.tensor(scaler.transform(raw.inputs.double().numpy()))
    torch.testing.assert_close(found.inputs.double(), wanted, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.mean.double(), torch.tensor(scaler.mean_), rtol=1e-5, atol=0)
    torch.testing.assert_close(found.raw(found.inputs), raw.inputs, rtol=1e-4, atol=1e-3)
    assert found.inputs.dtype == torch.float32


@pytest.mark.parametrize("name", TABLES)
def test_values_lie_in_the_documented_ranges(name):
    low, high, least, most = RANGES[name]
    standardized, raw = getattr(data, name)("all").inputs, getattr(data, name)("all", standardize=False).inputs
    assert low < standardized.min() < low + 1.1
    assert high - 1.1 < standardized.max() < high
    assert [raw.min().item(), raw.max().item()] == pytest.approx([least, most])


def test_photos_are_those_of_scikit_learn():
    from sklearn.datasets import load_sample_image

    whole = data.photos()
    assert (whole.inputs.shape, whole.inputs.dtype) == ((2, 3, 427, 640), torch.uint8)
    assert whole.classes == ("china", "flower")
    for image, label in whole:
        assert torch.equal(image.permute(1, 2, 0), torch.tensor(load_sample_image(f"{whole.classes[label]}.jpg")))


def test_strips_of_the_photos_make_up_the_whole():
    parts = [data.photos(part) for part in PARTS]
    assert [part.inputs.shape[3] for part in parts] == [384, 128, 128]
    assert torch.equal(torch.cat([part.inputs for part in parts], dim=3), data.photos("all").inputs)
    assert all(part.targets.tolist() == [0, 1] and part.inputs.is_contiguous() for part in parts)
    with pytest.raises(ValueError, match="split is 'left'; expected one of 'train'"):
        data.photos("left")


# Imports


def test_import_loads_no_optional_library():
    heavy = {"torchvision", "matplotlib", "sklearn", "scipy", "PIL", "pydoc_data"}
    code = f"import sys, ptguide.data; print({heavy} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_missing_library_is_an_error_that_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.delitem(sys.modules, "sklearn.datasets", raising=False)
    message = r'digits needs scikit-learn, which is not installed. Install it with: pip install "ptguide\[data\]"'
    with pytest.raises(ModuleNotFoundError, match=message) as caught:
        data.digits()
    assert caught.value.name == "sklearn"


def test_photos_need_pillow_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "PIL.Image", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"photos needs Pillow, which is not installed. Install it with"):
        data.photos()


def test_other_library_is_named_as_it_is():
    with pytest.raises(ModuleNotFoundError, match="it needs no_such_library, which is not installed"):
        _optional.require("no_such_library.part", "it", extra="data")

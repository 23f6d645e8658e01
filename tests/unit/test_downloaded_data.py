"""torchvision's sets are read by torchvision from files in the real formats, which the tests write small."""

import gzip
import hashlib
import http.server
import io
import os
import pickle
import re
import struct
import sys
import tarfile
import threading
from functools import partial

import numpy as np
import pytest
import torch
import torchvision

from ptguide import data

IDX = {
    "train-images": "train-images-idx3-ubyte",
    "train-labels": "train-labels-idx1-ubyte",
    "test-images": "t10k-images-idx3-ubyte",
    "test-labels": "t10k-labels-idx1-ubyte",
}
FOLDERS = {"mnist": "MNIST/raw", "fashion_mnist": "FashionMNIST/raw", "cifar10": "cifar-10-batches-py"}
LOADERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "cifar10": "CIFAR10"}
TRAIN, TEST = 72, 7
CIFAR_NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split()


def idx(array):
    """Write an array as IDX: two zeros, 8 for unsigned bytes, the number of axes, the sizes, the elements."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def made_up(shape, classes):
    """Return examples for training and test; the classes stand in a row, so that order would matter."""
    chance = np.random.default_rng(0)
    examples = {}
    for part, n in {"train": TRAIN, "test": TEST}.items():
        examples[f"{part}-images"] = chance.integers(0, 256, (n, *shape), dtype=np.uint8)
        examples[f"{part}-labels"] = np.sort(np.arange(n) % classes).astype(np.uint8)
    return examples


def write_idx(folder, change=None):
    """Write the four files of MNIST with three classes."""
    folder.mkdir(parents=True, exist_ok=True)
    examples = {**made_up((28, 28), 3), **(change or {})}
    for name, array in examples.items():
        (folder / IDX[name]).write_bytes(idx(array))
    return examples


def write_cifar(folder, monkeypatch):
    """Write the seven files of CIFAR-10, and have torchvision expect their checksums."""
    folder.mkdir(parents=True, exist_ok=True)
    examples = made_up((3, 32, 32), 4)
    pickles = {"batches.meta": {"label_names": CIFAR_NAMES, "num_cases_per_batch": 15}}
    for number, rows in enumerate(np.array_split(np.arange(TRAIN), 5), start=1):
        pickles[f"data_batch_{number}"] = batch_of(examples, "train", rows)
    pickles["test_batch"] = batch_of(examples, "test", np.arange(TEST))
    sums = {}
    for name, content in pickles.items():
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
        sums[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()
    loader = torchvision.datasets.CIFAR10
    monkeypatch.setattr(loader, "train_list", [[f"data_batch_{k}", sums[f"data_batch_{k}"]] for k in range(1, 6)])
    monkeypatch.setattr(loader, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(loader, "meta", {**loader.meta, "md5": sums["batches.meta"]})
    return examples


def batch_of(examples, part, rows):
    images, labels = examples[f"{part}-images"][rows], examples[f"{part}-labels"][rows]
    return {"data": images.reshape(len(rows), -1), "labels": labels.tolist()}


@pytest.fixture(params=list(FOLDERS))
def written(request, tmp_path, monkeypatch):
    """One of the three sets: its function, the folder, what stands in it."""
    folder = tmp_path / FOLDERS[request.param]
    examples = write_cifar(folder, monkeypatch) if request.param == "cifar10" else write_idx(folder)
    return getattr(data, request.param), tmp_path, examples


def official(examples, part):
    """Return what the files hold, one example at a time: list of (image of shape (C, H, W), label)."""
    pairs = zip(examples[f"{part}-images"], examples[f"{part}-labels"], strict=True)
    return [((image if image.ndim == 3 else image[None]) / 255, int(label)) for image, label in pairs]


def assert_holds(found, wanted):
    assert len(found) == len(wanted)
    assert (found.inputs.dtype, found.targets.dtype) == (torch.float32, torch.int64)
    assert found.targets.tolist() == [label for _, label in wanted]
    images = torch.tensor(np.array([image for image, _ in wanted]))
    torch.testing.assert_close(found.inputs.double(), images, rtol=0, atol=1e-7)


# What stands in the files


def test_official_sets_come_out_as_they_are(written):
    get, root, examples = written
    assert_holds(get(root, split="test"), official(examples, "test"))
    assert_holds(get(str(root), "all"), official(examples, "train") + official(examples, "test"))


def test_validation_is_a_fixed_and_fair_part_of_the_training_set(written):
    get, root, examples = written
    every = 5 if get is data.cifar10 else 6
    parts, met = {"train": [], "validation": []}, {}
    for image, label in official(examples, "train"):
        met[label] = met.get(label, 0) + 1
        parts["train" if met[label] % every else "validation"].append((image, label))
    for part, wanted in parts.items():
        assert_holds(get(root, part), wanted)
    shares = torch.tensor([label for _, label in parts["validation"]]).bincount()
    assert shares.max() - shares.min() <= 1


def test_classes_and_source_are_named(written):
    get, root, _ = written
    found = get(root)
    wanted = {
        data.mnist: tuple("0123456789"),
        data.fashion_mnist: tuple(torchvision.datasets.FashionMNIST.classes),
        data.cifar10: tuple(CIFAR_NAMES),
    }
    assert found.classes == wanted[get]
    assert found.classes.index("Ankle boot" if get is data.fashion_mnist else found.classes[9]) == 9
    assert re.search(r"MNIST \(|Fashion-MNIST \(|CIFAR-10 \(", found.source)


def test_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write_idx(tmp_path / "kept" / FOLDERS["mnist"])
    assert len(data.mnist("~/kept", "test")) == TEST


def test_files_go_through_batches(written):
    get, root, _ = written
    assert sum(len(labels) for _, labels in data.batches(get(root, "test"), 4)) == TEST


# What is missing


@pytest.mark.parametrize(
    ("name", "first", "more", "instead"),
    [
        ("mnist", "MNIST/raw/train-images-idx3-ubyte", 3, "digits()"),
        ("fashion_mnist", "FashionMNIST/raw/train-images-idx3-ubyte", 3, "digits()"),
        ("cifar10", "cifar-10-batches-py/data_batch_1", 6, "digits() or, in color, shapes()"),
    ],
)
def test_no_files_is_an_error_that_says_where_and_what_instead(tmp_path, name, first, more, instead):
    message = (
        f"{name} found no file {tmp_path / first} and {more} more there. Pass download=True where there is a network. "
        f"Without network and files, use ptguide.data.{instead}, which needs neither."
    )
    with pytest.raises(FileNotFoundError, match=re.escape(message)):
        getattr(data, name)(tmp_path)


def test_the_one_file_that_is_missing_is_named(written):
    get, root, _ = written
    missing = sorted((root / FOLDERS[get.__name__]).iterdir())[-1]
    missing.unlink()
    with pytest.raises(FileNotFoundError, match=re.escape(f"{get.__name__} found no file {missing}. Pass download")):
        get(root)


@pytest.mark.parametrize("name", FOLDERS)
def test_download_without_network_is_an_error_that_says_why(tmp_path, monkeypatch, name):
    monkeypatch.setenv("no_proxy", "*")
    loader = getattr(torchvision.datasets, LOADERS[name])
    nowhere = "http://127.0.0.1:9/"  # the port of the service "discard", which nobody offers
    monkeypatch.setattr(loader, *(("url", nowhere + "c.tar.gz") if name == "cifar10" else ("mirrors", [nowhere])))
    with pytest.raises(
        FileNotFoundError, match=r"found no file .* The download failed: .*refused>\. Without .*digits\(\)"
    ):
        getattr(data, name)(tmp_path, download=True)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serve a folder; return it and its address."""
    monkeypatch.setenv("no_proxy", "*")
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{running.server_address[1]}/"
        running.shutdown()


def packed(written, folder):
    """Put the files into archives as they are offered for download, and delete them; return the checksums."""
    get, root, _ = written
    files = sorted((root / FOLDERS[get.__name__]).iterdir())
    if get is data.cifar10:
        with tarfile.open(folder / "c.tar.gz", "w:gz") as archive:
            for file in files:
                archive.add(file, f"cifar-10-batches-py/{file.name}")
    for file in files:
        if get is not data.cifar10:
            (folder / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    return {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_download_fetches_what_is_missing(written, server, monkeypatch):
    get, root, examples = written
    folder, address = server
    sums = packed(written, folder)
    loader = getattr(torchvision.datasets, LOADERS[get.__name__])
    if get is data.cifar10:
        monkeypatch.setattr(loader, "url", address + "c.tar.gz")
        monkeypatch.setattr(loader, "filename", "c.tar.gz")
        monkeypatch.setattr(loader, "tgz_md5", sums["c.tar.gz"])
    else:
        monkeypatch.setattr(loader, "mirrors", [address])
        monkeypatch.setattr(loader, "resources", [(f"{name}.gz", sums[f"{name}.gz"]) for name in IDX.values()])
    with pytest.raises(FileNotFoundError):
        get(root, "test")
    assert_holds(get(root, "test", download=True), official(examples, "test"))
    assert_holds(get(root, "test"), official(examples, "test"))


# What is damaged


@pytest.mark.parametrize("part", ["train-images", "train-labels"])
@pytest.mark.parametrize("kept", [0, 3, 6, 40, -1])
def test_cut_off_idx_file_is_an_error_that_names_it(tmp_path, part, kept):
    write_idx(tmp_path / FOLDERS["mnist"])
    path = tmp_path / FOLDERS["mnist"] / IDX[part]
    whole = path.read_bytes()
    path.write_bytes(whole[:kept])
    header = 16 if part == "train-images" else 8
    expected = f"expected {len(whole)}, as its header says" if not 0 <= kept < header else "begins with the bytes"
    with pytest.raises(ValueError, match=rf"mnist cannot use its files: .*{path.name}.*{expected}.* Delete what is da"):
        data.mnist(tmp_path)
    assert len(data.mnist(tmp_path, "test")) == TEST  # the other files are as good as before


def test_longer_idx_file_is_an_error(tmp_path):
    write_idx(tmp_path / FOLDERS["mnist"])
    path = tmp_path / FOLDERS["mnist"] / IDX["test-labels"]
    path.write_bytes(path.read_bytes() + b"\0\0")
    with pytest.raises(ValueError, match=rf"{path.name} has 17 bytes; expected 15, as its header says"):
        data.mnist(tmp_path, "test")


@pytest.mark.parametrize("begin", [b"\x1f\x8b\x08\x08", b"<htm", bytes([0, 0, 8, 1]), bytes([0, 0, 13, 3])])
def test_file_of_another_format_is_an_error(tmp_path, begin):
    write_idx(tmp_path / FOLDERS["fashion_mnist"])
    path = tmp_path / FOLDERS["fashion_mnist"] / IDX["train-images"]
    path.write_bytes(begin + path.read_bytes()[4:])
    with pytest.raises(ValueError, match=f"{path.name} begins with the bytes '{begin.hex()}'; expected '00000803'"):
        data.fashion_mnist(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"train-labels": np.zeros(71, np.uint8)},
            r"the images have shape \(72, 28, 28\); expected \(71, 28, 28\), as there are 71 labels",
        ),
        (
            {"train-images": np.zeros((72, 8, 28), np.uint8)},
            r"the images have shape \(72, 8, 28\); expected \(72, 28, 28\)",
        ),
        ({"train-labels": np.full(72, 10, np.uint8)}, "the labels hold 10; expected 0 to 9"),
    ],
)
def test_files_that_do_not_fit_together_are_an_error(tmp_path, change, message):
    write_idx(tmp_path / FOLDERS["mnist"], change)
    with pytest.raises(ValueError, match=f"mnist cannot use its files: {message}"):
        data.mnist(tmp_path)


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch", "batches.meta"])
@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_damaged_cifar_file_is_an_error_that_names_it(tmp_path, monkeypatch, name, damage):
    folder = tmp_path / FOLDERS["cifar10"]
    write_cifar(folder, monkeypatch)
    whole = bytearray((folder / name).read_bytes())
    whole[-3] ^= 1
    (folder / name).write_bytes(whole[:-20] if damage == "cut" else whole)
    with pytest.raises(ValueError, match=rf"cifar10 cannot use its files: .*{name} has the MD5 checksum \w+; expected"):
        data.cifar10(tmp_path)


def test_damaged_pickle_is_not_opened(tmp_path, monkeypatch):
    folder = tmp_path / FOLDERS["cifar10"]
    write_cifar(folder, monkeypatch)
    file = io.BytesIO()
    pickle.Pickler(file, protocol=2).dump(Touch(tmp_path / "opened"))
    (folder / "data_batch_1").write_bytes(file.getvalue())
    with pytest.raises(ValueError, match="data_batch_1 has the MD5 checksum"):
        data.cifar10(tmp_path)
    assert not (tmp_path / "opened").exists()
    pickle.loads(file.getvalue())
    assert (tmp_path / "opened").exists()  # so it would have been


class Touch:
    """A pickle of it makes a folder when it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickle_with_a_right_checksum_and_a_wrong_content_is_an_error(tmp_path, monkeypatch):
    folder = tmp_path / FOLDERS["cifar10"]
    write_cifar(folder, monkeypatch)
    (folder / "test_batch").write_bytes(b"no pickle")
    sums = [["test_batch", hashlib.md5(b"no pickle").hexdigest()]]
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "test_list", sums)
    with pytest.raises(ValueError, match="cifar10 cannot use its files: torchvision says UnpicklingError: "):
        data.cifar10(tmp_path, "test")


# What the caller does


@pytest.mark.parametrize("name", FOLDERS)
def test_wrong_arguments_are_errors(tmp_path, name):
    with pytest.raises(ValueError, match="split is 'dev'; expected one of 'train', 'validation', 'test', 'all'"):
        getattr(data, name)(tmp_path, "dev")
    with pytest.raises(TypeError, match=r"root is None; expected the path of a folder"):
        getattr(data, name)(None)


def test_missing_torchvision_is_an_error_that_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.delitem(sys.modules, "torchvision.datasets", raising=False)
    message = r'cifar10 needs torchvision, which is not installed. Install it with: pip install "ptguide\[data\]"'
    with pytest.raises(ModuleNotFoundError, match=message):
        data.cifar10(tmp_path)

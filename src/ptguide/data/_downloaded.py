"""MNIST, Fashion-MNIST and CIFAR-10 from torchvision's files, in the interface of the embedded sets."""

from __future__ import annotations

import hashlib
import math
import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ptguide._optional import require
from ptguide.data._splits import check_split, rank_in_class
from ptguide.data._tensor_data import TensorData

UNSIGNED_BYTE = 8  # the code of the type in the header of an IDX file


@dataclass(frozen=True)
class _Kind:
    """What the three sets differ in.

    Attributes
    ----------
    function : str
        The name of the function that gives it.
    loader : str
        The name of torchvision's class.
    every : int
        One of so many examples of a class in the training file is for validation.
    shape : tuple of int
        Of an image, as the files hold it.
    instead : str
        The embedded set to use without files.
    source : str
    """

    function: str
    loader: str
    every: int
    shape: tuple[int, ...]
    instead: str
    source: str


MNIST = _Kind("mnist", "MNIST", 6, (28, 28), "digits()", "MNIST (LeCun, Cortes and Burges)")
FASHION_MNIST = _Kind("fashion_mnist", "FashionMNIST", 6, (28, 28), "digits()", "Fashion-MNIST (Xiao et al., 2017)")
CIFAR10 = _Kind("cifar10", "CIFAR10", 5, (32, 32, 3), "digits() or, in color, shapes()", "CIFAR-10 (Krizhevsky, 2009)")


def mnist(root: str | os.PathLike[str], split: str = "train", *, download: bool = False) -> TensorData:
    """Return MNIST: 70,000 gray images of handwritten digits.

    Parameters
    ----------
    root : str or path
        The folder in which ``MNIST/raw`` holds the four files, unpacked, as torchvision expects them.
    split : str
        ``"test"`` is the official test set (10,000 examples). Of the official training set, every sixth example of
        each class is for ``"validation"`` (about 10,000), the others for ``"train"`` (about 50,000). ``"all"`` is both
        sets, the official training set first.
    download : bool
        Whether to fetch the files that are not there (12 MB). Needs a network.

    Returns
    -------
    TensorData
        Inputs of shape (N, 1, 28, 28), float32 from 0, paper, to 1, ink; integer targets of shape (N,); the classes
        are the digits as text. The training split takes 160 MB of memory.

    Raises
    ------
    FileNotFoundError
        If a file is missing, or could not be fetched. The message says where it is expected, and what to use instead.
    ValueError
        If there is no such split, or if a file is damaged: cut short, of another format, or not made for the others.
    ModuleNotFoundError
        If torchvision is not installed.

    Notes
    -----
    Source: Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits", read by
    `torchvision.datasets.MNIST`. The format holds no checksum: changed pixels go unnoticed.
    """
    # not looked up: 70,000; 10,000; 50,000; 12 MB; 160 MB — the files are not here; their sources give the figures
    return _load(MNIST, root, split, download, [str(digit) for digit in range(10)])


def fashion_mnist(root: str | os.PathLike[str], split: str = "train", *, download: bool = False) -> TensorData:
    """Return Fashion-MNIST: 70,000 gray images of clothes.

    Parameters
    ----------
    root : str or path
        The folder in which ``FashionMNIST/raw`` holds the four files, unpacked, as torchvision expects them.
    split : str
        ``"test"`` is the official test set (10,000 examples). Of the official training set, every sixth example of
        each class is for ``"validation"`` (10,000), the others for ``"train"`` (50,000). ``"all"`` is both sets, the
        official training set first.
    download : bool
        Whether to fetch the files that are not there (31 MB). Needs a network.

    Returns
    -------
    TensorData
        Inputs of shape (N, 1, 28, 28), float32 from 0, background, to 1; integer targets of shape (N,); the classes
        ``"T-shirt/top"`` to ``"Ankle boot"``. The training split takes 160 MB of memory.

    Raises
    ------
    FileNotFoundError, ValueError, ModuleNotFoundError
        As for `mnist`.

    Notes
    -----
    Source: H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST" (2017), arXiv:1708.07747, read by
    `torchvision.datasets.FashionMNIST`.
    """
    # not looked up: 70,000; (10,000); 10,000; (50,000); 31 MB; 160 MB — the files are not here; as for MNIST
    return _load(FASHION_MNIST, root, split, download)


def cifar10(root: str | os.PathLike[str], split: str = "train", *, download: bool = False) -> TensorData:
    """Return CIFAR-10: 60,000 small color photos of animals and vehicles.

    Parameters
    ----------
    root : str or path
        The folder in which ``cifar-10-batches-py`` holds the seven files, as torchvision expects them.
    split : str
        ``"test"`` is the official test set (10,000 examples). Of the official training set, every fifth example of
        each class is for ``"validation"`` (10,000), the others for ``"train"`` (40,000). ``"all"`` is both sets, the
        official training set first.
    download : bool
        Whether to fetch the files that are not there or that are damaged (170 MB). Needs a network.

    Returns
    -------
    TensorData
        Inputs of shape (N, 3, 32, 32), float32 from 0 to 1, channels red, green, blue; integer targets of shape (N,);
        the classes ``"airplane"`` to ``"truck"``. The training split takes 490 MB of memory.

    Raises
    ------
    FileNotFoundError, ValueError, ModuleNotFoundError
        As for `mnist`.

    Notes
    -----
    Source: A. Krizhevsky, "Learning multiple layers of features from tiny images" (2009), read by
    `torchvision.datasets.CIFAR10`. The files are pickles, which can run code: torchvision opens one only if its
    checksum is right.
    """
    # not looked up: 60,000; 10,000; (10,000); (40,000); 170 MB; 490 MB — the files are not here; as for MNIST
    # not looked up: cifar-10-batches-py — torchvision names the folder
    return _load(CIFAR10, root, split, download)


def _load(
    kind: _Kind, root: str | os.PathLike[str], split: str, download: bool, classes: Sequence[str] | None = None
) -> TensorData:
    check_split(split)
    if not isinstance(root, str | os.PathLike):
        raise TypeError(f"root is {root!r}; expected the path of a folder.")
    loader = getattr(require("torchvision.datasets", kind.function, extra="data"), kind.loader)
    wanted = {"all": (True, False), "test": (False,)}.get(split, (True,))
    parts = [_read(kind, loader, Path(root).expanduser(), train, download) for train in wanted]
    images, labels = (torch.cat(tensors) for tensors in zip(*((part[0], part[1]) for part in parts), strict=True))
    if split in ("train", "validation"):
        chosen = (rank_in_class(labels) % kind.every == kind.every - 1) == (split == "validation")
        images, labels = images[chosen], labels[chosen]
    return TensorData(
        images.float().div_(255), labels, classes=classes or parts[0][2], source=f"{kind.source}, from torchvision"
    )


def _read(kind: _Kind, loader: Any, root: Path, train: bool, download: bool) -> tuple[Tensor, Tensor, Sequence[str]]:
    """Return images of shape (N, C, H, W), uint8, labels of shape (N,), int64, and the classes, of one official set."""
    files = _files(loader, root)
    try:
        found = loader(root, train=train, download=download)
    except Exception as error:  # whatever torchvision meets in a damaged file; nothing is passed over in silence
        missing = [path for path in files if not path.is_file()]
        if missing:
            raise FileNotFoundError(_missing(kind, missing, error if download else None)) from error
        problems = filter(None, (problem(path) for path, problem in files.items()))
        raise ValueError(_damaged(kind, next(problems, f"torchvision says {type(error).__name__}: {error}"))) from error
    images, labels = torch.as_tensor(found.data), torch.as_tensor(found.targets)
    if images.shape != (len(labels), *kind.shape):
        expected = f"({len(labels)}, {', '.join(map(str, kind.shape))}), as there are {len(labels)} labels"
        raise ValueError(_damaged(kind, f"the images have shape {tuple(images.shape)}; expected {expected}"))
    if len(labels) and labels.max() >= len(found.classes):
        most = f"expected 0 to {len(found.classes) - 1}"
        raise ValueError(_damaged(kind, f"the labels hold {int(labels.max())}; {most}"))
    images = images.unsqueeze(1) if images.dim() == 3 else images.permute(0, 3, 1, 2)
    return images, labels, found.classes


def _files(loader: Any, root: Path) -> dict[Path, Callable[[Path], str | None]]:
    """Return every file that torchvision expects, with a function that says what is wrong with it, if anything is."""
    if hasattr(loader, "resources"):
        folder = root / loader.__name__ / "raw"
        return {folder / name.removesuffix(".gz"): _idx_problem for name, _ in loader.resources}
    folder = root / loader.base_folder
    sums = [*loader.train_list, *loader.test_list, (loader.meta["filename"], loader.meta["md5"])]
    return {folder / name: partial(_checksum_problem, wanted=wanted) for name, wanted in sums}


def _idx_problem(path: Path) -> str | None:
    """Compare a file with its header: two zeros, the type of the elements, the number of axes, the size of each."""
    axes = 3 if "idx3" in path.name else 1
    with path.open("rb") as file:
        head = file.read(4 + 4 * axes)
    wanted = bytes([0, 0, UNSIGNED_BYTE, axes])
    if head[:4] != wanted or len(head) < 4 + 4 * axes:
        return f"{path} begins with the bytes {head[:4].hex()!r}; expected {wanted.hex()!r} and {axes} sizes"
    expected = len(head) + math.prod(struct.unpack(f">{axes}I", head[4:]))
    if (found := path.stat().st_size) != expected:
        return f"{path} has {found} bytes; expected {expected}, as its header says"
    return None


def _checksum_problem(path: Path, wanted: str) -> str | None:
    found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    return None if found == wanted else f"{path} has the MD5 checksum {found}; expected {wanted}"


def _missing(kind: _Kind, missing: Sequence[Path], error: Exception | None) -> str:
    more = f" and {len(missing) - 1} more there" if len(missing) > 1 else ""
    reason = f"The download failed: {' '.join(str(error).split())}." if error else ""
    return (
        f"{kind.function} found no file {missing[0]}{more}. {reason or 'Pass download=True where there is a network.'} "
        f"Without network and files, use ptguide.data.{kind.instead}, which needs neither."
    )


def _damaged(kind: _Kind, problem: str) -> str:
    return f"{kind.function} cannot use its files: {problem}. Delete what is damaged, and pass download=True."

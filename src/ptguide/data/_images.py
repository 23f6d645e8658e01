"""Images that come with scikit-learn."""

from __future__ import annotations

from pathlib import Path

import torch

from ptguide._optional import require
from ptguide.data._splits import check_split, split_positions
from ptguide.data._tensor_data import TensorData

COLUMNS = {"train": slice(0, 384), "validation": slice(384, 512), "test": slice(512, 640), "all": slice(0, 640)}


def digits(split: str = "train") -> TensorData:
    """Return 1797 small images of handwritten digits.

    Parameters
    ----------
    split : str
        ``"train"`` (1085 examples), ``"validation"`` (357), ``"test"`` (355) or ``"all"`` (1797).

    Returns
    -------
    TensorData
        Inputs of shape (N, 1, 8, 8), float32 from 0, paper, to 1, ink, in steps of 1/16; targets of shape (N,), int64;
        the classes ``"0"`` to ``"9"``.

    Raises
    ------
    ValueError
        If there is no such split.
    ModuleNotFoundError
        If scikit-learn is not installed.

    Notes
    -----
    Source: the test part of "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak, 1998, UCI Machine
    Learning Repository), as scikit-learn carries it. 13 people wrote it, and
    the file does not say who wrote what. So the splits are not made by writer: a test on new writers is harder.

    Of every five examples of a class, in the order of the file, three are for training, one for validation and one
    for the test.

    Examples
    --------
    >>> data = digits()
    >>> image, label = data[0]
    >>> image.shape, data.classes[label]
    (torch.Size([1, 8, 8]), '0')
    >>> [len(digits(split)) for split in ("train", "validation", "test", "all")], data.classes[-1]
    ([1085, 357, 355, 1797], '9')
    """
    check_split(split)
    table = require("sklearn.datasets", "digits", extra="data").load_digits()
    labels = torch.from_numpy(table.target).long()
    images = torch.from_numpy(table.images).float().div(16).unsqueeze(1)
    chosen = split_positions(split, labels)
    return TensorData(
        images[chosen],
        labels[chosen],
        classes=[str(name) for name in table.target_names],
        source="Optical Recognition of Handwritten Digits (UCI), from scikit-learn",
    )


def photos(split: str = "all") -> TensorData:
    """Return two color photos: a temple in China, and a flower.

    Parameters
    ----------
    split : str
        ``"all"`` gives the whole photos. Two examples cannot be dealt out to three parts, so the parts are strips of
        both: ``"train"`` the left three fifths of the columns, ``"validation"`` the next fifth, ``"test"`` the last.

    Returns
    -------
    TensorData
        Inputs of shape (2, 3, 427, W), uint8 from 0 to 255, channels red, green, blue, as the files have them; W is 640
        for the whole, 384 for training, 128 for validation and for the test. Targets of shape (2,), int64; the classes
        ``"china"`` and ``"flower"``.

    Raises
    ------
    ValueError
        If there is no such split.
    ModuleNotFoundError
        If scikit-learn or Pillow is not installed.

    Notes
    -----
    Source: the photos that scikit-learn carries, by the Flickr users danielbuechele (the temple) and vultilion (the
    flower), under the license CC BY 2.0. They are JPEG files, and the standard lets decoders differ in the last bit.

    Examples
    --------
    >>> photo, label = photos()[1]
    >>> photo.shape, photo.dtype, photos().classes[label]
    (torch.Size([3, 427, 640]), torch.uint8, 'flower')
    >>> [photos(split).inputs.shape[-1] for split in ("train", "validation", "test", "all")], photo.max().item()
    ([384, 128, 128, 640], 255)
    """
    check_split(split)
    require("PIL.Image", "photos", extra="data")
    files = require("sklearn.datasets", "photos", extra="data").load_sample_images()
    # (2, 427, 640, 3) as decoded; torch.tensor copies, as the decoder's arrays are read-only
    images = torch.stack([torch.tensor(image) for image in files.images]).permute(0, 3, 1, 2)
    return TensorData(
        images[..., COLUMNS[split]].contiguous(),
        torch.arange(len(images)),
        classes=[Path(name).stem for name in files.filenames],
        source="photos by danielbuechele and vultilion (CC BY 2.0), from scikit-learn",
    )

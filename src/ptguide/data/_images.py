"""Images that come with scikit-learn."""

from __future__ import annotations

import torch

from ptguide.data._extras import require
from ptguide.data._splits import check_split, split_positions
from ptguide.data._tensor_data import TensorData


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
    Learning Repository), as scikit-learn carries it. 13 people wrote it, and the file does not say who wrote what:
    each split holds digits by people who also wrote some of the others.

    Of every five examples of a class, in the order of the file, three are for training, one for validation and one
    for the test.

    Examples
    --------
    >>> data = digits()
    >>> image, label = data[0]
    >>> image.shape, data.classes[label]
    (torch.Size([1, 8, 8]), '0')
    """
    check_split(split)
    table = require("sklearn.datasets", "digits").load_digits()
    labels = torch.from_numpy(table.target).long()
    images = torch.from_numpy(table.images).float().div(16).unsqueeze(1)
    chosen = split_positions(split, labels)
    return TensorData(
        images[chosen],
        labels[chosen],
        classes=[str(name) for name in table.target_names],
        source="Optical Recognition of Handwritten Digits (UCI), from scikit-learn",
    )

"""Tables of measurements that come with scikit-learn: wine, breast cancer and iris."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ptguide._optional import require
from ptguide.data._splits import check_split, split_positions
from ptguide.data._tensor_data import TensorData


class TableData(TensorData):
    """Rows of measurements, one column for each feature.

    Parameters
    ----------
    inputs : Tensor, shape (N, F)
    targets : Tensor, shape (N,), int64
    classes : sequence of str
    features : sequence of str
        The names of the columns.
    mean, std : Tensor, shape (F,)
        What was subtracted from each column, and what it was then divided by. Raw inputs have zeros and ones here.
    source : str

    Attributes
    ----------
    features : tuple of str
    mean, std : Tensor, shape (F,)
    """

    def __init__(
        self,
        inputs: Tensor,
        targets: Tensor,
        *,
        classes: Sequence[str],
        features: Sequence[str],
        mean: Tensor,
        std: Tensor,
        source: str = "",
    ) -> None:
        super().__init__(inputs, targets, classes=classes, source=source)
        self.features = tuple(features)
        self.mean = mean
        self.std = std

    def raw(self, inputs: Tensor) -> Tensor:
        """Return standardized rows, shape (..., F), in the units of the source."""
        return inputs * self.std.to(inputs.device) + self.mean.to(inputs.device)


def wine(split: str = "train", *, standardize: bool = True) -> TableData:
    """Return a chemical analysis of 178 wines, by the grower of the grapes.

    Parameters
    ----------
    split : str
        ``"train"`` (109 examples), ``"validation"`` (35), ``"test"`` (34) or ``"all"`` (178).
    standardize : bool
        Whether each feature is shifted and scaled to mean 0 and standard deviation 1 over the training split. False
        gives the numbers of the source.

    Returns
    -------
    TableData
        Inputs of shape (N, 13), float32, standardized between -4 and 5, raw 0.13 (nonflavanoid phenols) to 1680
        (proline); targets of shape (N,), int64; the classes ``"class_0"`` to ``"class_2"``, three growers.

    Raises
    ------
    ValueError
        If there is no such split.
    ModuleNotFoundError
        If scikit-learn is not installed.

    Notes
    -----
    Source: "Wine recognition data" (Forina et al., 1988, UCI Machine Learning Repository), as scikit-learn carries it.
    The file is sorted by class; the splits are made class by class, so each has its share of every one.

    Examples
    --------
    >>> data = wine()
    >>> data.inputs.shape, data.features[0], data.mean[0].item() > 12  # per cent of alcohol
    (torch.Size([109, 13]), 'alcohol', True)
    >>> [len(wine(split)) for split in ("train", "validation", "test", "all")]
    [109, 35, 34, 178]
    >>> whole, raw = wine("all").inputs, wine("all", standardize=False).inputs
    >>> ((-4 < whole) & (whole < 5)).all().item(), round(raw.min().item(), 2), raw.max().item()
    (True, 0.13, 1680.0)
    """
    return _table("wine", split, standardize, "Wine recognition data (UCI), from scikit-learn")


def breast_cancer(split: str = "train", *, standardize: bool = True) -> TableData:
    """Return 30 measurements of cell nuclei for each of 569 tumors, which were malignant or benign.

    Parameters
    ----------
    split : str
        ``"train"`` (343 examples), ``"validation"`` (113), ``"test"`` (113) or ``"all"`` (569).
    standardize : bool
        Whether each feature is shifted and scaled to mean 0 and standard deviation 1 over the training split. False
        gives the numbers of the source.

    Returns
    -------
    TableData
        Inputs of shape (N, 30), float32, standardized between -4 and 17, raw 0 (concavity) to 4254 (worst area);
        targets of shape (N,), int64; the classes ``"malignant"`` (0, 212 tumors) and ``"benign"`` (1, 357 tumors).

    Raises
    ------
    ValueError
        If there is no such split.
    ModuleNotFoundError
        If scikit-learn is not installed.

    Notes
    -----
    Source: "Breast Cancer Wisconsin (Diagnostic)" (Wolberg, Street and Mangasarian, 1995, UCI Machine Learning
    Repository), as scikit-learn carries it. The target 1 means benign: who counts tumors that were found counts zeros.

    Examples
    --------
    >>> data = breast_cancer()
    >>> row, label = data[0]
    >>> row.shape, data.classes[label]
    (torch.Size([30]), 'malignant')
    >>> [len(breast_cancer(split)) for split in ("train", "validation", "test", "all")]
    [343, 113, 113, 569]
    >>> breast_cancer("all").targets.bincount()
    tensor([212, 357])
    >>> whole, raw = breast_cancer("all").inputs, breast_cancer("all", standardize=False).inputs
    >>> ((-4 < whole) & (whole < 17)).all().item(), raw.min().item(), raw.max().item()
    (True, 0.0, 4254.0)
    """
    return _table("breast_cancer", split, standardize, "Breast Cancer Wisconsin (UCI), from scikit-learn")


def iris(split: str = "train", *, standardize: bool = True) -> TableData:
    """Return length and width of sepal and petal of 150 irises of three species.

    Parameters
    ----------
    split : str
        ``"train"`` (90 examples), ``"validation"`` (30), ``"test"`` (30) or ``"all"`` (150).
    standardize : bool
        Whether each feature is shifted and scaled to mean 0 and standard deviation 1 over the training split. False
        gives centimeters.

    Returns
    -------
    TableData
        Inputs of shape (N, 4), float32, standardized between -3 and 4, raw 0.1 to 7.9 (cm); targets of shape (N,),
        int64; the classes ``"setosa"``, ``"versicolor"`` and ``"virginica"``, 50 flowers each.

    Raises
    ------
    ValueError
        If there is no such split.
    ModuleNotFoundError
        If scikit-learn is not installed.

    Notes
    -----
    Source: R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7 (1936), as
    scikit-learn carries it. The file is sorted by class; the splits are made class by class. It holds two equal flowers
    of virginica, and both are in the training split.

    Examples
    --------
    >>> data = iris(standardize=False)
    >>> data[0][0], data.features[0]
    (tensor([5.1000, 3.5000, 1.4000, 0.2000]), 'sepal length (cm)')
    >>> [len(iris(split)) for split in ("train", "validation", "test", "all")], iris("all").targets.bincount()
    ([90, 30, 30, 150], tensor([50, 50, 50]))
    >>> whole, raw = iris("all").inputs, iris("all", standardize=False).inputs
    >>> ((-3 < whole) & (whole < 4)).all().item(), raw.min(), raw.max()
    (True, tensor(0.1000), tensor(7.9000))
    """
    return _table("iris", split, standardize, "Fisher's irises (1936), from scikit-learn")


def _table(name: str, split: str, standardize: bool, source: str) -> TableData:
    check_split(split)
    table = getattr(require("sklearn.datasets", name, extra="data"), f"load_{name}")()
    raw = torch.from_numpy(table.data)  # float64, so that the statistics are exact to float32
    labels = torch.from_numpy(table.target).long()
    mean, std = torch.zeros(raw.shape[1]).double(), torch.ones(raw.shape[1]).double()
    if standardize:
        # Statistics of the training split alone: those of the others are not known when a model is trained.
        std, mean = torch.std_mean(raw[split_positions("train", labels)], dim=0, correction=0)
    chosen = split_positions(split, labels)
    return TableData(
        ((raw[chosen] - mean) / std).float(),
        labels[chosen],
        classes=[str(label) for label in table.target_names],
        features=[str(feature) for feature in table.feature_names],
        mean=mean.float(),
        std=std.float(),
        source=source,
    )

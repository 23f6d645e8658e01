"""Points that are made up: spirals, moons and a noisy line."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ptguide.data._splits import ROUND, check_split, split_positions
from ptguide.data._tensor_data import TensorData


def spirals(
    split: str = "train", *, size: int = 900, classes: int = 3, turns: float = 1.0, noise: float = 0.2, seed: int = 0
) -> TensorData:
    """Return points of the plane on spirals that wind around each other, one for each class.

    Parameters
    ----------
    split : str
        ``"train"`` (three fifths), ``"validation"`` (a fifth), ``"test"`` (a fifth) or ``"all"``.
    size : int
        Points in all splits together, at least five for each class.
    classes : int
        The number of spirals.
    turns : float
        How often a spiral goes around the origin.
    noise : float
        Standard deviation of the angle, in radians.
    seed : int

    Returns
    -------
    TensorData
        Inputs of shape (N, 2), float32, in the unit circle; targets of shape (N,), int64; the classes ``"0"``,
        ``"1"`` and so on, in turn.

    Raises
    ------
    TypeError, ValueError
        If an argument is not of the kind or in the range described.

    Notes
    -----
    Source: computed, after the spirals of the course notes of CS231n (Stanford). No line separates the classes. The
    same arguments give the same points on every machine, to rounding.

    Examples
    --------
    >>> data = spirals()
    >>> data.inputs.shape, data.targets[:4]
    (torch.Size([540, 2]), tensor([0, 1, 2, 0]))
    >>> list(data.classes)
    ['0', '1', '2']
    """
    check_number("classes", classes, at_least=1)
    generator = _generator(split, size, classes, noise, seed)
    labels, along = _in_turn(size, classes, margin=0.5)
    angle = 2 * math.pi * (turns * along + labels / classes)
    angle += noise * torch.randn(size, generator=generator)
    inputs = along.unsqueeze(1) * torch.stack([angle.cos(), angle.sin()], dim=1)
    return _chosen(split, inputs, labels, classes, "computed: spirals")


def moons(split: str = "train", *, size: int = 500, noise: float = 0.1, seed: int = 0) -> TensorData:
    """Return points of the plane on two half circles that reach into each other.

    Parameters
    ----------
    split : str
        ``"train"`` (three fifths), ``"validation"`` (a fifth), ``"test"`` (a fifth) or ``"all"``.
    size : int
        Points in all splits together, at least five for each half circle.
    noise : float
        Standard deviation of both coordinates; the circles have radius 1.
    seed : int

    Returns
    -------
    TensorData
        Inputs of shape (N, 2), float32, without noise -1 to 2 and -0.5 to 1; targets of shape (N,), int64; the
        classes ``"0"``, the upper half circle, and ``"1"``, the lower, in turn.

    Raises
    ------
    TypeError, ValueError
        If an argument is not of the kind or in the range described.

    Notes
    -----
    Source: computed; without noise these are the points of ``sklearn.datasets.make_moons``, in another order. The
    same arguments give the same points on every machine, to rounding.

    Examples
    --------
    >>> data = moons()
    >>> data.inputs.shape, data.targets[:4]
    (torch.Size([300, 2]), tensor([0, 1, 0, 1]))
    >>> points = moons("all", noise=0).inputs
    >>> bool(((-1 <= points[:, 0]) & (points[:, 0] <= 2) & (-0.5 <= points[:, 1]) & (points[:, 1] <= 1)).all())
    True
    """
    generator = _generator(split, size, 2, noise, seed)
    labels, along = _in_turn(size, 2, margin=0)
    angle = math.pi * along
    upper = torch.stack([angle.cos(), angle.sin()], dim=1)
    lower = torch.tensor([1.0, 0.5]) - upper
    inputs = torch.where(labels.unsqueeze(1) == 0, upper, lower)
    inputs += noise * torch.randn(size, 2, generator=generator)
    return _chosen(split, inputs, labels, 2, "computed: moons")


def noisy_line(
    split: str = "train",
    *,
    size: int = 100,
    slope: float = 2.25,
    intercept: float = 1.25,
    noise: float = 0.5,
    seed: int = 0,
) -> TensorData:
    """Return points near a line, to fit one to: y = slope x + intercept + noise.

    Parameters
    ----------
    split : str
        ``"train"`` (three fifths), ``"validation"`` (a fifth), ``"test"`` (a fifth) or ``"all"``.
    size : int
        Points in all splits together, at least five.
    slope, intercept : float
        Of the line.
    noise : float
        Standard deviation of the normal noise on y; 0 gives the line itself.
    seed : int

    Returns
    -------
    TensorData
        Inputs x of shape (N, 1), float32, uniform from -2 to 2; targets y of shape (N, 1), float32. There are no
        classes.

    Raises
    ------
    TypeError, ValueError
        If an argument is not of the kind or in the range described.

    Notes
    -----
    Source: computed. The same arguments give the same points on every machine, to rounding.

    Examples
    --------
    >>> import torch
    >>> data = noisy_line(noise=0)
    >>> torch.equal(data.targets, 2.25 * data.inputs + 1.25), bool(((-2 <= data.inputs) & (data.inputs <= 2)).all())
    (True, True)
    """
    generator = _generator(split, size, 1, noise, seed)
    x = 4 * torch.rand(size, 1, generator=generator) - 2
    y = slope * x + intercept + noise * torch.randn(size, 1, generator=generator)
    chosen = split_positions(split, torch.zeros(size, dtype=torch.int64))
    return TensorData(x[chosen], y[chosen], source=f"computed: y = {slope:g} x + {intercept:g} + noise")


def _generator(split: str, size: int, classes: int, noise: float, seed: int) -> torch.Generator:
    """Check what all made-up sets take, and return the source of their random numbers."""
    check_split(split)
    check_number("size", size, at_least=ROUND * classes)
    check_number("seed", seed, at_least=0)
    if not noise >= 0:
        raise ValueError(f"noise is {noise}; expected a standard deviation, 0 or more.")
    return torch.Generator().manual_seed(seed)


def check_number(name: str, value: int, at_least: int) -> None:
    """Raise an error that names an argument which is no integer, or too small."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is {value!r}; expected an integer.")
    if value < at_least:
        reason = ", so that no split lacks a class" if name == "size" else ""
        raise ValueError(f"{name} is {value}; expected at least {at_least}{reason}.")


def _in_turn(size: int, classes: int, margin: float) -> tuple[Tensor, Tensor]:
    """Return the class of each point, in turn, and how far along its class it lies, evenly from 0 to 1.

    A margin of 0 puts the first point at 0 and the last at 1; 0.5 leaves half a step at both ends.
    """
    labels = torch.arange(size) % classes
    members = labels.bincount()[labels]
    return labels, (torch.arange(size) // classes + margin) / (members - 1 + 2 * margin)


def _chosen(split: str, inputs: Tensor, labels: Tensor, classes: int, source: str) -> TensorData:
    chosen = split_positions(split, labels)
    return TensorData(inputs[chosen], labels[chosen], classes=[str(label) for label in range(classes)], source=source)

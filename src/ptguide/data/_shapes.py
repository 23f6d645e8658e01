"""Pictures of circles, squares and triangles that are made up, with a box and a mask for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ptguide._optional import require
from ptguide.data._points import check_number
from ptguide.data._splits import ROUND, check_split, split_positions
from ptguide.data._tensor_data import Index, TensorData, as_index, summary

CLASSES = ("background", "circle", "square", "triangle")
LEAST_SIDE = 20  # pixels; below it, a triangle is hardly more than a dot
TRIES = 20  # places that are tried for an object before it is left out
Target = dict[str, Tensor]


class ShapesData(Dataset[tuple[Tensor, Target]]):
    """Pictures, each with a varying number of objects.

    An integer as index gives (image, target), a slice, a list or a tensor of positions a list of images and a list of
    targets, as torchvision's detection models take them. The tensors of one example are views of the data.

    As the number of objects varies, targets cannot be stacked: `batches` does not apply, and
    `torch.utils.data.DataLoader` needs ``collate_fn=collate_objects``. For semantic segmentation, `segmentation` gives
    a `TensorData`, to which `batches` applies.

    Parameters
    ----------
    images : Tensor, shape (N, 3, H, W)
    targets : sequence of dict
        For each image, of its M objects: ``"boxes"``, shape (M, 4), float32; ``"labels"``, shape (M,), int64;
        ``"masks"``, shape (M, H, W), uint8.
    tv_tensors : bool
        Whether an example consists of ``torchvision.tv_tensors``, so that the transforms of
        ``torchvision.transforms.v2`` change boxes and masks along with the image.

    Attributes
    ----------
    images, targets
        As given.
    classes : tuple of str
    source : str
    """

    classes = CLASSES
    source = "computed: shapes"

    def __init__(self, images: Tensor, targets: Sequence[Target], *, tv_tensors: bool = False) -> None:
        self.images = images
        self.targets = tuple(targets)
        self._tv_tensors = (
            require("torchvision.tv_tensors", "shapes with tv_tensors=True", extra="data") if tv_tensors else None
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Index) -> Any:
        """Return one example as (image, target), or two lists of them."""
        positions = torch.arange(len(self))[as_index(index)]
        if positions.dim():
            return collate_objects(self[position] for position in positions.tolist())
        image, target = self.images[positions], self.targets[positions]
        if self._tv_tensors is None:
            return image, dict(target)
        boxes = self._tv_tensors.BoundingBoxes(target["boxes"], format="XYXY", canvas_size=tuple(image.shape[1:]))
        return self._tv_tensors.Image(image), {
            "boxes": boxes,
            "labels": target["labels"],
            "masks": self._tv_tensors.Mask(target["masks"]),
        }

    def __repr__(self) -> str:
        objects = sum(len(target["labels"]) for target in self.targets)
        return (
            f"ShapesData of {len(self)} examples\n  images   {summary(self.images)}\n"
            f"  targets  {objects} objects: boxes (xyxy), labels, masks\n"
            f"  classes  {len(self.classes)}: {', '.join(self.classes)}\n  source   {self.source}"
        )

    def segmentation(self) -> TensorData:
        """Return the same images with the class of each pixel as target, shape (N, H, W), int64."""
        maps = torch.zeros(len(self), *self.images.shape[2:], dtype=torch.int64)
        for place, target in enumerate(self.targets):
            for mask, label in zip(target["masks"], target["labels"], strict=True):
                maps[place][mask.bool()] = label
        return TensorData(self.images, maps, classes=self.classes, source=self.source)


def collate_objects(examples: Iterable[tuple[Tensor, Target]]) -> tuple[list[Tensor], list[Target]]:
    """Join examples whose targets cannot be stacked: the ``collate_fn`` for `ShapesData`.

    Parameters
    ----------
    examples : iterable of (image, target)

    Returns
    -------
    images : list of Tensor, shape (3, H, W)
    targets : list of dict

    Examples
    --------
    >>> from torch.utils.data import DataLoader
    >>> loader = DataLoader(shapes(size=10), batch_size=2, collate_fn=collate_objects)
    >>> images, targets = next(iter(loader))
    >>> len(images), sorted(targets[1])
    (2, ['boxes', 'labels', 'masks'])
    """
    images, targets = [], []
    for image, target in examples:
        images.append(image)
        targets.append(target)
    return images, targets


def shapes(
    split: str = "train",
    *,
    size: int = 500,
    height: int = 64,
    width: int = 96,
    most: int = 3,
    seed: int = 0,
    tv_tensors: bool = False,
) -> ShapesData:
    """Return pictures of circles, squares and triangles, with a box, a label and a mask for each object.

    Parameters
    ----------
    split : str
        ``"train"`` (three fifths), ``"validation"`` (a fifth), ``"test"`` (a fifth) or ``"all"``.
    size : int
        Images in all splits together, at least five. Image i is the same whatever the size.
    height, width : int
        Of an image, in pixels, at least 20.
    most : int
        Objects in an image: 1 to ``most``.
    seed : int
    tv_tensors : bool
        Whether an example consists of ``torchvision.tv_tensors``, so that the transforms of
        ``torchvision.transforms.v2`` change boxes and masks along with the image. Needs torchvision.

    Returns
    -------
    ShapesData
        Images of shape (3, H, W), float32 from 0 to 1. A target holds for the M objects of an image

        - ``"boxes"``, shape (M, 4), float32: x and y of the upper left corner, then of the lower right, in pixels. The
          last column and row lie before x2 and y2, so x2 - x1 is the width;
        - ``"labels"``, shape (M,), int64: 1, 2 or 3, as the class 0 is the background;
        - ``"masks"``, shape (M, H, W), uint8: 1 where the object is seen, else 0.

        The classes are ``"background"``, ``"circle"``, ``"square"`` and ``"triangle"``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not of the kind or in the range described.
    ModuleNotFoundError
        If torchvision is needed and not installed.

    Notes
    -----
    Source: computed. Later objects cover earlier ones, but at least half of each is seen; box and mask are those of the
    part that is seen. (`torchvision.ops.masks_to_boxes` counts otherwise: its x2 and y2 are the last column and row.)
    Color and shape have nothing to do with each other. The same arguments give the same images on every machine, to
    rounding.

    Examples
    --------
    >>> data = shapes(size=10)
    >>> image, target = data[0]
    >>> image.shape, target["boxes"].shape[1], target["masks"].shape[1:]
    (torch.Size([3, 64, 96]), 4, torch.Size([64, 96]))
    """
    check_split(split)
    least = {"size": ROUND, "height": LEAST_SIDE, "width": LEAST_SIDE, "most": 1, "seed": 0}
    for (name, at_least), value in zip(least.items(), (size, height, width, most, seed), strict=True):
        check_number(name, value, at_least=at_least)
    # A seed for each image, so that none is drawn in vain for a split that it does not belong to.
    seeds = torch.randint(2**31, (size,), generator=torch.Generator().manual_seed(seed))
    chosen = seeds[split_positions(split, torch.zeros(size))]
    scenes = [_scene(torch.Generator().manual_seed(int(one)), height, width, most) for one in chosen]
    images, targets = collate_objects(scenes)
    return ShapesData(torch.stack(images), targets, tv_tensors=tv_tensors)


def _scene(generator: torch.Generator, height: int, width: int, most: int) -> tuple[Tensor, Target]:
    """Draw one image."""
    image = (0.3 * torch.rand(3, 1, 1, generator=generator)).repeat(1, height, width)
    masks: list[Tensor] = []  # the part of each object that is seen
    areas: list[int] = []  # of each object as a whole, in pixels
    labels: list[int] = []
    for _ in range(int(torch.randint(1, most + 1, (), generator=generator))):
        for _ in range(TRIES):
            label = int(torch.randint(1, len(CLASSES), (), generator=generator))
            mask = _mask(label, torch.rand(3, generator=generator), height, width)
            left = [other & ~mask for other in masks]
            if all(2 * int(part.sum()) >= area for part, area in zip(left, areas, strict=True)):
                masks, areas, labels = [*left, mask], [*areas, int(mask.sum())], [*labels, label]
                image[:, mask] = 0.4 + 0.6 * torch.rand(3, 1, generator=generator)
                break
    image += 0.1 * (torch.rand(image.shape, generator=generator) - 0.5)
    boxes = torch.tensor([_box(mask) for mask in masks])
    return image.clamp_(0, 1), {
        "boxes": boxes,
        "labels": torch.tensor(labels),
        "masks": torch.stack(masks).to(torch.uint8),
    }


def _mask(label: int, chance: Tensor, height: int, width: int) -> Tensor:
    """Return where an object is, shape (H, W), bool; the chance, shape (3,), decides on its size and place."""
    radius = min(height, width) * (0.12 + 0.12 * chance[0])
    x = torch.arange(width) + 0.5 - (radius + chance[1] * (width - 2 * radius))  # (W,), from the middle of the object
    y = torch.arange(height).unsqueeze(1) + 0.5 - (radius + chance[2] * (height - 2 * radius))  # (H, 1)
    if CLASSES[label] == "circle":
        return x**2 + y**2 <= radius**2
    if CLASSES[label] == "square":
        return (x.abs() <= radius) & (y.abs() <= radius)
    return (2 * x.abs() <= y + radius) & (y <= radius)


def _box(mask: Tensor) -> list[float]:
    """Return x1, y1, x2, y2 of the pixels that are set."""
    rows, columns = (mask.any(dim=axis).nonzero().flatten().tolist() for axis in (1, 0))
    return [float(columns[0]), float(rows[0]), columns[-1] + 1.0, rows[-1] + 1.0]

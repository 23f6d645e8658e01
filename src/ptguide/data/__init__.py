"""Small data sets that need no network, the same interface over torchvision's full ones, and batches by indexing.

Axes: N example, M object, B batch, C channel, H height, W width, F feature, T position.
"""

from ptguide.data._batches import Batches, batches
from ptguide.data._downloaded import cifar10, fashion_mnist, mnist
from ptguide.data._images import digits, photos
from ptguide.data._points import moons, noisy_line, spirals
from ptguide.data._shapes import ShapesData, collate_objects, shapes
from ptguide.data._tables import TableData, breast_cancer, iris, wine
from ptguide.data._tensor_data import TensorData
from ptguide.data._text import TextData, Vocabulary, text

__all__ = [
    "Batches",
    "ShapesData",
    "TableData",
    "TensorData",
    "TextData",
    "Vocabulary",
    "batches",
    "breast_cancer",
    "cifar10",
    "collate_objects",
    "digits",
    "fashion_mnist",
    "iris",
    "mnist",
    "moons",
    "noisy_line",
    "photos",
    "shapes",
    "spirals",
    "text",
    "wine",
]

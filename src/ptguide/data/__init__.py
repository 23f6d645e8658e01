"""Small data sets that need no network, in one interface, and batches of them by indexing.

Axes: N example, B batch, C channel, H height, W width, F feature, T position.
"""

from ptguide.data._batches import Batches, batches
from ptguide.data._images import digits
from ptguide.data._tensor_data import TensorData

__all__ = ["Batches", "TensorData", "batches", "digits"]

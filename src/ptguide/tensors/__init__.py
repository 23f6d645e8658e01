"""Look at a tensor: its values in one line, its place in memory, and which tensors share that memory."""

from ptguide.tensors._description import Description, describe
from ptguide.tensors._sharing import Sharing, shares_memory, storage_map, who_shares

__all__ = ["Description", "Sharing", "describe", "shares_memory", "storage_map", "who_shares"]

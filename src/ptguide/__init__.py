"""Helpers of the guide to PyTorch: see the shape, the memory and the reason."""

from importlib.metadata import version as _version

__all__ = ["__version__"]

__version__ = _version("ptguide")

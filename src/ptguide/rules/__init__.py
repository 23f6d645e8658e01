"""Explain a rule of torch on real shapes: what comes out, or why torch raises an error and what to change.

An explanation predicts. Where ``works`` is true, torch gives a result of exactly this shape; where it is false, torch
raises an error. What holds for the convolution and the pooling functions was compared on the CPU.
"""

from ptguide.rules._broadcast import explain_broadcast
from ptguide.rules._conv import explain_conv
from ptguide.rules._explanation import Explanation
from ptguide.rules._index import explain_index
from ptguide.rules._matmul import explain_matmul
from ptguide.rules._pool import explain_pool
from ptguide.rules._view import explain_view

__all__ = [
    "Explanation",
    "explain_broadcast",
    "explain_conv",
    "explain_index",
    "explain_matmul",
    "explain_pool",
    "explain_view",
]

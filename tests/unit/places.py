"""Where models are compared with others, device by device and dtype by dtype, and how close they must come."""

import torch

from ptguide.devices import pick_device

PLACES = [("cpu", torch.float64), ("cpu", torch.float32)]
PLACES += [(pick_device().type, torch.float32)] if pick_device().type != "cpu" else []


def close(actual, expected):
    """Require that tensors are equal within what their dtype can tell."""
    exact = torch.float64 in {tensor.dtype for tensor in (actual, expected)}
    torch.testing.assert_close(actual, expected, rtol=1e-9 if exact else 1e-4, atol=1e-10 if exact else 1e-5)

"""What the tests of the package share."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))  # for `places`


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Compute in one thread: several are slower for small tensors, and much slower on a machine that is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

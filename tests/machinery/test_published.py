"""A download asks for the packages that its page needs, and for nothing else."""

import pytest

from pipeline.gallery import published


@pytest.mark.parametrize(
    ("script", "packages"),
    [
        ("import torch", ["torch>=2.11"]),
        ("import os, ptguide", []),
        ("import torch\nx = torch.ones(2).numpy()", ["numpy", "torch>=2.11"]),
        ("import torch\ny = torch.from_numpy(x)", ["numpy", "torch>=2.11"]),
        ("import torch\n# x.numpy() is one of NumPy's arrays\nprint('x.numpy()')", ["torch>=2.11"]),
        ("def f():\n    from sklearn import svm", ["scikit-learn"]),
        ("open('squares.py', 'w').write(text)\nfrom squares import Squares", []),
        ("open('torch.py', 'w').write(text)\nimport torch", ["torch>=2.11"]),
        ("text = 'import matplotlib'\nscript = '''\nimport numpy\n'''", ["numpy"]),
        ("import treescope", ["treescope"]),
        ("from torch.utils.tensorboard import SummaryWriter", ["tensorboard", "torch>=2.11"]),
    ],
)
def test_packages_of(script, packages):
    assert published.packages_of(script) == packages

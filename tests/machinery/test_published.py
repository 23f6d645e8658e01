"""A download asks for the packages that its page needs, and for nothing else."""

import base64
import hashlib
import zipfile

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


def test_a_file_more_in_a_wheel_is_listed_with_its_hash(tmp_path):
    wheel, target = tmp_path / "a.whl", tmp_path / "b.whl"
    with zipfile.ZipFile(wheel, "w") as made:
        made.writestr("a/__init__.py", "x = 1")
        made.writestr("a-1.dist-info/RECORD", "a/__init__.py,sha256=x,5\na-1.dist-info/RECORD,,\n")
    published.add_file(wheel, target, "a/data.txt", b"words")
    with zipfile.ZipFile(target) as made:
        assert made.read("a/data.txt") == b"words"
        assert made.read("a/__init__.py") == b"x = 1"
        first, *others = made.read("a-1.dist-info/RECORD").decode().splitlines()
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"words").digest()).decode().rstrip("=")
    assert first == f"a/data.txt,sha256={digest},5"
    assert others == ["a/__init__.py,sha256=x,5", "a-1.dist-info/RECORD,,"]
    before = target.stat().st_mtime_ns
    published.add_file(wheel, target, "a/data.txt", b"words")
    assert target.stat().st_mtime_ns == before, "an equal one is not written again"
    published.add_file(wheel, target, "a/data.txt", b"others")
    with zipfile.ZipFile(target) as made:
        assert made.read("a/data.txt") == b"others"

"""Weights alone come back bit by bit, in both formats, and no code runs."""

import os
import re
import sys

import pytest
import torch
from torch import nn

from ptguide.training import _files as durable
from ptguide.training import load_weights, save_weights

SUFFIXES = [".pt", ".pth", ".safetensors"]


class Tied(nn.Module):
    def __init__(self, width=5):
        super().__init__()
        self.inner = nn.Linear(3, width)
        self.norm = nn.BatchNorm1d(width)
        self.outer = nn.Linear(width, width, bias=False)
        self.again = self.outer
        self.second = nn.Linear(width, width, bias=False)
        self.second.weight = self.outer.weight
        self.scale = nn.Parameter(torch.randn(2).bfloat16())


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_weights_come_back(tmp_path, suffix):
    model, twin = Tied(), Tied()
    save_weights(model, tmp_path / f"model{suffix}")
    load_weights(twin, str(tmp_path / f"model{suffix}"))
    assert twin.state_dict().keys() == model.state_dict().keys()
    for name, value in model.state_dict().items():
        assert twin.state_dict()[name].dtype == value.dtype
        assert torch.equal(twin.state_dict()[name], value), name
    assert twin.second.weight is twin.outer.weight
    assert [path.name for path in tmp_path.iterdir()] == [f"model{suffix}"]


def test_formats_are_those_of_their_names(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    model = nn.Linear(2, 3)
    for suffix in SUFFIXES:
        save_weights(model, tmp_path / f"model{suffix}")
    for found in (
        torch.load(tmp_path / "model.pt", weights_only=True),
        torch.load(tmp_path / "model.pth", weights_only=True),
        safetensors.load_file(tmp_path / "model.safetensors"),
    ):
        assert sorted(found) == ["bias", "weight"]
        assert torch.equal(found["weight"], model.weight)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_other_model_is_named(tmp_path, suffix):
    save_weights(nn.Linear(2, 3), tmp_path / f"model{suffix}")
    with pytest.raises(RuntimeError, match=r"(?s)size mismatch for weight: .*\[3, 2\].*\[4, 2\]"):
        load_weights(nn.Linear(2, 4), tmp_path / f"model{suffix}")
    with pytest.raises(RuntimeError, match=r"(?s)0\.weight.*1\.bias"):
        load_weights(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4)), tmp_path / f"model{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_failure_leaves_the_file_that_was_there(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"model{suffix}"
    save_weights(nn.Linear(2, 3), path)
    before = path.read_bytes()

    def fail(descriptor):
        raise OSError("disk")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=r"^disk$"):
        save_weights(nn.Linear(2, 3), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


def test_pickle_that_runs_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Evil()}, "model.pt")
    with pytest.raises(ValueError, match=r"^model\.pt holds more than tensors and plain values, and is not loaded"):
        load_weights(nn.Linear(2, 3), "model.pt")
    assert not os.path.exists("evil")


@pytest.mark.parametrize("act", [save_weights, load_weights])
def test_unknown_suffix_is_named(tmp_path, act):
    said = r"^path is 'model\.bin'; expected a file name that ends with \.pt, \.pth, \.safetensors\.$"
    with pytest.raises(ValueError, match=said):
        act(nn.Linear(2, 3), "model.bin")


@pytest.mark.parametrize("act", [save_weights, load_weights])
def test_missing_package_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch, act):
    save_weights(nn.Linear(2, 3), tmp_path / "model.safetensors")
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    said = re.escape(
        "A .safetensors file needs safetensors, which is not installed. "
        'Install it with: pip install "ptguide[training]"'
    )
    with pytest.raises(ImportError, match=f"^{said}$"):
        act(nn.Linear(2, 3), tmp_path / "model.safetensors")
    assert not list(tmp_path.glob(f"*{durable.UNFINISHED}"))


PAGE = b"<!DOCTYPE html><html>not found</html>"


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty; expected a file that {} wrote."),
        (
            PAGE,
            "begins with b'<!DOCTYPE html><html>not found</html>': a web page, it seems, that was loaded in its place; "
            "expected a file that {} wrote.",
        ),
    ],
)
def test_empty_file_or_web_page_is_named(tmp_path, suffix, content, said):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    writer = "safetensors" if suffix == ".safetensors" else "torch.save"
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path} {said.format(writer)}')}$"):
        load_weights(nn.Linear(2, 3), path)


def test_file_that_was_cut_off_is_named(tmp_path):
    path = tmp_path / "model.pt"
    save_weights(nn.Linear(2, 3), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"model\.pt is damaged, or was not written to its end\. torch says: "):
        load_weights(nn.Linear(2, 3), path)

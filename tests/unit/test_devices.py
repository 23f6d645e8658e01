"""The device is the one that was asked for, or an error that says what there is."""

import subprocess
import sys

import pytest
import torch

from ptguide import devices

ACCELERATOR = torch.accelerator.current_accelerator(check_available=True)


def test_default_is_the_accelerator_or_the_cpu(monkeypatch):
    monkeypatch.delenv("PTGUIDE_DEVICE", raising=False)
    assert devices.pick_device() == (ACCELERATOR or torch.device("cpu"))


def test_variable_decides(monkeypatch):
    monkeypatch.setenv("PTGUIDE_DEVICE", "cpu")
    assert devices.pick_device() == torch.device("cpu")


@pytest.mark.parametrize("wanted", ["gpu", "cuda:99", "xpu:7", "meta"])
def test_absent_device_is_an_error_that_lists_what_is_there(monkeypatch, wanted):
    monkeypatch.setenv("PTGUIDE_DEVICE", wanted)
    with pytest.raises(ValueError, match=rf"PTGUIDE_DEVICE is '{wanted}'; .* cpu"):
        devices.pick_device()


def test_named_accelerator_is_found(monkeypatch):
    kind = torch.device("cuda")
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: kind)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    for wanted in ("cuda", "cuda:1"):
        monkeypatch.setenv("PTGUIDE_DEVICE", wanted)
        assert devices.pick_device() == torch.device(wanted)
    monkeypatch.setenv("PTGUIDE_DEVICE", "cuda:2")
    with pytest.raises(ValueError, match="this machine has cpu, cuda, cuda:0, cuda:1"):
        devices.pick_device()


def test_environment_names_what_is_missing(monkeypatch):
    def absent(package):
        raise devices.PackageNotFoundError(package)

    monkeypatch.setattr(devices, "version", absent)
    assert devices.environment()["torchvision"] == "not installed"


def test_command_prints_the_environment():
    printed = subprocess.check_output([sys.executable, "-m", "ptguide"], text=True)
    names = [line.split()[0] for line in printed.splitlines()]
    assert names == ["ptguide", *devices.environment()]
    assert torch.__version__.partition("+")[0] in printed


def test_import_of_the_package_loads_nothing_heavy():
    code = "import sys, ptguide; print({'torch', 'torchvision', 'matplotlib', 'sklearn'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"

"""The device is the one that was asked for, times are honest, and a bug report holds what matters."""

import os
import platform
import subprocess
import sys
import time
import types

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


def pretend_accelerators(monkeypatch, count):
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: torch.device("cuda"))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: count)
    monkeypatch.delenv("PTGUIDE_DEVICE", raising=False)
    monkeypatch.delenv("LOCAL_RANK", raising=False)


def test_each_process_of_torchrun_gets_its_own_accelerator(monkeypatch):
    pretend_accelerators(monkeypatch, 2)
    assert devices.pick_device() == torch.device("cuda")
    for rank in ("0", "1"):
        monkeypatch.setenv("LOCAL_RANK", rank)
        assert devices.pick_device() == torch.device(f"cuda:{rank}")
    monkeypatch.setenv("PTGUIDE_DEVICE", "cpu")
    assert devices.pick_device() == torch.device("cpu")


def test_only_accelerator_that_a_process_sees_is_its_own(monkeypatch):
    pretend_accelerators(monkeypatch, 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert devices.pick_device() == torch.device("cuda")


def test_more_processes_than_accelerators_are_an_error(monkeypatch):
    pretend_accelerators(monkeypatch, 2)
    monkeypatch.setenv("LOCAL_RANK", "2")
    said = (
        r"^LOCAL_RANK is 2; this machine has cuda:0, cuda:1\. Start as many processes: torchrun --nproc-per-node=2\.$"
    )
    with pytest.raises(ValueError, match=said):
        devices.pick_device()


def test_device_names_are_those_of_the_maker(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"CUDA card {device.index}")
    monkeypatch.setattr(torch.xpu, "get_device_name", lambda device: f"XPU card {device.index}")
    assert devices.device_name(torch.device("cuda", 1)) == "CUDA card 1"
    assert devices.device_name(torch.device("xpu", 2)) == "XPU card 2"
    assert devices.device_name(torch.device("mps")) == "MPS"
    assert devices.device_name(torch.device("cpu")) == f"CPU ({platform.machine()})"


def test_environment_names_what_is_missing(monkeypatch):
    def absent(package):
        raise devices.PackageNotFoundError(package)

    monkeypatch.setattr(devices, "version", absent)
    assert devices.environment()["torchvision"] == "not installed"


def test_environment_says_what_a_result_depends_on(monkeypatch):
    for name in [name for name in os.environ if name in devices.TELLING]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PTGUIDE_DEVICE", "cpu")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    # What begins like a variable of torch is no reason to print it.
    for name in ("SECRET_TOKEN", "TORCH_HUB_TOKEN", "CUDA_SECRET", "PYTORCH_API_KEY", "OMP_PASSWORD"):
        monkeypatch.setenv(name, "hidden")
    found = devices.environment()
    fixed = "ptguide python system torch torchvision numpy CUDA ROCm driver CPU".split()
    numbered = [str(device) for device in devices._accelerators()]
    assert list(found) == [*fixed, *numbered, "picked", "threads", "OMP_NUM_THREADS", "PTGUIDE_DEVICE"]
    assert found["torch"] == torch.__version__
    assert found["system"] == platform.platform()
    assert found["CUDA"] == (torch.version.cuda or "not in this torch")
    assert found["CPU"] == f"CPU ({platform.machine()}), {os.cpu_count()} cores"
    assert found["picked"] == "cpu"
    assert found["threads"].startswith(f"{torch.get_num_threads()} within an operation, ")
    assert found["OMP_NUM_THREADS"] == "3"
    assert "hidden" not in found.values()


def test_environment_lists_every_accelerator_and_its_driver(monkeypatch):
    pretend_accelerators(monkeypatch, 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card {device.index}")
    monkeypatch.setattr("torch.utils.collect_env.get_nvidia_driver_version", lambda run: "580.1")
    found = devices.environment()
    assert (found["cuda:0"], found["cuda:1"], found["driver"]) == ("card 0", "card 1", "580.1")
    assert found["picked"] == "cuda"


def test_environment_reports_a_wrong_device_instead_of_failing(monkeypatch):
    monkeypatch.setenv("PTGUIDE_DEVICE", "gpu")
    assert devices.environment()["picked"].startswith("PTGUIDE_DEVICE is 'gpu'; this machine has cpu")


def test_command_prints_the_environment():
    printed = subprocess.check_output([sys.executable, "-m", "ptguide"], text=True).splitlines()
    names = [line.split()[0] for line in printed]
    assert names == list(devices.environment())
    column = max(map(len, names)) + 2
    assert all(line[column - 2 : column] == "  " and line[column] != " " for line in printed)
    assert printed[names.index("torch")].endswith(f"  {torch.__version__}")


def test_median_and_spread_are_those_of_the_middle_half():
    timing = devices.Timing((4.0, 1.0, 3.0, 2.0, 100.0), calls=5, where="here")
    assert timing.median == 3.0
    assert timing.spread == 4.0 - 2.0
    assert str(timing) == "median 3 s, spread 2 s (5 measurements, 5 calls; here)"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (1.0, "1 s"),
        (0.99951, "1e+03 ms"),
        (1e-3, "1 ms"),
        (2.5e-4, "250 µs"),
        (1e-6, "1 µs"),
        (9e-8, "90 ns"),
        (0, "0 ns"),
    ],
)
def test_times_are_written_with_their_unit(seconds, written):
    assert devices._with_unit(seconds) == written


@pytest.fixture
def work(monkeypatch):
    """Return a function that takes so many seconds by the clock of `measure`, whatever else the machine does."""
    now = [0.0]
    monkeypatch.setattr(devices, "time", types.SimpleNamespace(perf_counter=lambda: now[0]))

    def take(seconds):
        now[0] += seconds

    return take


def test_measured_time_is_that_of_one_call(work, monkeypatch):
    monkeypatch.setenv("PTGUIDE_DEVICE", "cpu")
    timing = devices.measure(lambda: work(0.01), warmup=0, repeats=5, min_seconds=0.001)
    assert timing.median == pytest.approx(0.01)
    assert len(timing.seconds) == 5
    assert timing.calls == 5
    assert timing.where.startswith(f"CPU ({platform.machine()}), {torch.get_num_threads()} CPU thread")


def test_quick_function_is_called_many_times_in_one_measurement(work):
    timing = devices.measure(lambda: work(1e-6), min_seconds=0.02)
    assert timing.calls >= 100 * len(timing.seconds)
    assert sum(timing.seconds) * timing.calls / len(timing.seconds) >= 0.02
    assert timing.median == pytest.approx(1e-6)


def test_first_calls_are_not_counted(work):
    calls = []

    def slow_at_first():
        calls.append(1)
        work(0.05 if len(calls) <= 3 else 0.001)

    timing = devices.measure(slow_at_first, warmup=3, repeats=5, min_seconds=0.005)
    assert max(timing.seconds) == pytest.approx(0.001)
    assert len(calls) >= timing.calls + 3


def test_clock_is_that_of_the_machine():
    timing = devices.measure(lambda: time.sleep(0.01), warmup=0, repeats=5, min_seconds=0.001)
    assert min(timing.seconds) >= 0.0099


@pytest.mark.parametrize("threads", [1, 2])
def test_function_runs_with_the_threads_that_torch_has(threads):
    before, seen = torch.get_num_threads(), set()
    torch.set_num_threads(threads)
    try:
        timing = devices.measure(lambda: seen.add(torch.get_num_threads()), min_seconds=0.001)
    finally:
        torch.set_num_threads(before)
    assert seen == {threads}
    assert timing.where.endswith(", 1 CPU thread" if threads == 1 else ", 2 CPU threads")


def test_device_may_be_named():
    timing = devices.measure(lambda: time.sleep(0.001), device="cpu", min_seconds=0.001)
    assert timing.where.startswith("CPU")
    with pytest.raises(RuntimeError, match="nowhere"):
        devices.measure(print, device="nowhere")


@pytest.mark.parametrize(("device", "waited_for"), [("cuda:1", "cuda:1"), ("cpu", None)])
def test_clock_waits_for_the_accelerator(monkeypatch, device, waited_for):
    waits = []
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda device: waits.append(device and str(device)))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "card")
    timing = devices.measure(lambda: time.sleep(0.002), device=torch.device(device), min_seconds=0.001)
    assert set(waits) == {waited_for}
    assert len(waits) >= 2 * len(timing.seconds)


def test_compiler_without_a_gpu_is_not_remarked_on():
    code = """
import logging
from ptguide.devices import measure
measure(lambda: 1, min_seconds=0.01)
assert not logging.getLogger("torch.utils.cpp_extension").disabled
"""
    without_gpu = os.environ | {"CUDA_HOME": "/compiler", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, "-c", code], env=without_gpu, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_bad_arguments_of_measure_are_named():
    with pytest.raises(TypeError, match=r"^function is a Tensor; pass a callable, such as lambda: left @ right\.$"):
        devices.measure(torch.ones(2))
    with pytest.raises(ValueError, match=r"^warmup is -1; expected 0 or more\.$"):
        devices.measure(print, warmup=-1)
    with pytest.raises(ValueError, match=r"^repeats is 4; expected 5 or more\.$"):
        devices.measure(print, repeats=4)
    with pytest.raises(ValueError, match=r"^min_seconds is 0; expected a number of seconds above 0\.$"):
        devices.measure(print, min_seconds=0)

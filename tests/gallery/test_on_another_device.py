"""Every page that trains or predicts on whatever device is there runs on one that is not the CPU.

The device is pretended, for machines without a GPU; on a real one `nox -s record` runs all pages.
"""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import notebook_runs
import pretended_device
import pytest

from pipeline.running import forks

SECONDS = 1500  # a busy machine takes ten times as long as an idle one
GALLERY = Path(__file__).parents[2] / "gallery"
ABOUT_THE_DEVICE = {  # they look at the hardware itself, or measure it
    "errors/expected_all_tensors_to_be_on_the_same_device",
    "errors/torch_not_compiled_with_cuda_enabled",
    "gpu/devices_and_moving_data",
    "gpu/pinned_memory",
    "gpu/timing_on_a_gpu",
    "gpu/why_not_everything_on_the_gpu",
    "tools/check_the_installation",
}
PICKS = {
    path.relative_to(GALLERY).with_suffix("").as_posix()
    for path in GALLERY.glob("*/*.py")
    if "pick_device" in path.read_text(encoding="utf-8")
}


def run_there(script: Path, folder: Path) -> dict[str, str]:
    """Run a script on the pretended device, in a process forked from one that has torch imported."""
    notebook_runs.start_server()
    found = forks.ask(pretended_device.run, (str(script), str(folder)), SECONDS)
    return found or {"failure": "its process died without a word"}


@pytest.fixture(scope="module")
def runs(request, tmp_path_factory):
    """Return by page the coming answer of each run that a test is chosen for: two at once, ahead of the tests."""
    name_of = "test_page_runs_on_another_device"
    chosen = [test for test in request.session.items if getattr(test, "originalname", "") == name_of]
    with ThreadPoolExecutor(2) as pool:
        names = [test.callspec.params["name"] for test in chosen]
        yield {
            name: pool.submit(run_there, GALLERY / f"{name}.py", tmp_path_factory.mktemp("device")) for name in names
        }
        pool.shutdown(cancel_futures=True)


def test_the_pages_about_the_device_are_there():
    assert ABOUT_THE_DEVICE < PICKS


@pytest.mark.parametrize("name", sorted(PICKS - ABOUT_THE_DEVICE))
def test_page_runs_on_another_device(name, runs):
    answer = runs[name].result()
    assert "failure" not in answer, answer["failure"][-4000:]
    assert int(re.search(r"(\d+) operations on the pretended device", answer["printed"])[1]) > 20, (
        "it stayed on the CPU"
    )


MISTAKES = {
    "mixed": ("torch.ones(3, device=device) + torch.ones(3)", "found at least two devices, lazy:0 and cpu"),
    "an image left behind": ("torch.nn.Linear(3, 2).to(device)(torch.ones(5, 3))", "found at least two devices"),
    "numpy": ("torch.ones(3, device=device).numpy()", "can't convert lazy:0 device type tensor to numpy"),
    "plotted": ("import numpy; numpy.asarray(torch.ones(3, device=device))", "can't convert lazy:0"),
    "generator": (
        "torch.ones(3, device=device).normal_(generator=torch.Generator())",
        "Expected a 'lazy' device type for generator but found 'cpu'",
    ),
}
WORKS = """
import copy, io
import torch
from ptguide.devices import pick_device
device = pick_device()
layer = torch.nn.Linear(3, 2)
weight = layer.weight
optimizer = torch.optim.Adam(layer.parameters())
layer.to(device)
assert layer.weight is weight and weight.device == torch.device(device.type, 0)
layer(torch.ones(5, 3).to(device)).sum().backward()
optimizer.step()
assert weight.grad.device == weight.device and weight.grad.cpu().tolist() == [[5.0] * 3] * 2
assert (weight * torch.tensor(2.0)).device == weight.device  # a single number may come from the CPU
assert torch.equal(weight[torch.tensor([1])].cpu(), weight.cpu()[1:])
assert copy.deepcopy(layer).weight.device == weight.device
tensor = torch.ones(3, device=device)
assert tensor.add_(1) is tensor and torch.add(tensor, 1, out=tensor) is tensor and tensor.tolist() == [3.0] * 3
largest, place = torch.max(tensor, dim=0)
assert largest.device == place.device == tensor.device and torch.cat([tensor, tensor]).device == tensor.device
file = io.BytesIO()
torch.save(layer.state_dict(), file)
for place, there in ((None, device.type), ("cpu", "cpu")):
    file.seek(0)
    loaded = torch.load(file, map_location=place)["weight"]
    assert loaded.device.type == there and torch.equal(loaded.cpu(), weight.detach().cpu())
"""


def test_the_device_does_what_a_gpu_does(tmp_path):
    """As a person runs it, in an interpreter of its own."""
    script = tmp_path / "works.py"
    script.write_text(WORKS)
    command = [sys.executable, "-W", "error", pretended_device.__file__, script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    assert "operations on the pretended device" in done.stdout


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_device_refuses_what_a_gpu_refuses(mistake, tmp_path):
    line, message = MISTAKES[mistake]
    script = tmp_path / "mistake.py"
    script.write_text(f"import torch\nfrom ptguide.devices import pick_device\n\ndevice = pick_device()\n{line}\n")
    assert message in run_there(script, tmp_path)["failure"]


@pytest.mark.parametrize("line", ["import warnings; warnings.warn('old', stacklevel=1)", "raise SystemExit(0)"])
def test_what_a_script_must_not_do_is_a_failure(line, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"print('before')\n{line}\n")
    answer = run_there(script, tmp_path)
    assert answer["failure"].startswith("before\n")
    assert "line 2" in answer["failure"]

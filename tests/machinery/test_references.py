"""Names link to the live inventories where there is a network, and to the small ones of the repository where not."""

import http.server
import socket
import threading
from functools import partial
from pathlib import Path

import pytest
import sphobjinv

DOCS = Path(__file__).parents[2] / "docs"


def write_inventory(path, address):
    inventory = sphobjinv.Inventory()
    inventory.project, inventory.version = "lib", "1"
    entry = {"domain": "py", "role": "function", "priority": "1", "dispname": "-"}
    inventory.objects.append(sphobjinv.DataObjStr(name="lib.f", uri=address, **entry))
    path.parent.mkdir(parents=True, exist_ok=True)
    sphobjinv.writebytes(str(path), sphobjinv.compress(inventory.data_file()))


@pytest.mark.parametrize("network", [True, False])
def test_live_inventory_is_taken_first(build_tiny, tmp_path, network):
    write_inventory(tmp_path / "source/small.inv", "small.html#lib.f")
    write_inventory(tmp_path / "served/objects.inv", "live.html#lib.f")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if network:
        handler = partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "served")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    mapping = {"lib": (f"http://127.0.0.1:{port}", (None, "small.inv"))}
    conf = {"extensions": ["sphinx.ext.intersphinx"], "intersphinx_mapping": mapping, "nitpicky": True}
    _, warnings = build_tiny(tmp_path, {"index.rst": "T\n=\n\n:func:`lib.f`\n"}, conf)
    if network:
        server.shutdown()
        server.server_close()
    html = (tmp_path / "html/index.html").read_text()
    assert f"http://127.0.0.1:{port}/{'live' if network else 'small'}.html#lib.f" in html
    assert warnings == ""


@pytest.mark.parametrize(
    ("project", "name", "address"),
    [
        ("torch", "torch.stack", "generated/torch.stack.html#torch.stack"),
        ("torch", "torch.Tensor", "tensors.html#torch.Tensor"),
        ("torch", "torch.Tensor.view", "generated/torch.Tensor.view.html#torch.Tensor.view"),
        ("torch", "torch.nn.Linear", "generated/torch.nn.Linear.html#torch.nn.Linear"),
        ("torchvision", "torchvision.models.resnet18", "models/generated/torchvision.models.resnet18.html#"),
        ("numpy", "numpy.asarray", "reference/generated/numpy.asarray.html#numpy.asarray"),
        ("torch", "torch.nn.init.kaiming_normal_", "nn.init.html#torch.nn.init.kaiming_normal_"),
        (
            "torch",
            "torch.autograd.graph.saved_tensors_hooks",
            "autograd.html#torch.autograd.graph.saved_tensors_hooks",
        ),
        ("torch", "torch.backends.cuda.is_built", "backends.html#torch.backends.cuda.is_built"),
        ("torch", "torch.utils.data.IterableDataset", "data.html#torch.utils.data.IterableDataset"),
        ("python", "venv", "library/venv.html#module-venv"),
        ("python", "ValueError", "library/exceptions.html#ValueError"),
    ],
)
def test_small_inventories_know_the_names_that_pages_use(project, name, address):
    inventory = sphobjinv.Inventory(DOCS / f"inventories/{project}.inv")
    found = [entry.uri_expanded for entry in inventory.objects if entry.name == name]
    assert len(found) == 1
    assert found[0].startswith(address)

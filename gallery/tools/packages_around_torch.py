"""
.. _packages-around-torch:

Which packages around PyTorch do I need?
========================================

An old tutorial imports ``torchtext``, the import fails, and you do not know what took its place. Much is inside of
torch today, some packages go on beside it, and a few are no longer made.
"""

# %%
# Set-up

import contextlib
import datetime
import importlib
import importlib.metadata
import io
import json
import pickle
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import safetensors.torch
import torch
import torchvision
from safetensors import safe_open
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torchmetrics.classification import MulticlassAccuracy

from ptguide.data import digits
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
# The last release of each package on PyPI, as it was in November 2026.
RELEASES = {
    "torch": ("2.15.0", "2026-10"),
    "torchvision": ("0.29.2", "2026-10"),
    "torchcodec": ("0.17.0", "2026-09"),
    "torchao": ("0.18.0", "2026-08"),
    "safetensors": ("0.8.0", "2026-06"),
    "torchaudio": ("2.11.0", "2026-03"),
    "torchmetrics": ("1.9.0", "2026-03"),
    "einops": ("0.8.2", "2026-01"),
    "torchdata": ("0.11.0", "2025-02"),
    "torchtext": ("0.18.0", "2024-04"),
}
months = {name: datetime.date.fromisoformat(f"{month}-15") for name, (_, month) in RELEASES.items()}
old = [name for name, month in months.items() if month < datetime.date(2026, 1, 1)]


def draw_releases():
    _, axis = plt.subplots(figsize=(5.8, 2.8), layout="constrained")
    for row, (name, month) in enumerate(months.items()):
        axis.plot(month, row, "o", color="C3" if name in old else "C0")
        axis.text(month, row, f"{RELEASES[name][0]}  ", ha="right", va="center", fontsize=8)
    axis.set_yticks(range(len(months)), list(months), fontsize=8)
    axis.invert_yaxis()
    axis.margins(x=0.12)
    years = range(2024, 2028)
    axis.set_xticks([datetime.date(year, 1, 1) for year in years], years)
    axis.set_xlabel("month of the last release on PyPI (read in November 2026)")
    plt.suptitle(f"{' and '.join(old)} are the two without a release in 2026", fontsize=11)
    plt.show()


# %%

draw_releases()

# %%
# Of the ten packages, two had no release in the year of this list. `torchtext's own page
# <https://docs.pytorch.org/text/stable/index.html>`__ says that its development is stopped. You need to know
# :ref:`check-the-installation`.
#
# .. longer: 6 screens — what is inside, what fits which torch, and three packages at work
#
# The rule
# --------
#
# First look into torch itself. What is below is one package, which ``pip install torch`` brings, so its parts fit
# each other. ``functorch`` has become ``torch.func``. What is not there belongs to a field, such as images, or to a
# purpose, such as a file format.

inside = {
    "torch.nn": "layers and losses",
    "torch.optim": "optimizers, schedules",
    "torch.utils.data": "data sets and loaders",
    "torch.amp": "mixed precision",
    "torch.func": "vmap, grad; was functorch",
    "torch.distributed": "several processes",
    "torch.export": "graphs to save",
    "torch.profiler": "where the time goes",
}
for name, purpose in inside.items():
    assert importlib.import_module(name).__file__.startswith(str(Path(torch.__file__).parent))
    print(f"{name:18} {purpose}")

# %%
# Which version fits which torch?
# -------------------------------
#
# Ask what a package requires, and whether it has compiled code that is linked with torch. The code of torchvision is
# linked. ``stable`` in its name means the part of torch's interface that newer versions keep, hence the ``>=``. An
# older torchvision was made for one torch, so let one command of pip choose both. ``torchmetrics`` is Python alone.
# ``safetensors`` has compiled code of its own.


def about(name):
    part = importlib.metadata.distribution(name)
    required = [
        one for one in part.requires or () if one.startswith("torch") and "extra" not in one
    ]
    libraries = [file.locate() for file in part.files or () if file.name.endswith((".so", ".pyd"))]
    linked = sorted(one.name for one in libraries if b"libtorch" in one.read_bytes())
    return required, len(libraries), linked


for name in ("torchvision", "torchmetrics", "safetensors"):
    required, libraries, linked = about(name)
    print(
        f"{name:13} requires {', '.join(required) or 'no torch'}; "
        f"{libraries} libraries, linked with torch: {', '.join(linked) or 'none'}"
    )

# %%
# Field by field
# --------------
#
# =======  ===================================  ========================================================
# Field    Take                                 What became of the others
# =======  ===================================  ========================================================
# images   torchvision: models, transforms.v2   its video decoding moves to torchcodec
# sound    torchaudio, torchcodec to read       torchaudio is in a maintenance phase, by its own page
# text     a tokenizer library, or Python       torchtext has ended with 0.18
# data     ``torch.utils.data``                 torchdata lost DataPipes; it keeps a loader that resumes
# metrics  torchmetrics, or by hand             it goes on
# weights  safetensors, or ``torch.save``       both go on
# numbers  torchao, for 8 bits and less         ``torch.ao.quantization`` is deprecated
# axes     einops, or ``reshape``, ``permute``  both go on
# =======  ===================================  ========================================================
#
# .. not looked up: 0.18 — the last version in the list of the first cell
#
# One line of this table can be checked here: torch itself warns of the old quantization. The version in the message has
# passed, and the old code still runs in this one.

with warnings.catch_warnings(record=True) as given:
    warnings.simplefilter("always")
    torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.ReLU()))
said = str(given[0].message)
print(f"{given[0].category.__name__}: {said.splitlines()[0]}")
assert "please migrate to use torchao" in said

# %%
# torchmetrics: a metric over many batches
# ----------------------------------------
#
# The mean of the accuracies of two batches is not the accuracy, if the batches differ in size. A metric object counts,
# and divides once at the end. Here ``"micro"`` counts images. The default, ``"macro"``, is the mean over the classes.
# By hand it is two sums: :ref:`averages-of-unequal-batches`.

labels = digits("test").targets[:10]
batches = [(labels[:8], labels[:8]), ((labels[8:] + 1) % 10, labels[8:])]  # right, and wrong
metric, means = MulticlassAccuracy(num_classes=10, average="micro"), []
for predicted, targets in batches:
    metric.update(predicted, targets)
    means.append((predicted == targets).float().mean())
print(
    f"torchmetrics: {metric.compute().item():.2f}, mean of the batches: {torch.stack(means).mean().item():.2f}"
)

# %%
# safetensors: weights that are data
# ---------------------------------------
#
# A file of ``torch.save`` has a pickle in it, which can hold calls of Python (``weights_only=True``, the default of
# ``torch.load``, limits them). A file of safetensors is a header in JSON and the bytes of the tensors, so a part of it
# can be read alone. It holds tensors by name. An optimizer's state does not fit without rewriting. Two names for one
# tensor (tied weights) are refused by ``save_file``, and ``save_model`` keeps one.

model = nn.Linear(5, 3)
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "linear.safetensors")
    safetensors.torch.save_file(model.state_dict(), path)
    with safe_open(path, framework="pt") as file:
        first_rows = file.get_slice("weight")[:2]
    content = path.read_bytes()
size = int.from_bytes(content[:8], "little")
header = json.loads(content[8 : 8 + size])
print(header["weight"])
assert torch.equal(first_rows, model.weight[:2])

# %%
# .. use-this::
#
#    Begin with torch, and torchvision if you have images, installed by one command. Add ``safetensors`` for weights
#    that you give to others, and ``torchmetrics`` when a metric is more than two sums. Take other packages when you
#    miss something. Look at the date of the last release first. Each package is one more version that has to fit.
#
# A common mistake
# ----------------
#
# **To install torchtext for an old tutorial.** It was made for torch 2.3, and its libraries were compiled for that
# version. What the tutorial takes from it is a few lines of Python: a vocabulary, numbers for words, and padding.

with expect_error(ModuleNotFoundError, match="torchtext"):
    importlib.import_module("torchtext.vocab")
sentences = ["the cat sat".split(), "the dog saw the cat".split()]
counts = Counter(word for sentence in sentences for word in sentence)
numbers = {word: number for number, word in enumerate(["<pad>", "<unk>", *sorted(counts)])}
encoded = [torch.tensor([numbers.get(word, 1) for word in sentence]) for sentence in sentences]
print(pad_sequence(encoded, batch_first=True))

# %%
# How this was checked

assert old == ["torchdata", "torchtext"]
for name, (_, month) in RELEASES.items():
    assert (month < "2026") == (name in old)
# What is installed here is not newer than the list, and the installed pair fits.
for name in ("torchvision", "torchmetrics", "safetensors"):
    newest = tuple(map(int, RELEASES[name][0].split(".")))
    assert tuple(map(int, importlib.metadata.version(name).partition("+")[0].split("."))) <= newest
required, libraries, linked = about("torchvision")
assert len(linked) == libraries >= 1
if ">=" in required[0]:
    assert all("stable" in name for name in linked)
assert about("torchmetrics")[1:] == (0, [])
assert about("safetensors")[0] == about("safetensors")[2] == []
assert tuple(map(int, torch.__version__.split(".")[:2])) > (2, 10)  # the version in the warning
assert "removed in 2.10" in said
boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10]])
assert torchvision.ops.nms(boxes, torch.tensor([0.9, 0.8]), 0.5).tolist() == [0]
# functorch says itself where its functions are now, and torchvision where its video decoding goes.
with expect_warning(FutureWarning, match="integrated functorch into PyTorch"):
    importlib.import_module("functorch").vmap(torch.sum)
assert torch.func.vmap is torch.vmap
notice = Path(torchvision.__file__).parent / "io" / "_video_deprecation_warning.py"
assert "We recommend that you migrate to TorchCodec" in notice.read_text(encoding="utf-8")
assert hasattr(torch.utils.data, "DataLoader")
assert metric.compute().item() == torch.tensor(0.8).item()
assert torch.stack(means).mean().item() == 0.5
# micro counts images, and macro, the default, is the mean over the classes.
for average, expected in (({"average": "micro"}, 3 / 4), ({}, (3 / 3 + 0 / 1) / 2)):
    one_wrong = MulticlassAccuracy(num_classes=2, **average)
    one_wrong.update(torch.tensor([0, 0, 0, 0]), torch.tensor([0, 0, 0, 1]))
    assert one_wrong.compute().item() == expected
# Tied weights: save_file refuses them, and save_model keeps one name.
tied = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
tied[1].weight = tied[0].weight
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "tied.safetensors")
    with (
        contextlib.redirect_stdout(io.StringIO()),  # it prints a set
        expect_error(RuntimeError, match="Some tensors share memory"),
    ):
        safetensors.torch.save_file(tied.state_dict(), path)
    safetensors.torch.save_model(tied, path)
    assert sorted(safetensors.torch.load(path.read_bytes())) == ["0.bias", "0.weight", "1.bias"]
# torch.load refuses a call of Python if nothing is said.
with tempfile.TemporaryDirectory() as folder:
    torch.save(datetime.date(2026, 1, 1), Path(folder, "date.pt"))
    with expect_error(pickle.UnpicklingError, match="Weights only load failed"):
        torch.load(Path(folder, "date.pt"))
right = sum((predicted == targets).sum() for predicted, targets in batches)
assert right / sum(len(targets) for _, targets in batches) == metric.compute()
loaded = safetensors.torch.load(content)
assert all(torch.equal(loaded[name], weight) for name, weight in model.state_dict().items())
with expect_error(ValueError, match="expected torch.Tensor"):
    safetensors.torch.save({"step": 3})
assert torch.equal(pad_sequence(encoded, batch_first=True)[0, 3:], torch.zeros(2, dtype=torch.long))

# %%
# Check yourself
# --------------

again = MulticlassAccuracy(num_classes=2, average="micro")
for size, prediction in ((8, 1), (2, 0)):
    again.update(torch.full((size,), prediction), torch.ones(size, dtype=torch.long))
ask(
    "Batch one has 8 images, and the labels are right. Batch two has 2 images, and they are wrong. What does a metric "
    "object give?",
    answer=round(again.compute().item(), 2),
    choices={
        0.5: "That is the mean of the two accuracies. The batches have different sizes.",
        0.8: "It counts the right ones, and divides once at the end.",
        1.0: "Then the second batch would not count.",
    },
)

# %%
# The next question is about files.

ask(
    "A file of safetensors begins with 8 bytes, which say how long the header is. What is the header?",
    answer="JSON" if header["weight"]["dtype"] == "F32" else "a pickle",
    choices={
        "JSON": "It names each tensor, its dtype, its shape, and where its bytes are.",
        "a pickle": "That is in a file of torch.save.",
    },
)

# %%
# **Exercise.** Read a tensor out of a file of safetensors by hand. ``content`` holds the bytes of the file as a
# tensor of ``uint8``, and the tensor that is asked for has numbers of four bytes. ``data_offsets`` counts from the
# end of the header.


def read(content, name):
    raise NotImplementedError


def by_library(content, name):
    return safetensors.torch.load(bytes(content.tolist()))[name]


def as_bytes(tensors):
    return torch.tensor(list(safetensors.torch.save(tensors)), dtype=torch.uint8)


file = as_bytes({"weight": torch.rand(2, 3), "bias": torch.rand(4)})
cases = [(as_bytes({"a": torch.ones(1)}), "a"), (file, "weight"), (file, "bias")]
check(read, by_library, cases)

# %%
# The bytes are cut out, copied to a place of their own, and read as numbers.

# Solution


def read(content, name):
    size = int.from_bytes(bytes(content[:8].tolist()), "little")
    header = json.loads(bytes(content[8 : 8 + size].tolist()))
    begin, end = header[name]["data_offsets"]
    values = content[8 + size + begin : 8 + size + end].clone()
    return values.view(torch.float32).reshape(header[name]["shape"])


report = check(read, by_library, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`why-gpus-and-the-stack` is the first page of the chapter on GPUs.
#
# - PyTorch contributors (2024). `torchtext <https://docs.pytorch.org/text/stable/index.html>`__. The notice that its
#   development is stopped.
# - PyTorch contributors (2025). `TorchAudio: a maintenance phase <https://github.com/pytorch/audio/issues/3902>`__.
#   What was removed, and what moved to torchcodec.
# - PyTorch contributors (2023). `Future of torchdata <https://github.com/meta-pytorch/data/issues/1196>`__. Why the
#   DataPipes were given up.

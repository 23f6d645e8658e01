"""
.. _using-tensorboard:

How do I watch training in TensorBoard?
=======================================

A training of hours tells you at its end that the learning rate was wrong from the first minute. TensorBoard shows the
curves while it runs: your loop writes numbers into a folder, and a small web server draws what it finds there.
"""

# %%
# Set-up

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn

from ptguide.data import digits
from ptguide.exercises import check
from ptguide.questions import ask

try:
    from tensorboard_data_server import server_binary
    from torch.utils.tensorboard import SummaryWriter
except ModuleNotFoundError as error:
    needed = "This page needs TensorBoard; get it with: python -m pip install tensorboard"
    raise ModuleNotFoundError(needed) from error

torch.manual_seed(0)
images, labels = digits("train")[:]  # (N, 1, 8, 8), from 0 to 1
holder = tempfile.TemporaryDirectory()
log = Path(holder.name)  # on your machine: Path("runs")


def network(lr):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10))
    return model, torch.optim.SGD(model.parameters(), lr)


@contextlib.contextmanager
def tensorboard(log, reader="slow"):
    """Serve a log on this machine alone; yield the server's process and its address."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", log, "--host", "127.0.0.1"]
    command += ["--port", "0"]  # any that is free
    command += ["--load_fast", "true" if reader == "fast" else "false"]
    command += ["--reload_interval", "0", "--reload_task", "blocking"]  # load the log once
    here = {**os.environ, "no_proxy": "localhost,127.0.0.1"}  # its two processes talk directly
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=here) as server:
        try:
            said = []
            for line in server.stderr:
                said.append(line)
                if address := re.search(r"http://127\S+", line):
                    yield server, address[0]
                    return
            raise RuntimeError(f"TensorBoard did not start:\n{''.join(said)}")
        finally:
            server.terminate()
            server.wait()


opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # this machine needs no proxy


def get(address, question):
    with opener.open(f"{address}data/{question}", timeout=60) as answer:
        is_json = answer.headers.get_content_type() == "application/json"
        return json.load(answer) if is_json else answer.read()


# %%


def train(run, lr):
    model, optimizer = network(lr)
    with SummaryWriter(log / run) as writer:
        for step in range(25):
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            writer.add_scalar("loss/train", loss, step)
    return model, loss.item()


(_, slow), (model, fast) = train("slow", lr=0.1), train("fast", lr=0.5)
print(f"loss after 25 steps: slow {slow:.2f}, fast {fast:.2f}")

# %%
# A small network was trained twice on digits, with two learning rates. This is the log of both in TensorBoard. The
# strong lines are smoothed, and the pale lines are what was written. You need to know :ref:`the-training-loop`.
#
# .. image:: /_static/tensorboard-light.webp
#    :class: only-light
#    :alt: TensorBoard, the tab Time Series: the loss of the runs slow and fast as two curves in one chart.
#
# .. image:: /_static/tensorboard-dark.webp
#    :class: only-dark
#    :alt: TensorBoard, the tab Time Series: the loss of the runs slow and fast as two curves in one chart.
#
# The rule
# --------
#
# The folder is the curve, the tag is the chart, and the step is the place on the x axis: ``SummaryWriter(folder)`` and
# ``add_scalar(tag, number, step)``. ``with`` closes the file at the end, also after an error.
#
# A *run* is one training, and gets a folder of its own. Images and :term:`histograms <histogram>` go the same way.
# ``add_image`` takes (channel, row, column), bytes or floats from :val:`0 <images.min().item()>` to
# :val:`1 <images.max().item()>`. Look at what your network is fed: a label that does not belong, a normalization that
# was forgotten.

with SummaryWriter(log / "data") as writer:
    for place in range(3):
        writer.add_image("sample/digit", images[place], place)
    writer.add_histogram("weights/first", model[1].weight, 25)
print("runs:", sorted(path.name for path in log.iterdir()))
assert fast < slow

# %%
# Look at it
# ----------
#
# In a terminal, ``tensorboard --logdir runs`` prints an address to open. To see the curves grow, press the page's
# reload button, or choose *Reload data* in its settings. In a notebook, ``%load_ext tensorboard`` and ``%tensorboard
# --logdir runs`` show the same below the cell. Here Python asks the server for the points that it draws.

with tensorboard(log) as (server, address):
    curve = get(address, "plugin/scalars/scalars?run=slow&tag=loss/train")
print("step and loss of the last point:", curve[-1][1:])
assert [step for _, step, _ in curve] == list(range(25))

# %%
# .. use-this::
#
#    Give each training a folder, with its settings in the name (``runs/fast``), and use the same tags: then TensorBoard
#    draws the runs into one chart. Write the loss every ten to a hundred steps, and validation figures once an epoch. A
#    loss on a GPU has to be fetched, and Python waits for it. Write histograms seldom: here one takes the place of more
#    than 100 numbers.
#
# A common mistake
# ----------------
#
# **Two trainings in one folder.** They become one curve, and nothing says so. TensorBoard has two ways to read a log.
# The slow one shows a line that jumps back to step 0. The fast one drops the points of the first training; where it is
# installed, it is the default. Give each training a folder. :ref:`tensorboard-mistakes` shows others.

for _ in range(2):
    with SummaryWriter(log / "twice") as writer:
        for step in range(3):
            writer.add_scalar("loss/train", 1.0, step)
for reader, shown in {"slow": [0, 1, 2, 0, 1, 2], "fast": [0, 1, 2]}.items():
    if reader == "slow" or server_binary():
        with tensorboard(log, reader) as (server, address):
            points = get(address, "plugin/scalars/scalars?run=twice&tag=loss/train")
        print(f"{reader} reader, steps:", [step for _, step, _ in points])
        assert [step for _, step, _ in points] == shown

# %%
# How this was checked

# The graph is written by torch.jit.trace, which PyTorch gives up: it warns, and the graph is right all the same.
with SummaryWriter(log / "model") as writer, warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    writer.add_graph(model, images[:2])
says = "is not supported in Python 3.14+" if sys.version_info >= (3, 14) else "is deprecated"
assert caught
assert all(says in str(warning.message) for warning in caught)
pngs = []
with tensorboard(log) as (server, address):
    runs = get(address, "runs")
    curves = {
        run: get(address, f"plugin/scalars/scalars?run={run}&tag=loss/train")
        for run in ("slow", "fast")
    }
    bins = get(address, "plugin/histograms/histograms?run=data&tag=weights/first")
    for one in get(address, "plugin/images/images?run=data&tag=sample/digit&sample=0"):
        pngs.append(get(address, f"plugin/images/individualImage?{one['query']}"))
    graph = get(address, "plugin/graphs/graph?run=model&conceptual=false")
    try:
        get(address, "plugin/scalars/scalars?run=slow&tag=accuracy")  # a tag that nobody wrote
        status = 200
    except urllib.error.HTTPError as error:
        status = error.code
        error.close()
assert status == 404
assert sorted(runs) == ["data", "fast", "model", "slow", "twice"]
for run, loss in {"slow": slow, "fast": fast}.items():  # kept as float32
    assert abs(curves[run][-1][2] - loss) < 1e-6
# A histogram is a row of bins: left end, right end, and how many weights.
last = torch.tensor(bins[-1][2], dtype=torch.float64)
weight = model[1].weight.detach()
assert len(bins) == 1
assert last[:, 2].sum() == weight.numel() == 20 * 64
assert abs(last[0, 0] - weight.min()) < 0.1 * abs(weight.min())
# Images are PNG files: what came from 0 to 1 comes back as it was, up to one step of a byte.
assert len(pngs) == 3
for png, image in zip(pngs, images, strict=False):
    shown = torch.tensor(plt.imread(io.BytesIO(png), format="png"))[..., :1].permute(2, 0, 1)
    torch.testing.assert_close(shown, image, atol=1 / 255, rtol=0)
# The graph has one node for each operation and each parameter, under the name of its layer.
names = re.findall(r'^  name: "(.*)"$', graph.decode(), re.MULTILINE)
layers = sorted({name.split("/")[1] for name in names if name.startswith("Sequential/")})
assert layers == ["Flatten[0]", "Linear[1]", "Linear[3]", "ReLU[2]"]
# A histogram takes the place of more than 100 numbers.
sizes = {}
for run in ("scalars", "histograms"):
    with SummaryWriter(log / run) as writer:
        for step in range(25):
            writer.add_scalar("loss/train", 1.0, step)
            if run == "histograms":
                writer.add_histogram("weights/first", weight, step)
    sizes[run] = sum(file.stat().st_size for file in (log / run).iterdir())
assert sizes["histograms"] > 100 * sizes["scalars"]

# %%
# Check yourself
# --------------

ask(
    "Two runs are to be drawn as two curves in one chart. What do they need?",
    answer="two folders, one tag" if set(runs) >= {"slow", "fast"} else "one folder, two tags",
    choices={
        "one folder, one tag": "That is one curve, which jumps back to the first step.",
        "one folder, two tags": "Each tag has a chart of its own.",
        "two folders, one tag": "The tag is the chart, and the folder is the curve.",
    },
)

# %%
# What a log keeps:

holder.cleanup()
ask(
    f"add_histogram gets {weight.numel()} weights at each of many steps. What does the log keep of them at each step?",
    answer="counts in bins" if len(bins[-1][2]) < weight.numel() else "the weights themselves",
    choices={
        "the weights themselves": "The files would be large, and a histogram needs counts alone.",
        "counts in bins": "It keeps how many weights are in each of some dozens of intervals.",
        "mean and variance": "The shape of the histogram would be lost.",
    },
)

# %%
# **Exercise.** Curves of single batches jump, so they are drawn smoothed. Return the exponential moving average of a
# vector of values: begin with the first value. Each next average is ``weight`` times the one before, plus ``1 -
# weight`` times the value.


def by_formula(values, weight):
    n = len(values)
    powers = weight ** torch.arange(n, dtype=values.dtype)
    return torch.stack(
        [
            powers[i] * values[0] + (1 - weight) * (powers[:i].flip(0) * values[1 : i + 1]).sum()
            for i in range(n)
        ]
    )


cases = [
    (torch.tensor([4.0, 0.0, 0.0], dtype=torch.float64), 0.5),
    (torch.tensor([2.0], dtype=torch.float64), 0.9),
    (torch.rand(30, dtype=torch.float64), 0.6),
]


def smooth(values, weight):
    raise NotImplementedError


check(smooth, by_formula, cases)

# %%
# A loop does what the text says, one value after the other.

# Solution


def smooth(values, weight):
    averages = [values[0]]
    for value in values[1:]:
        averages.append(weight * averages[-1] + (1 - weight) * value)
    return torch.stack(averages)


report = check(smooth, by_formula, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`tensorboard-mistakes` shows more mistakes, and how to read the log in Python.
#
# - PyTorch contributors (2026). `torch.utils.tensorboard <https://docs.pytorch.org/docs/stable/tensorboard.html>`__.
#   What else can be written.
# - TensorFlow contributors (2026). `TensorBoard <https://github.com/tensorflow/tensorboard/blob/master/README.md>`__.
#   What each tab shows, and how to have the page reload its data.

"""
.. _using-tensorboard:

How do I watch training in TensorBoard?
=======================================

A training of hours tells you at its end that the learning rate was wrong from the first minute. TensorBoard shows the
curves while it runs: your loop writes numbers, :term:`histograms <histogram>` and images into a folder, and a small web
server draws what it finds there.

.. image:: /_static/tensorboard-light.webp
   :class: only-light
   :alt: TensorBoard, the tab Time Series: the loss of the runs slow and fast, and histograms of their weights.

.. image:: /_static/tensorboard-dark.webp
   :class: only-dark
   :alt: TensorBoard, the tab Time Series: the loss of the runs slow and fast, and histograms of their weights.
"""

# %%
# Set-up

import contextlib
import io
import json
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
    from torch.utils.tensorboard import SummaryWriter
except ModuleNotFoundError as error:
    needed = "This page needs TensorBoard; get it with: python -m pip install tensorboard"
    raise ModuleNotFoundError(needed) from error

torch.manual_seed(0)
images, labels = digits("train")[:]  # (N, 1, 8, 8), from 0 to 1
holder = tempfile.TemporaryDirectory()
log = Path(holder.name)  # on your machine: Path("runs")

# %%


def train(run, lr, steps=25):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr)
    losses = []
    with SummaryWriter(log / run) as writer:
        for step in range(steps):
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            writer.add_scalar("loss/train", loss, step)
            writer.add_histogram("params/first", model[1].weight, step)
    return model, losses


model, slow = train("slow", lr=0.1)
model, fast = train("fast", lr=0.5)
print(f"loss after 25 steps: slow {slow[-1]:.2f}, fast {fast[-1]:.2f}")
assert fast[-1] < slow[-1] < slow[0]

# %%
# The picture is the log of this page, as TensorBoard shows it. In the chart of the loss, the strong line is smoothed,
# and the pale one is what was written. You need to know :ref:`the-training-loop`.
#
# Two lines in your loop
# ----------------------
#
# A *run* is one training, and gets a folder of its own. ``add_scalar`` takes a tag, which names the chart, a number,
# and the step, which is its place on the x axis. ``with`` closes the file at the end, also after an error.
#
# Images and the graph
# --------------------
#
# ``add_image`` takes (channel, row, column), floats from 0 to 1 or bytes. Look at what your network is fed: a label
# that does not belong, a normalization that was forgotten. ``add_graph`` follows one call of the model with an example.
# It does so by ``torch.jit.trace``, which PyTorch is giving up, so it warns. Here the graph is right all the same.

with SummaryWriter(log / "data") as writer:
    for place in range(3):
        writer.add_image("sample/digit", images[place], place)
with SummaryWriter(log / "model") as writer, warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    writer.add_graph(model, images[:2])
says = "is not supported in Python 3.14+" if sys.version_info >= (3, 14) else "is deprecated"
assert caught
assert all(says in str(warning.message) for warning in caught)
print(sorted(path.name for path in log.iterdir()))

# %%
# Look at it
# ----------
#
# In a terminal, ``tensorboard --logdir runs`` prints an address to open. It looks into the folder again every few
# seconds, so the curves grow while you train. In a notebook, ``%load_ext tensorboard`` and ``%tensorboard --logdir
# runs`` show the same below the cell.
#
# What the browser draws it gets from the server as JSON. The page starts the server and asks for one curve.


@contextlib.contextmanager
def tensorboard(log):
    """Serve a log on this machine alone; yield the server's process and its address."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", log, "--host", "127.0.0.1"]
    command += ["--port", "0", "--load_fast", "false"]  # port 0: any that is free
    command += ["--reload_interval", "0", "--reload_task", "blocking"]  # load the log once
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            said = []
            for line in server.stderr:
                said.append(line)
                if address := re.search(r"http://\S+", line):
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


with tensorboard(log) as (server, address):
    curve = get(address, "plugin/scalars/scalars?run=slow&tag=loss/train")
print("[seconds, step, loss] of the last point, but for its time:", curve[-1][1:])
assert [step for _, step, _ in curve] == list(range(25))

# %%
# .. use-this::
#
#    One folder for each training, with its settings in the name (``runs/fast``), and the same tags in all of
#    them: then TensorBoard draws the runs into one chart. Write the loss every ten to a hundred steps
#    (``loss`` itself waits for the GPU, because the number has to be fetched), and validation figures once an epoch.
#    Write histograms seldom: they are the largest part of the log.
#
# A common mistake
# ----------------
#
# **Two trainings in one folder.** The second begins again at step 0, in the same curve. No error says so, and the line
# jumps back. :ref:`tensorboard-mistakes` shows this one and others.

for _ in range(2):
    with SummaryWriter(log / "twice") as writer:
        for step in range(3):
            writer.add_scalar("loss/train", 1.0, step)
with tensorboard(log) as (server, address):
    steps = [step for _, step, _ in get(address, "plugin/scalars/scalars?run=twice&tag=loss/train")]
print("steps of the one curve:", steps)
assert steps == [0, 1, 2, 0, 1, 2]

# %%
# How this was checked

pngs = []
with tensorboard(log) as (server, address):
    runs = get(address, "runs")
    curves = {
        run: get(address, f"plugin/scalars/scalars?run={run}&tag=loss/train")
        for run in ("slow", "fast")
    }
    bins = get(address, "plugin/histograms/histograms?run=fast&tag=params/first")
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
for run, losses in {"slow": slow, "fast": fast}.items():  # kept as float32
    torch.testing.assert_close(
        torch.tensor([value for _, _, value in curves[run]]), torch.tensor(losses)
    )
# A histogram is a row of bins for each step: left end, right end, and how many weights.
last = torch.tensor(bins[-1][2], dtype=torch.float64)
weight = model[1].weight.detach()
assert len(bins) == 25
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
# Histograms are the largest part: the log of one run without them is smaller by half or more.
with SummaryWriter(log / "numbers alone") as writer:
    for step in range(25):
        writer.add_scalar("loss/train", 1.0, step)
sizes = {
    run: sum(f.stat().st_size for f in (log / run).iterdir()) for run in ("fast", "numbers alone")
}
assert sizes["numbers alone"] < sizes["fast"] / 2

# %%
# Check yourself
# --------------

ask(
    "Two runs are to be drawn as two curves in one chart. What do they need?",
    answer="two folders, one tag" if set(runs) >= {"slow", "fast"} else "one folder, two tags",
    choices={
        "one folder, one tag": "That is one curve, which jumps back to the first step.",
        "one folder, two tags": "Each tag has a chart of its own.",
        "two folders, one tag": "The tag is the chart, the folder the curve.",
    },
)

# %%
# What a log keeps:

holder.cleanup()
ask(
    f"add_histogram gets {weight.numel()} weights at each of many steps. What does the log keep of them at each step?",
    answer="counts in bins" if len(bins[-1][2]) < weight.numel() else "the weights themselves",
    choices={
        "the weights themselves": "They could not be drawn as a ridge, and the files would be large.",
        "counts in bins": "How many weights are in each of some dozens of intervals.",
        "mean and variance": "The shape of the ridge would be lost.",
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
# A loop is the text, word for word.

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
# :ref:`tensorboard-mistakes`, and reading the log in Python.
#
# - PyTorch contributors (2026). `torch.utils.tensorboard <https://docs.pytorch.org/docs/stable/tensorboard.html>`__.
#   What else can be written.
# - TensorFlow (2024). `Get started with TensorBoard <https://www.tensorflow.org/tensorboard/get_started>`__. A walk
#   through the tabs.

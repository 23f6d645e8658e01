"""
.. _using-tensorboard:

How do I watch training in TensorBoard?
=======================================

Training writes numbers, :term:`histograms <histogram>` and images into a *log*, a folder of files; TensorBoard is a
small web server that reads the folder and draws it. This page writes a log of two runs, starts the server, and asks it
over HTTP for what it shows, so that each curve is compared with what was written. You need to know
:ref:`the-training-loop`.
"""

# %%
# This is the log of this page as TensorBoard shows it; the foot says when the picture was taken, with which versions.
#
# .. image:: /_static/tensorboard-light.webp
#    :class: only-light
#    :alt: TensorBoard, the tab Time Series: the loss of the runs slow and fast, and histograms of their weights.
#
# .. image:: /_static/tensorboard-dark.webp
#    :class: only-dark
#    :alt: TensorBoard, the tab Time Series: the loss of the runs slow and fast, and histograms of their weights.
#
# In the chart of the loss, the strong line is smoothed and the pale one is what was written. Below it stand the
# weights: a ridge for each step. TensorBoard is a package of its own, and torch's writer needs it.

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
from sklearn.datasets import load_digits
from torch import nn

from ptguide.questions import ask

try:
    from torch.utils.tensorboard import SummaryWriter
except ModuleNotFoundError as error:
    needed = "This page needs TensorBoard; get it with: python -m pip install tensorboard"
    raise ModuleNotFoundError(needed) from error

# %%
# One writer for each run
# -----------------------
#
# A *run* is one training, and has a folder of its own in the log. ``with`` closes the writer once, at the end, also
# after an error. ``add_scalar`` takes a tag, which names a chart, and the step, which is the place on its x axis.

torch.manual_seed(0)
digits = load_digits()
images = (
    torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
)  # (1797, 1, 8, 8), from 0 to 1
labels = torch.tensor(digits.target)
holder = tempfile.TemporaryDirectory()
log = Path(holder.name)


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
assert fast[-1] < slow[-1] < slow[0]

# %%
# Images, in the order (channel, row, column) and from 0 to 1, or as bytes.

with SummaryWriter(log / "data") as writer:
    for place in range(3):
        writer.add_image("sample/digit", images[place], place)

# %%
# The graph of the model: torch follows one call with an example. It does so by ``torch.jit.trace``, which PyTorch is
# about to leave behind. It says so: it "is deprecated", or, since Python 3.14, it "is not supported in Python 3.14+ and
# may break". The graph is right all the same.

with SummaryWriter(log / "model") as writer, warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    writer.add_graph(model, images[:2])
says = "is not supported in Python 3.14+" if sys.version_info >= (3, 14) else "is deprecated"
messages = [str(warning.message) for warning in caught]
assert messages
assert all(says in message for message in messages)

# %%
# The server
# ----------
#
# On your machine type ``tensorboard --logdir runs`` and open the address that it prints. The page does the same: port 0
# asks for any free one, and ``with`` stops the server whatever happens. It loads the log once, as nothing more is
# written; left to itself, TensorBoard looks again every few seconds.


@contextlib.contextmanager
def tensorboard(log):
    """Serve a log on this machine alone; yield the server's process and its address."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", log, "--host", "127.0.0.1"]
    command += ["--port", "0", "--load_fast", "false"]
    command += ["--reload_interval", "0", "--reload_task", "blocking"]
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
            server.wait()  # after Ctrl-C, Popen itself would wait for a quarter of a second alone


# %%
# The page in your browser asks the server for JSON, one address for each kind of chart. Here all answers are taken at
# once. The last question is about a tag that nobody wrote: the server answers 404, the error leaves the block, and the
# server is stopped all the same.

questions = {
    "runs": "runs",
    "slow": "plugin/scalars/scalars?run=slow&tag=loss/train",
    "fast": "plugin/scalars/scalars?run=fast&tag=loss/train",
    "weight": "plugin/histograms/histograms?run=fast&tag=params/first",
    "digit": "plugin/images/images?run=data&tag=sample/digit&sample=0",
    "graph": "plugin/graphs/graph?run=model&conceptual=false",
    "nobody": "plugin/scalars/scalars?run=slow&tag=accuracy",
}
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # this machine needs no proxy


def get(address, question):
    with opener.open(f"{address}data/{question}", timeout=30) as answer:
        is_json = answer.headers.get_content_type() == "application/json"
        return json.load(answer) if is_json else answer.read()


answers, pngs = {}, []
try:
    with tensorboard(log) as (server, address):
        for name, question in questions.items():
            answers[name] = get(address, question)
            if name == "digit":
                found = [f"plugin/images/individualImage?{one['query']}" for one in answers[name]]
                pngs += [get(address, one) for one in found]
except urllib.error.HTTPError as error:
    print(f"{name}: {error.code} {error.reason}")
    error.close()

assert name == "nobody"
assert server.poll() is not None  # it has ended
print(sorted(answers["runs"]))
assert sorted(answers["runs"]) == ["data", "fast", "model", "slow"]

# %%
# What the charts are made of
# ---------------------------
#
# *Scalars*: time, step and value of each point. TensorBoard keeps :val:`float32 <torch.tensor(losses).dtype>`, so a
# value is right to about :val:`7 <-torch.log10(torch.tensor(2.0**-24))>` digits.

for run, losses in {"slow": slow, "fast": fast}.items():
    _, steps, values = zip(*answers[run], strict=True)
    assert steps == tuple(range(25))
    torch.testing.assert_close(torch.tensor(values), torch.tensor(losses))
    print(f"{run}: {len(values)} points")

# %%
# *Histograms*: at each step a row of bins, each with its left end, its right end and how many weights lie in it. The
# bins are TensorBoard's own: the values themselves are not kept.

last = torch.tensor(answers["weight"][-1][2], dtype=torch.float64)
weight = model[1].weight.detach()
assert len(answers["weight"]) == 25
assert last[:, 2].sum() == weight.numel() == 20 * 64
assert abs(last[0, 0] - weight.min()) < 0.1 * abs(weight.min())
print(f"The bins of the last step hold {int(last[:, 2].sum())} weights.")

# %%
# *Images* are PNG files: what came from 0 to 1 comes back as it was, up to one of the :val:`256 <2**8>` steps of a
# byte.

for png, image in zip(pngs, images, strict=False):
    shown = torch.tensor(plt.imread(io.BytesIO(png), format="png"))[..., :1].permute(2, 0, 1)
    torch.testing.assert_close(shown, image, atol=1 / 255, rtol=0)
assert len(pngs) == 3

# %%
# *Graph*: one node for each operation and each parameter, under the name of its layer.

names = re.findall(r'^  name: "(.*)"$', answers["graph"].decode(), re.MULTILINE)
layers = sorted({name.split("/")[1] for name in names if name.startswith("Sequential/")})
print(layers)
assert layers == ["Flatten[0]", "Linear[1]", "Linear[3]", "ReLU[2]"]

# %%
# What goes wrong
# ---------------
#
# A torch without the package ``tensorboard`` raises ``No module named 'tensorboard'``, as above. The other mistakes
# raise nothing: thousands of event files, an empty chart, two runs in one curve, white images.
# :ref:`tensorboard-mistakes` makes each of them, and mends it.
#
# Check yourself
# --------------

ask(
    "Two runs are to be drawn as two curves in one chart. What do they need?",
    answer="two folders, one tag"
    if set(answers["runs"]) >= {"slow", "fast"}
    else "one folder, two tags",
    choices={
        "one folder, one tag": "That is one curve, which jumps back to the first step.",
        "one folder, two tags": "Each tag has a chart of its own.",
        "two folders, one tag": "The tag is the chart, the folder the curve.",
    },
)

# %%
# And what a log keeps:

holder.cleanup()
ask(
    f"add_histogram gets {weight.numel()} weights at each of many steps. What does the log keep of them at each step?",
    answer="counts in bins" if len(answers["weight"][-1][2]) < weight.numel() else "all weights",
    choices={
        "all weights": "They could not be drawn as a ridge, and the files would be large.",
        "counts in bins": "How many weights lie in each of some dozens of intervals.",
        "mean and variance": "The shape of the ridge would be lost.",
    },
)

# %%
# Next: :ref:`tensorboard-mistakes`, and reading the log in Python.

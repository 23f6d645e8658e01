"""
.. _tensorboard-mistakes:

Why does TensorBoard show no data, or wrong data?
=================================================

Some mistakes in logging raise nothing: the chart is empty, white or too good. This page makes four of them, finds each
by reading the log back in Python, without a server, and mends it. You need to know :ref:`using-tensorboard`.
"""

# %%
# "Close the writer in the loop, so that everything is written." Each ``close`` ends a file, and the next ``add_scalar``
# begins another: one *event file* per turn. The 6 points are in the log, but TensorBoard has 6 files to watch.

import tempfile
from pathlib import Path

import torch
from torch.utils.tensorboard import SummaryWriter  # needs the package tensorboard

holder = tempfile.TemporaryDirectory()
log = Path(holder.name)


def event_files(run):
    return sorted((log / run).glob("events.out.tfevents.*"))


writer = SummaryWriter(log / "closing")
for step in range(6):
    writer.add_scalar("loss/train", 1 / (step + 1), step)
    writer.close()
print(len(event_files("closing")), "files")
assert len(event_files("closing")) == 6

# %%
# Make the writer once, and let ``with`` close it once, at the end of the run:

with SummaryWriter(log / "once") as writer:
    for step in range(6):
        writer.add_scalar("loss/train", 1 / (step + 1), step)
print(len(event_files("once")), "file")
assert len(event_files("once")) == 1

# %%
# Reading the log in Python
# -------------------------
#
# ``EventAccumulator`` reads the files of a run without a server: for a table, a test or a figure of your own. A scalar
# comes back with its step, rounded to :val:`float32 <values.dtype>`. A tag that nobody wrote is a ``KeyError``.

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ptguide.errors import expect_error

events = EventAccumulator(str(log / "once")).Reload()
print(events.Tags()["scalars"], [round(point.value, 3) for point in events.Scalars("loss/train")])
values = torch.tensor([point.value for point in events.Scalars("loss/train")])
torch.testing.assert_close(values, 1 / torch.arange(1.0, 7))
with expect_error(KeyError, match="accuracy"):
    events.Scalars("accuracy")


def points(run, tag="loss/train"):
    events = EventAccumulator(str(log / run)).Reload()
    return events.Scalars(tag) if tag in events.Tags()["scalars"] else []


assert len(points("closing")) == len(points("once")) == 6

# %%
# It keeps only the last :term:`histogram` of each tag; ``size_guidance`` changes that, and 0 means all.

with SummaryWriter(log / "weights") as writer:
    for step in range(4):
        writer.add_histogram("params/first", torch.arange(50.0) * step, step)
events = EventAccumulator(str(log / "weights")).Reload()
assert [one.step for one in events.Histograms("params/first")] == [3]
events = EventAccumulator(str(log / "weights"), size_guidance={"histograms": 0}).Reload()
assert [one.step for one in events.Histograms("params/first")] == [0, 1, 2, 3]

# %%
# Nothing to see yet
# ------------------
#
# A thread of the writer puts the points into the file, so a short run can seem to show nothing yet. That is what the
# ``close`` in the loop is after, and ``flush`` does it: it waits until the points are written, into the same file.
# Where the log is a local folder and TensorFlow is not installed, as here, they get there soon without it as well. For
# another place, the writer may hold them back for
# :val:`120 <inspect.signature(SummaryWriter).parameters['flush_secs'].default>` seconds.

import inspect
import time

assert inspect.signature(SummaryWriter).parameters["flush_secs"].default == 120
with SummaryWriter(log / "flushing") as writer:
    for step in range(4):
        writer.add_scalar("loss/train", 1 / (step + 1), step)
    writer.flush()
    print(f"{len(points('flushing'))} points after flush, while the writer is still open")
    assert len(points("flushing")) == 4
assert len(event_files("flushing")) == 1

with SummaryWriter(log / "waiting") as writer:
    for step in range(4):
        writer.add_scalar("loss/train", 1 / (step + 1), step)
    asked = 0
    while len(points("waiting")) < 4 and asked < 300:  # no flush
        time.sleep(0.1)
        asked += 1
    assert len(points("waiting")) == 4

# %%
# Two runs in one folder
# ----------------------
#
# TensorBoard tells runs apart by their folders alone. Two trainings that write into one folder become one curve, which
# jumps back to the first step. Give each run a folder, for example with the time in its name; a writer without a folder
# makes such a name in ``runs``.

for start in (0.9, 0.7):
    with SummaryWriter(log / "both") as writer:
        for step in range(3):
            writer.add_scalar("loss/train", start - step / 10, step)
print([point.step for point in points("both")])
assert [point.step for point in points("both")] == [0, 1, 2, 0, 1, 2]

# %%
# White images
# ------------
#
# Floats are taken for brightness from 0 to 1. Floats from 0 to 255 are multiplied by 255 once more and cut off, so a
# pixel of 1 or more becomes white. Divide by 255, or pass whole numbers, :val:`uint8 <image.dtype>`.

import io

import matplotlib.pyplot as plt

image = torch.tensor([[[0, 50, 100], [150, 200, 255]]], dtype=torch.uint8)  # (1, 2, 3)
with SummaryWriter(log / "images") as writer:
    writer.add_image("floats", image.float(), 0)
    writer.add_image("divided", image.float() / 255, 0)
    writer.add_image("uint8", image, 0)
events = EventAccumulator(str(log / "images")).Reload()
shown = {}
for tag in events.Tags()["images"]:
    png = io.BytesIO(events.Images(tag)[0].encoded_image_string)
    shown[tag] = (255 * torch.tensor(plt.imread(png, format="png"))[..., 0]).round()
    print(f"{tag:<8}", shown[tag].int().tolist())
assert torch.equal(shown["floats"], 255 * (image[0] >= 1))
assert torch.equal(shown["divided"], image[0].float())
assert torch.equal(shown["uint8"], image[0].float())

# %%
# A PR curve of the predictions
# -----------------------------
#
# A precision-recall curve asks for each threshold: of the images that the model calls a 3, how many are (*precision*)?
# Of all 3s, how many did it find (*recall*)? :ref:`evaluation` has both. The curve needs the true *labels*, and the
# predicted classes have the same shape. So here is a model that guesses at random, drawn with the one and the other.

torch.manual_seed(0)
labels = torch.arange(1500) % 10
guesses = torch.softmax(3 * torch.randn(1500, 10), dim=1)
with SummaryWriter(log / "guessing") as writer:
    writer.add_pr_curve("labels", labels == 3, guesses[:, 3], num_thresholds=127)
    writer.add_pr_curve("predictions", guesses.argmax(1) == 3, guesses[:, 3], num_thresholds=127)

# %%
# With the labels, the guesses are right as often as there are 3s, one in ten. Against its own predictions the model
# looks perfect: a class with a probability above 0.5 is the predicted one, so precision is exactly 1 there.

from tensorboard.util.tensor_util import make_ndarray

figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
events = EventAccumulator(str(log / "guessing")).Reload()
perfect = {}
for tag in ("labels", "predictions"):
    table = torch.tensor(make_ndarray(events.Tensors(tag)[0].tensor_proto))
    precision, recall = table[4], table[5]  # rows 0 to 3 count hits and misses
    axes.plot(recall, precision, label=f"against the {tag}")
    above = precision[len(precision) // 2 + 1 : -1]  # thresholds above 0.5
    perfect[tag] = bool((above == 1).all())
    print(f"{tag}: {'all' if perfect[tag] else 'not all'} of precision is 1 above 0.5")
    if tag == "labels":
        assert abs(precision[0] - 0.1) < 1e-6
        assert precision[recall > 0.2].max() < 0.2
axes.axhline(0.1, color="grey", linestyle=":", label="share of 3s")
axes.set(xlabel="recall", ylabel="precision", title="Guessing looks perfect without labels")
axes.legend()
assert perfect == {"labels": False, "predictions": True}

# %%
# Check yourself
# --------------
#
# Count the files.

from ptguide.questions import ask

ask(
    "A writer is made once; in 6 turns of a loop it adds a scalar and is closed. How many event files are there?",
    answer=len(event_files("closing")),
    choices={
        1: "close ends the file; the next add_scalar opens a new one.",
        6: "One for each turn. Use flush in the loop, and with around it.",
        7: "The file that the writer opened when it was made serves for the first turn.",
    },
)

# %%
# And the curve:

holder.cleanup()
ask(
    "Guesses are drawn as a PR curve with the predicted classes as labels. What is its precision above 0.5?",
    answer=1.0 if perfect["predictions"] else 0.1,
    choices={
        0.1: "That is the share of 3s: what guessing gets with the true labels.",
        0.5: "The threshold is not the precision.",
        1.0: "Whatever the model is worth: it is compared with itself.",
    },
)

# %%
# Next: :ref:`devices-and-moving-data`, where the chapter on GPUs begins.

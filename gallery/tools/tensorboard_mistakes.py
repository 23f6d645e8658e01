"""
.. _tensorboard-mistakes:

Why does TensorBoard show no data, or wrong data?
=================================================

The images are white, points are missing, or the chart is empty, and no error was raised. Read the log back in Python to
see whether the log is wrong, or the way that you look at it.
"""

# %%
# Set-up

import inspect
import io
import logging
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from tensorboard.backend.event_processing.event_accumulator import (
    DEFAULT_SIZE_GUIDANCE,
    EventAccumulator,
)
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
from tensorboard.util.tensor_util import make_ndarray
from torch.utils.tensorboard import SummaryWriter  # needs the package tensorboard

from ptguide import data
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
logging.getLogger("tensorboard").setLevel("ERROR")  # it reports what purge_step takes out
photo, _ = data.photos(split="all")[0]
photo = photo[:, ::3, ::3]  # (3, row, column), uint8
holder = tempfile.TemporaryDirectory()
log = Path(holder.name)


def files_of(run):
    return sorted((log / run).glob("events.out.tfevents.*"))


def points(run, tag="loss/train"):
    """Return step and value of the points in a log, as shown below."""
    events = EventAccumulator(str(log / run)).Reload()
    return [(point.step, round(point.value, 2)) for point in events.Scalars(tag)]


def shown(tag):
    """Return an image as TensorBoard shows it, shape (row, column, 3)."""
    (event,) = EventAccumulator(str(log / "images")).Reload().Images(tag)
    return plt.imread(io.BytesIO(event.encoded_image_string), format="png")


def draw_images(tags):
    _, axes = plt.subplots(ncols=2, figsize=(5.4, 2.2), layout="constrained")
    for axis, tag in zip(axes, tags, strict=True):
        axis.imshow(shown(tag))
        axis.set(title=tag, xticks=[], yticks=[])
    plt.suptitle("Floats from 0 to 255 become white")
    plt.show()


# %%

with SummaryWriter(log / "images") as writer:
    writer.add_image("photo.float()", photo.float(), 0)
    writer.add_image("photo.float() / 255", photo.float() / 255, 0)
draw_images(["photo.float()", "photo.float() / 255"])

# %%
# ``add_image`` takes floats from 0 to 1, multiplies them by 255 and cuts off what is larger. So a value of 1 or more
# becomes the brightest one. Divide by 255, or pass the bytes (:val:`uint8 <photo.dtype>`) as they are. You need to know
# :ref:`using-tensorboard`.
#
# The rule
# --------
#
# TensorBoard draws from the *event files* in a folder: tag, step and value. ``EventAccumulator`` reads them without
# a server. It keeps up to :val:`10000 <DEFAULT_SIZE_GUIDANCE["scalars"]>` points of a tag, and more with
# another ``size_guidance``. On this page, ``points`` reads a log like this.

with SummaryWriter(log / "right") as writer:
    for step in range(4):
        writer.add_scalar("loss/train", 1 / (step + 1), step)
events = EventAccumulator(str(log / "right")).Reload()
found = [(point.step, round(point.value, 2)) for point in events.Scalars("loss/train")]
print(len(files_of("right")), "file:", found)
assert found == points("right") == [(0, 1.0), (1, 0.5), (2, 0.33), (3, 0.25)]

# %%
# Points are missing, or the line jumps back
# ------------------------------------------
#
# Runs are told apart by their folders alone: two trainings in one folder become one curve. Without a step, each point
# is at step 0. TensorBoard drops older points, or draws a line back (:ref:`using-tensorboard`). A training that goes on
# from a checkpoint repeats steps. A ``purge_step`` leaves out the older points from this step on.

with SummaryWriter(log / "no step") as writer:
    for loss in (1.0, 0.5):
        writer.add_scalar("loss/train", loss)
for run, again in {"twice": None, "continued": 2}.items():
    for first, last, settings in [(0, 4, {}), (2, 5, {"purge_step": again})]:
        with SummaryWriter(log / run, **settings) as writer:
            for step in range(first, last):
                writer.add_scalar("loss/train", 0.0, step)
for run in ("no step", "twice", "continued"):
    print(f"{run:<10}steps {[step for step, _ in points(run)]}")

# %%
# The chart is empty
# ------------------
#
# A thread of the writer puts the points into the file, by default up to
# :val:`120 <inspect.signature(SummaryWriter).parameters["flush_secs"].default>` seconds later. ``flush`` waits until
# they are written. If that does not help, look at the path and at the tag. A folder that does not exist raises no
# error, and ``loss/Train`` is another tag.

writer = SummaryWriter(log / "open")
writer.add_scalar("loss/train", 1.0, 0)
writer.flush()
print("after flush:", points("open"))
assert points("open") == [(0, 1.0)]
with expect_error(KeyError, match="loss/Train"):
    points("open", "loss/Train")
writer.close()

# %%
# .. use-this::
#
#    Make one writer for each training, in a folder of its own, with ``with`` around the loop. Pass the step each time.
#    Call ``flush`` at the end of each epoch, which waits for the disk. Scale images to floats from 0 to 1. To go on
#    after a checkpoint, use the same folder and give ``purge_step`` the first step that is written again.
#
# Common mistakes
# ---------------
#
# **close in the loop, so that everything is written.** Each ``close`` ends a file, and the next point begins another.
# TensorBoard then has to watch a file for each turn.

writer = SummaryWriter(log / "closing")
for step in range(6):
    writer.add_scalar("loss/train", 1 / (step + 1), step)
    writer.close()
print(len(files_of("closing")), "files for", len(points("closing")), "points")
assert len(files_of("closing")) == len(points("closing")) == 6

# %%
# **A curve that compares the model with itself.** ``add_pr_curve`` needs the true labels. The predicted classes have
# the same shape, and above a threshold of 0.5 a model that guesses looks perfect against them. Precision is the
# fraction of the images called a 3 that are a 3.

labels = torch.arange(1500) % 10
guesses = torch.softmax(3 * torch.randn(1500, 10), dim=1)
with SummaryWriter(log / "guessing") as writer:
    writer.add_pr_curve("labels", labels == 3, guesses[:, 3], num_thresholds=127)
    writer.add_pr_curve("predictions", guesses.argmax(1) == 3, guesses[:, 3], num_thresholds=127)
events, precision = EventAccumulator(str(log / "guessing")).Reload(), {}
for tag in ("labels", "predictions"):
    table = torch.tensor(make_ndarray(events.Tensors(tag)[0].tensor_proto))
    precision[tag] = table[4, 80].item()  # row 4 is precision, 80 / 126 the threshold
    print(f"precision against the {tag}: {precision[tag]:.2f}")
assert precision["predictions"] == 1
assert precision["labels"] < 0.2

# %%
# How this was checked

# The images: the brightest value where it was 1 or more, exact to a byte else, also as bytes.
with SummaryWriter(log / "images") as writer:
    writer.add_image("bytes", photo, 0)
rows = photo.permute(1, 2, 0)
for tag, expected in {
    "photo.float()": (rows >= 1).float(),
    "photo.float() / 255": rows / 255,
    "bytes": rows / 255,
}.items():
    torch.testing.assert_close(torch.tensor(shown(tag))[..., :3], expected, rtol=0, atol=1e-6)
assert photo.dtype == torch.uint8
assert [step for step, _ in points("no step")] == [0, 0]
assert [step for step, _ in points("twice")] == [0, 1, 2, 3, 2, 3, 4]
assert [step for step, _ in points("continued")] == [0, 1, 2, 3, 4]
# purge_step leaves out old points that are not written again, too.
for steps, settings in [(range(6), {}), (range(2, 4), {"purge_step": 2})]:
    with SummaryWriter(log / "shorter", **settings) as writer:
        for step in steps:
            writer.add_scalar("loss/train", len(steps), step)
assert points("shorter") == [(0, 6), (1, 6), (2, 2), (3, 2)]
# Of a long run, some points are kept, or each of them.
with SummaryWriter(log / "long") as writer:
    for step in range(10100):
        writer.add_scalar("loss/train", 1.0, step)
kept_by_default = DEFAULT_SIZE_GUIDANCE["scalars"]
for settings, kept in [({}, kept_by_default), ({"size_guidance": {"scalars": 0}}, 10100)]:
    events = EventAccumulator(str(log / "long"), **settings).Reload()
    assert len(events.Scalars("loss/train")) == kept
# Runs are found in the folder, and in those below it; a folder that is not there has none.
for path, runs in {log: "right", log / "right": ".", log / "nowhere": ""}.items():
    there = EventMultiplexer().AddRunsFromDirectory(str(path)).Runs()
    assert runs in there if runs else not there
# Against its own predictions, a model is perfect above one half, and not below.
assert (guesses.argmax(1) == 3)[guesses[:, 3] > 0.5].all()
assert (guesses.argmax(1) == 3)[guesses[:, 3] > 0.1].float().mean() < 0.7
# A scalar is kept as float32.
events = EventAccumulator(str(log / "right")).Reload()
values = torch.tensor([point.value for point in events.Scalars("loss/train")])
assert torch.equal(values, 1 / torch.arange(1.0, 5))
assert values.dtype == torch.float32
# The accumulator keeps the last histogram of each tag; size_guidance changes that, and 0 means all of them.
with SummaryWriter(log / "weights") as writer:
    for step in range(4):
        writer.add_histogram("params/first", torch.arange(50.0) * step, step)
for settings, steps in [({}, [3]), ({"size_guidance": {"histograms": 0}}, [0, 1, 2, 3])]:
    events = EventAccumulator(str(log / "weights"), **settings).Reload()
    assert [one.step for one in events.Histograms("params/first")] == steps
# Without flush the points arrive, too, in a local folder and without TensorFlow; not at a stated time.
with SummaryWriter(log / "waiting") as writer:
    for step in range(4):
        writer.add_scalar("loss/train", 1.0, step)
    asked = 0
    while asked < 300 and (
        "loss/train" not in (EventAccumulator(str(log / "waiting")).Reload().Tags()["scalars"])
        or len(points("waiting")) < 4
    ):
        asked += 1
        time.sleep(0.1)
    assert asked < 300
assert inspect.signature(SummaryWriter).parameters["flush_secs"].default == 120

# %%
# Check yourself
# --------------
#
# Count the files.

ask(
    "A writer is made once; in 6 turns of a loop it adds a scalar and is closed. How many event files are there?",
    answer=len(files_of("closing")),
    choices={
        1: "close ends the file; the next add_scalar opens a new one.",
        6: "One for each turn. Use flush in the loop, and with around it.",
        7: "The file that the writer opened when it was made serves for the first turn.",
    },
)

# %%
# The next question asks about the curve.

ask(
    "Guesses are drawn as a PR curve with the predicted classes as labels. What is its precision above 0.5?",
    answer=precision["predictions"],
    choices={
        0.1: "That is the fraction of 3s, which guessing gets with the true labels.",
        0.5: "The threshold is not the precision.",
        1.0: "Whatever the model is worth: it is compared with itself.",
    },
)

# %%
# **Exercise.** Two trainings wrote into one folder, one after the other, and you have the points of the curve in the
# order in which they were written. Return the value that was written last for each step, in the order of the steps.
# ``steps`` and ``values`` have shape (point,).


def by_masks(steps, values):
    return torch.stack([values[steps == step][-1] for step in steps.unique()])


cases = [
    (torch.tensor([0, 1]), torch.tensor([1.0, 0.5])),
    (torch.tensor([0, 1, 2, 1, 2, 3]), torch.tensor([1.0, 0.5, 0.3, 0.6, 0.4, 0.2])),
    (torch.tensor([0, 1, 2, 0]), torch.tensor([1.0, 0.5, 0.3, 0.9])),
]


def last_written(steps, values):
    raise NotImplementedError


check(last_written, by_masks, cases)

# %%
# In a dictionary, the value that comes later replaces the one before.

# Solution


def last_written(steps, values):
    found = dict(zip(steps.tolist(), values.tolist(), strict=True))
    return torch.tensor([found[step] for step in sorted(found)])


holder.cleanup()
report = check(last_written, by_masks, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`trace-an-operation`, which finds a leak that no curve shows.
#
# - PyTorch contributors (2026). `torch.utils.tensorboard <https://docs.pytorch.org/docs/stable/tensorboard.html>`__.
#   The arguments of each method.
# - TensorFlow contributors (2026). `TensorBoard <https://github.com/tensorflow/tensorboard/blob/master/README.md>`__.
#   What to do when no data appears, among the questions at its end.

"""
.. _argument-input-must-be-tensor:

TypeError: linear(): argument 'input' (position 1) must be Tensor, not tuple
============================================================================

A layer got a tuple, a list or ``None`` where it takes a tensor. Look at the line that made its input: often it calls an
LSTM, ends with a comma, or names a batch that was not unpacked.
"""

# %%
# Set-up

import math
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from torchvision.models import googlenet
from torchvision.models.segmentation import lraspp_mobilenet_v3_large
from torchvision.transforms.functional import to_tensor

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
texts = torch.rand(5, 7, 3)  # (sample, time, feature)
train = digits("train")
images, labels = train.inputs[:50], train.targets[:50]  # (50, 1, 8, 8), (50,)


def first_words(function, x):
    """Return the message, without what follows the kind of the input."""
    try:
        function(x)
    except (TypeError, AttributeError) as error:
        return str(error).split(", Parameter")[0]
    return "(no error)"


# %%

network = nn.Sequential(nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 2))
with expect_error(
    TypeError, match=r"linear\(\): argument 'input' \(position 1\) must be Tensor, not tuple"
):
    network(texts)

# %%
# ``linear()`` is the function that refused its input, and ``tuple`` is what it got. The layer is right here. The
# mistake is where its input was made.
#
# .. longer: 7 screens — each cause has a cell of its own
#
# ====================================================================  =============================================
# Usual cause                                                           Fix
# ====================================================================  =============================================
# :ref:`an LSTM, a GRU or attention returns a tuple <input-lstm>`       ``output, _ = lstm(texts)``
# :ref:`a comma at the end of a line <input-comma>`                     take the comma away
# :ref:`not NoneType: forward has no return <input-comma>`              ``return x``
# :ref:`not list: a batch of a DataLoader <input-batch>`                ``for x, y in loader:``
# :ref:`not list: numbers or ids <input-image>`                         ``torch.tensor(ids)``
# :ref:`a model that returns several outputs <input-heads>`             ``output["out"]``, ``output.logits``
# :ref:`not Image, not numpy.ndarray <input-image>`                     ``to_tensor(image)``, ``torch.from_numpy``
# :ref:`not float <input-image>`                                        ``math.sqrt``, or ``torch.tensor``
# ====================================================================  =============================================
#
# The rule
# --------
#
# Most layers take one tensor, and ``nn.Sequential`` hands a tuple on as it is. The same mistake has several messages,
# and the function that refuses decides which one it is. In the message of ``conv2d``, the kind of the input comes after
# ``got (``.

for layer in (nn.Linear(3, 4), nn.ReLU(), nn.Conv2d(1, 2, 3), nn.Flatten(), nn.BatchNorm1d(3)):
    print(f"{type(layer).__name__:12}{first_words(layer, (texts, texts))}")
print(f"{'mse_loss':12}{first_words(lambda x: F.mse_loss(x, texts), (texts, texts))}")

# %%
# .. _input-lstm:
#
# A layer that returns a tuple
# ----------------------------
#
# ``nn.LSTM`` returns the outputs of the steps, and a tuple with the state at the end. Unpack what it returns in
# ``forward``. In an ``nn.Sequential``, put a small layer behind the LSTM that keeps the outputs.


class Outputs(nn.Module):
    def forward(self, pair):
        output, _ = pair
        return output


lstm, head = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 2)
output, (state, cell) = lstm(texts)
print("output", tuple(output.shape), " state", tuple(state.shape), " cell", tuple(cell.shape))
assert torch.equal(output[:, -1], state[-1])  # the last step
assert head(output[:, -1]).shape == (5, 2)
assert nn.Sequential(lstm, Outputs(), head)(texts).shape == (5, 7, 2)

# %%
# .. _input-comma:
#
# A trailing comma, or no return
# ------------------------------
#
# Python makes a tuple of a value with a comma behind it. A function without ``return`` gives ``None``. So take the
# comma away, or add the ``return``.


class Comma(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(64, 20), nn.Linear(20, 10)

    def forward(self, x):
        x = self.body(x).relu(),  # the comma at the end makes a tuple  # fmt: skip
        return self.head(x)


class NoReturn(nn.Module):
    def forward(self, x):
        x = x.relu()


flat = images.flatten(start_dim=1)
with expect_error(TypeError, match="must be Tensor, not tuple"):
    Comma()(flat)
with expect_error(TypeError, match="must be Tensor, not NoneType"):
    nn.Sequential(nn.Linear(64, 20), NoReturn(), nn.Linear(20, 10))(flat)
assert Comma().head(Comma().body(flat).relu()).shape == (50, 10)

# %%
# .. _input-batch:
#
# A batch of a DataLoader
# -----------------------
#
# A batch has the parts of an item of the data set. If an item is a pair of an image and a label, the batch is a list of
# two tensors. Unpack it in the line of the loop. ``enumerate`` adds a number in front, so put parentheses around the
# pair.

loader = DataLoader(TensorDataset(images, labels), batch_size=20)
conv = nn.Conv2d(1, 6, kernel_size=3)
with expect_error(
    TypeError, match=r"conv2d\(\) received an invalid combination of arguments - got \(list"
):
    for batch in loader:
        conv(batch)
assert first_words(conv, next(iter(enumerate(loader)))).endswith("got (tuple")
for number, (x, y) in enumerate(loader):
    print(number, tuple(conv(x).shape), tuple(y.shape))

# %%
# .. _input-heads:
#
# A model with several outputs
# ----------------------------
#
# Some models return a dictionary, a named tuple or an object that holds the main output, often with others. Print the
# ``type`` of what they return and its names, and give the loss the part that it needs.


@dataclass
class ModelOutput:  # as libraries of language models have it
    logits: torch.Tensor
    hidden: torch.Tensor


segmentation = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=4).eval()
for output in (
    segmentation(torch.rand(2, 3, 64, 48)),
    ModelOutput(torch.rand(2, 4), torch.rand(2, 9)),
):
    print(type(output).__name__, list(output if isinstance(output, dict) else vars(output)))
    with expect_error(
        TypeError, match="argument 'input' .* must be Tensor, not .*(OrderedDict|ModelOutput)"
    ):
        F.cross_entropy(output, torch.tensor([0, 3]))
    logits = output["out"] if isinstance(output, dict) else output.logits
    assert logits.shape[:2] == (2, 4)

# %%
# .. _input-image:
#
# An image, an array, a list of ids, a number
# -------------------------------------------
#
# An image of Pillow, an array of NumPy and a list are no tensors, so convert them. ``to_tensor`` also moves the
# channels of an image to the front, and divides its bytes by 255. Add an axis for the batch. If an array has its axes
# in order, use ``torch.from_numpy``. For a number, use ``math``, or make a tensor of it.

image = Image.new("L", (7, 9), 255)  # width, height; white
assert to_tensor(image).eq(1.0).all()
for wrong, kind in [(image, "Image"), (np.zeros((1, 9, 7), dtype=np.float32), "numpy.ndarray")]:
    with expect_error(TypeError, match=f"must be Tensor, not {kind}"):
        nn.Linear(7, 4)(wrong)
with expect_error(
    TypeError, match=r"sqrt\(\): argument 'input' \(position 1\) must be Tensor, not float"
):
    torch.sqrt(2.0)
with expect_error(TypeError, match="must be Tensor, not list"):
    nn.Embedding(100, 6)([17, 4, 88])
print(tuple(conv(to_tensor(image)[None]).shape), math.sqrt(2.0), torch.tensor(2.0).sqrt())
print(tuple(nn.Linear(7, 4)(torch.from_numpy(np.zeros((1, 9, 7), dtype=np.float32))).shape))
assert nn.Embedding(100, 6)(torch.tensor([17, 4, 88])).shape == (3, 6)

# %%
# .. use-this::
#
#    Print ``type(x)`` in front of the layer that refuses. Unpack where the value is made, and with names, as in
#    ``output, _ = lstm(x)`` and ``for x, y in loader:``. In an ``nn.Sequential``, add a small layer that unpacks.
#    Unpacking copies nothing. It costs a line for each layer that returns a tuple.
#
# A common mistake
# ----------------
#
# ``x = x[0]`` silences the message where ``x`` is a tuple. If the LSTM is later replaced by a layer that returns a
# tensor, the same line takes the first *sample*, and raises nothing. Two names in front of the equals sign raise an
# error here, where there are five samples. A batch of two would be unpacked without an error.

plain = nn.Linear(3, 4)
for layer in (lstm, plain):
    x = layer(texts)
    x = x[0]
    print(f"{type(layer).__name__:7}{tuple(x.shape)}")
assert torch.equal(x, plain(texts[0]))
with expect_error(ValueError, match="too many values to unpack"):
    output, _ = plain(texts)

# %%
# How this was checked

# The kind that the message names, for what people give to a linear layer.
linear = nn.Linear(3, 4)
for given, kind in [
    ((texts,), "tuple"),
    ([texts], "list"),
    ({"x": texts}, "dict"),
    (None, "NoneType"),
    (2.0, "float"),
    ("text", "str"),
    (np.zeros(3), "numpy.ndarray"),
    (nn.ReLU(), "ReLU"),
]:
    with expect_error(
        TypeError, match=rf"linear\(\): argument 'input' .* must be Tensor, not {kind}$"
    ):
        linear(given)
# Other layers that return tuples.
for layer, inputs in [
    (nn.LSTM(3, 4), (texts,)),
    (nn.GRU(3, 4), (texts,)),
    (nn.RNN(3, 4), (texts,)),
    (nn.MultiheadAttention(3, 1), (texts, texts, texts)),
    (nn.MaxPool1d(2, return_indices=True), (texts,)),
]:
    assert isinstance(layer(*inputs), tuple)
assert isinstance(nn.LSTMCell(3, 4)(texts[0]), tuple)
assert not isinstance(nn.GRUCell(3, 4)(texts[0]), tuple)
# An auxiliary head of torchvision: a named tuple in training, a tensor in evaluation.
network = googlenet(weights=None, init_weights=False, num_classes=4)
output = network(torch.rand(2, 3, 64, 64))
with expect_error(TypeError, match="must be Tensor, not GoogLeNetOutputs"):
    F.cross_entropy(output, torch.tensor([0, 3]))
assert output.logits.shape == (2, 4)
assert isinstance(network.eval()(torch.rand(2, 3, 64, 64)), torch.Tensor)
# Two names take a batch of two apart.
first, _ = plain(texts[:2])
assert torch.equal(first, plain(texts[0]))
# to_tensor, and what it does with the values: bytes are divided, other numbers are not. An array counts as an image.
assert to_tensor(np.full((9, 7, 3), 200, dtype=np.uint8)).max() < 1
assert to_tensor(np.full((9, 7, 3), 200, dtype=np.float32)).max() == 200
assert to_tensor(Image.new("F", (7, 9), 200)).max() == 200
assert to_tensor(np.zeros((1, 9, 7), dtype=np.float32)).shape == (7, 1, 9)
assert to_tensor(Image.new("RGB", (7, 9), (255, 0, 51))).shape == (3, 9, 7)
assert to_tensor(Image.new("RGB", (7, 9), (255, 0, 51)))[:, 0, 0].allclose(
    torch.tensor([1, 0, 0.2])
)
# A batch of one part is a list, too.
(alone,) = next(iter(DataLoader(TensorDataset(images), batch_size=20)))
assert alone.shape == (20, 1, 8, 8)
# Other positions, and the message of conv2d for other kinds.
with expect_error(TypeError, match="argument 'target' .position 2. must be Tensor, not list"):
    F.cross_entropy(torch.rand(2, 3), [0, 1])
for given, kind in [
    (None, "NoneType"),
    (np.zeros((1, 8, 8)), "numpy.ndarray"),
    ((images,), "tuple"),
]:
    assert first_words(conv, given).endswith(f"got ({kind}")

# %%
# Check yourself
# --------------

ask(
    "loader = DataLoader(TensorDataset(images, labels)). for batch in loader: conv(batch) raises. "
    "Which kind does the message name?",
    answer=type(next(iter(loader))).__name__,
    choices={
        "tuple": "An item of the data set is a tuple. The loader makes a list of the two batches.",
        "list": "The batch is a list of two tensors, the images and the labels.",
        "Tensor": "conv takes a tensor, and would not complain of one.",
    },
)

# %%
# The next question is about a comma in ``forward``.


def kind_of_output():
    x = torch.ones(4, 3)
    x = (linear(x),)
    return type(x).__name__


ask(
    "What is type(x) after the line x = linear(x), with a comma at its end?",
    answer=kind_of_output(),
    choices={
        "Tensor": "The comma makes a tuple of the tensor.",
        "tuple": "A value with a comma behind it is a tuple with one part.",
        "list": "A list takes square brackets.",
    },
)

# %%
# **Exercise.** Texts have different lengths, and values at the end fill them up to one length. Write ``last_output``.
# It returns, for each sample, the output of the LSTM at the last step of its text. ``lengths`` counts these steps, and
# the result has shape (sample, feature).


def last_output(lstm, x, lengths):
    raise NotImplementedError


def one_by_one(lstm, x, lengths):
    rows = []
    for text, length in zip(x, lengths.tolist(), strict=True):
        _, (state, _) = lstm(text[:length].unsqueeze(0))
        rows.append(state[-1, 0])
    return torch.stack(rows).detach()


cases = [
    (nn.LSTM(2, 3, batch_first=True), torch.rand(1, 4, 2), torch.tensor([4])),
    (nn.LSTM(2, 3, batch_first=True), torch.rand(3, 5, 2), torch.tensor([2, 5, 1])),
    (nn.LSTM(3, 4, num_layers=2, batch_first=True), texts, torch.tensor([7, 1, 3, 6, 2])),
]
check(last_output, one_by_one, cases)

# %%
# These LSTMs read from left to right, so the filling at the end does not change the outputs before it. The two indices
# pick one step for each sample.

# Solution


def last_output(lstm, x, lengths):
    output, _ = lstm(x)
    return output[torch.arange(len(x)), lengths - 1].detach()


report = check(last_output, one_by_one, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`expected-more-than-1-value-per-channel`, when the input is a tensor and the batch is too small. Why a batch is a
# list is on :ref:`dataset-and-dataloader`.
#
# - PyTorch contributors (2026). `torch.nn.LSTM
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html>`__. The shapes of output, state and cell.
# - PyTorch contributors (2026). `torch.utils.data <https://docs.pytorch.org/docs/stable/data.html>`__. Under "Working
#   with collate_fn" it says which containers a batch keeps.

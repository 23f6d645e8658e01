"""
.. _the-loss-is-nan:

Why is my training loss NaN?
============================

The loss is a number for a while and then NaN, and the step that prints it is often not the one that went wrong. Look
for the first value that is not finite: inputs, loss, gradients and weights point to different causes.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import itertools
import math
import warnings

import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask
from ptguide.training import fit

images, labels = digits("train")[:]


def new_network(outputs=10, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, outputs))


def shuffled_rows(batch_size, epochs):
    return [rows for _ in range(epochs) for rows in torch.randperm(len(images)).split(batch_size)]


def sgd(model, lr):
    return torch.optim.SGD(model.parameters(), lr=lr)


# Each program returns its model, its optimizer, a loss and the batches. With fixed=True it has no mistake.


def scaled_by_pixel(fixed=False):
    model, width = new_network(), images.std(dim=0)
    x = (images - images.mean(dim=0)) / (width.clamp(min=1e-3) if fixed else width)
    batches = [(x[rows], labels[rows]) for rows in shuffled_rows(50, 4)]
    return model, sgd(model, 0.1), F.cross_entropy, batches


def steps_too_long(fixed=False):
    model = new_network()
    batches = [(images[rows], F.one_hot(labels[rows], 10).float()) for rows in shuffled_rows(50, 4)]
    return model, sgd(model, 0.5 if fixed else 50), F.mse_loss, batches


def own_loss(outputs, targets):
    p = outputs.sigmoid()
    return -(targets * p.log() + (1 - targets) * (1 - p).log()).mean()


def logarithm_of_0(fixed=False):
    model = new_network(outputs=1)
    loss = F.binary_cross_entropy_with_logits if fixed else own_loss
    not_a_zero = (labels > 0).float()[:, None]
    batches = [(images[rows], not_a_zero[rows]) for rows in shuffled_rows(50, 10)]
    return model, torch.optim.Adam(model.parameters(), lr=0.01), loss, batches


def mean_of_nothing(fixed=False):
    model = new_network()
    few = labels.where(torch.rand(len(labels)) < 0.3, -100)  # the others are not labeled
    batches = [(images[rows], few[rows]) for rows in shuffled_rows(8, 2)]
    if fixed:
        batches = [(x, y) for x, y in batches if (y != -100).any()]
    return model, sgd(model, 0.1), F.cross_entropy, batches


def root_of_0(fixed=False):
    model = new_network()

    def contrastive(features, same):
        one, two = features.chunk(2)
        distance = ((one - two).square().sum(dim=1) + (1e-8 if fixed else 0)).sqrt()
        return torch.where(same, distance, (1 - distance).relu()).mean()

    batches = []
    for rows in shuffled_rows(50, 4):
        other = torch.randint(len(images), rows.shape)  # now and then the image itself
        batches.append((images[torch.cat([rows, other])], labels[rows] == labels[other]))
    return model, sgd(model, 0.1), contrastive, batches


def adam_in_float16(fixed=False):
    model = new_network() if fixed else new_network().half()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    dtype = torch.float32 if fixed else torch.float16
    batches = [(images[rows].to(dtype), labels[rows]) for rows in shuffled_rows(50, 4)]
    return model, optimizer, F.cross_entropy, batches


PROGRAMS = [scaled_by_pixel, steps_too_long, logarithm_of_0, mean_of_nothing, root_of_0]
PROGRAMS += [adam_in_float16]


def first_not_finite(model, optimizer, loss_function, inputs, targets):
    """Take one step; return where the first value stands that is not finite, and the loss."""
    if not inputs.isfinite().all():
        return "inputs", math.nan
    outputs = model(inputs)
    if not outputs.isfinite().all():
        return "outputs", math.nan
    loss = loss_function(outputs, targets)
    if not loss.isfinite():
        return f"loss, outputs {outputs.abs().max().item():.2g}", loss.item()
    optimizer.zero_grad()
    loss.backward()
    for what in ("gradient", "weights"):
        for name, p in model.named_parameters():
            if not (p.grad if what == "gradient" else p).isfinite().all():
                return f"{what} {name}", loss.item()
        if what == "gradient":
            optimizer.step()
    return None, loss.item()


def search(program, fixed=False):
    """Train until something is not finite. Return step, place and losses."""
    model, optimizer, loss_function, batches = program(fixed)
    losses = []
    for step, (inputs, targets) in enumerate(batches, 1):
        place, loss = first_not_finite(model, optimizer, loss_function, inputs, targets)
        losses.append(loss)
        if place:
            return step, place, losses
    return None, None, losses


# %%

# Varies with the processor: six small trainings.
results = {program.__name__: search(program) for program in PROGRAMS}
print("program         step first not finite")
for name, (step, place, _) in results.items():
    print(f"{name:<15} {step:>4} {place}")
assert [place.split()[0].strip(",") for _, place, _ in results.values()] == (
    ["inputs", "loss", "loss", "loss", "gradient", "weights"]
)

# %%
# .. longer: 7 screens — each of six causes has a cell of its own
#
# Six programs train a small network on digits, and each has one mistake. A line says at which step the first value is
# not finite, and where it is. After a loss, the line shows the largest output of the network. You need to know
# :ref:`nan-and-infinity` and :ref:`the-training-loop`.
#
# The rule
# --------
#
# A step computes inputs → outputs → loss → gradients → weights. A value that is NaN or infinite soon spoils what is
# computed from it, so look for the first one, in this order.
#
# ===========================  ===========================================  ============================================
# First place                  Usual cause                                  What to do
# ===========================  ===========================================  ============================================
# inputs                       missing values, a division by 0              check the data once, before training
# outputs, or a huge loss      steps too long, half precision               smaller rate, ``clip_grad_norm_``
# loss, outputs ordinary       the logarithm of 0, a mean of nothing        a loss on logits; leave the batch out
# gradients                    the root of 0, a norm of your own            add a small number under the root
# weights                      an optimizer in half precision               weights in single precision, ``autocast``
# ===========================  ===========================================  ============================================

model, optimizer, loss_function, batches = root_of_0()
for step, (inputs, targets) in enumerate(batches, 1):
    outputs = model(inputs)
    loss = loss_function(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    values = {"inputs": inputs, "outputs": outputs, "loss": loss}
    values |= {f"gradient of {name}": p.grad for name, p in model.named_parameters()}
    bad = [name for name, value in values.items() if not value.isfinite().all()]
    if bad:
        print(f"step {step}: loss {loss.item():.3f}, first not finite: {bad[0]}")
        break  # before the step: the weights are still good
    optimizer.step()
assert bad[0] == "gradient of 1.weight"
assert loss.isfinite()
assert all(p.isfinite().all() for p in model.parameters())

# %%
# Here the loss was still a number. Without the ``break``, the weights become NaN, and the next loss is the first that
# you see. So stop *before* the step.
#
# The data
# --------
#
# Three pixels at the border are 0 in each image, so their standard deviation is 0, and 0 / 0 is NaN. The other mistake
# comes with labels that are to be ignored. If a batch has no label left, the mean has nothing to divide by.

inputs = scaled_by_pixel()[3][0][0]
print("pixels that are NaN in each image:", inputs.isnan().all(dim=0).sum().item())
logits, ignored = torch.zeros(8, 10), torch.full((8,), -100)
print("cross_entropy of no label:", F.cross_entropy(logits, ignored).item())
total, kept = F.cross_entropy(logits, ignored, reduction="sum"), (ignored != -100).sum()
print("sum, divided by 1 at least:", (total / kept.clamp(min=1)).item())
assert inputs.isnan().all(dim=0).sum() == 3

# %%
# Steps that are too long
# -----------------------
#
# The squared error grows with the square of the outputs. A step that is too long makes the outputs larger, and so the
# next step longer. The loss grows by a factor from step to step, until it is larger than the largest number of its
# dtype, :val:`3.4e38 <torch.finfo(loss.dtype).max>`. ``clip_grad_norm_`` limits the length of a step of plain SGD. With
# momentum, steps can be longer. A smaller rate takes the cause away. With ``cross_entropy``, the rate 50 leaves the
# loss large and finite here.

# Varies with the processor: the training from above, and two others.
print("rate 50:         ", *(f"{loss:.1e}" for loss in results["steps_too_long"][2][::4]))
model, optimizer, loss_function, batches = steps_too_long()
clipped = []
for inputs, targets in batches:
    loss = loss_function(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), max_norm=0.01)
    optimizer.step()
    clipped.append(loss.item())
smaller = search(steps_too_long, fixed=True)[2]
print(f"rate 50, clipped:  {clipped[0]:.2f} to {clipped[-1]:.2f}")
print(f"rate 0.5:          {smaller[0]:.2f} to {smaller[-1]:.2f}")

# %%
# A loss of your own
# ------------------
#
# This network is to say whether a digit is *not* a zero, and becomes sure of it. Between the outputs 16 and 17,
# ``sigmoid`` becomes 1 in :val:`float32 <output.dtype>`. Then the other term is 0 times the logarithm of 0. The loss on
# logits does not compute the probability.

for value in (10.0, 16.0, 17.0):
    output, target = torch.tensor([value]), torch.tensor([1.0])
    by_hand = own_loss(output, target).item()
    on_logits = F.binary_cross_entropy_with_logits(output, target).item()
    print(f"output {value:.0f}: own loss {by_hand:.2g}, on logits {on_logits:.2g}")
assert math.isnan(by_hand)

# %%
# A gradient of a root
# --------------------
#
# The loss compares two images by a distance, and in that step an image was compared with itself. The distance 0 is
# right, and the slope of the root there is infinite. Multiplied by the inner gradient 0, it gives NaN. A small number
# under the root makes the slope finite. :func:`torch.linalg.vector_norm` has the gradient 0 at that point. A
# ``torch.where`` after the root does not help: :ref:`where-and-masked-fill`.

for name, distance in {
    "root": lambda x: x.square().sum().sqrt(),
    "root of the sum + 1e-8": lambda x: (x.square().sum() + 1e-8).sqrt(),
    "vector_norm": torch.linalg.vector_norm,
}.items():
    x = torch.zeros(2, requires_grad=True)
    print(f"{name:<23} gradient at 0: {torch.autograd.grad(distance(x), x)[0].tolist()}")

# %%
# An optimizer in float16
# -----------------------
#
# ``model.half()`` puts the weights into float16. ``Adam`` divides by the root of an average of squares, plus an ``eps``
# of 1e-8, which is 0 in float16. A weight with the gradient 0 becomes 0 / 0. If the gradient is small, its square is 0
# in float16, and the weight becomes infinite. With ``fused=True`` the same step stays finite on this device. Better
# keep the weights in single precision, and let ``torch.autocast`` choose the dtype of each operation.

model, optimizer, loss_function, batches = adam_in_float16()
inputs, targets = batches[0]
first_not_finite(model, optimizer, loss_function, inputs, targets)
weight, gradient = model[1].weight.detach(), model[1].weight.grad
print("eps in float16:", torch.tensor(1e-8).half().item())
print("gradients that are 0:", (gradient == 0).sum().item())
print(
    "weights that are NaN:", weight.isnan().sum().item(), "infinite:", weight.isinf().sum().item()
)
model, *_ = adam_in_float16()
fused = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)
place, _ = first_not_finite(model, fused, loss_function, inputs, targets)
print("with fused=True:", place or "weights are finite")
assert weight[gradient == 0].isnan().all()
assert 0 < gradient[weight.isinf()].abs().max() < 0.01

# %%
# .. use-this::
#
#    Stop before the step when the loss or the norm of the gradients is not finite, save the batch and the weights, and
#    repeat that step with the loop above. ``ptguide.training.fit`` stops in this way by default, and names the step and
#    the place. ``clip_grad_norm_`` returns the norm before clipping. If that is finite, the gradients are. On a GPU
#    this check waits for the device. If you check every hundred steps, keep a checkpoint that is older than that.
#    ``torch.autograd.set_detect_anomaly(True)`` names the first operation that gives NaN. For the root it names the
#    square before it, because the root itself gives infinity. Use it for a few steps, because it is slow. With float16
#    and a ``GradScaler``, a step that is skipped now and then is normal.
#
# A common mistake
# ----------------
#
# **Skip the batch when the loss is NaN.** In the program ``root_of_0`` the loss is finite at the step that spoils the
# weights. From then on, each loss is NaN, and the program skips the rest of the training without an error. Clipping
# does not help either: with one NaN, the norm is NaN, and so is each clipped gradient. Pass ``error_if_nonfinite=True``
# to get an error.

model, optimizer, loss_function, batches = root_of_0()
skipped = []
for step, (inputs, targets) in enumerate(batches, 1):
    loss = loss_function(model(inputs), targets)
    if loss.isnan():
        skipped.append(step)
        continue
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"skipped: the steps {skipped[0]} to {skipped[-1]}, all {len(skipped)} of them")
a, b = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(3))
a.grad, b.grad = torch.tensor([math.nan, 1.0]), torch.ones(3)
with expect_error(RuntimeError, match="is non-finite, so it cannot be clipped"):
    nn.utils.clip_grad_norm_([a, b], 1.0, error_if_nonfinite=True)

# %%
# How this was checked

for program in PROGRAMS:  # without its mistake, each runs to the end
    step, place, losses = search(program, fixed=True)
    assert step is None
    assert place is None
    assert losses[-1] < losses[0]
assert skipped == list(range(results["root_of_0"][0] + 1, len(batches) + 1))
assert all(p.isnan().any() for p in model.parameters())
# The first NaN spoils the outputs of each image.
assert model(images).isnan().all()
growth = results["steps_too_long"][2]
for one, two in itertools.pairwise(growth[2:-1]):
    assert 10 < two / one < 1000
assert growth[-1] == math.inf
assert max(clipped) < 1
assert smaller[-1] < smaller[0]
# Where sigmoid becomes 1 in float32.
assert torch.tensor(16.0).sigmoid() < 1
assert torch.tensor(17.0).sigmoid() == 1
assert torch.tensor(0.0).log() * 0 != torch.tensor(0.0).log() * 0  # 0 times -inf is NaN
for inputs, _ in root_of_0()[3][results["root_of_0"][0] - 1 :][:1]:
    one, two = inputs.chunk(2)
    assert (one == two).flatten(1).all(dim=1).any()  # an image beside itself
nn.utils.clip_grad_norm_([a, b], 1.0)
assert a.grad.isnan().all()
assert b.grad.isnan().all()
a.grad, b.grad = torch.tensor([math.inf, 1.0]), torch.ones(3)  # infinity: 0 elsewhere
assert nn.utils.clip_grad_norm_([a, b], 1.0) == math.inf
assert a.grad[0].isnan()
assert (a.grad[1], *b.grad) == (0, 0, 0, 0)
# A finite norm means finite gradients; large ones can have an infinite norm all the same.
a.grad, b.grad = torch.full((2,), 1e25), torch.ones(3)
assert nn.utils.clip_grad_norm_([a, b], 1.0) == math.inf
# With momentum, a clipped step becomes longer than without.
p = nn.Parameter(torch.zeros(1))
optimizer, before = torch.optim.SGD([p], lr=1.0, momentum=0.9), 0.0
for length in (1.0, 1.9, 2.71):
    p.grad = torch.tensor([5.0])
    nn.utils.clip_grad_norm_([p], 1.0)
    optimizer.step()
    assert abs(before - p.item() - length) < 1e-4
    before = p.item()
# The rate 50 with cross_entropy: large, and finite to the end.
for seed in range(3):
    model = new_network(seed=seed)
    optimizer, entropies = sgd(model, 50), []
    for rows in shuffled_rows(50, 4):
        place, loss = first_not_finite(
            model, optimizer, F.cross_entropy, images[rows], labels[rows]
        )
        assert place is None
        entropies.append(loss)
    assert max(entropies) > 100
# Other orders of vector_norm at 0.
for order in (0.5, 1, 1.5, 2, 3, math.inf):
    x = torch.zeros(3, requires_grad=True)
    assert not torch.autograd.grad(torch.linalg.vector_norm(x, order), x)[0].any()
# where after the root: the gradient is NaN all the same.
for choose in (torch.where, lambda mask, one, other: one.masked_fill(~mask, other)):
    x = torch.zeros((), requires_grad=True)
    assert torch.autograd.grad(choose(x > 0, x.square().sqrt(), 0.0), x)[0].isnan()
# Half precision overflows beyond 65504, and anomaly detection names the square, not the root.
assert torch.tensor(300.0).half().square() == math.inf
x = torch.zeros(2, requires_grad=True)
with warnings.catch_warnings(record=True), torch.autograd.set_detect_anomaly(True):
    warnings.simplefilter("always")
    with expect_error(RuntimeError, match="PowBackward0"):
        x.square().sum().sqrt().backward()
# fit stops, and names the step and the operation.
with expect_error(FloatingPointError, match="SqrtBackward0"):
    model, optimizer, loss_function, batches = root_of_0()
    fit(model, batches, loss_function, optimizer, epochs=1)
# Adam in bfloat16 keeps its eps, and its first step is finite.
model = new_network().bfloat16()
optimizer = torch.optim.Adam(model.parameters())
assert (
    first_not_finite(model, optimizer, F.cross_entropy, images[:50].bfloat16(), labels[:50])[0]
    is None
)
# With autocast the weights stay in float32, and so do the loss and the gradients.
model = new_network()
with torch.autocast("cpu", dtype=torch.bfloat16):
    outputs = model(images[:50])
    loss = F.cross_entropy(outputs, labels[:50])
loss.backward()
assert (outputs.dtype, loss.dtype, model[1].weight.grad.dtype) == (
    torch.bfloat16,
    torch.float32,
    torch.float32,
)
# A GradScaler skips the step when a gradient is infinite, and halves its scale.
scaler, p = torch.amp.GradScaler("cpu"), nn.Parameter(torch.ones(1))
optimizer = sgd(p_model := nn.ParameterList([p]), 0.1)
scale = scaler.get_scale()
scaler.scale((p * math.inf).sum()).backward()
scaler.step(optimizer)
scaler.update()
assert p.item() == 1
assert scaler.get_scale() == scale / 2
# What reductions other than the mean give for labels that are ignored.
assert F.cross_entropy(logits, ignored, reduction="sum") == 0
assert F.cross_entropy(logits, ignored).isnan()

# %%
# Check yourself
# --------------

ask(
    "The program root_of_0 prints its loss at each step, and stops at the first NaN that it prints. When did it begin?",
    answer="a step before" if skipped[0] == results["root_of_0"][0] + 1 else "in that step",
    choices={
        "in that step": "The loss is computed with weights that the step before has changed.",
        "a step before": "Its loss was a number, and its gradients were NaN.",
        "in the data": "The images are finite. A pair of equal ones is rare, and legal.",
    },
)

# %%
# The next question is about clipping.

c, d = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(3))
c.grad, d.grad = torch.tensor([math.nan, 1.0]), torch.ones(3)
nn.utils.clip_grad_norm_([c, d], max_norm=1.0)
ask(
    "Two parameters have the gradients [NaN, 1] and [1, 1, 1]. How many of the five numbers are NaN after "
    "clip_grad_norm_?",
    answer=(c.grad.isnan().sum() + d.grad.isnan().sum()).item(),
    choices={
        0: "Clipping multiplies, and a product with NaN is NaN.",
        1: "The norm of all gradients is NaN, and each of them is multiplied by a number made from it.",
        5: "One norm is taken over all parameters, and it is NaN.",
    },
)

# %%
# **Exercise.** Write the binary cross-entropy on logits so that it is finite for large logits: the mean of
# :math:`\max(x, 0) - x y + \log(1 + e^{-|x|})`. Do without torch's own loss.


def by_torch(x, y):
    return F.binary_cross_entropy_with_logits(x, y)


torch.manual_seed(0)
cases = [
    (torch.tensor([0.5, -1.0]), torch.tensor([1.0, 0.0])),
    (torch.tensor([200.0, -200.0]), torch.tensor([1.0, 0.0])),
    (torch.tensor([200.0, -200.0, -30.0]), torch.tensor([0.0, 1.0, 1.0])),
    (20 * torch.randn(50), torch.rand(50)),
]
without = ["binary_cross_entropy_with_logits"]


def binary_loss(x, y):
    raise NotImplementedError


check(binary_loss, by_torch, cases, without=without)

# %%
# The exponent is at most 0, so nothing can become too large.

# Solution


def binary_loss(x, y):
    return (x.clamp(min=0) - x * y + (-x.abs()).exp().log1p()).mean()


report = check(binary_loss, by_torch, cases, without=without)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`reading-loss-curves`, what a curve of losses says before anything is NaN.
#
# - PyTorch contributors (2026). `torch.autograd.detect_anomaly
#   <https://docs.pytorch.org/docs/stable/autograd.html#anomaly-detection>`__. The reference.
# - Micikevicius et al. (2018). `Mixed precision training <https://arxiv.org/abs/1710.03740>`__. Why the weights stay in
#   single precision, and why the loss is scaled.

"""
.. _a-loss-of-your-own:

How do I write a custom loss in PyTorch?
========================================

The loss that you need is not in ``torch.nn``: for example, a prediction too low costs you more than one too high. Write
a function of tensors that returns one number, and autograd finds its gradient.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits, noisy_line
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

line = noisy_line("train", size=500, noise=1.0)
x, y = line.inputs.flatten(), line.targets.flatten()
test = noisy_line("test", size=5000, noise=1.0, seed=1)
test_x, test_y = test.inputs.flatten(), test.targets.flatten()


def fit_line(criterion, more=()):
    """Return slope and intercept of the line with the least loss; more are parameters of the loss."""
    wb = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([wb, *more], lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 400)
    for _ in range(400):
        loss = criterion(wb[0] * x + wb[1], y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return wb.detach()


def draw_lines(fits):
    _, axis = plt.subplots(figsize=(5.4, 1.9), layout="constrained")
    axis.plot(x, y, ".", color="gray", markersize=3)
    ends = torch.stack([x.min(), x.max()])
    for (share, (w, b)), color in zip(fits.items(), ("C0", "C1", "C2"), strict=True):
        axis.plot(ends, w * ends + b, color=color, linewidth=2, label=f"share {share}")
    axis.set(xlabel="x", ylabel="y")
    axis.legend(fontsize=8)
    axis.set_title("One loss, three lines: each has its share of points below")
    plt.show()


train_set, test_set = digits("train"), digits("test")
images, labels = train_set[:50]


def new_network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def slope_of(term, network):
    """Return the length of the gradient of a term, over all parameters."""
    parts = torch.autograd.grad(term, list(network.parameters()), retain_graph=True)
    return torch.cat([part.flatten() for part in parts]).norm().item()


# %%


def quantile_loss(outputs, targets, share=0.5):
    error = targets - outputs
    return torch.maximum(share * error, (share - 1) * error).mean()


fits = {share: fit_line(lambda p, t, s=share: quantile_loss(p, t, s)) for share in (0.1, 0.5, 0.9)}
for share, (w, b) in fits.items():
    below = (test_y < w * test_x + b).float().mean()
    print(f"share {share}: {below:.0%} of unseen points are below the line")
draw_lines(fits)

# %%
# Where the target is above the line, an error costs ``share`` per unit, and below it one minus ``share``. With 0.9, a
# line too low costs nine times as much as one too high, so the line rises until few points are above it. You need to
# know :ref:`which-loss`.
#
# .. longer: 5 screens — a function, a module, and what breaks either, have a cell each
#
# The rule
# --------
#
# A loss is a function of outputs and targets that returns a tensor of one element. It has to be connected to the
# parameters by operations that have a gradient. You need no class and no ``backward`` of your own. Compare its gradient
# with difference quotients once, in :val:`float64 <in_double.dtype>`: ``gradcheck`` does that.

in_double = torch.randn(6, dtype=torch.float64, generator=torch.manual_seed(0), requires_grad=True)
wanted = torch.randn(6, dtype=torch.float64)
loss = quantile_loss(in_double, wanted, 0.9)
print("shape:", tuple(loss.shape), " graph:", loss.requires_grad)
same = torch.autograd.gradcheck(quantile_loss, (in_double, wanted, 0.9))
print("gradient as by differences:", same)

# %%
# A function or a module?
# -----------------------
#
# A function is enough. Write a module if the loss has settings that should be kept, or *parameters* that are learned.
# Here the loss learns how large the errors are. Give its parameters to the optimizer, too, and move the module to the
# device of the network.


class GaussianLoss(nn.Module):  # minus the log-likelihood of normal errors, without its constant
    def __init__(self):
        super().__init__()
        self.log_sigma = nn.Parameter(torch.zeros(()))

    def forward(self, outputs, targets):
        scaled = (targets - outputs) / self.log_sigma.exp()
        return 0.5 * (scaled**2).mean() + self.log_sigma


criterion = GaussianLoss()
w, b = fit_line(criterion, more=criterion.parameters())
print(f"learned sigma {criterion.log_sigma.exp():.2f}, the noise has {(y - w * x - b).std():.2f}")

# %%
# What ends the graph
# -------------------
#
# A loss that counts wrong answers sounds right and has no gradient. ``argmax``, comparisons, ``item()`` and NumPy end
# the graph. ``round`` keeps it, with a gradient of 0. Ask for the gradient of your loss before you train.

logits = new_network()(images)
terms = {
    "wrong answers (argmax)": (logits.argmax(dim=1) != labels).float().mean(),
    "probability of being wrong": (1 - logits.softmax(dim=1)[range(50), labels]).mean(),
    "rounded probability": (1 - logits.softmax(dim=1)[range(50), labels]).round().mean(),
    "a number, by item()": torch.tensor(F.cross_entropy(logits, labels).item()),
}
for name, term in terms.items():
    found = "no graph"
    if term.requires_grad:
        found = f"gradient {torch.autograd.grad(term, logits, retain_graph=True)[0].norm():.4f}"
    print(f"{name:<28}{found}")

# %%
# A sum of two losses
# -------------------
#
# Add tensors, each with a weight, and call ``backward`` once on the sum. The gradient is the sum of the gradients. So
# compare the norms of the gradients, and not the losses. With weight 0.01, this penalty on the weights is smaller than
# the cross-entropy and still pulls harder.

network = new_network()
entropy = F.cross_entropy(network(images), labels)
penalty = sum(p.abs().sum() for p in network.parameters())
for weight in (1.0, 0.1, 0.01):
    pulls = slope_of(entropy, network), slope_of(weight * penalty, network)
    print(
        f"weight {weight:<5} losses {entropy:.2f} and {weight * penalty:6.2f}; "
        f"gradients {pulls[0]:.2f} and {pulls[1]:.2f}"
    )
(entropy + 0.01 * penalty).backward()

# %%
# Numbers that break a loss
# -------------------------
#
# ``log`` and ``sqrt`` have an infinite slope at 0, and 0 divided by 0 is NaN. Choose functions that are safe, such as
# ``log_softmax`` or ``F.softplus``, or add a small number *inside* that your dtype does not round to 0. A ``where``
# around the result does not help. Its backward pass multiplies 0 by the infinite slope, which is NaN.

ways = {
    "where(d > 0, sqrt(d), 0)": lambda d: torch.where(d > 0, d.sqrt(), 0.0),
    "sqrt(where(d > 0, d, 1))": lambda d: torch.where(d > 0, d, 1.0).sqrt() * (d > 0),
    "sqrt(d + 1e-8)": lambda d: (d + 1e-8).sqrt(),
}
for name, way in ways.items():
    d = torch.tensor([4.0, 0.0], requires_grad=True)
    (slope,) = torch.autograd.grad(way(d).sum(), d)
    print(f"{name:<26}value {way(d).sum():.2f}, gradient {slope.tolist()}")

# %%
# .. use-this::
#
#    Write a plain function of ``(outputs, targets)`` that takes batches of tensors and ends with ``.mean()``, so that
#    the gradient does not grow with the batch size. Deviate with a module where the loss has settings or parameters.
#    Write a ``torch.autograd.Function`` where autograd cannot compute the gradient. The cost is the memory of the
#    intermediate results that ``backward`` needs.
#
# A common mistake
# ----------------
#
# **A mean over a mask that selects nothing.** Padding or missing targets are often left out with a mask. A batch
# without a valid target has the mean of an empty tensor, which is NaN. Divide the sum by the count, and let the count
# be at least 1. The loss of that batch is then 0, and so is its gradient (if the values left out are finite).

each = torch.tensor([0.5, 2.0, 1.0], requires_grad=True)
nothing = torch.tensor([False, False, False])
print("mean of the selected:", each[nothing].mean().item())
safe = (each * nothing).sum() / nothing.sum().clamp(min=1)
slope = torch.autograd.grad(safe, each)[0].tolist()
print("sum by count:        ", safe.item(), " gradient", slope)

# %%
# How this was checked

for share, (w, b) in fits.items():
    assert abs((y < w * x + b).float().mean() - share) < 0.03
    assert abs((test_y < w * test_x + b).float().mean() - share) < 0.05
g = torch.Generator().manual_seed(0)
for share in (0.1, 0.5, 0.9):  # by a loop; and the best constant is the quantile
    a, t = torch.randn(20, generator=g), torch.randn(20, generator=g)
    pairs = zip(a.tolist(), t.tolist(), strict=True)
    loops = [share * (q - p) if q > p else (1 - share) * (p - q) for p, q in pairs]
    torch.testing.assert_close(quantile_loss(a, t, share), torch.tensor(loops).mean())
    grid = torch.linspace(-3, 3, 6001)
    many = torch.randn(999, generator=g)
    costs = torch.stack([quantile_loss(c, many, share) for c in grid])
    assert abs(grid[costs.argmin()] - many.quantile(share)) < 0.01
torch.testing.assert_close(quantile_loss(a, t), F.l1_loss(a, t) / 2)
found = criterion(a, t)
by_torch = F.gaussian_nll_loss(a, t, (2 * criterion.log_sigma).exp().expand(20))
torch.testing.assert_close(found, by_torch)
least = fit_line(F.mse_loss)  # with equal sigmas, the line is that of MSE
assert abs(criterion.log_sigma.exp() - (y - least[0] * x - least[1]).std()) < 0.05
assert not terms["wrong answers (argmax)"].requires_grad
assert not terms["a number, by item()"].requires_grad
flat = torch.autograd.grad(terms["rounded probability"], logits, retain_graph=True)[0]
assert flat.eq(0).all()
with expect_error(RuntimeError, match="element 0 of tensors does not require grad"):
    terms["wrong answers (argmax)"].backward()
# The gradient of the weighted sum is the weighted sum of the gradients.
network = new_network()
parameters = list(network.parameters())
a, b = F.cross_entropy(network(images), labels), sum(p.abs().sum() for p in parameters)
both = torch.autograd.grad(a + 0.01 * b, parameters, retain_graph=True)
one, two = (torch.autograd.grad(term, parameters, retain_graph=True) for term in (a, b))
for whole, first, second in zip(both, one, two, strict=True):
    torch.testing.assert_close(whole, first + 0.01 * second)
for name, way in ways.items():
    d = torch.tensor([4.0, 0.0], requires_grad=True)
    (slope,) = torch.autograd.grad(way(d).sum(), d)
    assert slope.isfinite().all() == (not name.startswith("where"))
    torch.testing.assert_close(slope[0], torch.tensor(0.25))
assert each[nothing].mean().isnan()
assert (torch.tensor([float("nan"), 1.0, 2.0]) * nothing).sum().isnan()  # a mask as a factor
assert torch.tensor(1e-8, dtype=torch.float16) == 0
assert (torch.zeros(1) / 0).isnan()
assert (torch.ones(1) / 0).isinf()
for size in (1, 10, 1000):  # the gradient of a mean and of a sum, for batches of equal samples
    p = torch.zeros((), requires_grad=True)
    (mean,) = torch.autograd.grad(quantile_loss(p.expand(size), torch.ones(size)), p)
    (total,) = torch.autograd.grad(quantile_loss(p.expand(size), torch.ones(size)) * size, p)
    torch.testing.assert_close(total, size * mean)
    torch.testing.assert_close(mean, torch.tensor(-0.5))
# A function and a module can be given to a training alike; two dimensions work as one.
square = torch.randn(4, 3, generator=g)
torch.testing.assert_close(
    quantile_loss(square, square + 1), quantile_loss(square.flatten(), square.flatten() + 1)
)

# %%
# Check yourself
# --------------

w = torch.tensor(3.0, requires_grad=True)
(w.sum() + 10 * (w**2).detach()).backward()
ask(
    f"w is {w.item():.0f}. The loss is w.sum() + 10 * (w**2).detach(). What is w.grad?",
    answer=w.grad.item(),
    choices={
        61.0: "The second term would add 10 * 2 * 3, but it is cut off by detach().",
        1.0: "The detached term counts in the loss, and is a constant for the gradient.",
        93.0: "That is the value of the loss.",
    },
)

# %%
# The next question is about a loss of shape (N,).

vector = torch.zeros(4, requires_grad=True)
try:
    (vector - 1).abs().backward()
    outcome = "the mean is taken"
except RuntimeError as error:
    outcome = "an error is raised" if "scalar" in str(error) else "another error"
ask(
    "Your loss returns one number for each sample, shape (4,). What happens at backward()?",
    answer=outcome,
    choices={
        "the mean is taken": "PyTorch does not choose a reduction for you.",
        "an error is raised": "grad can be created only for scalar outputs: end with mean() or sum().",
        "the first number is used": "None of them is preferred.",
    },
)

# %%
# **Exercise.** For segmentation one often takes the *Dice loss*: :math:`1 - 2 \sum p t / (\sum p + \sum t)` with the
# probabilities p and the targets t, for each sample of shape (H, W), and then the mean over the batch. Add 1 above and
# below the fraction bar, so that an empty mask costs 0.


def by_loops(p, t):
    costs = []
    for guess, truth in zip(p.tolist(), t.tolist(), strict=True):
        both = total = 0.0
        for row, wanted in zip(guess, truth, strict=True):
            for q, s in zip(row, wanted, strict=True):
                both, total = both + q * s, total + q + s
        costs.append(1 - (2 * both + 1) / (total + 1))
    return torch.tensor(sum(costs) / len(costs))


cases = [
    (torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[1.0, 0.0]]])),
    (torch.rand(2, 3, 4, generator=g), torch.randint(2, (2, 3, 4), generator=g).float()),
    (torch.zeros(2, 2, 2), torch.zeros(2, 2, 2)),
]


def dice_loss(p, t):
    raise NotImplementedError


check(dice_loss, by_loops, cases)

# %%
# Sum over the axes of each sample, and take the mean at the end.

# Solution


def dice_loss(p, t):
    both, total = (p * t).sum(dim=(1, 2)), (p + t).sum(dim=(1, 2))
    return (1 - (2 * both + 1) / (total + 1)).mean()


report = check(dice_loss, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`dataset-and-dataloader`, where the batches come from. If a term has no effect, see
# :ref:`a-loss-without-its-graph`.
#
# - Steinwart and Christmann (2011). `Estimating conditional quantiles with the help of the pinball loss
#   <https://arxiv.org/abs/1102.2101>`__. The loss of this page, and what its minimum says.
# - Kendall, Gal and Cipolla (2018). `Multi-task learning using uncertainty to weigh losses for scene geometry and
#   semantics <https://arxiv.org/abs/1705.07115>`__. Weights of a sum that are learned, as sigma is here.

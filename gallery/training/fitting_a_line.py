"""
.. _fitting-a-line:

Fitting a line: which learning rate is too large?
=================================================

Your training crawls, or the loss grows until it is NaN, and the first suspect is the :term:`learning rate`. For plain
gradient descent on the loss of a line, you can compute the border between the two: 2 divided by the largest curvature
of the loss.
"""

# %%
# Set-up

import matplotlib.pyplot as plt
import torch

from ptguide.exercises import check
from ptguide.questions import ask

x = torch.linspace(0, 10, 50_001, dtype=torch.float64)
y = 2.25 * x + 1.25
best = torch.tensor([2.25, 1.25], dtype=torch.float64)
begin = torch.tensor([1.0, 0.0], dtype=torch.float64)


def loss(wb):
    return ((wb[0] * x + wb[1] - y) ** 2).mean()


def descend(lr, steps):
    """Return w and b before the first step and after each, shape (steps + 1, 2)."""
    wb = begin.clone().requires_grad_()
    path = [wb.detach().clone()]
    for _ in range(steps):
        (gradient,) = torch.autograd.grad(loss(wb), wb)
        with torch.no_grad():
            wb -= lr * gradient
        path.append(wb.detach().clone())
    return torch.stack(path)


def loss_after(steps, make_optimizer):
    wb = begin.clone().requires_grad_()
    optimizer = make_optimizer([wb])
    for _ in range(steps):
        optimizer.zero_grad()
        loss(wb).backward()
        optimizer.step()
    return loss(wb).item()


def curvature(x):
    """Return the second derivatives of the loss of a line, shape (2, 2): for w, and for b."""
    return 2 * torch.stack([x.square().mean(), x.mean(), x.mean(), x.new_ones(())]).reshape(2, 2)


def ratio(x):
    smaller, larger = torch.linalg.eigvalsh(curvature(x)).tolist()
    return larger / smaller


def count_steps(lr, tolerance=1e-3):
    """Return how many steps it takes until w and b are right to the tolerance."""
    (p, q), (_, r) = curvature(x).tolist()
    u, v, steps = 1 - 2.25, 0 - 1.25, 0  # the distance of w and that of b
    while max(abs(u), abs(v)) >= tolerance:
        u, v = u - lr * (p * u + q * v), v - lr * (q * u + r * v)
        steps += 1
    return steps


def draw_valley(rates):
    w_axis = torch.linspace(-0.9, 5, 60, dtype=torch.float64)
    b_axis = torch.linspace(-0.5, 2.5, 50, dtype=torch.float64)
    dw, db = w_axis - 2.25, (b_axis - 1.25).unsqueeze(1)
    surface = x.square().mean() * dw**2 + 2 * x.mean() * dw * db + db**2  # loss, multiplied out
    torch.testing.assert_close(surface[7, 9], loss((w_axis[9], b_axis[7])))
    _, axes = plt.subplots(1, 3, figsize=(5.4, 2.5), sharey=True, layout="constrained")
    for axis, lr in zip(axes, rates, strict=True):
        axis.contourf(w_axis, b_axis, surface.sqrt(), levels=20, cmap="Greys")
        axis.plot(*descend(lr, 12).T, ".-", color="tab:orange", linewidth=0.6, markersize=4)
        axis.plot(*best, "*", color="tab:blue", markersize=10)
        axis.set(title=f"lr = {lr}", xlabel="w", xlim=(-0.9, 5), ylim=(-0.5, 2.5))
    axes[0].set_ylabel("b")
    plt.suptitle("12 steps: creeping, zigzagging in, zigzagging out")
    plt.show()


def draw_steps():
    rates = [border * 10 ** (-k / 20) for k in range(1, 41)]
    rates = sorted(rates + [border * part for part in (0.95, 0.99, 0.999)])
    counts = [count_steps(lr) for lr in rates]
    _, axis = plt.subplots(figsize=(5.4, 2.3), layout="constrained")
    axis.loglog(rates, counts)
    axis.axvline(border, linestyle="--", color="tab:red", label="border")
    axis.set(xlabel="learning rate", ylabel="steps to 0.001")
    axis.legend()
    axis.set_title("Ten times the rate, a tenth of the steps, up to the border")
    plt.show()
    return rates, counts


# %%

draw_valley([0.001, 0.029, 0.03])

# %%
# Each point of the map is a line :math:`y = wx + b`, and its shade is the loss of that line, lighter where it is
# smaller. The loss is a long narrow valley, and the star is its lowest point. The orange points are the steps. In the
# middle they jump across the valley, and the jumps shrink. On the right the jumps grow. You need to know
# :ref:`gradient-descent-four-times`.
#
# The rule
# --------
#
# Let :math:`d` be w and b minus their best values. The gradient is :math:`H d`, where the matrix H holds the second
# derivatives of the loss, its curvature. So a step replaces :math:`d` by :math:`d - \text{lr} \, H d`. Along an
# eigenvector of H with the eigenvalue :math:`\lambda` this multiplies :math:`d` by :math:`1 - \text{lr} \, \lambda`.
# The distance shrinks if this factor is between -1 and 1, so if :math:`\text{lr} < 2 / \lambda`. The largest eigenvalue
# gives the smallest limit, the border. Here is the loss after 200 steps on both sides of it:

H = torch.autograd.functional.hessian(loss, best)
flat, steep = torch.linalg.eigvalsh(H).tolist()
border = 2 / steep
print(f"eigenvalues {flat:.3f} and {steep:.2f}, so the border is {border:.4f}")
for part in (0.5, 0.99, 1.01, 1.5):
    end = loss(descend(part * border, 200)[-1])
    print(f"lr = {part:4} x border: loss {loss(begin):.1f} -> {end:.3g}")
    assert (end < loss(begin)) == (part < 1)

# %%
# Too small is slow
# -----------------
#
# Well below the border the flat direction is the slowest. Each step multiplies its distance by
# :math:`1 - \text{lr} \, \lambda_\text{min}`. The curve shows how many steps it takes until w and b are right to 0.001.
# The best rate is :math:`2 / (\lambda_\text{min} + \lambda_\text{max})`, which is close to the border in a narrow
# valley.

rates, counts = draw_steps()
assert min(counts) == counts[rates.index(0.99 * border)]

# %%
# A rounder valley
# ----------------
#
# The valley is narrow because x is far from 0, and because w and b have different scales. The larger eigenvalue is
# :val:`139 <ratio(x)>` times the smaller. Shift x to mean 0 and scale it to variance 1, and both eigenvalues are equal.
# Then one step at the best rate, :val:`0.5 <2 / curvature(z).trace()>`, ends at the best line.

z = (x - x.mean()) / x.std(correction=0)
for name, inputs in {"x": x, "x - mean": x - x.mean(), "(x - mean) / std": z}.items():
    print(f"{name:<17} largest / smallest eigenvalue: {ratio(inputs):6.1f}")

# %%
# .. use-this::
#
#    Scale the inputs to mean 0 and variance 1 first. It costs one pass over the training data. Here it raises the
#    border to :val:`1 <2 / torch.linalg.eigvalsh(curvature(z))[1]>`. For a network the curvature changes during
#    training, so find the rate by trying. Train shortly with rates a factor of three apart, and take the one with the
#    smallest validation loss. Try again when you change the optimizer, the batch size or the units of the inputs.
#
# A common mistake
# ----------------
#
# **The rate of another optimizer.** A rate that fails with one optimizer can work with the next. The border is that of
# plain gradient descent on this loss. With ``momentum`` the rate may be larger. Adam divides the gradient by its usual
# size, so its steps do not grow with the gradient. Here are 200 steps of each:

SGD, Adam = torch.optim.SGD, torch.optim.Adam
ends = {
    "SGD, 1.01 x border": loss_after(200, lambda wb: SGD(wb, lr=1.01 * border)),
    "with momentum=0.9": loss_after(200, lambda wb: SGD(wb, lr=1.01 * border, momentum=0.9)),
    "Adam, 34 x border": loss_after(200, lambda wb: Adam(wb, lr=34 * border)),
}
for name, end in ends.items():
    print(f"{name:<20} loss {loss(begin):.1f} -> {end:.3g}")

# %%
# How this was checked

torch.testing.assert_close(H, curvature(x))
assert round(border, 4) == 0.0293
directions = torch.linalg.eigh(H).eigenvectors  # in columns: flat, steep
for lr in (0.001, 0.029, 0.03):
    distance = descend(lr, 12) - best
    torch.testing.assert_close(distance[1:], distance[:-1] - lr * distance[:-1] @ H)
    parts = distance @ directions
    shrink = parts.new_tensor([1 - lr * flat, 1 - lr * steep])
    torch.testing.assert_close(parts[12], parts[0] * shrink**12)
bounce = (descend(border, 6) - best) @ directions[
    :, 1
]  # on the border, the steep part keeps its size
torch.testing.assert_close(bounce, bounce[0] * torch.tensor([1, -1, 1, -1, 1, -1, 1.0]).double())
for lr, steps in {0.0003: 47_342, 0.01: 1_417, 0.029: 487}.items():
    assert count_steps(lr) == steps
distance = (descend(0.029, 487) - best).abs().amax(dim=1)  # the same with all points, by autograd
assert (distance[486] >= 1e-3, distance[487] < 1e-3) == (True, True)
ideal = 2 / (flat + steep)
assert 0.99 < ideal / border < 1
torch.testing.assert_close(abs(1 - ideal * flat), abs(1 - ideal * steep))
torch.testing.assert_close(curvature(z), 2 * torch.eye(2, dtype=torch.float64))
wb = torch.zeros(2, dtype=torch.float64, requires_grad=True)
((wb[0] * z + wb[1] - y) ** 2).mean().backward()
w, b = (wb - 0.5 * wb.grad).tolist()  # one step; then back to the old x
mean, scale = x.mean().item(), x.std(correction=0).item()
torch.testing.assert_close([w / scale, b - w * mean / scale], best.tolist())
for scale in (0.01, 1.0, 1000.0):  # Adam's steps, where the gradient stays the same
    p = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.Adam([p], lr=0.1)
    for _ in range(5):
        p.grad = torch.tensor([scale])
        optimizer.step()
    torch.testing.assert_close(p.item(), -0.5, atol=1e-5, rtol=0)
plain, momentum, adam = ends.values()
assert plain > 10 * loss(begin)
assert max(momentum, adam) < 1e-3 * loss(begin)

# %%
# Check yourself
# --------------

doubled = curvature(2 * x)
falls = border / (2 / torch.linalg.eigvalsh(doubled)[1].item())
ask(
    "Every x is measured in half metres, so all become twice as large. What happens to the border?",
    answer="it falls to about a quarter" if 3.5 < falls < 4.5 else "something else",
    choices={
        "it stays": "The curvature contains the mean of x²; it changes with the unit.",
        "it falls to about a half": "The steep curvature grows with x², not with x.",
        "it falls to about a quarter": "The mean of x² grows "
        f"{doubled[0, 0] / curvature(x)[0, 0]:.0f} times, and it makes "
        "nearly all of the curvature.",
    },
)

# %%
# The next question asks for a quick judgement.

after = [abs(1 - lr * steep) for lr in (0.01, 0.029, 0.03)]
ask(
    "With lr = 0.029 the loss falls, but w jumps above and below its goal. What happens at a slightly larger rate?",
    answer="diverges" if after[1] < 1 < after[2] else "converges",
    choices={
        "converges faster": f"The steep part is multiplied by about {-after[1]:.2f} already; it would shrink less.",
        "diverges": f"At 0.03 the factor is {-after[2]:.2f}: each jump is longer than the one before.",
        "crawls": "Small rates crawl.",
    },
)

# %%
# **Exercise.** Compute the border for a linear model with several features. ``x`` has shape (N, F), each feature has a
# weight, and there is no b. The loss is the mean of the squared errors. Return a tensor of shape ().


cases = [(torch.tensor([[1.0], [3.0]]),), (torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]),)]
cases += [(torch.arange(12.0).reshape(4, 3).cos(),)]


def expected_border(x):
    hessian = torch.autograd.functional.hessian(lambda w: (x @ w).square().mean(), x[0])
    return 2 / torch.linalg.eigvalsh(hessian).max()


def largest_rate(x):
    raise NotImplementedError


check(largest_rate, expected_border, cases, without=["hessian"])

# %%
# The second derivatives of the mean of :math:`(x w - y)^2` are :math:`2 x^T x / N`.

# Solution


def largest_rate(x):
    return 2 / torch.linalg.eigvalsh(2 * x.mT @ x / len(x)).max()


report = check(largest_rate, expected_border, cases, without=["hessian"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`the-training-loop`, with a network and real data.
#
# - Goh (2017). `Why momentum really works <https://distill.pub/2017/momentum/>`__. The same border in interactive
#   drawings, and what momentum makes of it.
# - Cohen, Kaur, Li, Kolter and Talwalkar (2021). `Gradient descent on neural networks typically occurs at the edge of
#   stability <https://arxiv.org/abs/2103.00065>`__. The curvature of networks grows until it meets this border.

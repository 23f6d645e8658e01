"""
.. _fitting-a-line:

Fitting a line: which learning rate is too large?
=================================================

With a small :term:`learning rate` a fit crawls, with one that is too large it diverges. For plain gradient descent on
the loss of a line, the border is 2 divided by the largest :term:`eigenvalue` of the loss's curvature. This page derives
the border, meets it from both sides, and draws the way down. You need to know :ref:`gradient-descent-four-times`.
"""

# %%
# The points lie on y = 2.25x + 1.25, for x from 0 to 10, and the fit starts at w = 1, b = 0. Here is what twelve steps
# make of the loss, with three rates.

import torch

x = torch.linspace(0, 10, 50_001, dtype=torch.float64)
y = 2.25 * x + 1.25


def loss(wb):
    return ((wb[0] * x + wb[1] - y) ** 2).mean()


def descend(lr, steps):
    wb = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    path = [wb.detach().clone()]
    for _ in range(steps):
        (gradient,) = torch.autograd.grad(loss(wb), wb)
        with torch.no_grad():
            wb -= lr * gradient
        path.append(wb.detach().clone())
    return torch.stack(path)  # (steps + 1, 2)


paths = {lr: descend(lr, 12) for lr in (0.001, 0.029, 0.03)}
for lr, path in paths.items():
    print(f"lr = {lr:<5}: the loss goes from {loss(path[0]):.1f} to {loss(path[-1]):.1f}")

# %%
# Each place of the map is one line, and its shade the loss of that line. The loss is a long narrow valley, and the star
# its lowest place. A small rate creeps down, a larger one jumps from side to side, and one that is a little larger
# still leaves the valley.

import matplotlib.pyplot as plt

best = torch.tensor([2.25, 1.25], dtype=torch.float64)
w_axis = torch.linspace(-0.9, 5, 60, dtype=torch.float64)
b_axis = torch.linspace(-0.5, 2.5, 50, dtype=torch.float64)
dw, db = w_axis - 2.25, (b_axis - 1.25).unsqueeze(1)
surface = x.square().mean() * dw**2 + 2 * x.mean() * dw * db + db**2  # loss, multiplied out
figure, axes = plt.subplots(1, 3, figsize=(6.5, 2.8), sharey=True, layout="constrained")
for axis, (lr, path) in zip(axes, paths.items(), strict=True):
    axis.contourf(w_axis, b_axis, surface.sqrt(), levels=20, cmap="Greys")
    axis.plot(*path.T, ".-", color="tab:orange", linewidth=0.6, markersize=4)
    axis.plot(*best, "*", color="tab:blue", markersize=10)
    axis.set(title=f"lr = {lr}", xlabel="w", xlim=(-0.9, 5), ylim=(-0.5, 2.5))
axes[0].set_ylabel("b")
figure.suptitle("12 steps: the first rate creeps, the second zigzags in, the third out")
plt.show()

torch.testing.assert_close(surface[7, 9], loss((w_axis[9], b_axis[7])))  # the map is right
ends = {lr: loss(path[-1]) / loss(path[0]) for lr, path in paths.items()}
assert (ends[0.001] < 0.3, ends[0.029] < 0.8, ends[0.03] > 2) == (True, True, True)

# %%
# The border, derived
# -------------------
#
# The gradient is a matrix times the distance from the best line: :math:`H (\theta - \theta^*)`, where
# :math:`H = 2 \begin{pmatrix} \overline{x^2} & \bar x \\ \bar x & 1 \end{pmatrix}` holds the second derivatives and a
# bar means a mean. (H stands for Hessian; for this loss it is the same everywhere.) Each step replaces the distance
# :math:`d` by :math:`d - \text{lr} \, H d`.

H = 2 * torch.stack([x.square().mean(), x.mean(), x.mean(), x.new_ones(())]).reshape(2, 2)
torch.testing.assert_close(torch.autograd.functional.hessian(loss, best), H)
for lr, path in paths.items():
    distance = path - best
    torch.testing.assert_close(distance[1:], distance[:-1] - lr * distance[:-1] @ H)

# %%
# Along an eigenvector of H with the eigenvalue :math:`\lambda`, that is a multiplication by
# :math:`1 - \text{lr} \, \lambda`. The distance shrinks if this lies between -1 and 1, so for
# :math:`0 < \text{lr} < 2 / \lambda`. H has two eigenvectors, and both parts have to shrink, so the larger eigenvalue
# decides.

flat, steep = torch.linalg.eigvalsh(H).tolist()
border = 2 / steep
directions = torch.linalg.eigh(H).eigenvectors  # in columns: flat, steep
for lr, path in paths.items():
    parts = (path - best) @ directions
    shrink = parts.new_tensor([1 - lr * flat, 1 - lr * steep])
    torch.testing.assert_close(parts[12], parts[0] * shrink**12)
print(f"eigenvalues {flat:.3f} and {steep:.2f}: the border is {border:.4f}")
assert round(border, 4) == 0.0293

# %%
# The border, met
# ---------------
#
# One percent below the border the loss ends lower than it began. One percent above it ends higher. On the border
# itself, the steep part of the distance changes its sign with each of the 6 steps, and keeps its size.

start = loss(best.new_tensor([1.0, 0.0]))
assert loss(descend(0.99 * border, 200)[-1]) < 0.1 * start
assert loss(descend(1.01 * border, 200)[-1]) > 10 * start

bounce = (descend(border, 6) - best) @ directions[:, 1]
torch.testing.assert_close(bounce, bounce[0] * torch.tensor([1, -1, 1, -1, 1, -1, 1.0]).double())

# %%
# Other optimizers have other borders
# -----------------------------------
#
# :class:`torch.optim.SGD` with ``momentum`` still converges 1 % above the border, where it diverges without.
# :class:`torch.optim.Adam` takes another kind of step: it gets closer to the line even with 34 times the border. So the
# border is that of this loss and of plain gradient descent, and no rule for a network that is trained by Adam.


def loss_after(steps, make_optimizer):
    wb = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimizer = make_optimizer([wb])
    for _ in range(steps):
        optimizer.zero_grad()
        loss(wb).backward()
        optimizer.step()
    return loss(wb).item()


SGD, Adam = torch.optim.SGD, torch.optim.Adam
assert loss_after(200, lambda wb: SGD(wb, lr=1.01 * border)) > 10 * start
assert loss_after(200, lambda wb: SGD(wb, lr=1.01 * border, momentum=0.9)) < 1e-3 * start
assert loss_after(200, lambda wb: Adam(wb, lr=34 * border)) < 1e-3 * start

# %%
# "0.01, 0.1 (small)"
# -------------------
#
# A note lists these rates for this very fit. Whether a rate is small depends on the curvature: 0.01 is a third of the
# border. 0.1 is more than three times the border, and multiplies the steep part by nearly -6 in each step.

factor = 1 - 0.1 * steep
assert -6 < factor < -5.7
assert border / 4 < 0.01 < border / 2
assert 3 * border < 0.1
assert loss(descend(0.1, 10)[-1]) > 1e14 * start

# %%
# How many steps?
# ---------------
#
# We count the steps until w and b are both within 0.001 of the best. A step is a multiplication by a small matrix, so
# we can count without the points. The flat direction decides now: each step multiplies it by
# :math:`1 - \text{lr} \cdot 0.489`, and a rate
# :val:`33 <0.01 / 0.0003>` times as small needs :val:`33 <needed[0.0003] / needed[0.01]>` times as many.


def count_steps(lr, matrix=H, tolerance=1e-3):
    (a, b), (_, c) = matrix.tolist()
    u, v, steps = 1 - 2.25, 0 - 1.25, 0  # the distance of w and that of b
    while max(abs(u), abs(v)) >= tolerance:
        u, v = u - lr * (a * u + b * v), v - lr * (b * u + c * v)
        steps += 1
    return steps


needed = {lr: count_steps(lr) for lr in (0.0003, 0.01, 0.029)}
print(needed)
assert needed == {0.0003: 47_342, 0.01: 1_417, 0.029: 487}
distance = (descend(0.029, 487) - best).abs().amax(dim=1)  # the same with all points, by autograd
assert (distance[486] >= 1e-3, distance[487] < 1e-3) == (True, True)

# %%
# The number of steps falls as the rate grows, and goes straight up just before the border. At the best rate, steep and
# flat part shrink alike: it is :math:`2 / (\lambda_\text{min} + \lambda_\text{max})`. Here, where one eigenvalue is
# much larger than the other, that is close to the first rate that fails. With equal eigenvalues it is half of the
# border.

ideal = 2 / (flat + steep)
assert 0.99 < ideal / border < 1
assert 2 / (steep + steep) == border / 2
torch.testing.assert_close(abs(1 - ideal * flat), abs(1 - ideal * steep))

rates = [border * 10 ** (-k / 20) for k in range(1, 41)] + [border * s for s in (0.95, 0.99, 0.999)]
rates.sort()
counts = [count_steps(lr) for lr in rates]
falling = [count for lr, count in zip(rates, counts, strict=True) if lr < ideal]
assert falling == sorted(falling, reverse=True)
assert counts[-1] > 2 * min(counts)  # 0.999 of the border
figure, axis = plt.subplots(figsize=(6.5, 3), layout="constrained")
axis.loglog(rates, counts)
axis.loglog(list(needed), list(needed.values()), "o")
axis.axvline(border, linestyle="--", color="tab:red")
axis.set(xlabel="learning rate", ylabel="steps to 0.001")
axis.set_title("Ten times the rate, a tenth of the steps, up to the border (dashed)")
plt.show()

# %%
# What helps: inputs of one size
# ------------------------------
#
# The valley is narrow because the larger eigenvalue is 139 times the smaller. If x is shifted to mean 0, it is
# :val:`8.3 <spread(x - mean)>` times the smaller; if x is scaled to variance 1, :val:`23 <spread(x / scale)>` times.
# With both, H is 2 on the diagonal and 0 elsewhere: a round bowl. Then the rate 0.5 goes to the bottom in a single
# step. The line in the old x follows from the one in the new.


def hessian_of(x):
    return 2 * torch.stack([x.square().mean(), x.mean(), x.mean(), x.new_ones(())]).reshape(2, 2)


def spread(x):
    smaller, larger = torch.linalg.eigvalsh(hessian_of(x)).tolist()
    return larger / smaller


assert 139 < spread(x) < 140
mean, scale = x.mean(), x.std(correction=0)
z = (x - mean) / scale
torch.testing.assert_close(hessian_of(z), 2 * torch.eye(2, dtype=torch.float64))
wb = torch.zeros(2, dtype=torch.float64, requires_grad=True)
(((wb[0] * z + wb[1] - y) ** 2).mean()).backward()
w, b = (wb - 0.5 * wb.grad).tolist()
torch.testing.assert_close([w / scale.item(), b - w * (mean / scale).item()], best.tolist())

# %%
# What goes wrong
# ---------------
#
# ``lr *= 0.9999`` is to shrink the rate a little with each step. Here the loop sets ``lr`` at its top, which undoes the
# shrinking at each turn. Set ``lr`` once, before the loop.

used = []
for _step in range(1000):
    lr = 0.01  # here the shrinking is lost
    used.append(lr)
    lr *= 0.9999
assert set(used) == {0.01}

import math

lr, used = 0.01, []
for _step in range(1000):
    used.append(lr)
    lr *= 0.9999
assert len(set(used)) == 1000
assert math.isclose(used[-1], 0.01 * 0.9999**999)

# %%
# An :term:`optimizer` keeps a rate of its own, in ``param_groups``: change it there. A number ``lr`` that was given to
# it once is not read again.

lr = 0.01
optimizer = torch.optim.SGD([torch.zeros(3, requires_grad=True)], lr=lr)
lr *= 0.5
assert optimizer.param_groups[0]["lr"] == 0.01
optimizer.param_groups[0]["lr"] *= 0.5
assert optimizer.param_groups[0]["lr"] == 0.005

# %%
# Exercise: the border for any features
# -------------------------------------
#
# ``x`` has shape (N, F): N items with F features, each with a weight, and no b. The loss is the mean of the squared
# errors. Return the border as a tensor of shape ().

from ptguide.exercises import check

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
# Check yourself
# --------------

from ptguide.questions import ask

doubled = H * torch.tensor([[4, 2], [2, 1]])  # of 2x: x² grows 4 times, x twice
ratio = border / (2 / torch.linalg.eigvalsh(doubled)[1].item())
ask(
    "Every x is measured in half metres, so all become twice as large. What happens to the border?",
    answer="it falls to about a quarter" if 3.5 < ratio < 4.5 else "something else",
    choices={
        "it stays": "The curvature contains the mean of x²; it changes with the unit.",
        "it falls to about a half": "The steep curvature grows with x², not with x.",
        "it falls to about a quarter": "The mean of x² grows 4 times, and it makes nearly all of the curvature.",
    },
)

# %%
# And a quick judgement:

after = [abs(1 - lr * steep) for lr in (0.01, 0.029, 0.03)]
ask(
    "With lr = 0.029 the loss falls, but w jumps above and below its goal. What does a slightly larger rate do?",
    answer="diverges" if after[1] < 1 < after[2] else "converges",
    choices={
        "converges faster": f"The steep part is multiplied by about {-after[1]:.2f} already; it would shrink less.",
        "diverges": f"At 0.03 the factor is {-after[2]:.2f}: each jump is longer than the one before.",
        "crawls": "Crawling is what small rates do.",
    },
)

# %%
# Next: :ref:`the-training-loop`, with a network and real data.

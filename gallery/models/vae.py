"""
.. _vae:

How does a VAE work? (reparameterization trick, KL loss)
========================================================

You want *new* images from random codes, and an :ref:`autoencoder <autoencoder>` may put its codes anywhere. A
variational autoencoder (VAE) is trained to have codes that look like samples of a standard Gaussian.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from ptguide import models
from ptguide.data import digits
from ptguide.devices import pick_device
from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

device = pick_device()
images = digits("train").inputs.to(device)  # (1085, 1, 8, 8), from 0 to 1
unseen = digits("validation").inputs.to(device)


def train(seed, beta=1.0, latent=8, steps=350):
    """Train a VAE whose KL divergence counts ``beta`` times; with 0, a plain autoencoder."""
    torch.manual_seed(seed)
    settings = models.VAESettings(shape=(1, 8, 8), hidden=(128,), latent=latent, activation="relu")
    model = models.VAE(settings).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003, fused=device.type == "cpu")
    for _ in range(steps):
        x = images[torch.randint(len(images), (100,)).to(device)]
        mean, log_variance = model.encode(x)
        z = model.reparameterise(mean, log_variance) if beta else mean
        loss = model.reconstruction_loss(model.decode(z), x)
        loss = (loss + beta * model.kl_divergence(mean, log_variance)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


@torch.no_grad()
def measure(model):
    """Return reconstruction loss and KL divergence of an unseen image, in nats, and how much outputs differ."""
    torch.manual_seed(0)
    logits, mean, log_variance = model(unseen)
    reconstruction = model.reconstruction_loss(logits, unseen).mean().item()
    divergence = model.kl_divergence(mean, log_variance).mean().item()
    return reconstruction, divergence, logits.sigmoid().std(dim=0).mean().item()


@torch.no_grad()
def codes_of(model, beta=1.0):
    mean, log_variance = model.encode(unseen)
    return model.reparameterise(mean, log_variance) if beta else mean


plain = [train(seed, beta=0) for seed in range(2)]
by_beta = {beta: [train(seed, beta) for seed in range(2)] for beta in (0.2, 1, 5)}
flat = train(seed=0, latent=2)


def draw_samples():
    rows = {}
    for beta, group in by_beta.items():
        torch.manual_seed(4)
        rows[f"weight {beta}"] = group[0].sample(10).detach()
    _, axes = plt.subplots(3, 10, figsize=(7, 2.4), layout="constrained")
    for line, (name, row) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(line, row, strict=True):
            axis.imshow(image[0].cpu().numpy(), cmap="gray_r", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    plt.suptitle("New digits, decoded from random codes of a standard Gaussian", fontsize=10)
    plt.show()


def draw_plane():
    steps = 9
    at = Normal(0.0, 1.0).icdf(torch.linspace(0.03, 0.97, steps))  # equally probable steps
    z = torch.cartesian_prod(-at, at).flip(1).to(device)  # second number downward, first rightward
    with torch.no_grad():
        tiles = flat.decode(z).sigmoid().reshape(steps, steps, 8, 8)
    tiles = F.pad(tiles, (1, 1, 1, 1))  # a white frame
    picture = tiles.permute(0, 2, 1, 3).reshape(10 * steps, 10 * steps)
    _, axis = plt.subplots(figsize=(3.6, 3.6), layout="constrained")
    axis.imshow(picture.cpu().numpy(), cmap="gray_r", vmin=0, vmax=1)
    ticks = torch.arange(0, steps, 2)
    axis.set_xticks(
        (10 * ticks + 5).tolist(), [f"{round(at[k].item(), 1) + 0:.1f}" for k in ticks], fontsize=8
    )
    axis.set_yticks(
        (10 * ticks + 5).tolist(), [f"{round(-at[k].item(), 1) + 0:.1f}" for k in ticks], fontsize=8
    )
    axis.set(xlabel="first number of the code", ylabel="second number")
    axis.set_title("Neighbors in the plane of codes look alike", fontsize=10)
    plt.show()
    return tiles


# %%

# Varies with the processor: a training amplifies how it rounds.
draw_samples()

# %%
# Each row decodes the same ten random codes. The rows differ in how much the loss asks for Gaussian codes (the weight
# is :math:`\beta` below). A small weight gives sharper images, and the largest gives nearly the same one for each code.
# A plain autoencoder has weight 0 and no noise. The output has the standard deviations of its codes, and of the codes
# of the VAE with weight 1. The Gaussian has 1. You need to know :ref:`autoencoder` and :ref:`kl-divergence`.
#
# .. longer: 9 cells; 7 screens — the trick, the KL divergence, the plane of codes and its weight have a cell each

# Varies with the processor: a training amplifies how it rounds.
for seed in range(2):
    spread = codes_of(plain[seed], beta=0).std(dim=0)
    spread_vae = codes_of(by_beta[1][seed]).std(dim=0)
    print(
        f"seed {seed}: autoencoder {spread.min().item():.1f} to {spread.max().item():.1f}", end=", "
    )
    print(f"VAE {spread_vae.min().item():.2f} to {spread_vae.max().item():.2f}")
    assert spread.min() > 1.15 * spread_vae.max()
    assert 0.7 < spread_vae.min() < spread_vae.max() < 1.3

# %%
# The rule
# --------
#
# The encoder gives a Gaussian for each image: a mean :math:`\mu` and a variance :math:`\sigma^2` for each of the
# :math:`L` numbers of the code. The decoder gets a sample :math:`z` of it. The loss of an image is the reconstruction
# loss, summed over the pixels, plus the KL divergence of this Gaussian from the standard Gaussian:
#
# .. math:: -\log p(x \mid z) + \tfrac12 \sum_{l=1}^{L} \left(\mu_l^2 + \sigma_l^2 - 1 - \log \sigma_l^2\right)
#
# The encoder gives :math:`\log \sigma^2`, because a logarithm may be negative, and a variance may not. For a code of 8
# numbers, its last layer has 16 outputs.


class VAE(nn.Module):
    def __init__(self, pixels, hidden, latent):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent)
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, pixels)
        )

    def loss(self, x):
        mean, log_variance = self.encoder(x).chunk(2, dim=1)  # (N, L) each
        z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        logits = self.decoder(z)  # (N, pixels)
        pixels = F.binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="none")
        divergence = (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2
        return pixels.sum(dim=1).mean(), divergence.mean()


torch.manual_seed(0)
model = VAE(64, 128, 8).to(device)
print("five images give", tuple(model.encoder(images[:5]).shape))
reconstruction, divergence = model.loss(images)
print(f"untrained: reconstruction {reconstruction.item():.2f}, KL {divergence.item():.2f} nats")

# %%
# Why ``mean + std * noise``? The reparameterization trick
# --------------------------------------------------------
#
# A sample that is drawn from a distribution has no gradient. Written as mean plus standard deviation times noise, it is
# a function of both, and the noise is a constant. ``Normal.sample()`` draws in the first way, and ``Normal.rsample()``
# in the second.

mean, log_variance = torch.zeros(8, requires_grad=True), torch.zeros(8, requires_grad=True)
gaussian = Normal(mean, (log_variance / 2).exp())
with expect_error(RuntimeError, match="does not require grad"):
    gaussian.sample().sum().backward()
torch.manual_seed(0)
gaussian.rsample().square().sum().backward()
torch.manual_seed(0)
noise = torch.randn(8)
print("gradient of mean, of log_variance:", mean.grad[0].item(), log_variance.grad[0].item())
torch.testing.assert_close(mean.grad, 2 * noise)
torch.testing.assert_close(log_variance.grad, noise**2)

# %%
# The KL divergence by three ways
# -------------------------------
#
# The three ways are the formula, ``torch.distributions``, and the definition: the mean of :math:`\log q(z) - \log p(z)`
# over samples of :math:`q`. It is 0 where :math:`q` is the standard Gaussian. So a number of the code that says nothing
# costs nothing.

q, p = Normal(torch.tensor([1.5, 0.0]), torch.tensor([0.4, 1.0])), Normal(0.0, 1.0)
formula = (q.mean**2 + q.variance - 1 - q.variance.log()) / 2
torch.testing.assert_close(formula, kl_divergence(q, p))
torch.manual_seed(0)
z = q.sample((100_000,))
sampled = (q.log_prob(z) - p.log_prob(z)).mean(dim=0)
print(
    "formula",
    *(f"{each:.3f}" for each in formula),
    " sampled",
    *(f"{each:.3f}" for each in sampled),
)
torch.testing.assert_close(sampled, formula, rtol=0, atol=0.03)

# %%
# Train it
# --------
#
# The two parts of the loss pull in two directions: exact codes rebuild the image better, and cost more KL divergence.
# The loss is that of the last batch of the epoch. A gray pixel counts as the probability of ink, so the reconstruction
# loss cannot reach 0.

# Varies with the processor: a training amplifies how it rounds.
optimizer = torch.optim.Adam(model.parameters(), lr=0.003, fused=device.type == "cpu")
for epoch in range(30):
    for chosen in torch.randperm(len(images)).split(100):
        reconstruction, divergence = model.loss(images[chosen.to(device)])
        loss = reconstruction + divergence
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch in (0, 9, 29):
        print(
            f"epoch {epoch + 1:>2}: reconstruction {reconstruction.item():.1f}, KL {divergence.item():.1f} nats"
        )
floor = F.binary_cross_entropy(unseen, unseen, reduction="none").flatten(1).sum(dim=1).mean()
print(f"the least that is possible for gray pixels: {floor.item():.1f} nats")

# %%
# What lies between the codes?
# ----------------------------
#
# This VAE has a code of two numbers. Its plane is decoded at :val:`81 <tiles.shape[:2].numel()>` places, in steps that
# are equally probable under the Gaussian. Neighbors look alike, so one digit changes into another from tile to tile.

# Varies with the processor: a training amplifies how it rounds.
tiles = draw_plane()

# %%
# A weight on the KL divergence: :math:`\beta`
# --------------------------------------------
#
# With :math:`\beta = 0.2` images are rebuilt better, at the price of a larger KL divergence. With :math:`\beta = 5`
# the divergence is nearly 0, and the codes say next to nothing of the image. The table has means of unseen images, for
# two seeds.

# Varies with the processor: a training amplifies how it rounds.
table = {beta: torch.tensor([measure(one) for one in group]) for beta, group in by_beta.items()}
for beta, rows in table.items():
    for name, column in zip(("reconstruction", "KL"), rows.T[:2], strict=True):
        print(f"beta {beta:<4}{name:<15}", *(f"{each:5.1f}" for each in column), "nats")
for low, high in ((0.2, 1), (1, 5)):
    assert table[low][:, 0].max() < table[high][:, 0].min() - 1
    assert table[low][:, 1].min() > table[high][:, 1].max() + 1
assert table[5][:, 1].max() < 0.2

# %%
# .. use-this::
#
#    Sum the reconstruction loss over the pixels and the KL divergence over the code. Take the mean of their sum over
#    the batch, with :math:`\beta = 1`. For pixels from 0 to 1, take ``binary_cross_entropy_with_logits``. New images
#    are ``decoder(torch.randn(N, L)).sigmoid()``. Lower :math:`\beta` where the images are too soft, and look whether
#    random codes still give digits. Where you need codes rather than new images, a plain autoencoder rebuilds better. A
#    VAE costs one more output of the encoder for each number of the code.
#
# A common mistake
# ----------------
#
# **The mean over pixels, and the sum over the code.** The default ``reduction="mean"`` divides the reconstruction loss
# by the number of pixels, which is :math:`\beta = 64` here. Then the KL divergence wins: the encoder gives the
# standard Gaussian for each image, and the outputs are nearly the same. This is *posterior collapse*. Sum over the
# pixels.

# Varies with the processor: a training amplifies how it rounds.
collapsed = [train(seed, beta=64, steps=200) for seed in range(2)]
for name, group in {"mean over pixels": collapsed, "sum over pixels": by_beta[1]}.items():
    for seed, one in enumerate(group):
        _, divergence, spread = measure(one)
        print(f"{name:<17}seed {seed}: KL {divergence:.2f} nats, outputs vary by {spread:.3f}")
        assert (divergence < 0.2) == (group is collapsed)
        assert (spread < 0.05) == (group is collapsed)

# %%
# How this was checked

# Varies with the processor: a training amplifies how it rounds.
# The mean over all pixels, with the KL divergence, is a 64th of the loss with beta 64.
torch.manual_seed(0)
x = images[:50]
logits, mean, log_variance = by_beta[1][0](x)
divergence = models.VAE.kl_divergence(mean, log_variance).mean()
by_mean = F.binary_cross_entropy_with_logits(logits, x) + divergence
by_sum = models.VAE.reconstruction_loss(logits, x).mean() + 64 * divergence
torch.testing.assert_close(64 * by_mean, by_sum)
# Ours is the network of ptguide.models: the same weights and noise, the same loss and gradients.
twin = models.VAE(
    models.VAESettings(shape=(1, 8, 8), hidden=(128,), latent=8, activation="relu")
).to(device)
for parameter, other in zip(model.parameters(), twin.parameters(), strict=True):
    other.data.copy_(parameter.data)
torch.manual_seed(1)
ours = sum(model.loss(x))
torch.manual_seed(1)
theirs = twin.loss(x)
torch.testing.assert_close(ours, theirs)
for mine, other in zip(
    torch.autograd.grad(ours, list(model.parameters())),
    torch.autograd.grad(theirs, list(twin.parameters())),
    strict=True,
):
    torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-4)
# The KL formula against torch.distributions, for random Gaussians; it is 0 for the standard Gaussian alone.
generator = torch.Generator().manual_seed(0)
for shape in ((1, 1), (5, 3), (2, 20)):
    mean = torch.randn(shape, generator=generator)
    log_variance = torch.randn(shape, generator=generator)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(models.VAE.kl_divergence(mean, log_variance), expected)
    assert (expected > 0).all()
assert models.VAE.kl_divergence(torch.zeros(2, 3), torch.zeros(2, 3)).tolist() == [0, 0]
# Gradients by reparameterization are right on average: the mean of z squared is mean^2 + variance.
mean, log_variance = torch.tensor(0.7, requires_grad=True), torch.tensor(-0.4, requires_grad=True)
noise = torch.randn(200_000, generator=generator)
(mean + (log_variance / 2).exp() * noise).square().mean().backward()
torch.testing.assert_close(mean.grad, 2 * mean.detach(), rtol=0, atol=0.02)
torch.testing.assert_close(log_variance.grad, log_variance.detach().exp(), rtol=0, atol=0.02)
# For images of 0 and 1, the loss is at least -log p(x): integrated over a grid of the two numbers.
black_and_white = unseen[:6].round()
axis = torch.linspace(-6, 6, 161)
grid = torch.cartesian_prod(axis, axis).to(device)
with torch.no_grad():
    log_prior = Normal(0.0, 1.0).log_prob(grid).sum(dim=1) + 2 * torch.log(axis[1] - axis[0]).item()
    logits = flat.decode(grid).flatten(1)
    losses = torch.stack(
        [torch.stack([flat.loss(one[None]) for _ in range(100)]).mean() for one in black_and_white]
    )
    for one, loss in zip(black_and_white.flatten(1), losses, strict=True):
        each = F.binary_cross_entropy_with_logits(logits, one.expand_as(logits), reduction="none")
        log_likelihood = torch.logsumexp(log_prior - each.sum(dim=1), dim=0)
        assert loss > -log_likelihood - 0.2
# The prior on the grid adds up to 1.
torch.testing.assert_close(log_prior.exp().sum().item(), 1.0, rtol=0, atol=1e-3)
# In the plane, neighbors look alike: they differ by less than half of what two places differ by on average.
rows = tiles.flatten(2)  # (row, column, pixel)
everywhere = torch.cdist(rows.flatten(0, 1), rows.flatten(0, 1)).mean()
for near in (rows[1:] - rows[:-1], rows[:, 1:] - rows[:, :-1]):
    assert near.norm(dim=-1).mean() < 0.5 * everywhere
# What is drawn: sharper with the small weight, and the same for each code with the largest.
softness = {}
for beta, group in by_beta.items():
    with torch.no_grad():
        drawn = [one.sample(200) for one in group]
    softness[beta] = [(image * (1 - image)).mean().item() for image in drawn]
    for many in drawn:
        assert (many.std(dim=0).mean() < 0.05) == (beta == 5)
print("softness:", {beta: [round(one, 3) for one in each] for beta, each in softness.items()})
assert max(softness[0.2]) < 0.97 * min(softness[1])
assert max(softness[1]) < 0.95 * min(softness[5])
# A plain autoencoder rebuilds better, for each pair of seeds.
rebuilt = []
with torch.no_grad():
    for one in plain:
        logits = one.decode(one.encode(unseen)[0])
        rebuilt.append(one.reconstruction_loss(logits, unseen).mean().item())
assert max(rebuilt) < table[1][:, 0].min() - 1
# Gray pixels: the least possible loss is their own entropy.
torch.testing.assert_close(
    floor, models.VAE.reconstruction_loss(unseen.logit().clamp(-50, 50), unseen).mean()
)
for rows in table.values():
    assert (rows[:, 0] > floor.item()).all()

# %%
# Check yourself
# --------------

ask(
    "The encoder gives mean 0 and log_variance 0 for a number of the code. What KL divergence does this number cost?",
    answer=kl_divergence(Normal(0.0, 1.0), Normal(0.0, 1.0)).item(),
    choices={
        0.0: "log_variance 0 is a variance of 1. The Gaussian is the standard one.",
        0.5: "The terms are 0 + 1 - 1 - 0, and half of that.",
        1.0: "The variance is 1, but 1 is taken away.",
    },
)

# %%
# The next question is about the log-variance.

ask(
    "The encoder gives log_variance = 2.0. By which factor is the noise multiplied?",
    answer=round(torch.tensor(2.0 / 2).exp().item(), 2),
    choices={
        7.39: "That is the variance. The noise is multiplied by the standard deviation, its root.",
        2.72: "Half of the log-variance is the logarithm of the standard deviation.",
        1.41: "That is the root of 2. But 2 is a logarithm.",
    },
)

# %%
# **Exercise.** In later models the prior is learned, too. Return the KL divergence of one Gaussian from another for
# each item: all four tensors have shape (N, L), the result has shape (N,).


def by_distributions(mean, log_variance, prior_mean, prior_log_variance):
    q = Normal(mean, (log_variance / 2).exp())
    p = Normal(prior_mean, (prior_log_variance / 2).exp())
    return kl_divergence(q, p).sum(dim=1)


generator = torch.Generator().manual_seed(0)
cases = [
    tuple(torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(4))
    for shape in ((1, 1), (2, 3), (4, 7))
]


def kl_of_two(mean, log_variance, prior_mean, prior_log_variance):
    raise NotImplementedError


check(kl_of_two, by_distributions, cases, without=["kl_divergence"])

# %%
# Measure distance and variance in units of the prior's variance.

# Solution


def kl_of_two(mean, log_variance, prior_mean, prior_log_variance):
    distance = (mean - prior_mean) ** 2 / prior_log_variance.exp()
    log_ratio = log_variance - prior_log_variance
    return (distance + log_ratio.exp() - 1 - log_ratio).sum(dim=1) / 2


report = check(kl_of_two, by_distributions, cases, without=["kl_divergence"])
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`text-classifier` goes from images to words.
#
# - Kingma and Welling (2013). `Auto-encoding variational Bayes <https://arxiv.org/abs/1312.6114>`__. The VAE, with the
#   formula of the KL divergence in its appendix B.
# - Higgins et al. (2017). `beta-VAE: learning basic visual concepts with a constrained variational framework
#   <https://openreview.net/forum?id=Sy2fzU9gl>`__. The effect of a weight on the KL divergence.
# - Doersch (2016). `Tutorial on variational autoencoders <https://arxiv.org/abs/1606.05908>`__. Where the loss comes
#   from, step by step.

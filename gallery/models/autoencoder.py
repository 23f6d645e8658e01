"""
.. _autoencoder:

How does an autoencoder work? (bottleneck, PCA, denoising)
==========================================================

You have images without labels, and want a few numbers that describe each of them. An autoencoder is a :term:`network`
that has to give its input back through a layer with few numbers, the **bottleneck**.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide import models
from ptguide.data import digits
from ptguide.devices import pick_device
from ptguide.exercises import check
from ptguide.questions import ask

device = pick_device()
images = digits("train").inputs.to(device)  # (1085, 1, 8, 8), from 0 to 1
unseen = digits("validation").inputs.to(device)
labels = digits("validation").targets.to(device)


def autoencoder(latent, seed, hidden=(96,)):
    torch.manual_seed(seed)
    settings = models.AutoencoderSettings(shape=(1, 8, 8), hidden=hidden, latent=latent)
    return models.Autoencoder(settings).to(device)


def train(model, seed, noise=0.0, steps=500):
    """Train a model to give clean images back, from noisy ones if there is noise."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003, fused=device.type == "cpu")
    for _ in range(steps):
        x = images[torch.randint(len(images), (128,), generator=generator).to(device)]
        disturbed = x + noise * torch.randn(x.shape, generator=generator).to(device)
        loss = F.mse_loss(model(disturbed), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def train_to_the_end(model):
    """Train on all images at once, with a method that finds the minimum precisely."""
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=150, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = F.mse_loss(model(images), images)
        loss.backward()
        return loss

    optimizer.step(closure)
    return model


def error(model, inputs, wanted=None):
    """Return the mean squared error of a pixel."""
    with torch.no_grad():
        return F.mse_loss(model(inputs), inputs if wanted is None else wanted).item()


class PCA:
    """Keep the directions of largest variance."""

    def __init__(self, images, latent):
        rows = images.flatten(1)
        self.mean = rows.mean(dim=0)
        self.directions = torch.linalg.svd(rows - self.mean, full_matrices=False).Vh[:latent]

    def __call__(self, x):
        codes = (x.flatten(1) - self.mean) @ self.directions.T  # (N, latent)
        return (self.mean + codes @ self.directions).reshape(x.shape)


trained = {
    latent: [train(autoencoder(latent, seed), seed) for seed in range(2)] for latent in (2, 4, 10)
}
linear = {latent: PCA(images, latent) for latent in trained}


def draw_rows(rows, title):
    """Draw rows of ten images, each row with a name."""
    _, axes = plt.subplots(
        len(rows), 10, figsize=(7, 0.72 * len(rows) + 0.35), layout="constrained"
    )
    for line, (name, row) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(line, row, strict=True):
            axis.imshow(image[0].cpu().numpy(), cmap="gray_r", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    plt.suptitle(title, fontsize=10)
    plt.show()


def draw_reconstructions():
    shown = torch.stack([unseen[labels == digit][0] for digit in range(10)])
    rows = {"input": shown}
    for latent in (2, 10):
        with torch.no_grad():
            rows[f"from {latent} numbers"] = trained[latent][0](shown)
    draw_rows(rows, "Unseen digits of 64 pixels, rebuilt from a few numbers each")


def draw_codes():
    with torch.no_grad():
        codes = trained[2][0].encode(unseen).cpu()
    _, axis = plt.subplots(figsize=(5.4, 3.0), layout="constrained")
    for digit in range(10):
        here = codes[(labels == digit).cpu()].T.numpy()
        axis.plot(*here, marker=f"${digit}$", linestyle="", markersize=5)
    axis.set(xlabel="first number", ylabel="second number")
    axis.set_title("The two numbers of each unseen image", fontsize=10)
    plt.show()


def draw_sizes():
    sizes = [2, 4, 10]
    _, axis = plt.subplots(figsize=(4.6, 2.4), layout="constrained")
    axis.plot(sizes, [error(linear[n], unseen) for n in sizes], "s--", label="PCA")
    runs = torch.tensor(
        [[error(model, unseen) for model in trained[n]] for n in sizes]
    )  # (size, seed)
    axis.plot(sizes, runs.mean(dim=1).numpy(), "o-", label="autoencoder")
    for row in runs.T:
        axis.plot(sizes, row.numpy(), "o", color="C1", markersize=3)
    axis.set(xlabel="numbers in the bottleneck", ylabel="error", xticks=sizes, ylim=(0, None))
    axis.legend(fontsize=8)
    axis.set_title("With hidden layers, the error is smaller", fontsize=10)
    plt.show()


# %%

# Varies with the processor: a training amplifies how it rounds.
draw_reconstructions()

# %%
# Ten numbers keep most of an image, two keep its rough form. No label was used. You need to know
# :ref:`feed-forward-digits`.
#
# .. longer: 7 screens — the codes, PCA, the number of codes and denoising have a cell each
#
# The rule
# --------
#
# The **encoder** maps an image :math:`x` to its **code** :math:`z`, the **decoder** maps the code to an image
# :math:`\hat x`. The loss compares the output with the *input*, for example :math:`\frac{1}{D}\sum_d (\hat x_d -
# x_d)^2` over :math:`D` pixels. The code has fewer numbers than the image, so it cannot hold a copy pixel by pixel. The
# network has to use what the images have in common.


class Autoencoder(nn.Module):
    def __init__(self, pixels, hidden, latent):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, hidden), nn.ReLU(), nn.Linear(hidden, latent)
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, pixels)
        )

    def forward(self, x):
        return self.decoder(self.encoder(x)).reshape(x.shape)


torch.manual_seed(0)
model = Autoencoder(64, 96, 10).to(device)
code = model.encoder(images[:5])
for name, tensor in {"images": images[:5], "codes": code, "output": model(images[:5])}.items():
    print(f"{name:<8}{tuple(tensor.shape)}")

# %%
# Train it
# --------
#
# The training loop is that of :ref:`the-training-loop`, with ``x`` in the place of the labels. Measure on images that
# it has not seen: an autoencoder can overfit like a classifier. For comparison, the last number is the error of a model
# that answers each image with the mean of the training images.

# Varies with the processor: a training amplifies how it rounds.
optimizer = torch.optim.Adam(model.parameters(), lr=0.003, fused=device.type == "cpu")
for _ in range(60):
    for chosen in torch.randperm(len(images)).split(100):
        x = images[chosen.to(device)]
        loss = F.mse_loss(model(x), x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
mean_image = images.mean(dim=0).expand_as(unseen)
print(f"seen {error(model, images):.4f}, unseen {error(model, unseen):.4f}", end=", ")
print(f"the mean image {F.mse_loss(mean_image, unseen).item():.4f}")
assert error(model, unseen) < 0.4 * F.mse_loss(mean_image, unseen)

# %%
# What is in the bottleneck?
# --------------------------
#
# With two numbers, each image is a point. No label was used, and yet most images have an image of the same digit as
# their nearest neighbor.

# Varies with the processor: a training amplifies how it rounds.
draw_codes()
for seed, one in enumerate(trained[2]):
    with torch.no_grad():
        codes = one.encode(unseen)
    distances = torch.cdist(codes, codes).fill_diagonal_(torch.inf)
    same = (labels[distances.argmin(dim=1)] == labels).float().mean().item()
    print(f"seed {seed}: nearest is of the same digit for {same:.0%}")
    assert same > 0.5

# %%
# Without hidden layers it is PCA
# -------------------------------
#
# PCA keeps the directions in which the images vary most. A linear encoder and decoder cannot do better on the images
# that both are fitted to. A long training comes close to the same plane, here of four dimensions. The numbers in the
# bottleneck differ from those of PCA. PCA makes its directions orthogonal, and the loss does not ask for that.

# Varies with the processor: a training amplifies how it rounds.
best = linear[4]
for seed in range(2):
    model_4 = train_to_the_end(autoencoder(4, seed, hidden=()))
    print(
        f"seed {seed}: linear autoencoder {error(model_4, images):.5f}, PCA {error(best, images):.5f}"
    )
    assert 0.9999 < error(model_4, images) / error(best, images) < 1.02

# %%
# What do the hidden layers bring?
# --------------------------------
#
# With them, the outputs form a curved surface and not a plane. At each of the three sizes, the error on unseen images
# is at least a fifth smaller than that of PCA. Small dots are two seeds. More numbers in the bottleneck make both
# errors smaller, so this error does not say where to stop.

# Varies with the processor: a training amplifies how it rounds.
draw_sizes()
for size, group in trained.items():
    assert max(error(one, unseen) for one in group) < 0.8 * error(linear[size], unseen)
for smaller, larger in ((2, 4), (4, 10)):
    assert error(linear[larger], unseen) < 0.8 * error(linear[smaller], unseen)
    least = min(error(one, unseen) for one in trained[smaller])
    assert max(error(one, unseen) for one in trained[larger]) < 0.8 * least

# %%
# How does it remove noise?
# -------------------------
#
# A **denoising** autoencoder gets a noisy image and is compared with the *clean* one. Trained in this way, it removes
# such noise from unseen images better than one with the same bottleneck that saw clean images alone. The table shows
# the error against the clean images.

# Varies with the processor: a training amplifies how it rounds.
generator = torch.Generator().manual_seed(9)
noisy = unseen + 0.4 * torch.randn(unseen.shape, generator=generator).to(device)
denoising = [train(autoencoder(10, seed), seed, noise=0.4) for seed in range(2)]
with torch.no_grad():
    rows = {"noisy": noisy[:10], "denoised": denoising[0](noisy[:10]), "clean": unseen[:10]}
draw_rows(rows, "Trained on noisy inputs, it gives back the digit")
for name, group in {"on clean images": trained[10], "to denoise": denoising}.items():
    print(f"trained {name:<16}", *(f"{error(one, noisy, unseen):.4f}" for one in group))
print(f"the noisy images        {F.mse_loss(noisy, unseen).item():.4f}")

# %%
# .. use-this::
#
#    Take an encoder and a decoder that mirror each other, the loss ``F.mse_loss(model(x), x)``, and no activation on
#    the code or the output. Take the smallest bottleneck whose error on unseen images you can accept, and compare with
#    PCA, which needs no training. For photos, take convolutions with stride 2, and :class:`torch.nn.ConvTranspose2d`
#    back. Training needs a second network, the decoder. To draw *new* images from random codes, take a :ref:`vae`.
#
# A common mistake
# ----------------
#
# **An output that cannot reach the input.** ``nn.Sigmoid`` at the end gives numbers between 0 and 1. Inputs with mean
# 0 and deviation 1 leave this range, so that no training gets below the error that the best output in reach has. Scale
# the images to 0 to 1, or leave the sigmoid out.

normalized = (images - images.mean()) / images.std()
for name, x in {"mean 0, deviation 1": normalized, "0 to 1": images}.items():
    floor = (F.mse_loss(x.clamp(0, 1), x) / x.var()).item()  # the best that a sigmoid can do
    print(
        f"{name:<20} from {x.min().item():.1f} to {x.max().item():.1f}, error at least {floor:.0%} of the variance"
    )
    assert (floor > 0.3) == (x is normalized)

# %%
# How this was checked

# Varies with the processor: a training amplifies how it rounds.
# Ours is the network of ptguide.models, weight for weight.
twin = autoencoder(10, 0)
mine = Autoencoder(64, 96, 10).to(device)
for parameter, other in zip(mine.parameters(), twin.parameters(), strict=True):
    parameter.data.copy_(other.data)
torch.testing.assert_close(mine(unseen), twin(unseen))
# Denoising: better for both seeds.
plain = [error(one, noisy, unseen) for one in trained[10]]
better = [error(one, noisy, unseen) for one in denoising]
assert max(better) < 0.7 * min(plain)
assert max(better) < 0.3 * F.mse_loss(noisy, unseen)
# PCA: the rows are orthonormal, and no random directions do better.
for latent, one in linear.items():
    torch.testing.assert_close(
        one.directions @ one.directions.T, torch.eye(latent, device=device), rtol=0, atol=1e-4
    )
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        other = PCA(images, latent)
        other.directions = torch.linalg.qr(torch.randn(64, latent, generator=generator)).Q.T.to(
            device
        )
        assert error(other, images) > error(one, images)
# The same plane, but other axes: the decoder's columns span the directions of PCA, and are not orthogonal.
columns = model_4.decoder.layers[0].weight.detach()  # (64, 4)
angles = torch.linalg.svdvals(best.directions @ torch.linalg.qr(columns).Q)
assert angles.min() > 0.99
gram = F.normalize(columns, dim=0).T @ F.normalize(columns, dim=0)
assert (gram - torch.eye(4, device=device)).abs().max() > 0.05
# A bottleneck as wide as the image can copy everything, noise as well.
wide = autoencoder(64, 0, hidden=())
with torch.no_grad():
    for layer in (wide.encoder.layers[0], wide.decoder.layers[0]):
        layer.weight.copy_(torch.eye(64))
        layer.bias.zero_()
    for x in (unseen, noisy, torch.randn_like(unseen)):
        torch.testing.assert_close(wide(x), x)
# Sigmoid: for pixels from 0 to 1 the limit is 0.
assert F.mse_loss(images.clamp(0, 1), images) == 0
# Ten numbers keep more than two, for each pair of seeds.
assert max(error(one, unseen) for one in trained[10]) < 0.6 * min(
    error(one, unseen) for one in trained[2]
)

# %%
# Check yourself
# --------------

wide = nn.Sequential(nn.Linear(30, 8), nn.ReLU(), nn.Linear(8, 3), nn.ReLU(), nn.Linear(3, 30))
widths = [layer.out_features for layer in wide if isinstance(layer, nn.Linear)]
ask(
    "Linear(30, 8), ReLU, Linear(8, 3), ReLU, Linear(3, 30): how many numbers does the bottleneck hold?",
    answer=min(widths),
    choices={
        3: "The narrowest place. Leave out the ReLU behind it, which makes negative numbers 0.",
        8: "That is a hidden layer of the encoder. The next layer is narrower.",
        30: "The input has so many, and so has the output, which is compared with it.",
    },
)

# %%
# The next question is about denoising.

x = torch.tensor([[0.0, 1.0]])
with_noise = x + torch.tensor([[0.5, -0.5]])
perfect = {
    "the clean image": F.mse_loss(x, x).item(),
    "the noisy image": F.mse_loss(x, with_noise).item(),
}
ask(
    "A denoising autoencoder gives exactly the clean image. Compared with which image is its loss 0?",
    answer=min(perfect, key=perfect.get),
    choices={
        "the clean image": "That is what the loss compares with, so that removing the noise is rewarded.",
        "the noisy image": "Then it would be told to give the noise back.",
    },
)

# %%
# **Exercise.** Some autoencoders have *tied* weights: the decoder uses the encoder's weight, transposed. ``x`` has
# shape (N, D), ``weight`` (L, D), ``a`` (L,) and ``b`` (D,). Encode with ``weight``, add ``a`` and apply ReLU. Decode
# with the same weight, and add ``b``.


def by_loops(x, weight, a, b):
    result = torch.zeros_like(x)
    for n in range(x.shape[0]):
        code = [max(0.0, (weight[k] * x[n]).sum().item() + a[k].item()) for k in range(len(a))]
        for d in range(x.shape[1]):
            result[n, d] = b[d] + sum(code[k] * weight[k, d].item() for k in range(len(a)))
    return result


generator = torch.Generator().manual_seed(0)
cases = [
    tuple(torch.randn(shape, generator=generator) for shape in ((n, d), (k, d), (k,), (d,)))
    for n, d, k in ((1, 2, 1), (3, 5, 2), (2, 7, 4))
]


def tied(x, weight, a, b):
    raise NotImplementedError


check(tied, by_loops, cases)

# %%
# ``F.linear`` multiplies by the transposed weight.

# Solution


def tied(x, weight, a, b):
    code = F.linear(x, weight, a).relu()  # (N, L)
    return code @ weight + b


report = check(tied, by_loops, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`vae` is about an autoencoder from whose codes new images can be drawn.
#
# - Hinton and Salakhutdinov (2006). `Reducing the dimensionality of data with neural networks
#   <https://doi.org/10.1126/science.1127647>`__. Deep autoencoders against PCA, on digits and faces.
# - Vincent, Larochelle, Bengio and Manzagol (2008). `Extracting and composing robust features with denoising
#   autoencoders <https://doi.org/10.1145/1390156.1390294>`__. The denoising autoencoder.
# - Baldi and Hornik (1989). `Neural networks and principal component analysis: learning from examples without local
#   minima <https://doi.org/10.1016/0893-6080(89)90014-2>`__. Why the linear one finds PCA.

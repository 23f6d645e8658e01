"""The variational autoencoder is PyTorch's example, its divergence torch's, and its loss a bound in nats."""

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.nn import functional as F

from ptguide.models import VAE, MLPSettings, VAESettings

DIGITS = VAESettings(shape=(1, 8, 8), hidden=(32,), latent=3)
KINDS = ("weight", "bias")
EXAMPLE = VAESettings(hidden=(400,), activation="relu")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class Example(nn.Module):
    """The layers of vae/main.py in PyTorch's examples, and its loss for items of zeros and ones."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
        self.fc3, self.fc4 = nn.Linear(20, 400), nn.Linear(400, 784)

    def forward(self, x, noise):
        hidden = self.fc1(x.view(-1, 784)).relu()
        mean, log_variance = self.fc21(hidden), self.fc22(hidden)
        z = mean + noise * torch.exp(0.5 * log_variance)
        probabilities = self.fc4(self.fc3(z).relu()).sigmoid()
        crossed = F.binary_cross_entropy(probabilities, x.view(-1, 784), reduction="sum")
        divergence = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
        return probabilities, mean, log_variance, (crossed + divergence) / len(x)


def test_equals_the_example():
    torch.manual_seed(0)
    original, model, x = Example(), VAE(EXAMPLE), torch.rand(6, 1, 28, 28)
    heads = [torch.cat([original.fc21.get_parameter(name), original.fc22.get_parameter(name)]) for name in KINDS]
    layers = [layer.get_parameter(name) for layer in (original.fc3, original.fc4) for name in KINDS]
    weights = [original.fc1.weight, original.fc1.bias, *heads, *layers]
    model.load_state_dict(dict(zip(model.state_dict(), weights, strict=True)))
    probabilities, mean, log_variance, loss = original(x, torch.randn(6, 20, generator=generator()))
    mine = model(x, generator=generator())
    torch.testing.assert_close(mine[0].flatten(1).sigmoid(), probabilities, rtol=0, atol=1e-5)
    torch.testing.assert_close(mine[1], mean, rtol=0, atol=1e-5)
    torch.testing.assert_close(mine[2], log_variance, rtol=0, atol=1e-5)
    torch.testing.assert_close(model.loss(x, generator=generator()), loss)
    loss.backward()
    model.loss(x, generator=generator()).backward()
    for layer, parts in (
        (model.encoder.layers[-1], (original.fc21, original.fc22)),
        (model.decoder.layers[0], [original.fc3]),
    ):
        torch.testing.assert_close(
            layer.weight.grad, torch.cat([part.weight.grad for part in parts]), rtol=1e-4, atol=1e-5
        )
    torch.testing.assert_close(model.encoder.layers[0].weight.grad, original.fc1.weight.grad, rtol=1e-4, atol=1e-5)


def test_parameter_count():
    with torch.device("meta"):
        model = VAE(EXAMPLE)
    expected = (784 + 1) * 400 + 2 * (400 + 1) * 20 + (20 + 1) * 400 + (400 + 1) * 784
    assert sum(parameter.numel() for parameter in model.parameters()) == expected == 652_824


def test_divergence_is_torch_s():
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    expected = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(VAE.kl_divergence(mean, log_variance), expected)
    assert (VAE.kl_divergence(torch.zeros(5, 3), torch.zeros(5, 3)) == 0).all()


def test_reconstruction_loss_is_a_negative_log_likelihood():
    logits, x = torch.randn(5, 1, 8, 8), torch.randint(2, (5, 1, 8, 8)).float()
    expected = -Bernoulli(logits=logits).log_prob(x).sum(dim=(1, 2, 3))
    torch.testing.assert_close(VAE.reconstruction_loss(logits, x), expected)


def test_gray_is_the_mean_over_black_and_white():
    logits, x = torch.randn(2, 1), torch.tensor([[0.3], [0.8]])
    white, black = (VAE.reconstruction_loss(logits, torch.full_like(x, value)) for value in (1.0, 0.0))
    torch.testing.assert_close(VAE.reconstruction_loss(logits, x), x[:, 0] * white + (1 - x[:, 0]) * black)


def test_loss_is_the_bound():
    """With one latent number, integrals over a grid give the log-likelihood and the gap of the bound."""
    torch.manual_seed(0)
    model = VAE(VAESettings(shape=(6,), hidden=(5,), latent=1)).double()
    x = torch.randint(2, (1, 6)).double()
    z = torch.linspace(-12, 12, 4801, dtype=torch.float64).unsqueeze(1)  # (Z, 1)
    step = z[1, 0] - z[0, 0]
    joint = Normal(0.0, 1.0).log_prob(z[:, 0]) - model.reconstruction_loss(model.decode(z), x.expand(len(z), 6))
    evidence = (joint.exp().sum() * step).log()  # log p(x)
    mean, log_variance = model.encode(x)
    q = Normal(mean[0], (log_variance[0] / 2).exp()).log_prob(z[:, 0])  # log q(z | x)
    gap = (q.exp() * (q - (joint - evidence))).sum() * step  # KL of q from the posterior: equation 1
    assert gap > 0.01
    noisy = torch.stack([model.loss(x.expand(10_000, 6), generator=generator(seed)) for seed in range(20)])
    torch.testing.assert_close(noisy.mean(), gap - evidence, rtol=0, atol=0.02)
    assert noisy.mean() > -evidence


def test_noise_has_the_mean_and_the_variance():
    mean, log_variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, 2.0]])
    model = VAE(VAESettings(shape=(4,), latent=2))
    z = model.reparameterise(mean.expand(20_000, 2), log_variance.expand(20_000, 2), generator())
    torch.testing.assert_close(z.mean(dim=0), mean[0], rtol=0, atol=0.1)
    torch.testing.assert_close(z.var(dim=0).log(), log_variance[0], rtol=0, atol=0.1)


def test_gradients_reach_mean_and_variance():
    mean, log_variance = torch.zeros(4, 2, requires_grad=True), torch.ones(4, 2, requires_grad=True)
    z = VAE(VAESettings(shape=(4,), latent=2)).reparameterise(mean, log_variance, generator())
    z.sum().backward()
    torch.testing.assert_close(mean.grad, torch.ones(4, 2))
    torch.testing.assert_close(log_variance.grad, z.detach() / 2)  # d z / d log_variance = (z - mean) / 2


def test_generator_decides_the_noise():
    model, x = VAE(DIGITS), torch.rand(2, 1, 8, 8)
    assert torch.equal(model(x, generator(1))[0], model(x, generator(1))[0])
    assert not torch.equal(model(x, generator(1))[0], model(x, generator(2))[0])
    assert torch.equal(model.sample(3, generator(1)), model.sample(3, generator(1)))
    torch.manual_seed(0)
    first = model(x)[0]
    assert not torch.equal(model(x)[0], first)
    torch.manual_seed(0)
    assert torch.equal(model(x)[0], first)  # without one, torch's own generator


@pytest.mark.parametrize("items", [0, 1, 5])
def test_sample_decodes_the_prior(items):
    model = VAE(DIGITS).double()
    drawn = model.sample(items, generator())
    z = torch.randn(items, 3, generator=generator(), dtype=torch.float64)
    torch.testing.assert_close(drawn, model.decode(z).sigmoid())
    assert drawn.shape == (items, 1, 8, 8)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (30,), (1,)])
@pytest.mark.parametrize("items", [0, 1, 4])
def test_items_keep_their_shape(shape, items):
    model = VAE(VAESettings(shape=shape, hidden=(6, 5), latent=2))
    logits, mean, log_variance = model(torch.rand(items, *shape))
    assert logits.shape == (items, *shape)
    assert mean.shape == log_variance.shape == (items, 2)


def test_decoder_mirrors_the_encoder():
    model = VAE(VAESettings(shape=(2, 4), hidden=(6, 5), latent=3, activation="silu"))
    sizes = [(layer.in_features, layer.out_features) for layer in model.modules() if isinstance(layer, nn.Linear)]
    assert sizes == [(8, 6), (6, 5), (5, 2 * 3), (3, 5), (5, 6), (6, 8)]
    assert sum(isinstance(layer, nn.SiLU) for layer in model.modules()) == 4


def test_training_lowers_the_bound():
    torch.manual_seed(0)
    model, x = VAE(DIGITS), (torch.rand(4, 1, 8, 8) > 0.5).float()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    before = model.loss(x).item()
    for _ in range(200):
        loss = model.loss(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert model.loss(x).item() < 0.5 * before


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 8, 8), r"x has shape \(1, 8, 8\); expected \(N, 1, 8, 8\)\. Try x\.unsqueeze\(0\)"),
        ((5, 30), r"x has shape \(5, 30\); expected \(N, 1, 8, 8\), as shape says"),
    ],
)
def test_wrong_items_are_named(shape, message):
    with pytest.raises(ValueError, match=message):
        VAE(DIGITS)(torch.ones(shape))


def test_wrong_latent_numbers_are_named():
    with pytest.raises(ValueError, match=r"z has shape \(5, 4\); expected \(N, 3\), as latent says"):
        VAE(DIGITS).decode(torch.ones(5, 4))


@pytest.mark.parametrize("function", [VAE.kl_divergence, VAE(DIGITS).reparameterise])
def test_mean_and_variance_of_two_shapes_are_named(function):
    with pytest.raises(ValueError, match=r"log_variance has shape \(5, 1\); expected that of mean, \(5, 3\)"):
        function(torch.ones(5, 3), torch.ones(5, 1))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.arange(64.0) / 4, r"x goes from 0 to 15.8; expected 0 to 1\. Divide it by the largest possible value\."),
        (torch.arange(64.0) / 63 - 0.5, r"x goes from -0\.5 to 0\.5; expected 0 to 1"),
        (torch.full((64,), torch.nan), r"x goes from nan to nan; expected 0 to 1"),
    ],
)
def test_values_outside_of_the_range_are_named(x, message):
    with pytest.raises(ValueError, match=message):
        VAE(DIGITS).loss(x.view(1, 1, 8, 8))


@pytest.mark.parametrize(
    ("items", "error", "message"),
    [(-1, ValueError, "items is -1; expected at least 0"), (2.0, TypeError, "items is 2.0, of type float")],
)
def test_wrong_number_of_items_is_named(items, error, message):
    with pytest.raises(error, match=message):
        VAE(DIGITS).sample(items)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"shape": ()}, ValueError, r"shape is \(\), of length 0; expected at least 1, like \(1, 28, 28\)"),
        ({"hidden": 400}, TypeError, r"hidden is 400, of type int; expected a tuple of ints, like \(500,\)"),
        ({"latent": 0}, ValueError, "latent is 0; expected at least 1"),
        ({"activation": None}, ValueError, "activation is None; expected one of"),
    ],
)
def test_wrong_settings_are_named(settings, error, message):
    with pytest.raises(error, match=message):
        VAESettings(**settings)


def test_settings_of_another_kind_are_refused():
    with pytest.raises(TypeError, match=r"settings is MLPSettings\(.*\); expected VAESettings\(\.\.\.\)"):
        VAE(MLPSettings((2, 3)))

"""The autoencoder is two perceptrons, has its published size, and without hidden layers does what PCA does."""

from itertools import pairwise

import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import nn
from torch.nn import functional as F

from ptguide.models import Autoencoder, AutoencoderSettings

DIGITS = AutoencoderSettings(shape=(1, 8, 8), hidden=(32, 12), latent=3)


def test_equals_the_network_written_by_hand():
    torch.manual_seed(0)
    model, x = Autoencoder(DIGITS), torch.randn(5, 1, 8, 8)
    original = nn.Sequential(
        *(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 12), nn.ReLU(), nn.Linear(12, 3)),
        *(nn.Linear(3, 12), nn.ReLU(), nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 64), nn.Unflatten(1, (1, 8, 8))),
    )
    model.load_state_dict(dict(zip(model.state_dict(), original.state_dict().values(), strict=True)))
    torch.testing.assert_close(model.encode(x), original[:6](x))
    mine, its = model(x), original(x)
    torch.testing.assert_close(mine, its, rtol=0, atol=1e-5)
    F.mse_loss(mine, x).backward()
    F.mse_loss(its, x).backward()
    for parameter, expected in zip(model.parameters(), original.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, expected.grad)


def test_published_size():
    sizes = [784, 1000, 500, 250, 30, 250, 500, 1000, 784]
    expected = sum(before * after + after for before, after in pairwise(sizes))
    with torch.device("meta"):
        model = Autoencoder(AutoencoderSettings())
    assert sum(parameter.numel() for parameter in model.parameters()) == expected == 2_837_314


def test_linear_optimum_is_pca():
    """PCA's weights give its latent numbers and reconstructions, and no gradient is left."""
    x = torch.from_numpy(load_digits().data)  # (N, 64)
    pca = PCA(n_components=5).fit(x.numpy())
    axes, mean = torch.from_numpy(pca.components_), torch.from_numpy(pca.mean_)  # (5, 64), (64,)
    model = Autoencoder(AutoencoderSettings(shape=(64,), hidden=(), latent=5)).double()
    weights = [axes, -axes @ mean, axes.T.contiguous(), mean]
    model.load_state_dict(dict(zip(model.state_dict(), weights, strict=True)))
    z = torch.from_numpy(pca.transform(x.numpy()))
    torch.testing.assert_close(model.encode(x), z)
    torch.testing.assert_close(model(x), torch.from_numpy(pca.inverse_transform(z.numpy())))
    F.mse_loss(model(x), x).backward()
    for parameter in model.parameters():
        torch.testing.assert_close(parameter.grad, torch.zeros_like(parameter), rtol=0, atol=1e-9)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (30,), (1,)])
@pytest.mark.parametrize("items", [0, 1, 4])
def test_items_keep_their_shape(shape, items):
    model = Autoencoder(AutoencoderSettings(shape=shape, hidden=(6,), latent=2))
    x = torch.randn(items, *shape)
    assert model.encode(x).shape == (items, 2)
    assert model(x).shape == x.shape


def test_activation_is_used():
    tanh = Autoencoder(AutoencoderSettings(shape=(4,), hidden=(3,), latent=2, activation="tanh"))
    relu = Autoencoder(AutoencoderSettings(shape=(4,), hidden=(3,), latent=2))
    relu.load_state_dict(tanh.state_dict())
    x = torch.randn(5, 4)
    assert not torch.allclose(tanh.encode(x), relu.encode(x))
    z = torch.randn(5, 2)
    assert not torch.allclose(tanh.decode(z), relu.decode(z))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 8, 8), r"x has shape \(1, 8, 8\); expected \(N, 1, 8, 8\)\. Try x\.unsqueeze\(0\)"),
        ((5, 64), r"Try x\.unflatten\(1, \(1, 8, 8\)\), which has shape \(5, 1, 8, 8\)"),
        ((5, 1, 28, 28), r"expected \(N, 1, 8, 8\), as shape says"),
    ],
)
def test_wrong_items_are_named(shape, message):
    with pytest.raises(ValueError, match=message):
        Autoencoder(DIGITS)(torch.ones(shape))


@pytest.mark.parametrize(("shape", "call"), [((5, 1, 8, 8), "flatten(1)"), ((64,), "unsqueeze(0)")])
def test_rows_are_asked_for_where_the_settings_say_so(shape, call):
    model = Autoencoder(AutoencoderSettings(shape=(64,), hidden=(6,), latent=2))
    with pytest.raises(
        ValueError, match=r"expected \(N, 64\)\. Try x\." + call.replace("(", r"\(").replace(")", r"\)")
    ):
        model(torch.ones(shape))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3,), r"z has shape \(3,\); expected \(N, 3\)\. Try z\.unsqueeze\(0\), which has shape \(1, 3\)"),
        ((5, 4), r"z has shape \(5, 4\); expected \(N, 3\), as latent says"),
    ],
)
def test_wrong_latent_numbers_are_named(shape, message):
    with pytest.raises(ValueError, match=message):
        Autoencoder(DIGITS).decode(torch.ones(shape))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"shape": ()}, ValueError, r"shape is \(\), of length 0; expected at least 1, like \(1, 28, 28\)"),
        ({"shape": 64}, TypeError, "shape is 64, of type int; expected a tuple of ints"),
        ({"hidden": (4, 0)}, ValueError, r"hidden\[1\] is 0; expected at least 1"),
        ({"latent": 0}, ValueError, "latent is 0; expected at least 1"),
        ({"activation": "linear"}, ValueError, "activation is 'linear'; expected one of"),
    ],
)
def test_wrong_settings_are_named(settings, error, message):
    with pytest.raises(error, match=message):
        AutoencoderSettings(**settings)


def test_settings_of_another_kind_are_refused():
    with pytest.raises(TypeError, match=r"settings is \{\}; expected AutoencoderSettings\(\.\.\.\)"):
        Autoencoder({})

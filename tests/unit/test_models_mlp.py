"""The multilayer perceptron is torchvision's and a hand-written Sequential, weight for weight."""

import pytest
import torch
import torchvision
from torch import nn

from ptguide.models import MLP, MLPSettings
from ptguide.models.mlp import ACTIVATIONS


def test_equals_torchvision():
    torch.manual_seed(0)
    original = torchvision.ops.MLP(12, [7, 5, 3])
    torch.manual_seed(0)
    model = MLP(MLPSettings(sizes=(12, 7, 5, 3)))
    for name, value in original.state_dict().items():  # the same seed gives the same weights
        assert torch.equal(model.layers.state_dict()[name], value)
    other = torchvision.ops.MLP(12, [7, 5, 3])
    model.layers.load_state_dict(other.state_dict())
    x = torch.randn(4, 12)
    mine, its = model(x), other(x)
    torch.testing.assert_close(mine, its, rtol=0, atol=1e-5)
    mine.square().sum().backward()
    its.square().sum().backward()
    for parameter, expected in zip(model.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, expected.grad)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("relu", lambda x: x.clamp(min=0)),
        ("leaky_relu", lambda x: torch.where(x > 0, x, 0.01 * x)),
        ("elu", lambda x: torch.where(x > 0, x, x.exp() - 1)),
        ("gelu", lambda x: x * (1 + torch.erf(x / 2**0.5)) / 2),
        ("silu", lambda x: x / (1 + (-x).exp())),
        ("tanh", lambda x: (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())),
        ("sigmoid", lambda x: 1 / (1 + (-x).exp())),
    ],
)
def test_activations_follow_their_formulas(name, formula):
    model = MLP(MLPSettings(sizes=(6, 5, 4), activation=name)).double()
    x = torch.randn(3, 6, dtype=torch.float64)
    first, second = model.layers[0], model.layers[-1]
    expected = formula(x @ first.weight.T + first.bias) @ second.weight.T + second.bias
    torch.testing.assert_close(model(x), expected)


def test_every_activation_is_tested_and_documented():
    tested = {case[0] for case in test_activations_follow_their_formulas.pytestmark[0].args[1]}
    assert set(ACTIVATIONS) == tested
    assert all(f'"{name}"' in MLPSettings.__doc__ for name in ACTIVATIONS)


def test_dropout_is_between_the_layers_and_in_training_only():
    settings = MLPSettings(sizes=(4, 2000, 3), dropout=0.25)
    model, x = MLP(settings), torch.randn(5, 4)
    hidden = []
    model.layers[-1].register_forward_pre_hook(lambda _, inputs: hidden.append(inputs[0]))
    model.eval()
    assert torch.equal(model(x), model(x))
    model.train()
    model.layers[1] = nn.Identity()  # without the ReLU, only dropout makes zeros
    outputs = model(x)
    assert (outputs != 0).all()  # none after the last layer
    assert abs((hidden[-1] == 0).float().mean() - 0.25) < 0.03


def test_two_sizes_are_one_linear_layer():
    model = MLP(MLPSettings(sizes=(6, 4), dropout=0.5))
    assert [type(layer) for layer in model.layers] == [nn.Linear]


@pytest.mark.parametrize("shape", [(0, 64), (1, 64), (5, 64), (5, 1, 8, 8)])
def test_images_are_flattened(shape):
    model, x = MLP(MLPSettings(sizes=(64, 9, 10))), torch.randn(shape)
    torch.testing.assert_close(model(x), model.layers(x.reshape(-1, 64)))
    assert model(x).shape == (shape[0], 10)


def test_wrong_shape_is_named():
    model = MLP(MLPSettings(sizes=(64, 10)))
    with pytest.raises(ValueError, match=r"x has shape \(5, 1, 28, 28\); expected \(N, 64\), .* as sizes\[0\] says"):
        model(torch.ones(5, 1, 28, 28))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (
            {"sizes": [64, 10]},
            TypeError,
            r"sizes is \[64, 10\], of type list; expected a tuple of ints, like \(64, 32, 10\)",
        ),
        ({"sizes": (64,)}, ValueError, r"sizes is \(64,\), of length 1; expected at least 2, like \(64, 32, 10\)"),
        ({"sizes": (64, 0, 10)}, ValueError, r"sizes\[1\] is 0; expected at least 1"),
        ({"sizes": (64, 10.0)}, TypeError, r"sizes\[1\] is 10.0, of type float; expected an int"),
        (
            {"sizes": (64, 10), "activation": "Relu"},
            ValueError,
            "activation is 'Relu'; expected one of 'relu', 'leaky_relu', 'elu'",
        ),
        (
            {"sizes": (64, 10), "dropout": 1.0},
            ValueError,
            "dropout is 1.0; expected at least 0 and less than 1",
        ),
        ({"sizes": (64, 10), "dropout": -0.1}, ValueError, "dropout is -0.1; expected at least 0"),
        ({"sizes": (64, 10), "dropout": "0.5"}, TypeError, "dropout is '0.5'; expected a number"),
        ({"sizes": (64, 10), "dropout": True}, TypeError, "dropout is True; expected a number"),
    ],
)
def test_wrong_settings_are_named(settings, error, message):
    with pytest.raises(error, match=message):
        MLPSettings(**settings)


def test_settings_of_another_kind_are_refused():
    with pytest.raises(TypeError, match=r"settings is \(64, 10\); expected MLPSettings\(\.\.\.\)"):
        MLP((64, 10))

"""Logistic regression has the weights, the probabilities and the optimum of scikit-learn's."""

import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression as Original
from torch.nn import functional as F

from ptguide.models import LogisticRegression, LogisticRegressionSettings


def fit(load, logits, scale):
    """Return scikit-learn's fit, a model with its weights, and the data, in float64."""
    rows, target = load(return_X_y=True)
    x, y = torch.from_numpy(rows[:300]) / scale, torch.from_numpy(target[:300])
    original = Original(C=1.0, tol=1e-10, max_iter=5000).fit(x.numpy(), y.numpy())
    model = LogisticRegression(LogisticRegressionSettings(features=x.shape[1], logits=logits)).double()
    weights = {
        "linear.weight": torch.from_numpy(original.coef_),
        "linear.bias": torch.from_numpy(original.intercept_),
    }
    model.load_state_dict(weights)
    return original, model, x, y


@pytest.fixture(scope="module")
def cancer():
    return fit(load_breast_cancer, 1, scale=100)


@pytest.fixture(scope="module")
def digits():
    return fit(load_digits, 10, scale=16)


def test_one_logit_gives_the_probability_of_yes(cancer):
    original, model, x, _ = cancer
    expected = torch.from_numpy(original.predict_proba(x.numpy()))  # (N, 2): no, yes
    torch.testing.assert_close(model.probabilities(x), expected[:, 1:])


def test_a_logit_for_each_class_gives_the_probabilities(digits):
    original, model, x, _ = digits
    expected = torch.from_numpy(original.predict_proba(x.numpy()))
    torch.testing.assert_close(model.probabilities(x), expected)
    torch.testing.assert_close(model.probabilities(x.view(-1, 1, 8, 8)), expected)
    torch.testing.assert_close(model(x).softmax(dim=1), expected)


def test_optimum_of_the_original_has_no_gradient(cancer, digits):
    _, model, x, y = cancer
    loss = F.binary_cross_entropy_with_logits(model(x), y.unsqueeze(1).double(), reduction="sum")
    assert_at_the_optimum(model, loss)
    _, model, x, y = digits
    assert_at_the_optimum(model, F.cross_entropy(model(x), y, reduction="sum"))


def assert_at_the_optimum(model, loss):
    """scikit-learn's loss is the sum of the cross entropies, plus half the square of the weights (C=1)."""
    model.zero_grad()
    loss.backward()
    assert model.linear.weight.grad.abs().max() > 0.1  # without the penalty it is no optimum
    residual = model.linear.weight.grad + model.linear.weight
    torch.testing.assert_close(residual, torch.zeros_like(residual), rtol=0, atol=1e-3)
    torch.testing.assert_close(model.linear.bias.grad, torch.zeros_like(model.linear.bias), rtol=0, atol=1e-3)


def test_no_items():
    model = LogisticRegression(LogisticRegressionSettings(features=4, logits=3))
    assert model.probabilities(torch.empty(0, 4)).shape == (0, 3)


def test_wrong_shape_is_named():
    model = LogisticRegression(LogisticRegressionSettings(features=64, logits=10))
    with pytest.raises(ValueError, match=r"x has shape \(5, 30\); expected \(N, 64\), .* as features says"):
        model(torch.ones(5, 30))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"features": 0}, ValueError, "features is 0; expected at least 1"),
        ({"features": 2, "logits": 0}, ValueError, "logits is 0; expected at least 1"),
        ({"features": 2, "logits": "3"}, TypeError, "logits is '3', of type str; expected an int"),
    ],
)
def test_wrong_settings_are_named(settings, error, message):
    with pytest.raises(error, match=message):
        LogisticRegressionSettings(**settings)


def test_settings_of_another_kind_are_refused():
    with pytest.raises(TypeError, match=r"settings is 64; expected LogisticRegressionSettings\(\.\.\.\)"):
        LogisticRegression(64)

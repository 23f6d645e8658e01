"""Linear regression has the weights, the predictions and the optimum of scikit-learn's."""

import pytest
import torch
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression as Original
from torch.nn import functional as F

from ptguide.models import LinearRegression, LinearRegressionSettings


@pytest.fixture
def fitted():
    """Return scikit-learn's fit to two targets, a model with its weights, and the data, in float64."""
    rows, target = load_diabetes(return_X_y=True)
    x = torch.from_numpy(rows)  # (442, 10)
    y = torch.stack([torch.from_numpy(target), x[:, 0] ** 2], dim=1)  # (442, 2)
    original = Original().fit(x.numpy(), y.numpy())
    model = LinearRegression(LinearRegressionSettings(features=10, outputs=2)).double()
    weights = {
        "linear.weight": torch.from_numpy(original.coef_),
        "linear.bias": torch.from_numpy(original.intercept_),
    }
    model.load_state_dict(weights)
    return original, model, x, y


def test_weights_of_the_original_give_its_predictions(fitted):
    original, model, x, _ = fitted
    torch.testing.assert_close(model(x), torch.from_numpy(original.predict(x.numpy())))


def test_least_squares_solution_has_no_gradient(fitted):
    _, model, x, y = fitted
    F.mse_loss(model(x), y, reduction="sum").backward()
    for parameter in model.parameters():
        torch.testing.assert_close(parameter.grad, torch.zeros_like(parameter), rtol=0, atol=1e-6)
    model.zero_grad()
    F.mse_loss(model(x) + 1, y, reduction="sum").backward()
    assert model.linear.bias.grad.min() > 800  # 2 * 442: off the solution, the gradient is seen


def test_training_reaches_the_original(fitted):
    original, _, x, y = fitted
    model = LinearRegression(LinearRegressionSettings(features=10, outputs=2)).double()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=300, line_search_fn="strong_wolfe", tolerance_grad=1e-9)

    def closure():
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        return loss

    optimizer.step(closure)
    torch.testing.assert_close(model.linear.weight, torch.from_numpy(original.coef_), rtol=1e-4, atol=1e-2)


def test_same_seed_gives_the_weights_of_torch():
    torch.manual_seed(0)
    model = LinearRegression(LinearRegressionSettings(features=3, outputs=2))
    torch.manual_seed(0)
    assert torch.equal(model.linear.weight, torch.nn.Linear(3, 2).weight)


@pytest.mark.parametrize("shape", [(0, 6), (1, 6), (5, 6), (5, 2, 3), (5, 1, 2, 3)])
def test_items_of_any_axes_are_rows(shape):
    model, x = LinearRegression(LinearRegressionSettings(features=6)), torch.randn(shape)
    rows = [torch.nn.functional.linear(item.reshape(6), model.linear.weight, model.linear.bias) for item in x]
    expected = torch.stack(rows) if rows else torch.empty(0, 1)
    torch.testing.assert_close(model(x), expected)


@pytest.mark.parametrize(
    ("shape", "features", "message"),
    [
        ((6,), 6, r"x has shape \(6,\); expected \(N, 6\), .*\. Try x\.unsqueeze\(0\), a batch of one item\.$"),
        ((2, 3), 6, r"x has shape \(2, 3\); .* Try x\.unsqueeze\(0\)"),
        ((5,), 1, r"x has shape \(5,\); expected \(N, 1\), .*\. Try x\.unsqueeze\(1\)\.$"),
        ((5, 4), 6, r"x has shape \(5, 4\); .* with 6 elements an item, as features says\.$"),
        ((), 1, r"x has shape \(\); expected \(N, 1\), .* as features says"),
        ((0, 4), 6, r"x has shape \(0, 4\); .* as features says"),
    ],
)
def test_wrong_shape_is_named(shape, features, message):
    model = LinearRegression(LinearRegressionSettings(features))
    with pytest.raises(ValueError, match=message):
        model(torch.ones(shape))


@pytest.mark.parametrize(("shape", "features", "remedy"), [((6,), 6, 0), ((2, 3), 6, 0), ((5,), 1, 1)])
def test_remedy_works(shape, features, remedy):
    model = LinearRegression(LinearRegressionSettings(features))
    assert model(torch.ones(shape).unsqueeze(remedy)).shape[1] == 1


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"features": 0}, ValueError, "features is 0; expected at least 1"),
        ({"features": 2.0}, TypeError, "features is 2.0, of type float; expected an int"),
        ({"features": True}, TypeError, "features is True, of type bool; expected an int"),
        ({"features": 2, "outputs": -1}, ValueError, "outputs is -1; expected at least 1"),
    ],
)
def test_wrong_settings_are_named(settings, error, message):
    with pytest.raises(error, match=message):
        LinearRegressionSettings(**settings)


def test_settings_of_another_kind_are_refused():
    with pytest.raises(TypeError, match=r"settings is 3; expected LinearRegressionSettings\(\.\.\.\)"):
        LinearRegression(3)

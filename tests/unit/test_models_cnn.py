"""LeNet is the hand-written network, has its published size, and shows its feature maps."""

import pytest
import torch
from torch import nn

from ptguide.models import LeNet, LeNetSettings

WIDE = LeNetSettings(shape=(1, 32, 32), padding=(0, 0))
DIGITS = LeNetSettings(shape=(1, 8, 8), kernel=3, padding=(1, 1))


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def by_hand(padding=2, channels=1, activation=nn.ReLU, pool=nn.MaxPool2d):
    return nn.Sequential(
        *(nn.Conv2d(channels, 6, 5, padding=padding), activation(), pool(2)),
        *(nn.Conv2d(6, 16, 5), activation(), pool(2), nn.Flatten()),
        *(nn.Linear(400, 120), activation(), nn.Linear(120, 84), activation(), nn.Linear(84, 10)),
    )


def same_weights(model, original):
    """Give the original's weights to the model, in the order of the layers."""
    names = list(model.state_dict())
    model.load_state_dict(dict(zip(names, original.state_dict().values(), strict=True)))


@pytest.mark.parametrize(
    ("settings", "original"),
    [
        (LeNetSettings(), by_hand()),
        (WIDE, by_hand(padding=0)),
        (LeNetSettings(shape=(3, 32, 32), padding=(0, 0)), by_hand(padding=0, channels=3)),
        (LeNetSettings(activation="sigmoid", pooling="average"), by_hand(activation=nn.Sigmoid, pool=nn.AvgPool2d)),
    ],
)
def test_equals_the_network_written_by_hand(settings, original):
    torch.manual_seed(0)
    model, x = LeNet(settings), torch.randn(3, *settings.shape)
    same_weights(model, original)
    mine, its = model(x), original(x)
    torch.testing.assert_close(mine, its, rtol=0, atol=1e-5)
    original.zero_grad()
    mine.square().sum().backward()
    its.square().sum().backward()
    for parameter, expected in zip(model.parameters(), original.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, expected.grad)


def test_state_dict_of_the_tutorial_loads():
    names = ["conv1", "conv2", "fc1", "fc2", "fc3"]
    expected = {f"{name}.{kind}" for name in names for kind in ("weight", "bias")}
    assert set(LeNet(WIDE).state_dict()) == expected


def test_parameter_counts():
    assert count(LeNet(LeNetSettings())) == count(LeNet(WIDE)) == 61_706
    color = LeNet(LeNetSettings(shape=(3, 32, 32), padding=(0, 0)))
    assert count(color) == 61_706 + 2 * 6 * 5 * 5  # two more channels into the first convolution
    published = {"C1": 156, "S2": 12, "C3": 1_516, "S4": 32, "C5": 48_120, "F6": 10_164}  # LeCun et al., section II.B
    assert sum(published.values()) == 60_000
    model = LeNet(LeNetSettings())
    mine = {"C1": model.conv1, "C3": model.conv2, "C5": model.fc1, "F6": model.fc2, "output": model.fc3}
    sizes = {name: count(layer) for name, layer in mine.items()}
    assert sizes == {"C1": 156, "C3": 2_416, "C5": 48_120, "F6": 10_164, "output": 850}


@pytest.mark.parametrize("settings", [LeNetSettings(), WIDE, DIGITS, LeNetSettings(shape=(2, 30, 21), kernel=4)])
def test_feature_maps_have_the_sizes_that_the_settings_say(settings):
    model, x = LeNet(settings), torch.randn(2, *settings.shape)
    maps = model.feature_maps(x)
    assert list(maps) == ["c1", "s2", "c3", "s4"]
    heights, widths = (settings.sizes_after(size) for size in settings.shape[1:])
    for stage, channels, height, width in zip(maps.values(), (6, 6, 16, 16), heights, widths, strict=True):
        assert stage.shape == (2, channels, height, width)
    assert model(x).shape == (2, 10)


def test_feature_maps_are_those_that_the_network_uses():
    model, x = LeNet(DIGITS), torch.randn(2, 1, 8, 8)
    maps = model.feature_maps(x)
    torch.testing.assert_close(maps["c1"], model.conv1(x).relu())
    torch.testing.assert_close(maps["s2"], maps["c1"].unflatten(2, (4, 2)).unflatten(4, (4, 2)).amax(dim=(3, 5)))
    torch.testing.assert_close(maps["c3"], model.conv2(maps["s2"]).relu())
    torch.testing.assert_close(maps["s4"], maps["c3"].unflatten(2, (2, 2)).unflatten(4, (2, 2)).amax(dim=(3, 5)))
    hidden = model.fc2(model.fc1(maps["s4"].flatten(1)).relu()).relu()
    torch.testing.assert_close(model(x), model.fc3(hidden))


def test_digits_learn():
    torch.manual_seed(0)
    model, x = LeNet(DIGITS), torch.randn(20, 1, 8, 8)
    y = torch.arange(20) % 10
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (model(x).argmax(dim=1) == y).all()


def test_no_items():
    assert LeNet(DIGITS)(torch.empty(0, 1, 8, 8)).shape == (0, 10)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 8, 8), r"x has shape \(1, 8, 8\); expected \(N, 1, 8, 8\)\. Try x\.unsqueeze\(0\), .* \(1, 1, 8, 8\)\.$"),
        ((5, 8, 8), r"Try x\.unsqueeze\(1\), which has shape \(5, 1, 8, 8\)"),
        ((5, 8, 8, 1), r"Try x\.movedim\(-1, 1\), which has shape \(5, 1, 8, 8\)"),
        ((8, 8, 1), r"Try x\.movedim\(-1, 0\)\.unsqueeze\(0\), which has shape \(1, 1, 8, 8\)"),
        ((5, 64), r"Try x\.unflatten\(1, \(1, 8, 8\)\), which has shape \(5, 1, 8, 8\)"),
        ((5, 1, 28, 28), r"x has shape \(5, 1, 28, 28\); expected \(N, 1, 8, 8\), as shape says\.$"),
        ((), r"x has shape \(\); expected \(N, 1, 8, 8\), as shape says"),
    ],
)
def test_wrong_shape_is_named_and_the_remedy_works(shape, message):
    model, x = LeNet(DIGITS), torch.ones(shape)
    with pytest.raises(ValueError, match=message) as caught:
        model(x)
    said = str(caught.value)
    if "Try " in said:
        remedy = said.partition("Try ")[2].partition(", which")[0]
        assert model(eval(remedy, {"x": x})).shape[1] == 10


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"shape": (28, 28)}, ValueError, r"shape is \(28, 28\), of length 2; expected 3, like \(1, 28, 28\)"),
        ({"shape": (1, 28, 28, 1)}, ValueError, r"shape is \(1, 28, 28, 1\), of length 4; expected 3"),
        ({"shape": (1, 0, 28)}, ValueError, r"shape\[1\] is 0; expected at least 1"),
        ({"classes": 0}, ValueError, "classes is 0; expected at least 1"),
        ({"maps": (6,)}, ValueError, r"maps is \(6,\), of length 1; expected 2, like \(6, 16\)"),
        ({"kernel": 0}, ValueError, "kernel is 0; expected at least 1"),
        ({"padding": (0, -1)}, ValueError, r"padding\[1\] is -1; expected at least 0"),
        ({"padding": 2}, TypeError, r"padding is 2, of type int; expected a tuple of ints, like \(2, 0\)"),
        ({"hidden": (120, 84, 1)}, ValueError, r"hidden is \(120, 84, 1\), of length 3; expected 2"),
        ({"activation": "relu6"}, ValueError, "activation is 'relu6'; expected one of"),
        ({"pooling": "mean"}, ValueError, "pooling is 'mean'; expected one of 'max', 'average'"),
        (
            {"shape": (1, 28, 8)},
            ValueError,
            r"shape is \(1, 28, 8\): its width of 8 shrinks to \(8, 4, 0, 0\) after c1, s2, c3 and s4, with kernel=5 "
            r"and padding=\(2, 0\); expected at least 1 after each\. Images of 8 x 8 fit with kernel=3",
        ),
        ({"shape": (1, 5, 28), "padding": (0, 3)}, ValueError, r"its height of 5 shrinks to \(1, 0, 2, 1\)"),
    ],
)
def test_wrong_settings_are_named(settings, error, message):
    with pytest.raises(error, match=message):
        LeNetSettings(**settings)


def test_settings_of_another_kind_are_refused():
    with pytest.raises(TypeError, match=r"settings is None; expected LeNetSettings\(\.\.\.\)"):
        LeNet(None)

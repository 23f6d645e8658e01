"""ResNet is torchvision's, weight for weight: logits, gradients, running statistics and first weights."""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from ptguide.models import BasicBlock, Bottleneck, ResNet, ResNetSettings

DEPTHS = ["resnet18", "resnet34", "resnet50"]
SETTINGS = {name: getattr(ResNetSettings, name) for name in DEPTHS}


def pair(name, classes=1000):
    """Return a model and its original, with the same weights and running statistics of no standard values."""
    torch.manual_seed(0)
    original = getattr(torchvision.models, name)(num_classes=classes)
    for module in original.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(std=0.1)
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    model = ResNet(SETTINGS[name](classes=classes))
    model.load_state_dict(original.state_dict())
    return model, original


@pytest.mark.parametrize("name", DEPTHS)
@pytest.mark.parametrize("size", [(64, 64), (75, 97), (1, 40)])
def test_logits_are_the_original_s(name, size):
    model, original = pair(name)
    x = torch.randn(2, 3, *size)
    with torch.no_grad():
        mine, its = model.eval()(x), original.eval()(x)
    assert its.abs().max() > 0.1  # not zeros, which would be near each other
    torch.testing.assert_close(mine, its, rtol=0, atol=1e-5)


def test_logits_of_an_image_of_imagenet():
    model, original = pair("resnet18")
    x = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(x), original.eval()(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", DEPTHS)
def test_training_step_is_the_original_s(name):
    """Logits, gradients and buffers in train mode, and what the step makes of the weights."""
    model, original = pair(name, classes=10)
    x, y = torch.randn(2, 3, 64, 64), torch.tensor([3, 7])
    for network in (model, original):
        network.train()
        optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
        network.logits = network(x)
        F.cross_entropy(network.logits, y).backward()
        optimizer.step()
    torch.testing.assert_close(model.logits, original.logits, rtol=0, atol=1e-5)
    expected = dict(original.named_parameters())
    for key, parameter in model.named_parameters():
        assert expected[key].grad.abs().max() > 0
        torch.testing.assert_close(parameter.grad, expected[key].grad, rtol=1e-5, atol=1e-5)
    state = original.state_dict()
    assert state["bn1.num_batches_tracked"] == 1
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, state[key], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", DEPTHS)
@pytest.mark.parametrize("zero", [False, True])
def test_same_seed_gives_the_same_weights(name, zero):
    torch.manual_seed(3)
    original = getattr(torchvision.models, name)(zero_init_residual=zero)
    torch.manual_seed(3)
    model = ResNet(SETTINGS[name](zero_init_residual=zero))
    state = model.state_dict()
    assert list(state) == list(original.state_dict())
    for key, value in original.state_dict().items():
        assert torch.equal(state[key], value), key


@pytest.mark.parametrize(
    ("name", "published", "weights"),
    [
        ("resnet18", 11_689_512, torchvision.models.ResNet18_Weights),
        ("resnet34", 21_797_672, torchvision.models.ResNet34_Weights),
        ("resnet50", 25_557_032, torchvision.models.ResNet50_Weights),
    ],
)
def test_parameter_counts(name, published, weights):
    assert weights.IMAGENET1K_V1.meta["num_params"] == published
    assert f"({published:,} parameters)" in SETTINGS[name].__doc__
    with torch.device("meta"):
        model = ResNet(SETTINGS[name]())
    assert sum(parameter.numel() for parameter in model.parameters()) == published


def test_defaults_are_resnet18():
    assert ResNetSettings() == ResNetSettings.resnet18()
    assert ResNetSettings.resnet18(blocks=(1, 1, 1, 1), block="bottleneck") == ResNetSettings(
        block="bottleneck", blocks=(1, 1, 1, 1)
    )


def test_small_stem_is_the_original_with_another_first_layer():
    original = torchvision.models.resnet18(num_classes=10)
    original.conv1, original.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    model = ResNet(ResNetSettings.resnet18(classes=10, stem="small"))
    model.load_state_dict(original.state_dict())
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(x), original.eval()(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "shape", "features"),
    [
        ({"channels": 1, "stem": "small", "width": 8}, (3, 1, 8, 8), 64),
        ({"channels": 1, "stem": "small", "width": 8, "block": "bottleneck"}, (3, 1, 8, 8), 256),
        ({"channels": 1, "width": 4}, (3, 1, 8, 8), 32),
        ({"channels": 3, "stem": "small", "width": 4}, (2, 3, 32, 32), 32),
        ({"channels": 4, "width": 4, "blocks": (1, 2, 1, 3)}, (2, 4, 40, 30), 32),
        ({"width": 4}, (0, 3, 40, 30), 32),
    ],
)
def test_images_of_other_sizes(changes, shape, features):
    model, x = ResNet(ResNetSettings(classes=7, **changes)).eval(), torch.randn(shape)
    assert model.features(x).shape == (shape[0], features)
    assert model(x).shape == (shape[0], 7)
    torch.testing.assert_close(model(x), model.fc(model.features(x)))
    if shape[0]:
        assert model.features(x).min() >= 0


def test_features_are_what_the_original_classifies():
    model, original = pair("resnet18")
    original.fc = nn.Identity()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(model.eval().features(x), original.eval()(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_zero_init_makes_blocks_the_identity(block):
    model = ResNet(ResNetSettings(block=block, width=4, zero_init_residual=True))
    second, x = model.layer1[1], torch.rand(2, 4 * model.layer1[1].expansion, 5, 5)
    torch.testing.assert_close(second(x), x)  # x is not negative, so that the ReLU keeps it
    plain = ResNet(ResNetSettings(block=block, width=4)).layer1[1]
    assert not torch.allclose(plain(x), x)


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
@pytest.mark.parametrize(("before", "stride"), [(8, 1), (6, 1), (8, 2)])
def test_blocks_are_the_original_s(block, before, stride):
    width = 8 // block.expansion
    mine = block(before, width, stride)
    downsample = None
    if (before, stride) != (8, 1):
        downsample = nn.Sequential(nn.Conv2d(before, 8, 1, stride, bias=False), nn.BatchNorm2d(8))
    name = block.__name__
    original = getattr(torchvision.models.resnet, name)(before, width, stride, downsample)
    mine.load_state_dict(original.state_dict())
    x = torch.randn(2, before, 7, 5)
    kept = x.clone()
    torch.testing.assert_close(mine(x), original(x))
    assert torch.equal(x, kept)  # what is done in place is done to tensors of the block's own


def test_other_dtypes_and_memory_formats():
    settings = ResNetSettings(width=4, classes=5)
    model, x = ResNet(settings).eval().double(), torch.randn(2, 3, 33, 47, dtype=torch.float64)
    expected = model(x)
    assert expected.dtype == torch.float64
    torch.testing.assert_close(model.to(memory_format=torch.channels_last)(x), expected)
    torch.testing.assert_close(model.bfloat16()(x.bfloat16()).double(), expected, rtol=0, atol=0.03)


def test_exports_as_one_graph():
    model, x = ResNet(ResNetSettings(width=4, classes=5)).eval(), torch.randn(2, 3, 40, 30)
    program = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("N", min=2)},))
    other = torch.randn(6, 3, 40, 30)
    torch.testing.assert_close(program.module()(other), model(other))


@pytest.mark.parametrize(
    ("channels", "shape", "message"),
    [
        (
            3,
            (3, 9, 9),
            r"x has shape \(3, 9, 9\); expected \(N, 3, H, W\)\. Try x\.unsqueeze\(0\), .* \(1, 3, 9, 9\)\.$",
        ),
        (1, (5, 9, 9), r"Try x\.unsqueeze\(1\), which has shape \(5, 1, 9, 9\)"),
        (3, (2, 8, 9, 3), r"Try x\.movedim\(-1, 1\), which has shape \(2, 3, 8, 9\)"),
        (3, (8, 9, 3), r"Try x\.movedim\(-1, 0\)\.unsqueeze\(0\), which has shape \(1, 3, 8, 9\)"),
        (3, (2, 1, 9, 9), r"x has shape \(2, 1, 9, 9\); expected \(N, 3, H, W\), as channels says\.$"),
        (3, (2, 3, 4, 9, 9), r"x has shape \(2, 3, 4, 9, 9\); expected \(N, 3, H, W\), as channels says"),
        (3, (5, 75), r"expected \(N, 3, H, W\), as channels says"),
        (3, (), r"x has shape \(\); expected"),
    ],
)
def test_wrong_shape_is_named_and_the_remedy_works(channels, shape, message):
    model, x = ResNet(ResNetSettings(channels=channels, width=4, classes=5)).eval(), torch.ones(shape)
    with pytest.raises(ValueError, match=message) as caught:
        model(x)
    said = str(caught.value)
    if "Try " in said:
        remedy = said.partition("Try ")[2].partition(", which")[0]
        assert model(eval(remedy, {"x": x})).shape[1] == 5


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"block": "wide"}, ValueError, "block is 'wide'; expected one of 'basic', 'bottleneck'"),
        ({"block": BasicBlock}, ValueError, "block is <class .*>; expected one of 'basic'"),
        ({"blocks": (2, 2, 2)}, ValueError, r"blocks is \(2, 2, 2\), of length 3; expected 4, like \(2, 2, 2, 2\)"),
        ({"blocks": (2, 2, 0, 2)}, ValueError, r"blocks\[2\] is 0; expected at least 1"),
        ({"blocks": [2, 2, 2, 2]}, TypeError, r"blocks is \[2, 2, 2, 2\], of type list; expected a tuple"),
        ({"classes": 0}, ValueError, "classes is 0; expected at least 1"),
        ({"channels": 0}, ValueError, "channels is 0; expected at least 1"),
        ({"stem": "cifar"}, ValueError, "stem is 'cifar'; expected one of 'imagenet', 'small'"),
        ({"width": 0}, ValueError, "width is 0; expected at least 1"),
        ({"zero_init_residual": 1}, TypeError, "zero_init_residual is 1; expected True or False"),
    ],
)
def test_wrong_settings_are_named(settings, error, message):
    with pytest.raises(error, match=message):
        ResNetSettings(**settings)


def test_settings_of_another_kind_are_refused():
    with pytest.raises(TypeError, match=r"settings is 18; expected ResNetSettings\(\.\.\.\)"):
        ResNet(18)

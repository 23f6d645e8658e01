"""What holds for all reference models: their settings are frozen and explained, and the import is light."""

import dataclasses
import inspect
import re
import subprocess
import sys

import pytest
import torch

from ptguide import models

SETTINGS = [name for name in models.__all__ if name.endswith("Settings")]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_explained(name):
    settings = getattr(models, name)
    explained = re.findall(r"^(\w+) : .+\n    \S", inspect.getdoc(settings), flags=re.MULTILINE)
    assert explained == [field.name for field in dataclasses.fields(settings)]
    assert settings.__dataclass_params__.frozen


def test_import_loads_only_torch():
    code = "import sys, ptguide.models; print({'torchvision', 'matplotlib', 'sklearn'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


TRACED = {
    "LinearRegression": (models.LinearRegression(models.LinearRegressionSettings(5)), (2, 5)),
    "LogisticRegression": (models.LogisticRegression(models.LogisticRegressionSettings(5)), (2, 5)),
    "MLP": (models.MLP(models.MLPSettings(sizes=(6, 4, 3))), (2, 6)),
    "LeNet": (models.LeNet(models.LeNetSettings()), (2, 1, 28, 28)),
    "ResNet": (models.ResNet(models.ResNetSettings.resnet18()), (2, 3, 32, 32)),
    "Autoencoder": (models.Autoencoder(models.AutoencoderSettings(shape=(4, 5), hidden=(7,), latent=3)), (2, 4, 5)),
}


@pytest.mark.parametrize("name", TRACED)
def test_can_be_traced_and_still_checks_its_input(name):
    model, shape = TRACED[name]
    x = torch.rand(shape)
    traced = torch.fx.symbolic_trace(model.eval())
    torch.testing.assert_close(traced(x), model(x))
    with pytest.raises(ValueError, match=r"x has shape \(2, 9, 9, 9\); expected \(N, "):
        traced(torch.rand(2, 9, 9, 9))


def tokens(*shape):
    return torch.randint(11, shape)


GPT = models.GPT(models.GPTSettings(vocab_size=11, block_size=8, layers=2, heads=2, width=8))
LSTM = models.LSTMLanguageModel(models.LSTMSettings(vocab_size=11, embedding=4, hidden=5))
VAE = models.VAE(models.VAESettings(shape=(1, 4, 5), hidden=(7,), latent=3))
EXPORTED = {  # example, the axes that may differ, another input
    "GPT": (GPT, tokens(2, 5), (0, 1), tokens(3, 7)),
    "LSTMLanguageModel": (LSTM, tokens(2, 5), (0,), tokens(3, 5)),
    "VAE": (VAE, torch.rand(2, 1, 4, 5), (0,), torch.rand(3, 1, 4, 5)),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore:The tensor attributes self.lstm._flat_weights:UserWarning")  # of torch.nn.LSTM
@pytest.mark.parametrize("name", EXPORTED)
def test_can_be_exported_for_other_sizes_and_says_what_cannot_trace_it(name):
    model, example, axes, other = EXPORTED[name]
    model.eval()
    dynamic = dict.fromkeys(axes, torch.export.Dim.DYNAMIC)
    exported = torch.export.export(model, (example,), dynamic_shapes=(dynamic,)).module()
    for x in (example, other):
        torch.manual_seed(0)
        found = exported(x)
        torch.manual_seed(0)
        torch.testing.assert_close(found, model(x))
    with pytest.raises(torch.fx.proxy.TraceError):
        torch.fx.symbolic_trace(model)
    assert "`torch.fx` cannot trace it" in " ".join(inspect.getdoc(type(model)).split())


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
def test_feature_extractor_of_torchvision_takes_a_resnet():
    from torchvision.models.feature_extraction import create_feature_extractor

    extractor = create_feature_extractor(TRACED["ResNet"][0], ["layer2", "avgpool"])
    found = extractor(torch.rand(2, 3, 64, 96))
    assert {name: tuple(map_.shape) for name, map_ in found.items()} == {
        "layer2": (2, 128, 8, 12),
        "avgpool": (2, 512, 1, 1),
    }

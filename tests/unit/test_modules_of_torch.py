"""Modules and models of others, and ours: what is drawn and described has the shapes of their own outputs.

`nox -s bench -- modules` does so with all inputs and all models of torchvision.
"""

import importlib.util
from pathlib import Path

import pytest
import torch
from torch import nn

from ptguide import models
from ptguide.pictures import draw_graph

SPEC = importlib.util.spec_from_file_location(
    "modules_benchmark", Path(__file__).parents[1] / "benchmarks" / "modules.py"
)
modules = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(modules)


@pytest.mark.filterwarnings("ignore")  # torch warns of some of its own modules
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_modules_of_torch(training):
    seen = set()
    for name, cls, given, inputs in modules.module_samples(training):
        if name not in seen:
            seen.add(name)
            module = modules.made(cls, given, training)
            output = modules.show(module, inputs.args, inputs.kwargs)
            if training and next(module.parameters(), None) is not None:
                modules.show_graphs(module, output)
    assert len(seen) > 100


TOKENS = torch.tensor([[1, 2, 3], [4, 5, 6]])
IMAGES = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))
OURS = {
    "autoencoder": (lambda: models.Autoencoder(models.AutoencoderSettings()), [IMAGES]),
    "vae": (lambda: models.VAE(models.VAESettings()), [IMAGES, torch.Generator()]),
    "lenet": (lambda: models.LeNet(models.LeNetSettings()), [IMAGES]),
    "mlp": (lambda: models.MLP(models.MLPSettings(sizes=(5, 4, 3))), [torch.ones(2, 5)]),
    "linear": (lambda: models.LinearRegression(models.LinearRegressionSettings(5)), [torch.ones(2, 5)]),
    "logistic": (lambda: models.LogisticRegression(models.LogisticRegressionSettings(5, 3)), [torch.ones(2, 5)]),
    "resnet": (lambda: models.ResNet(models.ResNetSettings(classes=4, width=8)), [torch.ones(2, 3, 32, 32)]),
    "lstm": (lambda: models.LSTMLanguageModel(models.LSTMSettings(9, 4, 5, layers=2)), [TOKENS]),
    "gpt": (lambda: models.GPT(models.GPTSettings(9, 8, 2, 2, 12)), [TOKENS]),
}


@pytest.mark.parametrize("name", OURS)
def test_models_of_the_guide(name):
    make, inputs = OURS[name]
    model = make()
    assert modules.show_graphs(model, modules.show(model, inputs, {}))


@pytest.mark.filterwarnings("ignore:The default weight initialization of GoogleNet:FutureWarning")
@pytest.mark.parametrize("name", ["googlenet", "vit_b_32", "swin_t", "fcn_resnet50"])
def test_models_of_torchvision(name):
    pytest.importorskip("torchvision")
    model, x = modules.vision_model(name)
    for mode in (True, False):
        modules.show(model.train(mode), x, {})


def test_graph_of_a_model_of_torchvision():
    torchvision = pytest.importorskip("torchvision")
    model = torchvision.models.resnet18(num_classes=4)
    loss = nn.functional.cross_entropy(model(torch.rand(2, 3, 32, 32)), torch.tensor([0, 1]))
    said = draw_graph(loss, dict(model.named_parameters())).description
    assert "layer4.1, which holds " in said

"""Modules and models of others, and ours: what is drawn and described has the shapes of their own outputs."""

import sys
import types
import unittest
import warnings

import pytest
import torch
from torch import nn

from ptguide import models
from ptguide.pictures import draw_graph, draw_network
from ptguide.pictures._structures import shapes_of, tensors_of
from ptguide.tensors import describe


def database():
    """Return torch's own list of modules, with constructors and inputs."""
    with pytest.MonkeyPatch.context() as patch:  # its tests need a package of which the list needs a name
        patch.setitem(sys.modules, "expecttest", types.SimpleNamespace(TestCase=unittest.TestCase))
        with warnings.catch_warnings(action="ignore"):
            from torch.testing._internal.common_modules import module_db
    return module_db


def samples(info, training):
    with warnings.catch_warnings(action="ignore"):
        return info.module_inputs_func(info, "cpu", torch.float32, requires_grad=True, training=training)


def show(module, args, kwargs):
    """Draw and describe all, and return a module's own output."""
    output = module(*args, **kwargs)
    table = draw_network(module, tuple(args), kwargs)
    assert table.rows[0].outputs == shapes_of(output)
    assert str(table)
    assert table._repr_html_()
    for tensor in [*tensors_of(output), *module.parameters()]:
        assert describe(tensor).shape == tuple(tensor.shape)
    return output


@pytest.mark.filterwarnings("ignore")  # torch warns of some of its own modules
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_modules_of_torch(training):
    shown = set()
    for info in database():
        for sample in samples(info, training):
            if sample.forward_input is None:
                continue
            torch.manual_seed(0)
            given, inputs = sample.constructor_input, sample.forward_input
            module = info.module_cls(*given.args, **given.kwargs).train(training)
            output = show(module, inputs.args, inputs.kwargs)
            if info.name not in shown:
                names = dict(module.named_parameters())
                for tensor in tensors_of(output):
                    if tensor.grad_fn is not None:
                        assert draw_graph(tensor, names, gradient=torch.ones_like(tensor)).panels
            shown.add(info.name)
    assert len(shown) > 100


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
    output = show(model, inputs, {})
    first = next(tensors_of(output))
    assert draw_graph(first, dict(model.named_parameters()), gradient=torch.ones_like(first)).panels


VISION = {
    "resnet18": 32,
    "mobilenet_v3_small": 64,
    "googlenet": 96,
    "vit_b_32": 224,
    "swin_t": 64,
    "fcn_resnet50": 64,
}


@pytest.mark.filterwarnings("ignore:The default weight initialization of GoogleNet:FutureWarning")
@pytest.mark.parametrize("name", VISION)
def test_models_of_torchvision(name):
    torchvision = pytest.importorskip("torchvision")
    with torch.device("meta"):
        model = torchvision.models.get_model(name, weights=None)
        x = torch.empty(2, 3, VISION[name], VISION[name])
    for mode in (True, False):
        show(model.train(mode), [x], {})


def test_graph_of_a_model_of_torchvision():
    torchvision = pytest.importorskip("torchvision")
    model = torchvision.models.resnet18(num_classes=4)
    loss = nn.functional.cross_entropy(model(torch.rand(2, 3, 32, 32)), torch.tensor([0, 1]))
    said = draw_graph(loss, dict(model.named_parameters())).description
    assert "layer4.1, which holds " in said

"""Reference models: each in one file, small enough to read, and equal to its original weight for weight."""

from ptguide.models.autoencoder import Autoencoder, AutoencoderSettings
from ptguide.models.cnn import LeNet, LeNetSettings
from ptguide.models.linear import LinearRegression, LinearRegressionSettings
from ptguide.models.logistic import LogisticRegression, LogisticRegressionSettings
from ptguide.models.mlp import MLP, MLPSettings
from ptguide.models.resnet import BasicBlock, Bottleneck, ResNet, ResNetSettings
from ptguide.models.vae import VAE, VAESettings

__all__ = [
    "MLP",
    "VAE",
    "Autoencoder",
    "AutoencoderSettings",
    "BasicBlock",
    "Bottleneck",
    "LeNet",
    "LeNetSettings",
    "LinearRegression",
    "LinearRegressionSettings",
    "LogisticRegression",
    "LogisticRegressionSettings",
    "MLPSettings",
    "ResNet",
    "ResNetSettings",
    "VAESettings",
]

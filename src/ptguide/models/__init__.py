"""Reference models: each in one file, small enough to read, and equal to its original weight for weight."""

from ptguide.models.attention import AttentionSettings, MultiheadAttention, dot_product_attention
from ptguide.models.autoencoder import Autoencoder, AutoencoderSettings
from ptguide.models.cache import KeyValueCache
from ptguide.models.cnn import LeNet, LeNetSettings
from ptguide.models.gpt import GPT, GPT2_SIZES, GPTBlock, GPTSettings
from ptguide.models.linear import LinearRegression, LinearRegressionSettings
from ptguide.models.logistic import LogisticRegression, LogisticRegressionSettings
from ptguide.models.lstm import LSTMCell, LSTMLanguageModel, LSTMSettings, detach_state, unroll
from ptguide.models.masks import causal_mask
from ptguide.models.mlp import MLP, MLPSettings
from ptguide.models.resnet import BasicBlock, Bottleneck, ResNet, ResNetSettings
from ptguide.models.sampling import evaluating, next_token
from ptguide.models.vae import VAE, VAESettings

__all__ = [
    "GPT",
    "GPT2_SIZES",
    "MLP",
    "VAE",
    "AttentionSettings",
    "Autoencoder",
    "AutoencoderSettings",
    "BasicBlock",
    "Bottleneck",
    "GPTBlock",
    "GPTSettings",
    "KeyValueCache",
    "LSTMCell",
    "LSTMLanguageModel",
    "LSTMSettings",
    "LeNet",
    "LeNetSettings",
    "LinearRegression",
    "LinearRegressionSettings",
    "LogisticRegression",
    "LogisticRegressionSettings",
    "MLPSettings",
    "MultiheadAttention",
    "ResNet",
    "ResNetSettings",
    "VAESettings",
    "causal_mask",
    "detach_state",
    "dot_product_attention",
    "evaluating",
    "next_token",
    "unroll",
]

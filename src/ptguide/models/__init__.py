"""Reference models, one file each, weight for weight equal to their originals in torch."""

from ptguide.models.attention import AttentionSettings, MultiheadAttention, dot_product_attention
from ptguide.models.cache import KeyValueCache
from ptguide.models.gpt import GPT, GPT2_SIZES, GPTBlock, GPTSettings
from ptguide.models.lstm import LSTMCell, LSTMLanguageModel, LSTMSettings, detach_state, unroll
from ptguide.models.masks import causal_mask
from ptguide.models.sampling import evaluating, next_token

__all__ = [
    "GPT",
    "GPT2_SIZES",
    "AttentionSettings",
    "GPTBlock",
    "GPTSettings",
    "KeyValueCache",
    "LSTMCell",
    "LSTMLanguageModel",
    "LSTMSettings",
    "MultiheadAttention",
    "causal_mask",
    "detach_state",
    "dot_product_attention",
    "evaluating",
    "next_token",
    "unroll",
]

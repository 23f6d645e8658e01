"""Reference models, one file each, weight for weight equal to their originals in torch."""

from ptguide.models.attention import AttentionSettings, MultiheadAttention, dot_product_attention
from ptguide.models.cache import KeyValueCache
from ptguide.models.masks import causal_mask

__all__ = ["AttentionSettings", "KeyValueCache", "MultiheadAttention", "causal_mask", "dot_product_attention"]

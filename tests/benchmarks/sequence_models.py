"""Are the sequence models as quick as their originals? Forward and backward, side by side in one run.

Both sides have the same weights and read the same input; the runs alternate, so that what else the machine does
meets both. Rows without a limit are there to be read: what a loop that is written out costs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from ptguide import models
from ptguide.devices import device_name, pick_device

LIMIT = 1.05


class Encoder(nn.Module):
    """GPT made from torch's own layers."""

    def __init__(self, settings):
        super().__init__()
        D, bias = settings.width, settings.bias
        self.token_embedding = nn.Embedding(settings.vocab_size, D)
        self.position_embedding = nn.Embedding(settings.block_size, D)
        gelu = partial(F.gelu, approximate="tanh")
        options = {"activation": gelu, "batch_first": True, "norm_first": True, "bias": bias}
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(D, settings.heads, 4 * D, settings.dropout, **options)
            for _ in range(settings.layers)
        )
        self.norm = nn.LayerNorm(D, bias=bias)

    def forward(self, tokens):
        T = tokens.shape[1]
        x = self.token_embedding(tokens) + self.position_embedding(torch.arange(T, device=tokens.device))
        mask = nn.Transformer.generate_square_subsequent_mask(T, device=tokens.device, dtype=x.dtype)
        for block in self.blocks:
            x = block(x, src_mask=mask, is_causal=True)
        return F.linear(self.norm(x), self.token_embedding.weight)


class Recurrent(nn.Module):
    """The language model made from torch's own layers."""

    def __init__(self, settings):
        super().__init__()
        self.embedding = nn.Embedding(settings.vocab_size, settings.embedding)
        self.lstm = nn.LSTM(settings.embedding, settings.hidden, settings.layers, batch_first=True)
        self.head = nn.Linear(settings.hidden, settings.vocab_size)

    def forward(self, tokens):
        return self.head(self.lstm(self.embedding(tokens))[0])


def step(run, *inputs):
    """Return a function that runs forward and backward."""
    return lambda: run(*inputs).square().mean().backward()


def attention_cases(device):
    B, T, S, H, E = 8, 128, 96, 4, 64
    D = H * E
    ours = models.MultiheadAttention(models.AttentionSettings(D, H)).to(device)
    original = nn.MultiheadAttention(D, H, batch_first=True).to(device)
    original.load_state_dict(ours.state_dict())
    x, memory = torch.randn(B, T, D, device=device), torch.randn(B, S, D, device=device)
    there = torch.arange(T, device=device) < torch.randint(T // 2, T, (B, 1), device=device)
    hidden = ~models.causal_mask(T, T, device)

    def torch_s(q, k, **options):
        return original(q, k, k, need_weights=False, **options)[0]

    yield "self-attention", step(ours, x), step(torch_s, x, x), LIMIT
    causal = partial(torch_s, attn_mask=hidden, is_causal=True)
    yield "self-attention, causal", step(partial(ours, causal=True), x), step(causal, x, x), LIMIT
    padded = partial(torch_s, key_padding_mask=~there)
    yield "self-attention, padding", step(partial(ours, key_mask=there), x), step(padded, x, x), LIMIT
    yield "attention to another text", step(ours, x, memory), step(torch_s, x, memory), LIMIT
    q, k, v = torch.randn(3, B, H, T, E, device=device).requires_grad_()
    written_out = step(lambda *qkv: models.dot_product_attention(*qkv, causal=True)[0], q, k, v)
    yield (
        "dot_product_attention",
        written_out,
        step(partial(F.scaled_dot_product_attention, is_causal=True), q, k, v),
        None,
    )


def lstm_cases(device):
    B, T, width, D = 32, 64, 64, 256
    x = torch.randn(B, T, width, device=device)
    cell, original, layer = (kind(width, D).to(device) for kind in (models.LSTMCell, nn.LSTMCell, nn.LSTM))
    layer.batch_first = True
    original.load_state_dict(cell.state_dict())
    layer.load_state_dict({f"{name}_l0": weight for name, weight in cell.state_dict().items()})

    def unroll(cell):
        return step(lambda x: models.unroll(cell, x)[0], x)

    yield f"LSTMCell, {T} steps", unroll(cell), unroll(original), LIMIT
    yield "unroll, against nn.LSTM", unroll(cell), step(lambda x: layer(x)[0], x), None
    settings = models.LSTMSettings(vocab_size=65, embedding=width, hidden=D, layers=2)
    ours, theirs = models.LSTMLanguageModel(settings).to(device), Recurrent(settings).to(device)
    renamed = {name.replace("head_", "head."): weight for name, weight in ours.state_dict().items()}
    theirs.load_state_dict(renamed)
    tokens = torch.randint(65, (B, T), device=device)
    yield "LSTMLanguageModel", step(lambda tokens: ours(tokens)[0], tokens), step(theirs, tokens), LIMIT


def gpt_cases(device):
    settings = models.GPTSettings(vocab_size=65, block_size=128, layers=3, heads=4, width=128)
    ours, theirs = models.GPT(settings).to(device), Encoder(settings).to(device)
    theirs.load_state_dict(ours.state_dict())
    tokens = torch.randint(65, (8, settings.block_size), device=device)
    yield "GPT", step(ours, tokens), step(theirs, tokens), LIMIT
    generate = partial(ours.generate, tokens[:1, :8], settings.block_size - 8, temperature=0)
    yield "generate: cache, against none", generate, partial(generate, use_cache=False), 0.7


def seconds(run):
    started = time.perf_counter()
    run()
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()
    return time.perf_counter() - started


def compare(ours, original, budget):
    """Return the middle of each side's seconds; the runs alternate, and so does who begins."""
    taken = {ours: [], original: []}
    started = time.perf_counter()
    while len(taken[ours]) < 12 or time.perf_counter() - started < budget:
        for run in (ours, original) if len(taken[ours]) % 2 else (original, ours):
            taken[run].append(seconds(run))
    return [statistics.median(taken[run][2:]) for run in (ours, original)]  # the first two runs warm up


def main() -> int:
    """Print the table; return 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10, help="for each row, at least 12 runs of each side")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    device = pick_device()
    missed = 0
    print(device_name(device))
    print(f"{'what':<30}{'ours, ms':>10}{'original':>10}{'ratio':>7}{'limit':>7}")
    for cases in (attention_cases, lstm_cases, gpt_cases):
        for what, ours, original, limit in cases(device):
            mine, theirs = compare(ours, original, options.seconds)
            ratio = mine / theirs
            print(f"{what:<30}{1e3 * mine:>10.2f}{1e3 * theirs:>10.2f}{ratio:>7.2f}{limit or '':>7}", flush=True)
            missed += limit is not None and ratio > limit
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())

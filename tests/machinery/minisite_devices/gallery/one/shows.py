"""
Shows?
======

Its outputs name the device (pretend_gpu).
"""

# %%
# Text.

import time

import torch

from ptguide.devices import device_name, pick_device

print(device_name())
assert torch.ones(3, device=pick_device()).sum() == 3

# %%
# The same everywhere.

print("one third is", round(1 / 3, 4))

# %%
# What is measured differs.

# Measured, in seconds.
print(f"{time.perf_counter():.6f} seconds on {device_name()}")

# %%
# Nothing, except on a GPU.

if pick_device().type != "cpu":
    print("only there:", "wilde" + "beest")  # a word that no page holds

"""
Fails?
======

Passes on a CPU only (pretend_gpu).
"""

# %%
# Text.

from ptguide.devices import device_name

assert device_name().startswith("CPU"), "this page fails on a GPU"

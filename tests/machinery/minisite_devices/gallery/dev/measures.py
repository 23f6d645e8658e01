"""
How fast?
=========

Measures (pretend_gpu).
"""

# %%
# It measures where there is a device.

# sphinx_gallery_parallel = False
import torch

from ptguide.devices import pick_device
from ptguide.measurements import record, recorded, sources

device = pick_device()
found = recorded("speed")
print("the sum is", torch.ones(3, device=device).sum().item())
assert {one.name for one in found} <= {"speed"}

# %%
# And shows what others measured.

# Measured on each of these devices.
if device.type != "cpu":
    found = [record("speed", {"bytes": [4, 8], "seconds": [0.5, 0.25]}), *found]
for one in found:
    print(one.label, one.values["seconds"])
print(sources("speed", found))

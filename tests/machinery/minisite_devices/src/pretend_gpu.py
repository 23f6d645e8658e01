"""Let torch believe that this machine has a GPU; loaded before the pages where a test asks for it.

It lies with the tests alone: nothing that the site or the recorder is made of can give a device another name.
"""

import os

import torch

NAME = "NVIDIA Test GPU"
taken = []  # an entry for each tensor that was asked for on the pretended device


def _on_the_cpu(make):
    """Return a function of torch that makes its tensor on the CPU where the pretended device is asked for."""

    def made(*args, device=None, **kwargs):
        if device is not None and torch.device(device).type == "cuda":
            taken.append(device)
            device = None
        return make(*args, device=device, **kwargs)

    return made


torch.accelerator.current_accelerator = lambda check_available=False: torch.device("cuda")
torch.accelerator.is_available = lambda: True
torch.accelerator.device_count = lambda: 1
torch.accelerator.memory_stats = lambda index: {"allocation.all.allocated": len(taken)}
torch.cuda.get_device_name = lambda device=None: NAME
torch.version.cuda = "99.0"
if os.environ["PRETEND_GPU"] == "computes":  # else it has a name and nothing behind it
    torch.ones = _on_the_cpu(torch.ones)

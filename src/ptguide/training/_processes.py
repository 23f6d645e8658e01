"""Several processes that train one model together: what they agree on. torch starts them, and torch lets them talk."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel


class Team:
    """The processes of a run. One process alone is a team of one, and all that it does here costs next to nothing.

    Each process calls each method that needs the others (`sums`, `gather`, `broadcast`, `any`): who does not come lets
    all the others wait.

    Attributes
    ----------
    rank : int
        The number of this process, from 0.
    size : int
        How many there are.
    """

    def __init__(self, rank: int = 0, size: int = 1, device: torch.device | None = None) -> None:
        self.rank = rank
        self.size = size
        self._device = device

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and shows: the first."""
        return self.rank == 0

    def sums(self, values: list[float]) -> list[float]:
        """Return the sum of each value over all processes, the same in all of them."""
        if self.size == 1:
            return values
        return self.sum(torch.tensor(values, dtype=torch.float64)).tolist()

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes."""
        if self.size == 1:
            return values
        total = values.to(self._device, copy=True)
        dist.all_reduce(total)
        return total.to(values.device)

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in any process."""
        return self.sums([float(flag)])[0] > 0

    def gather(self, value: Any) -> list[Any]:
        """Return what each process has, in all of them."""
        found: list[Any] = [value] * self.size
        if self.size > 1:
            dist.all_gather_object(found, value)
        return found

    def broadcast(self, value: Any) -> Any:
        """Return what the first process has, in all of them."""
        if self.size == 1:
            return value
        found = [value]
        dist.broadcast_object_list(found, src=0, device=self._device)
        return found[0]

    def wrap(self, model: nn.Module, device: torch.device) -> nn.Module:
        """Return what to call in place of the model: its backward pass leaves the mean gradient of all processes."""
        if self.size == 1 or isinstance(model, DistributedDataParallel) or is_sharded(model):
            return model
        return DistributedDataParallel(model, device_ids=None if device.type == "cpu" else [device])

    def exchange(self, network: Any, wanted: bool) -> None:
        """Say whether the next backward pass is to exchange gradients: the last one of a step does it for all."""
        if self.size == 1:
            return
        if is_sharded(network):
            network.set_requires_gradient_sync(wanted)
        else:
            network.require_backward_grad_sync = wanted  # what DistributedDataParallel.no_sync() sets, too

    def share_start(self, tensors: Iterable[Tensor]) -> None:
        """Give all processes the values that the first has, as DDP does for the model: here for those of a loss."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor.detach(), src=0)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Put the mean over the processes in the place of each gradient, which no wrapper of the model exchanges."""
        if self.size == 1:
            return
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            dist.all_reduce(parameter.grad)
            parameter.grad /= self.size

    def share_buffers(self, model: nn.Module) -> None:
        """Give all processes the buffers of the first: each has the running means of what it saw itself."""
        if self.size > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, src=0)


def join(device: torch.device) -> Team:
    """Return the processes that train together: those of `torchrun`, or of a process group that is there already.

    Raises
    ------
    ValueError
        If several processes of one machine would train on the same accelerator.
    """
    if not dist.is_available():
        return Team()
    if not dist.is_initialized():
        if not dist.is_torchelastic_launched() or os.environ["WORLD_SIZE"] == "1":
            return Team()
        _check_own(device)
        _meet()
    on_cpu = "cpu:" in dist.get_backend_config()
    return Team(dist.get_rank(), dist.get_world_size(), torch.device("cpu") if on_cpu else device)


def is_sharded(model: Any) -> bool:
    """Return whether FSDP2 has divided a model among the processes."""
    from torch.distributed.fsdp import FSDPModule

    return isinstance(model, FSDPModule)


def _check_own(device: torch.device) -> None:
    """Require an accelerator of its own for this process, and make it the current one."""
    if device.type == "cpu":
        return
    local = int(os.environ["LOCAL_RANK"])
    if torch.accelerator.device_count() > 1 and device.index != local:
        raise ValueError(
            f"model is on {device} in the process with LOCAL_RANK {local}; expected {device.type}:{local}, for each "
            "process needs an accelerator of its own. Pass device=ptguide.devices.pick_device()."
        )
    torch.accelerator.set_device_index(device)


def _meet() -> None:
    """Let the processes find each other: NCCL for tensors on a GPU, gloo for those on the CPU."""
    if os.environ["LOCAL_WORLD_SIZE"] == os.environ["WORLD_SIZE"]:
        # When torchrun starts its processes again, it keeps the store in which the dead ones left their addresses
        # (seen with torch 2.14). On one machine all have the same restart count, so it can keep attempts apart; on
        # several, TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 makes torchrun itself take a new store.
        store, rank, size = next(rendezvous("env://"))
        attempt = PrefixStore(f"attempt {os.environ['TORCHELASTIC_RESTART_COUNT']}", store)
        dist.init_process_group(store=attempt, rank=rank, world_size=size)
    else:
        dist.init_process_group()
    atexit.register(_leave)


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()

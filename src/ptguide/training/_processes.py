"""Several processes that train one model together. torch starts them, and torch lets them talk.

A model and its optimizer can be divided among them (FSDP2). In a checkpoint every tensor is whole, whoever wrote it, so
a run of one process, of several that each hold the whole model, and of several that share one can go on from each
other's checkpoints.
"""

from __future__ import annotations

import atexit
import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel
from torch.utils import _pytree as pytree

from ptguide.training._history import Monitor


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


def shard_model(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    layers: bool | type[nn.Module],
    team: Team,
    device: torch.device,
    precision: torch.dtype,
) -> None:
    """Let each process hold its part of every parameter, gradient and state of the optimizer only.

    The parameters of each layer of the class ``layers`` are brought together on their own, before it computes; the
    other parameters stay together during the whole forward and backward pass.

    Raises
    ------
    TypeError
        If ``layers`` is neither True nor a class of layers.
    ValueError
        If the model has no such layer, the run has one process only, or trains in float16.
    """
    if layers is not True and not (isinstance(layers, type) and issubclass(layers, nn.Module)):
        raise TypeError(
            f"shard is {layers!r}; expected True, or the class of the layers to divide one by one, such as "
            "torch.nn.TransformerEncoderLayer."
        )
    if team.size == 1:
        raise ValueError(
            "shard needs several processes, and this is the only one. Start them: torchrun --nproc-per-node=2 train.py."
        )
    if precision == torch.float16:
        raise ValueError("precision is torch.float16, and shard needs torch.bfloat16 or torch.float32.")
    if is_sharded(model):
        return
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    for tensor in [*model.parameters(), *model.buffers()]:
        dist.broadcast(tensor.detach(), src=0)  # all begin with the weights of the first, as DDP sees to
    before = optimizer.state_dict()
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    mesh = init_device_mesh(device.type, (team.size,))
    found = [
        module
        for module in model.modules()
        if module is not model and layers is not True and isinstance(module, layers)
    ]
    if layers is not True and not found:
        raise ValueError(f"shard is {layers.__name__}, and the model has no layer of this class; name one of its own.")
    for module in found:
        fully_shard(module, mesh=mesh)
    fully_shard(model, mesh=mesh)
    parameters = dict(model.named_parameters())
    for group in optimizer.param_groups:
        # What is not the model's, such as the parameters of a loss, stays whole in every process.
        group["params"] = [
            parameters[names[id(parameter)]] if id(parameter) in names else parameter for parameter in group["params"]
        ]
    optimizer.state.clear()
    optimizer.load_state_dict(_divide_optimizer(before, optimizer))


def whole(state: dict[str, Any], *, keep: bool) -> dict[str, Any]:
    """Return a state with whole tensors in the place of divided ones.

    All processes take part; those without ``keep`` throw away what they get, tensor by tensor.
    """
    from torch.distributed.tensor import DTensor

    def join(tensor: DTensor) -> Tensor:
        full = tensor.full_tensor()
        return full.cpu() if keep else torch.empty(0)

    joined: dict[str, Any] = pytree.tree_map_only(DTensor, join, state)
    return {name: _with_versions(joined[name], part) for name, part in state.items()}


def divided(state: dict[str, Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of a run with the tensors of models and optimizers divided as theirs are."""
    found = dict(state)
    for name, part in parts.items():
        if is_sharded(part):
            found[name] = divide_weights(state[name], part)
        elif isinstance(part, torch.optim.Optimizer):
            found[name] = _divide_optimizer(state[name], part)
        elif isinstance(part, Monitor) and is_sharded(parts["model"]) and state[name]["weights"] is not None:
            found[name] = {**state[name], "weights": divide_weights(state[name]["weights"], parts["model"])}
    return found


def divide_weights(weights: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Return whole weights divided as those of the model are."""
    own = model.state_dict()
    found = {name: _like(own[name], value) if name in own else value for name, value in weights.items()}
    again: dict[str, Tensor] = _with_versions(found, weights)
    return again


def _with_versions(weights: Any, source: Any) -> Any:
    """Return weights with the versions of the layers, which `torch.nn.Module.load_state_dict` asks for."""
    if not hasattr(source, "_metadata"):
        return weights
    found = OrderedDict(weights)
    found._metadata = source._metadata  # type: ignore[attr-defined]
    return found


def _divide_optimizer(state: dict[str, Any], optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    entries = {
        number: {key: _like(parameters[number], value) for key, value in entry.items()}
        for number, entry in state["state"].items()
    }
    return {**state, "state": entries}


def _like(example: Tensor, value: Any) -> Any:
    """Return a tensor divided as another of its shape is; all processes have the whole of it already."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(example, DTensor) or not isinstance(value, Tensor) or value.shape != example.shape:
        return value
    return distribute_tensor(value.to(example.device), example.device_mesh, example.placements, src_data_rank=None)

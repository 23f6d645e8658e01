"""Divide a model and its optimizer among processes (FSDP2), and bring their states to and from the common form.

In a checkpoint every tensor is whole, whoever wrote it, so a run of one process, of several that each hold the whole
model, and of several that share one can go on from each other's checkpoints.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from ptguide.training._history import Monitor
from ptguide.training._processes import Team, is_sharded


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

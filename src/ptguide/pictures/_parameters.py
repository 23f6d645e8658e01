"""In which module's row each parameter of a network counts."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import nn
from torch.nn.parameter import is_lazy

from ptguide.pictures._structures import size_of


@dataclass
class Counted:
    """The parameters that are counted in a module's row, and how many are counted in other modules' rows."""

    parameters: int = 0
    trainable: int = 0
    parameter_bytes: int = 0
    shared: dict[str, int] = field(default_factory=dict)
    unknown: int = 0  # parameters that wait for their first input
    frozen: bool = False

    def add(self, parameter: nn.Parameter) -> None:
        if is_lazy(parameter):
            self.unknown += 1
            return
        self.parameters += parameter.numel()
        self.trainable += parameter.numel() * parameter.requires_grad
        self.parameter_bytes += size_of([parameter])


def counted(module: nn.Module, depth: int) -> dict[str, Counted]:
    """Count each parameter in the first module that has it, or in the listed module around that."""
    found: dict[str, Counted] = {}
    owners: dict[int, str] = {}
    for name, part in module.named_modules():
        listed = ".".join(name.split(".")[:depth])
        own = found.setdefault(listed, Counted(frozen=_is_frozen(part)))
        for parameter in part.parameters(recurse=False):
            owner = owners.setdefault(id(parameter), name)
            if owner == name:
                own.add(parameter)
            elif (counted_in := ".".join(owner.split(".")[:depth])) != listed:
                own.shared[counted_in] = own.shared.get(counted_in, 0) + parameter.numel()
    return found


def total(module: nn.Module) -> Counted:
    """Count all parameters of a module, each once."""
    found = Counted()
    for parameter in module.parameters():
        found.add(parameter)
    return found


def _is_frozen(module: nn.Module) -> bool:
    """Say whether a module has parameters, those of the modules inside included, and none is trained."""
    trained = [parameter.requires_grad for parameter in module.parameters()]
    return bool(trained) and not any(trained)

"""Which layer of the reader's model an error came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from ptguide._explaining._standins import is_module

MOST_LAYERS = 20_000


@dataclass(frozen=True)
class Layer:
    """A module below another one.

    Attributes
    ----------
    module, root : nn.Module
    path : tuple of str
        The names from the root to the module; empty for the root itself.
    base : str
        The reader's name for the root; empty if there is none.
    """

    module: nn.Module
    root: nn.Module
    path: tuple[str, ...]
    base: str

    @property
    def code(self) -> str:
        """The module as the reader's code would name it: ``self.fc``, ``net[2]``; ``layer`` if it has no name."""
        if not self.base:
            return "layer"
        return self.base + "".join(f"[{name}]" if name.isdigit() else f".{name}" for name in self.path)

    def __str__(self) -> str:
        kind = type(self.module)
        own = kind.__module__.startswith("torch.nn")  # others may say anything, or fail
        settings = self.module.extra_repr() if own else ""
        text = f"{kind.__name__}({settings})" if settings else kind.__name__
        return f"{'.'.join(self.path)} of {type(self.root).__name__}: {text}" if self.path else text

    def parameters(self) -> Iterator[tuple[str, object]]:
        """Yield the parameters and buffers of the layer itself, by their names in the reader's code."""
        for kind in ("_parameters", "_buffers"):
            for name, value in (vars(self.module).get(kind) or {}).items():
                yield f"{self.code}.{name}", value


def find_layer(modules: list[nn.Module], names: Mapping[str, Any]) -> Layer | None:
    """Return the innermost of nested modules as a layer of the outermost.

    Parameters
    ----------
    modules : list of nn.Module
        Those whose methods were running, from the outside in.
    names : mapping of str to object
        The reader's names.
    """
    if not modules:
        return None
    inner = modules[-1]
    for root in modules:  # a module that is kept in a plain list is below none
        path = _path(root, inner)
        if path is not None:
            base = next((name for name, value in names.items() if value is root), "")
            above = next((found for name, value in names.items() if (found := _above(name, value, root))), "")
            return Layer(inner, root, path, base or above)
    return None


def _above(name: str, value: object, root: nn.Module) -> str:
    """Return the name of a module that the reader has only as an attribute of another: ``self.net``."""
    if name != "self" or not is_module(value):
        return ""
    inside: dict[str, object] = vars(value).get("_modules", {})
    return next((f"self.{inner}" for inner, module in inside.items() if module is root), "")


def _path(root: nn.Module, wanted: nn.Module) -> tuple[str, ...] | None:
    """Return the names that lead from one module to another, the shortest."""
    return next((path for path, module in modules_below(root) if module is wanted), None)


def modules_below(root: nn.Module) -> Iterator[tuple[tuple[str, ...], nn.Module]]:
    """Yield a module and those below it with the names that lead there; no method of the reader's is called."""
    waiting: list[tuple[tuple[str, ...], nn.Module]] = [((), root)]
    seen = {id(root)}
    for path, module in waiting:  # grows while it is walked
        yield path, module
        for name, child in (vars(module).get("_modules") or {}).items():
            if is_module(child) and id(child) not in seen and len(seen) < MOST_LAYERS:
                seen.add(id(child))
                waiting.append(((*path, name), child))


def running(frames: list[Mapping[str, Any]]) -> list[nn.Module]:
    """Return the modules whose methods run in these frames, each once, from the outside in."""
    found: list[nn.Module] = []
    for names in frames:
        module = names.get("self")
        if is_module(module) and not any(module is other for other in found):
            found.append(module)  # type: ignore[arg-type]
    return found


def all_parameters(root: nn.Module) -> list[Any]:
    """Return what ``root.parameters()`` yields, by what is stored; fails where a module has a method of its own."""
    found: dict[int, Any] = {}
    for _, module in modules_below(root):
        if type(module).named_parameters is not nn.Module.named_parameters:
            raise LookupError
        found |= {id(value): value for value in (vars(module).get("_parameters") or {}).values() if value is not None}
    return list(found.values())

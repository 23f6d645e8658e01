"""Weights that are loaded."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

from torch import nn

from ptguide._explaining._calls import Call, Operand
from ptguide._explaining._finding import Case, Change, Finding, explains
from ptguide._explaining._layers import modules_below
from ptguide._explaining._standins import is_module, is_tensor

PAGE = "errors/loading_state_dict"
MOST = 6  # names that are told
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "backbone.")


@explains("Expected state_dict to be dict-like, got", PAGE)
def not_a_dict(case: Case) -> Finding:
    """The weights are a dictionary."""
    given = _given(case.site.call)
    rule = "load_state_dict takes the dictionary of a module's weights"
    start = "net = nn.Linear(2, 3)\nother = nn.Linear(2, 3)\nnet.load_state_dict(%s)\nresult = net.weight"
    if "method" in case.message:
        rule += f"; {given.name} is a method that was not called."
        return Finding(
            rule,
            {},
            start % "other.state_dict",
            [Change(start % "other.state_dict()", f"{given.name}()")],
            values=True,
            example=True,
        )
    if "Module" in case.message or "torch.nn" in case.message or is_module(given.value):
        rule += f"; {given.name} is the module itself."
        change = Change(start % "other.state_dict()", f"{given.name}.state_dict()")
        return Finding(rule, {}, start % "other", [change], values=True, example=True)
    return Finding(f"{rule}; {given.name} is none.")


def _given(call: Call) -> Any:
    return call.args[-1] if call.args else call.get(0, "state_dict")


@explains("Error\\(s\\) in loading state_dict for (\\w+)", PAGE)
def names(case: Case) -> Finding:
    """Names and shapes in the file are those of the model."""
    missing, unexpected = _listed(case.message, "Missing"), _listed(case.message, "Unexpected")
    lines = []
    if missing:
        lines.append(f"The model has, and the file lacks: {_some(missing)}.")
    if unexpected:
        lines.append(f"The file has, and the model lacks: {_some(unexpected)}.")
    sizes = re.findall(r"size mismatch for (\S+): .*?Size\(\[([^]]*)\]\).*?Size\(\[([^]]*)\]\)", case.message)
    lines += [
        f"{name} has shape ({there}) in the file and ({here}) in the model." for name, there, here in sizes[:MOST]
    ]
    prefix = _prefix(missing, unexpected)
    if prefix:
        lines.append(f"The names differ in the prefix {prefix!r} alone.")
    else:
        lines += [f"{name} is close to {other}." for name, other in _close(missing, unexpected)]
    model, weights = _model(case), _weights(case)
    if model is None or weights is None:
        return Finding("\n".join(lines))
    known = {"here": Operand("model", _own(model)), "file": Operand(_given(case.site.call).name, weights)}
    changes = [*_renamed(missing, unexpected, prefix), *_in_part(_own(model), weights)]
    return Finding("\n".join(lines), known, CHECK % "{file}", changes, values=True, most=1)


CHECK = (
    "changed = %s\nassert not {here}.keys() - changed.keys() and not changed.keys() - {here}.keys()\n"
    "assert all(changed[name].shape == {here}[name].shape for name in {here})\nresult = None"
)
SOME = (
    "changed = %s\nassert changed\n"
    "assert all(changed[name].shape == {here}[name].shape for name in {here} if name in changed)\nresult = None"
)
FITTING = (
    "dict((name, value) for name, value in {file}.items() if name in {here} and value.shape == {here}[name].shape)"
)


def _renamed(missing: list[str], unexpected: list[str], prefix: str) -> Iterator[Change]:
    """Yield the weights under other names, first so that all fit, then so that some do."""
    code = ""
    if prefix and unexpected and unexpected[0].startswith(prefix):
        code = f"dict((name.removeprefix({prefix!r}), value) for name, value in {{file}}.items())"
    elif prefix:
        code = f"dict(({prefix!r} + name, value) for name, value in {{file}}.items())"
    else:
        alone = len(missing) == len(unexpected) == 1
        pairs = _close(missing, unexpected) or (list(zip(missing, unexpected, strict=True)) if alone else [])
        if pairs:
            names = ", ".join(f"{other!r}: {name!r}" for name, other in pairs)
            code = f"dict(({{{{{names}}}}}.get(name, name), value) for name, value in {{file}}.items())"
    if code:
        yield Change(CHECK % code, f"load_state_dict({code})")
        yield Change(SOME % code, f"load_state_dict({code}, strict=False), which leaves some weights as they are")


def _in_part(here: dict[str, Any], weights: dict[str, Any]) -> Iterator[Change]:
    """Yield what loads the weights that fit, and leaves the others as they are."""
    shared = here.keys() & weights.keys()
    fitting = sum(here[name].shape == getattr(weights[name], "shape", None) for name in shared)
    if shared and fitting == len(shared):
        yield Change(SOME % "{file}", f"load_state_dict({{file}}, strict=False), which loads {fitting} of {len(here)}")
    elif fitting:
        told = f"load_state_dict(..., strict=False) of the {fitting} of {len(here)} weights that fit in shape"
        yield Change(SOME % FITTING, told)


def _own(model: nn.Module) -> dict[str, Any]:
    """Return what a model would save, without asking its own methods."""
    found = {}
    for path, module in modules_below(model):
        left_out = vars(module).get("_non_persistent_buffers_set") or ()
        for kind in ("_parameters", "_buffers"):
            for name, value in (vars(module).get(kind) or {}).items():
                if is_tensor(value) and name not in left_out:
                    found[".".join([*path, name])] = value
    return found


def _listed(message: str, which: str) -> list[str]:
    found = re.search(rf"{which} key\(s\) in state_dict: ([^\n]*)", message)
    return re.findall(r'"([^"]*)"', found[1]) if found else []


def _some(found: list[str]) -> str:
    more = f" and {len(found) - MOST} more" if len(found) > MOST else ""
    return ", ".join(found[:MOST]) + more


def _prefix(missing: list[str], unexpected: list[str]) -> str:
    """Return the beginning by which all names on one side are longer than those on the other."""
    for longer, shorter in ((unexpected, set(missing)), (missing, set(unexpected))):
        if longer and shorter:
            first = longer[0]
            ends = [first.removesuffix(name) for name in shorter if first.endswith(name) and first != name]
            for prefix in sorted(ends, key=len):
                if all(name.removeprefix(prefix) in shorter for name in longer):
                    return prefix
    return ""


def _close(missing: list[str], unexpected: list[str]) -> list[tuple[str, str]]:
    """Pair names of the model with those in the file that are spelled nearly alike."""
    left, found = list(unexpected[:200]), []
    for name in missing[:MOST]:
        near = difflib.get_close_matches(name, left, 1, 0.6)
        near = near or [other for other in left if name.startswith(other) or other.startswith(name)]
        if near:
            left.remove(near[0])
            found.append((name, near[0]))
    return found


def _model(case: Case) -> nn.Module | None:
    layer = case.site.layer
    return layer.root if layer else None


def _weights(case: Case) -> dict[str, Any] | None:
    """Return the dictionary that was to be loaded, as torch's own frame has it."""
    value = case.site.given.get("state_dict")
    return value if isinstance(value, dict) else None

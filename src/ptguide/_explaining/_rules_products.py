"""Matrix products and the layers that make them."""

from __future__ import annotations

import re
from math import prod

import torch

from ptguide._explaining._calls import Call, Operand
from ptguide._explaining._finding import Case, Change, Finding, explains
from ptguide._explaining._standins import UNKNOWN
from ptguide._explaining._words import in_names
from ptguide.rules import explain_matmul

PAGE = "errors/mat1_and_mat2_shapes"
PRODUCTS = (
    "matmul",
    "mm",
    "mv",
    "bmm",
    "dot",
    "vdot",
    "inner",
    "addmm",
    "imatmul",
    "__matmul__",
    "ger",
    "outer",
    "chain_matmul",
)
MESSAGES = (
    "mat1 and mat2 shapes cannot be multiplied|size mismatch, (got|expected)|must have same reduction dim"
    "|Expected size for first two dimensions of batch2|matrix @ vector|inconsistent tensor size|1D tensors expected"
    "|must be a (3D tensor|matrix)|needs? to be at least 1D|tensors should be"
)


@explains(MESSAGES, PAGE)
def linear(case: Case) -> Finding | None:
    """A linear layer takes as many features as its weight has columns."""
    call = case.call("linear")
    x, weight = call.get(0, "input"), call.get(1, "weight")
    if not weight.is_tensor:
        return None
    x = x if x.is_tensor else _from_message(x, case, 0)
    outputs, features = weight.shape
    found = x.shape[-1]
    rule = (
        f"A linear layer multiplies the last axis of its input, in_features. {weight.name} has shape {weight.shape}, "
        f"so the last axis must be {features}; {x.name} has shape {x.shape}, so it is {found}."
    )
    added = call.get(2, "bias")
    bias = added.value is not None
    more = ", {b}" if added.is_tensor else ""
    settings = f"{found}, {outputs}" if bias else f"{found}, {outputs}, bias=False"
    changes: list[str | Change] = []
    if len(x.shape) > 2 and prod(x.shape[1:]) == features:
        changes.append(f"F.linear({{x}}.flatten(1), {{w}}{more})")
    if features in x.shape[:-1]:
        axis = x.shape.index(features)
        changes.append(f"F.linear({{x}}.transpose({axis}, -1), {{w}}{more})")
    if features == 1:
        changes.append(f"F.linear({{x}}.unsqueeze(-1), {{w}}{more})")
    if len(x.shape) > 1 and (found, features) == (1, x.shape[-2]):
        changes.append(f"F.linear({{x}}.squeeze(-1), {{w}}{more})")
    layer = case.site.layer.code if case.site.layer else "layer"
    made = f"{layer} = nn.Linear({settings})"
    other = [Change(f"nn.Linear({settings})({{x}})", made)]
    called = case.site.layer.code if case.site.layer and case.site.layer.base else ""
    told = [_on_layer(one, called, more) for one in changes]
    known = {"x": x, "w": weight, **({"b": added} if more else {})}
    return Finding(rule, known, f"F.linear({{x}}, {{w}}{more})", told, other)


def _on_layer(change: str | Change, layer: str, more: str) -> str | Change:
    """Tell a change of the input as a call of the layer, if it has a name."""
    if isinstance(change, Change) or not layer:
        return change
    return Change(change, change.replace("F.linear(", f"{layer}(").replace(f", {{w}}{more})", ")"))


@explains(MESSAGES, PAGE)
def product(case: Case) -> Finding:
    """The axes that are summed over have the same size."""
    call = case.call(*PRODUCTS)
    a, b = _sides(call, case)
    rule = _rule(call, a, b)
    name = {"imatmul": "matmul", "__matmul__": "matmul"}.get(call.op, call.op)
    fails = f"torch.{name}({{a}}, {{b}})" if name != "matmul" else "{a} @ {b}"
    if name == "addmm":
        fails = "torch.mm({a}, {b})"
    return Finding(rule, {"a": a, "b": b}, fails, _changes(call.op, a.shape, b.shape), _others(fails, a.shape, b.shape))


def _others(form: str, a: tuple[int, ...], b: tuple[int, ...]) -> list[Change]:
    """Return operands of another shape: the size that is summed over, taken from the other side."""
    found = []
    if len(b) > 1:
        shape = (*b[:-2], a[-1], b[-1])
        found.append(Change(form.replace("{b}", f"{{b}}.new_empty({shape})"), f"shape {shape} for {{b}}"))
    elif a and b:
        shape = (*a[:-1], b[-1])
        found.append(Change(form.replace("{a}", f"{{a}}.new_empty({shape})"), f"shape {shape} for {{a}}"))
    return found


def _sides(call: Call, case: Case) -> tuple[Operand, Operand]:
    a, b = (call.get(1), call.get(2)) if call.op == "addmm" else (call.get(0, "input"), call.get(1, "mat2", "other"))
    return (
        a if a.is_tensor else _from_message(a, case, 0),
        b if b.is_tensor else _from_message(b, case, 1),
    )


def _from_message(operand: Operand, case: Case, side: int) -> Operand:
    """Return an operand that was made within the line as a stand-in of the shape that the message says."""
    sizes = re.search(r"\((\d+)x(\d+) and (\d+)x(\d+)\)", case.message)
    if sizes is None or operand.value is not UNKNOWN:
        raise LookupError(operand.name)
    shape = [int(size) for size in sizes.groups()][2 * side : 2 * side + 2]
    return Operand(operand.name, torch.empty(shape, device="meta"), None, operand.is_atom)


def _rule(call: Call, a: Operand, b: Operand) -> str:
    axes = {"bmm": (3, 3), "mm": (2, 2), "mv": (2, 1), "dot": (1, 1), "vdot": (1, 1), "addmm": (2, 2)}.get(call.op)
    if axes and (len(a.shape), len(b.shape)) != axes:
        wanted = f"{call.op} takes {axes[0]} and {axes[1]} axes"
        return (
            f"{wanted}; {a.name} has shape {a.shape} and {b.name} has shape {b.shape}. matmul takes any number of axes."
        )
    if call.op == "bmm" and a.shape[0] != b.shape[0]:
        return f"bmm multiplies as many pairs of matrices; {a.name} has {a.shape[0]}, {b.name} has {b.shape[0]}."
    told = explain_matmul(a.shape, b.shape)
    return in_names(told.text, {"a": a.name, "b": b.name})


def _changes(op: str, a: tuple[int, ...], b: tuple[int, ...]) -> list[str]:
    """Return what people usually meant, the likeliest first."""
    found = ["{a} @ {b}.mT", "{a}.mT @ {b}"] if len(b) > 1 or len(a) > 1 else []
    found = [one for one in found if (len(b) > 1 or "{b}.mT" not in one) and (len(a) > 1 or "{a}.mT" not in one)]
    if len(a) == len(b) == 1:
        if a == b:
            return ["{a} @ {b}", "{a} * {b}"]
        return ["torch.outer({a}, {b})"]
    if not a or not b:
        return ["{a} * {b}"]
    if op in ("mv", "mm", "bmm", "dot", "addmm"):
        found.insert(0, "{a} @ {b}")
    found += ["{b} @ {a}"]
    if len(b) == len(a) - 1:
        found.append("{a} @ {b}.unsqueeze(-1)")
    if len(a) == len(b) - 1:
        found.append("{a}.unsqueeze(-2) @ {b}")
    if len(a) > 2 and prod(a[1:]) == b[-2:][0]:
        found.insert(0, "{a}.flatten(1) @ {b}")
    found += [f"{{a}}.unsqueeze({place}) @ {{b}}" for place in range(1, len(a) - 1)]
    found += [f"{{a}} @ {{b}}.unsqueeze({place})" for place in range(1, len(b) - 1)]
    if len(a) == 2 and len(b) == 2 and a[0] == b[1]:
        found.append("{a}.mT @ {b}.mT")
    return found


@explains(r"einsum\(\): (subscript|the number of subscripts|operand)", "computing/einsum")
def einsum(case: Case) -> Finding:
    """A letter stands for one size."""
    call = case.call("einsum")
    equation = str(call.get(0).value)
    tensors = call.tensors()
    terms = equation.replace(" ", "").partition("->")[0].split(",")
    names = {"abcdefgh"[place]: one for place, one in enumerate(tensors)}
    sizes = "\n".join(
        f"{one.name}: {', '.join(f'{letter} is {size}' for letter, size in zip(term, one.shape, strict=False))}"
        for term, one in zip(terms, tensors, strict=False)
    )
    inputs = ", ".join(f"{{{name}}}" for name in names)
    changes = []
    for place, term in enumerate(terms):
        if len(term) == 2:
            turned = equation.replace(" ", "").partition("->")
            left = ",".join([*terms[:place], term[::-1], *terms[place + 1 :]])
            changes.append(f'torch.einsum("{left}{turned[1]}{turned[2]}", {inputs})')
    sizes_of: dict[str, int] = {}
    other = []
    for name, (term, one) in zip(names, zip(terms, tensors, strict=False), strict=False):
        shape = tuple(sizes_of.setdefault(letter, size) for letter, size in zip(term, one.shape, strict=False))
        if shape != one.shape:
            change = f'torch.einsum("{equation}", {inputs.replace(f"{{{name}}}", f"{{{name}}}.new_empty({shape})")})'
            other.append(Change(change, f"shape {shape} for {{{name}}}"))
    return Finding(
        f"Each letter stands for one size in all operands, and each operand has as many letters as axes.\n{sizes}",
        names,
        f'torch.einsum("{equation}", {inputs})',
        changes,
        other,
    )

"""Indexing, and functions that take indices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ptguide._explaining._calls import Call, tensor_of
from ptguide._explaining._finding import Case, Change, Finding, explains
from ptguide._explaining._standins import UNKNOWN, is_tensor
from ptguide._explaining._words import kind
from ptguide.rules import explain_index


@explains("index out of range in self|out of bounds|out of range.*index", "selecting/index_select")
def embedding(case: Case) -> Finding:
    """An embedding has one row for each index from 0 on."""
    call = case.call("embedding")
    weight, index = call.get(0, "weight"), call.get(1, "input")
    if not weight.is_tensor or (index.is_tensor and tensor_of(index).is_floating_point()):
        weight, index = index, weight
    rows, size = weight.shape
    value, place = _offending(tensor_of(index), rows)
    rule = f"{weight.name} has shape {weight.shape}: its rows are 0 to {rows - 1}. "
    rule += f"{index.name}{list(place) if place else ''} is {value}."
    most = int(tensor_of(index).max())
    layer = case.site.layer.code if case.site.layer else "layer"
    made = f"nn.Embedding({most + 1}, {size})"
    changes = [Change(f"{made}({{i}})", f"{layer} = {made}")]
    if most == rows and int(tensor_of(index).min()) >= 1:
        changes.append(Change("F.embedding({i} - 1, {w})", f"{layer}({{i}} - 1), where 0 is the first"))
    return Finding(
        rule, {"w": weight, "i": index}, "F.embedding({i}, {w})", changes, values=True, page="selecting/index_select"
    )


def _offending(index: Tensor, size: int, least: int = 0) -> tuple[int, tuple[int, ...]]:
    """Return the first value outside, and its place."""
    wrong = (index < least) | (index >= size)
    place = tuple(int(entry[0]) for entry in torch.nonzero(wrong, as_tuple=True))
    return int(index[place]), place


@explains("index out of range in self|out of bounds", "selecting/index_select")
def index_select(case: Case) -> Finding:
    """An index is a place of the axis."""
    call = case.call("index_select", "take", "index_add", "index_add_", "index_copy_", "index_fill_")
    x, dim, index = call.get(0, "input"), call.get(1, "dim").value, call.get(2, "index")
    size = x.shape[dim]
    value, place = _offending(tensor_of(index), size)
    rule = (
        f"{index.name}{list(place)} is {value}; axis {dim} of {x.name}, of shape {x.shape}, has the "
        f"places 0 to {size - 1}."
    )
    changes = [f"{{x}}.index_select({dim}, {{i}} - 1)"] if int(tensor_of(index).min()) >= 1 else []
    form = f"{{x}}.index_select({dim}, {{i}})"
    larger = [_larger(form, x.shape, dim, int(tensor_of(index).max()))]
    return Finding(rule, {"x": x, "i": index}, form, changes, larger, values=True, most=1)


def _larger(form: str, shape: tuple[int, ...], axis: int, most: int) -> Change:
    """Return the call on a tensor that has the place."""
    axis %= len(shape)
    fitting = (*shape[:axis], most + 1, *shape[axis + 1 :])
    return Change(form.replace("{x}", f"{{x}}.new_zeros({fitting})"), f"shape {fitting} for {{x}}")


@explains("out of bounds for dimension|index .* is out of bounds", "selecting/gather")
def gather(case: Case) -> Finding:
    """An index of gather or scatter is a place along one axis."""
    call = case.call("gather", "scatter", "scatter_", "scatter_add", "scatter_add_", "take_along_dim")
    x, dim, index = call.get(0, "input"), call.get(1, "dim").value, call.get(2, "index")
    if call.op == "take_along_dim":
        index, dim = call.get(1, "indices"), call.get(2, "dim").value
    values, size = tensor_of(index), x.shape[dim]
    value, place = _offending(values, size)
    rule = (
        f"{index.name}{list(place)} is {value}; axis {dim} of {x.name}, of shape {x.shape}, has the "
        f"places 0 to {size - 1}."
    )
    form = f"{{x}}.gather({dim}, {{i}})"
    changes = [f"{{x}}.gather({other}, {{i}})" for other in range(len(x.shape)) if other != dim % len(x.shape)]
    if int(values.min()) >= 1:
        changes.append(f"{{x}}.gather({dim}, {{i}} - 1)")
    larger = [_larger(form, x.shape, dim, int(values.max()))]
    if call.op.startswith("scatter"):
        form = f"{{x}}.scatter({dim}, {{i}}, 0)"
        changes, larger = [], [_larger(form, x.shape, dim, int(values.max()))]
    return Finding(rule, {"x": x, "i": index}, form, changes, larger, values=True, most=1)


@explains(
    "Index tensor must have the same number of dimensions|Size does not match at dimension|Expected index",
    "selecting/gather",
)
def gather_shape(case: Case) -> Finding:
    """The index of gather has as many axes as the tensor, and is nowhere larger but along dim."""
    call = case.call("gather", "scatter", "scatter_", "scatter_add_")
    x, dim, index = call.get(0, "input"), call.get(1, "dim").value, call.get(2, "index")
    rule = (
        f"The index has as many axes as the tensor, and along every axis but {dim} at most its size: "
        f"{x.name} has shape "
    )
    rule += f"{x.shape}, {index.name} has shape {index.shape}."
    form = f"{{x}}.{call.op}({dim}, {{i}}{', {s}' if 'scatter' in call.op else ''})"
    known = {"x": x, "i": index} | ({"s": call.get(3, "src", "value")} if "scatter" in call.op else {})
    changes = [form.replace("{i}", f"{{i}}.unsqueeze({axis})") for axis in (-1, 0)]
    changes.append(form.replace("{i}", "{i}.mT"))
    changes += [form.replace(f"({dim},", f"({other},") for other in range(len(x.shape)) if other != dim]
    return Finding(rule, known, form, changes, values=True)


@explains(
    "too many indices|shape of the mask|out of bounds for dimension|invalid index of a 0-dim|shape mismatch: indexing|"
    "step must be greater|only integer tensors|tensors used as indices|only integers, slices|"
    "slice indices must be|can't be an index|is out of bounds",
    "selecting/indexing_and_slicing",
    anywhere=True,
)
def item(case: Case) -> Finding:
    """Each part of an index meets an axis."""
    call = case.call("getitem", "setitem")
    x, index = call.args[:2]
    value = index.value
    if not x.is_tensor or value is UNKNOWN:
        raise LookupError
    told = explain_index(tensor_of(x), value)
    if told.works:
        raise LookupError
    rows = told.text.split("\n")
    width = len(rows[0]) - len(rows[0][1:].lstrip()) - 1 if rows[0][:1] == "x" else 0
    rows = [f"{x.name.ljust(width)} {row[1:].lstrip()}" if place == 0 else row for place, row in enumerate(rows)]
    rule = "\n".join(rows).replace("; x has", f"; {x.name} has").replace(" x.flip", f" {x.name}.flip")
    names = {"x": x}
    if is_tensor(value):
        names["i"] = index
    changes = list(_items(x.shape, value, call))
    page = "selecting/boolean_masks" if _is_mask(value) else "errors/old_code" if not x.shape else ""
    page = page or ("selecting/advanced_indexing" if is_tensor(value) else "")
    form = "{x}[" + _in_code(value) + "]"
    last = list(_fitting(form, x.shape, value))
    return Finding(rule, names, form, changes, last, values=True, page=page)


def _fitting(form: str, shape: tuple[int, ...], value: Any) -> Iterator[str | Change]:
    """Yield a mask that fits, or a tensor that has the places."""
    if _is_mask(value) and shape:
        fitting = shape[: value.ndim]
        yield Change(form.replace("{i}", f"{{i}}.new_ones({fitting})"), f"a mask of shape {fitting}")
    elif is_tensor(value) and not value.is_floating_point() and value.numel() and shape:
        yield _larger(form, shape, 0, int(value.max()))


def _is_mask(value: Any) -> bool:
    return is_tensor(value) and value.dtype == torch.bool


def _in_code(value: Any) -> str:
    """Write an index as it stands between the brackets."""
    if is_tensor(value):
        return "{i}"
    if isinstance(value, tuple):
        return ", ".join(map(_in_code, value)) or "()"
    if isinstance(value, slice):
        ends = ["" if end is None else repr(end) for end in (value.start, value.stop)]
        return ":".join(ends) + (f":{value.step}" if value.step is not None else "")
    return "..." if value is Ellipsis else repr(value)


def _items(shape: tuple[int, ...], value: Any, call: Call) -> list[str | Change]:
    """Return indices near the one that failed."""
    if not shape:
        return ["{x}.item()"]
    if isinstance(value, tuple):
        ends = [
            repr(size - 1) if type(one) is int and not -size <= one < size else _in_code(one)
            for one, size in zip(value, shape, strict=False)
        ]
        return [f"{{x}}[{', '.join(ends)}]"] if "{i}" not in ends else []
    if isinstance(value, slice):
        return ["{x}.flip(0)"] if value.step == -1 else [f"{{x}}.flip(0)[::{-value.step}]"]
    if type(value) is int:
        return [f"{{x}}[{shape[0] - 1}]", "{x}[-1]"]
    if _is_mask(value):
        places = [axis for axis in range(1, len(shape)) if value.shape == shape[axis : axis + value.ndim]]
        whole: list[str | Change] = [f"{{x}}[{':, ' * axis}{{i}}]" for axis in places]
        fitting = [f"{{x}}[{{i}}.{move}]" for move in ("mT", "squeeze(-1)", "squeeze(0)")] if value.ndim > 1 else []
        return whole + fitting
    if is_tensor(value) and value.is_floating_point():
        return ["{x}[{i}.long()]", "{x}[{i}.bool()]"]
    if is_tensor(value) and value.dtype in (torch.int64, torch.int32):
        fewer = ["{x}[{i} - 1]"] if value.numel() and int(value.min()) >= 1 else []
        axes = [f"{{x}}[{':, ' * axis}{{i}}]" for axis in range(1, len(shape))]
        return [*fewer, *axes]
    if type(value) is float:
        return [f"{{x}}[{int(value)}]"]
    return []


@explains("one_hot is only applicable to index tensor", "selecting/one_hot")
def one_hot_kind(case: Case) -> Finding:
    """Classes are integers."""
    index = case.call("one_hot").get(0, "tensor")
    rule = f"one_hot takes classes of type int64; {index.name} has {kind(tensor_of(index).dtype)}."
    return Finding(rule, {"i": index}, "F.one_hot({i})", ["F.one_hot({i}.long())"], values=True)


@explains("Class values must be", "selecting/one_hot")
def one_hot_range(case: Case) -> Finding:
    """A class is one of 0 to num_classes - 1."""
    call = case.call("one_hot")
    index, classes = call.get(0, "tensor"), call.get(1, "num_classes").value
    classes = classes if type(classes) is int and classes > 0 else int(tensor_of(index).max()) + 1
    value, place = _offending(tensor_of(index), classes)
    rule = f"The classes are 0 to {classes - 1}; {index.name}{list(place) if place else ''} is {value}."
    more = [f"F.one_hot({{i}}, num_classes={int(tensor_of(index).max()) + 1})"]
    fewer = ["F.one_hot({i} - 1, num_classes=" + f"{classes})"] if int(tensor_of(index).min()) >= 1 else []
    return Finding(rule, {"i": index}, f"F.one_hot({{i}}, num_classes={classes})", [*fewer, *more], values=True)

"""Joining, splitting and naming axes."""

from __future__ import annotations

from dataclasses import replace

from ptguide._explaining._calls import Call, Operand, entries
from ptguide._explaining._finding import Case, Change, Finding, explains
from ptguide._explaining._forms import form, letters
from ptguide._explaining._standins import is_tensor


def _joined(case: Case, op: str) -> tuple[list[Operand], int, dict[str, Operand]]:
    call = case.call(op, *{"cat": ("concat", "concatenate")}.get(op, ()))
    tensors = list(entries(call.get(0, "tensors")))
    if not all(one.is_tensor for one in tensors):
        raise LookupError
    dim = call.get(1, "dim").value
    named = {"abcdefghijklmnop"[place]: one for place, one in enumerate(tensors[:16])}
    return tensors, dim if type(dim) is int else 0, named


def _shapes(tensors: list[Operand]) -> str:
    shown = tensors if len(tensors) <= 8 else [*tensors[:4], *tensors[-2:]]
    return ", ".join(f"{one.name} {one.shape}" for one in shown)


def _inside(names: dict[str, Operand]) -> str:
    return "[" + ", ".join(f"{{{name}}}" for name in names) + "]"


@explains("Sizes of tensors must match except|same number of dimensions|zero-dimensional tensor", "shapes/cat")
def cat(case: Case) -> Finding:
    """Along all axes but one, the sizes are equal."""
    tensors, dim, names = _joined(case, "cat")
    rule = f"cat joins along axis {dim}; along every other axis the sizes must be equal. They are {_shapes(tensors)}."
    form = f"torch.cat({_inside(names)}, dim={dim})"
    axes = max(len(one.shape) for one in tensors)
    changes = [f"torch.cat({_inside(names)}, dim={other})" for other in range(axes) if other != dim]
    changes += [form.replace(f"{{{name}}}", f"{{{name}}}.unsqueeze({dim})") for name in names]
    changes += [form.replace(f"{{{name}}}", f"{{{name}}}.mT") for name in names]
    if {one.shape for one in tensors} == {()}:
        changes.append(f"torch.stack({_inside(names)})")
    return Finding(rule, names, form, changes)


@explains("stack expects each tensor to be equal size", "shapes/stack")
def stack(case: Case) -> Finding:
    """Tensors that are stacked have one shape."""
    tensors, dim, names = _joined(case, "stack")
    rule = f"stack puts tensors of one shape along a new axis. They have the shapes {_shapes(tensors)}."
    form = f"torch.stack({_inside(names)}, dim={dim})"
    inside = _inside(names)
    changes: list[str | Change] = [
        Change(
            f"nn.utils.rnn.pad_sequence({inside}, batch_first=True)",
            f"torch.nn.utils.rnn.pad_sequence({inside}, batch_first=True)",
        ),
        f"torch.cat({inside})",
    ]
    squeezed = [f"{{{name}}}.squeeze()" for name in names]
    changes.append(f"torch.stack([{', '.join(squeezed)}])")
    inner = next((call for call in case.site.calls if call.op in ("default_collate", "collate", "fetch")), None)
    page = "errors/dataloader_worker_process" if inner else "shapes/stack"
    if inner:
        changes = [Change(f"nn.utils.rnn.pad_sequence({inside}, batch_first=True)", COLLATE)]
        rule += " A DataLoader stacks the samples of a batch."
    return Finding(rule, names, form, changes, page=page)


COLLATE = "DataLoader(..., collate_fn=lambda samples: torch.nn.utils.rnn.pad_sequence(samples, batch_first=True))"


@explains(r"permute\(.*number of dimensions|same number of dimensions.*permute", "shapes/transpose_and_permute")
def permute(case: Case) -> Finding:
    """An order names each axis once."""
    call = case.call("permute")
    x = call.get(0)
    order = (
        call.get(1, "dims").value
        if type(call.get(1, "dims").value) in (tuple, list)
        else [one.value for one in call.args[1:]]
    )
    axes = len(x.shape)
    rule = f"permute names each axis once. {x.name} has {axes} axes, {tuple(order)} names {len(order)}."
    short = tuple(axis for axis in order if -axes <= axis < axes)
    changes = [f"{{x}}.permute{short}"] if short != tuple(range(axes)) else []
    if len(order) == axes + 1:
        changes += ["{x}.mT"] * (axes > 1)
        changes += [f"{{x}}.unsqueeze({place}).permute{tuple(order)}" for place in (0, axes)]
    if len(order) < axes:
        changes.append(f"{{x}}.permute{(0, *(axis + 1 for axis in order))}")
    return Finding(rule, {"x": x}, f"{{x}}.permute{tuple(order)}", changes)


@explains(
    r"Dimension out of range \(expected to be in range of \[(-?\d+), (-?\d+)\], but got (-?\d+)\)",
    "computing/reductions",
)
def dim(case: Case) -> Finding:
    """An axis is one that the tensor has."""
    _least, most, got = (int(part) for part in case.match.groups())
    call = case.outer(1)
    x = call.tensors()[0]
    rule = (
        f"{x.name} has shape {x.shape}: its axes are 0 to {len(x.shape) - 1}, or {-len(x.shape)} to -1 from the end. "
        f"{got} is none of them."
    )
    return Finding(rule, letters(call.tensors()), *_other_axes(call, got, most))


def _other_axes(call: Call, got: int, most: int) -> tuple[str, list[str]]:
    """Return the call, and the same on other axes, the last one first."""
    place = next((p for p, one in enumerate(call.args) if type(one.value) is int and one.value == got), None)
    word = next((word for word, one in call.words.items() if type(one.value) is int and one.value == got), None)
    if place is None and word is None:
        return "", []

    def on(axis: int) -> str:
        other = Operand("", axis)
        args = [other if p == place else one for p, one in enumerate(call.args)]
        words = {key: other if key == word and place is None else one for key, one in call.words.items()}
        return form(replace(call, args=args, words=words), letters(call.tensors()))

    return on(got), [on(axis) for axis in (-1, *range(most, -1, -1))]


@explains(r"split_with_sizes expects split_sizes to sum exactly to (\d+)", "shapes/unbind_split_and_chunk")
def split(case: Case) -> Finding:
    """The sizes of the pieces add up to the size of the axis."""
    call = case.call("split", "split_with_sizes")
    x, sizes = call.get(0), list(call.get(1, "split_size_or_sections", "split_size", "split_sizes").value)
    dim = call.get(2, "dim").value
    dim = dim if type(dim) is int else 0
    size = x.shape[dim]
    rule = (
        f"The sizes of the pieces must add up to the size of axis {dim}: {' + '.join(map(str, sizes))} = {sum(sizes)}, "
    )
    rule += f"and {x.name} of shape {x.shape} has {size}."
    last = [*sizes[:-1], size - sum(sizes[:-1])]
    changes = [f"{{x}}.split({last}, dim={dim})", f"{{x}}.split({[*sizes, size - sum(sizes)]}, dim={dim})"]
    changes = [one for one in changes if "-" not in one.partition("]")[0]] + [f"{{x}}.split({sizes[0]}, dim={dim})"]
    return Finding(rule, {"x": x}, f"{{x}}.split({sizes}, dim={dim})", changes)


@explains("Padding size should be less than", "shapes/pad")
def pad(case: Case) -> Finding:
    """What is mirrored must be there."""
    call = case.call("pad")
    x, amount, mode = call.get(0, "input"), call.get(1, "pad"), call.get(2, "mode").value
    sizes = tuple(amount.value)
    rule = f"mode={mode!r} copies elements of the input, so each padding must be less than the size of its axis: "
    rule += f"{x.name} has shape {x.shape}, the padding is {sizes}."
    least = tuple(min(size, x.shape[-1 - place // 2] - 1) for place, size in enumerate(sizes))
    changes = [
        f"F.pad({{x}}, {least}, mode={mode!r})",
        f'F.pad({{x}}, {sizes}, mode="replicate")',
        f"F.pad({{x}}, {sizes})",
    ]
    return Finding(rule, {"x": x}, f"F.pad({{x}}, {sizes}, mode={mode!r})", changes)


@explains(
    r"(too many|not enough) values to unpack \(expected (?:at least )?(\d+)",
    "shapes/unbind_split_and_chunk",
    anywhere=True,
)
def unpack(case: Case) -> Finding | None:
    """A tensor is unpacked along its first axis."""
    call = case.site.call
    if call.op != "unpack" or not is_tensor(call.args[0].value):
        return None
    x, names = call.args[0], int(case.match[2])
    rule = (
        f"Unpacking takes the rows along axis 0: {x.name} has shape {x.shape}, so {x.shape[0]} rows for {names} names."
    )
    changes = [f"a, b = {{x}}.unbind({axis})" for axis in range(1, len(x.shape)) if x.shape[axis] == names]
    code = ", ".join("abcdefgh"[:names])
    changes = [one.replace("a, b", code) for one in changes]
    return Finding(rule, {"x": x}, f"{code} = {{x}}", changes)


@explains("selected index k out of range|k not in range", "selecting/sort_and_topk")
def topk(case: Case) -> Finding:
    """There are no more largest elements than elements."""
    call = case.call("topk", "kthvalue")
    x, k = call.get(0, "input"), call.get(1, "k").value
    dim = call.get(2, "dim").value
    dim = dim if type(dim) is int else -1
    rule = f"k is {k}; axis {dim} of {x.name}, of shape {x.shape}, has {x.shape[dim]} elements."
    changes = [f"{{x}}.{call.op}({x.shape[dim]}, dim={dim})"]
    return Finding(rule, {"x": x}, f"{{x}}.{call.op}({k}, dim={dim})", changes)

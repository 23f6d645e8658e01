"""Broadcasting, and tensors read in another shape."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from ptguide._explaining._calls import Operand
from ptguide._explaining._finding import Case, Change, Finding, explains
from ptguide._explaining._forms import form, letters
from ptguide._explaining._words import in_names
from ptguide.rules import explain_broadcast, explain_view

IN_PLACE = ("iadd", "isub", "imul", "itruediv", "add_", "sub_", "mul_", "div_", "copy_")


@explains("doesn't match the broadcast shape", "errors/size_of_tensor_a")
def in_place(case: Case) -> Finding:
    """What is written into keeps its shape."""
    call = case.call(*IN_PLACE)
    x, y = call.tensors()[:2]
    told = explain_broadcast(x.shape, y.shape)
    rule = (
        f"An operation in place writes into {x.name}, whose shape {x.shape} cannot grow; "
        f"together with {y.name} of shape {y.shape} the result has shape {told.shape}."
    )
    sign = {"i": "+", "a": "+"}.get(call.op[0], "+")
    sign = {"isub": "-", "sub_": "-", "imul": "*", "mul_": "*", "itruediv": "/", "div_": "/"}.get(call.op, sign)
    fails = f"{{x}}.{ {'+': 'add_', '-': 'sub_', '*': 'mul_', '/': 'div_'}[sign] }({{y}})"
    return Finding(rule, {"x": x, "y": y}, fails, [f"{{x}} {sign} {{y}}"])


@explains("The expanded size of the tensor|number of sizes provided", "errors/size_of_tensor_a")
def expand(case: Case) -> Finding | None:
    """An axis of size 1 can be repeated, and no other."""
    call = next((one for one in case.site.calls if one.op in ("setitem", "expand", "copy_", "expand_as")), None)
    if call is None:
        return broadcast(case)
    if call.op == "setitem":
        return assigned(case)
    x, value = call.get(0), call.get(1)
    if value.is_tensor:
        sizes = value.shape
    else:
        entries = [one.value for one in call.args[1:]]
        sizes = tuple(entries[0]) if len(entries) == 1 and type(entries[0]) in (tuple, list) else tuple(entries)
    rule = (
        f"expand repeats an axis of size 1 and adds axes in front; every other size stays. {x.name} has shape "
        f"{x.shape}, and {sizes} was asked for."
    )
    kept = [
        wanted if size == 1 or wanted == -1 else size for size, wanted in zip(x.shape[::-1], sizes[::-1], strict=False)
    ]
    least = (*sizes[: max(len(sizes) - len(kept), 0)], *kept[::-1])
    changes = [
        f"{{x}}.expand{least}",
        *(f"{{x}}.unsqueeze({axis}).expand{sizes}" for axis in range(-1, -len(x.shape) - 2, -1)),
    ]
    return Finding(rule, {"x": x}, f"{{x}}.expand{tuple(sizes)}", changes, page="shapes/repeat_and_expand")


@explains("shape mismatch: value tensor", "selecting/assigning_through_an_index")
def assigned(case: Case) -> Finding:
    """What is assigned is broadcast to the place that it is assigned to."""
    call = case.call("setitem")
    x, index, value = call.args
    place = x.value.detach()[index.value]
    rule = f"{x.name}[{index.name}] has shape {tuple(place.shape)}; what is assigned to it is broadcast to that shape, "
    rule += f"and {value.name} has shape {value.shape}."
    here = Operand(f"{x.name}[{index.name}]", place)
    changes = [f"{{here}}[...] = {change}" for change in _moved("value", value.shape)]
    sizes = tuple(place.shape)
    if len(value.shape) == 1 and len(sizes) >= 1 and value.shape[0] > sizes[-1]:
        changes.append(f"{{here}}[...] = {{value}}[:{sizes[-1]}]")
    if value.value.numel() == place.numel():
        changes.insert(0, f"{{here}}[...] = {{value}}.reshape{sizes}")
    if len(value.shape) == 1 and sizes and value.shape[0] < sizes[-1]:
        changes.append(f"{{here}}[..., :{value.shape[0]}] = {{value}}")
    page = "selecting/assigning_through_an_index"
    return Finding(rule, {"here": here, "value": value}, "{here}[...] = {value}", changes, most=1, page=page)


@explains(
    "must match the size of tensor|are not broadcastable|Shape mismatch|could not be broadcast",
    "errors/size_of_tensor_a",
)
def broadcast(case: Case) -> Finding:
    """Aligned from the right, two sizes are equal or one of them is 1."""
    call = case.outer(2)
    tensors = call.tensors()
    names = letters(tensors)
    told = explain_broadcast(*(one.shape for one in tensors))
    rule = "Shapes are aligned from the right. Along each axis, the sizes are equal or one of them is 1.\n"
    rule += in_names(told.text, {letter: one.name for letter, one in names.items()})
    code = form(call, names)
    changes = [code.replace(f"{{{name}}}", change) for name, one in names.items() for change in _moved(name, one.shape)]
    if call.op.endswith("loss"):  # stretched, it would compare each with each
        change = code.replace("{b}", f"{{b}}.new_empty({tensors[0].shape})")
        other = Change(change, f"shape {tensors[0].shape} for {{b}}")
        return Finding(rule, names, code, [], [other], page="errors/size_of_tensor_a")
    others = []
    for name, one in names.items():
        axes = [size for other in names.values() if other is not one for size in [other.shape]]
        for shape in axes:
            fitting = (*one.shape[: max(len(one.shape) - len(shape), 0)], *shape[-len(one.shape) :])
            change = code.replace(f"{{{name}}}", f"{{{name}}}.new_empty({fitting})")
            others.append(Change(change, f"shape {fitting} for {{{name}}}"))
    return Finding(rule, names, code, changes, others, smallest=True, page="errors/size_of_tensor_a")


def _moved(name: str, shape: tuple[int, ...]) -> Iterator[str]:
    """Yield what changes the axes of a tensor and none of its values."""
    if len(shape) > 1:
        yield f"{{{name}}}.mT"
    for axis in range(-1, -len(shape) - 1, -1):
        yield f"{{{name}}}.unsqueeze({axis})"
    for axis in range(len(shape)):
        if shape[axis] == 1:
            yield f"{{{name}}}.squeeze({axis})"
    if len(shape) == 3:
        yield f"{{{name}}}.permute(2, 0, 1)"
        yield f"{{{name}}}.permute(1, 2, 0)"
    if len(shape) == 4:
        yield f"{{{name}}}.permute(0, 3, 1, 2)"
        yield f"{{{name}}}.permute(0, 2, 3, 1)"


@explains(
    "view size is not compatible|is invalid for input of size|only one dimension can be inferred",
    "shapes/reshape_and_view",
)
def view(case: Case) -> Finding:
    """A view has as many elements, and needs strides that fit."""
    call = case.call("view", "reshape", "view_as", "unflatten")
    x, first = call.get(0), call.get(1, "shape")
    if first.is_tensor:
        wanted = first.shape
    else:
        entries = [one.value for one in (call.args[1:] or [first])]
        wanted = tuple(entries[0]) if type(entries[0]) in (tuple, list) else tuple(entries)
    wanted = tuple(int(size) for size in wanted)
    told = in_names(explain_view(x.value, wanted).text, {"x": x.name}).replace("x: shape", f"{x.name}: shape")
    told = told.replace("x has ", f"{x.name} has ").partition(" x.reshape(")[0]
    changes = [f"{{x}}.reshape{wanted}"]
    elements = prod(x.shape)
    for place in reversed(range(len(wanted))):
        others = prod(size for axis, size in enumerate(wanted) if axis != place and size != -1)
        if others and elements % others == 0:
            filled = (*(size for size in wanted[:place]), -1, *wanted[place + 1 :])
            changes.append(f"{{x}}.{call.op}{filled}")
    near = wanted if -1 in wanted else (-1, *wanted[1:]) if len(wanted) > 1 else ()
    last = [f"{{x}}.{call.op}{_near(elements, near)}"] if len(near) > 1 and near.count(-1) == 1 else []
    form = f"{{x}}.{call.op}{wanted}".replace(",)", ")")
    return Finding(told, {"x": x}, form, [one.replace(",)", ")") for one in changes], last)


def _near(elements: int, wanted: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape with the size that was typed replaced by the nearest that divides the elements."""
    place = max(axis for axis, size in enumerate(wanted) if size != -1)
    rest = prod(size for axis, size in enumerate(wanted) if axis != place and size != -1)
    fitting = [size for size in range(1, elements + 1) if elements % (size * rest) == 0] or [1]
    best = min(fitting, key=lambda size: abs(size - wanted[place]))
    return (*wanted[:place], best, *wanted[place + 1 :])

"""Gradients: what autograd records, and what it cannot go back through."""

from __future__ import annotations

import ast
import re

import torch

from ptguide._explaining._calls import Operand, tensor_of
from ptguide._explaining._finding import Case, Change, Finding, explains
from ptguide._explaining._standins import is_tensor

SIGNS = {"iadd": "+", "isub": "-", "imul": "*", "itruediv": "/", "ipow": "**"}
METHODS = {"+": "add_", "-": "sub_", "*": "mul_", "/": "div_", "**": "pow_"}


@explains("backward through the graph a second time", "errors/backward_through_the_graph_a_second_time")
def second(case: Case) -> Finding:
    """A graph is freed by backward."""
    call = next((one for one in reversed(case.site.calls) if one.op in ("backward", "grad")), case.site.call)
    name = call.args[0].name if call.args else "loss"
    rule = (
        f"backward() frees what the graph kept, and the graph of {name} was used before: by an earlier "
        f"backward() of {name}, "
    )
    rule += "or through a part that both share, such as a hidden state of the last step."
    start = "w = torch.ones(3, requires_grad=True)\nkept = w.exp()\nkept.sum().backward(%s)\n"
    changes = [
        Change(
            start % "" + "result = w.exp().sum()\nresult.backward()",
            f"compute {name} anew before each {name}.backward()",
        ),
        Change(
            start % "" + "kept = kept.detach()\nresult = (w * kept).sum()\nresult.backward()",
            "keep what goes from step to step with .detach()",
        ),
        Change(
            start % "retain_graph=True" + "result = kept.sum()\nresult.backward()",
            f"{name}.backward(retain_graph=True) the first time",
        ),
    ]
    return Finding(rule, {}, start % "" + "kept.sum().backward()", changes, graph=True, example=True, most=3)


@explains("leaf Variable that requires grad is being used in an in-place", "errors/leaf_variable_in_place")
def leaf(case: Case) -> Finding:
    """A leaf that requires grad is changed without recording."""
    call = case.nearest(1)
    w = next(one for one in call.tensors() if tensor_of(one).requires_grad)
    rule = (
        f"{w.name} is a leaf that requires grad: its gradient is of the values that it has, so no "
        f"recorded operation changes them."
    )
    text = call.text
    if call.op == "setitem" and type(call.args[1].value) in (int, slice) and not is_tensor(call.args[2].value):
        index, value = call.args[1].name, call.args[2].value
        code, copy = f"{{w}}[{index}] = {value!r}", f"result = {{w}}.clone()\nresult[{index}] = {value!r}"
        shown = f"a clone: {w.name}_new = {w.name}.clone(); {w.name}_new[{index}] = {call.args[2].name}"
    elif call.op in SIGNS:
        other = call.args[1].value
        step = repr(other) if type(other) in (int, float) else "1.0"
        code = f"{{w}}.{METHODS[SIGNS[call.op]]}({step})"
        copy, shown = f"{{w}} {SIGNS[call.op]} {step}", f"{w.name}_new = {w.name} {SIGNS[call.op]} {call.args[1].name}"
    else:
        step = "".join(repr(one.value) for one in call.args[1:2] if type(one.value) in (int, float))
        code, copy, shown = f"{{w}}.{call.op}({step})", "", ""
    changes = [Change(f"with torch.no_grad():\n    {code}\nresult = {{w}}", f"with torch.no_grad():\n    {text}")]
    if copy:
        changes.append(Change(copy, shown))
    return Finding(rule, {"w": w}, code, changes, graph=True)


@explains("modified by an inplace operation", "errors/modified_by_an_inplace_operation")
def modified(case: Case) -> Finding:
    """What backward needs is not changed in between."""
    found = re.search(
        r"\[torch\.(?:\w+\.)?(\w+) \[([\d, ]*)\]\], which is output (\d) of (\w+), is at version (\d+); "
        r"expected version (\d+)",
        case.message,
    )
    assert found
    shape = tuple(int(size) for size in found[2].split(",") if size.strip())
    made, now, then = found[4].removesuffix("Backward0"), int(found[5]), int(found[6])
    fitting = [
        name
        for name, value in case.site.names.items()
        if is_tensor(value) and tuple(value.shape) == shape and value._version == now and name[:1] != "_"
    ]
    who = f", which is {' or '.join(fitting[:3])}" if fitting else ""
    rule = (
        f"The result of {made}, of shape {shape}{who}, is needed for the gradient, and it was changed in "
        f"place {now - then} "
    )
    rule += f"{'time' if now - then == 1 else 'times'} since."
    name = fitting[0] if fitting else "y"
    op = made.removesuffix("Backward").lower()
    if not hasattr(torch, op):
        return Finding(rule)
    start = f"w = torch.full((3,), 0.5, requires_grad=True)\ny = torch.{op}(w)\n"
    end = "\nresult = y.sum()\nresult.backward()"
    changes = [
        Change(f"{start}y = y + 1{end}", f"{name} = {name} + ... makes a new tensor, {name} += ... does not"),
        Change(f"{start}y = y.clone()\ny += 1{end}", f"{name} = {name}.clone() before the change in place"),
    ]
    return Finding(rule, {}, f"{start}y += 1{end}", changes, graph=True, example=True)


@explains("grad can be implicitly created only for scalar outputs", "autograd/backward_needs_a_scalar")
def scalar(case: Case) -> Finding:
    """A gradient is one of a number."""
    y = next(one for one in case.nearest(1).tensors())
    rule = f"backward() starts from one number; {y.name} has shape {y.shape}."
    code = "w = torch.ones_like({y}, requires_grad=True)\nresult = w * 2\n"
    ways = (("sum().backward()", "sum().backward()"), ("mean().backward()", "mean().backward()"))
    changes = [Change(f"{code}result.{way}", f"{{y}}.{shown}") for way, shown in ways]
    changes.append(Change(f"{code}result.backward(torch.ones_like(result))", "{y}.backward(torch.ones_like({y}))"))
    y = Operand(y.name, torch.zeros(min(max(y.value.numel(), 2), 8)), None, y.is_atom)
    return Finding(rule, {"y": y}, f"{code}result.backward()", changes, graph=True, example=True)


@explains("element 0 of tensors does not require grad", "errors/element_0_does_not_require_grad")
def no_graph(case: Case) -> Finding:
    """There is a graph where something that requires grad took part."""
    call = next((one for one in reversed(case.site.calls) if one.op in ("backward", "grad")), case.site.call)
    name = call.args[0].name if call.args else "loss"
    leaves = [key for key, value in case.site.names.items() if is_tensor(value) and value.requires_grad]
    there = f"Of the tensors here, {', '.join(leaves[:4])} require grad." if leaves else "No tensor here requires grad."
    rule = (
        f"{name} was not computed from anything that requires grad, or within no_grad(), or after "
        f"detach() or .item(). {there}"
    )
    start = "w = torch.ones(3%s)\nresult = w.sum()\nresult.backward()"
    changes = [
        Change(
            start % ", requires_grad=True", "requires_grad=True for what is to be learned, before it is computed with"
        )
    ]
    return Finding(rule, {}, start % "", changes, graph=True, example=True)


@explains("Can't call numpy\\(\\) on Tensor that requires grad", "tensors/numpy_and_back")
def numpy(case: Case) -> Finding:
    """NumPy records nothing."""
    x = case.nearest(1).tensors()[0]
    rule = f"{x.name} requires grad, and what NumPy computes with it could not be recorded."
    known = {"x": Operand(x.name, torch.zeros(2, requires_grad=True), None, x.is_atom)}
    return Finding(
        rule,
        known,
        "{x}.numpy()",
        [Change("torch.from_numpy({x}.detach().numpy())", "{x}.detach().numpy()")],
        graph=True,
        example=True,
    )


@explains("Only Tensors created explicitly by the user|deepcopy protocol", "autograd/from_calculation_to_graph")
def deepcopy(case: Case) -> Finding:
    """A copy of a result would need a copy of its graph."""
    x = next((one for one in case.site.call.tensors()), Operand("x", torch.zeros(2)))
    rule = f"{x.name} is the result of an operation, and a deep copy would need its graph."
    start = "import copy\nw = torch.ones(2, requires_grad=True) * 2\nresult = copy.deepcopy(w%s)"
    return Finding(
        rule, {}, start % "", [Change(start % ".detach()", f"{x.name}.detach().clone()")], graph=True, example=True
    )


@explains("has no attribute 'backward'", "tensors/tensor_to_python", anywhere=True)
def python_number(case: Case) -> Finding | None:
    """A number of Python has no graph."""
    call = case.site.call
    text = call.text.removesuffix("()").removesuffix(".backward")
    if not text.endswith((".item()", ".tolist()")):
        return None
    method = ast.parse(text, mode="eval").body
    assert isinstance(method, ast.Call)
    name = text.rpartition(".")[0]
    rule = f"{text} is a number of Python: it has no graph and no backward(). Keep the tensor for that."
    start = "w = torch.ones(3, requires_grad=True)\nresult = w.sum()%s\nresult.backward()"
    return Finding(rule, {}, start % ".item()", [Change(start % "", f"{name}.backward()")], graph=True, example=True)

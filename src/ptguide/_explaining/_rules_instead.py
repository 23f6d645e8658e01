"""Operations that another one takes the place of."""

from __future__ import annotations

import torch

from ptguide._explaining._finding import Case, Change, Finding, explains
from ptguide._explaining._forms import form, letters
from ptguide._explaining._standins import is_module


@explains("Negation, the `-` operator, on a bool tensor", "selecting/boolean_masks")
def negated(case: Case) -> Finding:
    """A mask is inverted, and a number negated."""
    x = case.call("neg", "negative").tensors()[0]
    rule = f"{x.name} has type bool. `-` is the negative of a number; `~` turns true into false and false into true."
    return Finding(rule, {"x": x}, "-{x}", ["~{x}"])


@explains(r"t\(\) expects a tensor with <= 2 dimensions", "shapes/matrix_transpose")
def transposed(case: Case) -> Finding:
    """A matrix is transposed; of more axes, two are swapped."""
    x = case.call("t", "t_").tensors()[0]
    rule = f"t() swaps the two axes of a matrix; {x.name} has shape {x.shape}. mT swaps the last two of any number."
    return Finding(rule, {"x": x}, "{x}.t()", ["{x}.mT"])


@explains("must be batches of square matrices", "computing/linear_algebra")
def inverse(case: Case) -> Finding | None:
    """Only a square matrix has an inverse."""
    call = case.call("inv", "inverse")
    x = call.tensors()[0]
    rule = f"A matrix with an inverse has as many rows as columns; {x.name} has shape {x.shape}. Other matrices have a "
    rule += "pseudo-inverse, which solves a system as well as it can be solved."
    return Finding(rule, {"x": x}, "torch.linalg.inv({x})", ["torch.linalg.pinv({x})"])


@explains('missing 1 required positional arguments?: "?dim"?', "computing/reductions")
def no_axis(case: Case) -> Finding:
    """The axis is named."""
    call = case.outer(1)
    names = letters(call.tensors())
    code = form(call, names)
    shape = call.tensors()[0].shape
    rule = f"{call.op} works along one axis, which has to be named; {call.tensors()[0].name} has shape {shape}."
    more = code[:-1] + ("" if code.endswith("()") else ", ")
    return Finding(rule, names, code, [f"{more}dim={axis})" for axis in (-1, 0)])


@explains("object is not iterable", "training/the_training_loop")
def no_parameters(case: Case) -> Finding | None:
    """An optimizer is given the parameters of a model."""
    call = case.site.call
    model, kind = call.get(0, "params"), call.function
    if not is_module(model.value) or not isinstance(kind, type) or not issubclass(kind, torch.optim.Optimizer):
        return None
    words = "".join(f", {word}={one.name}" for word, one in call.words.items() if word != "params")
    rule = f"{call.op} changes tensors, so it takes the parameters of {model.name}, not the module itself."
    shown = f"{call.head}({model.name}.parameters(){words})"
    start = "result = torch.optim.SGD(nn.Linear(2, 2)%s)"
    return Finding(rule, {}, start % "", [Change(start % ".parameters()", shown)], values=True, example=True)

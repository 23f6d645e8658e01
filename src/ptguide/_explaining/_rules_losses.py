"""Losses: the targets that they take."""

from __future__ import annotations

from ptguide._explaining._calls import Call, Operand, tensor_of
from ptguide._explaining._finding import Case, Change, Finding, explains
from ptguide._explaining._rules_picks import _offending
from ptguide._explaining._words import kind

CLASSES = ("cross_entropy", "nll_loss", "cross_entropy_loss", "nll_loss_nd", "nll_loss2d")
BINARY = ("binary_cross_entropy", "binary_cross_entropy_with_logits")


def _sides(case: Case, *ops: str) -> tuple[Call, Operand, Operand]:
    call = next((one for one in reversed(case.site.calls) if one.op in ops and len(one.tensors()) > 1), None)
    call = call or case.call(*ops)
    x, y = call.get(0, "input"), call.get(1, "target")
    if not (x.is_tensor and y.is_tensor):
        call = case.call(*ops)
        x, y = call.get(0, "input"), call.get(1, "target")
    return call, x, y


def _loss(call: Call) -> str:
    return "nll_loss" if call.op.startswith("nll") else "cross_entropy"


@explains("Target (-?\\d+) is out of bounds|cur_target >= 0|t >= 0 && t < n_classes", "selecting/index_select")
def classes(case: Case) -> Finding:
    """A target is one of the classes that there are logits for."""
    call, x, y = _sides(case, *CLASSES)
    axis = 1 if len(x.shape) > 1 else 0
    count = x.shape[axis]
    value, place = _offending(tensor_of(y).where(tensor_of(y) != -100, 0), count)
    rule = f"{x.name} has shape {x.shape}: {count} logits along axis {axis}, so the targets are 0 to {count - 1}. "
    rule += f"{y.name}{list(place) if place else ''} is {value}."
    least, most = int(tensor_of(y).min()), int(tensor_of(y).max())
    loss = _loss(call)
    changes: list[str | Change] = [f"F.{loss}({{x}}, {{y}} - {least})"] if least >= 1 and most - least < count else []
    if value < 0:
        changes.append(f"F.{loss}({{x}}, {{y}}, ignore_index={value})")
    else:
        shape = (*x.shape[:axis], most + 1, *x.shape[axis + 1 :])
        shown = f"a last layer with {most + 1} outputs, so that {{x}} has shape {shape}"
        changes.append(Change(f"F.{loss}({{x}}.new_zeros({shape}), {{y}})", shown))
    return Finding(
        rule, {"x": x, "y": y}, f"F.{loss}({{x}}, {{y}})", changes, values=True, page="training/the_training_loop"
    )


@explains(
    "expected target dtype to be Long|expected scalar type Long but found|Expected floating point "
    "type for target|not implemented for '(Int|Short|Float|Double)'|Expected dtype int.*target|"
    "nll_loss.*not implemented",
    "errors/must_have_the_same_dtype",
)
def class_kind(case: Case) -> Finding:
    """Classes are integers, probabilities have the shape of the logits."""
    call, x, y = _sides(case, *CLASSES)
    loss = _loss(call)
    rule = (
        f"{loss} takes classes of type int64 and shape {_target_shape(x.shape)}, or probabilities of the shape of the "
    )
    rule += f"logits {x.shape}; {y.name} has {kind(tensor_of(y).dtype)} and shape {y.shape}."
    changes = [
        f"F.{loss}({{x}}, {{y}}.long())",
        f"F.{loss}({{x}}, {{y}}.float())",
        f"F.{loss}({{x}}, {{y}}.squeeze(-1).long())",
    ]
    return Finding(rule, {"x": x, "y": y}, f"F.{loss}({{x}}, {{y}})", changes, values=True, most=1)


def _target_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[:1], *shape[2:]) if len(shape) > 1 else ()


@explains(
    r"to match target batch_size|multi-target not supported|only batches of spatial targets|input "
    r"and target batch or spatial|"
    r"Expected target size|0D or 1D target tensor expected|size mismatch.*target",
    "training/the_training_loop",
)
def class_shape(case: Case) -> Finding:
    """Logits have the classes along axis 1, and targets have no such axis."""
    call, x, y = _sides(case, *CLASSES)
    loss = _loss(call)
    rule = (
        f"{loss} takes logits of shape (N, C, ...) and classes of shape (N, ...): for {x.name} of shape "
        f"{x.shape}, classes of "
    )
    rule += f"shape {_target_shape(x.shape)}. {y.name} has shape {y.shape}."
    moves = [("{x}", "{y}.squeeze(1)"), ("{x}", "{y}.squeeze(-1)")]
    if len(x.shape) == 3:
        moves += [("{x}.mT", "{y}"), ("{x}.flatten(0, 1)", "{y}.flatten()"), ("{x}[:, -1]", "{y}")]
    if len(x.shape) == 4:
        moves += [("{x}.permute(0, 3, 1, 2)", "{y}"), ("{x}.flatten(1)", "{y}")]
    if len(x.shape) == 2 and len(y.shape) == 2:
        moves += [("{x}", "{y}.argmax(1)")]
    moves += [("{x}.mT", "{y}"), ("{x}.unsqueeze(0)", "{y}")]
    changes = [f"F.{loss}({logits}, {target})" for logits, target in moves]
    return Finding(rule, {"x": x, "y": y}, f"F.{loss}({{x}}, {{y}})", changes, values=True, most=1)


@explains(
    "Found dtype \\w+ but expected|result type Float can't be cast|expected scalar type \\w+ but found",
    "errors/must_have_the_same_dtype",
)
def binary_kind(case: Case) -> Finding:
    """Targets of a binary loss are probabilities."""
    call, x, y = _sides(case, *BINARY, "mse_loss", "l1_loss")
    rule = (
        f"{call.op} takes targets of the data type of its input: {x.name} has {kind(tensor_of(x).dtype)}, {y.name} has "
    )
    rule += f"{kind(tensor_of(y).dtype)}."
    return Finding(
        rule,
        {"x": x, "y": y},
        f"F.{call.op}({{x}}, {{y}})",
        [f"F.{call.op}({{x}}, {{y}}.to({{x}}.dtype))"] if _odd(x) else [f"F.{call.op}({{x}}, {{y}}.float())"],
        values=True,
    )


def _odd(x: Operand) -> bool:
    return kind(tensor_of(x).dtype) != "float32"


@explains("Using a target size|Target size \\(", "errors/loss_of_n_against_n_by_1")
def binary_shape(case: Case) -> Finding:
    """Targets of a binary loss have the shape of the input."""
    call, x, y = _sides(case, *BINARY)
    rule = (
        f"{call.op} compares element by element, so both have one shape: {x.name} has {x.shape}, "
        f"{y.name} has {y.shape}."
    )
    loss = f"F.{call.op}"
    pairs = [("{x}.squeeze(-1)", "{y}"), ("{x}", "{y}.unsqueeze(-1)"), ("{x}", "{y}.squeeze(-1)"), ("{x}", "{y}.mT")]
    if x.value.numel() == y.value.numel():
        pairs.append(("{x}", f"{{y}}.reshape{x.shape}"))
    if len(x.shape) == 2 and len(y.shape) == 1 and x.shape[0] == y.shape[0]:
        pairs.append(("{x}", f"F.one_hot({{y}}.long(), {x.shape[1]}).float()"))
    changes = [f"{loss}({left}, {right})" for left, right in pairs]
    changes += [f"{loss}({left}, {right}.float())" for left, right in pairs]
    return Finding(rule, {"x": x, "y": y}, f"{loss}({{x}}, {{y}})", changes, values=True, most=1)


@explains("all elements of (input|target) should be between 0 and 1", "training/evaluation")
def probabilities(case: Case) -> Finding:
    """A binary cross-entropy takes probabilities, or logits with another function."""
    _, x, y = _sides(case, "binary_cross_entropy")
    which, other = (x, y) if case.match[1] == "input" else (y, x)
    values = tensor_of(which)
    wrong = ((values < 0) | (values > 1) | values.isnan()).nonzero()[0]
    place = [int(one) for one in wrong]
    rule = f"binary_cross_entropy takes probabilities; {which.name}{place} is {float(values[tuple(place)]):.4g}."
    del other
    changes = ["F.binary_cross_entropy_with_logits({x}, {y})", "F.binary_cross_entropy({x}.sigmoid(), {y})"]
    return Finding(rule, {"x": x, "y": y}, "F.binary_cross_entropy({x}, {y})", changes, values=True)

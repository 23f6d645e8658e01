"""Data types and devices that do not go together."""

from __future__ import annotations

import torch

from ptguide._explaining._calls import Call, Operand, tensor_of
from ptguide._explaining._finding import Case, Change, Finding, explains
from ptguide._explaining._forms import form, letters
from ptguide._explaining._standins import UNKNOWN
from ptguide._explaining._words import kind

PAGE = "errors/must_have_the_same_dtype"
METHODS = {torch.float32: "float", torch.float64: "double", torch.int64: "long", torch.float16: "half",
           torch.bool: "bool", torch.bfloat16: "bfloat16", torch.int32: "int"}  # fmt: skip
LAYERS = (
    "linear",
    "embedding",
    "batch_norm",
    "layer_norm",
    *(f"conv{t}{n}d" for t in ("", "_transpose") for n in (1, 2, 3)),
)


def _kinds(operands: list[Operand]) -> str:
    return ", ".join(f"{one.name} has {kind(tensor_of(one).dtype)}" for one in operands)


def _to(dtype: torch.dtype) -> str:
    return f"{METHODS[dtype]}()" if dtype in METHODS else f"to({dtype})"


@explains(
    r"must have the same dtype|to have the same dtype|expected scalar type|should be the same|must match.*type|"
    r"Input and parameter tensors are not the same dtype|Input dtypes? must be|Found dtype (?!Long)|"
    r"expected .*same.*dtype",
    PAGE,
)
def same(case: Case) -> Finding | None:
    """One operation computes in one data type."""
    call = next(one for one in case.site.calls if len({tensor_of(t).dtype for t in one.tensors()}) > 1)
    if call.op in ("cross_entropy", "nll_loss", "cross_entropy_loss", "nll_loss_nd"):
        return None
    tensors = call.tensors()
    names = letters(tensors)
    code = form(call, names)
    changes: list[str | Change] = []
    floats = [tensor_of(one).dtype for one in tensors if tensor_of(one).is_floating_point()]
    own = tensor_of(names["b"]).dtype if call.op in LAYERS and "b" in names else None
    for wanted in [own] if own else list(dict.fromkeys(sorted(floats, key=lambda one: one.itemsize))):
        changed = code
        for letter, one in names.items():
            if tensor_of(one).dtype != wanted:
                changed = changed.replace(f"{{{letter}}}", f"{{{letter}}}.{_to(wanted)}")
        changes.append(changed)
    layer = case.site.layer.code if case.site.layer and call.op in LAYERS else ""
    told = [_on_layer(one, call, code, layer) for one in changes]
    return Finding(f"{call.op} computes in one data type: {_kinds(tensors)}.", names, code, told)


def _on_layer(change: str | Change, call: Call, code: str, layer: str) -> str | Change:
    if not layer or isinstance(change, Change) or not change.startswith(f"{call.room}.{call.op}({{a}}."):
        return change
    return Change(change, f"{layer}({change.removeprefix(f'{call.room}.{call.op}(').partition(', ')[0]})")


@explains(
    "could not infer output dtype|not implemented for '(Long|Int|Half|Bool|Byte|Short|Char)'|"
    "floating.point.*dtype.*Got|must be.*floating",
    "computing/reductions",
)
def floating(case: Case) -> Finding:
    """Some functions need numbers with a fraction."""
    call = case.nearest(1)
    tensors = [one for one in call.tensors() if not tensor_of(one).is_floating_point()] or call.tensors()
    names = letters(call.tensors())
    code = form(call, names)
    wrong = [letter for letter, one in names.items() if any(one is other for other in tensors)]
    changes = []
    for method in ("float()", "long()"):
        changed = code
        for letter in wrong:
            changed = changed.replace(f"{{{letter}}}", f"{{{letter}}}.{method}")
        changes.append(changed)
    rule = f"{call.op} is not defined for this data type: {_kinds(tensors)}."
    return Finding(rule, names, code, changes, values=True, most=1, page=PAGE if "implemented" in case.message else "")


@explains(r"result type (\w+) can't be cast to the desired output type (\w+)", "tensors/in_place_or_new")
def cast(case: Case) -> Finding:
    """An operation in place keeps the data type of the tensor."""
    call = case.nearest(1)
    x, value = call.args[:2]
    sign = {"iadd": "+", "isub": "-", "imul": "*", "itruediv": "/", "add_": "+", "sub_": "-", "mul_": "*", "div_": "/"}[
        call.op
    ]
    method = {"+": "add_", "-": "sub_", "*": "mul_", "/": "div_"}[sign]
    rule = (
        f"An operation in place writes into {x.name}, which keeps its data type "
        f"{kind(tensor_of(x).dtype)}; the result would be "
    )
    rule += f"{case.match[1].lower()}."
    return Finding(
        rule,
        {"x": x, "v": value},
        f"{{x}}.{method}({{v}})",
        [f"{{x}} {sign} {{v}}", f"{{x}}.float() {sign} {{v}}"],
        most=1,
    )


@explains(
    "Expected dtype int|Expected tensor for argument #\\d 'ind|expected scalar types?: Long|of the "
    "following scalar types: Long|Expected object of scalar type Long",
    PAGE,
)
def index(case: Case) -> Finding:
    """An index is an integer."""
    call = case.call(
        "gather", "scatter", "scatter_", "scatter_add_", "index_select", "embedding", "take", "bincount", "one_hot"
    )
    names = letters(call.tensors())
    code = form(call, names)
    wrong = [letter for letter, one in names.items() if tensor_of(one).is_floating_point()]
    place = {"embedding": wrong[-1]}.get(call.op, wrong[-1])
    rule = f"{call.op} takes indices of type int64; {_kinds([names[place]])}."
    change: str | Change = code.replace(f"{{{place}}}", f"{{{place}}}.long()")
    if case.site.layer and call.op == "embedding":
        change = Change(str(change), f"{case.site.layer.code}({{{place}}}.long())")
    return Finding(rule, names, code, [change], values=True, page=_page(call))


def _page(call: Call) -> str:
    return {"gather": "selecting/gather", "scatter_": "selecting/scatter", "scatter": "selecting/scatter"}.get(
        call.op, PAGE
    )


@explains(
    "Expected self.dtype to be equal to src.dtype|Index put requires the source and destination dtypes match",
    "selecting/scatter",
)
def written(case: Case) -> Finding:
    """What is written has the data type of what it is written into."""
    call = case.call("scatter", "scatter_", "scatter_add_", "index_copy_", "index_add_", "setitem", "index_put_")
    x, source = call.tensors()[0], call.tensors()[-1]
    rule = f"What is written has the data type of the tensor that it is written into: {_kinds([x, source])}."
    names = letters(call.tensors())
    if call.op == "setitem":
        names = {"a": x, "i": call.args[1], "b": source}
        code = "{a}[{i}] = {b}"
    else:
        code = form(call, names)
    last = "b" if call.op == "setitem" else list(names)[-1]
    change = code.replace(f"{{{last}}}", f"{{{last}}}.{_to(tensor_of(x).dtype)}")
    return Finding(rule, names, code, [change], values=True)


@explains("Only Tensors of floating point and complex dtype can require gradients", PAGE)
def gradients(case: Case) -> Finding:
    """A gradient is a number with a fraction."""
    text = case.site.call.text
    rule = "A gradient has fractions, so only floating-point and complex tensors can require one."
    call = case.site.call
    if call.op in ("arange", "tensor", "zeros", "ones", "full", "randint"):
        shown = f"{text[:-1]}, dtype=torch.float32)"
        args = ", ".join(repr(one.value) for one in call.args if one.value is not UNKNOWN)
        rest = "".join(f", {word}={one.value!r}" for word, one in call.words.items())
        code = f"torch.{call.op}({args}{rest})"
        return Finding(rule, {}, code, [Change(f"{code[:-1]}, dtype=torch.float32)", shown)], values=True)
    x = next(one for one in case.nearest(1).tensors())
    return Finding(rule, {"x": x}, "{x}.requires_grad_()", ["{x}.float().requires_grad_()"], values=True)


@explains(
    "Expected all tensors to be on the same device|on the expected device|should be the same.*(cuda|"
    "mps)|found at least two devices",
    "errors/expected_all_tensors_to_be_on_the_same_device",
)
def device(case: Case) -> Finding:
    """One operation computes on one device."""
    call = next(one for one in case.site.calls if len({str(t.device) for t in one.tensors()}) > 1)
    tensors = call.tensors()
    names = letters(tensors)
    code = form(call, names)
    places = ", ".join(f"{one.name} is on {one.device}" for one in tensors)
    layer = case.site.layer.code if case.site.layer else ""
    wanted = tensors[1] if layer and len(tensors) > 1 and call.op in LAYERS else tensors[0]
    order = [wanted, *(one for one in tensors if str(one.device) != str(wanted.device))]
    changes = []
    for target in order[:2]:
        changed = code
        for letter, one in names.items():
            if str(one.device) != str(target.device):
                changed = changed.replace(f"{{{letter}}}", f'{{{letter}}}.to("{target.device}")')
        changes.append(changed)
    return Finding(f"{call.op} computes on one device: {places}.", names, code, changes, values=True, most=1)


@explains("can't convert (\\S+) device type tensor to numpy", "errors/expected_all_tensors_to_be_on_the_same_device")
def to_numpy(case: Case) -> Finding:
    """An array of NumPy is in the memory of the CPU."""
    x = case.nearest(1).tensors()[0]
    rule = f"NumPy reads the memory of the CPU; {x.name} is on {x.device}."
    if case.match[1] == "meta":
        rule += " A tensor on meta has a shape and no values: there is nothing to copy."
        return Finding(
            rule, {"x": x}, "{x}.numpy()", [Change('torch.zeros_like({x}, device="cpu").numpy()')], values=True
        )
    return Finding(rule, {"x": x}, "{x}.numpy()", ["{x}.cpu().numpy()"], values=True)


@explains(
    "Found no NVIDIA driver|Torch not compiled with CUDA|No CUDA GPUs are available|CUDA driver",
    "tools/check_the_installation",
    anywhere=True,
)
def no_gpu(case: Case) -> Finding | None:
    """A device is there or it is not."""
    if not case.site.in_torch:
        return None
    built = torch.version.cuda or "no version"
    rule = f"This torch ({torch.__version__}) was built with CUDA {built} and sees {torch.cuda.device_count()} GPUs."
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    there = found.type if found else "cpu"
    code = 'torch.zeros(2, device="{}")'
    shown = f'device = "{there}"'
    return Finding(
        rule, {}, code.replace("{}", "cuda"), [Change(code.replace("{}", there), shown)], values=True, example=True
    )

"""Convolution, pooling and normalization."""

from __future__ import annotations

import ast
import re
from typing import Any

import torch

from ptguide._explaining._calls import Call, Operand
from ptguide._explaining._finding import Case, Change, Finding, explains
from ptguide._explaining._words import in_names
from ptguide.rules import explain_conv, explain_pool

CONVOLUTIONS = tuple(f"conv{transposed}{axes}d" for transposed in ("", "_transpose") for axes in (1, 2, 3))
POOLS = tuple(f"{kind}_pool{axes}d" for kind in ("max", "avg") for axes in (1, 2, 3))
SETTINGS = {
    "": ("stride", "padding", "dilation", "groups"),
    "_transpose": ("stride", "padding", "output_padding", "groups", "dilation"),
}


@explains(
    r"expected input\[.*channels|Expected \dD \(unbatched\)|Calculated padded input size|Kernel size can't|"
    r"divisible by num_groups|Invalid channel dimensions|non-negative stride|weight should be|padding='same'",
    "models/cnn_digits",
)
def convolution(case: Case) -> Finding:
    """The channels fit the weight, and the kernel the input."""
    call = case.call(*CONVOLUTIONS)
    x, weight = call.get(0, "input"), call.get(1, "weight")
    kind_of = "_transpose" if "transpose" in call.op else ""
    settings = {
        word: value
        for place, word in enumerate(SETTINGS[kind_of], 3)
        if type(value := call.get(place, word).value) in (int, tuple, str, torch.Size)
    }
    told = explain_conv(x.shape, weight.shape, transposed=bool(kind_of), **settings)
    if told.works:
        raise LookupError
    rule = told.text.replace("The input has", f"{x.name} has").replace("the input", x.name)
    rule = "\n".join(line for line in rule.split("\n") if not line.startswith("Try "))
    added = call.get(2, "bias")
    bias = ", bias={b}" if added.is_tensor else ""
    words = bias + "".join(f", {word}={value!r}" for word, value in settings.items())
    form = f"F.{call.op}({{x}}, {{w}}{words})"
    changes = _moves(form, x, weight)
    wider = re.search(r"Try (padding|groups)=(\S.*), which", told.text)
    if wider and (wider[1] == "padding" or settings.get("groups", 1) != 1):  # groups were asked for
        code = f"F.{call.op}({{x}}, {{w}}{bias}{_words({**settings, wider[1]: wider[2]})})"
        more = {**settings, wider[1]: ast.literal_eval(wider[2])}
        made = _made(x.shape[-len(weight.shape) + 1], weight.shape, more)
        layer = case.site.layer
        changes.append(
            Change(code, f"{layer.code} = {made}") if layer and wider[1] == "padding" and not kind_of else code
        )
    if case.site.layer:
        changes = [_on_layer(one, form, words, case.site.layer.code, call.op) for one in changes]
    known = {"x": x, "w": weight, **({"b": added} if bias else {})}
    return Finding(rule, known, form, changes, _other_layer(case, call, x, weight, settings))


def _words(settings: dict[str, Any]) -> str:
    return "".join(f", {word}={value}" for word, value in settings.items())


def _on_layer(change: str | Change, form: str, words: str, layer: str, op: str) -> str | Change:
    """Tell a change of the input as a call of the layer."""
    if isinstance(change, Change) or not change.endswith(f", {{w}}{words})"):
        return change
    return Change(change, change.replace(f"F.{op}(", f"{layer}(").replace(f", {{w}}{words})", ")"))


def _moves(form: str, x: Operand, weight: Operand) -> list[str | Change]:
    """Return what brings the channels to their place, or adds the axis of one item or one channel."""
    axes, places = len(weight.shape) - 2, len(x.shape)
    found = []
    if places == axes + 2:
        order = (0, places - 1, *range(1, places - 1))
        found.append(f"{{x}}.permute{order}")
    if places == axes + 1:
        found += ["{x}.unsqueeze(1)", f"{{x}}.permute{(places - 1, *range(places - 1))}", "{x}.unsqueeze(0)"]
    if places == axes:
        found.append("{x}.unsqueeze(0)")
    if places > axes + 2:
        found += ["{x}.flatten(0, 1)", "{x}.squeeze(0)", "{x}.squeeze(1)"]
    return [form.replace("{x}", one) for one in found]


def _other_layer(case: Case, call: Call, x: Operand, weight: Operand, settings: dict[str, Any]) -> list[str | Change]:
    """Return the layer that takes as many channels as came."""
    axes = len(weight.shape) - 2
    if len(x.shape) not in (axes + 1, axes + 2) or "transpose" in call.op or settings.get("groups", 1) != 1:
        return []
    made = _made(x.shape[-axes - 1], weight.shape, settings)
    name = case.site.layer.code if case.site.layer else "layer"
    return [Change(f"{made}({{x}})", f"{name} = {made}")]


def _made(channels: int, weight: tuple[int, ...], settings: dict[str, Any]) -> str:
    """Return the code of a convolution that takes so many channels, without the settings that are as always."""
    axes = len(weight) - 2
    kernel = str(weight[2]) if len(set(weight[2:])) == 1 else str(tuple(weight[2:]))
    more = ""
    for word, usual in (("stride", 1), ("padding", 0), ("dilation", 1)):
        value = settings.get(word, usual)
        if value not in (usual, (usual,) * axes):
            more += f", {word}={value!r}"
    return f"nn.Conv{axes}d({channels}, {weight[0]}, {kernel}{more})"


@explains(
    "Output size is too small|Invalid computed output size|should be at most half|Expected .*D.*input.*pool|"
    "non-empty 2D or 3D",
    "models/receptive_field",
)
def pool(case: Case) -> Finding:
    """The window fits into the input."""
    call = case.call(*POOLS)
    x, kernel = call.get(0, "input"), call.get(1, "kernel_size").value
    stride, padding = call.get(2, "stride").value, call.get(3, "padding").value
    stride = stride if type(stride) in (int, tuple) and stride != () else None
    padding = padding if type(padding) in (int, tuple) else 0
    told = explain_pool(x.shape, kernel, stride, padding, kind=call.op[:3], axes=int(call.op[-2]))  # type: ignore[arg-type]
    if told.works:
        raise LookupError
    rule = in_names(told.text.replace("The input", x.name), {})
    form = f"F.{call.op}({{x}}, {kernel!r}, {stride!r}, {padding!r})"
    changes: list[str | Change] = [f"F.{call.op}({{x}}, {kernel!r}, {stride!r}, padding={size})" for size in (1, 0)]
    found = re.search(r"Try kernel_size=(.*), which", told.text)
    if found:
        changes.insert(0, f"F.{call.op}({{x}}, {found[1]}, {stride if stride != kernel else None!r}, {padding!r})")
    changes += [form.replace("{x}", one) for one in ("{x}.unsqueeze(0)", "{x}.flatten(0, 1)")]
    return Finding(rule, {"x": x}, form, [one for one in changes if one != form])


@explains("Expected more than 1 (value per channel|spatial element)", "errors/expected_more_than_1_value_per_channel")
def one_value(case: Case) -> Finding:
    """A mean and a spread of one value say nothing."""
    call = case.call("batch_norm", "instance_norm")
    x = call.get(0, "input")
    shape = x.shape
    per = "each channel" if call.op == "batch_norm" else "each channel of each item"
    rule = (
        f"In training, the values of {per} are normalized by their mean and their variance. {x.name} has "
        f"shape {shape}, "
    )
    rule += "so that is one value, and its variance is 0."
    mean, variance = torch.zeros(shape[1]), torch.ones(shape[1])
    known = {"x": x, "mean": Operand("running_mean", mean, mean.device), "variance": Operand("running_var", variance)}
    form = f"F.{call.op}({{x}}, {{mean}}, {{variance}}, "
    if call.op == "instance_norm":
        return Finding(rule, known, form + "use_input_stats=True)", [form + "use_input_stats=False)"])
    layer = case.site.layer.code if case.site.layer else "layer"
    changes = [
        Change(form + "training=False)", f"{layer}.eval()"),
        Change(
            "F.batch_norm(torch.cat([{x}, {x}]), {mean}, {variance}, training=True)",
            f"a batch of 2 items or more; DataLoader(..., drop_last=True) leaves out a last batch of {shape[0]}",
        ),
    ]
    return Finding(rule, known, form + "training=True)", changes)


@explains(
    r"running_mean should contain (\d+) elements not (\d+)|expected (\dD( or \dD)?) input \(got (\d)D",
    "errors/expected_input_to_have_channels",
)
def batch_norm(case: Case) -> Finding:
    """Axis 1 has as many channels as the layer."""
    layer = case.site.layer
    assert layer is not None
    call = next(
        (one for one in case.site.calls if one.op in ("batch_norm", "_check_input_dim", "module")), case.site.call
    )
    x = next(one for one in call.tensors() if not one.name.startswith(layer.code))
    module: Any = layer.module
    axes = {"BatchNorm1d": (2, 3), "BatchNorm2d": (4,), "BatchNorm3d": (5,)}.get(type(module).__name__, (2, 3))
    rule = (
        f"{type(module).__name__}({module.num_features}) takes {' or '.join(map(str, axes))} axes, of which axis 1 has "
    )
    rule += f"{module.num_features} channels. {x.name} has shape {x.shape}."
    features = module.num_features
    changes = [
        Change(f"nn.{type(module).__name__}({features})({{x}}.{move})", f"{layer.code}({{x}}.{move})")
        for move in ("movedim(-1, 1)", "unsqueeze(0)", "unsqueeze(-1)", "unsqueeze(1)", "flatten(1)")
    ]
    if len(x.shape) in axes:
        made = f"nn.{type(module).__name__}({x.shape[1]})"
        changes.append(Change(f"{made}({{x}})", f"{layer.code} = {made}"))
    other = {2: "BatchNorm1d", 3: "BatchNorm1d", 4: "BatchNorm2d", 5: "BatchNorm3d"}.get(len(x.shape))
    if other and len(x.shape) not in axes:
        changes.append(Change(f"nn.{other}({x.shape[1]})({{x}})", f"{layer.code} = nn.{other}({x.shape[1]})"))
    return Finding(rule, {"x": x}, f"nn.{type(module).__name__}({features})({{x}})", changes)


@explains(r"Given normalized_shape=\[([\d, ]+)\]", "shapes/broadcasting")
def layer_norm(case: Case) -> Finding:
    """The last axes are those that the layer normalizes."""
    call = case.call("layer_norm", "rms_norm")
    x = call.get(0, "input")
    wanted = tuple(int(size) for size in case.match[1].split(","))
    name = {"layer_norm": "LayerNorm", "rms_norm": "RMSNorm"}[call.op]
    rule = f"{name} normalizes over the last axes, which must have the sizes {wanted}; {x.name} has shape {x.shape}."
    layer = case.site.layer.code if case.site.layer else "layer"
    last = x.shape[-len(wanted) :]
    size = str(last[0]) if len(last) == 1 else str(last)
    changes: list[str | Change] = [
        Change(f"F.{call.op}({{x}}.transpose({axis}, -1), {wanted})", f"{layer}({{x}}.transpose({axis}, -1))")
        for axis in range(len(x.shape) - 1)
    ]
    changes.append(Change(f"nn.{name}({size})({{x}})", f"{layer} = nn.{name}({size})"))
    return Finding(rule, {"x": x}, f"F.{call.op}({{x}}, {wanted})", changes)


@explains(
    r"input.size\(-1\) must be equal to input_size|input has inconsistent input_size|embed_dim|must be divisible",
    "shapes/attention_heads",
)
def features(case: Case) -> Finding | None:
    """A recurrent layer takes as many features as it was made for."""
    layer = case.site.layer
    size = (
        getattr(layer.module, "input_size", None)
        if layer and type(layer.module).__module__.startswith("torch.")
        else None
    )
    if layer is None or not isinstance(size, int):
        return None
    x = next(one for call in reversed(case.site.calls) for one in call.tensors() if not one.name.startswith(layer.code))
    module: Any = layer.module
    name = type(module).__name__
    rule = (
        f"{name} takes input_size={size} features along the last axis; {x.name} has shape {x.shape}, so {x.shape[-1]}."
    )
    first = ", batch_first=True" if getattr(module, "batch_first", False) else ""
    made = f"nn.{name}({x.shape[-1]}, {module.hidden_size}{first})"
    same = f"nn.{name}({size}, {module.hidden_size}{first})"
    first_of = "" if name in ("RNNCell", "GRUCell") else "[0]"  # of the outputs and the hidden state
    changes = [
        Change(f"{same}({{x}}.{move}){first_of}", f"{layer.code}({{x}}.{move})")
        for move in ("transpose(-2, -1)", "unsqueeze(-1)")
    ]
    changes.append(Change(f"{made}({{x}}){first_of}", f"{layer.code} = {made}"))
    return Finding(rule, {"x": x}, f"{same}({{x}}){first_of}", changes)

"""
.. _hooks-on-modules:

How do hooks on modules work, forward and backward?
===================================================

A :term:`hook` on a :term:`module` is a function that PyTorch calls before or after the module's ``forward``, before or
after its part of ``backward``, or when its state is saved or loaded. So you can look into a :term:`network`, and change
what passes, without editing its code. You need to know :ref:`hooks-on-tensors`.
"""

# %%
# A hook of ``register_forward_hook`` gets the module, a tuple of the positional :term:`arguments <argument>` that the
# module was called with, and the output. This one is put on each layer, and prints the shapes that pass.

from functools import partial

import torch
from torch import nn

torch.manual_seed(0)
network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def tell(name, module, args, output):
    print(f"{name} {type(module).__name__:<6}", tuple(args[0].shape), "->", tuple(output.shape))


handles = []
for name, part in network.named_children():
    handles.append(part.register_forward_hook(partial(tell, name)))
x = torch.rand(5, 3)
logits = network(x)
for handle in handles:
    handle.remove()
assert torch.equal(network(x), logits)  # the same, and in silence

# %%
# Four kinds, and when each is called
# -----------------------------------
#
# The code registers the four kinds on each module. ``args`` and ``output`` are those of the forward pass.
# ``grad_output`` and ``grad_input`` are tuples of the :term:`gradients <gradient>` with respect to them. Each printed
# line has the shapes that the hook got.


def sizes(values):
    values = values if isinstance(values, tuple) else (values,)
    return [None if value is None else tuple(value.shape) for value in values]


def listen(module, name, log):
    def before(module, args):
        log.append((name, "forward_pre", sizes(args)))

    def after(module, args, output):
        log.append((name, "forward", sizes(args), sizes(output)))

    def back_before(module, grad_output):
        log.append((name, "full_backward_pre", sizes(grad_output)))

    def back_after(module, grad_input, grad_output):
        log.append((name, "full_backward", sizes(grad_input), sizes(grad_output)))

    yield module.register_forward_pre_hook(before)
    yield module.register_forward_hook(after)
    yield module.register_full_backward_pre_hook(back_before)
    yield module.register_full_backward_hook(back_after)


log = []
handles = []
for name, part in network.named_modules():
    handles += listen(part, name or "all", log)
x.requires_grad_()
network(x).sum().backward()
for name, kind, *shapes in log:
    print(f"{name:<3} {kind:<17}", *shapes)

# %%
# In the forward pass the hooks of the whole network enclose those of its parts: its pre-hook comes first, its forward
# hook last. In the backward pass they enclose them too, and the parts come in reverse order.

names = [(name, kind) for name, kind, *_ in log]
assert names[0] == ("all", "forward_pre")
assert names[7] == ("all", "forward")
assert names[8] == ("all", "full_backward_pre")
assert names[-1] == ("all", "full_backward")
assert [name for name, kind in names if kind == "forward"] == ["0", "1", "2", "all"]
assert [name for name, kind in names if kind == "full_backward"] == ["2", "1", "0", "all"]

# %%
# In a ``Sequential``, where each output goes to one module alone, the ``grad_input`` of a module is the ``grad_output``
# of the module before it. Where an output is used twice, as in ``h + b(h)``, the two differ: the gradient of the other
# use is added.


def flows(model, inner, outer):
    back = {}
    with (
        inner.register_full_backward_hook(
            lambda module, inputs, outputs: back.update(out=outputs[0])
        ),
        outer.register_full_backward_hook(
            lambda module, inputs, outputs: back.update(into=inputs[0])
        ),
    ):
        model(x).square().sum().backward()
    return back["out"], back["into"]


for place in (0, 1):
    arrived, handed_back = flows(network, network[place], network[place + 1])
    assert torch.equal(arrived, handed_back)
one, two = nn.Linear(3, 3), nn.Linear(3, 3)
arrived, handed_back = flows(lambda x: (h := one(x)) + two(h), one, two)
torch.testing.assert_close(arrived - handed_back, 2 * (one(x) + two(one(x))))

# %%
# A gradient with respect to the input exists if the input requires it, and a batch of data usually does not. Then the
# ``grad_input`` of the first layer is ``(None,)``. The hook of the whole network is called before those of its parts,
# and PyTorch warns.

from ptguide.errors import expect_warning

log.clear()
x.requires_grad_(False)
out = network(x)
with expect_warning(UserWarning, match="no inputs require gradients"):
    out.sum().backward()
late = [(name, grad_input) for name, kind, grad_input, *_ in log if kind == "full_backward"]
assert late == [("all", [None]), ("2", [(5, 4)]), ("1", [(5, 4)]), ("0", [None])]

# %%
# ``network(x)`` calls the hooks of ``network``. ``network.forward(x)`` does not. It still calls the hooks of the parts,
# because ``forward`` calls those as ``part(x)``.

log.clear()
network.forward(x)
assert {name for name, *_ in log} == {"0", "1", "2"}
for handle in handles:
    handle.remove()
log.clear()
network(x)
assert log == []

# %%
# Changing what passes
# --------------------
#
# As with tensors, a value that the hook returns replaces what passes. A pre-hook returns new arguments, a forward hook
# a new output, and a backward hook new gradients. A hook that returns ``None`` changes nothing. Here a forward hook
# switches one unit off, and the logits change by the part that this unit had in them.


def without_unit_2(module, args, output):
    return output * torch.tensor([1.0, 1.0, 0.0, 1.0])


with network[1].register_forward_hook(without_unit_2):
    ablated = network(x)
hidden = network[0](x).relu()
assert hidden[:, 2].max() > 0  # it was on
torch.testing.assert_close(logits - ablated, hidden[:, 2:3] * network[2].weight[:, 2])

# %%
# The two backward hooks differ in what they reach. A new ``grad_output`` from the pre-hook changes the gradients of
# this layer's weights, and what the layers before get. A new ``grad_input`` changes what the layers before get, and
# leaves this layer's weights alone, because their gradients are made from ``grad_output``.

layer, data = nn.Linear(3, 4, bias=False), torch.rand(5, 3, requires_grad=True)


def gradients():
    return torch.autograd.grad(layer(data).square().sum(), (data, layer.weight))


to_data, to_weight = gradients()
with layer.register_full_backward_hook(lambda module, inputs, outputs: (10 * inputs[0],)):
    torch.testing.assert_close(gradients(), (10 * to_data, to_weight))
with layer.register_full_backward_pre_hook(lambda module, outputs: (10 * outputs[0],)):
    torch.testing.assert_close(gradients(), (10 * to_data, 10 * to_weight))

# %%
# Keyword arguments
# -----------------
#
# A forward hook and a forward pre-hook get the positional arguments. With ``with_kwargs=True`` they also get those that
# were given by name. Without it, an input that was given by name is missing in ``args``.


class Scale(nn.Module):
    def forward(self, x, by=1.0):
        return x * by


scale, got = Scale(), []
scale.register_forward_pre_hook(lambda *given: got.append(given[1:]))
scale.register_forward_pre_hook(lambda *given: got.append(given[1:]), with_kwargs=True)
scale(x, by=3.0)
assert got == [((x,),), ((x,), {"by": 3.0})]
scale.register_forward_hook(lambda module, args, output: got.append(args))
scale.register_forward_hook(lambda module, *given: got.append(given[:2]), with_kwargs=True)
scale(x=x)
assert got[2:] == [((),), ((), {"x": x}), (), ((), {"x": x})]

# %%
# State, whole programs, and the complete list
# --------------------------------------------
#
# Saving and loading have hooks, too. A hook that is called before loading may change the dictionary :term:`in place`.
# This one renames a weight that an older version of the program had saved under another name.


def rename(module, state, prefix, *_):
    state[f"{prefix}weight"] = state.pop(f"{prefix}w")


order = []
for kind in ("state_dict_pre", "state_dict_post", "load_state_dict_post"):
    getattr(layer, f"register_{kind}_hook")(lambda *_, kind=kind: order.append(kind))
layer.register_load_state_dict_pre_hook(rename)
layer.state_dict()
layer.load_state_dict({"w": torch.ones(4, 3)})
assert (layer.weight == 1).all()
assert order == ["state_dict_pre", "state_dict_post", "load_state_dict_post"]

# %%
# These are the methods of a module that register hooks, and the functions in ``torch.nn.modules.module`` that register
# one for each module of the program at once. Tools use those. For the four kinds of above, such a hook is called before
# the module's own, also when it was registered later.

everywhere = torch.nn.modules.module
for place, start in ((nn.Module, "register_"), (everywhere, "register_module_")):
    found = [name for name in dir(place) if name.startswith(start) and name.endswith("_hook")]
    print(f"{place.__name__}:", *found, sep="\n  ")

for kind in ("forward_pre", "forward", "full_backward_pre", "full_backward"):
    order.clear()
    own = getattr(layer, f"register_{kind}_hook")(lambda *_: order.append("own"))
    later = getattr(everywhere, f"register_module_{kind}_hook")(lambda *_: order.append("global"))
    with own, later:
        layer(data).sum().backward()
    assert order == ["global", "own"]

# %%
# What goes wrong
# ---------------
#
# ``register_backward_hook``, without "full", is the old kind, and deprecated. It gets the gradients of the last
# operation inside the module. Here these are the gradients of the bias, the input and the weight.

wrong = []
old = nn.Linear(3, 4)
old.register_backward_hook(lambda module, inputs, outputs: wrong.append(sizes(inputs)))
with expect_warning(FutureWarning, match="non-full backward hook"):
    out = old(data)
out.sum().backward()
assert wrong == [[(4,), (5, 3), (3, 4)]]

# %%
# Where gradients are recorded, a full backward hook makes the output a :term:`view`. A module behind it that writes
# :term:`in place` is refused.

from ptguide.errors import expect_error

block = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True))
block[0].register_full_backward_hook(lambda module, grad_input, grad_output: None)
with expect_error(RuntimeError, match="is a view and is being modified inplace"):
    block(data)
with torch.no_grad():
    assert block(data).shape == (5, 4)
block[1].inplace = False
assert block(data).shape == (5, 4)

# %%
# Check yourself
# --------------

from ptguide.questions import ask

calls = []
tiny = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
tiny.register_forward_pre_hook(lambda *_: calls.append("A"))
tiny[0].register_forward_hook(lambda *_: calls.append("B"))
tiny.register_forward_hook(lambda *_: calls.append("C"))
tiny(x)
ask(
    "net has a forward pre-hook A and a forward hook C, its first layer a forward hook B. In which order are they run?",
    answer="".join(calls),
    choices={
        "ABC": "A before the forward of net, B when its first layer is done, C when all is done.",
        "ACB": "C has to wait for the output of net, which is made after that of its first layer.",
        "BAC": "A pre-hook comes before forward, and inside forward the layers are called.",
    },
)

# %%
# And in the other direction:

seen = []
middle = nn.Linear(4, 2)
middle.register_full_backward_hook(lambda module, inputs, outputs: seen.append(sizes(inputs)))
middle(torch.rand(7, 4, requires_grad=True)).sum().backward()
ask(
    "nn.Linear(4, 2) gets a (7, 4) tensor that requires grad. Which shapes has grad_input in its full backward hook?",
    answer=seen[0],
    choices={
        ((7, 2),): "That is grad_output: it has the shape of the output.",
        ((7, 4),): "One entry for each positional argument of forward, in its shape.",
        (
            (7, 4),
            (2, 4),
            (2,),
        ): "The gradients of weight and bias are no part of it; they go to .grad.",
    },
)

# %%
# Next: :ref:`output-of-a-layer`, what forward hooks are most used for.

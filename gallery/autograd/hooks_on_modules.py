"""
.. _hooks-on-modules:

How do hooks on modules work, forward and backward?
===================================================

You want to see the shapes inside a :term:`network` that is not your code, or switch off one of its units. A
:term:`hook` on a :term:`module` is your function, which PyTorch calls when a pass enters or leaves that module.
"""

# %%
# Set-up

from functools import partial

import torch
from torch import nn

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
x = torch.rand(5, 3)


def sizes(values):
    values = values if isinstance(values, tuple) else (values,)
    return [None if value is None else tuple(value.shape) for value in values]


# %%


def tell(module, args, output):
    print(f"{type(module).__name__:<7} {tuple(args[0].shape)} -> {tuple(output.shape)}")


handles = [layer.register_forward_hook(tell) for layer in network]
logits = network(x)

# %%
# PyTorch calls a forward hook with the module, a tuple of its positional :term:`arguments <argument>`, and its output.
# Here ``tell`` is put on each layer, and prints the shapes that pass. You need to know :ref:`hooks-on-tensors`.
#
# The rule
# --------
#
# Four kinds of hooks see the data pass. Two are called before and after ``forward``, two before and after the module's
# part of the backward pass. ``grad_output`` holds the gradient with respect to the output of ``forward``, and
# ``grad_input`` holds the gradients with respect to its arguments. So on the way back ``grad_output`` comes first.

for handle in handles:
    handle.remove()


def listen(kind, module, *got):
    print(f"{kind:<17}", *[sizes(one) for one in got])


layer, data = network[0], torch.rand(5, 3, requires_grad=True)
handles = [
    layer.register_forward_pre_hook(partial(listen, "forward_pre")),
    layer.register_forward_hook(partial(listen, "forward")),
    layer.register_full_backward_pre_hook(partial(listen, "full_backward_pre")),
    layer.register_full_backward_hook(partial(listen, "full_backward")),
]
network(data).sum().backward()
for handle in handles:
    handle.remove()

# %%
# The first line has the arguments, the second the arguments and the output. The third has ``grad_output``, the fourth
# ``grad_input`` and ``grad_output``. The gradients of weight and bias are not among them: they go to ``.grad``.
#
# Change what passes
# ------------------
#
# A value that the hook returns replaces what passes. If it returns ``None``, nothing changes. Here a forward hook
# switches one hidden unit off. The logits lose what this unit had added to them.

hidden = network[0](x).relu()
unit = hidden[0].argmax()  # the one that answers most to the first sample


def without_unit(module, args, output):
    return output.index_fill(1, unit, 0.0)


with network[1].register_forward_hook(without_unit):
    ablated = network(x)
print("logits of the first sample:", logits[0].detach())
print("without that unit:         ", ablated[0].detach())
torch.testing.assert_close(logits - ablated, hidden[:, unit, None] * network[2].weight[:, unit])

# %%
# The two backward hooks differ in what they reach. A new ``grad_output`` from the pre-hook changes the gradients of
# this layer's weights and of its input. A new ``grad_input`` comes after the weights have their gradient, and changes
# that of the input alone.


def gradient_norms():
    to_data, to_weight = torch.autograd.grad(layer(data).square().sum(), (data, layer.weight))
    return torch.stack([to_data.norm(), to_weight.norm()])


plain = gradient_norms()
with layer.register_full_backward_pre_hook(lambda module, grad_output: (10 * grad_output[0],)):
    by_output = gradient_norms() / plain
with layer.register_full_backward_hook(lambda module, grad_input, _: (10 * grad_input[0],)):
    by_input = gradient_norms() / plain
print("grad_output * 10: to the input x{:.0f}, to the weight x{:.0f}".format(*by_output))
print("grad_input * 10:  to the input x{:.0f}, to the weight x{:.0f}".format(*by_input))
torch.testing.assert_close(by_output, torch.tensor([10.0, 10.0]))
torch.testing.assert_close(by_input, torch.tensor([10.0, 1.0]))

# %%
# .. use-this::
#
#    Take ``register_forward_hook`` to see or change an output, and ``register_full_backward_pre_hook`` to see what
#    gradient arrives. Call the module, ``network(x)``, because ``network.forward(x)`` passes its hooks by. Add
#    ``with_kwargs=True`` if inputs are given by name. Register in a ``with`` block or keep the handle. Inside a
#    function that is no module, take a :ref:`hook on a tensor <hooks-on-tensors>`.
#
# A common mistake
# ----------------
#
# **A full backward hook before a layer that writes** :term:`in place`. The hook makes the output a :term:`view`, and
# the layer behind it may not overwrite this view. Set ``inplace=False``, or put the hook on the block that holds both
# layers.

block = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True))
with block[0].register_full_backward_hook(lambda module, grad_input, grad_output: None):
    with expect_error(RuntimeError, match="is a view and is being modified inplace"):
        block(data)
    block[1].inplace = False
    assert block(data).shape == (5, 4)

# %%
# How this was checked

calls = []
with network.register_forward_hook(lambda *_: calls.append("called")):
    network(x)
    network.forward(x)
assert calls == ["called"]

# The other way out: the hook on the whole block.
block[1].inplace = True
with block.register_full_backward_hook(lambda module, grad_input, grad_output: None):
    block(data).sum().backward()


# Inputs that are given by name need with_kwargs.
class Scale(nn.Module):
    def forward(self, x, by=1.0):
        return x * by


scale, got = Scale(), []
with (
    scale.register_forward_pre_hook(lambda module, args: got.append(args)),
    scale.register_forward_pre_hook(
        lambda module, args, kwargs: got.append((args, kwargs)), with_kwargs=True
    ),
):
    scale(2.0, by=3.0)
assert got == [(2.0,), ((2.0,), {"by": 3.0})]

# The old register_backward_hook gets the gradients of the last operation: of bias, input and weight.
old, shapes = nn.Linear(3, 4), []
old.register_backward_hook(lambda module, grad_input, _: shapes.extend(sizes(grad_input)))
with expect_warning(FutureWarning, match="non-full backward hook"):
    out = old(data)
out.sum().backward()
assert shapes == [(4,), (5, 3), (3, 4)]

# The order on all modules: forward, the whole encloses its parts; backward too, with the parts in reverse order.
log, handles = [], []
for name, part in network.named_modules():
    for kind in ("forward_pre", "forward", "full_backward_pre", "full_backward"):
        note = partial(lambda name, kind, *_: log.append((name or "all", kind)), name, kind)
        handles.append(getattr(part, f"register_{kind}_hook")(note))
network(x.clone().requires_grad_()).sum().backward()
assert (log[0], log[7]) == (("all", "forward_pre"), ("all", "forward"))
assert (log[8], log[-1]) == (("all", "full_backward_pre"), ("all", "full_backward"))
assert [name for name, kind in log if kind == "forward"] == ["0", "1", "2", "all"]
assert [name for name, kind in log if kind == "full_backward"] == ["2", "1", "0", "all"]
log.clear()
network.forward(x)  # the hooks of the parts are called, those of the network are not
assert {name for name, _ in log} == {"0", "1", "2"}
for handle in handles:
    handle.remove()
log.clear()
network(x)
assert log == []

# grad_input of the first layer is None for data that requires no gradient. The whole network's hook is then early.
grads = []
with network[0].register_full_backward_hook(
    lambda module, grad_input, grad_output: grads.append(sizes(grad_input))
):
    out = network(x)
    with expect_warning(UserWarning, match="no inputs require gradients"):
        out.sum().backward()
assert grads == [[None]]

# In a chain, grad_input of a module is grad_output of the one before it. A second use of an output is added.
one, two, flow = nn.Linear(3, 3), nn.Linear(3, 3), {}
start = x.clone().requires_grad_()
with (
    one.register_full_backward_hook(
        lambda module, grad_input, grad_output: flow.update(out=grad_output[0])
    ),
    two.register_full_backward_hook(
        lambda module, grad_input, grad_output: flow.update(into=grad_input[0])
    ),
):
    two(one(start)).square().sum().backward()
    assert torch.equal(flow["out"], flow["into"])
    h = one(start)
    (h + two(h)).square().sum().backward()
torch.testing.assert_close(flow["out"] - flow["into"], 2 * (one(x) + two(one(x))))

# Saving and loading have hooks, too, and torch.nn.modules.module has one of each kind for all modules at once.
everywhere = torch.nn.modules.module
for kind in ("forward_pre", "forward", "full_backward_pre", "full_backward"):
    order = []
    own = getattr(layer, f"register_{kind}_hook")(lambda *_, order=order: order.append("own"))
    later = getattr(everywhere, f"register_module_{kind}_hook")(
        lambda *_, order=order: order.append("global")
    )
    with own, later:
        layer(data).sum().backward()
    assert order == ["global", "own"]

# %%
# Check yourself
# --------------

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
        "ABC": "A before the forward of net, B when its first layer is done, C at the end.",
        "ACB": "C has to wait for the output of net, which is made after that of its first layer.",
        "BAC": "A pre-hook comes before forward, and inside forward the layers are called.",
    },
)

# %%
# The next hook is called on the way back.

seen = []
middle = nn.Linear(4, 2)
middle.register_full_backward_hook(
    lambda module, grad_input, grad_output: seen.append(sizes(grad_input))
)
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
        ): "The gradients of weight and bias are no part of it. They go to .grad.",
    },
)

# %%
# **Exercise.** Return the fraction of zeros in the output of each ``nn.ReLU`` of a network, for one batch, as a vector,
# in the order of the calls. Dead units add zeros. Leave no hook behind.


def by_hand(network, batch):
    found = []
    for part in network:
        batch = part(batch)
        if isinstance(part, nn.ReLU):
            found.append((batch == 0).float().mean())
    return torch.stack(found)


deep = nn.Sequential(
    nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2), nn.ReLU()
)
cases = [(network, x), (deep, x), (deep, torch.randn(50, 3))]


def zeros_of(network, batch):
    raise NotImplementedError


check(zeros_of, by_hand, cases)

# %%
# A list in the enclosing function takes what the hook finds.

# Solution


def zeros_of(network, batch):
    found = []
    relus = [part for part in network.modules() if isinstance(part, nn.ReLU)]
    handles = [
        relu.register_forward_hook(
            lambda module, args, output: found.append((output == 0).float().mean())
        )
        for relu in relus
    ]
    network(batch)
    for handle in handles:
        handle.remove()
    return torch.stack(found)


report = check(zeros_of, by_hand, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`output-of-a-layer` is a use of forward hooks.
#
# - PyTorch contributors (2026). `Module <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html>`__. The
#   methods that begin with ``register_`` and end with ``_hook``.
# - Zeiler and Fergus (2014). `Visualizing and understanding convolutional networks
#   <https://arxiv.org/abs/1311.2901>`__. What one finds by looking into the middle.

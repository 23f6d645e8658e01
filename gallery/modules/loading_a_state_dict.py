"""
.. _loading-a-state-dict:

How do I load part of a state_dict? (strict=False)
==================================================

You have the weights of a network that reads digits, and want its body for another task. ``strict=False`` loads the
tensors whose names fit, and *returns* the names that did not.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

from ptguide.data import digits
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

train_set, test_set = digits("train"), digits("test")
images, labels = train_set.inputs.flatten(start_dim=1), train_set.targets
unseen, answers = test_set.inputs.flatten(start_dim=1), test_set.targets


class Reader(nn.Module):
    """A body for images of 64 pixels, and a head with the name that you give."""

    def __init__(self, head, classes):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU())
        self.add_module(head, nn.Linear(32, classes))

    def forward(self, x):
        *_, head = self.children()
        return head(self.body(x))


def fit(network, parameters, x, y):
    """Train on all images at once, 100 steps."""
    optimizer = torch.optim.Adam(parameters, lr=0.02)
    for _ in range(100):
        loss = F.cross_entropy(network(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def accuracy(network, targets):
    """Return the percentage that the network, in evaluation mode, gets right on the test images."""
    with torch.no_grad():
        right = network.eval()(unseen).argmax(dim=1) == targets
    return 100 * right.float().mean().item()


torch.manual_seed(0)
trained = Reader("digit", classes=10)
fit(trained, trained.parameters(), images, labels)
file = trained.state_dict()  # as torch.load would give it

# %%

model = Reader("even", classes=2)
found = model.load_state_dict(file, strict=False)
print("missing   ", found.missing_keys)
print("unexpected", found.unexpected_keys)

# %%
# ``file`` holds a trained network. The new one says whether a digit is even, so its last layer, the *head*, is called
# ``even``. The rest, the *body*, is loaded. A *missing* name is in the model alone, and its tensor stays as it was. An
# *unexpected* name is in the file alone, and is not used. You need to know
# :ref:`what a state_dict is <anatomy-of-nn-module>`. Files are the subject of :ref:`saving-and-loading`.
#
# The rule
# --------
#
# The names decide, not the order of the layers. Where a name is in both, its tensor is copied into the model:
# :math:`\mathrm{loaded} = \mathrm{model} \cap \mathrm{file}`. The default ``strict=True`` raises an error if the two
# sets of names differ. (A counter of batch norm may be an exception, which is checked below.) Here is the loading from
# scratch, with the names in both.


def load(model, file):
    own = model.state_dict()  # its tensors share the memory of the model's
    for name in own.keys() & file.keys():
        assert own[name].shape == file[name].shape, name
        own[name].copy_(file[name])
    return [name for name in own if name not in file], [name for name in file if name not in own]


other = Reader("even", classes=2)
assert load(other, file) == (found.missing_keys, found.unexpected_keys)
for name, tensor in other.body.state_dict().items():
    torch.testing.assert_close(tensor, model.body.state_dict()[name], rtol=0, atol=0)
print(", ".join(name for name in other.state_dict() if name in file))

# %%
# Another shape still raises
# --------------------------
#
# ``strict=False`` forgives other names, but not other shapes. Here the model's head has 4 classes, and the head of the
# same name in the file has 10. Leave its entries out, and then check that the head alone is missing.

with expect_error(RuntimeError, match="size mismatch for digit.weight"):
    Reader("digit", classes=4).load_state_dict(file, strict=False)

body = {name: tensor for name, tensor in file.items() if not name.startswith("digit.")}
found = Reader("digit", classes=4).load_state_dict(body, strict=False)
print(found)
assert found.missing_keys == ["digit.weight", "digit.bias"]
assert not found.unexpected_keys

# %%
# Safer: load into the part, strictly
# -----------------------------------
#
# Each module has its own ``load_state_dict``, whose names begin inside it. Remove the prefix ``body.``, and load the
# part with the strict default. So each name of the body is compared. If your network has other names for its layers,
# rename the entries in the same way.

part = {
    name.removeprefix("body."): tensor for name, tensor in file.items() if name.startswith("body.")
}
model = Reader("even", classes=2)
print(model.body.load_state_dict(part))

# %%
# Parameters alone are not enough
# -------------------------------
#
# A ``state_dict`` holds the persistent :ref:`buffers <parameters-and-buffers>` too, such as the running statistics of
# batch norm. Without them, the weights here are right, but more of the answers are wrong. Loading leaves a new model in
# training mode, so call ``eval()`` before you predict.

# Varies with the processor: a training amplifies how it rounds.
parameters_only = dict(trained.named_parameters())
reached = {}
for kind, state in {"whole state_dict": file, "parameters alone": parameters_only}.items():
    copied = Reader("digit", classes=10)
    copied.load_state_dict(state, strict=False)
    assert copied.training
    reached[kind] = accuracy(copied, answers)
    print(f"{kind}: {reached[kind]:.1f} % right")
assert reached["whole state_dict"] > reached["parameters alone"] + 5

# %%
# Copied or assigned?
# -------------------
#
# By default the numbers are copied into the model's tensors, which keep their data type, device and place in the
# optimizer. ``assign=True`` replaces the model's tensors by those of the file, so make the optimizer *after* loading.
# Use it to take the data type of the file, or for a model on the meta device, which has shapes and no memory. There a
# copy does nothing, and torch warns. A tensor that the file lacks stays on the meta device.

half = {name: t.bfloat16() if t.is_floating_point() else t for name, t in file.items()}
for assign in (False, True):
    model = Reader("digit", classes=10)
    optimizer = torch.optim.SGD(model.parameters())
    model.load_state_dict(half, assign=assign)
    weight = model.body[0].weight
    held = any(weight is one for one in optimizer.param_groups[0]["params"])
    print(f"assign={assign}: {weight.dtype}, in the optimizer: {held}")
    assert held is not assign

# %%
# .. longer: 5 screens — six ways to load, and what goes wrong with each
#
# .. use-this::
#
#    Load a part into its own module with the strict default: ``model.body.load_state_dict(part)``. Where you need
#    ``strict=False``, compare what it returns with the names that you expect. Leave entries of another shape out first.
#    Keep ``assign=False``, except for a model on the meta device or to take the file's data type. While a model is
#    loaded by copying, its tensors are in memory twice.
#
# A common mistake
# ----------------
#
# **Nothing was loaded, and nobody noticed.** The file was saved from a wrapper. ``nn.DataParallel`` puts ``module.`` in
# front of each name, and ``torch.compile`` puts ``_orig_mod.`` there. So no name fits, and ``strict=False`` raises
# nothing. Here the head is trained on 60 images, on a frozen body. Training works on a random body as well, so a loss
# that falls proves nothing.

# Varies with the processor: a training amplifies how it rounds.
wrapped = nn.DataParallel(trained).state_dict()
renamed = {name.removeprefix("module."): tensor for name, tensor in wrapped.items()}
results = {}
for kind, state in {"with module.": wrapped, "renamed": renamed}.items():
    results[kind] = []
    for seed in range(5):
        torch.manual_seed(seed)
        model = Reader("even", classes=2)
        found = model.load_state_dict(state, strict=False)
        model.eval().requires_grad_(False)
        fit(model, model.even.requires_grad_(True).parameters(), images[:60], labels[:60] % 2)
        results[kind].append(accuracy(model, answers % 2))
    print(f"{kind:<12}  {len(found.missing_keys)} missing, accuracy", end=" ")
    print(f"{min(results[kind]):.0f} to {max(results[kind]):.0f} %")
assert min(results["renamed"]) > max(results["with module."]) + 4

# %%
# How this was checked

# From scratch and by torch, for files with any of the parts left out.
parts = ("body.0.", "body.1.", "digit.")
for kept in range(2 ** len(parts)):
    prefixes = tuple(part for place, part in enumerate(parts) if kept >> place & 1)
    some = {name: tensor for name, tensor in file.items() if name.startswith(prefixes)}
    torch.manual_seed(1)
    one, two = Reader("digit", classes=10), Reader("digit", classes=10)
    two.load_state_dict(one.state_dict())
    found = one.load_state_dict(some, strict=False)
    missing, unexpected = load(two, some)
    assert unexpected == found.unexpected_keys == []
    # A counter that is not in a file without versions is set to 0 and not called missing.
    assert [name for name in missing if "num_batches" not in name] == found.missing_keys
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[name])
    for name in some:
        assert torch.equal(one.state_dict()[name], file[name])
# The versions are in an attribute of the dict, which a dict that you build yourself lacks.
assert file._metadata["body.1"]["version"] == 2
versioned = copy.copy(file)
del versioned["body.1.num_batches_tracked"]
with expect_error(RuntimeError, match='Missing key.*"body.1.num_batches_tracked"'):
    Reader("digit", classes=10).load_state_dict(versioned)
Reader("digit", classes=10).load_state_dict(dict(versioned))
# copy_ broadcasts, so that without the comparison a wrong shape would be taken.
for given, own in (((1, 3), (2, 3)), ((), (1,)), ((2, 1), (2, 3))):
    torch.ones(own).copy_(torch.zeros(given))
    layer = nn.Module()
    layer.weight = nn.Parameter(torch.ones(own))
    for strict in (True, False):
        for assign in (True, False):
            with expect_error(RuntimeError, match="size mismatch for weight"):
                layer.load_state_dict({"weight": torch.zeros(given)}, strict=strict, assign=assign)
# The file is not changed, the order of its entries has no effect.
before = {name: tensor.clone() for name, tensor in file.items()}
backwards = Reader("digit", classes=10)
backwards.load_state_dict(dict(reversed(file.items())))
for name, tensor in backwards.state_dict().items():
    assert torch.equal(tensor, before[name])
    assert torch.equal(file[name], before[name])
    assert tensor.data_ptr() != file[name].data_ptr()  # copied: twice in memory
# What is no tensor is refused with strict=False, too.
with expect_error(RuntimeError, match="expected torch.Tensor"):
    nn.Linear(3, 2).load_state_dict({"weight": [[1.0] * 3] * 2}, strict=False)
# Frozen stays frozen, in both ways; assigned tensors share the file's memory, and are parameters and buffers.
for assign in (False, True):
    model = Reader("digit", classes=10)
    model.body.requires_grad_(False)
    model.load_state_dict(file, assign=assign)
    assert not any(one.requires_grad for one in model.body.parameters())
    assert all(one.requires_grad for one in model.digit.parameters())
    assert isinstance(model.digit.weight, nn.Parameter)
    assert len(list(model.buffers())) == 3
    assert (model.digit.weight.data_ptr() == file["digit.weight"].data_ptr()) is assign
# On the meta device a copy goes nowhere, and torch warns; assign=True gives the model its memory.
with torch.device("meta"):
    empty = nn.Linear(3, 2, bias=False)
with expect_warning(UserWarning, match="which is a no-op"):
    empty.load_state_dict({"weight": torch.ones(2, 3)})
assert empty.weight.is_meta
empty.register_buffer("mask", torch.ones(3, device="meta"), persistent=False)
empty.load_state_dict({"weight": torch.ones(2, 3)}, assign=True)
assert empty.mask.is_meta  # it is not in the file, and strict=True does not miss it
assert torch.equal(empty(torch.ones(1, 3)), torch.full((1, 2), 3.0))
# An optimizer that was made before assign=True changes tensors that the model no longer has.
line = nn.Linear(3, 2)
optimizer = torch.optim.SGD(line.parameters(), lr=0.1)
line.load_state_dict({"weight": torch.ones(2, 3), "bias": torch.ones(2)}, assign=True)
line(torch.ones(1, 3)).sum().backward()
optimizer.step()
assert torch.equal(line.weight, torch.ones(2, 3))
# Into a scalar, a vector of one element may be loaded: an exception for very old files.
scalar = nn.Module()
scalar.weight = nn.Parameter(torch.tensor(1.0))
scalar.load_state_dict({"weight": torch.tensor([5.0])})
assert scalar.weight == 5
with expect_error(RuntimeError, match="size mismatch for weight"):
    scalar.load_state_dict({"weight": torch.tensor([5.0, 6.0])})
# Loading does not change the mode: what is in evaluation mode stays in it.
model = Reader("digit", classes=10).eval()
model.load_state_dict(file)
assert not model.training
# torch.compile has a prefix of its own. The module inside has the names without it.
compiled = torch.compile(trained)
assert list(compiled.state_dict()) == ["_orig_mod." + name for name in file]
assert list(compiled._orig_mod.state_dict()) == list(file)
# With module. before each name, nothing at all is loaded; torch has a function that takes a prefix away.
fresh = Reader("digit", classes=10)
start = copy.deepcopy(fresh.state_dict())
found = fresh.load_state_dict(wrapped, strict=False)
assert all(torch.equal(tensor, start[name]) for name, tensor in fresh.state_dict().items())
assert len(found.unexpected_keys) == len(wrapped)
consume_prefix_in_state_dict_if_present(wrapped, "module.")  # changes the dict
assert str(fresh.load_state_dict(wrapped)) == "<All keys matched successfully>"
# A buffer that is not persistent is neither in the file nor missing.
passing = nn.Module()
passing.register_buffer("mask", torch.ones(3), persistent=False)
assert str(passing.load_state_dict({})) == "<All keys matched successfully>"
# Without load_state_dict's own file, the accuracy of the loaded body is the same by load().
loaded = Reader("digit", classes=10)
load(loaded, file)
assert accuracy(loaded, answers) == accuracy(trained, answers)

# %%
# Check yourself
# --------------


def body_after_error():
    model = Reader("digit", classes=4)
    try:
        model.load_state_dict(file, strict=False)
    except RuntimeError:
        return torch.equal(model.body[0].weight, file["body.0.weight"])


ask(
    "The body of a file fits and its head has another shape. load_state_dict(file, strict=False) raises an error. Is "
    "the body in the model now?",
    answer="yes" if body_after_error() else "no",
    choices={
        "yes": "What fits is copied first, then the errors are raised together. Make a new model after an error.",
        "no": "The tensors are copied one by one, and the errors are raised at the end.",
    },
)

# %%
# The next question is about types.

layer = nn.Linear(3, 2)
layer.load_state_dict({"weight": torch.ones(2, 3, dtype=torch.float64), "bias": torch.ones(2)})
ask(
    "A weight in double precision is loaded into a new nn.Linear(3, 2), with the defaults. What is the dtype of the "
    "layer's weight?",
    answer=layer.weight.dtype,
    choices={
        torch.float64: "That is what assign=True gives.",
        torch.float32: "The numbers are copied into the tensor of the layer, which keeps its dtype.",
        RuntimeError: "Shapes are compared, data types are not.",
    },
)

# %%
# **Exercise.** Load each tensor of ``file`` whose name and shape both fit, and leave out the others. Return what the
# model then gives for ``x`` in evaluation mode.


def run_what_fits(model, file, x):
    raise NotImplementedError


def by_copying(model, file, x):
    for name, own in model.eval().state_dict().items():
        if name in file and tuple(file[name].shape) == tuple(own.shape):
            own.copy_(file[name])
    with torch.no_grad():
        return model(x)


x = torch.rand(3, 5)
older = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Linear(6, 7)).state_dict()
cases = [
    (nn.Linear(5, 2), {"weight": torch.ones(2, 5), "scale": torch.zeros(2)}, x),
    (nn.Linear(5, 2), {"weight": torch.ones(2, 4), "bias": torch.zeros(2)}, x),
    (nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Linear(6, 4)), older, x),
]
check(run_what_fits, by_copying, cases)

# %%
# ``strict=False`` leaves out names, so compare the shapes yourself.

# Solution


def run_what_fits(model, file, x):
    own = model.state_dict()
    fitting = {k: t for k, t in file.items() if k in own and own[k].shape == t.shape}
    model.load_state_dict(fitting, strict=False)
    with torch.no_grad():
        return model.eval()(x)


report = check(run_what_fits, by_copying, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`counting-parameters`, of a network or of one of its parts. What each message of ``load_state_dict`` means is in
# :ref:`loading-state-dict`, how to train on is in :ref:`transfer-learning`.
#
# - PyTorch contributors (2026). `Module.load_state_dict
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html>`__. The reference.
# - PyTorch contributors (2026). `Tips for loading an nn.Module from a checkpoint
#   <https://docs.pytorch.org/tutorials/recipes/recipes/module_load_state_dict_tips.html>`__. The meta device and
#   ``assign=True``, for large models.

"""
.. _object-has-no-attribute:

AttributeError: 'Net' object has no attribute 'fc'
==================================================

Python looked for a name on an object and did not find it. The message names the class of the object: compare the
name with those that it has, and look for a misspelling, a wrapper, a dictionary or a list.
"""

# %%
# Set-up

import difflib
import inspect
import traceback

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel
from torchvision.models import SwinTransformer, mobilenet_v3_small, resnet18

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
images = torch.rand(5, 3, 32, 32)

# %%


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(64, 20)
        self.fc1 = nn.Linear(20, 10)

    def forward(self, x):
        return self.fc(self.body(x).relu())


net = Net()
with expect_error(AttributeError, match="'Net' object has no attribute 'fc'"):
    net(torch.rand(5, 64))

# %%
# ``'Net'`` is the class of the object, and ``'fc'`` is the name that is missing. Read the class first, because it is
# often another one than you expect.
#
# .. longer: 9 cells; 7 screens — each kind of object has a cell of its own
#
# ====================================================================  =============================================
# Usual cause                                                           Fix
# ====================================================================  =============================================
# :ref:`the name is misspelled, or lacks self. <attribute-name>`        list the names that are there
# :ref:`it is made in a method that was not called <attribute-name>`    make it in ``__init__``
# :ref:`a wrapper, such as DataParallel <attribute-wrapper>`            ``wrapper.module.body``
# :ref:`a ResNet that has no classifier <attribute-head>`               ``resnet.fc``
# :ref:`a property that fails inside <attribute-property>`              ``Classifier.classes.fget(classifier)``
# :ref:`'Tensor' object has no attribute 'astype' <attribute-numpy>`    the words of torch
# :ref:`'list' object has no attribute 'to' <attribute-list>`           ask the elements
# :ref:`'OrderedDict' object has no attribute 'eval' <attribute-list>`  ``load_state_dict`` of a network
# :ref:`module 'torch' has no attribute 'array' <attribute-torch>`      ``torch.tensor``
# ====================================================================  =============================================
#
# .. _attribute-name:
#
# The rule
# --------
#
# Beside ordinary attributes and methods, a module looks for a name among its parameters, its buffers and its modules.
# List the modules, and let ``difflib`` find the nearest name. A layer that was assigned to ``fc`` and not to
# ``self.fc`` is gone when ``__init__`` ends. A layer that is made in a method such as ``build`` exists after that call.

names = [name for name, _ in net.named_children()]
print(names, "nearest to fc:", difflib.get_close_matches("fc", names))
assert difflib.get_close_matches("fc", names) == ["fc1"]


class Built(nn.Module):
    def __init__(self):
        super().__init__()
        fc = nn.Linear(64, 10)  # should be self.fc
        nn.init.zeros_(fc.bias)

    def build(self):
        self.head = nn.Linear(64, 10)


built = Built()
for name in ("fc", "head"):
    with expect_error(AttributeError, match=f"'Built' object has no attribute '{name}'"):
        getattr(built, name)
built.build()
assert [name for name, _ in built.named_children()] == ["head"]

# %%
# .. _attribute-wrapper:
#
# A wrapper
# ---------
#
# ``DataParallel``, ``DistributedDataParallel`` and ``AveragedModel`` hold the network under the name ``module``. What
# ``torch.compile`` returns passes names on to the network, and holds it under ``_orig_mod``
# (:ref:`loading-state-dict`).

for wrap in (nn.DataParallel, AveragedModel):
    wrapper = wrap(net)
    with expect_error(AttributeError, match=f"'{wrap.__name__}' object has no attribute 'body'"):
        wrapper.body
    assert wrapper.module.body.in_features == 64
compiled = torch.compile(net)
assert compiled.body is net.body
assert compiled._orig_mod is net

# %%
# .. _attribute-head:
#
# Another network has other names
# -------------------------------
#
# In torchvision, the last layer is called ``fc`` in ResNet, ``classifier`` in MobileNet, and ``head`` in the Swin
# transformer. Print the names of the children before you replace one.

resnet, mobilenet = resnet18(weights=None), mobilenet_v3_small(weights=None)
with expect_error(AttributeError, match="'ResNet' object has no attribute 'classifier'"):
    resnet.classifier
for network in (resnet, mobilenet):
    print(f"{type(network).__name__:12}", [name for name, _ in network.named_children()][-2:])
assert resnet.fc.out_features == 1000

# %%
# .. _attribute-property:
#
# A property that fails inside
# ----------------------------
#
# ``classes`` is defined here, and the message says that it does not exist. If a property raises ``AttributeError``,
# Python asks the module for the name once more, and the module replaces the error by its own. The function of the
# property, ``fget``, shows the real error.


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 10)

    @property
    def classes(self):
        return self.fc.weights.shape[0]  # should be weight


classifier = Classifier()
with expect_error(AttributeError, match="'Classifier' object has no attribute 'classes'"):
    classifier.classes
with expect_error(AttributeError, match="'Linear' object has no attribute 'weights'"):
    Classifier.classes.fget(classifier)

# %%
# .. _attribute-numpy:
#
# Words of NumPy
# --------------
#
# A tensor has many names of NumPy, but lacks those below. The second column is what to write for the same result.

x = torch.tensor([[3.0, 1.0], [2.0, 5.0]])
a = x.numpy()
words = {
    "astype": (a.astype("float64"), "x.to(torch.float64)", x.to(torch.float64)),
    "copy": (a.copy(), "x.clone()", x.clone()),
    "append": (np.append(a, a, axis=0), "torch.cat([x, x])", torch.cat([x, x])),
    "pad": (np.pad(a, 1), "F.pad(x, (1, 1, 1, 1))", F.pad(x, (1, 1, 1, 1))),
}
for word, (theirs, today, ours) in words.items():
    assert not hasattr(x, word)
    torch.testing.assert_close(ours, torch.from_numpy(theirs))
    print(f"{word:12}{today}")
with expect_error(AttributeError, match="'Tensor' object has no attribute 'astype'"):
    x.astype("float64")

# %%
# .. _attribute-list:
#
# A dictionary, a list, a tuple, an array
# ---------------------------------------
#
# A file of weights often holds a dictionary and no network. Make the network, and load the dictionary into it. A batch
# is often a list, and an LSTM returns a tuple, so take the element out. ``torch.from_numpy``
# converts an array.

batch, labels = [images, torch.arange(5)], np.arange(5)
weights = net.state_dict()  # torch.load gives back what was saved
with expect_error(AttributeError, match="OrderedDict' object has no attribute 'eval'"):
    weights.eval()
with expect_error(AttributeError, match="'list' object has no attribute 'to'"):
    batch.to("cpu")
with expect_error(AttributeError, match="'tuple' object has no attribute 'shape'"):
    nn.LSTM(2, 6)(x).shape
with expect_error(AttributeError, match="'numpy.ndarray' object has no attribute 'unsqueeze'"):
    labels.unsqueeze(0)

loaded = Net()
loaded.load_state_dict(weights)
loaded.eval()
moved = [part.to("cpu") for part in batch]
output, _ = nn.LSTM(2, 6)(x)
print(tuple(output.shape), tuple(torch.from_numpy(labels).unsqueeze(0).shape))

# %%
# .. _attribute-torch:
#
# module 'torch' has no attribute ...
# -----------------------------------
#
# Here the object is a module of Python, which is a file of code, not a network. Classes such as layers and optimizers
# begin with a capital letter, and functions with a small one. If a name such as ``zeros`` is missing, a file in your
# folder hides torch (:ref:`no-module-named-torch`). If your tutorial is old, see :ref:`old-code`.

for module, wrong, right in [
    (torch, "array", torch.tensor),
    (torch, "expand_dims", torch.unsqueeze),
    (nn, "Relu", nn.ReLU),
    (torch.optim, "adam", torch.optim.Adam),
]:
    with expect_error(AttributeError, match=f"module '{module.__name__}' has no attribute"):
        getattr(module, wrong)
    print("write", right.__name__)

# %%
# .. use-this::
#
#    Read the class in the message. Then print ``dir(x)``, or the names of ``named_children()`` for a network. Make each
#    layer in ``__init__``, with ``self.`` in front. Keep properties of a module short, because an ``AttributeError`` in
#    them is replaced. Keep the plain network beside a ``DataParallel``, which holds that same network. An
#    ``AveragedModel`` holds a copy, which costs the memory of the weights once more.
#
# A common mistake
# ----------------
#
# Assigning a layer to the missing name silences the message, but ``forward`` of the network does not use the new layer.
# So the output has 1000 classes as before, and the new layer gets no gradient.

resnet.classifier = nn.Linear(512, 4)
output = resnet(images)
output.sum().backward()
print(tuple(output.shape), "gradient of the new layer:", resnet.classifier.weight.grad)
assert output.shape == (5, 1000)
resnet.fc = nn.Linear(512, 4)
assert resnet(images).shape == (5, 4)

# %%
# How this was checked

# What a module finds: parameters, buffers, modules, and what is assigned as to an ordinary object.
found = nn.Module()
found.weight, found.mean, found.layer = nn.Parameter(x), nn.Buffer(x), nn.Linear(2, 3)
found.size = 5
for name in ("weight", "mean", "layer", "size", "training"):
    assert hasattr(found, name)
assert not hasattr(found, "bias")
# Names in torchvision, as its source has them, and capital letters: classes have one, functions have none.
assert "self.head = nn.Linear" in inspect.getsource(SwinTransformer.__init__)
for module in (torch, nn, F, torch.optim):
    for name, value in vars(module).items():
        if isinstance(value, type) and issubclass(value, (nn.Module, torch.optim.Optimizer)):
            assert name.startswith("_") or name[0].isupper()
        elif inspect.isfunction(value) or inspect.isbuiltin(value):
            assert not name[0].isupper()
# The error of the property is gone, also from the list of causes.
try:
    classifier.classes
except AttributeError:
    assert "'weights'" not in traceback.format_exc()


class Plain:
    @property
    def classes(self):
        return self.fc.weights


with expect_error(AttributeError, match="'Plain' object has no attribute 'fc'"):
    Plain().classes  # no __getattr__ replaces it
# Some words of NumPy have no word of torch with the same result: NumPy counts strides in bytes, torch in elements.
assert not hasattr(x, "strides")
assert x.numpy().strides == (8, 4)
assert x.stride() == (2, 1)
# Another error than AttributeError is not replaced.
Classifier.count = property(lambda self: 1 / 0)
with expect_error(ZeroDivisionError, match="division by zero"):
    classifier.count
with expect_error(AttributeError, match="module 'torch.nn.functional' has no attribute 'ReLU'"):
    F.ReLU
with expect_error(AttributeError, match="'MobileNetV3' object has no attribute 'fc'"):
    mobilenet.fc
# Names of arrays that tensors have, too.
for name in "reshape ravel flatten T mean std max argsort sort tolist nbytes itemsize ndim".split():
    assert hasattr(x, name)
    assert hasattr(x.numpy(), name)
# The number that item() gives has no gradient.
with expect_error(AttributeError, match="'float' object has no attribute 'backward'"):
    x.sum().item().backward()
# A container has no weight; its layers have.
for container in (nn.Sequential(nn.Linear(2, 3)), nn.ModuleList([nn.Linear(2, 3)])):
    with expect_error(
        AttributeError, match=f"'{type(container).__name__}' object has no attribute"
    ):
        container.weight
    assert container[0].weight.shape == (3, 2)
# DistributedDataParallel, which needs several processes, as its source has it.
assert "self.module = module" in inspect.getsource(nn.parallel.DistributedDataParallel.__init__)
assert nn.DataParallel(net).module is net
assert AveragedModel(net).module is not net
# A wrapper in a wrapper has two steps.
assert nn.DataParallel(torch.compile(net)).module._orig_mod is net
# A name that compile's wrapper does not find is missing in the network, and the message says so.
with expect_error(AttributeError, match="'Net' object has no attribute 'fc'"):
    compiled.fc
# The error at the top, repaired.
net.fc = net.fc1
assert net(torch.rand(5, 64)).shape == (5, 10)

# %%
# Check yourself
# --------------


def having(name, **objects):
    return tuple(label for label, one in objects.items() if hasattr(one, name))


ask(
    "net has a layer body. Which have it as an attribute: nn.DataParallel(net), torch.compile(net)?",
    answer=having("body", DataParallel=nn.DataParallel(net), compile=torch.compile(net)),
    choices={
        ("DataParallel", "compile"): "DataParallel has module, and does not pass other names on.",
        ("compile",): "What torch.compile returns passes names on to the network.",
        ("DataParallel",): "It has module, and the network is in it.",
    },
)

# %%
# The next question is about a container of layers.

try:
    nn.Sequential(nn.Linear(3, 4)).weight
except AttributeError as error:
    named = str(error).split("'")[1]
ask(
    "Which class does the message of nn.Sequential(nn.Linear(3, 4)).weight name?",
    answer=named,
    choices={
        "Linear": "The linear layer has a weight. It was not asked.",
        "Sequential": "The container was asked. Its first layer, [0], has the weight.",
        "Tensor": "No tensor was asked for anything.",
    },
)

# %%
# **Exercise.** The last linear layer of a network has another name in each architecture. Write ``replace_head``: it
# puts a new ``nn.Linear`` in the place of the last one in the order of ``net.modules()``. The new layer has as many
# inputs as the old one, and ``classes`` outputs.


class WithFc(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.body, self.fc = nn.Linear(4, 6), nn.Linear(6, classes)

    def forward(self, x):
        return self.fc(self.body(x))


class WithClassifier(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.features = nn.Linear(4, 5)
        self.classifier = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, classes))

    def forward(self, x):
        return self.classifier(self.features(x))


def replace_head(net, classes):
    raise NotImplementedError


def run(net, x):
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(0.5)
        return net(x)


def use(replace):
    def result(kind, classes, x):
        net = kind(10)
        replace(net, classes)
        return run(net, x)

    return result


def expected(kind, classes, x):
    return run(kind(classes), x)


cases = [
    (WithFc, 3, torch.rand(2, 4)),
    (WithClassifier, 7, torch.rand(2, 4)),
    (lambda classes: nn.Sequential(nn.Flatten(), WithFc(classes)), 2, torch.rand(3, 2, 2)),
]
check(use(replace_head), expected, cases)

# %%
# ``named_modules()`` gives the path of each module, with dots. ``set_submodule`` takes such a path.

# Solution


def replace_head(net, classes):
    linear = {name: part for name, part in net.named_modules() if isinstance(part, nn.Linear)}
    path = list(linear)[-1]
    net.set_submodule(path, nn.Linear(linear[path].in_features, classes))


report = check(use(replace_head), expected, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`argument-input-must-be-tensor`, when a tuple or a list goes into a layer.
#
# - PyTorch contributors (2026). `torch.nn.Module
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html>`__. ``named_children``, ``get_submodule`` and
#   their siblings.
# - Python contributors (2026). `Customizing attribute access
#   <https://docs.python.org/3/reference/datamodel.html#customizing-attribute-access>`__. When ``__getattr__`` is asked,
#   and that a property can lead to it.

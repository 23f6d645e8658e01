"""
.. _cant-call-numpy-on-tensor-that-requires-grad:

RuntimeError: Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.
===================================================================================================

You give NumPy, Matplotlib or scikit-learn a tensor that requires a gradient, and autograd cannot follow what NumPy does
with it. Write ``detach()`` for a tensor and ``item()`` for one number.
"""

# %%
# Set-up

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.metrics import accuracy_score, r2_score
from torch import nn
from torch.nn import functional as F

from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

torch.manual_seed(0)
x = torch.linspace(-2, 2, 30).unsqueeze(1)  # (30, 1)
y = x.sin() + 0.1 * torch.randn(30, 1)
model = nn.Sequential(nn.Linear(1, 20), nn.Tanh(), nn.Linear(20, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)

# %%

prediction = model(x)
with expect_error(RuntimeError, match=r"Use tensor.detach\(\).numpy\(\) instead"):
    prediction.numpy()

# %%
# The weights require a gradient, so the prediction does, too. The call of ``numpy()`` is often hidden inside another
# library. The lowest line of your own code in the traceback is the one that hands the tensor over.
#
# .. longer: 5 screens — each cause has a cell of its own, and one draws
#
# ====================================================================  =============================================
# Usual cause                                                           Fix
# ====================================================================  =============================================
# :ref:`a plot of predictions or weights <numpy-plot>`                  ``prediction.detach()``
# :ref:`a list of losses <numpy-losses>`                                ``loss.item()``
# :ref:`a metric of scikit-learn <numpy-metric>`                        ``with torch.no_grad():`` around the model
# :ref:`x.cpu().numpy() of a tensor on a GPU <numpy-gpu>`               ``x.detach().cpu().numpy()``
# ====================================================================  =============================================
#
# The rule
# --------
#
# ``numpy()`` is refused if the tensor has ``requires_grad=True`` while autograd records. ``detach()`` gives a tensor
# that requires no gradient, in the same memory. ``item()`` and ``tolist()`` give Python numbers. Under
# ``torch.no_grad()`` autograd does not record, so the prediction requires no gradient.

print("model(x):         ", prediction.requires_grad)
print("detached:         ", prediction.detach().requires_grad)
with torch.no_grad():
    print("made under no_grad:", model(x).requires_grad)
assert prediction.detach().data_ptr() == prediction.data_ptr()
assert prediction.tolist() == prediction.detach().numpy().tolist()

# %%
# .. _numpy-losses:
#
# A list of losses
# ----------------
#
# Keep numbers for the curve of the losses. ``item()`` takes the number out, and ``backward()`` still has its tensor. A
# tensor in a list also keeps its graph, even after ``backward()`` (:ref:`tensor-to-python`).

tensors, numbers = [], []
for _ in range(100):
    loss = F.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    tensors.append(loss)
    numbers.append(loss.item())
with expect_error(RuntimeError, match="Can't call numpy"):
    np.mean(tensors[-10:])
assert tensors[-1].grad_fn is not None  # the graph is kept
print(f"mean of the last ten losses: {np.mean(numbers[-10:]):.3f}")

# %%
# .. _numpy-plot:
#
# A plot
# ------
#
# Matplotlib turns its arguments into arrays. The data requires no gradient, so it can be drawn as it is.

_, axis = plt.subplots(figsize=(4.5, 2.5), layout="constrained")
axis.plot(x, y, ".", color="gray", label="data")
with expect_error(RuntimeError, match="Can't call numpy"):
    axis.plot(x, model(x))
axis.plot(x, model(x).detach(), label="model(x).detach()")
axis.set(title="Detached predictions can be drawn", xlabel="x", ylabel="y")
axis.legend()
plt.show()

# %%
# .. _numpy-metric:
#
# A metric of scikit-learn
# ------------------------
#
# A metric belongs to the evaluation. There, put ``torch.no_grad()`` around the call of the model. This saves the memory
# of the graph, and the prediction can be converted.

with expect_error(RuntimeError, match="Can't call numpy"):
    r2_score(y, model(x))
model.eval()
with torch.no_grad():
    prediction = model(x)
print(f"R2: {r2_score(y, prediction):.2f}")

# %%
# .. _numpy-gpu:
#
# On a GPU
# --------
#
# An array needs the memory of the CPU. For a tensor elsewhere torch first asks for ``cpu()``, here on the device
# ``meta``, which holds no numbers. With ``cpu()`` alone, the message at the top comes next. ``numpy(force=True)`` calls
# both ``detach()`` and ``cpu()``. See :ref:`expected-all-tensors-to-be-on-the-same-device`.

weight = model[0].weight
with expect_error(TypeError, match="Use Tensor.cpu"):
    weight.to("meta").numpy()
with expect_error(RuntimeError, match="Can't call numpy"):
    weight.cpu().numpy()
array = weight.detach().cpu().numpy()
assert np.array_equal(array, weight.numpy(force=True))
print(type(array).__name__, array.shape)

# %%
# .. use-this::
#
#    For one number write ``loss.item()``. For more write ``x.detach().cpu().numpy()``, which is the same line on a CPU
#    and on a GPU. NumPy lacks :val:`bfloat16 <torch.bfloat16>`, so for such a tensor put ``float()`` after
#    ``detach()``. In evaluation put ``torch.no_grad()`` around the model. On the CPU ``detach()`` and ``numpy()`` copy
#    nothing, so the array and the tensor share their memory. Add ``copy()`` before you write into the array.
#
# A common mistake
# ----------------
#
# NumPy can compute a loss from detached predictions. If the result becomes a tensor with ``requires_grad=True``,
# ``backward()`` runs and ends at that tensor. No weight gets a gradient here, and nothing is learned. Compute the loss
# in torch, and convert afterwards. See :ref:`element-0-does-not-require-grad`.

optimizer.zero_grad()
by_numpy = ((model(x).detach().numpy() - y.numpy()) ** 2).mean()
torch.tensor(by_numpy, requires_grad=True).backward()
print("gradient after a loss of NumPy:", model[0].weight.grad)
assert all(parameter.grad is None for parameter in model.parameters())
F.mse_loss(model(x), y).backward()
assert model[0].weight.grad.any()

# %%
# How this was checked

# Functions that call numpy() on their own.
weight = torch.tensor([0.5, 2.0], requires_grad=True)
for function in (np.asarray, np.exp, lambda w: accuracy_score([0, 1], w)):
    with expect_error(RuntimeError, match="Can't call numpy"):
        function(weight)
for function in (np.array, np.mean, np.sum, np.median):
    with expect_error(RuntimeError, match="Can't call numpy"):
        function([weight.sum(), weight.sum()])
# What is possible without detach: numbers of Python, and the gradient itself.
assert weight.tolist() == [0.5, 2.0]
assert weight.sum().item() == 2.5
weight.sum().backward()
assert weight.grad.numpy().tolist() == [1, 1]
with expect_warning(UserWarning, match="Converting a tensor with requires_grad=True to a scalar"):
    assert float(weight.sum()) == 2.5
# While autograd does not record, numpy() is allowed, also for a weight; the memory is shared.
with torch.no_grad():
    assert weight.numpy().ctypes.data == weight.data_ptr()
for convert in (lambda w: w.detach().numpy(), lambda w: w.numpy(force=True)):
    assert convert(weight).ctypes.data == weight.data_ptr()
assert weight.detach().numpy().copy().ctypes.data != weight.data_ptr()
# numpy(force=True) also takes what has other messages: a view that conjugates.
z = torch.tensor([1 + 2j]).conj()
with expect_error(RuntimeError, match="has conjugate bit set"):
    z.numpy()
assert z.numpy(force=True).tolist() == [1 - 2j]
with expect_error(TypeError, match="unsupported ScalarType BFloat16"):
    weight.bfloat16().numpy(force=True)
assert weight.bfloat16().detach().float().cpu().numpy().tolist() == [0.5, 2.0]
# A plot of a list of losses calls numpy() on each of them.
figure, axis = plt.subplots()
with expect_error(RuntimeError, match="Can't call numpy"):
    axis.plot([weight.sum(), weight.sum()])
plt.close(figure)
# What a loss in a list keeps after backward(): its graph, and not the results that were saved for it.
exponential = weight.exp()
exponential.sum().backward()
assert exponential.grad_fn is not None
with expect_error(RuntimeError, match="backward through the graph a second time"):
    print(exponential.grad_fn._saved_result)
weight.grad = None
# detach shares memory, and the loss of torch equals that of NumPy.
torch.testing.assert_close(F.mse_loss(model(x), y).item(), float(by_numpy), rtol=1e-4, atol=1e-6)
# The training above has learned the curve.
assert np.mean(numbers[-10:]) < 0.1 * numbers[0]

# %%
# Check yourself
# --------------


def first_after_writing():
    weight = torch.tensor([1.0, 3.0], requires_grad=True)
    array = weight.detach().numpy()
    array[0] = 9.0
    return weight[0].item()


ask(
    "weight holds 1 and 3, and requires its gradient. array = weight.detach().numpy(), then array[0] = 9. What is "
    "weight[0]?",
    answer=first_after_writing,
    choices={
        1.0: "That would need copy() behind numpy().",
        9.0: "detach and numpy copy nothing: the array is the memory of the weight.",
        RuntimeError: "NumPy writes without autograd, which does not notice it.",
    },
)

# %%
# The next question is about the same weight without ``detach()``.


def without_recording():
    weight = torch.tensor([1.0, 3.0], requires_grad=True)
    with torch.no_grad():
        return weight.numpy().tolist()


ask(
    "weight holds 1 and 3, and requires its gradient. What does weight.numpy().tolist() give under torch.no_grad()?",
    answer=without_recording,
    choices={
        (1.0, 3.0): "While autograd does not record, numpy() is allowed.",
        RuntimeError: "It would be raised outside of torch.no_grad().",
    },
)

# %%
# **Exercise.** Write ``to_array``. It takes a floating-point tensor, which may require a gradient or be of a type that
# NumPy lacks, such as :val:`bfloat16 <cases[2][0].dtype>`. It returns an array of
# :val:`float32 <expected(*cases[0]).dtype>` in memory of its own. The checker fills the array with zeros, and looks at
# the tensor.


def to_array(x):
    raise NotImplementedError


def use(convert):
    def result(x):
        array = convert(x)
        values = torch.from_numpy(array.copy())
        array[...] = 0
        return torch.stack(
            [values, x.detach().float()]
        )  # the array, and what is left of the tensor

    return result


def expected(x):
    return torch.stack([x.detach().float(), x.detach().float()])


cases = [
    (torch.tensor([1.0, 2.0]),),
    (torch.tensor([3.0, 4.0, 5.0], requires_grad=True),),
    (torch.rand(2, 3, dtype=torch.bfloat16, requires_grad=True),),
    (torch.rand(4, dtype=torch.float64),),
]
check(use(to_array), expected, cases)

# %%
# ``float()`` converts the other data types to ``float32``. A tensor that has this type already is not copied, so
# ``copy()`` is needed.

# Solution


def to_array(x):
    return x.detach().float().cpu().numpy().copy()


report = check(use(to_array), expected, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`only-floating-point-can-require-gradients`, when ``requires_grad=True`` itself is refused. What an array and a
# tensor share is on :ref:`numpy-and-back`.
#
# - PyTorch contributors (2026). `torch.Tensor.numpy
#   <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.numpy.html>`__. What ``force`` adds, call by call.
# - PyTorch contributors (2026). `torch.Tensor.detach
#   <https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html>`__. Its note says what is shared.

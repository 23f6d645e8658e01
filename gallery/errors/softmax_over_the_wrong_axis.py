"""
.. _softmax-over-the-wrong-axis:

softmax: dim=0 or dim=1? The wrong axis mixes samples
=====================================================

Logits of shape (batch, class) need a softmax over axis 1: each row becomes probabilities of one sample. Over axis 0
nothing is raised, the samples of the batch are compared, and a batch of one gives 1.0 for each class.
"""

# %%
# Set-up

# Varies with the processor: a training amplifies how it rounds.
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.data import digits
from ptguide.errors import expect_error, expect_warning
from ptguide.exercises import check
from ptguide.questions import ask

train, test = digits("train"), digits("test")
images, labels = train.inputs.flatten(1), train.targets
by_digit = test.targets.argsort(stable=True)


def fit(dim, seed):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(8):
        for rows in torch.randperm(len(images)).split(50):
            log_probabilities = F.log_softmax(model(images[rows]), dim=dim)
            loss = F.nll_loss(log_probabilities, labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


@torch.no_grad()
def accuracy(model, dim, batch_size, order=slice(None)):
    x, y = test.inputs.flatten(1)[order], test.targets[order]
    answers = [F.softmax(model(part), dim=dim).argmax(dim=1) for part in x.split(batch_size)]
    return 100 * (torch.cat(answers) == y).float().mean().item()


models = {dim: [fit(dim, seed) for seed in range(3)] for dim in (1, 0)}
sizes = [1, 2, 5, 20, 60]
curves = {
    "dim=1": [[accuracy(m, 1, n) for n in sizes] for m in models[1]],
    "dim=0, digits mixed": [[accuracy(m, 0, n) for n in sizes] for m in models[0]],
    "dim=0, sorted by digit": [[accuracy(m, 0, n, by_digit) for n in sizes] for m in models[0]],
}


def draw_curves():
    figure, axis = plt.subplots(figsize=(5.8, 2.5), layout="constrained")
    for (name, lines), style in zip(curves.items(), ["C0o-", "C1s--", "C3^:"], strict=True):
        for line in lines:
            axis.semilogx(sizes, line, style, alpha=0.7, label=name if line is lines[0] else None)
    axis.set_xticks(sizes, sizes)
    axis.minorticks_off()
    axis.set(xlabel="batch size in the evaluation", ylabel="test accuracy in %", ylim=(0, 105))
    axis.legend(fontsize="small")
    figure.suptitle("With dim=0 the accuracy depends on the rest of the batch")
    plt.show()


# %%

# Varies with the processor: three trainings each.
draw_curves()

# %%
# Networks were trained and tested with softmax over the classes (blue) and over the batch. In large mixed batches the
# networks with softmax over the batch look good. One image at a time, as in use, they give class 0 for each image.
#
# .. longer: 6 screens — each cause has a cell of its own
#
# ====================================================================  =============================================
# What you see                                                          Fix
# ====================================================================  =============================================
# :ref:`good in batches, class 0 for one image <softmax-axis-rule>`     ``dim=1`` for (batch, class)
# :ref:`nn.Softmax() without dim <softmax-axis-default>`                ``dim=-1``
# :ref:`attention whose rows do not sum to 1 <softmax-axis-att>`        ``dim=-1``, the axis of the keys
# :ref:`argmax gives one value for each class <softmax-argmax>`         ``argmax(dim=1)``
# ====================================================================  =============================================
#
# .. not looked up: dim=-1 — the cells of the causes run it
#
# .. _softmax-axis-rule:
#
# The rule
# --------
#
# For finite logits, ``softmax(dim=k)`` makes the sums along axis ``k`` equal to 1. So name the axis along which the
# alternatives are. With ``dim=0`` in a batch of one, each column has one number, and one number alone becomes 1. Among
# equal numbers ``argmax`` takes the first, which is class 0.

logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]])  # 2 samples, 3 classes
print("dim=1, sums of rows:", F.softmax(logits, dim=1).sum(dim=1))
print("dim=0, sums of rows:", F.softmax(logits, dim=0).sum(dim=1))
print("dim=0, batch of one:", F.softmax(logits[:1], dim=0))
assert F.softmax(logits[:1], dim=0).eq(1).all()
assert F.softmax(logits[:1], dim=0).argmax(dim=1) == 0

# %%
# .. _softmax-axis-default:
#
# Without dim
# -----------
#
# ``nn.Softmax()`` chooses an axis by itself and warns. For two axes it takes the last. For three axes, such as
# (batch, token, class), it takes axis 0, which is the batch. ``dim=-1`` says the last axis for each number of axes.

chosen = {}
for shape in [(5,), (2, 5), (2, 3, 5), (2, 3, 4, 5)]:
    x = torch.rand(shape)
    with expect_warning(UserWarning, match="Implicit dimension choice for softmax"):
        implicit = nn.Softmax()(x)
    chosen[shape] = next(dim for dim in range(x.ndim) if torch.equal(implicit, F.softmax(x, dim)))
print(chosen)
assert list(chosen.values()) == [0, 1, 0, 1]

# %%
# .. _softmax-axis-att:
#
# Attention
# ---------
#
# The weights have shape (batch, head, query, key), and for each query they sum to 1 over the keys. Over the queries,
# ``dim=-2``, a causal mask no longer hides the future: the weights of token 2 depend on the queries of later tokens.

torch.manual_seed(0)
scores = torch.randn(2, 4, 6, 6, requires_grad=True)
future = torch.ones(6, 6, dtype=torch.bool).triu(1)
for dim in (-1, -2):
    weight = F.softmax(scores.masked_fill(future, -torch.inf), dim=dim)
    (grad,) = torch.autograd.grad(weight[0, 0, 2].square().sum(), scores)
    seen = grad[0, 0].ne(0).any(dim=1).nonzero().flatten().tolist()
    print(
        f"dim={dim}: row 2 sums to {weight[0, 0, 2].sum():.2f}, and depends on the queries {seen}"
    )
    assert seen == ([2] if dim == -1 else [0, 1, 2, 3, 4, 5])

# %%
# .. _softmax-argmax:
#
# argmax over the batch
# ---------------------
#
# ``argmax(dim=0)`` answers which *sample* has the largest logit of each class. With 10 classes it has 10 values.
# Comparing them with the labels raises an error, unless the batch has one sample, or 10. Then the accuracy of a perfect
# model is no longer 1. ``argmax(dim=1)`` has one answer for each sample.

torch.manual_seed(0)
for batch_size in (7, 10, 1):
    truth = torch.randint(10, (batch_size,))
    logits = F.one_hot(truth, 10).float()  # a model that is right about each sample
    assert (logits.argmax(dim=1) == truth).all()
    try:
        wrong = (logits.argmax(dim=0) == truth).float().mean()
        print(f"batch of {batch_size}: accuracy {wrong:.2f} instead of 1.00, and no error")
    except RuntimeError as error:
        print(f"batch of {batch_size}: {error}")

# %%
# A test of three lines
# ---------------------
#
# A sample should get the same probabilities alone and in a batch, and they should sum to 1. Use evaluation mode, so
# that :term:`batch normalization` does not mix samples either.


def test_a_sample_is_answered_alone(predict, x):
    together, alone = predict(x), torch.cat([predict(one) for one in x.split(1)])
    torch.testing.assert_close(together.sum(dim=-1), torch.ones(len(x)))
    torch.testing.assert_close(together, alone)


x, network = test.inputs[:9].flatten(1), models[1][0]
with torch.no_grad():
    test_a_sample_is_answered_alone(lambda x: F.softmax(network(x), dim=1), x)
    with expect_error(AssertionError, match="not close"):
        test_a_sample_is_answered_alone(lambda x: F.softmax(network(x), dim=0), x)

# %%
# .. use-this::
#
#    Give the logits to ``F.cross_entropy``, which takes the log-softmax over axis 1 itself. For probabilities name the
#    last axis where classes or keys are last, and axis 1 for maps of shape (batch, class, row, column). Name
#    ``dim`` in each call: it costs nothing. Softmax over the batch is right where samples are the
#    alternatives, as in a loss that finds the matching image of a caption in a batch.
#
# A common mistake
# ----------------
#
# **Logits of text given to cross_entropy as (batch, token, class).** It wants the classes on axis 1. The shapes are
# refused, unless there are as many tokens as classes. Then the loss is a wrong number. Move the class axis, or flatten
# batch and token of both arguments.

torch.manual_seed(0)
logits, target = torch.randn(3, 7, 11), torch.randint(11, (3, 7))
with expect_error(RuntimeError, match="Expected target size"):
    F.cross_entropy(logits, target)
right = F.cross_entropy(logits.transpose(1, 2), target)
torch.testing.assert_close(right, F.cross_entropy(logits.flatten(0, 1), target.flatten()))
logits, target = torch.randn(3, 11, 11), torch.randint(11, (3, 11))
wrong, right = F.cross_entropy(logits, target), F.cross_entropy(logits.transpose(1, 2), target)
print(f"11 tokens, 11 classes: {wrong:.3f} instead of {right:.3f}")
assert abs(wrong - right) > 0.01

# %%
# How this was checked

for lines in curves["dim=1"]:
    assert min(lines) > 85
    assert max(lines) - min(lines) < 1
for lines in curves["dim=0, digits mixed"]:
    assert lines[0] < 12
    assert lines[-1] > 85
zeros = 100 * (test.targets == 0).float().mean().item()
for lines in (curves["dim=0, digits mixed"], curves["dim=0, sorted by digit"]):
    for line in lines:
        assert abs(line[0] - zeros) < 1e-3  # class 0 for each image
for lines in curves["dim=0, sorted by digit"]:
    assert max(lines) < 60
# With logits that are not finite, the sum may be nan.
assert F.softmax(torch.full((3,), -torch.inf), dim=0).isnan().all()
# Comparing argmax(dim=0) with the labels is refused for other sizes of a batch.
for batch_size in (2, 9, 11):
    with expect_error(RuntimeError, match="must match the size"):
        torch.eq(torch.randn(batch_size, 10).argmax(dim=0), torch.zeros(batch_size))
# softmax(dim=k) sums to 1 along k, for each axis of four shapes.
for shape in [(5,), (2, 5), (2, 3, 5), (2, 3, 4, 5)]:
    for dim in range(len(shape)):
        sums = F.softmax(torch.randn(shape), dim).sum(dim)
        torch.testing.assert_close(sums, torch.ones_like(sums))
# The logits of a network that was trained rightly, in the wrong softmax: a batch of one is class 0, too.
for model in models[1]:
    assert abs(accuracy(model, 0, 1) - zeros) < 1e-3

# %%
# Check yourself
# --------------
#
# The first question is about sums.

torch.manual_seed(0)
probabilities = F.softmax(torch.randn(4, 5), dim=0)
ask(
    "p = softmax(dim=0) of logits of 4 samples and 5 classes. What is p.sum()?",
    answer=round(probabilities.sum().item()),
    choices={
        1: "Each column sums to 1, not the whole table.",
        4: "That is the sum with dim=1: one for each sample.",
        5: "Each of the five columns sums to 1.",
    },
)

# %%
# The next question is about maps.

maps = torch.randn(2, 3, 8, 6)  # (batch, class, row, column)
fitting = [
    dim
    for dim in (0, 1, -1)
    if torch.allclose(F.softmax(maps, dim).sum(dim=1), torch.ones(2, 8, 6))
]
ask(
    "A segmentation network gives logits of shape (2, 3, 8, 6): batch, class, row, column. Which dim makes "
    "probabilities of classes for each pixel?",
    answer=fitting[0],
    choices={
        0: "That compares the two photos.",
        1: "The classes are on axis 1.",
        -1: "That compares the pixels of a row, though for a table it would be right.",
    },
)

# %%
# **Exercise.** Write ``probabilities(logits, classes)`` for logits of which one axis has the size ``classes``, and no
# other axis has. The result sums to 1 along it.


def by_search(logits, classes):
    moved = logits.movedim(list(logits.shape).index(classes), -1)
    flat = torch.stack([row.exp() / row.exp().sum() for row in moved.reshape(-1, classes)])
    return flat.reshape(moved.shape).movedim(-1, list(logits.shape).index(classes))


torch.manual_seed(0)
cases = [
    (torch.randn(2, 3), 3),
    (torch.randn(3, 2), 3),
    (torch.randn(2, 5, 4), 5),
    (torch.randn(4), 4),
]


def probabilities(logits, classes):
    raise NotImplementedError


check(probabilities, by_search, cases)

# %%
# A shape is a tuple, and ``index`` finds the place.

# Solution


def probabilities(logits, classes):
    return F.softmax(logits, dim=logits.shape.index(classes))


report = check(probabilities, by_search, cases)
assert report.passed
report

# %%
# Read next
# ---------
#
# :ref:`averages-of-unequal-batches`, where the samples are right and their mean is not. The function itself is on
# :ref:`softmax`.
#
# - PyTorch contributors (2026). `softmax
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html>`__. The reference.
# - PyTorch contributors (2026). `CrossEntropyLoss
#   <https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html>`__. Which axis holds the classes.

"""`evaluate` counts what a loop over single samples counts, and what torchmetrics and scikit-learn count."""

import functools
import math

import pytest
import torch
import torchmetrics
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from ptguide.data import batches
from ptguide.training import Evaluation, accuracy, confusion, evaluate

checked = settings(deadline=None, derandomize=True, max_examples=60)


def example(samples=29, classes=4, shape=(), seed=0):
    """Make outputs of shape (samples, classes, *shape) and targets of shape (samples, *shape)."""
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.randn(samples, classes, *shape, generator=generator)
    return outputs, torch.randint(classes, (samples, *shape), generator=generator)


def in_batches(outputs, targets, size=8):
    return list(zip(outputs.split(size), targets.split(size), strict=True))


def counted(outputs, targets):
    """Count the answers one by one."""
    classes = outputs.shape[1]
    table = [[0] * classes for _ in range(classes)]
    for answers, truths in zip(outputs.movedim(1, -1), targets, strict=True):
        for answer, truth in zip(answers.reshape(-1, classes).tolist(), truths.reshape(-1).tolist(), strict=True):
            if truth != -100:
                table[truth][answer.index(max(answer))] += 1
    return table


@checked
@given(
    samples=st.integers(1, 20),
    classes=st.integers(1, 5),
    shape=st.sampled_from([(), (2,), (3, 2)]),
    size=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_confusion_and_accuracy_equal_counting_one_by_one(samples, classes, shape, size, seed):
    outputs, targets = example(samples, classes, shape, seed)
    data, table = in_batches(outputs, targets, size), counted(outputs, targets)
    found = confusion(nn.Identity(), data, classes)
    assert found.tolist() == table
    assert found.dtype == torch.int64
    measured = evaluate(nn.Identity(), data, metrics={"accuracy": accuracy})
    assert measured.metrics == {"accuracy": sum(table[k][k] for k in range(classes)) / targets.numel()}
    assert measured.samples == samples


def test_confusion_equals_torchmetrics_and_scikit_learn():
    outputs, targets = example(200, 5)
    found = confusion(nn.Identity(), in_batches(outputs, targets, 33), 5)
    theirs = torchmetrics.functional.classification.multiclass_confusion_matrix(outputs, targets, num_classes=5)
    assert torch.equal(found, theirs)
    assert found.tolist() == confusion_matrix(targets, outputs.argmax(1), labels=range(5)).tolist()
    measured = evaluate(nn.Identity(), in_batches(outputs, targets, 33), metrics={"accuracy": accuracy})
    theirs = torchmetrics.functional.classification.multiclass_accuracy(outputs, targets, 5, average="micro")
    assert measured.metrics["accuracy"] == pytest.approx(theirs.item())


def test_nothing_is_guessed_from_shapes():
    """A language model whose texts are as long as its vocabulary has outputs whose axes cannot be told apart."""
    length = vocabulary = 7
    logits, targets = torch.randn(3, length, vocabulary), torch.randint(vocabulary, (3, length))
    found = evaluate(nn.Identity(), [(logits, targets)])
    assert (found.loss, found.metrics, found.samples) == (None, {}, 3)
    assert not hasattr(found, "accuracy")
    forward = lambda model, batch: (batch[0].transpose(1, 2), batch[1])  # noqa: E731
    right = (logits.argmax(-1) == targets).float().mean().item()
    measured = evaluate(nn.Identity(), [(logits, targets)], metrics={"accuracy": accuracy}, forward=forward)
    assert measured.metrics["accuracy"] == pytest.approx(right)


def test_confusion_needs_memory_for_its_table_and_one_batch_alone():
    outputs = torch.zeros(1, 30_000)
    with pytest.raises(
        ValueError, match=r"^outputs have shape \(1, 30000\); expected a tensor of shape \(B, 3, \.\.\.\)"
    ):
        confusion(nn.Identity(), [(outputs, torch.zeros(1, dtype=torch.int64))], 3)
    made = []
    new = torch.zeros
    torch.zeros = lambda *size, **settings: made.append(size) or new(*size, **settings)
    try:
        confusion(nn.Identity(), in_batches(*example(40, 4), 1), 4)
    finally:
        torch.zeros = new
    assert made == [(16,)]


def test_the_loss_is_the_mean_over_samples_in_batches_of_any_size():
    outputs, targets = example()
    found = evaluate(nn.Identity(), in_batches(outputs, targets, 8), F.cross_entropy)
    assert found.loss == pytest.approx(F.cross_entropy(outputs, targets).item(), rel=1e-6)
    by_hand = sum(F.cross_entropy(x, y).item() * len(x) for x, y in in_batches(outputs, targets, 8)) / 29
    assert found.loss == by_hand
    unequal = evaluate(nn.Identity(), [(outputs[:3], targets[:3]), (outputs[3:], targets[3:])], F.cross_entropy)
    assert unequal.loss == pytest.approx(found.loss, rel=1e-6)


def test_without_a_loss_there_is_none():
    found = evaluate(nn.Identity(), in_batches(*example()))
    assert found.loss is None
    assert found.metrics == {}
    assert found.samples == 29


def test_metrics_have_their_names_and_stay_as_they_are():
    outputs, targets = example()
    metric = torchmetrics.F1Score(task="multiclass", num_classes=4, average="macro")
    found = evaluate(
        nn.Identity(),
        in_batches(outputs, targets),
        metrics={"f1": metric, "largest": lambda outputs, targets: outputs.amax(1).mean(), "size": lambda o, t: len(t)},
    )
    assert list(found.metrics) == ["f1", "largest", "size"]
    wanted = torchmetrics.functional.classification.multiclass_f1_score(outputs, targets, 4, average="macro")
    assert found.metrics["f1"] == pytest.approx(wanted.item())
    assert found.metrics["largest"] == pytest.approx(outputs.amax(1).mean().item())
    assert found.metrics["size"] == (3 * 8 * 8 + 5 * 5) / 29
    assert metric.update_count == 0


NO_CLASSES = [
    (
        torch.randn(6),
        torch.ones(6, dtype=torch.int64),
        ValueError,
        r"^outputs have shape \(6,\); expected a tensor of ",
    ),
    ({"out": 1}, torch.ones(6, dtype=torch.int64), ValueError, r"^outputs have type dict; expected a tensor of shape "),
    (
        torch.randn(6, 3),
        torch.randn(6),
        TypeError,
        r"^targets are torch\.float32; expected class numbers, a tensor of ",
    ),
    (torch.randn(6, 3), torch.ones(6, dtype=torch.complex64), TypeError, r"^targets are torch\.complex64; expected "),
    (torch.randn(6, 3), [1] * 6, TypeError, r"^targets are of type list; expected class numbers"),
    (
        *(torch.randn(6, 3), torch.ones(6, 3, dtype=torch.int64), ValueError),
        r"^targets have shape \(6, 3\) and outputs \(6, 3\); expected targets of shape \(6,\)\.$",
    ),
]


@pytest.mark.parametrize(("outputs", "targets", "kind", "said"), NO_CLASSES)
def test_what_is_no_classification_is_refused(outputs, targets, kind, said):
    def forward(model, batch):
        return outputs, targets

    for ask in (
        lambda: confusion(nn.Identity(), [torch.ones(6)], 3, forward=forward),
        lambda: evaluate(nn.Identity(), [torch.ones(6)], metrics={"accuracy": accuracy}, forward=forward),
    ):
        with pytest.raises(kind, match=said):
            ask()


@pytest.mark.parametrize(("classes", "kind"), [(0, ValueError), (2.0, TypeError), (True, TypeError)])
def test_the_number_of_classes(classes, kind):
    with pytest.raises(kind, match=rf"^classes is {classes}.*; expected "):
        confusion(nn.Identity(), in_batches(*example()), classes)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_class_numbers_may_be_any_integers(dtype):
    outputs, targets = example(40, 17)
    found = confusion(nn.Identity(), [(outputs, targets.to(dtype))], 17)  # 17 x 17 counts: more than a uint8 can number
    assert found.tolist() == counted(outputs, targets)


def test_targets_that_are_ignored_are_not_counted():
    outputs, targets = example(20, 3)
    targets[4:9] = -100
    data = in_batches(outputs, targets, 7)
    found = confusion(nn.Identity(), data, 3)
    assert found.tolist() == counted(outputs, targets)
    assert found.sum() == 15
    measured = evaluate(nn.Identity(), data, F.cross_entropy, metrics={"accuracy": accuracy})
    assert measured.metrics["accuracy"] == found.trace().item() / 15
    assert measured.loss == pytest.approx(F.cross_entropy(outputs, targets).item(), rel=1e-6)
    other = torch.where(targets == -100, 1, targets)
    without = confusion(nn.Identity(), [(outputs, other)], 3, ignore_index=1)
    assert without[1].sum() == 0
    right, number = accuracy(outputs, other, ignore_index=1)
    assert (right, number) == (without.trace(), without.sum())
    nothing = [(outputs, torch.full((20,), -100))]
    assert confusion(nn.Identity(), nothing, 3).sum() == 0
    assert math.isnan(evaluate(nn.Identity(), nothing, metrics={"accuracy": accuracy}).metrics["accuracy"])


@pytest.mark.parametrize("wrong", [3, -1])
def test_targets_beyond_the_classes(wrong):
    outputs, targets = example(20, 3)
    targets[13] = wrong
    low, high = min(wrong, 0), max(wrong, 2)
    message = rf"^targets lie between {low} and {high}; expected 0 to 2, as classes is 3, or -100, which is ignored\.$"
    with pytest.raises(ValueError, match=message):
        confusion(nn.Identity(), in_batches(outputs, targets, 8), 3)


LOSSES = {
    "sum": nn.CrossEntropyLoss(reduction="sum"),
    "class weights": nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 0.25, 2.0])),
    "another index": nn.CrossEntropyLoss(ignore_index=2),
    "both": nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 0.25, 2.0]), ignore_index=0, label_smoothing=0.1),
    "a function": functools.partial(F.cross_entropy, ignore_index=1, weight=torch.tensor([1.0, 5.0, 0.25, 2.0])),
    "nll": lambda: None,
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("shape", [(), (5,)])
def test_the_loss_is_the_mean_over_what_it_counts(name, shape):
    outputs, targets = example(29, 4, shape)
    loss = F.nll_loss if name == "nll" else LOSSES[name]
    targets[:7] = {"another index": 2, "both": 0, "a function": 1, "class weights": 1}.get(name, -100)
    whole = loss(outputs, targets).item()
    if name == "sum":
        whole /= (targets != -100).sum().item()
    found = evaluate(nn.Identity(), in_batches(outputs, targets, 8), loss)
    assert found.loss == pytest.approx(whole, rel=1e-5)


def test_class_numbers_of_eight_bits_weigh_as_others_do():
    outputs, targets = example(29, 4)
    loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 0.25, 2.0]))
    found = evaluate(nn.Identity(), in_batches(outputs, targets.to(torch.uint8), 8), loss)
    assert found.loss == pytest.approx(loss(outputs, targets).item(), rel=1e-5)


def test_targets_without_a_position_count_nothing():
    found = evaluate(nn.Identity(), [(torch.ones(2, 3, 0), torch.ones(2, 0, dtype=torch.int64))], F.cross_entropy)
    assert math.isnan(found.loss)
    assert found.samples == 2


def test_a_sum_of_squares_is_recorded_for_each_sample():
    outputs, targets = torch.randn(9, 2), torch.randn(9, 2)
    found = evaluate(nn.Identity(), in_batches(outputs, targets, 4), nn.MSELoss(reduction="sum"))
    assert found.loss == pytest.approx(((outputs - targets) ** 2).sum().item() / 9, rel=1e-6)


def test_count_says_what_a_loss_of_ones_own_is_a_mean_over():
    outputs, mask = torch.randn(9, 4), torch.arange(36).reshape(9, 4) % 5 > 1

    def loss(outputs, mask):
        return (outputs * mask).sum() / mask.sum()

    found = evaluate(nn.Identity(), in_batches(outputs, mask, 4), loss, count=lambda outputs, mask: mask.sum())
    assert found.loss == pytest.approx(loss(outputs, mask).item(), rel=1e-5)


class Drops(nn.Module):
    """Gives other answers in training mode."""

    def __init__(self):
        super().__init__()
        self.norm, self.drop = nn.BatchNorm1d(4), nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.norm(x))


def test_evaluation_mode_and_no_gradients_and_afterwards_as_before():
    outputs, targets = example()
    model = Drops()
    model.norm.eval()
    seen = []
    model.register_forward_hook(
        lambda module, args, result: seen.append((module.training, torch.is_grad_enabled(), result.requires_grad))
    )
    before = model.norm.running_mean.clone()
    first = evaluate(model, in_batches(outputs, targets), F.cross_entropy)
    assert seen == [(False, False, False)] * 4
    assert (model.training, model.norm.training, model.drop.training) == (True, False, True)
    assert torch.equal(model.norm.running_mean, before)
    assert evaluate(model, in_batches(outputs, targets), F.cross_entropy).loss == first.loss
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("make", [lambda data: DataLoader(data, 7), lambda data: batches(data, 7)])
def test_loaders(make):
    outputs, targets = example()
    found = confusion(nn.Identity(), make(TensorDataset(outputs, targets)), 4)
    assert found.tolist() == counted(outputs, targets)


def test_bfloat16_is_close_and_a_little_different():
    torch.manual_seed(0)
    model, (outputs, targets) = nn.Linear(4, 4), example()
    exact = evaluate(model, in_batches(outputs, targets), F.cross_entropy)
    low = evaluate(model, in_batches(outputs, targets), F.cross_entropy, precision=torch.bfloat16)
    assert low.loss == pytest.approx(exact.loss, rel=0.01)
    assert low.loss != exact.loss


def test_the_model_moves_to_the_device():
    model = nn.Linear(4, 3)
    with pytest.raises(Exception, match="meta"):  # nothing can be counted there
        evaluate(model, in_batches(*example()), F.cross_entropy, device="meta")
    assert model.weight.device.type == "meta"
    assert evaluate(nn.Identity(), in_batches(*example()), device="cpu").samples == 29


def test_mistakes_are_named_as_in_fit():
    outputs, targets = example()
    with pytest.raises(TypeError, match=r"^targets are torch\.float32 of shape \(29,\); cross_entropy expects"):
        evaluate(nn.Identity(), [(outputs, targets.float())], F.cross_entropy)
    with pytest.raises(TypeError, match=r"^loss returned 0\.5 of type float"):
        evaluate(nn.Identity(), [(outputs, targets)], lambda outputs, targets: 0.5)
    with pytest.raises(TypeError, match=r"^a batch of data has type Tensor; expected a pair"):
        evaluate(nn.Identity(), [outputs])
    with pytest.raises(ValueError, match=r"^metrics has the name 'loss'"):
        evaluate(nn.Identity(), [(outputs, targets)], metrics={"loss": len})
    with pytest.raises(TypeError, match=r"^forward returned Tensor; expected a pair"):
        evaluate(nn.Identity(), [(outputs, targets)], forward=lambda model, batch: batch[0])


def test_an_evaluation_shows_its_figures():
    assert repr(Evaluation(3, 0.5, {"f1": 0.125})) == "Evaluation(samples=3, loss=0.5, metrics={'f1': 0.125})"

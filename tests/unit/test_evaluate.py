"""`evaluate` counts what a loop over single samples counts, and what torchmetrics and scikit-learn count."""

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
from ptguide.training import Evaluation, evaluate

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
    found = evaluate(nn.Identity(), in_batches(outputs, targets, size))
    table = counted(outputs, targets)
    assert found.confusion.tolist() == table
    assert found.confusion.dtype == torch.int64
    assert found.accuracy == sum(table[place][place] for place in range(classes)) / targets.numel()
    assert found.samples == samples


def test_confusion_equals_torchmetrics_and_scikit_learn():
    outputs, targets = example(200, 5)
    found = evaluate(nn.Identity(), in_batches(outputs, targets, 33))
    theirs = torchmetrics.functional.classification.multiclass_confusion_matrix(outputs, targets, num_classes=5)
    assert torch.equal(found.confusion, theirs)
    assert found.confusion.tolist() == confusion_matrix(targets, outputs.argmax(1), labels=range(5)).tolist()
    accuracy = torchmetrics.functional.classification.multiclass_accuracy(outputs, targets, 5, average="micro")
    assert found.accuracy == pytest.approx(accuracy.item())


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


@pytest.mark.parametrize(
    ("outputs", "targets"),
    [
        (torch.randn(6, 3), torch.randn(6, 3)),
        (torch.randn(6, 1), torch.randn(6, 1)),
        (torch.randn(6), torch.randn(6)),
        (torch.randn(6), torch.ones(6, dtype=torch.int64)),
        (torch.randn(6, 3), torch.ones(6, 3, dtype=torch.int64)),
        (torch.randn(6, 3), torch.ones(6, dtype=torch.bool)),
        (torch.randn(6, 3), torch.ones(6, dtype=torch.complex64)),
        (torch.randint(5, (6, 3)), torch.ones(6, dtype=torch.int64)),
    ],
)
def test_what_is_no_classification_has_no_accuracy(outputs, targets):
    found = evaluate(nn.Identity(), [(outputs, targets)])
    assert found.accuracy is None
    assert found.confusion is None
    assert found.samples == 6


def test_outputs_that_are_no_tensor_have_no_accuracy():
    found = evaluate(nn.Identity(), [torch.ones(6, 3)], forward=lambda model, batch: ({"out": batch}, batch))
    assert found.accuracy is None


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_class_numbers_may_be_any_integers(dtype):
    outputs, targets = example(40, 17)
    found = evaluate(nn.Identity(), [(outputs, targets.to(dtype))])  # 17 x 17 counts: more than a uint8 can number
    assert found.confusion.tolist() == counted(outputs, targets)


def test_targets_that_cross_entropy_ignores_are_not_counted():
    outputs, targets = example(20, 3)
    targets[4:9] = -100
    found = evaluate(nn.Identity(), in_batches(outputs, targets, 7), F.cross_entropy)
    assert found.confusion.tolist() == counted(outputs, targets)
    assert found.confusion.sum() == 15
    nothing = evaluate(nn.Identity(), [(outputs, torch.full((20,), -100))])
    assert math.isnan(nothing.accuracy)
    assert nothing.samples == 20


@pytest.mark.parametrize("wrong", [3, -1])
def test_targets_beyond_the_classes(wrong):
    outputs, targets = example(20, 3)
    targets[13] = wrong
    low, high = min(wrong, 0), max(wrong, 2)
    message = rf"^targets lie between {low} and {high}; outputs have 3 classes, so 0 to 2 are expected\.$"
    with pytest.raises(ValueError, match=message):
        evaluate(nn.Identity(), in_batches(outputs, targets, 8))


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
    found = evaluate(nn.Identity(), make(TensorDataset(outputs, targets)))
    assert found.confusion.tolist() == counted(outputs, targets)


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
        evaluate(model, in_batches(*example()), device="meta")
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


def test_an_evaluation_shows_its_figures_without_the_table():
    found = Evaluation(3, 0.5, 0.25, {"f1": 0.125}, torch.eye(2))
    assert repr(found) == "Evaluation(samples=3, loss=0.5, accuracy=0.25, metrics={'f1': 0.125})"
    assert found == found
    assert found != Evaluation(3, 0.5, 0.25, {"f1": 0.125}, torch.eye(2))

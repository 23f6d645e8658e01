"""What cannot be trained is refused before the first step, in words that name it; NaN stops with its step and layer."""

import functools
import re

import pytest
import torch
import torchmetrics
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from ptguide.data import batches
from ptguide.training import _arguments as checks
from ptguide.training import evaluate, fit

torch.manual_seed(3)
INPUTS, TARGETS = torch.randn(12, 4), torch.arange(12) % 3
PAIRS = list(zip(INPUTS.split(5), TARGETS.split(5), strict=True))  # batches of 5, 5 and 2


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))


def train(model=None, data=PAIRS, loss=F.cross_entropy, optimizer=None, **settings):
    """Train with whatever is wrong with one of these."""
    model = model or network()
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    try:
        return fit(model, data, loss, optimizer, **settings)
    finally:  # every error here comes before the first step
        assert all(torch.equal(now, then) for now, then in zip(model.parameters(), before, strict=True))


def refused(kind, message, **settings):
    """Require an error with exactly this message."""
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        train(**settings)


# --- The model and the optimizer -------------------------------------------------------------------------------------
def test_a_model_that_is_no_module():
    with pytest.raises(TypeError, match=r"^model is of type type; expected an instance of torch\.nn\.Module\.$"):
        fit(nn.Linear, PAIRS, F.cross_entropy, torch.optim.SGD(network().parameters()))


def test_a_model_without_trainable_parameters():
    frozen = network().requires_grad_(False)
    message = "model has no trainable parameter: {}. Add a layer with weights, or call requires_grad_(True) on some."
    optimizer = torch.optim.SGD(network().parameters())
    refused(ValueError, message.format("all 4 have requires_grad=False"), model=frozen, optimizer=optimizer)
    refused(ValueError, message.format("it has no parameters"), model=nn.ReLU(), optimizer=optimizer)


def test_one_trainable_parameter_is_enough():
    model = network().requires_grad_(False)
    model[2].bias.requires_grad_(True)
    fit(model, PAIRS, F.cross_entropy, torch.optim.SGD(model.parameters(), lr=0.1))


def test_an_optimizer_that_is_none_or_holds_another_model():
    model = network()
    with pytest.raises(
        TypeError, match=r"^optimizer is <class 'torch\.optim\.adam\.Adam'>; expected an optimizer of the "
    ):
        fit(model, PAIRS, F.cross_entropy, torch.optim.Adam)
    refused(
        ValueError,
        "optimizer holds no trainable parameter of model, so that nothing would change; expected an optimizer made "
        "from "
        "this very model: torch.optim.Adam(model.parameters()).",
        optimizer=torch.optim.SGD(network().parameters()),
    )
    refused(
        TypeError,
        "optimizer is LBFGS, which computes the loss several times a step; fit computes it once. Write that loop by "
        "hand, with optimizer.step(closure).",
        optimizer=torch.optim.LBFGS(network().parameters()),
    )


# --- Numbers and names -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["epochs", "accumulate", "patience"])
def test_counts(name):
    refused(TypeError, f"{name} is 1.5, a float; expected an integer of 1 or more.", **{name: 1.5})
    refused(TypeError, f"{name} is True, a bool; expected an integer of 1 or more.", **{name: True})
    refused(ValueError, f"{name} is 0; expected 1 or more.", **{name: 0})
    fit(network_ := network(), PAIRS, F.cross_entropy, torch.optim.SGD(network_.parameters()), **{name: 1})


@pytest.mark.parametrize("value", [0, -1.0, float("nan")])
def test_clip_norm(value):
    refused(
        ValueError,
        f"clip_norm is {value}; expected a norm above 0, such as 1.0, or None for no clipping.",
        clip_norm=value,
    )


def test_precision():
    refused(
        ValueError,
        "precision is torch.float64; expected torch.float32, torch.bfloat16 or torch.float16.",
        precision=torch.float64,
    )
    refused(
        ValueError, "precision is 'bf16'; expected torch.float32, torch.bfloat16 or torch.float16.", precision="bf16"
    )
    message = (
        "precision is torch.float16 and the model is on the cpu, where float16 is slow and overflows above 65504; "
        "expected torch.bfloat16 there, which has the range of float32."
    )
    refused(ValueError, message, precision=torch.float16)
    with pytest.raises(ValueError, match=re.escape(message)):
        evaluate(network(), PAIRS, precision=torch.float16)
    checks.check_precision(torch.float16, torch.device("cuda"))


def test_metrics():
    for name in ("loss", "epoch", "step", "learning_rate", "learning_rate_1", "validation_x"):
        refused(
            ValueError,
            f"metrics has the name {name!r}, which a figure of every history bears; expected another.",
            metrics={name: len},
        )
    refused(
        TypeError,
        "metrics['right'] is of type float; expected a function of (outputs, targets) or a metric of torchmetrics.",
        metrics={"right": 0.5},
    )
    refused(
        TypeError,
        "metrics['right'] is the class MeanMetric; expected an instance of it.",
        metrics={"right": torchmetrics.MeanMetric},
    )
    message = (
        "metrics['right'] returned a tensor of shape (5,); expected one number, the mean over the batch, or a pair "
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message + '(sum, count).')}$"):
        fit(
            model := network(),
            PAIRS,
            F.cross_entropy,
            torch.optim.SGD(model.parameters()),
            metrics={"right": lambda outputs, targets: outputs.argmax(1) == targets},
        )


# --- The figure that is followed -------------------------------------------------------------------------------------
def accuracy(outputs, targets):
    return (outputs.argmax(1) == targets).float().mean()


def plateau(model, mode="min"):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode=mode)
    return {"optimizer": optimizer, "schedule": schedule, "schedule_every": "epoch"}


def test_a_figure_that_nothing_follows():
    beside = (
        "but nothing follows a figure; expected patience, checkpoints or a schedule that is ReduceLROnPlateau beside "
        "it."
    )
    refused(ValueError, f"monitor is 'loss', {beside}", monitor="loss")
    refused(ValueError, f"higher_is_better is False, {beside}", higher_is_better=False)
    refused(ValueError, "min_delta is 0.1, but patience is None, so nothing stops early; give both.", min_delta=0.1)
    refused(ValueError, "min_delta is -0.1; expected 0 or more.", min_delta=-0.1, patience=1)


def test_a_figure_that_is_not_there():
    refused(
        ValueError,
        "monitor is 'validation_loss'; expected one of the figures loss.",
        monitor="validation_loss",
        patience=1,
    )
    refused(
        ValueError,
        "monitor is 'accurracy'; expected one of the figures loss, accuracy, validation_loss, validation_accuracy.",
        monitor="accurracy",
        patience=1,
        metrics={"accuracy": accuracy},
        validation=PAIRS,
    )


def test_a_figure_whose_direction_is_not_known():
    message = "whether a higher {} is better cannot be told; pass higher_is_better=True or False."
    settings = {"metrics": {"accuracy": accuracy}, "patience": 1}
    refused(ValueError, message.format("accuracy"), monitor="accuracy", **settings)
    refused(
        ValueError, message.format("validation_accuracy"), monitor="validation_accuracy", validation=PAIRS, **settings
    )
    model = network()
    known = {"accuracy": torchmetrics.Accuracy(task="multiclass", num_classes=3)}
    fit(
        model,
        PAIRS,
        F.cross_entropy,
        torch.optim.SGD(model.parameters()),
        monitor="accuracy",
        patience=1,
        metrics=known,
    )


def test_a_plateau_in_the_wrong_direction():
    model = network()
    message = 'schedule is ReduceLROnPlateau with mode="{}", but for {} {} is better; expected mode="{}".'
    refused(ValueError, message.format("max", "loss", "lower", "min"), model=model, **plateau(model, "max"))
    metric = {"metrics": {"right": accuracy}, "monitor": "right"}
    refused(
        ValueError,
        message.format("min", "right", "higher", "max"),
        model=model,
        **plateau(model),
        **metric,
        higher_is_better=True,
    )
    fit(model=model, data=PAIRS, loss=F.cross_entropy, **plateau(model), **metric)  # unknown: its own mode decides


# --- Schedules -------------------------------------------------------------------------------------------------------
def test_schedules():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    given = {"model": model, "optimizer": optimizer}
    for every in (None, "batch"):
        refused(
            ValueError,
            f'schedule_every is {every!r}; expected "step" or "epoch": how often the learning rate of StepLR changes.',
            schedule=schedule,
            schedule_every=every,
            **given,
        )
    refused(
        ValueError,
        "schedule_every is 'step', but there is no schedule; give one, or leave it out.",
        schedule_every="step",
        **given,
    )
    refused(
        ValueError,
        "schedule is a StepLR of another optimizer; expected one made with the optimizer of this call.",
        schedule=schedule,
        schedule_every="step",
    )
    refused(
        ValueError,
        'schedule is ReduceLROnPlateau, which looks at a figure of the whole epoch; expected schedule_every="epoch".',
        model=model,
        **{**plateau(model), "schedule_every": "step"},
    )


def test_a_schedule_that_ends_too_early():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    given = {"model": model, "optimizer": optimizer, "epochs": 2}

    def schedule(steps):
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=steps)

    message = (
        "schedule is a OneCycleLR that has {} of its {} changes left, and fit will make {}, one each {}; expected "
        "total_steps={}."
    )
    refused(ValueError, message.format(5, 5, 6, "step", 6), schedule=schedule(5), schedule_every="step", **given)
    refused(
        ValueError,
        message.format(3, 3, 4, "step", 4),
        schedule=schedule(3),
        schedule_every="step",
        accumulate=2,
        **given,
    )
    refused(ValueError, message.format(1, 1, 2, "epoch", 2), schedule=schedule(1), schedule_every="epoch", **given)
    enough = schedule(6)
    fit(model, PAIRS, F.cross_entropy, optimizer, schedule=enough, schedule_every="step")
    refused(ValueError, message.format(3, 6, 6, "step", 9), schedule=enough, schedule_every="step", **given)
    fit(model, PAIRS, F.cross_entropy, optimizer, schedule=enough, schedule_every="step")
    endless = schedule(1)
    with pytest.raises(ValueError, match="Tried to step 2 times"):  # torch's own word, where no length is known
        fit(model, Endless(PAIRS), F.cross_entropy, optimizer, schedule=endless, schedule_every="step")


# --- Data ------------------------------------------------------------------------------------------------------------
class Endless:
    """Data that does not know its length."""

    def __init__(self, pairs):
        self.pairs = pairs

    def __iter__(self):
        return iter(self.pairs)


@pytest.mark.parametrize("name", ["data", "validation"])
def test_data_without_a_batch(name):
    message = (
        f"{name} is empty: it gives no batch. Look at the length of its data set; with drop_last=True a data set "
        "smaller than one batch gives none."
    )
    dataset = TensorDataset(INPUTS, TARGETS)
    for data in ([], DataLoader(dataset, 13, drop_last=True), batches(dataset, 13, drop_last=True)):
        refused(ValueError, message, **{name: data})
    with pytest.raises(ValueError, match=re.escape(message)):
        fit(
            model := network(),
            **{"data": PAIRS, name: Endless([])},
            loss=F.cross_entropy,
            optimizer=torch.optim.SGD(model.parameters()),
        )


def test_evaluation_without_a_batch():
    for data in ([], Endless([])):
        with pytest.raises(ValueError, match=r"^data is empty: it gives no batch\. Look at the length"):
            evaluate(network(), data)


@pytest.mark.parametrize("name", ["data", "validation"])
def test_data_that_cannot_be_gone_through_again(name):
    refused(
        TypeError,
        f"{name} is an iterator (list_iterator), which is used up after one pass; expected a DataLoader, "
        "ptguide.data.batches or a list of batches.",
        **{name: iter(PAIRS)},
    )
    refused(
        TypeError,
        f"{name} is of type int; expected a DataLoader, ptguide.data.batches or a list of batches.",
        **{name: 3},
    )
    refused(
        TypeError,
        f"{name} is a TensorDataset, which gives single examples; expected batches of them: "
        f"torch.utils.data.DataLoader({name}, batch_size=32), or ptguide.data.batches.",
        **{name: TensorDataset(INPUTS, TARGETS)},
    )
    refused(
        TypeError,
        f"{name} is a Tensor, which gives single examples; expected batches of them: "
        f"torch.utils.data.DataLoader({name}, batch_size=32), or ptguide.data.batches.",
        **{name: INPUTS},
    )


def test_batches_that_are_no_pairs():
    end = (
        "expected a pair (inputs, targets). For other batches, pass forward=, a function of (model, batch) that "
        "returns "
        "(outputs, targets)."
    )
    refused(TypeError, f"a batch of data has 3 entries; {end}", data=[(INPUTS, TARGETS, TARGETS)])
    refused(TypeError, f"a batch of data has type Tensor; {end}", data=[INPUTS])
    with pytest.raises(TypeError, match=re.escape(f"a batch of validation has type dict; {end}")):
        fit(model := network(), PAIRS, F.cross_entropy, torch.optim.SGD(model.parameters()), validation=[{"x": INPUTS}])
    refused(
        TypeError,
        "a batch of data holds no tensor; expected tensors whose first axis counts the samples.",
        data=[("photo", "cat")],
    )


def test_batches_that_hold_no_sample():
    message = "the first tensor of a batch of data has shape {}; expected a first axis that counts at least one sample."
    refused(ValueError, message.format("(0, 4)"), data=[(INPUTS[:0], TARGETS[:0])])
    refused(ValueError, message.format("()"), data=[(torch.tensor(1.0), torch.tensor(1.0))])


@pytest.mark.parametrize(
    ("returned", "what"), [(INPUTS, "Tensor"), ((INPUTS, INPUTS, INPUTS), "a tuple of 3"), ([INPUTS, INPUTS], "list")]
)
def test_a_forward_that_returns_no_pair(returned, what):
    refused(
        TypeError,
        f"forward returned {what}; expected a pair (outputs, targets), which the loss takes.",
        forward=lambda model, batch: returned,
    )


def test_inputs_of_another_type_than_the_weights():
    with pytest.raises(RuntimeError, match="dtype") as caught:
        train(data=[(INPUTS.double(), TARGETS)])
    assert caught.value.__notes__ == [
        "The first tensor of the batch is torch.float64, and the model's parameters are torch.float32. If these should "
        "agree, convert the data once: inputs.to(torch.float32)."
    ]
    with pytest.raises(RuntimeError, match="shapes") as caught:
        train(data=[(INPUTS[:, :3], TARGETS)])
    assert not hasattr(caught.value, "__notes__")


# --- Devices ---------------------------------------------------------------------------------------------------------
class Holder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.mask = torch.ones(3, device="meta")

    def forward(self, x):
        return self.layer(x) * self.mask


def test_tensors_on_two_devices():
    model = network()
    model[2].to("meta")
    with pytest.raises(
        ValueError,
        match=r"^model has tensors on cpu and meta; expected one device\. Move the whole model: pass device=\.$",
    ):
        fit(model, PAIRS, F.cross_entropy, torch.optim.SGD(model.parameters()))
    refused(
        ValueError,
        'a batch of data is on meta and the model on cpu; expected both on one device. Pass device="meta" to move the '
        "model.",
        data=[(INPUTS.to("meta"), TARGETS)],
    )
    for held, where in ((Holder(), "mask"), (nn.Sequential(nn.Linear(4, 4), Holder()), "1.mask")):
        message = (
            f"model.{where} is on meta and the model on cpu: a plain tensor does not move with its module. Register "
            f"it: "
            'self.register_buffer("mask", ...).'
        )
        refused(ValueError, message, model=held)
        with pytest.raises(ValueError, match=re.escape(message)):
            evaluate(held, PAIRS)


def test_a_move_that_leaves_the_optimizer_behind():
    with pytest.raises(ValueError, match="optimizer holds no trainable parameter of model"):
        fit(model := network(), PAIRS, F.cross_entropy, torch.optim.SGD(model.parameters()), device="meta")


# --- Targets ---------------------------------------------------------------------------------------------------------
CROSS_ENTROPIES = [
    (F.cross_entropy, "cross_entropy"),
    (nn.CrossEntropyLoss(), "CrossEntropyLoss"),
    (functools.partial(F.cross_entropy, label_smoothing=0.1), "cross_entropy"),
]


@pytest.mark.parametrize(("loss", "name"), CROSS_ENTROPIES)
def test_targets_that_are_no_class_numbers(loss, name):
    def given(targets, inputs=INPUTS, **settings):
        return {"loss": loss, "data": [(inputs, targets)], **settings}

    refused(
        TypeError,
        f"targets are torch.float32 of shape (12,); {name} expects class numbers, int64 of shape (12,). Convert them: "
        "targets.long().",
        **given(TARGETS.float()),
    )
    for dtype in (torch.int32, torch.bool):
        refused(
            TypeError,
            f"targets are {dtype}; {name} expects class numbers as int64: targets.long().",
            **given(TARGETS.to(dtype)),
        )
    refused(
        ValueError,
        f"targets have shape (12, 3) as the outputs have, and are torch.int64: one-hot, it seems; {name} expects class "
        "numbers of shape (12,). Convert them: targets.argmax(1).",
        **given(F.one_hot(TARGETS, 3)),
    )
    refused(
        ValueError,
        f"targets have shape (12, 1) and outputs (12, 3); {name} expects targets of shape (12,). Take the axis of "
        f"size 1 "
        "away: targets.squeeze(1).",
        **given(TARGETS[:, None]),
    )
    refused(
        ValueError,
        f"targets have shape (7,) and outputs (12, 3); {name} expects targets of shape (12,).",
        **given(TARGETS[:7]),
    )
    refused(
        ValueError,
        f"targets lie between 0 and 3; outputs have 3 classes, so {name} expects 0 to 2. Count the classes from 0, or "
        "give the last layer more outputs.",
        **given(torch.arange(12) % 4),
    )
    refused(
        ValueError,
        f"targets lie between -1 and 1; outputs have 3 classes, so {name} expects 0 to 2. Count the classes from 0, or "
        "give the last layer more outputs.",
        **given(TARGETS - 1),
    )


def test_outputs_without_an_axis_for_the_classes():
    model = nn.Sequential(nn.Linear(4, 1), nn.Flatten(0))
    refused(
        ValueError,
        "outputs have shape (12,); cross_entropy expects (B, C), a number for each of C classes. Let the last layer "
        "have C outputs.",
        model=model,
        data=[(INPUTS, TARGETS.float())],
    )


def test_nll_loss_takes_no_probabilities():
    refused(
        TypeError,
        "targets are torch.float32 of shape (12, 3); nll_loss expects class numbers, int64 of shape (12,). Convert "
        "them: "
        "targets.long().",
        loss=F.nll_loss,
        data=[(INPUTS, torch.rand(12, 3))],
    )


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        (F.cross_entropy, torch.rand(12, 3)),
        (nn.CrossEntropyLoss(), torch.rand(12, 3)),
        (F.cross_entropy, TARGETS.to(torch.uint8)),
        (F.cross_entropy, torch.where(TARGETS == 0, -100, TARGETS)),
        (nn.CrossEntropyLoss(ignore_index=7), torch.where(TARGETS == 0, 7, TARGETS)),
        (functools.partial(F.cross_entropy, ignore_index=-1), TARGETS - 1),
        (functools.partial(functools.partial(F.cross_entropy, ignore_index=5), ignore_index=-1), TARGETS - 1),
        (F.mse_loss, torch.rand(12, 3)),
        (nn.BCEWithLogitsLoss(), torch.rand(12, 3)),
        (lambda outputs, targets: F.cross_entropy(outputs, targets[:, 0]), TARGETS[:, None]),
        (lambda outputs, targets: F.cross_entropy(outputs, targets["y"]), {"y": TARGETS}),
    ],
)
def test_targets_that_torch_accepts_are_accepted(loss, targets):
    model = network()
    history = fit(model, [(INPUTS, targets)], loss, torch.optim.SGD(model.parameters(), lr=0.1))
    assert history["loss"] == [pytest.approx(loss(network()(INPUTS), targets).item())]


@pytest.mark.parametrize(
    "ignored", [functools.partial(F.cross_entropy, ignore_index=5), nn.CrossEntropyLoss(ignore_index=5)]
)
def test_only_the_ignored_class_is_ignored(ignored):
    with pytest.raises(ValueError, match=r"targets lie between -100 and 2; outputs have 3 classes"):
        train(loss=ignored, data=[(INPUTS, torch.where(TARGETS == 0, -100, TARGETS))])


def test_targets_for_each_pixel():
    model = nn.Conv2d(2, 3, 1)
    images, classes = torch.rand(5, 2, 4, 6), torch.zeros(5, 4, 6, dtype=torch.int64)
    fit(model, [(images, classes)], F.cross_entropy, torch.optim.SGD(model.parameters(), lr=0.1))
    refused(
        ValueError,
        "targets have shape (5, 1, 4, 6) and outputs (5, 3, 4, 6); cross_entropy expects targets of shape (5, 4, 6). "
        "Take the axis of size 1 away: targets.squeeze(1).",
        model=model,
        data=[(images, classes[:, None])],
    )


ELEMENT_LOSSES = [
    (F.mse_loss, "mse_loss"), (nn.MSELoss(), "MSELoss"), (F.l1_loss, "l1_loss"), (nn.L1Loss(), "L1Loss"),
    (F.smooth_l1_loss, "smooth_l1_loss"), (nn.SmoothL1Loss(), "SmoothL1Loss"), (F.huber_loss, "huber_loss"),
    (nn.HuberLoss(), "HuberLoss"), (F.binary_cross_entropy_with_logits, "binary_cross_entropy_with_logits"),
    (nn.BCEWithLogitsLoss(), "BCEWithLogitsLoss"), (F.binary_cross_entropy, "binary_cross_entropy"),
    (nn.BCELoss(), "BCELoss"),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "name"), ELEMENT_LOSSES)
def test_targets_of_another_shape_would_be_compared_pair_by_pair(loss, name):
    model = nn.Sequential(nn.Linear(4, 1), nn.Sigmoid())
    message = (
        "outputs have shape {} and targets {}; {} expects the same shape, and would otherwise compare every pair.{}"
    )
    hint = " Take the axis of size 1 away: {}.squeeze(-1)."
    refused(
        ValueError,
        message.format("(12, 1)", "(12,)", name, hint.format("outputs")),
        model=model,
        loss=loss,
        data=[(INPUTS, torch.rand(12))],
    )
    flat = nn.Sequential(*model, nn.Flatten(0))
    refused(
        ValueError,
        message.format("(12,)", "(12, 1)", name, hint.format("targets")),
        model=flat,
        loss=loss,
        data=[(INPUTS, torch.rand(12, 1))],
    )
    refused(
        ValueError,
        message.format("(12, 1)", "(1, 12)", name, ""),
        model=model,
        loss=loss,
        data=[(INPUTS, torch.rand(1, 12))],
    )


def test_targets_of_a_type_that_the_loss_does_not_take():
    model = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid())
    for loss, name in (
        (F.binary_cross_entropy_with_logits, "binary_cross_entropy_with_logits"),
        (nn.HuberLoss(), "HuberLoss"),
    ):
        refused(
            TypeError,
            f"targets are torch.int64 and outputs torch.float32; {name} expects the same type. Convert them: "
            "targets.to(torch.float32).",
            model=model,
            loss=loss,
            data=[(INPUTS, F.one_hot(TARGETS, 3))],
        )
    with pytest.raises(TypeError, match=r"targets are torch\.int64 and outputs torch\.float32; HuberLoss expects"):
        evaluate(model, [(INPUTS, F.one_hot(TARGETS, 3))], nn.HuberLoss())


# --- The loss --------------------------------------------------------------------------------------------------------
def test_losses_that_have_no_gradient():
    refused(
        ValueError,
        "loss returned a tensor that does not require grad, so that no gradient reaches the model. Look for detach(), "
        "torch.no_grad(), argmax or .item() between the parameters and the loss.",
        loss=lambda outputs, targets: F.cross_entropy(outputs.detach(), targets),
    )
    refused(
        TypeError,
        "loss returned 0.5 of type float; expected a tensor with one element. Leave out .item(), float() and NumPy in "
        "the loss.",
        loss=lambda outputs, targets: 0.5,
    )
    refused(
        ValueError,
        "loss returned a tensor of shape (5,); expected one number, the mean over the batch. Leave out "
        'reduction="none", '
        "or take .mean().",
        loss=nn.CrossEntropyLoss(reduction="none"),
    )
    for value in (torch.tensor(3), torch.tensor(1j)):
        refused(
            TypeError,
            f"loss returned a tensor of {value.dtype}; expected a real floating-point number.",
            loss=lambda outputs, targets, value=value: value,
        )


# --- Checkpoints of other runs ---------------------------------------------------------------------------------------
class Saved:
    def __init__(self, state=None):
        self.state = state

    def due(self, step):
        return False

    def save(self, state, step, metric):
        self.state = state

    def latest(self):
        return self.state


def test_a_checkpoint_of_another_kind_of_run():
    model, kept = network(), Saved()
    settings = {"model": model, "checkpoints": kept}
    fit(model, PAIRS, F.cross_entropy, torch.optim.SGD(model.parameters(), lr=0.1), checkpoints=kept)
    refused(
        ValueError,
        "the checkpoint holds model, monitor, optimizer, and this run has average, model, monitor, optimizer. Go on "
        "with the parts that it was saved with.",
        **settings,
        parts={"average": torch.optim.swa_utils.AveragedModel(model)},
    )
    for state in ({**kept.state, "format": 0}, {key: value for key, value in kept.state.items() if key != "format"}):
        refused(
            ValueError,
            f"the checkpoint has format {state.get('format')!r}, and this version of ptguide reads format 2. Start "
            "anew, with another folder.",
            checkpoints=Saved(state),
        )


def cosine(model, steps):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    return {"optimizer": optimizer, "schedule": schedule, "schedule_every": "epoch"}


def sgd(model, **settings):
    return {"optimizer": torch.optim.SGD(model.parameters(), **{"lr": 0.1, **settings})}


def loading(size, **settings):
    return {"data": DataLoader(TensorDataset(INPUTS, TARGETS), size, **settings)}


def one(outputs, targets):
    return 1.0


DIFFERENCES = {
    "learning rate": (lambda m: sgd(m), lambda m: sgd(m, lr=0.2), "optimizer.lr was 0.1 and is 0.2"),
    "weight decay": (sgd, lambda m: sgd(m, weight_decay=0.5), "optimizer.weight_decay was 0 and is 0.5"),
    "optimizer": (
        sgd,
        lambda m: {"optimizer": torch.optim.Adam(m.parameters())},
        "optimizer.kind was 'SGD' and is 'Adam'. Go on",
    ),
    "schedule": (lambda m: cosine(m, 2), lambda m: cosine(m, 4), "schedule.T_max was 2 and is 4"),
    "no schedule": (sgd, lambda m: cosine(m, 4), "schedule.kind was not set and is 'CosineAnnealingLR'. Go on"),
    "batch size": (
        lambda m: loading(4),
        lambda m: loading(6),
        "data.batch_size was 4 and is 6; data.batches was 3 and is 2",
    ),
    "order": (
        lambda m: loading(4),
        lambda m: loading(4, shuffle=True),
        "data.sampler was 'SequentialSampler' and is 'RandomSampler'",
    ),
    "batches": (
        lambda m: {"data": batches(TensorDataset(INPUTS, TARGETS), 4)},
        lambda m: {"data": batches(TensorDataset(INPUTS, TARGETS), 6)},
        "data.batch_size was 4 and is 6; data.batches was 3 and is 2",
    ),
    "monitor": (
        lambda m: {"metrics": {"a": one, "b": one}, "monitor": "a", "higher_is_better": True},
        lambda m: {"metrics": {"a": one, "b": one}, "monitor": "b", "higher_is_better": False},
        "monitor.figure was 'a' and is 'b'; monitor.higher_is_better was True and is False",
    ),
    "metrics": (
        lambda m: {},
        lambda m: {"metrics": {"size": lambda outputs, targets: len(targets)}},
        "metrics was [] and is ['size']",
    ),
    "clipping": (lambda m: {}, lambda m: {"clip_norm": 1.0}, "clip_norm was None and is 1.0"),
    "accumulation": (lambda m: {"accumulate": 2}, lambda m: {"accumulate": 1}, "accumulate was 2 and is 1"),
    "patience": (lambda m: {"patience": 2}, lambda m: {"patience": 9}, "patience.epochs was 2 and is 9"),
    "loss": (
        lambda m: {"loss": nn.CrossEntropyLoss()},
        lambda m: {"loss": nn.CrossEntropyLoss(reduction="sum")},
        "loss.reduction was 'mean' and is 'sum'",
    ),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_going_on_with_other_settings_names_what_was_saved_and_what_is_given(name):
    before, now, said = DIFFERENCES[name]
    kept, model = Saved(), network()
    given = {"data": PAIRS, "loss": F.cross_entropy, **sgd(model), **before(model)}
    fit(model, checkpoints=kept, **given)
    again = {"data": PAIRS, "loss": F.cross_entropy, **sgd(model), **before(model), **now(model)}
    with pytest.raises(
        ValueError, match=r"^the checkpoint was saved with other settings than this call has: "
    ) as caught:
        fit(model, checkpoints=kept, **again)
    told = str(caught.value).removeprefix("the checkpoint was saved with other settings than this call has: ")
    assert told.startswith(said)
    assert told.endswith(
        ". Go on with those that it was saved with, or begin a run in another folder, from the weights of this one: "
        "model.load_state_dict(checkpoints.latest()['model'])."
    )
    fit(model, checkpoints=kept, epochs=2, **{**given, **sgd(model), **before(model)})  # a longer run is none


def test_the_same_objects_go_on_although_a_schedule_has_changed_them():
    model, kept = network(), Saved()
    for make in (
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=100),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 2),
        lambda o: torch.optim.lr_scheduler.SequentialLR(
            o, [torch.optim.lr_scheduler.LinearLR(o), torch.optim.lr_scheduler.ExponentialLR(o, 0.9)], [2]
        ),
        lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [1, 3]),
    ):
        kept.state = None
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
        given = {"optimizer": optimizer, "schedule": make(optimizer), "schedule_every": "step", "checkpoints": kept}
        fit(model, PAIRS, F.cross_entropy, **given)
        assert len(fit(model, PAIRS, F.cross_entropy, epochs=2, **given)) == 2


def test_data_that_has_become_shorter():
    model, kept = network(), Saved()

    def stop(model, batch):
        if kept.state is not None:
            raise KeyboardInterrupt
        return model(batch[0]), batch[1]

    kept.due = lambda step: step == 2
    with pytest.raises(KeyboardInterrupt):
        fit(model, Endless(PAIRS), F.cross_entropy, **sgd(model), checkpoints=kept, forward=stop)
    refused(
        ValueError,
        "data gives 1 batches an epoch, and the checkpoint was saved after 2; expected the data that it was saved "
        "with.",
        model=model,
        data=Endless(PAIRS[:1]),
        checkpoints=kept,
    )


def test_names_of_parts():
    model = network()
    refused(
        ValueError,
        "parts has the name 'optimizer', under which fit keeps its own; expected another.",
        parts={"optimizer": model},
    )
    refused(
        ValueError,
        "parts has the name 'rng', under which a run keeps its own; expected another.",
        parts={"rng": model},
    )
    refused(
        TypeError,
        "parts['average'] is of type float; expected something with state_dict and load_state_dict, which a checkpoint "
        "saves and loads.",
        parts={"average": 0.5},
    )


# --- A class instead of a loss, and layers that were replaced --------------------------------------------------------
def test_a_loss_that_is_none():
    refused(
        TypeError,
        "loss is the class CrossEntropyLoss; expected an instance of it: torch.nn.CrossEntropyLoss(), with "
        "parentheses.",
        loss=nn.CrossEntropyLoss,
    )
    refused(
        TypeError,
        "loss is of type str; expected a function of (outputs, targets), such as torch.nn.functional.cross_entropy.",
        loss="mse",
    )
    with pytest.raises(TypeError, match=r"^loss is the class MSELoss; expected an instance"):
        evaluate(network(), PAIRS, nn.MSELoss)


def test_a_layer_that_was_replaced_after_the_optimizer_was_made():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model[2] = nn.Linear(6, 3)
    refused(
        ValueError,
        "optimizer holds 2 parameters that model does not have, and does not hold 2.weight, 2.bias, which would never "
        "change; layers were replaced, it seems. Make the optimizer after the last change to the model.",
        model=model,
        optimizer=optimizer,
    )
    # A part of the model alone is trained on purpose, and what else the optimizer holds may stand in the loss.
    fit(model, PAIRS, F.cross_entropy, torch.optim.SGD(model[2].parameters(), lr=0.1))

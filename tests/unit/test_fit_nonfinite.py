"""NaN and infinity stop the training at their step, with the layer, while the weights are whole."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ptguide.training import _arguments as checks
from ptguide.training import fit

torch.manual_seed(3)
INPUTS, TARGETS = torch.randn(12, 4), torch.arange(12) % 3
NAN, INF = float("nan"), float("inf")

WHOLE = r"The weights are those before the step\."
FIRST = r"in step 1 \(epoch 1, batch 1\)\."
TRY_DATA = (
    r"Try: look at the data: torch\.isfinite\(inputs\)\.all\(\)\. Leave such samples out, or fill them "
    r"\(torch\.nan_to_num\)\."
)
TRY_RATE = (
    r"Try: lower the learning rate, clip the gradients \(clip_norm=1\.0\), or look for inputs that are not scaled\."
)
TRY_DOMAIN = (
    r"Try: look for an operation outside its domain: the root or the logarithm of a negative number, 0 / 0, inf - inf\."
)
TRY_LOSS = (
    r"Try: keep what the loss takes inside its domain: a loss on logits instead of log\(softmax\), log\(x \+ 1e-8\) "
    r"for "
    r"log\(x\)\."
)
TRY_DERIVATIVE = (
    r"Try: keep its input away from where its derivative is infinite: sqrt\(x \+ 1e-8\) for sqrt\(x\), a norm of "
    r"vectors that are not 0, a denominator that is not 0\. If the gradient had grown before: lower the learning rate\."
)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))


def pairs(inputs=INPUTS, size=5):
    """Make batches of 5, 5 and 2."""
    return list(zip(inputs.split(size), TARGETS.split(size), strict=True))


def spoiled(place, value=NAN):
    """Return the inputs with another value at a place."""
    inputs = INPUTS.clone()
    inputs[place] = value
    return inputs


def stopped(message, model=None, data=None, loss=F.cross_entropy, lr=0.1, **settings):
    """Require this message (a regular expression) and the weights of the last whole step; return how many were."""
    model = model or network()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    weights = [[parameter.detach().clone() for parameter in model.parameters()]]
    step = optimizer.step

    def note():
        step()
        weights.append([parameter.detach().clone() for parameter in model.parameters()])

    optimizer.step = note
    with pytest.raises(FloatingPointError, match=f"^{message}$"):
        fit(model, data or pairs(), loss, optimizer, **settings)
    for now, then in zip(model.parameters(), weights[-1], strict=True):
        torch.testing.assert_close(now.detach(), then, rtol=0, atol=0, equal_nan=True)
    return len(weights) - 1


# --- The batch -------------------------------------------------------------------------------------------------------
class Changing:
    """Data that is other in every epoch."""

    def __init__(self, *epochs):
        self.epochs = list(epochs)

    def __iter__(self):
        return iter(self.epochs.pop(0))


@pytest.mark.parametrize("value", [NAN, INF])
def test_a_batch_that_holds_nan_or_infinity(value):
    done = stopped(
        r"The loss is nan in step 5 \(epoch 2, batch 2\)\. The batch itself is at fault: inputs hold "
        rf"1 {value} among 20 values\. {WHOLE} {TRY_DATA}",
        data=Changing(pairs(), pairs(spoiled((6, 1), value))),
        epochs=3,
    )
    assert done == 4


@pytest.mark.parametrize(("row", "batch"), [(9, 4), (11, 4), (6, 3), (3, 2)])
def test_the_batch_of_an_accumulated_step_is_named(row, batch):
    done = stopped(
        rf"The loss is nan in step {(batch + 2) // 3} \(epoch 1, batch {batch}\)\. The batch itself is at fault: "
        rf"inputs "
        r"hold 4 nan among 12 values\..*",
        data=pairs(spoiled(row), 3),
        accumulate=3,
    )
    assert done == (1 if batch == 4 else 0)


def test_targets_that_hold_nan():
    targets = torch.rand(12, 3)
    targets[3, 1], targets[4], targets[5] = NAN, INF, -INF
    stopped(
        rf"The loss is nan {FIRST} The batch itself is at fault: targets hold 1 nan, 3 inf and 3 -inf among 36 "
        rf"values\..*",
        data=[(INPUTS, targets)],
        loss=F.mse_loss,
    )


def test_batches_of_another_form():
    stopped(
        r"The loss is nan .* at fault: batch\['x'\]\[1\] hold 4 nan among 48 values\..*",
        data=[{"y": TARGETS, "x": [INPUTS, spoiled(2)]}],
        forward=lambda model, batch: (model(batch["x"][1]), batch["y"]),
    )


def test_an_empty_batch_among_others():
    done = stopped(
        r"The loss is nan in step 2 \(epoch 1, batch 2\)\. The batch is empty, and the mean over no sample is nan\. "
        rf"{WHOLE} Try: leave empty batches out\.",
        data=[*pairs()[:1], (INPUTS[:0], TARGETS[:0])],
    )
    assert done == 1


# --- The weights -----------------------------------------------------------------------------------------------------
def test_a_parameter_that_held_nan_before():
    model = network()
    with torch.no_grad():
        model[2].bias[1] = NAN
    stopped(
        rf"The loss is nan {FIRST} The parameter 2\.bias holds 1 nan among 3 values from the start\. {WHOLE} Try: look "
        r"at how the weights are made or loaded\.",
        model=model,
    )


def test_a_parameter_that_an_update_has_blown_up():
    done = stopped(
        r"The loss is nan in step 2 \(epoch 1, batch 2\)\. The parameter weight holds \d+ -?inf.* among 12 values "
        r"since "
        rf"an earlier update\. {WHOLE} Try: lower the learning rate, or clip the gradients \(clip_norm=1\.0\)\.",
        model=nn.Linear(4, 3),
        loss=lambda outputs, targets: F.cross_entropy(1e3 * outputs, targets),
        lr=1e38,
    )
    assert done == 1


# --- The layers ------------------------------------------------------------------------------------------------------
class Rooted(nn.Module):
    """A function between its layers, which no layer is to blame for."""

    def __init__(self, function, last=True):
        super().__init__()
        self.first, self.second, self.function, self.last = nn.Linear(4, 6), nn.Linear(6, 3), function, last

    def forward(self, x):
        x = self.function(self.first(x))
        return self.second(x) if self.last else x[:, :3]


class Divided(nn.Module):
    def forward(self, x):
        return x.sign() / 0


def test_a_layer_that_overflows():
    done = stopped(
        r"The loss is nan in step 2 \(epoch 1, batch 2\)\. It appears first in what layer 2 \(Linear\) returns: "
        rf".*inf among 15 values\. {WHOLE} {TRY_RATE}",
        lr=1e30,
    )
    assert done == 1


def test_a_function_between_layers():
    stopped(
        rf"The loss is nan {FIRST} It appears first in what layer second \(Linear\) receives: \d+ nan among 30 "
        rf"values\. "
        rf"{WHOLE} {TRY_DOMAIN}",
        model=Rooted(torch.sqrt),
    )


def test_a_function_after_the_layers():
    stopped(
        rf"The loss is nan {FIRST} It appears first in what the model \(Rooted\) returns: \d+ nan among 15 values\. "
        rf"{WHOLE} {TRY_DOMAIN}",
        model=Rooted(torch.sqrt, last=False),
    )


def test_a_layer_within_a_layer():
    stopped(
        rf"The loss is nan {FIRST} It appears first in what layer 1\.0 \(Divided\) returns: \d+ inf and \d+ -inf among "
        rf"15 values\. {WHOLE} {TRY_RATE}",
        model=nn.Sequential(nn.Linear(4, 3), nn.Sequential(Divided())),
    )


def test_hooks_are_gone_afterwards():
    model = nn.Sequential(nn.Linear(4, 3), Divided())
    stopped(".*", model=model)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_minus_infinity_as_a_mask_is_not_blamed():
    mask = torch.tensor([0.0, 0.0, -INF]).expand(12, 3)

    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.add = network(), Add()

        def forward(self, x, mask):
            return self.add(self.layer(x), mask)

    class Add(nn.Module):
        def forward(self, x, mask):
            return x + mask.exp().log()

    def forward(model, batch):
        return model(batch[0], batch[2]), batch[1]

    model = Masked()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    history = fit(model, [(INPUTS, TARGETS % 2, mask)], F.cross_entropy, optimizer, forward=forward)
    assert math.isfinite(history["loss"][0])
    stopped(
        rf"The loss is inf {FIRST} It appears first in what layer add \(Add\) returns: 12 -inf among 36 values\. "
        rf"{WHOLE} "
        rf"{TRY_RATE}",
        model=Masked(),
        data=[(INPUTS, TARGETS, mask)],
        forward=forward,
    )


# --- The loss and the backward pass ----------------------------------------------------------------------------------
def test_a_loss_that_leaves_its_domain():
    stopped(
        rf"The loss is inf {FIRST} Every layer returns finite numbers, and the loss function turns them into inf\. "
        rf"{WHOLE} {TRY_LOSS}",
        loss=lambda outputs, targets: -torch.log((outputs.softmax(1) - 1).relu()).mean(),
    )


def test_training_that_diverges_is_told_to_lower_the_learning_rate():
    inputs = torch.arange(100.0).unsqueeze(1)
    torch.manual_seed(0)
    said = (
        r"The loss is inf in step \d \(epoch \d, batch 1\)\. Every layer returns finite numbers, and the loss function "
        rf"turns them into inf\. The outputs have grown to [\d.]+e\+\d\d\. {WHOLE} {TRY_RATE}"
    )
    stopped(said, model=nn.Linear(1, 1), data=[(inputs, 2 * inputs)], loss=F.mse_loss, epochs=100)
    # Of a loss of one's own nothing is known, but its outputs tell.
    own = lambda outputs, targets: ((outputs - targets) ** 2).mean()  # noqa: E731
    stopped(said, model=nn.Linear(1, 1), data=[(inputs, 2 * inputs)], loss=own, epochs=100)


def test_squares_have_no_domain_that_could_be_left():
    stopped(
        rf"The loss is inf {FIRST} Every layer returns finite numbers, and the loss function turns them into inf\. "
        rf"{WHOLE} {TRY_RATE}",
        model=nn.Linear(4, 1),
        data=[(INPUTS, torch.full((12, 1), 1e20))],
        loss=F.mse_loss,
    )


def test_a_loss_whose_derivative_is_infinite():
    model = nn.Linear(4, 3, bias=False)
    nn.init.zeros_(model.weight)
    done = stopped(
        rf"The loss is finite and its gradients are not, {FIRST} It appears first in the backward pass of the loss "
        rf"function: SqrtBackward0 turns finite gradients into 12 inf among 12 values\. {WHOLE} {TRY_DERIVATIVE}",
        model=model,
        data=[(INPUTS, TARGETS)],
        loss=lambda outputs, targets: (outputs**2).sum(1).sqrt().mean(),
    )
    assert done == 0


def zeroed(model):
    """Let the first layer return zeros."""
    layer = next(module for module in model.modules() if isinstance(module, nn.Linear))
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return model


class Root(nn.Module):
    def forward(self, x):
        return x.abs().sqrt()


@pytest.mark.parametrize(
    ("model", "where"),
    [
        (lambda: nn.Sequential(nn.Linear(4, 6), nn.Sequential(Root()), nn.Linear(6, 3)), r"layer 1\.0 \(Root\)"),
        (lambda: Rooted(lambda x: x.abs().sqrt()), r"the model \(Rooted\)"),
        (lambda: nn.Sequential(Rooted(lambda x: x.abs().sqrt())), r"layer 0 \(Rooted\)"),
    ],
)
def test_a_layer_whose_derivative_is_infinite(model, where):
    stopped(
        rf"The loss is finite and its gradients are not, {FIRST} It appears first in the backward pass of {where}: "
        rf"SqrtBackward0 turns finite gradients into \d+ inf and \d+ -inf among 30 values\. {WHOLE} {TRY_DERIVATIVE}",
        model=zeroed(model()),
    )


def test_dropout_is_drawn_again_as_it_was():
    class Fragile(nn.Module):
        def forward(self, x):  # infinite where dropout has kept the one element, fine where it has not
            return (
                x + F.dropout(torch.ones(()), 0.9).log().neg().clamp(max=3).exp() * INF if torch.rand(()) < 0.1 else x
            )

    for seed in range(6):
        model = nn.Sequential(nn.Linear(4, 3), Fragile())
        torch.manual_seed(seed)
        stopped(r"The loss is nan .* in what layer 1 \(Fragile\) returns: .*", model=model, data=pairs() * 50)


def test_what_does_not_appear_again_is_said_so():
    values = iter([1.0, 1.0, NAN, 1.0])
    stopped(
        rf"The loss is nan in step 3 \(epoch 1, batch 3\)\. It did not appear again\. {WHOLE} Try: the batch once more "
        r"gave finite numbers, so something that torch\.manual_seed does not govern takes part in it\.",
        loss=lambda outputs, targets: outputs.mean() * next(values),
    )


# --- Gradients of every kind -----------------------------------------------------------------------------------------
class Words(nn.Module):
    """Sparse gradients in float32 beside dense ones in float64."""

    def __init__(self):
        super().__init__()
        self.table, self.layer = nn.Embedding(9, 4, sparse=True), nn.Linear(4, 3).double()

    def forward(self, x):
        return self.layer(self.table(x).double())


def test_sparse_gradients_are_looked_at():
    model, words = Words(), torch.arange(12) % 9
    fit(model, [(words, TARGETS)], F.cross_entropy, torch.optim.SGD(model.parameters(), lr=0.1))
    nn.init.zeros_(model.table.weight)
    stopped(
        rf"The loss is finite and its gradients are not, {FIRST} .*SqrtBackward0 turns finite gradients into \d+ "
        rf"(inf|nan).*",
        model=model,
        data=[(words, TARGETS)],
        loss=lambda outputs, targets: outputs.mean() + model.table(words).abs().sqrt().double().mean(),
    )


class Turned(nn.Module):
    """Complex weights."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4, 3, dtype=torch.complex64))

    def forward(self, x):
        return (x.to(torch.complex64) @ self.weight).abs()


def test_complex_gradients_are_looked_at():
    fit(model := Turned(), pairs(), F.cross_entropy, torch.optim.SGD(model.parameters(), lr=0.1))
    stopped(r"The loss is nan in step 2 \(epoch 1, batch 2\)\..*", model=Turned(), data=pairs(spoiled(7)))
    with torch.no_grad():
        model.weight[1, 2] = complex(1, NAN)
    stopped(
        rf"The loss is nan {FIRST} The parameter weight holds 1 nan among 24 values from the start\..*", model=model
    )


def test_a_parameter_without_a_gradient_is_passed_over():
    model = network()
    model.unused = nn.Parameter(torch.ones(3))
    model.forward = lambda x: nn.Sequential.forward(model[:3], x)
    fit(model, pairs(), F.cross_entropy, torch.optim.SGD(model.parameters(), lr=0.1))
    assert torch.equal(model.unused, torch.ones(3))


# --- Validation and the switch ---------------------------------------------------------------------------------------
def test_validation_data_that_gives_nan():
    model = network()
    with pytest.raises(
        FloatingPointError,
        match=r"^The validation loss is nan after epoch 1, while the loss on the training data is 1\.\d{1,3}\. Try: "
        r"look at the validation data: torch\.isfinite\(inputs\)\.all\(\)\.$",
    ):
        fit(
            model,
            pairs(),
            F.cross_entropy,
            torch.optim.SGD(model.parameters(), lr=0.1),
            validation=pairs(spoiled((2, 2))),
        )


def test_a_running_mean_that_holds_nan_shows_in_validation():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    model[1].running_mean[0] = NAN
    with pytest.raises(
        FloatingPointError, match=r"is [\d.]+\. The buffer 1\.running_mean of the model holds 1 nan among 3 values\.$"
    ):
        fit(model, pairs(), F.cross_entropy, torch.optim.SGD(model.parameters(), lr=0.1), validation=pairs())


def test_who_does_not_want_the_check_goes_on_with_nan():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    history = fit(model, pairs(spoiled((2, 2))), F.cross_entropy, optimizer, check_finite=False, validation=pairs())
    assert math.isnan(history[0]["loss"])
    assert math.isnan(history[0]["validation_loss"])
    assert bool(model[0].weight.isnan().any())


# --- float16 ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def float16_on_cpu(monkeypatch):
    """Let a CPU compute in float16, which it can and users are told not to, so that no GPU is needed."""
    monkeypatch.setattr(checks, "check_precision", lambda precision, device: None)


def test_float16_gradients_that_no_scale_saves(float16_on_cpu):
    model = nn.Linear(4, 3, bias=False)
    nn.init.zeros_(model.weight)
    settings = {"model": model, "data": [(INPUTS, TARGETS)] * 20, "precision": torch.float16}
    settings["loss"] = lambda outputs, targets: (outputs.float() ** 2).sum(1).sqrt().mean()
    # From 65536 to 1 are 16 halvings; the 17th step shows that the scale is not to blame.
    done = stopped(
        r"For 17 steps in a row the gradients were not finite, whatever the loss scale, up to step 17 \(epoch 1, batch "
        r"17\)\. It appears first in the backward pass of the loss function: SqrtBackward0 turns finite gradients into "
        rf"\d+ inf.* among 12 values\. {WHOLE} {TRY_DERIVATIVE}",
        **settings,
    )
    assert done == 0
    history = fit(
        model,
        settings["data"],
        settings["loss"],
        torch.optim.SGD(model.parameters(), lr=0.1),
        precision=torch.float16,
        check_finite=False,
    )
    assert history["step"] == [20]


def test_float16_outputs_that_overflow(float16_on_cpu):
    stopped(
        rf"The loss is (nan|inf) {FIRST} It appears first in what layer \d \(Linear\) returns: .*inf among \d+ "
        rf"values\. "
        rf"{WHOLE} Try: precision=torch\.bfloat16, which has the range of float32, where float16 ends at 65504\.",
        data=[(INPUTS * 1e5, TARGETS)],
        precision=torch.float16,
    )

"""Mistakes that are found before the first step, each with an error that names it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sized
from typing import Any

import torch
from torch import Tensor, nn

PRECISIONS = (torch.float32, torch.bfloat16, torch.float16)
PLATEAU = torch.optim.lr_scheduler.ReduceLROnPlateau


def check_count(name: str, value: object, least: int = 1) -> None:
    """Require a whole number that is not too small."""
    if type(value) is not int:
        raise TypeError(f"{name} is {value!r}, a {type(value).__name__}; expected an integer of {least} or more.")
    if value < least:
        raise ValueError(f"{name} is {value}; expected {least} or more.")


def check_numbers(epochs: int, accumulate: int, clip_norm: float | None, patience: int | None) -> None:
    """Require numbers that can be counted with."""
    for name, value in (("epochs", epochs), ("accumulate", accumulate), ("patience", patience)):
        if value is not None:
            check_count(name, value)
    if clip_norm is not None and not clip_norm > 0:
        raise ValueError(f"clip_norm is {clip_norm}; expected a norm above 0, such as 1.0, or None for no clipping.")


def check_call(model: nn.Module, data: Any, validation: Any | None, loss: Any, metrics: Mapping[str, Any]) -> None:
    """Require what can be known of a call of `fit` before anything is moved."""
    check_model(model)
    check_data(data, "data")
    if validation is not None:
        check_data(validation, "validation")
    check_metrics(metrics)
    check_loss_given(loss)


def check_placed(
    model: nn.Module, loss: Any, optimizer: torch.optim.Optimizer, precision: torch.dtype, device: torch.device
) -> None:
    """Require what can be known when the model is where it will be trained."""
    check_optimizer(optimizer, model, loss)
    check_precision(precision, device)
    check_plain_tensors(model, device)


def check_loss_given(loss: Any) -> None:
    """Require something that computes a loss."""
    if isinstance(loss, type):
        raise TypeError(
            f"loss is the class {loss.__name__}; expected an instance of it: torch.nn.CrossEntropyLoss(), with "
            "parentheses."
        )
    if not callable(loss):
        raise TypeError(
            f"loss is of type {type(loss).__name__}; expected a function of (outputs, targets), such as "
            "torch.nn.functional.cross_entropy."
        )


def check_precision(precision: torch.dtype, device: torch.device) -> None:
    """Require a precision that the device computes in."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; expected torch.float32, torch.bfloat16 or torch.float16.")
    if precision == torch.float16 and device.type == "cpu":
        raise ValueError(
            "precision is torch.float16 and the model is on the cpu, where float16 is slow and overflows above 65504; "
            "expected torch.bfloat16 there, which has the range of float32."
        )


def check_model(model: nn.Module) -> None:
    """Require a model that can learn."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is of type {type(model).__name__}; expected an instance of torch.nn.Module.")
    if not any(parameter.requires_grad for parameter in model.parameters()):
        frozen = sum(1 for _ in model.parameters())
        why = f"all {frozen} have requires_grad=False" if frozen else "it has no parameters"
        raise ValueError(
            f"model has no trainable parameter: {why}. Add a layer with weights, or call requires_grad_(True) on some."
        )


def check_optimizer(optimizer: torch.optim.Optimizer, model: nn.Module, loss: Any) -> None:
    """Require an optimizer of this model, whose parameters stand where they will be trained."""
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise TypeError(
            f"optimizer is {optimizer!r}; expected an optimizer of the model's parameters, such as "
            "torch.optim.Adam(model.parameters())."
        )
    if isinstance(optimizer, torch.optim.LBFGS):
        raise TypeError(
            "optimizer is LBFGS, which computes the loss several times a step; fit computes it once. "
            "Write that loop by hand, with optimizer.step(closure)."
        )
    trainable = {id(parameter): name for name, parameter in model.named_parameters() if parameter.requires_grad}
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    if not trainable.keys() & held:
        raise ValueError(
            "optimizer holds no trainable parameter of model, so that nothing would change; expected an optimizer made "
            "from this very model: torch.optim.Adam(model.parameters())."
        )
    modules = [module for module in (model, loss) if isinstance(module, nn.Module)]
    own = {id(parameter) for module in modules for parameter in module.parameters()}
    left = [name for key, name in trainable.items() if key not in held]
    if left and held - own:
        raise ValueError(
            f"optimizer holds {len(held - own)} parameters that model does not have, and does not hold "
            f"{', '.join(left)}, which would never change; layers were replaced, it seems. Make the optimizer after "
            "the last change to the model."
        )


def check_data(data: Any, name: str) -> None:
    """Require something that can be gone through once an epoch, and is not empty."""
    if isinstance(data, Iterator):
        raise TypeError(
            f"{name} is an iterator ({type(data).__name__}), which is used up after one pass; expected a DataLoader, "
            "ptguide.data.batches or a list of batches."
        )
    if not hasattr(data, "__iter__") and not hasattr(data, "__getitem__"):
        raise TypeError(
            f"{name} is of type {type(data).__name__}; expected a DataLoader, ptguide.data.batches or a list of "
            "batches."
        )
    if isinstance(data, (Tensor, torch.utils.data.Dataset)) and not isinstance(data, torch.utils.data.IterableDataset):
        raise TypeError(
            f"{name} is a {type(data).__name__}, which gives single examples; expected batches of them: "
            f"torch.utils.data.DataLoader({name}, batch_size=32), or ptguide.data.batches."
        )
    if isinstance(data, Sized) and length_of(data) == 0:
        raise empty(name)


def length_of(data: Any) -> int | None:
    """Return the number of batches, where the data knows it."""
    try:
        return len(data)
    except TypeError:  # an iterable data set; a DataLoader has a length that raises then
        return None


def steps_in_epoch(data: Any, accumulate: int) -> int | None:
    """Return how many steps an epoch has, where this is known."""
    length = length_of(data)
    return None if length is None else -(-length // accumulate)


def empty(name: str) -> ValueError:
    """Return the error for data without a single batch."""
    return ValueError(
        f"{name} is empty: it gives no batch. Look at the length of its data set; with drop_last=True a data set "
        "smaller than one batch gives none."
    )


def check_schedule(
    schedule: Any | None, schedule_every: str | None, optimizer: torch.optim.Optimizer, *, step: int | None, epoch: int
) -> None:
    """Require that it is said how often the learning rate changes, and that the schedule lasts.

    ``step`` and ``epoch`` are the numbers of steps and of epochs that are still to be done, where they are known.
    """
    if schedule is None:
        if schedule_every is not None:
            raise ValueError(
                f"schedule_every is {schedule_every!r}, but there is no schedule; give one, or leave it out."
            )
        return
    kind = type(schedule).__name__
    if schedule_every not in ("step", "epoch"):
        raise ValueError(
            f'schedule_every is {schedule_every!r}; expected "step" or "epoch": how often the learning rate of {kind} '
            "changes."
        )
    if schedule.optimizer is not optimizer:
        raise ValueError(
            f"schedule is a {kind} of another optimizer; expected one made with the optimizer of this call."
        )
    if isinstance(schedule, PLATEAU) and schedule_every == "step":
        raise ValueError(
            "schedule is ReduceLROnPlateau, which looks at a figure of the whole epoch; expected "
            'schedule_every="epoch".'
        )
    lasts = getattr(schedule, "total_steps", None)
    to_do = step if schedule_every == "step" else epoch
    if lasts is not None and to_do is not None and schedule.last_epoch + to_do > lasts:
        raise ValueError(
            f"schedule is a {kind} that has {lasts - schedule.last_epoch} of its {lasts} changes left, and fit will "
            f"make "
            f"{to_do}, one each {schedule_every}; expected total_steps={schedule.last_epoch + to_do}."
        )


def check_plain_tensors(model: nn.Module, device: torch.device) -> None:
    """Require that no layer holds a tensor that did not move with the model."""
    for name, module in model.named_modules():
        for attribute, value in vars(module).items():
            if isinstance(value, Tensor) and value.device != device:
                where = f"{name}.{attribute}" if name else attribute
                raise ValueError(
                    f"model.{where} is on {value.device} and the model on {device}: a plain tensor does not move with "
                    f'its module. Register it: self.register_buffer("{attribute}", ...).'
                )


def check_metrics(metrics: Mapping[str, Any]) -> None:
    """Require names that no other figure has, and something to compute each with."""
    taken = {"epoch", "step", "loss"}
    for name, metric in metrics.items():
        if name in taken or name.startswith(("learning_rate", "validation_")):
            raise ValueError(f"metrics has the name {name!r}, which a figure of every history bears; expected another.")
        if not callable(metric):
            raise TypeError(
                f"metrics[{name!r}] is of type {type(metric).__name__}; expected a function of (outputs, targets) or a "
                "metric of torchmetrics."
            )
        if isinstance(metric, type):
            raise TypeError(f"metrics[{name!r}] is the class {metric.__name__}; expected an instance of it.")

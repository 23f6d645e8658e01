"""Notice NaN and infinity at the step where they arise, and find out where they come from.

Find out where a NaN or an infinity comes from, by computing its batch once more with somebody watching.

The weights are still those before the step, so the batch gives the same again. Nothing here runs in a healthy loop.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ptguide.training._batches import ELEMENTS, batch_size, known, named_tensors, tensors_of
from ptguide.training._compute import Computation
from ptguide.training._order import set_torch_state, torch_state
from ptguide.training._processes import Team, is_sharded
from ptguide.training._step import parameters_of

OVERFLOW = "lower the learning rate, clip the gradients (clip_norm=1.0), or look for inputs that are not scaled."
HALF = "precision=torch.bfloat16, which has the range of float32, where float16 ends at 65504."
DOMAIN = "look for an operation outside its domain: the root or the logarithm of a negative number, 0 / 0, inf - inf."
DATA = "look at the data: torch.isfinite(inputs).all(). Leave such samples out, or fill them (torch.nan_to_num)."
START = "look at how the weights are made or loaded."
UPDATE = "lower the learning rate, or clip the gradients (clip_norm=1.0)."
LOSS = "keep what the loss takes inside its domain: a loss on logits instead of log(softmax), log(x + 1e-8) for log(x)."
DERIVATIVE = (
    "keep its input away from where its derivative is infinite: sqrt(x + 1e-8) for sqrt(x), a norm of vectors that are "
    "not 0, a denominator that is not 0. If the gradient had grown before: lower the learning rate."
)
GROWN = 1e9  # outputs beyond this are no predictions any more


class Guard:
    """Look at the loss and the gradients of every batch.

    Notes
    -----
    One call of torch looks at all tensors: the one that `torch.amp.GradScaler` uses, here with a scale of 1. For a
    two-layer network on the CPU it takes 2 us; a norm of the gradients takes ten times as long. Its answer is read at
    every batch, for which an accelerator has to finish: after the optimizer's step, the weights that explain a NaN are
    gone.

    Where the model draws random numbers (dropout), their state before each batch is kept, so that the batch can be
    computed again. The first batch shows whether it does.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, device: torch.device, *, gradients: bool) -> None:
        self._optimizer = optimizer
        self._gradients = gradients
        self._device = device
        self._found = torch.zeros((), device=device)
        self._one = torch.ones((), device=device)
        self._at_once = True
        self._before: list[Tensor] = []
        self._draws = True

    def remember(self) -> None:
        """Keep the random state before a batch."""
        if self._draws:
            self._before = torch_state(self._device)

    def look_at_first(self) -> None:
        """Find out, after the first batch, whether it has drawn random numbers."""
        now = torch_state(self._device)
        self._draws = not all(map(torch.equal, self._before, now))

    def rewind(self) -> None:
        """Put back the random state that was before the batch."""
        if self._draws:
            set_torch_state(self._before, self._device)

    def finds(self, loss: Tensor) -> bool:
        """Return whether the loss or a gradient holds NaN or infinity."""
        parameters = parameters_of(self._optimizer) if self._gradients else []
        values = [gradient for parameter in parameters if (gradient := parameter.grad) is not None]
        values.append(loss.detach())
        if self._at_once:
            try:
                torch._amp_foreach_non_finite_check_and_unscale_(values, self._found, self._one)
                return bool(self._found)
            except RuntimeError:  # tensors on several devices, sparse or complex ones: one by one
                self._at_once = False
        return not all(is_finite(value) for value in values)


def is_finite(tensor: Tensor) -> bool:
    """Return whether a tensor holds neither NaN nor infinity."""
    if tensor.layout != torch.strided:
        tensor = tensor.coalesce().values()
    return bool(torch.isfinite(tensor).all())


@dataclass(frozen=True)
class Finding:
    """Where it appears first, as a sentence, and what to try."""

    where: str
    advice: str


NOWHERE = Finding(
    "It did not appear again.",
    "the batch once more gave finite numbers, so something that torch.manual_seed does not govern takes part in it.",
)
NOTHING = Finding(
    "The loss ignores every target of the batch, and the mean over no target is nan.",
    "leave such batches out, or put several into one step with accumulate=.",
)
ELSEWHERE = Finding("It comes from the batch of another process.", "what the error of that process says.")
DIVIDED = Finding(
    "In a model that is divided among processes, the layer is not looked for.",
    "one process, or shard=False, to find it.",
)


def diagnose(computation: Computation, batch: Any, count: Tensor | float, *, first_step: bool, team: Team) -> Finding:
    """Return the first place where something is not finite."""
    if team.size > 1 and is_sharded(computation.model):
        return DIVIDED  # its layers compute when all processes do, and not all have the same to look at
    found = _find(computation, batch, count, first_step)
    return ELSEWHERE if found is NOWHERE and team.size > 1 else found


def _find(computation: Computation, batch: Any, count: Tensor | float, first_step: bool) -> Finding:
    model, loss = computation.model, computation.loss
    assert loss is not None
    found = _in_batch(batch, computation.takes_pairs) or _in_parameters(model, first_step)
    if found is not None:
        return found
    with torch.enable_grad(), _watched(model) as watch, computation.autocast():
        outputs, targets = computation.forward(model, batch)
        value = loss(outputs, targets)
    if watch.found is not None:
        return watch.found
    if not count:
        return NOTHING
    grown = _grown(outputs)
    if not is_finite(value):
        where = f"Every layer returns finite numbers, and the loss function turns them into {counts(value)}."
        if grown is not None or known(computation.given_loss)[0] in ELEMENTS:
            return Finding(f"{where} {grown or ''}".rstrip(), OVERFLOW)
        return Finding(where, LOSS)
    found = _in_backward(model, value, watch.owners) or NOWHERE
    return found if grown is None or found is NOWHERE else Finding(f"{found.where} {grown}", OVERFLOW)


def _grown(outputs: Any) -> str | None:
    """Return what is said of outputs that have grown out of all proportion, as they do where training diverges."""
    largest = max((tensor.detach().abs().max().item() for tensor in _floating(outputs) if tensor.numel()), default=0.0)
    return f"The outputs have grown to {largest:.2g}." if largest > GROWN else None


def counts(tensor: Tensor) -> str:
    """Return how many elements are not finite, in words."""
    values = tensor.detach()
    if values.layout != torch.strided:
        values = values.coalesce().values()
    if values.is_complex():
        values = torch.view_as_real(values)
    kinds = {"nan": values.isnan(), "inf": values.isposinf(), "-inf": values.isneginf()}
    numbers = {kind: int(mask.sum()) for kind, mask in kinds.items()}
    if values.ndim == 0:
        return next(kind for kind, number in numbers.items() if number)
    *others, last = [f"{number} {kind}" for kind, number in numbers.items() if number]
    told = f"{', '.join(others)} and {last}" if others else last
    return f"{told} among {values.numel()} values"


def _has_nan_or_inf(tensor: Tensor) -> bool:
    """Return whether a tensor that is passed on is at fault; -inf alone is how a mask is written."""
    return tensor.is_floating_point() and not bool((tensor < torch.inf).all())


def _advice(tensor: Tensor) -> str:
    if tensor.dtype == torch.float16:
        return HALF
    return OVERFLOW if bool(tensor.isinf().any()) else DOMAIN


def _floating(tree: Any) -> list[Tensor]:
    return [tensor for tensor in tensors_of(tree) if tensor.is_floating_point() or tensor.is_complex()]


def _in_batch(batch: Any, takes_pairs: bool) -> Finding | None:
    if not batch_size(batch):
        return Finding("The batch is empty, and the mean over no sample is nan.", "leave empty batches out.")
    names = {"[0]": "inputs", "[1]": "targets"} if takes_pairs else {}
    for place, tensor in named_tensors(batch):
        if _has_nan_or_inf(tensor):
            name = names.get(place, f"batch{place}")
            return Finding(f"The batch itself is at fault: {name} hold {counts(tensor)}.", DATA)
    return None


def bad_buffer(model: nn.Module) -> str | None:
    """Return what is wrong with a buffer, such as the running mean of a batch norm that has seen a NaN."""
    for name, buffer in model.named_buffers():
        if _has_nan_or_inf(buffer):
            return f"The buffer {name} of the model holds {counts(buffer)}."
    return None


def _in_parameters(model: nn.Module, first_step: bool) -> Finding | None:
    for name, parameter in model.named_parameters():
        if not is_finite(parameter):
            since = "from the start" if first_step else "since an earlier update"
            return Finding(f"The parameter {name} holds {counts(parameter)} {since}.", START if first_step else UPDATE)
    return None


class _FirstNonFinite:
    """What the hooks of a forward pass found, and which layer each node of the graph belongs to."""

    def __init__(self) -> None:
        self.found: Finding | None = None
        self.owners: dict[Any, str] = {}

    def inputs(self, where: str, module: nn.Module, args: Any) -> None:
        """Look at what a layer receives."""
        for tensor in tensors_of(args):
            if self.found is None and _has_nan_or_inf(tensor):
                self.found = Finding(f"It appears first in what {where} receives: {counts(tensor)}.", _advice(tensor))

    def outputs(self, where: str, module: nn.Module, args: Any, result: Any) -> None:
        """Look at what a layer returns, and note its part of the graph."""
        for tensor in _floating(result):
            if self.found is None and not is_finite(tensor):
                self.found = Finding(f"It appears first in what {where} returns: {counts(tensor)}.", _advice(tensor))
        outside = {tensor.grad_fn for tensor in tensors_of(args)}
        for node in nodes_from([tensor.grad_fn for tensor in tensors_of(result)], outside):
            self.owners.setdefault(node, where)  # a layer within a layer has returned before, and has named its own


@contextlib.contextmanager
def _watched(model: nn.Module) -> Iterator[_FirstNonFinite]:
    """Look at what goes into every layer and what comes out of it, in the order in which they are computed."""
    watch, handles = _FirstNonFinite(), []
    for name, module in model.named_modules():
        where = _describe(name, module)
        handles += [
            module.register_forward_pre_hook(functools.partial(watch.inputs, where)),
            module.register_forward_hook(functools.partial(watch.outputs, where)),
        ]
    try:
        yield watch
    finally:
        for handle in handles:
            handle.remove()


def _describe(name: str, module: nn.Module) -> str:
    kind = type(module).__name__
    if not name:
        return f"the model ({kind})"
    return f"layer {name} ({kind})"


def _in_backward(model: nn.Module, loss: Tensor, owners: dict[Any, str]) -> Finding | None:
    """Return the first operation that receives finite gradients and returns others."""
    found: list[Finding] = []

    def look(node: Any, returned: tuple[Tensor | None, ...], received: tuple[Tensor | None, ...]) -> None:
        bad = [gradient for gradient in returned if gradient is not None and not is_finite(gradient)]
        if bad and not found and all(gradient is None or is_finite(gradient) for gradient in received):
            where = owners.get(node, "the loss function")
            found.append(
                Finding(
                    f"It appears first in the backward pass of {where}: {node.name()} turns finite gradients into "
                    f"{counts(bad[0])}.",
                    DERIVATIVE,
                )
            )

    for node in nodes_from([loss.grad_fn], set()):
        node.register_hook(lambda returned, received, node=node: look(node, returned, received))
    wanted = [parameter for parameter in model.parameters() if parameter.requires_grad]
    torch.autograd.grad(loss, wanted, allow_unused=True)
    return found[0] if found else None


def nodes_from(start: list[Any], outside: set[Any]) -> list[Any]:
    """Return the nodes of the graph from those at the start up to those outside, each once."""
    found: dict[Any, None] = {}
    waiting = list(start)
    while waiting:
        node = waiting.pop()
        if node is not None and node not in outside and node not in found:
            found[node] = None
            waiting += [following for following, _ in node.next_functions]
    return list(found)

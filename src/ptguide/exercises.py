"""Exercises: a function to write, and a checker that shows the first input for which it is wrong, as a picture."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name

from ptguide.pictures import Picture
from ptguide.pictures._panels import colored, tensor_panel

__all__ = ["Report", "check"]

MOST_AXES = 4  # of a tensor that is drawn


@dataclass(frozen=True)
class Report:
    """What became of an attempt; a page and a notebook show it as the value of a cell.

    Attributes
    ----------
    passed : bool
    words : str
        What was tried and, if it failed, with which arguments.
    picture : Picture or None
        The arguments of the first failure, what the attempt gave and what was expected, if this has at most 4 axes.
    """

    passed: bool
    words: str
    picture: Picture | None = None

    def __repr__(self) -> str:
        return self.words

    def _repr_html_(self) -> str:
        picture = self.picture._repr_html_() if self.picture else ""
        mark = "✓" if self.passed else "✗"
        return f'<div class="ptg-report"><p><strong>{mark}</strong> {escape(self.words)}</p>{picture}</div>'


def check(
    attempt: Callable[..., Tensor],
    expected: Callable[..., Tensor],
    cases: Iterable[tuple[Any, ...]],
    *,
    without: Sequence[str] = (),
) -> Report:
    """Try a function on many arguments, and show the first for which it is wrong.

    Parameters
    ----------
    attempt : callable
        The function to write. As long as it raises NotImplementedError, the report shows what is asked for.
    expected : callable
        Gives the right result for the same arguments.
    cases : iterable of tuple
        The arguments of each call, the smallest first: the first failure is shown.
    without : sequence of str
        Names of torch functions and methods that the attempt may not call, for example ``"repeat"``.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        If there are no cases.

    Examples
    --------
    >>> import torch
    >>> report = check(lambda x: x + x, lambda x: x * 3, [(torch.tensor([0]),), (torch.tensor([1, 2]),)])
    >>> report
    Case 2 of 2 is wrong: expected the values of the last tensor.
    """
    cases = list(cases)
    if not cases:
        raise ValueError("cases is empty; expected at least one tuple of arguments.")
    for number, case in enumerate(cases, start=1):
        report = _try(attempt, case, expected(*copy.deepcopy(case)), set(without))
        if report:
            return replace(report, words=f"Case {number} of {len(cases)}{_arguments(case)} {report.words}")
    return Report(True, f"All {len(cases)} cases are right.")


def _try(attempt: Callable[..., Tensor], case: tuple[Any, ...], wanted: Tensor, without: set[str]) -> Report | None:
    """Return what went wrong in one call, if anything did."""
    try:
        with _CalledFunctions() as watch:
            given = attempt(*copy.deepcopy(case))
    except NotImplementedError:
        return Report(False, "is not written yet: for this input, the last tensor is expected.", _draw(case, wanted))
    except Exception as error:
        return Report(False, f"raised {type(error).__name__}: {error}", _draw(case, wanted))
    if banned := sorted(watch.called & without):
        return Report(False, f"called {', '.join(banned)}, and the exercise is to do without.")
    if wrong := _difference(given, wanted):
        shown = given if isinstance(given, Tensor) else None
        return Report(False, f"is wrong: {wrong}.", _draw(case, wanted, shown))
    return None


class _CalledFunctions(TorchFunctionMode):
    """Notes the names of the torch functions that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.called: set[str] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # Either alone misleads: torch.mm resolves to "spmm", the name of Tensor.__add__ is not "add".
        self.called |= {(resolve_name(func) or "").rpartition(".")[2], getattr(func, "__name__", "")}
        return func(*args, **(kwargs or {}))


def _difference(given: Any, wanted: Tensor) -> str:
    """Return what is wrong in words, nothing if all is right."""
    if not isinstance(given, Tensor):
        return f"it returned {type(given).__name__}, expected a tensor"
    if given.shape != wanted.shape:
        return f"its shape is {tuple(given.shape)}, expected {tuple(wanted.shape)}"
    if given.dtype != wanted.dtype:
        return f"its dtype is {given.dtype}, expected {wanted.dtype}"
    inexact = wanted.is_floating_point() or wanted.is_complex()  # integers are right or wrong, however large they are
    if not (torch.allclose(given, wanted, equal_nan=True) if inexact else torch.equal(given, wanted)):
        return "expected the values of the last tensor"
    return ""


def _draw(case: tuple[Any, ...], wanted: Tensor, given: Tensor | None = None) -> Picture | None:
    """Draw the arguments that are tensors, what was given, each wrong element marked, and what was expected.

    A tensor of more than 4 axes has no picture; without one of what is expected, nothing is drawn.
    """
    if wanted.dim() > MOST_AXES:
        return None
    tensors = [argument for argument in case if isinstance(argument, Tensor) and argument.dim() <= MOST_AXES]
    names = ["input"] if len(tensors) == 1 else [f"input {place}" for place in range(1, len(tensors) + 1)]
    panels = [tensor_panel(tensor, name, colored(tensor, 0)) for tensor, name in zip(tensors, names, strict=True)]
    if given is not None and given.dim() <= MOST_AXES:
        wrong = given != wanted if given.shape == wanted.shape else torch.ones(given.shape, dtype=torch.bool)
        marks = ["≠" if differs else "" for differs in wrong.flatten().tolist()]
        panels.append(tensor_panel(given.detach(), "you gave", torch.where(wrong, 1, 4), marks=marks))
    return Picture((*panels, tensor_panel(wanted, "expected", colored(wanted, 2))))


def _arguments(case: tuple[Any, ...]) -> str:
    """Return the arguments that are no tensors, as words; the others are drawn."""
    drawn = [isinstance(argument, Tensor) and argument.dim() <= MOST_AXES for argument in case]
    others = [_spelled(argument) for argument, is_drawn in zip(case, drawn, strict=True) if not is_drawn]
    return f", called with {', '.join(others)}," if others else ""


def _spelled(argument: Any) -> str:
    """Return an argument as words: a function's would hold its address, a network's fill a screen."""
    if isinstance(argument, nn.Module) and [*argument.children()]:
        return f"{'an' if type(argument).__name__[0] in 'AEIOU' else 'a'} {type(argument).__name__}"
    if isinstance(argument, Tensor):
        return f"a tensor of shape {tuple(argument.shape)}"
    name = getattr(argument, "__name__", "")
    return repr(argument) if not name else "a function" if name == "<lambda>" else name

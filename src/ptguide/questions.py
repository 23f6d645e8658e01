"""Questions at the end of a page: the right answer is computed, and each wrong one says why it is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from itertools import count
from typing import Any

from torch import Tensor

__all__ = ["Question", "ask"]

_numbers = count(1)


@dataclass(frozen=True)
class Question:
    """A question with its choices; a page and a notebook show it as the value of a cell.

    Each choice is a fold that says, once opened, whether it is right and why: it needs no script and no server, and
    works by keyboard.

    Attributes
    ----------
    text : str
        The question.
    answer : object
        The right choice.
    choices : mapping
        From each choice to what is said of it.
    """

    text: str
    answer: Any
    choices: Mapping[Any, str]

    def __repr__(self) -> str:
        letters = (chr(ord("a") + place) for place in range(len(self.choices)))
        lines = [f"  {letter}) {_shown(choice)}" for letter, choice in zip(letters, self.choices, strict=True)]
        return "\n".join([self.text, *lines, "The attribute `answer` holds the right one."])

    def _repr_html_(self) -> str:
        group = f"ptg-ask-{next(_numbers)}"  # choices of one name close each other
        folds = "".join(
            f'<details name="{group}"><summary>{escape(_shown(choice))}</summary>'
            f"<p><strong>{'✓ Right.' if choice == self.answer else '✗ No.'}</strong> {escape(why)}</p></details>"
            for choice, why in self.choices.items()
        )
        return f'<div class="ptg-ask"><p>{escape(self.text)}</p>{folds}</div>'


def ask(text: str, answer: Any, choices: Mapping[Any, str]) -> Question:
    """Ask a question whose right answer the page has computed.

    Parameters
    ----------
    text : str
        The question, in plain text.
    answer : object, or callable without arguments
        What the page computed. A callable is called: its result is the answer, or the type of the exception that it
        raises. Tensors, shapes and lists count as nested tuples.
    choices : mapping
        From each choice to one or two sentences that are shown when it is chosen; exactly one choice equals the
        answer. A choice is a number, a string, a tuple, a bool, or an exception type for "this raises".

    Returns
    -------
    Question

    Raises
    ------
    ValueError
        If there are fewer than two choices, if no choice equals the answer, or if a choice has no explanation.

    Examples
    --------
    >>> import torch
    >>> question = ask(
    ...     "What is the shape of torch.ones(2, 3).sum(dim=0)?",
    ...     answer=torch.ones(2, 3).sum(dim=0).shape,
    ...     choices={(3,): "Axis 0, of size 2, disappears.", (2,): "That is dim=1.", (1, 3): "Only with keepdim=True."},
    ... )
    >>> question.answer
    (3,)
    """
    if callable(answer) and not isinstance(answer, type):
        try:
            answer = answer()
        except Exception as error:
            answer = type(error)
    answer = _plain(answer)
    same = [choice for choice in choices if _is_same(choice, answer)]
    if len(choices) < 2:
        raise ValueError(f"choices has {len(choices)} entries; expected at least 2, one of them right.")
    if not same:
        listed = ", ".join(_shown(choice) for choice in choices)
        raise ValueError(f"the answer is {_shown(answer)}, which is not among the choices: {listed}.")
    for choice, why in choices.items():
        if not why.strip():
            raise ValueError(f"the choice {_shown(choice)} has no explanation; say why it is right or wrong.")
    return Question(text, same[0], dict(choices))


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        value = value.tolist()
    return tuple(_plain(part) for part in value) if isinstance(value, (list, tuple)) else value


def _is_same(choice: Any, answer: Any) -> bool:
    """Return whether a choice is the answer; True is not 1, and 1.0 not 1."""
    return bool(choice == answer) and _types(choice) == _types(answer)


def _types(value: Any) -> Any:
    return tuple(map(_types, value)) if isinstance(value, tuple) else type(value)


def _shown(value: Any) -> str:
    if isinstance(value, type):
        return f"it raises {value.__name__}"
    return value if isinstance(value, str) else repr(value)

"""What makes a call work that no rule is about: one argument after the other is another, and the call is made again."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from ptguide._explaining._attempt import Attempt, Failed, Key, attempt
from ptguide._explaining._copies import tensors_in
from ptguide._explaining._finding import Finding
from ptguide._explaining._likely import allowed, cost, swaps
from ptguide._explaining._measured import rule
from ptguide._explaining._others import Around, Other, others
from ptguide._explaining._site import Site
from ptguide._explaining._standins import is_tensor
from ptguide._explaining._trying import Tried, gives

MOST_TRIES, MOST_SECONDS = 300, 0.3
MOST_STEPS = 3  # changes that led to another error, after which a second one is tried
Steps = Mapping[Key, Other]


def search(site: Site, error: BaseException) -> tuple[Finding, list[Tried]] | None:
    """Return the rule that was measured and a change that works; None where nothing is found.

    Parameters
    ----------
    site : Site
    error : BaseException
        What the call raised; the same must be raised by it on copies.
    """
    made = attempt(site.call)
    if made is None:
        return None
    before = made.run({})
    if not isinstance(before, Failed) or not _is_same(before.error, error):
        return None
    ends = time.monotonic() + MOST_SECONDS
    further: list[tuple[Other, Exception]] = []
    for steps in itertools.islice(_ways(made, error), MOST_TRIES):
        result = _run(made, steps)
        if not isinstance(result, Failed):
            if _is_sensible(result, made):
                return _found(made, steps, result)
        elif len(steps) == 1 and not _is_same(result.error, error):
            further += [(other, result.error) for other in steps.values()]
        if time.monotonic() > ends:
            break
    return _second(made, further, ends + MOST_SECONDS)


def _second(made: Attempt, further: list[tuple[Other, Exception]], ends: float) -> tuple[Finding, list[Tried]] | None:
    """Go on from changes after which the call fails otherwise: some calls break two rules."""
    for first, error in further[:MOST_STEPS]:
        for steps in itertools.islice(_ways(made, error), MOST_TRIES // MOST_STEPS):
            if first.key in steps or time.monotonic() > ends:
                continue
            both = {first.key: first, **steps}
            result = _run(made, both)
            if not isinstance(result, Failed) and _is_sensible(result, made):
                return _found(made, both, result)
    return None


def _run(made: Attempt, steps: Steps) -> Any:
    return made.run({key: other.make for key, other in steps.items()})


def _found(made: Attempt, steps: Steps, result: Any) -> tuple[Finding, list[Tried]]:
    told = [other.shown for other in steps.values() if other.shown]
    if len(told) < len(steps):
        told.append(made.written({key: other.text for key, other in steps.items() if not other.shown}))
    rules = [rule(made, other, steps) for other in steps.values()]
    return Finding(" ".join(filter(None, rules))), [Tried(", ".join(told), gives(result, _tensors(made)), "")]


def _is_same(one: BaseException, other: BaseException) -> bool:
    return type(one) is type(other) and _without_numbers(one) == _without_numbers(other)


def _without_numbers(error: BaseException) -> str:
    return re.sub(r"\d+|0x\w+", "#", str(error))


def _tensors(made: Attempt) -> list[Any]:
    return tensors_in([one.value for one in made.given.values()])


def _is_sensible(result: Any, made: Attempt) -> bool:
    """Say whether a result is one that somebody could have wanted: not empty where nothing was."""
    empty = any(not tensor.numel() for tensor in _tensors(made))
    return not is_tensor(result) or empty or result.numel() > 0


def _ways(made: Attempt, error: BaseException) -> Iterator[Steps]:
    """Yield what to try, the likeliest first: what the message names, and the kind of change that it speaks of."""
    message = str(error)
    shapes = [tuple(tensor.shape) for tensor in _tensors(made)]
    said = [tuple(map(int, re.findall(r"\d+", part))) for part in re.findall(r"[\[(]([\d, ]*\d,?)[\])]", message)]
    shapes = list(dict.fromkeys([*shapes, *said]))
    sizes = sorted({size for shape in shapes for size in shape} | {len(shape) for shape in shapes})
    around = Around(sizes, shapes, message)
    found: list[tuple[float, int, Steps]] = [(-1.0, 0, steps) for steps in swaps(made, message)]
    for place, one in enumerate(made.given.values()):
        for turn, other in enumerate(others(one, around)):
            if allowed(made, one, other, error):
                found.append(
                    (cost(made, one, other, message) + 0.02 * turn + 0.1 * place, len(found), {one.key: other})
                )
    yield from (steps for *_, steps in sorted(found, key=lambda entry: entry[:2]))

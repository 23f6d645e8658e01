"""Is a tolerance so wide that a comparison says nothing? It then accepts 0 in the place of the value."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

COMPARE = ("assert_close", "assert_allclose", "allclose", "isclose")
EXPECTED = ("expected", "desired", "other", "b")
RELATIVE, ABSOLUTE = ("rtol", "rel_tol"), ("atol", "abs_tol")


def too_wide(function: Callable[..., Any], args: Sequence[Any], options: Mapping[str, Any]) -> str:
    """Return why a call cannot fail, empty where it can; a comparison with nothing but zeros can.

    Parameters
    ----------
    function : callable
        Only those that are called as in `COMPARE` are looked at.
    args, options
        What it is called with.

    Examples
    --------
    >>> import math
    >>> too_wide(math.isclose, (0.3, 0.31), {"abs_tol": 0.5})
    'the claim cannot fail: abs_tol is 0.5, and no expected value is larger than 0.31'
    >>> too_wide(math.isclose, (0.3, 0.31), {"abs_tol": 0.05})
    ''
    """
    if getattr(function, "__name__", "") not in COMPARE:
        return ""
    if hasattr(getattr(function, "__self__", None), "dtype"):  # a method of a tensor
        args = (None, *args)
    given = dict(options)
    if getattr(function, "__name__", "") != "assert_close":  # torch's has its tolerances by name alone
        given |= dict(zip(("rtol", "atol"), args[2:4], strict=False))
    for name in RELATIVE:
        if (wide := _number(given.get(name))) is not None and wide >= 1:
            return f"the claim cannot fail: {name} is {wide:g}, and a tolerance of 1 accepts 0 for every value"
    expected = args[1] if len(args) > 1 else next((given[name] for name in EXPECTED if name in given), None)
    largest = _largest(expected)
    for name in ABSOLUTE:
        if (wide := _number(given.get(name))) and largest and wide >= largest:
            return f"the claim cannot fail: {name} is {wide:g}, and no expected value is larger than {largest:g}"
    return ""


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _largest(value: Any) -> float | None:
    """Return the largest magnitude in numbers, arrays or containers of them; None where it cannot be told."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return max((found for found in map(_largest, value) if found is not None), default=None)
    torch = sys.modules.get("torch")
    try:
        if torch is not None and isinstance(value, torch.Tensor):
            return float(value.detach().abs().max())
        return float(abs(value).max()) if hasattr(value, "max") else float(abs(value))
    except Exception:  # booleans, text, nothing in it, a layout without a maximum
        return None

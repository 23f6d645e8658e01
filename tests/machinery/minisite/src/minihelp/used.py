"""Uses another helper."""

from minihelp import deeper


def double(x):
    """Return twice x.

    Examples
    --------
    >>> double(3)
    6
    """
    return deeper.times(x, 2)

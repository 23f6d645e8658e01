"""Explain an error of torch where it is raised: the call, the layer, the operands, the rule, and what makes it work.

What is raised stays what it was: an explanation is a note (`BaseException.add_note`), which Python prints below the
message. Nothing runs before an error is raised. Then the traceback is read; your code does not run again. A change is
named after it was tried, on copies of small tensors or on the device ``meta``.

The module itself can be called as the function can, so that ``from ptguide import explain`` is enough.
"""

from __future__ import annotations

import sys
from types import ModuleType, TracebackType
from typing import Any

from ptguide._explaining import _hooks

__all__ = ["explain", "install", "uninstall"]


class explain:  # noqa: N801 - it is used as a function
    """Explain an error of torch that is raised in a block.

    Blocks may stand within each other, and in functions that are called from several threads. An error that is not
    torch's gets no note, nor do those that end a program, such as `KeyboardInterrupt`. Where the explanation itself
    fails, the error is what it would have been.

    Raises
    ------
    Exception
        What the block raises, with its own type, arguments and traceback.

    Notes
    -----
    The note says which expression in which line of your own code failed and in which layer of your model; shape, data
    type, device and strides of the operands, by your names for them; the rule that was broken, on these sizes; changes
    that were tried and worked; and the address of the page about it. What is not known is left out: the tensor that one
    of your functions returned within the same line has no name that could be looked up.

    Where no rule is known for a call of torch, one is measured: the call is made again on copies, with one argument
    changed, and the note says what ran.

    Errors in the workers of a `torch.utils.data.DataLoader` are explained where they are raised, and the note
    travels with them, if the workers are forked. Where they are spawned, call `install` at the top of your script,
    outside of ``if __name__ == "__main__":``.

    Examples
    --------
    >>> import torch
    >>> a, b = torch.ones(2, 3), torch.ones(4, 3)
    >>> try:
    ...     with explain():
    ...         a @ b
    ... except RuntimeError as error:
    ...     print(error.__notes__[0].partition("works")[2].partition("page")[0].strip())
    a @ b.mT, which gives (2, 4)
    """

    def __enter__(self) -> None:
        """Watch the block, and the workers that start in it."""
        _hooks.watch_workers()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Add the note to what was raised; it is raised on."""
        _hooks.leave_workers()
        if error is not None:
            _hooks.show(_hooks.annotate(error))

    @staticmethod
    def install() -> None:
        """Explain what nothing catches, in the whole program or notebook.

        A second call changes nothing. A hook that was there before is called as before.
        """
        _hooks.install()

    @staticmethod
    def uninstall() -> None:
        """Explain nothing any more, and put back the hooks that were there before."""
        _hooks.uninstall()


install = explain.install
uninstall = explain.uninstall


class _Callable(ModuleType):
    """The module, which ``from ptguide import explain`` gives, can be called as the function in it."""

    def __call__(self, *args: Any, **kwargs: Any) -> explain:
        return explain(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable

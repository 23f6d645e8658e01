"""Note of each claim of a page how often it held, and that it failed, also where the page catches the error."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from pipeline.running import tolerance

NAME = "@claims"  # not an identifier: no page can touch it
LONGEST = 300  # characters of a value that a message shows
UNCHECKED = "unchecked"  # stands for the count of a claim that holds only on a device that is not there
NEVER_HELD = (
    "a claim never held: no run came to it, or an error came first.\n{claims}\n"
    "Make the page reach it, or delete it. One that needs a GPU says so on its line: # only on a GPU"
)
NOTHING = "the claim is about nothing: all(...) had not one item to look at\n    {}"
FAILED = "a claim failed, and the page went on: the error was caught, or it rose in a thread or in another process.\n{}"


class Claim(NamedTuple):
    """A claim of a page: its ``cell``, its ``line``, its ``source``, and ``only`` where it holds."""

    cell: int
    line: int
    source: str
    only: str = ""


class Claims:
    """Counts how often each claim held, and keeps the values of the one that is being checked.

    Parameters
    ----------
    file : Path
        What the processes report that the page forks; it lies where no page writes.
    """

    def __init__(self, file: Path) -> None:
        self.all: list[Claim] = []
        self._file, self._process = file, os.getpid()
        self._held: list[int] = []  # appending is safe in threads
        self._failed: list[tuple[int, str]] = []
        self._forgiving = 0
        self._local = threading.local()

    def add(self, claim: Claim) -> int:
        """Note that there is a claim; return its number."""
        self.all.append(claim)
        return len(self.all) - 1

    @property
    def _open(self) -> list[list[tuple[str, Any]]]:
        """The claims that this thread is checking, with their values."""
        return self._local.__dict__.setdefault("open", [])

    # Between here and the end of `failure`: what the code of a page calls.
    def begin(self) -> None:
        """Start a claim; claims nest, since a claim may call a function that makes one."""
        self._open.append([])

    def see(self, source: str, value: Any) -> Any:
        """Keep a value of the claim together with its source, and pass it on."""
        self._open[-1].append((source, value))
        return value

    def hold(self, number: int) -> None:
        """Count a claim as true."""
        if os.getpid() == self._process:
            self._held.append(number)
        else:
            self._report([number, None])

    def end(self, number: int) -> None:
        """Count a claim as true and forget its values."""
        self._open.pop()
        self.hold(number)

    def call(self, number: int, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call a function that raises where a claim is false, and count the claim."""
        self.close(number, function, *args, **options)
        try:
            result = function(*args, **options)
        except AssertionError as error:
            self._fail(number, str(error))
            raise
        self.hold(number)
        return result

    def compare(self, number: int, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call a function that compares within a tolerance, as a part of a claim."""
        self.close(number, function, *args, **options)
        return function(*args, **options)

    def some(self, number: int, items: Iterable[Any]) -> Iterator[Any]:
        """Pass on what `all` asks for, and refuse a claim about nothing."""
        empty = True
        for item in items:
            empty = False
            yield item
        if empty:
            self._fail(number, NOTHING.format(self.all[number].source))
            raise AssertionError(NOTHING.format(self.all[number].source))

    def close(self, number: int, function: Callable[..., Any], *args: Any, **options: Any) -> None:
        """Refuse a tolerance that is as wide as the values."""
        if why := tolerance.too_wide(function, args, options):
            self._fail(number, why)
            raise AssertionError(why)

    def forgive(self, change: int) -> None:
        """Begin (1) or end (-1) to show on purpose how a claim fails."""
        self._forgiving += change

    def failure(self, number: int, *message: object) -> AssertionError:
        """Return the error that Python raises for a false claim, with a note: the claim and each of its values."""
        lines = [f"the claim is false:\n    {self.all[number].source}"]
        for part, value in self._open.pop():
            if not isinstance(value, ModuleType) and part != repr(value):
                lines.append(f"      {part} is {_short(value)}")
        error = AssertionError(*message)
        error.add_note(note := "\n".join(lines))  # a page that catches the error prints what a download of it prints
        self._fail(number, note)
        return error

    def _fail(self, number: int, why: str) -> None:
        if self._forgiving:
            return
        if os.getpid() == self._process:
            self._failed.append((number, why))
        else:
            self._report([number, why])

    def _report(self, what: list[Any]) -> None:
        with self._file.open("ab", buffering=0) as file:
            file.write(json.dumps(what).encode() + b"\n")

    def settle(self, *, on_cpu: bool) -> dict[int, list[int | str]]:
        """Return for each cell with claims how often each held, when the page has run.

        Parameters
        ----------
        on_cpu : bool
            Whether the page ran on a CPU alone, where what holds only on a GPU is `UNCHECKED`, or on a GPU.

        Raises
        ------
        AssertionError
            If the page makes no claim, if one failed, never held, or is marked in vain; with the line.
        """
        held = Counter(self._held)
        failed = list(self._failed)
        for line in self._file.read_text(encoding="utf-8").splitlines() if self._file.is_file() else ():
            number, why = json.loads(line)
            if why is None:
                held[number] += 1
            else:
                failed.append((number, why))
        if failed:
            raise at(self.all[failed[0][0]].line, FAILED.format(failed[0][1]))
        here, elsewhere = ("a CPU", "a GPU") if on_cpu else ("a GPU", "a CPU")
        never = [claim for number, claim in enumerate(self.all) if not held[number] and claim.only != elsewhere]
        self._refuse(never, NEVER_HELD)
        in_vain = f"a claim is marked '# only on {elsewhere}', and it held on {here}: take the mark away.\n{{claims}}"
        self._refuse(
            [claim for number, claim in enumerate(self.all) if held[number] and claim.only == elsewhere], in_vain
        )
        if not held:
            raise AssertionError("the page makes no claim: back what it says by an assert")
        counts: dict[int, list[int | str]] = {}
        for number, claim in enumerate(self.all):
            counts.setdefault(claim.cell, []).append(held[number] or UNCHECKED)
        return counts

    def _refuse(self, claims: list[Claim], why: str) -> None:
        if claims:
            listed = "\n".join(f"    line {claim.line}: {claim.source}" for claim in claims)
            raise at(claims[0].line, why.format(claims=listed))


def at(line: int, why: str) -> AssertionError:
    """Return an error that points to a line of the page though no frame of it is left."""
    error = AssertionError(why)
    error.cell_line = line
    return error


def _short(value: Any) -> str:
    try:
        text = " ".join(repr(value).split())
    except Exception as error:  # a value that cannot be shown must not hide the false claim
        text = f"not printable ({type(error).__name__})"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"

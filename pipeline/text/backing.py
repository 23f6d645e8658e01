"""What stands behind a text: the code around it, with its claims, what it printed and drew, and the values in it.

Numbers are compared as numbers, to the digits that are typed: 1,024 is 1024, and 25 % is 25 or 0.25.
"""

from __future__ import annotations

import ast
import functools
import operator
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from pipeline.spelling import Number, numbers
from pipeline.text.typed import DTYPE, SCALES, Typed

OPERATIONS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
LARGEST_POWER = 200  # of what is calculated here
KEPT = 64  # what was found in so many texts: a cell is behind those of its neighbours, a module behind its docstrings
OTHER_NAMES = {"float32": "float", "float64": "double", "float16": "half", "int64": "long", "int32": "int"}
# Of code in a text: the tensor in front, and a name that is neither called nor that of an argument.
OWNER = re.compile(r"\A(?!(?:torch|nn|F|np|math)\b)[A-Za-z_]\w*(?=[.\[])")
ANY_NAME = re.compile(r"(\.\.\.|…|(?<![\w.])[a-zA-Z_]\w*(?![\w(.\"]|=(?!=)))")
# A whole number that is typed stands for a decimal from here on: 139 for 138.97, and not 3 for 3.2.
ROUNDED_FROM = 10


class Backing:
    """What some code and its outputs say.

    Parameters
    ----------
    code : iterable of str
        Without the strings that are text themselves.
    outputs : iterable of str
    """

    def __init__(self, code: Iterable[str], outputs: Iterable[str] = ()) -> None:
        self._code, self._outputs = list(code), list(outputs)
        self._all = "\n".join([*self._code, *self._outputs])
        shapes = (str(shape) for part in self._code for shape in _shapes(part))
        self._flat = " ".join(re.sub(r"\s*,\s*", ", ", "\n".join([self._all, *shapes])).split())

    def has(self, typed: Typed) -> bool:
        """Return whether it says what is typed in a text."""
        if typed.kind == "number":
            return all(map(self._has_number, numbers(typed.text))) or self._has_other(typed.text)
        has = {
            "sequence": self._has_sequence,
            "dtype": self._has_dtype,
            "code": self._has_code,
            "message": self._has_message,
        }
        return has[typed.kind](typed.text)

    @functools.cached_property
    def _values(self) -> set[float]:
        """The numbers that stand there, and those that code writes as a calculation."""
        return set().union(*map(_written, [*self._code, *self._outputs]), *map(_calculated, self._code))

    def _has_number(self, number: Number) -> bool:
        if number.value in self._values or (-number.value in self._values and number.value > 0):
            return True
        plain = replace(number, percent=False)
        return any(
            number.is_value(value) or plain.is_value(value)
            for value in self._values
            if number.step or number.percent or abs(value) >= ROUNDED_FROM
        )

    def _has_other(self, text: str) -> bool:
        """Return whether a fraction, or a number with a word such as million, stands there as one number."""
        above, slash, below = text.partition("/")
        if slash:
            return float(below) != 0 and float(above) / float(below) in self._values
        scale = SCALES.get(text.split()[-1])
        scaled = (replace(one, value=one.value * scale, step=(one.step or 1) * scale) for one in numbers(text) if scale)
        return any(map(self._has_number, scaled))

    def _has_sequence(self, text: str) -> bool:
        """Return whether it stands there as a whole: (3, 4) is not backed by (2, 3, 4)."""
        if re.fullmatch(r"\([^,]*,\s*\)", text):  # of one element
            return all(map(self._has_number, numbers(text)))
        inside = re.sub(r"\s*,\s*", ", ", text.strip("()[]").strip()).rstrip(", ")
        return bool(re.search(rf"(?<!\d, )(?<![\w.]){re.escape(inside)}(?![\w.])(?!, [-\d])", self._flat))

    def _has_dtype(self, text: str) -> bool:
        return dtype_of(text) in self.dtypes

    @functools.cached_property
    def dtypes(self) -> set[str]:
        """The data types that are named there."""
        others = {full for full, other in OTHER_NAMES.items() if re.search(rf"\b{other}\b", self._all)}
        return others.union(dtype_of(found[0]) for found in DTYPE.finditer(self._all))

    def _has_code(self, text: str) -> bool:
        """Return whether code stands there, with spaces and names as it likes; an ellipsis stands for some of it."""
        return bool(re.search(_pattern(text), self._dense))

    @functools.cached_property
    def _dense(self) -> str:
        return _dense(self._all)

    def _has_message(self, text: str) -> bool:
        """Return whether the words of a message stand there in this order, in one spelling of the quotes."""
        parts = [re.escape(_plain(part)) for part in re.split(r"\.\.\.|…", text) if part.strip()]
        return bool(re.search(".*".join(parts), _plain(self._flat)))


def dtype_of(text: str) -> str:
    """Return the name of a data type as torch prints it, without ``torch.``."""
    return text.removeprefix("torch.")


@functools.cache
def _pattern(text: str) -> str:
    """Return what finds code written without spaces: functions, methods, arguments count, and ``x`` is any name."""
    text = OWNER.sub("", _dense(text))
    parts = [
        ".*?" if part in ("...", "…") else r"[\w.]+" if number % 2 else re.escape(part)
        for number, part in enumerate(ANY_NAME.split(text))
    ]
    before, after = "" if text[0] in ".[" else r"(?<!\w)", r"(?!\w|\.\d)" if text[-1].isalnum() else ""
    return before + "".join(parts) + after


def _dense(code: str) -> str:
    """Return code without its spaces; where one parts two words stands a semicolon."""
    parted = re.sub(r"(?<=\w)\s+(?=\w)|(?<=[)\]])\s*\n\s*(?=\w)", ";", code)
    return re.sub(r"\s+", "", parted).replace("'", '"')


def _plain(words: str) -> str:
    """Return words without what a regular expression escapes, and without what quotes become in a text."""
    plain = words.replace("\\", "").replace("’", "'").replace("‘", "'").strip(" .,")
    return " ".join(plain.split()).lower()


@functools.lru_cache(KEPT)
def _written(text: str) -> frozenset[float]:
    """Return the numbers that stand in code or an output."""
    found = list(numbers(text))
    return frozenset(one.value for one in found) | {one.value / 100 for one in found if one.percent}


@functools.lru_cache(KEPT)
def _nodes(code: str) -> tuple[ast.AST, ...]:
    """Return the parts of code; nothing of what is none."""
    try:
        return tuple(ast.walk(ast.parse(code)))
    except SyntaxError:
        return ()


@functools.lru_cache(KEPT)
def _shapes(code: str) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of the nested lists that stand in code."""
    found = []
    for node in _nodes(code):
        sizes: tuple[int, ...] = ()
        while isinstance(node, ast.List) and node.elts:
            sizes, node = (*sizes, len(node.elts)), node.elts[0]
        if len(sizes) > 1:
            found.append(sizes)
    return tuple(found)


@functools.lru_cache(KEPT)
def _calculated(code: str) -> frozenset[float]:
    """Return the values of the calculations with numbers alone that stand in code."""
    values = (_value(node) for node in _nodes(code) if isinstance(node, ast.BinOp | ast.UnaryOp))
    return frozenset(value for value in values if value is not None)


def _value(node: ast.AST) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and (value := _value(node.operand)) is not None:
        return -value
    if isinstance(node, ast.BinOp) and (operation := OPERATIONS.get(type(node.op))):
        left, right = _value(node.left), _value(node.right)
        if left is None or right is None or (isinstance(node.op, ast.Pow) and abs(right) > LARGEST_POWER):
            return None
        try:
            return operation(left, right)
        except ArithmeticError:
            return None
    return None

"""The call that failed while `torch.compile` traced a function: its own frame is gone, its node is not."""

from __future__ import annotations

import ast
import re
from types import TracebackType
from typing import Any

from ptguide._explaining._calls import ATOMS, Call, Operand
from ptguide._explaining._scope import BINARY
from ptguide._explaining._source import written
from ptguide._explaining._standins import is_tensor, on_meta

GOT = re.compile(r"got (?P<kind>\w+)\((?P<quote>['\"])(?P<message>.*?)(?P=quote)\)", re.DOTALL)
LINE = re.compile(
    r'from user code:\n.*File "(?P<file>[^"\n]*)", line (?P<line>\d+), in (?P<function>[^\n]*)\n +(?P<code>[^\n]*)',
    re.DOTALL,
)


def compiled_message(message: str) -> str:
    """Return what torch said, out of what the compiler says around it."""
    found = GOT.search(message) if "fake tensor" in message else None
    return found["message"].replace("\\n", "\n") if found else message


def compiled_line(message: str) -> tuple[str, int, str, str] | None:
    """Return the file, the line, the function and the code that the compiler names."""
    found = LINE.search(message)
    return (found["file"], int(found["line"]), found["function"], found["code"]) if found else None


def compiled_call(error: BaseException, outer: Call) -> Call | None:
    """Return the call of the node that was being traced; None if nothing was."""
    line = compiled_line(str(error))
    if line is None:
        return None
    node = _node(error.__traceback__) or (error.__context__ and _node(error.__context__.__traceback__))
    if not node:
        return None
    target, args, kwargs = node
    op = target if isinstance(target, str) else getattr(target, "__name__", "")
    op = op if op in BINARY.values() else op.removeprefix("i") if op in ("iadd", "isub", "imul") else op
    names = _names(line[3])
    known = [_operand(names[place] if place < len(names) else f"input{place}", one) for place, one in enumerate(args)]
    words = {word: _operand(word, one) for word, one in kwargs.items()}
    return Call(op, known, words, line[3], True)


def _node(traceback: TracebackType | None) -> tuple[Any, Any, Any] | None:
    found = None
    while traceback is not None:
        names = traceback.tb_frame.f_locals if "fake_value" in traceback.tb_frame.f_code.co_name else {}
        if "node" in names and isinstance(names.get("args"), tuple):
            found = names["node"].target, names["args"], names.get("kwargs") or {}
        traceback = traceback.tb_next
    return found


def _operand(name: str, value: Any) -> Operand:
    if not is_tensor(value):
        return Operand(name, value)
    return Operand(name, on_meta(value), value.device, isinstance(ast.parse(name, mode="eval").body, ATOMS))


def _names(code: str) -> list[str]:
    """Return the operands of a line by name, where it holds one operator or one call."""
    try:
        tree = ast.parse(code.strip())
    except SyntaxError:
        return []
    for node in ast.walk(tree):
        match node:
            case ast.BinOp(left, _, right) | ast.AugAssign(left, _, right):
                return [written(left), written(right)]
            case ast.Call(ast.Attribute(base, _), args) if not _is_module_name(base):
                return [written(base), *map(written, args)]
            case ast.Call(_, args):
                return [written(arg) for arg in args]
    return []


def _is_module_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("torch", "F", "nn")

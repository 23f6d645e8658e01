"""The answer of a question is computed by its page: one that is typed would stay right whatever torch does."""

import ast
import builtins
from pathlib import Path

import pytest

GALLERY = Path(__file__).parents[2] / "gallery"
FILLS = {"append", "extend", "insert", "update", "add", "setdefault"}
PAGES = sorted(GALLERY.glob("*/*.py"))


def filled(node):
    """Return the name that is filled by and by here: ``names.append(...)``, ``names[0] = ...`` or ``count += ...``."""
    match node:
        case ast.Attribute(ast.Name(name), attr) if attr in FILLS:
            return name
        case ast.Subscript(ast.Name(name), ctx=ast.Store()) | ast.AugAssign(ast.Name(name)):
            return name
    return None


def bindings(tree):
    """Return for each name what is assigned to it; None among them for what is bound in another way."""
    found, plain = {}, set()
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets, value) if all(isinstance(target, ast.Name) for target in targets):
                plain |= set(targets)
                for target in targets:
                    found.setdefault(target.id, []).append(value)
            case ast.alias(name, asname):
                found.setdefault((asname or name).partition(".")[0], []).append(None)
            case ast.FunctionDef(name) | ast.ClassDef(name):
                found.setdefault(name, []).append(None)
        if name := filled(node):
            found.setdefault(name, []).append(None)
    for node in ast.walk(tree):  # bound by a loop, a with or an unpacking
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node not in plain:
            found.setdefault(node.id, []).append(None)
    return found


def is_computed(value, bound, seen=frozenset()):
    """Return whether an expression depends on more than what is typed in it, and in the names that it uses."""
    if value is None:
        return True
    local = {node.id for node in ast.walk(value) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)} - local - seen
    return any(
        is_computed(one, bound, seen | {name})
        for name in names
        for one in bound.get(name, [] if hasattr(builtins, name) else [None])
    )


def typed_answers(text):
    """Return line and source of each answer that no computation of the page gives."""
    tree = ast.parse(text)
    bound, found = bindings(tree), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ask":
            answer = next((one.value for one in node.keywords if one.arg == "answer"), None) or node.args[1]
            if not is_computed(answer, bound):
                found.append((answer.lineno, ast.unparse(answer)))
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_answers_are_computed(path):
    assert [
        f"{path.parent.parent.name}/{path.parent.name}/{path.name}:{line}: the answer {source} is typed: let the page "
        "compute it (rule: questions)"
        for line, source in typed_answers(path.read_text())
    ] == []


TYPED = [
    "ask('?', answer='unbind(1)', choices={})",
    "ask('?', (3, 4), {})",
    "ask('?', answer=not True, choices={})",
    "right = 'a'\nask('?', answer=right, choices={})",
    "right = 2\nother = right + 1\nask('?', answer=(other, right), choices={})",
    "ask('?', answer='a' if 1 < 2 else 'b', choices={})",
    "ask('?', answer=str(len('abc')), choices={})",
    "ask('?', answer=lambda: 3, choices={})",
    "ask('?', answer=[n for n in range(3)], choices={})",
    "ask('?', answer=f'{3}', choices={})",
    "if True:\n    ask('?', answer='a', choices={})",
]
COMPUTED = [
    "import torch\nask('?', answer=torch.ones(2).shape, choices={})",
    "import torch\nx = torch.ones(2)\ny = len(x)\nask('?', y, {})",
    "import torch\nask('?', answer='a' if torch.ones(1) > 0 else 'b', choices={})",
    "import torch\nask('?', answer=lambda: torch.ones(1), choices={})",
    "from torch import ones\nask('?', answer=next(n for n in range(3) if ones(n).sum() > 1), choices={})",
    "def f():\n    return 3\n\n\nask('?', answer=f(), choices={})",
    "import torch\nfor row in torch.ones(2):\n    pass\nask('?', answer=row, choices={})",
    "import torch\na, b = torch.ones(2)\nask('?', answer=a, choices={})",
    "import torch\nn = 0\nwhile n < torch.ones(1):\n    n += torch.ones(1)\nask('?', answer=n, choices={})",
]


@pytest.mark.parametrize("text", TYPED)
def test_typed_answer_is_found(text):
    assert typed_answers(text)


@pytest.mark.parametrize("text", COMPUTED)
def test_computed_answer_is_none(text):
    assert typed_answers(text) == []

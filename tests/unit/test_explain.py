"""Calls that fail as learners write them: the rule is named on their sizes, and the change that is named works."""

import ast
import importlib.util
import linecache
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from learners_calls import CALLS

from ptguide._explaining._answer import explain_error

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("failing_code", ROOT / "tests" / "site" / "failing_code.py")
failing_code = importlib.util.module_from_spec(spec)
spec.loader.exec_module(failing_code)
FILE = "/project/train.py"


def namespace():
    return {"np": np, "torch": torch, "nn": torch.nn, "F": torch.nn.functional, "__name__": "__main__"}


def fail(code, names=None):
    """Run code as a script would, and return what it raises, without the frame of this function."""
    code = f"{code.strip()}\n"
    linecache.cache[FILE] = (len(code), None, code.splitlines(keepends=True), FILE)
    names = namespace() if names is None else names
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever it is
            exec(compile(code, FILE, "exec"), names)
    error = raised.value
    while error.__traceback__.tb_frame.f_code.co_filename != FILE:
        error.__traceback__ = error.__traceback__.tb_next
    return error


def one_line(text):
    return " ".join(str(text).split())


@pytest.mark.parametrize("case", CALLS, ids=[case[0] for case in CALLS])
def test_rule_is_named_and_the_change_works(case):
    _, code, words, change, *going_on = case
    names = namespace()
    answer = explain_error(fail(code, names))
    assert one_line(words) in one_line(answer)
    told = [one.shown for one in answer.changes]
    assert any(change in one for one in told), told
    if not going_on:
        going_on = [next(one for one in told if change in one)]
    shape = re.search(r"which gives (\([\d, ]*\))", next(one.gives for one in answer.changes if change in one.shown))
    result = run(going_on[0], names)
    if shape and isinstance(result, torch.Tensor) and len(case) == 4:
        assert tuple(result.shape) == ast.literal_eval(shape[1])


def run(code, names):
    """Run statements, and return the value of the last line if it has one."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, FILE, "exec"), names)
    return eval(compile(ast.Expression(last.value), FILE, "eval"), names) if last else None


@pytest.mark.parametrize("case", CALLS, ids=[case[0] for case in CALLS])
def test_each_change_that_is_an_expression_runs_on_the_readers_own_tensors(case):
    names = namespace()
    answer = explain_error(fail(case[1], names))
    assert answer.changes
    for change in answer.changes:
        if change.code == change.shown and "(" in change.shown:
            run(change.shown, dict(names))


def test_learners_calls_are_many():
    assert len(CALLS) > 75


def test_almost_every_failing_call_of_the_search_has_a_rule_a_page_and_a_change():
    missing = {"rule": [], "change": [], "page": []}
    for code, pages in failing_code.FAILING:
        answer = explain_error(fail(code))
        if answer is None or answer.finding is None:
            missing["rule"].append(code)
            continue
        if not answer.changes:
            missing["change"].append(code)
        if answer.page not in pages:
            missing["page"].append(code)
    assert not missing["rule"]
    assert len(missing["change"]) <= 2, missing["change"]  # a part of torch that is not there; an array of objects
    assert not missing["page"]


def test_pages_that_are_named_exist():
    from ptguide._explaining._finding import RULES

    pages = {entry.page for entry in RULES}
    for file in (ROOT / "src" / "ptguide" / "_explaining").glob("_rules_*.py"):
        pages |= set(re.findall(r'page="([a-z_/]+)"', file.read_text()))
    assert len(pages) > 15
    assert [page for page in sorted(pages) if not (ROOT / "gallery" / f"{page}.py").is_file()] == []


# --- What a reader needs to know --------------------------------------------------------------------------------------

NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.ReLU())
        self.classifier = nn.ModuleList([nn.Linear(8, 4), nn.Linear(7, 2)])

    def forward(self, x):
        hidden = self.body(x)
        for layer in self.classifier:
            hidden = layer(hidden)
        return hidden

net = Net()
net(torch.rand(5, 3, 4))
"""


def test_line_layer_and_operands_are_named():
    answer = explain_error(fail(NET))
    lines = str(answer).splitlines()
    assert lines[0] == "ptguide explains:"
    assert lines[1] == "  where    train.py, line 10, in forward: layer(hidden)"
    assert lines[2] == "  layer    classifier.1 of Net: Linear(in_features=7, out_features=2, bias=True)"
    assert "  tensors  hidden                     (5, 4)  float32  cpu  strides (4, 1)  requires grad" in lines
    assert "self.classifier[1].weight  (2, 7)  float32  cpu  strides (7, 1)  requires grad" in str(answer)
    assert "self.classifier[1] = nn.Linear(4, 2), which gives (5, 2)" in str(answer)
    assert lines[-1] == "  page     https://ptguide.github.io/ptguide/guide/errors/mat1_and_mat2_shapes.html"


def test_a_call_over_several_lines_is_found():
    answer = explain_error(fail("x = torch.rand(4, 6)\ny = (x\n    .t()\n    .view(24)\n)"))
    assert "x.t().view(24)" in answer.place
    assert [one.shown for one in answer.changes] == ["x.t().reshape(24)"]


def test_of_several_calls_in_a_line_the_one_that_failed_is_named():
    answer = explain_error(fail("a = torch.rand(2, 3)\nb = torch.rand(3, 4)\n(a @ b) + (b @ a.relu())"))
    assert answer.place.endswith("b @ a.relu()")
    assert "a.relu()  (2, 3)" in str(answer)


def test_the_readers_functions_are_not_called_again():
    code = "calls = []\ndef load():\n    calls.append(1)\n    return torch.rand(2, 3)\nload() @ torch.rand(4, 5)"
    names = namespace()
    answer = explain_error(fail(code, names))
    assert names["calls"] == [1]
    assert "load()" in answer.place
    assert re.search(r"load\(\) +\(2, 3\)", str(answer))  # from the message


def test_random_numbers_go_on_as_they_would_have():
    torch.manual_seed(0)
    error = fail("torch.rand(2, 3) @ torch.rand(4, 5)")
    before = torch.get_rng_state()
    explain_error(error)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_message_that_no_rule_knows_names_the_call_and_its_tensors():
    answer = explain_error(fail("x = -torch.eye(2)\ntorch.linalg.cholesky(x)"))
    assert answer.finding is None
    assert "torch.linalg.cholesky(x)" in str(answer)
    assert "x  (2, 2)" in str(answer)
    assert "page" not in str(answer)


def test_a_change_that_fails_is_not_named():
    from ptguide._explaining._calls import Operand
    from ptguide._explaining._finding import Finding
    from ptguide._explaining._trying import tried

    known = {"a": Operand("a", torch.rand(2, 3)), "b": Operand("b", torch.rand(4, 3))}
    changes = ["{a} @ {b}.flatten()", "{a} @ {b}.mT", "{b} @ {a}"]
    assert [one.shown for one in tried(Finding("", known, "{a} @ {b}", changes))] == ["a @ b.mT"]


def test_nothing_is_named_where_the_call_does_not_fail_again():
    from ptguide._explaining._calls import Operand
    from ptguide._explaining._finding import Finding
    from ptguide._explaining._trying import tried

    known = {"a": Operand("a", torch.rand(2, 3)), "b": Operand("b", torch.rand(3, 4))}
    assert tried(Finding("", known, "{a} @ {b}", ["{a} @ {b} + 1"])) == []


# --- What TensorSensor was made for: which part of an expression failed, and the shapes of its operands ---------------

PARTS = [
    (
        "W = torch.rand(764, 100)\nb = torch.rand(100, 1)\nX = torch.rand(200, 764)\nY = W @ X.T + b",
        "W @ X.T",
        {"W": "(764, 100)", "X.T": "(764, 200)"},
        "W.mT @ X.T, which gives (100, 200)",
    ),
    (
        "W = torch.rand(100, 764)\nb = torch.rand(200)\nx = torch.rand(764)\ny = W @ x + b",
        "W @ x + b",
        {"W @ x": "(100,)", "b": "(200,)"},
        "which gives (100, 200)",
    ),
    (
        "W = torch.rand(100, 64)\nU = torch.rand(100, 32)\nh = torch.rand(64, 1)\nr = torch.rand(32, "
        "1)\nX = torch.rand(1, 32)\n"
        "h_ = torch.tanh(W @ (r * h) + U @ X.T)",
        "r * h",
        {"r": "(32, 1)", "h": "(64, 1)"},
        "r.mT * h, which gives (64, 32)",
    ),
    (
        "a = torch.rand(5, 3)\nb = torch.rand(4, 3)\nz = torch.relu(a.T @ b.T).sum() + a.mean()",
        "a.T @ b.T",
        {"a.T": "(3, 5)", "b.T": "(3, 4)"},
        "a.T.mT @ b.T, which gives (5, 4)",
    ),
    (
        "layer = nn.Linear(784, 100)\nX = torch.rand(200, 100)\nY = layer(X)",
        "layer(X)",
        {"X": "(200, 100)", "layer.weight": "(100, 784)"},
        "layer = nn.Linear(100, 100), which gives (200, 100)",
    ),
    (
        "b = torch.rand(9)\nx = torch.rand(20)\ny = torch.dot(b, x) * 2",
        "torch.dot(b, x)",
        {"b": "(9,)", "x": "(20,)"},
        "torch.outer(b, x), which gives (9, 20)",
    ),
]


@pytest.mark.parametrize(("code", "part", "operands", "change"), PARTS, ids=[case[1] for case in PARTS])
def test_part_of_an_expression_and_its_operands_are_named(code, part, operands, change):
    answer = explain_error(fail(code))
    assert answer.place.endswith(f": {part}")
    for name, shape in operands.items():
        assert re.search(rf"(tensors|^) +{re.escape(name)} +{re.escape(shape)}", str(answer), re.MULTILINE)
    assert change in str(answer)


# --- Without source ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "place", "change"),
    [
        ("x = torch.rand(2, 3)\nx @ x.t().t()", "(x @ x.t().t())", "x @ x.t().t().mT"),
        ("x = torch.rand(3, 4)\ntorch.cat([x, x.t()], dim=1)", "torch.cat([x, x.t()], dim=1)", "x.mT"),
        ("fc = nn.Linear(5, 2)\nfc(torch.rand(3, 4))", "fc(torch.rand(3, 4))", "fc = nn.Linear(4, 2)"),
        ("x = torch.rand(3)\nx[5]", "x[5]", "x[2]"),
        ("x = torch.rand(3); y = torch.rand(4); z = x - y", "(x - y)", "x.unsqueeze(-1) - y"),
        ("minus = lambda x, y: x - y\nminus(torch.rand(3), torch.rand(4))", "(x - y)", "x.unsqueeze(-1) - y"),
    ],
)
def test_call_is_read_from_the_instructions_where_there_is_no_source(code, place, change):
    with pytest.raises((RuntimeError, IndexError)) as raised:
        exec(compile(code, "<nowhere>", "exec"), namespace())
    error = raised.value
    error.__traceback__ = error.__traceback__.tb_next
    answer = explain_error(error)
    assert answer.place.endswith(place.removeprefix("(").removesuffix(")") if place.startswith("(") else place)
    assert any(change in one.shown for one in answer.changes)


@pytest.mark.parametrize(
    "code",
    ["[0 for _ in [x @ w for x in [torch.rand(2, 3)] for w in [x]]]", "assert not (lambda x: x @ x)(torch.rand(2, 3))"],
)
def test_code_without_source_that_is_not_read_does_no_harm(code):
    with pytest.raises(RuntimeError) as raised:
        exec(compile(code, "<nowhere>", "exec"), namespace())
    explain_error(raised.value)


def test_source_that_begins_with_an_empty_line_is_read():
    code = "\n\nx = torch.zeros(3, 4)\nx[0] = torch.ones(5)\n"
    file = "/project/begins_late.py"
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
    with pytest.raises(RuntimeError) as raised:
        exec(compile(code, file, "exec"), namespace())
    error = raised.value
    error.__traceback__ = error.__traceback__.tb_next
    assert explain_error(error).place == "begins_late.py, line 4: x[0] = torch.ones(5)"


def test_input_of_an_inner_layer_does_not_bear_the_name_of_the_batch():
    code = "net = nn.Sequential(nn.Flatten(), nn.Linear(9, 2))\nbatch = torch.rand(5, 3, 4)\nnet(batch)"
    note = str(explain_error(fail(code)))
    assert "input          (5, 12)" in note
    assert "net[1].weight  (2, 9)" in note
    assert "batch  " not in note

"""Calls that no rule is about: the rule is measured, the change works where it is printed, and nothing else changes."""

import ast
import copy
import math
import re

import pytest
import torch
from refused_calls import CALLS
from test_explain import fail, namespace, one_line, run

from ptguide._explaining import _general
from ptguide._explaining._answer import explain_error


@pytest.fixture(autouse=True)
def _time(monkeypatch):
    monkeypatch.setattr(_general, "MOST_SECONDS", 60.0)  # what is found must not depend on who else computes


def apply(change, code, names):
    """Do what an explanation says, and return what the call then gives."""
    last = code.strip().split("\n")[-1]
    shape = re.fullmatch(r"shape (\([\d, ]*\)) for (\w+)", change)
    if shape:
        old = names[shape[2]]
        names[shape[2]] = old.new_ones(ast.literal_eval(shape[1]))
        return run(last, names)
    if re.match(r"\w+ = ", change):
        run(change, names)
        return run(last, names)
    return run(change, names)


@pytest.mark.filterwarnings("ignore:dropout option adds")
@pytest.mark.parametrize("case", CALLS, ids=[case[0].split("\n")[-1] for case in CALLS])
def test_rule_is_measured_and_the_change_works_where_it_is_printed(case):
    code, words, change = case
    names = namespace()
    answer = explain_error(fail(code, names))
    assert words in one_line(answer.finding.rule)
    assert change in [one.shown for one in answer.changes]
    given = next(one.gives for one in answer.changes if one.shown == change)
    result = apply(change, code, names)
    shape = re.match(r"which gives (\([\d, ]*\))", given)
    if isinstance(result, torch.Tensor):
        assert tuple(result.shape) == ast.literal_eval(shape[1])


def test_calls_are_many_and_of_all_kinds():
    assert len(CALLS) > 100
    assert len({case[0] for case in CALLS}) == len(CALLS)


@pytest.mark.parametrize(
    "code",
    [
        "x = torch.rand(3)\ntorch.cat([])",  # nothing is there to join
        "x = -torch.eye(2)\ntorch.linalg.cholesky(x)",  # another matrix is another question
        "x = torch.rand(2, 2)\nmask = x > 1\nx.masked_fill(mask, 1j)",  # a real part alone is another number
        "p = torch.zeros(3)\ntorch.multinomial(p, 1)",  # ones in the place of the zeros are other probabilities
        "torch.arange(0, float('inf'), 2)",
        "x = torch.rand(3).to(torch.complex64)\ntorch.floor(x)",  # its imaginary part would be lost
        "x = torch.rand(3)\nx.register_hook(3)",  # it does more than to compute
        "class Odd:\n    pass\nx = torch.rand(3)\ntorch.add(x, Odd())",
    ],
)
def test_no_change_is_named_where_none_keeps_the_meaning(code):
    answer = explain_error(fail(code))
    assert answer is None or answer.changes == []


def test_a_weight_that_was_given_in_the_call_is_not_dropped():
    code = "images = torch.rand(5, 3, 4)\nlayer = nn.Linear(12, 2)\nlayer(images)"
    answer = explain_error(fail(code))
    assert [one.shown for one in answer.changes] == ["layer(images.flatten(1))"]
    code = "x = torch.rand(5, 3, 4)\nw = torch.rand(2, 12)\nb = torch.rand(2)\nF.linear(x, w, b)"
    assert [one.shown for one in explain_error(fail(code)).changes] == ["F.linear(x.flatten(1), w, b)"]
    code = "x = torch.rand(8, 8, 3)\nw = torch.rand(4, 3, 3, 3)\nb = torch.rand(4)\nF.conv2d(x, w, b, padding=1)"
    assert "F.conv2d(x.permute(2, 0, 1), w, bias=b, padding=1)" in explain_error(fail(code)).changes[0].shown


def test_no_tensor_becomes_empty():
    answer = explain_error(fail("x = torch.rand(5, 5, 20, 20)\ny = torch.rand(5, 0, 19, 20)\ntorch.cat([x, y], dim=1)"))
    assert answer.changes
    assert not any("for x" in one.shown and ", 0," in one.shown for one in answer.changes)


def test_groups_are_named_where_groups_were_asked_for():
    code = "x = torch.rand(1, 6, 8, 8)\nw = torch.rand(4, 3, 3, 3)\nF.conv2d(x, w)"
    answer = explain_error(fail(code))
    assert not any("groups" in one.shown for one in answer.changes)


@pytest.mark.parametrize(
    ("code", "page"),
    [
        ("norm = nn.InstanceNorm2d(3)\nx = torch.rand(2, 3, 1, 1)\nnorm(x)", "expected_more_than_1_value_per_channel"),
        ("norm = nn.BatchNorm1d(3)\nx = torch.rand(1, 3)\nnorm(x)", "expected_more_than_1_value_per_channel"),
        ("norm = nn.BatchNorm2d(3)\nx = torch.rand(2, 4, 5, 5)\nnorm(x)", "expected_input_to_have_channels"),
    ],
)
def test_batch_norm_leads_to_the_page_that_prints_its_message(code, page):
    assert explain_error(fail(code)).page == f"errors/{page}"


# --- No side effects ------------------------------------------------------------------------------------------------


def test_tensors_that_are_written_into_stay_as_they_were():
    names = namespace()
    error = fail("x = torch.rand(6)\nx.uniform_(2, 1)", names)
    before = names["x"].clone()
    assert explain_error(error).changes[0].shown == "x.uniform_(1, 2)"
    assert torch.equal(names["x"], before)
    error = fail("x = torch.rand(6)\nout = torch.zeros(6).long()\ntorch.sqrt(x, out=out)", names)
    assert explain_error(error).changes
    assert torch.equal(names["out"], torch.zeros(6).long())


def test_a_layer_stays_as_it_was():
    names = namespace()
    code = "norm = nn.BatchNorm1d(6)\nx = torch.rand(4, 6).double()\nnorm(x)"
    error = fail(code, names)
    before = copy.deepcopy(names["norm"].state_dict())
    explain_error(error)
    after = names["norm"].state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert int(after["num_batches_tracked"]) == int(before["num_batches_tracked"])


def test_random_numbers_go_on_as_they_would_have():
    torch.manual_seed(0)
    error = fail("x = torch.rand(3)\nx.normal_(0, -1)")
    before = torch.get_rng_state()
    assert explain_error(error).changes
    assert torch.equal(torch.get_rng_state(), before)


def test_a_generator_of_the_reader_is_not_used():
    names = namespace()
    error = fail("g = torch.Generator()\np = torch.rand(3)\ntorch.multinomial(p, 5, generator=g)", names)
    before = names["g"].get_state()
    explain_error(error)
    assert torch.equal(names["g"].get_state(), before)


def test_hooks_of_the_reader_do_not_run():
    names = namespace() | {"ran": []}
    code = "rnn = nn.GRU(4, 8)\nrnn.register_forward_pre_hook(lambda *given: ran.append(1))\n"
    answer = explain_error(fail(f"{code}x = torch.rand(5, 3, 4).double()\nrnn(x)", names))
    assert len(names["ran"]) == 1
    assert answer.changes == []


def test_layers_of_the_reader_do_not_run_again():
    names = namespace() | {"ran": []}
    code = (
        "class Mine(nn.Module):\n    def forward(self, x):\n        ran.append(1)\n        return F.dropout(x, 1.5)\n"
    )
    answer = explain_error(fail(f"{code}net = Mine()\nx = torch.rand(3)\nnet(x)", names))
    assert names["ran"] == [1]
    assert answer.changes[0].shown == "F.dropout(x, 0.5)"


def test_no_large_tensor_is_copied_or_made():
    answer = explain_error(fail("x = torch.empty(1).expand(3_000_000_000, 7)\ntorch.diff(x, n=-1)"))
    assert answer.finding is None or "diff" in answer.finding.rule
    answer = explain_error(fail("x = torch.rand(1000, 1000)\nx.repeat(-100_000, 1)"))
    assert answer is None or all("100000" not in one.shown for one in answer.changes)
    assert explain_error(fail("torch.zeros(100_000, 100_000, -1)")) is None


def test_the_search_ends_in_time(monkeypatch):
    monkeypatch.setattr(_general, "MOST_SECONDS", 0.0)
    error = fail("x = -torch.eye(2)\ntorch.linalg.cholesky(x)")
    assert explain_error(error).changes == []


def test_tries_are_limited(monkeypatch):
    tried = []
    original = _general._run
    monkeypatch.setattr(_general, "_run", lambda made, steps: tried.append(1) or original(made, steps))
    explain_error(fail("x = torch.rand(5, 3)\ny = torch.rand(2, 4, 3)\ntorch.hstack([x, y])"))
    assert len(tried) <= 2 * _general.MOST_TRIES


def test_its_own_failure_is_silent(monkeypatch):
    def broken(*args):
        raise ZeroDivisionError

    monkeypatch.setattr(_general, "attempt", broken)
    from ptguide._explaining import _hooks

    error = fail("x = torch.rand(3)\ntorch.fmax(x, 2)")
    assert _hooks.annotate(error) is None
    assert math.isfinite(float(torch.rand(())))


def test_an_assertion_of_the_reader_gets_no_note():
    assert explain_error(fail("x = torch.rand(3)\nassert torch.equal(x, x + 1)")) is None
    assert explain_error(fail("torch.testing.assert_close(torch.ones(2), torch.zeros(2))")) is None


def test_a_function_that_is_not_known_is_not_taken_for_a_method():
    code = "class Box:\n    pass\nbox = Box()\nbox.__dict__.clear()\nx = torch.rand(3)\n"
    code += "Box.norm = lambda self, x: torch.fmax(x, 2)\nbox.norm(x)"
    answer = explain_error(fail(code))
    assert [one.shown for one in answer.changes] == ["torch.fmax(x, torch.tensor(2))"]
    answer = explain_error(fail("x = torch.rand(3)\nsum(x, '1')"))
    assert answer is None or answer.changes == []

"""The checker finds the first wrong case, shows it, and watches what the attempt calls."""

import pytest
import torch
from drawn import texts

from ptguide.exercises import check

CASES = [(torch.arange(n).reshape(1, n),) for n in range(1, 6)]


def test_right_attempt_passes_all_cases():
    report = check(lambda x: x.t(), lambda x: x.transpose(0, 1), CASES)
    assert report.passed
    assert report.picture is None
    assert repr(report) == "All 5 cases are right."
    assert "✓" in report._repr_html_()


def test_first_wrong_case_is_shown_with_its_wrong_elements():
    report = check(lambda x: x.clamp(max=2), lambda x: x, CASES)
    assert not report.passed
    assert report.words == "Case 4 of 5 is wrong: expected the values of the last tensor."
    assert texts(report.picture, "name") == ["input (1, 4)", "you gave (1, 4)", "expected (1, 4)"]
    assert texts(report.picture, "mark") == ["≠"]
    assert texts(report.picture, "value") == [*"0123", *"0122", *"0123"]


@pytest.mark.parametrize("large", [100_000, 10**12])
def test_integers_that_are_nearly_right_are_wrong(large):
    cases = [(torch.tensor([large]),)]
    assert not check(lambda x: x + 1, lambda x: x, cases).passed
    assert check(lambda x: x + 0, lambda x: x, cases).passed
    assert not check(lambda x: x < 0, lambda x: x > 0, cases).passed
    # Of floating-point numbers, rounding is forgiven.
    assert check(lambda x: x.double() + 1e-6, lambda x: x.double(), cases).passed


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda x: x.flatten(), r"Case 1 of 5 is wrong: its shape is (1,), expected (1, 1)."),
        (lambda x: x.float(), "Case 1 of 5 is wrong: its dtype is torch.float32, expected torch.int64."),
        (lambda x: 3, "Case 1 of 5 is wrong: it returned int, expected a tensor."),
        (lambda x: x[:, 2], "Case 1 of 5 raised IndexError: index 2 is out of bounds for dimension 1 with size 1"),
    ],
)
def test_what_is_wrong_is_said(attempt, words):
    report = check(attempt, lambda x: x, CASES)
    assert report.words == words
    assert not report.passed


def test_unwritten_function_shows_what_is_asked_for():
    def todo(x):
        raise NotImplementedError

    report = check(todo, lambda x: x + 10, CASES[2:])
    assert report.words == "Case 1 of 3 is not written yet: for this input, the last tensor is expected."
    assert texts(report.picture, "name") == ["input (1, 3)", "expected (1, 3)"]
    assert texts(report.picture, "value") == ["0", "1", "2", "10", "11", "12"]


def test_arguments_that_are_no_tensors_are_named():
    report = check(lambda x, n: x, lambda x, n: x + n, [(torch.tensor([1]), 0), (torch.tensor([1]), 7)])
    assert report.words == "Case 2 of 2, called with 7, is wrong: expected the values of the last tensor."


@pytest.mark.parametrize(("function", "name"), [(torch.relu, "relu"), (lambda x: x, "a function"), (len, "len")])
def test_a_function_among_the_arguments_has_its_name_and_no_address(function, name):
    report = check(lambda f: torch.zeros(1), lambda f: torch.ones(1), [(function,)])
    assert report.words == f"Case 1 of 1, called with {name}, is wrong: expected the values of the last tensor."


@pytest.mark.parametrize(
    ("attempt", "name"),
    [
        (lambda x: x.repeat(1, 1), "repeat"),
        (lambda x: torch.clone(x), "clone"),
        (lambda x: x + 0, "add"),
        (torch.nn.functional.relu, "relu"),
        (lambda x: torch.mm(torch.eye(1, dtype=x.dtype), x), "mm"),
    ],
)
def test_what_the_exercise_does_without_is_noticed(attempt, name):
    report = check(attempt, lambda x: x, CASES, without=[name])
    assert report.words == f"Case 1 of 5 called {name}, and the exercise is to do without."
    assert check(attempt, lambda x: x, CASES, without=["gather"]).passed


def test_an_attempt_that_writes_into_its_input_does_not_spoil_the_cases():
    assert not check(lambda x: x.add_(1), lambda x: x, CASES).passed
    assert CASES[1][0].tolist() == [[0, 1]]


def test_no_cases_are_refused():
    with pytest.raises(ValueError, match="cases is empty"):
        check(lambda x: x, lambda x: x, [])


def test_what_has_too_many_axes_for_a_picture_is_named():
    def unwritten(x):
        raise NotImplementedError

    five = torch.zeros(2, 1, 2, 1, 2)
    report = check(unwritten, lambda x: x, [(five,)])
    assert report.picture is None
    assert report.words.startswith("Case 1 of 1, called with a tensor of shape (2, 1, 2, 1, 2), is not written yet")
    report = check(lambda x: x, lambda x: x.flatten(), [(five,)])
    assert report.picture is not None
    assert "its shape is (2, 1, 2, 1, 2), expected (8,)" in report.words


def test_a_network_among_the_arguments_has_its_kind_and_not_its_layers():
    network = torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.ReLU())
    report = check(lambda model, x: x, lambda model, x: model(x), [(network, torch.ones(1))])
    assert ", called with a Sequential, is wrong" in report.words
    report = check(lambda model, x: x, lambda model, x: model(x), [(torch.nn.ELU(2.0), -torch.ones(1))])
    assert ", called with ELU(alpha=2.0), is wrong" in report.words

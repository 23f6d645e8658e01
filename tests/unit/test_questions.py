"""A question has one right choice, which the page computed, and says of each choice whether it is right."""

import html
import re

import pytest
import torch

from ptguide.questions import ask


def folds(question):
    """Return what each choice opens to."""
    found = re.findall(r"<summary>(.*?)</summary><p><strong>(.*?)</strong> (.*?)</p>", question._repr_html_())
    return {html.unescape(choice): (mark, html.unescape(why)) for choice, mark, why in found}


@pytest.mark.parametrize(
    ("answer", "choices", "right"),
    [
        (torch.Size([2, 3]), {(2, 3): "yes", (3, 2): "no"}, "(2, 3)"),
        (torch.tensor([[1, 2]]), {((1, 2),): "yes", (1, 2): "no"}, "((1, 2),)"),
        ([1, [2.5]], {(1, (2.5,)): "yes", (1,): "no"}, "(1, (2.5,))"),
        (torch.float32, {torch.float32: "yes", torch.int64: "no"}, "torch.float32"),
        ("a copy", {"a view": "no", "a copy": "yes"}, "a copy"),
        (lambda: torch.ones(2) @ torch.ones(3), {RuntimeError: "yes", 6.0: "no"}, "it raises RuntimeError"),
        (lambda: torch.ones(2) @ torch.ones(2), {2.0: "yes", RuntimeError: "no"}, "2.0"),
    ],
)
def test_the_computed_answer_is_the_right_choice(answer, choices, right):
    marks = {choice: mark for choice, (mark, _) in folds(ask("?", answer, choices)).items()}
    assert marks.pop(right) == "✓ Right."
    assert set(marks.values()) == {"✗ No."}


def test_every_choice_explains_itself_and_closes_the_others():
    question = ask("Is <b> & bold?", 1, {1: "It is < 2.", 2: "No & no."})
    assert folds(question) == {"1": ("✓ Right.", "It is < 2."), "2": ("✗ No.", "No & no.")}
    assert "<p>Is &lt;b&gt; &amp; bold?</p>" in question._repr_html_()
    assert len(set(re.findall('<details name="([^"]+)">', question._repr_html_()))) == 1


def test_two_questions_do_not_close_each_other():
    names = [re.search('name="([^"]+)"', ask("?", 1, {1: "a", 2: "b"})._repr_html_())[1] for _ in "ab"]
    assert names[0] != names[1]


def test_a_terminal_shows_the_choices_and_not_the_answer():
    question = ask("How many?", 3, {2: "no", 3: "yes"})
    assert repr(question) == "How many?\n  a) 2\n  b) 3\nThe attribute `answer` holds the right one."
    assert question.answer == 3


@pytest.mark.parametrize(
    ("answer", "choices", "message"),
    [
        (3, {1: "a", 2: "b"}, "the answer is 3, which is not among the choices: 1, 2"),
        (3, {3: "a"}, "choices has 1 entries; expected at least 2"),
        (3, {3: "a", 2: " "}, "the choice 2 has no explanation"),
        (True, {1: "1 equals True, and is another answer", 0: "b"}, "the answer is True, which is not among"),
        (lambda: [][0], {TypeError: "a", 2: "b"}, "the answer is it raises IndexError, which is not among"),
    ],
)
def test_bad_question_is_refused(answer, choices, message):
    with pytest.raises(ValueError, match=message):
        ask("?", answer, choices)

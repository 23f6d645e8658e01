"""The helpers that show an error or a warning must fail when there is none, or another."""

import gc
import warnings
import weakref

import pytest
import torch

from ptguide.errors import expect_error, expect_warning


def test_error_is_printed_with_its_own_type(capsys):
    with expect_error(LookupError, match="k"):
        {}["k"]
    assert capsys.readouterr().out == "KeyError: 'k'\n"


def test_what_a_failed_call_had_made_is_freed():
    class Made:
        pass

    def fail():
        made = Made()
        seen.append(weakref.ref(made))
        error = ValueError("it holds its frame, and its frame holds it")
        raise error

    seen: list[weakref.ref[Made]] = []
    gc.disable()  # what only a collection would find counts as kept
    try:
        with expect_error(ValueError):
            fail()
        assert seen[0]() is None
    finally:
        gc.enable()


def test_missing_error_is_an_error():
    with pytest.raises(AssertionError, match="expected ValueError, but nothing was raised"), expect_error(ValueError):
        pass


def test_other_message_is_an_error():
    expected = "expected a message that matches 'one', got 'two'"
    with pytest.raises(AssertionError, match=expected), expect_error(ValueError, match="one"):
        raise ValueError("two")


def test_other_error_passes_through():
    with pytest.raises(TypeError, match="other"), expect_error(ValueError):
        raise TypeError("other")


def test_warnings_are_printed_and_the_code_goes_on(capsys):
    with expect_warning(UserWarning, match="slow"):
        warnings.warn("slow one", stacklevel=1)
        warnings.warn("slow two", stacklevel=1)
        print("done")
    assert capsys.readouterr().out == "done\nUserWarning: slow one\nUserWarning: slow two\n"


def test_missing_warning_is_an_error():
    expected = "expected UserWarning, but no such warning was given"
    with pytest.raises(AssertionError, match=expected), expect_warning(UserWarning):
        pass


def test_other_warning_is_given_again():
    with pytest.warns(DeprecationWarning, match="old"), expect_warning(UserWarning):  # noqa: PT031
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        warnings.warn("shown", UserWarning, stacklevel=1)


def test_error_inside_expect_warning_passes_through():
    with pytest.raises(ValueError, match="first"), expect_warning(UserWarning):
        raise ValueError("first")


def test_other_warning_message_is_an_error():
    expected = "expected a message that matches 'one', got 'two'"
    with pytest.raises(AssertionError, match=expected), expect_warning(UserWarning, match="one"):
        warnings.warn("two", stacklevel=1)


def test_warning_that_torch_gives_once_is_seen_again(capsys):
    for _ in range(2):
        with expect_warning(UserWarning, match=r"The use of `x.T` on tensors"):
            torch.ones(1, 2, 3).T  # noqa: B018 - the warning is the point
    printed = capsys.readouterr().out
    assert printed.count("UserWarning: The use of") == 2
    assert "Triggered internally" not in printed
    assert not torch.is_warn_always_enabled()


WORKER = """Caught ValueError in DataLoader worker process 0.
Original Traceback (most recent call last):
  File "/there/env/torch/utils/data/_utils/fetch.py", line 54, in fetch
    data = [self.dataset[idx] for idx in possibly_batched_index]
            ~~~~~~~~~~~~^^^^^
  File "C:\\me\\data.py", line 7, in __getitem__
    return 2 ^ float(text)
               ^^^^^^^^^^^
ValueError: could not convert string to float: 'x'
"""


def test_traceback_in_a_message_is_printed_without_places(capsys):
    with expect_error(ValueError, match=r'fetch.py", line 54'):
        raise ValueError(WORKER)
    assert capsys.readouterr().out.splitlines() == [
        "ValueError: Caught ValueError in DataLoader worker process 0.",
        "Original Traceback (most recent call last):",
        '  File "fetch.py", line …, in fetch',
        "    data = [self.dataset[idx] for idx in possibly_batched_index]",
        '  File "data.py", line …, in __getitem__',
        "    return 2 ^ float(text)",
        "ValueError: could not convert string to float: 'x'",
    ]


def test_message_without_traceback_is_printed_as_it_is(capsys):
    message = 'no such file: "/data/a.csv", line 3\n\tsize ^ 2\n  ~ nothing'
    with expect_error(OSError):
        raise OSError(message)
    assert capsys.readouterr().out == f"OSError: {message}\n"

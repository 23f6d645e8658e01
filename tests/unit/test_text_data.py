"""The text is that of the standard library, its windows are shifted by one, and its parts do not repeat each other."""

import re
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ptguide.data import TextData, Vocabulary, _text, text

checked = settings(deadline=None, derandomize=True, max_examples=60)
PARTS = ["train", "validation", "test"]


def words_of(split):
    """Return a part as plain text, the rules of tables and headings and the line breaks left out."""
    found = text(split)
    whole = re.sub(r"[-=~*^+|#]{3,}", "", found.vocabulary.decode(found.codes))
    return " ".join(whole.split())


# Vocabulary


@checked
@given(st.text(max_size=50))
def test_decode_undoes_encode(written):
    vocabulary = Vocabulary(sorted(set(written)))
    codes = vocabulary.encode(written)
    assert (codes.shape, codes.dtype) == ((len(written),), torch.int64)
    assert codes.tolist() == [vocabulary.characters.index(character) for character in written]
    assert vocabulary.decode(codes) == written


def test_vocabulary_says_what_it_holds():
    assert repr(Vocabulary("ab\n")) == r"Vocabulary('ab\n')"
    assert len(Vocabulary("ab\n")) == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Vocabulary("abca"), "characters holds 'a' twice; expected each once"),
        (lambda: Vocabulary(["a", "bc"]), "characters holds 'bc'; expected single characters"),
        (lambda: Vocabulary("ab").encode("abxa"), "text holds 'x' at place 2, which the vocabulary lacks; .*'ab'"),
        (lambda: Vocabulary("ab").decode(torch.tensor([0, 2])), "codes holds 2; expected integers from 0 to 1"),
        (lambda: Vocabulary("ab").decode(torch.tensor([-1])), "codes holds -1; expected integers from 0 to 1"),
        (lambda: Vocabulary("ab").decode(torch.tensor([0.5])), "codes holds 0.5; expected integers from 0 to 1"),
        (lambda: Vocabulary("ab").decode(torch.zeros(1, 2)), r"codes has shape \(1, 2\); expected \(T,\)"),
    ],
)
def test_what_the_vocabulary_lacks_is_an_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# Windows


@checked
@given(n=st.integers(2, 40), length=st.integers(1, 12), stride=st.none() | st.integers(1, 15))
def test_windows_are_slices_and_targets_the_next_characters(n, length, stride):
    if length >= n:
        length = n - 1
    codes = torch.randint(3, (n,), generator=torch.Generator().manual_seed(n))
    data = TextData(codes, Vocabulary("abc"), length=length, stride=stride)
    begins = range(0, n - length, stride or length)
    assert len(data) == len(begins)
    for (inputs, targets), begin in zip(data, begins, strict=True):
        assert inputs.tolist() == codes[begin : begin + length].tolist()
        assert targets.tolist() == codes[begin + 1 : begin + length + 1].tolist()
    assert data.classes == ("a", "b", "c")


def test_every_window_takes_no_more_memory_than_the_text():
    data = text(stride=1)
    assert len(data) == len(data.codes) - 64
    assert data.inputs.untyped_storage().data_ptr() == data.codes.untyped_storage().data_ptr()


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_moved_windows_stay_views(device):
    kept = text(stride=10)
    moved = kept.to(device)
    assert moved.codes.device.type == moved.targets.device.type == device
    assert (moved.inputs.shape, moved.inputs.stride()) == (kept.inputs.shape, (10, 1))
    assert moved.targets.storage_offset() == moved.codes.storage_offset() + 1
    assert (type(moved), moved.vocabulary) == (TextData, kept.vocabulary)
    if device == "cpu":
        assert torch.equal(moved.inputs, kept.inputs)
        assert torch.equal(moved.targets, kept.targets)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"length": 2.0}, TypeError, "length is 2.0; expected an integer"),
        ({"length": True}, TypeError, "length is True; expected an integer"),
        ({"length": 0}, ValueError, "length is 0; expected at least 1"),
        ({"length": 2, "stride": 0}, ValueError, "stride is 0; expected at least 1"),
        ({"length": 2, "stride": "2"}, TypeError, "stride is '2'; expected an integer"),
        ({"length": 5}, ValueError, "length is 5, and the text has 5 characters; expected less"),
    ],
)
def test_windows_that_do_not_fit_are_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        TextData(torch.zeros(5, dtype=torch.int64), Vocabulary("a"), **arguments)


def test_codes_of_several_texts_are_an_error():
    with pytest.raises(ValueError, match=r"codes has shape \(2, 5\); expected \(n,\), the codes of one text"):
        TextData(torch.zeros(2, 5, dtype=torch.int64), Vocabulary("a"), length=2)


# The text


def test_text_is_what_help_shows():
    from pydoc_data.topics import topics

    found = words_of("all")
    assert 350_000 < len(text("all").codes) < min(500_000, sum(map(len, topics.values())))
    for name in ("assert", "while", "yield"):
        first = topics[name].split("\n\n")[1]
        assert " ".join(first.translate(_text.SIMPLER).split()) in found


def test_parts_follow_each_other():
    parts = [text(part) for part in PARTS]
    whole = text("all")
    assert torch.equal(torch.cat([part.codes for part in parts]), whole.codes)
    for part, share in zip(parts, (0.8, 0.1, 0.1), strict=True):
        assert len(part.codes) / len(whole.codes) == pytest.approx(share, abs=0.01)
        assert part.vocabulary.decode(part.codes[-2:]) == "\n\n"  # cut between two paragraphs


def test_vocabulary_is_that_of_every_release():
    data = text("validation")
    assert len(data.classes) == 96
    assert data.vocabulary.characters == ("\n", *map(chr, range(32, 127)))
    assert (data.inputs.shape[1], data.inputs.dtype) == (64, torch.int64)
    assert "classes  96: '\\n', ' ', !, \", #, $, …" in repr(data)


def test_hardly_a_passage_of_a_later_part_stands_in_an_earlier_one():
    train, validation, test = map(words_of, PARTS)
    for earlier, later in [(train, validation), (train, test), (validation, test)]:
        begins = range(0, len(later) - 100, 7)
        assert sum(later[begin : begin + 100] in earlier for begin in begins) < 0.01 * len(begins)


def test_paragraphs_are_kept_once_however_they_are_indented():
    long = "a paragraph that is repeated and has more than sixty characters, all told"
    pages = [f"{long}\n\nNote:\n\nshort", "Note:\n\n  " + long.replace(" and", "\n  and") + "\n\nlast"]
    assert "".join(_text._distinct(pages)) == f"{long}\n\nNote:\n\nshort\n\nNote:\n\nlast\n\n"


def test_characters_outside_ascii_are_replaced():
    assert _text._simplified("“a” – ‘b’ — c… ß\n") == "\"a\" - 'b' -- c... ?\n"


def test_cuts_lie_between_paragraphs():
    paragraphs = ["aaaa", "bbb", "ccc"]
    assert _text._part(paragraphs, 0.0, 0.5) == "aaaa"
    assert _text._part(paragraphs, 0.5, 0.7) == "bbb"
    assert _text._part(paragraphs, 0.7, 1.0) == "ccc"


def test_unknown_split_is_an_error():
    with pytest.raises(ValueError, match="split is 'dev'; expected one of 'train', 'validation', 'test', 'all'"):
        text("dev")


def test_python_without_its_documentation_is_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data", None)
    monkeypatch.delitem(sys.modules, "pydoc_data.topics", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"text needs pydoc_data, which is not installed. It belongs to Pyth"):
        text()

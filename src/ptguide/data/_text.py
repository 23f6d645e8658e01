"""A text of 380,000 characters or more that every Python brings along, as codes and as windows for a language model."""

from __future__ import annotations

import bisect
import copy
import itertools
from collections.abc import Iterable, Mapping
from typing import Self

import torch
from torch import Tensor

from ptguide._optional import require
from ptguide.data._splits import check_split
from ptguide.data._tensor_data import TensorData

LEAST_REPEATED = 60  # characters of a paragraph that is not given twice
ENDS = {"train": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0), "all": (0.0, 1.0)}
# A newline and what ASCII prints: the same 96 characters with every release of Python.
CHARACTERS = "\n" + "".join(map(chr, range(32, 127)))
SIMPLER = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "--", "…": "..."})


class Vocabulary:
    """Characters and their codes: the code of a character is its place.

    Parameters
    ----------
    characters : iterable of str
        Each once. ``Vocabulary(sorted(set(text)))`` holds what a text needs.

    Attributes
    ----------
    characters : tuple of str

    Raises
    ------
    ValueError
        If a character stands twice, or if something is not one character.

    Examples
    --------
    >>> vocabulary = Vocabulary("abc")
    >>> codes = vocabulary.encode("cab")
    >>> codes, vocabulary.decode(codes)
    (tensor([2, 0, 1]), 'cab')
    """

    def __init__(self, characters: Iterable[str]) -> None:
        self.characters = tuple(characters)
        self._codes = {character: code for code, character in enumerate(self.characters)}
        if long := [text for text in self.characters if len(text) != 1]:
            raise ValueError(f"characters holds {long[0]!r}; expected single characters.")
        if len(self._codes) != len(self.characters):
            twice = next(text for code, text in enumerate(self.characters) if self._codes[text] != code)
            raise ValueError(f"characters holds {twice!r} twice; expected each once, as in sorted(set(text)).")

    def __len__(self) -> int:
        return len(self.characters)

    def __repr__(self) -> str:
        return f"Vocabulary({''.join(self.characters)!r})"

    def encode(self, text: str) -> Tensor:
        """Return the codes of a text, shape (T,), int64.

        Raises
        ------
        ValueError
            If the text holds a character that the vocabulary lacks.
        """
        try:
            return torch.tensor([self._codes[character] for character in text], dtype=torch.int64)
        except KeyError as error:
            character = error.args[0]
            raise ValueError(
                f"text holds {character!r} at place {text.index(character)}, which the vocabulary lacks; expected only "
                f"{''.join(self.characters)!r}. Replace it, or make a Vocabulary with it."
            ) from None

    def decode(self, codes: Tensor) -> str:
        """Return the text of codes of shape (T,).

        Raises
        ------
        ValueError
            If the codes have another number of axes than one, or if one of them is no place in the vocabulary.
        """
        if codes.dim() != 1:
            raise ValueError(f"codes has shape {tuple(codes.shape)}; expected (T,), the codes of one text.")
        places = codes.tolist()
        if wrong := [place for place in places if place not in range(len(self))]:
            raise ValueError(f"codes holds {wrong[0]}; expected integers from 0 to {len(self) - 1}.")
        return "".join(self.characters[place] for place in places)


class TextData(TensorData):
    """Windows of a text: the target of each character is the character that follows.

    Parameters
    ----------
    codes : Tensor, shape (n,), int64
        The text, as `Vocabulary.encode` gives it.
    vocabulary : Vocabulary
    length : int
        Characters in a window, T.
    stride : int, optional
        How far apart windows begin; by default ``length``, so that no two overlap.
    source : str

    Attributes
    ----------
    inputs, targets : Tensor, shape (N, T), int64
        Views of ``codes``: ``targets[i, t]`` is the character after ``inputs[i, t]``.
    classes : tuple of str
        The characters.
    codes, vocabulary
        As given.

    Raises
    ------
    TypeError
        If ``length`` or ``stride`` is no integer.
    ValueError
        If ``codes`` does not have one axis, ``length`` does not fit into it, or ``stride`` is less than 1.

    Examples
    --------
    >>> vocabulary = Vocabulary("abcdef")
    >>> data = TextData(vocabulary.encode("abcdefabc"), vocabulary, length=4)
    >>> [(vocabulary.decode(inputs), vocabulary.decode(targets)) for inputs, targets in data]
    [('abcd', 'bcde'), ('efab', 'fabc')]
    """

    def __init__(
        self, codes: Tensor, vocabulary: Vocabulary, *, length: int, stride: int | None = None, source: str = ""
    ) -> None:
        if codes.dim() != 1:
            raise ValueError(f"codes has shape {tuple(codes.shape)}; expected (n,), the codes of one text.")
        stride = length if stride is None else stride
        for name, value in {"length": length, "stride": stride}.items():
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} is {value!r}; expected an integer.")
            if value < 1:
                raise ValueError(f"{name} is {value}; expected at least 1.")
        if length >= len(codes):
            raise ValueError(
                f"length is {length}, and the text has {len(codes)} characters; expected less, as the last "
                "character of a window has its target behind it."
            )
        super().__init__(*_windows(codes, length, stride), classes=vocabulary.characters, source=source)
        self.codes = codes
        self.vocabulary = vocabulary
        self._stride = stride

    def to(self, device: torch.device | str) -> Self:
        """Return the same set with its tensors on a device; the windows stay views of the codes."""
        moved = copy.copy(self)
        moved.codes = self.codes.to(device)
        moved.inputs, moved.targets = _windows(moved.codes, self.inputs.shape[1], self._stride)
        return moved


def _windows(codes: Tensor, length: int, stride: int) -> tuple[Tensor, Tensor]:
    """Return inputs and targets as views of the codes, each of shape (N, T)."""
    return codes[:-1].unfold(0, length, stride), codes[1:].unfold(0, length, stride)


def text(split: str = "train", *, length: int = 64, stride: int | None = None) -> TextData:
    """Return the language reference that Python's ``help`` shows, as windows of characters.

    Parameters
    ----------
    split : str
        ``"train"`` (the first eight tenths of the text), ``"validation"`` (the next tenth), ``"test"`` (the last) or
        ``"all"``. The cuts lie between two paragraphs.
    length : int
        Characters in a window, T.
    stride : int, optional
        How far apart windows begin; by default ``length``, so that no two overlap; 1 gives every window.

    Returns
    -------
    TextData
        Inputs and targets of shape (N, T), int64: places in the classes, which are 96 characters, a newline and the
        printable ones of ASCII. ``codes``, shape (n,), is the text without windows, ``vocabulary`` encodes and decodes.

    Raises
    ------
    TypeError, ValueError
        If an argument is not of the kind or in the range described.
    ModuleNotFoundError
        If this installation of Python leaves out ``pydoc_data``.

    Notes
    -----
    Source: the module ``pydoc_data.topics`` of Python's standard library (Python Software Foundation License). It
    changes from release to release, and with it the number of characters (380,000 in Python 3.11, 490,000 in 3.14)
    and what a model learns; the vocabulary is the same with all.

    Typographic quotes, dashes and dots are replaced by those of ASCII, other characters outside ASCII by ``?``. The
    source says many things in several topics. Of a paragraph of 60 characters or more, the first is kept alone, so that
    the test does not ask for passages that stood in the training split.

    Examples
    --------
    >>> data = text("validation", length=32)
    >>> inputs, targets = data[0]
    >>> inputs.shape, bool((inputs[1:] == targets[:-1]).all())
    (torch.Size([32]), True)
    >>> len(data.classes)
    96
    >>> data.vocabulary.decode(data.vocabulary.encode("import torch"))
    'import torch'
    """
    check_split(split)
    topics: Mapping[str, str] = require(
        "pydoc_data.topics",
        "text",
        advice="It belongs to Python's standard library: install the whole of it, not a minimal one.",
    ).topics
    paragraphs = _distinct(_simplified(topics[name]) for name in sorted(topics))
    vocabulary = Vocabulary(CHARACTERS)
    codes = vocabulary.encode(_part(paragraphs, *ENDS[split]))
    return TextData(
        codes, vocabulary, length=length, stride=stride, source="pydoc_data.topics of Python's standard library"
    )


def _simplified(page: str) -> str:
    """Return a text of nothing but `CHARACTERS`."""
    known = set(CHARACTERS)
    return "".join(letter if letter in known else "?" for letter in page.translate(SIMPLER))


def _distinct(pages: Iterable[str]) -> list[str]:
    """Return the paragraphs of all pages, without long ones that were there before, however they are indented."""
    seen: set[str] = set()
    kept = []
    for paragraph in itertools.chain.from_iterable(page.strip("\n").split("\n\n") for page in pages):
        words = " ".join(paragraph.split())
        if words and (len(words) < LEAST_REPEATED or words not in seen):
            kept.append(paragraph + "\n\n")
        seen.add(words)
    return kept


def _part(paragraphs: list[str], begin: float, end: float) -> str:
    """Return the text between two fractions of its length, cut before the paragraphs that the cuts would hit."""
    ends = [0, *itertools.accumulate(map(len, paragraphs))]
    first, last = (bisect.bisect_right(ends, fraction * ends[-1]) - 1 for fraction in (begin, end))
    return "".join(paragraphs[first:last])

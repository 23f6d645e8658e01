"""Find the words of the glossary in a text, also in the plural, with a hyphen, and at the beginning of a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

# What no rule of this module makes of a word.
IRREGULAR = {"axis": ("axes",), "index": ("indices", "indexes"), "matrix": ("matrices",)}
# What has no plural, and what is a verb then: "leaves", "means".
NO_PLURAL = set("Adam CUDA NaN momentum padding softmax attention broadcasting pooling leaf mean".split())
SIBILANT = re.compile(r"(?:s|x|z|ch|sh)\Z")


def forms(word: str) -> tuple[str, ...]:
    """Return a word with its plural.

    Examples
    --------
    >>> forms("batch"), forms("infinity"), forms("confusion matrix")
    (('batch', 'batches'), ('infinity', 'infinities'), ('confusion matrix', 'confusion matrices'))
    """
    before, space, last = word.rpartition(" ")
    if last in NO_PLURAL:
        return (word,)
    if last in IRREGULAR:
        return (word, *(before + space + plural for plural in IRREGULAR[last]))
    if re.search(r"[^aeiou]y\Z", last):
        return word, f"{word[:-1]}ies"
    return word, word + ("es" if SIBILANT.search(last) else "s")


class Finder:
    r"""Finds words, the longest first.

    Parameters
    ----------
    words : iterable of str

    Examples
    --------
    >>> [word for word, start, end in Finder(["axis", "data type", "type"]).find("Axes of one data\ntype, subtypes")]
    ['axis', 'data type']
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._of: dict[str, str] = {}
        for word in sorted(words, key=len):
            for form in forms(word):
                self._of.setdefault(form, word)
        longest = sorted(self._of, key=len, reverse=True)
        self._pattern = re.compile(rf"(?<![\w.-])(?:{'|'.join(map(_pattern, longest))})(?![\w-])") if longest else None

    def find(self, text: str) -> Iterator[tuple[str, int, int]]:
        """Yield each word that stands in a text as the glossary writes it, with its beginning and its end."""
        for found in self._pattern.finditer(text) if self._pattern else ():
            written = re.sub(r"[\s-]+", " ", found[0])
            small = written[0].lower() + written[1:]
            plain = next(
                (form for form in (written, small, found[0], small.replace(" ", "-")) if form in self._of), None
            )
            if plain:
                yield self._of[plain], found.start(), found.end()


def _pattern(form: str) -> str:
    """Return the pattern of a form: a space may be a hyphen or the end of a line, the first letter a capital."""
    first = form[0]
    begin = f"[{first.upper()}{first}]" if first.islower() else first
    return begin + re.sub(r"[ -]", r"[\\s-]+", re.escape(form[1:]).replace(r"\ ", " ").replace(r"\-", "-"))

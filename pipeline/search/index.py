"""Which words stand on which page, weighed when the site is built, so that a browser only adds up.

A word counts by BM25+ (Lv and Zhai 2011) in each part of a page, and the parts count by `BOOSTS`. What a
word is worth on a page is kept as one letter: letter n stands for ``0.1 * STEP**n``. So a score from 0.1 to 190 is off
by 8 % at most; a smaller one counts as 0.1, and a larger one as 190. ``ptguide._explaining._index`` reads it.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import snowballstemmer
from sphinx.search.en import SearchEnglish

from ptguide._explaining._index import ERROR, LETTERS, STEP, split_words

STOP = frozenset(SearchEnglish.stopwords)
BOOSTS = {"names": 3, "title": 4, "other": 4, "headings": 2, "intro": 2, "text": 1, "code": 0.5, "output": 1.5}
INTRO = 600  # characters
K, B, D = 1.2, 0.3, 0.5
MESSAGE = 400  # characters


def parts_of(name: str, other: str, sections: list[dict[str, Any]]) -> dict[str, str]:
    """Return the parts of a page that count apart."""
    joined = {kind: " ".join(section[kind] for section in sections) for kind in ("text", "code", "output")}
    return {
        "names": name.replace("/", " "),
        "title": sections[0]["title"],
        "other": other,
        "headings": " ".join(section["title"] for section in sections[1:]),
        "intro": sections[0]["text"][:INTRO],
        **joined,
    }


def weighed(pages: Mapping[str, Mapping[str, str]]) -> tuple[dict[str, dict[int, float]], dict[str, str]]:
    """Return what each stem is worth on each page by its number, and of each stem the commonest word.

    Parameters
    ----------
    pages : mapping
        By page, its parts (`parts_of`).

    Examples
    --------
    >>> scores, words = weighed({"a": {"title": "gathered", "text": "to gather"}, "b": {"title": "", "text": "cat"}})
    >>> sorted(scores), sorted(scores["gather"]), words["gather"]
    (['cat', 'gather'], [0], 'gathered')
    """
    stemmer = snowballstemmer.stemmer("english")
    stems: dict[str, str] = {}
    forms: dict[str, Counter[str]] = defaultdict(Counter)
    scores: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for part, boost in BOOSTS.items():
        counts = []
        for parts in pages.values():
            found: Counter[str] = Counter()
            for word in split_words(parts.get(part, ""), STOP):
                if word not in stems:
                    stems[word] = stemmer.stemWord(word)
                found[stems[word]] += 1
                forms[stems[word]][word] += 1
            counts.append(found)
        held = Counter(stem for found in counts for stem in found)
        mean = sum(map(len, counts)) / max(1, len(counts)) or 1
        for number, found in enumerate(counts):
            for stem, often in found.items():
                rare = math.log(1 + (len(counts) - held[stem] + 0.5) / (held[stem] + 0.5))
                dense = often * (K + 1) / (often + K * (1 - B + B * len(found) / mean))
                scores[stem][number] += boost * rare * (D + dense)
    return scores, {stem: max(found, key=lambda word: (found[word], word)) for stem, found in forms.items()}


def packed(scores: Mapping[str, Mapping[int, float]], forms: Mapping[str, str]) -> str:
    """Return a line for each stem: the stem, its commonest word if that is another, and its pages with their letters.

    A page is the distance to the page before (nothing for the next one) and the letter of its score.

    Examples
    --------
    >>> packed({"gather": {0: 0.1, 1: 1.0, 5: 100.0}}, {"gather": "gathered"})
    'gather gathered aq4V'
    """
    lines = []
    for stem in sorted(scores):
        before, places = -1, []
        for page in sorted(scores[stem]):
            step = "" if page == before + 1 else str(page - before)
            places.append(step + LETTERS[level(scores[stem][page])])
            before = page
        lines.append(f"{stem} {'' if forms[stem] == stem else forms[stem]} {''.join(places)}")
    return "\n".join(lines)


def level(score: float) -> int:
    """Return the number of the letter that stands for a score."""
    return min(len(LETTERS) - 1, max(0, round(math.log(score / 0.1, STEP))))


def messages(output: str) -> str:
    """Return the words of the errors and warnings that stand in what a page printed, without numbers.

    Examples
    --------
    >>> messages("a 3 RuntimeError: shape '[2]' is invalid for input of size 3 ValueError: too many values")
    'shape is invalid for input of size | too many values'
    """
    found = (" ".join(re.findall("[a-z_]+", said[:MESSAGE].lower())) for said in ERROR.split(output)[2::2])
    return " | ".join(dict.fromkeys(found))

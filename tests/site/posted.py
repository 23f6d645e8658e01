"""Is a message explained? One of the first three pages that the search finds shows most of its words in order."""

from __future__ import annotations

import difflib
import re

from ptguide._explaining import _index

SAME = 0.6  # of a message's words stand in a message of the page
# What differs from thread to thread: names in quotes, shapes, numbers. An apostrophe as in "Can't" begins no name, and
# the "(s)" of "key(s)" stands in each message.
VARYING = re.compile(r"(?<!\w)'[^']*'|\"[^\"]*\"|\[[^\]]*\]|(?<!\w)\([^)]*\)|-?\d+")
WHOLE = re.compile(r"""(["'])((?:(?!\1).)*)\1""", re.DOTALL)  # a KeyError shows its message in quotes


def is_found(text: str, index: _index.Index) -> bool:
    """Return whether one of the first three pages for a traceback or a message shows this message."""
    pasted = _index.pasted(text)
    message = WHOLE.fullmatch(pasted.message.strip())
    said = re.findall("[a-z_]+", VARYING.sub(" ", message[2] if message else pasted.message).lower())
    pages = list(index.ranked(pasted))[:3]
    return any(_shows(index.messages.get(page.name, ""), said) for page in pages)


def _shows(messages: str, said: list[str]) -> bool:
    """Return whether one message of a page has most of the words, in runs of three or more."""
    for shown in messages.split(" | "):
        blocks = difflib.SequenceMatcher(None, said, shown.split(), autojunk=False).get_matching_blocks()
        if said and sum(block.size for block in blocks if block.size >= min(3, len(said))) >= SAME * len(said):
            return True
    return False

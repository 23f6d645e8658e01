"""How many messages of torch does the guide explain? Those that torch's own tests expect, and those that people post.

torch's databases hold calls that must fail. Each is raised here as a reader would meet it, in a script. A message
counts as *found* if its traceback leads to a page that shows this message, or one of its kind, among the first three
pages; as *explained* if `ptguide.explain` names the rule and a change that was tried and works. Needs a built site.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import sys
import tomllib
import traceback
import warnings
from pathlib import Path

from ptguide._explaining import _index
from ptguide._explaining._answer import explain_error

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1] / "site"))

from posted import VARYING, is_found

from pipeline.databases import raised, refused

ROOT = Path(__file__).parents[2]
POSTED = ROOT / "tests" / "site" / "messages.toml"
GOALS = {"found": 0.8, "explained": 0.6, "posted": 0.95}


def kind(error: str) -> str:
    """Return what two messages of one kind have in common."""
    return " ".join(VARYING.sub("#", error).split())[:120]


def main() -> int:
    """Print the figures; return 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="list the messages that no page shows")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    index = _index.load()
    kinds: dict[str, tuple[str, bool, bool]] = {}
    counted: collections.Counter[str] = collections.Counter()
    for call in refused():
        if (error := raised(call)) is None:
            continue
        counted[call.source] += 1
        name = kind(f"{type(error).__name__}: {error}")
        if name not in kinds:
            answer = explain_error(error)
            text = "".join(traceback.format_exception(error))
            explained = bool(answer and answer.finding and answer.changes)
            kinds[name] = (call.source, is_found(text, index), explained)
    posted = tomllib.loads(POSTED.read_text(encoding="utf-8"))["messages"]
    commonest = list(itertools.islice(sorted(posted.items(), key=lambda item: -item[1]), 150))
    missed = [text for text, _ in commonest if not is_found(text, index)]
    shares = {
        "found": sum(found for _, found, _ in kinds.values()) / len(kinds),
        "explained": sum(explained for *_, explained in kinds.values()) / len(kinds),
        "posted": 1 - len(missed) / len(commonest),
    }
    calls = ", ".join(f"{count} of {source}" for source, count in counted.items())
    print(f"{counted.total()} calls fail ({calls}) with {len(kinds)} kinds of message")
    for what, share in shares.items():
        print(f"{what:<10}{share:>8.1%}   goal {GOALS[what]:.0%}")
    if options.list:
        print(*(f"not found, {source}: {name}" for name, (source, found, _) in kinds.items() if not found), sep="\n")
        print(*(f"not found, posted: {text}" for text in missed), sep="\n")
    return int(any(share < GOALS[what] for what, share in shares.items()))


if __name__ == "__main__":
    sys.exit(main())

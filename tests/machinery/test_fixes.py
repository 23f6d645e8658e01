"""What a table of fixes names in code stands in a cell of its page: a fix that nothing ran may fix nothing."""

import re
from pathlib import Path

import pytest
import torch

from pipeline.gallery import adapter

PAGES = sorted((Path(__file__).parents[2] / "gallery/errors").glob("*.py"))
RULE = re.compile(r"^(=+) +=+$", re.MULTILINE)
CODE = re.compile(r"``(.+?)``|:(?:class|func):`torch\.(?:nn\.)?(\w+)`")
# A function, an attribute or an argument: x.float(), .mT, num_workers=0; a name alone counts where tensors have it.
NAME = re.compile(r"(?<=\.)[A-Za-z]\w*|[A-Za-z]\w*(?=\(|=[^=])")


def fixes(text):
    """Yield the cause and the fix of each row of the tables in a text."""
    rules = list(RULE.finditer(text))
    for head, begin, end in zip(rules[::3], rules[1::3], rules[2::3], strict=True):
        if "Fix" in text[head.end() : begin.start()] or "Today" in text[head.end() : begin.start()]:
            for row in text[begin.end() + 1 : end.start()].splitlines():
                yield row[: len(begin[1])].strip(), row[len(begin[1]) :].strip()


def untried(texts, code):
    """Return each cause with what its fix names and no cell of the page does."""
    found = []
    for text in texts:
        for cause, fix in fixes(text):
            parts = ["".join(part) for part in CODE.findall(fix)]
            names = {name for part in parts for name in NAME.findall(part)}
            names |= {part for part in parts if part.isidentifier() and hasattr(torch.Tensor, part)}
            missing = sorted(name for name in names if not re.search(rf"\b{name}\b", code))
            found += [f"{cause}: no cell does {', '.join(missing)}"] if missing else []
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_fixes_stand_in_a_cell(path):
    blocks = adapter.blocks(path)
    texts, cells = ([block.content for block in blocks if block.type == kind] for kind in ("text", "code"))
    found = untried(texts, "\n".join(cells))
    assert not found, f"gallery/errors/{path.name}: run each fix of the table in a cell (rule: errors): {found}"


def test_fix_that_nothing_ran_is_found():
    rule = "====  ====================\n"
    rows = "one   ``x.float()``, ``.mT``\ntwo   ``drop_last=True``\nsix   ``y = mine``, ``permute``\n"
    table = f"{rule}Cause Fix\n{rule}{rows}{rule}"
    assert untried([table], "a.float()") == [
        "one: no cell does mT",
        "two: no cell does drop_last",
        "six: no cell does permute",
    ]
    assert untried([table], "a.float().mT.permute(0)\nload(drop_last=True)") == []
    assert untried([table.replace("Fix", "Sum")], "") == []

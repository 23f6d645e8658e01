"""Each check of a page's Markdown complains about what it is for."""

import markdown_checks
import pytest

BASE = "https://x.org/site/"
RECORD = {"versions": {"Python": "3.11", "torch": "2.14.1"}, "device": "CPU (x86_64)"}
HEAD = f"# T\n\n> From <{BASE}guide/a/b.html>. The code ran with Python 3.11, torch 2.14.1 on CPU (x86_64).\n\nIntro.\n"
GOOD = """Text.

```python
x = 1
print(x)
draw(x)
```

Output:

```text
1
```

![x is \\*1 [2]](https://x.org/a.svg)

```python
ask()
```

**Question:** What?
"""


def cell(code: str, text: str = "", *pictures: str, html: bool = False) -> dict:
    return {"code": code, "text": text, "pictures": list(pictures), "html": html, "line": 7}


FIRST = cell("# sphinx_gallery_thumbnail_number = 2\nx = 1\nprint(x)\ndraw(x)", "1", "x is *1 [2]", html=True)
SECOND = cell("ask()", html=True)
SETTINGS = cell("# sphinx_gallery_parallel = False")


def test_origin():
    assert markdown_checks.origin(HEAD, RECORD) == []
    for broken in (
        HEAD.replace("2.14.1", "2.14.0"),
        HEAD.replace("CPU", "GPU"),
        HEAD.replace("> From", "From"),
        HEAD[1:],
    ):
        assert len(markdown_checks.origin(broken, RECORD)) == 1


def test_cells_as_on_the_page():
    assert markdown_checks.cells(GOOD, {"cells": [SETTINGS, FIRST, SECOND]}) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("x = 1", "x = 2", "are not the 2 of the page"),
        ("```python\nask()\n```\n", "", "are not the 2 of the page"),
        ("```text\n1", "```text\n2", "line 7 is not what it printed:\n1"),
        ("```text", "```", "line 7 is not what it printed:\n1"),
        ("x is", "y is", "line 7 is no picture: x is *1 [2]"),
        ("**Question:** What?", "", "line 7 is nothing of its value"),
    ],
)
def test_cells_otherwise(old, new, complaint):
    (found,) = markdown_checks.cells(GOOD.replace(old, new), {"cells": [FIRST, SECOND]})
    assert complaint in found


def test_leftovers():
    assert markdown_checks.leftovers(GOOD + "a < b, `<b>`, \\<b>, <https://x.org>, x<sub>2</sub>, a<br>b\n") == []
    for bad in ("<div>", 'a <a href="x">b</a>', "</details>", ":func:`a`", ".. note::"):
        assert markdown_checks.leftovers(GOOD + bad), bad


def test_links(tmp_path):
    (tmp_path / "a b.html").write_text('<p id="here">')
    good = f"[a]({BASE}a%20b.html#here) ![p]({BASE}a%20b.html) [b](https://y.org/c#d) `[c](d)` \\](e)"
    assert markdown_checks.links(good, tmp_path, BASE, markdown_checks.targets) == []
    for bad in ("a.html", "#here", f"{BASE}c.html", f"{BASE}a%20b.html#there"):
        assert len(markdown_checks.links(f"[a]({bad})", tmp_path, BASE, markdown_checks.targets)) == 1, bad

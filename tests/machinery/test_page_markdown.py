"""Each page is also there as Markdown, with what its cells gave, and a list leads to all of them."""

import json
import re

import pytest
from sphinx.errors import ExtensionError

from pipeline.downloads.llms import title_and_sentence
from pipeline.downloads.values import value

BASE = "https://example.org/"
CONF = f"""
extensions += ["pipeline.formulas", "pipeline.downloads"]
html_baseurl = "{BASE}"
pages_time_limit = 600
outputs_check = False
"""
PAGE = '''"""
.. _shows:

What does it show?
==================

It shows :ref:`itself <shows>` and :math:`a_{ij}`. More of it.
"""

import matplotlib.pyplot as plt
import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.rules import explain_matmul

x = torch.arange(2, 4)
assert x[1] == 3
print(f"{x.shape = }")
draw(torch.cumsum, x, dim=0)

# %%
# .. note::
#
#    A *note*.
#
# .. list-table::
#    :header-rows: 1
#
#    * - a
#      - b
#    * - ``x|y``
#      - 2
#
# .. math::
#
#    y = x^2

plt.plot([1, 2])
_ = plt.title("A line [1, 2] rises")

# %%
# A part
# ------

ask("What is x[1]?", answer=x[1], choices={3: "The second.", 2: "That is x[0]."})

# %%
# An error.

with expect_error(IndexError, match="out of bounds"):
    x[2]

# %%
# A report, and a text.

check(lambda x: x + x, lambda x: x * 2, [(x,)])

# %%

explain_matmul((2, 3), (3, 5))
'''
EXPECTED = r"""# What does it show?

> From <https://example.org/guide/one/shows.html>. The code ran with VERSIONS.

It shows [itself](https://example.org/guide/one/shows.html#shows) and $a_{ij}$. More of it.

```python
import matplotlib.pyplot as plt
import torch

from ptguide.errors import expect_error
from ptguide.exercises import check
from ptguide.pictures import draw
from ptguide.questions import ask
from ptguide.rules import explain_matmul

x = torch.arange(2, 4)
assert x[1] == 3
print(f"{x.shape = }")
draw(torch.cumsum, x, dim=0)
```

Output:

```text
x.shape = torch.Size([2])
```

![x of shape (2,): [2, 3]; torch.cumsum(x, dim=0) gives; out of shape (2,): [2, 5]; out[1] = 5, computed from x[:].](https://example.org/guide/one/images/sphx_glr_shows_001.svg)

> **Note**
>
> A *note*.

| a | b |
| --- | --- |
| `x\|y` | 2 |

$$
y = x^2
$$

```python
plt.plot([1, 2])
_ = plt.title("A line [1, 2] rises")
```

![A line [1, 2] rises](https://example.org/_images/sphx_glr_shows_002.png)

## A part

```python
ask("What is x[1]?", answer=x[1], choices={3: "The second.", 2: "That is x[0]."})
```

**Question:** What is x[1]?

- `3` **✓ Right.** The second.
- `2` **✗ No.** That is x[0].

An error.

```python
with expect_error(IndexError, match="out of bounds"):
    x[2]
```

Output:

```text
IndexError: index 2 is out of bounds for dimension 0 with size 2
```

A report, and a text.

```python
check(lambda x: x + x, lambda x: x * 2, [(x,)])
```

**✓** All 1 cases are right.

```python
explain_matmul((2, 3), (3, 5))
```

Output:

```text
a        2  3
b        3  5
result   2  5
matrix times matrix
Axis -1 of a and axis -2 of b, both 3, are multiplied and summed over.
```
"""


@pytest.fixture(scope="module")
def built(copy_of_accepted, tmp_path_factory):
    """Return a miniature site that was built with its downloads."""
    site = copy_of_accepted(tmp_path_factory.mktemp("markdown") / "site")
    site.edit("docs/conf.py", '"beta"', '"beta", "shows"')
    conf = site.root / "docs/conf.py"
    conf.write_text(conf.read_text() + CONF)
    for name, text in {"README.md": "", "LICENSE": "", "gallery/one/shows.py": PAGE}.items():
        (site.root / name).write_text(text)
    site.build()
    return site


def made(site, name):
    return (site.root / "docs/_build/html" / name).read_text(encoding="utf-8")


def test_a_page_with_all_that_it_shows(built):
    record = json.loads((built.root / "docs/guide/one/shows.record.json").read_text())
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    expected = EXPECTED.replace("VERSIONS", f"{versions} on {record['device']}")
    assert made(built, "guide/one/shows.md") == expected


def test_the_list_of_all_pages(built):
    head, chapter, rest = made(built, "llms.txt").split("\n\n## ")
    assert head.startswith("# minisite\n\n> The guide to PyTorch")
    assert chapter.splitlines() == [
        "One",
        "",
        f"- [Alpha?]({BASE}guide/one/alpha.md): Uses the helper.",
        f"- [Beta?]({BASE}guide/one/beta.md): Uses no helper.",
        f"- [What does it show?]({BASE}guide/one/shows.md): It shows itself and $a_{{ij}}$.",
    ]
    assert rest.startswith(f"Optional\n\n- [Learning paths]({BASE}learning_paths.html)")


def test_what_is_unchanged_is_not_written_again_and_what_is_gone_or_failed_is_deleted(built):
    html = built.root / "docs/_build/html"
    picture = html / "guide/one/images/sphx_glr_shows_001.svg"
    before = {name: (html / name).stat().st_mtime_ns for name in ("guide/one/alpha.md", "guide/one/alpha.html")}
    assert picture.is_file()
    built.edit("docs/conf.py", ', "shows"', "")
    (built.root / "gallery/one/shows.py").unlink()
    built.edit("gallery/one/beta.py", "three == 1 + 2", "three == 1 + 3")
    built.build("-a", ok=False)
    changed = [name for name, time in before.items() if (html / name).stat().st_mtime_ns != time]
    assert changed == ["guide/one/alpha.html"]
    assert [file.name for file in (html / "guide").rglob("*.md")] == ["alpha.md"]
    assert not picture.exists()
    assert re.findall(r"guide/one/(\w+)\.md", made(built, "llms.txt")) == ["alpha"]


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("# T\n\n> F\n\nOne [`a.b()`](https://x.org/a) is 1.5, that is. `x` is two.\n", "One `a.b()` is 1.5, that is."),
        ("# T\n\n> F\n\nIs it? `x` is.\n\nThree.\n", "Is it?"),
        ("# T\n\n> F\n\nThere are two:\n\n- a\n- b\n", "There are two."),
        ("# T\n\n> F\n\nA row\\[0\\] [of \\[\\]](https://x.org/%28).\n", "A row\\[0\\] of \\[\\]."),
    ],
)
def test_first_sentence(markdown, expected):
    assert title_and_sentence(markdown) == ("T", expected)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("</details>", ""),
        ('<div role="group" aria-label="Tabs">', ""),
        (
            '<figure><style>a</style><svg aria-label="a &gt; b"><g><text>7</text></g></svg><svg aria-hidden="1"></svg>'
            '<figcaption>and c</figcaption><script>"</p>"</script></figure><br />',
            "(a > b; and c)",
        ),
        ("<table><tr><th>a|b</th><td>1</td></tr></table>", "|  |  |\n| --- | --- |\n| a\\|b | 1 |"),
        (
            "<table><caption>Sum 1</caption><thead><tr><th>a</th></tr></thead><tr><td>1</td></tr></table>",
            "| a |\n| --- |\n| 1 |\n\nSum 1",
        ),
    ],
)
def test_value(html, expected):
    assert value(html, "({})".format) == expected


def test_a_value_without_a_form_is_an_error():
    with pytest.raises(ExtensionError, match=r"a <video> has no Markdown form: add it to pipeline.downloads.values"):
        value("<div><video></video></div>", str)

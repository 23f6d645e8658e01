"""What a cell shows and does not print is compared as what it prints: pictures, tables, questions, figures."""

import re

import pytest

CLAIM = "\nassert 1 + 1 == 2"
DRAWN = "import matplotlib.pyplot as plt\n\nplt.plot([1, 2, 3])\nplt.title('It rises')\nplt.show()"
LINKED = """\
import torch
from ptguide.pictures import draw


def op(x):
    return x.flip(0)


assert op(torch.ones(1)) == 1

# %%
# Drawn.

draw(op, torch.zeros(3))"""
TABLE = """\
from torch import nn, zeros
from ptguide.pictures import draw_network

assert 1 + 1 == 2
draw_network(nn.Linear(2, 3), zeros(1, 2))"""
ASKED = """\
from ptguide.questions import ask

assert 1 + 1 == 2
ask("Is 3 more?", answer="yes" if 3 > 2 else "no", choices={"yes": "It is.", "no": "It is not."})"""
REPORT = """\
import torch
from ptguide.exercises import check

assert 1 + 1 == 2
check(lambda x: x + 1, lambda x: 2 * x, [(torch.tensor([3]),)])"""
# The code of a page, what is changed in it, and what the build must then say was kept, and is now.
PAGES = {
    "curve": (DRAWN + CLAIM, "[1, 2, 3]", "[1, 3, 3]", "y ⟨1.000 2.000 3.000⟩", "y ⟨1.000 3.000 3.000⟩"),
    "links": (LINKED, "x.flip(0)", "x.clone()", "1#0-2 each of 0#2 to 0#0 by -1", "1#0-2 each of 0#0 to 0#2"),
    "table": (TABLE, "zeros(1, 2)", "zeros(5, 2)", "Linear | (1, 2) | (1, 3)", "Linear | (5, 2) | (5, 3)"),
    "question": (ASKED, "3 > 2", "3 < 2", "(shown) ✓ Right. It is.", "(shown) ✓ Right. It is not."),
    "report": (REPORT, "[3]", "[4]", "(shown) 4:≠", "(shown) 5:≠"),
}


@pytest.fixture(scope="module")
def changed(copy_of_accepted, tmp_path_factory):
    """Return a site whose pages show something else than what is kept of them, and what its build says."""
    site = copy_of_accepted(tmp_path_factory.mktemp("shown"))
    for name, (code, *_) in PAGES.items():
        site.page(name, code)
    site.build("-Dpages_update_outputs=1")  # each page twice, the second time as its download
    for name, (_, old, new, *_) in PAGES.items():
        site.edit(f"gallery/one/{name}.py", old, new)
    return site, site.build(ok=False)


@pytest.mark.parametrize("name", PAGES)
def test_what_is_shown_and_not_printed_is_compared(changed, name):
    _, printed = changed
    *_, before, after = PAGES[name]
    place = rf"^gallery/one/{name}\.py:\d+: WARNING: the output changed\."
    found = re.search(rf"{place}\n--- kept\n((?:.+\n)*?)--- now\n((?:.+\n)*?)If this is right", printed, re.MULTILINE)
    assert found, printed
    kept, now = found.groups()
    assert before in kept
    assert after in now
    assert after not in kept
    assert before not in now


def test_words_of_a_picture_alone_would_not_tell_its_links(changed):
    site, _ = changed
    text = (site.root / "docs/outputs/cpu/one/links.txt").read_text()
    (words,) = re.findall(r"\(picture\) (.*)", text)
    assert words.endswith("out[1] = 0, copied from x[1].")  # as before and after


def test_accepted_changes_are_kept_and_pass(changed):
    site, _ = changed
    site.build("-Dpages_update_outputs=1")
    site.build("-Dpages_run_twice=1")
    for name, (*_, before, after) in PAGES.items():
        text = (site.root / f"docs/outputs/cpu/one/{name}.txt").read_text()
        assert after in text
        assert before not in text


@pytest.mark.parametrize(
    ("code", "difference"),
    [
        (
            "import random\nimport matplotlib.pyplot as plt\n\nplt.plot([1, random.random()])\nplt.title('It is one')\n"
            "plt.show()",
            r"--- first\n\(picture\) It is one\n\(drawn\) axes .*\n.*\n--- second\n\(picture\) It is one\n\(drawn\)",
        ),
        (
            "import torch\nfrom ptguide.pictures import draw\n\n"
            "draw(torch.zeros(9, 9), colors=torch.randint(4, (9, 9)))",
            "",
        ),
    ],
    ids=["curve", "colors"],
)
def test_page_that_shows_something_else_as_a_download_fails(minisite, code, difference):
    head, _, last = code.rpartition("\n")
    page = f"{head}{CLAIM}\n{last}"
    minisite.page("changing", page)
    printed = minisite.build("-Dpages_run_twice=1", "-Doutputs_check=0", ok=False)
    assert "run twice, this cell gave two outputs" in printed
    assert re.search(difference, printed), printed


def test_measured_cell_may_show_something_else(minisite):
    code = "# Measured here.\nimport time\nimport matplotlib.pyplot as plt\n\nplt.plot([1, time.time()])\n"
    minisite.page("measures", f"{code}plt.title('It takes time')\nplt.show()\nassert time.time()")
    minisite.build("-Dpages_update_outputs=1")
    assert "drawn" not in (minisite.root / "docs/outputs/cpu/one/measures.txt").read_text()

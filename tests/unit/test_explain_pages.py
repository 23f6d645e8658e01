"""The pages for a traceback are found without a network, by the index of the site; the pages of messages exist."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ptguide._explaining import _answer, _index, _pages
from ptguide._explaining._finding import RULES

ROOT = Path(__file__).parents[2]

INDEX = {
    "pages": [
        {"id": "guide/shapes/cat", "title": "How does torch.cat work?", "other": ""},
        {"id": "guide/errors/mat1", "title": "mat1 and mat2 shapes cannot be multiplied", "other": ""},
        {"id": "guide/training/workers", "title": "Workers", "other": "open files"},
        {"id": "reference/data", "title": "Data", "other": ""},
    ],
    "messages": {"guide/errors/mat1": "mat and mat shapes cannot be multiplied x and x"},
    "stopwords": ["and", "be", "the"],
    "terms": "\n".join(
        [
            "dataload dataloader c2K",
            "file files c1k",
            "mat1  1a",
            "mat2  1a",
            "multipli multiplied az",
            "open  c1k",
            "shape shapes zb",
            "x  bb2b",
        ]
    ),
}


@pytest.fixture
def index(tmp_path):
    file = tmp_path / _index.NAME
    file.write_text(f"window.ptguideIndex = {json.dumps(INDEX)};\n", encoding="utf-8")
    return file


def names(text, index):
    return [page.name for page in _index.find_pages(text, index)]


def test_a_message_that_a_page_shows_word_for_word_comes_first(index):
    message = "RuntimeError: mat1 and mat2 shapes cannot be multiplied (32x120 and 224x10)"
    assert names(message, index)[0] == "guide/errors/mat1"
    assert names("ValueError: shapes", index)[0] == "guide/shapes/cat", "the index alone ranks it higher"


def test_the_line_of_the_reader_counts_where_the_message_says_little(index):
    frames = 'File "/project/a.py", line 3, in f\n    for b in DataLoader(d):\n'
    foreign = '  File "/x/site-packages/torch/a.py", line 9, in g\n    x = x\n'
    found = names(f"Traceback (most recent call last):\n  {frames}{foreign}OSError: [Errno 24] Too many", index)
    assert found[0] == "guide/training/workers"


def test_a_part_of_the_reference_counts_less_than_a_page(index):
    assert names("ValueError: x", index).index("reference/data") > 0


def test_an_index_that_is_not_there_is_named(tmp_path):
    with pytest.raises(LookupError, match=r"there is no index of the pages in .*search-index\.js"):
        _index.find_pages("text", tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[0;31mRuntimeError\x1b[0m: first\nDuring handling of the above exception\nValueError: the last",
        "ValueError: the last (Triggered internally at x.cpp)",
        "ValueError: the last\ntorch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n=====",
    ],
)
def test_the_last_error_counts_without_what_follows_it(text):
    assert _index.pasted(text)[:2] == ("ValueError", "the last")


def test_the_command_prints_titles_and_addresses(index):
    command = [sys.executable, "-m", "ptguide", "explain", "--pages", str(index)]
    done = subprocess.run(
        command, input="RuntimeError: shapes cannot be multiplied", capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[:2] == [
        "mat1 and mat2 shapes cannot be multiplied",
        "    https://ptguide.github.io/ptguide/guide/errors/mat1.html",
    ]
    done = subprocess.run(command, input="zyzzyva", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")


def test_the_address_of_the_site_is_that_of_its_settings():
    conf = (ROOT / "docs/conf.py").read_text(encoding="utf-8")
    assert f'html_baseurl = "{_pages.SITE}"' in conf


def test_each_page_that_a_rule_names_exists():
    named = {*_pages.OF_MESSAGE.values(), *(entry.page for entry in RULES)}
    for file in Path(_answer.__file__).parent.glob("_rules_*.py"):
        named |= set(re.findall(r'"([a-z]+/[a-z0-9_]+)"', file.read_text(encoding="utf-8")))
    assert len(named) > 50
    assert [page for page in sorted(named) if not (ROOT / f"gallery/{page}.py").is_file()] == []


@pytest.mark.parametrize(("words", "page"), _pages.OF_MESSAGE.items())
def test_the_page_of_a_message_prints_it(words, page):
    printed = (ROOT / f"docs/outputs/cpu/{page}.txt").read_text(encoding="utf-8")
    assert re.search(words, printed), f"{page} prints nothing like {words!r}"


@pytest.mark.parametrize(
    "name", ["Unsupported", "GuardOnDataDependentSymNode", "FailOnRecompileLimitHit", "TritonMissing"]
)
def test_errors_of_torch_compile_are_seen_by_names_that_do_not_end_in_error(name):
    text = f'  File "train.py", line 3, in <module>\n    step(batch)\ntorch._dynamo.exc.{name}: why it stopped'
    assert _index.pasted(text)[:2] == (f"torch._dynamo.exc.{name}", "why it stopped")

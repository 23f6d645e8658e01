"""Interrupted builds, and what a browser would load from elsewhere."""

import filecmp
import os
import random
import re
import shutil
import signal
import time

import pytest

from pipeline.tidying import offline


def contents(root):
    """Return the built site, file by file, without what says when and how fast it was built."""
    masked = re.compile(rb'<time datetime="[^"]*">[^<]*</time>, in [\d.]+ s')
    out = root / "docs/_build/html"
    # sphinx-gallery's archives hold the time at which they were made; the real site does not offer them.
    files = (path for path in out.rglob("*") if path.is_file() and path.suffix != ".zip")
    return {path.relative_to(out).as_posix(): masked.sub(b"", path.read_bytes()) for path in files}


def test_killed_build_followed_by_another_gives_the_same_site(minisite, tmp_path):
    for folder in ("docs/_build", "docs/guide"):
        shutil.rmtree(minisite.root / folder)
    started = time.monotonic()
    minisite.build()
    whole = time.monotonic() - started
    expected = contents(minisite.root)
    assert "guide/one/alpha.html" in expected
    chance = random.Random(0)
    for round_ in range(6):
        for folder in ("docs/_build", "docs/guide"):
            shutil.rmtree(minisite.root / folder, ignore_errors=True)
        if round_ % 2:  # also over a finished site of which every page has to be made again
            minisite.build()
            minisite.edit("requirements.lock", "t", "tt")
        process = minisite.start()
        time.sleep(whole * chance.uniform(0.2, 1.0))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        minisite.build()
        got = contents(minisite.root)
        different = {
            name: (expected.get(name), got.get(name)) for name in expected | got if expected.get(name) != got.get(name)
        }
        assert different == {}, f"killed in round {round_}"


def test_small_build_gives_the_same_site_as_a_whole_one(minisite):
    minisite.build()
    whole = contents(minisite.root)
    assert b'"id":"guide/one/alpha"' in whole["search-index.js"]
    minisite.build()
    assert contents(minisite.root) == whole


def test_half_written_page_is_written_again(minisite):
    minisite.build()
    expected = contents(minisite.root)
    page = minisite.root / "docs/_build/html/guide/one/beta.html"
    page.write_text(page.read_text()[:100])  # as a build that is killed while it writes leaves it, with its marker
    (minisite.root / "docs/_build/html.unfinished").touch()
    minisite.build()
    assert contents(minisite.root) == expected


def test_warning_is_not_forgotten_by_the_next_build(minisite):
    path = minisite.root / "docs/checks.md"
    path.write_text(path.read_text() + "\n[lost](nowhere.md)\n")
    for _ in range(2):
        assert "nowhere.md" in minisite.build(ok=False)


def test_finished_build_leaves_no_marker(minisite):
    minisite.build()
    assert not (minisite.root / "docs/_build/html.unfinished").exists()


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example.org/x.js"></script>',
        '<script async\n src="//cdn.example.org/x.js"></script>',
        '<link rel="stylesheet" href="https://fonts.example.org/css">',
        '<link href="https://fonts.example.org/css" rel="preload stylesheet">',
        '<img alt="" src="http://example.org/a.png">',
        '<iframe src="https://example.org"></iframe>',
        '<p style="background: url(https://example.org/a.png)">',
        '<style>@import "https://example.org/a.css";</style>',
    ],
)
def test_foreign_address_is_found(html):
    assert len(offline.foreign(html, style=False)) == 1


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://example.org">a link is followed by a person</a>',
        '<link rel="canonical" href="https://example.org/page.html">',
        '<script src="_static/x.js"></script>',
        '<svg xmlns="http://www.w3.org/2000/svg"></svg>',
    ],
)
def test_own_address_and_link_are_not(html):
    assert offline.foreign(html, style=False) == []


def test_page_that_loads_from_elsewhere_stops_the_build(minisite):
    path = minisite.root / "docs/checks.md"
    path.write_text(path.read_text() + '\n```{raw} html\n<img alt="" src="https://example.org/a.png">\n```\n')
    assert "checks.html loads https://example.org/a.png from another host" in minisite.build(ok=False)


def test_contents_sees_a_difference(tmp_path):
    # The comparison above must be able to fail.
    for name, text in (("a", "same"), ("b", "other")):
        (tmp_path / name / "docs/_build/html").mkdir(parents=True)
        (tmp_path / name / "docs/_build/html/x.html").write_text(text)
    assert contents(tmp_path / "a") != contents(tmp_path / "b")
    assert not filecmp.cmp(
        tmp_path / "a/docs/_build/html/x.html", tmp_path / "b/docs/_build/html/x.html", shallow=False
    )

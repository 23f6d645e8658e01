"""Each check in the browser complains about a small page that is broken in just the way that the check is for."""

import re

import browser_checks
import pytest

PAGE = '<!DOCTYPE html><html lang="en" data-theme="light"><head><title>Small</title><link rel="icon" href="data:,">'
PAGE += "<style>a {{ color: #0645ad; text-decoration: underline }}{style}</style></head>"
PAGE += '<body><div class="skip-link"><a href="#m">Skip</a></div><header><a href="#m">Home</a></header>'
PAGE += '<main id="m"><article class="bd-article"><h1>Small</h1>{body}</article></main></body></html>'
PICTURE = '<svg role="img" aria-label="one cell" width="90" height="40"><rect width="90" height="40" fill="{paper}"/>'
PICTURE += '<text x="9" y="25" fill="#333333">7</text></svg>'


@pytest.fixture
def small(tmp_path, serve, new_page):
    """Return a function that opens a small page and returns it with its watch."""
    origin = serve(tmp_path)

    def start(body: str, style: str = ""):
        (tmp_path / "index.html").write_text(PAGE.format(body=body, style=style), encoding="utf-8")
        page = new_page()
        watch = browser_checks.Watch(page, origin)
        page.goto(f"{origin}index.html", wait_until="networkidle")
        return page, watch

    return start


def test_nothing_is_wrong_with_a_good_page(small):
    page, watch = small(f'<p>Text with <a href="#m">a link</a>.</p>{PICTURE.format(paper="#ffffff")}')
    assert browser_checks.accessibility(page) == []
    assert browser_checks.contrast(page) == (1, 0, [])
    assert browser_checks.keyboard(page) == (["skip link", "header", "content"], [])
    assert browser_checks.overflow(page, 1280) + browser_checks.overflow(page, 390) + watch.complaints() == []


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("<script>console.error('oh')</script>", "console: oh"),
        ("<script>throw new Error('oh')</script>", "error in a script: oh"),
        ('<img src="gone.png" alt="gone">', "answer 404: "),
        ('<img src="http://127.0.0.1:9/x.png" alt="far">', "request to another place: http://127.0.0.1:9/x.png"),
        ('<link rel="stylesheet" href="https://cdn.invalid/x.css">', "request to another place: https://cdn.invalid/"),
    ],
)
def test_watch(small, body, complaint):
    _, watch = small(body)
    assert any(found.startswith(complaint) for found in watch.complaints())
    assert watch.complaints() == []  # those of the next page begin anew


def test_watch_names_what_is_not_answered(small, tmp_path):
    page, watch = small("<p>Text.</p>")
    page.route("**/broken.js", lambda route: route.abort("aborted"))
    page.evaluate("fetch('broken.js').catch(() => 0)")
    assert watch.complaints() == [f"no answer: {page.url.removesuffix('index.html')}broken.js (net::ERR_ABORTED)"]
    (tmp_path / "alone.html").write_text('<script src="gone.js"></script>', encoding="utf-8")
    alone = page.context.new_page()
    watch = browser_checks.Watch(alone, tmp_path.as_uri())
    alone.goto((tmp_path / "alone.html").as_uri())
    assert f"no answer: {(tmp_path / 'gone.js').as_uri()} (net::ERR_FILE_NOT_FOUND)" in watch.complaints()


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        ("<button></button>", "button-name"),
        ('<p style="color: #aaaaaa">pale</p>', "color-contrast"),
        ('<pre style="overflow: auto; width: 50px">a line that is too long</pre>', "scrollable-region-focusable"),
    ],
)
def test_accessibility(small, body, rule):
    page, _ = small(body)
    assert [found.partition(":")[0] for found in browser_checks.accessibility(page)] == [rule]
    assert [found.partition(":")[0] for found in browser_checks.accessibility(page, rule)] == [rule]
    assert browser_checks.accessibility(page, "image-alt") == []


def test_contrast(small):
    page, _ = small(
        PICTURE.format(paper="#777777") + '<div class="highlight"><pre>x <i style="color: #999999">y</i></pre></div>'
    )
    pictured, code, complaints = browser_checks.contrast(page)
    assert (pictured, code) == (1, 2)
    assert [complaint.split(" has ")[0] for complaint in complaints] == [
        "7: rgb(51, 51, 51) on rgb(119, 119, 119)",
        "y: rgb(153, 153, 153) on rgb(255, 255, 255)",
    ]


@pytest.mark.parametrize(("gap", "complaints"), [(4, 1), (24, 0)])
def test_crowded(small, gap, complaints):
    picture = PICTURE.format(paper="#ffffff")
    body = f'<div class="output_html" style="margin-bottom: {gap}px">{picture}</div><p>Text.</p>'
    page, _ = small(body, "svg { display: block } p { margin: 0 }")
    assert len(browser_checks.crowded(page)) == complaints


@pytest.mark.parametrize(
    ("body", "complaints"),
    [
        ('<pre style="overflow: auto; width: 50px">a line that is too long</pre>', 1),
        ('<div style="overflow-y: scroll; height: 9px"><p>Two</p><p>lines</p></div>', 1),
        ('<pre style="overflow: auto; width: 50px" tabindex="0">a line that is too long</pre>', 0),
        ('<div style="overflow: auto; width: 50px"><a href="#m">a_link_that_is_too_long</a></div>', 0),
        ('<pre style="overflow: auto">short</pre>', 0),
        ('<pre style="overflow: hidden; width: 50px">a line that is cut off</pre>', 0),
    ],
)
def test_unreachable(small, body, complaints):
    page, _ = small(body)
    assert len(browser_checks.unreachable(page)) == complaints


@pytest.mark.parametrize(
    "new",
    [
        "<table></table>",
        '<p class="note">text</p>',
        '<p role="note">text</p>',
        '<p><a href="#m" tabindex="-1">x</a></p>',
        "<section><p>text</p></section>",
        "<script>document.querySelector('p').className = 'made-by-a-script'</script>",
    ],
)
def test_constructs(small, new):
    first, _ = small("<p>text</p>")
    same, _ = small(f"<p>other</p><p>text</p>{PICTURE.format(paper='#ffffff')}<pre>x</pre>")
    other, _ = small(f"<p>text</p>{new}")
    known = browser_checks.constructs(first)
    assert {one.partition(" > ")[2] for one in browser_checks.constructs(same) - known} == {"svg[role=img]", "PRE"}
    assert browser_checks.constructs(other) - known


@pytest.mark.parametrize("outside", ["", ".bd-article { overflow-x: auto }"])
def test_overflow(small, outside):
    page, _ = small('<div class="wide" style="width: 600px">wide</div>', outside)
    assert browser_checks.overflow(page, 1280) == []
    (complaint,) = browser_checks.overflow(page, 390)
    assert "scrolls sideways" in complaint
    assert "wide" in complaint


def test_overflow_of_the_contents(small):
    page, _ = small('<div class="bd-sidebar-secondary"><i>long</i></div>', ".bd-sidebar-secondary { width: 99px }")
    assert browser_checks.overflow(page, 1280) == []
    page.evaluate("document.querySelector('.bd-sidebar-secondary i').style.cssText = 'display: block; width: 120px'")
    (complaint,) = browser_checks.overflow(page, 1280)
    assert "long</i>" in complaint


@pytest.mark.parametrize(
    ("body", "style", "complaint"),
    [
        ('<a href="#m">x</a>', "article a:focus { outline: none }", "the focus cannot be seen on <a href"),
        ('<a href="#m" style="position: absolute; left: -99px">x</a>', "", "the focus cannot be seen on <a href"),
        ("<p>x</p><a href='#m' class='run-this-page'>y</a><a href='#m'>z</a>", "", ""),
        ('<a href="#m" tabindex="1">first</a>', "", "Tab goes through ['content', 'skip link', 'header']; expected"),
        (
            "<script>onkeydown = e => { if (document.activeElement.id == 'y') e.preventDefault() }</script>"
            '<a href="#m" id="y">y</a><a href="#m">z</a>',
            "",
            'Tab never reaches <a href="#m">z</a>',
        ),
    ],
)
def test_keyboard(small, body, style, complaint):
    page, _ = small(body, style)
    _, complaints = browser_checks.keyboard(page)
    assert [found[: len(complaint)] for found in complaints] == ([complaint] if complaint else [])


RESULT = '<div style="height: {gap}px"></div><div class="output_html"><table style="height: 90px"></table></div>'


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (RESULT.format(gap=500), ""),
        (RESULT.format(gap=760), "the first result ends at"),
        (
            f'<details class="ptg-fold" open>{RESULT.format(gap=1)}</details>{RESULT.format(gap=760)}',
            "the first result",
        ),
        (f"<details>{RESULT.format(gap=900)}</details>{RESULT.format(gap=1)}", ""),
        ("<p>Text.</p>", "the page shows no result"),
    ],
)
def test_first_result(small, body, complaint):
    page, _ = small(body)
    found = browser_checks.first_result(page, 1280, 800)
    assert [one[: len(complaint)] for one in found] == ([complaint] if complaint else [])


def test_length(small):
    page, _ = small('<div style="height: 1400px"></div>')
    assert browser_checks.length(page, 2) == []
    (complaint,) = browser_checks.length(page, 1)
    assert re.fullmatch(r"1\.[89] screens of 1280 x 800 stand above the questions; expected at most 1", complaint)
    page, _ = small('<p>Text.</p><section id="check-yourself" style="height: 1500px"></section>')
    assert browser_checks.length(page, 1) == []

"""Each check of the files complains about a small page that is broken in just the way that the check is for."""

import html_checks
import pytest

PAGE = '<!DOCTYPE html><title>Small</title><main id="m"><article>{body}</article></main>'
PICTURE = '<svg role="img" aria-label="one cell"><text>7</text></svg>'
SAID = '<section class="provenance">{claims} claims held when this page ran on {date}, in 1.1 s, with Python 3.11.7, '
SAID += "{torch}torchvision 0.29.2 on CPU (x86_64){commit}. How the guide checks itself</section>"
TRUE = {
    "claims": "45",
    "date": "2026-11-21",
    "torch": "torch 2.14.1, ",
    "commit": ", from commit <code>0a1b2c3d4e5f</code>",
}


def read(body: str):
    return html_checks.BeautifulSoup(PAGE.format(body=body), "html.parser")


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ('<a href="gone.html">x</a>', "leads to gone.html: there is no such file"),
        ('<a href="#gone">x</a>', "leads to #gone: there is no such place"),
        ('<img src="a.png" srcset="b.png 2x">', "leads to b.png: there is no such file"),
        ('<link rel="canonical" href="https://x.org/index.html"><a href="https://x.org/y.py">y</a>', "leads to y.py"),
        ('<a href="folder/">x</a>', "leads to folder/: there is no such file"),
    ],
)
def test_links(tmp_path, body, complaint):
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.png").touch()
    (tmp_path / "index.html").write_text(PAGE.format(body=f'{body}<a href="#m">good</a>'), encoding="utf-8")
    (found,) = html_checks.links(tmp_path, "index.html")
    assert complaint in found


def test_words_for_pictures():
    bad = (
        '<img src="x.png"><img alt=" "><img alt="sphx_glr_stack_001.png"><img alt="-"><svg></svg><svg role="img"></svg>'
    )
    good = '<img alt="Loss falls">' + PICTURE + '<svg aria-hidden="true"></svg>'
    assert len(html_checks.words_for_pictures(read(bad))) == 6
    assert html_checks.words_for_pictures(read(good)) == []


@pytest.mark.parametrize(
    ("thumbnail", "shown", "complaint"),
    [
        ("one of two", "one", ""),
        ("one", "other", "is not on that page"),
        ("no image", "no image", "no picture of its own"),
    ],
)
def test_thumbnails(tmp_path, thumbnail, shown, complaint):
    (tmp_path / "t.svg").write_text(f'<svg aria-label="{thumbnail}"/>')
    (tmp_path / "p.html").write_text(PAGE.format(body=f'<svg aria-label="{shown}"></svg>'))
    card = '<div class="sphx-glr-thumbcontainer"><img src="t.svg"><a href="p.html">p</a></div>'
    (tmp_path / "index.html").write_text(PAGE.format(body=card))
    found = html_checks.thumbnails(tmp_path, "index.html", b'<svg aria-label="no image"/>')
    assert len(found) == bool(complaint)
    assert complaint in "".join(found)


@pytest.mark.parametrize(("line", "complaints"), [("3 4", 0), ("3 4 and mo…", 0), ("5", 1)])
def test_thumbnail_of_what_a_page_prints(tmp_path, line, complaints):
    svg = f'<svg aria-label="The page prints: {line}"><text>{line}</text></svg>'
    (tmp_path / "t.svg").write_text(svg)
    (tmp_path / "p.html").write_text(PAGE.format(body='<div class="sphx-glr-script-out">3 4 and more</div>'))
    card = '<div class="sphx-glr-thumbcontainer"><img src="t.svg"><a href="p.html">p</a></div>'
    (tmp_path / "index.html").write_text(PAGE.format(body=card))
    assert len(html_checks.thumbnails(tmp_path, "index.html", b"")) == complaints


def test_leftovers():
    formula = (
        '<span class="math"><math><mi>x</mi><annotation>\\frac{1}{2}</annotation></math></span><code>$$ :ref:</code>'
    )
    assert html_checks.leftovers(read(formula)) == (1, [])
    for bad in (
        '<span class="math">x</span>',
        "<p>\\(x\\)</p>",
        "<p>$$x$$</p>",
        "<p>here $2^3$ is</p>",
        "<p>:doc:<code>y</code></p>",
        "<p>.. note:: z</p>",
    ):
        assert len(html_checks.leftovers(read(bad))[1]) == 1


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("<h1>a</h1><h2>b</h2><h3>c</h3><h2 id='x'>d</h2><p id='y'>e</p>", ""),
        ("<h2>a</h2>", "it has 0 titles (h1); expected one"),
        ("<h1>a</h1><h1>b</h1>", "it has 2 titles (h1); expected one"),
        ("<h1>a</h1><h2>b</h2><h4>c</h4>", "a heading of level 4 follows one of level 2"),
        ("<h1 id='x'>a</h1><p id='x'>b</p>", "2 parts have the id x"),
    ],
)
def test_outline(body, complaint):
    assert html_checks.outline(read(body)) == ([complaint] if complaint else [])


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"claims": "0"},
        {"date": "2099-01-01"},
        {"date": "today"},
        {"torch": ""},
        {"commit": ""},
        {"commit": ", from commit ?"},
    ],
)
def test_provenance(wrong):
    document = read(SAID.format(**TRUE | wrong))
    assert len(html_checks.provenance(document, commit=True)) == bool(wrong)
    assert len(html_checks.provenance(document, commit=False)) == bool(wrong and "commit" not in wrong)


def test_code_links():
    cell = '<div class="highlight-Python"><a href="{}">torch.stack</a>(x); torch.cat(y)</div>'
    assert html_checks.code_links(read(cell.format("https://docs.pytorch.org/docs/stable/x.html#torch.stack"))) == []
    assert html_checks.code_links(read(cell.format("https://example.org"))) == [
        "torch.stack leads to https://example.org"
    ]
    link = '<a href="https://docs.python.org/3/library/{}">{}</a>'
    two = link.format("stdtypes.html#str", "torch.version.cuda") + link.format("functions.html#print", "torch.stack")
    two += link.format("functions.html#print", "say")
    assert html_checks.code_links(read(f'<div class="highlight-Python">{two}</div>')) == [
        "torch.stack leads to https://docs.python.org/3/library/functions.html#print"
    ]
    assert html_checks.code_links(read('<div class="highlight-Python">torch.cat(y)</div>')) == [
        "no name of torch in the code is a link"
    ]
    assert html_checks.code_links(read("")) == ["there is no code"]


def test_downloads():
    links = '<p class="run-this-page"><a download href="x.py">x</a><a download href="x.ipynb">x</a>{}</p>'
    assert html_checks.downloads(read(links.format('<a download href="c.zip">c</a>'))) == []
    assert len(html_checks.downloads(read(links.format("")))) == 1

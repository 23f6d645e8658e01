"""What another device gave stands beside a page's own outputs, and is current only as long as the page is the same."""

import pickle
import re

import pytest
from docutils import nodes
from sphinx.addnodes import only
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

from pipeline.downloads import notebooks
from pipeline.page import device_tabs

FOLDER = "docs/outputs/nvidia-test-gpu"
CPU = {"PTGUIDE_DEVICE": "cpu"}
SHOWS = "guide/one/shows.html"


@pytest.fixture(scope="module")
def built(copy_of_recorded, tmp_path_factory):
    """Return the site built on the CPU with the recordings of the pretended GPU, and what the build printed."""
    site = copy_of_recorded(tmp_path_factory.mktemp("built"))
    return site, site.build(**CPU)


def tabs_of(html):
    """Return the labels and the texts of the tabs, for each cell that has any."""
    found = []
    for part in html.split('<div class="ptg-devices"')[1:]:
        labels = re.findall(r"<label [^>]*>([^<]*)</label>", part)
        bodies = part.split('<div class="ptg-device docutils container">')[1:]
        texts = [" ".join(re.sub(r"<[^>]+>", "", body.partition("<input")[0]).split()) for body in bodies]
        found.append(dict(zip(labels, texts, strict=True)))
    return found


def footer(html):
    return " ".join(html.partition('<section class="provenance"')[2].partition("</section>")[0].split())


def searched(site):
    """Return all that the search looks through."""
    return (site.root / "docs/_build/html/search-data.js").read_text()


def test_recordings_reach_the_pages_without_a_run(built):
    _, printed = built
    # One page draws what was measured elsewhere, and has to run. No other does.
    assert re.findall(r"^pages: (\S+) ran", printed, re.MULTILINE) == ["dev/measures"]


def test_a_cell_has_tabs_where_it_differs(built):
    site, _ = built
    named, measured, only_there = tabs_of(site.html(SHOWS))  # the cell that prints the same has none
    cpu, gpu = named
    assert (cpu[:5], gpu) == ("CPU (", "NVIDIA Test GPU")
    assert named[cpu].startswith("CPU (")
    assert re.match(
        r"NVIDIA Test GPU Recorded on NVIDIA Test GPU, \d{4}-\d\d-\d\d, Python [\d.]+, torch \S+, torchvision \S+, "
        r"CUDA 99.0, ptguide \S+\.",
        named[gpu],
    )
    assert "seconds on CPU" in measured[cpu]
    assert "seconds on NVIDIA Test GPU" in measured[gpu]
    assert only_there[cpu] == "This cell gives nothing here."
    assert only_there[gpu].startswith("only there: wildebeest")


def test_the_device_of_this_build_is_the_open_tab(built):
    site, _ = built
    inputs = re.findall(r"<input ([^>]*)>", site.html(SHOWS))
    assert [("checked" in one) for one in inputs] == [True, False] * 3
    ids = re.findall(r'id="(ptg-device[^"]*)"', site.html(SHOWS))
    assert len(set(ids)) == len(ids) == 6
    assert re.findall(r'<label for="([^"]*)"', site.html(SHOWS)) == ids
    assert len(set(re.findall(r'<input type="radio" name="([^"]*)"', site.html(SHOWS)))) == 3


def test_in_a_chapter_about_devices_equal_outputs_have_tabs_too(built):
    site, _ = built
    same, measured = tabs_of(site.html("guide/dev/measures.html"))
    cpu, gpu = same
    assert same[cpu] == "the sum is 3.0"
    assert same[gpu].startswith("the sum is 3.0 Recorded on NVIDIA Test GPU, ")
    assert "NVIDIA Test GPU [0.5, 0.25]" in measured[cpu]  # drawn from the recording
    assert re.search(r"speed on NVIDIA Test GPU: measured on \d{4}-\d\d-\d\d with Python .*, CUDA 99.0", measured[cpu])


def test_a_page_that_computed_on_the_cpu_has_no_tabs(built):
    site, _ = built
    html = site.html("guide/one/alpha.html")
    assert tabs_of(html) == []
    assert re.search(
        r"It also ran on NVIDIA Test GPU, .*: 1 checks passed\. Its tensors are on the CPU there too\.", footer(html)
    )


def test_a_page_without_a_recording_says_nothing_of_it(built):
    site, _ = built
    html = site.html("guide/one/fails.html")
    assert "Test GPU" not in html
    assert "checks passed" in footer(html)


def test_a_notebook_has_no_tabs(built):
    site, _ = built
    tree = pickle.loads((site.root / "docs/_build/doctrees/guide/one/shows.doctree").read_bytes())
    assert any("ptg-device" in node["classes"] for node in tree.findall(nodes.container))
    for note in list(tree.findall(only)):  # the download note, which the real site cuts out
        note.parent.remove(note)
    _, blocks = split_code_and_text_blocks(str(site.root / "gallery/one/shows.py"))
    cells = notebooks.split_page(tree, blocks, "https://example.org/")
    kinds = [kind for kind, _, _ in blocks]
    assert [("code" if kind == "code" else "markdown") for kind in kinds] == [kind for kind, _ in cells]
    assert not [text for _, text in cells if "wildebeest" in text or "Test GPU" in text]


def test_the_search_finds_what_is_current_and_forgets_what_is_not(recorded):
    recorded.build(**CPU)
    assert "wildebeest" in searched(recorded)
    assert "Recorded on" not in searched(recorded)
    recorded.edit("gallery/one/shows.py", "# Measured, in seconds.", "# Measured here, in seconds.")
    recorded.build(**CPU)
    assert "wildebeest" not in searched(recorded)


def test_a_stale_recording_is_folded_and_marked(recorded):
    recorded.edit("gallery/one/shows.py", "# Measured, in seconds.", "# Measured here, in seconds.")
    recorded.edit("gallery/dev/measures.py", "the sum is", "the whole sum is")
    recorded.build("-Dpages_update_outputs=1", **CPU)
    html = recorded.html(SHOWS)
    assert tabs_of(html) == []
    assert "wildebeest" not in html.partition('<section class="provenance"')[0].replace('"only there: wildebeest"', "")
    said = footer(html)
    assert "<strong>Stale:</strong> the code of this page has changed since it was recorded on NVIDIA Test GPU" in said
    folded = said.partition('<details class="ptg-stale">')[2].partition("</details>")[0]
    assert "<summary>Stale outputs of NVIDIA Test GPU, of an earlier version of this page</summary>" in folded
    assert "only there: wildebeest" in folded
    measured = recorded.html("guide/dev/measures.html")
    assert "NVIDIA Test GPU (stale: the page has changed since) [0.5, 0.25]" in measured


def test_a_sentence_that_changes_makes_nothing_stale(recorded):
    recorded.edit("gallery/one/shows.py", "The same everywhere.", "Everywhere the same.")
    recorded.build(**CPU)
    assert len(tabs_of(recorded.html(SHOWS))) == 3
    assert "Stale" not in recorded.html(SHOWS)


def test_a_helper_that_changes_is_said(recorded):
    recorded.edit("src/minihelp/deeper.py", "Return the product.", "Return x times y.")
    recorded.build(**CPU)
    assert "A helper that it imports has changed since." in footer(recorded.html("guide/one/alpha.html"))
    assert "helper" not in footer(recorded.html("guide/one/beta.html"))


def test_a_recording_that_comes_or_goes_reaches_the_page_and_no_other(recorded):
    def written(printed):
        return set(re.findall(r"guide/(\w+/\w+)", " ".join(re.findall(r"reading sources.*", printed))))

    recorded.build(**CPU)
    file = recorded.root / FOLDER / "one/shows.json"
    kept = file.read_text()
    file.unlink()
    printed = recorded.build(**CPU)
    assert (recorded.ran(printed), written(printed)) == (set(), {"one/shows"})
    assert tabs_of(recorded.html(SHOWS)) == []
    assert "wildebeest" not in searched(recorded)
    file.write_text(kept)
    printed = recorded.build(**CPU)
    assert (recorded.ran(printed), written(printed)) == (set(), {"one/shows"})
    assert len(tabs_of(recorded.html(SHOWS))) == 3
    assert written(recorded.build(**CPU)) == set()


def test_on_the_device_itself_its_own_recording_has_no_tab(recorded):
    recorded.edit("gallery/one/fails.py", "CPU", "")
    recorded.build(**recorded.on_gpu)
    assert tabs_of(recorded.html(SHOWS)) == []
    assert "wildebeest" in recorded.html(SHOWS)
    assert "also ran on" not in footer(recorded.html(SHOWS))


@pytest.mark.parametrize(
    ("here", "there", "measured", "always", "expected"),
    [
        ("loss 0.1234", "loss 0.1235", False, False, False),
        ("loss 0.1234", "loss 0.1240", False, False, True),
        ("same", "same", False, True, True),
        ("3 s", "3 s", True, False, True),
        ("", "", False, True, False),
        ("", "", True, False, False),
        ("(picture) a line", "(picture) a line", False, True, False),
        ("(picture) a line", "(picture) a line", True, True, False),
        ("(picture) a line", "(picture) two lines", False, False, True),
        ("text", "", False, False, True),
    ],
)
def test_when_a_cell_has_tabs(here, there, measured, always, expected):
    lines = here.splitlines()
    pictures = [line.removeprefix("(picture) ") for line in lines if line.startswith("(picture) ")]
    text = "\n".join(line for line in lines if not line.startswith("(picture) "))
    cell = {"text": text, "pictures": pictures, "measured": measured}
    assert device_tabs.differs(cell, there, always=always) == expected

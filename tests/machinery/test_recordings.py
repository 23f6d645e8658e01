"""What pages give on an accelerator is kept by a run on it alone, and stands beside their own. Here it is pretended."""

import pickle
import re
import shutil
from pathlib import Path

import pytest
from sphinx.addnodes import only
from sphinx_design.tabs import TabSetHtmlTransform

from pipeline.downloads.blocks import blocks_of
from pipeline.downloads.markdown import Writer
from pipeline.downloads.notebook import cells_of
from pipeline.gallery import adapter
from pipeline.outputs import kept, recordings
from pipeline.page import device_tabs
from pipeline.search.data import sections_of

ROOT = Path(__file__).parents[2]
FOLDER = "docs/outputs/nvidia-test-gpu"
CPU = {"PTGUIDE_DEVICE": "cpu"}
SHOWS, SEARCHED = "guide/one/shows.html", "docs/_build/html/search/guide/one/shows.js"


def files_of(site):
    return {path.relative_to(site.root).as_posix(): path.read_text() for path in site.root.glob("docs/outputs/*/*/*")}


def edit_cell(site):
    site.edit("gallery/one/beta.py", 'print("three")', 'print("THREE")')


@pytest.fixture
def file(tmp_path):
    """Return the file of a recording, in which each kind of fact stands."""
    cells = [
        {"code": "a = 1", "measured": False, "text": "a", "pictures": ["a point"], "claims": [1, 2], "line": 1},
        {"code": "b = 1", "measured": True, "text": "3 s", "pictures": [], "claims": [], "line": 2},
    ]
    cells = [{"drawn": [], "html": [], **cell} for cell in cells]
    facts = {"date": "2026-11-21T10:00:00+00:00", "versions": {"torch": "2.14.1", "CUDA": "13.0"}, "commit": ""}
    facts |= {"used": True, "claims": 2, "measurements": {"speed": {"seconds": [0.5, 0.25]}}}
    record = {"page": "one/x", "device": "NVIDIA Test GPU", "cells": cells, **facts}
    one = recordings.from_run(record, "helpers")
    file = kept.file_of(tmp_path, "one/x", "NVIDIA Test GPU")
    kept.write(file, kept.render(one))
    assert kept.read(file) == one
    assert (
        one.items()
        >= {**facts, "cells": {(0, ()): "cell 1: 1 2", (1, ()): "a\n(picture) a point", (2, ()): "3 s"}}.items()
    )
    return file


EDITS = {"3 s": "2 s", "0.25": "0.2", "-11-21T": "-11-22T", "claims: 2": "claims: 3", "seal: .*": "", "\n\n": "\n"}


@pytest.mark.parametrize("old", EDITS)
def test_an_edited_recording_is_refused(file, old):
    text, count = re.subn(old, EDITS[old], file.read_text(), count=1)
    assert count
    file.write_text(text)
    with pytest.raises(ValueError, match=r"x\.txt was edited after it was made: .* nox -s record on NVIDIA Test GPU"):
        kept.read(file)


@pytest.mark.parametrize("place", ["nvidia-h100/one/x.txt", "nvidia-test-gpu/one/y.txt", "cpu/one/x.txt"])
def test_a_recording_cannot_be_given_to_another_device_or_page(file, tmp_path, place):
    kept.write(tmp_path / place, file.read_text())
    with pytest.raises(ValueError, match=r"was moved: it is of one/x on NVIDIA Test GPU"):
        kept.read(tmp_path / place)


def test_the_repository_holds_only_what_devices_gave():
    found = [kept.read(path) for path in (ROOT / "docs/outputs").glob("*/*/*.txt")]
    assert len(found) > 50
    of_devices = [one for one in found if one["device"] != "cpu"]
    assert [one for one in of_devices if "Test" in one["device"] or {"torch", "ptguide"} - one["versions"].keys()] == []


def test_recorder_keeps_what_the_pages_give(recorded):
    pages = ["dev/measures", "one/alpha", "one/beta", "one/shows"]
    assert set(files_of(recorded)) == {
        *(f"{FOLDER}/{page}.txt" for page in pages),
        *(f"docs/outputs/cpu/{page}.txt" for page in [*pages, "one/fails"]),
    }
    made = {page: kept.read(recorded.root / FOLDER / f"{page}.txt") for page in pages}
    assert [one["used"] for one in made.values()] == [True, False, False, True]
    assert made["one/shows"]["versions"].items() >= {"CUDA": "99.0"}.items()
    assert made["one/shows"]["versions"].keys() >= {"Python", "torch", "ptguide"}
    claims, named, same, measured, only_there = made["one/shows"]["cells"].values()
    assert claims.startswith("cell ")
    assert (named, same, only_there) == ("NVIDIA Test GPU", "one third is 0.3333", "only there: wildebeest")
    assert "seconds on NVIDIA Test GPU" in measured
    assert made["dev/measures"]["measurements"] == {"speed": {"bytes": [4, 8], "seconds": [0.5, 0.25]}}
    assert "CPU" in (recorded.root / "docs/outputs/cpu/one/shows.txt").read_text()
    # One fails, and the others are kept.
    assert "4 of 5 pages passed on NVIDIA Test GPU, 1 failed" in recorded.printed
    assert "FAILED    one/fails" in recorded.printed
    assert re.search(r"gallery/one/fails\.py:13: .*this page fails on a GPU", recorded.printed, re.DOTALL)


def test_only_what_has_changed_is_written_again(recorded):
    before = files_of(recorded)
    edit_cell(recorded)
    assert "2 of 2 pages passed" in recorded.record("one/alpha", "one/beta", **recorded.on_gpu)
    after = files_of(recorded)
    assert [name for name in after if after[name] != before[name]] == [f"{FOLDER}/one/beta.txt"]


def test_where_no_device_computes_nothing_is_recorded(recorded):
    before = files_of(recorded)
    only_a_name = {**recorded.on_gpu, "PRETEND_GPU": "only a name"}
    for env, why in ((only_a_name, ""), ({"PTGUIDE_DEVICE": "cuda:9"}, "ValueError: PTGUIDE_DEVICE is 'cuda:9'")):
        printed = recorded.record("one/beta", status=1, **env)
        assert f"There is no device to record on: {why}" in printed
        assert "passed" not in printed
    # On a CPU it compares.
    assert "equal     one/beta" in recorded.record("one/beta", **CPU)
    edit_cell(recorded)
    printed = recorded.record("one/beta", status=1, **CPU)
    assert "differs   one/beta" in printed
    assert "beta.py:11: the output changed.\n--- kept\nthree\n--- now\nTHREE" in printed
    assert files_of(recorded) == before


def test_what_cannot_be_recorded_is_said(recorded):
    before = files_of(recorded)
    measures = (recorded.root / "gallery/dev/measures.py").read_text()
    recorded.write("gallery/dev/again.py", measures)
    recorded.edit("docs/conf.py", '"measures"', '"measures", "again", "beside"')
    recorded.write("gallery/dev/beside.py", measures.replace("# sphinx_gallery_parallel = False\n", ""))
    recorded.edit("gallery/one/beta.py", 'print("three")', "import os\n\nprint(os.getpid())")
    printed = recorded.record("dev", "one/beta", status=1, **recorded.on_gpu)
    assert "dev/measures and dev/again both keep a measurement called 'speed': rename one." in printed
    assert re.search(
        r"beside\.py:\d+: .*it must run alone: give it the line '# sphinx_gallery_parallel = False'", printed
    )
    assert "gave two outputs" in printed
    assert set(files_of(recorded)) - set(before) == {f"{FOLDER}/dev/again.txt"}
    assert files_of(recorded)[f"{FOLDER}/one/beta.txt"] == before[f"{FOLDER}/one/beta.txt"]
    assert "there is no page or chapter one/gone; see gallery_order" in recorded.record("one", "one/gone", status=2)


def test_recordings_are_listed(recorded):
    recorded.record("one/beta", "one/shows", "--check")
    recorded.record("--check", status=1)
    edit_cell(recorded)
    recorded.edit("gallery/one/shows.py", "The same everywhere.", "Everywhere the same.")  # a sentence is no code
    recorded.edit("src/minihelp/deeper.py", "Return the product.", "Return x times y.")
    (recorded.root / "gallery/dev/measures.py").rename(recorded.root / "gallery/dev/other.py")
    recorded.edit("docs/conf.py", '"measures"', '"other"')
    printed = recorded.record("--list")
    assert dict(line.split()[1::-1] for line in printed.splitlines() if line.startswith("  ")) == {
        "dev/measures": "gone",
        "dev/other": "missing",
        "one/alpha": "fresh",
        "one/beta": "stale",
        "one/shows": "fresh",
        "one/fails": "missing",
    }
    assert "a helper that it imports has changed since" in printed.partition("one/alpha")[2].partition("\n")[0]
    assert "2 fresh, 1 stale, 2 missing, 1 gone" in printed
    recorded.record("one/beta", "--check", status=1)
    shutil.rmtree(recorded.root / FOLDER)
    assert "No accelerator is recorded. On a machine with one: nox -s record" in recorded.record("--check", status=1)


def test_what_is_refused_is_said_by_the_list_and_by_the_build(recorded):
    recorded.edit(f"{FOLDER}/one/beta.txt", "three", "seven")
    (recorded.root / FOLDER / "one/alpha.txt").rename(recorded.root / FOLDER / "one/gone.txt")
    printed = recorded.record("one/shows", "--check", status=1)
    assert "2 refused" in printed
    for said in (printed, recorded.build(ok=False, **CPU)):
        assert "beta.txt was edited after it was made" in said
        assert "gone.txt was moved: it is of one/alpha" in said
    assert "gone.txt: the page of this output is gone: delete the file" in said


def test_a_build_holds_its_pages_against_what_its_own_device_gave(recorded):
    (recorded.root / FOLDER / "one/beta.txt").unlink()
    recorded.edit("gallery/one/fails.py", "CPU", "")
    recorded.edit("gallery/one/alpha.py", "four / 3", "four / 4")
    printed = recorded.build(**recorded.on_gpu)  # the outputs of the CPU are others, and are not compared
    assert "one/beta on NVIDIA Test GPU: nothing is kept; nox -s record keeps it" in printed
    assert "one/alpha on NVIDIA Test GPU: the recording is stale; nox -s record renews it" in printed
    html = recorded.html(SHOWS)  # its own recording has no tab
    assert "wildebeest" in html
    assert "also ran on" not in html
    assert tabs_of(html) == []
    recorded.edit("src/minihelp/deeper.py", "x * y", "x * y + 0.0")
    recorded.edit("src/minihelp/used.py", "    6\n", "    6.0\n")
    recorded.edit("gallery/one/alpha.py", "four / 4", "four / 3")  # as it was recorded
    printed = recorded.build(ok=False, **recorded.on_gpu)
    assert "alpha.py:11: " in printed
    assert "--- kept\nfour = 4, 1.3333\n--- now\nfour = 4.0, 1.3333" in printed


def test_a_build_on_the_device_records_when_it_is_told_to(recorded):
    recorded.edit("gallery/one/fails.py", "CPU", "")
    before = files_of(recorded)
    recorded.build("-Dpages_update_outputs=1", **recorded.on_gpu)
    new = {name for name, content in files_of(recorded).items() if before.get(name) != content}
    assert new == {f"{FOLDER}/{page}.txt" for page in ("one/fails", "dev/measures", "one/shows")}  # and what measures


@pytest.fixture(scope="module")
def built(copy_of_recorded, tmp_path_factory):
    """Return the site built on the CPU with the recordings of the pretended GPU, and what the build printed."""
    site = copy_of_recorded(tmp_path_factory.mktemp("built"))
    return site, site.build(**CPU)


def tabs_of(html):
    """Return the texts of the tabs by their labels, for each cell that has any; the one that is open comes first."""
    found = []
    for part in re.split(r'<div class="sd-tab-set ptg-devices[^"]*">', html)[1:]:
        inputs, labels = re.findall(r"<input ([^>]*)>", part), re.findall(r"<label [^>]*>\s*([^<]*)</label>", part)
        assert [("checked" in one) for one in inputs[: len(labels)]] == [True, *[False] * (len(labels) - 1)]
        bodies = re.split(r'<div class="sd-tab-content[^>]*>', part)[1:]
        texts = [" ".join(re.sub(r"<[^>]+>", "", body.partition("<input")[0]).split()) for body in bodies]
        found.append(dict(zip(labels, texts, strict=True)))
    return found


def footer(html):
    return " ".join(html.partition('<section class="provenance"')[2].partition("</section>")[0].split())


def test_a_cell_has_tabs_where_it_differs(built):
    site, printed = built
    # One page draws what was measured elsewhere, and has to run. No other does.
    assert site.ran(printed) == {"dev/measures"}
    named, measured, only_there = tabs_of(site.html(SHOWS))  # the cell that prints the same has none
    cpu, gpu = named
    assert (cpu[:5], gpu, named[cpu][:5]) == ("CPU (", "NVIDIA Test GPU", "CPU (")
    versions = r"Python [\d.]+, torch \S+, torchvision \S+, CUDA 99.0, ptguide \S+\."
    assert re.match(rf"NVIDIA Test GPU Recorded on NVIDIA Test GPU, \d{{4}}-\d\d-\d\d, {versions}", named[gpu])
    assert "seconds on CPU" in measured[cpu]
    assert "seconds on NVIDIA Test GPU" in measured[gpu]
    assert only_there[cpu] == "This cell gives nothing here."
    assert only_there[gpu].startswith("only there: wildebeest")
    assert "wildebeest" in (site.root / SEARCHED).read_text()
    assert not re.search("Recorded on|Test GPU Recorded", (site.root / SEARCHED).read_text())


def test_in_a_chapter_about_devices_equal_outputs_have_tabs_too(built):
    same, measured = tabs_of(built[0].html("guide/dev/measures.html"))
    cpu, gpu = same
    assert same[cpu] == "the sum is 3.0"
    assert same[gpu].startswith("the sum is 3.0 Recorded on NVIDIA Test GPU, ")
    assert "NVIDIA Test GPU [0.5, 0.25]" in measured[cpu]  # drawn from the recording
    assert re.search(r"speed on NVIDIA Test GPU: measured on \d{4}-\d\d-\d\d with .*, CUDA 99.0", measured[cpu])


def test_without_a_difference_or_a_recording_there_are_no_tabs(built):
    site, _ = built
    on_the_cpu, fails = site.html("guide/one/alpha.html"), site.html("guide/one/fails.html")
    assert tabs_of(on_the_cpu) == tabs_of(fails) == []
    assert re.search(r"also ran on NVIDIA Test GPU, .*: 1 claim held\. Its tensors are on", footer(on_the_cpu))
    assert "helper" not in footer(on_the_cpu)
    assert "Test GPU" not in fails
    assert " held" in footer(fails)


def test_neither_notebook_nor_search_has_tabs_and_markdown_has_what_they_hold(built):
    site, _ = built
    tree = pickle.loads((site.root / "docs/_build/doctrees/guide/one/shows.doctree").read_bytes())
    for note in list(tree.findall(only)):  # the download note, which the real site cuts out
        note.parent.remove(note)
    TabSetHtmlTransform(tree).run()
    script = adapter.blocks(site.root / "gallery/one/shows.py")
    blocks = blocks_of(tree, script)
    cells = cells_of(blocks, "https://example.org/")
    assert [kind for kind, _ in cells] == [("code" if kind == "code" else "markdown") for kind, _, _ in script]
    assert not [text for _, text in cells if "wildebeest" in text or "Test GPU" in text]
    markdown = Writer("https://example.org/").blocks(blocks[-1].nodes)
    assert re.search(r"gives nothing here.*\*\*NVIDIA Test GPU\*\*.*only there: wildebeest", markdown, re.DOTALL)
    assert not [one["text"] for one in sections_of(tree) if "Test GPU" in one["text"]]


def test_a_stale_recording_is_folded_and_marked(recorded):
    recorded.edit("gallery/one/shows.py", "# Measured, in seconds.", "# Measured here, in seconds.")
    recorded.edit("gallery/dev/measures.py", "the sum is", "the whole sum is")
    recorded.edit("src/minihelp/deeper.py", "Return the product.", "Return x times y.")
    recorded.build("-Dpages_update_outputs=1", **CPU)
    html = recorded.html(SHOWS)
    assert tabs_of(html) == []
    assert "wildebeest" not in html.partition('<section class="provenance"')[0].replace('"only there: wildebeest"', "")
    assert "wildebeest" not in (recorded.root / SEARCHED).read_text()
    said, _, folded = footer(html).partition('<details class="ptg-stale">')
    assert "<strong>Stale:</strong> the code of this page has changed since it was recorded on NVIDIA Test GPU" in said
    assert "<summary>Stale outputs of NVIDIA Test GPU, of an earlier version of this page</summary>" in folded
    assert "only there: wildebeest" in folded
    measured = recorded.html("guide/dev/measures.html")
    assert "NVIDIA Test GPU (stale: the page has changed since) [0.5, 0.25]" in measured
    assert "A helper that it imports has changed since." in footer(recorded.html("guide/one/alpha.html"))
    assert "helper" not in footer(recorded.html("guide/one/beta.html"))


def test_a_recording_that_comes_or_goes_reaches_its_page_and_what_speaks_of_recordings(recorded):
    def read(printed):
        assert recorded.ran(printed) == set()
        return set(re.findall(r"(guide/\w+/\w+|checks|index)", " ".join(re.findall(r"reading sources.*", printed))))

    about = "\n```{where-recorded}\nAlso on a zebra.\n```\n"
    recorded.write("docs/checks.md", (recorded.root / "docs/checks.md").read_text() + about)
    recorded.edit("gallery/one/shows.py", "The same everywhere.", "Everywhere the same.")  # makes nothing stale
    recorded.build(**CPU)
    assert len(tabs_of(recorded.html(SHOWS))) == 3
    files = {path: path.read_text() for path in (recorded.root / FOLDER).glob("one/*.txt")}
    (recorded.root / FOLDER / "dev/measures.txt").unlink()
    recorded.build(**CPU)  # the page that shows its numbers runs
    assert "Also on a zebra" in recorded.html("checks.html")
    shows = recorded.root / FOLDER / "one/shows.txt"
    shows.unlink()
    assert read(recorded.build(**CPU)) == {"guide/one/shows"}
    assert tabs_of(recorded.html(SHOWS)) == []
    for path in files:
        path.unlink(missing_ok=True)
    assert read(recorded.build(**CPU)) == {"guide/one/alpha", "guide/one/beta", "checks"}
    assert "zebra" not in recorded.html("checks.html")
    shows.write_text(files[shows])
    assert read(recorded.build(**CPU)) == {"guide/one/shows", "checks"}
    assert len(tabs_of(recorded.html(SHOWS))) == 3
    assert "Also on a zebra" in recorded.html("checks.html")
    assert read(recorded.build(**CPU)) == set()


DIFFERENT = """
loss 0.1234 | loss 0.1240 |
3 s | 3 s | measured
same | same | always
text | |
(picture) a line | (picture) two lines |
"""
NOT_DIFFERENT = """
loss 0.1234 | loss 0.1235 |
same | same |
| | always
| | measured
(picture) a line | (picture) a line | measured always
"""


@pytest.mark.parametrize(("rows", "expected"), [(DIFFERENT, True), (NOT_DIFFERENT, False)])
def test_when_a_cell_has_tabs(rows, expected):
    for row in rows.strip().splitlines():
        here, there, how = (part.strip() for part in row.split("|"))
        cell = {"text": here, "pictures": [], "drawn": [], "html": [], "measured": "measured" in how}
        assert device_tabs.differs(cell, there, always="always" in how) == expected, row

"""What pages print is kept; a change stops the build until a person accepts it."""

import json
import re
import runpy
import sys
import types
from pathlib import Path

import pytest

from pipeline.outputs import kept
from pipeline.outputs.compare import same

ROOT = Path(__file__).parents[2]


# What another machine may print: decimals within a thousandth, or one unit of a last digit that is worth little.
SAME = [
    ("loss 0.1234", "loss 0.1235"),
    ("1.000", "1.0004"),
    ("1234.56", "1235.5"),
    ("1e-07", "1.0005e-07"),
    ("1.250e-07", "1.251e-07"),
    ("12.5.", "12.6."),  # the end of a sentence
    ("1.0000+2.0000j", "1.0001+2.0001j"),
    ("[1.0000,  2.0000]", "[1.0000, 2.0001]"),
    ("tensor([ 9.9996])", "tensor([10.000])"),
    ("a\n\nb\n", "a\nb"),
    ("nan", "nan"),
    ("y ⟨2.000 0.001 nan⟩", "y ⟨2.001 -0.001 nan⟩"),  # of a figure: noise beside the largest
    ("⟨3.000e-08 0.001e-08⟩", "⟨3.001e-08 0.000e-08⟩"),
    ("⟨10.00⟩", "⟨9.999⟩"),
]
DIFFERENT = [
    ("loss 0.1234", "loss 0.1240"),
    ("1234.56", "1236.0"),
    ("0.001", "0.002"),  # a unit of the last digit that is all of the number
    ("0.0001", "0.0000"),
    ("0.5", "0.6"),
    ("0.90", "0.91"),
    ("0.000", "0.001"),
    ("1e-07", "2e-07"),
    ("1e-07", "1e-08"),
    ("1.2e-07", "1.3e-07"),
    ("1.250e-07", "1.270e-07"),
    ("tensor([0., 1., 1.])", "tensor([1., 0., 0.])"),  # no digit that could be rounded
    ("1.", "0."),
    ("-0.", "0."),
    ("-0.0", "0.0"),
    ("tensor([-0.0000])", "tensor([0.0000])"),
    ("tensor([1., 2.])", "tensor([1.0000, 2.0000])"),
    ("torch 2.11", "torch 2.12"),  # versions
    ("Python >= 3.11", "Python >= 3.12"),
    ("torch==2.14.1", "torch==2.14.0"),
    ("CUDA 13.0", "CUDA 13.1"),
    ("v2.11", "v2.12"),
    ("build 2.14.1", "build 2.15.1"),
    ("127.0.0.1", "127.0.0.2"),
    ("4 rows", "5 rows"),
    ("1000000", "1000001"),
    ("tensor([1, 2])", "tensor([1, 3])"),
    ("tensor([0.1250, 0.2500])", "tensor([0.2500, 0.1250])"),  # the order
    ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"),
    ("0.5", "-0.5"),
    ("+0.5", "-0.5"),
    ("1.0", "nan"),
    ("nan", "1.0"),
    ("inf", "-inf"),
    ("(2, 3)", "(3, 2)"),  # shapes
    ("a", "a\nb"),
    ("a b", "a\nb"),
    ("a b", "ab"),
    ("torch.float32", "torch.float64"),
    ("1.0 2.0", "1.0"),
    ("0.0001 s", "9000 s"),  # what only a cell that measures may give
    ("took 12.5 ms", "took 3 ms"),
    ("<A at 0x7f0012345678>", "<A at 0x7f0087654321>"),
    ("flags 0xff", "flags 0xfe"),
    ("on 2026-11-21", "on 2027-01-02"),
    ("T08:00:00", "T09:10:11"),
    ("y ⟨2.000 0.001⟩", "y ⟨2.000 0.011⟩"),  # of a figure
    ("y ⟨2.000 0.001⟩", "y ⟨2.000⟩"),
    ("y ⟨2.000⟩", "y 2.000"),
    ("y ⟨2.000 nan⟩", "y ⟨2.000 1.000⟩"),
    ("y ⟨2.000 inf⟩", "y ⟨2.000 nan⟩"),
    ("⟨1.000 | 2.000⟩", "⟨1.000 2.000 |⟩"),
    ("⟨0.000⟩", "⟨0.001⟩"),
    ("⟨2.000⟩ ⟨0.001⟩", "⟨2.000⟩ ⟨0.002⟩"),
    ("#1e5631", "#1e9999"),  # colors
    ("2#5 of 0#3", "2#5 of 0#4"),  # links of a picture
]


@pytest.mark.parametrize(("expected", "got"), SAME)
def test_within_the_tolerance(expected, got):
    assert same(expected, got)


@pytest.mark.parametrize(("expected", "got"), DIFFERENT)
def test_beyond_the_tolerance(expected, got):
    assert not same(expected, got)
    assert not same(got, expected)


def record(*texts, device="CPU (any)"):
    nothing = {"pictures": [], "drawn": [], "html": [], "measured": False, "code": "", "claims": []}
    cells = [nothing | {"text": text, "line": line} for line, text in enumerate(texts, 1)]
    return {"page": "one/x", "device": device, "cells": cells, "processor": "A"}


def test_kept_text_is_read_back(tmp_path):
    run = record("a\n\n  b", "", "[cell 9]", "3 s")
    run["cells"][2] |= {"pictures": ["a point"], "drawn": ["axes 'a'", "  line: x ⟨1.000⟩"], "html": ["b | c"]}
    run["cells"][3]["measured"] = True
    cells = kept.renewed({}, run)
    assert {number: output for (number, _), output in cells.items()} == {
        1: "a\n\n  b",
        3: "[cell 9]\n(picture) a point\n(drawn) axes 'a'\n(drawn)   line: x ⟨1.000⟩\n(shown) b | c",
        4: "(measured: differs from run to run)",
    }
    one = {"page": "one/x", "device": "cpu", "cells": cells | {(1, (3, 13)): "", (3, (3, 9)): "c"}}
    file = tmp_path / "cpu/one/x.txt"
    kept.write(file, kept.render(one))
    assert file.read_text().startswith("Outputs of one/x on cpu, cell by cell. Made by: nox -s docs -- ")
    assert "\n[cell 1, Python 3.13]\n\n[cell 3]\n" in file.read_text()
    assert kept.read(file) == one
    assert kept.differences({**one, "cells": cells}, run) == []


def trained(text, kind):
    run = record(text) | {"processor": kind}
    run["cells"][0]["code"] = "import it\n\n# Varies with the processor: a training amplifies how it rounds.\ntrain()"
    return run


def test_cell_that_varies_is_compared_on_the_processor_that_it_is_kept_of():
    cells = kept.renewed({}, trained("loss 0.25 after 3 steps", "A"))
    assert cells == {OLD: "(varies with the processor; this is of A)\nloss 0.25 after 3 steps"}
    assert kept.differences({"cells": cells}, trained("loss 0.25 after 3 steps", "A")) == []
    assert kept.differences({"cells": cells}, trained("loss 0.31 after 3 steps", "A"))
    assert kept.differences({"cells": cells}, trained("loss 0.31 after 4 steps", "B")) == []
    assert kept.differences({"cells": cells}, trained("cost 0.31 after 4 steps", "B"))  # its words count everywhere
    assert kept.differences({"cells": cells}, trained("loss 0.31 after 4", "B"))
    assert kept.renewed(cells, trained("loss 0.31 after 4 steps", "B")) == cells
    assert kept.renewed(cells, trained("loss 0.31 after 4 steps", "A")) != cells
    plain = kept.renewed({}, record("loss 0.25"))
    assert kept.differences({"cells": plain}, record("loss 0.31") | {"processor": "B"})  # a cell that does not say so
    silent = kept.render({"page": "one/x", "device": "cpu", "cells": kept.renewed({}, trained("", "A"))})
    assert kept.differences({"cells": kept.parse(silent)}, trained("", "B")) == []


@pytest.mark.parametrize(
    ("output", "printed"),
    [
        ("a\n(drawn) axes\n", "a"),
        ("a\n(picture) b\n(shown) 1 2", "a"),  # of a picture, the words are shown
        ("a\n(shown) b | c\n(shown) 1 | 2", "a\nb | c\n1 | 2"),  # a table
        ("(picture) b", ""),
        ("", ""),
    ],
)
def test_what_is_printed_is_told_from_what_is_shown(output, printed):
    assert kept.printed_of(output) == printed


OLD, V13, V14 = (1, ()), (1, (3, 13)), (1, (3, 14))


@pytest.mark.parametrize(
    ("python", "expected"),
    [((3, 9), "old"), ((3, 12), "old"), ((3, 13), "new"), ((3, 14), "newest"), ((3, 20), "newest")],
)
def test_the_block_of_the_highest_version_up_to_ones_own_holds(python, expected):
    cells = {V14: "newest", OLD: "old", V13: "new", (2, (3, 9)): "another cell"}
    assert cells[kept.in_force(cells, 1, python)] == expected
    assert kept.in_force({V13: "new"}, 1, (3, 11)) == OLD  # nothing


def test_number_of_times_that_claims_held_is_kept_and_compared():
    run = record("x", "y")
    run["cells"][1]["claims"] = [3, "unchecked"]
    cells = kept.renewed({}, run)
    assert cells == {(0, ()): "cell 2: 3 unchecked", (1, ()): "x", (2, ()): "y"}
    text = kept.render({"page": "one/x", "device": "cpu", "cells": cells})
    assert text.partition("\n\n")[2].startswith("[claims]\n    cell 2: 3 unchecked\n\n[cell 1]\n")
    assert kept.parse(text) == cells
    assert kept.differences({"cells": cells}, run) == []
    run["cells"][1]["claims"] = [0, "unchecked"]
    [(line, what)] = kept.differences({"cells": cells}, run)
    assert line == 2
    assert what.endswith("--- kept\ncell 2: 3 unchecked\n--- now\ncell 2: 0 unchecked")
    assert kept.renewed(cells, run, variant=True, python=(3, 13))[0, (3, 13)] == "cell 2: 0 unchecked"


@pytest.mark.parametrize(
    ("python", "variant", "got", "expected"),
    [
        ((3, 11), False, "y", {OLD: "y", V13: "new"}),
        ((3, 13), False, "y", {OLD: "old", V13: "y"}),
        ((3, 14), False, "y", {OLD: "old", V13: "y"}),
        ((3, 14), True, "y", {OLD: "old", V13: "new", V14: "y"}),
        ((3, 13), True, "y", {OLD: "old", V13: "y"}),
        ((3, 14), True, "new", {OLD: "old", V13: "new"}),  # as it is kept
        ((3, 13), False, "old", {OLD: "old"}),  # a variant that differs in nothing goes
        ((3, 13), False, "", {OLD: "old", V13: ""}),
        ((3, 11), False, "", {V13: "new"}),
    ],
)
def test_the_block_in_force_is_renewed_and_the_others_stay(python, variant, got, expected):
    assert kept.renewed({OLD: "old", V13: "new"}, record(got), variant=variant, python=python) == expected


def test_a_block_goes_with_its_cell():
    cells = {OLD: "x", V13: "y", (2, ()): "z", (2, (3, 99)): "z"}
    assert kept.differences({"cells": {**cells, V13: "x"}}, record("x")) == [
        (1, "cells [2] are kept and no longer there")
    ]
    assert kept.renewed(cells, record("x"), python=(3, 11)) == {OLD: "x", V13: "y"}


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "does not begin as a file of outputs. Delete it, and make it anew"),
        ("[cell 1]\n    x\n", "does not begin"),
        ("Outputs of one/x on cpu, cell by cell. Made by: x\ndate: 3 s\n", "does not begin"),
        ("Outputs of one/y on cpu, cell by cell. Made by: x\n", "was moved: it is of one/y on cpu. Put it back"),
        ("Outputs of one/x on NVIDIA H200, cell by cell. Made by: x\n", "was moved: it is of one/x on NVIDIA H200"),
    ],
)
def test_what_is_no_output_of_the_page_is_refused(tmp_path, text, match):
    kept.write(tmp_path / "cpu/one/x.txt", text)
    with pytest.raises(ValueError, match=match):
        kept.read(tmp_path / "cpu/one/x.txt")


def test_changed_output_stops_the_build_until_accepted(minisite):
    minisite.edit("gallery/one/beta.py", 'print("three")', 'print("THREE")')
    for _ in range(2):  # also when the page itself is fresh
        printed = minisite.build(ok=False)
        assert "\ngallery/one/beta.py:11: WARNING: the output changed." in printed
        assert "--- kept\nthree\n--- now\nTHREE\n" in printed
        assert "accept it: nox -s docs -- --update-outputs one/beta" in printed
        assert "THREE" in minisite.html("guide/one/beta.html")  # the page is written, to be looked at
    minisite.build("-Dpages_update_outputs=1")
    assert "THREE" in (minisite.root / "docs/outputs/cpu/one/beta.txt").read_text()
    minisite.build()


def test_a_version_of_python_has_a_variant_of_its_own(minisite):
    minisite.edit("gallery/one/beta.py", 'print("three")', 'print("THREE")')
    assert "Add --update-outputs, or leave it." in minisite.build("-Dpages_variant=1", ok=False)
    assert "add --variant" in minisite.build(ok=False)
    minisite.build("-Dpages_update_outputs=1", "-Dpages_variant=1")
    file = minisite.root / "docs/outputs/cpu/one/beta.txt"
    version = ".".join(map(str, kept.PYTHON))
    both = f"[cell 1]\n    three\n\n[cell 1, Python {version}]\n    THREE\n"
    assert both in file.read_text()
    minisite.build()
    minisite.edit("docs/outputs/cpu/one/beta.txt", f"Python {version}]", "Python 3.99]")  # not yet
    assert "--- kept\nthree\n--- now\nTHREE" in minisite.build(ok=False)
    minisite.build("-Dpages_update_outputs=1")
    assert both.replace("three", "THREE").replace(f"n {version}", "n 3.99") in file.read_text()


def test_page_without_kept_output_stops_the_build(minisite):
    (minisite.root / "docs/outputs/cpu/one/beta.txt").unlink()
    assert "gallery/one/beta.py:1: WARNING: no output of this page is kept for CPU" in minisite.build(ok=False)


def test_kept_output_without_page_stops_the_build(minisite):
    kept.write(minisite.root / "docs/outputs/cpu/one/gone.txt", "Outputs")
    (minisite.root / "docs/outputs/cpu/one/beta.txt").write_text("three")
    printed = minisite.build(ok=False)
    assert "gone.txt: the page of this output is gone" in printed
    assert "beta.py:1: " in printed
    assert "beta.txt does not begin as a file of outputs" in printed


def test_updating_leaves_what_is_equal_within_the_tolerance(minisite):
    file = minisite.root / "docs/outputs/cpu/one/alpha.txt"
    old = file.read_text()
    assert "1.3333" in old
    file.write_text(old.replace("1.3333", "1.3334"))
    minisite.build("-Dpages_update_outputs=1")
    assert "1.3334" in file.read_text()


def test_outputs_are_kept_only_if_two_runs_print_the_same(minisite):
    minisite.page("random_page", "import random\n\nprint(random.random())\nassert True is not None")
    assert "gave two outputs" in minisite.build("-Dpages_update_outputs=1", ok=False)
    assert not (minisite.root / "docs/outputs/cpu/one/random_page.txt").exists()


def runs(site, page):
    return json.loads((site.root / f"docs/guide/{page}.record.json").read_text())["runs"]


def test_updating_runs_what_changed_twice_and_nothing_else(minisite):
    minisite.page("gamma", "print(1 + 1)\nassert 1 + 1 == 2")
    assert minisite.ran(minisite.build(ok=False)) == {"one/gamma"}  # once, and nothing is kept of it
    assert runs(minisite, "one/gamma") == 1
    assert minisite.ran(minisite.build("-Dpages_update_outputs=1")) == {"one/gamma"}
    assert runs(minisite, "one/gamma") == 2
    assert minisite.ran(minisite.build("-Dpages_update_outputs=1")) == set()
    minisite.edit("gallery/one/gamma.py", "print(1 + 1)", "print(2)")  # it prints the same
    assert minisite.ran(minisite.build("-Dpages_update_outputs=1")) == {"one/gamma"}


def test_updating_keeps_what_is_named_and_nothing_else(minisite):
    minisite.edit("gallery/one/alpha.py", "print(f", "print('ALPHA')\nprint(f")
    minisite.edit("gallery/one/beta.py", 'print("three")', 'print("BETA")')
    printed = minisite.build("-Dpages_update_outputs=1", "-Dpages_to_update=one/alpha", ok=False)
    assert (runs(minisite, "one/alpha"), runs(minisite, "one/beta")) == (2, 1)
    assert "ALPHA" in (minisite.root / "docs/outputs/cpu/one/alpha.txt").read_text()
    assert "BETA" not in (minisite.root / "docs/outputs/cpu/one/beta.txt").read_text()
    assert re.findall(r"^gallery/one/(\w+)\.py:\d+: WARNING", printed, re.MULTILINE) == ["beta"]
    printed = minisite.build("-Dpages_update_outputs=1", "-Dpages_to_update=gallery/one/beta.py")
    assert minisite.ran(printed) == {"one/beta"}
    printed = minisite.build("-Dpages_update_outputs=1", "-Dpages_to_update=one/beta,delta", ok=False)
    assert "there is no page or chapter delta; see gallery_order in docs/conf.py" in printed


def test_session_passes_the_named_pages_on(monkeypatch):
    nox = types.ModuleType("nox")
    nox.options, nox.Session = types.SimpleNamespace(), object
    nox.session = lambda **_: lambda function: function
    monkeypatch.setitem(sys.modules, "nox", nox)
    noxfile = types.SimpleNamespace(**runpy.run_path(str(ROOT / "noxfile.py")))
    passed = []
    monkeypatch.setitem(noxfile.docs.__globals__, "build", lambda session, *options: passed.append(options))
    for posargs in (["--update-outputs"], ["-q", "--update-outputs", "a/b", "c", "--twice"], []):
        noxfile.docs(types.SimpleNamespace(posargs=posargs, log=print))
    update = "-Dpages_update_outputs=1"
    assert passed == [(update,), ("-Dpages_run_twice=1", update, "-Dpages_to_update=a/b,c", "-q"), ()]


@pytest.mark.parametrize(
    ("device", "folder"), [("CPU (x86_64)", "cpu"), ("NVIDIA H200", "nvidia-h200"), ("Apple M4 (MPS)", "apple-m4-mps")]
)
def test_each_device_has_a_folder(device, folder):
    assert kept.folder_of(device) == folder

"""What pages print is kept; a change stops the build until a person accepts it."""

import pytest

from pipeline.outputs import kept as outputs
from pipeline.outputs import recordings


@pytest.mark.parametrize(
    ("kept", "now"),
    [
        ("loss 0.1234", "loss 0.1235"),
        ("1.000", "1.0004"),
        ("1e-07", "1.0005e-07"),
        ("[1.0000,  2.0000]", "[1.0000, 2.0001]"),
        ("<A at 0x7f00>", "<A at 0x1234abcd>"),
        ("took 12.5 ms", "took 3 ms"),
        ("on 2026-11-21T08:00:00+00:00", "on 2027-01-02T09:10:11+00:00"),
        ("nan", "nan"),
    ],
)
def test_within_the_tolerance(kept, now):
    assert outputs.same(kept, now)


@pytest.mark.parametrize(
    ("kept", "now"),
    [
        ("loss 0.1234", "loss 0.1240"),
        ("4 rows", "5 rows"),
        ("tensor([1, 2])", "tensor([1, 3])"),
        ("0.5", "-0.5"),
        ("1.0", "nan"),
        ("(2, 3)", "(3, 2)"),
        ("a", "a\nb"),
        ("torch.float32", "torch.float64"),
        ("1.0 2.0", "1.0"),
    ],
)
def test_beyond_the_tolerance(kept, now):
    assert not outputs.same(kept, now)


def test_kept_text_is_read_back():
    cells = [
        {"text": "a\n\n  b", "pictures": [], "measured": False, "line": 1},
        {"text": "", "pictures": [], "measured": False, "line": 2},
        {"text": "[cell 9]", "pictures": ["a point"], "measured": False, "line": 3},
        {"text": "3 s", "pictures": [], "measured": True, "line": 4},
    ]
    record = {"page": "one/x", "cells": cells, "device": "CPU (any)"}
    kept = outputs.render(record, "cpu")
    assert outputs.parse(kept) == {n: outputs.cell_output(cells[n - 1]) for n in (1, 3, 4)}
    assert outputs.differences(kept, record) == []


def test_changed_output_stops_the_build_until_accepted(minisite):
    minisite.edit("gallery/one/beta.py", 'print("three")', 'print("THREE")')
    for _ in range(2):  # also when the page itself is fresh
        printed = minisite.build(ok=False)
        assert "gallery/one/beta.py:11: the output changed." in printed
        assert "--- kept\n    three\n    --- now\n    THREE" in printed
        assert "nox -s docs -- --update-outputs" in printed
    minisite.build("-Dpages_update_outputs=1")
    assert "THREE" in (minisite.root / "docs/outputs/cpu/one/beta.txt").read_text()
    minisite.build()


def test_page_without_kept_output_stops_the_build(minisite):
    (minisite.root / "docs/outputs/cpu/one/beta.txt").unlink()
    assert "beta.py:1: no output of this page is kept for CPU" in minisite.build(ok=False)


def test_kept_output_without_page_stops_the_build(minisite):
    minisite.write("docs/outputs/cpu/one/gone.txt", "Outputs")
    assert "gone.txt: the page of this output is gone" in minisite.build(ok=False)


def test_updating_leaves_what_is_equal_within_the_tolerance(minisite):
    kept = minisite.root / "docs/outputs/cpu/one/alpha.txt"
    old = kept.read_text()
    assert "1.3333" in old
    kept.write_text(old.replace("1.3333", "1.3334"))
    minisite.build("-Dpages_update_outputs=1")
    assert "1.3334" in kept.read_text()


def test_outputs_are_kept_only_if_two_runs_print_the_same(minisite):
    minisite.page("random_page", "import random\n\nprint(random.random())\nassert True is not None")
    assert "gave two outputs" in minisite.build("-Dpages_update_outputs=1", ok=False)
    assert not (minisite.root / "docs/outputs/cpu/one/random_page.txt").exists()


@pytest.mark.parametrize(
    ("device", "folder"), [("CPU (x86_64)", "cpu"), ("NVIDIA H200", "nvidia-h200"), ("Apple M4 (MPS)", "apple-m4-mps")]
)
def test_each_device_has_a_folder(device, folder):
    assert recordings.folder_of(device) == folder

"""What pages give on an accelerator is kept by a run on it, and by nothing else. The accelerator here is pretended."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.outputs import recordings

ROOT = Path(__file__).parents[2]
FOLDER = "docs/outputs/nvidia-test-gpu"
RECORD = {
    "page": "one/x",
    "device": "NVIDIA Test GPU",
    "date": "2026-11-21T10:00:00+00:00",
    "versions": {"Python": "3.12.1", "torch": "2.14.1", "CUDA": "13.0"},
    "commit": "",
    "used": True,
    "checks": 2,
    "measurements": {"speed": {"seconds": [0.5, 0.25]}},
    "cells": [
        {"code": "a = 1", "measured": False, "text": "a\n\n  b", "pictures": ["a point"]},
        {"code": "b = 1", "measured": True, "text": "3 s", "pictures": []},
    ],
}


@pytest.fixture
def recording():
    return recordings.from_run(RECORD, "helpers")


def test_a_recording_is_read_back(recording, tmp_path):
    file = recordings.write(tmp_path, recording)
    assert file == tmp_path / "nvidia-test-gpu/one/x.json"
    assert recordings.read(file) == recording
    assert [cell["output"] for cell in recording.cells] == ["a\n\n  b\n(picture) a point", "3 s"]
    assert recording.where == "NVIDIA Test GPU, 2026-11-21, Python 3.12.1, torch 2.14.1, CUDA 13.0"


@pytest.mark.parametrize(
    ("old", "new"), [("3 s", "2 s"), ("0.25", "0.2"), ("2026-11-21", "2026-11-22"), ('"checks": 2', '"checks": 3')]
)
def test_an_edited_recording_is_refused(recording, tmp_path, old, new):
    file = recordings.write(tmp_path, recording)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=r"x\.json was edited after it was made: .* nox -s record on NVIDIA Test GPU"):
        recordings.read(file)
    kept = recordings.Kept(tmp_path)
    assert (list(kept), len(kept.problems)) == ([], 1)


def test_a_recording_cannot_be_given_to_another_device_or_page(recording, tmp_path):
    file = recordings.write(tmp_path, recording)
    for place in ("nvidia-h100/one/x.json", "nvidia-test-gpu/one/y.json", "cpu/one/x.json"):
        other = tmp_path / place
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_text(file.read_text())
        with pytest.raises(ValueError, match=r"was moved: it is of one/x on NVIDIA Test GPU"):
            recordings.read(other)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"how": "", "seal": ""}'])
def test_what_is_no_recording_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ValueError, match=r"x\.json is no recording"):
        recordings.read(tmp_path / "x.json")


def test_a_run_on_a_cpu_makes_no_recording():
    with pytest.raises(ValueError, match=r"one/x ran on CPU \(arm64\); .* on an accelerator"):
        recordings.from_run({**RECORD, "device": "CPU (arm64)"}, "helpers")


PAGE = '"""\nTitle\n=====\n\nIntro.\n"""\n\n# %%\n# Text.\n\nx = 1\nassert x\n'


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("Intro.", "Other.", True),
        ("# Text.", "# Other.", True),
        ("x = 1", "x = 2", False),
        ("x = 1", "x = 1  # one", False),
    ],
)
def test_a_page_has_changed_when_its_code_has(tmp_path, old, new, same):
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text(PAGE)
    two.write_text(PAGE.replace(old, new))
    assert (recordings.digest_of_code(one) == recordings.digest_of_code(two)) == same


def test_what_ran_and_what_stands_in_the_file_have_one_digest(minisite):
    record = json.loads((minisite.root / "docs/guide/one/beta.record.json").read_text())
    made = recordings.from_run({**record, "device": "NVIDIA Test GPU"}, "")
    assert len(made.cells) == 2
    assert made.code == recordings.digest_of_code(minisite.root / "gallery/one/beta.py")


# --- The repository --------------------------------------------------------------------------------------------------


def test_the_repository_holds_only_what_devices_gave():
    kept = recordings.Kept(ROOT / "docs/outputs")
    assert kept.problems == []
    assert [one for one in kept if one.device == "NVIDIA Test GPU" or {"torch", "ptguide"} - one.versions.keys()] == []
    texts = {path.relative_to(ROOT / "docs/outputs").parts[0] for path in ROOT.glob("docs/outputs/*/*/*.txt")}
    assert texts == {"cpu"}


def test_the_script_needs_only_what_it_says():
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-m", "pipeline", "record"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "record needs Sphinx and sphinx-gallery, torch, and what the pages import." in done.stderr
    listed = subprocess.run(
        [sys.executable, "-m", "pipeline", "record", "--list"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert " fresh" in listed.stdout


def test_the_workflow_records_on_a_gpu_and_keeps_what_passed():
    job = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["gpu"]
    assert job["env"] == {"PTGUIDE_DEVICE": "cuda"}
    record, upload, build = job["steps"][1:]
    assert record["run"].endswith("nox -s record")
    assert upload["with"]["path"].split() == ["docs/outputs", "!docs/outputs/cpu"]
    assert build["run"] == "nox -s docs"
    assert upload["if"] == build["if"] == "${{ !cancelled() }}"


# --- The recorder ----------------------------------------------------------------------------------------------------


def test_recorder_keeps_what_the_pages_give(recorded):
    pages = ["dev/measures", "one/alpha", "one/beta", "one/shows"]
    kept = {page: recordings.read(recorded.root / FOLDER / f"{page}.json") for page in pages}
    assert "4 of 5 pages passed on NVIDIA Test GPU, 1 failed" in recorded.printed
    assert [one.used for one in kept.values()] == [True, False, False, True]
    shows = kept["one/shows"]
    assert shows.versions["CUDA"] == "99.0"
    assert shows.versions.keys() >= {"Python", "torch", "ptguide"}
    assert shows.cells[:2] == [
        {"measured": False, "output": "NVIDIA Test GPU"},
        {"measured": False, "output": "one third is 0.3333"},
    ]
    assert shows.cells[2]["measured"]
    assert "seconds on NVIDIA Test GPU" in shows.cells[2]["output"]
    assert kept["dev/measures"].measurements == {"speed": {"bytes": [4, 8], "seconds": [0.5, 0.25]}}


def test_recorder_leaves_the_outputs_of_the_cpu(recorded):
    assert "CPU" in (recorded.root / "docs/outputs/cpu/one/shows.txt").read_text()
    assert not list(recorded.root.glob("docs/outputs/cpu/*/*.json"))


def test_a_failing_page_is_reported_and_the_others_are_kept(recorded):
    assert "FAILED    one/fails" in recorded.printed
    assert "gallery/one/fails.py:13: " in recorded.printed
    assert "this page fails on a GPU" in recorded.printed
    assert not (recorded.root / FOLDER / "one/fails.json").exists()


def files_of(site):
    return {path: path.read_bytes() for path in site.root.glob("docs/outputs/*/*/*")}


def test_only_what_has_changed_is_written_again(recorded):
    before = files_of(recorded)
    recorded.edit("gallery/one/beta.py", 'print("three")', 'print("THREE")')
    assert "2 of 2 pages passed" in recorded.record("one/alpha", "one/beta", **recorded.on_gpu)
    after = files_of(recorded)
    assert [path.name for path in after if after[path] != before[path]] == ["beta.json"]


def test_a_device_that_computes_nothing_records_nothing(recorded):
    before = files_of(recorded)
    printed = recorded.record("one/beta", status=1, **{**recorded.on_gpu, "PRETEND_GPU": "only a name"})
    assert "There is no device to record on: " in printed
    assert "passed" not in printed
    assert files_of(recorded) == before


def test_an_absent_device_records_nothing(recorded):
    before = files_of(recorded)
    printed = recorded.record("one/beta", status=1, PTGUIDE_DEVICE="cuda:9")
    assert "There is no device to record on: ValueError: PTGUIDE_DEVICE is 'cuda:9'; this machine has" in printed
    assert files_of(recorded) == before


def test_on_a_cpu_the_recorder_compares_and_writes_nothing(recorded):
    before = files_of(recorded)
    assert "equal     one/beta" in recorded.record("one/beta", PTGUIDE_DEVICE="cpu")
    recorded.edit("gallery/one/beta.py", 'print("three")', 'print("THREE")')
    printed = recorded.record("one/beta", status=1, PTGUIDE_DEVICE="cpu")
    assert "differs   one/beta" in printed
    assert "beta.py:11: the output changed.\n--- kept\nthree\n--- now\nTHREE" in printed
    assert files_of(recorded) == before


def test_a_page_that_prints_another_thing_each_time_is_not_recorded(recorded):
    recorded.edit("gallery/one/beta.py", 'print("three")', "import os\n\nprint(os.getpid())")
    assert "gave two outputs" in recorded.record("one/beta", status=1, **recorded.on_gpu)
    assert "three" in (recorded.root / FOLDER / "one/beta.json").read_text()


def test_a_page_that_measures_beside_others_is_not_recorded(recorded):
    recorded.edit("gallery/dev/measures.py", "# sphinx_gallery_parallel = False\n", "")
    printed = recorded.record("dev", status=1, **recorded.on_gpu)
    assert "it must run alone: give it the line '# sphinx_gallery_parallel = False'" in printed


def test_two_pages_cannot_share_a_measurement(recorded):
    recorded.write("gallery/dev/again.py", (recorded.root / "gallery/dev/measures.py").read_text())
    recorded.edit("docs/conf.py", '"measures"', '"measures", "again"')
    printed = recorded.record("dev", "--once", status=1, **recorded.on_gpu)
    assert "dev/measures and dev/again both keep a measurement called 'speed': rename one." in printed


def test_an_unknown_page_is_an_error(recorded):
    assert "there is no page or chapter one/gone; see gallery_order" in recorded.record("one", "one/gone", status=2)


# --- The list --------------------------------------------------------------------------------------------------------


def test_recordings_are_listed(recorded):
    recorded.edit("gallery/one/beta.py", 'print("three")', 'print("THREE")')
    recorded.edit("src/minihelp/deeper.py", "Return the product.", "Return x times y.")
    printed = recorded.record("--list")
    lines = dict(line.split()[1::-1] for line in printed.splitlines() if line.startswith("  "))
    assert lines == {
        "dev/measures": "fresh",
        "one/alpha": "fresh",
        "one/beta": "stale",
        "one/shows": "fresh",
        "one/fails": "missing",
    }
    assert "a helper that it imports has changed since" in printed.partition("one/alpha")[2].partition("\n")[0]
    assert "3 fresh, 1 stale, 1 missing" in printed


def test_check_passes_only_if_all_are_fresh(recorded):
    recorded.record("--check", status=1)
    recorded.record("one/beta", "one/shows", "--check")
    recorded.edit("gallery/one/beta.py", 'print("three")', 'print("THREE")')
    recorded.record("one/beta", "one/shows", "--check", status=1)


def test_check_without_any_recording_fails(minisite):
    assert "No accelerator is recorded. On a machine with one: nox -s record" in minisite.record("--check", status=1)
    minisite.record("--list")


def test_a_recording_that_cannot_be_used_is_listed(recorded):
    recorded.edit(f"{FOLDER}/one/beta.json", '"three"', '"seven"')
    (recorded.root / FOLDER / "one/alpha.json").rename(recorded.root / FOLDER / "one/gone.json")
    printed = recorded.record("--list")
    assert "beta.json was edited after it was made" in printed
    assert "gone.json was moved: it is of one/alpha" in printed
    assert "2 refused" in printed


# --- A build on the device -------------------------------------------------------------------------------------------


def test_a_build_compares_with_what_its_own_device_gave(recorded):
    (recorded.root / FOLDER / "one/beta.json").unlink()
    recorded.edit("gallery/one/fails.py", "CPU", "")
    recorded.edit("gallery/one/alpha.py", "four / 3", "four / 4")
    printed = recorded.build(**recorded.on_gpu)  # the outputs of the CPU are others, and are not compared
    assert "nothing is kept of one/beta on NVIDIA Test GPU; nox -s record keeps it" in printed
    assert "the recording of one/alpha on NVIDIA Test GPU is stale; nox -s record renews it" in printed
    recorded.edit("src/minihelp/deeper.py", "x * y", "x * y + 0.0")
    recorded.edit("src/minihelp/used.py", "    6\n", "    6.0\n")
    recorded.edit("gallery/one/alpha.py", "four / 4", "four / 3")  # as it was recorded
    printed = recorded.build(ok=False, **recorded.on_gpu)
    assert "alpha.py:11: the output changed." in printed
    assert "--- kept\n    four = 4, 1.3333\n    --- now\n    four = 4.0, 1.3333" in printed


def test_a_build_on_the_device_records_when_it_is_told_to(recorded):
    recorded.edit("gallery/one/fails.py", "CPU", "")
    before = files_of(recorded)
    recorded.build("-Dpages_update_outputs=1", **recorded.on_gpu)
    new = {path for path, content in files_of(recorded).items() if before.get(path) != content}
    assert {path.relative_to(recorded.root).parent.parent.name for path in new} == {"nvidia-test-gpu"}
    assert {path.stem for path in new} == {"fails", "measures", "shows"}  # new, and what measures


def test_a_build_refuses_what_was_edited_or_lost_its_page(recorded):
    recorded.edit(f"{FOLDER}/one/beta.json", '"three"', '"seven"')
    (recorded.root / FOLDER / "one/shows.json").rename(recorded.root / FOLDER / "one/gone.json")
    printed = recorded.build(ok=False, PTGUIDE_DEVICE="cpu")
    assert "beta.json was edited after it was made" in printed
    assert "gone.json: the page of this output is gone: delete the file" in printed

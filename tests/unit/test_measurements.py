"""A page's numbers are kept where it is recorded, and those of other devices are found where the site is built."""

import json
import math

import pytest

from ptguide import measurements
from ptguide.measurements import Measurement, record, recorded, sources

KEPT = [
    {
        "name": "speed",
        "page": "gpu/x",
        "device": device,
        "date": "2026-11-21T10:00:00+00:00",
        "versions": {"torch": "2.14.1", "CUDA": "13.0"},
        "values": {"seconds": [0.5, 0.25]},
        "stale": stale,
    }
    for device, stale in [("NVIDIA H200", False), ("NVIDIA A100", True), ("here", False)]
]


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    monkeypatch.delenv(measurements.RECORDED, raising=False)
    monkeypatch.delenv(measurements.RECORD, raising=False)
    monkeypatch.setattr(measurements, "device_name", lambda: "here")


@pytest.fixture
def kept(monkeypatch, tmp_path):
    file = tmp_path / "kept.json"
    file.write_text(json.dumps([*KEPT, {**KEPT[0], "name": "other"}]))
    monkeypatch.setenv(measurements.RECORDED, str(file))


def test_alone_a_page_keeps_and_finds_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = record("speed", {"seconds": (0.5, 1), "elements": 3})
    assert (made.name, made.device, made.stale, made.label) == ("speed", "here", False, "here")
    assert made.values == {"seconds": [0.5, 1], "elements": 3}
    assert made.versions.keys() == {"torch"}
    assert recorded("speed") == []
    assert list(tmp_path.iterdir()) == []


def test_where_a_page_is_recorded_its_numbers_are_kept(tmp_path, monkeypatch):
    file = tmp_path / "measured.json"
    monkeypatch.setenv(measurements.RECORD, str(file))
    record("speed", {"seconds": [0.5, 0.25]})
    record("size", {"bytes": 8})
    assert json.loads(file.read_text()) == {"speed": {"seconds": [0.5, 0.25]}, "size": {"bytes": 8}}
    with pytest.raises(ValueError, match="'speed' is recorded already; call record once"):
        record("speed", {"seconds": [1.0]})


def test_those_of_other_devices_are_found_the_stale_ones_last(kept):
    assert [(one.device, one.stale) for one in recorded("speed")] == [("NVIDIA H200", False), ("NVIDIA A100", True)]
    assert recorded("speed")[0].values == {"seconds": [0.5, 0.25]}
    assert [one.name for one in recorded("other")] == ["other"]
    assert recorded("third") == []


def test_a_stale_one_says_so(kept):
    fresh, stale = recorded("speed")
    assert fresh.label == "NVIDIA H200"
    assert stale.label == "NVIDIA A100 (stale: the page has changed since)"
    assert sources("speed", [fresh, stale]).splitlines() == [
        "speed on NVIDIA H200: measured on 2026-11-21 with torch 2.14.1, CUDA 13.0",
        "speed on NVIDIA A100 (stale: the page has changed since): measured on 2026-11-21 with torch 2.14.1, CUDA 13.0",
    ]


def test_where_no_gpu_measured_nothing_is_said_of_it(kept):
    on_cpu = Measurement("speed", "CPU (x86_64)", "2026-11-21", {"torch": "2.14.1"}, {"seconds": 1})
    assert sources("speed", [on_cpu]) == "speed on CPU (x86_64): measured on 2026-11-21 with torch 2.14.1"
    assert sources("speed", []) == ""


@pytest.mark.parametrize(
    ("name", "values", "error", "match"),
    [
        (" ", {"seconds": 1.0}, ValueError, "name is empty; expected what was measured"),
        ("speed", {}, ValueError, "values of 'speed' is empty; expected at least one number"),
        ("speed", {"seconds": "1"}, TypeError, r"values\['seconds'\] holds '1', a str; expected a number"),
        ("speed", {"seconds": [True]}, TypeError, r"values\['seconds'\] holds True, a bool"),
        ("speed", {"seconds": [[1.0]]}, TypeError, r"holds \[1.0\], a list; expected a number, or a list of numbers"),
        ("speed", {"seconds": [1.0, math.nan]}, ValueError, r"values\['seconds'\] holds nan; expected finite numbers"),
        ("speed", {"seconds": math.inf}, ValueError, "holds inf; expected finite numbers. Leave out"),
        ("speed", {"seconds": []}, ValueError, r"values\['seconds'\] is an empty list; expected at least one number"),
    ],
)
def test_what_is_no_measurement_is_refused(name, values, error, match):
    with pytest.raises(error, match=match):
        record(name, values)

"""The table of the benchmark: a miss is told as one, times that belong together stand once, curves become a picture."""

from __future__ import annotations

import json

import pytest

from snndeploy.report import bench_tables

TIMES = {"a": {"median_s": 2.0, "least_s": 1.0, "most_s": 3.0, "repeats": 3}}
ABOUT = {"cpu": "a processor", "features": ["avx2"], "threads": 2, "cores": 4, "gpu": None, "load": 0.1}
ABOUT |= dict.fromkeys(("torch", "snntorch", "norse", "numba", "numpy"), "1")


def test_a_busy_machine_is_told():
    part = {"machine": ABOUT | {"load": 3.0}, "rows": [row()]}
    assert "load 3.0" in bench_tables.summary({"parts": {"one": part}}).splitlines()[1]


def row(**settings):
    plain = {"what": "speed", "unit": "x", "value": 0.5, "goal": 0.25, "bound": "most", "met": False, "times": TIMES}
    return plain | {"points": [], "compared": None, "differing": None, "note": ""} | settings


def lines(*rows):
    return bench_tables.summary({"parts": {"one": {"machine": ABOUT, "rows": list(rows)}}}).splitlines()


def test_a_miss_is_told_as_one():
    made = lines(row(), row(value=0.2, met=True, compared=1200, differing=0, times={}))
    assert made[0].startswith("a processor (avx2), 2 of 4 cores used; torch 1")
    assert made[-2] == "| speed | 0.5 x | at most 0.25 | **missed** | a 2 (1 to 3) |  |"
    assert made[-1] == "| speed | 0.2 x | at most 0.25 | met |  | 0 of 1,200 |"


def test_times_of_one_measurement_stand_once():
    assert [line.count("a 2 (1 to 3)") for line in lines(row(), row())[-2:]] == [1, 0]


def test_what_ran_is_told_once():
    made = lines(
        row(what="net, T = 9: fast", note="random weights"), row(what="net, T = 9: small", note="random weights")
    )
    assert made[-2:] == ["", "net, T = 9: random weights."]


def test_what_was_not_measured_says_why():
    made = lines(row(value=None, met=None, times={}, note="no device"))
    assert made[-1] == "| speed | not measured | at most 0.25 |  | no device |  |"


def test_curves_are_drawn(tmp_path):
    curve = row(name="scaling steps", value=1.0, points=[(1, 1.0), (2, 2.0), (3, 3.0)])
    bench_tables.draw({"parts": {"one": {"rows": [curve, row()]}}}, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_published_was_measured_in_full():
    held = json.loads(bench_tables.MEASURED.read_text("utf-8"))["parts"].values()
    if not held:
        pytest.fail("docs/bench.json is empty")
    assert not any(part["quick"] for part in held)
    assert not any(each["differing"] for part in held for each in part["rows"])

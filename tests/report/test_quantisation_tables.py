"""The tables of methods and of bits: what auto took is marked, and what is published keeps its promises."""

from __future__ import annotations

import numpy as np
import pytest

from snndeploy.report import quantisation_tables
from snndeploy.tuning import wilson

HELD = quantisation_tables.held()
ROWS = [row for part in HELD.values() for row in part["rows"]]


def row(method, **settings):
    plain = {"network": "n", "method": method, "samples": 1000, "accuracy": 0.9, "interval": [0.88, 0.92]}
    plain |= {"mcnemar": 0.5, "kept": 0.99, "cosine": 0.95, "synapses": 1200, "axons": 10, "cores": 1}
    return plain | settings


def test_what_auto_took_is_marked():
    searches = {"n": {"auto, 1 per weight": {"method": "signs"}, "auto, 2 per weight": {"method": "signs"}}}
    part = {"rows": [row("float", cores=0), row("signs"), row("split")], "searches": searches}
    lines = quantisation_tables.quantisation({"n": part}).splitlines()
    assert lines[2].startswith("| n (1,000) | `float` | 90.00% | 88.0% to 92.0% |  | 99.0% | 0.950 |  |")
    assert lines[3].startswith("|  | `signs` (`auto`, 1 and 2) | 90.00% |")
    assert lines[4].startswith("|  | `split` | 90.00% | 88.0% to 92.0% | 0.5 | 99.0% | 0.950 | 1,200 | 10 | 1 |")


def test_bits_side_by_side():
    part = {"rows": [], "curves": [row("split", bits=n, accuracy=n / 10) for n in (2, 3)]}
    assert quantisation_tables.bits({"n": part}).splitlines()[2] == "| n | `split` | 20.00% | 30.00% |"


@pytest.mark.parametrize("held", ROWS, ids=lambda r: f"{r['network']} {r['method']}")
def test_published_numbers_fit_together(held):
    assert not held["refused"]
    right = held["accuracy"] * held["samples"]
    assert right == pytest.approx(round(right))
    assert np.allclose(held["interval"], wilson(round(right), held["samples"]))


@pytest.mark.parametrize("name", ["mnist, snntorch", "mnist, norse"])
def test_mnist_keeps_its_accuracy_at_8_bits(name):
    """On all 10,000 test digits: what stands in the README of every method."""
    rows = {row["method"]: row for row in ROWS if row["network"] == name}
    assert {row["samples"] for row in rows.values()} == {10_000}
    assert {"adaptive", "split"} < rows.keys()
    assert max(abs(row["accuracy"] - rows["float"]["accuracy"]) for row in rows.values()) < 0.00065


@pytest.mark.parametrize("name", ["nmnist, to-zero", "nmnist, by-threshold"])
def test_one_method_keeps_the_accuracy_of_nmnist(name):
    """Within half a point, on recordings that it was not chosen by; the one that auto took, where it chose."""
    part = next(part for part in HELD.values() if part["rows"][0]["network"] == name)
    rows = {row["method"]: row for row in part["rows"]}
    assert rows["float"]["samples"] == 800
    taken = [each["method"] for each in part.get("searches", {}).get(name, {}).values()] or ["per-neuron+signs"]
    for method in taken:
        assert rows[method]["accuracy"] >= rows["float"]["accuracy"] - 0.005

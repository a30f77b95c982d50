"""The benchmark of placement: its goals, and that its table says what was measured."""

from __future__ import annotations

import json

import numpy as np

from snndeploy.report.placement_table import MEASURED, summary


def test_a_million_neurons_meet_the_goal_and_the_curve_is_nearly_a_line():
    document = json.loads(MEASURED.read_text("utf-8"))
    best = sorted((row for row in document["rows"] if row["strategy"] == "best"), key=lambda row: row["neurons"])
    last = best[-1]
    assert last["neurons"] >= 10**6
    assert last["synapses"] >= 10**8
    assert last["chips"] > 1
    assert last["processor_seconds"] < document["goal"]["seconds"]
    assert last["GiB"] < document["goal"]["GiB"]
    neurons, seconds = (np.log([row[name] for row in best]) for name in ("neurons", "processor_seconds"))
    assert np.polyfit(neurons, seconds, 1)[0] < 1.2


def test_the_table_shows_the_largest_network_with_both_strategies():
    row = {
        "neurons": 1_000_000,
        "synapses": 2_000_000,
        "cores": 30,
        "chips": 4,
        "output_axons": 5000,
        "processor_seconds": 1.25,
        "seconds": 2.5,
        "GiB": 0.126,
    }
    text = summary({"rows": [row | {"strategy": "greedy"}, row | {"strategy": "best"}]})
    assert "| 1,000,000 | 2,000,000 | `best` | 30 | 4 | 5,000 | 1.2 | 2.5 | 0.13 |" in text
    assert "`greedy`" in text

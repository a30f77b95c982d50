"""The table of measured encodings: a small run of the benchmark itself, and what is committed."""

from __future__ import annotations

import json

import numpy as np
from benchmark_scripts import load_script

import snndeploy as sd
from snndeploy import models
from snndeploy.report import encoding_tables


def test_a_small_run_fills_the_table():
    made = load_script("encodings")
    data = made.held_digits(8)
    module = models.build_seeded("digits_csnn")
    network = sd.capture(module, data.test[:, :4], 1e-3, decision="spike-count", input_kind="real")
    rows = made.measured(network, data, 24, ("graded", "delta:most=16", "bias", "host"))
    assert rows[0]["accuracy"] == np.mean(sd.run(network, data.test[:, :24]).decisions() == data.test_labels[:24])
    assert [row["identical"] for row in rows[1:]] == [True] * 4
    assert [row["axons"] for row in rows[1:]] == [64, 64, 0, 512]
    assert [row["float"]["cosine"] for row in rows[1:] if row["encoding"] != "delta:most=16"] == [1, 1, 1]
    text = encoding_tables.measured_encodings({"rows": rows})
    assert all(f"`{row['encoding']}`" in text for row in rows[1:])


def test_what_is_committed_is_whole():
    rows = json.loads(encoding_tables.MEASURED.read_text("utf-8"))["rows"]
    assert len(rows) == 1 + len(load_script("encodings").WAYS)
    assert all(row["identical"] for row in rows[1:])
    assert all(row["samples"] == 450 for row in rows)

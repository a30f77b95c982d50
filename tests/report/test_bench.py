"""`make bench` in its quick form: every part gives rows of one shape, and no number differs from the reference."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = {"csnn": 3, "nmnist": 3, "recurrent": 4, "training": 9, "scaling": 4, "memory": 2, "onnx": 4, "gpu": 5}
KEYS = set("name what unit value goal bound times points compared differing note met".split())


def bench(*arguments):
    command = [sys.executable, str(ROOT / "benchmarks" / "bench.py"), "--quick", "--threads", "1", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Without the recordings, which not everybody has: what stands in for them runs too."""
    folder = tmp_path_factory.mktemp("bench")
    bench("--data", str(folder), "--output", str(folder / "bench.json"))
    return json.loads((folder / "bench.json").read_text())["parts"]


def test_every_part_is_there(found):
    assert {name: len(part["rows"]) for name, part in found.items()} == ROWS
    assert all(part["quick"] and part["machine"]["threads"] == 1 for part in found.values())


@pytest.mark.parametrize("part", ROWS)
def test_rows(found, part):
    for row in found[part]["rows"]:
        assert row.keys() == KEYS
        if row["value"] is None or row["goal"] is None:
            assert row["met"] is None
        else:
            side = row["value"] <= row["goal"] if row["bound"] == "most" else row["value"] >= row["goal"]
            assert row["met"] == side
        if "integer" in row["name"] and row["value"] is not None:
            assert row["compared"] > 0
        assert not row["differing"]


def test_one_part_alone_leaves_the_others(tmp_path):
    output = tmp_path / "bench.json"
    held = {"parts": {"csnn": {"rows": []}, "scaling": {"rows": []}}}
    output.write_text(json.dumps(held))
    bench("--only", "scaling", "--output", str(output))
    parts = json.loads(output.read_text())["parts"]
    assert parts["csnn"] == {"rows": []}
    assert len(parts["scaling"]["rows"]) == 4

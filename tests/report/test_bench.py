"""`make bench` in its quick form: every part gives rows of one shape, and no bit differs from the reference."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "bench.py"
PARTS = {"csnn": 3, "recurrent": 4}
KEYS = {"name", "what", "unit", "value", "goal", "bound", "times", "compared", "differing", "note", "met"}


@pytest.mark.parametrize("part", PARTS)
def test_quick_form(part, tmp_path):
    output = tmp_path / "bench.json"
    command = [sys.executable, str(SCRIPT), "--quick", "--threads", "1", "--only", part, "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(output.read_text())["parts"]
    assert list(found) == [part]
    assert found[part]["quick"] is True
    rows = found[part]["rows"]
    assert len(rows) == PARTS[part]
    for row in rows:
        assert row.keys() == KEYS
        if row["met"] is not None:
            assert row["met"] == (
                row["value"] <= row["goal"] if row["bound"] == "most" else row["value"] >= row["goal"]
            )
        assert "integer" not in row["name"] or row["compared"] > 0
        assert not row["differing"]

"""The comparison with nengo-loihi: skipped with its reason where that is not installed, recorded where it was."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(find_spec("nengo_loihi") is not None, reason="nengo-loihi is installed here")
def test_without_nengo_loihi_it_says_so_and_writes_nothing():
    document = TOP / "docs" / "nengo_loihi.md"
    before = document.read_bytes()
    done = subprocess.run(
        [sys.executable, TOP / "benchmarks" / "blocks.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert re.fullmatch(r"skipped: .* has no nengo-loihi \(ModuleNotFoundError: .*\)\n", done.stderr)
    assert document.read_bytes() == before


def test_every_core_of_the_record_is_alike():
    text = (TOP / "docs" / "nengo_loihi.md").read_text("utf-8")
    pairs = re.findall(r"\| (\d+) of (\d+) \|", text)
    assert len(pairs) == 4
    assert all(a == b for a, b in pairs)
    axons = re.findall(r"\| ([\d,]+) / ([\d,]+) \|", text)
    assert all(a == b for a, b in axons)

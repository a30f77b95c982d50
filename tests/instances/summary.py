"""What a run of the random instances counted, in short: python tests/instances/summary.py, then make readme.

Takes build/instances.json, which a run of tests/instances writes, to docs/instances.json.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PARTS = {
    "test_snntorch_neurons": "snnTorch, every neuron and setting",
    "test_norse_neurons": "Norse, every neuron and setting",
    "test_layers": "every layer and option",
    "test_joins": "joins, constants, loops in forward",
    "test_corners": "settings at the edge",
    "test_mixed": "mixed networks, 2-6 layers",
}
COUNTS = ("instances", "bins", "ties", "mismatches", "there", "ties_there")


def summary(known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The sums of each part, and how often each code refused."""
    parts = []
    for part, title in PARTS.items():
        cases = [each for each in known if each["part"] == part]
        codes: Counter[str] = Counter()
        for each in cases:
            for words, times in each["refused"].items():
                codes[words.split()[0]] += times
        total = {name: sum(each[name] for each in cases) for name in COUNTS}
        parts.append({"title": title, "cases": len(cases), **total, "refused": dict(sorted(codes.items()))})
    return parts


if __name__ == "__main__":
    counted = json.loads((ROOT / "build" / "instances.json").read_text("utf-8"))
    (ROOT / "docs" / "instances.json").write_text(json.dumps(summary(counted), indent=1) + "\n", "utf-8")

"""What the tests of random instances counted, as a table: python tests/instances/summary.py [build/instances.json]."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

PARTS = {
    "test_snntorch_neurons": "snnTorch, every neuron and setting",
    "test_norse_neurons": "Norse, every neuron and setting",
    "test_layers": "every layer and option",
    "test_joins": "joins, constants, loops in forward",
    "test_corners": "settings at the edge",
    "test_mixed": "mixed networks, 2-6 layers",
}
HEAD = ("random modules", "cases", "modules", "bins", "proven ties", "mismatches")
HEAD += ("bins in the other framework", "proven ties there", "refused")


def table(path: Path) -> str:
    """Markdown; a row per part, and the codes of what was refused."""
    rows = [HEAD, tuple("---" for _ in HEAD)]
    known = json.loads(path.read_text())
    for part, title in PARTS.items():
        cases = [each for each in known if each["part"] == part]
        total = {key: sum(each[key] for each in cases) for key in ("instances", "bins", "ties", "mismatches")}
        there = {key: sum(each[key] for each in cases) for key in ("there", "ties_there")}
        codes: Counter[str] = Counter()
        for each in cases:
            for words, times in each["refused"].items():
                codes[words.split()[0]] += times
        told = ", ".join(f"{code} {times:,}" for code, times in sorted(codes.items())) or "none"
        rows.append((title, f"{len(cases):,}", *(f"{n:,}" for n in (*total.values(), *there.values())), told))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table(Path(sys.argv[1] if len(sys.argv) > 1 else "build/instances.json")))

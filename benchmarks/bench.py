"""How fast the engines are: every row beside its goal, measured in one run.

python benchmarks/bench.py [--quick] [--only row] [--repeats 5] [--threads 2] [--output build/bench.json]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from importlib import import_module
from pathlib import Path

PARTS = ("csnn", "nmnist", "recurrent", "training", "scaling", "memory", "onnx", "gpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="sizes that only try the script out")
    parser.add_argument("--only", action="append", choices=PARTS, help="one part, or several; the others stay")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--data", type=Path, help="the folder shared/data; beside the repository if left out")
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"))
    given = parser.parse_args()
    # before anything that reads them is imported
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(given.threads)
    warnings.simplefilter("ignore")
    import recordings
    import torch
    from speed.machine import machine
    from speed.row import Settings

    from snndeploy.files import replacing

    if given.data is not None:
        recordings.DATA = given.data
    torch.set_num_threads(given.threads)
    about = machine()
    settings = Settings(given.quick, 1 if given.quick else given.repeats, about["int8"], given.threads)
    held = json.loads(given.output.read_text()) if given.only and given.output.exists() else {}
    parts = held.get("parts", {})
    for name in given.only or PARTS:
        start = time.perf_counter()
        found = [row.as_dict() for row in import_module(f"speed.{name}").rows(settings)]
        parts[name] = {"machine": about, "quick": given.quick, "rows": found}
        sys.stderr.write(f"{name}: {time.perf_counter() - start:.0f} s\n")
        for row in found:
            sys.stderr.write("  " + told(row) + "\n")
        given.output.parent.mkdir(parents=True, exist_ok=True)
        with replacing(given.output) as temporary:
            temporary.write_text(json.dumps({"parts": {p: parts[p] for p in PARTS if p in parts}}, indent=1) + "\n")


def told(row: dict[str, object]) -> str:
    """One row as a line."""
    verdict = {True: "met", False: "MISSED", None: ""}[row["met"]]  # type: ignore[index]
    value = "not measured" if row["value"] is None else f"{row['value']:.3g} {row['unit']}"
    goal = "" if row["goal"] is None else f"at {row['bound']} {row['goal']:g}"
    bits = "" if row["compared"] is None else f"{row['differing']} of {row['compared']:,} numbers differ"
    return "  ".join(part for part in (f"{row['what']}: {value}", goal, verdict, bits) if part)


if __name__ == "__main__":
    main()

"""python model.zip: the bundle proves itself, with Python and NumPy alone.

Whoever runs a file runs its code. For a bundle from somebody you do not trust, use the command `snndeploy verify`,
which reads a bundle and runs nothing of it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from .prove import prove
from .refusal import Refused


def main(arguments: list[str]) -> int:
    """[bundle] [--json] [--sha256 HEX]: 0 proven, 1 not reproduced, 2 refused."""
    words = [a for a in arguments[1:] if a != "--json"]
    digest = words.pop(words.index("--sha256") + 1) if "--sha256" in words[:-1] else ""
    words = [a for a in words if a != "--sha256"]
    as_json, path = "--json" in arguments, Path(words[0] if words else arguments[0])
    try:
        found = prove(path, digest)
    except Refused as problem:
        faults = [dict(zip(("code", "where", "what", "fix"), each, strict=True)) for each in problem.faults]
        sys.stdout.write(json.dumps({"error": faults}, indent=2) + "\n" if as_json else "")
        sys.stderr.write("" if as_json else f"{problem}\n")
        return 1 if problem.verdict else 2
    except OSError as problem:
        sys.stderr.write(f"SD801 {path}: it cannot be read ({problem.strerror})\n")
        return 2
    sys.stdout.write((json.dumps(found, indent=2) if as_json else said(found)) + "\n")
    return 0


def said(found: dict[str, Any]) -> str:
    """A result as text."""
    spikes = sum(found["spikes"].values())
    what = "spikes, u and v" if found["states"] else "spikes"
    lines = [
        f"proven: {found['bundle']} gives its golden {what} again, bit for bit",
        f"{found['samples']:,} samples of {found['steps']:,} steps, {found['bins']:,} numbers, {spikes:,} spikes",
        *(f"  {name!a}: {count:,} spikes" for name, count in found["spikes"].items()),
    ]
    if "right" in found:
        lines.append(f"decisions: {found['right']:,} of {found['samples']:,} as labelled")
    lines += [f"when it was made: {engine}: {verdict}" for engine, verdict in found["engines"].items()]
    read = "model.nir was read, and is the same network" if found.get("nir") else "model.nir is hashed, not read"
    lines += [read]
    return "\n".join([*lines, f"SHA-256 of the whole: {found['sha256']}"])

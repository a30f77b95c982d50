"""What is installed here, which engines and devices run, and what is known about these versions."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from snndeploy.doctor import devices, known, packages
from snndeploy.doctor.probes import two_neurons
from snndeploy.doctor.tables import print_tables

__all__ = ["examine", "exit_code", "print_tables"]


def examine(progress: Callable[[int, int, str], None]) -> dict[str, Any]:
    """Versions, engines (each runs two neurons and is compared with the reference), devices, extras, known defects.

    `ok` is True if every engine runs and `wrong` is empty: what must be repaired, a line each.
    """
    from snndeploy.engines.base import ENGINES

    begun = time.perf_counter()
    engines = {}
    for done, name in enumerate(ENGINES):
        progress(done, len(ENGINES), name)
        start = time.perf_counter()
        state, detail = two_neurons(name)
        engines[name] = {"state": state, "detail": detail, "seconds": round(time.perf_counter() - start, 2)}
    installed = packages.required()
    optional = packages.extras()
    versions = {each.name: each.version for each in installed}
    for group in optional:
        versions |= {name: version for name, version in group.versions.items() if name not in versions}
    applies = known.applying(versions)
    seen = devices.examine(lambda device: two_neurons("torch", device=device))
    wrong = [f"engine {name}: {each['detail']}" for name, each in engines.items() if each["state"] == "wrong"]
    wrong += [f"device {each.name}: {each.detail}" for each in seen if each.state == "wrong"]
    wrong += [f"{each.package} {versions[each.package]}: {each.wrong}" for each in applies if not each.here]
    wrong += [
        f"{each.name} {each.version or 'is missing'}: snndeploy needs {each.wanted}"
        for each in installed
        if not each.fits
    ]
    return {
        "ok": not wrong and all(each["state"] == "runs" for each in engines.values()),
        "wrong": wrong,
        "python": sys.version.split()[0],
        "packages": versions,
        "unfit": {each.name: each.wanted for each in installed if not each.fits},
        "engines": engines,
        "devices": [each.as_dict() for each in seen],
        "extras": [each.as_dict() for each in optional],
        "known": [each.as_dict() for each in applies],
        "seconds": round(time.perf_counter() - begun, 2),
    }


def exit_code(found: dict[str, Any]) -> int:
    """1: something is wrong; 3: an engine is missing; 0: neither."""
    if found["wrong"]:
        return 1
    return 3 if any(each["state"] == "missing" for each in found["engines"].values()) else 0

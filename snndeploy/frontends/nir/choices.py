"""What a NIR file does not say and its reader must: time step, reset, loops, inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from snndeploy.frontends.nir.graph import SPIKING, Field, Graph
from snndeploy.frontends.nir.nested import Flat, Notes
from snndeploy.frontends.nir.neurons import RESETS
from snndeploy.network.network import InputKind

Delays = Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Choices:
    """What a NIR file does not say and its reader must."""

    dt: float | None = None
    reset: str | None = None
    delays: Delays = field(default_factory=dict)
    kind: InputKind = "binary"
    integrators: str = "per-second"


def check(graph: Graph, flat: Flat, choices: Choices, notes: Notes) -> None:
    dt = choices.dt
    if dt is None:
        notes.wrong("SD408", "dt", "NIR has no time step, and none was given", "say it in seconds: dt=1e-4")
    elif not (np.isfinite(dt) and dt > 0):
        notes.wrong("SD408", "dt", f"{dt} s is not a positive time", "say it in seconds: dt=1e-4")
    else:
        for name, node in flat.nodes.items():
            for each in ("tau", "tau_mem", "tau_syn"):
                value = node.fields.get(each)
                if isinstance(value, str) or value is None or not value.size or not (np.asarray(value) > 0).all():
                    continue
                low = float(np.min(value))
                if 1 - dt / low < -1e-7:
                    notes.wrong(
                        "SD406",
                        f"node {name!r}, {each}",
                        f"{low:g} s is shorter than dt = {dt:g} s: the decay 1 - dt/{each} would be {1 - dt / low:g}",
                        f"read it with dt <= {low:g}",
                    )
    if choices.reset is not None and choices.reset not in RESETS:
        notes.wrong("SD409", "reset", f"{choices.reset!r} is unknown", f"choose from {', '.join(RESETS)}")
    spiking = [n for n, node in flat.nodes.items() if node.type in SPIKING - {"Threshold"}]
    silent = [n for n in sorted(spiking) if "v_reset" not in flat.nodes[n].fields]
    if choices.reset is None and silent:
        writer = f"nir {graph.version}" if graph.version else "an unknown nir"
        notes.wrong(
            "SD409",
            "reset",
            f"nodes {', '.join(silent[:6])} have no v_reset (written by {writer}; before 1.0.6 a spike subtracted the "
            "threshold, or whatever its framework did)",
            f"say it: reset='to-zero', or one of {', '.join(RESETS[1:])}",
        )
    elif choices.reset == "to-v_reset" and silent:
        notes.repaired(f"nodes {', '.join(silent)}: without a v_reset, taken as 0")
    if choices.reset is not None and not choices.reset.startswith("to-v_reset"):
        told = [n for n in sorted(spiking) if np.any(np.asarray(flat.nodes[n].fields.get("v_reset", 0)) != 0)]
        if told:
            notes.repaired(f"nodes {', '.join(told)}: their v_reset is not used, as reset={choices.reset!r} says")
    ones = [n for n, node in sorted(flat.nodes.items()) if node.type in ("I", "IF") and _all_one(node.fields.get("r"))]
    if ones and dt is not None and choices.integrators == "per-second":
        notes.repaired(
            f"nodes {', '.join(ones)}: r = 1 adds dt = {dt:g} per unit and step, as NIR defines it; "
            "where 1 per step was meant (Norse, sinabs), read with integrators='per-step'"
        )
    bare = [n for n, node in sorted(flat.nodes.items()) if node.type.startswith("Cuba") and "w_in" not in node.fields]
    if bare:
        notes.repaired(f"nodes {', '.join(bare)}: without a w_in, taken as 1 (nir before 1.0 lost it)")
    if choices.integrators not in ("per-second", "per-step"):
        notes.wrong("SD409", "integrators", f"{choices.integrators!r} is unknown", "choose per-second or per-step")


def _all_one(value: Field | None) -> bool:
    return value is not None and not isinstance(value, str) and bool((value == 1).all())

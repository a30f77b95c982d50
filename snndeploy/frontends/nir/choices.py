"""What a NIR file does not say and its reader must: time step, reset, loops, inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from snndeploy.frontends.nir.graph import SPIKING, Field, Graph
from snndeploy.frontends.nir.nested import Flat, Notes
from snndeploy.frontends.nir.neurons import RESETS
from snndeploy.network.network import InputKind, InputKinds

Delays = Mapping[tuple[str, str], int]
TIMES = ("tau", "tau_mem", "tau_syn")
# seconds, or per second, where a file says nothing; NIR's own table says ms, and every exporter writes seconds
UNITS = {"s": "seconds", "ms": "milliseconds", "steps": "steps"}
# a typical time constant beyond this many seconds is a number of milliseconds or of steps
LONGEST = 2.0


@dataclass(frozen=True)
class Choices:
    """What a NIR file does not say and its reader must."""

    dt: float | None = None
    reset: str | None = None
    delays: Delays = field(default_factory=dict)
    kind: InputKinds = "binary"
    integrators: str = "per-second"
    unit: str | None = None

    def kind_of(self, name: str) -> InputKind:
        """Of one input; binary where nothing is said."""
        return self.kind.get(name, "binary") if isinstance(self.kind, Mapping) else self.kind

    @property
    def step(self) -> float:
        """dt in the unit of the file."""
        assert self.dt is not None
        if self.unit == "steps":
            return 1.0
        return float(f"{self.dt * 1e3:.15g}") if self.unit == "ms" else self.dt


def check(graph: Graph, flat: Flat, choices: Choices, notes: Notes) -> None:
    dt = choices.dt
    if dt is None:
        notes.wrong("SD408", "dt", "NIR has no time step, and none was given", "say it in seconds: dt=1e-4")
    elif not (np.isfinite(dt) and dt > 0):
        notes.wrong("SD408", "dt", f"{dt} s is not a positive time", "say it in seconds: dt=1e-4")
    _check_times(graph, flat, choices, notes)
    if isinstance(choices.kind, Mapping):
        inputs = [name for name, node in sorted(flat.nodes.items()) if node.type == "Input"]
        for name in choices.kind:
            if name not in inputs:
                fix = f"its inputs: {', '.join(inputs)}"
                notes.wrong("SD418", "kind", f"one was given for {name!r}, and the file has no such input", fix)
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


def _check_times(graph: Graph, flat: Flat, choices: Choices, notes: Notes) -> None:
    """The unit of the time constants is said where it is open, and none is shorter than a step."""
    if choices.unit is not None and choices.unit not in UNITS:
        notes.wrong("SD419", "unit", f"{choices.unit!r} is unknown", f"choose from {', '.join(UNITS)}")
        return
    found = {
        (name, each): np.asarray(node.fields[each], np.float64)
        for name, node in sorted(flat.nodes.items())
        for each in TIMES
        if isinstance(node.fields.get(each), np.ndarray)
    }
    found = {at: value for at, value in found.items() if value.size and np.isfinite(value).all() and (value > 0).all()}
    known = choices.dt is not None and np.isfinite(choices.dt) and choices.dt > 0
    typical = float(np.median([np.median(value) for value in found.values()])) if found else 0.0
    # of a file with a block the unit is known; and where milliseconds would be shorter than dt, they were not meant
    others = graph.block is None and not (known and choices.dt is not None and typical * 1e-3 < choices.dt)
    if choices.unit is None and typical > LONGEST and others:
        what = f"NIR has no unit, and as seconds its time constants would be about {typical:g} s"
        say = "unit='ms' for milliseconds, unit='steps' where tau counts steps of dt, unit='s' if it is seconds"
        notes.wrong("SD419", "unit", what, f"say it: {say}")
    if not known:
        return
    step, word = choices.step, {"steps": "steps"}.get(choices.unit or "s", choices.unit or "s")
    for (name, each), value in found.items():
        low = float(value.min())
        if 1 - step / low < -1e-7:
            what = f"{low:g} {word} is shorter than dt = {step:g} {word}"
            notes.wrong(
                "SD406",
                f"node {name!r}, {each}",
                f"{what}: the decay 1 - dt/{each} would be {1 - step / low:g}",
                f"read it with dt <= {low * (1e-3 if word == 'ms' else 1):g}"
                if word != "steps"
                else "say another unit",
            )


def _all_one(value: Field | None) -> bool:
    return value is not None and not isinstance(value, str) and bool((value == 1).all())

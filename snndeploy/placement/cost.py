"""What an inference costs on a chip: energy and time as intervals, from what happens in a trace.

    E = operations·e_op + active·e_active + inactive·e_inactive + spikes·e_spike
        + messages·(e_message + e_tile) + hops_x·e_x + hops_y·e_y + borders·e_border
    t = max over cores(operations·t_op, active·t_active + inactive·t_inactive, …) to their sum, + barrier

Per step, with the coefficients of the target between their bounds. Steps are those of the network: an engine that is
some steps late has the next sample behind the first. Static power is stated apart: E_static = P_static · chips · t.

Not counted: the x86 cores of a chip, the host and its link, learning. Source of the form: M. Davies et al., IEEE Micro
38(1), 2018, table 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snndeploy.engines import Trace
from snndeploy.errors import Finding, error, raise_errors
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.placement.interval import NOTHING, Interval, of, total
from snndeploy.placement.neurobench import NeuroBench, neurobench
from snndeploy.placement.pieces import pieces
from snndeploy.placement.plan import Placement
from snndeploy.placement.rates import rates
from snndeploy.placement.sites import steps as steps_between
from snndeploy.placement.traffic import Traffic, reached, traffic_of
from snndeploy.placement.work import Work, works
from snndeploy.targets import Energy, Range, Target, Time
from snndeploy.targets import load as load_target

PICO, NANO = 1e-12, 1e-9


@dataclass(frozen=True, eq=False)
class Cost:
    """Attributes:
    target, cores, chips, steps, samples: what was placed, and how much of it was run.
    events: means per step: "synaptic operations", "active updates", "updates", "spikes", "messages", "hops x",
        "hops y", "chip borders", "events from outside".
    energy: J per step, by what it is for. dynamic: their sum.
    step_time: s, the mean over all steps. static: J per step, of all chips.
    neurobench: its measures, by its definitions.
    sources: name, unit, low, high, source and certainty of each coefficient.
    notes: what is not known of this trace.
    """

    target: str
    cores: int
    chips: int
    steps: int
    samples: int
    events: Mapping[str, Interval]
    energy: Mapping[str, Interval]
    step_time: Interval
    static: Interval
    neurobench: NeuroBench
    sources: tuple[tuple[str, str, Range], ...]
    notes: tuple[str, ...] = ()

    @property
    def dynamic(self) -> Interval:
        return total(self.energy.values())

    @property
    def inference_energy(self) -> Interval:
        """J per sample, without static power."""
        return self.dynamic * float(self.steps)

    @property
    def inference_static(self) -> Interval:
        """J per sample, of static power."""
        return self.static * float(self.steps)

    @property
    def inference_time(self) -> Interval:
        """s per sample, one behind the other."""
        return self.step_time * float(self.steps)

    @property
    def throughput(self) -> Interval:
        """Samples per s."""
        return Interval(1.0, 1.0).over(self.inference_time)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: J, s, and no bound as null."""
        named = (
            "dynamic",
            "inference_energy",
            "inference_static",
            "inference_time",
            "throughput",
            "step_time",
            "static",
        )
        return {
            "target": self.target,
            "cores": self.cores,
            "chips": self.chips,
            "steps": self.steps,
            "samples": self.samples,
            "events_per_step": {name: each.as_dict() for name, each in self.events.items()},
            "energy_per_step": {name: each.as_dict() for name, each in self.energy.items()},
            **{name: getattr(self, name).as_dict() for name in named},
            "neurobench": self.neurobench.as_dict(),
            "coefficients": [{"name": n, "unit": u, **each.model_dump()} for n, u, each in self.sources],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        from snndeploy.placement.cost_text import text

        return text(self)


def cost(placement: Placement, network: Network, trace: Trace, target: str | Path | Target | None = None) -> Cost:
    """The cost of a trace of a placed network; see the module.

    Args:
        trace: a run of this network with the spikes of all populations; with u and v active updates are known.
        target: that it was placed for; None: the shipped one of that name.

    Raises:
        SnnDeployError SD209: the network is in the float form. SD250: the trace is of another network or lacks spikes.
            SD252: the target does not say what events cost. SD260: the placement is of another network.
    """
    chip = load_target(placement.target if target is None else target)
    energy, time, power = chip.energy, chip.time, chip.power
    named = (("energy", energy), ("time", time), ("power", power))
    fix = "give it one as in targets/loihi1.toml"
    raise_errors(
        Finding("SD252", f"target {chip.name!r}", f"it has no [{n}]", fix) for n, each in named if each is None
    )
    assert energy is not None
    assert time is not None
    assert power is not None
    if network.form != "integer":
        raise error("SD209", "network", "it is in the float form", "quantise it first")
    pieces(network, placement.core_of)
    if chip.name != placement.target:
        what = f"it is for {placement.target!r}, the target is {chip.name!r}"
        raise error("SD260", "placement", what, "place the network on this target")
    known = rates(network, trace)
    axons = reached(network, placement.core_of)
    moved = traffic_of(network.projections, axons, placement.core_of, known)
    bins = trace.steps * trace.batch
    sums: dict[str, float] = dict.fromkeys(("synaptic operations", "low", "high", "neurons", "spikes"), 0.0)
    lowest = highest = 0.0
    for work in works(network, placement.core_of, axons, trace):
        sums["synaptic operations"] += float(work.synaptic_operations.sum())
        sums["low"] += float(work.active_low.sum())
        sums["high"] += float(work.active_high.sum())
        sums["neurons"] += float(work.neurons.sum()) * work.spikes.shape[1]
        sums["spikes"] += float(work.spikes.sum())
        low, high = busiest(work, time)
        lowest, highest = lowest + float(low.sum()), highest + float(high.sum())
    mean = {name: value / bins for name, value in sums.items()}
    events = _events(mean, moved, placement.sites, chip)
    way = _longest(moved, placement.sites, chip, time)
    barrier = of(time.barrier if placement.chips == 1 else time.barrier_chips, NANO)
    step = Interval(lowest / bins, highest / bins) + way + barrier
    return Cost(
        chip.name,
        len(placement.cores),
        placement.chips,
        trace.steps,
        trace.batch,
        events,
        _energy(events, energy),
        step,
        of(power.static, 1.0) * float(placement.chips) * step,
        neurobench(network, trace),
        tuple((f"{n} {key}", unit, each) for n, unit, part in _units(energy, time, power) for key, each in part),
        _notes(network, trace),
    )


def _units(energy: Energy, time: Time, power: Any) -> tuple[tuple[str, str, Any], ...]:
    return ("energy", "pJ", energy), ("time", "ns", time), ("power", "W", power)


def _notes(network: Network, trace: Trace) -> tuple[str, ...]:
    bare = [p.name for p in network.populations if p.name not in trace.u or p.name not in trace.v]
    if not bare:
        return ()
    which = "the trace" if len(bare) == len(network.populations) else "the trace of " + ", ".join(bare)
    return (f"{which} holds no u and v: between the neurons that spike and all of them are active",)


def _events(mean: Mapping[str, float], moved: Traffic, where: Array, chip: Target) -> dict[str, Interval]:
    from scipy import sparse

    pairs = sparse.coo_array(moved.between)
    a, b = pairs.coords
    passed = pairs.data @ steps_between(where[a], where[b], chip)
    active = Interval(mean["low"], mean["high"])
    exact = {
        "synaptic operations": mean["synaptic operations"],
        "updates": mean["neurons"],
        "spikes": mean["spikes"],
        "messages": float(pairs.data.sum()),
        "hops x": float(passed[0]),
        "hops y": float(passed[1]),
        "chip borders": float(passed[2]),
        "events from outside": float(moved.outside.sum()),
    }
    found = {name: Interval(value, value) for name, value in exact.items()}
    return {**found, "active updates": active}


def _energy(events: Mapping[str, Interval], energy: Energy) -> dict[str, Interval]:
    """J per step. What is not active is inactive, so that more of the one is less of the other."""

    def each(name: str, known: Range) -> Interval:
        return events[name] * of(known, PICO)

    active, updates = events["active updates"], events["updates"].low
    low = active.low * energy.update_active.low + (updates - active.low) * energy.update_inactive.low
    high = active.high * energy.update_active.high + (updates - active.high) * energy.update_inactive.high
    way = each("hops x", energy.hop_x) + each("hops y", energy.hop_y) + each("chip borders", energy.chip_border)
    return {
        "synaptic operations": each("synaptic operations", energy.synaptic_operation),
        "updates": Interval(low * PICO, high * PICO),
        "spikes": each("spikes", energy.spike),
        "messages": each("messages", energy.message) + each("messages", energy.tile),
        "hops": way,
        "events from outside": each("events from outside", energy.tile),
    }


def busiest(work: Work, time: Time) -> tuple[Array, Array]:
    """Bounds of what the cores take in each bin, s, float64 (bins,).

    At least the longest kind of work of any core, with the low coefficients, for the units of a core may overlap; at
    most the longest of every kind, one after the other, with the high ones.
    """

    def parts(active: Array, end: str) -> list[Array]:
        t = {name: getattr(each, end) * NANO for name, each in time}
        updates = active * t["update_active"] + (work.neurons - active) * t["update_inactive"]
        inside = work.synaptic_operations * t["synaptic_operation"] + work.received * t["message_in"]
        return [inside, updates, work.spikes * t["spike"] + work.sent * t["message_out"]]

    low = np.max([each.max(axis=0) for each in parts(work.active_low, "low")], axis=0)
    high = np.sum([each.max(axis=0) for each in parts(work.active_high, "high")], axis=0)
    return low, high


def _longest(moved: Traffic, where: Array, chip: Target, time: Time) -> Interval:
    """s that the farthest message takes at most; at least nothing, for others are under way as well."""
    from scipy import sparse

    pairs = sparse.coo_array(moved.between)
    if not pairs.nnz:
        return NOTHING
    a, b = pairs.coords
    each = np.array([getattr(time, name).high for name in ("hop_x", "hop_y", "chip_border", "chip_border")])
    passed = steps_between(where[a], where[b], chip)
    passed[:, 3] = 0
    return Interval(0.0, (float((passed @ each).max()) + time.tile.high) * NANO)

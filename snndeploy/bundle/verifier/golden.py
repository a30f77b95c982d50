"""The golden run of a bundle: what went in, and what must come out."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from .network import Network
from .reading import Fields, array
from .refusal import Fault, Refused, shown

Array = Any
GROUPS = ("spikes", "u", "v")
# counts beyond are no longer exact in float64
COUNT_MAX = 2**53


class Bins:
    """bool (steps, batch, *shape), eight bins in a byte, unpacked a step at a time."""

    def __init__(self, rows: Array, shape: tuple[int, ...]):
        self.rows, self.shape = rows, shape
        self.size = prod(shape)

    def __getitem__(self, t: int) -> Array:
        return np.unpackbits(self.rows[t], count=prod(self.shape[1:])).reshape(self.shape[1:]).astype(bool)


class Golden:
    """golden.json, with its arrays read when they are asked for.

    Raises:
        Refused SD866: it is not what it should be, or does not belong to the network.
    """

    def __init__(self, content: Any, members: dict[str, bytes], network: Network):
        self.held, self.members, self.network = Fields(content, "golden.json"), members, network
        self.steps, self.batch = self.held.whole("steps", 1), self.held.whole("samples", 1)
        network.check_work(self.steps, self.batch)
        self.inputs = {name: self._input(name) for name in network.inputs}
        self.expected: dict[str, dict[str, Array]] = {group: self._group(group) for group in GROUPS}
        spiking = {name for name, (_, r) in network.populations.items() if r.vth is not None}
        if set(self.expected["spikes"]) != spiking:
            raise self.held.wrong("spikes", "they are not those of every population with a threshold")
        quiet = set(network.populations) - spiking
        if not quiet <= set(self.expected["v"]):
            raise self.held.wrong("v", "it lacks a population without threshold")
        self.decisions = self._classes("decisions")
        self.labels = self._classes("labels")
        if (self.decisions is None) != (network.decision is None):
            raise self.held.wrong("decisions", "they and the network's decision do not belong together")

    def _array(self, told: Fields, shape: tuple[int, ...]) -> Array:
        """Whole numbers of a file, or the bins of a file where they are packed."""
        found = array(self.members, told.word("file"))
        if told.get("packed", bool):
            if found.dtype != np.uint8 or found.shape != (shape[0], -(-prod(shape[1:]) // 8)):
                raise told.wrong("file", f"it does not hold the bins of {shape}")
            return Bins(found, shape)
        if found.shape != shape or found.dtype.kind not in "iu":
            raise told.wrong("file", f"its {found.dtype} {found.shape} is not {shape} whole numbers")
        return found

    def _group(self, group: str) -> dict[str, Array]:
        told = Fields(self.held.get(group, dict), f"golden.json, {group}")
        found = {}
        for name in told.held:
            if name not in self.network.populations:
                raise told.wrong(shown(name), "the contract has no such population")
            shape = (self.steps, self.batch, *self.network.shapes[name])
            found[name] = self._array(Fields(told.held[name], f"{told.where}, {shown(name)}"), shape)
            if isinstance(found[name], Bins) != (group == "spikes"):
                raise told.wrong(shown(name), "spikes are packed, and nothing else is")
        return found

    def _input(self, name: str) -> Array:
        each = self.network.inputs[name]
        if each.kind == "constant":
            on = (np.arange(self.steps) >= each.onset).reshape(-1, 1, *(1,) * len(each.shape))
            return np.broadcast_to(on, (self.steps, self.batch, *each.shape))
        told = Fields(self.held.get("inputs", dict).get(name), f"golden.json, input {shown(name)}")
        lead = (self.batch,) if each.kind == "bias" else (self.steps, self.batch)
        found = self._array(told, (*lead, *each.shape))
        if (each.kind == "binary") != isinstance(found, Bins):
            raise told.wrong("packed", "only events of 0 and 1 are")
        if not isinstance(found, Bins) and found.size:
            low, high = int(found.min()), int(found.max())
            if max(-low, high) > COUNT_MAX or (each.kind == "counts" and low < 0):
                raise told.wrong("file", f"{low:,}..{high:,} are not its numbers")
        return found

    def _classes(self, name: str) -> Array | None:
        if self.held.held.get(name) is None:
            return None
        found = self.held.get(name, list)
        if len(found) != self.batch or not all(type(n) is int and -1 <= n < 2**31 for n in found):
            raise self.held.wrong(name, f"it is not a class for each of {self.batch} samples")
        return np.array(found, np.int64)

    def prove(self) -> dict[str, Any]:
        """Runs the network and compares every bin.

        Raises:
            Refused SD867, a verdict: something else comes out; names the first bin of each layer that differs.
        """
        network = self.network
        first: dict[tuple[str, str], tuple[int, int, str]] = {}
        score = _Score(network, self.batch)
        counts = dict.fromkeys(self.expected["spikes"], 0)

        def seen(t: int, name: str, state: Any) -> None:
            score.add(name, state)
            if name in counts:
                counts[name] += int(state.s.sum())
            for group, now in (("spikes", state.s), ("u", state.u), ("v", state.v)):
                wanted = self.expected[group].get(name)
                if wanted is None:
                    continue
                differs = wanted[t] != now
                if differs.any():
                    step, count, where = first.get((name, group), (t, 0, ""))
                    if not where:
                        at = tuple(int(i) for i in np.argwhere(differs)[0])
                        got, had = now[at], wanted[t][at]
                        where = f"sample {at[0]}, neuron {list(at[1:])}: {int(got)} instead of {int(had)}"
                    first[name, group] = (step, count + int(differs.sum()), where)

        network.run(self.inputs, self.steps, self.batch, seen)
        faults = [_differing(name, group, *found) for (name, group), found in sorted(first.items(), key=_step)]
        decided = score.decisions()
        if self.decisions is not None and decided is not None and not np.array_equal(self.decisions, decided):
            (i,) = np.flatnonzero(self.decisions != decided)[:1]
            what = f"sample {i} is class {decided[i]} here, {self.decisions[i]} in the bundle"
            faults.append(("SD867", "decisions", what, "the bundle does not hold what its network computes"))
        if faults:
            raise Refused(faults, verdict=True)
        return self._result(decided, counts)

    def _result(self, decided: Array | None, counts: dict[str, int]) -> dict[str, Any]:
        bins = sum(a.size for group in GROUPS for a in self.expected[group].values())
        found = {"steps": self.steps, "samples": self.batch, "spikes": counts, "bins": bins}
        found["states"] = sorted(set(self.expected["u"]) & set(self.expected["v"])) == sorted(self.network.populations)
        if decided is not None and self.labels is not None:
            found["right"] = int((decided == self.labels).sum())
        return found


def _step(item: tuple[tuple[str, str], tuple[int, int, str]]) -> tuple[int, str]:
    return item[1][0], item[0][0]


def _differing(name: str, group: str, step: int, count: int, where: str) -> Fault:
    what = f"{count:,} bins of {group} differ, first in step {step}, {where}"
    return ("SD867", f"layer {shown(name)}", what, "the bundle does not hold what its network computes")


class _Score:
    """What the decision rule reads, added up step by step."""

    def __init__(self, network: Network, batch: int):
        self.network, self.batch = network, batch
        self.value: Array | None = None

    def add(self, name: str, state: Any) -> None:
        if self.network.decision is None or self.network.decision[0] != name:
            return
        rule = self.network.decision[1]
        scale, offset = self.network.scales[name]
        now = state.s.astype(np.int64) if rule == "spike-count" else state.v / scale + offset
        if self.value is None or rule == "last-v":
            self.value = now
        else:
            self.value = self.value + now if rule == "spike-count" else np.maximum(self.value, now)

    def decisions(self) -> Array | None:
        """The class of each sample; the lowest index wins a tie."""
        return None if self.value is None else self.value.reshape(self.batch, -1).argmax(axis=1)

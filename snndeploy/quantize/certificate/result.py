"""What a certificate says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from snndeploy.errors import Finding
from snndeploy.network.arrays import Array

Register = Literal["u", "v"]
Status = Literal["proven", "refuted", "open"]
STATUSES: tuple[Status, ...] = ("proven", "open", "refuted")
NAMES: dict[Register, str] = {"u": "current", "v": "membrane"}
DOES: dict[Register, str] = {"u": "wrap around", "v": "saturate"}


@dataclass(frozen=True, eq=False)
class Witness:
    """An input that does it, run on the reference.

    Attributes:
        step, index, sample: where the register was left; sample counts in the calibration data, 0 elsewhere.
        value: what the register should have held, state units; limit: the largest that it holds.
        inputs: (time, 1, *shape) by name of input; what `run` takes.
        source: "construction", "search" or "calibration".
    """

    population: str
    register: Register
    index: tuple[int, ...]
    step: int
    sample: int
    value: int
    limit: int
    inputs: Mapping[str, Array]
    source: Literal["construction", "search", "calibration"]

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and strings; an input is a list of [step, flat index, value] of what is not 0."""
        events = {}
        for name, array in self.inputs.items():
            flat = array[:, 0].reshape(len(array), -1)
            steps, places = np.nonzero(flat)
            events[name] = [[int(t), int(i), int(flat[t, i])] for t, i in zip(steps, places, strict=True)]
        plain = {k: getattr(self, k) for k in ("population", "register", "step", "sample", "value", "limit", "source")}
        steps_in_all = len(next(iter(self.inputs.values()))) if self.inputs else 0
        return {**plain, "index": list(self.index), "steps": steps_in_all, "events": events}

    def __str__(self) -> str:
        place = f"{self.population}{list(self.index)}, step {self.step}"
        found = (
            f"calibration sample {self.sample}" if self.source == "calibration" else f"an input found by {self.source}"
        )
        return f"{place}: the {NAMES[self.register]} becomes {self.value:,} (limit {self.limit:,}) in {found}"


@dataclass(frozen=True, eq=False)
class Bound:
    """One register of one population.

    Attributes:
        low, high: int64 (*shape), state units: what the register would have to hold, at the very most.
        limit: the largest magnitude that it holds.
        status: int8 (*shape), index into `STATUSES`.
        harmless: bool (*shape), beyond the limit, but nothing comes of it (see `certify`).
        seen: (lowest, highest) on the calibration data, None without.
        witness: of the neuron that exceeds most among those refuted.
    """

    population: str
    register: Register
    low: Array
    high: Array
    limit: int
    status: Array
    harmless: Array
    seen: tuple[int, int] | None = None
    witness: Witness | None = None

    @property
    def reach(self) -> Array:
        """(*shape), the largest magnitude."""
        return np.asarray(np.maximum(-self.low, self.high))

    @property
    def worst(self) -> tuple[int, ...]:
        """The neuron whose bound is largest, of those with the worst status."""
        order = np.where(self.status == self.status.max(initial=0), self.reach, -1)
        return tuple(int(i) for i in np.unravel_index(int(order.argmax()), order.shape))

    def count(self, status: Status) -> int:
        return int(np.count_nonzero(self.status == STATUSES.index(status)))

    @property
    def verdict(self) -> Status:
        return STATUSES[int(self.status.max(initial=0))]

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON."""
        open_ones = np.argwhere(self.status > 0)
        return {
            "population": self.population,
            "register": self.register,
            "verdict": self.verdict,
            "neurons": int(self.status.size),
            **{status: self.count(status) for status in STATUSES},
            "low": int(self.low.min()),
            "high": int(self.high.max()),
            "limit": self.limit,
            "harmless": int(self.harmless.sum()),
            "seen": None if self.seen is None else list(self.seen),
            "neurons_not_proven": [
                {"index": [int(i) for i in at], "status": STATUSES[int(self.status[tuple(at)])],
                 "low": int(self.low[tuple(at)]), "high": int(self.high[tuple(at)])}
                for at in open_ones
            ],
            "witness": None if self.witness is None else self.witness.as_dict(),
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Certificate:
    """Whether the registers of an integer network can be left. `print` shows a table; see `certify`.

    Attributes:
        target: whose registers; steps: the longest sample it holds for, None: any.
        largest: the most that each input sends in a step, by name.
        strict: membranes that may saturate count too.
        searched: inputs that leave a register were looked for.
    """

    target: str
    steps: int | None
    largest: Mapping[str, int]
    strict: bool
    bounds: tuple[Bound, ...]
    searched: bool = True

    @property
    def counted(self) -> tuple[Bound, ...]:
        """The bounds that the verdict is about."""
        return tuple(b for b in self.bounds if self.strict or b.register != "v")

    @property
    def verdict(self) -> Status:
        """ "refuted" if a witness was found, "open" if a bound is exceeded without one, else "proven"."""
        return max((b.verdict for b in self.counted), key=STATUSES.index, default="proven")

    @property
    def proven(self) -> bool:
        return self.verdict == "proven"

    def bound(self, population: str, register: Register) -> Bound:
        """The bound of one register of one population."""
        return next(b for b in self.bounds if (b.population, b.register) == (population, register))

    @property
    def witnesses(self) -> tuple[Witness, ...]:
        return tuple(b.witness for b in self.bounds if b.witness is not None)

    def findings(self) -> list[Finding]:
        """SD608 for each register that is not proven: the neuron, the bound, and what to do."""
        return [self._finding(b) for b in self.counted if b.verdict != "proven"]

    def _finding(self, bound: Bound) -> Finding:
        at = bound.worst
        reach = int(bound.reach[at])
        what = f"its {NAMES[bound.register]} can reach {reach:,} state units, more than {bound.limit:,}: "
        what += f"it would {DOES[bound.register]}"
        if bound.witness is not None:
            what += f" ({bound.witness})"
        elif self.searched:
            what += f" (a bound; no input was found that does it{self._seen(bound)})"
        fix = "quantise with a smaller scale: lower the weights, the fan-in or the time constant of the current"
        if bound.register == "v":
            fix = "leave out strict: a membrane that saturates is what the chip computes; or lower the weights"
        return Finding("SD608", f"population {bound.population!r}, neuron {list(at)}", what, fix)

    @staticmethod
    def _seen(bound: Bound) -> str:
        return "" if bound.seen is None else f"; {max(-bound.seen[0], bound.seen[1]):,} on the calibration"

    def as_dict(self) -> dict[str, Any]:
        """Everything as numbers, strings, lists and dictionaries, for JSON."""
        return {
            "target": self.target,
            "verdict": self.verdict,
            "proven": self.proven,
            "strict": self.strict,
            "steps": self.steps,
            "largest": dict(self.largest),
            "bounds": [b.as_dict() for b in self.bounds],
        }

    def to_json(self) -> str:
        return json.dumps(self.as_dict(), indent=2)

    def _rows(self) -> Iterator[tuple[str, ...]]:
        yield "population", "register", "neurons", "lowest", "highest", "limit", "used", "seen", "verdict"
        for b in self.bounds:
            used = f"{float(b.reach.max()) / b.limit:.0%}" if b.reach.max() < 2**50 else "unbounded"
            seen = "-" if b.seen is None else f"{b.seen[0]:,}..{b.seen[1]:,}"
            ends = (f"{x:,}" if abs(x) < 2**50 else "unbounded" for x in (int(b.low.min()), int(b.high.max())))
            yield b.population, b.register, f"{b.status.size:,}", *ends, f"{b.limit:,}", used, seen, self._says(b)

    @staticmethod
    def _says(bound: Bound) -> str:
        if bound.verdict == "proven":
            return "proven" + (
                f", {int(bound.harmless.sum()):,} saturate and are reset" if bound.harmless.any() else ""
            )
        counts = [f"{bound.count(s):,} {s}" for s in ("refuted", "open") if bound.count(s)]
        return ("saturates: " if bound.register == "v" else "") + ", ".join(counts)

    def __str__(self) -> str:
        rows = list(self._rows())
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        length = "any length" if self.steps is None else f"at most {self.steps} steps"
        lines = [f"{self.verdict}: the registers of {self.target}, samples of {length}"]
        for row in rows:
            cells = [
                c.ljust(w) if i in (0, 1, 8) else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  ".join(cells).rstrip())
        lines += [str(witness) for witness in self.witnesses]
        return "\n".join(lines)

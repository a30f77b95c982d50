"""One step of populations in any graph: what arrives at each, the neurons, and what they emit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from snndeploy.frontends.onnx import float_maps, integer_maps, whole
from snndeploy.frontends.onnx.cells import Sets, Updated
from snndeploy.frontends.onnx.float_cells import FloatCells
from snndeploy.frontends.onnx.integer_cells import IntegerCells
from snndeploy.frontends.onnx.scope import Scope
from snndeploy.frontends.onnx.settings import Settings
from snndeploy.frontends.onnx.whole import Whole
from snndeploy.network.arrays import Array
from snndeploy.network.maps import chain_apply
from snndeploy.network.network import COUNTED, Network, Projection
from snndeploy.network.registers import STATE_SHIFT
from snndeploy.network.rule import Rule
from snndeploy.network.table import projection_text

Drive = Whole | str
# the raw emissions of a source, so many steps ago
Late = Callable[[str, int], str]


@dataclass
class Drives:
    """What arrives from outside the graph, by population, one per receptor."""

    outer: dict[str, list[Drive | None]] = field(default_factory=dict)


class Parts:
    """The populations and projections of one network."""

    def __init__(self, network: Network, settings: Settings):
        self.network, self.settings = network, settings
        self.integer = network.form == "integer"
        self.cells: dict[str, IntegerCells | FloatCells] = {
            each.name: IntegerCells(each) if self.integer else FloatCells(each, settings.dtype)
            for each in network.populations
        }
        self.constant = {each.name: each for each in network.inputs if each.kind == "constant"}

    def emitted_type(self, name: str) -> str:
        """The type in which a source's emissions are kept: spikes as bool, counts as they come in, else floats."""
        if name in self.network.input:
            kind = self.network.input[name].kind
            if kind in COUNTED:
                return self.settings.count_type(name, kind == "signed")[0]
            return "bool" if kind == "binary" else self.settings.dtype
        return "bool" if self.network.population[name].rule.spiking else self.settings.dtype

    def arrives(self, g: Scope, p: Projection, raw: str) -> Drive:
        """Emissions `raw: (n, *shape)` through the maps of a projection; of integers a·2^6, not yet wrapped."""
        shape = self.network.shapes[p.source]
        if not self.integer:
            return float_maps.chain(g, self._numbers(g, p.source, raw), p.maps, shape, self.settings.dtype, p.name)
        emitted = Whole(raw, "bool", 0, 1)
        if self.emitted_type(p.source) != "bool":
            signed = self.network.input[p.source].kind == "signed"
            emitted = Whole(raw, *self.settings.count_type(p.source, signed))
        summed = integer_maps.chain(g, emitted, p.maps, shape, p.name, self.settings.floats)
        e = 0 if p.format is None else p.format.exponent
        if e < 0:
            summed, e = whole.floor_shift(g, summed, -e, f"{p.name}.shifted"), 0
        return whole.times(g, summed, whole.number(g, 1 << (e + STATE_SHIFT), "exponent"), f"{p.name}.current")

    def _numbers(self, g: Scope, name: str, raw: str) -> str:
        """Emissions as floating point: a spike is its value."""
        dtype = self.settings.dtype
        x = raw if self.emitted_type(name) == dtype else g.cast(raw, dtype)
        rule = self.network.population[name].rule if name in self.network.population else None
        if isinstance(rule, Rule) and rule.spiking and np.any(rule.value != 1):
            return g.once("Mul", (x, g.constant(rule.value, dtype, f"{name}.value")), f"{name}.graded")
        return x

    def always(self, p: Projection) -> Array:
        """What a constant input sends over a projection, in each step from its onset on, as `arrives`."""
        ones = np.ones(self.network.shapes[p.source], np.int64 if self.integer else np.float64)
        summed = chain_apply(p.maps, ones[None])[0]
        if p.format is None:
            return np.asarray(summed)
        e = p.format.exponent
        moved = (summed << e if e >= 0 else summed >> -e) << STATE_SHIFT
        return np.asarray(moved.astype(np.int32).astype(np.int64))

    def join(self, g: Scope, x: Drive | None, y: Drive | None, name: str) -> Drive | None:
        if x is None or y is None:
            return y if x is None else x
        if isinstance(x, Whole) and isinstance(y, Whole):
            return whole.add(g, x, y, name)
        return g.op("Add", (str(x), str(y)), name)

    def wrapped(self, g: Scope, x: Drive | None, name: str) -> Drive | None:
        return whole.wrap32(g, x, name) if isinstance(x, Whole) else x

    def receptors(self, name: str) -> int:
        rule = self.network.population[name].rule
        return len(rule.receptors) if isinstance(rule, Rule) else 1

    def drive(self, g: Scope, name: str, which: Iterable[Projection], late: Late) -> list[Drive | None]:
        """What arrives over some projections, one per receptor."""
        found: list[Drive | None] = [None] * self.receptors(name)
        for p in which:
            before = len(g.nodes)
            arrived = self.arrives(g, p, late(p.source, p.delay))
            for node in g.nodes[before:]:
                node.doc_string = f"{p.name}: {projection_text(p)}"
            found[p.receptor] = self.join(g, found[p.receptor], arrived, f"{name}.arrives")
        return found

    def step(
        self,
        g: Scope,
        names: Iterable[str],
        outer: dict[str, list[Drive | None]],
        held: dict[str, dict[str, str]],
        now: dict[str, str],
        late: Late,
        on: Sets,
    ) -> dict[str, Updated]:
        """One step of some populations, in their order of computation.

        Args:
            outer: what arrives from elsewhere. held: what was kept, by population.
            now: raw emissions of this step by source; those of the populations are added.
            late: emissions of sources in `now`.
        """
        names = list(names)
        found: dict[str, Updated] = {}
        for name in names:
            into = [p for p in self.network.into(name) if p.source not in self.constant]
            inner = [p for p in into if p.source in names or p.source in now]
            drive = self.drive(g, name, inner, late)
            given = outer.get(name, [None] * len(drive))
            drive = [self.join(g, x, y, f"{name}.arrives") for x, y in zip(given, drive, strict=True)]
            if self.constant:
                drive = self._with_constants(g, name, drive, held[name]["v"], on)
            drive = [self.wrapped(g, x, f"{name}.wrapped") for x in drive]
            found[name] = self.cells[name].step(g, held[name], drive, on)  # type: ignore[arg-type]
            now[name] = found[name].spikes or found[name].v
        return found

    def _with_constants(self, g: Scope, name: str, drive: list[Drive | None], v: str, on: Sets) -> list[Drive | None]:
        found = list(drive)
        for p in self.network.into(name):
            if p.source not in self.constant:
                continue
            begun, value = on(self.constant[p.source].onset + p.delay), self.always(p)
            whole_value: Drive
            if self.integer:
                whole_value = whole.number(g, value, f"{p.name}.current")
                if begun is not None:
                    whole_value = whole.times(g, Whole(g.cast(begun, "int32"), "int32", 0, 1), whole_value, p.name)
            else:
                whole_value = g.constant(value, self.settings.dtype, f"{p.name}.current")
                if begun is not None:
                    whole_value = g.op("Mul", (g.cast(begun, self.settings.dtype), whole_value), f"{p.name}.begun")
            if found[p.receptor] is None:
                # of all samples: the constant itself has no axis of them
                nothing = g.once("Sub", (v, v), f"{name}.nothing")
                found[p.receptor] = Whole(nothing, "int32", 0, 0) if self.integer else nothing
            found[p.receptor] = self.join(g, found[p.receptor], whole_value, f"{name}.arrives")
        return found

    def onsets(self) -> set[int]:
        """Steps at which something begins."""
        found = {self.constant[p.source].onset + p.delay for p in self.network.projections if p.source in self.constant}
        return {n for n in found.union(*(each.onsets for each in self.cells.values())) if n > 0}

"""What both graphs of a network share: the names of inputs, outputs and states, and what there is before the start."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from snndeploy.frontends.onnx.assembly import Parts
from snndeploy.frontends.onnx.cells import Held, Updated
from snndeploy.frontends.onnx.scope import Scope, declared
from snndeploy.frontends.onnx.settings import Interface, Settings, State
from snndeploy.network.network import Network
from snndeploy.network.timing import update_order

Put = Callable[[str], None]


class Builder:
    """A model while it is built: `main` is its graph, `interface` its names."""

    def __init__(self, network: Network, settings: Settings):
        self.network, self.settings, self.main = network, settings, Scope()
        self.parts = Parts(network, settings)
        self.groups = update_order(network)
        self.batch: int | str = "batch" if settings.batch is None else settings.batch
        chosen = network.outputs if settings.populations is None else settings.populations
        self.recorded = [name for group in self.groups for name in group if name in chosen]
        self.inputs: dict[str, str] = {}
        self.outputs: dict[str, dict[str, str]] = {"spikes": {}, "u": {}, "v": {}}
        self.states: list[State] = []
        self.stateful = settings.states or settings.form == "step"
        self._declare()

    def _declare(self) -> None:
        """Names of the interface come first, so that they are as they should be."""
        lead: tuple[int | str, ...] = (self.batch,) if self.settings.form == "step" else ("time", self.batch)
        for each in self.network.given:
            name = self.inputs[each.name] = self.main.names.new(each.name)
            kind = self.parts.emitted_type(each.name)
            self.main.inputs.append(declared(name, kind, (*lead, *each.shape), f"input, {each.kind}"))
        for name in self.recorded:
            spiking = self.network.population[name].rule.spiking
            for what in ("spikes", "u", "v"):
                wanted = what in self.settings.record or (what == "v" and not spiking and name in self.network.outputs)
                if not wanted or (what == "spikes" and not spiking):
                    continue
                own = self.outputs[what][name] = self.main.names.new(f"{name}.{what}")
                several = self.parts.receptors(name)
                shape = self.network.shapes[name]
                shape = (several, *shape) if what == "u" and several > 1 else shape
                dtype = "bool" if what == "spikes" else self.state_type
                self.main.outputs.append(declared(own, dtype, (*lead, *shape), f"{what} of {name}"))

    @property
    def state_type(self) -> str:
        return "int32" if self.parts.integer else self.settings.dtype

    def kept(self, what: str, dtype: str, shape: tuple[int | str, ...], doc: str) -> tuple[str, Put]:
        """A state: the tensor before, and a function that takes the one after."""
        names = self.main.names
        state = State(names.new(f"{what}.before"), names.new(f"{what}.after"), dtype, shape)
        self.states.append(state)
        self.main.inputs.append(declared(state.before, dtype, shape, doc))
        self.main.outputs.append(declared(state.after, dtype, shape, doc))
        return state.before, lambda tensor: self.name_it(tensor, state.after)

    def name_it(self, tensor: str, name: str) -> None:
        """Gives a tensor the name of an output."""
        from onnx import helper

        self.main.nodes.append(helper.make_node("Identity", [tensor], [name], name=name))

    @property
    def interface(self) -> Interface:
        o = self.outputs
        types = {self.inputs[each.name]: self.parts.emitted_type(each.name) for each in self.network.given}
        return Interface(dict(self.inputs), types, o["spikes"], o["u"], o["v"], tuple(self.states))

    # states before the first step

    def clock(self) -> tuple[str, Put] | None:
        """The number of the first step, int64, where something depends on it."""
        starts = any(np.any(held.initial) for cells in self.parts.cells.values() for held in cells.states)
        if not self.parts.onsets() and not (self.stateful and starts):
            return None
        if not self.stateful:
            return self.main.constant(0, "int64", "start"), lambda tensor: None
        return self.kept("step", "int64", (), "steps so far")

    def begin(self, name: str, held: Held, clock: str | None) -> tuple[str, Put]:
        """What a population holds before this run, and a function that takes what it holds after."""
        shape = (self.batch, *held.shape)
        initial = self.main.constant(held.initial, held.dtype, f"{name}.{held.what}.initial")
        if not self.stateful:
            return self.spread(initial, held.shape, f"{name}.{held.what}.before"), lambda tensor: None
        before, put = self.kept(f"{name}.{held.what}", held.dtype, shape, f"{held.what} of {name}, zeros at the start")
        if not np.any(held.initial) or clock is None:
            return before, put
        first = self.main.once("Equal", (clock, self.main.constant(0, "int64", "start")), "first")
        return self.main.op("Where", (first, initial, before), f"{name}.{held.what}.begun"), put

    def samples(self) -> str:
        """The number of samples, int64 (1,)."""
        if self.settings.batch is not None:
            return self.main.constant([self.settings.batch], "int64", "batch.size")
        at = 0 if self.settings.form == "step" else 1
        return self.main.once("Shape", (next(iter(self.inputs.values())),), "batch.size", start=at, end=at + 1)

    def spread(self, tensor: str, shape: tuple[int, ...], name: str, rows: tuple[int, ...] = ()) -> str:
        """A constant for all samples: (*rows, batch, *shape)."""
        sizes = [self.main.constant(list(part), "int64", "sizes") for part in (rows, shape)]
        whole = self.main.op("Concat", (sizes[0], self.samples(), sizes[1]), f"{name}.shape", axis=0)
        return self.main.op("Expand", (tensor, whole), name)

    def past(self, source: str, reach: int) -> tuple[str, Put]:
        """Emissions of the last `reach` steps, (reach, batch, *shape), oldest first; nothing before the start."""
        dtype, shape = self.parts.emitted_type(source), self.network.shapes[source]
        if self.stateful:
            return self.kept(f"{source}.past", dtype, (reach, self.batch, *shape), f"emitted by {source} before")
        zero = self.main.constant(0, dtype, "nothing")
        return self.spread(zero, shape, f"{source}.past", (reach,)), lambda tensor: None

    def reach(self, source: str, targets: tuple[str, ...] | None = None) -> int:
        """The longest delay of a source, to some targets."""
        found = [p for p in self.network.projections if p.source == source and source not in self.parts.constant]
        return max((p.delay for p in found if targets is None or p.target in targets), default=0)

    def masks(self, g: Scope, step: str | None) -> Callable[[int], str | None]:
        def on(onset: int) -> str | None:
            if onset <= 0 or step is None:
                return None
            return g.once("GreaterOrEqual", (step, g.constant(onset, "int64", "onset")), f"from.{onset}")

        return on

    def currents(self, g: Scope, u: tuple[str, ...], name: str) -> str:
        """u as it is recorded: with an axis of receptors, if there are several."""
        if len(u) == 1:
            return u[0]
        axis = g.constant([1], "int64", "axis")
        rows = [g.op("Unsqueeze", (each, axis), f"{name}.u.row") for each in u]
        return g.op("Concat", rows, f"{name}.u.all", axis=1)

    def held(self, names: list[str], step: str | None) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, Put]]]:
        """States of populations before, and functions that take those after."""
        held: dict[str, dict[str, str]] = {}
        puts: dict[str, dict[str, Put]] = {}
        for name in names:
            begun = {each.what: self.begin(name, each, step) for each in self.parts.cells[name].states}
            held[name] = {what: before for what, (before, _) in begun.items()}
            puts[name] = {what: put for what, (_, put) in begun.items()}
        return held, puts

    def record(self, name: str, made: Updated) -> None:
        tensors = {"spikes": made.spikes, "v": made.v}
        for what, names in self.outputs.items():
            if name in names:
                tensor = self.currents(self.main, made.u, name) if what == "u" else tensors[what]
                self.name_it(str(tensor), names[name])


def moved_on(g: Scope, past: str, emitted: str, reach: int, source: str) -> str:
    """The last `reach` emissions, once this step's are among them."""
    newest = g.op("Unsqueeze", (emitted, g.constant([0], "int64", "axis")), f"{source}.emitted")
    if reach == 1:
        return newest
    return g.op("Concat", (g.part(past, 1, None, f"{source}.kept"), newest), f"{source}.past.next", axis=0)

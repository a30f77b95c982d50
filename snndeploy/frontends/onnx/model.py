"""A network as an ONNX model: one step with its state in and out, or all steps of a sample.

In a step, everything is computed in the network's order of update. In a sequence, group by group: what arrives from
outside a group is one product over all steps and samples; then a Scan over the steps moves the neurons, and what is
connected in a loop is computed inside it, step by step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from snndeploy.errors import error
from snndeploy.frontends.onnx.assembly import Drive, Parts
from snndeploy.frontends.onnx.cells import Held, Updated
from snndeploy.frontends.onnx.scope import Scope, declared
from snndeploy.frontends.onnx.settings import Interface, Settings, State
from snndeploy.frontends.onnx.whole import Whole
from snndeploy.network.network import Network
from snndeploy.network.timing import update_order

# a message of protocol buffers ends at 2 GiB; nodes and names need some of it
SIZE_MAX = 2**31 - 2**24


class Builder:
    """A model while it is built. `graph` gives the GraphProto, `interface` its names."""

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

    def kept(self, what: str, dtype: str, shape: tuple[int | str, ...], doc: str) -> tuple[str, Callable[[str], None]]:
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

    def clock(self) -> tuple[str, Callable[[str], None]] | None:
        """The number of the first step, int64, where something depends on it."""
        starts = any(np.any(held.initial) for cells in self.parts.cells.values() for held in cells.states)
        if not self.parts.onsets() and not (self.stateful and starts):
            return None
        if not self.stateful:
            return self.main.constant(0, "int64", "start"), lambda tensor: None
        return self.kept("step", "int64", (), "steps so far")

    def begin(self, name: str, held: Held, clock: str | None) -> tuple[str, Callable[[str], None]]:
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

    def past(self, source: str, reach: int) -> tuple[str, Callable[[str], None]]:
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

    # one step

    def step(self) -> None:
        g, order = self.main, [name for group in self.groups for name in group]
        clock = self.clock()
        step = None if clock is None else clock[0]
        held, puts = self._held(order, step)
        sources = [*self.inputs, *order]
        pasts = {name: self.past(name, self.reach(name)) for name in sources if self.reach(name)}
        now = dict(self.inputs)

        def late(source: str, delay: int) -> str:
            if delay == 0:
                return now[source]
            return g.take(pasts[source][0], self.reach(source) - delay, f"{source}.late.{delay}")

        found = self.parts.step(g, order, {}, held, now, late, self.masks(g, step))
        for name, made in found.items():
            for what, put in puts[name].items():
                put(made.held[what])
            self._record(name, made)
        for source, (before, put) in pasts.items():
            put(moved_on(g, before, now[source], self.reach(source), source))
        if clock is not None:
            clock[1](g.op("Add", (clock[0], g.constant(1, "int64", "one")), "step.next"))

    def _held(
        self, names: list[str], step: str | None
    ) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, Callable[[str], None]]]]:
        """States of populations before, and functions that take those after."""
        held: dict[str, dict[str, str]] = {}
        puts: dict[str, dict[str, Callable[[str], None]]] = {}
        for name in names:
            begun = {each.what: self.begin(name, each, step) for each in self.parts.cells[name].states}
            held[name] = {what: before for what, (before, _) in begun.items()}
            puts[name] = {what: put for what, (_, put) in begun.items()}
        return held, puts

    def _record(self, name: str, made: Updated) -> None:
        tensors = {"spikes": made.spikes, "v": made.v}
        for what, names in self.outputs.items():
            if name in names:
                tensor = self.currents(self.main, made.u, name) if what == "u" else tensors[what]
                self.name_it(str(tensor), names[name])

    # all steps

    def sequence(self) -> None:
        from snndeploy.frontends.onnx.scanning import scan_group

        g = self.main
        clock = self.clock()
        start = None if clock is None else clock[0]
        held, puts = self._held([name for group in self.groups for name in group], start)
        sources = [*self.inputs, *self.network.population]
        pasts = {name: self.past(name, self.reach(name)) for name in sources if self.reach(name)}
        series = dict(self.inputs)
        whole: dict[str, str] = {}

        def finish(source: str) -> None:
            """A source's emissions are known: with those before them, and what of them is kept."""
            if source in pasts:
                whole[source] = g.op("Concat", (pasts[source][0], series[source]), f"{source}.whole", axis=0)
                pasts[source][1](g.part(whole[source], -self.reach(source), None, f"{source}.past.next"))

        for name in self.inputs:
            finish(name)
        steps = self._steps(start)

        def late(source: str, delay: int) -> str:
            """Rows that arrive after so many steps, as (time·batch, *shape)."""
            rows = series[source]
            if delay:
                reach = self.reach(source)
                rows = g.part(whole[source], reach - delay, -delay, f"{source}.late.{delay}")
            shape = g.constant([-1, *self.network.shapes[source]], "int64", "shape")
            return g.once("Reshape", (rows, shape), f"{rows}.flat")

        for names in self.groups:
            outer = {name: self._outer(name, names, late) for name in names}
            inside = {
                name: g.part(pasts[name][0], self.reach(name) - n, None, f"{name}.past.inner")
                if n != self.reach(name)
                else pasts[name][0]
                for name in names
                if (n := self.reach(name, names))
            }
            after, made = scan_group(self, names, outer, held, inside, steps)
            for name in names:
                for what, put in puts[name].items():
                    put(after[name][what])
            series |= made
            for name in names:
                finish(name)
        if clock is not None:
            total = g.op("Add", (clock[0], self._length()), "step.next")
            clock[1](total)

    def _length(self) -> str:
        """The number of steps, an int64 scalar."""
        sizes = self.main.once("Shape", (next(iter(self.inputs.values())),), "sizes", start=0, end=1)
        return self.main.once("Squeeze", (sizes,), "time.size")

    def _steps(self, start: str | None) -> str:
        """The numbers of the steps, int64 (time,)."""
        first = self.main.constant(0, "int64", "start") if start is None else start
        last = self.main.op("Add", (first, self._length()), "steps.end")
        return self.main.op("Range", (first, last, self.main.constant(1, "int64", "one")), "steps")

    def _outer(self, name: str, inside: tuple[str, ...], late: Callable[[str, int], str]) -> list[Drive | None]:
        """What arrives from outside a group, all steps at once, (time, batch, *shape)."""
        g = self.main
        outside = [p for p in self.network.into(name) if p.source not in (*inside, *self.parts.constant)]
        found: list[Drive | None] = []
        for k, each in enumerate(self.parts.drive(g, name, outside, late)):
            whole = self.parts.wrapped(g, each, f"{name}.wrapped")
            if whole is None:
                found.append(None)
                continue
            tensor = whole.name if isinstance(whole, Whole) else whole
            own = f"{name}.drive" if self.parts.receptors(name) == 1 else f"{name}.drive.{k}"
            back = self._over_time(tensor, self.network.shapes[name], own)
            found.append(Whole(back, whole.dtype, whole.low, whole.high) if isinstance(whole, Whole) else back)
        return found

    def _over_time(self, tensor: str, shape: tuple[int, ...], name: str) -> str:
        """(time·batch, *shape) -> (time, batch, *shape)."""
        g = self.main
        if self.settings.batch is not None:
            return g.reshape(tensor, (-1, self.settings.batch, *shape), name)
        ends = [g.constant(list(part), "int64", "sizes") for part in ([-1], shape)]
        sizes = g.op("Concat", (ends[0], self.samples(), ends[1]), f"{name}.shape", axis=0)
        return g.op("Reshape", (tensor, sizes), name)


def moved_on(g: Scope, past: str, emitted: str, reach: int, source: str) -> str:
    """The last `reach` emissions, once this step's are among them."""
    newest = g.op("Unsqueeze", (emitted, g.constant([0], "int64", "axis")), f"{source}.emitted")
    if reach == 1:
        return newest
    return g.op("Concat", (g.part(past, 1, None, f"{source}.kept"), newest), f"{source}.past.next", axis=0)


def check_size(g: Scope) -> None:
    """Raises SnnDeployError SD540 where the constants do not fit into one file of protocol buffers."""
    if g.size > SIZE_MAX:
        what = f"its weights take {g.size:,} bytes, more than the {SIZE_MAX:,} that a model holds in one file"
        raise error("SD540", "network", what, "split it, or make its largest layer a convolution")


def build(network: Network, settings: Settings) -> tuple[Any, Interface]:
    """The model, a ModelProto, and the names of its inputs and outputs.

    Raises:
        SnnDeployError SD523: sums of counts may leave 64 bits. SD540: it is too large. SD543: float32 is too small.
    """
    from onnx import helper

    builder = Builder(network, settings)
    if settings.form == "step":
        builder.step()
    else:
        builder.sequence()
    check_size(builder.main)
    graph = builder.main.graph("network")
    opsets = [helper.make_opsetid("", settings.opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=helper.find_min_ir_version_for(opsets))
    return model, builder.interface

"""All steps of a sample, group by group.

What arrives at a group from outside is one product over all steps and samples. Then a Scan over the steps moves the
neurons (`scanning`); what is connected in a loop is computed inside it, step by step.
"""

from __future__ import annotations

from snndeploy.frontends.onnx.assembly import Drive
from snndeploy.frontends.onnx.builder import Builder
from snndeploy.frontends.onnx.scanning import scan_group
from snndeploy.frontends.onnx.whole import Whole


class Sequence:
    """Adds the nodes of all steps to a builder's graph.

    Attributes:
        series: emissions by source, (time, batch, *shape). whole: the same behind those of the steps before.
        pasts: those of the steps before, and where those of the last steps go.
    """

    def __init__(self, builder: Builder):
        self.builder, self.main, self.parts, self.network = builder, builder.main, builder.parts, builder.network
        self.series = dict(builder.inputs)
        self.whole: dict[str, str] = {}
        self.clock = builder.clock()
        self.start = None if self.clock is None else self.clock[0]
        self.held, self.puts = builder.held([name for group in builder.groups for name in group], self.start)
        sources = [*builder.inputs, *self.network.population]
        self.pasts = {name: builder.past(name, builder.reach(name)) for name in sources if builder.reach(name)}

    def add(self) -> None:
        for name in self.builder.inputs:
            self.finish(name)
        steps = self.steps()
        for names in self.builder.groups:
            outer = {name: self.outer(name, names) for name in names}
            after, made = scan_group(self.builder, names, outer, self.held, self.inner_pasts(names), steps)
            self.series |= made
            for name in names:
                for what, put in self.puts[name].items():
                    put(after[name][what])
                self.finish(name)
        if self.clock is not None:
            self.clock[1](self.main.op("Add", (self.clock[0], self.length()), "step.next"))

    def finish(self, source: str) -> None:
        """The emissions of a source are known: joins them to those before, and keeps the last of them."""
        if source in self.pasts:
            before, put = self.pasts[source]
            rows = (before, self.series[source])
            self.whole[source] = self.main.op("Concat", rows, f"{source}.whole", axis=0)
            reach = self.builder.reach(source)
            put(self.main.part(self.whole[source], -reach, None, f"{source}.past.next"))

    def inner_pasts(self, names: tuple[str, ...]) -> dict[str, str]:
        """Of the emissions before, those that arrive within the group: (reach, batch, *shape)."""
        found = {}
        for name in names:
            reach, whole = self.builder.reach(name, names), self.builder.reach(name)
            if reach:
                before = self.pasts[name][0]
                most = f"{name}.past.inner"
                found[name] = before if reach == whole else self.main.part(before, whole - reach, None, most)
        return found

    def late(self, source: str, delay: int) -> str:
        """What arrives in these steps over a delay, (time·batch, *shape)."""
        rows = self.series[source]
        if delay:
            first = self.builder.reach(source) - delay
            rows = self.main.part(self.whole[source], first, -delay, f"{source}.late.{delay}")
        shape = self.main.constant([-1, *self.network.shapes[source]], "int64", "shape")
        return self.main.once("Reshape", (rows, shape), f"{rows}.flat")

    def outer(self, name: str, inside: tuple[str, ...]) -> list[Drive | None]:
        """What arrives from outside a group, per receptor, (time, batch, *shape)."""
        g = self.main
        outside = [p for p in self.network.into(name) if p.source not in (*inside, *self.parts.constant)]
        found: list[Drive | None] = []
        for k, each in enumerate(self.parts.drive(g, name, outside, self.late)):
            whole = self.parts.wrapped(g, each, f"{name}.wrapped")
            own = f"{name}.drive" if self.parts.receptors(name) == 1 else f"{name}.drive.{k}"
            if isinstance(whole, Whole):
                found.append(Whole(self.over_time(whole.name, name, own), whole.dtype, whole.low, whole.high))
            else:
                found.append(None if whole is None else self.over_time(whole, name, own))
        return found

    def over_time(self, tensor: str, population: str, name: str) -> str:
        """(time·batch, *shape) -> (time, batch, *shape)."""
        g, shape, batch = self.main, self.network.shapes[population], self.builder.settings.batch
        if batch is not None:
            return g.reshape(tensor, (-1, batch, *shape), name)
        ends = [g.constant(list(part), "int64", "sizes") for part in ([-1], shape)]
        sizes = g.op("Concat", (ends[0], self.builder.samples(), ends[1]), f"{name}.shape", axis=0)
        return g.op("Reshape", (tensor, sizes), name)

    def length(self) -> str:
        """The number of steps, an int64 scalar."""
        sizes = self.main.once("Shape", (next(iter(self.builder.inputs.values())),), "sizes", start=0, end=1)
        return self.main.once("Squeeze", (sizes,), "time.size")

    def steps(self) -> str:
        """The numbers of the steps, int64 (time,)."""
        first = self.main.constant(0, "int64", "start") if self.start is None else self.start
        last = self.main.op("Add", (first, self.length()), "steps.end")
        return self.main.op("Range", (first, last, self.main.constant(1, "int64", "one")), "steps")

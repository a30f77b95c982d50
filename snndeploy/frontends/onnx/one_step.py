"""One step: all states go in and come out."""

from __future__ import annotations

from snndeploy.frontends.onnx.builder import Builder, moved_on


def add_step(builder: Builder) -> None:
    """The graph of one step, in the order in which the network updates its populations."""
    g, order = builder.main, [name for group in builder.groups for name in group]
    clock = builder.clock()
    step = None if clock is None else clock[0]
    held, puts = builder.held(order, step)
    sources = [*builder.inputs, *order]
    pasts = {name: builder.past(name, builder.reach(name)) for name in sources if builder.reach(name)}
    now = dict(builder.inputs)

    def late(source: str, delay: int) -> str:
        if delay == 0:
            return now[source]
        return g.take(pasts[source][0], builder.reach(source) - delay, f"{source}.late.{delay}")

    found = builder.parts.step(g, order, {}, held, now, late, builder.masks(g, step))
    for name, made in found.items():
        for what, put in puts[name].items():
            put(made.held[what])
        builder.record(name, made)
    for source, (before, put) in pasts.items():
        put(moved_on(g, before, now[source], builder.reach(source), source))
    if clock is not None:
        clock[1](g.op("Add", (clock[0], g.constant(1, "int64", "one")), "step.next"))

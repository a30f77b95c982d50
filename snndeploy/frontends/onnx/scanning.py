"""The Scan of one group of populations: its body is one step, what is held goes round, what is emitted is stacked."""

from __future__ import annotations

from snndeploy.frontends.onnx.assembly import Drive
from snndeploy.frontends.onnx.builder import Builder, moved_on
from snndeploy.frontends.onnx.scope import Scope, declared
from snndeploy.frontends.onnx.whole import Whole
from snndeploy.network.table import rule_text


def scan_group(
    builder: Builder,
    names: tuple[str, ...],
    outer: dict[str, list[Drive | None]],
    held: dict[str, dict[str, str]],
    pasts: dict[str, str],
    steps: str,
) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Adds the Scan; returns what the populations hold after it, and their emissions, (time, batch, *shape).

    Args:
        outer: what arrives from outside the group, (time, batch, *shape) per receptor.
        pasts: emissions before the first step that arrive within the group later, (reach, batch, *shape).
        steps: int64 (time,), the numbers of the steps.
    """
    from onnx import helper

    main, parts, network = builder.main, builder.parts, builder.network
    body, batch = Scope(main), builder.batch
    given: list[str] = []
    inside: dict[str, dict[str, str]] = {}

    def enters(tensor: str, wanted: str, dtype: str, shape: tuple[int | str, ...]) -> str:
        own = body.names.new(wanted)
        given.append(tensor)
        body.inputs.append(declared(own, dtype, shape))
        return own

    for name in names:
        inside[name] = {
            each.what: enters(held[name][each.what], f"{name}.{each.what}.last", each.dtype, (batch, *each.shape))
            for each in parts.cells[name].states
        }
    lately = {
        name: enters(
            past,
            f"{name}.past.last",
            parts.emitted_type(name),
            (builder.reach(name, names), batch, *network.shapes[name]),
        )
        for name, past in pasts.items()
    }
    first_scanned = len(given)
    step = enters(steps, "step.now", "int64", ())
    arrives: dict[str, list[Drive | None]] = {}
    for name in names:
        arrives[name] = []
        for k, each in enumerate(outer[name]):
            if each is None:
                arrives[name].append(None)
                continue
            dtype = each.dtype if isinstance(each, Whole) else builder.settings.dtype
            tensor = each.name if isinstance(each, Whole) else each
            own = enters(
                tensor,
                f"{name}.drive.now" if len(outer[name]) == 1 else f"{name}.drive.{k}.now",
                dtype,
                (batch, *network.shapes[name]),
            )
            arrives[name].append(Whole(own, dtype, each.low, each.high) if isinstance(each, Whole) else own)

    now: dict[str, str] = {}

    def late(source: str, delay: int) -> str:
        if delay == 0:
            return now[source]
        return body.take(lately[source], builder.reach(source, names) - delay, f"{source}.late.{delay}")

    found = parts.step(body, names, arrives, inside, now, late, builder.masks(body, step))
    outputs: list[str] = []

    def leaves(tensor: str, dtype: str, shape: tuple[int | str, ...], wanted: str, outside: str) -> str:
        """An output of the body (each has a tensor of its own), and the name of what the Scan makes of it."""
        own = body.op("Identity", (tensor,), wanted)
        body.outputs.append(declared(own, dtype, shape))
        outputs.append(outside)
        return outside

    after: dict[str, dict[str, str]] = {}
    for name in names:
        after[name] = {
            each.what: leaves(
                found[name].held[each.what],
                each.dtype,
                (batch, *each.shape),
                f"{name}.{each.what}.next",
                main.names.new(f"{name}.{each.what}.end"),
            )
            for each in parts.cells[name].states
        }
    for name, past in lately.items():
        reach = builder.reach(name, names)
        leaves(
            moved_on(body, past, now[name], reach, name),
            parts.emitted_type(name),
            (reach, batch, *network.shapes[name]),
            f"{name}.past.later",
            main.names.new(f"{name}.past.end"),
        )
    made: dict[str, str] = {}
    for name in names:
        shape = (batch, *network.shapes[name])
        spiking = network.population[name].rule.spiking
        needed = (
            any(p.source == name and (p.target not in names) for p in network.projections) or builder.reach(name) > 0
        )
        for what in ("spikes", "u", "v"):
            emits = needed and what == ("spikes" if spiking else "v")
            if name not in builder.outputs[what] and not emits:
                continue
            outside = builder.outputs[what].get(name) or main.names.new(f"{name}.{what}.all")
            of_step = found[name]
            tensors = {"spikes": of_step.spikes, "v": of_step.v}
            tensor = builder.currents(body, of_step.u, name) if what == "u" else str(tensors[what])
            several = parts.receptors(name)
            own_shape = (batch, several, *network.shapes[name]) if what == "u" and several > 1 else shape
            leaves(
                tensor,
                "bool" if what == "spikes" else builder.state_type,
                own_shape,
                f"{name}.{what}.now",
                outside,
            )
            if emits:
                made[name] = outside
    label = "+".join(names)
    node = helper.make_node(
        "Scan",
        given,
        outputs,
        name=main.names.new(label),
        body=body.graph(f"step of {label}"),
        doc_string="\n".join(f"{name}: {rule_text(network.population[name])}" for name in names),
        num_scan_inputs=len(given) - first_scanned,
    )
    main.nodes.append(node)
    return after, made

"""One call of a neuron while a module is traced: which step it is, what arrives, and what it returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from snndeploy.errors import Finding, SnnDeployError
from snndeploy.frontends import neurons
from snndeploy.frontends.entering import Stop, entering
from snndeploy.frontends.states import check_states
from snndeploy.frontends.value import Meaning, Path, State, Steps, Sum, at_step, item_shape, make, merge, through
from snndeploy.network.maps import Shape

if TYPE_CHECKING:
    from snndeploy.frontends.tracer import Tracer


def call_neuron(tracer: Tracer, path: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    family, name = neurons.FAMILIES[type(module)], path or type(module).__name__.lower()
    where = tracer.named(path)
    given, came = family.given(args, kwargs)
    x, meaning = entering(tracer, path, given, type(module).__name__)
    step = called(tracer, name, where)
    if isinstance(meaning, Steps) != family.over_time:
        tracer.loops = True
        tracer.refuse(
            "SD302",
            f"{type(module).__name__} {path!r} gets "
            + ("one step" if family.over_time else f"all steps in one tensor of {tuple(x.shape)}"),
            "let forward take all steps: x of shape (time, batch, *shape)"
            if family.over_time
            else "call it once per step, on x[step]",
        )
        raise Stop
    if isinstance(meaning, Steps) and meaning.axis != 0:
        what = f"{type(module).__name__} {path!r} gets {tuple(x.shape)}, where time is not the first axis"
        tracer.refuse("SD302", what, "move it there before the neuron, and back behind it: x.transpose(0, 1)")
        raise Stop
    shape = family.out_shape(module, item_shape(x, meaning))
    check_states(tracer, family, module, name, where, came, step)
    if name not in tracer.cells:
        try:
            cell = family.read(module, where, shape, tracer.dt)
            if name in tracer.begins and family.begin is not None:
                cell = family.begin(cell, tracer.begins[name], where)
            tracer.cells[name] = cell
        except SnnDeployError as problem:
            for finding in problem.findings:
                tracer.note(finding)
            tracer.cells[name] = neurons.Cell(rule=None)  # type: ignore[arg-type]
    tracer.shapes[name], tracer.modules[name] = shape, module
    before = item_shape(x, meaning)
    items = meaning.items if isinstance(meaning, Steps) else (meaning,)
    for k, item in enumerate(items, start=step):
        arrive(tracer, name, item, before, k)
    tracer.calls[name] = last = step + len(items)
    if isinstance(meaning, Steps):
        zeros = torch.zeros(len(items), tracer.batch, *shape, device=x.device)
        every: Meaning = Steps(tuple(Sum((Path(name, k),)) for k in range(step, last)))
    else:
        zeros = torch.zeros(tracer.batch, *shape, device=x.device)
        every = Sum((Path(name, step),))
    emitted = make(tracer, zeros, every, aliased=True)
    states = {
        state: make(tracer, zeros[-1] if family.over_time else zeros, State(name, state, last - 1), aliased=True)
        for state in family.states
    }
    if family.echo:
        states[family.echo] = emitted
    return family.answer(module, emitted, states)


def called(tracer: Tracer, name: str, where: str) -> int:
    """The step of the neuron's next call."""
    if tracer.time == "outside":
        if name in tracer.arrivals[tracer.step]:
            again = tracer.repeats[tracer.step, name] = tracer.repeats.get((tracer.step, name), 1) + 1
            tracer.loops = tracer.loops or again > 2
            tracer.note(
                Finding("SD304", where, "it is called more than once in a step", "give each place a neuron of its own")
            )
        return tracer.step
    step = tracer.calls.get(name, 0)
    if step >= tracer.steps:
        tracer.note(
            Finding(
                "SD304",
                where,
                f"it is called more often than the sample's {tracer.steps} steps",
                "give a sample with one row for each step of the loop, and each place in it a neuron of its own",
            )
        )
        raise Stop
    return step


def arrive(tracer: Tracer, name: str, meaning: Meaning, shape: Shape, step: int) -> None:
    """Notes what arrives at a neuron in a step."""
    cell, path = tracer.cells[name], name
    if isinstance(meaning, State):
        tracer.note(
            Finding(
                "SD302",
                tracer.named(path),
                f"it gets {meaning.name!r}, a state of {meaning.neuron!r}",
                "send it spikes",
            )
        )
    total = at_step(meaning if isinstance(meaning, Sum) else Sum(), step)
    total = through(total, cell.entry, shape, path)
    if cell.feedback is not None:
        before = Sum((Path(name, step - 1),) if step else ())
        back = through(before, cell.feedback, tracer.shapes[name], f"{path}.recurrent")
        total = merge(total, back)
    while len(tracer.arrivals) <= step:
        tracer.arrivals.append({})
    tracer.arrivals[step][name] = total

"""The captured module itself as an engine: one step after the other, watched by forward hooks.

The engine traces the module again before it runs and refuses if the network is not what comes out, so a network that
was changed after its capture (by a pass, or because the module was trained on) is never passed off as its module.
A network without a module of this framework (read from a file, changed by a pass, captured from the other one) is
rebuilt as one, and the trace says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from snndeploy.engines.base import Job, check_options
from snndeploy.engines.trace import Trace
from snndeploy.errors import Finding, SnnDeployError, error
from snndeploy.frontends import capturing, rebuild
from snndeploy.frontends.max_pool import WATCHED
from snndeploy.frontends.neurons import FAMILIES, Family
from snndeploy.frontends.preserve import preserved
from snndeploy.frontends.stepping import Stepping
from snndeploy.frontends.structures import pick
from snndeploy.network.arrays import Array, equal
from snndeploy.network.network import Network, Source

UNSEEN_NOTE = "{} is not recorded: no module shows each of its steps, as a max-pool in functional form"
HEAD_NOTE = "u is not recorded for {}: the module has no neuron there"


def missing(framework: str) -> str | None:
    """None if the package can be imported."""
    for package in ("torch", framework):
        if find_spec(package) is None:
            return f"the package {package} is not installed Fix: pip install {package}"
    return None


def refusals(framework: str, network: Network) -> list[Finding]:
    """The network must still be what its module computes; without one of the framework, it must be one to rebuild."""
    source = network.source
    where = f"engine {framework!r}"
    if source is None or source.framework != framework:
        return rebuild.refusals(framework, network)
    fix = "capture the module again, or use engine 'reference', 'torch' or 'lava'"
    how = source.stepping
    if network.form == "integer" or {*network.input} != {slot.name for slot in how.arguments.slots}:
        return [Finding("SD531", where, "the network was changed after its capture", fix)]
    try:
        now = capturing.trace(source.module, how, network.inputs, network.dt)
    except SnnDeployError as problem:
        what = f"the module can no longer be captured: {problem.findings[0]}"
        return [Finding("SD531", where, what, "undo the change to the module")]
    parts = [
        part
        for part in ("inputs", "populations", "projections", "outputs")
        if not equal(getattr(now, part), getattr(network, part))
    ]
    if parts:
        what = f"the {' and '.join(parts)} differ from what the module computes: one was changed after the capture"
        return [Finding("SD531", where, what, fix)]
    return []


def run(framework: str, job: Job) -> Trace:
    """Runs `job.network.source.module`; a network that has none of this framework is rebuilt first."""
    check_options(framework, job.options, {})
    source = job.network.source
    if source is None or source.framework != framework:
        return run_module(framework, job, *rebuild.build(framework, job.network))
    return run_module(framework, job, source)


def run_module(framework: str, job: Job, source: Source, views: Mapping[str, rebuild.View] | None = None) -> Trace:
    """Runs `source.module` in eval mode from its initial state; leaves it as it was.

    views: how the membranes of a rebuilt module are read; its u is left out where it is not the network's.
    """
    network = job.network
    module, stepping = source.module, source.stepping
    kept: dict[str, dict[str, list[Array]]] = {what: defaultdict(list) for what in ("spikes", "u", "v")}
    dtype, device = _type(module)
    with preserved(module), torch.no_grad():
        handles = _watch(module, network, source.paths, kept, job.record)
        try:
            module.eval()
            for each in module.modules():
                if type(each) in FAMILIES:
                    FAMILIES[type(each)].clear(each)
            do = _steps if stepping.time == "outside" else _whole
            do(framework, module, stepping, dtype, device, kept, job)
        finally:
            for handle in handles:
                handle.remove()
    spikes, u, v = ({name: np.stack(rows) for name, rows in kept[what].items()} for what in ("spikes", "u", "v"))
    modules = [module.get_submodule(path) for path in source.paths.values()]
    notes = [note for each in modules for note in _family(each).notes(each)]
    unseen = [each.name for each in network.populations if each.name not in {*source.paths, *stepping.heads}]
    notes += [UNSEEN_NOTE.format(repr(name)) for name in unseen if views is None]
    if "u" in job.record:
        pools = [name for name, each in zip(source.paths, modules, strict=True) if type(each) in WATCHED]
        notes += [HEAD_NOTE.format(repr(name)) for name in (*stepping.heads, *pools)]
    engine = f"{framework} {version(framework)}"
    if views is not None:
        engine += " (rebuilt)"
        notes += _viewed(views, spikes, u, v)
    arithmetic = str(dtype).removeprefix("torch.")
    told = tuple(dict.fromkeys(notes))
    return Trace(network, engine, arithmetic, job.inputs, spikes, u, v, {}, told, job.raw, converted=views is not None)


def remembers(network: Network, inputs: Mapping[str, Array]) -> list[str]:
    """Populations that a captured module takes up where its last call ended, as no state comes in to tell it.

    Found by calling it twice in a row with the same input; the module is left as it was.
    """
    source = network.source
    if source is None or not source.paths:
        return []
    job = Job(network, dict(inputs), ("spikes", "v"))
    dtype, device = _type(source.module)
    runs: list[dict[str, dict[str, list[Array]]]] = []
    with preserved(source.module), torch.no_grad():
        source.module.eval()
        for each in source.module.modules():
            if type(each) in FAMILIES:
                FAMILIES[type(each)].clear(each)
        for _ in range(2):
            kept: dict[str, dict[str, list[Array]]] = {what: defaultdict(list) for what in ("spikes", "u", "v")}
            handles = _watch(source.module, network, source.paths, kept, job.record)
            try:
                do = _steps if source.stepping.time == "outside" else _whole
                do(source.framework, source.module, source.stepping, dtype, device, kept, job)
            finally:
                for handle in handles:
                    handle.remove()
            runs.append(kept)
    first, second = runs
    return [
        name
        for name in source.paths
        if any(not np.array_equal(first[what][name], second[what][name], equal_nan=True) for what in ("spikes", "v"))
    ]


def _viewed(
    views: Mapping[str, rebuild.View], spikes: Mapping[str, Array], u: dict[str, Array], v: dict[str, Array]
) -> list[str]:
    """Membranes of a rebuilt module as those of its network, in place."""
    notes = []
    for name, view in views.items():
        if name in v and (np.any(view.shift) or np.any(view.jump)):
            v[name] = v[name] + view.shift + (view.jump * spikes[name] if np.any(view.jump) else 0.0)
        if not view.current and u.pop(name, None) is not None:
            notes.append(f"u is not recorded for {name!r}: the rebuilt neuron holds it in other units")
        if not view.membrane and v.pop(name, None) is not None:
            notes.append(f"v is not recorded for {name!r}: the rebuilt neuron resets a step earlier, and rests")
    return notes


def _tensor(array: Array, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    return torch.as_tensor(np.ascontiguousarray(array), dtype=dtype, device=device)


def _type(module: torch.nn.Module) -> tuple[torch.dtype, torch.device]:
    first = next(iter(module.parameters()), None)
    return (torch.float32, torch.device("cpu")) if first is None else (first.dtype, first.device)


def _steps(
    framework: str,
    module: torch.nn.Module,
    stepping: Stepping,
    dtype: torch.dtype,
    device: torch.device,
    kept: dict[str, dict[str, list[Array]]],
    job: Job,
) -> None:
    steps, batch = next(iter(job.inputs.values())).shape[:2]
    states: dict[str, Any] = {
        name: None if shape is None else torch.zeros(batch, *shape, dtype=dtype, device=device)
        for name, shape in stepping.starts.items()
    }
    for t in range(steps):
        frames = {name: _tensor(array[t], dtype, device) for name, array in job.inputs.items()}
        args, named = stepping.arguments.call(frames)
        try:
            result = module(*args, **named, **states)
        except Exception as problem:
            text = str(problem).split("\n")[0][:200]
            raise error(
                "SD532",
                f"engine {framework!r}, step {t}",
                f"the module raises {type(problem).__name__}: {text}",
                f"it was captured with {stepping.batch} samples and runs with {batch}; forward must take any batch"
                if batch != stepping.batch
                else "run the module itself for some steps, as its own loop does",
            ) from None
        states = {argument: pick(result, place) for argument, place in stepping.feeds.items()}
        for name, place in stepping.heads.items():
            if "v" in job.record:
                kept["v"][name].append(pick(result, place).detach().cpu().numpy())
        job.progress(t + 1, steps)


def _whole(
    framework: str,
    module: torch.nn.Module,
    stepping: Stepping,
    dtype: torch.dtype,
    device: torch.device,
    kept: dict[str, dict[str, list[Array]]],
    job: Job,
) -> None:
    """A module that holds the loop over time is called once."""
    where, steps = f"engine {framework!r}", len(next(iter(job.inputs.values())))
    tensors = {}
    for name, array in job.inputs.items():
        held = name in stepping.held
        if held and (array != array[:1]).any():
            late = int(np.argmax((array != array[:1]).reshape(steps, -1).any(axis=1)))
            of = "the input" if len(job.inputs) == 1 else f"the input {name!r}"
            what = f"step {late} of {of} differs from step 0, and the module shows its first frame in every step"
            raise error("SD533", where, what, "repeat one frame, or use engine 'reference', 'torch' or 'lava'")
        seen = array[0] if held else array.swapaxes(0, 1) if stepping.time == "batch-first" else array
        tensors[name] = _tensor(seen, dtype, device)
    args, named = stepping.arguments.call(tensors)
    try:
        result = module(*args, **named)
    except Exception as problem:
        text = str(problem).split("\n")[0][:200]
        what = f"the module raises {type(problem).__name__}: {text}"
        fix = f"it was captured with {stepping.steps} steps and {stepping.batch} samples"
        raise error("SD532", where, what, fix) from None
    for name, place in stepping.heads.items():
        if "v" in job.record:
            value = pick(result, place)
            value = torch.stack(value) if isinstance(value, list) else value.movedim(stepping.axes[name], 0)
            kept["v"][name] = list(value.detach().cpu().numpy())
    counts = {len(rows) for rows in kept["spikes"].values()} | {len(rows) for rows in kept["v"].values()}
    if counts - {steps}:
        what = f"the module did {max(counts - {steps})} steps for an input of {steps}"
        raise error("SD533", where, what, f"give it {stepping.steps} steps, as it was captured with")
    job.progress(steps, steps)


def _family(module: torch.nn.Module) -> Family:
    return FAMILIES.get(type(module)) or WATCHED[type(module)]


def _watch(
    module: torch.nn.Module,
    network: Network,
    paths: Mapping[str, str],
    kept: dict[str, dict[str, list[Array]]],
    record: tuple[str, ...],
) -> list[Any]:
    """Hooks on every neuron that keep what was asked for."""
    handles: list[Any] = []
    for name, path in paths.items():
        neuron = module.get_submodule(path)
        family = _family(neuron)
        memory: dict[str, Any] = {}

        def ahead(each: Any, args: Any, kwargs: Any, *, family: Any, memory: dict[str, Any]) -> None:
            memory["before"] = family.before(each, args, kwargs)

        def behind(each: Any, args: Any, kwargs: Any, output: Any, *, name: str, family: Any, memory: Any) -> None:
            del args, kwargs
            seen = family.seen(each, memory.pop("before"), output)
            if network.population[name].rule.spiking and "spikes" in record:
                fired = (seen.emitted != 0).cpu().numpy()
                kept["spikes"][name] += list(fired) if family.over_time else [fired]
            for what, tensor in (("u", seen.u), ("v", seen.v)):
                if what in record and tensor is not None:
                    values = tensor.detach().cpu().numpy().copy()
                    kept[what][name] += list(values) if family.over_time else [values]

        handles.append(neuron.register_forward_pre_hook(partial(ahead, family=family, memory=memory), with_kwargs=True))
        handles.append(
            neuron.register_forward_hook(partial(behind, name=name, family=family, memory=memory), with_kwargs=True)
        )
    return handles

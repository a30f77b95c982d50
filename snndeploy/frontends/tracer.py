"""Runs a module on values instead of numbers, step by step, and notes what arrives at each neuron.

Every submodule's forward is wrapped for the time of the trace: layers and neurons (by exact class) are interpreted,
modules of the user are descended into, everything else is refused by name. Three steps are traced: the first starts
from the initial state, the others from what the step before returned, so delays and lost states show. A module with
the loop over time inside is called once, for all steps of the sample; a neuron's calls count its steps.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path as FilePath
from types import FrameType
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import nn

from snndeploy.errors import Finding, SnnDeployError
from snndeploy.frontends import layers, neurons
from snndeploy.frontends.max_pool import POOLS, TWO_WAYS, gate, windows
from snndeploy.frontends.operations import operation
from snndeploy.frontends.value import (
    Affine,
    Meaning,
    Path,
    State,
    Steps,
    Sum,
    Unknown,
    Value,
    at_step,
    each_step,
    item_shape,
    make,
    plain,
    through,
)
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Shape

STEPS = 3
# Where the loop over time is. "outside": forward does one step. "inside": forward gets (time, batch, *shape) and does
# them all. "held": forward gets one frame (batch, *shape) and shows it to the network in every step.
Time = Literal["outside", "inside", "held"]
# stands for all states of a neuron in one structure
WHOLE = "state"
OURS = str(FilePath(__file__).parent)
FOREIGN = {"torch", "torchvision", "snntorch", "norse"}


class Missing:
    """Stands for an argument of forward whose owner is not known yet: the neuron that takes it claims it."""

    def __init__(self, argument: str):
        self.argument = argument

    def unclaimed(self, where: str) -> Finding:
        return Finding(
            "SD305",
            where,
            f"the first value of forward's argument {self.argument!r} is not known",
            "give it the default None, and let forward start from zeros where it is None",
        )

    def __getitem__(self, place: Any) -> Any:
        raise SnnDeployError(self.unclaimed("forward"))

    def __iter__(self) -> Any:
        raise SnnDeployError(self.unclaimed("forward"))


class Stop(Exception):
    """Nothing more can be found out."""


class Tracer:
    """One trace. `arrivals[step][neuron]` is what arrived; `findings` is all that was refused."""

    def __init__(self, module: nn.Module, dt: float, batch: int, time: Time = "outside", steps: int = STEPS):
        self.module, self.dt, self.batch, self.time, self.steps = module, dt, batch, time, steps
        self.step = 0
        # steps of a trace from outside; a module that keeps what it emitted for longer says so
        self.shown = max(STEPS, 1 + int(getattr(module, "longest_delay", 0)))
        # how often each neuron was called in this call of the module
        self.calls: dict[str, int] = {}
        self.repeats: dict[tuple[int, str], int] = {}
        # forward indexed its input, or called a neuron several times
        self.loops = False
        self.affines: dict[tuple[str, Shape], Affine] = {}
        # (path of a max-pool, what it pools) -> its population; inputs that hold zeros and ones
        self.pools: dict[tuple[str, str], str] = {}
        self.binary: set[str] = set()
        self.constants = {id(p) for m in module.modules() if type(m) not in neurons.FAMILIES for p in _own(m)}
        self.stack: list[str] = []
        self.findings: list[Finding] = []
        self.arrivals: list[dict[str, Sum]] = []
        self.cells: dict[str, neurons.Cell] = {}
        self.shapes: dict[str, Shape] = {}
        self.modules: dict[str, nn.Module] = {}
        # argument of forward -> (neuron, state), claimed in the first step
        self.claims: dict[str, tuple[str, str]] = {}
        # neuron -> state -> what it starts from, the same in every sample, where that is not zero
        self.begins: dict[str, dict[str, Array]] = {}

    # findings

    def refuse(self, code: str, what: str, fix: str = "", where: str = "") -> None:
        """Notes a finding once, at the module and the line that are being executed."""
        if not where:
            where = self.named(self.stack[-1] if self.stack else "")
            line = user_line()
            where = f"{where}, {line}" if line else where
        self.note(Finding(code, where, what, fix))

    def note(self, finding: Finding) -> None:
        if all((f.code, f.where, f.what) != (finding.code, finding.where, finding.what) for f in self.findings):
            self.findings.append(finding)

    def named(self, path: str) -> str:
        return f"module {path!r}" if path else f"module {type(self.module).__name__}"

    # values

    def unknown(self, result: Any) -> Any:
        def wrap(leaf: Any) -> Any:
            return make(self, leaf, Unknown()) if isinstance(leaf, torch.Tensor) else leaf

        return torch.utils._pytree.tree_map(wrap, result)

    def like(self, value: Value, result: torch.Tensor) -> Value:
        """The same meaning in another tensor, which may share its memory."""
        new = make(self, result, value.meaning)
        new.aliased = value.aliased = True
        return new

    def is_silence(self, tensor: torch.Tensor) -> bool:
        """A tensor of zeros that stands for what was emitted before the first step."""
        if id(tensor) in self.constants or (self.time == "outside" and self.step == self.shown - 1):
            return False
        return not bool(torch.count_nonzero(tensor))

    def operation(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return operation(self, func, args, kwargs)

    # modules

    def wrap(self, path: str, module: nn.Module) -> Callable[..., Any]:
        """What replaces the module's forward."""
        kind = type(module)
        where = self.named(path)
        known = kind in POOLS or kind in neurons.FAMILIES or kind in layers.LAYERS
        holds = kind in neurons.CONTAINERS or isinstance(module, tuple(layers.CONTAINERS))
        parent = next((c for c in kind.__mro__[1:] if c in neurons.FAMILIES or c in layers.LAYERS), None)
        base = next((c for c in kind.__mro__ if c in neurons.BASES), None)
        foreign = kind.__module__.split(".")[0] in FOREIGN
        if not known and not holds and (parent is not None or base is not None or foreign):
            return lambda *args, **kwargs: self.stranger(path, module, parent, args, kwargs)
        if "forward" in module.__dict__:
            self.note(
                Finding("SD308", where, "its forward was replaced on the instance", "use the class's own forward")
            )
        if kind in POOLS:
            return lambda *args, **kwargs: self.max_pool(path, module, args, kwargs)
        if kind in neurons.FAMILIES:
            return lambda *args, **kwargs: self.neuron(path, module, args, kwargs)
        if kind in layers.LAYERS:
            return lambda *args, **kwargs: self.layer(path, module, args, kwargs)
        return self.descend(path, module)

    def descend(self, path: str, module: nn.Module) -> Callable[..., Any]:
        forward = type(module).forward

        def run(*args: Any, **kwargs: Any) -> Any:
            self.stack.append(path)
            try:
                return forward(module, *args, **kwargs)
            finally:
                self.stack.pop()

        return run

    def stranger(
        self, path: str, module: nn.Module, parent: type | None, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """A module that is not known: refused by name, then run on plain tensors to find out what else is wrong."""
        name = type(module).__name__
        refusal = neurons.REFUSED.get(type(module))
        if refusal is not None:
            what, fix = f"{name} is not supported: {refusal.what}", refusal.fix
        elif parent is not None:
            what = f"{name} is a subclass of {parent.__name__} and may compute something else"
            fix = f"use {parent.__name__} itself" + (
                ", after torch.nn.utils.parametrize.remove_parametrizations" if name.startswith("Parametrized") else ""
            )
        else:
            what = f"{type(module).__module__.split('.')[0]}'s {name} is not supported"
            fix = neurons.NOT_NEURONS.get(type(module)) or STRANGERS.get(name, "supported are " + supported())
        self.note(Finding("SD301", self.named(path), what, fix))
        try:
            twin = copy.deepcopy(module)
            for each in twin.modules():
                each.__dict__.pop("forward", None)
            return self.unknown(type(twin).forward(twin, *plain(args), **plain(kwargs)))
        except Exception as problem:
            raise Stop from problem

    def entering(self, path: str, given: Any, what: str) -> tuple[torch.Tensor, Meaning]:
        """A tensor that enters a layer or a neuron, and its meaning."""
        if isinstance(given, Value):
            return plain(given), given.meaning
        if isinstance(given, Missing):
            self.note(given.unclaimed(self.named(path)))
            raise Stop
        if not isinstance(given, torch.Tensor):
            self.refuse("SD312", f"{what} {path!r} gets a {type(given).__name__}, not a tensor", _tuple_fix(given))
            raise Stop
        if self.is_silence(given):
            return given, Sum(silent=True)
        self.note(
            Finding(
                "SD303", self.named(path), "a tensor that does not come from the input enters it", "pass it as input"
            )
        )
        return given, Unknown()

    def layer(self, path: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = next(iter((*args, *kwargs.values())), None)
        x, meaning = self.entering(path, given, type(module).__name__)
        with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
            result = type(module).forward(module, x)
        shape, where = item_shape(x, meaning), self.named(path)
        if isinstance(meaning, Steps) and (meaning.axis >= 0 or meaning.total) and type(module) not in layers.LAST_AXIS:
            if type(module) is nn.Flatten:
                return self.operation(torch.flatten, (given, module.start_dim, module.end_dim), {})
            self.loops = True
            self.refuse(
                "SD302",
                f"{type(module).__name__} {path!r} gets all steps in one tensor of {tuple(x.shape)}",
                "call it inside the loop over time, or merge time and batch first: x.flatten(0, 1)",
            )
            return self.unknown(result)
        try:
            if (path, shape) not in self.affines:
                self.affines[path, shape] = layers.LAYERS[type(module)](module, where, shape)
            affine = self.affines[path, shape]
        except SnnDeployError as problem:
            for finding in problem.findings:
                self.note(finding)
            return self.unknown(result)
        if isinstance(meaning, Unknown):
            return self.unknown(result)
        state = next((m for m in getattr(meaning, "items", (meaning,)) if isinstance(m, State)), None)
        if state is not None:
            self.note(
                Finding(
                    "SD302",
                    where,
                    f"it gets {state.name!r}, a state of {state.neuron!r}",
                    "send it what the neuron returns first",
                )
            )
            return self.unknown(result)
        if not affine.maps and affine.constant is None and isinstance(given, Value):
            return given
        value = make(self, result, each_step(lambda total: through(total, affine, shape, path), meaning))
        if isinstance(given, Value) and not any(each.weighted for each in affine.maps):
            given.aliased = value.aliased = True
        return value

    def max_pool(self, path: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A population that ors the spikes of each window; each neuron that is pooled gets one of its own."""
        x, meaning = self.entering(path, next(iter((*args, *kwargs.values())), None), type(module).__name__)
        shape, where = item_shape(x, meaning), self.named(path)
        with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
            result = type(module).forward(module, x)
        if isinstance(meaning, Unknown) or (isinstance(meaning, Sum) and self.refused(meaning.bare)):
            return self.unknown(result)
        source = meaning.bare if isinstance(meaning, Sum) else None
        step = meaning.paths[0].step if isinstance(meaning, Sum) and source else None
        cell = self.cells.get(source or "")
        if isinstance(meaning, Sum) and meaning.silent and not meaning.paths and meaning.constant is None:
            return make(self, result, meaning)
        spikes = cell is not None and cell.rule is not None and cell.rule.spiking
        rule = gate(cell.rule.value) if cell is not None and spikes else None
        if source in self.binary and step is not None:
            rule = gate(np.asarray(1.0))
        if rule is None or source is None or step is None:
            what = f"{type(module).__name__} takes the maximum of values that are not the spikes of one neuron"
            self.note(Finding("SD302", where, what, TWO_WAYS))
            return self.unknown(result)
        try:
            maps = windows(module, where, shape)
        except SnnDeployError as problem:
            for finding in problem.findings:
                self.note(finding)
            return self.unknown(result)
        name = self.pools.setdefault((path, source), path if path not in self.cells else f"{path}.{source}")
        self.cells[name], self.shapes[name] = neurons.Cell(rule), tuple(result.shape[1:])
        self.arrivals += [{} for _ in range(step + 1 - len(self.arrivals))]
        if name not in self.arrivals[step]:
            self.arrivals[step][name] = through(cast(Sum, meaning), Affine(maps), shape, path)
            self.calls[name] = self.calls.get(name, 0) + 1
        return make(self, torch.zeros_like(result), Sum((Path(name, step),)), aliased=True)

    def refused(self, name: str | None) -> bool:
        """True for a neuron whose settings were refused."""
        return name in self.cells and self.cells[name].rule is None

    def neuron(self, path: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        family, name = neurons.FAMILIES[type(module)], path or type(module).__name__.lower()
        where = self.named(path)
        given, came = family.given(args, kwargs)
        x, meaning = self.entering(path, given, type(module).__name__)
        step = self.called(name, where)
        if isinstance(meaning, Steps) != family.over_time:
            self.loops = True
            self.refuse(
                "SD302",
                f"{type(module).__name__} {path!r} gets "
                + ("one step" if family.over_time else f"all steps in one tensor of {tuple(x.shape)}"),
                "let forward take all steps: x of shape (time, batch, *shape)"
                if family.over_time
                else "call it once per step, on x[step]",
            )
            raise Stop
        shape = family.out_shape(module, item_shape(x, meaning))
        self.check_states(family, module, name, where, came, step)
        if name not in self.cells:
            try:
                cell = family.read(module, where, shape, self.dt)
                if name in self.begins and family.begin is not None:
                    cell = family.begin(cell, self.begins[name], where)
                self.cells[name] = cell
            except SnnDeployError as problem:
                for finding in problem.findings:
                    self.note(finding)
                self.cells[name] = neurons.Cell(rule=None)  # type: ignore[arg-type]
        self.shapes[name], self.modules[name] = shape, module
        entering = item_shape(x, meaning)
        items = meaning.items if isinstance(meaning, Steps) else (meaning,)
        for k, item in enumerate(items, start=step):
            self.arrive(name, item, entering, k)
        self.calls[name] = last = step + len(items)
        if isinstance(meaning, Steps):
            zeros = torch.zeros(len(items), self.batch, *shape, device=x.device)
            every: Meaning = Steps(tuple(Sum((Path(name, k),)) for k in range(step, last)))
        else:
            zeros = torch.zeros(self.batch, *shape, device=x.device)
            every = Sum((Path(name, step),))
        emitted = make(self, zeros, every, aliased=True)
        states = {
            state: make(self, zeros[-1] if family.over_time else zeros, State(name, state, last - 1), aliased=True)
            for state in family.states
        }
        if family.echo:
            states[family.echo] = emitted
        return family.answer(module, emitted, states)

    def called(self, name: str, where: str) -> int:
        """The step of the neuron's next call."""
        if self.time == "outside":
            if name in self.arrivals[self.step]:
                again = self.repeats[self.step, name] = self.repeats.get((self.step, name), 1) + 1
                self.loops = self.loops or again > 2
                self.note(
                    Finding(
                        "SD304", where, "it is called more than once in a step", "give each place a neuron of its own"
                    )
                )
            return self.step
        step = self.calls.get(name, 0)
        if step >= self.steps:
            self.note(
                Finding(
                    "SD304",
                    where,
                    f"it is called more often than the sample's {self.steps} steps",
                    "give a sample with one row for each step of the loop, and each place in it a neuron of its own",
                )
            )
            raise Stop
        return step

    def arrive(self, name: str, meaning: Meaning, shape: Shape, step: int) -> None:
        """Notes what arrives at a neuron in a step."""
        cell, path = self.cells[name], name
        if isinstance(meaning, State):
            self.note(
                Finding(
                    "SD302",
                    self.named(path),
                    f"it gets {meaning.name!r}, a state of {meaning.neuron!r}",
                    "send it spikes",
                )
            )
        total = at_step(meaning if isinstance(meaning, Sum) else Sum(), step)
        total = through(total, cell.entry, shape, path)
        if cell.feedback is not None:
            before = Sum((Path(name, step - 1),) if step else ())
            back = through(before, cell.feedback, self.shapes[name], f"{path}.recurrent")
            constants = [c for c in (total.constant, back.constant) if c is not None]
            total = replace(
                total,
                paths=total.paths + back.paths,
                constant=sum(constants) if constants else None,  # type: ignore[arg-type]
            )
        while len(self.arrivals) <= step:
            self.arrivals.append({})
        self.arrivals[step][name] = total

    def check_states(
        self, family: neurons.Family, module: nn.Module, name: str, where: str, came: dict[str, Any], now: int
    ) -> None:
        """Each neuron must get its own states of the step before."""
        fix = "return the new state from forward and take it as an argument in the next step"
        for state, given in came.items():
            if isinstance(given, Missing):
                self.claims[given.argument] = (name, WHOLE if family.packed else state)
            elif given is None:
                if now > 0 and not family.remembers(module):
                    self.note(
                        Finding("SD305", where, f"its {state!r} is dropped, so it starts anew at every step", fix)
                    )
            elif isinstance(given, Value):
                meaning = given.meaning
                own = isinstance(meaning, State) and (meaning.neuron, meaning.name) == (name, state)
                own = own or (state == family.echo and isinstance(meaning, Sum) and meaning.bare == name)
                step = meaning.step if isinstance(meaning, State) else now - 1
                if not own and not isinstance(meaning, Unknown):
                    other = f"{meaning.name!r} of {meaning.neuron!r}" if isinstance(meaning, State) else "another value"
                    self.note(Finding("SD305", where, f"as its {state!r} it gets {other}", fix))
                elif own and step != now - 1:
                    self.note(Finding("SD305", where, f"its {state!r} is not that of the step before", fix))
            elif isinstance(given, torch.Tensor) and now == 0 and not bool(torch.count_nonzero(given)):
                continue
            elif isinstance(given, torch.Tensor) and now == 0 and family.begin is not None and is_one_row(given):
                self.begins.setdefault(name, {})[state] = layers.numbers(given[0])
            elif isinstance(given, torch.Tensor):
                what = "set anew at every step" if now else "not zero before the first step"
                self.note(Finding("SD305", where, f"its {state!r} is {what}", fix))


def is_one_row(given: torch.Tensor) -> bool:
    """The same in every sample."""
    return given.ndim > 0 and bool((given == given[:1]).all())


def _own(module: nn.Module) -> list[torch.Tensor]:
    """Parameters and buffers of a module itself."""
    return [*module.parameters(recurse=False), *module.buffers(recurse=False)]


def _tuple_fix(given: Any) -> str:
    if isinstance(given, tuple):
        return "take the first of what the neuron returns, or build it with init_hidden=True and output=False"
    return "pass the tensor"


def user_line() -> str:
    """ "file.py line 12" of the innermost frame that belongs to the user."""
    frame: FrameType | None = sys._getframe(1)
    torch_home = str(FilePath(torch.__file__).parent)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((OURS, torch_home, "<")) and "contextlib" not in name:
            return f"{FilePath(name).name} line {frame.f_lineno}"
        frame = frame.f_back
    return ""


STRANGERS = {
    "ReLU": "use a spiking neuron, or leave it out",
    "OptimizedModule": "capture the module as it was before torch.compile: module._orig_mod",
    "DataParallel": "capture what it holds: module.module",
}


def supported() -> str:
    """Every class that a trace understands, by name."""
    classes = [*layers.LAYERS, *neurons.FAMILIES, *layers.CONTAINERS, *neurons.CONTAINERS]
    return ", ".join(sorted({c.__name__ for c in classes}))

"""Runs a module on values instead of numbers, step by step, and notes what arrives at each neuron.

Every submodule's forward is wrapped for the time of the trace: layers and neurons (by exact class) are interpreted,
modules of the user are descended into, everything else is refused by name. Three steps are traced: the first starts
from the initial state, the others from what the step before returned, so delays and lost states show.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from pathlib import Path as FilePath
from types import FrameType
from typing import Any

import torch
from torch import nn

from snndeploy.errors import Finding, SnnDeployError
from snndeploy.frontends import layers, neurons
from snndeploy.frontends.operations import operation
from snndeploy.frontends.value import Meaning, Path, State, Sum, Unknown, Value, make, plain, through
from snndeploy.network.maps import Shape

STEPS = 3
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

    def __init__(self, module: nn.Module, dt: float, batch: int):
        self.module, self.dt, self.batch = module, dt, batch
        self.step = 0
        self.stack: list[str] = []
        self.findings: list[Finding] = []
        self.arrivals: list[dict[str, Sum]] = []
        self.cells: dict[str, neurons.Cell] = {}
        self.shapes: dict[str, Shape] = {}
        self.modules: dict[str, nn.Module] = {}
        # argument of forward -> (neuron, state), claimed in the first step
        self.claims: dict[str, tuple[str, str]] = {}

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
        if isinstance(tensor, nn.Parameter) or self.step == STEPS - 1:
            return False
        return not bool(torch.count_nonzero(tensor))

    def operation(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return operation(self, func, args, kwargs)

    # modules

    def wrap(self, path: str, module: nn.Module) -> Callable[..., Any]:
        """What replaces the module's forward."""
        kind = type(module)
        where = self.named(path)
        known = kind in neurons.FAMILIES or kind in layers.LAYERS
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
            return given, Sum()
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
        shape, where = tuple(x.shape[1:]), self.named(path)
        try:
            affine = layers.LAYERS[type(module)](module, where, shape)
        except SnnDeployError as problem:
            for finding in problem.findings:
                self.note(finding)
            return self.unknown(result)
        if isinstance(meaning, Unknown):
            return self.unknown(result)
        if isinstance(meaning, State):
            self.note(
                Finding(
                    "SD302",
                    where,
                    f"it gets {meaning.name!r}, a state of {meaning.neuron!r}",
                    "send it what the neuron returns first",
                )
            )
            return self.unknown(result)
        if not affine.maps and affine.constant is None and isinstance(given, Value):
            return given
        value = make(self, result, through(meaning, affine, shape, path))
        if isinstance(given, Value) and not any(each.weighted for each in affine.maps):
            given.aliased = value.aliased = True
        return value

    def neuron(self, path: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        family, name = neurons.FAMILIES[type(module)], path or type(module).__name__.lower()
        where = self.named(path)
        given, came = family.given(args, kwargs)
        x, meaning = self.entering(path, given, type(module).__name__)
        arrivals = self.arrivals[self.step]
        if name in arrivals:
            self.note(
                Finding("SD304", where, "it is called more than once in a step", "give each place a neuron of its own")
            )
        shape = family.out_shape(module, tuple(x.shape[1:]))
        self.check_states(family, module, name, where, came)
        if name not in self.cells:
            try:
                self.cells[name] = family.read(module, where, shape, self.dt)
            except SnnDeployError as problem:
                for finding in problem.findings:
                    self.note(finding)
                self.cells[name] = neurons.Cell(rule=None)  # type: ignore[arg-type]
        self.shapes[name], self.modules[name] = shape, module
        cell = self.cells[name]
        if isinstance(meaning, State):
            self.note(
                Finding("SD302", where, f"it gets {meaning.name!r}, a state of {meaning.neuron!r}", "send it spikes")
            )
        total = meaning if isinstance(meaning, Sum) else Sum()
        total = through(total, cell.entry, tuple(x.shape[1:]), path)
        if cell.feedback is not None:
            before = Sum((Path(name, self.step - 1),) if self.step else ())
            back = through(before, cell.feedback, shape, f"{path}.recurrent")
            constants = [c for c in (total.constant, back.constant) if c is not None]
            total = Sum(total.paths + back.paths, sum(constants) if constants else None)  # type: ignore[arg-type]
        arrivals[name] = total
        zeros = torch.zeros(self.batch, *shape, device=x.device)
        emitted = make(self, zeros, Sum((Path(name, self.step),)), aliased=True)
        states = {state: make(self, zeros, State(name, state, self.step), aliased=True) for state in family.states}
        if family.echo:
            states[family.echo] = emitted
        return family.answer(module, emitted, states)

    def check_states(
        self, family: neurons.Family, module: nn.Module, name: str, where: str, came: dict[str, Any]
    ) -> None:
        """Each neuron must get its own states of the step before."""
        fix = "return the new state from forward and take it as an argument in the next step"
        for state, given in came.items():
            if isinstance(given, Missing):
                self.claims[given.argument] = (name, WHOLE if family.packed else state)
            elif given is None:
                if self.step > 0 and not family.remembers(module):
                    self.note(
                        Finding("SD305", where, f"its {state!r} is dropped, so it starts anew at every step", fix)
                    )
            elif isinstance(given, Value):
                meaning = given.meaning
                own = isinstance(meaning, State) and (meaning.neuron, meaning.name) == (name, state)
                own = own or (state == family.echo and isinstance(meaning, Sum) and meaning.bare == name)
                step = meaning.step if isinstance(meaning, State) else self.step - 1
                if not own and not isinstance(meaning, Unknown):
                    other = f"{meaning.name!r} of {meaning.neuron!r}" if isinstance(meaning, State) else "another value"
                    self.note(Finding("SD305", where, f"as its {state!r} it gets {other}", fix))
                elif own and step != self.step - 1:
                    self.note(Finding("SD305", where, f"its {state!r} is not that of the step before", fix))
            elif isinstance(given, torch.Tensor) and self.step == 0 and not bool(torch.count_nonzero(given)):
                continue
            elif isinstance(given, torch.Tensor):
                what = "set anew at every step" if self.step else "not zero before the first step"
                self.note(Finding("SD305", where, f"its {state!r} is {what}", fix))


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
    "MaxPool2d": "use nn.AvgPool2d, which is linear",
    "ReLU": "use a spiking neuron, or leave it out",
    "OptimizedModule": "capture the module as it was before torch.compile: module._orig_mod",
    "DataParallel": "capture what it holds: module.module",
    "Lift": "use modules over one step without Lift; capture does the time loop",
}


def supported() -> str:
    """Every class that a trace understands, by name."""
    classes = [*layers.LAYERS, *neurons.FAMILIES, *layers.CONTAINERS, *neurons.CONTAINERS]
    return ", ".join(sorted({c.__name__ for c in classes}))

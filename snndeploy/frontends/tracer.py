"""Runs a module on values instead of numbers, step by step, and notes what arrives at each neuron.

Every submodule's forward is wrapped for the time of the trace: layers and neurons (by exact class) are interpreted,
modules of the user are descended into, everything else is refused by name. Three steps are traced: the first starts
from the initial state, the others from what the step before returned, so delays and lost states show. A module with
the loop over time inside is called once, for all steps of the sample; a neuron's calls count its steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import torch
from torch import nn

from snndeploy.errors import Finding, SnnDeployError
from snndeploy.frontends import layers, neurons
from snndeploy.frontends.arguments import Arguments
from snndeploy.frontends.constants import Constants
from snndeploy.frontends.layer_calls import call_layer
from snndeploy.frontends.max_pool import POOLS, call_pool
from snndeploy.frontends.neuron_calls import call_neuron
from snndeploy.frontends.operations import operation
from snndeploy.frontends.states import Missing
from snndeploy.frontends.strangers import FOREIGN, stranger
from snndeploy.frontends.user_code import user_line
from snndeploy.frontends.value import Affine, Sum, Unknown, Value, make
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Shape
from snndeploy.network.network import Input

STEPS = 3
# Where the loop over time is. "outside": forward does one step. "inside": forward gets (time, batch, *shape) and does
# them all. "batch-first": the same, of (batch, time, *shape). "held": forward gets one frame (batch, *shape) and shows
# it to the network in every step.
Time = Literal["outside", "inside", "batch-first", "held"]


class Tracer:
    """One trace. `arrivals[step][neuron]` is what arrived; `findings` is all that was refused."""

    def __init__(
        self,
        module: nn.Module,
        arguments: Arguments,
        inputs: Mapping[str, Input],
        dt: float,
        batch: int,
        time: Time = "outside",
        steps: int = STEPS,
        held: frozenset[str] = frozenset(),
    ):
        self.module, self.dt, self.batch, self.time, self.steps = module, dt, batch, time, steps
        self.arguments, self.inputs = arguments, inputs
        # inputs of which forward gets one frame that it shows in every step, where others come with all steps
        self.held = frozenset(inputs) if time == "held" else held
        # arguments of forward that came from the step before, and were used
        self.used: set[str] = set()
        self.step = 0
        # steps of a trace from outside; a module that keeps what it emitted for longer says so
        self.shown = max(STEPS, 1 + int(getattr(module, "longest_delay", 0)))
        # how often each neuron was called in this call of the module
        self.calls: dict[str, int] = {}
        self.repeats: dict[tuple[int, str], int] = {}
        # a neuron was called several times in a step; the axis of time was taken apart
        self.loops = self.took = False
        self.affines: dict[tuple[str, Shape], Affine] = {}
        # (path of a max-pool, what it pools) -> its populations, with what each got in which step
        self.pools: dict[tuple[str, str], list[tuple[str, dict[int, Sum]]]] = {}
        # path of a max-pool -> its populations; "" where a call shows something else than one step of one of them
        self.pooled: dict[str, set[str]] = {}
        self.constants = Constants(_named(module))
        self.stack: list[str] = []
        self.findings: list[Finding] = []
        self.arrivals: list[dict[str, Sum]] = []
        self.cells: dict[str, neurons.Cell] = {}
        self.shapes: dict[str, Shape] = {}
        self.modules: dict[str, nn.Module] = {}
        # argument of forward -> (neuron, state), claimed in the first step
        self.claims: dict[str, tuple[str, str]] = {}
        # the same of all arguments that can be states, found by a call of its own
        self.owners: dict[str, tuple[str, str]] = {}
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
        new.lone = value.lone
        new.aliased = value.aliased = True
        return new

    def is_silence(self, tensor: torch.Tensor) -> bool:
        """A tensor of zeros that stands for what was emitted before the first step."""
        if id(tensor) in self.constants.ids or (self.time == "outside" and self.step == self.shown - 1):
            return False
        return not bool(torch.count_nonzero(tensor))

    def use(self, given: Any) -> None:
        """Notes whose arguments' values are used. Raises SD305 if one of them is not known yet."""
        for leaf in torch.utils._pytree.tree_leaves(given):
            if isinstance(leaf, Missing):
                raise SnnDeployError(leaf.unclaimed(self.named("")))
            if isinstance(leaf, Value) and leaf.fed:
                self.used.add(leaf.fed)

    def operation(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.use((args, kwargs))
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
            return lambda *args, **kwargs: stranger(self, path, module, parent, args, kwargs)
        if "forward" in module.__dict__:
            self.note(
                Finding("SD308", where, "its forward was replaced on the instance", "use the class's own forward")
            )
        if kind in POOLS:
            return lambda *args, **kwargs: call_pool(self, path, module, args, kwargs)
        if kind in neurons.FAMILIES:
            return lambda *args, **kwargs: call_neuron(self, path, module, args, kwargs)
        if kind in layers.LAYERS:
            return lambda *args, **kwargs: call_layer(self, path, module, args, kwargs)
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


def _named(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Parameters and buffers by path, but those of neurons."""
    for path, each in module.named_modules():
        if type(each) not in neurons.FAMILIES:
            for name, tensor in (*each.named_parameters(recurse=False), *each.named_buffers(recurse=False)):
                yield f"{path}.{name}" if path else name, tensor

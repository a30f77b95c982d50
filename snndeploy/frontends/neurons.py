"""The neurons that a trace understands, by exact class: what a family has to tell, and the one list of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import torch

from snndeploy.frontends.value import Affine
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Shape
from snndeploy.network.rule import Rule


@dataclass(frozen=True, eq=False)
class Cell:
    """One neuron module, read.

    Attributes:
        rule: without the constants of the layers before it; they go to receptor 0.
        entry: what the module itself does to its input.
        feedback: what the module does to its own spikes of the step before; None without recurrence.
        receptors: those that everything that arrives goes to.
    """

    rule: Rule
    entry: Affine = field(default_factory=Affine)
    feedback: Affine | None = None
    receptors: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Seen:
    """What one call of a neuron module showed: float tensors (batch, *shape); u or v None where not exact."""

    emitted: torch.Tensor
    u: torch.Tensor | None
    v: torch.Tensor | None


class Family:
    """What one class of neurons means. One instance per class is registered; see the subclasses per framework."""

    framework: str
    cls: type
    # names of the state variables, in the order in which the framework passes them
    states: tuple[str, ...]
    # the state variable that is what the neuron emitted, in recurrent neurons
    echo: str = ""
    # (cell, state -> first value, where) -> the cell that starts there; None: states of this family start at zero
    begin: Callable[[Cell, Mapping[str, Array], str], Cell] | None = None
    # True if the states come and go as one structure, which is None before the first step
    packed = False
    # True if one call takes all steps: (time, batch, *shape); `seen` then shows them all, time first
    over_time = False

    def notes(self, module: Any) -> tuple[str, ...]:
        """What a reader of a trace of this module should know."""
        del module
        return ()

    def out_shape(self, module: Any, shape: Shape) -> Shape:
        """The shape of the population that gets `shape`."""
        del module
        return shape

    def read(self, module: Any, where: str, shape: Shape, dt: float) -> Cell:
        """The rule of a module whose population has `shape`. Raises SnnDeployError with all findings."""
        raise NotImplementedError

    def given(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The input of a call, and the state variables that came with it (None where none came)."""
        raise NotImplementedError

    def answer(self, module: Any, emitted: Any, states: Mapping[str, Any]) -> Any:
        """What the module returns for these."""
        raise NotImplementedError

    def remembers(self, module: Any) -> bool:
        """True if a call without a state continues from the last call; False if it starts anew."""
        raise NotImplementedError

    def clear(self, module: Any) -> None:
        """Back to the state before the first step."""

    def before(self, module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """What `seen` needs from before the call."""

    def seen(self, module: Any, before: Any, output: Any) -> Seen:
        """What one real call showed."""
        raise NotImplementedError


FAMILIES: dict[type, Family] = {}


def is_state(value: Any) -> bool:
    """True for the structure in which a neuron's states come and go."""
    return isinstance(value, tuple) and any(type(value) is getattr(each, "state", None) for each in FAMILIES.values())


# modules of a framework that only call their children
CONTAINERS: set[type] = set()
# base classes whose unregistered subclasses are refused by name
BASES: set[type] = set()


@dataclass(frozen=True)
class Refusal:
    """Why a class has no place in the network form, and what to do."""

    what: str
    fix: str


# classes of a framework that are known and refused
REFUSED: dict[type, Refusal] = {}
# other public modules of a framework (bases, encoders, filters) -> what to do instead
NOT_NEURONS: dict[type, str] = {}


def neuron(family: type[Family]) -> type[Family]:
    """Registers a family for its exact class."""
    FAMILIES[family.cls] = family()
    return family


def load(module: torch.nn.Module) -> None:
    """Imports the families of the frameworks that `module` uses. A module of a framework has imported it already."""
    used = {base.__module__.split(".")[0] for each in module.modules() for base in type(each).__mro__}
    for framework in ("snntorch", "norse"):
        if framework in used:
            import_module(f"snndeploy.frontends.{framework}")

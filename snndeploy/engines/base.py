"""What an engine is, and the one list of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

from snndeploy.engines.trace import Trace
from snndeploy.errors import Finding, MissingEngineError, error
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Job:
    """What to run and what to keep.

    Attributes:
        inputs: checked arrays, see `network.inputs.as_inputs`.
        record: what to keep, see `trace.wanted`.
        only: populations that are kept; None: all. An engine need not look at it: `run` takes the others out.
        raw: keep the engine's own time, latency and all.
        progress: called as (steps done, steps in all); engines that cannot tell call it once at the end.
        options: the engine's own settings, checked by the engine.
    """

    network: Network
    inputs: Mapping[str, Array]
    record: tuple[str, ...]
    raw: bool = False
    progress: Progress = lambda done, total: None
    options: Mapping[str, Any] = field(default_factory=dict)
    only: frozenset[str] | None = None


class Engine(Protocol):
    """The module-level interface of `snndeploy.engines.<name>`: three functions."""

    def missing(self) -> str | None:
        """None if the engine can run here, else what is missing and how to install it."""

    def refusals(self, network: Network) -> list[Finding]:
        """What of this network the engine cannot compute exactly."""

    def run(self, job: Job) -> Trace:
        """Runs a network that is legal and not refused."""


ENGINES: dict[str, str] = {
    "reference": "snndeploy.engines.reference",
    "torch": "snndeploy.engines.torch",
    "snntorch": "snndeploy.engines.snntorch",
    "norse": "snndeploy.engines.norse",
    "lava": "snndeploy.engines.lava",
    "onnx": "snndeploy.engines.onnx",
}


def load(name: str) -> Engine:
    """The engine of that name.

    Raises:
        SnnDeployError SD501: no such engine. MissingEngineError SD502: it is not installed here.
    """
    if name not in ENGINES:
        more = "; cores needs a placement: --placement plan.json" if name == "cores" else ""
        raise error("SD501", f"engine {name!r}", "there is no such engine", f"choose from {', '.join(ENGINES)}{more}")
    engine: Any = import_module(ENGINES[name])
    lacking = engine.missing()
    if lacking:
        raise MissingEngineError(Finding("SD502", f"engine {name!r}", *lacking.split(" Fix: ", 1)))
    loaded: Engine = engine
    return loaded


def check_options(name: str, given: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """`known` defaults overridden by `given`. Raises SD503 for an option that the engine does not have."""
    for option in given:
        if option not in known:
            have = ", ".join(known) or "none"
            raise error("SD503", f"engine {name!r}", f"it has no option {option!r}", f"its options: {have}")
    return {**known, **given}

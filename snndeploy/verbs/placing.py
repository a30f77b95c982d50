"""Whether a network fits a chip, where it lies there, and what it costs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from snndeploy.verbs.given import Path, events_of, target_of

if TYPE_CHECKING:
    from snndeploy.engines import Trace
    from snndeploy.errors import Finding
    from snndeploy.network import Network
    from snndeploy.placement import Placement
    from snndeploy.placement.cost import Cost
    from snndeploy.placement.rates import Given as Rates
    from snndeploy.placement.tried import Advice
    from snndeploy.targets import Target


def lint(network: Network, target: str | Target | None = None, data: Any = None) -> list[Finding]:
    """Everything worth knowing before deploying: errors, warnings and notes, all at once.

    Args:
        target: a name ("loihi2"), a path to a .toml file, or None to check the network alone.
        data: (time, batch, *shape), or a mapping by name of input, which may also hold "labels"; it is run.

    Raises:
        SnnDeployError: the target cannot be loaded (SD2xx), or the data do not fit (SD1xx).
    """
    from snndeploy.lint import lint as find

    if network.encodings and isinstance(data, Mapping) and "labels" in data:
        rest = {name: each for name, each in data.items() if name != "labels"}
        data = {**events_of(network, rest), "labels": data["labels"]}
    else:
        data = events_of(network, data)
    return list(find(network, None if target is None else target_of(target), data))


def place(
    network: Network,
    target: str | Target,
    *,
    rates: Rates = None,
    arrange: str = "metis",
    seed: int = 0,
    strategy: str = "best",
) -> Placement:
    """Which core holds which neurons, axons and synapses, and where on the mesh it lies.

    Args:
        rates: what the arrangement of cores is chosen for: the trace of a run, spikes per neuron and step, or a mapping
            of them by name of input and population; None: every neuron alike.
        arrange: "metis": METIS and swaps; "greedy"; "rows".
        seed: of "metis"; the same one gives the same placement.
        strategy: how populations are split over cores: "best"; "greedy", first-fit, the baseline; "boxes", "places",
            "channels" or "fewest".

    Raises:
        SnnDeployError SD250, SD251: the rates do not fit the network, or there is no such arrangement. SD244: no such
        strategy.
        VerdictError SD2xx: it does not fit; every limit that is exceeded is named.
    """
    from snndeploy.placement import place as on_cores

    return on_cores(network, target_of(target), rates=rates, arrange=arrange, seed=seed, strategy=strategy)


def cost(placement: Placement | Path, network: Network, trace: Trace, target: str | Target | None = None) -> Cost:
    """Energy and time of a placed network, per step and per inference, as intervals.

    Every coefficient is between two numbers of the target, whose sources `.sources` lists; static power is apart. On
    Loihi 2 the intervals are as wide as what has been published. `.neurobench` has NeuroBench's measures.

    Args:
        placement: what `place` made of this network, or a file of it.
        trace: a run of it, with the spikes of all populations; record u and v too, and active updates are known.
        target: that it was placed on; None: the shipped one of that name.

    Raises:
        SnnDeployError SD250, SD260: trace or placement are not of this network. SD252: the target has no [energy],
            [time] or [power].
    """
    from snndeploy.placement.cost import cost as of_trace
    from snndeploy.placement.plan_file import read as read_plan

    if isinstance(placement, (str, os.PathLike)):
        placement = read_plan(os.fspath(placement), network)
    return of_trace(placement, network, trace, None if target is None else target_of(target))


def advise(
    network: Network,
    target: str | Target,
    data: Any = None,
    labels: Any = None,
    *,
    calibration: Any = None,
    seconds: float = 60.0,
    progress: Callable[..., None] | None = None,
) -> Advice:
    """What makes a network fit a target, or need fewer cores: changes that are made, placed and, with data, run.

    Args:
        network: in the integer form; a float one is quantised.
        data: (time, batch, *shape) input on which every change is run and compared; labels: class of each sample.
        calibration: from which a float network is quantised; None: data.
        seconds: no change is begun after so many.

    Returns:
        `.tried`, cheapest first, each with its network and plan; `.best`, the cheapest that fits; print it to read it.

    Raises:
        SnnDeployError: data or labels do not fit the network.
    """
    from snndeploy.placement.advice import advise as tried

    own, typical = events_of(network, data), events_of(network, calibration)
    return tried(network, target_of(target), own, labels, calibration=typical, seconds=seconds, progress=progress)

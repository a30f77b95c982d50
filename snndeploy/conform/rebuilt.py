"""A rebuilt module against its network: run both on input, refuse what differs by more than proven ties."""

from __future__ import annotations

from typing import Any

import numpy as np

from snndeploy.errors import Finding, MissingEngineError, VerdictError
from snndeploy.frontends.rebuild import build
from snndeploy.network import spec
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network

STEPS, BATCH = 48, 3
FIX = "report this network: rebuilding must be exact"


def random_input(network: Network) -> dict[str, Array]:
    """Inputs of the declared kinds, from silence to saturation: sample k of a batch is busier than sample k - 1."""
    rng = np.random.default_rng(0)
    found = {}
    for each in network.given:
        size = (STEPS, BATCH, *each.shape)
        rate = np.array([0.1, 0.3, 0.7]).reshape(1, BATCH, *(1,) * len(each.shape))
        if each.kind == "binary":
            found[each.name] = (rng.random(size) < rate).astype(np.float64)
        elif each.kind == "counts":
            found[each.name] = rng.poisson(np.broadcast_to(2 * rate, size)).astype(np.float64)
        elif each.kind == "signed":
            drawn = rng.poisson(np.broadcast_to(2 * rate, size)) * rng.choice((-1, 1), size)
            found[each.name] = drawn.astype(np.float64)
        else:
            drawn = rng.normal(0.2, 1.0, size) * 2 * rate
            found[each.name] = drawn.astype(np.float32).astype(np.float64)
    return found


def rebuilt(framework: str, network: Network, sample: Any = None, **options: Any) -> Any:
    """The module, proven.

    Raises:
        SnnDeployError SD330: what the framework cannot hold.
        VerdictError SD331: module and network differ on the input.
    """
    from snndeploy.conform.compare import compare
    from snndeploy.engines import framework as engine
    from snndeploy.engines import reference
    from snndeploy.engines.base import Job
    from snndeploy.network.inputs import as_inputs

    lacking = engine.missing(framework)
    if lacking:
        what, _, fix = lacking.partition(" Fix: ")
        raise MissingEngineError(Finding("SD502", framework, what, fix))
    spec.check(network)
    source, views = build(framework, network, **options)
    given = random_input(network) if sample is None else sample
    inputs = as_inputs(network, given)
    expected = reference.run(Job(network, inputs, ("spikes", "v")))
    found = engine.run_module(framework, Job(network, inputs, ("spikes", "v")), source, views)
    same = compare(expected, found)
    if not same.agrees:
        what = f"they differ: {same.fault or same.first}"
        raise VerdictError(Finding("SD331", f"the network and its {framework} module", what, FIX))
    return source.module

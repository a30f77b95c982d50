"""Norse's own importer, as its documentation calls it, told dt."""

from __future__ import annotations

from typing import Any

from snndeploy.conform.suite.adapters.stepping import stepped
from snndeploy.conform.suite.contract import Contract
from snndeploy.network.arrays import Array


def run(graph: Any, input: Any, dt: float, contract: Contract | None = None) -> Array:
    """Spikes; raises what the importer raises. Of a contract, its reset is handed on: it has an argument for that."""
    import norse.torch
    from norse.torch.functional import reset

    subtract = contract is not None and contract.reset == "by-threshold"
    way = reset.reset_subtract if subtract else reset.reset_value
    return stepped(norse.torch.from_nir(graph, reset_method=way, dt=dt), input)

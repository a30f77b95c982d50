"""What Lava cannot compute exactly, by name."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snndeploy.engines.lava.plan import DELAY_MAX
from snndeploy.engines.lava.processes import RECEPTORS_MAX
from snndeploy.errors import Finding, SnnDeployError
from snndeploy.network.arrays import Array
from snndeploy.network.maps import chain_matrix
from snndeploy.network.network import Network
from snndeploy.network.registers import Registers
from snndeploy.network.timing import latencies


def refusals(network: Network) -> list[Finding]:
    """Everything that keeps this network from an exact run on Lava; an empty list if nothing does."""
    found: list[Finding] = []
    try:
        late = latencies(network)
    except SnnDeployError as problem:
        return list(problem.findings)
    for p in network.projections:
        where = f"projection {p.name!r}"
        extra = p.delay + late[p.target] - late[p.source] - 1
        if p.source not in network.input and extra > DELAY_MAX:
            what = f"it takes {extra} steps more than Lava's one, over the {DELAY_MAX} that a delaying connection holds"
            found.append(Finding("SD510", where, what, "relay it through a population"))
    for each in network.inputs:
        if network.form == "integer" and each.kind == "real":
            found.append(
                Finding("SD510", f"input {each.name!r}", "real numbers cannot enter the integer form", "encode them")
            )
    for population in network.populations:
        rule = population.rule
        where = f"population {population.name!r}"
        if isinstance(rule, Registers):
            continue
        if len(rule.receptors) > RECEPTORS_MAX:
            found.append(Finding("SD510", where, f"{len(rule.receptors)} receptors exceed {RECEPTORS_MAX}"))
        if rule.spiking and np.any(rule.value == 0):
            found.append(Finding("SD510", where, "a spike of value 0 cannot be told from no spike"))
    return found


def overflows(network: Network, inputs: Mapping[str, Array]) -> list[Finding]:
    """Projections of counts whose sums may leave 32 bits before the exponent, where Lava would wrap."""
    found = []
    for p in network.projections:
        if (
            p.format is None
            or p.source not in network.input
            or network.input[p.source].kind not in ("counts", "signed")
        ):
            continue
        most = int(np.abs(inputs[p.source]).max(initial=0))
        matrix = chain_matrix(p.maps, network.shapes[p.source])
        worst = most * int(abs(matrix).sum(axis=1).max())
        if worst >= 2**31:
            what = f"counts up to {most:,} may add up to {worst:,}, over Lava's {2**31 - 1:,}"
            found.append(Finding("SD511", f"projection {p.name!r}", what, "feed smaller counts"))
    return found

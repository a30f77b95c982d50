"""Files for Norse 1.1's `norse.torch.from_nir(graph, dt=...)`, as its neurons compute them.

    LIF       v' = v + k·(x + v_leak - v), k = dt/tau, then to 0 on a spike; v starts at v_leak; r is ignored
    CubaLIF   i' = i + k_syn·(w_in·x + v_leak - i), v' = v + k·(r·i' + v_leak - v); both start at v_leak; the reset
              is the argument `reset_method` of `from_nir`, the same for all of them
    IF        v' = v + x, then to 0 on a spike; r is ignored

So r·x is folded into the weights of an LIF, a membrane that starts elsewhere than at 0 gets a v_leak and the rest of
its drive comes with the bias of the layer in front; a reset by the threshold is a CubaLIF whose synapse is instant.
"""

from __future__ import annotations

import numpy as np

from snndeploy.frontends.nir.encode import Places
from snndeploy.frontends.nir.foreign import (
    ONE,
    ForeignEncoder,
    Held,
    RefusedError,
    arranged,
    prepared,
    shifted,
)
from snndeploy.frontends.nir.graph import Graph
from snndeploy.network.network import Network
from snndeploy.network.rule import Rule

SUBTRACT = "norse.torch.functional.reset.reset_subtract"


def holds(rule: Rule, dt: float) -> Held:
    """One population as a node, or RefusedError."""
    s = shifted(rule)
    zero, slow = np.zeros(()), s.beta == 1
    filters = bool(np.any(s.alpha))
    if np.any(slow) and not np.all(slow):
        raise RefusedError("some of its neurons leak and some do not (beta = 1), and Norse ignores r where they leak")
    if np.any(slow) and (filters or s.soft):
        raise RefusedError("Norse has no neuron without leak (beta = 1) that filters its input or subtracts")
    if filters and np.any(s.alpha == 1):
        raise RefusedError("a current that never decays (alpha = 1) has no tau_syn")
    start = "Norse starts membrane and current of this neuron at v_leak"
    if np.all(slow):
        if np.any(s.initial):
            raise RefusedError("Norse starts an IF at 0, and this one starts elsewhere")
        fields = {"r": ONE / dt, "v_threshold": s.threshold, "v_reset": zero}
        return Held("IF", fields, s.gain, s.drive)
    tau = dt / (1 - s.beta)
    fire = {"v_threshold": s.threshold, "v_reset": zero}
    if not filters and not s.soft:
        k = 1 - s.beta
        factor = tuple(g / k for g in s.gain)
        return Held("LIF", {"tau": tau, "r": ONE, "v_leak": s.initial, **fire}, factor, (s.drive - k * s.initial) / k)
    if np.any(s.initial):
        raise RefusedError(f"{start}, which is exact only if both start at {'0' if s.soft else 'its reset value'}")
    if filters and np.any(s.bias):
        raise RefusedError(f"{start}, so a constant drive has to come with the current, which this one does not pass")
    if filters:
        tau_syn = dt / (1 - s.alpha)
        fields = {"tau_syn": tau_syn, "tau_mem": tau, "w_in": tau_syn / dt, "r": s.gain[0] * tau / dt, "v_leak": zero}
        return Held("CubaLIF", {**fields, **fire}, (ONE,), s.constant)
    fields = {"tau_syn": ONE * dt, "tau_mem": tau, "w_in": ONE, "r": tau / dt, "v_leak": zero}
    return Held("CubaLIF", {**fields, **fire}, s.gain, s.drive)


def encode(network: Network) -> tuple[Graph, Places, tuple[str, ...]]:
    """The graph, where its weights are, and how to import it.

    Raises:
        SnnDeployError SD416: Norse's importer cannot hold the network; says why, all at once.
    """
    from snndeploy.errors import error

    ready, held = prepared(network, "Norse", holds, network.dt, chain=True)
    soft = [p.name for p in network.populations if isinstance(p.rule, Rule) and p.rule.reset.kind == "by"]
    hard = [n for n, each in held.items() if each.type == "CubaLIF" and n not in soft]
    if soft and hard:
        raise error(
            "SD416",
            f"populations {soft[0]!r} and {hard[0]!r}",
            "Norse's importer has one reset for all neurons with a current, and one subtracts where the other sets",
            "write it with style='decomposed'",
        )
    encoder = ForeignEncoder(ready, held)
    encoder.run()
    graph, places = arranged(encoder, nested=False)
    how = f", reset_method={SUBTRACT}" if soft else ""
    return graph, places, (f"norse.torch.from_nir(nir.read(path), dt={network.dt!r}{how})",)

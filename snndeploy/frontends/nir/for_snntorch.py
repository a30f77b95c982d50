"""Files for snnTorch 1.0's `import_from_nir(graph)`, whose step is 1e-4 s whatever the network's is.

    LIF       Leaky(beta = 1 - dt/tau, reset to zero in the step of the spike), if r = tau/dt, v_leak = 0 and one
              threshold holds for all neurons
    CubaLIF   Synaptic, likewise, if w_in = tau_syn/dt too

So every tau is rescaled to that step, gains and unequal thresholds go into the weights, biases into the layer in front,
and a beta of 1 is a tau of 2^60 steps, which is 1 again when it is read. A loop is a graph of its own: the importer
wires flat ones wrongly.
"""

from __future__ import annotations

import numpy as np

from snndeploy.frontends.nir.encode import Places
from snndeploy.frontends.nir.foreign import (
    ForeignEncoder,
    Held,
    RefusedError,
    arranged,
    prepared,
    shifted,
)
from snndeploy.frontends.nir.graph import Graph
from snndeploy.network.arrays import Array
from snndeploy.network.network import Network
from snndeploy.network.rule import Rule

DT = 1e-4
# 1 - 2^-60 is 1 in float64
NEVER = 2.0**60


def _tau(decay: Array) -> Array:
    with np.errstate(divide="ignore"):
        return DT * np.where(decay == 1, NEVER, 1 / (1 - decay))


def holds(rule: Rule, _: float) -> Held:
    """One population as a node in snnTorch's own step, or RefusedError."""
    s = shifted(rule)
    if s.soft:
        raise RefusedError("a spike subtracts, and snnTorch's importer builds neurons that reset to zero")
    if np.any(s.initial):
        raise RefusedError("it starts elsewhere than at its reset value, and snnTorch's neurons start there")
    if np.min(s.beta) < 0 or np.min(s.alpha) < 0:
        raise RefusedError("snnTorch clamps a decay below 0 to 0")
    if np.min(s.threshold) < 0:
        raise RefusedError("its threshold is below its reset value, where snnTorch's reset never ends")
    filters = bool(np.any(s.alpha))
    if filters and np.any(s.bias):
        raise RefusedError("its drive does not pass the current, and snnTorch's Synaptic has no bias of its own")
    scale = np.ones(())
    threshold = s.threshold
    if np.any(threshold != threshold.flat[0]):
        if np.min(threshold) == 0:
            raise RefusedError("its thresholds differ and one is 0, and the importer takes one threshold for all")
        scale, threshold = 1 / threshold, np.ones(())
    tau = _tau(s.beta)
    fields = {"r": tau / DT, "v_leak": np.zeros(()), "v_threshold": threshold, "v_reset": np.zeros(())}
    factor = tuple(g * scale for g in s.gain)
    if not filters:
        return Held("LIF", {"tau": tau, **fields}, factor, s.drive * scale)
    tau_syn = _tau(s.alpha)
    more = {"tau_syn": tau_syn, "tau_mem": tau, "w_in": tau_syn / DT}
    return Held("CubaLIF", {**more, **fields}, factor, s.constant * factor[0])


def encode(network: Network) -> tuple[Graph, Places, tuple[str, ...]]:
    """The graph, where its weights are, and how to import it.

    Raises:
        SnnDeployError SD416: snnTorch's importer cannot hold the network; says why, all at once.
    """
    ready, held = prepared(network, "snnTorch", holds, DT, chain=False)
    encoder = ForeignEncoder(ready, held)
    encoder.run()
    graph, places = arranged(encoder, nested=True)
    notes = ["snntorch.import_nir.import_from_nir(nir.read(path))"]
    if network.dt != DT:
        notes.append(f"its times are for steps of {DT:g} s, which snnTorch takes for granted, not {network.dt:g} s")
    return graph, places, tuple(notes)

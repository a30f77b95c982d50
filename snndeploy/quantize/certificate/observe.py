"""What a recorded run really computed: the current before it wrapped, and the membrane before it saturated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snndeploy.engines import Trace
from snndeploy.network.arrays import Array
from snndeploy.network.maps import chain_apply
from snndeploy.network.registers import DECAY_UNITY, STATE_SHIFT, Registers
from snndeploy.quantize.certificate.arrivals import exponent, scaled
from snndeploy.quantize.certificate.interval import decayed


@dataclass(frozen=True, eq=False)
class Raw:
    """(time, batch, *shape), int64, state units, before any limit of a register; sum is the membrane's candidate q."""

    u: Array
    sum: Array


def raw(trace: Trace, name: str) -> Raw:
    """From the spikes, inputs, u and v of a run in the integer form."""
    network = trace.network
    each = network.population[name]
    rule = each.rule
    assert isinstance(rule, Registers)
    size = (trace.steps, trace.batch, *each.shape)
    total = np.zeros(size, np.int64)
    for p in network.into(name):
        x = (trace.inputs[p.source] if p.source in trace.inputs else trace.spikes[p.source]).astype(np.int64)
        late = min(p.delay, trace.steps)
        total[late:] += scaled(chain_apply(p.maps, x[: trace.steps - late]), exponent(p))
    arrived = total << STATE_SHIFT
    first_u, first_v = (np.broadcast_to(np.asarray(s), size[1:])[None] for s in (rule.initial_u, rule.initial_v))
    before_u = np.concatenate([first_u, trace.u[name][:-1]])
    before_v = np.concatenate([first_v, trace.v[name][:-1]])
    on = (np.arange(trace.steps) >= rule.bias_onset).reshape(-1, *(1,) * (len(size) - 1))
    bias = (np.asarray(rule.bias_mant) << np.asarray(rule.bias_exp)) * on
    u = decayed(before_u, DECAY_UNITY - 1 - np.asarray(rule.du)) + arrived
    return Raw(u, decayed(before_v, DECAY_UNITY - np.asarray(rule.dv)) + trace.u[name] + bias)

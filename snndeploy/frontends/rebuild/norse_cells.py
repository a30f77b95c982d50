"""Norse's cells for rules that `norse.py` has prepared, and which rules are those of cells with more than a membrane.

| cell | rule |
|---|---|
| LIFRefrac | rests after a spike with its membrane alone, resets to a value in the step of the spike |
| LSNN | its threshold decays before it spikes and jumps behind; reads its current a step late |
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from snndeploy.frontends.rebuild.algebra import full, narrow
from snndeploy.frontends.rebuild.layers import single
from snndeploy.network.arrays import Array
from snndeploy.network.rule import Rule


def own_cell(rule: Rule) -> str:
    """ "LIFRefrac", "LSNN", or "": which of these cells computes the rule, but for a bias and several currents."""
    plain = rule.floor is None and rule.state_floor is None and not any(r.reset for r in rule.receptors)
    if not plain or rule.threshold is None or (rule.reset.kind, rule.reset.when) != ("to", "now"):
        return ""
    if rule.adaptation is not None:
        late = rule.adaptation.decays == "before" and rule.synapse == "synchronous"
        return "LSNN" if late and rule.refractory is None else ""
    rest = rule.refractory
    return "LIFRefrac" if rest is not None and rest.steps > 0 and rest.freezes == "membrane" else ""


def rate(k: Array, dt: float) -> torch.Tensor:
    """tau_inv with dt·tau_inv = k in float32, as Norse multiplies; the nearest where there is none per neuron."""
    wanted = single(k)
    best = single(np.asarray(k, np.float64) / dt)
    for step in (-2, -1, 1, 2):
        tried = best.clone()
        for _ in range(abs(step)):
            tried = torch.nextafter(tried, torch.full_like(tried, np.inf if step > 0 else -np.inf))
        closer = (dt * tried - wanted).abs() < (dt * best - wanted).abs()
        best = torch.where(closer, tried, best)
    if best.ndim == 0 and not torch.equal(dt * best, wanted):
        # one number for all may be float64: the product is rounded once, to the type of the membrane
        return wanted.double() / dt
    return best


def cell(rule: Rule, shape: tuple[int, ...], dt: float, method: str, alpha: float) -> nn.Module:
    import norse.torch as norse
    from norse.torch.functional.reset import reset_subtract, reset_value
    from norse.torch.module.leaky_integrator_box import LIBoxCell, LIBoxParameters

    def tensor(value: Any) -> torch.Tensor:
        array = narrow(np.asarray(value, np.float64))
        return single(array if array.ndim == 0 else full(array, shape))

    surrogate = {"method": method, "alpha": torch.as_tensor(alpha)}
    r = rule.receptors[0]
    made: nn.Module
    own = own_cell(rule)
    leak, reset = tensor(rule.initial), tensor(rule.reset.value)
    if not own and not np.any(rule.beta != 1):
        made = norse.IAFCell(norse.IAFParameters(v_th=tensor(rule.threshold), v_reset=reset, **surrogate), dt=dt)
        return made
    k = 1.0 - np.asarray(rule.beta)
    mem = rate(narrow(k) if np.all(k == k.flat[0]) else full(k, shape), dt)
    if own or np.any(r.alpha):
        ks = 1.0 - np.asarray(r.alpha)
        syn = rate(narrow(ks) if np.all(ks == ks.flat[0]) else full(ks, shape), dt)
        if rule.threshold is None:
            made = norse.LICell(norse.LIParameters(tau_syn_inv=syn, tau_mem_inv=mem, v_leak=leak), dt=dt)
            return made
        p = norse.LIFParameters(syn, mem, leak, tensor(rule.threshold), reset, **surrogate)
        if rule.refractory is not None:
            made = norse.LIFRefracCell(norse.LIFRefracParameters(p, torch.tensor(float(rule.refractory.steps))), dt=dt)
            return made
        if rule.adaptation is not None:
            ka = 1.0 - np.asarray(rule.adaptation.decay)
            adapt = rate(narrow(ka) if np.all(ka == ka.flat[0]) else full(ka, shape), dt)
            jump = tensor(rule.adaptation.jump)
            made = norse.LSNNCell(norse.LSNNParameters(syn, mem, adapt, *p[2:5], jump, *p[5:]), dt=dt)
            return made
        made = norse.LIFCell(p, dt=dt)
        return made
    if rule.threshold is None:
        made = LIBoxCell(LIBoxParameters(tau_mem_inv=mem, v_leak=leak), dt=dt)
        return made
    to = rule.reset.kind == "to"
    box = norse.LIFBoxParameters(
        tau_mem_inv=mem,
        v_leak=leak,
        v_th=tensor(rule.threshold),
        v_reset=reset if to else torch.zeros(()),
        reset_method=reset_value if to else reset_subtract,
        **surrogate,
    )
    made = norse.LIFBoxCell(box, dt=dt)
    return made

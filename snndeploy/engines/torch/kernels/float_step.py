"""One step of the float form. The equation, and the order of its operations, are in `network/rule.py`."""

from __future__ import annotations

from functools import reduce

from snndeploy.engines.torch.kernels.expression import Value, choose, greatest, where
from snndeploy.engines.torch.kernels.options import Leaves, Options


def float_step(o: Options, x: Leaves) -> dict[str, Value]:
    """The states after the step, the spike s, and p before its reset."""

    def reset(y: Value) -> Value:
        return choose(o.by, y - x.value, x.value)

    after = []
    for k in range(o.receptors):
        u = x.alpha[k] * x.u[k] + x.drive[k] if o.memory else x.drive[k]
        after.append(u + where(x.onset[k], x.constant[k], 0))
    used = [choose(o.synchronous, x.u[k], after[k]) for k in range(o.receptors)]
    if o.gains:
        used = [gain * u for gain, u in zip(x.gain, used, strict=True)]
    q = x.keep_v * x.v + reduce(Value.__add__, used)
    if o.bias:
        q = q + where(x.biased, x.bias, 0)
    if o.floors:
        q = greatest(q, x.floor)

    edge = x.edge if o.adapts else x.theta
    faded = x.keep_a * x.adapted if o.adapts else x.theta
    theta = x.theta + choose(o.decays_before, faded, x.adapted) if o.adapts else x.theta

    pending = x.v > edge
    p = choose(o.late, where(pending, reset(q), q), q)
    s = p > theta
    if o.rests:
        s = s & (x.waiting <= 0)

    taken = p - reset(p)
    residual = p - (where(s, taken, 0) - where(pending, taken, 0))

    v = choose(o.now, where(s, reset(p), p), p)
    v = choose(o.residual, residual, v)
    if o.floors:
        v = greatest(v, x.state_floor)
    if o.clears:
        for k in range(o.receptors):
            clear = x.cleared[k] > 0
            after[k] = choose(o.now, where(s & clear, 0, after[k]), after[k])
            after[k] = choose(o.late, where(pending & clear, 0, after[k]), after[k])
    done = {f"u{k}": u for k, u in enumerate(after)} | {"v": v, "s": s, "p": p}
    if o.rests:
        frozen = x.waiting > 0
        done["v"] = where(frozen, x.v, v)
        for k in range(o.receptors):
            done[f"u{k}"] = choose(o.freezes_u, where(frozen, x.u[k], after[k]), after[k])
        done["waiting"] = where(s, x.rest, greatest(x.waiting - 1, 0))
    if o.adapts:
        done["edge"] = theta
        done["adapted"] = faded + where(s, x.jump, 0)
    return done

"""One step of the integer form, in int32. The equation is in `network/registers.py`.

Nothing here leaves 32 bits but the sum of u, which is to wrap: |u| < 2^31 - 2^24 + 1 after its wrap, all other states
are within 2^24.
"""

from __future__ import annotations

from snndeploy.engines.torch.kernels.expression import Value, choose, greatest, least, where
from snndeploy.engines.torch.kernels.options import Leaves, Options
from snndeploy.network.registers import STATE_MAX, STATE_SHIFT

RANGE = 2 * (STATE_MAX + 1)


def decay(y: Value, factor: Value) -> Value:
    """sign(y)·((|y|·factor) >> 12): with |y| = 4096·h + l this is h·factor + (l·factor >> 12), each within 32 bits."""
    size = where(y < 0, y * -1, y)
    high, low = size >> 12, size & 4095
    moved = high * factor + ((low * factor) >> 12)
    return where(y < 0, moved * -1, moved)


def wrap24(y: Value) -> Value:
    return where(y > STATE_MAX + 1, y - RANGE, where(y <= -STATE_MAX - 1, y + RANGE, y))


def clip24(y: Value) -> Value:
    return greatest(least(y, STATE_MAX), -STATE_MAX)


def integer_step(o: Options, x: Leaves) -> dict[str, Value]:
    """The states after the step, the spike s, and p before its reset."""

    def reset(y: Value) -> Value:
        return choose(o.by, clip24(y - x.value), x.value)

    def without(y: Value) -> Value:
        return choose(o.by, y - x.value, x.value)

    arrived = x.drive[0] << STATE_SHIFT
    u = wrap24(decay(x.u[0], x.keep_u) + arrived if o.memory else arrived)
    q = decay(x.v, x.keep_v) + u
    if o.bias:
        q = q + where(x.biased, x.bias, 0)
    q = clip24(q)

    edge = x.edge if o.adapts else x.theta
    faded = decay(x.adapted, x.keep_a) if o.adapts else x.theta
    theta = x.theta + choose(o.decays_before, faded, x.adapted) if o.adapts else x.theta

    pending = x.v > edge
    p = choose(o.late, where(pending, reset(q), q), q)
    s = p > theta
    if o.rests:
        s = s & (x.waiting <= 0)

    taken = p - without(p)
    residual = clip24(p - (where(s, taken, 0) - where(pending, taken, 0)))

    v = choose(o.now, where(s, reset(p), p), p)
    v = choose(o.residual, residual, v)
    after = {"u0": u, "v": v, "s": s, "p": p}
    if o.rests:
        frozen = x.waiting > 0
        after["v"] = where(frozen, x.v, v)
        after["u0"] = choose(o.freezes_u, where(frozen, x.u[0], u), u)
        after["waiting"] = where(s, x.rest, greatest(x.waiting - 1, 0))
    if o.adapts:
        after["edge"] = theta
        after["adapted"] = clip24(faded + where(s, x.jump, 0))
    return after

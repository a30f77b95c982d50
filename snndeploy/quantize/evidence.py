"""What the float network did on some calibration samples, as a quadratic form in the weights of each neuron.

With the float spikes of its sources, and its own for the resets, a membrane is linear in the weights of its row::

    v[t] = sum_j w_j·phi_j[t]     phi_j: the spikes of source j through current and membrane, set to zero at resets
    E(w) = sum_t omega[t]·(sum_j w_j·phi_j[t] - v_float[t])² = w^T H w - 2 g^T w + constant
    omega = 1 / (1 + (distance from the threshold / (theta/4))²)

phi takes the decays of the registers and v_float those of the network, so that weights may make up for decays. Large
dense layers and convolutions share one H for all rows: without resets (the membrane leaks as much faster as its neurons
are reset), omega = 1 and g = H w.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snndeploy.engines.trace import Trace
from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Dense, chain_apply
from snndeploy.network.network import Network, Population, Projection
from snndeploy.network.rule import Rule
from snndeploy.quantize.drive import weighted_map
from snndeploy.quantize.grid import decays, realised_alpha, realised_beta
from snndeploy.targets import Target

WIDTH = 0.25
# multiplications that the quadratic form of one population may take
BUDGET = 4e10
FEWEST = 16
PATCHES = 2**16
# of the mean diagonal: holds weights where nothing was seen
RIDGE = 1e-4


@dataclass(frozen=True, eq=False)
class Block:
    """Columns start..stop-1: the weights of all projections that read one source with one delay."""

    members: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class Form:
    """E of the module, per step and sample, float64.

    quadratic: H, (rows or 1, m, m). wish: g, (rows, m). weight: the float one, (rows, m).
    """

    blocks: tuple[Block, ...]
    quadratic: Array
    wish: Array
    weight: Array

    def loss(self, x: Array) -> Array:
        """E(x) - E(w) per row, (rows,)."""
        return self._value(x) - self._value(self.weight)

    def _value(self, x: Array) -> Array:
        h = self.quadratic
        product = x @ h[0] if len(h) == 1 else np.matmul(h, x[..., None])[..., 0]
        return np.asarray((x * product).sum(axis=1) - 2 * (x * self.wish).sum(axis=1))


def form(network: Network, name: str, trace: Trace, target: Target) -> Form | None:
    """The quadratic form of one population of a prepared network; None for layers that are neither dense nor a single
    convolution, or where one H would be beyond the budget.

    Args:
        trace: inputs, spikes, u and v of the float network.
    """
    each, into = network.population[name], network.into(name)
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, p in enumerate(into):
        at, held = weighted_map(p)
        groups.setdefault((p.source, p.delay, type(held), repr(p.maps[:at])), []).append(i)
    blocks = [(tuple(members), into[members[0]]) for members in groups.values()]
    weights = [np.sum([_rows(into[i]) for i in members], axis=0) for members, _ in blocks]
    weight = np.concatenate(weights, axis=1) if len({len(w) for w in weights}) == 1 else np.zeros((0, 0))
    emitted = {**trace.inputs, **trace.spikes}
    kinds = {type(weighted_map(p)[1]) for _, p in blocks}
    if kinds == {Dense} and len(each.shape) == 1:
        x = np.concatenate([_arrived(p, emitted[p.source]) for _, p in blocks], axis=2)
        found = _dense(each, x, weight, trace, target)
    elif kinds == {Conv} and len(blocks) == 1:
        found = _convolution(each, blocks[0][1], emitted[blocks[0][1].source], weight, trace)
    else:
        found = None
    if found is None:
        return None
    h, g = found
    m = h.shape[1]
    ridge = RIDGE * np.maximum(np.einsum("rjj->r", h) / m, 1e-12)[:, None]
    h[:, np.arange(m), np.arange(m)] += ridge
    ends = np.cumsum([0, *(w.shape[1] for w in weights)]).tolist()
    made = tuple(Block(members, a, b) for (members, _), a, b in zip(blocks, ends[:-1], ends[1:], strict=True))
    return Form(made, h, g + ridge * weight, weight)


def _rows(p: Projection) -> Array:
    held = weighted_map(p)[1]
    weight = getattr(held, "weight", None)
    return weight.reshape(len(weight), -1) if isinstance(weight, np.ndarray) else np.zeros((0, 0))


def _late(x: Array, delay: int) -> Array:
    late = np.zeros(x.shape, np.float32)
    late[delay:] = x[: len(x) - delay]
    return late


def _arrived(p: Projection, x: Array) -> Array:
    """What meets the weights of a dense projection, float32 (time, batch, fan-in)."""
    at, _ = weighted_map(p)
    return np.asarray(chain_apply(p.maps[:at], _late(x, p.delay)).reshape(*x.shape[:2], -1))


def _dense(each: Population, x: Array, weight: Array, trace: Trace, target: Target) -> tuple[Array, Array] | None:
    steps, batch, m = x.shape
    per_sample = float(steps * m**2)
    if len(weight) * per_sample * min(FEWEST, batch) <= BUDGET:
        most = max(1, int(BUDGET / (per_sample * len(weight))))
        return _own(each, x[:, :most], weight, trace, target)
    if per_sample > BUDGET:
        return None
    h = _filtered(each, x[:, : max(1, int(BUDGET / per_sample))], trace).reshape(-1, m)
    quadratic = (h.T @ h).astype(np.float64)[None] / len(h)
    return quadratic, weight @ quadratic[0]


def membranes(each: Population, trace: Trace) -> Array:
    """What was compared with the threshold, (time, batch, *shape): before the reset, if that acts at once."""
    rule, v = each.rule, trace.v[each.name]
    assert isinstance(rule, Rule)
    if not rule.spiking or rule.reset.when != "now":
        return v
    before = np.concatenate([np.broadcast_to(np.asarray(rule.initial), v[:1].shape), v[:-1]])
    on = (np.arange(len(v)) >= rule.bias_onset).reshape(-1, *(1,) * (v.ndim - 1))
    return np.asarray(rule.beta * before + trace.u[each.name] + rule.bias * on)


def _own(each: Population, x: Array, weight: Array, trace: Trace, target: Target) -> tuple[Array, Array]:
    """A quadratic form for every row."""
    import torch

    rule = each.rule
    assert isinstance(rule, Rule)
    n, m = weight.shape
    steps, batch = x.shape[:2]
    alpha, beta = np.asarray(rule.receptors[0].alpha), np.asarray(rule.beta)
    du, dv = decays(alpha, beta, target)

    def column(value: Array) -> torch.Tensor:
        return torch.tensor(np.broadcast_to(value, each.shape).reshape(n, 1), dtype=torch.float32)

    exact, real = (
        (column(alpha), column(beta)),
        (column(realised_alpha(du))[..., None], column(realised_beta(dv))[..., None]),
    )
    omega = np.ones((steps, batch, n), np.float32)
    clear = None
    if rule.threshold is not None:
        theta = np.broadcast_to(rule.threshold, each.shape)
        distance = (membranes(each, trace)[:, :batch] - theta) / np.where(theta > 0, theta, 1.0)
        omega = (1 / (1 + (distance / WIDTH) ** 2)).astype(np.float32)
        if rule.reset.kind == "to":
            clear = torch.from_numpy(~trace.spikes[each.name][:, :batch])
    arrivals, near, w = torch.from_numpy(x), torch.from_numpy(omega), torch.tensor(weight, dtype=torch.float32)
    u, v = torch.zeros(n, batch), torch.zeros(n, batch)
    current, phi = torch.zeros(n, batch, m), torch.zeros(n, batch, m)
    h, g = torch.zeros(n, m, m, dtype=torch.float64), torch.zeros(n, m, dtype=torch.float64)
    for t in range(steps):
        u = exact[0] * u + w @ arrivals[t].T
        v = exact[1] * v + u
        current = real[0] * current + arrivals[t]
        phi = real[1] * phi + current
        weighed = phi * near[t].T[..., None]
        h += torch.bmm(weighed.transpose(1, 2), phi)
        g += torch.bmm(weighed.transpose(1, 2), v[..., None])[..., 0]
        if clear is not None:
            keep = clear[t].T
            v, phi = v * keep, phi * keep[..., None]
    return h.numpy() / (steps * batch), g.numpy() / (steps * batch)


def _filtered(each: Population, x: Array, trace: Trace) -> Array:
    """Arrivals through current and membrane, with the mean decays; resets count as leak."""
    rule = each.rule
    assert isinstance(rule, Rule)
    alpha, beta = float(np.mean(rule.receptors[0].alpha)), float(np.mean(rule.beta))
    if rule.spiking and rule.reset.kind == "to":
        beta *= 1 - float(trace.spikes[each.name].mean())
    out = np.empty(x.shape, np.float32)
    u, v = np.zeros(x.shape[1:], np.float32), np.zeros(x.shape[1:], np.float32)
    for t, arrived in enumerate(x):
        u = alpha * u + arrived
        v = beta * v + u
        out[t] = v
    return out


def _convolution(each: Population, p: Projection, x: Array, weight: Array, trace: Trace) -> tuple[Array, Array] | None:
    """One quadratic form for all channels, from patches drawn with a fixed seed."""
    import torch
    from torch.nn.functional import pad, unfold

    conv = weighted_map(p)[1]
    if not isinstance(conv, Conv) or conv.groups != 1 or len(conv.kernel) != 2 or p.maps[0] is not conv:
        return None
    m = weight.shape[1]
    places = int(np.prod(each.shape[1:]))
    steps, batch = x.shape[:2]
    rng = np.random.default_rng(0)
    frames = _filtered(each, _late(x, p.delay), trace).reshape(steps * batch, *x.shape[2:])
    most = max(1, min(len(frames), int(max(PATCHES, 4 * m) / places), int(BUDGET / (places * m**2))))
    chosen = torch.from_numpy(frames[rng.choice(len(frames), most, replace=False)])
    (top, bottom), (left, right) = conv.padding
    taps = unfold(pad(chosen, (left, right, top, bottom)), conv.kernel, conv.dilation, 0, conv.stride)
    rows = taps.transpose(1, 2).reshape(-1, m).double()
    quadratic = (rows.T @ rows).numpy()[None] / len(rows)
    return quadratic, weight @ quadratic[0]

"""Random legal networks of both forms, with input that makes them spike. Same generator state, same network."""

from __future__ import annotations

import numpy as np

from snndeploy.network import (
    Adaptation,
    AdaptationRegisters,
    Conv,
    Decision,
    Dense,
    Flatten,
    Format,
    Input,
    Network,
    Pool,
    Population,
    Projection,
    Receptor,
    Refractory,
    Registers,
    Reset,
    Rule,
    Sparse,
)

# what chips and frameworks have in common, and everything that the rule can hold beyond that
PLAIN = frozenset({"reset", "current", "bias", "convolution", "recurrence", "skip", "delay", "readout", "initial"})
EVERY = PLAIN | {"receptors", "synchronous", "refractory", "adaptation", "floor", "graded", "onset", "reset value"}

RESETS = [("none", "now"), ("to", "now"), ("to", "next"), ("to", "residual")]
RESETS += [("by", "now"), ("by", "next"), ("by", "residual")]


def _has(rng: np.random.Generator, features: frozenset[str], feature: str, chance: float = 0.5) -> bool:
    return feature in features and rng.random() < chance


def _maps(rng: np.random.Generator, shape: tuple[int, ...], features: frozenset[str], weights) -> tuple:
    """A random chain of maps from `shape`, and the shape behind it."""
    if len(shape) == 3 and _has(rng, features, "convolution", 0.8):
        groups = int(rng.choice([g for g in (1, 2) if shape[0] % g == 0]))
        kernel = tuple(int(k) for k in rng.integers(1, 4, 2))
        conv = Conv(
            weights((groups * int(rng.integers(1, 3)), shape[0] // groups, *kernel)),
            stride=tuple(int(s) for s in rng.integers(1, 3, 2)),
            padding=tuple((int(a), int(b)) for a, b in rng.integers(0, 2, (2, 2))),
            dilation=tuple(int(d) for d in rng.integers(1, 3, 2)),
            groups=groups,
        )
        try:
            return (conv,), conv.shape_out(shape)
        except ValueError:
            pass
    flat = (Flatten(0, -1, len(shape)),) if len(shape) > 1 else ()
    size = int(rng.integers(2, 9))
    return (*flat, Dense(weights((size, int(np.prod(shape)))))), (size,)


def _structure(rng: np.random.Generator, features: frozenset[str], weights):
    """Input shape, and layers as (name, shape, projections that feed it)."""
    shape = (int(rng.integers(1, 3)), 6, 5) if _has(rng, features, "convolution") else (int(rng.integers(2, 9)),)
    shapes = {"in": shape}
    projections: list[Projection] = []
    for i in range(int(rng.integers(1, 4))):
        name, before = f"p{i}", list(shapes)
        maps, shapes[name] = _maps(rng, shapes[before[-1]], features, weights)
        late = int(rng.integers(1, 4)) if _has(rng, features, "delay", 0.3) else 0
        projections.append(Projection(before[-1], name, maps, late))
        if i and _has(rng, features, "skip", 0.5):
            source = str(rng.choice(before[:-1]))
            flat = (Flatten(0, -1, len(shapes[source])),) if len(shapes[source]) > 1 else ()
            if len(shapes[name]) == 1:
                weight = weights((shapes[name][0], int(np.prod(shapes[source]))))
                projections.append(Projection(source, name, (*flat, Dense(weight))))
        if _has(rng, features, "recurrence", 0.4) and len(shapes[name]) == 1:
            projections.append(
                Projection(name, name, (Dense(weights((shapes[name][0],) * 2)),), int(rng.integers(1, 3)))
            )
    last = f"p{len(shapes) - 2}"
    if last != "p0" and _has(rng, features, "recurrence", 0.3) and len(shapes[last]) == len(shapes["p0"]) == 1:
        # a loop over several populations: one step for each of its projections, so that every engine can hold it
        projections.append(Projection(last, "p0", (Dense(weights((shapes["p0"][0], shapes[last][0]))),), len(shapes)))
    return shapes, projections


def spikes_for(rng: np.random.Generator, network: Network, steps: int, batch: int) -> dict[str, np.ndarray]:
    """Random input of the declared kinds, (steps, batch, *shape)."""
    arrays = {}
    for each in network.given:
        size = (steps, batch, *each.shape)
        rate = rng.uniform(0.1, 0.6)
        if each.kind == "binary":
            arrays[each.name] = (rng.random(size) < rate).astype(np.int64)
        elif each.kind == "counts":
            arrays[each.name] = rng.poisson(rate, size)
        else:
            arrays[each.name] = rng.normal(0.2, 1, size).astype(np.float32).astype(np.float64)
    return arrays


def single(value: float | np.ndarray) -> np.ndarray:
    """The float64 value of a float32 parameter: what a framework holds exactly."""
    return np.asarray(value, np.float32).astype(np.float64)


def float_rule(
    rng: np.random.Generator, shape: tuple[int, ...], features: frozenset[str], spiking: bool = True
) -> Rule:
    """A random rule; parameters are per neuron half of the time."""

    def draw(low: float, high: float) -> np.ndarray:
        return single(rng.uniform(low, high, shape if rng.random() < 0.5 else ()))

    threshold = draw(0.4, 1.2)
    kind, when = RESETS[int(rng.integers(len(RESETS)))] if "reset" in features else ("to", "now")
    value = threshold if kind == "by" else 0.0
    if _has(rng, features, "reset value"):
        value = draw(0.2, 0.5) if kind == "by" else draw(-0.3, 0.3)
    receptors = []
    for _ in range(2 if _has(rng, features, "receptors") else 1):
        receptors.append(
            Receptor(
                alpha=draw(0.2, 0.95) if _has(rng, features, "current") else 0.0,
                gain=draw(0.1, 1.0) if _has(rng, features, "current", 0.4) else 1.0,
                constant=draw(-0.1, 0.3) if _has(rng, features, "bias") else 0.0,
                onset=int(rng.integers(0, 4)) if _has(rng, features, "onset") else 0,
                initial=draw(-0.3, 0.3) if _has(rng, features, "initial", 0.2) else 0.0,
                reset=_has(rng, features, "receptors", 0.3),
            )
        )
    return Rule(
        beta=draw(0.3, 1.0),
        threshold=threshold if spiking else None,
        receptors=tuple(receptors),
        bias=draw(-0.1, 0.2) if _has(rng, features, "bias", 0.4) else 0.0,
        bias_onset=int(rng.integers(0, 4)) if _has(rng, features, "onset", 0.3) else 0,
        reset=Reset(kind, value, when) if spiking else Reset("none"),
        synapse="synchronous" if _has(rng, features, "synchronous", 0.3) else "sequential",
        floor=-0.5 if _has(rng, features, "floor", 0.3) else None,
        state_floor=-0.3 if _has(rng, features, "floor", 0.3) else None,
        refractory=Refractory(int(rng.integers(1, 4)), str(rng.choice(["membrane", "membrane and current"])))
        if spiking and _has(rng, features, "refractory", 0.3)
        else None,
        adaptation=Adaptation(draw(0.5, 0.95), draw(0.05, 0.3), str(rng.choice(["before", "after"])))
        if spiking and _has(rng, features, "adaptation", 0.3)
        else None,
        value=draw(0.5, 2.0) if spiking and _has(rng, features, "graded", 0.3) else 1.0,
        initial=draw(-0.3, 0.3) if _has(rng, features, "initial", 0.3) else 0.0,
    )


def float_network(rng: np.random.Generator, features: frozenset[str] = EVERY, kind: str = "binary") -> Network:
    """A random legal network in the float form: 1-3 populations, generic float32 parameters."""

    def weights(size: tuple[int, ...]) -> np.ndarray:
        fan_in = int(np.prod(size[1:]))
        return single(rng.normal(0.15, 1.5 / np.sqrt(fan_in), size))

    shapes, projections = _structure(rng, features, weights)
    names = [name for name in shapes if name != "in"]
    feeds = {p.source for p in projections}
    quiet = names[-1] if _has(rng, features, "readout", 0.3) and names[-1] not in feeds else ""
    populations = [Population(n, shapes[n], float_rule(rng, shapes[n], features, n != quiet)) for n in names]
    projections = [_with_receptor(rng, p, populations) for p in projections]
    if _has(rng, features, "convolution", 0.4):
        projections = [_pooled(rng, p, shapes) for p in projections]
    inputs = (Input("in", shapes["in"], kind),)
    decision = Decision(names[-1], "max-v" if quiet else "spike-count")
    return Network(1e-3, inputs, tuple(populations), tuple(_named(projections)), (names[-1],), decision)


def _with_receptor(rng: np.random.Generator, p: Projection, populations: list[Population]) -> Projection:
    target = next(each for each in populations if each.name == p.target)
    return Projection(p.source, p.target, p.maps, p.delay, int(rng.integers(len(target.rule.receptors))))


def _named(projections: list[Projection]) -> list[Projection]:
    return [
        Projection(p.source, p.target, p.maps, p.delay, p.receptor, p.format, f"{i}:{p.source}->{p.target}")
        for i, p in enumerate(projections)
    ]


def _pooled(rng: np.random.Generator, p: Projection, shapes: dict[str, tuple[int, ...]]) -> Projection:
    """The projection with a pool of its input in front of a flatten and a dense map, where it has that form."""
    shape = shapes[p.source]
    if len(shape) != 3 or min(shape[1:]) < 2 or not isinstance(p.maps[-1], Dense):
        return p
    pool = Pool((2, 2), (2, 2), (0, 0), str(rng.choice(["sum", "average"])), bool(rng.random() < 0.5))
    after = pool.shape_out(shape)
    rows = p.maps[-1].weight.shape[0]
    weight = single(rng.normal(0.15, 1.5 / np.sqrt(np.prod(after)), (rows, int(np.prod(after)))))
    return Projection(p.source, p.target, (pool, Flatten(0, -1, 3), Dense(weight)), p.delay, p.receptor)


def integer_network(
    rng: np.random.Generator, features: frozenset[str] = PLAIN, extreme: bool = False, kind: str = "binary"
) -> Network:
    """A random legal network in the integer form. `extreme`: registers at their limits, so that u wraps and v clips."""
    formats: dict[int, Format] = {}

    def weights(size: tuple[int, ...]) -> np.ndarray:
        sign = str(rng.choice(["mixed", "mixed", "excitatory", "inhibitory"], p=[0.4, 0.3, 0.25, 0.05]))
        bits = int(rng.integers(3, 9)) if rng.random() < 0.3 else 8
        form = Format(int(rng.integers(-2, 8)) if extreme else int(rng.integers(0, 3)), bits, sign)
        low, high = form.limits
        drawn = rng.integers(low // form.step, high // form.step + 1, size) * form.step
        formats[id(drawn)] = form
        held.append(drawn)
        return drawn

    held: list[np.ndarray] = []
    shapes, projections = _structure(rng, features, weights)
    names = [name for name in shapes if name != "in"]
    feeds = {p.source for p in projections}
    quiet = names[-1] if _has(rng, features, "readout", 0.3) and names[-1] not in feeds else ""
    populations = [Population(n, shapes[n], _registers(rng, shapes[n], features, extreme, n != quiet)) for n in names]
    matched = []
    for p in projections:
        weight = next(m.weight for m in p.maps if m.weighted)
        form = next(f for drawn in held if np.array_equal(drawn, weight) for f in [formats[id(drawn)]])
        maps = p.maps
        if isinstance(maps[-1], Dense) and len(maps) == 1 and rng.random() < 0.2:
            size = maps[0].weight.shape
            maps = (Sparse(maps[0].weight, (size[1],), (size[0],)),)
        matched.append(Projection(p.source, p.target, maps, p.delay, 0, form))
    decision = Decision(names[-1], "max-v" if quiet else "spike-count")
    inputs = (Input("in", shapes["in"], kind),)
    return Network(1e-3, inputs, tuple(populations), tuple(_named(matched)), (names[-1],), decision)


def _registers(
    rng: np.random.Generator, shape: tuple[int, ...], features: frozenset[str], extreme: bool, spiking: bool
) -> Registers:
    def draw(low: int, high: int) -> np.ndarray:
        return rng.integers(low, high + 1, shape if rng.random() < 0.5 else ())

    def pick(usual: tuple[int, int], limits: tuple[int, int]) -> np.ndarray:
        if not extreme:
            return draw(*usual)
        return np.asarray(rng.choice(limits)) if rng.random() < 0.4 else draw(*limits)

    state = 2**23 - 1
    vth = pick((50, 800), (0, 2**17 - 1))
    kind, when = RESETS[int(rng.integers(len(RESETS)))] if "reset" in features else ("to", "now")
    value = np.asarray(vth) << 6 if kind == "by" else 0
    if extreme and kind != "none" and "reset" in features and rng.random() < 0.5:
        value = rng.integers(-state, state + 1, shape)
    bias = _has(rng, features, "bias")
    start = _has(rng, features, "initial", 0.3)
    rests = spiking and _has(rng, features, "refractory")
    moves = spiking and _has(rng, features, "adaptation")
    frozen = str(rng.choice(["membrane", "membrane and current"])) if rests else ""
    order = str(rng.choice(["before", "after"])) if moves else ""
    beyond = {
        "refractory": Refractory(int(rng.integers(1, 5)), frozen) if rests else None,
        "adaptation": AdaptationRegisters(pick((0, 2000), (0, 4095)), pick((0, 9000), (-state, state)), order)
        if moves
        else None,
    }
    return Registers(
        du=pick((0, 4095), (0, 4095)) if _has(rng, features, "current") else 4095,
        dv=pick((0, 1000), (0, 4095)),
        vth=vth if spiking else None,
        bias_mant=pick((-50, 400), (-4096, 4095)) if bias else 0,
        bias_exp=pick((0, 4), (0, 7)) if bias else 0,
        bias_onset=int(rng.integers(0, 4)) if bias and _has(rng, features, "onset") else 0,
        reset=Reset(kind, value, when) if spiking else Reset("none", 0),
        initial_u=pick((-3000, 3000), (-state, state)) if start else 0,
        initial_v=pick((-3000, 3000), (-state, state)) if start else 0,
        scale=64.0,
        **beyond,
    )

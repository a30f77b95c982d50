"""Random registers, weights and inputs, by the rules that others have published for Loihi and by ours.

`python tests/engines/differential.py [seed [rounds]]` prints how many values were compared and how many differ. The
rules of nengo-loihi and Brian2Loihi are written down here from their sources; where nengo-loihi is installed, its own
compartments run beside them.

nengo-loihi 1.1.0, emulator/interface.py (CompartmentState.update) and builder/discretize.py (decay_int,
overflow_signed, discretize_weights). Brian2Loihi 0.5.2, loihi_neuron_group.py (equations_LIF), loihi_synapses.py
(calcActualWeights), loihi_network.py (schedule); C. Michaelis et al., Frontiers in Neuroinformatics 16, 2022.
"""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from snndeploy.engines import run
from snndeploy.network import Dense, Format, Input, Network, Population, Projection, Registers, Sparse

Array = np.ndarray
ALL = ("spikes", "u", "v")
TOP = 2**23 - 1


@dataclass
class Lives:
    """(time, neuron) of each; `u` and `v` after the step."""

    spikes: Array
    u: Array
    v: Array

    def differ(self, other: Lives) -> Array:
        """(neuron,): in how many of the 3·time values."""
        return sum((getattr(self, w) != getattr(other, w)).sum(axis=0) for w in ALL)


def two_complement(x: Array, bits: int) -> Array:
    """`bits` and a sign; whatever is above is lost."""
    return (x + 2**bits) % 2 ** (bits + 1) - 2**bits


def by_nengo(rule: dict[str, Array], a: Array) -> Lives:
    """One refractory step, as nengo-loihi's neurons without a refractory time have; q 21 bit, u and u + bias 23 bit."""
    u = v = np.zeros(a.shape[1], np.int64)
    rows = []
    for arrived in a * 64:
        q = two_complement(arrived, 21)
        u = two_complement(np.sign(u) * ((abs(u) * (4096 - 1 - rule["du"])) // 4096) + q, 23)
        v = np.sign(v) * ((abs(v) * (4096 - rule["dv"])) // 4096)
        v = np.minimum(np.maximum(v + two_complement(u + rule["bias"], 23), -TOP), TOP)
        s = v > rule["vth"] * 64
        v = np.where(s, 0, v)
        rows.append((s, u, v))
    return Lives(*(np.stack(each) for each in zip(*rows, strict=True)))


def by_nengo_itself(rule: dict[str, Array], a: Array) -> Lives:
    """nengo-loihi's own CompartmentState."""
    from nengo_loihi.block import LoihiBlock
    from nengo_loihi.emulator.interface import BlockInfo, CompartmentState

    n = a.shape[1]
    block = LoihiBlock(n)
    cells = block.compartment
    fixed = {"decay_u": rule["du"], "decay_v": rule["dv"], "vth": rule["vth"] * 64, "bias": rule["bias"]}
    for name, value in {**fixed, "refract_delay": np.ones(n)}.items():
        setattr(cells, name, np.asarray(value, np.int32))
    cells.scale_u = cells.scale_v = False
    cells.vmin, cells.vmax = -TOP, TOP
    state = CompartmentState(BlockInfo([block]), strict=False)
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where it overflows
        for arrived in a * 64:
            state.advance_input()
            state.input[0, :] += arrived.astype(np.int32)
            state.update(np.random)
            rows.append([x.astype(np.int64) for x in (state.spiked, state.current, state.voltage)])
    s, u, v = (np.stack(each) for each in zip(*rows, strict=True))
    return Lives(s.astype(bool), u, v)


def by_brian(rule: dict[str, Array], a: Array) -> Lives:
    """I += w, then both equations from what is stored, then the threshold. No bias, and no register that ends."""
    current = v = np.zeros(a.shape[1])
    rows = []
    for arrived in a * 64:
        current = current + arrived
        used = current
        v = v - np.sign(v) * np.ceil(abs(v * (rule["dv"] / 4096))) + used
        current = current - np.sign(current) * np.ceil(abs(current * ((rule["du"] + 1) / 4096)))
        s = v > rule["vth"] * 64
        v = np.where(s, 0, v)
        rows.append((s, used.astype(np.int64), v.astype(np.int64)))
    return Lives(*(np.stack(each) for each in zip(*rows, strict=True)))


def by_ours(rule: dict[str, Array], a: Array, engine: str) -> Lives:
    """A network of one synapse of weight 1 and one of -1 per neuron, fed with counts."""
    n = a.shape[1]
    registers = Registers(rule["du"], rule["dv"], rule["vth"], rule["bias_mant"], rule["bias_exp"])
    one = sparse.csr_array(sparse.eye_array(n, dtype=np.int64))
    inputs = (Input("up", (n,), "counts"), Input("down", (n,), "counts"))
    projections = (
        Projection("up", "p", (Sparse(one, (n,), (n,)),), format=Format(0, 8, "excitatory")),
        Projection("down", "p", (Sparse(-one, (n,), (n,)),), format=Format(0, 8, "inhibitory")),
    )
    network = Network(1e-3, inputs, (Population("p", (n,), registers),), projections, ("p",))
    x = {"up": np.maximum(a, 0)[:, None], "down": np.maximum(-a, 0)[:, None]}
    trace = run(network, x, engine, ALL)
    return Lives(*(getattr(trace, what)["p"][:, 0] for what in ALL))


def neurons(rng: np.random.Generator, n: int, steps: int) -> tuple[dict[str, Array], Array]:
    """Registers of n neurons, at their limits every fifth time, and what arrives, from a unit to the whole register."""

    def draw(low: int, high: int) -> Array:
        return np.where(rng.random(n) < 0.2, rng.choice([low, low + 1, high - 1, high], n), rng.integers(low, high, n))

    def spread(top: float) -> Array:
        return (2 ** rng.uniform(0, np.log2(top), n)).astype(np.int64)

    exponent = rng.integers(0, 8, n)
    mantissa = draw(-4095, 4095) * (rng.random(n) < 0.5)
    rule = {
        "du": draw(0, 4095),
        "dv": draw(0, 4095),
        "vth": np.where(rng.random(n) < 0.1, draw(0, 131071), spread(2**17)),
    }
    rule |= {"bias_mant": mantissa, "bias_exp": exponent, "bias": mantissa << exponent}
    # mostly below what its filter piles up to a full register
    size = np.minimum(spread(2**17) * (rule["du"] + 1) // 4096 + spread(64), 2**20)
    lean = rng.uniform(-1, 1, n)
    a = (rng.normal(lean, 0.7, (steps, n)) * size * (rng.random((steps, n)) < rng.random(n))).astype(np.int64)
    return rule, a


def held(rule: dict[str, Array], a: Array, ours: Lives) -> Array:
    """(neuron,): every register of every rule holds what it has to, in every step."""
    fresh = abs(a * 64).max(axis=0) < 2**21
    before = np.concatenate([np.zeros_like(ours.u[:1]), ours.u[:-1]])
    u = np.sign(before) * ((abs(before) * (4095 - rule["du"])) // 4096) + a * 64
    stored = np.concatenate([np.zeros_like(ours.v[:1]), ours.v[:-1]])
    v = np.sign(stored) * ((abs(stored) * (4096 - rule["dv"])) // 4096) + ours.u + rule["bias"]
    return (
        fresh & (abs(u) <= TOP).all(axis=0) & (abs(u + rule["bias"]) <= TOP).all(axis=0) & (abs(v) <= TOP).all(axis=0)
    )


def weights_of_brian(mantissa: Array, form: Format) -> Array:
    """State units of one spike: cut to the grid toward zero, scaled, floored to whole LSB, limited to 21 bits."""
    precision = 2 ** (8 - (form.bits - (form.sign == "mixed")))
    on_grid = (mantissa / precision).astype(int) * precision
    floored = np.floor(on_grid * 2.0 ** (6 + form.exponent) / 64).astype(int) * 64
    return np.clip(floored, 64 - 2**21, 2**21 - 64)


def weights_of_nengo(mantissa: Array, form: Format) -> Array:
    """State units of one spike: rounded to the grid, shifted by the exponent, then by 6."""
    s = 8 - form.bits + (form.sign == "mixed")
    m = 2 ** (8 - s) - 1
    w = np.round(mantissa / 2.0**s).clip(-m, m).astype(np.int64)
    s2 = s + form.exponent
    if s2 < 0:
        w = (np.round(w * 2.0**s2) / 2.0**s2).clip(-m, m).astype(np.int64)
    return (w << s2 if s2 >= 0 else w >> -s2) << 6


def synapses(rng: np.random.Generator, form: Format, n: int, sources: int, steps: int) -> tuple[Array, Array]:
    """Mantissas on the grid and spikes. -256 is left out: nengo-loihi ends at -254, Brian2Loihi at 2^21 - 64."""
    low, high = form.limits
    low = max(low, -256 + form.step) if form.sign == "mixed" else low
    weight = rng.integers(low // form.step, high // form.step + 1, (n, sources)) * form.step
    return weight, (rng.random((steps, sources)) < rng.uniform(0.1, 0.9)).astype(np.int64)


def arrived_by_ours(weight: Array, form: Format, spikes: Array, engine: str) -> Array:
    """(time, neuron) state units: a current without memory is what has arrived."""
    n, sources = weight.shape
    network = Network(
        1e-3,
        (Input("in", (sources,)),),
        (Population("p", (n,), Registers(4095, 4095, 131071)),),
        (Projection("in", "p", (Dense(weight),), format=form),),
        ("p",),
    )
    return run(network, spikes[:, None], engine, ("u",)).u["p"][:, 0]


@dataclass
class Count:
    values: int = 0
    differing: int = 0
    beyond: int = 0

    def __str__(self) -> str:
        return (
            f"{self.values:>12,} values, {self.differing} differ; beyond the registers {self.beyond:,} neurons differ"
        )


def formats() -> list[Format]:
    """Every exponent of a left shift, sign and some numbers of bits."""
    return [Format(e, b, sign) for e in range(8) for b in (8, 6, 4) for sign in ("mixed", "excitatory", "inhibitory")]


def count_synapses(seed: int = 0, n: int = 128, steps: int = 128) -> dict[str, Count]:
    """Every format, as many sources as the current holds."""
    found = {name: Count() for name in ("torch", "lava", "nengo-loihi", "Brian2Loihi")}
    for k, form in enumerate(formats()):
        rng = np.random.default_rng([seed, k])
        weight, spikes = synapses(rng, form, n, max(3, 64 >> form.exponent), steps)
        ours = arrived_by_ours(weight, form, spikes, "reference")
        theirs = {each: arrived_by_ours(weight, form, spikes, each) for each in ("torch", "lava")}
        theirs["nengo-loihi"] = spikes @ weights_of_nengo(weight, form).T
        theirs["Brian2Loihi"] = spikes @ weights_of_brian(weight, form).T
        for name, arrived in theirs.items():
            found[name].values += ours.size
            found[name].differing += int((ours != arrived).sum())
    return found


def main(seed: int = 0, rounds: int = 4, n: int = 4096, steps: int = 256) -> dict[str, Count]:
    """Counts by rule; what a rule cannot hold is counted apart."""
    found = {name: Count() for name in ("torch", "lava", "nengo-loihi", "Brian2Loihi", "nengo-loihi itself")}
    try:
        import nengo_loihi  # noqa: F401
    except ImportError:
        del found["nengo-loihi itself"]
    for k in range(rounds):
        rng = np.random.default_rng([seed, k])
        rule, a = neurons(rng, n, steps)
        ours = by_ours(rule, a, "reference")
        whole = held(rule, a, ours)
        no_bias = whole & (rule["bias"] == 0)
        theirs = {
            "torch": (by_ours(rule, a, "torch"), np.ones(n, bool)),
            "lava": (by_ours(rule, a, "lava"), np.ones(n, bool)),
            "nengo-loihi": (by_nengo(rule, a), whole),
            "Brian2Loihi": (by_brian(rule, a), no_bias),
        }
        if "nengo-loihi itself" in found:
            theirs["nengo-loihi itself"] = (by_nengo_itself(rule, a), whole)
        for name, (lives, which) in theirs.items():
            wrong = ours.differ(lives)
            found[name].values += 3 * steps * int(which.sum())
            found[name].differing += int(wrong[which].sum())
            found[name].beyond += int((wrong[~which] > 0).sum())
    return found


if __name__ == "__main__":
    chosen = [int(each) for each in sys.argv[1:3]]
    for what, counts in (("neuron", main(*chosen)), ("synapse", count_synapses(*chosen[:1]))):
        for rule_name, counted in counts.items():
            print(f"{what:9}{rule_name:20}{counted}")  # noqa: T201

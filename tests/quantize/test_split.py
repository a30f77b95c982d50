"""Two synapses per weight: any whole number exactly, the cost counted by hand, the same bits on Lava."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snndeploy.engines import run
from snndeploy.network import (
    Conv,
    Decision,
    Dense,
    Flatten,
    Input,
    Network,
    Population,
    Projection,
    Receptor,
    Rule,
)
from snndeploy.network.registers import natural_sign
from snndeploy.placement import place
from snndeploy.quantize import quantize
from snndeploy.quantize.parts import parts_of, reach


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["mixed", "excitatory", "inhibitory"]),
    st.integers(1, 8),
    st.integers(0, 7),
    st.lists(st.floats(-1, 1), min_size=1, max_size=30),
)
def test_two_parts_hold_every_whole_number_within_reach(sign, bits, exponent_max, shares):
    wide = reach(sign, bits, exponent_max)
    low, high = wide.limits
    ends = np.array(shares)
    whole = np.rint(np.where(ends < 0, -ends * low, ends * high) / wide.step) * wide.step
    parts = parts_of(whole, sign, bits, exponent_max)
    assert len(parts) <= 2
    total = np.zeros(whole.shape)
    for part in parts:
        form = part.format
        assert 0 <= form.exponent <= exponent_max
        assert np.all(part.mantissas % form.step == 0)
        assert np.all((part.mantissas >= form.limits[0]) & (part.mantissas <= form.limits[1]))
        assert natural_sign(part.mantissas) in (form.sign, "excitatory", "inhibitory")
        total += part.mantissas * 2.0**form.exponent
    np.testing.assert_array_equal(total, whole)


def test_the_reach_is_sixteen_bits():
    assert reach("mixed", 8, 7).limits == (-32768, 32767)
    assert reach("excitatory", 8, 7).limits == (0, 255 * 128 + 127)
    assert reach("inhibitory", 8, 7).limits == (-255 * 128 - 127, 0)
    assert reach("mixed", 8, 7).step == 1
    # six bits: steps of 4, and only as far as a low part of 0..252 fills the gaps
    assert reach("mixed", 6, 7).step == 4


def test_one_part_is_enough_where_one_format_holds_the_weights():
    (part,) = parts_of(np.array([-256.0, 254, 6]), "mixed", 8, 7)
    assert part.label == ""
    assert (part.format.exponent, part.format.sign) == (0, "mixed")
    (part,) = parts_of(np.array([512.0, 4]), "excitatory", 8, 7)
    assert part.format.exponent == 2


def network(weight, back) -> Network:
    rule = Rule(0.875, 1.0, (Receptor(0.5),))
    hidden, out = Population("h", (6,), rule), Population("o", (2,), rule)
    projections = (
        Projection("in", "h", (Dense(weight),)),
        Projection("h", "h", (Dense(back),), 1),
        Projection("h", "o", (Dense(weight[:2, :6]),)),
    )
    return Network(1e-3, (Input("in", (8,)),), (hidden, out), projections, ("o",), Decision("o"))


def sample(seed: int) -> tuple[Network, np.ndarray]:
    rng = np.random.default_rng(seed)
    weight, back = rng.normal(0.2, 0.6, (6, 8)), rng.normal(-0.5, 1.0, (6, 6))
    weight[0, 0], back[2, 3] = 9.0, -12.0
    return network(weight, back), (rng.random((60, 5, 8)) < 0.4).astype(np.int64)


@pytest.mark.parametrize("engine", ["torch", "lava"])
def test_split_networks_have_the_same_bits_on_every_engine(engine):
    for seed in range(3):
        net, x = sample(seed)
        made = quantize(net, "loihi1", x, "split")
        assert len(made.projections) == 6
        one, two = (run(made, x, e, ("spikes", "u", "v")) for e in ("reference", engine))
        assert one.spikes["h"].any()
        for what in ("spikes", "u", "v"):
            ours, theirs = getattr(one, what), getattr(two, what)
            assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_the_parts_act_as_the_sum_of_their_integers():
    """The same spikes and states as a network whose single weights are the sums, which no chip could store."""
    net, x = sample(4)
    made = quantize(net, "loihi1", x, "split")
    scale = {p.name: float(p.rule.scale) / 64 for p in made.populations}
    for p in net.projections:
        parts = [q for q in made.projections if q.name.startswith(p.name + " | ")]
        assert len(parts) == 2
        total = sum(q.maps[0].weight * 2.0**q.format.exponent for q in parts)
        # no weight is off by more than one LSB of the scale, and most are the nearest
        off = np.abs(total - p.maps[0].weight * scale[p.target])
        assert off.max() < 1
        assert np.mean(off <= 0.5) > 0.6
    one = run(made, x, record=("spikes", "u"))
    a = sum((q.maps[0].weight * 2**q.format.exponent) for q in made.projections if q.source == "in")
    np.testing.assert_array_equal(one.u["h"][0], x[0] @ a.T * 64)


def test_the_cost_is_counted_in_synapses_and_axons():
    """8 inputs onto 3 neurons: 24 synapses and 8 axons; in two parts, each as many as its non-zero weights ask for."""
    weight = np.full((3, 8), 0.37) + np.arange(24).reshape(3, 8) / 64
    weight[0, 0] = -3.0
    net = Network(
        1e-3,
        (Input("in", (8,)),),
        (Population("p", (3,), Rule(0.9, 1.0)),),
        (Projection("in", "p", (Dense(weight),)),),
        ("p",),
    )
    (single,) = place(quantize(net, "loihi1"), "loihi1").cores
    assert (single.synapses, single.input_axons) == (24, 8)
    made = quantize(net, "loihi1", method="split")
    high, low = (p.maps[0].weight for p in made.projections)
    (double,) = place(made, "loihi1").cores
    assert double.synapses == np.count_nonzero(high) + np.count_nonzero(low) > 24
    assert double.input_axons == high.any(axis=0).sum() + low.any(axis=0).sum() == 16


def test_convolutions_are_split_too():
    rng = np.random.default_rng(9)
    conv = Conv(rng.normal(0.1, 0.4, (3, 1, 3, 3)), padding=((1, 1), (1, 1)))
    net = Network(
        1e-3,
        (Input("in", (1, 6, 6)),),
        (Population("c", (3, 6, 6), Rule(0.9, 1.0)), Population("o", (4,), Rule(0.9, 1.0))),
        (
            Projection("in", "c", (conv,)),
            Projection("c", "o", (Flatten(0, -1, 3), Dense(rng.normal(0, 0.2, (4, 108))))),
        ),
        ("o",),
    )
    x = (rng.random((20, 3, 1, 6, 6)) < 0.3).astype(np.int64)
    made = quantize(net, "loihi2", x, "split")
    assert len(made.projections) == 4
    one, two = run(net, x), run(made, x)
    assert np.mean(one.spikes["c"] == two.spikes["c"]) > 0.995
    joined = replace(conv, weight=sum(p.maps[0].weight * 2**p.format.exponent for p in made.projections[:2]))
    first = run(made, x, record=("u",)).u["c"][0]
    np.testing.assert_array_equal(first, joined.apply(x[0]) * 64)

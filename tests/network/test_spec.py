"""Each breach of the spec is reported with its code; all at once."""

from dataclasses import replace

import numpy as np
import pytest
from random_networks import EVERY, PLAIN, float_network, integer_network

from snndeploy.errors import SnnDeployError
from snndeploy.network import (
    Adaptation,
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
    Scale,
    spec,
)
from snndeploy.network.registers import natural_sign


def good() -> Network:
    return Network(
        1e-3,
        (Input("in", (2,)),),
        (Population("a", (3,), Rule(0.9)), Population("b", (1,), Rule(0.9))),
        (Projection("in", "a", (Dense(np.ones((3, 2)) / 2),)), Projection("a", "b", (Dense(np.ones((1, 3)) / 2),))),
        ("b",),
        Decision("b"),
    )


def integer() -> Network:
    return Network(
        1e-3,
        (Input("in", (2,)),),
        (Population("a", (3,), Registers(4095, 0, 100)),),
        (Projection("in", "a", (Dense(np.full((3, 2), 4)),), format=Format()),),
        ("a",),
    )


def rule(**changes):
    net = good()
    return net.with_(
        populations=(replace(net.populations[0], rule=Rule(**{"beta": 0.9} | changes)), net.populations[1])
    )


def registers(**changes):
    net = integer()
    fields = {"du": 4095, "dv": 0, "vth": 100} | changes
    return net.with_(populations=(replace(net.populations[0], rule=Registers(**fields)),))


def projection(net, **changes):
    return net.with_(projections=(replace(net.projections[0], **changes), *net.projections[1:]))


BREACHES = {
    "same name": (good().with_(inputs=(Input("a", (2,)),)), {"SD101", "SD102"}),
    "slash": (good().with_(inputs=(Input("in", (2,)), Input("x/y", (2,)))), {"SD101"}),
    "unknown source": (projection(good(), source="nobody"), {"SD102"}),
    "unknown target": (projection(good(), target="in"), {"SD102", "SD114"}),
    "unknown output": (good().with_(outputs=("nobody",), decision=None), {"SD102"}),
    "decision elsewhere": (good().with_(decision=Decision("a")), {"SD102"}),
    "no input": (good().with_(inputs=()), {"SD112", "SD102"}),
    "no output": (good().with_(outputs=(), decision=None), {"SD112"}),
    "nothing arrives": (good().with_(projections=good().projections[:1]), {"SD114"}),
    "weight shape": (projection(good(), maps=(Dense(np.ones((3, 5))),)), {"SD103"}),
    "delivered shape": (projection(good(), maps=(Dense(np.ones((4, 2))),)), {"SD103"}),
    "conv on a vector": (projection(good(), maps=(Conv(np.ones((1, 2, 3, 3))),)), {"SD103"}),
    "nan beta": (rule(beta=np.nan), {"SD104"}),
    "growing state": (rule(beta=1.01), {"SD105"}),
    "wrong parameter shape": (rule(beta=np.full(2, 0.5)), {"SD103"}),
    "infinite weight": (projection(good(), maps=(Dense(np.full((3, 2), np.inf)),)), {"SD104"}),
    "infinite scale": (projection(good(), maps=(Scale(np.inf), Dense(np.ones((3, 2))))), {"SD104"}),
    "negative delay": (projection(good(), delay=-1), {"SD105"}),
    "no such receptor": (projection(good(), receptor=1), {"SD102"}),
    "no receptor": (rule(receptors=()), {"SD105", "SD102"}),
    "negative refractory": (rule(refractory=Refractory(-1)), {"SD105"}),
    "refractory without threshold": (rule(threshold=None, refractory=Refractory(1)), {"SD113"}),
    "negative bias onset": (registers(bias_onset=-1), {"SD105"}),
    "shrinking and alternating state": (rule(beta=-1.01), {"SD105"}),
    "unknown reset": (rule(reset=Reset("subtract", 1.0)), {"SD105"}),
    "unknown time of a reset": (rule(reset=Reset("to", 0.0, "later")), {"SD105"}),
    "unknown synapse": (rule(synapse="parallel"), {"SD105"}),
    "unknown kind of input": (good().with_(inputs=(Input("in", (2,), "rate"),)), {"SD105"}),
    "unknown decision": (good().with_(decision=Decision("b", "mean-v")), {"SD105"}),
    "half a step of delay": (projection(good(), delay=0.5), {"SD105"}),
    "half a refractory step": (rule(refractory=Refractory(1.5)), {"SD105"}),
    "scale in integers": (projection(integer(), maps=(Scale(2), *integer().projections[0].maps)), {"SD107"}),
    "negative onset": (rule(receptors=(Receptor(onset=-1),)), {"SD105"}),
    "dt": (good().with_(dt=0.0), {"SD105"}),
    "loop": (
        good().with_(projections=(*good().projections, Projection("b", "a", (Dense(np.ones((3, 1))),)))),
        {"SD106"},
    ),
    "mixed forms": (integer().with_(projections=(replace(integer().projections[0], format=None),)), {"SD107"}),
    "real input": (integer().with_(inputs=(Input("in", (2,), "real"),)), {"SD111"}),
    "float weights": (projection(integer(), maps=(Dense(np.full((3, 2), 0.5)),)), {"SD107"}),
    "average": (
        integer().with_(
            inputs=(Input("in", (1, 2, 2)),),
            populations=(replace(integer().populations[0], shape=(1, 1, 1)),),
            projections=(
                replace(integer().projections[0], maps=(Pool((2, 2), (2, 2)), Conv(np.full((1, 1, 1, 1), 2)))),
            ),
        ),
        {"SD107"},
    ),
    "vth": (registers(vth=2**17), {"SD109"}),
    "du": (registers(du=4096), {"SD109"}),
    "dv": (registers(dv=-1), {"SD109"}),
    "bias": (registers(bias_mant=5000), {"SD109"}),
    "exponent": (projection(integer(), format=Format(9)), {"SD109"}),
    "bits": (projection(integer(), format=Format(0, 9)), {"SD109"}),
    "odd mixed weight": (projection(integer(), maps=(Dense(np.full((3, 2), 3)),)), {"SD110"}),
    "large weight": (projection(integer(), maps=(Dense(np.full((3, 2), 256)),)), {"SD110"}),
    "membrane feeds others": (
        integer().with_(
            populations=(Population("a", (3,), Registers(4095, 0, None)), Population("b", (3,), Registers(4095, 0, 9))),
            projections=(
                *integer().projections,
                Projection("a", "b", (Dense(np.eye(3, dtype=int) * 2),), format=Format()),
            ),
        ),
        {"SD108"},
    ),
}


@pytest.mark.parametrize("name", BREACHES)
def test_breach_is_reported(name):
    network, codes = BREACHES[name]
    assert {finding.code for finding in spec.findings(network)} == codes
    with pytest.raises(SnnDeployError):
        spec.check(network)


def test_good_networks_have_no_finding():
    assert spec.findings(good()) == []
    assert spec.findings(integer()) == []


@pytest.mark.parametrize("seed", range(60))
def test_random_networks_are_legal(seed):
    assert spec.findings(float_network(np.random.default_rng(seed), EVERY)) == []
    assert spec.findings(integer_network(np.random.default_rng(seed), PLAIN, extreme=seed % 2 == 0)) == []


def test_everything_is_reported_at_once():
    bad = projection(rule(beta=2.0).with_(dt=-1.0), maps=(Dense(np.full((3, 5), np.nan)),))
    codes = [finding.code for finding in spec.findings(bad)]
    assert sorted(codes) == ["SD103", "SD104", "SD105", "SD105"]


@pytest.mark.parametrize("sign", ["mixed", "excitatory", "inhibitory"])
@pytest.mark.parametrize("bits", range(1, 9))
def test_grids_hold_what_lava_keeps(sign, bits):
    """What lava-nc 0.10.0 does to mantissas (clip, then floor to the kept bits) leaves every grid point as it is."""
    form = Format(0, bits, sign)
    low, high = form.limits
    grid = np.arange(low, high + 1, form.step)
    shift = 8 - bits + (sign == "mixed")
    kept = np.clip(abs(grid) if sign == "inhibitory" else grid, -256 if sign == "mixed" else 0, 255) >> shift << shift
    np.testing.assert_array_equal(-kept if sign == "inhibitory" else kept, grid)
    assert len(grid) >= 2**bits


LIMITS = {
    "du": (0, 4095),
    "dv": (0, 4095),
    "vth": (0, 2**17 - 1),
    "bias_mant": (-4096, 4095),
    "bias_exp": (0, 7),
    "initial_u": (1 - 2**23, 2**23 - 1),
    "initial_v": (1 - 2**23, 2**23 - 1),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_register_holds_its_limits_and_no_more(name):
    low, high = LIMITS[name]
    for value, fits in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
        assert [f.code for f in spec.findings(registers(**{name: value}))] == ([] if fits else ["SD109"]), value


def test_the_other_limits_of_the_integer_form():
    for exponent in (-9, -8, 7, 8):
        found = spec.findings(projection(integer(), format=Format(exponent)))
        assert [f.code for f in found] == ([] if exponent in (-8, 7) else ["SD109"])
    for value in (-(2**23), 1 - 2**23, 2**23 - 1, 2**23):
        found = spec.findings(registers(reset=Reset("by", value)))
        assert [f.code for f in found] == ([] if abs(value) < 2**23 else ["SD109"])


def test_every_number_of_a_rule_is_checked():
    changes = [{name: np.nan} for name in ("beta", "threshold", "bias", "floor", "state_floor", "value", "initial")]
    changes += [{"receptors": (Receptor(**{name: np.nan}),)} for name in ("alpha", "gain", "constant", "initial")]
    changes += [{"adaptation": Adaptation(*pair)} for pair in ((np.nan, 1.0), (0.5, np.nan))]
    for change in [*changes, {"reset": Reset("by", np.nan)}]:
        assert [f.code for f in spec.findings(rule(**change))] == ["SD104"], change


def pooled(stride: int, weight: int) -> Network:
    """Sums over windows of two places in front of equal mantissas."""
    places = {1: 3, 2: 2}[stride]
    maps = (Pool((2,), (stride,), (0,), "sum"), Flatten(0, -1, 2), Dense(np.full((3, places), weight)))
    return projection(integer().with_(inputs=(Input("in", (1, 4)),)), maps=maps)


def test_weights_that_overlapping_windows_add_up_are_within_their_limits():
    """Lava and a chip hold one mantissa per synapse; two windows over one place make it a sum."""
    assert spec.findings(pooled(2, 200)) == []
    assert spec.findings(pooled(1, 100)) == []
    assert [f.code for f in spec.findings(pooled(1, 200))] == ["SD110"]


def test_the_sign_mode_of_weights():
    for weight, sign in (([0, 2], "excitatory"), ([-2, 0], "inhibitory"), ([0], "excitatory"), ([-2, 2], "mixed")):
        assert natural_sign(np.array(weight)) == sign

"""Quantising: dyadic networks exactly, random ones legally and closely, everything else refused by name."""

# ruff: noqa: E501
from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from random_networks import PLAIN, float_network, spikes_for

from snndeploy import targets
from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.network import (
    Adaptation,
    Conv,
    Decision,
    Dense,
    Flatten,
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
    arrays,
    spec,
)
from snndeploy.quantize import prepared, quantize, report
from snndeploy.quantize.certificate import overflows

DATA = Path(__file__).parents[3] / "shared" / "data"


def dense(rule: Rule, weight, kind: str = "binary") -> Network:
    weight = np.asarray(weight, np.float64)
    population = Population("p", weight.shape[:1], rule)
    feed = Projection("in", "p", (Dense(weight),))
    return Network(1e-3, (Input("in", weight.shape[1:], kind),), (population,), (feed,), ("p",), Decision("p"))


def dyadic(rng: np.random.Generator, when: str) -> Network:
    """Weights, thresholds and biases on coarse grids; no decay that truncates."""

    def weights(*size: int) -> np.ndarray:
        return rng.integers(-12, 16, size) / 16

    def rule(n: int) -> Rule:
        value = rng.integers(8, 24, n) / 16
        kind = {"to": Reset("to", rng.integers(-4, 4, n) / 16, "now"), "by": Reset("by", value, "now")}
        reset = kind.get(when, Reset("by", value, when))
        return Rule(1.0, rng.integers(16, 40, n) / 16, (Receptor(0.0, 0.5, rng.integers(0, 3, n) / 16),), reset=reset)

    conv = Conv(weights(2, 1, 3, 3), padding=((1, 1), (1, 1)))
    populations = [Population("a", (2, 6, 6), replace(rule(1), bias=0.125)), Population("b", (5,), rule(5))]
    populations.append(Population("c", (3,), rule(3)))
    projections = (
        Projection("in", "a", (conv,)),
        Projection("a", "b", (Pool((2, 2), (2, 2)), Flatten(0, -1, 3), Dense(weights(5, 18)))),
        Projection("b", "b", (Dense(weights(5, 5)),), 1),
        Projection("b", "c", (Dense(weights(3, 5)), Scale(np.asarray(0.5)))),
    )
    return Network(1e-3, (Input("in", (1, 6, 6)),), tuple(populations), projections, ("c",), Decision("c"))


@pytest.mark.parametrize("when", ["to", "by", "next", "residual"])
@pytest.mark.parametrize("calibrated", [False, True])
def test_a_dyadic_network_is_exact(when, calibrated):
    fired = 0
    for seed in range(4):
        rng = np.random.default_rng([seed, len(when)])
        network = dyadic(rng, when)
        x = spikes_for(rng, network, 40, 2)
        made = quantize(network, "loihi2", x if calibrated else None)
        one, two = (run(each, x, record=("spikes", "v")) for each in (network, made))
        for name in one.spikes:
            assert np.array_equal(one.spikes[name], two.spikes[name]), (seed, name)
            np.testing.assert_array_equal(two.membrane(name), one.v[name])
            fired += int(one.spikes[name].sum())
    assert fired > 250


def test_dyadic_decays_are_exact_as_long_as_nothing_is_cut_off():
    """beta = 1/2 and alpha = 1/2 take one bit per step; over few steps the states still have it."""
    rng = np.random.default_rng(3)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        network = dense(Rule(0.5, 1.5, (Receptor(0.5),)), rng.integers(-8, 12, (6, 4)) / 8)
        x = spikes_for(rng, network, 4, 16)
        made = quantize(network, "loihi1")
        one, two = (run(each, x, record=("spikes", "u", "v")) for each in (network, made))
        assert np.array_equal(one.spikes["p"], two.spikes["p"])
        np.testing.assert_array_equal(two.membrane("p"), one.v["p"])


def test_onsets_and_states_before_the_first_step_are_kept():
    receptor = Receptor(0.5, initial=[0.25, -0.5])
    rule = Rule(0.75, 1.0, (receptor,), bias=0.125, bias_onset=3, initial=[-0.125, 0.5])
    made = quantize(dense(rule, np.array([[0.5, 0.25], [0.75, -0.5]])), "loihi1").population["p"].rule
    assert made.bias_onset == 3
    for kept, wanted in ((made.initial_u, receptor.initial), (made.initial_v, rule.initial)):
        np.testing.assert_array_equal(kept, np.rint(wanted * made.scale))
    assert (made.bias_mant * 2.0**made.bias_exp / made.scale).tolist() == pytest.approx(0.125, rel=1e-3)


def test_at_least_theta_is_exact_for_whole_numbers_of_lsb():
    """p >= 1 is written p > the float below 1; sums of quarters hit 1 exactly, and must spike."""
    network = dense(Rule(1.0, np.nextafter(1.0, 0.0)), [[0.25, 0.25, 0.5], [0.75, 0.25, -0.25]])
    x = (np.random.default_rng(0).random((60, 8, 3)) < 0.4).astype(int)
    one, two = run(network, x), run(quantize(network, "loihi1"), x)
    assert one.spikes["p"].sum() > 50
    assert np.array_equal(one.spikes["p"], two.spikes["p"])


def test_random_networks_become_legal_and_stay_close():
    kept, worst, refused = [], 0.0, set()
    for seed in range(24):
        rng = np.random.default_rng([seed, 7])
        network = float_network(rng, PLAIN | {"reset value", "graded"})
        x = spikes_for(rng, network, 30, 4)
        try:
            made = quantize(network, "loihi2", x if seed % 2 else None)
        except SnnDeployError as problem:
            refused |= {f.code for f in problem.findings}
            continue
        assert not spec.findings(made)
        assert all(p.format.exponent >= 0 for p in made.projections)
        assert not overflows(made, targets.load("loihi2"), dict.fromkeys(made.shapes, 1.0))
        one, two = run(network, x), run(made, x)
        for name in one.spikes:
            kept.append(np.mean(one.spikes[name] == two.spikes[name]))
        for row in report(network, made):
            worst = max(worst, abs(row.beta[0] - row.beta[1]), abs(row.alpha[0] - row.alpha[1]))
    assert refused <= {"SD602"}  # a float32 beta next to 1
    assert len(kept) > 30
    assert worst <= 1 / 8192 + 1e-12
    assert np.mean(kept) > 0.985


def test_the_membrane_reads_in_float_units():
    rule = Rule(0.9, [1.0, 2.0], bias=0.05, initial=0.25, reset=Reset("to", -0.5))
    network = dense(rule, [[0.3, 0.2, -0.1], [0.7, -0.3, 0.4]])
    x = (np.random.default_rng(1).random((12, 4, 3)) < 0.3).astype(int)
    made = quantize(network, "loihi1", x)
    one, two = (run(each, x, record=("spikes", "v")) for each in (network, made))
    assert np.array_equal(one.spikes["p"], two.spikes["p"])
    np.testing.assert_allclose(two.membrane("p"), one.v["p"], atol=0.03)


def test_the_worst_case_is_reached_and_does_not_wrap():
    """Every source at its maximum for ever: the current climbs to its bound, and the register still holds it."""
    rng = np.random.default_rng(5)
    for sign in (1.0, -1.0):
        network = dense(Rule(0.5, 1.0, (Receptor(0.98),)), sign * rng.random((4, 300)))
        made = quantize(network, "loihi1")
        u = run(made, np.ones((600, 1, 300), int), record=("u",)).u["p"]
        assert 2**22 < np.abs(u).max() < 2**23
        assert np.all(np.diff(sign * u, axis=0) >= 0)


def test_counts_use_the_largest_count_of_the_calibration():
    rng = np.random.default_rng(2)
    network = dense(Rule(0.9, 8.0, (Receptor(0.5),)), rng.normal(0.2, 0.5, (5, 20)), "counts")
    x = rng.poisson(2.0, (50, 4, 20))
    made = quantize(network, "loihi2", x)
    assert made.provenance["largest count of in"] == str(x.max())
    assert not overflows(made, targets.load("loihi2"), {"in": float(x.max()), "p": 1.0})
    one, two = run(network, x), run(made, x)
    assert np.mean(one.spikes["p"] == two.spikes["p"]) > 0.98


def test_an_output_without_threshold_reads_its_membrane():
    rng = np.random.default_rng(4)
    network = dense(Rule(0.95, None, reset=Reset("none")), rng.normal(0, 1, (4, 10))).with_(
        decision=Decision("p", "last-v")
    )
    x = (rng.random((40, 32, 10)) < 0.3).astype(int)
    for calibration in (None, x):
        one, two = run(network, x), run(quantize(network, "loihi1", calibration), x)
        np.testing.assert_allclose(two.membrane("p"), one.v["p"], atol=0.2)
        assert np.mean(one.decisions() == two.decisions()) > 0.9


def test_quantising_changes_nothing_of_what_it_was_given():
    rng = np.random.default_rng(6)
    network, same = (float_network(np.random.default_rng(11), PLAIN - {"initial"}) for _ in range(2))
    x = spikes_for(rng, network, 10, 2)
    copy = {name: a.copy() for name, a in x.items()}
    quantize(network, "loihi2", x)
    assert arrays.equal(network, same)
    assert all(np.array_equal(x[name], copy[name]) for name in x)


def codes(network: Network, target: str = "loihi2", calibration=None) -> dict[str, str]:
    with pytest.raises(SnnDeployError) as caught:
        quantize(network, target, calibration)
    return {f.code: str(f) for f in caught.value.findings}


W = np.full((3, 2), 0.5)


@pytest.mark.parametrize(
    ("code", "said", "rule", "target"),
    [
        ("SD602", "beta: 0.9999 is slower.*nearest is 0.999756 or exactly 1", Rule(0.9999), "loihi2"),
        ("SD602", "beta: -0.5 is negative", Rule(-0.5), "loihi2"),
        ("SD602", r"alpha: 1.0 is slower.*nearest is 0.999756\. ", Rule(1.0, receptors=(Receptor(1.0),)), "loihi2"),
        ("SD603", "threshold is -0.5 above what it resets to", Rule(0.5, 0.5, reset=Reset("to", 1.0)), "loihi2"),
        ("SD604", "2 receptors", Rule(0.5, receptors=(Receptor(), Receptor(0.5))), "loihi2"),
        ("SD206", "refractory for 70 steps; loihi2 holds 62", Rule(0.5, refractory=Refractory(70)), "loihi2"),
        ("SD206", "threshold adapts", Rule(0.5, adaptation=Adaptation(0.5, 0.1)), "loihi1"),
        ("SD604", "floor at -1", Rule(0.5, floor=-1.0), "loihi2"),
        ("SD604", "state_floor at 0", Rule(0.5, state_floor=0.0), "loihi2"),
        ("SD604", "resets its current", Rule(0.5, receptors=(Receptor(0.5, reset=True),)), "loihi2"),
        ("SD206", "its reset is 'by'; the neurons of loihi1 only do 'to'", Rule(0.5, reset=Reset("by", 1.0)), "loihi1"),
        ("SD206", "its reset acts 'next'; the neurons of loihi1 only do 'now'", Rule(0.5, reset=Reset("to", 0.0, "next")), "loihi1"),
        ("SD206", "its reset is 'none'", Rule(0.5, reset=Reset("none")), "loihi1"),
        ("SD605", "does not start at 0", Rule(0.5, synapse="synchronous", receptors=(Receptor(0.5, initial=1.0),)), "loihi1"),
        ("SD607", "the state that it starts from leaves a scale of 0.000131 LSB", Rule(0.5, initial=1e9), "loihi1"),
        ("SD607", "worst case leaves a scale of .* at least 8 are", Rule(0.5, 1e-5, (Receptor(0.99),)), "loihi1"),
    ],
)  # fmt: skip
def test_what_registers_cannot_hold_is_refused_by_name(code, said, rule, target):
    found = codes(dense(rule, W), target)
    assert list(found) == [code]
    assert re.search(said, found[code]), found[code]
    assert "'p'" in found[code]
    assert "Fix:" in found[code]


def test_everything_wrong_is_said_at_once():
    rule = Rule(0.9999, state_floor=0.0, reset=Reset("by", 1.0), synapse="synchronous",
                receptors=(Receptor(0.5, initial=1.0),))  # fmt: skip
    network = dense(rule, W, "counts")
    found = codes(network, "loihi1", np.zeros((0, 1, 2)))
    assert set(found) == {"SD207", "SD206", "SD604", "SD602", "SD606", "SD605"}


@pytest.mark.parametrize("kind", ["real", "counts"])
def test_inputs_that_a_chip_does_not_take_are_refused(kind):
    assert "SD207" in codes(dense(Rule(0.5), W, kind), "loihi1")
    assert set(codes(dense(Rule(0.5), W, kind), "loihi2")) == {"SD207" if kind == "real" else "SD606"}


@pytest.mark.parametrize(
    "bad",
    [np.zeros((5, 0, 2)), np.zeros((0, 3, 2)), np.zeros((5, 3, 4)), np.full((5, 3, 2), 0.5), {"x": np.zeros((5, 3, 2))}, "no"],
)  # fmt: skip
def test_a_calibration_that_does_not_fit_is_refused(bad):
    found = codes(dense(Rule(0.5), W), calibration=bad)
    assert list(found) == ["SD606"]
    assert "calibration, input" in found["SD606"]


def test_an_integer_network_an_unknown_target_and_a_long_delay_are_refused():
    made = quantize(dense(Rule(0.5), W), "loihi2")
    assert isinstance(made.population["p"].rule, Registers)
    assert list(codes(made)) == ["SD601"]
    assert list(codes(dense(Rule(0.5), W), "truenorth")) == ["SD201"]
    late = made_late(dense(Rule(0.5), W), 63)
    assert "wait 63 steps; loihi2 holds 62" in codes(late)["SD208"]
    quantize(made_late(late, 62), "loihi2")


def made_late(network: Network, delay: int) -> Network:
    """A second projection as late as that; the first one keeps the latency at one step."""
    both = (network.projections[0], replace(network.projections[0], delay=delay, name="late"))
    return network.with_(projections=both)


def test_prepared_has_one_receptor_of_gain_one_and_no_constants():
    rule = Rule(0.9, receptors=(Receptor(0.5, gain=[0.1, 0.2, 0.3], constant=0.1),), synapse="synchronous")
    ready = prepared(dense(rule, W))
    receptor = ready.population["p"].rule.receptors[0]
    assert receptor.gain.tolist() == 1.0
    assert receptor.constant == 0.0
    assert [p.delay for p in ready.projections] == [1, 1]


def braille() -> tuple[Network, np.ndarray, np.ndarray]:
    """The recurrent network of the NIR paper (reset to zero) and the recordings; the parameters from the file."""
    import h5py

    path = DATA / "nir" / "braille_noDelay_bias_zero.nir"
    if not path.exists():
        pytest.skip("the folder shared/data is not here")
    with h5py.File(path) as file:
        nodes = file["node"]["nodes"]
        w = {n: nodes[n]["weight"][()].astype(float) for n in ("fc1", "lif1.w_rec", "fc2")}
        b = {n: nodes[n]["bias"][()].astype(float) for n in w}
        decay = {n: {k: 1 - 1e-4 / nodes[n][k][()].astype(float) for k in ("tau_mem", "tau_syn")} for n in ("lif1.lif", "lif2")}  # fmt: skip

    def rule(name: str, constant) -> Rule:
        beta, alpha = (np.float32(decay[name][k]) for k in ("tau_mem", "tau_syn"))
        return Rule(beta, 1.0, (Receptor(alpha, constant=constant),))

    populations = (
        Population("hidden", (38,), rule("lif1.lif", b["fc1"] + b["lif1.w_rec"])),
        Population("out", (7,), rule("lif2", b["fc2"])),
    )
    projections = (
        Projection("in", "hidden", (Dense(w["fc1"]),)),
        Projection("hidden", "hidden", (Dense(w["lif1.w_rec"]),), 1),
        Projection("hidden", "out", (Dense(w["fc2"]),)),
    )
    network = Network(1e-4, (Input("in", (12,)),), populations, projections, ("out",), Decision("out"))
    data = np.load(DATA / "braille" / "braille7_700.npz")
    return network, data["X"].astype(np.int64).transpose(1, 0, 2), data["y"]


def test_braille_keeps_its_accuracy():
    """Float .964 on these 700 recordings; one scale for all by the largest weight gives .777."""
    network, x, y = braille()
    made = quantize(network, "loihi1", x[:, :200])
    float_right = run(network, x, engine="torch").decisions() == y
    integer_right = run(made, x, engine="torch").decisions() == y
    assert float_right.mean() == pytest.approx(0.964, abs=0.002)
    assert integer_right.mean() >= 0.945
    assert integer_right[200:].mean() >= 0.94

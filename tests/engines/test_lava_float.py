"""Lava's floating point models, inline, against the reference in float64 and against snnTorch itself."""

from __future__ import annotations

import numpy as np
import pytest
from random_networks import EVERY, PLAIN, float_network, spikes_for

from snndeploy.engines import run
from snndeploy.engines.lava.patches import missing
from snndeploy.errors import SnnDeployError
from snndeploy.network import Dense, Input, Network, Population, Projection, Receptor, Reset, Rule

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))

EVERYTHING = ("spikes", "u", "v")
HARD = frozenset({"current", "bias", "convolution", "skip", "delay", "readout"})


@pytest.mark.parametrize("kind", ["binary", "real"])
@pytest.mark.parametrize("features", [EVERY, PLAIN, HARD], ids=["every", "plain", "hard"])
def test_random_networks_spike_like_the_reference(features: frozenset[str], kind: str) -> None:
    notes: list[str] = []
    spikes = 0
    for seed in range(40):
        rng = np.random.default_rng(seed + 500 * (kind == "real"))
        network = float_network(rng, features, kind)
        given = spikes_for(rng, network, 20, 2)
        reference, lava = (run(network, given, engine, EVERYTHING) for engine in ("reference", "lava"))
        notes += lava.notes
        for name, array in reference.spikes.items():
            np.testing.assert_array_equal(array, lava.spikes[name], err_msg=f"seed {seed}, {name}: {lava.notes}")
            spikes += int(array.sum())
        for what in ("u", "v"):
            one, other = getattr(reference, what), getattr(lava, what)
            assert one.keys() == other.keys()
            for name in one:
                np.testing.assert_allclose(one[name], other[name], rtol=0, atol=1e-9, err_msg=f"seed {seed}, {name}")
    assert spikes > 1000
    ran = {note.split(": ")[1].split(",")[0] for note in notes}
    assert {"lava Dense", "lava Sparse", "lava DelayDense", "snndeploy RuleLIF"} <= ran
    if features == HARD:
        assert {"lava LIF", "lava LIFReset"} <= ran
        assert any("always-on axon" in note for note in notes)


SETTINGS = [
    ("subtract", True, Reset("by", 1.0, "next")),
    ("subtract", False, Reset("by", 1.0, "residual")),
    ("zero", True, Reset("to", 0.0, "next")),
    ("zero", False, Reset("to", 0.0, "now")),
    ("none", True, Reset("none")),
]


# Leaky applies "zero" with delay before the input, and stores the membrane from before the reset
COMBINATIONS = [(alpha, *s) for alpha in (0.0, 0.5) for s in SETTINGS if alpha or s[:2] != ("zero", True)]


@pytest.mark.parametrize(("alpha", "mechanism", "late", "reset"), COMBINATIONS)
@pytest.mark.parametrize("beta", [0.5, 0.75, 1.0])
def test_every_reset_is_exactly_that_of_snntorch(
    alpha: float, mechanism: str, late: bool, reset: Reset, beta: float
) -> None:
    """Dyadic numbers leave no rounding: u, v and spikes in float64, equal to the last bit."""
    torch = pytest.importorskip("torch")
    snntorch = pytest.importorskip("snntorch")
    rng = np.random.default_rng(7)
    steps = 12 if alpha else 24  # so that all fractions stay within the mantissa
    weight = rng.integers(-8, 17, (6, 5)) / 16
    spikes = rng.random((steps, 3, 5)) < 0.5
    rule = Rule(beta, 1.0, receptors=(Receptor(alpha),), reset=reset)
    network = Network(
        1e-3, (Input("in", (5,)),), (Population("p", (6,), rule),), (Projection("in", "p", (Dense(weight),)),), ("p",)
    )
    trace = run(network, spikes, "lava", EVERYTHING)
    settings = {"threshold": 1.0, "reset_mechanism": mechanism, "reset_delay": late}
    cell = snntorch.Synaptic(alpha, beta, **settings) if alpha else snntorch.Leaky(beta, **settings)
    cell = cell.double()
    drive = torch.tensor(spikes, dtype=torch.float64) @ torch.tensor(weight).T
    state = [torch.zeros(3, 6, dtype=torch.float64)] * (2 if alpha else 1)
    for t in range(steps):
        spk, *state = cell(drive[t], *state)
        u = state[0] if alpha else drive[t]
        for kind, theirs in (("spikes", spk.bool()), ("u", u), ("v", state[-1])):
            np.testing.assert_array_equal(getattr(trace, kind)["p"][t], theirs.detach().numpy(), err_msg=f"{kind}, {t}")
    assert trace.spikes["p"].any()


def small(rule: Rule, kind: str = "binary") -> Network:
    return Network(
        1e-3,
        (Input("in", (2,), kind),),
        (Population("p", (2,), rule),),
        (Projection("in", "p", (Dense(np.array([[0.7, 0.2], [0.4, 0.6]])),)),),
        ("p",),
    )


@pytest.mark.parametrize(
    ("rule", "process"),
    [
        (Rule(0.9), "lava LIF"),
        (Rule(0.9, receptors=(Receptor(0.75),)), "lava LIF"),
        (Rule(0.9, bias=0.1), "lava LIFReset, offset 2"),
        (Rule(0.9, receptors=(Receptor(0.5, constant=0.1),)), "lava LIF, constant by an always-on axon"),
        # 1 - (1 - 0.1) is not 0.1
        (Rule(0.1), "snndeploy RuleLIF, start 1"),
        (Rule(0.9, receptors=(Receptor(0.5, gain=0.3),)), "snndeploy RuleLIF, start 1"),
        (Rule(0.9, receptors=(Receptor(0.5, reset=True),)), "snndeploy RuleLIF, start 1"),
        (Rule(0.9, value=-0.5), "snndeploy RuleLIF, start 1"),
        (Rule(0.9, threshold=-0.5), "snndeploy RuleLIF, start 1"),
        (Rule(0.9, bias=0.1, bias_onset=2), "snndeploy RuleLIF, start 1"),
        (Rule(0.9, reset=Reset("to", 0.1)), "snndeploy RuleLIF, start 1"),
        (Rule(0.9, threshold=None), "snndeploy RuleLIF, start 1"),
    ],
)
def test_which_process_holds_a_population(rule: Rule, process: str) -> None:
    spikes = np.random.default_rng(2).random((25, 2, 2)) < 0.6
    network = small(rule)
    lava, reference = (run(network, spikes, engine, EVERYTHING) for engine in ("lava", "reference"))
    assert lava.notes[0] == f"p: {process}"
    assert lava.spikes.keys() == reference.spikes.keys()
    for name in reference.spikes:
        np.testing.assert_array_equal(lava.spikes[name], reference.spikes[name])
    np.testing.assert_allclose(lava.v["p"], reference.v["p"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(lava.u["p"], reference.u["p"], rtol=0, atol=1e-12)


def test_what_lava_cannot_hold_is_refused_by_name() -> None:
    with pytest.raises(SnnDeployError, match=r"SD510 population 'p': 5 receptors exceed 4"):
        run(small(Rule(0.9, receptors=(Receptor(),) * 5)), np.ones((3, 1, 2)), "lava")
    with pytest.raises(SnnDeployError, match=r"SD510 population 'p': a spike of value 0"):
        run(small(Rule(0.9, value=0.0)), np.ones((3, 1, 2)), "lava")

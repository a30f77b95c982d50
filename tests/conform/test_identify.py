"""The rule of another simulator is found from its recording alone."""

import json
from pathlib import Path

import numpy as np
import pytest
from tie_networks import layers, spikes

import snndeploy as sd
from snndeploy import cli
from snndeploy.conform.identify import identify
from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.network import Receptor, Reset, Rule

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the folder of recordings, ../shared/data, is not here")


@needs_data
@pytest.mark.parametrize(
    ("name", "decays", "reset", "late", "scale", "error"),
    [
        ("norse", "forward Euler", "reset to 0", 0, 1, 1e-6),
        ("snntorch", "forward Euler", "reset to 0", 0, 25, 1e-6),
        ("spinnaker2", "forward Euler", "reset to 0", 0, 24.995, 1e-6),
        ("lava_cpu_float", "forward Euler", "reset to 0", 1, 1, 1e-6),
        ("rockpool", "β = exp(-dt/τ), input added whole", "the threshold is subtracted", 0, 1, 1e-6),
        ("sinabs", "β = exp(-dt/τ), input added whole", "the threshold is subtracted", 0, 1, 1e-6),
        ("lava_cpu_fixed", "forward Euler", "reset to 0", 1, None, 0.01),
        ("lava_loihi_fixed", "forward Euler", "reset to 0", 1, None, 0.01),
    ],
)
def test_nine_simulators_of_one_neuron(name, decays, reset, late, scale, error):
    """1,000 steps each, every spike, and the membrane to its own precision; what is known of them is not told."""
    rows = np.loadtxt(DATA / "traces" / f"lif_{name}.csv", delimiter=",")
    found = sd.identify(DATA / "nir" / "lif_norse.nir", rows[:, :1] > 0, rows[:, 2], rows[:, 1], dt=1e-4)
    best = found.best
    assert found.found
    assert best.decays.startswith(decays)
    assert best.reset.startswith(reset)
    assert "in the same step" in best.reset
    assert best.late == late
    assert best.v_error < error
    assert scale is None or best.scale == pytest.approx(scale, rel=1e-3)
    if "fixed" in name:
        # integers: every membrane but those of the spikes' own steps, where the chip records a marker
        whole = found.registers
        assert whole.differing == 0
        assert (int(whole.registers.dv), int(whole.registers.vth), int(whole.weights[0, 0])) == (163, 25, 10)
    else:
        assert found.registers is None


@needs_data
def test_the_exact_solution_is_closest_to_exponential_decays():
    rows = np.loadtxt(DATA / "traces" / "lif_exact.csv", delimiter=",")
    found = sd.identify(DATA / "nir" / "lif_norse.nir", rows[:, :1] > 0, rows[:, 2], rows[:, 1], dt=1e-4)
    assert found.found
    assert found.best.decays == "β = exp(-dt/τ), input held over the step"


@needs_data
@pytest.mark.parametrize(
    ("name", "reset", "constants", "late"),
    [
        ("snntorch", "reset to 0 in the same step", "constants from step 0 on", 0),
        ("norse", "reset to 0 in the same step", "the loop's constant from step 1 on", 0),
        ("spyx", "the threshold is subtracted in the same step", "constants from step 0 on", 1),
    ],
)
def test_hidden_activities_of_the_braille_network(name, reset, constants, late):
    """256 steps of 38 neurons: 0 bins differ, and one reading alone does that (or one that is the same rule)."""
    recorded = np.load(DATA / "traces" / f"{name}_activity_noDelay_bias_zero.npy")
    x = np.load(DATA / "braille" / "test_sample0.npy")
    found = sd.identify(DATA / "nir" / "braille_noDelay_bias_zero.nir", x, recorded, population="lif1.lif", dt=1e-4)
    assert found.best.differing == 0
    assert (found.best.reset, found.best.constants, found.best.late) == (reset, constants, late)
    assert found.best.order == "the membrane takes the current of this step"
    # a reset with the residual given back is the same wherever no residual is above the threshold
    assert all("residual" in each.reset and each.late == late for each in found.same)


@pytest.mark.parametrize("kind", ["to", "by"])
@pytest.mark.parametrize("when", ["now", "next"])
@pytest.mark.parametrize("order", ["sequential", "synchronous"])
def test_rules_of_our_own_are_found_again(kind, when, order):
    rng = np.random.default_rng(3)
    base = Rule(beta=0.9, receptors=(Receptor(alpha=0.6, constant=0.05),), reset=Reset("to", 0.0))
    network = layers([rng.normal(0.1, 0.3, (8, 6))], base)
    true = layers(
        [network.projections[0].maps[0].weight],
        Rule(beta=0.9, receptors=base.receptors, reset=Reset(kind, 1.0 if kind == "by" else 0.0, when), synapse=order),
    )
    x = spikes(rng, 80, 4, 6)
    found = identify(network, {"in": x}, run(true, x).spikes["p0"])
    assert found.found
    assert found.best.rule.synapse == order
    assert (found.best.rule.reset.kind, found.best.rule.reset.when) == (kind, when)
    assert np.array_equal(run(found.network, x).spikes["p0"], run(true, x).spikes["p0"])


def test_what_cannot_be_identified_is_refused():
    network = layers([np.ones((3, 2)), np.ones((2, 3))], Rule(beta=0.9))
    x = np.ones((5, 1, 2), int)
    with pytest.raises(SnnDeployError, match=r"SD723.*p0.*were not recorded"):
        sd.identify(network, x, np.zeros((5, 2)), population="p1")
    with pytest.raises(SnnDeployError, match="SD723"):
        sd.identify(network, x, np.zeros((5, 2)), population="p7")
    with pytest.raises(SnnDeployError, match="SD722"):
        sd.identify(network, x, np.zeros((4, 3)))


def test_the_command(tmp_path, capsys):
    rng = np.random.default_rng(4)
    network = layers([rng.normal(0.2, 0.4, (5, 4))], Rule(beta=0.9, reset=Reset("to", 0.0)))
    x = spikes(rng, 60, 1, 4)
    soft = layers([network.projections[0].maps[0].weight], Rule(beta=0.9, reset=Reset("by", 1.0)))
    sd.write(network, tmp_path / "m.nir")
    np.save(tmp_path / "x.npy", x[:, 0])
    np.savetxt(tmp_path / "s.csv", run(soft, x).spikes["p0"][:, 0].astype(int), delimiter=",", fmt="%d")
    give = ["identify", f"{tmp_path}/m.nir", "--data", f"{tmp_path}/x.npy", "--spikes", f"{tmp_path}/s.csv"]
    assert cli.main([*give, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["found"]
    assert document["best"]["reset"] == "the threshold is subtracted in the same step"
    np.savetxt(tmp_path / "s.csv", rng.integers(0, 2, (60, 5)), delimiter=",", fmt="%d")
    assert cli.main(give) == 1
    assert "bins differ" in capsys.readouterr().out

"""NIR files and recordings that others made: the network read from the file gives the recorded spikes in every bin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.frontends.nir import inspect, read
from snndeploy.frontends.nir.loading import load
from snndeploy.network import Network, Reset

DATA = Path(__file__).parents[4] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"recordings are not at {DATA}")
BRAILLE = DATA / "nir" / "braille_noDelay_bias_zero.nir"


def braille_spikes(network: Network) -> np.ndarray:
    sample = np.load(DATA / "braille" / "test_sample0.npy")
    return run(network, sample[:, None]).spikes["lif1.lif"][:, 0]


def recorded(name: str) -> np.ndarray:
    return np.load(DATA / "traces" / f"{name}_activity_noDelay_bias_zero.npy") != 0


def test_snntorch_braille() -> None:
    spikes = braille_spikes(read(BRAILLE, 1e-4, "to-zero"))
    assert spikes.sum() == 119
    assert np.array_equal(spikes, recorded("snntorch"))


def test_norse_braille_has_no_recurrent_bias_at_first() -> None:
    """The constant of the hidden layer is split: that of the recurrent Affine counts from step 1."""
    nodes = load(BRAILLE).nodes
    network = read(BRAILLE, 1e-4, "to-zero")
    hidden = network.population["lif1.lif"]
    (receptor,) = hidden.rule.receptors
    parts = (
        replace(receptor, constant=nodes["fc1"].fields["bias"]),
        replace(receptor, constant=nodes["lif1.w_rec"].fields["bias"], onset=1),
    )
    changed = replace(hidden, rule=replace(hidden.rule, receptors=parts))
    others = tuple(changed if each.name == "lif1.lif" else each for each in network.populations)
    assert np.array_equal(braille_spikes(network.with_(populations=others)), recorded("norse"))


def test_spyx_braille_subtracts_and_was_recorded_a_step_later() -> None:
    spikes = braille_spikes(read(BRAILLE, 1e-4, "by-threshold"))
    assert np.array_equal(spikes[:-1], recorded("spyx")[1:])
    assert not recorded("spyx")[0].any()


def test_the_same_network_with_a_subgraph() -> None:
    flat = read(BRAILLE, 1e-4, "to-zero")
    nested = read(DATA / "nir" / "wild" / "spyx__braille_noDelay_bias_zero_subgraph.nir", 1e-4, "to-zero")
    sample = np.load(DATA / "braille" / "test_sample0.npy")[:, None]
    assert np.array_equal(run(nested, sample).spikes["lif2"], run(flat, sample).spikes["lif2"])


def euler(network: Network) -> Network:
    return network


def exponential(network: Network) -> Network:
    """Rockpool and Sinabs: beta = e^(-dt/tau), a spike subtracts the threshold."""
    (lif,) = network.populations
    (receptor,) = lif.rule.receptors
    rule = replace(lif.rule, beta=np.exp(-0.04), receptors=(replace(receptor, gain=0.04),), reset=Reset("by", 0.1))
    return network.with_(populations=(replace(lif, rule=rule),))


@pytest.mark.parametrize(
    ("name", "model", "scale", "late", "tolerance"),
    [
        ("norse", euler, 1, 0, 1e-6),
        ("snntorch", euler, 25, 0, 1e-6),
        ("spinnaker2", euler, 24.995, 0, 1e-6),
        ("lava_cpu_float", euler, 1, 1, 2e-4),
        ("rockpool", exponential, 1, 0, 1e-6),
        ("sinabs", exponential, 1, 0, 1e-6),
    ],
)
def test_single_lif(name: str, model, scale: float, late: int, tolerance: float) -> None:
    network = model(read(DATA / "nir" / "lif_norse.nir", 1e-4, "to-zero"))
    trace = np.loadtxt(DATA / "traces" / f"lif_{name}.csv", delimiter=",")
    given = run(network, (trace[:, :1] > 0)[:, None], record=("spikes", "v"))
    kept = len(trace) - late
    assert np.array_equal(given.spikes["1"][:kept, 0, 0], trace[late:, 2] > 0)
    assert np.abs(given.v["1"][:kept, 0, 0] - trace[late:, 1] / scale).max() < tolerance


def test_exact_solution_has_the_same_spikes() -> None:
    trace = np.loadtxt(DATA / "traces" / "lif_exact.csv", delimiter=",")
    network = read(DATA / "nir" / "lif_norse.nir", 1e-4, "to-zero")
    assert np.array_equal(run(network, trace[:, :1][:, None]).spikes["1"][:, 0, 0], trace[:, 2] > 0)


@pytest.mark.parametrize("path", sorted((DATA / "nir").glob("*.nir")), ids=lambda path: path.stem)
def test_every_graph_of_the_paper_reads(path: Path) -> None:
    assert read(path, 1e-4, "to-zero").dt == 1e-4


EXPECTED = {
    "3049cfa1_Braille_snntorch": "SD401",
    "braille_noDelay_bias_zero_subgraph": "mean 'lif1.lif1', which no edge names",
    "19004303_braille_flattened": "tau_mem (), tau_syn ()",
    "2b0feb3d_lif_norse": "broadcast to (1,)",
    "50b2fc28_braille_v2": "edges of 'lif1', which is no node",
    "77b4a802_braille_subgraph": "its shape (12,) is not used",
    "9122dac0_scnn_mnist_batches": "its axes count a batch axis",
    "lif_rockpool": "axes (1, 1) of its shape (1, 1, 1)",
}


@pytest.mark.parametrize("path", sorted((DATA / "nir" / "wild").glob("*.nir")), ids=lambda path: path.stem)
def test_every_wild_file_reads_or_says_why_not(path: Path) -> None:
    before = path.read_bytes()
    try:
        # in two of them time constants count steps, which has to be said
        unit = "steps" if path.stem in ("19004303_braille_flattened", "77b4a802_braille_subgraph") else None
        report = inspect(path, 1e-4, "to-zero", unit=unit)
        text = str(report)
        assert (report.network is None) == any(f.severity == "error" for f in report.findings)
    except SnnDeployError as problem:
        text = str(problem)
    assert EXPECTED.get(path.stem, "") in text
    assert path.read_bytes() == before

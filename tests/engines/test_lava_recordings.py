"""Recordings that nobody here made: lava-dl's ground truth, Lava's own trace, and that of a Loihi chip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from snndeploy.engines import Trace, run
from snndeploy.engines.lava.patches import missing
from snndeploy.network import Dense, Format, Input, Network, Population, Projection, Registers

DATA = Path(__file__).parents[3] / "shared" / "data"

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="no folder ../shared/data")
LAVA = pytest.param("lava", marks=pytest.mark.skipif(missing() is not None, reason=str(missing())))


def chip_time(network: Network, spikes: np.ndarray, engine: str) -> Trace:
    """(steps, 1, neurons); what a chip shows in a step is what the network does in the step before."""
    return run(network, spikes[:, None], engine, ("spikes", "u", "v"))


def one_layer(weight: np.ndarray, form: Format, registers: Registers) -> Network:
    size, inputs = weight.shape
    return Network(
        1e-3,
        (Input("in", (inputs,)),),
        (Population("out", (size,), registers),),
        (Projection("in", "out", (Dense(weight),), format=form),),
        ("out",),
    )


@pytest.mark.parametrize("engine", ["reference", LAVA])
def test_lava_dl_dense_layer(engine: str) -> None:
    with np.load(DATA / "loihi" / "netx_dense.npz") as file:
        weight, given, current, out = (file[name] for name in ("weight", "in", "current", "out"))
    trace = chip_time(one_layer(weight, Format(0, 8, "mixed"), Registers(4095, 415, 6)), given.T, engine)
    # 2,000 steps of 256 neurons; one step of latency in the file
    assert np.count_nonzero(trace.spikes["out"][:-1, 0] != out.T[1:].astype(bool)) == 0
    assert np.count_nonzero(trace.u["out"][:-1, 0] != current.T[1:].astype(np.int64) << 6) == 0
    assert out.sum() == 1826


@pytest.mark.parametrize("engine", ["reference", LAVA])
@pytest.mark.parametrize("where", ["loihi", "cpu"])
def test_one_neuron_on_a_loihi_and_on_lava(where: str, engine: str) -> None:
    given, v, out = np.genfromtxt(DATA / "traces" / f"lif_lava_{where}_fixed.csv", delimiter=",").T
    network = one_layer(np.array([[10]]), Format(0, 8, "excitatory"), Registers(4095, 163, 25))
    trace = chip_time(network, given[:, None], engine)
    spikes, membrane = trace.spikes["out"][:-1, 0, 0], trace.v["out"][:-1, 0, 0]
    assert np.count_nonzero(spikes != out[1:].astype(bool)) == 0
    # the chip's register holds its refractory counter, 1 << 7, in the step of a spike
    shown = np.where(spikes, 128, membrane) if where == "loihi" else membrane
    assert np.count_nonzero(shown != v[1:]) == 0
    assert spikes.sum() == 4
    # the whole recording: 1,000 steps, of which the first shows nothing but the start
    assert (v[0], out[0], len(v)) == (0, 0, 1000)
    same = 1 + np.count_nonzero(membrane == v[1:])
    assert same == (996 if where == "loihi" else 1000)
    assert set(v[1:][membrane != v[1:]]) == ({128.0} if where == "loihi" else set())


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_the_raw_trace_is_the_recording_itself() -> None:
    given, v, out = np.genfromtxt(DATA / "traces" / "lif_lava_cpu_fixed.csv", delimiter=",").T
    network = one_layer(np.array([[10]]), Format(0, 8, "excitatory"), Registers(4095, 163, 25))
    raw = run(network, given[:, None, None], "lava", ("spikes", "v"), raw=True)
    np.testing.assert_array_equal(raw.v["out"][:1000, 0, 0], v)
    np.testing.assert_array_equal(raw.spikes["out"][:1000, 0, 0], out.astype(bool))

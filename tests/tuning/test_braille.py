"""The recurrent Braille network of the NIR paper: chosen on 200 recordings, scored on the 500 others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import snndeploy as sd
from snndeploy.network import Decision

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def braille():
    path = DATA / "nir" / "braille_noDelay_bias_zero.nir"
    if not path.exists():
        pytest.skip("the folder shared/data is not here")
    network = sd.read(path, dt=1e-4, reset="to-zero")
    held = np.load(DATA / "braille" / "braille7_700.npz")
    x = held["X"].astype(np.int64).transpose(1, 0, 2)
    return network.with_(decision=Decision(network.outputs[0])), x, held["y"]


@pytest.mark.parametrize(
    ("method", "accuracy", "cosine", "kept", "most"),
    [("per-neuron+bands+membranes", 0.950, 0.90, 0.985, 1), ("per-neuron+split", 0.955, 0.90, 0.985, 2)],
)
def test_what_is_kept_on_recordings_that_chose_nothing(braille, method, accuracy, cosine, kept, most):
    network, x, y = braille
    _, row = sd.compare_methods(network, "loihi1", x[:, :200], (method,), x[:, 200:], y[200:])
    weights = sum(np.count_nonzero(p.maps[-1].weight) for p in network.projections)
    constants = 38 + 7
    assert row.synapses <= most * (weights + constants)
    assert row.samples == 500
    assert row.accuracy >= accuracy
    assert row.cosine >= cosine
    assert row.kept >= kept

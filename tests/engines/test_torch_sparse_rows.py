"""Products of rows that hold few spikes, against the ordinary product."""

import numpy as np
import pytest
import torch

from snndeploy.engines import run
from snndeploy.engines.torch.sparse_rows import SHARE, TARGETS, SparseRows
from snndeploy.network import Dense, Input, Network, Population, Projection, Rule

WAYS = (("reference", {}), ("torch", {"dtype": "float64"}))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["spikes", "graded", "real"])
def test_it_is_the_product(dtype, kind):
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(33, 80))
    rates = np.linspace(0, 2.5 * SHARE, 60)
    x = (rng.random((4, 60, 80)) < rates[:, None]).astype(float)
    x *= {"spikes": 1, "graded": rng.uniform(0.5, 2, 80), "real": rng.normal(size=x.shape)}[kind]
    few = np.count_nonzero(x, axis=-1) <= 80 * SHARE
    assert 0.2 < few.mean() < 0.8
    product, x = SparseRows(matrix, dtype), x.reshape(-1, 80)
    got = product(torch.tensor(x, dtype=dtype))
    np.testing.assert_allclose(got.numpy(), x @ matrix.T, rtol=0, atol=1e-4 if dtype == torch.float32 else 1e-12)
    if kind == "spikes":
        assert torch.equal(product(torch.tensor(x, dtype=torch.uint8)), got)


def test_a_sparse_row_does_not_depend_on_its_company():
    """Chunks and threads: the same bits, in the order of the sources."""
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(50, 200)).astype(np.float32)
    x = (rng.random((40, 200)) < 0.02).astype(np.float32)
    assert np.count_nonzero(x, axis=1).max() <= 200 * SHARE
    product = SparseRows(matrix, torch.float32)
    whole = product(torch.tensor(x)).numpy()
    for i in range(40):
        assert np.array_equal(product(torch.tensor(x[i : i + 1])).numpy()[0], whole[i])
        want = np.zeros(50, np.float32)
        for k in np.flatnonzero(x[i]):
            want += matrix[:, k]
        assert np.array_equal(want, whole[i])


def test_nothing_and_everything():
    matrix = np.arange(6.0).reshape(2, 3)
    product = SparseRows(matrix, torch.float64)
    x = np.array([[0.0, 0, 0], [1, 2, 3]])
    assert np.array_equal(product(torch.tensor(x)).numpy(), x @ matrix.T)
    assert np.array_equal(product(torch.tensor(x[:1])).numpy(), np.zeros((1, 2)))
    assert np.array_equal(product(torch.tensor(x[1:])).numpy(), x[1:] @ matrix.T)


@pytest.mark.parametrize("inputs", [30, 700])
def test_wide_layers_go_through_it_and_are_the_reference(inputs):
    rng = np.random.default_rng(inputs)
    size = 2 * TARGETS
    ahead = Projection("x", "n", (Dense(rng.normal(0.3, 1, (size, inputs))),))
    rule = Rule(beta=0.9, threshold=2.0)
    network = Network(1e-3, (Input("x", (inputs,)),), (Population("n", (size,), rule),), (ahead,), ("n",))
    x = (rng.random((30, 6, inputs)) < np.array([0, 0.01, 0.03, 0.06, 0.1, 0.5])[:, None]).astype(np.int64)
    want, got = (run(network, x, engine, ("spikes", "v"), **o) for engine, o in WAYS)
    assert 0.01 < want.spikes["n"].mean() < 0.9
    assert np.array_equal(want.spikes["n"], got.spikes["n"])
    np.testing.assert_allclose(got.v["n"], want.v["n"], rtol=0, atol=1e-9)

"""The torch engine against the reference: float64 spike for spike, the integer form bit for bit."""

import numpy as np
import pytest
from random_networks import EVERY, float_network, integer_network, spikes_for

from snndeploy.engines import run

ALL = ("spikes", "u", "v")


def both(network, spikes, **options):
    return run(network, spikes, "reference", ALL), run(network, spikes, "torch", ALL, **options)


@pytest.mark.parametrize("block", range(8))
def test_float64_is_the_reference_over_every_rule(block):
    fired = 0
    for seed in range(30 * block, 30 * block + 30):
        rng = np.random.default_rng([1, seed])
        network = float_network(rng, EVERY, str(rng.choice(["binary", "counts", "real"])))
        want, got = both(network, spikes_for(rng, network, 25, 3), dtype="float64")
        assert got.dtype == "float64"
        for name in want.v:
            if network.population[name].rule.spiking:
                assert np.array_equal(want.spikes[name], got.spikes[name]), (seed, name)
                fired += want.spikes[name].sum()
            np.testing.assert_allclose(got.v[name], want.v[name], rtol=0, atol=1e-9)
            np.testing.assert_allclose(got.u[name], want.u[name], rtol=0, atol=1e-9)
        assert set(got.spikes) == set(want.spikes)
    assert fired > 1000


@pytest.mark.parametrize("block", range(8))
@pytest.mark.parametrize("extreme", [False, True])
def test_integer_form_is_the_reference_bit_for_bit(block, extreme):
    for seed in range(20 * block, 20 * block + 20):
        rng = np.random.default_rng([2, extreme, seed])
        network = integer_network(rng, EVERY, extreme, str(rng.choice(["binary", "counts"])))
        want, got = both(network, spikes_for(rng, network, 25, 3))
        assert got.dtype == "int"
        for what in ALL:
            a, b = getattr(want, what), getattr(got, what)
            assert set(a) == set(b)
            for name in a:
                assert a[name].dtype == b[name].dtype
                assert np.array_equal(a[name], b[name]), (seed, what, name)

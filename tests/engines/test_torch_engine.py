"""The torch engine against the reference: float64 spike for spike, the integer form bit for bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from random_networks import EVERY, float_network, integer_network, spikes_for

from snndeploy.engines import run
from snndeploy.engines.torch.link import growth
from snndeploy.errors import SnnDeployError
from snndeploy.network import (
    Conv,
    Dense,
    Flatten,
    Format,
    Input,
    Network,
    Pool,
    Population,
    Projection,
    Registers,
    Reset,
    Rule,
    Scale,
    Sparse,
)
from snndeploy.network.maps import chain_apply

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


def test_only_what_was_asked_is_recorded():
    rng = np.random.default_rng(5)
    network = integer_network(rng, frozenset({"reset"}))
    spikes = spikes_for(rng, network, 5, 2)
    trace = run(network, spikes, "torch")
    assert set(trace.spikes) == set(network.population)
    assert not trace.u
    assert not trace.v


def counted(weight, exponent=0):
    """One integer neuron that emits its membrane, fed with counts."""
    rule = Registers(du=4095, dv=0, vth=None, reset=Reset("none", 0))
    projection = Projection("in", "n", (Dense(np.array([[weight]])),), format=Format(exponent))
    return Network(1e-3, (Input("in", (1,), "counts"),), (Population("n", (1,), rule),), (projection,), ("n",))


@pytest.mark.parametrize("count", [2**24 + 1, 2**44 - 1])
def test_large_counts_wrap_as_registers_do(count):
    network, spikes = counted(254, -8), np.full((3, 1, 1), count)
    want, got = both(network, spikes)
    assert np.array_equal(want.u["n"], got.u["n"])
    assert np.array_equal(want.v["n"], got.v["n"])


def test_sums_beyond_float32_are_exact():
    """255·(2^17 + 1) is odd and above 2^24: float32 does not hold it."""
    network, spikes = counted(255), np.full((3, 1, 1), 2**17 + 1)
    network = network.with_(projections=(replace(network.projections[0], format=Format(0, 8, "excitatory")),))
    want, got = both(network, spikes)
    assert np.array_equal(want.u["n"], got.u["n"])


def test_growth_is_the_largest_sum_of_a_row():
    rng = np.random.default_rng(9)
    chains = [(Dense(rng.integers(-9, 9, (4, 5))), (5,)), (Conv(rng.integers(-9, 9, (3, 2, 2, 3))), (2, 6, 6))]
    chains += [(Pool((2, 3), (1, 2), (0, 0), "sum"), (2, 6, 6)), (Scale(np.array([3, -7])), (2,))]
    chains += [(Sparse(rng.integers(-9, 9, (4, 5)), (5,), (4,)), (5,)), (Flatten(0, -1, 2), (2, 3))]
    for each, shape in chains:
        assert growth(each) == abs(each.matrix(shape)).sum(axis=1).max(), each


def refused(network, spikes, **options):
    with pytest.raises(SnnDeployError) as caught:
        run(network, spikes, "torch", **options)
    return [finding.code for finding in caught.value.findings]


def test_what_it_cannot_do_is_refused():
    x = np.ones((3, 1, 1))
    whole = counted(2)
    real = whole.with_(inputs=(Input("in", (1,), "real"),))
    assert refused(whole, np.full((3, 1, 1), 2**52)) == ["SD523"]
    # legality or the engine may refuse it first; never a traceback
    assert refused(real, x)
    assert refused(whole, x, dtype="float64") == ["SD521"]
    assert refused(whole, x, device="abacus") == ["SD520"]
    assert refused(whole, x, device="meta") == ["SD520"]
    assert refused(whole, x, device="cuda:99") == ["SD520"]
    assert refused(whole, x, speed="high") == ["SD503"]
    assert refused(whole, x, units="") == ["SD525"]
    assert refused(whole, x, units="int8,abacus") == ["SD525"]
    for memory in ("much", "-1", 0, "2 TiB", "1", "inf"):
        assert refused(whole, x, memory=memory) == ["SD525"], memory
    for threads in (0, -1, 1.5, True, "two"):
        assert refused(whole, x, threads=threads) == ["SD525"], threads
    population = Population("n", (1,), Rule(beta=0.5))
    single = Network(
        1e-3, (Input("in", (1,)),), (population,), (Projection("in", "n", (Dense(np.ones((1, 1))),)),), ("n",)
    )
    assert refused(single, x, dtype="float16") == ["SD521"]
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("high")
        assert refused(single, x) == ["SD521"]
        assert run(single, x, "torch", dtype="float64").dtype == "float64"
    finally:
        torch.set_float32_matmul_precision(before)


def test_torch_is_left_as_it_was():
    def state():
        return (
            torch.get_default_dtype(),
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.get_num_threads(),
            torch.are_deterministic_algorithms_enabled(),
            torch.backends.cudnn.allow_tf32,
            torch.initial_seed(),
        )

    rng = np.random.default_rng(6)
    network = float_network(rng)
    before = state()
    run(network, spikes_for(rng, network, 5, 2), "torch")
    assert state() == before


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_is_the_reference():
    for seed in range(40):
        rng = np.random.default_rng([4, seed])
        whole, real = integer_network(rng, EVERY, extreme=bool(seed % 2)), float_network(rng)
        want, got = both(whole, spikes_for(rng, whole, 25, 3), device="cuda")
        assert all(np.array_equal(want.v[name], got.v[name]) for name in want.v)
        assert all(np.array_equal(want.u[name], got.u[name]) for name in want.u)
        want, got = both(real, spikes_for(rng, real, 25, 3), device="cuda", dtype="float64")
        assert all(np.array_equal(want.spikes[name], got.spikes[name]) for name in want.spikes)


@pytest.mark.parametrize("exponent", [-8, -3, -1, 0, 7])
def test_feedback_of_every_exponent_is_that_of_the_definition(exponent):
    """A negative exponent floors the sum, also where it is negative; spikes come back over two delays."""
    rng = np.random.default_rng(exponent + 8)
    rule = Registers(du=1000, dv=300, vth=60)
    form = Format(exponent, 8, "mixed")
    back = [
        Projection("n", "n", (Dense(2 * rng.integers(-60, 60, (4, 4))),), delay, format=form, name=f"back {delay}")
        for delay in (1, 3)
    ]
    ahead = Projection("x", "n", (Dense(2 * rng.integers(-20, 60, (4, 3))),), format=Format(0))
    net = Network(1e-3, (Input("x", (3,)),), (Population("n", (4,), rule),), (ahead, *back), ("n",))
    x = (rng.random((40, 5, 3)) < 0.5).astype(np.int64)
    a, b = both(net, x)
    assert 20 < a.spikes["n"].sum() < a.spikes["n"].size
    assert np.array_equal(a.u["n"], b.u["n"])
    assert np.array_equal(a.v["n"], b.v["n"])


def test_sums_beyond_32_bits_wrap_as_the_definition_does():
    rng = np.random.default_rng(4)
    links = [
        Projection("x", "n", (Dense(2 * rng.integers(-120, 120, (4, 3))),), format=Format(e), name=f"by 2^{e}")
        for e in (7, 0)
    ]
    rule = Registers(du=4095, dv=2000, vth=60)
    net = Network(1e-3, (Input("x", (3,), "counts"),), (Population("n", (4,), rule),), tuple(links), ("n",))
    x = rng.integers(0, 3 * 10**7, (12, 5, 3))
    a, b = both(net, x)
    assert np.abs(chain_apply(links[0].maps, x) << 7).max() > 2**31
    assert np.array_equal(a.u["n"], b.u["n"])
    assert np.array_equal(a.v["n"], b.v["n"])

"""Products of bytes as a GPU computes them, here on the CPU, against the definition of maps and registers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as tried
from hypothesis import strategies as st
from random_networks import EVERY, integer_network, spikes_for
from scans import ALL, whole_run_agrees
from test_torch_units import chains

from snndeploy.engines import run
from snndeploy.engines.reference.integer_rule import accumulate
from snndeploy.engines.torch import device_products, schedule
from snndeploy.engines.torch.canonical import canonical
from snndeploy.engines.torch.device_products import DeviceProducts, exact_on
from snndeploy.engines.torch.products import exact, fits
from snndeploy.errors import SnnDeployError
from snndeploy.network import Conv, Dense, Format, Input, Network, Pool, Population, Projection, Registers
from snndeploy.network.maps import chain_apply, chain_shape

CPU = torch.device("cpu")
pytestmark = pytest.mark.skipif(not exact_on(CPU), reason="no exact products of bytes here")


def check(maps, shape, form, x, room=device_products.ROOM):
    """x: (rows, *shape) whole numbers."""
    found = canonical(maps, shape, chain_shape(maps, shape))
    assert fits(found, form.step, int(x.max()))
    unit = DeviceProducts(found, form.step, form.exponent, CPU, room)
    assert all(n % 8 == 0 for n in unit.weight.shape)
    assert unit.weight.t().is_contiguous()
    got = unit(torch.tensor(x, dtype=torch.float32))
    assert got.dtype == torch.int32
    want = accumulate(chain_apply(maps, x), form)
    assert np.array_equal(got.numpy().reshape(want.shape), want)


@given(
    chains(), st.integers(0, 99), st.floats(0, 1), st.integers(1, 127), st.integers(-8, 7), st.integers(1, 5),
    st.sampled_from([1, 3000, 2**27]),
)  # fmt: skip
@tried(max_examples=250)
def test_products_on_a_device_are_the_definition(drawn, seed, density, largest, exponent, rows, room):
    """Strides, dilation, uneven margins, pools in front, all signs and exponents, patches in any pieces."""
    maps, shape, form = drawn
    rng = np.random.default_rng(seed)
    x = (rng.random((rows, *shape)) < density) * rng.integers(1, largest + 1, (rows, *shape))
    if fits(canonical(maps, shape, chain_shape(maps, shape)), form.step, int(x.max())):
        check(maps, shape, replace(form, exponent=exponent), x, room)


@pytest.mark.parametrize("seed", range(120))
def test_convolutions_on_a_device_are_the_definition(seed):
    rng = np.random.default_rng(seed)
    dims = 1 + seed % 2

    def draw(low, high):
        return tuple(int(n) for n in rng.integers(low, high, dims))

    shape = (int(rng.integers(1, 20)), *draw(7, 11))
    pool = Pool(draw(1, 4), draw(1, 3), (0,) * dims, "sum", bool(rng.integers(2)))
    pools = (pool,) if rng.random() < 0.4 else ()
    between = chain_shape(pools, shape)
    stride, dilation = draw(1, 4), draw(1, 4)
    pads = tuple((int(a), int(b)) for a, b in rng.integers(0, 4, (dims, 2)))
    reach = [n + sum(pad) for n, pad in zip(between[1:], pads, strict=True)]
    kernel = tuple(int(rng.integers(1, min(4, (n - 1) // d + 1) + 1)) for n, d in zip(reach, dilation, strict=True))
    form = Format(
        int(rng.integers(-8, 8)), int(rng.integers(6, 9)), str(rng.choice(["mixed", "excitatory", "inhibitory"]))
    )
    low, high = form.limits
    size = (int(rng.integers(1, 20)), between[0], *kernel)
    weight = rng.integers(low // form.step, high // form.step + 1, size) * form.step
    maps = (*pools, Conv(weight, stride, pads, dilation))
    largest = 127 // (int(np.prod(pool.kernel)) if pools else 1)
    x = rng.integers(0, largest + 1, (int(rng.integers(1, 5)), *shape)) * (rng.random() < 0.8)
    check(maps, shape, form, x, int(rng.choice([1, 5000, 2**27])))


@pytest.mark.parametrize("rows", [1, 16, 17, 33])
@pytest.mark.parametrize(("inner", "targets"), [(1, 1), (15, 7), (16, 8), (784, 10), (129, 100)])
@pytest.mark.parametrize("form", [Format(7), Format(-3, 6), Format(0, 8, "excitatory"), Format(-8, 8, "inhibitory")])
def test_any_size_is_padded(rows, inner, targets, form):
    rng = np.random.default_rng(inner + rows)
    low, high = form.limits
    weight = rng.integers(low // form.step, high // form.step + 1, (targets, inner)) * form.step
    check((Dense(weight),), (inner,), form, rng.integers(0, 128, (rows, inner)))


@pytest.mark.parametrize("sign", ["mixed", "excitatory", "inhibitory"])
def test_the_largest_sums_wrap_as_registers_do(sign):
    """66,000 synapses of the largest weight, fed with 127, at every exponent: below 2^31 before the shift."""
    inner = 66_000
    for exponent in (-8, 0, 1, 7):
        form = Format(exponent, 8, sign)
        for weight in {value for value in form.limits if value}:
            check((Dense(np.full((2, inner), weight)),), (inner,), form, np.full((1, inner), 127))


def test_a_device_that_saturates_is_found_out():
    def saturating(x, w):
        pairs = x[:, 0::2].astype(int) @ w[0::2].astype(int), x[:, 1::2].astype(int) @ w[1::2].astype(int)
        return np.clip(sum(pairs), -(2**15), 2**15 - 1)

    def missing(x, w):
        raise RuntimeError("not implemented for 'Char'")

    assert not exact(saturating)
    assert not exact(missing)


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    monkeypatch.setattr(device_products, "DEVICES", ("cpu", "cuda"))
    monkeypatch.setattr(schedule, "scans", lambda device: "torch")


@pytest.mark.parametrize("seed", range(1, 60, 2))
def test_whole_networks_are_the_reference(seed, as_on_a_gpu):
    assert any(note.startswith("projection") for note in whole_run_agrees(run, seed).notes)


def two_layers(groups=1, largest=1):
    """Convolution with `groups` behind a pool, then neurons; counts up to `largest`."""
    rng = np.random.default_rng(groups)
    maps = (Pool((2, 2), (2, 2), kind="sum"), Conv(2 * rng.integers(-99, 99, (6, 4 // groups, 3, 3)), groups=groups))
    network = Network(
        1e-3,
        (Input("in", (4, 10, 10), "counts"),),
        (Population("n", (6, 3, 3), Registers(400, 300, 900)),),
        (Projection("in", "n", maps, format=Format(2)),),
        ("n",),
    )
    x = rng.integers(0, largest + 1, (20, 3, 4, 10, 10))
    x[0] = largest
    return network, x


@pytest.mark.parametrize(
    ("groups", "largest", "options", "label"),
    [
        (1, 1, {}, "int8"),
        (1, 31, {"memory": "64KiB"}, "int8"),
        (1, 32, {}, "float32"),
        (2, 1, {}, "float32"),
        (1, 1, {"units": "float"}, "float32"),
    ],
)
def test_notes_say_what_computed_a_projection(groups, largest, options, label, as_on_a_gpu):
    """Four sums of 32 are no signed byte, and groups are left to exact floating point."""
    network, x = two_layers(groups, largest)
    got, want = run(network, x, "torch", ALL, **options), run(network, x, "reference", ALL)
    assert got.notes[0] == f"projection 'in->n': {label} products"
    assert all(np.array_equal(getattr(got, what)["n"], getattr(want, what)["n"]) for what in ALL)
    assert 0 < want.spikes["n"].mean() < 1


def test_sums_beyond_32_bits_are_left_to_floating_point(as_on_a_gpu):
    """Shifted right, what has wrapped before would be another number."""
    inner = 70_000
    dense = Projection("in", "n", (Dense(np.full((1, inner), 255)),), format=Format(-3, 8, "excitatory"))
    network = Network(
        1e-3,
        (Input("in", (inner,), "counts"),),
        (Population("n", (1,), Registers(4095, 4095, 900)),),
        (dense,),
        ("n",),
    )
    x = np.full((1, 1, inner), 127)
    got, want = run(network, x, "torch", ALL), run(network, x, "reference", ALL)
    assert got.notes[0] == "projection 'in->n': float64 products"
    assert np.array_equal(got.u["n"], want.u["n"])


@pytest.mark.parametrize(("groups", "units"), [(1, "events"), (2, "int8")])
def test_units_that_do_not_compute_it_are_an_error(groups, units, as_on_a_gpu):
    network, x = two_layers(groups)
    with pytest.raises(SnnDeployError, match="SD524"):
        run(network, x, "torch", units=units)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("seed", range(10))
def test_cuda_is_the_reference_bit_for_bit(seed):
    assert exact_on(torch.device("cuda"))
    rng = np.random.default_rng([15, seed])
    network, x = two_layers(largest=31)
    if seed:
        network = integer_network(rng, EVERY, extreme=bool(seed % 2))
        x = spikes_for(rng, network, 25, 5)
    got, want = run(network, x, "torch", ALL, device="cuda"), run(network, x, "reference", ALL)
    assert seed or got.notes[0] == "projection 'in->n': int8 products"
    for what in ALL:
        for name, rows in getattr(want, what).items():
            assert np.array_equal(rows, getattr(got, what)[name]), (what, name)

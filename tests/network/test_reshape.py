"""Reshapes in random networks: every engine, integers, files and rebuilt modules against the reference."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import single

import snndeploy as sd
from snndeploy.errors import SnnDeployError
from snndeploy.network import (
    Conv,
    Dense,
    Flatten,
    Input,
    Network,
    Pool,
    Population,
    Projection,
    Reset,
    Reshape,
    Rule,
    Scale,
)
from snndeploy.network.maps import chain_apply, chain_matrix
from snndeploy.passes import merge_maps


@settings(max_examples=60, deadline=None)
@given(st.permutations([1, 2, 3, 4]), st.permutations([1, 2, 2, 6]), st.integers(1, 3))
def test_a_reshape_is_torchs(before, after, rows):
    x = torch.arange(rows * 24.0).reshape(rows, 1, *before)
    each = Reshape(tuple(before), tuple(after))
    assert np.array_equal(each.apply(x.numpy()), x.reshape(rows, 1, *after).numpy())
    assert np.array_equal(each.matrix(tuple(before)) @ x[0].numpy().ravel(), x[0].reshape(-1).numpy())


@pytest.mark.parametrize(
    ("each", "shape"),
    [(Reshape((6,), (2, 3)), (3, 2)), (Reshape((6,), (4, 2)), (6,)), (Reshape((6,), (-2, -3)), (6,))],
)
def test_a_reshape_that_does_not_fit(each, shape):
    with pytest.raises(ValueError, match="reshape of"):
        each.shape_out(shape)


def network(seed):
    """A row of inputs as an image, a row of neurons as an image, and an image in another shape."""
    rng = np.random.default_rng(seed)

    def rule():
        return Rule(single(rng.uniform(0.5, 0.9)), single(rng.uniform(0.3, 0.6)), reset=Reset("to", 0.0))

    def weights(*shape):
        return single(rng.normal(0.15, 0.5, shape))

    height, width = int(rng.integers(3, 6)), int(rng.integers(3, 6))
    image = (2, height, width)
    size = int(np.prod(image))
    conv = Conv(weights(3, 2, 2, 2), padding=((0, 1), (1, 0)) if rng.random() < 0.3 else ((0, 0), (0, 0)))
    pooled = (Pool((2, 2), (1, 1)),) if rng.random() < 0.5 else ()
    seen = conv.shape_out(image)
    final = pooled[0].shape_out(seen) if pooled else seen
    turned = (final[1], final[0] * final[2])
    scaled = (Scale(single(rng.uniform(0.5, 2))),) if rng.random() < 0.5 else ()
    shapes = {"a": seen, "b": turned, "c": (5,)}
    projections = (
        Projection("input", "a", (*scaled, Reshape((size,), image), conv)),
        Projection("a", "b", (*pooled, Reshape(final, turned))),
        Projection("b", "c", (Flatten(0, -1, 2), Dense(weights(5, int(np.prod(turned)))))),
        Projection("input", "c", (Dense(weights(5, size)),)),
    )
    populations = tuple(Population(name, shape, rule()) for name, shape in shapes.items())
    found = Network(1e-3, (Input("input", (size,), "binary"),), populations, projections, ("c",))
    return found, (rng.random((25, 3, size)) < 0.4).astype(np.float64)


@pytest.mark.parametrize("seed", range(6))
def test_every_engine_agrees(seed, tmp_path):
    net, x = network(seed)
    expected = sd.run(net, x, record=("spikes", "v"))
    assert all(fired.any() for fired in expected.spikes.values())
    for engine in ("torch", "lava"):
        assert sd.compare(expected, sd.run(net, x, engine=engine, record=("spikes", "v"))).agrees
    merged = merge_maps(net)
    assert all(sum(each.weighted for each in p.maps) == 1 for p in merged.projections)
    assert sd.compare(expected, sd.run(merged, x)).agrees
    for rebuild in (sd.to_snntorch, sd.to_norse):
        module = rebuild(net, x)
        again = sd.capture(module, x)
        for p, q in zip(net.projections, sorted(again.projections, key=lambda p: p.target), strict=False):
            assert net.shapes[p.target] == again.shapes[q.target]
        assert sd.compare(expected, sd.run(again, x)).agrees
    path = tmp_path / "net.nir"
    sd.write(net, path)
    back = sd.read(path)
    assert sd.compare(expected, sd.run(back, x)).identical
    assert [type(each) for p in back.projections for each in p.maps] == [
        type(each) for p in net.projections for each in p.maps
    ]
    plain = sd.read(path, dt=1e-3, reset="to-zero", ignore_block=True)
    flat = sd.run(plain, x)
    for name, fired in expected.spikes.items():
        assert np.array_equal(flat.spikes[name].reshape(fired.shape), fired)


@pytest.mark.parametrize("seed", range(2))
def test_integers(seed, tmp_path):
    net, x = network(seed)
    integer = sd.quantize(net, "loihi2", calibration=x)
    trace = sd.run(integer, x, record=("spikes", "u", "v"))
    for engine in ("torch", "lava"):
        assert sd.compare(trace, sd.run(integer, x, engine=engine, record=("spikes", "u", "v"))).identical
    sd.write(integer, tmp_path / "q.nir")
    assert sd.compare(trace, sd.run(sd.read(tmp_path / "q.nir"), x, record=("spikes", "u", "v"))).identical
    assert sd.place(integer, "loihi2").cores


def test_a_chain_equals_its_matrix():
    maps = (Reshape((12,), (2, 2, 3)), Conv(np.ones((3, 2, 1, 2))), Reshape((3, 2, 2), (4, 3)), Flatten(0, -1, 2))
    x = np.random.default_rng(0).normal(size=(4, 12))
    np.testing.assert_allclose(chain_apply(maps, x), x @ chain_matrix(maps, (12,)).T, rtol=1e-12)


def test_what_is_too_large_for_a_file_says_what_to_do(tmp_path):
    size = 3 * 40 * 40
    maps = (Reshape((size,), (3, 40, 40)), Conv(np.ones((64, 3, 3, 3))))
    rule = Rule(0.9, 1.0, reset=Reset("to", 0.0))
    net = Network(
        1e-3,
        (Input("in", (size,)),),
        (Population("a", (64, 38, 38), rule),),
        (Projection("in", "a", maps),),
        ("a",),
    )
    with pytest.raises(SnnDeployError, match=r"SD414.*matrix of 92,416 x 4,800.*give an input that is reshaped"):
        sd.write(net, tmp_path / "large.nir")
    assert not list(tmp_path.iterdir())

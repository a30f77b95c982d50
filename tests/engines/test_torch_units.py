"""The units that sum mantissas on the CPU, each against the definition of the maps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from snndeploy.engines.torch.canonical import canonical
from snndeploy.engines.torch.columns import columns
from snndeploy.engines.torch.events import Events
from snndeploy.engines.torch.layout import Layout
from snndeploy.engines.torch.products import ByteProducts, bytes_are_exact, possible
from snndeploy.network import Conv, Dense, Flatten, Format, Pool, Reshape, Scale, Sparse
from snndeploy.network.maps import chain_apply, chain_shape

SIGNS = st.sampled_from(["mixed", "excitatory", "inhibitory"])


def mantissas(draw, size):
    """Mantissas of a random format, as (format, int64 array)."""
    form = Format(0, draw(st.integers(1, 8)), draw(SIGNS))
    low, high = form.limits
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    if draw(st.booleans()):
        return form, rng.choice([low, high], size)
    return form, rng.integers(low // form.step, high // form.step + 1, size) * form.step


@st.composite
def chains(draw):
    """(maps, shape, format): what the units take, and more."""
    dims = draw(st.integers(1, 2))
    space = draw(st.tuples(*[st.integers(4, 9)] * dims))
    shape = (draw(st.integers(1, 3)) * draw(st.sampled_from([1, 8])), *space)
    pools = []
    for _ in range(draw(st.integers(0, 2))):
        kernel = draw(st.tuples(*[st.integers(1, 3)] * dims))
        padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
        pool = Pool(kernel, draw(st.tuples(*[st.integers(1, 3)] * dims)), padding, "sum", draw(st.booleans()))
        try:
            chain_shape((*pools, pool), shape)
        except ValueError:
            continue
        pools.append(pool)
    between = chain_shape(tuple(pools), shape)
    if draw(st.booleans()):
        flat = Flatten(0, -1, len(between)) if draw(st.booleans()) else Reshape(between, (int(np.prod(between)),))
        form, weight = mantissas(draw, (draw(st.integers(1, 17)), int(np.prod(between))))
        return (*pools, flat, Dense(weight)), shape, form
    groups = draw(st.sampled_from([g for g in (1, 2, 3, between[0]) if between[0] % g == 0]))
    size = (groups * draw(st.integers(1, 9)), between[0] // groups, *draw(st.tuples(*[st.integers(1, 4)] * dims)))
    form, weight = mantissas(draw, size)
    pads = draw(st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * dims))
    steps = st.tuples(*[st.integers(1, 3)] * dims)
    conv = Conv(weight, draw(steps), pads, draw(steps), groups)
    try:
        conv.shape_out(between)
    except ValueError:
        conv = Conv(weight[..., :1, :1] if dims == 2 else weight[..., :1], (1,) * dims, pads, (1,) * dims, groups)
    return (*pools, conv), shape, form


def layout(shape):
    return Layout(shape, len(shape) > 1)


def check(unit, maps, shape, form, x):
    """x: (rows, *shape) whole numbers."""
    source, target = layout(shape), layout(chain_shape(maps, shape))
    inside = np.zeros((len(x), source.size), np.uint8)
    source.natural(inside)[...] = x
    out = np.full((len(x), target.size), 7, np.int32)
    unit(inside, out)
    want = chain_apply(maps, x) // form.step * unit.factor
    assert np.array_equal(target.natural(out).astype(np.int64), want)


@given(chains(), st.integers(0, 99), st.floats(0, 1), st.integers(1, 255), st.sampled_from([1, 2, 16, 256, 2**15]))
@settings(max_examples=150, deadline=None)
def test_events_and_products_of_bytes_are_the_maps(drawn, seed, density, largest, times):
    maps, shape, form = drawn
    rng = np.random.default_rng(seed)
    x = (rng.random((3, *shape)) < density) * rng.integers(1, largest + 1, (3, *shape))
    chain = canonical(maps, shape, chain_shape(maps, shape))
    assert chain is not None
    check(
        Events(columns(chain, form.step, layout(shape), layout(chain_shape(maps, shape))), times), maps, shape, form, x
    )
    most = int(x.max())
    if possible(chain, form.step, most):
        check(ByteProducts(chain, form.step, most, times), maps, shape, form, x)


@given(st.integers(0, 99), st.floats(0, 1), SIGNS, st.booleans())
@settings(max_examples=40, deadline=None)
def test_events_are_sparse_maps(seed, density, sign, moved):
    rng = np.random.default_rng(seed)
    form = Format(0, 8, sign)
    low, high = form.limits
    weight = sparse.random_array((18, 20), density=density, rng=rng, format="csr")
    weight.data = rng.integers(low // form.step, high // form.step + 1, weight.nnz) * form.step
    shape, out = ((2, 5, 2), (3, 2, 3)) if moved else ((20,), (18,))
    maps = (Sparse(weight.astype(np.int64), shape, out),)
    chain = canonical(maps, shape, out)
    check(
        Events(columns(chain, form.step, layout(shape), layout(out))),
        maps,
        shape,
        form,
        rng.integers(0, 3, (4, *shape)),
    )


def test_chains_of_another_form_are_left_to_others():
    rng = np.random.default_rng(0)
    dense, conv = Dense(rng.integers(-2, 3, (4, 12))), Conv(rng.integers(-2, 3, (4, 3, 1, 1)))
    others = [
        ((Scale(np.array([2])), dense), (12,), (4,)),
        ((Pool((2, 2), (2, 2)), Flatten(0, -1, 3), dense), (3, 4, 4), (4,)),
        ((dense,), (3, 12), (3, 4)),
        ((conv, Flatten(0, -1, 3)), (3, 2, 2), (16,)),
        ((Reshape((12,), (3, 2, 2)), conv), (12,), (4, 2, 2)),
        ((Flatten(0, -1, 3),), (3, 2, 2), (12,)),
    ]
    assert [canonical(maps, shape, out) for maps, shape, out in others] == [None] * len(others)


def test_bytes_are_used_only_where_everything_fits():
    def could(weight, largest, pools=(), step=1):
        maps = (*pools, Conv(np.asarray(weight).reshape(1, 1, 1, -1)))
        return possible(canonical(maps, (1, 9, 9), chain_shape(maps, (1, 9, 9))), step, largest)

    if not bytes_are_exact():
        pytest.skip("no exact products of bytes here")
    assert could([0, 255], 127)
    assert could([-255, 0], 127)
    assert could([-256, 254], 1, step=2)
    assert not could([-256, 254], 1)
    assert not could([0, 255], 128)
    four = Pool((2, 2), (2, 2), kind="sum")
    assert could([0, 255], 31, (four,))
    assert not could([0, 255], 32, (four,))

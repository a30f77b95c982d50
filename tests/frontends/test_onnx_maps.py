"""Every map and every kind of input as ONNX, against the definition: all graphs, integers and float32 products."""

import numpy as np
import pytest
from random_networks import float_rule, spikes_for

import snndeploy as sd
from snndeploy.engines import onnx as engine
from snndeploy.errors import SnnDeployError
from snndeploy.network import (
    Adaptation,
    Conv,
    Dense,
    Flatten,
    Format,
    Input,
    Network,
    Pool,
    Population,
    Projection,
    Receptor,
    Registers,
    Reset,
    Reshape,
    Rule,
    Scale,
    Sparse,
    spec,
)
from snndeploy.network.inputs import as_inputs
from snndeploy.network.maps import chain_shape
from snndeploy.network.network import COUNTED

pytestmark = pytest.mark.skipif(engine.missing() is not None, reason=str(engine.missing()))
ALL = ("spikes", "u", "v")


def check(network, x, steps=7, dtype="float64"):
    """All ways to build a model, each run, against the reference; the largest count decides the types."""
    from snndeploy.engines.onnx.execute import feed_through, session
    from snndeploy.frontends.onnx import Settings, build

    spec.check(network)
    expected = sd.run(network, x, record=ALL)
    inputs = as_inputs(network, x)
    largest = {each.name: int(np.abs(inputs[each.name]).max()) for each in network.given if each.kind in COUNTED}
    for graph in ("step", "sequence"):
        for floats in (False, True):
            chosen = Settings(graph, dtype, None, graph == "step", ALL, tuple(network.population), largest, floats)
            model, names = build(network, chosen)
            running = session(model.SerializeToString(), 1)
            given = {name: inputs[name] for name in names.inputs}
            found = feed_through(running, names, given, graph == "step", expected.steps)
            for what in ALL:
                for name, rows in getattr(expected, what).items():
                    tensor = found[getattr(names, what)[name]]
                    told = f"{graph} {what} of {name}, floats={floats}"
                    if what == "spikes" or network.form == "integer":
                        np.testing.assert_array_equal(tensor, rows, err_msg=told)
                    else:
                        np.testing.assert_allclose(tensor, rows, rtol=1e-9, atol=1e-9, err_msg=told)
    return expected


def one(shape, maps, kind="binary", form=None, rule=None):
    """One population behind a chain of maps."""
    after = chain_shape(maps, shape)
    rule = rule or (Registers(du=3000, dv=300, vth=60) if form else Rule(beta=0.7, threshold=0.6))
    population = Population("out", after, rule)
    return Network(
        1e-3, (Input("in", shape, kind),), (population,), (Projection("in", "out", maps, format=form),), ("out",)
    )


def integers(rng, size, sign="mixed", bits=8):
    form = Format(int(rng.integers(-8, 8)), bits, sign)
    low, high = form.limits
    return rng.integers(low // form.step, high // form.step + 1, size) * form.step, form


@pytest.mark.parametrize("seed", range(30))
def test_convolutions_in_one_and_two_dimensions(seed):
    rng = np.random.default_rng(seed)
    dims = 1 + seed % 2
    groups = int(rng.integers(1, 3))
    shape = (groups * 2, *(int(n) for n in rng.integers(6, 9, dims)))
    size = (groups * int(rng.integers(1, 4)), 2, *(int(n) for n in rng.integers(1, 4, dims)))
    geometry = {
        "stride": tuple(int(n) for n in rng.integers(1, 3, dims)),
        "padding": tuple((int(a), int(b)) for a, b in rng.integers(0, 3, (dims, 2))),
        "dilation": tuple(int(n) for n in rng.integers(1, 3, dims)),
        "groups": groups,
    }
    largest = (1, 127, 255, 4000, 2**33)[seed % 5]
    kind = "binary" if largest == 1 else "counts"
    x = rng.integers(0, largest + 1, (6, 2, *shape))
    weight, form = integers(rng, size, ("mixed", "excitatory", "inhibitory")[seed % 3])
    check(one(shape, (Conv(weight, **geometry),), kind, form), x)
    floats = one(shape, (Conv(rng.normal(0, 0.5, size), **geometry),), "real")
    check(floats, rng.normal(0, 1, (6, 2, *shape)))


@pytest.mark.parametrize("seed", range(20))
def test_pools_in_front_and_behind(seed):
    rng = np.random.default_rng(seed)
    dims = 1 + seed % 2
    shape = (2, *(int(n) for n in rng.integers(6, 10, dims)))
    kernel = tuple(int(n) for n in rng.integers(2, 4, dims))
    pool = {
        "kernel": kernel,
        "stride": kernel if seed % 3 else tuple(int(n) for n in rng.integers(1, 4, dims)),
        "padding": tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel),
        "ceil_mode": bool(rng.random() < 0.5),
        "count_include_pad": bool(rng.random() < 0.5),
    }
    small, form = integers(rng, (3, 2, *(1,) * dims), bits=4)
    small = small // 16 * 2
    where = {"stride": (1,) * dims, "padding": ((0, 0),) * dims, "dilation": (1,) * dims}
    summed, average = Pool(kind="sum", **pool), Pool(kind="average", **pool)
    form = Format(form.exponent, 8, "mixed")
    after = np.prod(summed.shape_out(shape))
    dense = integers(rng, (4, int(after)))[0] // 64 * 2
    largest = (1, 20, 255)[seed % 3]
    x = rng.integers(0, largest + 1, (6, 2, *shape))
    kind = "binary" if largest == 1 else "counts"
    check(one(shape, (summed, Conv(small, **where)), kind, form), x)
    check(one(shape, (Conv(small, **where), summed), kind, form), x)
    check(one(shape, (summed, Flatten(0, -1, 1 + dims), Dense(dense)), kind, form), x)
    real = rng.normal(0, 1, (6, 2, *shape))
    for dtype in ("float32", "float64"):
        network = one(shape, (average,), "real", rule=Rule(beta=0.7, threshold=None, reset=Reset("none")))
        found = sd.run(network, real, engine="onnx", dtype=dtype)
        assert sd.compare(sd.run(network, real), found).agrees
    check(one(shape, (Conv(rng.normal(0, 0.5, (3, 2, *(1,) * dims)), **where), average), "real"), real)


@pytest.mark.parametrize("share", [0.002, 0.3])
def test_large_sparse_matrices_are_gathered(share):
    from scipy import sparse

    rng = np.random.default_rng(0)
    rows = sparse.random_array((1100, 1200), density=share, rng=rng, format="csr")
    whole = sparse.csr_array((rng.integers(-128, 128, rows.nnz) * 2, rows.indices, rows.indptr), rows.shape)
    form = Format(1)
    for largest, kind in ((1, "binary"), (2**40, "counts")):
        x = rng.integers(0, largest + 1, (3, 2, 1200))
        check(one((1200,), (Sparse(whole, (1200,), (1100,)),), kind, form), x)
    floats = sparse.csr_array((rng.normal(0, 1, rows.nnz), rows.indices, rows.indptr), rows.shape)
    check(one((30, 40), (Sparse(floats, (30, 40), (11, 100)),)), rng.integers(0, 2, (3, 2, 30, 40)))


@pytest.mark.parametrize("sign", ["mixed", "excitatory", "inhibitory"])
@pytest.mark.parametrize("largest", [1, 127, 128, 255, 256, 2**31, 2**40])
def test_the_largest_weights_and_counts_saturate_nothing(sign, largest):
    form = Format(0, 8, sign)
    low, high = form.limits
    # every pair of products is as large as it gets
    weight = np.stack([np.full(64, low), np.full(64, high), np.resize([low, high], 64)])
    x = np.full((3, 2, 64), largest)
    check(one((64,), (Dense(weight),), "binary" if largest == 1 else "counts", form), x)
    conv = Conv(np.stack([np.full((4, 3, 3), low), np.full((4, 3, 3), high)]))
    x = np.full((3, 2, 4, 5, 5), largest)
    check(one((4, 5, 5), (conv,), "binary" if largest == 1 else "counts", form), x)


@pytest.mark.parametrize("maps", [(Dense(np.full((1, 6), 254)),), (Pool((2,), (2,), (0,), "sum"),) * 11])
def test_sums_beyond_64_bits_are_refused(maps):
    shape = (6,) if len(maps) == 1 else (1, 2**11)
    maps = maps if len(maps) == 1 else (*maps, Dense(np.array([[2]])))
    with pytest.raises(SnnDeployError, match="SD523"):
        sd.run(one(shape, maps, "counts", Format()), np.full((2, 1, *shape), 2**53), engine="onnx")


def test_shapes_scales_and_one_to_one():
    rng = np.random.default_rng(1)
    maps = (Reshape((12,), (3, 4)), Scale(rng.normal(0, 1, (3, 1))), Dense(rng.normal(0, 1, (5, 4))), Flatten(0, 1, 2))
    check(one((12,), maps), rng.integers(0, 2, (6, 3, 12)))
    check(one((3, 4), (), "real"), rng.normal(0, 1, (6, 3, 3, 4)))
    weight, form = integers(rng, (5, 4))
    check(one((12,), (Reshape((12,), (3, 4)), Dense(weight)), form=form), rng.integers(0, 2, (6, 3, 12)))


def loop(rng, integer):
    """Two inputs, one that is always on, three populations in loops, two outputs, delays of several lengths."""

    def weights(rows, columns):
        return rng.integers(-60, 61, (rows, columns)) * 2 if integer else rng.normal(0.1, 0.6, (rows, columns))

    def rule(shape, spiking=True):
        if not integer:
            return float_rule(rng, shape, frozenset({"reset", "current", "bias", "onset", "refractory"}), spiking)
        return Registers(
            du=int(rng.integers(0, 4096)),
            dv=int(rng.integers(0, 4096)),
            vth=40 if spiking else None,
            bias_mant=int(rng.integers(-100, 300)),
            bias_onset=int(rng.integers(0, 5)),
            reset=Reset("by", 40 << 6, "residual") if spiking else Reset("none", 0),
            initial_u=int(rng.integers(-(2**23) + 1, 2**23)),
            initial_v=int(rng.integers(-(2**23) + 1, 2**23)),
        )

    names = {"a": 4, "b": 3, "c": 5, "x": 3, "y": 2, "on": 2, "late": 1}
    links = [("x", "a", 0), ("y", "a", 3), ("a", "b", 1), ("b", "a", 0), ("b", "c", 2), ("y", "c", 1), ("x", "c", 0)]
    links += [("on", "b", 0), ("late", "c", 2), ("late", "a", 1), ("b", "b", 4), ("a", "c", 5)]
    projections = tuple(
        Projection(
            s, t, (Dense(weights(names[t], names[s])),), d, 0, Format(int(rng.integers(-3, 5))) if integer else None
        )
        for s, t, d in links
    )
    inputs = (Input("x", (3,)), Input("y", (2,), "counts"), Input("on", (2,), "constant"))
    inputs += (Input("late", (1,), "constant", 2),)
    populations = tuple(Population(n, (names[n],), rule((names[n],), n != "c")) for n in ("c", "a", "b"))
    return Network(1e-3, inputs, populations, projections, ("c", "a"))


@pytest.mark.parametrize("integer", [True, False])
@pytest.mark.parametrize("seed", range(12))
def test_loops_constants_and_several_inputs(seed, integer):
    rng = np.random.default_rng(seed)
    network = loop(rng, integer)
    check(network, spikes_for(rng, network, 9, 2))


@pytest.mark.parametrize("synapse", ["sequential", "synchronous"])
def test_a_receptor_that_nothing_feeds(synapse):
    # u of the second receptor is its constant alone, of the third nothing; and nothing but a constant input arrives
    rule = Rule(
        beta=0.0,
        threshold=1.2,
        receptors=(Receptor(alpha=0.5, reset=True), Receptor(constant=0.4, onset=2, initial=0.3), Receptor()),
        synapse=synapse,
        adaptation=Adaptation(0.9, 0.2, "before"),
        reset=Reset("to", 0.1, "next"),
    )
    population = Population("out", (2,), rule)
    inputs = (Input("in", (2,)), Input("on", (2,), "constant", 1))
    projections = (Projection("on", "out", (Dense(np.array([[0.7, 0.1], [0.2, 0.9]])),), 2),)
    network = Network(1e-3, inputs, (population,), projections, ("out",))
    check(network, {"in": np.ones((9, 3, 2))})


def test_samples_do_not_touch():
    rng = np.random.default_rng(2)
    network = loop(rng, True)
    x = spikes_for(rng, network, 9, 4)
    whole = sd.run(network, x, engine="onnx", record=ALL)
    for k in range(4):
        alone = sd.run(network, {name: rows[:, k : k + 1] for name, rows in x.items()}, engine="onnx", record=ALL)
        for name, rows in whole.v.items():
            np.testing.assert_array_equal(alone.v[name], rows[:, k : k + 1])


@pytest.mark.parametrize("sign", [1, -1])
def test_registers_at_their_very_edges(sign):
    """u one below, at and above the wrap, v likewise at the clip: each distance on a neuron of its own."""
    top, arrives, near = 2**23, 2**22, np.arange(-3, 4)
    weight = Dense(np.full((7, 4), sign * 128))
    # decays to half plus the distance; two steps let what has wrapped go on
    starts = -(-(arrives + near) * 4096 // 4095)
    assert (starts * 4095 // 4096 == arrives + near).all()
    u = Registers(du=0, dv=4095, vth=None, initial_u=sign * starts, reset=Reset("none", 0))
    network = one((4,), (weight,), form=Format(7), rule=u)
    found = check(network, np.ones((2, 1, 4)))
    first = sign * found.u["out"][0, 0]
    # what wraps, one too far on the negative side: -2^23 is not held, 2^23 is
    assert (first > 0).tolist() == [True] * (4 if sign == 1 else 3) + [False] * (3 if sign == 1 else 4)
    v = Registers(du=4095, dv=0, vth=None, initial_v=sign * (top - 1 - arrives + near), reset=Reset("none", 0))
    clipped = check(one((4,), (weight,), form=Format(7), rule=v), np.ones((2, 1, 4)))
    assert (sign * clipped.v["out"][0, 0]).tolist() == [*(top - 1 + near[:4]), *[top - 1] * 3]
    small = Registers(du=4095, dv=1234, vth=None, initial_v=sign * np.arange(7), reset=Reset("none", 0))
    check(one((4,), (weight,), form=Format(-8), rule=small), np.zeros((3, 1, 4)))


@pytest.mark.parametrize("exponent", range(-8, 0))
def test_negative_sums_shift_toward_minus_infinity(exponent):
    weight = np.arange(-40, 40, 2)[:, None]
    rule = Registers(du=4095, dv=4095, vth=None, reset=Reset("none", 0))
    found = check(one((1,), (Dense(weight),), form=Format(exponent), rule=rule), np.ones((1, 1, 1)))
    assert found.u["out"].ravel().tolist() == [(int(w) >> -exponent) * 64 for w in weight.ravel()]


@pytest.mark.parametrize("largest", [1, 127, 128, 40_000, 2**31 - 1, 2**40])
def test_signed_numbers(largest):
    rng = np.random.default_rng(largest % 1000)
    weight, form = integers(rng, (5, 6))
    x = rng.integers(-largest, largest + 1, (6, 2, 6))
    x[0, 0, :2] = -largest, largest
    network = one((6,), (Dense(weight),), "signed", form)
    check(network, x)
    found = sd.run(network, x, engine="onnx", record=ALL)
    assert sd.compare(sd.run(network, x, record=ALL), found).identical
    kernel, form = integers(rng, (3, 2, 2, 2))
    check(one((2, 5, 5), (Conv(kernel),), "signed", form), rng.integers(-largest, largest + 1, (6, 2, 2, 5, 5)))
    check(one((6,), (Dense(rng.normal(0, 1, (5, 6))),), "signed"), x)


def test_sums_that_float32_does_not_hold_stay_whole():
    kernel = np.full((1, 32, 3, 3), 255)
    x = np.full((3, 1, 32, 4, 4), 255)
    x[:, :, 0, 0, 0] = 254
    rule = Registers(du=4095, dv=4095, vth=None, reset=Reset("none", 0))
    found = check(one((32, 4, 4), (Conv(kernel),), "counts", Format(0, 8, "excitatory"), rule), x)
    whole = 255 * 255 * 288 - 255
    assert int(np.float32(whole)) != whole > 2**24
    assert found.u["out"][0, 0, 0, 0, 0] == (whole << 6) - 2**24


@pytest.mark.parametrize(("most", "dtype"), [(1, "int8"), (255, "uint8"), (256, "int64")])
def test_pairs_of_products_fit_into_16_bits(most, dtype):
    """Not to be seen on a processor that adds them in 32 bits."""
    from onnx import numpy_helper

    from snndeploy.frontends.onnx import Settings, build

    kind = "binary" if most == 1 else "counts"
    network = one((4,), (Dense(np.array([[-256, 254, 2, 0]])),), kind, Format())
    model, _ = build(network, Settings(largest={"in": most} if kind == "counts" else {}))
    weights = [numpy_helper.to_array(each) for each in model.graph.initializer if each.name.endswith(".weight")]
    assert [str(each.dtype) for each in weights] == [dtype]
    if dtype == "int8":
        assert most * 2 * int(np.abs(weights[0].astype(int)).max()) < 2**15

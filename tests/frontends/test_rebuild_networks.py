"""Networks that no module was captured from: recurrence, delays, skips, files, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from random_networks import PLAIN, float_network, spikes_for
from rebuilding import DT, assert_same_spikes, stepped, trains

import snndeploy as sd
from snndeploy.errors import SnnDeployError
from snndeploy.frontends.rebuild.norse_cells import rate
from snndeploy.network import (
    Adaptation,
    Conv,
    Dense,
    Flatten,
    Input,
    Network,
    Pool,
    Population,
    Projection,
    Receptor,
    Refractory,
    Reset,
    Rule,
    Scale,
    Sparse,
)
from snndeploy.network.arrays import equal

BOTH = pytest.mark.parametrize("framework", ["snntorch", "norse"])


def build(framework, network, *args, **options):
    return getattr(sd, f"to_{framework}")(network, *args, **options)


def small(rule, more=(), delay=0, n=4, **options):
    rng = np.random.default_rng(1)
    weight = rng.normal(0.3, 0.5, (n, 3)).astype(np.float32)
    first = Projection("in", "a", (Dense(weight),), delay)
    return Network(DT, (Input("in", (3,)),), (Population("a", (n,), rule),), (first, *more), ("a",), **options)


def x_for(network, seed=0, steps=30):
    return spikes_for(np.random.default_rng(seed), network, steps, 3)


@pytest.mark.parametrize("seed", range(50))
def test_random_networks_in_snntorch(seed):
    """Every reset, currents, recurrence, skips, delays, convolutions, readouts, first values."""
    network = float_network(np.random.default_rng(seed), PLAIN)
    x = spikes_for(np.random.default_rng(seed), network, 20, 2)
    again = sd.capture(sd.to_snntorch(network, x), x["in"], DT)
    assert_same_spikes(network, again, x["in"], least=0)


def hard(rule):
    """What Norse's resets cannot be: residual, and dropping a step's input where a rest is not the same."""
    if not rule.spiking or rule.reset.when == "now" or (rule.reset.kind, rule.reset.when) == ("by", "next"):
        return False
    if rule.reset.kind == "to":
        below = np.all(rule.initial <= rule.threshold)
        return np.any(rule.beta == 1) or not below if rule.reset.when == "next" else not below
    return rule.reset.kind == "by"


@pytest.mark.parametrize("seed", range(50))
def test_random_networks_in_norse(seed):
    network = float_network(np.random.default_rng(seed), PLAIN)
    x = spikes_for(np.random.default_rng(seed), network, 20, 2)
    if any(hard(p.rule) for p in network.populations):
        with pytest.raises(SnnDeployError, match=r"SD330 .*Norse resets in the step of the spike"):
            sd.to_norse(network, x)
        network = float_network(np.random.default_rng(seed), PLAIN - {"reset"})
        x = spikes_for(np.random.default_rng(seed), network, 20, 2)
    again = sd.capture(sd.to_norse(network, x), x["in"], DT)
    assert_same_spikes(network, again, x["in"], least=0)


@pytest.mark.parametrize("seed", range(8))
@BOTH
def test_networks_from_a_file_run_on_the_frameworks(framework, seed, tmp_path):
    network = float_network(np.random.default_rng(300 + seed), PLAIN - {"reset"})
    sd.write(network, tmp_path / "model.nir")
    loaded = sd.read(tmp_path / "model.nir")
    assert loaded.source is None
    x = spikes_for(np.random.default_rng(seed), network, 20, 2)
    definition = sd.run(network, x, record=("spikes", "u", "v"))
    trace = sd.run(loaded, x, engine=framework, record=("spikes", "u", "v"))
    assert trace.engine.startswith(f"{framework} 1.")
    assert trace.engine.endswith(" (rebuilt)")
    assert trace.dtype == "float32"
    assert sd.compare(definition, trace).agrees
    for name, v in definition.v.items():
        np.testing.assert_allclose(trace.v[name], v, rtol=1e-4, atol=2e-5)
    for name, u in trace.u.items():
        np.testing.assert_allclose(u, definition.u[name], rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("reset", [("by", "now"), ("by", "next"), ("none", "now"), ("to", "now")], ids=str)
@BOTH
def test_membranes_are_the_networks(framework, reset):
    """Shifted, and reset in another step, inside; as the network has them, outside."""
    rule = Rule(beta=0.75, threshold=0.8, bias=0.1, reset=Reset(reset[0], 0.3, reset[1]), initial=0.25)
    network = small(rule)
    x = x_for(network)
    a, b = (sd.run(network, x, engine=e, record=("spikes", "u", "v")) for e in ("reference", framework))
    np.testing.assert_array_equal(a.spikes["a"], b.spikes["a"])
    np.testing.assert_allclose(b.v["a"], a.v["a"], atol=2e-6)
    assert a.spikes["a"].sum() > 20


@BOTH
def test_amounts_that_are_not_the_threshold(framework):
    for amount in (0.1, 0.7, 2.0):
        for when in ("now", "next"):
            alpha = 0.6 if when == "next" else 0.0
            rule = Rule(
                beta=np.linspace(0.2, 0.95, 4),
                threshold=0.9,
                receptors=(Receptor(alpha),),
                reset=Reset("by", amount, when),
            )
            network = small(rule)
            x = x_for(network)
            assert_same_spikes(network, sd.capture(build(framework, network, x), x["in"], DT), x["in"], least=10)


def layered():
    """Every map: a convolution with unequal padding, sum and average pools, a factor, a sparse matrix, one to one."""
    from scipy import sparse

    rng = np.random.default_rng(3)
    rule = Rule(beta=0.7, threshold=0.6)
    conv = Conv(rng.normal(0.3, 0.5, (2, 1, 2, 2)), padding=((0, 1), (1, 0)))
    matrix = sparse.random_array((5, 8), density=0.4, rng=rng)
    populations = (
        Population("image", (2, 6, 6), replace(rule, bias=np.linspace(-0.1, 0.1, 72).reshape(2, 6, 6))),
        Population("small", (2, 2, 2), rule),
        Population("line", (5,), rule),
        Population("last", (5,), rule),
        Population("pooled", (2, 3, 3), rule),
    )
    projections = (
        Projection("in", "image", (conv,)),
        Projection("image", "small", (Pool((3, 3), (3, 3), (0, 0), "sum"), Scale(np.asarray(0.29)))),
        Projection("small", "line", (Sparse(matrix, (2, 2, 2), (5,)),)),
        Projection("line", "last", (), 2),
        Projection("small", "last", (Flatten(0, -1, 3), Dense(rng.normal(0.2, 0.5, (5, 8))))),
        Projection("image", "pooled", (Pool((2, 2), (2, 2)), Scale(np.full((2, 1, 1), 2.9)))),
    )
    return Network(DT, (Input("in", (1, 6, 6)),), populations, projections, ("last",))


@BOTH
def test_every_map(framework):
    network = layered()
    x = x_for(network)
    module = build(framework, network, x)
    assert_same_spikes(network, sd.capture(module, x["in"], DT), x["in"], least=100)
    trains(module, x["in"], steps=1)


@BOTH
def test_lines_and_unequal_padding(framework):
    rng = np.random.default_rng(5)
    conv = Conv(rng.normal(0.4, 0.4, (3, 2, 3)), (1,), ((0, 2),), (1,))
    pool = Pool((2,), (2,), (0,), "sum")
    populations = (
        Population("a", (3, 8), Rule(beta=0.5, threshold=0.7)),
        Population("b", (3, 4), Rule(0.6, threshold=1.2)),
    )
    projections = (Projection("in", "a", (conv,)), Projection("a", "b", (pool,)))
    network = Network(DT, (Input("in", (2, 8), "counts"),), populations, projections, ("b",))
    x = x_for(network)
    assert_same_spikes(network, sd.capture(build(framework, network, x), x["in"], DT), x["in"], least=50)


@BOTH
def test_always_on_inputs_and_synchronous_currents(framework):
    on = Projection("on", "a", (Dense(np.full((4, 1), 0.2)),))
    network = small(Rule(beta=0.8, receptors=(Receptor(0.5),)), (on,))
    network = network.with_(inputs=(*network.inputs, Input("on", (1,), "constant")))
    x = x_for(network)
    assert_same_spikes(network, sd.capture(build(framework, network, x), x["in"], DT), x["in"], least=20)
    late = small(Rule(beta=0.8, receptors=(Receptor(0.5),), synapse="synchronous"))
    x = x_for(late)
    assert_same_spikes(late, sd.capture(build(framework, late, x), x["in"], DT), x["in"], least=10)


@BOTH
def test_names_that_torch_cannot_have(framework):
    """Also of a neuron that does not start at zero, whose first value is a buffer of the whole."""
    rule = Rule(beta=0.5, initial=0.25)
    names = ("forward", "type", "net.2", "net", "ä b", "0")
    populations = tuple(Population(n, (3,), rule) for n in names)
    projections = tuple(
        Projection(a, b, (Dense(np.full((3, 3), 0.4)),), name=f"{a}->{b}")
        for a, b in zip(("in", *names), names, strict=False)
    )
    network = Network(DT, (Input("in", (3,)),), populations, projections, ("0",))
    x = x_for(network)
    assert sd.compare(sd.run(network, x), sd.run(network, x, engine=framework)).agrees
    build(framework, network, x)


@BOTH
def test_several_outputs(framework):
    rng = np.random.default_rng(0)
    two = Population("b", (4,), Rule(beta=0.5))
    more = (Projection("a", "b", (Dense(rng.normal(0.5, 0.5, (4, 4))),)),)
    network = small(Rule(beta=0.9), more)
    network = network.with_(populations=(*network.populations, two), outputs=("b", "a"))
    x = x_for(network)
    module = build(framework, network, x)
    expected = sd.run(network, x)
    state, rows = None, []
    for row in torch.as_tensor(x["in"], dtype=torch.float32):
        *outputs, state = module(row, state)
        rows.append([out.detach().numpy() != 0 for out in outputs])
    np.testing.assert_array_equal(np.stack([r[0] for r in rows]), expected.spikes["b"])
    np.testing.assert_array_equal(np.stack([r[1] for r in rows]), expected.spikes["a"])


@BOTH
def test_readouts_return_the_membrane(framework):
    for rule in (
        Rule(beta=0.8, threshold=None, reset=Reset("none"), initial=0.3),
        Rule(beta=0.8, threshold=None, reset=Reset("none"), receptors=(Receptor(0.5, 0.25),), bias=0.1),
        Rule(beta=0.0, threshold=None, reset=Reset("none"), receptors=(Receptor(0.0, 2.0, 0.5),)),
    ):
        network = small(rule)
        x = x_for(network)
        out = stepped(build(framework, network, x), x["in"]).detach().numpy()
        np.testing.assert_allclose(out, sd.run(network, x).v["a"], rtol=1e-5, atol=1e-6)


def test_norse_computes_the_decay_that_was_meant():
    rng = np.random.default_rng(0)
    beta = rng.uniform(0.5, 1, 2000).astype(np.float32)
    k = (1 - beta.astype(np.float64)).astype(np.float32)
    assert np.array_equal(1 - k.astype(np.float64), beta)
    one_by_one = np.array([(DT * rate(np.asarray(each, np.float64), DT)).to(torch.float32) for each in k[:200]])
    np.testing.assert_array_equal(one_by_one, k[:200])
    together = (DT * rate(k.astype(np.float64), DT)).numpy()
    off = np.abs(together.view(np.int32) - k.view(np.int32))
    assert off.max() <= 1
    assert np.mean(off == 0) > 0.95


def refused(framework, network, *texts):
    with pytest.raises(SnnDeployError) as caught:
        build(framework, network)
    assert {f.code for f in caught.value.findings} == {"SD330"}
    for text in texts:
        assert text in str(caught.value), str(caught.value)
    with pytest.raises(SnnDeployError, match="SD330"):
        sd.run(network, x_for(network), engine=framework)
    return caught.value.findings


@BOTH
def test_what_neither_has(framework):
    for text, changes in {
        "refractory": {"refractory": Refractory(2, "membrane and current")},
        "adaptive": {"adaptation": Adaptation(0.9, 0.1)},
        "floor": {"floor": -0.5},
        "reset with the membrane": {"receptors": (Receptor(0.5, reset=True),)},
    }.items():
        refused(framework, small(Rule(beta=0.9, **changes)), text, "population 'a'", "use the engine")
    rule = Rule(beta=0.9, floor=0.0, refractory=Refractory(2))
    many = refused(framework, small(rule), "floor", "refractory")
    assert len(many) == 2


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("alpha", [0.0, 0.6])
@pytest.mark.parametrize("more", [{}, {"bias": 0.15}, {"initial": 0.2}, {"initial": np.array([0.1, 0.2, -0.1, 0.3])}])
def test_rest_after_a_spike_is_lifrefrac(steps, alpha, more):
    reset = Reset("to", np.array([0.0, -0.2, 0.1, 0.2]))
    rule = Rule(
        beta=0.8, threshold=0.6, receptors=(Receptor(alpha),), reset=reset, refractory=Refractory(steps), **more
    )
    network = small(rule, (Projection("a", "a", (Dense(np.full((4, 4), -0.1)),), 1),))
    x = x_for(network)
    module = sd.to_norse(network, x)
    assert [type(m).__name__ for m in module.modules() if "LIF" in type(m).__name__] == ["LIFRefracCell"]
    assert_same_spikes(network, sd.capture(module, x["in"], DT), x["in"], least=10)
    a, b = (sd.run(network, x, engine=e, record=("spikes", "v")) for e in ("reference", "norse"))
    np.testing.assert_allclose(b.v["a"], a.v["a"], atol=2e-6)
    if steps > 1:
        refused("snntorch", network, "refractory", "norse can hold it")
    else:
        assert_same_spikes(network, sd.capture(sd.to_snntorch(network, x), x["in"], DT), x["in"], least=10)


@pytest.mark.parametrize("alpha", [0.0, 0.7])
@pytest.mark.parametrize("initial", [0.0, 0.2, np.array([0.1, 0.2, -0.1, 0.3])])
def test_a_threshold_that_adapts_is_lsnn(alpha, initial):
    adapting = Adaptation(np.array([0.9, 0.8, 0.95, 0.7]), 0.3, "before")
    rule = Rule(
        beta=0.8,
        threshold=0.4,
        receptors=(Receptor(alpha, 0.2, constant=0.1),),
        bias=0.2 * np.asarray(initial),
        reset=Reset("to", -0.1),
        synapse="synchronous",
        adaptation=adapting,
        initial=initial,
    )
    network = small(rule, (Projection("a", "a", (Dense(np.full((4, 4), 0.2)),), 1),))
    x = x_for(network)
    module = sd.to_norse(network, x)
    assert [type(m).__name__ for m in module.modules() if "LSNN" in type(m).__name__] == ["LSNNCell"]
    assert_same_spikes(network, sd.capture(module, x["in"], DT), x["in"], least=10)
    refused("snntorch", network, "adaptive", "norse can hold it")
    text = "one current that starts at 0 and no bias"
    refused("norse", small(replace(rule, bias=0.3)), text)
    refused("norse", small(replace(rule, receptors=(Receptor(alpha, initial=0.1),))), text)
    refused("norse", small(replace(rule, beta=1.0, bias=0.0)), "LSNNCell leaks")


@pytest.mark.parametrize("alpha", [0.0, 0.6])
@pytest.mark.parametrize("synapse", ["sequential", "synchronous"])
@BOTH
def test_what_sets_in_later(framework, alpha, synapse):
    """A bias, a constant, always-on inputs: each from a step of its own."""
    receptor = Receptor(alpha, constant=np.array([0.13, 0.21, 0.0, -0.1]), onset=3)
    rule = Rule(beta=0.8, threshold=0.7123, receptors=(receptor,), bias=0.2, bias_onset=6, synapse=synapse)
    on = (
        Projection("on", "a", (Dense(np.full((4, 1), 0.2)),)),
        Projection("then", "a", (Dense(np.full((4, 1), 0.1)),), 5),
    )
    network = small(rule, on)
    always = (Input("on", (1,), "constant"), Input("then", (1,), "constant", 4))
    network = network.with_(inputs=(*network.inputs, *always))
    x = x_for(network)
    module = build(framework, network, x)
    assert_same_spikes(network, sd.capture(module, x["in"], DT), x["in"], least=20)
    a, b = (sd.run(network, x, engine=e, record=("spikes", "v")) for e in ("reference", framework))
    np.testing.assert_allclose(b.v["a"], a.v["a"], atol=2e-6)


@pytest.mark.parametrize("kind", ["zero", "none"])
@pytest.mark.parametrize("seed", range(5))
def test_alpha_is_alpha_again(kind, seed):
    import snntorch as snn
    from torch import nn

    torch.manual_seed(seed)
    alpha = torch.rand(5) * 0.2 + 0.75
    first = snn.Alpha(alpha=alpha, beta=alpha - 0.1, threshold=0.4, reset_mechanism=kind, init_hidden=True)
    second = snn.Alpha(alpha=0.9, beta=0.5, threshold=0.3, reset_mechanism=kind, init_hidden=True)
    x = np.random.default_rng(seed).random((30, 3, 4)) < 0.5
    network = sd.capture(nn.Sequential(nn.Linear(4, 5), first, nn.Linear(5, 3), second).eval(), x * 1.0, DT)
    module = sd.to_snntorch(network, x)
    assert sum(isinstance(m, snn.Alpha) for m in module.modules()) == 2
    again = sd.capture(module, x * 1.0, DT)
    assert [equal(p.rule, q.rule) for p, q in zip(network.populations, again.populations, strict=True)] == [True, True]
    assert_same_spikes(network, again, x * 1.0, least=10 if kind == "none" else 1)
    trains(module, x, steps=1)


def test_what_is_not_quite_alpha():
    """Other gains, or something that only one of the currents gets."""
    gain = 2.0
    rule = Rule(0.0, 0.5, (Receptor(0.9, gain), Receptor(0.8, -gain)), reset=Reset("none"))
    double = (Projection("in", "a", (Dense(np.full((4, 3), 0.3)),), 0, 1, name="two"),)
    refused("snntorch", small(rule, double), "different alpha", "norse can hold it")
    assert sd.to_norse(small(rule, double))


def test_what_only_the_other_has():
    to_norse = "norse can hold it: sd.to_norse(net)"
    rule = Rule(beta=0.9, receptors=(Receptor(0.5), Receptor(0.2)))
    two = Projection("in", "a", (Dense(np.full((4, 3), 0.3)),), 0, 1, name="two")
    refused("snntorch", small(rule, (two,)), "different alpha", to_norse)
    network = small(rule, (two,))
    x = x_for(network)
    assert_same_spikes(network, sd.capture(sd.to_norse(network, x), x["in"], DT), x["in"], least=10)
    refused("snntorch", small(Rule(beta=-0.1)), "beta = -0.1", to_norse)
    assert sd.to_norse(small(Rule(beta=-0.1)))
    to_snntorch = "snntorch can hold it: sd.to_snntorch(net)"
    for text, rule in (
        ("IAFCell", Rule(beta=1.0, reset=Reset("by", 1.0, "now"))),
        ("some of its neurons leak", Rule(beta=np.array([1.0, 0.5, 1.0, 0.5]))),
        ("does not start at its reset value", Rule(beta=1.0, initial=0.5)),
        ("does not decay (alpha = 1)", Rule(beta=1.0, receptors=(Receptor(1.0),))),
        ("are worth 2..2", Rule(beta=0.5, value=2.0)),
    ):
        refused("norse", small(rule), text, to_snntorch)
        assert sd.to_snntorch(small(rule))


@BOTH
def test_integers(framework):
    network = small(Rule(beta=0.9, receptors=(Receptor(),)))
    x = x_for(network)
    refused(framework, sd.quantize(network, "loihi2", x["in"]), "integer form", "rebuild the float network")


@pytest.mark.parametrize("reset", [Reset("to", 0.0), Reset("none"), Reset("by", 0.5, "next")], ids=lambda r: r.kind)
def test_exact_ties_are_ties_in_other_units(reset):
    """Dyadic numbers meet the threshold exactly; a framework that divides weights by 1 - beta rounds there."""
    ties = 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        rule = Rule(beta=rng.integers(1, 16, 64) / 16, threshold=rng.integers(2, 12, 64) / 16, reset=reset)
        first = Projection("in", "a", (Dense(rng.integers(-4, 8, (64, 3)) / 16),))
        network = Network(DT, (Input("in", (3,)),), (Population("a", (64,), rule),), (first,), ("a",))
        x = x_for(network, seed)
        sd.to_norse(network, x)
        same = sd.compare(sd.run(network, x), sd.run(network, x, engine="norse"))
        assert same.agrees
        ties += 0 if same.identical else same.ties
    assert ties

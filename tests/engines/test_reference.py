"""The definition itself, against the frameworks' own functions and against integers written out one by one."""

import numpy as np
import pytest
import torch
from random_networks import PLAIN, integer_network, spikes_for

from snndeploy.engines import run
from snndeploy.errors import SnnDeployError
from snndeploy.network import (
    Adaptation,
    Decision,
    Dense,
    Format,
    Input,
    Network,
    Population,
    Projection,
    Receptor,
    Refractory,
    Registers,
    Reset,
    Rule,
)

STEPS, BATCH, SIZE = 200, 5, 12


def single_layer(rule, weight=None, delay=0, size=SIZE):
    maps = () if weight is None else (Dense(weight),)
    return Network(
        1e-3,
        (Input("in", (size,), "real"),),
        (Population("n", (size,), rule),),
        (Projection("in", "n", maps, delay),),
        ("n",),
    )


def currents(seed=0, scale=0.5):
    return np.random.default_rng(seed).normal(0.2, scale, (STEPS, BATCH, SIZE)).astype(np.float32)


def spikes_of(step):
    """Runs `step(x) -> spikes` of a framework over the currents."""
    with torch.no_grad():
        return np.stack([step(torch.from_numpy(x)).numpy() for x in currents()]).astype(bool)


def assert_same_spikes(rule, expected):
    got = run(single_layer(rule), currents()).spikes["n"]
    assert np.count_nonzero(got != expected) == 0
    assert 0.02 < expected.mean() < 0.98


@pytest.mark.parametrize("delay", [True, False])
@pytest.mark.parametrize("mechanism", ["subtract", "zero", "none"])
@pytest.mark.parametrize("synaptic", [False, True])
def test_all_reset_settings_of_snntorch(mechanism, delay, synaptic):
    import snntorch

    kind = {"subtract": "by", "zero": "to", "none": "none"}[mechanism]
    late = {"by": "next" if delay else "residual", "to": "next" if delay and synaptic else "now", "none": "now"}[kind]
    options = {"reset_mechanism": mechanism, "reset_delay": delay, "init_hidden": True, "threshold": 1.0}
    neuron = snntorch.Synaptic(alpha=0.7, beta=0.9, **options) if synaptic else snntorch.Leaky(beta=0.9, **options)
    alpha = np.float64(np.float32(0.7)) if synaptic else 0.0
    rule = Rule(
        beta=np.float64(np.float32(0.9)),
        receptors=(Receptor(alpha),),
        reset=Reset(kind, 1.0 if kind == "by" else 0.0, late),
    )
    assert_same_spikes(rule, spikes_of(neuron))


def norse_float(value):
    return float(np.float32(value))


def test_refractory_period_is_norses():
    from norse.torch.functional import lif, lif_refrac

    p = lif_refrac.LIFRefracParameters(lif.LIFParameters(), torch.as_tensor(3))
    state = lif_refrac.LIFRefracFeedForwardState(
        lif.LIFFeedForwardState(torch.zeros(BATCH, SIZE), torch.zeros(BATCH, SIZE)), torch.zeros(BATCH, SIZE)
    )

    def step(x):
        nonlocal state
        spikes, state = lif_refrac.lif_refrac_feed_forward_step(4 * x, state, p)
        return spikes

    k, ks = norse_float(1e-3 * p.lif.tau_mem_inv), norse_float(1e-3 * p.lif.tau_syn_inv)
    rule = Rule(1 - k, 1.0, (Receptor(1 - ks, 4 * k),), refractory=Refractory(3))
    assert_same_spikes(rule, spikes_of(step))


def test_adaptation_and_synchronous_current_are_norses_lsnn():
    from norse.torch.functional import lsnn

    p = lsnn.LSNNParameters(v_th=torch.as_tensor(0.5), beta=torch.as_tensor(0.4), tau_adapt_inv=torch.as_tensor(20.0))
    zero = torch.zeros(BATCH, SIZE)
    state = lsnn.LSNNState(zero, zero, zero, zero + p.v_th)
    eye, none = torch.eye(SIZE), torch.zeros(SIZE, SIZE)

    def step(x):
        nonlocal state
        spikes, state = lsnn.lsnn_step(4 * x, state, eye, none, p)
        return spikes

    k, ks, ka = (norse_float(1e-3 * tau) for tau in (p.tau_mem_inv, p.tau_syn_inv, p.tau_adapt_inv))
    rule = Rule(
        1 - k,
        0.5,
        (Receptor(1 - ks, 4 * k),),
        synapse="synchronous",
        adaptation=Adaptation(1 - ka, np.float64(np.float32(0.4)), "before"),
    )
    assert_same_spikes(rule, spikes_of(step))


def impulse(rule, steps=6, at=0, size=1, **net):
    x = np.zeros((steps, 1, size))
    x[at] = 1
    return run(single_layer(rule, size=size, **net), x, record=("spikes", "u", "v"))


def test_a_current_decays_geometrically_and_a_bias_waits_for_its_onset():
    trace = impulse(Rule(0.5, None, (Receptor(0.25, 2.0),), bias=1.0, bias_onset=4))
    np.testing.assert_allclose(trace.u["n"].ravel(), 0.25 ** np.arange(6))
    v = [0.0]
    for t in range(6):
        v.append(0.5 * v[-1] + 2 * 0.25**t + (t >= 4))
    np.testing.assert_allclose(trace.v["n"].ravel(), v[1:])


def test_a_delay_moves_everything_by_its_steps():
    late = impulse(Rule(0.5, None), delay=2)
    np.testing.assert_allclose(late.v["n"].ravel(), [0, 0, 1, 0.5, 0.25, 0.125])


def test_strictly_above_the_threshold():
    x = np.array([1.0, np.nextafter(1.0, 2)]).reshape(2, 1, 1)
    assert run(single_layer(Rule(0.0, 1.0), size=1), x).spikes["n"].ravel().tolist() == [False, True]


def test_floors_bound_the_candidate_and_the_stored_membrane():
    x = np.array([-9.0, 0.0, 0.0]).reshape(3, 1, 1)
    for rule in (Rule(0.5, None, floor=-1.0), Rule(0.5, None, state_floor=-1.0)):
        trace = run(single_layer(rule, size=1), x, record=("v",))
        np.testing.assert_allclose(trace.v["n"].ravel(), [-1, -0.5, -0.25])


def test_a_graded_spike_carries_its_value():
    one = (Dense(np.eye(1)),)
    net = Network(
        1e-3,
        (Input("in", (1,)),),
        (Population("a", (1,), Rule(0.0, 0.5, value=2.5)), Population("b", (1,), Rule(0.0, None))),
        (Projection("in", "a", one), Projection("a", "b", one)),
        ("b",),
        Decision("b", "max-v"),
    )
    trace = run(net, np.ones((1, 1, 1)))
    assert trace.v["b"].item() == 2.5
    assert trace.decisions().tolist() == [0]


def one_by_one(network, x):
    """The integer form written out with Python integers, neuron by neuron, for dense feed-forward networks."""

    def decay(y, factor):
        return (abs(y) * factor >> 12) * (1 if y > 0 else -1)

    def signed(y, bits):
        y &= (1 << bits) - 1
        return y - (1 << bits) if y >> (bits - 1) else y

    def clip(y):
        return max(-(2**23) + 1, min(2**23 - 1, y))

    rule = network.populations[0].rule
    p = network.projections[0]
    weight, e = p.maps[-1].weight.tolist(), p.format.exponent
    states = []
    for sample in range(x.shape[1]):
        u = v = 0
        for t in range(x.shape[0]):
            acc = sum(w for w, s in zip(weight[0], x[t, sample].tolist(), strict=True) if s)
            a = signed(signed(acc << e if e >= 0 else acc >> -e, 32) << 6, 32)
            u = signed(decay(u, 4095 - int(rule.du)) + a, 32)
            u = u - 2**24 if u > 2**23 else u + 2**24 if u <= -(2**23) else u
            bias = int(rule.bias_mant) << int(rule.bias_exp)
            q = clip(signed(decay(v, 4096 - int(rule.dv)) + u + bias, 32))
            s = q > int(rule.vth) << 6
            v = 0 if s else q
            states.append((s, u, v))
    return np.array(states).reshape(x.shape[1], x.shape[0], 3).transpose(1, 0, 2)


@pytest.mark.parametrize("seed", range(40))
def test_integers_written_out_one_by_one(seed):
    rng = np.random.default_rng(seed)
    registers = Registers(
        du=int(rng.integers(4096)),
        dv=int(rng.integers(4096)),
        vth=int(rng.integers(2**17)),
        bias_mant=int(rng.integers(-4096, 4096)),
        bias_exp=int(rng.integers(8)),
    )
    form = Format(int(rng.integers(-8, 8)))
    weight = rng.integers(-128, 128, (1, 300)) * 2
    net = Network(
        1e-3,
        (Input("in", (300,)),),
        (Population("n", (1,), registers),),
        (Projection("in", "n", (Dense(weight),), format=form),),
        ("n",),
    )
    x = (rng.random((40, 2, 300)) < rng.random()).astype(int)
    trace = run(net, x, record=("spikes", "u", "v"))
    got = np.concatenate([trace.spikes["n"], trace.u["n"], trace.v["n"]], axis=2)
    np.testing.assert_array_equal(got, one_by_one(net, x))


@pytest.mark.parametrize("seed", range(20))
def test_names_and_order_never_change_a_spike(seed):
    rng = np.random.default_rng(seed)
    net = integer_network(rng, PLAIN)
    x = spikes_for(rng, net, 20, 2)
    turned = net.with_(populations=net.populations[::-1], projections=net.projections[::-1])
    a, b = run(net, x, record=("spikes", "u", "v")), run(turned, x, record=("spikes", "u", "v"))
    for name in net.population:
        np.testing.assert_array_equal(a.v[name], b.v[name])
        np.testing.assert_array_equal(a.u[name], b.u[name])


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (np.zeros((0, 1, 2)), "SD103"),
        (np.zeros((5, 2)), "SD103"),
        (np.zeros((5, 1, 3)), "SD103"),
        (np.full((5, 1, 2), np.nan), "SD104"),
        (np.full((5, 1, 2), 2), "SD111"),
        (np.array([["a", "b"]]), "SD111"),
        ({"out": np.zeros((5, 1, 2))}, "SD102"),
    ],
)
def test_input_that_does_not_fit_is_refused(given, code):
    net = Network(
        1e-3,
        (Input("in", (2,)),),
        (Population("n", (2,), Rule(0.5)),),
        (Projection("in", "n", (Dense(np.eye(2)),)),),
        ("n",),
    )
    with pytest.raises(SnnDeployError, match=code):
        run(net, given)
    with pytest.raises(SnnDeployError, match="SD501"):
        run(net, np.zeros((5, 1, 2)), engine="abacus")
    with pytest.raises(SnnDeployError, match="SD503"):
        run(net, np.zeros((5, 1, 2)), colour="red")
    with pytest.raises(SnnDeployError, match="SD102"):
        run(net, np.zeros((5, 1, 2)), record=("w",))


def test_counts_and_constants_are_inputs_of_their_own_kind():
    net = Network(
        1e-3,
        (Input("in", (1,), "counts"), Input("on", (1,), "constant", onset=2)),
        (Population("n", (1,), Rule(0.0, None)),),
        (Projection("in", "n", ()), Projection("on", "n", ())),
        ("n",),
    )
    trace = run(net, np.array([3, 0, 2, 0]).reshape(4, 1, 1))
    assert trace.v["n"].ravel().tolist() == [3, 0, 3, 1]
    with pytest.raises(SnnDeployError, match="SD111"):
        run(net, np.array([0.5]).reshape(1, 1, 1))


def test_a_floor_of_the_state_also_holds_what_a_reset_leaves():
    rule = Rule(0.5, 1.0, reset=Reset("to", -0.9), state_floor=-0.25)
    x = np.array([2.0, 0.0, 2.0]).reshape(3, 1, 1)
    for engine in ("reference", "torch"):
        trace = run(single_layer(rule, size=1), x, engine, record=("v",))
        np.testing.assert_array_equal(trace.v["n"].ravel(), [-0.25, -0.125, -0.25])


# what arrives, and u before: at the edges of 24 and of 32 bits
EDGES = [(2**17, 0), (2**17 + 1, 0), (2**17 - 1, 0), (2**18, 0), (2**25 - 1, 2**23 - 1), (2**25, 0), (2**17 - 1, 77)]


@pytest.mark.parametrize("engine", ["reference", "torch", "lava"])
@pytest.mark.parametrize("vth", [None, 2**17 - 1])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("count", "before"), EDGES)
def test_registers_at_their_edges(engine, vth, sign, count, before):
    """u = 2^23 stays and -2^23 wraps; a sum beyond 32 bits wraps there first, and then once in 24 bits."""
    if engine == "lava":
        pytest.importorskip("lava")
    form = Format(0, 8, "excitatory" if sign > 0 else "inhibitory")
    rule = Registers(du=0, dv=0, vth=vth, initial_u=sign * before)
    net = Network(
        1e-3,
        (Input("in", (1,), "counts"),),
        (Population("n", (1,), rule),),
        (Projection("in", "n", (Dense(np.array([[sign]])),), format=form),),
        ("n",),
    )

    def signed32(y):
        return (y + 2**31) % 2**32 - 2**31

    u = signed32(sign * (before * 4095 >> 12) + signed32(sign * count << 6))
    u = u - 2**24 if u > 2**23 else u + 2**24 if u <= -(2**23) else u
    v = max(1 - 2**23, min(2**23 - 1, u))
    v = 0 if vth is not None and v > vth << 6 else v
    trace = run(net, np.full((1, 1, 1), count), engine, record=("u", "v"))
    assert (trace.u["n"].item(), trace.v["n"].item()) == (u, v)

"""The certificate against exhaustive search, adversarial input and arithmetic in plain Python integers."""

from __future__ import annotations

import itertools
import json
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import PLAIN, integer_network, spikes_for

import snndeploy as sd
from snndeploy import cli, targets
from snndeploy.engines.lava.patches import missing
from snndeploy.errors import SnnDeployError, VerdictError
from snndeploy.network import (
    Conv,
    Decision,
    Dense,
    Flatten,
    Format,
    Input,
    Network,
    Population,
    Projection,
    Receptor,
    Registers,
    Reset,
    Rule,
)
from snndeploy.quantize import Certificate, certify, quantize
from snndeploy.quantize.certificate import certified
from snndeploy.quantize.certificate.interval import climbing
from snndeploy.quantize.certificate.witness import driven

MAX = 2**23 - 1
ALL = ("spikes", "u", "v")
LAVA = pytest.param("lava", marks=pytest.mark.skipif(missing() is not None, reason=str(missing())))
RESETS = [("to", "now"), ("to", "next"), ("by", "now"), ("by", "residual"), ("none", "now"), ("by", "next")]


def fade(y: int, kept: int) -> int:
    """One decay of a Python integer, toward zero."""
    size = abs(y) * kept // 4096
    return size if y >= 0 else -size


def one(weight, rule: Registers, form: Format | None = None, kind: str = "binary") -> Network:
    weight = np.asarray(weight)
    return Network(
        1e-3,
        (Input("in", weight.shape[1:], kind),),
        (Population("p", weight.shape[:1], rule),),
        (Projection("in", "p", (Dense(weight),), format=form or Format(0, 8, "mixed")),),
        ("p",),
    )


def currents(network: Network, trace) -> dict[str, np.ndarray]:
    """What each current would have been without its register, from the definition's own u, in Python integers."""
    found = {}
    for each in network.populations:
        du = np.broadcast_to(each.rule.du, each.shape)
        start = np.broadcast_to(each.rule.initial_u, each.shape)
        steps, batch = trace.u[each.name].shape[:2]
        a = np.zeros((steps, batch, *each.shape), object)
        for p in network.into(each.name):
            x = (trace.inputs.get(p.source) if p.source in trace.inputs else trace.spikes[p.source]).astype(np.int64)
            for t in range(p.delay, steps):
                value = x[t - p.delay]
                for m in p.maps:
                    value = m.apply(value)
                e = p.format.exponent
                a[t] = a[t] + (value << e if e >= 0 else value >> -e).astype(object)
        raw = np.zeros(a.shape, object)
        for at in np.ndindex(batch, *each.shape):
            before = int(start[at[1:]])
            for t in range(steps):
                raw[(t, *at)] = fade(before, 4095 - int(du[at[1:]])) + 64 * int(a[(t, *at)])
                before = int(trace.u[each.name][(t, *at)])
        found[each.name] = raw
    return found


@settings(max_examples=300)
@given(st.integers(-(2**23), 2**23), st.integers(-(2**20), 2**20), st.integers(0, 4095))
def test_a_register_climbs_to_the_fixed_point(start, x, kept):
    y = highest = start
    for _ in range(400):
        y = fade(y, kept) + x
        highest = max(highest, y)
    bound = int(climbing(np.asarray(start), np.asarray(x), np.asarray(kept)))
    assert highest <= bound
    if fade(y, kept) + x == y:
        assert highest == bound


@pytest.mark.parametrize("seed", range(12))
def test_every_input_of_a_few_steps_was_tried(seed):
    """2 inputs, 5 steps: all 1,024 rasters. The current's bound is reached exactly; the membrane's is never left."""
    rng = np.random.default_rng(seed)
    kind, when = [("to", "now"), ("to", "next"), ("by", "now"), ("by", "residual"), ("none", "now"), ("by", "next")][
        seed % 6
    ]
    vth = int(rng.integers(20, 200))
    rule = Registers(
        du=int(rng.integers(0, 4096)), dv=int(rng.integers(0, 2000)), vth=vth, bias_mant=int(rng.integers(-90, 90)),
        reset=Reset(kind, int(rng.integers(1, 64 * vth)), when), initial_u=int(rng.integers(-3000, 3000)) * (seed % 2),
    )  # fmt: skip
    network = one(rng.integers(-60, 100, (3, 2)) * 2, rule)
    rasters = np.array(list(itertools.product((0, 1), repeat=10))).reshape(-1, 5, 2).transpose(1, 0, 2)
    trace = sd.run(network, rasters, record=ALL)
    exact, ever = certify(network, steps=5, search=False), certify(network, search=False)
    start = np.broadcast_to(rule.initial_u, 3)
    u, v = trace.u["p"].reshape(-1, 3), trace.v["p"].reshape(-1, 3)
    np.testing.assert_array_equal(exact.bound("p", "u").high, np.maximum(u.max(axis=0), start))
    np.testing.assert_array_equal(exact.bound("p", "u").low, np.minimum(u.min(axis=0), start))
    for proof in (exact, ever):
        assert (v <= proof.bound("p", "v").high).all()
        assert (v >= proof.bound("p", "v").low).all()
    assert (ever.bound("p", "u").high >= exact.bound("p", "u").high).all()


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_a_proven_network_never_leaves_its_bounds(seed):
    rng = np.random.default_rng(seed)
    kind = "counts" if seed % 4 == 0 else "binary"
    network = integer_network(rng, PLAIN | {"onset", "reset value"}, extreme=seed % 2 == 0, kind=kind)
    proof = certify(network, largest={"in": 5}, search=False)
    rasters = [np.minimum(spikes_for(rng, network, 24, 2)["in"], 5 if kind == "counts" else 1)]
    for bound in proof.bounds:
        # what drives a neuron hardest, in either direction
        for sign in (1, -1):
            rasters.append(driven(network, bound, bound.worst, sign, proof.largest, 24)["in"])
    x = np.concatenate([r[:24] for r in rasters if len(r) >= 24], axis=1)
    trace = sd.run(network, x, record=ALL)
    raw = currents(network, trace)
    for name in network.population:
        current, membrane = proof.bound(name, "u"), proof.bound(name, "v")
        if current.verdict == "proven":
            assert (raw[name] <= current.high).all()
            assert (raw[name] >= current.low).all()
            np.testing.assert_array_equal(trace.u[name], raw[name].astype(np.int64))
        assert (trace.v[name] <= np.clip(membrane.high, None, MAX)).all()
        assert (trace.v[name] >= np.clip(membrane.low, -MAX, None)).all()


def witnessed(network: Network, proof: Certificate) -> int:
    """Runs every witness against a current, and sees it wrap around."""
    for found in proof.witnesses:
        trace = sd.run(network, found.inputs, record=ALL)
        at = (found.step, 0, *found.index)
        if found.register == "u":
            raw = int(currents(network, trace)[found.population][at])
            assert raw == found.value
            assert abs(raw) > MAX
            if abs(raw) < 2**25:
                assert int(trace.u[found.population][at]) in (raw - 2**24, raw + 2**24, 2**23)
        else:
            assert abs(found.value) > found.limit
            assert abs(int(trace.v[found.population][at])) in (MAX, abs(int(trace.v[found.population][at])))
    return len([w for w in proof.witnesses if w.register == "u"])


def test_every_witness_overflows():
    found = 0
    for seed in range(24):
        network = integer_network(np.random.default_rng(seed), PLAIN | {"onset"}, extreme=True)
        proof = certify(network, strict=seed % 6 == 0)
        for bound in proof.counted:
            assert (bound.verdict == "refuted") == (bound.witness is not None)
        found += witnessed(network, proof)
    assert found >= 3


def test_a_layer_behind_a_layer_is_refuted_by_search():
    weight = np.full((30, 20), 200)
    hidden = Population("h", (30,), Registers(4095, 4095, 100))
    out = Population("o", (2,), Registers(40, 4095, 1000))
    form = Format(0, 8, "excitatory")
    network = Network(
        1e-3,
        (Input("in", (20,)),),
        (hidden, out),
        (
            Projection("in", "h", (Dense(weight),), format=form),
            Projection("h", "o", (Dense(np.full((2, 30), 250)),), format=form),
        ),
        ("o",),
    )
    proof = certify(network)
    assert proof.verdict == "refuted"
    assert proof.bound("h", "u").verdict == "proven"
    assert proof.bound("o", "u").count("refuted") == 2
    assert witnessed(network, proof) == 1
    (finding,) = proof.findings()
    assert finding.code == "SD608"
    for text in ("population 'o', neuron [0]", "8,388,607", "search", "Fix: "):
        assert text in str(finding)


def exclusive() -> Network:
    """Two hidden neurons that never spike in the same step, and a target that both together would overflow."""
    hidden = Population("h", (2,), Registers(4095, 4095, [100, 100], bias_mant=[0, 100], bias_exp=[0, 7]))
    out = Population("o", (1,), Registers(1023, 4095, 1000))
    return Network(
        1e-3,
        (Input("in", (1,)),),
        (hidden, out),
        (
            Projection("in", "h", (Dense(np.array([[200], [-254]])),), format=Format(0, 8, "mixed")),
            Projection("h", "o", (Dense(np.array([[200, 200]])),), format=Format(7, 8, "excitatory")),
        ),
        ("o",),
    )


def test_what_is_neither_proven_nor_found_is_open():
    """200·2^7·64 from one neuron at a time settles at 4 times that, 6.6 million; from both it would be 13 million."""
    network = exclusive()
    proof = certify(network)
    bound = proof.bound("o", "u")
    assert (proof.verdict, bound.verdict) == ("open", "open")
    assert int(bound.high[0]) == pytest.approx(2 * 200 * 128 * 64 * 4, rel=1e-5)
    assert "no input was found" in str(proof.findings()[0])
    for x in ((np.random.default_rng(0).random((200, 8, 1)) < 0.5).astype(int), np.ones((60, 1, 1), int)):
        assert sd.run(network, x, record=("u",)).u["o"].min() >= 0


def test_data_shows_what_they_saw():
    network = one(np.full((2, 3), 254), Registers(4095, 4095, 1000), Format(7, 8, "excitatory"))
    network = network.with_(inputs=(Input("in", (3,), "counts"),))
    x = np.zeros((6, 3, 3), int)
    x[4, 2] = 2
    proof = certify(network, data=x, largest={"in": 2})
    (found,) = (w for w in proof.witnesses if w.register == "u")
    assert (found.source, found.sample, found.step, found.value) == ("calibration", 2, 4, 6 * 254 * 128 * 64)
    assert proof.bound("p", "u").seen == (0, 6 * 254 * 128 * 64)
    assert certify(network, data=x // 2, largest={"in": 1}).proven
    assert certify(network, data=x // 2).largest == {"in": 1}
    with pytest.raises(SnnDeployError, match=r"SD606 input 'in': it counts events"):
        certify(network)


def test_a_neuron_that_cannot_spike_adds_nothing():
    silent = exclusive()
    hidden = silent.population["h"]
    rule = Registers(4095, 4095, [100, 100], bias_mant=[0, 10])
    network = silent.with_(populations=(Population("h", hidden.shape, rule), silent.population["o"]))
    assert certify(network).proven
    assert int(certify(network).bound("o", "u").high[0]) == pytest.approx(200 * 128 * 64 * 4, rel=1e-5)


def test_neurons_that_need_time_between_spikes_add_less():
    """40 a step against a threshold of 100, no leak: a spike in every third step at most."""
    hidden = Population("h", (1,), Registers(4095, 0, 100))
    out = Population("o", (1,), Registers(40, 4095, 131071))
    form = Format(0, 8, "excitatory")
    network = Network(
        1e-3,
        (Input("in", (1,)),),
        (hidden, out),
        (
            Projection("in", "h", (Dense(np.array([[40]])),), format=form),
            Projection("h", "o", (Dense(np.array([[200]])),), format=form),
        ),
        ("o",),
    )
    reached = sd.run(network, np.ones((4000, 1, 1), int), record=ALL)
    assert np.flatnonzero(reached.spikes["h"][:9, 0, 0]).tolist() == [2, 5, 8]
    bound = int(certify(network).bound("o", "u").high[0])
    alpha = 1 - 41 / 4096
    assert bound == pytest.approx(200 * 64 / (1 - alpha**3), rel=1e-3)
    assert reached.u["o"].max() <= bound < 1.03 * reached.u["o"].max()


def test_two_parts_of_a_weight_are_one_weight():
    """+254·2^7 and -254·2^7 from the same source cancel; apart they would overflow the current."""
    rule = Registers(10, 4095, 1000)
    plus, minus = np.full((1, 2), 254), np.full((1, 2), -254)
    network = one(plus, rule, Format(7, 8, "mixed"))
    (p,) = network.projections
    twice = network.with_(projections=(p, Projection("in", "p", (Dense(minus),), 0, 0, p.format, "low")))
    proof = certify(twice)
    assert int(proof.bound("p", "u").reach.max()) == 0
    late = network.with_(projections=(p, Projection("in", "p", (Dense(minus),), 1, 0, p.format, "low")))
    assert not certify(late).proven


def test_an_axon_that_is_always_on_is_known_from_its_onset_on():
    """A constant -100 against at most +100: the current never rises, and has all of it from step 5 on."""
    network = one(np.array([[100]]), Registers(400, 4095, 1000))
    constant = Projection("on", "p", (Dense(np.array([[-100]])),), 2, format=Format(0, 8, "inhibitory"))
    network = network.with_(
        inputs=(*network.inputs, Input("on", (1,), "constant", 3)), projections=(*network.projections, constant)
    )
    x = np.array(list(itertools.product((0, 1), repeat=9))).T[:, :, None]
    u = sd.run(network, {"in": x}, record=("u",)).u["p"]
    proof = certify(network, steps=9, search=False)
    assert (int(proof.bound("p", "u").low[0]), int(proof.bound("p", "u").high[0])) == (u.min(), u.max())
    ever = certify(network, search=False).bound("p", "u")
    assert int(ever.high[0]) == u[:5].max()
    assert int(ever.low[0]) == -int(certify(one([[100]], Registers(400, 4095, 1000))).bound("p", "u").high[0])


@pytest.mark.parametrize("engine", ["reference", LAVA])
def test_a_membrane_at_its_floor_is_what_every_engine_computes(engine):
    """Inhibition without leak: v stops at -(2^23 - 1), on Lava's own neuron too, and climbs from there."""
    network = one(np.array([[-254, 250]]), Registers(4095, 0, 1000), Format(6, 8, "mixed"))
    x = np.zeros((60, 1, 2), int)
    x[:30, 0, 0], x[30:, 0, 1] = 1, 1
    trace = sd.run(network, x, engine=engine, record=ALL)
    assert trace.v["p"].min() == -MAX
    assert int(trace.v["p"][30, 0, 0]) == 250 * 64 * 64 - MAX
    proof = certify(network)
    assert proof.proven
    assert proof.bound("p", "v").verdict == "open"
    strict = certify(network, strict=True)
    assert strict.verdict == "refuted"
    (found,) = strict.witnesses
    assert (found.register, found.source) == ("v", "construction")
    again = sd.run(network, found.inputs, record=ALL)
    assert int(again.v["p"][found.step, 0, 0]) == -MAX


def test_a_membrane_that_is_set_by_its_spike_may_saturate():
    hard, soft, none = (
        one(np.array([[254]]), Registers(100, 0, 60000, reset=reset), Format(3, 8, "excitatory"))
        for reset in (Reset("to", 0), Reset("by", 1000), Reset("none", 0))
    )
    for network in (hard, soft, none):
        assert certify(network).proven
    assert certify(hard, strict=True).proven
    assert certify(hard).bound("p", "v").harmless.all()
    for network in (soft, none):
        found = certify(network, strict=True)
        assert found.verdict == "refuted"
        (each,) = found.witnesses
        assert sd.run(network, each.inputs, record=ALL).v["p"].max() >= MAX - 1000
    read = hard.with_(decision=Decision("p", "max-v"))
    assert not certify(read, strict=True).proven


def test_an_integrator_is_proven_for_samples_of_a_length():
    network = one(np.array([[100, -50]]), Registers(4095, 0, None, reset=Reset("none", 0)))
    assert certify(network, strict=True).verdict == "refuted"
    proof = certify(network, strict=True, steps=100)
    assert proof.proven
    bound = proof.bound("p", "v")
    assert (int(bound.low[0]), int(bound.high[0])) == (-100 * 50 * 64, 100 * 100 * 64)
    assert "at most 100 steps" in str(proof)


def test_a_convolution_of_a_picture_is_certified_in_seconds():
    rng = np.random.default_rng(0)

    def mantissas(*size):
        return rng.integers(-60, 80, size) * 2

    form = Format(1, 8, "mixed")
    populations = (
        Population("c1", (32, 26, 26), Registers(1000, 400, 3000)),
        Population("c2", (32, 12, 12), Registers(1000, 400, 3000)),
        Population("out", (10,), Registers(1000, 400, 3000)),
    )
    projections = (
        Projection("in", "c1", (Conv(mantissas(32, 1, 3, 3)),), format=form),
        Projection("c1", "c2", (Conv(mantissas(32, 32, 3, 3), (2, 2)),), format=form),
        Projection("c2", "out", (Flatten(), Dense(mantissas(10, 32 * 144))), format=form),
    )
    network = Network(1e-3, (Input("in", (1, 28, 28)),), populations, projections, ("out",))
    before = time.perf_counter()
    proof = certify(network, search=False)
    assert time.perf_counter() - before < 10
    high = proof.bound("c1", "u").high
    weight = projections[0].maps[0].weight
    inner = 2 * np.maximum(weight, 0).sum(axis=(1, 2, 3)) * 64 * 4096 / 1001
    np.testing.assert_allclose(high[:, 5, 5], inner, rtol=1e-3)


def slow(scale: float = 1.0) -> Network:
    """alpha 1.4/4096 below 1: the register holds 1/4096, and currents pile up 40 % higher than in floating point."""
    rule = Rule(0.5, 1.0, (Receptor(1 - 1.4 / 4096),))
    weight = np.abs(np.random.default_rng(0).normal(0, 0.01, (4, 6))) * scale
    return Network(
        1e-3, (Input("in", (6,)),), (Population("p", (4,), rule),), (Projection("in", "p", (Dense(weight),)),), ("p",)
    )


def test_quantize_returns_what_it_can_certify_unless_told_otherwise(tmp_path, capsys):
    kept = quantize(slow(), "loihi1")
    assert certify(kept).proven
    allowed = quantize(slow(), "loihi1", uncertified="allow")
    proof = certify(allowed)
    assert proof.verdict == "refuted"
    assert witnessed(allowed, proof) >= 1
    assert allowed.population["p"].rule.scale > kept.population["p"].rule.scale
    with pytest.raises(VerdictError, match=r"SD608 population 'p', neuron \[\d\].*--uncertified allow") as caught:
        certified(allowed, targets.load("loihi1"), {"in": 1.0, "p": 1.0}, "refuse")
    assert caught.value.exit_code == 1
    with pytest.raises(SnnDeployError, match="SD800 uncertified"):
        quantize(slow(), "loihi1", uncertified="maybe")
    sd.write(slow(), tmp_path / "m.nir")
    command = ["quantize", str(tmp_path / "m.nir"), "--target", "loihi1", "-o", str(tmp_path / "q.nir"), "--json"]
    assert cli.main([*command, "--uncertified", "allow"]) == 0
    assert cli.main(["certify", str(tmp_path / "q.nir"), "--json"]) == 1
    assert cli.main(command) == 0
    assert cli.main(["certify", str(tmp_path / "q.nir"), "--json"]) == 0
    capsys.readouterr()


def test_the_command_says_what_the_verb_says(tmp_path, capsys):
    network = one(np.full((2, 3), 254), Registers(1000, 4095, 1000), Format(5, 8, "excitatory"), "counts")
    sd.write(network, tmp_path / "q.nir")
    np.save(tmp_path / "x.npy", np.ones((5, 2, 3), int))
    command = ["certify", str(tmp_path / "q.nir"), "--data", str(tmp_path / "x.npy"), "--largest", "in=3", "--json"]
    assert cli.main([*command, "--witness", str(tmp_path / "w.npz")]) == 1
    said = json.loads(capsys.readouterr().out)
    proof = certify(network, data=np.ones((5, 2, 3), int), largest={"in": 3})
    assert said.pop("model") == str(tmp_path / "q.nir")
    assert said == json.loads(proof.to_json())
    assert said["verdict"] == "refuted"
    assert cli.main(["run", str(tmp_path / "q.nir"), "--input", str(tmp_path / "w.npz"), "--json"]) == 0
    capsys.readouterr()
    (found,) = (w for w in proof.witnesses if w.register == "u")
    with np.load(tmp_path / "w.npz") as file:
        u = sd.run(network, {name: file[name] for name in file.files}, record=("u",)).u["p"]
    assert u[(found.step, 0, *found.index)] < 0
    assert cli.main(["certify", str(tmp_path / "q.nir")]) == 2
    assert "SD606" in capsys.readouterr().err
    assert cli.main([*command[:4], "--largest", "in"]) == 2
    assert "SD800" in capsys.readouterr().err
    assert cli.main(command[:4]) == 0
    table = capsys.readouterr().out
    assert "proven: the registers of 24-bit states" in table


def test_what_cannot_be_certified_is_said():
    network = one(np.full((2, 3), 2), Registers(40, 4095, 1000))
    for problem, call in (
        ("SD209 certify", lambda: certify(slow())),
        ("SD800 steps", lambda: certify(network, steps=0)),
        ("SD201", lambda: certify(network, "truenorth")),
        ("SD103", lambda: certify(network, data=np.zeros((4, 2)))),
    ):
        with pytest.raises(SnnDeployError, match=problem):
            call()

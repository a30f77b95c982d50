"""Refractory periods and adaptive thresholds in integers: every engine the same bits, and the rule by hand."""

from __future__ import annotations

import numpy as np
import pytest
from random_networks import PLAIN, integer_network, spikes_for

import snndeploy as sd
from snndeploy.engines.lava.patches import missing
from snndeploy.errors import SnnDeployError
from snndeploy.network import (
    Adaptation,
    AdaptationRegisters,
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
    spec,
)
from snndeploy.network.arrays import equal
from snndeploy.quantize import certify, prepared
from snndeploy.quantize.certificate.observe import raw

ALL = ("spikes", "u", "v")
EVERY = PLAIN | {"onset", "reset value", "refractory", "adaptation"}
LAVA = pytest.param("lava", marks=pytest.mark.skipif(missing() is not None, reason=str(missing())))


def one(weight, rule: Registers) -> Network:
    weight = np.asarray(weight)
    return Network(
        1e-3,
        (Input("in", weight.shape[1:]),),
        (Population("p", weight.shape[:1], rule),),
        (Projection("in", "p", (Dense(weight),), format=Format(0, 8, "mixed")),),
        ("p",),
    )


@pytest.mark.parametrize("engine", ["torch", LAVA])
@pytest.mark.parametrize("extreme", [False, True])
def test_random_networks_have_the_same_bits_on_every_engine(engine, extreme):
    spikes, rests, moves = 0, 0, 0
    for seed in range(40):
        rng = np.random.default_rng([seed, extreme, 5])
        network = integer_network(rng, EVERY, extreme)
        x = spikes_for(rng, network, 20, 2)
        ours, theirs = (sd.run(network, x, each, ALL) for each in ("reference", engine))
        for what in ALL:
            for name, array in getattr(ours, what).items():
                np.testing.assert_array_equal(getattr(theirs, what)[name], array, err_msg=f"seed {seed} {what} {name}")
        spikes += sum(int(each.sum()) for each in ours.spikes.values())
        rests += sum(p.rule.refractory is not None for p in network.populations)
        moves += sum(p.rule.adaptation is not None for p in network.populations)
    assert min(spikes / 20, rests, moves) > 20


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_the_official_runtime_computes_them_too():
    rng = np.random.default_rng(8)
    network = integer_network(rng, EVERY)
    assert any(not p.rule.plain for p in network.populations)
    x = spikes_for(rng, network, 12, 1)
    ours, theirs = sd.run(network, x, record=ALL), sd.run(network, x, "lava", ALL, mode="runtime")
    for what in ALL:
        for name, array in getattr(ours, what).items():
            np.testing.assert_array_equal(getattr(theirs, what)[name], array)


@pytest.mark.parametrize("engine", ["reference", "torch", LAVA])
def test_a_neuron_rests_for_its_period(engine):
    """200·64 a step against 100·64: without rest in every step, with two steps of rest in every third; v stays 0."""
    rests = one([[200]], Registers(4095, 0, 100, refractory=Refractory(2)))
    trace = sd.run(rests, np.ones((9, 1, 1), int), engine, ALL)
    assert np.flatnonzero(trace.spikes["p"]).tolist() == [0, 3, 6]
    assert not trace.v["p"].any()
    assert (trace.u["p"] == 200 * 64).all()
    frozen = one([[100]], Registers(0, 0, 150, refractory=Refractory(2, "membrane and current")))
    u = sd.run(frozen, np.ones((6, 1, 1), int), engine, ALL).u["p"].ravel().tolist()
    # 4095/4096 of it is left each step, toward zero; the spike in the second step holds it for two
    assert u[:5] == [6400, 6398 + 6400, 6398 + 6400, 6398 + 6400, 12794 + 6400]


@pytest.mark.parametrize("engine", ["reference", "torch", LAVA])
@pytest.mark.parametrize(("order", "spikes"), [("after", [0, 3, 6]), ("before", [0, 2, 4])])
def test_a_threshold_moves_with_the_spikes(engine, order, spikes):
    """100 + a against 140 a step without memory: a grows by 100 per spike, and a half of it is left each step.

    after: compared with a[t-1] = 100, 50, 25 behind the first spike; before: with a half of that.
    """
    moves = AdaptationRegisters(2048, 100 * 64, order)
    network = one([[140]], Registers(4095, 4095, 100, adaptation=moves))
    found = np.flatnonzero(sd.run(network, np.ones((9, 1, 1), int), engine).spikes["p"]).tolist()
    a, by_hand = 0, []
    for t in range(9):
        faded = a * 2048 // 4096
        if 100 * 64 + (faded if order == "before" else a) < 150 * 64:
            by_hand.append(t)
        a = faded + (6400 if by_hand and by_hand[-1] == t else 0)
    assert found == by_hand
    assert found[: len(spikes)] == spikes


def framework_rule(rng: np.random.Generator, adapts: bool) -> Rule:
    return Rule(
        0.875,
        1.0,
        (Receptor(0.5),),
        reset=Reset("to", 0.0),
        refractory=None if adapts else Refractory(int(rng.integers(1, 4))),
        adaptation=Adaptation(0.75, 0.5, str(rng.choice(["before", "after"]))) if adapts else None,
    )


@pytest.mark.parametrize("adapts", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_dyadic_numbers_are_exact_while_nothing_is_cut_off(seed, adapts):
    """Halves and eighths over few steps: the integers are the float64 network, spike for spike."""
    rng = np.random.default_rng(seed)
    weight = rng.integers(-4, 16, (6, 5)) / 8
    network = Network(
        1e-3,
        (Input("in", (5,)),),
        (Population("p", (6,), framework_rule(rng, adapts)),),
        (Projection("in", "p", (Dense(weight),)),),
        ("p",),
        Decision("p"),
    )
    x = (rng.random((5, 20, 5)) < 0.6).astype(int)
    made = sd.quantize(network, "loihi2")
    one, two = (sd.run(each, x, record=("spikes", "v")) for each in (network, made))
    np.testing.assert_array_equal(one.spikes["p"], two.spikes["p"])
    np.testing.assert_allclose(two.membrane("p"), one.v["p"], atol=1e-6)
    assert one.spikes["p"].sum() > 50
    other = sd.run(network.with_(populations=(Population("p", (6,), Rule(0.875, 1.0, (Receptor(0.5),))),)), x)
    assert (other.spikes["p"] != one.spikes["p"]).sum() > 5


def test_a_module_of_norse_comes_to_the_chip():
    torch = pytest.importorskip("torch")
    norse = pytest.importorskip("norse.torch")
    torch.manual_seed(0)
    x = (np.random.default_rng(0).random((40, 8, 10)) < 0.4).astype(np.float32)
    # Norse's own 1/800 per second fades by a millionth per step, which no register holds
    fades = norse.LSNNParameters(tau_adapt_inv=torch.tensor(10.0))
    for cell in (norse.LIFRefracCell(), norse.LSNNCell(fades)):
        module = norse.SequentialState(torch.nn.Linear(10, 12), cell).eval()
        with torch.no_grad():
            module[0].weight.mul_(15)
        network = sd.capture(module, x, dt=1e-3)
        rule = network.populations[0].rule
        assert rule.refractory is not None or rule.adaptation is not None
        made = sd.quantize(network, "loihi2", x)
        kept, found = sd.run(network, x), sd.run(made, x)
        name = network.populations[0].name
        assert kept.spikes[name].sum() > 100
        assert np.mean(kept.spikes[name] == found.spikes[name]) > 0.98


def test_targets_say_which_chip_hosts_which():
    def network(rule: Rule) -> Network:
        feed = Projection("in", "p", (Dense(np.full((2, 3), 0.4)),))
        return Network(1e-3, (Input("in", (3,)),), (Population("p", (2,), rule),), (feed,), ("p",))

    rests = network(Rule(0.9, 1.0, refractory=Refractory(5)))
    assert sd.quantize(rests, "loihi1").population["p"].rule.refractory.steps == 5
    for rule, target, what in (
        (Rule(0.9, 1.0, refractory=Refractory(63)), "loihi1", "refractory for 63 steps; loihi1 holds 62"),
        (Rule(0.9, 1.0, refractory=Refractory(3, "membrane and current")), "loihi1", "that of loihi1 goes on"),
        (Rule(0.9, 1.0, adaptation=Adaptation(0.9, 0.1)), "loihi1", "its threshold adapts"),
    ):
        with pytest.raises(SnnDeployError, match=f"SD206 population 'p': .*{what}"):
            sd.quantize(network(rule), target)
    with pytest.raises(SnnDeployError, match="SD602 population 'p', adaptation.decay"):
        sd.quantize(network(Rule(0.9, 1.0, adaptation=Adaptation(0.99995, 0.1))), "loihi2")


def test_files_and_the_spec_know_them(tmp_path):
    for seed in range(12):
        network = integer_network(np.random.default_rng(seed), EVERY, extreme=True)
        sd.write(network, tmp_path / "q.nir")
        assert equal(sd.read(tmp_path / "q.nir"), network)
    wrong = {
        "SD105": Registers(0, 0, 5, refractory=Refractory(-1)),
        "SD109": Registers(0, 0, 5, adaptation=AdaptationRegisters(4096, 0)),
        "SD113": Registers(0, 0, None, reset=Reset("none", 0), refractory=Refractory(1)),
    }
    for code, rule in wrong.items():
        assert [f.code for f in spec.findings(one([[2]], rule))] == [code]
    text = str(one([[2]], Registers(0, 0, 5, refractory=Refractory(3), adaptation=AdaptationRegisters(7, 9))))
    assert "refractory 3" in text
    assert "adaptation da 7, 9" in text


@pytest.mark.parametrize("seed", range(30))
def test_the_certificate_holds_for_them(seed):
    rng = np.random.default_rng([seed, 6])
    network = integer_network(rng, EVERY, extreme=seed % 2 == 0)
    proof = certify(network, search=False)
    trace = sd.run(network, spikes_for(rng, network, 40, 4), record=ALL)
    for name in network.population:
        current, membrane = proof.bound(name, "u"), proof.bound(name, "v")
        if current.verdict == "proven":
            made = raw(trace, name)
            assert (made.u <= current.high).all()
            assert (made.u >= current.low).all()
        assert (trace.v[name] <= np.clip(membrane.high, None, 2**23 - 1)).all()
        assert (trace.v[name] >= np.clip(membrane.low, 1 - 2**23, None)).all()


def test_a_neuron_that_rests_adds_less():
    hidden = Population("h", (1,), Registers(4095, 4095, 10, refractory=Refractory(3)))
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
    bound = int(certify(network).bound("o", "u").high[0])
    reached = int(sd.run(network, np.ones((3000, 1, 1), int), record=ALL).u["o"].max())
    assert reached <= bound < 1.03 * reached


@pytest.mark.parametrize("adapts", [False, True])
def test_the_error_budget_takes_them_apart(adapts):
    from snndeploy.conform.budget.measure import _between
    from snndeploy.conform.budget.mixture import PARTS

    rng = np.random.default_rng(3)
    feed = Projection("in", "p", (Dense(rng.normal(0.2, 0.4, (6, 8))),))
    network = Network(
        1e-3, (Input("in", (8,)),), (Population("p", (6,), framework_rule(rng, adapts)),), (feed,), ("p",)
    )
    x = (rng.random((40, 6, 8)) < 0.5).astype(int)
    made = sd.quantize(network, "loihi2", x)
    between = _between(prepared(network), made, PARTS, {"in": x})
    np.testing.assert_array_equal(between.spikes["p"], sd.run(made, x).spikes["p"])


def test_fine_tuning_says_that_it_computes_neither():
    pytest.importorskip("torch")
    feed = Projection("in", "p", (Dense(np.full((2, 3), 0.4)),))
    x, labels = np.ones((5, 4, 3), int), np.zeros(4, int)
    for rule in (Rule(0.9, 1.0, refractory=Refractory(2)), Rule(0.9, 1.0, adaptation=Adaptation(0.9, 0.1))):
        network = Network(1e-3, (Input("in", (3,)),), (Population("p", (2,), rule),), (feed,), ("p",), Decision("p"))
        with pytest.raises(SnnDeployError, match="SD807 population 'p': it has a refractory period"):
            sd.finetune(network, "loihi2", (x, labels))

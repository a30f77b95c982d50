"""Why runs differ: layers alone on recorded inputs, causes of known changes, roundings of integers."""

import json
from dataclasses import replace

import numpy as np
import pytest
from random_networks import float_network, integer_network, spikes_for
from tie_networks import BOTH, changed, generic, layers, spikes, with_weight

import snndeploy as sd
from snndeploy import cli
from snndeploy.conform.align import align
from snndeploy.conform.diagnosis.diagnose import diagnose
from snndeploy.conform.diagnosis.evidence import gather
from snndeploy.conform.diagnosis.predict import Variant, predict
from snndeploy.engines import run, trace_file
from snndeploy.network import Reset, Rule

ALL = ("spikes", "u", "v")


@pytest.mark.parametrize("make", [float_network, integer_network])
@pytest.mark.parametrize("record", [ALL, BOTH, ("spikes",)])
def test_the_definition_explains_its_own_runs_and_those_of_torch(make, record):
    """No layer of any network departs from what is predicted from its own recordings, in float64, float32, integers."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        network = make(rng)
        x = spikes_for(rng, network, 20, 2)
        for engine in ("reference", "torch"):
            trace = run(network, x, engine, record)
            view = align(trace, trace, "find")[0]
            for each in network.populations:
                evidence = gather(network, view, each.name, np.arange(2))
                if evidence is not None:
                    found = predict(evidence, Variant(each.rule, network.into(each.name)))
                    assert found.count == 0, (seed, engine, each.name)


@pytest.mark.parametrize(
    ("kind", "where", "change"),
    [
        (
            "weight",
            "p1",
            lambda n: with_weight(n, "p1", lambda w: w + 1e-2 * (np.arange(w.size) == 5).reshape(w.shape)),
        ),
        ("decay", "p2", lambda n: changed(n, "p2", beta=0.88)),
        ("threshold", "p0", lambda n: changed(n, "p0", threshold=1.01)),
        ("reset", "p1", lambda n: changed(n, "p1", reset=Reset("by", 1.0))),
        ("reset", "p1", lambda n: changed(n, "p1", reset=Reset(when="next"))),
    ],
)
@pytest.mark.parametrize("record", [ALL, BOTH])
def test_a_fault_of_a_float32_engine_is_named(kind, where, change, record):
    """Against rounding: the trace is float32, and ties of its own come with it."""
    network, x, _ = generic(1)
    x = x[:, :6]
    a = run(network, x, "reference", record)
    b = replace(run(change(network), x, "torch", record), network=network)
    found = diagnose(a, b)
    assert (found.guilty, found.cause.kind, found.trace) == (where, kind, "b")
    assert found.cause.complete
    assert [each.population for each in found.layers if each.differing] == [where]
    assert diagnose(b, a).trace == "a"
    assert json.loads(json.dumps(found.as_dict()))["guilty"] == where


def test_ties_alone_are_no_fault():
    for seed in range(3):
        network, x, a = generic(seed)
        b = run(network, x, "torch", BOTH)
        if not np.array_equal(a.spikes["p2"], b.spikes["p2"]):
            found = diagnose(a, b)
            assert found.guilty is None
            assert found.cause.kind == "tie"


def test_spikes_alone_tell_rules_apart():
    rng = np.random.default_rng(5)
    network = layers([rng.normal(0.3, 0.5, (8, 6))], Rule(beta=0.9))
    x = spikes(rng, 60, 4, 6)
    a = run(network, x)
    for made in (Reset("by", 1.0), Reset("to", 0.0, "next"), Reset("none")):
        b = replace(run(changed(network, "p0", reset=made), x), network=network, engine="other")
        found = diagnose(a, b)
        assert found.cause.kind == "reset"
        assert found.cause.complete


def test_integers_and_floats_part_by_the_rounding_that_was_made():
    """One rounding at a time: the integer form has the numbers of the float network, but for one kind."""
    rng = np.random.default_rng(2)
    # multiples of what a register holds: nothing is rounded unless the test does
    weights = [np.round(rng.normal(0.15, 0.4, (12, 10)) * 64) / 64]
    network = layers(weights, Rule(beta=1 - 410 / 4096))
    x = spikes(rng, 60, 6, 10)
    integers = sd.quantize(network, "loihi2", x, method="max-abs")
    a = run(network, x, record=ALL)
    coarse = with_weight(integers, "p0", lambda w: w // 16 * 16)
    found = diagnose(a, run(coarse, x, record=ALL))
    assert (found.cause.kind, found.cause.rounding, found.guilty) == ("weight", True, "p0")
    assert (found.cause.expected > 0) != (found.cause.found > 0)
    fast = changed(integers, "p0", dv=np.asarray(integers.population["p0"].rule.dv) + 60)
    assert diagnose(a, run(fast, x, record=ALL)).cause.kind == "decay"
    low = changed(integers, "p0", vth=np.asarray(integers.population["p0"].rule.vth) * 9 // 10)
    assert diagnose(a, run(low, x, record=ALL)).cause.kind == "threshold"


def test_the_command(tmp_path, capsys):
    network, x, _ = generic(2)
    a = run(network, x[:, :3], "reference", ALL)
    b = replace(run(changed(network, "p1", beta=0.9), x[:, :3], "reference", ALL), network=network, engine="other")
    trace_file.write(a, tmp_path / "a.npz")
    trace_file.write(b, tmp_path / "b.npz")
    assert cli.main(["diagnose", f"{tmp_path}/a.npz", f"{tmp_path}/b.npz", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["guilty"], document["cause"]["kind"]) == ("p1", "decay")
    assert cli.main(["diagnose", f"{tmp_path}/a.npz", f"{tmp_path}/a.npz"]) == 0
    assert "every layer does what the definition does" in capsys.readouterr().out

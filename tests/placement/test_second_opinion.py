"""SANA-FE beside our cost: its energies are those of the same events, counted here, at its own prices."""

from __future__ import annotations

import re
from importlib.util import find_spec

import numpy as np
import pytest
from random_networks import integer_network, spikes_for

from snndeploy import targets
from snndeploy.engines import run
from snndeploy.errors import MissingEngineError, SnnDeployError
from snndeploy.network import Conv, Dense, Flatten, Format, Input, Network, Population, Projection, Registers
from snndeploy.network.maps import chain_matrix
from snndeploy.placement import place, sanafe_run, second_opinion
from snndeploy.placement.second_opinion import second_opinion as ask

SANAFE = pytest.mark.skipif(find_spec("sanafe") is None, reason="SANA-FE is not installed")
RECORD = ("spikes", "u", "v")


def network() -> Network:
    """A convolution on 1 x 3 x 4, then 24 onto 5; everything spikes now and then."""
    rng = np.random.default_rng(0)
    convolution = Conv(rng.integers(1, 60, (2, 1, 3, 3)) * 2, padding=((1, 1), (1, 1)))
    dense = Flatten(0, -1, 3), Dense(rng.integers(1, 20, (5, 24)) * 2)
    return Network(
        1e-3,
        (Input("in", (1, 3, 4)),),
        (Population("a", (2, 3, 4), Registers(4095, 100, 150)), Population("b", (5,), Registers(4095, 100, 300))),
        (
            Projection("in", "a", (convolution,), format=Format()),
            Projection("a", "b", dense, format=Format()),
        ),
        ("b",),
    )


def cramped(neurons: int):
    target = targets.load("loihi1")
    core = target.core.model_copy(update={"neurons": target.core.neurons.model_copy(update={"value": neurons})})
    return target.model_copy(update={"core": core})


@SANAFE
def test_its_energy_is_that_of_our_events_at_its_prices():
    """pJ: 24.0 and 35.5 per synaptic operation, 51.2 per neuron, 21.6 if active, 69.3 per spike, 111 per message.

    Hops: 3.0 pJ along x, 4.2 along y. From SANA-FE's description of Loihi.
    """
    net, target = network(), cramped(6)
    rng = np.random.default_rng(1)
    trace = run(net, (rng.random((10, 2, 1, 3, 4)) < 0.4).astype(int), record=RECORD)
    plan = place(net, target, rates=trace)
    assert len(plan.cores) == 5
    found = ask(plan, net, trace, target)
    e = {name: each.low for name, each in found.ours.events.items()}
    spikes = float(trace.spikes["a"].sum()) / 20
    dense = spikes * 5
    assert found.synapse == pytest.approx((24.0 * (e["synaptic operations"] - dense) + 35.5 * dense) * 1e-12)
    assert found.soma == pytest.approx((51.2 * 29 + 21.6 * e["active updates"] + 69.3 * e["spikes"]) * 1e-12, rel=1e-4)
    hops = 3.0 * e["hops x"] + 4.2 * e["hops y"]
    assert found.network == pytest.approx((111 * e["messages"] + hops) * 1e-12)
    assert found.from_outside >= 111e-12 * e["events from outside"] * (1 - 1e-9)
    assert found.packets == pytest.approx(e["messages"] + e["events from outside"])
    assert found.samples == 2
    assert found.ours.dynamic.holds(found.total)
    assert 0.2 < found.step_time / found.ours.step_time.high < 5
    text = str(found)
    assert re.search(r"energy +\S+ [pn]J +\S+ [pn]J +inside", text), text
    assert set(found.as_dict()["sanafe"]) >= {"total", "step_time"}


@SANAFE
@pytest.mark.parametrize("seed", range(3))
def test_random_networks_on_both(seed):
    rng = np.random.default_rng(seed)
    net = integer_network(rng, frozenset({"convolution", "skip", "recurrence", "readout"}))
    trace = run(net, spikes_for(rng, net, 6, 1), record=RECORD)
    target = cramped(4).model_copy(update={"neuron": targets.load("loihi2").neuron})
    found = ask(place(net, target, rates=trace), net, trace, target)
    # those that arrive behind the end of the sample as well: SANA-FE knows no delays
    operations = 0.0
    for p in net.projections:
        there = (chain_matrix(p.maps, net.shapes[p.source]).toarray() != 0).sum(axis=0)
        fired = np.asarray(trace.inputs[p.source] if p.source in trace.inputs else trace.spikes[p.source]) != 0
        operations += float((fired.reshape(-1, len(there)) @ there).sum()) / 6 * 1e-12
    assert operations * 1e12 >= found.ours.events["synaptic operations"].low - 1e-9
    assert 24.0 * operations * (1 - 1e-9) <= found.synapse <= 35.5 * operations * (1 + 1e-9)


def test_without_the_package_it_is_named(monkeypatch):
    monkeypatch.setattr(second_opinion, "find_spec", lambda name: None)
    net = network()
    trace = run(net, np.ones((2, 1, 1, 3, 4), int))
    with pytest.raises(
        MissingEngineError, match=r"SD502 second opinion: SANA-FE is not installed.*snndeploy\[sanafe\]"
    ):
        ask(place(net, "loihi1"), net, trace)


@SANAFE
def test_what_its_chip_cannot_hold_is_refused(monkeypatch):
    net = network()
    trace = run(net, np.ones((2, 1, 1, 3, 4), int))
    target = cramped(6)
    wide = target.mesh.model_copy(update={"tiles_x": target.mesh.tiles_x.model_copy(update={"value": 9})})
    other = target.model_copy(update={"mesh": wide})
    with pytest.raises(SnnDeployError, match="SD253 .*8 by 4 tiles of 4 cores, loihi1 has 9 by 4 of 4"):
        ask(place(net, other), net, trace, other)
    few = target.model_copy(
        update={"chip": target.chip.model_copy(update={"cores": target.chip.cores.model_copy(update={"value": 3})})}
    )
    with pytest.raises(SnnDeployError, match="SD253 .*one chip, the placement needs 2"):
        ask(place(net, few), net, trace, few)
    monkeypatch.setattr(second_opinion, "SYNAPSES", 10)
    with pytest.raises(SnnDeployError, match="SD253 .*more than 10 synapses"):
        ask(place(net, target), net, trace, target)
    monkeypatch.setattr(second_opinion, "BINS", 10)
    with pytest.raises(SnnDeployError, match="SD253 .*41 neurons and inputs over 2 steps are more than 10"):
        ask(place(net, target), net, trace, target)


def test_a_failure_over_there_is_an_error_here(monkeypatch):
    monkeypatch.setattr(second_opinion.sys, "executable", "false")
    with pytest.raises(SnnDeployError, match="SD254 second opinion sanafe: it ended with 1"):
        second_opinion._run({}, {})


@SANAFE
def test_the_description_of_the_chip_is_the_packages_own():
    from importlib.resources import files

    text = (files("sanafe.examples") / "loihi.yaml").read_text("utf-8")
    made, price = sanafe_run.description(text, 0.5, (7, 9))
    assert price["energy_message_out"] == 111e-12
    assert price["energy_spike_out"] == 69.3e-12
    assert "loihi_inputs[0..6]" in made
    assert "host_inputs[0..8]" in made
    replay = made[made.index("loihi_inputs") : made.index("host_inputs")]
    paid = float(re.findall(r"energy_access_neuron: (\S+)", replay)[0])
    assert paid == pytest.approx(51.2e-12 + 0.5 * 21.6e-12)
    host = made[made.index("host_inputs") : made.index("dendrite:")]
    assert {float(n) for n in re.findall(r"(?:energy|latency)\w+: (\S+)", host)} == {0.0}

"""Strategies side by side, what each target's limit refuses, and what must not change a plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import integer_network

from snndeploy import targets
from snndeploy.errors import SnnDeployError, VerdictError
from snndeploy.network import Conv, Dense, Flatten, Format, Input, Network, Pool, Population, Projection, Registers
from snndeploy.placement import place
from snndeploy.placement.pack import downstream_first
from snndeploy.placement.parts import Study
from snndeploy.placement.settings import settings as settings_of
from snndeploy.placement.tally import cores
from snndeploy.placement.wires import Wires, wires
from snndeploy.targets import Target

FEATURES = frozenset({"convolution", "recurrence", "skip", "delay"})


def changed(target: Target, **parts: dict[str, object]) -> Target:
    """A target with some facts of its sections replaced."""
    update = {}
    for section, facts in parts.items():
        held = getattr(target, section)
        update[section] = held.model_copy(
            update={name: getattr(held, name).model_copy(update={"value": value}) for name, value in facts.items()}
        )
    return target.model_copy(update=update)


LOIHI = targets.load("loihi1")


def chain(*layers: tuple[tuple, tuple[int, ...]], shape: tuple[int, ...], form: Format | None = None) -> Network:
    """Populations in a row; each layer: its maps and its shape."""
    populations, projections, source = [], [], "in"
    for i, (maps, size) in enumerate(layers):
        populations.append(Population(f"p{i}", size, Registers(4095, 100, 500)))
        projections.append(Projection(source, f"p{i}", maps, format=form or Format()))
        source = f"p{i}"
    return Network(1e-3, (Input("in", shape),), tuple(populations), tuple(projections), (source,))


def images(channels: int = 8, side: int = 24, layers: int = 3) -> Network:
    rng, made, inside = np.random.default_rng(0), [], 2
    for _ in range(layers):
        weight = 2 * rng.integers(-90, 90, (channels, inside, 3, 3))
        made.append(((Conv(weight, padding=((1, 1), (1, 1))),), (channels, side, side)))
        inside = channels
    return chain(*made, shape=(2, side, side))


def test_boxes_of_an_image_send_less_than_first_fit():
    network = images(16, 32, 2)
    plans = {name: place(network, LOIHI, strategy=name, arrange="rows") for name in ("greedy", "boxes", "best")}
    outs = {name: sum(c.output_axons for c in plan.cores) for name, plan in plans.items()}
    assert outs["boxes"] < 0.9 * outs["greedy"]
    assert outs["best"] <= outs["greedy"]
    assert len(plans["best"].cores) <= min(len(plan.cores) for plan in plans.values()) * 33 / 32
    assert plans["greedy"].strategy == "greedy"


def test_the_same_network_always_has_the_same_plan():
    first, second = (place(images(), LOIHI, arrange="rows") for _ in range(2))
    assert first.as_dict() == second.as_dict()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**20), st.integers(2, 9), st.sampled_from(["best", "greedy"]))
def test_names_change_nothing_and_a_larger_core_holds_the_same_plan(seed, neurons, strategy):
    rng = np.random.default_rng(seed)
    network = integer_network(rng, FEATURES)
    target = changed(LOIHI, core={"neurons": neurons})
    plan = place(network, target, strategy=strategy, arrange="rows")
    names = dict(
        zip(network.shapes, rng.permutation([f"x{i}" for i in range(len(network.shapes))]).tolist(), strict=True)
    )
    other = network.with_(
        inputs=tuple(replace(each, name=names[each.name]) for each in network.inputs),
        populations=tuple(replace(each, name=names[each.name]) for each in network.populations),
        projections=tuple(
            replace(p, source=names[p.source], target=names[p.target], name=f"{len(network.projections) - i}")
            for i, p in enumerate(network.projections)
        ),
        outputs=tuple(names[name] for name in network.outputs),
        decision=None,
    )
    again = place(other, target, strategy=strategy, arrange="rows")
    for name, on in plan.core_of.items():
        assert np.array_equal(again.core_of[names[name]], on)
    larger = changed(LOIHI, core={"neurons": 8192, "input_axons": 9000, "output_axons": 9000, "threshold_settings": 99})
    held = cores(larger, wires(network, larger), plan.core_of, settings_of(network))
    assert all(share <= 1 for core in held for share in core.share.values())


def test_who_is_fed_is_split_first():
    network = images()
    assert downstream_first(network) == ["p2", "p1", "p0"]
    back = replace(network.projections[2], source="p2", target="p0", delay=5, name="back")
    weight = np.full((8, 8, 1, 1), 2)
    loop = network.with_(projections=(*network.projections, replace(back, maps=(Conv(weight),))))
    assert sorted(downstream_first(loop)) == ["p0", "p1", "p2"]
    plan = place(loop, changed(LOIHI, core={"output_axons": 1500}), arrange="rows")
    assert all(core.output_axons <= 1500 for core in plan.cores)


def test_a_pool_in_front_of_a_dense_layer_is_placed():
    """12,544 sources onto each neuron, 4 of each window with equal synapses: 3,136 axons."""
    rng = np.random.default_rng(0)
    weight = 2 * rng.integers(1, 90, (20, 3136))
    pool = Pool((2, 2), (2, 2), (0, 0), "sum")
    network = chain(((pool, Flatten(0, -1, 3), Dense(weight)), (20,)), shape=(64, 14, 14))
    merged = chain(((Flatten(0, -1, 3), Dense(_spread(weight, 64, 14))), (20,)), shape=(64, 14, 14))
    for each in (network, merged):
        plan = place(each, LOIHI)
        assert plan.cores[0].input_axons == 3136
        assert sum(core.synapses for core in plan.cores) == 20 * 12544
        # the last core has three neurons, for which some more columns happen to be equal
        assert 0.99 * 20 * 3136 < sum(core.stored for core in plan.cores) <= 20 * 3136
        with pytest.raises(VerdictError, match="alone needs 12,544 input axons"):
            place(each, changed(LOIHI, core={"axons_are_shared": False}))


def _spread(weight: np.ndarray, channels: int, side: int) -> np.ndarray:
    """A dense weight behind windows of 2 by 2 as one in front of them."""
    return (
        weight.reshape(len(weight), channels, side // 2, side // 2).repeat(2, 2).repeat(2, 3).reshape(len(weight), -1)
    )


def test_a_neuron_with_few_different_weights_fits_alone():
    """5,000 sources, but for one neuron only as many axons as it has different weights; two neurons need more."""
    rng = np.random.default_rng(0)
    network = chain(((Dense(2 * rng.integers(1, 90, (3, 5000))),), (3,)), shape=(5000,))
    for strategy in ("best", "greedy"):
        plan = place(network, LOIHI, strategy=strategy)
        assert [core.input_axons for core in plan.cores] == [89] * 3
        assert [core.neurons for core in plan.cores] == [1] * 3


def test_a_strategy_that_is_not_there():
    with pytest.raises(SnnDeployError, match="SD244 strategy 'fast'.*choose from best, greedy"):
        place(images(layers=1), LOIHI, strategy="fast")


def test_more_chips_than_the_largest_machine_has():
    one = changed(LOIHI, core={"neurons": 16}, mesh={"boards": 1, "chips_x": 1, "chips_y": 2}, chip={"cores": 20})
    network = images(layers=1, side=8)
    plan = place(network, one)
    assert (len(plan.cores), plan.chips) == (32, 2)
    assert "2 chips" in plan.findings[0].what
    with pytest.raises(VerdictError, match=r"SD240 network: it needs 128 cores, 7 chips.*machine has 2 chips"):
        place(images(layers=1, side=16), one)


def test_everything_that_a_target_does_not_hold_is_said_at_once():
    least = changed(
        LOIHI,
        synapse={"weight_bits": 6, "weight_exponent_max": 1, "delay_max": 1},
        neuron={"decay_max": 99, "threshold_max": 400, "bias_mantissa_max": 10, "bias_exponent_max": 1},
        core={"synapse_formats": 1, "input_axons": 3, "output_axons": 1, "axons_are_shared": False},
    )
    rule = Registers(4095, 100, 500, bias_mant=12, bias_exp=2)
    rng = np.random.default_rng(0)

    def feed(source: str, target: str, size: tuple[int, int], exponent: int = 0, delay: int = 0) -> Projection:
        name = f"{source}-{target}-{exponent}"
        maps = (Dense(2 * rng.integers(1, 60, size)),)
        return Projection(source, target, maps, delay, format=Format(exponent), name=name)

    network = Network(
        1e-3,
        (Input("in", (4,)),),
        (Population("a", (5,), rule), Population("b", (1100,), Registers(99, 0, 300))),
        (feed("in", "a", (5, 4)), feed("in", "a", (5, 4), 2), feed("a", "b", (1100, 5), delay=9)),
        ("b",),
    )
    with pytest.raises(SnnDeployError) as caught:
        place(network, least)
    found = {(f.code, f.where) for f in caught.value.findings}
    assert found == {
        ("SD208", "projection 'a-b-0'"),
        ("SD241", "projection 'in-a-0'"),
        ("SD241", "projection 'in-a-2'"),
        ("SD241", "projection 'a-b-0'"),
        ("SD242", "population 'a'"),
        ("SD203", "population 'a'"),
        ("SD203", "population 'b'"),
        ("SD243", "population 'a'"),
    }
    said = "\n".join(map(str, caught.value.findings))
    for part in (
        "weights of 8 bit, loihi1 holds 6",
        "a weight exponent of 2, loihi1 holds 1",
        "its du is 4,095, loihi1 holds 99",
        "its vth is 500, loihi1 holds 400",
        "its bias mantissa is 12, loihi1 holds 11",
        "its bias exponent is 2, loihi1 holds 1",
        "alone needs 8 input axons, a core of loihi1 has 3",
        "alone needs 2 output axons, a core of loihi1 has 1",
        "2 formats, a core of loihi1 holds 1",
    ):
        assert part in said
    assert all(f.fix for f in caught.value.findings)


def test_formats_share_a_core_as_far_as_it_has_them():
    maps = tuple((Dense(np.full((2, 2), 2)),) for _ in range(4))
    populations = tuple(Population(f"p{i}", (2,), Registers(4095, 0, 500)) for i in range(4))
    projections = tuple(Projection("in", f"p{i}", each, format=Format(i)) for i, each in enumerate(maps))
    network = Network(1e-3, (Input("in", (2,)),), populations, projections, ("p3",))
    for strategy in ("best", "greedy"):
        plan = place(network, changed(LOIHI, core={"synapse_formats": 3}), strategy=strategy)
        assert sorted(core.formats for core in plan.cores) == [1, 3]
        assert len(place(network, LOIHI, strategy=strategy).cores) == 1


def test_the_strategy_is_said_on_the_command_line(tmp_path, capsys):
    import json

    import snndeploy as sd
    from snndeploy.cli import main

    path = tmp_path / "q.nir"
    sd.write(images(layers=2), path)
    plans = {}
    for strategy in ("greedy", "boxes"):
        assert main(["place", str(path), "--target", "loihi1", "--strategy", strategy, "--json"]) == 0
        plans[strategy] = json.loads(capsys.readouterr().out)
        assert plans[strategy]["strategy"] == strategy
    assert main(["place", str(path), "--target", "loihi1", "--strategy", "fast"]) == 2
    assert "SD244" in capsys.readouterr().err


def test_a_plan_from_keys_that_collide_is_refused(monkeypatch):
    """If all keys were equal, a plan would count one axon for all sources; the synapses themselves are counted last."""
    monkeypatch.setattr(Wires, "classes", property(lambda self: np.zeros(9000, np.uint64)))
    rng = np.random.default_rng(0)
    network = chain(((Dense(2 * rng.integers(1, 90, (900, 2000))),), (900,)), shape=(2000,))
    with pytest.raises(SnnDeployError, match=r"SD203 core 0: the plan takes [\d.]+% of its memory on loihi1"):
        place(network, LOIHI, strategy="places")


# channels of their own, borders of all kinds: stride, dilation, padding, weights of zero
MIXED = Conv(
    np.random.default_rng(4).integers(-2, 3, (6, 2, 3, 3)).astype(np.int64) * 2, (2, 1), ((1, 2), (0, 1)), (1, 2), 2
)
# the first two sources of a row are alike, for nobody to the left sees the first one: they share an axon, others do not
ALIKE_AT_THE_EDGE = Conv(np.full((1, 4, 1, 3), [2, 2, 4], np.int64), (1, 2), ((0, 0), (0, 0)), (1, 1), 1)


@pytest.mark.parametrize("shares", [True, False])
@pytest.mark.parametrize("conv", [MIXED, ALIKE_AT_THE_EDGE])
def test_what_one_neuron_needs_is_known_from_one_that_is_alike(shares, conv):
    network = chain(((conv,), conv.shape_out((4, 7, 8))), shape=(4, 7, 8))
    target = changed(LOIHI, core={"axons_are_shared": shares})
    all_wires = wires(network, target)
    name = network.populations[0].name
    into = {name: all_wires}
    kept = Study(network, target, into, settings_of(network))
    for ask in (Wires.onto, Wires.planned):
        for neuron in range(int(np.prod(network.shapes[name]))):
            fresh = Study(network, target, into, settings_of(network))
            a, b = (each._part(name, np.array([neuron]), ask) for each in (kept, fresh))
            assert a.need.tolist() == b.need.tolist()
            assert a.heard == b.heard
    assert 0 < len(kept.asked) < 2 * int(np.prod(network.shapes[name]))
    if shares and conv is ALIKE_AT_THE_EDGE:
        fresh = (Study(network, target, into, settings_of(network)) for _ in range(2))
        assert [int(s._part(name, np.array([k]), Wires.planned).need[1]) for k, s in enumerate(fresh)] == [2, 3]

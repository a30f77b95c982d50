"""Placement: no limit exceeded, every neuron once, every synapse kept; counted here by loops, independently."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import integer_network

from snndeploy import targets
from snndeploy.errors import SnnDeployError, VerdictError
from snndeploy.network import Conv, Dense, Format, Input, Network, Population, Projection, Registers, Rule, Sparse
from snndeploy.network.maps import chain_matrix
from snndeploy.network.timing import latencies
from snndeploy.placement import place
from snndeploy.placement.axons import memory_bits
from snndeploy.placement.pack import STRATEGIES
from snndeploy.targets import Target


def small(**limits: int) -> Target:
    """Loihi 1 with some limits of its core lowered."""
    target = targets.load("loihi1")
    core = target.core.model_copy(
        update={name: getattr(target.core, name).model_copy(update={"value": value}) for name, value in limits.items()}
    )
    return target.model_copy(update={"core": core})


def unshared(**limits: int) -> Target:
    """The same, an axon for every source neuron."""
    return small(axons_are_shared=False, **limits)


def axon_bits(n: int, synapse_bits: int) -> int:
    """nengo-loihi's rule: blocks of at most 64 synapses, 10 bits in front, whole words of 64 bit."""
    total = 0
    while n > 0:
        total += -(-(min(n, 64) * synapse_bits + 10) // 64) * 64
        n -= 64
    return total


def kinds_on(network: Network, core_of, core: int) -> tuple[int, int]:
    """Different thresholds, and different decays and refractory periods, of the neurons of one core."""
    thresholds, decays = set(), set()
    for each in network.populations:
        rule, on = each.rule, core_of[each.name].reshape(each.shape)
        registers = ("du", "dv", "vth")
        du, dv, vth = (
            np.broadcast_to(-1 if getattr(rule, n) is None else getattr(rule, n), each.shape) for n in registers
        )
        for at in zip(*np.nonzero(on == core), strict=True):
            thresholds.add(int(vth[at]))
            decays.add((int(du[at]), int(dv[at]), rule.refractory, None if rule.plain else id(rule.adaptation)))
    return len(thresholds), len(decays)


def counted(network: Network, core_of, share: bool = True) -> list[dict[str, int]]:
    """What every core holds, by loops over all synapses. share: sources with equal synapses there share an axon."""
    number = 1 + max(int(cores.max()) for cores in core_of.values())
    found = [{"neurons": 0, "input_axons": 0, "output_axons": 0, "synapses": 0, "memory": 0} for _ in range(number)]
    for cores in core_of.values():
        for c in cores:
            found[c]["neurons"] += 1
    late = latencies(network)
    for p in network.projections:
        matrix = chain_matrix(p.maps, network.shapes[p.source]).toarray()
        waits = p.delay + late[p.target] - late[p.source] > 1
        bits = {7: 8}.get(p.format.bits, p.format.bits) + 10 + (6 if waits else 0)
        held: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for i, j in zip(*np.nonzero(matrix), strict=True):
            held.setdefault((int(core_of[p.target][i]), int(j)), []).append((int(i), int(matrix[i, j])))
        for (core, j), synapses in held.items():
            found[core]["synapses"] += len(synapses)
            if p.source in core_of:
                found[int(core_of[p.source][j])]["output_axons"] += 1
        # sources whose synapses on a core are all equal send to one axon
        axons = [(core, tuple(each)) for (core, _), each in held.items()]
        for core, synapses in set(axons) if share else axons:
            found[core]["input_axons"] += 1
            found[core]["memory"] += axon_bits(len(synapses), bits)
    return found


def check(network: Network, target: Target, strategy: str = "best") -> int:
    """Places a network and checks everything; returns the number of cores."""
    plan = place(network, target, strategy=strategy)
    for each in network.populations:
        assert plan.core_of[each.name].shape == (int(np.prod(each.shape)),)
    truth = counted(network, plan.core_of, target.core.axons_are_shared.value)
    core = target.core
    for held, real in zip(plan.cores, truth, strict=True):
        assert real["neurons"] == held.neurons == sum(held.populations.values()) > 0
        assert real["neurons"] <= core.neurons.value
        assert real["input_axons"] == held.input_axons <= core.input_axons.value
        assert real["output_axons"] == held.output_axons <= core.output_axons.value
        assert real["memory"] == held.memory_bits <= core.synaptic_memory_bits.value
        assert real["synapses"] == held.synapses
        assert kinds_on(network, plan.core_of, held.index) == (held.thresholds, held.neuron_settings)
        assert held.thresholds <= core.threshold_settings.value
        assert held.neuron_settings <= core.neuron_settings.value
        assert held.share["memory"] == pytest.approx(held.memory_bits / core.synaptic_memory_bits.value)
        assert all(0 <= share <= 1 for share in held.share.values())
    synapses = sum(chain_matrix(p.maps, network.shapes[p.source]).nnz for p in network.projections)
    assert sum(c.synapses for c in plan.cores) == synapses
    return len(plan.cores)


@pytest.mark.parametrize("bits", [9, 18, 24])
def test_memory_of_an_axon(bits):
    """A whole number of blocks needs no header of an empty one."""
    counts = np.array([1, 2, 63, 64, 65, 127, 128, 129, 192])
    assert memory_bits(counts, bits, targets.load("loihi1")).tolist() == [axon_bits(int(n), bits) for n in counts]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**20),
    st.integers(1, 20),
    st.integers(20, 90),
    st.integers(20, 80),
    st.integers(60, 400),
    st.sampled_from(["best", *STRATEGIES]),
)
def test_no_limit_is_exceeded_and_nothing_is_lost(seed, neurons, input_axons, output_axons, words, strategy):
    network = integer_network(np.random.default_rng(seed), frozenset({"convolution", "recurrence", "skip", "delay"}))
    target = small(neurons=neurons, input_axons=input_axons, output_axons=output_axons, synaptic_memory_bits=64 * words)
    refused = set()
    try:
        check(network, target, strategy)
    except VerdictError as problem:
        refused = {f.code for f in problem.findings}
        fan_in = max(fan_ins(network))
        outs = sum(max(chain_matrix(p.maps, network.shapes[p.source]).shape) for p in network.projections)
        assert fan_in > min(input_axons, words) or outs > output_axons
    assert refused <= {"SD203"}


def fan_ins(network: Network) -> list[int]:
    """Synapses onto each neuron."""
    return [
        int(n)
        for each in network.populations
        for n in sum(np.diff(chain_matrix(p.maps, network.shapes[p.source]).indptr) for p in network.into(each.name))
    ]


def two_layers(inputs: int, hidden: int, outputs: int, rng=None) -> Network:
    rng = rng or np.random.default_rng(0)

    def feed(source: str, target: str, shape: tuple[int, int]) -> Projection:
        return Projection(source, target, (Dense(rng.integers(1, 127, shape) * 2),), format=Format())

    return Network(
        1e-3,
        (Input("in", (inputs,)),),
        (
            Population("fc1", (hidden,), Registers(4095, 100, 500)),
            Population("fc2", (outputs,), Registers(4095, 0, 500)),
        ),
        (feed("in", "fc1", (hidden, inputs)), feed("fc1", "fc2", (outputs, hidden))),
        ("fc2",),
    )


def test_a_small_network_shares_one_core():
    plan = place(two_layers(30, 40, 10), "loihi1")
    (core,) = plan.cores
    assert dict(core.populations) == {"fc1": 40, "fc2": 10}
    assert (core.input_axons, core.output_axons, core.synapses) == (70, 40, 1600)
    # 40 synapses of 18 bits and 10 bits: 12 words; 10 synapses: 3 words
    assert core.memory_bits == 64 * (30 * 12 + 40 * 3)
    assert plan.chips == 1


def test_neurons_are_split_over_as_few_cores_as_a_limit_allows():
    assert check(two_layers(10, 100, 4), small(neurons=40)) == 3
    # 784 axons of 512 neurons: 8 blocks of 19 words of 64 bit
    cores = place(two_layers(784, 1500, 10), "loihi1").cores
    assert cores[0].populations["fc1"] < 1024
    assert all(c.memory_bits <= 2**20 for c in cores)
    assert len(cores) <= 1 + (784 * 1500 * 19 + 1500 * 192) // 2**20 + 2


def test_a_core_is_filled_to_its_limits():
    network = two_layers(10, 39, 1)
    words = (10 * axon_bits(39, 18) + 39 * axon_bits(1, 18)) // 64
    full = {"neurons": 40, "input_axons": 49, "output_axons": 39, "synaptic_memory_bits": 64 * words}
    assert check(network, unshared(**full)) == 1
    for name, limit in full.items():
        assert check(network, unshared(**full | {name: limit - (64 if "bits" in name else 1)})) > 1, name


def test_neurons_with_an_axon_each_fill_a_core_to_its_axons():
    network = Network(
        1e-3,
        (Input("in", (12,)),),
        (Population("n", (12,), Registers(4095, 0, 500)),),
        (Projection("in", "n", (Sparse(2 * np.eye(12, dtype=np.int64), (12,), (12,)),), format=Format()),),
        ("n",),
    )
    assert check(network, small(input_axons=5)) == 3


def test_a_neuron_may_need_a_whole_core():
    assert check(two_layers(30, 1, 1), unshared(input_axons=30)) == 2
    assert check(two_layers(30, 1, 1), unshared(synaptic_memory_bits=30 * 64)) == 2


def test_output_axons_split_the_core_that_sends_too_much():
    network = two_layers(4, 30, 60)
    target = small(neurons=30, output_axons=20)
    assert check(network, target) > 3


def test_what_fits_no_core_is_named_with_value_limit_and_fix():
    with pytest.raises(VerdictError) as caught:
        place(two_layers(5000, 3, 2), unshared())
    (found,) = caught.value.findings
    assert str(found).startswith(
        "SD203 population 'fc1': neuron 0 alone needs 5,000 input axons, a core of loihi1 has 4,096 "
        "(3 neurons do not fit)"
    )
    assert "weights pruned to zero" in found.fix
    assert caught.value.exit_code == 1
    with pytest.raises(VerdictError) as caught:
        place(two_layers(30, 5, 2), unshared(input_axons=20, synaptic_memory_bits=64 * 10))
    assert [f.what.split(", a core")[0] for f in caught.value.findings] == [
        "neuron 0 alone needs 30 input axons",
        "neuron 0 alone needs 1,920 bits of synaptic memory",
    ]
    with pytest.raises(VerdictError, match="alone needs 2 output axons"):
        place(two_layers(3, 1, 2), unshared(neurons=1, output_axons=1))


def varied(vth, dv=0) -> Network:
    """One population whose neurons differ in their registers."""
    network = two_layers(6, np.size(vth), 1)
    each = replace(network.populations[0], rule=Registers(4095, dv, vth))
    return network.with_(populations=(each, network.populations[1]))


def test_a_core_has_so_many_thresholds():
    network = varied(100 + np.arange(20) % 10)  # in turns: 10 of them, the output's makes 11
    assert check(network, small(threshold_settings=11)) == 1
    assert check(network, small(threshold_settings=8)) > 1
    (warned,) = place(network, "loihi1").findings
    assert str(warned).startswith("SD212 population 'fc1': it has 10 different thresholds, a core of loihi1 has 8; ")
    assert warned.severity == "warning"
    assert "with fewer settings 1" in warned.what
    assert check(varied(100 + np.arange(20) // 10), small(threshold_settings=2)) == 2


def test_a_core_has_so_many_decays():
    network = varied(np.full(40, 100), np.arange(40))
    assert check(network, targets.load("loihi1")) == 2
    (warned,) = place(network, "loihi1").findings
    assert "40 different neuron settings, a core of loihi1 has 32" in warned.what
    assert "one time constant per population" in warned.fix
    assert check(network, small(neuron_settings=10)) == 4


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**20), st.integers(1, 6), st.integers(1, 6), st.integers(2, 40))
def test_settings_are_never_exceeded(seed, thresholds, decays, neurons):
    network = integer_network(np.random.default_rng(seed), frozenset({"convolution", "recurrence"}))
    check(network, small(threshold_settings=thresholds, neuron_settings=decays, neurons=neurons))


def test_more_cores_than_a_chip_has_is_a_warning():
    plan = place(two_layers(2, 300, 2), small(neurons=2))
    assert (len(plan.cores), plan.chips) == (151, 2)
    assert [f.code for f in plan.findings] == ["SD205"]
    assert plan.findings[0].severity == "warning"
    assert "151 cores on 2 chips of loihi1" in str(plan)
    whole_chip = place(two_layers(2, 254, 2), small(neurons=2))
    assert (len(whole_chip.cores), whole_chip.chips, whole_chip.findings) == (128, 1, ())


def test_a_placement_prints_as_a_table_and_as_plain_data():
    plan = place(two_layers(30, 40, 10), "loihi2")
    text = str(plan)
    assert text.startswith("1 of 128 cores of loihi2\n")
    assert "0: fc1 (40), fc2 (10)" in text
    data = json.loads(json.dumps(plan.as_dict()))
    assert data["core"][0]["synapses"] == 1600
    assert data["core_of"]["fc2"] == [0] * 10


def test_a_convolution_counts_each_tap_as_a_synapse():
    conv = Conv(np.full((2, 1, 3, 3), 2), padding=((1, 1), (1, 1)))
    network = Network(
        1e-3,
        (Input("in", (1, 5, 5)),),
        (Population("c", (2, 5, 5), Registers(4095, 0, 50)),),
        (Projection("in", "c", (conv,), format=Format()),),
        ("c",),
    )
    assert check(network, small(neurons=20)) == 3
    assert place(network, "loihi1").cores[0].synapses == 2 * 13 * 13


def test_the_float_form_and_what_a_target_lacks_are_refused():
    network = two_layers(3, 2, 2)
    float_form = network.with_(
        populations=tuple(replace(p, rule=Rule(0.5)) for p in network.populations),
        projections=tuple(replace(p, format=None) for p in network.projections),
    )
    with pytest.raises(SnnDeployError, match="SD209"):
        place(float_form, "loihi1")
    late = network.with_(projections=(*network.projections, replace(network.projections[0], delay=80, name="late")))
    with pytest.raises(SnnDeployError, match="SD208 projection 'late'"):
        place(late, "loihi1")


def test_a_neuron_of_an_image_is_named_by_its_row_major_number():
    """Neuron 7 is channel 1, place 3; it alone sees all four inputs."""
    mask = np.zeros((8, 4), int)
    mask[7] = 2
    network = Network(
        1e-3,
        (Input("in", (4,)),),
        (Population("c", (2, 2, 2), Registers(4095, 0, 50)),),
        (Projection("in", "c", (Sparse(mask, (4,), (2, 2, 2)),), format=Format(sign="excitatory")),),
        ("c",),
    )
    with pytest.raises(VerdictError, match="neuron 7 alone needs 4 input axons"):
        place(network, unshared(input_axons=3))
    plan = place(network, small(neurons=2), strategy="greedy")
    assert plan.core_of["c"].tolist() == [0, 1, 2, 3, 0, 1, 2, 3]

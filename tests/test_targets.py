"""Targets as data: what ships is complete and sourced; what a user writes is checked field by field."""

from __future__ import annotations

import re

import pytest
from pydantic import BaseModel

from snndeploy import resources, targets
from snndeploy.errors import SnnDeployError
from snndeploy.network import registers as reg
from snndeploy.targets import Fact, Range


def facts(part, path=""):
    for name, value in part:
        where = f"{path}.{name}".lstrip(".")
        if isinstance(value, Fact | Range):
            yield where, value
        elif isinstance(value, BaseModel):
            yield from facts(value, where)


@pytest.mark.parametrize("name", ["loihi1", "loihi2"])
def test_every_number_of_a_shipped_target_has_a_source(name):
    target = targets.load(name)
    assert target.name == name
    found = dict(facts(target))
    lines = (resources.folder("targets") / f"{name}.toml").read_text("utf-8").splitlines()
    assert len(found) == sum("= { value =" in line or "= { low =" in line for line in lines) > 50
    assert all(len(fact.source) > 3 for fact in found.values())


def test_what_has_no_energy_per_event_in_public_is_bounded_from_above_only():
    """Loihi 2: all the power of Hala Point over what it does in a second."""
    energy = targets.load("loihi2").energy
    assert energy.synaptic_operation.high == pytest.approx(2600 / 380, abs=0.005)
    assert energy.update_active.high == pytest.approx(2600 / 240, abs=0.005)
    assert all(each.low == 0 for _, each in energy)
    time = targets.load("loihi2").time
    assert time.synaptic_operation.low == pytest.approx(140_544 / 380e12 * 1e9, abs=0.005)
    assert time.update_active.low == pytest.approx(140_544 / 240e12 * 1e9, abs=0.005)


def test_a_range_goes_upwards(tmp_path):
    text = (resources.folder("targets") / "loihi1.toml").read_text("utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace("low = 23.6", "low = 36"), "utf-8")
    with pytest.raises(SnnDeployError, match=r"SD204 .*energy.synaptic_operation: .*low = 36 is above high = 35.5"):
        targets.load(path)


def test_the_registers_are_those_of_the_arithmetic():
    for name in targets.shipped():
        neuron, synapse = targets.load(name).neuron, targets.load(name).synapse
        assert neuron.decay_max.value == reg.DECAY_MAX
        assert neuron.threshold_max.value == reg.VTH_MAX == 131_071
        assert neuron.state_max.value == reg.STATE_MAX
        assert neuron.bias_exponent_max.value == reg.BIAS_EXP_MAX
        assert synapse.weight_exponent_max.value == reg.WEIGHT_EXP_MAX
        assert (synapse.delay_max.value, synapse.weight_bits.value) == (62, 8)


def test_what_tells_the_two_chips_apart():
    one, two = targets.load("loihi1"), targets.load("loihi2")
    assert (one.core.neurons.value, two.core.neurons.value) == (1024, 8192)
    assert one.neuron.reset_kinds.value == ("to",)
    assert one.neuron.reset_to_zero_only.value
    assert one.synapse.input_kinds.value == ("binary",)
    assert set(two.neuron.reset_kinds.value) == {"none", "to", "by"}
    assert "counts" in two.synapse.input_kinds.value
    assert two.core.synaptic_memory_bits.certainty == "assumed"


def test_an_unknown_target_lists_those_that_ship():
    with pytest.raises(SnnDeployError, match=r"SD201 target 'akida'.*loihi1, loihi2"):
        targets.load("akida")
    with pytest.raises(SnnDeployError, match=r"SD201 target 'x\.toml'.*no such file.*loihi1, loihi2"):
        targets.load("x.toml")


@pytest.fixture
def text() -> str:
    return (resources.folder("targets") / "loihi2.toml").read_text("utf-8")


def test_a_users_own_target_is_treated_alike(text, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(text.replace("8192,", "100,").replace('name = "loihi2"', 'name = "mine"'), "utf-8")
    mine = targets.load(path)
    assert (mine.name, mine.core.neurons.value) == ("mine", 100)
    assert targets.load(str(path)) == mine
    assert targets.load(mine) is mine


def test_every_bad_field_is_named_at_once(text, tmp_path):
    text = re.sub(r"(threshold_max = \{ value = )131071", r"\g<1>131072", text)
    text = re.sub(r"\ndelay_max = .*", "", text)
    text = re.sub(r"(cores = \{ value = )128", r'\g<1>"many"', text)
    text = re.sub(r'(input_axons = .* certainty = )"assumed"', r'\g<1>"hoped"', text)
    text = text.replace("[chip]", '[chip]\ncolour = "blue"')
    path = tmp_path / "bad.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(SnnDeployError) as caught:
        targets.load(path)
    found = {f.where.split(", ")[1]: f for f in caught.value.findings}
    assert set(found) == {
        "neuron.threshold_max.value",
        "synapse.delay_max",
        "chip.cores.value",
        "core.input_axons.certainty",
        "chip.colour",
    }
    assert {f.code for f in found.values()} == {"SD204"}
    assert "131072" in found["neuron.threshold_max.value"].what
    assert all(str(path) in f.where for f in found.values())


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b"a = 1\na = 2"])
def test_what_is_not_toml_is_refused(content, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(SnnDeployError, match=r"SD202 target .*bad\.toml"):
        targets.load(path)
    with pytest.raises(SnnDeployError, match="SD20"):
        targets.load(tmp_path)

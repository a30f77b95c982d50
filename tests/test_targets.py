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


def test_the_template_has_every_field_and_is_no_chip(tmp_path):
    assert targets.TEMPLATE not in targets.shipped()
    with pytest.raises(SnnDeployError, match="SD201 target 'template'"):
        targets.load("template")
    path = tmp_path / "a chip.toml"
    path.write_text(targets.template(path.stem), "utf-8")
    mine = targets.load(path)
    assert mine.name == "a chip"
    one = {name for name, _ in facts(targets.load("loihi1")) if name.split(".")[0] not in ("energy", "time", "power")}
    assert set(dict(facts(mine))) == one
    assert {fact.certainty for fact in dict(facts(mine)).values()} == {"assumed"}
    assert all("TODO" in fact.source for fact in dict(facts(mine)).values())
    # what is commented out is right too, once its sections are uncommented
    text = re.sub(r"^# (\[(?:energy|time|power)\])", r"\1  #", path.read_text("utf-8"), flags=re.M)
    path.write_text(re.sub(r"^# (\w+ = \{ low)", r"\1", text, flags=re.M), "utf-8")
    priced = targets.load(path)
    assert priced.energy is not None
    assert priced.time is not None
    assert priced.power is not None


def test_a_file_may_say_only_what_differs_from_a_shipped_target(tmp_path):
    path = tmp_path / "more.toml"
    path.write_text(
        'base = "loihi1"\nname = "more"\n[core]\nneurons = { value = 9, source = "me", certainty = "assumed" }', "utf-8"
    )
    mine, one = targets.load(path), targets.load("loihi1")
    assert (mine.name, mine.title, mine.core.neurons.value) == ("more", one.title, 9)
    changed = {name for name, fact in facts(mine) if fact != dict(facts(one))[name]}
    assert changed == {"core.neurons"}
    assert mine.energy == one.energy
    path.write_text('base = "akida"\nname = "more"', "utf-8")
    with pytest.raises(SnnDeployError, match=r"SD201 .*more.toml.*no shipped target 'akida'.*loihi1, loihi2"):
        targets.load(path)
    path.write_text('base = "loihi2"\nname = "more"\n[core]\nneuron = 3', "utf-8")
    with pytest.raises(SnnDeployError, match=r"SD204 .*core.neuron: .*remove it"):
        targets.load(path)


def test_the_fitted_target_differs_in_capacities_alone():
    fitted, two = dict(facts(targets.load("loihi2_fitted"))), dict(facts(targets.load("loihi2")))
    changed = {name for name, fact in fitted.items() if fact != two[name]}
    assert {fitted[name].certainty for name in changed} == {"fitted"}
    assert all(name.startswith("core.") for name in changed)


def test_targets_are_listed_printed_and_begun_on_the_command_line(tmp_path, capsys, monkeypatch):
    from snndeploy.cli import main

    monkeypatch.chdir(tmp_path)
    assert main(["targets"]) == 0
    listed = capsys.readouterr().out
    assert re.search(r"^loihi1 +128 +768 +Intel Loihi$", listed, re.M)
    assert re.search(r"^loihi2 +128 +1,152 +Intel Loihi 2$", listed, re.M)
    assert "template" not in listed
    assert main(["targets", "loihi1"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^core.input_axons +4,096 +documented +Davies 2018; nengo-loihi$", shown, re.M)
    assert main(["targets", "--new", "mine.toml"]) == 0
    assert main(["targets", "mine.toml", "--json"]) == 0
    assert '"name": "mine"' in capsys.readouterr().out
    before = (tmp_path / "mine.toml").read_bytes()
    assert main(["targets", "--new", "mine.toml"]) == 2
    assert "SD802 mine.toml: it is there already" in capsys.readouterr().err
    assert (tmp_path / "mine.toml").read_bytes() == before
    assert main(["targets", "--new", "no/mine.toml"]) == 2

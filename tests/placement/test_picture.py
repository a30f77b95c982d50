"""The picture of the mesh: every core once and where it lies, arcs over borders in their colour, names harmless."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from scipy import sparse

from snndeploy import cli, targets, verbs
from snndeploy.network import Dense, Format, Input, Network, Population, Projection, Registers
from snndeploy.placement import place
from snndeploy.placement.picture import ARCS, LOAD, OFF_CHIP, ON_CHIP, picture
from snndeploy.placement.traffic import traffic
from snndeploy.targets import Target

SVG = "{http://www.w3.org/2000/svg}"


def chips_of(cores: int, neurons: int = 4) -> Target:
    target = targets.load("loihi1")
    core = target.core.model_copy(update={"neurons": target.core.neurons.model_copy(update={"value": neurons})})
    chip = target.chip.model_copy(update={"cores": target.chip.cores.model_copy(update={"value": cores})})
    return target.model_copy(update={"core": core, "chip": chip})


def network(name: str = "a") -> Network:
    """40 neurons onto 12."""
    rng = np.random.default_rng(0)

    def feed(source, target, *size):
        return Projection(source, target, (Dense(rng.integers(1, 50, size) * 2),), format=Format())

    return Network(
        1e-3,
        (Input("in", (5,)),),
        (Population(name, (40,), Registers(4095, 0, 100)), Population("b", (12,), Registers(4095, 0, 100))),
        (feed("in", name, 40, 5), feed(name, "b", 12, 40)),
        ("b",),
    )


def drawn(net: Network, target: Target):
    plan = place(net, target, rates=0.1)
    return plan, ET.fromstring(picture(plan, traffic(net, plan.core_of, 0.1).between, target))


def titled(root: ET.Element, tag: str) -> list[ET.Element]:
    return [each for each in root.iter(f"{SVG}{tag}") if each.find(f"{SVG}title") is not None]


def test_every_core_is_drawn_once_and_apart():
    plan, root = drawn(network(), chips_of(128))
    cores = titled(root, "rect")
    assert len(cores) == len(plan.cores) == 13
    assert len({(each.get("x"), each.get("y")) for each in cores}) == 13
    width, height = float(root.get("width")), float(root.get("height"))
    for each in cores:
        assert 0 < float(each.get("x")) < width
        assert 0 < float(each.get("y")) < height
    said = [each.find(f"{SVG}title").text for each in cores]
    assert said[0].startswith("core 0: a 4\nchip 0, tile ")
    assert "neurons 100%" in said[0]
    assert all(each.get("fill") == LOAD[-1] for each in cores)


def test_cores_of_a_tile_lie_in_it_and_rows_of_the_mesh_below_each_other():
    plan, root = drawn(network(), chips_of(128))
    at = {}
    for each in titled(root, "rect"):
        number = int(each.find(f"{SVG}title").text.split()[1].rstrip(":"))
        at[number] = float(each.get("x")), float(each.get("y"))
    order = np.lexsort((plan.sites[:, 1],))
    for i in order:
        for j in order:
            if plan.sites[i, 1] < plan.sites[j, 1]:
                assert at[int(i)][0] < at[int(j)][0]
            if plan.sites[i, 2] < plan.sites[j, 2]:
                assert at[int(i)][1] < at[int(j)][1]


def test_traffic_over_the_border_of_a_chip_has_its_own_colour():
    plan, root = drawn(network(), chips_of(8))
    assert plan.chips == 2
    arcs = titled(root, "path")
    colours = {each.get("stroke"): each.find(f"{SVG}title").text for each in arcs}
    assert set(colours) == {ON_CHIP, OFF_CHIP}
    assert colours[OFF_CHIP].endswith("the border of a chip")
    assert "of chip 0 to tile" in colours[ON_CHIP] or "of chip 1 to tile" in colours[ON_CHIP]
    text = " ".join(each.text or "" for each in root.iter(f"{SVG}text"))
    assert "13 cores on 2 chips of loihi1" in text
    assert "expected: 0.1 spikes per neuron and step" in text


def test_arcs_are_the_traffic_between_tiles():
    net, target = network(), chips_of(128)
    plan, root = drawn(net, target)
    moved = traffic(net, plan.core_of, 0.1).between.tocoo()
    truth = {}
    for a, b, n in zip(*moved.coords, moved.data, strict=True):
        ends = tuple(plan.sites[a]), tuple(plan.sites[b])
        if ends[0] != ends[1]:
            truth[ends] = truth.get(ends, 0) + n
    said = [each.find(f"{SVG}title").text for each in titled(root, "path")]
    numbers = sorted(float(each.split(": ")[1].split()[0]) for each in said)
    assert numbers == pytest.approx(sorted(truth.values())[-ARCS:], rel=5e-3)


def test_names_of_strangers_do_no_harm():
    _, root = drawn(network('<script>"&é'), chips_of(128))
    said = titled(root, "rect")[0].find(f"{SVG}title").text
    assert '<script>"&é 4' in said


def test_many_chips_stay_small():
    plan, _ = drawn(network(), chips_of(1, 1))
    assert plan.chips == 52
    rng = np.random.default_rng(0)
    flow = sparse.csr_array(rng.random((52, 52)))
    text = picture(plan, flow, chips_of(1, 1))
    assert text.count("<path") == ARCS
    assert len(text) < 1_000_000


def test_the_command_writes_it(tmp_path, capsys):
    verbs.write(network(), tmp_path / "q.nir")
    command = ["place", str(tmp_path / "q.nir"), "--target", "loihi1", "--picture", str(tmp_path / "mesh.svg")]
    assert cli.main(command) == 0
    assert "mesh.svg: the mesh" in capsys.readouterr().err
    assert ET.parse(tmp_path / "mesh.svg").getroot().tag == f"{SVG}svg"
    assert cli.main([*command, "-o", str(tmp_path / "mesh.svg")]) == 2
    assert "SD800 --picture" in capsys.readouterr().err

"""convert, and the options that say how a file is read, from the command line."""

import json
from pathlib import Path

import nir
import numpy as np
import pytest

import snndeploy as sd
from snndeploy import cli
from snndeploy.network import Dense, Input, Network, Population, Projection, Reset, Rule


@pytest.fixture
def soft(tmp_path: Path) -> Path:
    """A file with a soft reset."""
    rule = Rule(0.875, 1.0, reset=Reset("by", 1.0, "next"))
    ways = (Projection("in", "p", (Dense(np.ones((3, 4))),)),)
    sd.write(Network(1e-3, (Input("in", (4,)),), (Population("p", (3,), rule),), ways, ("p",)), tmp_path / "m.nir")
    return tmp_path / "m.nir"


def said(capsys):
    out, err = capsys.readouterr()
    assert not err
    return json.loads(out)


def test_convert_writes_a_style_and_lists_repairs(soft: Path, capsys) -> None:
    other = soft.with_name("other.nir")
    assert cli.main(["convert", str(soft), "-o", str(other), "--style", "decomposed", "--json"]) == 0
    assert said(capsys)["repairs"] == []
    assert "Threshold" in {type(node).__name__ for node in nir.read(other).nodes.values()}
    again = soft.with_name("again.nir")
    assert cli.main(["convert", str(other), "-o", str(again), "--ignore-block", "--dt", "1e-3", "--json"]) == 0
    repairs = said(capsys)["repairs"]
    assert any("one step later" in line for line in repairs)
    for path, more in ((other, ["--ignore-block", "--dt", "1e-3"]), (again, [])):
        assert cli.main(["inspect", str(path), *more]) == 0
        out = capsys.readouterr().out
        assert all(f"\nrepaired: {line}" in out for line in repairs)
        assert cli.main(["inspect", str(path), *more, "--json"]) == 0
        assert said(capsys)["repairs"] == repairs
    assert sorted(sd.read(again).population) == ["p", "p_v"]


def test_convert_for_norse(soft: Path, capsys) -> None:
    other = soft.with_name("other.nir")
    assert cli.main(["convert", str(soft), "-o", str(other), "--for", "norse"]) == 2
    assert "SD416" in capsys.readouterr().err
    assert not other.exists()
    hard = ["convert", str(soft), "-o", str(other), "--ignore-block", "--dt", "1e-3", "--reset", "to-zero"]
    assert cli.main([*hard, "--for", "norse"]) == 0
    assert "import it with norse.torch.from_nir" in capsys.readouterr().out
    assert cli.main([*hard, "--for", "nobody"]) == 2
    assert cli.main(["convert", str(soft), "-o", str(soft)]) == 2


def test_every_reading_option_reaches_the_reader(tmp_path: Path, capsys) -> None:
    one, n = np.ones(3), {"input": nir.Input(np.array([3])), "output": nir.Output(np.array([3]))}
    nodes = {
        **n,
        "a": nir.IF(one, one),
        "b": nir.IF(one, one),
        "ab": nir.Linear(np.eye(3)),
        "ba": nir.Linear(np.eye(3)),
    }
    edges = [("input", "a"), ("a", "ab"), ("ab", "b"), ("b", "ba"), ("ba", "a"), ("b", "output")]
    path = tmp_path / "x.nir"
    nir.write(path, nir.NIRGraph(nodes, edges))
    given = ["inspect", str(path), "--dt", "1e-3", "--json"]
    assert cli.main(given) == 2
    assert said(capsys)["error"][0]["code"] == "SD410"
    more = ["--delay", "b->a=2", "--kind", "counts", "--integrators", "per-step", "--reset", "by-threshold"]
    assert cli.main([*given, *more]) == 0
    assert "counts" in json.dumps(said(capsys))
    net = sd.read(path, 1e-3, "by-threshold", delays={("b", "a"): 2}, kind="counts", integrators="per-step")
    assert {p.name: p.delay for p in net.projections} == {"input->a": 0, "a->b": 0, "b->a": 2}
    assert float(net.population["a"].rule.receptors[0].gain) == 1.0
    for bad in (
        ["--delay", "b=1"],
        ["--unit", "odd"],
        ["--delay", "a->b=x"],
        ["--kind", "odd"],
        ["--integrators", "odd"],
    ):
        assert cli.main([*given, *bad]) == 2
        assert said(capsys)["error"][0]["code"] in ("SD800", "SD409", "SD419")
    for command in ("lint", "place", "run", "quantize", "compare"):
        assert cli.main([command, "--help"]) == 0
        assert "--ignore-block" in capsys.readouterr().out

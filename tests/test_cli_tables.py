"""Tables on a terminal show names and hints as they are, whatever Rich would make of them."""

from io import StringIO

import numpy as np
import pytest
from rich.console import Console

import snndeploy as sd
from snndeploy import cli, doctor
from snndeploy.network import Input, Network, Population, Projection
from snndeploy.network.maps import Dense
from snndeploy.network.rule import Reset, Rule


def test_the_hint_of_a_missing_engine_keeps_its_brackets():
    hint = 'onnx is not installed pip install "snndeploy[onnx]"'
    found = {
        "wrong": ["engine [x]: broken"],
        "python": "3.11",
        "packages": {"nir": "1.0"},
        "unfit": {"nir": ">=2 [d]"},
        "engines": {"onnx": {"state": "missing", "seconds": 0.0, "detail": hint}},
        "devices": [{"name": "cpu", "state": "runs", "detail": "[e]"}],
        "extras": [{"name": "onnx", "purpose": "[f]", "missing": ["onnx"], "fix": 'pip install "snndeploy[onnx]"'}],
        "known": [
            {
                "id": "R9",
                "package": "nir",
                "setting": "[g]",
                "wrong": "fails [b]",
                "here": "done [c]",
                "found_by": ["SD401"],
                "source": "[h]",
            }
        ],
        "seconds": 1.0,
    }
    out = StringIO()
    doctor.print_tables(Console(file=out, width=200), found, every=True)
    text = out.getvalue()
    assert hint in text
    for shown in ("fails [b]", "done [c]", ">=2 [d]", "[e]", "[f]", "snndeploy[onnx]", "[g]", "[h]", "engine [x]"):
        assert shown in text


@pytest.mark.parametrize("name", ["[bold]", "lif[x", "[[red]]"])
def test_run_shows_names_that_look_like_markup(tmp_path, capsys, name):
    rule = Rule(0.5, reset=Reset("to", 0.0))
    to = Projection("in", name, (Dense(np.eye(2)),))
    sd.write(Network(1e-3, (Input("in", (2,)),), (Population(name, (2,), rule),), (to,), (name,)), tmp_path / "a.nir")
    np.save(tmp_path / "x.npy", np.ones((3, 1, 2), np.uint8))
    assert cli.main(["run", str(tmp_path / "a.nir"), "--input", str(tmp_path / "x.npy")]) == 0
    assert any(line.split()[:1] == [name] for line in capsys.readouterr().out.splitlines())

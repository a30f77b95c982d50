"""`snndeploy methods` and `quantize --method`: a table, one JSON document, files that load back identical."""

from __future__ import annotations

import json

import numpy as np
import pytest

import snndeploy as sd
from snndeploy import cli
from snndeploy.network import Decision, Dense, Input, Network, Population, Projection, Receptor, Rule
from snndeploy.network.arrays import equal


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("methods")
    rng = np.random.default_rng(2)
    back = rng.normal(-0.3, 0.3, (5, 5))
    back[1, 2] = -7.0
    rule = Rule(0.9, 1.0, (Receptor(0.5),))
    net = Network(
        1e-3,
        (Input("in", (6,)),),
        (Population("h", (5,), rule), Population("o", (2,), rule)),
        (
            Projection("in", "h", (Dense(rng.normal(0.2, 0.3, (5, 6))),)),
            Projection("h", "h", (Dense(back),), 1),
            Projection("h", "o", (Dense(rng.normal(0.2, 0.4, (2, 5))),)),
        ),
        ("o",),
        Decision("o"),
    )
    x = (rng.random((30, 12, 6)) < 0.3).astype(np.int64)
    sd.write(net, folder / "m.nir")
    np.save(folder / "x.npy", x)
    np.savez(folder / "t.npz", x=x, labels=sd.run(net, x).decisions())
    np.save(folder / "y.npy", np.zeros(12, np.int64))
    return folder


def base(files) -> list[str]:
    return [f"{files}/m.nir", "--target", "loihi1", "--calibration", f"{files}/x.npy"]


def test_a_table_and_one_json_document(files, capsys):
    command = ["methods", *base(files), "--test", f"{files}/t.npz", "--methods", "max-abs,split"]
    assert cli.main(command) == 0
    text = capsys.readouterr().out
    assert all(word in text for word in ("float", "max-abs", "split", "accuracy", "synapses"))
    assert cli.main([*command, "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert [each["method"] for each in scores] == ["float", "max-abs", "split"]
    assert scores[0]["accuracy"] == 1.0
    assert scores[2]["synapses"] > scores[1]["synapses"]


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        (["--methods", "best"], "SD609"),
        (["--methods", " "], "SD800"),
        (["--test", "{}/t.npz", "--labels", "{}/y.npy"], "SD800"),
        (["--labels", "{}/x.npy"], "SD103"),
    ],
)
def test_bad_input_is_told(files, capsys, extra, code):
    assert cli.main(["methods", *base(files), *(each.format(files) for each in extra), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"][0]["code"] == code


@pytest.mark.parametrize("method", ["split", "per-neuron+bands+membranes"])
def test_a_file_of_parts_loads_back_identical(files, capsys, method):
    output = files / "q.nir"
    assert cli.main(["quantize", *base(files), "--method", method, "-o", str(output), "--json"]) == 0
    capsys.readouterr()
    wanted = sd.quantize(sd.read(files / "m.nir"), "loihi1", np.load(files / "x.npy"), method)
    assert equal(sd.read(output), wanted)


def test_quantize_with_auto_prints_what_it_tried(files, capsys):
    output = files / "a.nir"
    command = ["quantize", *base(files), "--method", "auto", "--synapses", "1", "-o", str(output)]
    assert cli.main(command) == 0
    text = capsys.readouterr().out
    assert "held-out halves" in text
    assert "per-neuron+bands" in text
    assert sd.read(output).provenance["method"].startswith("auto: ")

"""The commands on a module with several inputs and outputs, and capture's --time and --kind by input."""

import json

import numpy as np
import pytest

import snndeploy as sd
from snndeploy import cli, models
from snndeploy.network.arrays import equal

MODEL = """
import torch
import snntorch as snn
from torch import nn

class Two(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.fx, self.fy, self.out = nn.Linear(5, 8), nn.Linear(4, 8), nn.Linear(8, 3)
        self.lif1, self.lif2 = (snn.Leaky(0.75, init_hidden=True, reset_mechanism="zero") for _ in range(2))
        with torch.no_grad():
            for each in (self.fx, self.fy, self.out):
                each.weight.mul_(3)

    def step(self, x, y):
        hidden = self.lif1(self.fx(x) + self.fy(y))
        return hidden, self.lif2(self.out(hidden))

class Outside(Two):
    def forward(self, x, y):
        return self.step(x, y)

class Inside(Two):
    def forward(self, x, y):
        rows = [self.step(each, y) for each in x]
        return [torch.stack(list(each)) for each in zip(*rows)]

build, loop = Outside, Inside
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("several")
    (folder / "two.py").write_text(MODEL)
    rng = np.random.default_rng(0)
    x, y = ((rng.random((20, 3, n)) < 0.5).astype(np.float32) for n in (5, 4))
    np.savez(folder / "x.npz", x=x, y=y)
    np.savez(folder / "held.npz", x=x, y=np.repeat(y[:1], 20, 0))
    np.savez(folder / "labelled.npz", x=x, y=y, labels=x)
    np.savez(folder / "late.npz", x=x, y=y[:7])
    np.save(folder / "x.npy", x)
    return folder


def run(capsys, *args):
    code = cli.main([*map(str, args), "--json"])
    out, err = capsys.readouterr()
    assert not err
    return code, json.loads(out)


def test_from_the_module_to_the_same_bits(folder, capsys):
    give = [f"{folder}/two.py", "--sample", folder / "x.npz", "--decision", "lif2:spike-count"]
    code, said = run(capsys, "capture", *give, "-o", folder / "m.nir")
    assert code == 0
    assert said["network"]["outputs"] == ["lif1", "lif2"]
    assert said["network"]["decision"] == {"rule": "spike-count", "population": "lif2"}
    assert said["proof"]["verdict"].startswith("identical: ")
    assert (said["proof"]["steps"], said["proof"]["samples"], said["proof"]["silent"]) == (20, 3, [])
    samples = dict(np.load(folder / "x.npz"))
    direct = sd.capture(models.build(f"{folder}/two.py"), samples, decision="lif2:spike-count")
    assert equal(sd.read(folder / "m.nir"), direct)
    code, _ = run(
        capsys, "quantize", folder / "m.nir", "--target", "loihi2", "--calibration", folder / "x.npz",
        "-o", folder / "q.nir",
    )  # fmt: skip
    assert code == 0
    code, said = run(capsys, "compare", folder / "q.nir", "--input", folder / "x.npz")
    assert code == 0
    assert [each["b"].split()[0] for each in said["comparisons"]] == ["torch", "lava", "onnx"]
    assert all(each["identical"] for each in said["comparisons"])
    for engine in ("reference", "lava"):
        code, said = run(
            capsys, "run", folder / "q.nir", "--input", folder / "x.npz", "--engine", engine,
            "-o", folder / f"{engine}.npz",
        )  # fmt: skip
        assert code == 0
        assert {*said["spikes"]} == {"lif1", "lif2"}
        assert all(said["spikes"].values())
    assert run(capsys, "compare", folder / "reference.npz", folder / "lava.npz")[0] == 0
    assert run(capsys, "lint", folder / "m.nir", "--target", "loihi2", "--data", folder / "x.npz")[0] == 0


@pytest.mark.parametrize("time", [None, "x=inside,y=held", "y = held, x = inside"])
def test_where_the_loop_is(folder, capsys, time):
    said = ["--time", time] if time else []
    give = [f"{folder}/two.py:loop", "--sample", folder / "held.npz", "--kind", "x=binary,y=counts", *said]
    code, document = run(capsys, "capture", *give, "-o", folder / "loop.nir")
    assert code == 0, document
    kinds = {part["name"]: part["what"] for part in document["network"]["parts"] if part["kind"] == "input"}
    assert kinds == {"x": "binary", "y": "counts"}


WRONG = [
    (["two.py", "--sample", "x.npy"], "SD305", "name it in the sample: {'y': array"),
    (["two.py", "--sample", "labelled.npz"], "SD316", "sample 'labels': forward has no such argument"),
    (["two.py", "--sample", "late.npz"], "SD103", "late.npz: sample: its inputs differ in (time, batch)"),
    (["two.py", "--sample", "x.npz", "--kind", "x=whole"], "SD800", "--kind: 'whole' is not one of its values"),
    (["two.py", "--sample", "x.npz", "--kind", "z=real"], "SD102", "input_kind 'z': there is no such input"),
    (["two.py", "--sample", "x.npz", "--time", "within"], "SD800", "--time: 'within' is not one of its values"),
    (["two.py", "--sample", "x.npz", "--time", "x=held"], "SD308", "does not say for each of x, y"),
    (["two.py", "--sample", "x.npz", "--time", "inside"], "SD302", "all steps in one tensor"),
    (["two.py", "--sample", "x.npz", "--decision", "spike-count"], "SD102", "2 outputs (lif1, lif2)"),
    (["two.py", "--sample", "x.npz", "--decision", "lif9:last-v"], "SD102", "'lif9'"),
    (["two.py", "--sample", "x.npz", "--decision", "lif2:dice"], "SD800", "'dice' is not one of its values"),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_what_is_wrong_is_said(folder, capsys, monkeypatch, number):
    args, code, text = WRONG[number]
    monkeypatch.chdir(folder)
    assert cli.main(["capture", *args, "-o", "never.nir"]) == 2
    out, err = capsys.readouterr()
    shown = " ".join((out + err).split())
    assert code in shown
    assert text in shown
    assert "Fix" in shown or "lif9" in text
    assert not (folder / "never.nir").exists()

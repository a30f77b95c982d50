"""Bad input: a coded finding and the right exit code; never a traceback, a partial file or a changed input."""

import json
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch

import snndeploy as sd
from snndeploy import cli
from snndeploy.network import Dense, Input, Network, Population, Projection, Rule
from snndeploy.network.network import Decision

GOOD = "import torch\ndef build():\n    return torch.nn.Sequential(torch.nn.Linear(3, 2))\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with good and bad files, as the working directory."""
    monkeypatch.chdir(tmp_path)
    weight = np.array([[0.7, -0.2, 0.4], [0.1, 0.9, -0.5]])
    net = Network(
        1e-3,
        (Input("in", (3,)),),
        (Population("out", (2,), Rule(beta=0.9)),),
        (Projection("in", "out", (Dense(weight),)),),
        ("out",),
        Decision("out"),
    )
    sd.write(net, "m.nir")
    sd.write(net.with_(populations=(Population("out", (2,), Rule(beta=0.9, floor=0.0)),)), "floor.nir")
    whole = (tmp_path / "m.nir").read_bytes()
    (tmp_path / "cut.nir").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.nir").write_text("not a network")
    (tmp_path / "empty.npy").write_bytes(b"")
    x = np.ones((5, 2, 3))
    np.save("x.npy", x)
    np.save("flat.npy", x[:, 0])
    np.save("wide.npy", np.ones((5, 2, 4)))
    np.save("nan.npy", np.where(np.arange(3) == 1, np.nan, x))
    np.save("none.npy", x[:0])
    np.save("objects.npy", np.array([{"a": 1}]), allow_pickle=True)
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "bad.py").write_text("import torch\nraise ValueError('no\\nway')\n")
    (tmp_path / "syntax.py").write_text("def build(:\n")
    (tmp_path / "list.py").write_text("def build():\n    return [1]\n")
    torch.save({"0.weight": torch.zeros(9, 9), "more": torch.zeros(1)}, "w.pt")
    (tmp_path / "pickle.pt").write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    torch.save([1, 2], "list.pt")
    (tmp_path / "bad.toml").write_text("name = 3")
    (tmp_path / "t.npz").write_bytes(b"PK\x03\x04 and nothing else")
    np.savez("other.npz", x=x)
    return tmp_path


CASES = [
    # arguments, exit code, codes
    (["inspect", "absent.nir"], 2, {"SD801"}),
    (["inspect", "."], 2, {"SD801"}),
    (["inspect", "cut.nir"], 2, {"SD401"}),
    (["inspect", "text.nir"], 2, {"SD401"}),
    (["lint", "m.nir", "--target", "loihi9"], 2, {"SD201"}),
    (["lint", "m.nir", "--target", "bad.toml"], 2, {"SD204"}),
    (["quantize", "m.nir", "--target", "loihi9", "-o", "o.nir"], 2, {"SD201"}),
    (["quantize", "m.nir", "--target", "loihi2", "--calibration", "absent.npy", "-o", "o.nir"], 2, {"SD801"}),
    (["quantize", "m.nir", "--target", "loihi2", "--calibration", "none.npy", "-o", "o.nir"], 2, None),
    (["quantize", "m.nir", "--target", "loihi2", "--calibration", "nan.npy", "-o", "o.nir"], 2, None),
    (["quantize", "m.nir", "--target", "loihi2", "--calibration", "x.npy", "-o", "m.nir"], 2, {"SD802"}),
    (["quantize", "m.nir", "--target", "loihi2", "--calibration", "x.npy", "-o", "absent/o.nir"], 2, {"SD802"}),
    (["place", "m.nir", "--target", "loihi2"], 2, {"SD209"}),
    (["run", "m.nir", "--input", "x.npy", "--engine", "abacus", "-o", "o.npz"], 2, {"SD501"}),
    (["run", "floor.nir", "--input", "x.npy", "--engine", "snntorch"], 2, {"SD330"}),
    (["run", "m.nir", "--input", "flat.npy", "-o", "o.npz"], 2, {"SD103"}),
    (["run", "m.nir", "--input", "wide.npy", "-o", "o.npz"], 2, {"SD103"}),
    (["run", "m.nir", "--input", "none.npy", "-o", "o.npz"], 2, {"SD103"}),
    (["run", "m.nir", "--input", "nan.npy", "-o", "o.npz"], 2, {"SD104"}),
    (["run", "m.nir", "--input", "empty.npy", "-o", "o.npz"], 2, {"SD803"}),
    (["run", "m.nir", "--input", "objects.npy", "-o", "o.npz"], 2, {"SD803"}),
    (["run", "m.nir", "--input", "x.npy", "--record", "smell", "-o", "o.npz"], 2, {"SD102"}),
    (["run", "m.nir", "--input", "x.npy", "--option", "mode", "-o", "o.npz"], 2, {"SD800"}),
    (["run", "m.nir", "--input", "x.npy", "--option", "colour=red", "-o", "o.npz"], 2, {"SD503"}),
    (["run", "m.nir", "--input", "x.npy", "-o", "x.npy"], 2, {"SD802"}),
    (["compare", "absent.npz", "t.npz"], 2, {"SD801"}),
    (["compare", "t.npz", "t.npz"], 2, {"SD806"}),
    (["compare", "other.npz", "other.npz"], 2, {"SD806"}),
    (["compare", "m.nir"], 2, {"SD800"}),
    (["compare", "m.nir", "--input", "x.npy", "--engines", "reference"], 2, {"SD800"}),
    (["compare", "m.nir", "--input", "x.npy", "--engines", "reference,abacus"], 2, {"SD501"}),
    (["capture", "absent.py:build", "--sample", "x.npy", "-o", "o.nir"], 2, {"SD801"}),
    (["capture", "nothing", "--sample", "x.npy", "-o", "o.nir"], 2, {"SD801"}),
    (["capture", "bad.py:build", "--sample", "x.npy", "-o", "o.nir"], 2, {"SD804"}),
    (["capture", "syntax.py", "--sample", "x.npy", "-o", "o.nir"], 2, {"SD804"}),
    (["capture", "list.py:build", "--sample", "x.npy", "-o", "o.nir"], 2, {"SD804"}),
    (["capture", "good.py:absent", "--sample", "x.npy", "-o", "o.nir"], 2, {"SD804"}),
    (["capture", "good.py:build", "--weights", "w.pt", "--sample", "x.npy", "-o", "o.nir"], 2, {"SD805"}),
    (["capture", "good.py:build", "--weights", "pickle.pt", "--sample", "x.npy", "-o", "o.nir"], 2, {"SD805"}),
    (["capture", "good.py:build", "--weights", "list.pt", "--sample", "x.npy", "-o", "o.nir"], 2, {"SD805"}),
    (["capture", "good.py:build", "--weights", "absent.pt", "--sample", "x.npy", "-o", "o.nir"], 2, {"SD801"}),
    (["capture", "good.py:build", "--sample", "x.npy", "--decision", "dice", "-o", "o.nir"], 2, {"SD800"}),
    (["capture", "good.py:build", "--sample", "x.npy", "--dt", "-1", "-o", "o.nir"], 2, None),
    (["capture", "good.py:build", "--sample", "x.npy", "-o", "good.py"], 2, {"SD802"}),
    (["demo", "--target", "loihi9", "--out", "demo"], 2, {"SD201"}),
    (["demo", "--model", "nothing", "--out", "demo"], 2, {"SD801"}),
    (["demo", "--out", "m.nir"], 2, {"SD802"}),
    (["inspect"], 2, {"SD800"}),
    (["levitate"], 2, {"SD800"}),
    (["run", "m.nir", "--input", "x.npy", "--levitate"], 2, {"SD800"}),
]


@pytest.mark.parametrize(("arguments", "exit_code", "codes"), CASES, ids=lambda value: str(value)[:70])
def test_bad_input(folder, capsys, arguments, exit_code, codes):
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert cli.main([*arguments, "--json"]) == exit_code
    out, err = capsys.readouterr()
    found = json.loads(out)["error"]
    assert found
    assert not err
    assert all(each["where"] and each["what"] for each in found)
    assert "SD899" not in {each["code"] for each in found}
    if codes is not None:
        assert {each["code"] for each in found} == codes
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    assert cli.main(arguments) == exit_code
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert err.count("error SD") == len(found)


def test_all_that_is_wrong_with_weights_is_said_at_once(folder, capsys):
    cli.main(["capture", "good.py:build", "--weights", "w.pt", "--sample", "x.npy", "-o", "o.nir", "--json"])
    found = json.loads(capsys.readouterr().out)["error"]
    assert len(found) == 3
    assert not (folder / "pwned").exists()


@pytest.mark.usefixtures("folder")
def test_an_engine_that_is_not_installed(capsys, monkeypatch):
    from snndeploy.engines import lava

    monkeypatch.setattr(lava, "missing", lambda: "lava-nc 0.10.0 is not installed Fix: snndeploy install-lava")
    assert cli.main(["run", "m.nir", "--input", "x.npy", "--engine", "lava", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)["error"][0]
    assert (found["code"], found["fix"]) == ("SD502", "snndeploy install-lava")


@pytest.mark.parametrize(("raised", "exit_code"), [(KeyboardInterrupt(), 130), (RuntimeError("odd\nstory"), 2)])
def test_what_nobody_foresaw(folder, capsys, monkeypatch, raised, exit_code):
    from snndeploy import engines

    monkeypatch.setattr(engines, "run", Mock(side_effect=raised))
    assert cli.main(["run", "m.nir", "--input", "x.npy", "-o", "o.npz"]) == exit_code
    err = capsys.readouterr().err
    assert len(err.splitlines()) == (exit_code == 2)
    assert ("SD899" in err) == (exit_code == 2)
    assert not (folder / "o.npz").exists()
    if exit_code == 2:
        with pytest.raises(RuntimeError):
            cli.main(["--debug", "run", "m.nir", "--input", "x.npy"])


def test_a_failed_write_leaves_the_old_file(folder):
    from snndeploy.files import replacing

    (folder / "old.txt").write_text("old")

    def write_half():
        with replacing("old.txt") as temporary:
            temporary.write_text("ne")
            raise ValueError("half")

    with pytest.raises(ValueError, match="half"):
        write_half()
    assert (folder / "old.txt").read_text() == "old"
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.usefixtures("folder")
def test_a_reader_that_goes_away():
    command = f"{sys.executable} -m snndeploy inspect m.nir | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_a_finding_about_an_input_names_its_file(folder, capsys):
    np.save("narrow.npy", np.zeros((3, 2, 1)))
    for command in (
        ["run", "m.nir", "--input", "narrow.npy"],
        ["compare", "m.nir", "--input", "narrow.npy"],
        ["quantize", "m.nir", "--target", "loihi2", "--calibration", "narrow.npy", "-o", "q.nir"],
    ):
        assert cli.main(command) == 2
        assert "narrow.npy: " in " ".join(capsys.readouterr().err.split())


def test_nothing_to_record(folder, capsys):
    assert cli.main(["run", "m.nir", "--input", "x.npy", "--record", ""]) == 2
    assert "SD800" in capsys.readouterr().err


def test_a_module_that_ends_the_program(folder, capsys):
    text = "import sys\nfrom torch import nn\nclass Quit(nn.Module):\n    def forward(self, x):\n        sys.exit(0)\n"
    Path("quits.py").write_text(text + "def build():\n    return Quit().eval()\n")
    assert cli.main(["capture", "quits.py:build", "--sample", "x.npy", "-o", "n.nir"]) == 2
    assert "sys.exit(0)" in " ".join(capsys.readouterr().err.split())
    assert not Path("n.nir").exists()

"""Bundles prove themselves, with NumPy alone, and only what is true."""

import json
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import random_networks
from bundled import edited, sealed, small, written

import snndeploy as sd
from snndeploy import cli
from snndeploy.bundle.checking import verify
from snndeploy.bundle.verifier import archive, maps
from snndeploy.bundle.verifier.maps import product
from snndeploy.errors import SnnDeployError, VerdictError
from snndeploy.network import Dense, Input, Network, Population, Projection, Rule, spec
from snndeploy.placement.place import place
from snndeploy.targets import load

# lets NumPy and the standard library in, and nothing else
ALONE = """
import sys
class Only:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in ("numpy", "verifier", "__main__"):
            raise ImportError(f"{name} is not here")
sys.meta_path.insert(0, Only())
import runpy
sys.argv = [sys.argv[1], *sys.argv[2:]]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "model.zip"
    written(path, labels=np.array([0, 1]), engines=("reference", "torch"))
    return path


@pytest.mark.parametrize("seed", range(40))
def test_the_verifier_computes_what_the_reference_computes(tmp_path, seed):
    """Two programs that share no code, on random networks: u, v and spikes; every second has registers at limits."""
    rng = np.random.default_rng(seed)
    kind = "counts" if seed % 3 == 0 else "binary"
    network = random_networks.integer_network(rng, random_networks.EVERY, extreme=seed % 2 == 1, kind=kind)
    assert not spec.findings(network)
    x = random_networks.spikes_for(rng, network, 20, 2)
    # writing fails where the two differ: SD867
    found = sd.bundle(network, x, tmp_path / "a.zip")
    trace = sd.run(network, x, record=("spikes", "u", "v"))
    assert found["spikes"] == {name: int(s.sum()) for name, s in trace.spikes.items()}
    assert found["bins"] == sum(a.size for group in (trace.spikes, trace.u, trace.v) for a in group.values())
    assert found["states"]


def test_every_bin_is_compared(tmp_path, model):
    """One bit of one golden array, well sealed: the layer, the step and the neuron are named."""
    members = archive.unpack(model)
    golden = json.loads(members["golden.json"])
    for group in ("spikes", "u", "v"):
        name = golden[group]["hidden"]["file"]
        raw = bytearray(members[name])
        raw[-1] ^= 128 if group == "spikes" else 1
        (tmp_path / "b.zip").write_bytes(sealed({**members, name: bytes(raw)}))
        with pytest.raises(VerdictError, match=f"layer 'hidden': 1 bins of {group} differ, first in step 11"):
            verify(tmp_path / "b.zip")


@pytest.mark.parametrize("place", ["dv", "bias_mant", "du", "initial_v"])
def test_one_unit_of_one_register_is_seen(tmp_path, model, place):
    members = archive.unpack(model)

    def change(contract):
        registers = contract["populations"][1]["registers"]
        registers[place] += 5000 if place == "initial_v" else -1

    (tmp_path / "b.zip").write_bytes(sealed(edited(members, "contract.json", change)))
    with pytest.raises(VerdictError, match="SD867 layer 'hidden'"):
        verify(tmp_path / "b.zip")


def test_decisions_and_labels(model, tmp_path):
    members = archive.unpack(model)
    golden = json.loads(members["golden.json"])
    network = small()
    x = random_networks.spikes_for(np.random.default_rng(0), network, 12, 2)
    assert golden["decisions"] == sd.run(network, x).decisions().tolist()
    assert verify(model)["right"] == sum(a == b for a, b in zip(golden["decisions"], [0, 1], strict=True))

    def change(held):
        held["decisions"][0] ^= 1

    (tmp_path / "b.zip").write_bytes(sealed(edited(members, "golden.json", change)))
    with pytest.raises(VerdictError, match="SD867 decisions: sample 0"):
        verify(tmp_path / "b.zip")


def test_equal_arguments_give_equal_bytes(tmp_path):
    one, two = written(tmp_path / "a.zip"), written(tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert one["sha256"] == two["sha256"]
    other = written(tmp_path / "c.zip", seed=1)
    assert other["sha256"] != one["sha256"]
    assert other["network"] == one["network"]


def test_any_unpacker_reads_it_and_the_file_is_the_same_network(model, tmp_path):
    with zipfile.ZipFile(model) as opened:
        assert opened.testzip() is None
        opened.extractall(tmp_path)
    network = sd.read(tmp_path / "model.nir")
    x = random_networks.spikes_for(np.random.default_rng(0), network, 12, 2)
    golden = json.loads((tmp_path / "golden.json").read_text())
    rows = np.load(tmp_path / golden["spikes"]["out"]["file"])
    spikes = np.unpackbits(rows, axis=1, count=2 * 3).reshape(12, 2, 3)
    assert np.array_equal(spikes, sd.run(network, x).spikes["out"])
    contract = (tmp_path / "contract.txt").read_text("utf-8")
    for words in ("wrap24(y)", "not flipped", "THIS NETWORK", "hidden", "runs code"):
        assert words in contract


def test_it_proves_itself_with_numpy_alone(model, tmp_path):
    """In a process into which nothing but NumPy and the standard library can be imported, without snndeploy."""
    command = [sys.executable, "-I", "-c", ALONE]
    done = subprocess.run([*command, model, "--json"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {n: v for n, v in verify(model).items() if n != "nir"}
    members = archive.unpack(model)
    name = json.loads(members["golden.json"])["v"]["out"]["file"]
    raw = bytearray(members[name])
    raw[-1] ^= 1
    for data, code, text in (
        (sealed({**members, name: bytes(raw)}), 1, "SD867"),
        (b"".join(archive.pack({**members, name: bytes(raw)})), 2, "SD861"),
    ):
        (tmp_path / "b.zip").write_bytes(data)
        done = subprocess.run([*command, tmp_path / "b.zip"], capture_output=True, text=True, check=False)
        assert (done.returncode, text in done.stderr, "Traceback" in done.stderr) == (code, True, False), done.stderr
    # as a user would run it
    done = subprocess.run([sys.executable, model], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("proven: model.zip")


def test_the_command_needs_no_framework(model):
    blocked = (
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('torch', 'h5py', 'nir', 'scipy', 'norse', 'snntorch', 'lava'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Block())\n"
        "from snndeploy.cli import main\n"
        f"sys.exit(main(['verify', {str(model)!r}]))\n"
    )
    done = subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "proven: model.zip" in done.stdout


def test_verify_never_runs_code_of_a_bundle(model, tmp_path):
    marker = tmp_path / "ran"
    evil = f"open({str(marker)!r}, 'w').close()\n".encode()
    members = {name: evil if name.endswith(".py") else data for name, data in archive.unpack(model).items()}
    (tmp_path / "b.zip").write_bytes(sealed(members))
    assert verify(tmp_path / "b.zip")["states"]
    assert not marker.exists()


def test_the_digest_that_a_sender_says(model, capsys):
    digest = verify(model)["sha256"]
    assert cli.main(["verify", str(model), "--sha256", digest.upper()]) == 0
    assert cli.main(["verify", str(model), "--sha256", "0" * 64]) == 2
    assert "SD868" in capsys.readouterr().err


def test_the_nir_file_can_be_read_too(model, tmp_path):
    assert verify(model, nir=True)["nir"]
    members = archive.unpack(model)
    other = small()
    first = replace(other.populations[0], rule=replace(other.populations[0].rule, dv=513))
    sd.write(other.with_(populations=(first, *other.populations[1:])), tmp_path / "other.nir")
    (tmp_path / "b.zip").write_bytes(sealed({**members, "model.nir": (tmp_path / "other.nir").read_bytes()}))
    assert verify(tmp_path / "b.zip")["states"]
    with pytest.raises(VerdictError, match="SD867 model.nir: it is not the network of the contract: contract.json"):
        verify(tmp_path / "b.zip", nir=True)
    (tmp_path / "b.zip").write_bytes(sealed({**members, "model.nir": b"nothing"}))
    with pytest.raises(SnnDeployError, match="SD401"):
        verify(tmp_path / "b.zip", nir=True)


def test_a_placement_travels_with_it(tmp_path):
    network = small()
    plan = place(network, load("loihi2"))
    assert written(tmp_path / "a.zip", network, placement=plan)["placement"]
    members = archive.unpack(tmp_path / "a.zip")
    held = json.loads(members["placement.json"])
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        for name, cores in plan.core_of.items():
            with opened.open(held["core_of"][name]) as stream:
                assert np.array_equal(np.load(stream), cores)
    assert held["target"] == "loihi2"


def test_without_states(tmp_path):
    found = written(tmp_path / "a.zip", states=False)
    assert not found["states"]
    written(tmp_path / "b.zip")
    assert (tmp_path / "a.zip").stat().st_size < (tmp_path / "b.zip").stat().st_size
    assert not verify(tmp_path / "a.zip")["states"]


def test_a_bias_for_each_sample(tmp_path):
    """The host writes it, rounded to the register, before each sample."""
    x = np.random.default_rng(3).normal(0.4, 0.5, (1, 3, 4))
    float_net = Network(
        1e-3,
        (Input("in", (4,), "real"),),
        (Population("a", (5,), Rule(0.9)), Population("b", (3,), Rule(0.8))),
        (
            Projection("in", "a", (Dense(np.random.default_rng(0).normal(0.1, 0.5, (5, 4))),)),
            Projection("a", "b", (Dense(np.random.default_rng(1).normal(0.3, 0.5, (3, 5))),)),
        ),
        ("b",),
    )
    data = np.repeat(x, 30, axis=0)
    q = sd.quantize(float_net, "loihi2", data, encoding="bias")
    found = sd.bundle(q, data, tmp_path / "a.zip")
    assert sum(found["spikes"].values()) > 50
    assert verify(tmp_path / "a.zip")["sha256"] == found["sha256"]


def test_an_engine_that_differs_stops_it(tmp_path, monkeypatch):
    from snndeploy.bundle import writing

    true = writing.run

    def off(network, data, engine="reference", record=()):
        trace = true(network, data, engine, record)
        if engine == "torch":
            trace.v["out"][3, 0, 1] += 1
        return trace

    monkeypatch.setattr(writing, "run", off)
    with pytest.raises(
        VerdictError, match=r"SD867 engine 'torch': it gives something else: step 3, out\[1\], sample 0"
    ):
        written(tmp_path / "a.zip", engines=("reference", "torch"))
    assert not list(tmp_path.iterdir())


def test_float_networks_and_bad_labels_are_refused(tmp_path):
    rng = np.random.default_rng(0)
    network = random_networks.float_network(rng)
    with pytest.raises(SnnDeployError, match="SD209 bundle: .*quantize it first"):
        sd.bundle(network, random_networks.spikes_for(rng, network, 5, 1), tmp_path / "a.zip")
    with pytest.raises(SnnDeployError, match=r"SD103 labels: their shape is \(3,\)"):
        written(tmp_path / "a.zip", labels=np.zeros(3))
    with pytest.raises(SnnDeployError, match="SD111 labels"):
        written(tmp_path / "a.zip", labels=np.array([0.5, 1]))
    with pytest.raises(SnnDeployError, match="SD802"):
        written(tmp_path / "no" / "a.zip")
    assert not list(tmp_path.iterdir())


def test_products_are_exact_on_both_ways():
    rng = np.random.default_rng(0)
    weight = rng.integers(-256, 256, (4, 7))
    for top in (2, 2**20, 2**44, 2**51):
        x = rng.integers(0, top, (3, 7))
        exact = [[sum(int(a) * int(b) for a, b in zip(w, row, strict=True)) for w in weight] for row in x]
        assert product(x, weight).tolist() == exact


def test_convolutions_in_pieces_are_the_same(tmp_path, monkeypatch):
    """A sample at a time, where all of them would take too much memory."""
    whole = written(tmp_path / "a.zip")
    monkeypatch.setattr(maps, "AT_ONCE", 1)
    assert verify(tmp_path / "a.zip")["sha256"] == whole["sha256"]
    monkeypatch.setattr(maps, "COPIED", 100)
    with pytest.raises(SnnDeployError, match="SD866 .*is not computed here"):
        verify(tmp_path / "a.zip")


def test_the_commands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    network = small()
    sd.write(network, "q.nir")
    x = random_networks.spikes_for(np.random.default_rng(0), network, 12, 5)["in"]
    np.savez("x.npz", x=x, labels=np.arange(5) % 3)
    command = ["bundle", "q.nir", "--data", "x.npz", "-o", "model.zip", "--samples", "3", "--engines", "reference,onnx"]
    assert cli.main([*command, "--target", "loihi2"]) == 0
    told = capsys.readouterr()
    assert "3 samples of 12 steps" in told.out
    assert "onnx" in told.out
    assert cli.main(["verify", "model.zip", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["samples"] == 3
    assert document["placement"]
    assert cli.main(["verify", "model.zip", "--data", "x.npz"]) == 2
    assert cli.main(["verify", "q.nir", "--sha256", "0"]) == 2
    assert cli.main(["verify", "q.nir"]) == 2
    assert cli.main(["bundle", "q.nir", "--data", "x.npz", "-o", "q.nir"]) == 2

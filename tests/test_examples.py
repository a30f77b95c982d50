"""The example scripts run as a reader runs them, and what they print is true: it is computed again by other means."""

import hashlib
import os
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import nir
import numpy as np
import pytest

import snndeploy as sd
from snndeploy.network.maps import values_of
from snndeploy.train.data import digits

EXAMPLES = Path(__file__).parent.parent / "examples"
NAMES = sorted(each.stem for each in EXAMPLES.glob("*.py") if each.stem not in ("quickstart", "onnx_alone"))


def ran(name, folder):
    """What the script prints; it needs nothing but the package, from any folder."""
    env = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def found(pattern, text):
    """The numbers that a line of the output names."""
    match = re.search(pattern, text)
    assert match, f"{pattern} is not in:\n{text}"
    return [float(each.replace(",", "").rstrip("%")) for each in match.groups()]


def on_chip(path, x):
    """Spikes (time, sample, neuron) of every layer of a chain of dense layers, by Loihi's equations in plain NumPy."""
    network = sd.read(path)
    counted = {each.name: [] for each in network.populations}
    states = [np.zeros((2, x.shape[1], each.shape[0]), np.int64) for each in network.populations]
    fired = [0 for _ in states]
    for arriving in x.astype(np.int64):
        sent = arriving
        for i, (each, feed) in enumerate(zip(network.populations, network.projections, strict=True)):
            rule, (dense,) = each.rule, feed.maps
            assert (feed.delay, rule.bias_onset, rule.refractory, rule.adaptation) == (0, 0, None, None)
            u, v = states[i]
            u = np.sign(u) * (np.abs(u) * (4095 - rule.du) >> 12)
            u = u + ((sent @ values_of(dense).T << feed.format.exponent) << 6)
            v = np.sign(v) * (np.abs(v) * (4096 - rule.dv) >> 12) + u + (rule.bias_mant << rule.bias_exp)
            assert max(np.abs(u).max(), np.abs(v).max()) < 2**23
            if rule.reset.when == "next":
                v = v - fired[i] * rule.reset.value if rule.reset.kind == "by" else np.where(fired[i], 0, v)
            spikes = v > rule.vth << 6
            v = np.where(spikes, 0, v) if rule.reset.when == "now" else v
            states[i], fired[i] = np.stack([u, v]), spikes
            counted[each.name].append(spikes)
            sent = spikes.astype(np.int64)
    return {name: np.stack(rows) for name, rows in counted.items()}


def right(spikes, labels):
    return np.mean(spikes.sum(0).argmax(1) == labels)


@pytest.fixture(scope="module")
def data():
    return digits(16, flat=True)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_short_says_what_it_shows_and_is_listed(name):
    text = (EXAMPLES / f"{name}.py").read_text("utf-8")
    assert text.count("\n") < 60
    assert f"\nRun it: python examples/{name}.py [folder]\nShows: " in text.split('"""')[1]
    assert f"`examples/{name}.py`" in (EXAMPLES.parent / "README.md").read_text("utf-8")


def test_export_trained_model(tmp_path, data):
    """The plain fields of the file, read by nir alone and run by a loop over steps, decide as is printed."""
    said = ran("export_trained_model", tmp_path)
    nodes = nir.read(tmp_path / "digits.nir").nodes
    affine, lif = ([each for each in nodes.values() if isinstance(each, kind)] for kind in (nir.Affine, nir.LIF))
    v, spikes, rows = [0, 0], [0, 0], []
    for step in data.test:
        sent = step
        for i in range(2):
            beta, current = 1 - 1e-3 / lif[i].tau, (sent @ affine[i].weight.T + affine[i].bias) * lif[i].r
            v[i] = beta * v[i] + (1 - beta) * current - spikes[i] * lif[i].v_threshold
            spikes[i] = sent = (v[i] > lif[i].v_threshold).astype(float)
        rows.append(sent)
    own = np.stack(rows)
    (share,) = found(r"snnTorch: (\S+)% of 450", said)
    assert share > 85
    assert abs(right(own, data.test_labels) - share / 100) <= 1.5 / 450
    assert found(r"run: (\S+) of (\S+) outputs", said) == [own.size, own.size]
    compared = found(r"identical: (\S+) spikes, 16 steps, 450 samples", said)[0]
    assert compared > own.sum() > 0


def test_simulate_on_loihi(tmp_path, data):
    """The integers, run by the chip's equations written here, spike as often as is printed of Lava."""
    said = ran("simulate_on_loihi", tmp_path)
    own = on_chip(tmp_path / "q.nir", data.test)
    for name, size in (("lif1", 48), ("lif2", 10)):
        assert found(rf"{name}: (\S+) spikes of 20 digits in lava", said) == [own[name][:, :20].sum()]
        bins = 16 * 20 * size
        same = rf"(\S+) spikes, (\S+) currents, (\S+) membranes of {bins:,}, bit"
        assert found(same, said) == [bins] * 3
    assert found(r"integers: (\S+)% of 450", said) == [
        pytest.approx(100 * right(own["lif2"], data.test_labels), abs=0.06)
    ]
    assert abs(found(r"float network: (\S+)%", said)[0] - found(r"integers: (\S+)%", said)[0]) < 3


def test_where_lava_is_missing_the_engine_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("snndeploy.engines.lava.patches.find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["simulate_on_loihi.py", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(EXAMPLES / "simulate_on_loihi.py"))
    assert end.value.code == 3
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("SD502")
    assert "Fix: " in last


def test_verify_across_frameworks(tmp_path):
    """The mistake that is planted is the one that is named, at the step in which the two recordings part."""
    said = ran("verify_across_frameworks", tmp_path)
    matrix = said.split("\nstate between samples")[0].splitlines()[1:]
    assert matrix[0].split() == ["reference", "torch", "snntorch", "norse", "lava", "onnx"]
    for i, row in enumerate(matrix[1:]):
        tiers = row.split()[1:]
        assert tiers[i] == "·"
        assert set(tiers) <= {"·", "state-identical", "spike-identical", "ties"}
    good, bad = said.split("\nA simulator")[1:]
    assert "per step: spike-identical: a = reference, b = right" in good
    a, b = (np.load(tmp_path / f"{name}.npz") for name in ("right", "wrong"))
    assert np.array_equal(a["spikes/lif1"], b["spikes/lif1"])
    step, *place = np.argwhere(a["spikes/lif2"] != b["spikes/lif2"])[0]
    assert found(r"first difference: step (\d+), lif2\[\d+\]", bad) == [step]
    assert place
    assert "guilty: 'lif2' of b; it differs by itself" in bad
    assert "cause: decay: β of 10 of 10 neurons is 0.88, not 0.9" in bad.replace("0.899999976", "0.9")
    counts = [f"{int(each['spikes/lif2'].sum()):,}" for each in (a, b)]
    assert re.search(rf"lif2 +rate +{counts[0]} +{counts[1]} ", bad)


def test_finetune_for_8_bits(tmp_path, data):
    """Both files, run by the chip's equations written here, are as often right as is printed."""
    said = ran("finetune_for_8_bits", tmp_path)
    rows = {}
    for title in ("float", "8 bits, one scale", "8 bits, the default", "8 bits, fine-tuned"):
        rows[title] = found(rf"{title} +(\S+)% +(\S+)%", said)
    for title, file in (("8 bits, one scale", "naive"), ("8 bits, fine-tuned", "tuned")):
        own = on_chip(tmp_path / f"{file}.nir", data.test)["lif2"]
        assert rows[title][0] == pytest.approx(100 * right(own, data.test_labels), abs=0.06)
    weights = values_of(sd.read(tmp_path / "naive.nir").projections[0].maps[0])
    assert np.abs(weights).max() <= 255
    assert found(r"all: (\S+) of the 8,192", said) == [round(100 * np.mean(weights == 0))]
    assert rows["float"][1] == 100
    assert rows["8 bits, one scale"][0] < rows["float"][0] - 5
    assert rows["8 bits, fine-tuned"][0] > rows["8 bits, one scale"][0] + 5
    assert rows["8 bits, fine-tuned"][1] > rows["8 bits, one scale"][1] + 3


def test_bring_your_own_chip(tmp_path, data):
    """What is refused exceeds the numbers in the file; what fits keeps to them, counted from the network alone."""
    said = ran("bring_your_own_chip", tmp_path)
    chip = tomllib.loads((tmp_path / "mychip.toml").read_text("utf-8"))
    assert (chip["core"]["neurons"]["value"], chip["chip"]["cores"]["value"]) == (32, 4)
    assert chip["core"]["input_axons"]["source"] == "data sheet of my chip"
    lacks, fits = said.split("Does it fit")
    assert [line.split(":")[0] for line in lacks.splitlines() if line.startswith("SD")] == [
        "SD206 population 'lif1'",
        "SD206 population 'lif2'",
    ]
    needed, chips = found(r"it needs (\d+) cores, (\d+) chips of mychip; the largest machine has 1 chip\.", fits)
    assert needed > 4 * (chips - 1) >= 4
    own = on_chip(tmp_path / "fits.nir", data.test[:, :100])["lif2"]
    network = sd.read(tmp_path / "fits.nir")
    title, plan = re.search(r"most accurate on this chip: (.+?)\. (4 of 4 cores of mychip.+)", fits, re.DOTALL).groups()
    (row,) = re.findall(rf"^\d +{re.escape(title)} .*", fits, re.MULTILINE)
    assert float(row.split()[-1].rstrip("%")) == pytest.approx(100 * right(own, data.test_labels[:100]))
    held = re.findall(r"^ *(\d+) .*? (\d+) +\d+% +([\d,]+) .*: lif\d \((\d+)\)", plan, re.MULTILINE)
    axons, neurons, synapses, _ = (sum(int(row[i].replace(",", "")) for row in held) for i in range(4))
    assert len(held) == 4
    assert all(int(row[0]) <= 128 and int(row[1]) <= 32 for row in held)
    assert neurons == sum(each.shape[0] for each in network.populations)
    assert synapses == sum(np.count_nonzero(values_of(each.maps[0])) for each in network.projections)
    assert axons == 3 * 64 + 96


def test_quickstart_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    text = ran("quickstart", tmp_path)
    assert re.search(r"^identical: a = reference, b = lava", text, re.MULTILINE)
    path, said = re.search(r"^(.*\.zip): .* SHA-256 ([0-9a-f]{64})$", text, re.MULTILINE).groups()
    assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == said
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert Path(path).with_suffix(".html").stat().st_size > 100_000
    (share,) = found(r"correct as integers: ([0-9]+%)", text)
    assert share >= 50

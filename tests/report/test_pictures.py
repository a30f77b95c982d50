"""Pictures: what is drawn is what the data say; every kind as a command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import snntorch as snn
import torch
from norse.torch import LSNNCell, LSNNParameters, SequentialState
from PIL import Image
from torch import nn

import snndeploy as sd
from snndeploy import cli
from snndeploy.engines import trace_file
from snndeploy.engines.trace import Trace
from snndeploy.errors import SnnDeployError
from snndeploy.report import pictures
from snndeploy.report.pictures.canvas import save
from snndeploy.report.pictures.frames import coloured
from snndeploy.report.thresholds import fixed_threshold

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a network, a trace of it, samples, labels and a run."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    y = np.arange(40) % 4
    x = (rng.random((12, 40, 8)) < 0.1 + 0.8 * np.repeat(np.eye(4)[y], 2, axis=1)).astype(np.float32)
    torch.manual_seed(0)
    layers = nn.Linear(8, 16), snn.Leaky(0.8, init_hidden=True), nn.Linear(16, 4), snn.Leaky(0.9, init_hidden=True)
    network = sd.train(nn.Sequential(*layers), (x, y), out=folder / "run", epochs=2, batch=8, lr=0.05).network
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    trace = sd.run(network, x, record=("spikes", "v"))
    trace_file.write(trace, folder / "trace.npz")
    return folder, network, trace, y


def test_the_raster_has_a_mark_for_every_spike(made):
    _, _, trace, _ = made
    figure = pictures.raster(trace, sample=3)
    assert trace.spikes[next(iter(trace.spikes))][:, 3].any()
    for axis, name in zip(figure.axes[1:], trace.spikes, strict=True):
        (lines,) = axis.collections
        segments = np.array(lines.get_segments()).reshape(-1, 2, 2)
        at = np.stack([segments[:, :, 0].mean(axis=1), segments[:, 0, 1]], axis=1).round().astype(int)
        wanted = np.argwhere(trace.spikes[name][:, 3])
        np.testing.assert_array_equal(at, wanted)


def test_membranes_are_those_of_the_trace(made):
    _, _, trace, _ = made
    name = next(iter(trace.v))
    figure = pictures.membranes(trace, 1, [name], neurons=2)
    legend = figure.axes[0].get_legend()
    figure.canvas.draw()
    assert legend.get_window_extent().x0 >= figure.axes[0].get_window_extent().x1, "it covers no spikes"
    busiest = int(trace.spikes[name][:, 1].sum(axis=0).argmax())
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), trace.v[name][:, 1, busiest])
    # the threshold of snnTorch's neurons is 1
    assert any(np.allclose(line.get_ydata(), 1.0) for line in figure.axes[0].lines)


def test_the_matrix_of_weights_is_the_network_s(made):
    _, network, _, _ = made
    figure = pictures.weights(network)
    shown = figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(shown, network.projections[0].maps[-1].weight)


def test_confusion_counts_each_sample_once():
    labels, said = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 2, 0])
    figure = pictures.confusion(said, labels)
    texts = {tuple(map(int, text.get_position()[::-1])): int(text.get_text()) for text in figure.axes[0].texts}
    assert texts == {(0, 0): 1, (0, 1): 1, (1, 1): 1, (2, 2): 2, (2, 0): 1}
    assert "4 of 6 right: 66.7%" in figure.axes[0].get_title()


def test_on_is_red_and_off_is_blue():
    x = np.zeros((2, 1, 2, 1, 2))
    x[0, 0, 1, 0, 0] = 1
    x[0, 0, 0, 0, 1] = 1
    rgb = coloured(x, 0)
    assert rgb[0, 0, 0].tolist() == [1, 0, 0]
    assert rgb[0, 0, 1].tolist() == [0, 0, 1]
    assert (rgb[1] == 1).all()


def test_where_no_layer_is_named_the_last_hidden_one_is_embedded(made):
    _, network, trace, y = made
    hidden = network.populations[0].name
    assert f"spike counts of {hidden}, " in pictures.embedding(trace, y).axes[0].get_title()
    assert (
        "spike counts of " + network.outputs[0] in pictures.embedding(trace, y, network.outputs[0]).axes[0].get_title()
    )


def test_samples_that_are_all_the_same_have_no_place(made, tmp_path):
    """A hidden layer that never spikes ended a training in an error of t-SNE."""
    _, network, trace, y = made
    hidden = network.populations[0].name
    dead = {**trace.spikes, hidden: np.zeros_like(trace.spikes[hidden])}
    with pytest.raises(SnnDeployError, match=rf"SD103 embedding of '{hidden}': all samples have the same.* 0 in all"):
        pictures.embedding(replace(trace, spikes=dead), y)
    nothing = sd.visualise(network, (np.zeros((5, 6, 8)), y[:6]), tmp_path)
    assert "embedding.png" not in {path.name for path in nothing}
    assert "confusion.png" in {path.name for path in nothing}
    # a layer of one neuron has no two directions to begin with
    busiest = trace.spikes[hidden].sum(axis=(0, 1)).argmax()
    few = replace(trace, spikes={hidden: trace.spikes[hidden][..., busiest : busiest + 1]})
    assert pictures.embedding(few, y, hidden).axes[0].collections


def test_samples_of_a_class_lie_together(made):
    network = made[1]
    rng = np.random.default_rng(0)
    labels = np.arange(30) % 3
    name = network.populations[0].name
    spikes = rng.random((20, 30, 16)) < np.where(np.arange(16) % 3 == labels[:, None], 0.8, 0.02)
    trace = Trace(network, "made", "float64", {"input": np.zeros((20, 30, 8))}, {name: spikes})
    figure = pictures.embedding(trace, labels, name)
    points = [np.asarray(each.get_offsets()) for each in figure.axes[0].collections]
    centres = np.array([each.mean(axis=0) for each in points])
    within = max(np.linalg.norm(each - centre, axis=1).max() for each, centre in zip(points, centres, strict=True))
    apart = min(np.linalg.norm(centres[i] - centres[j]) for i in range(3) for j in range(i))
    assert apart > within


@pytest.mark.parametrize("kind", ["raster", "membranes", "confusion", "embedding", "weights", "curves"])
@pytest.mark.parametrize("ending", ["png", "svg"])
def test_every_kind_is_a_command(made, tmp_path, capsys, kind, ending):
    folder, *_ = made
    file = {"weights": "run/best.nir", "curves": "run"}.get(kind, "trace.npz")
    out = tmp_path / f"p.{ending}"
    command = ["plot", kind, str(folder / file), "--labels", str(folder / "y.npy"), "-o", str(out), "--json"]
    assert cli.main(command) == 0
    assert json.loads(capsys.readouterr().out) == {"kind": kind, "output": str(out)}
    first = out.read_bytes()
    if ending == "png":
        with Image.open(out) as image:
            assert min(image.size) > 200
            # something is drawn
            assert len(set(image.convert("RGB").resize((60, 60)).get_flattened_data())) > 5
    assert cli.main(command) == 0
    assert out.read_bytes() == first


@pytest.mark.skipif(not (SHARED / "events").is_dir(), reason="../shared/data/events is not here")
def test_a_recording_as_pictures_and_as_an_animation(tmp_path):
    file = str(SHARED / "events" / "sample_nmnist.bin")
    assert cli.main(["plot", "frames", file, "-o", str(tmp_path / "a.png"), "--steps", "10"]) == 0
    assert cli.main(["plot", "frames", file, "-o", str(tmp_path / "a.gif"), "--steps", "10"]) == 0
    with Image.open(tmp_path / "a.gif") as image:
        assert image.n_frames == 10
        assert image.size == (272, 272)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["plot", "pie", "trace.npz", "-o", "p.png"], "SD800 plot pie"),
        (["plot", "raster", "trace.npz", "-o", "p.bmp"], "SD807"),
        (["plot", "raster", "trace.npz", "-o", "p.png", "--sample", "40"], "SD102 sample 40: the trace has 40"),
        (["plot", "raster", "trace.npz", "-o", "p.png", "--population", "x"], "SD102 population 'x'"),
        (["plot", "confusion", "trace.npz", "-o", "p.png"], "--labels y.npy"),
        (["plot", "curves", "x.npy", "-o", "p.png"], "SD841"),
        (["plot", "frames", "x.npy", "-o", "p.png"], "SD103"),
        (["plot", "weights", "y.npy", "-o", "p.png"], "SD401"),
        (["plot", "raster", "x.npy", "-o", "p.png"], "SD806 x.npy"),
        (["plot", "curves", "none", "-o", "p.png"], "SD801 none: there is no such log of a run"),
        (["plot", "membranes", "trace.npz", "-o", "p.png", "--neurons", "0"], "SD800 --neurons 0"),
        (["plot", "frames", "x.npy", "-o", "p.png", "--steps", "0"], "SD800 --steps 0"),
        (["plot", "frames", "two.npz", "-o", "p.png"], "several arrays: a, b"),
        (["plot", "confusion", "trace.npz", "-o", "p.png", "--labels", "real.npy"], "float64 (40,), and there are 40"),
        (["plot", "confusion", "trace.npz", "-o", "p.png", "--labels", "column.npy"], "SD103 confusion"),
        (["plot", "confusion", "trace.npz", "-o", "p.png", "--labels", "below.npy"], "SD103 confusion"),
        (["plot", "confusion", "trace.npz", "-o", "p.png", "--labels", "short.npy"], "SD103 confusion"),
        (["plot", "embedding", "trace.npz", "-o", "p.png", "--labels", "column.npy"], "SD103 embedding"),
        (["plot", "embedding", "trace.npz", "-o", "p.png", "--labels", "short.npy"], "SD103 embedding"),
    ],
)
def test_what_cannot_be_drawn_is_said(made, monkeypatch, capsys, command, said):
    folder, _, _, y = made
    monkeypatch.chdir(folder)
    np.savez("two.npz", a=np.zeros((2, 1, 3, 3)), b=np.zeros((2, 1, 3, 3)))
    for name, labels in {"real": y * 1.0, "column": y[:, None], "short": y[1:], "below": y - 1}.items():
        np.save(f"{name}.npy", labels)
    assert cli.main(command) == 2
    assert said in capsys.readouterr().err
    assert not (folder / command[command.index("-o") + 1]).exists()


def test_labels_are_looked_at_before_anything_is_drawn(made, tmp_path):
    folder, network, trace, y = made
    with pytest.raises(SnnDeployError, match="SD103 pictures: its labels are int64 .39,., and there are 40 samples"):
        sd.visualise(network, (trace.inputs["input"], y[1:]), tmp_path, run=folder / "run")
    assert not list(tmp_path.iterdir())


def test_numbers_that_go_in_are_not_called_spikes(made):
    _, network, trace, _ = made
    (panel,) = (axis for axis in pictures.raster(trace).axes if axis.get_ylabel().startswith("input"))
    assert panel.get_title("right").endswith("per neuron and step")
    real = sd.run(network.with_(inputs=(replace(network.inputs[0], kind="real"),)), trace.inputs["input"] / 2)
    (panel,) = (axis for axis in pictures.raster(real).axes if axis.get_ylabel().startswith("input"))
    marked = np.count_nonzero(trace.inputs["input"][:, 0])
    assert panel.get_title("right") == f"{marked} of {12 * 8} values are not 0"


def test_a_threshold_that_moves_is_not_drawn_as_a_line():
    cell = LSNNCell(LSNNParameters(beta=torch.tensor(0.4)), dt=1e-3)
    x = np.full((30, 1, 1), 0.5, np.float32)
    net = sd.capture(SequentialState(nn.Linear(1, 1), cell).eval(), x)
    assert net.populations[0].rule.adaptation is not None
    assert fixed_threshold(net.populations[0].rule) is None
    still = replace(net.populations[0].rule, adaptation=None)
    assert fixed_threshold(still) == pytest.approx(1.0)
    axis = pictures.membranes(sd.run(net, x, record=("spikes", "v"))).axes[0]
    assert not [line for line in axis.lines if line.get_linestyle() == "--"]


def test_curves_of_several_runs(made, tmp_path):
    folder, *_ = made
    figure = pictures.curves([folder / "run", folder / "run" / "epochs.csv"])
    lines = figure.axes[0].lines
    assert len(lines) == 2
    assert list(lines[0].get_xdata()) == [1, 2]
    assert [each.get_text() for each in figure.axes[0].get_legend().get_texts()] == ["run", "run"]
    held = tmp_path / "held"
    held.mkdir()
    (held / "epochs.csv").write_text("epoch,loss,validation_loss\n1,0.5,0.6\n2,0.4,0.5\n")
    told = pictures.curves([held]).axes[0].get_legend()
    assert [each.get_text() for each in told.get_texts()] == ["training samples", "held back"]
    save(figure, tmp_path / "c.pdf")
    with pytest.raises(SnnDeployError, match="SD801"):
        pictures.curves([tmp_path / "none"])

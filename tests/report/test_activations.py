"""The page of activations: what it holds is what the trace says; in headless Chromium its controls do what they say."""

from __future__ import annotations

import base64
import json
import re
import shutil

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn

import snndeploy as sd
from snndeploy import cli
from snndeploy.engines import trace_file
from snndeploy.errors import SnnDeployError
from snndeploy.report.html import activations

STEPS, SAMPLES = 9, 5


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a network, samples, labels and a trace; the trace."""
    folder = tmp_path_factory.mktemp("activations")
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 3, 3), snn.Leaky(0.9, init_hidden=True, reset_mechanism="zero"), nn.Flatten()]
    layers += [nn.Linear(3 * 4 * 5, 4), snn.Leaky(0.8, init_hidden=True, threshold=0.5, reset_mechanism="zero")]
    module = nn.Sequential(*layers).eval()
    with torch.no_grad():
        for each in module.parameters():
            each.mul_(3)
    x = (np.random.default_rng(0).random((STEPS, SAMPLES, 2, 6, 7)) < 0.3).astype(np.float32)
    network = sd.capture(module, x, 1e-3, decision="spike-count")
    sd.write(network, folder / "a.nir")
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", np.arange(SAMPLES))
    trace = sd.run(network, x, record=("spikes", "v"))
    trace_file.write(trace, folder / "trace.npz")
    assert all(spikes.any() for spikes in trace.spikes.values())
    return folder, trace


def layers_of(path):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text("utf-8"), re.DOTALL)
    return {each["name"]: each for each in json.loads(found.group(1))["layers"]}


def decoded(layer, steps=STEPS):
    v = np.frombuffer(base64.b64decode(layer["v"]), "<i2").reshape(steps, *layer["shape"]) * layer["scale"]
    if not layer["spikes"]:
        return v, None
    bits = np.unpackbits(np.frombuffer(base64.b64decode(layer["spikes"]), np.uint8), count=v.size)
    return v, bits.reshape(v.shape).astype(bool)


def test_the_page_holds_the_trace(made, tmp_path):
    _, trace = made
    path = activations.write(trace, tmp_path / "a.html", sample=2)
    held = layers_of(path)
    assert set(held) == {"input", *trace.spikes}
    np.testing.assert_allclose(decoded(held["input"])[0], trace.inputs["input"][:, 2], atol=1e-4)
    for name, spikes in trace.spikes.items():
        v, fired = decoded(held[name])
        np.testing.assert_array_equal(fired, spikes[:, 2])
        wanted = trace.membrane(name)[:, 2]
        np.testing.assert_allclose(v, wanted, atol=np.abs(wanted).max() / activations.LEVELS)
    assert [held[name]["theta"] for name in trace.spikes] == [1.0, 0.5]


def test_integers_are_shown_in_float_units(made, tmp_path):
    folder, trace = made
    x = np.load(folder / "x.npy")
    integers = sd.run(sd.quantize(trace.network, "loihi1", x), x, record=("spikes", "v"))
    held = layers_of(activations.write(integers, tmp_path / "a.html"))
    for name in trace.spikes:
        assert held[name]["theta"] == pytest.approx(layers_of_float(trace, tmp_path)[name]["theta"], rel=0.02)
        wanted = integers.membrane(name)[:, 0]
        np.testing.assert_allclose(decoded(held[name])[0], wanted, atol=np.abs(wanted).max() / activations.LEVELS)


def layers_of_float(trace, folder):
    return layers_of(activations.write(trace, folder / "float.html"))


def test_as_a_command_of_a_network_and_of_a_trace(made, tmp_path, capsys):
    folder, trace = made
    page = tmp_path / "a.html"
    given = ["--sample", "3", "--labels", f"{folder}/y.npy", "-o", str(page)]
    for source in ([f"{folder}/a.nir", "--data", f"{folder}/x.npy"], [f"{folder}/trace.npz"]):
        assert cli.main(["plot", "activations", *source, *given]) == 0
        text = page.read_text("utf-8")
        assert "Activations of sample 3, class 3" in text
        assert f"decides for class {trace.decisions()[3]}" in text
        for name, spikes in trace.spikes.items():
            np.testing.assert_array_equal(decoded(layers_of(page)[name])[1], spikes[:, 3])
        page.unlink()
    one = ["--population", next(iter(trace.spikes)), "-o", str(page)]
    assert cli.main(["plot", "activations", f"{folder}/trace.npz", *one]) == 0
    assert len(layers_of(page)) == 2


def test_among_all_pictures_it_is_of_the_sample_that_is_asked_for(made, tmp_path):
    folder, trace = made
    network, x = sd.read(folder / "a.nir"), np.load(folder / "x.npy")
    files = sd.visualise(network, (x, np.arange(SAMPLES)), tmp_path, sample=3)
    page = next(path for path in files if path.suffix == ".html")
    assert "Activations of sample 3, class 3" in page.read_text("utf-8")
    for name, spikes in trace.spikes.items():
        np.testing.assert_array_equal(decoded(layers_of(page)[name])[1], spikes[:, 3])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["{f}/a.nir", "-o", "{t}/a.html"], "shows nothing without samples"),
        (["{f}/a.nir", "--data", "{f}/x.npy", "--sample", "5", "-o", "{t}/a.html"], "there are 5"),
        (["{f}/trace.npz", "--sample", "5", "-o", "{t}/a.html"], "the trace has 5"),
        (["{f}/trace.npz", "-o", "{t}/a.png"], "is no page"),
        (["{f}/trace.npz", "--population", "lif9", "-o", "{t}/a.html"], "it has no v here"),
        (["{f}/trace.npz", "--data", "{f}/x.npy", "-o", "{t}/a.html"], "leave out --data"),
        (["{f}/a.nir", "--data", "{f}/y.npy", "-o", "{t}/a.html"], "(time, sample, *shape)"),
        (["{f}/a.nir", "--data", "{f}/x.npy", "--labels", "{f}/few.npy", "-o", "{t}/a.html"], "there are 5 samples"),
        (["{f}/trace.npz", "--labels", "{f}/few.npy", "-o", "{t}/a.html"], "there are 5 samples"),
        (["trained:none", "--data", "{f}/x.npy", "-o", "{t}/a.html"], "SD897"),
    ],
)
def test_what_it_refuses(made, tmp_path, capsys, more, words):
    np.save(made[0] / "few.npy", np.arange(4))
    words_given = [each.format(f=made[0], t=tmp_path) for each in more]
    assert cli.main(["plot", "activations", *words_given]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_of_a_network_that_is_shipped(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 2, 1, 8, 8)))
    command = ["plot", "activations", "trained:digits_csnn", "--data", f"{tmp_path}/x.npy", "-o", f"{tmp_path}/a.html"]
    assert cli.main(command) == 0
    assert "lif1" in layers_of(tmp_path / "a.html")


def test_what_a_page_cannot_hold_is_refused(made, tmp_path, monkeypatch):
    _, trace = made
    monkeypatch.setattr(activations, "MOST", STEPS * 64 - 1)
    with pytest.raises(SnnDeployError, match=r"SD888 .*9 steps of 64 neurons are 576 membranes, and it holds 575"):
        activations.write(trace, tmp_path / "a.html")
    activations.write(trace, tmp_path / "a.html", names=[list(trace.spikes)[1]])


def test_the_page_in_a_browser(made, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = next((found for name in ("chromium", "google-chrome") if (found := shutil.which(name))), None)
    if chromium is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    _, trace = made
    path = activations.write(trace, tmp_path / "a.html", sample=1, said="<b>class</b>")
    names = list(trace.spikes)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab, said, asked = browser.new_page(viewport={"width": 1000, "height": 1200}), [], []
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda problem: said.append(str(problem)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(path.as_uri())
        expect = playwright.expect
        body = expect(tab.locator("body"))
        assert "<b>class</b>" in tab.locator("h1").inner_text()
        for step in (0, 4, STEPS - 1):
            tab.fill("#step", str(step))
            body.to_have_attribute("data-step", str(step))
            for k, name in enumerate(names, 1):
                wanted = trace.spikes[name][step, 1].sum()
                assert tab.locator(f"#layer{k}").get_attribute("data-now") == str(wanted)
        # the pixels of the spikes are those of the trace: the first channel of the first layer lies at the top left
        shown = np.array(
            tab.evaluate(
                "() => { const c = document.querySelector('#layer1 canvas.spikes');"
                " return [...c.getContext('2d').getImageData(0, 0, 5, 4).data] }"
            )
        ).reshape(4, 5, 4)[..., 0]
        np.testing.assert_array_equal(shown < 128, trace.spikes[names[0]][-1, 1, 0])
        tab.locator("#layer2 canvas.v").click(position={"x": 3, "y": 3})
        expect(tab.locator("#layer2")).to_have_attribute("data-picked", "0")
        v = trace.membrane(names[1])[-1, 1, 0]
        text = tab.locator("#layer2 .readout").inner_text()
        assert float(re.search(r"v = (-?[\d.]+)", text).group(1)) == pytest.approx(v, abs=2e-3)
        assert tab.locator("#layer2 canvas.line").is_visible()
        # labels of four digits and a sign are whole: nothing touches the edge
        tab.locator("#layer1 canvas.v").click(position={"x": 40, "y": 20})
        expect(tab.locator("#layer1 canvas.line")).to_be_visible()
        touched = "c => [...c.getContext('2d').getImageData(0, 0, 2, c.height).data].some((x) => x)"
        assert not tab.locator("#layer1 canvas.line").evaluate(touched)
        tab.select_option("#part", "1")
        expect(tab.locator("#layer2")).to_be_hidden()
        tab.locator("h1").click()
        tab.keyboard.press("ArrowLeft")
        body.to_have_attribute("data-step", str(STEPS - 2))
        tab.click("#play")
        body.to_have_attribute("data-step", str(STEPS - 1))
        browser.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []

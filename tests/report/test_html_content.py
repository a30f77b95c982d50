"""What the HTML report says: counts, kinds, membranes, and that names stay names."""

import base64
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from types import ModuleType

import numpy as np
import pytest
from pages import HOSTILE, content, network, spikes, total, with_many

import snndeploy as sd
from snndeploy import cli
from snndeploy.engines import base, reference
from snndeploy.errors import SnnDeployError
from snndeploy.network import Decision, Input, Population, Reset, Rule
from snndeploy.report.html import page
from snndeploy.report.html.collect import collect
from snndeploy.report.html.cores import core_map, letter
from snndeploy.report.html.spikes import pair, raster


@pytest.fixture(scope="module")
def held():
    return content(title="a page")


@pytest.fixture(scope="module")
def html(held):
    return page.html(held)


def drawn(text, n=8):
    """Rows as text: a digit per bin."""
    return np.array([[int(c) for c in line] for line in text.split()], bool).T if n else None


def test_kinds_of_spikes():
    """By eye: neuron 0 is equal, 1 is early, 2 is late, 3 is missing, 4 is extra."""
    a = drawn("10010000 00010000 01000000 00001000 00000000")
    b = drawn("10010000 01000000 00010000 00000000 00000010")
    found = raster(a, b, 3)
    seen = {(int(r), int(s)): int(k) for s, r, k in zip(found.step, found.row, found.kind, strict=True)}
    assert seen == {(0, 0): 1, (0, 3): 1, (1, 1): 2, (2, 3): 3, (3, 4): 4, (4, 6): 5}
    assert found.counts == (0, 2, 1, 1, 1, 1)
    assert list(found.step) == sorted(found.step)


def test_counts_belong_to_the_traces(held):
    """What is matched, moved and missing is all that a has; what is matched, moved and extra, all that b has."""
    net, x = network(), spikes()
    q = sd.quantize(net, "loihi2", x)
    one, two = sd.run(net, x[:, :3]), sd.run(q, x[:, :3])
    (first, *_) = held.pairs
    assert first.samples == (0, 1, 2)
    for layer in first.layers:
        _, matched, early, late, missing, extra = (sum(r.counts[k] for r in layer.samples) for k in range(6))
        assert matched + early + late + missing == one.spikes[layer.name].sum()
        assert matched + early + late + extra == two.spikes[layer.name].sum()
    assert sum(total(r) for layer in first.layers for r in layer.samples) > 100


def test_membranes_are_those_of_the_neuron_that_parts(held):
    net, x = network(), spikes()
    one = sd.run(net, x[:, :3], record=("spikes", "v"))
    two = sd.run(sd.quantize(net, "loihi2", x), x[:, :3], record=("spikes", "v"))
    curves = held.pairs[0].curves
    assert curves
    for each in curves:
        at = (slice(each.start, each.start + len(each.a)), each.sample, *each.index)
        assert np.array_equal(each.a, one.membrane(each.population)[at])
        assert np.array_equal(each.b, two.membrane(each.population)[at])
        if each.step is not None:
            differs = one.spikes[each.population] != two.spikes[each.population]
            assert differs[: each.step].sum() == 0
            assert differs[each.step, each.sample, *each.index]
        assert each.threshold_a == 1.0
        assert each.threshold_b == pytest.approx(1.0, rel=0.02)


def test_equal_runs_show_their_busiest_neuron():
    net, x = network(), spikes(2)
    trace = sd.run(net, x, record=("spikes", "v"))
    found = pair("equal", trace, trace, 3)
    (only,) = found.curves
    counts = trace.spikes["out"][:, 0].sum(axis=0)
    assert (only.population, only.step) == ("out", None)
    assert counts[only.index] == counts.max()


def test_a_page_holds_no_more_spikes_than_it_may_and_says_so():
    net, x = network(), spikes(20)
    one = sd.run(net, x, record=("spikes", "v"))
    other = sd.run(sd.quantize(net, "loihi2", x), x, record=("spikes", "v"))
    per = sum(s.sum(axis=(0, 2)) for s in one.spikes.values())
    found = pair("few", one, other, 3, most=int(per[:4].sum()))
    assert len(found.samples) == 4
    assert found.comparison.first.batch in found.samples
    assert found.held_back == per.sum() - per[list(found.samples)].sum()


def test_what_is_packed_comes_back(held, html):
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)[1])
    for told, kept in zip(data["pairs"], held.pairs, strict=True):
        for layer, own in zip(told["layers"], kept.layers, strict=True):
            for packed, each in zip(layer["samples"], own.samples, strict=True):
                for part in ("step", "row", "kind"):
                    raw = base64.b64decode(packed[part]["data"])
                    assert np.array_equal(np.frombuffer(raw, f"<{packed[part]['type']}"), getattr(each, part))


def test_wide_arrays_are_packed_wide(held):
    many = with_many(held, steps=70_000, neurons=3, share=0.2)
    text = page.html(many)
    assert '"u4"' in text
    assert page._array(np.arange(70_000, dtype=np.uint32))["type"] == "u4"


class Outline(HTMLParser):
    """Elements, ids, and what points outside."""

    def __init__(self):
        super().__init__()
        self.ids, self.outside, self.scripts, self.stack = [], [], 0, []
        self.void = {"meta", "link", "input", "br", "img"}

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if tag not in self.void:
            self.stack.append(tag)
        self.scripts += tag == "script"
        self.ids += [named["id"]] if "id" in named else []
        assert not any(name.startswith("on") for name in named), (tag, named)
        self.outside += [v for k, v in attrs if k in ("src", "href", "action") and not v.startswith(("#", "data:"))]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag not in self.void:
            assert self.stack.pop() == tag


@pytest.fixture(scope="module")
def hostile():
    return page.html(content(HOSTILE, title="</script><script>window.hacked=1</script>"))


def test_the_page_is_whole_and_points_nowhere(html, hostile):
    for text in (html, hostile):
        found = Outline()
        found.feed(text)
        assert not found.stack
        assert not found.outside
        assert found.scripts == 2
        assert len(found.ids) == len(set(found.ids))
        assert "http://" not in text.replace("http://www.w3.org", "")
        for target in re.findall(r'href="#([^"]+)"', text):
            assert target in found.ids


def test_names_are_never_markup(hostile):
    assert "<script>window" not in hostile
    assert "<img src=x" not in hostile
    assert "{{7*7}}" in hostile
    assert "49&lt;!--" not in hostile
    assert "&lt;script&gt;window.hacked=1" in hostile


def test_everything_is_on_it(html):
    for words in ("Engines against engines", "Error budget", "Cores", "Accuracy", "Versions and hashes", "SHA-256"):
        assert words in html
    for engine in ("reference", "torch"):
        assert f">{engine}</th>" in html
    assert "state-identical" in html
    assert "95 % (Wilson)" in html


def test_equal_contents_are_equal_pages():
    one, two = (re.sub(r"<td>\d+\.\d\d</td>", "", page.html(content())) for _ in range(2))
    assert one == two


def test_letters_and_map(held):
    assert [letter(n) for n in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]
    drawn_cores = str(core_map(held.placement)).count("<title>core ")
    assert drawn_cores == len(held.placement.cores)


def test_refusals(tmp_path):
    net, x = network(), spikes(2)
    q = sd.quantize(net, "loihi2", x)
    with pytest.raises(SnnDeployError, match="SD802"):
        sd.report(net, x, tmp_path / "no" / "a.html")
    with pytest.raises(SnnDeployError, match="SD209 report: it takes a float network and its integer form"):
        sd.report(q, x, tmp_path / "a.html", integers=net)
    other = sd.quantize(network(("a", "b", "c")), "loihi2", x)
    with pytest.raises(SnnDeployError, match="SD209"):
        sd.report(net, x, tmp_path / "a.html", integers=other)
    assert not list(tmp_path.iterdir())


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    net, x = network(), spikes()
    sd.write(net, "model.nir")
    sd.write(sd.quantize(net, "loihi2", x), "q.nir")
    np.savez("x.npz", x=x, labels=np.arange(6) % 3)
    command = ["report", "model.nir", "q.nir", "--data", "x.npz", "-o", "report.html", "--engines", "reference,torch"]
    assert cli.main([*command, "--target", "loihi2", "--samples", "4", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document["forms"]) == {"float", "integer"}
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "model.nir and q.nir" in text
    assert "4 samples of 60 steps" in text
    assert cli.main(["report", "model.nir", "model.nir", "q.nir", "--data", "x.npz", "-o", "r.html"]) == 2
    assert cli.main(["report", "model.nir", "--data", "x.npz", "-o", "x.npz"]) == 2
    assert cli.main(["report", "none.nir", "--data", "x.npz", "-o", "r.html"]) == 2
    assert not (tmp_path / "r.html").exists()


def test_a_network_without_spikes_of_its_own(tmp_path):
    """A readout alone: nothing to draw, and nothing that breaks."""
    net = network()
    quiet = net.with_(
        populations=(Population("read", (12,), Rule(0.9, None, reset=Reset("none"))),),
        projections=(replace(net.projections[0], target="read", name="in->read"),),
        outputs=("read",),
        decision=Decision("read", "max-v"),
    )
    found = sd.report(quiet, spikes(2), tmp_path / "a.html", engines=("reference", "torch"))
    assert not found.pairs
    text = (tmp_path / "a.html").read_text("utf-8")
    assert "raster" not in text.split("</style>")[1]


def test_encoded_inputs(tmp_path):
    """Real numbers that become events: the float network runs on the same events as the integers."""
    net = network().with_(inputs=(Input("in", (6,), "real"),))
    x = np.random.default_rng(0).random((40, 3, 6))
    q = sd.quantize(net, "loihi2", x, encoding="rate")
    found = sd.report(net, x, tmp_path / "a.html", integers=q, engines=("reference", "torch"))
    assert found.agrees
    assert found.budget is not None
    held = np.repeat(x[:1], 40, axis=0)
    q = sd.quantize(net, "loihi2", held, encoding="bias")
    found = sd.report(net, held, tmp_path / "b.html", integers=q, engines=("reference",), samples=1)
    assert found.budget is None
    assert "No error budget: SD209" in (tmp_path / "b.html").read_text("utf-8")


def test_an_engine_that_differs_is_shown_and_diagnosed(tmp_path, monkeypatch):
    """An engine with one changed threshold: the page shows its spikes, names the layer, and does not agree."""

    def run(job):
        wrong = job.network.populations[1]
        changed = replace(wrong, rule=replace(wrong.rule, threshold=1.1))
        other = job.network.with_(populations=(job.network.populations[0], changed, job.network.populations[2]))
        return replace(reference.run(replace(job, network=other)), network=job.network, engine="off")

    module = ModuleType("off_engine")
    module.missing, module.refusals, module.run = reference.missing, reference.refusals, run
    monkeypatch.setitem(sys.modules, "off_engine", module)
    monkeypatch.setitem(base.ENGINES, "off", "off_engine")
    net, x = network(), spikes(3)
    found = sd.report(net, x, tmp_path / "a.html", engines=("reference", "off"))
    assert not found.agrees
    (only,) = found.pairs
    assert only.title == "float form: reference against off"
    assert sum(r.counts[1] for r in only.layers[0].samples) == sd.run(net, x).spikes["one"].sum()
    assert not any(sum(r.counts[2:]) for r in only.layers[0].samples)
    assert any(sum(r.counts[2:]) for r in only.layers[1].samples)
    assert only.first[1] == 1
    assert [each.population for each in only.curves] == ["two", "out"]
    text = (tmp_path / "a.html").read_text("utf-8")
    assert "✗ differs" in text
    assert str(only.comparison.first).replace("'", "&#39;") in text


def test_one_network_alone(tmp_path):
    net, x = network(), spikes(2)
    found = sd.report(sd.quantize(net, "loihi2", x), x, tmp_path / "a.html", engines=("reference", "torch"))
    assert found.agrees
    (only,) = found.pairs
    assert only.comparison.identical
    text = (tmp_path / "a.html").read_text("utf-8")
    assert "Error budget" not in text
    assert "No spike differs" in text


def test_integers_may_have_constant_inputs_of_their_own():
    """A constant that a synapse filters becomes an input of the integers: Norse's cells with a bias before them."""
    import torch
    from norse.torch import LIFCell, SequentialState

    torch.manual_seed(0)
    x = (np.random.default_rng(0).random((12, 3, 6)) < 0.5).astype(np.float32)
    linear = torch.nn.Linear(6, 4)
    torch.nn.init.constant_(linear.bias, 0.3)
    network = sd.capture(SequentialState(linear, LIFCell()), x, decision="spike-count")
    integers = sd.quantize(network, "loihi1", calibration=x)
    assert set(integers.shapes) > set(network.shapes)
    found = collect(network, x, integers=integers, engines=("reference", "torch"), budget=False)
    assert len(found.networks) == 2

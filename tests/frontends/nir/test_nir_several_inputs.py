"""NIR files with several Input and Output nodes: names, order, shapes and kinds."""

import numpy as np
import pytest

import snndeploy as sd
from snndeploy.errors import SnnDeployError
from snndeploy.network import Dense, Flatten, Input, Network, Population, Projection, Reset, Rule
from snndeploy.network.arrays import equal


def several():
    rng = np.random.default_rng(0)
    inputs = (Input("zeta", (4,), "counts"), Input("alpha", (2, 3), "real"), Input("mid", (5,)))
    rule = Rule(beta=0.75, threshold=1.0, reset=Reset("to", 0.0, "now"))
    flat = Flatten(0, -1, 2)
    projections = (
        Projection("zeta", "b", (Dense(rng.normal(0.3, 1, (3, 4))),)),
        Projection("alpha", "a", (flat, Dense(rng.normal(0.3, 1, (2, 6))))),
        Projection("mid", "a", (Dense(rng.normal(0.3, 1, (2, 5))),)),
        Projection("a", "b", (Dense(rng.normal(0.3, 1, (3, 2))),)),
    )
    return Network(1e-3, inputs, (Population("a", (2,), rule), Population("b", (3,), rule)), projections, ("b", "a"))


def samples():
    rng = np.random.default_rng(1)
    size = (30, 2)
    return {
        "zeta": rng.poisson(1, (*size, 4)),
        "alpha": rng.normal(0, 1, (*size, 2, 3)),
        "mid": rng.random((*size, 5)) < 0.5,
    }


@pytest.mark.parametrize("style", ["standard", "decomposed"])
def test_the_block_keeps_names_order_shapes_and_kinds(style, tmp_path):
    network = several()
    sd.write(network, tmp_path / "m.nir", style)
    again = sd.read(tmp_path / "m.nir")
    assert equal(again, network)
    assert [(i.name, i.shape, i.kind) for i in again.inputs] == [(i.name, i.shape, i.kind) for i in network.inputs]
    assert again.outputs == ("b", "a")


def test_plain_fields_give_the_same_spikes_where_kinds_are_said(tmp_path):
    network, x = several(), samples()
    sd.write(network, tmp_path / "m.nir")
    kinds = {each.name: each.kind for each in network.inputs}
    plain = sd.read(tmp_path / "m.nir", dt=1e-3, kind=kinds, ignore_block=True)
    assert {i.name: i.kind for i in plain.inputs} == kinds
    expected, found = sd.run(network, x), sd.run(plain, x)
    for name in ("a", "b"):
        assert expected.spikes[name].any()
        np.testing.assert_array_equal(found.spikes[name], expected.spikes[name])
    some = sd.read(tmp_path / "m.nir", dt=1e-3, kind={"zeta": "counts"}, ignore_block=True)
    assert {i.name: i.kind for i in some.inputs} == {"zeta": "counts", "alpha": "binary", "mid": "binary"}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"kind": {"beta": "real"}, "ignore_block": True}, "SD418 .*kind: one was given for 'beta'.*alpha, mid, zeta"),
        (
            {"kind": {"zeta": "real"}},
            "SD418 .*kind: .*'zeta': 'real'.* was given, and the file says zeta: counts, alpha",
        ),
        ({"kind": "real"}, "SD418 .*kind: 'real' was given, and the file says binary and counts and real"),
    ],
)
def test_kinds_that_contradict_the_file(options, text, tmp_path):
    sd.write(several(), tmp_path / "m.nir")
    with pytest.raises(SnnDeployError, match=text):
        sd.read(tmp_path / "m.nir", dt=1e-3, **options)


def test_kinds_that_the_file_says_too(tmp_path):
    sd.write(several(), tmp_path / "m.nir")
    assert sd.read(tmp_path / "m.nir", kind={"zeta": "counts", "mid": "binary"}).input["alpha"].kind == "real"


@pytest.mark.parametrize("for_", ["norse", "snntorch"])
def test_readers_that_take_one_input_are_refused_by_name(for_, tmp_path):
    with pytest.raises(SnnDeployError, match="SD416 .*takes one input, not zeta, alpha, mid"):
        sd.write(several(), tmp_path / "m.nir", for_=for_)
    assert not list(tmp_path.iterdir())

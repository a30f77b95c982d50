"""How a sample is given: tuples, lists, dicts, structures inside an argument; and what is refused, with what to do."""

from collections import namedtuple

import numpy as np
import pytest
import snntorch as snn
import torch
from torch import nn

import snndeploy as sd
from snndeploy.errors import SnnDeployError
from snndeploy.network.arrays import equal

STEPS = 12
RNG = np.random.default_rng(0)
A = (RNG.random((STEPS, 3, 5)) < 0.5).astype(np.float32)
B = RNG.poisson(0.8, (STEPS, 3, 4)).astype(np.float32)
FRAME = np.repeat(B[:1], STEPS, 0)


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.fa, self.fb = nn.Linear(5, 8), nn.Linear(4, 8)
        self.lif, self.other = snn.Leaky(0.9, init_hidden=True), snn.Leaky(0.7, init_hidden=True)
        with torch.no_grad():
            self.fa.weight.mul_(3)
            self.fb.weight.mul_(3)
        self.eval()

    def join(self, x, y):
        return self.lif(self.fa(x) + self.fb(y))


def module(forward):
    return type("Module", (Base,), {"forward": forward})()


FORMS = {
    "a tuple": (lambda self, x, y: self.join(x, y), (A, B), ["x", "y"]),
    "tensors": (lambda self, x, y: self.join(x, y), (torch.as_tensor(A), torch.as_tensor(B)), ["x", "y"]),
    "a list": (lambda self, x, y: self.join(x, y), [A, B], ["x", "y"]),
    "a dict": (lambda self, x, y: self.join(x, y), {"y": B, "x": A}, ["x", "y"]),
    "a named tuple": (lambda self, x, y: self.join(x, y), namedtuple("Sample", "y x")(B, A), ["x", "y"]),
    "by name only": (lambda self, x, *, y: self.join(x, y), {"x": A, "y": B}, ["x", "y"]),
    "by place only": (lambda self, x, y, /: self.join(x, y), (A, B), ["x", "y"]),
    "a default": (lambda self, x, y=None: self.join(x, y), (A, B), ["x", "y"]),
    "any number": (lambda self, *xs: self.join(*xs), (A, B), ["xs0", "xs1"]),
    "one, then any number": (lambda self, x, *more: self.join(x, more[0]), (A, B), ["x", "more0"]),
    "any names": (lambda self, **given: self.join(given["left"], given["right"]), {"left": A, "right": B}, 0),
    "a tuple that is one argument": (lambda self, xy: self.join(*xy), (A, B), ["xy0", "xy1"]),
    "a tuple beside a state": (lambda self, xy, state=None: self.join(*xy), ((A, B),), ["xy0", "xy1"]),
    "a list inside": (lambda self, xy: self.join(*xy.copy()), {"xy": [A, B]}, ["xy0", "xy1"]),
    "a dict that is one argument": (lambda self, d: self.join(d["left"], d["right"]), {"left": A, "right": B}, 0),
    "a dict inside": (lambda self, d: self.join(d["x"], d["d"]), {"d": {"x": A, "d": B}}, ["x", "d"]),
    "numbers beside": (
        lambda self, x, y, steps, mode: torch.stack([self.join(x[k], y[k]) for k in range(steps)]),
        {"x": A, "y": B, "steps": STEPS, "mode": "sum"},
        ["x", "y"],
    ),
    "the loop inside": (
        lambda self, x, y: torch.stack([self.join(*k) for k in zip(x, y, strict=True)]),
        (A, B),
        ["x", "y"],
    ),
    "a frame beside steps": (
        lambda self, x, y: torch.stack([self.join(each, y) for each in x]),
        (A, FRAME),
        ["x", "y"],
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_network(form):
    forward, sample, names = FORMS[form]
    network = sd.capture(module(forward), sample)
    assert list(network.input) == (names or ["left", "right"])
    assert [each.kind for each in network.inputs] == ["binary", "counts"]
    other = FRAME if "frame" in form else B
    expected = sd.capture(module(FORMS["a dict"][0]), {"x": A, "y": other})
    assert equal(network.populations, expected.populations)
    ours = sd.run(network, (A, other))
    np.testing.assert_array_equal(ours.spikes["lif"], sd.run(expected, (A, other)).spikes["lif"])
    assert ours.spikes["lif"].any()
    np.testing.assert_array_equal(sd.run(network, (A, other), "snntorch").spikes["lif"], ours.spikes["lif"])


def test_one_input_keeps_its_name():
    one = module(lambda self, events: self.lif(self.fa(events)))
    for sample in (A, (A,), [*A], torch.as_tensor(A)):
        assert list(sd.capture(one, sample).input) == ["input"]
    assert list(sd.capture(one, {"events": A}).input) == ["events"]
    network = sd.capture(one, (A,))
    assert sd.compare(sd.run(network, (A,)), sd.run(network, {"input": A})).identical


def test_an_argument_that_is_used_twice_is_one_input():
    twice = module(lambda self, x, y: self.lif(self.fa(x) + self.fb(y) + self.fa(x)))
    network = sd.capture(twice, (A, B))
    assert [p.source for p in network.projections] == ["x", "y", "x"]


def test_kinds_by_input():
    network = sd.capture(module(FORMS["a dict"][0]), (A, B), input_kind={"x": "real"})
    assert [each.kind for each in network.inputs] == ["real", "counts"]
    assert [i.kind for i in sd.capture(module(FORMS["a dict"][0]), (A, B), input_kind="real").inputs] == ["real"] * 2


def test_the_place_of_the_loop_by_input():
    mixed = module(FORMS["a frame beside steps"][0])
    network = sd.capture(mixed, (A, FRAME), time={"x": "inside", "y": "held"})
    assert (network.source.stepping.time, network.source.stepping.held) == ("inside", {"y"})
    with pytest.raises(SnnDeployError, match="SD533 .*step 1 of the input 'y' differs"):
        sd.run(network, (A, B), "snntorch")


def plus(self, x, y):
    return self.join(x, y)


def one(self, x):
    return self.lif(self.fa(x))


REFUSED = [
    (plus, A, {}, "SD305 .*argument 'y' is not known. Fix: if it is an input, name it in the sample: {'y': array"),
    (lambda self, x, y: self.lif(self.fa(x + y)), A, {}, "SD305 .*argument 'y' is not known"),
    (lambda self, x, y: self.lif(self.fa(torch.cat([y, x], 1))), A, {}, "SD305 .*argument 'y' is not known"),
    (lambda self, x, y: self.lif(self.fa(x.view(y.shape))), A, {}, "SD305 .*argument 'y' is not known"),
    (lambda self, x, y: one(self, x), A, {}, "SD305 .*named in the sample: {'y': array"),
    (lambda self, x, y: one(self, x), (A, B), {}, "SD315 input 'y': forward never uses it. Fix: remove it"),
    (lambda self, x, y: self.lif(self.fa(x * y)), (A, A), {}, "SD302 .*mul.. of two values"),
    (plus, (A, B, A), {}, "SD316 sample: it holds 3 arrays, and the arguments of forward are 2 .x, y"),
    (plus, {"x": A, "z": B}, {}, "SD316 sample 'z': forward has no such argument. Fix: its arguments: x, y"),
    (one, {"x": A, "labels": B}, {}, "SD312 .*gets a dict.*not all of x, labels are arguments of forward"),
    (plus, (A, B[:4]), {}, r"SD103 sample: its inputs differ in \(time, batch\): x \(12, 3\), y \(4, 3\)"),
    (plus, (A, B[:, :1]), {}, r"SD103 sample: .*x \(12, 3\), y \(12, 1\)"),
    (plus, (A[0], B[0]), {}, r"SD103 sample 'x': its shape is \(3, 5\).*\n.*SD103 sample 'y'"),
    (plus, (A, B * np.nan), {}, "SD104 sample 'y': 144 values are NaN"),
    (plus, (A, object()), {}, "SD111 sample 'y': its type is object"),
    (plus, (), {}, "SD103 sample: it holds no array"),
    (plus, {}, {}, "SD103 sample: it holds no array"),
    (plus, (B, A), {}, r"SD312 .*mat1 and mat2.*try module\(x, y\) itself"),
    (lambda self, lif, y: self.join(lif, y), (A, B), {}, "SD101 input 'lif': a population of Module has the same"),
    (lambda self, x, d: self.join(x, d["x"]), (A, {"x": B}), {}, "SD101 sample 'x': two inputs"),
    (lambda self, x, mem=None: self.other(self.fa(x), mem), (A, A), {}, "SD305 .*'mem' it gets the input 'mem'.*give"),
    (lambda self, xy, m=None: self.join(*xy), (A, B), {}, r"where xy is a tuple, give the sample as \(\(a, b\),\)"),
    (plus, (A, B), {"input_kind": {"z": "real"}}, "SD102 input_kind 'z': there is no such input. Fix: name x, y"),
    (plus, (A, B), {"input_kind": "binary"}, "SD111 input 'y': "),
    (plus, (A, B), {"time": "within"}, "SD308 capture: time = 'within' is none of"),
    (plus, (A, B), {"time": {"x": "inside"}}, "SD308 capture: .*does not say for each of x, y"),
    (plus, (A, B), {"time": {"x": "outside", "y": "held"}}, "SD308 capture: .*does not say"),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_does_not_fit_is_refused(number):
    forward, sample, options, text = REFUSED[number]
    with pytest.raises(SnnDeployError, match=text) as caught:
        sd.capture(module(forward), sample, **options)
    assert caught.value.findings[0].fix or "SD104" in text or "SD111" in text


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (A, "SD102 inputs: the network has 2 inputs, and one thing without names.*{'x': array, 'y': array}"),
        ((A,), "SD102 inputs: 1 arrays were given, the network has 2 inputs. Fix: give one each of x, y"),
        ((A, B, B), "SD102 inputs: 3 arrays"),
        ({"x": A}, "SD102 input 'y': nothing was given"),
        ({"x": A, "y": B, "z": B}, "SD102 input 'z': the network has no such input. Fix: name x, y"),
        ((A, B[:2]), "SD103 inputs: they differ"),
        ((B, A), "SD103 input 'x'.*\n.*SD103 input 'y'"),
    ],
)
def test_what_a_run_refuses(given, text):
    with pytest.raises(SnnDeployError, match=text):
        sd.run(sd.capture(module(plus), (A, B)), given)

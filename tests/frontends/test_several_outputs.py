"""What forward returns: which of it are outputs, which are states, and that each output is what was returned there."""

from collections import namedtuple
from dataclasses import dataclass

import norse.torch as norse
import numpy as np
import pytest
import snntorch as snn
import torch
from captures import spikes
from torch import nn

import snndeploy as sd
from snndeploy.errors import SnnDeployError

Found = namedtuple("Found", "spikes mem")


@dataclass
class Record:
    hidden: torch.Tensor
    out: torch.Tensor
    mem: torch.Tensor


class Base(nn.Module):
    hidden = False

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.fa, self.fc, self.fd = nn.Linear(5, 8), nn.Linear(8, 3), nn.Linear(8, 2)
        for name, decay in (("l1", 0.9), ("l2", 0.8), ("l3", 0.7)):
            setattr(self, name, snn.Leaky(decay, init_hidden=self.hidden))
        self.li = snn.Leaky(0.95, reset_mechanism="none", init_hidden=self.hidden, output=self.hidden)
        self.rec, self.last = snn.RLeaky(0.9, linear_features=8), snn.RLeaky(0.8, linear_features=8)
        with torch.no_grad():
            for each in self.parameters():
                each.mul_(3 if each.ndim > 1 else 1)
        self.eval()

    def two(self, x, m1, m2):
        k1, m1 = self.l1(self.fa(x), m1)
        k2, m2 = self.l3(self.fc(k1), m2)
        return k1, m1, k2, m2


class Hidden(Base):
    hidden = True


def returns(order):
    """A forward with two explicit states that returns these of k1, m1, k2, m2."""

    def forward(self, x, m1=None, m2=None):
        values = dict(zip(("k1", "m1", "k2", "m2"), self.two(x, m1, m2), strict=True))
        return tuple(values[name] for name in order.split())

    return forward


def required(self, x, m1, m2):
    return self.two(x, m1, m2)


def by_name(self, x, m1=None, m2=None):
    k1, m1, k2, m2 = self.two(x, m1, m2)
    return {"m2": m2, "hidden": k1, "m1": m1, "out": k2}


def named_tuple(self, x, mem=None):
    return Found(*self.l1(self.fa(x), mem))


def nested(self, x, state=None):
    k1, m1, k2, m2 = self.two(x, *(state or (None, None)))
    return (k1, [k2]), (m1, m2)


def state_in_a_dict(self, x, state=None):
    state = state or {"a": None, "b": None}
    k1, m1, k2, m2 = self.two(x, state["a"], state["b"])
    return k2, k1, {"a": m1, "b": m2}


def record(self, x):
    k1 = self.l1(self.fa(x))
    _, membrane = self.li(self.fd(k1))
    return Record(k1, self.l3(self.fc(k1)), membrane)


def listed(self, x):
    k1 = self.l1(self.fa(x))
    return [self.l3(self.fc(k1)), k1]


def values(self, x):
    k1 = self.l1(self.fa(x))
    return self.fc(k1), k1, self.fd(k1), self.fc(self.l2(self.fa(x)))


def echo(self, x, k1, m1, m2):
    """The spikes of a recurrent neuron are its state, too."""
    k1, m1 = self.rec(self.fa(x), k1, m1)
    k2, m2 = self.l3(self.fc(k1), m2)
    return k1, m1, k2, m2


def echoes(self, x, k1, m1, k2, m2):
    """Where all spikes come back in, those that feed nobody are the output."""
    k1, m1 = self.rec(self.fa(x), k1, m1)
    k2, m2 = self.last(k1, k2, m2)
    return k1, m1, k2, m2


def recurrent_first(self, x, k1=None, m1=None, m2=None):
    k1, m1 = self.rec(self.fa(x), k1, m1)
    k2, m2 = self.l3(self.fc(k1), m2)
    return k1, m1, k2, m2


def two_recurrent(self, x, k1=None, m1=None, k2=None, m2=None):
    k1, m1 = self.rec(self.fa(x), k1, m1)
    k2, m2 = self.last(k1, k2, m2)
    return k1, m1, k2, m2


def pairs(self, x, m1=None, m2=None):
    k1, m1, k2, m2 = self.two(x, m1, m2)
    return (k1, m1), (k2, m2)


def by_kind(self, x, m1=None, m2=None):
    k1, m1, k2, m2 = self.two(x, m1, m2)
    return (k1, k2), (m1, m2)


def other_names(self, x, m1=None, m2=None):
    _, m1, k2, m2 = self.two(x, m1, m2)
    return {"mem2": m2, "out": k2, "mem1": m1}


def unused_state(self, x, m1=None, m2=None):
    return self.l1(self.fa(x), m1)


def late(self, x, before=None):
    """The last step's spikes are no spikes of this step: a population that emits them one step late."""
    k1 = self.l1(self.fa(x))
    return k1, self.fc(torch.zeros_like(k1) if before is None else before), k1


def unused(self, x, debug=None):
    k1 = self.l1(self.fa(x))
    return k1, self.l3(self.fc(k1))


OUTPUTS = {
    "k1 m1 m2": (Base, returns("k1 m1 m2"), ("l1", "l3")),
    "k1 k2 m1 m2": (Base, returns("k1 k2 m1 m2"), ("l1", "l3")),
    "k2 k1 m1 m2": (Base, returns("k2 k1 m1 m2"), ("l3", "l1")),
    "k1 m1 k2 m2": (Base, returns("k1 m1 k2 m2"), ("l1", "l3")),
    "k2 m1 m2": (Base, returns("k2 m1 m2"), ("l3",)),
    "k2 k2 m1 m2": (Base, returns("k2 k2 m1 m2"), ("l3",)),
    "m1 m2": (Base, returns("m1 m2"), ("l3",)),
    "without defaults": (Base, required, ("l1", "l3")),
    "a dict": (Base, by_name, ("l1", "l3")),
    "a named tuple": (Base, named_tuple, ("l1",)),
    "nested": (Base, nested, ("l1", "l3")),
    "a dict of states": (Base, state_in_a_dict, ("l3", "l1")),
    "a dataclass": (Hidden, record, ("l1", "l3", "li")),
    "a list": (Hidden, listed, ("l3", "l1")),
    "values": (Hidden, values, ("fc", "l1", "fd", "fc.output")),
    "echo": (Base, echo, ("l3",)),
    "echoes": (Base, echoes, ("last",)),
    "a recurrent neuron first": (Base, recurrent_first, ("l3",)),
    "two recurrent neurons": (Base, two_recurrent, ("last",)),
    "pairs": (Base, pairs, ("l1", "l3")),
    "by kind": (Base, by_kind, ("l1", "l3")),
    "other names": (Base, other_names, ("l3",)),
    "a state that is never used": (Base, unused_state, ("l1",)),
    "late": (Hidden, late, ("l1", "fc")),
    "an argument that is never used": (Hidden, unused, ("l1", "l3")),
}


def tensors(result):
    """Everything returned, in order."""
    if isinstance(result, torch.Tensor):
        return [result]
    if isinstance(result, Record):
        return list(vars(result).values())
    inner = result.values() if isinstance(result, dict) else result
    return [leaf for each in inner for leaf in tensors(each)]


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_are_what_was_returned(name):
    base, forward, expected = OUTPUTS[name]
    module = type("Module", (base,), {"forward": forward})()
    x = spikes(np.random.default_rng(1), (25, 3, 5))
    network = sd.capture(module, x)
    assert network.outputs == expected
    trace = sd.run(network, x, "snntorch", record=("spikes", "v"))
    feeds = {**network.source.stepping.feeds}
    states = {a: None if s is None else torch.zeros(3, *s) for a, s in network.source.stepping.starts.items()}
    for each in module.modules():
        if hasattr(each, "mem"):
            each.mem = torch.zeros(0)
    fired = 0
    for t, row in enumerate(torch.as_tensor(x)):
        with torch.no_grad():
            result = module(row, **states)
        shown = [each.numpy() for each in tensors(result)]
        states = {a: at(result, place) for a, place in feeds.items()}
        for output in expected:
            found = trace.spikes[output][t] if output in trace.spikes else trace.v[output][t]
            membrane = trace.v[output][t]
            assert any(
                each.shape == found.shape and (np.array_equal(each, found) or np.array_equal(each, membrane))
                for each in shown
            ), (output, t)
            fired += int((found != 0).sum())
    assert fired


def at(result, place):
    for key in place:
        result = getattr(result, key) if isinstance(result, Record) else result[key]
    return result


class Cells(nn.Module):
    """Norse: the state of every cell in one tuple."""

    def __init__(self, forward):
        super().__init__()
        torch.manual_seed(1)
        self.fa, self.fc, self.lif, self.li = nn.Linear(5, 8), nn.Linear(8, 3), norse.LIFCell(), norse.LICell()
        self.rec = norse.LIFRecurrentCell(8, 8)
        with torch.no_grad():
            self.fa.weight.mul_(30)
        self.body = forward
        self.eval()

    def forward(self, x, state=None):
        return self.body(self, x, state)


def both(self, x, state):
    s1, s2 = state or (None, None)
    z, s1 = self.lif(self.fa(x), s1)
    v, s2 = self.li(self.fc(z), s2)
    return {"z": z, "v": v, "state": (s1, s2)}


def recurrent(self, x, state):
    z, state = self.rec(self.fa(x), state)
    return self.fc(z), state


def spikes_and_state(self, x, state):
    s1, s2 = state or (None, None)
    z, s1 = self.lif(self.fa(x), s1)
    y, s2 = self.rec(z, s2)
    return z, y, [s1, s2]


@pytest.mark.parametrize(
    ("forward", "outputs"), [(both, ("lif", "li")), (recurrent, ("fc",)), (spikes_and_state, ("lif", "rec"))]
)
def test_states_of_norse_are_no_outputs(forward, outputs):
    x = spikes(np.random.default_rng(1), (25, 3, 5))
    network = sd.capture(Cells(forward), x)
    assert network.outputs == outputs
    assert sd.run(network, x).spikes["lif" if forward is not recurrent else "rec"].any()


def test_the_decision_of_several_outputs():
    module = type("Module", (Hidden,), {"forward": listed})()
    x = spikes(np.random.default_rng(1), (10, 2, 5))
    with pytest.raises(SnnDeployError, match="SD102 decision: the network has 2 outputs .l3, l1.*'l3:spike-count'"):
        sd.capture(module, x, decision="spike-count")
    assert sd.capture(module, x, decision="l1:last-v").decision.population == "l1"
    with pytest.raises(SnnDeployError, match="SD102 decision.*'l9'"):
        sd.capture(module, x, decision="l9:last-v")


def test_states_in_another_order_than_the_arguments():
    """A loop that goes by places would swap them."""
    module = type("Module", (Base,), {"forward": returns("k2 m2 m1")})()
    with pytest.raises(SnnDeployError, match="SD305 module 'l1': as its 'mem' it gets 'mem' of 'l3'"):
        sd.capture(module, np.ones((5, 2, 5)))


def test_states_that_do_not_come_back():
    module = type("Module", (Base,), {"forward": returns("k1 k2")})()
    with pytest.raises(SnnDeployError, match="SD305.*takes m1, m2 beside its input, and returns 1 values"):
        sd.capture(module, np.ones((5, 2, 5)))

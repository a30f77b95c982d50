"""Random modules with several inputs and several outputs, as people write them, and how to run one by hand.

A branch per input (dense or convolution, a neuron), joined by "+", by torch.cat, before the first neuron, or not at
all. What `step` returns by name is what forward returns in one of several ways.
"""

import copy
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

DT = 1e-3
JOINS = ("plus", "cat", "early", "separate", "twice")
WAYS = ("tuple", "dict", "named", "list", "record")
PLACES = ("outside", "inside", "held", "mixed")


@dataclass
class Record:
    """What a module returns as a dataclass; `membranes` is what is no output."""

    first: torch.Tensor
    second: torch.Tensor
    third: torch.Tensor
    membranes: object = None


class Joined(nn.Module):
    """`way`: how outputs are returned; `place`: where the loop is; `states`: forward takes and returns them."""

    def __init__(self, seed, framework, join, way, place, states):
        super().__init__()
        torch.manual_seed(seed)
        self.rng = np.random.default_rng(seed)
        self.framework, self.join, self.way, self.place, self.states = framework, join, way, place, states
        image = self.rng.random() < 0.4 and join != "early"
        self.shapes = {
            "x": (2, 6, 5) if image else (int(self.rng.integers(3, 8)),),
            "y": (int(self.rng.integers(3, 8)),),
        }
        size, out = int(self.rng.integers(4, 9)), int(self.rng.integers(3, 6))
        self.left = nn.Conv2d(2, 3, 3, stride=2) if image else self.dense(self.shapes["x"][0], size)
        self.right = self.dense(self.shapes["y"][0], size)
        wide = 3 * 2 * 2 if image else size
        self.left_lif, self.right_lif, self.last_lif = self.neuron(), self.neuron(), self.neuron()
        self.flat = nn.Flatten()
        both = wide + size if join == "cat" else self.shapes["x"][0] + self.shapes["y"][0]
        self.from_left, self.from_right = self.dense(wide, out), self.dense(size, out)
        self.from_both = self.dense(both, out) if join in ("cat", "early") else None
        self.again = self.dense(self.shapes["y"][0], out) if join == "twice" else None
        self.head = self.dense(out, 2)
        with torch.no_grad():
            for each in (self.left, self.right, self.from_left, self.from_right, self.from_both, self.again):
                if each is not None:
                    each.weight.mul_(2.5 if framework == "snntorch" else 8.0)
                    each.weight.add_(0.3 / np.sqrt(each.weight[0].numel()))
        del self.rng
        self.eval()

    def dense(self, *size):
        return nn.Linear(*size, bias=bool(self.rng.random() < 0.6))

    def neuron(self):
        rng = self.rng
        if self.framework == "norse":
            import norse.torch as norse

            tensors = [torch.as_tensor(v, dtype=torch.float32) for v in rng.uniform((100, 100), (600, 600))]
            if rng.random() < 0.5:
                p = norse.LIFParameters(*tensors, v_th=torch.as_tensor(rng.uniform(0.2, 0.5), dtype=torch.float32))
                return norse.LIFCell(p, dt=DT)
            return norse.LIFBoxCell(norse.LIFBoxParameters(tensors[0]), dt=DT)
        import snntorch

        kind = ("subtract", "zero", "none")[int(rng.integers(3))]
        options = {"reset_mechanism": kind, "init_hidden": not self.states, "threshold": float(rng.uniform(0.5, 1.2))}
        return snntorch.Leaky(float(rng.uniform(0.4, 0.97)), reset_delay=bool(rng.random() < 0.5), **options)

    def call(self, name, drive, state):
        """One neuron, whatever holds its state."""
        neuron = getattr(self, name)
        if self.framework == "snntorch" and not self.states:
            return neuron(drive)
        spikes, state[name] = neuron(drive, state.get(name))
        return spikes

    def step(self, x, y, state):
        """Outputs by name, of one step; `state` is changed."""
        if self.join == "early":
            last = self.call("last_lif", self.from_both(torch.cat([x, y], 1)), state)
            return {"last": last, "values": self.head(last)}
        left = self.flat(self.call("left_lif", self.left(x), state))
        right = self.call("right_lif", self.right(y), state)
        if self.join == "separate":
            last = self.call("last_lif", self.from_left(left), state)
            return {"right": right, "last": last}
        if self.join == "cat":
            drive = self.from_both(torch.cat([left, right], dim=1))
        else:
            drive = self.from_left(left) + self.from_right(right)
        if self.join == "twice":
            drive = drive + self.again(y)
        last = self.call("last_lif", drive, state)
        return {"last": last, "right": right, "values": self.head(last)}

    def returned(self, found):
        """Outputs in the way that forward returns them."""
        if self.way == "dict":
            return dict(found)
        if self.way == "named":
            return namedtuple("Found", found)(**found)
        if self.way == "record" and len(found) == 3:
            return Record(*found.values())
        return list(found.values()) if self.way == "list" else tuple(found.values())


class Outside(Joined):
    def forward(self, x, y, state=None):
        state = dict(state or {})
        found = self.step(x, y, state)
        return (*found.values(), state) if self.way == "tuple" else (self.returned(found), state)


class Hidden(Joined):
    def forward(self, x, y):
        return self.returned(self.step(x, y, {}))


class Inside(Joined):
    """Recorded and stacked; what is held is computed in every step anew."""

    def forward(self, x, y, steps=20):
        state, rows = {}, []
        for k in range(steps):
            one = x if self.place == "held" else x[k]
            two = y if self.place in ("held", "mixed") else y[k]
            rows.append(self.step(one, two, state))
        return self.returned({name: torch.stack([row[name] for row in rows]) for name in rows[0]})


def random_joined(seed, framework):
    """A module, its inputs by name, and the names of its outputs in order."""
    rng = np.random.default_rng(1000 + seed)
    join, way = JOINS[seed % 5], WAYS[int(rng.integers(5))]
    place = PLACES[seed // 5 % 4] if rng.random() < 0.6 else "outside"
    states = framework == "norse" or place != "outside" or bool(rng.random() < 0.5)
    kind = Inside if place != "outside" else Outside if states else Hidden
    module = kind(seed, framework, join, way, place, states)
    given = {}
    for name, shape in module.shapes.items():
        kind = int(rng.integers(3)) if seed % 3 == 0 else 0
        size = (20, 3, *shape)
        array = (
            rng.random(size) < 0.5 if kind == 0 else rng.poisson(0.7, size) if kind == 1 else rng.normal(0.3, 1, size)
        )
        array = array.astype(np.float32)
        if place == "held" or (place == "mixed" and name == "y"):
            array = np.repeat(array[:1], 20, 0)
        given[name] = array
    return module, given


def by_hand(module, given):
    """Outputs over time in float64, by the module's own step."""
    module = copy.deepcopy(module).double()
    for each in module.modules():
        if hasattr(each, "mem"):
            each.mem = torch.zeros(0, dtype=torch.float64)
        if hasattr(each, "weight"):
            # snnTorch's spikes are float32 whatever the membrane is
            each.register_forward_pre_hook(lambda layer, args: (args[0].double(),))
    x, y = (torch.as_tensor(given[name], dtype=torch.float64) for name in ("x", "y"))
    state, rows = {}, []
    with torch.no_grad():
        for k in range(len(x)):
            rows.append(module.step(x[k], y[k], state))
    return {name: torch.stack([row[name] for row in rows]).numpy() for name in rows[0]}

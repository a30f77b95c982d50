"""Every public module class of both libraries, found by introspection: captured, refused by name, or not a neuron."""

import importlib
import pkgutil
import warnings

import numpy as np
import pytest
import snntorch
import torch
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import norse.torch as norse

import snndeploy as sd
from snndeploy.frontends import neurons


def classes(package):
    """Module classes that are defined in a package, with every file of it imported; nothing private."""
    found = set()
    for info in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        module = None if info.ispkg else importlib.import_module(info.name)
        for name, value in vars(module).items() if module else ():
            own = isinstance(value, type) and issubclass(value, nn.Module) and value.__module__ == info.name
            if own and not name.startswith("_"):
                found.add(value)
    return found


def public():
    """snnTorch exports some of its files only; Norse means all of them."""
    exported = {value for value in vars(snntorch).values() if isinstance(value, type)}
    folders = [importlib.import_module(f"snntorch.{name}") for name in ("_neurons", "_layers")]
    ours = set().union(*(classes(folder) for folder in folders)) & exported
    return ours | classes(importlib.import_module("norse.torch.module"))


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for framework in ("snntorch", "norse"):
        importlib.import_module(f"snndeploy.frontends.{framework}")
    PUBLIC = sorted(public(), key=lambda cls: (cls.__module__, cls.__name__))


def test_there_is_something_to_find():
    names = {cls.__name__ for cls in PUBLIC}
    assert {"Leaky", "Alpha", "LeakyParallel", "SLSTM", "LIFCell", "CobaLIFCell", "LIF", "IzhikevichCell"} <= names
    assert len(PUBLIC) > 55


@pytest.mark.parametrize("cls", PUBLIC, ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
def test_every_class_is_in_exactly_one_list(cls):
    lists = (neurons.FAMILIES, neurons.REFUSED, neurons.NOT_NEURONS, neurons.CONTAINERS)
    assert sum(cls in each for each in lists) == 1


def test_the_lists_name_nothing_else():
    assert {*neurons.FAMILIES, *neurons.REFUSED, *neurons.NOT_NEURONS, *neurons.CONTAINERS} <= set(PUBLIC)


@pytest.mark.parametrize("cls", sorted(neurons.REFUSED, key=lambda cls: cls.__name__), ids=lambda cls: cls.__name__)
def test_refused_classes_are_refused_by_name_with_a_way_out(cls):
    """A module whose constructor cannot be called here is made without it: the class alone decides."""
    module = cls.__new__(cls)
    nn.Module.__init__(module)

    class Around(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.odd = nn.Linear(4, 4), module

        def forward(self, x):
            return self.odd(self.fc(x))

    refusal = neurons.REFUSED[cls]
    with pytest.raises(sd.errors.SnnDeployError) as caught:
        sd.capture(Around().eval(), np.ones((3, 2, 4), np.float32), dt=1e-3)
    mine = [finding for finding in caught.value.findings if finding.where == "module 'odd'"]
    assert [finding.code for finding in mine] == ["SD301"]
    assert cls.__name__ in mine[0].what
    assert refusal.what in mine[0].what
    assert mine[0].fix == refusal.fix
    named = [word.strip(",") for word in refusal.fix.split() if word[:2].isupper() or word.endswith(("Cell", "Leaky,"))]
    known = {each.__name__ for each in neurons.FAMILIES}
    assert all(word in known for word in named if word not in ("LSTM",)), named


def test_what_is_no_neuron_says_what_to_do():
    module = norse.SequentialState(norse.PoissonEncoder(3), nn.Linear(4, 4), norse.LIFCell())
    with pytest.raises(sd.errors.SnnDeployError, match="SD301 module '0': .*PoissonEncoder.*encode before capture"):
        sd.capture(module.eval(), torch.ones(3, 2, 4), dt=1e-3)

"""Every option of every class that is captured is drawn in fifty instances at least: nothing is left out unseen."""

from __future__ import annotations

import inspect
import warnings
from collections import Counter

import pytest
from layer_instances import CASES as LAYERS
from norse_neurons import CASES as NORSE
from norse_neurons import OVER_TIME
from snntorch_neurons import CASES as SNNTORCH
from snntorch_neurons import SNNTORCH_FAILS
from torch import nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import norse.torch as norse
    from norse.torch.module import snn as bases

from snndeploy.frontends import layers, max_pool, neurons
from snndeploy.frontends import norse as norse_families
from snndeploy.frontends import snntorch as snntorch_families

del norse_families, snntorch_families

# sizes, which are drawn for every instance, and what is no part of a network
SIZES = {"input_size", "hidden_size", "in_features", "out_features", "channels", "num_features", "norm_type"}
SIZES |= {"in_channels", "out_channels", "kernel_size", "self", "device", "dtype", "kwargs", "p"}
# internals of Norse's base classes, which the classes themselves set
INTERNAL = {"activation", "state_fallback", "activation_sparse"}
# options of refused settings, or of others that have tests of their own
ELSEWHERE = {
    ("MaxPool1d", "return_indices"): "test_joins_and_pools",
    ("MaxPool2d", "return_indices"): "test_joins_and_pools",
    ("AdaptiveMaxPool1d", "return_indices"): "test_joins_and_pools",
    ("AdaptiveMaxPool2d", "return_indices"): "test_joins_and_pools",
    ("Conv1d", "padding_mode"): "refused as that of Conv2d",
    ("Upsample", "mode"): "all but nearest is refused",
    ("Upsample", "align_corners"): "of modes that are refused",
    ("BatchNorm1d", "track_running_stats"): "refused as that of BatchNorm2d",
    ("LSNN", "adjoint"): "refused as that of LSNNCell",
    ("LSNNRecurrent", "adjoint"): "refused as that of LSNNRecurrentCell",
}


def drawn(cases, name):
    """How often each option of a class was given something other than its default."""
    found = Counter()
    for case in cases:
        if case.name.replace(",", " ").split()[0] == name:
            for seed in range(case.instances):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)
                    found.update(set(case.make(seed).options))
    return found


def too_rare(name, options, cases, skip=()):
    counts = drawn(cases, name)
    wanted = [o for o in options if o not in SIZES and o not in skip and (name, o) not in ELSEWHERE]
    assert counts, name
    return {option: counts[option] for option in wanted if counts[option] < 50}


@pytest.mark.parametrize(
    "cls", [c for c, f in neurons.FAMILIES.items() if f.framework == "snntorch"], ids=lambda c: c.__name__
)
def test_options_of_snntorch(cls):
    fails = {option for name, option in SNNTORCH_FAILS if name == cls.__name__}
    assert too_rare(cls.__name__, inspect.signature(cls.__init__).parameters, SNNTORCH, fails) == {}


@pytest.mark.parametrize(
    "cls", [c for c, f in neurons.FAMILIES.items() if f.framework == "norse"], ids=lambda c: c.__name__
)
def test_options_of_norse(cls):
    """Norse's classes take a tuple of parameters, and pass the rest on to their base."""
    own = inspect.signature(cls.__init__).parameters
    base = next((b for b in cls.__mro__ if b.__module__ == bases.__name__), None)
    passed = inspect.signature(base.__init__).parameters if base is not None and "kwargs" in own else {}
    fields = set(own["p"].default._fields)
    if "lif" in fields:
        fields = fields - {"lif"} | set(norse.LIFParameters()._fields)
    assert fields
    assert too_rare(cls.__name__, {*own, *passed, *fields}, NORSE, INTERNAL) == {}
    assert ("record_states" in passed) == (cls.__name__ in OVER_TIME and cls.__name__ != "IAF")


DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.Identity)


@pytest.mark.parametrize("cls", [*layers.LAYERS, *max_pool.POOLS], ids=lambda c: c.__name__)
def test_options_of_layers(cls):
    if not cls.__module__.startswith("torch"):
        pytest.skip("a layer of rebuilt modules")
    name = "Identity" if cls in DROPOUTS else cls.__name__
    options = [o for o in inspect.signature(cls.__init__).parameters if o not in ("args", "kwargs")]
    assert too_rare(name, options, LAYERS, {"track_running_stats", "padding_mode"}) == {}

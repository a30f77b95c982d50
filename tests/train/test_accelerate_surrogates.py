"""Surrogate gradients of all steps at once: those of the library, or refused."""

from inspect import isfunction

import pytest
from accelerated_modules import agree, layers, leaky
from snntorch import surrogate
from torch import nn

from snndeploy.errors import SnnDeployError
from snndeploy.train.time_plan import ROWS
from snndeploy.train.time_surrogates import check_surrogate, inlined

SURROGATES = {
    "atan": surrogate.atan(),
    "fast_sigmoid": surrogate.fast_sigmoid(slope=5),
    "sigmoid": surrogate.sigmoid(slope=4),
    "straight_through_estimator": surrogate.straight_through_estimator(),
    "spike_rate_escape": surrogate.spike_rate_escape(beta=2, slope=3),
    "triangular": surrogate.triangular(),
    "SFS": surrogate.SFS(slope=5, B=1),
}


@pytest.mark.parametrize("name", SURROGATES)
def test_gradients_of_each_surrogate_of_snntorch(name):
    grad = SURROGATES[name]
    _, slow = agree(nn.Sequential(*layers(leaky(spike_grad=grad), leaky(spike_grad=grad))))
    assert any(float(each.abs().max()) > 0 for each in slow.values())


def test_every_surrogate_of_snntorch_is_checked_or_refused():
    """The list is the library's own; LSO fails in snnTorch 1.0 itself, SSO draws."""
    made = {
        name for name, each in vars(surrogate).items() if isfunction(each) and each.__module__ == surrogate.__name__
    }
    for name in made:
        each = getattr(surrogate, name)
        grad = each(lambda x, given, _: given / (1 + x * x)) if name == "custom_surrogate" else each()
        if name in ("SSO", "LSO"):
            with pytest.raises(SnnDeployError, match=f"SD846 lif: its surrogate gradient {name}"):
                check_surrogate(grad, "lif")
        else:
            check_surrogate(grad, "lif")
    known = {*SURROGATES, "SSO", "LSO", "heaviside", "custom_surrogate"}
    assert made == known


@pytest.mark.parametrize(("name", "kind"), [("atan", "atan"), ("fast_sigmoid", "fast_sigmoid"), ("sigmoid", ROWS),
                                            ("straight_through_estimator", "straight_through")])  # fmt: skip
def test_surrogates_that_are_written_into_kernels_are_found_to_be_the_same(name, kind):
    assert inlined(SURROGATES[name])[0] == kind
    assert inlined(lambda x: SURROGATES[name](2 * x))[0] == ROWS

    def inner(x):
        return SURROGATES[name](1.01 * x)

    inner.__module__, inner.__qualname__ = "snntorch.surrogate", f"{name}.<locals>.inner"
    assert inlined(inner)[0] == ROWS


def test_a_surrogate_that_looks_at_its_neighbours_is_unknown():
    def neighbours(x):
        return (x > 0).float() + (x - x.mean()) * 0 + x.softmax(0) - x.softmax(0).detach()

    with pytest.raises(SnnDeployError, match="neighbours is unknown"):
        check_surrogate(neighbours, "lif")

"""What may be fed into a network, and what is refused before any engine sees it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from snndeploy.errors import SnnDeployError
from snndeploy.network import Dense, Input, Network, Population, Projection, Rule
from snndeploy.network.inputs import COUNT_MAX, as_inputs


def network(*inputs: Input) -> Network:
    projections = tuple(Projection(each.name, "n", (Dense(np.eye(2)),)) for each in inputs)
    return Network(1e-3, inputs, (Population("n", (2,), Rule(0.5)),), projections, ("n",))


def refused(given, *inputs: Input) -> str:
    with pytest.raises(SnnDeployError) as caught:
        as_inputs(network(*inputs), given)
    return str(caught.value)


COUNTS = Input("in", (2,), "counts")
ONES = np.ones((5, 1, 2))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (-ONES, "SD111.*whole numbers >= 0"),
        (ONES / 2, "SD111.*whole numbers >= 0"),
        (ONES * 1e19, "SD111.*a count of 1e[+]19"),
        (np.full((5, 1, 2), 2**63 + 5, np.uint64), "SD111.*beyond 9,007,199,254,740,992"),
        (np.ones((5, 0, 2)), "SD103.*no samples"),
        (torch.ones(5, 1, 2, dtype=torch.bfloat16), "SD111.*no array of numbers"),
        ([[1], [1, 2]], "SD111.*no array of numbers"),
    ],
)
def test_what_is_no_count_is_refused(given, said):
    import re

    text = refused(given, COUNTS)
    assert re.search(said, text), text


def test_the_largest_count_is_taken_exactly():
    arrays = as_inputs(network(COUNTS), np.full((1, 1, 2), COUNT_MAX))
    assert arrays["in"].dtype == np.int64
    assert arrays["in"].tolist() == [[[2**53, 2**53]]]


def test_the_value_that_is_not_binary_is_named():
    given = ONES.copy()
    given[3, 0, 1] = -2
    assert "-2 is not 0 or 1" in refused(given, Input("in", (2,)))


def test_inputs_have_the_same_steps_and_samples():
    two = (Input("a", (2,)), Input("b", (2,)))
    assert "SD103 inputs: they differ" in refused({"a": ONES, "b": np.ones((4, 1, 2))}, *two)
    assert "SD103 inputs: they differ" in refused({"a": ONES, "b": np.ones((5, 2, 2))}, *two)
    assert set(as_inputs(network(*two), {"a": ONES, "b": ONES})) == {"a", "b"}


@pytest.mark.parametrize("given", [{}, ONES])
def test_constant_inputs_alone_do_not_say_how_long_to_run(given):
    assert "SD112" in refused(given, replace(COUNTS, kind="constant"))

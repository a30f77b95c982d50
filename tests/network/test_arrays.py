import numpy as np
import pytest
from random_networks import float_network
from scipy.sparse import csr_array

from snndeploy.network import Registers, Reset, Rule, Sparse
from snndeploy.network.arrays import equal, freeze


def test_parameters_cannot_be_changed_and_do_not_alias():
    given = np.array([0.5, 0.6])
    rule = Rule(beta=given)
    given[0] = 0
    assert rule.beta[0] == 0.5
    with pytest.raises(ValueError, match="read-only"):
        rule.beta[0] = 1


def test_registers_refuse_fractions():
    with pytest.raises(ValueError, match="not whole numbers"):
        Registers(du=0.5, dv=0, vth=1)
    with pytest.raises(ValueError, match="not whole numbers"):
        Registers(du=0, dv=0, vth=1, reset=Reset("by", 64.5))


def test_registers_hold_their_reset_as_an_integer():
    """With a float among them the membrane would become one."""
    assert Registers(du=0, dv=0, vth=1, reset=Reset("by", 64.0)).reset.value.dtype == np.int64


def test_equality_is_bit_for_bit():
    assert equal(freeze(np.nan), freeze(np.nan))
    assert not equal(freeze(0.0), freeze(-0.0))
    assert not equal(freeze(1), freeze(1, np.int64))
    assert not equal(freeze(0), freeze(0, np.int64))


def test_sparse_weights_are_equal_only_with_the_same_rows():
    data, columns = np.ones(2), np.zeros(2, int)
    one, two = (Sparse(csr_array((data, columns, rows), (3, 2)), (2,), (3,)) for rows in ([0, 1, 2, 2], [0, 1, 1, 2]))
    assert equal(one, one)
    assert not equal(one, two)


def test_networks_are_equal_only_if_every_number_is():
    a, b = (float_network(np.random.default_rng(3)) for _ in range(2))
    assert equal(a, b)
    rule = a.populations[0].rule
    changed = Rule(beta=np.nextafter(rule.beta, 0), threshold=rule.threshold, receptors=rule.receptors)
    populations = (type(a.populations[0])(a.populations[0].name, a.populations[0].shape, changed), *a.populations[1:])
    assert not equal(a, a.with_(populations=populations))

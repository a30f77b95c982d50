"""Arrays in the block: every bit comes back, and offsets stay inside the arrays that they point into."""

import numpy as np
import pytest

from snndeploy.frontends.nir.block import BadBlockError, _Reader, _Writer
from snndeploy.frontends.nir.graph import Block, Graph
from snndeploy.network.arrays import equal

ARRAYS = [
    np.array([0.0, 0.0, -0.0]),
    np.array([-0.0, -0.0]),
    np.array([[0.1, 0.1], [0.1, 0.1]]),
    np.array([5e-324, 2.0]),
    np.array([2**53 + 1, 2**53]),
    np.array([7, 7, 7]),
    np.zeros((0, 3)),
    np.array(0.1),
]


def reader(writer: _Writer) -> _Reader:
    return _Reader(Graph({}, ()), Block("", writer.whole("float64"), writer.whole("int64")))


def test_arrays_come_back_bit_for_bit():
    writer = _Writer()
    written = [writer.array(each) for each in ARRAYS]
    for raw, array in zip(written, ARRAYS, strict=True):
        assert equal(np.asarray(reader(writer).array(raw)), array), array


@pytest.mark.parametrize(("at", "size"), [(-4, 2), (-1, 1), (3, 2), (5, 0), (0, 5), (True, 1), (1.0, 1)])
def test_an_offset_outside_its_array_is_refused(at, size):
    writer = _Writer()
    writer.array(np.arange(4.0))
    assert reader(writer).array({"of": "float64", "at": 1, "shape": [2]}).tolist() == [1.0, 2.0]
    with pytest.raises(BadBlockError, match="outside"):
        reader(writer).array({"of": "float64", "at": at, "shape": [size]})

"""Whatever differs between the plain fields of a file and its block is named, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from snndeploy.frontends.nir.agree import disagreements
from snndeploy.frontends.nir.graph import Graph, Node

GOOD = Graph(
    {
        "in": Node("Input", {"shape": np.array([2])}),
        "fc": Node("Linear", {"weight": np.array([[0.5, 0.25]])}),
        "conv": Node("Conv1d", {"padding": "same", "groups": np.array(1)}),
        "lif": Node("LIF", {"tau": np.array([0.01]), "v_reset": np.array([0.0])}),
    },
    (("in", "fc"), ("fc", "lif")),
)


def node(name: str, **fields) -> Graph:
    return replace(GOOD, nodes={**GOOD.nodes, name: replace(GOOD.nodes[name], **fields)})


def field(name: str, **changes) -> Graph:
    kept = {key: value for key, value in {**GOOD.nodes[name].fields, **changes}.items() if value is not None}
    return node(name, fields=kept)


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (field("fc", weight=np.array([[0.5, 0.25 * (1 + 1e-11)]])), "fc', weight: 0.2500000000025 at (0, 1)"),
        (field("fc", weight=np.array([[0.5], [0.25]])), "fc', weight: its shape is (2, 1), by the block (1, 2)"),
        (field("lif", v_reset=np.array([1e-300])), "lif', v_reset: 1e-300 at (0,), by the block 0.0"),
        (field("lif", v_reset=None), "lif', v_reset: only the block has it"),
        (field("lif", r=np.array([1.0])), "lif', r: the block does not know it"),
        (field("conv", padding="valid"), "conv', padding: 'valid', by the block 'same'"),
        (field("conv", padding=np.array(0)), "conv', padding: 0, by the block 'same'"),
        (node("lif", type="IF"), "node 'lif': it is IF, by the block LIF"),
        (replace(GOOD, nodes={**GOOD.nodes, "lif": GOOD}), "node 'lif': it is NIRGraph, by the block LIF"),
        (replace(GOOD, nodes={**GOOD.nodes, "more": GOOD.nodes["in"]}), "node 'more': the block does not know it"),
        (replace(GOOD, nodes={n: GOOD.nodes[n] for n in ("in", "fc", "conv")}), "node 'lif': only the block has it"),
        (replace(GOOD, edges=(*GOOD.edges, ("in", "lif"))), "edge 'in' -> 'lif': the block does not have it"),
        (replace(GOOD, edges=GOOD.edges[:1]), "edge 'fc' -> 'lif': only the block has it"),
        (replace(GOOD, edges=(*GOOD.edges, GOOD.edges[0])), "edges: one is listed twice"),
    ],
)
def test_a_difference_is_named(stored, said):
    (found,) = disagreements(stored, GOOD, "file")
    assert found.code == "SD412"
    assert said in str(found), str(found)


def test_the_last_bits_of_a_product_do_not_differ():
    near = field("fc", weight=np.array([[0.5, np.nextafter(0.25, 1)]]))
    assert disagreements(near, GOOD, "file") == disagreements(GOOD, GOOD, "file") == []

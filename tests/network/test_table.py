import numpy as np
from random_networks import EVERY, float_network, integer_network

from snndeploy.network import Decision, Dense, Input, Network, Population, Projection, Reset, Rule


def test_a_network_prints_as_a_table():
    net = Network(
        1e-3,
        (Input("image", (4,)),),
        (Population("out", (3,), Rule(beta=[0.5, 0.6, 0.9], threshold=2, reset=Reset("by", 2, "next"))),),
        (Projection("image", "out", (Dense(np.ones((3, 4))),)),),
        ("out",),
        Decision("out"),
    )
    assert str(net).splitlines() == [
        "float network, dt 0.001 s, decides by spike-count of out",
        "input       image       4  binary",
        "projection  image->out     dense 3×4",
        "output      out         3  β 0.5..0.9, θ 2, reset by 2, next",
    ]


def test_every_part_of_a_random_network_has_a_row():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        for net in (float_network(rng, EVERY), integer_network(rng)):
            text = str(net)
            assert len(text.splitlines()) == 1 + len(net.inputs) + len(net.projections) + len(net.populations)
            assert all(name in text for name in net.shapes)

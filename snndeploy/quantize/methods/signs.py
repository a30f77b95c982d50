"""Excitatory and inhibitory weights of a mixed projection in projections of their own.

Where signs are mixed, a chip stores the sign with the weight and drops the lowest bit: 8 bits are steps of 2 in
-256..254. Apart, each side has all its 8 bits of magnitude and its own exponent. The same synapses, up to twice the
axons.
"""

from __future__ import annotations

from snndeploy.network.network import Network
from snndeploy.quantize.layout import by_sign, spread
from snndeploy.quantize.methods.base import Method


def layout(network: Network) -> Network:
    return spread(network, by_sign)


METHOD = Method("signs", "excitatory and inhibitory weights apart: a bit more, an exponent each", layout)

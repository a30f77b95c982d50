"""Weights of one sign and one octave in a projection of their own: an exponent for each weight, like a float's.

Six octaves below the largest weight of each sign, the last one with all that is smaller. One synapse per weight still;
the price are axons. Octaves that end up with the same format are one projection again.
"""

from __future__ import annotations

from functools import partial

from snndeploy.network.network import Network
from snndeploy.quantize.layout import by_sign_and_size, spread
from snndeploy.quantize.methods.base import Method

OCTAVES, BANDS = 1, 6


def layout(network: Network) -> Network:
    return spread(network, partial(by_sign_and_size, octaves=OCTAVES, bands=BANDS))


METHOD = Method("bands", "an exponent per octave of weights, signs apart; several axons", layout)

"""What a network is: populations, projections, the exact update rule, what is legal."""

from snndeploy.network.encodings import Bias, Delta, Encoding, Feed, Graded, Host, Planes, Rate
from snndeploy.network.maps import Conv, Dense, Flatten, Map, Pool, Reshape, Scale, Sparse
from snndeploy.network.network import Decision, Input, Network, Population, Projection, Source
from snndeploy.network.registers import AdaptationRegisters, Format, Registers
from snndeploy.network.rule import Adaptation, Receptor, Refractory, Reset, Rule

__all__ = [
    "Adaptation",
    "AdaptationRegisters",
    "Bias",
    "Conv",
    "Decision",
    "Delta",
    "Dense",
    "Encoding",
    "Feed",
    "Flatten",
    "Format",
    "Graded",
    "Host",
    "Input",
    "Map",
    "Network",
    "Planes",
    "Pool",
    "Population",
    "Projection",
    "Rate",
    "Receptor",
    "Refractory",
    "Registers",
    "Reset",
    "Reshape",
    "Rule",
    "Scale",
    "Source",
    "Sparse",
]

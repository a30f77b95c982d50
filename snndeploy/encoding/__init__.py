"""Encodings at work: chosen by name for a network, made into its events, and what they cost."""

from snndeploy.encoding.apply import encode, encoded, encoded_as, events
from snndeploy.encoding.measure import Cost, costs
from snndeploy.network.encodings import ENCODINGS

__all__ = ["ENCODINGS", "Cost", "costs", "encode", "encoded", "encoded_as", "events"]

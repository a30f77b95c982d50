"""Verdicts in tiers: how much of two runs is the same, in exactly defined words."""

from snndeploy.conform.tiers.definition import DEFINITIONS, TIERS, Tier, at_least, strongest
from snndeploy.conform.tiers.result import Decided, Layer, Tolerances, Verdict

__all__ = ["DEFINITIONS", "TIERS", "Decided", "Layer", "Tier", "Tolerances", "Verdict", "at_least", "strongest"]

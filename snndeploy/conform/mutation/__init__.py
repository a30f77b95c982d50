"""Faults planted on purpose: are they seen, is the right layer named, and the right cause?"""

from snndeploy.conform.mutation.faults import Fault, faults
from snndeploy.conform.mutation.score import Outcome, judge, outcomes

__all__ = ["Fault", "Outcome", "faults", "judge", "outcomes"]

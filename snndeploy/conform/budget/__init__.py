"""The error budget: which part of quantising a network moved how many spikes and decisions."""

from snndeploy.conform.budget.measure import budget
from snndeploy.conform.budget.result import Budget, Entry

__all__ = ["Budget", "Entry", "budget"]

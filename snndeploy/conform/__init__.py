"""Comparison of traces: identical, identical but for proven ties, or different; and where."""

from snndeploy.conform.compare import compare, state_equal
from snndeploy.conform.result import Comparison, First, Row

__all__ = ["Comparison", "First", "Row", "compare", "state_equal"]

"""Why two runs differ: which layer, which cause."""

from snndeploy.conform.diagnosis.result import Cause, Check, Contribution, Diagnosis

__all__ = ["Cause", "Check", "Contribution", "Diagnosis"]

"""Data sets in shards: blocks of samples, run on several workers, that are taken up again where a run ended."""

from snndeploy.shards.evaluate import evaluate
from snndeploy.shards.result import Evaluation

__all__ = ["Evaluation", "evaluate"]

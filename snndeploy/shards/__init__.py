"""Data sets in shards: blocks of samples, run on several workers, that are taken up again where a run ended."""

from snndeploy.shards.comparing import compare_engines, compare_files, document
from snndeploy.shards.evaluate import evaluate
from snndeploy.shards.result import Evaluation
from snndeploy.shards.session import How
from snndeploy.shards.source import Source

__all__ = ["Evaluation", "How", "Source", "compare_engines", "compare_files", "document", "evaluate"]

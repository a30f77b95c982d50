"""Methods of quantisation side by side, and the one that fits a budget: what they keep and what they cost."""

from snndeploy.conform.statistics import mcnemar, raster_cosine, wilson
from snndeploy.tuning.auto import Auto, auto
from snndeploy.tuning.score import Score, compare_methods, score
from snndeploy.tuning.table import table

__all__ = ["Auto", "Score", "auto", "compare_methods", "mcnemar", "raster_cosine", "score", "table", "wilson"]

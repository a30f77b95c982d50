"""Passes: Network -> Network, pure, one file each, in the float form.

The captured module (`source`) is dropped by every pass that changes a rule or a weight: it computes the network that
was captured, not the one that comes out. A pass that finds nothing to do returns the network that it was given.
"""

from snndeploy.passes.constants import constants
from snndeploy.passes.fold_gain import fold_gain
from snndeploy.passes.fold_values import fold_values
from snndeploy.passes.merge_maps import merge_maps
from snndeploy.passes.reset_to_zero import reset_to_zero
from snndeploy.passes.sequential import sequential

__all__ = ["constants", "fold_gain", "fold_values", "merge_maps", "reset_to_zero", "sequential"]

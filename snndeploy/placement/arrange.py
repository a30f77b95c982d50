"""Where cores lie: the arrangement on tiles and chips under which few spikes go far.

The cost of an arrangement is the sum over pairs of cores of spikes per step times hops, where the borders of chips and
boards count as many hops as the target says. Finding the least is a quadratic assignment; nothing here claims it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from snndeploy.errors import error
from snndeploy.network.arrays import Array
from snndeploy.placement.greedy import greedy
from snndeploy.placement.partition import optimised
from snndeploy.placement.sites import distance, in_rows, sites
from snndeploy.targets import Target

Method = Callable[[Any, Target, int], Array]
# the site number of each core, from the traffic in both directions
METHODS: dict[str, Method] = {
    "rows": lambda both, target, seed: np.arange(both.shape[0]),
    "greedy": lambda both, target, seed: greedy(both, target),
    "metis": optimised,
}


def arrange(between: Any, target: Target, method: str = "metis", seed: int = 0) -> Array:
    """The site of every core, int64 (cores, 3): chip, x and y of the tile; no more chips than the cores need.

    Args:
        between: `csr_array (cores, cores)`, spikes per step from core to core.
        method: "rows", core i on site i; "greedy", chip after chip and core after core, each where it costs least;
            "metis", chips and tiles by METIS, then swaps as long as one helps, from there and from the greedy
            arrangement: never worse than that.
        seed: of METIS; the same seed gives the same arrangement.

    Raises:
        SnnDeployError SD251: there is no such method.
    """
    if method not in METHODS:
        raise error("SD251", f"arrange {method!r}", "there is no such method", f"choose from {', '.join(METHODS)}")
    if between.shape[0] == 1 or between.nnz == 0:
        return in_rows(between.shape[0], target)
    from scipy import sparse

    both = sparse.csr_array(between + between.T)
    both.setdiag(0)
    both.eliminate_zeros()
    return sites(METHODS[method](both, target, seed), target)


def hops(between: Any, where: Array, target: Target) -> float:
    """The cost of an arrangement: spikes per step times hops, with the weights of borders. See the module."""
    from scipy import sparse

    pairs = sparse.coo_array(between)
    a, b = pairs.coords
    return float(pairs.data @ distance(where[a], where[b], target))

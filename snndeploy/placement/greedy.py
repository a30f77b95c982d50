"""The greedy arrangement: chip after chip, core after core."""

from __future__ import annotations

from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.placement.sites import distance, sites
from snndeploy.targets import Target


def greedy(both: Any, target: Target) -> Array:
    """Site number of each core, int64 (cores,).

    The first core is the one with the most traffic; the next ever the one with the most traffic to those that lie
    already. It goes to the free site of the chip that is being filled where this traffic costs least; chips are filled
    in their order. The lowest number wins a tie.

    Args:
        both: `csr_array (cores, cores)`, traffic in both directions, symmetric, zero on the diagonal.
    """
    cores, per = both.shape[0], target.chip.cores.value
    total = np.asarray(both.sum(axis=1)).ravel()
    number = np.full(cores, -1, np.int64)
    pull = np.zeros(cores)
    free = np.zeros(per, bool)
    for done in range(cores):
        chip, filled = divmod(done, per)
        if filled == 0:
            free[:] = True
            here = sites(chip * per + np.arange(per), target)
        open_ = number < 0
        core = int(np.where(open_, pull if pull[open_].max() > 0 else total, -1.0).argmax())
        start, stop = both.indptr[core], both.indptr[core + 1]
        beside, weight = both.indices[start:stop], both.data[start:stop]
        lies = number[beside] >= 0
        there = sites(number[beside[lies]], target)
        added = distance(here[:, None], there[None], target) @ weight[lies]
        best = int(np.where(free, added, np.inf).argmin())
        free[best] = False
        number[core] = chip * per + best
        pull[beside] += weight
    return number

"""The classes of samples, as a picture needs them."""

from __future__ import annotations

from typing import Any

import numpy as np

from snndeploy.errors import error
from snndeploy.network.arrays import Array


def checked(labels: Any, samples: int, where: str) -> Array:
    """Labels int64 (sample,). Raises SnnDeployError SD103: they are not one class for each sample."""
    held = np.asarray(labels)
    if held.shape != (samples,) or held.dtype.kind not in "iu" or held.min(initial=0) < 0:
        what = f"its labels are {held.dtype} {held.shape}, and there are {samples} samples"
        raise error("SD103", where, what, "one label for each sample, whole numbers from 0: y.astype(np.int64)")
    return held.astype(np.int64)

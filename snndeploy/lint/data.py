"""What a network is fed with while it is linted: inputs, and labels if there are any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snndeploy.errors import error
from snndeploy.lint.observe import Observed, observe
from snndeploy.network.arrays import Array
from snndeploy.network.inputs import as_inputs
from snndeploy.network.network import Network

LABELS = "labels"


@dataclass(frozen=True, eq=False)
class Data:
    """Checked data.

    Attributes:
        counted: largest value of each input that is declared binary and carries counts.
        inputs: as `network.inputs.as_inputs` gives them; None where `counted` keeps the network from running.
        labels: class of each sample, int64 (batch,); None: not given.
        seen: what the network did; None without inputs.
    """

    counted: Mapping[str, float]
    inputs: Mapping[str, Array] | None
    labels: Array | None
    seen: Observed | None

    @property
    def steps(self) -> int | None:
        return None if self.inputs is None else int(next(iter(self.inputs.values())).shape[0])


def read(network: Network, given: Any) -> Data:
    """Checks the data and runs the reference on it.

    Args:
        given: as for `run`; a mapping may also hold "labels", whole numbers (batch,). Beside labels, the one input of
            a network may have any name.

    Raises:
        SnnDeployError SD102, SD103, SD104, SD111: everything that does not fit.
    """
    labels = None
    if isinstance(given, Mapping) and LABELS in given and LABELS not in network.input:
        labels = np.asarray(given[LABELS])
        given = {name: array for name, array in given.items() if name != LABELS}
        if len(given) == 1 and len(network.given) == 1:
            (given,) = given.values()
    counted = _counted(network, given)
    if counted:
        return Data(counted, None, labels, None)
    inputs = as_inputs(network, given)
    if labels is not None:
        _check_labels(labels, next(iter(inputs.values())).shape[1])
    return Data({}, inputs, labels, observe(network, inputs))


def _counted(network: Network, given: Any) -> dict[str, float]:
    """Binary inputs whose values are whole numbers above 1: events that were counted."""
    arrays = given if isinstance(given, Mapping) else {each.name: given for each in network.given[:1]}
    found = {}
    for each in network.given:
        if each.kind != "binary" or each.name not in arrays:
            continue
        x = arrays[each.name]
        array = np.asarray(x.detach().cpu() if hasattr(x, "detach") else x)
        numbers = array.size > 0 and array.dtype.kind in "iuf" and bool(np.isfinite(array).all())
        if numbers and array.max() > 1 and array.min() >= 0 and (array == np.floor(array)).all():
            found[each.name] = float(array.max())
    return found


def _check_labels(labels: Array, batch: int) -> None:
    if labels.shape != (batch,):
        raise error("SD103", LABELS, f"their shape is {labels.shape}, not ({batch},)", "one class per sample")
    if labels.dtype.kind not in "iuf" or (labels != np.floor(labels)).any() or labels.min() < 0:
        raise error("SD111", LABELS, "they are not whole numbers of 0 or more", "number the classes from 0")

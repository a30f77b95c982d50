"""The files of a bundle while it is made."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np

from snndeploy.network.arrays import Array


class Members(dict[str, bytes]):
    """Content by name; arrays are numbered in the order in which they come."""

    def keep(self, folder: str, values: Array) -> str:
        """Stores an array; returns its name."""
        name = f"{folder}/{sum(each.startswith(folder + '/') for each in self):04d}.npy"
        stream = io.BytesIO()
        np.lib.format.write_array(stream, np.ascontiguousarray(values), version=(1, 0), allow_pickle=False)
        self[name] = stream.getvalue()
        return name

    def kept(self, folder: str) -> Callable[[Array], str]:
        return lambda values: self.keep(folder, values)

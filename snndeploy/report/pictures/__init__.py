"""Pictures: `snndeploy plot KIND`, into files or a notebook. One kind, one file, one line of `KINDS`.

Each function returns a `matplotlib.figure.Figure`; nothing touches pyplot, so no window opens and no state is left.
"""

from __future__ import annotations

from snndeploy.report.pictures.confusion import confusion
from snndeploy.report.pictures.curves import curves
from snndeploy.report.pictures.embedding import embedding
from snndeploy.report.pictures.everything import everything
from snndeploy.report.pictures.frames import animation, frames
from snndeploy.report.pictures.membranes import membranes
from snndeploy.report.pictures.raster import raster
from snndeploy.report.pictures.weights import weights

KINDS = {
    "raster": raster,
    "membranes": membranes,
    "weights": weights,
    "frames": frames,
    "confusion": confusion,
    "curves": curves,
    "embedding": embedding,
}

__all__ = [
    "KINDS",
    "animation",
    "confusion",
    "curves",
    "embedding",
    "everything",
    "frames",
    "membranes",
    "raster",
    "weights",
]

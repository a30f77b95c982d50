"""t-SNE of a layer: do the samples of a class lie together?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from snndeploy.errors import error
from snndeploy.network.arrays import Array
from snndeploy.report.pictures.canvas import COLOURS, bare, figure
from snndeploy.report.pictures.classes import checked
from snndeploy.report.pictures.raster import chosen

if TYPE_CHECKING:
    from snndeploy.engines.trace import Trace
    from snndeploy.network.network import Network

FEWEST = 4
# up to so many samples the sum over all pairs is the faster way
EXACT = 500


def last_hidden(network: Network) -> list[str]:
    """The last spiking population that feeds another one; none in a network of one layer."""
    feeding = {p.source for p in network.projections if p.source != p.target}
    spiking = [each.name for each in network.populations if each.rule.spiking and each.name in feeding]
    return spiking[-1:]


def spread_out(trace: Trace, population: str | None = None) -> bool:
    """Whether there is something to embed: enough samples, and not the same spike counts in all."""
    if trace.batch < FEWEST or not trace.spikes:
        return False
    counts = _counts(trace, population)[1]
    return bool((counts != counts[0]).any())


def _counts(trace: Trace, population: str | None) -> tuple[str, Array]:
    """The population, and the spikes of its neurons, int64 (sample, neuron)."""
    names = chosen(trace, trace.spikes, None if population is None else [population], "spikes")
    if population is None:
        last = last_hidden(trace.network)
        names = [name for name in names if name in last] or names
    return names[-1], trace.spikes[names[-1]].sum(axis=0, dtype=np.int64).reshape(trace.batch, -1)


def embedding(trace: Trace, labels: Array, population: str | None = None, seed: int = 0) -> Any:
    """The spike counts of each sample in a plane. Van der Maaten and Hinton, JMLR 2008 (scikit-learn's t-SNE).

    Args:
        trace: with spikes. labels: int64 (sample,). population: None: the last that feeds another, else the last.

    Raises:
        SnnDeployError SD102: no spikes of it. SD103: labels and samples differ in number, or are fewer than 4;
            labels are no classes; all samples have the same counts.
    """
    from sklearn.manifold import TSNE

    name, counts = _counts(trace, population)
    labels = checked(labels, trace.batch, "embedding")
    if trace.batch < FEWEST:
        raise error("SD103", "embedding", f"there are {trace.batch} samples", f"{FEWEST} or more")
    if not spread_out(trace, population):
        what = f"all samples have the same spike counts, {int(counts[0].sum()):,} in all"
        raise error("SD103", f"embedding of {name!r}", what, "another layer (--population), or train the network")
    perplexity = min(30.0, (trace.batch - 1) / 3)
    method = "exact" if trace.batch <= EXACT else "barnes_hut"
    sne = TSNE(perplexity=perplexity, init="pca" if counts.shape[1] > 1 else "random", random_state=seed, method=method)
    plane = sne.fit_transform(counts.astype(np.float64))
    made = figure(5.6, 4.6)
    axis = made.subplots()
    for k, each in enumerate(np.unique(labels)):
        here = labels == each
        style = {"marker": "osD^v"[k // len(COLOURS) % 5], "color": COLOURS[k % len(COLOURS)], "label": str(each)}
        axis.scatter(*plane[here].T, s=14, linewidths=0, **style)
    axis.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_title(f"t-SNE of the spike counts of {name}, {trace.batch:,} samples", fontsize=9)
    bare(axis)
    return made

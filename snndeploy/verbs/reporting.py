"""Pages to read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from snndeploy.verbs.given import Path, events_of, target_of
from snndeploy.verbs.placing import place

if TYPE_CHECKING:
    from snndeploy.card import Card
    from snndeploy.network import Network
    from snndeploy.placement import Placement
    from snndeploy.report.html.content import Content
    from snndeploy.targets import Target


def visualise(
    network: Network,
    data: Any,
    folder: Path,
    *,
    run: Path | None = None,
    sample: int = 0,
    progress: Callable[..., None] | None = None,
) -> list[Any]:
    """Draws all that there is to see of a network into a folder: accuracy curves, confusion, t-SNE of the last hidden
    layer, raster, membranes, weights, event frames (and an animation), and a page of activations with a slider.

    Args:
        data: (x, labels), x (time, batch, *shape). run: the folder of a training, for its curves.
        sample: the one that is drawn by itself.

    Returns:
        The files.

    Raises:
        SnnDeployError SD802: the folder cannot be made. SD102, SD103: samples and labels do not fit. Else as `run`.
    """
    from snndeploy.report.pictures import everything

    x, labels = data
    tell = progress or (lambda done, total, text=None: None)
    return everything(network, events_of(network, x), labels, folder, run, sample, tell)


def report(
    network: Network,
    data: Any,
    path: Path,
    *,
    integers: Network | None = None,
    labels: Any = None,
    engines: str | Iterable[str] = "all",
    placement: Placement | None = None,
    target: str | Target | None = None,
    budget: bool = True,
    samples: int = 4,
    title: str = "",
    progress: Callable[..., None] | None = None,
) -> Content:
    """Writes one HTML file, which fetches nothing, about a network: engines against engines, spikes side by side,
    membranes around the first difference, error budget, cores, accuracy with intervals, versions and hashes.

    Args:
        network: of either form. integers: what `quantize` made of it, to be compared with it.
        data: (time, batch, *shape) input. labels: class of each sample (batch,), for accuracies.
        engines: as for `verify`.
        placement: of `place`, for the map of cores. target: that it is on, for the traffic between them; without a
            placement, the integers are placed on it.
        budget: attribute what quantising costs to its parts; needs `integers`.
        samples: how many, from the first on, have their spikes on the page; 10^6 spikes at most.

    Returns:
        What is on the page; `.agrees` says whether all engines reach the tier "ties" in every pair.

    Raises:
        SnnDeployError SD209: `integers` is not the integer form of `network`. SD802: the file cannot be written. Else
            as `verify`.
    """
    from snndeploy.encoding import encoded_as
    from snndeploy.files import check_output
    from snndeploy.report.html.collect import collect
    from snndeploy.report.html.page import write as write_page

    check_output(path)
    if integers is not None and network.form == "float":
        network = encoded_as(network, integers)
    chip = None if target is None else target_of(target)
    if chip is not None and placement is None:
        placement = place(network if integers is None else integers, chip)
    tell = progress or (lambda done, total, text=None: None)
    events = events_of(network, data)
    shown: dict[str, Any] = {"budget": budget, "samples": samples, "title": title}
    found = collect(network, events, integers, labels, engines, placement, chip, **shown, progress=tell)
    write_page(found, path)
    return found


def card(folder: Path, target: str | Target = "loihi1", **settings: Any) -> Card:
    """Takes a run that `train` made the whole way: integers, cores, Lava, every engine; and writes what it measured.

    Accuracies are those of the test samples; how the integers are chosen is decided on training samples alone.

    Args:
        folder: of the run, with `run.json` and `best.nir`.
        settings: method: "cheapest", the cheapest that keeps 99 % of the float decisions on samples held back, "auto",
            or a method of `quantize`. encoding: as for `quantize`. samples: of the test split, None: all. lava: samples
            that Lava runs, 0: none. out: folder of the files, None: that of the run. name: of the files. notes: lines
            that the card holds. nir, integers, report: write the float network, the integers, an HTML report. data: in
            place of the run's, as for `train`. progress: called with (done, total, text).

    Returns:
        `.accuracy`, `.integer_accuracy`, `.kept`, `.numbers`, `.agrees`; print it to read it.

    Raises:
        SnnDeployError SD801, SD896: the folder holds no run of which a card can tell. SD6xx: the target cannot hold the
            network. SD802: a file cannot be written. MissingEngineError SD502: Lava is not installed.
    """
    from snndeploy.card import card as whole_way

    return whole_way(os.fspath(folder), target, **settings)

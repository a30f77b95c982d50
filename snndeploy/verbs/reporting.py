"""Pages to read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from snndeploy.verbs.given import Path, events_of, target_of
from snndeploy.verbs.placing import place

if TYPE_CHECKING:
    from snndeploy.network import Network
    from snndeploy.placement import Placement
    from snndeploy.report.html.content import Content
    from snndeploy.targets import Target


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

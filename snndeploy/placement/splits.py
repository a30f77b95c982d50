"""Ways to split a population over cores: into runs of neurons in some order, or into boxes of channels and places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from math import ceil, inf, prod

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Shape
from snndeploy.placement.axons import placement_order
from snndeploy.placement.parts import Part, Study

# of a study, a population, its shape, and how many parts are too many
Split = Callable[[Study, str, Shape, float], list[Part] | None]

# of as few parts, up to one in so many more, those with the least traffic are taken
NEAR = 32


def by_places(study: Study, name: str, shape: Shape, many: float = inf) -> list[Part] | None:
    """Place by place of an image, all channels of a place together; as many as fit a core, then the next."""
    return runs(study, name, placement_order(shape), many)


def by_channels(study: Study, name: str, shape: Shape, many: float = inf) -> list[Part] | None:
    """Channel by channel, as many neurons as fit a core; a vector neuron by neuron."""
    return runs(study, name, np.arange(prod(shape)), many)


def by_boxes(study: Study, name: str, shape: Shape, many: float = inf) -> list[Part] | None:
    """Boxes of some channels of a rectangle of places: the largest, or one nearly as large that hears less.

    What fits is judged by a box in the middle of the image. At its edges boxes are cut, several of those share a core.
    """
    if len(shape) < 2:
        return by_channels(study, name, shape, many)
    found = [each for parts in _halvings(shape[0]) for each in _boxes_of(study, name, shape, ceil(shape[0] / parts))]
    if not found:
        return by_channels(study, name, shape, many)
    largest = max(prod(size) for _, size in found)
    _, chosen = min((heard / prod(size), size) for heard, size in found if prod(size) >= largest - largest // NEAR)
    return [part for neurons in _boxes(shape, chosen) for part in _whole(study, name, neurons)]


def runs(study: Study, name: str, order: Array, many: float) -> list[Part] | None:
    """Runs of neurons of an order, each as long as it can be; None if they are too many."""
    parts: list[Part] = []
    start, guess = 0, int(study.limits[0])
    while start < len(order):
        part = longest(partial(_run, study, name, order, start), start, len(order), guess)
        if part is None and start < len(order):
            part = study.fitting(name, order[start : start + 1])
        if part is None:
            # refused by the rules, or by what a neuron sends: that is found when all is placed
            part = study.part(name, order[start : start + 1])
        parts.append(part)
        start, guess = start + len(part.neurons), len(part.neurons)
        if len(parts) + (start < len(order)) > many:
            return None
    return parts


def _run(study: Study, name: str, order: Array, start: int, stop: int) -> tuple[Part, float]:
    part = study.part(name, order[start:stop])
    return part, study.share(part)


def longest(measure: Callable[[int], tuple[Part, float]], start: int, stop: int, guess: int) -> Part | None:
    """The part of most neurons, from `start` to at most `stop`, whose share of a core is 1 at most.

    Shares only grow with neurons, and about as their number does: that tells where to look next.

    Args:
        measure: the part that ends there, and its share.
        guess: a length to begin with.
    """
    best, low, high = None, start, stop + 1
    at, tries = min(start + guess, stop), 0
    while high - low > 1:
        part, share = measure(at)
        if share <= 1:
            best, low = part, at
        else:
            high = at
        tries += 1
        about = start + int((at - start) / share) if 0 < share < inf and tries < 6 else (low + high) // 2
        at = min(max(about, low + 1), high - 1)
    return best


def _halvings(channels: int) -> Iterator[int]:
    parts = 1
    while parts < channels:
        yield parts
        parts *= 2
    yield channels


def _middle(shape: Shape, size: Shape) -> Array:
    return box(shape, (0, *((n - b) // 2 for n, b in zip(shape[1:], size[1:], strict=True))), size)


def box(shape: Shape, start: Shape, size: Shape) -> Array:
    """Numbers of the neurons of a box, cut where the image ends."""
    found = np.zeros(1, np.int64)
    for n, first, extent in zip(shape, start, size, strict=True):
        found = (found[:, None] * n + np.arange(first, min(n, first + extent))).ravel()
    return found


def _boxes(shape: Shape, size: Shape) -> Iterator[Array]:
    for start in product(*(range(0, n, b) for n, b in zip(shape, size, strict=True))):
        yield box(shape, start, size)


def _boxes_of(study: Study, name: str, shape: Shape, channels: int) -> Iterator[tuple[int, Shape]]:
    """What boxes of so many channels hear, of every height the widest, and their size."""
    width = 1
    for space in product(*(_even(n) for n in shape[1:-1])):
        front = (channels, *space)
        part = longest(partial(_measured, study, name, shape, front), 0, shape[-1], width)
        if part is not None:
            width = len(part.neurons) // prod(front)
            yield part.heard, (*front, width)


def _even(n: int) -> list[int]:
    """Sizes that split n places into equal parts, each for another number of parts, the largest first."""
    return sorted({ceil(n / parts) for parts in range(1, n + 1)}, reverse=True)


def _measured(study: Study, name: str, shape: Shape, front: Shape, width: int) -> tuple[Part, float]:
    neurons = _middle(shape, (*front, width))
    if len(neurons) > study.limits[0]:
        # too many neurons: what else they need is not counted
        empty = Part(name, neurons, np.array([len(neurons), 0, 0, 0]), (), frozenset(), 0)
        return empty, study.share(empty)
    part = study.part(name, neurons)
    return part, study.share(part)


def _whole(study: Study, name: str, neurons: Array) -> list[Part]:
    """A box as one part, or in runs: boxes differ where weights of zero or settings do, a little is left over then."""
    part = study.fitting(name, neurons)
    return [part] if part is not None else runs(study, name, neurons, inf) or []

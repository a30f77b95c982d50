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


def by_places(study: Study, name: str, shape: Shape, many: float = inf) -> list[Part] | None:
    """Place by place of an image, all channels of a place together; as many as fit a core, then the next."""
    return runs(study, name, placement_order(shape), many)


def by_channels(study: Study, name: str, shape: Shape, many: float = inf) -> list[Part] | None:
    """Channel by channel, as many neurons as fit a core; a vector neuron by neuron."""
    return runs(study, name, np.arange(prod(shape)), many)


def by_boxes(study: Study, name: str, shape: Shape, many: float = inf) -> list[Part] | None:
    """Boxes of equal size, some channels of a rectangle of places: the fewest that fit, then those that hear least."""
    if len(shape) < 2:
        return by_channels(study, name, shape, many)
    found = [box for parts in _halvings(shape[0]) if (box := _largest(study, name, shape, ceil(shape[0] / parts)))]
    if not found:
        return by_channels(study, name, shape, many)

    def cost(box: Shape) -> tuple[int, int]:
        number = prod(ceil(n / b) for n, b in zip(shape, box, strict=True))
        return number, number * study.part(name, _middle(shape, box)).heard

    box = min(found, key=cost)
    return [part for neurons in _boxes(shape, box) for part in _whole(study, name, neurons)]


def runs(study: Study, name: str, order: Array, many: float) -> list[Part] | None:
    """Runs of neurons of an order, each as long as it can be; None if they are too many."""
    parts: list[Part] = []
    start, guess = 0, int(study.limits[0])
    while start < len(order):
        part = longest(partial(_run, study, name, order, start), start, len(order), guess)
        if part is None:
            # refused by the rules, or by what a neuron sends: that is found when all is placed
            part = study.part(name, order[start : start + 1])
        parts.append(part)
        start, guess = start + len(part.neurons), len(part.neurons)
        if len(parts) + (start < len(order)) > many:
            return None
    return parts


def _run(study: Study, name: str, order: Array, start: int, stop: int) -> Part | None:
    return study.fitting(name, order[start:stop])


def longest(fits: Callable[[int], Part | None], start: int, stop: int, guess: int) -> Part | None:
    """The part of most neurons, from `start` to at most `stop`, that fits; needs only grow with neurons.

    guess: a length to begin with.
    """
    best, low, high = None, start, stop + 1
    step, at = 1, min(start + guess, stop)
    while high - low > 1:
        found = fits(at)
        if found is None:
            high = at
            at = max(low + 1, (low + high) // 2)
        else:
            best, low = found, at
            at = min(low + step, high - 1) if high > stop else (low + high) // 2
            step *= 2
    return best


def _halvings(channels: int) -> Iterator[int]:
    parts = 1
    while parts < channels:
        yield parts
        parts *= 2
    yield channels


def _middle(shape: Shape, box: Shape) -> Array:
    return _box(shape, (0, *((n - b) // 2 for n, b in zip(shape[1:], box[1:], strict=True))), box)


def _box(shape: Shape, start: Shape, box: Shape) -> Array:
    """Numbers of the neurons of a box, cut where the image ends."""
    found = np.zeros(1, np.int64)
    for n, first, size in zip(shape, start, box, strict=True):
        found = (found[:, None] * n + np.arange(first, min(n, first + size))).ravel()
    return found


def _boxes(shape: Shape, box: Shape) -> Iterator[Array]:
    for start in product(*(range(0, n, b) for n, b in zip(shape, box, strict=True))):
        yield _box(shape, start, box)


def _largest(study: Study, name: str, shape: Shape, channels: int) -> Shape | None:
    """The box of so many channels that takes the fewest to cover the image, judged by one in its middle.

    It grows as a square, then along its last axis; then all boxes are made equal.
    """

    def fits(space: Shape) -> bool:
        return study.fitting(name, _middle(shape, (channels, *space))) is not None

    def square(side: int) -> Shape:
        return tuple(min(n, side) for n in shape[1:])

    if not fits(square(1)):
        return None
    side = _most(lambda n: fits(square(n)), max(shape[1:]))
    space = square(side)
    last = _most(lambda n: fits((*space[:-1], max(n, space[-1]))), shape[-1])
    space = (*space[:-1], max(last, space[-1]))
    return (channels, *(ceil(n / ceil(n / size)) for n, size in zip(shape[1:], space, strict=True)))


def _most(fits: Callable[[int], bool], limit: int) -> int:
    """The largest n up to `limit` that fits, where 1 does and larger ones fit ever less."""
    low, high = 1, 2
    while high <= limit and fits(high):
        low, high = high, 2 * high
    high = min(high, limit + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _whole(study: Study, name: str, neurons: Array) -> list[Part]:
    """A box as one part, or halved until each fits: boxes differ where weights of zero or settings do."""
    part = study.fitting(name, neurons)
    if part is not None:
        return [part]
    if len(neurons) == 1:
        return [study.part(name, neurons)]
    half = len(neurons) // 2
    return [*_whole(study, name, neurons[:half]), *_whole(study, name, neurons[half:])]

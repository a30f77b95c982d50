"""The synapses of a convolution, from its kernel: what some neurons take, without writing all of it out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from snndeploy.network.arrays import Array
from snndeploy.network.maps import Conv, Shape

# two primes below 2^31: a product of two remainders fits 63 bits
PRIMES = (2147483647, 2147483629)


@dataclass(frozen=True, eq=False)
class Windows:
    """A convolution on `shape`. Its synapses are the weights that are not zero, at every place where they meet input.

    The key of a source is a sum over its synapses of weight · a[channel] · b[place] modulo a prime, twice, a and b
    random: equal where all synapses are, and else only by chance (2^-60).
    """

    conv: Conv
    shape: Shape

    @cached_property
    def out(self) -> Shape:
        return self.conv.shape_out(self.shape)

    @cached_property
    def area(self) -> int:
        return prod(self.out[1:])

    @property
    def neurons(self) -> int:
        return prod(self.out)

    @cached_property
    def weight(self) -> Array:
        """int64 (channels out, channels in of a group, taps); weights that are no whole numbers by their rank."""
        flat = np.asarray(self.conv.weight.reshape(*self.conv.weight.shape[:2], -1))
        if flat.dtype.kind != "f":
            return flat
        rank = np.unique(flat, return_inverse=True)[1].reshape(flat.shape) + 1
        return np.asarray(np.where(flat != 0, rank, 0))

    @cached_property
    def there(self) -> Array:
        return np.asarray(self.weight != 0).astype(np.int64)

    @cached_property
    def table(self) -> Array:
        """int32 (places, taps): the place of the input that each tap meets; -1 where it meets none."""
        conv, found, inside = self.conv, np.zeros((1, 1), np.int32), np.ones((1, 1), bool)
        for axis in range(len(conv.kernel)):
            start = np.arange(self.out[1 + axis])[:, None] * conv.stride[axis] - conv.padding[axis][0]
            at = (start + np.arange(conv.kernel[axis]) * conv.dilation[axis]).astype(np.int32)
            good = (at >= 0) & (at < self.shape[1 + axis])
            size = (found.shape[0] * at.shape[0], found.shape[1] * at.shape[1])
            found = (found[:, None, :, None] * self.shape[1 + axis] + at[None, :, None, :]).reshape(size)
            inside = (inside[:, None, :, None] & good[None, :, None, :]).reshape(size)
        return np.where(inside, found, np.int32(-1))

    @cached_property
    def met(self) -> Array:
        """int64 (places,), a number for which taps meet input there: one inside the image, others at its borders."""
        return np.unique(self.table >= 0, axis=0, return_inverse=True)[1].ravel()

    def alike(self, neuron: int) -> tuple[int, int]:
        """Equal for neurons that need the same of a core that they have to themselves."""
        channel, place = divmod(neuron, self.area)
        return channel, int(self.met[place])

    @cached_property
    def random(self) -> tuple[Array, Array]:
        rng = np.random.default_rng(3)
        return rng.integers(1, 2**31 - 100, (2, self.out[0])), rng.integers(1, 2**31 - 100, (2, self.area))

    def counts(self, neurons: Array) -> tuple[Array, Array]:
        """Sources that have synapses there, and how many each."""
        sources, found, _ = self._sums(neurons, False)
        return sources, found

    def keys(self, neurons: Array) -> tuple[Array, Array, Array]:
        """The same, and the key of each source, uint64."""
        return self._sums(neurons, True)

    def kernel_lists(self, neurons: Array) -> Array:
        """Synapses of each list of a kernel that is stored once: one for each input channel and tap, those not 0."""
        channels, places = np.unique(neurons // self.area), np.unique(neurons % self.area)
        met = (self.table[places] >= 0).any(axis=0)
        group = channels // (self.out[0] // self.conv.groups)
        parts = [self.there[channels[group == g]][:, :, met].sum(axis=0).ravel() for g in np.unique(group)]
        found = np.concatenate(parts)
        return found[found > 0]

    def rows(self, neurons: Array) -> Any:
        """The synapses of these neurons, `csr_array (neurons, prod(shape))`."""
        from scipy import sparse

        channel, place = neurons // self.area, neurons % self.area
        weight, at = self.weight[channel], self.table[place]
        each, inside = self.weight.shape[1], prod(self.shape[1:])
        first = channel // (self.out[0] // self.conv.groups) * each
        column = (first[:, None] + np.arange(each))[:, :, None] * inside + at[:, None, :]
        keep = (weight != 0) & (at >= 0)[:, None, :]
        start = np.concatenate([[0], np.cumsum(keep.sum(axis=(1, 2)))])
        return sparse.csr_array((weight[keep], column[keep], start), (len(neurons), self.shape[0] * inside))

    def _sums(self, neurons: Array, keyed: bool) -> tuple[Array, Array, Array]:
        channel, place = np.divmod(neurons, self.area)
        channels, places = np.unique(channel), np.unique(place)
        mask = None
        if len(channels) * len(places) != len(neurons):
            mask = np.zeros((len(channels), len(places)), np.int64)
            mask[np.searchsorted(channels, channel), np.searchsorted(places, place)] = 1
        at = self.table[places]
        region = np.unique(at[at >= 0])
        index = np.searchsorted(region, at)
        per, each = self.out[0] // self.conv.groups, self.weight.shape[1]
        found: list[tuple[Array, Array, Array]] = []
        for group in np.unique(channels // per):
            mine = np.flatnonzero(channels // per == group)
            part = None if mask is None else mask[mine]
            counts, keys = self._group(channels[mine], places, part, at >= 0, index, len(region), keyed)
            source = (group * each + np.arange(each))[:, None] * prod(self.shape[1:]) + region
            some = counts > 0
            found.append((source[some], counts[some], keys[some]))
        sources, numbers, codes = (np.concatenate(x) for x in zip(*found, strict=True))
        return sources, numbers, codes

    def _group(
        self, channels: Array, places: Array, mask: Array | None, met: Array, index: Array, size: int, keyed: bool
    ) -> tuple[Array, Array]:
        """Counts and keys of the sources of one group, (channels in, places of the input that are met)."""
        each = self.weight.shape[1]
        counts, sums = np.zeros((each, size), np.int64), np.zeros((2, each, size), np.int64)
        there, weight = self.there[channels], self.weight[channels]
        a, b = (x[:, where] for x, where in zip(self.random, (channels, places), strict=True))
        for tap in range(met.shape[1]):
            ok = met[:, tap]
            if not ok.any():
                continue
            at = index[ok, tap]
            if mask is None:
                counts[:, at] += there[:, :, tap].sum(axis=0)[:, None]
            else:
                # one tap meets each place of the input at most once
                counts[:, at] += (there[:, :, tap].T.astype(np.float32) @ mask[:, ok].astype(np.float32)).astype(int)
            for k in range(2 if keyed else 0):
                scaled = a[k][:, None] if mask is None else a[k][:, None] * mask[:, ok]
                part = (weight[:, :, tap].T @ scaled) % PRIMES[k] * b[k, ok] % PRIMES[k]
                sums[k][:, at] = (sums[k][:, at] + part) % PRIMES[k]
        return counts, sums[0].astype(np.uint64) << np.uint64(31) | sums[1].astype(np.uint64)

"""contract.txt: what the numbers of a bundle mean, for a reader who has nothing else."""

from __future__ import annotations

from snndeploy.network import registers
from snndeploy.network.network import Network
from snndeploy.network.table import render

HEAD = """SEMANTICS CONTRACT
==================

This archive holds a spiking network in the integers of a neuromorphic chip, an input, and the spikes{states} that the
network must give on that input, bit for bit. Any program that claims to run the network can be held to it.

  python THIS.zip              proves it with Python and NumPy alone. That runs code out of the archive: do it with
                               archives from people you trust.
  snndeploy verify THIS.zip    proves it with the verifier of your own installation; nothing of the archive is executed.

contract.json   the network: populations, registers, projections, delays, order of update; names the arrays
arrays/         its numbers, .npy
model.nir       the same network as a NIR file (HDF5)
golden.json     the input, the spikes{states}, the decisions; names the arrays of golden/ (bool arrays are packed, per
                step, as numpy.packbits does)
placement.json  cores of the chip, where a placement was given
manifest.json   size and SHA-256 of every file, versions of what made them
verifier/       the verifier

Time is the first axis everywhere, samples the second: (time, sample, *shape), in C order. Times are in network time: a
spike of step t arrives over a projection of delay d in step t + d, so that with delay 0 it arrives in the same step;
populations are updated in the order that contract.json says. Latency that a chip adds is not counted.


POPULATIONS
-----------

"""
MEANT = """

In words: `reset(y)` is `value` for kind "to", y - value for kind "by", and y for "none"; `amount` is what it takes
away, p - reset(p). u and v are `initial_u` and `initial_v` before the first step, a is 0, and nobody rests. A register
is one number for all neurons or one for each. A population without vth never spikes, and emits v.

"""
MAPS = """
PROJECTIONS
-----------

A projection is a chain of maps from its source to its target; all numbers are integers, and sums are exact.

  dense         y[o] = sum over i of W[o, i]·x[i], along the last axis
  sparse        the same with W in compressed rows: rows, columns, weight
  convolution   y[o, p] = sum over i, k of W[o, i, k]·x[i, p·stride + k·dilation - padding], zeros outside; W is
                (out, in / groups, *kernel), not flipped
  sum pool      y[c, p] = sum over k of x[c, p·stride + k - padding], zeros outside
  reshape       the same numbers in C order

The sum is shifted by the exponent, left or (rounding down) right, as a 32-bit integer; the sums of all projections of a
population add up to a. A constant input is 1 from its onset on. A bias input replaces the bias of its population in
each sample, in state units.

Decisions: the argmax over the flattened neurons of one population of the number of spikes ("spike-count"), of v in the
last step ("last-v") or of the largest v ("max-v"), v as v/scale + offset; the lowest index wins a tie.


THIS NETWORK
------------

"""


def words(network: Network, states: bool) -> str:
    """Plain text of a network in the integer form."""
    equation = (registers.__doc__ or "").strip().split("\n", 2)[2]
    told = HEAD.format(states=" and states" if states else "") + equation + MEANT + MAPS + render(network)
    lines = [f"encoding of input {each.input!r}: {each.said}" for each in network.encodings]
    if lines:
        told += "\n\nThe input in golden/ is what these encodings made:\n" + "\n".join(lines)
    return told + "\n"

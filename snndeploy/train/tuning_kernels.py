"""The deployed arithmetic over time as source for Numba, forward with the engine's own integer step, and back.

Cells are (samples, neurons). What a block of them needs lies together in `work`, at distances that are known when it is
compiled, so that many are computed per instruction. The way back is that of `train.neurons`, in float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from string import Template
from textwrap import indent
from types import ModuleType

from snndeploy.engines.torch.kernels.expression import Writer
from snndeploy.engines.torch.kernels.integer_step import integer_step
from snndeploy.engines.torch.kernels.modules import load
from snndeploy.engines.torch.kernels.numba_source import operation
from snndeploy.engines.torch.kernels.options import Leaves, Options, numbers, states
from snndeploy.network.registers import STATE_MAX
from snndeploy.train.time_numba import version

# what a surrogate makes of x = (p - theta) / theta, by its name in `train.surrogate`
SHARP = {
    "fast_sigmoid": "ONE / ((ONE + slope * abs(x)) * (ONE + slope * abs(x)))",
    "atan": "ONE / (ONE + (HALF_PI * slope * x) * (HALF_PI * slope * x))",
    "triangle": "max(NIL, ONE - slope * abs(x))",
    "straight_through": "ONE",
}


@dataclass(frozen=True)
class Kernel:
    """What a kernel is written for.

    Attributes:
        options: of the step. spiking: spikes are emitted, else v. kind, when: of the reset.
        sharp: name of the surrogate.
    """

    options: Options
    spiking: bool
    kind: str
    when: str
    sharp: str

    @property
    def late(self) -> bool:
        """Whether it is kept which membranes were above the threshold before the step."""
        return self.spiking and self.kind == "to" and self.when in ("next", "residual")


MODULE = Template("""\
import numpy as np
from numba import njit

from snndeploy.train.time_blocks import BLOCK, gather, scatter

# $version
ONE, NIL, HALF_PI = np.float32(1), np.float32(0), np.float32(1.5707963267948966)


@njit(cache=True, nogil=True, error_model="numpy")
def forward(low, high, steps, batch, size, first, onset, shift, y, numbers, state, out, p, pending):
    cells = np.uint64(batch) * np.uint64(size)
    work = np.empty($width * BLOCK, np.int32)
    for b in range(np.uint64(low), np.uint64(high)):
        for begin in range(np.uint64(0), np.uint64(size), BLOCK):
            count = min(BLOCK, np.uint64(size) - begin)
            gather(work, 0, $numbers, numbers, np.uint64(size), begin, count)
            gather(work, $numbers, $states, state, cells, b * np.uint64(size) + begin, count)
            for t in range(np.uint64(steps)):
                biased = first + np.int64(t) >= onset
                row = (t * np.uint64(batch) + b) * np.uint64(size) + begin
                if shift >= 0:
                    for n in range(count):
                        work[$drive + n] = np.int32(np.int64(y[row + n]) << shift)
                else:
                    for n in range(count):
                        work[$drive + n] = np.int32(np.int64(y[row + n]) >> -shift)
                for n in range(count):
$step
            scatter(work, $numbers, $states, state, cells, b * np.uint64(size) + begin, count)


@njit(cache=True, nogil=True, error_model="numpy")
def backward(low, high, steps, batch, size, first, onset, unit, slope, given, numbers, p, pending, held, of_y):
    cells = np.uint64(batch) * np.uint64(size)
    work = np.empty(8 * BLOCK, np.float32)
    for b in range(np.uint64(low), np.uint64(high)):
        for begin in range(np.uint64(0), np.uint64(size), BLOCK):
            count = min(BLOCK, np.uint64(size) - begin)
            gather(work, 0, 4, numbers, np.uint64(size), begin, count)
            gather(work, 4, 4, held, cells, b * np.uint64(size) + begin, count)
            for back in range(np.uint64(steps)):
                t = np.uint64(steps) - np.uint64(1) - back
                biased = ONE if first + np.int64(t) >= onset else NIL
                row = (t * np.uint64(batch) + b) * np.uint64(size) + begin
                for n in range(count):
$back
            scatter(work, 4, 4, held, cells, b * np.uint64(size) + begin, count)
""")


def forward_lines(of: Kernel) -> list[str]:
    """Of one cell and step."""
    o = of.options
    slots = (*numbers(o), *states(o))
    place = {name: f"work[np.uint64({k}) * BLOCK + n]" for k, name in enumerate(slots)}
    drive = f"work[np.uint64({len(slots)}) * BLOCK + n]"
    leaves = Leaves(o)
    after = integer_step(o, leaves)
    write = Writer({**place, "x0": drive, "biased": "biased"}, operation, lambda number, kind: f"np.int32({number})")
    ends = {name: write.name(value) for name, value in after.items()}
    lines = []
    if of.late:
        was = write.name(leaves.v > (leaves.edge if o.adapts else leaves.theta))
        lines.append(f"pending[row + n] = np.uint8(1) if {was} else np.uint8(0)")
    lines += [f"{place[name]} = {text}" for name, text in ends.items() if name in place]
    lines.append(f"p[row + n] = {ends['p']}")
    shown = f"ONE if {ends['s']} else NIL" if of.spiking else f"np.float32({ends['v']})"
    return [*write.lines, *lines, f"out[row + n] = {shown}"]


def backward_lines(of: Kernel) -> list[str]:
    """Of one cell and step; work: theta, 1/theta, keep_u, keep_v, of_u, of_v, of_bias, of_theta."""
    at = [f"work[np.uint64({k}) * BLOCK + n]" for k in range(8)]
    lines = ["height, g = p[row + n], given[row + n]"]
    kept = "ONE"
    if of.spiking:
        lines += [f"over = np.float32(p[row + n]) - {at[0]}", f"x = over * {at[1]}"]
        lines += [f"through = g * ({SHARP[of.sharp]}) * {at[1]}", f"{at[7]} -= through"]
        spiked = "(ONE if over > NIL else NIL)"
        if of.kind == "to" and of.when == "now":
            kept = f"(ONE - {spiked})"
        elif of.kind == "to" and of.when == "residual":
            kept = f"(ONE - ({spiked} - np.float32(pending[row + n])))"
    else:
        lines.append("through = g")
    free = f"(ONE if abs(height) < {STATE_MAX} else NIL)"
    if of.late:
        free += " * (ONE - np.float32(pending[row + n]))"
    return [
        *lines,
        f"of_q = ({at[5]} * {kept} + through) * {free}",
        f"total = {at[4]} + of_q",
        "of_y[row + n] = total * unit",
        f"{at[6]} += of_q * biased",
        f"{at[4]} = total * {at[2]}",
        f"{at[5]} = of_q * {at[3]}",
    ]


def source(of: Kernel) -> str:
    """A module with `forward` and `backward`."""

    def text(lines: list[str], depth: int) -> str:
        return indent("\n".join(lines), "    " * depth)

    own, held = len(numbers(of.options)), len(states(of.options))
    return MODULE.substitute(
        version=version(),
        numbers=own,
        states=held,
        width=f"np.uint64({own + held + 1})",
        drive=f"np.uint64({own + held}) * BLOCK",
        step=text(forward_lines(of), 5),
        back=text(backward_lines(of), 5),
    )


@cache
def compiled(of: Kernel) -> ModuleType:
    """The kernels; they are compiled when they are first called, or were by an earlier process."""
    return load("tuning", source(of))

"""A step as source for Numba: cells (samples · neurons) block by block, all steps of a block while it is in cache.

What a block needs lies together, at distances that are known when it is compiled: the compiler then sees that
nothing overlaps and computes many neurons per instruction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from string import Template
from textwrap import indent

from snndeploy.engines.torch.kernels import blocks
from snndeploy.engines.torch.kernels.expression import Kind, Writer
from snndeploy.engines.torch.kernels.float_step import float_step
from snndeploy.engines.torch.kernels.integer_step import integer_step
from snndeploy.engines.torch.kernels.options import FLAGS, Leaves, Options, numbers, states

# bytes of one block's work array: it is read and written in every step
CACHE = 32 * 1024

MODULE = Template("""\
import numpy as np
from numba import njit

from snndeploy.engines.torch.kernels.blocks import arriving, copy

# $version
BLOCK, WIDTH = $block, $width


@njit(cache=True, nogil=True, error_model="numpy")
def scan($arguments):
    steps, cells, size, first, past = info[0], info[1], info[2], info[3], info[4]
    span = BLOCK
$prepare
    begin = 0
    for low in range(0, cells, span):
        count = min(span, cells - low)
        for t in range(steps):
$arrive
            for block in range(0, count, BLOCK):
                base = np.uint64(begin + block // BLOCK * WIDTH)
                left = np.uint64(min(BLOCK, count - block))
                row = np.uint64(t * cells + low + block)
                out = np.uint64((past + t) * cells + low + block)
$load
                for n in range(left):
$step
$record
        begin += (count + BLOCK - 1) // BLOCK * WIDTH
""")


def operation(op: str, kind: Kind, args: list[str]) -> str:
    if op == "where":
        return f"{args[1]} if {args[0]} else {args[2]}"
    text = f"{args[0]} {op} {args[1]}"
    return f"np.int32({text})" if kind == "whole" else text


@dataclass(frozen=True)
class Layout:
    """The work array: block after block; in each, `block` cells of one name after those of another."""

    names: tuple[str, ...]
    block: int


def layout(o: Options) -> Layout:
    """Numbers and states; in general kernels also what arrives, and p."""
    names = (*numbers(o), *states(o), *([*(f"x{k}" for k in range(o.receptors)), "p"] if o.general else []))
    width = 8 if o.form == "float64" else 4
    return Layout(names, max(128, 1 << (CACHE // (len(names) * width)).bit_length() - 1))


@cache
def version() -> str:
    """Changes with the functions that kernels are compiled with."""
    return sha256(Path(blocks.__file__).read_bytes()).hexdigest()


def source(o: Options) -> str:
    """A module with one function, `scan`. See `cells` for its arguments."""
    several = range(o.receptors)
    drives = [f"x{k}" for k in several]
    slots, block = layout(o).names, layout(o).block
    place = {name: f"work[base + np.uint64({k * block}) + n]" for k, name in enumerate(slots)}
    leaves = {name: f"{name}[row + n]" for name in drives} | place
    leaves |= {name: name for name in (*FLAGS, "biased", *(f"on{k}" for k in several))}
    write = Writer(leaves, operation, lambda number, kind: f"np.{o.form}({number})")
    after = (integer_step if o.form == "int32" else float_step)(o, Leaves(o))
    ends = {name: write.name(value) for name, value in after.items() if name == "s" or name in place}
    step = [*write.lines, *(f"{place[name]} = {text}" for name, text in ends.items() if name in place)]
    step.append(f"spikes[out + n] = {ends['s']}")

    prepare, arrive, load, record = [], [], [], []
    if o.general:
        prepare += [f"{name} = info[{6 + o.receptors + k}] != 0" for k, name in enumerate(FLAGS)]
        prepare += ["if back[3].shape[0]:", "    span = size"]
        prepare += [f"extra = np.zeros(({o.receptors}, span), np.{o.form})", f"sums = np.zeros(span, np.{o.form})"]
        arrive += [
            "if back[3].shape[0]:",
            "    arriving(extra, sums, spikes, (past + t) * cells + low, cells, back)",
        ]
    arrive += [
        f"{name} = first + t >= info[{5 + k}]" for k, name in enumerate([*(f"on{k}" for k in several), "biased"])
    ]
    for k, name in enumerate(drives if o.general else []):
        load += [
            f"for n in range(left if fed[{k}] else np.uint64(0)):",
            f"    {place[name]} = {name}[row + n]",
            f"for n in range(np.uint64(0) if fed[{k}] else left):",
            f"    {place[name]} = np.{o.form}(0)",
            "for n in range(left if back[3].shape[0] else np.uint64(0)):",
            f"    {place[name]} = np.{o.form}({place[name]} + extra[{k}, np.uint64(block) + n])",
        ]
    kept = [("u_rows", k, f"u{k}") for k in several] + [("v_rows", 0, "v")] + [("p_rows", 0, "p")] * o.general
    for rows, k, name in kept:
        at = f"base + np.uint64({slots.index(name) * block})"
        record += [f"if {rows}.size:", f"    copy({rows}, {k}, row, work, {at}, left)"]

    def text(lines: list[str], depth: int) -> str:
        return indent("\n".join(lines), "    " * depth)

    return MODULE.substitute(
        block=block,
        width=block * len(slots),
        version=version(),
        arguments=", ".join(
            ["info", *drives, "work", "spikes", "u_rows", "v_rows"] + ["p_rows", "back", "fed"] * o.general
        ),
        form=o.form,
        prepare=text(prepare, 1),
        arrive=text(arrive, 3),
        load=text(load, 4),
        step=text(step, 5),
        record=text(record, 4),
    )

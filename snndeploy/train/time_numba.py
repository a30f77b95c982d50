"""A plan as source for Numba: cells `low`..`high` of (steps, cells), block by block, so that a block's state stays in
the cache while all steps pass.

Numbers and states of a block lie together in `work`, at distances that are known when it is compiled, and places are
counted without a sign: many cells are then computed per instruction.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path
from string import Template
from textwrap import indent
from types import ModuleType
from typing import Any

from snndeploy.engines.torch.kernels.expression import Kind, Writer
from snndeploy.engines.torch.kernels.modules import load
from snndeploy.train import time_blocks
from snndeploy.train.time_plan import Plan, read_back, written

MODULE = Template("""\
import numpy as np
from numba import njit

from snndeploy.train.time_blocks import BLOCK, gather, scatter

# $version


@njit(cache=True, nogil=True, error_model="numpy")
def forward(low, high, steps, all_cells, x, fed, numbers, state, s, v$kept):
    cells, work = np.uint64(all_cells), np.empty(np.uint64($width) * BLOCK, np.float32)
    for begin in range(np.uint64(low), np.uint64(high), BLOCK):
        count = min(BLOCK, np.uint64(high) - begin)
        gather(work, 0, $numbers, numbers, cells, begin, count)
        gather(work, $numbers, $states, state, cells, begin, count)
        for t in range(np.uint64(steps)):
            row = t * cells + begin
            for n in range(count):
$forward
        scatter(work, $numbers, $states, state, cells, begin, count)
$backward""")
BACKWARD = Template("""

@njit(cache=True, nogil=True, error_model="numpy")
def backward(low, high, steps, all_cells, of_s, of_emitted, sharp, numbers, of_state, of_numbers, of_x$kept):
    cells, work = np.uint64(all_cells), np.empty(np.uint64($width) * BLOCK, np.float32)
    for begin in range(np.uint64(low), np.uint64(high), BLOCK):
        count = min(BLOCK, np.uint64(high) - begin)
        gather(work, 0, $numbers, numbers, cells, begin, count)
        gather(work, $numbers, $states, of_state, cells, begin, count)
        gather(work, $numbers + $states, $learned, of_numbers, cells, begin, count)
        for back in range(np.uint64(steps)):
            row = (np.uint64(steps) - np.uint64(1) - back) * cells + begin
            for n in range(count):
$backward
        scatter(work, $numbers, $states, of_state, cells, begin, count)
        scatter(work, $numbers + $states, $learned, of_numbers, cells, begin, count)
""")


def operation(op: str, kind: Kind, args: list[str]) -> str:
    del kind
    if op == "spike":
        return f"np.float32(1) if {args[0]} > {args[1]} else np.float32(0)"
    return f"{args[1]} if {args[0]} else {args[2]}" if op == "where" else f"{args[0]} {op} {args[1]}"


def literal(number: str, kind: Kind) -> str:
    del kind
    return f"np.float32({number})"


def row(name: str, behind: bool) -> str:
    return f"kept_{name}[row{' + cells' if behind else ''} + n]"


def own(first: int, names: Iterable[str]) -> dict[str, str]:
    """Places in `work`."""
    return {name: f"work[np.uint64({first + k}) * BLOCK + n]" for k, name in enumerate(names)}


def forward_lines(plan: Plan) -> list[str]:
    places = own(0, plan.numbers)
    states = own(len(places), (f"state_{name}" for name in plan.rule.states))
    read = {name: states[f"state_{name}"] for name in plan.rule.states}
    write = Writer(places | read | {"x": "x[row + n]", "fed": "fed[row + n]"}, operation, literal)
    ends = plan.ends()
    texts = written(ends, write)
    to = states | {"s": "s[row + n]", "v": "v[row + n]"}
    to |= {f"kept_{name}": row(name, plan.later(name)) for name in plan.kept}
    return write.lines + [
        f"{to[name]} = {f'np.uint8({text})' if ends[name].kind == 'truth' else text}" for name, text in texts.items()
    ]


def backward_lines(plan: Plan) -> list[str]:
    places, states = own(0, plan.numbers), plan.rule.states
    places |= own(len(plan.numbers), (f"of_{name}" for name in states))
    places |= {name: row(name, False) for name in plan.kept}
    places |= {name: f"{name}[row + n]" for name in ("of_s", "of_emitted", "sharp")}
    write = Writer(places, operation, literal)
    read_back(plan, write, row)
    texts = written(plan.ends_back(), write)
    to = {"of_x": "of_x[row + n] ="}
    to |= {f"before_{name}": f"{places[f'of_{name}']} =" for name in states}
    sums = own(len(plan.numbers) + len(states), plan.learned)
    to |= {f"more_{name}": f"{sums[name]} +=" for name in plan.learned}
    return write.lines + [f"{to[name]} {text}" for name, text in texts.items()]


def source(plan: Plan) -> str:
    """A module with `forward`, and `backward` where there is a way back."""
    kept = "".join(f", kept_{name}" for name in plan.kept)

    def text(lines: list[str]) -> str:
        return indent("\n".join(lines), "    " * 4)

    sizes: dict[str, Any] = {
        "numbers": len(plan.numbers),
        "states": len(plan.rule.states),
        "learned": len(plan.learned),
    }
    sizes |= {"width": sum(sizes.values()), "version": version()}
    back = BACKWARD.substitute(sizes, kept=kept, backward=text(backward_lines(plan))) if plan.back else ""
    return MODULE.substitute(sizes, kept=kept, forward=text(forward_lines(plan)), backward=back)


@cache
def version() -> str:
    """Changes with the functions that kernels are compiled with."""
    return sha256(Path(time_blocks.__file__).read_bytes()).hexdigest()


@cache
def compiled(plan: Plan) -> ModuleType:
    """The kernels; they are compiled when they are first called, or were by an earlier process."""
    return load("time", source(plan))

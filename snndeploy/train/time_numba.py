"""A plan as source for Numba: cells `low`..`high` of (steps, cells), block by block, so that a block's state stays in
the cache while all steps pass."""

from __future__ import annotations

from functools import cache
from string import Template
from textwrap import indent
from types import ModuleType

from snndeploy.engines.torch.kernels.expression import Kind, Writer
from snndeploy.engines.torch.kernels.modules import load
from snndeploy.train.time_plan import Plan, read_back, written

MODULE = Template("""\
import numpy as np
from numba import njit

BLOCK = 2048


@njit(cache=True, nogil=True, error_model="numpy")
def forward(low, high, x, fed, numbers, state, s, v$kept):
    for begin in range(low, high, BLOCK):
        end = min(begin + BLOCK, high)
        for t in range(len(x)):
            for c in range(begin, end):
$forward
$backward""")
BACKWARD = Template("""

@njit(cache=True, nogil=True, error_model="numpy")
def backward(low, high, of_s, of_emitted, sharp, numbers, of_state, of_numbers, of_x$kept):
    for begin in range(low, high, BLOCK):
        end = min(begin + BLOCK, high)
        for t in range(len(of_x) - 1, -1, -1):
            for c in range(begin, end):
$backward
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
    return f"kept_{name}[t{' + 1' if behind else ''}, c]"


def forward_lines(plan: Plan) -> list[str]:
    places = {name: f"numbers[{k}, c]" for k, name in enumerate(plan.numbers)}
    states = {f"state_{name}": f"state[{k}, c]" for k, name in enumerate(plan.rule.states)}
    read = {name: states[f"state_{name}"] for name in plan.rule.states}
    write = Writer(places | read | {"x": "x[t, c]", "fed": "fed[t, c]"}, operation, literal)
    ends = plan.ends()
    texts = written(ends, write)
    to = states | {"s": "s[t, c]", "v": "v[t, c]"}
    to |= {f"kept_{name}": row(name, plan.later(name)) for name in plan.kept}
    return write.lines + [
        f"{to[name]} = {f'np.uint8({text})' if ends[name].kind == 'truth' else text}" for name, text in texts.items()
    ]


def backward_lines(plan: Plan) -> list[str]:
    places = {name: f"numbers[{k}, c]" for k, name in enumerate(plan.numbers)}
    places |= {f"of_{name}": f"of_state[{k}, c]" for k, name in enumerate(plan.rule.states)}
    places |= {name: row(name, False) for name in plan.kept}
    places |= {name: f"{name}[t, c]" for name in ("of_s", "of_emitted", "sharp")}
    write = Writer(places, operation, literal)
    read_back(plan, write, row)
    texts = written(plan.ends_back(), write)
    to = {"of_x": "of_x[t, c] ="}
    to |= {f"before_{name}": f"of_state[{k}, c] =" for k, name in enumerate(plan.rule.states)}
    to |= {f"more_{name}": f"of_numbers[{k}, c] +=" for k, name in enumerate(plan.learned)}
    return write.lines + [f"{to[name]} {text}" for name, text in texts.items()]


def source(plan: Plan) -> str:
    """A module with `forward`, and `backward` where there is a way back."""
    kept = "".join(f", kept_{name}" for name in plan.kept)

    def text(lines: list[str]) -> str:
        return indent("\n".join(lines), "    " * 4)

    back = BACKWARD.substitute(kept=kept, backward=text(backward_lines(plan))) if plan.back else ""
    return MODULE.substitute(kept=kept, forward=text(forward_lines(plan)), backward=back)


@cache
def compiled(plan: Plan) -> ModuleType:
    """The kernels; they are compiled when they are first called, or were by an earlier process."""
    return load("time", source(plan))

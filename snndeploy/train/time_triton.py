"""A plan as source for Triton: each program takes a block of cells through all steps, its states in registers.

Multiplications and additions must not be contracted into one rounding: launch with enable_fp_fusion=False.
"""

from __future__ import annotations

from functools import cache
from string import Template
from textwrap import indent
from types import ModuleType

from snndeploy.engines.torch.kernels.expression import Kind, Writer
from snndeploy.engines.torch.kernels.modules import load
from snndeploy.train.time_plan import Plan, read_back, written

# cells per program
CELLS = 256

MODULE = Template("""\
import triton
import triton.language as tl


@triton.jit(do_not_specialize=["steps"])
def forward(x, fed, numbers, state, s_rows, v_rows$kept, steps, cells, size, BLOCK: tl.constexpr):
    cell = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = cell < cells
    neuron = cell % size
$prepare
    row = cell
    for _ in range(steps):
$forward
        row += cells
$finish
$backward""")
BACKWARD = Template("""

@triton.jit(do_not_specialize=["steps", "last"])
def backward(
    of_s, of_emitted, sharp, numbers, of_state, of_numbers, of_x$kept, steps, last, cells, size, BLOCK: tl.constexpr
):
    cell = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = cell < cells
    neuron = cell % size
$prepare
    row = cell + last
    for _ in range(steps):
$backward
        row -= cells
$finish
""")


def operation(op: str, kind: Kind, args: list[str]) -> str:
    del kind
    if op == "spike":
        return f"tl.where({args[0]} > {args[1]}, 1.0, 0.0)"
    return f"tl.where({', '.join(args)})" if op == "where" else f"{args[0]} {op} {args[1]}"


def literal(number: str, kind: Kind) -> str:
    del kind
    return repr(float(number))


def get(name: str, at: str) -> str:
    return f"tl.load({name} + {at}, mask=inside, other=0)"


def put(name: str, at: str, value: str) -> str:
    return f"tl.store({name} + {at}, {value}, mask=inside)"


def row(name: str, behind: bool) -> str:
    return get(f"kept_{name}", "row + cells" if behind else "row")


def loaded(names: tuple[str, ...], array: str, stride: str, lane: str, prefix: str = "") -> list[str]:
    return [f"{prefix}{name} = {get(array, f'{k} * {stride} + {lane}')}" for k, name in enumerate(names)]


def text(lines: list[str], depth: int) -> str:
    return indent("\n".join(lines), "    " * depth)


def forward_text(plan: Plan) -> dict[str, str]:
    states = plan.rule.states
    names = {name: name for name in (*plan.numbers, *states)}
    write = Writer(names | {"x": get("x", "row"), "fed": get("fed", "row")}, operation, literal)
    ends = plan.ends()
    texts = written(ends, write)
    lines = write.lines + [f"after_{name} = {texts[f'state_{name}']}" for name in states]
    for name in ("s", "v", *(f"kept_{each}" for each in plan.kept)):
        if name in ends:
            value = f"({texts[name]}).to(tl.int8)" if ends[name].kind == "truth" else texts[name]
            at = "row + cells" if name.startswith("kept_") and plan.later(name.removeprefix("kept_")) else "row"
            lines.append(put(name if name.startswith("kept_") else f"{name}_rows", at, value))
    lines += [f"{name} = after_{name}" for name in states]
    prepare = loaded(plan.numbers, "numbers", "size", "neuron") + loaded(states, "state", "cells", "cell")
    finish = [put("state", f"{k} * cells + cell", name) for k, name in enumerate(states)]
    return {"prepare": text(prepare, 1), "forward": text(lines, 2), "finish": text(finish, 1)}


def backward_text(plan: Plan) -> dict[str, str]:
    states = plan.rule.states
    places = {name: name for name in plan.numbers} | {f"of_{name}": f"of_{name}" for name in states}
    places |= {name: row(name, False) for name in plan.kept}
    places |= {name: get(name, "row") for name in ("of_s", "of_emitted", "sharp")}
    write = Writer(places, operation, literal)
    read_back(plan, write, row)
    texts = written(plan.ends_back(), write)
    lines = [*write.lines, put("of_x", "row", texts["of_x"])]
    lines += [f"before_{name} = {texts[f'before_{name}']}" for name in states]
    lines += [f"more_{name} += {texts[f'more_{name}']}" for name in plan.learned]
    lines += [f"of_{name} = before_{name}" for name in states]
    prepare = loaded(plan.numbers, "numbers", "size", "neuron") + loaded(states, "of_state", "cells", "cell", "of_")
    prepare += [f"more_{name} = tl.zeros([BLOCK], tl.float32)" for name in plan.learned]
    finish = [put("of_state", f"{k} * cells + cell", f"of_{name}") for k, name in enumerate(states)]
    finish += [
        put("of_numbers", f"{k} * cells + cell", f"{get('of_numbers', f'{k} * cells + cell')} + more_{name}")
        for k, name in enumerate(plan.learned)
    ]
    return {"prepare": text(prepare, 1), "backward": text(lines, 2), "finish": text(finish, 1)}


def source(plan: Plan) -> str:
    """A module with `forward`, and `backward` where there is a way back."""
    kept = "".join(f", kept_{name}" for name in plan.kept)
    back = BACKWARD.substitute(kept=kept, **backward_text(plan)) if plan.back else ""
    return MODULE.substitute(kept=kept, backward=back, **forward_text(plan))


@cache
def compiled(plan: Plan) -> ModuleType:
    """The kernels; they are compiled for a device when they are first launched there."""
    return load("triton_time", source(plan))

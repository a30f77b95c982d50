"""A step as source for Triton: each program takes a block of cells through all steps, its states in registers.

Multiplications and additions must not be contracted into one rounding: launch with enable_fp_fusion=False. A population
that feeds itself is computed by one program per sample: it writes the spikes of a step, waits for all its threads, and
reads those of the steps before, one source after the other.
"""

from __future__ import annotations

from string import Template
from textwrap import indent

from snndeploy.engines.torch.kernels.expression import Kind, Writer
from snndeploy.engines.torch.kernels.float_step import float_step
from snndeploy.engines.torch.kernels.integer_step import integer_step
from snndeploy.engines.torch.kernels.options import FLAGS, Leaves, Options, numbers, states

MODULE = Template("""\
import triton
import triton.language as tl


@triton.jit(do_not_specialize=$plain)
def scan(
    $arguments,
    U: tl.constexpr, V: tl.constexpr, LINKS: tl.constexpr, BLOCK: tl.constexpr,
):
    lane = tl.arange(0, BLOCK)
    width = size if LINKS else BLOCK
    low = tl.program_id(0).to(tl.int64) * width
    inside = (lane < width) & (low + lane < cells)
    row = low + lane
    neuron = row % size
    origin = low + past * cells
$prepare
    for t in range(steps):
$arrive
        if LINKS:
            for k in range(LINKS):
                total = tl.zeros([BLOCK], tl.$form)
                before = spikes + origin - tl.load(links + 4 * k) * cells
                for source in range(size):
                    if tl.load(before + source) != 0:
                        total += tl.load(weight + (k * size + source) * size + lane, mask=inside, other=0)
                receptor = tl.load(links + 4 * k + 2)
$add
$step
        tl.store(spikes + origin + lane, $spike.to(tl.int8), mask=inside)
        if U:
$currents
        if V:
            tl.store(v_rows + row, v, mask=inside)
        if LINKS:
            tl.debug_barrier()
        row += cells
        origin += cells
$keep
""")
SHIFT = """\
exponent = tl.load(links + 4 * k + 1).to(tl.int32)
total = tl.where(exponent >= 0, total << tl.maximum(exponent, 0), total >> tl.maximum(-exponent, 0))"""


def operation(op: str, kind: Kind, args: list[str]) -> str:
    del kind
    return f"tl.where({', '.join(args)})" if op == "where" else f"{args[0]} {op} {args[1]}"


def flags(o: Options) -> tuple[str, ...]:
    """The flags that a kernel takes."""
    return FLAGS if o.general else ()


def source(o: Options) -> str:
    """A module with one kernel, `scan`. See `launched` for its arguments."""
    several = range(o.receptors)
    params, kept, drives = numbers(o), states(o), [f"x{k}" for k in several]
    told = flags(o)
    steps = [*(f"on{k}" for k in several), "biased"]
    leaves = {name: name for name in (*params, *kept, *drives, *told, *steps)}
    write = Writer(leaves, operation, lambda number, kind: number)
    after = (integer_step if o.form == "int32" else float_step)(o, Leaves(o))
    ends = {name: write.name(value) for name, value in after.items() if name == "s" or name in kept}
    step = [*write.lines, *(f"after_{name} = {ends[name]}" for name in kept)]
    step += [f"{name} = after_{name}" for name in kept]

    scalars = ["steps", "first", "past", *(f"onset_{name}" for name in steps), *(f"flag_{name}" for name in told)]
    prepare = [f"{name} = tl.load(numbers + {k} * size + neuron, mask=inside)" for k, name in enumerate(params)]
    prepare += [f"{name} = tl.load(state + {k} * cells + low + lane, mask=inside)" for k, name in enumerate(kept)]
    prepare += [f"{name} = flag_{name} != 0" for name in told]
    arrive = [f"{name} = first + t >= onset_{name}" for name in steps]
    for k, name in enumerate(drives):
        arrive += [f"{name} = tl.zeros([BLOCK], tl.{o.form})"]
        arrive += [f"if FED{k}:", f"    {name} += tl.load(drive{k} + row, mask=inside, other=0)"]
    add = SHIFT.splitlines() if o.form == "int32" else []
    add += [f"{name} += tl.where(receptor == {k}, total, 0)" for k, name in enumerate(drives)]
    given = [f"drive{k}" for k in several] + ["numbers", "state", "spikes", "u_rows", "v_rows", "weight", "links"]
    given += [*scalars, "cells", "size", "plane", *(f"FED{k}: tl.constexpr" for k in several)]

    def text(lines: list[str], depth: int) -> str:
        return indent("\n".join(lines), "    " * depth)

    return MODULE.substitute(
        plain=scalars,
        arguments=", ".join(given),
        form=o.form,
        prepare=text(prepare, 1),
        arrive=text(arrive, 2),
        add=text(add, 4),
        step=text(step, 2),
        spike=ends["s"],
        currents=text([f"tl.store(u_rows + {k} * plane + row, u{k}, mask=inside)" for k in several], 3),
        keep=text([f"tl.store(state + {k} * cells + low + lane, {n}, mask=inside)" for k, n in enumerate(kept)], 1),
    )

"""A cost as text: what it is made of, per step and per inference, and where its numbers come from."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snndeploy.placement.cost import Cost

WIDTH = 100


def text(cost: Cost) -> str:
    """Plain text, for a terminal."""
    where = f"{_counted(cost.cores, 'core')} of {cost.target} on {_counted(cost.chips, 'chip')}"
    what = f"{_counted(cost.samples, 'sample')} of {_counted(cost.steps, 'step')}"
    lines = [f"{where}, {what}; not the host, x86 cores and learning", ""]
    rows = [("per step", "events", "energy")]
    counted = {
        "synaptic operations": "synaptic operations",
        "updates": "updates",
        "spikes": "spikes",
        "messages": "messages",
        "hops": "hops x",
        "events from outside": "events from outside",
    }
    for name, key in counted.items():
        each = cost.events[key]
        if name == "hops":
            each = each + cost.events["hops y"]
        number = f"{each.high:,.1f}"
        if name == "updates":
            active = cost.events["active updates"]
            ends = sorted({f"{active.low:,.1f}", f"{active.high:,.1f}"}, key=lambda n: float(n.replace(",", "")))
            number += f" ({'..'.join(ends)} active)"
        rows.append((name, number, cost.energy[name].text("J")))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines += ["  ".join([row[0].ljust(widths[0]), row[1].rjust(widths[1]), row[2].rjust(widths[2])]) for row in rows]
    found = cost.neurobench
    lines += [
        "",
        f"energy per inference  {cost.inference_energy.text('J')}, and static {cost.inference_static.text('J')}",
        f"time per inference    {cost.inference_time.text('s')}, a step {cost.step_time.text('s')}",
        f"inferences per second {_rate(cost.throughput.low)}..{_rate(cost.throughput.high)}",
        "",
        f"NeuroBench: footprint {found.footprint:,.0f} bytes, connection sparsity {found.connection_sparsity:.4f}, "
        f"activation sparsity {found.activation_sparsity:.4f}",
        f"            synaptic operations per sample: Effective_MACs {found.effective_macs:,.1f}, "
        f"Effective_ACs {found.effective_acs:,.1f}, Dense {found.dense:,.1f}",
        *cost.notes,
    ]
    names = [name for name, _, each in cost.sources if each.certainty == "assumed"]
    # borders of chips matter where there are several
    guessed = [n.replace("_", " ") for n in names if cost.chips > 1 or "chip" not in n]
    if guessed:
        lines += wrap(f"assumed, no public figure: {', '.join(guessed)}", WIDTH, subsequent_indent="  ")
    return "\n".join(lines)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _rate(value: float) -> str:
    return "∞" if value == float("inf") else f"{value:,.0f}"

"""Placement and cost, measured: `python benchmarks/costs.py` writes docs/costs.md and docs/mesh.svg.

Arrangements of cores side by side; the published figures of PilotNet on Loihi 2 beside our intervals; SANA-FE beside
our cost on Loihi 1. Networks have random weights: what is compared depends on shapes and spike rates only.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

import numpy as np

from snndeploy import targets
from snndeploy.engines import Trace, run
from snndeploy.network import Conv, Dense, Flatten, Format, Input, Network, Population, Projection, Registers
from snndeploy.placement import place
from snndeploy.placement.arrange import arrange, hops
from snndeploy.placement.cost import cost
from snndeploy.placement.interval import Interval
from snndeploy.placement.picture import picture
from snndeploy.placement.second_opinion import second_opinion
from snndeploy.placement.sites import steps as between_sites
from snndeploy.placement.traffic import traffic
from snndeploy.report.markdown import table

OUT = Path(__file__).resolve().parent.parent / "docs" / "costs.md"
RATE = 0.05
# lava-dl, tutorials/lava/lib/dl/netx/pilotnet_snn/benchmark.ipynb: one frame is held for 16 steps
PILOTNET_STEPS = 16
PILOTNET_FPS, PILOTNET_MJ, PILOTNET_DYNAMIC_MJ, PILOTNET_CORES = 408.91, 1.661, 1.094, 74
PICTURED = "deep CSNN, 4 layers on 64 by 64"
ACTIVITY = (0.01, 0.05, 0.1, 0.2, 0.4)


def chain(shape: tuple[int, ...], layers: list[tuple], threshold: int = 500, biased: bool = False) -> Network:
    """layers: ("conv", channels, kernel, stride, padding) or ("dense", neurons)."""
    rng = np.random.default_rng(0)
    populations, projections, before = [], [], "in"
    given = Input("in", shape, "bias" if biased else "binary", population="frame" if biased else "")
    if biased:
        populations.append(Population("frame", shape, Registers(4095, 0, threshold)))
        before = "frame"
    for i, (kind, size, *rest) in enumerate(layers):
        if kind == "conv":
            kernel, stride, padding = rest
            pads = tuple((p, p) for p in padding)
            maps: tuple = (Conv(rng.integers(-60, 61, (size, shape[0], kernel, kernel)) * 2, stride, pads),)
        else:
            front = () if len(shape) == 1 else (Flatten(0, -1, len(shape)),)
            maps = (*front, Dense(rng.integers(-60, 61, (size, int(np.prod(shape)))) * 2))
        for each in maps:
            shape = each.shape_out(shape)
        name = f"{kind}{i}"
        populations.append(Population(name, shape, Registers(4095, 200, threshold)))
        projections.append(Projection(before, name, maps, format=Format()))
        before = name
    return Network(1e-3, (given,), tuple(populations), tuple(projections), (before,))


def networks() -> dict[str, Network]:
    """Shapes that are common, from one core to several chips."""
    made = {}
    for name, shape, layers in (
        ("784-1024-1024-10", (784,), [("dense", 1024), ("dense", 1024), ("dense", 10)]),
        (
            "MNIST CSNN, 16C5-32C5-10",
            (1, 28, 28),
            [("conv", 16, 5, (2, 2), (2, 2)), ("conv", 32, 5, (2, 2), (2, 2)), ("dense", 10)],
        ),
        (
            "DVS CSNN, 16C3-32C3-64C3-512-11",
            (2, 64, 64),
            [
                ("conv", 16, 3, (2, 2), (1, 1)),
                ("conv", 32, 3, (2, 2), (1, 1)),
                ("conv", 64, 3, (2, 2), (1, 1)),
                ("dense", 512),
                ("dense", 11),
            ],
        ),
        (
            "deep CSNN, 4 layers on 64 by 64",
            (2, 64, 64),
            [
                ("conv", 16, 3, (1, 1), (1, 1)),
                ("conv", 16, 3, (1, 1), (1, 1)),
                ("conv", 32, 3, (2, 2), (1, 1)),
                ("conv", 32, 3, (1, 1), (1, 1)),
            ],
        ),
    ):
        made[name] = chain(shape, layers)
    made["PilotNet"] = pilotnet()
    return made


def pilotnet() -> Network:
    """The layers of lava-dl's PilotNet LIF, width by height as it has them, frames as biases of input neurons."""
    layers = [
        ("conv", 24, 3, (2, 2), (0, 0)),
        ("conv", 36, 3, (2, 2), (0, 0)),
        ("conv", 48, 3, (2, 2), (0, 0)),
        ("conv", 64, 3, (1, 2), (0, 1)),
        ("conv", 64, 3, (1, 1), (0, 0)),
        ("dense", 100),
        ("dense", 50),
        ("dense", 10),
        ("dense", 1),
    ]
    return chain((3, 200, 66), layers, biased=True)


def say(text: str) -> None:
    sys.stderr.write(text + "\n")


def arrangements() -> Iterator[tuple[str, ...]]:
    """A row per network and arrangement."""
    for name, network in networks().items():
        for target in ("loihi1", "loihi2"):
            chip = targets.load(target)
            for strategy in ("greedy", "best"):
                plan = place(network, chip, rates=RATE, arrange="rows", strategy=strategy)
                moved = traffic(network, plan.core_of, RATE)
                found = []
                for method in ("rows", "greedy", "metis"):
                    start = perf_counter()
                    where = arrange(moved.between, chip, method)
                    found.append((hops(moved.between, where, chip), where, perf_counter() - start))
                pairs = moved.between.tocoo()
                a, b = pairs.coords
                where = found[2][1]
                border = float(pairs.data @ (between_sites(where[a], where[b], chip)[:, 2] > 0))
                saved = f"{1 - found[2][0] / found[1][0]:.0%}" if found[1][0] else "-"
                yield (
                    name,
                    target,
                    strategy,
                    f"{len(plan.cores):,}",
                    f"{plan.chips:,}",
                    f"{moved.between.sum():,.0f}",
                    *(f"{each[0]:,.0f}" for each in found),
                    saved,
                    f"{border:,.1f}",
                )
                say(f"{name} {target} {strategy}")


def assumed(network: Network, rate: float, steps: int) -> Trace:
    """A trace in which every neuron spikes at random: what rates alone make of a network."""
    rng = np.random.default_rng(0)
    spikes = {p.name: rng.random((steps, 1, *p.shape)) < rate for p in network.populations}
    inputs = {i.name: rng.random((steps, 1, *i.shape)) < rate for i in network.inputs}
    return Trace(network, "assumed", "int", inputs, spikes)


def published() -> tuple[int, list[tuple[str, ...]]]:
    """Cores, and a row per activity."""
    network = pilotnet()
    plan = place(network, "loihi2", rates=RATE)
    rows = []
    for rate in ACTIVITY:
        found = cost(plan, network, assumed(network, rate, PILOTNET_STEPS))
        dynamic, static = found.inference_energy, found.inference_static
        whole = dynamic + static
        frames = found.throughput
        rows.append(
            (
                f"{rate:g}",
                f"{found.events['synaptic operations'].low * PILOTNET_STEPS:,.0f}",
                f"{dynamic.text('J')}, {_inside(dynamic, PILOTNET_DYNAMIC_MJ * 1e-3)}",
                f"{whole.text('J')}, {_inside(whole, PILOTNET_MJ * 1e-3)}",
                f"{frames.low:,.0f}..{frames.high:,.0f}, {_inside(frames, PILOTNET_FPS)}",
            )
        )
    say(f"PilotNet on {len(plan.cores)} cores")
    return len(plan.cores), rows


def _inside(interval: Interval, value: float) -> str:
    if interval.holds(value):
        return "inside"
    end = interval.high if value > interval.high else interval.low
    return f"missed: {value / end:.2g} of our {'highest' if value > interval.high else 'lowest'}"


def opinions() -> Iterator[tuple[str, ...]]:
    rng = np.random.default_rng(0)
    target = targets.load("loihi1")
    for name, shape, layers in (
        ("128-256-10", (128,), [("dense", 256), ("dense", 10)]),
        ("784-512-10", (784,), [("dense", 512), ("dense", 10)]),
        (
            "8C3-16C3-10 on 16 by 16",
            (1, 16, 16),
            [("conv", 8, 3, (1, 1), (1, 1)), ("conv", 16, 3, (2, 2), (1, 1)), ("dense", 10)],
        ),
    ):
        network = chain(shape, layers, threshold=300)
        trace = run(network, (rng.random((20, 1, *shape)) < 0.1).astype(int), record=("spikes", "u", "v"))
        plan = place(network, target, rates=trace)
        found = second_opinion(plan, network, trace, target)
        rate = np.mean([s.mean() for s in trace.spikes.values()])
        for i, row in enumerate(found.rows[1:]):
            first = (f"{name}, {rate:.2f} spikes per neuron and step", f"{len(plan.cores)}")
            yield (*(("", "") if i else first), *row)
        say(f"{name}: {len(plan.cores)} cores, spike rate {rate:.3f}")


TEXT = """# Placement and cost

Written by `python benchmarks/costs.py`. Weights are random: what is compared depends on shapes and rates only.

## Where cores lie

Spikes per step times hops, a border of a chip counting as {chip} hops more and one of a board as {board} more, at
{rate} spikes per neuron and step. *strategy*: how neurons are packed into cores, first-fit (greedy) or the best one.
*rows*: core i on site i. *greedy*: each core where it costs least, one after the other. *metis*: METIS and swaps;
*saved* by it against greedy. *over borders*: spikes per step that leave a chip under metis.

{arrangements}

## PilotNet on Loihi 2, beside Intel's figures

Published (lava-dl, PilotNet LIF, {steps} steps per frame): {cores} cores, {fps:g} frames per s, {dynamic:g} mJ dynamic
and {mj:g} mJ in all per frame; a step there takes {step:.0f} µs. Our placement takes {ours} cores. The activity of its
layers has not been published, so it is assumed, the same for all of them. Our intervals of Loihi 2 reach down to 0
where nothing has been published; an operation costs at most what Hala Point takes at its highest rate.

{pilotnet}

The dynamic energy is missed by a factor, whatever the activity: at most 8 times our highest where the frame rate is
inside. Energy with static power and, from 5 % on, frame rate are inside, in wide intervals. What was measured holds the
chip's x86 cores and the injection of frames, which ours does not; and our bound per operation comes from a machine
at its highest rate, over whose many operations all other power is spread, while a step of 153 µs is far from that rate.

## SANA-FE on Loihi 1

The same placement and the same spikes, per step. *where*: SANA-FE's figure in our interval.

{opinions}

Both count the same events. SANA-FE has one price for each, fitted to a chip; ours is bounded by its prices and by those
of Davies 2018, so that energies lie inside. Its time follows single messages through the mesh, ours adds up what cores
do. It knows no delays and has no host: inputs lie on cores of their own there, which send one event after the other;
their energy is left out of *messages and hops*, their time is not.
"""


def main() -> None:
    mesh = targets.load("loihi1").mesh
    head = (
        "network",
        "target",
        "strategy",
        "cores",
        "chips",
        "spikes",
        "rows",
        "greedy",
        "metis",
        "saved",
        "over borders",
    )
    first = table(head, list(arrangements()))
    cores, rows = published()
    asked = ("activity", "synaptic operations per frame", "dynamic energy", "with static", "frames per s")
    pilot = table(asked, rows)
    other = "SANA-FE is not installed: not measured."
    if find_spec("sanafe") is not None:
        other = table(("network", "cores", "per step", "here", "SANA-FE", "where"), list(opinions()))
    text = TEXT.format(
        chip=mesh.chip_hops.value,
        board=mesh.board_hops.value,
        rate=RATE,
        arrangements=first,
        steps=PILOTNET_STEPS,
        cores=PILOTNET_CORES,
        fps=PILOTNET_FPS,
        dynamic=PILOTNET_DYNAMIC_MJ,
        mj=PILOTNET_MJ,
        ours=cores,
        step=1e6 / PILOTNET_FPS / PILOTNET_STEPS,
        pilotnet=pilot,
        opinions=other,
    )
    OUT.write_text(text, "utf-8")
    network, chip = networks()[PICTURED], targets.load("loihi1")
    plan = place(network, chip, rates=RATE)
    OUT.with_name("mesh.svg").write_text(picture(plan, traffic(network, plan.core_of, RATE).between, chip), "utf-8")


if __name__ == "__main__":
    main()

"""Cores of a placement as blocks of nengo-loihi: its own count of axons and synapse bits, and whether it accepts them.

    python benchmarks/blocks.py --python /path/to/venv/bin/python      writes docs/nengo_loihi.md

nengo-loihi needs an old NumPy and so an environment of its own: pip install nengo-loihi "numpy<2". Where that Python
has none, this says so and writes nothing. Every core is given to it as a LoihiBlock with its synapses, and measured by
LoihiBlock.utilization and validate_block; its allocators put one block onto one core each.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from snndeploy.network import Network

DOCS = Path(__file__).resolve().parents[1] / "docs" / "nengo_loihi.md"


def networks() -> dict[str, Network]:
    """Dense, convolutional, pooled and recurrent ones, with random weights."""
    from snndeploy.network import (
        Conv,
        Dense,
        Flatten,
        Format,
        Input,
        Network,
        Pool,
        Population,
        Projection,
        Registers,
    )

    rng = np.random.default_rng(0)

    def weights(*size: int) -> Any:
        return 2 * rng.integers(-127, 128, size)

    def chain(shape: tuple[int, ...], *layers: tuple[Any, ...]) -> Network:
        populations, projections, source, at = [], [], "in", shape
        for i, maps in enumerate(layers):
            projections.append(Projection(source, f"p{i}", maps, format=Format()))
            for each in maps:
                at = each.shape_out(at)
            source = f"p{i}"
            populations.append(Population(source, at, Registers(4095, 100, 500)))
        return Network(1e-3, (Input("in", shape),), tuple(populations), tuple(projections), (source,))

    same = ((1, 1), (1, 1))
    flat, pool = Flatten(0, -1, 3), Pool((2, 2), (2, 2), (0, 0), "sum")
    wide = chain((200,), (Dense(weights(256, 200)),), (Dense(weights(200, 256)),))
    back = Projection("p1", "p0", (Dense(weights(256, 200)),), 2, format=Format(), name="back")
    return {
        "784-128-64-10": chain((784,), *((Dense(weights(b, a)),) for a, b in ((784, 128), (128, 64), (64, 10)))),
        "200-256-200, with a loop": wide.with_(projections=(*wide.projections, back)),
        "3 convolutions 3×3 of 12 channels, 32×32": chain(
            (2, 32, 32), *((Conv(weights(12, n, 3, 3), padding=same),) for n in (2, 12, 12))
        ),
        "convolution, pool, 512, 10": chain(
            (1, 28, 28),
            (Conv(weights(16, 1, 5, 5), padding=((2, 2), (2, 2))),),
            (pool, flat, Dense(weights(512, 16 * 14 * 14))),
            (Dense(weights(10, 512)),),
        ),
    }


def write(network: Network, folder: Path) -> list[dict[str, Any]]:
    """Every core as arrays, for the other Python; returns our count of each."""
    from snndeploy import targets
    from snndeploy.placement import place
    from snndeploy.placement.axons import memory_bits, synapse_bits
    from snndeploy.placement.wires import wires

    chip = targets.load("loihi1")
    plan = place(network, chip, arrange="rows")
    held = wires(network, chip)
    rows = []
    for core in plan.cores:
        first, parts, at = {}, {}, 0
        for name in network.population:
            neurons = np.flatnonzero(plan.core_of[name] == core.index)
            first[name], at = (at, neurons), at + len(neurons)
        counts = []
        for i, each in enumerate(held):
            start, neurons = first[each.projection.target]
            if not len(neurons):
                continue
            found = each.onto(neurons)
            _, sources = np.unique(found.axon, return_index=True)
            columns = each.held.rows(neurons).tocsc()[:, found.sources[sources]]
            columns.sort_indices()
            parts |= {f"{i}.start": columns.indptr, f"{i}.index": start + columns.indices, f"{i}.weight": columns.data}
            parts[f"{i}.delayed"] = np.array(each.form[3])
            counts.append((found.synapses, each.form, start + len(neurons)))
        np.savez(folder / f"{core.index}.npz", neurons=core.neurons, outs=core.output_axons, **parts)
        row: dict[str, Any] = {"neurons": core.neurons, "axons": core.input_axons, "bits": core.memory_bits}
        # with as many index bits as nengo-loihi gives to this block
        fields = [0, 6, 7, 8, 9, 10, 11, 12]
        row["same_index"] = sum(
            int(memory_bits(n, synapse_bits(form[0], form[3], chip) - 10 + _field(last, fields), chip).sum())
            for n, form, last in counts
        )
        rows.append(row)
    return rows


def _field(neurons: int, fields: list[int]) -> int:
    return next(n for n in fields if n >= (neurons - 1).bit_length())


def inside(folder: Path) -> None:
    """In the Python that has nengo-loihi: the cores of a folder as blocks."""
    import warnings

    warnings.simplefilter("ignore")
    from nengo_loihi.block import LoihiBlock, Synapse
    from nengo_loihi.builder.validate import validate_block

    rows = []
    for path in sorted(folder.glob("*.npz"), key=lambda each: int(each.stem)):
        with np.load(path) as held:
            parts = dict(held)
        block = LoihiBlock(int(parts["neurons"]))
        block.compartment.configure_relu()
        dense = 0
        for number in sorted({int(name.split(".")[0]) for name in parts if "." in name}):
            start, index, weight = (parts[f"{number}.{what}"] for what in ("start", "index", "weight"))
            if len(start) == 1 or not len(index):
                continue
            synapse = Synapse(len(start) - 1)
            weights, indices = np.split(weight, start[1:-1]), np.split(index, start[1:-1])
            synapse._set_weights_indices(weights, indices=indices)
            if parts[f"{number}.delayed"]:
                synapse.format(delay_bits=6)
            block.add_synapse(synapse)
            again = Synapse(len(start) - 1)
            again._set_weights_indices(weights, indices=indices, compression=3)
            dense += again.bits()
        used = block.utilization()
        validate_block(block)
        rows.append({"axons": used["in-axons"][0], "bits": int(used["synapses"][0]), "dense": int(dense)})
    sys.stdout.write(json.dumps(rows))


def compare(python: str) -> str:
    """A table of all networks."""
    from snndeploy.report.markdown import table

    rows = []
    for name, network in networks().items():
        with tempfile.TemporaryDirectory() as folder:
            ours = write(network, Path(folder))
            command = [python, __file__, "--inside", folder]
            theirs = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

        def total(rows: list[dict[str, Any]], what: str) -> int:
            return sum(row[what] for row in rows)

        alike = sum(
            a["axons"] == b["axons"] and a["same_index"] == b["bits"] for a, b in zip(ours, theirs, strict=True)
        )
        kib = [
            total(a, b) / 8192 for a, b in ((ours, "bits"), (theirs, "bits"), (ours, "same_index"), (theirs, "dense"))
        ]
        axons = f"{total(ours, 'axons'):,} / {total(theirs, 'axons'):,}"
        rows.append((name, f"{len(ours)}", axons, *(f"{n:,.1f}" for n in kib), f"{alike} of {len(ours)}"))
    head = (
        "network",
        "cores",
        "input axons, ours / theirs",
        "KiB, ours",
        "theirs",
        "ours, their index",
        "theirs, no index",
    )
    return table((*head, "cores alike"), rows)


TEXT = """# Placements of Loihi 1 as blocks of nengo-loihi

Written by `benchmarks/blocks.py` with nengo-loihi {version}. Each core of a placement is a `LoihiBlock`; its
`utilization` counts axons and bits, and its `validate_block` accepted every one. *Alike*: cores with the same number of
input axons and, with the width of index that nengo-loihi gives to the block, the same number of bits.

{table}

Ours takes 10 bits of index for every synapse, enough for any core; nengo-loihi takes 6 to 10, after the largest index
of the block, and none at all where it stores a connection densely (`compression=3`, last column of bits): our plans are
on the safe side of both. Its limits are 1,024 compartments, 4,096 axons in and out, 1,048,576 bits, 32 compartment and
16 threshold configurations; ours are the same, but 8 thresholds. Its allocators put each block on a core of its own and
split an ensemble only where the caller says how; ours share cores between populations.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="the Python that has nengo-loihi")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        inside(given.inside)
        return
    asked = "import warnings; warnings.simplefilter('ignore'); import nengo_loihi; print(nengo_loihi.__version__)"
    found = subprocess.run([given.python, "-c", asked], capture_output=True, text=True, check=False)
    if found.returncode:
        reason = (found.stderr.strip().splitlines() or ["it says nothing"])[-1]
        sys.stderr.write(f"skipped: {given.python} has no nengo-loihi ({reason})\n")
        return
    from snndeploy.files import replacing

    with replacing(DOCS) as made:
        made.write_text(TEXT.format(version=found.stdout.strip(), table=compare(given.python)), "utf-8")
    sys.stdout.write(f"{DOCS}\n")


if __name__ == "__main__":
    main()

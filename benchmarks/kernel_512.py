"""A convolution whose neurons have more inputs than a core has axons.

A kernel of (512, 3, 3) onto 64 channels of 8×8 places, weights of 8 bits at random. Each row is a network that is made
and placed; how far its weights moved is |w' - w| / |w|.

    python benchmarks/kernel_512.py docs/kernel_512.md
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from snndeploy.network import Conv, Format, Input, Network, Population, Projection, Registers
from snndeploy.placement import changes, place
from snndeploy.report.markdown import table

AXONS = 4096


def network() -> Network:
    weight = np.random.default_rng(0).normal(0, 30, (64, 512, 3, 3))
    conv = Conv(np.clip(np.rint(weight).astype(np.int64) * 2, -256, 254), padding=((1, 1), (1, 1)))
    return Network(
        1e-3,
        (Input("in", (512, 8, 8)),),
        (Population("conv", (64, 8, 8), Registers(4095, 300, 600)),),
        (Projection("in", "conv", (conv,), format=Format()),),
        ("conv",),
    )


def main(path: str) -> None:
    whole = network()
    made = {
        "as it is: inputs of equal weight share an axon": whole,
        "weak channels tied, so that they share axons": changes.tied_inputs(whole, "conv", AXONS),
        "weak inputs left out": changes.without_weakest_inputs(whole, "conv", AXONS),
        "two groups of channels, to be trained": changes.in_two_groups(whole, "conv"),
    }
    rows: list[tuple[str, ...]] = []
    for title, each in made.items():
        assert each is not None
        plan = place(each, "loihi1", arrange="rows")
        rows.append((title, f"{len(plan.cores):,}", f"{plan.chips}", f"{changes.moved(whole, each):.1%}"))
    head = ("(512, 3, 3) onto 64 channels of 8×8, loihi1", "cores", "chips", "weights moved")
    text = (__doc__ or "").split("\n\n")
    Path(path).write_text(f"# {text[0].rstrip('.')}\n\n{text[1]}\n\n{table(head, rows)}\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])

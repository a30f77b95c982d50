"""`models/mnist_csnn.py` on one CUDA device: the integer engine beside snnTorch's float forward, from host to host."""

from __future__ import annotations

from typing import Any

import torch
from speed.csnn import BATCH, STEPS, forward, networks
from speed.equality import differing, outputs
from speed.row import Row, Settings
from speed.timing import in_turns, ratio

import snndeploy as sd


def rows(settings: Settings) -> list[Row]:
    steps, batch = (4, 2) if settings.quick else (STEPS, BATCH)
    what = f"mnist_csnn on a GPU, T = {steps}, batch {batch}: integer engine against snnTorch's float forward"
    if not torch.cuda.is_available():
        return [Row("gpu integer", what, "times as fast", None, 10.0, "least", note="no CUDA device here")]
    module, _, integer, x, note = networks(steps, batch)
    there = module.to("cuda")
    floats = torch.from_numpy(x).float()

    def on_gpu() -> Any:
        return forward(there, floats.to("cuda")).cpu()

    times = in_turns(
        {"snntorch": on_gpu, "integer": lambda: outputs(integer, x, device="cuda")}, settings.repeats, warm=2
    )
    module.to("cpu")
    record = ("spikes", "u", "v")
    one = x[:, :2]
    wrong, whole = differing(
        sd.run(integer, one, "torch", record, device="cuda"), sd.run(integer, one, "reference", record)
    )
    fast = ratio(times["snntorch"], times["integer"])
    note = f"{torch.cuda.get_device_name()}; {note}"
    same = {"times": times, "note": note, "compared": whole, "differing": wrong}
    return [Row("gpu integer", what, "times as fast", fast, 10.0, "least", **same)]

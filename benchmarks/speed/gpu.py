"""One CUDA device: the integer engine beside snnTorch's float forward, from host to host; and training steps, forward,
backward and Adam, with all steps at once beside the libraries' own loops and SpikingJelly's multi-step neurons."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from speed import csnn, recurrent
from speed.calibrate import calibrate
from speed.csnn import BATCH, STEPS, forward, networks
from speed.equality import differing, outputs
from speed.row import Row, Settings
from speed.timing import in_turns, ratio
from speed.training import step
from torch import Tensor, nn

import snndeploy as sd
from snndeploy import models
from snndeploy.train.forwards import accelerated, forward_of
from snndeploy.train.losses import LOSSES
from snndeploy.train.settings import Settings as Training

NONE_HERE = "no CUDA device here"
# times as fast as the libraries' own loops, and as SpikingJelly's multi-step neurons
LOOP, OTHER = 5.0, 1.0


def rows(settings: Settings) -> list[Row]:
    return [*integer(settings), *training(settings)]


def integer(settings: Settings) -> list[Row]:
    steps, batch = (4, 2) if settings.quick else (STEPS, BATCH)
    what = f"mnist_csnn on a GPU, T = {steps}, batch {batch}: integer engine against snnTorch's float forward"
    if not torch.cuda.is_available():
        return [Row("gpu integer", what, "times as fast", None, 10.0, "least", note=NONE_HERE)]
    module, _, network, x, note = networks(steps, batch)
    there = module.to("cuda")
    floats = torch.from_numpy(x).float()

    def on_gpu() -> Any:
        return forward(there, floats.to("cuda")).cpu()

    times = in_turns(
        {"snntorch": on_gpu, "integer": lambda: outputs(network, x, device="cuda")}, settings.repeats, warm=2
    )
    module.to("cpu")
    record = ("spikes", "u", "v")
    one = x[:, :2]
    wrong, whole = differing(
        sd.run(network, one, "torch", record, device="cuda"), sd.run(network, one, "reference", record)
    )
    fast = ratio(times["snntorch"], times["integer"])
    note = f"{torch.cuda.get_device_name()}; {note}"
    same = {"times": times, "note": note, "compared": whole, "differing": wrong}
    return [Row("gpu integer", what, "times as fast", fast, 10.0, "least", **same)]


class Jelly(nn.Module):
    """`models/mnist_csnn.py` of SpikingJelly's multi-step neurons: layers and neurons take all steps at once.

    The weights are those of the module itself; a spike sets the membrane to 0, and its gradient does not pass there.
    """

    def __init__(self, module: nn.Module, beta: float):
        super().__init__()
        from spikingjelly.activation_based import neuron, surrogate

        self.layers = nn.ModuleList()
        for each in module.children():
            if hasattr(each, "mem"):
                how = {"tau": 1 / (1 - beta), "decay_input": False, "detach_reset": True, "step_mode": "m"}
                each = neuron.LIFNode(surrogate_function=surrogate.ATan(), **how)
            self.layers.append(each)

    def forward(self, x: Tensor) -> Tensor:
        """(time, batch, 1, 28, 28) -> (time, batch, 10)."""
        from spikingjelly.activation_based import functional

        functional.reset_net(self)
        for each in self.layers:
            x = each(x) if hasattr(each, "step_mode") else each(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        return x


def trained(of: Jelly, optimizer: torch.optim.Optimizer, x: Tensor, labels: Tensor, scale: float) -> None:
    optimizer.zero_grad()
    LOSSES["rate"].of(of(x), labels, scale).backward()
    optimizer.step()


def training(settings: Settings) -> list[Row]:
    """Rows of the convolutional network and of the recurrent one in both libraries."""
    steps, batch = (4, 8) if settings.quick else (csnn.STEPS, csnn.BATCH)
    what = f"training step of mnist_csnn on a GPU, T = {steps}, batch {batch}"
    wide, long = (8, 6) if settings.quick else (recurrent.BATCH, recurrent.STEPS)
    names = {"snntorch": {}, "norse": {"time": "inside"}}
    about = f"recurrent {recurrent.INPUTS}-{recurrent.HIDDEN}-{recurrent.OUT}"
    told = {name: f"training step of {about} in {name} on a GPU, T = {long}, batch {wide}" for name in names}
    if not torch.cuda.is_available():
        absent = [("gpu training csnn", f"{what}: how many times as fast as snnTorch's loop", LOOP)]
        absent += [("gpu training jelly", f"{what}: how many times as fast as SpikingJelly 2", OTHER)]
        absent += [
            (f"gpu training {n}", f"{each}: how many times as fast as its own loop", LOOP) for n, each in told.items()
        ]
        return [Row(name, row, "x", None, bar, "least", note=NONE_HERE) for name, row, bar in absent]
    x = torch.from_numpy(csnn.images(steps, batch)[0]).float()
    torch.manual_seed(csnn.SEED)
    module = models.load("mnist_csnn").build(**csnn.BUILD)
    calibrate(module, x[:, :4], csnn.RATE)
    found = steps_of("csnn", what, module, x, 10, settings.repeats, jelly=Jelly(module, 0.9))
    spikes = recurrent.spikes(long, wide)
    floats = torch.from_numpy(spikes).float()
    for name, capture in names.items():
        network = recurrent.networks(name, spikes)[0]
        found += steps_of(name, told[name], network, floats, recurrent.OUT, settings.repeats, **capture)
    return found


def steps_of(
    name: str,
    what: str,
    module: nn.Module,
    x: Tensor,
    classes: int,
    repeats: int,
    jelly: Jelly | None = None,
    **how: Any,
) -> list[Row]:
    """One network: its own loop, all steps at once and, if it is there, SpikingJelly's, in turns."""
    told = Training(device="cuda", accelerate=True)
    labels = (torch.arange(x.shape[1]) % classes).cuda()
    own = forward_of(module, {"input": x[:, :4]}, told, **how)
    module.cuda().train()
    there = x.cuda()
    fast, same = accelerated(own, {"input": there[:, :8]}, labels[:8], told)
    # a learning rate that leaves the weights, so that every step computes the same
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-12)
    given = (optimizer, there, labels, told.scale)
    steps: dict[str, Callable[[], None]] = {
        "loop": partial(step, own.unrolled, *given),
        "accelerated": partial(step, fast.unrolled, *given),
    }
    if jelly is not None:
        steps["spikingjelly"] = partial(trained, jelly.cuda().train(), *given)

    def finished(one: Callable[[], None]) -> None:
        one()
        torch.cuda.synchronize()

    times = in_turns({each: partial(finished, one) for each, one in steps.items()}, repeats, warm=2)
    module.cpu()
    note = f"{torch.cuda.get_device_name()}; {same}"
    fast_by = ratio(times["loop"], times["accelerated"])
    loop = "snnTorch's loop" if jelly is not None else "its own loop"
    row = f"{what}: how many times as fast as {loop}"
    found = [Row(f"gpu training {name}", row, "x", fast_by, LOOP, "least", times, note=note)]
    if jelly is not None:
        other = ratio(times["spikingjelly"], times["accelerated"])
        row = f"{what}: how many times as fast as SpikingJelly 2"
        found.append(Row("gpu training jelly", row, "x", other, OTHER, "least", times, note=note))
    return found

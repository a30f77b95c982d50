"""What is trained: the module as its capture understands it, so that nothing is trained that cannot be deployed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from torch import Tensor, nn

from snndeploy.errors import Finding, SnnDeployError, error
from snndeploy.frontends import capture
from snndeploy.frontends.arguments import INPUT
from snndeploy.frontends.said import decision_of
from snndeploy.network.network import Decision, Network
from snndeploy.train.accelerated import Accelerated
from snndeploy.train.losses import LOSSES
from snndeploy.train.pieces import WHOLE, Pieces
from snndeploy.train.rates import Bands, bands_of, penalty
from snndeploy.train.same_training import Same, check
from snndeploy.train.settings import Settings
from snndeploy.train.uncaptured import Uncaptured
from snndeploy.train.unrolled import Signals, Unrolled

LATER = "leave capture off to train it knowingly as something that cannot be deployed: capture=False (--no-capture)"


@dataclass(frozen=True, eq=False)
class Forward:
    """A module over time, and what is known of it.

    Attributes:
        network: as captured before training; None: it is not to be deployed.
        decision: rule by which a class is chosen.
        sizes: population -> neurons, of those whose spikes are counted.
        bands: population -> band of its spike rates.
        classes: among how many is decided; None: seen in the first batch.
    """

    unrolled: Unrolled | Uncaptured | Accelerated
    network: Network | None
    decision: str
    sizes: Mapping[str, int]
    bands: Bands
    classes: int | None


def dt_of(module: nn.Module, said: float | None) -> float:
    """Seconds per step: what is said, else what the cells of Norse have, else 1 ms."""
    own = [dt for dt in (getattr(each, "dt", None) for each in module.modules()) if isinstance(dt, float)]
    return said if said is not None else own[0] if own else 1e-3


def forward_of(
    module: nn.Module,
    sample: Mapping[str, Tensor],
    how: Settings,
    *,
    dt: float | None = None,
    decision: str | None = None,
    time: Any = None,
    captured: bool = True,
) -> Forward:
    """The module over time; it is captured first, on a few samples, unless that is not wanted.

    Args:
        sample: (time, batch, *shape) by input.
        decision: "spike-count", "last-v", "max-v" or "output:rule"; None: as the loss asks for.

    Raises:
        SnnDeployError SD3xx, SD845: it cannot be captured. SD807: loss, decision or rates do not fit it. SD850: its
            time cannot be cut into pieces.
    """
    loss = LOSSES[how.loss]
    module.eval()
    pieces = Pieces(how.recompute, how.truncate)
    if not captured:
        if pieces != WHOLE:
            what = "the states of a module that is not captured are not known, and its time cannot be cut"
            raise error("SD850", type(module).__name__, what, "leave recompute and truncate at 0")
        if how.rates:
            raise error("SD807", "rates", "the populations of a module that is not captured are not known", LATER)
        rule = (decision or loss.decision).rpartition(":")[2]
        return Forward(Uncaptured(module, time), None, rule, {}, {}, None)
    arrays: Any = {name: x.numpy() for name, x in sample.items()}
    given = arrays[INPUT] if set(arrays) == {INPUT} else arrays
    try:
        network = capture(module, given, dt_of(module, dt), time=time)
    except SnnDeployError as problem:
        what = "it cannot be captured, so what is trained could not be deployed"
        raise SnnDeployError((*problem.findings, Finding("SD845", type(module).__name__, what, LATER))) from problem
    chosen: Decision = decision_of(decision or loss.decision, network.outputs)
    if (chosen.rule == "spike-count") != (loss.signal == "spikes"):
        fitting = sorted({each.decision for each in LOSSES.values() if each.signal == loss.signal})
        what = f"the network decides by {chosen.rule}, and loss {how.loss!r} looks at the {loss.signal}"
        raise error("SD807", "decision", what, f"choose from {', '.join(fitting)}, or another loss")
    spiking = {each.name for each in network.populations if each.rule.spiking}
    counted = [name for name in network.source.paths if name in spiking] if network.source else []
    bands = bands_of(how.rates, counted)
    unrolled = Unrolled(network, chosen.population, loss.signal, frozenset(bands))
    unrolled.pieces = pieces
    if pieces != WHOLE and not how.accelerate and unrolled.how.time != "outside":
        name = "recompute" if pieces.again else "truncate"
        what = f"its loop over time is inside of forward, and {name}={pieces.again or pieces.cut} asks to cut it"
        raise error("SD850", type(module).__name__, what, "accelerate=True (--accelerate), or a forward of one step")
    sizes = {name: prod(network.shapes[name]) for name in counted}
    network = network.with_(decision=chosen)
    return Forward(unrolled, network, chosen.rule, sizes, bands, prod(network.shapes[chosen.population]))


def accelerated(forward: Forward, inputs: Mapping[str, Tensor], labels: Tensor, how: Settings) -> tuple[Forward, Same]:
    """The same with all steps at once, proven on some samples: as `Unrolled` in spikes, loss and gradients.

    Raises:
        SnnDeployError SD846: what has no kernel, or what differs.
    """
    unrolled, network = forward.unrolled, forward.network
    if not isinstance(unrolled, Unrolled) or network is None:
        what = "a module that is not captured cannot be taken apart"
        raise error("SD846", type(unrolled.module).__name__, what, "leave capture on, or train without acceleration")
    fast = Accelerated(unrolled, network)
    # a loop inside of forward cannot be cut: what is compared with it is not either
    pieces, whole = unrolled.pieces, unrolled.how.time != "outside"
    fast.pieces = Pieces(pieces.again) if whole else pieces

    def loss(signals: Signals, right: Tensor) -> Tensor:
        out = signals.output.flatten(2)
        total: Tensor = LOSSES[how.loss].of(out, right, how.scale)
        for name, (low, high) in forward.bands.items():
            total = total + how.rate_weight * penalty(signals.counts[name] / out.shape[:2].numel(), low, high)
        return total

    try:
        same = check(unrolled, fast, network, inputs, labels, loss)
    except SnnDeployError:
        if not fast.joining:
            raise
        fast.joining = False
        same = check(unrolled, fast, network, inputs, labels, loss)
    fast.pieces = pieces
    return replace(forward, unrolled=fast), same

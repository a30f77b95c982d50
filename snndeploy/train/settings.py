"""The settings of a training run: what they may be, and which of them the loss curve depends on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from math import isfinite
from typing import Any

from snndeploy.errors import Finding, error, raise_errors
from snndeploy.train.losses import LOSSES
from snndeploy.train.optimizers import OPTIMIZERS, SCHEDULERS

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("32-true", "bf16-mixed")
# these change where and how often, not what is computed
FREE = {"every", "workers", "patience", "test_every", "test_samples"}


@dataclass(frozen=True)
class Settings:
    """How a module is trained.

    Attributes:
        epochs: how often all samples are shown. batch: samples per update, over all processes together.
        lr, optimizer, momentum, weight_decay: see `train.optimizers`; momentum is that of sgd and rmsprop.
        scheduler: none, cosine, step, plateau or one-cycle; gamma, period: factor and epochs of step and plateau.
        clip: the largest norm of all gradients together; None: no limit.
        loss: see `train.losses`; scale: of "rate".
        rates: population ("*": all) -> (lowest, highest) spikes per step of each neuron. rate_weight: of that penalty.
        seed: of the order of the samples and of everything random.
        validation: share of the training samples that is held back, and that chooses the best epoch.
        patience: epochs without improvement after which training stops; 0: never.
        every: batches between two checkpoints; 0: one per epoch.
        test_every: batches between two looks at the test samples, which choose nothing; 0: at the end alone.
        test_samples: of each such look, the first ones, in whole batches; 0: all.
        device: auto, cpu, cuda or mps. devices: processes, one device each. precision: 32-true or bf16-mixed.
        workers: processes that load samples of a Dataset.
        accelerate: all steps at once, see `train.accelerated`; refused where that is not the same.
        recompute: steps that are computed again on the way back, which so need less memory; 0: none.
        truncate: steps after which no gradient passes to those before: other gradients; 0: all pass.
    """

    epochs: int = 10
    batch: int = 64
    lr: float = 2e-3
    optimizer: str = "adam"
    momentum: float = 0.0
    weight_decay: float = 0.0
    scheduler: str = "cosine"
    gamma: float = 0.1
    period: int = 10
    clip: float | None = None
    loss: str = "rate"
    scale: float = 10.0
    rates: Mapping[str, tuple[float, float]] | None = None
    rate_weight: float = 1.0
    seed: int = 0
    validation: float = 0.0
    patience: int = 0
    every: int = 0
    test_every: int = 0
    test_samples: int = 0
    device: str = "cpu"
    devices: int = 1
    precision: str = "32-true"
    workers: int = 0
    accelerate: bool = False
    recompute: int = 0
    truncate: int = 0

    def findings(self) -> list[Finding]:
        """Everything that is not as it should be."""
        return [*self._numbers(), *self._names(), *self._bands(), *self._fast()]

    def _numbers(self) -> Iterator[Finding]:
        for name, low in (("epochs", 1), ("batch", 1), ("period", 1), ("devices", 1)):
            if getattr(self, name) < low:
                yield _finding(f"{name} = {getattr(self, name)} must be at least {low}")
        for name in ("patience", "every", "test_every", "test_samples", "workers", "seed", "recompute", "truncate"):
            if getattr(self, name) < 0:
                yield _finding(f"{name} = {getattr(self, name)} must not be below 0")
        for name in ("lr", "scale", "gamma", *(("clip",) if self.clip is not None else ())):
            if not 0 < getattr(self, name) < float("inf"):
                yield _finding(f"{name} = {getattr(self, name):g} must be finite and above 0")
        for name in ("weight_decay", "rate_weight", "momentum"):
            if not 0 <= getattr(self, name) < float("inf"):
                yield _finding(f"{name} = {getattr(self, name):g} must be finite and not below 0")
        if not 0 <= self.validation < 1:
            yield _finding(f"validation = {self.validation:g} is no share within 0..1")

    def _names(self) -> Iterator[Finding]:
        for name, values in (
            ("device", DEVICES),
            ("precision", PRECISIONS),
            ("optimizer", tuple(OPTIMIZERS)),
            ("scheduler", SCHEDULERS),
            ("loss", tuple(LOSSES)),
        ):
            value = getattr(self, name)
            if value not in values:
                what = f"there is no such {name}"
                if name == "precision" and value in ("16-mixed", "16-true", "bf16-true"):
                    what = "membranes in 16 bits lose what is small beside them, so neurons would spike otherwise"
                yield Finding("SD807", f"{name} {value!r}", what, f"choose from {', '.join(values)}")
        if self.momentum and self.optimizer not in ("sgd", "rmsprop"):
            fix = "leave it out, or use optimizer='sgd'"
            yield Finding("SD807", "train", f"{self.optimizer} has no setting momentum", fix)

    def _bands(self) -> Iterator[Finding]:
        for name, band in (self.rates or {}).items():
            if len(band) != 2 or not all(isfinite(each) for each in band) or not 0 <= band[0] <= band[1]:
                what = f"its rates {tuple(band)} are no band of spikes per step"
                yield Finding("SD807", f"population {name!r}", what, "(lowest, highest), as in (0.02, 0.3)")

    def _fast(self) -> Iterator[Finding]:
        if self.accelerate and self.device == "mps":
            what = "it is mps, and steps are computed all at once on cpu or cuda"
            yield Finding("SD846", "device", what, "choose cpu, or train without acceleration")
        if self.accelerate and self.precision != "32-true":
            what = (
                f"it is {self.precision}: products of all steps at once are rounded otherwise than those of one, which "
            )
            what += "moves spikes in 16 bits"
            yield Finding("SD846", "precision", what, "choose 32-true, or train without acceleration")

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers and texts."""
        plain = asdict(self)
        plain["rates"] = None if self.rates is None else {name: list(band) for name, band in self.rates.items()}
        return plain

    def differing(self, other: Mapping[str, Any]) -> list[Finding]:
        """Settings of which the curve depends and that differ from those of a run, as `as_dict` gave them."""
        # a run that was begun before there was a setting has its default
        own, other = self.as_dict(), {**Settings().as_dict(), **other}
        ignored = FREE | ({"epochs"} if self.scheduler in ("none", "step", "plateau") else set())
        if "epochs" in ignored and self.epochs < other.get("epochs", 0):
            ignored -= {"epochs"}
        return [
            Finding("SD842", name, f"it is {own.get(name)!r}, the run was begun with {other.get(name)!r}")
            for name in sorted({*own, *other} - ignored)
            if own.get(name) != other.get(name)
        ]


def _finding(what: str) -> Finding:
    return Finding("SD807", "train", what, "see snndeploy train --help for what is usual")


NAMES = tuple(each.name for each in fields(Settings))


def settings(given: Settings | None, named: Mapping[str, Any]) -> Settings:
    """Settings with some of them said by name, checked.

    Raises:
        SnnDeployError SD807: everything that is unknown or out of its range.
    """
    unknown = sorted(set(named) - set(NAMES))
    if unknown:
        raise error("SD807", f"setting {unknown[0]!r}", "there is no such setting", f"choose from {', '.join(NAMES)}")
    chosen = replace(given or Settings(), **named)
    raise_errors(chosen.findings())
    return chosen
